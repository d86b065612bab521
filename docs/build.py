"""Documents that are made from the code, so that they cannot disagree with it.

python docs/build.py            # write them
python docs/build.py --check    # exit code 1, naming each that is not as the code has it
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from analyzer.schema import TABLES, VIEWS, Column
from analyzer.verdicts import page, shipped_verdicts

DOCS = Path(__file__).resolve().parent
MADE_BY = "<!-- made from the code by docs/build.py; do not edit -->"


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
    rows = [f"| `{column.name}` | {column.type} | {column.about.replace('|', chr(92) + '|')} |" for column in columns]
    return [f"### {name}", "", about, "", "| column | type | what it says |", "|---|---|---|", *rows, ""]


def verdicts_page() -> str:
    """``docs/verdicts.md``: the closed lists, how a verdict comes about, and the severity table."""
    return page(shipped_verdicts())


PAGES = {"schema.md": schema_page, "verdicts.md": verdicts_page}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` compare them: 0 as the code has them, 1 not."""
    stale = [name for name, page in PAGES.items() if not _same(DOCS / name, page())]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"docs/{name}: not as the code has it; run: make golden\n")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        sys.stderr.write(f"docs/{name}: written\n")
    return 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
