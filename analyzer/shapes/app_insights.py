"""Application Insights rows with gen_ai attributes, AppGenAIContent rows, and spans that the Foundry portal exports.

Sources: Azure Monitor table reference (AppDependencies, AppRequests, AppTraces, AppGenAIContent); the trace export of
the Foundry portal. An exporter writes attributes into ``Properties`` as texts, events of a span as AppTraces rows named
in ``Message``, and ``[namespace]/name`` for a service. ``TenantId`` is the workspace, no Entra tenant.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.shapes import fields, gen_ai
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.gen_ai import Call, Event

NAME = ROW_NAME = "app_insights"
TIMES = ("timegenerated", "time", "start_time")
_OF_CONTENT = {
    "systeminstructions": gen_ai.INSTRUCTIONS,
    "tooldefinitions": gen_ai.TOOLS,
    "inputmessages": gen_ai.ASKED,
    "outputmessages": gen_ai.ANSWERED,
}
FIELDS = (
    *TIMES, *_OF_CONTENT, "type", "operationid", "traceid", "trace_id", "id", "parentid", "spanid", "span_id", "name",
    "message", "durationms", "success", "resultcode", "dependencytype", "approlename", "servicename", "rolename",
    "_resourceid", "resourceid", "userid", "userauthenticatedid", "clientip", "modelname",
    "context", "kind", "end_time", "status", "events",
)  # fmt: skip
PROPERTIES = gen_ai.ATTRIBUTES
_USERS = ("userauthenticatedid", "userid")
_SPANS = ("durationms", "resultcode", "success")  # that only rows of calls have
_NAMESPACE = re.compile(r"\[[^\]]*\]/")
_NO_ADDRESS = "0.0.0.0"  # written for every client that is not to be known


def recognise(about: About) -> bool:
    """Whether a record is a row or an exported span with a gen_ai attribute, or a row with the content of a call."""
    if about.category == "appgenaicontent" or ("spanid" in about.names and _OF_CONTENT.keys() & about.names):
        return True
    return bool({"timegenerated", "time", "operationid", "context"} & about.names) and gen_ai.has_gen_ai(about)


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their properties give."""
    contexts = [fields.lower_keys(context) for context in item["context"]]
    is_content = [_is_content(row) for row in zip(*(item[name] for name in _OF_CONTENT), strict=True)]
    is_span = [any(fields.text(value) for value in row) for row in zip(*(item[name] for name in _SPANS), strict=True)]
    started, ended = (fields.times(item[name]) for name in ("start_time", "end_time"))
    is_exported = pc.is_valid(started)
    logged = pc.coalesce(started, fields.times(item["timegenerated"]), fields.times(item["time"]))
    exported_ms = fields.lasted(started, ended)
    call = Call(
        pc.coalesce(*(gen_ai.ids(item[name]) for name in ("operationid", "traceid", "trace_id")),
                    gen_ai.ids(context.get("trace_id") for context in contexts)),
        pc.coalesce(*(gen_ai.ids(item[name]) for name in ("spanid", "span_id")),
                    gen_ai.ids(context.get("span_id") for context in contexts),
                    gen_ai.ids(own if of_call else parent for own, parent, of_call
                               in zip(item["id"], item["parentid"], is_span, strict=True))),
        [_is_client(*row) for row in zip(item["kind"], item["dependencytype"], strict=True)],
        [_event_name(*row) for row in zip(inner["event.name"], item["message"], strict=True)],
    )  # fmt: skip
    common = gen_ai.columns(inner, call, fields.texts(item["name"]))
    resource = pc.coalesce(
        *(fields.per_value(fields.texts(item[name]), str.lower) for name in ("_resourceid", "resourceid")),
        common["resource"],
    )
    service = pc.coalesce(*(_services(item[name]) for name in ("servicename", "approlename", "rolename")),
                          fields.texts(inner["service.name"]))  # fmt: skip
    starts = pc.or_(is_exported, pa.array(is_span, pa.bool_()))
    result = fields.numbers(item["resultcode"], 32)
    told = zip(item["type"], is_content, is_span, is_exported.to_pylist(), strict=True)
    categories = [_category(*row) for row in told]
    return common | {
        "category": pa.array(categories, pa.string()),
        "ticks": logged,
        "started_at": fields.moments(logged),
        "started_by": pc.if_else(starts, "request_time", "time"),
        "model": pc.coalesce(common["model"], fields.texts(item["modelname"])),
        "resource": resource,
        "caller": pc.coalesce(common["caller"], *(fields.texts(item[name]) for name in _USERS)),
        "caller_ip": pc.coalesce(common["caller_ip"], _addresses(item["clientip"])),
        "status": pc.coalesce(common["status"], fields.not_zero(result, pa.nulls(len(result), pa.int32()))),
        "duration_ms": pc.coalesce(fields.milliseconds(item["durationms"]), exported_ms),
        "tenant_keys": gen_ai.tenant_keys(inner, service, resource),
    }  # fmt: skip


