"""The header of a rule file: TOML in its leading comment lines.

Rule: the header has exactly the keys a rule needs, each with a word that the closed lists know; a mistake is one line
that names file and line.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import takewhile
from pathlib import Path
from typing import Any

from analyzer.errors import UsageError
from analyzer.verdicts import shipped_verdicts

SCOPES = ("request", "session", "stream")
NEEDS = ("prompt", "answer", "tools", "picture_bytes", "faces", "caller", "times")

_SCALARS = (bool, int, float, str, date, datetime, time)


@dataclass(frozen=True)
class Rule:
    """A rule file. ``id`` is its stem; ``sql`` starts on line ``first_sql_line`` of ``path``.

    ``sha256`` is over the whole file with line ends as ``\\n``.
    """

    id: str
    title: str
    use: str
    scope: str
    needs: tuple[str, ...]
    version: int
    why: str
    params: Mapping[str, Any]
    sql: str
    path: Path
    sha256: str
    first_sql_line: int


def read_rule(path: Path) -> Rule:
    """The rule at ``path``, its header checked and its SQL not yet. Raises UsageError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        raise UsageError(f"{path}:1: the id {path.stem!r} is no word; name the file with a-z, 0-9 and _")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name a rule file or a folder of them") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}:1: not UTF-8; save it as UTF-8") from None
    lines = text.splitlines()
    header = list(takewhile(lambda line: line.startswith("--"), lines))
    first = next((n for n in range(len(header), len(lines)) if _is_sql(lines[n])), len(header))  # as DuckDB counts
    fields = _parse_header(path, header)
    _check_header(path, header, fields)
    return Rule(
        id=path.stem,
        title=fields["title"],
        use=fields["use"],
        scope=fields["scope"],
        needs=tuple(fields["needs"]),
        version=fields["version"],
        why=fields["why"].strip(),
        params=fields.get("params", {}),
        sql="\n".join(lines[first:]) + "\n",
        path=path,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        first_sql_line=first + 1,
    )


def _parse_header(path: Path, header: list[str]) -> dict[str, Any]:
    if not header:
        raise UsageError(f'{path}:1: no header; start the file with `-- title = "…"` lines')
    try:
        return tomllib.loads("\n".join(line[2:].removeprefix(" ") for line in header))
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        at = re.search(r"line (\d+)", said)
        line = at[1] if at else len(header)
        what = said.split(" (at ")[0].lower()
        raise UsageError(f"{path}:{line}: the header is not TOML ({what}); write `-- key = value` lines") from None


def _check_header(path: Path, header: list[str], fields: Mapping[str, Any]) -> None:
    def wrong(key: str, what: str) -> UsageError:
        return UsageError(f"{path}:{line_of(header, key)}: {what}")

    for key in fields:
        if key not in _FIELDS and key != "params":
            raise wrong(key, f"unknown key {key!r}; the keys are {', '.join(_FIELDS)} and a table [params]")
    for key, (holds, right) in _FIELDS.items():
        if key not in fields:
            raise UsageError(f"{path}:1: the header has no {key}; add `-- {key} = …`, {right()}")
        if not holds(fields[key]):
            raise wrong(key, f"{key} is wrong; give {right()}")
    params = fields.get("params", {})
    if not isinstance(params, dict):
        raise wrong("params", "params is no table; write `-- [params]`")
    for name, value in params.items():
        if not is_param(value):
            raise wrong(
                name, f"parameter {name!r} has a type that cannot be bound; give a number, text, date or a list"
            )


def is_param(value: object) -> bool:
    """Whether a TOML value can be bound: a number, text, date or time, or a list of such."""
    return isinstance(value, _SCALARS) or (isinstance(value, list) and all(isinstance(v, _SCALARS) for v in value))


def line_of(header: list[str], key: str) -> int:
    """The header line on which a key or a table stands, from 1."""
    pattern = re.compile(rf"--\s*(?:\[\s*)?[\"']?{re.escape(key)}\b")
    return next((number for number, line in enumerate(header, start=1) if pattern.match(line)), 1)


def _is_sql(line: str) -> bool:
    return line.strip() != "" and not line.lstrip().startswith("--")


def _one_line(value: object) -> bool:
    return isinstance(value, str) and value.strip() == value and value != "" and "\n" not in value


_FIELDS: dict[str, tuple[Callable[[Any], bool], Callable[[], str]]] = {
    "title": (_one_line, lambda: "one line of text"),
    "use": (
        lambda v: isinstance(v, str) and v in shipped_verdicts().uses,
        lambda: f"one of {', '.join(shipped_verdicts().uses)}",
    ),
    "scope": (lambda v: v in SCOPES, lambda: f"one of {', '.join(SCOPES)}"),
    "needs": (
        lambda v: isinstance(v, list) and all(n in NEEDS for n in v) and len(set(v)) == len(v),
        lambda: f"a list of some of {', '.join(NEEDS)}, each once",
    ),
    "version": (
        lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 1,
        lambda: "a whole number from 1",
    ),
    "why": (lambda v: isinstance(v, str) and v.strip() != "", lambda: "a text that says what it sees and what not"),
}
