-- Which risks are accepted, by whom, why and until when? What ends first comes first.
SELECT
    suppression_expires AS expires,
    suppression_owner AS owner,
    suppression_reason AS reason,
    severity,
    rule,
    account,
    arn
FROM latest_findings
WHERE suppressed
ORDER BY expires, owner, rule, arn
