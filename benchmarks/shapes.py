"""The same invented calls in every form in which logs of Azure OpenAI leave Azure, of any size, always the same bytes.

    python -m benchmarks.shapes FOLDER --form litellm_spend --bytes 50000000

A form is a log shape in one of the files that its exporter writes. Benchmarks and tests use them; what a form cannot
carry is no fault of the reader, so a test keeps it as data.
"""

import argparse
import csv
import gzip
import io
import json
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import generate
from benchmarks.generate import ACCOUNTS, GATEWAY, SEED, Call

Row = dict[str, Any]
_NAMESPACE = uuid.UUID("5e0c2a10-0000-4000-8000-000000000001")
_WORKSPACE = "00000000-0000-4000-8000-0000000000bb"
_ENTRA = "00000000-0000-4000-8000-0000000000cc"
_BATCH = 2000  # calls in one message, document or row group


@dataclass(frozen=True)
class Form:
    """How calls are written: the ending of a file, and the bytes of one with some calls."""

    ending: str
    render: Callable[[Sequence[Call]], bytes]


def calls(size: int, seed: int = SEED) -> Iterator[Call]:
    """Calls as ``generate`` makes them, without end; ``size`` (bytes) only sets their pace."""
    rng = random.Random(seed)
    return generate._calls(rng, generate._sentences(rng), generate.FIRST_HOUR, size, 0)


def write(folder: Path, form: str, size: int) -> Path:
    """A file of about ``size`` bytes or a little more below ``folder``; its path."""
    path = folder / f"{form}{FORMS[form].ending}"
    folder.mkdir(parents=True, exist_ok=True)
    source = calls(size)
    one = len(FORMS[form].render([next(source) for _ in range(50)])) / 50
    path.write_bytes(FORMS[form].render([next(source) for _ in range(max(1, round(size / one)))]))
    return path


def call_id(call: Call, where: str = "") -> str:
    """The id of a call, as one kind of log knows it."""
    return str(uuid.uuid5(_NAMESPACE, f"{call.number} {where}"))


def user(call: Call) -> str:
    """Who called, where a form can say it."""
    return f"clerk-{call.number % 7}@clerks.example.com"


def tokens(call: Call) -> tuple[int, int]:
    """Tokens of prompt and answer."""
    return len(call.prompt) // 4, len(call.answer) // 4


def messages(call: Call) -> list[Row]:
    """What was asked."""
    return [{"role": "system", "content": call.system}, {"role": "user", "content": call.prompt}]


def request_body(call: Call) -> Row:
    """The body of the call."""
    return {"model": call.deployment, "messages": messages(call)}


def response_body(call: Call) -> Row:
    """The body of its answer."""
    asked, told = tokens(call)
    return {
        "id": f"chatcmpl-{call_id(call)[:12]}",
        "object": "chat.completion",
        "created": int(call.start.timestamp()),
        "model": call.model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": call.answer}}],
        "usage": {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told},
    }


def _end(call: Call) -> datetime:
    return call.start + timedelta(milliseconds=call.milliseconds)


def _stamp(moment: datetime, digits: int = 7) -> str:
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
    return text[: len(text) - (7 - digits)] + "Z"


def _us(moment: datetime, comma: str = "") -> str:
    """The US form of a time, as portals and policies write it."""
    hour = moment.hour % 12 or 12
    return f"{moment.month}/{moment.day}/{moment.year}{comma} {hour}:{moment:%M:%S}"


def _portal(moment: datetime) -> str:
    return f"{_us(moment, ',')}.{moment.microsecond // 1000:03} {moment:%p}"


def _account(call: Call) -> str:
    return ACCOUNTS[call.number % len(ACCOUNTS)]


# --- A, C, D: resource logs in storage --------------------------------------------------------------------------------


def _resource_properties(call: Call) -> Row:
    return {
        "apiName": "Azure OpenAI API version 2024-10-21", "requestTime": generate._ticks(call.start),
        "requestLength": len(call.prompt), "responseTime": generate._ticks(_end(call)),
        "responseLength": len(call.answer), "objectId": user(call), "streamType": "Non-Streaming",
        "modelDeploymentName": call.deployment, "modelName": call.model, "modelVersion": "1",
    }  # fmt: skip


