"""API Management GatewayLlmLogs: metadata, request and response messages of a call in chunks. No caller, no status."""

from typing import Any

from analyzer.json_text import parse_nested, write
from analyzer.shapes import fields
from analyzer.shapes.operations import api_of_operation

NAME = "llm_log"


def recognise(item: dict[str, Any]) -> bool:
    """Whether a record (keys lower-cased) is a GatewayLlmLogs row; long forms of the category exist."""
    return str(item.get("category")).lower().endswith("gatewayllmlogs")


def map_item(item: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record's columns of RECORDS and its chunks as fragments, to be put in order later."""
    inner = fields.lower_keys(parse_nested(item.get("properties")))
    resource = str(item.get("resourceid") or "").lower()
    logged = fields.ticks(item.get("time"))
    operation = fields.text(inner.get("operationname")) or fields.text(inner.get("operationid"))
    chunks = [
        {"side": side, "source": "chunk", "text": chunk if isinstance(chunk, str) else write(chunk)}
        for side, name in (("request", "requestmessages"), ("response", "responsemessages"))
        if (chunk := inner.get(name))
    ]
    record = {
        "shape": NAME,
        "category": "GatewayLlmLogs",
        "makes_request": bool(chunks) or not _is_probe(inner),
        "kind": "gateway",
        "request_id": fields.text(inner.get("correlationid")) or fields.text(item.get("correlationid")),
        "scope": resource,
        "recorded_at": fields.moment(logged),
        "ticks": logged,
        "started_at": fields.moment(logged),
        "started_by": "time",
        "sequence": fields.number(inner.get("sequencenumber"), bits=32),
        "api": api_of_operation(operation) if operation else None,
        "operation": operation,
        "api_version": fields.text(inner.get("apiversion")),
        "deployment": fields.text(inner.get("deploymentname")),
        "model": fields.text(inner.get("modelname")),
        "resource": resource or None,
        "region": fields.text(item.get("location")) or fields.text(inner.get("region")),
        "stream": fields.flag(inner.get("isstreamcompletion")),
        "prompt_tokens": fields.number(inner.get("prompttokens")),
        "completion_tokens": fields.number(inner.get("completiontokens")),
        "cached_tokens": fields.number(inner.get("promptcachedtokens")),
        "tenant_keys": fields.subscription_key(resource),
    }
    return record, chunks


def _is_probe(inner: dict[str, Any]) -> bool:
    """A health probe of the gateway: a request id and a model that are there and empty, and no tokens."""
    empty = (inner.get("requestid"), inner.get("modelname")) == ("", "")
    return empty and not (fields.number(inner.get("prompttokens")) or fields.number(inner.get("completiontokens")))
