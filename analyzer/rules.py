"""A ``.sql`` file becomes a Rule, or one line says what is wrong with it and where.

Rule: what is loaded here is checked: it is one SELECT over the views of one partition, it gives the same on every day
and in every order, and its rows have exactly the columns that the runner expects. A rule that is wrong never runs.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from analyzer.errors import UsageError
from analyzer.rule_file import NEEDS, SCOPES, Rule, line_of, read_rule
from analyzer.sandbox import harden
from analyzer.schema import EVIDENCE
from analyzer.store import create_schema

__all__ = [
    "NEEDS", "OUTPUT", "RETIRED", "SCOPES", "VIEWS", "Rule", "check", "check_rules", "load_rules", "lock_problems",
    "lock_text", "read_lock", "read_rule",
]  # fmt: skip

VIEWS = ("requests", "parts", "signals", "pictures")  # what a runner can restrict to a partition
OUTPUT = {
    "request_keys": "VARCHAR[]",
    "strength": "VARCHAR",
    "circumstances": "MAP(VARCHAR, BOOLEAN)",
    "evidence": EVIDENCE,
}
RETIRED = "retired"

_TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
_SELECTS = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "RECURSIVE_CTE_NODE"})
_CLOCKS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "user"})
_OTHER_BLANK = re.compile("[\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]")  # DuckDB reads them as blanks
_TEMPLATE = re.compile(r"\{\{|\{%|\{#|\$\{|<%|%\(\w+\)s")
_CHECK_MS = 10_000
_MESSAGE = 200  # characters of DuckDB's own words


def load_rules(folder: Path) -> tuple[Rule, ...]:
    """The rules in ``folder`` (or the one rule, when it names a ``.sql`` file), by id, each checked.

    Raises UsageError naming file and line of the first mistake, or when there is no rule.
    """
    rules, wrong = check_rules(folder)
    if wrong:
        raise wrong[0]
    return rules


def check_rules(folder: Path) -> tuple[tuple[Rule, ...], tuple[UsageError, ...]]:
    """The right rules as :func:`load_rules` gives them, and what is first wrong with each of the others.

    Raises UsageError when there is no rule.
    """
    paths = [folder] if folder.suffix == ".sql" else sorted(folder.glob("*.sql"))
    if not paths:
        raise UsageError(f"{folder}: holds no rule; name a folder with NAME.sql files")
    rules, wrong = [], []
    with _empty_store() as con:
        known = _known(con)
        for path in paths:
            try:
                rule = read_rule(path)
                _check(con, rule, known)
            except UsageError as error:
                wrong.append(error)
            else:
                rules.append(rule)
    return tuple(rules), tuple(wrong)


def check(rule: Rule) -> None:
    """Bind the rule against an empty store. Raises UsageError naming file and line; gives nothing when it is right."""
    with _empty_store() as con:
        _check(con, rule, _known(con))


# --- the SQL ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """What DuckDB tells of itself and the store: the columns a rule gives, with types; functions that may give another
    value for the same arguments; the views that a bare name reaches and no rule reads."""

    columns: list[tuple[str, str]]
    changing: frozenset[str]
    hidden: frozenset[str]


@contextmanager
def _empty_store() -> Iterator[duckdb.DuckDBPyConnection]:
    """A hardened in-memory store without rows."""
    con = duckdb.connect(config={"threads": 1})
    try:
        create_schema(con)
        harden(con, _CHECK_MS)
        yield con
    finally:
        con.close()


def _known(con: duckdb.DuckDBPyConnection) -> _Known:
    # some clocks call themselves consistent, and a macro stands for what it calls
    changing = con.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') OR starts_with(function_name, 'current_') "
        "OR contains(macro_definition, 'current_')"
    ).fetchall()
    hidden = con.execute(
        "SELECT DISTINCT lower(view_name) FROM duckdb_views() WHERE schema_name IN ('main', 'pg_catalog')"
    ).fetchall()
    wanted = "SELECT " + ", ".join(f"NULL::{kind} AS {name}" for name, kind in OUTPUT.items())
    return _Known(
        columns=_columns(con, wanted, {}),
        changing=frozenset(name for (name,) in changing),
        hidden=frozenset(name for (name,) in hidden) - set(VIEWS),
    )


def _check(con: duckdb.DuckDBPyConnection, rule: Rule, known: _Known) -> None:
    for number, line in enumerate(rule.sql.splitlines(), start=rule.first_sql_line):
        if _TEMPLATE.search(line):
            raise UsageError(
                f"{rule.path}:{number}: a template marker; rules are not templated, use [params] and $name"
            )
    sql, named, first = _one_select(con, rule)
    _check_params(rule, named)
    _check_tree(con, rule, sql, first, known)
    _check_output(con, rule, sql, first, known.columns)


def _one_select(con: duckdb.DuckDBPyConnection, rule: Rule) -> tuple[str, set[str], int]:
    """The statement without what stands before it, its parameters, and its first line in the file."""
    try:
        statements = con.extract_statements(rule.sql)
    except duckdb.Error as error:
        raise _sql_error(rule, error, rule.first_sql_line) from None
    kinds = [statement.type.name for statement in statements]
    lines = _first_lines(rule, [statement.query for statement in statements])
    if kinds != ["SELECT"]:
        found = f"{len(kinds)} statements" if len(kinds) != 1 else f"a statement of type {kinds[0]}"
        raise UsageError(f"{rule.path}:{lines[-1]}: {found}; a rule is exactly one SELECT")
    return statements[0].query, set(statements[0].named_parameters), lines[0]


def _first_lines(rule: Rule, queries: list[str]) -> list[int]:
    """The file's line on which each statement starts, the first line of the SQL when there is none."""
    lines, at = [], 0
    for query in queries:
        found = rule.sql.find(query.strip(), at)
        if found < 0:
            blank = _OTHER_BLANK.search(rule.sql, at)
            line = rule.first_sql_line + rule.sql[: blank.start() if blank else at].count("\n")
            raise UsageError(f"{rule.path}:{line}: a blank that is no space, such as a no-break space; write a space")
        at = found
        lines.append(rule.first_sql_line + rule.sql[:at].count("\n"))
        at += len(query.strip())
    return lines or [rule.first_sql_line]


