"""Rule files, their cases and their lock."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from jobs import Ran
from made import HEADER, PLAIN, rule_file

from analyzer import shipped, verdicts
from analyzer.cases import Case, load_cases, run_all_cases, run_cases
from analyzer.errors import UsageError
from analyzer.rules import RETIRED, load_rules, lock_problems, lock_text, read_lock
from analyzer.signals import Lexicon, load_lexicon

SHIPPED = shipped.folder("queries") / "rules"
GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).parent.parent / "docs"
WRITE_GOLDEN = os.environ.get("AOAI_AUDIT_GOLDEN") == "write"

LEXICON = """
[[entry]]
id = "compare.test"
idea = "compare"
language = "en"
about = "compare"
patterns = ['''\\bcompare\\b''']
examples = ["compare them"]
near = ["company"]

[[entry]]
id = "face.test"
idea = "face"
language = "en"
about = "face"
patterns = ['''\\bface\\b''']
examples = ["a face"]
near = ["surface"]

[[entry]]
id = "negation.test"
context = "negation"
reach = 20
language = "en"
about = "never"
patterns = ['''\\bnever\\b''']
examples = ["never do"]
near = ["ever"]
"""

FIRES = """
[[case]]
name = "it is asked for"
requests = [{ id = "r1", parts = [{ role = "user", text = "please compare" }] }]
expect = [{ requests = ["r1"], strength = "strong", circumstances = { face = true } }]
"""
NEAR = """
[[case]]
name = "it is not asked for"
requests = [{ id = "r1", parts = [{ role = "user", text = "hello" }] }]
expect = []
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    folder = tmp_path_factory.mktemp("lexicon")
    (folder / "tiny.toml").write_text(LEXICON)
    return load_lexicon(folder)


