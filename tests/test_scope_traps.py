"""Whom and what each clause of the Code of Conduct reaches, trap by trap: calls through the job, and uses judged."""

import base64
import json
import random
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from jobs import HARMLESS, MATCHED, Place, Row, command, findings_of, gateway_row, write_logs, write_register
from judging import (
    EMOTION,
    IDENTIFY,
    MOBILE,
    OLD_EMOTION,
    POLICIES,
    SURVEIL,
    US,
    by,
    judged,
    on,
    register,
    use,
    verdicts,
)

from analyzer.errors import UsageError
from analyzer.judge import Packs, load_packs
from analyzer.verdicts import shipped_verdicts

# tenant_id, name, country, state, class (empty: by its name), serves
TENANTS = """
city-pd         | Calder Falls Police Department    | US | OH |               |
sheriff         | Harlow County Sheriff's Office    | US | OH |               |
campus          | Norwick University Police         | US | OH |               |
transit         | Tidewater Transit Police          | US | OH |               |
federal         | Federal Harbor Protection Service | US |    | us_federal_le |
abroad          | Polizei Nordheim                  | DE |    |               |
serving-vendor  | Sable Ridge Cameras               | US | UT | le_vendor     | us_police
naming-vendor   | Plain Ridge Cameras               | US | UT | le_vendor     |
silent-vendor   | Mute Ridge Cameras                | US | UT | le_vendor     |
court-vendor    | Gavel Ridge Software              | US | UT | le_vendor     | le_adjacent
prosecutor      | Harlow County District Attorney   | US | OH |               |
court           | Harlow County Circuit Court       | US | OH |               |
jail            | Harlow County Detention Center    | US | OH |               |
dispatch        | Harlow County 911 Communications  | US | OH |               |
"""
STILL = "Compare the face in this photo with our booking photos and give me the best match."
WORN = "Live frame from the body-worn camera of an officer on patrol: compare this face with the watchlist, who is it?"
FIXED = "Live feed of the fixed CCTV camera at the station entrance: compare this face with the watchlist, who is it?"
SPOKEN = "Compare the voice in this recording with the enrolled voices and tell me who is speaking."
AGENCY = "You are the assistant for detectives of the Calder Falls Police Department."
CONSENT = " He gave his written consent."

POLICE = ("city-pd", "sheriff", "campus", "transit")
BESIDE = ("prosecutor", "court", "jail", "dispatch")
VENDORS = ("serving-vendor", "naming-vendor", "silent-vendor", "court-vendor")
DAYS = ("2024-05-01", "2024-06-03", "2025-06-03", "2026-06-09")

Found = Mapping[str, Mapping[str, list[Row]]]  # findings by call and clause


def call(name: str, tenant: str, text: str, day: str = "2026-06-09", medium: str = "picture", system: str = "") -> Row:
    """A gateway's row of a chat call with a picture, a sound or neither."""
    noise = base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(400)).decode()
    media: dict[str, list[Row]] = {
        "picture": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{noise}"}}],
        "sound": [{"type": "input_audio", "input_audio": {"data": noise, "format": "wav"}}],
        "none": [],
    }
    messages = [{"role": "user", "content": [{"type": "text", "text": text}, *media[medium]]}]
    told = [{"role": "system", "content": system}] if system else []
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": MATCHED}}
    answer = json.dumps({"model": "gpt-4o", "choices": [choice]})
    request = json.dumps({"messages": [*told, *messages]})
    return gateway_row(name, datetime.fromisoformat(f"{day}T10:00"), tenant, requestBody=request, responseBody=answer)


def calls() -> list[Row]:
    """The calls that the tests speak of, named after what they are."""
    told = {"naming-vendor": AGENCY}
    senders = (*POLICE, *BESIDE, *VENDORS, "federal", "abroad")
    return [
        *(call(f"still {who}", who, STILL, system=told.get(who, "")) for who in senders),
        *(call(f"worn {who}", who, WORN) for who in ("city-pd", "federal", "abroad")),
        *(call(f"fixed {who}", who, FIXED) for who in ("city-pd", "federal", "abroad")),
        *(call(f"still {day}", "city-pd", STILL, day) for day in DAYS),
        call("memo 2024-05-01", "city-pd", HARMLESS, "2024-05-01", medium="none"),
        call("voice", "city-pd", SPOKEN, medium="sound"),
        call("worn, consent", "city-pd", WORN + CONSENT),
    ]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, read_once: None) -> Found:
    """What the job finds in :func:`calls`."""
    place = Place(tmp_path_factory.mktemp("traps"))
    rows = ([cell.strip() for cell in line.split("|")] for line in TENANTS.strip().splitlines())
    write_register(
        place.register,
        *(f"{who},{name},,{land},{state},{kind},{serves},apim_subscription:{who}\n"
          for who, name, land, state, kind, serves in rows),
    )  # fmt: skip
    write_logs(place.logs / "calls.json", calls())
    ran = command(*place.run)
    assert ran.code == 0, ran.err
    by_call: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in findings_of(place.reports):
        for name in row["request_ids"]:
            by_call[name][row["clause_id"]].append(row)
    return {name: dict(clauses) for name, clauses in by_call.items()}


