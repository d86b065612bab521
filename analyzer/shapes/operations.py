"""Which api an operation name or a URL path belongs to; the names stand in ``queries/operations.toml``."""

import re
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePosixPath

from analyzer.shipped import folder

_DEPLOYMENT = re.compile(r"/deployments/[^/]+")
_LONGEST = 200  # characters; no operation has a longer name

_Patterns = list[tuple[str, str]]  # a pattern and its api, in the order in which they are tried


@cache
def _tables() -> tuple[_Patterns, _Patterns]:
    """The patterns of operation names and of paths."""
    data = tomllib.loads((folder("queries") / "operations.toml").read_text(encoding="utf-8"))
    return _ordered(data["operations"].items()), _ordered(data["paths"].items())


def _ordered(apis: Iterable[tuple[str, list[str]]]) -> _Patterns:
    patterns = [(pattern, api) for api, patterns in apis for pattern in patterns]
    return sorted(patterns, key=lambda pair: ("*" in pair[0], -len(pair[0])))


def api_of_operation(operation: str) -> str | None:
    """The api of an operation name as logged, in any case, with blanks or dashes; None where the table has none."""
    name = re.sub(r"[ -]", "_", operation.strip()[:_LONGEST].lower())
    return next((api for pattern, api in _tables()[0] if fnmatchcase(name, pattern)), None)


def api_of_path(path: str) -> str | None:
    """The api of a URL path, whatever its deployment is called."""
    plain = _DEPLOYMENT.sub("", str(PurePosixPath(path.lower())))
    return next((api for pattern, api in _tables()[1] if _fits(plain, pattern)), None)


def _fits(path: str, pattern: str) -> bool:
    return pattern[:-1] in path if pattern.endswith("*") else path.endswith(pattern)
