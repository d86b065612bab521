"""Records that are written alike, decoded straight into columns.

An exporter writes the same keys again and again, so a layout learned from a few records fits nearly all. What it
decodes is what the general way gives; a record that does not fit in every way (another key, a key in another case,
properties in another form, a list where none was, a key missing that all had) is left to the general way.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from analyzer.json_text import may_be_deep
from analyzer.shapes.containers import ENVELOPE_KEYS

# Where records of all shapes keep the fields that their exporter did not put on top, the first that is there.
HOLDERS = ("properties", "properties_s", "attributes", "auditdata", "metadata")
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_NAME = re.compile(r"[A-Za-z_][\w.@ \[\]-]{0,99}", re.ASCII)
_MOST_NAMES = 100  # more are no exporter's
_SCALAR = str | int | float | bool | None
_NO_FIELDS = msgspec.defstruct("Record", [], gc=False)()


@dataclass(frozen=True)
class Sheet:
    """Records with the same keys: the row that each stands in, and their fields by lower-cased key, as columns.

    ``names`` and ``inner_names`` are the keys that every one of them has; a column may hold None for a missing one.
    """

    rows: Sequence[int]
    item: dict[str, Sequence[Any]]
    inner: dict[str, Sequence[Any]]  # the fields of their properties, or what else holds fields
    names: frozenset[str]
    inner_names: frozenset[str]


@dataclass(frozen=True)
class Layout:
    """The keys of records and of the object in them that holds more, as written.

    Those in ``needed`` every record has; those in ``nesting`` may hold a list or an object.
    """

    names: tuple[str, ...]
    holder: str | None  # the key of that object, if there is one
    in_text: bool  # the object is JSON in a text
    inner_names: tuple[str, ...]
    needed: frozenset[str]
    inner_needed: frozenset[str]
    nesting: frozenset[str]


class Sample(NamedTuple):
    """One of the records that a layout is learned from; those of one ``kind`` may be written alike."""

    kind: Hashable
    item: dict[str, Any]
    holder: str | None
    inner: dict[str, Any]


def learn(samples: Iterable[Sample]) -> Layout | None:
    """The layout that fits most of some records; None where nothing can be learned."""
    alike: dict[Hashable, list[Sample]] = {}
    for sample in samples:
        form = type(sample.item[sample.holder]) if sample.holder else None
        if form in (dict, str) or not (sample.holder or sample.inner):
            alike.setdefault((sample.kind, sample.holder, form), []).append(sample)
    if not alike:
        return None
    known = max(alike.values(), key=len)
    holder = known[0].holder
    in_text = holder is not None and isinstance(known[0].item[holder], str)
    items, inners = [sample.item for sample in known], [sample.inner for sample in known]
    nesting = {name for held in (*items, *inners) for name, value in held.items() if isinstance(value, list | dict)}
    # neither an envelope nor what may hold more fields is a plain field
    names = [name for name in _distinct(items) if name.lower() not in {*HOLDERS, *ENVELOPE_KEYS}]
    inner_names = _distinct(inners)
    if len(names) + len(inner_names) > _MOST_NAMES:
        return None
    return Layout(
        tuple(names), holder, in_text, tuple(inner_names), _in_all(items), _in_all(inners), frozenset(nesting)
    )


def _distinct(objects: Iterable[dict[str, Any]]) -> list[str]:
    """The keys of the objects in order that may name a field; of keys that differ in case only the first."""
    names: dict[str, str] = {}
    for name in filter(_NAME.fullmatch, chain.from_iterable(objects)):
        names.setdefault(name.lower(), name)
    return list(names.values())


def _in_all(objects: Sequence[dict[str, Any]]) -> frozenset[str]:
    return frozenset.intersection(*map(frozenset, objects))


def read(layout: Layout, raws: Sequence[memoryview]) -> tuple[Sheet, list[int]]:
    """The records that fit the layout, and the rows of the others."""
    decode, decode_inner = _decoders(layout)
    may_nest = bool(layout.nesting)
    rows: list[int] = []
    rest: list[int] = []
    items: list[Any] = []
    inners: list[Any] = []
    for row, raw in enumerate(raws):
        try:
            item = decode(raw)
            inner = decode_inner(item.holder) if layout.holder else _NO_FIELDS
        except NOT_JSON:
            rest.append(row)
            continue
        if may_nest and may_be_deep(bytes(raw)):
            rest.append(row)
            continue
        rows.append(row)
        items.append(item)
        inners.append(inner)
    names = (layout.holder, *layout.names) if layout.holder else layout.names
    needed = {name for name in layout.needed if name in names}
    return (
        Sheet(
            rows,
            _columns(names, items),
            _columns(layout.inner_names, inners),
            _lowered(needed),
            _lowered(layout.inner_needed.intersection(layout.inner_names)),
        ),
        rest,
    )


def _lowered(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(str.lower, names))


@lru_cache(maxsize=64)  # types are never freed while the collector is off
def _decoders(layout: Layout) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What decodes a record, and what makes of its holder an object with the fields in it."""
    inner = _struct(layout.inner_names, layout.inner_needed, layout.nesting)
    held = [("holder", str if layout.in_text else inner, msgspec.field(name=layout.holder))] if layout.holder else []
    item = _struct(layout.names, layout.needed, layout.nesting, held)
    return msgspec.json.Decoder(item).decode, msgspec.json.Decoder(inner).decode if layout.in_text else _same


def _struct(names: Iterable[str], needed: frozenset[str], nesting: frozenset[str], first: Iterable[Any] = ()) -> Any:
    """A type with a field for each name, in their order; a name is any text, so fields are numbered."""
    fields = [
        (f"f{place}", Any if name in nesting else _SCALAR, _field(name, name in needed))
        for place, name in enumerate(names)
    ]
    # by name only, so that a field that may be missing can stand before one that may not
    return msgspec.defstruct("Record", [*first, *fields], forbid_unknown_fields=True, gc=False, kw_only=True)


def _field(name: str, is_needed: bool) -> Any:
    return msgspec.field(name=name) if is_needed else msgspec.field(name=name, default=None)


def _same(value: Any) -> Any:
    return value


def _columns(names: Sequence[str], objects: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """The fields of objects, which stand in the order of the names."""
    columns = zip(*map(msgspec.structs.astuple, objects), strict=True) if objects else [()] * len(names)
    return dict(zip(map(str.lower, names), columns, strict=True))
