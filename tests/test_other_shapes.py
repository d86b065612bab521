"""One call, as proxies, policies, batch files and bare bodies tell it, becomes the same request."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import as_lines, command, rows_of, write_register

from analyzer import load, query
from analyzer.reader import chunks, frames
from analyzer.shapes import fields, layout, map_frames, operations
from analyzer.store import Store

Row = dict[str, Any]
SYSTEM, PROMPT, ANSWER = "Answer in one word.", "Name a river.", "Glomma."
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]
CHOICES = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}]
USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
CREATED = 1780308000  # 2026-06-01 10:00:00 UTC
START = "2026-06-01 10:00:00"
REQUEST = {"model": "pilot-chat", "messages": MESSAGES}
COMPLETION = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": "gpt-4o", "choices": CHOICES,
    "usage": USAGE,
}  # fmt: skip
SPEND_ROW = {
    "request_id": "chatcmpl-1", "call_type": "acompletion", "api_key": "0ff1ce", "spend": 0.1, "total_tokens": 15,
    "prompt_tokens": 11, "completion_tokens": 4, "startTime": f"{START}.846371", "endTime": f"{START}.951954",
    "model": "azure/gpt-4o", "model_group": "pilot-chat", "custom_llm_provider": "azure",
    "api_base": "https://oai.example.com/openai/", "user": "clerk-7", "team_id": "Team-A", "end_user": "",
    "metadata": json.dumps({"user_api_key_alias": "front-desk", "user_api_key_team_id": "Team-A"}),
    "requester_ip_address": "203.0.113.9", "messages": json.dumps(MESSAGES), "response": json.dumps(COMPLETION),
    "session_id": "s-1", "status": "success", "proxy_server_request": json.dumps(REQUEST), "cache_hit": "None",
}  # fmt: skip
PAYLOAD = {
    "id": "chatcmpl-1", "trace_id": "s-1", "call_type": "acompletion", "status": "success", "total_tokens": 15,
    "prompt_tokens": 11, "completion_tokens": 4, "startTime": CREATED + 0.846371, "endTime": CREATED + 0.951954,
    "model": "azure/gpt-4o", "model_group": "pilot-chat", "api_base": "https://oai.example.com/openai/",
    "metadata": {"user_api_key_alias": "front-desk", "user_api_key_team_id": "Team-A",
                 "user_api_key_user_id": "clerk-7", "requester_ip_address": "203.0.113.9"},
    "end_user": "", "requester_ip_address": None, "messages": MESSAGES, "response": COMPLETION,
    "error_information": None,
}  # fmt: skip
ASKED = {
    "event-type": "Request", "event-time": "6/1/2026 10:00:00 AM", "backend": "https://oai.example.com/openai",
    "message-id": "m-1", "operation": "ChatCompletions_Create", "model": "pilot-chat", "subscription": "millbrook",
    "prompt": "", "messages": json.dumps(MESSAGES),
}  # fmt: skip
ANSWERED = {
    "event-type": "Response", "event-time": "6/1/2026 10:00:01 AM", "message-id": "m-1", "model": "gpt-4o",
    "operation": "ChatCompletions_Create", "choices": json.dumps(CHOICES), "prompt_tokens": "11",
    "completion_tokens": "4", "total_tokens": "15", "productId": "ai",
}  # fmt: skip
STORING = {
    "id": "chatcmpl-1", "timestamp": f"{START}Z", "model": "gpt-4o", "modelRegion": "eastus", "apimRequestId": "a-1",
    "clientIp": "203.0.113.9", "operationName": "ChatCompletions_Create", "request": json.dumps(REQUEST),
    "response": json.dumps(CHOICES), "promptTokens": "11", "responseTokens": "4", "totalTokens": "15",
}  # fmt: skip
HUB = {
    "id": "chatcmpl-1", "timestamp": "6/1/2026 10:00:00 AM", "appId": "NA", "subscriptionId": "master",
    "productName": "AI-Shop", "targetService": "chat.completion", "model": "gpt-4o", "gatewayName": "gw.example.com",
    "RequestIp": "203.0.113.9", "operationName": "NA", "sessionId": "NA", "endUserId": "NA", "routeName": "East",
    "deploymentName": "pilot-chat", "promptTokens": "11", "responseTokens": "4", "totalTokens": "15",
}  # fmt: skip
PRIVACY = {
    "type": "PII_Processing", "timestamp": f"{START}Z", "id": "p-1",
    "context": {"api": {"content": {
        "originalRequest": json.dumps(REQUEST), "anonymizedRequest": json.dumps({"messages": [{"content": "<x>"}]}),
        "originalResponse": "{}", "deanonymizedResponse": json.dumps(COMPLETION)}}},
}  # fmt: skip
FINOPS = {
    "eventType": "FinOpsApiCall", "timestamp": f"{START}Z", "correlationId": "c-1", "deviceId": "till-4",
    "url": "https://gw.example.com/openai/deployments/pilot-chat/chat/completions?api-version=2024-10-21",
    "storeNumber": "12", "operationName": "chat/completions", "statusCode": 200, "promptTokens": 11,
    "completionTokens": 4, "model": "gpt-4o", "deploymentId": "pilot-chat", "responseTime": 0,
    "subscriptionId": "millbrook", "productId": "ai",
}  # fmt: skip
AGENTS = {
    "ts": f"{START}Z", "correlationId": "c-1", "oid": "clerk-7", "appid": "app-1", "callerIp": "203.0.113.9",
    "session": "s-1", "api": "azure-openai", "operation": "ChatCompletions_Create", "status": 200,
    "request": json.dumps(REQUEST), "response": json.dumps(COMPLETION),
}  # fmt: skip
BATCH_IN = {"custom_id": "row-1", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST}
BATCH_OUT = {
    "custom_id": "row-1", "response": {"body": COMPLETION, "request_id": "r-1", "status_code": 200}, "error": None
}  # fmt: skip


def chunked(size: int = 30) -> list[Row]:
    """The call as a policy logs it that cuts bodies into chunks of some characters."""
    about = {"correlationId": "c-1", "timestamp": f"{START}Z"}
    rows: list[Row] = [{**about, "kind": "summary", "status": 200, "durationMs": 0, "requestChunks": 9}]
    for kind, body in (("request-body", REQUEST), ("response-body", COMPLETION)):
        text = json.dumps(body)
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        for number, piece in enumerate(pieces):
            rows.append({**about, "kind": kind, "chunkIndex": number, "chunkTotal": len(pieces), "payload": piece})
    return rows


FORMS: dict[str, list[Row]] = {
    "spend row": [SPEND_ROW], "payload": [PAYLOAD], "two events": [ASKED, ANSWERED], "message storing": [STORING],
    "privacy": [PRIVACY], "chunks": chunked(), "agents": [AGENTS], "batch": [BATCH_IN, BATCH_OUT],
}  # fmt: skip


def mapped(rows: Iterable[Any]) -> pa.Table:
    """The records that lines give."""
    (only,) = [map_frames(frames(chunk), {0: "/logs"}) for chunk in chunks([as_lines(rows)])]
    return only.records


def record(row: Row, **changed: Any) -> Row:
    (only,) = mapped([{**row, **changed}]).to_pylist()
    return only  # type: ignore[no-any-return]


def bucket(*rows: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    for chunk in chunks([as_lines(rows)]):
        for seen in map_frames(frames(chunk)).seen.to_pylist():
            counts[seen["bucket"]] += seen["count"]
    return +counts


Part = tuple[str, str | None, str, str | None]


def loaded(folder: Path, *files: Iterable[Any]) -> tuple[list[Row], list[Part]]:
    """The requests of some files, and (side, role, kind, text or picture) of their parts that are no names."""
    (folder / "logs").mkdir(exist_ok=True)
    for number, rows in enumerate(files):
        (folder / "logs" / f"{number}.jsonl").write_bytes(as_lines(rows))
    db = folder / "audit.duckdb"
    assert not any(load([str(folder / "logs")], db).codes)
    store = Store(db)
    texts: dict[str, str] = {}
    for (segment,) in rows_of(db, "SELECT DISTINCT segment FROM store.texts"):
        columns = pq.read_table(store.texts / segment, columns=["text_id", "text"]).to_pydict()
        texts |= dict(zip(columns["text_id"], columns["text"], strict=True))
    found = query(db, "FROM parts WHERE kind <> 'name' ORDER BY request_key, part_no").to_pylist()
    parts = [(part["side"], part["role"], part["kind"], texts.get(part["text_id"], part["picture"])) for part in found]
    return query(db, "FROM requests ORDER BY occurred_at, request_id").to_pylist(), parts


def said(*pairs: tuple[str, str]) -> list[Part]:
    """Texts of the user's side by role, then the answer."""
    return [*(("request", role, "text", text) for role, text in pairs), ("response", "assistant", "text", ANSWER)]


