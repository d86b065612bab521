"""Events of realtime sessions, of client and server, logged one by one. What a session says joins where its id is told.

Outside facts: the events of the realtime API in the Azure OpenAI reference. Events say no time; loggers may add one.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import parse_nested
from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content

NAME = "realtime_event"
ROW_NAME = NAME  # no table of Log Analytics has such rows
TIMES = ("timestamp",)
FIELDS = (
    "type", "timestamp", "event_id", "session_id", "conversation_id", "response_id", "item_id", "session", "response",
    "item", "audio", "transcript", "text", "name", "arguments", "error",
)  # fmt: skip
PROPERTIES = ()
_PREFIXES = ("session.", "conversation.", "input_audio_buffer.", "output_audio_buffer.", "response.")
_OF_LOGS = ("category", "resourceid", "operationname", "time", "timegenerated", "traceid", "object", "messages")
_Event = dict[str, Any]


def recognise(about: About) -> bool:
    """Whether a record is an event: its type tells, and what such an event must have."""
    names = about.names
    if "type" not in names or not names.isdisjoint(_OF_LOGS):
        return False
    if about.category == "error":
        return {"error", "event_id"} <= names
    about_what = ("event_id", "session", "item", "response", "audio", "delta", "response_id", "item_id", "session_id")
    return about.category.startswith(_PREFIXES) and not names.isdisjoint(about_what)


def content(item: Columns, inner: Columns) -> Content:
    """What each event adds to the request or the answer."""
    events = _events(item)
    return [
        ([_ASKS.get(event["type"], _nothing)(event) for event in events], "request", "message"),
        ([_ANSWERS.get(event["type"], _nothing)(event) for event in events], "response", "message"),
    ]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records give."""
    events = _events(item)
    logged = fields.times(item["timestamp"])
    session = pc.coalesce(
        fields.texts(item["session_id"]), fields.texts([_part(event, "session").get("id") for event in events])
    )
    conversation = pc.coalesce(
        fields.texts(item["conversation_id"]),
        fields.texts([_part(event, "response").get("conversation_id") for event in events]),
    )
    return {
        "category": fields.texts(item["type"]),
        "makes_request": pa.array(
            [event["type"] in _ASKS or event["type"] in _ANSWERS for event in events], pa.bool_()
        ),
        "kind": "realtime",
        "request_id": pc.coalesce(
            session,
            fields.texts(item["response_id"]),
            fields.texts([_part(event, "response").get("id") for event in events]),
            conversation,
            fields.texts(item["item_id"]),
            fields.texts([_part(event, "item").get("id") for event in events]),
            fields.texts(item["event_id"]),
        ),
        "ticks": logged,
        "started_at": fields.moments(logged),
        "started_by": pc.if_else(pc.is_valid(logged), "time", pa.scalar(None, pa.string())),
        "api": "realtime",
        "operation": "realtime",
        "model": fields.texts([_part(event, "session").get("model") for event in events]),
        "session_kind": pc.if_else(
            pc.is_valid(session),
            "session",
            pc.if_else(pc.is_valid(conversation), "conversation", pa.scalar(None, pa.string())),
        ),
        "session_id": pc.coalesce(session, conversation),
    }


def _events(item: Columns) -> list[_Event]:
    """The events as objects; their type as text in lower case."""
    events = [dict(zip(FIELDS, values, strict=True)) for values in zip(*(item[name] for name in FIELDS), strict=True)]
    return [{**event, "type": str(event["type"]).lower()} for event in events]


def _part(event: _Event, name: str) -> dict[str, Any]:
    held = parse_nested(event[name])
    return held if isinstance(held, dict) else {}


def _nothing(event: _Event) -> None:
    return None


def _session(event: _Event) -> _Event:
    return _some(_part(event, "session"), "instructions", "tools", "model")


def _asked_response(event: _Event) -> _Event:
    asked = _some(_part(event, "response"), "tools", "input")
    if said := _part(event, "response").get("instructions"):
        asked["additional_instructions"] = said
    return asked


def _some(held: dict[str, Any], *names: str) -> _Event:
    return {name: held[name] for name in names if held.get(name)}


def _asked_item(event: _Event) -> _Event | None:
    """An item that is no answer of the model; what an item of the model says comes with the answer."""
    held = _part(event, "item")
    is_answer = event["type"] != "conversation.item.create" and held.get("role") == "assistant"
    return None if not held or is_answer or held.get("type") == "function_call" else {"type": "message", **held}


def _sound(event: _Event) -> _Event | None:
    part = {"type": "input_audio", "audio": event["audio"]}
    return {"type": "message", "role": "user", "content": [part]} if event["audio"] else None


def _heard(event: _Event) -> _Event | None:
    said = event["transcript"]
    return {"type": "message", "role": "user", "content": said} if said else None


def _spoken(event: _Event) -> _Event | None:
    said = event["transcript"] or event["text"]
    message = {"type": "message", "role": "assistant", "content": said, "response_id": event["response_id"]}
    return message if said else None


def _called(event: _Event) -> _Event:
    return {"type": "function_call", **_some(event, "name", "arguments", "response_id")}


def _done(event: _Event) -> _Event:
    held = _part(event, "response")
    wanted = ("id", "object", "status", "status_details", "output", "usage", "model", "error", "incomplete_details")
    return _some(held, *wanted)


def _failed(event: _Event) -> _Event | None:
    return {"error": event["error"]} if event["error"] else None


_ASKS: dict[str, Callable[[_Event], _Event | None]] = {
    **dict.fromkeys(("session.update", "session.created", "session.updated"), _session),
    **dict.fromkeys(("conversation.item.create", "conversation.item.created", "conversation.item.added"), _asked_item),
    "conversation.item.input_audio_transcription.completed": _heard,
    "input_audio_buffer.append": _sound,
    "response.create": _asked_response,
}
_ANSWERS: dict[str, Callable[[_Event], _Event | None]] = {
    **dict.fromkeys(
        (
            "response.text.done", "response.output_text.done", "response.audio_transcript.done",
            "response.output_audio_transcript.done",
        ),
        _spoken,
    ),
    "response.function_call_arguments.done": _called,
    **dict.fromkeys(("response.done", "response.completed", "response.incomplete", "response.failed"), _done),
    "error": _failed,
}  # fmt: skip
