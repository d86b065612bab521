"""The main job from exports to the report: what is found, what a second run does, and where no text may be."""

import csv
import gzip
import hashlib
import importlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from jobs import (
    HARMLESS,
    MATCHING,
    POLICE,
    SHOP,
    START,
    Place,
    Ran,
    as_lines,
    asked,
    by_request,
    findings_of,
    gateway_row,
    llm_rows,
    resource_row,
    rows_of,
    stored,
    write_logs,
    write_register,
)

from analyzer.chain import file_hash

Aoai = Callable[..., Ran]
Sampled = tuple[Place, Ran]
RANK = {"none": 0, "review": 1, "violation": 2}
CANARY = "zebrafinchcanary"


def expectations() -> list[dict[str, str]]:
    with Path(__file__).with_name("expected_samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def facts(reports: Path) -> dict[str, Any]:
    return json.loads((reports / "latest" / "run.json").read_bytes())  # type: ignore[no-any-return]


def run_count(reports: Path) -> int:
    return len([path for path in reports.iterdir() if path.is_dir() and not path.is_symlink()])


# --- the samples ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", expectations(), ids=lambda row: f"{row['request_id'][:8]}-{row['verdict']}")
def test_a_sample_request_is_judged_as_its_readme_says(expected: dict[str, str], sampled: Sampled) -> None:
    place, _ = sampled
    reported = by_request(findings_of(place.reports)).get(expected["request_id"], [])
    assert max((row["verdict"] for row in reported), key=RANK.__getitem__, default="none") == expected["verdict"]
    if expected["verdict"] != "none":
        assert {row["clause_id"] for row in reported} >= set(expected["clauses"].split(";"))
        assert expected["outcome"] in {row["outcome"] for row in reported}


def test_every_sample_record_is_loaded_or_counted_and_nothing_is_quarantined(sampled: Sampled) -> None:
    place, ran = sampled
    assert ran.code == 0, ran.err
    (seen,) = rows_of(
        place.db,
        "SELECT sum(frames), sum(opened), sum(items), sum(loaded), sum(duplicates), sum(foreign_items), "
        "sum(unrecognised), sum(quarantined), sum(quarantined_items) FROM store.buckets",
    )
    frames, opened, items, loaded, duplicates, foreign, unrecognised, *quarantined = seen
    assert frames == opened
    assert items == loaded + duplicates + foreign + unrecognised
    assert (duplicates, foreign, unrecognised, quarantined) == (1, 1, 0, [0, 0])
    assert rows_of(place.db, "SELECT count(*) FROM requests") == [(len(expectations()),)]


def test_stderr_tells_what_was_done_and_ends_with_the_exit_code(sampled: Sampled) -> None:
    _, ran = sampled
    assert ran.err.splitlines()[-1] == "exit: 0 done"
    head = next(line for line in ran.err.splitlines() if line.startswith("head: ")).removeprefix("head: ")
    assert len(head) == 64


def test_the_report_has_exactly_the_columns_of_its_contract(sampled: Sampled) -> None:
    place, _ = sampled
    schema = pq.read_schema(place.reports / "latest" / "violations.parquet")
    assert [f"{field.name} {field.type}" for field in schema] == COLUMNS


COLUMNS = (
    """
    finding_id string, incident_id string, rule_id string, rule_version int32, clause_id string, policy_version string
    use string, verdict string, severity string, outcome string, status string, review string, tenant_id string
    tenant_name string, tenant_class string, actor string, role string, actor_confidence double
    occurred_at timestamp[us], last_at timestamp[us], request_count int64
    request_ids list<element: string>, request_keys list<element: string>, api string, model string, deployment string
    resource string, explanation string
""".strip()
    .replace("\n", ", ")
    .split(", ")
)
COLUMNS = [
    *(" ".join(column.split()) for column in COLUMNS),
    "evidence list<element: struct<request_key: string, part_no: int32, role: string, kind: string, signal: string, "
    "excerpt: string>>",
    "sources list<element: struct<file: string, line: int64, byte_offset: int64, byte_length: int64, sha256: string>>",
    "first_run string",
    "run_id string",
]


def test_every_finding_can_be_traced_to_the_bytes_it_rests_on(sampled: Sampled) -> None:
    place, _ = sampled
    rows = findings_of(place.reports)
    assert rows
    sources = {tuple(source.items()) for row in rows for source in row["sources"]}
    for source in map(dict, sources):
        raw = Path(source["file"]).read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        record = raw[source["byte_offset"] : source["byte_offset"] + source["byte_length"]]
        assert hashlib.sha256(record).hexdigest() == source["sha256"]
        assert raw.count(b"\n", 0, source["byte_offset"]) + 1 == source["line"]
    assert all(row["sources"] and row["evidence"] and row["explanation"] for row in rows)
    assert [row["finding_id"] for row in rows] == sorted({row["finding_id"] for row in rows})


def test_run_json_names_every_output_with_its_hash(sampled: Sampled) -> None:
    place, ran = sampled
    told = facts(place.reports)
    for name, output in told["outputs"].items():
        assert file_hash(place.reports / "latest" / name) == output["sha256"]
    assert set(told["outputs"]) == {"violations.parquet", "withdrawn.parquet", "summary.parquet", "coverage.parquet"}
    assert f"head: {file_hash(place.reports / 'latest' / 'run.json')}" in ran.err.splitlines()


def test_keys_stand_once_in_every_table(sampled: Sampled) -> None:
    place, _ = sampled
    for table, key in UNIQUE.items():
        doubled = rows_of(place.db, f"SELECT {key}, count(*) FROM store.{table} GROUP BY {key} HAVING count(*) > 1")
        assert doubled == [], table


UNIQUE = {
    "files": "file_id",
    "records": "file_id, generation, byte_offset",
    "pictures": "sha256",
    "texts": "text_id, day",
    "requests": "request_key",
    "parts": "request_key, part_no",
    "tenant_of": "request_key",
    "sessions": "request_key",
    "outcomes": "request_key",
    "scanned": "text_id, lexicon",
    "tenants": "tenant_id",
    "uses": "rule_id, subject",
    "findings": "finding_id",
    "rule_days": "rule_id, tenant_id, day",
    "runs": "run_id",
}


# --- again ------------------------------------------------------------------------------------------------------------


def test_a_second_identical_run_loads_nothing_changes_nothing_and_still_reports(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING)), gateway_row("two", **asked(HARMLESS))])
    first = aoai(*place.run)
    before, reported, head = (
        stored(place.db),
        findings_of(place.reports),
        file_hash(place.reports / "latest" / "run.json"),
    )
    second = aoai(*place.run)
    assert (first.code, second.code) == (0, 0), second.err
    assert stored(place.db) == before
    assert rows_of(place.db, "SELECT DISTINCT change FROM finding_log") == [("appeared",)]
    assert reported and findings_of(place.reports) == reported
    assert {row["status"] for row in findings_of(place.reports, without=())} == {"known"}
    assert run_count(place.reports) == 2
    assert facts(place.reports)["previous"]["sha256"] == head
    assert "files: 1 unchanged" in second.err


