"""Which words a pattern needs: what makes searching many patterns cheap.

Rule: a gate never closes on a text that its pattern matches. A gate asks for words, or for all or any of other gates.
``face`` is the beginning of a word, ``face`` with a blank after it a whole one; ``l?instant``, from ``l.instant``, may
have any letter in its second place. One pass over a text for the words of all patterns tells which are worth running.

A word is made of ASCII letters and digits, as ``\\b`` sees it. Other letters end it; they are *foreign* and stand for
the word they are in: whatever ``c[aá]mara`` matches has ``camara`` or ``á`` in it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

TOKEN = re.compile(r"\{[a-z_]+\}|\{\d+(?:,\d*)?\}|\\[bBwWdDsS]|\\.|\[(?:\\.|[^\]\\])*\]|<\d+>|\(\?[^)]*?:|.", re.DOTALL)

_LONGEST = 6  # letters of a beginning: few enough that one small automaton finds them all
_MOST = 600  # words of a need; a larger one is left out
_JOINTS = 3  # places in a sequence where two words may be one; with more of them it is read as it stands
_EDGE = r"\b"
_CLASS = re.compile(r"\[([a-z0-9\u0080-\uffff]{1,6})\]|\\d")
_PUNCTUATION = re.compile(r"""[ ,:;!"'/%&-]|\\[.?\-]|\[(?:[ .,:;!?="']|\\n)+\]""")  # what ends a word and begins none
# Words in nearly every English text: a need that holds one tells nothing.
_COMMON = frozenset(re.findall("[a-z]+ ", "a an the of in on at to for from with by and or as s "))


@dataclass(frozen=True, eq=False)  # hashed by identity, so that what is known of a node is kept
class _Node:
    """A piece of a pattern. ``kind``: letter, foreign, any, break, edge, group or other; ``least``: how often it stands
    at least; ``again``: whether it may stand more than once."""

    kind: str
    branches: tuple[tuple["_Node", ...], ...] = ()
    text: str = ""
    least: int = 1
    again: bool = False


@dataclass(frozen=True, eq=False)
class Gate:
    """What a text must have in it: one of ``words``, or what one of ``any`` or what all of ``all`` ask for.

    One of the three is set; a gate with none is open to every text.
    """

    words: frozenset[str] = frozenset()
    any: tuple["Gate", ...] = ()
    all: tuple["Gate", ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is open to every text."""
        return not (self.words or self.any or self.all)


_OPEN = Gate()
_gate = cache(Gate)  # equal gates are one, so that what is known of a gate is known of all


def gate(pattern: str, words: Mapping[str, str]) -> Gate:
    """The gate of a pattern; ``words``: what each ``{name}`` in it stands for."""
    return _any(_needed(branch) for branch in _branches(TOKEN.findall(pattern), words)[0])


def _any(gates: Iterable[Gate]) -> Gate:
    """A gate that is open where one of the gates is."""
    choices = list(dict.fromkeys(gates))
    words = frozenset(word for choice in choices for word in choice.words)
    others = tuple(choice for choice in choices if not choice.words)
    if any(choice.is_open for choice in others):
        return _OPEN
    return _gate(any=(*others, *([_gate(words)] if words else []))) if others else _gate(words)


def _all(gates: Iterable[Gate]) -> Gate:
    """A gate that is open where all of the gates are."""
    parts = tuple(part for part in dict.fromkeys(gates) if not part.is_open)
    return parts[0] if len(parts) == 1 else _gate(all=parts)


@cache
def _is_common(word: str) -> bool:
    """Whether the word, or one that begins so, stands in nearly every text."""
    if word.endswith(" "):
        return word in _COMMON
    return word.isascii() and (len(word) < 3 or any(common.startswith(word) for common in _COMMON))


def _branches(tokens: list[str], words: Mapping[str, str], at: int = 0) -> tuple[tuple[tuple[_Node, ...], ...], int]:
    """The alternatives from ``at`` to the end or the closing bracket, and the place after it."""
    done: list[tuple[_Node, ...]] = []
    nodes: list[_Node] = []
    while at < len(tokens) and tokens[at] != ")":
        token = tokens[at]
        at += 1
        if token == "|":
            done.append(tuple(nodes))
            nodes = []
        elif token in "?*+" or (token[0] == "{" and token[1:2].isdigit()):
            nodes[-1] = _repeated(nodes[-1], token)
        elif token.startswith("("):
            inner, at = _branches(tokens, words, at)
            nodes.append(_Node("group", inner))
        elif token[0] == "{" and len(token) > 1:
            nodes.append(_word(words[token[1:-1]]))
        else:
            nodes.append(_node(token))
    return (*done, tuple(nodes)), at + 1


@cache
def _word(text: str) -> _Node:
    return _Node("group", _branches(TOKEN.findall(text), {})[0])


def _repeated(node: _Node, sign: str) -> _Node:
    """The node under a repetition; the ``?`` that makes one lazy only makes the node optional, which is safe."""
    return replace(node, least=0 if sign in "?*" or sign.startswith("{0") else node.least, again=sign != "?")


@cache
def _node(token: str) -> _Node:
    if len(token) == 1 and (not token.isascii() or token.isalnum()):
        return _Node("letter" if token.isascii() else "foreign", text=token)
    if _PUNCTUATION.fullmatch(token):
        return _Node("break")
    few = _CLASS.fullmatch(token)
    if few:
        return _Node("group", tuple((_node(letter),) for letter in few[1] or "0123456789"))
    return _Node({r"\b": "edge", "^": "edge", ".": "any"}.get(token, "other"))


@cache
def _needed(nodes: tuple[_Node, ...], at_start: bool = False) -> Gate:
    """What a sequence needs; ``at_start``: a word can only begin where it begins."""
    joints = [place for place in range(1, len(nodes) - 1) if nodes[place].kind == "break" and not nodes[place].least]
    if not joints or len(joints) > _JOINTS:
        return _all(_each_need(nodes, at_start))
    before, after = nodes[: joints[0]], nodes[joints[0] + 1 :]  # mug ?shot: two words, or one
    return _any([_needed((*before, _node(" "), *after), at_start), _needed(before + after, at_start)])


def _each_need(nodes: tuple[_Node, ...], at_start: bool) -> Iterator[Gate]:
    """The needs of a sequence: one for each place where a word must begin."""
    for place, node in enumerate(nodes):
        after = nodes[place + 1] if place + 1 < len(nodes) else _node("")
        ends = after.least > 0 and after.kind in ("edge", "break") and not node.again
        if node.kind == "group" and node.least:
            yield _inside(node, at_start, ends)
        begins = at_start or _begins_anywhere(node)
        within = place > 0 and node.kind == nodes[place - 1].kind == "foreign"
        is_told = node.kind == "group" and ends  # what is needed inside says it all
        if begins and node.least and node.kind in ("letter", "foreign", "group") and not within and not is_told:
            yield _beginnings(nodes[place:])
        at_start = _starts_after(node, at_start)


@cache
def _inside(group: _Node, at_start: bool, ends: bool) -> Gate:
    """What one of the group's branches needs; ``ends``: a word must end after it."""
    end = (_node(r"\b"),) if ends else ()
    return _any(_needed(branch + end, at_start) for branch in group.branches)


@cache
def _begins_anywhere(node: _Node) -> bool:
    """Whether what the node begins with is a need wherever it stands: an edge and a word, or a foreign letter."""
    if node.kind != "group":
        return node.kind in ("edge", "foreign")
    return all(branch and _begins_anywhere(branch[0]) for branch in node.branches)


def _starts_after(node: _Node, before: bool) -> bool:
    """Whether a word can only begin after ``node``, if ``before`` says whether it could only begin before it."""
    if node.kind == "group":
        after = all(_ends_in_break(branch, before) for branch in node.branches)
        return after and (before or node.least > 0)
    if node.kind in ("break", "edge", "foreign"):
        return before or node.least > 0
    return False


def _ends_in_break(nodes: tuple[_Node, ...], before: bool) -> bool:
    for node in nodes:
        before = _starts_after(node, before)
    return before


@cache
def _beginnings(nodes: tuple[_Node, ...]) -> Gate:
    """All words or beginnings of words that start with ``nodes``; open if one is empty or common or they are many."""
    texts = _texts(nodes)
    found = {text if text.endswith(" ") and len(text) <= _LONGEST else text[:_LONGEST] for text, _ in texts}
    if len(found) > _MOST or any(not text.strip() or _is_common(text) for text in found):
        return _OPEN
    return Gate(frozenset(text for text in found if not any(text[:size] in found for size in range(1, len(text)))))


@cache
def _texts(nodes: tuple[_Node, ...]) -> tuple[tuple[str, bool], ...]:
    """What the letters at the start of ``nodes`` can be, and for each whether it may go on after ``nodes``."""
    texts: tuple[tuple[str, bool], ...] = (("", True),)
    for node in nodes:
        if not any(goes_on for _, goes_on in texts):
            break
        is_second = {len(text) for text, _ in texts} == {1}
        more = _steps(node) if node.kind != "any" or is_second else None
        if more is None or len(texts) * len(more) > 8 * _MOST:
            return tuple(dict.fromkeys((text, False) for text, _ in texts))
        texts = tuple(dict.fromkeys(grown for text in texts for grown in _grown(text, more)))
    return texts


def _grown(text: tuple[str, bool], more: tuple[tuple[str, bool], ...]) -> Iterator[tuple[str, bool]]:
    """``text`` with each of its continuations, if it may go on."""
    so_far, goes_on = text
    if not goes_on or len(so_far) >= _LONGEST:
        yield so_far, False
        return
    for tail, on in more:
        if tail and not (so_far + tail).isascii():
            yield _foreign(so_far, tail, on)
        elif tail == _EDGE:
            yield (so_far + " ", False) if so_far else ("", True)
        else:
            yield so_far + tail, on


def _foreign(so_far: str, tail: str, on: bool) -> tuple[str, bool]:
    """A word that ends or goes on with foreign letters: they alone stand for it."""
    if tail.isascii():
        return so_far, False
    return (tail if so_far.isascii() else so_far + tail), on


@cache
def _steps(node: _Node) -> tuple[tuple[str, bool], ...] | None:
    """What ``node`` adds to a word: letters, a blank for the word's end; None if that cannot be said."""
    steps: tuple[tuple[str, bool], ...]
    if node.kind in ("letter", "foreign"):
        steps = ((node.text, not node.again),)
    elif node.kind == "edge":
        return ((_EDGE, False),) if node.least else None
    elif node.kind == "any":
        steps = ((" ", False), ("?", not node.again))
    elif node.kind == "break":
        steps = ((" ", False),)
    elif node.kind == "group":
        steps = tuple((text, on and not node.again) for branch in node.branches for text, on in _texts(branch))
    else:
        return None
    return steps if node.least else (*steps, ("", True))
