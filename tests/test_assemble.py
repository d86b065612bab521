"""Requests and parts are a function of the records, in whatever files and runs they came."""

import base64
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analyzer import assemble, contents, loading, sources, store
from analyzer.bodies import TEXT_LIMIT
from analyzer.shapes import text_id

GATEWAY = "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/APIM-TEST"
ACCOUNT = "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/OAI-TEST"
SYSTEM = {"role": "system", "content": "You sort letters."}
QUESTION = {"role": "user", "content": "Which of these is the oldest?"}
ANSWER = {"role": "assistant", "content": "The one from June."}
UNSEEN = "none"

Row = dict[str, Any]


# --- rows as the services log them ------------------------------------------------------------------------------------


def llm_row(sequence: int, tick: int = 0, call: str = "call-1", **properties: Any) -> Row:
    """A GatewayLlmLogs row, ``tick`` * 100 ns after 09:00:00."""
    return {
        "category": "GatewayLlmLogs",
        "time": f"2026-06-01T09:00:00.{tick:07}Z",
        "resourceId": GATEWAY,
        "properties": {"correlationId": call, "sequenceNumber": sequence, **properties},
    }


def gateway_row(call: str = "call-1", **properties: Any) -> Row:
    """A GatewayLogs row of a call that took two seconds."""
    return {
        "category": "GatewayLogs",
        "correlationId": call,
        "time": "2026-06-01T09:00:02.0000000Z",
        "durationMs": 2000,
        "resourceId": GATEWAY,
        "properties": {
            "url": "https://apim.example.com/openai/deployments/pilot-chat/chat/completions?api-version=2024-10-21",
            "responseCode": 200,
            **properties,
        },
    }


def account_row(**more: Any) -> Row:
    """A RequestResponse row."""
    return {
        "category": "RequestResponse",
        "correlationId": "call-2",
        "operationName": "ChatCompletions_Create",
        "time": "2026-06-01T09:00:02.0000000Z",
        "resourceId": ACCOUNT,
        "properties": {},
        **more,
    }


def chunks(asked: str, answered: str, sizes: Sequence[int] = (), call: str = "call-1") -> list[Row]:
    """The rows of a call whose request messages the gateway cut behind each of ``sizes`` characters."""
    ends = [0, *itertools.accumulate(sizes), len(asked)]
    pieces = [asked[start:end] for start, end in itertools.pairwise(ends) if asked[start:end]]
    rows = [llm_row(0, 0, call, modelName="gpt-4o", deploymentName="pilot-chat")]
    rows += [llm_row(1, number + 1, call, requestMessages=piece) for number, piece in enumerate(pieces)]
    return [*rows, llm_row(2, 900, call, responseMessages=answered)]


# --- a store ----------------------------------------------------------------------------------------------------------


class Site:
    """A folder of logs and a store that loads and assembles it."""

    def __init__(self, folder: Path, con: duckdb.DuckDBPyConnection, kept: store.Store) -> None:
        self.folder, self.con, self.store = folder, con, kept

    def run(self, files: Mapping[str, Sequence[Row]]) -> int:
        """Appends the rows to the files, loads what is new and assembles; gives how many requests were assembled."""
        for name, rows in files.items():
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        loading.load(self.con, self.store, sources.find([str(self.folder)]), "run")
        return assemble.assemble(self.con, self.store)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        return self.con.execute(query).fetchall()

    def request(self, columns: str) -> tuple[Any, ...]:
        """Columns of the only request."""
        (row,) = self.rows(f"SELECT {columns} FROM store.requests")
        return row

    def parts(self) -> list[tuple[Any, ...]]:
        """(request_id, side, turn_no, role, kind, name, text) of all parts, in order."""
        found = self.rows("""
            SELECT request.request_id, side, turn_no, role, kind, name, part.text_id
            FROM store.parts AS part JOIN store.requests AS request USING (request_key)
            ORDER BY request_id, request_key, part_no
        """)
        self.con.execute("CREATE OR REPLACE TEMP TABLE wanted AS SELECT DISTINCT text_id, day FROM store.parts")
        texts = store.read_texts(self.con, self.store, "wanted")
        by_id = dict(zip(texts.column("text_id").to_pylist(), texts.column("text").to_pylist(), strict=True))
        return [(*row[:-1], by_id.get(row[-1])) for row in found]

    def said(self) -> list[tuple[str, str]]:
        """(role, text) of the only request's texts."""
        return [(row[3], row[6]) for row in self.parts() if row[4] in ("text", "fragment")]

    def state(self) -> tuple[list[tuple[Any, ...]], ...]:
        """Everything that assembling writes, apart from where the files stand."""
        return (
            self.rows("SELECT * FROM store.requests ORDER BY request_key"),
            self.rows("SELECT * FROM store.parts ORDER BY request_key, part_no"),
            self.parts(),
        )


