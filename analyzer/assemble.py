"""Records -> requests and parts, for dirty requests only.

Everything here is a function of the records, whichever file or run brought them: the same records in other files give
the same requests and parts. Work goes in slices of texts that fit in memory, each slice in a transaction of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from analyzer import bodies, masking
from analyzer.bodies import Body, read_fragments, read_request, read_response
from analyzer.body_text import open_body
from analyzer.schema import FRAGMENTS, PARTS, RECORDS, REQUESTS
from analyzer.shapes import TEXTS, fields, text_id
from analyzer.store import Store, read_texts, transaction, write_texts

SLICE_CHARS = 48 << 20
_BODY_ORDER = ("body", "backend_body")  # what the client sent before what the gateway made of it

CONTENTS = pa.schema(
    [
        ("request_key", pa.string()),
        ("api", pa.string()),
        ("model", pa.string()),
        ("stream", pa.bool_()),
        ("finish_reasons", pa.list_(pa.string())),
        ("filtered", pa.bool_()),
        ("refused", pa.bool_()),
        ("error_code", pa.string()),
        ("prompt_seen", pa.string()),
        ("answer_seen", pa.string()),
        ("system_seen", pa.string()),
        ("tools_seen", pa.bool_()),
        ("pictures_seen", pa.string()),
        ("picture_count", pa.int32()),
        ("order_uncertain", pa.bool_()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
        ("session_kind", pa.string()),
        ("session_id", pa.string()),
        ("part_count", pa.int32()),
    ]
)


class _Fragment(NamedTuple):
    """One row of the ordered fragments of a slice."""

    request_key: str
    side: str
    source: str
    uncertain: bool
    day: date
    text_id: str


@dataclass(frozen=True)
class _Side:
    """One side of a request as far as it could be read."""

    body: Body
    seen: str  # full, cut, fragments or none
    whole_body: bool = False  # the body itself, not only the messages the LLM log keeps of it
    uncertain: bool = False


@dataclass
class _Assembled:
    """The rows of a slice that come from content."""

    contents: list[dict[str, Any]] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)  # of parts, in their order where they have one


def assemble(con: duckdb.DuckDBPyConnection, store: Store, progress: Callable[[int], None] = lambda count: None) -> int:
    """Assembles every dirty request again; gives how many. They stay marked as unsettled for the steps behind.

    Duplicates are told apart first. A request that no current record makes any more is removed.
    """
    _gather(con)
    slices = con.execute("SELECT slice, count(*) FROM planned GROUP BY slice ORDER BY slice").fetchall()
    for number, count in slices:
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW sliced AS SELECT request_key FROM planned WHERE slice = {int(number)}"
        )
        _assemble_slice(con, store)
        progress(count)
    for name in ("planned", "gathered_records", "gathered_fragments", "gathered_duplicates"):
        con.execute(f"DROP TABLE {name}")
    return sum(count for _, count in slices)


_RECORD_NAMES = [column.name for column in RECORDS.columns]
_PROVENANCE = ("file_id", "generation", "line", "byte_offset", "byte_length", "sha256")
_CONTENT_NAMES = [name for name in _RECORD_NAMES if name not in _PROVENANCE]


def _gather(con: duckdb.DuckDBPyConnection) -> None:
    """One pass over records and fragments: those of dirty requests, duplicates apart, planned into slices by day."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_all AS
        SELECT {", ".join(f"record.{name}" for name in _RECORD_NAMES)}, file.path
        FROM store.records AS record
        JOIN store.files AS file USING (file_id, generation)
        SEMI JOIN store.dirty AS dirty USING (request_key)
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_pieces AS
        SELECT {", ".join(f"fragment.{column.name}" for column in FRAGMENTS.columns)}, file.path
        FROM store.fragments AS fragment
        JOIN store.files AS file USING (file_id, generation)
        SEMI JOIN store.dirty AS dirty USING (request_key)
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE gathered_duplicates AS
        WITH repeated AS (
            SELECT record.* FROM gathered_all AS record
            SEMI JOIN (
                SELECT request_key, category, ticks, sequence FROM gathered_all
                GROUP BY ALL HAVING count(*) > 1
            ) AS suspect ON record.request_key = suspect.request_key AND record.category = suspect.category
                AND record.ticks IS NOT DISTINCT FROM suspect.ticks
                AND record.sequence IS NOT DISTINCT FROM suspect.sequence
        ), content AS (
            SELECT file_id, byte_offset, list((side, source, text_id) ORDER BY side, source, text_id) AS said
            FROM gathered_pieces SEMI JOIN repeated USING (file_id, byte_offset) GROUP BY file_id, byte_offset
        ), numbered AS (
            SELECT repeated.file_id, repeated.generation, repeated.byte_offset, repeated.request_key,
                first_value(repeated.file_id) OVER same AS of_file_id,
                first_value(repeated.byte_offset) OVER same AS of_byte_offset,
                row_number() OVER same AS occurrence
            FROM repeated LEFT JOIN content USING (file_id, byte_offset)
            WINDOW same AS (
                PARTITION BY {", ".join(f"repeated.{name}" for name in _CONTENT_NAMES)}, content.said
                ORDER BY repeated.path, repeated.byte_offset
            )
        )
        SELECT file_id, generation, byte_offset, request_key, of_file_id, of_byte_offset
        FROM numbered WHERE occurrence > 1
    """)
    for name, origin in (("gathered_records", "gathered_all"), ("gathered_fragments", "gathered_pieces")):
        con.execute(f"""
            CREATE OR REPLACE TEMP TABLE {name} AS
            SELECT * FROM {origin} ANTI JOIN gathered_duplicates USING (file_id, byte_offset)
        """)
        con.execute(f"DROP TABLE {origin}")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE planned AS
        WITH sized AS (
            SELECT dirty.request_key, min(day) AS day, coalesce(sum(chars), 0) AS chars
            FROM (SELECT DISTINCT request_key FROM store.dirty) AS dirty
            LEFT JOIN gathered_fragments USING (request_key) GROUP BY dirty.request_key
        )
        SELECT request_key,
            sum(chars + 500) OVER (ORDER BY day NULLS FIRST, request_key ROWS UNBOUNDED PRECEDING) // {SLICE_CHARS}
                AS slice
        FROM sized
    """)


