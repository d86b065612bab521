"""The command as people and schedulers meet it: bad input, exit codes, questions in SQL, hostile names, help."""

import csv
import fcntl
import importlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jobs import (
    HARMLESS,
    MATCHING,
    POLICE,
    ROOT,
    SHOP,
    Place,
    Ran,
    as_lines,
    asked,
    ended,
    gateway_row,
    resource_row,
    rows_of,
    start,
    stored,
    write_logs,
    write_register,
)

Aoai = Callable[..., Ran]
NAMES = ["run", "load", "detect", "report", "status", "query", "explain", "rules", "tenants"]


def is_one_clear_line(message: str) -> None:
    """``what is wrong; what would be right``, and no traceback."""
    assert message.startswith("aoai-audit: error: ")
    assert "; " in message
    assert "Traceback" not in message
    assert "\x1b" not in message


def left(place: Place) -> set[str]:
    """What lies beside the logs and the register."""
    return {path.name for path in place.folder.iterdir()} - {"logs", "register.csv"}


@pytest.fixture
def loaded(place: Place, aoai: Aoai) -> Place:
    """A store with two requests and no findings yet."""
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(HARMLESS)), resource_row("two")])
    assert aoai("load", str(place.logs), "--db", str(place.db)).code == 0
    return place


# --- what is given as logs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["missing", "logs/*.json", "logs"])
def test_logs_that_are_not_there_are_a_usage_error_before_anything_is_written(
    given: str, place: Place, aoai: Aoai
) -> None:
    arguments = place.run
    arguments[1] = str(place.folder / given)  # the folder of logs is empty
    ran = aoai(*arguments)
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert str(place.folder / given) in ran.error
    assert left(place) == set()


def test_an_empty_file_is_read_and_counted(place: Place, aoai: Aoai) -> None:
    (place.logs / "a.json").touch()
    (place.logs / "b.json.gz").touch()
    ran = aoai("load", str(place.logs), "--db", str(place.db))
    assert ran.code == 0, ran.err
    assert "files: 2 new" in ran.err
    assert rows_of(place.db, "SELECT count(*), sum(frames) FROM files") == [(2, 0)]


def test_a_binary_file_is_quarantined_line_by_line(place: Place, aoai: Aoai) -> None:
    (place.logs / "a.json").write_bytes(b"\x7fELF\x02\x01\x01\x00\n\xff\xfe\x00\x01\n\x80\x81\n")
    write_logs(place.logs / "b.json", [resource_row("one")])
    ran = aoai("load", str(place.logs), "--db", str(place.db))
    assert ran.code == 3
    assert ran.err.splitlines()[-1] == "exit: 3 input"
    assert rows_of(place.db, "SELECT line, byte_offset, byte_length FROM quarantine ORDER BY line") == [
        (1, 0, 8), (2, 9, 4), (3, 14, 2),
    ]  # fmt: skip
    assert rows_of(place.db, "SELECT request_id FROM requests") == [("one",)]


def test_a_malformed_line_is_named_once_by_file_and_line_and_the_next_run_is_fine(place: Place, aoai: Aoai) -> None:
    good = as_lines([resource_row("one")])
    (place.logs / "a.json").write_bytes(
        good + b'{"category": "RequestResponse",, "x"\n' + as_lines([resource_row("two")])
    )
    first = aoai(*place.run)
    assert first.code == 3, first.err
    assert rows_of(place.db, "SELECT file, line, byte_offset, reason FROM quarantine") == [
        (str((place.logs / "a.json").resolve()), 2, len(good), "not_json")
    ]
    assert rows_of(place.db, "SELECT count(*) FROM requests") == [(2,)]
    (told,) = json.loads((place.reports / "latest" / "run.json").read_bytes())["inputs"]
    assert "1" in repr(told) and told["path"].endswith("/a.json")
    again = aoai(*place.run)
    assert again.code == 0, again.err
    assert rows_of(place.db, "SELECT count(*) FROM quarantine") == [(1,)]