def resource_log(call: Call) -> Row:
    """A RequestResponse record of the account."""
    return {
        "time": _stamp(_end(call) + timedelta(seconds=1)), "resourceId": _account(call), "category": "RequestResponse",
        "operationName": "ChatCompletions_Create", "callerIpAddress": "203.0.113.***", "location": "eastus",
        "correlationId": call_id(call), "durationMs": call.milliseconds, "resultSignature": "200", "Tenant": "eastus",
        "event": "ShoeboxCallResult", "properties": json.dumps(_resource_properties(call)),
    }  # fmt: skip


def _gateway_properties(call: Call) -> Row:
    path = f"/openai/deployments/{call.deployment}/chat/completions?api-version=2024-10-21"
    return {
        "method": "POST", "url": f"https://apim.example.com{path}", "backendUrl": f"https://oai.example.com{path}",
        "responseCode": 200, "backendResponseCode": 200, "operationId": "ChatCompletions_Create", "productId": "ai",
        "apimSubscriptionId": f"team-{call.number % 3}", "userId": user(call), "requestSize": len(call.prompt),
        "responseSize": len(call.answer), "requestBody": json.dumps(request_body(call)),
        "responseBody": json.dumps(response_body(call)),
    }  # fmt: skip


def gateway_log(call: Call) -> Row:
    """A GatewayLogs record with both bodies."""
    return {
        "time": _stamp(_end(call)), "resourceId": GATEWAY, "category": "GatewayLogs", "location": "East US",
        "operationName": "Microsoft.ApiManagement/GatewayLogs", "callerIpAddress": "203.0.113.9",
        "correlationId": call_id(call), "durationMs": call.milliseconds, "isRequestSuccess": True,
        "properties": _gateway_properties(call),
    }  # fmt: skip


def _llm_properties(call: Call) -> list[Row]:
    asked, told = tokens(call)
    answer = [{"role": "assistant", "content": call.answer, "finish_reason": "stop"}]
    request = json.dumps(messages(call))
    half = len(request) // 2
    return [
        {
            "sequenceNumber": 0, "isStreamCompletion": False, "requestId": f"chatcmpl-{call.number}",
            "modelName": call.model, "deploymentName": call.deployment, "promptTokens": asked,
            "completionTokens": told, "totalTokens": asked + told,
        },
        {"sequenceNumber": 1, "isStreamCompletion": False, "requestMessages": request[:half]},
        {"sequenceNumber": 1, "isStreamCompletion": False, "requestMessages": request[half:]},
        {"sequenceNumber": 2, "isStreamCompletion": False, "responseMessages": json.dumps(answer)},
    ]  # fmt: skip


def llm_log(call: Call) -> list[Row]:
    """GatewayLlmLogs records: metadata, the request in two chunks, the answer."""
    return [
        {
            "time": _stamp(_end(call) + timedelta(microseconds=17 * place)), "resourceId": GATEWAY,
            "category": "GatewayLlmLogs", "operationName": "Microsoft.ApiManagement/GatewayLlmLogs",
            "location": "East US", "correlationId": call_id(call),
            "properties": {"correlationId": call_id(call), **properties},
        }
        for place, properties in enumerate(_llm_properties(call))
    ]  # fmt: skip


# --- B, E: rows of Log Analytics --------------------------------------------------------------------------------------


def diagnostics_row(call: Call) -> Row:
    """An AzureDiagnostics row."""
    account = _account(call)
    return {
        "TenantId": _WORKSPACE, "TimeGenerated": _stamp(_end(call) + timedelta(seconds=1)), "ResourceId": account,
        "Category": "RequestResponse", "ResourceProvider": "MICROSOFT.COGNITIVESERVICES", "ResourceType": "ACCOUNTS",
        "Resource": account.rpartition("/")[2], "OperationName": "ChatCompletions_Create", "ResultSignature": "200",
        "DurationMs": call.milliseconds, "CallerIPAddress": "203.0.113.***", "CorrelationId": call_id(call),
        "event_s": "ShoeboxCallResult", "location_s": "eastus", "Tenant_s": "eastus",
        "properties_s": json.dumps(_resource_properties(call)), "SourceSystem": "Azure", "Type": "AzureDiagnostics",
        "_ResourceId": account.lower(),
    }  # fmt: skip


