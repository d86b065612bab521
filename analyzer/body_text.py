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
        value = parse_nested(parse(text))
    except NotJsonError:
        value = _open_cut(text)
        return Opened(value, "cut") if value else Opened(None, "fragments")
    half = _open_cut(value) if isinstance(value, str) else None  # a cut body, written into a string that is whole
    return Opened(half, "cut") if half and (isinstance(half, dict) or objects(half)) else Opened(value, "full")


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
    whole: list[dict[str, Any]] = []
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
            whole += objects([event])
        except NotJsonError:
            event, broken = _open_cut(data), True
        events += objects([event])
    for event in whole:
        if event.get("type") in _ENDS and isinstance(event.get("response"), dict):
            return Opened(event["response"], "cut" if broken else "full")
    ended = done or any(choice.get("finish_reason") for event in events for choice in objects(event.get("choices")))
    return Opened(_join_events(events), "cut" if broken or not ended else "full")


def _join_events(events: list[dict[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    choices: dict[Any, dict[str, Any]] = {}
    for event in events:
        if event.get("type") == "error":
            joined["error"] = event.get("error", event)
        elif str(event.get("type")).startswith(_PIECEWISE):
            joined |= next(iter(objects([event.get("response")])), {})  # what is known of the answer so far
        else:
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


class _Said(NamedTuple):
    """What events of one type say: the item's type, the key of what is said, and the list in the item that holds it."""

    item: str
    key: str
    holder: str | None = None


_PIECEWISE = ("response.", "transcript.text.")
_SAID = {
    "response.output_text": _Said("message", "text", "content"),
    "response.refusal": _Said("message", "refusal", "content"),
    "response.reasoning_summary_text": _Said("reasoning", "text", "summary"),
    "response.function_call_arguments": _Said("function_call", "arguments"),
    "response.mcp_call_arguments": _Said("mcp_call", "arguments"),
    "response.custom_tool_call_input": _Said("custom_tool_call", "input"),
    "response.code_interpreter_call_code": _Said("code_interpreter_call", "code"),
    "transcript.text": _Said("message", "text", "content"),
}


def _join_output(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The output of the Responses API: items as they are when done, else what was said of them so far."""
    begun: dict[int | str, dict[str, Any]] = {}
    done: dict[int | str, dict[str, Any]] = {}
    pieces: dict[int | str, dict[tuple[str, int], str]] = {}
    for event in events:
        name, _, end = str(event.get("type")).rpartition(".")
        slot = _slot(event, len(done))
        if name == "response.output_item" and isinstance(event.get("item"), dict):
            begun.setdefault(slot, {})
            (done if end == "done" else begun)[slot] = event["item"]
        elif name in _SAID and end in ("delta", "done"):
            begun.setdefault(slot, {})
            said = pieces.setdefault(slot, {})
            piece = name, _hashable(event.get("content_index", event.get("summary_index")))
            if end == "done":
                said[piece] = str(event.get(_SAID[name].key, ""))
            else:
                said[piece] = said.get(piece, "") + str(event.get("delta", ""))
    return [done.get(slot) or _join_item(item, pieces.get(slot, {})) for slot, item in begun.items()]


def _slot(event: dict[str, Any], done: int) -> int | str:
    """Which item of the output an event tells of; the one behind those that are done where it does not say."""
    item = event.get("item")
    said = (event.get("output_index"), event.get("item_id"), item.get("id") if isinstance(item, dict) else None)
    return next((name for name in said if isinstance(name, int | str)), done)


def _join_item(begun: dict[str, Any], pieces: dict[tuple[str, int], str]) -> dict[str, Any]:
    item = dict(begun)
    for (name, _), text in pieces.items():
        said = _SAID[name]
        item.setdefault("type", said.item)
        if said.holder:
            kind = "refusal" if said.key == "refusal" else "text"
            item[said.holder] = [*objects(item.get(said.holder)), {"type": kind, said.key: text}]
        else:
            item[said.key] = text
    return item


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
