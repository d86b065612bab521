"""Texts by their id, for those who may see them: the report's excerpts and explanations."""

from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from analyzer.errors import StoreError
from analyzer.store import Store

_MEMORY_LIMIT = "400MB"  # beside the connection that asks


def lookup(con: duckdb.DuckDBPyConnection, store: Store) -> Callable[[Sequence[str]], dict[str, str]]:
    """A function that gives the texts of some ids; an id whose text is gone is not in its answer.

    ``con`` may be a hardened reader: it only says which segment holds a text, the segment is read past it. The function
    raises StoreError when a segment is damaged.
    """

    def texts(text_ids: Sequence[str]) -> dict[str, str]:
        wanted = pa.table({"text_id": pa.array(text_ids, pa.string())})
        con.register("wanted_texts", wanted)
        named = con.execute(
            "SELECT DISTINCT segment FROM store.texts SEMI JOIN wanted_texts USING (text_id)"
        ).fetchall()
        con.unregister("wanted_texts")
        paths = [store.texts / segment for (segment,) in named]
        there = [str(path) for path in paths if path.exists()]  # retention may have dropped one since
        try:
            return _read(there, wanted) if there else {}
        except duckdb.Error:  # its words may quote a text
            raise StoreError(f"{store.texts}: a segment cannot be read; restore the folder from a backup") from None

    return texts


def _read(segments: list[str], wanted: pa.Table) -> dict[str, str]:
    """DuckDB unpacks only the pages that hold a wanted text, Arrow would unpack all."""
    # no folder to spill to: texts lie nowhere but in NAME.text
    with duckdb.connect(config={"memory_limit": _MEMORY_LIMIT, "temp_directory": ""}) as con:
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
