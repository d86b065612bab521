"""A run that is killed at any moment and started again ends as one that nobody disturbed."""

import csv
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from jobs import REGISTER, SAMPLES, Place, ended, findings_of, rows_of, start, stored

from benchmarks.generate import generate

SEED = 20260601
KILLS = 10
EXPORT_BYTES = 700_000
PATIENCE = 180  # seconds; a loaded machine is slow


@dataclass(frozen=True)
class End:
    """What a finished job leaves behind, without what names a run."""

    tables: dict[str, list[str]]
    findings: list[dict[str, object]]
    summary: bytes
    coverage: bytes
    texts: set[tuple[str, str, str]]  # day, text_id, text


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The samples and an export of several files, with one register for both."""
    place = Place(tmp_path_factory.mktemp("export"))
    generate(place.logs, EXPORT_BYTES)
    with REGISTER.open(newline="") as samples, (place.logs / "register.csv").open(newline="") as made:
        rows = [*csv.reader(samples), *list(csv.reader(made))[1:]]
    with place.register.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (place.logs / "samples").symlink_to(SAMPLES)
    return place


def fresh(export: Place, name: str) -> Place:
    """A place without a store, for the same logs."""
    place = Place(export.folder / name)
    place.folder.mkdir()
    place.logs.symlink_to(export.logs)
    place.register.symlink_to(export.register)
    return place


def begun(place: Place, inputs: Path) -> "subprocess.Popen[bytes]":
    """A run that just took the lock."""
    process = start(inputs, *place.run, small_batches=True, stdin=subprocess.DEVNULL)
    lock = place.db.with_name(place.db.name + ".lock")
    until = time.monotonic() + PATIENCE
    while not (lock.exists() and f"process {process.pid} " in lock.read_text()):
        assert process.poll() is None, ended(process).err
        assert time.monotonic() < until
        time.sleep(0.005)
    return process


def end_of(place: Place) -> End:
    """What the job left; also that nothing half-written lies about."""
    snapshot = place.db.with_name(place.db.name + ".snapshot")
    texts = place.db.with_name(place.db.name + ".text")
    assert stored(snapshot) == stored(place.db)
    assert not place.db.with_name(place.db.name + ".wal").exists()
    assert [path.name for path in place.reports.iterdir() if path.name.startswith(".") or "partial" in path.name] == []
    kept = {
        (path.parent.name, *row.values()) for path in texts.rglob("*.parquet") for row in _segment(path).to_pylist()
    }
    named = {str(path.relative_to(texts)) for path in texts.rglob("*.parquet")}
    assert named == {segment for (segment,) in rows_of(place.db, "SELECT DISTINCT segment FROM store.texts")}
    latest = place.reports / "latest"
    return End(
        stored(place.db),
        findings_of(place.reports),
        (latest / "summary.parquet").read_bytes(),
        (latest / "coverage.parquet").read_bytes(),
        kept,
    )


def _segment(path: Path) -> "pq.pa.Table":
    return pq.read_table(path, columns=["text_id", "text"])


def test_a_run_killed_at_ten_moments_ends_as_an_undisturbed_one(export: Place, inputs: Path) -> None:
    rng = random.Random(SEED)
    undisturbed = fresh(export, "undisturbed")
    process = begun(undisturbed, inputs)
    began = time.monotonic()
    assert ended(process, PATIENCE).code == 0
    whole = time.monotonic() - began
    wanted = end_of(undisturbed)
    assert wanted.findings
    assert len(wanted.tables["requests"]) > 250

    moments = [whole * (part + rng.random()) / KILLS for part in range(KILLS)]
    rng.shuffle(moments)
    place, attempts = fresh(export, "0"), 0
    while True:
        process = begun(place, inputs)
        try:
            if moments:
                process.wait(moments[0])
            assert ended(process, PATIENCE).code == 0
        except subprocess.TimeoutExpired:
            process.kill()
            ended(process)
            moments.pop(0)
            continue
        _same(end_of(place), wanted)
        _nothing_was_said_twice(place)
        if not moments:
            break
        attempts += 1  # it was done before it could be killed: again from the start, a little earlier
        moments[0] *= 0.8
        place = fresh(export, str(attempts))


def _same(end: End, wanted: End) -> None:
    """Told table by table, so that a difference can be read."""
    for table, rows in wanted.tables.items():
        assert end.tables[table] == rows, table
    assert end.texts == wanted.texts
    assert end.findings == wanted.findings
    assert end == wanted


def _nothing_was_said_twice(place: Place) -> None:
    """Every finding appeared once, however often the run began anew."""
    said = rows_of(place.db, "SELECT finding_id, list(change) FROM finding_log GROUP BY finding_id")
    assert {tuple(changes) for _, changes in said} == {("appeared",)}
    assert {finding_id for finding_id, _ in said} == {row["finding_id"] for row in findings_of(place.reports)}


@pytest.mark.parametrize(
    ("sign", "code", "name"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_run_with_its_exit_code_and_one_line(
    sign: signal.Signals, code: int, name: str, export: Place, inputs: Path
) -> None:
    place = fresh(export, name)
    process = begun(place, inputs)
    time.sleep(0.3)
    os.kill(process.pid, sign)
    ran = ended(process, PATIENCE)
    assert ran.code == code
    assert ran.err.splitlines()[-1] == f"exit: {code} {name}"
    assert len(ran.err.splitlines()) == 2
