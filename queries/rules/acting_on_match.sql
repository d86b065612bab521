-- title   = "A face match made elsewhere is acted on"
-- use     = "act_on"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 3
-- why     = """
-- Sees a text or a decision that is built on a face match of another system: its result pasted in, its name written as
-- a fact, or a picture made ready so that such a system takes it. Weak when the text is only edited, summarised or
-- translated, or a likeness is drawn from words. Does not see a match that is not called one, nor a language that the
-- lexicon lacks. News, motions, studies and policies on face matches are no use, unless a picture lies beside them.
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only"]
-- soft = ["training", "marketing", "redaction"]
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
        bool_or(idea IN ('face', 'booking_picture', 'face_vector') OR "signal" = 'identify.face_recognition') AS face,
        bool_or(idea = 'gallery') AS gallery,
        bool_or(idea IN ('identify', 'compare')) AS recognises,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'approval') AS approval,
        bool_or(idea = 'human_review') AS human_review,
        bool_or(idea = 'apprehended') AS apprehended,
        bool_or(idea = 'fixed_camera') AS fixed
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT request_key,
        bool_or("signal" = 'act_on.prepare_probe') AS prepares,
        bool_or("signal" LIKE 'act_on.nearby%') AS by_machine,
        bool_or(idea = 'act_on' AND "signal" <> 'act_on.prepare_probe') AS builds,
        bool_or(idea = 'match_result') AS reports,
        bool_or(NOT list_contains(contexts, 'quoted_report')) AS itself
    FROM meant
    JOIN requests USING (request_key)
    WHERE idea IN ('act_on', 'match_result') AND side = 'request' AND kind NOT IN ('tool', 'tool_call')
        AND (NOT list_has_any(contexts, $talk) OR (picture_count > 0 AND NOT list_has_any(contexts, $soft)))
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN prepares AND picture_count > 0 AND itself AND (face OR recognises) THEN 'strong'
        WHEN builds AND itself AND face THEN 'strong'
        WHEN builds AND (face OR (gallery AND recognises) OR by_machine) THEN 'weak'
        WHEN reports AND face AND picture_count = 0 THEN 'weak'
        WHEN prepares AND api IN ('image_generate', 'image_edit') THEN 'weak'
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
            ORDER BY idea = 'act_on' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'act_on', 'match_result', 'identify', 'compare', 'face', 'booking_picture', 'face_vector', 'gallery', 'human_review'
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
