"""Lexicon entries found in texts, with their places and contexts: the only room that searches text.

Rule: what is found in a text depends on that text and the lexicon alone, never on its neighbours in a batch, and the
work and the rows are bounded for any text. Every text is read once for the words of all entries, and only where these
stand for an entry (see :mod:`analyzer.search`); Python sees matches only.
"""

import os
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from analyzer.english import plainly_english
from analyzer.fold import FROM, TO, Form, forms, in_leet_word, original_span
from analyzer.lexicon import Entry, Lexicon, load_lexicon
from analyzer.search import Patterns, search

__all__ = ["MAX_ROWS", "Entry", "Lexicon", "load_lexicon", "scan"]

MAX_ROWS = 50  # rows of one entry in one text: those with the fewest contexts, then the first
_MAX_MATCHES = 1000  # matches of one entry in one form that are looked at
_SLICE_BYTES = 48 << 20  # texts searched at once by a thread
_THREADS = min(2, os.cpu_count() or 1)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[\n;\u3002\uff01\uff1f\uff1b\u0964\u061f\u061b]|\\n")

_SCHEMA = pa.schema(
    [
        ("text_id", pa.string()),
        ("lexicon", pa.string()),
        ("signal", pa.string()),
        ("idea", pa.string()),
        ("contexts", pa.list_(pa.string())),
        ("char_from", pa.int32()),
        ("char_to", pa.int32()),
    ]
)


@dataclass(frozen=True)
class _Span:
    """A match of an entry, in code points of the stored text."""

    start: int
    end: int


def scan(texts: pa.Table, lexicon: Lexicon) -> pa.Table:
    """What the lexicon finds in ``texts`` (text_id string, text string; a null text holds nothing).

    Gives ``schema.SIGNALS`` columns, ordered by text_id, char_from, signal, char_to; one row per distinct text_id,
    signal and place, at most :data:`MAX_ROWS` per text and entry. ``char_from`` and ``char_to`` are code points into
    the stored text. A text_id given twice is searched once.
    """
    frame = pl.DataFrame(
        {"text_id": pl.Series(texts["text_id"].cast(pa.string())), "text": pl.Series(texts["text"].cast(pa.string()))},
        schema={"text_id": pl.String, "text": pl.String},
    )
    frame = frame.drop_nulls().unique("text_id", keep="first", maintain_order=True)
    english = plainly_english(frame["text"])
    work = [(part, lexicon.english) for part in _slices(frame.filter(english))]
    work += [(part, lexicon) for part in _slices(frame.filter(~english))]
    with ThreadPoolExecutor(_THREADS) as pool:
        rows = sorted(row for rows in pool.map(lambda one: list(_scan(*one)), work) for row in rows)
    columns = [[row[at] for row in rows] for at in (0, 2, 5, 1, 3)]
    ids, names, contexts, starts, ends = columns
    ideas = {entry.id: entry.idea for entry in lexicon.entries}
    data = [ids, [lexicon.version] * len(rows), names, [ideas[str(n)] for n in names], contexts, starts, ends]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(data, _SCHEMA, strict=True)], schema=_SCHEMA
    )


_Row = tuple[str, int, str, int, int, list[str]]  # text_id, char_from, signal, char_to, number of contexts, contexts


