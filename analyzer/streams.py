"""A file in any form -> the blocks of text that it stands for, told by its first bytes, never by its ending.

Known: gzip and zstd around any of the others; UTF-16 with a byte order mark; Parquet, whose rows become JSON Lines;
Avro as Event Hubs Capture writes it, whose bodies become lines; zip archives, whose members are files of their own.
All of it is hostile: what a few bytes can blow up to is bounded, and what breaks costs the rest of its file only.
"""

import codecs
import errno
import gzip
import io
import json
import os
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

import fastavro
import msgspec
import zstandard

from analyzer import parquet_lines, sources
from analyzer.errors import BrokenStreamError
from analyzer.sources import Source, skipped_by_ending

# Past BOMB_BYTES a stream may be BOMB_RATIO times as long as what it is packed in. Logs pack 5 to 30 times, one line
# repeated for ever 200 to 400 times in gzip, zeros 1000 times.
BOMB_BYTES = 256 << 20
BOMB_RATIO = 500
MEMBER_BYTES = 32 << 30  # that a member of an archive may unpack to
MEMBERS = 20_000  # that an archive may have
DIRECTORY_BYTES = 16 << 20  # that its directory may take
AVRO_BLOCK_BYTES = 256 << 20
_ZSTD_WINDOW = 128 << 20
_ZSTD_INPUT = 1 << 10  # given to the decompressor at once: it may become 32 MiB
_PIPE_BYTES = 256 << 10
_LINES_BYTES = 1 << 20

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # behind a first byte of 0x50 to 0x5f
_PARQUET = b"PAR1"
_AVRO = b"Obj\x01"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SYNC_BYTES = 16


@dataclass(frozen=True)
class Form:
    """What a file is: how it is packed, and what is in the package."""

    packing: str = ""  # '' | gzip | zstd | stored, in an archive
    content: str = "text"  # text | utf-16 | parquet | avro | archive

    @property
    def is_archive(self) -> bool:
        """Whether it is an archive of files."""
        return self.content == "archive" and not self.packing

    @property
    def has_rows(self) -> bool:
        """Whether each line is a row of a table, whatever it looks like."""
        return self.content in ("parquet", "avro")

    @property
    def may_grow(self) -> bool:
        """Whether its last line may be unfinished today and whole tomorrow."""
        return not self.packing and self.content in ("text", "utf-16")


def form(source: Source) -> Form:
    """What a file is, by its first bytes. Raises OSError and, for a damaged member, BrokenStreamError."""
    with _opened(source) as file:
        head = file.read(4)
    packing = _packing(head)
    if packing:
        head = b""
        with closing(_unpacked(source, packing)) as blocks, suppress(BrokenStreamError):  # read_blocks tells it
            while len(head) < 4 and (block := next(blocks, b"")):
                head += block[:4]
    return Form(packing or ("stored" if source.archive else ""), _content(head))


def _packing(head: bytes) -> str:
    if head.startswith(_GZIP):
        return "gzip"
    is_skippable = head[1:4] == _ZSTD_SKIPPABLE and head[0] & 0xF0 == 0x50
    return "zstd" if head.startswith(_ZSTD) or is_skippable else ""


def _content(head: bytes) -> str:
    if head.startswith(_UTF16):
        return "utf-16"
    if head.startswith(_PARQUET):
        return "parquet"
    if head.startswith(_AVRO):
        return "avro"
    return "archive" if head.startswith(sources.ZIP) else "text"


def read_blocks(source: Source, form: Form) -> Iterator[bytes]:
    """The text of a file as UTF-8 in blocks of about ``sources.BLOCK_BYTES`` at most.

    Raises BrokenStreamError, after the last good block, when the file is cut, damaged or a bomb, or a read fails.
    """
    if form.content == "archive":
        raise BrokenStreamError("an archive inside another package is not opened")
    try:
        with closing(_unpacked(source, form.packing)) as blocks:
            if form.content == "parquet":
                yield from _parquet_blocks(source, form.packing, blocks)
            elif form.content == "avro":
                file = _Bytes(blocks)
                yield from _unbombed(_in_blocks(_avro_lines(file)), lambda: file.taken)
            elif form.content == "utf-16":
                yield from _from_utf16(blocks)
            else:
                yield from blocks
    except OSError as error:
        raise BrokenStreamError(error.strerror or type(error).__name__) from error


