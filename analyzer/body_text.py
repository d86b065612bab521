"""The text of a logged body -> its value: JSON, JSON that the log cut, a stream of events, or a form. Never raises."""

import re
from email import message_from_string
from typing import Any, NamedTuple

from analyzer.json_text import NotJsonError, parse, parse_cut, parse_nested

_FORM = re.compile(r"\s*--[^\r\n]{4,200}\r?\n.{0,200}content-disposition", re.IGNORECASE | re.DOTALL)
_EVENTS = re.compile(r"\s*(?:event:[^\n]*\n\s*)?data:")


class Opened(NamedTuple):
    """A body's value (None where nothing could be read), and how much of it: full, cut or fragments."""

    value: Any
    seen: str


def open_body(text: str) -> Opened:
    """Reads a body text in whichever of its forms it is."""
    if _EVENTS.match(text):
        return _open_events(text)
    if _FORM.match(text):
        return Opened(_open_form(text), "full")
    try:
        return Opened(parse_nested(parse(text)), "full")
    except NotJsonError:
        pass
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = parse_cut(text)
        except NotJsonError:
            value = None
        if value:
            return Opened(value, "cut")
    return Opened(None, "fragments")


def _open_events(text: str) -> Opened:
    """Puts the events of a streamed answer together to what an answer without streaming looks like."""
    events, broken, done = [], False, False
    for line in text.splitlines():
        name, _, data = line.partition(":")
        if name.strip() != "data":
            continue
        if data.strip() == "[DONE]":
            done = True
            continue
        try:
            events.append(parse(data))
        except NotJsonError:
            broken = True
    answers = [event for event in events if isinstance(event, dict)]
    for event in answers:
        if event.get("type") in ("response.completed", "response.incomplete", "response.failed"):
            return Opened(event.get("response"), "full")
    ended = done or any(choice.get("finish_reason") for event in answers for choice in objects(event.get("choices")))
    return Opened(_join_events(answers), "cut" if broken or not ended else "full")


def _join_events(events: list[dict[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    choices: dict[Any, dict[str, Any]] = {}
    said = "".join(str(e.get("delta", "")) for e in events if e.get("type") == "response.output_text.delta")
    for event in events:
        joined |= {key: value for key, value in event.items() if key not in ("choices", "delta", "type") and value}
        for choice in objects(event.get("choices")):
            whole = choices.setdefault(choice.get("index", 0), {"message": {"role": "assistant", "tool_calls": []}})
            _join_choice(whole, choice)
    if said:
        joined["output"] = [{"type": "message", "role": "assistant", "content": said}]
    return joined | ({"choices": list(choices.values())} if choices else {})


def _join_choice(whole: dict[str, Any], choice: dict[str, Any]) -> None:
    for key in ("finish_reason", "content_filter_results"):
        whole[key] = choice.get(key) or whole.get(key)
    if isinstance(choice.get("text"), str):
        whole["text"] = whole.get("text", "") + choice["text"]
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    message = whole["message"]
    for key in ("content", "refusal"):
        if isinstance(delta.get(key), str):
            message[key] = (message.get(key) or "") + delta[key]
    for call in objects(delta.get("tool_calls")):
        _join_call(message["tool_calls"], call)


def _join_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    """Tool calls come in pieces that name the call they belong to by its index."""
    index = piece.get("index", 0)
    call = next((call for call in calls if call["index"] == index), None)
    if call is None:
        call = {"index": index, "function": {"name": "", "arguments": ""}}
        calls.append(call)
    said = piece.get("function")
    for key in ("name", "arguments"):
        if isinstance(said, dict) and isinstance(said.get(key), str):
            call["function"][key] += said[key]


def _open_form(text: str) -> dict[str, Any]:
    """The fields of a multipart form: texts as they are, a file as its name and type."""
    boundary = text.lstrip().splitlines()[0].strip()[2:]
    message = message_from_string(f'Content-Type: multipart/form-data; boundary="{boundary}"\n\n{text.lstrip()}')
    form: dict[str, Any] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            continue
        filename = part.get_filename()
        content = part.get_payload()
        if filename is not None:
            form.setdefault("form_files", []).append({"filename": filename, "type": part.get_content_type()})
        elif isinstance(content, str):
            form[name] = content
    return form


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
