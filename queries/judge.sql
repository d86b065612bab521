-- Uses become findings: each use is met with the rows of the chosen clauses and with the actors of its requests.
--
-- Reads the views, and what analyzer/judge.py registers: found_uses, pack_scopes, clause_rows, clause_texts,
-- clause_wordings, exceptions, severity_rows, severity_steps, and the words explanations are made of (use_words,
-- circumstance_words, actor_words, outcome_words). Gives the columns of store.findings. The rules of judgement are told
-- in docs/verdicts.md; a name here for each: placed (scope), met (needs), dated (dates, cures), candidates (actors),
-- judged (verdict).

WITH cited AS MATERIALIZED (
    SELECT
        found_uses.rule_id,
        found_uses.subject,
        listed.place,
        requests.request_key,
        requests.tenant_id,
        coalesce(requests.deployment, '') AS deployment,
        requests.occurred_at,
        requests.occurred_at::DATE AS day,
        coalesce(requests.api, '') AS api,
        lower(replace(coalesce(requests.region, ''), ' ', '')) AS region,
        coalesce(requests.outcome, 'unknown') AS outcome,
        coalesce(requests.order_uncertain, false) OR coalesce(requests.prompt_seen = 'fragments', false)
            OR coalesce(requests.answer_seen = 'fragments', false) AS fragmentary
    FROM found_uses
    CROSS JOIN unnest(found_uses.request_keys) WITH ORDINALITY AS listed(request_key, place)
    JOIN requests ON requests.request_key = listed.request_key
),

-- --- the use by itself: when, how it ended, whether it was only read in pieces -----------------------------------

shown AS (
    SELECT found_uses.rule_id, found_uses.subject, place.entry.request_key AS request_key, place.entry.part_no AS part_no
    FROM found_uses
    CROSS JOIN unnest(found_uses.evidence) AS place(entry)
),
proofs AS (
    SELECT
        shown.rule_id,
        shown.subject,
        shown.request_key,
        count(DISTINCT shown.part_no) FILTER (WHERE parts.kind = 'fragment') AS pieces
    FROM shown
    LEFT JOIN parts ON parts.request_key = shown.request_key AND parts.part_no = shown.part_no
    GROUP BY shown.rule_id, shown.subject, shown.request_key
),
facts AS (
    SELECT
        cited.rule_id,
        cited.subject,
        min(cited.occurred_at) AS occurred_at,
        max(cited.occurred_at) AS last_at,
        min_by(cited.tenant_id, cited.place) AS tenant_id,
        min_by(cited.deployment, cited.place) AS deployment,
        min_by(cited.outcome, coalesce(outcome_words.place, 0)) AS outcome,
        -- one piece that proves the use alone is proof; pieces that must be put together are not
        coalesce(bool_or(cited.fragmentary AND proofs.pieces > 1), false)
            OR (count(proofs.request_key) = 0 AND bool_or(cited.fragmentary)) AS in_pieces
    FROM cited
    LEFT JOIN outcome_words ON outcome_words.word = cited.outcome
    LEFT JOIN proofs ON proofs.rule_id = cited.rule_id AND proofs.subject = cited.subject
        AND proofs.request_key = cited.request_key
    GROUP BY cited.rule_id, cited.subject
),

-- --- which packs are about it: by the api, and by where it took place ---------------------------------------------------

placed AS (
    SELECT
        cited.rule_id,
        cited.subject,
        pack_scopes.pack,
        pack_scopes.said,
        len(pack_scopes.countries) = 0 AS everywhere,
        coalesce(bool_or(list_contains(pack_scopes.countries, upper(tenant_periods.country))), false) AS in_country,
        bool_or(list_contains(pack_scopes.regions, cited.region)) AS in_region
    FROM cited
    CROSS JOIN pack_scopes
    LEFT JOIN tenant_periods ON tenant_periods.tenant_id = cited.tenant_id
        AND coalesce(cited.day >= tenant_periods.valid_from, true)
        AND coalesce(cited.day <= tenant_periods.valid_to, true)
    WHERE (len(pack_scopes.apis) = 0 OR list_contains(pack_scopes.apis, cited.api))
        AND NOT list_contains(pack_scopes.not_apis, cited.api)
    GROUP BY cited.rule_id, cited.subject, pack_scopes.pack, pack_scopes.said, everywhere
),

