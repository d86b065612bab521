"""Rows of Log Analytics tables, spelled like the records that the same settings write to storage.

AzureDiagnostics, ApiManagementGatewayLogs and ApiManagementGatewayLlmLog rows say what RequestResponse, GatewayLogs and
GatewayLlmLogs records say, under other names. Columns are renamed, whole; where two say the same, the first counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from analyzer.shapes import fields
from analyzer.shapes.fields import Columns
from analyzer.shapes.layout import Sheet

_MARKS = frozenset({"timegenerated", "tablename", "_resourceid", "properties_s"})  # what only rows have
_UTC = " [utc]"  # behind the names of times in CSV
_SUFFIXES = ("_s", "_d", "_b", "_g", "_t")  # of columns made of properties: text, double, boolean, guid, time
_TABLES = {"apimanagementgatewaylogs": "GatewayLogs", "apimanagementgatewayllmlog": "GatewayLlmLogs"}
_OTHERS = {"azurediagnostics"}  # which has rows of all categories
_ITEM_NAMES = {
    "time": ("timegenerated",),
    "resourceid": ("resourceid", "_resourceid"),
    "location": ("location", "location_s", "region"),
    "tenant": ("tenant", "tenant_s"),
}
# What only records of a category have, in the order in which they are tried.
_TELLING = {
    "GatewayLlmLogs": {"requestmessages", "responsemessages", "sequencenumber", "isstreamcompletion"},
    "GatewayLogs": {"apimsubscriptionid", "backendurl", "backendresponsecode", "requestbody", "responsebody"},
    "RequestResponse": {"requesttime", "responsetime", "streamtype", "apiname"},
    "AzureOpenAIRequestUsage": {"generatedtokens", "cachedtokens"},
}
_CONTENT = (
    "requestmessages", "responsemessages", "requestbody", "responsebody", "backendrequestbody", "backendresponsebody",
)  # fmt: skip
_LONGEST_WORD = 20  # characters of one that means nothing, with blanks around it


def spell(sheet: Sheet) -> tuple[Sheet, bool]:
    """The sheet with the names that records in storage have, and whether its records are rows of a table."""
    plain = {name: name.removesuffix(_UTC) for name in sheet.item}
    columns = _renamed(sheet.item, plain)
    names = frozenset(plain.get(name, name) for name in sheet.names)
    if columns.keys().isdisjoint(_MARKS) or "time" in columns or "properties" in columns:
        return replace(sheet, item=columns, names=names), False
    if _MARKS.isdisjoint(names):  # some are rows and some may be none: each is to be told by itself
        return Sheet(sheet.rows, {}, {}, frozenset(), frozenset()), False
    columns.pop("tenantid", None)  # the workspace's
    flat = {name: name[:-2] for name in columns if name.endswith(_SUFFIXES) and name != "properties_s"}
    flattened = ((flat[name], columns[name]) for name in flat)
    inner = _united((*sheet.inner.items(), *flattened, *columns.items()))
    inner_names = sheet.inner_names | (names - {"tenantid"}) | {flat[name] for name in names & flat.keys()}
    for name in _CONTENT:
        if name in inner:
            inner[name] = _said(inner[name])
    if "operationname" in inner:
        inner["operationname"] = list(map(_own_operation, inner["operationname"]))
    item = dict(columns)
    for name, others in _ITEM_NAMES.items():
        if found := [_said(columns[other]) for other in others if other in columns]:
            item[name] = _first(found)
    category = _categories(columns, inner, inner_names, len(sheet.rows))
    if category is None:
        return replace(sheet, item=_renamed(sheet.item, plain), names=names), False
    item["category"] = category
    spelled = replace(sheet, item=item, inner=inner, names=names | {"category"}, inner_names=inner_names)
    return spelled, True


def _renamed(columns: Columns, names: dict[str, str]) -> Columns:
    """The columns under other names."""
    return _united((names[name], column) for name, column in columns.items())


def _united(named: Iterable[tuple[str, Sequence[Any]]]) -> Columns:
    """Columns by name; of those with the same name for every row the first value that is there."""
    found: dict[str, list[Sequence[Any]]] = {}
    for name, column in named:
        found.setdefault(name, []).append(column)
    return {name: _first(same) for name, same in found.items()}


def _first(columns: list[Sequence[Any]]) -> Sequence[Any]:
    """For every row the first value that is there."""
    if len(columns) == 1:
        return columns[0]
    return [next((value for value in row if value is not None), None) for row in zip(*columns, strict=True)]


def _said(column: Sequence[Any]) -> Sequence[Any]:
    """The column with None for words that mean nothing."""
    return [
        None if type(value) is str and len(value) <= _LONGEST_WORD and fields.text(value) is None else value
        for value in column
    ]


def _own_operation(value: Any) -> Any:
    """The operation of a call; the name of the log itself is none."""
    return None if type(value) is str and value.lower().startswith("microsoft.apimanagement/") else value


def _categories(columns: Columns, inner: Columns, inner_names: frozenset[str], count: int) -> Sequence[Any] | None:
    """The category of each row: as it says, or its table, or what its columns tell; None where nothing tells."""
    told = next((name for name, telling in _TELLING.items() if not telling.isdisjoint(inner.keys())), None)
    if told and _TELLING[told].isdisjoint(inner_names):
        told = None  # not all rows have them
    types = [kind.lower() if type(kind) is str else "" for kind in columns.get("type", [None] * count)]
    if not told and "category" not in columns and _OTHERS.isdisjoint(types) and _TABLES.keys().isdisjoint(types):
        return None
    said = _said(columns.get("category", [None] * count))
    return [category or _TABLES.get(kind) or told for category, kind in zip(said, types, strict=True)]
