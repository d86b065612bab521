-- title   = "A tool for face recognition is offered to the model or called by it"
-- use     = "identify"
-- scope   = "request"
-- needs   = ["prompt", "tools"]
-- version = 4
-- why     = """
-- Sees a tool whose name, description or call speaks of recognising, matching, verifying or enrolling faces or of
-- searching a list of persons with one. Strong when a picture is there, the text asks for it, or the model called the
-- tool; weak when it is only offered. Does not see a tool with a bland name and description, what the tool does, or a
-- language that the lexicon lacks. Tools for plates, or for an identity that is no face, are no use.
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- most_evidence = 20

WITH tool_parts AS (
    SELECT request_key, part_no, kind, side
    FROM parts
    WHERE kind IN ('tool', 'tool_call') OR (kind = 'name' AND name IN ('tool', 'tool_call'))
),
meant AS (  -- what tools say of themselves and what they were called with
    SELECT signals.request_key, signals.part_no, tool_parts.kind, "signal", idea, contexts, char_from, char_to
    FROM signals
    JOIN tool_parts ON tool_parts.request_key = signals.request_key AND tool_parts.part_no = signals.part_no
    WHERE NOT list_has_any(contexts, $never) AND NOT list_has_any(contexts, $aside)
),
facts AS (
    SELECT request_key,
        bool_or(idea IN ('identify', 'compare', 'verify', 'enrol')) AS recognises,
        bool_or(idea IN ('face', 'booking_picture', 'face_vector') OR "signal" = 'identify.face_recognition') AS face,
        bool_or(idea = 'gallery') AS gallery,
        bool_or(kind = 'tool_call' AND idea IN ('identify', 'compare', 'verify', 'enrol')) AS called
    FROM meant
    GROUP BY request_key
),
around AS (
    SELECT request_key,
        bool_or(idea IN ('identify', 'compare', 'verify', 'face', 'booking_picture') AND kind = 'text') AS asked,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'fixed_camera') AS fixed,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        bool_or(idea = 'human_review') AS human_review
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant'
        AND NOT list_has_any(contexts, $never)
        AND NOT (coalesce(role, '') IN ('system', 'developer') AND list_contains(contexts, 'refusal'))
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN NOT (recognises AND (face OR (gallery AND picture_count > 0))) THEN NULL
        WHEN called OR picture_count > 0 OR asked THEN 'strong'
        ELSE 'weak'
    END AS verdict
    FROM facts
    LEFT JOIN around USING (request_key)
    JOIN requests USING (request_key)
),
shown AS (
    SELECT request_key,
        list(
            {
                'request_key': request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY kind = 'tool_call' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE idea IN ('identify', 'compare', 'verify', 'enrol', 'face', 'booking_picture', 'face_vector', 'gallery')
        AND verdict IS NOT NULL
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
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)},
            {'key': 'human_review', 'value': nullif(human_review, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM judged
LEFT JOIN around USING (request_key)
JOIN shown USING (request_key)
WHERE verdict IS NOT NULL
