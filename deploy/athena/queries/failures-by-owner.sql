-- Whose resources fail? By the tag that names the team or owner; what has no such tag comes under '(none)'.
SELECT
    coalesce(
        element_at(tags, 'team'), element_at(tags, 'Team'), element_at(tags, 'owner'), element_at(tags, 'Owner'), '(none)'
    ) AS owner,
    count_if(severity IN ('critical', 'high')) AS serious,
    count(*) AS failures,
    count(DISTINCT arn) AS resources
FROM latest_findings
WHERE status = 'fail' AND NOT suppressed
GROUP BY 1
ORDER BY serious DESC, failures DESC, owner
