"""Which requests belong together: by an id they say, the answer they go on from, else the gap between them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import POLICE, START, Place, Row, command, gateway_row, resource_row, rows_of, write_logs, write_register


def call(number: int, before: str | None = None, answer: str | None = None, **said: Any) -> Row:
    """A call of the Responses API an hour after the one before it."""
    request = {"input": f"Question {number}", "model": "chat", **said}
    if before:
        request["previous_response_id"] = before
    response = {"object": "response", "id": answer or f"resp_{number}", "status": "completed", "output": []}
    return gateway_row(
        f"call-{number}", START + timedelta(hours=number), operationId="Create_Response",
        requestBody=json.dumps(request), responseBody=json.dumps(response),
    )  # fmt: skip


def sessions(place: Place, *runs: list[Row]) -> dict[str, list[str]]:
    """The request ids of each session, by its first, after some runs, each with more logs."""
    place.folder.mkdir(exist_ok=True)
    write_register(place.register, POLICE)
    for number, rows in enumerate(runs):
        write_logs(place.logs / f"{number}.jsonl", rows)
        assert command(*place.run).code == 0
    found = rows_of(place.db, "SELECT list(request_id ORDER BY request_id) FROM main.requests GROUP BY session_key")
    return {ids[0]: ids for (ids,) in found}


def test_calls_that_go_on_from_each_others_answers_are_one_session(tmp_path: Path) -> None:
    rows = [call(0), call(1, "resp_0"), call(2, "resp_1"), call(3), call(4, "resp_3")]
    assert sessions(Place(tmp_path), rows) == {
        "call-0": ["call-0", "call-1", "call-2"],
        "call-3": ["call-3", "call-4"],
    }


def test_two_calls_that_go_on_from_an_answer_that_was_not_logged_are_one_session(tmp_path: Path) -> None:
    rows = [call(1, "resp_lost"), call(2, "resp_lost"), call(3)]
    assert sessions(Place(tmp_path), rows) == {"call-1": ["call-1", "call-2"], "call-3": ["call-3"]}


def test_a_chain_whose_beginning_comes_a_run_later_is_joined_then(tmp_path: Path) -> None:
    late = sessions(Place(tmp_path / "late"), [call(2, "resp_1"), call(3, "resp_2")], [call(0), call(1, "resp_0")])
    assert late == sessions(
        Place(tmp_path / "at once"), [call(0), call(1, "resp_0"), call(2, "resp_1"), call(3, "resp_2")]
    )
    assert list(late) == ["call-0"]


def test_a_circle_of_answers_is_no_chain_and_loses_no_request(tmp_path: Path) -> None:
    rows = [call(0, "resp_1"), call(1, "resp_0"), call(2, "resp_2")]
    assert sessions(Place(tmp_path), rows) == {f"call-{number}": [f"call-{number}"] for number in range(3)}


def test_a_conversation_says_more_than_a_chain_and_a_chain_more_than_a_user(tmp_path: Path) -> None:
    rows = [
        call(0, conversation="conv_1"),
        call(1, "resp_9", conversation="conv_1"),
        call(2, user="clerk"),
        call(3, "resp_2", user="other"),
        call(4, user="clerk"),
    ]
    assert sessions(Place(tmp_path), rows) == {
        "call-0": ["call-0", "call-1"],
        "call-2": ["call-2", "call-3"],
        "call-4": ["call-4"],
    }


def test_calls_that_one_between_them_kept_together_part_when_it_goes_to_its_gateways_request(tmp_path: Path) -> None:
    place = Place(tmp_path)
    account = [resource_row(f"account-{number}", START + timedelta(minutes=20 * number)) for number in range(3)]
    gateway = gateway_row(
        "front", START + timedelta(minutes=20), backendResponseHeaders={"apim-request-id": "account-1"}
    )
    late = sessions(place, account, [gateway])
    assert late == sessions(Place(tmp_path / "fresh"), [*account, gateway])
    assert sorted(late) == ["account-0", "account-2", "front"]


@settings(max_examples=10)
@given(order=st.permutations(range(6)), split=st.integers(0, 6))
def test_the_order_of_arrival_changes_no_session(tmp_path_factory: Any, order: list[int], split: int) -> None:
    rows = [call(0), call(1, "resp_0"), call(2, "resp_1"), call(3, "resp_1"), call(4, "resp_8"), call(5)]
    shuffled = [rows[number] for number in order]
    runs = [part for part in (shuffled[:split], shuffled[split:]) if part]
    assert sessions(Place(tmp_path_factory.mktemp("site")), *runs) == {
        "call-0": ["call-0", "call-1", "call-2", "call-3"],
        "call-4": ["call-4"],
        "call-5": ["call-5"],
    }
