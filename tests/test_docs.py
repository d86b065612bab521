"""What the documents say is true: their commands run and exit as said, and what is made from the code is as it is now.

A command line in a document exits with 0, or as a comment behind it says: ``# exit 1``.
"""

import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
from jobs import ROOT, SAMPLES, Place, Ran, command, rows_of

import analyzer
from analyzer.classifier import CLASSES
from analyzer.errors import ExitCode
from analyzer.policies import check_exceptions, load_packs, read_exceptions
from analyzer.register import COLUMNS, DATES, KEY_KINDS, read_register
from analyzer.shapes import SHAPES
from analyzer.shipped import folder

MADE = {"schema.md", "verdicts.md", "commands.md", "rules.md"}
WRITTEN = [
    ROOT / "README.md",
    SAMPLES / "README.md",
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in MADE),
]
PAGES = [*WRITTEN, *(ROOT / "docs" / name for name in sorted(MADE))]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def loaded_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


build: Any = loaded_build()


def command_lines(text: str) -> Iterator[tuple[str, int]]:
    """Each ``aoai-audit …`` that stands in a line of its own, and the exit code that it should have."""
    for line in text.splitlines():
        if found := re.match(r"\s*(?:\$ )?(aoai-audit .*?)(?:\s+# exit (\d+))?$", line):
            yield found[1], int(found[2] or 0)


def fenced(path: Path, language: str) -> list[str]:
    """The blocks of one language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def said_columns(text: str) -> set[str]:
    """Every word in backticks."""
    return set(re.findall(r"`([a-z_]+)`", text))


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_once: None) -> Path:
    """A newcomer's folder, with the samples in it."""
    shutil.copytree(SAMPLES, tmp_path / "sample_logs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_in_the_documents_exits_as_said_and_the_example_is_what_it_prints(somewhere: Path) -> None:
    ran: dict[str, Ran] = {}

    def once(arguments: Sequence[str]) -> Ran:
        line = shlex.join(arguments)
        if line not in ran:
            ran[line] = command(*arguments)
        return ran[line]

    def say(arguments: Sequence[str]) -> tuple[str, str]:
        done = once(arguments)
        assert done.code == 0, done.err
        return done.text, done.err

    example = build.example_part(say)
    readme = (ROOT / "README.md").read_text()
    assert build.with_part(readme, "example", example) == readme, "run `make golden` to write the README's example"
    for path in WRITTEN:
        for line, code in command_lines(path.read_text()):
            done = once(shlex.split(line)[1:])
            assert done.code == code, f"{path.name}: {line}\n{done.err}"
    for block in fenced(ROOT / "docs" / "analyst.md", "python"):
        exec(compile(block, "analyst.md", "exec"), {})
    assert len(ran) > 15


def test_the_demo_is_the_same_in_the_makefile_the_readmes_and_the_example() -> None:
    assert build.DEMO.removeprefix("aoai-audit ") in (ROOT / "Makefile").read_text()
    for path in (ROOT / "README.md", SAMPLES / "README.md"):
        assert build.DEMO in [line for line, _ in command_lines(path.read_text())]


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    assert build.main(["--check"]) == 0, "run `make golden`"


def test_every_command_and_option_has_help_that_says_something() -> None:
    reference = build.commands_page()
    for names in build.commands():
        assert f"## {' '.join(['aoai-audit', *names])}\n" in reference
        found = build.get_command(build.app)
        for name in names:
            found = found.commands[name]
        assert found.help, names
        for parameter in found.params:
            assert parameter.help, f"{' '.join(names)}: {parameter.name} has no help"


def test_the_written_documents_name_every_command_and_no_option_that_does_not_exist() -> None:
    text = "\n".join(path.read_text() for path in WRITTEN)
    options = set(re.findall(r"--[a-z-]+", build.commands_page()))
    for names in build.commands():
        assert " ".join(["aoai-audit", *names]) in text, names
    for path in WRITTEN:
        assert set(re.findall(r"(?<![-!<])--[a-z][a-z-]*", path.read_text())) <= options, path.name


def test_links_between_the_documents_lead_somewhere() -> None:
    for path in PAGES:
        for target, anchor in LINK.findall(path.read_text()):
            if target.startswith("http"):
                continue
            page = (path.parent / target).resolve() if target else path
            assert page.exists(), f"{path.name}: {target}"
            headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE) if anchor else []
            slugs = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
            assert not anchor or anchor in slugs, f"{path.name}: {target}#{anchor}"


def test_documents_that_messages_send_people_to_exist() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "analyzer").rglob("*.py"))
    for name in set(re.findall(r"\bdocs/(\w[\w-]*\.md)", code)):
        assert (ROOT / "docs" / name).is_file(), name


def test_the_operators_page_has_every_exit_code() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    for code in ExitCode:
        assert f"`{int(code)}`" in text, code


def test_the_analysts_page_has_every_file_and_column_of_the_report(sampled: tuple[Place, Ran]) -> None:
    text = (ROOT / "docs" / "analyst.md").read_text()
    for path in (sampled[0].reports / "latest").iterdir():
        assert path.name in text
        if path.suffix == ".parquet":
            assert set(pq.read_schema(path).names) <= said_columns(text), path.name


def test_the_registers_page_has_every_column_class_and_key_kind_in_order(tmp_path: Path) -> None:
    page = ROOT / "docs" / "register.md"
    text = page.read_text()
    assert {*COLUMNS, *DATES, *CLASSES} <= said_columns(text)
    assert tuple(re.findall(r"^\| `(\w+)` \|", text.partition("## Keys")[2], re.MULTILINE)) == KEY_KINDS
    for number, block in enumerate(fenced(page, "csv")):
        path = tmp_path / f"register{number}.csv"
        path.write_text(block)
        assert read_register(path).keys
    for number, block in enumerate(fenced(page, "exceptions")):
        path = tmp_path / f"exceptions{number}.csv"
        path.write_text(block)
        exceptions = read_exceptions(path)
        check_exceptions(exceptions, load_packs(folder("queries") / "policies"))
        assert exceptions.entries


def examples_of_shapes() -> list[tuple[str, str, str, set[str]]]:
    """Of each section of docs/log-shapes.md with an example: its title, the example's language and text, its shapes."""
    text = (ROOT / "docs" / "log-shapes.md").read_text()
    found = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        shapes = set(re.findall(r"`([a-z_]+)`", title))
        for language, example in re.findall(r"^```(json|csv)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            found.append((title, language, example, shapes))
    return found


@pytest.mark.parametrize(("title", "language", "example", "shapes"), examples_of_shapes())
def test_every_example_of_a_shape_loads_as_that_shape(
    title: str, language: str, example: str, shapes: set[str], tmp_path: Path
) -> None:
    path = tmp_path / f"example.{language}"
    path.write_text(example)
    ended = analyzer.load([str(path)], tmp_path / "audit.duckdb")
    assert ended.loaded is not None
    assert ended.loaded.buckets["items"] == ended.loaded.buckets["loaded"] > 0, title
    assert {shape for (shape,) in rows_of(tmp_path / "audit.duckdb", "SELECT shape FROM store.records")} == shapes


def test_every_shape_has_an_example() -> None:
    shown = {shape for *_, shapes in examples_of_shapes() for shape in shapes}
    named = {name for shape in SHAPES for name in (shape.NAME, getattr(shape, "ROW_NAME", shape.NAME))}
    assert shown == named
