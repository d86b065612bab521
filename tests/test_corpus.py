"""The labelled corpus, where AOAI_AUDIT_CORPUS names its folder: every call is there, and it is judged no worse."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jobs import rows_of

from benchmarks import detection

CORPUS = Path(os.environ.get("AOAI_AUDIT_CORPUS", ""))
DEV = CORPUS / "dev"
pytestmark = pytest.mark.skipif("AOAI_AUDIT_CORPUS" not in os.environ, reason="AOAI_AUDIT_CORPUS names no corpus")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run over the corpus leaves behind."""
    folder = tmp_path_factory.mktemp("corpus")
    detection.judge(DEV, folder)
    return folder


def test_every_labelled_call_is_in_the_store_with_its_tenant(folder: Path) -> None:
    db = folder / "corpus.duckdb"
    labels = f"read_csv('{DEV / 'labels.csv'}', all_varchar = true)"
    wanted = f"SELECT lower(replace(request_id, '-', '')) AS id, tenant_id FROM {labels}"
    there = "SELECT lower(replace(request_id, '-', '')) AS id, tenant_id FROM requests"
    assert rows_of(db, f"SELECT count(DISTINCT scenario_id) FROM {labels}") == [(264,)]
    assert rows_of(db, f"{wanted} EXCEPT {there}") == []
    buckets = "sum(frames) = sum(opened) + sum(blank) + sum(quarantined) + sum(pending)"
    assert rows_of(db, f"SELECT {buckets} FROM store.buckets") == [(True,)]


def test_no_figure_falls_below_the_best(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored = detection.score(DEV, folder / "reports" / "latest" / "violations.parquet")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(detection.table(scored)) + "\n")
    assert set(detection.read_best()) == {"all", "open", "held"}
    assert detection.fallen(scored, detection.read_best()) == []


def test_the_figures_are_those_of_the_corpus_own_scorer(folder: Path) -> None:
    violations = folder / "reports" / "latest" / "violations.parquet"
    ours = detection.score(DEV, violations)["all", ""]
    score = [sys.executable, str(CORPUS / "score.py"), str(DEV / "labels.csv"), str(violations)]
    printed = subprocess.run(score, capture_output=True, text=True, check=True, timeout=120).stdout
    theirs = {name.strip(): value for name, value in re.findall(r"([a-z ]+) (\d\.\d{3})", printed.splitlines()[-1])}
    assert {name: f"{ours[name]:.3f}" for name in theirs} == theirs
    assert len(theirs) == len(ours) - 1
