"""Texts by their id, for those who may see them: the report's excerpts and explanations."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import duckdb
import pyarrow.parquet as pq

from analyzer.store import Store


def lookup(con: duckdb.DuckDBPyConnection, store: Store) -> Callable[[Sequence[str]], dict[str, str]]:
    """A function that gives the texts of some ids; an id whose text is gone is not in its answer.

    ``con`` may be a hardened reader: it only says which segment holds a text, the segment is read past it.
    """

    def texts(text_ids: Sequence[str]) -> dict[str, str]:
        rows = con.execute(
            "SELECT text_id, min(segment) FROM store.texts WHERE text_id IN (SELECT unnest(?)) GROUP BY text_id",
            [list(text_ids)],
        ).fetchall()
        wanted: dict[str, list[str]] = defaultdict(list)
        for text_id, segment in rows:
            wanted[segment].append(text_id)
        found: dict[str, str] = {}
        for segment, ids in sorted(wanted.items()):
            path = store.texts / segment
            if path.exists():  # retention may have dropped it since
                table = pq.read_table(path, columns=["text_id", "text"], filters=[("text_id", "in", ids)])
                found |= dict(zip(table["text_id"].to_pylist(), table["text"].to_pylist(), strict=True))
        return found

    return texts
