"""The forms of a text that are searched, and the way back from a form to the stored text.

Rule: a form may change letters, drop characters or mark a boundary, but every character of it knows where it stood
in the stored original (Unicode code points). Three forms, each only for the texts that need it, decided by vectorised
tests:

* *plain*, every text: lower case, ``_`` and control characters as blanks, typographic quotes, dashes and blanks as
  ASCII, camelCase marked with :data:`JOINT` (the only character a plain form adds, so positions are easy to undo);
* *leet*, texts with digits or signs inside words: the plain form with ``0 1 3 4 5 7 @ $ !`` read as letters;
* *deep*, texts with disguised letters: compatibility forms, look-alikes, zero-width characters, ``\\uXXXX`` and
  s p a c e d letters undone, with an array of positions.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl

JOINT = "\x1f"  # stands between the words of a camelCase name in a plain form
FROM, TO = "\x01", "\x02"  # stand around a match in a marked form; forms never hold them otherwise

_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
_LEET_L = _LEET | {"1": "l"}
_TYPOGRAPHY = {
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
    "\u0130": "i",  # the one letter whose lower case has two code points
}
_ESCAPED_BLANKS = {"\\n": "  ", "\\r": "  ", "\\t": "  "}  # same length, so positions stay
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
_COMBINING = "\u0300-\u036f"
# Look-alikes: Unicode's confusables.txt (UTS 39), the Cyrillic, Greek, Armenian and Latin letters that pass for a-z.
_LOOKALIKE = dict(
    zip(
        "\u0430\u0432\u0435\u0451\u0454\u0456\u0457\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455"
        "\u0475\u0501\u051b\u051d\u04bb\u04cf\u0261\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03b3"
        "\u0251\u0131\u0269\u0570\u057d\u0585\u0578\u0566\u0192\u1d04\u1d0f\u1d20\u1d21\u1d22\u0410\u0412\u0415\u041a"
        "\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408\u0391\u0392\u0395\u0397\u0399\u039a\u039c"
        "\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0396",
        "abeeeiijkmhopctyxs"
        + "vdqwhlg"
        + "aeikvoptuxy"
        + "aiihuonqfcovwz"
        + "abek"
        + "mhopctyxsij"
        + "abehikm"
        + "noptyxz",
        strict=True,
    )
)
_ALIKE = "".join(_LOOKALIKE)

_CAMEL = "[a-z][A-Z]|[A-Z][A-Z][a-z]{2}"
_CONTROL = "[\\x00-\\x08\\x0e-\\x1f]"
_SPACED = r"(?-u:\b)[A-Za-z](?:[ .*_\-|][A-Za-z0-9@$]){3,}(?-u:\b)"
_ESCAPE = r"\\u[0-9a-fA-F]{4}"
_SIGN = "[013457@$!]"
_MIXED_WORD = f"[a-z0-9@$!]*(?:[a-z]{_SIGN}|{_SIGN}[a-z])[a-z0-9@$!]*"
_ODD = f"{_CAMEL}|{_CONTROL}|_|\\\\[nrtu]|[a-zA-Z]{_SIGN}|{_SIGN}[a-zA-Z]|{_SPACED}"
_DISGUISED = (
    f"[A-Za-z][{_INVISIBLE}{_COMBINING}]|[{_INVISIBLE}][A-Za-z]|[A-Za-z][{_ALIKE}]|[{_ALIKE}][A-Za-z]"
    f"|[{_ALIKE}]{{4}}|[\u2100-\u214f\u2460-\u24ff\ufb00-\ufb06\uff10-\uff5a\U0001d400-\U0001d7ff\U0001f130-\U0001f189]"
)
_LEET_IN_WORD = re.compile(r"[a-z][013457@$!]|[013457@$!][a-z]")


Places = dict[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]  # row -> starts, ends; empty for plain forms


@dataclass(frozen=True)
class Form:
    """One searched form of a batch: ``frame`` has ``row`` (UInt32, position in the batch) and ``form`` (String).

    A leet form's frame has ``before`` too, the form with its digits and signs. ``places`` gives for a deep form each
    row's starts and ends in the original.
    """

    frame: pl.DataFrame
    places: Places


def forms(texts: pl.Series, telling: str) -> list[Form]:
    """The forms of ``texts`` (String, no nulls) to be searched; a text has one plain form and seldom others.

    ``telling`` is a regex of the words looked for: a word with digits or signs that reads as one asks for a leet form.
    """
    frame = pl.DataFrame({"form": texts}).with_row_index("row")
    wide = frame["form"].str.len_bytes() != frame["form"].str.len_chars()
    odd = wide | frame["form"].str.contains(_ODD)  # the others need no more than lower case
    rewritten = frame.filter(odd).with_columns(_rewritten(pl.col("form")))
    plain = pl.concat([frame.filter(~odd).with_columns(pl.col("form").str.to_lowercase()), rewritten])
    found = [Form(plain, {})]
    found += _leet(rewritten, {}, telling)
    deep = _deep(frame.filter(odd))
    if deep is not None:
        found.append(deep)
        found += _leet(deep.frame, deep.places, telling)
    return found


def original_span(form: Form, row: int, text: str, start: int, end: int) -> tuple[int, int]:
    """Where ``text[start:end]`` of a form (``text`` is the form) stood in the original, in code points."""
    if form.places:
        starts, ends = form.places[row]
        return int(starts[start]), int(ends[end - 1])
    before = start - text.count(JOINT, 0, start)
    return before, before + (end - start) - text.count(JOINT, start, end)


def in_leet_word(before: str, start: int, end: int) -> bool:
    """Whether ``before[start:end]`` holds a digit or sign next to a letter: else a leet match was read into numbers."""
    return bool(_LEET_IN_WORD.search(before, start, end))


def _rewritten(text: pl.Expr) -> pl.Expr:
    """The plain form of texts that are more than lower-case ASCII words."""
    return (
        text.str.replace_many(list(_TYPOGRAPHY), list(_TYPOGRAPHY.values()))
        .str.replace_all(_CONTROL, " ")
        .str.replace_all("([a-z])([A-Z])", "${1}" + JOINT + "${2}")
        .str.replace_all("([A-Z])([A-Z][a-z]{2})", "${1}" + JOINT + "${2}")
        .str.replace_many(["_", *_ESCAPED_BLANKS], [" ", *_ESCAPED_BLANKS.values()])
        .str.to_lowercase()
    )


def _leet(frame: pl.DataFrame, places: Places, telling: str) -> list[Form]:
    """The forms in which digits and signs inside words are letters, for rows that hide a telling word; 1 is i, or l."""
    words = frame.select("row", pl.col("form").str.extract_all(_MIXED_WORD).list.join(" ").alias("words"))
    words = words.filter(pl.col("words") != "")
    found = []
    for letters in (_LEET, _LEET_L):
        read = pl.col("words").str.replace_many(list(letters), list(letters.values()))
        rows = words.filter(read.str.contains(telling))["row"]
        hiding = frame.filter(pl.col("row").is_in(rows.implode())).with_columns(before=pl.col("form"))
        form = hiding.with_columns(pl.col("form").str.replace_many(list(letters), list(letters.values())))
        found.append(Form(form, places))
    return [form for form in found if not form.frame.is_empty()]


def _deep(frame: pl.DataFrame) -> Form | None:
    """The deep form of the texts (row, form) that hide letters, None if no text does."""
    wide = frame["form"].str.len_bytes() != frame["form"].str.len_chars()
    hidden = frame["form"].str.contains(f"{_SPACED}|{_ESCAPE}")
    hidden |= pl.select(pl.when(wide).then(frame["form"]).str.contains(_DISGUISED).fill_null(False)).to_series()
    frame = frame.filter(hidden)
    if frame.is_empty():
        return None
    undone = [undisguise(text) for text in frame["form"]]
    rows: Sequence[int] = frame["row"].to_list()
    places = {row: (starts, ends) for row, (_, starts, ends) in zip(rows, undone, strict=True)}
    found = frame.with_columns(form=pl.Series([text for text, _, _ in undone], dtype=pl.String))
    return Form(found, places)


def undisguise(text: str) -> tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The deep form of ``text``, and the start and end in ``text`` of each of its characters (code points)."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").copy()
    starts = np.arange(len(codes), dtype=np.int64)
    ends = starts + 1
    keep = np.ones(len(codes), dtype=bool)
    for escape in re.finditer(_ESCAPE, text):
        at = escape.start()
        codes[at], ends[at] = int(escape[0][2:], 16), escape.end()
        keep[at + 1 : escape.end()] = False
    codes, starts, ends = codes[keep], starts[keep], ends[keep]
    table, many = _tables()
    copies = np.ones(len(codes), dtype=np.int64)
    expanding = {code: many[code] for code in np.unique(codes).tolist() if code in many}
    for code, wanted in expanding.items():
        copies[codes == code] = len(wanted)
    grown = np.repeat(codes, copies)
    first = np.cumsum(copies) - copies
    for code, wanted in expanding.items():
        for step, letter in enumerate(wanted.tolist()):
            grown[first[codes == code] + step] = letter
    codes, starts, ends = grown, np.repeat(starts, copies), np.repeat(ends, copies)
    small = codes < len(table)
    codes = np.where(small, table[np.where(small, codes, 0)], codes)
    keep = (codes != 0) & ~((codes >= 0xE0000) & (codes <= 0xE01EF))
    keep[keep] &= ~_between_spaced(codes[keep])
    codes, starts, ends = codes[keep], starts[keep], ends[keep]
    return codes.astype("<u4").tobytes().decode("utf-32-le", "replace"), starts, ends


def _between_spaced(codes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """True at the separators inside runs of three or more single letters: f a c e, f-a-c-e."""
    letter = ((codes >= 97) & (codes <= 122)) | ((codes >= 48) & (codes <= 57)) | (codes == 64) | (codes == 36)
    edge = np.concatenate([[False], letter, [False]])
    single = np.flatnonzero(letter & ~edge[:-2] & ~edge[2:])
    drop = np.zeros(len(codes), dtype=bool)
    if len(single) < 3:
        return drop
    between = codes[single[:-1] + 1]
    joined = (np.diff(single) == 2) & np.isin(between, [32, 42, 45, 46, 95, 124])
    long_run = joined & (np.concatenate([[False], joined[:-1]]) | np.concatenate([joined[1:], [False]]))
    drop[single[:-1][long_run] + 1] = True
    return drop


@cache
def _tables() -> tuple[np.ndarray[Any, Any], dict[int, np.ndarray[Any, Any]]]:
    """What each code point below 0x20000 becomes (0: dropped), and those that become several."""
    table = np.arange(0x20000, dtype=np.uint32)
    many: dict[int, np.ndarray[Any, Any]] = {}
    for code in (code for first, last in _FOLDED for code in range(first, last)):
        plain = "".join(_letter(c) for c in unicodedata.normalize("NFKD", chr(code)))
        if len(plain) == 1 or not plain:
            table[code] = ord(plain) if plain else 0
        elif any(c.isascii() for c in plain):
            many[code] = np.array([ord(c) for c in plain], dtype=np.uint32)
    table[:0x20] = 32
    return table, many


_FOLDED = ((0, 0x0900), (0x1C00, 0x3100), (0xA640, 0xA800), (0xF900, 0xFFF0), (0x1D400, 0x1D800), (0x1F100, 0x1F200))
_DROPPED = re.compile(f"[{_INVISIBLE}{_COMBINING}]")


def _letter(character: str) -> str:
    """The lower-case ASCII letter a character stands for, itself if none, nothing if it is invisible."""
    if _DROPPED.match(character):
        return ""
    alike = _LOOKALIKE.get(character) or _LOOKALIKE.get(character.lower()) or _TYPOGRAPHY.get(character)
    return alike or character.lower()
