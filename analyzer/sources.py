"""Where exports live: a folder, a glob or a file -> the files to read.

A file's address is its absolute, normalised path with ``/``, links resolved, however it was given; that of a member
of an archive is ``ARCHIVE!MEMBER``. A file that has such a name itself is refused, as ``file:ADDRESS``.
"""

import glob
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from analyzer.errors import UsageError

BLOCK_BYTES = 8 << 20
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # how an archive begins
LOG_ENDINGS = (".json", ".jsonl", ".ndjson", ".log", ".csv", ".parquet", ".avro", ".zip", ".zst")


@dataclass(frozen=True)
class Source:
    """One file that was met, or a member of an archive: its address, its size, and why it is not read, if it is not."""

    path: str
    size: int = 0
    modified_ns: int = 0
    unread: str = ""  # '' to be read, 'skipped: …' by its ending, 'unreadable: …'
    archive: str = ""  # of a member, the archive's address; its size and time are the archive's
    opener: Callable[[], BinaryIO] | None = None

    @property
    def folder(self) -> str:
        """The folder it lies in; for a member at the top of an archive the archive's address and ``!``."""
        top = f"{self.archive}!" if self.archive else ""
        return posixpath.dirname(self.path) if "/" in self.path[len(top) :] else top

    def open(self) -> BinaryIO:
        """Its bytes as they lie there. Raises OSError, for a member also what zipfile raises."""
        return self.opener() if self.opener else Path(self.path).open("rb")


def find(arguments: Sequence[str], besides: Iterable[Path] = ()) -> list[Source]:
    """The files that the LOGS arguments name, each once, ordered by address.

    A folder is walked to its end; in it only files that end like a log (``LOG_ENDINGS``, also with ``.gz``) are
    read, the others come back as skipped. A file named by itself is read whatever its ending. Archives come
    back closed.
    ``besides`` are files that are no logs wherever they lie, such as the register: they come back as skipped too.
    Raises UsageError when an argument does not exist or matches nothing.
    """
    found: dict[str, Source] = {}
    own = {os.path.realpath(path) for path in besides}
    for argument in arguments:
        sources = [
            replace(source, unread="skipped: this run reads it as no log") if source.path in own else source
            for source in _named(argument)
        ]
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
    if _is_of_member(address):
        reason = "its name is that of a member of the archive beside it; rename it"
        return Source(f"file:{address}", unread=f"unreadable: {reason}")
    try:
        status = Path(address).stat()
    except OSError as error:
        return Source(address, unread=f"unreadable: {error.strerror}")
    if not S_ISREG(status.st_mode):
        return Source(address, unread="skipped: not a regular file")
    unread = skipped_by_ending(address) if by_ending else ""
    return Source(address, status.st_size, status.st_mtime_ns, unread)


def _is_of_member(address: str) -> bool:
    """Whether a member of an archive that lies there could have the address of this file."""
    for place in (match.start() for match in re.finditer("!", address)):
        with suppress(OSError), Path(address[:place]).open("rb") as file:
            if file.read(4) in ZIP:
                return True
    return False


def skipped_by_ending(name: str) -> str:
    """Why a file of this name in a folder is not read; '' when it ends like a log."""
    if name.lower().removesuffix(".gz").endswith(LOG_ENDINGS):
        return ""
    return "skipped: does not end like a log (" + " ".join(LOG_ENDINGS) + ", also .gz)"