def message_of(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_rules(path)
    return str(caught.value)


# --- the rules that come with the tool --------------------------------------------------------------------------------


def test_every_shipped_rule_is_proven_by_its_cases() -> None:
    rules = load_rules(SHIPPED)
    results = run_all_cases(rules, load_lexicon(SHIPPED.parent / "lexicon"))
    wrong = [f"{r.case.path}:{r.case.line}: {r.case.name}: found {r.found}" for r in results if not r.passed]
    assert not wrong, "\n".join(wrong)
    assert {result.rule_id for result in results} == {rule.id for rule in rules}


def test_a_shipped_rule_does_not_change_without_a_new_version() -> None:
    lock = GOLDEN / "rules.lock"
    rules = load_rules(SHIPPED)
    if WRITE_GOLDEN:
        text = lock_text(rules, read_lock(lock))
        lock.parent.mkdir(exist_ok=True)
        lock.write_text(text)
    locked = read_lock(lock)
    assert lock_problems(rules, locked) == ()
    new = [rule.id for rule in rules if rule.id not in locked]
    gone = [name for name, (_, sha) in locked.items() if sha != RETIRED and name not in {rule.id for rule in rules}]
    behind = [rule.id for rule in rules if locked.get(rule.id, (rule.version,))[0] != rule.version]
    assert (new, gone, behind) == ([], [], []), "run `make golden` to write tests/golden/rules.lock"


def test_the_page_of_verdicts_is_the_one_the_lists_make() -> None:
    page = verdicts.page(verdicts.shipped_verdicts())
    assert (DOCS / "verdicts.md").read_text() == page, "run `make golden` to write docs/verdicts.md"


def test_the_example_for_rule_writers_is_a_right_rule_with_right_cases(tmp_path: Path, tiny: Lexicon) -> None:
    text = (DOCS / "writing-rules.md").read_text()
    for language, name in (("sql", "example.sql"), ("toml", "example.cases.toml")):
        fenced = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
        assert fenced
        (tmp_path / name).write_text(fenced[1])
    assert [result.passed for result in run_cases(load_rules(tmp_path)[0], tiny)] == [True, True]


# --- broken rules: one line each, with file and line ------------------------------------------------------------------

GOOD_HEADER = HEADER.format(use="compare", scope="request", needs='["prompt"]')
PARAMS = GOOD_HEADER + "-- [params]\n"
AFTER = GOOD_HEADER.count("\n")  # the SQL starts behind these lines; PLAIN itself begins with an empty one


def plain(old: str, new: str) -> str:
    """A right rule with one thing changed."""
    assert old in PLAIN
    return GOOD_HEADER + PLAIN.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param(PLAIN, 1, "no header", id="no header"),
        pytest.param(GOOD_HEADER.replace('"T"', '"T'), 1, "not TOML", id="TOML error on the first line"),
        pytest.param(GOOD_HEADER.replace("version = 1", "version = "), 5, "not TOML", id="TOML error further down"),
        pytest.param(GOOD_HEADER + '-- severity = "high"\n' + PLAIN, 7, "unknown key 'severity'", id="unknown key"),
        pytest.param(GOOD_HEADER.replace("-- version = 1\n", "") + PLAIN, 1, "has no version", id="missing key"),
        pytest.param(GOOD_HEADER.replace('"compare"', '"spy"') + PLAIN, 2, "use is wrong", id="word not listed"),
        pytest.param(GOOD_HEADER.replace('"request"', '"day"') + PLAIN, 3, "request, session, stream", id="scope"),
        pytest.param(GOOD_HEADER.replace('["prompt"]', '["eyes"]') + PLAIN, 4, "needs is wrong", id="need"),
        pytest.param(GOOD_HEADER.replace("version = 1", "version = 0") + PLAIN, 5, "from 1", id="version"),
        pytest.param(GOOD_HEADER, AFTER + 1, "0 statements", id="no statement"),
        pytest.param(GOOD_HEADER + PLAIN + ";\nSELECT 1", AFTER + 8, "2 statements", id="two statements"),
        pytest.param(GOOD_HEADER + "DELETE FROM store.uses", AFTER + 1, "type DELETE", id="no SELECT"),
        pytest.param(GOOD_HEADER + "\nSELEC 1", AFTER + 2, "syntax error", id="syntax"),
        pytest.param(
            plain("'part_no': part_no", "'part_no': nope"), AFTER + 3, "nope", id="unknown column"
        ),
        pytest.param(plain("FROM signals", "FROM sinals"), AFTER + 5, "sinals", id="unknown view"),
        pytest.param(plain("'compare'", "$idea"), AFTER + 6, "$idea has no value", id="no value"),
        pytest.param(
            PARAMS + "-- least = 3\n" + PLAIN, AFTER + 2, "'least' is not used", id="unused parameter"
        ),
        pytest.param(
            PARAMS + "-- least = { a = 1 }\n" + PLAIN, AFTER + 2, "cannot be bound", id="table as value"
        ),
        pytest.param(GOOD_HEADER + "\nSELECT {{ x }}", AFTER + 2, "template marker", id="template"),
        pytest.param(
            plain("AS strength", "AS strong"), AFTER + 2, "must give exactly", id="column name"
        ),
        pytest.param(
            plain("{'face': true}", "{'face': 1}"), AFTER + 2, "MAP(VARCHAR, BOOLEAN)", id="type"
        ),
        pytest.param(plain("FROM signals", "FROM store.signals"), AFTER + 5, "store.signals", id="base"),
        pytest.param(plain("FROM signals", "FROM findings"), AFTER + 5, "findings", id="not its view"),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND regexp_matches(idea, 'x')", AFTER + 7, "patterns stand in", id="a regex"
        ),
        pytest.param(GOOD_HEADER + PLAIN + "AND now() > DATE '2026-01-01'", AFTER + 7, "calls now", id="the clock"),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND\nCURRENT_DATE > DATE '2026-01-01'", AFTER + 8, "when it runs", id="the date"
        ),
        pytest.param(GOOD_HEADER + PLAIN + "AND random() > 0.5", AFTER + 7, "calls random", id="chance"),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND EXISTS (FROM read_text('/etc/hostname'))", AFTER + 7, "read_text", id="a file"
        ),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND string_split_regex(idea, 'x') = []", AFTER + 7, "patterns stand in", id="a split"
        ),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND COLUMNS('id.*') = 'x'", AFTER + 7, "columns by a pattern", id="columns"
        ),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND age(DATE '2026-01-01') > INTERVAL 1 DAY", AFTER + 7, "calls age", id="an age"
        ),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND ago(INTERVAL 1 DAY) > DATE '2026-01-01'", AFTER + 7, "calls ago", id="a macro"
        ),
        pytest.param(
            GOOD_HEADER + PLAIN + "AND current_localtimestamp() > DATE '2026-01-01'", AFTER + 7, "calls current",
            id="a clock that says it is steady",
        ),
        pytest.param(plain("WHERE idea", "WHERE\u00a0idea"), AFTER + 6, "write a space", id="no-break space"),
        pytest.param(
            GOOD_HEADER + "WITH actors AS (FROM actors)" + PLAIN + "AND request_key IN (FROM actors)",
            AFTER + 1, "the name of a view, actors", id="an expression named as what it reads",
        ),
        pytest.param(
            GOOD_HEADER + "WITH a AS (WITH Findings AS (SELECT 1) FROM Findings)" + PLAIN
            + "AND EXISTS (FROM findings)", AFTER + 1, "the name of a view, Findings", id="a name out of its scope",
        ),
        pytest.param(
            GOOD_HEADER + "WITH a AS (WITH inner_one AS (SELECT 1) FROM inner_one)" + PLAIN
            + "AND EXISTS (FROM inner_one)", AFTER + 7, "inner_one does not exist", id="a name that is not in scope",
        ),
        pytest.param(
            GOOD_HEADER + "WITH gone AS (DELETE FROM store.dirty RETURNING *)" + PLAIN, AFTER + 1, "", id="writes"
        ),
    ],
)  # fmt: skip
def test_a_broken_rule_is_one_line_with_file_and_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = tmp_path / "broken.sql"
    path.write_text(text)
    message = message_of(path)
    assert message.startswith(f"{path}:{line}: "), message
    assert says in message
    assert "\n" not in message
    assert "; " in message  # what is wrong; what would be right