@contextmanager
def opened() -> Iterator[Site]:
    """A new site."""
    with TemporaryDirectory() as folder:
        logs = Path(folder, "logs")
        logs.mkdir()
        kept = store.Store(Path(folder, "test.duckdb"))
        with store.locked(kept), store.writer(kept) as con:
            yield Site(logs, con, kept)


@pytest.fixture
def site() -> Iterator[Site]:
    """A new site."""
    with opened() as made:
        yield made


def assembled(*runs: Mapping[str, Sequence[Row]]) -> tuple[list[tuple[Any, ...]], ...]:
    """The state after some runs in a new site; a run without files is none."""
    with opened() as made:
        for files in filter(None, runs):
            made.run(files)
        return made.state()


# --- putting together -------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@settings(max_examples=15, deadline=None)
@given(data=st.data(), question=TEXT, answer=TEXT)
def test_chunks_spread_over_files_and_runs_in_any_way_give_the_same_request(
    data: st.DataObject, question: str, answer: str
) -> None:
    asked = json.dumps([SYSTEM, {"role": "user", "content": question}])
    sizes = data.draw(st.lists(st.integers(1, 20), max_size=4))
    rows = [*chunks(asked, json.dumps([{"role": "assistant", "content": answer}]), sizes), gateway_row()]
    places = data.draw(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc")), min_size=len(rows), max_size=len(rows))
    )
    runs: list[dict[str, list[Row]]] = [{}, {}, {}]
    for row, (run, name) in data.draw(st.permutations(list(zip(rows, places, strict=True)))):
        runs[run].setdefault(f"{name}.json", []).append(row)
    assert assembled(*runs) == assembled({"all.json": rows})


def test_a_text_that_was_cut_inside_an_escape_is_whole_again(site: Site) -> None:
    asked = json.dumps([{"role": "user", "content": "Größe 😀"}])
    site.run({"a.json": chunks(asked, json.dumps([ANSWER]), [asked.index("\\ud83d") + 3])})
    assert site.said() == [("user", "Größe 😀"), ("assistant", ANSWER["content"])]


@pytest.mark.parametrize("chars", [1, 400, 1 << 20])
def test_the_size_of_slices_and_transactions_changes_nothing(monkeypatch: pytest.MonkeyPatch, chars: int) -> None:
    rows = [
        row
        for number in range(6)
        for row in chunks(json.dumps([SYSTEM, QUESTION]), json.dumps([ANSWER]), [9 * number], f"call-{number}")
    ]
    runs = ({"a.json": rows[:7]}, {"b.json": rows[7:], "c.json": [account_row()]})
    whole = assembled(*runs)
    monkeypatch.setattr(assemble, "SLICE_CHARS", chars)
    monkeypatch.setattr(assemble, "ROWS_AT_ONCE", chars // 100)
    assert assembled(*runs) == whole


def test_a_slice_that_fails_leaves_its_transaction_undone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "SLICE_CHARS", 1)
    calls = iter(range(2))

    def read_some(found: contents.Calls) -> contents.Contents:
        if next(calls, None) is None:
            raise OSError("no room")
        return contents.read_fully(found)

    asked = json.dumps([SYSTEM, QUESTION])
    files = {f"{n}.json": chunks(asked, json.dumps([ANSWER]), call=f"call-{n}") for n in range(4)}
    with monkeypatch.context() as patched, pytest.raises(OSError, match="no room"):
        patched.setattr(contents, "read", read_some)
        site.run(files)
    assert site.rows("SELECT count(*) FROM store.requests") == [(0,)]
    assert site.run({}) == 4
    assert site.state() == assembled(files)


