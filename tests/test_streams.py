"""Every form of a file loads to what its plain twin loads to, and what is damaged costs itself only."""

import base64
import codecs
import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import START, Row, as_lines, asked, gateway_row, llm_rows, resource_row
from test_load import Place, add_up, counts

from analyzer import csv_rows, parquet_lines, sources, streams
from analyzer.errors import BrokenStreamError
from analyzer.reader import SPACE, chunks, frames, header_of
from analyzer.sources import Source

RESOURCE_ROWS = [resource_row(f"call-{n}", START + timedelta(seconds=n)) for n in range(5)]
ROWS = [*RESOURCE_ROWS, gateway_row("gate", **asked('Hello,\n"you" é.')), *llm_rows("llm", "Hi.")]
REQUESTS = """
    SELECT COLUMNS(* EXCLUDE (file_id, generation, line, byte_offset, byte_length, sha256))
    FROM store.records ORDER BY ALL
"""
FRAGMENTS = "SELECT request_key, side, source, text_id, chars, day FROM store.fragments ORDER BY ALL"
FILES = "SELECT path, state, reason, frames, loaded, quarantined FROM files ORDER BY path"
CAPTURE = {
    "type": "record", "name": "EventData", "namespace": "Microsoft.ServiceBus.Messaging",
    "fields": [
        {"name": "SequenceNumber", "type": "long"},
        {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "SystemProperties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
        {"name": "Properties", "type": {"type": "map", "values": ["long", "double", "string", "bytes", "null"]}},
        {"name": "Body", "type": ["null", "bytes"]},
    ],
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- forms ------------------------------------------------------------------------------------------------------------


def as_avro(bodies: Iterable[bytes | None], codec: str = "null", **more: Any) -> bytes:
    """A file of Event Hubs Capture."""
    rows = [
        {"SequenceNumber": number, "Offset": str(number), "EnqueuedTimeUtc": "6/1/2026 10:00:00 AM",
         "SystemProperties": {"x-opt-enqueued-time": 5}, "Properties": {"kind": "log"}, "Body": body}
        for number, body in enumerate(bodies)
    ]  # fmt: skip
    file = io.BytesIO()
    fastavro.writer(file, fastavro.parse_schema(dict(CAPTURE)), rows, codec=codec, **more)
    return file.getvalue()


def as_parquet(rows: Sequence[Row], **more: Any) -> bytes:
    """A table with a column for each key; objects are JSON texts."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [in_text(row.get(name)) for row in rows] for name in names}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **more)
    return file.getvalue()


def in_text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def as_csv(rows: Sequence[Row], delimiter: str = ",") -> bytes:
    """A table as CSV with CRLF; objects are JSON texts over many lines."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        nested = json.loads(row["properties"])
        writer.writerow({**row, "properties": json.dumps(nested, indent=1)})
    return file.getvalue().encode()


def as_zip(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


LINES = as_lines(ROWS)
HALF = len(as_lines(ROWS[:3]))
FORMS: dict[str, bytes] = {
    "a.json.gz": gzip.compress(LINES),
    "members.json.gz": gzip.compress(LINES[:HALF]) + gzip.compress(b"") + gzip.compress(LINES[HALF:]),
    "a.json.zst": zst(LINES),
    "frames.zst": zst(LINES[:HALF]) + b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zst(LINES[HALF:]),
    "a.json": codecs.BOM_UTF16_LE + LINES.decode().replace("\n", "\r\n").encode("utf-16-le"),
    "big.json": codecs.BOM_UTF16_BE + LINES.decode().encode("utf-16-be"),
    "a.log": zst(codecs.BOM_UTF16_LE + LINES.decode().encode("utf-16-le")),
    "records.json": json.dumps({"records": ROWS}).encode(),
    "pretty.json": json.dumps({"records": ROWS}, indent=2).encode(),
    "array.json": json.dumps(ROWS).encode(),
    "objects.json": b"[" + as_lines(ROWS).replace(b"\n", b",\n")[:-2] + b"]",
    "commas.json": LINES.replace(b"\n", b" ,\r\n"),
    "commas.ndjson": LINES.replace(b"\n", b",\n")[:-1],
    "capture.avro": as_avro(json.dumps(row).encode() for row in ROWS),
    "deflated.avro": as_avro((json.dumps(row, indent=1).encode() for row in ROWS), "deflate", sync_interval=500),
    "messages.avro": as_avro([json.dumps({"records": ROWS[:4]}).encode(), None, json.dumps(ROWS[4:]).encode()]),
    "packed.avro.gz": gzip.compress(as_avro(json.dumps(row).encode() for row in ROWS)),
    "a.zip": as_zip({"in/a.json": LINES}),
    "stored.zip": as_zip({"a.log": gzip.compress(LINES[:HALF]), "b.json": zst(LINES[HALF:])}, zipfile.ZIP_STORED),
    "captured.zip": as_zip({"0/a.avro": as_avro(json.dumps(row).encode() for row in ROWS)}),
}  # fmt: skip
TABLES: dict[str, bytes] = {
    "a.csv": as_csv(RESOURCE_ROWS),
    "bom.csv": codecs.BOM_UTF8 + as_csv(RESOURCE_ROWS),
    "semicolons.csv": as_csv(RESOURCE_ROWS, ";"),
    "tabs.log": as_csv(RESOURCE_ROWS, "\t").replace(b"\r\n", b"\n"),
    "open.csv": as_csv(RESOURCE_ROWS).rstrip(),
    "utf16.csv": codecs.BOM_UTF16_LE + as_csv(RESOURCE_ROWS).decode().encode("utf-16-le"),
    "a.csv.gz": gzip.compress(as_csv(RESOURCE_ROWS)),
    "a.zip": as_zip({"a.csv": as_csv(RESOURCE_ROWS[:2]), "b.csv": as_csv(RESOURCE_ROWS[2:])}),
    "a.parquet": as_parquet(RESOURCE_ROWS),
    "groups.json": as_parquet(RESOURCE_ROWS, row_group_size=2, compression="zstd"),
    "parquet.zip": as_zip({"a/b.parquet": as_parquet(RESOURCE_ROWS)}),
    "parquet.json.gz": gzip.compress(as_parquet(RESOURCE_ROWS)),
}


def loads_like(place: Place, tmp_path: Path, name: str, content: bytes, rows: Sequence[Row]) -> None:
    """The file loads to the records of its plain twin; loading it again loads nothing."""
    twin = Place(tmp_path / "twin")
    twin.folder.mkdir()
    twin.write("a.json", as_lines(rows))
    twin.load()
    place.write(name, content)
    loaded = place.load()
    assert add_up(loaded.buckets)
    assert (loaded.buckets["loaded"], loaded.buckets["quarantined"], loaded.read_badly) == (len(rows), 0, False)
    assert place.rows(REQUESTS) == twin.rows(REQUESTS)
    assert place.rows(FRAGMENTS) == twin.rows(FRAGMENTS)
    again = place.load()
    assert (again.files, counts(again)) == ({"unchanged": 1}, {})


@pytest.mark.parametrize("name", FORMS)
def test_every_form_loads_like_its_plain_twin_and_only_once(place: Place, tmp_path: Path, name: str) -> None:
    loads_like(place, tmp_path, name, FORMS[name], ROWS)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_loads_like_its_plain_twin_and_only_once(place: Place, tmp_path: Path, name: str) -> None:
    loads_like(place, tmp_path, name, TABLES[name], RESOURCE_ROWS)


@pytest.mark.parametrize("name", [*FORMS, *TABLES])
def test_every_record_stands_where_the_store_says(place: Place, name: str) -> None:
    path = place.write(name, FORMS.get(name) or TABLES[name])
    place.load()
    streamed = {source.path: text_of(source) for source in sources_in(path)}
    told = place.rows("""
        SELECT path, line, byte_offset, byte_length, record.sha256 FROM store.records AS record
        JOIN store.files USING (file_id, generation)
    """)
    assert told
    for file, line, offset, length, sha256 in told:
        raw = streamed[file][offset : offset + length]
        assert hashlib.sha256(raw).hexdigest() == sha256
        assert streamed[file].count(b"\n", 0, offset) + 1 == line
        assert raw.strip() == raw


def sources_in(path: Path) -> Iterator[Source]:
    """The files that a file stands for; archives are open until the next is asked for."""
    (source,) = sources.find([str(path)])
    if streams.form(source).is_archive:
        with streams.members(source) as members:
            yield from members
    else:
        yield source


def text_of(source: Source) -> bytes:
    return b"".join(streams.read_blocks(source, streams.form(source)))


def test_forms_are_told_by_content_and_not_by_ending(place: Place) -> None:
    for number, name in enumerate(["a.json.gz", "a.json.zst", "capture.avro", "a.zip", "a.json"]):
        place.write(f"{number}.json", FORMS[name])
    loaded = place.load()
    assert (loaded.buckets["loaded"] + loaded.buckets["duplicates"], loaded.buckets["quarantined"]) == (
        5 * len(ROWS),
        0,
    )


def test_a_walk_takes_the_endings_of_all_forms_and_no_text_files(place: Place) -> None:
    for name in ("a.csv", "a.parquet", "a.avro", "a.zst", "a.zip", "a.jsonl.gz", "a.txt", "a.xml"):
        place.write(name, b"")
    skipped = [Path(source.path).name for source in sources.find([str(place.logs)]) if source.unread]
    assert skipped == ["a.txt", "a.xml"]
    (named,) = sources.find([str(place.logs / "a.txt")])
    assert not named.unread


def test_a_register_that_lies_among_the_logs_is_no_log(place: Place) -> None:
    place.write("a.csv", as_csv(RESOURCE_ROWS))
    register = place.write("register.csv", HEADER)
    told = {Path(source.path).name: source.unread for source in sources.find([str(place.logs)], [register])}
    assert told == {"a.csv": "", "register.csv": "skipped: this run reads it as no log"}


# --- CSV --------------------------------------------------------------------------------------------------------------

HEADER = b"time,b,c\n"
FIELDS = st.sampled_from(
    [
        b"",
        b"x",
        b" y ",
        b'"q"',
        b'"a ""b"" c"',
        b'"l\nm"',
        b'"l\r\nm,"',
        b'"',
        b'x"y',
        b"\xc3\xa9",
        b"\xff",
        b"\r",
        b"\0",
    ]
)
CSV_LINES = st.lists(st.lists(FIELDS, min_size=1, max_size=4).map(b",".join), max_size=8)
CSV_ROWS = st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3), max_size=6)


def framed(blocks: Iterable[bytes], limit: int = 1 << 20, **more: Any) -> list[Row]:
    return [frame for chunk in chunks(blocks, limit=limit, **more) for frame in frames(chunk, limit).to_pylist()]


@settings(deadline=None)
@given(CSV_LINES, st.sampled_from([b"", b"\n"]), st.integers(4, 60), st.data())
def test_where_blocks_end_changes_no_row(lines: list[bytes], end: bytes, limit: int, data: st.DataObject) -> None:
    stream = HEADER + b"\n".join(lines) + end
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    blocks = [stream[start:stop] for start, stop in pairwise([0, *cuts, len(stream)])]
    with pytest.MonkeyPatch.context() as patch:
        whole = framed([stream], limit)
        patch.setattr(csv_rows, "WINDOW", data.draw(st.integers(1, 50)))
        told = framed(filter(None, blocks), limit)
    for frame in told + whole:
        frame["raw"] = b"" if frame["state"] == "too_long" else frame["raw"]  # a limit is longer than a sample
    assert told == whole


@given(CSV_LINES, st.sampled_from([b"", b"\n", b"\r\n"]), st.integers(4, 60))
def test_rows_cover_a_csv_file_once_and_say_where_they_stand(lines: list[bytes], end: bytes, limit: int) -> None:
    stream = codecs.BOM_UTF8 + HEADER + b"\n".join(lines) + end
    behind = 3 + len(HEADER)
    for frame in framed([stream], limit):
        start, stop = frame["byte_offset"], frame["byte_offset"] + frame["byte_length"]
        assert not stream[behind:start].strip(b"\r\n")
        assert start >= behind
        assert frame["line"] == stream.count(b"\n", 0, start) + 1
        assert frame["state"] == "blank" or frame["sha256"] == hashlib.sha256(stream[start:stop]).hexdigest()
        behind = stop
    assert not stream[behind:].strip(b"\r\n")


@given(CSV_ROWS, st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), st.sampled_from(",;\t"))
def test_what_a_csv_writer_wrote_is_read_as_it_was(rows: list[list[str]], quoting: Any, delimiter: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
    writer.writerows([["time", "b [UTC]", "Ü"], *rows])
    read = [json.loads(frame["raw"]) for frame in framed([file.getvalue().encode()]) if frame["state"] == "record"]
    assert read == [dict(zip(["time", "b [UTC]", "Ü"], row, strict=True)) for row in rows]


@settings(deadline=None)
@given(CSV_LINES, st.integers(1, 9))
def test_reading_on_behind_any_row_gives_the_rows_behind_it(lines: list[bytes], size: int) -> None:
    stream = HEADER + b"\n".join(lines)

    def blocks(data: bytes) -> list[bytes]:
        return [data[start : start + size] for start in range(0, len(data), size)]

    whole = framed(blocks(stream))
    digest, told = hashlib.sha256(), 0
    for chunk in chunks(blocks(stream), limit=1 << 20, digest=digest):
        told += frames(chunk, 1 << 20).num_rows
        if chunk.is_loaded and chunk.end < len(stream):
            assert digest.hexdigest() == hashlib.sha256(stream[: chunk.end]).hexdigest()
            rest = framed(
                blocks(stream[chunk.end :]), offset=chunk.end, line=chunk.next_line,
                header=header_of(stream[: chunk.end]),
            )  # fmt: skip
            assert rest == whole[told:]


def states(stream: bytes, **more: Any) -> list[str]:
    return [frame["state"] for frame in framed([stream], **more)]


def test_a_row_with_other_fields_than_the_header_is_refused_and_the_next_is_read() -> None:
    assert states(HEADER + b"1,2,3\n1,2\n1,2,3,4\n\n1,\xff,3\n4\r5,6,7\n7,8,9\n") == [
        "record", "csv_fields", "csv_fields", "blank", "not_utf8", "csv_fields", "record",
    ]  # fmt: skip


def test_an_open_quote_at_the_end_is_a_cut_row() -> None:
    stream = HEADER + b'1,2,3\n4,"5\n6'
    assert states(stream) == ["record", "pending"]
    assert states(stream, keep_pending=False) == ["record", "truncated_stream"]
    assert states(stream + b'",7') == ["record", "pending"]
    assert states(stream + b'",7', keep_pending=False) == ["record", "record"]


@pytest.mark.parametrize(
    ("last", "is_whole"),
    [(b"512", False), (b'"512"', True), (b'"say ""hi"""', True), (b'""', True), (b'"512"\r', True), (b"", False),
     (b'5"', False), (b'"512', False), (b"512\r", False)],
)  # fmt: skip
def test_a_last_row_without_newline_waits_in_a_growing_file_unless_a_quote_closes_it(
    last: bytes, is_whole: bool
) -> None:
    stream = HEADER + b"1,2,3\n4,5," + last
    assert states(stream) == ["record", "record" if is_whole else "pending"]
    assert states(stream, keep_pending=False) == ["record", "truncated_stream" if last == b'"512' else "record"]


def test_a_number_that_was_being_written_is_read_when_it_is_whole(place: Place) -> None:
    without = [{name: value for name, value in row.items() if name != "durationMs"} for row in RESOURCE_ROWS]
    content = as_csv([{**row, "durationMs": 61234} for row in without]).rstrip()
    assert content.endswith(b"61234")
    place.write("a.csv", content[:-2])
    assert place.load().buckets["pending"] == 1
    place.write("a.csv", content + b"\n")
    assert place.load().buckets["loaded"] == 1
    assert place.rows("SELECT DISTINCT duration_ms FROM store.records") == [(61234,)]
    place.write("b.csv.gz", gzip.compress(content))
    assert place.load().buckets["pending"] == 0


def test_an_open_quote_swallows_no_more_than_a_line_may_have() -> None:
    stream = HEADER + b'1,"2,3\n' + b"4,5,6\n" * 40
    told = framed([stream], limit=60)
    assert [frame["state"] for frame in told] == ["too_long"] + ["record"] * 31
    assert told[0]["byte_length"] == 60
    assert (told[1]["line"], told[1]["byte_offset"]) == (12, len(HEADER) + 61)


@pytest.mark.parametrize(
    "first",
    [b"one", b"2026-06-01 10:00:00,991 INFO start", b"Dear Sir, please", b"a,a", b"a,", b'{"a":1},b', b'"a"',
     b"x=1,y=2", b"caf\xe9,b", b"no json", b""],
)  # fmt: skip
def test_a_first_line_that_is_no_header_makes_no_table(first: bytes) -> None:
    assert header_of(first + b"\nx,y\n") is None
    assert len(framed([first + b"\nx,y\n"])) == 2


@pytest.mark.parametrize("between", [b"", b"\r\n \n"])
def test_words_before_json_lines_make_no_table(place: Place, between: bytes) -> None:
    lines = as_lines(RESOURCE_ROWS)
    content = b"Exported,rows\n" + between + lines
    for size in (1, 10, 1 << 20):
        told = framed([content[at : at + size] for at in range(0, len(content), size)])
        assert [frame["state"] for frame in told if frame["state"] != "blank"] == ["record"] * 6
    place.write("a.log", content[:-30])
    assert (first := place.load().buckets)["loaded"] == 4
    assert first["pending"] == 1
    place.write("a.log", content)
    assert place.load().buckets["loaded"] == 1


def test_words_alone_become_no_table_when_json_lines_follow(place: Place) -> None:
    for end in (14, 20, None):  # words; the beginning of a line; all
        place.write("a.log", (b"Exported,rows\n" + as_lines(RESOURCE_ROWS))[:end])
        loaded = place.load()
    assert loaded.buckets["loaded"] == len(RESOURCE_ROWS)


def test_a_csv_that_grew_is_read_on_with_its_header(place: Place) -> None:
    content = as_csv(RESOURCE_ROWS)
    second = content.index(b"call-2")
    place.write("a.csv", content[:second])
    first = place.load()
    assert (first.buckets["loaded"], first.buckets["pending"]) == (2, 1)
    place.write("a.csv", content)
    grown = place.load()
    assert (grown.files, grown.buckets["loaded"], grown.buckets["quarantined"]) == ({"grown": 1}, 3, 0)
    assert place.rows("SELECT count(DISTINCT request_id), max(generation) FROM store.records") == [(5, 1)]


def test_a_large_field_is_no_damage() -> None:
    large = b"x" * 300_000
    (frame,) = framed([HEADER, b"1,2,", large[:100], large[100:], b"\n"])
    assert json.loads(frame["raw"])["c"] == large.decode()


# --- trailing commas --------------------------------------------------------------------------------------------------


def test_a_comma_behind_an_object_is_no_part_of_the_record() -> None:
    stream = b'{"a":1},\n {"b":2} , \r\nno json,\n[1],\n{"c":3},'
    told = framed([stream])
    raws = [stream[frame["byte_offset"] :][: frame["byte_length"]] for frame in told[:4]]
    assert raws == [b'{"a":1}', b'{"b":2}', b"no json,", b"[1],"]
    assert [frame["raw"].strip(SPACE) for frame in told[:2]] == raws[:2]
    assert [frame["sha256"] for frame in told[:4]] == [hashlib.sha256(raw).hexdigest() for raw in raws]
    assert (told[4]["state"], told[4]["byte_length"]) == ("record", 7)


# --- zstd and UTF-16 --------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 400), st.data())
def test_zst_gives_what_was_packed_however_it_is_read(parts: list[bytes], block: int, data: st.DataObject) -> None:
    packed = b"".join(zst(part * 50) for part in parts)
    cut = data.draw(st.integers(0, len(packed)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.sources.BLOCK_BYTES", block)
        patch.setattr("analyzer.streams._ZSTD_INPUT", block)
        whole = b"".join(part * 50 for part in parts)
        assert unpacked(packed) == (whole, "")
        text, broken = unpacked(packed[:cut])
    assert whole.startswith(text)
    ends = {0}
    for part in parts:
        ends.add(max(ends) + len(zst(part * 50)))
    assert (broken == "") == (cut in ends)


def unpacked(packed: bytes) -> tuple[bytes, str]:
    """What zst holds, and what is wrong with it."""
    text: list[bytes] = []
    try:
        text += streams._unzstd(io.BytesIO(packed))
    except BrokenStreamError as error:
        return b"".join(text), str(error)
    return b"".join(text), ""


def test_half_a_character_at_the_end_of_utf16_waits(place: Place) -> None:
    content = FORMS["big.json"]
    place.write("a.json", content[:-501])
    first = place.load()
    assert (first.buckets["pending"], first.read_badly) == (1, False)
    place.write("a.json", content)
    assert first.buckets["loaded"] + place.load().buckets["loaded"] == len(ROWS)


# --- damage -----------------------------------------------------------------------------------------------------------


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def spoiled(content: bytes) -> bytes:
    middle = len(content) // 2
    if content.startswith(b"Obj"):  # which has sums of nothing, but marks between its blocks
        middle = content.index(content[-16:], middle)
    return content[:middle] + bytes(byte ^ 0x55 for byte in content[middle : middle + 40]) + content[middle + 40 :]


PACKED = {
    "a.json.zst": zst(as_lines(gateway_row(f"z{n}", **asked(os.urandom(700).hex())) for n in range(400))),
    "a.json.gz": gzip.compress(as_lines(gateway_row(f"g{n}", **asked(os.urandom(700).hex())) for n in range(400))),
    "a.avro": as_avro((json.dumps(gateway_row(f"a{n}")).encode() for n in range(400)), sync_interval=2000),
    "deflated.avro": as_avro(
        (json.dumps(gateway_row(f"d{n}")).encode() for n in range(400)), "deflate", sync_interval=2000
    ),
    "a.parquet": as_parquet([resource_row(os.urandom(8).hex()) for _ in range(400)], row_group_size=50),
}  # fmt: skip


@pytest.mark.parametrize("damage", [cut, spoiled])
@pytest.mark.parametrize("name", PACKED)
def test_damage_costs_the_rest_of_its_file_and_is_named(
    place: Place, name: str, damage: Callable[[bytes], bytes]
) -> None:
    place.write("good.json", as_lines(RESOURCE_ROWS))
    place.write(name, damage(PACKED[name]))
    loaded = place.load()
    assert add_up(loaded.buckets)
    assert (loaded.files, loaded.read_badly) == ({"new": 1, "unreadable": 1}, True)
    (reason,) = place.rows("SELECT reason FROM files WHERE state = 'broken'")[0]
    assert reason.startswith("the ")
    if not (name == "a.parquet" and damage is cut):  # it is read from its end
        assert 5 < loaded.buckets["loaded"] < 405
    assert place.load().files == {"unchanged": 2}
    place.write(name, PACKED[name])
    assert place.load().read_badly is False
    assert place.rows("SELECT count(DISTINCT request_key) FROM records") == [(405,)]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted({**FORMS, **TABLES})), st.data())
def test_no_damaged_byte_raises_anything_but_a_break(name: str, data: st.DataObject) -> None:
    content = bytearray({**FORMS, **TABLES}[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
        try:
            for source in sources_in(path):
                if not source.unread:
                    told = framed(streams.read_blocks(source, streams.form(source)))
                    assert all(frame["byte_length"] >= 0 for frame in told)
        except BrokenStreamError as error:
            assert ";" not in str(error)


def test_a_capture_file_without_rows_has_no_frames(place: Place) -> None:
    place.write("a.avro", as_avro([]))
    loaded = place.load()
    assert (loaded.files, counts(loaded), loaded.read_badly) == ({"new": 1}, {}, False)


def test_a_body_that_is_no_json_is_one_refused_line_and_none_is_a_blank_one(place: Place) -> None:
    good = json.dumps(RESOURCE_ROWS[0]).encode()
    place.write("a.avro", as_avro([b"name,kind", None, b"not\njson", good, b"\xff", codecs.BOM_UTF8 + good]))
    loaded = place.load()
    assert counts(loaded) == {
        "frames": 6, "opened": 2, "blank": 1, "quarantined": 3, "items": 2, "loaded": 1, "duplicates": 1,
    }  # fmt: skip
    assert place.rows("SELECT line FROM store.records ORDER BY line") == [(4,), (6,)]


def test_avro_of_another_schema_is_refused(place: Place) -> None:
    file = io.BytesIO()
    schema = {"type": "record", "name": "x", "fields": [{"name": "Body", "type": {"type": "array", "items": "null"}}]}
    fastavro.writer(file, fastavro.parse_schema(schema), [{"Body": [None] * 10}])
    place.write("a.avro", file.getvalue())
    assert place.load().files == {"unreadable": 1}
    assert place.rows("SELECT reason FROM files") == [
        ("the Avro file has another schema than Event Hubs Capture writes",)
    ]


def test_parquet_says_times_in_utc_and_nested_values_as_json(place: Place) -> None:
    table = pa.table(
        {
            "naive": pa.array([START], pa.timestamp("ms")),
            "zoned": pa.array([START], pa.timestamp("us", "Europe/Stockholm")),
            "nano": pa.array([1_780_308_000_123_456_789], pa.timestamp("ns")),
            "nested": [{"a": [1, None], "at": START}],
            "bytes": pa.array([b"text"], pa.binary()),
            "raw": pa.array([b"\xff\x00"], pa.binary()),
            "day": [START.date()],
            "number": pa.array([2**63 - 1], pa.int64()),
            "none": pa.array([None], pa.string()),
            "same": pa.array(["x"]).dictionary_encode(),
            "not finite": [float("nan")],
        }
    )
    path = place.write("a.parquet", b"")
    pq.write_table(table, path)
    (source,) = sources.find([str(path)])
    assert json.loads(text_of(source)) == {
        "naive": "2026-06-01T10:00:00.000Z", "zoned": "2026-06-01T10:00:00.000000Z",
        "nano": "2026-06-01T10:00:00.123456Z", "nested": {"a": [1, None], "at": "2026-06-01T10:00:00Z"},
        "bytes": "text", "raw": "ff00", "day": "2026-06-01", "number": 2**63 - 1, "none": None, "same": "x",
        "not finite": None,
    }  # fmt: skip


def test_a_parquet_text_that_is_no_utf8_refuses_its_row_only(place: Place) -> None:
    texts = pa.array([b"x\xff\ny", b"good"], pa.binary()).view(pa.string())
    path = place.write("a.parquet", b"")
    pq.write_table(pa.table({"a": texts}), path)
    loaded = place.load()
    assert (loaded.buckets["frames"], loaded.buckets["quarantined"]) == (2, 1)
    assert place.rows("SELECT line, reason FROM store.quarantine") == [(1, "not_utf8")]


def parquet_of(place: Place, **columns: Any) -> Source:
    path = place.write("a.parquet", b"")
    pq.write_table(pa.table(columns), path)
    (source,) = sources.find([str(path)])
    return source


@pytest.mark.parametrize(
    "column",
    [
        pa.array([0, 2**31 - 1], pa.int32()).cast(pa.date32()),
        pa.array([0, 2**62], pa.int64()).cast(pa.timestamp("us")),
        pa.array([0, -(2**62)], pa.int64()).cast(pa.timestamp("ms", "UTC")),
        pa.array([[0], [2**62]], pa.list_(pa.int64())).cast(pa.list_(pa.timestamp("us"))),
        pa.array([0, 2**62], pa.int64()).cast(pa.duration("s")),
    ],
)
def test_a_time_beyond_all_years_costs_no_more_than_itself(place: Place, column: pa.Array) -> None:
    source = parquet_of(place, at=column, said=["a", "b"])
    first, second = map(json.loads, text_of(source).splitlines())
    assert (first["said"], second["said"]) == ("a", "b")
    assert first["at"]


def test_two_parquet_columns_of_one_name_refuse_the_file(place: Place) -> None:
    path = place.write("a.parquet", b"")
    pq.write_table(pa.table([pa.array(["A"]), pa.array(["B"])], names=["x", "x"]), path)
    loaded = place.load()
    assert (loaded.files, counts(loaded)) == ({"unreadable": 1}, {})
    assert place.rows("SELECT reason FROM files") == [("two columns of the Parquet file have one name",)]


def test_a_reader_of_parquet_that_breaks_down_costs_that_file_only(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("a.parquet", as_parquet(RESOURCE_ROWS))
    place.write("b.json", as_lines(RESOURCE_ROWS))
    script = tmp_path / "reader.py"
    for ending, state, reason in (
        ("os.abort()", "broken", "the Parquet file is damaged"),
        ("os._exit(1)", "broken", "the Parquet file is damaged"),
        ("os.kill(os.getpid(), 9)", "unreadable", "the reader of Parquet was stopped"),
        (f"os._exit({parquet_lines.READ_FAILED})", "unreadable", "Input/output error"),
    ):
        script.write_text(f"import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); {ending}")
        with monkeypatch.context() as patch:
            patch.setattr(parquet_lines, "__file__", str(script))
            os.utime(place.logs / "a.parquet")
            assert place.load().files["unreadable"] == 1
        assert place.rows("SELECT state, reason FROM files WHERE path LIKE '%parquet'") == [(state, reason)]
    assert place.load().files == {"grown": 1, "unchanged": 1}
    assert place.rows("SELECT count(*) FROM store.records") == [(10,)]


# 1.6 KB with one spoiled byte in the footer's statistics: pyarrow 26 ends its process
ABORTING = (
    b"c-"
    b"obf&rcIU6vt<_%d*8*3Nq`iRILbW)q<1=K~oZEp#{PcOVx;pCRVp8Bn1)BYNCk;4<3x+;Mo{rJoI2Zd+_9eqX!S(J$NwjZ}2;_?b3oVanjG5Uv"
    b"Iwe?VD{j&kJd$vKZ@enZignA$nXTgp3T2j4{HxnUP{1wl${3$4F8Y>!!3_U2qF06j+Z^k3gk|nJzk^($P<`@kp4*&^gBXT6E}RlRlCPo#S<d&Y"
    b"Elr1m0?_7INV)l(s^IL@A+BohTp#RL}-"
    b"A&<=DE1|8r4h=3?K2s%Lwbb)Sg2=o933~(5jzye1=FNjBV^(YBbaxC1glH*uOfD@n(oCN(~0NCIZNP^Sg3^)r?U=R#}b5T7rO#GIv_b7?SmUc^"
    b"G>Wv*!uMdbpl7Cs1MH~6z7ftKDl!#0f<1^bS_eUn*KYz7!Yw`Wc&7V(iCtrEXZ<cBwD!)FjMPx{oC0KvseqtF~7gTmr%Co5y+o3^DN)Vkk<+Oi"
    b"Q=9KI?2-{mbN*6nDWn_njXm72lbuiU>GD=Ks<L**vrO0pxkpab2H<wpR1H_Gs9K-"
    b"_k8Z%YQR>>%A1#hS3X0SS{nrdZvW0NVqLwl)GS}Cn=62r6NmTQwZi&&#Xi&?%jQw+~|PK}q;9=CPz^0l?R#8!$u!Luu(05NnKV=H87mQ6eaYgV"
    b"J4lzKspEo$#j`!#KTlOdzF%6Kg*YC~mJs%-"
    b"1V$2R+SoBdAtzsuhj=k(nEDC4vuYt*O>Lhhgfit${rU+ea__Pv+;?4OsrKc?+@R!&~BIQJ=Hc(!hQ4HGMFMtGrc`T9lwlFjd-bE2io4(EJ<`)!"
    b"W%DtF2}$9b7gmgSlQhpZU5dH7eQYu0zq$`f3i5LTGUDL9Rbz4_ekmhZpNaPsXPITHRCW<@G;eM#=$2%LgIoEH}hl{+&0WVY_l`8DZze$V-"
    b"9d(QjuL@I70Kkh8lccwX?6(OA}pBMAoZao~QAcyk6Oz;r(CWg~;J}c_w=PCPnnWgN@LU%Seb48db`Mg<~XIYeJM$}y@21#dg@}Zq-"
    b"Q@w*C4i~SdD~-9+vOh6F%*0x8{r-c}=HT76wZY>0`n_u6VQGD1`QB<`WNc`7C~b+qaquGqAC^46H-7++jSZI"
)  # fmt: skip


def test_a_damaged_statistic_in_a_parquet_file_ends_its_reader_and_not_the_run(place: Place) -> None:
    place.write("a.parquet", zlib.decompress(base64.b85decode(ABORTING)))
    assert place.load().files == {"unreadable": 1}
    assert place.rows("SELECT state, reason FROM files") == [("broken", "the Parquet file is damaged")]


def test_no_reader_of_parquet_is_left_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    source = parquet_of(place, a=[os.urandom(500).hex() for _ in range(10_000)])
    started: list[subprocess.Popen[bytes]] = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    blocks = streams.read_blocks(source, streams.form(source))
    assert next(blocks)
    (child,) = started
    assert child.poll() is None
    blocks.close()  # type: ignore[attr-defined]
    assert child.returncode is not None
    assert child.stdout is not None and child.stdout.closed


# --- archives ---------------------------------------------------------------------------------------------------------


def test_a_member_is_a_file_of_its_own(place: Place) -> None:
    path = place.write(
        "a.zip", as_zip({"x/a.json": as_lines(ROWS[:2]), "b.json": as_lines(ROWS[2:]), "notes.txt": b"hi"})
    )
    loaded = place.load()
    assert loaded.files == {"new": 3, "skipped": 1}
    address = os.path.realpath(path)
    assert [row[:2] for row in place.rows(FILES)] == [
        (address, "complete"), (f"{address}!b.json", "complete"), (f"{address}!notes.txt", "skipped"),
        (f"{address}!x/a.json", "complete"),
    ]  # fmt: skip
    with streams.members(Source(address, 1 << 20)) as members:
        assert [member.folder for member in members] == [f"{address}!", f"{address}!", f"{address}!x"]


def test_an_archive_that_changed_is_read_again_and_what_was_there_counts_once(place: Place) -> None:
    place.write("a.zip", as_zip({"a.json": as_lines(ROWS[:2])}))
    place.load()
    place.write("a.zip", as_zip({"a.json": as_lines(ROWS[:3]), "b.json": as_lines(ROWS[3:4])}))
    loaded = place.load()
    assert loaded.files == {"grown": 2, "new": 1}
    assert counts(loaded) == {"frames": 2, "opened": 2, "items": 2, "loaded": 2}
    place.write("a.zip", as_zip({"a.json": as_lines(ROWS[4:5])}))
    assert place.load().files == {"grown": 1, "rewritten": 1}
    assert place.rows("SELECT list(request_id ORDER BY request_id) FROM records") == [(["call-3", "call-4"],)]


def test_a_log_that_becomes_an_archive_and_a_log_again_replaces_itself(place: Place) -> None:
    place.write("a.json", as_lines(ROWS[:2]))
    place.load()
    place.write("a.json", as_zip({"b.json": as_lines(ROWS[2:3])}))
    place.load()
    assert place.rows("SELECT list(request_id) FROM records") == [(["call-2"],)]
    place.write("a.json", as_lines(ROWS[3:4]))
    place.load()
    assert place.rows("SELECT list(request_id ORDER BY request_id) FROM records") == [(["call-2", "call-3"],)]


def test_members_that_cannot_be_read_cost_themselves_only(place: Place) -> None:
    content = bytearray(as_zip({
        "a.json": as_lines(ROWS[:1]), "b.json": b"b" * 90, "c.zip": as_zip({"x.json": b"{}"}),
        "d.json.gz": gzip.compress(as_zip({"x.json": b"{}"})), "e.json": as_lines(ROWS[1:2]), "f.json": b"f" * 90,
        "__MACOSX/._a.json": b"\0", "g.json": as_lines(ROWS[2:3])[:-20],
    }))  # fmt: skip
    for name, place_in_entry, bits in ((b"b.json", -46 + 8, 1), (b"f.json", -46 + 10, 14)):
        content[content.rindex(name) + place_in_entry] = bits  # in the directory: encrypted; packed by LZMA
    start = content.index(b"e.json") + 6
    content[start + 20] ^= 0xFF
    place.write("a.zip", bytes(content))
    loaded = place.load()
    assert add_up(loaded.buckets)
    assert loaded.files == {"new": 3, "unreadable": 5, "skipped": 1}
    assert (loaded.buckets["loaded"], loaded.buckets["quarantined"], loaded.buckets["pending"]) == (1, 1, 0)
    reasons = {path.rpartition("!")[2]: reason for path, _, reason, *_ in place.rows(FILES)}
    assert reasons["b.json"] == "it is encrypted"
    assert reasons["c.zip"] == reasons["d.json.gz"] == "an archive inside another package is not opened"
    assert reasons["e.json"] == "the archive is damaged here"
    assert reasons["f.json"] == "it is packed in another way than deflate"
    assert place.load().files == {"unchanged": 1}


@pytest.mark.parametrize("damage", [cut, lambda content: content[:4] + b"\0" * 50, lambda content: content[:-10]])
def test_an_archive_without_its_directory_is_unreadable(place: Place, damage: Callable[[bytes], bytes]) -> None:
    place.write("a.zip", damage(as_zip({f"{n}.json": LINES for n in range(3)})))
    assert place.load().files == {"unreadable": 1}
    assert place.rows("SELECT state, reason FROM files") == [("broken", "the archive is damaged")]


def test_a_member_whose_read_failed_is_tried_again_though_the_archive_is_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("a.zip", as_zip({"a.json": as_lines(ROWS[:1]), "b.json": as_lines(ROWS[1:2])}))
    read = streams.read_blocks

    def failing(source: Source, form: streams.Form) -> Iterator[bytes]:
        if source.path.endswith("b.json"):
            raise BrokenStreamError("Input/output error") from OSError(5, "Input/output error")
        yield from read(source, form)

    with monkeypatch.context() as patch:
        patch.setattr(streams, "read_blocks", failing)
        first = place.load()
    assert (first.files, first.buckets["loaded"]) == ({"new": 2, "unreadable": 1}, 1)
    again = place.load()
    assert (again.files, again.buckets["loaded"]) == ({"grown": 2, "unchanged": 1}, 1)
    assert place.load().files == {"unchanged": 1}


def test_a_row_may_be_no_longer_than_what_csv_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "ROW_LIMIT", 20)
    assert states(HEADER + b'1,2,"' + b"x" * 30 + b'"\n1,2,3\n') == ["too_long", "record"]


def test_two_members_of_one_name_have_two_addresses(place: Place) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.json", as_lines(ROWS[:1]))
        archive.writestr("a.json", as_lines(ROWS[1:2]))
    place.write("a.zip", file.getvalue())
    assert place.load().buckets["loaded"] == 2
    assert [path.partition("!")[2] for path, *_ in place.rows(FILES)] == ["", "a.json", "a.json!2"]


def test_a_file_named_like_a_member_is_refused_and_every_address_is_one(place: Place) -> None:
    place.write("a.zip", as_zip({"x.json": as_lines(ROWS[:1])}))
    place.write("a.zip!x.json", as_lines(ROWS[1:3]))
    for _ in range(2):
        loaded = place.load()
        assert loaded.files["unreadable"] == 1
    archive = os.path.realpath(place.logs / "a.zip")
    assert [row[:2] for row in place.rows(FILES)] == [
        (archive, "complete"), (f"{archive}!x.json", "complete"), (f"file:{archive}!x.json", "unreadable"),
    ]  # fmt: skip
    assert place.rows("SELECT request_id FROM records") == [("call-0",)]
    place.write("a.zip", as_zip({"x.json": as_lines(ROWS[:2])}))
    assert place.load().buckets["loaded"] == 1
    (place.logs / "a.zip").unlink()
    assert place.load().files == {"rewritten": 1}
    assert place.rows("SELECT list(request_id ORDER BY request_id) FROM records") == [(["call-1", "call-2"],)]


def test_a_member_named_like_the_second_of_two_has_an_address_of_its_own(place: Place) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for number, name in enumerate(("a.json", "a.json", "a.json!2", "a.json")):
            archive.writestr(name, as_lines(ROWS[number : number + 1]))
    place.write("a.zip", file.getvalue())
    place.load()
    paths = [path.partition("a.zip")[2] for path, *_ in place.rows(FILES)]
    assert paths == ["", "!a.json", "!a.json!2", "!a.json!2!2", "!a.json!3"]


# --- bombs ------------------------------------------------------------------------------------------------------------

ZEROS = b"\0" * (8 << 20)
REPEATED = json.dumps(RESOURCE_ROWS[0]).encode() + b"\n"


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BOMB_BYTES", 1 << 20)
    monkeypatch.setattr(sources, "BLOCK_BYTES", 64 << 10)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json.gz", gzip.compress(ZEROS)),
        ("a.json.zst", zst(ZEROS)),
        ("a.zip", as_zip({"a.json": ZEROS})),
        ("b.zip", as_zip({"a.json.gz": gzip.compress(ZEROS)}, zipfile.ZIP_STORED)),
        ("a.avro", as_avro([ZEROS], "deflate")),
        ("a.parquet", as_parquet([{"a": "x" * 10_000}] * 2_000)),
        ("b.parquet", as_parquet([{"a": ZEROS.decode()}], compression="zstd", use_dictionary=False)),
    ],
)
def test_a_bomb_is_refused_and_named(place: Place, name: str, content: bytes) -> None:
    place.write(name, content)
    loaded = place.load()
    assert loaded.files["unreadable"] == 1
    reasons = place.rows("SELECT reason FROM files WHERE reason IS NOT NULL")
    assert len(reasons) == 1
    assert "unpacks to more than 500 times its size" in reasons[0][0]
    assert place.load().files["unreadable"] == 0


@pytest.mark.usefixtures("small_limits")
def test_a_log_that_repeats_itself_is_no_bomb(place: Place) -> None:
    place.write("a.json.gz", gzip.compress(REPEATED * 8000))
    place.write("b.zip", as_zip({"a.json": REPEATED * 8000}))
    loaded = place.load()
    assert (loaded.files["unreadable"], loaded.buckets["frames"]) == (0, 16_000)


def test_an_archive_of_too_many_or_overlapping_members_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.write("a.zip", as_zip({f"{n}.json": b"{}" for n in range(30)}))
    (source,) = sources.find([str(path)])
    for name, limit, reason in (("MEMBERS", 20, "more than 20"), ("DIRECTORY_BYTES", 100, "too large")):
        with monkeypatch.context() as patch, pytest.raises(BrokenStreamError, match=reason):
            patch.setattr(streams, name, limit)
            with streams.members(source):
                pass
    with pytest.raises(BrokenStreamError, match="over each other"), streams.members(Source(source.path, 20)):
        pass


def test_an_avro_block_says_its_size_and_is_not_believed(place: Place) -> None:
    good = as_avro([b"{}"])
    sync = good[-16:]
    head = good[: good.index(sync) + 16]
    for size in (b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x01", b"\xff" * 12):
        place.write("a.avro", head + b"\x02" + size)
        assert place.load().files == {"unreadable": 1}
    many = head + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\x00" + sync
    place.write("a.avro", many)
    assert place.load().files == {"unreadable": 1}


@pytest.mark.parametrize("value", [{"records": ROWS}, ROWS, ROWS[0]])
def test_messages_of_event_hubs_come_in_three_forms(place: Place, value: Any) -> None:
    for number, text in enumerate((json.dumps(value), json.dumps(value, indent=4))):
        place.write(f"{number}.json", text.encode())
    loaded = place.load()
    rows = 1 if value is ROWS[0] else len(ROWS)
    assert counts(loaded) == {"frames": 2, "opened": 2, "items": 2 * rows, "loaded": 2 * rows}
    assert place.rows("SELECT count(DISTINCT request_key) FROM store.records") == [(min(rows, 7),)]
