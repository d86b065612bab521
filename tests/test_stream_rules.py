"""Rules over streams: with the limits that they ship with, over everything and over parts, and on innocent streams."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from analyzer import shipped
from analyzer.cases import fill
from analyzer.detection import find_uses, restrict
from analyzer.lexicon import Lexicon, load_lexicon
from analyzer.rules import Rule, load_rules
from analyzer.store import create_schema

Row = dict[str, Any]

QUERIES = shipped.folder("queries")
START = datetime(2026, 6, 1, 22)
UNSEEN: Row = {"prompt_seen": "none", "answer_seen": "none", "system_seen": "unknowable", "tools_seen": False}
FRAME: Row = {"kind": "picture", "width": 1280, "height": 720, "bytes": 90_000}
FACES = "Corridor camera. Watch the faces and tell us when a known face appears."


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon(QUERIES / "lexicon", prove=False)


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    return tuple(rule for rule in load_rules(QUERIES / "rules") if rule.scope == "stream")


def store(requests: Sequence[Row], lexicon: Lexicon) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 2})
    create_schema(con)
    fill(con, requests, lexicon)
    return con


def stream(
    name: str, count: int, seconds: float, parts: Callable[[int], list[Row]] = lambda number: [], **columns: Any
) -> list[Row]:
    """Calls of a tenant of its own, ``seconds`` apart."""
    return [
        {
            "id": f"{name} {number:04}", "tenant": name, "at": START + timedelta(seconds=number * seconds),
            "deployment": "kite-7", **columns, "parts": parts(number),
        }
        for number in range(count)
    ]  # fmt: skip


def shown(text: str, *pictures: Row) -> Callable[[int], list[Row]]:
    """Parts of a call that shows pictures, one frame where none is named."""
    return lambda number: [{"role": "user", "text": text}, *(pictures or (FRAME,))]


def probe(number: int) -> list[Row]:
    """One face beside another, in one message."""
    pictures = [{"kind": "picture", "turn_no": 1, "picture": name} for name in ("probe", f"other {number}")]
    return [{"role": "user", "text": "Is this the same person? Compare the faces."}, *pictures]


# --- the limits that they ship with -----------------------------------------------------------------------------------

# What a rule must find when the least that it needs is there, and not with one call fewer.
LEAST: dict[str, tuple[int, Callable[[int], list[Row]]]] = {
    "camera_stream": (8, lambda n: stream("one", n, 60, shown("who is this man"))),
    "camera_cadence": (20, lambda n: stream("one", n, 30, deployment="bwc-live", **UNSEEN)),
    "people_stream": (8, lambda n: stream("one", n, 60, shown("follow the man in red from camera to camera"))),
    "gallery_burst": (20, lambda n: stream("one", n, 30, shown("which booking photo matches his face"))),
    "repeated_probe": (8, lambda n: stream("one", n, 500, probe)),
    "fixed_view": (12, lambda n: stream("one", n, 900, shown(FACES))),
    "round_the_clock": (41, lambda n: stream("one", n, 1800, shown(FACES))),
    "sized_calls": (
        30,
        lambda n: stream("one", n, 20, deployment="face-match-prod", request_bytes=180_000, **UNSEEN),
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule_id", LEAST)
def test_a_stream_is_found_from_the_least_number_of_calls_on_and_all_of_them_are_cited(
    rule_id: str, lexicon: Lexicon, rules: tuple[Rule, ...]
) -> None:
    rule = [rule for rule in rules if rule.id == rule_id]
    least, made = LEAST[rule_id]
    with store(made(least), lexicon) as con:
        (use,) = find_uses(con, rule).to_pylist()
    assert use["request_keys"] == [f"one {number:04}" for number in range(least)]
    assert use["subject"] == "one 0000" and use["evidence"]
    with store(made(least - 1), lexicon) as con:
        assert find_uses(con, rule).to_pylist() == []


def test_every_rule_over_streams_is_held_to_its_limits(rules: tuple[Rule, ...]) -> None:
    assert sorted(LEAST) == sorted(rule.id for rule in rules)


@pytest.mark.parametrize("rule_id", ["camera_cadence", "sized_calls"])
def test_without_content_a_stream_is_never_more_than_a_weak_sign(
    rule_id: str, lexicon: Lexicon, rules: tuple[Rule, ...]
) -> None:
    least, made = LEAST[rule_id]
    with store(made(least * 10), lexicon) as con:
        found = find_uses(con, rules).to_pylist()
    assert {use["strength"] for use in found} == {"weak"}
    assert rule_id in {use["rule_id"] for use in found}


def test_requests_of_a_long_stream_are_cited_up_to_a_limit(lexicon: Lexicon, rules: tuple[Rule, ...]) -> None:
    rule = [rule for rule in rules if rule.id == "camera_cadence"]
    with store(stream("one", 1200, 1, deployment="bwc-live", **UNSEEN), lexicon) as con:
        (use,) = find_uses(con, rule).to_pylist()
    assert len(use["request_keys"]) == rule[0].params["most_requests"] == 1000


# --- partition by partition -------------------------------------------------------------------------------------------


def everything() -> Iterator[Row]:
    """Each stream twice, under two tenants of one deployment's name, and all mixed under a third."""
    for rule_id, (least, made) in LEAST.items():
        for tenant in (f"{rule_id} a", f"{rule_id} b", "mixed"):
            yield from (
                {**call, "id": f"{tenant} {rule_id} {call['id']}", "tenant": tenant} for call in made(least + 3)
            )


