"""Gaps in logging: what a police or vendor tenant's past says of a day, an hour or a silence, and what it does not."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from jobs import HARMLESS, Place, Ran, asked, gateway_row, rows_of, write_logs
from made import fill_store, made_store

from analyzer import gaps, reporting
from analyzer.store import create_schema
from analyzer.verdicts import shipped_verdicts

Row = dict[str, Any]
Aoai = Callable[..., Ran]

FIRST = datetime(2026, 5, 4)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFFICE = range(8, 17)
WEEKDAYS, WEEKEND = range(5), (5, 6)


def calls(
    weeks: float = 6,
    hours: Iterable[int] = OFFICE,
    weekdays: Iterable[int] = WEEKDAYS,
    every: int = 20,
    start: datetime = FIRST,
) -> Iterator[datetime]:
    """Times of calls, one each ``every`` minutes of these hours on these days of the week."""
    hours, weekdays = set(hours), set(weekdays)
    at = start
    while at < start + timedelta(weeks=weeks):
        if at.hour in hours and at.weekday() in weekdays:
            yield at
        at += timedelta(minutes=every)


def logged(
    times: Iterable[datetime], seen: Callable[[datetime], bool] = lambda at: True, tenant: str = "pd"
) -> list[Row]:
    """Calls of a tenant, with content where ``seen`` says so."""
    return [
        {
            "key": f"{tenant} {at:%m%dT%H%M%S} {number}", "at": at, "tenant": tenant, "answer_seen": "none",
            "prompt_seen": "full" if seen(at) else "none",
        }
        for number, at in enumerate(times)
    ]  # fmt: skip


def found(*requests: Row, tenant_class: str = "us_police") -> list[tuple[str, str, datetime, datetime]]:
    """The gaps of a store with these calls; every tenant in it but the shop has the class."""
    tenants = {request["tenant"] for request in requests}
    classes = {tenant: "other" if tenant == "shop" else tenant_class for tenant in sorted(tenants)}
    rows = [{"tenant_id": tenant, "tenant_class": known} for tenant, known in classes.items()]
    with made_store(requests, tenants=rows) as con:
        return con.execute(
            "SELECT tenant_id, kind, from_time, to_time FROM gaps ORDER BY tenant_id, from_time, kind"
        ).fetchall()


def on(day: int, hour: int = 0) -> datetime:
    """A moment, counted in days from the first."""
    return FIRST + day * DAY + hour * HOUR


def others(until: datetime) -> list[Row]:
    """Somebody else's calls, which show that logs still come."""
    return logged([FIRST, until], tenant="shop")


# --- content ----------------------------------------------------------------------------------------------------------


def test_content_that_stopped_is_a_gap_to_the_last_day() -> None:
    assert found(*logged(calls(6), lambda at: at < on(28))) == [("pd", "content_stopped", on(28), on(40))]


def test_content_that_stopped_stays_a_gap_when_its_past_has_long_gone_by() -> None:
    assert found(*logged(calls(16), lambda at: at < on(28))) == [("pd", "content_stopped", on(28), on(7 * 15 + 5))]


def test_content_that_comes_back_ends_the_gap() -> None:
    gap = [("pd", "content_stopped", on(28), on(30))]
    assert found(*logged(calls(6), lambda at: not on(28) <= at < on(30))) == gap


def test_content_that_fell_to_a_third_is_a_gap_for_as_long_as_it_lasts() -> None:
    assert found(*logged(calls(12), lambda at: at < on(28) or at.minute == 0)) == [
        ("pd", "content_fell", on(28), on(7 * 11 + 5))
    ]


@pytest.mark.parametrize(("share", "is_gap"), [(50, True), (51, False)])
def test_half_of_what_it_was_is_a_gap_and_a_little_more_is_none(share: int, is_gap: bool) -> None:
    past = [on(day, 9) + number * timedelta(seconds=1) for day in range(5) for number in range(100)]
    today = [on(5, 9) + number * timedelta(seconds=1) for number in range(100)]
    seen = set(past) | set(today[:share])
    assert bool(found(*logged([*past, *today], lambda at: at in seen))) == is_gap


