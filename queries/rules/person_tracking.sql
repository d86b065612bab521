-- title   = "Somebody is to be followed through pictures, cameras or reads"
-- use     = "track"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 3
-- why     = """
-- Sees a request that asks to follow a person, with or without a name, through pictures, over cameras or from plate,
-- phone or place data. Strong with pictures of cameras or people, or with live words beside the question where
-- somebody is; weak with one of them in words alone. Does not see a report that tells of a pursuit, the tracking of
-- goods, files or one's own vehicles, or a language that the lexicon lacks. Giving faces a number only to hide them
-- steadily is no use.
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
        bool_or(idea = 'plate') AS plate,
        bool_or(idea = 'locate') AS locates,
        bool_or(idea = 'watch') AS watches,
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
        bool_or("signal" LIKE 'track.nearby%') AS of_somebody,
        bool_or(side = 'request' AND NOT list_has_any(contexts, $soft)) AS firm,
        bool_or(side = 'request' AND NOT list_has_any(contexts, $talk)) AS sober
    FROM meant
    JOIN facts USING (request_key)
    WHERE idea = 'track' AND (gallery OR NOT list_has_any(contexts, $aside))
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN picture_count > 0 AND firm
            AND (of_somebody OR person OR face OR gallery OR locates OR live OR mobile OR fixed) THEN 'strong'
        WHEN sober AND locates AND (live OR plate) THEN 'strong'
        WHEN sober AND (locates OR plate OR (live AND (watches OR fixed OR mobile))) THEN 'weak'
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
            ORDER BY idea = 'track' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'track', 'locate', 'watch', 'person', 'face', 'gallery', 'plate', 'consent', 'live', 'mobile',
        'fixed_camera'
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
