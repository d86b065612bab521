"""What searching texts costs against a bare union of the same patterns, and thirty rules against ten.

(a) bare: polars' own ``str.contains`` with the lexicon's patterns joined by ``|``, in as few regexes as its compiler
takes, each text read by each; (b) ours: ``signals.scan``, which also gives places and contexts. The bare scan is so
slow that it reads a part of the texts only; both are told as MB/s. Rules run over a loaded store: the shipped ones,
as often as it takes to make ten and thirty, under names of their own. Exit code 1 when a limit is broken.

    python -m benchmarks.scan             # the texts are those of the logs that benchmarks.bench generates
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa

from analyzer import detection
from analyzer.lexicon import Lexicon, load_lexicon
from analyzer.rules import load_rules
from analyzer.sandbox import open_reader
from analyzer.shipped import folder
from analyzer.signals import scan
from benchmarks.bench import ROOT, measure, prepare, say

SCAN_LIMIT = 2.0  # seconds of ours for one of the bare scan
RULES_LIMIT = 1.2  # time of thirty rules for that of ten
BARE_BYTES = 200_000
_BATCH = 20_000  # texts searched at once, as a run does


def texts(logs: Path, size: int) -> pa.Table:
    """About ``size`` bytes of distinct texts (text_id, text): the logs' prompts as often as it takes, numbered."""
    with duckdb.connect() as con:
        said = "json_extract_string(properties, '$.requestMessages')"
        lines = f"read_json('{logs}/llm-logs/**/*.json', columns = {{properties: 'JSON'}})"
        prompts = con.sql(f"SELECT DISTINCT {said} AS text FROM {lines} WHERE text IS NOT NULL ORDER BY 1").pl()["text"]
    rounds = -(-size // int(prompts.str.len_bytes().sum()))
    numbered = pl.concat([prompts + f" ({number})" for number in range(rounds)])
    kept = numbered.filter(numbered.str.len_bytes().cum_sum() <= size)
    return pa.table({"text_id": [str(number) for number in range(len(kept))], "text": kept.to_arrow()})


def bare(lexicon: Lexicon, some: pl.Series) -> float:
    """Bytes a second of the bare scan."""
    unions = list(_unions([regex for pattern in lexicon.signals.all for regex, _ in pattern.parts]))
    say(f"  {len(unions)} unions")
    began = time.perf_counter()
    lowered = some.str.to_lowercase()
    for union in unions:
        lowered.str.contains(union).sum()
    return int(some.str.len_bytes().sum()) / (time.perf_counter() - began)


def _unions(regexes: Sequence[str]) -> Iterator[str]:
    """The regexes joined as far as the compiler of polars takes them."""
    union = "|".join(f"(?:{regex})" for regex in regexes)
    try:
        pl.Series([""]).str.contains(union)
        yield union
    except pl.exceptions.ComputeError:
        if len(regexes) == 1:
            raise
        middle = len(regexes) // 2
        yield from _unions(regexes[:middle])
        yield from _unions(regexes[middle:])


def ours(lexicon: Lexicon, table: pa.Table) -> float:
    """Bytes a second of our scan."""
    began = time.perf_counter()
    for start in range(0, len(table), _BATCH):
        scan(table.slice(start, _BATCH), lexicon)
    return int(pl.Series(table["text"]).str.len_bytes().sum()) / (time.perf_counter() - began)


def rules(database: Path, count: int) -> float:
    """Seconds that ``count`` rules take over a loaded store."""
    shipped = load_rules(folder("queries") / "rules")
    chosen = [replace(rule, id=f"{rule.id}_{number}") for number, rule in enumerate(islice(cycle(shipped), count))]
    with open_reader(database) as con:
        began = time.perf_counter()
        with detection.joined_once(con):
            detection.rule_days(con, chosen, detection.find_uses(con, chosen))
        return time.perf_counter() - began


def judging(logs: Path, parent: Path) -> tuple[float, float]:
    """Seconds that ``detect`` takes over the loaded logs if there are ten rules, and if there are thirty.

    All but the rules is measured once: it is the same search, settling and judgement for any number of them.
    """
    with tempfile.TemporaryDirectory(dir=parent) as made:
        db = f"{made}/audit.duckdb"
        measure([sys.executable, "-m", "analyzer", "load", str(logs), "--db", db])
        register = ["--register", str(logs / "register.csv")]
        whole = measure([sys.executable, "-m", "analyzer", "detect", "--db", db, *register]).seconds
        own = len(load_rules(folder("queries") / "rules"))
        shipped, ten, thirty = (rules(Path(db), count) for count in (own, 10, 30))
    return whole - shipped + ten, whole - shipped + thirty


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m benchmarks.scan``: 0 within the limits, 1 not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "bench", help="keeps the generated logs")
    parser.add_argument("--bytes", type=int, default=500_000_000, help="about how many bytes of logs, and of texts")
    given = parser.parse_args(arguments)
    logs = prepare(given.folder.resolve(), given.bytes)
    lexicon = load_lexicon(folder("queries") / "lexicon", prove=False)
    table = texts(logs, given.bytes)
    sample = pl.Series(table["text"])
    alone = bare(lexicon, sample.filter(sample.str.len_bytes().cum_sum() <= BARE_BYTES))
    own = ours(lexicon, table)
    say(f"bare union {alone / 1e6:8.2f} MB/s")
    say(f"scan       {own / 1e6:8.2f} MB/s   time against it {alone / own:.3f}   limit {SCAN_LIMIT:g}")
    ten, thirty = judging(logs, given.folder)
    say(f"10 rules   {ten:8.2f} s")
    say(f"30 rules   {thirty:8.2f} s      ratio {thirty / ten:.2f}   limit {RULES_LIMIT:g}")
    return 0 if alone / own <= SCAN_LIMIT and thirty / ten <= RULES_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
