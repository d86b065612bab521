"""One module per log shape: recognise a record by its content, map it to rows. Pure: Arrow in, Arrow out.

A shape module says in ``FIELDS``, ``PROPERTIES`` and ``CONTENT`` which fields it reads, by lower-cased name, and has
``recognise(category, resource, names) -> bool`` and ``map_columns(item, inner)``, which maps many records at once,
column by column. Adding a shape is adding a module to ``SHAPES``.
"""

import hashlib
from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import repeat
from types import ModuleType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import masking
from analyzer.json_text import NotJsonError, parse, parse_nested, write
from analyzer.reader import FRAMES, SAMPLE_BYTES, SPACE, slices
from analyzer.schema import FRAGMENTS, QUARANTINE, RECORDS, Table
from analyzer.shapes import fields, gateway_log, llm_log, resource_log
from analyzer.shapes.fields import Columns

SHAPES: tuple[ModuleType, ...] = (resource_log, gateway_log, llm_log)
UNDATED = date.min  # the day under which texts of records without a time are kept

TEXTS = pa.schema([("text_id", pa.string()), ("day", pa.date32()), ("text", pa.string())])
SEEN = pa.schema([("file_id", pa.int32()), ("generation", pa.int32()), ("bucket", pa.string()), ("count", pa.int64())])
_PLACE = ("file_id", "generation", "line", "byte_offset", "byte_length", "sha256")
_ADDRESS = ("file_id", "generation", "byte_offset")


@dataclass(frozen=True)
class Mapped:
    """What a batch of frames holds. ``run_id`` of the quarantined is null: it is the loader's to say.

    ``seen`` counts frames and items in SEEN's columns; ``bucket`` is the name of a column of BUCKETS.
    """

    records: pa.Table
    fragments: pa.Table
    quarantine: pa.Table
    pictures: pa.Table
    texts: pa.Table
    seen: pa.Table


@dataclass(frozen=True)
class _Items:
    """Records as values, and where each stands: ``places`` has a row in _PLACE' columns for each value."""

    values: list[Any]
    places: pa.Table


@dataclass(frozen=True)
class _Rows:
    """Items of one shape, or of none: their rows of ``places``, their fields and the fields of their properties."""

    shape: ModuleType | None
    bucket: str
    rows: list[int]
    item: dict[str, list[Any]]
    inner: dict[str, list[Any]]


def map_frames(frames: pa.Table) -> Mapped:
    """The records, fragments, quarantined frames and items of frames in ``reader.FRAMES``' columns."""
    state = frames.column("state")
    records = _chosen(frames, pc.equal(state, "record"))
    items, refused = _open(records)
    bad = pa.concat_tables([refused, _chosen(frames, pc.invert(pc.is_in(state, value_set=_NOT_BAD)))])
    seen = [(frames, "frames", 1), (records, "opened", 1), (refused, "opened", -1), (bad, "quarantined", 1)]
    seen += [(_chosen(frames, pc.equal(state, name)), name, 1) for name in ("blank", "pending")]
    seen.append((items.places, "items", 1))
    found, texts = [RECORDS.arrow.empty_table()], [_FRAGMENT_TEXTS.empty_table()]
    for group in _by_shape(items):
        places = _take(items.places, group.rows)
        seen.append((places, group.bucket, 1))
        if group.shape:
            found.append(_map(group.shape, group, places))
            texts += _content(group.shape, group, found[-1])
    mapped, content = pa.concat_tables(found), pa.concat_tables(texts)
    if mapped.column("ticks").null_count:
        untimed = _as_bad(mapped.filter(pc.is_null(mapped.column("ticks"))), records, "bad_time")
        seen += [(untimed, "loaded", -1), (untimed, "quarantined_items", 1)]
        bad = pa.concat_tables([bad, untimed])
        mapped, content = (table.filter(pc.is_valid(table.column("ticks"))) for table in (mapped, content))
    return _mapped(mapped, content, bad, _counted(seen))


_NOT_BAD = pa.array(["record", "blank", "pending"])
_FRAGMENT_TEXTS = FRAGMENTS.arrow.set(FRAGMENTS.arrow.get_field_index("text_id"), pa.field("text", pa.string()))


