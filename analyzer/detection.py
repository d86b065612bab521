"""Rules run over the store and give uses; what a rule could not see is counted.

Rule: a rule ends as uses, or as an error that ends the run; nothing that a log holds is ever in the message. Rows with
the same subject are one use, whatever their order.
"""

import re
from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa

from analyzer.errors import StoreError, UsageError
from analyzer.rule_views import joined_once, restrict
from analyzer.rules import OUTPUT, Rule
from analyzer.sandbox import harden, open_reader
from analyzer.verdicts import STRENGTHS, shipped_verdicts

__all__ = ["find_uses", "harden", "joined_once", "open_reader", "restrict", "rule_days"]

_TOOL_APIS = ["chat", "assistants", "responses", "realtime", "batch"]
_PROMPT_APIS = [
    *_TOOL_APIS, "completion", "embedding", "image_generate", "image_edit", "audio_transcribe", "audio_translate",
    "speech", "content_safety",
]  # fmt: skip

# A request is blind by a need when its condition is true. `faces` waits for a detector: no request is judged by it.
_BLIND = {
    "prompt": f"list_contains({_PROMPT_APIS}, api) AND coalesce(prompt_seen, 'none') = 'none'",
    "answer": f"list_contains({_PROMPT_APIS}, api) AND coalesce(answer_seen, 'none') = 'none'",
    "tools": f"list_contains({_TOOL_APIS}, api) AND NOT coalesce(tools_seen, false)",
    "picture_bytes": "coalesce(pictures_seen, 'none') IN ('address_only', 'cut')",
    "faces": "true",
    "caller": "caller IS NULL",
    "times": "occurred_at IS NULL",
}


def find_uses(con: duckdb.DuckDBPyConnection, rules: Sequence[Rule]) -> pa.Table:
    """What the rules find in the views of ``con``: ``schema.USES`` columns, by rule_id and subject.

    ``con`` is a hardened reader. Raises UsageError naming the rule's file when its SQL fails or it breaks the contract,
    StoreError when the store cannot be read.
    """
    with joined_once(con):
        return _find(con, rules)


def _find(con: duckdb.DuckDBPyConnection, rules: Sequence[Rule]) -> pa.Table:
    found = [_run(con, rule) for rule in rules]
    empty = con.sql("SELECT " + ", ".join(f"NULL::{kind} AS {name}" for name, kind in OUTPUT.items()) + " LIMIT 0")
    rows = pa.concat_tables([_numbered(-1, empty.to_arrow_table()), *(_numbered(n, t) for n, t in enumerate(found))])
    con.register("rule_rows", rows)
    con.register("rule_facts", _facts(rules))
    try:
        _check_rows(con, rules)
        return con.sql(_MERGE).to_arrow_table()
    finally:
        con.unregister("rule_rows")
        con.unregister("rule_facts")


def rule_days(con: duckdb.DuckDBPyConnection, rules: Sequence[Rule], uses: pa.Table) -> pa.Table:
    """How each rule ended for each tenant and day with requests: ``schema.RULE_DAYS`` columns, ordered.

    A request without one of the rule's needs is blind and counted under each need it lacks; every other is judged. A
    use counts where its first request stands.
    """
    con.register("rule_facts", _facts(rules))
    con.register("found_uses", uses)
    try:
        return con.sql(_RULE_DAYS).to_arrow_table()
    finally:
        for name in ("rule_facts", "found_uses"):
            con.unregister(name)


# --- one rule ---------------------------------------------------------------------------------------------------------


def _run(con: duckdb.DuckDBPyConnection, rule: Rule) -> pa.Table:
    try:
        return con.sql(rule.sql, params=dict(rule.params)).to_arrow_table()
    except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
        raise StoreError(
            f"the store could not be read while {rule.id} ran; look at disk and memory, then restore it"
        ) from (_without_content(error))
    except duckdb.InterruptException:
        raise UsageError(f"{rule.path}:{rule.first_sql_line}: ran longer than allowed; make it narrower") from None
    except duckdb.OutOfMemoryException:
        raise UsageError(
            f"{rule.path}:{rule.first_sql_line}: needs more memory than allowed; make it narrower"
        ) from None
    except duckdb.Error as error:
        at = re.search(r"^LINE (\d+):", str(error), re.MULTILINE)
        line = rule.first_sql_line + (int(at[1]) - 1 if at else 0)
        raise UsageError(
            f"{rule.path}:{line}: the SQL failed on this store ({type(error).__name__}); "
            "cast with TRY_CAST, divide by nullif"
        ) from None


def _without_content(error: duckdb.Error) -> Exception:
    """The kind of error alone: DuckDB's text may quote a row."""
    return RuntimeError(type(error).__name__)


def _numbered(number: int, rows: pa.Table) -> pa.Table:
    return rows.append_column("rule_no", pa.array([number] * rows.num_rows, pa.int32()))


