"""Policy packs and the register of exceptions: who is bound by what since when, and what cures it, as data.

Rule: a pack or a register that is wrong never judges; a mistake is one line that names file and row.
"""

import csv
import hashlib
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from analyzer.errors import UsageError
from analyzer.verdicts import shipped_verdicts

DEFAULT_PACKS = ("azure_openai_code_of_conduct",)
EVERYONE = "all"
CURES = ("consent", "approval", "human_review")
KINDS = ("approval", "consent")  # what a register of exceptions can hold: no register knows who looked at an answer
EXCEPTION_COLUMNS = ("tenant", "clause", "kind", "reference", "valid_from", "valid_to")


@dataclass(frozen=True)
class Row:
    """One row of a clause: ``binds`` these actors (or ``all``) for these uses, when all ``needs`` are true.

    In force perhaps from ``from_earliest`` and certainly from ``from_certain`` (None: never certainly), until ``to_*``:
    the first day outside (None: still in force). ``alone``: review unless another clause makes the subject a violation.
    """

    uses: tuple[str, ...]
    binds: tuple[str, ...]
    needs: tuple[str, ...]
    alone: bool
    from_earliest: date
    from_certain: date | None
    to_earliest: date | None
    to_certain: date | None


@dataclass(frozen=True)
class Clause:
    """One prohibition. ``numbers``: its number in a text, by the text's version; ``cure``, ``country`` may be empty."""

    id: str
    title: str
    note: str
    grade: str
    cure: str
    country: str
    numbers: Mapping[str, int]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Text:
    """A version of the policy's text, the one in force from a day on."""

    version: str
    start: date
    title: str


@dataclass(frozen=True)
class Pack:
    """A policy. ``never``: clauses that must not be applied, with the reason."""

    id: str
    title: str
    version: int
    texts: tuple[Text, ...]
    clauses: tuple[Clause, ...]
    never: Mapping[str, str]
    sha256: str


@dataclass(frozen=True)
class Packs:
    """The chosen packs. ``cures``: of every clause that any pack knows, chosen or not."""

    chosen: tuple[Pack, ...]
    cures: Mapping[str, str]

    @property
    def version(self) -> str:
        """SHA-256 over the chosen packs and the lists they are judged with, hex."""
        parts = [shipped_verdicts().sha256, *(pack.sha256 for pack in self.chosen)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class ExceptionEntry:
    """An approval or a consent that no log can show; valid on both days and between."""

    tenant: str
    clause: str
    kind: str
    reference: str
    valid_from: date
    valid_to: date
    line: int


@dataclass(frozen=True)
class Exceptions:
    """The register of exceptions; ``sha256`` is empty when there is none."""

    entries: tuple[ExceptionEntry, ...]
    path: Path | None
    sha256: str


NO_EXCEPTIONS = Exceptions((), None, "")


def load_packs(folder: Path, names: Sequence[str] = DEFAULT_PACKS) -> Packs:
    """The packs ``names`` of ``folder`` (``NAME.toml``). Raises UsageError naming file and clause."""
    known = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    for name in names:
        if name not in known:
            raise UsageError(f"{folder}: no policy {name!r}; one of {', '.join(known) or 'none: the folder is empty'}")
    packs = {name: _pack(path) for name, path in known.items()}
    chosen = tuple(packs[name] for name in dict.fromkeys(names))
    ids = [clause.id for pack in chosen for clause in pack.clauses]
    twice = sorted({clause for clause in ids if ids.count(clause) > 1})
    if twice:
        raise UsageError(f"{folder}: clause {twice[0]} stands in two chosen policies; give each its own id")
    cures = {clause.id: clause.cure for pack in packs.values() for clause in pack.clauses}
    return Packs(chosen, cures)


def read_exceptions(path: Path) -> Exceptions:
    """The register of exceptions at ``path``: CSV, columns as EXCEPTION_COLUMNS, days as 2026-06-30, both inside.

    An empty ``valid_to`` means without end. Raises UsageError naming file and line.
    """
    try:
        content = path.read_bytes()
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); --exceptions takes a readable CSV") from None
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(
            f"{path}:1: cannot be read as CSV in UTF-8; its columns are {','.join(EXCEPTION_COLUMNS)}"
        ) from None
    if not rows or tuple(rows[0]) != EXCEPTION_COLUMNS:
        raise UsageError(f"{path}:1: other columns; the first line must be {','.join(EXCEPTION_COLUMNS)}")
    entries = tuple(_exception(path, n, row) for n, row in enumerate(rows[1:], start=2) if row)
    return Exceptions(entries, path, hashlib.sha256(content).hexdigest())


def check_exceptions(exceptions: Exceptions, packs: Packs, tenant_ids: Collection[str] | None = None) -> None:
    """Raises UsageError when an entry names a clause that no pack has, or a kind that does not cure it.

    ``tenant_ids``: those of the register, where it is known; an entry for another tenant would have no effect.
    """
    for entry in exceptions.entries:
        where = f"{exceptions.path}:{entry.line}"
        if entry.clause not in packs.cures:
            raise UsageError(f"{where}: no policy has the clause {entry.clause!r}; one of {', '.join(packs.cures)}")
        cure = packs.cures[entry.clause]
        if entry.kind != cure:
            right = f"only {cure} does" if cure in KINDS else "nothing in a register does"
            raise UsageError(f"{where}: {entry.kind} does not cure {entry.clause}; {right}")
        if tenant_ids is not None and not entry.tenant.startswith("unknown:") and entry.tenant not in tenant_ids:
            raise UsageError(
                f"{where}: the register has no tenant {entry.tenant!r}; write a tenant_id that stands there"
            )


