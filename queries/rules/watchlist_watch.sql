-- title   = "People are watched over time"
-- use     = "watch"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 2
-- why     = """
-- Sees a request that asks to watch people, or to look for wanted or listed people in pictures that come live (so
-- words or names say). Strong when it looks at pictures for faces, a list or a person, or when live words stand beside
-- tracking or locating. Weak when only some of that is there. Does not see a watch that only the pace of calls shows
-- (camera_stream, camera_cadence), nor a language that the lexicon lacks. Counting people, reading plates and hiding
-- faces are no use.
-- """
--
-- [params]
-- never = ["negation", "animal"]
-- talk = [
--     "policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report",
--     "fiction"
-- ]
-- soft = ["news", "training", "marketing", "fiction"]
-- aside = ["redaction", "counting"]
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
        bool_or(idea = 'watch') AS watches,
        bool_or(idea IN ('track', 'locate', 'plate')) AS follows,
        bool_or(idea IN ('identify', 'compare', 'verify')) AS looks_for,
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
        bool_or(side = 'request' AND NOT list_has_any(contexts, $talk)) AS sober,
        bool_or(side = 'request') AS in_words
    FROM meant
    JOIN facts USING (request_key)
    WHERE (idea = 'watch' OR (live AND idea IN ('identify', 'compare', 'verify')))
        AND kind NOT IN ('tool', 'tool_call') AND "signal" <> 'compare.features'
        AND (gallery OR NOT list_has_any(contexts, $aside))
    GROUP BY request_key
),
judged AS (
    SELECT request_key, picture_count, CASE
        WHEN picture_count > 0 AND firm AND (gallery OR face) AND (live OR watches) THEN 'strong'
        WHEN picture_count > 0 AND firm AND watches AND person AND (live OR mobile OR fixed) THEN 'strong'
        WHEN picture_count > 0 AND (gallery OR face OR person) AND (sober OR NOT in_words) THEN 'weak'
        WHEN sober AND watches AND live AND follows THEN 'strong'
        WHEN sober AND watches AND (live OR follows) THEN 'weak'
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
            ORDER BY idea = 'watch' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'watch', 'identify', 'compare', 'verify', 'track', 'locate', 'face', 'booking_picture', 'gallery',
        'person', 'plate', 'live', 'mobile', 'fixed_camera'
    )
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    verdict AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': nullif(face OR (picture_count > 0 AND (gallery OR looks_for)), false)},
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
