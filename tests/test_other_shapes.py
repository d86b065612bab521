"""One call, as proxies, policies, batch files and bare bodies tell it, becomes the same request."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs import as_lines, command, rows_of, write_register

from analyzer import load, query
from analyzer.reader import chunks, frames
from analyzer.shapes import fields, layout, map_frames, operations

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


def loaded(folder: Path, *files: Iterable[Any]) -> tuple[list[Row], list[tuple[str, str | None, str, str | None]]]:
    """The requests of some files, and (side, role, kind, text) of their parts that are no names."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    for number, rows in enumerate(files):
        (logs / f"{number}.jsonl").write_bytes(as_lines(rows))
    db = folder / "audit.duckdb"
    assert load([logs], db).code == 0
    requests = query(db, "SELECT * FROM requests ORDER BY occurred_at, request_id").to_pylist()
    parts = query(
        db, "SELECT side, role, kind, text_id, cut FROM parts WHERE kind <> 'name' ORDER BY request_key, part_no"
    )
    return requests, parts.to_pylist()
