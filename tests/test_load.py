"""Loading goes on where it ended, counts everything once, and loses no text."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import START, Row, as_lines, asked, gateway_row, llm_rows, resource_row, write_logs

from analyzer import sources, store, streams
from analyzer.errors import BrokenStreamError, StoreError
from analyzer.loading import Loaded, load
from analyzer.store import Store

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
CALLS = [gateway_row(f"call-{number}", START + timedelta(seconds=number), **asked("Hello.")) for number in range(6)]


@dataclass(frozen=True)
class Place:
    """A folder of logs and a store."""

    folder: Path

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def store(self) -> Store:
        return Store(self.folder / "audit.duckdb")

    def write(self, name: str, content: bytes) -> Path:
        self.logs.mkdir(exist_ok=True)
        path = self.logs / name
        path.write_bytes(content)
        return path

    def load(self, run: str = "run") -> Loaded:
        with self.open() as con:
            return load(con, self.store, sources.find([str(self.logs)]), run)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.open() as con:
            return con.execute(sql).fetchall()

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with store.locked(self.store), store.writer(self.store) as con:
            yield con


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def counts(loaded: Loaded) -> dict[str, int]:
    return {name: count for name, count in loaded.buckets.items() if count}


def add_up(buckets: Counter[str]) -> bool:
    """Whether every frame and every item counts once."""
    ends = ("loaded", "duplicates", "foreign_items", "unrecognised", "quarantined_items")
    frames = sum(buckets[name] for name in ("opened", "blank", "quarantined", "pending"))
    return buckets["frames"] == frames and buckets["items"] == sum(buckets[name] for name in ends)


# --- what comes in ----------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_any_text_in_a_log_lies_beside_the_store(said: list[str]) -> None:
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        place.write("a.json", as_lines(gateway_row(f"call-{n}", requestBody=text) for n, text in enumerate(said)))
        place.load()
        with place.open() as con:
            con.execute("CREATE TEMP VIEW wanted AS SELECT text_id, day FROM store.fragments")
            found = store.read_texts(con, place.store, "wanted")
            ids = {row[0] for row in con.execute("SELECT text_id FROM store.fragments").fetchall()}
        assert set(found.column("text").to_pylist()) == set(said)
        assert set(found.column("text_id").to_pylist()) == ids


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=50), st.sampled_from(CALLS).map(lambda row: json.dumps(row).encode()))))
def test_buckets_add_up_and_name_every_record_in_the_store(lines: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        place.write("a.json", b"\n".join(lines))
        place.write("b.json", b"\n".join(reversed(lines)))
        loaded = place.load()
        assert add_up(loaded.buckets)
        ((records, files),) = place.rows("SELECT (SELECT count(*) FROM store.records), (SELECT sum(frames) FROM files)")
        assert records == loaded.buckets["loaded"] + loaded.buckets["duplicates"]
        assert files == loaded.buckets["frames"]


def test_a_text_said_many_times_on_a_day_is_kept_once_and_again_on_the_next(place: Place) -> None:
    rows = [gateway_row(f"c{n}", START + timedelta(days=n % 2), requestBody="the same") for n in range(10)]
    place.write("a.json", as_lines(rows[:5]))
    place.load()
    place.write("b.json", as_lines(rows[5:]))
    place.load()
    assert place.rows("SELECT day::VARCHAR, count(*) FROM store.texts GROUP BY day ORDER BY day") == [
        ("2026-06-01", 1), ("2026-06-02", 1),
    ]  # fmt: skip
    assert place.rows("SELECT count(*), count(DISTINCT text_id) FROM store.fragments") == [(10, 1)]


def test_segments_are_readable_by_their_owner_only_and_named_by_the_store(place: Place) -> None:
    place.write("a.json", as_lines(CALLS))
    place.load()
    folder = place.store.texts
    assert folder.stat().st_mode & 0o077 == 0
    there = {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}
    assert {name for (name,) in place.rows("SELECT DISTINCT segment FROM store.texts")} == there


# --- what comes again -------------------------------------------------------------------------------------------------


def test_a_file_that_did_not_change_is_not_read_again(place: Place) -> None:
    place.write("a.json", as_lines(CALLS))
    place.load()
    again = place.load()
    assert again.files == {"unchanged": 1}
    assert counts(again) == {}


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_a_file_that_grew_is_read_on_from_its_end(place: Place, ending: bytes) -> None:
    lines = [json.dumps(row).encode() for row in CALLS]
    place.write("a.json", b"\n".join(lines[:2]) + ending)
    assert counts(place.load())["loaded"] == 2
    place.write("a.json", b"\n".join(lines[:2]) + (ending or b"\n") + b"\n".join(lines[2:]) + b"\n")
    grown = place.load()
    assert grown.files == {"grown": 1}
    assert (grown.buckets["loaded"], grown.buckets["duplicates"]) == (4, 0)
    assert place.rows("SELECT list(line ORDER BY byte_offset), max(generation) FROM store.records") == [
        ([1, 2, 3, 4, 5, 6], 1)
    ]


def test_an_unfinished_last_line_is_read_when_it_is_finished(place: Place) -> None:
    content = as_lines(CALLS)
    place.write("a.json", content[:-30])
    first = place.load()
    assert (first.buckets["loaded"], first.buckets["pending"], first.read_badly) == (5, 1, False)
    place.write("a.json", content)
    second = place.load()
    assert (second.buckets["loaded"], second.buckets["frames"]) == (1, 1)
    assert place.rows("SELECT count(*), count(DISTINCT request_id) FROM store.records") == [(6, 6)]


def test_a_rewritten_file_replaces_its_own_records_and_marks_their_requests(place: Place) -> None:
    place.write("a.json", as_lines(CALLS[:3]))
    place.write("b.json", as_lines(CALLS[3:4]))
    place.load()
    place.rows("DELETE FROM store.dirty")
    place.write("a.json", as_lines(CALLS[4:]))
    assert place.load().files == {"rewritten": 1, "unchanged": 1}
    assert place.rows("SELECT list(request_id ORDER BY request_id) FROM records") == [(["call-3", "call-4", "call-5"],)]
    assert place.rows("SELECT count(*) FROM (SELECT DISTINCT request_key FROM store.dirty)") == [(5,)]


def test_a_record_that_was_there_counts_as_a_duplicate_wherever_it_comes_from(place: Place) -> None:
    row = resource_row("x")
    place.write("a.json", as_lines([CALLS[0], CALLS[0], row]))
    assert counts(place.load()) == {"frames": 3, "opened": 3, "items": 3, "loaded": 2, "duplicates": 1}
    place.write("b.json", as_lines([CALLS[0], CALLS[1], row]))
    assert counts(place.load()) == {"frames": 3, "opened": 3, "items": 3, "loaded": 1, "duplicates": 2}


# --- what cannot be read ----------------------------------------------------------------------------------------------


def test_a_file_with_another_ending_is_skipped_and_one_that_is_forbidden_costs_itself_only(place: Place) -> None:
    place.write("a.json", as_lines(CALLS))
    place.write("notes.txt", b"not a log")
    (place.logs / "gone.json").symlink_to(place.logs / "nowhere.json")
    loaded = place.load()
    assert loaded.files == {"new": 1, "skipped": 1, "unreadable": 1}
    assert loaded.read_badly
    states = dict(place.rows("SELECT parse_filename(path), state FROM store.files"))
    assert (states["a.json"], states["notes.txt"], states["nowhere.json"]) == ("complete", "skipped", "unreadable")


@pytest.mark.parametrize("broken", [lambda packed: packed[:-20], lambda packed: packed[:-60] + b"\0" * 60])
def test_a_broken_gzip_gives_what_stands_before_the_break(place: Place, broken: Any) -> None:
    packed = gzip.compress(as_lines(CALLS) + os.urandom(100_000).hex().encode())
    place.write("a.json.gz", broken(packed))
    loaded = place.load()
    assert (loaded.buckets["loaded"], loaded.read_badly) == (6, True)
    assert loaded.files == {"unreadable": 1}
    assert place.rows("SELECT state FROM store.files") == [("broken",)]
    assert place.load().files == {"unchanged": 1}
    place.write("a.json.gz", packed[:-20] and gzip.compress(as_lines(CALLS)))
    assert place.load().buckets["quarantined"] == 0


def test_a_line_that_is_no_record_is_told_with_its_place_and_nothing_of_it_in_the_store(place: Place) -> None:
    place.write("a.json", as_lines(CALLS[:1]) + b'{"api-key": "abcdefghijklmnop"\n' + as_lines(CALLS[1:2]))
    loaded = place.load("run-7")
    assert (loaded.buckets["loaded"], loaded.buckets["quarantined"], loaded.read_badly) == (2, 1, True)
    assert place.rows("SELECT line, byte_length, reason, run_id FROM store.quarantine") == [
        (2, 30, "not_json", "run-7")
    ]
    with place.open() as con:
        con.execute("CREATE TEMP VIEW wanted AS SELECT text_id, day FROM store.quarantine")
        assert store.read_texts(con, place.store, "wanted").column("text").to_pylist() == ['{"api-key": "***"']


# --- however it is cut ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "piece", "batch", "files"), [(700, 1500, 4000, 2), (1, 1, 1, 1), (8 << 20, 64, 9, 500)]
)
def test_the_size_of_blocks_pieces_and_batches_changes_nothing(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, piece: int, batch: int, files: int
) -> None:
    rows = [*CALLS, *llm_rows("llm", "Hello.", cuts=[10, 20]), resource_row("last"), CALLS[0]]
    for number in range(4):
        place.write(f"{number}.json", as_lines(rows[number:]) + b"no json\n\n")
    write_logs(place.logs / "packed.json.gz", rows)
    place.load()
    other = Place(tmp_path / "other")
    other.folder.mkdir()
    other.logs.symlink_to(place.logs)
    for name, size in (("sources.BLOCK_BYTES", block), ("loading.PIECE_BYTES", piece), ("loading.BATCH_BYTES", batch),
                       ("loading.BATCH_FILES", files)):  # fmt: skip
        monkeypatch.setattr(f"analyzer.{name}", size)
    other.load()
    assert _said(other) == _said(place)


def test_a_read_that_failed_is_tried_again_though_the_file_is_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    place.load()
    write_logs(place.logs / "a.json", [resource_row("one"), resource_row("two")])

    def failing(*_: object) -> Iterator[bytes]:
        raise BrokenStreamError("Input/output error") from OSError(5, "Input/output error")
        yield b""

    with monkeypatch.context() as patch:
        patch.setattr(streams, "read_blocks", failing)
        assert place.load().read_badly
    again = place.load()
    assert (again.files, counts(again)["loaded"]) == ({"grown": 1}, 1)


def test_a_name_that_is_not_utf8_costs_that_file_only(place: Place) -> None:
    write_logs(place.logs / "a.json", [resource_row("one")])
    (Path(os.fsdecode(os.fsencode(place.logs) + b"/b\xff.json"))).write_bytes(b"{}")
    loaded = place.load()
    assert (loaded.files, loaded.read_badly) == ({"new": 1, "unreadable": 1}, True)


def test_what_a_rewritten_file_said_before_makes_no_duplicates(place: Place) -> None:
    rows = [resource_row(str(number)) for number in range(4)]
    write_logs(place.logs / "a.json", rows)
    place.load()
    write_logs(place.logs / "a.json", [resource_row("other"), *rows[1:]])
    assert counts(place.load())["loaded"] == 4


def _said(place: Place) -> list[list[tuple[Any, ...]]]:
    tables: Sequence[str] = ("records", "fragments", "quarantine", "files")
    said = [sorted(place.rows(f"SELECT * FROM store.{table}"), key=repr) for table in tables]
    said.append(place.rows("SELECT COLUMNS(* EXCLUDE (size, modified_ns)) FROM files ORDER BY path"))
    said.append(place.rows("SELECT text_id, day FROM store.texts ORDER BY ALL"))
    return said


def test_progress_adds_up_to_what_was_read(place: Place) -> None:
    content = as_lines(CALLS)
    place.write("a.json", content)
    told: list[int] = []
    with place.open() as con:
        load(con, place.store, sources.find([str(place.logs)]), "run", told.append)
    assert sum(told) == len(content)


def test_a_load_that_fails_leaves_the_store_as_it_was(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("a.json", as_lines(CALLS[:2]))
    place.load()
    place.write("b.json", as_lines(gateway_row(f"call-{n}", **asked("New words.")) for n in range(2, 6)))

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("analyzer.store.os.fsync", full)
        with pytest.raises(StoreError, match="No space"):
            place.load()
    assert place.rows("SELECT count(*) FROM store.records") == [(2,)]
    assert place.load().buckets["loaded"] == 4


def test_rows_of_many_shapes_lie_in_one_file(place: Place) -> None:
    mixed: list[Row] = [row for call in range(50) for row in (CALLS[call % 6], *llm_rows(f"c{call}", "Hi."), resource_row(f"c{call}"))]  # fmt: skip  # noqa: E501
    place.write("a.json", as_lines(mixed))
    place.load()
    assert dict(place.rows("SELECT shape, count(*) FROM store.records GROUP BY shape")) == {
        "gateway_log": 50, "llm_log": 150, "resource_log": 50,
    }  # fmt: skip
