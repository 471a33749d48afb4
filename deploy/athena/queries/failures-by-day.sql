-- How did the open failures develop, day by day? Of several runs of an account in a day the last one counts.
WITH runs AS (
    SELECT account, "date", max_by(run, collected) AS run
    FROM findings
    GROUP BY account, "date"
)
SELECT
    f."date",
    count(DISTINCT f.account) AS accounts,
    count_if(f.status = 'fail' AND f.severity = 'critical') AS critical,
    count_if(f.status = 'fail' AND f.severity = 'high') AS high,
    count_if(f.status = 'fail' AND f.severity = 'medium') AS medium,
    count_if(f.status = 'unknown') AS unknown
FROM findings AS f
INNER JOIN runs AS r ON r.account = f.account AND r."date" = f."date" AND r.run = f.run
WHERE NOT f.suppressed
GROUP BY f."date"
ORDER BY f."date"
