"""Who stands behind a request and by or for whom it acts: the register, the classifier, the actors."""

import csv
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import shipped
from analyzer.errors import UsageError
from analyzer.register import Register
from analyzer.signals import Lexicon, load_lexicon, scan
from analyzer.store import create_schema
from analyzer.tenants import Patterns, assign, assign_actors, classify, load_patterns, read_register

HEADER = "tenant_id,name,domain,country,state,class,serves,keys"
DATED = HEADER + ",valid_from,valid_to"
SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
PATTERNS = load_patterns(shipped.folder("queries") / "tenants")


@pytest.fixture
def patterns() -> Patterns:
    return PATTERNS


def register(folder: Path, *lines: str, header: str = HEADER) -> Register:
    path = folder / "register.csv"
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return read_register(path)


# --- the register -----------------------------------------------------------------------------------------------------

WRONG = {
    "unknown_class": (HEADER, "a,A,,US,,sheriffs,,", 2, "sheriffs"),
    "unknown_served_class": (HEADER, "a,A,,US,,le_vendor,us_police;cops,", 2, "cops"),
    "doubled_tenant": (HEADER, "a,A,,US,,,,\na,B,,US,,,,", 3, "line 2"),
    "doubled_tenant_in_the_same_days": (DATED, "a,A,,US,,,,,2024-01-01,\na,B,,US,,,,,2024-01-01,", 3, "line 2"),
    "doubled_key": (HEADER, "a,A,,US,,,,service:x\nb,B,,US,,,,service:X", 3, "service:x"),
    "doubled_resource_prefix": (
        HEADER,
        f"a,A,,US,,,,resource:{SUBSCRIPTION}/\nb,B,,US,,,,resource:{SUBSCRIPTION}",
        3,
        "",
    ),
    "overlapping_key": (DATED, "a,A,,,,,,service:x,,2024-06-01\nb,B,,,,,,service:x,2024-06-01,", 3, "line 2"),
    "unknown_kind_of_key": (HEADER, "a,A,,US,,,,team:x", 2, "team:x"),
    "key_without_value": (HEADER, "a,A,,US,,,,service:", 2, "service:"),
    "key_without_kind": (HEADER, "a,A,,US,,,,ashmark", 2, "ashmark"),
    "resource_that_is_no_id": (HEADER, "a,A,,US,,,,resource:rg-one", 2, "rg-one"),
    "unknown_column": (HEADER + ",colour", "a,A,,US,,,,,red", 1, "colour"),
    "missing_column": ("tenant_id,name,domain,country,state,class,serves", "a,A,,US,,,", 1, "keys"),
    "doubled_column": (HEADER + ",keys", "a,A,,US,,,,,", 1, "twice"),
    "bad_day": (DATED, "a,A,,US,,,,,01.02.2024,", 2, "valid_from"),
    "days_backwards": (DATED, "a,A,,US,,,,,2024-02-01,2024-01-01", 2, "valid_to"),
    "too_few_cells": (HEADER, "a,A,,US", 2, "4 cells"),
    "no_tenant_id": (HEADER, ",A,,US,,,,", 2, "tenant_id"),
    "reserved_tenant_id": (HEADER, "unknown:none:,A,,US,,,,", 2, "unknown"),
    "second_line_of_a_quoted_cell": (HEADER, 'a,"A\nand Co",,US,,,,\nb,B,,US,,nonsense,,', 4, "nonsense"),
    "no_rows": (HEADER, "", 1, "no tenant"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_register_is_one_line_with_file_and_line(tmp_path: Path, case: str) -> None:
    header, lines, line, names = WRONG[case]
    with pytest.raises(UsageError) as caught:
        register(tmp_path, lines, header=header)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'register.csv'}:{line}: ")
    assert names in message
    assert ";" in message and "\n" not in message


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n", HEADER.encode() + b"\na,\xff,,US,,,,\n"])
def test_an_empty_or_undecodable_register_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"empty|not UTF-8"):
        read_register(path)


def test_a_missing_register_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UsageError, match=";"):
            read_register(path)


def test_a_bad_byte_is_reported_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_bytes(HEADER.encode() + b"\na,A,,US,,,,\nb,\xe9,,US,,,,\n")
    with pytest.raises(UsageError, match=r"register\.csv:3: not UTF-8"):
        read_register(path)


def test_mark_line_ends_column_order_and_blank_lines_do_not_matter(tmp_path: Path) -> None:
    plain = register(tmp_path, "a,Ä Police,,US,,US_Police,,service:Ä", "b,B,,DE,,,,")
    path = tmp_path / "other.csv"
    shuffled = (
        "keys,serves,class,state,country,domain,name,tenant_id\r\nservice:Ä,,us_police,,US,,Ä Police,a\r\n,,,,DE,,B,b"
    )
    path.write_bytes(b"\xef\xbb\xbf" + shuffled.encode() + b"\r\n\r\n")
    other = read_register(path)
    assert (plain.tenants, plain.keys) == (other.tenants, other.keys)
    assert plain.sha256 != other.sha256


def test_ids_are_lower_cased_and_paths_are_not(tmp_path: Path) -> None:
    keys = register(tmp_path, "a,A,,US,,,,SERVICE:Ab; resource:/Subscriptions/X/ ;path:*/Batch/*").keys
    assert [(key.kind, key.value) for key in keys] == [
        ("service", "ab"),
        ("resource", "/subscriptions/x"),
        ("path", "*/Batch/*"),
    ]


def test_the_same_key_may_pass_from_one_tenant_to_the_next(tmp_path: Path) -> None:
    found = register(tmp_path, "a,A,,,,,,service:x,,2024-05-31", "b,B,,,,,,service:x,2024-06-01,", header=DATED)
    assert len(found.keys) == 2


