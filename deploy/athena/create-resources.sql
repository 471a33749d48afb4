-- Declares resources of the findings lake. Written by `make docs`; README.md says how to run it.
CREATE EXTERNAL TABLE IF NOT EXISTS resources (
    `run` string,
    `collected` timestamp,
    `region` string,
    `type` string,
    `kind` string,
    `arn` string,
    `id` string,
    `name` string,
    `tags` map<string,string>,
    `properties` string,
    `unread` map<string,string>
)
PARTITIONED BY (`account` string, `date` string)
STORED AS PARQUET
LOCATION '${LAKE}/resources/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.account.type' = 'enum',
    'projection.account.values' = '${ACCOUNTS}',
    'projection.date.type' = 'date',
    'projection.date.format' = 'yyyy-MM-dd',
    'projection.date.range' = '${SINCE},NOW',
    'auditor.lake' = '1'
)
