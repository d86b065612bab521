"""The text of a logged body -> its value: JSON, JSON that the log cut, a stream of events, or a form. Never raises."""

import re
from email import message_from_string
from typing import Any, NamedTuple

from analyzer.json_text import NotJsonError, parse, parse_cut, parse_nested

_FORM = re.compile(r"\s*--[^\r\n]{4,200}\r?\n.{0,200}content-disposition", re.IGNORECASE | re.DOTALL)
_EVENTS = re.compile(r"(?:[ \t]*(?:(?:event|id|retry)?:[^\r\n]*)?[\r\n])*[ \t]*data:")  # a line is read in one way only
_LINE_END = re.compile(r"\r\n|\n|\r")  # of a stream of events; JSON may hold the other ends that Python knows
_HALF_CHARACTER = re.compile(  # an escaped surrogate without its other half
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_ENDS = ("response.completed", "response.incomplete", "response.failed")


class Opened(NamedTuple):
    """A body's value (None where nothing could be read), and how much of it: full, cut or fragments."""

    value: Any
    seen: str


def open_body(text: str) -> Opened:
    """Reads a body text in whichever of its forms it is."""
    if _EVENTS.match(text):
        return _open_events(text)
    if _FORM.match(text):
        return _open_form(text)
    try:
        return Opened(parse_nested(parse(text)), "full")
    except NotJsonError:
        pass
    value = _open_cut(text)
    return Opened(value, "cut") if value else Opened(None, "fragments")


def _open_cut(text: str) -> Any:
    """What a JSON text that ends too early holds, also one inside a string; None when it is no such text."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    for readable in (text, _HALF_CHARACTER.sub(r"\\ufffd", text)):
        try:
            value = parse_cut(readable)
        except NotJsonError:
            continue
        return _open_cut(value) if isinstance(value, str) else value
    return None


def _open_events(text: str) -> Opened:
    """Puts the events of a streamed answer together to what an answer without streaming looks like."""
    events: list[dict[str, Any]] = []
    broken = done = False
    for line in _LINE_END.split(text):
        name, _, data = line.partition(":")
        if name.strip() != "data":
            continue
        if data.strip() == "[DONE]":
            done = True
            continue
        try:
            event = parse(data)
        except NotJsonError:
            event, broken = _open_cut(data), True
        if isinstance(event, dict):
            events.append(event)
    for event in events:
        if event.get("type") in _ENDS and isinstance(event.get("response"), dict):
            return Opened(event["response"], "cut" if broken else "full")
    ended = done or any(choice.get("finish_reason") for event in events for choice in objects(event.get("choices")))
    return Opened(_join_events(events), "cut" if broken or not ended else "full")


def _join_events(events: list[dict[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    choices: dict[Any, dict[str, Any]] = {}
    for event in events:
        joined |= {key: value for key, value in event.items() if key not in ("choices", "delta", "type") and value}
        for choice in objects(event.get("choices")):
            whole = choices.setdefault(_hashable(choice.get("index")), {"message": {"role": "assistant"}})
            _join_choice(whole, choice)
    for whole in choices.values():
        calls = whole["message"].get("tool_calls")
        if calls:
            whole["message"]["tool_calls"] = [{"function": call} for call in calls.values()]
    output = _join_output(events)
    return joined | ({"output": output} if output else {}) | ({"choices": list(choices.values())} if choices else {})


def _join_output(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The output of the Responses API: items that were done, then the text of the one that was not."""
    output: list[dict[str, Any]] = []
    said = ""
    for event in events:
        if event.get("type") == "response.output_text.delta":
            said += str(event.get("delta", ""))
        elif event.get("type") == "response.output_item.done":
            output += objects([event.get("item")])
            said = ""
    return output + ([{"type": "message", "role": "assistant", "content": said}] if said else [])


def _join_choice(whole: dict[str, Any], choice: dict[str, Any]) -> None:
    whole["finish_reason"] = choice.get("finish_reason") or whole.get("finish_reason")
    filters = choice.get("content_filter_results")
    if isinstance(filters, dict):  # every piece has its own: all of them count
        verdicts = whole.setdefault("content_filter_results", {})
        for name, verdict in filters.items():
            verdicts.setdefault(name, []).extend(verdict if isinstance(verdict, list) else [verdict])
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
        _join_call(
            message.setdefault("tool_calls", {}).setdefault(_hashable(call.get("index")), {}), call.get("function")
        )
    if isinstance(delta.get("function_call"), dict):
        _join_call(message.setdefault("function_call", {}), delta["function_call"])


def _join_call(call: dict[str, str], piece: Any) -> None:
    for key in ("name", "arguments"):
        if isinstance(piece, dict) and isinstance(piece.get(key), str):
            call[key] = call.get(key, "") + piece[key]


def _hashable(index: Any) -> int:
    return index if isinstance(index, int) else 0


def _open_form(text: str) -> Opened:
    """The fields of a multipart form: texts as they are, a file as its name and type."""
    boundary = text.lstrip().partition("\n")[0].strip()[2:]
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
    return Opened(form, "full" if text.rstrip().endswith(f"--{boundary}--") else "cut")


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
