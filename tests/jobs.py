"""Small invented exports, and the whole pipeline as tests drive it: in this process or in one of its own."""

import base64
import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from analyzer import cli
from analyzer.schema import TABLES

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_logs"
REGISTER = SAMPLES / "register.csv"
QUICK = Path(__file__).with_name("quick_command.py")

_GROUP = "/SUBSCRIPTIONS/5E0C2A10-0000-4000-8000-00000000000A/RESOURCEGROUPS/RG-TEST/PROVIDERS"
GATEWAY = f"{_GROUP}/MICROSOFT.APIMANAGEMENT/SERVICE/APIM-TEST"
ACCOUNT = f"{_GROUP}/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/OAI-TEST"
START = datetime(2026, 6, 1, 10)
TICKS_AT_1970 = 621355968000000000
Row = dict[str, Any]

HEADER = "tenant_id,name,domain,country,state,class,serves,keys\n"
POLICE = (
    "millbrook-pd,Millbrook Police Department,millbrookpd.example.com,US,OH,us_police,,apim_subscription:millbrook\n"
)
SHOP = "corner-shop,Corner Shop,shop.example.com,US,OH,other,,apim_subscription:corner\n"

# Asked by a police department with a picture this is a violation, whatever else a lexicon learns.
MATCHING = "Who is this man? Compare the face in the photo with our booking photos and give me the best match."
MATCHED = "The best match is booking photo 2."
HARMLESS = "Please rewrite the minutes of the budget meeting in one page and keep the dates."


# --- exports ----------------------------------------------------------------------------------------------------------


def stamp(at: datetime) -> str:
    """A time as Azure Monitor writes it, with seven digits."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def gateway_row(call: str, at: datetime = START, subscription: str = "millbrook", **inner: Any) -> Row:
    """A GatewayLogs row; ``inner`` are properties such as requestBody."""
    properties = {
        "method": "POST",
        "url": "https://apim.example.com/openai/deployments/chat/chat/completions?api-version=2024-10-21",
        "responseCode": 200,
        "apimSubscriptionId": subscription,
        "productId": "ai",
        "operationId": "ChatCompletions_Create",
        **inner,
    }
    return {
        "category": "GatewayLogs", "correlationId": call, "resourceId": GATEWAY, "time": stamp(at), "durationMs": 500,
        "operationName": "Microsoft.ApiManagement/GatewayLogs", "properties": properties,
    }  # fmt: skip


def messages(prompt: str) -> list[Row]:
    """A user's message; ``MATCHING`` comes with a picture (noise behind the head of a PNG)."""
    if MATCHING not in prompt:
        return [{"role": "user", "content": prompt}]
    return [{"role": "user", "content": [{"type": "text", "text": prompt}, noise(1)]}]


def noise(seed: int) -> Row:
    """A picture of noise behind the head of a PNG, as a part of a message."""
    inline = base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(seed).randbytes(400)).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{inline}"}}


def answered(prompt: str) -> str:
    """What a model says to it that does as it is told."""
    return MATCHED if MATCHING in prompt else "Done."


def asked(prompt: str, answer: str = "") -> dict[str, Any]:
    """The bodies of a chat call, for ``gateway_row``."""
    return chat(messages(prompt), answer or answered(prompt))


