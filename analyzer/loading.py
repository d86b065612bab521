"""Files -> records in the store: the ledger, batches in transactions, buckets.

Loading only appends. A transaction covers a batch of files, or a part of a large one, together with their ledger rows,
so that a run killed at any moment goes on where the last transaction ended. It comes in pieces that fit in memory.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count as numbers
from typing import NamedTuple

import duckdb
import pyarrow as pa

from analyzer import csv_rows, reader, shapes, sources, streams
from analyzer.errors import BrokenStreamError
from analyzer.garbage import collected_later
from analyzer.reader import Chunk
from analyzer.schema import BUCKETS, FILES
from analyzer.shapes import Mapped
from analyzer.sources import Source
from analyzer.store import Store, transaction, write_texts

BATCH_BYTES = 256 << 20  # smaller transactions make DuckDB compress and write unfinished row groups again and again
BATCH_FILES = 2000
PIECE_BYTES = 32 << 20
PIECE_FILES = 500
LINE_WEIGHT = 100
_WORKERS = 2


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


class _Step(NamedTuple):
    """What came of reading on in a file: a chunk, that it was rewritten, or its end."""

    chunk: Chunk | None
    before: _Ledger  # the file and generation that the chunk's records belong to
    after: _Ledger | None  # what the ledger says when the step is loaded
    rewritten: bool = False
    outcome: str = ""  # at the end: what became of the file
    folder: str = ""  # where the file lies

    @property
    def bytes(self) -> int:
        return len(self.chunk.data) if self.chunk else 0

    @property
    def weight(self) -> int:
        """Its bytes as memory counts them: a line takes no less than LINE_WEIGHT."""
        return max(self.bytes, LINE_WEIGHT * self.chunk.newlines) if self.chunk and self.chunk.is_whole else self.bytes


@dataclass
class _Piece:
    """What is written at once."""

    mapped: list[Mapped] = field(default_factory=list)
    ledger: dict[int, _Ledger] = field(default_factory=dict)
    rewritten: list[int] = field(default_factory=list)
    bytes: int = 0
    weight: int = 0

    @property
    def is_full(self) -> bool:
        return self.weight >= min(PIECE_BYTES, BATCH_BYTES) or len(self.ledger) >= min(PIECE_FILES, BATCH_FILES)

    def add(self, steps: list[_Step], mapped: Mapped) -> None:
        self.mapped.append(mapped)
        self.bytes += sum(step.bytes for step in steps)
        self.weight += sum(step.weight for step in steps)
        self.ledger |= {step.after.file_id: step.after for step in steps if step.after}
        self.rewritten += [step.before.file_id for step in steps if step.rewritten]


def load(
    con: duckdb.DuckDBPyConnection,
    store: Store | None,
    found: Sequence[Source],
    run_id: str,
    progress: Callable[[int], None] = lambda size: None,
) -> Loaded:
    """Loads what is new in the files; ``progress`` is told the bytes read from time to time.

    Without a ``store`` no text is kept: ``con`` then only knows where each lies and how long it is.
    A file that cannot be read costs that file only, and is counted. Raises StoreError.
    """
    files: Counter[str] = Counter()
    buckets: Counter[str] = Counter()
    with collected_later(), _reused_memory(), _one_thread(con), ThreadPoolExecutor(_WORKERS) as pool:
        steps = _counted(_steps(_read_ledger(con), found), files)
        pieces = _pieces(_mapped_ahead(pool, _grouped(steps)))
        while batch := _batch(pieces):
            with transaction(con):
                for piece in batch:
                    buckets += _insert(con, store, piece, run_id)
                    progress(piece.bytes)
    bad = buckets["quarantined"] + buckets["quarantined_items"] + files["unreadable"] > 0
    return Loaded(buckets, files, bad)


@contextmanager
def _reused_memory() -> Iterator[None]:
    """Arrow's own pool gives memory back at once, and the next block of a file has to fault it in again."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


