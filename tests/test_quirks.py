"""What breaks other tools: each oddity of real exports, by name."""

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jobs import ACCOUNT, HARMLESS, Row, as_lines, asked, gateway_row, llm_rows, resource_row, rows_of

import analyzer
from analyzer.job import Ended
from benchmarks import shapes

CALL = next(shapes.calls(1_000_000))


def load(folder: Path, files: dict[str, bytes | list[Row]]) -> Ended:
    """Loads files, given by name below ``logs``."""
    for name, content in files.items():
        path = folder / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else as_lines(content))
    return analyzer.load([str(folder / "logs")], folder / "audit.duckdb")


def asked_of(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return rows_of(folder / "audit.duckdb", sql)


def ids(folder: Path) -> list[str]:
    return [row[0] for row in asked_of(folder, "SELECT request_id FROM store.requests ORDER BY ALL")]


def test_quirk_01_an_incomplete_last_line_waits_and_is_read_when_it_is_whole(tmp_path: Path) -> None:
    whole = as_lines([resource_row("one"), resource_row("two")])
    first = load(tmp_path, {"PT1H.json": whole[:-40]})
    assert first.loaded and first.loaded.buckets["pending"] == 1
    assert first.code == 0
    assert ids(tmp_path) == ["one"]
    load(tmp_path, {"PT1H.json": whole})
    assert ids(tmp_path) == ["one", "two"]


def test_quirk_02_the_path_says_nothing_of_the_time(tmp_path: Path) -> None:
    load(tmp_path, {"y=2026/m=06/d=30/h=23/m=00/PT1H.json": [resource_row("late", datetime(2026, 6, 28, 10))]})
    assert asked_of(tmp_path, "SELECT occurred_at FROM store.requests") == [(datetime(2026, 6, 28, 10),)]


def in_containers(row: Row) -> list[tuple[str, bytes]]:
    columns = [{"name": name, "type": "string"} for name in row]
    table = {"name": "PrimaryResult", "columns": columns, "rows": [list(row.values())]}
    return [
        ("lines", as_lines([row])),
        ("records", as_lines([{"records": [row]}])),
        ("records over many lines", json.dumps({"records": [row]}, indent=2).encode()),
        ("array", json.dumps([row]).encode()),
        ("array of messages", json.dumps([{"records": [row]}]).encode()),
        ("one object over many lines", json.dumps(row, indent=2).encode()),
        ("value", json.dumps({"value": [row], "@odata.nextLink": "https://example.com"}).encode()),
        ("tables", json.dumps({"tables": [table]}).encode()),
    ]


@pytest.mark.parametrize("form", range(8))
def test_quirk_03_every_container_gives_the_same_record(form: int, tmp_path: Path) -> None:
    name, content = in_containers(resource_row("one"))[form]
    load(tmp_path, {"export.json": content})
    assert ids(tmp_path) == ["one"], name


def test_quirk_04_properties_are_a_text_or_an_object_and_bodies_are_encoded_up_to_three_times(tmp_path: Path) -> None:
    in_text = gateway_row("text", **asked(HARMLESS))
    in_text["properties"] = json.dumps(in_text["properties"])
    thrice = gateway_row("thrice", requestBody=json.dumps(json.dumps(asked(HARMLESS)["requestBody"])))
    load(tmp_path, {"a.json": [in_text, gateway_row("object", **asked(HARMLESS)), thrice]})
    seen = asked_of(tmp_path, "SELECT request_id, prompt_seen FROM store.requests ORDER BY ALL")
    assert seen == [("object", "full"), ("text", "full"), ("thrice", "full")]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: b" " + lines.replace(b'{"', b'{ "', 1),
        lambda lines: lines.replace(b"\n", b"\r\n"),
        lambda lines: b"\n\n" + lines + b"\n\n",
        lambda lines: b"\xef\xbb\xbf" + lines,
        lambda lines: lines.decode().encode("utf-16"),
        lambda lines: lines.decode().encode("utf-16-be").join([b"\xfe\xff", b""]),
        lambda lines: lines.replace(b"}\n", b"},\n"),
        lambda lines: gzip.compress(lines[:100]) + gzip.compress(lines[100:]),
    ],
    ids=["blank before", "crlf", "empty lines", "bom", "utf-16", "utf-16-be", "comma behind", "two gzip members"],
)
def test_quirk_05_blanks_line_ends_marks_and_packing_change_nothing(change: Any, tmp_path: Path) -> None:
    lines = as_lines([resource_row("one"), resource_row("two")])
    ended = load(tmp_path, {"PT1H.json": change(lines)})
    assert ids(tmp_path) == ["one", "two"]
    assert ended.code == 0


