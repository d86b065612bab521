-- title   = "People are rated by the crimes that they may commit"
-- use     = "crime_risk"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 4
-- why     = """
-- Sees a request that asks how likely somebody is to offend, or for a score of it. Strong when something says that it
-- is about persons, and not an area, or it is asked in two places; weak when people decide after it. Does not see whether facts of a crime stand
-- behind the score, and no language that the lexicon lacks. Studies, laws, lessons and news about it are no use.
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
reviewed AS (  -- a human who looks; "without a human" stands inside the words of the decision and does not count
    SELECT DISTINCT looked.request_key, true AS human_review
    FROM meant AS looked
    WHERE looked.idea = 'human_review' AND NOT EXISTS (
        SELECT 1
        FROM meant AS decided
        WHERE decided.idea = 'consequential_decision' AND decided.request_key = looked.request_key
            AND decided.part_no = looked.part_no
            AND decided.char_from < looked.char_to AND decided.char_to > looked.char_from
    )
),
facts AS (
    SELECT request_key,
        bool_or(idea IN (
            'person', 'infer_trait', 'social_score', 'consequential_decision', 'booking_picture'
        )) AS person,
        bool_or(idea = 'work_or_school') AS work_or_school,
        bool_or(idea = 'apprehended') AS apprehended
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT request_key, count(DISTINCT (part_no, char_from)) AS places, bool_or("signal" LIKE '%.nearby%') AS of_somebody
    FROM meant
    WHERE idea = 'crime_risk' AND side = 'request' AND NOT list_has_any(contexts, $talk)
    GROUP BY request_key
),
judged AS (
    SELECT request_key, human_review, CASE
        WHEN (person OR apprehended OR of_somebody OR places > 1) AND human_review IS NULL THEN 'strong'
        WHEN person OR apprehended OR of_somebody OR places > 1 THEN 'weak'
    END AS verdict
    FROM asked
    JOIN facts USING (request_key)
    LEFT JOIN reviewed USING (request_key)
),
shown AS (  -- where it shows, what was asked first
    SELECT request_key,
        list(
            {
                'request_key': request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY idea = 'crime_risk' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'crime_risk', 'social_score', 'consequential_decision', 'person', 'human_review', 'apprehended'
    )
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    verdict AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'work_or_school', 'value': nullif(work_or_school, false)},
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
