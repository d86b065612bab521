"""One call in every form of telemetry is the same request; audit records say who used what, but not what was said."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import Row, as_lines, rows_of

import analyzer
from analyzer.reader import chunks, frames
from analyzer.shapes import map_frames, text_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STARTED, ENDED = 1_780_308_000_123_456_700, 1_780_308_001_123_956_700
AT = "2026-06-01T10:00:00.1234567Z"
WORKSPACE = "00000000-0000-4000-8000-0000000000ee"
HOST = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.Web/sites/Letters"
DOT = b"\x89PNG\r\n\x1a\n" + bytes(range(20))
BLOB = base64.b64encode(DOT).decode()
QUESTION = "Which of these letters is the oldest?"
RULE = "You sort letters."
TOOL = {"type": "function", "name": "find_letter", "description": "finds a letter"}
ASKED = [
    {
        "role": "user",
        "parts": [
            {"type": "text", "content": QUESTION},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": BLOB},
        ],
    }
]
ANSWERED = [
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "The one from June."},
            {"type": "tool_call", "id": "1", "name": "find_letter", "arguments": {"month": "June"}},
        ],
        "finish_reason": "tool_call",
    }
]
FACTS: Row = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "azure.ai.openai",
    "gen_ai.request.model": "letters",
    "gen_ai.response.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 3,
    "gen_ai.response.finish_reasons": ["tool_call"],
    "gen_ai.conversation.id": "talk-1",
    "server.address": "oai.example.com",
    "azure.tenant.id": "Contoso-Tenant",
}
SAID: Row = {
    "gen_ai.system_instructions": [{"type": "text", "content": RULE}],
    "gen_ai.tool.definitions": [TOOL],
    "gen_ai.input.messages": ASKED,
    "gen_ai.output.messages": ANSWERED,
}
PROCESS = {"service.name": "Letters", "cloud.resource_id": HOST}


# --- one call as exporters write it -----------------------------------------------------------------------------------


def in_texts(attributes: Row) -> Row:
    """What has members as JSON in a text, as most SDKs write it."""
    return {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in attributes.items()}


def any_value(value: Any) -> Row:
    """OTLP's form of a value."""
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    if isinstance(value, int):
        return {"boolValue": value} if isinstance(value, bool) else {"intValue": str(value)}
    return {"stringValue": value}


def pairs(attributes: Row) -> list[Row]:
    """OTLP's list of attributes."""
    return [{"key": name, "value": any_value(value)} for name, value in attributes.items()]


def span(attributes: Row, **more: Any) -> Row:
    """A file exporter's line with one span."""
    own = {
        "traceId": TRACE, "spanId": SPAN, "parentSpanId": "", "name": "chat letters", "kind": 3,
        "startTimeUnixNano": str(STARTED), "endTimeUnixNano": str(ENDED), "attributes": pairs(attributes),
        "status": {"code": 1}, **more,
    }  # fmt: skip
    inside = [{"scope": {"name": "letters.tracing"}, "spans": [own]}]
    return {"resourceSpans": [{"resource": {"attributes": pairs(PROCESS)}, "scopeSpans": inside}]}


def log_record(attributes: Row, **more: Any) -> Row:
    """A line with one log record of the same span."""
    own = {
        "timeUnixNano": str(STARTED + 100),
        "traceId": TRACE,
        "spanId": SPAN,
        "attributes": pairs(attributes),
        **more,
    }
    inside = [{"scope": {}, "logRecords": [own]}]
    return {"resourceLogs": [{"resource": {"attributes": pairs(PROCESS)}, "scopeLogs": inside}]}


def dependency(attributes: Row, **more: Any) -> Row:
    """An AppDependencies row as a data export writes it."""
    return {
        "TimeGenerated": AT, "Id": SPAN, "ParentId": "", "OperationId": TRACE, "Name": "chat letters",
        "DurationMs": 1000.5, "Success": True, "ResultCode": "0", "AppRoleName": "Letters",
        "DependencyType": "GenAI | azure.ai.openai", "TenantId": WORKSPACE, "Type": "AppDependencies",
        "_ResourceId": HOST, "Properties": {name: str(value) for name, value in in_texts(attributes).items()}, **more,
    }  # fmt: skip


def content_row(**more: Any) -> Row:
    """An AppGenAIContent row of the same span."""
    return {
        "TimeGenerated": AT, "OperationId": TRACE, "SpanId": SPAN, "ServiceName": "Letters", "TenantId": WORKSPACE,
        "Type": "AppGenAIContent", "SystemInstructions": json.dumps(SAID["gen_ai.system_instructions"]),
        "ToolDefinitions": json.dumps([TOOL]), "InputMessages": json.dumps(ASKED),
        "OutputMessages": json.dumps(ANSWERED), "_ResourceId": HOST, **more,
    }  # fmt: skip


def portal_span(attributes: Row, **more: Any) -> Row:
    """A span as the Foundry portal exports it, messages as they are."""
    return {
        "name": "chat letters", "context": {"trace_id": f"0x{TRACE.upper()}", "span_id": f"0x{SPAN}"},
        "kind": "SpanKind.CLIENT", "parent_id": None, "start_time": AT, "end_time": "2026-06-01T10:00:01.123957Z",
        "status": {"status_code": "OK"}, "attributes": {**attributes, **PROCESS}, **more,
    }  # fmt: skip


def as_strings(row: Row) -> Row:
    """The row as ``az monitor log-analytics query`` prints it."""
    plain = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in row.items()}
    return {"TableName": "PrimaryResult", **plain}


