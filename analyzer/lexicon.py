"""The lexicon: what is looked for in texts, by idea and by context, read from ``queries/lexicon/*.toml``.

Rule: an entry that is not proven by its own examples and near misses does not load; a mistake is one line that names
file and line.

A pattern is a Rust regex over a searched form (see :mod:`analyzer.fold`: lower case, ``_`` as a blank, no accents; the
pattern's own accents go too, so either spelling may be written), with short hands: ``{name}`` for an alternation named
in a file's ``[words]`` table; a blank for any break between two words (blanks, a line end, ``-``, ``/``, a dot without
a blank after it, a camelCase joint); ``<40>`` for a gap of at most 40 characters inside a sentence; ``\\b \\w \\d \\s``
mean ASCII, which keeps the search fast on any text.
"""

import hashlib
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import polars as pl

from analyzer.compiled import compiled
from analyzer.errors import UsageError
from analyzer.fold import as_read, forms
from analyzer.garbage import collected_later
from analyzer.gates import TOKEN, gate
from analyzer.search import Pattern, Patterns, search

READING = 2  # raise when fold.py or the pattern language changes what is found; part of every lexicon's version

_USES = """identify verify compare enrol identify_voice track locate watch stalk categorise infer_emotion
    infer_age_gender infer_trait scrape_faces crime_risk social_score consequential_decision act_on"""
_THINGS = "face booking_picture gallery face_vector voice person plate"
_CIRCUMSTANCES = "live mobile fixed_camera public_place work_or_school consent approval human_review apprehended"
_ANSWERS = "refusal match_result still_answers"
_ACTORS = """actor_us_police actor_us_federal_le actor_foreign_le actor_police actor_le_vendor
    actor_le_adjacent"""
_CONTEXTS = """negation policy legal news training fiction software redaction counting clothes plates animal refusal
    quoted_report allowed_attribute marketing audio_only celebrity"""
IDEAS = frozenset(" ".join([_USES, _THINGS, _CIRCUMSTANCES, _ANSWERS, _ACTORS]).split())
CONTEXTS = frozenset(_CONTEXTS.split())
SIDES = ("before", "after", "both")

_REQUIRED: dict[str, Any] = {"id": str, "language": str, "patterns": list, "about": str, "examples": list, "near": list}
_OPTIONAL: dict[str, Any] = {"idea": str, "context": str, "reach": (int, str), "side": str}
_BREAK = r"(?:[ \t\r\n\x1f/\-]{1,4}|\.)"
_NAME = re.compile(r"\{([a-z_]+)\}")
_INSIDE = {r"\w": "0-9a-z_", r"\d": "0-9", r"\s": r"\t\n\x0b\x0c\r \x1f"}
_OUTSIDE = {r"\b": r"(?-u:\b)", " ": _BREAK} | {name: f"[{letters}]" for name, letters in _INSIDE.items()}


@dataclass(frozen=True)
class Entry:
    """One thing looked for. ``idea`` or ``context`` is set, never both.

    ``reach`` (contexts): characters between context and signal within one sentence, or ``text`` for anywhere.
    """

    id: str
    idea: str
    context: str
    reach: int | str
    side: str
    language: str
    pattern: Pattern


@dataclass(frozen=True)
class Lexicon:
    """All entries by id; ``version`` is the SHA-256 of their content, independent of files, order and layout."""

    entries: tuple[Entry, ...]
    version: str

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        """Each entry under its id."""
        return {entry.id: entry for entry in self.entries}

    @cached_property
    def signals(self) -> Patterns:
        """The patterns of the entries that stand for an idea."""
        return Patterns(tuple(entry.pattern for entry in self.entries if entry.idea))

    @cached_property
    def english(self) -> "Lexicon":
        """What a plainly English text is searched for: entries in English or in no one language; the same version."""
        return Lexicon(tuple(entry for entry in self.entries if entry.language in ("en", "mul")), self.version)

    @cached_property
    def contexts(self) -> Patterns:
        """The patterns of the entries that colour the signals near them."""
        return Patterns(tuple(entry.pattern for entry in self.entries if entry.context))


