"""API Management GatewayLlmLogs: metadata, request and response messages of a call in chunks. No caller, no status."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_operation

NAME = "llm_log"
ROW_NAME = "llm_row"
TIMES = ("time",)
FIELDS = ("resourceid", "time", "correlationid", "location")
PROPERTIES = (
    "operationname", "operationid", "correlationid", "requestid", "sequencenumber", "apiversion", "deploymentname",
    "modelname", "region", "isstreamcompletion", "prompttokens", "completiontokens", "promptcachedtokens",
    "requestmessages", "responsemessages",
)  # fmt: skip


def recognise(about: About) -> bool:
    """Whether a record is a GatewayLlmLogs row; long forms of the category exist."""
    return about.category.endswith("gatewayllmlogs")


def content(item: Columns, inner: Columns) -> Content:
    """The chunks of messages."""
    return [(inner["requestmessages"], "request", "chunk"), (inner["responsemessages"], "response", "chunk")]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their properties give."""
    resource = fields.lowered(item["resourceid"])
    logged = fields.times(item["time"])
    operation = pc.coalesce(fields.texts(inner["operationname"]), fields.texts(inner["operationid"]))
    prompt_tokens = fields.numbers(inner["prompttokens"])
    completion_tokens = fields.numbers(inner["completiontokens"])
    return {
        "category": "GatewayLlmLogs",
        "makes_request": _make_requests(inner, prompt_tokens, completion_tokens),
        "kind": "gateway",
        "request_id": pc.coalesce(fields.texts(inner["correlationid"]), fields.texts(item["correlationid"])),
        "scope": resource,
        "ticks": logged,
        "started_at": fields.moments(logged),
        "started_by": "time",
        "sequence": fields.numbers(inner["sequencenumber"], bits=32),
        "api": fields.per_value(operation, api_of_operation),
        "operation": operation,
        "api_version": fields.texts(inner["apiversion"]),
        "deployment": fields.texts(inner["deploymentname"]),
        "model": fields.texts(inner["modelname"]),
        "resource": fields.not_empty(resource),
        "region": pc.coalesce(fields.texts(item["location"]), fields.texts(inner["region"])),
        "stream": fields.flags(inner["isstreamcompletion"]),
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "cached_tokens": fields.numbers(inner["promptcachedtokens"]),
        "tenant_keys": fields.lists(fields.subscription_keys(resource)),
    }


def _make_requests(inner: Columns, prompt_tokens: pa.Array, completion_tokens: pa.Array) -> pa.Array:
    """All but the gateway's health probes: an empty request id and an empty model, no tokens and no content."""
    said = (inner[name] for name in ("requestmessages", "responsemessages", "requestid", "modelname"))
    may_be_probe = [
        (request_id, model) == ("", "") and not request and not response
        for request, response, request_id, model in zip(*said, strict=True)
    ]
    counted = pc.or_(*(pc.fill_null(pc.not_equal(count, 0), False) for count in (prompt_tokens, completion_tokens)))
    return pc.or_(pc.invert(pa.array(may_be_probe, pa.bool_())), counted)
