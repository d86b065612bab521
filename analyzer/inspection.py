"""What is in exported logs and what can never be told from them, before anything is loaded.

The logs go through reader and shapes into a database that is thrown away; no text of them is kept anywhere.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from analyzer import assemble, loading, sources, tenants
from analyzer.classifier import load_patterns
from analyzer.progress import Progress, no_progress, summing
from analyzer.register import read_register
from analyzer.shipped import folder
from analyzer.store import Store, writer

_RUN = "inspect"
_EXAMPLES = 5  # broken places that are named


class _Gap(NamedTuple):
    """What requests that meet a condition can never tell, and what would change that."""

    what: str
    condition: str  # over ``seen``
    setting: str


# Settings as Microsoft Learn (API Management: log LLM messages; Azure Monitor: diagnostic settings), OpenTelemetry's
# GenAI instrumentation and LiteLLM's proxy configuration name them.
_GAPS = (
    _Gap(
        "what was asked and answered: an account's own log holds neither",
        "of_account AND NOT has_content",
        "send the calls through API Management and switch on GatewayLlmLogs with messages",
    ),
    _Gap(
        "what was asked and answered: the gateway logs no bodies",
        "of_gateway AND NOT of_llm AND NOT has_content",
        "switch on GatewayLlmLogs, and in the API's diagnostics Log LLM messages for prompts and completions",
    ),
    _Gap(
        "what was asked and answered: the LLM log has numbers only",
        "of_llm AND NOT has_content",
        "in the API's diagnostics switch on Log LLM messages for prompts and completions",
    ),
    _Gap(
        "all of the prompt: the gateway cuts a body at 8192 bytes",
        "of_gateway AND NOT of_llm AND longest_body >= 8000",
        "switch on GatewayLlmLogs with messages, which keeps up to 2 MB",
    ),
    _Gap(
        "who called: the gateway row is missing",
        "of_llm AND NOT of_gateway",
        "switch on GatewayLogs in the same diagnostic setting",
    ),
    _Gap(
        "what was asked and answered: the spans carry no messages",
        "of_telemetry AND NOT has_content",
        "set OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true where the client runs",
    ),
    _Gap(
        "what was asked and answered: the proxy does not store prompts",
        "of_litellm AND NOT has_content",
        "set general_settings.store_prompts_in_spend_logs: true in LiteLLM",
    ),
    _Gap(
        "what was asked and answered: Purview's audit log holds no text",
        "of_purview AND NOT has_content",
        "no setting changes that; export the gateway's logs too",
    ),
    _Gap(
        "which person called",
        "caller IS NULL",
        "let callers use Entra ID instead of keys, or log the header that names them",
    ),
    _Gap(
        "when it was",
        "occurred_at IS NULL",
        "export the answers too, or a log with times",
    ),
    _Gap(
        "which kind of call it was",
        "api = 'other'",
        "nothing to switch on; tell us the operation's name",
    ),
)


def inspect(
    logs: Sequence[str],
    register: Path | None = None,
    progress: Progress = no_progress,
) -> tuple[pa.Table, bool]:
    """A table of what the logs hold, and whether all of them could be read.

    Columns: part (files, frames, items, shape, operation, model, day, tenant, broken or untold), what, count,
    with_content (percent of those requests whose prompt or answer is logged), first and last (UTC), note. Tenants need
    a ``register``. Raises UsageError as ``sources.find`` and ``read_register`` do.
    """
    known = read_register(register) if register else None
    found = sources.find(logs, filter(None, (register,)))
    with tempfile.TemporaryDirectory(prefix="aoai-audit-") as place, writer(Store(Path(place) / "inspected")) as con:
        told = summing("read", sum(source.size for source in found), progress)
        loaded = loading.load(con, None, found, _RUN, told)
        assemble.join_calls(con)
        con.execute(_SEEN)
        rows = [("files", name.replace("_", " "), count) for name, count in sorted(loaded.files.items())]
        rows += [
            (part, name.replace("_", " "), loaded.buckets[name])
            for part, names in (("frames", _FRAMES), ("items", _ITEMS))
            for name in names
        ]
        tables = [_counts(rows), *(con.sql(query).to_arrow_table() for query in _QUERIES)]
        if known:
            con.execute("CREATE TEMP TABLE affected AS SELECT request_key FROM store.requests")
            tenants.assign(con, known, load_patterns(folder("queries") / "tenants"))
            tables.append(con.sql(_TENANTS).to_arrow_table())
        tables += [con.sql(_BROKEN).to_arrow_table(), *(_gap(con, gap) for gap in _GAPS)]
        return pa.concat_tables(table.cast(_COLUMNS) for table in tables), not loaded.read_badly


_COLUMNS = pa.schema(
    [
        ("part", pa.string()),
        ("what", pa.string()),
        ("count", pa.int64()),
        ("with_content", pa.int64()),
        ("first", pa.timestamp("us")),
        ("last", pa.timestamp("us")),
        ("note", pa.string()),
    ]
)
_FRAMES = ("opened", "blank", "quarantined", "pending")
_ITEMS = ("loaded", "duplicates", "foreign_items", "unrecognised", "quarantined_items")


def _counts(rows: Sequence[tuple[str, str, int]]) -> pa.Table:
    """Plain counts in the columns of the answer."""
    columns: list[Sequence[object]] = list(zip(*rows, strict=True))
    columns += [[None] * len(rows)] * (len(_COLUMNS) - len(columns))
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, _COLUMNS, strict=True)], schema=_COLUMNS
    )


# One row for each call, as far as records alone tell it.
_SEEN = """
    CREATE TEMP TABLE records AS
    SELECT record.* REPLACE (coalesce(joined_key, record.request_key) AS request_key)
    FROM store.records AS record LEFT JOIN store.joins AS joined ON joined.request_key = record.request_key;

    INSERT INTO store.requests BY NAME
    SELECT request_key, min(started_at) AS occurred_at FROM records
    GROUP BY request_key HAVING bool_or(makes_request);

    CREATE TEMP TABLE seen AS
    WITH content AS (
        SELECT request_key, max(chars) FILTER (WHERE source <> 'chunk') AS longest_body
        FROM store.fragments WHERE chars > 2 GROUP BY request_key  -- {} and [] stand for nothing
    )
    SELECT request_key, min(started_at) AS occurred_at, coalesce(any_value(api), 'other') AS api,
        any_value(operation) AS operation, any_value(model) AS model, any_value(caller) AS caller,
        content.request_key IS NOT NULL AS has_content, any_value(longest_body) AS longest_body,
        list_sort(list_distinct(list(shape))) AS shapes,
        bool_or(shape IN ('resource_log', 'resource_row')) AS of_account,
        bool_or(shape IN ('gateway_log', 'gateway_row')) AS of_gateway,
        bool_or(shape IN ('llm_log', 'llm_row')) AS of_llm,
        bool_or(shape IN ('otlp', 'app_insights')) AS of_telemetry,
        bool_or(shape = 'litellm') AS of_litellm,
        bool_or(shape = 'purview') AS of_purview
    FROM records LEFT JOIN content USING (request_key)
    SEMI JOIN store.requests USING (request_key)
    GROUP BY request_key, content.request_key
