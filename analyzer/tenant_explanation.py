"""Why a tenant has its class, what would change that, and as whom its requests act.

Rule: every piece of evidence is shown in the order in which it is read, also what came too late or speaks against.
"""

from typing import Any

import duckdb

from analyzer import violations
from analyzer.classifier import NOTHING, PLACES, Classification, Patterns, Piece, pieces
from analyzer.errors import UsageError
from analyzer.excerpt import plain
from analyzer.violations import Row

SURE = 0.5  # under it every finding is a review

# A row for each period of the register; a request counts for the period of its day.
LIST_SQL = """
SELECT tenant.tenant_id, tenant.name, tenant.tenant_class AS class, tenant.confidence, tenant.evidence, tenant.serves,
    tenant.valid_from, tenant.valid_to, count(request.request_key) AS requests,
    min(request.occurred_at) AS first_at, max(request.occurred_at) AS last_at
FROM tenant_periods AS tenant
LEFT JOIN requests AS request ON request.tenant_id = tenant.tenant_id
    AND coalesce(request.occurred_at::DATE >= tenant.valid_from, true)
    AND coalesce(request.occurred_at::DATE <= tenant.valid_to, true)
GROUP BY ALL
ORDER BY requests DESC, tenant.tenant_id, tenant.valid_from NULLS FIRST
"""

_PERIODS_SQL = """
SELECT tenant_id, name, domain, country, state, registered_class, tenant_class, serves, confidence, evidence,
    valid_from, valid_to
FROM store.tenants
WHERE tenant_id = $tenant
ORDER BY valid_from NULLS FIRST
"""

_KEYS_SQL = """
SELECT coalesce(key_kind, 'no key of the register') AS kind, count(*) AS requests,
    count(*) FILTER (WHERE conflict) AS conflicts
FROM store.tenant_of
WHERE tenant_id = $tenant
GROUP BY kind
ORDER BY requests DESC, kind
"""

_ACTORS_SQL = """
SELECT actor.actor, actor.role, actor.agency, actor.confidence, actor.evidence, count(*) AS requests
FROM store.actors AS actor
JOIN store.tenant_of AS tenant_of USING (request_key)
WHERE tenant_of.tenant_id = $tenant
GROUP BY ALL
ORDER BY requests DESC, actor.confidence DESC, actor.actor, actor.role, actor.evidence
"""

_SHOWN = 20  # ways in which requests of one tenant act


def explain_tenant(con: duckdb.DuckDBPyConnection, tenant_id: str, patterns: Patterns) -> str:
    """All that is known of a tenant's class: several lines of plain text, ending with a newline.

    ``con`` reads a store. Raises UsageError when the store has no such tenant.
    """
    chosen = {"tenant": tenant_id}
    periods = violations.fetch(con, _PERIODS_SQL, chosen)
    if not periods:
        raise UsageError(f"{plain(tenant_id)[:80]}: the store has no such tenant; `aoai-audit tenants list` names them")
    lines = [_headed("tenant", tenant_id)]
    for period in periods:
        lines += _period(period, patterns)
    lines += _keys(violations.fetch(con, _KEYS_SQL, chosen))
    lines += _actors(violations.fetch(con, _ACTORS_SQL, chosen))
    return "".join(f"{line}\n" for line in lines)


def _headed(label: str, value: str) -> str:
    """A line with a label; nothing in ``value`` can leave its line or move the cursor."""
    return f"{label:<14} {plain(value)}".rstrip()


def _under(value: str) -> str:
    return f"  {plain(value)}"


def _period(period: Row, patterns: Patterns) -> list[str]:
    """What the register says for some days, the evidence in its order, and what would change the class."""
    body = (period["name"] or "", period["domain"] or "", period["country"] or "", period["state"] or "")
    found = pieces(*body, patterns)
    return [
        _headed("class", f"{period['tenant_class']}, confidence {period['confidence'] or 0:.2f}"),
        *(_under(why) for why in period["evidence"] or ()),
        _headed("register", _registered(period)),
        *_evidence(period, found),
        _headed("would change", ""),
        *(_under(change) for change in _changes(period, found)),
    ]


