"""Where a police or vendor tenant's logging stopped, fell or has holes, by its own past: the body of the view ``gaps``.

Rule: a gap is no finding, for no clause forbids it; it says where a clean tenant was not seen. Each is told by the
store alone: no clock, no other tenant's habits. Days and hours are UTC.
"""

WATCHED = ("us_police", "us_federal_le", "foreign_le", "le_vendor")  # whose misuse would be worth hiding

PAST_DAYS = 28  # four weeks: every weekday four times, and short enough that an old habit is forgotten
LEAST_PAST_DAYS = 5  # days with calls, a working week: less is no habit
LEAST_PAST_REQUESTS = 20  # fewer, and a share of them is chance
LEAST_PAST_SHARE = 0.2  # a tenant that hardly ever logged content has none to lose
LEAST_REQUESTS = 5  # of a day that is judged: of four calls none may have content by chance
FELL_TO = 0.5  # of what the share was: bad days of a gateway lose less

LEAST_WEEKS = 3  # of the four weeks before: one holiday among them may be forgiven
EVERY_DAY = 7  # for a tenant that is not four weeks old: each of the seven days before, so no weekend can seem missing
LEAST_HOURS = 3  # missing in a row: a shift of summer time moves one hour, a meeting takes two
LEAST_CALLS = 10  # usual in the missing hours: by chance none come in one of 20,000 such

DENSE_CALLS = 30  # in the hour before a hole and in the hour after it, one every two minutes
HOLE_MINUTES = 60  # thirty times that pause
HOLE_HOURS = 12  # at most: compared with the same time of other days, it may not reach into them
LEAST_HOLE_DAYS = 3  # of the seven days before with calls at that time of day, and none without: no lunch, no night

SILENT_DAYS = 3  # longer than a weekend
SILENT_TIMES = 2  # the longest pause of the four weeks before: nobody is told silent for resting as always
LEAST_SILENT_DAYS = 10  # of the four weeks before with calls: who calls now and then may rest for long
LEAST_AGE_DAYS = 14  # between its first call and its last: a trial that is over is no habit
FORGOTTEN_DAYS = 28  # then a tenant has ended its use