def test_the_same_logs_in_a_new_store_give_the_same_bytes_but_for_the_run(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING)), *llm_rows("two", MATCHING)])
    aoai(*place.run)
    other = Place(place.folder / "other")
    other.folder.mkdir()
    other.logs.symlink_to(place.logs)
    shutil.copy(place.register, other.register)
    aoai(*other.run)
    assert stored(other.db) == stored(place.db) or _differing(stored(other.db), stored(place.db)) == {"files"}
    assert findings_of(other.reports) == findings_of(place.reports)
    for name in ("summary.parquet", "coverage.parquet"):
        assert (other.reports / "latest" / name).read_bytes() == (place.reports / "latest" / name).read_bytes()


def _differing(one: dict[str, list[str]], other: dict[str, list[str]]) -> set[str]:
    return {name for name in one if one[name] != other[name]}


def test_a_changed_register_changes_tenants_and_says_so_in_the_log(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING))])
    aoai(*place.run)
    assert "COC-FR-US-POLICE" in {row["clause_id"] for row in findings_of(place.reports)}
    write_register(place.register, POLICE.replace("us_police", "other"), SHOP)
    again = aoai(*place.run)
    assert again.code == 0, again.err
    assert rows_of(place.db, "SELECT tenant_class FROM tenants WHERE tenant_id = 'millbrook-pd'") == [("other",)]
    assert "COC-FR-US-POLICE" not in {row["clause_id"] for row in findings_of(place.reports)}
    log = rows_of(place.db, "SELECT change, cause FROM finding_log WHERE change <> 'appeared'")
    assert "withdrawn" in {change for change, _ in log}
    assert all(cause.partition(":")[0] == "register" for _, cause in log)
    withdrawn = pq.read_table(place.reports / "latest" / "withdrawn.parquet").to_pylist()
    assert {row["clause_id"] for row in withdrawn} >= {"COC-FR-US-POLICE"}


