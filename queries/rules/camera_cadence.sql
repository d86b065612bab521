-- title   = "Calls to a vision model keep the pace of a camera whose name tells of people on the move"
-- use     = "identify"
-- scope   = "stream"
-- needs   = ["times"]
-- version = 1
-- why     = """
-- Sees calls without logged content to a model that can look at pictures, evenly spaced for a long run of one
-- deployment, key and caller, where a name (deployment, resource, product, key) speaks of a live or moving camera, of
-- faces or of watching. Always weak: nobody saw a picture or a question. A run is told for each day. Does not see a
-- camera with a bland name, or one whose calls mix with others; does not know what the calls are for, and supposes
-- what the clause on mobile cameras forbids. Names of shelves, smoke or drafts are no sign.
-- """
--
-- [params]
-- least_calls = 20
-- longest_pause_seconds = 60
-- longest_gap_seconds = 600
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
        coalesce(caller, '') AS caller, occurred_at, occurred_at::DATE AS day,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, coalesce(deployment, ''), coalesce(subscription, ''), coalesce(caller, ''),
                occurred_at::DATE
            ORDER BY occurred_at, request_key
        )) AS pause
    FROM requests
    WHERE prompt_seen = 'none' AND occurred_at IS NOT NULL
        AND api IN ('chat', 'responses', 'assistants', 'realtime', 'image_edit')
        AND len(list_filter($vision_models, lambda name: starts_with(lower(model), name))) > 0
),
parted AS (  -- a longer pause begins another run
    SELECT request_key, tenant_id, deployment, key, caller, day, occurred_at, pause,
        count(*) FILTER (WHERE pause IS NULL OR pause > $longest_gap_seconds) OVER (
            PARTITION BY tenant_id, deployment, key, caller, day ORDER BY occurred_at, request_key
        ) AS run_no
    FROM calls
),
paced AS (
    SELECT tenant_id, deployment, key, caller, day, run_no, count(*) AS calls,
        median(pause) FILTER (WHERE pause <= $longest_gap_seconds) AS pace
    FROM parted
    GROUP BY tenant_id, deployment, key, caller, day, run_no
),
even AS (
    SELECT tenant_id, deployment, key, caller, day, run_no,
        list(request_key ORDER BY occurred_at, request_key)[:$most_requests] AS request_keys
    FROM parted
    JOIN paced USING (tenant_id, deployment, key, caller, day, run_no)
    WHERE calls >= $least_calls AND pace <= $longest_pause_seconds
    GROUP BY tenant_id, deployment, key, caller, day, run_no
    HAVING count(*) FILTER (
        WHERE pause <= $longest_gap_seconds AND abs(pause - pace) <= greatest(pace * $slack_share, $slack_seconds)
    ) >= $even_share * (count(*) - 1)
),
named AS (  -- names are those of the call: one request of the run tells them
    SELECT even.tenant_id, even.deployment, key, caller, day, run_no, request_keys,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'fixed_camera') AS fixed,
        bool_or(idea IN ('face', 'booking_picture')) AS face,
        bool_or(idea <> 'fixed_camera') AS telling,
        list(
            {
                'request_key': signals.request_key, 'part_no': signals.part_no, 'signal': signals."signal",
                'char_from': signals.char_from, 'char_to': signals.char_to
            }
            ORDER BY part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM even
    JOIN signals ON signals.request_key = even.request_keys[1]
    WHERE signals.side = 'name'
        AND NOT list_has_any(contexts, $never) AND NOT list_has_any(contexts, $aside)
        AND idea IN (
            'live', 'mobile', 'fixed_camera', 'face', 'booking_picture', 'gallery', 'identify', 'compare', 'verify',
            'watch', 'track'
        )
    GROUP BY ALL
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
WHERE telling
