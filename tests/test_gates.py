"""A gate never closes on a text that its pattern matches, and is seldom open elsewhere."""

import importlib
import random
import re
import tomllib
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import shipped
from analyzer.fold import forms
from analyzer.gates import gate
from analyzer.lexicon import load_lexicon, rust
from analyzer.search import Pattern, Patterns, search

FOLDER = shipped.folder("queries") / "lexicon"
LEXICON = load_lexicon(FOLDER, prove=False)
ALL = Patterns(LEXICON.signals.all + LEXICON.contexts.all)

# ------------------------------------------------------------------------------------------------ texts of the lexicon


def matching(parsed: Any, chance: random.Random) -> str:
    """A text that a regex is likely to match: a walk through it, parsed by ``re``, with every choice by chance."""
    return "".join(_step(str(kind), value, chance) for kind, value in parsed)


def _step(kind: str, value: Any, chance: random.Random) -> str:
    match kind:
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(chance.randint(*value))
        case "IN":
            negated = str(value[0][0]) == "NEGATE"
            return chance.choice("abkr 09,\u00e9") if negated else matching([chance.choice(value)], chance)
        case "BRANCH":
            return matching(chance.choice(value[1]), chance)
        case "SUBPATTERN":
            return matching(value[3], chance)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = value
            return "".join(matching(inner, chance) for _ in range(chance.randint(least, min(int(most), least + 2))))
        case "ANY":
            return chance.choice("aeinrstk 079.,'!-_\u00e9\u00fc\u0928")
    return ""


PARSE = importlib.import_module("re._parser").parse
PARSED = [PARSE(regex.replace("(?-u:", "(?:"), re.ASCII) for pattern in ALL.all for regex, _ in pattern.parts]
ENTRIES = [
    entry for file in sorted(FOLDER.glob("*.toml")) for entry in tomllib.loads(file.read_text()).get("entry", [])
]
PHRASES = [text for entry in ENTRIES for text in (*entry["examples"], *entry["near"])]
WORDS = sorted({word for text in PHRASES for word in text.split()})


def text_of_the_lexicon(chance: random.Random) -> str:
    """What patterns match, examples, near misses and single words, joined, cut and written in odd ways."""
    pieces = [_piece(chance) for _ in range(chance.randint(1, 3))]
    text = chance.choice([" ", " ", "", ". ", "\n", "_", "\u00e9"]).join(pieces)
    start = chance.randint(0, len(text)) if chance.random() < 0.2 else 0
    plain, hidden = chance.choice([("e", "3"), ("a", "\u0430"), ("", ""), ("", ""), ("", "")])
    written = text[start:].translate(str.maketrans(plain, hidden))
    return written.title() if chance.random() < 0.1 else written


def _piece(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.4:
        return matching(chance.choice(PARSED), chance)
    return str(chance.choice(PHRASES if kind < 0.7 else WORDS))


def matches(texts: list[str], patterns: Patterns, gated: bool) -> set[tuple[str, int, str]]:
    searched = forms(pl.Series(texts, dtype=pl.String), patterns.telling)
    return {
        (hits.pattern.name, row, marked)
        for hits in search(searched, patterns, gated=gated)
        for row, marked in hits.frame.select("row", "marked").iter_rows()
    }


# ------------------------------------------------------------------------------------------------ the shipped lexicon


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32))
def test_gates_change_nothing_in_texts_of_the_lexicon(seed: int) -> None:
    chance = random.Random(seed)
    texts = [text_of_the_lexicon(chance) for _ in range(300)]
    assert matches(texts, ALL, gated=True) == matches(texts, ALL, gated=False) != set()


def test_gates_are_open_to_what_each_alternative_matches() -> None:
    chance = random.Random(7)
    texts = [matching(parsed, chance) for parsed in PARSED for _ in range(2)]
    found = matches(texts, ALL, gated=True)
    assert found == matches(texts, ALL, gated=False)
    assert len({name for name, _, _ in found}) > 0.9 * len(ALL.all)


def test_few_alternatives_are_searched_in_every_text() -> None:
    always = {pattern.name for pattern in LEXICON.signals.all for _, gate in pattern.parts if gate.is_open}
    assert always == {"live.now"}  # a number of any length, whose literal is quickly looked for


# ------------------------------------------------------------------------------------------------ one pattern at a time


def opened(pattern: str, text: str) -> bool:
    """Whether the pattern's gate is open to a text; every pattern here matches every text."""
    regex = f"(?:{rust(pattern, {})})|"  # the empty alternative matches wherever the gate lets it look
    patterns = Patterns((Pattern("x", ((regex, gate(pattern, {})),)),))
    return bool(matches([text], patterns, gated=True))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\bface ?match\b", "facematch"),
        (r"\bface ?match\b", "face-match"),
        (r"\b(?:ab)+\b", "abab"),
        (r"\bgo \d+\.\d+\b", "go 41.10"),
        (r"\bc[aá]maras?\b", "dos cámaras"),
        (r"\bc[aá]maras?\b", "camara"),
        (r"\bl.instant\b", "à l'instant"),
        (r"\bl.instant\b", "lxinstant"),
        (r"\bl.instant\b", "l\u2019instant"),
        (r"कौन (?:है|था)", "यह कौन है"),
        (r"(?:^|[.,] ?)name him", "yes.name him"),
        (r"(?:\b|live)feed", "xlivefeed"),
        (r"\b(?:who|whom)(?:.?s| is)? this\b", "whos this"),
    ],
)
def test_a_gate_is_open_to_what_its_pattern_matches(pattern: str, text: str) -> None:
    assert opened(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\bface ?match\b", "faces of a football match"),
        (r"\bc[aá]maras?\b", "the camera"),
        (r"\bl.instant\b", "instant"),
        (r"\bwho (?:is|was) (?:this|that)\b", "who are they"),
        (r"\b(?:parole board|probation)\b", "the board"),
        (r"कौन", "है"),
        (r"(?:^|[.,] ?)name him", "his name"),
    ],
)
def test_a_gate_is_closed_where_a_word_is_missing(pattern: str, text: str) -> None:
    assert not opened(pattern, text)
