"""The store's files: schema, lock, writer, texts, publishing.

Keeps one rule above all: the work database's file is never opened, hashed or copied by a process that has it open,
for POSIX locks vanish when any descriptor of a file is closed.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analyzer.errors import LockedError, StoreError
from analyzer.schema import SCHEMA_VERSION, TABLES, TEXTS, VIEWS

MEMORY_LIMIT = "700MB"
_NO_EXTENSIONS = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
}


@dataclass(frozen=True)
class Store:
    """The files that ``--db NAME`` stands for."""

    database: Path  # the work database, the job's alone

    @property
    def lock(self) -> Path:
        """Held by the run that writes."""
        return self._beside(".lock")

    @property
    def snapshot(self) -> Path:
        """The published copy that analysts read."""
        return self._beside(".snapshot")

    @property
    def texts(self) -> Path:
        """The folder of text segments, readable by its owner only."""
        return self._beside(".text")

    def _beside(self, ending: str) -> Path:
        return self.database.with_name(self.database.name + ending)


def create_schema(con: duckdb.DuckDBPyConnection) -> None:
    """Make every table and view in an empty database."""
    con.execute("CREATE SCHEMA store")
    for table in TABLES:
        con.execute(table.ddl)
    for view in VIEWS:
        con.execute(view.ddl)
    con.execute("INSERT INTO store.meta VALUES ('schema_version', ?), ('lexicon', '')", [str(SCHEMA_VERSION)])


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Hold the store's lock. Raises LockedError when another process has it, StoreError when it cannot be made."""
    try:
        store.lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(store.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"{store.lock}: cannot be made ({error.strerror}); name a folder that can be written"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 100).decode("ascii", "replace").strip() or "another process"
        os.close(handle)
        raise LockedError(f"{store.lock}: held by {holder}; wait until it ends") from None
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())
        yield
    finally:
        os.close(handle)  # the lock goes with it; the file stays, for removing it would let two hold it


