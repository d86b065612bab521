"""Bytes -> framed records with line, offset, length and SHA-256. Pure: bytes in, Arrow batches out.

A frame is a line, a whole document when a file is one JSON value over many lines, or a row of a CSV file. Every frame
has one state: ``record`` (to be opened), ``blank``, ``pending`` (the unfinished last line of a growing file) or a
reason for quarantine.
Offsets and lengths address the raw record in the decompressed stream, without the blanks around it, so that the
SHA-256 can be checked with nothing but those two numbers. A CSV file's header is no frame.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import csv_rows
from analyzer.csv_rows import Header
from analyzer.errors import BrokenStreamError
from analyzer.json_text import NotJsonError, may_be_deep, parse

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

LINE_LIMIT = 64 << 20
SAMPLE_BYTES = 200
CHUNK_LINES = 100_000  # in a chunk at most: short ones take a hundred times their bytes
_BLANKS = 1 << 20  # that may stand before a document
_BOM = b"\xef\xbb\xbf"
SPACE = b" \t\r\n\x0b\x0c"
_COMMA, _BLANK, _NEWLINE = b", \n"
_IS_SPACE = np.isin(np.arange(256), list(SPACE))

Ints = np.ndarray[Any, np.dtype[np.int64]]

FRAMES = pa.schema(
    [
        ("file_id", pa.int32()),
        ("generation", pa.int32()),
        ("line", pa.int64()),
        ("byte_offset", pa.int64()),
        ("byte_length", pa.int64()),
        ("sha256", pa.string()),
        ("state", pa.string()),
        # with the blanks around it, of a CSV row an object of its fields; the first SAMPLE_BYTES of what is not opened
        ("raw", pa.large_binary()),
    ]
)


@dataclass(frozen=True)
class Chunk:
    """A run of whole lines, or one frame that is not to be split: ``state`` says which."""

    data: bytes
    offset: int  # of its first byte in the stream
    line: int  # number of its first line, from 1
    newlines: int  # in it; behind it, where data is only its beginning
    state: str = "lines"  # lines | document | rows, of CSV | a state of FRAMES
    length: int = 0  # of the frame, where data is only its beginning
    sha256: str = ""
    inside: int = 0  # newlines in the frame, where data is only its beginning
    header: Header | None = None  # of rows

    @property
    def is_whole(self) -> bool:
        """Whether data is all of it, not only the beginning of a frame that is not opened."""
        return self.state in ("lines", "document", "rows")

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.offset + (len(self.data) if self.is_whole else self.length + self.newlines)

    @property
    def next_line(self) -> int:
        """The number of the line behind its last byte."""
        return self.line + self.inside + self.newlines

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
    header: Header | None = None,
    has_rows: bool = False,
) -> Iterator[Chunk]:
    """Cuts a stream at line ends into chunks; what needs care of its own comes as a chunk of one frame.

    ``offset`` and ``line`` say where the first block stands. ``keep_pending``: an unfinished last line that is no
    whole record waits for the next run; otherwise it is quarantined as truncated. A line over ``limit`` bytes is
    never held whole. ``digest`` is fed every byte up to the end of the chunk just given, but for frames that are not
    loaded. ``header`` is that of the CSV file (see ``header_of``) whose rows follow, where the first block does not
    begin it. ``has_rows``: every line is a row of a table, none the beginning of a document. BrokenStreamError of
    ``blocks`` passes through after everything before it was given.
    """
    stream = iter(blocks)
    digest = digest if digest is not None else sha256()
    if offset == 0 and not has_rows:
        head, stream = _take(stream, len(_BOM))
        if head.startswith(_BOM):
            digest.update(_BOM)
            head, offset = head[len(_BOM) :], len(_BOM)
        head, stream = _first_line(head, stream, limit)
        if _may_be_document(head):
            more, stream = _take(stream, limit - len(head))
            head += more
            if len(head) <= limit and is_json(head):
                digest.update(head)
                yield Chunk(head, offset, line, head.count(b"\n"), "document")
                head = b""
            elif len(head) < limit and _is_beginning(head):  # a document that is being written, or was cut
                yield _one(head, offset, line, "pending" if keep_pending else "truncated_stream")
                head = b""
        else:
            more, stream = _take(stream, csv_rows.HEADER_LIMIT - len(head))
            head += more
            if header := csv_rows.find_header(head):
                digest.update(head[: header.length])
                head, offset, line = head[header.length :], offset + header.length, line + 1
        stream = chain([head] if head else [], stream)
    if header:
        yield from _row_chunks(stream, header, offset, line, keep_pending, limit, digest)
    else:
        yield from _line_chunks(stream, offset, line, keep_pending, limit, digest)


def header_of(prefix: bytes) -> Header | None:
    """The header that ``chunks`` finds in a file that begins like this, given its first HEADER_LIMIT bytes."""
    return csv_rows.find_header(prefix.removeprefix(_BOM))


def _take(stream: Iterator[bytes], least: int) -> tuple[bytes, Iterator[bytes]]:
    """At least ``least`` bytes of the stream, if it has them, and what follows; a break comes back in its place."""
    taken, size = list[bytes](), 0
    try:
        while size < least and (block := next(stream, b"")):
            taken.append(block)
            size += len(block)
    except BrokenStreamError as error:
        stream = _breaking(error)
    return b"".join(taken), stream


def _breaking(error: BrokenStreamError) -> Iterator[bytes]:
    raise error
    yield b""  # makes this a generator, so that the error waits for the first step


def _first_line(head: bytes, stream: Iterator[bytes], limit: int) -> tuple[bytes, Iterator[bytes]]:
    """The head with all of the first line that is not blank where that may begin a document, whatever the blocks."""
    parts, size, behind = [head], len(head), head.lstrip(SPACE)
    first, is_whole = behind[:1], b"\n" in behind
    while not is_whole and (first in (b"{", b"[") or (not first and size < _BLANKS)) and size < limit:
        more, stream = _take(stream, 1)
        if not more:
            break
        parts.append(more)
        size += len(more)
        behind = more if first else more.lstrip(SPACE)
        first, is_whole = first or behind[:1], b"\n" in behind
    return b"".join(parts), stream


def _is_beginning(head: bytes) -> bool:
    """Whether the bytes are the beginning of one JSON value that goes on."""
    try:
        msgspec.json.decode(head, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return "truncated" in str(error)  # all that tells it from malformed
    except (UnicodeDecodeError, RecursionError):
        return False
    return False


def _may_be_document(head: bytes) -> bool:
    """Whether the file starts a JSON value that goes on behind the first line."""
    start = head.lstrip(SPACE)
    first, newline, _ = start.partition(b"\n")
    return bool(newline) and start[:1] in (b"{", b"[") and not _is_record(first)


def _is_record(line: bytes) -> bool:
    """Whether a line is one JSON value, maybe with a comma behind an object."""
    return is_json(line) or (_has_comma(line) and is_json(line.rstrip(SPACE)[:-1]))


def _has_comma(line: bytes) -> bool:
    """Whether a comma stands behind the object on a line, as where an array's brackets were taken away."""
    start, end = line.lstrip(SPACE), line.rstrip(SPACE)
    return start[:1] == b"{" and end[-1:] == b"," and end[:-1].rstrip(SPACE)[-1:] == b"}"


