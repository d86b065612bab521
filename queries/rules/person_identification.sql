-- title   = "Somebody in a picture is to be identified"
-- use     = "identify"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 4
-- why     = """
-- Sees a request with a picture whose words ask who somebody is, for a name or an id, or to search a list of persons.
-- Weak: only a name says so, the question is indirect and nothing else tells of a person, a public figure is meant, the
-- text is news, teaching, marketing or fiction, or faces are to be searched in a list but no picture was logged. Does not see a question for a person that no picture belongs to, what
-- a picture shows, or a language that the lexicon lacks. People who are found only to be hidden, counted or told by
-- what they wear are no use.
-- """
--
-- [params]
-- never = ["negation", "animal"]
-- talk = [
--     "policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report",
--     "fiction"
-- ]
-- soft = ["news", "training", "marketing", "fiction", "celebrity"]
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
        bool_or(idea = 'gallery') AS list_of_persons,
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
        bool_or("signal" <> 'identify.against_gallery' AND "signal" NOT LIKE 'identify.nearby%') AS person_asked,
        bool_or("signal" LIKE 'identify.nearby%') AS asked_indirectly
    FROM meant
    JOIN facts USING (request_key)
    WHERE idea = 'identify' AND kind NOT IN ('tool', 'tool_call')
        AND (gallery OR NOT list_has_any(contexts, $aside))
        AND (gallery OR face OR person OR NOT list_contains(contexts, 'clothes'))
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN picture_count > 0 AND firm AND (person_asked OR gallery OR face OR (asked_indirectly AND person))
            THEN 'strong'
        WHEN picture_count > 0 AND (person_asked OR asked_indirectly OR gallery OR face OR person) THEN 'weak'
        WHEN sober AND face AND list_of_persons THEN 'weak'
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
            ORDER BY idea = 'identify' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'identify', 'compare', 'verify', 'face', 'booking_picture', 'gallery', 'person', 'live', 'mobile',
        'fixed_camera'
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
