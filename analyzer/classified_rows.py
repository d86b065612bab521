"""Classifies the bodies that stand in a CSV: the same rows with class, confidence and evidence."""

from itertools import chain
from pathlib import Path

import pyarrow as pa

from analyzer import csv_file
from analyzer.classifier import Patterns, classify, load_patterns
from analyzer.errors import UsageError
from analyzer.shipped import folder

COLUMNS = ("name", "domain", "country", "state")
ADDED = ("class", "confidence", "evidence")

_TAKES = f"it takes a CSV with the columns {','.join(COLUMNS)}"


def classify_file(path: Path, patterns: Patterns | None = None) -> pa.Table:
    """The rows of a CSV (columns as COLUMNS, in any order and case; more are kept) with those of ADDED behind them.

    A column of the file that is called as one of ADDED is kept as ``given_class`` and so on. Equal bodies are
    classified once. ``patterns``: those that come with the tool when None. Raises UsageError naming file and line.
    """
    line, header, read = csv_file.headed(path, _TAKES, f"its first line should be {','.join(COLUMNS)}")
    header = [_kept(name.strip()) for name in header]
    places = _places(path, line, header)
    rows = []
    for line, cells in read:
        csv_file.check_width(path, line, cells, header)
        rows.append(cells)
    return _answer(header, rows, places, patterns or load_patterns(folder("queries") / "tenants"))


def _kept(name: str) -> str:
    return f"given_{name}" if name.lower() in ADDED else name


def _places(path: Path, line: int, header: list[str]) -> list[int]:
    """Where the columns of COLUMNS stand."""
    names = [name.lower() for name in header]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path}:{line}: the column {name!r} stands twice; name each column once")
    if missing := next((name for name in COLUMNS if name not in names), None):
        raise UsageError(f"{path}:{line}: no column {missing!r}; needed are {','.join(COLUMNS)}")
    return [names.index(name) for name in COLUMNS]


def _answer(header: list[str], rows: list[list[str]], places: list[int], patterns: Patterns) -> pa.Table:
    name, domain, country, state = places
    bodies = [(row[name].strip(), row[domain].strip(), row[country].strip(), row[state].strip()) for row in rows]
    said = {body: classify(*body, patterns) for body in dict.fromkeys(bodies)}
    answers = [said[body] for body in bodies]
    columns = [pa.array([cells[place] for cells in rows], pa.string()) for place in range(len(header))]
    added = [
        pa.array([answer.tenant_class for answer in answers], pa.string()),
        pa.array([answer.confidence for answer in answers], pa.float64()),
        pa.array([list(answer.evidence) for answer in answers], pa.list_(pa.string())),
    ]
    return pa.table(list(chain(columns, added)), names=[*header, *ADDED])
