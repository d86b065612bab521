"""How far a step is, told to whoever asked."""

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]  # a step's name, how far it is, of how much where that is known


def no_progress(step: str, done: int, whole: int | None) -> None:
    """Tells nobody."""


def summing(step: str, whole: int | None, progress: Progress) -> Callable[[int], None]:
    """Turns what a step tells piece by piece into how far it is."""
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        progress(step, done, whole)

    return told
