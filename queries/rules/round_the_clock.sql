-- title   = "A deployment looks at pictures round the clock and people are to be watched in them"
-- use     = "watch"
-- scope   = "stream"
-- needs   = ["times"]
-- version = 1
-- why     = """
-- Sees one tenant's deployment that is shown pictures in any 24 hours without a rest: pauses of at most half an hour
-- add up to twenty hours or more. Its words must ask to watch, track or locate and tell of faces or a list of persons,
-- or look for listed persons before a camera, in at least half of the calls: strong. Weak when only names or tools
-- tell; and where no content is logged, calls to a model that can look at pictures count, and only names can tell:
-- always weak. Told for each 24 hours. Does not see a camera that sleeps at night, one with a bland name where content
-- is not logged, or two deployments that take turns. An application that people use at all hours (identity checks,
-- insurance photographs, papers), counting, wildlife, shelves and traffic are no use.
-- """
--
-- [params]
-- window_hours = 24
-- covered_hours = 20
-- longest_pause_seconds = 1800
-- told_share = 0.5
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "audio_only", "quoted_report"]
-- most_requests = 1000
-- most_evidence = 20
-- vision_models = [
--     "gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-4-turbo", "gpt-4-vision", "gpt-4v", "gpt-5", "o1", "o3", "o4",
--     "gpt-image", "computer-use"
-- ]

WITH calls AS (
    SELECT request_key, tenant_id, coalesce(deployment, '') AS deployment, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, coalesce(deployment, '') ORDER BY occurred_at, request_key
        )) AS pause
    FROM requests
    WHERE occurred_at IS NOT NULL AND api IN ('chat', 'responses', 'assistants', 'realtime', 'image_edit') AND (
        picture_count > 0
        OR (prompt_seen = 'none' AND len(list_filter($vision_models, lambda name: starts_with(lower(model), name))) > 0)
    )
),
counted AS (
    SELECT request_key, tenant_id, deployment, occurred_at,
        sum(pause) FILTER (WHERE pause <= $longest_pause_seconds) OVER (
            PARTITION BY tenant_id, deployment ORDER BY occurred_at
            RANGE BETWEEN to_hours($window_hours) PRECEDING AND CURRENT ROW
        ) AS covered_seconds
    FROM calls
),
marked AS (  -- a call belongs to every window that holds it
    SELECT request_key, tenant_id, deployment, occurred_at,
        bool_or(covered_seconds >= 3600 * $covered_hours) OVER (
            PARTITION BY tenant_id, deployment ORDER BY occurred_at
            RANGE BETWEEN CURRENT ROW AND to_seconds(3600 * $window_hours) FOLLOWING
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
        sum(CASE WHEN pause <= 3600 * $window_hours THEN 0 ELSE 1 END) OVER (
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
meant AS (  -- what the caller sent, in words or names, and did not rule out
    SELECT request_key, part_no, side, kind, "signal", idea, contexts, char_from, char_to
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant'
        AND deployment IN (SELECT deployment FROM members)
        AND NOT list_has_any(contexts, $never)
        AND NOT (coalesce(role, '') IN ('system', 'developer') AND list_contains(contexts, 'refusal'))
),
said AS (
    SELECT request_key,
        bool_or(idea IN ('watch', 'track', 'locate') AND side = 'request' AND kind NOT IN ('tool', 'tool_call')
            AND NOT list_has_any(contexts, $aside) AND NOT list_has_any(contexts, $talk)) AS follows,
        bool_or(idea IN ('identify', 'compare', 'verify') AND side = 'request' AND kind NOT IN ('tool', 'tool_call')
            AND "signal" <> 'compare.features'
            AND NOT list_has_any(contexts, $aside) AND NOT list_has_any(contexts, $talk)) AS looks_for,
        bool_or(idea IN ('watch', 'track', 'locate') AND (side = 'name' OR kind IN ('tool', 'tool_call'))
            AND NOT list_has_any(contexts, $aside)) AS named,
        bool_or(idea IN ('identify', 'compare', 'verify') AND (side = 'name' OR kind IN ('tool', 'tool_call'))
            AND "signal" <> 'compare.features' AND NOT list_has_any(contexts, $aside)) AS recognises,
        bool_or(idea IN ('face', 'booking_picture', 'gallery') AND NOT list_has_any(contexts, $aside)) AS face,
        bool_or(idea IN ('booking_picture', 'gallery') AND NOT list_has_any(contexts, $aside)) AS list_of_persons,
        bool_or(idea IN ('live', 'mobile', 'fixed_camera')) AS camera,
        bool_or(side = 'request' AND (list_has_any(contexts, $aside) OR list_has_any(contexts, $talk))) AS elsewhere,
        bool_or(idea = 'mobile' AND side = 'name') AND bool_or(idea = 'live' AND side = 'name') AS worn
    FROM meant
    GROUP BY request_key
),
levels AS (  -- 2: words ask for it; 1: names, tools or less tell of it
    SELECT request_key, CASE
        WHEN (follows AND face) OR (looks_for AND list_of_persons AND camera) THEN 2
        WHEN (named OR worn OR (recognises AND camera)) AND NOT elsewhere THEN 1
        ELSE 0
    END AS level
    FROM said
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
            ORDER BY place, idea IN ('watch', 'track', 'locate', 'identify', 'compare', 'verify') DESC,
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
            {'key': 'face', 'value': nullif(face, false)},
            {'key': 'live', 'value': true},
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
