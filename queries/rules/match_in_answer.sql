-- title   = "The answer says which person it is, or that people's pictures match"
-- use     = "compare"
-- scope   = "request"
-- needs   = ["prompt", "answer"]
-- version = 3
-- why     = """
-- Sees a request with two pictures that speaks of a face, or with one and a list of people, and an answer that names the
-- one who fits, a score of likeness or the same person, although no word of the request asks for it: the purpose may
-- stand in a language, a picture or an earlier call that cannot be read. Always weak: an answer may say more than it was
-- asked. Does not see bare answers such as a number, or a refusal. A name in an answer alone is no sign.
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction", "refusal", "plates", "counting"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report"]
-- most_evidence = 20

WITH facts AS (  -- what the caller sent
    SELECT request_key,
        bool_or(idea IN ('face', 'booking_picture')) AS face,
        bool_or(idea IN ('gallery', 'booking_picture')) AS gallery,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        bool_or(idea = 'fixed_camera') AS fixed
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant' AND NOT list_has_any(contexts, $never)
        AND NOT list_has_any(contexts, $talk)
    GROUP BY request_key
),
asking AS (  -- that is for other rules, whatever they make of it
    SELECT DISTINCT request_key
    FROM signals
    WHERE side = 'request' AND coalesce(role, '') <> 'assistant' AND idea IN ('identify', 'compare', 'verify')
),
answered AS (
    SELECT request_key,
        list(
            {
                'request_key': request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM signals
    WHERE side = 'response' AND idea = 'match_result' AND NOT list_has_any(contexts, $never)
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    'weak' AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': nullif(face, false)},
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM answered
JOIN facts USING (request_key)
JOIN requests USING (request_key)
ANTI JOIN asking USING (request_key)
WHERE (picture_count > 1 AND face) OR (picture_count > 0 AND gallery)
