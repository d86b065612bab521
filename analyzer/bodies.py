"""The value of a request or response body -> parts. Knows every body form of Azure OpenAI; never raises for content.

Forms: chat completions (also the 2023 vision extension), completions, Responses, Assistants, embeddings, images, audio,
error bodies, and the bare message lists of the gateway's LLM log.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from analyzer.body_text import objects
from analyzer.json_text import write

TEXT_LIMIT = 8 << 20  # characters; what is longer is cut
NAME = "^[A-Za-z0-9_.:/@+-]{1,128}$"  # all that the work database, which holds no text, keeps of what a body says

_DATA_URL = re.compile(r"data:([\w.+/-]{0,100}+)[^,\s\"]{0,200}+,([^\s\"'\\)<>]*)")
_ADDRESS_STARTS = ("data:", "https://", "http://")
_TOKEN = re.compile(r"(?:picture|audio|file|piece):([0-9a-f]{64})")
_NAME = re.compile(NAME)
_LABELS, _LABEL_CHARS = 16, 512  # as the API allows in metadata
_HIDDEN_PICTURE = re.compile(r"data:image/[\w.+-]+;base64,|\"type\\*\"\s*:\s*\\*\"(?:image_url|input_image|image_file)")
_IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".heic")
_TEXT_TYPES = ("text", "input_text", "output_text", "summary_text", "reasoning_text")
_CALL_TYPES = (
    "function_call", "custom_tool_call", "mcp_call", "mcp_approval_request", "computer_call", "code_interpreter_call",
    "file_search_call", "web_search_call",
)  # fmt: skip
_CALL_INPUTS = ("arguments", "input", "action", "queries", "code")  # where a call says what it is called with
_RESPONSES_KEYS = {"instructions", "previous_response_id", "max_output_tokens", "reasoning"}
# Bodies that ``shapes.gen_ai`` puts together from attributes have these as members.
_INSTRUCTIONS, _TOOLS = "gen_ai.system_instructions", "gen_ai.tool.definitions"
_ASKED, _ANSWERED = "gen_ai.input.messages", "gen_ai.output.messages"
_FINISHED, _FILTERS = "gen_ai.response.finish_reasons", "microsoft.foundry.content_filter.results"
_ERROR = "gen_ai.error"
_TELEMETRY = {_INSTRUCTIONS, _TOOLS, _ASKED, _ANSWERED, _FINISHED, _FILTERS, _ERROR}
SHORTENED = "(litellm_truncated "  # what LiteLLM writes for the middle of a long text
_BLOCKED = {"content_filter", "contentfilter", "content_policy_violation", "responsibleaipolicyviolation"}


class Part(NamedTuple):
    """One piece of content; ``text`` and ``picture`` as in the columns of PARTS."""

    turn_no: int | None
    side: str
    role: str | None
    kind: str
    name: str | None = None
    text: str | None = None
    picture: str | None = None
    cut: bool = False


@dataclass
class Body:
    """What a body says."""

    side: str
    parts: list[Part] = field(default_factory=list)
    turn: int = -1
    api: str | None = None
    model: str | None = None
    stream: bool | None = None
    session: tuple[str, str] | None = None  # kind and id
    response_id: str | None = None  # of an answer that a later call may go on from
    previous_response_id: str | None = None  # of the answer that a call goes on from
    has_tools: bool = False
    finish_reasons: list[str] = field(default_factory=list)
    annotations: list[bool] = field(default_factory=list)  # filtered or not, for each filter that spoke
    refused: bool = False
    error_code: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)

    def add_facts(self, other: "Body") -> None:
        """Whatever another body of the same call and side says besides its parts."""
        self.turn = max(self.turn, other.turn)
        self.has_tools |= other.has_tools
        self.refused |= other.refused
        self.annotations += other.annotations
        self.finish_reasons += [reason for reason in other.finish_reasons if reason not in self.finish_reasons]
        self.error_code = self.error_code or other.error_code
        self.usage = self.usage or other.usage
        self.model, self.session = self.model or other.model, self.session or other.session
        self.stream = other.stream if self.stream is None else self.stream
        self.response_id = self.response_id or other.response_id
        self.previous_response_id = self.previous_response_id or other.previous_response_id

    def add(self, role: str | None, kind: str, text: str | None = None, **more: Any) -> None:
        """One more part in the current turn; a text over TEXT_LIMIT is cut."""
        if text is not None and len(text) > TEXT_LIMIT:
            text, more = text[:TEXT_LIMIT], {**more, "cut": True}
        if text is not None and SHORTENED in text:
            more = {**more, "cut": True}
        turn = None if kind == "name" else max(self.turn, 0)
        self.parts.append(Part(turn, "name" if kind == "name" else self.side, role, kind, text=text, **more))


def read_request(value: Any, first_turn: int = 0) -> Body:
    """The parts and facts of a request body."""
    body = Body("request", turn=first_turn - 1)
    if isinstance(value, list):
        _read_messages(body, value)
        return body
    if not isinstance(value, dict):
        _next_turn(body).add("user", "text" if isinstance(value, str) else "fragment", _as_text(value))
        return body
    body.model = _name(value.get("model"))
    body.stream = value["stream"] if isinstance(value.get("stream"), bool) else None
    user = _name(value.get("user"))
    body.session = _conversation(value) or (("user", user) if user else None)
    body.previous_response_id = _name(value.get("previous_response_id"))
    for key in ("instructions", "additional_instructions"):
        if text := _string(value.get(key)):
            _next_turn(body).add("system", "text", text)
    _read_instructions(body, value.get(_INSTRUCTIONS))
    _read_messages(body, _listed(value.get(_ASKED)))
    thread = value.get("thread")
    for key, holder in (("messages", value), ("messages", thread), ("additional_messages", value), ("input", value)):
        _read_messages(body, holder.get(key) if isinstance(holder, dict) else None)
    if "role" in value and "content" in value:  # a message that is put into a thread
        _read_messages(body, [value])
    _read_prompt(body, value)
    _read_tools(body, value)
    _read_files(body, value)
    _read_labels(body, value)
    if "enhancements" in value and not any(part.kind == "picture" for part in body.parts):
        body.add("user", "picture", cut=True)  # only asked for with a picture, which the log cut off
    body.api = _request_api(value)
    if not body.parts:
        _next_turn(body).add("user", "fragment", _as_text(value))
    return body


def read_response(value: Any, first_turn: int) -> Body:
    """The parts and facts of a response body; turns count on from ``first_turn``."""
    body = Body("response", turn=first_turn - 1)
    if isinstance(value, list):
        for item in value:
            _read_answer(body, item)
    elif isinstance(value, dict):
        _read_answer(body, value)
        body.model = _name(value.get("model"))
        if value.get("object") == "response":
            body.response_id = _name(value.get("id"))
            body.previous_response_id = _name(value.get("previous_response_id"))
            body.session = _conversation(value)
        usage = value.get("usage")
        body.usage = usage if isinstance(usage, dict) else {}
        for blocked in objects(value.get(_FILTERS)):
            if isinstance(blocked.get("blocked"), bool):
                body.annotations.append(blocked["blocked"])
            _read_filters(body, blocked.get("content_filter_results"))
        for annotation in objects(value.get("prompt_filter_results")) + objects(value.get("prompt_annotations")):
            _read_filters(body, annotation.get("content_filter_results"))
        for key in ("error", "last_error", _ERROR):  # of a run, of a span
            _read_error(body, value.get(key))
    elif isinstance(value, str):
        _next_turn(body).add("assistant", "text", value)
    return body


def _conversation(value: dict[str, Any]) -> tuple[str, str] | None:
    """The session that a body of the Responses API names."""
    said = value.get("conversation")
    name = _name(said.get("id") if isinstance(said, dict) else said)
    return ("conversation", name) if name else None


def is_telemetry(value: Any) -> bool:
    """Whether a body was put together from attributes of telemetry."""
    return isinstance(value, dict) and not _TELEMETRY.isdisjoint(value)


def is_aside(value: Any) -> bool:
    """Whether such a body only tells of a call, as its tools or how it ended, but not what was said."""
    return isinstance(value, dict) and bool(value) and value.keys() <= _TELEMETRY - {_ASKED, _ANSWERED}


def is_error(value: Any) -> bool:
    """Whether such a body tells of an error."""
    return isinstance(value, dict) and bool(value.get(_ERROR))


def is_said(value: Any, known: list[Any]) -> bool:
    """Whether such a body has no content but what others have: a span and its row need not tell the same beside it."""
    others = [other for other in known if is_telemetry(other)]
    return is_telemetry(value) and all(
        any(value[name] == other.get(name) for other in others)
        for name in (_INSTRUCTIONS, _TOOLS, _ASKED, _ANSWERED)
        if name in value
    )


def read_fragments(texts: list[str], side: str, first_turn: int) -> Body:
    """Pieces that cannot be put together, each a part of its own; a picture that shows in them is a part too."""
    body = Body(side, turn=first_turn - 1)
    for text in texts:
        _next_turn(body).add("user" if side == "request" else "assistant", "fragment", text, cut=True)
        if side == "request" and _HIDDEN_PICTURE.search(text):
            body.add("user", "picture", cut=True)
    return body


def _next_turn(body: Body) -> Body:
    body.turn += 1
    return body


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _name(value: Any) -> str | None:
    """A string that can be a name or a code."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else write(value)


