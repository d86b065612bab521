"""Invented logs of any size for the benchmark: the same bytes for the same size, on every machine.

One call is one RequestResponse line of an account and three or four GatewayLlmLogs lines of a gateway (metadata,
request messages in one or two chunks, answer). Prompts are about 1.5 KB of office talk; hardly any text comes twice.
A small share speaks about faces, so that detection has work.

    python -m benchmarks.generate FOLDER --bytes 500000000
"""

import argparse
import csv
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

VERSION = 1  # raise it when the same size would give other bytes
SEED = 20260601
FIRST_HOUR = datetime(2026, 6, 1, 8, tzinfo=UTC)
BYTES_PER_HOUR = 45_000_000
BYTES_PER_CALL = 4_600  # measured; only the pace of the clock hangs on it
SENTENCES_PER_PROMPT = (17, 22)  # about 1.5 KB
SHARE_OF_FACES = 0.01  # of the prompts
EVERY_TWO_CHUNKS = 16  # one request in so many comes in two chunks
SENTENCES = 40_000
TICKS_AT_1970 = 621355968000000000  # .NET ticks, 100 ns since 0001-01-01

_SUBSCRIPTION = "/SUBSCRIPTIONS/5E0C2A10-0000-4000-8000-0000000000"
GATEWAY = f"{_SUBSCRIPTION}AA/RESOURCEGROUPS/RG-GATEWAY/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/APIM-BENCH"
ACCOUNTS = tuple(
    f"{_SUBSCRIPTION}0{number}/RESOURCEGROUPS/RG-{name}/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/OAI-{name}"
    for number, name in enumerate(("CLERKS", "PATROL", "PRESS", "SHOP"), 1)
)
REGISTER = (
    ("tenant_id", "name", "domain", "country", "state", "class", "serves", "keys"),
    ("clerks", "City of Benchford", "benchford.example.com", "US", "OH", "umbrella", "", 1),
    ("patrol", "Benchford Police Department", "benchfordpd.example.com", "US", "OH", "us_police", "", 2),
    ("press", "The Benchford Ledger", "ledger.example.com", "US", "OH", "other", "", 3),
    ("shop", "Benchford Hardware", "hardware.example.com", "US", "OH", "other", "", 4),
)
MODELS = ("gpt-4o", "gpt-4-turbo", "gpt-4", "gpt-4o-mini", "gpt-35-turbo")
DEPLOYMENTS = tuple(
    f"{use}-{place}"
    for use in ("drafts", "support", "translate", "summaries", "search")
    for place in ("north", "south", "harbor", "mill", "depot")
)
SYSTEM = (
    "You are a helpful assistant. Answer shortly.",
    "You draft letters for the office of the clerk. Keep names and dates.",
    "Translate into plain English. Do not add anything.",
    "Summarize in three bullets. Say so when something is unclear.",
    "You answer questions about orders from the notes only.",
)
OPENINGS = ("Please", "Could you", "Before Friday,", "As agreed,", "For the file,", "If possible,", "From my notes:")
VERBS = ("rewrite", "check", "shorten", "sort", "explain", "compare", "collect", "list", "review", "prepare", "finish")
NOUNS = ("the minutes", "the budget table", "our offer", "the order", "the draft letter", "the roster", "the invoice")
ENDS = ("by noon.", "with dates.", "for the board.", "in one page.", "and keep the tone.", "in two columns.", "today.")
SYLLABLES = tuple(first + vowel + last for first in "bdfglmnprst" for vowel in "aeiou" for last in ("", "l", "n", "r"))
FACES = (
    "Who is this man? Compare the face with our booking photos and give me the best match.",
    "Does the driver match anyone on the watchlist? This is a live frame from the dash camera.",
    "The council asked for a memo: we do not use facial recognition and have no contract for it.",
    "Blur all faces in the attached frame before the records release.",
    "Tell me the exact age and gender of each person in the picture.",
    "Is he nervous or lying? Look at his face in the interview still.",
    "Our lesson on the bias of face matching needs three quiz questions.",
    "They must face the consequences, so put the face sheet on top.",
)


