"""Findings -> Parquet files and run.json, in a folder that is whole or absent.

The rule this module keeps: the same store gives the same bytes, but for run ids, first_run, status, clock and the
hashes of these; and whatever goes wrong, ``latest`` names a whole report.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analyzer import chain, violations
from analyzer.errors import ExitCode, StoreError, UsageError
from analyzer.excerpt import plain
from analyzer.explanation import Incident, explain, incidents_table
from analyzer.store import sync
from analyzer.violations import IN_WINDOW, TENANT_THEN, Row, Texts

__all__ = ["Incident", "RuleFacts", "RunFacts", "Texts", "check_folder", "explain", "incidents_table", "write"]

FORMAT = 1  # of run.json and the columns beside it
_PROBE_BYTES = 64 * 1024


@dataclass(frozen=True)
class RuleFacts:
    """A rule as it ran: its id, version and the SHA-256 of its file."""

    id: str
    version: int
    sha256: str


@dataclass(frozen=True)
class RunFacts:
    """What run.json says of a run beyond what the store knows.

    ``started_at`` is UTC, naive. ``register``, ``lexicon``, ``policy``, ``exceptions``, ``patterns`` and ``logic`` are
    the hashes (or versions made of hashes) of what was used; None: not given. ``exit_codes``: all that are known when
    the report is written. ``unreported``: the runs whose changes of findings stand in no report yet.
    """

    run_id: str
    started_at: datetime
    tool_version: str
    rules: tuple[RuleFacts, ...]
    register: str | None
    lexicon: str | None
    policy: str | None
    exceptions: str | None
    patterns: str | None = None
    exit_codes: tuple[ExitCode, ...] = (ExitCode.DONE,)
    logic: str | None = None
    unreported: tuple[str, ...] = ()


_LAST_KNOWN = (
    "finding_id", "incident_id", "rule_id", "rule_version", "clause_id", "policy_version", "use", "verdict", "severity",
    "tenant_id", "occurred_at", "last_at", "request_ids", "request_keys",
)  # fmt: skip
_WITHDRAWN = pa.schema(
    [
        *(violations.SCHEMA.field(name) for name in _LAST_KNOWN),
        ("change", pa.string()),
        ("cause", pa.string()),
        ("replaced_by", pa.string()),
        ("first_run", pa.string()),
        ("run_id", pa.string()),
    ]
)
_SUMMARY = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("tenant_name", pa.string()),
        ("tenant_class", pa.string()),
        ("clause_id", pa.string()),
        ("day", pa.date32()),
        ("violations", pa.int64()),
        ("reviews", pa.int64()),
        ("critical", pa.int64()),
        ("high", pa.int64()),
        ("medium", pa.int64()),
        ("low", pa.int64()),
    ]
)
_GAP = pa.struct(
    [("kind", pa.string()), ("from", pa.timestamp("us")), ("to", pa.timestamp("us")), ("compared_with", pa.string())]
)
_COVERAGE = pa.schema(
    [
        ("tenant_id", pa.string()),  # null: what belongs to no tenant, such as quarantine
        ("day", pa.date32()),
        ("requests", pa.int64()),
        ("with_content", pa.int64()),
        ("without_content", pa.int64()),
        ("cut", pa.int64()),
        ("fragments", pa.int64()),
        ("order_uncertain", pa.int64()),
        ("unknown_tenant", pa.int64()),
        ("gateway_row_missing", pa.int64()),
        ("not_joined", pa.int64()),
        ("other_api", pa.int64()),
        ("key_conflicts", pa.int64()),
        ("frozen", pa.int64()),
        ("blind", pa.map_(pa.string(), pa.int64())),
        ("quarantined", pa.int64()),
        ("largest_gap_seconds", pa.int64()),  # between two requests of the day; null with fewer than two
        ("gap", _GAP),  # in a row of its own, on the day it begins; else null
    ]
)

_WITHDRAWN_SQL = """
WITH gone AS (
    SELECT finding_id,
        last(cause ORDER BY logged_at) AS cause,
        last(replaced_by ORDER BY logged_at) AS replaced_by
    FROM store.finding_log
    WHERE list_contains($runs, run_id) AND change = 'withdrawn'
    GROUP BY finding_id
),
appeared AS (
    SELECT finding_id, first(run_id ORDER BY logged_at, run_id) AS first_run
    FROM store.finding_log
    WHERE change = 'appeared'
    GROUP BY finding_id
),
cited AS (
    SELECT finding_id, unnest(request_keys) AS request_key, generate_subscripts(request_keys, 1) AS place
    FROM store.withdrawn
    SEMI JOIN gone USING (finding_id)
),
request_ids AS (
    SELECT cited.finding_id, list(request.request_id ORDER BY cited.place) AS request_ids
    FROM cited
    LEFT JOIN store.requests AS request USING (request_key)
    GROUP BY cited.finding_id
)
SELECT finding.* EXCLUDE (finding_id, evidence, circumstances), gone.finding_id, request_ids.request_ids,
    'withdrawn' AS change, gone.cause, gone.replaced_by, appeared.first_run, $run AS run_id