def test_a_text_is_kept_once_a_day_whatever_the_slices(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "SLICE_CHARS", 1)
    asked = json.dumps([SYSTEM, QUESTION])
    site.run({f"{n}.json": chunks(asked, json.dumps([ANSWER]), call=f"call-{n}") for n in range(4)})
    assert site.rows("SELECT text_id, day FROM store.texts GROUP BY ALL HAVING count(*) > 1") == []
    system = text_id(SYSTEM["content"])
    assert site.rows(f"SELECT count(*) FROM store.parts WHERE text_id = '{system}'") == [(4,)]


def test_chunks_of_two_files_with_equal_number_and_time_are_kept_as_fragments(site: Site) -> None:
    first, second = (llm_row(1, 5, requestMessages=text) for text in ('[{"role":"user",', '"content":"Hello"}]'))
    site.run({"a.json": [first], "b.json": [second]})
    assert site.request("prompt_seen, order_uncertain") == ("fragments", True)
    assert sorted(text for _, text in site.said()) == sorted(['[{"role":"user",', '"content":"Hello"}]'])


def test_chunks_of_one_file_with_equal_number_and_time_keep_the_order_of_their_lines(site: Site) -> None:
    site.run({"a.json": [llm_row(1, 5, requestMessages=text) for text in ('[{"role":"user",', '"content":"Hello"}]')]})
    assert site.request("prompt_seen, order_uncertain") == ("full", False)
    assert site.said() == [("user", "Hello")]


def test_a_late_chunk_makes_its_request_dirty_and_whole(site: Site) -> None:
    rows = chunks(json.dumps([SYSTEM, QUESTION]), json.dumps([ANSWER]), [40])
    other = chunks(json.dumps([QUESTION]), json.dumps([ANSWER]), call="call-9")
    site.run({"a.json": [*rows[:2], rows[3], *other]})
    assert site.rows("SELECT prompt_seen FROM store.requests WHERE request_id = 'call-1'") == [("cut",)]
    assert site.run({"b.json": [rows[2]]}) == 1
    assert site.rows("SELECT prompt_seen FROM store.requests WHERE request_id = 'call-1'") == [("full",)]
    assert site.rows("SELECT count(*) FROM store.requests") == [(2,)]
    assert [row[6] for row in site.parts() if row[:2] == ("call-1", "request")] == [
        SYSTEM["content"],
        QUESTION["content"],
    ]


def test_nothing_new_means_nothing_to_assemble(site: Site) -> None:
    site.run({"a.json": [gateway_row()]})
    assert site.run({}) == 0


def test_a_request_whose_file_no_longer_holds_it_is_gone(site: Site) -> None:
    site.run({"a.json": [gateway_row("call-1"), gateway_row("call-2")]})
    (site.folder / "a.json").write_text(json.dumps(gateway_row("call-2")) + "\n")
    site.run({})
    assert site.request("request_id") == ("call-2",)
    assert {row[0] for row in site.parts()} == {"call-2"}


def test_requests_without_any_record_left_are_gone(site: Site) -> None:
    asked = json.dumps([QUESTION])
    site.run({"a.json": [gateway_row("call-1"), *chunks(asked, json.dumps([ANSWER]), call="call-2")]})
    (site.folder / "a.json").write_text("")
    assert site.run({}) == 2
    assert site.state() == ([], [], [])
    assert site.run({}) == 0


