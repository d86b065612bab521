"""In each of twelve languages: what is meant is found in words of other people, talk about it is told apart, everyday
words are nothing, and an answer that refuses is not one that answers all the same."""

import json
import tomllib
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from jobs import HARMLESS, Place, Ran, by_request, command, findings_of, gateway_row, rows_of, write_logs
from texts_as_logs import Request, Turn, register
from texts_as_logs import write_logs as write_requests

from analyzer import shipped
from analyzer.signals import load_lexicon, scan

LEXICON = load_lexicon(shipped.folder("queries") / "lexicon", prove=False)
LANGUAGES = tomllib.loads((Path(__file__).parent / "languages.toml").read_text(encoding="utf-8"))
_HARMFUL = """identify verify compare enrol identify_voice track locate watch stalk categorise infer_emotion
    infer_age_gender infer_trait scrape_faces crime_risk social_score consequential_decision act_on booking_picture
    gallery face_vector"""
HARMFUL = frozenset(_HARMFUL.split())
LATIN = ("es", "fr", "de", "pt", "it", "nl", "pl", "tr")


def lines(language: str, kind: str) -> list[str]:
    return str(LANGUAGES[language][kind]).strip().splitlines()


def found(texts: list[str]) -> list[dict[str, frozenset[str]]]:
    """For each text the ideas in it, each with the contexts of all its signals."""
    table = pa.table({"text_id": [f"{n:04}" for n in range(len(texts))], "text": pa.array(texts, pa.string())})
    ideas: list[dict[str, frozenset[str]]] = [{} for _ in texts]
    for row in scan(table, LEXICON).to_pylist():
        of_text = ideas[int(row["text_id"])]
        of_text[row["idea"]] = of_text.get(row["idea"], frozenset()) | frozenset(row["contexts"])
    return ideas


def missed(sentences: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The (idea, sentence) pairs of which the sentence shows no such idea."""
    ideas = found([sentence for _, sentence in sentences])
    return [pair for pair, of_text in zip(sentences, ideas, strict=True) if pair[0] not in of_text]


def said(language: str) -> list[tuple[str, str]]:
    return [(idea, text) for idea, _, text in (line.partition(": ") for line in lines(language, "said"))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_meant_is_found(language: str) -> None:
    assert missed(said(language)) == []


@pytest.mark.parametrize("language", LATIN)
def test_it_is_found_without_accents_and_in_capitals(language: str) -> None:
    bare = [
        (idea, "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)))
        for idea, text in said(language)
    ]
    plain = str.maketrans({"ł": "l", "Ł": "L", "\u0131": "i", "ß": "s"})
    assert missed([(idea, text.translate(plain)) for idea, text in bare]) == []
    if language != "tr":  # the capital of a Turkish i has a dot, which Python does not know
        assert missed([(idea, text.upper()) for idea, text in said(language)]) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_meant_is_not_taken_for_talk_that_excuses_it(language: str) -> None:
    excused = {"negation", "animal", "fiction", "refusal", "training", "news", "marketing", "software"}
    pairs = [(idea, text) for idea, text in said(language) if idea in HARMFUL]
    ideas = found([text for _, text in pairs])
    assert [(text, of_text[idea] & excused) for (idea, text), of_text in zip(pairs, ideas, strict=True)] == [
        (text, frozenset()) for _, text in pairs
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_talk_about_it_carries_its_context(language: str) -> None:
    wanted = [(*line.partition(": ")[0].split(), line.partition(": ")[2]) for line in lines(language, "about")]
    ideas = found([text for _, _, text in wanted])
    assert [
        (context, idea, text)
        for (context, idea, text), of_text in zip(wanted, ideas, strict=True)
        if context not in of_text.get(idea, ())
    ] == []


@pytest.mark.parametrize("pictures", [0, 1])
def test_everyday_words_are_no_use_with_a_picture_or_without(place: Place, read_once: None, pictures: int) -> None:
    texts = [(language, text) for language in LANGUAGES for text in lines(language, "innocent")]
    asked = [
        Request(str(number), "us_police", language, "", (Turn("user", text, pictures),))
        for number, (language, text) in enumerate(texts)
    ]
    write_requests(asked, place.logs)
    register(place.register)
    assert command(*place.run).code == 0
    found = by_request(findings_of(place.reports))
    wrong = {texts[int(id_)]: sorted({(row["rule_id"], row["verdict"]) for row in rows}) for id_, rows in found.items()}
    assert wrong == {}


def test_traditional_characters_are_read_as_simplified_ones() -> None:
    assert [set(ideas) for ideas in found(["這個人是誰\uff1f", "臉部比對"])] == [
        set(ideas) for ideas in found(["这个人是谁\uff1f", "脸部比对"])
    ]


def test_a_sentence_of_another_script_ends_where_it_ends() -> None:
    chinese, hindi, arabic = found(
        [
            "不要识别任何人。这个人是谁\uff1f",
            "पहचान न करें। यह आदमी कौन है?",
            "لا تستخدم التعرف على الوجوه؟ من هو هذا الرجل؟",
        ]
    )
    for ideas in (chinese, hindi, arabic):
        assert "identify" in ideas
    rows = scan(pa.table({"text_id": ["a"], "text": ["不要识别任何人。这个人是谁\uff1f"]}), LEXICON).to_pylist()
    assert [row["contexts"] for row in rows if row["idea"] == "identify"][-1] == []


def test_places_point_into_the_text_with_its_accents() -> None:
    text = "İşte: ¿Quién es este señor? Ça alors"
    rows = scan(pa.table({"text_id": ["a"], "text": [text]}), LEXICON).to_pylist()
    assert "Quién es este" in {text[row["char_from"] : row["char_to"]] for row in rows if row["idea"] == "identify"}


def test_an_answer_that_refuses_is_told_from_one_that_answers_all_the_same(
    place: Place, aoai: Callable[..., Ran]
) -> None:
    answers = {
        f"{language} {outcome} {number}": (answer, outcome)
        for language in LANGUAGES
        for kind, outcome in (("refused", "refused"), ("answered", "fulfilled"))
        for number, answer in enumerate(lines(language, kind))
    }
    rows = [
        gateway_row(
            name,
            url="https://apim.example.com/openai/deployments/chat/chat/completions",
            operationId=None,
            requestBody=json.dumps({"messages": [{"role": "user", "content": HARMLESS}]}),
            responseBody=json.dumps(
                {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": answer}}]}
            ),
        )
        for name, (answer, _) in answers.items()
    ]
    write_logs(place.logs / "a.json", rows)
    assert aoai(*place.run).code == 0
    ended = dict(rows_of(place.db, "SELECT request_id, outcome FROM requests"))
    assert {name: ended[name] for name in answers} == {name: outcome for name, (_, outcome) in answers.items()}
