"""Files -> records in the store: the ledger, batches in transactions, buckets.

Loading only appends. A transaction covers a batch of files, or a piece of a large one, together with their ledger rows,
so that a run killed at any moment goes on where the last transaction ended.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa

from analyzer import reader, shapes, sources
from analyzer.errors import BrokenStreamError
from analyzer.schema import BUCKETS, FILES, FRAGMENTS, PICTURES, QUARANTINE, RECORDS
from analyzer.shapes import Mapped
from analyzer.sources import Source
from analyzer.store import Store, transaction, write_texts

BATCH_BYTES = 64 << 20
BATCH_FILES = 500


@dataclass(frozen=True)
class Loaded:
    """What one call of load saw: buckets summed over its files, files by what became of them."""

    buckets: Counter[str]
    files: Counter[str]  # new, grown, rewritten, unchanged, skipped, unreadable
    read_badly: bool  # some input read in this run could not be read


@dataclass(frozen=True)
class _Ledger:
    """A row of FILES."""

    file_id: int
    path: str
    generation: int = 1
    size: int = 0
    modified_ns: int = 0
    loaded_bytes: int = 0
    loaded_lines: int = 0
    prefix_sha256: str = hashlib.sha256().hexdigest()
    state: str = "complete"
    reason: str | None = None


@dataclass
class _Batch:
    """What waits to be written in one transaction."""

    mapped: list[tuple[_Ledger, Mapped]] = field(default_factory=list)
    ledger: dict[int, _Ledger] = field(default_factory=dict)
    rewritten: list[int] = field(default_factory=list)
    bytes: int = 0

    @property
    def is_full(self) -> bool:
        return self.bytes >= BATCH_BYTES or len(self.ledger) >= BATCH_FILES

    def clear(self) -> None:
        """Empties it after it was written."""
        self.mapped, self.ledger, self.rewritten, self.bytes = [], {}, [], 0


def load(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    found: Sequence[Source],
    run_id: str,
    progress: Callable[[int], None] = lambda size: None,
) -> Loaded:
    """Loads what is new in the files; ``progress`` is told the bytes read from time to time.

    A file that cannot be read costs that file only, and is counted. Raises StoreError.
    """
    known = {ledger.path: ledger for ledger in _read_ledger(con)}
    next_id = max((ledger.file_id for ledger in known.values()), default=0) + 1
    files: Counter[str] = Counter()
    buckets: Counter[str] = Counter()
    batch = _Batch()
    for source in found:
        old = known.get(source.path)
        what = _compare(source, old)
        if what == "unchanged":
            files[what] += 1
            continue
        if old is None:
            old = _Ledger(next_id, source.path)
            next_id += 1
        for step in _read(source, old, what, batch):
            what = step or what
            if batch.is_full:
                buckets += _commit(con, store, batch, run_id, progress)
                batch.clear()  # the same batch: the step that fills it goes on
        files[what] += 1
    buckets += _commit(con, store, batch, run_id, progress)
    bad = buckets["quarantined"] + buckets["quarantined_items"] + files["unreadable"] > 0
    return Loaded(buckets, files, bad)


def _read_ledger(con: duckdb.DuckDBPyConnection) -> list[_Ledger]:
    names = ", ".join(column.name for column in FILES.columns)
    return [_Ledger(*row) for row in con.execute(f"SELECT {names} FROM store.files").fetchall()]


def _compare(source: Source, old: _Ledger | None) -> str:
    """What is to be done with a file: new, changed, unchanged, skipped or unreadable."""
    if source.unread:
        return source.unread.partition(":")[0]
    if old is None:
        return "new"
    same = (source.size, source.modified_ns) == (old.size, old.modified_ns)
    return "unchanged" if same and old.state in ("complete", "pending", "broken") else "changed"


def _read(source: Source, old: _Ledger, what: str, batch: _Batch) -> Iterator[str]:
    """Puts the new part of a file into the batch, chunk by chunk; yields after each, at last what became of it."""
    if source.unread:
        state, _, reason = source.unread.partition(": ")
        if (old.state, old.reason) != (state, reason):
            batch.ledger[old.file_id] = replace(old, state=state, reason=reason)
        yield state
        return
    now = replace(old, size=source.size, modified_ns=source.modified_ns, state="complete", reason=None)
    digest = hashlib.sha256()
    try:
        blocks = sources.read_blocks(source.path)
        if what == "changed":
            what = "grown"
            blocks, same = _skip(blocks, old, digest)
            if not same:
                what, digest, blocks = "rewritten", hashlib.sha256(), sources.read_blocks(source.path)
                now = replace(now, generation=old.generation + 1, loaded_bytes=0, loaded_lines=0)
                batch.rewritten.append(old.file_id)
        keep_pending = not sources.is_compressed(source.path)
        for chunk in reader.chunks(blocks, now.loaded_bytes, now.loaded_lines + 1, keep_pending, digest=digest):
            batch.mapped.append((now, shapes.map_frames(reader.frames(chunk))))
            batch.bytes += len(chunk.data)
            if chunk.is_loaded:
                now = replace(
                    now,
                    loaded_bytes=chunk.end,
                    loaded_lines=chunk.next_line - 1,
                    prefix_sha256=digest.hexdigest(),
                )
            elif chunk.state == "pending":
                now = replace(now, state="pending")
            # until its last chunk is in, a run that is killed must find the file changed
            batch.ledger[now.file_id] = replace(now, size=-1)
            yield ""
    except (BrokenStreamError, OSError) as error:
        reason = (error.strerror or "read error") if isinstance(error, OSError) else str(error)
        opened = now.loaded_bytes > 0 or isinstance(error, BrokenStreamError)
        now = replace(now, state="broken" if opened else "unreadable", reason=reason)
        what = "unreadable"
    batch.ledger[now.file_id] = now
    yield what


def _skip(blocks: Iterator[bytes], old: _Ledger, digest: "hashlib._Hash") -> tuple[Iterator[bytes], bool]:
    """What follows the loaded prefix, and whether that prefix is still the same; feeds it to the digest."""
    left, rest = old.loaded_bytes, b""
    while left > 0 and (block := next(blocks, b"")):
        digest.update(block[:left])
        rest = block[left:]
        left -= min(left, len(block))
    same = left == 0 and digest.hexdigest() == old.prefix_sha256
    return _chain(rest, blocks), same


def _chain(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from blocks


def _commit(
    con: duckdb.DuckDBPyConnection, store: Store, batch: _Batch, run_id: str, progress: Callable[[int], None]
) -> Counter[str]:
    """Writes a batch; gives its buckets, with records that were there already counted as duplicates."""
    records = _with_file([(ledger, mapped.records) for ledger, mapped in batch.mapped], RECORDS.arrow)
    fragments = _with_file([(ledger, mapped.fragments) for ledger, mapped in batch.mapped], FRAGMENTS.arrow)
    bad = _with_file([(ledger, mapped.quarantine) for ledger, mapped in batch.mapped], QUARANTINE.arrow)
    bad = bad.set_column(bad.schema.get_field_index("run_id"), "run_id", pa.array([run_id] * len(bad), pa.string()))
    pictures = pa.concat_tables([PICTURES.arrow.empty_table(), *(mapped.pictures for _, mapped in batch.mapped)])
    texts = pa.concat_tables([shapes.TEXTS.empty_table(), *(mapped.texts for _, mapped in batch.mapped)])
    tables = {
        "incoming_records": records,
        "incoming_fragments": fragments,
        "incoming_quarantine": bad,
        "incoming_pictures": pictures,
        "incoming_segments": write_texts(con, store, texts),
    }
    for name, rows in tables.items():
        con.register(name, rows)
    with transaction(con):
        _dirty_rewritten(con, batch)
        repeated = _count_repeated(con)
        con.execute("INSERT INTO store.dirty SELECT DISTINCT request_key FROM incoming_records")
        con.execute("INSERT INTO store.records SELECT * FROM incoming_records")
        con.execute("INSERT INTO store.fragments SELECT * FROM incoming_fragments")
        con.execute("INSERT INTO store.quarantine SELECT * FROM incoming_quarantine")
        con.execute("INSERT INTO store.texts SELECT text_id, day, segment FROM incoming_segments")
        con.execute("""
            INSERT INTO store.pictures
            SELECT sha256, any_value(kind), any_value(bytes), any_value(width), any_value(height)
            FROM incoming_pictures ANTI JOIN store.pictures USING (sha256) GROUP BY sha256
        """)
        _write_ledger(con, batch)
        total = _write_buckets(con, batch, repeated, run_id)
    for name in tables:
        con.unregister(name)
    progress(batch.bytes)
    return total


def _with_file(parts: list[tuple[_Ledger, pa.Table]], schema: pa.Schema) -> pa.Table:
    """The tables one after another, with the file and generation that each belongs to."""
    named = [schema.empty_table()]
    for ledger, rows in parts:
        for name, value in (("file_id", ledger.file_id), ("generation", ledger.generation)):
            column = pa.repeat(pa.scalar(value, pa.int32()), len(rows))
            rows = rows.set_column(rows.schema.get_field_index(name), name, column)
        named.append(rows)
    return pa.concat_tables(named)


def _dirty_rewritten(con: duckdb.DuckDBPyConnection, batch: _Batch) -> None:
    """Requests of a file's older generation are assembled again without it."""
    for file_id in batch.rewritten:
        con.execute(
            """
            INSERT INTO store.dirty SELECT DISTINCT request_key FROM store.records AS record
            JOIN store.files AS file USING (file_id, generation) WHERE file_id = ?
            """,
            [file_id],
        )


