"""What holds for any input: buckets add up, order and splitting mean nothing, and no text is lost or changed."""

import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from jobs import (
    HARMLESS,
    MATCHING,
    POLICE,
    SHOP,
    START,
    Place,
    Row,
    as_lines,
    asked,
    command,
    gateway_row,
    llm_rows,
    resource_row,
    rows_of,
    write_register,
)

FEW = settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
FEWER = settings(FEW, max_examples=4, phases=[Phase.explicit, Phase.generate])  # an example takes seconds


@contextmanager
def new_place() -> Iterator[Place]:
    """A place of its own for each example."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        place.logs.mkdir()
        write_register(place.register, POLICE, SHOP)
        yield place


def load(place: Place) -> int:
    """Loads what lies there; the exit code."""
    return command("load", str(place.logs), "--db", str(place.db)).code


# --- buckets ----------------------------------------------------------------------------------------------------------

GOOD = as_lines([resource_row("one"), gateway_row("two", **asked(HARMLESS)), *llm_rows("three", HARMLESS)]).splitlines()
FOREIGN = [b'{"category": "AuditEvent", "resourceId": "/X", "operationName": "VaultGet"}', b'{"any": 1}', b"[]", b"1"]
HOLDING = [b'{"records": [' + b", ".join(GOOD[:2]) + b"]}", b"[" + GOOD[0] + b', {"no": "record"}, 7]']
BROKEN = [b"\xff\xfe", b"\x00", b'{"category": ', b"no json", b'{"a": "\xc3"}', b'{"records": [1, ]}', b"[" * 5000]
LINE = st.one_of(
    st.sampled_from([*GOOD, *GOOD, *FOREIGN, *HOLDING]),
    st.sampled_from([*BROKEN, b"", b"  ", b"\r"]),
    st.binary(max_size=40),
)
BYTES = st.builds(
    lambda head, lines, end, last: head + end.join(lines) + (end if last else b""),
    st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\n"]),
    st.lists(LINE, max_size=8),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
)


@dataclass(frozen=True)
class File:
    """A file as it is put there: its bytes, gzipped or not, and how many of its last bytes are missing."""

    content: bytes
    zipped: bool
    cut: int

    def write(self, path: Path) -> None:
        whole = gzip.compress(self.content) if self.zipped else self.content
        path.with_suffix(".json.gz" if self.zipped else ".json").write_bytes(whole[: len(whole) - self.cut])


FILES = st.lists(st.builds(File, BYTES, st.booleans(), st.sampled_from([0, 0, 0, 3, 30])), min_size=1, max_size=3)
FRAMES = "frames, opened, blank, quarantined, pending, items, loaded, duplicates, foreign_items, unrecognised"


@settings(FEW, max_examples=25)
@given(files=FILES)
@example(files=[File(b"", False, 0), File(b"\xef\xbb\xbf", True, 0), File(b"{\n", False, 0)])
@example(files=[File(b'{"records": [\n' + GOOD[0] + b",\n" + GOOD[1] + b"]}\n", False, 0)])
@example(files=[File(b"[" * 5000, False, 0), File(b"[" * 5000 + b"\n", True, 0)])
def test_every_frame_and_item_of_any_bytes_is_in_exactly_one_bucket(files: list[File]) -> None:
    with new_place() as place:
        for number, file in enumerate(files):
            file.write(place.logs / f"{number}.json")
        code = load(place)
        rows = rows_of(place.db, f"SELECT {FRAMES}, quarantined_items FROM store.buckets")
        for frames, opened, blank, bad, pending, items, loaded, doubled, foreign, unknown, bad_items in rows:
            assert frames == opened + blank + bad + pending
            assert items == loaded + doubled + foreign + unknown + bad_items
            assert min(opened, blank, bad, pending, loaded, doubled, foreign, unknown, bad_items) >= 0
        ((stored, quarantined),) = rows_of(
            place.db, "SELECT (SELECT count(*) FROM store.records), (SELECT count(*) FROM store.quarantine)"
        )
        assert stored == sum(row[6] + row[7] for row in rows)
        assert quarantined == sum(row[3] + row[10] for row in rows)
        broken = rows_of(place.db, "SELECT count(*) FROM store.files WHERE state = 'broken'")[0][0]
        assert code == (3 if quarantined or broken else 0)
        for path, frames in _line_counts(place, files):
            assert rows_of(place.db, "SELECT frames FROM files WHERE path = ?", str(path.resolve())) == [(frames,)]
        assert load(place) == 0
        assert rows_of(place.db, "SELECT count(*) FROM store.records") == [(stored,)]


def _line_counts(place: Place, files: list[File]) -> Iterator[tuple[Path, int]]:
    """How many lines the plain files have that cannot be one JSON document over several lines."""
    for number, file in enumerate(files):
        content = file.content[: len(file.content) - file.cut] if file.cut else file.content
        start = content.removeprefix(b"\xef\xbb\xbf")
        if not file.zipped and start.lstrip()[:1] not in (b"{", b"["):
            lines = start.split(b"\n")
            yield place.logs / f"{number}.json", len(lines) - (not lines[-1])


@FEW
@given(content=BYTES, borders=st.lists(st.integers(0, 2000), max_size=4))
def test_a_file_that_grows_in_steps_ends_like_one_that_came_at_once(content: bytes, borders: list[int]) -> None:
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        content = GOOD[0] + b"\n" + content  # a document over several lines is read once it is whole
    columns = "line, byte_offset, byte_length, sha256"
    found = []
    for steps in ([len(content)], [*sorted(border % (len(content) + 1) for border in borders), len(content)]):
        with new_place() as place:
            for end in steps:
                (place.logs / "a.json").write_bytes(content[:end])
                load(place)
            found.append(
                [
                    rows_of(place.db, f"SELECT {columns} FROM {table} ORDER BY ALL")
                    for table in ("records", "quarantine")
                ]
                + [rows_of(place.db, "SELECT frames - pending, opened, blank, quarantined, items, loaded FROM files")]
            )
    assert found[0] == found[1]


# --- order and splitting ----------------------------------------------------------------------------------------------

MATCH_AT = [START + timedelta(minutes=minutes) for minutes in (0, 20, 45, 90)]
RECORDS: list[Row] = [
    *(gateway_row(f"match-{place}", at=at, **asked(MATCHING)) for place, at in enumerate(MATCH_AT)),
    gateway_row("split", at=START + timedelta(minutes=65), responseCode=200),
    *llm_rows("split", f"{HARMLESS} {MATCHING}", at=START + timedelta(minutes=65), cuts=(30, 60, 90)),
    *llm_rows("lost", MATCHING, at=START + timedelta(minutes=66), cuts=(50,)),
    gateway_row("calm", at=START + timedelta(minutes=10), subscription="corner", **asked(HARMLESS)),
    resource_row("account", at=START),
    resource_row("account", at=START),  # written twice, as Azure sometimes does
]
# signals through its view: what was found in texts that no part holds any more is kept for when they come again
TABLES = [
    *("store.requests", "store.parts", "store.tenant_of", "store.sessions", "store.outcomes", "main.signals"),
    *("store.uses", "store.findings", "store.tenants", "store.actors", "store.rule_days"),
]


@st.composite
def spreads(draw: st.DrawFn) -> list[list[tuple[str, list[int]]]]:
    """The records in any order over any files over one to three runs: for each run its new files."""
    order = draw(st.permutations(range(len(RECORDS))))
    borders = sorted(draw(st.lists(st.integers(0, len(order)), max_size=6)))
    pieces = [order[start:end] for start, end in zip([0, *borders], [*borders, len(order)], strict=True) if start < end]
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=len(pieces), max_size=len(pieces), unique=True))
    endings = draw(st.lists(st.sampled_from([".json", ".json.gz"]), min_size=len(pieces), max_size=len(pieces)))
    runs: list[list[tuple[str, list[int]]]] = [[] for _ in range(draw(st.integers(1, 3)))]
    for name, ending, piece in zip(names, endings, pieces, strict=True):
        runs[draw(st.integers(0, len(runs) - 1))].append((f"{name}{ending}", list(piece)))
    return [run for run in runs if run]


def judged(runs: Sequence[Sequence[tuple[str, Sequence[int]]]]) -> dict[str, Counter[str]]:
    """What the store holds after these runs; only the last one needs to judge, but each does."""
    with new_place() as place:
        for files in runs:
            for name, numbers in files:
                content = as_lines(RECORDS[number] for number in numbers)
                (place.logs / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
            ran = command(*place.run)
            assert ran.code == 0, ran.err
        return {table: Counter(map(repr, rows_of(place.db, f"SELECT * FROM {table}"))) for table in TABLES}


@cache
def in_one_file() -> dict[str, Counter[str]]:
    return judged([[("a.json", range(len(RECORDS)))]])


def test_the_records_of_the_property_hold_what_it_is_about(read_once: None) -> None:
    found = in_one_file()
    assert sum(found["store.requests"].values()) == 8
    assert any("COC-FR-US-POLICE" in row and "violation" in row for row in found["store.findings"])
    assert any("gateway_row_missing" in row for row in found["store.tenants"])


@FEWER
@given(runs=spreads())
def test_order_and_splitting_over_files_and_runs_change_nothing(
    read_once: None, runs: list[list[tuple[str, list[int]]]]
) -> None:
    found = judged(runs)
    for table, rows in in_one_file().items():
        assert found[table] == rows, table


@FEW
@given(
    prompt=st.text(min_size=1, max_size=80),
    cuts=st.lists(st.integers(1, 400), max_size=5),
    order=st.randoms(use_true_random=False),
    runs=st.integers(1, 3),
)
def test_chunks_with_distinct_times_are_put_together_however_they_come(
    prompt: str, cuts: list[int], order: Any, runs: int
) -> None:
    rows = llm_rows("call", prompt, cuts=cuts)
    order.shuffle(rows)
    with new_place() as place:
        for run in range(runs):
            for number, row in enumerate(rows[run::runs]):
                (place.logs / f"{run}-{order.randrange(100)}-{number}.json").write_bytes(as_lines([row]))
            assert load(place) == 0
        assert kept(place, "user") == [prompt]
        assert rows_of(place.db, "SELECT prompt_seen, order_uncertain FROM requests") == [("full", False)]


# --- texts ------------------------------------------------------------------------------------------------------------

TEXT = st.text(min_size=1, max_size=60) | st.sampled_from(
    ["data: x", "[1]", '{"a": 1}', '"', "\\", "\\u00e9", "null", " ", "\r\n", "\x00", "\u2028", "\U0001f600", "a\ufeff"]
)


def kept(place: Place, role: str, kind: str = "text") -> list[str]:
    """The texts of the parts of a role and kind, in order, as NAME.text holds them."""
    texts = place.db.with_name(place.db.name + ".text")
    held = {
        row["text_id"]: row["text"]
        for path in texts.rglob("*.parquet")
        for row in pq.read_table(path, columns=["text_id", "text"]).to_pylist()
    }
    with duckdb.connect(str(place.db), read_only=True) as con:
        parts = con.execute("SELECT text_id FROM parts WHERE role = ? AND kind = ? ORDER BY part_no", [role, kind])
        return [held[text_id] for (text_id,) in parts.fetchall()]


@FEW
@given(system=TEXT, prompt=TEXT, answer=TEXT, encoded=st.booleans(), plain=st.booleans())
def test_any_text_of_a_logged_body_survives_unchanged(
    system: str, prompt: str, answer: str, encoded: bool, plain: bool
) -> None:
    asking = {"messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}]}
    told = {"choices": [{"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}]}
    request, response = (json.dumps(body, ensure_ascii=plain) for body in (asking, told))
    row = gateway_row("one", requestBody=request, responseBody=response)
    if encoded:
        row["properties"] = json.dumps(row["properties"])
    with new_place() as place:
        (place.logs / "a.json").write_text(json.dumps(row, ensure_ascii=plain) + "\n", encoding="utf-8", newline="")
        assert load(place) == 0
        assert (kept(place, "system"), kept(place, "user"), kept(place, "assistant")) == ([system], [prompt], [answer])


@FEW
@given(prompt=TEXT, answer=TEXT, description=TEXT, argument=TEXT)
def test_any_text_of_prompts_tools_and_calls_survives_unchanged(
    prompt: str, answer: str, description: str, argument: str
) -> None:
    tool = {"type": "function", "function": {"name": "look", "description": description}}
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": argument}}
    asking = {"messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}], "tools": [tool]}
    told = {"choices": [{"message": {"role": "assistant", "content": answer, "tool_calls": [call]}}]}
    with new_place() as place:
        row = gateway_row("one", requestBody=json.dumps(asking), responseBody=json.dumps(told))
        (place.logs / "a.json").write_bytes(as_lines([row]))
        assert load(place) == 0
        assert (kept(place, "user"), kept(place, "assistant")) == ([prompt], [answer])
        (said,) = kept(place, "assistant", "tool_call")
        assert argument in said
        held = rows_of(place.db, "SELECT count(*) FROM parts WHERE kind = 'tool'")
        assert held == [(1,)]