# --- packs ------------------------------------------------------------------------------------------------------------


def _pack(path: Path) -> Pack:
    try:
        content = path.read_bytes()
        tables = tomllib.loads(content.decode())
    except OSError as error:
        raise UsageError(f"{path}:1: cannot be read ({error.strerror}); give a policy file") from None
    except ValueError as error:
        raise UsageError(f"{path}:1: not TOML ({str(error).splitlines()[0]}); see docs/verdicts.md") from None
    _keys(f"{path}", tables, {"id", "title", "version", "text", "clause"}, {"never"})
    if tables["id"] != path.stem:
        raise UsageError(f"{path}: id is {tables['id']!r}; it must be the file's name, {path.stem!r}")
    texts = tuple(Text(text["version"], text["from"], text["title"]) for text in tables["text"])
    clauses = tuple(
        _clause(f"{path}: {clause.get('id', 'a clause without id')}", clause) for clause in tables["clause"]
    )
    never = {clause["id"]: clause["why"] for clause in tables.get("never", [])}
    for clause in clauses:
        unknown = sorted(set(clause.numbers) - {text.version for text in texts})
        if unknown or clause.id in never:
            raise UsageError(
                f"{path}: {clause.id}: numbers a text that is not listed, or is never to be applied; fix it"
            )
    return Pack(
        path.stem, tables["title"], tables["version"], texts, clauses, never, hashlib.sha256(content).hexdigest()
    )


def _clause(where: str, table: Mapping[str, Any]) -> Clause:
    _keys(where, table, {"id", "title", "grade", "row"}, {"note", "cure", "country", "numbers"})
    cure = table.get("cure", "")
    if cure and cure not in CURES:
        raise UsageError(f"{where}: {cure!r} is no cure; one of {', '.join(CURES)}")
    rows = tuple(_row(where, row) for row in table["row"])
    return Clause(
        table["id"],
        table["title"],
        table.get("note", ""),
        table["grade"],
        cure,
        table.get("country", ""),
        table.get("numbers", {}),
        rows,
    )


def _row(where: str, table: Mapping[str, Any]) -> Row:
    dates = ("from_certain", "to_earliest", "to_certain")
    _keys(where, table, {"uses", "binds", "needs", "from_earliest"}, {"alone", *dates})
    words = shipped_verdicts()
    _listed(where, table["uses"], words.uses)
    _listed(where, table["binds"], [EVERYONE, *(actor for actor in words.actors if actor != "unknown")])
    _listed(where, table["needs"], words.circumstances)
    if table.get("alone", "review") != "review":
        raise UsageError(f"{where}: alone is {table['alone']!r}; the one value is 'review'")
    for key in ("from_earliest", *dates):
        if key in table and (not isinstance(table[key], date) or isinstance(table[key], datetime)):
            raise UsageError(f"{where}: {key} is no day; write 2026-05-01 without quotes")
    earliest = table["from_earliest"]
    certain, gone, surely_gone = (table.get(key) for key in dates)
    if (certain and certain < earliest) or (gone is None) != (surely_gone is None) or (gone and surely_gone < gone):
        raise UsageError(f"{where}: days in the wrong order; earliest before certain, and both `to` days or none")
    return Row(
        tuple(table["uses"]),
        tuple(table["binds"]),
        tuple(table["needs"]),
        "alone" in table,
        earliest,
        certain,
        gone,
        surely_gone,
    )


def _keys(where: str, table: Mapping[str, Any], required: set[str], optional: set[str]) -> None:
    for key in sorted(required - set(table)):
        raise UsageError(f"{where}: has no {key}; its keys are {', '.join(sorted(required))}")
    for key in sorted(set(table) - required - optional):
        raise UsageError(f"{where}: unknown key {key!r}; its keys are {', '.join(sorted(required | optional))}")


def _listed(where: str, words: Iterable[str], known: Iterable[str]) -> None:
    for word in words:
        if word not in known:
            raise UsageError(f"{where}: {word!r} is not listed; one of {', '.join(known)}")


# --- exceptions -------------------------------------------------------------------------------------------------------


def _exception(path: Path, line: int, row: Sequence[str]) -> ExceptionEntry:
    where = f"{path}:{line}"
    if len(row) != len(EXCEPTION_COLUMNS):
        raise UsageError(f"{where}: {len(row)} columns; {len(EXCEPTION_COLUMNS)} are {','.join(EXCEPTION_COLUMNS)}")
    tenant, clause, kind, reference, first, last = (cell.strip() for cell in row)
    if kind not in KINDS:
        raise UsageError(f"{where}: kind is not listed; one of {', '.join(KINDS)}")
    if not tenant or not reference or not reference.isprintable() or len(reference) > 200:
        raise UsageError(f"{where}: tenant or reference is empty or unreadable; name the tenant_id and the document")
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last) if last else date.max
    except ValueError:
        raise UsageError(f"{where}: valid_from or valid_to is no day; write 2026-06-30") from None
    if end < start:
        raise UsageError(f"{where}: valid_to lies before valid_from; swap them")
    return ExceptionEntry(tenant, clause, kind, reference, start, end, line)
