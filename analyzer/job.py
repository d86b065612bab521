"""The main job as one straight line: load, assemble, settle, detect, judge, publish, report.

Each step keeps its own rules in its own module; this one opens and closes the store between them. What was used is
read and checked first, so that a mistake in it costs nothing.
"""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from analyzer import assemble, chain, detection, judge, loading, reporting, settle, sources
from analyzer.classifier import Patterns, load_patterns
from analyzer.errors import AnalyzerError, ExitCode, StoreError, UsageError, worst
from analyzer.judge import Exceptions, Packs
from analyzer.lexicon import Lexicon, load_lexicon
from analyzer.loading import Loaded
from analyzer.progress import Progress, no_progress, summing
from analyzer.register import Register, read_register
from analyzer.rules import Rule, load_rules
from analyzer.sandbox import open_reader
from analyzer.schema import RULE_DAYS
from analyzer.shipped import folder
from analyzer.sources import Source
from analyzer.store import Store, locked, publish, remove_orphans, transaction, writer
from analyzer.texts import lookup

TOOL_VERSION = version("aoai-audit")
_JUDGED = "judged_"  # before the names under which the store notes what its findings were made with


@dataclass(frozen=True)
class Inputs:
    """Everything besides the logs that decides what is found, read and checked."""

    register: Register
    patterns: Patterns
    lexicon: Lexicon
    rules: tuple[Rule, ...]
    packs: Packs
    exceptions: Exceptions

    @property
    def hashes(self) -> dict[str, str]:
        """A hash of each, by the word that ``finding_log.cause`` uses for it."""
        rules = hashlib.sha256("\n".join(f"{rule.id} {rule.sha256}" for rule in self.rules).encode()).hexdigest()
        return {
            "rules": rules,
            "lexicon": self.lexicon.version,
            "register": self.register.sha256 + self.patterns.version,
            "policy": self.packs.version,
            "exceptions": self.exceptions.sha256,
            "tool": f"{TOOL_VERSION} {judge.logic_version()}",
        }


@dataclass(frozen=True)
class Job:
    """One execution: its id, and when it began (UTC, naive)."""

    run_id: str
    started_at: datetime
    command: str


@dataclass(frozen=True)
class Ended:
    """How a command ended: ``codes`` are all that apply, ``code`` the worst; the rest where the command did it."""

    codes: tuple[ExitCode, ...] = (ExitCode.DONE,)
    loaded: Loaded | None = None
    assembled: int = 0
    changes: dict[str, int] = field(default_factory=dict)  # findings by change in this run
    report: Path | None = None
    head: str | None = None  # SHA-256 of run.json: whoever notes it can prove the report later
    gaps: tuple[dict[str, str], ...] = ()  # of logging, as run.json has them

    @property
    def code(self) -> ExitCode:
        """The exit code of the command."""
        return worst(*self.codes)


def read_inputs(
    register: Path, policies: Sequence[str] = judge.DEFAULT_PACKS, exceptions: Path | None = None
) -> Inputs:
    """Reads and checks what decides the findings. Raises UsageError for the first thing that is wrong."""
    queries = folder("queries")
    inputs = Inputs(
        read_register(register),
        load_patterns(queries / "tenants"),
        load_lexicon(queries / "lexicon", prove=False),
        load_rules(queries / "rules"),
        judge.load_packs(queries / "policies", policies),
        judge.read_exceptions(exceptions) if exceptions else judge.NO_EXCEPTIONS,
    )
    judge.check_exceptions(inputs.exceptions, inputs.packs, [tenant.tenant_id for tenant in inputs.register.tenants])
    return inputs


