"""API Management GatewayLogs: one row per call at the gateway, with caller, status and, if configured, the bodies."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import parse_nested
from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_operation, api_of_path

NAME = "gateway_log"
ROW_NAME = "gateway_row"
TIMES = ("time",)
FIELDS = ("resourceid", "time", "durationms", "correlationid", "location", "calleripaddress")
PROPERTIES = (
    "url", "backendurl", "operationid", "totaltime", "correlationid", "productid", "apimsubscriptionid", "userid",
    "responsecode", "backendresponsecode", "requestsize", "responsesize", "tracerecords", "requestheaders",
    "backendrequestheaders", "responseheaders", "backendresponseheaders",
    "requestbody", "backendrequestbody", "responsebody", "backendresponsebody",
)  # fmt: skip
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)")
_THREAD = re.compile(r"/threads/(thread_[^/]+)")
_CALLER_HEADERS = ("x-user", "x-user-id", "x-end-user", "x-caller-oid")
_CALLER_METADATA = ("oid", "user", "userid", "appid")


def recognise(about: About) -> bool:
    """Whether a record is a GatewayLogs row; its provider may stand before the category."""
    return about.category.rpartition("/")[2] == "gatewaylogs"


def content(item: Columns, inner: Columns) -> Content:
    """What the client and the backend were sent and what they said."""
    return [
        (inner["requestbody"], "request", "body"),
        (inner["backendrequestbody"], "request", "backend_body"),
        (inner["responsebody"], "response", "body"),
        (inner["backendresponsebody"], "response", "backend_body"),
    ]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their properties give."""
    resource = fields.lowered(item["resourceid"])
    operation = fields.texts(inner["operationid"])
    logged = fields.times(item["time"])
    duration = pc.coalesce(fields.milliseconds(item["durationms"]), fields.milliseconds(inner["totaltime"]))
    started, started_by = fields.starts(logged, duration)
    url, backend = _urls(inner["url"]), _urls(inner["backendurl"])
    traces = [_trace(records) for records in inner["tracerecords"]]
    product, subscription = fields.texts(inner["productid"]), fields.texts(inner["apimsubscriptionid"])
    return {
        "category": "GatewayLogs",
        "makes_request": True,
        "kind": "gateway",
        "request_id": pc.coalesce(fields.texts(item["correlationid"]), fields.texts(inner["correlationid"])),
        "scope": resource,
        "ticks": logged,
        "started_at": fields.moments(started),
        "started_by": started_by,
        "api": pc.coalesce(fields.per_value(operation, api_of_operation), url["api"], backend["api"]),
        "operation": operation,
        "api_version": pc.coalesce(url["api_version"], backend["api_version"]),
        "deployment": pc.coalesce(url["deployment"], backend["deployment"]),
        "resource": fields.not_empty(resource),
        "backend": backend["host"],
        "region": fields.texts(item["location"]),
        "product": product,
        "subscription": subscription,
        "caller": pc.coalesce(
            pa.array([_first(trace, _CALLER_METADATA) for trace in traces], pa.string()),
            _headers(inner["requestheaders"], _CALLER_HEADERS),
            _headers(inner["backendrequestheaders"], _CALLER_HEADERS),
            fields.texts(inner["userid"]),
        ),
        "caller_ip": fields.texts(item["calleripaddress"]),
        "status": fields.not_zero(
            fields.numbers(inner["responsecode"], bits=32), fields.numbers(inner["backendresponsecode"], bits=32)
        ),
        "duration_ms": duration,
        "request_bytes": fields.numbers(inner["requestsize"]),
        "response_bytes": fields.numbers(inner["responsesize"]),
        "session_kind": pc.if_else(pc.is_valid(url["thread"]), "thread", pa.scalar(None, pa.string())),
        "session_id": url["thread"],
        "backend_request_id": pc.coalesce(
            _headers(inner["backendresponseheaders"], ("apim-request-id",)),
            _headers(inner["responseheaders"], ("apim-request-id",)),
        ),
        "tenant_keys": fields.lists(
            fields.keys("apim_subscription", subscription),
            fields.keys("apim_product", product),
            fields.keys(
                "entra_tenant", pa.array([_first(trace, ("tid", "tenantid")) for trace in traces], pa.string())
            ),
            fields.subscription_keys(resource),
        ),
    }


class _Url(NamedTuple):
    """What the address of a call tells."""

    api: str | None = None
    api_version: str | None = None
    deployment: str | None = None
    host: str | None = None
    thread: str | None = None


def _urls(values: Sequence[Any]) -> dict[str, pa.Array]:
    """The columns of _Url for a column of addresses; every distinct one is read once."""
    read = cache(_read_url)
    columns = zip(*(read(value if isinstance(value, str) else "") for value in values), strict=True)
    return {name: pa.array(column, pa.string()) for name, column in zip(_Url._fields, columns, strict=True)}


def _read_url(value: str) -> _Url:
    try:
        url = urlsplit(value)
        query = parse_qs(url.query)
    except ValueError:  # such as an IPv6 host that does not end
        return _Url()
    deployment, thread = _DEPLOYMENT.search(url.path), _THREAD.search(url.path)
    return _Url(
        api_of_path(url.path),
        fields.text(query.get("api-version", [None])[0]),
        unquote(deployment[1]) if deployment else fields.text(query.get("deployment", [None])[0]),
        fields.text(url.hostname),
        thread[1] if thread else None,
    )


def _headers(values: Sequence[Any], names: tuple[str, ...]) -> pa.Array:
    """The first of the named headers that says something, for a column of header objects."""
    return pa.array([_first(_lower_nested(value), names) for value in values], pa.string())


def _first(said: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := fields.text(said.get(name)))), None) if said else None


def _lower_nested(value: Any) -> dict[str, Any]:
    return fields.lower_keys(parse_nested(value)) if value else {}


def _trace(value: Any) -> dict[str, Any]:
    """What the gateway's trace policy says of the caller, all records together."""
    records = parse_nested(value)
    metadata: dict[str, Any] = {}
    for record in records if isinstance(records, list) else []:
        metadata |= fields.lower_keys(fields.lower_keys(record).get("metadata"))
    return metadata
