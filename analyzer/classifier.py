"""What kind of body a tenant is, told from its name, domain, country and state by ``queries/tenants/*``.

Rule: nothing found means unknown, never "not police"; every answer names the entries that gave it. The evidence is read
in a fixed order: a domain on a list, the name, the labels of the domain, the list of vendors, umbrellas.
"""

import csv
import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from analyzer.errors import UsageError

CLASSES = ("us_police", "us_federal_le", "foreign_le", "le_vendor", "le_adjacent", "umbrella", "other")
POLICE = ("us_police", "us_federal_le", "foreign_le")

LISTED, NAMED, LABELLED, UMBRELLA, NO_COUNTRY, VENDOR = 0.95, 0.9, 0.8, 0.7, 0.4, 0.4

PLACES = ("domain list", "name", "domain label", "vendor list", "umbrella list", "umbrella words")

_SAYS = {*CLASSES, "police", "veto"} - {"other"}
UNITED_STATES = frozenset(
    {"us", "usa", "united states", "united states of america", "pr", "gu", "vi", "as", "mp", "um"}
)
# country codes that anyone registers in, whatever the country
_OPEN_TLDS = {"ai", "app", "cc", "co", "fm", "gg", "io", "la", "me", "so", "to", "tv", "ws"}
_LONGEST_NAME = 500  # characters; more is no name, and patterns may look back and forth in it
_QUOTES = str.maketrans("\u2018\u2019\u201b\u2032\u00b4`\u201c\u201d\u2010\u2011\u2012\u2013\u2014", "''''''\"\"-----")
_STROKES = str.maketrans("\u0142\u00f8\u0111\u0131", "lodi")  # letters that Unicode does not take apart
_ACCENTS = re.compile("[\u0300-\u036f]")
_WORD = re.compile(r"\{([a-z_]+)\}")
_ENTRY_KEYS = {"id", "class", "language", "patterns", "about", "examples", "near"}
_ENTRY_OPTIONS = {"on", "where", "countries", "unless", "stem", "name"}
_DOMAIN_COLUMNS = ["domain", "match", "country", "class", "body", "evidence"]
_SUFFIX_COLUMNS = ["suffix", "country", "evidence"]


@dataclass(frozen=True)
class Classification:
    """A tenant's class with a confidence from 0 to 1 and the reasons, the deciding one first."""

    tenant_class: str
    confidence: float
    evidence: tuple[str, ...]


NOTHING = Classification("unknown", 0.0, ("nothing known by name or domain",))


@dataclass(frozen=True)
class Piece:
    """One entry that was found. ``place``: where in the order of reading; ``says``: a class, police or veto.

    ``said`` is None for a veto of labels, and for labels behind it: reading goes on with what comes after the labels.
    """

    place: str
    entry: str
    says: str
    about: str
    said: Classification | None


@dataclass(frozen=True)
class Entry:
    """One pattern entry; ``regex`` sees a folded name or one label of a domain (see :func:`fold`)."""

    id: str
    says: str
    language: str
    on: str
    regex: re.Pattern[str]
    unless: re.Pattern[str] | None
    where: str
    countries: tuple[str, ...]
    stem: str
    about: str


@dataclass(frozen=True)
class Domain:
    """A domain that is known: ``match`` is suffix (it and everything below) or glob (the whole host)."""

    domain: str
    match: str
    country: str
    says: str
    about: str


@dataclass(frozen=True)
class Patterns:
    """Everything of ``queries/tenants``; ``shared`` are the listed domains of umbrellas, ``version`` is a SHA-256."""

    names: tuple[Entry, ...]
    labels: tuple[Entry, ...]
    umbrellas: tuple[Entry, ...]
    domains: tuple[Domain, ...]
    vendors: tuple[Domain, ...]
    shared: tuple[Domain, ...]
    government: dict[str, str]
    states: frozenset[str]
    version: str


@dataclass(frozen=True)
class _Body:
    """What is known of one tenant, folded. ``nation`` is an upper-case code, US, or empty when nothing tells."""

    name: str
    initials: str
    host: str
    labels: tuple[str, ...]
    government: bool
    nation: str
    states: frozenset[str]