def _count_repeated(con: duckdb.DuckDBPyConnection) -> Counter[tuple[int, int]]:
    """How many incoming records, per file and generation, say byte for byte what was there or came before them.

    Equal records have an equal time, so the look into the store is bounded to the times that came in.
    """
    rows = con.execute("""
        WITH numbered AS (
            SELECT file_id, generation, sha256, recorded_at,
                row_number() OVER (PARTITION BY sha256 ORDER BY file_id, byte_offset) AS occurrence
            FROM incoming_records
        ), current AS (
            SELECT record.sha256, record.recorded_at FROM store.records AS record
            JOIN store.files AS file USING (file_id, generation)
        ), known AS (
            SELECT sha256 FROM numbered SEMI JOIN current USING (recorded_at, sha256)
            UNION ALL
            SELECT sha256 FROM numbered SEMI JOIN (SELECT sha256 FROM current WHERE recorded_at IS NULL) USING (sha256)
            WHERE recorded_at IS NULL
        )
        SELECT file_id, generation, count(*) FROM numbered
        WHERE occurrence > 1 OR sha256 IN (SELECT sha256 FROM known)
        GROUP BY file_id, generation
    """).fetchall()
    return Counter({(file_id, generation): count for file_id, generation, count in rows})


def _write_ledger(con: duckdb.DuckDBPyConnection, batch: _Batch) -> None:
    rows = list(batch.ledger.values())
    if not rows:
        return
    con.execute("DELETE FROM store.files WHERE file_id IN (SELECT unnest(?))", [[row.file_id for row in rows]])
    con.register("incoming_files", shapes.table([vars(row) for row in rows], FILES))
    con.execute("INSERT INTO store.files SELECT * FROM incoming_files")
    con.unregister("incoming_files")


def _write_buckets(
    con: duckdb.DuckDBPyConnection, batch: _Batch, repeated: Counter[tuple[int, int]], run_id: str
) -> Counter[str]:
    """Adds up each file's buckets and appends them; gives their sum over all files."""
    by_file: dict[tuple[int, int], Counter[str]] = {}
    for ledger, mapped in batch.mapped:
        by_file.setdefault((ledger.file_id, ledger.generation), Counter()).update(mapped.buckets)
    for key, count in repeated.items():
        by_file[key].update(loaded=-count, duplicates=count)
    names = [column.name for column in BUCKETS.columns if column.type == "BIGINT"]
    rows = [
        {"run_id": run_id, "file_id": file_id, "generation": generation, **{name: seen[name] for name in names}}
        for (file_id, generation), seen in by_file.items()
    ]
    con.register("incoming_buckets", shapes.table(rows, BUCKETS))
    con.execute("INSERT INTO store.buckets SELECT * FROM incoming_buckets")
    con.unregister("incoming_buckets")
    return sum(by_file.values(), Counter())