def test_a_rule_file_is_named_by_a_word(tmp_path: Path) -> None:
    assert "the id 'Face-1' is no word" in message_of(rule_file(tmp_path, name="Face-1"))


def test_a_folder_without_rules_is_an_error(tmp_path: Path) -> None:
    assert message_of(tmp_path) == f"{tmp_path}: holds no rule; name a folder with NAME.sql files"


def test_a_rule_may_read_views_in_ctes_and_take_lists(tmp_path: Path) -> None:
    sql = 'WITH found AS (SELECT request_key, part_no, "signal", char_from, char_to, idea, contexts FROM signals)' + (
        PLAIN.replace("FROM signals", "FROM found") + "AND NOT list_has_any(contexts, $talk)"
    )
    (rule,) = load_rules(rule_file(tmp_path, sql, params='-- [params]\n-- talk = ["negation"]\n'))
    assert rule.params == {"talk": ["negation"]}
    assert rule.first_sql_line == AFTER + 3
    assert rule.path.read_text().splitlines()[rule.first_sql_line - 1].startswith("WITH found")


def test_a_rule_may_name_expressions_as_its_views_and_reckon_between_two_days(tmp_path: Path) -> None:
    sql = (
        "WITH signals AS (FROM signals WHERE char_from > 0), sessions AS (WITH found AS (FROM signals) FROM found)"
        + PLAIN.replace("FROM signals", "FROM sessions")
        + "AND age(DATE '2026-01-02', DATE '2026-01-01') > INTERVAL 1 HOUR AND '\u00a0' <> idea"
    )
    assert len(load_rules(rule_file(tmp_path, sql))) == 1


def test_a_check_of_a_folder_names_every_wrong_rule_in_a_line(tmp_path: Path, aoai: Callable[..., Ran]) -> None:
    wrong = {f"wrong_{number}": f"SELECT wrong_{number}" for number in range(8)}
    for name, sql in wrong.items():
        rule_file(tmp_path, sql, name=name)
    (tmp_path / "wrong_8.sql").write_text("SELECT 1")
    rule_file(tmp_path, name="right")
    ran = aoai("rules", "check", str(tmp_path))
    assert ran.code == 2
    said = [line for line in ran.err.splitlines() if ".sql:" in line]
    assert [re.findall(r"/(\w+)\.sql:\d+: \S", line) for line in said] == [[f"wrong_{n}"] for n in range(9)]
    assert "right" not in ran.err


# --- the lock ---------------------------------------------------------------------------------------------------------


def test_the_lock_refuses_a_change_without_a_new_version_and_a_retired_id(tmp_path: Path) -> None:
    path = rule_file(tmp_path)
    lock = tmp_path / "rules.lock"
    lock.write_text(lock_text(load_rules(tmp_path), {}))
    assert lock_problems(load_rules(tmp_path), read_lock(lock)) == ()
    path.write_text(path.read_text() + "-- another word\n")
    (problem,) = lock_problems(load_rules(tmp_path), read_lock(lock))
    assert "raise `version`" in problem and "make golden" in problem
    with pytest.raises(UsageError, match="raise `version`"):
        lock_text(load_rules(tmp_path), read_lock(lock))
    path.write_text(path.read_text().replace("version = 1", "version = 2"))
    assert re.fullmatch(r"plain 2 [0-9a-f]{64}\n", lock_text(load_rules(tmp_path), read_lock(lock)))
    lock.write_text(lock_text((), read_lock(lock)))
    assert lock.read_text() == f"plain 1 {RETIRED}\n"
    assert "may not return" in lock_problems(load_rules(tmp_path), read_lock(lock))[0]


# --- cases ------------------------------------------------------------------------------------------------------------


