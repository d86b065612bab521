"""Rows of Log Analytics tables, spelled like the records that the same settings write to storage.

AzureDiagnostics, ApiManagementGatewayLogs and ApiManagementGatewayLlmLog rows say what RequestResponse, GatewayLogs and
GatewayLlmLogs records say, under other names. ``TenantId`` of a row is the workspace, which is nobody's tenant.
Outside facts: the Azure Monitor tables reference (azurediagnostics, apimanagementgatewaylogs,
apimanagementgatewayllmlog).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from analyzer.shapes.fields import Columns, text
from analyzer.shapes.layout import Sheet

_UTC = " [utc]"  # behind the names of times in a portal's CSV
_TABLES = {"apimanagementgatewaylogs": "GatewayLogs", "apimanagementgatewayllmlog": "GatewayLlmLogs"}
_DIAGNOSTICS = "azurediagnostics"
_SUFFIX = re.compile(r"(.+)_[sdbgt]")  # of a column of AzureDiagnostics: string, double, boolean, guid, time
_OF_DIAGNOSTICS = {"resourceprovider", "properties_s", "requestmessages_s", "modeldeploymentname_s", "event_s"}
# What only one table has, where a projection left out which it is.
_OF_LLM_TABLE = {"sequencenumber", "requestmessages", "responsemessages"}
_OF_GATEWAY_TABLE = {"apimsubscriptionid", "backendurl", "backendresponsecode", "requestbody", "responsebody", "apiid"}
_OF_OPENAI = {"apiname", "modeldeploymentname", "requesttime"}  # properties of a RequestResponse record
# Names in storage, and those that a row may have for them, the first that says something.
_NAMES = {
    "time": ("timegenerated",),
    "resourceid": ("resourceid", "_resourceid"),
    "durationms": ("durationms", "totaltime"),
    "location": ("location_s", "region"),
    "tenant": ("tenant_s",),
    "event": ("event_s",),
    "category": ("category",),
}
_BODIES = {
    "requestmessages", "responsemessages", "requestbody", "responsebody", "backendrequestbody", "backendresponsebody",
}  # fmt: skip
_LEFT_OUT = ("tenantid", "type", "tablename")


def spell(sheet: Sheet) -> tuple[Sheet, bool]:
    """The sheet with the names that records in storage have, and whether its records are rows of such a table."""
    item = _without_mark(sheet.item)
    if "timegenerated" not in item:
        return sheet, False
    said = {str(value).lower() for value in set(filter(_is_text, item.get("type", ())))}
    in_tables = bool(said & _TABLES.keys()) or ("type" not in item and _usual_category(item.keys(), ()) is not None)
    if not in_tables and _DIAGNOSTICS not in said and _OF_DIAGNOSTICS.isdisjoint(item):
        return sheet, False
    flat = {found[1]: column for name, column in item.items() if (found := _SUFFIX.fullmatch(name))}
    inner = {**flat, **sheet.inner} if not in_tables else {**item, **sheet.inner}
    usual = _usual_category(item.keys(), inner.keys())
    plain = {name: column for name, column in item.items() if name not in (*_LEFT_OUT, *sum(_NAMES.values(), ()))}
    spelled = {new: _first(item[old] for old in olds if old in item) for new, olds in _NAMES.items()}
    spelled["category"] = [
        known or _TABLES.get(str(table).lower(), usual)
        for known, table in zip(spelled["category"] or _nothing(sheet), item.get("type", _nothing(sheet)), strict=True)
    ]
    for name in _BODIES & inner.keys():  # a command writes None for a column that is empty
        inner[name] = [value if type(value) is not str or text(value) else None for value in inner[name]]
    item = plain | {name: column for name, column in spelled.items() if column}
    return replace(sheet, item=item, inner=inner, names=frozenset(item), inner_names=frozenset(inner)), True


def _without_mark(item: Columns) -> Columns:
    """The columns without the mark of times in their names."""
    if not any(name.endswith(_UTC) for name in item):
        return item
    return {name.removesuffix(_UTC): column for name, column in item.items()}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _usual_category(names: Iterable[str], inner_names: Iterable[str]) -> str | None:
    """The category of rows that do not say it nor their table, by what only these have."""
    if not _OF_LLM_TABLE.isdisjoint(names):
        return "GatewayLlmLogs"
    if not _OF_GATEWAY_TABLE.isdisjoint(names):
        return "GatewayLogs"
    return "RequestResponse" if not _OF_OPENAI.isdisjoint(inner_names) else None


def _first(columns: Iterable[Sequence[Any]]) -> Sequence[Any]:
    """For every row what the first of the columns says that says something."""
    found: Sequence[Any] = ()
    for column in columns:
        found = (
            [known if text(known) else other for known, other in zip(found, column, strict=True)] if found else column
        )
    return found


def _nothing(sheet: Sheet) -> Sequence[Any]:
    return [None] * len(sheet.rows)