def gateway_row(call: Call) -> Row:
    """An ApiManagementGatewayLogs row."""
    inner = {key[0].upper() + key[1:]: value for key, value in _gateway_properties(call).items()}
    return {
        "TenantId": _WORKSPACE, "TimeGenerated": _stamp(_end(call)), "CorrelationId": call_id(call),
        "CallerIpAddress": "203.0.113.9", "TotalTime": call.milliseconds, "Region": "East US",
        "IsRequestSuccess": True, **inner, "Type": "ApiManagementGatewayLogs", "_ResourceId": GATEWAY.lower(),
    }  # fmt: skip


def llm_rows(call: Call) -> list[Row]:
    """ApiManagementGatewayLlmLog rows; a projection keeps all columns in each."""
    columns = (
        "sequenceNumber", "isStreamCompletion", "requestId", "modelName", "deploymentName", "promptTokens",
        "completionTokens", "totalTokens", "requestMessages", "responseMessages",
    )  # fmt: skip
    return [
        {
            "TenantId": _WORKSPACE, "TimeGenerated": _stamp(_end(call) + timedelta(microseconds=17 * place)),
            "CorrelationId": call_id(call), "Region": "East US",
            **{name[0].upper() + name[1:]: properties.get(name) for name in columns},
            "Type": "ApiManagementGatewayLlmLog", "_ResourceId": GATEWAY.lower(),
        }
        for place, properties in enumerate(_llm_properties(call))
    ]  # fmt: skip


# --- F: events of gateway policies ------------------------------------------------------------------------------------


def two_events(call: Call) -> list[Row]:
    """A request and a response event, joined by their message id."""
    asked, told = tokens(call)
    choices = response_body(call)["choices"]
    return [
        {
            "event-type": "Request", "event-time": f"{_us(call.start)} {call.start:%p}", "message-id": call_id(call),
            "backend": "https://oai.example.com/openai", "operation": "ChatCompletions_Create",
            "model": call.deployment, "prompt": "", "messages": json.dumps(messages(call)),
        },
        {
            "event-type": "Response", "event-time": f"{_us(_end(call))} {_end(call):%p}", "message-id": call_id(call),
            "operation": "ChatCompletions_Create", "model": call.model, "choices": json.dumps(choices),
            "prompt_tokens": str(asked), "completion_tokens": str(told), "total_tokens": str(asked + told),
        },
    ]  # fmt: skip


def stored_message(call: Call) -> Row:
    """A row of the message-storing lab."""
    asked, told = tokens(call)
    return {
        "id": call_id(call), "timestamp": _stamp(call.start), "model": call.model, "modelRegion": "East US",
        "apimRequestId": call_id(call, "apim"), "clientIp": "203.0.113.9", "operationName": "ChatCompletions_Create",
        "request": json.dumps(request_body(call)), "response": json.dumps(response_body(call)["choices"]),
        "promptTokens": str(asked), "responseTokens": str(told), "totalTokens": str(asked + told),
    }  # fmt: skip


def chunked_events(call: Call) -> list[Row]:
    """A summary and the bodies in pieces."""
    found: list[Row] = [
        {
            "kind": "summary", "correlationId": call_id(call), "timestamp": _stamp(call.start), "status": 200,
            "durationMs": call.milliseconds, "requestChunks": 2, "responseChunks": 1,
        }
    ]  # fmt: skip
    for side, body, count in (("request", request_body(call), 2), ("response", response_body(call), 1)):
        text = json.dumps(body)
        size = -(-len(text) // count)
        found += [
            {
                "kind": f"{side}-body", "correlationId": call_id(call), "timestamp": _stamp(call.start),
                "chunkIndex": number, "chunkTotal": count, "payload": text[number * size : (number + 1) * size],
            }
            for number in range(count)
        ]  # fmt: skip
    return found


# --- G: telemetry -----------------------------------------------------------------------------------------------------


def _gen_ai(call: Call) -> Row:
    asked, told = tokens(call)
    return {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": call.deployment, "gen_ai.response.model": call.model,
        "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": asked,
        "gen_ai.usage.output_tokens": told, "gen_ai.system_instructions": [{"type": "text", "content": call.system}],
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": call.prompt}]}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": call.answer}], "finish_reason": "stop"}
        ],
    }  # fmt: skip