def run(
    logs: Sequence[str],
    db: Path,
    register: Path,
    reports: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    fail_on: str | None = None,
    policies: Sequence[str] = judge.DEFAULT_PACKS,
    exceptions: Path | None = None,
    progress: Progress = no_progress,
) -> Ended:
    """The main job: loads what is new in ``logs``, judges what it touches, publishes, writes a report.

    ``since`` and ``until`` (UTC, naive) bound the report only. ``fail_on``: ``violation`` or ``review``, looks at
    findings that appeared or reopened since a run or detect last ended. Raises AnalyzerError.
    """
    _check_window(since, until)
    inputs = read_inputs(register, policies, exceptions)
    found = sources.find(logs, filter(None, (register, exceptions)))
    reporting.check_folder(reports)
    store, job = Store(db.absolute()), _start("run")
    with locked(store):
        loaded, assembled = _load(store, found, job, progress)
        _detect(store, inputs, job, progress)
        changes = _changes(store)
        codes = _all_that_apply(_read_code(loaded), _fail_code(store, fail_on))
        with _noted(store, inputs.hashes, job, codes, _UNTOLD, _UNREPORTED):
            written = _report(store, inputs, job, codes, reports, since, until)
        return Ended(codes, loaded, assembled, changes, written, chain.head(written), _gaps(written))


def load(logs: Sequence[str], db: Path, *, progress: Progress = no_progress) -> Ended:
    """The first step by itself: loads and assembles what is new, publishes. Raises AnalyzerError."""
    found = sources.find(logs)
    store, job = Store(db.absolute()), _start("load")
    with locked(store):
        loaded, assembled = _load(store, found, job, progress)
        codes = _all_that_apply(_read_code(loaded))
        with _noted(store, {}, job, codes):
            return Ended(codes, loaded, assembled)


def detect(
    db: Path,
    register: Path,
    *,
    fail_on: str | None = None,
    policies: Sequence[str] = judge.DEFAULT_PACKS,
    exceptions: Path | None = None,
    progress: Progress = no_progress,
) -> Ended:
    """The second step by itself: tenants, signals, rules and judgement over what is loaded. Raises AnalyzerError."""
    inputs = read_inputs(register, policies, exceptions)
    store, job = _existing(db), _start("detect")
    with locked(store):
        _detect(store, inputs, job, progress)
        codes = _all_that_apply(_fail_code(store, fail_on))
        changes = _changes(store)
        with _noted(store, inputs.hashes, job, codes, _UNTOLD):
            return Ended(codes, changes=changes)


def report(
    db: Path,
    register: Path,
    reports: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    policies: Sequence[str] = judge.DEFAULT_PACKS,
    exceptions: Path | None = None,
) -> Ended:
    """The last step by itself: a report of the current findings.

    Raises UsageError when the findings were not made with these inputs, for a report names what it was made with.
    """
    _check_window(since, until)
    inputs = read_inputs(register, policies, exceptions)
    reporting.check_folder(reports)
    store, job = _existing(db), _start("report")
    with locked(store):
        with open_reader(store.database) as con:
            if differing := sorted(_differing(con, inputs)):
                raise UsageError(
                    f"{db}: its findings were made with other {', '.join(differing)}; run `aoai-audit detect` first"
                )
        with _noted(store, inputs.hashes, job, (ExitCode.DONE,), _UNREPORTED):
            written = _report(store, inputs, job, (ExitCode.DONE,), reports, since, until)
        return Ended(report=written, head=chain.head(written), gaps=_gaps(written))


# --- steps ------------------------------------------------------------------------------------------------------------

# Runs that changed findings and died before they could tell: the next one tells for them.
_UNTOLD = "untold_runs"  # by an exit code
_UNREPORTED = "unreported_runs"  # in a report


def _check_window(since: datetime | None, until: datetime | None) -> None:
    if since and until and since >= until:
        raise UsageError(f"--since {since} is not before --until {until}; give the earlier time first")


def _all_that_apply(*codes: ExitCode) -> tuple[ExitCode, ...]:
    return tuple(code for code in codes if code) or (ExitCode.DONE,)


def _read_code(loaded: Loaded) -> ExitCode:
    return ExitCode.INPUT if loaded.read_badly else ExitCode.DONE


