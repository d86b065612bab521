"""Documents that are made from the code, so that they cannot disagree with it.

python docs/build.py            # write them
python docs/build.py --check    # exit code 1, naming each that is not as the code has it

Some are made as a whole, of others a part between two marks. The example in the README comes from a real run on
``sample_logs/``; ``--check`` passes it over, for ``tests/test_docs.py`` compares it with a run of its own.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from analyzer.cli import app
from analyzer.policies import Clause, Row, Scope, Wording, load_packs, pack_names
from analyzer.rules import load_rules
from analyzer.schema import TABLES, VIEWS, Column
from analyzer.shipped import folder
from analyzer.verdicts import page, shipped_verdicts

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
MADE_BY = "<!-- made from the code by docs/build.py; do not edit -->"
HELP_WIDTH = 100

# as in the Makefile
DEMO = "aoai-audit run sample_logs --db demo/audit.duckdb --register sample_logs/register.csv --reports demo/reports"
EXPLAINED = "5f1ad8ca"  # the request whose finding the example explains: booking photos, GPT-4 Turbo with vision
SHOWN_INCIDENTS, SHOWN_EVIDENCE = 6, 2
EXAMPLE_WIDTH = 118

Say = Callable[[Sequence[str]], tuple[str, str]]  # a command's arguments -> its stdout and stderr


# --- pages ------------------------------------------------------------------------------------------------------------


def schema_page() -> str:
    """``docs/schema.md``: every view of ``main`` and every base table of ``store``, column by column."""
    lines = [
        "# The store, column by column",
        "",
        MADE_BY,
        "",
        "Rules, saved questions and analysts read the views of schema `main`. The base tables of schema `store` are",
        "the job's own and may change with any version. All times are UTC. No table holds the text of a prompt or an",
        "answer: `text_id` names it, and the text lies in `NAME.text/`.",
        "",
        "## Views (schema `main`)",
        "",
    ]
    for view in VIEWS:
        lines += _section(view.name, view.about, view.columns)
    lines += ["## Base tables (schema `store`)", ""]
    for table in TABLES:
        lines += _section(table.name, table.about, table.columns)
    return "\n".join(lines).rstrip() + "\n"


def _section(name: str, about: str, columns: Sequence[Column]) -> list[str]:
    rows = [f"| `{column.name}` | {column.type} | {_cell(column.about)} |" for column in columns]
    return [f"### {name}", "", about, "", "| column | type | what it says |", "|---|---|---|", *rows, ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def verdicts_page() -> str:
    """``docs/verdicts.md``: the closed lists, how a verdict comes about, and the severity table."""
    return page(shipped_verdicts())


def policies_page() -> str:
    """``docs/policies.md``: every clause of every policy, with its days, words, sources and exceptions."""
    lines = [
        "# The policies",
        "",
        MADE_BY,
        "",
        "What `--policy` can name, the default first. Who is bound, by which use and since when is data, in",
        "`queries/policies/`; how a use is judged by it is in [verdicts.md](verdicts.md). A clause is told in our",
        "words; the grade says how its own words are known: A they were seen, B by a summary or a sibling document, C",
        "by the press. Somebody should open the live text before a clause is cited to a customer.",
        "",
    ]
    policies = folder("queries") / "policies"
    for pack in load_packs(policies, pack_names(policies)).chosen:
        lines += [
            f"## {pack.id}",
            "",
            f"{pack.title}. Version {pack.version} of this file.",
            "",
            *_about(pack.scope),
            "",
        ]
        texts = [(text.version, str(text.start), text.title) for text in pack.texts]
        lines += [*_rows(("text", "from", "title"), texts), ""]
        for clause in pack.clauses:
            lines += [f"### {clause.id}", "", f"{clause.title[:1].upper()}{clause.title[1:]}.", ""]
            lines += [f"* Exception: {clause.exception}.{_cured(clause)}"]
            lines += [f"* A reading: {clause.reading}."] * bool(clause.reading)
            lines += [f"* {_worded(wording)}" for wording in clause.wordings]
            bound = [(_bound(row), _names(row.uses), _names(row.needs) or "none", _days(row)) for row in clause.rows]
            lines += ["", *_rows(("binds", "uses", "needs", "in force"), bound), ""]
        lines += [f"`{name}` is never applied: {why}.\n" for name, why in pack.never.items()]
    return "\n".join(lines).rstrip() + "\n"


def _about(scope: Scope) -> list[str]:
    """What calls a policy is about, a line each."""
    said = f", or the log says `{scope.said}`" if scope.said else ""
    hint = f"; as a review also where the resource stands in {_names(scope.regions)}" if scope.regions else ""
    lines = [
        f"Only where the tenant's country is one of {_names(scope.countries)}{said}{hint}." if scope.countries else "",
        f"Only calls of the api {_names(scope.apis)}." if scope.apis else "",
        f"No calls of the api {_names(scope.not_apis)}." if scope.not_apis else "",
    ]
    return [line for line in lines if line] or ["All calls, everywhere."]


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(map(_cell, line))} |" for line in (head, ["---"] * len(head), *rows)]


def _cured(clause: Clause) -> str:
    return f" It lowers to review where {_names(clause.cures)} is known." if clause.cures else ""


def _worded(wording: Wording) -> str:
    number = f", {wording.number}" if wording.number else ""
    quote = f": “{wording.quote}”" if wording.quote else ""
    return f"Text {wording.text}{number}, grade {wording.grade}{quote}. Source: {wording.source}."


def _bound(row: Row) -> str:
    perhaps = f"; perhaps {_names(row.perhaps)}" if row.perhaps else ""
    exempts = f"; not where {_names(row.exempts)} acts" if row.exempts else ""
    alone = "; by itself a review" if row.alone else ""
    return f"{_names(row.binds)}{perhaps}{exempts}{alone}"


def _days(row: Row) -> str:
    since = f"from {row.from_earliest}"
    certain = f", certainly from {row.from_certain}" if row.from_certain else ", never certainly"
    until = f"; ends {row.to_earliest} at the earliest, {row.to_certain} at the latest" if row.to_earliest else ""
    return since + (certain if row.from_certain != row.from_earliest else "") + until


def commands_page() -> str:
    """``docs/commands.md``: the help of every command."""
    lines = [
        "# Commands",
        "",
        MADE_BY,
        "",
        "What `--help` says. When to use which: [operating](operating.md) and [analyst](analyst.md).",
        "",
    ]
    for names in commands():
        shown = CliRunner().invoke(app, [*names, "--help"], terminal_width=HELP_WIDTH, color=False).output
        help_text = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        lines += [f"## {' '.join(['aoai-audit', *names])}", "", "```text", help_text, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def commands() -> list[tuple[str, ...]]:
    """The names of every command, groups before what is in them."""
    return list(_below(get_command(app), ()))


def _below(command: Any, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield names
    for name, child in getattr(command, "commands", {}).items():
        yield from _below(child, (*names, name))


def rules_page() -> str:
    """``docs/rules.md``: what each rule that comes with the tool sees, and what it does not see."""
    lines = [
        "# The rules",
        "",
        MADE_BY,
        "",
        "A rule finds a *use* and its circumstances; it never asks who or when. Who is bound since when, and with what",
        "verdict, is in [verdicts.md](verdicts.md). How to write one: [writing-rules.md](writing-rules.md).",
        "",
    ]
    for rule in load_rules(folder("queries") / "rules"):
        facts = (
            f"Use {rule.use} · scope {rule.scope} · needs {', '.join(rule.needs) or 'nothing'} · version {rule.version}"
        )
        lines += [f"## {rule.id}", "", f"{rule.title}.", "", facts, "", " ".join(rule.why.split()), ""]
    return "\n".join(lines).rstrip() + "\n"


PAGES = {
    "schema.md": schema_page,
    "verdicts.md": verdicts_page,
    "policies.md": policies_page,
    "commands.md": commands_page,
    "rules.md": rules_page,
}


# --- parts of pages ---------------------------------------------------------------------------------------------------


def apis_part() -> str:
    """The part ``apis`` of ``docs/log-shapes.md``: operation names and URL paths by api."""
    tables = tomllib.loads((folder("queries") / "operations.toml").read_text(encoding="utf-8"))
    apis = dict.fromkeys([*tables["operations"], *tables["paths"]])
    rows = [
        f"| `{api}` | {_names(tables['operations'].get(api, ()))} | {_names(tables['paths'].get(api, ()))} |"
        for api in apis
    ]
    return "\n".join(["| api | operations as logged | ends of URL paths |", "|---|---|---|", *rows])


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def example_part(say: Say) -> str:
    """The part ``example`` of the README: the demo's output and one finding explained, shortened where it says so."""
    out, err = say(shlex.split(DEMO)[1:])
    rows = [line.rstrip() for line in out.splitlines()]
    left = len(rows) - 1 - SHOWN_INCIDENTS
    talk = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]+", "<time>-<run>", err)
    talk = re.sub(r"^head: .*$", "head: <hash>", talk, flags=re.MULTILINE)
    shown = [f"$ {DEMO}", *rows[: SHOWN_INCIDENTS + 1], f"… {left} more incidents", *talk.splitlines()]
    finding = _explained(say)
    explain = f"aoai-audit explain {finding} --db demo/audit.duckdb"
    told = _shortened(say(shlex.split(explain)[1:])[0].splitlines())
    return "\n".join(
        [
            "`make demo` does this, and prints one line for each incident, the most serious first:",
            "",
            *("```text", *shown, "```"),
            "",
            "and why one of its findings stands, here wrapped, and cut at each `…`:",
            "",
            *("```text", f"$ {explain}", *told, "```"),
        ]
    )


