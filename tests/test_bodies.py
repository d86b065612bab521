"""Every body form of Azure OpenAI becomes the parts and facts that a person would see in it."""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.bodies import Body, parts_of, read_fragments, read_request, read_response
from analyzer.body_text import open_body
from analyzer.masking import mask

HASH = "0123456789abcdef" * 4
TOKEN = f"picture:{HASH}"  # what masking leaves of a picture
DATA_URL = f"data:image/png;base64,{TOKEN}"


def asked(value: Any) -> Body:
    """The request body as read."""
    return read_request(value)


def answered(value: Any) -> Body:
    """The response body as read."""
    return read_response(value, 0)


def seen(body: Body) -> list[tuple[str | None, str, str | None]]:
    """(role, kind, text) of the parts, a picture's hash standing for its text."""
    return [(part.role, part.kind, part.picture or part.text) for part in body.parts if part.kind != "name"]


def names(body: Body) -> list[tuple[str | None, str | None]]:
    """(what it names, the name)."""
    return [(part.name, part.text) for part in body.parts if part.kind == "name"]


def user(*parts: Any) -> dict[str, Any]:
    """A chat body with one message of some parts."""
    return {"messages": [{"role": "user", "content": list(parts)}]}


# --- chat -------------------------------------------------------------------------------------------------------------


def test_each_chat_message_is_a_turn_with_its_role_lower_cased() -> None:
    body = asked({"messages": [{"role": "System", "content": "Sort."}, {"role": "user", "content": "Which?"}]})
    assert [(part.turn_no, part.role, part.text) for part in body.parts] == [
        (0, "system", "Sort."),
        (1, "user", "Which?"),
    ]
    assert body.api == "chat"


def test_a_message_without_content_says_nothing() -> None:
    assert seen(asked({"messages": [{"role": "assistant", "content": None}, {"role": "user", "content": "Hi"}]})) == [
        ("user", "text", "Hi")
    ]


def test_turns_of_the_answer_count_on_from_the_request() -> None:
    body = read_response({"choices": [{"message": {"role": "assistant", "content": "Yes"}}]}, 3)
    assert [part.turn_no for part in body.parts] == [3]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "Who?"}, ("user", "text", "Who?")),
        ({"type": "image_url", "image_url": {"url": DATA_URL, "detail": "low"}}, ("user", "picture", HASH)),
        ({"type": "image_url", "image_url": DATA_URL}, ("user", "picture", HASH)),
        (
            {"type": "image_url", "image_url": {"url": "https://x.example/p?sig=s"}},
            ("user", "picture", "https://x.example/p"),
        ),
        ({"type": "input_audio", "input_audio": {"data": f"audio:{HASH}", "format": "wav"}}, ("user", "audio", HASH)),
        ({"type": "file", "file": {"file_id": "file-7"}}, ("user", "file", "file-7")),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,file:{HASH}"}},
            ("user", "file", HASH),
        ),
        ({"type": "file", "file": {"filename": "a.png", "file_data": DATA_URL}}, ("user", "picture", HASH)),
        ({"type": "refusal", "refusal": "No."}, ("user", "refusal", "No.")),
        ("a bare string", ("user", "text", "a bare string")),
        ({"image": "https://x.example/legacy.jpg"}, ("user", "picture", "https://x.example/legacy.jpg")),
        ({"image": TOKEN}, ("user", "picture", HASH)),
        ({"type": "acv_document_id", "acv_document_id": "frame-1"}, ("user", "picture", None)),
        ({"type": "image_file", "image_file": {"file_id": "f", "detail": "auto"}}, ("user", "picture", None)),
        ({"type": "input_text", "text": "Hi"}, ("user", "text", "Hi")),
        ({"type": "input_image", "image_url": DATA_URL, "file_id": None}, ("user", "picture", HASH)),
        ({"type": "input_image", "file_id": "f-1"}, ("user", "picture", None)),
        ({"type": "computer_screenshot", "image_url": DATA_URL}, ("user", "picture", HASH)),
        (
            {"type": "input_file", "file_url": "https://x.example/a.pdf?sig=s"},
            ("user", "file", "https://x.example/a.pdf"),
        ),
        ({"type": "input_file", "file_id": "f-2"}, ("user", "file", "f-2")),
        ({"type": "input_audio", "data": f"audio:{HASH}", "format": "mp3"}, ("user", "audio", HASH)),
        ({"type": "text", "text": {"value": "said", "annotations": []}}, ("user", "text", "said")),
    ],
)
def test_every_content_part_is_known(part: Any, expected: tuple[str, str, str | None]) -> None:
    assert seen(asked(user(part))) == [expected]


def test_a_content_part_of_an_unknown_type_is_kept_as_it_is() -> None:
    assert seen(asked(user({"type": "hologram", "beam": 7}))) == [("user", "fragment", '{"type":"hologram","beam":7}')]


