-- title   = "Emotions are to be read from people"
-- use     = "infer_emotion"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 3
-- why     = """
-- Sees a request that asks what somebody feels, whether somebody lies, or who is bored or angry, with a picture or a
-- recording. Weak when nothing says that a person is meant, or when only measures of a voice in words are there. Does
-- not see the tone of a text being rated, which is no trait of a body, a picture that is drawn, or a language that the
-- lexicon lacks. Whether eyes or a mouth are open, and pain, are no emotion.
-- """
--
-- [params]
-- never = ["negation", "animal", "redaction"]
-- talk = [
--     "policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report",
--     "fiction"
-- ]
-- soft = ["news", "training", "marketing", "fiction"]
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
        bool_or(idea IN ('identify', 'verify', 'infer_age_gender', 'infer_trait')) AS who,
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
    SELECT request_key, count(DISTINCT char_from) AS places,
        bool_or(side = 'request' AND NOT list_has_any(contexts, $soft)) AS firm,
        bool_or(side = 'request' AND NOT list_has_any(contexts, $talk)) AS sober
    FROM meant
    WHERE idea = 'infer_emotion'
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN draws THEN NULL
        WHEN firm AND audio THEN 'strong'
        WHEN firm AND picture_count > 0 AND (face OR person OR who OR work_or_school OR public_place OR places > 1)
            THEN 'strong'
        WHEN picture_count > 0 OR audio THEN 'weak'
        WHEN sober AND voice THEN CASE WHEN places > 1 THEN 'strong' ELSE 'weak' END
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
            ORDER BY idea = 'infer_emotion' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'infer_emotion', 'face', 'voice', 'person', 'work_or_school', 'consent', 'live', 'mobile',
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
