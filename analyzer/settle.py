"""What is decided of a request once it stands: its tenant, session, outcome and actors, and the signals in its texts.

All of it lies in narrow tables that are written again for the requests that changed, or for all when the register, the
patterns or the lexicon did.
"""

from collections.abc import Callable

import duckdb

from analyzer import signals, tenants
from analyzer.lexicon import Lexicon
from analyzer.register import Register
from analyzer.schema import SIGNALS
from analyzer.store import Store, read_texts, transaction
from analyzer.tenants import Patterns

SCAN_CHARS = 96 << 20  # two slices of signals.py, one a thread
GAP_MINUTES = 30
_SEARCHED_KINDS = "('text', 'tool', 'tool_call', 'output_schema', 'refusal', 'name', 'fragment')"


def settle(
    con: duckdb.DuckDBPyConnection,
    store: Store,
    register: Register,
    patterns: Patterns,
    lexicon: Lexicon,
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Decides tenant, session, signals, outcome and actors of every unsettled request; gives how many there were.

    All requests are unsettled when the register, the patterns or the lexicon differ from the last time.
    """
    used = {"register": register.sha256, "patterns": patterns.version, "lexicon": lexicon.version}
    known = read_meta(con)
    if any(known.get(name) != value for name, value in used.items()):
        with transaction(con):
            con.execute(
                "INSERT INTO store.unsettled SELECT request_key FROM store.requests ANTI JOIN store.unsettled "
                "USING (request_key)"
            )
    con.execute("CREATE OR REPLACE TEMP TABLE affected AS SELECT DISTINCT request_key FROM store.unsettled")
    count = int(con.execute("SELECT count(*) FROM affected").fetchall()[0][0])
    if count:
        _scan(con, store, lexicon, progress)
    if count or any(known.get(name) != value for name, value in used.items()):
        with transaction(con):
            for name, value in {**used, "judged_with": ""}.items():
                set_meta(con, name, value)
            con.execute("DELETE FROM store.signals WHERE lexicon <> ?", [lexicon.version])
            con.execute("DELETE FROM store.scanned WHERE lexicon <> ?", [lexicon.version])
            con.execute(_OLD_GROUPS)  # while it is known whom those that are gone belonged with
            _remove_gone(con)
            tenants.assign(con, register, patterns)
            con.execute(_CHAINS)
            con.execute(_NEW_SESSIONS)
            con.execute("DELETE FROM store.sessions WHERE request_key IN (SELECT request_key FROM new_sessions)")
            con.execute("INSERT INTO store.sessions SELECT request_key, session_key, session_source FROM new_sessions")
            con.execute("DELETE FROM store.outcomes WHERE request_key IN (SELECT request_key FROM affected)")
            con.execute(_INSERT_OUTCOMES)
            tenants.assign_actors(con)
            con.execute("DELETE FROM store.unsettled")
        for name in ("touched_groups", "chains", "new_sessions"):
            con.execute(f"DROP TABLE {name}")
    con.execute("DROP TABLE affected")
    return count


def read_meta(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The facts about the store as a whole, by name."""
    return dict(con.execute("SELECT name, value FROM store.meta").fetchall())


def set_meta(con: duckdb.DuckDBPyConnection, name: str, value: str) -> None:
    """Notes a fact about the store as a whole."""
    con.execute("DELETE FROM store.meta WHERE name = ?", [name])
    con.execute("INSERT INTO store.meta VALUES (?, ?)", [name, value])


def _remove_gone(con: duckdb.DuckDBPyConnection) -> None:
    """A request that no record makes any more leaves nothing behind."""
    gone = con.sql("SELECT request_key FROM affected ANTI JOIN store.requests USING (request_key)").to_arrow_table()
    if not gone.num_rows:
        return
    con.register("gone", gone)
    for table in ("tenant_of", "sessions", "outcomes", "actors"):
        con.execute(f"DELETE FROM store.{table} WHERE request_key IN (SELECT request_key FROM gone)")
    con.unregister("gone")


# --- signals ----------------------------------------------------------------------------------------------------------


def _scan(con: duckdb.DuckDBPyConnection, store: Store, lexicon: Lexicon, progress: Callable[[int], None]) -> None:
    """Searches every text of the affected requests that this lexicon has not seen, in slices that fit in memory."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE unscanned AS
        WITH wanted AS (
            SELECT text_id, min(day) AS day, min(chars) AS chars
            FROM store.parts SEMI JOIN affected USING (request_key)
            WHERE text_id IS NOT NULL AND kind IN {_SEARCHED_KINDS}
            GROUP BY text_id
        )
        SELECT text_id, day,
            sum(chars + 50) OVER (ORDER BY day, text_id ROWS UNBOUNDED PRECEDING) // {SCAN_CHARS} AS slice
        FROM wanted ANTI JOIN (SELECT text_id FROM store.scanned WHERE lexicon = $lexicon) USING (text_id)
        """,
        {"lexicon": lexicon.version},
    )
    slices = con.execute("SELECT slice, count(*) FROM unscanned GROUP BY slice ORDER BY slice").fetchall()
    for number, count in slices:
        con.execute(f"CREATE OR REPLACE TEMP VIEW scanning AS SELECT * FROM unscanned WHERE slice = {int(number)}")
        found = signals.scan(read_texts(con, store, "scanning"), lexicon)
        con.register("incoming_signals", found.cast(SIGNALS.arrow))
        with transaction(con):
            con.execute("INSERT INTO store.signals SELECT * FROM incoming_signals")
            con.execute("INSERT INTO store.scanned SELECT text_id, ? FROM scanning", [lexicon.version])
        con.unregister("incoming_signals")
        progress(count)
    con.execute("DROP VIEW IF EXISTS scanning")
    con.execute("DROP TABLE unscanned")