-- --- which rows it meets: the use is named, no need is known to be false, and at least one is true -----------------

named AS (
    SELECT
        found_uses.rule_id,
        found_uses.rule_version,
        found_uses.subject,
        found_uses."use",
        found_uses.strength,
        found_uses.circumstances,
        clause_rows.row_no,
        clause_rows.pack,
        clause_rows.clause_id,
        clause_rows.title,
        clause_rows.reading,
        clause_rows.exception,
        clause_rows.cures,
        clause_rows.country,
        clause_rows.binds,
        clause_rows.perhaps,
        clause_rows.exempts,
        clause_rows.needs,
        clause_rows.alone,
        CASE
            WHEN placed.everywhere THEN 'everywhere'
            WHEN placed.in_country THEN 'country'
            WHEN found_uses.circumstances[placed.said] THEN 'said'
            WHEN placed.in_region AND coalesce(found_uses.circumstances[placed.said], true) THEN 'region'
        END AS place,
        list_filter(clause_rows.needs, lambda n: found_uses.circumstances[n] IS NULL) AS not_seen,
        len(list_filter(clause_rows.needs, lambda n: found_uses.circumstances[n])) AS seen,
        len(list_filter(clause_rows.needs, lambda n: NOT found_uses.circumstances[n])) AS against
    FROM found_uses
    JOIN clause_rows ON list_contains(clause_rows.uses, found_uses."use")
    JOIN placed ON placed.rule_id = found_uses.rule_id AND placed.subject = found_uses.subject
        AND placed.pack = clause_rows.pack
),
met AS (
    SELECT rule_id, rule_version, subject, "use", strength, circumstances, row_no, pack, clause_id, title, reading,
        exception, cures, list_filter(cures, lambda n: coalesce(circumstances[n], false)) AS cures_seen, country, binds,
        perhaps, exempts, alone, place, not_seen
    FROM named
    WHERE against = 0 AND (seen > 0 OR len(needs) = 0) AND place IS NOT NULL
),

-- --- dates and cures, for each cited day ----------------------------------------------------------------------------

days AS (
    SELECT
        met.rule_id,
        met.subject,
        met.row_no,
        cited.request_key,
        cited.day,
        cited.day >= clause_rows.from_certain
            AND (clause_rows.to_earliest IS NULL OR cited.day < clause_rows.to_earliest) AS certain,
        exceptions.kind || ' ' || exceptions.reference AS reference
    FROM met
    JOIN clause_rows ON clause_rows.row_no = met.row_no
    JOIN cited ON cited.rule_id = met.rule_id AND cited.subject = met.subject
    LEFT JOIN exceptions ON exceptions.tenant_id = cited.tenant_id
        AND exceptions.clause_id = met.clause_id
        AND list_contains(met.cures, exceptions.kind)
        AND cited.day BETWEEN exceptions.valid_from AND exceptions.valid_to
    WHERE coalesce(cited.day >= clause_rows.from_earliest, true)
        AND (clause_rows.to_certain IS NULL OR cited.day < clause_rows.to_certain)
),
dated AS (
    SELECT
        rule_id,
        subject,
        row_no,
        coalesce(bool_or(certain), false) AS certain,
        coalesce(min(day) FILTER (WHERE certain), min(day)) AS decisive_day,
        -- an exception must cover every cited day on which the clause stood
        count(DISTINCT request_key) = count(DISTINCT request_key) FILTER (WHERE reference IS NOT NULL) AS excepted,
        list_sort(list(DISTINCT reference) FILTER (WHERE reference IS NOT NULL)) AS exception_refs
    FROM days
    GROUP BY rule_id, subject, row_no
),
texts AS (
    SELECT
        dated.rule_id,
        dated.subject,
        dated.row_no,
        max_by(clause_texts.version, clause_texts.from_day) AS version,
        max_by(clause_texts.title, clause_texts.from_day) AS text_title
    FROM dated
    JOIN clause_rows ON clause_rows.row_no = dated.row_no
    JOIN clause_texts ON clause_texts.pack = clause_rows.pack AND clause_texts.from_day <= dated.decisive_day
    GROUP BY dated.rule_id, dated.subject, dated.row_no
),
worded AS (  -- what is known of a clause's words in a text: its own, else those of a text before it, else of one after
    SELECT
        clause_wordings.clause_id,
        clause_texts.version,
        clause_wordings.version AS words_of,
        CASE WHEN clause_wordings.version = clause_texts.version THEN nullif(clause_wordings.number, '') END AS number,
        clause_wordings.grade,
        clause_wordings.quote
    FROM clause_texts
    JOIN clause_wordings ON clause_wordings.pack = clause_texts.pack
    JOIN clause_texts AS read_text ON read_text.pack = clause_wordings.pack AND read_text.version = clause_wordings.version
    QUALIFY row_number() OVER (
        PARTITION BY clause_wordings.clause_id, clause_texts.version
        ORDER BY read_text.from_day > clause_texts.from_day, abs(date_diff('day', read_text.from_day, clause_texts.from_day))
    ) = 1
),