# --- requests ---------------------------------------------------------------------------------------------------------


def _request_api(value: dict[str, Any]) -> str | None:
    if "messages" in value or _ASKED in value:
        return "chat"
    if "form_files" in value:
        return None
    if "prompt" in value and not isinstance(value["prompt"], dict):
        return "image_generate" if {"size", "quality", "style", "response_format"} & value.keys() else "completion"
    if "input" not in value:
        return None
    if "voice" in value:
        return "speech"
    if {"dimensions", "encoding_format"} & value.keys():
        return "embedding"
    return "responses" if _RESPONSES_KEYS & value.keys() or "prompt" in value else None


def _read_messages(body: Body, messages: Any) -> None:
    if isinstance(messages, str):
        _next_turn(body)
        _read_text(body, "user", messages)
    for item in messages if isinstance(messages, list) else []:
        _next_turn(body)
        if isinstance(item, dict):
            _read_message(body, item, "user")
        elif isinstance(item, str):
            _read_text(body, "user", item)
        elif not isinstance(item, (int, float)):  # token ids of an embedding say nothing
            body.add("user", "fragment", _as_text(item))


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _read_instructions(body: Body, value: Any) -> None:
    """What telemetry says a model is told: a text, parts, or whole messages."""
    if not value:
        return
    for item in objects(_listed(value)):
        if "role" in item or "parts" in item:
            _next_turn(body)
            _read_message(body, item, "system")
    loose = (
        [item for item in _listed(value) if not isinstance(item, dict) or not {"role", "parts"} & item.keys()]
        if isinstance(value, list | dict)
        else value
    )
    if loose:
        _next_turn(body)
        _read_content(body, "system", loose)