# --- the classifier ---------------------------------------------------------------------------------------------------

TRUE = """
us_police|Ashmark Police Department|ashmarkpd.gov|US|OH
us_police|Corrimore County Sheriff\u2019s Office|corrimoresheriff.org|US|TX
us_police|Corrimore County Sherriff's Office||US|TX
us_police|Rhinemark Polcie Deparment|rhinemarkpd.gov|US|WI
us_police|City of Lowmoor|lowmoorpolice.gov|US|NJ
us_police|City of Lowmoor|police.lowmoor.gov|US|NJ
us_police|City of Lowmoor|lowmoorpd.org|US|NJ
us_police|City of East Lowmoor|elpdnj.gov|US|NJ
us_police|City of Fallriver|fallriverpd.gov|US|MA
us_police|Washmark County|washmarkso.gov|US|OK
us_police|Northern Marsh Highway Patrol|nmhp.gov|US|ND
us_police|Metro Dale Transit Police|mdtransitpolice.org|US|GA
us_police|Redmoor Nation Tribal Police|redmoor-nsn.gov|US|NM
us_police|King Harbor Department of Public Safety||US|AK
us_police|Abbemont City Marshal's Office||US|LA
us_police|Constable Ward 2 West Batmore Parish||US|LA
us_police|Constable of Ward 3, Batmore Parish||US|LA
us_police|Bank County Sheriff's Office||US|OH
us_police|St. Lorenz Fusion Center|slfc.gov|US|MO
us_police|Union City Police Department||US|NJ
us_police|Foundation Creek Police Department||US|CO
us_police|Brenmoor University Police||US|MA
us_police|Policía de Puerto Claro||PR|
us_police|Hillmoor Police Dept||usa|
us_federal_le|Department of Justice|fbi.gov|US|DC
us_federal_le|Federal Harbor Enforcement Bureau|fheb.gov|US|
us_federal_le|United States Postal Service|uspis.gov|US|NC
foreign_le|Halmer Bay Police Service|halmerbaypolice.ca|CA|AB
foreign_le|Gendarmerie de Valmorin|gendarmerie.valmorin.gouv.fr|FR|
foreign_le|Landespolizei Wiesental|polizei.wiesental.de|DE|
foreign_le|Policía Estatal de Tierra Alta||MX|
foreign_le|सूर्यनगर राज्य पुलिस||IN|
foreign_le|Wexfold Constabulary|wexfold.police.uk|GB|
foreign_le|Wexfold Digital|wexfold.police.uk||
foreign_le|Politie Oosterveen|oosterveen.politie||
foreign_le|大浜県警察||JP|
foreign_le|POLICÍA LOCAL DE PEÑARRUBIA||ES|
"""

NEAR = """
unknown|Belmarais Parish Police Jury|belmaraispolicejury.org|US|LA
unknown|Office of the Public Defender, Tidemark Circuit|tidemarkpd.gov|US|FL
unknown|Cordmore Recreation and Park District|cordmorerpd.gov|US|CA
unknown|Pinecote Fire Protection District|pinecotefpd.gov|US|CO
unknown|Justice Park District|justicepark.gov|US|IL
unknown|Dunmark Police & Fire Retirement System|dunmarkpfrs.org|US|MI
unknown|Old Lanterncote Police Museum and Foundation|oldlanternpolicemuseum.org|US|NJ
unknown|Patrol Officers Benevolent Union Local 88|pobu88.org|US|OH
unknown|Civil Air Patrol, Western Wing|wwcap.gov|US|NV
unknown|Secretary of State|marksos.gov|US|IL
unknown|Institute of Public Policy|lowmoorpolicy.org|US|
unknown|Sheriff & Daughters Bakery|sheriffbakery.com|US|OH
unknown|Gewerkschaft der Polizei||DE|
unknown|Polizeimuseum Hafenried|polizeimuseum-hafenried.de|DE|
unknown|Open Data Mirror|data.police.uk|GB|
unknown|Httpd Tools|httpd.org|US|
unknown|Harbour Patrol Boats LLC||US|
unknown|Constable Foods||US|
unknown|Sheriff Bank|sheriff.bank|US|
unknown|Marshall & Daughters Furniture||US|
unknown|Omar Sheriff Consulting|omarsheriff.com|US|
unknown|||US|
umbrella|City of Marshmoor|marshmoor.gov|US|MN
umbrella|City of Marshall|marshall-xx.gov|US|IL
umbrella|Marshall County Commission||US|AL
umbrella|Fulmoor County Fiscal Court|fulmoorky.gov|US|KY
umbrella|Town of Constable|townofconstableny.gov|US|NY
umbrella|City of Kelmasso|cityofkelmasso.gov|US|OK
umbrella|Contra Marsh County|ccfpd.gov|US|CA
umbrella|N.C. Department of Public Safety|ncdps.gov|US|NC
umbrella|Ayuntamiento de Peñarrubia Alta|penarrubia.es|ES|
umbrella|Home Office||GB|
le_adjacent|Hallmark County Juvenile Probation|hallmarkcojpdtx.gov|US|TX
le_adjacent|Harrowmoor County District Attorney||US|KS
le_adjacent|Tri-Cote Regional Emergency Communications|tricote911.org|US|OR
le_adjacent|Federal Peace Officer Training Institute|fpot.gov|US|
le_adjacent|Superior Court of Elmoor County||US|WA
le_adjacent|Stonegrove Corrections Group||US|TN
le_vendor|Sentmark Bodycam LLC|sentmark.example.com|US|UT
le_vendor|Harbour Police Software Inc.||US|
"""


