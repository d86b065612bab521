-- title   = "Somebody is to be recognised by voice"
-- use     = "identify_voice"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 3
-- why     = """
-- Sees a request that asks whose voice it is, whether two voices are one, or to match voices with enrolled ones.
-- Strong with a recording, or where words alone tell of a voice and name a list of persons or ask in two places; weak
-- with measures of a voice in words otherwise, or where the text is to be written down as well. Does not see what is said in a recording, nor a language that the lexicon lacks. Speakers who get a number and
-- no name are no use.
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction"]
-- soft = ["news", "training", "marketing"]
-- most_evidence = 20
-- quiet = ["policy", "legal", "news", "training", "software", "marketing", "redaction", "quoted_report"]

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
        bool_or(idea = 'voice') AS voice,
        bool_or(idea = 'gallery') AS list_of_persons,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        bool_or(idea = 'human_review') AS human_review,
        bool_or(idea = 'work_or_school') AS work_or_school,
        bool_or(idea = 'apprehended') AS apprehended
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT request_key, count(DISTINCT char_from) AS places,
        bool_or(NOT list_contains(contexts, 'audio_only')) AS by_voice,
        bool_or(NOT list_has_any(contexts, $quiet)) AS sober,
        bool_or(NOT list_has_any(contexts, $soft)) AS firm
    FROM meant
    WHERE idea = 'identify_voice' AND side = 'request'
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE
        WHEN audio AND firm AND (by_voice OR list_of_persons) THEN 'strong'
        WHEN audio AND firm AND voice THEN 'weak'
        WHEN sober AND by_voice AND voice THEN CASE WHEN list_of_persons OR places > 1 THEN 'strong' ELSE 'weak' END
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
            ORDER BY idea = 'identify_voice' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN ('identify_voice', 'voice', 'gallery', 'track', 'live', 'consent')
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    verdict AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'voice', 'value': true},
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)},
            {'key': 'human_review', 'value': nullif(human_review, false)},
            {'key': 'work_or_school', 'value': nullif(work_or_school, false)},
            {'key': 'apprehended', 'value': nullif(apprehended, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM judged
JOIN facts USING (request_key)
JOIN media USING (request_key)
JOIN shown USING (request_key)
WHERE verdict IS NOT NULL
