"""What gen_ai attributes of OpenTelemetry say: columns of RECORDS, and bodies put together from them.

Names are those of the semantic conventions for generative AI (open-telemetry/semantic-conventions-genai), those before
v1.37 (prompt_tokens, gen_ai.prompt, an event for every message) and the numbered ones of ``numbered``. The key of a
call is its trace and span id: a span, its log records and its rows in Application Insights are one request.

No call of a model are execute_tool, which runs in the caller's process, and evaluations: they load as records and make
no request. Agents are one only as client spans, for then the service calls the model where nobody else logs it; an
agent in the caller's process has a span for every call it makes, and would be counted twice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import NotJsonError, parse_cut, parse_nested, write
from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.items import otlp_values
from analyzer.shapes.operations import api_of_operation

KIND = "otel"
INSTRUCTIONS, TOOLS = "gen_ai.system_instructions", "gen_ai.tool.definitions"
ASKED, ANSWERED = "gen_ai.input.messages", "gen_ai.output.messages"
FINISHED, FILTERS = "gen_ai.response.finish_reasons", "microsoft.foundry.content_filter.results"
EVENT_CONTENT = "gen_ai.event.content"
ERROR = "gen_ai.error"  # a member of bodies, no attribute
# Names that are older for the same, or another's.
_ALSO = {TOOLS: ("llm.request.functions",), ASKED: ("gen_ai.prompt",), ANSWERED: ("gen_ai.completion",)}
_CONTENT = (
    INSTRUCTIONS,
    TOOLS,
    ASKED,
    ANSWERED,
    FINISHED,
    FILTERS,
    *(name for names in _ALSO.values() for name in names),
)
_TENANTS = (
    "azure.tenant.id", "azure.tenant_id", "az.tenant.id", "azure.ad.tenant.id", "microsoft.tenant.id",
)  # fmt: skip
_RESOURCES = ("azure.resource.id", "azure.resource_id", "az.resource_id", "cloud.resource_id")
_USERS = ("enduser.id", "user.id")
# What may stand at the resource, which is the process that made the call, instead of at the call.
OF_RESOURCE = (
    *_TENANTS, *_RESOURCES, "service.name", "cloud.provider", "cloud.account.id", "azure.subscription.id",
    "cloud.region",
)  # fmt: skip
ATTRIBUTES = (
    *OF_RESOURCE, *_USERS, *_CONTENT, EVENT_CONTENT, "event.name",
    "gen_ai.operation.name", "llm.request.type", "gen_ai.output.type", "gen_ai.request.model", "gen_ai.response.model",
    "gen_ai.request.stream", "llm.is_streaming", "gen_ai.openai.api_version",
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.conversation.id", "gen_ai.thread.id", "session.id",
    "client.address", "server.address", "http.response.status_code", "http.status_code", "error.type",
)  # fmt: skip
_SESSIONS = (("conversation", "gen_ai.conversation.id"), ("thread", "gen_ai.thread.id"), ("session", "session.id"))
_OF_OUTPUT = {"image": "image_generate", "speech": "speech"}
_NO_CALLS = ("execute_tool", "evaluate")
_AGENTS = ("invoke_agent", "create_agent", "invoke_workflow")
_EVALUATION = "gen_ai.evaluation.result"
_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_CHOICE = "gen_ai.choice"
_SAYS = ("content", "parts", "tool_calls", "function_call", "refusal")
_CUT_MARKS = ("[truncated]", "(truncated)", "<truncated>", "...", "\u2026")
_ID = re.compile(r"(?:0[xX])?([0-9a-fA-F]+)")
_BLOCKS = re.compile(
    "content_filter|content_policy_violation|ResponsibleAIPolicyViolation|content management policy", re.IGNORECASE
)


class Event(NamedTuple):
    """An event of a span, or a log record that is one: what its attributes and its body say."""

    name: str
    attributes: dict[str, Any]
    body: Any = None


class Call(NamedTuple):
    """What shapes say of each record besides its attributes, as columns."""

    trace: pa.Array
    span: pa.Array
    is_client: Sequence[bool]
    event: Sequence[str]  # what the record is an event of, or ''


def has_gen_ai(about: About) -> bool:
    """Whether a record has a gen_ai attribute, or is a gen_ai event."""
    return about.event.startswith("gen_ai.") or any(name.startswith("gen_ai.") for name in about.inner_names)


def attributes_of(value: Any) -> dict[str, Any]:
    """Attributes as an object or OTLP's list of keys and values, by lower-cased name."""
    return fields.lower_keys(otlp_values(value) if isinstance(value, list) else parse_nested(value))


