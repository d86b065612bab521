"""Bytes -> framed records with line, offset, length and SHA-256. Pure: bytes in, Arrow batches out.

A frame is a line, or a whole document when a file is one JSON value over many lines. Every frame has one state:
``record`` (to be opened), ``blank``, ``pending`` (the unfinished last line of a growing file) or a reason for
quarantine.
Offsets and lengths address the raw record in the decompressed stream, without the blanks around it, so that the
SHA-256 can be checked with nothing but those two numbers.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from analyzer.errors import BrokenStreamError

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

LINE_LIMIT = 64 << 20
SAMPLE_BYTES = 200
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n\x0b\x0c"

FRAMES = pa.schema(
    [
        ("line", pa.int64()),
        ("byte_offset", pa.int64()),
        ("byte_length", pa.int64()),
        ("sha256", pa.string()),
        ("state", pa.string()),
        ("raw", pa.large_binary()),  # the record's bytes; the first SAMPLE_BYTES of a frame that is not opened
    ]
)


@dataclass(frozen=True)
class Chunk:
    """A run of whole lines, or one frame that is not to be split: ``state`` says which."""

    data: bytes
    offset: int  # of its first byte in the stream
    line: int  # number of its first line, from 1
    state: str = "lines"  # lines | document | a state of FRAMES
    length: int = 0  # of the frame, where data is only its beginning
    sha256: str = ""
    line_end: int = 0  # bytes of the line end behind such a frame

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + (self.length or len(self.data)) + self.line_end

    @property
    def next_line(self) -> int:
        """The number of the line behind its last byte."""
        return self.line + (self.data.count(b"\n") if self.state in ("lines", "document") else bool(self.line_end))

    @property
    def is_loaded(self) -> bool:
        """Whether the frame is done with; the others are read again when the file has grown."""
        return self.state not in ("pending", "truncated_stream")


def chunks(
    blocks: Iterable[bytes],
    offset: int = 0,
    line: int = 1,
    keep_pending: bool = True,
    limit: int = LINE_LIMIT,
    digest: "Digest | None" = None,
) -> Iterator[Chunk]:
    """Cuts a stream at line ends into chunks; what needs care of its own comes as a chunk of one frame.

    ``offset`` and ``line`` say where the first block stands. ``keep_pending``: an unfinished last line that is no
    whole record waits for the next run; otherwise it is quarantined as truncated. A line over ``limit`` bytes is
    never held whole. ``digest`` is fed every byte up to the end of the chunk just given, but for frames that are not
    loaded. BrokenStreamError of ``blocks`` passes through after everything before it was given.
    """
    stream = iter(blocks)
    digest = digest if digest is not None else hashlib.sha256()
    if offset == 0:
        head, stream = _take(stream, len(_BOM))
        if head.startswith(_BOM):
            digest.update(_BOM)
            head, offset = head[len(_BOM) :], len(_BOM)
        if _may_be_document(head):
            more, stream = _take(stream, limit - len(head))
            head += more
            if len(head) <= limit and is_json(head):
                digest.update(head)
                yield Chunk(head, offset, line, "document")
                head = b""
        stream = chain([head] if head else [], stream)
    yield from _line_chunks(stream, offset, line, keep_pending, limit, digest)


def _take(stream: Iterator[bytes], least: int) -> tuple[bytes, Iterator[bytes]]:
    """At least ``least`` bytes of the stream, if it has them, and what follows; a break comes back in its place."""
    taken: list[bytes] = []
    try:
        while sum(map(len, taken)) < least and (block := next(stream, b"")):
            taken.append(block)
    except BrokenStreamError as error:
        stream = _breaking(error)
    return b"".join(taken), stream


def _breaking(error: BrokenStreamError) -> Iterator[bytes]:
    raise error
    yield b""  # makes this a generator, so that the error waits for the first step


def _may_be_document(head: bytes) -> bool:
    """Whether the file starts a JSON value that goes on behind the first line."""
    start = head.lstrip(_SPACE)
    first, newline, _ = start.partition(b"\n")
    return bool(newline) and start[:1] in (b"{", b"[") and not is_json(first)


def is_json(data: bytes) -> bool:
    """Whether the bytes are one whole JSON value."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _line_chunks(
    stream: Iterator[bytes], offset: int, line: int, keep_pending: bool, limit: int, digest: "Digest"
) -> Iterator[Chunk]:
    rest = b""
    try:
        for block in stream:
            data = rest + block
            cut = data.rfind(b"\n") + 1
            if cut:
                digest.update(data[:cut])
                yield Chunk(data[:cut], offset, line)
                line += data.count(b"\n", 0, cut)
                offset += cut
            rest = data[cut:]
            if len(rest) > limit:
                frame, rest, broken = _skip_line(rest, stream, offset, line, digest)
                yield frame
                if broken:
                    raise broken
                offset, line = frame.end, line + 1
    except BrokenStreamError:
        if rest:
            yield _one(rest, offset, line, "truncated_stream")
        raise
    if rest:
        whole = not rest.strip(_SPACE) or is_json(rest)
        yield (
            Chunk(rest, offset, line)
            if whole
            else _one(rest, offset, line, "pending" if keep_pending else "truncated_stream")
        )


