"""Uses become findings, and what changed among the findings is logged.

Rule: who, when and which clause are judged here and nowhere else, by ``queries/judge.sql`` over data; the findings are
a pure function of the store and that data, and an accusation that is taken back leaves a trace.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import duckdb
import pyarrow as pa

from analyzer import shipped
from analyzer.errors import UsageError
from analyzer.policies import (
    DEFAULT_PACKS,
    NO_EXCEPTIONS,
    Clause,
    Exceptions,
    Pack,
    Packs,
    Row,
    check_exceptions,
    load_packs,
    read_exceptions,
)
from analyzer.schema import FINDINGS, USES
from analyzer.verdicts import shipped_verdicts

__all__ = [
    "CAUSES", "DEFAULT_PACKS", "NO_EXCEPTIONS", "Exceptions", "Packs", "check_exceptions", "current_findings", "judge",
    "load_packs", "log_changes", "logic_version", "read_exceptions",
]  # fmt: skip

CAUSES = ("records", "rules", "lexicon", "register", "policy", "exceptions", "tool")

_FINDING_COLUMNS = tuple(column.name for column in FINDINGS.columns)


def logic_version() -> str:
    """SHA-256, hex, of what turns uses into findings besides the policies: ``judge.sql`` and the words it uses."""
    files = ("judge.sql", "verdicts.toml")
    return hashlib.sha256(
        "\0".join((shipped.folder("queries") / name).read_text() for name in files).encode()
    ).hexdigest()


def judge(con: duckdb.DuckDBPyConnection, uses: pa.Table, packs: Packs, exceptions: Exceptions = NO_EXCEPTIONS) -> None:
    """Replace ``store.uses`` and ``store.findings`` by these uses and what they come to under the packs.

    ``uses`` has the columns of schema.USES. Writes inside the caller's transaction. Raises UsageError when the register
    of exceptions does not fit the packs.
    """
    check_exceptions(exceptions, packs)
    select = (shipped.folder("queries") / "judge.sql").read_text()
    with _registered(con, {"found_uses": uses, **_policy(packs), **_exceptions(exceptions), **_words()}):
        con.execute("DELETE FROM store.uses")
        columns = ", ".join(f'"{column.name}"' for column in USES.columns)
        con.execute(f"INSERT INTO store.uses SELECT {columns} FROM found_uses ORDER BY rule_id, subject")
        con.execute("DELETE FROM store.findings")
        con.execute(f"INSERT INTO store.findings BY NAME {select}")


def current_findings(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """The findings as they stand, by finding_id: to be taken before :func:`judge`, for :func:`log_changes`."""
    columns = ", ".join(f'"{name}"' for name in _FINDING_COLUMNS)
    return con.sql(f"SELECT {columns} FROM store.findings ORDER BY finding_id").to_arrow_table()


def log_changes(
    con: duckdb.DuckDBPyConnection, before: pa.Table, run_id: str, now: datetime, causes: Iterable[str]
) -> dict[str, int]:
    """Append to ``store.finding_log`` how the findings differ from ``before``; gives how many by kind of change.

    ``now`` is UTC without zone. ``causes``: those of CAUSES whose input differs from the last run's. A row's cause
    reads ``records, rules: verdict, severity``: the inputs, then the columns that differ. A finding that was withdrawn
    and is there again, or whose review no longer covers it, is *reopened*. A withdrawn finding is replaced by a new one
    of the same clause that cites one of its requests; what was known of it is kept in ``store.withdrawn``. Raises
    UsageError on a cause that is not listed.
    """
    given = set(causes)
    unknown = sorted(given - set(CAUSES))
    if unknown or not given:
        raise UsageError(f"cause {', '.join(unknown) or 'missing'}; one or more of {', '.join(CAUSES)}")
    why = ", ".join(cause for cause in CAUSES if cause in given)
    with _registered(con, {"findings_before": before}):
        con.execute(_LOG, {"run_id": run_id, "now": now, "cause": why})
        con.execute("DELETE FROM store.withdrawn WHERE finding_id IN (SELECT finding_id FROM store.findings)")
        con.execute("""
            INSERT INTO store.withdrawn BY NAME FROM findings_before ANTI JOIN store.findings USING (finding_id)
        """)
    rows = con.execute(
        "SELECT change, count(*) FROM store.finding_log WHERE run_id = $1 AND logged_at = $2 GROUP BY change",
        [run_id, now],
    ).fetchall()
    return dict(sorted(rows))


@contextmanager
def _registered(con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> Iterator[None]:
    """Inside, the tables are there under their names."""
    for name, table in tables.items():
        con.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            con.unregister(name)


# --- data for judge.sql -----------------------------------------------------------------------------------------------

_TEXT, _LIST, _DAY, _INT = pa.string(), pa.list_(pa.string()), pa.date32(), pa.int32()


def _table(rows: Iterable[tuple[object, ...]], **columns: pa.DataType) -> pa.Table:
    fields = list(columns.items())
    cells = list(zip(*rows, strict=True)) or [()] * len(fields)
    return pa.table([pa.array(list(c), kind) for c, (_, kind) in zip(cells, fields, strict=True)], names=list(columns))


def _policy(packs: Packs) -> dict[str, pa.Table]:
    clauses = [(pack, clause) for pack in packs.chosen for clause in pack.clauses]
    rows = [(pack, clause, row) for pack, clause in clauses for row in clause.rows]
    return {
        "pack_scopes": _table(
            ((pack.id, *vars(pack.scope).values()) for pack in packs.chosen),
            pack=_TEXT, countries=_LIST, said=_TEXT, regions=_LIST, apis=_LIST, not_apis=_LIST,
        ),
        "clause_rows": _table(
            (_clause_cells(number, *row) for number, row in enumerate(rows)),
            row_no=_INT, pack=_TEXT, clause_id=_TEXT, title=_TEXT, reading=_TEXT, exception=_TEXT, cures=_LIST,
            country=_TEXT, uses=_LIST, binds=_LIST, needs=_LIST, perhaps=_LIST, exempts=_LIST, alone=pa.bool_(),
            from_earliest=_DAY, from_certain=_DAY, to_earliest=_DAY, to_certain=_DAY,
        ),
        "clause_texts": _table(
            ((pack.id, text.version, text.start, text.title) for pack in packs.chosen for text in pack.texts),
            pack=_TEXT, version=_TEXT, from_day=_DAY, title=_TEXT,
        ),
        "clause_wordings": _table(
            ((pack.id, clause.id, *vars(wording).values()) for pack, clause in clauses for wording in clause.wordings),
            pack=_TEXT, clause_id=_TEXT, version=_TEXT, grade=_TEXT, source=_TEXT, number=_TEXT, quote=_TEXT,
        ),
    }  # fmt: skip


def _clause_cells(number: int, pack: Pack, clause: Clause, row: Row) -> tuple[object, ...]:
    of_clause = (clause.id, clause.title, clause.reading, clause.exception, clause.cures, clause.country)
    return (number, pack.id, *of_clause, *vars(row).values())


def _exceptions(exceptions: Exceptions) -> dict[str, pa.Table]:
    rows = ((e.tenant, e.clause, e.kind, e.reference, e.valid_from, e.valid_to) for e in exceptions.entries)
    columns = {"tenant_id": _TEXT, "clause_id": _TEXT, "kind": _TEXT, "reference": _TEXT}
    return {"exceptions": _table(rows, **columns, valid_from=_DAY, valid_to=_DAY)}


def _words() -> dict[str, pa.Table]:
    read = shipped_verdicts()
    severity = (
        (place, row.uses, row.actors, row.circumstances, read.levels.index(row.level) + 1)
        for place, row in enumerate(read.severity)
    )
    return {
        "use_words": _phrases(read.uses),
        "circumstance_words": _phrases(read.circumstances),
        "actor_words": _phrases(read.actors),
        "outcome_words": _phrases(read.outcomes),
        "severity_rows": _table(severity, place=_INT, uses=_LIST, actors=_LIST, circumstances=_LIST, level_no=_INT),
        "severity_steps": _table(
            [(read.levels, read.lower_outcomes, read.lower_verdicts)],
            levels=_LIST, lower_outcomes=_LIST, lower_verdicts=_LIST,
        ),
    }  # fmt: skip


def _phrases(words: Mapping[str, str]) -> pa.Table:
    rows = ((place, word, phrase) for place, (word, phrase) in enumerate(words.items(), start=1))
    return _table(rows, place=_INT, word=_TEXT, phrase=_TEXT)


# --- the log ----------------------------------------------------------------------------------------------------------

_DIFFERENCES = ", ".join(
    f'CASE WHEN was."{name}" IS DISTINCT FROM finding."{name}" THEN \'{name}\' END'
    for name in _FINDING_COLUMNS
    if name != "finding_id"
)

_COVERED = """EXISTS (
    SELECT 1 FROM store.reviews AS review
    WHERE review.rule_id = {finding}.rule_id AND review.clause_id = {finding}.clause_id
        AND review.actor = {finding}.actor AND list_has_all(review.request_keys, {finding}.request_keys)
)"""

_LOG = f"""
INSERT INTO store.finding_log (run_id, logged_at, finding_id, change, cause, replaced_by)
WITH withdrawn_before AS (
    SELECT DISTINCT finding_id FROM store.finding_log WHERE change = 'withdrawn'
),
appeared AS (
    SELECT finding.finding_id, finding.clause_id, finding.request_keys
    FROM store.findings AS finding
    ANTI JOIN findings_before AS was USING (finding_id)
),
compared AS (
    SELECT finding.finding_id, list_filter([{_DIFFERENCES}], lambda name: name IS NOT NULL) AS differs,
        {_COVERED.format(finding="was")} AND NOT {_COVERED.format(finding="finding")} AS uncovered
    FROM store.findings AS finding
    JOIN findings_before AS was USING (finding_id)
),
gone AS (
    SELECT was.finding_id, was.clause_id, was.request_keys
    FROM findings_before AS was
    ANTI JOIN store.findings AS finding USING (finding_id)
),
replacements AS (
    SELECT gone.finding_id, min(appeared.finding_id) AS replaced_by
    FROM gone
    JOIN appeared ON appeared.clause_id = gone.clause_id AND list_has_any(appeared.request_keys, gone.request_keys)
    GROUP BY gone.finding_id
),
changes AS (
    SELECT finding_id,
        CASE WHEN finding_id IN (SELECT finding_id FROM withdrawn_before) THEN 'reopened' ELSE 'appeared' END AS change,
        [] AS differs, NULL AS replaced_by
    FROM appeared
    UNION ALL
    SELECT finding_id, CASE WHEN uncovered THEN 'reopened' ELSE 'changed' END, differs, NULL
    FROM compared WHERE len(differs) > 0
    UNION ALL
    SELECT gone.finding_id, 'withdrawn', [], replacements.replaced_by
    FROM gone LEFT JOIN replacements USING (finding_id)
)
SELECT $run_id, $now, finding_id, change,
    $cause || CASE WHEN len(differs) > 0 THEN ': ' || array_to_string(differs, ', ') ELSE '' END, replaced_by
FROM changes
ORDER BY finding_id
"""
