"""Which api an operation name or a URL path belongs to; the names stand in ``queries/operations.toml``."""

import re
import tomllib
from functools import cache
from pathlib import PurePosixPath

from analyzer.shipped import folder

_ID = re.compile(r"/(?:thread|run|msg|resp|asst|step|batch)_[^/]+")


@cache
def _table() -> tuple[dict[str, str], list[tuple[str, str]]]:
    data = tomllib.loads((folder("queries") / "operations.toml").read_text(encoding="utf-8"))
    names = {name: api for api, names in data["operations"].items() for name in names}
    paths = [(path, api) for api, paths in data["paths"].items() for path in paths]
    return names, sorted(paths, key=lambda pair: -len(pair[0]))


@cache
def api_of_operation(operation: str) -> str | None:
    """The api of an operation name as logged, in any case, with blanks or dashes; None where the table has none."""
    return _table()[0].get(re.sub(r"[ -]", "_", operation.strip().lower()))


def api_of_path(path: str) -> str | None:
    """The api of a URL path; ids of threads, runs and messages in it do not matter."""
    plain = _ID.sub("", str(PurePosixPath(path.lower())))
    return next((api for ending, api in _table()[1] if plain.endswith(ending)), None)
