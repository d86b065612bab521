"""What a run costs, against DuckDB alone on the same bytes: two medians, their ratio, the highest memory.

(a) bare: ``CREATE TABLE AS read_json`` with explicit columns into a file database, then a checkpoint;
(b) ours: ``python -m analyzer run`` with rules and report. Both are processes of their own, run in turn.
Exit code 1 when a limit is broken, 2 when one of them fails.

    python -m benchmarks.bench            # the logs are generated once, below bench/
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks import generate

ROOT = Path(__file__).resolve().parent.parent
RATIO_LIMIT = 4.0
MEMORY_LIMIT = 1_500_000_000  # bytes
SAMPLE_SECONDS = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")

RESOURCE_COLUMNS = {
    "time": "VARCHAR",
    "EnqueueTime": "VARCHAR",
    "Tenant": "VARCHAR",
    "location": "VARCHAR",
    "resourceId": "VARCHAR",
    "category": "VARCHAR",
    "operationName": "VARCHAR",
    "event": "VARCHAR",
    "callerIpAddress": "VARCHAR",
    "correlationId": "VARCHAR",
    "durationMs": "BIGINT",
    "resultSignature": "VARCHAR",
    "properties": "VARCHAR",
}
LLM_COLUMNS = {
    "time": "VARCHAR",
    "location": "VARCHAR",
    "resourceId": "VARCHAR",
    "category": "VARCHAR",
    "operationName": "VARCHAR",
    "correlationId": "VARCHAR",
    "properties": "STRUCT(correlationId VARCHAR, requestId VARCHAR, modelName VARCHAR, deploymentName VARCHAR, "
    "promptTokens BIGINT, completionTokens BIGINT, totalTokens BIGINT, sequenceNumber INTEGER, "
    "isStreamCompletion BOOLEAN, requestMessages VARCHAR, responseMessages VARCHAR)",
}


class BenchError(Exception):
    """One of the two could not be measured: it ended with an error."""


@dataclass(frozen=True)
class Measure:
    """What one process with its children took."""

    seconds: float
    peak: int  # bytes resident, all processes of the tree together


def prepare(folder: Path, size: int) -> Path:
    """The folder with about ``size`` bytes of generated logs, made once for each size and generator version."""
    logs, mark = folder / "logs", folder / "logs.made.json"
    wanted = json.dumps({"bytes": size, "version": generate.VERSION})
    if not (logs.is_dir() and mark.is_file() and mark.read_text() == wanted):
        mark.unlink(missing_ok=True)
        generate.generate(logs, size)
        mark.write_text(wanted)
    return logs


def load_bare(logs: Path, database: Path) -> int:
    """Load all lines with DuckDB alone, everything as it stands; the number of rows. Writes ``database``."""
    with duckdb.connect(str(database)) as con:
        loaded = _load(con, "resource_logs", RESOURCE_COLUMNS, logs / "resource-logs")
        loaded += _load(con, "llm_logs", LLM_COLUMNS, logs / "llm-logs")
        con.execute("CHECKPOINT")
    return loaded


def _load(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], folder: Path) -> int:
    # table and columns are constants of this file; only the path is a value
    declared = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    con.execute(
        f"CREATE TABLE {table} AS FROM read_json($files, format = 'newline_delimited', hive_partitioning = false, "
        f"columns = {{{declared}}})",
        {"files": f"{folder}/**/*.json"},
    )
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def measure(command: Sequence[str]) -> Measure:
    """Run a command to its end: wall time, and the highest resident memory of its process tree.

    Memory is the larger of what the kernel says of the process itself and of samples over the whole tree.
    Raises BenchError when the command ends with anything but 0.
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    peak = 0
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        peak = max(peak, resident(process.pid))
        time.sleep(SAMPLE_SECONDS)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise BenchError(f"{' '.join(command[:4])} … ended with {process.returncode}; run it alone to see why")
    return Measure(seconds, max(peak, usage.ru_maxrss * 1024))


def resident(session: int) -> int:
    """Bytes resident now in all processes of a session (a process that starts one leads it and its children)."""
    total = 0
    for entry in os.scandir("/proc"):
        # a process may end between the listing and the look
        with contextlib.suppress(OSError, ValueError, IndexError):
            if entry.name.isdigit() and os.getsid(int(entry.name)) == session:
                total += int(Path(entry.path, "statm").read_text().split()[1]) * PAGE
    return total


def run_bare(logs: Path) -> Measure:
    """Measure (a) once, in a new process and a new folder."""
    with tempfile.TemporaryDirectory(dir=logs.parent) as folder:
        return measure([sys.executable, "-m", "benchmarks.bench", "--bare", str(logs), f"{folder}/bare.duckdb"])


def run_ours(logs: Path) -> Measure:
    """Measure (b) once, in a new process and a new folder."""
    with tempfile.TemporaryDirectory(dir=logs.parent) as folder:
        target = ["--db", f"{folder}/audit.duckdb", "--reports", f"{folder}/reports"]
        command = [sys.executable, "-m", "analyzer", "run"]
        return measure([*command, str(logs), "--register", str(logs / "register.csv"), *target])


def verdict(bare: Sequence[Measure], ours: Sequence[Measure]) -> tuple[list[str], bool]:
    """The lines to print, and whether both limits are kept."""
    alone = statistics.median(each.seconds for each in bare)
    own = statistics.median(each.seconds for each in ours)
    ratio, peak = own / alone, max(each.peak for each in ours)
    kept = ratio <= RATIO_LIMIT and peak <= MEMORY_LIMIT
    lines = [
        f"bare read_json   {alone:8.2f} s   (median of {len(bare)})",
        f"aoai-audit run   {own:8.2f} s   (median of {len(ours)})",
        f"ratio            {ratio:8.2f}     limit {RATIO_LIMIT:g}",
        f"peak memory      {peak / 1e6:8.0f} MB  limit {MEMORY_LIMIT / 1e6:.0f} MB",
        "within the limits" if kept else "OUT OF THE LIMITS",
    ]
    return lines, kept


def bench(folder: Path, size: int, rounds: int) -> bool:
    """Generate if needed, measure in turn, print; whether both limits are kept. Raises BenchError."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = prepare(folder, size)
    files = list(logs.rglob("PT1H.json"))
    total = sum(len(path.read_bytes()) for path in files)  # also brings them into the page cache
    say(f"{total / 1e6:.0f} MB in {len(files)} files")
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(run_bare(logs))
        ours.append(run_ours(logs))
        say(f"  bare {bare[-1].seconds:.2f} s, ours {ours[-1].seconds:.2f} s, {ours[-1].peak / 1e6:.0f} MB")
    lines, kept = verdict(bare, ours)
    for line in lines:
        say(line)
    return kept


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m benchmarks.bench``: 0 within the limits, 1 not, 2 not measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "bench", help="keeps the generated logs")
    parser.add_argument("--bytes", type=int, default=500_000_000, help="about how many bytes of logs")
    parser.add_argument("--rounds", type=int, default=3, help="how often each of the two is measured")
    parser.add_argument("--bare", nargs=2, type=Path, metavar=("LOGS", "DATABASE"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.bare:
        load_bare(*given.bare)
        return 0
    try:
        return 0 if bench(given.folder.resolve(), given.bytes, given.rounds) else 1
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
