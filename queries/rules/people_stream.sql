-- title   = "Pictures come steadily for a long time and people are to be watched or followed in them"
-- use     = "watch"
-- scope   = "stream"
-- needs   = ["prompt", "times"]
-- version = 1
-- why     = """
-- Sees calls with pictures of one tenant, deployment, key and caller that come at an even pace, or in such numbers
-- within ten minutes that no hand sends them (cameras whose calls mix), and whose words ask to track or locate people
-- or to watch faces or a list of persons: in at least half of the calls, or in an earlier call of their thread. Strong
-- when words ask so; weak when only a name or a tool tells of watching, following or recognising, and nothing in words
-- speaks of counting, plates, hiding or another trade. A run is told for each 24 hours. Does not see watching at the
-- pace of a hand, a language that the lexicon lacks, or what a picture shows; frames for helmets, falls, smoke,
-- animals, shelves or traffic are no use. Comparing and identifying at the pace of a camera is camera_stream.
-- """
--
-- [params]
-- least_calls = 8
-- many_calls = 60
-- shortest_pause_seconds = 0.04
-- longest_pause_seconds = 60
-- window_seconds = 600
-- even_share = 0.7
-- slack_share = 0.3
-- slack_seconds = 1.0
-- told_share = 0.5
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "audio_only", "quoted_report"]
-- most_requests = 1000
-- most_evidence = 20