# --- joining records --------------------------------------------------------------------------------------------------


def test_a_gateway_row_that_comes_later_is_joined(site: Site) -> None:
    site.run({"a.json": chunks(json.dumps([QUESTION]), json.dumps([ANSWER]))})
    assert site.request("status, shapes, time_source") == (None, ["llm_log"], "time")
    site.run({"b.json": [gateway_row(productId="sorting")]})
    assert site.request("status, shapes, time_source, product, prompt_seen, model") == (
        200, ["gateway_log", "llm_log"], "time_minus_duration", "sorting", "full", "gpt-4o",
    )  # fmt: skip


def test_llm_rows_without_content_still_make_a_request(site: Site) -> None:
    site.run({"a.json": [llm_row(0, modelName="gpt-4o", promptTokens=7)]})
    assert site.request("api, prompt_tokens, prompt_seen, answer_seen, system_seen, finish_reasons") == (
        "chat", 7, UNSEEN, UNSEEN, "unknowable", None,
    )  # fmt: skip


def test_tokens_are_the_most_that_a_row_counts_whatever_chunk_comes_first(site: Site) -> None:
    early = llm_row(1, 0, requestMessages=json.dumps([QUESTION]), promptTokens=0, completionTokens=0)
    site.run({"a.json": [early, llm_row(0, 9, promptTokens=77, completionTokens=5)]})
    assert site.request("prompt_tokens, completion_tokens") == (77, 5)


@pytest.mark.parametrize(
    ("url", "deployment"),
    [
        ("https://apim.example.com/openai/v1/chat/completions", "from-body"),
        ("https://apim.example.com/openai/responses?api-version=2025-03-01-preview", "from-body"),
        ("https://apim.example.com/openai/deployments/from-url/chat/completions", "from-url"),
    ],
)
def test_a_call_whose_address_names_no_deployment_names_it_in_its_body(site: Site, url: str, deployment: str) -> None:
    body = {"model": "from-body", "messages": [QUESTION]}
    answer = {"model": "gpt-4o", "choices": [{"message": ANSWER}]}
    site.run({"a.json": [gateway_row(url=url, requestBody=json.dumps(body), responseBody=json.dumps(answer))]})
    assert site.request("deployment, model") == (deployment, "gpt-4o")
    assert (deployment,) in [row[6:] for row in site.parts() if row[5] == "deployment"]


def test_the_model_that_an_answer_names_is_no_deployment(site: Site) -> None:
    answer = json.dumps({"model": "gpt-4o", "choices": [{"message": ANSWER}]})
    url = "https://apim.example.com/openai/v1/chat/completions"
    site.run({"a.json": [gateway_row(url=url, requestBody=json.dumps({"messages": [QUESTION]}), responseBody=answer)]})
    assert site.request("deployment, model") == (None, "gpt-4o")


@pytest.mark.parametrize(
    ("path", "body", "system_seen"),
    [
        ("threads/thread_1/messages", QUESTION, "unknowable"),
        ("threads/thread_1/runs", {"assistant_id": "asst_1", "additional_messages": [QUESTION]}, "unknowable"),
        ("threads/thread_1/runs", {"assistant_id": "asst_1", "instructions": "You sort letters."}, "yes"),
        ("deployments/chat/chat/completions", {"messages": [QUESTION]}, "absent"),
    ],
)
def test_what_an_assistant_was_told_before_cannot_be_known(site: Site, path: str, body: Row, system_seen: str) -> None:
    site.run({"a.json": [gateway_row(url=f"https://apim.example.com/openai/{path}", requestBody=json.dumps(body))]})
    assert site.request("system_seen") == (system_seen,)


def test_an_audit_row_alone_makes_no_request(site: Site) -> None:
    site.run({"a.json": [account_row(category="Audit", operationName="ListKey")]})
    assert site.rows("SELECT count(*) FROM store.requests") == [(0,)]
    assert site.rows("SELECT count(*) FROM store.parts") == [(0,)]
    assert site.rows("SELECT count(*) FROM store.records") == [(1,)]


