"""JSON text -> values, also where a log cut it or a client wrote half a character. Never raises for content."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from pydantic_core import from_json

_DEPTH = 3  # bodies are encoded in strings inside strings; deeper is no log shape
_NESTING = 100  # a fixed limit, far below Python's own, which counts the frames of whoever calls
# A pair, a half (the group), or any other escape, which takes its backslash away from what follows.
_HEX = rb"[0-9a-fA-F]"
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB]" + 2 * _HEX + rb"\\u[dD][c-fC-F]" + 2 * _HEX + rb"|(\\u[dD][89a-fA-F]" + 2 * _HEX + rb")|\\."
)


class NotJsonError(ValueError):
    """The text is no JSON value."""


def parse(text: bytes | str) -> Any:
    """The value of a JSON text; half surrogates, which some clients write, become U+FFFD.

    Raises NotJsonError, without the text in its message, also for lists and objects nested over 100 levels deep.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = _parse_halves(text)
    except RecursionError:
        raise NotJsonError("nested too deep") from None
    if may_be_deep(text) and _is_deep(value):
        raise NotJsonError("nested too deep")
    return value


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
    try:
        return msgspec.json.decode(mend(text if isinstance(text, bytes) else text.encode("utf-8", "replace")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotJsonError("no JSON value") from None


def mend(text: bytes) -> bytes:
    """A JSON text with every escaped half of a surrogate pair as an escaped U+FFFD; all else stays in its place."""
    return _ESCAPE.sub(lambda escape: escape[0] if escape[1] is None else b"\\ufffd", text)


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