FROM gone
LEFT JOIN store.withdrawn AS finding USING (finding_id)
LEFT JOIN request_ids USING (finding_id)
LEFT JOIN appeared USING (finding_id)
ORDER BY gone.finding_id
"""

_SUMMARY_SQL = f"""
SELECT finding.tenant_id, any_value(tenant.name) AS tenant_name, any_value(tenant.tenant_class) AS tenant_class,
    finding.clause_id, finding.occurred_at::DATE AS day,
    count(*) FILTER (WHERE finding.verdict = 'violation') AS violations,
    count(*) FILTER (WHERE finding.verdict = 'review') AS reviews,
    count(*) FILTER (WHERE finding.severity = 'critical') AS critical,
    count(*) FILTER (WHERE finding.severity = 'high') AS high,
    count(*) FILTER (WHERE finding.severity = 'medium') AS medium,
    count(*) FILTER (WHERE finding.severity = 'low') AS low
FROM store.findings AS finding
{TENANT_THEN}
WHERE {IN_WINDOW}
GROUP BY finding.tenant_id, finding.clause_id, day
ORDER BY finding.tenant_id, finding.clause_id, day
"""

# A need is missing for a request whatever rule asks; the rule that looked at most requests counts it.
_COVERAGE_SQL = """
WITH missing AS (
    SELECT tenant_id, day, unnest(map_entries(blind)) AS entry
    FROM store.rule_days
),
needs AS (
    SELECT tenant_id, day, entry.key AS need, max(entry.value) AS requests
    FROM missing
    GROUP BY tenant_id, day, need
),
blind AS (
    SELECT tenant_id, day, map(list(need ORDER BY need), list(requests ORDER BY need)) AS blind
    FROM needs
    GROUP BY tenant_id, day
),
steps AS (
    SELECT tenant_id, occurred_at::DATE AS day,
        epoch_us(occurred_at) - lag(epoch_us(occurred_at)) OVER (
            PARTITION BY tenant_id, occurred_at::DATE ORDER BY occurred_at
        ) AS pause
    FROM store.requests
    LEFT JOIN store.tenant_of USING (request_key)
),
pauses AS (
    SELECT tenant_id, day, max(pause) // 1000000 AS seconds
    FROM steps
    GROUP BY tenant_id, day
),
rows AS (
    SELECT seen.tenant_id, seen.day, seen.requests, seen.with_content, seen.without_content, seen.cut, seen.fragments,
        seen.order_uncertain, if(starts_with(seen.tenant_id, 'unknown:'), seen.requests, 0) AS unknown_tenant,
        seen.gateway_row_missing, seen.not_joined, seen.other_api, seen.key_conflicts, blind.blind, 0 AS quarantined,
        pauses.seconds
    FROM main.coverage AS seen
    LEFT JOIN blind USING (tenant_id, day)
    LEFT JOIN pauses
        ON pauses.tenant_id IS NOT DISTINCT FROM seen.tenant_id AND pauses.day IS NOT DISTINCT FROM seen.day
    UNION ALL
    SELECT NULL, nullif(day, DATE '0001-01-01'), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, count(*), NULL
    FROM main.quarantine
    GROUP BY day
)
SELECT tenant_id, day, requests, with_content, without_content, cut, fragments, order_uncertain,
    coalesce(unknown_tenant, 0) AS unknown_tenant, gateway_row_missing, not_joined, other_api, key_conflicts,
    0 AS frozen, coalesce(blind, map([]::VARCHAR[], []::BIGINT[])) AS blind, quarantined,
    seconds AS largest_gap_seconds, NULL AS gap
FROM rows
WHERE day IS NULL
    OR (($since::TIMESTAMP IS NULL OR day >= $since::TIMESTAMP::DATE)
        AND ($until::TIMESTAMP IS NULL OR day < $until::TIMESTAMP))
ORDER BY tenant_id NULLS FIRST, day NULLS FIRST, requests
"""

_GAPS_SQL = """
SELECT tenant_id, kind, from_time AS "from", to_time AS "to", compared_with
FROM main.gaps
WHERE ($since::TIMESTAMP IS NULL OR to_time > $since::TIMESTAMP)
    AND ($until::TIMESTAMP IS NULL OR from_time < $until::TIMESTAMP)