@dataclass(frozen=True)
class Call:
    """One call: who, when and what was said; texts are free of quotes, backslashes and control characters."""

    number: int
    start: datetime
    milliseconds: int
    deployment: str
    model: str
    system: str
    prompt: str
    answer: str


def generate(folder: Path, size: int) -> int:
    """Fill ``folder`` (emptied first) with about ``size`` bytes of logs and a ``register.csv``; the bytes written.

    Two trees: ``resource-logs/`` and ``llm-logs/``, each with PT1H.json files in the layout of Azure Monitor.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write_register(folder / "register.csv")
    rng = random.Random(SEED)
    sentences = _sentences(rng)
    hours = max(1, round(size / BYTES_PER_HOUR))
    shares = [rng.uniform(0.3, 1.3) for _ in range(hours)]
    written = number = 0
    for index, share in enumerate(shares):
        budget = int(size * share / sum(shares))
        calls = _calls(rng, sentences, FIRST_HOUR + timedelta(hours=index), budget, number)
        added, count = _write_hour(folder, FIRST_HOUR + timedelta(hours=index), calls, budget, rng)
        written, number = written + added, number + count
    return written


def blob(folder: Path, tree: str, category: str, resource: str, hour: datetime) -> Path:
    """Where Azure Monitor would put the records of one hour of a resource, below ``folder/tree``."""
    hourly = f"y={hour:%Y}/m={hour:%m}/d={hour:%d}/h={hour:%H}/m=00/PT1H.json"
    return folder / tree / f"insights-logs-{category}" / f"resourceId={resource}" / hourly


def _write_register(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in REGISTER:
            key = row[-1]
            group = key if isinstance(key, str) else f"resource:{ACCOUNTS[key - 1].lower().partition('/accounts/')[0]}/"
            writer.writerow((*row[:-1], group))


def _sentences(rng: random.Random) -> list[str]:
    """Many office sentences, each with two words of its own, so that texts rarely repeat."""

    def word() -> str:
        return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 3)))

    def sentence() -> str:
        act = f"{rng.choice(OPENINGS)} {rng.choice(VERBS)} {rng.choice(NOUNS)}"
        return f"{act} of {word()} {word()} from {rng.randint(1, 28)} June {rng.choice(ENDS)}"

    return [sentence() for _ in range(SENTENCES)]


def _calls(rng: random.Random, sentences: Sequence[str], hour: datetime, budget: int, first: int) -> Iterator[Call]:
    """Calls of one hour without end, at a human, uneven pace that fills the hour when ``budget`` is reached."""
    pace = 3500 * BYTES_PER_CALL / max(budget, 1)
    clock = 0.0
    number = first
    while True:
        clock = min(clock + rng.expovariate(1 / pace), 3590.0)
        talk = rng.choices(sentences, k=rng.randint(*SENTENCES_PER_PROMPT))
        if rng.random() < SHARE_OF_FACES:
            talk[rng.randrange(len(talk))] = rng.choice(FACES)
        yield Call(
            number=number,
            start=hour + timedelta(seconds=clock),
            milliseconds=rng.randint(300, 6000),
            deployment=rng.choice(DEPLOYMENTS),
            model=rng.choice(MODELS),
            system=rng.choice(SYSTEM),
            prompt=f"Case {number}. " + " ".join(talk),
            answer=" ".join(rng.choices(sentences, k=rng.randint(3, 7))),
        )
        number += 1


def _write_hour(
    folder: Path, hour: datetime, calls: Iterator[Call], budget: int, rng: random.Random
) -> tuple[int, int]:
    """Write calls until ``budget`` bytes are reached; bytes and calls written."""
    accounts = [_open(blob(folder, "resource-logs", "requestresponse", account, hour)) for account in ACCOUNTS]
    gateway = _open(blob(folder, "llm-logs", "gatewayllmlogs", GATEWAY, hour))
    written = count = 0
    for call in calls:
        if written >= budget:
            break
        account = call.number % len(ACCOUNTS)
        written += accounts[account].write(_resource_line(call, ACCOUNTS[account], rng))
        written += gateway.write(_llm_lines(call, rng))
        count += 1
    for file in (*accounts, gateway):
        file.close()
    return written, count


def _open(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="ascii", newline="\n", buffering=1 << 20)


def _guid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _ticks(moment: datetime) -> int:
    return TICKS_AT_1970 + (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def _resource_line(call: Call, account: str, rng: random.Random) -> str:
    """A RequestResponse line; its properties are a JSON text inside the JSON, as Azure writes them."""
    end = call.start + timedelta(milliseconds=call.milliseconds)
    put = end + timedelta(milliseconds=rng.randint(300, 2400))
    properties = (
        f'{{\\"apiName\\":\\"Azure OpenAI API version 2024-10-21\\",\\"requestTime\\":{_ticks(call.start)},'
        f'\\"requestLength\\":{len(call.prompt) + 160},\\"responseTime\\":{_ticks(end)},'
        f'\\"responseLength\\":{len(call.answer) + 700},\\"objectId\\":\\"\\",\\"streamType\\":\\"Non-Streaming\\",'
        f'\\"modelDeploymentName\\":\\"{call.deployment}\\",\\"modelName\\":\\"{call.model}\\",\\"modelVersion\\":\\"1\\"}}'
    )
    return (
        f'{{ "EnqueueTime": "{_stamp(put)}", "callerIpAddress": "203.0.113.***", "category": "RequestResponse", '
        f'"correlationId": "{_guid(rng)}", "durationMs": {call.milliseconds}, "event": "ShoeboxCallResult", '
        f'"location": "eastus", "operationName": "ChatCompletions_Create", "properties": "{properties}", '
        f'"resourceId": "{account}", "resultSignature": "200", "time": "{_stamp(put)}Z", "Tenant": "eastus"}}\n'
    )


def _llm_lines(call: Call, rng: random.Random) -> str:
    """The GatewayLlmLogs lines of a call: 0 metadata, 1 request messages (one or two chunks), 2 answer."""
    correlation = _guid(rng)
    end = call.start + timedelta(milliseconds=call.milliseconds)
    head = (
        f'{{"category":"GatewayLlmLogs","correlationId":"{correlation}","location":"East US",'
        f'"operationName":"Microsoft.ApiManagement/GatewayLlmLogs","properties":{{"correlationId":"{correlation}",'
    )
    tail = f'}},"resourceId":"{GATEWAY}","time":"'
    asked, told = len(call.prompt) // 4, len(call.answer) // 4
    request = f'[{{"role":"system","content":"{call.system}"}},{{"role":"user","content":"{call.prompt}"}}]'
    cut = rng.randrange(1, len(request)) if call.number % EVERY_TWO_CHUNKS == 0 else len(request)
    bodies = [
        f'"sequenceNumber":0,"isStreamCompletion":false,"requestId":"chatcmpl-{correlation[-12:]}",'
        f'"modelName":"{call.model}","deploymentName":"{call.deployment}",'
        f'"promptTokens":{asked},"completionTokens":{told},"totalTokens":{asked + told}'
    ]
    chunks = (request[:cut], request[cut:]) if cut < len(request) else (request,)
    bodies += [f'"sequenceNumber":1,"isStreamCompletion":false,"requestMessages":"{_quoted(part)}"' for part in chunks]
    answer = _quoted(f'[{{"role":"assistant","content":"{call.answer}","finish_reason":"stop"}}]')
    bodies.append(f'"sequenceNumber":2,"isStreamCompletion":false,"responseMessages":"{answer}"')
    times = (_stamp(end + timedelta(microseconds=17 * place)) for place in range(len(bodies)))
    return "".join(f'{head}{body}{tail}{time}Z"}}\n' for body, time in zip(bodies, times, strict=True))


def _quoted(text: str) -> str:
    """A JSON text as the inside of a JSON string; enough, for generated texts hold no other character to escape."""
    return text.replace('"', '\\"')


def main(arguments: Sequence[str] | None = None) -> None:
    """The command ``python -m benchmarks.generate``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="emptied and filled")
    parser.add_argument("--bytes", type=int, default=500_000_000, help="about how many bytes of logs")
    given = parser.parse_args(arguments)
    generate(given.folder, given.bytes)


if __name__ == "__main__":
    main()