@contextmanager
def _one_thread(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """While others map what comes next, more threads make writing dearer and no faster."""
    ((before,),) = con.execute("SELECT current_setting('threads')").fetchall()
    con.execute("SET threads = 1")
    try:
        yield
    finally:
        con.execute(f"SET threads = {before:d}")


def _counted(steps: Iterable[_Step], files: Counter[str]) -> Iterator[_Step]:
    """The steps, with every file counted by what became of it."""
    for step in steps:
        if step.outcome:
            files[step.outcome] += 1
        yield step


def _pieces(groups: Iterable[tuple[list[_Step], Mapped]]) -> Iterator[_Piece]:
    piece = _Piece()
    for steps, mapped in groups:
        piece.add(steps, mapped)
        if piece.is_full:
            yield piece
            piece = _Piece()
    if piece.ledger:
        yield piece


def _batch(pieces: Iterator[_Piece]) -> Iterator[_Piece] | None:
    """The pieces of the next transaction, one by one; None when there are no more."""
    first = next(pieces, None)
    return None if first is None else _bounded(first, pieces)


def _bounded(piece: _Piece | None, pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    size, files = 0, 0
    while piece:
        yield piece
        size += piece.bytes
        files += len(piece.ledger)
        full = size >= BATCH_BYTES or files >= BATCH_FILES
        piece = None if full else next(pieces, None)


def _grouped(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    """Steps in groups that are worth mapping at once: one block of a large file, or many small files."""
    group: list[_Step] = []
    size = 0
    for step in steps:
        group.append(step)
        size += step.weight
        if size >= sources.BLOCK_BYTES // 2 or len(group) >= PIECE_FILES:
            yield group
            group, size = [], 0
    yield group


def _mapped_ahead(pool: ThreadPoolExecutor, groups: Iterable[list[_Step]]) -> Iterator[tuple[list[_Step], Mapped]]:
    """The groups with what they hold, in order; the next ones are mapped while the store is written."""
    waiting: deque[tuple[list[_Step], Future[Mapped]]] = deque()
    for group in groups:
        waiting.append((group, pool.submit(_map_group, group)))
        while sum(step.weight for steps, _ in waiting for step in steps) > PIECE_BYTES:
            yield _finished(waiting.popleft())
    yield from map(_finished, waiting)


def _finished(group: tuple[list[_Step], Future[Mapped]]) -> tuple[list[_Step], Mapped]:
    return group[0], group[1].result()


def _map_group(steps: list[_Step]) -> Mapped:
    frames = [
        reader.frames(step.chunk, file_id=step.before.file_id, generation=step.before.generation)
        for step in steps
        if step.chunk
    ]
    folders = {step.before.file_id: step.folder for step in steps if step.chunk}
    return shapes.map_frames(pa.concat_tables([reader.FRAMES.empty_table(), *frames]), folders)


def _steps(known: Iterable[_Ledger], found: Sequence[Source]) -> Iterator[_Step]:
    """Reads what is new in the files, one after another."""
    ledgers = {ledger.path: ledger for ledger in known}
    ids = numbers(max((ledger.file_id for ledger in ledgers.values()), default=0) + 1)
    for source in found:
        yield from _file_steps(source, ledgers, ids)


def _file_steps(source: Source, ledgers: dict[str, _Ledger], ids: Iterator[int]) -> Iterator[_Step]:
    """What is new in a file, or in the members of an archive."""
    old = ledgers.get(source.path)
    what = _compare(source, old)
    old = old or _Ledger(next(ids), source.path)
    if what == "unchanged":
        yield _Step(None, old, None, outcome=what)
    elif source.unread:
        state, _, reason = source.unread.partition(": ")
        now = replace(old, state=state, reason=reason)
        yield _Step(None, old, now if now != old else None, outcome=state)
    else:
        now = replace(old, size=source.size, modified_ns=source.modified_ns, state="complete", reason=None)
        try:
            form = streams.form(source)
        except (BrokenStreamError, OSError) as error:
            now = _broken(now, error)
            yield _Step(None, now, now, outcome="unreadable")
            return
        if form.is_archive:
            yield from _archive_steps(source, now, what, ledgers, ids)
        else:
            yield from _read(source, form, old, now, what)


def _archive_steps(
    source: Source, now: _Ledger, what: str, ledgers: dict[str, _Ledger], ids: Iterator[int]
) -> Iterator[_Step]:
    """What is new in an archive's members, and at last what became of the archive, which has no frames of its own."""
    if now.loaded_bytes:  # it was no archive before
        yield _Step(None, now, None, rewritten=True)
        now = replace(now, generation=now.generation + 1, loaded_bytes=0, loaded_lines=0)
        now = replace(now, prefix_sha256=hashlib.sha256().hexdigest())
    is_read = True
    try:
        with streams.members(source) as members:
            for member in members:
                for step in _file_steps(member, ledgers, ids):
                    is_read &= not (step.after and step.after.state == "unreadable" and not member.unread)
                    yield step
        now = now if is_read else replace(now, size=-1)
        what = "grown" if what == "changed" else what
    except (BrokenStreamError, OSError) as error:
        now, what = _broken(now, error), "unreadable"
    yield _Step(None, now, now, outcome=what)


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


def _read(source: Source, form: streams.Form, old: _Ledger, now: _Ledger, what: str) -> Iterator[_Step]:
    """The new part of a file, chunk by chunk, and at last what became of the file."""
    digest, header = hashlib.sha256(), None
    try:
        blocks = streams.read_blocks(source, form)
        if what == "changed":
            what = "grown"
            blocks, same, prefix = _skip(blocks, old, digest)
            if not same:
                what, digest, blocks = "rewritten", hashlib.sha256(), streams.read_blocks(source, form)
                now = replace(now, generation=old.generation + 1, loaded_bytes=0, loaded_lines=0)
                yield _Step(None, old, None, rewritten=True)
            elif not form.has_rows:
                header = reader.header_of(prefix)
        for chunk in reader.chunks(
            blocks,
            now.loaded_bytes,
            now.loaded_lines + 1,
            form.may_grow,
            reader.LINE_LIMIT,
            digest,
            header,
            form.has_rows,
        ):
            before = now
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
            yield _Step(chunk, before, replace(now, size=-1), folder=source.folder)
    except (BrokenStreamError, OSError) as error:
        now, what = _broken(now, error), "unreadable"
    yield _Step(None, now, now, outcome=what)


def _broken(now: _Ledger, error: BrokenStreamError | OSError) -> _Ledger:
    """What the ledger says of a file that cannot be read on."""
    reason = (error.strerror or "read error") if isinstance(error, OSError) else str(error)
    if isinstance(error, BrokenStreamError) and not isinstance(error.__cause__, OSError):
        return replace(now, state="broken", reason=reason)
    return replace(now, state="unreadable", reason=reason, size=-1)  # the next run reads on, though it be the same


def _skip(blocks: Iterator[bytes], old: _Ledger, digest: "hashlib._Hash") -> tuple[Iterator[bytes], bool, bytes]:
    """What follows the loaded prefix, whether that prefix is the same, and the file's first bytes; feeds the digest."""
    left, rest, first = old.loaded_bytes, b"", b""
    while left > 0 and (block := next(blocks, b"")):
        if len(first) < csv_rows.HEADER_LIMIT:
            first += block[: csv_rows.HEADER_LIMIT]
        digest.update(block[:left])
        rest = block[left:]
        left -= min(left, len(block))
    same = left == 0 and digest.hexdigest() == old.prefix_sha256
    if not rest and len(first) < csv_rows.HEADER_LIMIT:
        rest = next(blocks, b"")
        first += rest[: csv_rows.HEADER_LIMIT]
    return _chain(rest, blocks), same, first


def _chain(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from blocks


def _insert(con: duckdb.DuckDBPyConnection, store: Store | None, piece: _Piece, run_id: str) -> Counter[str]:
    """Writes a piece; gives its buckets, with records that were there already counted as duplicates."""
    bad = pa.concat_tables(mapped.quarantine for mapped in piece.mapped)
    run = pa.repeat(run_id, len(bad))
    tables = {
        "incoming_records": pa.concat_tables(mapped.records for mapped in piece.mapped),
        "incoming_fragments": pa.concat_tables(mapped.fragments for mapped in piece.mapped),
        "incoming_quarantine": bad.set_column(bad.schema.get_field_index("run_id"), "run_id", run),
        "incoming_pictures": pa.concat_tables(mapped.pictures for mapped in piece.mapped),
    }
    if store:
        texts = pa.concat_tables(mapped.texts for mapped in piece.mapped)
        tables["incoming_segments"] = write_texts(con, store, texts)
    for name, rows in tables.items():
        con.register(name, rows)
    _dirty_rewritten(con, piece)
    repeated = _count_repeated(con, piece.rewritten)
    con.execute("INSERT INTO store.dirty SELECT DISTINCT request_key FROM incoming_records")
    con.execute("INSERT INTO store.records SELECT * FROM incoming_records")
    con.execute("INSERT INTO store.fragments SELECT * FROM incoming_fragments")
    con.execute("INSERT INTO store.quarantine SELECT * FROM incoming_quarantine")
    if store:
        con.execute("INSERT INTO store.texts SELECT text_id, day, segment FROM incoming_segments")
    con.execute("""
        INSERT INTO store.pictures
        SELECT sha256, any_value(kind), any_value(bytes), any_value(width), any_value(height)
        FROM incoming_pictures ANTI JOIN store.pictures USING (sha256) GROUP BY sha256
    """)
    _write_ledger(con, piece)
    total = _write_buckets(con, piece, repeated, run_id)
    for name in tables:
        con.unregister(name)
    return total


def _dirty_rewritten(con: duckdb.DuckDBPyConnection, piece: _Piece) -> None:
    """Requests of a file's older generation are assembled again without it."""
    for file_id in piece.rewritten:
        con.execute(
            """
            INSERT INTO store.dirty SELECT DISTINCT request_key FROM store.records AS record
            JOIN store.files AS file USING (file_id, generation) WHERE file_id = ?
            """,
            [file_id],
        )


def _count_repeated(con: duckdb.DuckDBPyConnection, rewritten: Sequence[int]) -> Counter[tuple[int, int]]:
    """How many incoming records, per file and generation, say byte for byte what was there or came before them.

    Equal records have an equal time, so the look into the store is bounded to the times that came in. What a rewritten
    file said before counts no more.
    """
    rows = con.execute(
        """
        WITH numbered AS (
            SELECT file_id, generation, sha256, recorded_at,
                row_number() OVER (PARTITION BY sha256 ORDER BY file_id, byte_offset) AS occurrence
            FROM incoming_records
        ), current AS (
            SELECT record.sha256, record.recorded_at FROM store.records AS record
            JOIN store.files AS file USING (file_id, generation)
            WHERE NOT list_contains($rewritten::INTEGER[], file_id)
        ), known AS (
            SELECT sha256 FROM numbered SEMI JOIN current USING (recorded_at, sha256)
            UNION ALL
            SELECT sha256 FROM numbered SEMI JOIN (SELECT sha256 FROM current WHERE recorded_at IS NULL) USING (sha256)
            WHERE recorded_at IS NULL
        )
        SELECT file_id, generation, count(*) FROM numbered
        WHERE occurrence > 1 OR sha256 IN (SELECT sha256 FROM known)
        GROUP BY file_id, generation
        """,
        {"rewritten": list(rewritten)},
    ).fetchall()
    return Counter({(file_id, generation): count for file_id, generation, count in rows})


def _write_ledger(con: duckdb.DuckDBPyConnection, piece: _Piece) -> None:
    rows = list(piece.ledger.values())
    if not rows:
        return
    con.execute("DELETE FROM store.files WHERE file_id IN (SELECT unnest(?))", [[row.file_id for row in rows]])
    con.register("incoming_files", shapes.table([vars(row) for row in rows], FILES))
    con.execute("INSERT INTO store.files SELECT * FROM incoming_files")
    con.unregister("incoming_files")


def _write_buckets(
    con: duckdb.DuckDBPyConnection, piece: _Piece, repeated: Counter[tuple[int, int]], run_id: str
) -> Counter[str]:
    """Adds up each file's buckets and appends them; gives their sum over all files."""
    by_file: dict[tuple[int, int], Counter[str]] = {}
    for seen in (row for mapped in piece.mapped for row in mapped.seen.to_pylist()):
        counts = by_file.setdefault((seen["file_id"], seen["generation"]), Counter())
        counts[seen["bucket"]] += seen["count"]
    for key, count in repeated.items():
        by_file[key].update(loaded=-count, duplicates=count)
    names = [column.name for column in BUCKETS.columns if column.type == "BIGINT"]
    rows = [
        {"run_id": run_id, "file_id": file_id, "generation": generation, **{name: counts[name] for name in names}}
        for (file_id, generation), counts in by_file.items()
    ]
    con.register("incoming_buckets", shapes.table(rows, BUCKETS))
    con.execute("INSERT INTO store.buckets SELECT * FROM incoming_buckets")
    con.unregister("incoming_buckets")
    return sum(by_file.values(), Counter())
