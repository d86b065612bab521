"""Audit records of Microsoft 365: Purview's unified audit log, Sentinel's rows of it, and Graph's interactions.

Sources: Office 365 Management Activity API (copilot-schema); Azure Monitor tables LLMActivity and CopilotActivity;
Microsoft Graph ``getAllEnterpriseInteractions``. Audit records tell who used what and when and hold no content; only
Graph's hold the text, an item for each prompt and answer, which share a requestId. An audit record and an item of Graph
have no id in common. That a jailbreak was detected is no verdict of a filter, so it goes into no column; what a Copilot
looked at (AccessedResources) neither.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import parse_nested, write
from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_operation

NAME = ROW_NAME = "purview"
TIMES = ("creationtime", "timegenerated", "createddatetime", "creationdate")
_AUDIT = (
    "id", "recordid", "operation", "operations", "recordtype", "organizationid", "userid", "userids", "actorname",
    "actoruserid", "clientip", "srcipaddr", "clientregion", "appidentity", "apphost", "agentname", "aimodelname",
    "aimodelversion", "copiloteventdata", "llmeventdata",
)  # fmt: skip
_GRAPH = ("interactiontype", "requestid", "sessionid", "appclass", "from", "body", "attachments")
FIELDS = (*TIMES, *_AUDIT, *_GRAPH)
PROPERTIES = (*TIMES, *_AUDIT)
_OPERATIONS = ("copilotinteraction", "connectedaiappinteraction", "aiappinteraction", "aiinteraction")
_APP = ("appidentity", "apphost")
_AUDIT_MARKS = {"auditdata", "organizationid", "copiloteventdata", "llmeventdata", "creationtime"}
_GRAPH_MARKS = {"interactiontype", "requestid", "body"}


def recognise(about: About) -> bool:
    """Whether a record audits the use of an AI app, or is a prompt or an answer that Graph gives."""
    is_audit = about.operation in _OPERATIONS and bool(_AUDIT_MARKS & about.names)
    return is_audit or about.names >= _GRAPH_MARKS


def content(item: Columns, inner: Columns) -> Content:
    """The prompts and answers of Graph's items, each one message."""
    sides: dict[str, list[str | None]] = {"request": [], "response": []}
    for kind, body, attached in zip(item["interactiontype"], item["body"], item["attachments"], strict=True):
        role = {"airesponse": "assistant", "userprompt": "user"}.get(str(kind).lower())
        message = _message(role, body, attached) if role else None
        sides["request"].append(message if role == "user" else None)
        sides["response"].append(message if role == "assistant" else None)
    return [(texts, side, "message") for side, texts in sides.items()]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records and PROPERTIES of their AuditData give."""
    events = [_event(*row) for row in zip(*_places(item, inner, "copiloteventdata", "llmeventdata"), strict=True)]
    models = [_model(event) for event in events]
    logged = pc.coalesce(*(fields.times(column) for column in _places(item, inner, *TIMES)))
    is_graph = pc.is_valid(fields.texts(item["interactiontype"]))
    operation = pc.if_else(
        is_graph, fields.texts(item["appclass"]), _first(item, inner, "operation", "operations", "recordtype")
    )
    thread = pa.array([fields.text(event.get("threadid")) for event in events], pa.string())
    session = pc.coalesce(thread, fields.texts(item["sessionid"]))
    kinds = pc.if_else(pc.is_valid(thread), "thread", "session")
    said = {name: pa.array([fields.text(event.get(name)) for event in events], pa.string()) for name in _APP}
    identities = (_first(item, inner, "appidentity"), said["appidentity"])
    hosts = (_first(item, inner, "agentname", "apphost"), said["apphost"])
    users = pa.array([_user(value) for value in item["from"]], pa.string())
    return {
        "category": pc.if_else(is_graph, "interaction", operation),
        "makes_request": True,
        "kind": pc.if_else(is_graph, "interaction", "audit"),
        "request_id": pc.if_else(is_graph, fields.texts(item["requestid"]), _first(item, inner, "id", "recordid")),
        "ticks": logged,
        "started_at": fields.moments(logged),
        "started_by": "time",
        "api": fields.per_value(operation, api_of_operation),
        "operation": operation,
        "deployment": pc.coalesce(*identities, *hosts),
        "model": pc.coalesce(_first(item, inner, "aimodelname"), pa.array([name for name, _ in models], pa.string())),
        "model_version": pc.coalesce(
            _first(item, inner, "aimodelversion"), pa.array([version for _, version in models], pa.string())
        ),
        "region": _first(item, inner, "clientregion"),
        "caller": pc.coalesce(_first(item, inner, "userid", "actorname", "userids", "actoruserid"), users),
        "caller_ip": _first(item, inner, "clientip", "srcipaddr"),
        "session_kind": pc.if_else(pc.is_valid(session), kinds, pa.scalar(None, pa.string())),
        "session_id": session,
        "tenant_keys": fields.lists(fields.keys("entra_tenant", _first(item, inner, "organizationid"))),
    }  # fmt: skip


def _places(item: Columns, inner: Columns, *names: str) -> Iterator[Any]:
    """The columns of some fields: for each that of the AuditData, then the record's own."""
    for name in names:
        yield inner[name]
        yield item[name]


def _first(item: Columns, inner: Columns, *names: str) -> pa.Array:
    return pc.coalesce(*(fields.texts(column) for column in _places(item, inner, *names)))


def _event(*said: Any) -> dict[str, Any]:
    """What an audit record tells of the interaction, by lower-cased name; in some exports JSON in a text."""
    return next(filter(None, (fields.lower_keys(parse_nested(value)) for value in said)), {})


def _model(event: dict[str, Any]) -> tuple[str | None, str | None]:
    """Name and version of the model, where ModelTransparencyDetails say them."""
    details = event.get("modeltransparencydetails")
    first = fields.lower_keys(details[0]) if isinstance(details, list) and details else {}
    return fields.text(first.get("modelname")), fields.text(first.get("modelversion"))


def _user(value: Any) -> str | None:
    """Who wrote a prompt; the application that writes answers is nobody."""
    user = fields.lower_keys(fields.lower_keys(value).get("user"))
    return fields.text(user.get("id")) or fields.text(user.get("displayname"))


def _message(role: str, body: Any, attached: Any) -> str | None:
    """One prompt or answer as a message; attached files by their names."""
    said = fields.lower_keys(body).get("content") if isinstance(body, dict) else body
    parts: list[dict[str, Any]] = [{"type": "text", "text": said}] if isinstance(said, str) and said else []
    for file in attached if isinstance(attached, list) else []:
        if name := fields.text(fields.lower_keys(file).get("name")):
            parts.append({"type": "file", "file": {"filename": name}})
    return write({"role": role, "content": parts}) if parts else None
