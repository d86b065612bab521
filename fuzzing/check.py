"""What must hold whatever bytes a log file holds."""

from collections import Counter

import polars as pl
import pyarrow as pa

from analyzer import contents
from analyzer.reader import chunks, frames
from analyzer.shapes import map_frames

_FRAGMENTS = ("request_key", "side", "source", "sequence", "ticks", "line", "byte_offset", "day", "text_id")


def check(data: bytes) -> None:
    """Reads a file with these bytes to its parts. Raises AssertionError when the buckets do not add up."""
    seen: Counter[str] = Counter()
    mapped = [map_frames(frames(chunk)) for chunk in chunks([data])]
    for one in mapped:
        for row in one.seen.to_pylist():
            seen[row["bucket"]] += row["count"]
    assert seen["frames"] == sum(seen[name] for name in ("opened", "blank", "quarantined", "pending")), seen
    found = sum(seen[name] for name in ("loaded", "foreign_items", "unrecognised", "quarantined_items"))
    assert seen["items"] == found, seen
    assert sum(len(one.records) for one in mapped) == seen["loaded"], seen
    if mapped:
        fragments = pl.DataFrame(pl.from_arrow(pa.concat_tables(one.fragments for one in mapped)))
        texts = pl.DataFrame(pl.from_arrow(pa.concat_tables(one.texts for one in mapped)))
        named = fragments.select(*_FRAGMENTS, file=pl.lit(1))
        contents.read(contents.order(named, texts.select("text_id", "text")))