def with_cases(folder: Path, text: str, **more: str) -> tuple[Case, ...]:
    path = rule_file(folder, **more)
    path.with_suffix(".cases.toml").write_text(text)
    return load_cases(load_rules(path)[0])


def test_a_case_passes_when_exactly_the_expected_uses_are_found(tmp_path: Path, tiny: Lexicon) -> None:
    wrong = """
    [[case]]
    name = "the strength is another"
    requests = [{ id = "r1", parts = [{ text = "compare" }] }]
    expect = [{ strength = "weak" }]

    [[case]]
    name = "a circumstance too much"
    requests = [{ id = "r1", parts = [{ text = "compare" }] }]
    expect = [{ circumstances = { face = true, live = true } }]

    [[case]]
    name = "two are found and one is expected"
    requests = [{ id = "r1", parts = [{ text = "compare" }] }, { id = "r2", parts = [{ text = "compare" }] }]
    expect = [{ requests = ["r1"] }]
    """
    with_cases(tmp_path, FIRES + NEAR + wrong)
    (rule,) = load_rules(tmp_path)
    results = run_cases(rule, tiny)
    assert [result.passed for result in results] == [True, True, False, False, False]
    assert results[0].found[0]["subject"] == "r1"
    assert [result.case.line for result in results[:2]] == [2, 7]


def test_texts_and_names_of_a_case_go_through_the_lexicon(tmp_path: Path, tiny: Lexicon) -> None:
    named = """
    [[case]]
    name = "a deployment's name asks for it"
    requests = [{ id = "r1", deployment = "faces-compare-prod" }]
    expect = [{ requests = ["r1"] }]

    [[case]]
    name = "never is heard"
    requests = [{ id = "r1", parts = [{ text = "never compare" }] }]
    expect = []
    """
    path = rule_file(tmp_path, PLAIN + "AND NOT list_contains(contexts, 'negation')")
    path.with_suffix(".cases.toml").write_text(named)
    assert [result.passed for result in run_cases(load_rules(path)[0], tiny)] == [True, True]


def test_parameters_of_a_case_stand_for_the_rules_own(tmp_path: Path, tiny: Lexicon) -> None:
    own = FIRES + FIRES.replace("requests =", 'params = { idea = "verify" }\nrequests =', 1).replace(
        'expect = [{ requests = ["r1"], strength = "strong", circumstances = { face = true } }]', "expect = []"
    )
    path = rule_file(tmp_path, PLAIN.replace("'compare'", "$idea"), params='-- [params]\n-- idea = "compare"\n')
    path.with_suffix(".cases.toml").write_text(own)
    assert [result.passed for result in run_cases(load_rules(path)[0], tiny)] == [True, True]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param(FIRES, 1, "no near miss", id="no near miss"),
        pytest.param(NEAR, 1, "no case fires", id="nothing fires"),
        pytest.param("", 1, "no case fires", id="empty"),
        pytest.param(FIRES + "[[case]\n", 6, "not TOML", id="TOML"),
        pytest.param(FIRES + NEAR.replace("name =", "title ="), 7, "unknown key 'title'", id="key of a case"),
        pytest.param(FIRES + NEAR.replace("id =", "prompt_sen = 'none', id ="), 7, "'prompt_sen'", id="column"),
        pytest.param(FIRES + NEAR.replace("text =", "txt ="), 7, "'txt'", id="key of a part"),
        pytest.param(FIRES.replace("face = true", "fase = true") + NEAR, 2, "'fase' is not listed", id="circumstance"),
        pytest.param(FIRES.replace('requests = ["r1"]', 'requests = ["r9"]') + NEAR, 2, "'r9'", id="request"),
        pytest.param(FIRES.replace('"strong"', '"sure"') + NEAR, 2, "strong, weak", id="strength"),
        pytest.param(FIRES + NEAR + "params = { n = 3 }\n", 7, "'n' is no parameter", id="parameter"),
    ],
)
def test_a_broken_case_is_one_line_with_file_and_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        with_cases(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'plain.cases.toml'}:{line}: "), message
    assert says in message and "\n" not in message


def test_a_rule_without_cases_is_an_error(tmp_path: Path) -> None:
    (rule,) = load_rules(rule_file(tmp_path))
    with pytest.raises(UsageError, match=r"plain\.cases\.toml:1: cannot be read; a rule has its cases beside it"):
        load_cases(rule)


def test_a_value_of_the_wrong_type_in_a_case_is_an_error_without_a_traceback_of_arrow(
    tmp_path: Path, tiny: Lexicon
) -> None:
    with_cases(tmp_path, FIRES + NEAR.replace("id =", 'status = "many", id ='))
    with pytest.raises(UsageError, match="another type"):
        run_cases(load_rules(tmp_path)[0], tiny)
