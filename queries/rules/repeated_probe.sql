-- title   = "One picture is held against ever other pictures and people are to be recognised"
-- use     = "compare"
-- scope   = "stream"
-- needs   = ["prompt", "picture_bytes", "times"]
-- version = 1
-- why     = """
-- Sees one and the same picture (its bytes) sent in at least eight calls of one tenant and deployment within any hour,
-- each time beside other pictures in the same message, where words, names or tools ask to compare, identify or verify
-- people: a probe that goes through a gallery, or a sheet of persons that meets ever new pictures. Strong when words
-- ask so and tell of faces, booking pictures or a list of persons; weak otherwise. A picture that stays is told for
-- each 24 hours. Does not see a picture that was cropped or saved anew, one that is only an address, or one in another
-- message than those it is held against. Small pictures (logos, icons), a thread that sends its pictures again, and a
-- pattern for goods, papers or blurring are no use.
-- """
--
-- [params]
-- least_others = 8
-- window_seconds = 3600
-- least_bytes = 1500
-- told_share = 0.5
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "audio_only", "quoted_report"]
-- most_requests = 1000
-- most_evidence = 20

WITH sent AS (
    SELECT DISTINCT request_key, tenant_id, coalesce(deployment, '') AS deployment, turn_no, picture
    FROM parts
    WHERE kind = 'picture' AND side = 'request' AND picture IS NOT NULL
),
whole AS (
    SELECT sent.request_key, tenant_id, deployment, turn_no, picture
    FROM sent
    JOIN pictures ON pictures.sha256 = sent.picture
    WHERE pictures.kind = 'picture' AND coalesce(bytes, $least_bytes) >= $least_bytes
),
latest AS (  -- a thread sends its earlier pictures again with every turn
    SELECT request_key, tenant_id, deployment, picture
    FROM whole
    QUALIFY turn_no IS NOT DISTINCT FROM max(turn_no) OVER (PARTITION BY request_key)
),
beside AS (
    SELECT request_key, any_value(tenant_id) AS tenant_id, any_value(deployment) AS deployment,
        list(picture ORDER BY picture) AS pictures
    FROM latest
    GROUP BY request_key
    HAVING count(*) > 1
),
paired AS (  -- each picture with those it is held against
    SELECT beside.request_key, beside.tenant_id, beside.deployment, occurred_at, one.picture,
        array_to_string(list_filter(pictures, lambda other: other <> one.picture), ' ') AS others
    FROM beside
    CROSS JOIN unnest(beside.pictures) AS one(picture)
    JOIN requests ON requests.request_key = beside.request_key
    WHERE occurred_at IS NOT NULL
),
again AS (
    SELECT request_key, tenant_id, deployment, occurred_at, picture, others
    FROM paired
    QUALIFY count(*) OVER (PARTITION BY tenant_id, deployment, picture) >= $least_others
),
counted AS (
    SELECT request_key, tenant_id, deployment, occurred_at, picture,
        count(DISTINCT others) OVER (
            PARTITION BY tenant_id, deployment, picture ORDER BY occurred_at
            RANGE BETWEEN to_seconds($window_seconds) PRECEDING AND CURRENT ROW
        ) AS others
    FROM again
),
marked AS (  -- a call belongs to every window that holds it
    SELECT request_key, tenant_id, deployment, picture, occurred_at,
        bool_or(others >= $least_others) OVER (
            PARTITION BY tenant_id, deployment, picture ORDER BY occurred_at
            RANGE BETWEEN CURRENT ROW AND to_seconds($window_seconds) FOLLOWING
        ) AS is_member
    FROM counted
),
kept AS (
    SELECT request_key, tenant_id, deployment, picture, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, picture ORDER BY occurred_at, request_key
        )) AS pause
    FROM marked
    WHERE is_member
),
parted AS (  -- windows that touch are one run
    SELECT request_key, tenant_id, deployment, picture, occurred_at,
        sum(CASE WHEN pause <= $window_seconds THEN 0 ELSE 1 END) OVER (
            PARTITION BY tenant_id, deployment, picture ORDER BY occurred_at, request_key ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM kept
),
dated AS (  -- a long run is told for each 24 hours from its start
    SELECT request_key, tenant_id, deployment, picture, occurred_at,
        run_no,
        floor(epoch(occurred_at - min(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, picture, run_no
        )) / 86400) AS day_no
    FROM parted
),
members AS (
    SELECT request_key, tenant_id, deployment, occurred_at,
        first_value(request_key) OVER run || ' ' || picture AS lead, row_number() OVER run AS place
    FROM dated
    WINDOW run AS (PARTITION BY tenant_id, deployment, picture, run_no, day_no ORDER BY occurred_at, request_key)
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
        bool_or(idea IN ('compare', 'identify', 'verify') AND "signal" <> 'compare.features'
            AND NOT list_has_any(contexts, $aside)) AS asked,
        bool_or(idea IN ('compare', 'identify', 'verify') AND "signal" <> 'compare.features'
            AND side = 'request' AND kind NOT IN ('tool', 'tool_call') AND NOT list_has_any(contexts, $aside)
            AND NOT list_has_any(contexts, $talk)) AS in_words,
        bool_or(idea IN ('face', 'booking_picture', 'gallery') AND NOT list_has_any(contexts, $aside)) AS face,
        bool_or(idea = 'person' AND NOT list_has_any(contexts, $aside)) AS person,
        bool_or(side = 'request' AND (list_has_any(contexts, $aside) OR list_has_any(contexts, $talk))) AS elsewhere
    FROM meant
    GROUP BY request_key
),
levels AS (  -- 2: words ask for it; 1: names, tools or less tell of it
    SELECT request_key, CASE
        WHEN in_words AND face THEN 2
        WHEN asked AND (face OR person) AND NOT elsewhere THEN 1
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