def fold(text: str) -> str:
    """Lower case, without accents on letters, curly quotes, double blanks; ``&`` reads "and"."""
    plain = unicodedata.normalize("NFKD", text.translate(_QUOTES).lower().translate(_STROKES).replace("&", " and "))
    return " ".join(unicodedata.normalize("NFC", _ACCENTS.sub("", plain)).split())


def host_of(domain: str) -> str:
    """The host in ``domain``: lower case, no scheme, user, port, path, ``www.``; labels in ``xn--`` decoded."""
    host = re.sub(r"^[a-z]+://", "", domain.strip().lower())
    host = re.split(r"[/?#]", host, maxsplit=1)[0].rsplit("@", 1)[-1].split(":")[0].strip(".").removeprefix("www.")
    return ".".join(fold(_decoded(label)) for label in host.split(".")) if host else ""


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


# --- classify ---------------------------------------------------------------------------------------------------------


def classify(name: str, domain: str, country: str, state: str, patterns: Patterns) -> Classification:
    """The class that name and domain speak for; unknown with confidence 0 when nothing is found.

    Police words in the United States (country or, when empty, what domain and state tell) are ``us_police``, elsewhere
    ``foreign_le``; where no country is known, by their language and at 0.4, for a review: police may be of any country.
    """
    found = (piece.said for piece in _pieces(_body(name, domain, country, state, patterns), patterns))
    return next((said for said in found if said), NOTHING)


def pieces(name: str, domain: str, country: str, state: str, patterns: Patterns) -> tuple[Piece, ...]:
    """All entries that are found, in the order of PLACES; the first that says a class decides."""
    return tuple(_pieces(_body(name, domain, country, state, patterns), patterns))


def _pieces(body: _Body, patterns: Patterns) -> Iterator[Piece]:
    yield from _by_domain("domain list", body, patterns.domains, LISTED)
    yield from _by_name(body, patterns.names)
    yield from _by_label(body, patterns.labels)
    yield from _by_domain("vendor list", body, patterns.vendors, VENDOR)
    yield from _by_domain("umbrella list", body, patterns.shared, UMBRELLA)
    yield from _by_umbrella(body, patterns.umbrellas)


def _body(name: str, domain: str, country: str, state: str, patterns: Patterns) -> _Body:
    host = host_of(domain[:_LONGEST_NAME])
    suffix = _longest_suffix(host, patterns.government)
    folded = fold(name[:_LONGEST_NAME])
    return _Body(
        name=folded,
        initials=_initials(folded),
        host=host,
        labels=tuple(host.split(".")[:-1]),
        government=suffix != "",
        nation=_nation(country, state, host, patterns.government.get(suffix, ""), patterns.states),
        states=patterns.states,
    )


def _initials(name: str) -> str:
    return "".join(word[0] for word in re.findall(r"[a-z0-9]+", name) if word not in ("of", "the", "and", "s"))


def _longest_suffix(host: str, government: dict[str, str]) -> str:
    labels = host.split(".")
    tails = (".".join(labels[start:]) for start in range(len(labels)))
    return next((tail for tail in tails if tail in government), "")


def _nation(country: str, state: str, host: str, of_suffix: str, states: frozenset[str]) -> str:
    """The country as told, else that of a government suffix or a country domain, else US for an American state."""
    told = fold(country)
    if told:
        return "US" if told in UNITED_STATES else told.upper()
    top = host.rpartition(".")[2]
    if of_suffix:
        return of_suffix
    if len(top) == 2 and top.isascii() and top not in _OPEN_TLDS:
        return "GB" if top == "uk" else top.upper()
    return "US" if fold(state) in states else ""


def _by_domain(place: str, body: _Body, domains: tuple[Domain, ...], confidence: float) -> Iterator[Piece]:
    for domain in domains:
        if _is_at(body, domain):
            evidence = (f"domain on the list: {domain.domain}",)
            veto = domain.says == "veto"
            said = Classification("unknown" if veto else domain.says, 0.0 if veto else confidence, evidence)
            yield Piece(place, domain.domain, domain.says, domain.about, said)


def _is_at(body: _Body, domain: Domain) -> bool:
    if domain.match == "suffix":
        return body.host == domain.domain or body.host.endswith("." + domain.domain)
    return fnmatchcase(body.host, domain.domain) and body.nation in ("", domain.country)