SQL = f"""
WITH horizon AS (
    SELECT max(occurred_at) AS known_to FROM store.requests
),
calls AS MATERIALIZED (
    SELECT tenant_of.tenant_id, request.occurred_at, request.api <> 'other' AS speaks,
        request.prompt_seen <> 'none' OR request.answer_seen <> 'none' AS has_content
    FROM store.requests AS request
    JOIN store.tenant_of AS tenant_of USING (request_key)
    SEMI JOIN store.tenants AS tenant ON tenant.tenant_id = tenant_of.tenant_id AND tenant.tenant_class IN {WATCHED}
        AND coalesce(request.occurred_at::DATE >= tenant.valid_from, true)
        AND coalesce(request.occurred_at::DATE <= tenant.valid_to, true)
    WHERE request.occurred_at IS NOT NULL
),

moments AS MATERIALIZED (
    SELECT tenant_id, occurred_at, sum(count(*)) OVER (PARTITION BY tenant_id ORDER BY occurred_at) AS so_far
    FROM calls
    GROUP BY tenant_id, occurred_at
),

-- --- content that stopped or fell, by day ---------------------------------------------------------

days AS (
    SELECT tenant_id, occurred_at::DATE::TIMESTAMP AS day, count(*) AS requests,
        count(*) FILTER (WHERE has_content) AS with_content
    FROM calls
    WHERE speaks
    GROUP BY ALL
),
compared AS (
    SELECT tenant_id, day, requests, with_content, min(day) OVER past AS past_from, max(day) OVER past AS past_to,
        count(*) OVER past AS past_days, sum(requests) OVER past AS past_requests,
        sum(with_content) OVER past AS past_content
    FROM days
    WINDOW past AS (
        PARTITION BY tenant_id ORDER BY day
        RANGE BETWEEN to_days({PAST_DAYS}) PRECEDING AND to_days(1) PRECEDING
    )
),
judged_days AS (
    SELECT tenant_id, day, requests, with_content, past_from, past_to, past_requests, past_content,
        past_days >= {LEAST_PAST_DAYS} AND past_requests >= {LEAST_PAST_REQUESTS}
            AND past_content >= {LEAST_PAST_SHARE} * past_requests
            AND with_content * past_requests <= {FELL_TO} * past_content * requests AS is_low
    FROM compared
    WHERE requests >= {LEAST_REQUESTS}
),
lasting AS (  -- it goes on until the share is back above half of what it was, however long that takes
    SELECT tenant_id, day, requests, with_content, past_from, past_to, past_requests, past_content,
        with_content <= {FELL_TO} * requests * max(past_content / past_requests) FILTER (WHERE is_low) OVER so_far
            AS is_gap
    FROM judged_days
    WINDOW so_far AS (PARTITION BY tenant_id ORDER BY day ROWS UNBOUNDED PRECEDING)
),
parted_days AS (
    SELECT tenant_id, day, requests, with_content, past_from, past_to, past_requests, past_content,
        coalesce(is_gap, false) AS is_gap,
        count(*) FILTER (WHERE NOT coalesce(is_gap, false)) OVER (PARTITION BY tenant_id ORDER BY day) AS gap_no
    FROM lasting
),
content AS (
    SELECT tenant_id, CASE WHEN max_by(with_content, day) = 0 THEN 'content_stopped' ELSE 'content_fell' END AS kind,
        min(day) AS from_time, max(day) + to_days(1) AS to_time,
        printf(
            '%d %% of %d requests had content from %s to %s; in the gap %d %% of %d',
            (100 * min_by(past_content, day) / min_by(past_requests, day))::INTEGER,
            min_by(past_requests, day)::BIGINT,
            strftime(min_by(past_from, day), '%Y-%m-%d'),
            strftime(min_by(past_to, day), '%Y-%m-%d'),
            (100 * sum(with_content) / sum(requests))::INTEGER,
            sum(requests)::BIGINT
        ) AS compared_with
    FROM parted_days
    WHERE is_gap
    GROUP BY tenant_id, gap_no
),

-- --- hours without calls that always had some, with calls before and after ------------------------

hours AS (
    SELECT tenant_id, date_trunc('hour', occurred_at) AS hour, count(*) AS calls
    FROM calls
    GROUP BY ALL
),
known AS (
    SELECT tenant_id, min(occurred_at) AS first_at, max(occurred_at) AS last_at
    FROM calls
    GROUP BY tenant_id
),
habits AS (
    SELECT tenant_id, hour + to_days(7 * back.weeks::INTEGER) AS hour, avg(calls) AS usual
    FROM hours
    CROSS JOIN range(1, {PAST_DAYS // 7 + 1}) AS back(weeks)
    GROUP BY ALL
    HAVING count(*) >= {LEAST_WEEKS}
    UNION ALL
    SELECT tenant_id, hour + to_days(back.days::INTEGER) AS hour, avg(calls) AS usual
    FROM hours
    CROSS JOIN range(1, {EVERY_DAY + 1}) AS back(days)
    GROUP BY ALL
    HAVING count(*) = {EVERY_DAY}
),
missing AS (
    SELECT habits.tenant_id, habits.hour, max(usual) AS usual
    FROM habits
    JOIN known ON known.tenant_id = habits.tenant_id AND habits.hour < date_trunc('hour', last_at)
    ANTI JOIN hours ON hours.tenant_id = habits.tenant_id AND hours.hour = habits.hour
    GROUP BY habits.tenant_id, habits.hour
),
slots AS (
    SELECT tenant_id, hour, usual FROM missing
    UNION ALL
    SELECT tenant_id, hour, NULL FROM hours
),
parted_hours AS (  -- nights and weekends between two missing hours break nothing, a call does
    SELECT tenant_id, hour, usual,
        count(*) FILTER (WHERE usual IS NULL) OVER (PARTITION BY tenant_id ORDER BY hour) AS gap_no
    FROM slots
),
hourly AS (
    SELECT tenant_id, 'hours_missing' AS kind, min(hour) AS from_time, max(hour) + to_hours(1) AS to_time,
        printf(
            '%d calls were usual in %d of these hours, on the same weekdays of the four weeks before or on each of the '
                || 'seven days before',
            sum(usual)::BIGINT, count(*)
        ) AS compared_with
    FROM parted_hours
    WHERE usual IS NOT NULL
    GROUP BY tenant_id, gap_no
    HAVING count(*) >= {LEAST_HOURS} AND sum(usual) >= {LEAST_CALLS}
),

-- --- holes in dense traffic -----------------------------------------------------------------------

steps AS (
    SELECT tenant_id, lag(occurred_at) OVER step AS begins, occurred_at AS ends, lag(so_far) OVER step AS so_far
    FROM moments
    WINDOW step AS (PARTITION BY tenant_id ORDER BY occurred_at)
),
pauses AS (
    SELECT tenant_id, begins, ends, so_far, begins - to_hours(1) AS hour_before, ends + to_hours(1) AS hour_after
    FROM steps
    WHERE ends - begins BETWEEN to_minutes({HOLE_MINUTES}) AND to_hours({HOLE_HOURS})
),
holes AS (
    SELECT pauses.tenant_id, begins, ends
    FROM pauses
    ASOF LEFT JOIN moments AS earlier
        ON earlier.tenant_id = pauses.tenant_id AND earlier.occurred_at < hour_before
    ASOF LEFT JOIN moments AS later
        ON later.tenant_id = pauses.tenant_id AND later.occurred_at <= hour_after
    WHERE pauses.so_far - coalesce(earlier.so_far, 0) >= {DENSE_CALLS} AND later.so_far - pauses.so_far >= {DENSE_CALLS}
),
same_times AS (
    SELECT tenant_id, begins, ends, begins - to_days(back.days::INTEGER) AS same_begin,
        ends - to_days(back.days::INTEGER) AS same_end
    FROM holes
    CROSS JOIN range(1, 8) AS back(days)
),
earlier_days AS (
    SELECT same_times.tenant_id, begins, ends, coalesce(following.occurred_at < same_end, false) AS was_used,
        coalesce(preceding.occurred_at >= same_begin - to_hours(1), false)
            OR coalesce(following.occurred_at <= same_end + to_hours(1), false) AS was_open
    FROM same_times
    ASOF LEFT JOIN moments AS preceding
        ON preceding.tenant_id = same_times.tenant_id AND preceding.occurred_at <= same_begin
    ASOF LEFT JOIN moments AS following
        ON following.tenant_id = same_times.tenant_id AND following.occurred_at > same_begin
),
dense AS (
    SELECT tenant_id, 'hole' AS kind, date_trunc('second', begins) AS from_time, date_trunc('second', ends) AS to_time,
        printf('calls at this time of day on %d of the seven days before, on none a rest', count(*))
            AS compared_with
    FROM earlier_days
    WHERE was_open
    GROUP BY tenant_id, begins, ends
    HAVING count(*) >= {LEAST_HOLE_DAYS} AND bool_and(was_used)
),

-- --- silence to the end of what is known ----------------------------------------------------------

recent AS (
    SELECT moments.tenant_id, first_at, last_at, occurred_at,
        occurred_at - lag(occurred_at) OVER (PARTITION BY moments.tenant_id ORDER BY occurred_at) AS pause
    FROM moments
    JOIN known ON known.tenant_id = moments.tenant_id
    WHERE occurred_at > last_at - to_days({PAST_DAYS})
),
rests AS (
    SELECT tenant_id, any_value(first_at) AS first_at, any_value(last_at) AS last_at,
        count(DISTINCT occurred_at::DATE) AS days, coalesce(max(epoch(pause)), 0) AS longest_pause
    FROM recent
    GROUP BY tenant_id
),
silence AS (
    SELECT tenant_id, 'silent' AS kind, date_trunc('second', last_at) AS from_time,
        date_trunc('second', known_to) AS to_time,
        printf(
            'calls on %d of the {PAST_DAYS} days before, never more than %d hours apart',
            days, ceil(longest_pause / 3600)::BIGINT
        ) AS compared_with
    FROM rests
    CROSS JOIN horizon
    WHERE days >= {LEAST_SILENT_DAYS}
        AND last_at - first_at >= to_days({LEAST_AGE_DAYS})
        AND known_to - last_at BETWEEN to_days({SILENT_DAYS}) AND to_days({FORGOTTEN_DAYS})
        AND epoch(known_to - last_at) >= {SILENT_TIMES} * longest_pause
)
SELECT tenant_id, kind, from_time, to_time, compared_with FROM content
UNION ALL
SELECT tenant_id, kind, from_time, to_time, compared_with FROM hourly
UNION ALL
SELECT dense.tenant_id, dense.kind, dense.from_time, dense.to_time, dense.compared_with
FROM dense
ANTI JOIN hourly ON hourly.tenant_id = dense.tenant_id
    AND hourly.from_time < dense.to_time AND hourly.to_time > dense.from_time
UNION ALL
SELECT tenant_id, kind, from_time, to_time, compared_with FROM silence
"""
