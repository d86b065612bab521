"""The findings of a report, row by row, with redacted evidence and the records they rest on.

The rule this module keeps: every row can be traced to records in files, and no text of a log stands in it but
excerpts. Rows come out in one order and depend on nothing but the store and the run's id.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from analyzer.excerpt import excerpt, plain

Texts = Callable[[Sequence[str]], dict[str, str]]  # text_ids -> their texts; a text that is gone is left out

LISTED = 1000  # evidence, and sources, listed of one finding; a stream can cite a hundred thousand records
_BATCH_WEIGHT = 20_000  # findings, cited requests and evidence together that one row group may hold
_CHARS_AT_ONCE = 16 << 20  # of texts; a single one may have 8 million characters

_EVIDENCE = pa.struct(
    [
        ("request_key", pa.string()),
        ("part_no", pa.int32()),
        ("role", pa.string()),
        ("kind", pa.string()),
        ("signal", pa.string()),
        ("excerpt", pa.string()),
    ]
)
_SOURCE = pa.struct(
    [
        ("file", pa.string()),
        ("line", pa.int64()),
        ("byte_offset", pa.int64()),
        ("byte_length", pa.int64()),
        ("sha256", pa.string()),
    ]
)
SCHEMA = pa.schema(
    [
        ("finding_id", pa.string()),
        ("incident_id", pa.string()),
        ("rule_id", pa.string()),
        ("rule_version", pa.int32()),
        ("clause_id", pa.string()),
        ("policy_version", pa.string()),
        ("use", pa.string()),
        ("verdict", pa.string()),
        ("severity", pa.string()),
        ("outcome", pa.string()),
        ("status", pa.string()),
        ("review", pa.string()),
        ("tenant_id", pa.string()),
        ("tenant_name", pa.string()),
        ("tenant_class", pa.string()),
        ("actor", pa.string()),
        ("role", pa.string()),
        ("actor_confidence", pa.float64()),
        ("occurred_at", pa.timestamp("us")),  # UTC
        ("last_at", pa.timestamp("us")),
        ("request_count", pa.int64()),
        ("request_ids", pa.list_(pa.string())),
        ("request_keys", pa.list_(pa.string())),
        ("api", pa.string()),
        ("model", pa.string()),
        ("deployment", pa.string()),
        ("resource", pa.string()),
        ("explanation", pa.string()),
        ("evidence", pa.list_(_EVIDENCE)),
        ("sources", pa.list_(_SOURCE)),
        ("first_run", pa.string()),
        ("run_id", pa.string()),
    ]
)
# words of others that people will read
_SHOWN = ("tenant_id", "tenant_name", "model", "deployment", "resource", "explanation")

# A finding lasts from its first cited request to its last and belongs to every window that it touches; one whose
# time is not known could touch any.
IN_WINDOW = """
    ($since::TIMESTAMP IS NULL OR finding.last_at IS NULL OR finding.last_at >= $since::TIMESTAMP)
    AND ($until::TIMESTAMP IS NULL OR finding.occurred_at IS NULL OR finding.occurred_at < $until::TIMESTAMP)
"""

# What the tenant was when the finding begins, not what it is now.
TENANT_THEN = """
LEFT JOIN store.tenants AS tenant ON tenant.tenant_id = finding.tenant_id
    AND coalesce(finding.occurred_at::DATE >= tenant.valid_from, true)
    AND coalesce(finding.occurred_at::DATE <= tenant.valid_to, true)
"""

_BATCHES = f"""
WITH numbered AS (
    SELECT finding.finding_id,
        sum(1 + len(finding.request_keys) + least(len(finding.evidence), $listed)) OVER (
            ORDER BY finding.finding_id ROWS UNBOUNDED PRECEDING
        ) // $weight AS batch
    FROM store.findings AS finding
    WHERE {IN_WINDOW}
)
SELECT min(finding_id), max(finding_id)
FROM numbered
GROUP BY batch
ORDER BY batch
"""

_HEADS = f"""
WITH chosen AS (
    SELECT finding_id, request_keys, actor
    FROM store.findings AS finding
    WHERE finding_id BETWEEN $first AND $last AND {IN_WINDOW}
),
cited AS (
    SELECT finding_id, unnest(request_keys) AS request_key, generate_subscripts(request_keys, 1) AS place
    FROM chosen
),
request_ids AS (
    SELECT cited.finding_id, list(request.request_id ORDER BY cited.place) AS request_ids
    FROM cited
    LEFT JOIN store.requests AS request USING (request_key)
    GROUP BY cited.finding_id
),
history AS (
    SELECT finding_id,
        first(run_id ORDER BY logged_at, run_id) FILTER (WHERE change = 'appeared') AS first_run,
        CASE
            WHEN bool_or(list_contains($runs, run_id) AND change = 'reopened') THEN 'reopened'
            WHEN bool_or(list_contains($runs, run_id) AND change = 'appeared') THEN 'new'
            WHEN bool_or(list_contains($runs, run_id) AND change = 'changed') THEN 'changed'
            ELSE 'known'
        END AS status
    FROM store.finding_log
    GROUP BY finding_id
)
SELECT finding.finding_id, finding.incident_id, finding.rule_id, finding.rule_version, finding.clause_id,
    finding.policy_version, finding."use", finding.verdict, finding.severity, finding.outcome,
    coalesce(history.status, 'known') AS status, coalesce(decision.decision, 'open') AS review,
    finding.tenant_id, tenant.name AS tenant_name, tenant.tenant_class,
    finding.actor, finding.role, finding.actor_confidence, finding.occurred_at, finding.last_at,
    len(finding.request_keys) AS request_count, request_ids.request_ids, finding.request_keys,
    request.api, request.model, request.deployment, request.resource, finding.explanation,
    history.first_run, $run AS run_id