def _explained(say: Say) -> str:
    """The beginning of the id of a finding about the request that the example explains."""
    sql = (
        "SELECT left(finding_id, 8) FROM findings JOIN requests ON list_contains(request_keys, request_key) "
        f"WHERE starts_with(request_id, '{EXPLAINED}') ORDER BY clause_id = 'COC-FR-US-POLICE' DESC, "
        "rule_id = 'face_comparison' DESC, finding_id LIMIT 1"
    )
    return say(["query", sql, "--db", "demo/audit.duckdb", "--format", "csv"])[0].split()[-1]


def _shortened(lines: Sequence[str]) -> list[str]:
    """An explanation up to its evidence: all that names who, what and which clause, then the first pieces."""
    heads = [number for number, line in enumerate(lines) if line.startswith("evidence")]
    end = (heads or [len(lines)])[0] + 1 + SHOWN_EVIDENCE
    wrapped = [part.rstrip() for line in lines[:end] for part in _wrapped(line)]
    return [*wrapped, "…"] if end < len(lines) else wrapped


def _wrapped(line: str) -> list[str]:
    indent = "    " if line.startswith(" ") else " " * 15  # under the value of a labelled line
    return textwrap.wrap(line, EXAMPLE_WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _samples(command: Sequence[str], place: Path) -> tuple[str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "analyzer", *command], cwd=place, capture_output=True, text=True, check=True
    )
    return ended.stdout, ended.stderr


