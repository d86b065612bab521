"""Request and answer bodies that stand alone: exports of stored completions, of threads, or of what a client kept.

An answer is told by the ``object`` that it says it is, everything else by its keys. A request and an answer cannot be
joined, but for what has an id of its own: the pieces of a stream, the messages of a stored completion or of a run.
Outside facts: the Azure OpenAI reference.
"""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import write
from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_object

NAME = "body"
ROW_NAME = NAME  # no table of Log Analytics has such rows
TIMES = ("timestamp",)
_REQUEST_FIELDS = (
    "messages", "input", "prompt", "suffix", "instructions", "additional_instructions", "additional_messages",
    "thread", "conversation", "tools", "functions", "response_format", "text", "data_sources", "datasources",
    "enhancements", "image", "mask", "stream", "size", "quality", "style", "voice", "dimensions", "encoding_format",
    "previous_response_id", "max_output_tokens", "reasoning",
)  # fmt: skip
_ANSWER_FIELDS = (
    "id", "object", "choices", "output", "data", "usage", "prompt_filter_results", "prompt_annotations", "error",
    "last_error", "status", "incomplete_details", "required_action", "text", "role", "content", "content_parts",
    "attachments", "file_ids", "previous_response_id", "conversation",
)  # fmt: skip
_ECHOED = ("instructions", "tools")
FIELDS = (
    "timestamp", "model", "created", "created_at", "run_id", "thread_id", "task", "duration", "language", "segments",
    "user", *dict.fromkeys(_REQUEST_FIELDS + _ANSWER_FIELDS),
)  # fmt: skip
PROPERTIES = ("user", "user_id", "userid", "session_id", "sessionid", "conversation_id")
# A record with one of these keys is an entry of some log, whatever else it has.
_OF_LOGS = {
    "category", "resourceid", "operationname", "operation", "time", "timegenerated", "tablename", "call_type",
    "correlationid", "traceid", "spanid", "trace_id", "span_id", "level", "severity", "custom_id", "kind",
    "event-type", "message-id", "eventtype", "event_type", "apimrequestid", "targetservice", "properties",
}  # fmt: skip
# What is a request's only where a parameter of the API stands beside it: other programs have an input too.
_ASKING = {"input", "prompt"}
_PARAMETERS = {
    "model", "max_tokens", "max_output_tokens", "temperature", "top_p", "size", "style", "image", "voice",
    "encoding_format", "dimensions", "instructions", "previous_response_id", "response_format",
}  # fmt: skip
_ROLES_OF_MESSAGES = ("system", "developer", "user", "assistant", "tool", "function")
_PICTURES = {"created", "data", "usage", "background", "output_format", "quality", "size"}
_NO_CALLS = ("assistant", "thread")
_SPELLED = {"datasources": "data_sources", "content_parts": "parts"}
_STORED_MESSAGE = re.compile(r"(chatcmpl-.+)-(\d{1,9})")
_SERVICE_ID = re.compile(r"(?:chatcmpl|cmpl|resp|run|msg|thread)[-_]\w")
_CHUNK = ".chunk"
_Body = dict[str, Any]


def recognise(about: About) -> bool:
    """Whether a record is nothing but a body."""
    names = about.names
    if not names.isdisjoint(_OF_LOGS):
        return False
    if about.object == "list":
        return "data" in names and not names.isdisjoint(("model", "usage"))
    if "object" in names:
        return api_of_object(about.object) is not None
    if "messages" in names:
        return about.role in _ROLES_OF_MESSAGES
    if not names.isdisjoint(_ASKING):
        return not names.isdisjoint(_PARAMETERS)
    is_transcript = "text" in names and len(names & {"task", "language", "duration", "segments"}) > 1
    is_message = {"id", "role", "content"} <= names and about.role in _ROLES_OF_MESSAGES
    return is_transcript or is_message or {"created", "data"} <= names <= _PICTURES