# --- packages ---------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    damaged = BrokenStreamError("the archive is damaged here")
    try:
        file = source.open()
    except (zipfile.BadZipFile, struct.error, ValueError, RuntimeError):
        raise damaged from None
    with file:
        try:
            yield file
        except (zipfile.BadZipFile, zlib.error, EOFError):
            raise damaged from None


def _unpacked(source: Source, packing: str) -> Generator[bytes, None, None]:
    with _opened(source) as file:
        if packing == "gzip":
            blocks = _gunzipped(file)
        elif packing == "zstd":
            blocks = _unzstd(file)
        else:
            blocks = _as_is(file)
        yield from _in_blocks(_unbombed(blocks, file.tell) if packing else blocks)


def _as_is(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read1(sources.BLOCK_BYTES):  # type: ignore[attr-defined]
        yield block


def _gunzipped(file: BinaryIO) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            # read1 gives what a cut stream still holds; read would lose it to the error
            while block := stream.read1(sources.BLOCK_BYTES):
                yield block
    except EOFError:
        raise BrokenStreamError("the gzip stream ends too early") from None
    except (gzip.BadGzipFile, zlib.error):
        raise BrokenStreamError("the gzip stream is damaged") from None


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    """The content of every frame; zstandard's own reader does not tell a cut stream from a whole one."""
    try:
        frame, ready, size = None, list[bytes](), 0
        while more := file.read(_ZSTD_INPUT):
            while more:
                frame = frame or zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
                ready.append(frame.decompress(more))
                size += len(ready[-1])
                more = b""
                if frame.eof:
                    more, frame = frame.unused_data, None
            if size >= min(_LINES_BYTES, sources.BLOCK_BYTES):
                yield b"".join(ready)
                ready, size = [], 0
        broken = "the zstd stream ends too early" if frame else ""
    except zstandard.ZstdError:
        broken = "the zstd stream is damaged"
    if size:
        yield b"".join(ready)
    if broken:
        raise BrokenStreamError(broken)


def _unbombed(blocks: Iterable[bytes], packed: Callable[[], int]) -> Iterator[bytes]:
    """The blocks until they are too many for the packed bytes they came from."""
    size = 0
    for block in blocks:
        size += len(block)
        if size > BOMB_BYTES and size > BOMB_RATIO * packed():
            raise BrokenStreamError(f"unpacks to more than {BOMB_RATIO} times its size")
        yield block


def _from_utf16(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-8 of UTF-16, with U+FFFD for what is no character."""
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for block in blocks:
        if text := decoder.decode(block):
            yield text.encode()
    if text := decoder.decode(b"", final=True):
        yield text.encode()


# --- archives ---------------------------------------------------------------------------------------------------------


class _Archive(io.FileIO):
    """A zip file, for zipfile, which would read a directory of any size at once."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > DIRECTORY_BYTES:
            raise BrokenStreamError("the archive's directory is too large")
        return super().read(DIRECTORY_BYTES if size is None or size < 0 else size)


@contextmanager
def members(archive: Source) -> Iterator[list[Source]]:
    """The files in an archive, by name; they can be read until the context ends.

    Members are read, skipped or refused like the files of a folder, also when they are encrypted, packed in a way
    that is not known, or would blow up. Raises BrokenStreamError when the archive is damaged or has too many, OSError.
    """
    with _Archive(archive.path) as file:
        try:
            opened = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError):
            raise BrokenStreamError("the archive is damaged") from None
        with opened:
            infos = sorted((info for info in opened.infolist() if not info.is_dir()), key=lambda info: info.filename)
            if len(infos) > MEMBERS:
                raise BrokenStreamError(f"the archive has more than {MEMBERS} members")
            if sum(info.compress_size for info in infos) > archive.size:
                raise BrokenStreamError("members of the archive lie over each other")
            yield list(_members(archive, opened, infos))


def _members(archive: Source, opened: zipfile.ZipFile, infos: Iterable[zipfile.ZipInfo]) -> Iterator[Source]:
    seen: dict[str, int] = {}
    taken: set[str] = set()
    for info in infos:
        name = info.filename.replace("\\", "/").encode("utf-8", "replace").decode()
        path = unique = f"{archive.path}!{name}"
        while unique in taken:
            seen[path] = seen.get(path, 1) + 1
            unique = f"{path}!{seen[path]}"
        taken.add(unique)
        unread, opener = _refused(info), _opener(opened, info)
        yield Source(unique, archive.size, archive.modified_ns, unread, archive.path, opener)


def _opener(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    return lambda: opened.open(info)  # type: ignore[return-value]


def _refused(info: zipfile.ZipInfo) -> str:
    """Why a member is not read; '' when it is."""
    if info.filename.startswith("__MACOSX/"):
        return "skipped: what macOS adds to a file"
    if skipped := skipped_by_ending(info.filename):
        return skipped
    if info.flag_bits & 1:
        return "unreadable: it is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "unreadable: it is packed in another way than deflate"
    is_bomb = info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * info.compress_size
    if is_bomb or info.file_size > MEMBER_BYTES:
        return f"unreadable: unpacks to more than {BOMB_RATIO} times its size or {MEMBER_BYTES >> 30} GiB"
    return ""


# --- Parquet ----------------------------------------------------------------------------------------------------------


_REASONS = {
    parquet_lines.BOMB: f"unpacks to more than {BOMB_RATIO} times its size",
    parquet_lines.NAMES: "two columns of the Parquet file have one name",
    parquet_lines.MEMORY: f"the Parquet file takes more than {parquet_lines.MEMORY_BYTES >> 30} GiB of memory",
}
_STOPPED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)  # from outside, so it says nothing of the file


def _parquet_blocks(source: Source, packing: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of a Parquet file as JSON Lines. It is read from its end, so one in a package is unpacked first."""
    with TemporaryFile() if packing else source.open() as file:
        if packing:
            for block in blocks:
                file.write(block)
            file.flush()
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        yield from _unbombed(_in_blocks(_parquet_lines(file)), lambda: size)


def _parquet_lines(file: IO[bytes]) -> Iterator[bytes]:
    """What the reader of Parquet, a process that a damaged file may end, says of the file; it ends with us."""
    limits = (BOMB_BYTES, BOMB_RATIO, min(_LINES_BYTES, sources.BLOCK_BYTES))
    command = [sys.executable, "-P", parquet_lines.__file__, *map(str, limits)]
    with subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
    ) as child:
        try:
            assert child.stdout
            while block := child.stdout.read(_PIPE_BYTES):
                yield block
            code = child.wait()
        finally:
            child.kill()
    if code in _STOPPED:
        raise InterruptedError(errno.EINTR, "the reader of Parquet was stopped")
    if code == parquet_lines.READ_FAILED:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    if code:
        raise BrokenStreamError(_REASONS.get(code, "the Parquet file is damaged"))


def _in_blocks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The parts joined to blocks, as small ones make readers slow; those before a break come before it."""
    ready, size, broken = list[bytes](), 0, None
    try:
        for part in parts:
            ready.append(part)
            size += len(part)
            if size >= min(_LINES_BYTES, sources.BLOCK_BYTES):
                yield b"".join(ready)
                ready, size = [], 0
    except Exception as error:
        broken = error
    if ready:
        yield b"".join(ready)
    if broken:
        raise broken


# --- Avro -------------------------------------------------------------------------------------------------------------


class _Bytes:
    """Blocks as a file that can only be read on."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""
        self._place = 0
        self.taken = 0

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, less where there are no more."""
        there = len(self._held) - self._place
        if there < size:
            parts = [self._held[self._place :]]
            while there < size and (block := next(self._blocks, b"")):
                parts.append(block)
                there += len(block)
            self._held, self._place = b"".join(parts), 0
        start, self._place = self._place, min(self._place + size, len(self._held))
        self.taken += self._place - start
        return self._held[start : self._place]

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes. Raises BrokenStreamError when they are not all there, or too many."""
        if not 0 <= size <= AVRO_BLOCK_BYTES:
            raise BrokenStreamError("the Avro file is damaged, or a block of it is too large")
        data = self.read(size)
        if len(data) < size:
            raise BrokenStreamError("the Avro file ends too early")
        return data

    def number(self) -> int | None:
        """The next number as Avro writes it; None at the end."""
        value, shift = 0, 0
        while byte := self.read(1):
            value |= (byte[0] & 0x7F) << shift
            shift += 7
            if not byte[0] & 0x80:
                return (value >> 1) ^ -(value & 1)
            if shift > 63:
                raise BrokenStreamError("the Avro file is damaged")
        if shift:
            raise BrokenStreamError("the Avro file ends too early")
        return None


_AVRO_ERRORS = (
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    zlib.error,
)


def _avro_lines(file: _Bytes) -> Iterator[bytes]:
    """The body of each row as a line; fastavro reads rows, not the file, whose blocks it would unpack at any size."""
    file.exactly(len(_AVRO))
    about = _avro_about(file)
    sync = file.exactly(_SYNC_BYTES)
    codec = about.get("avro.codec", b"null")
    if codec not in (b"null", b"deflate"):
        raise BrokenStreamError("the Avro file is packed in another way than deflate")
    try:
        written = json.loads(about.get("avro.schema", b""))
        if not _is_capture(written):
            raise BrokenStreamError("the Avro file has another schema than Event Hubs Capture writes")
        schema = fastavro.parse_schema(written)
    except (*_AVRO_ERRORS, fastavro.schema.SchemaParseException, fastavro.schema.UnknownType):
        raise BrokenStreamError("the Avro file's schema is damaged") from None
    while (rows := file.number()) is not None:
        data = file.exactly(file.number() or 0)
        is_cut = file.exactly(_SYNC_BYTES) != sync
        if codec == b"deflate":
            data = _inflated(data)
        rest = io.BytesIO(data)
        for _ in range(rows):
            try:
                row: Any = fastavro.schemaless_reader(rest, schema, None)
            except _AVRO_ERRORS:
                raise BrokenStreamError("the Avro file is damaged") from None
            yield _body_line(row["Body"])
        if is_cut or rest.tell() != len(data):
            raise BrokenStreamError("the Avro file is damaged")


def _avro_about(file: _Bytes) -> dict[str, bytes]:
    """The names and values in the head of an Avro file."""
    about: dict[str, bytes] = {}
    while pairs := file.number():
        if pairs < 0:
            file.number()
        for _ in range(abs(pairs)):
            name = file.exactly(file.number() or 0)
            about[name.decode("utf-8", "replace")] = file.exactly(file.number() or 0)
    return about


def _inflated(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(data, AVRO_BLOCK_BYTES)
    except zlib.error:
        raise BrokenStreamError("the Avro file is damaged") from None
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise BrokenStreamError("a block of the Avro file is cut or unpacks to too much")
    return unpacked


_SIMPLE = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def _is_capture(schema: Any) -> bool:
    """Whether a row has a Body of bytes and otherwise only fields that cannot blow up."""
    fields = schema.get("fields") if isinstance(schema, dict) and schema.get("type") == "record" else None
    if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
        return False
    bodies = [field.get("type") for field in fields if field.get("name") == "Body"]
    return len(bodies) == 1 and _holds_bytes(bodies[0]) and all(_is_known(field.get("type")) for field in fields)


def _holds_bytes(kind: Any) -> bool:
    kinds = _kinds(kind)
    return all(each in ("null", "bytes", "string") for each in kinds) and ("bytes" in kinds or "string" in kinds)


def _is_known(kind: Any) -> bool:
    if isinstance(kind, dict) and kind.get("type") == "map":
        kind = kind.get("values")  # each with a name, so that none takes no byte
    elif isinstance(kind, dict):
        kind = kind.get("type")
    return all(each in _SIMPLE for each in _kinds(kind))


def _kinds(kind: Any) -> list[Any]:
    """The kinds of a union, or the one kind."""
    return kind if isinstance(kind, list) else [kind]


def _body_line(body: Any) -> bytes:
    """A message as one line: JSON over many lines is written compactly; what else has newlines gets blanks."""
    raw = (body.encode() if isinstance(body, str) else body or b"").removeprefix(codecs.BOM_UTF8).strip()
    if b"\n" in raw:
        try:
            raw = msgspec.json.format(raw, indent=-1)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raw = raw.replace(b"\n", b" ")
    return bytes(raw) + b"\n"
