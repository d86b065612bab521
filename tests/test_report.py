"""Reports: what stands in them, that they are whole or absent, and that nothing hostile or personal leaves so."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import chain, reporting
from analyzer.errors import ExitCode, StoreError, UsageError
from analyzer.excerpt import INTRODUCED, LIMIT, REDACTIONS, excerpt, matches, plain
from analyzer.store import Store, create_schema
from analyzer.texts import lookup

DAY = datetime(2026, 3, 2)
COLUMNS = """
    finding_id incident_id rule_id rule_version clause_id policy_version use verdict severity outcome status review
    tenant_id tenant_name tenant_class actor role actor_confidence occurred_at last_at request_count request_ids
    request_keys api model deployment resource explanation evidence sources first_run run_id
"""
FIRST, SECOND = "aaaaaa11" + "0" * 24, "aaaaaa22" + "0" * 24
PARQUET = ("violations", "withdrawn", "summary", "coverage")
HOSTILE = '\x1b[31m=HYPERLINK("http://bad.example/x")<script>alert(1)</script>\u202e compare these faces \x07\x00'

Fill = Callable[[str, list[dict[str, Any]]], None]


def add(con: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    """Rows with the columns that matter; the others are null."""
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        con.execute(f"INSERT INTO store.{table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def finding(finding_id: str, keys: Sequence[str], **changes: Any) -> dict[str, Any]:
    return {
        "finding_id": finding_id, "incident_id": "week-10", "rule_id": "faces_compared", "rule_version": 3,
        "clause_id": "COC-FR-US-POLICE", "policy_version": "2026-01", "use": "compare", "verdict": "violation",
        "severity": "high", "outcome": "fulfilled", "tenant_id": "t1", "actor": "us_police", "agency": "Example PD",
        "role": "by", "actor_confidence": 0.9, "occurred_at": DAY.replace(hour=8), "last_at": DAY.replace(hour=9),
        "request_keys": list(keys), "circumstances": {"face": True, "consent": False},
        "explanation": "pictures of faces were compared",
        "evidence": [
            {"request_key": keys[0], "part_no": 0, "signal": "compare.same_person", "char_from": 0, "char_to": 7}
        ],
    } | changes  # fmt: skip


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """Two requests of a police tenant, one of an unknown one, a finding and a review-worthy one, over two files."""
    create_schema(con)
    add(con, "tenants", {
        "tenant_id": "t1", "name": "Example City PD", "registered_class": "", "tenant_class": "us_police",
        "confidence": 0.8, "evidence": ["domain ends in pd.example"], "serves": [],
    })  # fmt: skip
    add(con, "files", *(
        {"file_id": number, "path": f"/logs/{name}", "generation": 2, "prefix_sha256": "f" * 64, "loaded_bytes": 10,
         "loaded_lines": 3, "state": "complete"}
        for number, name in ((1, "b.jsonl"), (2, "a.jsonl"))
    ))  # fmt: skip
    counts = {"frames": 4, "opened": 3, "blank": 0, "quarantined": 1, "pending": 0, "items": 3, "loaded": 2,
              "duplicates": 1, "foreign_items": 0, "unrecognised": 0, "quarantined_items": 0}  # fmt: skip
    add(con, "buckets", {"run_id": "run-1", "file_id": 1, "generation": 2} | counts)
    add(con, "quarantine", {"file_id": 1, "generation": 2, "line": 4, "reason": "not_json", "day": DAY.date()})
    for number, (key, hour, tenant) in enumerate((("k1", 8, "t1"), ("k2", 9, "t1"), ("k3", 10, "unknown:service:x"))):
        add(con, "requests", {
            "request_key": key, "request_id": f"id-{key}", "shapes": ["gateway_log", "llm_log"], "api": "chat",
            "occurred_at": DAY.replace(hour=hour), "model": "gpt-4o", "deployment": "pd-faces", "resource": "/r",
            "prompt_seen": "cut" if key == "k2" else "full" if key == "k1" else "none", "answer_seen": "none",
            "order_uncertain": False,
        })  # fmt: skip
        add(con, "tenant_of", {"request_key": key, "tenant_id": tenant, "conflict": key == "k2"})
        add(con, "parts", {"request_key": key, "part_no": 0, "side": "request", "role": "user", "kind": "text",
                           "text_id": f"text-{key}"})  # fmt: skip
        for file_id, generation in ((2, 2), (1, 2), (1, 1)):
            add(con, "records", {"file_id": file_id, "generation": generation, "line": number + 1,
                                 "byte_offset": number * 100, "byte_length": 90, "sha256": f"{number}" * 64,
                                 "request_key": key})  # fmt: skip
    add(con, "duplicates", {"file_id": 1, "generation": 2, "byte_offset": 100, "request_key": "k2", "of_file_id": 2,
                            "of_byte_offset": 100})  # fmt: skip
    add(con, "signals", {"text_id": "text-k1", "lexicon": "", "signal": "compare.same_person", "idea": "compare",
                         "contexts": ["negation"], "char_from": 0, "char_to": 7})  # fmt: skip
    add(con, "actors", {"request_key": "k1", "actor": "us_police", "role": "by", "confidence": 0.9,
                        "evidence": "tenant class"})  # fmt: skip
    add(con, "findings", finding(SECOND, ["k2"], verdict="review", severity="low"), finding(FIRST, ["k2", "k1"]))
    add(con, "finding_log", *(
        {"run_id": "run-1", "logged_at": DAY, "finding_id": each, "change": "appeared", "cause": "records"}
        for each in (FIRST, SECOND)
    ))  # fmt: skip
    add(con, "rule_days", *(
        {"rule_id": rule, "tenant_id": "t1", "day": DAY.date(), "judged": judged, "blind": blind, "uses": uses}
        for rule, judged, blind, uses in (
            ("faces_compared", 2, {}, 2),
            ("crowd_watched", 1, {"prompt": 1, "answer": 2}, 0),
            ("voices_matched", 0, {"prompt": 2}, 0),
        )
    ))  # fmt: skip
    add(con, "uses", {"rule_id": "faces_compared", "rule_version": 3, "use": "compare", "subject": "k1"})


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        fill(connection)
        yield connection


def texts(text_ids: Sequence[str]) -> dict[str, str]:
    """The stored texts; that of k2 has gone."""
    return {each: "compare this man with our booking photos" for each in text_ids if each != "text-k2"}


def facts(run_id: str = "run-1", **changes: Any) -> reporting.RunFacts:
    rules = tuple(
        reporting.RuleFacts(name, 3, "e" * 64)
        for name in ("voices_matched", "faces_compared", "crowd_watched", "unheard_of")
    )
    known: dict[str, Any] = {
        "run_id": run_id, "unreported": (run_id,), "started_at": datetime(2026, 3, 3, 1, 2, 3),
        "tool_version": "0.1.0", "rules": rules,
        "register": "a" * 64, "lexicon": "b" * 64, "policy": "c" * 64, "exceptions": None,
    }  # fmt: skip
    return reporting.RunFacts(**(known | changes))


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return found


def types(path: Path) -> dict[str, str]:
    with duckdb.connect() as fresh:
        described = fresh.execute("DESCRIBE SELECT * FROM read_parquet($1)", [str(path)]).fetchall()
    return {name: kind for name, kind, *_ in described}


# --- what stands in a report ------------------------------------------------------------------------------------------


def test_violations_have_the_documented_columns_in_order_with_their_types(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    found = types(reporting.write(con, texts, tmp_path, facts()) / "violations.parquet")
    assert list(found) == COLUMNS.split()
    other = {
        "rule_version": "INTEGER",
        "actor_confidence": "DOUBLE",
        "occurred_at": "TIMESTAMP",
        "last_at": "TIMESTAMP",
        "request_count": "BIGINT",
        "request_ids": "VARCHAR[]",
        "request_keys": "VARCHAR[]",
        "evidence": "STRUCT(request_key VARCHAR, part_no INTEGER, role VARCHAR, kind VARCHAR, signal VARCHAR, "
        "excerpt VARCHAR)[]",
        "sources": 'STRUCT(file VARCHAR, line BIGINT, byte_offset BIGINT, byte_length BIGINT, sha256 VARCHAR)[]',
    }  # fmt: skip
    assert {name: kind.replace('"', "") for name, kind in found.items()} == dict.fromkeys(found, "VARCHAR") | other


def test_a_finding_is_written_with_its_tenant_requests_evidence_and_sources(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first, second = rows(reporting.write(con, texts, tmp_path, facts()), "violations")
    assert (first["finding_id"], second["finding_id"]) == (FIRST, SECOND)
    assert (first["tenant_name"], first["tenant_class"]) == ("Example City PD", "us_police")
    assert first["request_keys"] == ["k2", "k1"]
    assert first["request_ids"] == ["id-k2", "id-k1"]
    assert first["request_count"] == 2
    assert (first["api"], first["model"], first["deployment"], first["resource"]) == (
        "chat",
        "gpt-4o",
        "pd-faces",
        "/r",
    )
    assert (first["status"], first["review"], first["first_run"], first["run_id"]) == ("new", "open", "run-1", "run-1")
    assert first["occurred_at"] == DAY.replace(hour=8)


def test_sources_are_the_newest_records_sorted_by_file_and_line_without_repeats(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = rows(reporting.write(con, texts, tmp_path, facts()), "violations")[0]
    places = [(source["file"], source["line"], source["byte_offset"]) for source in first["sources"]]
    assert places == [("/logs/a.jsonl", 1, 0), ("/logs/a.jsonl", 2, 100), ("/logs/b.jsonl", 1, 0)]
    assert first["sources"][0]["sha256"] == "0" * 64


def test_only_cited_texts_are_asked_for_and_a_text_that_is_gone_leaves_the_excerpt_null(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    asked: list[str] = []

    def watched(text_ids: Sequence[str]) -> dict[str, str]:
        asked.extend(text_ids)
        return texts(text_ids)

    add(con, "findings", finding("b" * 32, ["k1"]))
    found = {row["finding_id"]: row for row in rows(reporting.write(con, watched, tmp_path, facts()), "violations")}
    assert sorted(asked) == ["text-k1", "text-k2"]
    assert found["b" * 32]["evidence"] == [
        {"request_key": "k1", "part_no": 0, "role": "user", "kind": "text", "signal": "compare.same_person",
         "excerpt": "compare this man with our booking photos"}
    ]  # fmt: skip
    assert found[SECOND]["evidence"][0]["excerpt"] is None


def test_a_damaged_segment_of_texts_is_told_without_its_words(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store = Store(tmp_path / "a.duckdb")
    segment = store.texts / "2026-03-01" / "a.parquet"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"secret words")
    add(con, "texts", {"text_id": "text-k1", "day": DAY.date(), "segment": "2026-03-01/a.parquet"})
    with pytest.raises(StoreError, match="a segment cannot be read") as caught:
        lookup(con, store)(["text-k1"])
    assert "secret" not in str(caught.value)


def test_a_finding_with_more_sources_than_can_be_listed_says_so(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    con.execute("""
        INSERT INTO store.records (file_id, generation, line, byte_offset, byte_length, sha256, request_key)
        SELECT 2, 2, n, n * 1000, 10, 'x', 'k2' FROM range(10, 1510) AS lines(n)
    """)
    second = rows(reporting.write(con, texts, tmp_path, facts()), "violations")[1]
    assert len(second["sources"]) == 1000
    assert second["explanation"] == "pictures of faces were compared; 1000 of 1501 sources listed"


@pytest.mark.parametrize(
    ("change", "status"), [("changed", "changed"), ("reopened", "reopened"), ("frozen", "known"), (None, "known")]
)
def test_status_tells_what_this_run_changed_and_first_run_stays(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, change: str | None, status: str
) -> None:
    if change:
        add(
            con,
            "finding_log",
            {"run_id": "run-2", "logged_at": DAY.replace(hour=23), "finding_id": FIRST, "change": change},
        )
    first = rows(reporting.write(con, texts, tmp_path, facts("run-2")), "violations")[0]
    assert (first["status"], first["first_run"], first["run_id"]) == (status, "run-1", "run-2")


def test_the_latest_review_counts_and_one_that_saw_fewer_requests_does_not(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    seen = {"finding_id": FIRST, "rule_id": "faces_compared", "clause_id": "COC-FR-US-POLICE",
            "request_keys": ["k1", "k2"], "actor": "us_police", "decided_by": "ann"}  # fmt: skip
    add(con, "reviews",
        seen | {"decision": "confirmed", "decided_at": DAY},
        seen | {"decision": "dismissed", "decided_at": DAY.replace(hour=1)},
        seen | {"decision": "confirmed", "decided_at": DAY.replace(hour=2), "request_keys": ["k1"]},
    )  # fmt: skip
    con.execute("UPDATE store.findings SET rule_id = 'other' WHERE finding_id = $1", [SECOND])
    found = rows(reporting.write(con, texts, tmp_path, facts()), "violations")
    assert [row["review"] for row in found] == ["dismissed", "open"]


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (DAY.replace(hour=9), None, 2),
        (DAY.replace(hour=9, minute=1), None, 0),
        (None, DAY.replace(hour=8), 0),
        (None, DAY.replace(hour=8, minute=1), 2),
    ],
)
def test_the_window_bounds_the_findings_until_is_exclusive(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, since: datetime | None, until: datetime | None, found: int
) -> None:
    folder = reporting.write(con, texts, tmp_path, facts(), since, until)
    assert len(rows(folder, "violations")) == found
    counted = sum(row["violations"] + row["reviews"] for row in rows(folder, "summary"))
    assert counted == found


def test_withdrawn_findings_are_listed_with_cause_and_what_was_known_of_them(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    con.execute("INSERT INTO store.withdrawn FROM store.findings WHERE finding_id = $1", [FIRST])
    con.execute("DELETE FROM store.findings WHERE finding_id = $1", [FIRST])
    add(con, "finding_log", *(
        {"run_id": "run-2", "logged_at": DAY.replace(hour=5), "finding_id": each, "change": "withdrawn",
         "cause": "register: class of t1", "replaced_by": SECOND}
        for each in (FIRST, "c" * 32)
    ))  # fmt: skip
    known, unknown = rows(reporting.write(con, texts, tmp_path, facts("run-2")), "withdrawn")
    assert known["finding_id"] == FIRST
    assert (known["change"], known["cause"], known["replaced_by"]) == ("withdrawn", "register: class of t1", SECOND)
    assert (known["rule_id"], known["clause_id"], known["tenant_id"]) == ("faces_compared", "COC-FR-US-POLICE", "t1")
    assert (known["request_ids"], known["first_run"], known["run_id"]) == (["id-k2", "id-k1"], "run-1", "run-2")
    assert (unknown["finding_id"], unknown["rule_id"]) == ("c" * 32, None)


def test_the_summary_counts_by_tenant_clause_and_day(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert rows(reporting.write(con, texts, tmp_path, facts()), "summary") == [
        {"tenant_id": "t1", "tenant_name": "Example City PD", "tenant_class": "us_police",
         "clause_id": "COC-FR-US-POLICE", "day": date(2026, 3, 2), "violations": 1, "reviews": 1, "critical": 0,
         "high": 1, "medium": 0, "low": 1}
    ]  # fmt: skip


def test_coverage_counts_what_was_not_seen_per_tenant_and_day(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    quarantine, police, unknown = rows(reporting.write(con, texts, tmp_path, facts()), "coverage")
    assert (quarantine["tenant_id"], quarantine["day"], quarantine["quarantined"]) == (None, DAY.date(), 1)
    assert police["requests"] == police["with_content"] == 2
    assert (police["cut"], police["key_conflicts"], police["unknown_tenant"], police["frozen"]) == (1, 1, 0, 0)
    assert dict(police["blind"]) == {"answer": 2, "prompt": 2}
    assert police["largest_gap_seconds"] == 3600
    assert (unknown["tenant_id"], unknown["unknown_tenant"], unknown["without_content"]) == ("unknown:service:x", 1, 1)
    assert (dict(unknown["blind"]), unknown["largest_gap_seconds"]) == ({}, None)


def test_run_json_names_inputs_rules_outputs_and_exit_codes(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    folder = reporting.write(con, texts, tmp_path, facts(exit_codes=(ExitCode.INPUT, ExitCode.FAIL_ON)), since=DAY)
    raw = (folder / "run.json").read_bytes()
    said = json.loads(raw)
    assert list(said) == sorted(said)
    assert [(each["path"], each["sha256"]) for each in said["inputs"]] == [
        ("/logs/a.jsonl", "f" * 64),
        ("/logs/b.jsonl", "f" * 64),
    ]
    assert said["inputs"][0]["buckets"] is None
    assert said["inputs"][1]["buckets"]["quarantined"] == said["buckets"]["quarantined"] == 1
    assert {rule["id"]: rule["outcome"] for rule in said["rules"]} == {
        "crowd_watched": "clean",
        "faces_compared": "uses",
        "unheard_of": "blind",
        "voices_matched": "blind",
    }
    assert said["exit_codes"] == [{"code": 3, "name": "INPUT"}, {"code": 1, "name": "FAIL_ON"}]
    assert said["window"] == {"since": "2026-03-02T00:00:00Z", "until": None}
    assert (said["register"], said["exceptions"]) == ("a" * 64, None)
    assert sorted(said["outputs"]) == [f"{name}.parquet" for name in sorted(PARQUET)]
    for name, output in said["outputs"].items():
        assert output["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert said["outputs"]["coverage.parquet"]["rows"] == 3
    assert chain.head(folder) == hashlib.sha256(raw).hexdigest()


def test_an_empty_store_still_gives_files_with_their_columns(tmp_path: Path) -> None:
    with duckdb.connect() as empty:
        create_schema(empty)
        folder = reporting.write(empty, texts, tmp_path, facts(rules=()))
    assert list(types(folder / "violations.parquet")) == COLUMNS.split()
    for name in PARQUET:
        assert rows(folder, name) == []
        assert types(folder / f"{name}.parquet")


def test_many_findings_are_all_written_in_order(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    con.execute("""
        INSERT INTO store.findings
        SELECT findings.* REPLACE (md5(n::VARCHAR) AS finding_id) FROM store.findings, range(9000) AS numbers(n)
        WHERE verdict = 'review'
    """)
    written = [row["finding_id"] for row in rows(reporting.write(con, texts, tmp_path, facts()), "violations")]
    assert len(written) == 9002
    assert written == sorted(written)


def test_a_read_only_store_is_enough(tmp_path: Path) -> None:
    path = str(tmp_path / "work")
    with duckdb.connect(path) as writer:
        fill(writer)
    with duckdb.connect(path, read_only=True) as reader:
        reader.execute("SET enable_external_access=false")
        folder = reporting.write(reader, texts, tmp_path / "reports", facts())
    assert len(rows(folder, "violations")) == 2


# --- the same input, the same bytes -----------------------------------------------------------------------------------


def test_two_stores_filled_in_another_order_give_the_same_bytes(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with duckdb.connect() as other:
        fill(other)
        for table in ("requests", "records", "parts", "findings", "rule_days", "files", "tenant_of"):
            other.execute(f"CREATE TABLE turned AS SELECT * FROM store.{table} ORDER BY rowid DESC")
            other.execute(f"DELETE FROM store.{table}")
            other.execute(f"INSERT INTO store.{table} SELECT * FROM turned")
            other.execute("DROP TABLE turned")
        one = reporting.write(con, texts, tmp_path / "one", facts())
        two = reporting.write(other, texts, tmp_path / "two", facts())
    for path in sorted(one.iterdir()):
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name


def test_another_run_over_the_same_store_changes_only_the_columns_of_the_run(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    one = reporting.write(con, texts, tmp_path, facts())
    two = reporting.write(con, texts, tmp_path, facts("run-2"))
    for name in ("summary", "coverage"):
        assert (one / f"{name}.parquet").read_bytes() == (two / f"{name}.parquet").read_bytes()
    of_run = ("status", "first_run", "run_id")
    shown = [pq.read_table(each / "violations.parquet").drop_columns(list(of_run)) for each in (one, two)]
    assert shown[0].equals(shown[1])


# --- whole or absent --------------------------------------------------------------------------------------------------


def test_latest_is_swapped_to_each_new_report_and_the_chain_holds_over_three_runs(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    before: dict[str, Any] | None = None
    for run_id in ("run-3", "run-1", "run-2"):  # names do not tell the order
        folder = reporting.write(con, texts, tmp_path, facts(run_id))
        assert (tmp_path / "latest").is_symlink()
        assert (tmp_path / "latest").resolve() == folder.resolve()
        assert not (tmp_path / "latest").readlink().is_absolute()
        assert json.loads((folder / "run.json").read_bytes())["previous"] == before
        before = {"folder": folder.name, "sha256": chain.head(folder)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20260303T010203Z-run-1", "20260303T010203Z-run-2", "20260303T010203Z-run-3", "latest",
    ]  # fmt: skip


def test_a_run_killed_before_the_swap_of_latest_is_still_followed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = reporting.write(con, texts, tmp_path, facts("run-1"))
    second = reporting.write(con, texts, tmp_path, facts("run-2"))
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to(first.name)
    third = reporting.write(con, texts, tmp_path, facts("run-3"))
    assert json.loads((third / "run.json").read_bytes())["previous"]["folder"] == second.name


def test_a_report_that_was_removed_leaves_a_gap_that_the_chain_shows(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    folder = reporting.write(con, texts, tmp_path, facts("run-1"))
    (folder / "run.json").unlink()
    second = reporting.write(con, texts, tmp_path, facts("run-2"))
    assert json.loads((second / "run.json").read_bytes())["previous"] == {"folder": folder.name, "sha256": None}


def test_what_a_killed_run_left_is_removed_and_other_folders_stay(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    (tmp_path / "20260301T000000Z-old.partial").mkdir()
    (tmp_path / "mine.partial").mkdir()
    reporting.write(con, texts, tmp_path, facts())
    assert not (tmp_path / "20260301T000000Z-old.partial").exists()
    assert (tmp_path / "mine.partial").is_dir()


def test_a_failure_half_way_leaves_no_folder_and_latest_as_it_was(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = reporting.write(con, texts, tmp_path, facts())

    def broken(text_ids: Sequence[str]) -> dict[str, str]:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        reporting.write(con, broken, tmp_path, facts("run-2"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.name, "latest"]
    assert (tmp_path / "latest").resolve() == first.resolve()


FULL_DISK = """
import resource, sys
from pathlib import Path
import duckdb
from tests.test_report import facts, fill, texts
from analyzer import reporting
from analyzer.errors import StoreError
with duckdb.connect() as con:
    fill(con)
    con.execute("INSERT INTO store.findings SELECT findings.* REPLACE (md5(n::VARCHAR) AS finding_id)"
                " FROM store.findings, range(2000) AS numbers(n)")
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
    try:
        reporting.write(con, texts, Path(sys.argv[1]), facts("run-2"))
    except StoreError as error:
        print(error)
