"""Records -> requests and parts, for dirty requests only.

Everything here is a function of the records, whichever file or run brought them: the same records in other files give
the same requests and parts. Work goes in slices of texts that fit in memory, some slices in one transaction.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import duckdb
import polars as pl
import pyarrow as pa

from analyzer import contents, request_rows
from analyzer.schema import RECORDS
from analyzer.store import Store, transaction, write_texts

SLICE_CHARS = 32 << 20
ROWS_AT_ONCE = 2_000_000  # parts in one transaction: a table grows cheaply by many rows, and a kill costs no more
_ACCOUNT_SHAPES = ("resource_log", "resource_row")
_ROW_CHARS = 1000  # what a request costs besides its texts
_VIEWS = pl.CompatLevel.newest()  # polars' own form of strings, which DuckDB reads without a copy

_FRAGMENT_NAMES = ("request_key", "side", "source", "sequence", "ticks", "line", "byte_offset", "text_id", "day")
_PROVENANCE = ("file_id", "generation", "line", "byte_offset", "byte_length", "sha256")
_CONTENT_NAMES = [column.name for column in RECORDS.columns if column.name not in _PROVENANCE]


@dataclass(frozen=True)
class _Slice:
    """What is to be written of some requests, as Arrow tables."""

    keys: pa.Table  # request_key of all of them, made by a record or not
    was_there: bool  # whether they were assembled before
    duplicates: pa.Table
    requests: pa.Table
    parts: pa.Table
    names: pa.Table  # the parts that name the calls, in the columns they have
    texts: pa.Table


def assemble(con: duckdb.DuckDBPyConnection, store: Store, progress: Callable[[int], None] = lambda count: None) -> int:
    """Assembles every dirty request again; gives how many. They stay marked as unsettled for the steps behind.

    Duplicates are told apart first. A request that no current record makes any more is removed.
    """
    done = 0
    join_calls(con)
    with con.cursor() as reading, ThreadPoolExecutor(1) as ahead:  # the temporary tables go with the cursor
        _gather(reading)
        _gather_far_texts(reading, store)
        slices = _made_ahead(ahead, reading, store)
        for first in slices:
            keys: list[pa.Table] = []
            with transaction(con):
                for one in _until_full(first, slices):
                    _write(con, store, one)
                    keys.append(one.keys)
                    done += len(one.keys)
                    progress(len(one.keys))
                _mark(con, pa.concat_tables(keys))
    return done


def _made_ahead(pool: ThreadPoolExecutor, con: duckdb.DuckDBPyConnection, store: Store) -> Iterator[_Slice]:
    """The slices in order; the next one is made while the store is written."""
    planned = con.execute("SELECT DISTINCT slice, was_there FROM planned ORDER BY slice").fetchall()
    waiting: deque[Future[_Slice]] = deque()
    for number, was_there in planned:
        waiting.append(pool.submit(_make_slice, con, store, number, was_there))
        if len(waiting) > 1:
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def _until_full(first: _Slice, others: Iterator[_Slice]) -> Iterator[_Slice]:
    """The slices of one transaction."""
    rows = 0
    for one in chain([first], others):
        yield one
        rows += len(one.parts) + len(one.names)
        if rows >= ROWS_AT_ONCE:
            return


# --- one call, seen by two logs ---------------------------------------------------------------------------------------


def join_calls(con: duckdb.DuckDBPyConnection) -> None:
    """Finds the calls of accounts that a gateway's row names by the backend's id, of several rows by the smallest key.

    Whatever that changes is dirty, and so is a gateway's call when one of its account's records is.
    """
    (there,) = con.execute("""
        SELECT EXISTS (FROM store.joins) OR EXISTS (FROM store.records WHERE backend_request_id IS NOT NULL)
    """).fetchall()[0]
    if not there:
        return
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE new_joins AS
        WITH current AS (
            SELECT request_key, shape, lower(request_id) AS request_id, lower(backend_request_id) AS names
            FROM store.records JOIN store.files USING (file_id, generation)
        )
        SELECT account.request_key, min(gateway.request_key) AS joined_key
        FROM current AS account JOIN current AS gateway ON gateway.names = account.request_id
        WHERE account.shape IN {_ACCOUNT_SHAPES} GROUP BY account.request_key
    """)
    with transaction(con):
        con.execute("""
            INSERT INTO store.dirty
            WITH changed AS (
                (FROM new_joins EXCEPT FROM store.joins) UNION (FROM store.joins EXCEPT FROM new_joins)
            )
            SELECT request_key FROM changed UNION SELECT joined_key FROM changed
            UNION SELECT joined_key FROM new_joins SEMI JOIN store.dirty USING (request_key)
        """)
        con.execute("DELETE FROM store.joins")
        con.execute("INSERT INTO store.joins FROM new_joins")
    con.execute("DROP TABLE new_joins")