def test_a_tenant_is_shown_as_it_was_on_the_day_of_a_finding(place: Place, aoai: Aoai) -> None:
    place.register.write_text(
        "tenant_id,name,domain,country,state,class,serves,keys,valid_from,valid_to\n"
        "mill,Millbrook Police Department,,US,OH,us_police,,apim_subscription:millbrook,,2026-06-30\n"
        "mill,Millbrook Bakery,,US,OH,other,,apim_subscription:millbrook,2026-07-01,\n"
    )
    before, after = datetime(2026, 6, 30, 23), datetime(2026, 7, 1, 1)
    calls = [gateway_row("before", before, **asked(MATCHING)), gateway_row("after", after, **asked(MATCHING))]
    write_logs(place.logs / "a.json", calls)
    assert aoai(*place.run).code == 0
    found = by_request(findings_of(place.reports))
    assert {(row["tenant_name"], row["tenant_class"]) for row in found["before"]} == {
        ("Millbrook Police Department", "us_police")
    }
    assert {(row["tenant_name"], row["tenant_class"]) for row in found["after"]} == {("Millbrook Bakery", "other")}
    told = aoai("explain", found["before"][0]["finding_id"], "--db", place.db).out.decode()
    assert "Millbrook Police Department (mill)" in told and "us_police, from the register" in told
    summary = pq.read_table(place.reports / "latest" / "summary.parquet").to_pylist()
    assert {(row["day"].month, row["tenant_name"]) for row in summary} == {
        (6, "Millbrook Police Department"), (7, "Millbrook Bakery"),
    }  # fmt: skip
    assert rows_of(place.db, "SELECT name FROM tenants") == [("Millbrook Bakery",)]


def test_a_key_moved_in_the_register_moves_its_requests(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(HARMLESS))])
    aoai(*place.run)
    write_register(place.register, POLICE.replace(":millbrook", ":elsewhere"), SHOP.replace(":corner", ":millbrook"))
    aoai(*place.run)
    assert rows_of(place.db, "SELECT tenant_id FROM requests") == [("corner-shop",)]


