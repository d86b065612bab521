"""The store, column by column: base tables in schema ``store``, documented views in ``main``.

Every other room reads and writes against these names; ``docs/schema.md`` is made from them.
All times are UTC as TIMESTAMP without zone. Tables never hold text of a prompt or an answer: ``text_id`` names it.
"""

from dataclasses import dataclass

import pyarrow as pa

from analyzer import gaps

SCHEMA_VERSION = 4


@dataclass(frozen=True)
class Column:
    """One column: its name, its DuckDB type and what it says."""

    name: str
    type: str
    about: str = ""


@dataclass(frozen=True)
class Table:
    """A base table of schema ``store``."""

    name: str
    about: str
    columns: tuple[Column, ...]

    @property
    def ddl(self) -> str:
        """The statement that makes the empty table."""
        columns = ", ".join(f'"{column.name}" {column.type}' for column in self.columns)
        return f"CREATE TABLE store.{self.name} ({columns})"

    @property
    def arrow(self) -> pa.Schema:
        """The same columns as an Arrow schema (only the types listed in ``_ARROW``)."""
        return pa.schema([(column.name, _ARROW[column.type]) for column in self.columns])


@dataclass(frozen=True)
class View:
    """A documented view of schema ``main``: what rules and analysts read."""

    name: str
    about: str
    columns: tuple[Column, ...]
    body: str

    @property
    def ddl(self) -> str:
        """The statement that makes the view."""
        return f"CREATE VIEW main.{self.name} AS {self.body}"


_ARROW = {
    "VARCHAR": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),  # UTC, always; without zone on purpose
}