def run_example() -> str:
    """``example_part`` from a run in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(folder("sample_logs"), Path(name) / "sample_logs")
        return example_part(lambda command: _samples(command, Path(name)))


def with_part(text: str, name: str, part: str) -> str:
    """The page ``text`` with ``part`` between its marks ``name``. Raises ValueError when it has no such marks."""
    marks = re.compile(rf"(<!-- {name}: made by docs/build\.py -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    changed, count = marks.subn(lambda found: f"{found[1]}\n{part}\n\n{found[2]}", text)
    if count != 1:
        raise ValueError(f"{count} places are marked {name}; there should be one")
    return changed


# --- writing ----------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Write the documents, or with ``--check`` compare them: 0 as the code has them, 1 not."""
    wanted = {DOCS / name: made() for name, made in PAGES.items()}
    shapes, readme = DOCS / "log-shapes.md", ROOT / "README.md"
    wanted[shapes] = with_part(shapes.read_text(encoding="utf-8"), "apis", apis_part())
    if "--check" not in arguments:
        wanted[readme] = with_part(readme.read_text(encoding="utf-8"), "example", run_example())
    stale = [path for path, text in wanted.items() if not _same(path, text)]
    for path in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)}: not as the code has it; run: make golden\n")
        else:
            path.write_text(wanted[path], encoding="utf-8")
            sys.stderr.write(f"{path.relative_to(ROOT)}: written\n")
    return 1 if stale and "--check" in arguments else 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
