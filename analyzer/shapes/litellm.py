"""LiteLLM's spend logs and its StandardLoggingPayload: who called, tokens, status and, where it is on, the content.

Outside facts: the spend log's table and the payload's type in LiteLLM's documentation. Dumps hold JSON fields as texts
and times without a zone, which are UTC; the payload has objects and seconds since 1970.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import parse_nested, write
from analyzer.shapes import fields, gen_ai
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_call_type

NAME = "litellm"
ROW_NAME = NAME  # no table of Log Analytics has such rows
TIMES = ("starttime", "endtime")
FIELDS = (
    "request_id", "id", "call_type", "starttime", "endtime", "request_duration_ms", "model", "model_group", "api_base",
    "user", "team_id", "end_user", "requester_ip_address", "messages", "response", "proxy_server_request",
    "session_id", "trace_id", "status", "stream", "error_information", "error_str", "prompt_tokens",
    "completion_tokens", "api_key",
)  # fmt: skip
PROPERTIES = (
    "user_api_key_team_id", "user_api_key_user_id", "user_api_key_end_user_id", "user_api_key_alias",
    "requester_ip_address", "error_information", "status", "user_api_key_hash",
)  # fmt: skip
_PROVIDERS = ("", "azure", "azure_ai", "azure_text", "openai", "text-completion-openai", "none", "unknown")
_NOT_LOGGED = ("", "{}", "[]", "null", '""', "none")
_REDACTED = "redacted-by-litellm"
_PROMPTS = ('"messages"', '"input"', '"prompt"')  # one of which a body has that is worth more than the messages
_STATUS = {"success": 200}  # of a failure its error says it
_BLOCKED = "ContentPolicyViolationError"


def is_row(names: frozenset[str]) -> bool:
    """Whether a record with these keys, in lower case, is one of LiteLLM, whichever provider it called."""
    return "call_type" in names and not names.isdisjoint(("api_base", "model_group"))


def recognise(about: About) -> bool:
    """Whether a record is LiteLLM's of a call to Azure, OpenAI or a provider that it does not name."""
    return is_row(about.names) and about.provider.strip() in _PROVIDERS