def _trace_ids(call: Call) -> tuple[str, str]:
    return call_id(call).replace("-", ""), call_id(call, "span").replace("-", "")[:16]


def _any_value(value: Any) -> Row:
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value[0], str):
        return {"arrayValue": {"values": [{"stringValue": each} for each in value]}}
    return {"stringValue": json.dumps(value)}


def otlp_trace(call: Call) -> Row:
    """A line of the OTLP file exporter with one span."""
    trace, span = _trace_ids(call)
    nanos = (call.start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    attributes = [{"key": key, "value": _any_value(value)} for key, value in _gen_ai(call).items()]
    return {
        "resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "helpdesk"}}]},
            "scopeSpans": [{"scope": {"name": "instrumentation"}, "spans": [{
                "traceId": trace, "spanId": span, "name": f"chat {call.deployment}", "kind": 3,
                "startTimeUnixNano": str(nanos), "endTimeUnixNano": str(nanos + call.milliseconds * 1_000_000),
                "attributes": attributes, "status": {"code": 1},
            }]}],
        }]
    }  # fmt: skip


def dependency_row(call: Call) -> Row:
    """An AppDependencies row; attributes are strings."""
    trace, span = _trace_ids(call)
    told = {key: value if isinstance(value, str) else json.dumps(value) for key, value in _gen_ai(call).items()}
    return {
        "TenantId": _WORKSPACE, "TimeGenerated": _stamp(call.start), "Id": span, "OperationId": trace,
        "Name": f"chat {call.deployment}", "DurationMs": call.milliseconds, "Success": True, "ResultCode": "200",
        "AppRoleName": "helpdesk", "Properties": json.dumps(told), "Type": "AppDependencies",
        "_ResourceId": "/subscriptions/x/resourcegroups/y/providers/microsoft.insights/components/app",
    }  # fmt: skip


def foundry_trace(call: Call) -> Row:
    """A span of the Foundry portal's trace export; messages are nested JSON."""
    trace, span = _trace_ids(call)
    return {
        "name": f"chat {call.deployment}", "context": {"trace_id": trace, "span_id": span}, "kind": "CLIENT",
        "parent_id": None, "start_time": _stamp(call.start, 6), "end_time": _stamp(_end(call), 6),
        "status": {"status_code": "OK"}, "attributes": _gen_ai(call),
    }  # fmt: skip


# --- H: LiteLLM -------------------------------------------------------------------------------------------------------


def spend_log(call: Call) -> Row:
    """A row of the proxy's spend logs; JSON fields are texts."""
    asked, told = tokens(call)
    return {
        "request_id": call_id(call), "call_type": "acompletion", "api_key": "hashed", "spend": 0.001,
        "total_tokens": asked + told, "prompt_tokens": asked, "completion_tokens": told,
        "startTime": f"{call.start:%Y-%m-%d %H:%M:%S.%f}", "endTime": f"{_end(call):%Y-%m-%d %H:%M:%S.%f}",
        "model": f"azure/{call.model}", "model_group": call.deployment, "custom_llm_provider": "azure",
        "api_base": "https://oai.example.com", "user": user(call), "team_id": f"team-{call.number % 3}",
        "metadata": json.dumps({"user_api_key_alias": "helpdesk"}), "cache_hit": "False", "request_tags": "[]",
        "end_user": "", "requester_ip_address": "203.0.113.9", "status": "success",
        "messages": json.dumps(messages(call)), "response": json.dumps(response_body(call)),
    }  # fmt: skip


