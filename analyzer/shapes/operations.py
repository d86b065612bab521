"""Which api a call belongs to, by its operation, path or object; the names stand in ``queries/operations.toml``."""

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
def _table(name: str) -> _Patterns:
    """The patterns of one table of the file."""
    data = tomllib.loads((folder("queries") / "operations.toml").read_text(encoding="utf-8"))
    return _ordered(data[name].items())


def _ordered(apis: Iterable[tuple[str, list[str]]]) -> _Patterns:
    patterns = [(pattern, api) for api, patterns in apis for pattern in patterns]
    return sorted(patterns, key=lambda pair: ("*" in pair[0], -len(pair[0])))


def apis() -> tuple[str, ...]:
    """Every api that has an operation or a path, in the order of the file."""
    return tuple(dict.fromkeys(api for name in ("operations", "paths") for _, api in _table(name)))


def api_of_operation(operation: str) -> str | None:
    """The api of an operation name as logged, in any case, with blanks or dashes; None where the table has none."""
    name = re.sub(r"[ -]", "_", operation.strip()[:_LONGEST].lower())
    return next((api for pattern, api in _table("operations") if fnmatchcase(name, pattern)), None)


def api_of_path(path: str) -> str | None:
    """The api of a URL path, whatever its deployment is called."""
    plain = _DEPLOYMENT.sub("", str(PurePosixPath(path.lower())))
    return next((api for pattern, api in _table("paths") if _fits(plain, pattern)), None)


def api_of_call_type(call_type: str) -> str | None:
    """The api of a ``call_type`` of LiteLLM."""
    return next((api for pattern, api in _table("call_types") if pattern == call_type.lower()), None)


def api_of_object(name: str) -> str | None:
    """The api whose answers or events say that they are such an ``object``."""
    return next((api for pattern, api in _table("objects") if pattern == name.lower()), None)


def _fits(path: str, pattern: str) -> bool:
    return pattern[:-1] in path if pattern.endswith("*") else path.endswith(pattern)
