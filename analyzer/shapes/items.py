"""Frames -> records as columns: those that are written alike at once, the others one by one, containers opened."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pyarrow as pa

from analyzer.json_text import NotJsonError, parse, parse_nested
from analyzer.reader import SPACE, slices
from analyzer.shapes import layout
from analyzer.shapes.containers import TooManyError, members
from analyzer.shapes.fields import Columns
from analyzer.shapes.layout import HOLDERS, Sample, Sheet

PLACE = ("file_id", "generation", "line", "byte_offset", "byte_length", "sha256")
_SAMPLES = 20  # records that a layout is learned from


@dataclass(frozen=True)
class Opened:
    """What frames hold: records in sheets, whose rows name ``places``, and the frames that cannot be opened."""

    sheets: list[Sheet]
    places: pa.Table  # in the columns of PLACE
    refused: pa.Table  # in those of FRAMES, with the reason as state


Kinds = Callable[[Sheet], Sequence[Hashable]]


def open_frames(frames: pa.Table, kinds: Kinds) -> Opened:
    """Opens frames in ``reader.FRAMES``' columns.

    ``kinds`` says of each record of a sheet what it is: only those of a kind may be written alike, and what a record
    without one is may depend on which keys it lacks.
    """
    raws = list(slices(frames.column("raw")))
    sheets, rest = _open_alike(raws, kinds)
    values: dict[int, dict[str, Any]] = {}
    inside: list[tuple[Any, ...]] = []  # a value and its place, in the columns of PLACE
    bad: dict[int, str] = {}
    for row in rest:
        raw = bytes(raws[row]).strip(SPACE)
        try:
            value = parse(raw)
            held = members(raw, value)
        except NotJsonError:
            bad[row] = _why_not(raw)
            continue
        except TooManyError:
            bad[row] = "too_many"
            continue
        if held is None:
            values[row] = value if isinstance(value, dict) else {}
        else:
            file_id, generation, line, offset = (frames.column(name)[row].as_py() for name in PLACE[:4])
            counted, newlines = 0, 0
            for start, length, value in held:
                newlines += raw.count(b"\n", counted, start)
                counted = start
                digest = hashlib.sha256(raw[start : start + length]).hexdigest()
                inside.append((value, file_id, generation, line + newlines, offset + start, length, digest))
    columns = list(zip(*inside, strict=True)) or [()] * (1 + len(PLACE))
    values |= dict(enumerate(columns[0], len(raws)))
    places = frames.select(PLACE)
    more = [pa.array(column, field.type) for column, field in zip(columns[1:], places.schema, strict=True)]
    refused = take(frames, list(bad))
    reasons = pa.array(list(bad.values()), pa.string())
    return Opened(
        [*sheets, *_sheets(values)],
        pa.concat_tables([places, pa.table(more, schema=places.schema)]),
        refused.set_column(refused.schema.get_field_index("state"), "state", reasons),
    )


def _open_alike(raws: Sequence[memoryview], kinds: Kinds) -> tuple[list[Sheet], Sequence[int]]:
    """The records that are written like most, and the rows of those to be opened one by one."""
    known = layout.learn(_samples(raws, kinds))
    if not known:
        return [], range(len(raws))
    sheet, rest = layout.read(known, raws)
    has_kind = [kind is not None for kind in kinds(sheet)]
    rest += [row for row, has in zip(sheet.rows, has_kind, strict=True) if not has]
    return [chosen(sheet, [place for place, has in enumerate(has_kind) if has])], rest


def _samples(raws: Sequence[memoryview], kinds: Kinds) -> Iterator[Sample]:
    """Some of the records that have a kind."""
    for raw in raws[:: max(1, len(raws) // _SAMPLES)]:
        with suppress(*layout.NOT_JSON):
            value = msgspec.json.decode(raw)
            if isinstance(value, dict):
                holder, inner = fields_in(value)
                ((kind,),) = (kinds(sheet) for sheet in _sheets({0: value}))
                if kind is not None:
                    yield Sample(kind, value, holder, inner)


def _why_not(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "not_json"


def _sheets(values: dict[int, dict[str, Any]]) -> Iterator[Sheet]:
    """The records, by row, as columns: those with the same keys together, so that keys are lower-cased once for all."""
    inner = {row: fields_in(value)[1] for row, value in values.items()}
    alike: defaultdict[tuple[Any, Any], list[int]] = defaultdict(list)
    for row, value in values.items():
        alike[tuple(value), tuple(inner[row])].append(row)
    for (names, inner_names), rows in alike.items():
        item = _columns(names, [values[row] for row in rows])
        own = _columns(inner_names, [inner[row] for row in rows])
        yield Sheet(rows, item, own, frozenset(item), frozenset(own))


def fields_in(value: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The key, as written, of the object in a record that holds more fields, and the object; None and {} without one.

    OTLP's list of keys and values is such an object too; attributes of telemetry without a span around them are the
    record itself.
    """
    names = {key.lower(): key for key in reversed(value)}
    for holder in filter(names.__contains__, HOLDERS):
        held = parse_nested(value[names[holder]])
        if isinstance(held, dict):
            return names[holder], held
        if holder == "attributes" and isinstance(held, list):
            return names[holder], otlp_values(held)
    return None, value if any(name.startswith("gen_ai.") for name in names) else {}


def otlp_values(attributes: Any) -> dict[str, Any]:
    """The values of a list of OTLP attributes by key; what is in no known form is left out."""
    pairs = attributes if isinstance(attributes, list) else []
    return {
        str(pair["key"]): otlp_value(pair["value"])
        for pair in pairs
        if isinstance(pair, dict) and "key" in pair and "value" in pair
    }


def otlp_value(value: Any) -> Any:
    """What an OTLP AnyValue holds."""
    kind, held = next(iter(value.items()), ("", None)) if isinstance(value, dict) else ("", value)
    if kind == "arrayValue":
        values = held.get("values") if isinstance(held, dict) else None
        return [otlp_value(each) for each in values] if isinstance(values, list) else []
    if kind == "kvlistValue":
        return otlp_values(held.get("values")) if isinstance(held, dict) else {}
    return held


def _columns(names: tuple[str, ...], objects: list[dict[str, Any]]) -> Columns:
    """The values of objects that all have these keys, by lower-cased key."""
    return dict(zip(map(str.lower, names), zip(*(held.values() for held in objects), strict=True), strict=False))


def chosen(sheet: Sheet, places: Sequence[int]) -> Sheet:
    """The records at some places of a sheet."""
    if len(places) == len(sheet.rows):
        return sheet
    return replace(
        sheet,
        rows=[sheet.rows[place] for place in places],
        item=_at(sheet.item, places),
        inner=_at(sheet.inner, places),
    )


def _at(columns: Columns, places: Sequence[int]) -> Columns:
    return {name: [column[place] for place in places] for name, column in columns.items()}


def take(rows: pa.Table, places: Sequence[int]) -> pa.Table:
    """The rows at some places, the table itself where they are all of them."""
    if not places:
        return rows.slice(0, 0)  # take would join the chunks first
    is_whole = len(places) == len(rows) and list(places) == list(range(len(rows)))
    return rows if is_whole else rows.take(pa.array(places, pa.int64()))
