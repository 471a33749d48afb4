-- The resources of each account's last run within 7 days: the query stale-accounts shows who had none.
CREATE OR REPLACE VIEW latest_resources AS
SELECT
    t."run",
    t."collected",
    t."account",
    t."region",
    t."type",
    t."kind",
    t."arn",
    t."id",
    t."name",
    t."tags",
    t."properties",
    t."unread",
    t."date"
FROM resources AS t
INNER JOIN (
    SELECT account, max_by(run, collected) AS run
    FROM resources
    WHERE "date" >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
    GROUP BY account
) AS last ON last.account = t.account AND last.run = t.run
WHERE t."date" >= date_format(current_date - INTERVAL '7' DAY, '%Y-%m-%d')
