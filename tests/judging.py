"""Uses judged under policies, as tests write them: who, what and when, in a line each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from made import empty_store, fill_store

from analyzer import shipped
from analyzer.judge import NO_EXCEPTIONS, Exceptions, Packs, current_findings, judge, read_exceptions

POLICIES = shipped.folder("queries") / "policies"
US, MOBILE, SURVEIL, IDENTIFY = (
    "COC-FR-US-POLICE",
    "COC-FR-MOBILE-RT-GLOBAL",
    "COC-SURVEIL-PERSIST",
    "COC-FACE-IDENTIFY",
)
OLD_EMOTION, EMOTION, ATTRIBUTE = "COC-FACE-EMOTION-AGE-GENDER", "COC-EMOTION-INFER", "COC-ATTR-INFER"


def use(
    found: str, *keys: str, strength: str = "strong", rule: str = "r", subject: str = "", **known: bool
) -> dict[str, Any]:
    """A use over these requests (``a`` when none is named) with known circumstances."""
    keys = keys or ("a",)
    return {
        "rule_id": rule, "rule_version": 1, "use": found, "subject": subject or keys[0], "request_keys": list(keys),
        "strength": strength, "circumstances": dict(sorted(known.items())), "evidence": [],
    }  # fmt: skip


def shown(key: str, *parts: int | None) -> list[dict[str, Any]]:
    return [{"request_key": key, "part_no": part, "signal": "s", "char_from": 0, "char_to": 1} for part in parts]


def uses_table(con: duckdb.DuckDBPyConnection, uses: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = con.sql("SELECT * FROM store.uses LIMIT 0").to_arrow_table().schema
    return pa.Table.from_pylist(
        [{**row, "circumstances": list(row["circumstances"].items())} for row in uses], schema=schema
    )


def findings(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    return [{**row, "circumstances": dict(row["circumstances"])} for row in current_findings(con).to_pylist()]


def judged(
    packs: Packs,
    *uses: Mapping[str, Any],
    actors: Sequence[Mapping[str, Any]] | None = None,
    requests: Sequence[Mapping[str, Any]] = ({"key": "a"},),
    tenants: Sequence[Mapping[str, Any]] = (),
    exceptions: Exceptions = NO_EXCEPTIONS,
) -> dict[str, dict[str, Any]]:
    """The findings by clause (of the last, when several have one)."""
    given = [{"request_key": "a", "actor": "us_police"}] if actors is None else actors
    con = _shared_store()
    con.execute("BEGIN")
    try:
        fill_store(con, requests, given, tenants)
        judge(con, uses_table(con, uses), packs, exceptions)
        return {row["clause_id"]: row for row in findings(con)}
    finally:
        con.execute("ROLLBACK")


@cache
def _shared_store() -> duckdb.DuckDBPyConnection:
    """Empty between tests: making the schema costs more than judging."""
    return empty_store()


def verdicts(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {clause: row["verdict"] for clause, row in sorted(found.items())}


def by(actor: str, key: str = "a", **more: Any) -> dict[str, Any]:
    return {"request_key": key, "actor": actor, **more}


def on(day: str, key: str = "a", **more: Any) -> dict[str, Any]:
    return {"key": key, "at": datetime.fromisoformat(day), **more}


def register(tmp_path: Path, *rows: str) -> Exceptions:
    path = tmp_path / "exceptions.csv"
    path.write_text("\n".join(["tenant,clause,kind,reference,valid_from,valid_to", *rows]) + "\n")
    return read_exceptions(path)
