"""Policies beside the Code of Conduct, where they differ from it, and which rules stand behind each clause."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from jobs import START, TICKS_AT_1970, Place, Ran, findings_of, resource_row, write_logs, write_register
from judging import IDENTIFY, MOBILE, POLICIES, SURVEIL, US, by, judged, on, register, use, verdicts
from made import rule_file

from analyzer.clauses import clause_coverage
from analyzer.errors import UsageError
from analyzer.judge import Packs
from analyzer.policies import check_exceptions, load_packs, pack_names
from analyzer.rules import load_rules

Aoai = Callable[..., Ran]
EU, FACE, CODE = "eu_ai_act", "azure_face_api", "azure_openai_code_of_conduct"
IN_EU: list[dict[str, Any]] = [{"tenant_id": "t1", "country": "DE"}]
PROTECTED, CATEGORISE, EMOTION = "EU5-1G", "COC-BIOMETRIC-CATEGORISE", "COC-EMOTION-INFER"


@pytest.fixture(scope="module")
def both() -> Packs:
    return load_packs(POLICIES, [CODE, EU])


@pytest.fixture(scope="module")
def face() -> Packs:
    return load_packs(POLICIES, [CODE, FACE])


def only(found: Mapping[str, Mapping[str, Any]], prefix: str) -> dict[str, str]:
    return {clause: verdict for clause, verdict in verdicts(found).items() if clause.startswith(prefix)}


# --- all of them ------------------------------------------------------------------------------------------------------


def test_the_default_policy_comes_first_and_all_can_be_chosen_together() -> None:
    names = pack_names(POLICIES)
    assert names == (CODE, FACE, EU)
    assert [pack.id for pack in load_packs(POLICIES).chosen] == [CODE]
    assert [pack.id for pack in load_packs(POLICIES, names).chosen] == list(names)


def test_every_clause_says_its_exception_and_where_its_words_were_read() -> None:
    for pack in load_packs(POLICIES, pack_names(POLICIES)).chosen:
        for clause in pack.clauses:
            assert clause.exception and clause.wordings, clause.id
            assert all(wording.source for wording in clause.wordings), clause.id
            assert clause.cures == () or not clause.exception.startswith("none"), clause.id


# --- the EU AI Act: where it holds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "region", "known", "expected"),
    [
        ("DE", None, {}, {"EU5-1E": "violation"}),
        ("de", None, {}, {"EU5-1E": "violation"}),
        ("DE", "eastus", {}, {"EU5-1E": "violation"}),
        ("US", None, {}, {}),
        ("GB", "uksouth", {}, {}),
        ("US", "eastus", {"in_eu": True}, {"EU5-1E": "violation"}),
        ("US", "westeurope", {}, {"EU5-1E": "review"}),
        ("", "West Europe", {}, {"EU5-1E": "review"}),
        ("US", "westeurope", {"in_eu": False}, {}),
        ("", None, {}, {}),
    ],
)
def test_the_eu_act_holds_by_the_tenants_country_or_what_the_log_says_and_a_region_only_hints(
    both: Packs, country: str, region: str | None, known: dict[str, Any], expected: dict[str, str]
) -> None:
    tenants, requests = [{"tenant_id": "t1", "country": country}], [{"key": "a", "region": region}]
    found = judged(both, use("scrape_faces", **known), actors=[by("other")], requests=requests, tenants=tenants)
    assert only(found, "EU") == expected
    assert found["COC-FR-DB-SCRAPE"]["verdict"] == "violation"
    if expected == {"EU5-1E": "review"}:
        assert "only the region of the resource hints that the policy holds there" in found["EU5-1E"]["explanation"]


def test_a_finding_under_the_eu_act_says_why_it_holds_and_names_the_article(both: Packs) -> None:
    found = judged(both, use("scrape_faces"), actors=[by("other")], tenants=IN_EU)["EU5-1E"]
    assert "; it holds there by the country of the tenant; Regulation (EU) 2024/1689" in found["explanation"]
    assert ", Article 5(1)(e), read (grade A)." in found["explanation"]
    assert found["policy_version"] == "2024/1689"
    said = judged(both, use("scrape_faces", in_eu=True), actors=[by("other")])["EU5-1E"]
    assert "; it holds there by what the log says;" in said["explanation"]


def test_where_a_tenant_is_counts_as_it_was_on_the_day(both: Packs) -> None:
    tenants = [
        {"tenant_id": "t1", "country": "US", "valid_to": date(2026, 5, 31)},
        {"tenant_id": "t1", "country": "DE", "valid_from": date(2026, 6, 1)},
    ]

    def met(day: str) -> dict[str, str]:
        return only(judged(both, use("scrape_faces"), actors=[by("other")], requests=[on(day)], tenants=tenants), "EU")

    assert (met("2026-05-31"), met("2026-06-01")) == ({}, {"EU5-1E": "violation"})


def test_the_eu_act_holds_since_february_2025(both: Packs) -> None:
    def met(day: str) -> dict[str, str]:
        return only(judged(both, use("scrape_faces"), actors=[by("other")], requests=[on(day)], tenants=IN_EU), "EU")

    assert (met("2025-02-01"), met("2025-02-02")) == ({}, {"EU5-1E": "violation"})


def test_the_eu_act_is_not_applied_unless_it_is_chosen() -> None:
    found = judged(load_packs(POLICIES), use("scrape_faces"), actors=[by("other")], tenants=IN_EU)
    assert set(found) == {"COC-FR-DB-SCRAPE"}


# --- the EU AI Act: where it differs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actors", "expected"),
    [
        ([by("other")], "violation"),
        ([by("unknown", role="unknown")], "review"),
        ([by("foreign_le")], None),
        ([by("us_federal_le")], None),
        ([by("le_vendor"), by("foreign_le", role="for", confidence=0.6)], None),
        ([by("le_vendor")], "review"),
        ([by("le_adjacent")], "review"),
        ([by("umbrella")], "review"),
        ([by("foreign_le", confidence=0.4)], "review"),
    ],
)
def test_law_enforcement_may_categorise_under_the_eu_act_and_not_under_the_code(
    both: Packs, actors: list[dict[str, Any]], expected: str | None
) -> None:
    found = judged(both, use("categorise", face=True), actors=actors, tenants=IN_EU)
    assert found.get(PROTECTED, {}).get("verdict") == expected
    unsure = actors[0]["actor"] == "unknown" or actors[0].get("confidence", 1) < 0.5
    assert found[CATEGORISE]["verdict"] == ("review" if unsure else "violation")


def test_a_trait_that_is_not_inferred_of_a_face_is_no_biometric_categorisation(both: Packs) -> None:
    seen = judged(both, use("infer_trait", face=True), actors=[by("other")], tenants=IN_EU)
    read = judged(both, use("infer_trait"), actors=[by("other")], tenants=IN_EU)
    assert seen[PROTECTED]["verdict"] == "violation"
    assert PROTECTED not in read and CATEGORISE in read


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"work_or_school": True}, "violation"),
        ({"work_or_school": True, "medical_or_safety": True}, "review"),
        ({"work_or_school": False}, None),
        ({"face": True}, None),
    ],
)
def test_emotions_are_forbidden_at_work_and_school_by_the_eu_act_and_everywhere_by_the_code(
    both: Packs, known: dict[str, Any], expected: str | None
) -> None:
    found = judged(both, use("infer_emotion", **known), actors=[by("other")], tenants=IN_EU)
    assert found.get("EU5-1F", {}).get("verdict") == expected
    assert found[EMOTION]["verdict"] == "violation"
    if expected == "review":
        assert "the log speaks of medical or safety" in found["EU5-1F"]["explanation"]


SQUARE: dict[str, Any] = {"face": True, "live": True, "public_place": True}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({**SQUARE, "mobile": False}, "violation"),
        ({**SQUARE, "mobile": True}, "violation"),
        ({**SQUARE, "mobile": True, "rescue": True}, "review"),
        ({**SQUARE, "mobile": True, "approval": True}, "review"),
        ({**SQUARE, "consent": True}, "violation"),
        ({"face": True, "live": True}, "review"),
        ({**SQUARE, "public_place": False}, None),
        ({**SQUARE, "live": False}, None),
    ],
)
def test_live_identification_by_police_in_public_needs_no_mobile_camera_under_the_eu_act_and_has_its_aims(
    both: Packs, known: dict[str, Any], expected: str | None
) -> None:
    found = judged(both, use("compare", **known), actors=[by("foreign_le")], tenants=IN_EU)
    assert found.get("EU5-1H", {}).get("verdict") == expected
    if known["live"]:  # the mobile clause of the code has no exception, and does not ask for a public place
        mobile = {True: "violation", False: None, None: "review"}[known.get("mobile")]
        assert found.get(MOBILE, {}).get("verdict") == mobile


def test_live_identification_in_public_binds_law_enforcement_only_and_what_stands_beside_it_is_for_a_human(
    both: Packs,
) -> None:
    def met(actor: str) -> str | None:
        found = judged(both, use("compare", **SQUARE), actors=[by(actor)], tenants=IN_EU)
        return found.get("EU5-1H", {}).get("verdict")

    assert [met(actor) for actor in ("foreign_le", "le_adjacent", "umbrella", "other")] == [
        "violation", "review", "review", None
    ]  # fmt: skip


def test_an_authorisation_on_file_lowers_live_identification_in_public_to_review(both: Packs, tmp_path: Path) -> None:
    held = register(tmp_path, "t1,EU5-1H,approval,order 12 of the district court,2026-06-01,2026-06-02")
    found = judged(both, use("compare", **SQUARE), actors=[by("foreign_le")], tenants=IN_EU, exceptions=held)
    assert found["EU5-1H"]["verdict"] == "review"
    assert "names approval order 12 of the district court" in found["EU5-1H"]["explanation"]
    assert found[SURVEIL]["verdict"] == "violation"


@pytest.mark.parametrize(("known", "expected"), [({}, "violation"), ({"human_review": True}, "review")])
def test_a_humans_assessment_lowers_a_rating_of_crime_risk_under_the_eu_act(
    both: Packs, known: dict[str, Any], expected: str
) -> None:
    found = judged(both, use("crime_risk", **known), actors=[by("other")], tenants=IN_EU)
    assert found["EU5-1D"]["verdict"] == expected


def test_an_exception_for_a_policy_that_was_not_chosen_is_checked_all_the_same(tmp_path: Path) -> None:
    packs = load_packs(POLICIES)
    check_exceptions(register(tmp_path, "t1,EU5-1H,approval,order 12,2026-06-01,"), packs)
    with pytest.raises(UsageError, match="consent does not cure EU5-1H; only approval does"):
        check_exceptions(register(tmp_path, "t1,EU5-1H,consent,form,2026-06-01,"), packs)
    with pytest.raises(UsageError, match="approval does not cure EU5-1D; nothing in a register does"):
        check_exceptions(register(tmp_path, "t1,EU5-1D,approval,form,2026-06-01,"), packs)


# --- Azure Face -------------------------------------------------------------------------------------------------------

CALL = [{"key": "a", "api": "face"}]


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ("us_police", {"FACE-US-POLICE": "violation", "FACE-LIMITED": "violation"}),
        ("foreign_le", {"FACE-LIMITED": "review"}),
        ("us_federal_le", {"FACE-LIMITED": "review"}),
        ("other", {"FACE-LIMITED": "review"}),
        ("umbrella", {"FACE-US-POLICE": "review", "FACE-LIMITED": "review"}),
    ],
)
def test_calls_of_face_are_judged_by_its_own_terms_and_not_by_the_code(
    face: Packs, actor: str, expected: dict[str, str]
) -> None:
    assert verdicts(judged(face, use("identify", face=True), actors=[by(actor)], requests=CALL)) == expected


def test_other_calls_are_judged_by_the_code_and_not_by_the_terms_of_face(face: Packs) -> None:
    found = judged(face, use("identify", face=True, live=False))
    assert verdicts(found) == {US: "violation", IDENTIFY: "violation"}


def test_live_recognition_over_a_mobile_camera_is_forbidden_to_law_enforcement_in_face_too(face: Packs) -> None:
    def met(**known: Any) -> str | None:
        found = judged(face, use("identify", face=True, **known), actors=[by("foreign_le")], requests=CALL)
        return found.get("FACE-MOBILE-RT", {}).get("verdict")

    assert (met(live=True, mobile=True), met(live=True), met()) == ("violation", "review", None)


@pytest.mark.parametrize("exception", ["approval", "apprehended", "rescue"])
def test_the_exceptions_of_face_lower_limited_access_only_and_do_not_carry_over_to_the_code(
    face: Packs, exception: str
) -> None:
    known: dict[str, Any] = {"face": True, "live": False, exception: True}
    called = judged(face, use("identify", **known), requests=CALL)
    assert verdicts(called) == {"FACE-US-POLICE": "violation", "FACE-LIMITED": "review"}
    asked = judged(face, use("identify", **known))
    assert asked[US]["verdict"] == "violation"
    assert asked[IDENTIFY]["verdict"] == ("review" if exception == "approval" else "violation")


def test_the_exception_for_the_apprehended_is_no_clause_of_its_own(face: Packs) -> None:
    assert "FACE-APPREHENDED" in face.chosen[1].never


@pytest.mark.parametrize(("day", "expected"), [("2020-06-10", {}), ("2020-06-11", {"FACE-US-POLICE": "violation"})])
def test_police_in_the_united_states_may_not_use_face_since_june_2020(
    face: Packs, day: str, expected: dict[str, str]
) -> None:
    assert verdicts(judged(face, use("verify", face=True), requests=[on(day, api="face")])) == expected


def face_row(call: str, operation: str) -> dict[str, Any]:
    """A resource log's row of a call of the Face service."""
    at = START
    ticks = TICKS_AT_1970 + int((at - datetime(1970, 1, 1)).total_seconds()) * 10_000_000
    inner = {"requestTime": ticks, "responseTime": ticks + 5_000_000, "apiName": "Face API - v1.0"}
    return {**resource_row(call, at), "operationName": operation, "properties": json.dumps(inner)}


