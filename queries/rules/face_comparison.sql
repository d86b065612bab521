-- title   = "Pictures of faces are compared, ranked or matched"
-- use     = "compare"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 2
-- why     = """
-- Sees a request whose words ask to compare, match, rank or pick out people, with a picture and a sign that people are
-- meant: a face, a booking picture, a list of persons, a person pointed at, or a question who or whether the same. It
-- also sees features of a face that are held against a list of persons in words alone. Weak: only a name says so, the
-- text is news, teaching or marketing, no picture was logged, or a picture lies beside a list of persons and nothing
-- is said to be done. Does not see what a picture shows, a comparison spread over several requests (split_session),
-- one done by a tool (face_tool) or on numbers (face_vectors), nor a language that the lexicon lacks. Faces that are
-- hidden, counted or ruled out are no use.
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
        bool_or(idea = 'gallery') AS list_of_persons,
        bool_or(idea IN ('identify', 'verify')) AS who,
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
        bool_or(idea = 'compare' AND side = 'request' AND NOT list_has_any(contexts, $soft)) AS firm,
        bool_or(idea = 'compare' AND side = 'request' AND NOT list_has_any(contexts, $talk)) AS sober,
        bool_or("signal" = 'compare.features') AS by_features,
        bool_or(idea = 'compare' AND "signal" <> 'compare.features') AS compares,
        bool_or(idea = 'gallery' AND side = 'request' AND NOT list_has_any(contexts, $talk)) AS list_shown,
        bool_or(idea = 'booking_picture' AND side = 'request') AND any_value(person) AS booking_shown
    FROM meant
    JOIN facts USING (request_key)
    WHERE kind NOT IN ('tool', 'tool_call')
        AND (
            idea IN ('gallery', 'booking_picture')
            OR (idea = 'compare' AND (gallery OR NOT list_has_any(contexts, $aside)))
        )
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN NOT compares AND NOT (by_features AND gallery) THEN
            CASE WHEN picture_count > 1 AND NOT who AND (list_shown OR booking_shown) THEN 'weak' END
        WHEN picture_count > 0 AND firm AND (gallery OR face OR who OR (person AND picture_count > 1)) THEN 'strong'
        WHEN picture_count > 0 AND (gallery OR face OR who OR person) THEN 'weak'
        WHEN sober AND by_features AND compares AND gallery THEN 'strong'
        WHEN sober AND compares AND face AND list_of_persons THEN 'weak'
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
            ORDER BY idea = 'compare' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'compare', 'identify', 'verify', 'face', 'booking_picture', 'gallery', 'person', 'live', 'mobile',
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
