"""Hides secrets in texts: keys, tokens, passwords and signatures become ``***``; ordinary words stay.

A name that only secrets have (``api-key``, ``password``) hides what stands behind it unless that is a word; behind
other names (``key``, ``token``, ``Authorization: ``) only what looks like a key goes.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl

_SURE = (  # names that only secrets have, or their ends: x-api-key, SharedAccessKey, ocp-apim-subscription-key
    "api[-_]?key|(?:subscription|functions|account|access|private)[-_]?key|(?:access|refresh)[-_]?token"
    "|client[-_]?secret|password|passwd|pwd"
)
_LOOSE = r"key|(?:[A-Za-z0-9]{1,20}[-_])?(?:token|secret)"  # whole names that other things have too
_SCHEME = "(?:bearer|basic|sharedkey(?:lite)?|digest|negotiate|ntlm|apikey)"

_QUOTE = r"\\{0,7}[\"']|\\{1,7}u002[27]"  # JSON in JSON escapes it, .NET by its number
_QUOTE_HINT = r"\\*[\"']|\\*u002[27]"
_AND = r"(?:[?&;]|\\u0026|%26)"  # before a parameter of an address, also as JSON and addresses write it
_ESCAPE = r"\\{1,7}(?:/|u00(?!2[27])[0-9a-fA-F]{2})"
_VALUE = rf"(?:[^\s\"'\\,;&<>()\[\]{{}}]|{_ESCAPE})"
_MEMBER = rf"(?P<quote>{_QUOTE})\s{{0,4}}:\s{{0,4}}(?:\[\s{{0,4}})?(?P=quote)"
_QUOTED = rf"(?:(?!(?P=quote))[^\s\\]|{_ESCAPE})++(?=(?P=quote)|\Z)"
# A member of JSON without quotes is a number, which *** would break.
_IS = rf"(?:(?:{_QUOTE})\s{{0,4}}[:=]\s{{0,4}}(?:{_QUOTE})|\s{{0,4}}[:=]\s{{0,4}}(?:{_QUOTE})?)"
_SCHEMED = rf"(?:{_QUOTE})?\s{{0,4}}[:=]\s{{0,4}}\[?(?:{_QUOTE})?(?i:{_SCHEME})\s{{1,4}}"

_WORDS = re.compile(r"[A-Za-z][a-z]{0,14}(?:[-_/.][A-Za-z][a-z]{0,14})*[.:!?*]*")
_LONE_WORD = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z][a-z]{3,}(?![A-Za-z0-9+/=])")
_DIGIT = re.compile("[0-9]")


def _is_any(value: str) -> bool:
    return True


def _is_no_word(value: str) -> bool:
    return not _WORDS.fullmatch(value)


def _is_key(value: str) -> bool:
    return len(value) >= 16 and bool(_DIGIT.search(value)) and not _LONE_WORD.search(value)


class _Kind(NamedTuple):
    """One kind of secret: what every text that holds it matches, what stands before it, itself, and which count.

    ``hint`` is searched by polars over whole columns. ``head`` and ``secret`` are bounded or possessive, for texts are
    hostile; they are searched only where the hint is found.
    """

    hint: str
    head: str
    secret: str
    is_secret: Callable[[str], bool]


_NAMED_HINT = rf"(?i:{_SURE})(?:{_QUOTE_HINT})?\s*[:=]"
_AUTHORIZATION_HINT = rf"(?i:authorization)(?:{_QUOTE_HINT})?\s*[:=]"
_KINDS = (
    _Kind(_NAMED_HINT, rf"(?i:{_SURE}){_MEMBER}", _QUOTED, _is_any),
    _Kind(
        rf"(?i:key|token|secret)(?:{_QUOTE_HINT})\s*:\s*\[?\s*(?:{_QUOTE_HINT})[^\s]{{16}}",
        rf"(?<![\w-])(?i:{_LOOSE}){_MEMBER}", _QUOTED, _is_key,
    ),
    _Kind(rf"(?i:{_SURE})=", rf"(?i:{_SURE})=(?:{_QUOTE})?", rf"{_VALUE}{{4,}}+", _is_any),
    _Kind(_NAMED_HINT, rf"(?i:{_SURE}){_IS}", rf"{_VALUE}{{6,}}+", _is_no_word),
    _Kind(_AUTHORIZATION_HINT, rf"(?<![\w-])(?i:authorization){_MEMBER}", _QUOTED, _is_no_word),
    _Kind(_AUTHORIZATION_HINT, rf"(?i:authorization){_IS}", rf"{_VALUE}{{16,}}+", _is_key),
    _Kind(_AUTHORIZATION_HINT, rf"(?i:authorization){_SCHEMED}", rf"{_VALUE}{{6,}}+", _is_no_word),
    _Kind(r"(?i:bearer)\s+[A-Za-z0-9._~+/=-]{16}", r"(?i:\bbearer)\s{1,4}", r"[A-Za-z0-9._~+/=-]{16,}+", _is_no_word),
    _Kind(  # of a digest
        rf"(?i:response)=(?:{_QUOTE_HINT})?[0-9a-fA-F]{{32}}",
        rf"(?i:\bresponse)=(?:{_QUOTE})?", "[0-9a-fA-F]{32,}+", _is_any,
    ),
    _Kind("(?i:sig|token)=", rf"{_AND}(?i:sig|token)=", rf"{_VALUE}{{6,}}+", _is_any),
    _Kind("(?i:code|key)=", rf"{_AND}(?i:code|key)=", rf"{_VALUE}{{6,}}+", _is_no_word),
    _Kind(
        r":\\*/\\*/[^\s/:@]+:[^\s/@]+@",
        r":(?:\\{0,7}/){2}[^\s/:@\"'\\]{1,64}:", r"[^\s/@\"'\\]{1,128}(?=@)", _is_any,
    ),  # user:secret@host
    _Kind("sk-[A-Za-z0-9_-]{16}", r"(?<![\w-])sk-(?:proj-|svcacct-|admin-)?", "[A-Za-z0-9_-]{16,}+", _is_no_word),
)  # fmt: skip
_PATTERNS = tuple(re.compile(f"(?P<head>{kind.head})(?P<secret>{kind.secret})") for kind in _KINDS)

# One of these, in lower case, stands in every text with a secret.
WORDS = (
    "key", "token", "secret", "password", "passwd", "pwd", "authorization", "bearer", "response=", "sig=", "code=", "@",
    "sk-",
)  # fmt: skip


def hide(texts: pl.Series) -> pl.Series:
    """The texts with ``***`` in the place of every secret."""
    hidden = texts.to_list()
    if not hidden:
        return texts
    for kind, pattern in zip(_KINDS, _PATTERNS, strict=True):
        for row in np.flatnonzero(texts.str.contains(kind.hint)):
            hidden[row] = pattern.sub(partial(_hidden, kind.is_secret), hidden[row])
    return pl.Series(hidden, dtype=pl.String)


def _hidden(is_secret: Callable[[str], bool], match: re.Match[str]) -> str:
    return f"{match['head']}***" if is_secret(match["secret"]) else match[0]