# --- sessions ---------------------------------------------------------------------------------------------------------

# Who a request belongs with, before and after its tenant is decided again: all of both groups are put in order anew.
_GROUP = "tenant_id, coalesce(caller, '') AS caller, coalesce(deployment, '') AS deployment"
_OLD_GROUPS = f"""
    CREATE OR REPLACE TEMP TABLE touched_groups AS
    SELECT DISTINCT {_GROUP} FROM store.requests
    JOIN store.tenant_of USING (request_key)
    SEMI JOIN (
        SELECT request_key FROM store.sessions SEMI JOIN (
            SELECT session_key FROM store.sessions SEMI JOIN affected USING (request_key)
        ) USING (session_key)
    ) USING (request_key)
"""
# Calls of the Responses API that each go on from an answer before. A chain is named by its first answer, logged or not;
# one that bites its own tail has no first and is none. A user says less than a chain does.
_CHAINS = """
    CREATE OR REPLACE TEMP TABLE chains AS
    WITH RECURSIVE linked AS (
        SELECT request_key, tenant_id, response_id, previous_response_id
        FROM store.requests JOIN store.tenant_of USING (request_key)
        WHERE coalesce(response_id, previous_response_id) IS NOT NULL
            AND coalesce(session_kind IN ('user', 'end_user'), true)
    ), link AS (
        SELECT this.request_key, this.response_id, this.previous_response_id, min(before.request_key) AS before
        FROM linked AS this LEFT JOIN linked AS before
        ON before.tenant_id = this.tenant_id AND before.response_id = this.previous_response_id
        GROUP BY ALL
    ), walk AS (
        SELECT request_key, coalesce(previous_response_id, response_id) AS first_id, previous_response_id
        FROM link WHERE before IS NULL
        UNION ALL
        SELECT link.request_key, walk.first_id, link.previous_response_id
        FROM link JOIN walk ON walk.request_key = link.before
    )
    SELECT request_key, first_id FROM walk
    QUALIFY bool_or(previous_response_id IS NOT NULL) OVER (PARTITION BY first_id)
"""
_NEW_SESSIONS = f"""
    CREATE OR REPLACE TEMP TABLE new_sessions AS
    WITH grouped AS (
        SELECT request_key, occurred_at, first_id, {_GROUP},
            CASE WHEN first_id IS NULL THEN session_kind ELSE 'response' END AS session_kind,
            coalesce(first_id, session_id) AS session_id
        FROM store.requests JOIN store.tenant_of USING (request_key) LEFT JOIN chains USING (request_key)
    ), of_chains AS (
        SELECT first_id FROM chains SEMI JOIN affected USING (request_key)
    ), touched AS (  -- a number is put in order faster than three words
        SELECT row_number() OVER () AS group_no, tenant_id, caller, deployment
        FROM (
            FROM touched_groups
            UNION
            SELECT tenant_id, caller, deployment FROM grouped SEMI JOIN affected USING (request_key)
            UNION
            SELECT tenant_id, caller, deployment FROM grouped SEMI JOIN of_chains USING (first_id)
        )
    ), spaced AS (
        SELECT request_key, group_no, tenant_id, caller, deployment, occurred_at, coalesce(
            occurred_at - lag(occurred_at) OVER same > INTERVAL {GAP_MINUTES} MINUTE, true
        ) AS starts
        FROM grouped JOIN touched USING (tenant_id, caller, deployment)
        WHERE session_id IS NULL
        WINDOW same AS (PARTITION BY group_no ORDER BY occurred_at NULLS LAST, request_key)
    )
    SELECT request_key, last_value(
            CASE WHEN starts
                THEN sha256(concat_ws(chr(0), tenant_id, 'gap', caller, deployment, request_key)) END
            IGNORE NULLS
        ) OVER (
            PARTITION BY group_no ORDER BY occurred_at NULLS LAST, request_key ROWS UNBOUNDED PRECEDING
        ) AS session_key, 'gap' AS session_source
    FROM spaced
    UNION ALL
    SELECT request_key, sha256(concat_ws(chr(0), tenant_id, session_kind, session_id)), 'explicit'
    FROM grouped SEMI JOIN touched USING (tenant_id, caller, deployment) WHERE session_id IS NOT NULL
"""

