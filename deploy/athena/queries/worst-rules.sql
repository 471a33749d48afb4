-- Which rules fail most often, in how many accounts, and how much of what they judged failed?
SELECT
    rule,
    max(title) AS title,
    min_by(
        severity,
        CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END
    ) AS severity,
    count_if(status = 'fail' AND NOT suppressed) AS failures,
    count(DISTINCT CASE WHEN status = 'fail' AND NOT suppressed THEN account END) AS accounts,
    round(100 * CAST(count_if(status = 'fail') AS double) / count_if(status IN ('pass', 'fail')), 1) AS percent_failed
FROM latest_findings
GROUP BY rule
HAVING count_if(status = 'fail' AND NOT suppressed) > 0
ORDER BY failures DESC, rule
LIMIT 50