@pytest.mark.parametrize("line", TRUE.split("\n")[1:-1] + NEAR.split("\n")[1:-1])
def test_names_and_domains_speak_for_a_class(line: str, patterns: Patterns) -> None:
    expected, name, domain, country, state = line.split("|")
    said = classify(name, domain, country, state, patterns)
    assert said.tenant_class == expected, said.evidence
    assert said.evidence
    assert (said.confidence == 0) == (expected == "unknown")


def test_a_listed_domain_weighs_more_than_a_name_and_a_name_more_than_a_label(patterns: Patterns) -> None:
    listed = classify("", "www.fbi.gov", "US", "", patterns)
    named = classify("Ashmark Police Department", "", "US", "", patterns)
    labelled = classify("City of Ashmark", "ashmarkpd.gov", "US", "", patterns)
    vendor = classify("", "axon.com", "US", "", patterns)
    assert [one.confidence for one in (listed, named, labelled, vendor)] == [0.95, 0.9, 0.8, 0.4]


def test_without_a_country_domain_and_state_tell_it_and_else_confidence_falls(patterns: Patterns) -> None:
    assert classify("Ferrow Police", "ferrow.gov", "", "", patterns).tenant_class == "us_police"
    assert classify("Ferrow Police", "ferrow.be", "", "", patterns).tenant_class == "foreign_le"
    assert classify("Ferrow Police", "", "", "Ohio", patterns).confidence == 0.9
    assert classify("Ferrow Police", "ferrow.io", "", "", patterns).confidence == 0.4


@pytest.mark.parametrize(
    ("name", "domain", "tenant_class"),
    [
        ("Polizei Berlin", "", "foreign_le"),
        ("Policía Municipal de Robledal", "", "foreign_le"),
        ("Gendarmerie de Valmorin", "", "foreign_le"),
        ("", "polizei-hafenried.com", "foreign_le"),
        ("Ferrow Police", "", "us_police"),
        ("", "ashmarkpolice.com", "us_police"),
    ],
)
def test_police_of_no_known_country_are_told_by_their_language_and_never_sure(
    patterns: Patterns, name: str, domain: str, tenant_class: str
) -> None:
    said = classify(name, domain, "", "", patterns)
    assert (said.tenant_class, said.confidence) == (tenant_class, 0.4)
    assert said.evidence[1:] == ("no country known",)


def test_a_domain_may_come_as_an_address_or_in_ascii_letters(patterns: Patterns) -> None:
    for domain in (
        "https://WWW.Polizei.Hafenried.DE:443/kontakt",
        "user@polizei.hafenried.de",
        "polizei.hafenried.de.",
    ):
        assert classify("", domain, "", "", patterns).tenant_class == "foreign_le"
    assert classify("", "polic\u00eda.ferrow.mx".encode("idna").decode(), "", "", patterns).tenant_class == "foreign_le"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=5), st.text(max_size=5))
def test_any_text_is_classified_with_a_reason(name: str, domain: str, country: str, state: str) -> None:
    said = classify(name, domain, country, state, PATTERNS)
    assert said.evidence and 0 <= said.confidence < 1
    assert said == classify(name.upper().lower(), domain, country, state, PATTERNS) or name.lower() != name


def test_a_pattern_that_its_example_does_not_prove_is_refused(tmp_path: Path) -> None:
    source = shipped.folder("queries") / "tenants"
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    names = tmp_path / "names.toml"
    names.write_text(names.read_text("utf-8").replace('"Wexfold Constabulary"', '"Wexfold Gallery"'), "utf-8")
    with pytest.raises(UsageError, match=r"police\.constabulary.*Wexfold Gallery"):
        load_patterns(tmp_path)


def test_the_version_of_the_patterns_follows_their_content(tmp_path: Path, patterns: Patterns) -> None:
    source = shipped.folder("queries") / "tenants"
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert load_patterns(tmp_path).version == patterns.version
    with (tmp_path / "domains_vendors.csv").open("a") as vendors:
        vendors.write("cams.example.com,suffix,,le_vendor,Invented,example\n")
    assert load_patterns(tmp_path).version != patterns.version


# --- who stands behind a request --------------------------------------------------------------------------------------