def load_lexicon(folder: Path, prove: bool = True) -> Lexicon:
    """The lexicon in ``folder``'s TOML files.

    ``prove``: each pattern must compile, and each entry find its examples and none of its near misses; a run trusts
    the shipped lexicon, which the tests and ``rules check`` prove. Raises UsageError ``FILE:LINE: what; what would be
    right`` for the first mistake, in order of file and line.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise UsageError(f"{folder}: no lexicon here; a folder with *.toml files of [[entry]] tables")
    if prove:
        return _read_lexicon(files, prove)
    code = [Path(__file__).with_name(f"{module}.py") for module in ("fold", "gates", "lexicon", "search")]
    return compiled("lexicon", [*files, *code], lambda: _read_lexicon(files, prove))


def _read_lexicon(files: Sequence[Path], prove: bool) -> Lexicon:
    documents = [(file, *_parsed(file)) for file in files]
    words = _words(documents)
    read = [item for file, document, lines in documents for item in _read(file, document, lines)]
    _check_ids(read)
    with collected_later():
        entries = [_entry(raw, words, where, prove) for raw, where in read]
    if prove:
        _check_texts([(entry, raw, where) for entry, (raw, where) in zip(entries, read, strict=True)])
    content = json.dumps(
        [READING, words, sorted((raw for raw, _ in read), key=lambda raw: str(raw["id"]))], sort_keys=True
    )
    version = hashlib.sha256(content.encode()).hexdigest()
    return Lexicon(tuple(sorted(entries, key=lambda entry: entry.id)), version)


@dataclass(frozen=True)
class _Where:
    """An entry's lines in its file."""

    file: Path
    first: int
    lines: tuple[str, ...]

    def error(self, what: str, right: str, near: str = "") -> UsageError:
        """The one-line error at the entry's first line that holds ``near``."""
        held = (number for number, line in enumerate(self.lines) if near and near in line)
        message = f"{self.file}:{self.first + next(held, 0)}: {what}; {right}"
        return UsageError(" ".join(message.split()))


def _parsed(file: Path) -> tuple[dict[str, Any], list[str]]:
    """The file's TOML and its lines."""
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text), text.splitlines()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise UsageError(f"{file}:{line[1] if line else 1}: not TOML in UTF-8 ({error}); [[entry]] tables") from None


def _words(documents: list[tuple[Path, dict[str, Any], list[str]]]) -> dict[str, str]:
    """The named alternations of all files, each a regex in a group; they may use words named before them."""
    words: dict[str, str] = {}
    for file, document, lines in documents:
        table = document.get("words", {})
        if not isinstance(table, dict):
            raise UsageError(f'{file}:1: words is no table; [words] with NAME = ["regex", …]')
        for name, alternatives in table.items():
            where = _Where(file, 1, tuple(lines))
            if not isinstance(alternatives, list) or not all(isinstance(a, str) and a for a in alternatives):
                raise where.error(f"word {name!r} is no list of texts", "a list of regexes", f"{name} =")
            if name in words or not re.fullmatch("[a-z][a-z_]*", name):
                raise where.error(f"word {name!r} is named twice or oddly", "one lower-case name", f"{name} =")
            words[name] = as_read(f"(?:{'|'.join(_with_words(a, words, where) for a in alternatives)})")
    return words


def _with_words(pattern: str, words: Mapping[str, str], where: "_Where") -> str:
    """The pattern with its ``{name}`` written out."""
    for name in _NAME.findall(pattern):
        if name not in words:
            raise where.error(f"unknown word {{{name}}}", f"one of {', '.join(words)}", pattern)
    return _NAME.sub(lambda found: words[found[1]], pattern)


def _read(file: Path, document: dict[str, Any], lines: list[str]) -> Iterator[tuple[dict[str, Any], _Where]]:
    """The raw entries of one file with their places, keys and types checked."""
    heads = [number for number, line in enumerate(lines) if re.match(r"\s*\[\[\s*entry\s*\]\]", line)]
    raws = document.get("entry", [])
    strange = sorted(set(document) - {"entry", "words"})
    if strange or not isinstance(raws, list) or len(raws) != len(heads):
        raise UsageError(f"{file}:1: {(strange or ['entry'])[0]} is no [[entry]] or [words]; only these")
    for raw, head, end in zip(raws, heads, [*heads[1:], len(lines)][: len(heads)], strict=True):
        where = _Where(file, head + 1, tuple(lines[head:end]))
        _check_keys(raw, where)
        yield raw, where


def _check_keys(raw: dict[str, Any], where: _Where) -> None:
    """Raise for unknown, missing or ill-typed keys and for words that are not in the contract."""
    known = _REQUIRED | _OPTIONAL
    for key, value in raw.items():
        if key not in known:
            raise where.error(f"unknown key {key!r}", f"one of {', '.join(known)}", key)
        if not isinstance(value, known[key]) or isinstance(value, bool):
            raise where.error(f"{key} has the wrong type", "text, or a list of texts", key)
        if isinstance(value, list) and not all(isinstance(item, str) and item for item in value):
            raise where.error(f"{key} holds something that is no text", "a list of texts that are not empty", key)
        if isinstance(value, list | str) and not value and key != "near":
            raise where.error(f"{key} is empty", "something in it", key)
    missing = [key for key in _REQUIRED if key not in raw]
    if missing:
        raise where.error(f"{missing[0]} is missing", f"all of {', '.join(_REQUIRED)}")
    if ("idea" in raw) == ("context" in raw):
        raise where.error("neither or both of idea and context", "exactly one of them")
    if "idea" in raw and raw["idea"] not in IDEAS:
        raise where.error("unknown idea", f"one of {' '.join(sorted(IDEAS))}", "idea")
    if "context" in raw:
        _check_context(raw, where)
    elif "reach" in raw or "side" in raw:
        raise where.error("reach or side without context", "only entries with a context have them", "reach")


