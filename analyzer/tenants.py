"""Decides who stands behind each request and by or for whom it acts.

Rule: the register always wins; without a match the tenant is unknown, never "not police"; what a user types or a model
answers never says who acts. Works on whole sets in SQL, for the requests named in the temp table ``affected``.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from itertools import pairwise

import duckdb
import pyarrow as pa

from analyzer.classifier import UNITED_STATES
from analyzer.classifier import Classification as Classification
from analyzer.classifier import Patterns as Patterns
from analyzer.classifier import classify as classify
from analyzer.classifier import load_patterns as load_patterns
from analyzer.register import KEY_KINDS, Key, Register, Tenant
from analyzer.register import read_register as read_register
from analyzer.schema import TENANTS

SERVES_CONFIDENCE = 0.9
SIGNAL_CONFIDENCE = 0.6  # a system prompt or a tool says who acts (TENANTS 7: 0.5-0.6)
NAME_CONFIDENCE = 0.5  # only the name of a deployment, resource, product, key or tool does
OTHER_CONFIDENCE = 0.45  # at most, where a word says too little (see assign_actors): then it means review
NO_COUNTRY_LOSS = 0.1  # police are named, but nothing tells the country: taken as US, a name alone then means review

# Texts that talk about police without acting for them.
_ABOUT_POLICE = ["fiction", "marketing", "negation", "news", "quoted_report", "training"]
# The second half of a signal's id where a text names an agency or says for whom it acts, and does not only speak of it.
_PLAIN = ["agency", "serves"]

_KEY = pa.schema(
    [
        ("kind", pa.string()),
        ("value", pa.string()),
        ("tenant_id", pa.string()),
        ("valid_from", pa.date32()),
        ("valid_to", pa.date32()),
    ]
)

_Hit = tuple[str, str, str, date | None, date | None]


# --- who stands behind a request --------------------------------------------------------------------------------------


def assign(con: duckdb.DuckDBPyConnection, register: Register, patterns: Patterns) -> None:
    """Write store.tenant_of for the requests in ``affected`` and store.tenants as a whole.

    Kinds of keys are tried in the order of ``KEY_KINDS`` over all records of a request, on the day of its start; the
    smallest tenant_id wins within a kind, and keys that name several tenants set ``conflict``. Of nested resource
    prefixes the longest speaks. Where a tenant has several rows, a row's keys hold on its days, so exactly one row of
    store.tenants speaks for a request: the one that is valid on its day.
    """
    _load_keys(con, register)
    con.execute("DELETE FROM store.tenant_of WHERE request_key IN (SELECT request_key FROM affected)")
    for statement in _ASSIGN:
        con.execute(statement)
    for name in _WORK_TABLES:
        con.execute(f"DROP TABLE {name}")
    _write_tenants(con, [_tenant_row(tenant, patterns) for tenant in register.tenants])


_WORK_TABLES = ("origin", "key_kind", "named_key", "origin_hit", "origin_key")

# Few origins stand behind many records, so keys are compared once for each origin and days once for each request.
_ORIGINS = """
CREATE OR REPLACE TEMP TABLE origin AS
WITH met AS (
    SELECT DISTINCT file_id, coalesce(resource, '') AS resource, coalesce(tenant_keys, []) AS tenant_keys
    FROM store.records
)
SELECT row_number() OVER () AS origin, met.file_id, met.resource, met.tenant_keys, file.path
FROM met
JOIN store.files AS file USING (file_id)
"""


def _load_keys(con: duckdb.DuckDBPyConnection, register: Register) -> None:
    """Make the temp tables that the assigning statements join; resources and paths as logged stand for their keys."""
    con.execute(_ORIGINS)
    resources = _distinct(con, "SELECT DISTINCT resource FROM origin WHERE resource <> '' ORDER BY resource")
    paths = _distinct(con, "SELECT DISTINCT path FROM origin WHERE path IS NOT NULL ORDER BY path")
    plain = [key for key in register.keys if key.kind not in ("resource", "path")]
    rows = [(key.kind, key.value, key.tenant_id, key.valid_from, key.valid_to) for key in plain]
    by_prefix = _by_prefix(register.keys)
    rows += [hit for resource in resources for hit in _resource_hits(resource, by_prefix)]
    rows += [hit for path in paths for hit in _path_hits(path, register.keys)]
    _make(con, "named_key", rows, _KEY)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE key_kind AS "
        "SELECT unnest($kinds) AS kind, generate_subscripts($kinds, 1) AS rank",
        {"kinds": list(KEY_KINDS)},
    )


def _distinct(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [row[0] for row in con.execute(query).fetchall()]


def _make(con: duckdb.DuckDBPyConnection, name: str, rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    con.register("incoming_rows", pa.table(arrays, schema=schema))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM incoming_rows")
    con.unregister("incoming_rows")


def _by_prefix(keys: tuple[Key, ...]) -> dict[str, list[Key]]:
    found: dict[str, list[Key]] = defaultdict(list)
    for key in keys:
        if key.kind == "resource":
            found[key.value].append(key)
    return found


def _resource_hits(resource: str, by_prefix: dict[str, list[Key]]) -> Iterator[_Hit]:
    """The prefixes of the register above ``resource``, each for the days on which no longer one stands."""
    above = [key for prefix in _prefixes(resource.lower()) for key in by_prefix.get(prefix, ())]
    bounds = sorted({_first(key) for key in above} | {_last(key) + 1 for key in above})
    for start, after in pairwise(bounds):
        key = next((key for key in above if _first(key) <= start <= _last(key)), None)
        if key:
            yield "resource", resource, key.tenant_id, date.fromordinal(start), date.fromordinal(after - 1)


def _first(key: Key) -> int:
    return (key.valid_from or date.min).toordinal()


def _last(key: Key) -> int:
    return (key.valid_to or date.max).toordinal()


def _prefixes(resource: str) -> list[str]:
    """The id itself and all that end before one of its ``/``, the longest first."""
    whole = resource.rstrip("/")
    return [whole, *(whole[:index] for index in range(len(whole) - 1, 0, -1) if whole[index] == "/")]


def _path_hits(path: str, keys: tuple[Key, ...]) -> Iterator[_Hit]:
    for key in keys:
        if key.kind == "path" and fnmatchcase(path, key.value):
            yield "path", path, key.tenant_id, key.valid_from, key.valid_to


_ASSIGN = (
    """
    CREATE OR REPLACE TEMP TABLE origin_key AS
    WITH own AS (
        SELECT origin, unnest(tenant_keys) AS key FROM origin
        UNION ALL
        SELECT origin, 'resource:' || resource FROM origin WHERE resource <> ''
        UNION ALL
        SELECT origin, 'path:' || path FROM origin
    )
    SELECT DISTINCT own.origin, key_kind.kind, substr(own.key, length(key_kind.kind) + 2) AS value,
        dense_rank() OVER (ORDER BY key_kind.rank, own.key) AS place
    FROM own
    JOIN key_kind ON key_kind.kind = split_part(own.key, ':', 1)
    """,
    """
    CREATE OR REPLACE TEMP TABLE origin_hit AS
    SELECT DISTINCT own.origin, own.kind, named.tenant_id,
        dense_rank() OVER (ORDER BY key_kind.rank, named.tenant_id) AS place,
        dense_rank() OVER (ORDER BY named.tenant_id) AS tenant_no,
        coalesce(named.valid_from, '-infinity'::DATE) AS valid_from,
        coalesce(named.valid_to, 'infinity'::DATE) AS valid_to
    FROM origin_key AS own
    JOIN named_key AS named ON named.kind = own.kind AND named.value = own.value
    JOIN key_kind ON key_kind.kind = own.kind
    """,
    """
    INSERT INTO store.tenant_of
    WITH asked AS (
        SELECT request.request_key, request.occurred_at::DATE AS day
        FROM store.requests AS request
        SEMI JOIN affected ON affected.request_key = request.request_key
    ), come_from AS (
        SELECT coalesce(joined_key, record.request_key) AS request_key, record.shape, origin.origin
        FROM store.records AS record
        LEFT JOIN store.joins AS joined ON joined.request_key = record.request_key
        JOIN store.files AS file ON file.file_id = record.file_id AND file.generation = record.generation
        JOIN origin ON origin.file_id = record.file_id AND origin.resource = coalesce(record.resource, '')
            AND origin.tenant_keys = coalesce(record.tenant_keys, [])
    ), first_key AS (
        SELECT origin, min(place) AS place FROM origin_key WHERE kind <> 'path' GROUP BY origin
    ), found AS (
        SELECT asked.request_key, min(hit.place) AS place, min(hit.tenant_no) < max(hit.tenant_no) AS conflict,
            min(first_key.place) AS key_place,
            bool_or(come_from.shape IN ('llm_log', 'llm_row'))
                AND NOT bool_or(come_from.shape IN ('gateway_log', 'gateway_row')) AS waits
        FROM asked
        LEFT JOIN come_from ON come_from.request_key = asked.request_key
        LEFT JOIN first_key ON first_key.origin = come_from.origin
        LEFT JOIN origin_hit AS hit ON hit.origin = come_from.origin
            -- without a day only a key without dates can speak
            AND coalesce(asked.day >= hit.valid_from AND asked.day <= hit.valid_to,
                hit.valid_from <= '0001-01-01'::DATE AND hit.valid_to >= '9999-12-31'::DATE)
        GROUP BY asked.request_key
    ), tenant_at AS (
        SELECT DISTINCT place, tenant_id, kind FROM origin_hit
    ), key_at AS (
        SELECT DISTINCT place, kind || ':' || value AS key FROM origin_key
    )
    SELECT found.request_key,
        CASE
            WHEN tenant_at.tenant_id IS NOT NULL THEN tenant_at.tenant_id
            WHEN found.waits THEN 'unknown:gateway_row_missing'
            ELSE 'unknown:' || coalesce(key_at.key, 'none:')
        END AS tenant_id,
        tenant_at.kind AS key_kind,
        coalesce(found.conflict, FALSE) AS conflict
    FROM found
    LEFT JOIN tenant_at ON tenant_at.place = found.place
    LEFT JOIN key_at ON key_at.place = found.key_place
    """,
)


def _tenant_row(tenant: Tenant, patterns: Patterns) -> tuple[object, ...]:
    """A row of store.tenants with the days it is valid."""
    if tenant.tenant_class:
        said = Classification(tenant.tenant_class, 1.0, ("register",))
    else:
        said = classify(tenant.name, tenant.domain, tenant.country, tenant.state, patterns)
    return (
        tenant.tenant_id,
        tenant.name,
        tenant.domain,
        tenant.country.upper(),
        tenant.state,
        tenant.tenant_class,
        said.tenant_class,
        list(tenant.serves),
        said.confidence,
        list(said.evidence),
        tenant.valid_from,
        tenant.valid_to,
    )


_UNREGISTERED = """
INSERT INTO store.tenants BY NAME
SELECT DISTINCT tenant_id, 'unknown' AS tenant_class, [] AS serves, 0.0 AS confidence,
    ['no key of the register matches'] AS evidence