@pytest.mark.parametrize(("past_days", "is_gap"), [(5, True), (4, False)])
def test_a_share_is_compared_with_five_days_or_more(past_days: int, is_gap: bool) -> None:
    times = calls(1, weekdays=range(7), start=on(0))
    kept = [at for at in times if at < on(past_days + 1)]
    assert bool(found(*logged(kept, lambda at: at < on(past_days)))) == is_gap


@pytest.mark.parametrize(("count", "is_gap"), [(5, True), (4, False)])
def test_a_day_of_fewer_than_five_calls_is_not_judged(count: int, is_gap: bool) -> None:
    today = [on(28, 9) + number * HOUR for number in range(count)]
    assert bool(found(*logged([*calls(4), *today], lambda at: at < on(28)))) == is_gap


def test_a_past_of_more_than_four_weeks_ago_is_forgotten() -> None:
    times = [*calls(4), *calls(1, start=on(60), weekdays=range(7))]
    assert "content_stopped" not in {kind for _, kind, *_ in found(*logged(times, lambda at: at < on(28)))}
    times = [*calls(4), *calls(1, start=on(46), weekdays=range(7))]
    assert "content_stopped" in {kind for _, kind, *_ in found(*logged(times, lambda at: at < on(28)))}


def test_a_tenant_that_never_logged_content_has_none_to_lose() -> None:
    assert found(*logged(calls(6), lambda at: False)) == []


def test_a_tenant_that_begins_to_log_content_has_no_gap() -> None:
    assert found(*logged(calls(6), lambda at: at >= on(21))) == []


def test_calls_that_carry_no_prompt_do_not_lower_the_share() -> None:
    other = [
        {**row, "api": "other", "key": f"other {row['key']}"}
        for row in logged(calls(2, start=on(28)), lambda at: False)
    ]
    assert found(*logged(calls(6)), *other) == []


# --- hours ------------------------------------------------------------------------------------------------------------


def test_an_afternoon_without_a_record_is_a_gap() -> None:
    assert found(*logged(at for at in calls(6) if not on(30, 12) <= at < on(30, 16))) == [
        ("pd", "hours_missing", on(30, 12), on(30, 16))
    ]


def test_missing_hours_of_several_days_are_one_gap() -> None:
    assert found(*logged(at for at in calls(6) if not on(29, 12) <= at < on(31, 10))) == [
        ("pd", "hours_missing", on(29, 12), on(31, 10))
    ]


@pytest.mark.parametrize(("hours", "is_gap"), [(3, True), (2, False)])
def test_three_hours_are_a_gap_and_two_are_none(hours: int, is_gap: bool) -> None:
    times = (at for at in calls(6, every=10) if not on(30, 10) <= at < on(30, 10 + hours))
    kinds = [kind for _, kind, *_ in found(*logged(times))]
    assert ("hours_missing" in kinds) == is_gap


@pytest.mark.parametrize(("every", "is_gap"), [(15, True), (20, False)])
def test_hours_in_which_hardly_anybody_called_are_no_gap(every: int, is_gap: bool) -> None:
    times = (at for at in calls(6, every=every) if not on(30, 10) <= at < on(30, 13))  # of 12 usual calls, or of 9
    assert bool(found(*logged(times))) == is_gap


@pytest.mark.parametrize(("weeks", "is_gap"), [(3, True), (2, False)])
def test_hours_are_compared_with_three_weeks_or_more(weeks: int, is_gap: bool) -> None:
    day = 7 * weeks + 2
    times = (at for at in calls(weeks + 1) if not on(day, 10) <= at < on(day, 15))
    assert bool(found(*logged(times))) == is_gap


@pytest.mark.parametrize(("days", "is_gap"), [(7, True), (6, False)])
def test_a_tenant_that_calls_day_and_night_is_compared_with_the_seven_days_before(days: int, is_gap: bool) -> None:
    times = calls(2, hours=range(24), weekdays=range(7))
    kept = [at for at in times if at < on(days + 1) and not on(days, 10) <= at < on(days, 15)]
    assert [kind for _, kind, *_ in found(*logged(kept))] == ["hours_missing"] * is_gap