def test_a_gateway_row_that_comes_a_run_later_gives_the_tenant_and_logs_the_change(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "llm.json", llm_rows("one", MATCHING))
    aoai(*place.run)
    assert rows_of(place.db, "SELECT tenant_id FROM requests") == [("unknown:gateway_row_missing",)]
    early = findings_of(place.reports)
    assert early and {row["verdict"] for row in early} == {"review"}
    write_logs(place.logs / "gateway.json", [gateway_row("one", requestBody="{}")])
    assert aoai(*place.run).code == 0
    assert rows_of(place.db, "SELECT tenant_id, len(shapes) FROM requests") == [("millbrook-pd", 2)]
    late = findings_of(place.reports)
    assert {row["tenant_id"] for row in late} == {"millbrook-pd"}
    assert "violation" in {row["verdict"] for row in late}
    kept = {row["finding_id"] for row in early} & {row["finding_id"] for row in late}
    changed = rows_of(place.db, "SELECT finding_id, cause FROM finding_log WHERE change = 'changed'")
    assert {finding_id for finding_id, _ in changed} == kept != set()
    assert all(cause.startswith("records: ") and "tenant_id" in cause for _, cause in changed)


def coverage(reports: Path, *names: str) -> list[tuple[Any, ...]]:
    """Columns of coverage.parquet, without the row of what belongs to no tenant."""
    rows = pq.read_table(reports / "latest" / "coverage.parquet").to_pylist()
    return [tuple(row[name] for name in names) for row in rows if row["tenant_id"] is not None]


def test_a_call_of_an_account_is_joined_only_where_a_gateway_row_names_its_id(place: Place, aoai: Aoai) -> None:
    header = {"Apim-Request-Id": "BACKEND-1"}
    write_logs(place.logs / "account.json", [resource_row("backend-1"), resource_row("backend-2")])
    aoai(*place.run)
    assert [count for (count,) in coverage(place.reports, "not_joined") if count] == [2]
    path = write_logs(place.logs / "gateway.json", [gateway_row("one", backendResponseHeaders=header)])
    aoai(*place.run)
    assert [count for (count,) in coverage(place.reports, "not_joined") if count] == [1]
    assert rows_of(place.db, "SELECT request_id, len(shapes) FROM requests ORDER BY ALL") == [
        ("backend-2", 1),
        ("one", 2),
    ]
    assert rows_of(place.db, "SELECT count(DISTINCT request_key) FROM records WHERE request_id <> 'backend-2'") == [
        (1,)
    ]
    write_logs(path, [gateway_row("two")])
    aoai(*place.run)
    assert [count for (count,) in coverage(place.reports, "not_joined") if count] == [2]
    assert rows_of(place.db, "SELECT sum(requests) FROM coverage") == [(3,)]


def test_calls_of_unknown_operations_are_counted(place: Place, aoai: Aoai) -> None:
    unknown = gateway_row("two", operationId="post-anything", url="https://apim.example.com/anything")
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(HARMLESS)), unknown])
    aoai(*place.run)
    assert coverage(place.reports, "requests", "other_api") == [(2, 1)]


def test_a_record_without_a_readable_time_ends_the_run_with_its_place_in_quarantine(place: Place, aoai: Aoai) -> None:
    untimed = {**gateway_row("two", **asked(MATCHING)), "time": "13/1/2026 10:00:00 AM"}
    good = gateway_row("one", **asked(HARMLESS))
    write_logs(place.logs / "a.json", [good, untimed])
    assert aoai(*place.run).code == 3
    assert rows_of(place.db, "SELECT line, byte_offset, byte_length, reason FROM quarantine") == [
        (2, len(as_lines([good])), len(as_lines([untimed])) - 1, "bad_time")
    ]
    assert rows_of(place.db, "SELECT frames, opened, items, loaded, quarantined_items FROM files") == [(2, 2, 2, 1, 1)]
    assert request_ids(place.db) == {"one"}


# --- how calls end ----------------------------------------------------------------------------------------------------