def _one(data: bytes, offset: int, line: int, state: str) -> Chunk:
    """A frame that is not opened, with the beginning of its bytes."""
    return Chunk(data[:SAMPLE_BYTES], offset, line, state, len(data), hashlib.sha256(data).hexdigest())


def _skip_line(
    start: bytes, stream: Iterator[bytes], offset: int, line: int, digest: "Digest"
) -> tuple[Chunk, bytes, BrokenStreamError | None]:
    """Reads past a line that is too long, keeping its hash and length; gives it, the bytes behind it, and a break."""
    own, length, newline, rest, broken = hashlib.sha256(start), len(start), b"", b"", None
    digest.update(start)
    try:
        for block in stream:
            inside, newline, rest = block.partition(b"\n")
            own.update(inside)
            digest.update(inside + newline)
            length += len(inside)
            if newline:
                break
    except BrokenStreamError as error:
        broken = error
    sample = start[:SAMPLE_BYTES]
    return Chunk(sample, offset, line, "too_long", length, own.hexdigest(), len(newline)), rest, broken


def frames(chunk: Chunk, limit: int = LINE_LIMIT) -> pa.RecordBatch:
    """The frames of one chunk, in FRAMES' columns."""
    if chunk.state not in ("lines", "document"):
        row = (chunk.line, chunk.offset, chunk.length, chunk.sha256, chunk.state, chunk.data)
        return _batch([row])
    if chunk.state == "document":
        return _batch([_frame(chunk.data, chunk.offset, chunk.line, limit)])
    rows, offset = [], chunk.offset
    lines = chunk.data.split(b"\n")
    if not lines[-1]:
        lines.pop()  # nothing stands behind the last line end
    for number, line in enumerate(lines, chunk.line):
        rows.append(_frame(line, offset, number, limit))
        offset += len(line) + 1
    return _batch(rows)


_Row = tuple[int, int, int, str, str, bytes]


def _frame(data: bytes, offset: int, line: int, limit: int) -> _Row:
    raw = data.strip(_SPACE)
    if not raw:
        return line, offset, len(data), "", "blank", b""
    if len(data) > limit:
        return line, offset, len(data), hashlib.sha256(data).hexdigest(), "too_long", data[:SAMPLE_BYTES]
    start = offset + (len(data) - len(data.lstrip(_SPACE)))
    return line, start, len(raw), hashlib.sha256(raw).hexdigest(), "record", raw


def _batch(rows: list[_Row]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, FRAMES, strict=True)], schema=FRAMES
    )
