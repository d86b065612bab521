"""One module per log shape: recognise a record by its content, map it to rows. Pure: Arrow in, Arrow out.

A shape module says in ``FIELDS`` and ``PROPERTIES`` which fields it reads, by lower-cased name: of a record, and of the
object in it that holds more (``layout.HOLDERS``). It has three functions, which all work on many records at once:
``recognise(about) -> bool`` for what records have in common, ``map_columns(item, inner)``, which gives columns of
RECORDS, and ``content(item, inner)``, which gives the bodies and chunks that records carry: for each field that holds
some a column, its side and its source. Adding a shape is adding a module to ``SHAPES``.

Sources: ``body`` and ``backend_body`` are whole bodies; a ``chunk`` is a piece, in order of sequence and time; a
``numbered`` piece counts from 0 or 1, so that a gap shows; a ``message`` is one of those that make a body; an ``echo``
is what an answer says again of its request. What rows of tables say again has ``row_`` before its source.
"""

import hashlib
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import chain, repeat
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer import masking
from analyzer.json_text import parse_nested, write
from analyzer.reader import FRAMES, SAMPLE_BYTES, SPACE, slices
from analyzer.schema import FRAGMENTS, QUARANTINE, RECORDS, Table
from analyzer.shapes import (
    app_insights,
    batch_lines,
    bodies_alone,
    fields,
    gateway_log,
    litellm,
    llm_log,
    numbered,
    otlp,
    policy_events,
    purview,
    realtime_events,
    resource_log,
    spelling,
)
from analyzer.shapes.fields import About, Columns
from analyzer.shapes.items import PLACE, chosen, open_frames, take
from analyzer.shapes.layout import Sheet

SHAPES: tuple[ModuleType, ...] = (
    resource_log, gateway_log, llm_log, otlp, app_insights, purview, litellm, policy_events, batch_lines,
    realtime_events, bodies_alone,
)  # fmt: skip
UNDATED = date.min  # the day under which texts of records without a time are kept

TEXTS = pa.schema([("text_id", pa.string()), ("day", pa.date32()), ("text", pa.string())])
SEEN = pa.schema([("file_id", pa.int32()), ("generation", pa.int32()), ("bucket", pa.string()), ("count", pa.int64())])
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
    """Records of one shape, or of none."""

    shape: ModuleType | None
    is_row: bool  # exported from a table of Log Analytics
    bucket: str
    sheet: Sheet


def map_frames(frames: pa.Table, folders: Mapping[int, str] | None = None) -> Mapped:
    """The records, fragments, quarantined frames and items of frames in ``reader.FRAMES``' columns.

    ``folders`` says for a file_id where the file lies, which is the scope of ids that are unique in a folder only.
    """
    state = frames.column("state")
    records = _chosen(frames, pc.equal(state, "record"))
    opened = open_frames(records, _kinds)
    refused, places = opened.refused, opened.places
    bad = pa.concat_tables([refused, _chosen(frames, pc.invert(pc.is_in(state, value_set=_NOT_BAD)))])
    seen = [(frames, "frames", 1), (records, "opened", 1), (refused, "opened", -1), (bad, "quarantined", 1)]
    seen += [(_chosen(frames, pc.equal(state, name)), name, 1) for name in ("blank", "pending")]
    found, texts = [RECORDS.arrow.empty_table()], [_FRAGMENT_TEXTS.empty_table()]
    for group in _joined_groups(chain.from_iterable(map(_by_shape, opened.sheets))):
        own = take(places, group.sheet.rows)
        seen += [(own, "items", 1), (own, group.bucket, 1)]
        if group.shape:
            mapped = _map(group, own, folders or {})
            if unread := _unread_times(group.shape, group.sheet, mapped.column("ticks")):
                untimed = _as_bad(own.take(pa.array(unread)), records, "bad_time")
                seen += [(untimed, "loaded", -1), (untimed, "quarantined_items", 1)]
                bad = pa.concat_tables([bad, untimed])
                group = _without(group, set(unread))
                if not group.sheet.rows:
                    continue
                mapped = _map(group, take(places, group.sheet.rows), folders or {})
            found.append(mapped)
            texts += _content(group, mapped)
    return _mapped(pa.concat_tables(found), pa.concat_tables(texts), bad, _counted(seen))