def _check_context(raw: dict[str, Any], where: _Where) -> None:
    """Raise for an unknown context, reach or side."""
    if raw["context"] not in CONTEXTS:
        raise where.error("unknown context", f"one of {' '.join(sorted(CONTEXTS))}", "context")
    reach = raw.get("reach")
    if reach != "text" and not (isinstance(reach, int) and 0 <= reach <= 1000):
        raise where.error("no such reach", 'characters from 0 to 1000, or "text"', "reach")
    if raw.get("side", "both") not in SIDES:
        raise where.error("no such side", f"one of {', '.join(SIDES)}", "side")


def _check_ids(read: Iterable[tuple[dict[str, Any], _Where]]) -> None:
    """Raise for an id that two entries share."""
    seen: dict[str, _Where] = {}
    for raw, where in read:
        first = seen.setdefault(raw["id"], where)
        if first is not where:
            raise where.error(f"id {raw['id']!r} stands at {first.file.name}:{first.first} too", "another id", "id")
        if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+", raw["id"]):
            raise where.error("id is no dotted name", "lower-case words such as compare.same_person", "id")


def _entry(raw: dict[str, Any], words: Mapping[str, str], where: _Where, prove: bool) -> Entry:
    """The entry with its patterns read, and compiled once to ``prove`` them."""
    parts = []
    for written in raw["patterns"]:
        _with_words(written, words, where)
        if re.search(r"[A-Z]", re.sub(r"\\.", "", written)):
            raise where.error("a pattern with a capital letter never matches", "lower case", written)
        pattern = as_read(written)
        regex = rust(pattern, words)
        problem = _problem(regex) if prove else ""
        if problem:
            raise where.error(problem, "a Rust regex that needs a word", written)
        parts.append((regex, gate(pattern, words)))
    return Entry(
        id=raw["id"],
        idea=raw.get("idea", ""),
        context=raw.get("context", ""),
        reach=raw.get("reach", 0),
        side=raw.get("side", "both"),
        language=raw["language"],
        pattern=Pattern(raw["id"], tuple(parts)),
    )


def rust(pattern: str, words: Mapping[str, str]) -> str:
    """The Rust regex of a pattern: its short hands written out."""
    return "".join(_written_out(token, words) for token in TOKEN.findall(pattern))


def _written_out(token: str, words: Mapping[str, str]) -> str:
    if token.startswith("["):
        for name, letters in _INSIDE.items():
            token = token.replace(name, letters)
        return token
    if token.startswith("<") and len(token) > 2:
        return rf"[^.!?;\n]{{0,{token[1:-1]}}}?"
    named = _NAME.fullmatch(token)
    return _plain_word(words[named[1]]) if named else _OUTSIDE.get(token, token)


@cache
def _plain_word(text: str) -> str:
    return rust(text, {})


def _problem(regex: str) -> str:
    """What is wrong with the regex, in one line; empty if nothing."""
    try:
        empty = pl.Series([""], dtype=pl.String).str.contains(regex)[0]
    except pl.exceptions.ComputeError as error:
        said = [line for line in str(error).splitlines() if line.startswith("error:")]
        return f"pattern does not compile ({(said or ['error: unknown'])[0].removeprefix('error: ')})"
    return "pattern matches the empty text" if empty else ""


def _check_texts(entries: list[tuple[Entry, dict[str, Any], _Where]]) -> None:
    """Raise for an example that its entry does not find, or a near miss that it does."""
    patterns = Patterns(tuple(entry.pattern for entry, _, _ in entries))
    texts = [text for _, raw, _ in entries for text in (*raw["examples"], *raw["near"])]
    searched = forms(pl.Series(texts, dtype=pl.String), patterns.telling)
    found: dict[str, set[int]] = defaultdict(set)
    for hits in search(searched, patterns):
        found[hits.pattern.name].update(hits.frame["row"].to_list())
    row = 0
    for entry, raw, where in entries:
        for kind, text in [*(("example", t) for t in raw["examples"]), *(("near", t) for t in raw["near"])]:
            shown = repr(text[:60])
            if kind == "example" and row not in found[entry.id]:
                raise where.error(f"an example of {entry.id} does not match: {shown}", "one that does", text)
            if kind == "near" and row in found[entry.id]:
                raise where.error(f"a near text of {entry.id} matches: {shown}", "one that does not", text)
            row += 1
