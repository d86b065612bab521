"""Frames cover every byte of a stream once, and say where it stands."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.csv_rows import HEADER_LIMIT
from analyzer.errors import BrokenStreamError
from analyzer.reader import CHUNK_LINES, Chunk, chunks, frames

SPACE = b" \t\r\n\x0b\x0c"
RECORDS = st.sampled_from(
    [b'{"a": 1}', b'{"a": "\xc3\xa9"}', b"[1]", b'"x"', b"\xff\xfe", b"\x00", b"no json", b"{", b""]
)
LINES = st.lists(
    st.tuples(st.sampled_from([b"", b" ", b"\t\x0b"]), RECORDS, st.sampled_from([b"", b"\r", b" \r", b" "]))
)
STREAMS = st.one_of(
    st.builds(lambda lines, end: b"\n".join(map(b"".join, lines)) + end, LINES, st.sampled_from([b"", b"\n", b"\n\n"])),
    st.binary(max_size=60),
)

Frame = dict[str, Any]


def framed(blocks: Iterable[bytes], limit: int = 1 << 20, **more: Any) -> list[Frame]:
    """All frames of a stream."""
    return [frame for chunk in chunks(blocks, limit=limit, **more) for frame in rows_of(chunk, limit)]


def rows_of(chunk: Chunk, limit: int = 1 << 20) -> list[Frame]:
    return frames(chunk, limit).to_pylist()  # type: ignore[no-any-return]


def states(blocks: Iterable[bytes], **more: Any) -> list[str]:
    return [frame["state"] for frame in framed(blocks, **more)]


@given(STREAMS, st.data())
def test_where_blocks_end_changes_no_frame(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    blocks = [stream[start:end] for start, end in pairwise([0, *cuts, len(stream)])]
    told = [{**frame, "raw": frame["raw"].strip(SPACE)} for frame in framed(filter(None, blocks))]
    assert told == [{**frame, "raw": frame["raw"].strip(SPACE)} for frame in framed([stream])]


@given(STREAMS)
def test_offset_length_and_hash_address_the_raw_record(stream: bytes) -> None:
    for frame in framed([stream]):
        raw = stream[frame["byte_offset"] : frame["byte_offset"] + frame["byte_length"]]
        if frame["state"] == "blank":
            assert not raw.strip(SPACE)
            assert frame["sha256"] == ""
        else:
            assert raw
            assert frame["sha256"] == hashlib.sha256(raw).hexdigest()
        if frame["state"] == "record":
            assert raw == raw.strip(SPACE) == frame["raw"].strip(SPACE)
            assert frame["line"] == stream.count(b"\n", 0, frame["byte_offset"]) + 1


@given(STREAMS)
def test_frames_leave_nothing_but_blanks_between_them(stream: bytes) -> None:
    behind = len(b"\xef\xbb\xbf") if stream.startswith(b"\xef\xbb\xbf") else 0
    for frame in framed([stream]):
        assert frame["byte_offset"] >= behind, "two frames share a byte"
        assert not stream[behind : frame["byte_offset"]].strip(SPACE)
        behind = frame["byte_offset"] + frame["byte_length"]
    assert not stream[behind:].strip(SPACE)


@settings(deadline=None)
@given(STREAMS, st.integers(1, 9))
def test_reading_on_from_the_end_of_any_chunk_gives_the_frames_behind_it(stream: bytes, size: int) -> None:
    def blocks(data: bytes) -> list[bytes]:
        return [data[start : start + size] for start in range(0, len(data), size)]

    whole = framed(blocks(stream))
    digest, told = hashlib.sha256(), 0
    for chunk in chunks(blocks(stream), limit=1 << 20, digest=digest):
        told += len(rows_of(chunk))
        if chunk.is_loaded and 0 < chunk.end < len(stream):
            assert digest.hexdigest() == hashlib.sha256(stream[: chunk.end]).hexdigest()
            assert framed(blocks(stream[chunk.end :]), offset=chunk.end, line=chunk.next_line) == whole[told:]


def test_a_byte_order_mark_is_no_part_of_the_first_record() -> None:
    (frame,) = framed([b'\xef\xbb\xbf{"a":1}\r\n'])
    assert (frame["byte_offset"], frame["byte_length"], frame["line"]) == (3, 7, 1)


def test_blanks_and_carriage_returns_around_a_record_are_no_part_of_it() -> None:
    told = framed([b'  {"a":1} \r\n\r\n\t{"b":2}\n'])
    assert [(frame["state"], frame["byte_offset"], frame["byte_length"]) for frame in told] == [
        ("record", 2, 7), ("blank", 12, 1), ("record", 15, 7),
    ]  # fmt: skip


def test_a_line_that_is_too_long_is_told_by_length_and_hash_and_the_next_line_is_read() -> None:
    long = b'{"text": "' + b"x" * 5000 + b'"}'
    for blocks in ([long + b'\n{"a":1}\n'], [long[:3000], long[3000:] + b"\n{", b'"a":1}\n']):
        first, second = framed(blocks, limit=1000)
        assert (first["state"], first["byte_length"]) == ("too_long", len(long))
        assert first["sha256"] == hashlib.sha256(long).hexdigest()
        assert len(first["raw"]) <= 200
        assert (second["state"], second["line"], second["byte_offset"]) == ("record", 2, len(long) + 1)


def test_an_unfinished_last_line_waits_in_a_growing_file_and_is_refused_in_a_finished_one() -> None:
    stream = b'{"a":1}\n{"b":'
    assert states([stream]) == ["record", "pending"]
    assert states([stream], keep_pending=False) == ["record", "truncated_stream"]
    assert states([stream + b"2}"]) == ["record", "record"]


@pytest.mark.parametrize("value", [{"records": [{"a": 1}]}, [{"a": 1}, {"b": 2}], {"a": {"b": [1]}}])
def test_a_value_over_many_lines_is_one_frame(value: object) -> None:
    document = json.dumps(value, indent=2).encode()
    (frame,) = framed([b"\n" + document + b"\n"])
    assert (frame["state"], frame["byte_offset"], frame["byte_length"]) == ("record", 1, len(document))


def test_a_document_that_is_being_written_waits_and_a_cut_one_is_refused_as_one_frame() -> None:
    document = json.dumps({"records": [{"a": 1}, {"b": [2]}]}, indent=1).encode()
    for size in (20, len(document) - 1):
        (frame,) = framed([document[:size]])
        assert (frame["state"], frame["byte_offset"], frame["byte_length"]) == ("pending", 0, size)
        assert states([document[:size]], keep_pending=False) == ["truncated_stream"]
    assert states([b'{"a": 1\n{"b": 2}\n']) == ["record", "record"]


def test_a_document_is_one_whatever_the_size_of_blocks() -> None:
    document = b'[{"a": "' + b"x" * 500 + b'"},\n{"b": 2}]'
    for size in (1, 7, 100, 1000):
        blocks = [document[at : at + size] for at in range(0, len(document), size)]
        (frame,) = framed(blocks)
        assert (frame["state"], frame["byte_length"]) == ("record", len(document))


def test_lines_that_each_hold_a_value_are_no_document() -> None:
    assert states([b'{"a":1}\n{"b":2}\n']) == ["record", "record"]


def test_a_stream_that_breaks_gives_its_whole_lines_first() -> None:
    def breaking() -> Iterator[bytes]:
        yield b'{"a":1}\n{"b"'
        raise BrokenStreamError("the gzip stream ends too early")

    told: list[str] = []
    with pytest.raises(BrokenStreamError):
        for chunk in chunks(breaking()):
            told += [frame["state"] for frame in rows_of(chunk)]
    assert told == ["record", "truncated_stream"]


def test_a_line_without_end_is_never_held_whole() -> None:
    (chunk,) = chunks((b"x" * 1_000_000 for _ in range(40)), limit=2_000_000)
    assert (chunk.state, chunk.length, len(chunk.data)) == ("too_long", 40_000_000, 200)


def test_lines_behind_one_that_is_too_long_are_lines_wherever_blocks_end() -> None:
    long = b'{"text": "' + b"x" * 5000 + b'"}'
    behind = b'\n{"a":1}\n{"b":2}\n'
    for blocks in ([long[:3000], long[3000:] + behind], [long[:3000], long[3000:] + b"\n", behind[1:]]):
        told = framed(blocks, limit=1000)
        assert [(frame["state"], frame["line"]) for frame in told] == [("too_long", 1), ("record", 2), ("record", 3)]


@pytest.mark.parametrize("before", [b"\n", b"\n\r\n \n", b"\n" * 50])
def test_a_document_behind_blank_lines_stands_where_its_first_byte_is(before: bytes) -> None:
    document = json.dumps([{"a": 1}, {"b": 2}], indent=1).encode()
    stream = b"\xef\xbb\xbf" + before + document
    for size in (1, 4, 1000):
        (frame,) = framed([stream[at : at + size] for at in range(0, len(stream), size)])
        assert (frame["state"], frame["byte_offset"]) == ("record", 3 + len(before))
        assert frame["line"] == before.count(b"\n") + 1


def test_a_long_line_in_small_blocks_is_read_in_no_more_time_than_it_takes_to_copy() -> None:
    block = b"x" * 4096
    for start in (b'{"a": "', b'{"a": 1}\n{"b": "'):
        began = time.process_time()
        told = framed([start, *[block] * 10_000, b'"}\n'], limit=64 << 20)
        assert time.process_time() - began < 3  # 10,000 copies of what was read take 100
        assert [frame["state"] for frame in told] == ["record"] * len(told)


@pytest.mark.parametrize("line", [b"\n", b"{}\n"])
def test_many_short_lines_come_in_chunks_of_few(line: bytes) -> None:
    lines = 2 * CHUNK_LINES + 5
    told = list(chunks([b"{}\n" * HEADER_LIMIT, line * lines, line]))
    assert [chunk.newlines for chunk in told] == [HEADER_LIMIT, CHUNK_LINES, CHUNK_LINES, 5, 1]
    assert [chunk.line - HEADER_LIMIT for chunk in told[1:]] == [1, CHUNK_LINES + 1, 2 * CHUNK_LINES + 1, lines + 1]
    assert b"".join(chunk.data for chunk in told[1:]) == line * (lines + 1)
