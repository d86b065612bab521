"""Reads the public .gov registry (github.com/cisagov/dotgov-data) into proposals for the register.

Rule: the registry names bodies, it does not know what they are. So ``class`` stays empty in a proposed row: the tool
goes on deciding by name and domain, with its confidence, until the customer writes a class.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from analyzer import csv_file
from analyzer.classifier import Patterns, classify, host_of, load_patterns
from analyzer.errors import UsageError
from analyzer.register import COLUMNS
from analyzer.shipped import folder

PROPOSED = ("us_police", "us_federal_le", "le_adjacent")

# Where each form of the header has the domain, the larger body, the smaller body and the state.
_FORMS = {
    "2026": ("domain name", "organization name", "suborganization name", "state"),
    "2025": ("domain name", "agency", "organization name", "state"),
    "2023": ("domain name", "agency", "organization", "state"),
}
_NO_AGENCY = "non-federal agency"  # in the column agency of the older forms
_TAKES = "it takes current-full.csv of the .gov registry"


@dataclass(frozen=True)
class Unread:
    """A row that could not be read, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Proposal:
    """Rows in the register's columns; how many bodies of each class were ``taken`` and ``left``; what was unread."""

    rows: tuple[dict[str, str], ...]
    taken: dict[str, int]
    left: dict[str, int]
    unread: tuple[Unread, ...]


def import_dotgov(path: Path, patterns: Patterns | None = None) -> Proposal:
    """The bodies of law enforcement and beside it in a registry of any of its three header forms.

    Every row is taken, left or unread. ``patterns``: those that come with the tool when None. Raises UsageError when
    the file cannot be read or is no such registry.
    """
    line, header, read = csv_file.headed(path, _TAKES, _TAKES)
    places = _places(path, line, header)
    known = patterns or load_patterns(folder("queries") / "tenants")
    rows: list[dict[str, str]] = []
    unread: list[Unread] = []
    taken, left = Counter[str](), Counter[str]()
    seen: set[str] = set()
    for line, cells in read:
        if reason := _wrong(cells, header, places, seen):
            unread.append(Unread(line, reason))
            continue
        row = _row(cells, places)
        seen.add(row["domain"])
        said = classify(row["name"], row["domain"], "US", row["state"], known).tenant_class
        if said in PROPOSED:
            rows.append(row)
            taken[said] += 1
        else:
            left[said] += 1
    return Proposal(tuple(rows), dict(sorted(taken.items())), dict(sorted(left.items())), tuple(unread))


def _places(path: Path, line: int, header: list[str]) -> tuple[int, ...]:
    names = [name.strip().lower() for name in header]
    for form in _FORMS.values():
        if all(names.count(name) == 1 for name in form):
            return tuple(names.index(name) for name in form)
    forms = " or ".join(",".join(form) for form in _FORMS.values())
    raise UsageError(f"{path}:{line}: no header of the .gov registry; it has the columns {forms}, each once")


def _wrong(cells: list[str], header: list[str], places: tuple[int, ...], seen: set[str]) -> str:
    """Why a row cannot be read; empty when it can."""
    if len(cells) != len(header):
        return f"{len(cells)} cells, the header has {len(header)}"
    domain = host_of(cells[places[0]])
    if not domain.endswith(".gov") or " " in domain:
        return "no domain below .gov"
    if domain in seen:
        return "the domain stands in an earlier row"
    return ""


def _row(cells: list[str], places: tuple[int, ...]) -> dict[str, str]:
    domain, larger, smaller, state = (" ".join(cells[place].split()) for place in places)
    bodies = [body for body in (larger, smaller) if body and body.lower() != _NO_AGENCY]
    host = host_of(domain)
    known = {
        "tenant_id": host,
        "name": ", ".join(dict.fromkeys(bodies)),
        "domain": host,
        "country": "US",
        "state": state,
    }
    return {column: known.get(column, "") for column in COLUMNS}