def test_quirk_06_keys_and_resources_may_be_in_any_case(tmp_path: Path) -> None:
    upper = {key[0].upper() + key[1:]: value for key, value in resource_row("one").items()}
    lower = {key.lower(): value for key, value in resource_row("one").items()} | {"resourceid": ACCOUNT.lower()}
    load(tmp_path, {"a.json": [upper], "b.json": [lower]})
    assert ids(tmp_path) == ["one"]
    assert asked_of(tmp_path, "SELECT record_count FROM store.requests") == [(1,)]  # the second is a duplicate


def test_quirk_07_tenant_is_a_region_tenantid_of_a_row_a_workspace_and_of_a_record_an_entra_tenant(
    tmp_path: Path,
) -> None:
    load(tmp_path, {"a.json": [{**resource_row("one"), "Tenant": "eastus", "tenantId": "E0"}]})
    load(tmp_path, {"b.json": [shapes.diagnostics_row(CALL)]})
    keys = asked_of(
        tmp_path, "SELECT DISTINCT shape, list_filter(tenant_keys, lambda k: k LIKE 'entra%') FROM store.records"
    )
    assert sorted(keys) == [("resource_log", ["entra_tenant:e0"]), ("resource_row", [])]


def test_quirk_08_a_masked_address_stays_as_it_is(tmp_path: Path) -> None:
    load(tmp_path, {"a.json": [{**resource_row("one"), "callerIpAddress": "203.0.113.**"}]})
    assert asked_of(tmp_path, "SELECT caller_ip FROM store.requests") == [("203.0.113.**",)]


@pytest.mark.parametrize("said", ["2026-06-01T10:00:00.1234567Z", "2026-06-01T10:00:00.1234567"])
def test_quirk_09_seven_digits_and_no_zone_are_read_to_the_tick(said: str, tmp_path: Path) -> None:
    load(tmp_path, {"a.json": [{**gateway_row("one"), "time": said, "durationMs": 0}]})
    ticks = 1_780_308_000 * 10_000_000 + 1_234_567
    assert asked_of(tmp_path, "SELECT ticks, started_at FROM store.records") == [
        (ticks, datetime(2026, 6, 1, 10, 0, 0, 123456))
    ]


def test_quirk_10_ticks_beyond_two_to_the_53rd_lose_nothing(tmp_path: Path) -> None:
    row = resource_row("one")
    row["properties"] = json.dumps({**json.loads(row["properties"]), "requestTime": 638_978_186_277_847_539})
    load(tmp_path, {"a.json": [row]})
    (at,) = asked_of(tmp_path, "SELECT occurred_at FROM store.requests")[0]
    assert at.microsecond == 784_753


@pytest.mark.parametrize("duration", [500, "500", "500.0", -5, None, [500]])
def test_quirk_11_numbers_come_as_numbers_texts_lists_or_not_at_all(duration: Any, tmp_path: Path) -> None:
    row = {**gateway_row("one", responseCode="200"), "durationMs": duration}
    load(tmp_path, {"a.json": [row]})
    wanted = {None: None, "-5": -5}.get(None if duration is None else str(duration), 500)
    assert asked_of(tmp_path, "SELECT duration_ms, status FROM store.requests") == [(wanted, 200)]


def test_quirk_12_an_answer_of_no_length_that_was_streamed_is_no_error(tmp_path: Path) -> None:
    row = resource_row("one")
    inner = {**json.loads(row["properties"]), "streamType": "Streaming", "responseLength": 0}
    load(tmp_path, {"a.json": [{**row, "properties": json.dumps(inner)}]})
    assert asked_of(tmp_path, "SELECT stream, status, response_bytes FROM store.requests") == [(True, 200, 0)]


def test_quirk_13_what_comes_twice_counts_once(tmp_path: Path) -> None:
    row, empty = resource_row("one"), {**resource_row("one"), "properties": "{}"}
    first = load(tmp_path, {"a.json": [row, row, empty], "b.json": [row]})
    assert first.loaded and first.loaded.buckets["duplicates"] == 2
    again = load(tmp_path, {"a.json": [row, row, empty], "b.json": [row]})
    assert again.loaded and again.loaded.buckets["items"] == 0
    assert asked_of(tmp_path, "SELECT deployment, record_count FROM store.requests") == [("chat", 2)]


