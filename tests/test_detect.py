"""Rules run over a store: what a use is made of, what a rule cannot do, what it could not see."""

import dataclasses
import itertools
import random
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import PLAIN, made_store, rule_file

from analyzer import shipped
from analyzer.cases import fill, load_cases
from analyzer.detection import find_uses, harden, joined_once, open_reader, restrict, rule_days
from analyzer.errors import StoreError, UsageError
from analyzer.rule_file import read_rule
from analyzer.rules import load_rules
from analyzer.schema import RULE_DAYS, USES
from analyzer.signals import load_lexicon
from analyzer.store import create_schema

SAID: list[Any] = [("compare", [])]
AS_ROWS = "AS t(request_keys, strength, circumstances, evidence)"


def rows_rule(folder: Path, scope: str, *rows: str) -> Path:
    """A rule that gives these rows, each ``keys | strength | circumstances | evidence`` in SQL."""
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    values = ", ".join(
        f"({keys}::VARCHAR[], '{strength}', {circumstances or 'MAP([]::VARCHAR[], []::BOOLEAN[])'}, {evidence or '[]'})"
        for keys, strength, circumstances, evidence in cells
    )
    evidence_type = (
        'STRUCT(request_key VARCHAR, part_no INTEGER, "signal" VARCHAR, char_from INTEGER, char_to INTEGER)[]'
    )
    sql = (
        "SELECT request_keys, strength, circumstances::MAP(VARCHAR, BOOLEAN) AS circumstances, "
        f"evidence::{evidence_type} AS evidence FROM (VALUES {values}) {AS_ROWS}"
    )
    return rule_file(folder, sql, scope=scope)


def found(con: duckdb.DuckDBPyConnection, path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = find_uses(con, load_rules(path)).to_pylist()
    return [{**row, "circumstances": dict(row["circumstances"])} for row in rows]


def error_of(con: duckdb.DuckDBPyConnection, path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        find_uses(con, load_rules(path))
    message = str(caught.value)
    assert message.startswith(f"{path}:") and "\n" not in message
    return message


def place(key: str, part: int, start: int = 0) -> str:
    return f"{{'request_key': '{key}', 'part_no': {part}, 'signal': 's', 'char_from': {start}, 'char_to': {start + 1}}}"


# --- what a use is ----------------------------------------------------------------------------------------------------


def test_a_rule_finds_uses_with_the_columns_of_the_schema(tmp_path: Path) -> None:
    con = made_store([{"key": "a", "said": SAID}, {"key": "b"}])
    table = find_uses(con, load_rules(rule_file(tmp_path)))
    assert table.column_names == [column.name for column in USES.columns]
    (row,) = table.to_pylist()
    assert (row["rule_id"], row["rule_version"], row["use"]) == ("plain", 1, "compare")
    assert (row["subject"], row["request_keys"], row["strength"]) == ("a", ["a"], "strong")
    assert row["evidence"] == [
        {"request_key": "a", "part_no": 0, "signal": "compare.test", "char_from": 0, "char_to": 5}
    ]


def test_no_rule_and_no_row_give_an_empty_table_of_the_same_columns(tmp_path: Path) -> None:
    con = made_store([])
    assert find_uses(con, []).schema == find_uses(con, load_rules(rule_file(tmp_path))).schema
    con.register("u", find_uses(con, []))
    con.execute("INSERT INTO store.uses SELECT * FROM u")


def test_rows_of_one_subject_are_one_use(tmp_path: Path) -> None:
    con = made_store([{"key": "a"}])
    path = rows_rule(
        tmp_path,
        "request",
        f"['a'] | weak | MAP {{'live': false, 'face': false}} | [{place('a', 1)}, {place('a', 0, 7)}]",
        f"['a'] | strong | MAP {{'live': true, 'voice': NULL}} | [{place('a', 0, 7)}, {place('a', 0, 2)}]",
    )
    (use,) = found(con, path)
    assert use["strength"] == "strong"
    assert use["circumstances"] == {"face": False, "live": True}  # true if true in any; null is not known
    assert [(e["part_no"], e["char_from"]) for e in use["evidence"]] == [(0, 2), (0, 7), (1, 0)]


def test_the_subject_of_a_session_is_its_key_when_explicit(tmp_path: Path) -> None:
    con = made_store([{"key": "b", "session": "s"}, {"key": "a", "session": "s"}, {"key": "c", "session": "s"}])
    path = rows_rule(tmp_path, "session", "['a', 'b'] | weak | | ", "['c', 'b'] | weak | | ")
    (use,) = found(con, path)
    assert use["subject"] == "s"
    assert use["request_keys"] == ["a", "b", "c"]  # the earliest of the rows' first requests leads


def test_the_subject_of_a_session_by_silence_is_its_first_request(tmp_path: Path) -> None:
    con = made_store([{"key": key, "session_key": "gap 1"} for key in "abc"])
    path = rows_rule(tmp_path, "session", "['b', 'a', 'c'] | weak | | ")
    (use,) = found(con, path)
    assert (use["subject"], use["request_keys"]) == ("b", ["b", "a", "c"])


def test_the_subject_of_a_stream_is_its_first_request_by_time_then_key(tmp_path: Path) -> None:
    noon = datetime(2026, 6, 1, 12)
    con = made_store([{"key": "c", "at": noon}, {"key": "a", "at": noon}, {"key": "z", "at": noon.replace(hour=11)}])
    path = rows_rule(tmp_path, "stream", "['c', 'a'] | weak | | ", "['c', 'a', 'z'] | strong | | ")
    assert [(use["subject"], use["request_keys"]) for use in found(con, path)] == [
        ("a", ["a", "c"]),
        ("z", ["z", "a", "c"]),
    ]


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(6)), seed=st.integers(0, 99))
def test_uses_do_not_depend_on_the_order_of_rows(order: list[int], seed: int, tmp_path_factory: Any) -> None:
    requests: list[dict[str, Any]] = [{"key": key, "session": "s"} for key in "abcdef"]
    rows = [
        f"['{a}', '{b}'] | {strength} | MAP {{'live': {live}}} | [{place(a, 1)}, {place(b, 0)}]"
        for a, b, strength, live in [
            ("a", "b", "weak", "true"), ("c", "a", "strong", "false"), ("b", "d", "weak", "NULL"),
            ("e", "a", "weak", "false"), ("a", "f", "weak", "true"), ("d", "e", "weak", "false"),
        ]
    ]  # fmt: skip
    shuffled = random.Random(seed).sample(requests, len(requests))
    for request in shuffled:
        request["at"] = datetime(2026, 6, 1, 10, "abcdef".index(request["key"]))
    folder = tmp_path_factory.mktemp("order")
    first = found(made_store(requests), rows_rule(folder, "session", *rows))
    again = found(made_store(shuffled), rows_rule(folder, "session", *(rows[n] for n in order)))
    assert first == again