FROM chosen
JOIN store.findings AS finding USING (finding_id)
LEFT JOIN request_ids USING (finding_id)
LEFT JOIN history USING (finding_id)
LEFT JOIN main.decisions AS decision USING (finding_id)
{TENANT_THEN}
LEFT JOIN store.requests AS request ON request.request_key = finding.request_keys[1]
ORDER BY finding.finding_id
"""

# Two findings often show the same place, and a segment of texts is read whole: so all places are looked up at once.
_CITED_PARTS = f"""
CREATE TEMP TABLE cited_part AS
WITH chosen AS (
    SELECT finding_id, request_keys, evidence
    FROM store.findings AS finding
    WHERE finding_id BETWEEN $first AND $last AND {IN_WINDOW}
),
cited AS (
    SELECT finding_id, unnest(request_keys) AS request_key, generate_subscripts(request_keys, 1) AS place
    FROM chosen
),
spans AS (
    SELECT finding_id, unnest(evidence) AS span
    FROM chosen
),
ranked AS (
    SELECT spans.finding_id, span.request_key AS request_key, span.part_no AS part_no, span."signal" AS "signal",
        span.char_from AS char_from, span.char_to AS char_to, part.role, part.kind, part.text_id, part.chars,
        row_number() OVER (
            PARTITION BY spans.finding_id
            ORDER BY cited.place, span.request_key, span.part_no, span.char_from, span.char_to, span."signal"
        ) AS place,
        count(*) OVER (PARTITION BY spans.finding_id) AS total
    FROM spans
    LEFT JOIN cited ON cited.finding_id = spans.finding_id AND cited.request_key = span.request_key
    LEFT JOIN store.parts AS part ON part.request_key = span.request_key AND part.part_no = span.part_no
)
SELECT finding_id, place, request_key, part_no, role, kind, "signal", text_id, chars, char_from, char_to, total
FROM ranked
WHERE place <= $listed
"""

_CITED_TEXTS = f"""
CREATE TEMP TABLE cited_text AS
WITH places AS (
    SELECT text_id, coalesce(max(chars), 0) AS chars, list(DISTINCT [char_from, char_to]) AS places
    FROM cited_part
    WHERE text_id IS NOT NULL AND char_from IS NOT NULL AND char_to IS NOT NULL
    GROUP BY text_id
)
SELECT text_id, places, sum(chars) OVER (ORDER BY text_id ROWS UNBOUNDED PRECEDING) // {_CHARS_AT_ONCE} AS slice
FROM places
"""

_EXCERPTED_PARTS = """
SELECT finding_id, request_key, part_no, role, kind, "signal", text_id, char_from, char_to, total, excerpt
FROM cited_part
LEFT JOIN excerpts USING (text_id, char_from, char_to)
WHERE finding_id BETWEEN $first AND $last
ORDER BY finding_id, place
"""

# The first records of each finding are kept, not all of them sorted: a stream may cite a hundred thousand.
_CITED_RECORDS = f"""
WITH cited AS (
    SELECT finding.finding_id, unnest(list_distinct(finding.request_keys)) AS request_key
    FROM store.findings AS finding
    WHERE finding.finding_id BETWEEN $first AND $last AND {IN_WINDOW}
),
kept AS (
    SELECT cited.finding_id, count(*) AS total, min({{
            'file': record.file, 'line': record.line, 'byte_offset': record.byte_offset,
            'byte_length': record.byte_length, 'sha256': record.sha256
        }}, $listed) AS records
    FROM cited
    JOIN main.records AS record USING (request_key)
    WHERE record.duplicate_of IS NULL
    GROUP BY cited.finding_id
)
SELECT finding_id, record.file, record.line, record.byte_offset, record.byte_length, record.sha256, total
FROM kept
CROSS JOIN unnest(kept.records) AS listed(record)
ORDER BY finding_id, record
"""

Row = dict[str, Any]


def batches(
    con: duckdb.DuckDBPyConnection,
    texts: Texts,
    run_id: str,
    unreported: Sequence[str],
    since: datetime | None,
    until: datetime | None,
) -> Iterator[pa.Table]:
    """The rows of violations.parquet in ``SCHEMA``, ordered by finding_id, as many at once as memory is sure to hold.

    All current findings that touch ``[since, until)`` (UTC, naive; None: no bound). ``texts`` is asked for the cited
    texts only. ``request_ids`` stand in the order of ``request_keys``. ``status`` tells what the runs ``unreported``
    changed.
    """
    window = {"since": since, "until": until}
    spans = con.execute(_BATCHES, {**window, "listed": LISTED, "weight": _BATCH_WEIGHT}).fetchall()
    if not spans:
        return
    with _excerpted(con, texts, {**window, "first": spans[0][0], "last": spans[-1][1]}):
        for first, last in spans:
            span = {**window, "first": first, "last": last}
            rows = fetch(con, _HEADS, {**span, "run": run_id, "runs": list(unreported)})
            evidence = _by_finding(fetch(con, _EXCERPTED_PARTS, {"first": first, "last": last}))
            sources = cited_records(con, span)
            yield pa.Table.from_pylist([_row(row, evidence, sources) for row in rows], schema=SCHEMA)


def cited_parts(con: duckdb.DuckDBPyConnection, texts: Texts, span: Row) -> dict[str, list[Row]]:
    """The evidence of the findings of ``span`` (first, last, since, until), each with its excerpt, by finding_id.

    At most ``LISTED`` of one finding; ``total`` in each row says how many there are. The excerpt is None when the part
    has no text or the text is gone.
    """
    with _excerpted(con, texts, span):
        return _by_finding(fetch(con, _EXCERPTED_PARTS, {"first": span["first"], "last": span["last"]}))


def cited_records(con: duckdb.DuckDBPyConnection, span: Row) -> dict[str, list[Row]]:
    """The records that the findings of ``span`` rest on, by finding_id, ordered by file and line.

    Newest generation only, repeated records left out. At most ``LISTED`` of one finding; ``total`` says how many.
    """
    return _by_finding(fetch(con, _CITED_RECORDS, {**span, "listed": LISTED}))


def fetch(con: duckdb.DuckDBPyConnection, sql: str, parameters: Row) -> list[Row]:
    """All rows of a query as dictionaries by column."""
    cursor = con.execute(sql, parameters)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _row(row: Row, evidence: dict[str, list[Row]], sources: dict[str, list[Row]]) -> Row:
    """One finding with its lists, words cleaned, and a note where a list was cut."""
    parts, records = evidence.get(row["finding_id"], []), sources.get(row["finding_id"], [])
    notes = [
        f"{len(listed)} of {listed[0]['total']} {what} listed"
        for what, listed in (("pieces of evidence", parts), ("sources", records))
        if listed and listed[0]["total"] > len(listed)
    ]
    cleaned = {name: plain(row[name]) if row[name] is not None else None for name in _SHOWN}
    cleaned["explanation"] = "; ".join([cleaned["explanation"] or "", *notes]) if notes else cleaned["explanation"]
    return {
        **row,
        **cleaned,
        "request_ids": [plain(each) if each is not None else None for each in row["request_ids"]],
        "evidence": [{field.name: part[field.name] for field in _EVIDENCE} for part in parts],
        "sources": [{field.name: record[field.name] for field in _SOURCE} for record in records],
    }


@contextmanager
def _excerpted(con: duckdb.DuckDBPyConnection, texts: Texts, span: Row) -> Iterator[None]:
    """Inside, ``cited_part`` has the listed evidence of the findings of ``span``, ``excerpts`` what its places say."""
    tables = ("cited_part", "cited_text", "excerpts")
    try:
        con.execute(_CITED_PARTS, {**span, "listed": LISTED})
        con.execute(_CITED_TEXTS)
        con.execute("CREATE TEMP TABLE excerpts (text_id VARCHAR, char_from INTEGER, char_to INTEGER, excerpt VARCHAR)")
        for (number,) in con.execute("SELECT DISTINCT slice FROM cited_text ORDER BY slice").fetchall():
            rows = con.execute("SELECT text_id, places FROM cited_text WHERE slice = $1", [number]).fetchall()
            con.register("found_excerpts", _excerpts(texts, dict(rows)))
            con.execute("INSERT INTO excerpts FROM found_excerpts")
            con.unregister("found_excerpts")
        yield
    finally:
        for table in tables:
            con.execute(f"DROP TABLE IF EXISTS temp.{table}")


def _excerpts(texts: Texts, places: dict[str, list[list[int]]]) -> pa.Table:
    """The excerpt of every place, given as [char_from, char_to] by text_id; none where the text is gone."""
    found = texts(sorted(places))
    rows = [(text_id, *place, excerpt(text, *place)) for text_id, text in found.items() for place in places[text_id]]
    columns = list(zip(*rows, strict=True)) or [()] * 4
    kinds = (pa.string(), pa.int32(), pa.int32(), pa.string())
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)],
        names=["text_id", "char_from", "char_to", "excerpt"],
    )


def _by_finding(rows: list[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row["finding_id"], []).append(row)
    return grouped