def chat(said: Sequence[Row], answer: str, model: str = "gpt-4o") -> dict[str, Any]:
    """The bodies of a call with these messages, for ``gateway_row``."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
    response = {"model": model, "choices": [choice]}
    return {"requestBody": json.dumps({"messages": said}), "responseBody": json.dumps(response)}


def llm_rows(call: str, prompt: str, answer: str = "", at: datetime = START, cuts: Sequence[int] = ()) -> list[Row]:
    """The GatewayLlmLogs rows of a call, each with a time of its own; the request is cut at ``cuts`` characters."""
    text = json.dumps(messages(prompt))
    borders = [0, *sorted({cut % len(text) for cut in cuts} - {0}), len(text)]
    chunks = [text[start:end] for start, end in pairwise(borders)]
    reply = json.dumps([{"role": "assistant", "content": answer or answered(prompt), "finish_reason": "stop"}])
    bodies: list[Row] = [
        {
            "sequenceNumber": 0,
            "modelName": "gpt-4o",
            "deploymentName": "chat",
            "promptTokens": 5,
            "completionTokens": 2,
        },
        *({"sequenceNumber": 1, "requestMessages": chunk} for chunk in chunks),
        {"sequenceNumber": 2, "responseMessages": reply},
    ]
    return [
        {
            "category": "GatewayLlmLogs", "correlationId": call, "resourceId": GATEWAY,
            "time": stamp(at + timedelta(microseconds=17 * place)),
            "operationName": "Microsoft.ApiManagement/GatewayLlmLogs", "properties": {"correlationId": call, **body},
        }
        for place, body in enumerate(bodies)
    ]  # fmt: skip


def resource_row(call: str, at: datetime = START) -> Row:
    """A RequestResponse row of an account; its properties are JSON in a text, as Azure writes them."""
    ticks = TICKS_AT_1970 + int((at - datetime(1970, 1, 1)).total_seconds()) * 10_000_000
    inner = {
        "requestTime": ticks,
        "responseTime": ticks + 5_000_000,
        "modelDeploymentName": "chat",
        "modelName": "gpt-4o",
    }
    return {
        "category": "RequestResponse", "correlationId": call, "resourceId": ACCOUNT, "time": stamp(at),
        "operationName": "ChatCompletions_Create", "durationMs": 500, "resultSignature": "200",
        "properties": json.dumps(inner),
    }  # fmt: skip


def as_lines(rows: Iterable[Row]) -> bytes:
    """The rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write_logs(path: Path, rows: Iterable[Row]) -> Path:
    """A file of JSON Lines, gzipped when its name says so; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = as_lines(rows)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_register(path: Path, *rows: str) -> Path:
    """A register with these lines below its header."""
    path.write_text(HEADER + "".join(rows))
    return path


# --- driving ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """stdout as text."""
        return self.out.decode()

    @property
    def error(self) -> str:
        """The error it ended with: exactly one line, and the exit code in the line behind it."""
        *_, message, last = self.err.splitlines()
        assert last.startswith("exit: ")
        assert [line for line in self.err.splitlines() if "error:" in line] == [message], self.err
        return message


@dataclass(frozen=True)
class Place:
    """Where a test works: logs, store, register and reports below one folder."""

    folder: Path

    @property
    def logs(self) -> Path:
        """The folder of exports."""
        return self.folder / "logs"

    @property
    def db(self) -> Path:
        """The store."""
        return self.folder / "audit.duckdb"

    @property
    def register(self) -> Path:
        """The register."""
        return self.folder / "register.csv"

    @property
    def reports(self) -> Path:
        """The folder of reports."""
        return self.folder / "reports"

    @property
    def run(self) -> list[str]:
        """The arguments of the main job here."""
        options = {"--db": self.db, "--register": self.register, "--reports": self.reports}
        return ["run", str(self.logs), *(str(word) for pair in options.items() for word in pair)]


def command(*arguments: str) -> Ran:
    """The command run in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    code: Any = None
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main(list(arguments))
        except SystemExit as end:
            code = end.code
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)  # the command sets its own
    assert isinstance(out.buffer, io.BytesIO)
    return Ran(int(code or 0), out.buffer.getvalue(), err.getvalue())


def start(
    inputs: Path, *arguments: str, before: Sequence[str] = (), small_batches: bool = False, **more: Any
) -> subprocess.Popen[bytes]:
    """The command in a process of its own, quick to start; ``before`` stands before it, such as setpriv."""
    return subprocess.Popen(
        [*before, sys.executable, str(QUICK), str(inputs), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SMALL_BATCHES": "1" if small_batches else ""},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
    )


def ended(process: subprocess.Popen[bytes], seconds: float = 120) -> Ran:
    """Waits for a process to end."""
    out, err = process.communicate(timeout=seconds)
    return Ran(process.returncode, out, err.decode())


# --- looking ----------------------------------------------------------------------------------------------------------


def rows_of(db: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The answer of the store's file ``db`` to a query."""
    with duckdb.connect(str(db), read_only=True) as con:
        con.execute("SET TimeZone = 'UTC'")
        return con.execute(sql, list(parameters)).fetchall()


def stored(db: Path, leave_out: Sequence[str] = ("runs", "finding_log")) -> dict[str, list[str]]:
    """The rows of the store's base tables, sorted, without what names a run.

    Buckets are added up by file: a killed run leaves its share. A text's segment is named by who wrote it first.
    """
    found = {}
    for table in TABLES:
        if table.name in leave_out:
            continue
        names = [column.name for column in table.columns if column.name not in ("run_id", "segment")]
        select = ", ".join(f'"{name}"' for name in names)
        if table.name == "buckets":
            counts = [column.name for column in table.columns if column.type == "BIGINT"]
            select = "file_id, generation, " + ", ".join(f"sum({name})" for name in counts)
        rest = {"buckets": "GROUP BY file_id, generation", "meta": "WHERE name <> 'judged_by'"}.get(table.name, "")
        found[table.name] = sorted(map(repr, rows_of(db, f"SELECT {select} FROM store.{table.name} {rest}")))
    return found


def findings_of(reports: Path, without: Sequence[str] = ("run_id", "first_run", "status")) -> list[Row]:
    """The rows of the latest violations.parquet, without what names a run."""
    rows: list[Row] = pq.read_table(reports / "latest" / "violations.parquet").to_pylist()
    return [{name: value for name, value in row.items() if name not in without} for row in rows]


def by_request(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Findings by each request id that they name."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        for request_id in row["request_ids"]:
            found.setdefault(request_id, []).append(row)
    return found
