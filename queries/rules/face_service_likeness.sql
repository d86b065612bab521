-- title   = "The Face service finds or groups similar faces"
-- use     = "compare"
-- scope   = "request"
-- needs   = []
-- version = 1
-- why     = """
-- Sees a call of the Face service whose operation finds faces that are similar to one, or puts similar ones in
-- groups. Does not see what the faces are, how sure the answer was, or a call whose log names no operation, as that of
-- a gateway with names of its own.
-- """
--
-- [params]
-- names = ["findsimilar"]
-- exact = ["facegroup", "groupface", "groupfaces"]

WITH called AS (  -- names of operations without blanks, dashes and case, as logs differ in these
    SELECT request_key, lower(replace(replace(replace(operation, ' ', ''), '-', ''), '_', '')) AS operation
    FROM requests
    WHERE api = 'face' AND operation IS NOT NULL
)
SELECT
    [request_key] AS request_keys,
    'strong' AS strength,
    MAP {'face': true} AS circumstances,
    [{
        'request_key': request_key, 'part_no': NULL::INTEGER, 'signal': NULL::VARCHAR, 'char_from': NULL::INTEGER,
        'char_to': NULL::INTEGER
    }] AS evidence
FROM called
WHERE len(list_filter($names, lambda name: contains(operation, name))) > 0 OR list_contains($exact, operation)
