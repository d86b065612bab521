-- title   = "A comparison of faces is spread over the turns of a session"
-- use     = "compare"
-- scope   = "session"
-- needs   = ["prompt"]
-- version = 1
-- why     = """
-- Sees a session in which one call collects features of a face, or only shows a picture, and another, without a
-- picture of its own, asks to compare, identify or verify somebody and names a list of persons or a booking picture.
-- Strong when features were collected in at least two calls, or in one with a picture, before the question; weak when
-- only a picture went before. Does not see a session that the log does not tie together, pieces that are described in
-- words the lexicon lacks, or a comparison that one call holds whole (face_comparison).
-- """
--
-- [params]
-- never = ["negation", "animal", "fiction"]
-- aside = ["redaction", "counting", "plates"]
-- talk = ["policy", "legal", "news", "training", "software", "marketing", "redaction", "audio_only", "quoted_report"]
-- most_evidence = 20

WITH meant AS (  -- what the caller sent, in words or names, and did not rule out
    SELECT request_key, part_no, side, kind, "signal", idea, contexts, char_from, char_to
    FROM signals
    WHERE side IN ('request', 'name') AND coalesce(role, '') <> 'assistant'
        AND NOT list_has_any(contexts, $never)
        AND NOT (coalesce(role, '') IN ('system', 'developer') AND list_contains(contexts, 'refusal'))
),
told_by AS (
    SELECT request_key,
        bool_or("signal" IN ('compare.features', 'face.parts') AND NOT list_has_any(contexts, $talk)) AS features,
        bool_or(idea IN ('compare', 'identify', 'verify') AND "signal" <> 'compare.features'
            AND NOT list_has_any(contexts, $talk) AND NOT list_has_any(contexts, $aside)) AS compares,
        bool_or(idea IN ('gallery', 'booking_picture')) AS gallery
    FROM meant
    WHERE side = 'request'
    GROUP BY request_key
),
pieces AS (
    SELECT requests.request_key, tenant_id, session_key, occurred_at, picture_count > 0 AS picture,
        coalesce(features, false) AS features,
        coalesce(picture_count = 0 AND compares AND gallery, false) AS asks
    FROM requests
    LEFT JOIN told_by ON told_by.request_key = requests.request_key
    WHERE session_key IS NOT NULL
),
sessions AS (
    SELECT tenant_id, session_key, min(occurred_at) FILTER (WHERE asks) AS asked_from,
        max(occurred_at) FILTER (WHERE asks) AS asked_to
    FROM pieces
    GROUP BY tenant_id, session_key
    HAVING bool_or(asks) AND bool_or(picture OR features)
),
kept AS (
    SELECT request_key, tenant_id, session_key, occurred_at, picture, features, asks
    FROM pieces
    JOIN sessions USING (tenant_id, session_key)
    WHERE asks OR ((picture OR features) AND occurred_at <= asked_to)
),
told AS (
    SELECT tenant_id, session_key,
        list(request_key ORDER BY occurred_at, request_key) AS request_keys,
        count(*) FILTER (WHERE features AND NOT asks) AS feature_calls,
        bool_or(features AND picture) AS shown_features,
        bool_or(picture OR features) FILTER (WHERE NOT asks) AS before
    FROM kept
    GROUP BY tenant_id, session_key
),
shown AS (
    SELECT kept.tenant_id, kept.session_key,
        bool_or(idea = 'live') AS live,
        bool_or(idea = 'mobile') AS mobile,
        bool_or(idea = 'fixed_camera') AS fixed,
        bool_or(idea = 'consent') AS consent,
        bool_or(idea = 'approval') AS approval,
        list(
            {
                'request_key': meant.request_key, 'part_no': meant.part_no, 'signal': meant."signal",
                'char_from': meant.char_from, 'char_to': meant.char_to
            }
            ORDER BY asks DESC, occurred_at, meant.request_key, part_no, char_from, char_to, "signal"
        ) FILTER (
            WHERE idea IN ('compare', 'identify', 'verify', 'face', 'gallery', 'booking_picture')
        )[:$most_evidence] AS evidence
    FROM kept
    JOIN meant ON meant.request_key = kept.request_key
    GROUP BY kept.tenant_id, kept.session_key
)
SELECT
    request_keys,
    CASE WHEN feature_calls > 1 OR shown_features THEN 'strong' ELSE 'weak' END AS strength,
    map_from_entries(list_filter(
        [
            {'key': 'face', 'value': true},
            {'key': 'live', 'value': nullif(live, false)},
            {'key': 'mobile', 'value': CASE WHEN mobile THEN true WHEN fixed THEN false END},
            {'key': 'consent', 'value': nullif(consent, false)},
            {'key': 'approval', 'value': nullif(approval, false)}
        ],
        lambda entry: entry.value IS NOT NULL
    )) AS circumstances,
    evidence
FROM told
JOIN shown USING (tenant_id, session_key)
WHERE before
