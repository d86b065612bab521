"""How well a labelled corpus is judged by the real command: recall, precision and more, overall and by group.

The corpus is a folder with ``logs/``, ``labels.csv`` (request_id, scenario_id, tenant_id, verdict, clauses, outcome,
shape, tags), the register ``tenants.csv`` and ``tenants.jsonl``, which says as ``truth`` who each tenant is. A scenario
is one labelled story of one or many calls; it counts once, with the strongest verdict that any of its calls got.

    python -m benchmarks.detection CORPUS          # prints the figures; exit code 1 when one fell below the best
    python -m benchmarks.detection CORPUS --keep   # and writes the better ones down as the best

The best figures stand in detection.toml beside this file. Part ``held``, a third of the
scenarios by a hash of their ids, is that whose texts nobody reads who works on the detection: its figures say what
the others are worth.
"""

import argparse
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb

from benchmarks.bench import ROOT, say

BEST = Path(__file__).with_name("detection.toml")
LOWER_IS_BETTER = ("false alarms",)
GROUPS = ("part", "clause", "shape", "language", "tenant class")

Figures = dict[str, float]  # by name, in the order of the table; one that has nothing to count is not there

_SCENARIOS = """
CREATE OR REPLACE TEMP TABLE scenarios AS
WITH reported AS (
    SELECT lower(replace(id, '-', '')) AS id, max(verdict = 'violation') AS violation, list(clause_id) AS clauses,
        list(outcome) AS outcomes
    FROM (SELECT unnest(request_ids) AS id, verdict, clause_id, outcome FROM read_parquet($violations)) GROUP BY 1
), labels AS (
    SELECT *, split(tags, ';') AS tag FROM read_csv($labels, all_varchar = true)
)
SELECT scenario_id,
    any_value(verdict) AS label,
    any_value(split(labels.clauses, ';')[1]) AS clause,
    any_value(labels.outcome) AS outcome,
    any_value(shape) AS shape,
    coalesce(any_value(list_filter(tag, lambda one: starts_with(one, 'lang:'))[1][6:]), 'none') AS "language",
    any_value(truth) AS "tenant class",
    CASE WHEN list_sum(list_transform(split(sha256(scenario_id), ''), lambda digit: ('0x' || digit)::INTEGER)) % 3 = 0
        THEN 'held' ELSE 'open' END AS part,
    CASE WHEN bool_or(violation) THEN 'violation' WHEN count(reported.id) > 0 THEN 'review' ELSE 'none' END AS said,
    flatten(list(reported.clauses)) AS said_clauses,
    flatten(list(reported.outcomes)) AS said_outcomes
FROM labels
LEFT JOIN reported ON reported.id = lower(replace(labels.request_id, '-', ''))
LEFT JOIN read_json($tenants, columns = {tenant_id: 'VARCHAR', truth: 'VARCHAR'}) AS tenants USING (tenant_id)
GROUP BY scenario_id
"""

# a scenario that is labelled review counts half where it is said to be a violation
_FIGURES = """
SELECT
    count(*) AS scenarios,
    avg((said = 'violation')::INTEGER) FILTER (WHERE label = 'violation') AS recall,
    avg((said <> 'none')::INTEGER) FILTER (WHERE label = 'violation') AS found,
    avg(CASE label WHEN 'violation' THEN 1 WHEN 'review' THEN 0.5 ELSE 0 END)
        FILTER (WHERE said = 'violation') AS "precision",
    avg((said <> 'none')::INTEGER) FILTER (WHERE label = 'none') AS "false alarms",
    avg((said <> 'none')::INTEGER) FILTER (WHERE label = 'review') AS "review kept",
    avg(list_contains(said_clauses, clause)::INTEGER)
        FILTER (WHERE label = 'violation' AND said = 'violation') AS clause,
    avg(list_contains(said_outcomes, outcome)::INTEGER) FILTER (WHERE label <> 'none' AND said <> 'none') AS outcome
FROM scenarios
"""


