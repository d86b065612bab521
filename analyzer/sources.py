"""Where exports live: a folder, a glob or a file -> the files to read, and their bytes.

A file's address is its absolute, normalised path with ``/``, links resolved, however it was given.
"""

import glob
import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from analyzer.errors import BrokenStreamError, UsageError

BLOCK_BYTES = 8 << 20
LOG_ENDINGS = (".json", ".jsonl", ".ndjson", ".log")
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Source:
    """One file that was met: its address, its size as it lies there, and why it is not read, if it is not."""

    path: str
    size: int = 0
    modified_ns: int = 0
    unread: str = ""  # '' to be read, 'skipped: …' by its ending, 'unreadable: …'


def find(arguments: Sequence[str]) -> list[Source]:
    """The files that the LOGS arguments name, each once, ordered by address.

    A folder is walked to its end; in it only files that end like a log (``LOG_ENDINGS``, also with ``.gz``) are
    read, the others come back as skipped. A file named by itself is read whatever its ending.
    Raises UsageError when an argument does not exist or matches nothing.
    """
    found: dict[str, Source] = {}
    for argument in arguments:
        sources = list(_named(argument))
        if all(source.unread.startswith("skipped") for source in sources):
            raise UsageError(f"{argument}: no log file there; name a file, a folder with logs, or a glob that matches")
        for source in sources:
            if source.path not in found or found[source.path].unread:
                found[source.path] = source
    return [found[path] for path in sorted(found)]


def _named(argument: str) -> Iterator[Source]:
    paths = [argument] if os.path.lexists(argument) else sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - takes absolute patterns too
    if not paths:
        raise UsageError(f"{argument}: no such file or folder; name one that exists, or a glob that matches")
    for path in paths:
        address = os.path.realpath(path)
        if Path(address).is_dir():
            yield from _walk(address)
        else:
            yield _source(address)


def _walk(top: str) -> Iterator[Source]:
    """Every file below ``top``; a folder that links lead to twice is walked once."""
    waiting, seen = [top], {top}
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if folder == top:
                raise UsageError(f"{folder}: cannot be listed ({error.strerror}); name a readable folder") from error
            yield Source(folder, unread=f"unreadable: {error.strerror}")
            continue
        for entry in entries:
            address = os.path.realpath(entry.path)
            if not Path(address).is_dir():
                yield _source(address, by_ending=True)
            elif address not in seen:
                seen.add(address)
                waiting.append(address)


def _source(address: str, by_ending: bool = False) -> Source:
    try:
        address.encode()
    except UnicodeEncodeError:
        name = os.fsencode(address).decode("utf-8", "backslashreplace")
        return Source(name, unread="unreadable: its name is not UTF-8")
    try:
        status = Path(address).stat()
    except OSError as error:
        return Source(address, unread=f"unreadable: {error.strerror}")
    if not S_ISREG(status.st_mode):
        return Source(address, unread="skipped: not a regular file")
    name = address.lower().removesuffix(".gz")
    skipped = by_ending and not name.endswith(LOG_ENDINGS)
    unread = "skipped: does not end like a log (" + " ".join(LOG_ENDINGS) + ", also .gz)" if skipped else ""
    return Source(address, status.st_size, status.st_mtime_ns, unread)


def is_compressed(path: str) -> bool:
    """Whether the file is gzip, by its first bytes. Raises OSError."""
    with Path(path).open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


def read_blocks(path: str) -> Iterator[bytes]:
    """The decompressed bytes of a file in blocks of at most ``BLOCK_BYTES``.

    Raises BrokenStreamError, after the last good block, when a gzip stream is cut or damaged or a read fails.
    """
    try:
        with gzip.open(path, "rb") if is_compressed(path) else Path(path).open("rb") as stream:
            # read1 gives what a cut stream still holds; read would lose it to the error
            while block := stream.read1(BLOCK_BYTES):
                yield block
    except EOFError:
        raise BrokenStreamError("the gzip stream ends too early") from None
    except (gzip.BadGzipFile, zlib.error):
        raise BrokenStreamError("the gzip stream is damaged") from None
    except OSError as error:
        raise BrokenStreamError(error.strerror or type(error).__name__) from error