def _start(command: str) -> Job:
    return Job(uuid.uuid4().hex[:12], datetime.now(UTC).replace(tzinfo=None, microsecond=0), command)


def _existing(db: Path) -> Store:
    store = Store(db.absolute())
    if not store.database.exists():
        raise UsageError(f"{db}: no store there; name one that `aoai-audit run` or `load` made")
    return store


def _load(store: Store, found: Sequence[Source], job: Job, progress: Progress) -> tuple[Loaded, int]:
    whole = sum(source.size for source in found)
    with writer(store) as con:
        remove_orphans(con, store)
        loaded = loading.load(con, store, found, job.run_id, summing("load", whole, progress))
        assembled = assemble.assemble(con, store, summing("assemble", None, progress))
    return loaded, assembled


def _detect(store: Store, inputs: Inputs, job: Job, progress: Progress) -> None:
    """Settles what changed, runs the rules and judges, where there is anything new to judge."""
    with writer(store) as con:
        before = settle.read_meta(con)
        arrived = con.execute("SELECT count(*) FROM store.unsettled").fetchall() != [(0,)]
        settle.settle(con, store, inputs.register, inputs.patterns, inputs.lexicon, summing("search", None, progress))
    with open_reader(store.database) as con:
        if not _differing(con, inputs):
            return
        progress("detect", 0, None)
        with detection.joined_once(con):
            uses = detection.find_uses(con, inputs.rules)
            days = detection.rule_days(con, inputs.rules, uses)
    causes = [name for name, value in inputs.hashes.items() if before.get(_JUDGED + name, value) != value]
    if arrived or not causes:
        causes.append("records")
    with writer(store) as con, transaction(con):
        findings = judge.current_findings(con)
        judge.judge(con, uses, inputs.packs, inputs.exceptions)
        if judge.log_changes(con, findings, job.run_id, job.started_at, causes):
            for name in (_UNTOLD, _UNREPORTED):
                settle.set_meta(con, name, " ".join([*_runs(con, name), job.run_id]))
        con.register("incoming_days", days)
        con.execute("DELETE FROM store.rule_days")
        con.execute(
            f"INSERT INTO store.rule_days SELECT {', '.join(c.name for c in RULE_DAYS.columns)} FROM incoming_days"
        )
        con.unregister("incoming_days")
        for name, value in inputs.hashes.items():
            settle.set_meta(con, _JUDGED + name, value)
        settle.set_meta(con, "judged_with", "all")
        settle.set_meta(con, "judged_by", job.run_id)  # tells the snapshot of before from the store


