"""What one frame may hold: records in envelopes, arrays, tables and OTLP trees, each member with its own place.

Known: ``{"records": […]}`` and ``{"value": […]}``, bare arrays, arrays of envelopes, the tables of the Log Analytics
query API (both spellings), OTLP ``resourceSpans`` and ``resourceLogs``, and lists of stored completions.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from analyzer.json_text import mend, parse

_RECORDS = "records"
_OF_RECORDS = {"category", "operationname", "properties"}  # of a record that has a list of that name
_PAGE_KEYS = {"value", "nextlink", "count", "statistics"}  # of {"value": […]}, besides @odata…
_STORED_KEYS = {"object", "data", "first_id", "last_id", "has_more"}
_OTLP = {"resourcespans": ("scopespans", "spans"), "resourcelogs": ("scopelogs", "logrecords")}
ENVELOPE_KEYS = frozenset({_RECORDS, "value", "tables", *_OTLP})
MOST_MEMBERS = 500_000  # as many rows as a query of Log Analytics gives; more would not fit in memory
_DEPTH = 3  # envelopes in arrays in envelopes; deeper is no exporter's


class TooManyError(ValueError):
    """A container has more members than can be opened at once."""


class Member(NamedTuple):
    """A record in a container: where its bytes are in it, and its value; an object that is no record is {}."""

    start: int
    length: int
    value: dict[str, Any]


def members(raw: bytes, value: Any, depth: int = _DEPTH) -> list[Member] | None:
    """The records that a JSON text holds, whose value is given; None when it is no container but one record.

    Raises NotJsonError for a member that is nested too deep, TooManyError for a list of more than MOST_MEMBERS.
    """
    try:
        return _members(raw, value, depth)
    except msgspec.DecodeError:  # half a surrogate, which the value was read without
        return _members(mend(raw), value, depth)


def _members(raw: bytes, value: Any, depth: int) -> list[Member] | None:
    if isinstance(value, list):
        return list(_each(raw, raw, 0, depth))
    keys = {key.lower(): key for key in reversed(value)} if isinstance(value, dict) else {}
    if key := _envelope(value, keys):
        return list(_each(raw, *_held(raw, key), depth))
    if "tables" in keys and isinstance(value[keys["tables"]], list):
        return list(_rows(raw, *_held(raw, keys["tables"])))
    trees = [name for name in _OTLP if name in keys and isinstance(value[keys[name]], list)]
    found = [member for name in trees for member in _otlp(raw, *_held(raw, keys[name]), _OTLP[name], {})]
    return sorted(found) if trees else None


def _envelope(value: Any, keys: dict[str, str]) -> str | None:
    """The key under which an object holds nothing but records, as written."""
    if _RECORDS in keys and isinstance(value[keys[_RECORDS]], list) and not _OF_RECORDS & keys.keys():
        return keys[_RECORDS]
    plain = {key for key in keys if not key.startswith("@")}
    if "value" in plain <= _PAGE_KEYS and isinstance(value[keys["value"]], list):
        return keys["value"]
    is_stored = {"object", "data"} <= plain <= _STORED_KEYS and value[keys["object"]] == "list"
    return keys["data"] if is_stored and _are_completions(value[keys["data"]]) else None


def _are_completions(data: Any) -> bool:
    """Whether a list is one of stored completions: the answer of an embeddings call has the same keys."""
    return isinstance(data, list) and all(isinstance(item, dict) and item.get("object") != "embedding" for item in data)


def _held(raw: bytes, key: str) -> tuple[bytes, int]:
    """The bytes of an object's value, and where they begin."""
    held = bytes(msgspec.json.decode(raw, type=dict[str, msgspec.Raw])[key])
    return held, raw.index(held)


def _slots(raw: bytes, held: bytes, start: int) -> Iterator[tuple[bytes, int]]:
    """The members of a list and where each begins: they stand in order, so each is found behind the one before."""
    if held.count(b",") >= MOST_MEMBERS and len(msgspec.json.decode(held, type=list[Any])) > MOST_MEMBERS:
        raise TooManyError("more members than can be opened")
    position = start
    for slot in map(bytes, msgspec.json.decode(held, type=list[msgspec.Raw])):
        position = raw.index(slot, position)
        yield slot, position
        position += len(slot)


def _each(raw: bytes, held: bytes, start: int, depth: int) -> Iterator[Member]:
    """The records of a list; those of envelopes in it one by one."""
    for slot, begin in _slots(raw, held, start):
        value = parse(slot)
        inside = members(slot, value, depth - 1) if depth > 1 and not isinstance(value, list) else None
        if inside is None:
            yield Member(begin, len(slot), value if isinstance(value, dict) else {})
        else:
            yield from (member._replace(start=begin + member.start) for member in inside)


def _rows(raw: bytes, held: bytes, start: int) -> Iterator[Member]:
    """The rows of query API tables, each as an object with the names of its columns."""
    for slot, begin in _slots(raw, held, start):
        table = parse(slot)
        keys = {key.lower(): key for key in table} if isinstance(table, dict) else {}
        names = _column_names(table[keys["columns"]]) if "columns" in keys else []
        if "rows" not in keys or not isinstance(table[keys["rows"]], list):
            yield Member(begin, len(slot), {})
            continue
        rows, inside = _held(slot, keys["rows"])
        for row, place in _slots(slot, rows, inside):
            values = parse(row)
            fits = isinstance(values, list) and len(values) == len(names)
            yield Member(begin + place, len(row), dict(zip(names, values, strict=True)) if fits else {})


def _column_names(columns: Any) -> list[str]:
    """The names of a table's columns, in both spellings of the query API."""
    found = [column for column in columns if isinstance(column, dict)] if isinstance(columns, list) else []
    return [str(column.get("name", column.get("ColumnName", ""))) for column in found]


def _otlp(raw: bytes, held: bytes, start: int, path: Sequence[str], around: dict[str, Any]) -> Iterator[Member]:
    """Spans or log records, each with the ``resource`` and ``scope`` that it stands under."""
    for slot, begin in _slots(raw, held, start):
        value = parse(slot)
        if not isinstance(value, dict) or not path:
            yield Member(begin, len(slot), {**value, **around} if isinstance(value, dict) else {})
            continue
        keys = {key.lower(): key for key in value}
        outside = {name: value[keys[name]] for name in ("resource", "scope") if name in keys}
        if path[0] in keys and isinstance(value[keys[path[0]]], list):
            inner, inside = _held(slot, keys[path[0]])
            found = _otlp(slot, inner, inside, path[1:], around | outside)
            yield from (member._replace(start=begin + member.start) for member in found)
        else:
            yield Member(begin, len(slot), {})
