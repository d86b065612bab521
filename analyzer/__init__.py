"""Reads exported Azure OpenAI usage logs and reports uses that the Code of Conduct forbids, with evidence.

What the command does can be imported from here; the names are looked up when they are used, so that a command that
needs little starts fast. The main job itself is ``analyzer.run.run``.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "load_logs": "analyzer.run",
    "detect_uses": "analyzer.run",
    "write_report": "analyzer.run",
    "AnalyzerError": "analyzer.errors",
    "ExitCode": "analyzer.errors",
    "LockedError": "analyzer.errors",
    "StoreError": "analyzer.errors",
    "UsageError": "analyzer.errors",
}

__all__ = [
    "AnalyzerError",
    "ExitCode",
    "LockedError",
    "StoreError",
    "UsageError",
    "detect_uses",
    "load_logs",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'analyzer' has no attribute {name!r}")
