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
from analyzer.shapes.operations import apis
from analyzer.verdicts import shipped_verdicts

DEFAULT_PACKS = ("azure_openai_code_of_conduct",)
EVERYONE = "all"
GRADES = ("A", "B", "C")  # exact words, a summary or a sibling document, press
KINDS = ("approval", "consent")  # what a register of exceptions can hold: no register knows who looked at an answer
EXCEPTION_COLUMNS = ("tenant", "clause", "kind", "reference", "valid_from", "valid_to")


@dataclass(frozen=True)
class Row:
    """One row of a clause: ``binds`` these actors (or ``all``) for these uses, when all ``needs`` are true.

    ``perhaps``: actors that a human must decide about; ``exempts``: with one of these behind the use it binds nobody.
    In force perhaps from ``from_earliest`` and certainly from ``from_certain`` (None: never certainly), until ``to_*``:
    the first day outside (None: still in force). ``alone``: review unless another clause makes the subject a violation.
    """

    uses: tuple[str, ...]
    binds: tuple[str, ...]
    needs: tuple[str, ...]
    perhaps: tuple[str, ...]
    exempts: tuple[str, ...]
    alone: bool
    from_earliest: date
    from_certain: date | None
    to_earliest: date | None
    to_certain: date | None


@dataclass(frozen=True)
class Wording:
    """What is known of a clause's words in one text: how they were read (``grade``), and where (``source``).

    ``number`` is how that text counts the clause, as "no. 18"; ``quote`` its exact words; both may be empty.
    """

    text: str
    grade: str
    source: str
    number: str
    quote: str


@dataclass(frozen=True)
class Clause:
    """One prohibition, told in our words (``title``).

    ``reading``: what the words leave open and how they are read here; ``exception``: as the policy has it;
    ``cures``: circumstances by which an exception shows; ``country``: where its actors are. All but ``exception`` may
    be empty.
    """

    id: str
    title: str
    reading: str
    exception: str
    cures: tuple[str, ...]
    country: str
    wordings: tuple[Wording, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Text:
    """A version of the policy's text, the one in force from a day on."""

    version: str
    start: date
    title: str


@dataclass(frozen=True)
class Scope:
    """Which calls a policy is about; what is empty does not limit.

    ``countries`` of the tenant (two letters) or the circumstance ``said`` place a call where the policy holds; a region
    of ``regions`` (the resource's) only hints at it. ``apis``: calls of these only; ``not_apis``: of all but these.
    """

    countries: tuple[str, ...]
    said: str
    regions: tuple[str, ...]
    apis: tuple[str, ...]
    not_apis: tuple[str, ...]


@dataclass(frozen=True)
class Pack:
    """A policy. ``never``: clauses that must not be applied, with the reason."""

    id: str
    title: str
    version: int
    scope: Scope
    texts: tuple[Text, ...]
    clauses: tuple[Clause, ...]
    never: Mapping[str, str]
    sha256: str


@dataclass(frozen=True)
class Packs:
    """The chosen packs. ``cures``: of every clause that any pack knows, chosen or not."""

    chosen: tuple[Pack, ...]
    cures: Mapping[str, tuple[str, ...]]

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


def pack_names(folder: Path) -> tuple[str, ...]:
    """The packs of ``folder``: the default ones first, then by name."""
    names = sorted(path.stem for path in folder.glob("*.toml"))
    return tuple(sorted(names, key=lambda name: name not in DEFAULT_PACKS))


def load_packs(folder: Path, names: Sequence[str] = DEFAULT_PACKS) -> Packs:
    """The packs ``names`` of ``folder`` (``NAME.toml``). Raises UsageError naming file and clause."""
    known = {name: folder / f"{name}.toml" for name in pack_names(folder)}
    for name in names:
        if name not in known:
            raise UsageError(f"{folder}: no policy {name!r}; one of {', '.join(known) or 'none: the folder is empty'}")
    packs = {name: _pack(path) for name, path in known.items()}
    chosen = tuple(packs[name] for name in dict.fromkeys(names))
    ids = [clause.id for pack in chosen for clause in pack.clauses]
    twice = sorted({clause for clause in ids if ids.count(clause) > 1})
    if twice:
        raise UsageError(f"{folder}: clause {twice[0]} stands in two chosen policies; give each its own id")
    cures = {clause.id: clause.cures for pack in packs.values() for clause in pack.clauses}
    return Packs(chosen, cures)


def read_exceptions(path: Path) -> Exceptions:
    """The register of exceptions at ``path``: CSV, columns as EXCEPTION_COLUMNS, days as 2026-06-30, both inside.

    An empty ``valid_to`` means without end. Raises UsageError naming file and line.
    """
    try:
        content = path.read_bytes()
        reader = csv.reader(content.decode("utf-8-sig").splitlines())
        rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); --exceptions takes a readable CSV") from None
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(
            f"{path}:1: cannot be read as CSV in UTF-8; its columns are {','.join(EXCEPTION_COLUMNS)}"
        ) from None
    if not rows or tuple(rows[0][1]) != EXCEPTION_COLUMNS:
        raise UsageError(f"{path}:1: other columns; the first line must be {','.join(EXCEPTION_COLUMNS)}")
    entries = tuple(_exception(path, line, row) for line, row in rows[1:] if row)
    return Exceptions(entries, path, hashlib.sha256(content).hexdigest())


