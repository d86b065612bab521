"""OTLP JSON: spans and log records with gen_ai attributes, as the file exporter of OpenTelemetry's collector has them.

Source: opentelemetry-proto, JSON mapping of trace and logs: 64-bit numbers as texts or numbers, ids in hex. A log
record joins the span that it names; one that names none stands for itself.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.shapes import fields, gen_ai
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.gen_ai import Call, Event
from analyzer.shapes.items import otlp_value

NAME = ROW_NAME = "otlp"
TIMES = ("starttimeunixnano", "timeunixnano", "observedtimeunixnano")
FIELDS = ("traceid", "spanid", "name", "kind", "endtimeunixnano", "status", "events", "eventname", "body", "resource",
          *TIMES)  # fmt: skip
PROPERTIES = gen_ai.ATTRIBUTES
_OTLP_NAMES = {"traceid", "spanid", *TIMES}
_ERRORS = (2, "2", "STATUS_CODE_ERROR")
_CLIENT = (3, "3", "SPAN_KIND_CLIENT")


def recognise(about: About) -> bool:
    """Whether a record is a span or a log record with a gen_ai attribute or event, or such attributes alone, and no row
    of a table."""
    is_told = not _OTLP_NAMES.isdisjoint(about.names) or about.names == about.inner_names
    return is_told and "timegenerated" not in about.names and gen_ai.has_gen_ai(about)


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their attributes give."""
    said = _said(item, inner)
    started, ended = _ticks(item["starttimeunixnano"]), _ticks(item["endtimeunixnano"])
    logged = pc.coalesce(_ticks(item["timeunixnano"]), _ticks(item["observedtimeunixnano"]))
    is_span = pc.is_valid(started)
    call = Call(
        gen_ai.ids(item["traceid"]),
        gen_ai.ids(item["spanid"]),
        [kind in _CLIENT for kind in item["kind"]],
        [_event_name(*names) for names in zip(item["eventname"], inner["event.name"], strict=True)],
    )
    return gen_ai.columns(said, call, fields.texts(item["name"])) | {
        "category": pc.if_else(is_span, "span", "event"),
        "ticks": pc.coalesce(started, logged),
        "started_at": fields.moments(pc.coalesce(started, logged)),
        "started_by": pc.if_else(is_span, "request_time", "time"),
        "duration_ms": fields.lasted(started, ended),
    }


def content(item: Columns, inner: Columns) -> Content:
    """The bodies that attributes and events say, and the message of a log record that is an event with one."""
    events = [list(gen_ai.events_of(value)) for value in item["events"]]
    rows = zip(item["eventname"], inner["event.name"], item["body"], inner[gen_ai.EVENT_CONTENT], strict=True)
    alone = [
        Event(_event_name(name, other), {gen_ai.EVENT_CONTENT: said}, otlp_value(body)) if body or said else None
        for name, other, body, said in rows
    ]
    errors = []
    for status, kind, own in zip(item["status"], inner["error.type"], events, strict=True):
        held = fields.lower_keys(status)
        has_failed = held.get("code") in _ERRORS or fields.text(kind)
        errors.append(gen_ai.error_of(kind, held.get("message"), own) if has_failed else None)
    return gen_ai.content(inner, events, alone, errors)


def _said(item: Columns, inner: Columns) -> Columns:
    """The attributes, with what only the resource says."""
    resources = [gen_ai.attributes_of(fields.lower_keys(value).get("attributes")) for value in item["resource"]]
    of_resource = {
        name: [
            own if own is not None else resource.get(name) for own, resource in zip(inner[name], resources, strict=True)
        ]
        for name in gen_ai.OF_RESOURCE
    }
    return inner | of_resource


def _event_name(name: Any, attribute: Any) -> str:
    return fields.text(name) or fields.text(attribute) or ""


def _ticks(nanos: Any) -> pa.Array:
    """Nanoseconds since 1970 as 100 ns; null for 0, which OTLP says where a time is not known."""
    count = fields.numbers(nanos)
    known = pc.fill_null(pc.greater(count, 0), False)
    return pc.if_else(known, pc.divide(count, 100), pa.scalar(None, pa.int64()))