def _registered(period: Row) -> str:
    if period["registered_class"] is None:
        return "no row; no key of the register matches"
    known = ", ".join(f"{name} {period[name]}" for name in ("name", "domain", "country", "state") if period[name])
    serves = f", serves {', '.join(period['serves'])}" if period["serves"] else ""
    days = f"{period['valid_from'] or 'ever'} to {period['valid_to'] or 'ever'}"
    return f"class {period['registered_class'] or 'left empty'}{serves}; {known or 'no name'}; from {days}"


def _evidence(period: Row, found: tuple[Piece, ...]) -> list[str]:
    """A line for each place that was looked at, and one for each entry found there."""
    decides = None if period["registered_class"] else _decider(found)
    lines = [_headed("evidence", "in the order of reading; the first that says a class decides")]
    for place in PLACES:
        here = [piece for piece in found if piece.place == place]
        lines.append(_under(place if here else f"{place}: nothing"))
        lines += ["  " + _under(_told(piece, decides)) for piece in here]
    return lines


def _told(piece: Piece, decides: Piece | None) -> str:
    said = piece.said
    if piece.says == "veto":
        says = "veto: no police by this" + ("" if said else "; labels are not read on")
    else:
        says = f"{said.tenant_class}, confidence {said.confidence:.2f}" if said else "not read, after a veto"
    note = " (decides)" if piece is decides else ""
    return f"{piece.entry}: {says}{note}. {piece.about}"


def _decider(found: tuple[Piece, ...]) -> Piece | None:
    return next((piece for piece in found if piece.said), None)


def _changes(period: Row, found: tuple[Piece, ...]) -> list[str]:
    decider = _decider(found)
    said = decider.said if decider and decider.said else NOTHING
    if period["registered_class"]:
        return [f"an empty class in the register: then {_named(said)} by name and domain"]
    if period["registered_class"] is None:
        key = period["tenant_id"].removeprefix("unknown:")
        waits = period["tenant_id"] == "unknown:gateway_row_missing"
        return ["the gateway's own log, loaded too" if waits else f"a row in the register with the key {key}"]
    changes = ["a class in the register: it always wins"]
    if not (period["name"] or period["domain"]):
        changes.append("a name and a domain in the register: there is nothing to read")
    if decider and said.evidence[-1] == "no country known":
        changes.append("a country in the register: police of no known country are never sure")
    if decider:
        later = next((piece.said for piece in found if piece is not decider and piece.said), NOTHING)
        changes.append(f"without {decider.entry}: {_named(later)}")
    if (said.tenant_class, said.confidence) != (period["tenant_class"], period["confidence"]):
        changes.append(f"judging again: name and domain now say {_named(said)}")
    if 0 < said.confidence < SURE:
        changes.append(f"confidence is under {SURE}: every finding is a review")
    return changes


def _named(said: Classification) -> str:
    return f"{said.tenant_class}, confidence {said.confidence:.2f}"


def _keys(rows: list[Row]) -> list[str]:
    total = sum(row["requests"] for row in rows)
    return [
        _headed("requests", f"{total}"),
        *(_under(f"{row['requests']} known by {row['kind']}" + _conflicts(row["conflicts"])) for row in rows),
    ]


def _conflicts(count: int) -> str:
    return f", {count} with keys that name other tenants too" if count else ""


def _actors(rows: list[Row]) -> list[str]:
    shown = f" ({_SHOWN} shown)" if len(rows) > _SHOWN else ""
    return [
        _headed("actors", f"{len({(row['actor'], row['role']) for row in rows})}{shown}"),
        *(_under(_acting(row)) for row in rows[:_SHOWN]),
    ]


def _acting(row: dict[str, Any]) -> str:
    agency = f", agency {row['agency']}" if row["agency"] else ""
    return (
        f"{row['requests']} requests: {row['actor']}, {row['role']}{agency}, confidence {row['confidence']:.2f},"
        f" by {row['evidence'] or 'nothing'}"
    )
