"""The same invented calls in every form of every log shape give the same requests and parts, but for named losses."""

import json
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import rows_of

import analyzer
from benchmarks import shapes
from benchmarks.generate import Call
from benchmarks.shapes import FORMS
from fuzzing.check import check

CALLS = list(islice(shapes.calls(1_000_000), 3))
FIELDS = (
    "occurred_at", "api", "deployment", "model", "caller", "status", "duration_ms", "prompt_tokens",
    "completion_tokens",
)  # fmt: skip

_CONTENT = frozenset({"parts"})
_TOKENS = frozenset({"prompt_tokens", "completion_tokens"})
_CALLER = frozenset({"caller"})
_RESULT = frozenset({"status", "duration_ms"})
# What a form cannot carry, by the beginning of its name; the longest that fits counts. `time` is a time that is less
# exact than the call's own, or that of its end.
LOSSES: dict[str, frozenset[str]] = {
    "resource_log": _CONTENT | _TOKENS,
    "diagnostics": _CONTENT | _TOKENS,
    "gateway": frozenset(),
    "gateway_csv": frozenset({"time"}),  # milliseconds
    "llm": _CALLER | _RESULT | {"time"},  # no row says when the call began
    "two_events": _CALLER | _RESULT | {"time"},  # whole seconds
    "stored_messages": _CALLER | _RESULT | {"deployment"},
    "chunked_events": _CALLER | {"time"},  # which end of the call its time is, it does not say
    "otlp": _CALLER | {"status"},
    "dependency": _CALLER,
    "foundry": _CALLER | {"status"},
    "litellm": frozenset({"status"}),
    "purview": _CONTENT | _TOKENS | _RESULT | {"deployment", "model", "time"},  # whole seconds
    "batch": _CALLER | {"duration_ms", "time"},  # whole seconds
}
INEXACT_SECONDS = 7.0  # longer than any of the calls lasts


def losses_of(form: str) -> frozenset[str]:
    name = max((name for name in LOSSES if form.startswith(name)), key=len)
    return LOSSES[name]


def expected(call: Call, form: str) -> dict[str, Any]:
    asked, told = shapes.tokens(call)
    said = {
        "occurred_at": call.start.astimezone(UTC).replace(tzinfo=None), "api": "chat", "deployment": call.deployment,
        "model": call.model, "caller": shapes.user(call), "status": 200, "prompt_tokens": asked,
        "completion_tokens": told, "duration_ms": call.milliseconds,
    }  # fmt: skip
    return {name: None if name in losses_of(form) else said[name] for name in FIELDS}


def loaded(form: str, folder: Path) -> Path:
    path = folder / f"logs{FORMS[form].ending}"
    path.write_bytes(FORMS[form].render(CALLS))
    db = folder / "audit.duckdb"
    ended = analyzer.load([str(path)], db)
    assert ended.loaded is not None
    assert not ended.loaded.read_badly, ended.loaded.buckets
    assert ended.loaded.buckets["items"] == ended.loaded.buckets["loaded"], ended.loaded.buckets
    return db


@pytest.mark.parametrize("form", FORMS)
def test_a_call_gives_the_same_request_in_every_form(form: str, tmp_path: Path) -> None:
    db = loaded(form, tmp_path)
    found = [
        dict(zip(FIELDS, row, strict=True))
        for row in rows_of(db, f"SELECT {', '.join(FIELDS)} FROM store.requests ORDER BY occurred_at")
    ]
    wanted = [expected(call, form) for call in CALLS]
    assert len(found) == len(wanted)
    for request, call in zip(found, wanted, strict=True):
        at: datetime = request.pop("occurred_at")
        about = INEXACT_SECONDS if "time" in losses_of(form) else 0.0
        assert abs((at - call.pop("occurred_at")).total_seconds()) <= about
        lost = {name for name, value in call.items() if value is None}
        assert {name: value for name, value in request.items() if name not in lost} == {
            name: value for name, value in call.items() if name not in lost
        }