def test_a_cut_gzip_gives_what_comes_before_the_cut(place: Place, aoai: Aoai) -> None:
    rows = [resource_row(f"call-{number:03}") for number in range(300)]
    path = write_logs(place.logs / "a.json.gz", rows)
    path.write_bytes(path.read_bytes()[:-40])
    ran = aoai("load", str(place.logs), "--db", str(place.db))
    assert ran.code == 3
    assert rows_of(place.db, "SELECT state FROM store.files") == [("broken",)]
    ((count,),) = rows_of(place.db, "SELECT count(*) FROM requests")
    assert 0 < count < 300


# --- permissions ------------------------------------------------------------------------------------------------------


@pytest.fixture
def powerless() -> list[str]:
    """What stands before a command that may not pass over permissions."""
    if os.geteuid() != 0:
        return []
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    if not shutil.which("setpriv") or subprocess.run([*drop, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root passes over permissions here")
    return drop


@pytest.fixture
def sealed(place: Place) -> Iterator[Path]:
    """A folder with a log that nobody may list."""
    write_logs(place.logs / "closed" / "a.json", [resource_row("hidden")])
    (place.logs / "closed").chmod(0)
    yield place.logs / "closed"
    (place.logs / "closed").chmod(0o700)


def test_a_folder_that_cannot_be_listed_is_a_usage_error(
    place: Place, sealed: Path, inputs: Path, powerless: list[str]
) -> None:
    ran = ended(start(inputs, "load", str(sealed), "--db", str(place.db), before=powerless))
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert left(place) == set()


def test_a_closed_folder_and_a_closed_file_inside_are_counted_and_the_rest_is_loaded(
    place: Place, sealed: Path, inputs: Path, powerless: list[str]
) -> None:
    write_logs(place.logs / "b.json", [resource_row("open")])
    write_logs(place.logs / "c.json", [resource_row("shut")]).chmod(0)
    ran = ended(start(inputs, "load", str(place.logs), "--db", str(place.db), before=powerless))
    assert ran.code == 3, ran.err
    assert "2 unreadable" in ran.err
    assert rows_of(place.db, "SELECT request_id FROM requests") == [("open",)]
    unread = rows_of(place.db, "SELECT path, reason FROM files WHERE state = 'unreadable' ORDER BY path")
    assert [Path(path).name for path, _ in unread] == ["c.json", "closed"]
    assert all(reason for _, reason in unread)
    (place.logs / "c.json").chmod(0o600)
    sealed.chmod(0o700)
    again = ended(start(inputs, "load", str(place.logs), "--db", str(place.db), before=powerless))
    assert again.code == 0, again.err
    assert {name for (name,) in rows_of(place.db, "SELECT request_id FROM requests")} == {"open", "shut", "hidden"}


def test_a_read_only_report_folder_is_a_usage_error(place: Place, inputs: Path, powerless: list[str]) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    place.reports.mkdir(mode=0o500)
    ran = ended(start(inputs, *place.run, before=powerless))
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert left(place) == {"reports"}


def test_a_store_that_cannot_be_made_is_one_line(place: Place, inputs: Path, powerless: list[str]) -> None:
    (place.folder / "shut").mkdir(mode=0o500)
    write_logs(place.logs / "a.json", [resource_row("one")])
    ran = ended(start(inputs, "load", str(place.logs), "--db", str(place.folder / "shut" / "a.db"), before=powerless))
    assert ran.code in (2, 5)
    is_one_clear_line(ran.error)


# --- the register -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "line", "word"),
    [
        ((POLICE, SHOP.replace(",other,", ",baker,")), 3, "baker"),
        ((POLICE, SHOP.replace(":corner", ":millbrook")), 3, "apim_subscription:millbrook"),
        ((POLICE, POLICE), 3, "millbrook-pd"),
        (("",), 1, "no tenant"),
        ((POLICE, "too,few\n"), 3, "2 cells"),
        ((POLICE.replace("apim_subscription:", "apim:"),), 2, "apim:millbrook"),
    ],
)
def test_a_mistake_in_the_register_is_named_by_file_and_line(
    rows: tuple[str, ...], line: int, word: str, place: Place, aoai: Aoai
) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    write_register(place.register, *rows)
    ran = aoai(*place.run)
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert f"{place.register}:{line}: " in ran.error
    assert word in ran.error
    assert left(place) == set()


def test_an_unknown_column_of_the_register_is_named(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    place.register.write_text(place.register.read_text().replace(",state,", ",planet,", 1))
    ran = aoai(*place.run)
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert f"{place.register}:1: " in ran.error and "planet" in ran.error
    assert left(place) == set()


def test_a_missing_register_is_named(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    place.register.unlink()
    ran = aoai(*place.run)
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert left(place) == set()


# --- the store --------------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_store_is_left_as_it_is(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    place.db.write_bytes(b"this was never a database\n" * 1000)
    ran = aoai(*place.run)
    assert ran.code == 5
    is_one_clear_line(ran.error)
    assert place.db.read_bytes() == b"this was never a database\n" * 1000
    assert not (place.reports / "latest").exists()


@pytest.mark.parametrize("share", [0.0005, 0.1, 0.5, 0.9])
def test_a_truncated_store_is_one_line_and_stays_for_the_rescue(share: float, loaded: Place, aoai: Aoai) -> None:
    whole = loaded.db.read_bytes()
    loaded.db.write_bytes(whole[: int(len(whole) * share)])
    write_logs(loaded.logs / "b.json", [resource_row("three")])
    ran = aoai("load", str(loaded.logs), "--db", str(loaded.db))
    assert ran.code == 5, ran.err
    is_one_clear_line(ran.error)
    snapshot = loaded.db.with_name(loaded.db.name + ".snapshot")
    assert rows_of(snapshot, "SELECT count(*) FROM requests") == [(2,)]


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_a_store_with_damaged_blocks_is_one_line(at: float, loaded: Place, aoai: Aoai) -> None:
    size = loaded.db.stat().st_size
    with loaded.db.open("r+b") as file:
        file.seek(int(size * at))
        file.write(b"\xa5" * int(size * 0.2))
    write_logs(loaded.logs / "b.json", [resource_row("three")])
    ran = aoai(*loaded.run)
    assert ran.code in (0, 5), ran.err  # 0 where nobody needed those blocks
    if ran.code:
        is_one_clear_line(ran.error)


def test_a_damaged_snapshot_is_published_anew(loaded: Place, aoai: Aoai) -> None:
    snapshot = loaded.db.with_name(loaded.db.name + ".snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:5000])
    ran = aoai("load", str(loaded.logs), "--db", str(loaded.db))
    assert ran.code == 0, ran.err
    assert rows_of(snapshot, "SELECT count(*) FROM requests") == [(2,)]


def test_a_database_of_somebody_else_is_refused_and_left_alone(place: Place, aoai: Aoai) -> None:
    with duckdb.connect(str(place.db)) as con:
        con.execute("CREATE TABLE accounts AS SELECT 42 AS balance")
    write_logs(place.logs / "a.json", [resource_row("one")])
    ran = aoai("load", str(place.logs), "--db", str(place.db))
    assert ran.code == 5
    is_one_clear_line(ran.error)
    with duckdb.connect(str(place.db), read_only=True) as con:
        assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("accounts",)]


def test_a_disk_that_is_full_is_one_line_and_the_next_run_does_the_rest(place: Place, inputs: Path) -> None:
    rows = [
        gateway_row(f"call-{number}", **asked(f"{HARMLESS} {number} {os.urandom(2000).hex()}")) for number in range(300)
    ]
    write_logs(place.logs / "a.json", rows)

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, resource.RLIM_INFINITY))

    arguments = ["load", str(place.logs), "--db", str(place.db)]
    ran = ended(start(inputs, *arguments, preexec_fn=fill))
    assert ran.code == 5, ran.err
    is_one_clear_line(ran.error)
    again = ended(start(inputs, *arguments))
    assert again.code == 0, again.err
    assert rows_of(place.db, "SELECT count(*) FROM requests") == [(300,)]


@pytest.mark.parametrize("name", ["status", "query", "explain", "detect", "report"])
def test_a_store_that_is_not_there_is_one_line_and_is_not_made(name: str, place: Place, aoai: Aoai) -> None:
    more = {
        "status": [],
        "query": ["SELECT 1"],
        "explain": ["abcdef"],
        "detect": ["--register", str(place.register)],
        "report": ["--register", str(place.register), "--reports", str(place.reports)],
    }
    ran = aoai(name, *more[name], "--db", str(place.db))
    assert ran.code in (2, 5)
    is_one_clear_line(ran.error)
    assert left(place) <= {"reports"}


# --- reports ----------------------------------------------------------------------------------------------------------


def test_a_file_in_the_way_of_the_reports_is_a_usage_error(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    place.reports.write_text("notes")
    ran = aoai(*place.run)
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert place.reports.read_text() == "notes"
    assert left(place) == {"reports"}


def test_a_report_of_findings_made_with_another_register_is_refused(loaded: Place, aoai: Aoai) -> None:
    arguments = ["--db", str(loaded.db), "--register", str(loaded.register)]
    assert aoai("detect", *arguments).code == 0
    write_register(loaded.register, POLICE)
    ran = aoai("report", *arguments, "--reports", str(loaded.reports))
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert "register" in ran.error


def test_what_is_loaded_and_not_judged_is_in_no_report_and_said(loaded: Place, aoai: Aoai) -> None:
    write_logs(loaded.logs / "more.json", [gateway_row("more", **asked(MATCHING))])
    assert aoai("load", str(loaded.logs), "--db", str(loaded.db)).code == 0
    ran = aoai("report", "--db", str(loaded.db), "--register", str(loaded.register), "--reports", str(loaded.reports))
    assert ran.code == 2
    assert "records" in ran.error
    rows = json.loads(aoai("status", "--db", str(loaded.db), "--format", "json").text)
    assert [row["value"] for row in rows if row["what"] == "judged"] == ["not all of it; run detect or run"]


def test_the_steps_one_by_one_give_what_run_gives(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING)), resource_row("two")])
    aoai(*place.run)
    other = Place(place.folder / "other")
    other.folder.mkdir()
    common = ["--db", str(other.db), "--register", str(place.register)]
    assert aoai("load", str(place.logs), "--db", str(other.db)).code == 0
    assert aoai("detect", *common).code == 0
    ran = aoai("report", *common, "--reports", str(other.reports))
    assert ran.code == 0, ran.err
    assert Path(ran.text.strip()).parent == other.reports
    assert stored(other.db) == stored(place.db)
    for name in ("summary", "coverage"):
        one, two = (here.reports / "latest" / f"{name}.parquet" for here in (place, other))
        assert one.read_bytes() == two.read_bytes()