def test_a_picture_hidden_in_a_text_is_a_part_too() -> None:
    assert seen(asked(user(f"see {DATA_URL} there"))) == [
        ("user", "text", f"see {DATA_URL} there"),
        ("user", "picture", HASH),
    ]


def test_the_same_picture_has_the_same_hash_in_every_form() -> None:
    forms = [
        user({"type": "image_url", "image_url": {"url": DATA_URL}}),
        user({"image": TOKEN}),
        user(f"look: {DATA_URL}"),
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": DATA_URL}]}]},
        {"image": TOKEN, "prompt": "blur"},
    ]
    assert {part.picture for form in forms for part in asked(form).parts if part.kind == "picture"} == {HASH}


OTHER = "fedcba9876543210" * 4


@pytest.mark.parametrize(
    ("payload", "picture", "cut"),
    [
        (TOKEN, HASH, False),
        (f"picture:{HASH}piece:{OTHER}piece:{OTHER}AbC=", HASH, False),  # in chunks: the first has the header
        (f"iVBORfile:{HASH}piece:{OTHER}", HASH, False),
        ("iVBORw0KGgo=", None, True),
    ],
)
def test_a_picture_names_what_is_known_of_it_or_nothing(payload: str, picture: str | None, cut: bool) -> None:
    forms = [
        user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{payload}"}}),
        user({"image": payload}),
        user({"type": "input_audio", "input_audio": {"data": payload}}),
        user({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{payload}"}}),
        {"input": [{"type": "image_generation_call", "result": payload}]},
    ]
    for form in forms:
        (part,) = asked(form).parts
        assert (part.picture, part.cut, part.text) == (picture, cut, None)


@pytest.mark.parametrize("kept", range(1, 23))
def test_a_cut_inside_a_data_url_gives_a_cut_picture_without_a_name(kept: int) -> None:
    text = json.dumps(user({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo"}}))
    body = asked(open_body(text[: text.index("data:") + kept]).value)
    assert [(part.kind, part.cut, part.text) for part in body.parts] == [("picture", True, None)]


@pytest.mark.parametrize("kept", range(1, 9))
def test_a_cut_at_the_start_of_an_address_gives_no_name(kept: int) -> None:
    for part in (
        {"type": "image_url", "image_url": {"url": "https://"[:kept]}},
        {"type": "input_file", "file_url": "https://"[:kept]},
    ):
        assert names(asked(user(part))) == []


def test_a_name_that_is_no_whole_address_is_still_a_name() -> None:
    assert names(asked(user({"type": "image_url", "image_url": {"url": "booking_1.jpg"}}))) == [
        ("file", "booking_1.jpg")
    ]


def test_file_names_of_addresses_and_files_are_names() -> None:
    body = asked(
        user(
            {"type": "image_url", "image_url": {"url": "https://x.example/in/booking_1.jpg?sv=1"}},
            {"type": "file", "file": {"filename": "report.pdf", "file_id": "f"}},
            {"type": "input_file", "file_url": "https://x.example/wanted.csv"},
        )
    )
    assert names(body) == [("file", "booking_1.jpg"), ("file", "report.pdf"), ("file", "wanted.csv")]


def test_tool_calls_and_what_tools_answered_are_parts() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "match_face", "arguments": '{"a":1}'}}
    body = asked(
        {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "1", "content": "no match"},
                {"role": "assistant", "function_call": {"name": "old", "arguments": "{}"}},
            ]
        }
    )
    assert seen(body) == [
        ("assistant", "tool_call", 'match_face({"a":1})'),
        ("tool", "text", "no match"),
        ("assistant", "tool_call", "old({})"),
    ]
    assert names(body) == [("tool_call", "match_face"), ("tool_call", "old")]


@pytest.mark.parametrize(
    ("key", "tool"),
    [
        ("tools", {"type": "function", "function": {"name": "match_face", "parameters": {}}}),
        ("tools", {"type": "function", "name": "match_face", "parameters": {}}),
        ("tools", {"type": "custom", "custom": {"name": "match_face"}}),
        ("functions", {"name": "match_face", "parameters": {}}),
    ],
)
def test_tool_definitions_are_parts_and_their_names_too(key: str, tool: Any) -> None:
    body = asked({"messages": [], key: [tool]})
    assert (body.has_tools, names(body)) == (True, [("tool", "match_face")])
    assert [(part.kind, json.loads(part.text or "")) for part in body.parts if part.kind == "tool"] == [("tool", tool)]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [], "response_format": {"type": "json_schema", "json_schema": {"name": "age"}}},
        {"input": "x", "text": {"format": {"type": "json_schema", "name": "age"}}},
    ],
)
def test_a_schema_for_the_answer_is_a_part(body: Any) -> None:
    assert [part.kind for part in asked(body).parts if part.kind not in ("text", "name")] == ["output_schema"]


@pytest.mark.parametrize("key", ["dataSources", "data_sources"])
def test_the_index_of_a_data_source_is_a_name(key: str) -> None:
    source = {
        "type": "AzureComputerVision",
        "parameters": {"indexName" if key == "dataSources" else "index_name": "faces"},
    }
    assert names(asked({"messages": [], key: [source]})) == [("tool", "faces")]