def test_a_police_departments_calls_of_face_are_found_when_its_policy_is_chosen(place: Place, aoai: Aoai) -> None:
    account = resource_row("any")["resourceId"].lower()
    write_register(place.register, f"pd,Millbrook Police Department,,US,OH,us_police,,resource:{account}/\n")
    operations = ("Face - Detect", "Face - Identify", "Face - Verify", "Face - Find Similar", "PersonGroup - Train")
    write_logs(place.logs / "face.json", [face_row(name, name) for name in operations])
    assert aoai(*place.run).code == 0
    assert findings_of(place.reports) == []
    chosen = ("--policy", CODE, "--policy", FACE)
    assert aoai(*place.run, *chosen).code == 0
    rows = findings_of(place.reports)
    police = [row for row in rows if row["clause_id"] == "FACE-US-POLICE"]
    assert {(row["request_ids"][0], row["use"], row["verdict"]) for row in police} == {
        ("Face - Identify", "identify", "violation"),
        ("Face - Verify", "verify", "violation"),
        ("Face - Find Similar", "compare", "violation"),
        ("PersonGroup - Train", "enrol", "violation"),
    }  # fmt: skip
    assert {row["clause_id"] for row in rows} == {"FACE-US-POLICE", "FACE-LIMITED"}
    told = aoai("explain", rows[0]["finding_id"], "--db", str(place.db)).text
    assert "\n  the call itself, " in told