@contextmanager
def writer(store: Store, memory_limit: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """The one read-write connection to the work database; made when it is missing. Raises StoreError."""
    with _store_errors(store):
        con = duckdb.connect(
            str(store.database),
            config={**_NO_EXTENSIONS, "memory_limit": memory_limit, "preserve_insertion_order": False},
        )
    try:
        with _store_errors(store):
            con.execute("SET TimeZone = 'UTC'")
            if con.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]:
                with transaction(con):
                    create_schema(con)
            _check_version(con, store)
            yield con
    finally:
        con.close()


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing of what stands inside."""
    con.execute("BEGIN")
    try:
        yield
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


@contextmanager
def _store_errors(store: Store) -> Iterator[None]:
    """Turns what DuckDB says of a damaged file or a full disk into one line."""
    try:
        yield
    except (
        duckdb.IOException,
        duckdb.SerializationException,
        duckdb.FatalException,
        duckdb.InternalException,
    ) as error:
        said = str(error).splitlines()[0].replace(str(store.database), store.database.name)
        raise StoreError(f"{store.database}: {said}; restore it or start a new store with another --db") from error
    except duckdb.OutOfMemoryException as error:
        raise StoreError(f"{store.database}: memory or disk ran out; give it more room and run again") from error


def _check_version(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    has_tables = con.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'store'").fetchall() != [(0,)]
    rows = con.execute("SELECT value FROM store.meta WHERE name = 'schema_version'").fetchall() if has_tables else []
    if rows != [(str(SCHEMA_VERSION),)]:
        version = rows[0][0] if rows else "none"
        raise StoreError(
            f"{store.database}: schema version {version}; this tool writes {SCHEMA_VERSION}: start a new store"
        )


# --- texts ------------------------------------------------------------------------------------------------------------


def write_texts(con: duckdb.DuckDBPyConnection, store: Store, texts: pa.Table) -> pa.Table:
    """Writes the texts that are not kept yet into one segment a day, synced to disk.

    ``texts`` has text_id, day, text. Gives the rows of TEXTS to be inserted in the transaction that needs them; a
    segment is named after its content, so that a run that is started again writes the same. Raises StoreError when
    one cannot be written.
    """
    new = _not_kept(con, texts)
    rows = [TEXTS.arrow.empty_table()]
    for day in pc.unique(new.column("day")):
        part = _chosen(new, pc.equal(new.column("day"), day))
        name = _segment_name(part)
        _write_segment(store.texts / name, part)
        named = part.select(["text_id", "day"]).append_column("segment", pa.repeat(name, part.num_rows))
        rows.append(named.cast(TEXTS.arrow))
    return pa.concat_tables(rows) if rows else TEXTS.arrow.empty_table()


def _not_kept(con: duckdb.DuckDBPyConnection, texts: pa.Table) -> pa.Table:
    """The texts that are not kept yet, each once a day. The texts themselves need not pass through DuckDB."""
    places = pa.array(range(len(texts)), pa.int64())
    con.register("incoming_texts", texts.select(["text_id", "day"]).append_column("place", places))
    found = con.sql("""
        SELECT min(place) AS place FROM incoming_texts
        ANTI JOIN store.texts USING (text_id, day) GROUP BY day, text_id
    """).to_arrow_table()
    con.unregister("incoming_texts")
    mask = np.zeros(len(texts), dtype=bool)
    mask[found.column("place").to_numpy()] = True
    return _chosen(texts, pa.array(mask))


def _chosen(rows: pa.Table, mask: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows if pc.all(mask).as_py() else rows.filter(mask)


def _segment_name(part: pa.Table) -> str:
    content = hashlib.sha256("".join(part.column("text_id").to_pylist()).encode()).hexdigest()[:16]
    return f"{part.column('day')[0].as_py()}/{content}.parquet"


def _write_segment(path: Path, part: pa.Table) -> None:
    try:
        path.parent.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with path.open("wb") as file:
            # zstd made them a third smaller for twice the work, and nothing a column says of texts helps to find one
            pq.write_table(part, file, compression="lz4", use_dictionary=False, write_statistics=False)
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
        sync(path.parent.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}); make room and run again") from error


def read_texts(con: duckdb.DuckDBPyConnection, store: Store, wanted: str) -> pa.Table:
    """The (text_id, text) that the rows (text_id, day) of a table or view named ``wanted`` name, each once: a text is
    kept once a day."""
    segments = con.execute(
        f"SELECT DISTINCT segment FROM store.texts SEMI JOIN {wanted} USING (text_id, day) ORDER BY segment"
    ).fetchall()
    if not segments:
        return pa.table({"text_id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    files = [str(store.texts / segment) for (segment,) in segments]
    return con.sql(
        f"""
        SELECT text_id, text FROM read_parquet($files, hive_partitioning = false)
        SEMI JOIN {wanted} USING (text_id, day)
        """,
        params={"files": files},
    ).to_arrow_table()


def remove_orphans(con: duckdb.DuckDBPyConnection, store: Store) -> int:
    """Removes segments that no ledger names, left by a run that was killed; gives how many."""
    named = {row[0] for row in con.execute("SELECT DISTINCT segment FROM store.texts").fetchall()}
    orphans = [path for path in store.texts.glob("*/*.parquet") if str(path.relative_to(store.texts)) not in named]
    for path in orphans:
        path.unlink()
    return len(orphans)


# --- publishing -------------------------------------------------------------------------------------------------------


def publish(store: Store) -> None:
    """Copies the closed work database to the snapshot that analysts read; whoever has the old one open keeps it.

    The writer must have checkpointed and closed. Raises StoreError when it has not, or when the disk is full.
    """
    log = store.database.with_name(store.database.name + ".wal")
    if log.exists():
        raise StoreError(f"{log}: still there, so the store was not closed; run again")
    aside = store.snapshot.with_name(store.snapshot.name + ".partial")
    try:
        shutil.copyfile(store.database, aside)
        sync(aside)
        duckdb.connect(str(aside), read_only=True).close()
        aside.replace(store.snapshot)
        sync(store.snapshot.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"{store.snapshot}: cannot be written ({error.strerror}); make room and run again") from error


def sync(path: Path) -> None:
    """Makes what was written to a file, or the names in a folder, last. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
