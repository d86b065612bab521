"""Rows of Log Analytics tables, in every form in which they are exported, give the records that storage gives."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import START, Row, as_lines, asked, gateway_row, llm_rows, resource_row
from test_shapes import VALUES, buckets, mapped

from analyzer.shapes import fields

WORKSPACE = "5e0c2a10-0000-4000-8000-0000000000ff"
PLACES = ("line", "byte_offset", "byte_length", "sha256", "shape", "file_id", "generation")
GATEWAY_CALL = gateway_row("one", **asked("Hello."), requestHeaders={"x-user": "u-17"})
LLM_CALL = llm_rows("one", "Hello.")
ACCOUNT_CALL = {**resource_row("three"), "callerIpAddress": "203.0.113.***", "location": "eastus", "Tenant": "eastus"}


def pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def around(row: Row, table: str) -> Row:
    return {
        "TimeGenerated": row["time"], "TenantId": WORKSPACE, "CorrelationId": row["correlationId"], "Type": table,
        "Category": row["category"], "OperationName": row["operationName"], "_ResourceId": row["resourceId"].lower(),
    }  # fmt: skip


def diagnostics(row: Row) -> Row:
    """The AzureDiagnostics row of a record; properties that are an object are made columns."""
    held = row["properties"]
    outer = {"durationMs": "DurationMs", "resultSignature": "ResultSignature", "callerIpAddress": "CallerIPAddress"}
    outer |= {"location": "location_s", "Tenant": "Tenant_s"}
    made = around(row, "AzureDiagnostics") | {outer[name]: row[name] for name in outer if name in row}
    if isinstance(held, str):
        return made | {"properties_s": held}
    for name, value in held.items():
        suffix = "_d" if isinstance(value, int | float) else "_s"
        made[name + suffix] = json.dumps(value) if isinstance(value, dict) else value
    return made


def table_row(row: Row) -> Row:
    """The ApiManagementGateway… row of a record."""
    is_llm = row["category"] == "GatewayLlmLogs"
    made = around(row, "ApiManagementGatewayLlmLog" if is_llm else "ApiManagementGatewayLogs")
    made |= {pascal(name): value for name, value in row["properties"].items()}
    if is_llm:
        del made["Category"]
        return made
    return made | {"TotalTime": row["durationMs"]}


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def us_time(said: str) -> str:
    at = datetime.fromisoformat(said)
    return f"{at.month}/{at.day}/{at.year}, {at.hour % 12 or 12}:{at:%M:%S}.{at.microsecond // 1000:03} {at:%p}"


def names_of(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def az_cli(rows: list[Row]) -> bytes:
    names = names_of(rows)
    told = [{name: as_text(row[name]) if name in row else "None" for name in names} for row in rows]
    return json.dumps([{**row, "TableName": "PrimaryResult"} for row in told], indent=2).encode()


def query_api(rows: list[Row]) -> bytes:
    names = names_of(rows)
    table = {"name": "PrimaryResult", "columns": [{"name": name, "type": "string"} for name in names],
             "rows": [[row.get(name) for name in names] for row in rows]}  # fmt: skip
    return json.dumps({"tables": [table]}).encode()


def old_query_api(rows: list[Row]) -> bytes:
    names = names_of(rows)
    table = {"TableName": "Table_0", "Columns": [{"ColumnName": name, "DataType": "String"} for name in names],
             "Rows": [[row.get(name) for name in names] for row in rows]}  # fmt: skip
    return json.dumps({"Tables": [table]}).encode()


def portal_csv(rows: list[Row]) -> bytes:
    """The objects that the reader makes of the lines of a portal's CSV."""
    names = names_of(rows)
    heads = [name + " [UTC]" if name == "TimeGenerated" else name for name in names]
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(heads)
    for row in rows:
        told = {**row, "TimeGenerated": us_time(row["TimeGenerated"])}
        lines.writerow([as_text(told[name]) if name in told else "" for name in names])
    return as_lines(csv.DictReader(io.StringIO(text.getvalue(), newline="")))


FORMS = [as_lines, az_cli, query_api, old_query_api, portal_csv]


def told(data: bytes) -> tuple[list[Row], list[Row]]:
    """The records and fragments of a file without their places; times to the millisecond, as CSV has them."""
    found = mapped(data)
    rows = []
    for row in found.records.to_pylist():
        row["ticks"] //= 10_000
        for name in ("recorded_at", "started_at"):
            row[name] = row[name].replace(microsecond=row[name].microsecond // 1000 * 1000)
        rows.append({name: value for name, value in row.items() if name not in PLACES})
    pieces = [
        {name: row[name] for name in ("request_key", "side", "text_id", "sequence")}
        | {"source": row["source"].removeprefix("row_")}
        for row in found.fragments.to_pylist()
    ]
    return sorted(rows, key=repr), sorted(pieces, key=repr)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rows", "spelled"),
    [
        ([ACCOUNT_CALL], diagnostics), ([GATEWAY_CALL], diagnostics), (LLM_CALL, diagnostics),
        ([GATEWAY_CALL], table_row), (LLM_CALL, table_row),
    ],
)  # fmt: skip
def test_a_call_is_the_same_in_storage_and_in_every_export_of_its_table(
    form: Callable[[list[Row]], bytes], rows: list[Row], spelled: Callable[[Row], Row]
) -> None:
    data = form([spelled(row) for row in rows])
    assert told(data) == told(as_lines(rows))
    assert set(mapped(data).records.column("shape").to_pylist()) <= {"resource_row", "gateway_row", "llm_row"}


