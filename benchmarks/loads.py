"""What loading each form of each log shape costs, against DuckDB alone on the same bytes: MB/s and the ratio.

(a) bare: one ``CREATE TABLE AS`` from DuckDB's own reader into a file database, then a checkpoint; it finds the columns
itself where the form has no fixed ones. (b) ours: ``python -m analyzer load``. Both are processes of their own, run in
turn. Exit code 1 when a form with a limit is over it, 2 when one cannot be measured.

    python -m benchmarks.loads            # the logs are generated below bench/
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from benchmarks import shapes
from benchmarks.bench import ROOT, BenchError, Measure, measure, say

RATIO_LIMIT = 3.5
LIMITED = ("resource_log", "diagnostics_export", "llm_log", "litellm_spend")
_READERS = {
    ".csv": "read_csv($file, all_varchar = true, max_line_size = 20000000)",
    ".parquet": "read_parquet($file)",
}
_JSON = "read_json($file, maximum_object_size = 1000000000)"


def load_bare(file: Path, database: Path) -> int:
    """Load a file with DuckDB alone, everything as it stands; the number of rows. Writes ``database``."""
    with duckdb.connect(str(database)) as con:
        con.execute(f"CREATE TABLE logs AS FROM {_READERS.get(file.suffix, _JSON)}", {"file": str(file)})
        con.execute("CHECKPOINT")
        ((rows,),) = con.execute("SELECT count(*) FROM logs").fetchall()
    return int(rows)


def run_bare(file: Path) -> Measure | None:
    """Measure (a) once, in a new process and a new folder; None where DuckDB cannot read the form."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        try:
            return measure([sys.executable, "-m", "benchmarks.loads", "--bare", str(file), f"{folder}/bare.duckdb"])
        except BenchError:
            return None


def run_ours(file: Path) -> Measure:
    """Measure (b) once, in a new process and a new folder."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        return measure([sys.executable, "-m", "analyzer", "load", str(file), "--db", f"{folder}/audit.duckdb"])


def bench(folder: Path, forms: Sequence[str], size: int, rounds: int) -> bool:
    """Measure each form and print a line of it; whether those with a limit keep it. Raises BenchError."""
    kept = True
    say(f"{'form':24} {'MB':>6} {'MB/s':>7} {'ratio':>7}  peak MB")
    for form in forms:
        file = shapes.write(folder, form, size)
        total = len(file.read_bytes())  # also brings it into the page cache
        pairs = [(run_bare(file), run_ours(file)) for _ in range(rounds)]
        own = statistics.median(ours.seconds for _, ours in pairs)
        alone = [bare.seconds for bare, _ in pairs if bare]
        ratio = own / statistics.median(alone) if alone else None
        over = form in LIMITED and (ratio is None or ratio > RATIO_LIMIT)
        kept &= not over
        note = f"OVER THE LIMIT of {RATIO_LIMIT:g}" if over else f"limit {RATIO_LIMIT:g}" if form in LIMITED else ""
        said = f"{ratio:7.2f}" if ratio else "      -"
        peak = max(ours.peak for _, ours in pairs) / 1e6
        say(f"{form:24} {total / 1e6:6.1f} {total / 1e6 / own:7.1f} {said}  {peak:7.0f}  {note}".rstrip())
        file.unlink()
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m benchmarks.loads``: 0 within the limits, 1 not, 2 not measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loads", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "bench" / "forms", help="holds the logs while they are read"
    )
    parser.add_argument("--form", choices=sorted(shapes.FORMS), action="append", help="all when none is named")
    parser.add_argument("--bytes", type=int, default=100_000_000, help="about how many bytes of each form")
    parser.add_argument("--rounds", type=int, default=1, help="how often each of the two is measured")
    parser.add_argument("--bare", nargs=2, type=Path, metavar=("FILE", "DATABASE"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.bare:
        load_bare(*given.bare)
        return 0
    try:
        return 0 if bench(given.folder.resolve(), given.form or list(shapes.FORMS), given.bytes, given.rounds) else 1
    except BenchError as error:
        sys.stderr.write(f"loads: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