def content(item: Columns, inner: Columns) -> Content:
    """The body as a request, an answer, a message of either or a piece of a stream; what an answer says again of its
    request apart."""
    bodies = _bodies(item)
    roles = [_role(body) for body in bodies]
    made = [(side, source, make, [other == role for other in roles]) for role, (side, source, make) in _ROLES.items()]
    made.append(("request", "echo", lambda body: _some(body, *_ECHOED), [role in _ANSWERS for role in roles]))
    return [
        ([make(body) if fits else None for body, fits in zip(bodies, fitting, strict=True)], side, source)
        for side, source, make, fitting in made
    ]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their metadata give."""
    bodies = _bodies(item)
    logged = fields.times(item["timestamp"])
    made = pc.coalesce(fields.epochs(item["created"]), fields.epochs(item["created_at"]))
    objects = fields.texts(item["object"])
    stored = [_STORED_MESSAGE.fullmatch(str(body.get("id"))) if _role(body) == "asked" else None for body in bodies]
    model = fields.texts(item["model"])
    is_asked = pa.array([_role(body) in ("request", "run") for body in bodies], pa.bool_())
    thread = fields.texts(item["thread_id"])
    session = pc.coalesce(
        thread, fields.first(inner, ("session_id", "sessionid")), fields.first(inner, ("conversation_id",))
    )
    kinds = [
        "thread" if body.get("thread_id") else "conversation" if has_conversation else "session"
        for body, has_conversation in zip(
            bodies, pc.is_null(fields.first(inner, ("session_id", "sessionid"))).to_pylist(), strict=True
        )
    ]
    nothing = pa.scalar(None, pa.string())
    return {
        "category": objects,
        "makes_request": pa.array([body.get("object") not in _NO_CALLS for body in bodies], pa.bool_()),
        "kind": "body",
        "scope": None,
        "id": pa.array(list(map(_known_id, bodies, stored)), pa.string()),
        "request_id": pc.coalesce(
            pa.array([match[1] if match else None for match in stored], pa.string()),
            fields.texts(item["run_id"]),
            fields.texts(item["id"]),
        ),
        "sequence": pa.array([int(match[2]) if match else None for match in stored], pa.int32()),
        "ticks": pc.coalesce(logged, made),
        "started_at": fields.moments(pc.coalesce(made, logged)),
        "started_by": pc.if_else(
            pc.is_valid(made), "created", pc.if_else(pc.is_valid(logged), pa.scalar("time"), nothing)
        ),
        "api": pc.coalesce(
            fields.per_value(objects, api_of_object), pa.array([_api(body) for body in bodies], pa.string())
        ),
        "deployment": pc.if_else(is_asked, model, nothing),
        "model": pc.if_else(is_asked, nothing, model),
        "caller": pc.coalesce(fields.texts(item["user"]), fields.first(inner, ("user", "user_id", "userid"))),
        "session_kind": pc.if_else(pc.is_valid(session), pa.array(kinds, pa.string()), nothing),
        "session_id": session,
    }


def _known_id(body: _Body, stored: re.Match[str] | None) -> str | None:
    """The id of a call, in a form that the service gives; any other may be that of many."""
    own = stored[1] if stored else body.get("run_id") or body.get("id")
    return own if isinstance(own, str) and _SERVICE_ID.match(own) else None


def _bodies(item: Columns) -> list[_Body]:
    """The records as bodies, with what they say only."""
    rows = zip(*(item[name] for name in FIELDS), strict=True)
    return [
        {_SPELLED.get(name, name): value for name, value in zip(FIELDS, row, strict=True) if value is not None}
        for row in rows
    ]


def _role(body: _Body) -> str:
    """What a body is: one of ``_ROLES``."""
    said = str(body.get("object", ""))
    if said in _NO_CALLS:
        return "none"
    if said == "thread.run":
        return "run"
    if said.endswith(_CHUNK):
        return "piece"
    if said == "thread.message" or (not said and {"role", "content"} <= body.keys()):
        return "said" if said and body.get("role") == "assistant" else "asked"
    return "answer" if said or not ({"messages"} | _ASKING) & body.keys() else "request"


def _some(body: _Body, *names: str) -> _Body:
    return {name: body[name] for name in names if body.get(name) is not None}


def _as_request(body: _Body) -> _Body:
    return _some(body, *(_SPELLED.get(name, name) for name in _REQUEST_FIELDS), "model")


def _as_answer(body: _Body) -> _Body:
    return _some(body, *(_SPELLED.get(name, name) for name in _ANSWER_FIELDS), "model")


def _as_message(body: _Body) -> _Body:
    return _some(body, "id", "role", "content", "parts", "attachments", "file_ids")


def _as_run(body: _Body) -> _Body:
    """What a run says of its answer, beside the messages that it made."""
    return _some(body, "status", "usage", "last_error", "required_action", "incomplete_details", "model")


def _as_event(body: _Body) -> str:
    """A piece of a stream as it came over the wire, so that all of them are one stream."""
    return f"data: {write(_as_answer(body))}\n\n"


# How what a body is stands in FRAGMENTS: its side, its source, and what makes the text.
_ROLES: dict[str, tuple[str, str, Callable[[_Body], Any]]] = {
    "request": ("request", "body", _as_request),
    "asked": ("request", "message", _as_message),
    "said": ("response", "message", _as_message),
    "run": ("response", "message", _as_run),
    "piece": ("response", "chunk", _as_event),
    "answer": ("response", "body", _as_answer),
}
_ANSWERS = ("answer", "run")


def _api(body: _Body) -> str | None:
    """The api of an answer that does not say what it is."""
    if "task" in body or "segments" in body:
        return "audio_translate" if body.get("task") == "translate" else "audio_transcribe"
    return "image_generate" if _role(body) == "answer" and "data" in body else None
