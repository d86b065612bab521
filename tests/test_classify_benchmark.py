"""The rates of the classifier on labelled bodies: what is counted, and when the limits are broken."""

from pathlib import Path

import pytest

from benchmarks import classify

HEADER = "domain,organization,suborg,city,state,label,kind,note,sample"
GOOD = [
    "calderpd.gov,City of Calder,,Calder,OH,le,police,,random_pos",
    "quellsheriff.gov,Quell County Sheriff's Office,,Quell,OH,le,sheriff,,random_pos+curated",
    "larkmoor.gov,City of Larkmoor,,Larkmoor,OH,not_le,none,,random_neg",
    "quellda.gov,Quell County District Attorney,,Quell,OH,le_adjacent,prosecutor,,random_neg",
]
MISSED = "opaque.gov,Office of Opaque Matters,,Quell,OH,le,police,,{}"
FALSE = "museumpd.gov,Calder Falls Police,,Quell,OH,le_adjacent,{},,curated"


def run(folder: Path, capsys: pytest.CaptureFixture[str], *lines: str) -> tuple[int, str]:
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    code = classify.main([str(path), "--misses"])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_all_told_rightly_holds_the_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(tmp_path, capsys, HEADER, *GOOD)
    assert code == 0
    assert "dispatch: 1, told as police: 0" in shown
    assert [line.split()[:3] for line in shown.splitlines()[:3]] == [
        ["sample", "curated", "1"], ["sample", "random_neg", "2"], ["sample", "random_pos", "2"],
    ]  # fmt: skip


def test_a_miss_in_a_random_sample_breaks_the_limit_and_one_in_a_chosen_sample_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = run(tmp_path, capsys, HEADER, *GOOD, MISSED.format("random_neg"))
    assert code == 1
    assert "all random samples               5 rows    3 police   recall   0.667   precision   1.000" in shown
    assert "le opaque.gov (Office of Opaque Matters): unknown" in shown
    assert run(tmp_path, capsys, HEADER, *GOOD, MISSED.format("curated"))[0] == 0


def test_a_court_told_as_police_breaks_the_limit_in_any_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, capsys, HEADER, *GOOD, FALSE.format("none"))[0] == 0
    code, shown = run(tmp_path, capsys, HEADER, *GOOD, FALSE.format("court"))
    assert code == 1
    assert "told as police: 1" in shown


def test_a_file_without_labels_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(tmp_path, capsys, HEADER.replace("label,", ""), GOOD[0])
    assert (code, "no column 'label'" in shown) == (2, True)
    assert classify.main([str(tmp_path / "none.csv")]) == 2