_NOT_BAD = pa.array(["record", "blank", "pending"])
_FRAGMENT_TEXTS = FRAGMENTS.arrow.set(FRAGMENTS.arrow.get_field_index("text_id"), pa.field("text", pa.string()))


def _unread_times(shape: ModuleType, sheet: Sheet, ticks: pa.ChunkedArray) -> list[int]:
    """The rows that say a time in no form that is known; a record that says none may still tell much."""
    if not ticks.null_count:
        return []
    missing = pc.indices_nonzero(ticks.is_null()).to_pylist()
    said = [sheet.item[name] for name in shape.TIMES]
    return [row for row in missing if not all(_says_nothing(column[row]) for column in said)]


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and fields.text(value) is None)


def _without(group: _Group, rows: set[int]) -> _Group:
    """The group without some of its rows."""
    kept = [row for row in range(len(group.sheet.rows)) if row not in rows]
    return replace(group, sheet=chosen(group.sheet, kept))


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
    columns = {name: items.column(name) for name in PLACE} | {"state": reason}
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


# --- recognition ------------------------------------------------------------------------------------------------------


def _by_shape(sheet: Sheet) -> Iterator[_Group]:
    """The records of a sheet, by the shape that recognises them or the bucket they go to."""
    spelled, is_row = spelling.spell(sheet)
    spelled = numbered.fold(spelled)
    shapes = _shapes_of(spelled)
    for shape in dict.fromkeys(shapes):
        own = chosen(spelled, [place for place, other in enumerate(shapes) if other is shape])
        bucket = "loaded" if shape else "foreign_items" if _is_foreign(own) else "unrecognised"
        yield _Group(shape, is_row, bucket, own)


def _kinds(sheet: Sheet) -> list[tuple[ModuleType, bool] | None]:
    """What each record of a sheet is: its shape, and whether it is a row of a table; None without a shape."""
    spelled, is_row = spelling.spell(sheet)
    return [(shape, is_row) if shape else None for shape in _shapes_of(spelled)]


def _shapes_of(sheet: Sheet) -> list[ModuleType | None]:
    """The shape of each record of a spelled sheet."""
    return list(map(cache(_shape_of), _about(sheet)))


def _about(sheet: Sheet) -> Iterator[About]:
    item, inner, count = sheet.item, sheet.inner, len(sheet.rows)
    category, resource = _said(item, "category", count), _said(item, "resourceid", count)
    if not all(category):
        category = [said or other for said, other in zip(category, _said(item, "type", count), strict=True)]
    names = repeat(sheet.names), repeat(sheet.inner_names)
    if all(category) and all(resource):  # which tells all
        return map(About, *names, category, resource)
    operations = [_said(item, name, count) for name in ("operationname", "operation", "operations", "recordtype")]
    operation = map(_first, *operations, _said(inner, "operation", count))
    events = [_said(item, name, count) for name in ("eventname", "eventtype", "event-type")]
    event = map(_first, *events, _said(inner, "event.name", count))
    rest = (_said(item, name, count) for name in ("object", "custom_llm_provider", "kind"))
    role = map(_role, _said(item, "role", count), item.get("messages", repeat(None)))
    return map(About, *names, category, resource, operation, _said(inner, "apiname", count), event, *rest, role)


def _role(own: str, messages: Any) -> str:
    held = parse_nested(messages)
    first = held[0] if isinstance(held, list) and held else None
    said = first.get("role") if isinstance(first, dict) else None
    return said.lower() if isinstance(said, str) else own


def _first(*said: str) -> str:
    return next(filter(None, said), "")


def _said(columns: Columns, name: str, count: int) -> list[str]:
    """A column in lower case, with '' for every value that is no text."""
    return [value.lower() if type(value) is str else "" for value in columns.get(name, [None] * count)]


def _shape_of(about: About) -> ModuleType | None:
    return next((shape for shape in SHAPES if shape.recognise(about)), None)


