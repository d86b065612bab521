"""The command with its lexicon and rules read beforehand: ``python quick_command.py INPUTS ARGUMENT…``.

Everything else is as in the real one. SMALL_BATCHES in the environment makes a small export come in many transactions.
"""

import importlib
import os
import pickle
import sys
from pathlib import Path

from analyzer import assemble, cli, loading, settle, sources

job = importlib.import_module("analyzer.job")
lexicon, rules = pickle.loads(Path(sys.argv[1]).read_bytes())  # written by the same test
job.load_lexicon = lambda folder, prove=True: lexicon  # type: ignore[attr-defined]
job.load_rules = lambda folder: rules  # type: ignore[attr-defined]
if os.environ.get("SMALL_BATCHES"):
    sources.BLOCK_BYTES = 60_000
    loading.BATCH_BYTES = 200_000
    loading.BATCH_FILES = 5
    assemble.SLICE_CHARS = 200_000
    settle.SCAN_CHARS = 200_000
cli.main(sys.argv[2:])
