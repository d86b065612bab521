"""A CSV file that a person keeps, as rows with their lines.

Rule: a file is read as a whole or not at all; a mistake is one line that names file and line.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from analyzer.errors import UsageError


def content(path: Path, takes: str) -> bytes:
    """The bytes at ``path``; ``takes`` says what would be right there. Raises UsageError when they cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; {takes}") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder; {takes}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {takes}") from None


def decoded(path: Path, content: bytes, what: str = "file") -> str:
    """The text of a file in UTF-8, without its byte order mark. Raises UsageError naming the line of the first bad
    byte."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: not UTF-8; save the {what} as CSV in UTF-8") from None


def rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows, the header among them, with the line that each starts in; blank ones are passed over.

    Raises UsageError when the text is not CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    end = 0
    try:
        for cells in reader:
            line, end = end + 1, reader.line_num
            if any(cell.strip() for cell in cells):
                yield line, cells
    except csv.Error as error:
        raise UsageError(f"{path}:{reader.line_num}: not CSV ({error}); quote cells with commas or quotes") from None


def headed(path: Path, takes: str, empty: str) -> tuple[int, list[str], Iterator[tuple[int, list[str]]]]:
    """The header of the CSV at ``path`` with its line, and the rows behind it, as ``rows`` gives them.

    ``takes`` says what would be right at the path, ``empty`` what in a file without a row. Raises UsageError.
    """
    read = rows(path, decoded(path, content(path, takes)))
    first = next(read, None)
    if first is None:
        raise UsageError(f"{path}:1: empty; {empty}")
    return *first, read


def check_width(path: Path, line: int, cells: list[str], header: list[str]) -> None:
    """Raises UsageError when a row has not as many cells as the header."""
    if len(cells) != len(header):
        raise UsageError(f"{path}:{line}: {len(cells)} cells; it should have {len(header)}, as the first line")
