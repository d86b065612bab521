"""The labelled corpus, where AOAI_AUDIT_CORPUS names its folder: every call is there, the figures have no floor yet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jobs import ROOT, rows_of

CORPUS = Path(os.environ.get("AOAI_AUDIT_CORPUS", ""))
pytestmark = pytest.mark.skipif("AOAI_AUDIT_CORPUS" not in os.environ, reason="AOAI_AUDIT_CORPUS names no corpus")


def test_the_corpus_is_judged_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev, db, reports = CORPUS / "dev", tmp_path / "corpus.duckdb", tmp_path / "reports"
    job = [sys.executable, "-m", "analyzer", "run", str(dev / "logs"), "--db", str(db)]
    job += ["--register", str(dev / "tenants.csv"), "--reports", str(reports)]
    ran = subprocess.run(job, capture_output=True, text=True, cwd=ROOT, check=False, timeout=900)
    assert ran.returncode in (0, 3), ran.stderr  # 3: a line of the corpus is broken on purpose
    score = [sys.executable, str(CORPUS / "score.py"), str(dev / "labels.csv")]
    scored = subprocess.run(
        [*score, str(reports / "latest" / "violations.parquet"), "--misses", "20"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    with capsys.disabled():
        sys.stdout.write(f"\n{ran.stderr}\n{scored.stdout}\n")
    assert scored.returncode == 0, scored.stderr
    assert "recall" in scored.stdout
    assert rows_of(db, "SELECT count(*) > 100 FROM requests") == [(True,)]
    labels = f"read_csv('{dev / 'labels.csv'}', all_varchar = true)"
    wanted = f"SELECT lower(replace(request_id, '-', '')) AS id, tenant_id FROM {labels}"
    there = "SELECT lower(replace(request_id, '-', '')) AS id, tenant_id FROM requests"
    assert rows_of(db, f"SELECT count(DISTINCT scenario_id) FROM {labels}") == [(264,)]
    assert rows_of(db, f"{wanted} EXCEPT {there}") == []
    buckets = "sum(frames) = sum(opened) + sum(blank) + sum(quarantined) + sum(pending)"
    assert rows_of(db, f"SELECT {buckets} FROM store.buckets") == [(True,)]
