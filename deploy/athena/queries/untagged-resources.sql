-- Which resources carry no tag at all? Those whose tags were not read are left out.
SELECT account, region, type, arn, name
FROM latest_resources
WHERE tags IS NOT NULL AND cardinality(tags) = 0
ORDER BY account, type, region, arn