def test_labels_of_a_call_or_a_batch_are_names() -> None:
    labels = {"description": "nightly booking photo match", "job": "17", "empty": "", "odd": 3}
    body = asked({"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "metadata": labels})
    assert names(body) == [("metadata", "nightly booking photo match"), ("metadata", "17")]


def test_enhancements_tell_of_a_picture_that_the_log_cut_off() -> None:
    cut = asked({"enhancements": {"ocr": {"enabled": True}}, "messages": [{"role": "user", "content": "Read it"}]})
    assert [(part.kind, part.cut) for part in cut.parts] == [("text", False), ("picture", True)]
    whole = asked({"enhancements": {}, **user({"image": TOKEN})})
    assert [part.kind for part in whole.parts] == ["picture"]


# --- other requests ---------------------------------------------------------------------------------------------------


def test_instructions_and_input_of_the_responses_api_are_read() -> None:
    body = asked({"model": "gpt-4o", "instructions": "Sort.", "input": "Which?"})
    assert seen(body) == [("system", "text", "Sort."), ("user", "text", "Which?")]
    assert (body.api, body.model) == ("responses", "gpt-4o")


@pytest.mark.parametrize(
    ("said", "session"),
    [
        ({"conversation": "conv_1", "previous_response_id": "resp_1"}, ("conversation", "conv_1")),
        ({"conversation": {"id": "conv_1"}}, ("conversation", "conv_1")),
        ({"previous_response_id": "resp_1"}, None),  # another one in every call
        ({"conversation": "what we said of her"}, None),
        ({"conversation": {"id": 7}}, None),
        ({"conversation": None}, None),
    ],
)
def test_a_conversation_is_a_session_and_the_response_before_is_none(said: Any, session: Any) -> None:
    assert asked({"input": "Which?", **said}).session == session


PROSE = "Compare Jane Roe, born 1980"


@pytest.mark.parametrize("prose", [PROSE, "x" * 129, "resp\n", "J\u00fcrgen"])
def test_what_is_no_name_is_kept_nowhere_but_in_texts(prose: str) -> None:
    request = asked({"model": prose, "input": [{"role": prose, "content": "Hi"}], "conversation": prose})
    assert (request.model, request.session, request.parts[0].role) == (None, None, "user")
    choice = {"finish_reason": prose, "message": {"role": prose, "content": "Hi"}}
    answer = answered({"model": prose, "choices": [choice], "error": {"code": prose, "type": prose}})
    assert (answer.model, answer.error_code, answer.finish_reasons) == (None, "error", [])
    assert answered({"incomplete_details": {"reason": prose}, "finish_reason": prose}).finish_reasons == []
    assert answered({"incomplete_details": {"reason": {"a": prose}}}).finish_reasons == []


def test_input_items_of_the_responses_api_are_read() -> None:
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who?"}]},
        {"type": "function_call", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "nobody"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "thinking"}]},
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": DATA_URL}},
    ]
    assert seen(asked({"input": items})) == [
        ("user", "text", "Who?"),
        ("assistant", "tool_call", "look_up({})"),
        ("tool", "text", "nobody"),
        ("assistant", "text", "thinking"),
        ("tool", "picture", HASH),
    ]


def test_prompts_of_completions_are_turns() -> None:
    assert seen(asked({"prompt": "Once", "suffix": "end", "max_tokens": 5})) == [
        ("user", "text", "Once"),
        ("user", "text", "end"),
    ]
    assert [part.turn_no for part in asked({"prompt": ["a", "b"]}).parts] == [0, 1]


def test_a_thread_a_message_and_a_run_of_assistants_are_read() -> None:
    message = {"role": "user", "content": "Hi", "attachments": [{"file_id": "f-1"}], "file_ids": ["f-2"]}
    said = [("user", "text", "Hi"), ("user", "file", "f-1"), ("user", "file", "f-2")]
    assert seen(asked(message)) == said
    assert seen(asked({"messages": [message]})) == said
    assert seen(asked({"assistant_id": "a", "thread": {"messages": [message]}})) == said
    run = {"assistant_id": "a", "instructions": "Be short", "additional_messages": [message]}
    assert seen(asked(run)) == [("system", "text", "Be short"), *said]


def test_embeddings_show_texts_but_no_token_ids() -> None:
    assert seen(asked({"input": ["a", "b"], "model": "e"})) == [("user", "text", "a"), ("user", "text", "b")]
    assert all(kind != "text" for _, kind, _ in seen(asked({"input": [[1, 2], [3]]})))


def test_a_picture_is_generated_and_edited_from_a_prompt() -> None:
    body = asked({"prompt": "a cat", "n": 1, "size": "1024x1024"})
    assert (body.api, seen(body)) == ("image_generate", [("user", "text", "a cat")])
    edit = asked({"prompt": "no hat", "image": [TOKEN], "mask": DATA_URL})
    assert seen(edit) == [("user", "text", "no hat"), ("user", "picture", HASH), ("user", "picture", HASH)]


