"""Python's search for reference cycles, put off where millions of values are made and none of them is a cycle."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_later() -> Iterator[None]:
    """Inside, no cycles are looked for: that took a quarter to a third of the time of loading logs or a lexicon."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