CALL = said(("system", SYSTEM), ("user", PROMPT))
SEEN = ("prompt_seen", "answer_seen", "system_seen")


# --- one call in every form -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_one_call_is_one_request_with_the_same_parts_in_every_form(form: str, tmp_path: Path) -> None:
    (request,), parts = loaded(tmp_path, FORMS[form])
    assert parts == CALL
    assert [request[name] for name in SEEN] == ["full", "full", "yes"]
    assert (request["api"], request["model"], request["deployment"]) == ("chat", "gpt-4o", "pilot-chat")
    assert (request["prompt_tokens"], request["completion_tokens"]) == (11, 4)
    assert request["finish_reasons"] == ["stop"]
    assert request["occurred_at"].replace(microsecond=0) == datetime(2026, 6, 1, 10)


@pytest.mark.parametrize("row", [HUB, FINOPS])
def test_a_usage_record_makes_a_request_without_content(row: Row, tmp_path: Path) -> None:
    (request,), parts = loaded(tmp_path, [row])
    assert (parts, request["prompt_seen"], request["answer_seen"]) == ([], "none", "none")
    assert (request["api"], request["deployment"], request["prompt_tokens"]) == ("chat", "pilot-chat", 11)


def test_every_family_of_events_is_a_scope_of_its_own() -> None:
    rows = [ASKED, STORING, HUB, PRIVACY, FINOPS, AGENTS, chunked()[0]]
    names = ["enterprise-logging", "message-storing", "ai-hub", "ai-hub-pii", "finops", "agents-log-monitor", "chunked"]
    found = mapped(rows).to_pylist()
    assert sorted(row["scope"] for row in found) == sorted(names)
    assert len({row["request_key"] for row in found}) == len(names)


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "summary", "correlationId": "c", "timestamp": START, "category": "AuditEvent", "resourceId": "/x"},
        {"kind": "other", "correlationId": "c", "timestamp": START},
        {"type": "Other", "context": {}},
        {"message-id": "m", "level": "info"},
        {"custom_id": "row-1", "note": "x"},
        {"object": "model", "id": "gpt-4o"},
        {"object": "list", "data": [{"object": "embedding"}]},
        {"input": "x", "level": "info", "model": "m"},
        {"input": "x"},
        {"text": "x", "language": "en"},
        {"type": "session.update"},
        {"category": "AuditEvent", "resourceId": "/x", "messages": []},
        {"TimeGenerated": START, "Type": "Heartbeat", "messages": []},
        {**SPEND_ROW, "custom_llm_provider": "anthropic"},
        {**SPEND_ROW, "custom_llm_provider": "bedrock"},
    ],
)
def test_what_only_looks_like_one_of_these_is_not_loaded(row: Row) -> None:
    assert bucket(row)["loaded"] == 0