def test_every_stream_is_found_the_same_at_once_and_by_parts(lexicon: Lexicon, rules: tuple[Rule, ...]) -> None:
    with store(list(everything()), lexicon) as con:
        whole = find_uses(con, rules).to_pylist()
        sets = con.execute(
            "SELECT list(request_key) FROM requests GROUP BY tenant_id, deployment ORDER BY min(request_key)"
        ).fetchall()
        parts: list[Row] = []
        for hand in range(3):
            with restrict(con, pa.array([key for (keys,) in sets[hand::3] for key in keys])):
                parts += find_uses(con, rules).to_pylist()
    assert {use["rule_id"] for use in whole} == {rule.id for rule in rules}
    assert sorted(parts, key=lambda use: (use["rule_id"], use["subject"])) == whole
    for use in whole:
        assert len({key.split(" ")[0] for key in use["request_keys"]}) == 1


# --- innocent streams -------------------------------------------------------------------------------------------------

INNOCENT = [
    ("trail-cam-live", "Wildlife camera in the reserve. Say which animal is seen and how many; alert on bears."),
    ("barn-watch", "Barn camera. Watch the cows, tell when one is about to calve."),
    ("nest-live", "Nest camera: count the birds in the nest, say whether a parent is feeding."),
    ("shelf-camera-4", "Shelf camera. Compare the shelf with the planogram and list missing facings."),
    ("stock-live", "Freezer aisle, live. Monitor the stock and alert when a facing is empty."),
    ("junction-live", "Junction camera, live. Count the vehicles per lane and classify them as car, truck or bus."),
    ("parking-live", "Parking deck. Say which bays are free. Number plates are not read."),
    ("gate-plates", "Gate camera: read the licence plate of the truck and the container number."),
    ("lobby-live", "Lobby camera. Count the people in the queue and say when a second desk should open."),
    ("platform-live", "Platform camera. Estimate crowd density from 1 to 5. Nobody is identified."),
    ("footfall", "Shop entrance. Number of people entering in this frame; do not describe them."),
    ("scan-line-2", "Read the scanned form and give the fields as JSON."),
    ("passport-mrz", "Give the machine-readable zone of the passport page. Ignore the photo."),
    ("invoices", "Read supplier, date and total from the invoice."),
    ("mailroom", "Which department is this letter for?"),
    ("claims-vision", "Describe the damage to the vehicle and estimate the cost of repair."),
    ("roof-claims", "Compare the roof before and after the hail and mark broken tiles."),
    ("ridge-live", "Lookout tower, one frame per minute. Answer smoke or no smoke."),
    ("weld-check", "Compare the weld with the reference picture and list defects."),
    ("line-3-live", "Conveyor, two frames per second. Reject when the label is crooked."),
    ("site-cam-live", "Building site, live. Say whether everybody in view wears a helmet."),
    ("pool-live", "Pool camera. Raise the alarm when somebody lies still under water."),
    ("river-gauge", "Read the gauge in the picture and give the level in centimetres."),
    ("greenhouse", "Are there signs of mildew on the leaves?"),
    ("microscope", "Count the cells in the field of view."),
    ("xray-queue", "Describe the X-ray; is there a fracture?"),
    ("redact-live", "Box every face so that it can be blurred before release."),
    ("privacy-blur", "Mask all faces and plates in the frame, then say whether any was missed."),
    ("drone-survey", "Drone survey of the bridge: list cracks and rust in the picture."),
    ("drone-crops", "Drone over the field. Estimate the share of dry plants."),
    ("bwc-weapons", "Frames from an officer's body-worn camera. Answer clear, weapon or fire. Nothing on persons."),
    ("alt-text", "Write alternative text for the picture."),
    ("menu-photos", "Which dish is this? Give the calories."),
    ("real-estate", "Describe the room for the listing."),
    ("fashion", "Which garments are shown? Give colour and fabric."),
    ("kamera-parkplatz", "Parkplatzkamera: Wie viele Stellplätze sind frei? Kennzeichen nicht lesen."),
    ("wildkamera", "Wildkamera. Welches Tier ist zu sehen? Bei Wildschweinen Alarm."),
    ("regal-live", "Regalkamera: Welche Fächer sind leer?"),
    ("camara-trafico", "Cámara de tráfico. Cuenta los vehículos por carril y di si hay atasco."),
    ("almacen", "Lee la etiqueta de la caja y da el número de lote."),
    ("camera-foret", "Caméra forestière. Réponds fumée ou pas de fumée."),
    ("constat", "Décris les dégâts sur le véhicule."),
    ("estoque", "Câmera da prateleira: quais produtos estão em falta?"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "count"), [(1, 700), (5, 60), (300, 40), (1800, 60)])
def test_innocent_streams_are_no_use(seconds: int, count: int, lexicon: Lexicon, rules: tuple[Rule, ...]) -> None:
    calls = [
        call
        for deployment, text in INNOCENT
        for call in stream(deployment, count, seconds, shown(text), deployment=deployment)
    ]
    with store(calls, lexicon) as con:
        assert [(use["rule_id"], use["subject"]) for use in find_uses(con, rules).to_pylist()] == []


@pytest.mark.parametrize("seconds", [1, 1800])
def test_innocent_names_without_content_are_no_use(seconds: int, lexicon: Lexicon, rules: tuple[Rule, ...]) -> None:
    names = [
        "trail-cam-animals",
        "shelf-camera-4",
        "junction-counts",
        "scan-line-2",
        "claims-vision",
        "drafts",
        "vision-prod",
    ]
    calls = [
        call for name in names for call in stream(name, 60, seconds, deployment=name, request_bytes=180_000, **UNSEEN)
    ]
    with store(calls, lexicon) as con:
        assert find_uses(con, rules).num_rows == 0
