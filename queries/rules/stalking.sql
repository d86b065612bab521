-- title   = "Somebody is followed in private or in secret"
-- use     = "stalk"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 1
-- why     = """
-- Sees a request that follows, locates or watches somebody for a private end (a former partner) or in secret (without
-- the person or the record knowing). Strong with words for following, a place, a plate or live reads beside it; weak
-- with a person and a picture. Does not see secrecy that is not said, nor a language that the lexicon lacks. Surprise
-- parties and secret drafts are no use.
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report"]
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
        bool_or(idea = 'plate') AS plate,
        bool_or(idea IN ('track', 'locate', 'watch')) AS follows,
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
    SELECT request_key, bool_or(side = 'request' AND NOT list_has_any(contexts, $talk)) AS sober
    FROM meant
    WHERE idea = 'stalk'
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN sober AND (follows OR (plate AND live)) THEN 'strong'
        WHEN sober AND picture_count > 0 AND (person OR face OR plate) THEN 'weak'
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
            ORDER BY idea = 'stalk' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'stalk', 'track', 'locate', 'watch', 'person', 'plate', 'live', 'mobile', 'fixed_camera'
    )
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    verdict AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': nullif(face, false)},
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END},
            {'key': 'consent', 'value': nullif(consent, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM judged
JOIN facts USING (request_key)
JOIN shown USING (request_key)
WHERE verdict IS NOT NULL
