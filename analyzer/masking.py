"""Takes base64 content and secrets out of texts before anything is stored; pixels are never kept.

A base64 run of 256 characters or more, or in a data URL, becomes ``picture:SHA256`` (or ``audio:``, ``file:``;
``piece:`` where a chunk cut it); a secret becomes ``***``.
"""

import base64
import hashlib
import io
import re
import struct
from typing import Any

import imagesize
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import credentials
from analyzer.schema import PICTURES

# A character of base64 as JSON writes it, encoded once or more: / + = may be escaped.
_ESCAPE = r"\\{1,7}(?:/|u00(?:2[bBfF]))"
_CHAR = rf"(?:[A-Za-z0-9+/]|{_ESCAPE})"
_PADDING = r"(?:=|\\{1,7}u003[dD]){0,2}"
_LINE_END = r"(?:\\{1,7}[rn]|[\r\n]){1,4}"
_ESCAPED = re.compile(rf"{_ESCAPE}|\\{{1,7}}u003[dD]|{_LINE_END}")
_PLAIN = {"/": "/", "b": "+", "f": "/", "d": "="}
# Lines are one run only when they are as long as real wrapping makes them: a list with a word a line is text.
_WRAPPED = "|".join(
    rf"(?:{_CHAR}{{{width}}}{_LINE_END}){{3,}}(?:{_CHAR}{{1,{width}}}+{_PADDING}(?![^\"'\\\r\n]))?"
    for width in (64, 76)
)
_UNWRAPPED = rf"(?={_CHAR}{{256}})(?:[A-Za-z0-9+/]++|{_ESCAPE})++{_PADDING}"
_IN_URL = rf"(?<=;base64,)(?!\w{{4,7}}:[0-9a-f]{{64}}){_CHAR}++{_PADDING}"  # of any length, but no token again
_START = (
    r"(?:(?<![A-Za-z0-9+/\\])|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"  # an escape may end in what looks like base64
)
_RUN = re.compile(rf"{_START}(?=[A-Za-z0-9+/\\]{{64}})(?:{_WRAPPED}|{_UNWRAPPED})|{_IN_URL}")
_HAS_PLAIN_RUN = re.compile("[A-Za-z0-9+/]{32}")  # what every real run has somewhere
_PIECE = 16  # so every real run has such a piece, all of it, at a place that this divides
_IN_RUN = np.isin(np.arange(256), list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_SHORTEST_RUN = 256
_KINDS_OF_CHARACTER = tuple(map(re.compile, ("[A-Z]", "[a-z]", "[0-9]", "[G-Zg-z]")))  # a hex dump lacks the last
_WORD = re.compile("(?<![a-z])[a-z]{4,20}(?![a-z])")  # base64 has few of them

# searched in texts in lower case, as plain words only: such are found many times faster than any pattern
_MAYBE = "|".join(map(re.escape, (";base64,", *credentials.WORDS)))
_OTHER_CASE = "[\u212a\u017f]"  # what else is a k or an s where case is ignored

_MAGIC = (
    (b"\xff\xd8\xff", "picture"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"GIF8", "picture"),
    (b"BM", "picture"),
    (b"II*\x00", "picture"),
    (b"MM\x00*", "picture"),
    (b"ID3", "audio"),
    (b"\xff\xfb", "audio"),
    (b"OggS", "audio"),
    (b"fLaC", "audio"),
)


_Pictures = dict[str, tuple[str, str, int, int | None, int | None]]


def mask(texts: list[str]) -> tuple[list[str], pa.Table]:
    """The texts without base64 runs and secrets, and a row of PICTURES for each run taken out."""
    changed, pictures = _masked(pa.array(texts, pa.string()))
    masked = list(texts)
    for row, text in changed.items():
        masked[row] = text
    return masked, pictures


def mask_column(texts: pa.Array) -> tuple[pa.Array, pa.Table]:
    """The same for an Arrow column of texts without nulls; the column itself where nothing has to go."""
    changed, pictures = _masked(texts)
    if not changed:
        return texts, pictures
    rows = np.zeros(len(texts), dtype=bool)
    rows[list(changed)] = True
    return pc.replace_with_mask(texts, pa.array(rows), pa.array([changed[row] for row in sorted(changed)])), pictures


def _masked(texts: pa.Array) -> tuple[dict[int, str], pa.Table]:
    """The texts that masking may change, by row, as it leaves them, and the pictures taken out of them."""
    pictures: _Pictures = {}
    rows = np.union1d(_maybe_with_runs(texts), _maybe_with_words(texts))
    masked = texts.take(pa.array(rows)).to_pylist()
    for place, text in enumerate(masked):
        if ";base64," in text or _HAS_PLAIN_RUN.search(text):
            masked[place] = _RUN.sub(lambda match: _token(match, pictures), text)
    hidden = credentials.hide(pl.Series(masked, dtype=pl.String))
    return dict(zip(rows.tolist(), hidden, strict=True)), _table(list(pictures.values()))


def _maybe_with_runs(texts: pa.Array) -> np.ndarray[Any, Any]:
    """The rows with a whole piece of a run; most pieces of other texts have a space, which is seen at once."""
    _, bounds, data = texts.buffers()
    starts = np.frombuffer(bounds, np.int32)[texts.offset :][: len(texts)]
    codes = np.frombuffer(data or b"", np.uint8)
    pieces = codes[: len(codes) // _PIECE * _PIECE].reshape(-1, _PIECE)
    halves = (pieces == ord(" ")).view(np.uint64)
    suspects = np.flatnonzero((halves[:, 0] | halves[:, 1]) == 0)
    suspects = suspects[_IN_RUN[pieces[suspects]].all(axis=1)]
    rows = np.searchsorted(starts, suspects * _PIECE, side="right") - 1
    return rows[rows >= 0]


def _maybe_with_words(texts: pa.Array) -> np.ndarray[Any, Any]:
    lowered = pl.Series("text", pc.ascii_lower(texts), dtype=pl.String)
    found = lowered.str.contains(_MAYBE) | lowered.str.contains(_OTHER_CASE)
    return found.arg_true().to_numpy()


def _table(rows: list[tuple[str, str, int, int | None, int | None]]) -> pa.Table:
    schema = PICTURES.arrow
    columns = [[row[place] for row in rows] for place in range(len(schema))]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def _token(match: re.Match[str], pictures: _Pictures) -> str:
    run = match[0]
    plain = _ESCAPED.sub(lambda escape: _PLAIN.get(escape[0][-1].lower(), ""), run).rstrip("=")
    if not match.string.endswith(";base64,", 0, match.start()) and not (
        _HAS_PLAIN_RUN.search(run) and _is_content(plain)
    ):
        return run
    whole = len(plain) - (len(plain) % 4 == 1)  # a piece that a chunk cut ends anywhere
    content = base64.b64decode(plain[:whole] + "=" * (-whole % 4))
    digest = hashlib.sha256(content).hexdigest()
    kind = _kind(content)
    if kind == "file" and (match.start() == 0 or match.end() == len(match.string)):
        kind = "piece"  # no body begins or ends with base64
    width, height = _size(content) if kind == "picture" else (None, None)
    pictures[digest] = (digest, kind, len(content), width, height)
    return f"{kind}:{digest}"


def _is_content(plain: str) -> bool:
    """Whether what could be base64 is: rulers, dumps, paths, words without blanks and screams are text."""
    if len(plain) < _SHORTEST_RUN or not all(kind.search(plain) for kind in _KINDS_OF_CHARACTER):
        return False
    return 3 * sum(map(len, _WORD.findall(plain))) < len(plain)


def _kind(content: bytes) -> str:
    if content[:4] == b"RIFF":
        return "picture" if content[8:12] == b"WEBP" else "audio"
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), "file")


def _size(content: bytes) -> tuple[int | None, int | None]:
    """Width and height in pixels as the header tells them; unknown where it is cut or made up."""
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except (ValueError, struct.error, TypeError, IndexError, KeyError, OverflowError):
        return None, None
    return (width, height) if 0 < width < 1 << 31 and 0 < height < 1 << 31 else (None, None)