-- --- by or for whom ---------------------------------------------------------------------------------------------------

acting AS MATERIALIZED (
    SELECT DISTINCT
        cited.rule_id,
        cited.subject,
        coalesce(actors.actor, 'unknown') AS actor,
        actors.agency,
        coalesce(actors.role, 'unknown') AS role,
        coalesce(actors.confidence, 0) AS confidence,
        upper(coalesce(tenant_periods.country, '')) AS country,
        len(coalesce(tenant_periods.serves, [])) > 0 AS serves_named
    FROM cited
    LEFT JOIN actors ON actors.request_key = cited.request_key
    LEFT JOIN tenant_periods ON tenant_periods.tenant_id = cited.tenant_id
        AND coalesce(cited.day >= tenant_periods.valid_from, true)
        AND coalesce(cited.day <= tenant_periods.valid_to, true)
),
behind AS (  -- whether anything says for whom a vendor acts
    SELECT
        rule_id,
        subject,
        bool_or(serves_named OR agency IS NOT NULL OR (role = 'for' AND actor NOT IN ('le_vendor', 'unknown')))
            AS beneficiary_named
    FROM acting
    GROUP BY rule_id, subject
),
exempted AS (  -- rows that bind nobody here, because of who stands behind the use
    SELECT DISTINCT met.rule_id, met.subject, met.row_no
    FROM met
    JOIN acting ON acting.rule_id = met.rule_id AND acting.subject = met.subject
        AND list_contains(met.exempts, acting.actor) AND acting.confidence >= 0.5
),
candidates AS (
    SELECT
        met.rule_id,
        met.subject,
        met.row_no,
        acting.actor,
        acting.agency,
        acting.role,
        acting.confidence,
        CASE
            WHEN list_contains(met.perhaps, acting.actor) OR list_contains(met.exempts, acting.actor) THEN 'perhaps'
            WHEN list_contains(met.binds, acting.actor) THEN 'bound'
            WHEN list_contains(met.binds, 'all') THEN CASE WHEN acting.actor = 'unknown' THEN 'unknown' ELSE 'bound' END
            WHEN acting.actor = 'umbrella' AND NOT (
                acting.role = 'by' AND met.country <> '' AND acting.country NOT IN ('', met.country)
            ) THEN 'perhaps'
            WHEN acting.actor = 'le_vendor' AND NOT behind.beneficiary_named THEN 'perhaps'
        END AS binding
    FROM met
    JOIN acting ON acting.rule_id = met.rule_id AND acting.subject = met.subject
    JOIN behind ON behind.rule_id = met.rule_id AND behind.subject = met.subject
    ANTI JOIN exempted ON exempted.rule_id = met.rule_id AND exempted.subject = met.subject
        AND exempted.row_no = met.row_no
),
bound AS (
    SELECT rule_id, subject, row_no, actor, agency, role, confidence, binding
    FROM candidates
    WHERE binding IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY rule_id, subject, row_no
        ORDER BY list_position(['bound', 'perhaps', 'unknown'], binding), confidence DESC, role <> 'by', actor,
            agency NULLS LAST, role
    ) = 1
),

-- --- verdict ------------------------------------------------------------------------------------------------------------

