"""Hostile bytes through reader, shapes and bodies: no exception but a counted quarantine, and buckets add up.

python -m fuzzing.logs [CORPUS_DIR] [-runs=N] [-max_total_time=SECONDS]

The corpus starts with a small file of every form of every log shape; what the fuzzer adds stays in CORPUS_DIR.
"""

import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["analyzer"]):
    from fuzzing.check import check

from benchmarks import shapes

MOST_BYTES = 4096


def seed(folder: Path) -> None:
    """A small file of every form, for the fuzzer to begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    calls = [replace(call, prompt=call.prompt[:60]) for call in islice(shapes.calls(10_000), 2)]
    for name, form in shapes.FORMS.items():
        (folder / name).write_bytes(form.render(calls))


def main() -> None:
    """The command ``python -m fuzzing.logs``; libFuzzer's options pass through."""
    folders = [word for word in sys.argv[1:] if not word.startswith("-")] or ["fuzzing/corpus"]
    seed(Path(folders[0]))
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    atheris.Setup(
        [sys.argv[0], *folders, f"-max_len={MOST_BYTES}", "-timeout=30", "-rss_limit_mb=2048", *options], check
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
