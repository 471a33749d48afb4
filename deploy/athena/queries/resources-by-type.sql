-- What is there: resources by type, with the accounts and regions that have them?
SELECT
    type,
    count(DISTINCT arn) AS resources,
    count(DISTINCT account) AS accounts,
    count(DISTINCT region) AS regions
FROM latest_resources
GROUP BY type
ORDER BY resources DESC, type