def _assemble_slice(con: duckdb.DuckDBPyConnection, store: Store) -> None:
    built = _read_contents(con, store)
    texts = _name_texts(con, built)
    tables = {
        "incoming_contents": pa.Table.from_pylist(built.contents, schema=CONTENTS),
        "incoming_parts": _part_table(built.parts),
        "incoming_segments": write_texts(con, store, texts),
    }
    for name, rows in tables.items():
        con.register(name, rows)
    with transaction(con):
        for table in ("requests", "parts", "duplicates"):
            con.execute(f"DELETE FROM store.{table} WHERE request_key IN (SELECT request_key FROM sliced)")
        con.execute(
            "INSERT INTO store.duplicates SELECT * FROM gathered_duplicates SEMI JOIN sliced USING (request_key)"
        )
        con.execute(_INSERT_REQUESTS)
        con.execute("INSERT INTO store.parts SELECT * FROM incoming_parts SEMI JOIN store.requests USING (request_key)")
        con.execute(_INSERT_NAMES)
        con.execute("INSERT INTO store.texts SELECT text_id, day, segment FROM incoming_segments")
        con.execute(
            "INSERT INTO store.unsettled SELECT request_key FROM sliced ANTI JOIN store.unsettled USING (request_key)"
        )
        con.execute("DELETE FROM store.dirty WHERE request_key IN (SELECT request_key FROM sliced)")
    for name in tables:
        con.unregister(name)


# --- content ----------------------------------------------------------------------------------------------------------


