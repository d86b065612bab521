"""Texts by their id, for those who may see them: the report's excerpts and explanations."""

from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from analyzer.store import MEMORY_LIMIT, Store


def lookup(con: duckdb.DuckDBPyConnection, store: Store) -> Callable[[Sequence[str]], dict[str, str]]:
    """A function that gives the texts of some ids; an id whose text is gone is not in its answer.

    ``con`` may be a hardened reader: it only says which segment holds a text, the segment is read past it.
    """

    def texts(text_ids: Sequence[str]) -> dict[str, str]:
        wanted = pa.table({"text_id": pa.array(text_ids, pa.string())})
        con.register("wanted_texts", wanted)
        segments = con.execute(
            "SELECT DISTINCT segment FROM store.texts SEMI JOIN wanted_texts USING (text_id)"
        ).fetchall()
        con.unregister("wanted_texts")
        paths = [store.texts / segment for (segment,) in segments]
        return _read([str(path) for path in paths if path.exists()], wanted)  # retention may have dropped one since

    return texts


def _read(segments: list[str], wanted: pa.Table) -> dict[str, str]:
    """DuckDB unpacks only the pages that hold a wanted text, Arrow would unpack all."""
    if not segments:
        return {}
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as con:
        con.register("wanted_texts", wanted)
        return dict(
            con.execute(
                """
                SELECT text_id, any_value(text) FROM read_parquet($1, hive_partitioning = false)
                SEMI JOIN wanted_texts USING (text_id) GROUP BY text_id
                """,
                [segments],
            ).fetchall()
        )
