"""Records that are written alike, decoded straight into columns.

An exporter writes the same keys again and again, so a layout learned from a few records fits nearly all. What it
decodes is what the general way gives; a record that does not fit in every way (another key, a key in another case,
properties in another form, a list where none was) is left to the general way.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from analyzer.json_text import may_be_deep

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_NAME = re.compile(r"[A-Za-z_][\w.@ -]{0,99}", re.ASCII)
_MOST_NAMES = 100  # more are no exporter's
_SCALAR = str | int | float | bool | None


@dataclass(frozen=True)
class Sheet:
    """Records with the same keys: the row that each stands in, and their fields by lower-cased key, as columns."""

    rows: Sequence[int]
    item: dict[str, Sequence[Any]]
    inner: dict[str, Sequence[Any]]  # the fields of their properties


@dataclass(frozen=True)
class Layout:
    """The keys of records and of their properties, as written; those in ``holders`` may hold a list or an object."""

    names: tuple[str, ...]
    inner_names: tuple[str, ...]
    holders: frozenset[str]
    in_text: bool  # properties are JSON in a text


def learn(records: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> Layout | None:
    """The layout that fits most of some records, given with their properties; None where nothing can be learned."""
    by_form: dict[type, list[tuple[dict[str, Any], dict[str, Any]]]] = {dict: [], str: []}
    for item, inner in records:
        if type(form := item.get("properties")) in by_form and inner:
            by_form[type(form)].append((item, inner))
    form, known = max(by_form.items(), key=lambda pair: len(pair[1]))
    items, inners = [item for item, _ in known], [inner for _, inner in known]
    holders = {name for held in (*items, *inners) for name, value in held.items() if isinstance(value, list | dict)}
    # an envelope is no record, whatever else it looks like
    names = [name for name in _distinct(items) if name.lower() not in ("properties", "records")]
    inner_names = _distinct(inners)
    if not known or len(names) + len(inner_names) > _MOST_NAMES:
        return None
    return Layout(tuple(names), tuple(inner_names), frozenset(holders - {"properties"}), form is str)


def _distinct(objects: Iterable[dict[str, Any]]) -> list[str]:
    """The keys of the objects in order that may name a field; of keys that differ in case only the first."""
    names: dict[str, str] = {}
    for name in filter(_NAME.fullmatch, chain.from_iterable(objects)):
        names.setdefault(name.lower(), name)
    return list(names.values())


def read(layout: Layout, raws: Sequence[memoryview]) -> tuple[Sheet, list[int]]:
    """The records that fit the layout, and the rows of the others."""
    decode, decode_inner = _decoders(layout)
    may_nest = bool(layout.holders)
    rows: list[int] = []
    rest: list[int] = []
    items: list[Any] = []
    inners: list[Any] = []
    for row, raw in enumerate(raws):
        try:
            item = decode(raw)
            inner = decode_inner(item.properties)
        except NOT_JSON:
            rest.append(row)
            continue
        if may_nest and may_be_deep(bytes(raw)):
            rest.append(row)
            continue
        rows.append(row)
        items.append(item)
        inners.append(inner)
    return Sheet(rows, _columns(("properties", *layout.names), items), _columns(layout.inner_names, inners)), rest


@lru_cache(maxsize=64)  # types are never freed while the collector is off
def _decoders(layout: Layout) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What decodes a record, and what makes of its properties an object with their fields."""
    inner = _struct(layout.inner_names, layout.holders)
    item = _struct(layout.names, layout.holders, ("properties", str if layout.in_text else inner))
    return msgspec.json.Decoder(item).decode, msgspec.json.Decoder(inner).decode if layout.in_text else _same


def _struct(names: Iterable[str], holders: frozenset[str], *required: tuple[str, Any]) -> Any:
    """A type with a field for each name, in their order; a name is any text, so fields are numbered."""
    optional = [
        (f"f{place}", Any if name in holders else _SCALAR, msgspec.field(default=None, name=name))
        for place, name in enumerate(names)
    ]
    return msgspec.defstruct("Record", [*required, *optional], forbid_unknown_fields=True, gc=False)


def _same(value: Any) -> Any:
    return value


def _columns(names: Sequence[str], objects: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """The fields of objects, which stand in the order of the names."""
    columns = zip(*map(msgspec.structs.astuple, objects), strict=True) if objects else [()] * len(names)
    return dict(zip(map(str.lower, names), columns, strict=True))