def _as_bad(items: pa.Table, frames: pa.Table, reason: str) -> pa.Table:
    """Items that are not loaded, in FRAMES' columns: ``raw`` is cut out of the frame that each stands in."""
    raws = [bytes(raw).strip(SPACE) for raw in slices(frames.column("raw"))]
    starts = sorted(zip(*(frames.column(name).to_pylist() for name in _ADDRESS), range(len(raws)), strict=True))
    beginnings = []
    places = zip(*(items.column(name).to_pylist() for name in (*_ADDRESS, "byte_length")), strict=True)
    for file_id, generation, offset, length in places:
        *_, start, row = starts[bisect(starts, (file_id, generation, offset, len(raws))) - 1]
        inside = offset - start
        beginnings.append(raws[row][inside : inside + min(length, SAMPLE_BYTES)])
    columns = {name: items.column(name) for name in _PLACE} | {"state": reason}
    columns["raw"] = pa.array(beginnings, pa.large_binary())
    return pa.table([_filled(columns[field.name], field.type, len(items)) for field in FRAMES], schema=FRAMES)


def _counted(seen: list[tuple[pa.Table, str, int]]) -> pa.Table:
    """How many rows of each file and generation count in each bucket, from tables with its name and sign."""
    rows = [
        table.select(["file_id", "generation"])
        .append_column("bucket", pa.repeat(bucket, len(table)))
        .append_column("count", pa.repeat(sign, len(table)))
        for table, bucket, sign in seen
    ]
    counted = pa.concat_tables(rows).group_by(["file_id", "generation", "bucket"]).aggregate([("count", "sum")])
    return counted.rename_columns(SEEN.names).cast(SEEN)


def _chosen(rows: pa.Table, mask: pa.ChunkedArray) -> pa.Table:
    return rows if pc.all(mask).as_py() else rows.filter(mask)


def _take(rows: pa.Table, places: list[int]) -> pa.Table:
    is_whole = len(places) == len(rows) and places == list(range(len(rows)))
    return rows if is_whole else rows.take(pa.array(places, pa.int64()))


# --- frames to values -------------------------------------------------------------------------------------------------


def _open(frames: pa.Table) -> tuple[_Items, pa.Table]:
    """The items of frames, and the frames that cannot be opened, with the reason as their state."""
    decode = msgspec.json.Decoder().decode
    values: list[Any] = []
    single: list[int] = []
    members: list[tuple[Any, ...]] = []  # a value and its place, in the columns of _PLACE
    bad: dict[int, str] = {}
    for row, raw in enumerate(slices(frames.column("raw"))):
        try:
            try:
                value = decode(raw)
            except _NOT_JSON:
                value = parse(bytes(raw).strip(SPACE))
            envelope = _envelope(value)
            if envelope is not None or type(value) is list:
                place = (frames.column(name)[row].as_py() for name in _PLACE[:4])
                members += _members(bytes(raw).strip(SPACE), envelope, *place)
                continue
        except (NotJsonError, *_NOT_JSON):
            bad[row] = _why_not(bytes(raw))
            continue
        values.append(value if type(value) is dict else {})
        single.append(row)
    places = frames.select(_PLACE)
    columns = list(zip(*members, strict=True)) or [()] * (1 + len(_PLACE))
    found = [pa.array(column, field.type) for column, field in zip(columns[1:], places.schema, strict=True)]
    places = pa.concat_tables([_take(places, single), pa.table(found, schema=places.schema)])
    refused = _take(frames, list(bad))
    reasons = pa.array(list(bad.values()), pa.string())
    refused = refused.set_column(refused.schema.get_field_index("state"), "state", reasons)
    return _Items(values + list(columns[0]), places), refused


_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _envelope(value: Any) -> str | None:
    """The key under which an object holds records, in any case."""
    members = value.items() if type(value) is dict else ()
    return next((key for key, held in members if type(held) is list and key.lower() == "records"), None)


def _members(
    raw: bytes, envelope: str | None, file_id: int, generation: int, line: int, offset: int
) -> list[tuple[Any, ...]]:
    """Each member with its own place in the file: members stand in order, so each is found behind the one before."""
    held = raw if envelope is None else msgspec.json.decode(raw, type=dict[str, msgspec.Raw])[envelope]
    slots = msgspec.json.decode(held, type=list[msgspec.Raw])
    found: list[tuple[Any, ...]] = []
    position, newlines = 0, 0
    for member in map(bytes, slots):
        start = raw.index(member, position)
        newlines += raw.count(b"\n", position, start)
        value = parse(member)
        sha256 = hashlib.sha256(member).hexdigest()
        place = (file_id, generation, line + newlines, offset + start, len(member), sha256)
        found.append((value if isinstance(value, dict) else {}, *place))
        newlines += member.count(b"\n")
        position = start + len(member)
    return found


