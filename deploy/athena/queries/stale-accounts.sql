-- When was each account last audited? Those that have not been for longest come first.
SELECT
    account,
    max("date") AS last_day,
    date_diff('day', CAST(max("date") AS date), current_date) AS days_ago,
    count(DISTINCT run) AS runs
FROM findings
GROUP BY account
ORDER BY last_day, account
