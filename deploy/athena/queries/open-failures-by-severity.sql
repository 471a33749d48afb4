-- How many open failures has each account, by severity, as of its last run?
SELECT
    account,
    count_if(severity = 'critical') AS critical,
    count_if(severity = 'high') AS high,
    count_if(severity = 'medium') AS medium,
    count_if(severity = 'low') AS low,
    count_if(severity = 'informational') AS informational
FROM latest_findings
WHERE status = 'fail' AND NOT suppressed
GROUP BY account
ORDER BY critical DESC, high DESC, medium DESC, account