def ids(values: Iterable[Any]) -> pa.Array:
    """Trace or span ids as plain hex in lower case; null for what is none, as those of zeros only."""
    return pa.array([_id(value) for value in values], pa.string())


def _id(value: Any) -> str | None:
    said = fields.text(value)
    found = _ID.fullmatch(said) if said else None
    return said if not found else found[1].lower() if found[1].strip("0") else None


# --- columns ----------------------------------------------------------------------------------------------------------


def columns(said: Columns, call: Call, name: pa.Array) -> dict[str, Any]:
    """The columns of RECORDS that ATTRIBUTES say; ``name`` is that of the span, which begins with its operation.

    ``request_id`` is the trace id, by which people look a call up; what tells calls of a trace apart is ``id``.
    """
    operation = pc.coalesce(
        fields.first(said, ("gen_ai.operation.name", "llm.request.type")), fields.per_value(name, _known)
    )
    output = fields.per_value(fields.lowered(said["gen_ai.output.type"]), _OF_OUTPUT.get)
    resource = fields.first(said, _RESOURCES)
    resource = fields.per_value(resource, str.lower)
    kinds, sessions = zip(*((kind, fields.texts(said[key])) for kind, key in _SESSIONS), strict=True)
    no_kind = pa.scalar(None, pa.string())
    return {
        "makes_request": _make_requests(operation, call),
        "kind": KIND,
        "request_id": call.trace,
        "id": call.span,
        "scope": pc.fill_null(call.trace, ""),
        "api": pc.coalesce(output, fields.per_value(operation, api_of_operation)),
        "operation": operation,
        "api_version": fields.texts(said["gen_ai.openai.api_version"]),
        "deployment": fields.texts(said["gen_ai.request.model"]),
        "model": fields.texts(said["gen_ai.response.model"]),
        "resource": resource,
        "backend": fields.texts(said["server.address"]),
        "region": fields.texts(said["cloud.region"]),
        "caller": fields.first(said, _USERS),
        "caller_ip": fields.texts(said["client.address"]),
        "status": pc.coalesce(
            *(fields.numbers(said[key], 32) for key in ("http.response.status_code", "http.status_code", "error.type"))
        ),
        "stream": pc.coalesce(fields.flags(said["gen_ai.request.stream"]), fields.flags(said["llm.is_streaming"])),
        "prompt_tokens": _usage(said, "input_tokens", "prompt_tokens"),
        "completion_tokens": _usage(said, "output_tokens", "completion_tokens"),
        "cached_tokens": _usage(said, "cache_read.input_tokens", "cache_read_input_tokens"),
        "session_kind": pc.coalesce(
            *(pc.if_else(pc.is_valid(found), kind, no_kind) for kind, found in zip(kinds, sessions, strict=True))
        ),
        "session_id": pc.coalesce(*sessions),
        "tenant_keys": tenant_keys(said, fields.texts(said["service.name"]), resource),
    }


def tenant_keys(said: Columns, service: pa.Array, resource: pa.Array) -> pa.Array:
    """Tenant keys: the service, the Entra tenant, and the Azure subscription, said or as the resource has it."""
    clouds = zip(said["cloud.provider"], said["cloud.account.id"], strict=True)
    account = pa.array([fields.text(account) if cloud == "azure" else None for cloud, account in clouds], pa.string())
    subscription = pc.coalesce(fields.texts(said["azure.subscription.id"]), account)
    return fields.lists(
        fields.keys("service", service),
        fields.keys("entra_tenant", fields.first(said, _TENANTS)),
        pc.coalesce(fields.keys("azure_subscription", subscription), fields.subscription_keys(resource)),
    )