# --- what breaks the contract -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "row", "says"),
    [
        ("request", "['a', 'b'] | weak | | ", "more than one request"),
        ("session", "['a', 'b'] | weak | | ", "more than one session"),
        ("stream", "['a', 'x'] | weak | | ", "more than one stream"),
        ("request", "[] | weak | | ", "cites no request"),
        ("request", "[NULL] | weak | | ", "cites no request"),
        ("request", "['nobody'] | weak | | ", "is no request"),
        ("request", "['a'] | sure | | ", "another strength"),
        ("request", "['a'] | weak | MAP {'hidden text': true} | ", "circumstance that is not listed"),
        ("request", f"['a'] | weak | | [{place('b', 0)}]", "evidence in a request that it does not cite"),
    ],
)
def test_a_row_that_breaks_the_contract_ends_the_run(tmp_path: Path, scope: str, row: str, says: str) -> None:
    con = made_store([{"key": "a"}, {"key": "b"}, {"key": "x", "deployment": "another"}])
    message = error_of(con, rows_rule(tmp_path, scope, row))
    assert says in message
    assert "hidden text" not in message


def test_keys_of_two_tenants_are_two_sets_even_with_one_session_key(tmp_path: Path) -> None:
    con = made_store([{"key": "a", "session": "s"}, {"key": "b", "session": "s", "tenant": "t2"}])
    assert "more than one session" in error_of(con, rows_rule(tmp_path, "session", "['a', 'b'] | weak | | "))


def test_an_sql_error_names_file_and_line_and_never_what_a_log_holds(tmp_path: Path) -> None:
    con = made_store([{"key": "a", "caller": "secret person", "said": SAID}])
    sql = PLAIN.replace("FROM signals", "FROM signals JOIN requests USING (request_key)").replace(
        "WHERE", "WHERE\n    caller::INTEGER = 3 AND"
    )
    path = rule_file(tmp_path, sql)
    message = error_of(con, path)
    line = path.read_text().splitlines().index("    caller::INTEGER = 3 AND idea = 'compare'") + 1
    assert message.startswith(f"{path}:{line}: the SQL failed on this store")
    assert "secret" not in message


def test_the_error_carries_no_cause_that_a_traceback_would_print(tmp_path: Path) -> None:
    con = made_store([{"key": "a", "caller": "secret person"}])
    path = rows_rule(tmp_path, "request", "['a'] | weak | | ")
    path.write_text(path.read_text() + " WHERE (SELECT max(caller::INTEGER) FROM requests) = 3")
    with pytest.raises(UsageError) as caught:
        find_uses(con, load_rules(path))
    assert caught.value.__suppress_context__ and caught.value.__cause__ is None