def test_a_call_to_another_provider_is_foreign_and_one_to_an_unnamed_is_not() -> None:
    rows = [
        {**SPEND_ROW, "request_id": name, "custom_llm_provider": name} for name in ("bedrock", "azure", "", "openai")
    ]
    assert bucket(*rows) == Counter(frames=4, opened=4, items=4, foreign_items=1, loaded=3)


# --- LiteLLM ----------------------------------------------------------------------------------------------------------


def test_a_spend_row_and_a_payload_tell_the_same_call() -> None:
    lost = ("line", "byte_offset", "byte_length", "sha256")
    row, payload = (
        {name: value for name, value in record(form).items() if name not in lost} for form in (SPEND_ROW, PAYLOAD)
    )
    assert row == payload
    assert row["tenant_keys"] == ["litellm_team:team-a"]
    assert row["started_at"] == datetime(2026, 6, 1, 10, 0, 0, 846371)
    assert (row["caller"], row["caller_ip"], row["subscription"]) == ("clerk-7", "203.0.113.9", "front-desk")
    assert (row["backend"], row["status"], row["duration_ms"]) == ("oai.example.com", 200, 105)
    assert (row["session_kind"], row["session_id"]) == ("session", "s-1")


@pytest.mark.parametrize(
    ("call_type", "api"),
    [
        ("acompletion", "chat"), ("atext_completion", "completion"), ("aembedding", "embedding"),
        ("aimage_generation", "image_generate"), ("aimage_edit", "image_edit"), ("atranscription", "audio_transcribe"),
        ("aspeech", "speech"), ("aresponses", "responses"), ("_arealtime", "realtime"), ("pass_through_endpoint", None),
    ],
)  # fmt: skip
def test_the_call_type_tells_the_api(call_type: str, api: str | None) -> None:
    assert record(SPEND_ROW, call_type=call_type)["api"] == api


NOT_LOGGED: list[Any] = [
    {}, "{}", "", None, "[]", [{"role": "user", "content": "redacted-by-litellm"}],
    '{"messages": [{"role": "user", "content": "redacted-by-litellm"}]}',
]  # fmt: skip


@pytest.mark.parametrize("nothing", NOT_LOGGED)
def test_content_that_litellm_did_not_log_is_not_seen(nothing: Any, tmp_path: Path) -> None:
    row = {**SPEND_ROW, **dict.fromkeys(("messages", "response", "proxy_server_request"), nothing)}
    (request,), parts = loaded(tmp_path, [row])
    assert (request["prompt_seen"], request["answer_seen"], parts) == ("none", "none", [])


def test_messages_stand_for_a_body_that_was_not_logged(tmp_path: Path) -> None:
    (request,), parts = loaded(tmp_path, [{**SPEND_ROW, "proxy_server_request": "{}"}])
    assert (parts, request["tools_seen"]) == (CALL, False)


def test_a_request_with_its_headers_is_its_body(tmp_path: Path) -> None:
    wrapped = json.dumps({"url": "https://gw.example.com", "headers": {"x": "y"}, "body": REQUEST})
    assert loaded(tmp_path, [{**SPEND_ROW, "proxy_server_request": wrapped}])[1] == CALL


