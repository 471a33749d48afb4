-- Which failures of an account's last run were not failures in the run before it?
WITH runs AS (
    SELECT account, run, max(collected) AS collected
    FROM findings
    GROUP BY account, run
),
ranked AS (
    SELECT account, run, row_number() OVER (PARTITION BY account ORDER BY collected DESC, run DESC) AS place
    FROM runs
),
earlier AS (
    SELECT f.fingerprint, f.status, f.suppressed
    FROM findings AS f
    INNER JOIN ranked AS r ON r.account = f.account AND r.run = f.run
    WHERE r.place = 2
)
SELECT latest.account, latest.region, latest.severity, latest.rule, latest.arn, latest.message, earlier.status AS status_before
FROM latest_findings AS latest
LEFT JOIN earlier ON earlier.fingerprint = latest.fingerprint
WHERE
    latest.status = 'fail'
    AND NOT latest.suppressed
    AND (earlier.status IS NULL OR earlier.status <> 'fail' OR earlier.suppressed)
    AND latest.account IN (SELECT account FROM ranked WHERE place = 2)
ORDER BY
    latest.account,
    CASE latest.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END,
    latest.rule,
    latest.arn