def test_text_to_be_spoken_is_read() -> None:
    assert seen(asked({"model": "tts", "input": "Hello", "voice": "alloy"})) == [("user", "text", "Hello")]


def test_a_form_shows_its_fields_and_its_files() -> None:
    form = (
        '--bound\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nnames: Ada\r\n'
        '--bound\r\nContent-Disposition: form-data; name="file"; filename="call.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\nRIFF\r\n"
        '--bound\r\nContent-Disposition: form-data; name="image"; filename="me.PNG"\r\n\r\n.\r\n--bound--\r\n'
    )
    opened = open_body(form)
    body = asked(opened.value)
    assert opened.seen == "full"
    assert seen(body) == [("user", "text", "names: Ada"), ("user", "audio", None), ("user", "picture", None)]
    assert names(body) == [("file", "call.wav"), ("file", "me.PNG")]
    assert open_body(form[:150]).seen == "cut"


@pytest.mark.parametrize("value", ["just text", 7, None, True, [], [[]], [7], {"unknown": [1]}, {"messages": {"a": 1}}])
def test_no_value_is_too_odd_to_be_read(value: Any) -> None:
    assert isinstance(asked(value), Body)
    assert isinstance(answered(value), Body)


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_tells_text_end_usage_and_model() -> None:
    body = answered(
        {
            "model": "gpt-4o-2024-11-20",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes"}}],
            "usage": {"prompt_tokens": 3},
        }
    )
    assert seen(body) == [("assistant", "text", "Yes")]
    assert (body.model, body.finish_reasons, body.usage) == ("gpt-4o-2024-11-20", ["stop"], {"prompt_tokens": 3})


def test_every_choice_is_a_turn() -> None:
    choices = [{"message": {"content": text}} for text in ("a", "b")]
    assert [(part.turn_no, part.text) for part in answered({"choices": choices}).parts] == [(0, "a"), (1, "b")]


def test_a_refusal_and_spoken_answers_are_parts() -> None:
    message = {"refusal": "No.", "audio": {"data": f"audio:{HASH}", "transcript": "I said no"}}
    body = answered({"choices": [{"message": message}]})
    assert body.refused
    assert seen(body) == [
        ("assistant", "refusal", "No."),
        ("assistant", "audio", HASH),
        ("assistant", "text", "I said no"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "assistant", "content": "Yes", "finish_reason": "stop"}],
        {"role": "assistant", "content": "Yes", "finish_reason": "stop"},
        {"choices": [{"text": "Yes", "finish_reason": "stop"}]},
        {"message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"},
        {
            "object": "response",
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "Yes"}]}],
        },
    ],
)
def test_every_form_of_an_answer_says_the_same(value: Any) -> None:
    body = answered(value)
    assert (seen(body), body.finish_reasons) == ([("assistant", "text", "Yes")], ["stop"])


def test_output_items_of_the_responses_api_are_read() -> None:
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "file_search_call", "queries": ["wanted list"]},
        {"type": "web_search_call", "action": {"query": "who is"}},
        {"type": "code_interpreter_call", "code": "print(1)"},
        {"type": "mcp_approval_request", "name": "track", "arguments": "{}"},
        {"type": "image_generation_call", "result": TOKEN},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ]
    body = answered({"output": items, "incomplete_details": {"reason": "max_output_tokens"}})
    assert seen(body) == [
        ("assistant", "text", "hm"),
        ("assistant", "tool_call", "f({})"),
        ("assistant", "tool_call", 'file_search_call(["wanted list"])'),
        ("assistant", "tool_call", 'web_search_call({"query":"who is"})'),
        ("assistant", "tool_call", "code_interpreter_call(print(1))"),
        ("assistant", "tool_call", "track({})"),
        ("assistant", "picture", HASH),
        ("assistant", "refusal", "No."),
    ]
    assert (body.refused, body.finish_reasons) == (True, ["length"])


def test_generated_pictures_and_their_prompts_are_read() -> None:
    body = answered(
        {"data": [{"b64_json": TOKEN, "revised_prompt": "a grey cat"}, {"url": "https://x.example/c.png?s=1"}]}
    )
    assert seen(body) == [
        ("assistant", "picture", HASH),
        ("assistant", "text", "a grey cat"),
        ("assistant", "picture", "https://x.example/c.png"),
    ]


def test_messages_and_tool_calls_of_assistants_are_read() -> None:
    message = {"role": "assistant", "content": [{"type": "text", "text": {"value": "Hi", "annotations": []}}]}
    assert seen(answered({"object": "list", "data": [message]})) == [("assistant", "text", "Hi")]
    run = {"required_action": {"submit_tool_outputs": {"tool_calls": [{"function": {"name": "f", "arguments": "1"}}]}}}
    assert seen(answered(run)) == [("assistant", "tool_call", "f(1)")]