def test_doubled_rows_of_one_call_fill_each_other(site: Site) -> None:
    first = account_row(properties={"modelDeploymentName": "pilot-chat", "modelName": "gpt-4o"})
    second = account_row(callerIpAddress="203.0.113.*", resultSignature="200", properties={})
    site.run({"a.json": [first, second]})
    assert site.request("deployment, model, caller_ip, status, record_count") == (
        "pilot-chat", "gpt-4o", "203.0.113.*", 200, 2,
    )  # fmt: skip


def test_a_record_that_is_there_twice_is_marked_and_not_counted(site: Site) -> None:
    row = gateway_row(requestBody=json.dumps({"messages": [QUESTION]}))
    reordered = dict(reversed(row.items()))  # the same content in other bytes
    site.run({"b.json": [row], "a.json": [row, reordered]})
    assert site.request("record_count") == (1,)
    marked = site.rows("SELECT split(file, '/')[-1], line, split(duplicate_of, '/')[-1] FROM main.records ORDER BY ALL")
    assert marked == [("a.json", 1, None), ("a.json", 2, "a.json@0"), ("b.json", 1, "a.json@0")]
    assert len(site.said()) == 1


def test_records_that_say_something_else_are_no_duplicates(site: Site) -> None:
    site.run(
        {"a.json": [llm_row(1, 5, requestMessages='[{"role":"user",'), llm_row(1, 5, requestMessages='"content":""}]')]}
    )
    assert site.rows("SELECT count(*) FROM store.duplicates") == [(0,)]


def test_the_start_of_a_call_is_its_request_time_where_one_is_logged(site: Site) -> None:
    started = datetime(2026, 6, 1, 8, 59, 57)
    ticks = int((started - datetime(1, 1, 1)).total_seconds()) * 10_000_000
    site.run({"a.json": [account_row(durationMs=2000), account_row(properties={"requestTime": ticks})]})
    assert site.request("occurred_at, time_source") == (started, "request_time")


def test_the_start_of_a_call_without_request_time_is_its_end_less_its_duration(site: Site) -> None:
    site.run({"a.json": [gateway_row(), *chunks(json.dumps([QUESTION]), json.dumps([ANSWER]))]})
    assert site.request("occurred_at, time_source") == (datetime(2026, 6, 1, 9), "time_minus_duration")


def test_the_start_of_a_call_with_llm_rows_only_is_the_earliest_of_them(site: Site) -> None:
    site.run({"a.json": chunks(json.dumps([QUESTION]), json.dumps([ANSWER]))[::-1]})
    assert site.request("occurred_at, time_source") == (datetime(2026, 6, 1, 9), "time")


def test_the_names_of_a_call_are_parts_behind_its_content(site: Site) -> None:
    body = json.dumps({"messages": [QUESTION], "tools": [{"type": "function", "function": {"name": "sort_letters"}}]})
    site.run({"a.json": [gateway_row(requestBody=body, productId="sorting", apimSubscriptionId="clerks")]})
    names = [row[5:] for row in site.parts() if row[1] == "name"]
    assert names == [
        ("tool", "sort_letters"),
        ("deployment", "pilot-chat"),
        ("resource", "apim-test"),
        ("product", "sorting"),
        ("key", "clerks"),
    ]
    numbers = [row[0] for row in site.rows("SELECT part_no FROM store.parts ORDER BY part_no")]
    assert numbers == list(range(len(site.parts())))


# --- the most complete reading ----------------------------------------------------------------------------------------


def cut_body(text: str, at: int = 8192) -> str:
    """A body as the gateway's log cuts it."""
    return text.encode()[:at].decode("utf-8", "ignore")


