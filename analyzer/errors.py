"""What the tool raises on purpose, and the exit codes they turn into. Imports nothing of ours.

    AnalyzerError
    ├── UsageError     the command line, a register, a rule, a lexicon or a policy file is wrong   (2)
    ├── LockedError    another run holds the lock                                                  (4)
    └── StoreError     the store is damaged, or the disk is full                                   (5)

A message is one line: ``what is wrong; what would be right``, with ``FILE:LINE:`` before it where there is one.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; of several, the worst is returned (see :func:`worst`)."""

    DONE = 0  # everything asked for was done
    FAIL_ON = 1  # --fail-on was met, or verify found a difference
    USAGE = 2  # the command line, the configuration or a rule is wrong
    INPUT = 3  # some input read in this run could not be read; the rest was processed
    LOCKED = 4  # another run holds the lock
    STORE = 5  # the store is damaged or the disk is full
    INTERNAL = 6  # a bug of ours
    INTERRUPTED = 130  # Ctrl-C
    TERMINATED = 143  # SIGTERM


_WORST_FIRST = (
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.INTERNAL,
    ExitCode.STORE,
    ExitCode.LOCKED,
    ExitCode.USAGE,
    ExitCode.INPUT,
    ExitCode.FAIL_ON,
    ExitCode.DONE,
)


def worst(*codes: ExitCode) -> ExitCode:
    """The code that wins among ``codes``: 6 > 5 > 4 > 2 > 3 > 1 > 0, a signal before all."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.DONE)


class AnalyzerError(Exception):
    """Something the user can act on; its text is the whole message, its ``exit_code`` the command's."""

    exit_code = ExitCode.INTERNAL


class UsageError(AnalyzerError):
    """The command line, a register, a rule, a lexicon or a policy file is wrong."""

    exit_code = ExitCode.USAGE


class LockedError(AnalyzerError):
    """Another run holds the lock of this store."""

    exit_code = ExitCode.LOCKED


class StoreError(AnalyzerError):
    """The store cannot be read or written."""

    exit_code = ExitCode.STORE


class BrokenStreamError(Exception):
    """The bytes of a file end before its stream does, or cannot be read on; what came before is good.

    Not an AnalyzerError: it costs that file only. Its text is a short reason without content.
    """