def test_embeddings_and_transcripts_are_told_apart() -> None:
    assert seen(answered({"data": [{"object": "embedding", "embedding": [0.1]}]})) == []
    assert seen(answered({"text": "Good morning", "segments": []})) == [("assistant", "text", "Good morning")]


BLOCKED = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": True, "severity": "medium"}}


@pytest.mark.parametrize(
    "error",
    [
        {
            "code": "content_filter",
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": BLOCKED},
        },
        {"code": "content_filter", "inner_error": {"content_filter_results": BLOCKED}},
        {"code": "contentFilter"},
        {"code": "content_policy_violation"},
        {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}},
    ],
)
def test_a_blocked_prompt_is_filtered_however_the_error_says_so(error: Any) -> None:
    assert any(answered({"error": {"message": "The response was filtered", **error}}).annotations)


def test_other_errors_are_no_filter() -> None:
    body = answered({"error": {"code": "429", "message": "Slow down"}})
    assert (body.error_code, body.annotations, seen(body)) == ("429", [], [(None, "text", "Slow down")])


@pytest.mark.parametrize(
    ("blocklists", "expected"),
    [([], []), ([{"filtered": True, "id": "b"}], [True]), ({"filtered": False}, [False]),
     ({"filtered": True, "details": [{"filtered": True, "id": "b"}]}, [True])],
)  # fmt: skip
def test_block_lists_are_read_in_their_four_shapes(blocklists: Any, expected: list[bool]) -> None:
    choice = {"message": {"content": "x"}, "content_filter_results": {"custom_blocklists": blocklists}}
    assert answered({"choices": [choice]}).annotations == expected


@pytest.mark.parametrize("key", ["prompt_filter_results", "prompt_annotations"])
def test_filters_of_the_prompt_are_read(key: str) -> None:
    assert answered({"choices": [], key: [{"content_filter_results": BLOCKED}]}).annotations == [False, True]


# --- texts of bodies --------------------------------------------------------------------------------------------------


def events(*values: Any, done: bool = True) -> str:
    """A stream as the gateway logs it."""
    lines = [f"data: {json.dumps(value, ensure_ascii=False)}\n\n" for value in values]
    return "".join(lines) + ("data: [DONE]\n\n" if done else "")


def delta(index: int = 0, reason: str | None = None, filters: Any = None, **said: Any) -> dict[str, Any]:
    """One event of a streamed chat answer."""
    choice = {"index": index, "delta": said, "finish_reason": reason}
    return {"model": "gpt-4o", "choices": [choice | ({"content_filter_results": filters} if filters else {})]}


def test_a_streamed_answer_reads_like_one_that_was_not() -> None:
    first = {"choices": [], "prompt_filter_results": [{"content_filter_results": {"jailbreak": {"filtered": False}}}]}
    opened = open_body(
        events(first, delta(role="assistant", content="Y"), delta(content="es\u2028"), delta(reason="stop"))
    )
    body = answered(opened.value)
    assert opened.seen == "full"
    assert seen(body) == [("assistant", "text", "Yes\u2028")]
    assert (body.model, body.finish_reasons, body.annotations) == ("gpt-4o", ["stop"], [False])


def test_streamed_tool_calls_are_put_together() -> None:
    def call(index: int, **said: str) -> dict[str, Any]:
        return delta(tool_calls=[{"index": index, "function": said}])

    pieces = [
        call(0, name="f", arguments=""),
        call(1, name="g", arguments="{"),
        call(0, arguments="1"),
        call(1, arguments="}"),
    ]
    assert seen(answered(open_body(events(*pieces)).value)) == [
        ("assistant", "tool_call", "f(1)"),
        ("assistant", "tool_call", "g({})"),
    ]
    old = [delta(function_call={"name": "h", "arguments": ""}), delta(function_call={"arguments": "2"})]
    assert seen(answered(open_body(events(*old)).value)) == [("assistant", "tool_call", "h(2)")]


def test_a_filter_that_spoke_in_the_middle_of_a_stream_is_not_forgotten() -> None:
    pieces = [
        delta(content="a", filters={"hate": {"filtered": True}}),
        delta(content="b", filters={"hate": {"filtered": False}}),
    ]
    assert answered(open_body(events(*pieces)).value).annotations == [True, False]


def test_choices_of_a_stream_are_kept_apart() -> None:
    body = answered(open_body(events(delta(0, content="a"), delta(1, content="x"), delta(0, content="b"))).value)
    assert seen(body) == [("assistant", "text", "ab"), ("assistant", "text", "x")]


def test_a_stream_that_breaks_off_is_cut_and_keeps_what_it_said() -> None:
    opened = open_body(
        events(delta(content="Yes, "), done=False) + 'data: {"choices":[{"index":0,"delta":{"content":"th'
    )
    assert (opened.seen, seen(answered(opened.value))) == ("cut", [("assistant", "text", "Yes, th")])


