"""How well names and domains are classified, against bodies that a person has labelled.

The file is a CSV with the columns domain, organization, suborg, state, label (le, le_adjacent, not_le), kind, sample;
``sample`` names how a row was drawn, and several are joined by ``+``. Only the ``random…`` samples are free of choice,
so only their rates are held to the limits. Exit code 1 when a limit is broken, 2 when the file cannot be read.

    python -m benchmarks.classify labels.csv
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.classifier import POLICE, Patterns, classify, load_patterns
from analyzer.shipped import folder

RATE_LIMIT = 0.95  # of recall and of precision, each
NEVER_POLICE = ("prosecutor", "court", "corrections", "dispatch")  # kinds
NEEDED = ("domain", "organization", "suborg", "state", "label", "kind", "sample")


@dataclass(frozen=True)
class Judged:
    """A labelled row and what the classifier says of it."""

    domain: str
    name: str
    label: str
    kind: str
    sample: str
    said: str
    evidence: str

    @property
    def is_police(self) -> bool:
        return self.label == "le"

    @property
    def said_police(self) -> bool:
        return self.said in POLICE


@dataclass(frozen=True)
class Rates:
    """Of the police among ``rows``, how many are found; of those found, how many are. None where there are none."""

    rows: int
    police: int
    found: int
    right: int

    @property
    def recall(self) -> float | None:
        return self.right / self.police if self.police else None

    @property
    def precision(self) -> float | None:
        return self.right / self.found if self.found else None


def judged(labels: Path, patterns: Patterns) -> Iterator[Judged]:
    """Every row of the file with its class; raises ValueError when a column is missing."""
    with labels.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        if missing := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
            raise ValueError(f"{labels}:1: no column {missing[0]!r}; needed are {','.join(NEEDED)}")
        for row in reader:
            name = ", ".join(part for part in (row["organization"], row["suborg"]) if part)
            said = classify(name, row["domain"], "US", row["state"], patterns)
            yield Judged(
                row["domain"], name, row["label"], row["kind"], row["sample"], said.tenant_class, said.evidence[0]
            )


def rates(rows: Iterable[Judged]) -> Rates:
    """Recall and precision of police over rows."""
    listed = list(rows)
    return Rates(
        rows=len(listed),
        police=sum(row.is_police for row in listed),
        found=sum(row.said_police for row in listed),
        right=sum(row.is_police and row.said_police for row in listed),
    )


def shown(what: str, measured: Rates) -> str:
    """A line of the table."""
    recall, precision = (
        "   none" if rate is None else f"{rate:7.3f}" for rate in (measured.recall, measured.precision)
    )
    return f"{what:<28} {measured.rows:5} rows {measured.police:4} police   recall {recall}   precision {precision}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classify", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("labels", type=Path, metavar="LABELS.csv", help="labelled bodies")
    parser.add_argument("--misses", action="store_true", help="also name each row that is told wrongly")
    given = parser.parse_args(arguments)
    try:
        rows = list(judged(given.labels, load_patterns(folder("queries") / "tenants")))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    random = rates(row for row in rows if "random" in row.sample)
    samples = sorted({sample for row in rows for sample in row.sample.split("+")})
    never = [row for row in rows if row.kind in NEVER_POLICE and not row.is_police]
    wrong = [row for row in never if row.said_police]
    lines = [
        *(
            shown(f"sample {sample}", rates(row for row in rows if sample in row.sample.split("+")))
            for sample in samples
        ),
        shown("all random samples", random),
        shown("all", rates(rows)),
        f"prosecutors, courts, corrections, dispatch: {len(never)}, told as police: {len(wrong)}",
    ]
    if given.misses:
        lines += [
            f"{row.label} {row.domain} ({row.name}): {row.said} by {row.evidence}"
            for row in rows
            if row.is_police != row.said_police
        ]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    held = all(rate is None or rate >= RATE_LIMIT for rate in (random.recall, random.precision))
    return 0 if held and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
