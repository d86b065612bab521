"""Fragments -> what a request and its answer say: a row of facts for each request, and its parts.

Nearly all texts of a gateway's log are a list of messages with a role and a text. These are read in one typed pass;
every other form goes through ``bodies``. Both ways give the same rows, so the first one is only for speed.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import msgspec
import polars as pl

from analyzer import bodies, masking
from analyzer.bodies import Body, read_fragments, read_request, read_response
from analyzer.body_text import open_body
from analyzer.json_text import write
from analyzer.shapes import fields, text_id

_SYSTEM_ROLES = ("system", "developer")
_TOOL_KINDS = ("tool", "output_schema")
_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")  # chat, Responses, realtime
# What the client sent before what the gateway made of it, in storage before in a table.
_BODY_ORDER = ("body", "row_body", "backend_body", "row_backend_body")

CONTENTS = pl.Schema(
    {
        "request_key": pl.String(),
        "api": pl.String(),
        "deployment": pl.String(),
        "model": pl.String(),
        "stream": pl.Boolean(),
        "finish_reasons": pl.List(pl.String()),
        "filtered": pl.Boolean(),
        "refused": pl.Boolean(),
        "error_code": pl.String(),
        "prompt_seen": pl.String(),
        "answer_seen": pl.String(),
        "system_seen": pl.String(),
        "tools_seen": pl.Boolean(),
        "pictures_seen": pl.String(),
        "picture_count": pl.Int32(),
        "order_uncertain": pl.Boolean(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "cached_tokens": pl.Int64(),
        "session_kind": pl.String(),
        "session_id": pl.String(),
        "response_id": pl.String(),
        "previous_response_id": pl.String(),
        "part_count": pl.Int32(),
    }
)
# The columns of PARTS but chars, with the text itself.
PART_TEXTS = pl.Schema(
    {
        "request_key": pl.String(),
        "part_no": pl.Int32(),
        "turn_no": pl.Int32(),
        "side": pl.String(),
        "role": pl.String(),
        "kind": pl.String(),
        "name": pl.String(),
        "text_id": pl.String(),
        "text": pl.String(),
        "day": pl.Date(),
        "picture": pl.String(),
        "cut": pl.Boolean(),
    }
)


@dataclass(frozen=True)
class Contents:
    """What requests say: ``facts`` in CONTENTS' columns, ``parts`` in those of PART_TEXTS."""

    facts: pl.DataFrame
    parts: pl.DataFrame


class Calls(NamedTuple):
    """The calls of a slice: ``rows`` one a request, ``fragments`` in their order, ``place`` an index into ``texts``."""

    rows: pl.DataFrame  # request_key, day, in_order, asked, answered
    fragments: pl.DataFrame  # request_key, side, source, uncertain, place, sequence
    texts: pl.Series


def order(fragments: pl.DataFrame, texts: pl.DataFrame) -> Calls:
    """Puts the fragments of each request in order.

    ``fragments`` has request_key, side, source, sequence, ticks, file (a number that orders files by their address),
    line, byte_offset, day, text_id; ``texts`` has text_id, text. Chunks of different files that share number and time
    have no order. Chunks in rows of a table count only where none lies in storage.
    """
    known = texts.unique("text_id").with_row_index("place")
    in_storage = (pl.col("source") == "chunk").any().over("request_key", "side")
    fragments = fragments.filter((pl.col("source") != "row_chunk") | ~in_storage).with_columns(
        pl.col("source").replace("row_chunk", "chunk")
    )
    same = ("request_key", "side", "source", "sequence", "ticks")
    ordered = (
        fragments.join(known.select("text_id", "place"), on="text_id")
        .with_columns(uncertain=(pl.col("source") == "chunk") & (pl.col("file").n_unique().over(same) > 1))
        .sort("sequence", "ticks", "file", "line", "byte_offset", nulls_last=True)
    )
    rows = ordered.group_by("request_key", maintain_order=True).agg(
        day=pl.col("day").min(),
        in_order=((pl.col("source") == "chunk") & ~pl.col("uncertain")).all(),
        asked=pl.col("place").filter(pl.col("side") == "request"),
        answered=pl.col("place").filter(pl.col("side") == "response"),
    )
    return Calls(rows, ordered.select(*_Fragment._fields), known["text"])


