"""The chain of reports: each run.json holds the hash of the one before, so none can be changed or lost unseen.

The rule this module keeps: a run.json is written once, in one spelling, and its hash is the hash of its bytes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

NAME = "run.json"
LATEST = "latest"
PARTIAL = ".partial"


def canonical(value: dict[str, Any]) -> bytes:
    """``value`` as JSON in one spelling: keys sorted, ASCII only, one space of indent, a newline at the end."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, indent=1) + "\n").encode("ascii")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def head(folder: Path) -> str:
    """The head hash of the report in ``folder``: SHA-256 of its run.json, hex. Raises OSError when there is none."""
    return file_hash(folder / NAME)


def facts(folder: Path) -> dict[str, Any]:
    """What the run.json of the report in ``folder`` says. Raises OSError when there is none."""
    said: dict[str, Any] = json.loads((folder / NAME).read_bytes())
    return said


def outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """Every file in ``folder`` by name: sha256, bytes and, of a Parquet file, rows. Raises OSError."""
    return {
        path.name: {
            "sha256": file_hash(path),
            "bytes": path.stat().st_size,
            "rows": pq.read_metadata(path).num_rows if path.suffix == ".parquet" else None,
        }
        for path in sorted(folder.iterdir())
    }


def previous(reports: Path) -> dict[str, str | None] | None:
    """The report that the next one follows: its folder's name and head hash; None when this is the first.

    It is the one that ``latest`` names, or one that already follows it: a run killed between the rename of its folder
    and the swap of ``latest`` has finished its report. The hash is None when the folder or its run.json is gone.
    """
    link = reports / LATEST
    if not link.is_symlink():
        return None
    folder = reports / link.readlink().name
    if not (folder / NAME).is_file():
        return {"folder": folder.name, "sha256": None}
    while following := _follower(reports, folder):
        folder = following
    return {"folder": folder.name, "sha256": head(folder)}


def _follower(reports: Path, folder: Path) -> Path | None:
    """The report that names ``folder`` as the one before it."""
    since = (folder / NAME).stat().st_mtime_ns
    hash_before = head(folder)
    for path in sorted(reports.glob(f"*/{NAME}")):
        newer = path.parent.name not in (folder.name, LATEST) and path.parent.suffix != PARTIAL
        if newer and path.stat().st_mtime_ns >= since and _named_before(path) == hash_before:
            return path.parent
    return None


def _named_before(path: Path) -> str | None:
    """The hash that a run.json gives of the one before; None when it gives none or cannot be read."""
    try:
        facts = json.loads(path.read_bytes())
        return str(facts["previous"]["sha256"])
    except (ValueError, TypeError, KeyError):
        return None
