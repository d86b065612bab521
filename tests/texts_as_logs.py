"""Requests that people wrote down as texts (TOML), rendered to logs that the command reads, with a register for them.

A row of LiteLLM's spend logs holds every api's whole body, so a request keeps its messages, tools, pictures and answer.
"""

import base64
import json
import random
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jobs import Row, write_register
from jobs import write_logs as write_rows

EXCEPTIONS = "exceptions.toml"  # lies beside the requests and holds none
FIRST, LAST = datetime(2026, 6, 1, 0, 20), datetime(2026, 8, 31)
NO_STREAM = timedelta(hours=1)  # calls that lie closer may be the stills of one camera
UNKNOWN = "unknown"  # the class of a tenant without a row in the register

# name, domain, country, state and serves of the tenant of each class
_TENANTS = {
    "us_police": ("Millbrook Police Department", "millbrookpd.example.com", "US", "OH", ""),
    "us_federal_le": ("Federal Rangers Service", "rangers.example.com", "US", "", ""),
    "foreign_le": ("Polizei Auental", "polizei-auental.example.com", "DE", "", ""),
    "le_vendor": ("Sable Ridge Body Cameras Inc.", "sableridge.example.com", "US", "UT", "us_police"),
    "le_adjacent": ("Tideland District Attorney and Courts", "tidelandcourts.example.com", "US", "FL", ""),
    "umbrella": ("City of Larkmoor", "larkmoor.example.com", "US", "CA", ""),
    "other": ("Larch Street Services", "larchstreet.example.com", "US", "OR", ""),
}
CLASSES = {*_TENANTS, UNKNOWN}
_CALL_TYPES = {
    "chat": "acompletion",
    "completions": "atext_completion",
    "embeddings": "aembedding",
    "transcription": "atranscription",
    "image_generation": "aimage_generation",
    "speech": "aspeech",
    "moderation": "amoderation",
}
_VERDICTS = {"violation", "review"}
_REQUIRED = {"id", "tenant", "language", "why"}
_OPTIONAL = {
    "api", "model", "deployment", "system", "turns", "user", "pictures", "tools", "answer", "expect", "uses",
    "outcome", "clause",
}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """One message before the answer, with so many pictures beside its text."""

    role: str
    text: str
    pictures: int = 0


@dataclass(frozen=True)
class Request:
    """One request as it was written down; ``expect`` and what follows say what is to be reported, if anything is."""

    id: str
    tenant: str
    language: str
    why: str
    turns: tuple[Turn, ...]
    api: str = "chat"
    model: str = "gpt-4o"
    deployment: str = "assistant"
    system: str = ""
    tools: tuple[Row, ...] = ()
    answer: str = ""
    expect: str = ""
    uses: tuple[str, ...] = ()
    outcome: str = ""
    clause: str = ""

    @property
    def texts(self) -> list[str]:
        """Every text of messages and answer."""
        return [text for text in (self.system, *(turn.text for turn in self.turns), self.answer) if text]

    @property
    def pictures(self) -> int:
        """How many pictures its messages carry."""
        return sum(turn.pictures for turn in self.turns)


def read_requests(folder: Path) -> list[Request]:
    """The requests of every TOML file of a folder, in order of file and place.

    Raises ValueError for a request with a missing, unknown or impossible key, and for an id that is used twice.
    """
    requests: dict[str, Request] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name == EXCEPTIONS:
            continue
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["request"]:
            where = f"{path.name}: {table.get('id', 'a request without an id')}"
            request = _request(table, where)
            if request.id in requests:
                raise ValueError(f"{where}: this id is used twice; every id stands once in the folder")
            requests[request.id] = request
    return list(requests.values())


def _request(table: Row, where: str) -> Request:
    if wrong := (_REQUIRED - table.keys()) | (table.keys() - _REQUIRED - _OPTIONAL):
        raise ValueError(f"{where}: keys missing or unknown: {sorted(wrong)}; see the other requests")
    if ("turns" in table) == ("user" in table) or ("turns" in table and "pictures" in table):
        raise ValueError(f"{where}: write either turns, each with its pictures, or user and pictures")
    one = {"role": "user", "text": table.get("user"), "pictures": table.get("pictures", 0)}
    turns = table.get("turns", [one])
    if not turns or not all({"role", "text"} <= turn.keys() <= {"role", "text", "pictures"} for turn in turns):
        raise ValueError(f"{where}: a turn has role and text, and may have pictures")
    if (table.get("expect") in _VERDICTS) != bool(table.get("uses")):
        raise ValueError(f"{where}: expect is one of {sorted(_VERDICTS)} and stands with uses")
    values = {name: value for name, value in table.items() if name not in ("user", "pictures")}
    lists = {name: tuple(table.get(name, ())) for name in ("tools", "uses")}
    request = Request(**{**values, **lists, "turns": tuple(Turn(**turn) for turn in turns)})
    if request.tenant not in CLASSES or request.api not in _CALL_TYPES:
        raise ValueError(f"{where}: tenant is one of {sorted(CLASSES)}, api one of {sorted(_CALL_TYPES)}")
    if request.api != "chat" and (len(turns) != 1 or request.pictures or request.tools or request.system):
        raise ValueError(f"{where}: only chat has turns, pictures, tools and a system prompt")
    return request