def read(calls: Calls) -> Contents:
    """The facts and parts of all calls."""
    plain, others = read_plain(calls)
    if others.rows.is_empty():
        return plain
    rest = read_fully(others)
    return Contents(pl.concat([plain.facts, rest.facts]), pl.concat([plain.parts, rest.parts]))


def _is_unmasked(text: str, pieces: int) -> bool:
    """Whether parts of a text can show what its masking did not see: only JSON as it was logged cannot."""
    return pieces > 1 or "\\" in text or text.lstrip()[:1] not in ("{", "[")


def _masked(texts: list[str], unmasked: list[bool]) -> tuple[list[str], list[str]]:
    """The texts, masked where chunk borders and escapes hid something from the masking of logged texts; their ids."""
    places = [place for place, hides in enumerate(unmasked) if hides]
    for place, text in zip(places, masking.mask([texts[place] for place in places])[0], strict=True):
        texts[place] = text
    return texts, list(map(text_id, texts))


# --- messages with a role and a text ----------------------------------------------------------------------------------


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The plain form; a message with anything else in it is read by ``bodies``."""

    role: str
    content: str
    finish_reason: str | None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None


_MESSAGES = msgspec.json.Decoder(_Message | list[_Message])


def read_plain(calls: Calls) -> tuple[Contents, Calls]:
    """What the calls say that are plain messages on both sides, and the calls that are left."""
    rows = calls.rows.with_row_index("call")
    sides = pl.concat(
        rows.filter(pl.col("in_order") & (pl.col(name).list.len() > 0)).select("call", side=pl.lit(side), places=name)
        for side, name in (("request", "asked"), ("response", "answered"))
    ).sort("call", maintain_order=True)
    texts = calls.texts.gather(sides["places"].list.first())
    in_pieces = sides["places"].list.len() > 1
    if in_pieces.any():
        joined = ["".join(calls.texts.gather(places)) for places in sides["places"].filter(in_pieces)]
        texts = texts.scatter(in_pieces.arg_true(), joined)
    messages, counts = _decode(texts)
    sides = sides.with_columns(
        count=pl.Series(counts, dtype=pl.UInt32),
        # escapes and chunk borders may have hidden something from the masking of logged texts
        unmasked=texts.str.contains("\\", literal=True) | in_pieces,
    )
    said = sides.select(pl.col("call", "side", "unmasked").repeat_by("count").explode(empty_as_null=False))
    says_more = pl.Series(
        ["data:image/" in message.content or bodies.SHORTENED in message.content for message in messages],
        dtype=pl.Boolean,
    )
    unread = pl.concat([sides.filter(pl.col("count") == 0)["call"], said.filter(says_more)["call"]]).unique()
    is_plain = pl.col("in_order") & ~pl.col("call").is_in(unread.implode())
    contents, ids = _masked([message.content for message in messages], said["unmasked"].to_list())
    said = said.with_columns(
        text_id=pl.Series(ids, dtype=pl.String),
        text=pl.Series(contents, dtype=pl.String),
        role=pl.Series([message.role for message in messages], dtype=pl.String),
        finish_reason=pl.Series([message.finish_reason for message in messages], dtype=pl.String),
    ).join(rows.filter(is_plain).select("call", "request_key", "day"), on="call", maintain_order="left")
    said = said.with_columns(turn_no=pl.int_ranges(said["call"].rle().struct.field("len")).explode())
    left = rows.filter(~is_plain).drop("call")
    others = Calls(left, calls.fragments.join(left, on="request_key", how="semi"), calls.texts)
    return Contents(_plain_facts(rows.filter(is_plain), said), _plain_parts(said)), others


def _decode(texts: pl.Series) -> tuple[list[_Message], list[int]]:
    """The messages of all texts, one after another, and how many each has.

    A text that is not in the plain form has none, nor one that may be over the limit.
    """
    messages: list[_Message] = []
    counts: list[int] = []
    _, ends, data = texts.to_arrow().buffers()  # the UTF-8 of all texts: decoding it needs no string of each
    utf8 = memoryview(data)
    for start, end in pairwise(memoryview(ends).cast("q")[: len(texts) + 1]):
        before = len(messages)
        if end - start <= bodies.TEXT_LIMIT:
            try:
                value = _MESSAGES.decode(utf8[start:end])
            except (msgspec.MsgspecError, RecursionError):
                pass
            else:
                messages += value if isinstance(value, list) else [value]
        counts.append(len(messages) - before)
    return messages, counts


def _plain_parts(said: pl.DataFrame) -> pl.DataFrame:
    default_role = pl.when(pl.col("side") == "request").then(pl.lit("user")).otherwise(pl.lit("assistant"))
    return _shaped(
        said.with_columns(
            part_no="turn_no",
            role=pl.when(pl.col("role").str.contains(bodies.NAME))
            .then(pl.col("role").str.to_lowercase())
            .otherwise(default_role),
            kind=pl.lit("text"),
            cut=pl.lit(False),
        ),
        PART_TEXTS,
    )


def _plain_facts(rows: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    of_call = said.group_by("request_key").agg(
        part_count=pl.len(),
        finish_reasons=pl.col("finish_reason").filter(
            (pl.col("side") == "response") & pl.col("finish_reason").str.contains(bodies.NAME)
        ),
        has_system=((pl.col("side") == "request") & pl.col("role").str.to_lowercase().is_in(_SYSTEM_ROLES)).any(),
    )
    asked, answered = pl.col("asked").list.len() > 0, pl.col("answered").list.len() > 0
    full, none = pl.lit("full"), pl.lit("none")
    return _shaped(
        rows.join(of_call, on="request_key").with_columns(
            refused=pl.when(answered).then(pl.lit(False)),
            prompt_seen=pl.when(asked).then(full).otherwise(none),
            answer_seen=pl.when(answered).then(full).otherwise(none),
            system_seen=pl.when("has_system")
            .then(pl.lit("yes"))
            .when(asked)
            .then(pl.lit("absent"))
            .otherwise(pl.lit("unknowable")),
            tools_seen=pl.lit(False),
            pictures_seen=none,
            picture_count=pl.lit(0),
            order_uncertain=pl.lit(False),
        ),
        CONTENTS,
    )


def _shaped(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The rows in the columns of a schema; a column that is not there is null."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )


# --- every other form -------------------------------------------------------------------------------------------------


class _Fragment(NamedTuple):
    """One of the ordered fragments of a call."""

    request_key: str
    side: str
    source: str
    uncertain: bool
    place: int
    sequence: int | None


@dataclass(frozen=True)
class _Side:
    """One side of a request as far as it could be read."""

    body: Body
    seen: str  # full, cut, fragments or none
    whole_body: bool = False  # the body itself, not only the messages the LLM log keeps of it
    uncertain: bool = False


def read_fully(calls: Calls) -> Contents:
    """What the calls say, in whichever form."""
    facts: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    texts: list[str] = []
    unmasked: list[bool] = []
    days = dict(calls.rows.select("request_key", "day").iter_rows())
    fragments = map(_Fragment._make, calls.fragments.sort("request_key", maintain_order=True).iter_rows())
    for request_key, own in groupby(fragments, key=lambda fragment: fragment.request_key):
        of_side: dict[str, list[_Fragment]] = {"request": [], "response": []}
        for fragment in own:
            of_side[fragment.side].append(fragment)
        request = _read_side("request", of_side["request"], calls.texts, 0)
        response = _read_side("response", of_side["response"], calls.texts, request.body.turn + 1)
        said = list(bodies.parts_of([request.body, response.body]))
        hides = {
            side: any(_is_unmasked(calls.texts[piece.place], len(pieces)) for piece in pieces)
            for side, pieces in of_side.items()
        }
        for number, part in enumerate(said):
            parts.append({"request_key": request_key, "part_no": number, "day": days[request_key], **part._asdict()})
            if part.text is not None:
                texts.append(part.text)
                unmasked.append(hides.get(part.side, True))
        facts.append({"request_key": request_key, "part_count": len(said), **_facts(request, response)})
    with_text = (row for row in parts if row["text"] is not None)
    for row, text, identifier in zip(with_text, *_masked(texts, unmasked), strict=True):
        row |= {"text": text, "text_id": identifier}
    return Contents(pl.DataFrame(facts, CONTENTS), pl.DataFrame(parts, PART_TEXTS))


def _read_side(side: str, fragments: list[_Fragment], texts: pl.Series, turn: int) -> _Side:
    """The most complete reading, with what records of telemetry tell aside: tools, finish reasons, filters."""
    found = _most_complete(side, fragments, texts, turn)
    said = (texts[fragment.place] for fragment in fragments if fragment.source == "body")
    for text in filter(_may_be_aside, said):
        opened = open_body(text)
        if bodies.is_aside(opened.value):
            aside = _read(side, opened.value, found.body.turn + 1)
            _add_aside(found.body, _mark_cut(aside, opened.value) if opened.seen == "cut" else aside)
    return found


def _may_be_aside(text: str) -> bool:
    return text.startswith(('{"gen_ai.', '{"microsoft.'))


def _add_aside(body: Body, aside: Body) -> None:
    """What a body does not say itself."""
    known = {(part.role in _SYSTEM_ROLES, part.kind, part.name) for part in body.parts}
    body.parts += [part for part in aside.parts if (part.role in _SYSTEM_ROLES, part.kind, part.name) not in known]
    body.add_facts(aside)


def _most_complete(side: str, fragments: list[_Fragment], texts: pl.Series, turn: int) -> _Side:
    """A whole body, whole messages, what a cut text begins with, or pieces as they are."""
    candidates = [(texts[f.place], True) for source in _BODY_ORDER for f in fragments if f.source == source]
    chunks = [texts[f.place] for f in fragments if f.source == "chunk"]
    uncertain = any(fragment.uncertain for fragment in fragments)
    if chunks and not uncertain:
        candidates.append(("".join(chunks)[: bodies.TEXT_LIMIT], False))
    if messages := [texts[f.place] for f in fragments if f.source == "message"]:
        candidates.append((join_messages(side, messages), False))
    lead, rest = _without_gap([(f.sequence, f.place) for f in fragments if f.source == "numbered"])
    if rest:
        return _read_around_gap(side, [texts[place] for place in lead], [texts[place] for place in rest], turn)
    if lead:
        candidates.append(("".join(texts[place] for place in lead)[: bodies.TEXT_LIMIT], True))
    opened_all = [(text, whole_body, open_body(text)) for text, whole_body in candidates]
    told = [each for each in opened_all if not bodies.is_aside(each[2].value)]
    if not told:
        told = [each for each in opened_all if bodies.is_error(each[2].value)]  # all that is known of the answer
    cut: list[tuple[int, Any, bool]] = []
    unread: list[str] = []
    for text, whole_body, opened in told:
        if opened.seen == "full" and not opened.value:  # {} stands for content that was not logged
            continue
        if opened.seen == "full":
            says = isinstance(opened.value, (dict, list, str))  # an answer may be a text that happens to be JSON: 42
            body = _read(side, opened.value if says else text, turn)
            places = dict.fromkeys(fragment.place for fragment in fragments if fragment.source == "body")  # in order
            if whole_body and len(places) > 1:
                own = [opened.value.get("messages")] if isinstance(opened.value, dict) else []
                _add_others(body, [opened.value, *own], [texts[place] for place in places])
            # neither telemetry nor messages alone need tell the tools
            whole_body = whole_body and not isinstance(opened.value, list) and not bodies.is_telemetry(opened.value)
            return _Side(body if whole_body else _with_tools(body, cut, turn), "full", whole_body)
        if opened.seen == "cut":
            cut.append((len(text), opened.value, whole_body))
        unread.append(text)
    if cut and not uncertain:
        _, value, whole_body = max(cut, key=lambda reading: reading[0])
        return _Side(_mark_cut(_read(side, value, turn), value), "cut", whole_body)
    if unread and side == "response" and not chunks:  # sound as text, or subtitles: an answer that is no JSON
        return _Side(_read(side, unread[0], turn), "full", True)
    pieces = sorted(unread + chunks) if uncertain else unread
    if not pieces:  # an answer may still repeat what its request said beside the prompt
        echo = next((texts[fragment.place] for fragment in fragments if fragment.source == "echo"), None)
        return _Side(_read(side, open_body(echo).value if echo else None, turn), "none")
    return _Side(read_fragments(pieces, side, turn), "fragments", uncertain=uncertain)


def _add_others(body: Body, known: list[Any], texts: list[str]) -> None:
    """The parts of more bodies that have the same id, such as lines of two batches in one folder: none is left out."""
    for text in texts:
        opened = open_body(text)
        if bodies.is_aside(opened.value) or bodies.is_said(opened.value, known):
            continue
        value = opened.value
        said = [value, *([value["messages"]] if isinstance(value, dict) and "messages" in value else [])]
        if opened.seen == "full" and isinstance(value, dict | list) and value and not any(one in known for one in said):
            known += said
            other = _read(body.side, value, body.turn + 1)
            body.parts += other.parts
            body.add_facts(other)


def _without_gap(numbered: list[tuple[int | None, int]]) -> tuple[list[int], list[int]]:
    """The texts of numbered pieces as far as all are there, each said in one way only; then those of all others.

    Pieces count from 0 or from 1.
    """
    known = sorted({(number, place) for number, place in numbered if number is not None})
    counts = Counter(number for number, _ in known)
    lead: list[int] = []
    for following, (number, place) in enumerate(known, known[0][0] if known else 0):
        if number != following or counts[number] > 1 or known[0][0] not in (0, 1):
            break
        lead.append(place)
    unnumbered = sorted({place for number, place in numbered if number is None})
    return lead, [*(place for _, place in known[len(lead) :]), *unnumbered]


def _read_around_gap(side: str, lead: list[str], rest: list[str], turn: int) -> _Side:
    """What the pieces before a gap begin with, and those behind it as they are."""
    opened = open_body("".join(lead)[: bodies.TEXT_LIMIT])
    if not opened.value:
        return _Side(read_fragments(lead + rest, side, turn), "fragments")
    body = _mark_cut(_read(side, opened.value, turn), opened.value)
    body.parts += read_fragments(rest, side, body.turn + 1).parts
    body.turn += len(rest)
    return _Side(body, "cut")


def join_messages(side: str, texts: list[str]) -> str:
    """The body that messages make which were logged one by one, and whatever else was logged of its kind.

    An object with a role or a type is a message, any other says more of the call; what a whole answer says again of
    the messages of its ``response_id`` counts once.
    """
    values = [value for text in texts if isinstance(value := open_body(text).value, dict)]
    wholes = {str(value.get("id")) for value in values if value.get("output")}
    held: dict[str, Any] = {}
    messages: list[Any] = []
    seen = _Seen(set(), set(), set())
    for value in values:
        if "role" in value or "type" in value:
            if value.get("response_id") not in wholes and not seen.has(value):
                messages.append(value)
                seen.add(value)
            continue
        for key, said in value.items():
            if key in ("messages", "output", "input") and isinstance(said, list):
                messages += said
            elif key in ("instructions", "additional_instructions") and held.setdefault(key, said) != said:
                messages.append({"role": "system", "content": said})  # told anew: what was told before was told too
            elif key == "tools" and isinstance(said, list) and isinstance(held.get(key), list):
                held[key] += [tool for tool in said if tool not in held[key]]
            else:
                held[key] = said
    return write(held | ({"messages" if side == "request" else "output": messages} if messages else {}))


class _Seen(NamedTuple):
    """The messages that were told: their ids, and what those with an id and those without one say."""

    ids: set[str]
    with_id: set[str]
    without_id: set[str]

    def has(self, message: dict[str, Any]) -> bool:
        """Whether an event tells of a message again: the client's, which may have no id yet, or the server's."""
        if message.get("id") is None:
            return self._said(message) in self.with_id
        return str(message["id"]) in self.ids or self._said(message) in self.without_id

    def add(self, message: dict[str, Any]) -> None:
        """Notes a message."""
        if message.get("id") is None:
            self.without_id.add(self._said(message))
        else:
            self.ids.add(str(message["id"]))
            self.with_id.add(self._said(message))

    @staticmethod
    def _said(message: dict[str, Any]) -> str:
        return write([message.get(key) for key in ("role", "content", "output")])


def _with_tools(messages: Body, cut: list[tuple[int, Any, bool]], turn: int) -> Body:
    """The whole messages of the LLM log, with the tools that only the body shows which the gateway's log cut."""
    if not cut:
        return messages
    _, value, _ = max(cut, key=lambda reading: reading[0])
    body = _mark_cut(_read(messages.side, value, turn), value)
    messages.parts += [part for part in body.parts if part.kind in _TOOL_KINDS or part.name == "tool"]
    messages.add_facts(body)
    return messages