def test_full_chunks_win_over_a_cut_body(site: Site) -> None:
    long = {"role": "user", "content": "All the letters: " + "x, " * 5000}
    body = cut_body(json.dumps({"messages": [SYSTEM, long]}))
    site.run({"a.json": [gateway_row(requestBody=body), *chunks(json.dumps([SYSTEM, long]), json.dumps([ANSWER]))]})
    assert site.request("prompt_seen") == ("full",)
    assert [text for _, text in site.said()] == [SYSTEM["content"], long["content"], ANSWER["content"]]


def test_a_full_body_wins_over_chunks_for_it_shows_tools(site: Site) -> None:
    body = json.dumps({"messages": [QUESTION], "tools": []})
    site.run({"a.json": [gateway_row(requestBody=body), *chunks(json.dumps([QUESTION]), json.dumps([ANSWER]))]})
    assert site.request("prompt_seen, tools_seen") == ("full", True)


def test_tools_that_only_a_cut_body_shows_stand_beside_full_chunks(site: Site) -> None:
    tools = [{"type": "function", "function": {"name": "match_face", "parameters": {}}}]
    long = {"role": "user", "content": "word " * 3000}
    body = cut_body(json.dumps({"tools": tools, "messages": [SYSTEM, long]}))
    site.run(
        {"a.json": [gateway_row("call-1", requestBody=body), *chunks(json.dumps([SYSTEM, long]), json.dumps([ANSWER]))]}
    )
    assert site.request("prompt_seen, tools_seen") == ("full", True)
    assert [(row[4], row[5]) for row in site.parts() if row[4] == "tool" or row[5] == "tool"] == [
        ("tool", None), ("name", "tool"),
    ]  # fmt: skip
    assert site.said()[1] == ("user", long["content"])


def test_a_body_that_ends_inside_a_picture_shows_a_cut_picture(site: Site) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * 600}}
    body = cut_body(
        json.dumps({"messages": [{"role": "user", "content": [{"type": "text", "text": "Who?"}, picture]}]})
    )
    site.run({"a.json": [gateway_row(requestBody=body)]})
    assert site.request("prompt_seen, pictures_seen, picture_count") == ("cut", "cut", 1)
    assert site.said() == [("user", "Who?")]


def test_a_body_without_content_was_not_seen(site: Site) -> None:
    site.run({"a.json": [gateway_row(requestBody="{}", responseBody="")]})
    assert site.request("prompt_seen, answer_seen") == (UNSEEN, UNSEEN)


def test_an_answer_that_is_no_json_is_a_text(site: Site) -> None:
    site.run({"a.json": [gateway_row(responseBody="1\n00:00:01,000 --> 00:00:02,000\nGood morning.")]})
    assert site.request("answer_seen") == ("full",)
    assert [role for role, _ in site.said()] == ["assistant"]


def test_a_number_as_an_answer_is_a_text(site: Site) -> None:
    site.run({"a.json": [gateway_row(responseBody="42")]})
    assert site.said() == [("assistant", "42")]


def test_a_secret_that_a_chunk_border_cut_is_masked_when_it_is_whole(site: Site) -> None:
    asked = json.dumps([{"role": "user", "content": "my api-key: abcdefghijklmnop is no longer valid"}])
    site.run({"a.json": chunks(asked, json.dumps([ANSWER]), [asked.index("-key")])})
    assert "abcdefghijklmnop" not in site.said()[0][1]


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(number * 37 % 251 for number in range(800))).decode()


@pytest.mark.parametrize("size", [60, 90, 300, 411, 1000])
def test_a_picture_in_pieces_has_one_hash_however_often_it_is_read(size: int) -> None:
    asked = json.dumps(
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]}]
    )
    rows = chunks(asked, json.dumps([ANSWER]), [size])
    once = assembled({"a.json": rows})
    assert once == assembled({"b.json": rows[2:]}, {"a.json": rows[:2]})
    (picture,) = {row[10] for row in once[1] if row[5] == "picture"}
    assert len(picture) == 64


