-- What could not be judged, and why: what to allow the auditing role, or to look into?
SELECT message, count(*) AS verdicts, count(DISTINCT account) AS accounts, count(DISTINCT rule) AS rules
FROM latest_findings
WHERE status = 'unknown'
GROUP BY message
ORDER BY verdicts DESC, message
LIMIT 100