@pytest.mark.parametrize("holder", ["top", "metadata"])
def test_a_failure_says_status_and_error_wherever_its_information_stands(holder: str, tmp_path: Path) -> None:
    error = {"error_code": "400", "error_class": "ContentPolicyViolationError", "error_message": "Was filtered."}
    failed = {**SPEND_ROW, "status": "failure", "response": "{}"}
    row = {**failed, "error_information": error} if holder == "top" else {
        **failed, "metadata": json.dumps({"error_information": error})
    }  # fmt: skip
    (request,), parts = loaded(tmp_path, [row])
    assert (request["status"], request["error_code"], request["filtered"]) == (400, "content_policy_violation", True)
    assert parts[-1][3] == "Was filtered."


def test_a_failure_without_a_code_has_no_status() -> None:
    assert record(SPEND_ROW, status="failure")["status"] is None


SHORT = "... (litellm_truncated skipped 9 chars) ..."


@pytest.mark.parametrize("holder", ["messages", "proxy_server_request"])
@pytest.mark.parametrize("answer", ["{}", json.dumps(COMPLETION)])
def test_the_middle_that_litellm_left_out_cuts_a_text_and_a_picture(holder: str, answer: str, tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'aB3/' * 80}{SHORT}{'aB3/' * 80}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": f"Name{SHORT}river"}, picture]}]
    row = {**SPEND_ROW, "messages": "{}", "proxy_server_request": "{}", "response": answer}
    row[holder] = json.dumps(messages if holder == "messages" else {"messages": messages})
    (request,), _ = loaded(tmp_path, [row])
    assert request["pictures_seen"] == "cut"
    cut = query(tmp_path / "audit.duckdb", "SELECT cut FROM parts WHERE side = 'request'")
    assert cut.to_pylist() == [{"cut": True}] * 2


def test_the_middle_that_litellm_left_out_cuts_a_plain_text(tmp_path: Path) -> None:
    messages = json.dumps([{"role": "user", "content": f"Name{SHORT}river"}])
    loaded(tmp_path, [{**SPEND_ROW, "messages": messages, "proxy_server_request": "{}", "response": "{}"}])
    cut = query(tmp_path / "audit.duckdb", "SELECT cut FROM parts WHERE side = 'request'")
    assert cut.to_pylist() == [{"cut": True}]


def test_spend_rows_are_read_as_columns() -> None:
    rows = [{**SPEND_ROW, "request_id": f"r-{number}"} for number in range(40)]
    lines = [json.dumps(row).encode() for row in rows]
    inner = json.loads(str(SPEND_ROW["metadata"]))
    known = layout.learn(layout.Sample("any", row, "metadata", inner) for row in rows)
    assert known is not None
    sheet, rest = layout.read(known, [memoryview(line) for line in lines])
    assert (len(sheet.rows), rest) == (40, [])


# --- events of policies -----------------------------------------------------------------------------------------------


def test_the_two_events_of_a_call_join_from_two_files(tmp_path: Path) -> None:
    (request,), parts = loaded(tmp_path, [ANSWERED], [ASKED])
    assert (parts, request["record_count"]) == (CALL, 2)
    assert record(ASKED)["tenant_keys"] == ["apim_subscription:millbrook"]
    assert record(ANSWERED)["tenant_keys"] == ["apim_product:ai"]


def test_na_stands_for_nothing() -> None:
    found = record(HUB)
    assert [found[name] for name in ("caller", "operation", "session_id")] == [None] * 3
    assert found["tenant_keys"] == ["apim_subscription:master", "apim_product:ai-shop"]


@given(st.permutations(chunked()), st.integers(0, 9))
@settings(max_examples=20)
def test_chunks_in_any_order_give_the_body(rows: list[Row], border: int) -> None:
    with TemporaryDirectory() as folder:
        (request,), parts = loaded(Path(folder), rows[:border], rows[border:])
    assert (parts, request["prompt_seen"], request["order_uncertain"]) == (CALL, "full", False)