def is_json(data: bytes) -> bool:
    """Whether the bytes are one whole JSON value that can be opened: not nested too deep."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
        if may_be_deep(data):
            parse(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NotJsonError):
        return False
    return True


def _line_chunks(
    stream: Iterator[bytes], offset: int, line: int, keep_pending: bool, limit: int, digest: "Digest"
) -> Iterator[Chunk]:
    parts, size = list[bytes](), 0  # of the line that goes on
    try:
        while (block := next(stream, None)) is not None:
            cut = block.rfind(b"\n") + 1
            if cut:
                for data in _of_few_lines(b"".join((*parts, memoryview(block)[:cut]))):
                    digest.update(data)
                    chunk = Chunk(data, offset, line, data.count(b"\n"))
                    yield chunk
                    offset, line = chunk.end, chunk.next_line
                parts, size = [], 0
            parts.append(block[cut:])
            size += len(parts[-1])
            if size > limit:
                frame, rest, broken = _skip_line(b"".join(parts), stream, offset, line, digest)
                yield frame
                if broken:
                    raise broken
                offset, line, parts, size = frame.end, frame.next_line, [], 0
                stream = chain([rest], stream)
    except BrokenStreamError:
        if size:
            yield _one(b"".join(parts), offset, line, "truncated_stream")
        raise
    rest = b"".join(parts)
    if rest and (not rest.strip(SPACE) or _is_record(rest)):
        digest.update(rest)
        yield Chunk(rest, offset, line, 0)
    elif rest:
        yield _one(rest, offset, line, "pending" if keep_pending else "truncated_stream")


def _of_few_lines(data: bytes) -> Iterator[bytes]:
    """Whole lines in runs of CHUNK_LINES at most."""
    if len(data) <= CHUNK_LINES or data.count(b"\n") <= CHUNK_LINES:
        yield data
        return
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)[CHUNK_LINES - 1 :: CHUNK_LINES] + 1
    for start, end in pairwise((0, *ends.tolist(), len(data))):
        if start < end:
            yield data[start:end]


def _row_chunks(
    stream: Iterator[bytes], header: Header, offset: int, line: int, keep_pending: bool, limit: int, digest: "Digest"
) -> Iterator[Chunk]:
    """Like ``_line_chunks`` for the rows of a CSV file; one over the limit ends at the next newline, quoted or not."""
    breaks: list[BrokenStreamError] = []
    stream = _ended(stream, breaks)
    limit = min(limit, csv_rows.ROW_LIMIT)
    rest, window = b"", csv_rows.WINDOW
    while True:
        if len(rest) < window:
            more, stream = _take(stream, window - len(rest))
            rest += more
        if whole := csv_rows.whole_rows(rest[:window], header, limit):
            data, rest = rest[:whole], rest[whole:]
            digest.update(data)
            chunk = Chunk(data, offset, line, data.count(b"\n"), "rows", header=header)
            yield chunk
            offset, line, window = chunk.end, chunk.next_line, csv_rows.WINDOW
        elif min(window, len(rest)) > limit:
            end = rest.find(b"\n", limit)
            row, behind = (rest[:end], iter([rest[end:]])) if end >= 0 else (rest, stream)
            frame, rest, _ = _skip_line(row, behind, offset, line, digest)
            yield frame
            offset, line, window = frame.end, frame.next_line, csv_rows.WINDOW
        elif len(rest) < window:
            break  # the stream has ended
        else:
            window *= 2
    if rest and not breaks and csv_rows.is_whole_row(rest, header, keep_pending):
        digest.update(rest)
        yield Chunk(rest, offset, line, 0, "rows", header=header)
    elif rest:
        yield _one(rest, offset, line, "pending" if keep_pending and not breaks else "truncated_stream")
    if breaks:
        raise breaks[0]


def _ended(stream: Iterator[bytes], breaks: list[BrokenStreamError]) -> Iterator[bytes]:
    """The stream up to its end or its break, which is kept."""
    try:
        yield from stream
    except BrokenStreamError as error:
        breaks.append(error)


def _one(data: bytes, offset: int, line: int, state: str) -> Chunk:
    """A frame that is not opened, with the beginning of its bytes."""
    return Chunk(data[:SAMPLE_BYTES], offset, line, 0, state, len(data), sha256(data).hexdigest())


def _skip_line(
    start: bytes, stream: Iterator[bytes], offset: int, line: int, digest: "Digest"
) -> tuple[Chunk, bytes, BrokenStreamError | None]:
    """Reads past a line that is too long, keeping its hash and length; gives it, the bytes behind it, and a break."""
    own, length, newline, rest, broken = sha256(start), len(start), b"", b"", None
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
    frame = Chunk(start[:SAMPLE_BYTES], offset, line, len(newline), "too_long", length, own.hexdigest())
    return replace(frame, inside=start.count(b"\n")), rest, broken


def frames(chunk: Chunk, limit: int = LINE_LIMIT, file_id: int = 0, generation: int = 0) -> pa.Table:
    """The frames of one chunk, in FRAMES' columns; the last two arguments say which file it is of."""
    if chunk.header:
        columns = _rows(chunk, chunk.header)
    elif chunk.is_whole:
        columns = _framed(chunk, limit)
    else:
        columns = ([chunk.line], [chunk.offset], [chunk.length], [chunk.sha256], [chunk.state], [chunk.data])
    rows = len(columns[0])
    where = (np.full(rows, file_id), np.full(rows, generation))
    return pa.table(
        [pa.array(column, field.type) for column, field in zip((*where, *columns), FRAMES, strict=True)], schema=FRAMES
    )


