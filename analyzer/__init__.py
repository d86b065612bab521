"""Reads exported Azure OpenAI usage logs and reports uses that the Code of Conduct forbids, with evidence.

What the command does can be imported from here under the same names; they are looked up when they are used, so that a
command that needs little starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.cases import run_cases as run_cases
    from analyzer.classified_rows import classify_file as classify_file
    from analyzer.clauses import clause_coverage as clause_coverage
    from analyzer.dotgov import import_dotgov as import_dotgov
    from analyzer.errors import AnalyzerError as AnalyzerError
    from analyzer.errors import ExitCode as ExitCode
    from analyzer.errors import LockedError as LockedError
    from analyzer.errors import StoreError as StoreError
    from analyzer.errors import UsageError as UsageError
    from analyzer.inspection import inspect as inspect
    from analyzer.job import detect as detect
    from analyzer.job import load as load
    from analyzer.job import report as report
    from analyzer.job import run as run
    from analyzer.policies import load_packs as load_packs
    from analyzer.querying import explain as explain
    from analyzer.querying import explain_tenant as explain_tenant
    from analyzer.querying import list_tenants as list_tenants
    from analyzer.querying import query as query
    from analyzer.querying import status as status
    from analyzer.rules import load_rules as load_rules

_HOMES = {
    **dict.fromkeys(("run", "load", "detect", "report"), "analyzer.job"),
    **dict.fromkeys(("status", "query", "explain", "list_tenants", "explain_tenant"), "analyzer.querying"),
    **dict.fromkeys(("AnalyzerError", "ExitCode", "LockedError", "StoreError", "UsageError"), "analyzer.errors"),
    "clause_coverage": "analyzer.clauses",
    "classify_file": "analyzer.classified_rows",
    "import_dotgov": "analyzer.dotgov",
    "inspect": "analyzer.inspection",
    "load_packs": "analyzer.policies",
    "load_rules": "analyzer.rules",
    "run_cases": "analyzer.cases",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'analyzer' has no attribute {name!r}")