def worst(found: Found, name: str) -> dict[str, str]:
    """The graver verdict on a call, by clause."""
    rows = found.get(name, {})
    return {
        clause: "violation" if any(row["verdict"] == "violation" for row in listed) else "review"
        for clause, listed in rows.items()
    }


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs(POLICIES)


LIVE: dict[str, Any] = {"face": True, "live": True, "mobile": True}


# --- whom the US clause means -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", POLICE)
def test_sheriffs_campus_and_transit_police_are_police_departments_and_the_finding_says_it_is_a_reading(
    found: Found, who: str
) -> None:
    assert worst(found, f"still {who}")[US] == "violation"
    for row in found[f"still {who}"][US]:
        assert "; a reading: every state or local agency with police powers counts as a police" in row["explanation"]


def test_a_federal_agency_is_never_under_the_us_clause_but_under_those_for_all_law_enforcement_and_for_everyone(
    found: Found,
) -> None:
    assert worst(found, "worn federal") == {MOBILE: "violation", SURVEIL: "violation", IDENTIFY: "violation"}
    assert worst(found, "still federal")[IDENTIFY] == "review"
    assert all(US not in clauses for name, clauses in found.items() if name.endswith("federal"))


def test_police_outside_the_united_states_are_never_under_the_us_clause(found: Found) -> None:
    assert worst(found, "worn abroad") == {MOBILE: "violation", SURVEIL: "violation", IDENTIFY: "violation"}
    assert all(US not in clauses for name, clauses in found.items() if name.endswith("abroad"))


def test_a_body_of_another_country_does_not_meet_the_us_clause(packs: Packs) -> None:
    def met(country: str) -> dict[str, str]:
        tenants = [{"tenant_id": "t1", "country": country}]
        return verdicts(judged(packs, use("compare", **LIVE), actors=[by("umbrella")], tenants=tenants))

    assert US in met("US") and US in met("")
    assert US not in met("DE") and met("DE")[MOBILE] == "review"


@pytest.mark.parametrize("who", BESIDE)
def test_prosecutors_courts_jails_and_dispatch_are_for_a_human_at_most_and_never_under_a_clause_on_police(
    found: Found, who: str
) -> None:
    assert worst(found, f"still {who}") == {IDENTIFY: "review"}


# --- "for" police -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["serving-vendor", "naming-vendor"])
def test_a_vendor_that_serves_police_or_names_an_agency_acts_for_them(found: Found, who: str) -> None:
    assert worst(found, f"still {who}")[US] == "violation"
    assert {(row["actor"], row["role"]) for row in found[f"still {who}"][US]} == {("us_police", "for")}
    assert all(row["explanation"].startswith("For a US state or local") for row in found[f"still {who}"][US])


def test_a_vendor_that_does_not_say_whom_it_serves_is_for_a_human(found: Found) -> None:
    assert worst(found, "still silent-vendor")[US] == "review"
    assert all(
        "whether law enforcement stands behind" in row["explanation"] for row in found["still silent-vendor"][US]
    )


def test_a_vendor_that_serves_courts_is_not_for_police(found: Found) -> None:
    assert worst(found, "still court-vendor") == {IDENTIFY: "review"}


# --- where the mobile clause ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "more"), [("city-pd", {US: "violation"}), ("federal", {}), ("abroad", {})])
def test_a_fixed_camera_is_outside_the_mobile_clause_and_inside_the_others(
    found: Found, who: str, more: dict[str, str]
) -> None:
    assert worst(found, f"fixed {who}") == {SURVEIL: "violation", IDENTIFY: "violation", **more}


@pytest.mark.parametrize(("actor", "us"), [("us_police", {US: "violation"}), ("foreign_le", {})])
def test_recorded_video_is_outside_the_mobile_clause_and_surveillance_and_inside_the_others(
    packs: Packs, actor: str, us: dict[str, str]
) -> None:
    recorded = use("compare", face=True, live=False, mobile=True)
    alone = "violation" if us else "review"
    assert verdicts(judged(packs, recorded, actors=[by(actor)])) == {IDENTIFY: alone, **us}


def test_the_mobile_clause_binds_law_enforcement_only(packs: Packs) -> None:
    for actor in ("other", "le_adjacent"):
        assert MOBILE not in judged(packs, use("compare", **LIVE), actors=[by(actor)])


# --- voice and consent ------------------------------------------------------------------------------------------------