def test_a_call_in_the_middle_of_missing_hours_parts_them() -> None:
    away = (on(30, 8), on(30, 17))
    times = [at for at in calls(6, every=10) if not away[0] <= at < away[1] or at == on(30, 12)]
    assert found(*logged(times)) == [
        ("pd", "hours_missing", on(30, 8), on(30, 12)),
        ("pd", "hours_missing", on(30, 13), on(30, 17)),
    ]


def test_hours_after_the_last_call_may_still_be_to_come() -> None:
    assert found(*logged(at for at in calls(6) if at < on(30, 12)), *others(on(30, 17))) == []


# --- holes ------------------------------------------------------------------------------------------------------------


def stream(days: int, hole: Callable[[datetime], bool]) -> list[datetime]:
    """A call each minute from 6 to 18 o'clock on every day."""
    return [at for at in calls(2, hours=range(6, 18), weekdays=range(7), every=1) if at < on(days) and not hole(at)]


def test_a_hole_in_dense_traffic_is_a_gap_of_its_own() -> None:
    hole = (on(4, 9) + timedelta(minutes=30), on(4, 10) + timedelta(minutes=45))
    times = stream(5, lambda at: hole[0] <= at < hole[1])
    assert found(*logged(times)) == [("pd", "hole", hole[0] - timedelta(minutes=1), hole[1])]


@pytest.mark.parametrize(("minutes", "is_gap"), [(60, True), (59, False)])
def test_an_hour_is_a_hole_and_a_minute_less_is_none(minutes: int, is_gap: bool) -> None:
    begins = on(4, 9)  # the last call before the hole
    times = stream(5, lambda at: begins < at < begins + timedelta(minutes=minutes))
    assert bool(found(*logged(times))) == is_gap


def test_a_rest_at_the_same_time_every_day_is_no_hole() -> None:
    assert found(*logged(stream(12, lambda at: at.hour == 12))) == []


def test_a_hole_on_the_third_day_has_too_little_past() -> None:
    assert found(*logged(stream(3, lambda at: at.day == on(2).day and at.hour == 10))) == []


@pytest.mark.parametrize(("hours", "is_gap"), [(12, True), (13, False)])
def test_a_hole_is_no_longer_than_twelve_hours(hours: int, is_gap: bool) -> None:
    begins = on(6, 5)
    times = calls(1, hours=range(24), weekdays=range(7), every=1)
    kinds = [kind for _, kind, *_ in found(*logged(at for at in times if not begins < at < begins + hours * HOUR))]
    assert kinds == ["hole"] * is_gap


def test_traffic_that_comes_back_after_days_has_no_hole() -> None:
    again = (at for at in calls(1, hours=range(6, 18), weekdays=range(7), every=1, start=on(19)) if at < on(21))
    assert found(*logged([*stream(6, lambda at: False), *again])) == []


def test_sparse_traffic_has_no_holes() -> None:
    times = (at for at in calls(1, every=5, weekdays=range(7)) if not on(5, 10) <= at < on(5, 12))
    assert found(*logged(times)) == []


# --- silence ----------------------------------------------------------------------------------------------------------


def test_a_tenant_that_falls_silent_is_told_once_and_forgotten_after_four_weeks() -> None:
    ended = max(calls(6))
    assert found(*logged(calls(6)), *others(ended + 28 * DAY)) == [("pd", "silent", ended, ended + 28 * DAY)]
    assert found(*logged(calls(6)), *others(ended + 28 * DAY + HOUR)) == []


def test_a_tenant_that_simply_ended_its_use_has_no_missing_hours_and_no_missing_content() -> None:
    assert found(*logged(calls(6)), *others(max(calls(6)) + 60 * DAY)) == []


