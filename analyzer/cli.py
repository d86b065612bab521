"""The command: parse, call, print, exit. The only room that knows Typer and Rich.

stdout is data, stderr is talk; progress only on a terminal.
"""

import csv
import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from analyzer.errors import AnalyzerError, ExitCode, StoreError, UsageError

EXIT_CODES = """
Exit codes: 0 done · 1 --fail-on met · 2 usage, configuration or a rule is wrong · 3 some input read in this run could
not be read (the rest was processed) · 4 another run holds the lock · 5 store damaged or disk full · 6 internal error ·
130, 143 signals. The worst wins; run.json and the last line of stderr name all.
"""

app = typer.Typer(
    name="aoai-audit",
    help="Reads exported Azure OpenAI usage logs, finds uses that the Code of Conduct forbids, and reports them with "
    f"evidence. Start with: aoai-audit run --help\n\n{EXIT_CODES}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with locals would print prompts
    rich_markup_mode=None,
    add_completion=True,
)
rules_app = typer.Typer(help="The rules that find uses.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(rules_app, name="rules")
tenants_app = typer.Typer(help="The customers: who is what, and why.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tenants_app, name="tenants")
import_app = typer.Typer(
    help="Proposals for the register from public lists.", no_args_is_help=True, rich_markup_mode=None
)
tenants_app.add_typer(import_app, name="import")

_WIDE = 400  # columns where no terminal limits them: nothing is folded in a file


class _Console(Console):
    """A console that drops what nobody reads any more: the exit code stays that of what the command did."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _drop(self.file.fileno())


def _drop(descriptor: int) -> None:
    """Sends all that is still written to a closed pipe nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


err = _Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


class FailOn(StrEnum):
    """Which verdicts of new findings make the command exit with 1."""

    VIOLATION = "violation"
    REVIEW = "review"


Logs = Annotated[
    list[str],
    typer.Argument(
        metavar="LOGS",
        help="Folders, files or globs with exported logs: JSON, CSV, Parquet, Avro; also gzip, zstd, zip.",
    ),
]
Db = Annotated[
    Path,
    typer.Option("--db", metavar="NAME", help="The store; made when it is missing. NAME.snapshot is for analysts."),
]
OldDb = Annotated[Path, typer.Option("--db", metavar="NAME", help="A store that `run` or `load` made.")]
RegisterFile = Annotated[
    Path,
    typer.Option(
        "--register",
        metavar="FILE",
        help="CSV of your tenants and their keys; docs/register.md has its columns.",
    ),
]
ReportsFolder = Annotated[
    Path, typer.Option("--reports", metavar="DIR", help="Where each run writes its report; DIR/latest is the newest.")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        metavar="DAY[THH:MM:SS]",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        help="Report findings from 2026-06-30 (UTC) on; bounds neither loading and judging nor what is printed.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        metavar="DAY[THH:MM:SS]",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        help="Report findings before this time (UTC).",
    ),
]
FailOnOption = Annotated[
    FailOn | None,
    typer.Option("--fail-on", help="Exit with 1 when such a finding appeared or reopened since a run last ended."),
]
Policies = Annotated[
    list[str],
    typer.Option(
        "--policy",
        metavar="NAME",
        help="Policy to judge by: azure_openai_code_of_conduct, eu_ai_act or azure_face_api; may be given again.",
    ),
]
ExceptionsFile = Annotated[
    Path | None,
    typer.Option(
        "--exceptions",
        metavar="FILE",
        help="CSV of approvals and consents that no log can show; lowers findings to review.",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print rows.")]
DEFAULT_POLICIES = ["azure_openai_code_of_conduct"]


def _say_version(wanted: bool) -> None:
    if wanted:
        _write(f"aoai-audit {version('aoai-audit')}\n")
        raise typer.Exit


@app.callback()
def _top(
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    logs: Logs,
    db: Db,
    register: RegisterFile,
    reports: ReportsFolder,
    since: Since = None,
    until: Until = None,
    fail_on: FailOnOption = None,
    policy: Policies = DEFAULT_POLICIES,
    exceptions: ExceptionsFile = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Load what is new, judge what it touches, publish, write a report; prints the incidents.

    Example: aoai-audit run exports/ --db audit.duckdb --register register.csv --reports reports
    """
    from analyzer import job as job

    with _progress() as progress:
        ended = job.run(
            logs, db, register, reports, since=since, until=until, fail_on=fail_on, policies=policy,
            exceptions=exceptions, progress=progress,
        )  # fmt: skip
    _print_incidents(db, output)
    _tell(ended, db)


@app.command()
def load(logs: Logs, db: Db) -> None:
    """Load and assemble what is new in the logs; judge nothing yet.

    Example: aoai-audit load exports/ --db audit.duckdb
    """
    from analyzer import job as job

    with _progress() as progress:
        ended = job.load(logs, db, progress=progress)
    _tell(ended, db)


@app.command()
def detect(
    db: OldDb,
    register: RegisterFile,
    fail_on: FailOnOption = None,
    policy: Policies = DEFAULT_POLICIES,
    exceptions: ExceptionsFile = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Judge what is loaded: tenants, signals, rules, clauses; prints the incidents.

    Example: aoai-audit detect --db audit.duckdb --register register.csv
    """
    from analyzer import job as job

    with _progress() as progress:
        ended = job.detect(db, register, fail_on=fail_on, policies=policy, exceptions=exceptions, progress=progress)
    _print_incidents(db, output)
    _tell(ended, db)


@app.command()
def report(
    db: OldDb,
    register: RegisterFile,
    reports: ReportsFolder,
    since: Since = None,
    until: Until = None,
    policy: Policies = DEFAULT_POLICIES,
    exceptions: ExceptionsFile = None,
) -> None:
    """Write a report of the current findings; prints its folder.

    Example: aoai-audit report --db audit.duckdb --register register.csv --reports reports
    """
    from analyzer import job as job

    ended = job.report(db, register, reports, since=since, until=until, policies=policy, exceptions=exceptions)
    _write(f"{ended.report}\n")
    _tell(ended, db)


@app.command()
def status(db: OldDb, output: FormatOption = Format.TABLE) -> None:
    """What the store holds: files, records, requests, findings, and the last runs.

    Example: aoai-audit status --db audit.duckdb
    """
    from analyzer import querying

    _print_rows(querying.status(db), output)


@app.command()
def inspect(
    logs: Logs,
    register: Annotated[
        Path | None, typer.Option("--register", metavar="FILE", help="Also say which tenants are known by it.")
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Say what logs hold, and what they can never tell and which setting would change that; loads nothing.

    Example: aoai-audit inspect exports/ --register register.csv
    """
    from analyzer import inspection

    with _progress() as progress:
        rows, is_readable = inspection.inspect(logs, register, progress)
    _print_rows(rows, output)
    if not is_readable:
        raise typer.Exit(int(ExitCode.INPUT))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over the views of docs/schema.md.")],
    db: OldDb,
    param: Annotated[
        list[str], typer.Option("--param", metavar="K=V", help="Fills $K in the SQL; may be given again.")
    ] = [],  # noqa: B006 - typer copies it
    output: FormatOption = Format.TABLE,
) -> None:
    """Ask the published snapshot in SQL; runs beside the job without disturbing it.

    Example: aoai-audit query "SELECT tenant_id, count(*) FROM requests GROUP BY ALL" --db audit.duckdb
    """
    from analyzer import querying

    _print_rows(querying.query(db, sql, _parameters(param)), output)


@app.command()
def explain(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="A finding's id, or its first six characters or more.")
    ],
    db: OldDb,
) -> None:
    """Tell why a finding is there: who, what, which clause, the evidence and where it stands in the logs.

    Example: aoai-audit explain 3f9a1c --db audit.duckdb
    """
    from analyzer import querying

    _write(querying.explain(db, finding))


@rules_app.command("list")
def rules_list(output: FormatOption = Format.TABLE) -> None:
    """List the rules: id, use, scope, needs, version, title."""
    from analyzer.rules import load_rules
    from analyzer.shipped import folder

    rows = [
        {"id": r.id, "use": r.use, "scope": r.scope, "needs": " ".join(r.needs), "version": r.version, "title": r.title}
        for r in load_rules(folder("queries") / "rules")
    ]
    _print_rows(rows, output)


RuleFiles = Annotated[
    list[Path] | None,
    typer.Argument(metavar="RULE.sql", help="Rules or folders of them; the shipped ones when none."),
]


@rules_app.command("check")
def rules_check(files: RuleFiles = None) -> None:
    """Check rules and run their cases; exit code 2 when one is wrong.

    Example: aoai-audit rules check my_rules/lookalikes.sql
    """
    from analyzer.cases import run_cases
    from analyzer.lexicon import load_lexicon
    from analyzer.shipped import folder

    rules = _checked_rules(files)
    lexicon = load_lexicon(folder("queries") / "lexicon")
    failed = False
    for rule in rules:
        results = run_cases(rule, lexicon)
        for result in results:
            if not result.passed:
                failed = True
                err.print(f'{rule.path.name}: case "{result.case.name}" does not hold')
        err.print(f"{rule.id}: {sum(r.passed for r in results)} of {len(results)} cases hold")
    if failed:
        raise UsageError("rules check: a case does not hold; mend the rule, the lexicon or the case")


@rules_app.command("coverage")
def rules_coverage(files: RuleFiles = None, output: FormatOption = Format.TABLE) -> None:
    """List what each clause of every policy forbids, the rules that find it and the number of their cases.

    Exit code 2 when a use has no rule, or a rule no cases. Example: aoai-audit rules coverage --format csv
    """
    from analyzer.clauses import clause_coverage
    from analyzer.policies import load_packs, pack_names
    from analyzer.shipped import folder

    rules = _checked_rules(files)
    policies = folder("queries") / "policies"
    packs = load_packs(policies, pack_names(policies)).chosen
    covered, gaps = clause_coverage(packs, rules)
    _print_rows([vars(row) for row in covered], output)
    _raise_all(gaps)


def _checked_rules(files: Sequence[Path] | None) -> list[Any]:
    """The rules of these files and folders, the shipped ones when none is named. Raises UsageError on a wrong one."""
    from analyzer.rules import check_rules
    from analyzer.shipped import folder

    checked = [check_rules(path) for path in files or [folder("queries") / "rules"]]
    _raise_all([error for _, errors in checked for error in errors])
    return [rule for rules, _ in checked for rule in rules]


def _raise_all(errors: Sequence[UsageError]) -> None:
    """Tell all errors on stderr, the last by raising it; nothing when there is none."""
    for error in errors[:-1]:
        err.print(f"aoai-audit: error: {error}")
    if errors:
        raise errors[-1]


@tenants_app.command("list")
def tenants_list(db: OldDb, output: FormatOption = Format.TABLE) -> None:
    """List the tenants of a store: class, confidence, evidence, days of the register, requests.

    Example: aoai-audit tenants list --db audit.duckdb
    """
    from analyzer import querying

    _print_rows(querying.list_tenants(db), output)


@tenants_app.command("explain")
def tenants_explain(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="A tenant_id, as `tenants list` names it.")],
    db: OldDb,
) -> None:
    """Tell why a tenant has its class: register, all evidence in order, what would change it, as whom it acts.

    Example: aoai-audit tenants explain calderfalls-pd --db audit.duckdb
    """
    from analyzer import querying

    _write(querying.explain_tenant(db, tenant))


@tenants_app.command("classify")
def tenants_classify(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", help="CSV in UTF-8 with the columns name, domain, country, state; more are kept."
        ),
    ],
    output: FormatOption = Format.TABLE,
) -> None:
    """Print the rows of a CSV with the class that each name and domain speaks for; needs no store.

    Example: aoai-audit tenants classify customers.csv --format csv
    """
    from analyzer.classified_rows import classify_file

    _print_rows(classify_file(file), output)


@import_app.command("dotgov")
def tenants_import_dotgov(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="current-full.csv of the .gov registry, in any of its header forms.")
    ],
) -> None:
    """Print rows for a register: the bodies of law enforcement, and beside it, that the .gov registry names.

    Their class is left empty, so that it stays a reading of name and domain until you fill it in; their keys too.

    Example: aoai-audit tenants import dotgov current-full.csv > proposed.csv
    """
    import pyarrow as pa

    from analyzer.dotgov import import_dotgov
    from analyzer.register import COLUMNS

    proposal = import_dotgov(file)
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    _print_rows(pa.Table.from_pylist(list(proposal.rows), schema=schema), Format.CSV)
    for row in proposal.unread[:_PLACES]:
        err.print(f"not read: {file}:{row.line}: {row.reason}")
    if len(proposal.unread) > _PLACES:
        err.print(f"not read: {len(proposal.unread) - _PLACES} more")
    for name, counts in (("taken", proposal.taken), ("left", proposal.left)):
        classes = "".join(f", {said} {count}" for said, count in counts.items())
        err.print(f"{name}: {sum(counts.values())}{classes}")
    err.print(f"unread: {len(proposal.unread)}")
    if proposal.unread:
        raise typer.Exit(int(ExitCode.INPUT))


# --- printing ---------------------------------------------------------------------------------------------------------


@contextmanager
def _stdout() -> Iterator[TextIO]:
    """stdout to write data to; its reader may leave before the end, as `head` does."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(sys.stdout.fileno())
    except OSError as error:
        _drop(sys.stdout.fileno())
        raise StoreError(f"stdout: cannot be written ({error.strerror}); make room where it goes") from None


def _write(text: str) -> None:
    with _stdout() as out:
        out.write(text)


@contextmanager
def _progress() -> Iterator[Any]:
    """Progress on a terminal, silence elsewhere."""
    if not err.is_terminal:
        yield lambda step, done, whole: None
        return
    bars: dict[str, TaskID] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:

        def tell(step: str, done: int, whole: int | None) -> None:
            bar = bars.setdefault(step, progress.add_task(step, total=whole) if step not in bars else bars[step])
            progress.update(bar, completed=done)

        yield tell


def _print_incidents(db: Path, output: Format) -> None:
    from analyzer.explanation import incidents_table
    from analyzer.sandbox import open_reader
    from analyzer.store import Store

    with open_reader(Store(db.absolute()).snapshot) as con:
        incidents = [vars(incident) for incident in incidents_table(con)]
    _print_rows([_short(row) for row in incidents] if output is Format.TABLE else incidents, output)


def _short(incident: dict[str, Any]) -> dict[str, str]:
    """What a person needs to see of an incident first."""
    return {
        "incident": incident["incident_id"][:8],
        "severity": incident["severity"],
        "verdicts": f"{incident['violations']} violation, {incident['reviews']} review",
        "tenant": incident["tenant"],
        "class": incident["tenant_class"],
        "clause": incident["clause_id"],
        "uses": ", ".join(incident["uses"]),
        "requests": str(incident["requests"]),
        "first": f"{incident['first_at']:%Y-%m-%d %H:%M}" if incident["first_at"] else "",
    }


_BADLY_READ = """
    SELECT place FROM (
        SELECT file || ':' || line || ': ' || reason AS place FROM quarantine
        WHERE run_id = (SELECT arg_max(run_id, started_at) FROM runs)
        UNION ALL SELECT path || ': ' || reason FROM files WHERE state IN ('unreadable', 'broken')
    ) ORDER BY place
"""
_PLACES = 5  # named on stderr; the views have all


def _tell_badly_read(db: Path) -> None:
    """The first places that could not be read, on stderr."""
    from analyzer.excerpt import plain
    from analyzer.querying import query

    places = query(db, _BADLY_READ).column("place").to_pylist()
    for place in places[:_PLACES]:
        err.print(f"not read: {plain(place)}")
    if len(places) > _PLACES:
        err.print(f"not read: {len(places) - _PLACES} more; they stand in the views quarantine and files")


def _tell_gaps(gaps: Sequence[dict[str, str]]) -> None:
    """Where logging stopped, fell or has holes, the newest first, on stderr."""
    from analyzer.excerpt import plain

    for gap in sorted(gaps, key=lambda gap: gap["to"], reverse=True)[:_PLACES]:
        what = f"{gap['kind'].replace('_', ' ')} from {gap['from']} to {gap['to']}"
        err.print(f"gap: {plain(gap['tenant_id'])}: {what}; before: {gap['compared_with']}")
    if len(gaps) > _PLACES:
        err.print(f"gap: {len(gaps) - _PLACES} more; they stand in the view gaps and in run.json")


def _tell(ended: Any, db: Path) -> None:
    """What was done, on stderr; the last line names every exit code that applies."""
    if ended.loaded is not None:
        files, buckets = ended.loaded.files, ended.loaded.buckets
        err.print("files: " + _counted(files))
        err.print("frames: " + _counted({k: buckets[k] for k in ("opened", "blank", "quarantined", "pending")}))
        items = ("loaded", "duplicates", "foreign_items", "unrecognised", "quarantined_items")
        err.print("items: " + _counted({k: buckets[k] for k in items}))
        err.print(f"requests assembled: {ended.assembled}")
    if ended.changes:
        err.print("findings: " + _counted(ended.changes))
    if ExitCode.INPUT in ended.codes:
        _tell_badly_read(db)
    if ended.report:
        err.print(f"report: {ended.report}")
        err.print(f"head: {ended.head}")
    _tell_gaps(ended.gaps)
    codes = sorted({code for code in ended.codes if code}) or [ExitCode.DONE]
    err.print("exit: " + ", ".join(f"{int(code)} {code.name.lower()}" for code in codes))
    raise typer.Exit(int(ended.code))


def _counted(counts: Any) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "none"


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    parameters = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--param {pair}: no value; write NAME=VALUE")
        parameters[name] = value
    return parameters


def _print_rows(rows: Any, output: Format) -> None:
    """Rows (an Arrow table, or a list of dicts) on stdout."""
    import pyarrow as pa

    if output is Format.PARQUET and sys.stdout.isatty():
        raise UsageError("--format parquet: writes bytes, not text; send it to a file with > FILE.parquet")
    names = rows.column_names if isinstance(rows, pa.Table) else list(rows[0]) if rows else []
    if output is Format.TABLE:
        _print_table(names, _dicts(rows))
        return
    with _stdout() as out:
        if output is Format.PARQUET:
            _write_parquet(rows, out)
        elif output is Format.JSON:
            out.write(json.dumps(_dicts(rows), default=str, indent=2) + "\n")
        elif output is Format.JSONL:
            out.writelines(json.dumps(row, default=str) + "\n" for row in _dicts(rows))
        else:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerows([names] if names else [])
            writer.writerows([_harmless(row[name]) for name in names] for row in _dicts(rows))


def _dicts(rows: Any) -> list[dict[str, Any]]:
    return rows if isinstance(rows, list) else rows.to_pylist(maps_as_pydicts="strict")


def _write_parquet(rows: Any, out: TextIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows) if isinstance(rows, list) else rows, out.buffer)


def _print_table(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    from analyzer.excerpt import plain

    if not rows:
        err.print("no rows")
        return
    table = Table(*map(plain, names), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(plain(_cell(row[name])) for name in names))
    width = None if sys.stdout.isatty() else _WIDE
    with _stdout():
        _Console(markup=False, highlight=False, emoji=False, width=width).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name}={_cell(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return (
            "; ".join(_cell(item) for item in value)
            if any(isinstance(item, dict) for item in value)
            else ", ".join(_cell(item) for item in value)
        )
    return str(value)


def _harmless(value: Any) -> str:
    """A cell of a CSV that a spreadsheet takes for no formula and a terminal for no command; numbers stay numbers."""
    from analyzer.excerpt import plain

    text = plain(_cell(value))
    is_number = isinstance(value, (int, float, Decimal))
    return "'" + text if not is_number and text[:1] in ("=", "+", "-", "@") else text


class _StoppedError(BaseException):
    """A signal asked the command to end; not an Exception, so that nothing on the way takes it for one."""


_stopped: list[int] = []  # by which signals; a library may turn the exception into one of its own


def _stop(number: int, frame: FrameType | None) -> None:
    _stopped.append(number)
    raise _StoppedError(number)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: runs the command and exits with its code."""
    _stopped.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        sys.exit(app(arguments, standalone_mode=False, prog_name=app.info.name) or 0)
    except typer.TyperException as error:
        _fail_usage(error)
    except _StoppedError:
        _fail_stopped()
    except AnalyzerError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
        message = f"{error.filename or 'the store'}: {error.strerror}; make room or check permissions, then run again"
        _fail(message, ExitCode.STORE if full else ExitCode.USAGE)
    except Exception as error:  # the last line of defence: a bug of ours must not print what a log holds
        if _stopped:
            _fail_stopped()
        if type(error).__name__ in _STORE_FAILURES and type(error).__module__ in ("duckdb", "_duckdb"):
            _fail("the store cannot be read or written; make room, or restore it, and run again", ExitCode.STORE)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        _fail(f"internal error ({type(error).__name__} at {where}); please report it", ExitCode.INTERNAL)


# What DuckDB raises of a damaged file or a full disk; everything else it raises is a bug of ours.
_STORE_FAILURES = (
    "Error",  # by itself: of blocks that cannot be read
    "IOException",
    "FatalException",
    "InternalException",
    "SerializationException",
    "OutOfMemoryException",
)


def _fail_stopped() -> None:
    _fail("stopped by a signal; run again to go on where it stopped", ExitCode(128 + _stopped[0]))


def _fail(message: str, code: ExitCode) -> None:
    err.print(f"aoai-audit: error: {message}")
    err.print(f"exit: {int(code)} {code.name.lower()}")
    sys.exit(int(code))


def _fail_usage(error: typer.TyperException) -> None:
    """What Typer says of a wrong command line, in one line; the help where no command was named."""
    context = getattr(error, "ctx", None)
    said = getattr(error, "format_message", lambda: str(error))().replace("Value error, ", "").rstrip(".")
    if context is not None and said.startswith("Usage:"):
        err.print(said)
        sys.exit(int(ExitCode.USAGE))
    path = context.command_path if context is not None else "aoai-audit"
    _fail(f"{' '.join(said.split())}; see {path} --help", ExitCode.USAGE)