def check_exceptions(exceptions: Exceptions, packs: Packs, tenant_ids: Collection[str] | None = None) -> None:
    """Raises UsageError when an entry names a clause that no pack has, or a kind that does not cure it.

    ``tenant_ids``: those of the register, where it is known; an entry for another tenant would have no effect.
    """
    for entry in exceptions.entries:
        where = f"{exceptions.path}:{entry.line}"
        if entry.clause not in packs.cures:
            raise UsageError(f"{where}: no policy has the clause {entry.clause!r}; one of {', '.join(packs.cures)}")
        cures = packs.cures[entry.clause]
        if entry.kind not in cures:
            held = [cure for cure in cures if cure in KINDS]
            right = f"only {' or '.join(held)} does" if held else "nothing in a register does"
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
    _keys(f"{path}", tables, {"id", "title", "version", "text", "clause"}, {"scope", "never"})
    if tables["id"] != path.stem:
        raise UsageError(f"{path}: id is {tables['id']!r}; it must be the file's name, {path.stem!r}")
    for text in tables["text"]:
        _keys(f"{path}: text", text, {"version", "from", "title"}, set())
    for clause in tables.get("never", []):
        _keys(f"{path}: never", clause, {"id", "why"}, set())
    texts = tuple(Text(text["version"], text["from"], text["title"]) for text in tables["text"])
    clauses = tuple(
        _clause(f"{path}: {clause.get('id', 'a clause without id')}", clause) for clause in tables["clause"]
    )
    never = {clause["id"]: clause["why"] for clause in tables.get("never", [])}
    versions = [text.version for text in texts]
    for clause in clauses:
        _listed(f"{path}: {clause.id}", (wording.text for wording in clause.wordings), versions)
        if clause.id in never:
            raise UsageError(f"{path}: {clause.id}: is never to be applied and has rows; drop one of the two")
    return Pack(
        path.stem,
        tables["title"],
        tables["version"],
        _scope(f"{path}: scope", tables.get("scope", {})),
        texts,
        clauses,
        never,
        hashlib.sha256(content).hexdigest(),
    )


def _scope(where: str, table: Mapping[str, Any]) -> Scope:
    _keys(where, table, set(), {"countries", "said", "regions", "apis", "not_apis"})
    for country in table.get("countries", ()):
        if len(country) != 2 or not country.isupper():
            raise UsageError(f"{where}: {country!r} is no country; write two letters, as DE")
    for region in table.get("regions", ()):
        if not region.isalnum() or not region.islower():
            raise UsageError(f"{where}: {region!r} is no region; write it as westeurope")
    for key in ("apis", "not_apis"):
        _listed(where, table.get(key, ()), apis())
    said = table.get("said", "")
    _listed(where, [said] if said else (), shipped_verdicts().circumstances)
    if (said or "regions" in table) and "countries" not in table:
        raise UsageError(f"{where}: names no countries, only what hints at them; add countries")
    lists = (tuple(table.get(key, ())) for key in ("regions", "apis", "not_apis"))
    return Scope(tuple(table.get("countries", ())), said, *lists)


def _clause(where: str, table: Mapping[str, Any]) -> Clause:
    _keys(where, table, {"id", "title", "exception", "wording", "row"}, {"reading", "cures", "country"})
    _listed(where, table.get("cures", ()), shipped_verdicts().circumstances)
    return Clause(
        table["id"],
        table["title"],
        table.get("reading", ""),
        table["exception"],
        tuple(table.get("cures", ())),
        table.get("country", ""),
        tuple(_wording(where, wording) for wording in table["wording"]),
        tuple(_row(where, row) for row in table["row"]),
    )


def _wording(where: str, table: Mapping[str, Any]) -> Wording:
    _keys(where, table, {"text", "grade", "source"}, {"number", "quote"})
    _listed(where, [table["grade"]], GRADES)
    if "quote" in table and table["grade"] != "A":
        raise UsageError(f"{where}: quotes words of grade {table['grade']}; only words that were seen (A) are quoted")
    return Wording(table["text"], table["grade"], table["source"], table.get("number", ""), table.get("quote", ""))


def _row(where: str, table: Mapping[str, Any]) -> Row:
    dates = ("from_certain", "to_earliest", "to_certain")
    _keys(where, table, {"uses", "binds", "needs", "from_earliest"}, {"perhaps", "exempts", "alone", *dates})
    words = shipped_verdicts()
    _listed(where, table["uses"], words.uses)
    actors = [actor for actor in words.actors if actor != "unknown"]
    _listed(where, table["binds"], [EVERYONE, *actors])
    for key in ("perhaps", "exempts"):
        _listed(where, table.get(key, ()), actors)
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
        tuple(table.get("perhaps", ())),
        tuple(table.get("exempts", ())),
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
