"""Cases prove a rule: invented requests, and the uses that it must find in them, or must not.

Rule: no rule is proven without one case that fires and one near miss. Cases go through the same lexicon, views and
runner as a log.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analyzer.detection import find_uses
from analyzer.errors import UsageError
from analyzer.rule_file import Rule, is_param
from analyzer.sandbox import harden
from analyzer.schema import OUTCOMES, PARTS, PICTURES, REQUESTS, SESSIONS, TENANT_OF, Table
from analyzer.signals import Lexicon, scan
from analyzer.store import create_schema
from analyzer.verdicts import STRENGTHS, shipped_verdicts

_CASE_KEYS = frozenset({"name", "requests", "params", "expect"})
_OWN_REQUEST_KEYS = frozenset({"id", "tenant", "at", "session", "parts", "outcome"})
_COLUMNS = frozenset(column.name for column in REQUESTS.columns) - {"request_key", "occurred_at"}
_SIZES = ("bytes", "width", "height")  # of a picture, as its row in PICTURES has them
_PART_KEYS = frozenset({"role", "kind", "side", "text", "name", "turn_no", "picture", "cut", *_SIZES})
_EXPECT_KEYS = frozenset({"requests", "strength", "circumstances", "subject"})
_NAMED = ("deployment", "resource", "product", "subscription")  # become parts of kind name, as in a log
USUAL_API = "chat"  # of a request that does not say
_START = datetime(2026, 6, 1, 10, 0, 0)
_GAP = timedelta(minutes=30)
_TABLES = (REQUESTS, PARTS, PICTURES, TENANT_OF, SESSIONS, OUTCOMES)

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One proof. ``requests`` and ``expect`` are as in the file; ``line`` is where the case starts."""

    name: str
    requests: tuple[Row, ...]
    params: Mapping[str, Any]
    expect: tuple[Row, ...]
    path: Path
    line: int


@dataclass(frozen=True)
class CaseResult:
    """How a case ended; ``found`` is what the rule gave, in the words of ``expect``."""

    rule_id: str
    case: Case
    passed: bool
    found: tuple[Row, ...]


def cases_path(rule: Rule) -> Path:
    """``NAME.cases.toml`` beside ``NAME.sql``."""
    return rule.path.with_suffix(".cases.toml")


def load_cases(rule: Rule) -> tuple[Case, ...]:
    """The cases of a rule, in the order of the file.

    Raises UsageError naming file and line: no file, not TOML, a key, column, circumstance or parameter that is not
    known, no firing case, no near miss.
    """
    path = cases_path(rule)
    text, tables = _read(path)
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if line.strip() == "[[case]]"]
    unknown = sorted(set(tables) - {"case"})
    if unknown:
        raise UsageError(f"{path}:1: unknown key {unknown[0]!r}; the file holds [[case]] tables only")
    cases = tables.get("case", [])
    if not isinstance(cases, list) or len(cases) != len(lines):
        raise UsageError(f"{path}:1: cases are not written as tables; start each with a line [[case]]")
    found = tuple(_case(path, line, table, rule) for line, table in zip(lines, cases, strict=True))
    if not any(case.expect for case in found):
        raise UsageError(f"{path}:1: no case fires; add one whose `expect` names what is found")
    if all(case.expect for case in found):
        raise UsageError(f"{path}:1: no near miss; add a case with `expect = []`")
    return found


def run_cases(rule: Rule, lexicon: Lexicon) -> tuple[CaseResult, ...]:
    """Each case of the rule, run alone in an in-memory store. Raises UsageError as load_cases and find_uses do."""
    return run_all_cases([rule], lexicon)


def run_all_cases(rules: Sequence[Rule], lexicon: Lexicon) -> tuple[CaseResult, ...]:
    """The cases of several rules, in their order; all texts are searched at once. Raises UsageError."""
    proofs = [(rule, case) for rule in rules for case in load_cases(rule)]
    con = duckdb.connect(config={"threads": 1})
    try:
        create_schema(con)
        harden(con)
        _search(con, (request for _, case in proofs for request in case.requests), lexicon)
        return tuple(
            result
            for rule, group in groupby(proofs, key=lambda proof: proof[0])
            for result in _run(con, rule, [case for _, case in group])
        )
    finally:
        con.close()