def _by_name(body: _Body, entries: tuple[Entry, ...]) -> Iterator[Piece]:
    for entry in entries:
        if _speaks(entry, body) and _hits(entry, body.name, body):
            yield Piece("name", entry.id, entry.says, entry.about, _said(entry, body, NAMED, "name"))


def _by_label(body: _Body, entries: tuple[Entry, ...]) -> Iterator[Piece]:
    vetoed = False
    for entry in entries:
        if _speaks(entry, body) and any(_hits(entry, label, body) for label in body.labels):
            vetoed = vetoed or entry.says == "veto"
            said = None if vetoed else _said(entry, body, LABELLED, "domain")
            yield Piece("domain label", entry.id, entry.says, entry.about, said)


def _by_umbrella(body: _Body, entries: tuple[Entry, ...]) -> Iterator[Piece]:
    for entry in entries:
        texts = body.labels if entry.on == "label" else (body.name,)
        if _speaks(entry, body) and any(_hits(entry, text, body) for text in texts):
            said = Classification("umbrella", UMBRELLA, (f"{entry.on}: {entry.id}",))
            yield Piece("umbrella words", entry.id, entry.says, entry.about, said)


def _speaks(entry: Entry, body: _Body) -> bool:
    """Whether an entry is meant for this country and sort of domain; an unknown country excludes nothing."""
    if entry.where and (entry.where == "government") != body.government:
        return False
    return not entry.countries or not body.nation or body.nation in entry.countries


def _hits(entry: Entry, text: str, body: _Body) -> bool:
    if not text or (entry.unless and entry.unless.search(text)):
        return False
    match = entry.regex.search(text)
    if match is None or not entry.stem:
        return match is not None
    stem = next((value for value in match.groupdict().values() if value is not None), "").replace("-", "")
    return _is_named(stem, body) == (entry.stem == "named")


def _is_named(stem: str, body: _Body) -> bool:
    """Whether ``stem`` is whole words of the name run together, or their initials; a state's code may follow it."""
    stems = {stem, stem[:-2]} if stem[-2:] in body.states else {stem}
    return any(
        (len(one) > 1 and one in body.initials)
        or (len(one) > 3 and re.search(rf"\b{'[^a-z0-9]*'.join(map(re.escape, one))}\b", body.name))
        for one in stems
    )


def _said(entry: Entry, body: _Body, confidence: float, where: str) -> Classification:
    evidence = f"{where}: {entry.id}"
    if entry.says == "veto":
        return Classification("unknown", 0.0, (evidence,))
    said = entry.says
    if said == "police":
        home = body.nation == "US" or (not body.nation and entry.language == "en")
        said = "us_police" if home else "foreign_le"
    if said == "le_vendor":
        return Classification(said, VENDOR, (evidence,))
    if said in POLICE and not body.nation:
        return Classification(said, NO_COUNTRY, (evidence, "no country known"))
    return Classification(said, confidence, (evidence,))


# --- load -------------------------------------------------------------------------------------------------------------


def load_patterns(folder: Path) -> Patterns:
    """The patterns of a folder such as ``queries/tenants``.

    Raises UsageError when a file is missing, an entry is malformed or not proven by its own examples and near misses.
    """
    files = {name: _text(folder / name) for name in _FILES}
    words = _toml(folder / "words.toml", files["words.toml"]).get("words", {})
    domains = [
        row
        for name in ("domains_federal.csv", "domains_states.csv", "domains_foreign.csv")
        for row in _domains(folder / name, files[name])
    ]
    return Patterns(
        names=_entries(folder / "names.toml", files["names.toml"], words, "name"),
        labels=_entries(folder / "labels.toml", files["labels.toml"], words, "label"),
        umbrellas=_entries(folder / "umbrella.toml", files["umbrella.toml"], words, ""),
        domains=tuple(domain for domain in domains if domain.says != "umbrella"),
        shared=tuple(domain for domain in domains if domain.says == "umbrella"),
        vendors=tuple(_domains(folder / "domains_vendors.csv", files["domains_vendors.csv"])),
        government={
            row["suffix"]: row["country"]
            for _, row in _rows(folder / "gov_suffixes.csv", files["gov_suffixes.csv"], _SUFFIX_COLUMNS)
        },
        states=_states(words),
        version=hashlib.sha256("\0".join(files[name] for name in _FILES).encode()).hexdigest(),
    )


