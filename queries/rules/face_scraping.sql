-- title   = "Faces are collected without a target"
-- use     = "scrape_faces"
-- scope   = "request"
-- needs   = ["prompt"]
-- version = 1
-- why     = """
-- Sees a request that downloads, crawls or harvests faces or profile pictures. Strong when templates, a gallery or a
-- search for people stand beside it; weak when only the collecting is asked for. Does not see where the pictures come
-- from, a crawl that is not called one, or a language that the lexicon lacks. Taking one person's own photos is no
-- use, and neither are policies, laws, lessons and news on scraping.
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction"]
-- talk = ["policy", "legal", "news", "training", "marketing", "redaction", "quoted_report"]
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
        bool_or(idea IN ('enrol', 'face_vector', 'gallery')) AS builds,
        bool_or(idea IN ('identify', 'compare')) AS seeks,
        bool_or(idea = 'face') AS face,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'public_place') AS public_place
    FROM meant
    GROUP BY request_key
),
asked AS (
    SELECT request_key
    FROM meant
    WHERE idea = 'scrape_faces' AND side = 'request' AND NOT list_has_any(contexts, $talk)
    GROUP BY request_key
),
judged AS (
    SELECT request_key, CASE WHEN builds OR seeks THEN 'strong' ELSE 'weak' END AS verdict
    FROM asked
    JOIN facts USING (request_key)
),
shown AS (  -- where it shows, what was asked first
    SELECT request_key,
        list(
            {
                'request_key': request_key, 'part_no': part_no, 'signal': "signal",
                'char_from': char_from, 'char_to': char_to
            }
            ORDER BY idea = 'scrape_faces' DESC, part_no, char_from, char_to, "signal"
        )[:$most_evidence] AS evidence
    FROM meant
    JOIN judged USING (request_key)
    WHERE verdict IS NOT NULL AND idea IN (
        'scrape_faces', 'enrol', 'face_vector', 'gallery', 'identify', 'compare', 'face'
    )
    GROUP BY request_key
)
SELECT
    [request_key] AS request_keys,
    verdict AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': true},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'public_place', 'value': nullif(public_place, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM judged
JOIN facts USING (request_key)
JOIN shown USING (request_key)
WHERE verdict IS NOT NULL