def as_table(*rows: Row) -> Row:
    """The answer of the query API."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [{"name": name, "type": "string"} for name in names]
    return {"tables": [{"name": "PrimaryResult", "columns": columns,
                        "rows": [[row.get(name) for name in names] for row in rows]}]}  # fmt: skip


def older() -> list[Row]:
    """A span with the older names, and log records with one message each."""
    renamed = {
        "gen_ai.provider.name": "gen_ai.system",
        "gen_ai.usage.input_tokens": "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.output_tokens": "gen_ai.usage.completion_tokens",
        "gen_ai.usage.cache_read.input_tokens": "gen_ai.usage.cache_read_input_tokens",
    }
    facts = {renamed.get(name, name): value for name, value in FACTS.items()}
    url = f"data:image/png;base64,{BLOB}"
    picture = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": url}}]
    call = {"id": "1", "type": "function", "function": {"name": "find_letter", "arguments": '{"month":"June"}'}}
    answer = {
        "index": 0,
        "finish_reason": "tool_call",
        "message": {"content": "The one from June.", "tool_calls": [call]},
    }
    system = {"gen_ai.system": "azure.ai.openai"}
    return [
        span({**facts, "gen_ai.tool.definitions": json.dumps([TOOL])}),
        log_record(system, eventName="gen_ai.system.message", body=any_value({"content": RULE})),
        log_record({**system, "event.name": "gen_ai.user.message"}, body=any_value(json.dumps({"content": picture}))),
        log_record(system, eventName="gen_ai.choice", body=any_value(answer)),
    ]


DETAILS = "gen_ai.client.inference.operation.details"
FORMS: dict[str, Callable[[], list[Row]]] = {
    "texts": lambda: [span(in_texts(FACTS | SAID))],
    "values": lambda: [span(FACTS | SAID)],
    "texts in a list": lambda: [
        span(FACTS | {name: [json.dumps(item) for item in value] for name, value in SAID.items()})
    ],
    "numbers": lambda: [
        span(in_texts(FACTS | SAID), startTimeUnixNano=STARTED, endTimeUnixNano=ENDED, kind="SPAN_KIND_CLIENT")
    ],
    "event of the span": lambda: [
        span(FACTS, events=[{"timeUnixNano": str(ENDED), "name": DETAILS, "attributes": pairs(in_texts(SAID))}])
    ],
    "log record": lambda: [span(FACTS), log_record(in_texts(SAID), eventName=DETAILS)],
    "older": older,
    "data export": lambda: [dependency(FACTS | SAID)],
    "properties in a text": lambda: [dependency({}, Properties=json.dumps(in_texts(FACTS | SAID)))],
    "az": lambda: [as_strings(dependency(FACTS | SAID))],
    "query": lambda: [as_table(dependency(FACTS | SAID))],
    "content table": lambda: [dependency(FACTS), content_row()],
    "content table from az": lambda: [as_strings(content_row()), as_strings(dependency(FACTS))],
    "portal": lambda: [portal_span(FACTS | SAID)],
    "both": lambda: [span(in_texts(FACTS | SAID)), dependency(FACTS | SAID), content_row()],
}
# What is the same in every form; not in the body that older names have: none of a call's own facts.
FACT_COLUMNS = (
    "request_key", "request_id", "scope", "api", "operation", "deployment", "model", "resource", "backend", "caller",
    "status", "prompt_tokens", "completion_tokens", "cached_tokens", "session_kind", "session_id", "finish_reasons",
    "error_code", "prompt_seen", "answer_seen", "system_seen", "tools_seen", "pictures_seen", "picture_count",
    "time_source", "duration_ms", "occurred_at",
)  # fmt: skip


# --- looking ----------------------------------------------------------------------------------------------------------


def mapped(*rows: Any) -> tuple[list[Row], list[str]]:
    """The records and texts of rows."""
    records, texts = [], []
    for chunk in chunks([as_lines(rows)]):
        found = map_frames(frames(chunk))
        records += found.records.to_pylist()
        texts += found.texts.column("text").to_pylist()
    return records, texts


def record(row: Row) -> Row:
    """The only record of a row."""
    (only,) = mapped(row)[0]
    return only


def buckets(*rows: Any) -> dict[str, int]:
    """How the items of rows end."""
    counts: Counter[str] = Counter()
    for chunk in chunks([as_lines(rows)]):
        for row in map_frames(frames(chunk)).seen.to_pylist():
            counts[row["bucket"]] += row["count"]
    return {name: count for name, count in counts.items() if count and name not in ("frames", "opened", "items")}


def loaded(folder: Path, *rows: Row) -> tuple[list[Row], list[tuple[Any, ...]]]:
    """The requests that rows make, and their parts without the names of the call itself."""
    logs, db = folder / "logs.jsonl", folder / "audit.duckdb"
    logs.write_bytes(as_lines(rows))
    analyzer.load([str(logs)], db)
    columns = "turn_no, side, role, kind, name, text_id, picture, cut"
    parts: pa.Table = analyzer.query(
        db, f"SELECT {columns} FROM parts WHERE coalesce(name, 'tool') LIKE 'tool%' ORDER BY request_key, part_no"
    )
    requests: list[Row] = analyzer.query(db, "SELECT * FROM requests ORDER BY occurred_at").to_pylist()
    return requests, [tuple(row.values()) for row in parts.to_pylist()]


def one(folder: Path, *rows: Row) -> tuple[Row, list[tuple[Any, ...]]]:
    """The only request of rows, and its parts."""
    (request,), parts = loaded(folder, *rows)
    return request, parts


def said(text: str) -> str:
    """What stands in a part for a text."""
    return text_id(text)


# --- one call in many forms -------------------------------------------------------------------------------------------


def test_a_span_says_what_its_attributes_and_its_resource_say() -> None:
    found = record(span(in_texts(FACTS | SAID)))
    key = "\0".join(("otel", TRACE, SPAN))
    assert {name: found[name] for name in (
        "shape", "category", "request_key", "request_id", "scope", "ticks", "started_by", "duration_ms", "api",
        "deployment", "model", "backend", "resource", "prompt_tokens", "completion_tokens", "cached_tokens",
        "session_kind", "session_id", "tenant_keys",
    )} == {
        "shape": "otlp", "category": "span", "request_key": hashlib.sha256(key.encode()).hexdigest(),
        "request_id": TRACE, "scope": TRACE, "ticks": STARTED // 100, "started_by": "request_time",
        "duration_ms": 1000, "api": "chat", "deployment": "letters", "model": "gpt-4o", "backend": "oai.example.com",
        "resource": HOST.lower(), "prompt_tokens": 12, "completion_tokens": 7, "cached_tokens": 3,
        "session_kind": "conversation", "session_id": "talk-1",
        "tenant_keys": [
            "service:letters", "entra_tenant:contoso-tenant", "azure_subscription:00000000-0000-4000-8000-000000000001",
        ],
    }  # fmt: skip
    assert found["started_at"] == datetime(2026, 6, 1, 10, 0, 0, 123456)


def test_the_parts_of_a_span_come_in_order_with_instructions_first_and_pictures_by_their_hash(tmp_path: Path) -> None:
    request, parts = one(tmp_path, span(in_texts(FACTS | SAID)))
    written = json.dumps(TOOL, separators=(",", ":"))
    assert parts == [
        (0, "request", "system", "text", None, said(RULE), None, False),
        (1, "request", "user", "text", None, said(QUESTION), None, False),
        (1, "request", "user", "picture", None, None, hashlib.sha256(DOT).hexdigest(), False),
        (1, "request", None, "tool", None, said(written), None, False),
        (2, "response", "assistant", "text", None, said("The one from June."), None, False),
        (2, "response", "assistant", "tool_call", None, said('find_letter({"month":"June"})'), None, False),
        (None, "name", None, "name", "tool", said("find_letter"), None, False),
        (None, "name", None, "name", "tool_call", said("find_letter"), None, False),
    ]
    assert (request["prompt_seen"], request["answer_seen"], request["system_seen"]) == ("full", "full", "yes")
    assert (request["pictures_seen"], request["tools_seen"], request["finish_reasons"]) == (
        "bytes",
        True,
        ["tool_call"],
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_call_is_the_same_request_with_the_same_parts_in_every_form(form: str, tmp_path: Path) -> None:
    folders = tmp_path / "first", tmp_path / "other"
    for folder in folders:
        folder.mkdir()
    expected, expected_parts = one(folders[0], *FORMS["texts"]())
    found, parts = one(folders[1], *FORMS[form]())
    assert {name: found[name] for name in FACT_COLUMNS} == {name: expected[name] for name in FACT_COLUMNS}
    # a tool stands behind the messages wherever it was said; only the turn it is counted to may differ
    assert [part[1:] for part in parts if part[3] != "tool"] == [
        part[1:] for part in expected_parts if part[3] != "tool"
    ]
    assert [part[1:] for part in parts if part[3] == "tool"] == [
        part[1:] for part in expected_parts if part[3] == "tool"
    ]
    if form == "both":
        assert found["shapes"] == ["app_insights", "otlp"]


@pytest.mark.parametrize("form", ["data export", "az", "query"])
def test_a_row_says_the_tenant_keys_that_a_span_says_and_never_its_workspace(form: str) -> None:
    assert record(FORMS[form]()[0])["tenant_keys"] == record(span(FACTS))["tenant_keys"]


def test_a_row_of_content_is_one_whether_or_not_it_says_attributes_too() -> None:
    for more in ({}, {"Attributes": {"gen_ai.operation.name": "chat"}}, {"TraceId": TRACE, "OperationId": None}):
        found = record(content_row(**more))
        assert (found["shape"], found["category"]) == ("app_insights", "AppGenAIContent")
        assert found["request_key"] == record(span(FACTS))["request_key"]


def test_an_event_with_one_message_in_application_insights_joins_its_span(tmp_path: Path) -> None:
    def trace(name: str, content: Row, tick: int, in_message: bool) -> Row:
        row = {"TimeGenerated": f"2026-06-01T10:00:00.123{tick}Z", "OperationId": TRACE, "ParentId": SPAN,
               "Type": "AppTraces", "AppRoleName": "Letters"}  # fmt: skip
        properties = {"gen_ai.system": "az.ai.openai"}
        if in_message:  # an event of a span
            return {**row, "Message": name, "Properties": {**properties, "gen_ai.event.content": json.dumps(content)}}
        return {**row, "Message": json.dumps(content), "Properties": {**properties, "event.name": name}}

    for in_message in (True, False):
        rows = [
            trace("gen_ai.choice", {"finish_reason": "stop", "message": {"content": "June."}}, 7, in_message),
            trace("gen_ai.user.message", {"role": "user", "content": QUESTION}, 5, in_message),
            dependency(FACTS),
            trace("gen_ai.system.message", {"content": RULE}, 4, in_message),
        ]
        folder = tmp_path / str(in_message)
        folder.mkdir()
        request, parts = one(folder, *rows)
        assert [(part[2], part[5]) for part in parts] == [
            ("system", said(RULE)), ("user", said(QUESTION)), ("assistant", said("June.")),
        ]  # fmt: skip
        assert (request["record_count"], request["deployment"]) == (4, "letters")


def test_messages_may_be_numbered_attributes(tmp_path: Path) -> None:
    numbered = {
        "gen_ai.system": "Azure", "llm.request.type": "chat", "gen_ai.request.model": "letters",
        "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": RULE,
        "gen_ai.prompt.10.role": "assistant", "gen_ai.prompt.10.tool_calls.0.name": "find_letter",
        "gen_ai.prompt.10.tool_calls.0.arguments": "{}",
        "gen_ai.prompt.2.role": "user",
        "gen_ai.prompt.2.content": json.dumps([{"type": "text", "text": QUESTION}]),
        "gen_ai.completion.0.content": "June.", "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.finish_reason": "stop",
        "llm.request.functions.0.name": "find_letter", "llm.request.functions.0.description": "finds a letter",
    }  # fmt: skip
    request, parts = one(tmp_path, span(numbered))
    assert [(part[2], part[3], part[5]) for part in parts if part[1] != "name"] == [
        ("system", "text", said(RULE)), ("user", "text", said(QUESTION)),
        ("assistant", "tool_call", said("find_letter({})")),
        (None, "tool", said('{"name":"find_letter","description":"finds a letter"}')),
        ("assistant", "text", said("June.")),
    ]  # fmt: skip
    assert (request["api"], request["finish_reasons"]) == ("chat", ["stop"])


@pytest.mark.parametrize("name", ["gen_ai.prompt", "gen_ai.input.messages"])
@pytest.mark.parametrize("value", [QUESTION, json.dumps([{"role": "user", "content": QUESTION}])])
def test_a_prompt_may_be_a_plain_text_or_messages_without_parts(name: str, value: str, tmp_path: Path) -> None:
    _, parts = one(tmp_path, span({**FACTS, name: value}))
    assert parts == [(0, "request", "user", "text", None, said(QUESTION), None, False)]


def test_two_records_of_one_span_that_say_different_things_are_both_seen(tmp_path: Path) -> None:
    other = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "And the youngest?"}]}])
    _, parts = one(tmp_path, span(in_texts(FACTS | SAID)), content_row(InputMessages=other), content_row())
    texts = [part[5] for part in parts if part[2] == "user" and part[3] == "text"]
    assert texts == [said(QUESTION), said("And the youngest?")]


# --- what is seen -----------------------------------------------------------------------------------------------------


def test_a_call_whose_content_was_not_captured_says_how_it_ended_and_shows_nothing(tmp_path: Path) -> None:
    silent = [{"timeUnixNano": "1", "name": "gen_ai.choice", "attributes": pairs({"finish_reason": "stop"})}]
    request, parts = one(tmp_path, span(FACTS, events=silent))
    assert (request["prompt_seen"], request["answer_seen"], request["finish_reasons"]) == (
        "none",
        "none",
        ["tool_call"],
    )
    assert parts == []


def test_tools_without_messages_are_parts_of_a_prompt_that_was_not_seen(tmp_path: Path) -> None:
    request, parts = one(tmp_path, span({**FACTS, "gen_ai.tool.definitions": json.dumps([TOOL])}))
    assert (request["prompt_seen"], request["tools_seen"], request["system_seen"]) == ("none", True, "unknowable")
    assert [part[3] for part in parts] == ["tool", "name"]


@pytest.mark.parametrize("end", [60, len(json.dumps(ASKED)) - 20])
def test_messages_that_the_log_cut_are_read_as_far_as_they_go(end: int, tmp_path: Path) -> None:
    whole = in_texts(FACTS | SAID)
    request, parts = one(tmp_path, span(whole | {"gen_ai.input.messages": whole["gen_ai.input.messages"][:end]}))
    assert (request["prompt_seen"], request["answer_seen"], request["system_seen"]) == ("cut", "full", "yes")
    of_messages = [part for part in parts if part[2] == "user"]
    assert [part[7] for part in of_messages] == [False] * (len(of_messages) - 1) + [True]
    assert of_messages[-1][3] == ("text" if end == 60 else "picture")
    assert not any(part[7] for part in parts if part[2] == "system" or part[3] == "tool")


@pytest.mark.parametrize("mark", ["...", "\u2026", "...[truncated]", " (truncated)"])
def test_a_mark_behind_cut_messages_hides_nothing(mark: str, tmp_path: Path) -> None:
    cut = '[{"role":"user","parts":[{"type":"text","content":"' + QUESTION + '"}' + mark
    request, parts = one(tmp_path, span({**FACTS, "gen_ai.input.messages": cut}))
    assert parts == [(0, "request", "user", "text", None, said(QUESTION), None, True)]
    assert request["prompt_seen"] == "cut"


def test_cut_tools_are_marked_as_cut_and_an_answer_keeps_what_it_said(tmp_path: Path) -> None:
    whole = in_texts(FACTS | SAID)
    cut = {"gen_ai.tool.definitions": whole["gen_ai.tool.definitions"][:50],
           "gen_ai.output.messages": whole["gen_ai.output.messages"][:-60]}  # fmt: skip
    request, parts = one(tmp_path, span(whole | cut))
    assert (request["prompt_seen"], request["answer_seen"], request["finish_reasons"]) == ("cut", "cut", ["tool_call"])
    assert [part[3] for part in parts if part[7]] == ["tool", "tool_call"]


def test_whole_messages_of_another_record_count_more_than_cut_ones(tmp_path: Path) -> None:
    cut = {name: value[:40] for name, value in in_texts(SAID).items()}
    request, parts = one(tmp_path, span(in_texts(FACTS) | cut), content_row())
    assert (request["prompt_seen"], request["answer_seen"]) == ("full", "full")
    assert not any(part[7] for part in parts)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "content": "a"}, ("user", "text", said("a"), None)),
        ({"type": "reasoning", "content": "b"}, ("user", "text", said("b"), None)),
        ({"type": "tool_call_response", "id": "1", "response": "c"}, ("tool", "text", said("c"), None)),
        ({"type": "tool_call_response", "result": {"n": 1}}, ("tool", "text", said('{"n":1}'), None)),
        ({"type": "server_tool_call", "name": "search", "server_tool_call": {"q": 1}},
         ("assistant", "tool_call", said('search({"q":1})'), None)),
        ({"type": "server_tool_call_response", "server_tool_call_response": {"n": 2}},
         ("tool", "text", said('{"n":2}'), None)),
        ({"type": "blob", "modality": "image", "content": BLOB},
         ("user", "picture", None, hashlib.sha256(DOT).hexdigest())),
        ({"type": "blob", "mime_type": "image/png", "content": BLOB},
         ("user", "picture", None, hashlib.sha256(DOT).hexdigest())),
        ({"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "aGk="},
         ("user", "audio", None, hashlib.sha256(b"hi").hexdigest())),
        ({"type": "blob", "modality": "video", "content": "aGk="},
         ("user", "file", None, hashlib.sha256(b"hi").hexdigest())),
        ({"type": "blob", "modality": "image"}, ("user", "picture", None, None)),
        ({"type": "uri", "modality": "image", "uri": "https://x.example/p?sig=s"},
         ("user", "picture", said("https://x.example/p"), None)),
        ({"type": "uri", "modality": "video", "uri": "gs://x/film.mp4"},
         ("user", "file", said("gs://x/film.mp4"), None)),
        ({"type": "file", "file_id": "file-1"}, ("user", "file", said("file-1"), None)),
        ({"type": "file", "modality": "image", "file_id": "file-1"}, ("user", "picture", None, None)),
        ({"type": "hologram", "beam": 1}, ("user", "fragment", said('{"type":"hologram","beam":1}'), None)),
    ],
)  # fmt: skip
def test_every_part_of_a_message_is_known(part: Row, expected: tuple[Any, ...], tmp_path: Path) -> None:
    messages = json.dumps([{"role": "user", "parts": [part]}])
    _, parts = one(tmp_path, span({**FACTS, "gen_ai.input.messages": messages}))
    assert [(part[2], part[3], part[5], part[6]) for part in parts if part[1] == "request"] == [expected]


@pytest.mark.parametrize("form", FORMS)
def test_no_base64_is_stored_however_short(form: str) -> None:
    assert BLOB not in "".join(mapped(*FORMS[form]())[1])


def test_a_short_blob_in_cut_messages_is_not_stored_either(tmp_path: Path) -> None:
    cut = json.dumps(ASKED)[:-8]
    rows = [span({**FACTS, "gen_ai.input.messages": cut})]
    assert BLOB[:20] not in "".join(mapped(*rows)[1])
    assert [part[3] for part in one(tmp_path, *rows)[1]] == ["text", "picture"]


# --- how a call ended -------------------------------------------------------------------------------------------------


def test_a_failed_call_says_why(tmp_path: Path) -> None:
    failed = span({**FACTS, "error.type": "429"}, status={"code": 2, "message": "Too many requests"})
    request, parts = one(tmp_path, failed)
    assert (request["status"], request["error_code"]) == (429, "429")
    assert [(part[1], part[5]) for part in parts] == [("response", said("Too many requests"))]


@pytest.mark.parametrize(
    "row",
    [
        span(FACTS, status={"code": "STATUS_CODE_ERROR", "message": "400: code content_filter"}),
        span(FACTS, status={"code": 2}, events=[{"name": "exception", "attributes": pairs(
            {"exception.type": "BadRequestError", "exception.message": "ResponsibleAIPolicyViolation"})}]),
        span({**FACTS, "error.type": "content_filter"}),
        portal_span({**FACTS, "microsoft.foundry.content_filter.results": [
            {"blocked": True, "source_type": "prompt", "content_filter_results": {"hate": {"filtered": True}}}]}),
    ],
)  # fmt: skip
def test_a_call_that_the_content_filter_blocked_is_told_as_filtered(row: Row, tmp_path: Path) -> None:
    request, _ = one(tmp_path, row)
    assert request["filtered"] is True


def test_a_filter_that_let_a_call_pass_is_told_too(tmp_path: Path) -> None:
    passed = [{"blocked": False, "source_type": "completion", "content_filter_results": {"hate": {"filtered": False}}}]
    request, _ = one(tmp_path, portal_span({**FACTS, **SAID, "microsoft.foundry.content_filter.results": passed}))
    assert (request["filtered"], request["answer_seen"]) == (False, "full")


def test_a_failed_row_says_its_status_and_its_error(tmp_path: Path) -> None:
    request, _ = one(tmp_path, dependency(FACTS, Success=False, ResultCode="429"))
    assert (request["status"], request["error_code"]) == (429, "429")


@pytest.mark.parametrize(
    ("more", "api"),
    [
        ({"gen_ai.operation.name": "text_completion"}, "completion"),
        ({"gen_ai.operation.name": "generate_content"}, "chat"),
        ({"gen_ai.operation.name": "generate_content", "gen_ai.output.type": "image"}, "image_generate"),
        ({"gen_ai.output.type": "speech"}, "speech"),
        ({"gen_ai.output.type": "json"}, "chat"),
        ({"gen_ai.operation.name": "embeddings"}, "embedding"),
        ({"gen_ai.operation.name": "responses"}, "responses"),
        ({"gen_ai.operation.name": "dream"}, None),
    ],
)
def test_the_api_is_told_by_the_operation_and_what_it_puts_out(more: Row, api: str | None) -> None:
    assert record(span({**FACTS, **more}))["api"] == api


# --- what is no call --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "makes"),
    [
        (span({**FACTS, "gen_ai.operation.name": "execute_tool"}), False),
        (span({**FACTS, "gen_ai.operation.name": "invoke_agent"}), True),
        (span({**FACTS, "gen_ai.operation.name": "invoke_agent"}, kind=1), False),
        (dependency({**FACTS, "gen_ai.operation.name": "invoke_agent"}, DependencyType="InProc"), False),
        (dependency({**FACTS, "gen_ai.operation.name": "invoke_agent"}), True),
        (portal_span({**FACTS, "gen_ai.operation.name": "invoke_agent"}, kind="SpanKind.INTERNAL"), False),
        (log_record({"gen_ai.evaluation.name": "x"}, eventName="gen_ai.evaluation.result"), False),
        (log_record(in_texts(SAID), eventName=DETAILS), True),
    ],
)
def test_tools_evaluations_and_agents_in_the_callers_process_make_no_request(row: Row, makes: bool) -> None:
    assert record(row)["makes_request"] is makes


@pytest.mark.parametrize(
    "row",
    [
        span({"http.request.method": "GET"}),
        log_record({"level": "info"}, eventName="app.started", traceId="", body={"stringValue": "up"}),
        {"resourceMetrics": []},
        dependency({"db.system": "mssql"}),
        as_strings(dependency({"db.system": "mssql"})),
        as_table(dependency({"db.system": "mssql"})),
        portal_span({"http.request.method": "GET"}),
    ],
)
def test_telemetry_that_says_nothing_of_a_model_is_foreign(row: Row) -> None:
    assert buckets(row) == {"foreign_items": 1}


def test_records_without_ids_stand_for_themselves_and_zeros_are_no_id() -> None:
    first, second = (log_record(in_texts(SAID), eventName=DETAILS, traceId="0" * 32, spanId=span, severityNumber=number)
                     for span, number in (("", 5), ("0" * 16, 6)))  # fmt: skip
    keys = {record(row)["request_key"] for row in (first, second)}
    assert len(keys) == 2
    assert record(first)["request_id"] is None


def test_a_time_that_cannot_be_read_is_quarantined_and_a_missing_one_is_not() -> None:
    assert buckets(span(FACTS, startTimeUnixNano="soon")) == {"quarantined_items": 1}
    assert buckets(dependency(FACTS, TimeGenerated="soon")) == {"quarantined_items": 1}
    assert buckets(span(FACTS, startTimeUnixNano=None), dependency(FACTS, TimeGenerated=None)) == {"loaded": 2}


# --- audit records ----------------------------------------------------------------------------------------------------

AUDIT = {
    "CreationTime": "2026-06-01T10:00:00", "Id": "11111111-0000-4000-8000-000000000001", "RecordType": 261,
    "Operation": "ConnectedAIAppInteraction", "OrganizationId": "Contoso-Tenant", "UserKey": "k", "UserType": 0,
    "Version": 1, "Workload": "ConnectedAIApp", "ClientIP": "::ffff:203.0.113.7", "UserId": "clerk@example.com",
    "AppIdentity": "ConnectedAIApp.AzureAI.letters",
    "CopilotEventData": {
        "AppHost": "letters", "ThreadId": "thread-1", "MessageIds": [], "AccessedResources": [],
        "Messages": [{"Id": "1", "isPrompt": True, "JailbreakDetected": False}],
        "ModelTransparencyDetails": [{"ModelName": "gpt-4o", "ModelVersion": "2024-11-20"}],
    },
}  # fmt: skip
CSV_ROW = {"RecordId": AUDIT["Id"], "CreationDate": "2026-06-01T10:00:00.0000000Z", "RecordType": "261",
           "Operation": AUDIT["Operation"], "UserId": "clerk@example.com", "AuditData": json.dumps(AUDIT)}  # fmt: skip
OLD_CSV_ROW = {"CreationDate": "6/1/2026 10:00:00 AM", "UserIds": "clerk@example.com",
               "Operations": AUDIT["Operation"], "AuditData": json.dumps(AUDIT)}  # fmt: skip
SENTINEL_ROW = {
    "TimeGenerated": "2026-06-01T10:00:00Z", "RecordId": AUDIT["Id"], "RecordType": AUDIT["Operation"],
    "OrganizationId": "Contoso-Tenant", "ActorName": "clerk@example.com", "ActorUserId": "k",
    "SrcIpAddr": "::ffff:203.0.113.7", "AppIdentity": "ConnectedAIApp.AzureAI.letters", "AppHost": "letters",
    "AIModelName": "gpt-4o", "AIModelVersion": "2024-11-20", "LLMEventData": AUDIT["CopilotEventData"],
    "TenantId": WORKSPACE, "Type": "LLMActivity", "Workload": "ConnectedAIApp",
}  # fmt: skip
AUDIT_COLUMNS = (
    "shape", "category", "makes_request", "request_key", "request_id", "recorded_at", "started_at", "api", "operation",
    "deployment", "model", "model_version", "caller", "caller_ip", "session_kind", "session_id", "tenant_keys",
)  # fmt: skip


@pytest.mark.parametrize(
    "row", [AUDIT, CSV_ROW, OLD_CSV_ROW, SENTINEL_ROW, as_strings(SENTINEL_ROW), {"value": [AUDIT]}, [AUDIT]]
)
def test_an_audit_record_says_who_used_what_and_when_in_every_export(row: Any) -> None:
    found = record(row)
    assert {name: found[name] for name in AUDIT_COLUMNS} == {
        "shape": "purview", "category": "ConnectedAIAppInteraction", "makes_request": True,
        "request_key": hashlib.sha256(f"audit\0\0{AUDIT['Id']}".encode()).hexdigest(), "request_id": AUDIT["Id"],
        "recorded_at": datetime(2026, 6, 1, 10), "started_at": datetime(2026, 6, 1, 10), "api": "chat",
        "operation": "ConnectedAIAppInteraction", "deployment": "ConnectedAIApp.AzureAI.letters", "model": "gpt-4o",
        "model_version": "2024-11-20", "caller": "clerk@example.com", "caller_ip": "::ffff:203.0.113.7",
        "session_kind": "thread", "session_id": "thread-1", "tenant_keys": ["entra_tenant:contoso-tenant"],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["CopilotInteraction", "AIAppInteraction", "AIInteraction"])
def test_every_interaction_with_an_ai_app_makes_a_request(name: str, tmp_path: Path) -> None:
    request, parts = one(tmp_path, {**AUDIT, "Operation": name, "Workload": "Copilot"})
    assert (request["shapes"], request["prompt_seen"], request["answer_seen"]) == (["purview"], "none", "none")
    assert parts == []


@pytest.mark.parametrize(
    "row",
    [
        {**AUDIT, "Operation": "FileAccessed", "Workload": "SharePoint"},
        {**CSV_ROW, "Operation": "FileAccessed", "AuditData": json.dumps({**AUDIT, "Operation": "FileAccessed"})},
        {**SENTINEL_ROW, "RecordType": "UpdateCopilotSettings"},
        as_strings({**SENTINEL_ROW, "RecordType": "UpdateCopilotSettings"}),
    ],
)
def test_what_else_an_audit_log_notes_is_foreign(row: Row) -> None:
    assert buckets(row) == {"foreign_items": 1}


def interaction(kind: str, text: str, number: int, **more: Any) -> Row:
    """One prompt or answer as Graph gives it."""
    user = {"user": {"id": "person-1", "displayName": "Clerk"}, "application": None}
    return {
        "id": str(number), "sessionId": "talk-1", "requestId": "ask-1",
        "appClass": "IPM.SkypeTeams.Message.Copilot.Word", "interactionType": kind, "etag": "1", "locale": "en-us",
        "createdDateTime": f"2026-06-01T10:00:0{number}Z", "contexts": [], "attachments": [], "links": [],
        "from": user if kind == "userPrompt" else {"application": {"id": "copilot"}, "user": None},
        "body": {"contentType": "text", "content": text}, **more,
    }  # fmt: skip


def test_a_prompt_and_its_answers_are_one_request_with_what_was_said(tmp_path: Path) -> None:
    file = {"attachmentId": "1", "name": "letter.docx"}
    rows = [interaction("aiResponse", "The one from June.", 2), interaction("aiResponse", "Or May.", 3),
            interaction("userPrompt", QUESTION, 1, attachments=[file])]  # fmt: skip
    request, parts = one(tmp_path, {"@odata.context": "x", "value": rows})
    assert [(part[1], part[2], part[3], part[5]) for part in parts if part[3] == "text"] == [
        ("request", "user", "text", said(QUESTION)),
        ("response", "assistant", "text", said("The one from June.")),
        ("response", "assistant", "text", said("Or May.")),
    ]
    told = {
        name: request[name] for name in ("request_id", "api", "caller", "session_kind", "session_id", "prompt_seen")
    }
    assert told == {"request_id": "ask-1", "api": "chat", "caller": "person-1", "session_kind": "session",
                    "session_id": "talk-1", "prompt_seen": "full"}  # fmt: skip


# --- anything at all --------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS,
    st.sampled_from(["", "[", "{}", '[{"role":', '"x', "None", "0", str(STARTED), AT, "content_filter"]),
)  # fmt: skip
KEYS = st.sampled_from(
    ["role", "parts", "content", "type", "text", "blob", "uri", "modality", "mime_type", "values", "key", "value",
     "arrayValue", "kvlistValue", "stringValue", "message", "finish_reason", "tool_calls", "function", "attributes",
     "name", "body", "blocked", "content_filter_results", "code", "trace_id", "user", "id"]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [*FACTS, *SAID, "gen_ai.prompt", "gen_ai.completion", "gen_ai.prompt.0.content", "gen_ai.prompt.7.x",
         "gen_ai.completion.0.tool_calls.1.name", "gen_ai.event.content", "event.name", "error.type", "service.name",
         "microsoft.foundry.content_filter.results", "gen_ai.output.type", "cloud.account.id", "GEN_AI.prompt"]
    ),
    st.one_of(VALUES, VALUES.map(json.dumps), VALUES.map(any_value)),
    max_size=5,
)  # fmt: skip
FORM = st.sampled_from(["span", "record", "row", "portal", "content", "audit", "graph"])


def odd(form: str, attributes: Row, more: Row) -> Row:
    """A record of some form with anything in its fields."""
    listed = [{"key": name, "value": value} for name, value in attributes.items()]
    if form in ("span", "record"):
        row = span({}) if form == "span" else log_record({})
        tree = next(iter(row.values()))[0]
        inside = next(value for name, value in tree.items() if name != "resource")[0]
        record = next(value for name, value in inside.items() if name != "scope")[0]
        record.update({**more, "attributes": [*pairs({"gen_ai.system": "x"}), *listed]})
        return row
    if form == "row":
        return dependency({}, Properties={"gen_ai.system": "x", **attributes}, **more)
    if form == "portal":
        return portal_span({"gen_ai.system": "x", **attributes}, **more)
    if form == "content":
        return content_row(Attributes=attributes, **more)
    if form == "audit":
        return {**AUDIT, **more, "CopilotEventData": attributes}
    return {**interaction("userPrompt", "x", 1), **more}


FIELDS = st.dictionaries(
    st.sampled_from(
        ["events", "status", "body", "kind", "resource", "name", "eventName", "spanId", "context", "Message", "Success",
         "ResultCode", "DurationMs", "InputMessages", "OutputMessages", "from", "attachments", "sessionId", "UserId",
         "ClientIP", "Id", "RecordType", "endTimeUnixNano", "end_time", "timeUnixNano", "TimeGenerated",
         "createdDateTime"]
    ),
    st.one_of(VALUES, VALUES.map(json.dumps)),
    max_size=4,
)  # fmt: skip


@given(st.lists(st.tuples(FORM, ATTRIBUTES, FIELDS), min_size=1, max_size=4))
@settings(deadline=None)
def test_whatever_stands_in_a_record_it_is_loaded_or_counted(drawn: list[tuple[str, Row, Row]]) -> None:
    seen = buckets(*(odd(*row) for row in drawn))
    assert sum(seen.values()) == len(drawn)
    assert seen.keys() <= {"loaded", "quarantined_items", "foreign_items", "unrecognised", "quarantined"}


@given(st.lists(st.tuples(FORM, ATTRIBUTES, FIELDS), min_size=2, max_size=6))
@settings(deadline=None)
def test_a_record_says_the_same_whatever_stands_beside_it(drawn: list[tuple[str, Row, Row]]) -> None:
    def plain(records: list[Row]) -> Counter[str]:
        places = ("line", "byte_offset")
        return Counter(repr({name: value for name, value in row.items() if name not in places}) for row in records)

    rows = [odd(*row) for row in drawn]
    together, alone = mapped(*rows), [mapped(row) for row in rows]
    assert plain(together[0]) == sum((plain(records) for records, _ in alone), Counter())
    assert Counter(together[1]) == Counter(text for _, texts in alone for text in texts)


@given(st.lists(st.tuples(FORM, ATTRIBUTES, FIELDS), min_size=1, max_size=6))
@settings(deadline=None, max_examples=15)
def test_whatever_is_loaded_can_be_assembled(tmp_path_factory: Any, drawn: list[tuple[str, Row, Row]]) -> None:
    rows = [odd(*row) for row in drawn]
    requests, _ = loaded(tmp_path_factory.mktemp("site"), *rows)
    assert {row["request_key"] for row in requests} == {
        row["request_key"] for row in mapped(*rows)[0] if row["makes_request"]
    }


MESSAGES = st.lists(
    st.tuples(st.sampled_from(["user", "system", "assistant"]), TEXTS.filter(bool)), min_size=1, max_size=4
)


@given(MESSAGES, st.sampled_from([span, dependency, portal_span]), st.booleans())
@settings(deadline=None)
def test_any_text_in_a_message_comes_out_as_it_went_in(
    drawn: list[tuple[str, str]], form: Callable[[Row], Row], has_parts: bool
) -> None:
    messages = [
        {"role": role, "parts": [{"type": "text", "content": text}]} if has_parts else {"role": role, "content": text}
        for role, text in drawn
    ]
    (text,) = mapped(form({"gen_ai.input.messages": json.dumps(messages)}))[1]
    assert json.loads(text) == {"gen_ai.input.messages": messages}


@given(st.integers(2, len(json.dumps(ASKED))))
@settings(deadline=None)
def test_a_cut_attribute_gives_the_beginning_of_what_the_whole_one_says(end: int) -> None:
    cut = json.dumps(ASKED)[:end]
    texts = mapped(span({"gen_ai.system": "x", "gen_ai.input.messages": cut}))[1]
    whole = json.dumps({"gen_ai.input.messages": ASKED}, separators=(",", ":"))
    for text in texts:
        head = text.partition("data:image/png;base64,")[0]
        assert whole.replace(BLOB, "data:image/png;base64,").startswith(head)


def test_attributes_without_a_span_around_them_are_a_call_that_stands_for_itself(tmp_path: Path) -> None:
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Which river?"}]}]
    (tmp_path / "a.json").write_text(json.dumps({"gen_ai.input.messages": asked, "gen_ai.request.model": "chat"}))
    analyzer.load([str(tmp_path / "a.json")], tmp_path / "audit.duckdb")
    assert rows_of(tmp_path / "audit.duckdb", "SELECT shapes, deployment, prompt_seen FROM store.requests") == [
        (["otlp"], "chat", "full")
    ]


def test_an_error_hides_no_answer_that_an_event_tells(tmp_path: Path) -> None:
    failed = span(in_texts(FACTS) | {"error.type": "timeout"}, status={"code": 2, "message": "stream reset"})
    (tmp_path / "a.json").write_text(json.dumps(failed))
    assert analyzer.load([str(tmp_path / "a.json")], tmp_path / "audit.duckdb").loaded
    assert rows_of(tmp_path / "audit.duckdb", "SELECT error_code, answer_seen FROM store.requests") == [
        ("timeout", "full")
    ]


@pytest.mark.parametrize("route", ["portal", "storage"])
def test_rows_of_application_insights_have_a_time_by_every_route(route: str) -> None:
    row = dependency(FACTS | SAID)
    if route == "portal":
        row = {("TimeGenerated [UTC]" if name == "TimeGenerated" else name): value for name, value in row.items()}
    else:
        row = {"time": row.pop("TimeGenerated"), "resourceId": row.pop("_ResourceId", "/subscriptions/s/x"), **row}
    (chunk,) = chunks([as_lines([row])])
    (found,) = map_frames(frames(chunk)).records.to_pylist()
    assert found["shape"] == "app_insights"
    assert found["started_at"] is not None