def logging_payload(call: Call) -> Row:
    """A StandardLoggingPayload; times are seconds."""
    asked, told = tokens(call)
    return {
        "id": call_id(call), "trace_id": call_id(call, "trace"), "call_type": "acompletion", "status": "success",
        "response_cost": 0.001, "total_tokens": asked + told, "prompt_tokens": asked, "completion_tokens": told,
        "startTime": call.start.timestamp(), "endTime": _end(call).timestamp(), "model": f"azure/{call.model}",
        "model_group": call.deployment, "api_base": "https://oai.example.com", "end_user": "",
        "metadata": {"user_api_key_team_id": f"team-{call.number % 3}", "user_api_key_user_id": user(call)},
        "custom_llm_provider": "azure", "messages": messages(call), "response": response_body(call),
    }  # fmt: skip


# --- I: Purview -------------------------------------------------------------------------------------------------------


def purview_record(call: Call) -> Row:
    """A record of the unified audit log; it holds no text."""
    return {
        "CreationTime": f"{call.start:%Y-%m-%dT%H:%M:%S}", "Id": call_id(call),
        "Operation": "ConnectedAIAppInteraction", "OrganizationId": _ENTRA, "RecordType": 261,
        "UserKey": user(call), "UserType": 0, "Version": 1,
        "Workload": "ConnectedAIApp", "ClientIP": "::ffff:203.0.113.9", "UserId": user(call),
        "AppIdentity": "ConnectedAIApp.AzureAI.oai-clerks",
        "CopilotEventData": {"AppHost": "ConnectedAIApp", "Contexts": [], "ThreadId": f"thread-{call.number}",
                             "Messages": [{"Id": "1", "isPrompt": True}], "AccessedResources": []},
    }  # fmt: skip


def purview_row(call: Call) -> Row:
    """The same as the audit search exports it."""
    return {
        "RecordId": call_id(call), "CreationDate": f"{call.start:%Y-%m-%dT%H:%M:%S}.0000000Z", "RecordType": "261",
        "Operation": "ConnectedAIAppInteraction", "UserId": user(call), "AuditData": json.dumps(purview_record(call)),
    }  # fmt: skip


# --- J: batch files and bodies ----------------------------------------------------------------------------------------


def batch_lines(call: Call) -> list[Row]:
    """A line of a batch's input, and one of its output."""
    body = {"body": response_body(call), "request_id": call_id(call, "backend"), "status_code": 200}
    return [
        {"custom_id": call_id(call), "method": "POST", "url": "/chat/completions", "body": request_body(call)},
        {"custom_id": call_id(call), "response": body, "error": None},
    ]


# --- files ------------------------------------------------------------------------------------------------------------


def _rows(render: Callable[[Call], Row | list[Row]], some: Sequence[Call]) -> list[Row]:
    found: list[Row] = []
    for call in some:
        rendered = render(call)
        found += rendered if isinstance(rendered, list) else [rendered]
    return found


def _lines(render: Callable[[Call], Row | list[Row]]) -> Form:
    return Form(".jsonl", lambda some: "".join(json.dumps(row) + "\n" for row in _rows(render, some)).encode())


def _strings(row: Row) -> Row:
    """As az CLI prints a row: every value a string."""
    said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in row.items()}
    return {"TableName": "PrimaryResult"} | {name: "None" if value == "null" else value for name, value in said.items()}


def _cli(render: Callable[[Call], Row | list[Row]]) -> Form:
    return Form(".json", lambda some: json.dumps([_strings(row) for row in _rows(render, some)], indent=1).encode())


def _query(render: Callable[[Call], Row | list[Row]]) -> Form:
    def rendered(some: Sequence[Call]) -> bytes:
        rows = _rows(render, some)
        columns = [{"name": name, "type": "string"} for name in rows[0]]
        table = {"name": "PrimaryResult", "columns": columns, "rows": [list(row.values()) for row in rows]}
        return json.dumps({"tables": [table]}).encode()

    return Form(".json", rendered)


