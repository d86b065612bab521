"""CSV exports: where rows end, and what is in them. Pure: bytes in, places and JSON texts out.

Rows are those of Python's csv module, so a newline inside quotes ends none. A file is CSV when its first line is a
header: at least two names, each once, that no sentence and no JSON would give.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

HEADER_LIMIT = 64 << 10
ROW_LIMIT = 16 << 20  # of a row: Python's csv takes ten times as much; Azure's tables hold no larger ones
WINDOW = 1 << 20  # bytes that are searched for rows at once, more only where one row is longer
_DELIMITERS = ",;\t"
_NAME = re.compile(r"[^\W\d][^\x00-\x1f\x7f{}=\"]{0,199}|[@$][^\x00-\x1f\x7f{}=\"]{1,199}")
_OBJECT = re.compile(rb'\s*\{\s*["}]')  # no writer of CSV lets a field begin like this
_NEWLINE, _RETURN = b"\n\r"
_LAST = b"\0\n"  # a row of its own behind the last, so that an open quote can be told

csv.field_size_limit(1 << 30)  # the module's limit is for all readers; ours is the row's length, in reader


@dataclass(frozen=True)
class Header:
    """The names of a file's columns, what stands between them, and the bytes of the header line."""

    names: tuple[str, ...]
    delimiter: str
    length: int


class Row(NamedTuple):
    """Where a row stands in its data, the number of its first line in it, from 0, and its state in ``FRAMES``.

    ``raw`` is a JSON object of its fields by name, for a record.
    """

    start: int
    end: int
    line: int
    state: str
    raw: bytes


def find_header(head: bytes) -> Header | None:
    """The header that a file begins with, given its first HEADER_LIMIT bytes without a byte order mark, if it is CSV.

    A first line without its newline is none yet, and words before JSON Lines are none.
    """
    line, newline, behind = head[:HEADER_LIMIT].partition(b"\n")
    if not newline or line.lstrip()[:1] in (b"{", b"[", b"") or _OBJECT.match(behind):
        return None
    try:
        text = line.decode()
        msgspec.json.decode(line)
    except UnicodeDecodeError:
        return None
    except msgspec.DecodeError:
        found = [(_names(text, delimiter), delimiter) for delimiter in _DELIMITERS]
        names, delimiter = max(found, key=lambda pair: len(pair[0]))
        return Header(names, delimiter, len(line) + 1) if len(names) > 1 else None
    return None


def _names(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return ()
    names = tuple(rows[0]) if len(rows) == 1 else ()
    is_header = all(_NAME.fullmatch(name) and name == name.strip() for name in names) and len(set(names)) == len(names)
    return names if is_header else ()


def whole_rows(data: bytes, header: Header, limit: int) -> int:
    """How many bytes the rows take that end in the data and are each no longer than ``limit``."""
    end = data.rfind(b"\n") + 1
    if not end:
        return 0
    lines = np.flatnonzero(np.frombuffer(data, np.uint8, end) == _NEWLINE) + 1
    if b'"' in data:
        _, ends = _read(data[:end], header)
        bounds = np.concatenate(([0], lines[np.array(ends[:-1], np.int64) - 1]))  # the last is of the row added
    else:
        bounds = np.concatenate(([0], lines))
    over = np.flatnonzero(np.diff(bounds) - 1 > limit)
    return int(bounds[over[0]] if len(over) else bounds[-1])


def is_whole_row(data: bytes, header: Header, may_go_on: bool) -> bool:
    """Whether the data, which goes on behind its last newline, is one row with the header's fields, or blank.

    Where the file ``may_go_on`` a last field is whole only when a quote closes it: more digits may follow a number.
    """
    found, _ = _read(data + b"\n", header)
    fields = found[0]
    if len(found) != 2 or fields is None:
        return False
    if _is_blank(fields):
        return True
    return len(fields) == len(header.names) and (not may_go_on or _is_closed(data, fields[-1]))


def _is_closed(data: bytes, last: str) -> bool:
    """Whether a closing quote ends the data, whose last field is given."""
    raw = data.rstrip(b"\r")
    return raw.endswith(b'"') and (not last or not raw.endswith(last.encode("utf-8", "surrogateescape")))


def rows(data: bytes, header: Header) -> Iterator[Row]:
    """The rows of data that ends where a row ends; one with other fields than the header's is ``csv_fields``."""
    is_text = _is_text(data)
    newlines = [*np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE).tolist(), len(data)]
    found, ends = _read(data if data.endswith(b"\n") else data + b"\n", header)
    encode, names, count = msgspec.json.Encoder().encode, header.names, len(header.names)
    line = start = 0
    for fields, last in zip(found[:-1], ends[:-1], strict=True):
        end = newlines[last - 1]
        stop = end - 1 if end > start and data[end - 1] == _RETURN else end
        if fields is not None and _is_blank(fields):
            yield Row(start, stop, line, "blank", b"")
        elif not (is_text or _is_text(data[start:stop])):
            yield Row(start, stop, line, "not_utf8", b"")
        elif fields is None or len(fields) != count:
            yield Row(start, stop, line, "csv_fields", b"")
        else:
            yield Row(start, stop, line, "record", encode(dict(zip(names, fields, strict=True))))
        line, start = last, end + 1


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_blank(fields: list[str]) -> bool:
    return not fields or (len(fields) == 1 and not fields[0].strip())


def _read(data: bytes, header: Header) -> tuple[list[list[str] | None], list[int]]:
    """The fields of each row, None where they cannot be told, and the number of lines to its end.

    Behind the data, which ends a line, stands one row more; it is part of the last when that has an open quote.
    """
    text = io.TextIOWrapper(io.BytesIO(data + _LAST), "utf-8", "surrogateescape", newline="\n")
    reader = csv.reader(text, delimiter=header.delimiter)
    rows: list[list[str] | None] = []
    ends: list[int] = []
    while True:
        try:
            for fields in reader:
                rows.append(fields)
                ends.append(reader.line_num)
            return rows, ends
        except csv.Error:  # a carriage return inside a field without quotes
            rows.append(None)
            ends.append(reader.line_num)