# --- two at once ------------------------------------------------------------------------------------------------------


def test_a_second_run_exits_with_4_while_another_process_holds_the_lock(loaded: Place, inputs: Path) -> None:
    hold = (
        "import sys; from pathlib import Path; from analyzer.store import Store, locked\n"
        "with locked(Store(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(loaded.db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        before = loaded.db.read_bytes()
        ran = ended(start(inputs, *loaded.run))
        assert ran.code == 4
        is_one_clear_line(ran.error)
        assert str(holder.pid) in ran.error
        assert loaded.db.read_bytes() == before
        holder.communicate(b"")
    assert ended(start(inputs, *loaded.run)).code == 0


def test_a_lock_left_by_a_dead_process_does_not_stop_the_next(loaded: Place, aoai: Aoai) -> None:
    lock = loaded.db.with_name(loaded.db.name + ".lock")
    assert lock.exists()
    lock.write_text("process 1 since 2026-01-01T00:00:00Z\n")
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    assert aoai("load", str(loaded.logs), "--db", str(loaded.db)).code == 0


def test_an_open_snapshot_answers_on_while_a_run_publishes(loaded: Place, inputs: Path) -> None:
    snapshot = loaded.db.with_name(loaded.db.name + ".snapshot")
    with duckdb.connect(str(snapshot), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM requests").fetchall() == [(2,)]
        write_logs(loaded.logs / "b.json", [resource_row("three")])
        ran = ended(start(inputs, "load", str(loaded.logs), "--db", str(loaded.db)))
        assert ran.code == 0, ran.err
        assert con.execute("SELECT count(*), count(DISTINCT request_id) FROM requests").fetchall() == [(2, 2)]
    assert rows_of(snapshot, "SELECT count(*) FROM requests") == [(3,)]


def test_questions_are_answered_while_a_run_holds_the_store(loaded: Place, aoai: Aoai) -> None:
    with loaded.db.with_name(loaded.db.name + ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert aoai("query", "SELECT count(*) FROM requests", "--db", str(loaded.db), "--format", "csv").code == 0
        assert aoai("status", "--db", str(loaded.db)).code == 0


# --- questions --------------------------------------------------------------------------------------------------------

REFUSED = {
    "not a SELECT": "DELETE FROM requests",
    "two statements": "SELECT 1; SELECT 2",
    "nothing": "  ",
    "no SQL": "SELEC 1",
    "a file as a table": "SELECT * FROM '/etc/passwd'",
    "reading text": "SELECT content FROM read_text('/etc/passwd')",
    "reading CSV": "SELECT * FROM read_csv('/etc/passwd')",
    "listing files": "SELECT * FROM glob('/etc/*')",
    "COPY": "COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "EXPORT": "EXPORT DATABASE '{folder}/stolen'",
    "ATTACH": "ATTACH '{folder}/stolen.db'",
    "INSTALL": "INSTALL httpfs",
    "LOAD": "LOAD httpfs",
    "SET": "SET enable_external_access = true",
    "PRAGMA": "PRAGMA enable_profiling",
    "CREATE": "CREATE TABLE t AS SELECT 1",
    "unknown column": "SELECT nonsense FROM requests",
    "unknown table": "SELECT 1 FROM nonsense",
    "unfilled parameter": "SELECT $who",
    "failing cast": "SELECT request_id::INTEGER FROM requests",
    "the tests' own tables": "SELECT * FROM secret_table",
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_question_that_is_not_one_select_over_the_store_is_refused_in_one_line(
    what: str, loaded: Place, aoai: Aoai
) -> None:
    secret_table = pa.table({"x": [1]})  # a name in Python is no table
    assert secret_table.num_rows == 1
    before = left(loaded)
    ran = aoai("query", REFUSED[what].format(folder=loaded.folder), "--db", str(loaded.db))
    assert ran.code == 2, ran.err
    assert ran.out == b""
    assert ran.error.startswith("aoai-audit: error: ")
    assert "root:" not in ran.err
    assert left(loaded) == before


def test_every_format_gives_the_same_rows(loaded: Place, aoai: Aoai) -> None:
    sql = "SELECT request_id, status, shapes FROM requests ORDER BY request_id"

    def asked_for(form: str) -> Ran:
        ran = aoai("query", sql, "--db", str(loaded.db), "--format", form)
        assert ran.code == 0, ran.err
        assert ran.err == ""
        return ran

    rows = [
        {"request_id": "one", "status": 200, "shapes": ["gateway_log"]},
        {"request_id": "two", "status": 200, "shapes": ["resource_log"]},
    ]
    assert json.loads(asked_for("json").text) == rows
    assert [json.loads(line) for line in asked_for("jsonl").text.splitlines()] == rows
    assert pq.read_table(io.BytesIO(asked_for("parquet").out)).to_pylist() == rows
    header, *cells = csv.reader(io.StringIO(asked_for("csv").text))
    assert header == ["request_id", "status", "shapes"]
    assert cells == [["one", "200", "gateway_log"], ["two", "200", "resource_log"]]
    table = asked_for("table").text.splitlines()
    assert [line.split() for line in table] == [header, *cells]


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet", "table"])
def test_no_rows_are_no_error_in_any_format(form: str, loaded: Place, aoai: Aoai) -> None:
    ran = aoai("query", "SELECT request_id FROM requests WHERE false", "--db", str(loaded.db), "--format", form)
    assert ran.code == 0, ran.err
    expected = {"csv": "request_id", "json": "[]", "jsonl": "", "table": ""}
    if form == "parquet":
        assert pq.read_table(io.BytesIO(ran.out)).num_rows == 0
    else:
        assert ran.text.strip() == expected[form]


def test_parameters_are_values_and_never_sql(loaded: Place, aoai: Aoai) -> None:
    sql = "SELECT count(*) AS n FROM requests WHERE request_id = $id"
    for given, count in (("one", 1), ("' OR true --", 0)):
        ran = aoai("query", sql, "--db", str(loaded.db), "--param", f"id={given}", "--format", "jsonl")
        assert (ran.code, ran.text) == (0, f'{{"n": {count}}}\n')
    ran = aoai("query", sql, "--db", str(loaded.db), "--param", "id")
    assert ran.code == 2
    is_one_clear_line(ran.error)


def test_two_columns_of_one_name_both_keep_their_values(loaded: Place, aoai: Aoai) -> None:
    ran = aoai("query", "SELECT 1 AS a, 2 AS a", "--db", str(loaded.db), "--format", "csv")
    assert (ran.code == 0 and ran.text.splitlines()[1] == "1,2") or ran.code == 2


# --- hostile names ----------------------------------------------------------------------------------------------------

ESCAPE = "\x1b]0;owned\x07\x1b[31mred\x1b[2J"
FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def hostile(place: Place, aoai: Aoai) -> Place:
    """Names that would move a cursor, start a formula, or be read as the terminal's markup."""
    url = "https://apim.example.com/openai/deployments/{}/chat/completions"
    write_logs(
        place.logs / "a.json",
        [
            gateway_row("one", url=url.format("%1B%5D0;owned%07%1B%5B31mred"), productId=ESCAPE, **asked(MATCHING)),
            gateway_row("two", subscription=ESCAPE, productId=FORMULA, **asked(MATCHING)),
            gateway_row("three", subscription="[bold]x[/bold]\u202e", productId="[link=http://x]", **asked(MATCHING)),
        ],
    )
    ran = aoai(*place.run)
    assert ran.code == 0, ran.err
    assert not {"\x1b", "\x07", "\u202e"} & set(ran.text + ran.err)
    return place


def test_a_terminal_never_gets_an_escape_from_a_log(hostile: Place, aoai: Aoai) -> None:
    def printed(*arguments: str) -> str:
        ran = aoai(*arguments, "--db", str(hostile.db))
        return ran.text + ran.err

    answers = [
        printed("query", "SELECT request_id, deployment, product, subscription, tenant_id FROM requests"),
        printed("query", 'SELECT product AS "\x1b[31m" FROM requests'),
        printed("query", "SELECT map([product], [1]) AS m, [product] AS l, {'a': product} AS s FROM requests"),
        printed("query", "SELECT product::INTEGER FROM requests"),
        printed("query", "SELECT error(product) FROM requests"),
        printed("status"),
        *(printed("explain", finding) for (finding,) in rows_of(hostile.db, "SELECT finding_id FROM findings LIMIT 9")),
    ]
    for answer in answers:
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(answer), ascii(answer)


def test_markup_in_names_is_printed_as_it_is(hostile: Place, aoai: Aoai) -> None:
    ran = aoai("query", "SELECT product FROM requests WHERE request_id = 'three'", "--db", str(hostile.db))
    assert "[link=http://x]" in ran.text


def test_a_spreadsheet_never_gets_a_formula_from_a_log(hostile: Place, aoai: Aoai) -> None:
    ran = aoai(
        "query", "SELECT product FROM requests WHERE request_id = 'two'", "--db", str(hostile.db), "--format", "csv"
    )
    (_, (cell,)) = csv.reader(io.StringIO(ran.text))
    assert FORMULA in cell
    assert cell[0] not in "=+-@\t\r"


def test_a_report_shows_hostile_names_cleaned(hostile: Place) -> None:
    rows = pq.read_table(hostile.reports / "latest" / "violations.parquet").to_pylist()
    assert rows
    for row in rows:
        shown = [row["tenant_name"], row["deployment"], row["resource"], row["explanation"], row["model"]]
        shown += [piece["excerpt"] for piece in row["evidence"]]
        assert not {"\x1b", "\x07", "\u202e"} & set("".join(text or "" for text in shown))


# --- help and the library ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [[], *([name] for name in NAMES), ["rules", "list"], ["rules", "check"], ["rules", "coverage"]],
    ids=" ".join,
)
def test_help_tells_what_a_command_is_for(words: list[str], aoai: Aoai) -> None:
    ran = aoai(*words, "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert "Usage:" in ran.text
    assert len(ran.text.splitlines()) > 5


def test_the_help_names_every_command_and_every_exit_code(aoai: Aoai) -> None:
    text = aoai("--help").text
    assert all(f" {name} " in text for name in NAMES)
    from analyzer.errors import ExitCode

    assert all(str(int(code)) in text.partition("Exit codes")[2] for code in ExitCode)


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["run"], ["run", "--nonsense"], ["status"], ["query", "SELECT 1", "--format", "xml"]],
    ids=" ".join,
)
def test_a_wrong_command_line_exits_with_2(arguments: list[str], aoai: Aoai) -> None:
    ran = aoai(*arguments)
    assert ran.code == 2
    assert ran.out == b""
    assert "Traceback" not in ran.err


def test_a_day_that_is_none_is_a_usage_error(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    assert aoai(*place.run, "--since", "yesterday").code == 2
    assert left(place) == set()


def test_an_unknown_policy_is_a_usage_error(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    ran = aoai(*place.run, "--policy", "nonsense")
    assert ran.code == 2
    is_one_clear_line(ran.error)
    assert left(place) == set()


def test_the_rules_are_listed(aoai: Aoai) -> None:
    rows = json.loads(aoai("rules", "list", "--format", "json").text)
    assert {"id", "use", "scope", "needs", "version", "title"} <= set(rows[0])
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_the_module_is_the_script(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("aoai-audit")
    if not script.exists():
        pytest.skip("not installed")
    ways = ([str(script)], [sys.executable, "-m", "analyzer"])
    for words in (["--help"], ["run", "--help"], ["status", "--db", str(tmp_path / "none")], []):
        one, two = (
            subprocess.run([*way, *words], capture_output=True, cwd=ROOT, check=False, timeout=60) for way in ways
        )
        assert (one.returncode, one.stdout, one.stderr) == (two.returncode, two.stdout, two.stderr)


def test_a_reader_that_goes_away_is_no_error(loaded: Place, inputs: Path) -> None:
    sql = "SELECT range AS n FROM range(300000)"
    process = start(inputs, "query", sql, "--db", str(loaded.db), "--format", "csv")
    assert process.stdout and process.stdout.readline() == b"n\n"
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize("output", ["table", "csv", "json", "parquet"])
def test_a_run_that_nobody_listens_to_ends_with_its_own_code(place: Place, inputs: Path, output: str) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING))])
    (place.logs / "b.json").write_bytes(b"{broken}\n")
    reading, writing = os.pipe()
    process = start(inputs, *place.run, "--format", output, stdout=writing, stderr=writing)
    for end in (reading, writing):
        os.close(end)
    assert process.wait(timeout=60) == 3
    assert (place.reports / "latest" / "run.json").is_file()


PUBLIC = [
    *("run", "load", "detect", "report", "status", "query", "explain", "load_rules", "run_cases"),
    *("load_packs", "clause_coverage"),
    *("ExitCode", "AnalyzerError", "UsageError", "LockedError", "StoreError"),
]


@pytest.mark.parametrize("name", PUBLIC)
def test_what_the_command_does_can_be_imported(name: str) -> None:
    assert hasattr(importlib.import_module("analyzer"), name)


def test_the_library_does_the_main_job(place: Place, read_once: None) -> None:
    analyzer = importlib.import_module("analyzer")
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING))])
    ended = analyzer.run([str(place.logs)], place.db, place.register, place.reports, fail_on="violation")
    assert ended.code is analyzer.ExitCode.FAIL_ON
    assert ended.changes["appeared"] > 0
    assert analyzer.query(place.db, "SELECT request_id FROM requests").to_pylist() == [{"request_id": "one"}]
    with pytest.raises(analyzer.UsageError):
        analyzer.query(place.db, "DROP TABLE requests")
    with pytest.raises(analyzer.UsageError):
        analyzer.load([str(place.folder / "missing")], place.db)
