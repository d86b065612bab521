"""JSON text -> values, also where a log cut it or a client wrote half a character. Never raises for content."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from pydantic_core import from_json

_DEPTH = 3  # bodies are encoded in strings inside strings; deeper is no log shape
_NESTING = 100  # a fixed limit, far below Python's own, which counts the frames of whoever calls


class NotJsonError(ValueError):
    """The text is no JSON value."""


def parse(text: bytes | str) -> Any:
    """The value of a JSON text; half surrogates, which some clients write, become U+FFFD.

    Raises NotJsonError, without the text in its message, also for lists and objects nested over 100 levels deep.
    """
    try:
        value, is_whole = msgspec.json.decode(text), True
    except (msgspec.DecodeError, UnicodeDecodeError):
        value, is_whole = _parse_halves(text), False
    except RecursionError:
        raise NotJsonError("nested too deep") from None
    if may_be_deep(text) and _is_deep(value):
        raise NotJsonError("nested too deep")
    return value if is_whole else _whole_characters(value)


def may_be_deep(text: bytes | str) -> bool:
    """Whether a JSON text has brackets enough to be nested too deep for ``parse``."""
    if len(text) <= _NESTING:
        return False
    opened = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    return opened > _NESTING


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_NESTING):
        level = [item for held in level for item in _members(held)]
    return any(isinstance(held, list | dict) for held in level)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _parse_halves(text: bytes | str) -> Any:
    """The value of a JSON text with half surrogates in it."""
    if b"\\ud" not in (text if isinstance(text, bytes) else text.encode("utf-8", "replace")).lower():
        raise NotJsonError("no JSON value")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotJsonError("no JSON value") from None


def parse_cut(text: str) -> Any:
    """As much of the value as a text that ends too early holds. Raises NotJsonError when it holds none."""
    try:
        return from_json(text, allow_partial="trailing-strings")
    except (ValueError, RecursionError):
        raise NotJsonError("no beginning of a JSON value") from None


def parse_nested(value: Any) -> Any:
    """A value that may be JSON inside a string, opened up to three times; as it is when it is none."""
    for _ in range(_DEPTH):
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[", '"'):
            return value
        try:
            value = parse(value)
        except NotJsonError:
            return value
    return value


def write(value: Any) -> str:
    """The value as compact JSON text."""
    return msgspec.json.encode(value).decode()


def _whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(item) for key, item in value.items()}
    return value
