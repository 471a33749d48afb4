-- How much of each account could be judged? The least complete comes first.
SELECT
    account,
    max(collected) AS collected,
    count(*) AS verdicts,
    count_if(status = 'unknown') AS unknown,
    round(100 * CAST(count_if(status <> 'unknown') AS double) / count(*), 1) AS percent_known
FROM latest_findings
GROUP BY account
ORDER BY percent_known, account