def write_logs(requests: Sequence[Request], folder: Path) -> None:
    """One file of spend logs of every tenant, the calls of all of them spread over three months.

    Raises ValueError where so many requests would lie closer together than ``NO_STREAM``.
    """
    step = (LAST - FIRST) / max(1, len(requests))
    if step < NO_STREAM:
        raise ValueError(f"{len(requests)} requests are too many for three months; write them in two folders")
    rows: dict[str, list[Row]] = {}
    for number, request in enumerate(requests):
        rows.setdefault(request.tenant, []).append(spend_row(request, FIRST + number * step))
    for tenant, some in rows.items():
        write_rows(folder / f"{tenant}.jsonl", some)


def register(path: Path) -> Path:
    """A register with one tenant of each class but the unknown one; its id is its class."""
    rows = (
        f"{kind},{name},{domain},{country},{state},{kind},{serves},litellm_team:{kind}\n"
        for kind, (name, domain, country, state, serves) in _TENANTS.items()
    )
    return write_register(path, *rows)


def tenant_id(request: Request) -> str:
    """The tenant that a request is to have."""
    return f"unknown:litellm_team:{UNKNOWN}" if request.tenant == UNKNOWN else request.tenant


def spend_row(request: Request, at: datetime) -> Row:
    """A row of the proxy's spend logs; JSON fields are texts. The session is the request's own."""
    domain = _TENANTS[request.tenant][1] if request.tenant in _TENANTS else "mail.example.com"
    end = at + timedelta(seconds=2)
    return {
        "request_id": request.id, "call_type": _CALL_TYPES[request.api], "api_key": "hashed", "spend": 0.001,
        "startTime": f"{at:%Y-%m-%d %H:%M:%S.%f}", "endTime": f"{end:%Y-%m-%d %H:%M:%S.%f}",
        "model": f"azure/{request.model}", "model_group": request.deployment, "custom_llm_provider": "azure",
        "api_base": "https://oai.example.com", "user": f"user-{zlib.crc32(request.id.encode()) % 7}@{domain}",
        "team_id": request.tenant, "metadata": "{}", "cache_hit": "False", "request_tags": "[]", "end_user": "",
        "session_id": f"session-{request.id}", "requester_ip_address": "203.0.113.9", "status": "success",
        "messages": json.dumps(_messages(request)) if request.api == "chat" else "{}",
        "proxy_server_request": json.dumps(request_body(request)), "response": json.dumps(response_body(request)),
    }  # fmt: skip


def request_body(request: Request) -> Row:
    """The body of the call, as its api has it."""
    text, model = request.turns[-1].text, {"model": request.deployment}
    match request.api:
        case "completions":
            return {**model, "prompt": text}
        case "embeddings":
            return {**model, "input": text, "encoding_format": "float"}
        case "transcription":
            return {**model, "prompt": text, "language": request.language}
        case "image_generation":
            return {**model, "prompt": text, "size": "1024x1024"}
        case "speech":
            return {**model, "input": text, "voice": "alloy"}
        case "moderation":
            return {**model, "input": text}
    tools = {"tools": [_tool(tool) for tool in request.tools]} if request.tools else {}
    return {**model, "messages": _messages(request), **tools}


def response_body(request: Request) -> Row:
    """The body of the answer, as its api has it."""
    match request.api:
        case "completions":
            return {"object": "text_completion", "choices": [{"text": request.answer, "finish_reason": "stop"}]}
        case "embeddings":
            return {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -0.2]}]}
        case "transcription":
            return {"text": request.answer}
        case "image_generation":
            return {"created": 1, "data": [{"b64_json": base64.b64encode(_png(f"{request.id} answer")).decode()}]}
        case "speech":
            return {}
        case "moderation":
            return {"results": [{"flagged": False, "categories": {"violence": False}}]}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": request.answer}}
    return {"object": "chat.completion", "model": request.model, "choices": [choice]}


def _messages(request: Request) -> list[Row]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, *({"role": turn.role, "content": content} for turn, content in _contents(request))]


def _contents(request: Request) -> Iterator[tuple[Turn, Any]]:
    """Each turn with its text, or with parts where it has pictures."""
    for turn_no, turn in enumerate(request.turns):
        pictures = [_png(f"{request.id} {turn_no} {place}") for place in range(turn.pictures)]
        addresses = [f"data:image/png;base64,{base64.b64encode(picture).decode()}" for picture in pictures]
        parts = [{"type": "image_url", "image_url": {"url": address}} for address in addresses]
        yield turn, [{"type": "text", "text": turn.text}, *parts] if parts else turn.text


def _tool(tool: Row) -> Row:
    parameters = json.loads(tool["parameters"]) if "parameters" in tool else {}
    return {"type": "function", "function": {**tool, "parameters": parameters}}


def _png(seed: str) -> bytes:
    """A small picture of noise, another for each seed and always the same for one."""
    noise, side = random.Random(seed), 16
    rows = b"".join(b"\x00" + noise.randbytes(3 * side) for _ in range(side))
    header = side.to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"  # eight bits of each of three colours
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big") for kind, data in chunks
    )