def test_the_tenant_id_of_a_row_is_its_workspace_and_names_no_tenant() -> None:
    for row in (diagnostics(ACCOUNT_CALL), table_row(GATEWAY_CALL), table_row(LLM_CALL[0])):
        (found,) = mapped(as_lines([row])).records.to_pylist()
        assert found["tenant_keys"]
        assert not any(WORKSPACE in key for key in found["tenant_keys"])


def test_the_tenant_column_of_a_row_is_its_region() -> None:
    row = diagnostics(ACCOUNT_CALL)
    del row["location_s"]
    assert mapped(as_lines([row])).records.column("region").to_pylist() == ["eastus"]


def test_a_row_of_few_columns_is_told_by_its_properties() -> None:
    row = {name: diagnostics(ACCOUNT_CALL)[name] for name in ("TimeGenerated", "DurationMs", "CallerIPAddress")}
    openai = {"apiName": "Azure OpenAI API version 2024-10-21", "modelName": "gpt-4o"}
    (found,) = mapped(az_cli([{**row, "properties_s": json.dumps(openai)}])).records.to_pylist()
    assert (found["shape"], found["category"], found["duration_ms"]) == ("resource_row", "RequestResponse", 500)
    assert found["caller_ip"] == "203.0.113.***"
    other = {**row, "Type": "AzureDiagnostics", "properties_s": '{"apiName": "Other"}'}
    assert buckets(as_lines([other]))["foreign_items"] == 1


@pytest.mark.parametrize("spelled", [table_row, diagnostics])
def test_rows_that_do_not_name_their_table_are_told_by_their_columns(spelled: Callable[[Row], Row]) -> None:
    for row, shape in ((GATEWAY_CALL, "gateway_row"), (LLM_CALL[1], "llm_row")):
        made = {name: value for name, value in spelled(row).items() if name not in ("Type", "Category")}
        assert mapped(az_cli([made])).records.column("shape").to_pylist() == [shape]


def test_ticks_in_text_stay_exact_and_those_of_a_double_count_only_without_them() -> None:
    exact = json.loads(ACCOUNT_CALL["properties"])["requestTime"]
    row = {**diagnostics(ACCOUNT_CALL), "requestTime_d": float(exact) + 10_000_000}
    assert mapped(as_lines([row])).records.column("started_at").to_pylist() == [START]
    row["properties_s"] = '{"apiName": "Azure OpenAI"}'
    (late,) = mapped(as_lines([row])).records.column("started_at").to_pylist()
    assert abs((late - START).total_seconds() - 1) < 0.0001


@pytest.mark.parametrize(
    "said",
    [
        "3/9/2026, 2:05:59.991 PM",
        "3/9/2026 2:05:59.9910000 pm",
        "3/9/2026 14:05:59.991",
        "3/9/2026, 2:05:59.991\u202fPM",
    ],
)
def test_times_may_be_in_us_form(said: str) -> None:
    assert fields.ticks(said) == fields.ticks("2026-03-09T14:05:59.991Z")


def test_noon_and_midnight_are_twelve() -> None:
    assert fields.ticks("3/9/2026 12:00:00 AM") == fields.ticks("2026-03-09T00:00:00Z")
    assert fields.ticks("3/9/2026 12:00:00 PM") == fields.ticks("2026-03-09T12:00:00Z")
    assert fields.ticks("3/9/2026 14:00:00 PM") is None
    assert fields.ticks("13/9/2026 14:00:00") is None


@given(st.lists(st.tuples(st.sampled_from([diagnostics(ACCOUNT_CALL), table_row(GATEWAY_CALL), table_row(LLM_CALL[1])]),
    st.dictionaries(st.sampled_from(["TimeGenerated", "Type", "Category", "_ResourceId", "properties_s", "RequestBody",
    "Tenant_s", "requestTime_d", "SequenceNumber", "time", "DurationMs"]), VALUES, max_size=3)), min_size=1,
    max_size=6))  # fmt: skip
@settings(deadline=None)
def test_rows_with_any_values_are_counted_and_none_fails(drawn: list[tuple[Row, Row]]) -> None:
    rows = [{**row, **more} for row, more in drawn]
    seen = buckets(as_lines(row for row in rows if json.dumps(row).find("Infinity") < 0))
    assert seen["items"] == seen["frames"]
    ends = ("loaded", "foreign_items", "unrecognised", "quarantined_items")
    assert seen["items"] == sum(seen[name] for name in ends)