def _read_contents(con: duckdb.DuckDBPyConnection, store: Store) -> _Assembled:
    """Opens the bodies and chunks of the slice's requests."""
    con.execute("""
        CREATE OR REPLACE TEMP TABLE sliced_fragments AS
        SELECT request_key, side, source, day, text_id, sequence, ticks, path, line, byte_offset,
            source = 'chunk' AND count(DISTINCT file_id) OVER (
                PARTITION BY request_key, side, source, sequence, ticks
            ) > 1 AS uncertain
        FROM gathered_fragments SEMI JOIN sliced USING (request_key)
    """)
    found = read_texts(con, store, "sliced_fragments")
    texts = dict(zip(found.column("text_id").to_pylist(), found.column("text").to_pylist(), strict=True))
    rows = con.execute("""
        SELECT request_key, side, source, uncertain, day, text_id FROM sliced_fragments
        ORDER BY request_key, side, source, sequence, ticks, path, line, byte_offset
    """).fetchall()
    con.execute("DROP TABLE sliced_fragments")
    built = _Assembled()
    for request_key, own in groupby(map(_Fragment._make, rows), key=lambda fragment: fragment.request_key):
        _add_request(built, request_key, list(own), texts)
    _mask_parts(built)
    return built


def _add_request(built: _Assembled, request_key: str, fragments: list[_Fragment], texts: dict[str, str]) -> None:
    request = _read_side("request", [f for f in fragments if f.side == "request"], texts, 0)
    response = _read_side("response", [f for f in fragments if f.side == "response"], texts, request.body.turn + 1)
    parts = list(bodies.parts_of([request.body, response.body]))
    day = min(fragment.day for fragment in fragments)
    for number, part in enumerate(parts):
        row = part._asdict()
        row |= {"request_key": request_key, "part_no": number, "day": day, "cut": part.cut}
        built.parts.append(row)
    built.contents.append({"request_key": request_key, "part_count": len(parts), **_facts(request, response, parts)})


def _read_side(side: str, fragments: list[_Fragment], texts: dict[str, str], turn: int) -> _Side:
    """The most complete reading: a whole body, whole messages, what a cut text begins with, or pieces as they are."""
    if not fragments:
        return _Side(_read(side, None, turn), "none")
    bodies_by_source = {fragment.source: texts[fragment.text_id] for fragment in fragments}
    candidates = [(bodies_by_source[source], True) for source in _BODY_ORDER if source in bodies_by_source]
    chunks = [fragment for fragment in fragments if fragment.source == "chunk"]
    uncertain = any(chunk.uncertain for chunk in chunks)
    if chunks and not uncertain:
        candidates.append(("".join(texts[chunk.text_id] for chunk in chunks)[: bodies.TEXT_LIMIT], False))
    cut: list[tuple[int, Any, bool]] = []
    unread: list[str] = []
    for text, whole_body in candidates:
        opened = open_body(text)
        if opened.seen == "full" and not opened.value:  # {} stands for content that was not logged
            continue
        if opened.seen == "full":
            return _Side(_read(side, opened.value, turn), "full", whole_body)
        if opened.seen == "cut":
            cut.append((len(text), opened.value, whole_body))
        unread.append(text)
    if not unread and not uncertain:
        return _Side(_read(side, None, turn), "none")
    if cut and not uncertain:
        _, value, whole_body = max(cut, key=lambda reading: reading[0])
        return _Side(_mark_cut(_read(side, value, turn)), "cut", whole_body)
    if side == "response" and not chunks:  # sound as text, or subtitles: an answer that is no JSON
        return _Side(_read(side, candidates[0][0], turn), "full", True)
    pieces = [texts[chunk.text_id] for chunk in chunks] + [text for text, whole_body in candidates if whole_body]
    return _Side(read_fragments(sorted(pieces) if uncertain else pieces, side, turn), "fragments", uncertain=uncertain)


def _read(side: str, value: Any, turn: int) -> Body:
    if value is None:
        return Body(side, turn=turn - 1)
    return read_request(value, turn) if side == "request" else read_response(value, turn)


