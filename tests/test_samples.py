"""The samples are what their README says: whole lines, real layout, and ids that the expectations name."""

import base64
import csv
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from jobs import rows_of

import analyzer
from analyzer.shapes import SHAPES

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_logs"
EXPECTED = Path(__file__).with_name("expected_samples.csv")
REGISTER_COLUMNS = ["tenant_id", "name", "domain", "country", "state", "class", "serves", "keys"]
CLASSES = {"us_police", "us_federal_le", "foreign_le", "le_vendor", "le_adjacent", "umbrella", "other", ""}
KEYS = re.compile(
    r"litellm_team:.+|apim_subscription:.+|service:.+|apim_product:.+|entra_tenant:.+"
    r"|resource:/subscriptions/.+/|path:.+|azure_subscription:[0-9a-f-]{36}"
)
BLOB = re.compile(
    r"insights-logs-[a-z]+/resourceId=/SUBSCRIPTIONS/[0-9A-F-]{36}/RESOURCEGROUPS/[A-Z-]+/PROVIDERS/[A-Z.]+/[A-Z]+/[A-Z-]+"
    r"/y=\d{4}/m=\d\d/d=\d\d/h=\d\d/m=00/PT1H\.json(\.gz)?$"
)
MAKES_REQUEST = {"RequestResponse", "GatewayLogs", "GatewayLlmLogs", "AzureOpenAIRequestUsage"}
TICKS_AT_1970 = 621355968000000000
Record = dict[str, Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, loaded."""
    db = tmp_path_factory.mktemp("samples") / "samples.duckdb"
    analyzer.load([str(SAMPLES)], db)
    return db


def log_files() -> list[Path]:
    return sorted(p for p in SAMPLES.rglob("*") if p.is_file() and p.name.removesuffix(".gz").endswith(".json"))


def text_of(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()


def records_of(path: Path) -> Iterator[Record]:
    text = text_of(path)
    if path.parent.name == "event-hub":
        yield from json.loads(text)["records"]
    else:
        yield from (json.loads(line) for line in text.splitlines())


def records(category: str) -> list[Record]:
    return [record for path in log_files() for record in records_of(path) if record["category"] == category]


def properties(record: Record) -> Record:
    held = record["properties"]
    return json.loads(held) if isinstance(held, str) else held  # type: ignore[no-any-return]


def when(text: str) -> datetime:
    return datetime.fromisoformat(text[:26]).replace(tzinfo=UTC)


def register() -> list[dict[str, str]]:
    with (SAMPLES / "register.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def expectations() -> list[dict[str, str]]:
    with EXPECTED.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("path", log_files(), ids=lambda path: path.relative_to(SAMPLES).as_posix()[-60:])
def test_every_line_is_one_whole_record_in_the_layout_of_azure(path: Path) -> None:
    if path.parent.name != "event-hub":
        assert BLOB.search(path.as_posix())
    for record in records_of(path):
        assert record["resourceId"] == record["resourceId"].upper()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", record["time"])
        assert path.parent.name == "event-hub" or f"resourceId={record['resourceId']}/" in path.as_posix()


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 400_000


def test_every_shape_that_azure_or_a_proxy_exports_has_a_sample(store: Path) -> None:
    seen = Counter(record["category"] for path in log_files() for record in records_of(path))
    assert set(seen) == {*MAKES_REQUEST, "Audit", "Trace", "AuditEvent"}
    assert any(path.suffix == ".gz" for path in log_files())
    of_client = {"realtime_event", "body", "app_insights"}  # what a client writes, or what says the same as a span
    named = {name for shape in SHAPES for name in (shape.NAME, shape.ROW_NAME)}
    assert {shape for (shape,) in rows_of(store, "SELECT shape FROM records")} == named - of_client


def test_every_request_is_expected_and_every_expectation_has_its_request(store: Path) -> None:
    logged = {request_id for (request_id,) in rows_of(store, "SELECT request_id FROM requests")}
    wanted = [row["request_id"] for row in expectations()]
    assert Counter(wanted).most_common(1)[0][1] == 1
    assert set(wanted) == logged


def test_every_other_call_belongs_to_a_registered_tenant_too(store: Path) -> None:
    found = rows_of(
        store,
        "SELECT DISTINCT path, tenant_keys FROM store.records JOIN store.files USING (file_id) "
        "WHERE shape NOT IN ('resource_log', 'gateway_log', 'llm_log', 'llm_row')",
    )
    keys = {key for tenant in register() for key in tenant["keys"].split(";")}
    for path, own in found:
        assert keys & set(own or []) or any(fnmatchcase(path, key[5:]) for key in keys if key.startswith("path:"))


def test_an_expectation_names_clauses_and_an_outcome_exactly_when_it_is_not_none() -> None:
    for row in expectations():
        assert row["verdict"] in ("none", "review", "violation")
        assert all(re.fullmatch(r"COC-[A-Z-]+", clause) for clause in row["clauses"].split(";") if clause)
        assert bool(row["clauses"]) == bool(row["outcome"]) == (row["verdict"] != "none")


def test_the_register_is_valid() -> None:
    with (SAMPLES / "register.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == REGISTER_COLUMNS
    assert all(len(row) == len(header) for row in rows)
    tenants = register()
    keys = [key for tenant in tenants for key in tenant["keys"].split(";")]
    assert len({tenant["tenant_id"] for tenant in tenants}) == len(tenants)
    assert len(set(keys)) == len(keys)
    assert all(KEYS.fullmatch(key) for key in keys)
    assert all(tenant["class"] in CLASSES and re.fullmatch(r"[A-Z]{2}", tenant["country"]) for tenant in tenants)


def test_every_gateway_call_and_every_account_belongs_to_a_registered_tenant() -> None:
    keys = {key for tenant in register() for key in tenant["keys"].split(";")}
    assert {"apim_subscription:" + properties(row)["apimSubscriptionId"] for row in records("GatewayLogs")} <= keys
    for row in records("RequestResponse"):
        resource = row["resourceId"].lower()
        group = resource[: resource.index("/providers/") + 1]
        assert f"azure_subscription:{resource.split('/')[2]}" in keys or f"resource:{group}" in keys


def test_times_durations_and_ticks_of_resource_logs_agree() -> None:
    for row in records("RequestResponse"):
        held = properties(row)
        ended = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            microseconds=(held["responseTime"] - TICKS_AT_1970) // 10,
        )
        delay = when(row["time"]) - ended
        assert row["durationMs"] == (held["responseTime"] - held["requestTime"]) // 10_000
        assert timedelta(seconds=0.2) < delay < timedelta(seconds=3)


def test_a_body_is_a_whole_json_text_unless_it_was_cut_at_8192_bytes() -> None:
    cut = 0
    for row in records("GatewayLogs"):
        held = properties(row)
        for name in ("requestBody", "backendRequestBody", "responseBody", "backendResponseBody"):
            body = held.get(name)
            if body is None or body.startswith("data: "):
                continue
            assert len(body.encode()) <= 8192
            if len(body.encode()) == 8192:
                cut += 1
                assert held["requestSize"] > 8192
            else:
                json.loads(body)
    assert cut >= 2


def test_chunks_joined_in_their_order_are_the_json_of_the_request_and_of_the_answer() -> None:
    calls: dict[str, list[Record]] = defaultdict(list)
    for row in records("GatewayLlmLogs"):
        calls[row["correlationId"]].append(row)
    for rows in calls.values():
        rows.sort(key=lambda row: (properties(row)["sequenceNumber"], row["time"]))
        assert len({(properties(row)["sequenceNumber"], row["time"]) for row in rows}) == len(rows)
        for side in ("requestMessages", "responseMessages"):
            json.loads("".join(properties(row).get(side, "") for row in rows) or "[]")
    assert max(len(rows) for rows in calls.values()) == 5
    gateway = {row["correlationId"] for row in records("GatewayLogs")}
    assert len(set(calls) - gateway) == 1


def test_nothing_in_the_samples_points_at_anybody() -> None:
    for path in log_files():
        text = text_of(path)
        addresses = set(re.findall(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.(?:\d{1,3}|\*+)", text)) - {"0.48.0.0"}  # a version
        assert all(address.startswith("203.0.113.") for address in addresses)
        hosts = set(re.findall(r"https://([a-z0-9.-]+)", text))
        allowed = (".example.com", "oai-shared-sample.openai.azure.com", "kv-products.vault.azure.net")
        assert all(host.endswith(allowed) for host in hosts)


def test_the_pictures_are_noise_in_png_frames() -> None:
    whole = "".join(properties(row).get("requestMessages", "") for row in records("GatewayLlmLogs"))
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", whole)
    assert len(pictures) == 3
    for picture in pictures:
        assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG\r\n\x1a\n")