def judge(corpus: Path, folder: Path) -> Path:
    """Runs the command over the corpus; the violations it reported. Writes to ``folder``, raises CalledProcessError."""
    job = [sys.executable, "-m", "analyzer", "run", str(corpus / "logs"), "--db", str(folder / "corpus.duckdb")]
    job += ["--register", str(corpus / "tenants.csv"), "--reports", str(folder / "reports")]
    ran = subprocess.run(job, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
    if ran.returncode not in (0, 3):  # 3: a line of the logs is broken, which is counted
        raise subprocess.CalledProcessError(ran.returncode, job)
    return folder / "reports" / "latest" / "violations.parquet"


def score(corpus: Path, violations: Path) -> dict[tuple[str, str], Figures]:
    """The figures by (group, value): all of them as ``("all", "")``, then each group's values in order."""
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute(
            _SCENARIOS,
            {
                "violations": str(violations),
                "labels": str(corpus / "labels.csv"),
                "tenants": str(corpus / "tenants.jsonl"),
            },
        )
        scored = {("all", ""): _figures(con.sql(_FIGURES))}
        for group in GROUPS:
            values = con.sql(
                f'SELECT DISTINCT "{group}" FROM scenarios WHERE "{group}" IS NOT NULL ORDER BY 1'
            ).fetchall()
            for (value,) in values:
                scored[group, value] = _figures(
                    con.sql(f'{_FIGURES} WHERE "{group}" = $value', params={"value": value})
                )
    return scored


def _figures(row: duckdb.DuckDBPyRelation) -> Figures:
    (values,) = row.fetchall()
    return {name: float(value) for name, value in zip(row.columns, values, strict=True) if value is not None}


def fallen(scored: Mapping[tuple[str, str], Figures], best: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for each figure that is worse than the best one so far, to the third digit, or can no longer be told."""
    lines = []
    for part, figures in best.items():
        now = scored["all", ""] if part == "all" else scored.get(("part", part), {})
        for name, value in figures.items():
            if name not in now:
                lines.append(f"{part}: {name} has nothing to count; the best was {value:.3f}")
            elif _better(name)(round(now[name], 3), value) != round(now[name], 3):
                lines.append(f"{part}: {name} {now[name]:.3f}; the best was {value:.3f}")
    return lines


def _better(name: str) -> Callable[[float, float], float]:
    """Which of two values of a figure is the better one."""
    return min if name in LOWER_IS_BETTER else max


def read_best() -> dict[str, dict[str, float]]:
    """The best figures so far of ``all`` and of each part."""
    return tomllib.loads(BEST.read_text()) if BEST.exists() else {}


def keep(scored: Mapping[tuple[str, str], Figures]) -> None:
    """Writes down as the best what is better than before."""
    before, lines = read_best(), ["# The best figures so far: written by `python -m benchmarks.detection --keep`.\n"]
    for part, now in (("all", scored["all", ""]), ("open", scored["part", "open"]), ("held", scored["part", "held"])):
        lines.append(f"\n[{part}]\n")
        for name, value in list(now.items())[1:]:
            best = _better(name)(round(value, 3), before.get(part, {}).get(name, round(value, 3)))
            lines.append(f'"{name}" = {best:.3f}\n')
    BEST.write_text("".join(lines))


def table(scored: Mapping[tuple[str, str], Figures]) -> list[str]:
    """The lines to print: figures in columns, groups in rows."""
    names = list(scored["all", ""])
    lines = [f"{'':40}" + "".join(f"{name:>13}" for name in names)]
    for (group, value), figures in scored.items():
        shown = (f"{figures[name]:13.3f}" if name in figures else f"{'-':>13}" for name in names[1:])
        lines.append(f"{group + ' ' + value:40}{figures['scenarios']:13.0f}" + "".join(shown))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m benchmarks.detection``: 0 as good as ever, 1 worse, 2 not measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, help="the folder that holds logs/ and labels.csv")
    parser.add_argument("--keep", action="store_true", help="write the better figures down as the best")
    given = parser.parse_args(arguments)
    if not (given.corpus / "labels.csv").is_file():
        sys.stderr.write(f"detection: {given.corpus}: no labels.csv there; name the folder of a labelled corpus\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        try:
            scored = score(given.corpus, judge(given.corpus.resolve(), Path(folder)))
        except (subprocess.CalledProcessError, duckdb.Error) as error:
            sys.stderr.write(f"detection: {error}\n")
            return 2
    for line in [*table(scored), *fallen(scored, read_best())]:
        say(line)
    if given.keep:
        keep(scored)
    return 1 if fallen(scored, read_best()) else 0


if __name__ == "__main__":
    sys.exit(main())