@pytest.mark.parametrize("missing", range(len(json.dumps(REQUEST)) // 30 + 1))
def test_a_missing_chunk_makes_no_whole_body(missing: int, tmp_path: Path) -> None:
    rows = [row for row in chunked() if (row["kind"], row.get("chunkIndex")) != ("request-body", missing)]
    (request,), parts = loaded(tmp_path, rows)
    assert request["prompt_seen"] == ("fragments" if missing == 0 else "cut")
    kept = "".join(text or "" for side, _, _, text in parts if side == "request")
    for row in rows:
        if row["kind"] == "request-body" and row["chunkIndex"] > missing:
            assert row["payload"] in kept


def test_two_texts_for_one_chunk_are_not_put_together(tmp_path: Path) -> None:
    rows = chunked()
    other = {**rows[2], "payload": "something else"}
    (request,), _ = loaded(tmp_path, [*rows, other])
    assert request["prompt_seen"] == "cut"


def test_a_skipped_body_is_a_request_without_content(tmp_path: Path) -> None:
    row = {"kind": "skip", "correlationId": "c-9", "timestamp": f"{START}Z", "status": 200}
    (request,), parts = loaded(tmp_path, [row])
    assert (request["request_id"], request["status"], parts) == ("c-9", 200, [])


# --- batch files ------------------------------------------------------------------------------------------------------


def test_lines_of_a_batch_join_in_their_folder_and_the_answer_says_when() -> None:
    asked, answered = mapped([BATCH_IN, BATCH_OUT]).to_pylist()
    assert asked["request_key"] == answered["request_key"]
    assert (asked["scope"], asked["started_at"], asked["started_by"]) == ("/logs", None, None)
    assert (answered["started_at"], answered["started_by"]) == (datetime(2026, 6, 1, 10), "created")
    assert (answered["status"], answered["backend_request_id"]) == (200, "r-1")


def test_a_batch_line_that_failed_says_why(tmp_path: Path) -> None:
    row = {"custom_id": "row-1", "response": None, "error": {"code": "batch_expired", "message": "Too late."}}
    (request,), parts = loaded(tmp_path, [BATCH_IN, row])
    assert (request["error_code"], request["occurred_at"], request["time_source"]) == ("batch_expired", None, None)
    assert parts[-1] == ("response", None, "text", "Too late.")


def test_lines_of_two_batches_that_share_an_id_are_all_seen(tmp_path: Path) -> None:
    other = {**BATCH_IN, "body": {"messages": [{"role": "user", "content": "Name a lake."}]}}
    (request,), parts = loaded(tmp_path, [BATCH_IN, BATCH_OUT], [other, BATCH_IN])
    assert parts == [*CALL[:2], ("request", "user", "text", "Name a lake."), CALL[2]]
    assert request["prompt_seen"] == "full"


def test_a_path_in_the_register_names_the_tenant_of_a_batch(tmp_path: Path, read_once: None) -> None:
    folder = tmp_path / "logs" / "batch" / "millbrook" / "2026-06-01"
    folder.mkdir(parents=True)
    (folder / "input.jsonl").write_bytes(as_lines([BATCH_IN]))
    register = write_register(tmp_path / "register.csv", "m,Millbrook,,US,OH,us_police,,path:*/batch/millbrook/*\n")
    db = tmp_path / "audit.duckdb"
    options = ("--db", str(db), "--register", str(register), "--reports", str(tmp_path / "reports"))
    done = command("run", str(tmp_path / "logs"), *options)
    assert done.code == 0, done.err
    assert rows_of(db, "SELECT tenant_id, key_kind FROM store.tenant_of") == [("m", "path")]


# --- bodies alone -----------------------------------------------------------------------------------------------------

OUTPUT = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ANSWER}]}]
TEXT = ("response", "assistant", "text", ANSWER)
THREAD = {"thread_id": "thread_1", "created_at": CREATED}


@pytest.mark.parametrize(
    ("rows", "api", "parts"),
    [
        ([REQUEST], "chat", CALL[:2]),
        ([{"messages": MESSAGES}], "chat", CALL[:2]),
        ([{"model": "m", "input": PROMPT, "instructions": SYSTEM}], "responses", CALL[:2]),
        ([{"model": "m", "input": PROMPT, "encoding_format": "float"}], "embedding", CALL[1:2]),
        ([{"model": "m", "input": [], "prompt": {"id": "pmpt_1", "variables": {"what": PROMPT}}}], "responses",
         CALL[1:2]),
        ([{"model": "m", "input": PROMPT, "voice": "alloy"}], "speech", CALL[1:2]),
        ([{"prompt": PROMPT, "max_tokens": 5}], "completion", CALL[1:2]),
        ([{"prompt": PROMPT, "n": 1, "size": "1024x1024"}], "image_generate", CALL[1:2]),
        ([COMPLETION], "chat", [TEXT]),
        ([{**COMPLETION, "object": "extensions.chat.completion",
           "choices": [{"messages": [{"role": "assistant", "content": ANSWER}]}]}], "chat", [TEXT]),
        ([{"object": "text_completion", "id": "c", "choices": [{"text": ANSWER}]}], "completion", [TEXT]),
        ([{"object": "response", "id": "r", "output": OUTPUT, "instructions": SYSTEM}], "responses",
         [("request", "system", "text", SYSTEM), TEXT]),
        ([{"object": "list", "data": [{"object": "embedding", "embedding": [0.1]}], "model": "e"}], "embedding", []),
        ([{"created": CREATED, "data": [{"url": "https://x.example.com/a.png", "revised_prompt": ANSWER}]}],
         "image_generate", [("response", "assistant", "picture", "https://x.example.com/a.png"), TEXT]),
        ([{"task": "transcribe", "language": "english", "duration": 2.5, "text": ANSWER, "segments": []}],
         "audio_transcribe", [TEXT]),
        ([{"task": "translate", "language": "english", "duration": 2.5, "text": ANSWER}], "audio_translate", [TEXT]),
        ([{"object": "thread.message", "id": "msg_1", **THREAD, "role": "user",
           "content": [{"type": "text", "text": {"value": PROMPT, "annotations": []}}]}], "assistants", CALL[1:2]),
        ([{"object": "thread.run", "id": "run_1", **THREAD, "instructions": SYSTEM, "usage": USAGE},
          {"object": "thread.message", "id": "msg_2", "run_id": "run_1", **THREAD, "role": "assistant",
           "content": [{"type": "text", "text": {"value": ANSWER, "annotations": []}}]}], "assistants",
         [("request", "system", "text", SYSTEM), TEXT]),
        ([{"object": "chat.completion.chunk", "id": "cmpl-c", "choices": [{"index": 0, "delta": {"content": piece}}]}
          for piece in ("Glo", "mma.")], "chat", [TEXT]),
    ],
)  # fmt: skip
def test_a_body_alone_is_a_request(rows: list[Row], api: str, parts: list[Part], tmp_path: Path) -> None:
    (request,), found = loaded(tmp_path, rows)
    assert (request["api"], found) == (api, parts)
    asks = any(part[0] == "request" for part in parts) and not any(part[0] == "response" for part in parts)
    assert request["prompt_seen"] == ("full" if asks else "none")


