-- title   = "Race, religion, politics or another protected trait is to be read from somebody"
-- use     = "infer_trait"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 3
-- why     = """
-- Sees a request with a picture or a recording that asks for race, nationality, religion, politics, union membership
-- or orientation of people. Weak when only a name asks or the text is news, teaching or marketing. Does not see traits
-- in words alone, as a description that a witness gave, a picture that is drawn, or a language that the lexicon lacks.
-- The colour of clothes and of things is no use.
-- """
--
-- [params]
-- never = ["negation", "animal", "redaction"]
-- soft = ["news", "training", "marketing", "fiction", "clothes"]
-- most_evidence = 20

WITH meant AS (  -- what the caller sent, in words or names, and did not rule out
    SELECT request_key, part_no, side, kind, "signal", idea, contexts, char_from, char_to
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant'
        AND NOT list_has_any(contexts, $never)
        AND NOT (coalesce(role, '') IN ('system', 'developer') AND list_contains(contexts, 'refusal'))
),
media AS (  -- what can be looked at or listened to
    SELECT requests.request_key, any_value(requests.picture_count) AS picture_count,
        bool_or(parts.kind IS NOT NULL OR api IN ('audio_transcribe', 'audio_translate', 'realtime')) AS audio,
        bool_or(api IN ('image_generate', 'image_edit')) AS draws
    FROM requests
    LEFT JOIN parts
        ON parts.request_key = requests.request_key AND parts.side = 'request' AND parts.kind = 'audio'
    GROUP BY requests.request_key
),
facts AS (
    SELECT request_key,
        bool_or(idea IN ('face', 'booking_picture')) AS face,
        bool_or(idea IN ('gallery', 'booking_picture')) AS gallery,
        bool_or(idea = 'person') AS person,
        bool_or(idea = 'voice') AS voice,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'public_place') AS public_place,
        bool_or(idea = 'work_or_school') AS work_or_school,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        bool_or(idea = 'human_review') AS human_review,
        bool_or(idea = 'fixed_camera') AS fixed
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT request_key, bool_or(side = 'request' AND NOT list_has_any(contexts, $soft)) AS firm
    FROM meant
    WHERE idea = 'infer_trait'
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN draws THEN NULL
        WHEN firm AND (picture_count > 0 OR audio) THEN 'strong'
        WHEN picture_count > 0 OR audio THEN 'weak'
    END AS verdict
    FROM asked
    JOIN facts USING (request_key)
    JOIN media USING (request_key)
),
shown AS (  -- where it shows, what was asked first
    SELECT request_key,
        list(
            {
                'request_key': request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY idea = 'infer_trait' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'infer_trait', 'categorise', 'infer_age_gender', 'face', 'voice', 'person', 'live', 'mobile',
        'fixed_camera'
    )
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    verdict AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': nullif(face OR picture_count > 0, false)},
            {'key': 'voice', 'value': nullif(voice OR audio, false)},
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END},
            {'key': 'public_place', 'value': nullif(public_place, false)},
            {'key': 'work_or_school', 'value': nullif(work_or_school, false)},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)},
            {'key': 'human_review', 'value': nullif(human_review, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM judged
JOIN facts USING (request_key)
JOIN media USING (request_key)
JOIN shown USING (request_key)
WHERE verdict IS NOT NULL