# --- outcomes ---------------------------------------------------------------------------------------------------------

# A refusal stands at the beginning of an answer; further on it is more likely a quotation or a limit of a help given.
# One that answers all the same (a likeness after a "but", or a match stated in a later sentence) refuses nothing.
# Turns are the choices of an answer, of which one may be refused and another not; only in the Responses API they are
# steps to one answer. Some apis answer with nothing that is a part, such as numbers.
_INSERT_OUTCOMES = """
    INSERT INTO store.outcomes
    WITH declining AS (
        SELECT text_id, min(char_from) AS char_from, min(char_to) AS char_to
        FROM store.signals WHERE idea = 'refusal' AND char_from < 300
        GROUP BY text_id
    ), answering AS (
        SELECT signals.text_id FROM store.signals JOIN declining USING (text_id)
        WHERE (idea = 'still_answers' AND signals.char_from >= declining.char_from)
            OR (idea = 'match_result' AND signals.char_from >= declining.char_to
                AND NOT list_has_any(contexts, ['refusal', 'negation']))
    ), refusing AS (
        SELECT text_id FROM declining ANTI JOIN answering USING (text_id)
    ), turns AS (
        SELECT request_key,
            bool_or(kind = 'refusal' OR (kind = 'text' AND refusing.text_id IS NOT NULL)) AS refuses,
            bool_or(kind = 'tool_call') AS calls,
            bool_or(kind IN ('text', 'tool_call', 'picture', 'audio', 'file', 'fragment') AND (
                chars > 0 OR picture IS NOT NULL OR (cut AND kind IN ('picture', 'audio', 'file'))
            )) AS says
        FROM store.parts SEMI JOIN affected USING (request_key) LEFT JOIN refusing USING (text_id)
        WHERE side = 'response' AND role <> 'user'  -- a message put into a thread comes back
        GROUP BY request_key, turn_no
    ), answers AS (
        SELECT request_key, bool_or(refuses) AS refuses, bool_or(calls) AS calls, bool_or(says) AS says,
            bool_or(says AND NOT refuses) AS says_else
        FROM turns GROUP BY request_key
    )
    SELECT request_key, CASE
        WHEN filtered AND (error_code IS NOT NULL OR status >= 400 OR list_contains(finish_reasons, 'content_filter')
            OR answer_seen = 'none') THEN 'blocked'
        WHEN status >= 400 OR (error_code IS NOT NULL AND answer_seen <> 'none') THEN 'failed'
        WHEN calls THEN 'fulfilled'
        WHEN (refused OR refuses) AND NOT (says_else IS TRUE AND api <> 'responses') THEN 'refused'
        WHEN list_contains(finish_reasons, 'content_filter') THEN 'blocked'
        WHEN list_contains(finish_reasons, 'length') THEN 'truncated'
        WHEN says THEN 'fulfilled'
        WHEN answer_seen <> 'none'
            AND api IN ('embedding', 'audio_transcribe', 'audio_translate', 'content_safety', 'face') THEN 'fulfilled'
        ELSE 'unknown' END
    FROM store.requests AS request
    SEMI JOIN affected USING (request_key)
    LEFT JOIN answers USING (request_key)
"""
