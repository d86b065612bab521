"""Records of three log shapes, in every form that exporters write them, become the same rows."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import ACCOUNT, GATEWAY, START, TICKS_AT_1970, as_lines, asked, gateway_row, llm_rows, resource_row

from analyzer import masking
from analyzer.reader import chunks, frames
from analyzer.shapes import Mapped, fields, layout, map_frames
from analyzer.shapes.layout import Sample

Row = dict[str, Any]
EXAMPLES = (gateway_row("one", **asked("Hello.")), *llm_rows("two", "Hello."), resource_row("three"))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
ODD = st.sampled_from(
    ["", " NONE ", "na", "Null", "12", " 7 ", "1_0", "0x1", "true", " False", "2026-06-01", "2026-06-01T10:00:00+02:00"]
)
NUMBERS = st.one_of(st.integers(), st.integers(-(2**31) - 2, 2**31 + 2), st.floats(allow_nan=False), st.booleans())
VALUES = st.one_of(st.none(), TEXTS, ODD, NUMBERS, st.lists(st.one_of(NUMBERS, ODD), max_size=2), st.just({"a": 1}))
TIMES = st.one_of(
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "7Z"),
    st.datetimes().map(lambda at: at.isoformat(" ") + "+05:30"),
    st.datetimes().map(datetime.isoformat),
    st.from_regex(r"\A20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9](:[0-5][0-9](:[0-6][0-9]([.,][0-9]{1,10})?)?)?(Z|[+-][0-9:]{2,5})?\Z"),
)  # fmt: skip


def mapped(data: bytes) -> Mapped:
    """What a file with these bytes holds."""
    (only,) = [map_frames(frames(chunk)) for chunk in chunks([data])]
    return only


def records(*rows: Row) -> list[Row]:
    return mapped(as_lines(rows)).records.to_pylist()  # type: ignore[no-any-return]


def record(row: Row, **changed: Any) -> Row:
    """The record that a row gives, with some of its fields changed."""
    (only,) = records({**row, **changed})
    return only


def buckets(data: bytes) -> Counter[str]:
    counts: Counter[str] = Counter()
    for chunk in chunks([data]):
        for row in map_frames(frames(chunk)).seen.to_pylist():
            counts[row["bucket"]] += row["count"]
    return counts


def texts(data: bytes) -> list[str]:
    return mapped(data).texts.column("text").to_pylist()  # type: ignore[no-any-return]


def inside(row: Row, **properties: Any) -> Row:
    """The row with some of its properties changed; ``properties`` stay a text where they are one."""
    held = row["properties"]
    if isinstance(held, str):
        return {**row, "properties": json.dumps({**json.loads(held), **properties})}
    return {**row, "properties": {**held, **properties}}


def without_key(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def same(row: Row) -> Row:
    """A record without what says where it stands."""
    return {name: value for name, value in row.items() if name not in ("line", "byte_offset", "byte_length", "sha256")}


# --- recognised by content --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "bucket"),
    [
        (EXAMPLES[0], "loaded"),
        (EXAMPLES[1], "loaded"),
        (EXAMPLES[-1], "loaded"),
        ({**EXAMPLES[1], "category": "Microsoft.ApiManagement/service/GatewayLlmLogs"}, "loaded"),
        ({**EXAMPLES[0], "category": "Microsoft.ApiManagement/GatewayLogs"}, "loaded"),
        ({**EXAMPLES[-1], "category": "AUDIT"}, "loaded"),
        ({**EXAMPLES[-1], "category": None, "Type": "RequestResponse"}, "loaded"),
        ({**without_key(EXAMPLES[-1], "category"), "type": "RequestResponse"}, "loaded"),
        ({**without_key(EXAMPLES[-1], "category"), "type": "Microsoft.Other"}, "foreign_items"),
        (without_key(EXAMPLES[-1], "resourceId"), "loaded"),
        ({**without_key(EXAMPLES[-1], "resourceId"), "operationName": "Write"}, "foreign_items"),
        (
            {
                **without_key(EXAMPLES[-1], "resourceId"),
                "operationName": "Write",
                "properties": {"ApiName": "Azure OpenAI API version 2024-10-21"},
            },
            "loaded",
        ),
        (
            {
                **without_key(EXAMPLES[-1], "resourceId"),
                "operationName": "Write",
                "category": "AzureOpenAIRequestUsage",
            },
            "loaded",
        ),
        ({**EXAMPLES[-1], "resourceId": GATEWAY}, "foreign_items"),
        ({"category": "AuditEvent", "resourceId": "/subscriptions/x", "time": "2026-06-01T10:00:00Z"}, "foreign_items"),
        ({"TimeGenerated": "2026-06-01T10:00:00Z", "Type": "Heartbeat"}, "foreign_items"),
        ({"category": ["GatewayLogs"], "a": 1}, "unrecognised"),
        ({"level": "info"}, "unrecognised"),
    ],
)
def test_a_record_is_told_by_what_it_says(row: Row, bucket: str) -> None:
    assert {name for name, count in buckets(as_lines([row])).items() if count} == {"frames", "opened", "items", bucket}


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(EXAMPLES).map(lambda row: json.dumps(row).encode()))))
@settings(deadline=None)
def test_buckets_add_up_whatever_the_bytes(lines: list[bytes]) -> None:
    seen = buckets(b"\n".join(lines))
    assert seen["frames"] == seen["opened"] + seen["blank"] + seen["quarantined"] + seen["pending"]
    ends = ("loaded", "duplicates", "foreign_items", "unrecognised", "quarantined_items")
    assert seen["items"] == sum(seen[name] for name in ends)
    assert seen["items"] >= sum(line in [json.dumps(row).encode() for row in EXAMPLES] for line in lines[:-1])


@given(st.lists(st.tuples(st.sampled_from(EXAMPLES), st.dictionaries(st.sampled_from(
    ["time", "Time", "durationMs", "location", "resultSignature", "correlationId", "tenantId", "extra"]), VALUES,
    max_size=3), st.dictionaries(st.sampled_from(["url", "requestTime", "promptTokens", "PromptTokens", "modelName",
    "requestMessages", "requestBody", "sequenceNumber", "isStreamCompletion", "traceRecords", "requestHeaders"]),
    VALUES, max_size=3)), min_size=1, max_size=8))  # fmt: skip
@settings(deadline=None)
def test_a_record_is_the_same_whatever_stands_beside_it(drawn: list[tuple[Row, Row, Row]]) -> None:
    rows = [inside({**row, **outer}, **inner) for row, outer, inner in drawn]
    together = mapped(as_lines(rows))
    alone = [mapped(as_lines([row])) for row in rows]
    for name in ("records", "fragments"):
        expected = [without(row) for one in alone for row in getattr(one, name).to_pylist()]
        assert sorted(map(repr, map(without, getattr(together, name).to_pylist()))) == sorted(map(repr, expected))


@given(st.lists(st.tuples(st.sampled_from(EXAMPLES), st.dictionaries(st.sampled_from(
    ["time", "Time", "durationMs", "location", "category", "resourceId", "properties", "records", "extra"]), VALUES,
    max_size=2), st.dictionaries(st.sampled_from(["url", "promptTokens", "PromptTokens", "modelName", "extra",
    "requestMessages", "requestBody", "isStreamCompletion", "traceRecords", "\0"]), VALUES, max_size=2),
    st.sampled_from([None, None, json.loads, json.dumps, str.upper])), min_size=1, max_size=8))  # fmt: skip
@settings(deadline=None)
def test_records_written_alike_come_out_as_each_by_itself_would(drawn: list[tuple[Row, Row, Row, Any]]) -> None:
    rows = []
    for row, outer, inner, form in drawn:
        changed = inside(row, **inner)
        if form and type(changed["properties"]) is (dict if form is json.dumps else str):
            changed["properties"] = form(changed["properties"])
        rows.append({**changed, **outer})
    data = as_lines(rows)
    fast = mapped(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.shapes.layout.learn", lambda records: None)
        slow = mapped(data)
    for name in ("records", "fragments", "quarantine", "pictures", "texts", "seen"):
        of_both = [Counter(map(repr, getattr(found, name).to_pylist())) for found in (fast, slow)]
        assert of_both[0] == of_both[1], name


def test_the_lines_of_one_exporter_share_a_layout_and_only_odd_ones_go_the_general_way() -> None:
    rows = [row for call in range(20) for row in llm_rows(f"call-{call}", "Hello.")]
    odd = [{**rows[0], "TIME": "x"}, {**rows[1], "properties": "{}"}, {"level": "info"}, [rows[0]]]
    lines = [json.dumps(row).encode() for row in (*rows, *odd)]
    known = layout.learn(Sample("any", row, "properties", row["properties"]) for row in rows)
    assert known is not None
    sheet, rest = layout.read(known, [memoryview(line) for line in lines])
    assert (list(sheet.rows), rest) == (list(range(len(rows))), list(range(len(rows), len(lines))))


def without(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("line", "byte_offset")}


# --- one record in many forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", EXAMPLES)
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_keys_may_be_in_any_case(row: Row, case: Callable[[str], str]) -> None:
    held = row["properties"]
    inner = {case(key): value for key, value in (json.loads(held) if isinstance(held, str) else held).items()}
    other = {case(key): value for key, value in row.items()}
    assert same(record({**other, case("properties"): inner})) == same(record(row))


@pytest.mark.parametrize("row", EXAMPLES)
def test_properties_may_be_an_object_or_json_in_a_text_or_in_a_text_in_a_text(row: Row) -> None:
    held = row["properties"]
    inner = json.loads(held) if isinstance(held, str) else held
    for form in (inner, json.dumps(inner), json.dumps(json.dumps(inner))):
        assert same(record(row, properties=form)) == same(record(row))


def test_members_of_an_envelope_or_array_are_records_at_their_own_places() -> None:
    members = [json.dumps(row).encode() for row in (*EXAMPLES, *EXAMPLES)]
    for start, between, end in (
        (b'{"records": [', b", ", b"]}"),
        (b'{"note": [1], "Records": [', b", ", b"]}"),
        (b" [", b" ,\n", b"]\n"),
    ):
        data = start + between.join(members) + end
        found = mapped(data).records.to_pylist()
        assert {data[row["byte_offset"] :][: row["byte_length"]] for row in found} == set(members)
        assert len({row["byte_offset"] for row in found}) == len(members)
        for row in found:
            raw = data[row["byte_offset"] :][: row["byte_length"]]
            assert row["sha256"] == hashlib.sha256(raw).hexdigest()
            assert row["line"] == data.count(b"\n", 0, row["byte_offset"]) + 1
            assert same(row) in [same(one) for one in records(*EXAMPLES)]


@given(st.lists(VALUES))
def test_columns_of_texts_numbers_and_flags_say_what_their_values_say(values: list[Any]) -> None:
    assert fields.texts(values).to_pylist() == [fields.text(value) for value in values]
    assert fields.numbers(values).to_pylist() == [fields.number(value) for value in values]
    assert fields.numbers(values, 32).to_pylist() == [fields.number(value, 32) for value in values]
    assert fields.flags(values).to_pylist() == [fields.flag(value) for value in values]
    assert fields.times(values).to_pylist() == [fields.ticks(value) for value in values]


@given(TEXTS, st.sampled_from(["", "none", "NA", "Null", "x"]), TEXTS)
def test_a_column_finds_the_words_for_nothing_between_any_blanks(before: str, word: str, after: str) -> None:
    said = before + word + after
    assert fields.texts([said]).to_pylist() == [fields.text(said)]


@given(st.lists(TIMES, min_size=1, max_size=3))
def test_columns_of_times_say_what_their_values_say(values: list[str]) -> None:
    assert fields.times(values).to_pylist() == [fields.ticks(value) for value in values]


@pytest.mark.parametrize("said", ["", " ", "None", "NA", "null", None, False, [], {}])
def test_words_that_mean_nothing_are_null(said: object) -> None:
    assert record(inside(EXAMPLES[1], modelName=said))["model"] is None


@pytest.mark.parametrize(
    ("said", "value"),
    [(5, 5), ("5", 5), ([5], 5), (["5"], 5), (5.0, 5), (5.5, None), ([5, 6], None), (True, None), ("x", None),
     (2**63 - 1, 2**63 - 1), (2**63, None), (10**300, None), (None, None)],
)  # fmt: skip
def test_numbers_may_be_a_number_a_text_or_a_list_of_one(said: object, value: int | None) -> None:
    assert record(inside(EXAMPLES[1], promptTokens=said))["prompt_tokens"] == value


# --- who and when -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "kind", "scope"),
    [(EXAMPLES[0], "gateway", GATEWAY), (EXAMPLES[1], "gateway", GATEWAY), (EXAMPLES[-1], "account", ACCOUNT)],
)
def test_the_key_of_a_request_is_the_hash_of_its_kind_scope_and_id(row: Row, kind: str, scope: str) -> None:
    name = "\0".join((kind, scope.lower(), row["correlationId"]))
    assert record(row)["request_key"] == hashlib.sha256(name.encode()).hexdigest()


def test_a_record_without_an_id_stands_for_itself() -> None:
    row = {**EXAMPLES[-1], "correlationId": "None"}
    first, second = records(row, {**row, "durationMs": 7})
    assert first["request_id"] is None
    assert first["request_key"] == hashlib.sha256(f"raw\0\0{first['sha256']}".encode()).hexdigest()
    assert first["request_key"] != second["request_key"]


def test_the_seventh_digit_of_a_time_is_kept_for_order() -> None:
    found = record(EXAMPLES[0], time="2026-06-01T10:00:00.1234567Z")
    assert found["recorded_at"] == datetime(2026, 6, 1, 10, 0, 0, 123456)
    assert found["ticks"] % 10_000_000 == 1_234_567


@pytest.mark.parametrize("said", ["2026-06-01T12:00:00+02:00", "2026-06-01T10:00:00", "2026-06-01 10:00:00.0000000Z"])
def test_times_are_utc_whatever_zone_they_are_said_in(said: str) -> None:
    assert record(EXAMPLES[0], time=said)["recorded_at"] == datetime(2026, 6, 1, 10)


def test_a_call_starts_at_its_request_time_or_before_its_end_or_when_it_was_logged() -> None:
    row = EXAMPLES[-1]
    exact = inside(row, requestTime=TICKS_AT_1970 + 17_803_044_001_234_567)
    assert record(exact)["started_by"] == "request_time"
    assert record(exact)["started_at"] == datetime(2026, 6, 1, 9, 0, 0, 123456)
    for said, by, early in ((500, "time_minus_duration", 500), ("500", "time_minus_duration", 500), (-1, "time", 0)):
        found = record(inside(row, requestTime=7), durationMs=said)
        assert (found["started_by"], found["started_at"]) == (by, START - timedelta(milliseconds=early))


@pytest.mark.parametrize("duration", [2**62, 10**15, 10**40])
def test_a_duration_beyond_all_years_gives_no_start(duration: int) -> None:
    assert record(EXAMPLES[0], durationMs=duration)["started_at"] in (None, START)


def test_a_gateway_row_tells_what_its_addresses_and_headers_say() -> None:
    row = inside(
        EXAMPLES[0],
        url="https://apim.example.com/x/threads/thread_1/runs?api-version=2024-05-01",
        backendUrl="https://OAI.example.com/openai/deployments/a%20b/chat/completions",
        operationId=None,
        traceRecords=[{"metadata": {"OID": "person-1", "tid": "Tenant-1"}}],
        requestHeaders={"X-User": "header-1"},
        backendResponseHeaders={"apim-request-id": "backend-1"},
    )
    found = record(row)
    said = {name: found[name] for name in (
        "api", "api_version", "deployment", "backend", "caller", "session_kind", "session_id", "backend_request_id",
    )}  # fmt: skip
    assert said == {
        "api": "assistants", "api_version": "2024-05-01", "deployment": "a b", "backend": "oai.example.com",
        "caller": "person-1", "session_kind": "thread", "session_id": "thread_1", "backend_request_id": "backend-1",
    }  # fmt: skip
    assert found["tenant_keys"] == [
        "apim_subscription:millbrook", "apim_product:ai", "entra_tenant:tenant-1",
        "azure_subscription:5e0c2a10-0000-4000-8000-00000000000a",
    ]  # fmt: skip
    assert record(inside(row, traceRecords="[]"))["caller"] == "header-1"
    assert record(inside(row, url="http://[::1", backendUrl=7))["api"] is None


@pytest.mark.parametrize(
    ("path", "thread"),
    [
        ("/openai/threads/thread_abc", "thread_abc"),
        ("/openai/v1/threads/thread_abc/messages/msg_1", "thread_abc"),
        ("/openai/threads/runs", None),  # makes a thread and runs it: no call knows the id yet
        ("/openai/threads", None),
        ("/openai/threads/{thread_id}/runs", None),
        ("/openai/deployments/chat/chat/completions", None),
    ],
)
def test_a_session_is_explicit_only_where_the_address_names_a_thread(path: str, thread: str | None) -> None:
    found = record(inside(EXAMPLES[0], url=f"https://apim.example.com{path}?api-version=2024-05-01-preview"))
    assert (found["session_id"], found["session_kind"]) == (thread, thread and "thread")


def test_a_record_without_a_resource_or_with_its_category_as_type_says_the_same_but_for_its_scope() -> None:
    row = EXAMPLES[-1]
    typed = {("type" if name == "category" else name): value for name, value in row.items()}
    assert same(record(typed)) == same(record(row))
    found = record(without_key(row, "resourceId"))
    assert found["request_key"] == hashlib.sha256(f"account\0\0{row['correlationId']}".encode()).hexdigest()
    assert (found["scope"], found["resource"], found["category"]) == ("", None, "RequestResponse")


@pytest.mark.parametrize(
    ("operation", "api"),
    [
        ("ChatCompletions_Create", "chat"),
        ("Creates a completion for the chat message", "chat"),
        ("Face - Detect", "face"),
        ("PersonGroup Person - Add Face", "face"),
        ("LargeFaceList_Create", "face"),
        ("Find Similar", "face"),
        ("Surface_Get", None),
        ("Detect", None),
        ("Create_Vector_Store_File", "assistants"),
        ("Get Text Blocklist", "content_safety"),
        ("ListKey", "key_list"),
        ("getModelInfo", "model_info"),
        ("Projects_Get", None),
    ],
)
def test_the_api_of_a_call_is_told_by_its_operation(operation: str, api: str | None) -> None:
    assert record(EXAMPLES[-1], operationName=operation)["api"] == api


def test_an_operation_that_tells_nothing_is_told_by_the_name_of_its_api() -> None:
    row = {**EXAMPLES[-1], "operationName": "Detect"}
    assert record(inside(row, apiName="Face API - v1.0"))["api"] == "face"
    assert record(inside(row, apiName="Content Safety Service"))["api"] == "content_safety"
    assert record(inside(row, apiName="Azure OpenAI API version 2024-10-21"))["api"] is None


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/openai/deployments/d/chat/completions", "chat"),
        ("/openai/v1/chat/completions/chatcmpl-1/messages", "chat"),
        ("/openai/deployments/d/completions", "completion"),
        ("/openai/deployments/responses/embeddings", "embedding"),
        ("/openai/deployments/threads/anything", None),
        ("/openai/images/generations:submit", "image_generate"),
        ("/openai/operations/images/0f1e", "image_generate"),
        ("/openai/responses/resp_1/input_items", "responses"),
        ("/openai/responses/resp_1/cancel", "responses"),
        ("/openai/threads/thread_1/runs/run_1/steps", "assistants"),
        ("/openai/threads/thread_1/runs/run_1/cancel", "assistants"),
        ("/openai/threads/runs", "assistants"),
        ("/openai/vector_stores/vs_1/files", "assistants"),
        ("/openai/realtime/sessions", "realtime"),
        ("/face/v1.0/detect", "face"),
        ("/face/openai/deployments/d/chat/completions", "chat"),
        ("/surface/v1.0/detect", None),
        ("/contentsafety/text:analyze", "content_safety"),
        ("/openai/models", None),
    ],
)
def test_the_api_of_a_call_is_told_by_its_address(path: str, api: str | None) -> None:
    row = inside(EXAMPLES[0], url=f"https://apim.example.com{path}?api-version=1", operationId=None)
    assert record(row)["api"] == api


def test_a_probe_of_the_gateway_makes_no_request() -> None:
    probe = inside(EXAMPLES[1], requestId="", modelName="", promptTokens=0, completionTokens=0)
    assert record(probe)["makes_request"] is False
    assert record(inside(probe, promptTokens=1))["makes_request"] is True
    assert record(inside(probe, requestMessages="[]"))["makes_request"] is True
    assert record(inside(probe, requestId=None))["makes_request"] is True


def test_only_records_of_calls_make_requests() -> None:
    told = {
        name: record(EXAMPLES[-1], category=name)["makes_request"] for name in ("RequestResponse", "Audit", "Trace")
    }
    assert told == {"RequestResponse": True, "Audit": False, "Trace": False}


# --- texts ------------------------------------------------------------------------------------------------------------


@given(TEXTS.filter(bool), st.sampled_from(["requestMessages", "responseMessages"]), st.booleans())
@settings(deadline=None)
def test_any_text_comes_out_as_it_went_in(said: str, name: str, as_ascii: bool) -> None:
    line = json.dumps(inside(EXAMPLES[1], **{name: said}), ensure_ascii=as_ascii).encode()
    found = mapped(line + b"\n")
    assert found.texts.column("text").to_pylist() == [said]
    (fragment,) = found.fragments.to_pylist()
    assert fragment["chars"] == len(said)
    assert fragment["text_id"] == hashlib.sha256(said.encode()).hexdigest()[:32]
    assert fragment["side"] == name.removesuffix("Messages")


def test_messages_that_are_no_text_are_kept_as_json() -> None:
    row = inside(EXAMPLES[1], requestMessages=[{"role": "user", "content": "é", "n": 2**70}], responseMessages={"a": 1})
    assert texts(as_lines([row])) == ['[{"role":"user","content":"é","n":1180591620717411303424}]', '{"a":1}']


def test_both_bodies_of_a_gateway_row_are_kept_apart() -> None:
    row = inside(EXAMPLES[0], requestBody="a", backendRequestBody="b", responseBody="c", backendResponseBody="")
    found = mapped(as_lines([row]))
    said = dict(zip(found.texts.column("text_id").to_pylist(), found.texts.column("text").to_pylist(), strict=True))
    assert sorted((row["side"], row["source"], said[row["text_id"]]) for row in found.fragments.to_pylist()) == [
        ("request", "backend_body", "b"), ("request", "body", "a"), ("response", "body", "c"),
    ]  # fmt: skip


def test_pictures_and_secrets_never_come_out() -> None:
    noise = base64.b64encode(bytes(range(96))).decode()
    row = inside(EXAMPLES[0], requestBody="see " + noise * 3, responseBody='{"api-key": "abcdefghijklmnop"}')
    found = mapped(as_lines([row, EXAMPLES[0]]))
    assert noise not in "".join(found.texts.column("text").to_pylist())
    assert '{"api-key": "***"}' in found.texts.column("text").to_pylist()
    assert len(found.pictures) == 1


PIECES = st.sampled_from(
    ["api-Key", "client_\u017fecret", "\u212aey", '"key', "\\\\", '"', ": ", "=", "?sig", "&access_token", "bearer ",
     "Authorization", "é", " ", "Ab9/" * 9, "Ab9/" * 4, "x" * 40, "A1b+" * 70]
)  # fmt: skip


@given(st.lists(st.lists(st.one_of(PIECES, TEXTS), max_size=8).map("".join), max_size=6), st.integers(0, 3))
@settings(deadline=None)
def test_no_secret_or_picture_is_overlooked_wherever_it_stands(said: list[str], start: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_maybe_with_runs", "_maybe_with_words"):
            patch.setattr(masking, name, lambda texts: np.arange(len(texts)))
        everywhere = masking.mask(said)
    found = masking.mask(said)
    assert found[0] == everywhere[0]
    assert found[1].equals(everywhere[1])
    column, _ = masking.mask_column(pa.array(said, pa.string()).slice(start))
    assert column.to_pylist() == found[0][start:]


# --- lines that break -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no json", "not_json"),
        (b'{"a":', "not_json"),
        (b'{"category": "GatewayLogs", "a": "\xff"}', "not_utf8"),
        (b"\0", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not_json"),
        (b'{"a": 1' + b"0" * 6000 + b"}", "not_json"),
        (b"{} {}", "not_json"),
    ],
)
def test_a_line_that_cannot_be_opened_is_quarantined_and_its_neighbours_are_loaded(line: bytes, reason: str) -> None:
    good = as_lines(EXAMPLES)
    found = mapped(good + line + b"\n" + good)
    (bad,) = found.quarantine.to_pylist()
    assert (bad["reason"], bad["byte_offset"], bad["line"]) == (reason, len(good), len(EXAMPLES) + 1)
    assert (bad["byte_length"], bad["sha256"]) == (len(line), hashlib.sha256(line).hexdigest())
    assert len(found.records) == 2 * len(EXAMPLES)
    sample = found.texts.filter(found.texts.column("text_id").to_numpy() == bad["text_id"]).column("text")[0].as_py()
    assert len(sample) <= 200


@pytest.mark.parametrize(
    "time",
    ["13/1/2026 10:00:00 AM", 17803, "2026-13-01T00:00:00Z", "9999-12-31T23:59:59.9999999-12:00", ["x"]],
)
@pytest.mark.parametrize("row", EXAMPLES[:1] + EXAMPLES[-2:], ids=["gateway", "llm", "resource"])
def test_an_item_whose_time_cannot_be_read_is_quarantined_at_its_own_place(row: Row, time: object) -> None:
    untimed = json.dumps({**row, "time": time}).encode()
    good = [json.dumps(one).encode() for one in EXAMPLES]
    for start, between, end in ((b" ", b" \n ", b"\n"), (b'  {"records": [', b",\n", b"]}\n")):
        data = start + between.join([*good, untimed, *good]) + end
        found = mapped(data)
        (bad,) = found.quarantine.to_pylist()
        place = data.index(untimed)
        assert (bad["reason"], bad["byte_offset"], bad["byte_length"]) == ("bad_time", place, len(untimed))
        assert (bad["line"], bad["sha256"]) == (data.count(b"\n", 0, place) + 1, hashlib.sha256(untimed).hexdigest())
        said = dict(zip(found.texts.column("text_id").to_pylist(), found.texts.column("text").to_pylist(), strict=True))
        assert said[bad["text_id"]] == untimed.decode()[:200]
        assert len(found.records) == 2 * len(EXAMPLES)
        assert len(found.fragments) == 2 * len(mapped(as_lines(EXAMPLES)).fragments)
        seen = buckets(data)
        assert (seen["quarantined_items"], seen["loaded"], seen["quarantined"]) == (1, 2 * len(EXAMPLES), 0)


@pytest.mark.parametrize("row", EXAMPLES[:1] + EXAMPLES[-2:], ids=["gateway", "llm", "resource"])
def test_a_record_that_says_no_time_is_loaded_without_one(row: Row) -> None:
    for untimed in (without_key(row, "time"), {**row, "time": None}, {**row, "time": "None"}):
        seen = buckets(as_lines([row, untimed]))
        assert (seen["loaded"], seen["quarantined_items"]) == (2, 0)
        assert record(untimed)["recorded_at"] is None


def test_the_sample_of_an_item_ends_where_the_item_ends() -> None:
    short = b'{"category": "GatewayLogs", "time": "soon"}'
    found = mapped(b"[" + short + b", " + as_lines(EXAMPLES[:1]).strip() + b"]\n")
    assert short.decode() in found.texts.column("text").to_pylist()


@pytest.mark.parametrize(
    "odd",
    [
        b'"\\ud800"',
        b'"\\udfff x"',
        b"1e5",
        b"123456789012345678901234567890",
        b'{"a":{"b":[1,{"c":null}]}}',
        b"[[],[]]",
    ],
)
def test_odd_values_in_any_field_cost_no_record(odd: bytes) -> None:
    names = {
        name for row in EXAMPLES for name in (*row, *(inside(row)["properties"] if row is not EXAMPLES[-1] else ()))
    }
    for row in EXAMPLES[:2]:
        for name in names - {"category", "time"}:
            line = json.dumps({**row, name: "ODD"}).encode().replace(b'"ODD"', odd)
            inner = json.dumps(inside(row, **{name: "ODD"})).encode().replace(b'"ODD"', odd)
            assert buckets(line + b"\n" + inner + b"\n")["loaded"] == 2


def test_a_key_said_twice_counts_as_said_last() -> None:
    line = json.dumps(EXAMPLES[-1]).encode()
    twice = line[:-1] + b', "durationMs": 9, "DURATIONMS": 11}'
    (found,) = mapped(twice + b"\n").records.to_pylist()
    assert found["duration_ms"] == 11


# --- containers -------------------------------------------------------------------------------------------------------


def test_a_record_that_has_a_list_called_records_is_no_envelope() -> None:
    assert buckets(as_lines([{**gateway_row("one"), "records": []}]))["loaded"] == 1


def test_spans_and_log_records_in_one_document_all_count() -> None:
    attributes = [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}]
    span = {"traceId": "0a" * 16, "spanId": "0b" * 8, "startTimeUnixNano": "1780308000000000000"}
    told = {"traceId": "0a" * 16, "spanId": "0b" * 8, "timeUnixNano": "1780308000000000000"}
    document = {
        "resourceLogs": [{"scopeLogs": [{"logRecords": [{**told, "attributes": attributes}]}]}],
        "resourceSpans": [{"scopeSpans": [{"spans": [{**span, "attributes": attributes}]}]}],
    }
    assert buckets(as_lines([document]))["loaded"] == 2


def test_a_document_with_half_a_surrogate_keeps_its_other_records_as_they_are() -> None:
    rows = [
        resource_row("one"),
        {**resource_row("two"), "location": "\ud83d"},
        {**resource_row("three"), "location": "\U0001f600"},
    ]
    data = as_lines([{"records": rows}])
    found = mapped(data).records.to_pylist()
    assert [row["region"] for row in found] == [None, "\ufffd", "\U0001f600"]
    for row in found:
        raw = data[row["byte_offset"] : row["byte_offset"] + row["byte_length"]]
        assert hashlib.sha256(raw).hexdigest() == row["sha256"]