def _mark_cut(body: Body) -> Body:
    """The last piece of content is where the log cut."""
    for place in range(len(body.parts) - 1, -1, -1):
        if body.parts[place].kind != "name":
            body.parts[place] = body.parts[place]._replace(cut=True)
            break
    return body


def _facts(request: _Side, response: _Side, parts: Sequence[bodies.Part]) -> dict[str, Any]:
    """The columns of CONTENTS that are no keys."""
    asked, answered = request.body, response.body
    filters = asked.annotations + answered.annotations
    system = any(part.role in ("system", "developer") for part in asked.parts)
    pictures = [part for part in asked.parts if part.kind == "picture"]
    usage = answered.usage
    details = usage.get("prompt_tokens_details")
    session_kind, session_id = asked.session or (None, None)
    return {
        "api": asked.api,
        "model": answered.model or asked.model,
        "stream": asked.stream,
        "finish_reasons": answered.finish_reasons,
        "filtered": any(filters) if filters else None,
        "refused": answered.refused if response.seen != "none" else None,
        "error_code": answered.error_code,
        "prompt_seen": request.seen,
        "answer_seen": response.seen,
        "system_seen": "yes" if system else "absent" if request.seen == "full" else "unknowable",
        "tools_seen": asked.has_tools or (request.whole_body and request.seen == "full"),
        "pictures_seen": _pictures_seen(pictures),
        "picture_count": len(pictures),
        "order_uncertain": request.uncertain or response.uncertain,
        "prompt_tokens": fields.number(usage.get("prompt_tokens", usage.get("input_tokens"))),
        "completion_tokens": fields.number(usage.get("completion_tokens", usage.get("output_tokens"))),
        "cached_tokens": fields.number(details.get("cached_tokens")) if isinstance(details, dict) else None,
        "session_kind": session_kind,
        "session_id": session_id,
    }


def _pictures_seen(pictures: list[bodies.Part]) -> str:
    if any(picture.picture and not picture.cut for picture in pictures):
        return "bytes"
    if any(picture.cut for picture in pictures):
        return "cut"
    return "address_only" if pictures else "none"


def _mask_parts(built: _Assembled) -> None:
    """Masks what chunk borders hid from the masking of the single chunks, and names the texts."""
    rows = [row for row in built.parts if row["text"] is not None]
    built.texts, _ = masking.mask([row["text"] for row in rows])
    for row, text in zip(rows, built.texts, strict=True):
        row["text_id"], row["chars"], row["text"] = text_id(text), len(text), text


def _part_table(parts: list[dict[str, Any]]) -> pa.Table:
    schema = PARTS.arrow
    return pa.table([pa.array([row.get(field.name) for row in parts], field.type) for field in schema], schema=schema)


# --- requests ---------------------------------------------------------------------------------------------------------

