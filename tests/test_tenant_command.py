"""The commands on tenants: list and explain ask a store, classify and import dotgov read a file."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from jobs import HARMLESS, Place, Ran, asked, gateway_row, write_logs, write_register
from test_command import is_one_clear_line

from analyzer import classify_file, import_dotgov, list_tenants
from analyzer.register import read_register

Aoai = Callable[..., Ran]

BODIES = [
    "note,state,Domain,name,country",
    "first,OH,calderfallspd.gov,Calder Falls Police Department,US",
    'second,OH,,"Quell County Jail, Annex",US',
    "third,,,Polizei Niederau,DE",
    "fourth,OH,,Corner Shop,US",
    "again,OH,calderfallspd.gov,Calder Falls Police Department,US",
]
CLASSES = ["us_police", "le_adjacent", "foreign_le", "unknown", "us_police"]


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


# --- classify ---------------------------------------------------------------------------------------------------------


def test_classify_gives_the_same_rows_with_class_confidence_and_evidence_in_every_format(
    tmp_path: Path, aoai: Aoai
) -> None:
    file = written(tmp_path / "bodies.csv", *BODIES)
    ran = {
        name: aoai("tenants", "classify", str(file), "--format", name) for name in ("csv", "json", "jsonl", "parquet")
    }
    assert {one.code for one in ran.values()} == {0}
    from_csv = list(csv.DictReader(io.StringIO(ran["csv"].text)))
    from_json = json.loads(ran["json"].text)
    from_parquet = pq.read_table(io.BytesIO(ran["parquet"].out)).to_pylist()
    assert from_json == from_parquet == [json.loads(line) for line in ran["jsonl"].text.splitlines()]
    assert list(from_json[0]) == ["note", "state", "Domain", "name", "country", "class", "confidence", "evidence"]
    assert [row["class"] for row in from_csv] == [row["class"] for row in from_json] == CLASSES
    assert [row["note"] for row in from_csv] == ["first", "second", "third", "fourth", "again"]
    assert from_json[1]["name"] == "Quell County Jail, Annex"
    assert (from_json[0]["confidence"], from_json[0]["evidence"]) == (0.9, ["name: police.word"])
    assert from_json[3]["confidence"] == 0
    table = aoai("tenants", "classify", str(file))
    assert table.code == 0
    assert [line.split()[0] for line in table.text.splitlines()[1:]] == ["first", "second", "third", "fourth", "again"]


def test_classify_keeps_a_register_s_own_class_beside_what_the_names_say(tmp_path: Path) -> None:
    line = "a,Ashmark Police Department,,US,OH,other,,"
    file = write_register(tmp_path / "register.csv", line + "\n")
    row = classify_file(file).to_pylist()[0]
    assert (row["given_class"], row["class"]) == ("other", "us_police")


def test_classify_of_a_file_without_rows_has_its_columns_and_says_so(tmp_path: Path, aoai: Aoai) -> None:
    file = written(tmp_path / "bodies.csv", BODIES[0])
    assert aoai("tenants", "classify", str(file), "--format", "csv").text == (
        "note,state,Domain,name,country,class,confidence,evidence\n"
    )
    assert aoai("tenants", "classify", str(file)).err == "no rows\n"


def test_what_stands_in_the_file_can_neither_move_a_cursor_nor_become_a_formula(tmp_path: Path, aoai: Aoai) -> None:
    file = written(tmp_path / "bodies.csv", "name,domain,country,state", '"=HYPERLINK(1)\x1b[2J",,US,')
    for name in ("csv", "table"):
        shown = aoai("tenants", "classify", str(file), "--format", name).text
        assert "\x1b" not in shown
    assert aoai("tenants", "classify", str(file), "--format", "csv").text.splitlines()[1].startswith("'=")


WRONG: dict[str, tuple[bytes, int, str]] = {
    "no column state": (b"name,domain,country\nA,,US\n", 1, "'state'"),
    "a column twice": (b"name,domain,country,state,Name\nA,,US,,B\n", 1, "'name' stands twice"),
    "a given column twice": (b"name,domain,country,state,class,given_class\nA,,US,,a,b\n", 1, "'given_class' stands"),
    "not UTF-8": (b"name,domain,country,state\nA,,US,\nB\xe9,,US,\n", 3, "not UTF-8"),
    "too few cells": (b"name,domain,country,state\n\nA,,US\n", 3, "3 cells"),
    "an open quote": (b'name,domain,country,state\n"A,,US,\n', 2, "not CSV"),
    "nothing": (b"\n\n", 1, "empty"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_cannot_be_classified_is_one_line_with_file_and_line(tmp_path: Path, aoai: Aoai, case: str) -> None:
    content, line, says = WRONG[case]
    file = tmp_path / "bodies.csv"
    file.write_bytes(content)
    ran = aoai("tenants", "classify", str(file))
    assert (ran.code, ran.out) == (2, b"")
    is_one_clear_line(ran.error)
    assert f"{file}:{line}: " in ran.error
    assert says in ran.error


def test_a_file_that_is_not_there_or_a_folder_is_told(tmp_path: Path, aoai: Aoai) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        for words in (("tenants", "classify"), ("tenants", "import", "dotgov")):
            ran = aoai(*words, str(path))
            assert ran.code == 2
            is_one_clear_line(ran.error)


# --- import dotgov ----------------------------------------------------------------------------------------------------

NOW = "Domain name,Domain type,Organization name,Suborganization name,City,State,Security contact email"
YEAR_BEFORE = "Domain name,Domain type,Agency,Organization name,City,State,Security contact email"
FIRST = "Domain Name,Domain Type,Agency,Organization,City,State,Security Contact Email"
FEDERAL = "Department of Invention,Drug Enforcement Administration"
REGISTRIES = {
    "now": [
        NOW,
        "calderfallspd.gov,City,City of Calder Falls,,Calder Falls,OH,(blank)",
        f"INVENTED.GOV,Federal - Executive,{FEDERAL},Washington,DC,security@example.com",
        "quellda.gov,County,Quell County District Attorney,,Quell,TX,(blank)",
        "larkmoor.gov,City,City of Larkmoor,,Larkmoor,CA,(blank)",
        "mosquito.gov,Special district,Mosquito Abatement District,,Larkmoor,CA,(blank)",
    ],
    "a year before": [
        YEAR_BEFORE,
        "calderfallspd.gov,City,,City of Calder Falls,Calder Falls,OH,(blank)",
        f"invented.gov,Federal - Executive,{FEDERAL},Washington,DC,(blank)",
        "quellda.gov,County,,Quell County District Attorney,Quell,TX,(blank)",
        "larkmoor.gov,City,,City of Larkmoor,Larkmoor,CA,(blank)",
        "mosquito.gov,Special district,,Mosquito Abatement District,Larkmoor,CA,(blank)",
    ],
    "first": [
        FIRST,
        "CALDERFALLSPD.GOV,City,Non-Federal Agency,City of Calder Falls,Calder Falls,OH,(blank)",
        f"INVENTED.GOV,Federal - Executive,{FEDERAL},Washington,DC,(blank)",
        "QUELLDA.GOV,County,Non-Federal Agency,Quell County District Attorney,Quell,TX,(blank)",
        "LARKMOOR.GOV,City,Non-Federal Agency,City of Larkmoor,Larkmoor,CA,(blank)",
        "MOSQUITO.GOV,Special district,Non-Federal Agency,Mosquito Abatement District,Larkmoor,CA,(blank)",
    ],
}


@pytest.mark.parametrize("form", REGISTRIES)
def test_the_registry_of_any_year_gives_rows_that_a_register_takes(tmp_path: Path, aoai: Aoai, form: str) -> None:
    ran = aoai("tenants", "import", "dotgov", str(written(tmp_path / "dotgov.csv", *REGISTRIES[form])))
    assert ran.code == 0
    proposed = tmp_path / "register.csv"
    proposed.write_bytes(ran.out)
    rows = [(one.tenant_id, one.name, one.domain, one.country, one.state) for one in read_register(proposed).tenants]
    assert rows == [
        ("calderfallspd.gov", "City of Calder Falls", "calderfallspd.gov", "US", "OH"),
        ("invented.gov", FEDERAL.replace(",", ", "), "invented.gov", "US", "DC"),
        ("quellda.gov", "Quell County District Attorney", "quellda.gov", "US", "TX"),
    ]
    assert ran.err.splitlines() == [
        "taken: 3, le_adjacent 1, us_federal_le 1, us_police 1", "left: 2, umbrella 1, unknown 1", "unread: 0",
    ]  # fmt: skip


def test_a_proposed_row_states_no_class_so_that_a_guess_never_counts_as_the_customer_s_word(tmp_path: Path) -> None:
    proposal = import_dotgov(written(tmp_path / "dotgov.csv", *REGISTRIES["now"]))
    assert {row["class"] + row["keys"] for row in proposal.rows} == {""}


def test_rows_that_cannot_be_read_are_counted_named_and_make_the_exit_code_3(tmp_path: Path, aoai: Aoai) -> None:
    broken = ["short.gov,City", ",City,City of Nowhere,,Nowhere,OH,", "a.com,City,City of A,,A,OH,"]
    lines = [*REGISTRIES["now"], *broken, REGISTRIES["now"][1]]
    file = written(tmp_path / "dotgov.csv", *lines)
    ran = aoai("tenants", "import", "dotgov", str(file))
    assert ran.code == 3
    assert ran.err.splitlines()[:4] == [
        f"not read: {file}:7: 2 cells, the header has 7",
        f"not read: {file}:8: no domain below .gov",
        f"not read: {file}:9: no domain below .gov",
        f"not read: {file}:10: the domain stands in an earlier row",
    ]
    assert ran.err.splitlines()[-1] == "unread: 4"
    assert len(ran.text.splitlines()) == 4


def test_of_many_rows_that_cannot_be_read_the_first_are_named(tmp_path: Path, aoai: Aoai) -> None:
    file = written(tmp_path / "dotgov.csv", NOW, *(["short.gov,City"] * 8))
    ran = aoai("tenants", "import", "dotgov", str(file))
    assert [line for line in ran.err.splitlines() if line.startswith("not read")][5:] == ["not read: 3 more"]
    assert ran.text == "tenant_id,name,domain,country,state,class,serves,keys\n"


@pytest.mark.parametrize("header", ["name,domain,country,state", "Domain name,Domain name,Organization name,State"])
def test_another_list_is_no_registry(tmp_path: Path, aoai: Aoai, header: str) -> None:
    file = written(tmp_path / "dotgov.csv", "", header, "a.gov,b,c,d")
    ran = aoai("tenants", "import", "dotgov", str(file))
    assert (ran.code, ran.out) == (2, b"")
    is_one_clear_line(ran.error)
    assert f"{file}:2: no header" in ran.error


# --- list and explain -------------------------------------------------------------------------------------------------

DATED = [
    "tenant_id,name,domain,country,state,class,serves,keys,valid_from,valid_to",
    "calder,Calder Falls Police Department,calderfallspd.gov,US,OH,,,apim_subscription:calder,,2026-05-31",
    "calder,Calder Falls Police Department,calderfallspd.gov,US,OH,other,,apim_subscription:calder,2026-06-01,",
    "defender,Office of the Public Defender,tidemarkpd.gov,US,FL,,,apim_subscription:defender,,",
    "abroad,Ferrow Police,,,,,,apim_subscription:abroad,,",
    "nameless,,,,,,,apim_subscription:nameless,,",
    "idle,Idle Firm,,US,,le_vendor,us_police,service:idle,,",
]
CALLS = [("calder", 3), ("defender", 2), ("abroad", 1), ("nameless", 1), ("new\x1b[31m-customer", 1)]


@pytest.fixture
def judged(place: Place, aoai: Aoai) -> Place:
    written(place.register, *DATED)
    rows = [
        gateway_row(f"{key}-{number}", subscription=key, **asked(HARMLESS))
        for key, count in CALLS
        for number in range(count)
    ]
    police = [{"role": "system", "content": "You assist officers of the Ashmere Police Department."}]
    body = json.dumps({"messages": [*police, {"role": "user", "content": HARMLESS}]})
    rows.append(gateway_row("defender-x", subscription="defender", requestBody=body))
    write_logs(place.logs / "calls.json", rows)
    assert aoai(*place.run).code == 0
    return place


def test_list_has_a_row_for_each_period_with_its_requests(judged: Place, aoai: Aoai) -> None:
    rows = list_tenants(judged.db).to_pylist()
    assert [(row["tenant_id"][:8], row["class"], row["requests"]) for row in rows] == [
        ("calder", "other", 3), ("defender", "unknown", 3), ("abroad", "us_police", 1), ("nameless", "unknown", 1),
        ("unknown:", "unknown", 1), ("calder", "us_police", 0), ("idle", "le_vendor", 0),
    ]  # fmt: skip
    assert [str(row["valid_to"]) for row in rows if row["tenant_id"] == "calder"] == ["None", "2026-05-31"]
    shown = aoai("tenants", "list", "--db", str(judged.db))
    assert (shown.code, "\x1b" in shown.text) == (0, False)
    assert len(shown.text.splitlines()) == 1 + len(rows)
    as_json = aoai("tenants", "list", "--db", str(judged.db), "--format", "json")
    assert [row["tenant_id"] for row in json.loads(as_json.text)] == [row["tenant_id"] for row in rows]


def told(aoai: Aoai, place: Place, tenant: str) -> list[str]:
    ran = aoai("tenants", "explain", tenant, "--db", str(place.db))
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.text
    return ran.text.splitlines()


def test_explain_tells_each_period_the_register_all_evidence_in_order_and_the_actors(judged: Place, aoai: Aoai) -> None:
    lines = told(aoai, judged, "calder")
    classes = [line for line in lines if line.startswith("class")]
    assert [line.split(maxsplit=1)[1] for line in classes] == ["us_police, confidence 0.90", "other, confidence 1.00"]
    assert sum("(decides)" in line for line in lines) == 1  # in the second period the register does
    first = lines[
        lines.index(next(line for line in lines if line.startswith("evidence"))) + 1 : lines.index("would change")
    ]
    order = ["domain list", "name", "domain label", "vendor list", "umbrella list", "umbrella words"]
    assert [line.strip().removesuffix(": nothing") for line in first if line[2] != " "] == order
    assert "  an empty class in the register: then us_police, confidence 0.90 by name and domain" in lines
    assert "  without police.word: us_police, confidence 0.80" in lines
    assert "  3 known by apim_subscription" in lines
    assert "  3 requests: other, by, confidence 1.00, by register: class" in lines


def test_explain_shows_a_veto_what_it_hides_and_who_the_requests_name(judged: Place, aoai: Aoai) -> None:
    lines = told(aoai, judged, "defender")
    assert any("veto.defender: veto: no police by this (decides)" in line for line in lines)
    assert any(line.startswith("    police.pd: us_police") for line in lines)
    assert "  a class in the register: it always wins" in lines
    assert any(line.startswith("  1 requests: us_police, for, conf") for line in lines)


def test_explain_says_what_is_missing_for_a_better_answer(judged: Place, aoai: Aoai) -> None:
    assert any("a country in the register" in line for line in told(aoai, judged, "abroad"))
    assert any("a name and a domain in the register" in line for line in told(aoai, judged, "nameless"))
    unknown = next(row["tenant_id"] for row in list_tenants(judged.db).to_pylist() if "customer" in row["tenant_id"])
    assert any("a row in the register with the key apim_subscription:" in line for line in told(aoai, judged, unknown))
    idle = told(aoai, judged, "idle")
    assert any("serves us_police" in line for line in idle)
    assert "requests       0" in idle


def test_a_tenant_that_is_not_there_and_a_store_that_is_not_there_are_told(judged: Place, aoai: Aoai) -> None:
    ran = aoai("tenants", "explain", "nobody\x1b[2J", "--db", str(judged.db))
    assert ran.code == 2
    is_one_clear_line(ran.error)
    for words in (("tenants", "list"), ("tenants", "explain", "calder")):
        ran = aoai(*words, "--db", str(judged.folder / "none.duckdb"))
        assert ran.code == 2
        is_one_clear_line(ran.error)
