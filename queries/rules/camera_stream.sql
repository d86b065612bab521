-- title   = "Pictures come at the even pace of a camera and people are to be found in them"
-- use     = "identify"
-- scope   = "stream"
-- needs   = ["prompt", "times"]
-- version = 1
-- why     = """
-- Sees a run of calls with pictures of one tenant, deployment, key and caller whose pauses are short and even, as a
-- camera gives them and a hand does not, and whose words or names ask to compare, identify or verify people. Strong
-- when the run is asked so in words and something says a camera, live or a list of persons; weak otherwise. A run is
-- told for each day. Does not see pictures that come now and then, two cameras whose calls mix under one caller, a
-- batch (its pace is that of a job), or what a picture shows. Frames for smoke, weapons, shelves or counting are no
-- use.
-- """
--
-- [params]
-- least_pictures = 8
-- longest_pause_seconds = 60
-- longest_gap_seconds = 600
-- even_share = 0.7
-- slack_share = 0.3
-- slack_seconds = 1.0
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- most_requests = 1000
-- most_evidence = 20

WITH frames AS (
    SELECT request_key, tenant_id, coalesce(deployment, '') AS deployment, coalesce(subscription, '') AS key,
        coalesce(caller, '') AS caller, occurred_at, occurred_at::DATE AS day,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, coalesce(deployment, ''), coalesce(subscription, ''), coalesce(caller, ''),
                occurred_at::DATE
            ORDER BY occurred_at, request_key
        )) AS pause
    FROM requests
    WHERE picture_count > 0 AND api <> 'batch' AND occurred_at IS NOT NULL
),
parted AS (  -- a longer pause begins another run
    SELECT request_key, tenant_id, deployment, key, caller, day, occurred_at, pause,
        count(*) FILTER (WHERE pause IS NULL OR pause > $longest_gap_seconds) OVER (
            PARTITION BY tenant_id, deployment, key, caller, day ORDER BY occurred_at, request_key
        ) AS run_no
    FROM frames
),
paced AS (
    SELECT tenant_id, deployment, key, caller, day, run_no, count(*) AS pictures,
        median(pause) FILTER (WHERE pause <= $longest_gap_seconds) AS pace
    FROM parted
    GROUP BY tenant_id, deployment, key, caller, day, run_no
),
even AS (
    SELECT tenant_id, deployment, key, caller, day, run_no,
        list(request_key ORDER BY occurred_at, request_key)[:$most_requests] AS request_keys
    FROM parted
    JOIN paced USING (tenant_id, deployment, key, caller, day, run_no)
    WHERE pictures >= $least_pictures AND pace <= $longest_pause_seconds
    GROUP BY tenant_id, deployment, key, caller, day, run_no
    HAVING count(*) FILTER (
        WHERE pause <= $longest_gap_seconds AND abs(pause - pace) <= greatest(pace * $slack_share, $slack_seconds)
    ) >= $even_share * (count(*) - 1)
),
kept AS (
    SELECT tenant_id, deployment, key, caller, day, run_no, kept_key.request_key,
        kept_key.request_key = request_keys[1] AS is_first
    FROM even
    CROSS JOIN unnest(even.request_keys) AS kept_key(request_key)
),
meant AS (  -- what the caller sent, in words or names, and did not rule out
    SELECT request_key, part_no, side, kind, "signal", idea, contexts, char_from, char_to
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant'
        AND NOT list_has_any(contexts, $never)
        AND NOT (coalesce(role, '') IN ('system', 'developer') AND list_contains(contexts, 'refusal'))
),
said AS (
    SELECT tenant_id, deployment, key, caller, day, run_no,
        bool_or(idea IN ('compare', 'identify', 'verify') AND "signal" <> 'compare.features'
            AND NOT list_has_any(contexts, $aside)) AS asked,
        bool_or(idea IN ('compare', 'identify', 'verify') AND side = 'request'
            AND NOT list_has_any(contexts, $aside)) AS in_words,
        bool_or(idea IN ('face', 'booking_picture')) AS face,
        bool_or(idea IN ('gallery', 'booking_picture')) AS gallery,
        bool_or(idea IN ('person', 'identify', 'verify')) AS person,
        bool_or(idea IN ('live', 'mobile', 'fixed_camera', 'watch')) AS camera,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'fixed_camera') AS fixed,
        bool_or(idea = 'public_place') AS public_place,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        list(
            {
                'request_key': request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY is_first DESC, idea IN ('compare', 'identify', 'verify') DESC, request_key, part_no,
                char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM kept
    JOIN meant USING (request_key)
    WHERE idea IN (
        'compare', 'identify', 'verify', 'watch', 'face', 'booking_picture', 'gallery', 'person', 'live', 'mobile',
        'fixed_camera', 'public_place', 'consent', 'approval'
    )
    GROUP BY tenant_id, deployment, key, caller, day, run_no
)
SELECT
    request_keys,
    CASE WHEN in_words AND (camera OR gallery) THEN 'strong' ELSE 'weak' END AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': true},
            {'key': 'live', 'value': true},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END},
            {'key': 'public_place', 'value': nullif(public_place, false)},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM even
JOIN said USING (tenant_id, deployment, key, caller, day, run_no)
WHERE asked AND (face OR gallery OR person)
