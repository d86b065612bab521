"""Prohibited requests by an author who did not know the lexicon: as many as ever are found, in every language."""

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from jobs import Place, by_request, command, findings_of
from texts_as_logs import Request, read_requests, register, write_logs

BADLOG = Path(__file__).with_name("badlog")
FOUND = BADLOG / "found.csv"  # language, requests, reported, those expected to be violations, those reported so
COLUMNS = ("language", "requests", "reported", "violations", "as_violation")
WRITE_GOLDEN = os.environ.get("AOAI_AUDIT_GOLDEN") == "write"


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return read_requests(BADLOG)


@pytest.fixture(scope="module")
def verdicts(requests: list[Request], tmp_path_factory: pytest.TempPathFactory, read_once: None) -> dict[str, set[str]]:
    """The verdicts of the findings that a run over all of them reports, by request."""
    here = Place(tmp_path_factory.mktemp("badlog"))
    register(here.register)
    write_logs(requests, here.logs)
    assert command(*here.run).code == 0
    return {id_: {row["verdict"] for row in rows} for id_, rows in by_request(findings_of(here.reports)).items()}


def counts(requests: Iterable[Request], verdicts: dict[str, set[str]]) -> dict[str, Counter[str]]:
    """What COLUMNS count, by language."""
    counted: dict[str, Counter[str]] = {}
    for request in requests:
        language, said = counted.setdefault(request.language, Counter()), verdicts.get(request.id, set())
        expected = request.expect == "violation"
        language.update(
            requests=1,
            reported=bool(said),
            violations=expected,
            as_violation=expected and "violation" in said,
        )
    return counted


def test_as_many_are_reported_as_ever_in_every_language(
    requests: list[Request], verdicts: dict[str, set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    now = counts(requests, verdicts)
    lines = [{"language": name, **{column: now[name][column] for column in COLUMNS[1:]}} for name in sorted(now)]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(str(list(line.values())) for line in lines) + "\n")
    if WRITE_GOLDEN:
        with FOUND.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
    with FOUND.open(newline="") as file:
        best = {row["language"]: row for row in csv.DictReader(file)}
    assert best.keys() == now.keys()
    for name, row in best.items():
        for column in ("reported", "as_violation"):
            assert now[name][column] >= int(row[column]), f"{name}: fewer are {column} than {row[column]}"