FROM store.tenant_of
ANTI JOIN store.tenants USING (tenant_id)
ORDER BY tenant_id
"""


def _write_tenants(con: duckdb.DuckDBPyConnection, rows: list[tuple[object, ...]]) -> None:
    _make(con, "tenant_period", rows, TENANTS.arrow)
    con.execute("DELETE FROM store.tenants")
    con.execute("INSERT INTO store.tenants FROM tenant_period ORDER BY tenant_id, valid_from NULLS FIRST")
    con.execute("DROP TABLE tenant_period")
    con.execute(_UNREGISTERED)


# --- by or for whom it acts -------------------------------------------------------------------------------------------


def assign_actors(con: duckdb.DuckDBPyConnection) -> None:
    """Write store.actors for the requests in ``affected``; reads tenants, tenant_of, parts and signals.

    Three sources: the tenant's class (role by), whom it serves by the register (for, 0.9), and ideas ``actor_*`` in
    system prompts, tools and names: 0.6, in names only 0.5, and 0.1 less where police are named and no country is
    known. They give an umbrella's police unit (by) or the agency a vendor, another firm or an unknown tenant acts for.
    At most 0.45, unless a prompt or tool names an agency or says for whom it acts, where the register says ``other``,
    where the tenant's name only carries the words of police (a veto: the pd of a public defender), and of an unknown
    tenant where no country is known or the word is one that other trades share.
    One row for each request, actor and role: the most confident.
    """
    con.execute("DELETE FROM store.actors WHERE request_key IN (SELECT request_key FROM affected)")
    con.execute(
        _ACTORS,
        {
            "about": _ABOUT_POLICE,
            "united_states": sorted(UNITED_STATES),
            "serves": SERVES_CONFIDENCE,
            "text": SIGNAL_CONFIDENCE,
            "name": NAME_CONFIDENCE,
            "plain": _PLAIN,
            "other": OTHER_CONFIDENCE,
            "loss": NO_COUNTRY_LOSS,
        },
    )


_ACTORS = """
INSERT INTO store.actors
WITH standing AS (
    SELECT request.request_key, coalesce(tenant.tenant_class, 'unknown') AS tenant_class, tenant.registered_class,
        tenant.name, coalesce(tenant.country, '') AS country, tenant.serves,
        coalesce(tenant.registered_class = 'other', FALSE)
            OR contains(coalesce(tenant.evidence[1], ''), ': veto.') AS no_police,
        coalesce(tenant.confidence, 0.0) AS confidence, tenant.evidence
    FROM store.requests AS request
    SEMI JOIN affected ON affected.request_key = request.request_key
    LEFT JOIN store.tenant_of AS tenant_of ON tenant_of.request_key = request.request_key
    LEFT JOIN store.tenants AS tenant ON tenant.tenant_id = tenant_of.tenant_id
        AND coalesce(request.occurred_at::DATE >= tenant.valid_from, true)
        AND coalesce(request.occurred_at::DATE <= tenant.valid_to, true)
), by_tenant AS (
    SELECT request_key, tenant_class AS actor,
        CASE WHEN tenant_class IN ('us_police', 'us_federal_le', 'foreign_le', 'le_adjacent')
            THEN nullif(name, '') END AS agency,
        CASE WHEN tenant_class = 'unknown' THEN 'unknown' ELSE 'by' END AS role,
        confidence,
        CASE WHEN registered_class <> '' THEN 'register: class'
            WHEN tenant_class = 'unknown' THEN coalesce('tenant unknown: ' || evidence[1], 'tenant unknown')
            ELSE 'tenant class by ' || evidence[1] END AS evidence
    FROM standing
), served AS (
    SELECT request_key, unnest(serves) AS actor, NULL::VARCHAR AS agency, 'for' AS role,
        $serves::DOUBLE AS confidence, 'register: serves' AS evidence
    FROM standing
), said AS (
    SELECT standing.request_key, standing.tenant_class, part.part_no, found."signal", found.idea,
        CASE WHEN standing.country = '' THEN 'none'
            WHEN list_contains($united_states, lower(standing.country)) THEN 'us' ELSE 'abroad' END AS country,
        CASE WHEN part.kind = 'name' THEN $name ELSE $text END::DOUBLE AS confidence,
        CASE WHEN part.kind <> 'name' AND list_contains($plain, split_part(found."signal", '.', 2)) THEN FALSE
            ELSE standing.no_police OR standing.tenant_class = 'unknown' AND (
                standing.country = '' OR split_part(found."signal", '.', 2) = 'trade'
            ) END AS is_doubted
    FROM store.signals AS found
    JOIN store.parts AS part ON part.text_id = found.text_id
    JOIN standing ON standing.request_key = part.request_key
    WHERE found.lexicon = (SELECT value FROM store.meta WHERE name = 'lexicon')
        AND standing.tenant_class IN ('umbrella', 'le_vendor', 'other', 'unknown')
        AND starts_with(found.idea, 'actor_')
        AND part.side <> 'response'
        AND (coalesce(part.role, '') IN ('system', 'developer')
            OR (part.kind IN ('tool', 'output_schema', 'name')
                AND coalesce(part.role, '') NOT IN ('user', 'assistant')))
        -- a file's name is typed by a user, a call's by the model
        AND NOT (part.kind = 'name' AND coalesce(part.name, '') IN ('file', 'tool_call'))
        AND NOT list_has_any(coalesce(found.contexts, []), $about)
), meant AS (
    SELECT request_key, tenant_class, part_no, "signal",
        CASE
            -- a city's own police are those of its country, whatever words they use
            WHEN idea = 'actor_police' OR (tenant_class = 'umbrella' AND country <> 'none'
                AND idea IN ('actor_us_police', 'actor_foreign_le'))
                THEN CASE WHEN country = 'abroad' THEN 'foreign_le' ELSE 'us_police' END
            ELSE substr(idea, length('actor_') + 1)
        END AS actor,
        least(
            CASE WHEN idea = 'actor_police' AND country = 'none' THEN confidence - $loss ELSE confidence END,
            CASE WHEN is_doubted THEN $other ELSE 1 END::DOUBLE
        ) AS confidence
    FROM said
), cast_in_role AS (
    SELECT request_key, part_no, "signal", actor, confidence,
        CASE WHEN tenant_class = 'umbrella' OR actor = 'le_vendor' THEN 'by' ELSE 'for' END AS role
    FROM meant
    WHERE actor IN ('us_police', 'us_federal_le', 'foreign_le', 'le_vendor', 'le_adjacent') AND actor <> tenant_class
), by_signal AS (
    SELECT request_key, actor, NULL::VARCHAR AS agency, role, confidence,
        array_to_string(
            list_transform(
                list_sort(list(DISTINCT {'part_no': part_no, 'signal': "signal"}))[:5],
                lambda place: 'part ' || place.part_no || ': ' || place."signal"
            ),
            '; '
        ) AS evidence
    FROM cast_in_role
    GROUP BY request_key, actor, role, confidence
), offered AS (
    SELECT request_key, actor, agency, role, confidence, evidence FROM by_tenant
    UNION ALL
    SELECT request_key, actor, agency, role, confidence, evidence FROM served
    UNION ALL
    SELECT request_key, actor, agency, role, confidence, evidence FROM by_signal
)
SELECT request_key, actor, agency, role, confidence, evidence
FROM offered
QUALIFY row_number() OVER (PARTITION BY request_key, actor, role ORDER BY confidence DESC, evidence) = 1
"""