def _check_params(rule: Rule, named: set[str]) -> None:
    header = rule.path.read_text(encoding="utf-8").splitlines()
    for name in sorted(named - set(rule.params)):
        offset = next(
            (n for n, line in enumerate(rule.sql.splitlines()) if re.search(rf"\${re.escape(name)}\b", line)), 0
        )
        line = rule.first_sql_line + offset
        raise UsageError(f"{rule.path}:{line}: parameter ${name} has no value; add `{name} = …` under [params]")
    for name in sorted(set(rule.params) - named):
        line = line_of(header, name)
        raise UsageError(f"{rule.path}:{line}: parameter {name!r} is not used; write ${name} in the SELECT or drop it")


def _check_output(
    con: duckdb.DuckDBPyConnection, rule: Rule, sql: str, line: int, wanted: list[tuple[str, str]]
) -> None:
    try:
        found = _columns(con, sql, dict(rule.params))
    except duckdb.Error as error:
        raise _sql_error(rule, error, line) from None
    where = f"{rule.path}:{line}"
    if [name for name, _ in found] != [name for name, _ in wanted]:
        names = ", ".join(name for name, _ in found)
        raise UsageError(f"{where}: the SELECT gives {names[:_MESSAGE]}; it must give exactly {', '.join(OUTPUT)}")
    for (name, kind), (_, right) in zip(found, wanted, strict=True):
        if kind != right:
            raise UsageError(f"{where}: {name} is {kind}; it must be {right}")