# --- what is to be done -----------------------------------------------------------------------------------------------


def _gather(con: duckdb.DuckDBPyConnection) -> None:
    """What is known of dirty requests before their slices: their fragments, files and duplicates, and the slices."""
    con.execute("""
        CREATE OR REPLACE TEMP TABLE current_files AS
        SELECT file_id, generation, (row_number() OVER (ORDER BY path))::INTEGER AS file FROM store.files
    """)
    has_joins = con.execute("SELECT EXISTS (FROM store.joins)").fetchall() == [(True,)]
    con.execute(f"CREATE OR REPLACE TEMP VIEW joined_records AS {_JOINED if has_joins else 'FROM store.records'}")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_fragments AS
        SELECT {", ".join(f"fragment.{name}" for name in _FRAGMENT_NAMES)}, chars, file, segment
        FROM store.fragments AS fragment
        JOIN current_files USING (file_id, generation)
        JOIN store.texts AS kept USING (text_id, day)
        SEMI JOIN store.dirty AS dirty USING (request_key)
    """)
    _plan(con)
    con.execute("""
        CREATE OR REPLACE TEMP TABLE gathered_records AS
        SELECT slice, file_id, request_key, hash(request_key, category, ticks, sequence) AS same
        FROM joined_records AS record
        JOIN current_files USING (file_id, generation)
        JOIN planned USING (request_key)
    """)
    _find_duplicates(con)


# The records, each with the key of the request that it was joined to.
_JOINED = """
    SELECT record.* REPLACE (coalesce(joined_key, record.request_key) AS request_key)
    FROM store.records AS record LEFT JOIN store.joins AS joined ON joined.request_key = record.request_key
"""


def _plan(con: duckdb.DuckDBPyConnection) -> None:
    """Puts requests whose texts lie in one segment, or in small ones, into one slice, so that each is opened once.

    A slice has about 3 * SLICE_CHARS at most, mostly one segment. Requests that were there before come first and apart,
    so that slices of new ones have nothing to delete.
    """
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE planned AS
        WITH sized AS (
            SELECT request_key, min(segment) AS segment, sum(chars) AS chars
            FROM gathered_fragments GROUP BY request_key
        ), marked AS (
            SELECT request_key, segment, coalesce(chars, 0) + {_ROW_CHARS} AS chars,
                request_key IN (
                    SELECT request_key FROM store.requests UNION ALL SELECT request_key FROM store.duplicates
                ) AS was_there
            FROM (SELECT DISTINCT request_key FROM store.dirty) LEFT JOIN sized USING (request_key)
        ), segments AS (
            SELECT was_there, segment, sum(chars) // (2 * {SLICE_CHARS}) + 1 AS pieces,
                sum(sum(chars)) OVER (PARTITION BY was_there ORDER BY segment NULLS FIRST) - sum(chars) AS chars_before
            FROM marked GROUP BY was_there, segment
        ), pieces AS (
            SELECT was_there, segment, pieces, unnest(range(pieces::BIGINT)) AS piece,
                dense_rank() OVER (ORDER BY was_there DESC, chars_before // {SLICE_CHARS}) AS group_of_segments
            FROM segments
        ), slices AS (
            SELECT *, dense_rank() OVER (ORDER BY group_of_segments, piece)::INTEGER AS slice FROM pieces
        )
        SELECT request_key, marked.was_there, marked.segment, slice
        FROM marked JOIN slices
        ON marked.was_there = slices.was_there AND marked.segment IS NOT DISTINCT FROM slices.segment
            AND hash(request_key) % pieces = piece
    """)


