-- title   = "Calls to a vision model keep the pace of a camera whose name tells of people on the move"
-- use     = "identify"
-- scope   = "stream"
-- needs   = ["times"]
-- version = 2
-- why     = """
-- Sees calls without logged content to a model that can look at pictures, at least twenty of one deployment, key and
-- caller within any ten minutes (at midnight too) and evenly spaced, where a name (deployment, resource, product, key)
-- speaks of a live or moving camera, of faces or of watching. Always weak: nobody saw a picture or a question. A run
-- is told for each 24 hours. Does not see a camera with a bland name, one slower than a call in half a minute, or one
-- whose calls mix with others; does not know what the calls are for, and supposes what the clause on mobile cameras
-- forbids. Names of shelves, smoke or drafts are no sign.
-- """
--
-- [params]
-- least_calls = 20
-- shortest_pause_seconds = 0.04
-- longest_pause_seconds = 60
-- window_seconds = 600
-- even_share = 0.7
-- slack_share = 0.3
-- slack_seconds = 1.0
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- most_requests = 1000
-- most_evidence = 20
-- vision_models = [
--     "gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-4-turbo", "gpt-4-vision", "gpt-4v", "gpt-5", "o1", "o3", "o4",
--     "gpt-image", "computer-use"
-- ]

WITH calls AS (
    SELECT request_key, tenant_id, coalesce(deployment, '') AS deployment, coalesce(subscription, '') AS key,
        coalesce(caller, '') AS caller, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, coalesce(deployment, ''), coalesce(subscription, ''), coalesce(caller, '')
            ORDER BY occurred_at, request_key
        )) AS pause
    FROM requests
    WHERE prompt_seen = 'none' AND occurred_at IS NOT NULL
        AND api IN ('chat', 'responses', 'assistants', 'realtime', 'image_edit')
        AND len(list_filter($vision_models, lambda name: starts_with(lower(model), name))) > 0
),
paced AS (  -- the pace around each call
    SELECT request_key, tenant_id, deployment, key, caller, occurred_at, pause,
        median(pause) FILTER (WHERE pause <= $window_seconds) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at, request_key
            ROWS BETWEEN 10 PRECEDING AND 10 FOLLOWING
        ) AS pace
    FROM calls
),
counted AS (  -- the window that ends with each call
    SELECT request_key, tenant_id, deployment, key, caller, occurred_at,
        count(*) OVER back AS calls,
        count(*) FILTER (WHERE pause <= $window_seconds) OVER back AS pauses,
        count(*) FILTER (
            WHERE pace BETWEEN $shortest_pause_seconds AND $longest_pause_seconds
                AND abs(pause - pace) <= greatest(pace * $slack_share, $slack_seconds)
        ) OVER back AS even_pauses
    FROM paced
    WINDOW back AS (
        PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at
        RANGE BETWEEN to_seconds($window_seconds) PRECEDING AND CURRENT ROW
    )
),
marked AS (  -- a call belongs to every window that holds it
    SELECT request_key, tenant_id, deployment, key, caller, occurred_at,
        bool_or(calls >= $least_calls AND even_pauses >= $even_share * pauses) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at
            RANGE BETWEEN CURRENT ROW AND to_seconds($window_seconds) FOLLOWING
        ) AS is_member
    FROM counted
),
kept AS (
    SELECT request_key, tenant_id, deployment, key, caller, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at, request_key
        )) AS pause
    FROM marked
    WHERE is_member
),
parted AS (  -- windows that touch are one run
    SELECT request_key, tenant_id, deployment, key, caller, occurred_at,
        sum(CASE WHEN pause <= $window_seconds THEN 0 ELSE 1 END) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at, request_key ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM kept
),
dated AS (  -- a long run is told for each 24 hours from its start
    SELECT request_key, tenant_id, deployment, key, caller, occurred_at,
        run_no,
        floor(epoch(occurred_at - min(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, key, caller, run_no
        )) / 86400) AS day_no
    FROM parted
),
members AS (
    SELECT request_key, tenant_id, deployment, occurred_at,
        first_value(request_key) OVER run AS lead, row_number() OVER run AS place
    FROM dated
    WINDOW run AS (PARTITION BY tenant_id, deployment, key, caller, run_no, day_no ORDER BY occurred_at, request_key)
),
listed AS (
    SELECT lead, list(request_key ORDER BY place) AS request_keys
    FROM members
    WHERE place <= $most_requests
    GROUP BY lead
),
named AS (  -- names are those of the call: one request of the run tells them
    SELECT lead,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'fixed_camera') AS fixed,
        bool_or(idea IN ('face', 'booking_picture')) AS face,
        bool_or(idea IN ('live', 'mobile', 'face', 'booking_picture', 'identify', 'watch', 'track'))
            OR (bool_or(idea = 'gallery') AND bool_or(idea = 'compare')) AS telling,
        list(
            {
                'request_key': signals.request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM listed
    JOIN signals ON signals.request_key = lead
    WHERE side = 'name' AND NOT list_has_any(contexts, $never) AND NOT list_has_any(contexts, $aside)
        AND idea IN (
            'live', 'mobile', 'fixed_camera', 'face', 'booking_picture', 'gallery', 'identify', 'compare', 'verify',
            'watch', 'track'
        )
    GROUP BY lead
)
SELECT
    request_keys,
    'weak' AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': nullif(face, false)},
            {'key': 'live', 'value': true},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM named
JOIN listed USING (lead)
WHERE telling