def _facts(rules: Iterable[Rule]) -> pa.Table:
    rows = [(n, r.id, r.version, r.use, r.scope, list(r.needs)) for n, r in enumerate(rules)]
    fields = [
        ("rule_no", pa.int32()),
        ("rule_id", pa.string()),
        ("rule_version", pa.int32()),
        ("use", pa.string()),
        ("scope", pa.string()),
        ("needs", pa.list_(pa.string())),
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(fields)
    return pa.table(
        [pa.array(list(c), f[1]) for c, f in zip(columns, fields, strict=True)], names=[f[0] for f in fields]
    )


def _check_rows(con: duckdb.DuckDBPyConnection, rules: Sequence[Rule]) -> None:
    """Raises UsageError on the first row that breaks the contract by its values."""
    words = {"strengths": list(STRENGTHS), "circumstances": list(shipped_verdicts().circumstances)}
    problems = con.execute(_PROBLEMS, words).fetchall()
    if problems:
        number, what, _ = problems[0]
        rule = rules[number]
        raise UsageError(f"{rule.path}:{rule.first_sql_line}: {what.replace('SCOPE', rule.scope)}")


_CITED = """
    row_numbers AS MATERIALIZED (
        SELECT row_number() OVER () AS row_no, rule_no, request_keys, strength, circumstances, evidence
        FROM rule_rows
    ),
    wanted AS (
        SELECT DISTINCT unnest(request_keys) AS request_key FROM row_numbers
    ),
    known AS MATERIALIZED (
        SELECT request_key, tenant_id, session_key, session_source, coalesce(deployment, '') AS deployment, occurred_at
        FROM requests
        WHERE request_key IN (SELECT request_key FROM wanted)
    )
"""

_PROBLEMS = f"""
WITH {_CITED},
    misshapen AS (
        SELECT rule_no, CASE
            WHEN len(coalesce(request_keys, [])) = 0 OR len(list_filter(request_keys, lambda k: k IS NULL)) > 0
                THEN 'a row cites no request, or a null one; request_keys holds the subject''s request first'
            WHEN strength IS NULL OR NOT list_contains($strengths, strength)
                THEN 'a row has another strength; one of ' || array_to_string($strengths, ', ')
            WHEN len(list_filter(map_keys(circumstances), lambda n: NOT list_contains($circumstances, n))) > 0
                THEN 'a row has a circumstance that is not listed; one of ' || array_to_string($circumstances, ', ')
            WHEN len(list_filter(evidence, lambda e: e.request_key IS NULL
                    OR NOT list_contains(request_keys, e.request_key))) > 0
                THEN 'a row shows evidence in a request that it does not cite; add its key to request_keys'
        END AS what
        FROM row_numbers
    ),
    sets AS (
        SELECT row_numbers.rule_no, row_no,
            count(*) FILTER (WHERE known.request_key IS NULL) AS strangers,
            count(DISTINCT CASE scope
                WHEN 'request' THEN [cited.request_key]
                WHEN 'session' THEN [tenant_id, session_key]
                ELSE [tenant_id, known.deployment]
            END) AS sets
        FROM row_numbers
        JOIN rule_facts USING (rule_no)
        CROSS JOIN unnest(row_numbers.request_keys) AS cited(request_key)
        LEFT JOIN known ON known.request_key = cited.request_key
        GROUP BY row_numbers.rule_no, row_no
    )
SELECT DISTINCT rule_no, what, 1 AS rank FROM misshapen WHERE what IS NOT NULL
UNION
SELECT rule_no, 'a row cites a key that is no request; take request_key from the views', 2
FROM sets WHERE strangers > 0
UNION
SELECT rule_no, 'a row cites keys of more than one SCOPE; the scope SCOPE lets a row cite one only', 3
FROM sets WHERE strangers = 0 AND sets > 1
ORDER BY rule_no, rank, what
"""

# A join on rule_no alone would pair every use of a rule with every other: rows have one number, and so have uses.
_MERGE = f"""
WITH {_CITED},
    cited AS (
        SELECT row_no, place, listed.request_key, session_key, session_source, occurred_at
        FROM row_numbers
        CROSS JOIN unnest(row_numbers.request_keys) WITH ORDINALITY AS listed(request_key, place)
        JOIN known ON known.request_key = listed.request_key
    ),
    led AS (
        SELECT row_no, min_by(request_key, (occurred_at, request_key)) AS first_key,
            any_value(request_key) FILTER (WHERE place = 1) AS named_key,
            any_value(session_key) FILTER (WHERE place = 1) AS session_key,
            any_value(session_source) FILTER (WHERE place = 1) AS session_source
        FROM cited GROUP BY row_no
    ),
    subjects AS (
        SELECT row_no, row_numbers.rule_no,
            CASE WHEN scope = 'session' AND session_source = 'explicit' THEN session_key
                WHEN scope = 'stream' THEN first_key
                ELSE named_key
            END AS subject,
            CASE WHEN scope = 'stream' THEN first_key ELSE named_key END AS lead_key
        FROM led
        JOIN row_numbers USING (row_no)
        JOIN rule_facts ON rule_facts.rule_no = row_numbers.rule_no
    ),
    numbered AS MATERIALIZED (
        SELECT dense_rank() OVER (ORDER BY rule_no, subject) AS use_no, rule_no, row_no, subject, lead_key
        FROM subjects
    ),
    leads AS (  -- several rows of one explicit session may name different first requests: the earliest leads
        SELECT use_no, any_value(rule_no) AS rule_no, any_value(subject) AS subject,
            min_by(lead_key, (occurred_at, lead_key)) AS lead_key
        FROM numbered JOIN known ON known.request_key = lead_key
        GROUP BY use_no
    ),
    united AS (
        SELECT DISTINCT use_no, request_key, occurred_at
        FROM cited JOIN numbered USING (row_no)
    ),
    keys AS (
        SELECT use_no, list(request_key ORDER BY request_key <> lead_key, occurred_at, request_key) AS request_keys
        FROM united JOIN leads USING (use_no)
        GROUP BY use_no
    ),
    strengths AS (
        SELECT use_no, CASE WHEN bool_or(strength = 'strong') THEN 'strong' ELSE 'weak' END AS strength
        FROM row_numbers JOIN numbered USING (row_no)
        GROUP BY use_no
    ),
    entries AS (
        SELECT use_no, unnest(map_entries(circumstances)) AS entry
        FROM row_numbers JOIN numbered USING (row_no)
    ),
    facts AS (
        SELECT use_no, entry.key AS name, bool_or(entry.value) AS holds
        FROM entries WHERE entry.value IS NOT NULL
        GROUP BY use_no, name
    ),
    circumstances AS (
        SELECT use_no, map(list(name ORDER BY name), list(holds ORDER BY name)) AS circumstances
        FROM facts GROUP BY use_no
    ),
    shown AS (
        SELECT DISTINCT use_no, unnest(evidence) AS place
        FROM row_numbers JOIN numbered USING (row_no)
    ),
    evidence AS (
        SELECT use_no, list(place ORDER BY occurred_at, place.request_key, place.part_no NULLS LAST,
            place.char_from NULLS LAST, place.char_to NULLS LAST, place.signal NULLS LAST) AS evidence
        FROM shown JOIN known ON known.request_key = place.request_key
        WHERE place IS NOT NULL
        GROUP BY use_no
    )
SELECT rule_id, rule_version, "use", subject, request_keys, strength,
    coalesce(circumstances, MAP([]::VARCHAR[], []::BOOLEAN[])) AS circumstances,
    coalesce(evidence, []) AS evidence
FROM leads
JOIN rule_facts USING (rule_no)
JOIN keys USING (use_no)
JOIN strengths USING (use_no)
LEFT JOIN circumstances USING (use_no)
LEFT JOIN evidence USING (use_no)
ORDER BY rule_id, subject
"""

_RULE_DAYS = f"""
WITH masks AS (
        SELECT tenant_id, occurred_at::DATE AS day, [{", ".join(f"({sql})" for sql in _BLIND.values())}] AS mask,
            count(*) AS requests
        FROM requests
        GROUP BY ALL
    ),
    missing AS (  -- of each rule, tenant, day and mask: the needs that are missing
        SELECT rule_id, tenant_id, day, requests,
            list_filter(needs, lambda n: mask[list_position({list(_BLIND)}, n)]) AS lacks
        FROM masks CROSS JOIN rule_facts
    ),
    judged AS (
        SELECT rule_id, tenant_id, day, sum(requests) FILTER (WHERE len(lacks) = 0) AS judged
        FROM missing GROUP BY rule_id, tenant_id, day
    ),
    lacking AS (
        SELECT rule_id, tenant_id, day, lack.need, sum(requests)::BIGINT AS requests
        FROM missing CROSS JOIN unnest(missing.lacks) AS lack(need)
        GROUP BY rule_id, tenant_id, day, lack.need
    ),
    blind AS (
        SELECT rule_id, tenant_id, day, map(list(need ORDER BY need), list(requests ORDER BY need)) AS blind
        FROM lacking GROUP BY rule_id, tenant_id, day
    ),
    found AS (
        SELECT found_uses.rule_id, tenant_id, occurred_at::DATE AS day, count(*) AS uses
        FROM found_uses JOIN requests ON requests.request_key = found_uses.request_keys[1]
        GROUP BY ALL
    )
SELECT judged.rule_id, judged.tenant_id, judged.day, coalesce(judged.judged, 0)::BIGINT AS judged,
    coalesce(blind.blind, MAP([]::VARCHAR[], []::BIGINT[])) AS blind, coalesce(found.uses, 0) AS uses
FROM judged
LEFT JOIN blind ON blind.rule_id = judged.rule_id AND blind.tenant_id IS NOT DISTINCT FROM judged.tenant_id
    AND blind.day IS NOT DISTINCT FROM judged.day
LEFT JOIN found ON found.rule_id = judged.rule_id AND found.tenant_id IS NOT DISTINCT FROM judged.tenant_id
    AND found.day IS NOT DISTINCT FROM judged.day
ORDER BY judged.rule_id, judged.tenant_id, judged.day
"""