def _read(side: str, value: Any, turn: int) -> Body:
    if value is None:
        return Body(side, turn=turn - 1)
    return read_request(value, turn) if side == "request" else read_response(value, turn)


def _mark_cut(body: Body, value: Any) -> Body:
    """The last piece of what the body says last is where the log cut."""
    last = next(reversed(value), None) if isinstance(value, dict) else None
    in_tools = last in ("tools", "functions", "response_format", "gen_ai.tool.definitions")
    if last in ("conversation", "user"):
        body.session = None  # half an id may be that of many
    if last == "previous_response_id":
        body.previous_response_id = None
    for place in range(len(body.parts) - 1, -1, -1):
        kind = body.parts[place].kind
        if kind != "name" and (kind in ("tool", "output_schema")) == in_tools:
            body.parts[place] = body.parts[place]._replace(cut=True)
            break
    return body


def _facts(request: _Side, response: _Side) -> dict[str, Any]:
    """The columns of CONTENTS that are no keys."""
    asked, answered = request.body, response.body
    filters = asked.annotations + answered.annotations
    system = any(part.role in ("system", "developer") for part in asked.parts)
    pictures = [part for part in asked.parts if part.kind == "picture"]
    usage = answered.usage
    details = next((usage[name] for name in _DETAILS if isinstance(usage.get(name), dict)), None)
    session_kind, session_id = asked.session or answered.session or (None, None)
    return {
        "api": asked.api,
        "deployment": asked.model,  # what Azure calls so in a body
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
        "cached_tokens": fields.number(details.get("cached_tokens")) if details else None,
        "session_kind": session_kind,
        "session_id": session_id,
        "response_id": answered.response_id,
        "previous_response_id": asked.previous_response_id or answered.previous_response_id,
    }


def _pictures_seen(pictures: list[bodies.Part]) -> str:
    if any(picture.picture and not picture.cut for picture in pictures):
        return "bytes"
    if any(picture.cut for picture in pictures):
        return "cut"
    return "address_only" if pictures else "none"
