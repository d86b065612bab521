"""Many patterns in many texts: every form is read once for telling words, then each pattern only where it may match.

Rule: the words decide what is worth reading, never what is found; a test holds the result against every pattern on
every text. Regexes run in polars only (Rust regex, linear in the text).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import polars as pl

from analyzer.fold import FROM, TO, Form
from analyzer.gates import Gate

_GAP = re.compile(r"\[\^\.!\?;\\n\]\{0,\d+\}\?")
_Mask = np.ndarray[Any, np.dtype[np.bool_]]
_Rows = np.ndarray[Any, np.dtype[np.uint32]]
_Bits = np.ndarray[Any, np.dtype[np.uint8]]  # a bit for every text, eight to a byte
# Words that are no reason to read a text's digits as letters when nothing but them is hidden: w1ll, h1s, 0ne.
_EVERYDAY = re.findall(
    r"\w+",
    """a an the is are was were be it its this that these those he they him them his their i we you my our your me us
    of in on at to for from with by and or as if not no do does did can will may any all each every has have had which
    what who how when where there here one two s w u""",
)


@dataclass(frozen=True)
class Pattern:
    """Alternatives that are searched as one: each a regex (Rust, over a form) and its gate, open where it matches."""

    name: str
    parts: tuple[tuple[str, Gate], ...]


@dataclass(frozen=True)
class Patterns:
    """Patterns that are searched together."""

    all: tuple[Pattern, ...]

    @cached_property
    def words(self) -> frozenset[str]:
        """The words (with a blank), word beginnings and foreign letters that the gates ask for."""
        words: set[str] = set()
        known: set[Gate] = set()
        more = [gate for pattern in self.all for _, gate in pattern.parts]
        while more:
            gate = more.pop()
            if gate not in known:
                known.add(gate)
                words |= gate.words
                more += (*gate.any, *gate.all)
        return frozenset(words)

    @cached_property
    def telling(self) -> str:
        """A regex of the words that are worth a look when they are hidden by digits."""
        hidden = (word for word in self.words if not any(f"{everyday} ".startswith(word) for everyday in _EVERYDAY))
        return _words(word for word in hidden if len(word.strip()) > 1)

    @cached_property
    def finder(self) -> str:
        """A regex that finds, whole, every word and every run of foreign letters that meets a need."""
        return rf"{_words(self.words)}|[^\x00-\x7f]+"

    def met_by(self, word: str) -> frozenset[str]:
        """Which of ``words`` a word of a text meets."""
        if not word.isascii():
            starts = (start for start, letter in enumerate(word) if letter in self._foreign)
            return self.words.intersection(
                word[start : start + size] for start in starts for size in range(1, self._longest + 1)
            )
        whole = word + " "
        either = (whole, f"{whole[0]}?{whole[2:]}")
        return self.words.intersection(text[:size] for text in either for size in range(1, self._longest + 1))

    @cached_property
    def _foreign(self) -> frozenset[str]:
        """The letters that foreign words begin with."""
        return frozenset(word[0] for word in self.words if not word.isascii())

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.words), default=0)


def _words(words: Iterable[str]) -> str:
    """A regex that finds, whole, the words that are or begin as one of ``words``.

    Those with a joker stand apart: an alternation of nothing but letters is a trie, and thirty times as fast.
    """
    ends = {True: r"(?-u:\b)", False: "[0-9a-z]*"}
    kinds: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    for word in sorted(filter(str.isascii, words)):
        kinds["?" in word, word.endswith(" ")].append(word.strip().replace("?", "[0-9a-z_]"))
    if not kinds:
        return r"[^\s\S]"  # there are none to be found
    found = "|".join(f"(?:{'|'.join(kinds[kind])}){ends[kind[1]]}" for kind in sorted(kinds))
    return rf"(?-u:\b)(?:{found})"


@dataclass(frozen=True)
class Found:
    """Where one pattern matched in one form: ``frame`` has row, marked (matches between FROM and TO) and before."""

    pattern: Pattern
    form: Form
    frame: pl.DataFrame


def search(forms: Sequence[Form], patterns: Patterns, *, gated: bool = True) -> Iterator[Found]:
    """What the patterns find in the forms, in the order of the patterns. ``gated=False`` reads every text for each."""
    if not patterns.all or not forms:
        return
    texts = _together(forms)
    seen = _Seen(texts["form"], patterns) if gated else None
    for pattern in patterns.all:
        hits = _marked(texts, pattern, seen)
        if hits is None:
            continue
        for number in hits["of"].unique().sort().to_list():
            yield Found(pattern, forms[number], hits.filter(pl.col("of") == number))


def _together(forms: Sequence[Form]) -> pl.DataFrame:
    """All forms in one frame (of: number of the form, row, form, before), so that a regex is compiled once."""
    frames = [
        form.frame.select(
            pl.lit(number, pl.UInt8).alias("of"),
            "row",
            "form",
            pl.col("before") if "before" in form.frame.columns else pl.lit(None, pl.String).alias("before"),
        )
        for number, form in enumerate(forms)
    ]
    return pl.concat(frames, rechunk=True)


def _marked(texts: pl.DataFrame, pattern: Pattern, seen: "_Seen | None") -> pl.DataFrame | None:
    """The rows of ``texts`` that the pattern matches, with the matches marked; ``seen`` None: every row is read.

    None where it matches nowhere: most patterns do so, and an empty frame takes as long to make as a full one.
    """
    matched = np.zeros(texts.height, dtype=bool)
    opened: list[tuple[str, _Mask]] = []
    for regex, gate in pattern.parts:
        rows = np.ones(texts.height, dtype=bool) if seen is None else seen.open_to(gate)
        if rows is None:
            continue
        opened.append((regex, rows))
        places = np.flatnonzero(rows & ~matched)
        for step in (_loose(regex), regex) if "{0," in regex else (regex,):
            if len(places):
                places = places[texts["form"].gather(places).str.contains(step).to_numpy()]
        matched[places] = True
    if not matched.any():
        return None
    hits = texts.filter(pl.Series(matched))
    # an alternative whose gate is closed on every hit can have no part in a match, so it need not be compiled
    union = "|".join(f"(?:{regex})" for regex, rows in opened if (rows & matched).any())
    marked = pl.col("form").str.replace_all(union, FROM + "${0}" + TO)
    return hits.with_columns(marked=marked)


def _loose(regex: str) -> str:
    """The regex with gaps of any length inside a sentence: matches wherever it does, several times faster to run,
    because an automaton need not count."""
    return _GAP.sub(r"[^.!?;\\n]*", regex)


class _Seen:
    """Which texts have which words, and so which gates are open to them."""

    def __init__(self, texts: pl.Series, patterns: Patterns) -> None:
        self._height = texts.len()
        self._words = _words_seen(texts, patterns)
        self._known: dict[Gate, _Bits | None] = {}  # None: open to no text

    def open_to(self, gate: Gate) -> _Mask | None:
        """The texts that have what the gate asks for; None if there are none."""
        bits = self._open(gate)
        return None if bits is None else np.unpackbits(bits, count=self._height).view(bool)

    def _open(self, gate: Gate) -> _Bits | None:
        if gate not in self._known:
            bits = self._opened(gate)
            self._known[gate] = bits if bits is not None and bits.any() else None
        return self._known[gate]

    def _opened(self, gate: Gate) -> _Bits | None:
        if gate.all:
            return self._open_together(gate.all)
        if gate.any:
            choices = [bits for bits in map(self._open, gate.any) if bits is not None]
        elif gate.is_open:
            return np.full((self._height + 7) // 8, 255, dtype=np.uint8)
        else:
            choices = [self._words[word] for word in gate.words & self._words.keys()]
        return reduce(np.bitwise_or, choices) if choices else None

    def _open_together(self, gates: Iterable[Gate]) -> _Bits | None:
        """The texts that all of the gates are open to; a closed one ends the look."""
        together: _Bits | None = None
        for gate in gates:
            bits = self._open(gate)
            if bits is None:
                return None
            together = bits if together is None else together & bits
        return together


def _words_seen(texts: pl.Series, patterns: Patterns) -> dict[str, _Bits]:
    """The texts that have each word, or one that begins so; a word that no text has is left out."""
    words_of = pl.col("form").str.extract_all(patterns.finder)
    found = pl.DataFrame({"form": texts}).with_row_index("at").select("at", words_of.alias("word"))
    places: dict[str, list[_Rows]] = defaultdict(list)
    found = found.explode("word").drop_nulls().group_by("word").agg("at")
    for word, at in zip(found["word"], found["at"], strict=True):
        for met in patterns.met_by(word):
            places[met].append(at.to_numpy())
    seen = {}
    for word, held in places.items():
        mask = np.zeros(texts.len(), dtype=bool)
        mask[np.concatenate(held)] = True
        seen[word] = np.packbits(mask)
    return seen