def test_every_picture_of_a_part_has_a_row_and_pieces_are_no_files(site: Site) -> None:
    def shown(url: str) -> str:
        return json.dumps([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])

    url = "data:image/png;base64," + PNG
    rows = [
        row
        for size in (60, 90, 105, 300, 700)
        for row in chunks(shown(url), json.dumps([ANSWER]), [size], f"at-{size}")
    ]
    rows += chunks(shown(url), json.dumps([ANSWER]), call="whole")
    rows += chunks(shown(url[:40]), json.dumps([ANSWER]), call="small")
    rows += chunks(shown(url)[:-900], json.dumps([ANSWER]), [300], "cut")
    rows += chunks(json.dumps([{"role": "user", "content": [{"image": PNG[:40]}]}]), json.dumps([ANSWER]), call="tiny")
    site.run({"a.json": rows})
    dangling = "FROM store.parts WHERE picture IS NOT NULL AND picture NOT IN (SELECT sha256 FROM store.pictures)"
    assert site.rows(f"SELECT count(*) {dangling}") == [(0,)]
    assert {kind for (kind,) in site.rows("SELECT DISTINCT kind FROM store.pictures")} == {"picture", "piece"}
    seen = dict(site.rows("SELECT request_id, pictures_seen FROM store.requests"))
    assert seen == {
        "at-60": "bytes", "at-90": "bytes", "at-105": "bytes", "at-300": "bytes", "at-700": "bytes",
        "whole": "bytes", "small": "bytes", "cut": "cut", "tiny": "cut",
    }  # fmt: skip


def test_half_the_id_of_a_conversation_is_no_session(site: Site) -> None:
    body = json.dumps({"input": "Who?", "conversation": "conv_123456"})
    site.run({"a.json": [gateway_row("whole", requestBody=body), gateway_row("cut", requestBody=body[:-5])]})
    assert dict(site.rows("SELECT request_id, session_id FROM store.requests")) == {"whole": "conv_123456", "cut": None}


def test_no_prose_of_a_body_reaches_the_work_database(site: Site) -> None:
    prose = "Compare Jane Roe 1980 " * 3
    said = {"role": prose, "content": "Hi"}
    message = {"role": "assistant", "content": "Yes", "finish_reason": prose}
    body = {"model": prose, "input": [said], "conversation": prose, "previous_response_id": prose}
    answer = {"model": prose, "error": {"code": prose, "message": "x"}, "incomplete_details": {"reason": prose}}
    site.run(
        {
            "a.json": [
                gateway_row("body", requestBody=json.dumps(body), responseBody=json.dumps(answer)),
                *chunks(json.dumps([said]), json.dumps([message]), call="plain"),
                *chunks(json.dumps([said | {"name": "n"}]), json.dumps([message | {"name": "n"}]), call="other"),
            ]
        }
    )
    for (table,) in site.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'store'"):
        assert "Jane" not in repr(site.rows(f"SELECT * FROM store.{table}")), table


# --- both ways of reading ---------------------------------------------------------------------------------------------

ROLE = st.sampled_from(
    ["system", "user", "assistant", "developer", "tool", "User", "SYSTEM", "", "Ärger", "data:image/"]
)
SAID = st.one_of(
    TEXT,
    st.sampled_from(
        [
            "",
            'He said "yes" \\ and left\n',
            "\x01\x1f\x7f",
            "😀 \u2028",
            "api-key: abcdefghijklmnop",
            "authorization: Bearer abcdefghijklmnopqrstuvwxyz",
            "https://files.example/p.png?sig=abcdefghijkl",
            "x" * 300,
            "iVBORw0KGgoAAAANSUhEUgAA" * 20,
            "[data:image/png;base64,iVBORw0KGgo] {}",
        ]
    ),
)
MESSAGE = st.fixed_dictionaries(
    {"role": ROLE, "content": SAID},
    optional={
        "finish_reason": st.sampled_from(["stop", "length", None]),
        "refusal": st.none(),
        "tool_calls": st.none(),
    },
)