def _columns(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    con.execute(sql, params)
    columns = [(str(name), str(kind)) for name, kind, *_ in con.description or ()]
    con.fetchall()
    return columns


def _sql_error(rule: Rule, error: duckdb.Error, first: int) -> UsageError:
    """DuckDB's first line, and its hint where it has one; the store is empty, so no log content can be in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    at = next((re.match(r"LINE (\d+):", line) for line in lines if line.startswith("LINE ")), None)
    what = re.sub(r"^[A-Za-z ]*Error: ", "", lines[0])[:_MESSAGE]
    hint = lines[1][:_MESSAGE] if len(lines) > 1 and not lines[1].startswith("LINE ") else "see docs/writing-rules.md"
    line = first + int(at[1]) - 1 if at else first
    return UsageError(f"{rule.path}:{line}: {what.rstrip('!?.')}; {hint[:1].lower()}{hint[1:]}")


# --- what the SELECT reads and calls, after DuckDB's own parser -------------------------------------------------------


def _check_tree(con: duckdb.DuckDBPyConnection, rule: Rule, sql: str, first: int, known: _Known) -> None:
    row = con.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()[0]
    tree = json.loads(row[0])
    if tree.get("error"):
        raise UsageError(f"{rule.path}:{first}: DuckDB cannot show how it reads this; write a plain SELECT")
    nodes = list(_nodes(tree))
    named = {entry["key"] for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    # so a name can mean nothing but the expression itself, within its scope and outside
    for name in sorted(named):
        if name.lower() in known.hidden:
            raise UsageError(
                f"{rule.path}:{first}: a common table expression has the name of a view, {name[:_MESSAGE]}; "
                "give it a name of its own"
            )
    encoded = sql.encode()
    for node in nodes:
        wrong = _wrong_node(node, named, known.changing)
        if wrong:
            raise UsageError(f"{rule.path}:{first + _line_ends_before(encoded, node)}: {wrong}")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree, itself before what it holds."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            waiting.extend(reversed(value))


def _line_ends_before(sql: bytes, node: Mapping[str, Any]) -> int:
    """Line ends before a node; none where DuckDB does not say where it stands."""
    places = (node, node.get("function") or {})
    at = min(place.get("query_location", len(sql) + 1) for place in places)
    return sql[:at].count(b"\n") if at <= len(sql) else 0


def _wrong_node(node: Mapping[str, Any], named: set[str], changing: frozenset[str]) -> str:
    """What a rule may not hold, or an empty text."""
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in _SELECTS:
        return "a statement that writes; a rule only reads"
    if kind == "SHOW_REF":
        return "DESCRIBE, SHOW or SUMMARIZE; a rule is a SELECT over the views"
    if node.get("sample"):
        return "a sample gives other rows every time; take all"
    if kind == "BASE_TABLE":
        path = node["qualified_name"]["path"]
        if len(path) != 1 or (path[0] not in VIEWS and path[0] not in named):
            return f"reads {'.'.join(path)[:_MESSAGE]}; a rule reads {', '.join(VIEWS)}, by these names"
    if kind == "TABLE_FUNCTION" and node["function"]["function_name"] not in _TABLE_FUNCTIONS:
        return (
            f"calls {node['function']['function_name']}; the table functions are {', '.join(sorted(_TABLE_FUNCTIONS))}"
        )
    if kind == "COLUMN_REF" and len(node["column_names"]) == 1 and node["column_names"][0].lower() in _CLOCKS:
        return f"asks for {node['column_names'][0]}; what a rule finds may not depend on when it runs"
    if kind == "STAR" and node["columns"] and node["expr"]:
        return "chooses columns by a pattern; name them"
    name = str(node.get("function_name", ""))
    if name == "age" and len(node["arguments"]) == 1:
        return "calls age with one day, which means from then to now; give it two"
    return _wrong_function(name, changing)


def _wrong_function(name: str, changing: frozenset[str]) -> str:
    if name in changing:
        return f"calls {name}; a rule gives the same on every day and in every order"
    if "regex" in name or name in ("~~~", "glob"):
        return "searches text by a pattern; ask signals for an idea, patterns stand in the lexicon"
    return ""


# --- the lock ---------------------------------------------------------------------------------------------------------


def read_lock(path: Path) -> dict[str, tuple[int, str]]:
    """The lock file: id -> (version, sha256 or ``retired``); empty when there is no file. Raises UsageError."""
    locked: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], start=1):
        match line.split():
            case [name, version, sha256] if version.isdigit():
                locked[name] = (int(version), sha256)
            case _:
                raise UsageError(f"{path}:{number}: not `id version sha256`; write it anew with `make golden`")
    return locked


def lock_problems(rules: Iterable[Rule], locked: Mapping[str, tuple[int, str]]) -> tuple[str, ...]:
    """What keeps the rules from being locked: changed without a new version, or retired before."""
    problems = []
    for rule in rules:
        version, sha256 = locked.get(rule.id, (0, ""))
        if sha256 == RETIRED:
            problems.append(f"{rule.path}:1: {rule.id} was retired and its id may not return; take another name")
        elif rule.version < version or (rule.version == version and rule.sha256 != sha256):
            problems.append(f"{rule.path}:1: changed since version {version}; raise `version` and run `make golden`")
    return tuple(problems)


def lock_text(rules: Iterable[Rule], locked: Mapping[str, tuple[int, str]]) -> str:
    """The lock file for these rules; ids that are gone stay as retired. Raises UsageError on a lock problem."""
    rules = tuple(rules)
    problems = lock_problems(rules, locked)
    if problems:
        raise UsageError(problems[0])
    rows = {name: (version, RETIRED) for name, (version, _) in locked.items()}
    rows |= {rule.id: (rule.version, rule.sha256) for rule in rules}
    return "".join(f"{name} {version} {sha256}\n" for name, (version, sha256) in sorted(rows.items()))