def _read_message(body: Body, item: dict[str, Any], default_role: str) -> None:
    """A message, or an item of the Responses API."""
    role = (_name(item.get("role")) or default_role).lower()
    kind = item.get("type")
    if kind in _CALL_TYPES:
        _read_call(body, item)
    elif kind in ("function_call_output", "custom_tool_call_output", "computer_call_output"):
        _read_content(body, "tool", item.get("output"))
    elif kind == "reasoning":
        _read_content(body, "assistant", item.get("summary"))
    elif kind == "image_generation_call":
        _add_picture(body, "assistant", _string(item.get("result")) or "", inline=True)
    elif kind in (*_TEXT_TYPES, "input_image", "image_url", "input_audio", "input_file"):
        _read_content(body, role, [item])
    else:
        _read_content(body, role, item.get("content"))
        _read_content(body, role, item.get("parts"))
    for call in objects(item.get("tool_calls")) + objects([item.get("function_call")]):
        _read_call(body, call)
    if refusal := _string(item.get("refusal")):
        body.refused = True
        body.add(role, "refusal", refusal)
    for attachment in objects(item.get("attachments")):
        body.add(role, "file", _string(attachment.get("file_id")))
    for identifier in item["file_ids"] if isinstance(item.get("file_ids"), list) else []:
        body.add(role, "file", _string(identifier))


def _read_call(body: Body, call: dict[str, Any]) -> None:
    inner = _inner(call)
    name = _string(inner.get("name")) or _string(call.get("type")) or ""
    arguments = next((inner[key] for key in _CALL_INPUTS if inner.get(key) is not None), None)
    body.add("assistant", "tool_call", f"{name}({_as_text(arguments) if arguments is not None else ''})")
    if name:
        body.add(None, "name", name, name="tool_call")  # the model's word; what it was offered has the name "tool"


def _inner(holder: dict[str, Any]) -> dict[str, Any]:
    """What says the name of a tool or a call: in chat one level deeper than elsewhere."""
    return next(iter(objects([holder.get("function"), holder.get("custom")])), holder)


