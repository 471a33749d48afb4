-- Which open failures are the oldest: since when has each been seen to fail?
SELECT
    latest.account,
    latest.severity,
    latest.rule,
    latest.arn,
    min(f."date") AS first_seen,
    date_diff('day', CAST(min(f."date") AS date), current_date) AS days
FROM latest_findings AS latest
INNER JOIN findings AS f ON f.fingerprint = latest.fingerprint AND f.account = latest.account AND f.status = 'fail'
WHERE latest.status = 'fail' AND NOT latest.suppressed
GROUP BY latest.account, latest.severity, latest.rule, latest.arn, latest.fingerprint
ORDER BY first_seen, latest.account, latest.rule, latest.arn
LIMIT 200
