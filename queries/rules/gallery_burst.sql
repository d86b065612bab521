-- title   = "Many calls in a short time hold pictures against booking pictures or lists of persons"
-- use     = "compare"
-- scope   = "stream"
-- needs   = ["prompt", "times"]
-- version = 1
-- why     = """
-- Sees at least twenty calls of one tenant and deployment within any ten minutes, whoever sends them and in a batch
-- too, each with a picture and each telling of booking pictures or a list of persons and of comparing, identifying or
-- verifying. Strong when words ask so in at least half of them; weak when only names or tools tell. A burst is told
-- for each 24 hours. Does not see a gallery that is worked through slowly, one whose calls tell only what a face is
-- like, or what a picture shows. Galleries of products, houses, plates or scanned papers tell of no person and are no
-- use.
-- """
--
-- [params]
-- least_calls = 20
-- window_seconds = 600
-- told_share = 0.5
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "audio_only", "quoted_report"]
-- most_requests = 1000
-- most_evidence = 20

WITH calls AS (
    SELECT request_key, tenant_id, coalesce(deployment, '') AS deployment, occurred_at,
        count(*) OVER (
            PARTITION BY tenant_id, coalesce(deployment, '') ORDER BY occurred_at
            RANGE BETWEEN to_seconds($window_seconds) PRECEDING AND to_seconds($window_seconds) FOLLOWING
        ) AS around
    FROM requests
    WHERE picture_count > 0 AND occurred_at IS NOT NULL
),
meant AS (  -- what the caller sent, in words or names, and did not rule out
    SELECT request_key, part_no, side, kind, "signal", idea, contexts, char_from, char_to
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant'
        AND request_key IN (SELECT request_key FROM calls WHERE around >= $least_calls)
        AND NOT list_has_any(contexts, $never)
        AND NOT (coalesce(role, '') IN ('system', 'developer') AND list_contains(contexts, 'refusal'))
),
said AS (
    SELECT request_key,
        bool_or(idea IN ('compare', 'identify', 'verify') AND "signal" <> 'compare.features'
            AND NOT list_has_any(contexts, $aside)) AS asked,
        bool_or(idea IN ('compare', 'identify', 'verify') AND "signal" <> 'compare.features'
            AND side = 'request' AND kind NOT IN ('tool', 'tool_call') AND NOT list_has_any(contexts, $aside)
            AND NOT list_has_any(contexts, $talk)) AS in_words,
        bool_or(idea = 'booking_picture' AND NOT list_has_any(contexts, $aside)) AS booking,
        bool_or(idea = 'gallery' AND NOT list_has_any(contexts, $aside)) AS gallery,
        bool_or(idea IN ('face', 'person') AND NOT list_has_any(contexts, $aside)) AS people,
        bool_or(side = 'request' AND (list_has_any(contexts, $aside) OR list_has_any(contexts, $talk))) AS elsewhere
    FROM meant
    GROUP BY request_key
),
levels AS (  -- 2: words ask for it; 1: names, tools or less tell of it
    SELECT request_key, CASE
        WHEN in_words AND (booking OR (gallery AND people)) THEN 2
        WHEN asked AND (booking OR (gallery AND people)) AND NOT elsewhere THEN 1
        ELSE 0
    END AS level
    FROM said
),
counted AS (  -- the window that ends with each call that tells
    SELECT calls.request_key, calls.tenant_id, calls.deployment, calls.occurred_at,
        count(*) OVER (
            PARTITION BY calls.tenant_id, calls.deployment ORDER BY calls.occurred_at
            RANGE BETWEEN to_seconds($window_seconds) PRECEDING AND CURRENT ROW
        ) AS calls
    FROM calls
    JOIN levels ON levels.request_key = calls.request_key
    WHERE level > 0
),
marked AS (  -- a call belongs to every window that holds it
    SELECT request_key, tenant_id, deployment, occurred_at,
        bool_or(calls >= $least_calls) OVER (
            PARTITION BY tenant_id, deployment ORDER BY occurred_at
            RANGE BETWEEN CURRENT ROW AND to_seconds($window_seconds) FOLLOWING
        ) AS is_member
    FROM counted
),
kept AS (
    SELECT request_key, tenant_id, deployment, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, deployment ORDER BY occurred_at, request_key
        )) AS pause
    FROM marked
    WHERE is_member
),
parted AS (  -- windows that touch are one run
    SELECT request_key, tenant_id, deployment, occurred_at,
        sum(CASE WHEN pause <= $window_seconds THEN 0 ELSE 1 END) OVER (
            PARTITION BY tenant_id, deployment ORDER BY occurred_at, request_key ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM kept
),
dated AS (  -- a long run is told for each 24 hours from its start
    SELECT request_key, tenant_id, deployment, occurred_at,
        run_no,
        floor(epoch(occurred_at - min(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, run_no
        )) / 86400) AS day_no
    FROM parted
),
members AS (
    SELECT request_key, tenant_id, deployment, occurred_at,
        first_value(request_key) OVER run AS lead, row_number() OVER run AS place
    FROM dated
    WINDOW run AS (PARTITION BY tenant_id, deployment, run_no, day_no ORDER BY occurred_at, request_key)
),
told AS (
    SELECT members.lead, members.place, members.request_key, members.occurred_at, coalesce(levels.level, 0) AS level
    FROM members
    LEFT JOIN levels ON levels.request_key = members.request_key
),
judged AS (  -- most of a run must tell, or one word would accuse all that stands around it
    SELECT lead, CASE WHEN count(*) FILTER (WHERE level = 2) >= $told_share * count(*) THEN 'strong' ELSE 'weak' END
        AS strength
    FROM told
    GROUP BY lead
    HAVING count(*) FILTER (WHERE level > 0) >= $told_share * count(*)
),
cited AS (
    SELECT lead, request_key, place
    FROM told
    WHERE place <= $most_requests AND lead IN (SELECT lead FROM judged)
),
listed AS (
    SELECT lead, list(request_key ORDER BY place) AS request_keys
    FROM cited
    GROUP BY lead
),
shown AS (
    SELECT lead,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'fixed_camera') AS fixed,
        bool_or(idea IN ('face', 'booking_picture', 'gallery')) AS face,
        bool_or(idea = 'public_place') AS public_place,
        bool_or(idea = 'work_or_school') AS work_or_school,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        list(
            {
                'request_key': meant.request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY place, idea IN ('compare', 'identify', 'verify') DESC,
                meant.request_key, part_no, char_from, char_to, "signal"
        ) FILTER (
            WHERE idea IN (
                'watch', 'track', 'locate', 'identify', 'compare', 'verify', 'face', 'booking_picture', 'gallery',
                'person', 'live', 'mobile', 'fixed_camera'
            )
        )[:$most_evidence] AS evidence
    FROM cited
    JOIN meant ON meant.request_key = cited.request_key
    GROUP BY lead
)
SELECT
    request_keys,
    strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': true},
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END},
            {'key': 'public_place', 'value': nullif(public_place, false)},
            {'key': 'work_or_school', 'value': nullif(work_or_school, false)},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    coalesce(evidence, []) AS evidence
FROM judged
JOIN listed USING (lead)
LEFT JOIN shown USING (lead)