def test_a_rule_that_runs_too_long_is_stopped(tmp_path: Path) -> None:
    con = made_store([{"key": f"r{n}"} for n in range(40)])
    harden(con, timeout_ms=200)
    heavy = "AND (SELECT count(*) FROM range(2000000) AS a, range(2000000) AS b WHERE (a.range * b.range) % 7 = 3) = 1"
    con.execute("INSERT INTO store.signals SELECT 'x', 'l1', 's', 'compare', [], 0, 1")
    rule = read_rule(rule_file(tmp_path, PLAIN.replace("FROM signals", "FROM store.signals, requests") + heavy))
    sql = rule.sql.replace("part_no,", "0,", 1).replace("'part_no': part_no", "'part_no': 0")
    with pytest.raises(UsageError, match="ran longer than allowed"):
        find_uses(con, [dataclasses.replace(rule, sql=sql)])


# --- what a rule cannot do --------------------------------------------------------------------------------------------


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path / "audit.duckdb")) as con:
        create_schema(con)
    with open_reader(tmp_path / "audit.duckdb") as con:
        yield con


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('/etc/hostname')",
        "FROM read_csv('/etc/hostname')",
        "FROM '/etc/hostname.csv'",
        "FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/aoai_audit_must_not_exist.csv'",
        "ATTACH '/tmp/aoai_audit_must_not_exist.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "CREATE TABLE store.mine AS SELECT 1",
        "INSERT INTO store.dirty VALUES ('x')",
        "DELETE FROM store.meta",
        "WITH gone AS (DELETE FROM store.meta RETURNING name) SELECT name FROM gone",
        "SELECT request_key FROM some_python_table",
    ],
)
def test_a_reader_refuses_to_reach_out(reader: duckdb.DuckDBPyConnection, sql: str) -> None:
    some_python_table = pa.table({"request_key": ["a"]})
    assert some_python_table.num_rows == 1
    with pytest.raises(duckdb.Error):
        reader.execute(sql).fetchall()
    assert not Path("/tmp/aoai_audit_must_not_exist.csv").exists()
    assert not Path("/tmp/aoai_audit_must_not_exist.duckdb").exists()


