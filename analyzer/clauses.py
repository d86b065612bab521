"""Which rules stand behind each clause, and how many cases behind them.

The rule this module keeps: a clause that nothing can find looks like a world of clean tenants, so it is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.cases import USUAL_API, Case, load_cases
from analyzer.errors import UsageError
from analyzer.policies import Pack, Scope
from analyzer.rules import Rule


@dataclass(frozen=True)
class Covered:
    """One use that a clause forbids; the rules that find it in calls the policy is about; how many cases these have."""

    policy: str
    clause: str
    use: str
    rules: tuple[str, ...]
    cases: int


def clause_coverage(packs: Sequence[Pack], rules: Sequence[Rule]) -> tuple[tuple[Covered, ...], tuple[UsageError, ...]]:
    """A row for every use of every clause that has rows, in the order of the packs; and the gaps, a line each.

    A rule counts for a policy when one of its cases fires on a call that the policy is about, or when it has no cases
    to tell. A gap is a use of a clause that no rule finds, and a rule of a clause without right cases.
    """
    cases, unproven = {}, {}
    for rule in rules:
        try:
            cases[rule.id] = load_cases(rule)
        except UsageError as error:
            unproven[rule.id] = error
    covered = []
    for pack in packs:
        for clause in pack.clauses:
            for use in dict.fromkeys(use for row in clause.rows for use in row.uses):
                finding = [rule.id for rule in rules if rule.use == use]
                ids = tuple(name for name in finding if name in unproven or _fires(cases[name], pack.scope))
                covered.append(Covered(pack.id, clause.id, use, ids, sum(len(cases.get(name, ())) for name in ids)))
    unfound = [
        UsageError(f"{row.policy}: {row.clause}: no rule finds {row.use!r}; write one, or take the use from the clause")
        for row in covered
        if not row.rules
    ]
    needed = {name for row in covered for name in row.rules}
    return tuple(covered), (*unfound, *(error for name, error in unproven.items() if name in needed))


def _fires(cases: Sequence[Case], scope: Scope) -> bool:
    apis = {request.get("api", USUAL_API) for case in cases if case.expect for request in case.requests}
    return bool(apis & set(scope.apis) if scope.apis else apis - set(scope.not_apis))
