"""What was compiled of files once, kept where Python keeps its own compiled code, so that the next process need not.

Rule: it is only ever a copy. It is named after the bytes of the files, of the code that made it and of Python; where it
is missing, damaged or cannot be written, what it is a copy of is made again. Whoever can write there can change the
code itself, so it is trusted as the code is.
"""

import hashlib
import pickle
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

_Made = TypeVar("_Made")


def compiled(name: str, files: Iterable[Path], make: Callable[[], _Made]) -> _Made:
    """What ``make`` gives, or a copy of what it gave for the same ``files`` (its code among them); their bytes count.

    Raises what ``make`` raises.
    """
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(file.read_bytes())
    place = Path(cache_from_source(str(Path(__file__).with_name(f"{name}.py")))).parent
    kept = place / f"{name}-{digest.hexdigest()[:16]}.pickle"
    with suppress(
        OSError, EOFError, AttributeError, ImportError, LookupError, TypeError, ValueError, pickle.PickleError
    ):
        made: _Made = pickle.loads(kept.read_bytes())
        return made
    made = make()
    with suppress(OSError):
        _keep(kept, pickle.dumps(made))
    return made


def _keep(kept: Path, content: bytes) -> None:
    """Writes it whole or not at all, in place of older ones of its name."""
    kept.parent.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=kept.parent, prefix=f"{kept.name}.", delete=False) as file:
        file.write(content)
    Path(file.name).replace(kept)
    for old in kept.parent.glob(f"{kept.name.rsplit('-', 1)[0]}-*.pickle*"):  # also what a killed process left
        if old != kept:
            old.unlink(missing_ok=True)
