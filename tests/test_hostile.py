"""Input made to break a reader is bounded, counted and explained, and costs itself only."""

import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from jobs import ACCOUNT, START, Row, as_lines, asked, gateway_row, resource_row, rows_of, stamp

import analyzer

MIB = 1 << 20


def loaded(folder: Path, content: bytes, name: str = "a.jsonl") -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """The buckets of a file, and its quarantine: line and reason. The store must hold."""
    path = folder / name
    path.write_bytes(content)
    ended = analyzer.load([str(path)], folder / "audit.duckdb")
    assert ended.loaded is not None
    buckets = ended.loaded.buckets
    assert buckets["frames"] == buckets["opened"] + buckets["blank"] + buckets["quarantined"] + buckets["pending"]
    return dict(buckets), rows_of(folder / "audit.duckdb", "SELECT line, reason FROM store.quarantine ORDER BY line")


def around(line: bytes) -> bytes:
    """A line between two good ones."""
    return as_lines([resource_row("before")]) + line + b"\n" + as_lines([resource_row("after")])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "not_json"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "not_json"),
        (b'{"category":"RequestResponse","properties":' + b"[" * 101 + b"]" * 101 + b"}", "not_json"),
        (b"x" * (64 * MIB + 1), "too_long"),
        (b'{"a":"\xff"}', "not_utf8"),
        (b'{"records":[' + b"1," * 600_000 + b"1]}", "too_many"),
    ],
    ids=["nested lists", "nested objects", "a nested field", "a line over the limit", "no UTF-8", "too many records"],
)
def test_a_line_that_cannot_be_opened_is_quarantined_and_its_neighbours_load(
    line: bytes, reason: str, tmp_path: Path
) -> None:
    buckets, quarantine = loaded(tmp_path, around(line))
    assert quarantine == [(2, reason)]
    assert buckets["loaded"] == 2


def odd(**changed: Any) -> Row:
    return {**resource_row("odd"), **changed}


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({f"key{number}": number for number in range(100_000)} | odd()),
        json.dumps(odd(durationMs=2**200, resultSignature=10**400)),
        json.dumps(odd())[:-1] + ', "durationMs": 7, "correlationId": "odd"}',
        json.dumps(odd(location="x\ud83dy")),
        json.dumps(odd(resourceId=ACCOUNT, category="RequestResponse", operationName="x" * MIB)),
        json.dumps(odd())[:-1] + ', "durationMs": 1e999}',
    ],
    ids=["100,000 keys", "numbers beyond 64 bits", "keys said twice", "half a surrogate", "a long name", "infinity"],
)
def test_a_strange_record_is_loaded_or_counted_and_its_neighbours_load(line: str, tmp_path: Path) -> None:
    buckets, quarantine = loaded(tmp_path, around(line.encode()))
    assert buckets["loaded"] + len(quarantine) == 3
    assert buckets["loaded"] >= 2


def test_half_a_surrogate_in_a_prompt_loses_that_character_only(tmp_path: Path) -> None:
    body = '{"messages":[{"role":"user","content":"before \\ud83d after"}]}'
    loaded(tmp_path, as_lines([gateway_row("one", requestBody=body)]))
    assert rows_of(tmp_path / "audit.duckdb", "SELECT chars FROM store.parts WHERE kind = 'text'") == [
        (len("before \ufffd after"),)
    ]


def test_a_body_nested_beyond_all_measure_is_kept_as_fragments(tmp_path: Path) -> None:
    body = '{"messages":' + "[" * 3_000 + "]" * 3_000 + "}"
    buckets, _ = loaded(tmp_path, as_lines([gateway_row("deep", requestBody=body), gateway_row("one", **asked("Hi."))]))
    assert buckets["loaded"] == 2
    seen = rows_of(tmp_path / "audit.duckdb", "SELECT request_id, prompt_seen FROM store.requests ORDER BY ALL")
    assert seen[0][1] != "full" and seen[1] == ("one", "full")


def bomb(size: int) -> bytes:
    """A gzip stream that unpacks to blanks."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as stream:
        for _ in range(size // MIB):
            stream.write(b" " * MIB)
    return packed.getvalue()


def test_a_gzip_bomb_is_refused_without_filling_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(bomb(600 * MIB))
    write = tmp_path / "good.json"
    write.write_bytes(as_lines([resource_row("one")]))
    tracemalloc.start()
    ended = analyzer.load([str(tmp_path)], tmp_path / "db" / "audit.duckdb")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ended.loaded is not None and ended.code == 3
    assert peak < 400 * MIB
    assert ended.loaded.buckets["loaded"] == 1


def test_a_zip_bomb_is_refused_and_the_other_members_load(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.jsonl", as_lines([resource_row("one")]))
        archive.writestr("bomb.jsonl", b" " * (600 * MIB))
    ended = analyzer.load([str(tmp_path / "export.zip")], tmp_path / "audit.duckdb")
    assert ended.loaded is not None and ended.code == 3
    assert ended.loaded.buckets["loaded"] == 1
    found = rows_of(tmp_path / "audit.duckdb", "SELECT path, state FROM store.files WHERE path LIKE '%!%'")
    states = {path.rpartition("!")[2]: state for path, state in found}
    assert states["good.jsonl"] == "complete"
    assert states["bomb.jsonl"] in ("broken", "unreadable")


def test_times_at_the_end_of_the_world_are_no_error(tmp_path: Path) -> None:
    rows = [
        {**resource_row("one"), "time": "9999-12-31T23:59:59.9999999Z"},
        {**resource_row("two"), "time": "0001-01-01T00:00:00.0000000Z"},
        {**gateway_row("three"), "time": stamp(START), "durationMs": 2**63 - 1},
    ]
    buckets, quarantine = loaded(tmp_path, as_lines(rows))
    assert buckets["loaded"] + len(quarantine) == 3