def _find_duplicates(con: duckdb.DuckDBPyConnection) -> None:
    """A record that says again what another says of the same request is a duplicate; the first by address stays."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_duplicates AS
        WITH suspect AS (
            SELECT DISTINCT request_key FROM gathered_records
            WHERE same IN (SELECT same FROM gathered_records GROUP BY same HAVING count(*) > 1)
        ), repeated AS (
            SELECT file, record.file_id, record.generation, record.byte_offset,
                {", ".join(f"record.{name}" for name in _CONTENT_NAMES)}
            FROM joined_records AS record
            JOIN current_files USING (file_id, generation)
            SEMI JOIN suspect USING (request_key)
        ), content AS (
            SELECT file, byte_offset, list((side, source, text_id) ORDER BY side, source, text_id) AS said
            FROM gathered_fragments SEMI JOIN suspect USING (request_key) GROUP BY file, byte_offset
        ), numbered AS (
            SELECT file, file_id, generation, byte_offset, request_key,
                first_value(file_id) OVER same AS of_file_id,
                first_value(byte_offset) OVER same AS of_byte_offset,
                row_number() OVER same AS occurrence
            FROM repeated LEFT JOIN content USING (file, byte_offset)
            WINDOW same AS (PARTITION BY {", ".join(_CONTENT_NAMES)}, said ORDER BY file, byte_offset)
        )
        SELECT file, file_id, generation, byte_offset, request_key, of_file_id, of_byte_offset
        FROM numbered WHERE occurrence > 1
    """)