def choices(*said: dict[str, Any]) -> dict[str, Any]:
    """A chat answer with these messages, all of them ended in the usual way."""
    return {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", **message}} for message in said]}


HELPED, REFUSED = {"content": "Here you are."}, {"content": None, "refusal": "No."}
SORRY = {"content": "I'm sorry, but I can't help with identifying people."}
EMPTY: dict[str, Any] = {"content": ""}
CALLED = {"content": None, "tool_calls": [{"function": {"name": "match", "arguments": "{}"}}]}
SPOKEN = {"content": None, "audio": {"data": "UklGRg==", "transcript": ""}}
STEPS = {"object": "response", "status": "completed", "output": [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "They want a name."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
]}  # fmt: skip
RUN = {"object": "thread.run", "status": "failed"}
OUTCOMES: dict[str, tuple[str, Any, str]] = {
    "one answer": ("chat/completions", choices(HELPED), "fulfilled"),
    "a tool called": ("chat/completions", choices(CALLED), "fulfilled"),
    "sound": ("chat/completions", choices(SPOKEN), "fulfilled"),
    "a picture": ("images/generations", {"data": [{"b64_json": "iVBORw0KGgo="}]}, "fulfilled"),
    "one refusal": ("chat/completions", choices(REFUSED), "refused"),
    "a refusing text": ("chat/completions", choices(SORRY), "refused"),
    "answered and refused": ("chat/completions", choices(HELPED, REFUSED), "fulfilled"),
    "refused in words and answered": ("chat/completions", choices(SORRY, HELPED), "fulfilled"),
    "refused twice": ("chat/completions", choices(SORRY, REFUSED), "refused"),
    "refused and empty": ("chat/completions", choices(REFUSED, EMPTY), "refused"),
    "answered and refused at once": ("chat/completions", choices({**REFUSED, **HELPED}), "refused"),
    "refused after a thought": ("responses", STEPS, "refused"),
    "an empty answer": ("chat/completions", choices(EMPTY), "unknown"),
    "no choices": ("chat/completions", {"choices": []}, "unknown"),
    "usage only": ("chat/completions", {"usage": {"prompt_tokens": 3}}, "unknown"),
    "no answer": ("chat/completions", "", "unknown"),
    "embeddings": ("embeddings", {"data": [{"embedding": [0.1, 0.2]}]}, "fulfilled"),
    "a silent recording": ("audio/transcriptions", {"text": ""}, "fulfilled"),
    "a run that failed": (
        "threads/runs", {**RUN, "last_error": {"code": "server_error", "message": "Sorry."}}, "failed",
    ),
    "a run that was blocked": ("threads/runs", {**RUN, "last_error": {"code": "content_filter"}}, "blocked"),
    "a run that goes on": ("threads/runs", {**RUN, "status": "queued", "last_error": None}, "unknown"),
    "a message put into a thread": ("threads/thread_1/messages", {"role": "user", "content": "Hello."}, "unknown"),
}  # fmt: skip


def test_a_call_ends_as_its_answer_says(place: Place, aoai: Aoai) -> None:
    bodies: dict[str, dict[str, Any]] = {
        name: {
            "url": f"https://apim.example.com/openai/deployments/chat/{path}",
            "operationId": None,
            "requestBody": json.dumps({"messages": [{"role": "user", "content": HARMLESS}]}),
            "responseBody": answer and json.dumps(answer),
        }
        for name, (path, answer, _) in OUTCOMES.items()
    }
    write_logs(place.logs / "a.json", [gateway_row(name, **inner) for name, inner in bodies.items()])
    assert aoai(*place.run).code == 0
    assert dict(rows_of(place.db, "SELECT request_id, outcome FROM requests")) == {
        name: outcome for name, (_, _, outcome) in OUTCOMES.items()
    }


# --- files that change ------------------------------------------------------------------------------------------------


def request_ids(db: Path) -> set[str]:
    return {request_id for (request_id,) in rows_of(db, "SELECT request_id FROM requests")}


def test_a_file_that_grew_is_read_on(place: Place, aoai: Aoai) -> None:
    path = write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING))])
    aoai(*place.run)
    with path.open("ab") as file:
        file.write(as_lines([gateway_row("two", at=START + timedelta(hours=2), **asked(MATCHING))]))
    again = aoai(*place.run)
    assert "files: 1 grown" in again.err
    assert "frames: 1 opened" in again.err
    assert request_ids(place.db) == {"one", "two"}


