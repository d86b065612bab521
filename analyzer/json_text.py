"""JSON text -> values, also where a log cut it or a client wrote half a character. Never raises for content."""

import json
from typing import Any

import msgspec
from pydantic_core import from_json

_DEPTH = 3  # bodies are encoded in strings inside strings; deeper is no log shape


class NotJsonError(ValueError):
    """The text is no JSON value."""


def parse(text: bytes | str) -> Any:
    """The value of a JSON text; half surrogates, which some clients write, become U+FFFD.

    Raises NotJsonError, without the text in its message.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError:
        raise NotJsonError("nested too deep") from None
    if b"\\ud" not in (text if isinstance(text, bytes) else text.encode("utf-8", "replace")).lower():
        raise NotJsonError("no JSON value")
    try:
        return _whole_characters(json.loads(text))
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
