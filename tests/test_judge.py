"""Uses become findings: every sentence of docs/verdicts.md, and the log of what changed."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from judging import (
    ATTRIBUTE,
    EMOTION,
    IDENTIFY,
    MOBILE,
    OLD_EMOTION,
    POLICIES,
    SURVEIL,
    US,
    by,
    findings,
    judged,
    on,
    register,
    shown,
    use,
    uses_table,
    verdicts,
)
from made import insert, made_store

from analyzer import shipped
from analyzer.errors import UsageError
from analyzer.judge import CAUSES, Packs, current_findings, judge, load_packs, log_changes
from analyzer.policies import load_packs as load
from analyzer.schema import FINDINGS, REVIEWS
from analyzer.verdicts import load_verdicts, shipped_verdicts

NOW = datetime(2026, 7, 1)


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs(POLICIES)


# --- the plain case ---------------------------------------------------------------------------------------------------


def test_a_strong_use_by_a_bound_actor_on_a_certain_day_is_a_violation(packs: Packs) -> None:
    found = judged(packs, use("compare", face=True, live=False))
    assert verdicts(found) == {US: "violation", IDENTIFY: "violation"}
    row = found[US]
    assert row["finding_id"] == hashlib.sha256(b"r|COC-FR-US-POLICE|a").hexdigest()[:32]
    assert (row["actor"], row["role"], row["actor_confidence"]) == ("us_police", "by", 1.0)
    assert (row["policy_version"], row["rule_version"], row["severity"]) == ("4.0", 1, "high")
    assert row["circumstances"] == {"face": True, "live": False}
    assert list(row) == [column.name for column in FINDINGS.columns]


def test_the_explanation_says_who_how_sure_what_when_which_clause_and_why(packs: Packs) -> None:
    found = judged(packs, use("compare", face=True, live=True, mobile=False), actors=[by("us_police", confidence=0.95)])
    assert found[US]["explanation"] == (
        "By a US state or local police agency (confidence 0.95), the service was asked on 2026-06-01 to compare, rank "
        "or match people's pictures (live, faces) and did so: a violation of COC-FR-US-POLICE (no facial recognition "
        "by or for a police department in the United States), for the signs are strong, the clause binds this actor "
        "and stood on that day; Microsoft Enterprise AI Services Code of Conduct v4.0, no. 18, known by a summary or a "
        "sibling document (grade B); a reading: every state or local agency with police powers counts as a police "
        "department, a sheriff, a campus or a transit police too."
    )
    assert found[SURVEIL]["explanation"].endswith(
        "no. 17, read (grade A); exception: the valid consent of the individual; consent was not seen in the log."
    )


def test_uses_are_kept_and_both_tables_are_replaced(packs: Packs) -> None:
    con = made_store([{"key": "a"}], [by("us_police")])
    judge(con, uses_table(con, [use("compare", face=True), use("track")]), packs)
    judge(con, uses_table(con, [use("track")]), packs)
    assert con.execute('SELECT "use" FROM uses').fetchall() == [("track",)]
    assert [row["clause_id"] for row in findings(con)] == [SURVEIL]


def test_judging_happens_inside_the_callers_transaction(packs: Packs) -> None:
    con = made_store([{"key": "a"}], [by("us_police")])
    con.execute("BEGIN")
    judge(con, uses_table(con, [use("track")]), packs)
    con.execute("ROLLBACK")
    assert findings(con) == [] and con.execute("SELECT count(*) FROM uses").fetchall() == [(0,)]


# --- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-05-01", {IDENTIFY: "review"}),
        ("2024-05-02", {US: "review", IDENTIFY: "review"}),
        ("2024-05-03", {US: "violation", IDENTIFY: "violation"}),
        ("2022-12-31", {}),
        ("2023-01-01", {IDENTIFY: "review"}),
    ],
)
def test_a_row_applies_from_its_earliest_day_and_certainly_from_its_certain_day(
    packs: Packs, day: str, expected: dict[str, str]
) -> None:
    assert verdicts(judged(packs, use("compare", face=True, live=False), requests=[on(day)])) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-05-01", {OLD_EMOTION: "review"}),
        ("2024-12-31", {OLD_EMOTION: "violation"}),
        ("2025-01-01", {OLD_EMOTION: "review", EMOTION: "review"}),
        ("2026-04-30", {OLD_EMOTION: "review", EMOTION: "review"}),
        ("2026-05-01", {EMOTION: "violation"}),
    ],
)
def test_a_row_ends_perhaps_on_its_earliest_and_certainly_on_its_certain_day(
    packs: Packs, day: str, expected: dict[str, str]
) -> None:
    assert verdicts(judged(packs, use("infer_emotion", face=True), requests=[on(day)])) == expected


def test_one_cited_day_is_enough_for_a_row_to_apply_and_to_apply_certainly(packs: Packs) -> None:
    requests = [on("2024-04-30", "a"), on("2024-05-02", "b"), on("2024-05-03", "c")]
    actors = [by("us_police", key) for key in "abc"]
    both = judged(packs, use("compare", "a", "b", face=True, live=False), requests=requests, actors=actors)
    assert verdicts(both) == {US: "review", IDENTIFY: "review"}
    assert "it is not certain that the clause stood on that day" in both[US]["explanation"]
    assert "from 2024-04-30 to 2024-05-02" in both[US]["explanation"]
    three = judged(packs, use("compare", "a", "b", "c", face=True, live=False), requests=requests, actors=actors)
    assert three[US]["verdict"] == "violation"
    assert (three[US]["occurred_at"], three[US]["last_at"]) == (datetime(2024, 4, 30), datetime(2024, 5, 3))


@pytest.mark.parametrize(
    ("day", "version", "number"),
    [
        ("2023-06-01", "before 2024-05", None),
        ("2024-06-01", "2024-05", None),
        ("2025-06-01", "2025", None),
        ("2026-05-01", "4.0", "no. 15"),
    ],
)
def test_the_text_of_the_day_is_cited_and_a_number_of_v4_never_before_v4(
    packs: Packs, day: str, version: str, number: str | None
) -> None:
    row = judged(packs, use("compare", face=True, live=False), requests=[on(day)])[IDENTIFY]
    assert row["policy_version"] == version
    assert ("v4.0, " in row["explanation"]) == (version == "4.0")
    assert (", no. " in row["explanation"]) == (number is not None)
    assert number is None or number in row["explanation"]


def test_the_text_of_2023_on_sensitive_traits_is_history(packs: Packs) -> None:
    old = judged(packs, use("infer_trait"), requests=[on("2023-07-01")])
    assert verdicts(old) == {"COC-SENSITIVE-2023": "review"}
    assert "COC-SENSITIVE-2023" not in judged(packs, use("infer_trait"))


# --- needs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"face": True, "live": True, "mobile": True}, "violation"),
        ({"face": True, "live": True}, "review"),
        ({"mobile": True}, "review"),
        ({"face": True, "live": True, "mobile": False}, None),
        ({"face": False, "live": True, "mobile": True}, None),
        ({}, None),
    ],
)
def test_all_needs_true_apply_some_with_the_rest_unknown_are_review_and_a_false_one_does_not_apply(
    packs: Packs, known: dict[str, Any], expected: str | None
) -> None:
    row = judged(packs, use("compare", **known), actors=[by("foreign_le")]).get(MOBILE)
    assert (row and row["verdict"]) == expected
    if expected == "review" and known.get("face"):
        assert row and "not seen in the log: mobile" in row["explanation"]


def test_live_identification_without_a_face_is_surveillance_and_not_for_the_police_clause(packs: Packs) -> None:
    found = verdicts(judged(packs, use("identify_voice", live=True, voice=True)))
    assert found == {SURVEIL: "violation", IDENTIFY: "violation"}


# --- cures and exceptions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "verdict", "says"),
    [
        ({}, "violation", "consent was not seen in the log"),
        ({"consent": False}, "violation", "consent was not seen in the log"),
        ({"consent": True}, "review", "the log speaks of consent"),
    ],
)
def test_a_cure_that_is_false_or_unknown_is_absent_and_a_true_one_is_for_a_human(
    packs: Packs, known: dict[str, Any], verdict: str, says: str
) -> None:
    row = judged(packs, use("track", **known))[SURVEIL]
    assert row["verdict"] == verdict
    assert says in row["explanation"]


def test_human_review_cures_a_decision_of_consequence(packs: Packs) -> None:
    clause = "COC-CONSEQ-DECISION"
    assert judged(packs, use("consequential_decision"))[clause]["verdict"] == "violation"
    row = judged(packs, use("consequential_decision", human_review=True))[clause]
    assert (row["verdict"], "human review" in row["explanation"]) == ("review", True)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (f"t1,{SURVEIL},consent,FORM-7,2026-06-01,2026-06-01", "review"),
        (f"t1,{SURVEIL},consent,FORM-7,2026-01-01,", "review"),
        (f"t1,{SURVEIL},consent,FORM-7,2026-06-02,2026-12-31", "violation"),
        (f"t1,{SURVEIL},consent,FORM-7,2026-01-01,2026-05-31", "violation"),
        (f"t2,{SURVEIL},consent,FORM-7,2026-01-01,2026-12-31", "violation"),
    ],
)
def test_an_exception_of_the_tenant_on_that_day_lowers_to_review_and_is_cited(
    packs: Packs, tmp_path: Path, row: str, verdict: str
) -> None:
    found = judged(packs, use("track"), exceptions=register(tmp_path, row))[SURVEIL]
    assert found["verdict"] == verdict
    assert ("FORM-7" in found["explanation"]) == (verdict == "review")
    assert ("was not seen in the log" in found["explanation"]) == (verdict == "violation")


def test_an_exception_must_cover_every_cited_day(packs: Packs, tmp_path: Path) -> None:
    requests = [on("2026-06-01", "a"), on("2026-06-02", "b")]
    actors = [by("other", "a"), by("other", "b")]
    first = f"t1,{SURVEIL},consent,FORM-1,2026-06-01,2026-06-01"
    second = f"t1,{SURVEIL},consent,FORM-2,2026-06-02,2026-06-30"
    one = judged(packs, use("track", "a", "b"), requests=requests, actors=actors, exceptions=register(tmp_path, first))
    assert one[SURVEIL]["verdict"] == "violation"
    both = judged(
        packs, use("track", "a", "b"), requests=requests, actors=actors, exceptions=register(tmp_path, first, second)
    )
    assert both[SURVEIL]["verdict"] == "review"
    assert "names consent FORM-1, consent FORM-2" in both[SURVEIL]["explanation"]


@pytest.mark.parametrize(
    ("row", "line", "says"),
    [
        ("t1,COC-NONE,consent,F,2026-01-01,", 2, "no policy has the clause"),
        (f"t1,{US},approval,F,2026-01-01,", 2, "approval does not cure COC-FR-US-POLICE"),
        (f"t1,{IDENTIFY},consent,F,2026-01-01,", 2, "only approval does"),
        (f"t1,{SURVEIL},human_review,F,2026-01-01,", 2, "one of approval, consent"),
        (f"t1,{SURVEIL},consent,,2026-01-01,", 2, "name the tenant_id"),
        (f"t1,{SURVEIL},consent,F,1 June,", 2, "is no day"),
        (f"t1,{SURVEIL},consent,F,2026-06-01,2026-05-01", 2, "lies before"),
        (f"t1,{SURVEIL},consent", 2, "3 columns"),
    ],
)
def test_a_wrong_register_of_exceptions_is_one_line(
    packs: Packs, tmp_path: Path, row: str, line: int, says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        judged(packs, use("track"), exceptions=register(tmp_path, row))
    assert str(caught.value).startswith(f"{tmp_path / 'exceptions.csv'}:{line}: ")
    assert says in str(caught.value)


# --- reasons for review -----------------------------------------------------------------------------------------------


def test_weak_signs_are_review(packs: Packs) -> None:
    row = judged(packs, use("track", strength="weak"))[SURVEIL]
    assert (row["verdict"], "because the signs are weak" in row["explanation"]) == ("review", True)


@pytest.mark.parametrize(("confidence", "verdict"), [(0.5, "violation"), (0.49, "review"), (None, "review")])
def test_a_confidence_under_one_half_is_review(packs: Packs, confidence: float | None, verdict: str) -> None:
    assert judged(packs, use("track"), actors=[by("other", confidence=confidence)])[SURVEIL]["verdict"] == verdict


FRAGMENTS: list[Any] = [("x", [], "fragment"), ("x", [], "fragment"), ("x", [], "text")]


@pytest.mark.parametrize(
    ("seen", "parts", "verdict"),
    [
        ({"order_uncertain": True}, (0, 1), "review"),
        ({"order_uncertain": True}, (0,), "violation"),
        ({"order_uncertain": True}, (), "review"),
        ({"prompt_seen": "fragments"}, (0, 1), "review"),
        ({"answer_seen": "fragments"}, (0, 1), "review"),
        ({"answer_seen": "fragments"}, (2,), "violation"),
        ({"prompt_seen": "fragments"}, (1, 2), "violation"),
        ({}, (0, 1), "violation"),
        ({"prompt_seen": "cut"}, (2,), "violation"),
    ],
)
def test_fragments_are_review_unless_one_alone_proves_it(
    packs: Packs, seen: dict[str, Any], parts: tuple[int, ...], verdict: str
) -> None:
    found = {**use("track"), "evidence": shown("a", *parts)}
    row = judged(packs, found, requests=[{"key": "a", "said": FRAGMENTS, **seen}])[SURVEIL]
    assert row["verdict"] == verdict
    assert ("read in pieces" in row["explanation"]) == (verdict == "review")


def test_an_unknown_actor_is_bound_by_clauses_for_all_only_and_as_review(packs: Packs) -> None:
    everything = use("compare", face=True, live=True, mobile=True)
    for actors in ([], [by("unknown", confidence=1.0, role="unknown")]):
        found = judged(packs, everything, actors=actors)
        assert verdicts(found) == {SURVEIL: "review", IDENTIFY: "review"}
        assert found[SURVEIL]["actor"] == "unknown"
        assert "By or for an unknown customer" in found[SURVEIL]["explanation"]
        assert "it is not known who acted" in found[SURVEIL]["explanation"]


# --- actors -----------------------------------------------------------------------------------------------------------

LIVE: dict[str, Any] = {"face": True, "live": True, "mobile": True}


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ("us_police", {US: "violation", MOBILE: "violation"}),
        ("us_federal_le", {MOBILE: "violation"}),
        ("foreign_le", {MOBILE: "violation"}),
        ("le_adjacent", {}),
        ("other", {}),
        ("umbrella", {US: "review", MOBILE: "review"}),
        ("le_vendor", {US: "review", MOBILE: "review"}),
    ],
)
def test_police_rows_bind_whom_they_name_and_meet_bodies_that_contain_police_as_review(
    packs: Packs, actor: str, expected: dict[str, str]
) -> None:
    found = verdicts(judged(packs, use("compare", **LIVE), actors=[by(actor)]))
    assert {clause: verdict for clause, verdict in found.items() if clause in (US, MOBILE)} == expected
    assert found[SURVEIL] == "violation"


@pytest.mark.parametrize(
    "more",
    [
        {"tenants": [{"tenant_id": "t1", "serves": ["le_adjacent"]}]},
        {"actors": [by("le_vendor", agency="Northwick Transit")]},
        {"actors": [by("le_vendor"), by("le_adjacent", role="for", confidence=0.6)]},
    ],
)
def test_a_vendor_that_says_whom_it_serves_meets_police_rows_by_those_only(packs: Packs, more: dict[str, Any]) -> None:
    found = verdicts(judged(packs, use("compare", **LIVE), **{"actors": [by("le_vendor")], **more}))
    assert US not in found and MOBILE not in found


def test_a_vendor_for_police_is_judged_as_police(packs: Packs) -> None:
    actors = [by("le_vendor", confidence=1.0), by("us_police", role="for", confidence=0.8)]
    row = judged(packs, use("compare", face=True, live=False), actors=actors)[US]
    assert (row["verdict"], row["actor"], row["role"], row["actor_confidence"]) == (
        "violation",
        "us_police",
        "for",
        0.8,
    )
    assert row["explanation"].startswith("For a US state or local police agency (confidence 0.80)")


def test_a_bound_actor_comes_before_a_body_that_only_may_contain_police(packs: Packs) -> None:
    actors = [by("umbrella", confidence=1.0), by("us_police", confidence=0.7)]
    row = judged(packs, use("compare", face=True, live=False), actors=actors)[US]
    assert (row["actor"], row["verdict"]) == ("us_police", "violation")


def test_whom_a_vendor_serves_and_where_a_body_is_counts_as_it_was_on_the_day(packs: Packs) -> None:
    until, since = {"valid_to": date(2026, 5, 31)}, {"valid_from": date(2026, 6, 1)}

    def met(day: str, actor: str, *tenants: dict[str, Any]) -> bool:
        rows = [{"tenant_id": "t1", **tenant} for tenant in tenants]
        return US in judged(packs, use("compare", **LIVE), actors=[by(actor)], requests=[on(day)], tenants=rows)

    vendor = ({"serves": ["le_adjacent"], **until}, {**since})
    assert [met(day, "le_vendor", *vendor) for day in ("2026-05-31", "2026-06-01")] == [False, True]
    body = ({"country": "US", **until}, {"country": "DE", **since})
    assert [met(day, "umbrella", *body) for day in ("2026-05-31", "2026-06-01")] == [True, False]


def test_the_actor_is_the_bound_one_with_the_highest_confidence_of_all_cited_requests(packs: Packs) -> None:
    requests = [{"key": "a"}, {"key": "b"}]
    actors = [
        by("other", "a", confidence=0.9),
        by("us_police", "b", confidence=0.6),
        by("us_federal_le", "a", confidence=0.8),
    ]
    found = judged(packs, use("compare", "a", "b", **LIVE), requests=requests, actors=actors)
    assert {clause: row["actor"] for clause, row in found.items()} == {
        US: "us_police", MOBILE: "us_federal_le", SURVEIL: "other", IDENTIFY: "other",
    }  # fmt: skip


def test_ties_go_to_role_by_and_then_to_the_name(packs: Packs) -> None:
    row = judged(packs, use("track"), actors=[by("foreign_le", role="for"), by("other"), by("us_police")])[SURVEIL]
    assert (row["actor"], row["role"]) == ("other", "by")
    row = judged(packs, use("track"), actors=[by("other", agency="Beta"), by("other", agency="Alpha")])[SURVEIL]
    assert row["agency"] == "Alpha"


def test_a_known_actor_comes_before_an_unknown_one(packs: Packs) -> None:
    actors = [by("unknown", confidence=1.0, role="unknown"), by("other", confidence=0.6)]
    row = judged(packs, use("track"), actors=actors)[SURVEIL]
    assert (row["actor"], row["verdict"]) == ("other", "violation")


# --- identity by face stands behind other clauses ---------------------------------------------------------------------


def test_identity_by_face_alone_is_review(packs: Packs) -> None:
    found = judged(packs, use("verify", face=True, live=False), actors=[by("other")])
    assert verdicts(found) == {IDENTIFY: "review"}
    assert "approval was not seen in the log" in found[IDENTIFY]["explanation"]


def test_identity_by_face_is_a_violation_beside_another_clauses_violation_of_the_same_subject(packs: Packs) -> None:
    compare, track = use("compare", face=True, live=False, rule="x"), use("track", rule="y")
    assert verdicts(judged(packs, compare, track, actors=[by("other")])) == {
        SURVEIL: "violation",
        IDENTIFY: "violation",
    }
    weak = use("track", rule="y", strength="weak")
    assert verdicts(judged(packs, compare, weak, actors=[by("other")])) == {SURVEIL: "review", IDENTIFY: "review"}


def test_another_subjects_violation_does_not_count(packs: Packs) -> None:
    requests, actors = [{"key": "a"}, {"key": "b"}], [by("other", "a"), by("other", "b")]
    uses = [use("compare", "a", face=True, live=False), use("track", "b")]
    assert judged(packs, *uses, requests=requests, actors=actors)[IDENTIFY]["verdict"] == "review"


def test_the_voice_row_of_the_same_clause_does_not_count_as_another_clause(packs: Packs) -> None:
    uses = [use("identify_voice", rule="x"), use("compare", face=True, live=False, rule="y")]
    con = made_store([{"key": "a"}], [by("other")])
    judge(con, uses_table(con, uses), packs)
    assert {(row["rule_id"], row["verdict"]) for row in findings(con)} == {("x", "violation"), ("y", "review")}


def test_an_approval_keeps_identity_by_face_a_review_beside_a_violation(packs: Packs) -> None:
    found = judged(packs, use("compare", face=True, live=False, approval=True))
    assert verdicts(found) == {US: "violation", IDENTIFY: "review"}


@pytest.mark.parametrize(
    ("day", "verdict"), [("2024-06-01", "review"), ("2026-04-30", "review"), ("2026-05-01", "violation")]
)
def test_identity_by_voice_is_judged_like_any_use_and_certain_from_v4(packs: Packs, day: str, verdict: str) -> None:
    found = judged(packs, use("identify_voice", live=False), requests=[on(day)], actors=[by("other")])
    assert verdicts(found) == {IDENTIFY: verdict}


def test_emotion_by_voice_in_2024_is_for_a_human(packs: Packs) -> None:
    assert verdicts(judged(packs, use("infer_emotion", voice=True), requests=[on("2024-09-01")])) == {
        OLD_EMOTION: "review"
    }
    both = judged(packs, use("infer_emotion", voice=True, face=True), requests=[on("2024-09-01")])
    assert verdicts(both) == {OLD_EMOTION: "violation"}  # one finding for a rule, clause and subject


# --- which use, which clause ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "clauses"),
    [
        ("enrol", {US, IDENTIFY}),
        ("locate", {SURVEIL}),
        ("watch", {SURVEIL}),
        ("stalk", {"COC-UNLAWFUL-TRACK"}),
        ("categorise", {"COC-BIOMETRIC-CATEGORISE"}),
        ("infer_age_gender", {ATTRIBUTE}),
        ("infer_trait", {ATTRIBUTE, "COC-BIOMETRIC-CATEGORISE"}),
        ("scrape_faces", {"COC-FR-DB-SCRAPE"}),
        ("crime_risk", {"COC-CRIM-RISK"}),
        ("social_score", {"COC-SOCIAL-SCORE"}),
        ("act_on", {US, "COC-CHAIN"}),
    ],
)
def test_each_use_meets_its_clauses(packs: Packs, found: str, clauses: set[str]) -> None:
    row = judged(packs, use(found, face=True))
    assert set(row) == clauses
    assert {finding["verdict"] for finding in row.values()} == {"violation"}


def test_every_use_is_met_by_a_clause(packs: Packs) -> None:
    met = {name for pack in packs.chosen for clause in pack.clauses for row in clause.rows for name in row.uses}
    assert met == set(shipped_verdicts().uses)


# --- severity and outcome ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "actor", "severity"),
    [
        (use("compare", **LIVE), "foreign_le", "critical"),
        (use("compare", face=True, live=True, mobile=False), "us_police", "critical"),
        (use("compare", face=True, live=True, mobile=False), "other", "high"),
        (use("categorise"), "other", "critical"),
        (use("track"), "other", "high"),
        (use("consequential_decision"), "other", "medium"),
        (use("infer_emotion", work_or_school=True), "other", "high"),
        (use("infer_emotion"), "other", "medium"),
    ],
)
def test_severity_is_read_from_the_table(packs: Packs, found: dict[str, Any], actor: str, severity: str) -> None:
    rows = judged(packs, found, actors=[by(actor)])
    assert {row["severity"] for row in rows.values() if row["verdict"] == "violation"} == {severity}


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [
        ("fulfilled", "high"),
        ("truncated", "high"),
        ("unknown", "high"),
        ("failed", "high"),
        ("refused", "medium"),
        ("blocked", "medium"),
    ],
)
def test_a_refused_or_blocked_attempt_is_a_violation_and_one_step_less_severe(
    packs: Packs, outcome: str, severity: str
) -> None:
    row = judged(packs, use("track"), requests=[{"key": "a", "outcome": outcome}])[SURVEIL]
    assert (row["verdict"], row["severity"], row["outcome"]) == ("violation", severity, outcome)


def test_a_review_is_one_step_less_severe_and_nothing_falls_below_low(packs: Packs) -> None:
    weak = judged(packs, use("track", strength="weak"))[SURVEIL]
    lowest = judged(packs, use("infer_emotion", strength="weak"), requests=[{"key": "a", "outcome": "refused"}])[
        EMOTION
    ]
    assert (weak["severity"], lowest["severity"]) == ("medium", "low")


def test_the_outcome_is_the_most_fulfilled_of_all_cited(packs: Packs) -> None:
    requests = [
        {"key": "a", "outcome": "blocked"},
        {"key": "b", "outcome": "truncated"},
        {"key": "c", "outcome": "refused"},
    ]
    actors = [by("other", key) for key in "abc"]
    row = judged(packs, use("track", "a", "b", "c"), requests=requests, actors=actors)[SURVEIL]
    assert row["outcome"] == "truncated"


# --- incidents and identity -------------------------------------------------------------------------------------------


def test_an_incident_is_one_tenant_clause_deployment_and_iso_week(packs: Packs) -> None:
    week = [
        on("2026-06-01", "a"), on("2026-06-07", "b"), on("2026-06-08", "c"),
        on("2026-06-01", "d", deployment="x"), on("2026-06-01", "e", tenant="t2"),
    ]  # fmt: skip
    con = made_store(week, [by("other", key) for key in "abcde"])
    judge(con, uses_table(con, [use("track", key) for key in "abcde"]), packs)
    incident = {row["request_keys"][0]: row["incident_id"] for row in findings(con)}
    assert incident["a"] == incident["b"]
    assert len(set(incident.values())) == 4


def test_findings_do_not_depend_on_the_order_of_anything(packs: Packs) -> None:
    requests = [on("2026-06-01", key, session="s") for key in "abcd"]
    actors = [by(actor, key, confidence=0.7) for actor in ("us_police", "other", "foreign_le") for key in "abcd"]
    uses = [
        use("compare", "a", "b", subject="s", rule="x", **LIVE),
        use("track", "c", rule="y"),
        use("watch", "d", rule="y"),
    ]

    def run(seed: int) -> list[dict[str, Any]]:
        mixed = [random.Random(seed).sample(rows, len(rows)) for rows in (requests, actors, uses)]
        con = made_store(mixed[0], mixed[1])
        judge(con, uses_table(con, mixed[2]), packs)
        return findings(con)

    first = run(0)
    assert len(first) == 6
    assert all(run(seed) == first for seed in range(1, 4))


def test_log_content_never_reaches_an_explanation(packs: Packs) -> None:
    hostile = "<script>'; DROP TABLE x"
    row = judged(
        packs, use("track"), requests=[{"key": "a", "tenant": hostile, "deployment": hostile}],
        actors=[by("other", agency=hostile, evidence=hostile)],
    )[SURVEIL]  # fmt: skip
    assert "script" not in row["explanation"] and row["tenant_id"] == hostile


# --- the log ----------------------------------------------------------------------------------------------------------


def log(con: duckdb.DuckDBPyConnection, run: str) -> list[tuple[Any, ...]]:
    return con.execute(
        "SELECT finding_id, change, cause, replaced_by FROM finding_log WHERE run_id = ? ORDER BY finding_id", [run]
    ).fetchall()


class Runs:
    """Several judgements of one store, each logged."""

    def __init__(self, packs: Packs, *requests: Mapping[str, Any], actors: Sequence[Mapping[str, Any]]) -> None:
        self.packs, self.con, self.number = packs, made_store(requests, actors), 0

    def run(self, *uses: Mapping[str, Any], causes: Sequence[str] = ("records",)) -> list[tuple[Any, ...]]:
        self.number += 1
        before = current_findings(self.con)
        judge(self.con, uses_table(self.con, uses), self.packs)
        log_changes(self.con, before, f"run{self.number}", NOW, causes)
        return log(self.con, f"run{self.number}")


def finding_id(rule: str, clause: str, subject: str) -> str:
    return hashlib.sha256(f"{rule}|{clause}|{subject}".encode()).hexdigest()[:32]


def test_the_log_says_what_appeared_changed_and_was_withdrawn_and_why(packs: Packs) -> None:
    runs = Runs(packs, {"key": "a"}, actors=[by("other")])
    track = finding_id("r", SURVEIL, "a")
    assert runs.run(use("track")) == [(track, "appeared", "records", None)]
    assert runs.run(use("track")) == []
    changed = runs.run(use("track", strength="weak"), causes=["rules", "lexicon"])
    assert changed == [(track, "changed", "rules, lexicon: verdict, severity, explanation", None)]
    assert runs.run(causes=["register"]) == [(track, "withdrawn", "register", None)]
    assert runs.run(use("track")) == [(track, "reopened", "records", None)]
    assert runs.con.execute("SELECT count(*) FROM finding_log").fetchall() == [(4,)]


def test_counts_of_changes_are_given_back(packs: Packs) -> None:
    con = made_store([{"key": "a"}], [by("us_police")])
    before = current_findings(con)
    judge(con, uses_table(con, [use("compare", face=True, live=False)]), packs)
    assert log_changes(con, before, "run1", NOW, ["records"]) == {"appeared": 2}


def test_a_withdrawn_finding_names_the_new_one_of_the_same_clause_and_request(packs: Packs) -> None:
    runs = Runs(packs, {"key": "a"}, {"key": "b"}, actors=[by("other", "a"), by("other", "b")])
    runs.run(use("track", "b"))
    old, new = finding_id("r", SURVEIL, "b"), finding_id("r", SURVEIL, "a")
    rows = runs.run(use("track", "a", "b"))
    assert sorted(rows) == sorted([(old, "withdrawn", "records", new), (new, "appeared", "records", None)])


def test_a_finding_of_another_clause_or_request_replaces_nothing(packs: Packs) -> None:
    runs = Runs(packs, {"key": "a"}, {"key": "b"}, actors=[by("other", "a"), by("other", "b")])
    runs.run(use("track", "a"))
    rows = runs.run(use("stalk", "a"), use("track", "b"))
    assert [row[3] for row in rows] == [None, None, None]


def test_a_review_that_no_longer_covers_its_finding_reopens_it(packs: Packs) -> None:
    runs = Runs(packs, {"key": "a"}, {"key": "b"}, actors=[by("other", "a"), by("other", "b")])
    runs.run(use("track", "a"))
    review = {"rule_id": "r", "clause_id": SURVEIL, "request_keys": ["a"], "actor": "other", "decision": "dismissed"}
    insert(runs.con, REVIEWS, [{"finding_id": finding_id("r", SURVEIL, "a"), **review}])
    within = runs.run(use("track", "a", strength="weak"), causes=["rules"])
    assert [row[1] for row in within] == ["changed"]
    grown = runs.run(use("track", "a", "b", strength="weak"))
    assert [row[1] for row in grown] == ["reopened"]
    assert grown[0][2].startswith("records: ") and "request_keys" in grown[0][2]


def test_a_cause_that_is_not_listed_is_an_error(packs: Packs) -> None:
    con = made_store([])
    for causes in (["moon"], []):
        with pytest.raises(UsageError, match="one or more of records, rules"):
            log_changes(con, current_findings(con), "run1", NOW, causes)
    assert CAUSES == ("records", "rules", "lexicon", "register", "policy", "exceptions", "tool")


# --- packs and lists --------------------------------------------------------------------------------------------------

PACK = """
id = "own"
title = "Own"
version = 1
text = [{ version = "1", from = 2024-01-01, title = "Own text" }]
[[clause]]
id = "OWN-1"
title = "no tracking"
exception = "none"
wording = [{ text = "1", grade = "A", source = "page 1" }]
[[clause.row]]
uses = ["track"]
binds = ["all"]
needs = []
from_earliest = 2024-01-01
from_certain = 2024-01-01
"""


def test_another_pack_costs_no_rule(packs: Packs, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(PACK)
    own = load(tmp_path, ["own"])
    assert verdicts(judged(own, use("track"))) == {"OWN-1": "violation"}
    assert own.version != packs.version


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"track"', '"spy"', "OWN-1: 'spy' is not listed"),
        ('"all"', '"unknown"', "OWN-1: 'unknown' is not listed"),
        ("needs = []", 'needs = ["dark"]', "OWN-1: 'dark' is not listed"),
        ("from_certain = 2024-01-01", "from_certain = 2023-01-01", "OWN-1: days in the wrong order"),
        ("from_certain = 2024-01-01", 'from_certain = "2024-01-01"', "OWN-1: from_certain is no day"),
        ('exception = "none"\n', "", "OWN-1: has no exception"),
        ('grade = "A", ', "", "OWN-1: has no grade"),
        ('grade = "A"', 'grade = "Z"', "OWN-1: 'Z' is not listed; one of A, B, C"),
        ('grade = "A"', 'grade = "B", quote = "no"', "OWN-1: quotes words of grade B"),
        ('text = "1"', 'text = "9"', "OWN-1: '9' is not listed; one of 1"),
        ("needs = []", 'needs = []\ncolour = "red"', "OWN-1: unknown key 'colour'"),
        ("needs = []", 'needs = []\nexempts = ["all"]', "OWN-1: 'all' is not listed"),
        ('exception = "none"', 'exception = "none"\ncures = ["money"]', "OWN-1: 'money' is not listed"),
        ("[[clause]]", '[[never]]\nid = "OWN-1"\nwhy = "wrong"\n[[clause]]', "OWN-1: is never to be applied"),
        ("[[clause]]", '[scope]\ncountries = ["Germany"]\n[[clause]]', "scope: 'Germany' is no country"),
        ("[[clause]]", '[scope]\nregions = ["West Europe"]\n[[clause]]', "scope: 'West Europe' is no region"),
        ("[[clause]]", '[scope]\nregions = ["westeurope"]\n[[clause]]', "scope: names no countries"),
        ("[[clause]]", '[scope]\napis = ["fax"]\n[[clause]]', "scope: 'fax' is not listed"),
        ("from = 2024-01-01, ", "", "text: has no from"),
        ('id = "own"', 'id = "other"', "it must be the file's name"),
        ("version = 1\n", "version = \n", "not TOML"),
    ],
)
def test_a_wrong_pack_is_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in PACK
    (tmp_path / "own.toml").write_text(PACK.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        load(tmp_path, ["own"])
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'own.toml'}:") and says in message and "\n" not in message


def test_a_pack_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no policy 'moon'; one of azure_openai_code_of_conduct"):
        load_packs(POLICIES, ["moon"])


def test_dates_of_the_pack_are_days(packs: Packs) -> None:
    row = next(clause for clause in packs.chosen[0].clauses if clause.id == US).rows[0]
    assert (row.from_earliest, row.from_certain, row.to_certain) == (date(2024, 5, 2), date(2024, 5, 3), None)


def test_a_severity_table_must_fit_everything_and_use_listed_words(tmp_path: Path) -> None:
    text = (shipped.folder("queries") / "verdicts.toml").read_text()
    path = tmp_path / "verdicts.toml"
    path.write_text(text.replace('uses = ["categorise"]', 'uses = ["paint"]'))
    with pytest.raises(UsageError, match="severity row 3: 'paint' is not listed"):
        load_verdicts(path)
    path.write_text(text[: text.rindex("[[severity.row]]")])
    with pytest.raises(UsageError, match="does not fit everything"):
        load_verdicts(path)