_FILES = (
    "words.toml",
    "names.toml",
    "labels.toml",
    "umbrella.toml",
    "domains_federal.csv",
    "domains_states.csv",
    "domains_foreign.csv",
    "domains_vendors.csv",
    "gov_suffixes.csv",
)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; tenant patterns need {', '.join(_FILES)}") from None
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path}: cannot be read; it should be a readable file in UTF-8") from None


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}; see the files beside it") from None


def _rows(path: Path, text: str, columns: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(text.splitlines(keepends=True))
    if reader.fieldnames != columns:
        raise UsageError(f"{path}:1: the columns are not {','.join(columns)}; write them in this order")
    for row in reader:
        if None in row or None in row.values() or not all(row[name] for name in columns if name != "country"):
            raise UsageError(f"{path}:{reader.line_num}: a column is empty or missing; fill {','.join(columns)}")
        yield reader.line_num, row


def _domains(path: Path, text: str) -> Iterator[Domain]:
    for line, row in _rows(path, text, _DOMAIN_COLUMNS):
        if row["match"] not in ("suffix", "glob") or row["class"] not in _SAYS:
            raise UsageError(f"{path}:{line}: unknown match or class; match is suffix or glob, class a tenant class")
        yield Domain(row["domain"], row["match"], row["country"], row["class"], f"{row['body']}; {row['evidence']}")


def _states(words: dict[str, str]) -> frozenset[str]:
    """Codes and names of the states, in lower case."""
    return frozenset(f"{words.get('st', '')}|{words.get('state', '')}".split("|"))


def _entries(path: Path, text: str, words: dict[str, str], on: str) -> tuple[Entry, ...]:
    raws = _toml(path, text).get("entry", [])
    entries = tuple(_entry(path, raw, words, on) for raw in raws)
    ids = [entry.id for entry in entries]
    if len(set(ids)) < len(ids):
        raise UsageError(f"{path}: an entry's id stands twice; give each its own")
    return entries


def _entry(path: Path, raw: dict[str, Any], words: dict[str, str], on: str) -> Entry:
    where = f"{path}: entry {raw.get('id', '?')}"
    if _ENTRY_KEYS - raw.keys() or raw.keys() - _ENTRY_KEYS - _ENTRY_OPTIONS or raw["class"] not in _SAYS:
        raise UsageError(f"{where}: a key is missing or unknown, or the class is; needed: {', '.join(_ENTRY_KEYS)}")
    entry = Entry(
        id=raw["id"],
        says=raw["class"],
        language=raw["language"],
        on=on or raw.get("on", "name"),
        regex=_joined(where, raw["patterns"], words),
        unless=_joined(where, [raw["unless"]], words) if "unless" in raw else None,
        where=raw.get("where", ""),
        countries=tuple(raw.get("countries", ())),
        stem=raw.get("stem", ""),
        about=raw["about"],
    )
    _prove(where, entry, raw, _states(words))
    return entry


def _joined(where: str, patterns: list[str], words: dict[str, str]) -> re.Pattern[str]:
    """One regex of many; a named group may stand in each, so they are numbered apart."""
    try:
        whole = [_WORD.sub(lambda match: f"(?:{words[match[1]]})", pattern) for pattern in patterns]
        numbered = [pattern.replace("(?P<stem>", f"(?P<stem{number}>") for number, pattern in enumerate(whole)]
        return re.compile("|".join(f"(?:{pattern})" for pattern in numbered))
    except KeyError as error:
        raise UsageError(f"{where}: no word {error.args[0]!r}; name it in words.toml") from None
    except re.error as error:
        raise UsageError(f"{where}: a pattern is no regular expression ({error.msg}); mend it") from None


def _prove(where: str, entry: Entry, raw: dict[str, Any], states: frozenset[str]) -> None:
    """Raise UsageError unless every example is hit and no near miss is."""
    name = fold(raw.get("name", ""))
    body = _Body(name, _initials(name), host="", labels=(), government=True, nation="", states=states)
    for text in raw["examples"]:
        if not _hits(entry, fold(text), body):
            raise UsageError(f"{where}: its example {text!r} is not found; mend the pattern or the example")
    for text in raw["near"]:
        if _hits(entry, fold(text), body):
            raise UsageError(f"{where}: its near miss {text!r} is found; mend the pattern or the near miss")
