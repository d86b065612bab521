"""Why a finding stands, in words, and the incidents as a list.

The rule this module keeps: whoever is accused can be shown who, what, which clause, where it stands in the logs and
what spoke against it, with no more of a text than its excerpt.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from analyzer import violations
from analyzer.errors import UsageError
from analyzer.excerpt import plain
from analyzer.violations import Row, Texts

_PREFIX = re.compile(r"[0-9a-f]{6,32}")
_PLACE = ("request_key", "part_no", "signal", "char_from", "char_to")  # where a signal stands
_NAMED = 5  # findings named when a prefix fits several

_FINDING_SQL = f"""
SELECT finding.finding_id, finding.incident_id, finding.rule_id, finding.rule_version, finding.clause_id,
    finding.policy_version, finding."use", finding.verdict, finding.severity, finding.outcome, finding.tenant_id,
    finding.actor, finding.agency, finding.role, finding.actor_confidence, finding.occurred_at, finding.last_at,
    finding.request_keys, finding.circumstances, finding.explanation,
    tenant.name AS tenant_name, tenant.tenant_class, tenant.registered_class, tenant.serves,
    tenant.confidence AS class_confidence, tenant.evidence AS class_evidence
FROM store.findings AS finding
{violations.TENANT_THEN}
WHERE finding.finding_id = $finding
"""

_ACTOR_SQL = """
SELECT DISTINCT actor.evidence
FROM store.findings AS finding
JOIN store.actors AS actor
    ON list_contains(finding.request_keys, actor.request_key)
    AND actor.actor = finding.actor AND actor.role = finding.role
WHERE finding.finding_id = $finding AND actor.evidence IS NOT NULL
ORDER BY actor.evidence
LIMIT 10
"""

_CONTEXTS_SQL = """
SELECT DISTINCT part.request_key, part.part_no, found."signal", found.char_from, found.char_to, found.contexts
FROM store.findings AS finding
JOIN store.parts AS part ON list_contains(finding.request_keys, part.request_key)
JOIN store.signals AS found USING (text_id)
WHERE finding.finding_id = $finding
    AND found.lexicon = (SELECT value FROM store.meta WHERE name = 'lexicon')
"""

_REQUESTS_SQL = """
SELECT request.request_id, request.occurred_at, request.api, request.model, request.deployment, outcome.outcome
FROM store.findings AS finding
JOIN store.requests AS request ON list_contains(finding.request_keys, request.request_key)
LEFT JOIN store.outcomes AS outcome USING (request_key)
WHERE finding.finding_id = $finding
ORDER BY request.occurred_at, request.request_key
LIMIT 20
"""

_LOG_SQL = """
SELECT logged_at, change, cause, run_id, replaced_by
FROM store.finding_log
WHERE finding_id = $finding
ORDER BY logged_at, run_id, change
"""

_INCIDENTS_SQL = """
SELECT incident.incident_id, incident.severity, incident.violations, incident.reviews, incident.tenant_id,
    tenant.name AS tenant_name, tenant.tenant_class, incident.clause_id, incident.uses,
    len(incident.finding_ids) AS findings, incident.requests, incident.first_at, incident.last_at
FROM main.incidents AS incident
LEFT JOIN store.tenants AS tenant ON tenant.tenant_id = incident.tenant_id
    AND coalesce(incident.first_at::DATE >= tenant.valid_from, true)
    AND coalesce(incident.first_at::DATE <= tenant.valid_to, true)
ORDER BY list_position(['critical', 'high', 'medium', 'low'], incident.severity) NULLS LAST,
    incident.violations DESC, incident.reviews DESC, incident.requests DESC, incident.first_at, incident.incident_id