def _read_content(body: Body, role: str, content: Any) -> None:
    if isinstance(content, str):
        _read_text(body, role, content)
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str) and isinstance(content, list):
            _read_text(body, role, part)
        elif isinstance(part, dict):
            _read_part(body, role, part)


def _read_text(body: Body, role: str, text: str) -> None:
    """A text; pictures that hide in it as data URLs are parts too."""
    body.add(role, "text", text)
    if "data:image/" in text:
        for match in _DATA_URL.finditer(text):
            if match[1].startswith("image/") and match[2]:
                _add_picture(body, role, match[0])


def _read_part(body: Body, role: str, part: dict[str, Any]) -> None:
    kind = _string(part.get("type")) or ""
    if kind in _TELEMETRY_PARTS:
        _read_telemetry_part(body, role, kind, part)
        return
    text = part.get("text", part.get("content") if kind in ("text", "reasoning") else None)
    if isinstance(text, dict):  # Assistants: {"value", "annotations"}
        text = text.get("value")
    image = part.get("image_url", part.get("image"))
    if isinstance(image, dict):
        image = image.get("url")
    if kind in _TEXT_TYPES or kind == "reasoning" or (not kind and isinstance(text, str)):
        _read_text(body, role, text if isinstance(text, str) else "")
    elif kind == "refusal":
        body.refused = True
        body.add(role, "refusal", _string(part.get("refusal")) or "")
    elif image is not None or kind in ("image_file", "input_image", "acv_document_id", "computer_screenshot"):
        _add_picture(body, role, image if isinstance(image, str) else "", inline=kind == "")
    elif kind in ("input_audio", "audio", "output_audio"):
        _read_audio(body, role, part)
    elif kind in ("file", "input_file"):
        _read_file(body, role, part)
    else:
        body.add(role, "fragment", _as_text(part))


_TELEMETRY_PARTS = (
    "tool_call", "tool_call_response", "server_tool_call", "server_tool_call_response", "blob", "uri",
)  # fmt: skip


def _read_telemetry_part(body: Body, role: str, kind: str, part: dict[str, Any]) -> None:
    """A part as OpenTelemetry's messages have them (semantic-conventions-genai, JSON schema of the messages)."""
    if kind.endswith("tool_call"):
        _read_call(body, {"arguments": part.get(kind), **part})
    elif kind.endswith("tool_call_response"):
        answer = next((part[key] for key in ("response", "result", kind) if part.get(key) is not None), None)
        if isinstance(answer, str | list):
            _read_content(body, "tool", answer)
        elif answer is not None:
            body.add("tool", "text", _as_text(answer))
    else:
        address = _string(part.get("content" if kind == "blob" else "uri")) or ""
        modality = _modality(part)
        if not address:  # not captured, or cut off
            body.add(role, {"image": "picture", "audio": "audio"}.get(modality, "file"), cut=True)
        elif modality == "image":
            _add_picture(body, role, address, inline=kind == "blob")
        elif kind == "blob":
            body.add(role, "audio" if modality == "audio" else "file", **_inline(address))
        else:
            plain = address.partition("?")[0]
            body.add(role, "audio" if modality == "audio" else "file", plain or None)
            if name := _file_name(plain):
                body.add(None, "name", name, name="file")


def _modality(part: dict[str, Any]) -> str:
    """image, audio, video …, as a part says it or its media type does."""
    said = _string(part.get("modality")) or (_string(part.get("mime_type")) or "").partition("/")[0]
    return said.lower()


def _read_audio(body: Body, role: str, part: dict[str, Any]) -> None:
    inner = part.get("input_audio", part.get("audio"))
    sound = inner if isinstance(inner, dict) else {"data": inner, **part}
    data = _string(sound.get("data")) or ""
    body.add(role, "audio", **_inline(data))
    if transcript := _string(sound.get("transcript")):
        body.add(role, "text", transcript)


def _read_file(body: Body, role: str, part: dict[str, Any]) -> None:
    file = next(iter(objects([part.get("file")])), part)
    data = _string(file.get("file_data")) or ""
    if _modality(part) == "image":
        _add_picture(body, role, data)
        return
    address = (_string(file.get("file_url")) or "").partition("?")[0]
    name = _string(file.get("filename")) or _file_name(address)
    if data.startswith("data:image/"):
        _add_picture(body, role, data)
    else:
        said = _string(file.get("file_id")) or address or None
        body.add(role, "file", said, **_inline(data))
    if name:
        body.add(None, "name", name, name="file")