def test_quirk_14_a_csv_has_us_times_a_suffix_in_its_header_and_line_ends_in_its_cells(tmp_path: Path) -> None:
    row = {**shapes.gateway_row(CALL), "LastErrorMessage": "two\nlines, and a comma"}
    content = shapes._csv(lambda call: row).render([CALL])
    assert b"TimeGenerated [UTC]" in content
    assert b'"6/1/2026, ' in content
    ended = load(tmp_path, {"export.csv": content + content.split(b"\r\n", 1)[1]})
    assert ended.code == 0
    place = asked_of(tmp_path, "SELECT line, byte_offset, byte_length FROM store.records ORDER BY line")
    assert [line for line, _, _ in place] == [2, 4]
    starts = [content[offset : offset + length] for _, offset, length in place[:1]]
    assert starts[0].count(b"two\nlines, and a comma") == 1


def test_quirk_15_az_cli_says_all_in_strings_and_none_in_four_words(tmp_path: Path) -> None:
    row = shapes.diagnostics_row(CALL) | {"ResultSignature": "NA", "CallerIPAddress": "None", "Tenant_s": "null"}
    load(tmp_path, {"a.json": shapes._cli(lambda call: row).render([CALL])})
    assert asked_of(tmp_path, "SELECT status, caller_ip, duration_ms FROM store.requests") == [
        (None, None, CALL.milliseconds)
    ]


def test_quirk_16_missing_rows_leave_a_request_that_says_so_and_probes_make_none(tmp_path: Path) -> None:
    failed = llm_rows("failed", HARMLESS)[:2]
    probe = {**failed[0], "correlationId": "probe", "properties": {"requestId": "", "modelName": "", "promptTokens": 0}}
    load(tmp_path, {"a.json": [*failed, probe]})
    assert asked_of(tmp_path, "SELECT request_id, prompt_seen, answer_seen FROM store.requests") == [
        ("failed", "full", "none")
    ]


def test_quirk_17_a_malformed_line_is_quarantined_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = as_lines([resource_row("one")]) + b"{'category': 'RequestResponse'}\n" + b'{"a" 1}\n'
    ended = load(tmp_path, {"a.json": lines + as_lines([resource_row("two")])})
    assert ended.code == 3
    assert ids(tmp_path) == ["one", "two"]
    assert asked_of(tmp_path, "SELECT line, reason FROM store.quarantine ORDER BY line") == [
        (2, "not_json"),
        (3, "not_json"),
    ]


def test_quirk_18_secrets_in_headers_addresses_and_bodies_are_masked_before_they_are_stored(tmp_path: Path) -> None:
    secret = "5f0a3b526a1f4d0e9a552f7d1c4e8b90"
    body = {
        "messages": [{"role": "user", "content": f"use api-key: {secret}"}],
        "dataSources": [{"type": "AzureComputerVision", "parameters": {"key": secret, "computerVisionApiKey": secret}}],
    }
    row = gateway_row(
        "one", url=f"https://apim.example.com/openai/realtime?deployment=chat&api-key={secret}",
        requestHeaders={"api-key": secret, "Authorization": f"Bearer {secret}"}, requestBody=json.dumps(body),
    )  # fmt: skip
    load(tmp_path, {"a.json": [row]})
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "logs" not in path.parts]
    assert written
    assert [path.name for path in written if secret.encode() in path.read_bytes()] == []
    assert asked_of(tmp_path, "SELECT count(*) > 0 FROM store.texts") == [(True,)]


def test_quirk_19_keys_that_nobody_knows_come_and_go(tmp_path: Path) -> None:
    rows = [
        {**resource_row(f"call-{number}"), **({f"New{number}": {"x": [number]}} if number % 3 else {})}
        for number in range(9)
    ]
    del rows[4]["callerIpAddress" if "callerIpAddress" in rows[4] else "durationMs"]
    load(tmp_path, {"a.json": rows})
    assert len(ids(tmp_path)) == 9


def test_quirk_20_an_accounts_id_and_a_gateways_id_are_two_ids_unless_a_header_names_the_other(tmp_path: Path) -> None:
    apart = [resource_row("backend-1"), gateway_row("front-1")]
    named = [resource_row("backend-2"), gateway_row("front-2", backendResponseHeaders={"apim-request-id": "backend-2"})]
    load(tmp_path, {"a.json": apart + named})
    assert ids(tmp_path) == ["backend-1", "front-1", "front-2"]
    shapes_of = asked_of(tmp_path, "SELECT shapes FROM store.requests WHERE request_id = 'front-2'")
    assert shapes_of == [(["gateway_log", "resource_log"],)]