@pytest.mark.parametrize(("weekdays", "is_gap"), [((0, 2, 4), True), ((0, 4), False)])
def test_who_calls_on_ten_of_28_days_can_fall_silent_and_who_calls_less_cannot(
    weekdays: tuple[int, ...], is_gap: bool
) -> None:
    times = list(calls(6, weekdays=weekdays))
    assert bool(found(*logged(times), *others(max(times) + 20 * DAY))) == is_gap


def test_a_weekend_is_no_silence() -> None:
    friday = max(calls(6))
    assert friday.weekday() == 4
    assert found(*logged(calls(6)), *others(friday + 3 * DAY)) == []  # its longest pause is from Friday to Monday


@pytest.mark.parametrize(("weeks", "is_gap"), [(3, True), (2, False)])
def test_a_trial_that_is_over_is_no_silence(weeks: int, is_gap: bool) -> None:
    ended = max(calls(weeks))
    assert bool(found(*logged(calls(weeks)), *others(ended + 10 * DAY))) == is_gap


# --- no gap -----------------------------------------------------------------------------------------------------------


def test_an_application_of_weekends_has_no_gap_on_weekdays() -> None:
    assert found(*logged(calls(8, weekdays=WEEKEND))) == []


def test_an_office_has_no_gap_at_night_and_on_weekends() -> None:
    assert found(*logged(calls(8)), *others(on(56))) == []


def test_a_new_tenant_has_no_past_to_be_compared_with() -> None:
    assert found(*logged(calls(0.5), lambda at: at < on(2)), *others(on(30))) == []


def test_a_holiday_among_the_weeks_before_is_forgiven() -> None:
    times = [at for at in calls(6) if not on(14) <= at < on(15) and not on(28, 10) <= at < on(28, 15)]
    assert found(*logged(times)) == [("pd", "hours_missing", on(28, 10), on(28, 15))]


def test_hours_come_back_after_summer_time_without_a_gap() -> None:
    winter, summer = calls(4), calls(3, hours=range(7, 16), start=on(28))
    assert found(*logged([*winter, *summer])) == []


# --- whose ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenant_class", list(shipped_verdicts().actors))
def test_gaps_are_shown_of_police_and_vendors_only(tenant_class: str) -> None:
    requests = logged(calls(6), lambda at: at < on(28))
    assert bool(found(*requests, tenant_class=tenant_class)) == (tenant_class in gaps.WATCHED)


def test_a_shop_and_a_police_department_are_two() -> None:
    stopped = logged(calls(6), lambda at: at < on(28), tenant="shop")
    assert found(*logged(calls(6)), *stopped) == []


def test_a_class_counts_on_the_days_for_which_the_register_gives_it() -> None:
    requests = logged(calls(6), lambda at: at < on(28))
    periods = [
        {"tenant_id": "pd", "tenant_class": "us_police", "valid_to": on(13).date()},
        {"tenant_id": "pd", "tenant_class": "other", "valid_from": on(14).date()},
    ]
    with made_store(requests, tenants=periods) as con:
        assert con.execute("FROM gaps").fetchall() == []


def test_the_order_of_records_changes_nothing() -> None:
    requests = logged(at for at in calls(6) if not on(30, 12) <= at < on(30, 16))
    assert found(*requests) == found(*reversed(requests)) != []


# --- in the report ----------------------------------------------------------------------------------------------------


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        create_schema(connection)
        fill_store(
            connection,
            logged(calls(6), lambda at: at < on(28)),
            tenants=[{"tenant_id": "pd", "tenant_class": "le_vendor"}],
        )
        yield connection


def facts() -> reporting.RunFacts:
    return reporting.RunFacts("run-1", on(60), "0.1.0", (), None, None, None, None)


def written(con: duckdb.DuckDBPyConnection, folder: Path, **window: datetime) -> tuple[list[Row], list[Row]]:
    """The gaps in coverage.parquet and in run.json."""
    report = reporting.write(con, lambda ids: {}, folder, facts(), **window)
    rows = pq.read_table(report / "coverage.parquet").to_pylist()
    return [row for row in rows if row["gap"]], json.loads((report / "run.json").read_bytes())["gaps"]


