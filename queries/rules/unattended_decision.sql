-- title   = "A decision of weight about a person is left to the model"
-- use     = "consequential_decision"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 4
-- why     = """
-- Sees a request that lets the model, or what it writes, decide about a person without anybody looking: release,
-- arrest, segregation, dismissal, rejection. Strong when it says so of persons who are held, rated or pointed at, or in
-- two places of people at work or school or together with a verdict; weak when it says so and not of whom. Does not see
-- what is done with an answer elsewhere, nor a language that the lexicon lacks. Automatic handling of things, builds and
-- messages is no use.
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
        bool_or(idea IN ('person', 'crime_risk', 'social_score', 'identify', 'compare', 'face')) AS person,
        bool_or(idea = 'human_review') AS names_review,
        bool_or(idea = 'work_or_school') AS work_or_school,
        bool_or(idea = 'apprehended') AS apprehended
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT request_key, count(DISTINCT (part_no, char_from)) AS places, bool_or("signal" LIKE '%.nearby%') AS unattended
    FROM meant
    WHERE idea = 'consequential_decision' AND side = 'request' AND NOT list_has_any(contexts, $talk)
    GROUP BY request_key
),
judged AS (
    SELECT request_key, human_review, CASE
        WHEN person OR apprehended THEN 'strong'
        WHEN (work_or_school OR unattended) AND places > 1 THEN 'strong'
        WHEN places > 1 OR unattended OR (names_review AND human_review IS NULL) THEN 'weak'
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
            ORDER BY idea = 'consequential_decision' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'consequential_decision', 'crime_risk', 'social_score', 'person', 'human_review', 'apprehended',
        'work_or_school'
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
