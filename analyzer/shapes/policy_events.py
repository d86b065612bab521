"""What log-to-eventhub policies of API Management write in the field: families of records without a category.

Outside facts: the policies of the public samples openai-python-enterprise-logging, AI-Gateway (message storing, and a
fork that logs bodies in chunks), ai-hub-gateway-solution-accelerator, AzureOpenAI-FinOps-Solution, Agents-Log-Monitor.
Ids are those that a policy gives, so each family is a scope of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import parse_nested
from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_object, api_of_operation, api_of_path

NAME = "policy_event"
ROW_NAME = NAME  # no table of Log Analytics has such rows
TIMES = ("event-time", "timestamp", "ts")
FIELDS = (
    *TIMES, "event-type", "message-id", "eventtype", "type", "kind", "id", "correlationid", "requestid",
    "apimrequestid", "targetservice", "eventenqueuedutctime", "backend", "operation", "operationname", "api", "url",
    "model", "deploymentname", "deploymentid", "apiversion", "resourceid", "subscription", "subscriptionid",
    "productid", "productname", "enduserid", "oid", "appid", "deviceid", "clientip", "requestip", "callerip",
    "modelregion", "routelocation", "resourceregion", "gatewayregion", "sessionid", "session", "statuscode", "status",
    "durationms", "responsetime", "requestlength", "responselength", "prompttokens", "prompt_tokens",
    "responsetokens", "completiontokens", "completion_tokens",
    "prompt", "messages", "choices", "request", "response", "chunkindex", "payload", "context", "errormessage",
)  # fmt: skip
PROPERTIES = ()
_KINDS = ("summary", "request-body", "response-body", "skip")
# A family has all of the first keys and one of the others.
_FAMILIES = {
    "enterprise-logging": ({"event-type", "message-id"}, {"event-time", "messages", "choices", "prompt"}),
    "message-storing": ({"apimrequestid"}, {"request", "response", "prompttokens"}),
    "ai-hub": ({"targetservice"}, {"prompttokens", "aigatewayid"}),
    "ai-hub-pii": ({"type", "context"}, {"type"}),
    "finops": ({"eventtype", "correlationid"}, {"deviceid", "storenumber", "tokensused", "errorsource"}),
    "chunked": (
        {"kind", "correlationid"},
        {"chunkindex", "requestchunks", "responsechunks", "requestlength", "durationms", "status"},
    ),
    "agents-log-monitor": ({"ts", "correlationid", "operation"}, {"oid", "appid", "callerip"}),
}
_PII = "pii_processing"


def recognise(about: About) -> bool:
    """Whether a record is one of a family, by its keys and by what a key says that others have too."""
    if about.category and about.resource:
        return False
    for name, (all_of, one_of) in _FAMILIES.items():
        if all_of <= about.names and one_of & about.names:
            if name == "chunked":
                return about.kind in _KINDS
            if name == "finops":
                return about.event.startswith("finops")
            return name != "ai-hub-pii" or about.category == _PII
    return False


def content(item: Columns, inner: Columns) -> Content:
    """Bodies, messages and choices, and the numbered pieces of bodies."""
    privacy = [_privacy(value) for value in item["context"]]
    rows = list(zip(map(_lower, item["kind"]), item["payload"], strict=True))
    return [
        (_said(item["request"]), "request", "body"),
        (_said(item["messages"]), "request", "chunk"),
        ([{"prompt": value} if value else None for value in _said(item["prompt"])], "request", "body"),
        ([said.get("originalrequest") for said in privacy], "request", "body"),
        ([said.get("anonymizedrequest") for said in privacy], "request", "backend_body"),
        ([payload if kind == "request-body" else None for kind, payload in rows], "request", "numbered"),
        (_said(item["response"]), "response", "body"),
        (_said(item["choices"]), "response", "body"),
        ([said.get("deanonymizedresponse") for said in privacy], "response", "body"),
        ([said.get("originalresponse") for said in privacy], "response", "backend_body"),
        ([payload if kind == "response-body" else None for kind, payload in rows], "response", "numbered"),
        (
            [{"error": {"message": value}} if value else None for value in _said(item["errormessage"])],
            "response",
            "body",
        ),
    ]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records give."""
    logged = pc.coalesce(*(fields.times(item[name]) for name in (*TIMES, "eventenqueuedutctime")))
    duration = pc.coalesce(fields.milliseconds(item["durationms"]), fields.milliseconds(item["responsetime"]))
    started, started_by = fields.starts(logged, duration)
    operation = fields.first(item, ("operation", "operationname"))
    resource = fields.per_value(fields.lowered(item["resourceid"]), _resource)
    subscription = fields.first(item, ("subscription", "subscriptionid"))
    product, product_id = fields.first(item, ("productname",)), fields.first(item, ("productid",))
    session = fields.first(item, ("sessionid", "session"))
    nothing = pa.scalar(None, pa.string())
    # only its request event names the deployment as the model
    named = pa.array([_lower(value) == "request" for value in item["event-type"]], pa.bool_())
    model = fields.first(item, ("model",))
    return {
        "category": fields.first(item, ("event-type", "eventtype", "kind", "type")),
        "makes_request": True,
        "kind": "event",
        "request_id": fields.first(item, ("message-id", "id", "correlationid", "requestid", "apimrequestid")),
        "scope": pa.array(list(_families(item)), pa.string()),
        "ticks": logged,
        "started_at": fields.moments(started),
        "started_by": started_by,
        "sequence": fields.numbers(item["chunkindex"], bits=32),
        "api": pc.coalesce(
            fields.per_value(operation, _api),
            fields.per_value(fields.first(item, ("targetservice",)), api_of_object),
            fields.per_value(fields.first(item, ("url",)), lambda url: api_of_path(url.partition("?")[0])),
            fields.per_value(fields.first(item, ("api",)), _api),
        ),
        "operation": operation,
        "api_version": fields.first(item, ("apiversion",)),
        "deployment": pc.coalesce(
            fields.first(item, ("deploymentname", "deploymentid")), pc.if_else(named, model, nothing)
        ),
        "model": pc.if_else(named, nothing, model),
        "resource": resource,
        "backend": fields.per_value(fields.first(item, ("backend",)), fields.host),
        "region": fields.first(item, ("modelregion", "routelocation", "resourceregion", "gatewayregion")),
        "product": pc.coalesce(product, product_id),
        "subscription": subscription,
        "caller": fields.first(item, ("enduserid", "oid", "appid", "deviceid")),
        "caller_ip": fields.first(item, ("clientip", "requestip", "callerip")),
        "status": pc.coalesce(fields.numbers(item["statuscode"], bits=32), fields.numbers(item["status"], bits=32)),
        "duration_ms": duration,
        "request_bytes": fields.numbers(item["requestlength"]),
        "response_bytes": fields.numbers(item["responselength"]),
        "prompt_tokens": _count(item, "prompttokens", "prompt_tokens"),
        "completion_tokens": _count(item, "responsetokens", "completiontokens", "completion_tokens"),
        "session_kind": pc.if_else(pc.is_valid(session), "session", nothing),
        "session_id": session,
        "tenant_keys": fields.lists(
            fields.keys("apim_subscription", subscription),
            fields.keys("apim_product", product),
            fields.keys("apim_product", product_id),
            fields.subscription_keys(resource),
        ),
    }