def _gather_far_texts(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    """Fetches what requests need from another segment than their slice's, which would open them all for a few texts."""
    con.execute("CREATE OR REPLACE TEMP TABLE far_texts (text_id VARCHAR, text VARCHAR)")
    far: pl.DataFrame = con.sql("""
        SELECT DISTINCT fragment.segment, text_id FROM gathered_fragments AS fragment JOIN planned USING (request_key)
        WHERE fragment.segment <> planned.segment
    """).pl()
    for (segment,), wanted in far.group_by("segment", maintain_order=True):
        con.register("incoming_texts", _read_segment(store, str(segment), wanted).to_arrow())
        con.execute("INSERT INTO far_texts SELECT text_id, text FROM incoming_texts")
        con.unregister("incoming_texts")


def _read_segment(store: Store, segment: str, wanted: pl.DataFrame) -> pl.DataFrame:
    """The (text_id, text) of a segment that ``wanted`` names by text_id."""
    texts = pl.scan_parquet(store.texts / segment, glob=False).select("text_id", "text")
    return texts.join(wanted.lazy(), on="text_id", how="semi").collect()


# --- slices -----------------------------------------------------------------------------------------------------------


def _make_slice(con: duckdb.DuckDBPyConnection, store: Store, number: int, was_there: bool) -> _Slice:
    found = contents.read(_read_calls(con, store, number))
    requests = request_rows.merge(_read_records(con, number), found.facts)
    names, name_texts = request_rows.name_parts(requests, found.facts)
    parts = found.parts.join(requests, on="request_key", how="semi")
    texts = pl.concat([parts.select("text_id", "day", "text").drop_nulls(), name_texts]).unique(("text_id", "day"))
    parts = parts.with_columns(chars=pl.col("text").str.len_chars()).drop("text")
    of_slice = f"SEMI JOIN (SELECT request_key FROM planned WHERE slice = {number}) USING (request_key)"
    return _Slice(
        keys=con.sql(f"SELECT request_key FROM planned WHERE slice = {number}").to_arrow_table(),
        was_there=was_there,
        duplicates=con.sql(f"SELECT * EXCLUDE (file) FROM gathered_duplicates {of_slice}").to_arrow_table(),
        requests=requests.to_arrow(compat_level=_VIEWS),
        parts=parts.to_arrow(compat_level=_VIEWS),
        names=names.to_arrow(compat_level=_VIEWS),
        texts=texts.to_arrow(),
    )


def _read_records(con: duckdb.DuckDBPyConnection, number: int) -> pl.DataFrame:
    # straight from the records, where the files tell which rows to look at: a copy of all of them would not be small
    records: pl.DataFrame = con.sql(f"""
        SELECT {", ".join(f"record.{name}" for name in request_rows.RECORD_NAMES)}
        FROM joined_records AS record
        JOIN current_files USING (file_id, generation)
        SEMI JOIN (SELECT file_id FROM gathered_records WHERE slice = {number}) USING (file_id)
        SEMI JOIN (SELECT request_key FROM planned WHERE slice = {number}) USING (request_key)
        ANTI JOIN gathered_duplicates USING (file_id, generation, byte_offset)
    """).pl()
    return records


def _read_calls(con: duckdb.DuckDBPyConnection, store: Store, number: int) -> contents.Calls:
    """The bodies and chunks of the slice's requests, with their texts."""
    names = ", ".join(f"fragment.{name}" for name in (*_FRAGMENT_NAMES, "file"))
    fragments: pl.DataFrame = con.sql(f"""
        SELECT {names}, CASE WHEN fragment.segment = planned.segment THEN fragment.segment END AS segment
        FROM gathered_fragments AS fragment JOIN planned USING (request_key)
        ANTI JOIN gathered_duplicates USING (file, byte_offset) WHERE slice = {number}
    """).pl()
    far = fragments.filter(pl.col("segment").is_null())
    texts: list[pl.DataFrame] = [
        con.sql("SELECT text_id, text FROM far_texts").pl().join(far, on="text_id", how="semi")
    ]
    for (segment,), wanted in fragments.drop_nulls("segment").group_by("segment", maintain_order=True):
        texts.append(_read_segment(store, str(segment), wanted))
    return contents.order(fragments, pl.concat(texts))


def _write(con: duckdb.DuckDBPyConnection, store: Store, one: _Slice) -> None:
    """Replaces what was assembled of a slice's requests."""
    if one.was_there:
        con.register("incoming_keys", one.keys)
        for table in ("requests", "parts", "duplicates"):
            con.execute(f"DELETE FROM store.{table} WHERE request_key IN (SELECT request_key FROM incoming_keys)")
        con.unregister("incoming_keys")
    _insert(con, "texts", write_texts(con, store, one.texts))
    _insert(con, "duplicates", one.duplicates)
    _insert(con, "requests", one.requests)
    _insert(con, "parts", one.parts)
    _insert(con, "parts", one.names)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    # a transaction keeps to its end what was registered in it: a reader, which holds no rows when it was read
    con.register("incoming", pa.RecordBatchReader.from_batches(rows.schema, iter(rows.to_batches())))
    con.execute(f"INSERT INTO store.{table} BY NAME SELECT * FROM incoming")
    con.unregister("incoming")


def _mark(con: duckdb.DuckDBPyConnection, keys: pa.Table) -> None:
    """Requests that are assembled are no longer dirty but unsettled."""
    con.register("incoming_keys", keys)
    con.execute("INSERT INTO store.unsettled FROM incoming_keys ANTI JOIN store.unsettled USING (request_key)")
    con.execute("DELETE FROM store.dirty WHERE request_key IN (SELECT request_key FROM incoming_keys)")
    con.unregister("incoming_keys")
