"""Many patterns in many texts: every form is read once for telling words, then each pattern only where it may match.

Rule: the words decide what is worth reading, never what is found; a test holds the result against every pattern on
every text. Regexes run in polars only (Rust regex, linear in the text).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from analyzer.fold import FROM, TO, Form
from analyzer.gates import Gate, Need

_GAP = re.compile(r"\[\^\.!\?;\\n\]\{0,\d+\}\?")
_Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Pattern:
    """Alternatives that are searched as one: each a regex (Rust, over a form) and its gates, one of which is open
    wherever it matches."""

    name: str
    parts: tuple[tuple[str, frozenset[Gate]], ...]

    @property
    def regex(self) -> str:
        """The alternatives as one regex."""
        return "|".join(f"(?:{regex})" for regex, _ in self.parts)

    @property
    def gates(self) -> frozenset[Gate]:
        """The gates of all alternatives."""
        return frozenset(gate for _, gates in self.parts for gate in gates)


@dataclass(frozen=True)
class Patterns:
    """Patterns that are searched together."""

    all: tuple[Pattern, ...]

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """The distinct needs of all gates, in a fixed order."""
        return tuple(sorted({n for p in self.all for gate in p.gates for n in gate}, key=sorted))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words (with a blank) and word beginnings of all needs."""
        return tuple(sorted({word for need in self.needs for word in need}))

    @cached_property
    def telling(self) -> str:
        """A regex that finds every word that meets a need, whole."""
        whole = "|".join(word.strip() for word in self.words if word.endswith(" "))
        begun = "|".join(word for word in self.words if not word.endswith(" "))
        return rf"(?-u:\b)(?:(?:{whole})(?-u:\b)|(?:{begun})[0-9a-z]*)" if begun else rf"(?-u:\b)(?:{whole})(?-u:\b)"

    def met_by(self, word: str) -> list[int]:
        """The places in ``words`` of what a word of a text meets."""
        keys = [word + " ", *(word[:size] for size in range(1, min(len(word), self._longest) + 1))]
        return [self._places[key] for key in keys if key in self._places]

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.words), default=0)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}


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
    met = _met(texts["form"], patterns) if gated else None
    for pattern in patterns.all:
        hits = _marked(texts, pattern, met)
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
    return pl.concat(frames)


def _marked(texts: pl.DataFrame, pattern: Pattern, met: dict[Need, _Mask] | None) -> pl.DataFrame:
    """The rows of ``texts`` that the pattern matches, with the matches marked; ``met`` None: every row is read."""
    matched = np.zeros(texts.height, dtype=bool)
    for regex, gates in pattern.parts:
        open_rows = _open(texts.height, gates, met) if met is not None else np.ones(texts.height, dtype=bool)
        places = np.flatnonzero(open_rows & ~matched)
        for step in (_loose(regex), regex) if "{0," in regex else (regex,):
            if len(places):
                places = places[texts["form"].gather(places).str.contains(step).to_numpy()]
        matched[places] = True
    hits = texts.filter(pl.Series(matched)) if matched.any() else texts.clear()
    marked = pl.col("form").str.replace_all(pattern.regex, FROM + "${0}" + TO)
    return hits.with_columns(marked=marked if hits.height else pl.col("form"))


def _loose(regex: str) -> str:
    """The regex with gaps of any length inside a sentence: matches wherever it does, several times faster to run,
    because an automaton need not count."""
    return _GAP.sub(r"[^.!?;\\n]*", regex)


def _met(texts: pl.Series, patterns: Patterns) -> dict[Need, _Mask]:
    """For each need the texts that meet it."""
    seen = _words_seen(texts, patterns)
    place = {word: number for number, word in enumerate(patterns.words)}
    return {need: np.any(seen[[place[word] for word in sorted(need)]], axis=0) for need in patterns.needs}


def _open(height: int, gates: frozenset[Gate], met: dict[Need, _Mask]) -> _Mask:
    """The texts in which one of the gates is open."""
    return _any(height, (_all(height, gate, met) for gate in gates))


def _all(height: int, gate: Gate, met: dict[Need, _Mask]) -> _Mask:
    mask = np.ones(height, dtype=bool)
    for need in gate:
        mask &= met[need]
    return mask


def _any(height: int, masks: Iterator[_Mask]) -> _Mask:
    mask = np.zeros(height, dtype=bool)
    for other in masks:
        mask |= other
    return mask


def _words_seen(texts: pl.Series, patterns: Patterns) -> _Mask:
    """A table words x texts: whether the text has the word, or one that begins so."""
    seen = np.zeros((len(patterns.words), texts.len()), dtype=bool)
    if not patterns.words:
        return seen

    words_of = pl.col("form").str.extract_all(patterns.telling).list.unique()
    found = pl.DataFrame({"form": texts}).with_row_index("at").select("at", words_of.alias("word"))
    found = found.explode("word").drop_nulls()
    words = found["word"].unique()
    pairs = [(word, place) for word in words for place in patterns.met_by(word)]
    places = pl.DataFrame(pairs, schema={"word": pl.String, "place": pl.UInt32}, orient="row")
    met = found.join(places, on="word")
    seen[met["place"].to_numpy(), met["at"].to_numpy()] = True
    return seen