def _csv(render: Callable[[Call], Row | list[Row]]) -> Form:
    """A portal's CSV: times in US form under a name that ends in [UTC]."""

    def cell(name: str, value: Any) -> str:
        if name == "TimeGenerated":
            return _portal(datetime.fromisoformat(value))
        return "" if value is None else value if isinstance(value, str) else json.dumps(value)

    def rendered(some: Sequence[Call]) -> bytes:
        rows = _rows(render, some)
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow("TimeGenerated [UTC]" if name == "TimeGenerated" else name for name in rows[0])
        writer.writerows([cell(name, value) for name, value in row.items()] for row in rows)
        return b"\xef\xbb\xbf" + text.getvalue().encode()

    return Form(".csv", rendered)


def _parquet(render: Callable[[Call], Row | list[Row]]) -> Form:
    def rendered(some: Sequence[Call]) -> bytes:
        rows = [
            {n: datetime.fromisoformat(v) if n == "TimeGenerated" else v for n, v in row.items()}
            for row in _rows(render, some)
        ]
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=_BATCH)
        return sink.getvalue()

    return Form(".parquet", rendered)


def _envelopes(render: Callable[[Call], Row | list[Row]]) -> Form:
    """Event Hubs messages, one a line."""

    def rendered(some: Sequence[Call]) -> bytes:
        rows = _rows(render, some)
        messages = (rows[at : at + _BATCH // 20] for at in range(0, len(rows), _BATCH // 20))
        return "".join(json.dumps({"records": each}) + "\n" for each in messages).encode()

    return Form(".jsonl", rendered)


def _array(render: Callable[[Call], Row | list[Row]]) -> Form:
    return Form(".json", lambda some: json.dumps(_rows(render, some), indent=2).encode())


def _gzipped(form: Form) -> Form:
    return Form(f"{form.ending}.gz", lambda some: gzip.compress(form.render(some), mtime=0))


def _utf16(form: Form) -> Form:
    return Form(form.ending, lambda some: form.render(some).decode().encode("utf-16"))


FORMS: dict[str, Form] = {
    "resource_log": _lines(resource_log),
    "resource_log_events": _envelopes(resource_log),
    "resource_log_utf16": _utf16(_lines(resource_log)),
    "gateway_log": _lines(gateway_log),
    "gateway_log_gzip": _gzipped(_lines(gateway_log)),
    "llm_log": _lines(llm_log),
    "diagnostics_export": _lines(diagnostics_row),
    "diagnostics_cli": _cli(diagnostics_row),
    "diagnostics_query": _query(diagnostics_row),
    "diagnostics_csv": _csv(diagnostics_row),
    "diagnostics_parquet": _parquet(diagnostics_row),
    "gateway_export": _lines(gateway_row),
    "gateway_cli": _cli(gateway_row),
    "gateway_query": _query(gateway_row),
    "gateway_csv": _csv(gateway_row),
    "gateway_parquet": _parquet(gateway_row),
    "llm_export": _lines(llm_rows),
    "llm_cli": _cli(llm_rows),
    "llm_query": _query(llm_rows),
    "llm_csv": _csv(llm_rows),
    "llm_parquet": _parquet(llm_rows),
    "two_events": _lines(two_events),
    "stored_messages": _lines(stored_message),
    "chunked_events": _lines(chunked_events),
    "otlp_traces": _lines(otlp_trace),
    "dependency_export": _lines(dependency_row),
    "dependency_cli": _cli(dependency_row),
    "foundry_traces": _array(foundry_trace),
    "litellm_spend": _lines(spend_log),
    "litellm_payload": _lines(logging_payload),
    "purview_json": _lines(purview_record),
    "purview_csv": _csv(purview_row),
    "batch": _lines(batch_lines),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command ``python -m benchmarks.shapes``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shapes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--form", choices=sorted(FORMS), action="append", help="all when none is named")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="about how many bytes of each")
    given = parser.parse_args(arguments)
    for form in given.form or FORMS:
        write(given.folder, form, given.bytes)


if __name__ == "__main__":
    main()