def test_identity_by_voice_is_in_v4_and_never_under_a_clause_on_faces(found: Found, packs: Packs) -> None:
    assert worst(found, "voice") == {IDENTIFY: "violation"}
    live = use("identify_voice", voice=True, live=True, mobile=True)
    assert verdicts(judged(packs, live)) == {SURVEIL: "violation", IDENTIFY: "violation"}


def test_consent_in_the_log_cures_surveillance_only(found: Found) -> None:
    assert worst(found, "worn city-pd")[SURVEIL] == "violation"
    assert worst(found, "worn, consent") == {
        US: "violation", MOBILE: "violation", SURVEIL: "review", IDENTIFY: "violation"
    }  # fmt: skip
    assert all("the log speaks of consent" in row["explanation"] for row in found["worn, consent"][SURVEIL])


def test_consent_cures_no_other_clause_of_the_code(packs: Packs) -> None:
    uses = [use(name, rule=name, consent=True, **LIVE) for name in shipped_verdicts().uses]
    lowered = {clause for clause, row in judged(packs, *uses).items() if "speaks of consent" in row["explanation"]}
    assert lowered == {SURVEIL}


# --- the text of the day ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "us"), [*zip(DAYS, [None, "violation", "violation", "violation"], strict=True)])
def test_the_us_clause_stands_from_may_2024_on(found: Found, day: str, us: str | None) -> None:
    assert worst(found, f"still {day}").get(US) == us


@pytest.mark.parametrize(("day", "version"), [*zip(DAYS, ["2024-05", "2024-05", "2025", "4.0"], strict=True)])
def test_the_text_of_the_day_is_cited_and_a_number_of_v4_never_before(found: Found, day: str, version: str) -> None:
    rows = [row for listed in found[f"still {day}"].values() for row in listed]
    assert {row["policy_version"] for row in rows} == {version}
    assert {", no. " in row["explanation"] for row in rows} == {version == "4.0"}


def test_the_words_of_a_text_that_was_not_seen_are_those_of_the_text_before_and_it_says_so(packs: Packs) -> None:
    def said(day: str) -> str:
        return str(judged(packs, use("compare", face=True, live=False), requests=[on(day)])[US]["explanation"])

    quoted = "quoted (grade A): “be used for facial recognition purposes by or for a police department"
    assert f"May 2024, {quoted}" in said("2024-06-01")
    assert f"its own words not seen, those of the text 2024-05 {quoted}" in said("2025-06-01")
    assert "no. 18, known by a summary or a sibling document (grade B)" in said("2026-06-01")


def test_emotions_change_their_clause_with_the_text(packs: Packs) -> None:
    def met(day: str) -> dict[str, str]:
        return verdicts(judged(packs, use("infer_emotion", face=True), requests=[on(day)]))

    assert met("2024-06-01") == {OLD_EMOTION: "violation"}
    assert met("2026-06-01") == {EMOTION: "violation"}


# --- the withdrawn wording --------------------------------------------------------------------------------------------


def test_the_withdrawn_ban_of_the_whole_service_is_never_applied(found: Found, packs: Packs) -> None:
    assert "memo 2024-05-01" not in found
    uses = [use(name, rule=name, **LIVE) for name in shipped_verdicts().uses]
    assert "COC-US-POLICE-ALL" not in judged(packs, *uses, requests=[on("2024-05-01")])
    assert "COC-US-POLICE-ALL" in packs.chosen[0].never


# --- exceptions lower and never hide ----------------------------------------------------------------------------------


def test_no_exception_of_a_register_hides_a_finding(packs: Packs, tmp_path: Path) -> None:
    uses = [use(name, rule=name, **LIVE) for name in shipped_verdicts().uses]
    held = register(tmp_path, f"t1,{SURVEIL},consent,FORM-1,2026-01-01,", f"t1,{IDENTIFY},approval,FORM-2,2026-01-01,")
    before, after = judged(packs, *uses), judged(packs, *uses, exceptions=held)
    assert after.keys() == before.keys()
    assert {name for name, row in after.items() if row["verdict"] != before[name]["verdict"]} == {SURVEIL, IDENTIFY}
    assert "the register of exceptions names consent FORM-1" in after[SURVEIL]["explanation"]
    assert "the register of exceptions names approval FORM-2" in after[IDENTIFY]["explanation"]


def test_a_mistake_in_a_register_of_exceptions_is_named_by_its_own_line(tmp_path: Path) -> None:
    rows = (f't1,{SURVEIL},consent,"FORM-1, page 2",2026-01-01,', "", f"t1,{SURVEIL},consent,FORM-2,tomorrow,")
    with pytest.raises(UsageError, match=r"exceptions\.csv:4: valid_from or valid_to is no day"):
        register(tmp_path, *rows)
    assert register(tmp_path, *rows[:2]).entries[0].valid_to == date.max
