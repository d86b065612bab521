"""What the lexicon finds, where, and in which context; what a wrong lexicon says; that no text is too much."""

import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer import shipped
from analyzer.english import plainly_english
from analyzer.errors import UsageError
from analyzer.fold import forms
from analyzer.schema import SIGNALS
from analyzer.search import Patterns, search
from analyzer.signals import MAX_ROWS, Lexicon, load_lexicon, scan

LEXICON = load_lexicon(shipped.folder("queries") / "lexicon")

ENTRY = """[[entry]]
id = "compare.faces"
idea = "compare"
language = "en"
about = "Compares faces."
patterns = ['''\\bmatch(?:es|ing)? the <20>\\bfaces?\\b''']
examples = ["match the two faces"]
near = ["match the colours"]
"""
NOT = """[[entry]]
id = "negation.not"
context = "negation"
reach = 20
side = "before"
language = "en"
about = "Ruled out."
patterns = ['''\\b(?:not|never)\\b''']
examples = ["do not"]
near = ["nothing"]
"""


def lexicon(folder: Path, *entries: str) -> Lexicon:
    folder.mkdir(exist_ok=True)
    (folder / "a.toml").write_text("\n".join(entries), encoding="utf-8")
    return load_lexicon(folder)


def found(texts: Iterable[str], entries: Lexicon = LEXICON) -> list[dict[str, Any]]:
    held = list(texts)
    table = pa.table({"text_id": [f"{n:04}" for n in range(len(held))], "text": pa.array(held, pa.string())})
    rows: list[dict[str, Any]] = scan(table, entries).to_pylist()
    for row in rows:
        row["words"] = held[int(row["text_id"])][row["char_from"] : row["char_to"]]
    return rows


def ideas(text: str) -> set[str]:
    return {row["idea"] for row in found([text])}


def contexts_of(text: str, idea: str) -> set[str]:
    return {context for row in found([text]) if row["idea"] == idea for context in row["contexts"]}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    return lexicon(tmp_path_factory.mktemp("lexicon"), ENTRY, NOT)


# ------------------------------------------------------------------------------------------------ places


def test_a_row_has_the_columns_of_the_signals_table() -> None:
    table = scan(pa.table({"text_id": ["a"], "text": ["who is this man"]}), LEXICON)
    assert table.column_names == [column.name for column in SIGNALS.columns]
    assert set(table["lexicon"].to_pylist()) == {LEXICON.version}


def test_an_empty_table_and_a_null_text_give_no_rows() -> None:
    nothing = pa.table({"text_id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    assert scan(nothing, LEXICON).num_rows == 0
    assert scan(pa.table({"text_id": ["a"], "text": pa.array([None], pa.string())}), LEXICON).num_rows == 0


LOOKALIKES = {"a": "\u0430", "c": "\u0441", "e": "\u0435", "o": "\u043e", "h": "\u04bb"}
LEET = {"a": "4", "e": "3", "o": "0", "t": "7", "s": "5"}


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, int, int]:
    """A text with "match the two faces" in disguise, and where that stands."""
    around = st.lists(
        st.sampled_from(["abc", "xyz", "caf\u00e9", "\u0928\u092e", "\U0001f600", ".", ",", "\n"]), max_size=8
    )
    before, after = " ".join(draw(around)), " ".join(draw(around))
    style = draw(st.sampled_from(["plain", "zero width", "look-alike", "leet", "spaced", "wide", "escaped"]))
    words = []
    for word in ("match", "the", "two", "faces"):
        if style == "zero width":
            cut = draw(st.integers(1, len(word) - 1))
            word = word[:cut] + draw(st.sampled_from(["\u200b", "\u200d", "\u00ad", "\ufeff"])) + word[cut:]
        elif style == "look-alike":
            word = word.replace("c", LOOKALIKES["c"]).replace("e", LOOKALIKES["e"])
        elif style == "leet":
            word = word[0] + "".join(LEET.get(letter, letter) for letter in word[1:])
        elif style == "spaced" and word != "the" and word != "two":
            word = draw(st.sampled_from(" .-*")).join(word)
        elif style == "wide":
            word = "".join(chr(ord(letter) + 0xFEE0) for letter in word)
        elif style == "escaped":
            word = word.replace("a", "\\u0061")
        words.append(word)
    phrase = " ".join(words)
    return f"{before} {phrase} {after}", len(before) + 1, len(before) + 1 + len(phrase)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(disguised())
def test_places_point_at_the_phrase_in_the_stored_text(small: Lexicon, case: tuple[str, int, int]) -> None:
    text, start, end = case
    assert (start, end) in {(row["char_from"], row["char_to"]) for row in found([text], small)}


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_places_lie_inside_any_text(text: str) -> None:
    for row in found([f"who is this man \u200b f a c e m4tch the f4ce {text} matchFace"]):
        assert 0 <= row["char_from"] < row["char_to"] and row["words"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pd-fr-prod", "pd-fr"),
        ("run match_face now", "match_face"),
        ("call compareFaces()", "compareFaces"),
        ("tool:face.search.v2", "face.search"),
        ('{\\"name\\":\\"face_search\\"}', "face_search"),
        ("see photo.\\nmatch faces", "match faces"),
    ],
)
def test_names_and_escaped_json_are_read_word_by_word(text: str, words: str) -> None:
    assert words in {row["words"] for row in found([text])}