# --- which rules stand behind each clause -----------------------------------------------------------------------------


def shipped_coverage() -> tuple[Packs, Any]:
    packs = load_packs(POLICIES, pack_names(POLICIES))
    return packs, load_rules(POLICIES.parent / "rules")


def test_every_clause_of_every_policy_has_a_rule_with_cases_for_each_of_its_uses() -> None:
    packs, rules = shipped_coverage()
    covered, gaps = clause_coverage(packs.chosen, rules)
    assert gaps == ()
    assert {row.clause for row in covered} == {clause.id for pack in packs.chosen for clause in pack.clauses}
    assert all(row.rules and row.cases > 1 for row in covered)


def test_a_rule_counts_for_a_policy_only_when_a_case_fires_on_a_call_that_the_policy_is_about() -> None:
    packs, rules = shipped_coverage()
    rows = {(row.clause, row.use): row.rules for row in clause_coverage(packs.chosen, rules)[0]}
    assert rows["FACE-US-POLICE", "verify"] == ("face_service_match",)
    assert "face_service_match" not in rows[US, "verify"]
    assert {"face_service_match", "face_verification"} <= {rule.id for rule in rules if rule.use == "verify"}


def test_a_use_without_a_rule_and_a_rule_without_cases_are_gaps_of_one_line_each(tmp_path: Path) -> None:
    rule_file(tmp_path)  # finds compare, and has no cases
    packs = load_packs(POLICIES, pack_names(POLICIES)).chosen
    _, gaps = clause_coverage(packs, load_rules(tmp_path))
    lines = [str(gap) for gap in gaps]
    assert f"{CODE}: {US}: no rule finds 'identify'; write one, or take the use from the clause" in lines
    assert f"{EU}: EU5-1D: no rule finds 'crime_risk'; write one, or take the use from the clause" in lines
    assert not any(US in line and "'compare'" in line for line in lines)
    assert [line for line in lines if "cases" in line] == [
        f"{tmp_path / 'plain.cases.toml'}:1: cannot be read; a rule has its cases beside it in NAME.cases.toml"
    ]
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("output", ["csv", "json"])
def test_rules_coverage_lists_clause_use_rules_and_cases(aoai: Aoai, output: str) -> None:
    ran = aoai("rules", "coverage", "--format", output)
    assert (ran.code, ran.err) == (0, "")
    rows = json.loads(ran.text) if output == "json" else list(csv.DictReader(io.StringIO(ran.text)))
    assert list(rows[0]) == ["policy", "clause", "use", "rules", "cases"]
    assert (rows[0]["policy"], rows[0]["clause"]) == (CODE, US)
    row = next(row for row in rows if row["clause"] == "FACE-US-POLICE" and row["use"] == "enrol")
    assert row["rules"] == (["face_service_gallery"] if output == "json" else "face_service_gallery")
    assert int(row["cases"]) == 7


def test_rules_coverage_prints_its_rows_and_exits_with_2_when_there_are_gaps(aoai: Aoai, tmp_path: Path) -> None:
    rule_file(tmp_path)
    ran = aoai("rules", "coverage", str(tmp_path), "--format", "csv")
    assert ran.code == 2
    assert f"{CODE},{US},compare,plain,0" in ran.text.splitlines()
    said = [line for line in ran.err.splitlines() if "no rule finds" in line]
    assert len(said) > 20 and all(line.startswith("aoai-audit: error: ") for line in said)
    assert ran.err.splitlines()[-1] == "exit: 2 usage"