def test_a_rewritten_file_replaces_its_own_records_only(place: Place, aoai: Aoai) -> None:
    path = write_logs(
        place.logs / "a.json", [gateway_row("one", **asked(MATCHING)), gateway_row("two", **asked(HARMLESS))]
    )
    write_logs(place.logs / "b.json", [gateway_row("three", at=START + timedelta(hours=2), **asked(MATCHING))])
    aoai(*place.run)
    assert {"one", "three"} == set(by_request(findings_of(place.reports)))
    write_logs(path, [gateway_row("four", **asked(HARMLESS)), gateway_row("two", **asked(HARMLESS))])
    again = aoai(*place.run)
    assert again.code == 0, again.err
    assert "1 rewritten" in again.err
    assert request_ids(place.db) == {"two", "three", "four"}
    assert {"three"} == set(by_request(findings_of(place.reports)))
    assert ("withdrawn",) in rows_of(place.db, "SELECT change FROM finding_log")
    for table in ("parts", "tenant_of", "sessions", "outcomes", "actors"):
        orphans = f"SELECT count(*) FROM store.{table} ANTI JOIN store.requests USING (request_key)"
        assert rows_of(place.db, orphans) == [(0,)], table


def test_a_vanished_file_keeps_its_records(place: Place, aoai: Aoai) -> None:
    path = write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING))])
    write_logs(place.logs / "b.json", [gateway_row("two", at=START + timedelta(hours=2), **asked(HARMLESS))])
    aoai(*place.run)
    before = findings_of(place.reports)
    path.unlink()
    assert aoai(*place.run).code == 0
    assert request_ids(place.db) == {"one", "two"}
    assert findings_of(place.reports) == before != []


def test_a_copy_of_a_file_under_another_name_is_counted_as_duplicates_and_changes_no_finding(
    place: Place, aoai: Aoai
) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING)), *llm_rows("two", MATCHING)])
    aoai(*place.run)
    requests = rows_of(place.db, "SELECT * FROM store.requests ORDER BY ALL")
    before = [(row["finding_id"], row["explanation"]) for row in findings_of(place.reports)]
    shutil.copy(place.logs / "a.json", place.logs / "0-copy.json")
    again = aoai(*place.run)
    assert "items: 4 duplicates" in again.err
    assert rows_of(place.db, "SELECT * FROM store.requests ORDER BY ALL") == requests
    assert [(row["finding_id"], row["explanation"]) for row in findings_of(place.reports)] == before
    first = f"{place.logs.resolve()}/0-copy.json"
    assert {file for (file,) in rows_of(place.db, "SELECT file FROM records WHERE duplicate_of IS NULL")} == {first}


def test_one_file_given_in_several_ways_is_one_file(place: Place, aoai: Aoai) -> None:
    path = write_logs(place.logs / "a.json", [resource_row("one")])
    (place.folder / "link").symlink_to(place.logs)
    given = [str(path), str(place.folder / "link"), f"{place.logs}/../logs/*.json", os.path.relpath(path)]
    ran = aoai("load", *given, "--db", str(place.db))
    assert ran.code == 0, ran.err
    assert rows_of(place.db, "SELECT path FROM store.files") == [(str(path.resolve()),)]


