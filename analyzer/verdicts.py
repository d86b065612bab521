"""The closed lists of rules and verdicts, and the severity table.

Rule: they stand once, in ``queries/verdicts.toml``; the code and ``docs/verdicts.md`` both come from there.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from analyzer import shipped
from analyzer.errors import UsageError

STRENGTHS = ("strong", "weak")
VERDICTS = ("violation", "review")


@dataclass(frozen=True)
class SeverityRow:
    """One row of the severity table; an empty tuple fits everything, every circumstance must be true."""

    uses: tuple[str, ...]
    actors: tuple[str, ...]
    circumstances: tuple[str, ...]
    level: str
    why: str


@dataclass(frozen=True)
class Verdicts:
    """The words, each with the phrase an explanation uses for it, and the severity table in its order.

    ``levels`` run from the least severe; ``outcomes`` from the most fulfilled.
    """

    uses: Mapping[str, str]
    circumstances: Mapping[str, str]
    actors: Mapping[str, str]
    outcomes: Mapping[str, str]
    levels: tuple[str, ...]
    severity: tuple[SeverityRow, ...]
    lower_outcomes: tuple[str, ...]
    lower_verdicts: tuple[str, ...]
    sha256: str


@cache
def shipped_verdicts() -> Verdicts:
    """The lists that come with the tool. Raises UsageError."""
    return load_verdicts(shipped.folder("queries") / "verdicts.toml")


def load_verdicts(path: Path) -> Verdicts:
    """The lists in the file at ``path``. Raises UsageError naming file and line or row."""
    try:
        content = path.read_bytes()
        tables = tomllib.loads(content.decode())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); it comes with the tool") from error
    except ValueError as error:
        raise UsageError(f"{path}: not TOML ({str(error).splitlines()[0]}); see docs/verdicts.md") from error
    try:
        return _verdicts(path, tables, hashlib.sha256(content).hexdigest())
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: a table or a key is missing ({error}); see docs/verdicts.md") from error


def _verdicts(path: Path, tables: Mapping[str, Any], sha256: str) -> Verdicts:
    severity = tables["severity"]
    read = Verdicts(
        uses=tables["uses"],
        circumstances=tables["circumstances"],
        actors=tables["actors"],
        outcomes=tables["outcomes"],
        levels=tuple(severity["levels"]),
        severity=tuple(
            SeverityRow(tuple(row["uses"]), tuple(row["actors"]), tuple(row["circumstances"]), row["level"], row["why"])
            for row in severity["row"]
        ),
        lower_outcomes=tuple(severity["lower_outcomes"]),
        lower_verdicts=tuple(severity["lower_verdicts"]),
        sha256=sha256,
    )
    for number, row in enumerate(read.severity, start=1):
        _check_row(f"{path}: severity row {number}", row, read)
    last = read.severity[-1]
    if last.uses or last.actors or last.circumstances:
        raise UsageError(f"{path}: the last severity row does not fit everything; end with three empty lists")
    return read


def _check_row(where: str, row: SeverityRow, read: Verdicts) -> None:
    for given, known in (
        (row.uses, read.uses),
        (row.actors, read.actors),
        (row.circumstances, read.circumstances),
        ((row.level,), dict.fromkeys(read.levels)),
    ):
        for word in given:
            if word not in known:
                raise UsageError(f"{where}: {word!r} is not listed; one of {', '.join(known)}")


def page(read: Verdicts) -> str:
    """``docs/verdicts.md`` as Markdown."""
    lists = [
        ("Uses", "What a rule can find (`use` in its header).", read.uses),
        (
            "Circumstances",
            "What a rule can know around a use. A name that is absent is not known; a name outside this list is an"
            " error. `face`: by words, structure or detection, what is compared are faces or portraits.",
            read.circumstances,
        ),
        ("Actors", "By or for whom a request acts.", read.actors),
        (
            "Outcomes",
            "How a request ended, the most fulfilled first; a finding has the first of its requests'.",
            read.outcomes,
        ),
    ]
    blocks = [_INTRODUCTION]
    blocks += [
        f"## {title}\n\n{about}\n\n{_table(('word', 'said as'), words.items())}" for title, about, words in lists
    ]
    rows = [
        (", ".join(r.uses) or "any", ", ".join(r.actors) or "any", ", ".join(r.circumstances) or "any", r.level, r.why)
        for r in read.severity
    ]
    table = _table(("use", "actor", "circumstances, all true", "severity", "why"), rows)
    blocks.append(
        f"## Severity\n\nThe first row that fits gives the level, of {', '.join(read.levels)}. One level lower when "
        f"the outcome is {' or '.join(read.lower_outcomes)}, and one level lower when the verdict is "
        f"{' or '.join(read.lower_verdicts)}; never below {read.levels[0]}.\n\n{table}"
    )
    return "\n".join(blocks)


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


_INTRODUCTION = """# Verdicts

Made from `queries/verdicts.toml` by `make golden`; change that file, not this one.

A rule says which *use* it found, how strongly, and under which *circumstances*. `queries/judge.sql` joins uses with
actors and with the rows of the chosen policy packs (`queries/policies/`): one finding for each rule, clause and
subject.

A row of a clause meets a use when the row

* names the use, and is in force on the day of at least one cited request (`from` and `to` have an earliest and a
  certain day each; a `to` day is the first one outside),
* binds one of the actors of the cited requests, and exempts none of them (with a confidence of 0.5 or more),
* has its needs met: all circumstances it needs are true, or some are and none of the rest is known to be false, and
* is of a policy that is about these calls: of their api, and where they took place. A policy that holds in some
  countries only meets a use when the tenant's country is one of them, or the log says that it took place there, or,
  as a review, when the resource stands in one of its regions. Where nothing tells the place it does not meet it.

The verdict is **violation**, unless one of these makes it a **review**:

| reason | meaning |
| --- | --- |
| weak signs | the rule found the use by weak signs only |
| uncertain date | on no cited day the clause was certainly in force |
| fragments | the content could only be read in pieces, and no single piece proves the use |
| unsure actor | the confidence in the actor is under 0.5 |
| unknown actor | nobody is known to stand behind it; only clauses that bind everyone apply |
| police not known | a body that contains police, or a vendor that names no agency, meets a clause that binds police |
| actor for a human | the row says that it perhaps binds this actor |
| place not known | only the region of the resource hints that the policy holds there |
| needs not known | some of the circumstances the clause needs were not seen |
| cure | a circumstance that the clause accepts shows in the log, or a consent or approval stands in the register |
| alone | the clause stays a review unless another clause makes the same subject a violation |

A cure that is false or not known counts as absent, and the explanation says that it was not seen in the log. No cure
of a clause counts for another. A finding under review is never hidden. Where several bound actors stand behind a use,
the one with the highest confidence is named (then role `by`, then name).

The explanation of a finding is one sentence: by or for whom, when, the use, how it ended, the verdict with the clause
in our words, and why; then the text of the policy in force that day and the number of the clause in it, how its words
are known (quoted or read: grade A; a summary or a sibling document: B; the press: C), what is a reading of ours, and
which exception the clause has. Where the words of that text were not seen, it says from which other text they are.
[policies.md](policies.md) has every clause with its sources.
"""