@pytest.mark.parametrize("form", FORMS)
def test_a_call_gives_the_same_parts_in_every_form(form: str, tmp_path: Path) -> None:
    db = loaded(form, tmp_path)
    found = rows_of(
        db,
        "SELECT role, kind, chars FROM store.parts JOIN store.requests USING (request_key) WHERE side <> 'name' "
        "ORDER BY occurred_at, part_no",
    )
    wanted = [
        (role, "text", len(text))
        for call in CALLS
        for role, text in (("system", call.system), ("user", call.prompt), ("assistant", call.answer))
    ]
    assert found == ([] if "parts" in losses_of(form) else wanted)


@pytest.mark.parametrize(
    ("storage", "table"),
    [("resource_log", "diagnostics_export"), ("gateway_log", "gateway_cli"), ("llm_log", "llm_query")],
)
def test_a_call_seen_in_storage_and_in_a_table_is_one_request_as_storage_says_it(
    storage: str, table: str, tmp_path: Path
) -> None:
    fields = ", ".join(("request_key", *FIELDS, "prompt_seen", "answer_seen"))
    parts = "SELECT COLUMNS(* EXCLUDE (day)) FROM store.parts ORDER BY ALL"
    for name, forms in {"alone": [storage], "both": [table, storage]}.items():
        (tmp_path / name).mkdir()
        for form in forms:
            (tmp_path / name / f"{form}{FORMS[form].ending}").write_bytes(FORMS[form].render(CALLS))
        analyzer.load([str(tmp_path / name)], tmp_path / f"{name}.duckdb")
    alone, both = tmp_path / "alone.duckdb", tmp_path / "both.duckdb"
    requests = f"SELECT {fields} FROM store.requests ORDER BY ALL"
    assert rows_of(both, requests) == rows_of(alone, requests)
    assert rows_of(both, parts) == rows_of(alone, parts)
    assert {len(shapes) for (shapes,) in rows_of(both, "SELECT shapes FROM store.requests")} == {2}


def test_rows_and_records_of_storage_in_one_file_are_told_apart(tmp_path: Path) -> None:
    lines = [FORMS[form].render(CALLS) for form in ("diagnostics_export", "resource_log", "gateway_export", "llm_log")]
    (tmp_path / "mixed.jsonl").write_bytes(b"".join(lines))
    analyzer.load([str(tmp_path / "mixed.jsonl")], tmp_path / "audit.duckdb")
    seen = rows_of(tmp_path / "audit.duckdb", "SELECT shape, count(*) FROM store.records GROUP BY ALL ORDER BY ALL")
    assert seen == [("gateway_row", 3), ("llm_log", 12), ("resource_log", 3), ("resource_row", 3)]


def test_every_loss_belongs_to_a_form() -> None:
    assert {name for name in LOSSES if not any(form.startswith(name) for form in FORMS)} == set()


JUNK = st.one_of(
    st.sampled_from(
        [b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"true", b'"2026"', b"\\ud800", b"\n", b"\x00", b"\xff"]
    ),
    st.binary(max_size=8),
)
EXAMPLES = 30  # of each form; `make fuzz` tries more
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), JUNK), max_size=6)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=EXAMPLES)
@given(changes=CHANGES)
def test_whatever_is_changed_in_a_form_every_frame_and_item_is_counted(
    form: str, changes: list[tuple[float, int, bytes]]
) -> None:
    data = FORMS[form].render(CALLS[:2])
    for where, length, junk in changes:
        at = int(where * len(data))
        data = data[:at] + junk + data[at + length :]
    check(data)


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
        st.sampled_from(["", "None", "{}", "[]", "6/1/2026 10:00:00 AM", "2026-06-01T10:00:00Z", "1780308000", "chat"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
LINES = [form for form in FORMS if FORMS[form].ending == ".jsonl" and form != "resource_log_utf16"]


@pytest.mark.parametrize("form", LINES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_whatever_a_field_of_a_form_says_every_frame_and_item_is_counted(form: str, data: st.DataObject) -> None:
    rows = [json.loads(line) for line in FORMS[form].render(CALLS[:1]).splitlines()]
    row = data.draw(st.sampled_from(rows))
    holders = [row, *(value for value in row.values() if isinstance(value, dict))]
    for holder in holders:
        for name in data.draw(st.lists(st.sampled_from(sorted(holder)), max_size=3, unique=True)):
            holder[name] = data.draw(VALUES)
    check("".join(json.dumps(row) + "\n" for row in rows).encode())