def test_pictures_and_old_vision_bodies_are_read(tmp_path: Path) -> None:
    body = {
        "messages": [{"role": "user", "content": ["Who?", {"image": "https://x.example.com/a.jpg"}]}],
        "enhancements": {"ocr": {"enabled": True}},
        "dataSources": [
            {"type": "AzureComputerVision", "parameters": {"indexName": "faces", "key": "k"}},
            {
                "type": "AzureComputerVisionVideoIndex",
                "parameters": {"videoUrls": ["https://x.example.com/v.mp4?sig=1"]},
            },
        ],
    }
    (request,), parts = loaded(tmp_path, [body])
    assert parts[-1] == ("request", "user", "file", "https://x.example.com/v.mp4")
    assert (request["pictures_seen"], request["picture_count"]) == ("address_only", 1)
    assert query(tmp_path / "audit.duckdb", "FROM parts WHERE name = 'tool'").num_rows == 1


def test_a_stored_completion_and_its_messages_are_one_request(tmp_path: Path) -> None:
    stored = {"object": "list", "data": [{**COMPLETION, "metadata": {"user": "clerk-7"}}], "has_more": False}
    messages = [{"id": f"chatcmpl-1-{place}", **message} for place, message in enumerate(MESSAGES)]
    (request,), parts = loaded(tmp_path, [stored], [{"object": "list", "data": messages[::-1], "has_more": False}])
    assert (parts, request["caller"], request["time_source"]) == (CALL, "clerk-7", "created")


def test_a_thread_is_a_session_and_no_request(tmp_path: Path) -> None:
    message = {"object": "thread.message", "id": "msg_1", **THREAD, "role": "user", "content": PROMPT}
    (request,), _ = loaded(tmp_path, [{"object": "thread", "id": "thread_1", "created_at": CREATED}, message])
    assert (request["session_kind"], request["session_id"]) == ("thread", "thread_1")


# --- realtime ---------------------------------------------------------------------------------------------------------

SESSION = {"id": "sess_1", "instructions": SYSTEM, "model": "gpt-4o-realtime"}
SPOKEN = {"id": "i2", "type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": ANSWER}]}
REALTIME: list[Row] = [
    {"type": "session.created", "event_id": "e1", "session": SESSION},
    {"type": "session.update", "session": {"instructions": SYSTEM, "tools": [{"type": "function", "name": "find"}]}},
    {"type": "conversation.item.create",
     "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": PROMPT}]}},
    {"type": "conversation.item.created", "event_id": "e2",
     "item": {"id": "i1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": PROMPT}]}},
    {"type": "response.create", "event_id": "e3", "response": {}},
    {"type": "response.audio.delta", "event_id": "e4", "response_id": "resp_1", "delta": "AAAA"},
    {"type": "response.audio_transcript.done", "event_id": "e5", "response_id": "resp_1", "transcript": ANSWER},
    {"type": "response.done", "event_id": "e6", "response": {
        "id": "resp_1", "object": "realtime.response", "status": "completed", "output": [SPOKEN],
        "usage": {"input_tokens": 11, "output_tokens": 4}}},
]  # fmt: skip


def test_the_events_of_a_session_are_one_request_that_says_each_thing_once(tmp_path: Path) -> None:
    (request,), parts = loaded(tmp_path, [{**event, "session_id": "sess_1"} for event in REALTIME])
    assert [part for part in parts if part[2] == "text"] == CALL
    assert (request["api"], request["session_id"], request["finish_reasons"]) == ("realtime", "sess_1", ["stop"])
    assert (request["prompt_tokens"], request["tools_seen"], request["record_count"]) == (11, True, len(REALTIME))


def test_events_without_the_id_of_their_session_join_by_what_ids_they_have(tmp_path: Path) -> None:
    requests, parts = loaded(tmp_path, REALTIME)
    assert [part for part in parts if part[0] == "response" and part[2] == "text"] == [TEXT]
    assert [request["record_count"] for request in requests if request["request_id"] == "resp_1"] == [3]


def test_what_is_heard_is_a_part_and_sound_is_one_too(tmp_path: Path) -> None:
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i1", "transcript": PROMPT}
    sound = {"type": "input_audio_buffer.append", "audio": "UklGR" + "a1B2" * 100, "event_id": "e"}
    _, parts = loaded(tmp_path, [{**event, "session_id": "s"} for event in (sound, heard)])
    assert [part[:3] for part in parts] == [("request", "user", "audio"), ("request", "user", "text")]