def _runs(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    return settle.read_meta(con).get(name, "").split()


def _differing(con: duckdb.DuckDBPyConnection, inputs: Inputs) -> list[str]:
    """What the findings were not judged with: inputs by name, and ``records`` when some came since."""
    known = settle.read_meta(con)
    arrived = con.execute("SELECT count(*) FROM store.unsettled").fetchall() != [(0,)]
    return [name for name, value in inputs.hashes.items() if known.get(_JUDGED + name) != value] + (
        ["records"] if arrived or known.get("judged_with") != "all" else []
    )


def _fail_code(store: Store, fail_on: str | None) -> ExitCode:
    """Whether --fail-on is met by what appeared or reopened and nobody dismissed."""
    if fail_on is None:
        return ExitCode.DONE
    verdicts = ["violation"] if fail_on == "violation" else ["violation", "review"]
    with open_reader(store.database) as con:
        met = con.execute(
            """
            SELECT count(*) FROM findings AS finding
            SEMI JOIN (
                SELECT finding_id FROM finding_log
                WHERE list_contains($runs, run_id) AND change IN ('appeared', 'reopened')
            ) AS changed USING (finding_id)
            ANTI JOIN (SELECT finding_id FROM decisions WHERE decision = 'dismissed') AS dismissed USING (finding_id)
            WHERE list_contains($verdicts, verdict)
            """,
            {"runs": _runs(con, _UNTOLD), "verdicts": verdicts},
        ).fetchall()
    return ExitCode.FAIL_ON if met[0][0] else ExitCode.DONE


@contextmanager
def _noted(store: Store, hashes: dict[str, str], job: Job, codes: tuple[ExitCode, ...], *told: str) -> Iterator[None]:
    """Notes how the run ended when the last step, inside, has; then publishes.

    ``told``: the lists of runs whose changes have now been told, unless the last step failed.
    """
    try:
        yield
    except AnalyzerError as error:
        _note(store, hashes, job, (*codes, error.exit_code), ())
        _publish(store)
        raise
    _note(store, hashes, job, codes, told)
    _publish(store)


def _note(store: Store, hashes: dict[str, str], job: Job, codes: Sequence[ExitCode], told: Sequence[str]) -> None:
    with writer(store) as con:
        with transaction(con):
            con.execute(
                "INSERT INTO store.runs VALUES ($run, $started, $ended, $command, $code, MAP($names, $values))",
                {
                    "run": job.run_id,
                    "started": job.started_at,
                    "ended": datetime.now(UTC).replace(tzinfo=None, microsecond=0),
                    "command": job.command,
                    "code": int(worst(*codes)),
                    "names": list(hashes),
                    "values": list(hashes.values()),
                },
            )
            for name in told:
                settle.set_meta(con, name, "")
        con.execute("CHECKPOINT")


def _publish(store: Store) -> None:
    """Publishes unless the snapshot says all that the store does but for ``runs``, whatever run wrote it."""
    try:
        same = store.snapshot.exists() and _written(store.snapshot) == _written(store.database)
    except (StoreError, duckdb.Error):
        same = False  # a damaged snapshot is published anew
    if not same:
        publish(store)


def _written(database: Path) -> list[tuple[object, ...]]:
    """What every step leaves behind when it has written something: ledger, marks and logs."""
    with open_reader(database) as con:
        return con.execute("""
            SELECT (SELECT count(*) FROM store.buckets), (SELECT list(file ORDER BY file_id) FROM store.files AS file),
                (SELECT count(*) FROM store.dirty), (SELECT count(*) FROM store.requests),
                (SELECT list(fact ORDER BY name) FROM store.meta AS fact), (SELECT count(*) FROM store.finding_log)
        """).fetchall()


def _report(
    store: Store,
    inputs: Inputs,
    job: Job,
    codes: tuple[ExitCode, ...],
    reports: Path,
    since: datetime | None,
    until: datetime | None,
) -> Path:
    facts = reporting.RunFacts(
        run_id=job.run_id,
        started_at=job.started_at,
        tool_version=TOOL_VERSION,
        rules=tuple(reporting.RuleFacts(rule.id, rule.version, rule.sha256) for rule in inputs.rules),
        register=inputs.register.sha256,
        lexicon=inputs.lexicon.version,
        policy=inputs.packs.version,
        exceptions=inputs.exceptions.sha256 or None,
        patterns=inputs.patterns.version,
        exit_codes=codes,
        logic=judge.logic_version(),
    )
    with open_reader(store.database) as con:
        facts = replace(facts, unreported=tuple(_runs(con, _UNREPORTED)))
        return reporting.write(con, lookup(con, store), reports, facts, since, until)


def _gaps(report: Path) -> tuple[dict[str, str], ...]:
    """The gaps of logging that a report tells of."""
    return tuple(chain.facts(report)["gaps"])


def _changes(store: Store) -> dict[str, int]:
    """How many findings changed since a run or detect last ended, by kind of change."""
    with open_reader(store.database) as con:
        return dict(
            con.execute(
                """
                SELECT change, count(*) FROM finding_log WHERE list_contains($runs, run_id)
                GROUP BY change ORDER BY change
                """,
                {"runs": _runs(con, _UNTOLD)},
            ).fetchall()
        )
