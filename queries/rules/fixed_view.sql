-- title   = "Pictures of one size come steadily, as from a camera that stays, and people are to be watched in them"
-- use     = "watch"
-- scope   = "stream"
-- needs   = ["prompt", "times"]
-- version = 1
-- why     = """
-- Sees pictures of the same width and height and nearly the same length in bytes, in at least twelve calls of one
-- tenant and deployment within any three hours, whoever sends them and among whatever else, whose pauses are even and
-- at most fifteen minutes, and whose words ask to watch, track or locate and tell of faces or a list of persons, or
-- look for listed persons before a camera: in at least half of the calls. Strong when words ask so; weak when only
-- names or tools tell. A run is told for each 24 hours. Does not see a camera whose pictures change their size, one
-- that waits for movement, or pictures whose size no log holds. Scanned papers, shelves, animals, traffic, smoke,
-- photographs of damage and counted people are no use, however even they come.
-- """
--
-- [params]
-- least_calls = 12
-- window_seconds = 10800
-- shortest_pause_seconds = 1.0
-- longest_pause_seconds = 900
-- even_share = 0.7
-- slack_share = 0.3
-- slack_seconds = 1.0
-- size_share = 0.25
-- told_share = 0.5
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "audio_only", "quoted_report"]
-- most_requests = 1000
-- most_evidence = 20

WITH shot AS (  -- a picture's size tells the camera, whoever sends it
    SELECT DISTINCT parts.request_key, parts.tenant_id, coalesce(parts.deployment, '') AS deployment, width, height,
        max(bytes) OVER (PARTITION BY parts.request_key, width, height) AS bytes
    FROM parts
    JOIN pictures ON pictures.sha256 = parts.picture
    WHERE parts.kind = 'picture' AND side = 'request' AND pictures.kind = 'picture'
        AND width IS NOT NULL AND height IS NOT NULL AND bytes IS NOT NULL
),
timed AS (
    SELECT shot.request_key, shot.tenant_id, shot.deployment, width, height, bytes, occurred_at
    FROM shot
    JOIN requests ON requests.request_key = shot.request_key
    WHERE occurred_at IS NOT NULL AND api <> 'batch'
    QUALIFY count(*) OVER (PARTITION BY shot.tenant_id, shot.deployment, width, height) >= $least_calls
),
sized AS (
    SELECT request_key, tenant_id, deployment, width, height, bytes, occurred_at,
        median(bytes) OVER (
            PARTITION BY tenant_id, deployment, width, height ORDER BY occurred_at, request_key
            ROWS BETWEEN 10 PRECEDING AND 10 FOLLOWING
        ) AS usual_bytes
    FROM timed
),
alike AS (
    SELECT request_key, tenant_id, deployment, width, height, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, width, height ORDER BY occurred_at, request_key
        )) AS pause
    FROM sized
    WHERE abs(bytes - usual_bytes) <= $size_share * usual_bytes
),
paced AS (  -- the pace around each picture
    SELECT request_key, tenant_id, deployment, width, height, occurred_at, pause,
        median(pause) FILTER (WHERE pause <= $window_seconds) OVER (
            PARTITION BY tenant_id, deployment, width, height ORDER BY occurred_at, request_key
            ROWS BETWEEN 10 PRECEDING AND 10 FOLLOWING
        ) AS pace
    FROM alike
),
counted AS (  -- the window that ends with each picture
    SELECT request_key, tenant_id, deployment, width, height, occurred_at,
        count(*) OVER back AS calls,
        count(*) FILTER (WHERE pause <= $window_seconds) OVER back AS pauses,
        count(*) FILTER (
            WHERE pace BETWEEN $shortest_pause_seconds AND $longest_pause_seconds
                AND abs(pause - pace) <= greatest(pace * $slack_share, $slack_seconds)
        ) OVER back AS even_pauses
    FROM paced
    WINDOW back AS (
        PARTITION BY tenant_id, deployment, width, height ORDER BY occurred_at
        RANGE BETWEEN to_seconds($window_seconds) PRECEDING AND CURRENT ROW
    )
),
marked AS (  -- a call belongs to every window that holds it
    SELECT request_key, tenant_id, deployment, width, height, occurred_at,
        bool_or(calls >= $least_calls AND even_pauses >= $even_share * pauses) OVER (
            PARTITION BY tenant_id, deployment, width, height ORDER BY occurred_at
            RANGE BETWEEN CURRENT ROW AND to_seconds($window_seconds) FOLLOWING
        ) AS is_member
    FROM counted
),
kept AS (
    SELECT request_key, tenant_id, deployment, width, height, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, width, height ORDER BY occurred_at, request_key
        )) AS pause
    FROM marked
    WHERE is_member
),
parted AS (  -- windows that touch are one run
    SELECT request_key, tenant_id, deployment, width, height, occurred_at,
        sum(CASE WHEN pause <= $window_seconds THEN 0 ELSE 1 END) OVER (
            PARTITION BY tenant_id, deployment, width, height ORDER BY occurred_at, request_key ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM kept
),
dated AS (  -- a long run is told for each 24 hours from its start
    SELECT request_key, tenant_id, deployment, width, height, occurred_at,
        run_no,
        floor(epoch(occurred_at - min(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, width, height, run_no
        )) / 86400) AS day_no
    FROM parted
),
members AS (
    SELECT request_key, tenant_id, deployment, occurred_at,
        first_value(request_key) OVER run || ' ' || width || 'x' || height AS lead, row_number() OVER run AS place
    FROM dated
    WINDOW run AS (PARTITION BY tenant_id, deployment, width, height, run_no, day_no ORDER BY occurred_at, request_key)
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
        bool_or(side = 'request' AND (list_has_any(contexts, $aside) OR list_has_any(contexts, $talk))) AS elsewhere
    FROM meant
    GROUP BY request_key
),
levels AS (  -- 2: words ask for it; 1: names, tools or less tell of it
    SELECT request_key, CASE
        WHEN (follows AND face) OR (looks_for AND list_of_persons AND camera) THEN 2
        WHEN (named OR (recognises AND camera)) AND NOT elsewhere THEN 1
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