def test_a_rule_that_reaches_out_never_runs(reader: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rule = read_rule(rule_file(tmp_path, "SELECT content FROM read_text('/etc/hostname')"))
    with pytest.raises(UsageError, match=r"the SQL failed on this store \(PermissionException\)"):
        find_uses(reader, [rule])


def test_a_reader_counts_time_in_utc_and_hardening_twice_is_once(reader: duckdb.DuckDBPyConnection) -> None:
    harden(reader)
    assert reader.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_a_store_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no store there; name one"), open_reader(tmp_path / "none.duckdb"):
        pass


def test_a_damaged_store_is_an_error_of_another_kind(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened for reading"), open_reader(damaged):
        pass


def test_rules_run_on_a_reader(reader: duckdb.DuckDBPyConnection) -> None:
    rules = load_rules(shipped.folder("queries") / "rules")
    assert find_uses(reader, rules).num_rows == 0
    with restrict(reader, pa.array(["a"])):
        assert find_uses(reader, rules).num_rows == 0


# --- partitions -------------------------------------------------------------------------------------------------------


def test_restricted_views_show_these_requests_only_and_come_back(tmp_path: Path) -> None:
    con = made_store([{"key": "a", "said": SAID}, {"key": "b", "said": SAID}])
    path = rule_file(tmp_path)
    with restrict(con, pa.array(["b"])):
        assert [use["subject"] for use in found(con, path)] == ["b"]
        for view in ("requests", "parts", "signals"):
            assert con.execute(f"SELECT DISTINCT request_key FROM {view}").fetchall() == [("b",)]
    assert [use["subject"] for use in found(con, path)] == ["a", "b"]


def test_views_that_are_joined_once_show_what_the_documented_views_show() -> None:
    con = made_store([{"key": key, "said": SAID} for key in "abc"] + [{"key": "d", "said": []}])
    con.execute("DELETE FROM store.tenant_of WHERE request_key = 'b'")
    con.execute("INSERT INTO store.signals SELECT text_id, 'another lexicon', * EXCLUDE (text_id, lexicon) "
                "FROM store.signals LIMIT 1")  # fmt: skip

    def shown() -> list[Any]:
        views = ("requests", "parts", "signals")
        described = [con.execute(f"DESCRIBE {view}").fetchall() for view in views]
        return [described, *(con.execute(f"FROM {view} ORDER BY ALL").fetchall() for view in views)]

    documented = shown()
    with joined_once(con):
        assert shown() == documented
        assert con.execute("SELECT count(*) FROM signals WHERE tenant_id IS NULL").fetchall() == [(1,)]
    assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall() == [(0,)]
    assert shown() == documented


def test_all_rules_find_the_same_at_once_and_partition_by_partition() -> None:
    folder = shipped.folder("queries")
    rules = load_rules(folder / "rules")
    lexicon = load_lexicon(folder / "lexicon")
    requests = [
        {**request, "id": f"{number} {request['id']}", "tenant": f"t{number % 5}"}
        for rule in rules
        for number, case in enumerate(load_cases(rule))
        for request in [{**r, "id": f"{rule.id} {r['id']}"} for r in case.requests]
    ]
    con = duckdb.connect(config={"threads": 2})
    create_schema(con)
    fill(con, requests, lexicon)
    whole = find_uses(con, rules).to_pylist()
    assert whole
    keys = {
        "request": "request_key",
        "session": "tenant_id || ' ' || session_key",
        "stream": "tenant_id || ' ' || coalesce(deployment, '')",
    }
    parts: list[dict[str, Any]] = []
    for scope, key in keys.items():
        scoped = [rule for rule in rules if rule.scope == scope]
        rows = con.execute(
            f"SELECT {key} AS part, list(request_key) FROM requests GROUP BY part ORDER BY part"
        ).fetchall()
        for chosen in _unions([members for _, members in rows]):
            with restrict(con, pa.array(chosen)):
                parts += find_uses(con, scoped).to_pylist()
    parts.sort(key=lambda use: (use["rule_id"], use["subject"]))
    assert parts == whole


def _unions(sets: list[list[str]]) -> Iterator[list[str]]:
    """The sets, dealt into at most three unions."""
    hands = min(3, len(sets))
    for hand in range(hands):
        yield list(itertools.chain.from_iterable(sets[hand::hands]))


# --- what was judged --------------------------------------------------------------------------------------------------


def days(con: duckdb.DuckDBPyConnection, path: Path) -> dict[tuple[str, date], tuple[int, dict[str, int], int]]:
    rules = load_rules(path)
    table = rule_days(con, rules, find_uses(con, rules))
    assert table.column_names == [column.name for column in RULE_DAYS.columns]
    rows = table.to_pylist()
    return {(r["tenant_id"], r["day"]): (r["judged"], dict(r["blind"]), r["uses"]) for r in rows}


def test_requests_count_as_judged_or_blind_and_uses_where_they_stand(tmp_path: Path) -> None:
    second = datetime(2026, 6, 2)
    con = made_store(
        [
            {"key": "a", "said": SAID},
            {"key": "b", "prompt_seen": "none", "caller": None},
            {"key": "c", "caller": None},
            {"key": "d", "at": second, "said": SAID},
            {"key": "e", "tenant": "t2", "prompt_seen": "none", "api": "face"},
        ]
    )
    assert days(con, rule_file(tmp_path, needs='["prompt", "caller"]')) == {
        ("t1", date(2026, 6, 1)): (1, {"caller": 2, "prompt": 1}, 1),
        ("t1", date(2026, 6, 2)): (1, {}, 1),
        ("t2", date(2026, 6, 1)): (1, {}, 0),  # an api that carries no prompt
    }


@pytest.mark.parametrize(
    ("need", "missing", "there"),
    [
        ("prompt", {"prompt_seen": "none"}, {"prompt_seen": "cut"}),
        ("answer", {"answer_seen": "none"}, {"answer_seen": "fragments"}),
        ("tools", {"tools_seen": False}, {"tools_seen": True}),
        ("picture_bytes", {"pictures_seen": "address_only"}, {"pictures_seen": "none"}),
        ("picture_bytes", {"pictures_seen": "cut"}, {"pictures_seen": "bytes"}),
        ("caller", {"caller": None}, {"caller": "ann"}),
        ("faces", {}, None),
    ],
)
def test_each_need_has_its_blind_requests(
    tmp_path: Path, need: str, missing: dict[str, Any], there: dict[str, Any] | None
) -> None:
    path = rule_file(tmp_path, needs=f'["{need}"]')
    day = ("t1", date(2026, 6, 1))
    assert days(made_store([{"key": "a", **missing}]), path)[day] == (0, {need: 1}, 0)
    if there is not None:
        assert days(made_store([{"key": "a", **there}]), path)[day] == (1, {}, 0)


def test_a_rule_without_needs_judges_everything_and_no_request_gives_no_row(tmp_path: Path) -> None:
    path = rule_file(tmp_path)
    assert days(made_store([]), path) == {}
    assert days(made_store([{"key": "a", "prompt_seen": "none"}]), path)["t1", date(2026, 6, 1)] == (1, {}, 0)