def test_a_stream_of_the_responses_api_is_its_last_state_or_what_it_said_so_far() -> None:
    item = {"type": "function_call", "name": "f", "arguments": "{}"}
    start = [
        {"type": "response.output_item.done", "item": item},
        {"type": "response.output_text.delta", "delta": "Y"},
        {"type": "response.output_text.delta", "delta": "es"},
    ]
    opened = open_body("event: response.created\n" + events(*start, done=False))
    assert opened.seen == "cut"
    assert seen(answered(opened.value)) == [("assistant", "tool_call", "f({})"), ("assistant", "text", "Yes")]
    end = {"type": "response.completed", "response": {"output": [{"type": "message", "content": "Yes"}], "model": "m"}}
    whole = open_body(events(*start, end, done=False))
    assert (whole.seen, seen(answered(whole.value))) == ("full", [("assistant", "text", "Yes")])


CREATED = {
    "type": "response.created",
    "response": {"object": "response", "status": "in_progress", "model": "gpt-9", "error": None, "output": []},
}


def of_response(kind: str, place: int = 0, **said: Any) -> dict[str, Any]:
    """One event of a streamed answer of the Responses API."""
    return {"type": f"response.{kind}", "output_index": place, "item_id": f"item-{place}", **said}


def test_a_text_that_was_done_before_the_log_cut_the_stream_is_said_once() -> None:
    pieces = [
        CREATED,
        of_response("output_item.added", item={"type": "message", "role": "assistant", "content": []}),
        of_response("output_text.delta", content_index=0, delta="Hel"),
        of_response("output_text.delta", content_index=0, delta="lo"),
        of_response("output_text.done", content_index=0, text="Hello"),
        of_response("content_part.done", content_index=0, part={"type": "output_text", "text": "Hello"}),
    ]
    for end in range(3, len(pieces) + 1):
        opened = open_body(events(*pieces[:end], done=False))
        body = answered(opened.value)
        assert (opened.seen, body.model) == ("cut", "gpt-9")
        assert seen(body) == [("assistant", "text", "Hel" if end == 3 else "Hello")]


def test_a_refusal_in_a_cut_stream_is_one() -> None:
    pieces = [CREATED, of_response("refusal.delta", delta="I can"), of_response("refusal.done", refusal="I cannot")]
    for end, text in ((2, "I can"), (3, "I cannot")):
        body = answered(open_body(events(*pieces[:end], done=False)).value)
        assert (body.refused, seen(body)) == (True, [("assistant", "refusal", text)])


@pytest.mark.parametrize(
    ("kind", "end", "key"),
    [
        ("function_call", "function_call_arguments", "arguments"),
        ("mcp_call", "mcp_call_arguments", "arguments"),
        ("custom_tool_call", "custom_tool_call_input", "input"),
    ],
)
def test_a_tool_call_in_a_cut_stream_is_seen(kind: str, end: str, key: str) -> None:
    added = of_response("output_item.added", 1, item={"type": kind, "name": "match_face", key: ""})
    pieces = [CREATED, added, of_response(f"{end}.delta", 1, delta='{"a'), of_response(f"{end}.done", 1, **{key: "{}"})]
    calls = [seen(answered(open_body(events(*pieces[:end], done=False)).value)) for end in (2, 3, 4)]
    assert calls == [[("assistant", "tool_call", f"match_face({text})")] for text in ("", '{"a', "{}")]


def test_items_of_a_cut_stream_are_kept_apart_and_in_their_order() -> None:
    item = {"type": "function_call", "name": "f", "arguments": "{}"}
    pieces = [
        of_response("reasoning_summary_text.delta", 0, delta="hm"),
        of_response("output_item.added", 1, item=item | {"arguments": ""}),
        of_response("output_text.delta", 2, content_index=0, delta="Y"),
        of_response("output_item.done", 1, item=item),
        of_response("output_text.delta", 2, content_index=0, delta="es"),
        of_response("output_text.delta", 2, content_index=1, delta="No"),
    ]
    assert seen(answered(open_body(events(*pieces, done=False)).value)) == [
        ("assistant", "text", "hm"),
        ("assistant", "tool_call", "f({})"),
        ("assistant", "text", "Yes"),
        ("assistant", "text", "No"),
    ]


def test_a_last_state_that_is_cut_does_not_hide_what_was_said() -> None:
    end = {"type": "response.completed", "response": {"model": "m", "output": [{"type": "message", "content": "He"}]}}
    text = events(of_response("output_text.done", text="Hello"), end, done=False)
    opened = open_body(text[: text.rindex("He") + 2])
    assert (opened.seen, seen(answered(opened.value))) == ("cut", [("assistant", "text", "Hello")])


@pytest.mark.parametrize("error", [{"code": "server_error"}, {"error": {"type": "x", "code": "server_error"}}])
def test_an_error_in_a_stream_is_read(error: Any) -> None:
    text = events(CREATED, of_response("output_text.delta", delta="Y"), {"type": "error", **error}, done=False)
    body = answered(open_body(text).value)
    assert (body.error_code, seen(body)[0]) == ("server_error", ("assistant", "text", "Y"))