def _rows(chunk: Chunk, header: Header) -> tuple[Any, ...]:
    """Line, offset, length, hash, state and raw bytes of every row of CSV."""
    rows = list(csv_rows.rows(chunk.data, header))
    view = memoryview(chunk.data)
    hashes = ["" if row.state == "blank" else sha256(view[row.start : row.end]).hexdigest() for row in rows]
    return (
        [chunk.line + row.line for row in rows],
        [chunk.offset + row.start for row in rows],
        [row.end - row.start for row in rows],
        hashes,
        [row.state for row in rows],
        [row.raw or chunk.data[row.start : min(row.end, row.start + SAMPLE_BYTES)] for row in rows],
    )


def _framed(chunk: Chunk, limit: int) -> tuple[Any, ...]:
    """Line, offset, length, hash, state and raw bytes of every frame."""
    data = chunk.data
    ends = _line_ends(data, chunk.state == "lines")
    lines = np.concatenate(([0], ends[:-1] + 1))
    starts, stops = _trimmed(data, lines, ends)
    data = _without_commas(data, starts, stops)
    blank = starts == stops
    too_long = (ends - lines > limit) & ~blank
    starts, stops = np.where(blank | too_long, lines, starts), np.where(blank | too_long, ends, stops)
    state = pc.if_else(pa.array(blank), "blank", pc.if_else(pa.array(too_long), "too_long", "record"))
    view, hashes = memoryview(chunk.data), [""] * len(lines)
    for row in np.flatnonzero(~blank).tolist():
        hashes[row] = sha256(view[starts[row] : stops[row]]).hexdigest()
    bounds = np.append(lines, len(data))
    raw = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(lines), [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    )
    if too_long.any():
        raw = pc.if_else(pa.array(too_long), pc.binary_slice(raw, 0, SAMPLE_BYTES), raw)
    first = chunk.line + (data.count(b"\n", 0, starts[0]) if chunk.state == "document" else 0)
    return np.arange(first, first + len(lines)), starts + chunk.offset, stops - starts, hashes, state, raw


