"""Hostile bytes through reader, shapes and bodies: no exception but a counted quarantine, and buckets add up.

python -m fuzzing.logs [CORPUS_DIR] [-runs=N] [-max_total_time=SECONDS]

The corpus starts with a small file of every form of every log shape; what the fuzzer adds stays in CORPUS_DIR.
"""

import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["analyzer"]):
    from analyzer import contents
    from analyzer.reader import chunks, frames
    from analyzer.shapes import map_frames

import polars as pl
import pyarrow as pa

from benchmarks import shapes

MOST_BYTES = 4096
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


def seed(folder: Path) -> None:
    """A small file of every form, for the fuzzer to begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    calls = [call.__class__(**{**vars(call), "prompt": call.prompt[:60]}) for call in islice(shapes.calls(10_000), 2)]
    for name, form in shapes.FORMS.items():
        (folder / name).write_bytes(form.render(calls))


def main() -> None:
    """The command ``python -m fuzzing.logs``; libFuzzer's options pass through."""
    folders = [word for word in sys.argv[1:] if not word.startswith("-")] or ["fuzzing/corpus"]
    seed(Path(folders[0]))
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    atheris.Setup(
        [sys.argv[0], *folders, f"-max_len={MOST_BYTES}", "-timeout=30", "-rss_limit_mb=2048", *options], check
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