def test_a_transcript_that_streams_is_said_once() -> None:
    pieces = [{"type": "transcript.text.delta", "delta": "Good"}, {"type": "transcript.text.done", "text": "Good day"}]
    for end, text in ((1, "Good"), (2, "Good day")):
        assert seen(answered(open_body(events(*pieces[:end])).value)) == [("assistant", "text", text)]


def test_a_cut_body_in_a_string_that_is_whole_is_cut() -> None:
    inner = json.dumps(user({"type": "text", "text": "Who is she?"}))
    opened = open_body(json.dumps(inner[: inner.index("she") + 3]))
    assert (opened.seen, seen(asked(opened.value))) == ("cut", [("user", "text", "Who is she")])


@pytest.mark.parametrize("text", ["[123", "[Note] hello", "{name}, hello", "{", "[1, 2", '"He said', "plain"])
def test_a_text_in_a_string_that_only_looks_like_a_body_is_a_text(text: str) -> None:
    opened = open_body(json.dumps(text))
    assert (opened.seen, seen(asked(opened.value))) == ("full", [("user", "text", text)])


@pytest.mark.parametrize("times", [1, 2, 3])
def test_json_in_strings_is_opened_up_to_three_times(times: int) -> None:
    text = json.dumps({"messages": []})
    for _ in range(times - 1):
        text = json.dumps(text)
    assert open_body(text) == ({"messages": []}, "full")


def test_a_cut_text_in_a_string_shows_how_it_begins() -> None:
    text = json.dumps(json.dumps(user({"type": "text", "text": 'He said "now"'})))
    opened = open_body(text[: text.index("now") + 2])
    assert (opened.seen, seen(asked(opened.value))) == ("cut", [("user", "text", 'He said "no')])


def test_half_a_character_does_not_hide_a_body() -> None:
    whole = '[{"role":"user","content":"a \\ud83d b"},{"role":"user","content":"c"}]'
    assert [text for _, _, text in seen(asked(open_body(whole).value))] == ["a \ufffd b", "c"]
    assert [text for _, _, text in seen(asked(open_body(whole[:-3]).value))] == ["a \ufffd b", "c"]


@pytest.mark.parametrize("kept", range(1, 12))
def test_a_cut_inside_an_escape_costs_that_character_only(kept: int) -> None:
    text = '[{"role":"user","content":"Gr\\ud83d\\ude00'
    start = text.index("\\ud83d")
    opened = open_body(text[: start + kept])
    assert (opened.seen, seen(asked(opened.value))) == ("cut", [("user", "text", "Gr")])


def test_a_body_cut_inside_a_picture_still_shows_the_picture() -> None:
    text = json.dumps(user({"type": "text", "text": "Who?"}, {"type": "image_url", "image_url": {"url": DATA_URL}}))
    opened = open_body(text[: text.index(HASH)] + HASH)
    assert (opened.seen, [kind for _, kind, _ in seen(asked(opened.value))]) == ("cut", ["text", "picture"])


def test_fragments_are_parts_of_their_own_and_show_hidden_pictures() -> None:
    body = read_fragments(['"type\\":\\"image_url\\",', "plain"], "request", 0)
    assert [(part.turn_no, part.kind, part.cut) for part in body.parts] == [
        (0, "fragment", True),
        (0, "picture", True),
        (1, "fragment", True),
    ]


