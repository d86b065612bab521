"""Takes base64 content and secrets out of texts before anything is stored; pixels are never kept.

A base64 run of 256 characters or more becomes ``picture:SHA256`` (or ``audio:``, ``file:``); a secret becomes ``***``.
"""

import base64
import binascii
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

from analyzer.schema import PICTURES

# A run may be interrupted by the ways in which JSON writes / + = and line ends, once or twice encoded.
_ESCAPE = r"\\{1,3}(?:/|[rn]|u00(?:2[bBfF]|3[dD]))"
_RUN = re.compile(rf"(?:[A-Za-z0-9+/]|{_ESCAPE}){{256,}}={{0,2}}")
_HAS_RUN = re.compile("[A-Za-z0-9+/]{32}")  # what every real run has somewhere
_PIECE = 16  # so every real run has such a piece, all of it, at a place that this divides
_IN_RUN = np.isin(np.arange(256), list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_ESCAPED = re.compile(_ESCAPE)
_PLAIN = {"/": "/", "b": "+", "f": "/", "d": "=", "r": "", "n": ""}

_NAMED_SECRET = re.compile(
    r"""(?ix) ( (?: api[-_]?key | ocp-apim-subscription-key | x-functions-key | authorization | accountkey
              | sharedaccesskey | client_?secret | computervisionapikey ) \\{0,3} "? \s* [:=] \s* \\{0,3} "?
              (?: bearer \s+ | basic \s+ )? ) [^\s"'\\,;&}]{6,}"""
)
_KEY_MEMBER = re.compile(r"""(\\{0,3}"key\\{0,3}"\s*:\s*\\{0,3}")[0-9A-Za-z+/=_-]{20,}""")
_BEARER = re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{16,}")
_IN_QUERY = re.compile(r"""(?i)([?&](?:sig|api-key|subscription-key|code|key|access_token)=)[^&\s"'\\]{6,}""")
_SECRETS = (_NAMED_SECRET, _KEY_MEMBER, _BEARER, _IN_QUERY)
# searched in texts in lower case, as plain words only: such are found many times faster than any pattern
_SECRET_WORDS = (
    *("api-key", "api_key", "apikey", "subscription-key", "functions-key", "authorization", "accountkey", "accesskey"),
    *("client_secret", "clientsecret", "computervision", "bearer", '"key"', '"key\\"', '"key\\\\"', '"key\\\\\\"'),
    *(start + name for start in "?&" for name in ("sig=", "code=", "key=", "access_token=")),
)
_MAYBE_SECRET = "|".join(map(re.escape, _SECRET_WORDS))
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
    changed: dict[int, str] = {}
    pictures: _Pictures = {}
    for row in np.union1d(_maybe_with_runs(texts), _maybe_with_secrets(texts)).tolist():
        text = texts[row].as_py()
        if _HAS_RUN.search(text):
            text = _RUN.sub(lambda match: _token(match[0], pictures), text)
        for pattern in _SECRETS:
            text = pattern.sub(r"\1***", text)
        changed[row] = text
    return changed, _table(list(pictures.values()))


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


def _maybe_with_secrets(texts: pa.Array) -> np.ndarray[Any, Any]:
    lowered = pl.Series("text", pc.ascii_lower(texts), dtype=pl.String)
    found = lowered.str.contains(_MAYBE_SECRET) | lowered.str.contains(_OTHER_CASE)
    return found.arg_true().to_numpy()


def _table(rows: list[tuple[str, str, int, int | None, int | None]]) -> pa.Table:
    schema = PICTURES.arrow
    columns = [[row[place] for row in rows] for place in range(len(schema))]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def _token(run: str, pictures: _Pictures) -> str:
    plain = _ESCAPED.sub(lambda match: _PLAIN[match[0][-1].lower()], run).rstrip("=")
    if not (re.search("[A-Z]", plain) and re.search("[a-z]", plain) and re.search("[0-9]", plain)):
        return run  # a ruler of dashes, a long path or a scream is text
    try:
        content = base64.b64decode(plain[: len(plain) // 4 * 4])  # a piece that a chunk cut ends anywhere
    except binascii.Error:
        return run
    digest = hashlib.sha256(content).hexdigest()
    kind = _kind(content)
    width, height = _size(content) if kind == "picture" else (None, None)
    pictures[digest] = (digest, kind, len(content), width, height)
    return f"{kind}:{digest}"


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