def _without_commas(data: bytes, starts: Ints, stops: Ints) -> bytes:
    """The data with blanks for the commas behind objects; moves ``stops`` before them."""
    last = np.frombuffer(data, np.uint8)[np.maximum(stops, 1) - 1]
    with_comma = [
        row for row in np.flatnonzero((stops > starts) & (last == _COMMA)) if _has_comma(data[starts[row] : stops[row]])
    ]
    if not with_comma:
        return data
    changed = bytearray(data)
    for row in with_comma:
        stop = stops[row] - 1
        changed[stop] = _BLANK
        stops[row] = starts[row] + len(data[starts[row] : stop].rstrip(SPACE))
    return bytes(changed)


def _line_ends(data: bytes, has_lines: bool) -> Ints:
    """Where the lines end, each at its newline; data that goes on behind the last newline ends a line as well."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE) if has_lines else np.empty(0, np.int64)
    return ends if has_lines and data.endswith(b"\n") else np.append(ends, len(data))


def _trimmed(data: bytes, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Start and end of every line without the blanks around it."""
    starts, ends = starts.copy(), ends.copy()
    codes = np.frombuffer(data, np.uint8)
    suspect = (ends > starts) & (_IS_SPACE[codes[starts]] | _IS_SPACE[codes[ends - 1]])
    for row in np.flatnonzero(suspect):
        line = data[starts[row] : ends[row]]
        starts[row] += len(line) - len(line.lstrip(SPACE))
        ends[row] = max(starts[row], ends[row] - len(line) + len(line.rstrip(SPACE)))
    return starts, ends


def slices(column: pa.ChunkedArray | pa.Array) -> Iterator[memoryview]:
    """The bytes of every value of a column of texts or binaries without nulls, none of them copied."""
    for part in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if len(part):
            _, bounds, data = part.buffers()
            large = pa.types.is_large_binary(part.type) or pa.types.is_large_string(part.type)
            places = np.frombuffer(bounds, np.int64 if large else np.int32)[part.offset : part.offset + len(part) + 1]
            view = memoryview(data or b"")
            for start, end in pairwise(places.tolist()):
                yield view[start:end]