"""
_SHARE = (
    "(100 * avg(has_content::INTEGER))::BIGINT AS with_content, min(occurred_at) AS first, max(occurred_at) AS last"
)
_QUERIES = (
    """
    SELECT 'shape' AS part, shape || CASE WHEN category IS NULL THEN '' ELSE ' ' || category END AS what,
        count(*) AS count, (100 * avg(has_content::INTEGER))::BIGINT AS with_content,
        min(recorded_at) AS first, max(recorded_at) AS last, 'records' AS note
    FROM records LEFT JOIN seen USING (request_key) GROUP BY ALL ORDER BY what
    """,
    f"""
    SELECT 'operation' AS part, api || coalesce(' ' || operation, '') AS what, count(*) AS count, {_SHARE},
        'requests' AS note
    FROM seen GROUP BY ALL ORDER BY what
    """,
    f"""
    SELECT 'model' AS part, coalesce(model, 'not in the records; perhaps in the bodies') AS what, count(*) AS count,
        {_SHARE}, 'requests' AS note
    FROM seen GROUP BY ALL ORDER BY what
    """,
    f"""
    SELECT 'day' AS part, coalesce(occurred_at::DATE::VARCHAR, 'no time') AS what, count(*) AS count, {_SHARE},
        'requests' AS note
    FROM seen GROUP BY ALL ORDER BY what
    """,
)
_TENANTS = f"""
    SELECT 'tenant' AS part, tenant_id AS what, count(*) AS count, {_SHARE},
        CASE WHEN key_kind IS NULL THEN 'unknown; give the register a key for it'
            WHEN bool_or(conflict) THEN 'known by ' || key_kind || '; other keys disagree'
            ELSE 'known by ' || key_kind END AS note
    FROM seen JOIN store.tenant_of USING (request_key) GROUP BY tenant_id, key_kind ORDER BY count DESC, what
"""
_BROKEN = f"""
    SELECT * FROM (
        SELECT 'broken' AS part, quarantine.reason AS what, count(*) AS count,
            NULL AS with_content, NULL AS first, NULL AS last,
            'such as ' || list_aggregate(
                list_sort(list(path || ':' || line))[:{_EXAMPLES}], 'string_agg', ', '
            ) AS note
        FROM store.quarantine AS quarantine JOIN store.files USING (file_id) GROUP BY ALL
        UNION ALL
        SELECT 'broken', state, count(*), NULL, NULL, NULL,
            'such as ' || list_aggregate(
                list_sort(list(path || coalesce(' (' || reason || ')', '')))[:{_EXAMPLES}], 'string_agg', ', '
            )
        FROM store.files WHERE state IN ('unreadable', 'broken') GROUP BY ALL
    ) ORDER BY what
"""


def _gap(con: duckdb.DuckDBPyConnection, gap: _Gap) -> pa.Table:
    """A row with the requests that cannot tell something; none where all can."""
    return con.sql(
        f"""
        SELECT 'untold' AS part, $what AS what, count(*) AS count, NULL AS with_content,
            min(occurred_at) AS first, max(occurred_at) AS last, $setting AS note
        FROM seen WHERE {gap.condition} HAVING count(*) > 0
        """,
        params={"what": gap.what, "setting": gap.setting},
    ).to_arrow_table()
