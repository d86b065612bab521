"""Questions to the published snapshot, on a connection that can reach nothing else."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analyzer import explanation, tenant_explanation
from analyzer.classifier import load_patterns
from analyzer.errors import UsageError
from analyzer.excerpt import plain
from analyzer.sandbox import open_reader
from analyzer.shipped import folder
from analyzer.store import Store
from analyzer.texts import lookup


def query(db: Path, sql: str, parameters: dict[str, Any] | None = None) -> pa.Table:
    """The answer to one SELECT over the views of ``docs/schema.md``, as an Arrow table.

    ``parameters`` fill ``$name``. Raises UsageError when the SQL is not one SELECT or fails and when there is no
    snapshot, StoreError when it is damaged.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise UsageError(f"query: {_first_line(error)}") from None
    kinds = [statement.type.name for statement in statements]
    if kinds != ["SELECT"]:
        raise UsageError(f"query: {' and '.join(kinds) or 'nothing'} given; give exactly one SELECT")
    with open_reader(Store(db.absolute()).snapshot) as con:
        try:
            answer = con.sql(sql, params=parameters or {}).to_arrow_table()
        except duckdb.InterruptException:
            raise UsageError("query: stopped for taking too long; bound it by tenant or time") from None
        except duckdb.Error as error:
            raise UsageError(f"query: {_first_line(error)}") from None

    if len(set(answer.column_names)) < answer.num_columns:
        raise UsageError("query: two columns have one name; give each a name of its own with AS")
    return answer


def status(db: Path) -> pa.Table:
    """What the store holds, and the last published run: columns what and value. Raises StoreError."""
    return query(db, _STATUS)


def explain(db: Path, finding: str) -> str:
    """Why a finding stands, told in lines; ``finding`` is its id or the first six characters or more.

    Raises UsageError when none or several begin so, StoreError when there is no snapshot.
    """
    store = Store(db.absolute())
    with open_reader(store.snapshot) as con:
        return explanation.explain(con, lookup(con, store), finding).rstrip("\n") + "\n"


def list_tenants(db: Path) -> pa.Table:
    """The tenants of a store, a row for each period of the register, those with most requests first.

    Raises UsageError when there is no snapshot, StoreError when it is damaged.
    """
    return query(db, tenant_explanation.LIST_SQL)


def explain_tenant(db: Path, tenant: str) -> str:
    """Why a tenant has its class, told in lines: register, all evidence in order, what would change it, its actors.

    Raises UsageError when the store has no such tenant or there is no snapshot, StoreError when it is damaged.
    """
    patterns = load_patterns(folder("queries") / "tenants")
    with open_reader(Store(db.absolute()).snapshot) as con:
        return tenant_explanation.explain_tenant(con, tenant, patterns)


def _first_line(error: duckdb.Error) -> str:
    """What DuckDB says, fit for a terminal: it quotes values, and these come from logs."""
    return plain(str(error).splitlines()[0])


_STATUS = """
    SELECT 'files' AS what, count(*)::VARCHAR AS value FROM files
    UNION ALL SELECT 'files not read', count(*)::VARCHAR FROM files WHERE state IN ('unreadable', 'broken')
    UNION ALL SELECT 'quarantined', count(*)::VARCHAR FROM quarantine
    UNION ALL SELECT 'records', count(*)::VARCHAR FROM records
    UNION ALL SELECT 'requests', count(*)::VARCHAR FROM requests
    UNION ALL SELECT 'requests with content', count(*)::VARCHAR FROM requests
        WHERE prompt_seen <> 'none' OR answer_seen <> 'none'
    UNION ALL SELECT 'tenants', count(*)::VARCHAR FROM tenants
    UNION ALL SELECT 'judged', CASE
        WHEN EXISTS (FROM store.meta WHERE name = 'judged_with' AND value = 'all')
            AND NOT EXISTS (FROM store.unsettled) THEN 'all of it' ELSE 'not all of it; run detect or run' END
    UNION ALL SELECT 'violations', count(*)::VARCHAR FROM findings WHERE verdict = 'violation'
    UNION ALL SELECT 'reviews', count(*)::VARCHAR FROM findings WHERE verdict = 'review'
    UNION ALL SELECT 'newest request', coalesce(max(occurred_at)::VARCHAR, '-') FROM requests
    UNION ALL SELECT 'last published run', coalesce(
        arg_max(run_id || ' ' || command || ' of ' || started_at || ', exit code ' || exit_code, started_at), '-'
    ) FROM runs
"""