EVIDENCE = 'STRUCT(request_key VARCHAR, part_no INTEGER, "signal" VARCHAR, char_from INTEGER, char_to INTEGER)[]'


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from lines ``name | type | about``."""
    rows = ([cell.strip() for cell in line.split("|", 2)] for line in text.strip().splitlines())
    return tuple(Column(*row) for row in rows)


# --- what loading appends ---------------------------------------------------------------------------------------------

RECORDS = Table(
    "records",
    "One exported log entry each; only rows of a file's newest generation count.",
    _columns("""
    file_id          | INTEGER   | the file it stands in (store.files)
    generation       | INTEGER   | raised when the file was rewritten
    line             | BIGINT    | line in the decompressed stream, from 1
    byte_offset      | BIGINT    | where the raw record starts in the decompressed stream
    byte_length      | BIGINT    | its length in bytes
    sha256           | VARCHAR   | SHA-256 of the raw record, hex
    shape            | VARCHAR   | which kind of log wrote it, as docs/log-shapes.md names them
    category         | VARCHAR   | the log category, as the shape names it
    makes_request    | BOOLEAN   | whether a record of this kind makes a request by itself
    request_key      | VARCHAR   | SHA-256 of (kind, scope, id), hex
    request_id       | VARCHAR   | the id as logged
    scope            | VARCHAR   | what the id is unique in: the resource id, lower-cased
    recorded_at      | TIMESTAMP | the record's own time
    ticks            | BIGINT    | the same in 100 ns since 1970, for ordering
    started_at       | TIMESTAMP | start of the call as this record tells it
    started_by       | VARCHAR   | which field told it: request_time, time_minus_duration, created, time
    sequence         | INTEGER   | sequenceNumber of an LLM row
    api              | VARCHAR   | chat, completion, image_generate …; other where nothing says AI
    operation        | VARCHAR   | the operation as logged
    api_version      | VARCHAR   |
    deployment       | VARCHAR   |
    model            | VARCHAR   |
    model_version    | VARCHAR   |
    resource         | VARCHAR   | resource id, lower-cased
    backend          | VARCHAR   | host of the backend URL
    region           | VARCHAR   |
    product          | VARCHAR   | API Management product
    subscription     | VARCHAR   | API Management subscription (the caller's key)
    caller           | VARCHAR   | object id or user as logged
    caller_ip        | VARCHAR   | as logged, mostly masked
    status           | INTEGER   | HTTP status
    stream           | BOOLEAN   |
    duration_ms      | BIGINT    |
    request_bytes    | BIGINT    |
    response_bytes   | BIGINT    |
    prompt_tokens    | BIGINT    |
    completion_tokens | BIGINT   |
    cached_tokens    | BIGINT    |
    session_kind     | VARCHAR   | kind of an explicit session id: conversation, thread, user …
    session_id       | VARCHAR   | the explicit session id
    backend_request_id | VARCHAR | the backend's id of the call, where the gateway logged its header
    tenant_keys      | VARCHAR[] | KIND:VALUE, lower-cased, as the register's keys name them
    """),
)

FRAGMENTS = Table(
    "fragments",
    "A body or a chunk of one that a record carries; its text lies in NAME.text/.",
    _columns("""
    file_id          | INTEGER   |
    generation       | INTEGER   |
    byte_offset      | BIGINT    | with file_id: the record
    request_key      | VARCHAR   |
    side             | VARCHAR   | request or response
    source           | VARCHAR   | body, backend_body, chunk, numbered, message or echo, as shapes/__init__.py says
    sequence         | INTEGER   |
    ticks            | BIGINT    |
    line             | BIGINT    |
    text_id          | VARCHAR   | SHA-256 of the text, first 16 bytes, hex
    chars            | BIGINT    | length in characters
    day              | DATE      | the day its text is kept under
    """),
)

QUARANTINE = Table(
    "quarantine",
    "Frames and items that could not be read, with where they stand.",
    _columns("""
    file_id          | INTEGER   |
    generation       | INTEGER   |
    line             | BIGINT    |
    byte_offset      | BIGINT    |
    byte_length      | BIGINT    |
    sha256           | VARCHAR   |
    reason           | VARCHAR   | not_utf8, not_json, too_long, too_many, truncated_stream, csv_fields, bad_time …
    text_id          | VARCHAR   | 200 masked bytes, in NAME.text/
    day              | DATE      |
    run_id           | VARCHAR   | the run that met it
    """),
)

PICTURES = Table(
    "pictures",
    "Base64 content met in a log, replaced by its hash; pixels are never kept.",
    _columns("""
    sha256           | VARCHAR   | of the decoded bytes; of a piece, when a chunk cut it
    kind             | VARCHAR   | picture, audio, file or piece (of what chunks cut)
    bytes            | BIGINT    | decoded length
    width            | INTEGER   | pixels, where the header tells
    height           | INTEGER   |
    """),
)

TEXTS = Table(
    "texts",
    "Which text lies in which segment; a text is kept once a day.",
    _columns("""
    text_id          | VARCHAR   |
    day              | DATE      |
    segment          | VARCHAR   | file in NAME.text/, relative
    """),
)

FILES = Table(
    "files",
    "The ledger: how far each file is loaded.",
    _columns("""
    file_id          | INTEGER   |
    path             | VARCHAR   | the file's address: absolute, normalised, with /
    generation       | INTEGER   |
    size             | BIGINT    | bytes of the file as it lay there when last read
    modified_ns      | BIGINT    | modification time when last read, ns since 1970
    loaded_bytes     | BIGINT    | decompressed bytes loaded
    loaded_lines     | BIGINT    |
    prefix_sha256    | VARCHAR   | SHA-256 of those bytes
    state            | VARCHAR   | complete, pending (a last line waits), broken (up to a break), skipped or unreadable
    reason           | VARCHAR   | why it could not be read
    """),
)

BUCKETS = Table(
    "buckets",
    "What one run saw in one file; never rewritten.",
    _columns("""
    run_id           | VARCHAR   |
    file_id          | INTEGER   |
    generation       | INTEGER   |
    frames           | BIGINT    | = opened + blank + quarantined + pending
    opened           | BIGINT    |
    blank            | BIGINT    |
    quarantined      | BIGINT    |
    pending          | BIGINT    |
    items            | BIGINT    | in opened frames = loaded + duplicates + foreign + unrecognised + quarantined_items
    loaded           | BIGINT    |
    duplicates       | BIGINT    | the same raw record was there already
    foreign_items    | BIGINT    | a known Azure shape that is no AI call
    unrecognised     | BIGINT    | valid but unknown
    quarantined_items | BIGINT   |
    """),
)

DIRTY = Table("dirty", "Requests to be assembled again.", _columns("request_key | VARCHAR |"))
UNSETTLED = Table(
    "unsettled",
    "Requests assembled again whose tenant, session and outcome are not.",
    _columns("request_key | VARCHAR |"),
)

# --- what assembling writes, for dirty requests -----------------------------------------------------------------------

JOINS = Table(
    "joins",
    "Calls of an account that a gateway's row names by the backend's id: their records belong to the gateway's call.",
    _columns("""
    request_key      | VARCHAR   | as the account's records say it
    joined_key       | VARCHAR   | of the request that they belong to
    """),
)

DUPLICATES = Table(
    "duplicates",
    "Records that say again what another says.",
    _columns("""
    file_id          | INTEGER   |
    generation       | INTEGER   |
    byte_offset      | BIGINT    |
    request_key      | VARCHAR   |
    of_file_id       | INTEGER   |
    of_byte_offset   | BIGINT    |
    """),
)

REQUESTS = Table(
    "requests",
    "One call to Azure OpenAI, assembled from its records.",
    _columns("""
    request_key      | VARCHAR   | SHA-256 of (kind, scope, id), hex
    request_id       | VARCHAR   | the id as logged, for people
    shapes           | VARCHAR[] | the shapes of its records, sorted
    scope            | VARCHAR   | what the id is unique in
    occurred_at      | TIMESTAMP | start of the call
    time_source      | VARCHAR   | request_time, time_minus_duration, created or time
    api              | VARCHAR   | chat, completion, image_generate …, as docs/log-shapes.md lists; other
    operation        | VARCHAR   | the operation as logged
    api_version      | VARCHAR   |
    deployment       | VARCHAR   | of the address or the log; else the model that the request's body names
    model            | VARCHAR   |
    model_version    | VARCHAR   |
    resource         | VARCHAR   | resource id, lower-cased
    backend          | VARCHAR   | host of the backend
    region           | VARCHAR   |
    product          | VARCHAR   | API Management product
    subscription     | VARCHAR   | API Management subscription (key name)
    caller           | VARCHAR   | object id or user as logged
    caller_ip        | VARCHAR   | as logged, mostly masked
    status           | INTEGER   | HTTP status
    stream           | BOOLEAN   |
    duration_ms      | BIGINT    |
    request_bytes    | BIGINT    |
    response_bytes   | BIGINT    |
    prompt_tokens    | BIGINT    |
    completion_tokens | BIGINT   |
    cached_tokens    | BIGINT    |
    finish_reasons   | VARCHAR[] | as logged: stop, length, tool_calls, content_filter …
    filtered         | BOOLEAN   | a content filter blocked prompt or answer; null where nothing says
    refused          | BOOLEAN   | the answer carries a refusal field; null where no answer was seen
    error_code       | VARCHAR   | code of an error body
    prompt_seen      | VARCHAR   | full, cut, fragments or none
    answer_seen      | VARCHAR   | full, cut, fragments or none
    system_seen      | VARCHAR   | yes, absent or unknowable (an assistant was told when it was made)
    tools_seen       | BOOLEAN   | whether tool definitions would have been seen
    pictures_seen    | VARCHAR   | bytes, address_only, cut or none
    picture_count    | INTEGER   | pictures in the request
    order_uncertain  | BOOLEAN   | chunks could not be put in order
    session_kind     | VARCHAR   | conversation, thread, user …
    session_id       | VARCHAR   |
    response_id      | VARCHAR   | of an answer of the Responses API
    previous_response_id | VARCHAR | of the answer that the call goes on from
    record_count     | INTEGER   | records it was assembled from, duplicates not counted
    """),
)

PARTS = Table(
    "parts",
    "One piece of content of a request or its response.",
    _columns("""
    request_key      | VARCHAR   |
    part_no          | INTEGER   | from 0, in order of the request, then the response, then names
    turn_no          | INTEGER   | which message; null for names
    side             | VARCHAR   | request, response or name
    role             | VARCHAR   | system, developer, user, assistant, tool; null where there is none
    kind             | VARCHAR   | text, picture, audio, file, tool, tool_call, output_schema, refusal, name or fragment
    name             | VARCHAR   | for kind name: deployment, resource, product, key, tool, tool_call, file, metadata
    text_id          | VARCHAR   | its text (null for a picture without text)
    chars            | BIGINT    | length of the text in characters
    day              | DATE      | the day its text is kept under
    picture          | VARCHAR   | sha256 of inline content or its first piece (pictures.sha256); null when not logged
    cut              | BOOLEAN   | the log cut it
    """),
)

TENANT_OF = Table(
    "tenant_of",
    "Who stands behind a request, and by which key.",
    _columns("""
    request_key      | VARCHAR   |
    tenant_id        | VARCHAR   | of the register, or unknown:KIND:VALUE
    key_kind         | VARCHAR   | the kind of key that matched; null when unknown
    conflict         | BOOLEAN   | keys of the same request name different tenants
    """),
)

SESSIONS = Table(
    "sessions",
    "Which requests belong together.",
    _columns("""
    request_key      | VARCHAR   |
    session_key      | VARCHAR   |
    session_source   | VARCHAR   | explicit or gap
    """),
)

OUTCOMES = Table(
    "outcomes",
    "How a request ended.",
    _columns("""
    request_key      | VARCHAR   |
    outcome          | VARCHAR   | fulfilled (with content), refused (all of it), blocked, failed, truncated or unknown
    """),
)

# --- what is found ----------------------------------------------------------------------------------------------------

SIGNALS = Table(
    "signals",
    "A lexicon entry found in a text; once for each text, however many requests carry it.",
    _columns("""
    text_id          | VARCHAR   |
    lexicon          | VARCHAR   | version of the lexicon that found it
    signal           | VARCHAR   | id of the lexicon entry
    idea             | VARCHAR   | what the entry stands for
    contexts         | VARCHAR[] | what around it speaks against or colours it: negation, policy …; sorted
    char_from        | INTEGER   | characters into the stored text
    char_to          | INTEGER   | end, exclusive
    """),
)

SCANNED = Table(
    "scanned",
    "Texts that were searched, with the lexicon's version.",
    _columns("""
    text_id          | VARCHAR   |
    lexicon          | VARCHAR   |
    """),
)

TENANTS = Table(
    "tenants",
    "The customers behind the requests, registered or unknown; a row for each period of the register.",
    _columns("""
    tenant_id        | VARCHAR   |
    name             | VARCHAR   |
    domain           | VARCHAR   |
    country          | VARCHAR   |
    state            | VARCHAR   |
    registered_class | VARCHAR   | the register's class; empty: to be classified; null: not in the register
    tenant_class     | VARCHAR   | as registered or as decided; unknown, never empty
    serves           | VARCHAR[] | classes it acts for
    confidence       | DOUBLE    |
    evidence         | VARCHAR[] | why this class
    valid_from       | DATE      | first day on which the row holds; null: from ever
    valid_to         | DATE      | last day; null: for ever
    """),
)

ACTORS = Table(
    "actors",
    "By or for whom a request acts; one row or more each.",
    _columns("""
    request_key      | VARCHAR   |
    actor            | VARCHAR   | a tenant class, or unknown
    agency           | VARCHAR   | a name, if the register knows one
    role             | VARCHAR   | by, for or unknown
    confidence       | DOUBLE    |
    evidence         | VARCHAR   | what says so: register, tenant class, or the part and signal
    """),
)

USES = Table(
    "uses",
    "What the rules found: a use with its circumstances, without asking who or when.",
    _columns(f"""
    rule_id          | VARCHAR   | stem of the rule file
    rule_version     | INTEGER   |
    use              | VARCHAR   | compare, identify …
    subject          | VARCHAR   | request_key, explicit session_key, or the first request_key of a stream
    request_keys     | VARCHAR[] | first = the subject's request
    strength         | VARCHAR   | strong or weak
    circumstances    | MAP(VARCHAR, BOOLEAN) | known circumstances; an absent name is not known
    evidence         | {EVIDENCE} | where it shows
    """),
)

FINDINGS = Table(
    "findings",
    "The current truth: a use by an actor under a clause.",
    _columns(f"""
    finding_id       | VARCHAR   | first 32 hex of SHA-256(rule|clause|subject)
    incident_id      | VARCHAR   | tenant, clause, deployment and week
    rule_id          | VARCHAR   |
    rule_version     | INTEGER   |
    clause_id        | VARCHAR   |
    policy_version   | VARCHAR   |
    use              | VARCHAR   |
    verdict          | VARCHAR   | violation or review
    severity         | VARCHAR   | low, medium, high or critical
    outcome          | VARCHAR   | of the subject's request; the most fulfilled of all cited
    tenant_id        | VARCHAR   |
    actor            | VARCHAR   |
    agency           | VARCHAR   |
    role             | VARCHAR   | by, for or unknown
    actor_confidence | DOUBLE    |
    occurred_at      | TIMESTAMP | first cited request
    last_at          | TIMESTAMP | last cited request
    request_keys     | VARCHAR[] |
    circumstances    | MAP(VARCHAR, BOOLEAN) |
    explanation      | VARCHAR   | who, what, which clause and why this verdict
    evidence         | {EVIDENCE} |
    """),
)

WITHDRAWN = Table(
    "withdrawn",
    "What was last known of findings that stand no longer.",
    FINDINGS.columns,
)

FINDING_LOG = Table(
    "finding_log",
    "Append-only: an accusation that is taken back leaves a trace.",
    _columns("""
    run_id           | VARCHAR   |
    logged_at        | TIMESTAMP |
    finding_id       | VARCHAR   |
    change           | VARCHAR   | appeared, changed, reopened, withdrawn or frozen
    cause            | VARCHAR   | records, rules, lexicon, register, policy or exceptions, with what differs
    replaced_by      | VARCHAR   | the finding that took its place, if one did
    """),
)

RULE_DAYS = Table(
    "rule_days",
    "How each rule ended for a tenant and day.",
    _columns("""
    rule_id          | VARCHAR   |
    tenant_id        | VARCHAR   |
    day              | DATE      |
    judged           | BIGINT    | requests the rule could judge
    blind            | MAP(VARCHAR, BIGINT) | requests it could not, by the need that was missing
    uses             | BIGINT    |
    """),
)

RUNS = Table(
    "runs",
    "One execution each.",
    _columns("""
    run_id           | VARCHAR   |
    started_at       | TIMESTAMP |
    ended_at         | TIMESTAMP |
    command          | VARCHAR   |
    exit_code        | INTEGER   |
    inputs           | MAP(VARCHAR, VARCHAR) | hashes of lexicon, rules, register, policy, exceptions; tool version
    """),
)

REVIEWS = Table(
    "reviews",
    "A human's decision on a finding.",
    _columns("""
    finding_id       | VARCHAR   |
    rule_id          | VARCHAR   |
    clause_id        | VARCHAR   |
    request_keys     | VARCHAR[] | what the person saw
    actor            | VARCHAR   |
    decision         | VARCHAR   | confirmed, dismissed or need_info
    decided_at       | TIMESTAMP |
    decided_by       | VARCHAR   |
    """),
)

META = Table("meta", "The store itself.", _columns("name | VARCHAR |\nvalue | VARCHAR |"))

TABLES = (
    META, RUNS, FILES, BUCKETS, QUARANTINE, RECORDS, FRAGMENTS, PICTURES, TEXTS, DIRTY, UNSETTLED, JOINS, DUPLICATES,
    REQUESTS, PARTS, TENANT_OF, SESSIONS, OUTCOMES, SIGNALS, SCANNED, TENANTS, ACTORS, USES, FINDINGS,
    WITHDRAWN, FINDING_LOG, RULE_DAYS, REVIEWS,
)  # fmt: skip

# --- the views --------------------------------------------------------------------------------------------------------


def _described(text: str, *tables: Table) -> tuple[Column, ...]:
    """Columns by name, as the first of ``tables`` that has it says, or by a whole line ``name | type | about``."""
    known = {column.name: column for table in reversed(tables) for column in table.columns}
    lines = [line.strip() for line in text.strip().splitlines()]
    return tuple(_columns(line)[0] if "|" in line else known[line] for line in lines)


def _plain(table: Table) -> View:
    """A view that shows a whole table."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return View(table.name, table.about, table.columns, f"SELECT {names} FROM store.{table.name}")


_OF_REQUEST = """
    tenant_id  | VARCHAR | who stands behind it
    session_key | VARCHAR | which requests belong together
    deployment | VARCHAR | empty when not logged
"""

_REQUEST_VIEW = View(
    "requests",
    REQUESTS.about,
    REQUESTS.columns
    + _described(
        """
        tenant_id
        session_key
        session_source
        outcome
        """,
        TENANT_OF,
        SESSIONS,
        OUTCOMES,
    ),
    f"""
    SELECT {", ".join(f"request.{column.name}" for column in REQUESTS.columns)},
        tenant_of.tenant_id, session.session_key, session.session_source, outcome.outcome
    FROM store.requests AS request
    LEFT JOIN store.tenant_of AS tenant_of USING (request_key)
    LEFT JOIN store.sessions AS session USING (request_key)
    LEFT JOIN store.outcomes AS outcome USING (request_key)
    """,
)

_PART_VIEW = View(
    "parts",
    PARTS.about,
    PARTS.columns[:1] + _columns(_OF_REQUEST) + PARTS.columns[1:],
    f"""
    SELECT part.request_key, tenant_of.tenant_id, session.session_key,
        coalesce(request.deployment, '') AS deployment,
        {", ".join(f"part.{column.name}" for column in PARTS.columns[1:])}
    FROM store.parts AS part
    JOIN store.requests AS request USING (request_key)
    LEFT JOIN store.tenant_of AS tenant_of USING (request_key)
    LEFT JOIN store.sessions AS session USING (request_key)
    """,
)

_SIGNAL_VIEW = View(
    "signals",
    "A lexicon entry found in a part of a request.",
    PARTS.columns[:1]
    + _columns(_OF_REQUEST)
    + _described(
        """
        part_no
        turn_no
        side
        role
        kind
        signal
        idea
        contexts
        char_from
        char_to
        text_id
        """,
        PARTS,
        SIGNALS,
    ),
    """
    SELECT part.request_key, tenant_of.tenant_id, session.session_key,
        coalesce(request.deployment, '') AS deployment,
        part.part_no, part.turn_no, part.side, part.role, part.kind,
        found."signal", found.idea, found.contexts, found.char_from, found.char_to, part.text_id
    FROM store.signals AS found
    JOIN store.parts AS part USING (text_id)
    JOIN store.requests AS request USING (request_key)
    LEFT JOIN store.tenant_of AS tenant_of USING (request_key)
    LEFT JOIN store.sessions AS session USING (request_key)
    WHERE found.lexicon = (SELECT value FROM store.meta WHERE name = 'lexicon')
    """,
)

_TENANT_VIEW = View(
    "tenants",
    "The customers behind the requests, registered or unknown, as their latest row in the register says.",
    TENANTS.columns,
    f"""
    SELECT {", ".join(column.name for column in TENANTS.columns)}
    FROM store.tenants
    QUALIFY row_number() OVER (
        PARTITION BY tenant_id ORDER BY valid_to DESC NULLS FIRST, valid_from DESC NULLS LAST
    ) = 1
    """,
)

_PERIOD_VIEW = View(
    "tenant_periods",
    "The same with the earlier rows: for a request counts the one that was valid on its day.",
    TENANTS.columns,
    f"""SELECT {", ".join(column.name for column in TENANTS.columns)} FROM store.tenants""",
)


def _of_record(column: Column) -> str:
    """A column of a record, which belongs to the request that it was joined to."""
    own = f"record.{column.name}"
    return f"coalesce(joined_key, {own}) AS {column.name}" if column.name == "request_key" else own


_RECORD_VIEW = View(
    "records",
    RECORDS.about,
    _columns("file | VARCHAR | the file's address")
    + RECORDS.columns
    + _columns("duplicate_of | VARCHAR | FILE@OFFSET of the record that it repeats; null for the first"),
    f"""
    SELECT file.path AS file, {", ".join(map(_of_record, RECORDS.columns))},
        first_file.path || '@' || duplicate.of_byte_offset AS duplicate_of
    FROM store.records AS record
    JOIN store.files AS file ON file.file_id = record.file_id AND file.generation = record.generation
    LEFT JOIN store.duplicates AS duplicate
        ON duplicate.file_id = record.file_id AND duplicate.generation = record.generation
        AND duplicate.byte_offset = record.byte_offset
    LEFT JOIN store.files AS first_file ON first_file.file_id = duplicate.of_file_id
    LEFT JOIN store.joins AS joined ON joined.request_key = record.request_key
    """,
)

_BUCKET_NAMES = [column.name for column in BUCKETS.columns if column.type == "BIGINT"]
_FILE_VIEW = View(
    "files",
    "Every file that was met, how far it is loaded, and what all runs together saw in it.",
    FILES.columns + tuple(column for column in BUCKETS.columns if column.type == "BIGINT"),
    f"""
    SELECT {", ".join(f"file.{column.name}" for column in FILES.columns)},
        {", ".join(f"coalesce(sum(bucket.{name}), 0)::BIGINT AS {name}" for name in _BUCKET_NAMES)}
    FROM store.files AS file
    LEFT JOIN store.buckets AS bucket ON bucket.file_id = file.file_id AND bucket.generation = file.generation
    GROUP BY ALL
    """,
)

_QUARANTINE_VIEW = View(
    "quarantine",
    QUARANTINE.about,
    _columns("file | VARCHAR | the file's address") + QUARANTINE.columns,
    f"""
    SELECT file.path AS file, {", ".join(f"entry.{column.name}" for column in QUARANTINE.columns)}
    FROM store.quarantine AS entry
    JOIN store.files AS file ON file.file_id = entry.file_id AND file.generation = entry.generation
    """,
)

_INCIDENT_VIEW = View(
    "incidents",
    "Findings of one tenant, clause, deployment and week.",
    _columns("""
    incident_id      | VARCHAR   |
    tenant_id        | VARCHAR   |
    clause_id        | VARCHAR   |
    severity         | VARCHAR   | the highest of its findings
    violations       | BIGINT    | findings with that verdict
    reviews          | BIGINT    | findings with that verdict
    uses             | VARCHAR[] | sorted
    requests         | BIGINT    | distinct requests cited
    first_at         | TIMESTAMP |
    last_at          | TIMESTAMP |
    finding_ids      | VARCHAR[] | sorted
    """),
    """
    SELECT incident_id, any_value(tenant_id) AS tenant_id, any_value(clause_id) AS clause_id,
        arg_max(severity, list_position(['low', 'medium', 'high', 'critical'], severity)) AS severity,
        count(*) FILTER (WHERE verdict = 'violation') AS violations,
        count(*) FILTER (WHERE verdict = 'review') AS reviews,
        list_sort(list(DISTINCT "use")) AS uses,
        len(list_distinct(flatten(list(request_keys)))) AS requests,
        min(occurred_at) AS first_at, max(last_at) AS last_at,
        list_sort(list(finding_id)) AS finding_ids
    FROM store.findings
    GROUP BY incident_id
    """,
)

_DECISION_VIEW = View(
    "decisions",
    "The newest review that applies to a finding: one that saw all its requests and its actor.",
    _described(
        """
        finding_id
        decision
        decided_at
        decided_by
        """,
        REVIEWS,
    ),
    """
    SELECT finding.finding_id, review.decision, review.decided_at, review.decided_by
    FROM store.findings AS finding
    JOIN store.reviews AS review
        ON review.rule_id = finding.rule_id AND review.clause_id = finding.clause_id
        AND review.actor IS NOT DISTINCT FROM finding.actor
        AND list_has_all(review.request_keys, finding.request_keys)
    QUALIFY row_number() OVER (
        PARTITION BY finding.finding_id ORDER BY review.decided_at DESC, review.decided_by DESC, review.decision DESC
    ) = 1
    """,
)

_COVERAGE_VIEW = View(
    "coverage",
    "What was looked at, per tenant and day, and what could not be.",
    _columns("""
    tenant_id         | VARCHAR |
    day               | DATE    |
    requests          | BIGINT  |
    with_content      | BIGINT  | prompt or answer seen, whole or in part
    without_content   | BIGINT  |
    cut               | BIGINT  | prompt or answer cut by the log
    fragments         | BIGINT  | chunks that could not be put together
    order_uncertain   | BIGINT  |
    gateway_row_missing | BIGINT | LLM rows without their gateway row
    not_joined        | BIGINT  | calls of a resource log that no gateway row names by the backend's id
    other_api         | BIGINT  | calls of an operation that no api is known of
    key_conflicts     | BIGINT  | keys name different tenants
    """),
    """
    SELECT tenant_id, occurred_at::DATE AS day, count(*) AS requests,
        count(*) FILTER (WHERE prompt_seen <> 'none' OR answer_seen <> 'none') AS with_content,
        count(*) FILTER (WHERE prompt_seen = 'none' AND answer_seen = 'none') AS without_content,
        count(*) FILTER (WHERE prompt_seen = 'cut' OR answer_seen = 'cut') AS cut,
        count(*) FILTER (WHERE prompt_seen = 'fragments' OR answer_seen = 'fragments') AS fragments,
        count(*) FILTER (WHERE order_uncertain) AS order_uncertain,
        count(*) FILTER (
            WHERE list_has_any(shapes, ['llm_log', 'llm_row'])
            AND NOT list_has_any(shapes, ['gateway_log', 'gateway_row'])
        ) AS gateway_row_missing,
        count(*) FILTER (WHERE list_has_all(['resource_log', 'resource_row'], shapes)) AS not_joined,
        count(*) FILTER (WHERE api = 'other') AS other_api,
        count(*) FILTER (WHERE tenant_of.conflict) AS key_conflicts
    FROM store.requests
    LEFT JOIN store.tenant_of AS tenant_of USING (request_key)
    GROUP BY tenant_id, day
    """,
)

_GAP_VIEW = View(
    "gaps",
    "Where logging of a police or vendor tenant stopped, fell or has holes, compared with its own past; no finding.",
    _columns("""
    tenant_id         | VARCHAR   |
    kind              | VARCHAR   | content_stopped, content_fell, hours_missing, hole or silent
    from_time         | TIMESTAMP | the first moment
    to_time           | TIMESTAMP | the first moment after it, as far as is known
    compared_with     | VARCHAR   | what was usual before, in words
    """),
    gaps.SQL,
)

VIEWS = (
    _REQUEST_VIEW,
    _RECORD_VIEW,
    _PART_VIEW,
    _plain(PICTURES),
    _SIGNAL_VIEW,
    _TENANT_VIEW,
    _PERIOD_VIEW,
    _plain(ACTORS),
    _plain(USES),
    _plain(FINDINGS),
    _INCIDENT_VIEW,
    _plain(FINDING_LOG),
    _COVERAGE_VIEW,
    _GAP_VIEW,
    _FILE_VIEW,
    _QUARANTINE_VIEW,
    _plain(RUNS),
    _plain(REVIEWS),
    _DECISION_VIEW,
)