def _add_picture(body: Body, role: str, address: str, inline: bool = False) -> None:
    """A picture: inline (by its hash), or an address without its query, whose file name may tell what it shows."""
    is_cut = bool(address) and any(start.startswith(address) for start in _ADDRESS_STARTS)
    if address.startswith("data:") or is_cut or (inline and not address.startswith("http")):
        body.add(role, "picture", **_inline(address))
        return
    plain = address.partition("?")[0]
    body.add(role, "picture", plain or None)
    if name := _file_name(plain):
        body.add(None, "name", name, name="file")


def _file_name(address: str) -> str:
    """The file that an address without its query names; '' where it names none or is cut inside its first letters."""
    if any(start.startswith(address) for start in _ADDRESS_STARTS):
        return ""
    try:
        return urlsplit(address).path.rsplit("/", 1)[-1]
    except ValueError:
        return ""


def _inline(payload: str) -> dict[str, Any]:
    """Inline content as ``pictures`` knows it, by its first piece where chunks cut it; cut where it knows nothing."""
    known = _TOKEN.search(payload)
    return {"picture": known[1], "cut": SHORTENED in payload} if known else {"cut": bool(payload)}


def _read_prompt(body: Body, value: dict[str, Any]) -> None:
    prompts = value.get("prompt")
    if isinstance(prompts, dict):  # of the Responses API: the name of a kept prompt, and what stands in its gaps
        variables = prompts.get("variables")
        for said in variables.values() if isinstance(variables, dict) else []:
            _next_turn(body)
            _read_content(body, "user", said)
    for prompt in prompts if isinstance(prompts, list) else [prompts]:
        if isinstance(prompt, str) and prompt:
            _next_turn(body)
            _read_text(body, "user", prompt)
    suffix = _string(value.get("suffix"))
    if suffix:
        body.add("user", "text", suffix)


def _read_tools(body: Body, value: dict[str, Any]) -> None:
    offered = objects(_listed(value.get(_TOOLS)))
    for tool in objects(value.get("tools")) + objects(value.get("functions")) + offered:
        body.has_tools = True
        body.add(None, "tool", _as_text(tool))
        if name := _string(_inner(tool).get("name")):
            body.add(None, "name", name, name="tool")
    text_format = value["text"].get("format") if isinstance(value.get("text"), dict) else None
    for schema in (value.get("response_format"), text_format):
        if isinstance(schema, dict) and schema.get("type") == "json_schema":
            body.add(None, "output_schema", _as_text(schema))
    for source in objects(value.get("data_sources")) + objects(value.get("dataSources")):
        parameters = source.get("parameters")
        for key in ("index_name", "indexName", "collection_name", "table_name"):
            if isinstance(parameters, dict) and (name := _string(parameters.get(key))):
                body.add(None, "name", name, name="tool")
        videos = parameters.get("videoUrls") if isinstance(parameters, dict) else None
        for address in videos if isinstance(videos, list) else []:
            _read_file(body, "user", {"file_url": address})


def _read_files(body: Body, value: dict[str, Any]) -> None:
    """Pictures and sound of the images and audio endpoints, as JSON or as a form."""
    for key in ("image", "mask"):
        pictures = value.get(key)
        for picture in pictures if isinstance(pictures, list) else [pictures]:
            if isinstance(picture, str) and picture:
                _add_picture(body, "user", picture, inline=True)
    for file in objects(value.get("form_files")):
        name = _string(file.get("filename")) or ""
        kind = str(file.get("type"))
        is_picture = kind.startswith("image/") or name.lower().endswith(_IMAGE_ENDINGS)
        body.add("user", "picture" if is_picture else "audio" if kind.startswith("audio/") else "file", cut=True)
        if name:
            body.add(None, "name", name, name="file")


def _read_labels(body: Body, value: dict[str, Any]) -> None:
    """What the caller wrote on the call or on the batch it is of: up to 16 short texts that no model reads."""
    labels = value.get("metadata")
    for said in list(labels.values())[:_LABELS] if isinstance(labels, dict) else []:
        if text := _string(said):
            body.add(None, "name", text[:_LABEL_CHARS], name="metadata")


# --- responses --------------------------------------------------------------------------------------------------------