def content(item: Columns, inner: Columns) -> Content:
    """The bodies that properties, columns and events say, and the message of a row that is an event with one."""
    said = inner | {
        name: [own or other for own, other in zip(item[column], inner[name], strict=True)]
        for column, name in _OF_CONTENT.items()
    }
    events = [list(gen_ai.events_of(value)) for value in item["events"]]
    rows = zip(inner["event.name"], item["message"], inner[gen_ai.EVENT_CONTENT], strict=True)
    alone = [_event(*row) for row in rows]
    errors = [
        gen_ai.error_of(kind or code, message, own) if has_failed else None
        for kind, code, (has_failed, message), own in zip(
            inner["error.type"], item["resultcode"], _failures(item, inner), events, strict=True
        )
    ]
    return gen_ai.content(said, events, alone, errors)


def _failures(item: Columns, inner: Columns) -> Iterable[tuple[bool, Any]]:
    """Whether each call failed, and why in words."""
    for status, success, kind in zip(item["status"], item["success"], inner["error.type"], strict=True):
        held = fields.lower_keys(status)
        code = str(held.get("status_code", "")).rpartition(".")[2].upper()
        has_failed = code == "ERROR" or fields.flag(success) is False or fields.text(kind) is not None
        yield has_failed, held.get("description", held.get("message"))


def _event(name: Any, message: Any, said: Any) -> Event | None:
    if not message and not said:
        return None
    is_name = isinstance(message, str) and message.startswith("gen_ai.")
    return Event(_event_name(name, message), {gen_ai.EVENT_CONTENT: said}, None if is_name else message)


def _event_name(name: Any, message: Any) -> str:
    """The name of the event that a row is: an attribute, or the message of what was an event of a span."""
    own = fields.text(name)
    return own or (message if isinstance(message, str) and message.startswith("gen_ai.") else "")


def _is_content(row: Iterable[Any]) -> bool:
    return any(value not in (None, "") for value in row)


def _is_client(kind: Any, dependency: Any) -> bool:
    """Whether a span is of a call to another process: by its kind, or as a row's type of dependency tells."""
    said = fields.text(dependency)
    return str(kind).rpartition(".")[2].upper() in ("CLIENT", "3") or bool(said and not said.startswith("InProc"))


def _category(table: Any, is_content: bool, is_span: bool, is_exported: bool) -> str:
    """The table; of a row that does not say it, what it must be of."""
    if is_exported:
        return "span"
    usual = "AppGenAIContent" if is_content else "AppDependencies" if is_span else "AppTraces"
    return fields.text(table) or usual


def _services(values: Sequence[Any]) -> pa.Array:
    return fields.per_value(fields.texts(values), lambda name: _NAMESPACE.sub("", name, count=1) or None)


def _addresses(values: Sequence[Any]) -> pa.Array:
    return fields.per_value(fields.texts(values), lambda said: None if said == _NO_ADDRESS else said)
