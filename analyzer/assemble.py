"""Records -> requests and parts, for dirty requests only.

Everything here is a function of the records, whichever file or run brought them: the same records in other files give
the same requests and parts. Work goes in slices of texts that fit in memory, some slices in one transaction.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa

from analyzer import contents, request_rows
from analyzer.schema import PARTS, RECORDS
from analyzer.store import Store, transaction, write_texts

SLICE_CHARS = 32 << 20
ROWS_AT_ONCE = 400_000  # parts in one transaction: what fills row groups goes to disk once, not through the log
_ROW_CHARS = 500  # what a request costs besides its texts

_TEMPORARY = (
    "planned", "current_files", "gathered_records", "gathered_fragments", "gathered_duplicates", "far_texts",
)  # fmt: skip
_FRAGMENT_NAMES = ("request_key", "side", "source", "sequence", "ticks", "line", "byte_offset", "text_id", "day")
_PROVENANCE = ("file_id", "generation", "line", "byte_offset", "byte_length", "sha256")
_CONTENT_NAMES = [column.name for column in RECORDS.columns if column.name not in _PROVENANCE]


def assemble(con: duckdb.DuckDBPyConnection, store: Store, progress: Callable[[int], None] = lambda count: None) -> int:
    """Assembles every dirty request again; gives how many. They stay marked as unsettled for the steps behind.

    Duplicates are told apart first. A request that no current record makes any more is removed.
    """
    _gather(con)
    _gather_far_texts(con, store)
    slices = con.execute("SELECT slice, count(*) FROM planned GROUP BY slice ORDER BY slice").fetchall()
    made: list[_Slice] = []
    with ThreadPoolExecutor(1) as behind, con.cursor() as other:  # texts are written while the next slice is read

        def keep(texts: pa.Table) -> Future[pa.Table]:
            return behind.submit(write_texts, other, store, texts)

        for number, count in slices:
            made.append(_assemble_slice(con, store, number, made, keep))
            if sum(len(one.parts) for one in made) >= ROWS_AT_ONCE or number == slices[-1][0]:
                _write(con, made)
                made = []
            progress(count)
    for name in _TEMPORARY:
        con.execute(f"DROP TABLE {name}")
    return sum(count for _, count in slices)


# --- what is to be done -----------------------------------------------------------------------------------------------


def _gather(con: duckdb.DuckDBPyConnection) -> None:
    """One pass over records and fragments: those of dirty requests, without duplicates, planned into slices."""
    con.execute("""
        CREATE OR REPLACE TEMP TABLE current_files AS
        SELECT file_id, generation, (row_number() OVER (ORDER BY path))::INTEGER AS file FROM store.files
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_fragments AS
        SELECT {", ".join(f"fragment.{name}" for name in _FRAGMENT_NAMES)}, chars, file, segment
        FROM store.fragments AS fragment
        JOIN current_files USING (file_id, generation)
        JOIN store.texts AS kept USING (text_id, day)
        SEMI JOIN store.dirty AS dirty USING (request_key)
    """)
    _plan(con)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_records AS
        SELECT {", ".join(f"record.{name}" for name in request_rows.RECORD_NAMES)}, byte_offset, file, slice
        FROM store.records AS record
        JOIN current_files USING (file_id, generation)
        JOIN planned USING (request_key)
    """)
    _set_duplicates_apart(con)


def _plan(con: duckdb.DuckDBPyConnection) -> None:
    """Puts requests whose texts lie in one segment, or in small ones, into one slice, so that each is opened once.

    A slice has at most 3 * SLICE_CHARS, mostly one segment. Requests that were there before come first and apart, so
    that slices of new ones have nothing to delete.
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
            SELECT was_there, segment, sum(sum(chars)) OVER (ORDER BY was_there DESC, segment NULLS FIRST) - sum(chars)
                AS chars_before
            FROM marked GROUP BY was_there, segment
        ), divided AS (
            SELECT request_key, marked.was_there, marked.segment, chars_before // {SLICE_CHARS} AS of_segments,
                sum(chars) OVER (PARTITION BY marked.was_there, marked.segment ORDER BY request_key)
                    // (2 * {SLICE_CHARS}) AS of_segment
            FROM marked JOIN segments
            ON marked.was_there = segments.was_there AND marked.segment IS NOT DISTINCT FROM segments.segment
        )
        SELECT request_key, was_there, segment,
            dense_rank() OVER (ORDER BY was_there DESC, of_segments, of_segment)::INTEGER AS slice
        FROM divided
    """)


