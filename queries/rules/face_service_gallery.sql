-- title   = "The Face service keeps faces to be recognised later"
-- use     = "enrol"
-- scope   = "request"
-- needs   = []
-- version = 1
-- why     = """
-- Sees a call of the Face service that adds a face to a list, a group or a directory, or trains one. An empty group, a
-- look at one and a deletion are no use. Does not see whose faces they are, whether they agreed, or a call whose log
-- names no operation, as that of a gateway with names of its own.
-- """
--
-- [params]
-- kept = ["persongroup", "facelist", "persondirectory"]
-- never = ["get", "status", "delete", "identify", "findsimilar"]

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
WHERE len(list_filter($kept, lambda name: contains(operation, name))) > 0
    AND len(list_filter($never, lambda name: contains(operation, name))) = 0
    AND (contains(operation, 'train') OR (contains(operation, 'add') AND contains(operation, 'face')))
