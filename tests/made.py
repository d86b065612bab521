"""Small invented stores for tests: requests, signals, tenants and actors as a test names them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analyzer.schema import ACTORS, OUTCOMES, PARTS, REQUESTS, SESSIONS, SIGNALS, TENANT_OF, TENANTS, Table
from analyzer.store import create_schema

HEADER = """-- title = "T"
-- use = "{use}"
-- scope = "{scope}"
-- needs = {needs}
-- version = 1
-- why = "Sees a test."
"""

PLAIN = """
SELECT [request_key] AS request_keys, 'strong' AS strength, MAP {'face': true} AS circumstances,
    [{'request_key': request_key, 'part_no': part_no, 'signal': "signal", 'char_from': char_from, 'char_to': char_to}]
        AS evidence
FROM signals
WHERE idea = 'compare'
"""


def rule_file(
    folder: Path, sql: str = PLAIN, name: str = "plain", use: str = "compare", scope: str = "request", **more: str
) -> Path:
    """A rule file: ``more`` may hold ``needs`` and ``params`` (header lines)."""
    path = folder / f"{name}.sql"
    header = HEADER.format(use=use, scope=scope, needs=more.get("needs", "[]"))
    path.write_text(header + more.get("params", "") + sql)
    return path


def made_store(
    requests: Sequence[Mapping[str, Any]],
    actors: Iterable[Mapping[str, Any]] = (),
    tenants: Iterable[Mapping[str, Any]] = (),
) -> duckdb.DuckDBPyConnection:
    """An in-memory store that holds what :func:`fill_store` puts there."""
    con = empty_store()
    fill_store(con, requests, actors, tenants)
    return con


def empty_store() -> duckdb.DuckDBPyConnection:
    """An in-memory store without rows."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    create_schema(con)
    con.execute("UPDATE store.meta SET value = 'l1' WHERE name = 'lexicon'")
    return con


def fill_store(
    con: duckdb.DuckDBPyConnection,
    requests: Sequence[Mapping[str, Any]],
    actors: Iterable[Mapping[str, Any]] = (),
    tenants: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Rows as a test names them. A request has ``key`` and what matters: ``at``, ``tenant``, ``session`` (explicit),
    columns, ``outcome``, and ``said``: (idea, contexts, kind) of one part each."""
    filled = [_filled(number, request) for number, request in enumerate(requests)]
    insert(con, REQUESTS, filled)
    insert(con, TENANT_OF, [{"conflict": False, **row} for row in filled])
    insert(con, SESSIONS, filled)
    insert(con, OUTCOMES, filled)
    insert(con, PARTS, [part for row in filled for part in _parts(row)])
    insert(con, SIGNALS, [found for row in filled for found in _signals(row)])
    insert(con, ACTORS, [{"role": "by", "confidence": 1.0, "evidence": "register", **actor} for actor in actors])
    insert(con, TENANTS, [{"confidence": 1.0, "serves": [], **tenant} for tenant in tenants])


def _filled(number: int, request: Mapping[str, Any]) -> dict[str, Any]:
    key = request["key"]
    usual = {
        "request_key": key,
        "request_id": key,
        "shapes": ["gateway_log"],
        "api": "chat",
        "occurred_at": datetime(2026, 6, 1, 10) + timedelta(seconds=number),
        "deployment": "chat",
        "tenant_id": "t1",
        "outcome": "fulfilled",
        "prompt_seen": "full",
        "answer_seen": "full",
        "tools_seen": True,
        "pictures_seen": "none",
        "caller": "ann",
        "session_key": f"gap {key}",
        "session_source": "gap",
        "order_uncertain": False,
        "said": (),
    }
    given = dict(request)
    if "at" in given:
        given["occurred_at"] = given["at"]
    if "tenant" in given:
        given["tenant_id"] = given["tenant"]
    if "session" in given:
        given |= {"session_key": given["session"], "session_source": "explicit"}
    return {**usual, **given}


def _parts(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "request_key": row["request_key"], "part_no": number, "turn_no": number, "side": "request", "role": "user",
            "kind": said[2] if len(said) > 2 else "text", "text_id": f"{row['request_key']}.{number}", "cut": False,
        }
        for number, said in enumerate(row["said"])
    ]  # fmt: skip


def _signals(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "text_id": f"{row['request_key']}.{number}", "lexicon": "l1", "signal": f"{said[0]}.test", "idea": said[0],
            "contexts": list(said[1]) if len(said) > 1 else [], "char_from": 0, "char_to": 5,
        }
        for number, said in enumerate(row["said"])
    ]  # fmt: skip


def insert(con: duckdb.DuckDBPyConnection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows into a table of schema store; columns left out are null."""
    rows = list(rows)
    if not rows:
        return
    names = [column.name for column in table.columns]
    data = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], schema=table.arrow)
    con.register("made_rows", data)
    con.execute(f"INSERT INTO store.{table.name} SELECT * FROM made_rows")
    con.unregister("made_rows")