def test_numbers_are_not_read_as_letters(small: Lexicon) -> None:
    assert found(["order 4 at 10:45, room 303, 7ab1e, a1b2c3d4"], small) == []
    assert found(["match the 2 faces at 10:45"], small)[0]["words"] == "match the 2 faces"


# ------------------------------------------------------------------------------------------------ contexts


def test_a_context_reaches_inside_its_sentence_and_on_its_side_only(small: Lexicon) -> None:
    rows = found(
        [
            "do not match the faces",
            "do not explain. match the faces",
            "match the faces, not the names",
            "never, in all the years since then, match the faces",
        ],
        small,
    )
    assert [row["contexts"] for row in rows] == [["negation"], [], [], []]


@pytest.mark.parametrize(
    ("text", "idea", "context"),
    [
        ("We do not use facial recognition.", "identify", "negation"),
        ("Draft a memo to the council on facial recognition.", "identify", "policy"),
        ("Blur all faces, then check that no face search can match the faces.", "face", "redaction"),
        ("Write a lesson on bias in facial recognition.", "identify", "training"),
        ("Write a scene for my novel in which face recognition fails.", "identify", "fiction"),
        ("Match this dog's face with the lost dogs.", "compare", "animal"),
        ("I can't identify people from their faces.", "identify", "refusal"),
        ("Fix grammar please: the face match from the state returned a name.", "act_on", "quoted_report"),
    ],
)
def test_talk_about_a_use_carries_its_context(text: str, idea: str, context: str) -> None:
    assert context in contexts_of(text, idea)


def test_a_stray_prohibition_does_not_excuse_the_use_beside_it() -> None:
    text = "Never explain. Do not apologise. Who is this man? I don't know him."
    assert contexts_of(text, "identify") == set()


# ------------------------------------------------------------------------------------------------ ideas


