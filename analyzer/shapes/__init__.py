"""One module per log shape: recognise a record by its content, map it to rows. Pure: Arrow in, Arrow out.

A shape module has ``recognise(item) -> bool`` and ``map_item(item) -> (record, fragments)``; ``item`` is the record
with its outer keys lower-cased. Adding a shape is adding a module to ``SHAPES``.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from analyzer import masking
from analyzer.json_text import NotJsonError, parse
from analyzer.schema import FRAGMENTS, QUARANTINE, RECORDS, Table
from analyzer.shapes import fields, gateway_log, llm_log, resource_log

SHAPES = (resource_log, gateway_log, llm_log)
SAMPLE_CHARS = 200
UNDATED = date.min  # the day under which texts of records without a time are kept

TEXTS = pa.schema([("text_id", pa.string()), ("day", pa.date32()), ("text", pa.string())])


@dataclass(frozen=True)
class Mapped:
    """What a batch of frames holds; the columns of the file (file_id, generation, run_id) are not there yet.

    ``buckets`` counts frames and items by the names of BUCKETS' columns.
    """

    records: pa.Table
    fragments: pa.Table
    quarantine: pa.Table
    pictures: pa.Table
    texts: pa.Table
    buckets: Counter[str]


class _Item(NamedTuple):
    value: Any
    line: int
    byte_offset: int
    byte_length: int
    sha256: str


def map_frames(frames: pa.RecordBatch) -> Mapped:
    """The records, fragments, quarantined frames and items of a batch in ``reader.FRAMES``' columns."""
    buckets: Counter[str] = Counter(frames=frames.num_rows)
    records: list[dict[str, Any]] = []
    fragments: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for line, offset, length, sha256, state, raw in zip(*(column.to_pylist() for column in frames), strict=True):
        where = {"line": line, "byte_offset": offset, "byte_length": length, "sha256": sha256}
        if state in ("blank", "pending"):
            buckets[state] += 1
            continue
        items, reason = _open(raw, line, offset, length, sha256) if state == "record" else ([], state)
        if reason:
            buckets["quarantined"] += 1
            bad.append({**where, "reason": reason, "text": raw[:SAMPLE_CHARS].decode("utf-8", "replace")})
            continue
        buckets["opened"] += 1
        buckets["items"] += len(items)
        for item in items:
            shape, lowered = _recognise(item.value)
            if shape is None:
                buckets["foreign_items" if _is_foreign(lowered) else "unrecognised"] += 1
                continue
            _add(shape(lowered), item, records, fragments)
            buckets["loaded"] += 1
    return _tables(records, fragments, bad, buckets)


def _open(raw: bytes, line: int, offset: int, length: int, sha256: str) -> tuple[list[_Item], str]:
    """The items of a frame, or why it cannot be opened. An array or ``{"records": […]}`` holds many."""
    try:
        value = parse(raw)
        if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("records"), list)):
            return list(_members(raw, isinstance(value, dict), line, offset)), ""
    except (NotJsonError, msgspec.DecodeError):
        return [], _why_not(raw)
    return [_Item(value, line, offset, length, sha256)], ""


class _Envelope(msgspec.Struct):
    records: list[msgspec.Raw]


def _members(raw: bytes, in_records: bool, line: int, offset: int) -> Iterator[_Item]:
    """Each member with its own place in the file: members stand in order, so each is found behind the one before."""
    members = (
        msgspec.json.decode(raw, type=_Envelope).records
        if in_records
        else msgspec.json.decode(raw, type=list[msgspec.Raw])
    )
    position, newlines = 0, 0
    for member in map(bytes, members):
        start = raw.index(member, position)
        newlines += raw.count(b"\n", position, start)
        yield _Item(parse(member), line + newlines, offset + start, len(member), hashlib.sha256(member).hexdigest())
        newlines += member.count(b"\n")
        position = start + len(member)


def _why_not(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "not_json"


_Mapper = Callable[[dict[str, Any]], tuple[dict[str, Any], list[dict[str, Any]]]]


def _recognise(value: Any) -> tuple[_Mapper | None, dict[str, Any]]:
    lowered = fields.lower_keys(value)
    return next((shape.map_item for shape in SHAPES if shape.recognise(lowered)), None), lowered


def _is_foreign(item: dict[str, Any]) -> bool:
    """A record of Azure Monitor that is no AI call: it says its category and resource, or its table."""
    return (
        ("category" in item and ("resourceid" in item or "operationname" in item))
        or ("timegenerated" in item and ("type" in item or "tablename" in item))
        or ("time" in item and "resourceid" in item)
    )


def _add(
    mapped: tuple[dict[str, Any], list[dict[str, Any]]],
    item: _Item,
    records: list[dict[str, Any]],
    fragments: list[dict[str, Any]],
) -> None:
    record, pieces = mapped
    kind = record.pop("kind")
    name = "\0".join((kind, record["scope"], record["request_id"])) if record["request_id"] else f"raw\0\0{item.sha256}"
    record |= {
        "request_key": hashlib.sha256(name.encode()).hexdigest(),
        "line": item.line,
        "byte_offset": item.byte_offset,
        "byte_length": item.byte_length,
        "sha256": item.sha256,
    }
    records.append(record)
    at = record["started_at"]
    for piece in pieces:
        piece |= {
            "request_key": record["request_key"],
            "line": item.line,
            "byte_offset": item.byte_offset,
            "sequence": record.get("sequence"),
            "ticks": record["ticks"],
            "chars": len(piece["text"]),
            "day": at.date() if at else UNDATED,
        }
    fragments.extend(pieces)


def _tables(
    records: list[dict[str, Any]], fragments: list[dict[str, Any]], bad: list[dict[str, Any]], buckets: Counter[str]
) -> Mapped:
    pieces = fragments + bad
    texts, pictures = masking.mask([piece["text"] for piece in pieces])
    ids = [text_id(text) for text in texts]
    for piece, identifier in zip(pieces, ids, strict=True):
        piece["text_id"] = identifier
    days = [piece.setdefault("day", UNDATED) for piece in pieces]
    return Mapped(
        table(records, RECORDS),
        table(fragments, FRAGMENTS),
        table(bad, QUARANTINE),
        pictures,
        pa.table([ids, pa.array(days, pa.date32()), texts], schema=TEXTS),
        buckets,
    )


def text_id(text: str) -> str:
    """The name of a text: the first 16 bytes of its SHA-256, hex."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def table(rows: list[dict[str, Any]], columns: Table) -> pa.Table:
    """The rows in the columns of a table of the store; a column that a row lacks is null."""
    schema = columns.arrow
    return pa.table([pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema)
