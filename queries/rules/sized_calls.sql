-- title   = "Calls of the size of pictures go in numbers to a deployment that is named for faces or lists of persons"
-- use     = "compare"
-- scope   = "stream"
-- needs   = ["times"]
-- version = 1
-- why     = """
-- Sees calls without logged content to a model that can look at pictures, at least thirty of one tenant, deployment
-- and key within any ten minutes, whoever sends them and at whatever pace, each as long as a picture makes a request
-- and all nearly of one length, where a name (deployment, resource, product, key) speaks of faces, booking pictures,
-- identifying or verifying people, or of comparing with a list of persons. Always weak: nobody saw a picture or a
-- question. A burst is told for each 24 hours. Does not see pictures that are sent as addresses, a bland name, or a
-- log without lengths; long texts of one length look the same. A name of a camera alone is camera_cadence; shelves,
-- papers, drafts, counting and plates are no sign.
-- """
--
-- [params]
-- least_calls = 30
-- window_seconds = 600
-- least_bytes = 20000
-- size_share = 0.25
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
        occurred_at, request_bytes,
        median(request_bytes) OVER (
            PARTITION BY tenant_id, coalesce(deployment, ''), coalesce(subscription, '') ORDER BY occurred_at
            RANGE BETWEEN to_seconds($window_seconds) PRECEDING AND to_seconds($window_seconds) FOLLOWING
        ) AS usual_bytes
    FROM requests
    WHERE prompt_seen = 'none' AND occurred_at IS NOT NULL
        AND api IN ('chat', 'responses', 'assistants', 'realtime', 'image_edit')
        AND len(list_filter($vision_models, lambda name: starts_with(lower(model), name))) > 0
        AND request_bytes >= $least_bytes
),
counted AS (  -- the window that ends with each call
    SELECT request_key, tenant_id, deployment, key, occurred_at,
        count(*) OVER (
            PARTITION BY tenant_id, deployment, key ORDER BY occurred_at
            RANGE BETWEEN to_seconds($window_seconds) PRECEDING AND CURRENT ROW
        ) AS calls
    FROM calls
    WHERE abs(request_bytes - usual_bytes) <= $size_share * usual_bytes
),
marked AS (  -- a call belongs to every window that holds it
    SELECT request_key, tenant_id, deployment, key, occurred_at,
        bool_or(calls >= $least_calls) OVER (
            PARTITION BY tenant_id, deployment, key ORDER BY occurred_at
            RANGE BETWEEN CURRENT ROW AND to_seconds($window_seconds) FOLLOWING
        ) AS is_member
    FROM counted
),
kept AS (
    SELECT request_key, tenant_id, deployment, key, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, key ORDER BY occurred_at, request_key
        )) AS pause
    FROM marked
    WHERE is_member
),
parted AS (  -- windows that touch are one run
    SELECT request_key, tenant_id, deployment, key, occurred_at,
        sum(CASE WHEN pause <= $window_seconds THEN 0 ELSE 1 END) OVER (
            PARTITION BY tenant_id, deployment, key ORDER BY occurred_at, request_key ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM kept
),
dated AS (  -- a long run is told for each 24 hours from its start
    SELECT request_key, tenant_id, deployment, key, occurred_at,
        run_no,
        floor(epoch(occurred_at - min(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, key, run_no
        )) / 86400) AS day_no
    FROM parted
),
members AS (
    SELECT request_key, tenant_id, deployment, occurred_at,
        first_value(request_key) OVER run AS lead, row_number() OVER run AS place
    FROM dated
    WINDOW run AS (PARTITION BY tenant_id, deployment, key, run_no, day_no ORDER BY occurred_at, request_key)
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
        bool_or(idea IN ('face', 'booking_picture', 'identify', 'verify')) AS face,
        bool_or(idea IN ('face', 'booking_picture', 'identify', 'verify'))
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
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM named
JOIN listed USING (lead)
WHERE telling