# What a request takes from its records as it is: the first that says it, in the order of `ranked`.
_TAKEN = (
    "request_id", "scope", "operation", "api_version", "deployment", "model_version", "resource", "backend", "region",
    "product", "subscription", "caller", "caller_ip", "status", "duration_ms", "request_bytes", "response_bytes",
)  # fmt: skip
# What content says too: records first, then content.
_TAKEN_OR_READ = (
    "model", "stream", "prompt_tokens", "completion_tokens", "cached_tokens", "session_kind", "session_id",
)  # fmt: skip
_MERGED = f"""
    WITH ranked AS (
        SELECT record.*, row_number() OVER (
            ORDER BY CASE shape WHEN 'gateway_log' THEN 0 WHEN 'resource_log' THEN 1 ELSE 2 END,
                category DESC, ticks, sequence, sha256
        ) AS rank
        FROM gathered_records AS record SEMI JOIN sliced USING (request_key)
    ), told AS (
        SELECT request_key,
            list_sort(list(DISTINCT shape)) AS shapes,
            min(started_at) FILTER (WHERE started_by = 'request_time') AS by_request_time,
            min(started_at) FILTER (WHERE started_by = 'time_minus_duration') AS by_duration,
            min(started_at) FILTER (WHERE started_by = 'time') AS by_time,
            arg_min(api, rank) AS api,
            {", ".join(f"arg_min({name}, rank) AS {name}" for name in _TAKEN + _TAKEN_OR_READ)},
            count(*) AS record_count
        FROM ranked GROUP BY request_key HAVING bool_or(makes_request)
    ), merged AS (
        SELECT told.request_key, shapes,
            coalesce(by_request_time, by_duration, by_time) AS occurred_at,
            CASE WHEN by_request_time IS NOT NULL THEN 'request_time'
                WHEN by_duration IS NOT NULL THEN 'time_minus_duration'
                WHEN by_time IS NOT NULL THEN 'time' END AS time_source,
            coalesce(told.api, content.api, CASE WHEN list_contains(shapes, 'llm_log') THEN 'chat' ELSE 'other' END)
                AS api,
            {", ".join(f"told.{name}" for name in _TAKEN)},
            {", ".join(f"coalesce(told.{name}, content.{name}) AS {name}" for name in _TAKEN_OR_READ)},
            content.finish_reasons, content.filtered, content.refused, content.error_code,
            coalesce(content.prompt_seen, 'none') AS prompt_seen,
            coalesce(content.answer_seen, 'none') AS answer_seen,
            coalesce(content.system_seen, 'unknowable') AS system_seen,
            coalesce(content.tools_seen, false) AS tools_seen,
            coalesce(content.pictures_seen, 'none') AS pictures_seen,
            coalesce(content.picture_count, 0) AS picture_count,
            coalesce(content.order_uncertain, false) AS order_uncertain,
            record_count
        FROM told LEFT JOIN incoming_contents AS content USING (request_key)
    )
"""
_INSERT_REQUESTS = f"""
    INSERT INTO store.requests {_MERGED} SELECT {", ".join(column.name for column in REQUESTS.columns)} FROM merged
"""

# Names of the call itself are parts too, behind those that its content has.
_NAMES = """
    SELECT request.request_key, coalesce(content.part_count, 0) + unnest(range(len(named))) AS part_no,
        unnest(named).name AS name, unnest(named).said AS said,
        coalesce(request.occurred_at::DATE, DATE '0001-01-01') AS day
    FROM (
        SELECT request_key, occurred_at, list_filter([
            {'name': 'deployment', 'said': deployment},
            {'name': 'resource', 'said': nullif(split_part(resource, '/', -1), '')},
            {'name': 'product', 'said': product},
            {'name': 'key', 'said': subscription}
        ], lambda pair: pair.said IS NOT NULL) AS named
        FROM {requests} SEMI JOIN sliced USING (request_key)
    ) AS request
    LEFT JOIN incoming_contents AS content USING (request_key)
"""
_INSERT_NAMES = f"""
    INSERT INTO store.parts
    WITH names AS ({_NAMES.replace("{requests}", "store.requests")})
    SELECT request_key, part_no, NULL, 'name', NULL, 'name', name, substr(sha256(said), 1, 32), len(said), day, NULL,
        false
    FROM names
"""


def _name_texts(con: duckdb.DuckDBPyConnection, built: _Assembled) -> pa.Table:
    """The texts of all parts of the slice, those of names included, in TEXTS' columns."""
    con.register("incoming_contents", pa.Table.from_pylist(built.contents, schema=CONTENTS))
    names = con.sql(f"""
        {_MERGED}, names AS ({_NAMES.replace("{requests}", "merged")})
        SELECT DISTINCT substr(sha256(said), 1, 32) AS text_id, day, said AS text FROM names
    """).to_arrow_table()
    con.unregister("incoming_contents")
    rows = [row for row in built.parts if row["text"] is not None]
    own = pa.table(
        [[row["text_id"] for row in rows], pa.array([row["day"] for row in rows], pa.date32()), built.texts],
        schema=TEXTS,
    )
    return pa.concat_tables([own, names.cast(TEXTS)])
