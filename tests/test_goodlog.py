"""Innocent requests of many trades: all are loaded and seen, and none is reported but those that are known to be."""

import hashlib
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import texts_as_logs
from jobs import MATCHED, MATCHING, Place, Ran, by_request, command, findings_of, rows_of
from texts_as_logs import Request, Turn, read_requests, register, tenant_id, write_logs

GOODLOG = Path(__file__).with_name("goodlog")
EXCEPTIONS = tomllib.loads((GOODLOG / texts_as_logs.EXCEPTIONS).read_text(encoding="utf-8"))["exception"]
ONE = 'request = [{ id = "a", tenant = "other", user = "Hello.", language = "en", why = "A greeting." }]\n'


@pytest.fixture(scope="module")
def requests() -> dict[str, Request]:
    return {request.id: request for request in read_requests(GOODLOG)}


@pytest.fixture(scope="module")
def ran(
    requests: dict[str, Request], tmp_path_factory: pytest.TempPathFactory, read_once: None
) -> tuple[Place, Ran, dict[str, list[Any]]]:
    """A run over all of them, and its findings by request."""
    here = Place(tmp_path_factory.mktemp("goodlog"))
    register(here.register)
    write_logs(list(requests.values()), here.logs)
    return here, command(*here.run), {id_: list(found) for id_, found in by_request(findings_of(here.reports)).items()}


def test_there_are_requests_of_every_kind_of_tenant_and_many_languages(requests: dict[str, Request]) -> None:
    assert len(requests) >= 300
    assert {request.tenant for request in requests.values()} == texts_as_logs.CLASSES
    languages = Counter(request.language for request in requests.values())
    assert len(languages) >= 11
    assert len(requests) - languages["en"] >= 90
    assert not [request.id for request in requests.values() if request.expect or request.uses]


def test_every_request_is_loaded_with_its_tenant(ran: tuple[Place, Ran, Any], requests: dict[str, Request]) -> None:
    here, run, _ = ran
    assert run.code == 0, run.err
    loaded = rows_of(here.db, "SELECT request_id, tenant_id, session_source, order_uncertain FROM requests")
    assert sorted(loaded) == sorted((id_, tenant_id(one), "explicit", False) for id_, one in requests.items())
    classes = rows_of(here.db, "SELECT DISTINCT request_id, tenant_class FROM requests JOIN tenants USING (tenant_id)")
    assert dict(classes) == {id_: request.tenant for id_, request in requests.items()}


def test_every_text_picture_and_tool_is_seen(ran: tuple[Place, Ran, Any], requests: dict[str, Request]) -> None:
    sql = "SELECT request_id, kind, p.name, text_id, side FROM parts AS p JOIN requests USING (request_key)"
    parts = rows_of(ran[0].db, sql)
    texts = {(id_, text_id) for id_, kind, _, text_id, _ in parts if kind == "text"}
    assert texts >= {(id_, _text_id(text)) for id_, request in requests.items() for text in request.texts}
    pictures = Counter(id_ for id_, kind, _, _, side in parts if kind == "picture" and side == "request")
    assert pictures == Counter({id_: request.pictures for id_, request in requests.items() if request.pictures})
    tools = Counter(id_ for id_, kind, _, _, _ in parts if kind == "tool")
    assert tools == Counter({id_: len(request.tools) for id_, request in requests.items() if request.tools})


def test_nothing_is_reported_but_the_known_exceptions(ran: tuple[Place, Ran, Any]) -> None:
    known = {(exception["id"], exception["rule"]) for exception in EXCEPTIONS}
    wrong = {
        f"{id_}: {row['rule_id']} ({row['verdict']}) by {sorted({proof['signal'] for proof in row['evidence']})}"
        for id_, rows in ran[2].items()
        for row in rows
        if (id_, row["rule_id"]) not in known
    }
    assert not wrong, "\n".join(["innocent requests are reported:", *sorted(wrong)])


def test_every_exception_says_why_and_is_still_reported(ran: tuple[Place, Ran, Any]) -> None:
    reported = {(id_, row["rule_id"]) for id_, rows in ran[2].items() for row in rows}
    for exception in EXCEPTIONS:
        assert exception.keys() == {"id", "rule", "reason"}
        assert exception["reason"].strip()
        assert (exception["id"], exception["rule"]) in reported, f"{exception['id']} is no longer reported; take it out"


def test_a_prohibited_request_that_is_written_so_is_reported(place: Place, read_once: None) -> None:
    bad = Request("bad", "us_police", "en", "", (Turn("user", MATCHING, pictures=2),), answer=MATCHED)
    write_logs([bad], place.logs)
    register(place.register)
    assert command(*place.run).code == 0
    assert {row["verdict"] for row in by_request(findings_of(place.reports))["bad"]} >= {"violation"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("why", "because"), "keys missing or unknown: ['because', 'why']"),
        (('"other"', '"police"'), "tenant is one of"),
        (("user =", 'api = "video", user ='), "api one of"),
        (("user =", "turns = [], user ="), "either turns"),
        (('user = "Hello."', "turns = []"), "a turn has role and text"),
        (('user = "Hello."', 'turns = [{ role = "user", text = "Hi.", picture = 1 }]'), "a turn has role and text"),
        (("user =", 'expect = "violation", user ='), "stands with uses"),
        (("user =", 'expect = "report", uses = ["identify"], user ='), "expect is one of"),
        (('user = "Hello."', 'api = "speech", user = "Hi.", pictures = 1'), "only chat has"),
    ],
)  # fmt: skip
def test_a_request_that_is_written_wrongly_is_refused(tmp_path: Path, change: tuple[str, str], error: str) -> None:
    (tmp_path / "one.toml").write_text(ONE.replace(*change))
    with pytest.raises(ValueError, match=r"one\.toml: a: ") as told:
        read_requests(tmp_path)
    assert error in str(told.value)


def test_an_id_stands_once_in_all_files(tmp_path: Path) -> None:
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(ONE)
    with pytest.raises(ValueError, match=r"two\.toml: a: this id is used twice"):
        read_requests(tmp_path)


def _text_id(text: str) -> str:
    """As docs/schema.md says of text_id."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