def _is_foreign(sheet: Sheet) -> bool:
    """Records of Azure Monitor that are no AI calls (they say their category and resource, or their table), spans, log
    records, metrics and rows of telemetry that say nothing of a model, what else an audit log notes, and calls that a
    proxy sent elsewhere than to Azure."""
    names = sheet.names
    return (
        ("category" in names and ("resourceid" in names or "operationname" in names))
        or ("time" in names and "resourceid" in names)
        or "tablename" in names
        or ("timegenerated" in names and ("type" in names or "approlename" in names))
        or {"traceid", "spanid"} <= names
        or {"context", "start_time", "end_time"} <= names
        or bool({"starttimeunixnano", "timeunixnano", "observedtimeunixnano", "resourcemetrics"} & names)
        or {"creationtime", "operation", "workload"} <= names
        or "auditdata" in names
        or litellm.is_row(names)
    )


def _joined_groups(found: Iterable[_Group]) -> list[_Group]:
    """The groups of each shape as one, with the columns that the shape reads; those of no shape by bucket."""
    groups: defaultdict[tuple[ModuleType | None, bool, str], list[Sheet]] = defaultdict(list)
    for group in found:
        groups[group.shape, group.is_row, group.bucket].append(group.sheet)
    return [_Group(*key, _joined_sheet(key[0], sheets)) for key, sheets in groups.items()]


def _joined_sheet(shape: ModuleType | None, sheets: list[Sheet]) -> Sheet:
    sizes = [len(sheet.rows) for sheet in sheets]
    names, inner_names = (shape.FIELDS, shape.PROPERTIES) if shape else ((), ())
    return Sheet(
        _joined([sheet.rows for sheet in sheets], sizes),
        {name: _joined([sheet.item.get(name) for sheet in sheets], sizes) for name in names},
        {name: _joined([sheet.inner.get(name) for sheet in sheets], sizes) for name in inner_names},
        frozenset(names),
        frozenset(inner_names),
    )


def _joined(columns: Sequence[Sequence[Any] | None], sizes: Sequence[int]) -> Sequence[Any]:
    """The columns one after another; None for every row of one that is missing."""
    if len(columns) == 1 and columns[0] is not None:
        return columns[0]
    parts = (repeat(None, size) if column is None else column for column, size in zip(columns, sizes, strict=True))
    return list(chain.from_iterable(parts))


# --- columns to rows --------------------------------------------------------------------------------------------------


def _map(group: _Group, places: pa.Table, folders: Mapping[int, str]) -> pa.Table:
    """The records of a shape, in RECORDS' columns."""
    shape = _shape(group)
    columns = shape.map_columns(group.sheet.item, group.sheet.inner)
    columns.setdefault("scope", "")
    if columns["scope"] is None:
        columns["scope"] = pa.array([folders.get(number, "") for number in places.column("file_id").to_pylist()])
    keys = _request_keys(columns, places.column("sha256").combine_chunks())
    name = shape.ROW_NAME if group.is_row else shape.NAME
    columns |= {"shape": name, "request_key": keys, "recorded_at": fields.moments(columns["ticks"])}
    columns |= {name: places.column(name) for name in PLACE}
    return pa.table(
        [_filled(columns.get(field.name), field.type, len(places)) for field in RECORDS.arrow], schema=RECORDS.arrow
    )


def _shape(group: _Group) -> ModuleType:
    assert group.shape
    return group.shape


def _content(group: _Group, records: pa.Table) -> list[pa.Table]:
    """The fragments of the records, with their texts: a table for each field that holds content."""
    content = _shape(group).content(group.sheet.item, group.sheet.inner)
    table = "row_" if group.is_row else ""  # a call may be there in both forms
    return [_fragments(values, side, table + source, records) for values, side, source in content]


def _filled(column: Any, kind: pa.DataType, rows: int) -> Any:
    """A column of a table: as it is, or the one value that every row has."""
    return column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.repeat(pa.scalar(column, kind), rows)


def _request_keys(columns: dict[str, Any], sha256: pa.Array) -> pa.Array:
    """SHA-256 of kind, scope and id; a record without an id stands for itself."""
    own = columns.get("id", columns["request_id"])
    names = pc.binary_join_element_wise(columns["kind"], columns["scope"], own, "\0")
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
    records = take(records.select([*names, "started_at"]), rows)
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
    quarantine = {name: bad.column(name) for name in PLACE}
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