def test_an_event_that_says_nothing_makes_no_request(tmp_path: Path) -> None:
    rows = [{"type": "input_audio_buffer.committed", "event_id": "e"}]
    assert (bucket(*rows)["loaded"], loaded(tmp_path, rows)) == (1, ([], []))


# --- whatever the fields say ------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "NA", "{}", "[]", START, "6/1/2026 1:00:00 PM", "1e400", "https://[::1", "\x00"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    st.lists(st.one_of(st.none(), st.integers(), st.text("ab", max_size=3)), max_size=2),
    st.recursive(st.just({}), lambda inner: st.dictionaries(
        st.sampled_from(["id", "role", "type", "content", "api", "body", "output", "error"]), inner, max_size=2),
        max_leaves=4),
)  # fmt: skip
ALL = [
    *(row for rows in FORMS.values() for row in rows[:3]), HUB, FINOPS, COMPLETION, REQUEST, *REALTIME,
    {"object": "response", "id": "r", "output": OUTPUT}, {"object": "thread.run", "id": "run_1", **THREAD},
    {"created": CREATED, "data": []}, {"id": "chatcmpl-1-0", "role": "user", "content": PROMPT},
]  # fmt: skip


@given(st.data())
def test_whatever_a_field_says_each_item_is_counted_once(data: st.DataObject) -> None:
    rows = []
    for row in data.draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=6)):
        names = data.draw(st.lists(st.sampled_from(sorted(row)), max_size=3))
        rows.append({**row, **{name: data.draw(VALUES) for name in names}})
    seen = bucket(*rows)
    ends = ("loaded", "foreign_items", "unrecognised", "quarantined_items")
    assert seen["items"] == len(rows) == sum(seen[name] for name in ends)


@given(st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(["messages", "response", "payload", "output", "item",
    "session", "content", "choices", "context", "body"]), VALUES), min_size=1, max_size=8))  # fmt: skip
@settings(max_examples=20)
def test_whatever_a_body_says_it_can_be_assembled(drawn: list[tuple[Row, str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        loaded(Path(folder), [{**row, name: value} for row, name, value in drawn])


@given(st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(["status", "metadata", "created", "startTime", "extra",
    "timestamp", "object", "response"]), VALUES), min_size=1, max_size=8))  # fmt: skip
def test_a_record_is_the_same_whatever_stands_beside_it(drawn: list[tuple[Row, str, Any]]) -> None:
    rows = [{**row, name: value} for row, name, value in drawn]
    together = Counter(repr({**row, "line": 0, "byte_offset": 0}) for row in mapped(rows).to_pylist())
    alone = Counter(repr({**found, "line": 0, "byte_offset": 0}) for row in rows for found in mapped([row]).to_pylist())
    assert together == alone


@given(st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(["status", "metadata", "created", "startTime", "extra",
    "timestamp", "object", "response", "kind", "role"]), VALUES), min_size=1, max_size=8))  # fmt: skip