weighed AS (
    SELECT
        met.rule_id,
        met.rule_version,
        met.subject,
        met."use",
        met.circumstances,
        met.row_no,
        met.clause_id,
        met.title,
        met.reading,
        met.exception,
        met.alone,
        met.place,
        coalesce(texts.version, '') AS policy_version,
        coalesce(texts.text_title, '') AS text_title,
        facts.occurred_at,
        facts.last_at,
        facts.tenant_id,
        facts.deployment,
        facts.outcome,
        bound.actor,
        bound.agency,
        bound.role,
        bound.confidence,
        CASE WHEN len(met.cures) > 0 AND len(met.cures_seen) = 0 AND NOT dated.excepted
            THEN replace(array_to_string(met.cures, ' or '), '_', ' ') || ' was not seen in the log'
        END AS cure_not_seen,
        list_filter(
            [
                CASE WHEN met.strength = 'weak' THEN 'the signs are weak' END,
                CASE WHEN NOT dated.certain THEN 'it is not certain that the clause stood on that day' END,
                CASE WHEN facts.in_pieces THEN 'the content could only be read in pieces' END,
                CASE WHEN bound.binding = 'unknown' THEN 'it is not known who acted'
                    WHEN bound.confidence < 0.5 THEN 'it is not sure who acted' END,
                CASE WHEN bound.binding = 'perhaps' THEN 'it is not known whether law enforcement stands behind it' END,
                CASE WHEN met.place = 'region' THEN 'only the region of the resource hints that the policy holds there' END,
                CASE WHEN len(met.not_seen) > 0 THEN 'not seen in the log: '
                    || array_to_string(list_transform(met.not_seen, lambda n: replace(n, '_', ' ')), ', ') END,
                CASE WHEN len(met.cures_seen) > 0
                    THEN 'the log speaks of ' || replace(array_to_string(met.cures_seen, ', '), '_', ' ') END,
                CASE WHEN dated.excepted
                    THEN 'the register of exceptions names ' || array_to_string(dated.exception_refs, ', ') END
            ],
            lambda reason: reason IS NOT NULL
        ) AS doubts
    FROM met
    JOIN dated ON dated.rule_id = met.rule_id AND dated.subject = met.subject AND dated.row_no = met.row_no
    JOIN bound ON bound.rule_id = met.rule_id AND bound.subject = met.subject AND bound.row_no = met.row_no
    JOIN facts ON facts.rule_id = met.rule_id AND facts.subject = met.subject
    LEFT JOIN texts ON texts.rule_id = met.rule_id AND texts.subject = met.subject AND texts.row_no = met.row_no
),
violated AS (  -- clauses that by themselves make a subject a violation
    SELECT subject, list(DISTINCT clause_id) AS clause_ids
    FROM weighed
    WHERE len(doubts) = 0 AND NOT alone
    GROUP BY subject
),
reasoned AS (
    SELECT
        weighed.* EXCLUDE (doubts),
        CASE WHEN weighed.alone AND len(list_filter(coalesce(violated.clause_ids, []), lambda c: c <> weighed.clause_id)) = 0
            THEN list_append(weighed.doubts, 'without another violation this clause is for a human to decide')
            ELSE weighed.doubts
        END AS doubts
    FROM weighed
    LEFT JOIN violated ON violated.subject = weighed.subject
),
judged AS (  -- one finding for a rule, clause and subject: of several rows the one with the graver verdict
    SELECT reasoned.*, CASE WHEN len(doubts) = 0 THEN 'violation' ELSE 'review' END AS verdict
    FROM reasoned
    QUALIFY row_number() OVER (PARTITION BY rule_id, clause_id, subject ORDER BY len(doubts) > 0, row_no) = 1
),

-- --- severity and words ---------------------------------------------------------------------------------------------------