WITH calls AS (
    SELECT request_key, tenant_id, coalesce(deployment, '') AS deployment, coalesce(subscription, '') AS key,
        coalesce(caller, '') AS caller, session_key, session_source, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, coalesce(deployment, ''), coalesce(subscription, ''), coalesce(caller, '')
            ORDER BY occurred_at, request_key
        )) AS pause
    FROM requests
    WHERE picture_count > 0 AND api <> 'batch' AND occurred_at IS NOT NULL
),
paced AS (  -- the pace around each call
    SELECT request_key, tenant_id, deployment, key, caller, session_key, session_source, occurred_at, pause,
        median(pause) FILTER (WHERE pause <= $window_seconds) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at, request_key
            ROWS BETWEEN 10 PRECEDING AND 10 FOLLOWING
        ) AS pace
    FROM calls
),
counted AS (  -- the window that ends with each call
    SELECT request_key, tenant_id, deployment, key, caller, session_key, session_source, occurred_at,
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
    SELECT request_key, tenant_id, deployment, key, caller, session_key, session_source, occurred_at,
        bool_or(calls >= $many_calls OR (calls >= $least_calls AND even_pauses >= $even_share * pauses)) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at
            RANGE BETWEEN CURRENT ROW AND to_seconds($window_seconds) FOLLOWING
        ) AS is_member
    FROM counted
),
kept AS (
    SELECT request_key, tenant_id, deployment, key, caller, session_key, session_source, occurred_at,
        epoch(occurred_at - lag(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at, request_key
        )) AS pause
    FROM marked
    WHERE is_member
),
parted AS (  -- windows that touch are one run
    SELECT request_key, tenant_id, deployment, key, caller, session_key, session_source, occurred_at,
        sum(CASE WHEN pause <= $window_seconds THEN 0 ELSE 1 END) OVER (
            PARTITION BY tenant_id, deployment, key, caller ORDER BY occurred_at, request_key ROWS UNBOUNDED PRECEDING
        ) AS run_no
    FROM kept
),
dated AS (  -- a long run is told for each 24 hours from its start
    SELECT request_key, tenant_id, deployment, key, caller, session_key, session_source, occurred_at,
        run_no,
        floor(epoch(occurred_at - min(occurred_at) OVER (
            PARTITION BY tenant_id, deployment, key, caller, run_no
        )) / 86400) AS day_no
    FROM parted
),
members AS (
    SELECT request_key, tenant_id, deployment, session_key, session_source, occurred_at,
        first_value(request_key) OVER run AS lead, row_number() OVER run AS place
    FROM dated
    WINDOW run AS (PARTITION BY tenant_id, deployment, key, caller, run_no, day_no ORDER BY occurred_at, request_key)
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
        bool_or(idea IN ('track', 'locate') AND side = 'request' AND kind NOT IN ('tool', 'tool_call')
            AND NOT list_has_any(contexts, $aside) AND NOT list_has_any(contexts, $talk)) AS follows,
        bool_or(idea = 'watch' AND side = 'request' AND kind NOT IN ('tool', 'tool_call')
            AND NOT list_has_any(contexts, $aside) AND NOT list_has_any(contexts, $talk)) AS watches,
        bool_or(idea IN ('watch', 'track', 'locate') AND (side = 'name' OR kind IN ('tool', 'tool_call'))
            AND NOT list_has_any(contexts, $aside)) AS named,
        bool_or(idea IN ('identify', 'compare', 'verify') AND (side = 'name' OR kind IN ('tool', 'tool_call'))
            AND "signal" <> 'compare.features' AND NOT list_has_any(contexts, $aside)) AS recognises,
        bool_or(idea IN ('face', 'booking_picture', 'gallery') AND NOT list_has_any(contexts, $aside)) AS face,
        bool_or(idea = 'person' AND NOT list_has_any(contexts, $aside)) AS person,
        bool_or(idea IN ('live', 'mobile', 'fixed_camera')) AS camera,
        bool_or(side = 'request' AND (list_has_any(contexts, $aside) OR list_has_any(contexts, $talk))) AS elsewhere
    FROM meant
    GROUP BY request_key
),
levels AS (  -- 2: words ask for it; 1: names, tools or less tell of it
    SELECT request_key, CASE
        WHEN (follows AND (face OR person)) OR (watches AND face) THEN 2
        WHEN (named OR (recognises AND camera)) AND NOT elsewhere THEN 1
        ELSE 0
    END AS level
    FROM said
),
earlier AS (  -- what was said once in a thread holds for the calls that go on from it
    SELECT requests.tenant_id, coalesce(requests.deployment, '') AS deployment, requests.session_key,
        min(requests.occurred_at) AS told_at,
        min_by(levels.request_key, (requests.occurred_at, levels.request_key)) AS opener,
        min_by(level, (requests.occurred_at, levels.request_key)) AS level
    FROM levels
    JOIN requests ON requests.request_key = levels.request_key
    WHERE level > 0 AND session_source = 'explicit'
    GROUP BY requests.tenant_id, coalesce(requests.deployment, ''), requests.session_key
),
told AS (
    SELECT members.lead, members.place, members.request_key, members.occurred_at,
        CASE WHEN members.occurred_at >= earlier.told_at THEN earlier.opener END AS opener,
        greatest(
            coalesce(levels.level, 0),
            CASE WHEN members.occurred_at >= earlier.told_at THEN earlier.level ELSE 0 END
        ) AS level
    FROM members
    LEFT JOIN levels ON levels.request_key = members.request_key
    LEFT JOIN earlier ON members.session_source = 'explicit' AND earlier.tenant_id = members.tenant_id
        AND earlier.deployment = members.deployment AND earlier.session_key = members.session_key
),
judged AS (  -- most of a run must tell, or one word would accuse all that stands around it
    SELECT lead, CASE WHEN count(*) FILTER (WHERE level = 2) >= $told_share * count(*) THEN 'strong' ELSE 'weak' END
        AS strength
    FROM told
    GROUP BY lead
    HAVING count(*) FILTER (WHERE level > 0) >= $told_share * count(*)
),
cited AS (
    SELECT lead, request_key
    FROM told
    WHERE place <= $most_requests AND lead IN (SELECT lead FROM judged)
    UNION
    SELECT lead, opener
    FROM told
    WHERE opener IS NOT NULL AND place <= $most_requests AND lead IN (SELECT lead FROM judged)
),
listed AS (
    SELECT lead, list(cited.request_key ORDER BY occurred_at, cited.request_key) AS request_keys
    FROM cited
    JOIN requests ON requests.request_key = cited.request_key
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
            ORDER BY meant.request_key <> lead, idea IN ('watch', 'track', 'locate') DESC,
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
