-- Which resources have the most serious open failures at once?
SELECT
    account,
    region,
    resource_type,
    arn,
    count_if(severity = 'critical') AS critical,
    count_if(severity = 'high') AS high,
    count(*) AS failures
FROM latest_findings
WHERE status = 'fail' AND NOT suppressed
GROUP BY account, region, resource_type, arn
ORDER BY critical DESC, high DESC, failures DESC, arn
LIMIT 100