def _known(name: str) -> str | None:
    """The operation that a span is named after, as in ``chat gpt-4o``."""
    operation = name.partition(" ")[0]
    return operation if operation in (*_NO_CALLS, *_AGENTS) or api_of_operation(operation) else None


def _usage(said: Columns, *names: str) -> pa.Array:
    return pc.coalesce(*(fields.numbers(said[f"gen_ai.usage.{name}"]) for name in names))


def _make_requests(operation: pa.Array, call: Call) -> pa.Array:
    rows = zip(operation.to_pylist(), call.is_client, call.event, strict=True)
    return pa.array(
        [
            event != _EVALUATION and name not in _NO_CALLS and (name not in _AGENTS or is_client)
            for name, is_client, event in rows
        ],
        pa.bool_(),
    )


# --- bodies -----------------------------------------------------------------------------------------------------------


class _Bodies(NamedTuple):
    """The JSON texts that a record gives: bodies, and messages that are one of a list."""

    asked: str | None = None
    answered: str | None = None
    asked_message: str | None = None
    answered_message: str | None = None


def content(
    said: Columns,
    events: Iterable[Sequence[Event]],
    alone: Iterable[Event | None],
    errors: Iterable[dict[str, Any] | None],
) -> Content:
    """The bodies of records: a request with instructions, tools and messages, and an answer, each as one JSON object.

    ``events`` are those of a span; ``alone`` is the record itself where it is one, such as a log record with one
    message, which gives a ``message``; ``errors`` are as in an answer's body. An attribute that the log cut comes last.
    """
    rows = zip(*(said[name] for name in _CONTENT), strict=True)
    found = [
        _bodies(dict(zip(_CONTENT, row, strict=True)), inside, itself, error)
        for row, inside, itself, error in zip(rows, events, alone, errors, strict=True)
    ]
    columns: list[Sequence[str | None]] = list(zip(*found, strict=True)) or [()] * len(_Bodies._fields)
    return [
        (columns[0], "request", "body"),
        (columns[1], "response", "body"),
        (columns[2], "request", "message"),
        (columns[3], "response", "message"),
    ]


def _bodies(
    said: dict[str, Any], events: Sequence[Event], alone: Event | None, error: dict[str, Any] | None
) -> _Bodies:
    for event in (*events, *([alone] if alone else [])):
        more = event.attributes | fields.lower_keys(parse_nested(event.body))
        said |= {name: more[name] for name in _CONTENT if _says_nothing(said[name]) and name in more}
    said |= {name: said[also] for name, others in _ALSO.items() for also in others if _says_nothing(said[name])}
    asked, answered, finished = _messages(events)
    asked_alone, answered_alone, finished_alone = _messages([alone] if alone else [])
    request = {INSTRUCTIONS: said[INSTRUCTIONS], TOOLS: said[TOOLS], ASKED: said[ASKED] or asked}
    response = {
        ERROR: error,
        FINISHED: _listed(said[FINISHED]) or finished or finished_alone,
        FILTERS: said[FILTERS],
        ANSWERED: said[ANSWERED] or answered,
    }
    return _Bodies(_written(request), _written(response), *map(_joined, (asked_alone, answered_alone)))


def _says_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _listed(value: Any) -> Any:
    value = parse_nested(value)
    return [value] if isinstance(value, str) and value else value


def _joined(messages: list[Any]) -> str | None:
    return ",".join(write(_with_data_urls(message)) for message in messages) or None


def _messages(events: Iterable[Event]) -> tuple[list[Any], list[Any], list[Any]]:
    """The messages of events that have one each, asked and answered, and the finish reasons."""
    asked, answered, finished = [], [], []
    for event in events:
        if event.name not in _ROLES and event.name != _CHOICE:
            continue
        body = next(filter(None, map(parse_nested, (event.attributes.get(EVENT_CONTENT), event.body))), None)
        if body is None:
            body = dict(event.attributes)
        said = body if isinstance(body, dict) else {"content": body}
        if event.name == _CHOICE:
            inner = said.get("message")
            if reason := said.get("finish_reason"):
                finished.append(reason)
            more = {"finish_reason": reason} if reason else {}
            inner = said if inner is None else inner if isinstance(inner, dict) else {"content": inner}
            if any(inner.get(name) for name in _SAYS):  # else content is not captured
                answered.append({"role": "assistant"} | inner | more)
        elif any(said.get(name) for name in _SAYS):
            asked.append({"role": _ROLES[event.name]} | said)
    return asked, answered, finished