ORDER BY tenant_id, "from", kind
"""

_RULES_SQL = """
WITH missing AS (
    SELECT rule_id, unnest(map_entries(blind)) AS entry
    FROM store.rule_days
),
needs AS (
    SELECT rule_id, entry.key AS need, sum(entry.value)::BIGINT AS requests
    FROM missing
    GROUP BY rule_id, need
),
blind AS (
    SELECT rule_id, map(list(need ORDER BY need), list(requests ORDER BY need)) AS blind
    FROM needs
    GROUP BY rule_id
),
judged AS (
    SELECT rule_id, sum(judged)::BIGINT AS judged
    FROM store.rule_days
    GROUP BY rule_id
),
found AS (
    SELECT rule_id, count(*) AS uses
    FROM store.uses
    GROUP BY rule_id
)
SELECT rule_id, coalesce(judged, 0) AS judged, coalesce(uses, 0) AS uses, blind
FROM judged
FULL JOIN found USING (rule_id)
LEFT JOIN blind USING (rule_id)
"""

_COUNTS = (
    "frames", "opened", "blank", "quarantined", "pending", "items", "loaded", "duplicates", "foreign_items",
    "unrecognised", "quarantined_items",
)  # fmt: skip
_INPUTS_SQL = f"""
SELECT file.path, file.generation, file.prefix_sha256 AS sha256, file.loaded_bytes, file.loaded_lines, file.state,
    file.reason, count(bucket.run_id) AS seen, {", ".join(f"sum(bucket.{name})::BIGINT AS {name}" for name in _COUNTS)}
FROM store.files AS file
LEFT JOIN store.buckets AS bucket
    ON bucket.file_id = file.file_id AND bucket.generation = file.generation AND bucket.run_id = $run