graded AS (
    SELECT judged.rule_id, judged.clause_id, judged.subject, min_by(severity_rows.level_no, severity_rows.place) AS level_no
    FROM judged
    JOIN severity_rows ON (len(severity_rows.uses) = 0 OR list_contains(severity_rows.uses, judged."use"))
        AND (len(severity_rows.actors) = 0 OR list_contains(severity_rows.actors, judged.actor))
        AND len(list_filter(severity_rows.circumstances, lambda n: NOT coalesce(judged.circumstances[n], false))) = 0
    GROUP BY judged.rule_id, judged.clause_id, judged.subject
),
known_circumstances AS (
    SELECT
        judged.rule_id,
        judged.clause_id,
        judged.subject,
        ' (' || string_agg(circumstance_words.phrase, ', ' ORDER BY circumstance_words.place) || ')' AS phrase
    FROM judged
    JOIN circumstance_words ON judged.circumstances[circumstance_words.word]
    GROUP BY judged.rule_id, judged.clause_id, judged.subject
)
SELECT
    sha256(judged.rule_id || '|' || judged.clause_id || '|' || judged.subject)[1:32] AS finding_id,
    -- as JSON, for a name could hold any separator
    sha256(to_json([
        judged.tenant_id, judged.clause_id, judged.deployment, strftime(judged.occurred_at, '%G-W%V')
    ])::VARCHAR)[1:32] AS incident_id,
    judged.rule_id,
    judged.rule_version,
    judged.clause_id,
    judged.policy_version,
    judged."use",
    judged.verdict,
    severity_steps.levels[greatest(
        1,
        graded.level_no - list_contains(severity_steps.lower_outcomes, judged.outcome)::INTEGER
            - list_contains(severity_steps.lower_verdicts, judged.verdict)::INTEGER
    )] AS severity,
    judged.outcome,
    judged.tenant_id,
    judged.actor,
    judged.agency,
    judged.role,
    judged.confidence AS actor_confidence,
    judged.occurred_at,
    judged.last_at,
    found_uses.request_keys,
    judged.circumstances,
    CASE judged.role WHEN 'by' THEN 'By ' WHEN 'for' THEN 'For ' ELSE 'By or for ' END
        || coalesce(actor_words.phrase, judged.actor) || ' (confidence ' || printf('%.2f', judged.confidence)
        || '), the service was asked '
        || CASE WHEN judged.last_at::DATE > judged.occurred_at::DATE
            THEN 'from ' || strftime(judged.occurred_at, '%Y-%m-%d') || ' to ' || strftime(judged.last_at, '%Y-%m-%d')
            ELSE 'on ' || coalesce(strftime(judged.occurred_at, '%Y-%m-%d'), 'an unknown day') END
        || ' to ' || use_words.phrase || coalesce(known_circumstances.phrase, '') || ' '
        || coalesce(outcome_words.phrase, '')
        || CASE judged.verdict WHEN 'violation' THEN ': a violation of ' ELSE ': to be reviewed under ' END
        || judged.clause_id || ' (' || judged.title || '), '
        || CASE judged.verdict WHEN 'violation'
            THEN 'for the signs are strong, the clause binds this actor and stood on that day'
            ELSE 'because ' || array_to_string(judged.doubts, '; ') END
        || CASE judged.place WHEN 'country' THEN '; it holds there by the country of the tenant'
            WHEN 'said' THEN '; it holds there by what the log says' ELSE '' END
        || '; ' || judged.text_title || coalesce(', ' || worded.number, '')
        || CASE WHEN worded.words_of = judged.policy_version THEN ', '
            ELSE ', its own words not seen, those of the text ' || worded.words_of || ' ' END
        || CASE
            WHEN worded.quote <> '' THEN 'quoted (grade A): “' || worded.quote || '”'
            WHEN worded.grade = 'A' THEN 'read (grade A)'
            WHEN worded.grade = 'B' THEN 'known by a summary or a sibling document (grade B)'
            ELSE 'known by the press (grade C)' END
        || CASE WHEN judged.reading <> '' THEN '; a reading: ' || judged.reading ELSE '' END
        || CASE WHEN starts_with(judged.exception, 'none') THEN '' ELSE '; exception: ' || judged.exception END
        || coalesce('; ' || judged.cure_not_seen, '') || '.' AS explanation,
    found_uses.evidence
FROM judged
JOIN found_uses ON found_uses.rule_id = judged.rule_id AND found_uses.subject = judged.subject
JOIN graded ON graded.rule_id = judged.rule_id AND graded.clause_id = judged.clause_id AND graded.subject = judged.subject
CROSS JOIN severity_steps
JOIN use_words ON use_words.word = judged."use"
LEFT JOIN actor_words ON actor_words.word = judged.actor
LEFT JOIN outcome_words ON outcome_words.word = judged.outcome
LEFT JOIN worded ON worded.clause_id = judged.clause_id AND worded.version = judged.policy_version
LEFT JOIN known_circumstances ON known_circumstances.rule_id = judged.rule_id
    AND known_circumstances.clause_id = judged.clause_id AND known_circumstances.subject = judged.subject
ORDER BY finding_id