def _slices(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Runs of rows of at most _SLICE_BYTES of text, or one larger text."""
    total = frame["text"].str.len_bytes().cast(pl.Int64).cum_sum().to_list()
    start = 0
    while start < len(total):
        before = total[start - 1] if start else 0
        end = max(bisect_left(total, before + _SLICE_BYTES + 1, start), start + 1)
        yield frame.slice(start, end - start)
        start = end


def _scan(frame: pl.DataFrame, lexicon: Lexicon) -> Iterator[_Row]:
    """The rows of one slice, unordered."""
    searched = forms(frame["text"], lexicon.signals.telling)
    found = _find(searched, lexicon.signals)
    rows = pl.Series(sorted({row for spans in found.values() for row in spans}), dtype=pl.UInt32)
    if rows.is_empty():
        return
    around = _find([_only(form, rows) for form in searched], lexicon.contexts)
    coloured: dict[int, list[tuple[Entry, list[_Span]]]] = defaultdict(list)
    for name, spans_of in around.items():
        for row, spans in spans_of.items():
            coloured[row].append((lexicon.by_id[name], sorted(spans, key=_place)))
    yield from _rows(frame, found, coloured)


def _only(form: Form, rows: pl.Series) -> Form:
    return Form(form.frame.filter(pl.col("row").is_in(rows.implode())), form.places)


def _rows(
    frame: pl.DataFrame,
    found: dict[str, dict[int, set[_Span]]],
    coloured: dict[int, list[tuple[Entry, list[_Span]]]],
) -> Iterator[_Row]:
    """Rows with their contexts, cut to MAX_ROWS per text and entry."""
    ids, texts = frame["text_id"], frame["text"]
    by_row: dict[int, list[tuple[str, set[_Span]]]] = defaultdict(list)
    for signal, spans_of in found.items():
        for row, spans in spans_of.items():
            by_row[row].append((signal, spans))
    for row, entries in by_row.items():
        contexts = coloured.get(row, [])
        ends = [end.start() for end in _SENTENCE_END.finditer(texts[row])] if contexts else []
        for signal, spans in entries:
            rows = [(ids[row], s.start, signal, s.end, _contexts(s, contexts, ends)) for s in spans]
            rows.sort(key=lambda r: (len(r[4]), r[1], r[3]))
            for text_id, start, name, end, names in rows[:MAX_ROWS]:
                yield text_id, start, name, end, len(names), names


def _place(span: _Span) -> tuple[int, int]:
    return span.start, span.end


def _contexts(span: _Span, contexts: list[tuple[Entry, list[_Span]]], ends: list[int]) -> list[str]:
    """The names of the contexts that reach ``span``, sorted; ``ends`` are the text's sentence ends, in order."""
    return sorted({entry.context for entry, spans in contexts if _reaches(entry, spans, span, ends)})


def _reaches(entry: Entry, spans: list[_Span], signal: _Span, ends: list[int]) -> bool:
    """Whether a context stands within reach of the signal, on the right side and in the same sentence."""
    if entry.reach == "text":
        return True
    reach = int(entry.reach)
    for span in spans[max(0, bisect_left(spans, signal.start - reach, key=lambda s: s.start) - 50) :]:
        if span.start > signal.end + reach:
            return False
        before, after = span.start <= signal.start, span.end >= signal.end
        side_fits = entry.side == "both" or (before if entry.side == "before" else after)
        near = span.end >= signal.start - reach
        if side_fits and near and _one_sentence(min(span.end, signal.end), max(span.start, signal.start), ends):
            return True
    return False


def _one_sentence(left: int, right: int, ends: list[int]) -> bool:
    """Whether no sentence ends between the end of the left span and the start of the right one."""
    return left >= right or bisect_left(ends, left) == bisect_left(ends, right)


def _find(searched: list[Form], patterns: Patterns) -> dict[str, dict[int, set[_Span]]]:
    """Every place of every pattern: its name -> row -> spans."""
    found: dict[str, dict[int, set[_Span]]] = {}
    for hits in search(searched, patterns):
        for row, marked, before in hits.frame.select("row", "marked", "before").iter_rows():
            spans = _spans(hits.form, row, marked, before)
            if spans:
                found.setdefault(hits.pattern.name, defaultdict(set))[row] |= spans
    return found


def _spans(form: Form, row: int, marked: str, before: str | None) -> set[_Span]:
    """The places of a marked form's matches in the original, the first _MAX_MATCHES."""
    parts = marked.split(FROM, _MAX_MATCHES + 1)[: _MAX_MATCHES + 1]
    text = "".join(parts).replace(TO, "")
    at, spans = len(parts[0]), set()
    for part in parts[1:]:
        match, _, rest = part.partition(TO)
        if before is None or in_leet_word(before, at, at + len(match)):
            spans.add(_Span(*original_span(form, row, text, at, at + len(match))))
        at += len(match) + len(rest)
    return spans