def test_a_gap_is_a_row_of_the_coverage_that_counts_nothing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (row,), (told,) = written(con, tmp_path)
    said = "100 % of 540 requests had content from 2026-05-04 to 2026-05-29; in the gap 0 % of 270"
    assert row["gap"] == {"kind": "content_stopped", "from": on(28), "to": on(40), "compared_with": said}
    assert (row["tenant_id"], row["day"], row["requests"], row["without_content"]) == ("pd", on(28).date(), 0, 0)
    assert told == {
        "tenant_id": "pd", "kind": "content_stopped", "from": "2026-06-01T00:00:00Z", "to": "2026-06-13T00:00:00Z",
        "compared_with": said,
    }  # fmt: skip


def test_the_days_of_the_coverage_are_as_before(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = pq.read_table(reporting.write(con, lambda ids: {}, tmp_path, facts()) / "coverage.parquet").to_pylist()
    days = [row for row in rows if row["gap"] is None]
    assert sum(row["requests"] for row in days) == sum(row["requests"] for row in rows) == len(list(calls(6)))
    assert len(days) == len({row["day"] for row in days}) == 30


@pytest.mark.parametrize(
    ("since", "until", "shown"),
    [(on(39), None, True), (on(40), None, False), (None, on(28), False), (None, on(28, 1), True)],
)
def test_a_report_tells_the_gaps_that_touch_its_window(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, since: datetime | None, until: datetime | None, shown: bool
) -> None:
    window = {name: at for name, at in (("since", since), ("until", until)) if at}
    assert [len(told) for told in written(con, tmp_path, **window)] == [shown, shown]


def test_a_run_names_gaps_in_its_last_lines_and_has_no_finding_of_them(place: Place, aoai: Aoai) -> None:
    bodies = asked(HARMLESS)
    for subscription in ("millbrook", "corner"):
        rows = [
            gateway_row(
                f"{subscription} {day} {number}", on(day, 9 + number), subscription, **(bodies if day < 6 else {})
            )
            for day, number in itertools.product(range(8), range(6))
        ]
        write_logs(place.logs / f"{subscription}.json", rows)
    ran = aoai(*place.run)
    assert ran.code == 0, ran.err
    *_, report, head, gap, last = ran.err.splitlines()
    assert report.startswith("report: ") and head.startswith("head: ") and last == "exit: 0 done"
    assert gap == (
        "gap: millbrook-pd: content stopped from 2026-05-10T00:00:00Z to 2026-05-12T00:00:00Z; before: 100 % "
        "of 36 requests had content from 2026-05-04 to 2026-05-09; in the gap 0 % of 12"
    )
    assert rows_of(place.db, "SELECT count(*) FROM findings") == [(0,)]
    told = json.loads((place.reports / "latest" / "run.json").read_bytes())["gaps"]
    assert [(row["tenant_id"], row["kind"]) for row in told] == [("millbrook-pd", "content_stopped")]
    asked_for = aoai("query", "SELECT tenant_id, kind FROM gaps", "--db", str(place.db), "--format", "csv")
    assert asked_for.text == "tenant_id,kind\nmillbrook-pd,content_stopped\n"
    assert date.fromisoformat(told[0]["from"][:10]) == on(6).date()


def test_the_last_lines_name_five_gaps_and_count_the_rest(place: Place, aoai: Aoai) -> None:
    times = [at for day in range(20) for at in (on(day, hour) for hour in range(9, 15))]
    rows = [
        gateway_row(f"call {number}", at, "millbrook", **({} if at.day % 2 and at >= on(6) else asked(HARMLESS)))
        for number, at in enumerate(times)
    ]
    write_logs(place.logs / "a.json", rows)
    ran = aoai(*place.run)
    lines = [line for line in ran.err.splitlines() if line.startswith("gap: ")]
    assert len(lines) == 6
    assert lines[-1] == "gap: 2 more; they stand in the view gaps and in run.json"
