-- The findings of each account's last run within 7 days: the query stale-accounts shows who had none.
CREATE OR REPLACE VIEW latest_findings AS
SELECT
    t."run",
    t."collected",
    t."account",
    t."region",
    t."rule",
    t."title",
    t."category",
    t."controls",
    t."severity",
    t."status",
    t."resource_type",
    t."arn",
    t."resource_id",
    t."resource_name",
    t."tags",
    t."message",
    t."evidence",
    t."fingerprint",
    t."suppressed",
    t."suppression_reason",
    t."suppression_owner",
    t."suppression_expires",
    t."date"
FROM findings AS t
INNER JOIN (
    SELECT account, max_by(run, collected) AS run
    FROM findings
    WHERE "date" >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
    GROUP BY account
) AS last ON last.account = t.account AND last.run = t.run
WHERE t."date" >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
