"""Resource logs of Microsoft.CognitiveServices accounts: RequestResponse, usage, Audit and Trace rows. No content."""

from typing import Any

from analyzer.json_text import parse_nested
from analyzer.shapes import fields
from analyzer.shapes.operations import api_of_operation

NAME = "resource_log"
PROVIDER = "/providers/microsoft.cognitiveservices/accounts/"
_CATEGORIES = {
    "requestresponse": "RequestResponse",
    "azureopenairequestusage": "AzureOpenAIRequestUsage",
    "audit": "Audit",
    "trace": "Trace",
}
_MAKE_REQUESTS = ("RequestResponse", "AzureOpenAIRequestUsage")
_VERSION_PREFIX = "azure openai api version "


def recognise(item: dict[str, Any]) -> bool:
    """Whether a record (keys lower-cased) is a row of a Cognitive Services account."""
    resource = item.get("resourceid")
    return (
        str(item.get("category")).lower() in _CATEGORIES
        and isinstance(resource, str)
        and PROVIDER in resource.lower() + "/"
    )


def map_item(item: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record's columns of RECORDS and its fragments (none: these logs carry no content)."""
    inner = fields.lower_keys(parse_nested(item.get("properties")))
    category = _CATEGORIES[str(item["category"]).lower()]
    resource = str(item["resourceid"]).lower()
    operation = fields.text(item.get("operationname"))
    logged = fields.ticks(item.get("time"))
    duration = fields.number(item.get("durationms"))
    started, started_by = _start(inner, logged, duration)
    return {
        "shape": NAME,
        "category": category,
        "makes_request": category in _MAKE_REQUESTS,
        "kind": "account",
        "request_id": fields.text(item.get("correlationid")),
        "scope": resource,
        "recorded_at": fields.moment(logged),
        "ticks": logged,
        "started_at": fields.moment(started),
        "started_by": started_by,
        "api": api_of_operation(operation) if operation else None,
        "operation": operation,
        "api_version": _api_version(fields.text(inner.get("apiname"))),
        "deployment": fields.text(inner.get("modeldeploymentname")),
        "model": fields.text(inner.get("modelname")),
        "model_version": fields.text(inner.get("modelversion")),
        "resource": resource,
        "region": fields.text(item.get("location")) or fields.text(item.get("tenant")),
        "caller": fields.text(inner.get("objectid")) or fields.text(inner.get("callerobjectid")),
        "caller_ip": fields.text(item.get("calleripaddress")),
        "status": fields.number(item.get("resultsignature"), bits=32),
        "stream": {"streaming": True, "non-streaming": False}.get(str(inner.get("streamtype")).lower()),
        "duration_ms": duration,
        "request_bytes": fields.number(inner.get("requestlength")),
        "response_bytes": fields.number(inner.get("responselength")),
        "prompt_tokens": fields.number(inner.get("prompttokens")),
        "completion_tokens": fields.number(inner.get("generatedtokens"))
        or fields.number(inner.get("completiontokens")),
        "cached_tokens": fields.number(inner.get("cachedtokens")),
        "tenant_keys": _tenant_keys(item, inner, resource),
    }, []


def _start(inner: dict[str, Any], logged: int | None, duration: int | None) -> tuple[int | None, str]:
    """When the call began, in ticks, and what told it: requestTime is exact, ``time`` is its end and some delay."""
    requested = fields.net_ticks(inner.get("requesttime"))
    if requested is not None:
        return requested, "request_time"
    if logged is not None and duration is not None and duration >= 0:
        return logged - duration * 10_000, "time_minus_duration"
    return logged, "time"


def _api_version(api_name: str | None) -> str | None:
    if api_name and api_name.lower().startswith(_VERSION_PREFIX):
        return api_name[len(_VERSION_PREFIX) :]
    return None


def _tenant_keys(item: dict[str, Any], inner: dict[str, Any], resource: str) -> list[str]:
    # `Tenant` is the region; only `tenantId` is an Entra tenant
    entra = fields.text(item.get("tenantid")) or fields.text(inner.get("tenantid"))
    return ([f"entra_tenant:{entra.lower()}"] if entra else []) + fields.subscription_key(resource)