@pytest.mark.parametrize("size", [1, 3])
def test_a_file_larger_than_a_batch_is_loaded_whole(
    size: int, place: Place, aoai: Aoai, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analyzer.sources.BLOCK_BYTES", 2_000)
    monkeypatch.setattr("analyzer.loading.BATCH_BYTES", size * 3_000)
    rows = [
        gateway_row(f"call-{number}", at=START + timedelta(minutes=number), **asked(HARMLESS)) for number in range(40)
    ]
    write_logs(place.logs / "a.json", rows)
    write_logs(place.logs / "b.json", [resource_row("last")])
    ran = aoai("load", str(place.logs), "--db", str(place.db))
    assert ran.code == 0, ran.err
    assert request_ids(place.db) == {"last", *(f"call-{number}" for number in range(40))}
    again = aoai("load", str(place.logs), "--db", str(place.db))
    assert "files: 2 unchanged" in again.err


# --- what bounds the report -------------------------------------------------------------------------------------------


def test_since_and_until_bound_the_report_and_nothing_else(place: Place, aoai: Aoai) -> None:
    days = [START + timedelta(days=day) for day in range(3)]
    write_logs(place.logs / "a.json", [gateway_row(f"{at:%d}", at=at, **asked(MATCHING)) for at in days])
    aoai(*place.run, "--since", "2026-06-02", "--until", "2026-06-03T00:00:00")
    assert set(by_request(findings_of(place.reports))) == {"02"}
    assert rows_of(place.db, "SELECT count(DISTINCT request_keys[1]) FROM findings") == [(3,)]
    aoai(*place.run)
    assert set(by_request(findings_of(place.reports))) == {"01", "02", "03"}


def test_fail_on_looks_at_what_appeared_in_this_run(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(MATCHING))])
    first = aoai(*place.run, "--fail-on", "violation")
    assert first.code == 1
    assert first.err.splitlines()[-1] == "exit: 1 fail_on"
    assert 1 in {code["code"] for code in facts(place.reports)["exit_codes"]}
    assert aoai(*place.run, "--fail-on", "violation").code == 0


def test_fail_on_violation_passes_over_reviews_that_fail_on_review_does_not(place: Place, aoai: Aoai) -> None:
    write_logs(place.logs / "a.json", llm_rows("one", MATCHING))  # no gateway row: nobody is named
    assert aoai(*place.run, "--fail-on", "violation").code == 0
    other = Place(place.folder / "other")
    other.folder.mkdir()
    other.logs.symlink_to(place.logs)
    shutil.copy(place.register, other.register)
    assert aoai(*other.run, "--fail-on", "review").code == 1


# --- where no text may be ---------------------------------------------------------------------------------------------


@pytest.fixture
def told(place: Place, aoai: Aoai) -> tuple[Place, Ran]:
    """A store whose every text holds a word that no table may: prompts, answers, tools, a chunk, a broken line."""
    said = asked(f"{CANARY} one. {MATCHING} Then {CANARY} two.", f"{CANARY} is the best match.")
    tool = {"type": "function", "function": {"name": "match_face", "description": f"{CANARY} compares faces"}}
    body = json.loads(said["requestBody"]) | {"tools": [tool]}
    said["requestBody"] = json.dumps(body)
    write_logs(place.logs / "a.json", [gateway_row("one", **said), *llm_rows("two", f"{CANARY} {MATCHING}")])
    (place.logs / "b.json").write_text('{"category": "GatewayLogs", "properties": "' + CANARY + "\n")
    (place.logs / "b.json").write_bytes((place.logs / "b.json").read_bytes() + as_lines([resource_row("three")]))
    return place, aoai(*place.run)