GROUP BY ALL
ORDER BY file.path
"""


def check_folder(reports: Path) -> None:
    """Make the reports folder where it is missing and prove that a report can be written there.

    Called before anything else of a run is. Tries it out, because permissions tell nothing to root and nothing of a
    full disk. Raises UsageError.
    """
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".check-", dir=reports) as name:
            probe = Path(name)
            (probe / "bytes").write_bytes(bytes(_PROBE_BYTES))
            sync(probe / "bytes")
            (probe / "link").symlink_to("bytes")
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{plain(str(reports))}: a file is in the way; name a folder for the reports") from None
    except OSError as error:
        message = f"{plain(str(reports))}: no report can be written there ({_reason(error)})"
        raise UsageError(f"{message}; name a folder with space and write permission") from None
    latest = reports / chain.LATEST
    if latest.exists() and not latest.is_symlink():
        raise UsageError(f"{plain(str(latest))}: is not a link that this tool made; move it away")


def write(
    con: duckdb.DuckDBPyConnection,
    texts: Texts,
    reports: Path,
    run: RunFacts,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Path:
    """Write the report of ``run`` and point ``latest`` at it; returns its folder, ``chain.head`` of it its head hash.

    All current findings that touch ``[since, until)`` (UTC, naive; None: no bound). Coverage counts whole days;
    withdrawn findings are always all listed. ``texts`` gives the cited texts by id. Raises StoreError, with nothing
    left behind and ``latest`` untouched, when the report cannot be written.
    """
    name = f"{run.started_at:%Y%m%dT%H%M%SZ}-{run.run_id}"
    folder, partial = reports / name, reports / (name + chain.PARTIAL)
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with _alone(reports):
            _sweep(reports)
            if folder.exists():
                raise StoreError(f"{plain(str(folder))}: the report exists; a run writes one report")
            _fill(con, texts, reports, partial, run, since, until)
            partial.rename(folder)
            sync(reports)
            _point(reports, name)
    except OSError as error:
        message = f"{plain(str(reports))}: the report could not be written ({_reason(error)})"
        raise StoreError(f"{message}; make space and run again") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _fill(
    con: duckdb.DuckDBPyConnection,
    texts: Texts,
    reports: Path,
    partial: Path,
    run: RunFacts,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """All files of a report, on the disk for certain; run.json last, because it holds the hashes of the others."""
    partial.mkdir()
    before = chain.previous(reports)
    window = {"since": since, "until": until}
    found = violations.batches(con, texts, run.run_id, run.unreported, since, until)
    _parquet(partial, "violations", violations.SCHEMA, found)
    runs = {"run": run.run_id, "runs": list(run.unreported)}
    _parquet(partial, "withdrawn", _WITHDRAWN, [_table(con, _WITHDRAWN_SQL, runs, _WITHDRAWN)])
    _parquet(partial, "summary", _SUMMARY, [_table(con, _SUMMARY_SQL, window, _SUMMARY)])
    missing = violations.fetch(con, _GAPS_SQL, window)
    _parquet(partial, "coverage", _COVERAGE, [_table(con, _COVERAGE_SQL, window, _COVERAGE), _gap_rows(missing)])
    facts = _facts(con, run, since, until) | {
        "gaps": [row | {"from": _time(row["from"]), "to": _time(row["to"])} for row in missing],
        "previous": before,
        "outputs": chain.outputs(partial),
    }
    (partial / chain.NAME).write_bytes(chain.canonical(facts))
    sync(partial / chain.NAME)
    sync(partial)


def _gap_rows(missing: Iterable[Row]) -> pa.Table:
    """A row of the coverage for each gap, on the day on which it begins: it counts nothing."""
    uncounted = {field.name: 0 for field in _COVERAGE if pa.types.is_int64(field.type)}
    rows = [
        uncounted
        | {"tenant_id": plain(row["tenant_id"]), "day": row["from"].date(), "blind": [], "largest_gap_seconds": None}
        | {"gap": {field.name: row[field.name] for field in _GAP}}
        for row in missing
    ]
    return pa.Table.from_pylist(rows, schema=_COVERAGE)


def _parquet(folder: Path, name: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """One Parquet file with a row group for each table; a file with a schema when there is none."""
    path = folder / f"{name}.parquet"
    with pq.ParquetWriter(
        path, schema, version="2.6", compression="zstd", compression_level=3, use_dictionary=True, store_schema=False
    ) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(1, table.num_rows))
    sync(path)


def _table(con: duckdb.DuckDBPyConnection, sql: str, parameters: Row, schema: pa.Schema) -> pa.Table:
    """The rows of a query in the columns of ``schema``; words that people will read are cleaned."""
    rows = violations.fetch(con, sql, parameters)
    for row in rows:
        row |= {name: plain(row[name]) for name in ("tenant_id", "tenant_name") if row.get(name) is not None}
    return pa.Table.from_pylist([_pairs(row) for row in rows], schema=schema)


def _pairs(row: Row) -> Row:
    """Maps as sorted pairs, as Arrow takes them."""
    return {name: sorted(value.items()) if isinstance(value, dict) else value for name, value in row.items()}


def _facts(
    con: duckdb.DuckDBPyConnection, run: RunFacts, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    """What run.json says, but for the outputs and the report before."""
    inputs = [_input(row) for row in violations.fetch(con, _INPUTS_SQL, {"run": run.run_id})]
    read = [each["buckets"] for each in inputs if each["buckets"] is not None]
    return {
        "format": FORMAT,
        "run_id": run.run_id,
        "started_at": _time(run.started_at),
        "tool_version": run.tool_version,
        "window": {"since": _time(since), "until": _time(until)},
        "inputs": inputs,
        "buckets": {name: sum(buckets[name] for buckets in read) for name in _COUNTS},
        "rules": _rules(con, run.rules),
        "register": run.register,
        "lexicon": run.lexicon,
        "policy": run.policy,
        "exceptions": run.exceptions,
        "patterns": run.patterns,
        "logic": run.logic,
        "exit_codes": [{"code": int(code), "name": code.name} for code in run.exit_codes],
    }


def _input(row: Row) -> Row:
    """A file as run.json names it; ``buckets`` is null when this run read nothing of it."""
    buckets = {name: row[name] for name in _COUNTS} if row["seen"] else None
    return {name: value for name, value in row.items() if name not in (*_COUNTS, "seen")} | {"buckets": buckets}


def _rules(con: duckdb.DuckDBPyConnection, rules: Iterable[RuleFacts]) -> list[Row]:
    """Each rule with its outcome: uses, clean (it judged and found none) or blind (it could judge nothing)."""
    ended = {row["rule_id"]: row for row in violations.fetch(con, _RULES_SQL, {})}
    facts = []
    for rule in sorted(rules, key=lambda rule: rule.id):
        end = ended.get(rule.id, {"judged": 0, "uses": 0, "blind": None})
        outcome = "uses" if end["uses"] else "clean" if end["judged"] else "blind"
        counts = {"judged": end["judged"], "uses": end["uses"], "blind": end["blind"] or {}}
        facts.append(
            {"id": rule.id, "version": rule.version, "sha256": rule.sha256, "outcome": outcome, "requests": counts}
        )
    return facts


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at.isoformat()}Z"


def _point(reports: Path, name: str) -> None:
    """``latest`` names the folder ``name``, from one moment to the next."""
    link = reports / f".{chain.LATEST}"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    link.replace(reports / chain.LATEST)
    sync(reports)


@contextmanager
def _alone(reports: Path) -> Iterator[None]:
    """Only one process writes here at a time: two stores may share a reports folder, and the chain has one end."""
    descriptor = os.open(reports, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(reports: Path) -> None:
    """Remove what killed runs left; nobody else is writing."""
    for left in reports.glob(f"[0-9]*T[0-9]*Z-*{chain.PARTIAL}"):
        shutil.rmtree(left, ignore_errors=True)


def _reason(error: OSError) -> str:
    """Why, in the system's words: Arrow's own message holds more than a line."""
    return os.strerror(error.errno) if error.errno else "input/output error"