class Store:
    """A store in memory, filled by hand."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone = 'UTC'")
        create_schema(self.con)
        self.con.execute("CREATE TEMP TABLE affected (request_key VARCHAR)")
        self.file("/logs/one.json")

    def file(self, path: str, generation: int = 1) -> int:
        row = self.con.execute("SELECT count(*) FROM store.files").fetchone()
        assert row
        self.con.execute(
            "INSERT INTO store.files BY NAME SELECT ? AS file_id, ? AS path, ? AS generation",
            [row[0], path, generation],
        )
        return int(row[0])

    def record(
        self,
        request: str,
        *keys: str,
        file: int = 0,
        generation: int = 1,
        resource: str = "",
        shape: str = "gateway_log",
    ) -> None:
        self.con.execute(
            "INSERT INTO store.records BY NAME SELECT ? AS request_key, ?::VARCHAR[] AS tenant_keys, ? AS file_id, "
            "? AS generation, ? AS resource, ? AS shape",
            [request, list(keys), file, generation, resource, shape],
        )

    def request(self, request: str, day: str | None = "2025-03-01") -> None:
        self.con.execute(
            "INSERT INTO store.requests BY NAME SELECT ? AS request_key, ?::TIMESTAMP AS occurred_at",
            [request, day and datetime.fromisoformat(day)],
        )
        self.con.execute("INSERT INTO affected VALUES (?)", [request])

    def call(self, request: str, *keys: str, day: str | None = "2025-03-01", resource: str = "") -> None:
        self.record(request, *keys, resource=resource)
        self.request(request, day)

    def part(self, request: str, number: int, role: str | None, kind: str, idea: str, **more: object) -> None:
        """A part in which one signal of ``idea`` is found; ``more``: name, contexts, side, signal."""
        text = f"{request}-{number}"
        side = more.get("side", "name" if kind == "name" else "request")
        self.con.execute(
            "INSERT INTO store.parts BY NAME SELECT ? AS request_key, ? AS part_no, ? AS role, ? AS kind, ? AS name, "
            "? AS side, ? AS text_id",
            [request, number, role, kind, more.get("name"), side, text],
        )
        self.con.execute(
            "INSERT INTO store.signals BY NAME SELECT ? AS text_id, '' AS lexicon, ? AS \"signal\", ? AS idea, "
            "?::VARCHAR[] AS contexts",
            [text, more.get("signal", "actor.one"), idea, more.get("contexts", [])],
        )

    def assign(self, found: Register) -> None:
        assign(self.con, found, PATTERNS)
        assign_actors(self.con)

    def tenant_of(self, request: str) -> tuple[str, str | None, bool]:
        rows = self.con.execute(
            "SELECT tenant_id, key_kind, conflict FROM store.tenant_of WHERE request_key = ?", [request]
        ).fetchall()
        assert len(rows) == 1
        return rows[0]

    def actors(self, request: str) -> list[tuple[str, str, float]]:
        return self.con.execute(
            "SELECT actor, role, round(confidence, 2)::DOUBLE FROM store.actors WHERE request_key = ? ORDER BY ALL",
            [request],
        ).fetchall()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return load_lexicon(shipped.folder("queries") / "lexicon", prove=False)


def test_kinds_of_keys_are_tried_in_the_documented_order(tmp_path: Path, store: Store) -> None:
    resource = f"{SUBSCRIPTION}/resourcegroups/rg/providers/p/accounts/a"
    file = store.file("/logs/batch/unit/in.jsonl")
    keys = {
        "litellm_team": "t",
        "apim_subscription": "s",
        "service": "v",
        "apim_product": "p",
        "entra_tenant": "e",
        "resource": resource,
        "path": "*/batch/unit/*",
        "azure_subscription": "g",
    }
    found = register(tmp_path, *(f"by-{kind},N,,US,,other,,{kind}:{value}" for kind, value in keys.items()))
    kinds = list(keys)
    for place, first in enumerate(kinds):
        present = kinds[place:]
        logged = [f"{kind}:{keys[kind]}" for kind in present if kind not in ("resource", "path")]
        store.record(
            first, *logged, file=file if "path" in present else 0, resource=resource if "resource" in present else ""
        )
        store.request(first)
    store.assign(found)
    for first in kinds:
        assert store.tenant_of(first) == (f"by-{first}", first, first != kinds[-1])


def test_a_key_in_any_record_of_the_request_counts(tmp_path: Path, store: Store) -> None:
    store.record("r", "azure_subscription:g", shape="llm_log")
    store.call("r", "apim_subscription:unit")
    store.assign(register(tmp_path, "a,A,,US,,other,,apim_subscription:Unit"))
    assert store.tenant_of("r") == ("a", "apim_subscription", False)


def test_a_resource_key_matches_at_a_boundary_and_the_longest_prefix_speaks(tmp_path: Path, store: Store) -> None:
    for name, group in (("inside", "/resourcegroups/rg-pd/x"), ("other", "/resourcegroups/rg-pd-two/x"), ("self", "")):
        store.call(name, resource=SUBSCRIPTION + group)
    store.call("outside", resource=SUBSCRIPTION + "9")
    store.assign(
        register(
            tmp_path,
            f"city,City,,US,,umbrella,,resource:{SUBSCRIPTION}/",
            f"police,Police,,US,,us_police,,resource:{SUBSCRIPTION}/resourceGroups/rg-pd/",
        )
    )
    assert store.tenant_of("inside") == ("police", "resource", False)
    assert store.tenant_of("other")[0] == store.tenant_of("self")[0] == "city"
    assert store.tenant_of("outside")[0] == f"unknown:resource:{SUBSCRIPTION}9"


def test_a_longer_prefix_speaks_only_on_its_days(tmp_path: Path, store: Store) -> None:
    days = {"2024-05-31": "city", "2024-06-01": "police", "2024-06-30": "police", "2024-07-01": "city"}
    for day in days:
        store.call(day, resource=f"{SUBSCRIPTION}/resourcegroups/rg-pd/x", day=day)
    lines = (
        f"city,City,,US,,umbrella,,resource:{SUBSCRIPTION}/,,",
        f"police,Police,,US,,us_police,,resource:{SUBSCRIPTION}/resourcegroups/rg-pd/,2024-06-01,2024-06-30",
    )
    store.assign(register(tmp_path, *lines, header=DATED))
    assert {day: store.tenant_of(day)[0] for day in days} == days


def test_a_path_glob_crosses_folders_and_minds_upper_case(tmp_path: Path, store: Store) -> None:
    for name, path in (("deep", "/x/batch/unit/a/b.jsonl"), ("case", "/x/Batch/unit/b.jsonl")):
        store.record(name, file=store.file(path))
        store.request(name)
    store.assign(register(tmp_path, "a,A,,US,,other,,path:*/batch/unit/*"))
    assert store.tenant_of("deep")[:2] == ("a", "path")
    assert store.tenant_of("case")[0] == "unknown:none:"


def test_days_of_validity_are_inclusive_and_count_at_the_start_of_the_call(tmp_path: Path, store: Store) -> None:
    days = {
        "2024-05-31": "unknown:service:x",
        "2024-06-01": "a",
        "2024-06-30": "a",
        "2024-07-01": "b",
        "2030-01-01": "b",
    }
    for day in days:
        store.call(day, "service:x", day=day)
    lines = ["a,A,,US,,other,,service:x,2024-06-01,2024-06-30", "b,B,,US,,other,,service:x,2024-07-01,"]
    store.assign(register(tmp_path, *lines, header=DATED))
    assert {day: store.tenant_of(day)[0] for day in days} == days


def test_without_a_time_only_keys_without_dates_speak(tmp_path: Path, store: Store) -> None:
    store.call("by key", "service:x", day=None)
    store.call("by resource", resource=f"{SUBSCRIPTION}/resourcegroups/rg/x", day=None)
    store.call("dated key", "service:y", day=None)
    store.call("half dated key", "service:z", day=None)
    lines = (
        f"a,A,,US,,other,,service:x;resource:{SUBSCRIPTION}/,,",
        "b,B,,US,,other,,service:y,2024-06-01,2024-06-30",
        "c,C,,US,,other,,service:z,,2024-06-30",
    )
    store.assign(register(tmp_path, *lines, header=DATED))
    assert [store.tenant_of(call)[0] for call in ("by key", "by resource", "dated key", "half dated key")] == [
        "a", "a", "unknown:service:y", "unknown:service:z",
    ]  # fmt: skip


def test_a_tenant_whose_class_changed_acts_by_the_class_of_the_day(tmp_path: Path, store: Store) -> None:
    store.call("before", "service:x", day="2024-05-01")
    store.call("after", "service:x", day="2024-07-01")
    lines = ["a,A Police,,US,,other,,service:x,,2024-05-31", "a,A Police,,US,,us_police,,service:x,2024-06-01,"]
    store.assign(register(tmp_path, *lines, header=DATED))
    assert store.actors("before") == [("other", "by", 1.0)]
    assert store.actors("after") == [("us_police", "by", 1.0)]
    assert store.con.execute("SELECT tenant_id, tenant_class FROM tenants").fetchall() == [("a", "us_police")]
    periods = "SELECT tenant_class, valid_from::VARCHAR, valid_to::VARCHAR FROM tenant_periods ORDER BY valid_from"
    assert store.con.execute(periods).fetchall() == [("us_police", "2024-06-01", None), ("other", None, "2024-05-31")]


@pytest.mark.parametrize(
    "days", [(",", "2024-01-01,"), ("2024-01-01,", ","), ("2024-06-01,", ",2024-06-30"), (",2024-06-30", "2024-06-30,")]
)
def test_a_tenant_may_not_have_two_rows_for_one_day(tmp_path: Path, days: tuple[str, str]) -> None:
    first, second = days
    with pytest.raises(UsageError, match=r"register\.csv:4: tenant 'a' stands in line 2 too; "):
        register(
            tmp_path,
            f"a,A,,US,,other,,service:x,{first}",
            "b,B,,US,,other,,service:b,,",
            f"a,A,,US,,us_police,,service:y,{second}",
            header=DATED,
        )


def test_rows_of_a_tenant_may_follow_each_other_in_any_order(tmp_path: Path) -> None:
    lines = ["a,A,,US,,other,,service:x,2024-07-01,", "a,A,,US,,umbrella,,service:x,,2024-06-29"]
    assert len(register(tmp_path, *lines, "a,A,,US,,us_police,,,2024-06-30,2024-06-30", header=DATED).tenants) == 3


def test_keys_that_name_several_tenants_are_a_conflict(tmp_path: Path, store: Store) -> None:
    store.call("one_kind", "service:x", "service:y")
    store.call("two_kinds", "service:y", "azure_subscription:g")
    store.call("agreed", "service:x", "azure_subscription:g")
    store.assign(register(tmp_path, "b,B,,US,,,,service:x;azure_subscription:g", "a,A,,US,,,,service:y"))
    assert store.tenant_of("one_kind") == ("a", "service", True)
    assert store.tenant_of("two_kinds") == ("a", "service", True)
    assert store.tenant_of("agreed") == ("b", "service", False)


def test_an_unknown_tenant_is_named_by_its_first_key(tmp_path: Path, store: Store) -> None:
    store.call("keys", "azure_subscription:g", "apim_product:z", "apim_product:p", resource=SUBSCRIPTION)
    store.call("resource", "azure_subscription:g", resource=SUBSCRIPTION)
    store.call("none")
    store.assign(register(tmp_path, "a,A,,US,,,,service:x"))
    assert store.tenant_of("keys") == ("unknown:apim_product:p", None, False)
    assert store.tenant_of("resource")[0] == f"unknown:resource:{SUBSCRIPTION}"
    assert store.tenant_of("none")[0] == "unknown:none:"
    rows = store.con.execute(
        "SELECT tenant_id, registered_class, tenant_class, confidence FROM store.tenants "
        "WHERE starts_with(tenant_id, 'unknown:')"
    ).fetchall()
    assert {row[1:] for row in rows} == {(None, "unknown", 0.0)} and len(rows) == 3
    assert store.actors("none") == [("unknown", "unknown", 0.0)]


def test_rows_that_wait_for_their_gateway_row_say_so(tmp_path: Path, store: Store) -> None:
    for name in ("waits", "joined", "matched"):
        resource = SUBSCRIPTION + ("/matched" if name == "matched" else "")
        store.record(name, "azure_subscription:g", shape="llm_log", resource=resource)
        store.request(name)
    store.record("joined", shape="gateway_log")
    store.assign(register(tmp_path, f"a,A,,US,,,,resource:{SUBSCRIPTION}/matched"))
    assert store.tenant_of("waits") == ("unknown:gateway_row_missing", None, False)
    assert store.tenant_of("joined")[0] == f"unknown:resource:{SUBSCRIPTION}"
    assert store.tenant_of("matched")[0] == "a"


def test_only_the_newest_generation_of_a_file_counts(tmp_path: Path, store: Store) -> None:
    file = store.file("/logs/two.json", generation=2)
    store.record("r", "service:old", file=file, generation=1)
    store.record("r", "service:new", file=file, generation=2)
    store.request("r")
    store.assign(register(tmp_path, "a,A,,US,,,,service:old", "b,B,,US,,,,service:new"))
    assert store.tenant_of("r") == ("b", "service", False)


def test_only_affected_requests_are_assigned_again(tmp_path: Path, store: Store) -> None:
    store.call("old", "service:x")
    store.assign(register(tmp_path, "a,A,,US,,other,,service:x"))
    store.con.execute("DELETE FROM affected")
    store.call("new", "service:x")
    store.assign(register(tmp_path, "b,B,,US,,other,,service:x"))
    assert (store.tenant_of("old")[0], store.tenant_of("new")[0]) == ("a", "b")
    assert store.con.execute("SELECT tenant_id, tenant_class FROM store.tenants ORDER BY ALL").fetchall() == [
        ("a", "unknown"),
        ("b", "other"),
    ]
    assert store.actors("old") == [("other", "by", 1.0)]


def test_a_request_that_is_gone_keeps_no_tenant_and_no_actor(tmp_path: Path, store: Store) -> None:
    found = register(tmp_path, "a,A,,US,,other,,service:x")
    store.call("r", "service:x")
    store.assign(found)
    store.con.execute("DELETE FROM store.requests")
    store.assign(found)
    assert store.con.execute("SELECT request_key FROM store.tenant_of").fetchall() == []
    assert store.actors("r") == []


def test_the_register_wins_over_the_name_and_empty_classes_are_classified(tmp_path: Path, store: Store) -> None:
    store.assign(
        register(
            tmp_path,
            "a,Ashmark Police Department,ashmarkpd.gov,US,OH,other,,",
            "b,Ashmark Police Department,ashmarkpd.gov,US,OH,,,",
            "c,Lumenfold Photos,,US,OH,,,",
        )
    )
    rows = store.con.execute(
        "SELECT tenant_id, registered_class, tenant_class, confidence FROM store.tenants ORDER BY tenant_id"
    ).fetchall()
    assert rows == [("a", "other", "other", 1.0), ("b", "", "us_police", 0.9), ("c", "", "unknown", 0.0)]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_order_of_the_register_never_changes_the_result(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("order")
    lines = [
        "a,City of A,,US,,umbrella,us_police,service:x;apim_product:p,2020-01-02,",
        f"b,B Police,,US,,,,service:y;resource:{SUBSCRIPTION}/",
        "c,C,,GB,,le_vendor,foreign_le,azure_subscription:g;path:/logs/*",
        "a,City of A,,US,,other,,service:old,,2020-01-01",
    ]
    lines = [line if line.count(",") > 8 else line + ",," for line in lines]
    order = data.draw(st.permutations(lines))
    results = []
    for rows in (lines, order):
        store = Store()
        store.call("r1", "service:x", "service:y", "azure_subscription:g", resource=SUBSCRIPTION)
        store.call("r2", "azure_subscription:g", resource=f"{SUBSCRIPTION}/resourcegroups/z")
        store.call("r3", "apim_product:p")
        store.call("r4", "service:old", day="2019-01-01")
        store.assign(register(folder, *rows, header=DATED))
        tables = ("tenant_of", "tenants", "actors")
        results.append([store.con.execute(f"FROM store.{table} ORDER BY ALL").fetchall() for table in tables])
    assert results[0] == results[1]


# --- by or for whom it acts -------------------------------------------------------------------------------------------


def test_the_tenants_class_gives_the_actor_and_serves_gives_whom_for(tmp_path: Path, store: Store) -> None:
    store.call("police", "service:p")
    store.call("vendor", "service:v")
    store.assign(
        register(
            tmp_path,
            "p,Ashmark Police Department,,US,OH,us_police,,service:p",
            "v,Sentmark,,US,UT,le_vendor,us_police;foreign_le,service:v",
        )
    )
    assert store.actors("police") == [("us_police", "by", 1.0)]
    assert store.actors("vendor") == [("foreign_le", "for", 0.9), ("le_vendor", "by", 1.0), ("us_police", "for", 0.9)]
    assert store.con.execute("SELECT actor, agency FROM store.actors WHERE agency IS NOT NULL").fetchall() == [
        ("us_police", "Ashmark Police Department")
    ]


def test_a_deployment_name_shows_the_police_unit_of_a_city(tmp_path: Path, store: Store) -> None:
    store.call("r", "service:city")
    store.part("r", 3, None, "name", "actor_police", name="deployment", signal="actor.pd_name")
    store.assign(register(tmp_path, "c,City of Lowmoor,,US,CA,umbrella,,service:city"))
    assert store.actors("r") == [("umbrella", "by", 1.0), ("us_police", "by", 0.5)]
    assert store.con.execute("SELECT evidence FROM store.actors WHERE actor = 'us_police'").fetchall() == [
        ("part 3: actor.pd_name",)
    ]


@pytest.mark.parametrize(
    ("role", "kind"), [("system", "text"), ("developer", "text"), (None, "tool"), (None, "output_schema")]
)
def test_system_prompts_and_tools_show_whom_a_vendor_acts_for(
    tmp_path: Path, store: Store, role: str | None, kind: str
) -> None:
    store.call("r", "service:v")
    store.part("r", 0, role, kind, "actor_us_police")
    store.part("r", 1, None, "name", "actor_us_police", name="tool")
    store.assign(register(tmp_path, "v,Sentmark,,US,UT,le_vendor,,service:v"))
    assert store.actors("r") == [("le_vendor", "by", 1.0), ("us_police", "for", 0.6)]


@pytest.mark.parametrize(
    ("role", "kind", "more"),
    [
        ("user", "text", {}),
        ("assistant", "text", {}),
        ("assistant", "text", {"side": "response"}),
        ("system", "text", {"side": "response"}),
        ("tool", "text", {}),
        ("assistant", "tool_call", {}),
        ("user", "file", {}),
        (None, "name", {"name": "file"}),
        (None, "name", {"name": "tool_call"}),
        *[
            ("system", "text", {"contexts": [context]})
            for context in ("training", "fiction", "news", "marketing", "negation")
        ],
    ],
)
def test_what_users_type_models_answer_and_stories_tell_never_counts(
    tmp_path: Path, store: Store, role: str | None, kind: str, more: dict[str, object]
) -> None:
    store.call("r", "service:city")
    store.part("r", 0, role, kind, "actor_us_police", **more)
    store.assign(register(tmp_path, "c,City of Lowmoor,,US,CA,umbrella,,service:city"))
    assert store.actors("r") == [("umbrella", "by", 1.0)]


def test_a_context_that_says_nothing_about_police_does_not_hide_them(tmp_path: Path, store: Store) -> None:
    store.call("r", "service:city")
    store.part("r", 0, "system", "text", "actor_us_police", contexts=["redaction"])
    store.assign(register(tmp_path, "c,City of Lowmoor,,US,CA,umbrella,,service:city"))
    assert ("us_police", "by", 0.6) in store.actors("r")


@pytest.mark.parametrize(
    ("country", "in_text", "in_name"),
    [
        ("US", ("us_police", "for", 0.6), ("us_police", "for", 0.5)),
        ("usa", ("us_police", "for", 0.6), ("us_police", "for", 0.5)),
        ("DE", ("foreign_le", "for", 0.6), ("foreign_le", "for", 0.5)),
        ("", ("us_police", "for", 0.5), ("us_police", "for", 0.4)),
    ],
)
def test_police_without_a_country_are_those_of_the_tenants_country(
    tmp_path: Path, store: Store, country: str, in_text: tuple[str, str, float], in_name: tuple[str, str, float]
) -> None:
    for request in ("text", "name"):
        store.call(request, "service:v")
    store.part("text", 0, "system", "text", "actor_police")
    store.part("name", 0, None, "name", "actor_police", name="deployment")
    store.assign(register(tmp_path, f"v,Lumenfold,,{country},,le_vendor,,service:v"))
    assert in_text in store.actors("text")
    assert in_name in store.actors("name")


@pytest.mark.parametrize(("country", "actor"), [("US", "us_police"), ("ES", "foreign_le")])
def test_the_police_of_a_city_are_of_its_country_whatever_words_they_use(
    tmp_path: Path, store: Store, country: str, actor: str
) -> None:
    store.call("city", "service:c")
    store.call("vendor", "service:v")
    for request in ("city", "vendor"):
        store.part(request, 0, "system", "text", "actor_us_police")
        store.part(request, 1, "system", "text", "actor_foreign_le")
    lines = (f"c,Lowmoor,,{country},,umbrella,,service:c", f"v,Sentmark,,{country},,le_vendor,,service:v")
    store.assign(register(tmp_path, *lines))
    assert [row[0] for row in store.actors("city")] == sorted(["umbrella", actor])
    assert [row[0] for row in store.actors("vendor")] == ["foreign_le", "le_vendor", "us_police"]


@pytest.mark.parametrize(
    ("kind", "signal", "confidence"),
    [
        ("text", "actor_us_police.word", 0.45),
        ("text", "actor_us_police.agency", 0.6),
        ("text", "actor_police.serves", 0.6),
        ("tool", "actor_us_police.agency", 0.6),
        ("tool", "actor_us_police.word", 0.45),
        ("name", "actor_us_police.agency", 0.45),
    ],
)
def test_against_a_registered_other_only_a_plain_saying_in_a_prompt_or_tool_is_sure(
    tmp_path: Path, store: Store, kind: str, signal: str, confidence: float
) -> None:
    for tenant in ("other", "classified"):
        store.call(tenant, f"service:{tenant}")
        role = "system" if kind == "text" else None
        store.part(tenant, 0, role, kind, signal.split(".")[0], name="deployment", signal=signal)
    store.assign(
        register(tmp_path, "o,Lumenfold Bank,,US,,other,,service:other", "c,Lumenfold,,US,,,,service:classified")
    )
    assert store.actors("other") == [("other", "by", 1.0), ("us_police", "for", confidence)]
    assert ("us_police", "for", 0.5 if kind == "name" else 0.6) in store.actors("classified")


PLAIN_SAYINGS = """
You assist officers of the Ashmere Police Department.
You are an assistant for patrol officers.
Internal tool of the Corrigan County Sheriff's Office.
Photo desk of Ashmere PD's detectives. Answers go to Ashmere PD's desk.
You help the homicide unit with photo line-ups.
"""
COMMON_WORDS = """
You qualify sales leads for a bank.
You help our PD team (product design) with mock-ups.
You are a recommender for homicide podcasts.
You are the case assistant of an insurance company.
You are the evidence tool of an auditor.
You are Miranda, the concierge of a hotel, and take bookings as booking assistant.
You must never act for a police department. You help a bank.
This service is not available to law enforcement.
You answer questions of the Belmarais Parish Police Jury.
Sort so records with the same date come first. Customers also face delays.
"""


@pytest.mark.parametrize("prompt", PLAIN_SAYINGS.split("\n")[1:-1] + COMMON_WORDS.split("\n")[1:-1])
def test_a_common_word_in_a_prompt_makes_nobody_act_for_police_and_a_plain_saying_does(
    tmp_path: Path, store: Store, lexicon: Lexicon, prompt: str
) -> None:
    store.call("r", "service:firm")
    store.part("r", 0, "system", "text", "none")
    store.con.register("found", scan(pa.table({"text_id": ["r-0"], "text": [prompt]}), lexicon))
    store.con.execute("INSERT INTO store.signals SELECT * REPLACE ('' AS lexicon) FROM found")
    store.assign(register(tmp_path, "f,Lumenfold,,US,,other,,service:firm"))
    acts_for = [("us_police", "for", 0.6)] if prompt in PLAIN_SAYINGS else []
    assert [actor for actor in store.actors("r") if actor[0] == "us_police"] == acts_for


def test_an_unknown_tenant_may_be_seen_to_act_for_police(tmp_path: Path, store: Store) -> None:
    store.call("r", "service:nobody")
    store.part("r", 0, "system", "text", "actor_us_police", signal="actor_us_police.agency")
    store.assign(register(tmp_path, "v,Lumenfold,,US,,other,,service:v"))
    assert store.actors("r") == [("unknown", "unknown", 0.0), ("us_police", "for", 0.6)]


@pytest.mark.parametrize(
    ("country", "kind", "signal", "confidence"),
    [
        ("US", "text", "actor_us_police.word", 0.6),
        ("US", "text", "actor_us_police.trade", 0.45),
        ("US", "name", "actor_us_police.word", 0.5),
        ("US", "name", "actor_us_police.trade", 0.45),
        ("", "text", "actor_us_police.word", 0.45),
        ("", "name", "actor_us_police.agency", 0.45),
        ("", "text", "actor_us_police.agency", 0.6),
    ],
)
def test_of_an_unknown_tenant_a_bare_word_is_doubted_where_other_trades_share_it_or_no_country_is_known(
    tmp_path: Path, store: Store, country: str, kind: str, signal: str, confidence: float
) -> None:
    store.call("r", "service:c")
    store.part("r", 0, "system" if kind == "text" else None, kind, "actor_us_police", name="deployment", signal=signal)
    store.assign(register(tmp_path, f"c,Lumenfold,,{country},,,,service:c"))
    assert store.actors("r") == [("unknown", "unknown", 0.0), ("us_police", "for", confidence)]


@pytest.mark.parametrize("tenant_class", ["us_police", "us_federal_le", "foreign_le", "le_adjacent"])
def test_a_body_of_law_enforcement_gets_no_second_actor_from_signals(
    tmp_path: Path, store: Store, tenant_class: str
) -> None:
    store.call("r", "service:p")
    store.part("r", 0, "system", "text", "actor_foreign_le" if tenant_class != "foreign_le" else "actor_us_police")
    store.assign(register(tmp_path, f"p,P,,US,,{tenant_class},,service:p"))
    assert store.actors("r") == [(tenant_class, "by", 1.0)]


def test_the_strongest_reason_stands_once_and_names_parts_in_order(tmp_path: Path, store: Store) -> None:
    store.call("r", "service:city")
    for number in (10, 2):
        store.part("r", number, "system", "text", "actor_us_police", signal="actor.unit")
    store.part("r", 11, None, "name", "actor_us_police", name="deployment", signal="actor.pd_name")
    store.assign(register(tmp_path, "c,City of Lowmoor,,US,CA,umbrella,,service:city"))
    rows = store.con.execute("SELECT confidence, evidence FROM store.actors WHERE actor = 'us_police'").fetchall()
    assert rows == [(0.6, "part 2: actor.unit; part 10: actor.unit")]


def test_actors_can_be_assigned_in_a_new_connection_without_the_register(store: Store) -> None:
    store.call("r", "service:v")
    store.con.execute("INSERT INTO store.tenant_of VALUES ('r', 'v', 'service', FALSE)")
    store.con.execute(
        "INSERT INTO store.tenants VALUES "
        "('v', 'V', '', 'US', '', 'le_vendor', 'le_vendor', ['us_police'], 1.0, ['register'], NULL, NULL)"
    )
    assign_actors(store.con)
    assert store.actors("r") == [("le_vendor", "by", 1.0), ("us_police", "for", 0.9)]


def test_the_sample_register_can_be_read_and_its_open_classes_are_decided(tmp_path: Path, store: Store) -> None:
    path = shipped.folder("sample_logs") / "register.csv"
    store.assign(read_register(path))
    with path.open(encoding="utf-8", newline="") as file:
        told = {row["tenant_id"]: row["class"] for row in csv.DictReader(file)}
    rows = dict(store.con.execute("SELECT tenant_id, tenant_class FROM store.tenants").fetchall())
    assert rows.keys() == told.keys()
    assert rows["calderfalls-pd"] == "us_police"
    assert rows["tideland-defender"] == rows["juniper-fpd"] == "unknown"
    assert all(rows[tenant] == word for tenant, word in told.items() if word)