"""


@dataclass(frozen=True)
class Incident:
    """Findings of one tenant, clause, deployment and week, as a line of a table; times are UTC, names cleaned."""

    incident_id: str
    severity: str
    violations: int
    reviews: int
    tenant: str
    tenant_class: str
    clause_id: str
    uses: tuple[str, ...]
    findings: int
    requests: int
    first_at: datetime
    last_at: datetime


def incidents_table(con: duckdb.DuckDBPyConnection) -> list[Incident]:
    """The current incidents, the most serious first: by severity, then violations, reviews, requests and time."""
    return [
        Incident(
            incident_id=row["incident_id"],
            severity=row["severity"],
            violations=row["violations"],
            reviews=row["reviews"],
            tenant=plain(row["tenant_name"] or row["tenant_id"] or "unknown"),
            tenant_class=row["tenant_class"] or "unknown",
            clause_id=row["clause_id"],
            uses=tuple(row["uses"]),
            findings=row["findings"],
            requests=row["requests"],
            first_at=row["first_at"],
            last_at=row["last_at"],
        )
        for row in violations.fetch(con, _INCIDENTS_SQL, {})
    ]


def explain(con: duckdb.DuckDBPyConnection, texts: Texts, finding_id: str) -> str:
    """Why the finding stands: several lines of plain text, ending with a newline.

    ``finding_id`` is the id or a unique beginning of at least 6 of its characters. ``texts`` gives the cited texts.
    Raises UsageError when no finding or more than one is meant.
    """
    chosen = {"finding": _resolve(con, finding_id)}
    finding = violations.fetch(con, _FINDING_SQL, chosen)[0]
    span = {"first": finding["finding_id"], "last": finding["finding_id"], "since": None, "until": None}
    parts = violations.cited_parts(con, texts, span).get(finding["finding_id"], [])
    records = violations.cited_records(con, span).get(finding["finding_id"], [])
    contexts = _contexts(violations.fetch(con, _CONTEXTS_SQL, chosen))
    lines = [
        *_judgement(finding),
        *_who(finding, violations.fetch(con, _ACTOR_SQL, chosen)),
        *_requests(finding, violations.fetch(con, _REQUESTS_SQL, chosen)),
        _counted("evidence", parts),
        *(line for part in parts for line in _evidence(part, contexts)),
        _counted("sources", records),
        *(_under(f"{record['file']}:{record['line']}") for record in records),
        _headed("log", ""),
        *(_under(_change(row)) for row in violations.fetch(con, _LOG_SQL, chosen)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _resolve(con: duckdb.DuckDBPyConnection, finding_id: str) -> str:
    """The one current finding whose id begins with ``finding_id``."""
    prefix = finding_id.strip().lower()
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(f"{plain(finding_id)[:40]}: is no finding; give 6 to 32 of its characters 0-9 and a-f")
    sql = "SELECT finding_id FROM store.findings WHERE starts_with(finding_id, $1) ORDER BY finding_id"
    found = [row[0] for row in con.execute(sql, [prefix]).fetchall()]
    if len(found) == 1:
        return str(found[0])
    if found:
        named = ", ".join(found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
        raise UsageError(f"{prefix}: {len(found)} findings begin so ({named}); give more characters")
    raise UsageError(f"{prefix}: {_incident(con, prefix) or _gone(con, prefix)}")


def _incident(con: duckdb.DuckDBPyConnection, prefix: str) -> str:
    """What to say to the id of an incident, which `run` prints; empty when no incident begins with ``prefix``."""
    sql = "SELECT finding_id FROM store.findings WHERE starts_with(incident_id, $1) ORDER BY finding_id"
    found = [row[0][:8] for row in con.execute(sql, [prefix]).fetchall()]
    named = ", ".join(found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
    return f"is an incident of {len(found)} findings; explain one of them: {named}" if found else ""


def _gone(con: duckdb.DuckDBPyConnection, prefix: str) -> str:
    """Why no current finding begins with ``prefix``."""
    sql = "SELECT finding_id, cause, run_id, replaced_by, change, logged_at FROM store.finding_log"
    sql += " WHERE starts_with(finding_id, $prefix) AND change = 'withdrawn' ORDER BY logged_at DESC LIMIT 1"
    rows = violations.fetch(con, sql, {"prefix": prefix})
    if not rows:
        return "no finding begins so; violations.parquet of the latest report lists them all"
    return f"was {_change(rows[0])}; an earlier report has it"


def _headed(label: str, value: str) -> str:
    """A line with a label; nothing in ``value`` can leave its line or move the cursor."""
    return f"{label:<14} {plain(value)}".rstrip()


def _under(value: str) -> str:
    """A line that belongs to the labelled one above it."""
    return f"  {plain(value)}"


def _counted(label: str, listed: list[Row]) -> str:
    """A labelled line with the number of rows, and how many are shown when not all."""
    total = listed[0]["total"] if listed else 0
    return _headed(label, f"{total} ({len(listed)} shown)" if len(listed) < total else f"{total}")


def _judgement(finding: Row) -> list[str]:
    known = sorted((finding["circumstances"] or {}).items())
    circumstances = ", ".join(name if value else f"not {name}" for name, value in known) or "none known"
    return [
        _headed("finding", f"{finding['finding_id']}, incident {finding['incident_id']}"),
        _headed("verdict", f"{finding['verdict']}, severity {finding['severity']}"),
        _headed("why", finding["explanation"] or ""),
        _headed("use", f"{finding['use']}, found by rule {finding['rule_id']} version {finding['rule_version']}"),
        _headed("clause", f"{finding['clause_id']}, policy {finding['policy_version']}"),
        _headed("circumstances", circumstances),
        _headed("outcome", finding["outcome"] or "unknown"),
    ]


def _who(finding: Row, evidence: list[Row]) -> list[str]:
    registered = finding["registered_class"]
    decided = "not in the register" if registered is None else "from the register" if registered else "classified"
    serves = f", serves {', '.join(finding['serves'])}" if finding["serves"] else ""
    agency = f", agency {finding['agency']}" if finding["agency"] else ""
    class_share, actor_share = _share(finding["class_confidence"]), _share(finding["actor_confidence"])
    return [
        _headed("tenant", f"{finding['tenant_name'] or 'no name'} ({finding['tenant_id']})"),
        _headed("class", f"{finding['tenant_class'] or 'unknown'}{serves}, {decided}, confidence {class_share}"),
        *(_under(why) for why in finding["class_evidence"] or ()),
        _headed("actor", f"{finding['actor']}, {finding['role']}{agency}, confidence {actor_share}"),
        *(_under(row["evidence"]) for row in evidence),
    ]


def _requests(finding: Row, requests: list[Row]) -> list[str]:
    total = len(finding["request_keys"])
    shown = f" ({len(requests)} shown)" if len(requests) < total else ""
    return [
        _headed("requests", f"{total}, {_time(finding['occurred_at'])} to {_time(finding['last_at'])}{shown}"),
        *(
            _under(
                f"{_time(row['occurred_at'])} {row['request_id']}: {row['api']}, model {row['model'] or 'not logged'},"
                f" deployment {row['deployment'] or 'not logged'}, {row['outcome'] or 'unknown'}"
            )
            for row in requests
        ),
    ]


def _evidence(part: Row, contexts: dict[tuple[Any, ...], list[str]]) -> list[str]:
    if part["part_no"] is None:
        return [_under(f"the call itself, {(part['request_key'] or '')[:12]}")]
    where = " ".join(word for word in (part["role"], part["kind"]) if word) or "part"
    said = "no text" if part["text_id"] is None else "text gone" if part["excerpt"] is None else f"“{part['excerpt']}”"
    against = contexts.get(tuple(part[name] for name in _PLACE))
    found = f"{part['signal'] or 'structure'} in {where}, part {part['part_no']} of {(part['request_key'] or '')[:12]}"
    noted = ["  " + _under(f"context: {', '.join(against)}")] if against else []
    return [_under(f"{found}: {said}"), *noted]


def _contexts(rows: list[Row]) -> dict[tuple[Any, ...], list[str]]:
    """The contexts of each signal, by where it stands."""
    return {tuple(row[name] for name in _PLACE): sorted(row["contexts"] or ()) for row in rows}


def _change(row: Row) -> str:
    by = f", replaced by {row['replaced_by']}" if row["replaced_by"] else ""
    return f"{row['change']} {_time(row['logged_at'])} in run {row['run_id']}: {row['cause'] or 'no cause given'}{by}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _time(at: datetime | None) -> str:
    return "unknown" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"