def _set_duplicates_apart(con: duckdb.DuckDBPyConnection) -> None:
    """A record that says again what another says of the same request is a duplicate; the first by address stays."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_duplicates AS
        WITH suspect AS (
            SELECT request_key, category, ticks, sequence FROM gathered_records GROUP BY ALL HAVING count(*) > 1
        ), place AS (
            SELECT file, byte_offset FROM gathered_records AS record JOIN suspect
            ON record.request_key = suspect.request_key AND record.category = suspect.category
                AND record.ticks IS NOT DISTINCT FROM suspect.ticks
                AND record.sequence IS NOT DISTINCT FROM suspect.sequence
        ), repeated AS (
            SELECT file, record.file_id, record.generation, record.byte_offset,
                {", ".join(f"record.{name}" for name in _CONTENT_NAMES)}
            FROM store.records AS record
            JOIN current_files USING (file_id, generation)
            SEMI JOIN place USING (file, byte_offset)
        ), content AS (
            SELECT file, byte_offset, list((side, source, text_id) ORDER BY side, source, text_id) AS said
            FROM gathered_fragments SEMI JOIN place USING (file, byte_offset) GROUP BY file, byte_offset
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
    if con.execute("SELECT count(*) FROM gathered_duplicates").fetchall() != [(0,)]:
        for name in ("gathered_records", "gathered_fragments"):
            con.execute(f"""
                DELETE FROM {name} USING gathered_duplicates AS duplicate
                WHERE {name}.file = duplicate.file AND {name}.byte_offset = duplicate.byte_offset
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
    texts = pl.read_parquet(store.texts / segment, columns=["text_id", "text"], glob=False)
    return texts.join(wanted, on="text_id", how="semi")


# --- slices -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slice:
    """What waits to be written of a slice, when its texts are."""

    number: int
    requests: pa.Table
    parts: pa.Table
    segments: Future[pa.Table]


def _assemble_slice(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    number: int,
    before: Sequence[_Slice],
    keep: Callable[[pa.Table], Future[pa.Table]],
) -> _Slice:
    """The rows of a slice; ``before`` are those whose texts the ledger does not know yet, ``keep`` writes texts."""
    found = contents.read(_read_calls(con, store, number))
    requests = request_rows.merge(_read_records(con, number), found.facts)
    names = request_rows.name_parts(requests, found.facts)
    parts = pl.concat([found.parts.join(requests, on="request_key", how="semi"), names], how="diagonal_relaxed")
    texts = parts.select("text_id", "day", "text").drop_nulls().unique(("text_id", "day"))
    for slice_before in before:
        written = pl.DataFrame(slice_before.segments.result().select(["text_id", "day"]))
        texts = texts.join(written, on=("text_id", "day"), how="anti")
    segments = keep(texts.to_arrow())
    parts = parts.with_columns(chars=pl.col("text").str.len_chars()).select(column.name for column in PARTS.columns)
    return _Slice(number, requests.to_arrow(), parts.to_arrow(), segments)


def _read_records(con: duckdb.DuckDBPyConnection, number: int) -> pl.DataFrame:
    names = ", ".join(request_rows.RECORD_NAMES)
    records: pl.DataFrame = con.sql(f"SELECT {names} FROM gathered_records WHERE slice = {number}").pl()
    return records


def _read_calls(con: duckdb.DuckDBPyConnection, store: Store, number: int) -> contents.Calls:
    """The bodies and chunks of the slice's requests, with their texts."""
    names = ", ".join(f"fragment.{name}" for name in (*_FRAGMENT_NAMES, "file"))
    fragments: pl.DataFrame = con.sql(f"""
        SELECT {names}, CASE WHEN fragment.segment = planned.segment THEN fragment.segment END AS segment
        FROM gathered_fragments AS fragment JOIN planned USING (request_key) WHERE slice = {number}
    """).pl()
    far = fragments.filter(pl.col("segment").is_null())
    texts: list[pl.DataFrame] = [
        con.sql("SELECT text_id, text FROM far_texts").pl().join(far, on="text_id", how="semi")
    ]
    for (segment,), wanted in fragments.drop_nulls("segment").group_by("segment", maintain_order=True):
        texts.append(_read_segment(store, str(segment), wanted))
    return contents.order(fragments, pl.concat(texts))


def _write(con: duckdb.DuckDBPyConnection, made: Sequence[_Slice]) -> None:
    """Replaces what was assembled of the requests of some slices, in one transaction."""
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW sliced AS SELECT request_key, was_there FROM planned
        WHERE slice BETWEEN {made[0].number} AND {made[-1].number}
    """)
    incoming = {
        "requests": [one.requests for one in made],
        "parts": [one.parts for one in made],
        "segments": [one.segments.result() for one in made],
    }
    for name, tables in incoming.items():  # outside the transaction, which would hold them in memory to its end
        con.register(f"incoming_{name}", pa.concat_tables(tables))
    known = con.execute("SELECT bool_or(was_there) FROM sliced").fetchall() != [(False,)]
    with transaction(con):
        for table in ("requests", "parts", "duplicates") if known else ():
            con.execute(f"DELETE FROM store.{table} WHERE request_key IN (SELECT request_key FROM sliced)")
        con.execute("""
            INSERT INTO store.duplicates BY NAME
            SELECT * EXCLUDE (file) FROM gathered_duplicates SEMI JOIN sliced USING (request_key)
        """)
        for table in ("requests", "parts"):
            con.execute(f"INSERT INTO store.{table} BY NAME SELECT * FROM incoming_{table}")
        con.execute("INSERT INTO store.texts SELECT text_id, day, segment FROM incoming_segments")
        con.execute("""
            INSERT INTO store.unsettled
            SELECT request_key FROM sliced ANTI JOIN store.unsettled USING (request_key)
        """)
        con.execute("DELETE FROM store.dirty WHERE request_key IN (SELECT request_key FROM sliced)")
    for name in incoming:
        con.unregister(f"incoming_{name}")
