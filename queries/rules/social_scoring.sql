-- title   = "People are scored by how they live or behave"
-- use     = "social_score"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 1
-- why     = """
-- Sees a request that scores, rates or ranks people for trust, conduct, loyalty or the like. Weak when a human decides
-- after it. Does not see whether harm follows, the scoring of money matters, or a language that the lexicon lacks.
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
        bool_or(idea = 'person') AS person,
        bool_or(idea = 'work_or_school') AS work_or_school,
        bool_or(idea = 'apprehended') AS apprehended
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT DISTINCT request_key
    FROM meant
    WHERE idea = 'social_score' AND side = 'request' AND NOT list_has_any(contexts, $talk)
),
judged AS (
    SELECT request_key, human_review, CASE WHEN human_review THEN 'weak' ELSE 'strong' END AS verdict
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
            ORDER BY idea = 'social_score' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'social_score', 'crime_risk', 'consequential_decision', 'person', 'human_review'
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
