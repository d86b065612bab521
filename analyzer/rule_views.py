"""The views that rules read, while rules run: of some requests only, or joined once for all rules.

Rule: whatever stands behind them, ``requests``, ``parts`` and ``signals`` show the columns and rows of the documented
views, and nothing is left behind. No more is held than the store has: a signal's text stands in many requests, and the
two are never multiplied.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from analyzer.schema import PARTS, REQUESTS

_OF_REQUEST = "tenant_id, session_key, deployment"  # as the views of parts and signals repeat it
_SPOKEN = ("part_no", "turn_no", "side", "role", "kind")


@contextmanager
def restrict(con: duckdb.DuckDBPyConnection, request_keys: pa.Array) -> Iterator[None]:
    """Inside, ``requests``, ``parts`` and ``signals`` show only these requests; whole sets of every scope."""
    con.register("kept_requests", pa.table({"request_key": request_keys}))
    kept = "WHERE request_key IN (SELECT request_key FROM kept_requests)"
    # the full name, for a view that reads one of its own name never ends
    views = {view: f"FROM {_database(con)}.main.{view} {kept}" for view in ("requests", "parts", "signals")}
    try:
        with _shown(con, views):
            yield
    finally:
        con.unregister("kept_requests")


@contextmanager
def joined_once(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Inside, tenant, session and outcome are joined to a request already; where they are, or the views are
    restricted, nothing changes.

    Every rule reads the three views, and each joins three tables of the store on long keys: that is most of the work.
    """
    shown = con.execute("SELECT count(*) FROM duckdb_views() WHERE temporary AND view_name = 'requests'").fetchall()
    if shown != [(0,)]:
        yield
        return
    database = _database(con)
    try:
        con.execute(_SETTLED.format(database=database))
        con.execute(_SPOKEN_PARTS.format(database=database))
        with _shown(con, {name: body.format(database=database) for name, body in _JOINED.items()}):
            yield
    finally:
        for table in ("settled", "spoken"):
            con.execute(f"DROP TABLE IF EXISTS temp.{table}")


@contextmanager
def _shown(con: duckdb.DuckDBPyConnection, views: Mapping[str, str]) -> Iterator[None]:
    """Inside, these temp views stand before those of the store."""
    try:
        for name, body in views.items():
            con.execute(f"CREATE TEMP VIEW {name} AS {body}")
        yield
    finally:
        for name in views:
            con.execute(f"DROP VIEW IF EXISTS temp.{name}")


def _database(con: duckdb.DuckDBPyConnection) -> str:
    name = str(con.execute("SELECT current_database()").fetchall()[0][0])
    return '"' + name.replace('"', '""') + '"'


_SETTLED = """
CREATE TEMP TABLE settled AS
SELECT request_key, coalesce(deployment, '') AS deployment, tenant_id, session_key, session_source, outcome
FROM {database}.main.requests
"""

_SPOKEN_PARTS = f"""
CREATE TEMP TABLE spoken AS
SELECT part.request_key, {_OF_REQUEST}, {", ".join(_SPOKEN)}, part.text_id
FROM {{database}}.store.parts AS part
JOIN settled ON settled.request_key = part.request_key
WHERE part.text_id IN (SELECT text_id FROM {{database}}.store.signals)
"""

_JOINED = {
    "requests": f"""
        SELECT {", ".join(f"request.{column.name}" for column in REQUESTS.columns)},
            tenant_id, session_key, session_source, outcome
        FROM {{database}}.store.requests AS request
        JOIN settled ON settled.request_key = request.request_key
    """,
    "parts": f"""
        SELECT part.request_key, {_OF_REQUEST}, {", ".join(f"part.{column.name}" for column in PARTS.columns[1:])}
        FROM {{database}}.store.parts AS part
        JOIN settled ON settled.request_key = part.request_key
    """,
    "signals": f"""
        SELECT request_key, {_OF_REQUEST}, {", ".join(_SPOKEN)}, found."signal", idea, contexts, char_from, char_to,
            spoken.text_id
        FROM {{database}}.store.signals AS found
        JOIN spoken ON spoken.text_id = found.text_id
        WHERE found.lexicon = (SELECT value FROM {{database}}.store.meta WHERE name = 'lexicon')
    """,
}
