"""One module per log shape: recognise a record by its content, map it to rows. Pure: Arrow in, Arrow out.

A shape module says in ``FIELDS``, ``PROPERTIES`` and ``CONTENT`` which fields it reads, by lower-cased name, and has
``recognise(category, resource, names) -> bool`` and ``map_columns(item, inner)``, which maps many records at once,
column by column. Adding a shape is adding a module to ``SHAPES``.
"""

import hashlib
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import chain, repeat
from types import ModuleType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from analyzer import masking
from analyzer.json_text import NotJsonError, parse, parse_nested, write
from analyzer.reader import FRAMES, SAMPLE_BYTES, SPACE, slices
from analyzer.schema import FRAGMENTS, QUARANTINE, RECORDS, Table
from analyzer.shapes import fields, gateway_log, layout, llm_log, resource_log
from analyzer.shapes.fields import Columns
from analyzer.shapes.layout import Sheet

SHAPES: tuple[ModuleType, ...] = (resource_log, gateway_log, llm_log)
UNDATED = date.min  # the day under which texts of records without a time are kept

TEXTS = pa.schema([("text_id", pa.string()), ("day", pa.date32()), ("text", pa.string())])
SEEN = pa.schema([("file_id", pa.int32()), ("generation", pa.int32()), ("bucket", pa.string()), ("count", pa.int64())])
_SAMPLES = 20  # records that a layout is learned from
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
class _Group:
    """Records of one shape, or of none: their rows of the places, their fields and the fields of their properties."""

    shape: ModuleType | None
    bucket: str
    rows: Sequence[int]
    item: Columns
    inner: Columns


def map_frames(frames: pa.Table) -> Mapped:
    """The records, fragments, quarantined frames and items of frames in ``reader.FRAMES``' columns."""
    state = frames.column("state")
    records = _chosen(frames, pc.equal(state, "record"))
    groups, places, refused = _open(records)
    bad = pa.concat_tables([refused, _chosen(frames, pc.invert(pc.is_in(state, value_set=_NOT_BAD)))])
    seen = [(frames, "frames", 1), (records, "opened", 1), (refused, "opened", -1), (bad, "quarantined", 1)]
    seen += [(_chosen(frames, pc.equal(state, name)), name, 1) for name in ("blank", "pending")]
    found, texts = [RECORDS.arrow.empty_table()], [_FRAGMENT_TEXTS.empty_table()]
    for group in groups:
        own = _take(places, group.rows)
        seen += [(own, "items", 1), (own, group.bucket, 1)]
        if shape := group.shape:
            mapped = _map(shape, group, own)
            if unread := _unread_times(group.item["time"], mapped.column("ticks")):
                untimed = _as_bad(own.take(pa.array(unread)), records, "bad_time")
                seen += [(untimed, "loaded", -1), (untimed, "quarantined_items", 1)]
                bad = pa.concat_tables([bad, untimed])
                group = _without(group, set(unread))
                if not group.rows:
                    continue
                mapped = _map(shape, group, _take(places, group.rows))
            found.append(mapped)
            texts += _content(shape, group, mapped)
    return _mapped(pa.concat_tables(found), pa.concat_tables(texts), bad, _counted(seen))


_NOT_BAD = pa.array(["record", "blank", "pending"])
_FRAGMENT_TEXTS = FRAGMENTS.arrow.set(FRAGMENTS.arrow.get_field_index("text_id"), pa.field("text", pa.string()))


def _unread_times(said: Sequence[Any], ticks: pa.ChunkedArray) -> list[int]:
    """The rows that say a time in no form that is known; a record that says none may still tell much."""
    if not ticks.null_count:
        return []
    missing = pc.indices_nonzero(ticks.is_null()).to_pylist()
    return [row for row in missing if not _says_nothing(said[row])]


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and fields.text(value) is None)


def _without(group: _Group, rows: set[int]) -> _Group:
    """The group without some of its rows."""
    kept = [row for row in range(len(group.rows)) if row not in rows]
    item, inner = (_chosen_columns(columns, kept) for columns in (group.item, group.inner))
    return replace(group, rows=[group.rows[row] for row in kept], item=item, inner=inner)


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
    counts: Counter[tuple[int, int, str]] = Counter()
    for table, bucket, sign in seen:
        files = table.group_by(["file_id", "generation"], use_threads=False).aggregate([([], "count_all")])
        for file_id, generation, count in zip(*files.to_pydict().values(), strict=True):
            counts[file_id, generation, bucket] += sign * count
    columns = list(zip(*((*key, count) for key, count in counts.items()), strict=True)) or [()] * len(SEEN)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, SEEN, strict=True)], schema=SEEN)