def _families(item: Columns) -> Iterator[str]:
    """The family of each record, by the field that only its records fill."""
    names = ("message-id", "apimrequestid", "targetservice", "eventtype", "kind", "context")
    families = ("enterprise-logging", "message-storing", "ai-hub", "finops", "chunked", "ai-hub-pii")
    for values in zip(*(item[name] for name in names), strict=True):
        filled = (family for family, value in zip(families, values, strict=True) if value is not None)
        yield next(filled, "agents-log-monitor")


def _api(name: str) -> str | None:
    """The api of an operation, which some policies give as the end of a path."""
    return api_of_operation(name) or api_of_path(f"/{name.lstrip('/')}")


def _resource(resource: str) -> str | None:
    return resource if resource.startswith("/subscriptions/") else None


def _count(item: Columns, *names: str) -> pa.Array:
    return pc.coalesce(*(fields.numbers(item[name]) for name in names))


def _said(values: Sequence[Any]) -> list[Any]:
    """Bodies as they are; None for what means nothing."""
    return [None if isinstance(value, str) and fields.text(value) is None else value for value in values]


def _lower(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


def _privacy(context: Any) -> dict[str, Any]:
    """The bodies before and behind the masking of personal data, by lower-cased name."""
    if not context:
        return {}
    held = fields.lower_keys(parse_nested(context))
    for name in ("api", "content"):
        held = fields.lower_keys(parse_nested(held.get(name))) if name in held else held
    return held
