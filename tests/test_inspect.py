"""`inspect` says what logs hold before anything is loaded, and what they can never tell."""

import json
from pathlib import Path
from typing import Any

from jobs import HARMLESS, REGISTER, SAMPLES, Row, asked, command, gateway_row, llm_rows, resource_row, write_logs

import analyzer


def inspected(logs: Path, register: Path | None = None) -> list[Row]:
    rows, _ = analyzer.inspect([str(logs)], register)
    return rows.to_pylist()  # type: ignore[no-any-return]


def of_part(rows: list[Row], part: str) -> dict[str, Any]:
    return {row["what"]: row["count"] for row in rows if row["part"] == part}


def test_shapes_operations_models_and_days_are_counted_with_the_share_that_has_content(tmp_path: Path) -> None:
    logs = write_logs(
        tmp_path / "logs.jsonl",
        [gateway_row("one", **asked(HARMLESS)), gateway_row("two"), *llm_rows("one", HARMLESS), resource_row("three")],
    )
    rows = inspected(logs)
    assert of_part(rows, "shape") == {
        "gateway_log GatewayLogs": 2,
        "llm_log GatewayLlmLogs": 3,
        "resource_log RequestResponse": 1,
    }
    assert of_part(rows, "operation") == {"chat ChatCompletions_Create": 3}
    (day,) = [row for row in rows if row["part"] == "day"]
    assert (day["what"], day["count"], day["with_content"]) == ("2026-06-01", 3, 33)
    assert of_part(rows, "items")["loaded"] == 6


def test_what_cannot_be_told_comes_with_the_setting_that_would_change_it(tmp_path: Path) -> None:
    logs = write_logs(tmp_path / "logs.jsonl", [resource_row("one"), *llm_rows("two", HARMLESS)])
    untold = {row["what"].partition(":")[0]: row for row in inspected(logs) if row["part"] == "untold"}
    assert untold["what was asked and answered"]["count"] == 1
    assert "GatewayLlmLogs" in untold["what was asked and answered"]["note"]
    assert untold["who called"]["count"] == 1
    assert untold["which person called"]["count"] == 2


def test_logs_that_tell_all_leave_nothing_untold(tmp_path: Path) -> None:
    row = gateway_row("one", userId="clerk-7", **asked(HARMLESS))
    logs = write_logs(tmp_path / "logs.jsonl", [row, *llm_rows("one", HARMLESS)])
    assert of_part(inspected(logs), "untold") == {}


def test_tenants_are_known_or_unknown_by_the_register(tmp_path: Path) -> None:
    logs = write_logs(tmp_path / "logs.jsonl", [gateway_row("one"), gateway_row("two", subscription="stranger")])
    register = tmp_path / "register.csv"
    register.write_text(
        "tenant_id,name,domain,country,state,class,serves,keys\n"
        "millbrook-pd,Millbrook PD,millbrookpd.example.com,US,OH,us_police,,apim_subscription:millbrook\n"
    )
    tenants = {row["what"]: row["note"] for row in inspected(logs, register) if row["part"] == "tenant"}
    assert tenants == {
        "millbrook-pd": "known by apim_subscription",
        "unknown:apim_subscription:stranger": "unknown; give the register a key for it",
    }


def test_a_call_that_gateway_and_account_logged_is_one_and_misses_nothing(tmp_path: Path) -> None:
    header = {"apim-request-id": "backend-1"}
    row = gateway_row("one", userId="clerk-7", backendResponseHeaders=header, **asked(HARMLESS))
    logs = write_logs(tmp_path / "logs.jsonl", [row, *llm_rows("one", HARMLESS), resource_row("backend-1")])
    rows = inspected(logs)
    assert of_part(rows, "day") == {"2026-06-01": 1}
    assert of_part(rows, "untold") == {}


def test_broken_places_are_named_and_change_the_exit_code(tmp_path: Path) -> None:
    logs = tmp_path / "logs.jsonl"
    logs.write_text(json.dumps(gateway_row("one")) + "\n{'single': 'quotes'}\n")
    ran = command("inspect", str(logs), "--format", "json")
    assert ran.code == 3
    (broken,) = [row for row in json.loads(ran.out) if row["part"] == "broken"]
    assert (broken["what"], broken["count"]) == ("not_json", 1)
    assert broken["note"] == f"such as {logs}:2"


def test_nothing_is_left_behind_and_no_text_is_written(tmp_path: Path, monkeypatch: Any) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    canary = "the canary sings at noon"
    logs = write_logs(tmp_path / "logs.jsonl", [gateway_row("one", **asked(canary))])
    ran = command("inspect", str(logs))
    assert ran.code == 0
    assert canary not in ran.text + ran.err
    assert list(place.iterdir()) == []


def test_the_samples_are_inspected_as_the_command_line_shows(tmp_path: Path) -> None:
    ran = command("inspect", str(SAMPLES), "--register", str(REGISTER))
    assert ran.code in (0, 3), ran.err
    assert "gateway_log GatewayLogs" in ran.text


def test_the_register_among_the_logs_is_no_log() -> None:
    rows = inspected(SAMPLES, REGISTER)
    assert of_part(rows, "items")["unrecognised"] == 0