def _chosen(rows: pa.Table, mask: pa.ChunkedArray) -> pa.Table:
    return rows if pc.all(mask).as_py() else rows.filter(mask)


def _take(rows: pa.Table, places: Sequence[int]) -> pa.Table:
    if not places:
        return rows.slice(0, 0)  # take would join the chunks first
    is_whole = len(places) == len(rows) and list(places) == list(range(len(rows)))
    return rows if is_whole else rows.take(pa.array(places, pa.int64()))


# --- frames to columns ------------------------------------------------------------------------------------------------


def _open(frames: pa.Table) -> tuple[list[_Group], pa.Table, pa.Table]:
    """The records in frames by shape, the places that their rows name, and the frames that cannot be opened."""
    raws = list(slices(frames.column("raw")))
    found, rest = _open_alike(raws)
    values: dict[int, dict[str, Any]] = {}
    members: list[tuple[Any, ...]] = []  # a value and its place, in the columns of _PLACE
    bad: dict[int, str] = {}
    for row in rest:
        raw = bytes(raws[row]).strip(SPACE)
        try:
            value = parse(raw)
            envelope = _envelope(value)
            if envelope is not None or type(value) is list:
                place = (frames.column(name)[row].as_py() for name in _PLACE[:4])
                members += _members(raw, envelope, *place)
            else:
                values[row] = value if type(value) is dict else {}
        except NotJsonError:
            bad[row] = _why_not(raw)
    columns = list(zip(*members, strict=True)) or [()] * (1 + len(_PLACE))
    values |= dict(enumerate(columns[0], len(raws)))
    for sheet in _sheets(values):
        found += _by_shape(sheet)
    places = frames.select(_PLACE)
    inside = [pa.array(column, field.type) for column, field in zip(columns[1:], places.schema, strict=True)]
    refused = _take(frames, list(bad))
    reasons = pa.array(list(bad.values()), pa.string())
    refused = refused.set_column(refused.schema.get_field_index("state"), "state", reasons)
    return _groups(found), pa.concat_tables([places, pa.table(inside, schema=places.schema)]), refused


_Found = tuple[ModuleType | None, Sheet]


def _open_alike(raws: Sequence[memoryview]) -> tuple[list[_Found], Sequence[int]]:
    """The records that are written like most, by shape, and the rows of those to be opened one by one."""
    known = layout.learn(_samples(raws))
    if not known:
        return [], range(len(raws))
    sheet, rest = layout.read(known, raws)
    found = _by_shape(sheet)
    # what a record of no shape is may depend on which keys it lacks
    rest += [row for shape, part in found if not shape for row in part.rows]
    return [(shape, part) for shape, part in found if shape], rest


