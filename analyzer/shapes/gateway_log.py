"""API Management GatewayLogs: one row per call at the gateway, with caller, status and, if configured, the bodies."""

import re
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from analyzer.json_text import parse_nested, write
from analyzer.shapes import fields
from analyzer.shapes.operations import api_of_operation, api_of_path

NAME = "gateway_log"
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)")
_THREAD = re.compile(r"/threads/([^/]+)")
_BODIES = (
    ("requestbody", "request", "body"),
    ("backendrequestbody", "request", "backend_body"),
    ("responsebody", "response", "body"),
    ("backendresponsebody", "response", "backend_body"),
)
_CALLER_HEADERS = ("x-user", "x-user-id", "x-end-user", "x-caller-oid")
_CALLER_METADATA = ("oid", "user", "userid", "appid")


def recognise(item: dict[str, Any]) -> bool:
    """Whether a record (keys lower-cased) is a GatewayLogs row."""
    return str(item.get("category")).lower() == "gatewaylogs"


def map_item(item: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record's columns of RECORDS and a fragment for every body it carries."""
    inner = fields.lower_keys(parse_nested(item.get("properties")))
    resource = str(item.get("resourceid") or "").lower()
    url, backend = _url(inner.get("url")), _url(inner.get("backendurl"))
    operation = fields.text(inner.get("operationid"))
    logged = fields.ticks(item.get("time"))
    duration = fields.number(item.get("durationms"))
    if duration is None:
        duration = fields.number(inner.get("totaltime"))
    timed = logged is not None and duration is not None and duration >= 0
    started = logged - duration * 10_000 if timed and logged is not None and duration is not None else logged
    thread = _THREAD.search(url.path)
    trace = _trace(inner)
    record = {
        "shape": NAME,
        "category": "GatewayLogs",
        "makes_request": True,
        "kind": "gateway",
        "request_id": fields.text(item.get("correlationid")) or fields.text(inner.get("correlationid")),
        "scope": resource,
        "recorded_at": fields.moment(logged),
        "ticks": logged,
        "started_at": fields.moment(started),
        "started_by": "time_minus_duration" if timed else "time",
        "api": (api_of_operation(operation) if operation else None)
        or api_of_path(url.path)
        or api_of_path(backend.path),
        "operation": operation,
        "api_version": _query(url, "api-version") or _query(backend, "api-version"),
        "deployment": _deployment(url) or _deployment(backend),
        "resource": resource or None,
        "backend": fields.text(backend.hostname),
        "region": fields.text(item.get("location")),
        "product": fields.text(inner.get("productid")),
        "subscription": fields.text(inner.get("apimsubscriptionid")),
        "caller": _caller(inner, trace),
        "caller_ip": fields.text(item.get("calleripaddress")),
        "status": fields.number(inner.get("responsecode"), bits=32)
        or fields.number(inner.get("backendresponsecode"), bits=32),
        "duration_ms": duration,
        "request_bytes": fields.number(inner.get("requestsize")),
        "response_bytes": fields.number(inner.get("responsesize")),
        "session_kind": "thread" if thread else None,
        "session_id": thread[1] if thread else None,
        "backend_request_id": _header(inner, ("backendresponseheaders", "responseheaders"), ("apim-request-id",)),
        "tenant_keys": _tenant_keys(inner, trace, resource),
    }
    return record, [
        {"side": side, "source": source, "text": body if isinstance(body, str) else write(body)}
        for name, side, source in _BODIES
        if (body := inner.get(name))
    ]


def _url(value: Any) -> SplitResult:
    try:
        return urlsplit(value if isinstance(value, str) else "")
    except ValueError:  # such as an IPv6 host that does not end
        return urlsplit("")


def _query(url: SplitResult, name: str) -> str | None:
    return fields.text(parse_qs(url.query).get(name, [None])[0])


def _deployment(url: SplitResult) -> str | None:
    found = _DEPLOYMENT.search(url.path)
    return unquote(found[1]) if found else _query(url, "deployment")


def _header(inner: dict[str, Any], sides: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    for side in sides:
        headers = fields.lower_keys(parse_nested(inner.get(side)))
        for name in names:
            if found := fields.text(headers.get(name)):
                return found
    return None


def _trace(inner: dict[str, Any]) -> dict[str, Any]:
    """What the gateway's trace policy says of the caller, all records together."""
    records = parse_nested(inner.get("tracerecords"))
    metadata: dict[str, Any] = {}
    for record in records if isinstance(records, list) else []:
        metadata |= fields.lower_keys(fields.lower_keys(record).get("metadata"))
    return metadata


def _caller(inner: dict[str, Any], trace: dict[str, Any]) -> str | None:
    said = (fields.text(trace.get(name)) for name in _CALLER_METADATA)
    return (
        next(filter(None, said), None)
        or _header(inner, ("requestheaders", "backendrequestheaders"), _CALLER_HEADERS)
        or fields.text(inner.get("userid"))
    )


def _tenant_keys(inner: dict[str, Any], trace: dict[str, Any], resource: str) -> list[str]:
    named = (
        ("apim_subscription", fields.text(inner.get("apimsubscriptionid"))),
        ("apim_product", fields.text(inner.get("productid"))),
        ("entra_tenant", fields.text(trace.get("tid")) or fields.text(trace.get("tenantid"))),
    )
    return [f"{kind}:{value.lower()}" for kind, value in named if value] + fields.subscription_key(resource)