@st.composite
def message_texts(draw: st.DrawFn) -> str:
    """Messages as a log writes them: a list or one object, with escapes or without."""
    messages = draw(st.one_of(MESSAGE, st.lists(MESSAGE, max_size=3)))
    return json.dumps(messages, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([None, (",", ":")])))


def fragment_rows(call: int, side: str, text: str, cut: int) -> list[Row]:
    """The fragments of one side, cut at a place."""
    pieces = [piece for piece in (text[:cut], text[cut:]) if piece]
    common = {"request_key": f"call-{call}", "side": side, "source": "chunk", "sequence": 1, "file": 1, "line": 1}
    return [
        {
            **common,
            "ticks": number,
            "byte_offset": number,
            "day": date(2026, 6, 1),
            "text_id": text_id(piece),
            "text": piece,
        }
        for number, piece in enumerate(pieces)
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(message_texts(), message_texts(), st.integers(0, 60), st.integers(0, 1)), min_size=1, max_size=5)
)
def test_messages_in_the_plain_form_are_read_alike_both_ways(drawn: list[tuple[str, str, int, int]]) -> None:
    rows = []
    for call, (asked, answered, cut, sides) in enumerate(drawn):
        rows += fragment_rows(call, "request", asked, cut)
        rows += fragment_rows(call, "response", answered, len(answered)) if sides else []
    fragments = pl.DataFrame(rows, schema_overrides={"sequence": pl.Int32, "line": pl.Int64})
    calls = contents.order(fragments.drop("text"), fragments.select("text_id", "text"))
    plain, others = contents.read_plain(calls)
    whole = contents.read_fully(calls)
    keys = plain.facts.select("request_key")
    assert keys.height + others.rows.height == calls.rows.height
    for fast, full, by in (
        (plain.facts, whole.facts, ["request_key"]),
        (plain.parts, whole.parts, ["request_key", "part_no"]),
    ):
        assert_frame_equal(fast.sort(by), full.join(keys, on="request_key", how="semi").sort(by))


@pytest.mark.parametrize(
    "asked",
    [
        '[{"role":"user","content":"Hi"}]',
        '{"content":"Hi","role":"user"}',
        ' [ {"role":"user", "content":"Hi", "refusal":null} ] ',
    ],
)
def test_the_usual_forms_of_messages_take_the_fast_way(asked: str) -> None:
    fragments = pl.DataFrame(fragment_rows(1, "request", asked, 5))
    _, others = contents.read_plain(contents.order(fragments.drop("text"), fragments.select("text_id", "text")))
    assert others.rows.is_empty()


@pytest.mark.parametrize(
    "asked",
    [
        "[]",
        "{}",
        '[{"role":"user","content":null}]',
        '[{"role":"user","content":[{"type":"text","text":"Hi"}]}]',
        '[{"role":"user","content":"see data:image/png;base64,iVBORw0KGgo"}]',
        '[{"role":"user","content":"Hi","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]',
        '{"messages":[{"role":"user","content":"Hi"}]}',
        '[{"role":"user","content":"Hi"',
        '[{"role":"user","content":"\\ud83d"}]',
        "Hi",
    ],
)
def test_every_other_form_is_left_to_the_full_reading(asked: str) -> None:
    fragments = pl.DataFrame(fragment_rows(1, "request", asked, 5))
    plain, others = contents.read_plain(contents.order(fragments.drop("text"), fragments.select("text_id", "text")))
    assert plain.facts.is_empty()
    assert others.rows.height == 1


def test_a_text_over_the_limit_is_cut(site: Site) -> None:
    asked = json.dumps([{"role": "user", "content": "long " * (TEXT_LIMIT // 5 + 100)}])
    site.run({"a.json": chunks(asked, json.dumps([ANSWER]), [len(asked) // 2])})
    assert site.request("prompt_seen") == ("cut",)
    assert site.rows("SELECT max(chars), bool_or(cut) FROM store.parts") == [(TEXT_LIMIT - asked.index("long"), True)]
