-- title   = "Faces are compared as numbers"
-- use     = "compare"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 1
-- why     = """
-- Sees a face as numbers (descriptor, landmarks, template, code) in a call for embeddings, or beside words that ask to
-- compare, to verify or to identify; no picture is needed. Weak when the text is work on software, or names an engine
-- without persons. Does not see numbers that are not called by such a name, nor a language that the lexicon lacks.
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report"]
-- aside = ["redaction", "counting", "plates"]
-- most_evidence = 20

WITH meant AS (  -- what the caller sent, in words or names, and did not rule out
    SELECT request_key, part_no, side, kind, "signal", idea, contexts, char_from, char_to
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant'
        AND NOT list_has_any(contexts, $never)
        AND NOT (coalesce(role, '') IN ('system', 'developer') AND list_contains(contexts, 'refusal'))
),
facts AS (
    SELECT request_key,
        bool_or(idea IN ('face', 'booking_picture')) AS face,
        bool_or(idea IN ('gallery', 'booking_picture')) AS gallery,
        bool_or(idea = 'person') AS person,
        bool_or(idea IN ('compare', 'verify', 'identify', 'enrol')) AS asks,
        bool_or(idea = 'verify') AS verifies,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'public_place') AS public_place,
        bool_or(idea = 'work_or_school') AS work_or_school,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        bool_or(idea = 'human_review') AS human_review,
        bool_or(idea = 'apprehended') AS apprehended,
        bool_or(idea = 'fixed_camera') AS fixed
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT request_key,
        bool_or(NOT list_has_any(contexts, $talk)) AS sober,
        bool_or(contexts = ['software']) AS software
    FROM meant
    WHERE idea = 'face_vector' AND side = 'request' AND kind NOT IN ('tool', 'tool_call')
        AND NOT list_has_any(contexts, $aside)
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN sober AND api = 'embedding' THEN 'strong'
        WHEN sober AND asks AND (gallery OR person OR verifies) THEN 'strong'
        WHEN sober AND asks THEN 'weak'
        WHEN software AND asks AND gallery THEN 'weak'
    END AS verdict
    FROM asked
    JOIN facts USING (request_key)
    JOIN requests USING (request_key)
),
shown AS (  -- where it shows, what was asked first
    SELECT request_key,
        list(
            {
                'request_key': request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY idea = 'face_vector' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'face_vector', 'compare', 'verify', 'identify', 'enrol', 'booking_picture', 'gallery', 'person'
    )
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    verdict AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': true},
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END},
            {'key': 'public_place', 'value': nullif(public_place, false)},
            {'key': 'work_or_school', 'value': nullif(work_or_school, false)},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)},
            {'key': 'human_review', 'value': nullif(human_review, false)},
            {'key': 'apprehended', 'value': nullif(apprehended, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM judged
JOIN facts USING (request_key)
JOIN shown USING (request_key)
WHERE verdict IS NOT NULL