def _written(pieces: dict[str, Any]) -> str | None:
    """The object with these members as JSON text, without those that say nothing; None where none says anything.

    The last one that the log cut stands at the end and ends where it was cut; others that it cut are closed.
    """
    opened = {name: _open(piece) for name, piece in pieces.items() if not _says_nothing(piece)}
    cut = next((name for name in reversed(opened) if opened[name][1]), None)
    members = [f"{write(name)}:{write(value)}" for name, (value, _) in opened.items() if name != cut]
    if cut is not None:
        value = opened[cut][0]
        members.append(f"{write(cut)}:{write(value).removesuffix(_closing(value))}")
    return f"{{{','.join(members)}{'' if cut else '}'}" if members else None


def _open(value: Any) -> tuple[Any, bool]:
    """The value of an attribute, which may be JSON in a text, and whether the log cut it."""
    value = parse_nested(value)
    is_cut = False
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        beginning = next(filter(None, map(_beginning, (value, _without_mark(value)))), None)
        value, is_cut = (beginning, True) if beginning else (value, False)
    if isinstance(value, list):  # OTLP may list messages that are each JSON in a text
        value = [inner if isinstance(inner := parse_nested(item), dict) else item for item in value]
    return _with_data_urls(value), is_cut


def _beginning(text: str) -> Any:
    try:
        return parse_cut(text)
    except NotJsonError:
        return None


def _without_mark(text: str) -> str:
    """A text without what an exporter writes to say that it cut it there."""
    for mark in _CUT_MARKS:
        text = text.rstrip().removesuffix(mark)
    return text


def _closing(value: Any) -> str:
    """What closes the last of everything that is open where a JSON text was cut."""
    closing = ""
    while isinstance(value, dict | list):
        closing = ("}" if isinstance(value, dict) else "]") + closing
        if not value:
            break
        value = next(reversed(value.values())) if isinstance(value, dict) else value[-1]
    return ('"' if isinstance(value, str) else "") + closing


def _with_data_urls(value: Any) -> Any:
    """Blobs as data URLs, in which base64 of any length is known for what it is and not stored."""
    if isinstance(value, list):
        return [_with_data_urls(item) for item in value]
    if not isinstance(value, dict):
        return value
    inline = value.get("content")
    if value.get("type") == "blob" and isinstance(inline, str) and not inline.startswith("data:"):
        kind = fields.text(value.get("mime_type")) or fields.text(value.get("modality")) or ""
        return {**value, "content": f"data:{kind};base64,{inline}"}
    return {name: _with_data_urls(item) for name, item in value.items()}


def error_of(kind: Any, message: Any, events: Iterable[Event] = ()) -> dict[str, Any]:
    """What went wrong as an answer's body has it: ``error.type``, the status's message or that of an exception event.

    Clients say of a blocked call only in words that the content filter did it.
    """
    raised = next((event.attributes for event in events if event.name == "exception"), {})
    said = fields.text(message) or fields.text(raised.get("exception.message"))
    code = fields.text(kind) or fields.text(raised.get("exception.type"))
    if said and tells_of_filter(said):
        code = "content_filter"
    return {"code": code} | ({"message": said} if said else {})


def tells_of_filter(message: str) -> bool:
    """Whether an error's message says that a content filter did it: clients have no other sign."""
    return _BLOCKS.search(message) is not None


def events_of(value: Any) -> Iterator[Event]:
    """The events of a span."""
    value = parse_nested(value)
    for event in value if isinstance(value, list) else []:
        if isinstance(event, dict):
            held = fields.lower_keys(event)
            yield Event(str(held.get("name", "")), attributes_of(held.get("attributes")), held.get("body"))