def _samples(raws: Sequence[memoryview]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Some of the records with their properties."""
    for raw in raws[:: max(1, len(raws) // _SAMPLES)]:
        with suppress(*layout.NOT_JSON):
            value = msgspec.json.decode(raw)
            if type(value) is dict:
                yield value, _properties(value)


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


def _sheets(values: dict[int, dict[str, Any]]) -> Iterator[Sheet]:
    """The records, by row, as columns: those with the same keys together, so that keys are lower-cased once for all."""
    inner = {row: _properties(value) for row, value in values.items()}
    alike: defaultdict[tuple[Any, Any], list[int]] = defaultdict(list)
    for row, value in values.items():
        alike[tuple(value), tuple(inner[row])].append(row)
    for (names, inner_names), rows in alike.items():
        item = _columns(names, [values[row] for row in rows])
        yield Sheet(rows, item, _columns(inner_names, [inner[row] for row in rows]))


def _by_shape(sheet: Sheet) -> list[_Found]:
    """The records of a sheet by the shape that recognises them, if one does."""
    shapes = list(map(cache(_shape_of), *_said(sheet.item, sheet.inner, len(sheet.rows))))
    return [
        (shape, _chosen_rows(sheet, [place for place, other in enumerate(shapes) if other is shape]))
        for shape in dict.fromkeys(shapes)
    ]


def _chosen_rows(sheet: Sheet, chosen: list[int]) -> Sheet:
    if len(chosen) == len(sheet.rows):
        return sheet
    item, inner = (_chosen_columns(columns, chosen) for columns in (sheet.item, sheet.inner))
    return Sheet([sheet.rows[place] for place in chosen], item, inner)


def _chosen_columns(columns: Columns, chosen: list[int]) -> Columns:
    return {name: [column[place] for place in chosen] for name, column in columns.items()}


def _groups(found: Iterable[_Found]) -> list[_Group]:
    """The sheets of each shape as one, with the columns that the shape reads; those of no shape by bucket."""
    sheets: defaultdict[tuple[ModuleType | None, str], list[Sheet]] = defaultdict(list)
    for shape, sheet in found:
        bucket = "loaded" if shape else "foreign_items" if _is_foreign(sheet.item) else "unrecognised"
        sheets[shape, bucket].append(sheet)
    return [_group(shape, bucket, own) for (shape, bucket), own in sheets.items()]


def _group(shape: ModuleType | None, bucket: str, sheets: list[Sheet]) -> _Group:
    sizes = [len(sheet.rows) for sheet in sheets]
    item = {name: _joined([sheet.item.get(name) for sheet in sheets], sizes) for name in shape.FIELDS} if shape else {}
    inner = (
        {name: _joined([sheet.inner.get(name) for sheet in sheets], sizes) for name in shape.PROPERTIES}
        if shape
        else {}
    )
    return _Group(shape, bucket, _joined([sheet.rows for sheet in sheets], sizes), item, inner)


def _joined(columns: Sequence[Sequence[Any] | None], sizes: Sequence[int]) -> Sequence[Any]:
    """The columns one after another; None for every row of one that is missing."""
    if len(columns) == 1 and columns[0] is not None:
        return columns[0]
    parts = (repeat(None, size) if column is None else column for column, size in zip(columns, sizes, strict=True))
    return list(chain.from_iterable(parts))


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


# --- columns to rows --------------------------------------------------------------------------------------------------


def _map(shape: ModuleType, group: _Group, places: pa.Table) -> pa.Table:
    """The records of a shape, in RECORDS' columns."""
    columns = shape.map_columns(group.item, group.inner)
    keys = _request_keys(columns, places.column("sha256").combine_chunks())
    columns |= {"shape": shape.NAME, "request_key": keys, "recorded_at": fields.moments(columns["ticks"])}
    columns |= {name: places.column(name) for name in _PLACE}
    return pa.table(
        [_filled(columns.get(field.name), field.type, len(places)) for field in RECORDS.arrow], schema=RECORDS.arrow
    )


def _content(shape: ModuleType, group: _Group, records: pa.Table) -> list[pa.Table]:
    """The fragments of the records, with their texts: a table for each field that holds content."""
    return [_fragments(group.inner[name], side, source, records) for name, side, source in shape.CONTENT]


def _filled(column: Any, kind: pa.DataType, rows: int) -> Any:
    """A column of a table: as it is, or the one value that every row has."""
    return column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.repeat(pa.scalar(column, kind), rows)


def _request_keys(columns: dict[str, Any], sha256: pa.Array) -> pa.Array:
    """SHA-256 of kind, scope and id; a record without an id stands for itself."""
    names = pc.binary_join_element_wise(columns["kind"], columns["scope"], columns["request_id"], "\0")
    if names.null_count:
        names = pc.coalesce(names, pc.binary_join_element_wise("raw", "", sha256, "\0"))
    names = names.dictionary_encode()
    hashes = [hashlib.sha256(name).hexdigest() for name in slices(names.dictionary)]
    return pa.array(hashes, pa.string()).take(names.indices)


def _fragments(values: Sequence[Any], side: str, source: str, records: pa.Table) -> pa.Table:
    """The fragments that one field of the records holds, with their texts."""
    rows = [row for row, value in enumerate(values) if value]
    said = [_as_text(values[row]) for row in rows]
    texts, chars = pa.array(said, pa.string()), pa.array(map(len, said), pa.int64())
    names = [name for name in FRAGMENTS.arrow.names if name in records.schema.names]
    records = _take(records.select([*names, "started_at"]), rows)
    columns = {name: records.column(name) for name in names}
    columns |= {"side": side, "source": source, "text": texts, "chars": chars}
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