def fill(con: duckdb.DuckDBPyConnection, requests: Sequence[Row], lexicon: Lexicon) -> None:
    """Put requests as cases write them into the empty store of ``con``, with their signals."""
    _search(con, requests, lexicon)
    _write(con, [_filled(number, request) for number, request in enumerate(requests)])


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path}:1: cannot be read; a rule has its cases beside it in NAME.cases.toml") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, at = str(error).partition(" (at ")
        line = at.removeprefix("line ").split(",")[0]
        line = line if line.isdigit() else str(len(text.splitlines()))
        raise UsageError(f"{path}:{line}: not TOML ({what.lower()}); write [[case]] tables") from None


def _case(path: Path, line: int, table: Row, rule: Rule) -> Case:
    where = f"{path}:{line}"
    _known(where, "a case", table, _CASE_KEYS)
    for key, kind in (("name", str), ("requests", list), ("expect", list)):
        if not isinstance(table.get(key), kind):
            raise UsageError(f"{where}: {key} is missing or of another type; a case has name, requests and expect")
    params = table.get("params", {})
    for name, value in params.items():
        if name not in rule.params or not is_param(value):
            known = ", ".join(rule.params) or "none"
            raise UsageError(f"{where}: {name!r} is no parameter of {rule.id}; its parameters are: {known}")
    for number, request in enumerate(table["requests"]):
        _check_request(f"{where}: request {number + 1}", request)
    ids = [request["id"] for request in table["requests"]]
    if len(set(ids)) != len(ids):
        raise UsageError(f"{where}: two requests have one id; give each its own")
    for row in table["expect"]:
        _check_expect(where, row, ids)
    return Case(table["name"], tuple(table["requests"]), params, tuple(table["expect"]), path, line)


def _known(where: str, what: str, table: Mapping[str, Any], keys: Iterable[str]) -> None:
    for key in table:
        if key not in keys:
            raise UsageError(f"{where}: {what} has an unknown key {key!r}; its keys are {', '.join(sorted(keys))}")


def _check_request(where: str, request: Row) -> None:
    _known(where, "it", request, _OWN_REQUEST_KEYS | _COLUMNS)
    if not isinstance(request.get("id"), str):
        raise UsageError(f'{where}: has no id; give it a text, as `id = "r1"`')
    if not isinstance(request.get("at", _START), datetime):
        raise UsageError(f"{where}: at is no time; write 2026-06-01T10:00:00")
    if request.get("outcome", "fulfilled") not in shipped_verdicts().outcomes:
        raise UsageError(f"{where}: outcome is not listed; one of {', '.join(shipped_verdicts().outcomes)}")
    for part in request.get("parts", []):
        _known(where, "a part", part, _PART_KEYS)
        if not isinstance(part.get("text", ""), str):
            raise UsageError(f"{where}: text of a part is no text; write it in quotes")


def _check_expect(where: str, row: Row, ids: Sequence[str]) -> None:
    _known(where, "an expected use", row, _EXPECT_KEYS)
    for key in row.get("requests", []):
        if key not in ids:
            raise UsageError(f"{where}: expects request {key!r}, which the case has not; one of {', '.join(ids)}")
    if row.get("strength", "strong") not in STRENGTHS:
        raise UsageError(f"{where}: strength is not listed; one of {', '.join(STRENGTHS)}")
    for name in row.get("circumstances", {}):
        if name not in shipped_verdicts().circumstances:
            known = ", ".join(shipped_verdicts().circumstances)
            raise UsageError(f"{where}: circumstance {name!r} is not listed; one of {known}")


# --- running ----------------------------------------------------------------------------------------------------------


def _run(con: duckdb.DuckDBPyConnection, rule: Rule, cases: Sequence[Case]) -> list[CaseResult]:
    """The cases of one rule, those with the same parameters in one go: each has tenants of its own."""
    results: dict[int, CaseResult] = {}
    numbered = sorted(enumerate(cases), key=lambda pair: repr(sorted(pair[1].params.items())))
    for _, group in groupby(numbered, key=lambda pair: pair[1].params):
        together = list(group)
        for table in _TABLES:
            con.execute(f"DELETE FROM store.{table.name}")
        _assemble_cases(con, together)
        params = {**rule.params, **together[0][1].params}
        uses = find_uses(con, [replace(rule, params=params)]).to_pylist()
        for number, case in together:
            prefix = _prefix(number)
            found = tuple(_said(use, prefix) for use in uses if use["request_keys"][0].startswith(prefix))
            results[number] = CaseResult(rule.id, case, _matches(found, case.expect), found)
    return [results[number] for number in range(len(cases))]


def _assemble_cases(con: duckdb.DuckDBPyConnection, numbered: Sequence[tuple[int, Case]]) -> None:
    filled = [_filled_case(number, case) for number, case in numbered]
    try:
        _write(con, [row for rows in filled for row in rows])
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        for (_, case), rows in zip(numbered, filled, strict=True):
            _check_types(case, rows)
        raise


def _filled_case(number: int, case: Case) -> list[Row]:
    prefix = _prefix(number)
    own = [{**r, "id": prefix + r["id"], "tenant": prefix + r.get("tenant", "t1")} for r in case.requests]
    return [_filled(place, request) for place, request in enumerate(own)]


def _check_types(case: Case, rows: Sequence[Row]) -> None:
    try:
        _table(REQUESTS, rows)
        _table(PARTS, [part for row in rows for part in _parts(row)])
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise UsageError(f"{case.path}:{case.line}: a column has a value of another type; see docs/schema.md") from None


def _prefix(number: int) -> str:
    """What keeps the requests, tenants and sessions of one case apart from those of the others."""
    return f"case {number}: "


def _search(con: duckdb.DuckDBPyConnection, requests: Iterable[Row], lexicon: Lexicon) -> None:
    """Write the signals of all texts of the requests."""
    said = {
        _text_id(part["text"]): part["text"] for request in requests for part in _all_parts(request) if "text" in part
    }
    ids = sorted(said)
    signals = scan(pa.table({"text_id": ids, "text": pa.array([said[i] for i in ids], pa.string())}), lexicon)
    con.register("case_rows", signals)
    con.execute("INSERT INTO store.signals BY NAME SELECT * FROM case_rows")
    con.unregister("case_rows")
    con.execute("UPDATE store.meta SET value = ? WHERE name = 'lexicon'", [lexicon.version])


def _write(con: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
    """Write everything of filled requests but their signals."""
    parts = [part for row in rows for part in _parts(row)]
    pictures = {part["picture"]: part for part in parts if part["picture"] is not None}
    _insert(con, REQUESTS, rows)
    _insert(con, PARTS, parts)
    _insert(con, PICTURES, [{**pictures[sha256], "sha256": sha256, "kind": "picture"} for sha256 in sorted(pictures)])
    _insert(con, TENANT_OF, [{**row, "tenant_id": row["tenant"], "conflict": False} for row in rows])
    _insert(con, SESSIONS, list(_sessions(rows)))
    _insert(con, OUTCOMES, rows)


def _said(use: Row, prefix: str) -> Row:
    """A use in the words of ``expect``."""
    return {
        "requests": [key.removeprefix(prefix) for key in use["request_keys"]],
        "strength": use["strength"],
        "circumstances": dict(use["circumstances"]),
        "subject": use["subject"].removeprefix(prefix),
    }


def _matches(found: Sequence[Row], expect: Sequence[Row]) -> bool:
    """Whether every expected row is found once and nothing else is; keys that a row leaves out do not matter."""
    left = list(found)
    for row in expect:
        fitting = [use for use in left if all(use[key] == value for key, value in row.items())]
        if not fitting:
            return False
        left.remove(fitting[0])
    return not left


def _filled(number: int, request: Row) -> Row:
    """A request with what a log would tell where the case says nothing."""
    parts = request.get("parts", [])
    pictures = [part for part in parts if part.get("kind") == "picture" and _side(part) == "request"]
    usual = {
        "request_id": request["id"],
        "shapes": ["gateway_log"],
        "scope": "",
        "time_source": "time",
        "api": USUAL_API,
        "operation": "ChatCompletions_Create",
        "deployment": "chat",
        "model": "gpt-4o",
        "resource": None,
        "status": 200,
        "prompt_seen": "full",
        "answer_seen": "full",
        "system_seen": "yes" if any(part.get("role") == "system" for part in parts) else "absent",
        "tools_seen": True,
        "pictures_seen": "bytes" if pictures else "none",
        "picture_count": len(pictures),
        "order_uncertain": False,
        "record_count": 1,
        "tenant": "t1",
        "outcome": "fulfilled",
    }
    at = request.get("at", _START + timedelta(minutes=number))
    at = at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    return {**usual, **request, "request_key": request["id"], "occurred_at": at}


def _side(part: Row) -> str:
    if part.get("kind") == "name":
        return "name"
    usual = "response" if part.get("role") == "assistant" else "request"
    return str(part.get("side", usual))


def _all_parts(request: Row) -> list[Row]:
    """The parts that a case writes, and the names that a log would give."""
    names = [{"kind": "name", "name": name, "text": request[name]} for name in _NAMED if request.get(name)]
    return [*request.get("parts", []), *names]


def _parts(row: Row) -> Iterator[Row]:
    """Rows of PARTS of one filled request."""
    for number, part in enumerate(_all_parts(row)):
        kind, side, text = part.get("kind", "text"), _side(part), part.get("text")
        inline = kind == "picture" and row["pictures_seen"] == "bytes"
        yield {
            "request_key": row["id"],
            "part_no": number,
            "turn_no": part.get("turn_no", None if side == "name" else number),
            "side": side,
            "role": part.get("role", "user" if side == "request" and kind in ("text", "picture", "audio") else None),
            "kind": kind,
            "name": part.get("name"),
            "text_id": None if text is None else _text_id(text),
            "chars": None if text is None else len(text),
            "day": row["occurred_at"].date(),
            "picture": part.get("picture", _picture(row["id"], number) if inline else None),
            "cut": part.get("cut", False),
            **{size: part.get(size) for size in _SIZES},
        }


def _text_id(text: str) -> str:
    return hashlib.sha256(text.encode()).digest()[:16].hex()


def _picture(request_id: str, number: int) -> str:
    return hashlib.sha256(f"{request_id} {number}".encode()).hexdigest()


def _sessions(rows: Iterable[Row]) -> Iterator[Row]:
    """Explicit sessions as named; else one per tenant, caller and deployment until half an hour is silent."""
    last: dict[tuple[Any, ...], tuple[datetime, str]] = {}
    for row in sorted(rows, key=lambda row: (row["occurred_at"], row["id"])):
        if "session" in row:
            yield {
                "request_key": row["id"],
                "session_key": f"{row['tenant']} {row['session']}",
                "session_source": "explicit",
            }
            continue
        who = (row["tenant"], row.get("caller"), row.get("deployment"))
        before = last.get(who)
        near = before is not None and row["occurred_at"] - before[0] <= _GAP
        key = before[1] if before is not None and near else f"gap {row['id']}"
        last[who] = (row["occurred_at"], key)
        yield {"request_key": row["id"], "session_key": key, "session_source": "gap"}


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _insert(con: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Row]) -> None:
    con.register("case_rows", _table(table, rows))
    con.execute(f"INSERT INTO store.{table.name} SELECT * FROM case_rows")
    con.unregister("case_rows")


def _table(table: Table, rows: Sequence[Row]) -> pa.Table:
    """The rows with the columns of ``table``; what a row leaves out is null."""
    return pa.Table.from_pylist([{name: row.get(name) for name in _names(table)} for row in rows], schema=table.arrow)