def _read_answer(body: Body, value: Any) -> None:
    if isinstance(value, str):
        _next_turn(body).add("assistant", "text", value)
    if not isinstance(value, dict):
        return
    for choice in objects(value.get("choices")) or ([value] if "message" in value else []):
        _read_choice(body, choice)
    for item in objects(value.get("output")):
        _next_turn(body)
        _read_message(body, item, "assistant")
    if "role" in value or ("content" in value and "choices" not in value):
        _next_turn(body)
        _read_message(body, value, "assistant")
    for item in objects(value.get("data")):
        _read_datum(body, item)
    if isinstance(value.get("text"), str):
        _next_turn(body).add("assistant", "text", value["text"])
    told = _listed(value.get(_ANSWERED))
    for item in told if isinstance(told, list) else [told]:
        _read_answer(body, item)
    if not body.finish_reasons and isinstance(value.get(_FINISHED), list):
        body.finish_reasons += filter(None, map(_name, value[_FINISHED]))
    action = value.get("required_action")
    outputs = action.get("submit_tool_outputs") if isinstance(action, dict) else None
    for call in objects(outputs.get("tool_calls")) if isinstance(outputs, dict) else []:
        _next_turn(body)
        _read_call(body, call)
    _read_filters(body, value.get("content_filter_results"))
    _read_end(body, value)


def _read_choice(body: Body, choice: dict[str, Any]) -> None:
    _next_turn(body)
    message = choice.get("message")
    if isinstance(message, dict):
        _read_message(body, message, "assistant")
        audio = message.get("audio")
        if isinstance(audio, dict):
            _read_audio(body, "assistant", {"audio": audio})
    for item in objects(choice.get("messages")):  # of 2023: what the tool found and what the model made of it
        _read_message(body, item, "assistant")
    if isinstance(choice.get("text"), str):
        body.add("assistant", "text", choice["text"])
    if reason := _name(choice.get("finish_reason")):
        body.finish_reasons.append(reason)
    _read_filters(body, choice.get("content_filter_results"))


def _read_datum(body: Body, item: dict[str, Any]) -> None:
    """An item of a list answer: a generated image, or a message of a thread (an embedding holds no content)."""
    if "content" in item or "role" in item:
        _next_turn(body)
        _read_message(body, item, "assistant")
    for key in ("url", "b64_json"):
        if picture := _string(item.get(key)):
            _next_turn(body)
            _add_picture(body, "assistant", picture, inline=key == "b64_json")
    if prompt := _string(item.get("revised_prompt")):
        body.add("assistant", "text", prompt)
    _read_filters(body, item.get("content_filter_results"))
    _read_filters(body, item.get("prompt_filter_results"))


def _read_filters(body: Body, results: Any) -> None:
    """Notes of every filter that spoke whether it blocked."""
    for result in results.values() if isinstance(results, dict) else []:
        for verdict in objects(result if isinstance(result, list) else [result]):
            if isinstance(verdict.get("filtered"), bool):
                body.annotations.append(verdict["filtered"])


def _read_error(body: Body, error: Any) -> None:
    if not isinstance(error, dict):
        return
    body.error_code = _name(error.get("code")) or _name(error.get("type")) or "error"
    inner = error.get("innererror", error.get("inner_error"))
    if isinstance(inner, dict):
        _read_filters(body, inner.get("content_filter_result", inner.get("content_filter_results")))
    codes = {str(holder.get("code")).lower() for holder in objects([error, inner])}
    if codes & _BLOCKED:
        body.annotations.append(True)
    if message := _string(error.get("message")):
        _next_turn(body).add(None, "text", message)


def _read_end(body: Body, value: dict[str, Any]) -> None:
    """How an answer of the Responses API or a run ended, in the words of finish_reason."""
    details = value.get("incomplete_details")
    if not isinstance(details, dict):
        details = value.get("status_details")  # of realtime
    reason = _name(details.get("reason")) if isinstance(details, dict) else None
    if reason:
        body.finish_reasons.append({"max_output_tokens": "length"}.get(reason, reason))
    elif value.get("object") in ("response", "realtime.response") and value.get("status") == "completed":
        body.finish_reasons.append("stop")
    if "message" not in value and (reason := _name(value.get("finish_reason"))):
        body.finish_reasons.append(reason)


def parts_of(bodies: list[Body]) -> Iterator[Part]:
    """All parts in their order: requests, responses, then the names found in them."""
    for wanted in (False, True):
        for body in bodies:
            yield from (part for part in body.parts if (part.kind == "name") == wanted)