"""


def test_a_disk_without_room_is_a_store_error_of_one_line_and_the_report_before_stays(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    first = reporting.write(con, texts, tmp_path, facts())
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == f"{tmp_path}: the report could not be written (File too large); make space and run again\n", (
        done.stderr
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.name, "latest"]
    assert (tmp_path / "latest").resolve() == first.resolve()


def test_one_run_cannot_write_its_report_twice(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    folder = reporting.write(con, texts, tmp_path, facts())
    head = chain.head(folder)
    with pytest.raises(StoreError, match="one report"):
        reporting.write(con, texts, tmp_path, facts())
    assert chain.head(folder) == head


def test_check_folder_makes_missing_folders_and_leaves_nothing_in_them(tmp_path: Path) -> None:
    reporting.check_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_way_of_the_reports_is_a_usage_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match=r"a file is in the way; name a folder") as caught:
        reporting.check_folder(tmp_path / place)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_a_usage_error_for_root_too() -> None:
    with pytest.raises(UsageError, match=r"^/proc: no report can be written there \(.+\); name a folder"):
        reporting.check_folder(Path("/proc"))


def test_a_folder_without_room_is_a_usage_error(tmp_path: Path) -> None:
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom analyzer import reporting\n"
        "from analyzer.errors import UsageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: reporting.check_folder(Path(sys.argv[1]))\nexcept UsageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "no report can be written there (File too large)" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_something_else_called_latest_is_not_overwritten(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "latest")
    with pytest.raises(UsageError, match="move it away"):
        reporting.check_folder(tmp_path)


# --- excerpts ---------------------------------------------------------------------------------------------------------

PERSONAL = [
    "ann.lee@example.com", "Ann.Lee+x@mail.example.org", "https://example.com/p?id=ann", "www.example.org/ann",
    "203.0.113.7", "2001:db8::17", "+1 (555) 010-2233", "555-0199", "4012345678", "ABC1234", "12 Maple Street",
    "4 Old Mill Rd", "5/6/80", "May 5, 1980", "5 May 1980", "1980-05-06", "John Smith", "D. Hollis", "Maria de la Cruz",
    "JOHN SMITH", "Officer Kelly", "Mrs. Brown", "a man named Miguel", "O'Brien-Kelly, Ann", "@annlee",
]  # fmt: skip
SECRETS = re.compile(
    r"ann|lee|example|203|2001|010|0199|401|1234|maple|mill|5/6|1980|may 5|5 may|smith|hollis|maria|cruz|john|kelly"
    r"|brown|miguel|brien",
    re.IGNORECASE,
)


@pytest.mark.parametrize("secret", PERSONAL)
@pytest.mark.parametrize(
    "around", ["compare it with {} now", "{} compare", "compare: ({}), please", "say\n{}\tcompare"]
)
def test_what_names_or_numbers_a_person_is_redacted(secret: str, around: str) -> None:
    text = around.format(secret)
    start = text.index("compare")
    shown = excerpt(text, start, start + 7)
    assert not SECRETS.search(shown), shown
    assert "compare" in shown


@pytest.mark.parametrize(
    "text",
    [
        "Identify the person in the photo and compare the faces",
        "Facial Recognition: Compare These Faces With Our Watchlist",
        "match_face(gallery) -> cv::face::compare",
        "top 10 candidates, score 0.91, 2 faces",
        "vergleiche dieses Gesicht mit dem Foto",
        "この顔を照合してください",
    ],
)
def test_words_that_name_nobody_stay_readable(text: str) -> None:
    assert excerpt(text, 0, 8) == text


def test_the_signal_stands_in_the_excerpt_of_a_long_text() -> None:
    text = "lorem ipsum " * 400 + "who is this person" + " dolor sit" * 400
    start = text.index("who")
    shown = excerpt(text, start, start + 18)
    assert "who is this person" in shown
    assert len(shown) <= LIMIT
    assert shown.startswith("…")
    assert shown.endswith("…")


@pytest.mark.parametrize(
    "token", ["picture:" + "ab" * 32, "base64:" + "0f" * 32, "data:image/png;base64,picture:" + "ab" * 32]
)
def test_content_taken_out_of_the_log_is_shown_as_a_picture(token: str) -> None:
    assert excerpt(f"compare {token} with this", 0, 7) == "compare [picture] with this"


OTHER_SHAPES = ["picture:" + "ab" * 32, "FILE:" + "0f" * 16, "Hauptweg 5", "Via Roma 12", "name is ", "a.k.a. "]
REDACTED = st.lists(
    st.sampled_from(PERSONAL + OTHER_SHAPES) | st.text(st.characters(max_codepoint=127), max_size=12)
).map(" ".join)


@given(line=REDACTED)
@settings(max_examples=300, deadline=None)
def test_a_line_of_ascii_is_redacted_as_any_other(line: str) -> None:
    line = plain(line)
    for each in (*REDACTIONS, INTRODUCED):
        found = [match.span() for match in matches(each, line)]
        assert found == [match.span() for match in each.pattern.finditer(line)]


def test_terminal_sequences_bidi_marks_and_formulas_do_not_pass() -> None:
    start = HOSTILE.index("compare")
    assert excerpt(HOSTILE, start, start + 7) == 'HYPERLINK("#")<script>alert(1)</script> compare these faces'
    assert excerpt("@SUM(1) face", 8, 12)[0] not in "=+-@"
    assert excerpt("-- face", 3, 7) == "face"
    assert plain("a\x1b]0;title\x07b\u200b\u2066c\r\n d\x9b31m") == "abc d"


def test_digits_split_by_invisible_characters_are_still_digits() -> None:
    assert excerpt("badge 12\u200b34\u20605 face", 0, 5) == "badge # face"


@given(text=st.text(), start=st.integers(), end=st.integers())
@settings(max_examples=200, deadline=None)
def test_an_excerpt_never_fails_and_is_one_short_line(text: str, start: int, end: int) -> None:
    shown = excerpt(text, start, end)
    assert len(shown) <= LIMIT
    assert shown == plain(shown)
    assert not re.search(r"\d{3}", shown)


LINES = st.text(alphabet=st.sampled_from("ab ,.\n\t\x1b[m\u200b\u202e7=-_:/faceSmith "), max_size=900)


@given(before=LINES, after=LINES, local=st.from_regex(r"[a-z]{3,9}", fullmatch=True), number=st.integers(100, 10**15))
@settings(max_examples=200, deadline=None)
def test_no_address_or_number_survives_whatever_stands_around_it(
    before: str, after: str, local: str, number: int
) -> None:
    address = f"{local}q@mail.example"
    text = f"{before} {address} compare {number} {after}"
    start = text.index("compare", len(before))
    shown = excerpt(text, start, start + 7)
    assert address not in shown
    assert str(number) not in shown
    assert "compare" in shown


def test_hostile_names_are_cleaned_in_a_report(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    con.execute("UPDATE store.tenants SET name = $1", [HOSTILE])
    con.execute("UPDATE store.requests SET deployment = $1, model = $1", [HOSTILE])
    folder = reporting.write(con, lambda ids: dict.fromkeys(ids, HOSTILE), tmp_path, facts())
    shown = json.dumps(rows(folder, "violations") + rows(folder, "summary"), default=str, ensure_ascii=False)
    explained = reporting.explain(con, lambda ids: dict.fromkeys(ids, HOSTILE), FIRST)
    listed = repr(reporting.incidents_table(con))
    for text in (shown, explained, listed):
        assert not set(text) & set("\x1b\x07\x00\u202e")
    assert "\\u001b" not in shown + listed
    assert "\\x1b" not in listed
    assert rows(folder, "violations")[0]["evidence"][0]["excerpt"][0] not in "=+-@"


# --- explain and incidents --------------------------------------------------------------------------------------------


def test_explain_tells_who_what_why_and_where(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE store.findings SET request_keys = ['k1', 'k2'] WHERE finding_id = $1", [FIRST])
    con.execute(
        """UPDATE store.findings SET evidence = [{'request_key': 'k1', 'part_no': 0,
        'signal': 'compare.same_person', 'char_from': 0, 'char_to': 7}] WHERE finding_id = $1""",
        [FIRST],
    )
    told = reporting.explain(con, texts, FIRST[:8].upper())
    for expected in (
        FIRST, "violation, severity high", "pictures of faces were compared",
        "compare, found by rule faces_compared version 3",
        "COC-FR-US-POLICE, policy 2026-01", "not consent, face", "fulfilled", "Example City PD (t1)",
        "us_police, classified",
        "domain ends in pd.example", "us_police, by, agency Example PD, confidence 0.90", "tenant class",
        "compare.same_person in user text", "“compare this man with our booking photos”", "context: negation",
        "/logs/a.jsonl:1", "/logs/b.jsonl:1", "appeared 2026-03-02 00:00:00Z in run run-1: records", "id-k1",
    ):  # fmt: skip
        assert expected in told, expected
    assert told.endswith("\n")


@pytest.mark.parametrize(
    ("given_id", "message"),
    [
        ("aaaaaa", r"^aaaaaa: 2 findings begin so \(aaaaaa110+, aaaaaa220+\); give more characters$"),
        ("bbbbbb", r"no finding begins so; "),
        ("aaaaa", r"give 6 to 32 of its characters"),
        ("'; DROP\x1b[0m TABLE", r"^'; DROP TABLE: is no finding"),
    ],
)
def test_explain_of_none_or_several_findings_says_what_would_be_right(
    con: duckdb.DuckDBPyConnection, given_id: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        reporting.explain(con, texts, given_id)


def test_explain_of_a_withdrawn_finding_says_when_and_why(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DELETE FROM store.findings WHERE finding_id = $1", [FIRST])
    add(
        con,
        "finding_log",
        {"run_id": "run-2", "logged_at": DAY, "finding_id": FIRST, "change": "withdrawn", "cause": "rules"},
    )
    with pytest.raises(UsageError, match="was withdrawn 2026-03-02 00:00:00Z in run run-2: rules"):
        reporting.explain(con, texts, FIRST)


def test_incidents_come_most_serious_first(con: duckdb.DuckDBPyConnection) -> None:
    add(con, "findings",
        finding("1" * 32, ["k3"], incident_id="low", severity="low", verdict="review"),
        finding("2" * 32, ["k3"], incident_id="worst", severity="critical", tenant_id="unknown:service:x", use="watch"),
        finding("3" * 32, ["k3"], incident_id="high", severity="high", verdict="review"),
    )  # fmt: skip
    found = reporting.incidents_table(con)
    assert [each.incident_id for each in found] == ["worst", "week-10", "high", "low"]
    assert (found[0].tenant, found[0].tenant_class, found[0].uses) == ("unknown:service:x", "unknown", ("watch",))
    assert (found[1].findings, found[1].violations, found[1].reviews, found[1].requests) == (2, 1, 1, 2)
    assert (found[1].first_at, found[1].last_at) == (DAY.replace(hour=8), DAY.replace(hour=9))