def test_names_come_behind_everything_else() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    both = [asked({"messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}), answered({"text": "Yes"})]
    assert [part.kind for part in parts_of(both)] == ["text", "tool", "text", "name"]


WORDS = """
    messages role content type text image_url url input output choices message delta tool_calls function tools thread
    data error innererror code usage file image prompt arguments name finish_reason content_filter_results parts
    attachments file_ids enhancements index item response object custom summary instructions refusal audio
"""
KEYS = st.sampled_from(WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=JSON, end=st.integers(0, 200), stream=st.booleans())
def test_no_content_makes_reading_fail(value: Any, end: int, stream: bool) -> None:
    text = events(value) if stream else json.dumps(value)
    for body_text in (text, text[:end]):
        opened = open_body(body_text)
        for body in (asked(opened.value), answered(opened.value)):
            assert all(part.text is None or isinstance(part.text, str) for part in body.parts)
            assert all(part.role is None or isinstance(part.role, str) for part in body.parts)
            assert all(isinstance(reason, str) for reason in body.finish_reasons)


# --- what masking takes out -------------------------------------------------------------------------------------------

NOISE = random.Random(1).randbytes(900)
BASE64 = base64.b64encode(NOISE).decode()


def masked(text: str) -> str:
    """The text as masking leaves it."""
    return mask([text])[0][0]


@pytest.mark.parametrize(
    "content",
    [
        BASE64,
        BASE64.replace("/", "\\/"),
        BASE64.replace("+", "\\u002B").replace("/", "\\\\u002f"),
        *("\\n".join(BASE64[at : at + width] for at in range(0, len(BASE64), width)) for width in (64, 76)),
        base64.encodebytes(NOISE).decode().strip(),
        base64.encodebytes(NOISE).decode().strip().replace("\n", "\\r\\n"),
    ],
)
def test_content_is_taken_out_however_it_is_written(content: str) -> None:
    texts, pictures = mask([f'"see:\\n{content}"'])
    assert texts[0].startswith('"see:\\nfile:')
    assert len(texts[0]) < 80
    assert pictures["bytes"].to_pylist() == [len(NOISE)]


@pytest.mark.parametrize("before", ["", ">", "\\\\t", "\\\\u003E", "\\\\u0022", '\\\\"', "\u00e4"])
def test_content_is_taken_out_whatever_stands_before_it(before: str) -> None:
    assert masked(f"x {before}{BASE64} x").startswith(f"x {before}file:")


def test_content_in_a_data_url_is_taken_out_however_short_and_once_only() -> None:
    once = masked('"data:image/png;base64,iVBORw0KGgo="')
    assert once.startswith('"data:image/png;base64,picture:')
    assert masked(once) == once


def test_what_goes_on_from_another_chunk_is_a_piece() -> None:
    assert mask([BASE64 + '"}]'])[1]["kind"].to_pylist() == ["piece"]


ID = "5f0a3b526a1f4d0e9a552f7d1c4e8b90"


@pytest.mark.parametrize(
    "text",
    [
        "\\n".join(["Compare", "This", "Face", "With", "Every", "Mugshot", "In", "The", "Gallery1"] * 8),
        "\n".join(["JohnSmith", "MariaLopez", "AhmedKhan7"] * 20),
        "\\r\\n".join(f"Plate{number}ABC" for number in range(90)),
        "/".join(["home", "Evidence", "Case2024", "Faces", "Suspects"] * 12),
        "+".join(["track", "This", "person", "Home2", "every", "day"] * 15),
        "CompareThisFaceWithEveryMugshotInGallery1" * 8,
        NOISE.hex(),
        NOISE.hex().upper() + NOISE.hex(),
        "\\n".join(NOISE[at : at + 32].hex() for at in range(0, 320, 32)),
        "A" * 400,
    ],
)
def test_text_without_blanks_is_no_content(text: str) -> None:
    whole = f'[{{"role":"user","content":"See: {text}"}},{{"role":"user","content":"id {ID}"}}]'
    assert masked(whole) == whole


@pytest.mark.parametrize(
    "text",
    [
        '{"api-key":["SECRET1x"]}',
        "{'api-key': 'SECRET1x0123456789'}",
        '{"Authorization":"SharedKey acct:SECRET1x="}',
        "Authorization: Digest nonce=SECRET1x",
        "authorization: Basic SECRET1xOnBhc3M=",
        '{"authorization":"SECRET1x"}',
        '{"password":"SECRET1x","access_token":"ok1"}',
        '{"token":"SECRET1x0123456789"}',
        '{"auth_token":["SECRET1x0123456789"]}',
        '{\\"subscriptionKey\\":\\"SECRET1x\\"}',
        "{\\u0022api_key\\u0022:\\u0022SECRET1x\\u0022}",
        '"Endpoint=sb://x/;SharedAccessKeyName=R;SharedAccessKey=SECRET1x+a/b=;Password=SECRET1x"',
        "https://x.example/c?sv=1\\u0026sig=SECRET1x%2Babc",
        "https://x.example/?token=SECRET1x",
        "https:\\/\\/user:SECRET1x@host/db",
        "use sk-proj-SECRET1xabcdefghijklmnop please",
        '{"password":"SECRET1x',
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(text: str) -> None:
    assert "SECRET1x" not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: facial recognition of this suspect was approved",
        "authorization = identification, by the booking photos",
        "Authorization: Basic identification of suspects; bearer identification is fine",
        "Authorization: facial-recognition-2024 was granted",
        "API key: required; password: forgotten",
        '{"key":"camera_12_main_entrance_suspects"}',
        '{"authorization":"required","consent":"written"}',
        '{"token":"Hello","logprob":-0.1}',
        '{"token":"internationalization of 12 suspects"}',
        '{"max_tokens":1200,"password":123456789}',
        '{"properties":{"password":{"type":"string"}}}',
        "a desk-sk-based sk-learning-about-faces task",
        "https://x.example:8080/p?key=suspects&id=12@home",
        "The password of the warden is needed to compare faces.",
    ],
)
def test_ordinary_words_are_no_secrets(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "hostile",
    ["A" * 255 + " ", "pwd=", "api-key:", "authorization: bearer ", '"key":"', "\\u002f", "://a:", "key" + " " * 99],
)
def test_masking_takes_time_by_length_only(hostile: str) -> None:
    assert len(mask([hostile * (200_000 // len(hostile))])[0]) == 1
