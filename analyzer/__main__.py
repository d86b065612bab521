"""``python -m analyzer`` is the same as ``aoai-audit``."""

from analyzer.cli import main

main()
