"""A Parquet file -> its rows as JSON Lines, in a process of its own: pyarrow can end the process on a damaged file.

    python -P parquet_lines.py BOMB_BYTES BOMB_RATIO BLOCK_BYTES < FILE > LINES

Run by its path, so it imports nothing of ours. It says nothing but lines; why it ended early is its exit code.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DAMAGED, BOMB, NAMES, MEMORY, READ_FAILED = range(10, 15)
MEMORY_BYTES = 2 << 30  # of address space; the libraries alone take 0.3 GiB of it
_ROWS_BYTES = 4 << 20


class RefusedError(Exception):
    """The file is not read (on); ``code`` is how the process ends."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def main(bomb_bytes: int, bomb_ratio: int, block_bytes: int) -> int:
    """Writes the rows of the file at stdin to stdout in blocks of whole lines; gives the exit code."""
    _bound()
    ready, size, code = list[bytes](), 0, 0
    out = open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115
    try:
        with open(0, "rb", closefd=False) as file:
            for line in _lines(file, bomb_bytes, bomb_ratio):
                ready.append(line)
                size += len(line)
                if size >= block_bytes:
                    _write(out, ready)
                    ready, size = [], 0
    except RefusedError as error:
        code = error.code
    except MemoryError:  # also Arrow's
        code = MEMORY
    except OSError as error:
        code = READ_FAILED if error.errno else DAMAGED  # as pyarrow says it
    except Exception:
        code = DAMAGED
    _write(out, ready)
    return code


def _bound() -> None:
    """Bounds the memory, and leaves no picture of it on the disk when the process breaks down."""
    with suppress(ImportError, ValueError, OSError):  # where the system has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _write(out: IO[bytes], lines: list[bytes]) -> None:
    rest = memoryview(b"".join(lines))
    try:
        while rest:
            rest = rest[out.write(rest) :]
    except BrokenPipeError:
        os._exit(0)  # nobody reads on


def _lines(file: IO[bytes], bomb_bytes: int, bomb_ratio: int) -> Iterator[bytes]:
    """Each row as a line; the rows of a batch are few where they are large."""
    with pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False) as table:
        names = table.schema_arrow.names
        if len(set(names)) < len(names):
            raise RefusedError(NAMES)
        groups = [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]
        for column in (group.column(number) for group in groups for number in range(group.num_columns)):
            size = column.total_uncompressed_size
            if size > bomb_bytes and size > bomb_ratio * column.total_compressed_size:
                raise RefusedError(BOMB)
        for number, group in enumerate(groups):
            least = group.total_byte_size // max(group.num_rows, 1)
            rows = min(1000, max(16, _ROWS_BYTES // max(least, 1)))
            for batch in table.iter_batches(rows, row_groups=[number], use_threads=False):
                for row in zip(*map(_values, batch.columns), strict=True):
                    yield _line(dict(zip(names, row, strict=True)))


def _values(column: pa.Array) -> list[Any]:
    """What a column holds, as JSON can say it: times in UTC with Z, bytes as text; None for a time beyond all years."""
    try:
        return _said(column)
    except (ArithmeticError, ValueError) as error:
        if not (pa.types.is_temporal(column.type) or isinstance(error, ArithmeticError)):
            raise
        return [None] if len(column) == 1 else [_values(column.slice(row, 1))[0] for row in range(len(column))]


def _said(column: pa.Array) -> list[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _said(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return pc.strftime(_utc(column), format="%Y-%m-%dT%H:%M:%SZ").to_pylist()  # type: ignore[no-any-return]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            return column.to_pylist()  # type: ignore[no-any-return]
        except UnicodeDecodeError:
            values = column.view(pa.binary() if pa.types.is_string(kind) else pa.large_binary()).to_pylist()
            return [value if value is None else value.decode("utf-8", "surrogateescape") for value in values]
    values = column.to_pylist()
    if pa.types.is_primitive(kind) and not pa.types.is_temporal(kind):
        return values  # type: ignore[no-any-return]
    return list(map(_plain, values))


def _utc(column: pa.Array) -> pa.Array:
    """Timestamps to the microsecond, which is what Python can hold; those without a zone are UTC."""
    unit = "us" if column.type.unit == "ns" else column.type.unit
    return column.cast(pa.timestamp(unit, column.type.tz), safe=False).cast(pa.timestamp(unit))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    return value if isinstance(value, str | int | float | None) else str(value)


def _line(row: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(row) + b"\n"
    except UnicodeEncodeError:  # what is no UTF-8 stays so, and is refused like a line of a log
        return json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "surrogateescape") + b"\n"


if __name__ == "__main__":
    os._exit(main(*map(int, sys.argv[1:])))