def test_records_written_alike_come_out_as_each_by_itself_would(drawn: list[tuple[Row, str, Any]]) -> None:
    rows = [row for row, name, value in drawn for row in (row, row, {**row, name: value})]
    fast = mapped(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.shapes.layout.learn", lambda records: None)
        slow = mapped(rows)
    assert Counter(map(repr, fast.to_pylist())) == Counter(map(repr, slow.to_pylist()))


@pytest.mark.parametrize("said", [0, -1, True, None, "x", "nan", "inf", 10**300, 1e18, float("inf"), [1]])
def test_what_is_no_time_in_seconds_is_none(said: Any) -> None:
    assert fields.epoch(said) is None


def test_seconds_keep_their_microseconds() -> None:
    assert fields.epoch(1737710406.847371) == fields.epoch("1737710406.847371") == 17377104068473710


@pytest.mark.parametrize(
    ("said", "iso"),
    [
        ("3/9/2026 2:05:59 PM", "2026-03-09T14:05:59"), ("12/31/2026 12:00:00 AM", "2026-12-31T00:00:00"),
        ("5/24/2024 12:45:56 PM", "2024-05-24T12:45:56"),
    ],
)  # fmt: skip
def test_a_time_as_dotnet_says_it_in_the_us_is_utc(said: str, iso: str) -> None:
    assert fields.ticks(said) == fields.ticks(iso)


@pytest.mark.parametrize(
    ("operation", "api"),
    [
        ("Face - Detect", "face"), ("LargePersonGroup - Train", "face"), ("Face API - v1.0", "face"),
        ("Detect Faces", "face"), ("Create Liveness Session", "face"), ("Verify", None), ("Detect", None),
        ("Computer Vision API - v3.2", "vision"), ("Describe Image", "vision"), ("Analyze Image", "content_safety"),
    ],
)  # fmt: skip
def test_operations_of_face_and_vision_are_told_apart(operation: str, api: str | None) -> None:
    assert operations.api_of_operation(operation) == api


def test_paths_of_face_and_vision_are_known() -> None:
    assert operations.api_of_path("/face/v1.0/detect") == "face"
    assert operations.api_of_path("/vision/v3.2/analyze") == "vision"
    assert operations.api_of_path("/computervision/imageanalysis:analyze") == "vision"


# --- what must not be hidden or mixed ---------------------------------------------------------------------------------


def test_a_prompt_that_names_the_mark_of_redaction_is_read(tmp_path: Path) -> None:
    said = f"{PROMPT} redacted-by-litellm"
    row = {**SPEND_ROW, "proxy_server_request": "{}", "messages": json.dumps([{"role": "user", "content": said}])}
    (request,), parts = loaded(tmp_path, [row])
    assert request["prompt_seen"] == "full"
    assert parts[0] == ("request", "user", "text", said)


def test_a_prompt_that_was_redacted_was_not_logged(tmp_path: Path) -> None:
    messages = json.dumps([{"role": "user", "content": "redacted-by-litellm"}])
    response = json.dumps({"choices": [{"message": {"role": "assistant", "content": "redacted-by-litellm"}}]})
    row = {**SPEND_ROW, "proxy_server_request": "{}", "messages": messages, "response": response}
    (request,), parts = loaded(tmp_path, [row])
    assert (request["prompt_seen"], parts) == ("none", [])


def test_one_call_in_both_of_the_proxys_logs_is_whole(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]
    spend = {**SPEND_ROW, "proxy_server_request": "{}", "messages": json.dumps(messages)}
    payload = {name: value for name, value in spend.items() if name != "request_id"}
    payload |= {"id": spend["request_id"], "messages": messages, "response": json.loads(str(spend["response"]))}
    (request,), parts = loaded(tmp_path, [spend], [payload])
    assert (request["prompt_seen"], parts) == ("full", CALL)


def test_keys_without_a_name_are_callers_apart() -> None:
    nameless = {"user": "", "end_user": "", "team_id": None, "metadata": "{}"}
    rows = [{**SPEND_ROW, **nameless, "request_id": key, "api_key": key} for key in ("hash-1", "hash-2")]
    assert {row["caller"] for row in mapped(rows).to_pylist()} == {"hash-1", "hash-2"}


def test_bodies_of_two_customers_with_one_small_id_are_two_requests(tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        (tmp_path / "logs" / name).mkdir(parents=True)
        body = {"id": "1", "model": "m", "messages": [{"role": "user", "content": f"{name} asks"}]}
        (tmp_path / "logs" / name / "a.jsonl").write_bytes(as_lines([body]))
    load([str(tmp_path / "logs")], tmp_path / "audit.duckdb")
    assert rows_of(tmp_path / "audit.duckdb", "SELECT count(*) FROM store.requests") == [(2,)]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"type": "message", "user": "U1", "text": "lunch?"}], "has_more": False},
        {"messages": [{"id": 1, "subject": "x"}], "total": 5},
        {"id": 7, "role": "admin", "content": "Welcome page"},
        {"input": "film.mp4", "quality": "high", "n": 3},
        {"ts": 1, "correlationId": "c", "appId": "a", "level": "info", "msg": "started"},
        {"eventType": "Microsoft.Devices.DeviceConnected", "correlationId": "c", "deviceId": "d"},
        {"kind": "summary", "correlationId": "c", "timestamp": "2026-06-01T10:00:00Z"},
    ],
)
def test_records_of_other_products_are_no_calls(row: Row) -> None:
    assert bucket(row)["loaded"] == 0


@pytest.mark.parametrize("stamp", [1780308000, 1780308000.0, 1780308000000])
def test_a_time_may_be_a_count_of_seconds_or_milliseconds(stamp: float) -> None:
    (row,) = mapped([{"timestamp": stamp, "model": "m", "messages": [{"role": "user", "content": "x"}]}]).to_pylist()
    assert row["started_at"] == datetime(2026, 6, 1, 10)


def test_a_later_instruction_of_a_session_hides_none_before_it(tmp_path: Path) -> None:
    events = [
        {"type": "session.update", "event_id": f"e-{number}", "session_id": "s", "session": {"instructions": said}}
        for number, said in enumerate(("Name every face.", "Be kind."))
    ]
    _, parts = loaded(tmp_path, events)
    assert {text for _, role, _, text in parts if role == "system"} == {"Name every face.", "Be kind."}


def test_a_second_answer_of_one_id_is_seen_with_how_it_ended(tmp_path: Path) -> None:
    def output(message: Row, reason: str) -> Row:
        body = {"object": "chat.completion", "choices": [{"finish_reason": reason, "message": message}]}
        return {"custom_id": "row-1", "response": {"status_code": 200, "body": body}, "error": None}

    first = output({"role": "assistant", "content": ANSWER}, "stop")
    second = output({"role": "assistant", "content": None, "refusal": "I cannot."}, "content_filter")
    (request,), _ = loaded(tmp_path, [first, second])
    assert request["refused"] is True
    assert set(request["finish_reasons"]) == {"stop", "content_filter"}
