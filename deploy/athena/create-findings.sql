-- Declares findings of the findings lake. Written by `make docs`; README.md says how to run it.
CREATE EXTERNAL TABLE IF NOT EXISTS findings (
    `run` string,
    `collected` timestamp,
    `region` string,
    `rule` string,
    `title` string,
    `category` string,
    `controls` array<string>,
    `severity` string,
    `status` string,
    `resource_type` string,
    `arn` string,
    `resource_id` string,
    `resource_name` string,
    `tags` map<string,string>,
    `message` string,
    `evidence` string,
    `fingerprint` string,
    `suppressed` boolean,
    `suppression_reason` string,
    `suppression_owner` string,
    `suppression_expires` string
)
PARTITIONED BY (`account` string, `date` string)
STORED AS PARQUET
LOCATION '${LAKE}/findings/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.account.type' = 'enum',
    'projection.account.values' = '${ACCOUNTS}',
    'projection.date.type' = 'date',
    'projection.date.format' = 'yyyy-MM-dd',
    'projection.date.range' = '${SINCE},NOW',
    'auditor.lake' = '1'
)
