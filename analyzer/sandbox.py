"""Connections on which other people's SQL runs: a store is read there, and nothing else can be reached.

Rule: what is opened here cannot read or write a file, load an extension, change a setting or run for ever; a writer's
connection never runs a rule or a question.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from analyzer.errors import StoreError, UsageError

TIMEOUT_MS = 600_000  # one statement; a rule over ten million requests takes seconds
MEMORY_LIMIT = "700MB"
MAX_SPILL = "20GB"


def harden(con: duckdb.DuckDBPyConnection, timeout_ms: int = TIMEOUT_MS) -> None:
    """Close every way out of ``con``, for good; a statement that runs longer than ``timeout_ms`` is interrupted.

    Registered Arrow tables still work. Doing it twice changes nothing. Order after the vendor's advice: external
    access before the lock.
    """
    if con.execute("SELECT current_setting('lock_configuration')").fetchall() == [(True,)]:
        return
    for setting in (
        "TimeZone = 'UTC'",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "python_enable_replacements = false",
        f"max_execution_time = {int(timeout_ms)}",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        con.execute(f"SET {setting}")


@contextmanager
def open_reader(
    path: Path, memory_limit: str = MEMORY_LIMIT, temp: Path | None = None, timeout_ms: int = TIMEOUT_MS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A hardened read-only connection to the store at ``path``; closed at the end.

    ``temp``: the folder it may spill to (beside the store by default). Raises UsageError when there is no store at
    ``path``, StoreError when it cannot be opened. Whoever has the same file open for writing in this process must have
    closed it.
    """
    try:
        con = duckdb.connect(
            str(path),
            read_only=True,
            config={
                "memory_limit": memory_limit,
                "temp_directory": str(temp or path.with_name(path.name + ".tmp")),
                "max_temp_directory_size": MAX_SPILL,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "python_enable_replacements": False,
            },
        )
    except duckdb.Error as error:
        if not path.exists():
            raise UsageError(f"{path}: no store there; name one that `aoai-audit run` or `load` made") from None
        raise StoreError(f"{path}: cannot be opened for reading; restore it or run again to publish it") from error
    try:
        harden(con, timeout_ms)
        yield con
    finally:
        con.close()
