"""Resource logs of Microsoft.CognitiveServices accounts: RequestResponse, usage, Audit and Trace rows. No content."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_operation

NAME = "resource_log"
ROW_NAME = "resource_row"
TIMES = ("time",)
PROVIDER = "/providers/microsoft.cognitiveservices/accounts/"
FIELDS = (
    "category", "type", "resourceid", "operationname", "time", "durationms", "correlationid", "location", "tenant",
    "tenantid", "calleripaddress", "resultsignature",
)  # fmt: skip
PROPERTIES = (
    "requesttime", "apiname", "modeldeploymentname", "modelname", "modelversion", "objectid", "callerobjectid",
    "streamtype", "requestlength", "responselength", "prompttokens", "generatedtokens", "completiontokens",
    "cachedtokens", "tenantid",
)  # fmt: skip
_CATEGORIES = {
    "requestresponse": "RequestResponse",
    "azureopenairequestusage": "AzureOpenAIRequestUsage",
    "audit": "Audit",
    "trace": "Trace",
}
_MAKE_REQUESTS = pa.array(["RequestResponse", "AzureOpenAIRequestUsage"])
_VERSION_PREFIX = "azure openai api version "


def recognise(about: About) -> bool:
    """Whether a record is a row of a Cognitive Services account.

    Of a row that does not say its resource, the category or the names of its API and operation must tell.
    """
    if about.category not in _CATEGORIES or about.resource:
        return about.category in _CATEGORIES and PROVIDER in about.resource + "/"
    names = (about.category, about.operation, about.api_name)
    return any("openai" in name or api_of_operation(name) for name in names)


def content(item: Columns, inner: Columns) -> Content:
    """These logs carry none."""
    return []


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their properties give."""
    said = (fields.per_value(fields.lowered(item[name]), _CATEGORIES.get) for name in ("category", "type"))
    category = pc.coalesce(*said)
    resource = fields.lowered(item["resourceid"])
    operation, api_name = fields.texts(item["operationname"]), fields.texts(inner["apiname"])
    logged = fields.times(item["time"])
    duration = fields.milliseconds(item["durationms"])
    requested = fields.net_times(inner["requesttime"])  # exact; `time` is the end of the call and some delay
    started, started_by = fields.starts(logged, duration)
    # `Tenant` is the region; only `tenantId` is an Entra tenant
    entra = pc.coalesce(fields.texts(item["tenantid"]), fields.texts(inner["tenantid"]))
    return {
        "category": category,
        "makes_request": pc.is_in(category, value_set=_MAKE_REQUESTS),
        "kind": "account",
        "request_id": fields.texts(item["correlationid"]),
        "scope": resource,
        "ticks": logged,
        "started_at": fields.moments(pc.coalesce(requested, started)),
        "started_by": pc.if_else(pc.is_valid(requested), "request_time", started_by),
        "api": pc.coalesce(*(fields.per_value(name, api_of_operation) for name in (operation, api_name))),
        "operation": operation,
        "api_version": fields.per_value(api_name, _api_version),
        "deployment": fields.texts(inner["modeldeploymentname"]),
        "model": fields.texts(inner["modelname"]),
        "model_version": fields.texts(inner["modelversion"]),
        "resource": fields.not_empty(resource),
        "region": pc.coalesce(fields.texts(item["location"]), fields.texts(item["tenant"])),
        "caller": pc.coalesce(fields.texts(inner["objectid"]), fields.texts(inner["callerobjectid"])),
        "caller_ip": fields.texts(item["calleripaddress"]),
        "status": fields.numbers(item["resultsignature"], bits=32),
        "stream": fields.per_value(fields.lowered(inner["streamtype"]), _is_stream, pa.bool_()),
        "duration_ms": duration,
        "request_bytes": fields.numbers(inner["requestlength"]),
        "response_bytes": fields.numbers(inner["responselength"]),
        "prompt_tokens": fields.numbers(inner["prompttokens"]),
        "completion_tokens": fields.not_zero(
            fields.numbers(inner["generatedtokens"]), fields.numbers(inner["completiontokens"])
        ),
        "cached_tokens": fields.numbers(inner["cachedtokens"]),
        "tenant_keys": fields.lists(fields.keys("entra_tenant", entra), fields.subscription_keys(resource)),
    }


def _is_stream(stream_type: str) -> bool | None:
    return {"streaming": True, "non-streaming": False}.get(stream_type)


def _api_version(api_name: str) -> str | None:
    is_azure = api_name.lower().startswith(_VERSION_PREFIX)
    return api_name[len(_VERSION_PREFIX) :] if is_azure else None