def bytes_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    return ((path, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file())


def test_neither_store_nor_snapshot_nor_run_json_nor_stderr_hold_text(told: tuple[Place, Ran]) -> None:
    place, ran = told
    assert ran.code == 3
    assert CANARY not in ran.err + ran.text
    beside = [path for path in place.folder.iterdir() if path.is_file() and path.name.startswith(place.db.name)]
    assert {path.name.removeprefix(place.db.name) for path in beside} == {"", ".lock", ".snapshot"}
    for path in [*beside, place.reports / "latest" / "run.json"]:
        assert CANARY.encode() not in path.read_bytes(), path
    for path in (place.db, place.db.with_name(place.db.name + ".snapshot")):  # a block may be compressed
        with duckdb.connect(str(path), read_only=True) as con:
            for (table,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                assert CANARY not in repr(con.execute(f"SELECT * FROM store.{table}").fetchall()), table


def test_a_report_holds_text_in_excerpts_only(told: tuple[Place, Ran]) -> None:
    place, _ = told
    rows = findings_of(place.reports, without=())
    assert {"one", "two"} <= set(by_request(rows))
    for row in rows:
        excerpts = [piece.pop("excerpt") or "" for piece in row["evidence"]]
        assert CANARY not in repr(row)
        assert all(len(excerpt) <= 120 for excerpt in excerpts)
    for name in ("withdrawn", "summary", "coverage"):
        assert CANARY not in repr(pq.read_table(place.reports / "latest" / f"{name}.parquet").to_pylist())


def test_the_texts_are_there_for_their_owner_only(told: tuple[Place, Ran]) -> None:
    place, _ = told
    texts = place.db.with_name(place.db.name + ".text")
    found = [text for path in texts.rglob("*.parquet") for text in pq.read_table(path).column("text").to_pylist()]
    assert sum(CANARY in text for text in found) >= 4
    for path in [texts, *(path for path in texts.rglob("*") if path.is_dir())]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_secrets_are_masked_before_anything_is_kept(place: Place, aoai: Aoai) -> None:
    secret = "sk0123456789abcdefghijABCDEFGHIJ"
    picture = "iVBORw0KGgo" + "Ab1/" * 300
    said = asked(f"my header is api-key: {secret} and data:image/png;base64,{picture}")
    row = gateway_row("one", **said, requestHeaders={"api-key": secret, "authorization": f"Bearer {secret}"})
    write_logs(place.logs / "a.json", [row])
    (place.logs / "b.json").write_text('{"api-key": "' + secret + '", broken\n')
    assert aoai(*place.run).code == 3
    for path, content in bytes_of(place.folder):
        if place.logs not in path.parents:
            assert secret.encode() not in content, path
    texts = place.db.with_name(place.db.name + ".text")
    found = [text for path in texts.rglob("*.parquet") for text in pq.read_table(path).column("text").to_pylist()]
    assert not any(secret in text or "Ab1/" * 64 in text for text in found)
    assert any("my header is api-key: ***" in text for text in found)


# --- a run that stopped half-way --------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["_detect", "_note", "_publish", "_report"])
def test_a_run_after_one_that_stopped_before_a_step_publishes_and_reports_everything(
    step: str, place: Place, aoai: Aoai, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_logs(place.logs / "a.json", [gateway_row("one", **asked(HARMLESS))])
    aoai("load", str(place.logs), "--db", str(place.db))
    write_logs(place.logs / "b.json", [gateway_row("two", at=START + timedelta(hours=2), **asked(MATCHING))])

    def stop(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("analyzer.job"), step, stop)
        assert aoai(*place.run).code == 6
    assert aoai(*place.run).code == 0
    assert set(by_request(findings_of(place.reports))) == {"two"}
    snapshot = place.db.with_name(place.db.name + ".snapshot")
    everything = "SELECT * EXCLUDE (explanation) FROM findings ORDER BY ALL"
    assert rows_of(snapshot, everything) == rows_of(place.db, everything) != []


def test_times_are_utc_wherever_the_job_runs(place: Place, aoai: Aoai, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        write_logs(place.logs / "a.json", [resource_row("one", at=datetime(2026, 6, 1, 23, 30))])
        aoai(*place.run)
        assert rows_of(place.db, "SELECT occurred_at FROM requests") == [(datetime(2026, 6, 1, 23, 30),)]
        ran = aoai("query", "SELECT occurred_at FROM requests", "--db", str(place.db), "--format", "csv")
        assert ran.text.splitlines()[1] == "2026-06-01 23:30:00"
    finally:
        monkeypatch.undo()
        time.tzset()