@pytest.mark.parametrize(
    ("text", "idea"),
    [
        ("yo who dis guy in the vid, got a name for him?", "identify"),
        ("Cross-check her against the arrest database.", "identify"),
        ("Is the bearer the same woman as on the passport photo?", "verify"),
        ("which of these inmates looks most like the robber", "compare"),
        ("Add every detainee's face to the gallery.", "enrol"),
        ("whose voice is on this tape", "identify_voice"),
        ("track the lady in the green coat across all cameras", "track"),
        ("where is she right now", "locate"),
        ("alert me whenever a banned visitor shows up on camera", "watch"),
        ("find my ex-wife's new address, follow where she goes", "stalk"),
        ("which of these people look Jewish", "categorise"),
        ("Tell me from his face whether the suspect is nervous or lying", "infer_emotion"),
        ("exact age and gender of each person in the picture", "infer_age_gender"),
        ("guess the ethnicity of the man from the photo", "infer_trait"),
        ("a bot that harvests profile pictures from social networks", "scrape_faces"),
        ("predict which juveniles will commit a crime, risk of re-offending 0-100", "crime_risk"),
        ("citizen trust score for each resident", "social_score"),
        ("reject all applications automatically without human review", "consequential_decision"),
        ("Officer wants an arrest warrant based on the face match", "act_on"),
        ("mug shots from the county jail", "booking_picture"),
        ("128-d face embedding", "face_vector"),
        ("one frame every 3 seconds", "live"),
        ("officer's bodycam", "mobile"),
        ("The agency is the Dunmore County Sheriff's Office", "actor_us_police"),
        ("for agents of Homeland Security Investigations", "actor_us_federal_le"),
        ("Wexmoor Constabulary custody sergeant", "actor_foreign_le"),
        ("our SaaS is used by police departments", "actor_le_vendor"),
        ("Office of the District Attorney", "actor_le_adjacent"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("Lo siento, pero no puedo ayudar con eso.", "refusal"),
        ("Je ne peux pas identifier cette personne.", "refusal"),
        ("Dabei kann ich leider nicht helfen.", "refusal"),
        ("Desculpe, mas não posso identificar pessoas.", "refusal"),
        ("These appear to be the same person.", "match_result"),
    ],
)
def test_an_idea_is_found_in_words_of_its_own(text: str, idea: str) -> None:
    assert idea in ideas(text)


@pytest.mark.parametrize(
    "text",
    [
        "He must face the consequences and call for an about-face.",
        "Identify three risks in the plan and compare the two budgets.",
        "Who is responsible for the invoice, and where is the form?",
        "Follow the instructions and keep track of expenses.",
        "The museum gallery opens at nine; the football match ends at five.",
    ],
)
def test_everyday_words_are_no_use(text: str) -> None:
    uses = {"identify", "verify", "compare", "enrol", "track", "locate", "watch", "face", "gallery"}
    assert ideas(text) & uses == set()


# ------------------------------------------------------------------------------------------------ one way to one result


def sample(seed: int) -> list[str]:
    """Texts made of phrases from everywhere in the lexicon's subject."""
    chance = random.Random(seed)
    phrases = (
        "who is this man the suspect match compare faces to with our booking photos watch list do not blur every frame "
        "f4ce rec0gn1ze f a c e where he now track her across all cameras is it him same person please order 1045 body "
        "cam matchFace pd-fr-prod policy memo . , ? \n sorry can't help identify people how old gender muslim emotion "
        "from his voice \u200b m\u0430tch caf\u00e9 live feed every 2 seconds"
    )
    words = phrases.split(" ")
    return [" ".join(chance.choices(words, k=chance.randint(1, 60))) for _ in range(200)]


def test_the_words_looked_for_first_change_nothing() -> None:
    texts = pl.Series(sample(1) + [text for text in sample(2) if "\n" in text])
    patterns = Patterns(LEXICON.signals.all + LEXICON.contexts.all)
    searched = forms(texts, patterns.telling)

    def matches(gated: bool) -> set[tuple[str, int, str]]:
        return {
            (hits.pattern.name, row, marked)
            for hits in search(searched, patterns, gated=gated)
            for row, marked in hits.frame.select("row", "marked").iter_rows()
        }

    assert matches(gated=True) == matches(gated=False) != set()


def test_order_and_batches_change_nothing() -> None:
    texts = sample(3)
    table = pa.table({"text_id": [f"{n:04}" for n in range(len(texts))], "text": texts})
    whole = scan(table, LEXICON)
    order = list(range(len(texts)))
    random.Random(4).shuffle(order)
    assert scan(table.take(order), LEXICON).equals(whole)
    parts = pa.concat_tables([scan(table.slice(at, 37), LEXICON) for at in range(0, len(texts), 37)])
    assert parts.equals(whole)
    assert whole.num_rows > 100


def test_rows_are_ordered_and_distinct() -> None:
    keys = [(r["text_id"], r["char_from"], r["signal"], r["char_to"]) for r in found(sample(5))]
    assert keys == sorted(set(keys))


# ------------------------------------------------------------------------------------------------ bounds


@pytest.mark.parametrize(
    "text",
    [
        "match the faces " * 60_000,
        "a" * 1_000_000,
        "f a c e " * 120_000,
        "\u2026\ufb01" * 300_000,
        "\\u0061" * 150_000,
        "m4" * 500_000,
        "who is " * 140_000,
        "not match the " * 70_000,
        "is the man in the " * 50_000,
    ],
    ids=["phrase", "one word", "spaced", "growing", "escaped", "leet", "half", "negated", "nearly"],
)
def test_hostile_text_is_bounded_in_time_and_rows(text: str) -> None:
    start = time.process_time()
    rows = found([text])
    assert time.process_time() - start < 30
    per_signal: dict[str, int] = {}
    for row in rows:
        per_signal[row["signal"]] = per_signal.get(row["signal"], 0) + 1
    assert max(per_signal.values(), default=0) <= MAX_ROWS


def test_excused_repeats_do_not_crowd_out_the_use_behind_them(small: Lexicon) -> None:
    text = "do not match the faces. " * (MAX_ROWS + 10) + "match the faces."
    rows = found([text], small)
    assert len(rows) == MAX_ROWS
    assert rows[-1]["contexts"] == [] and rows[-1]["char_to"] == len(text) - 1


# ------------------------------------------------------------------------------------------------ the lexicon's files


def test_the_version_depends_on_content_not_on_files_and_order(tmp_path: Path) -> None:
    one = lexicon(tmp_path / "one", ENTRY, NOT)
    two = lexicon(tmp_path / "two", "# a comment", NOT, ENTRY)
    other = lexicon(tmp_path / "other", ENTRY.replace("<20>", "<21>"), NOT)
    assert one.version == two.version != other.version


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("about", "abuot", 5, "unknown key 'abuot'"),
        ('about = "Compares faces."\n', "", 1, "about is missing"),
        ('idea = "compare"', 'idea = "comparing"', 3, "unknown idea"),
        ('idea = "compare"', 'context = "negation"', 1, "no such reach"),
        ('idea = "compare"', 'context = "nothing"\nreach = 3', 3, "unknown context"),
        ('idea = "compare"', 'idea = "compare"\nreach = 3', 4, "reach or side without context"),
        ('language = "en"', "language = 3", 4, "wrong type"),
        ("<20>\\bfaces?", "<20>(faces?", 6, "does not compile"),
        ("<20>\\bfaces?\\b", "(?=face)", 6, "does not compile"),
        ("\\bmatch(?:es|ing)? the <20>\\bfaces?\\b", "x?", 6, "empty text"),
        ("\\bmatch(?:es", "\\bMatch(?:es", 6, "capital letter"),
        ("<20>\\bfaces?", "{nobody}", 6, "unknown word {nobody}"),
        ('examples = ["match the two faces"]', 'examples = ["match the two feet"]', 7, "does not match"),
        ('near = ["match the colours"]', 'near = ["matches the face"]', 8, "matches"),
        ('examples = ["match the two faces"]', "examples = []", 7, "examples is empty"),
        ('id = "compare.faces"', 'id = "compare"', 2, "no dotted name"),
        ('id = "compare.faces"', "id = compare", 2, "not TOML"),
    ],
)
def test_a_wrong_entry_is_one_line_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in ENTRY
    with pytest.raises(UsageError) as raised:
        lexicon(tmp_path / "x", ENTRY.replace(old, new, 1))
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'x' / 'a.toml'}:{line}: ")
    assert said in message and "; " in message and "\n" not in message


def test_a_doubled_id_names_the_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.toml:12: id 'compare\.faces' stands at a\.toml:1 too"):
        lexicon(tmp_path / "x", ENTRY, "", ENTRY)


def test_a_folder_without_a_lexicon_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no lexicon here"):
        load_lexicon(tmp_path)


def test_a_named_alternation_is_shared_by_all_files(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "_words.toml").write_text("[words]\nlook = ['faces?', 'mugs?']\n", encoding="utf-8")
    loaded = lexicon(folder, ENTRY.replace("\\bfaces?\\b", "\\b{look}\\b"))
    assert [row["words"] for row in found(["match the mugs"], loaded)] == ["match the mugs"]


def test_an_english_text_is_searched_for_no_other_language_but_one_word_of_another_is_enough() -> None:
    english = "The report is for the council and it is about the cost of parking, with a table that you can read."
    texts = [english, f"{english} Quien es este hombre?", f"{english} \u00e9", "Who is this?"]
    texts += [f"{english}\\nIdentifica a la persona.", f'{english} {{"ask": "qui\\u00e9n"}}', f"{english} (quem?)"]
    assert plainly_english(pl.Series(texts)).to_list() == [True, *[False] * 6]
