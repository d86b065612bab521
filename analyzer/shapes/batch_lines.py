"""Input and output lines of batch files: a request and its answer have one ``custom_id`` in one folder.

Outside facts: the batch files of the Azure OpenAI documentation. A line says no time; an answer says when it was made.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.json_text import parse_nested
from analyzer.shapes import fields
from analyzer.shapes.fields import About, Columns, Content
from analyzer.shapes.operations import api_of_object, api_of_path

NAME = "batch_line"
ROW_NAME = NAME  # no table of Log Analytics has such rows
TIMES = ()
FIELDS = ("custom_id", "url", "body", "response", "error")
PROPERTIES = ()


def recognise(about: About) -> bool:
    """Whether a record is a line of a batch: it has the customer's id and a body or an answer."""
    return "custom_id" in about.names and not about.names.isdisjoint(("body", "response"))


def content(item: Columns, inner: Columns) -> Content:
    """What was asked, and the answer or else the error."""
    answers = [
        _answer(fields.lower_keys(parse_nested(response)), error)
        for response, error in zip(item["response"], item["error"], strict=True)
    ]
    return [(item["body"], "request", "body"), (answers, "response", "body")]


def map_columns(item: Columns, inner: Columns) -> dict[str, Any]:
    """The columns of RECORDS that the fields FIELDS of records give."""
    asked = [fields.lower_keys(parse_nested(value)) for value in item["body"]]
    responses = [fields.lower_keys(parse_nested(value)) for value in item["response"]]
    answers = [fields.lower_keys(parse_nested(response.get("body"))) for response in responses]
    made = fields.epochs([answer.get("created") or answer.get("created_at") for answer in answers])
    model = fields.texts([answer.get("model") for answer in answers])
    return {
        "category": pa.array(["input" if body else "output" for body in asked], pa.string()),
        "makes_request": True,
        "kind": "batch",
        "request_id": fields.texts(item["custom_id"]),
        "scope": None,  # the folder
        "ticks": made,
        "started_at": fields.moments(made),
        "started_by": pc.if_else(pc.is_valid(made), "created", pa.scalar(None, pa.string())),
        "api": pc.coalesce(
            fields.per_value(fields.texts(item["url"]), lambda url: api_of_path(url.partition("?")[0])),
            fields.per_value(fields.texts([answer.get("object") for answer in answers]), api_of_object),
        ),
        "operation": fields.texts(item["url"]),
        "deployment": fields.texts([body.get("model") for body in asked]),
        "model": model,
        "status": fields.numbers([response.get("status_code") for response in responses], bits=32),
        "backend_request_id": fields.texts([response.get("request_id") for response in responses]),
    }


def _answer(response: dict[str, Any], error: Any) -> Any:
    body = response.get("body")
    return body or ({"error": error} if isinstance(error, dict) else None)