def _why_not(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "not_json"


# --- values to columns ------------------------------------------------------------------------------------------------


def _by_shape(items: _Items) -> list[_Rows]:
    """The items by shape, as columns of the fields that the shape reads.

    Items with the same keys are turned into columns together, so that keys are lower-cased once for all of them.
    """
    inner = [held if type(held := value.get("properties")) is dict else _properties(value) for value in items.values]
    layouts: defaultdict[tuple[Any, Any], list[int]] = defaultdict(list)
    for row, (value, held) in enumerate(zip(items.values, inner, strict=True)):
        layouts[tuple(value), tuple(held)].append(row)
    groups: dict[str, _Rows] = {}
    shape_of = cache(_shape_of)
    for (names, inner_names), rows in layouts.items():
        item_columns = _columns(names, [items.values[row] for row in rows])
        inner_columns = _columns(inner_names, [inner[row] for row in rows])
        shapes = list(map(shape_of, *_said(item_columns, inner_columns, len(rows))))
        for shape in dict.fromkeys(shapes):
            group = _group(groups, shape, item_columns)
            chosen = [place for place, other in enumerate(shapes) if other is shape]
            group.rows.extend(rows[place] for place in chosen)
            _extend(group.item, item_columns, chosen)
            _extend(group.inner, inner_columns, chosen)
    return list(groups.values())


def _group(groups: dict[str, _Rows], shape: ModuleType | None, item: Columns) -> _Rows:
    """The group that items of this shape belong to, made where it is missing."""
    if shape:
        return groups.setdefault(shape.NAME, _Rows(shape, "loaded", [], _none(shape.FIELDS), _none(shape.PROPERTIES)))
    bucket = "foreign_items" if _is_foreign(item) else "unrecognised"
    return groups.setdefault(bucket, _Rows(None, bucket, [], {}, {}))


def _properties(value: dict[str, Any]) -> dict[str, Any]:
    held = value.get("properties")
    held = parse_nested(fields.lower_keys(value).get("properties") if held is None else held)
    return held if isinstance(held, dict) else {}


def _columns(names: tuple[str, ...], objects: list[dict[str, Any]]) -> Columns:
    """The values of objects that all have these keys, by lower-cased key."""
    return dict(zip(map(str.lower, names), zip(*(held.values() for held in objects), strict=True), strict=False))


def _texts(columns: Columns, name: str, count: int) -> list[str]:
    """A column with '' for every value that is no text."""
    return [value if type(value) is str else "" for value in columns.get(name, [None] * count)]


def _said(item: Columns, inner: Columns, count: int) -> tuple[list[str], ...]:
    """The columns of what ``_shape_of`` is asked: names only where a resource is missing, which tells more."""
    category, resource = _texts(item, "category", count), _texts(item, "resourceid", count)
    if not all(category):
        category = [said or other for said, other in zip(category, _texts(item, "type", count), strict=True)]
    if all(resource):
        return category, resource
    return category, resource, _texts(item, "operationname", count), _texts(inner, "apiname", count)


def _shape_of(category: str, resource: str, *names: str) -> ModuleType | None:
    said = category.lower(), resource.lower(), names
    return next((shape for shape in SHAPES if shape.recognise(*said)), None)


def _is_foreign(item: Columns) -> bool:
    """Records of Azure Monitor that are no AI calls: they say their category and resource, or their table."""
    return (
        ("category" in item and ("resourceid" in item or "operationname" in item))
        or ("timegenerated" in item and ("type" in item or "tablename" in item))
        or ("time" in item and "resourceid" in item)
    )


def _none(names: tuple[str, ...]) -> dict[str, list[Any]]:
    return {name: [] for name in names}


def _extend(columns: dict[str, list[Any]], found: Columns, chosen: list[int]) -> None:
    """Adds the chosen rows of the columns found; None for every field that they lack."""
    for name, column in columns.items():
        if (values := found.get(name)) is None:
            column.extend(repeat(None, len(chosen)))
        else:
            column.extend(values if len(values) == len(chosen) else [values[row] for row in chosen])


# --- columns to rows --------------------------------------------------------------------------------------------------


def _map(shape: ModuleType, group: _Rows, places: pa.Table) -> pa.Table:
    """The records of a shape, in RECORDS' columns."""
    columns = shape.map_columns(group.item, group.inner)
    keys = _request_keys(columns, places.column("sha256").combine_chunks())
    columns |= {"shape": shape.NAME, "request_key": keys, "recorded_at": fields.moments(columns["ticks"])}
    columns |= {name: places.column(name) for name in _PLACE}
    return pa.table(
        [_filled(columns.get(field.name), field.type, len(places)) for field in RECORDS.arrow], schema=RECORDS.arrow
    )


def _content(shape: ModuleType, group: _Rows, records: pa.Table) -> list[pa.Table]:
    """The fragments of the records, with their texts: a table for each field that holds content."""
    return [_fragments(group.inner[name], side, source, records) for name, side, source in shape.CONTENT]


def _filled(column: Any, kind: pa.DataType, rows: int) -> Any:
    """A column of a table: as it is, or the one value that every row has."""
    return column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.repeat(pa.scalar(column, kind), rows)


def _request_keys(columns: dict[str, Any], sha256: pa.Array) -> pa.Array:
    """SHA-256 of kind, scope and id; a record without an id stands for itself."""
    named = pc.binary_join_element_wise(columns["kind"], columns["scope"], columns["request_id"], "\0")
    alone = pc.binary_join_element_wise("raw", "", sha256, "\0")
    names = pc.coalesce(named, alone).dictionary_encode()
    hashes = [hashlib.sha256(name).hexdigest() for name in slices(names.dictionary)]
    return pa.array(hashes, pa.string()).take(names.indices)


def _fragments(values: Sequence[Any], side: str, source: str, records: pa.Table) -> pa.Table:
    """The fragments that one field of the records holds, with their texts."""
    rows = [row for row, value in enumerate(values) if value]
    texts = pa.array([_as_text(values[row]) for row in rows], pa.string())
    names = [name for name in FRAGMENTS.arrow.names if name in records.schema.names]
    records = _take(records.select([*names, "started_at"]), rows)
    columns = {name: records.column(name) for name in names}
    columns |= {"side": side, "source": source, "text": texts, "chars": pc.utf8_length(texts).cast(pa.int64())}
    columns["day"] = pc.fill_null(records.column("started_at").cast(pa.date32()), UNDATED)
    schema = _FRAGMENT_TEXTS
    return pa.table([_filled(columns[field.name], field.type, len(rows)) for field in schema], schema=schema)


def _as_text(value: Any) -> str:
    """A body as the log has it, or the JSON text of one that is no string."""
    return value if type(value) is str else write(value)


# --- rows to tables ---------------------------------------------------------------------------------------------------


def _mapped(records: pa.Table, fragments: pa.Table, bad: pa.Table, seen: pa.Table) -> Mapped:
    """The tables of the store, with every text masked and named."""
    samples = [bytes(raw).strip(SPACE)[:SAMPLE_BYTES].decode("utf-8", "replace") for raw in slices(bad.column("raw"))]
    column = pa.concat_arrays([*fragments.column("text").chunks, pa.array(samples, pa.string())])
    texts, pictures = masking.mask_column(column)
    ids = pa.array([text_id(text) for text in slices(texts)], pa.string())
    undated = pa.repeat(pa.scalar(UNDATED, pa.date32()), len(bad))
    days = pa.concat_arrays([*fragments.column("day").chunks, undated])
    own = len(fragments)
    place = fragments.schema.get_field_index("text")
    quarantine = {name: bad.column(name) for name in _PLACE}
    quarantine |= {"reason": bad.column("state"), "text_id": ids.slice(own), "day": undated, "run_id": None}
    return Mapped(
        records,
        fragments.set_column(place, "text_id", ids.slice(0, own)),
        pa.table(
            [_filled(quarantine[field.name], field.type, len(bad)) for field in QUARANTINE.arrow],
            schema=QUARANTINE.arrow,
        ),
        pictures,
        pa.table([ids, days, texts], schema=TEXTS),
        seen,
    )


def text_id(text: str | memoryview) -> str:
    """The name of a text: the first 16 bytes of its SHA-256, hex. A view is of its UTF-8."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:32]


def table(rows: list[dict[str, Any]], columns: Table) -> pa.Table:
    """The rows in the columns of a table of the store; a column that a row lacks is null."""
    schema = columns.arrow
    return pa.table([pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema)
