"""The benchmark measures what it says: generated logs are whole and repeatable, limits are limits."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from benchmarks import bench, detection, generate

SIZE = 400_000


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    return bench.prepare(folder, SIZE)


def lines_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(folder.rglob("PT1H.json")) for line in path.read_text().splitlines()]


def digest(folder: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.rglob("PT1H.json")))).hexdigest()


def test_the_same_size_gives_the_same_bytes(logs: Path, tmp_path: Path) -> None:
    generate.generate(tmp_path / "again", SIZE)
    assert digest(tmp_path / "again") == digest(logs)
    assert SIZE <= sum(path.stat().st_size for path in logs.rglob("PT1H.json")) < SIZE * 1.1


def test_every_line_is_a_record_whose_inner_json_can_be_read(logs: Path) -> None:
    for record in lines_of(logs / "resource-logs"):
        properties = json.loads(str(record["properties"]))
        assert properties["responseTime"] - properties["requestTime"] == int(str(record["durationMs"])) * 10_000


def test_a_call_has_one_metadata_row_a_prompt_in_one_or_two_chunks_and_an_answer(logs: Path) -> None:
    calls: dict[str, list[dict[str, str]]] = {}
    for record in lines_of(logs / "llm-logs"):
        properties = record["properties"]
        assert isinstance(properties, dict)
        calls.setdefault(properties["correlationId"], []).append({**properties, "time": str(record["time"])})
    prompts = []
    for rows in calls.values():
        rows.sort(key=lambda row: (row["sequenceNumber"], row["time"]))
        prompts.append(json.loads("".join(row.get("requestMessages", "") for row in rows))[1]["content"])
        json.loads("".join(row.get("responseMessages", "") for row in rows))
    assert {len(rows) for rows in calls.values()} == {3, 4}
    assert len(set(prompts)) == len(prompts)
    assert 1_300 < sum(map(len, prompts)) / len(prompts) < 1_700


def test_duckdb_alone_loads_every_line(logs: Path, tmp_path: Path) -> None:
    assert bench.load_bare(logs, tmp_path / "bare.duckdb") == len(lines_of(logs))


def test_logs_of_the_same_size_are_made_once(logs: Path) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in logs.rglob("PT1H.json")}
    assert bench.prepare(logs.parent, SIZE) == logs
    assert {path: path.stat().st_mtime_ns for path in logs.rglob("PT1H.json")} == stamps


def test_memory_of_a_child_counts(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(150_000_000); time.sleep(0.5)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}], check=True)"
    measured = bench.measure([sys.executable, "-c", start])
    assert measured.peak > 150_000_000
    assert measured.seconds > 0.5


def test_a_command_that_fails_is_no_measure() -> None:
    with pytest.raises(bench.BenchError, match="ended with 3"):
        bench.measure([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize(
    ("seconds", "peak", "kept"),
    [(8.0, 10**9, True), (8.1, 10**9, False), (1.0, bench.MEMORY_LIMIT + 1, False)],
)
def test_a_run_is_in_the_limits_up_to_four_times_duckdb_and_the_memory_limit(
    seconds: float, peak: int, kept: bool
) -> None:
    bare = [bench.Measure(2.0, 0), bench.Measure(1.0, 0), bench.Measure(99.0, 0)]
    ours = [bench.Measure(seconds, peak)] * 3
    lines, verdict = bench.verdict(bare, ours)
    assert verdict is kept
    assert f"{seconds / 2:.2f}" in "\n".join(lines)


def test_a_figure_that_falls_is_told_and_one_that_rises_is_not() -> None:
    best = {"all": {"recall": 0.9, "false alarms": 0.01}, "held": {"recall": 0.8}}
    better = {("all", ""): {"recall": 0.95, "false alarms": 0.0}, ("part", "held"): {"recall": 0.8}}
    assert detection.fallen(better, best) == []
    worse = {("all", ""): {"recall": 0.95, "false alarms": 0.02}, ("part", "held"): {"recall": 0.79}}
    assert detection.fallen(worse, best) == [
        "all: false alarms 0.020; the best was 0.010",
        "held: recall 0.790; the best was 0.800",
    ]
    nothing = {("all", ""): {"recall": 0.95, "false alarms": 0.0}}
    assert detection.fallen(nothing, best) == ["held: recall has nothing to count; the best was 0.800"]


def test_a_folder_that_is_no_corpus_is_one_line_and_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detection.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"detection: {tmp_path}: no labels.csv there; name the folder of a labelled corpus\n"
    )