def content(item: Columns, inner: Columns) -> Content:
    """The request's body or else its messages, and the answer or else the error; ``{}`` says it was not logged."""
    asked = [_body(_logged(value)) for value in item["proxy_server_request"]]
    messages = [
        None if body and any(word in body for word in _PROMPTS) else _messages(_logged(value))
        for body, value in zip(asked, item["messages"], strict=True)
    ]
    answered = [
        _logged(response) or (_error(*told) if _is_failure(*said) else None)
        for response, said, told in zip(
            item["response"],
            zip(item["status"], inner["status"], strict=True),
            zip(item["error_information"], inner["error_information"], item["error_str"], strict=True),
            strict=True,
        )
    ]
    return [(asked, "request", "body"), (messages, "request", "body"), (answered, "response", "body")]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their metadata give."""
    started, ended = _times(item["starttime"]), _times(item["endtime"])
    model = fields.per_value(fields.texts(item["model"]), _plain_model)
    user = pc.coalesce(fields.texts(item["user"]), fields.texts(inner["user_api_key_user_id"]))
    end_user = pc.coalesce(fields.texts(item["end_user"]), fields.texts(inner["user_api_key_end_user_id"]))
    alias = fields.texts(inner["user_api_key_alias"])
    key = pc.coalesce(fields.texts(item["api_key"]), fields.texts(inner["user_api_key_hash"]))  # a hash of it
    session = pc.coalesce(fields.texts(item["session_id"]), fields.texts(item["trace_id"]))
    lasted = fields.lasted(started, ended)
    nothing = pa.scalar(None, pa.string())
    return {
        "category": "call",
        "makes_request": True,
        "kind": "litellm",
        "request_id": pc.coalesce(fields.texts(item["request_id"]), fields.texts(item["id"])),
        "ticks": pc.coalesce(started, ended),
        "started_at": fields.moments(pc.coalesce(started, ended)),
        "started_by": pc.if_else(pc.is_valid(started), "request_time", "time"),
        "api": fields.per_value(fields.texts(item["call_type"]), api_of_call_type),
        "operation": fields.texts(item["call_type"]),
        "deployment": pc.coalesce(fields.texts(item["model_group"]), model),
        "model": model,
        "backend": fields.per_value(fields.texts(item["api_base"]), fields.host),
        "subscription": alias,
        "caller": pc.coalesce(end_user, user, alias, key),
        "caller_ip": pc.coalesce(
            fields.texts(item["requester_ip_address"]), fields.texts(inner["requester_ip_address"])
        ),
        "status": _statuses(item, inner),
        "stream": fields.flags(item["stream"]),
        "duration_ms": pc.coalesce(fields.milliseconds(item["request_duration_ms"]), lasted),
        "prompt_tokens": fields.numbers(item["prompt_tokens"]),
        "completion_tokens": fields.numbers(item["completion_tokens"]),
        "session_kind": pc.if_else(pc.is_valid(session), "session", nothing),
        "session_id": session,
        "tenant_keys": fields.lists(
            fields.keys(
                "litellm_team",
                pc.coalesce(fields.texts(item["team_id"]), fields.texts(inner["user_api_key_team_id"])),
            )
        ),
    }


def _times(values: Sequence[Any]) -> pa.Array:
    """Times without a zone, all at once; else each by itself: in ISO form or in seconds since 1970."""
    try:
        return pc.multiply(pa.array(values, pa.string()).cast(pa.timestamp("us")).cast(pa.int64()), 10)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([_time(value) for value in values], pa.int64())


def _time(value: Any) -> int | None:
    read = fields.ticks(value)
    return fields.epoch(value) if read is None else read


def _plain_model(model: str) -> str:
    """The model without the provider before it."""
    return model.removeprefix("azure_ai/").removeprefix("azure_text/").removeprefix("azure/")


def _statuses(item: Columns, inner: Columns) -> pa.Array:
    """200 for a success, what the error says for a failure."""
    said = zip(item["status"], inner["status"], item["error_information"], inner["error_information"], strict=True)
    return pa.array([_status(*values) for values in said], pa.int32())


def _status(status: Any, inner_status: Any, error: Any, inner_error: Any) -> int | None:
    if _is_failure(status, inner_status):
        return fields.number(_information(error, inner_error).get("error_code"), bits=32)
    return _STATUS.get((fields.text(status) or fields.text(inner_status) or "").lower())


def _is_failure(status: Any, inner_status: Any) -> bool:
    return any(isinstance(said, str) and said.strip().lower() == "failure" for said in (status, inner_status))


def _information(error: Any, inner_error: Any) -> dict[str, Any]:
    return fields.lower_keys(parse_nested(error) or parse_nested(inner_error))


def _error(error: Any, inner_error: Any, message: Any) -> str | None:
    """An error body with what LiteLLM says of a failure."""
    said = _information(error, inner_error)
    kind = fields.text(said.get("error_class"))
    text = fields.text(said.get("error_message")) or fields.text(message)
    is_blocked = kind == _BLOCKED or (text is not None and gen_ai.tells_of_filter(text))
    code = "content_policy_violation" if is_blocked else fields.text(said.get("error_code")) or kind
    return write({"error": {"code": code, "message": text}}) if code or text else None


def _logged(value: Any) -> str | None:
    """Content as text; None where it was not logged."""
    said = value if type(value) is str else write(value) if value else ""
    if _REDACTED in said:  # which a prompt may say too: only what is nothing else was taken out
        kept = _unredacted(parse_nested(said))
        said = kept if isinstance(kept, str) else write(kept) if kept else ""
    return None if said.strip().lower() in _NOT_LOGGED else said


def _unredacted(value: Any) -> Any:
    """The value without messages, choices and texts that are nothing but the mark of what was taken out."""
    if isinstance(value, list):
        return [kept for kept in map(_unredacted, value) if kept]
    if isinstance(value, dict):
        said = {name: _unredacted(held) if _is_content(name) else held for name, held in value.items()}
        emptied = any(value[name] and not said[name] for name in said)
        return {} if emptied and not any(said[name] for name in said if _is_content(name)) else said
    return None if value == _REDACTED else value


def _is_content(name: str) -> bool:
    return name in ("messages", "content", "text", "input", "prompt", "output", "choices", "message", "tool_calls")


def _messages(said: str | None) -> str | None:
    """Messages, also those of a prompt that is a plain text."""
    is_text = said is not None and not isinstance(parse_nested(said), list | dict)
    return write([{"role": "user", "content": said}]) if is_text else said


def _body(request: str | None) -> str | None:
    """The body, also of a request that is logged with its URL and headers."""
    if request and '"headers"' in request and '"body"' in request:
        value = parse_nested(request)
        if isinstance(value, dict) and isinstance(value.get("body"), dict):
            return _logged(value["body"])
    return request
