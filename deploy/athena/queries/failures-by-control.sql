-- Which controls of which frameworks are not met, and by how many resources?
SELECT
    t.control,
    count_if(f.status = 'fail' AND NOT f.suppressed) AS failed,
    count_if(f.status = 'unknown') AS unknown,
    count_if(f.status = 'pass') AS passed
FROM latest_findings AS f
CROSS JOIN UNNEST(f.controls) AS t (control)
GROUP BY t.control
HAVING count_if(f.status IN ('fail', 'unknown') AND NOT f.suppressed) > 0
ORDER BY failed DESC, unknown DESC, t.control
