-- title   = "Faces are made into templates or put into a gallery"
-- use     = "enrol"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 2
-- why     = """
-- Sees a request that enrols, indexes, codes or clusters faces. Strong with a picture and a booking picture, a list of
-- persons, a face as numbers or a code made of its features; weak with a picture and a question who or whether the
-- same, or with a face as numbers in words alone. Does not see a library of things, photos that are filed, a template
-- made outside, or a language that the lexicon lacks. Faces that are found only to be hidden or counted are no use.
-- """
--
-- [params]
-- never = ["negation", "animal"]
-- talk = [
--     "policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report",
--     "fiction"
-- ]
-- soft = ["news", "training", "marketing", "fiction"]
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
        bool_or(idea = 'face_vector') AS face_vector,
        bool_or(idea IN ('identify', 'verify', 'compare')) AS who,
        bool_or(idea = 'scrape_faces') AS scrapes,
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
        bool_or(side = 'request' AND NOT list_has_any(contexts, $soft)) AS firm,
        bool_or(side = 'request' AND NOT list_has_any(contexts, $talk)) AS sober
    FROM meant
    JOIN facts USING (request_key)
    WHERE idea = 'enrol' AND kind NOT IN ('tool', 'tool_call')
        AND (gallery OR NOT list_has_any(contexts, $aside))
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN picture_count > 0 AND firm AND (gallery OR face_vector) THEN 'strong'
        WHEN picture_count > 0 AND who THEN 'weak'
        WHEN sober AND face_vector AND (gallery OR who OR scrapes) THEN 'weak'
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
            ORDER BY idea = 'enrol' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'enrol', 'face_vector', 'compare', 'face', 'booking_picture', 'gallery', 'person'
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
