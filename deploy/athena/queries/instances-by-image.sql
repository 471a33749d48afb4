-- Which images do EC2 instances run from, and on which instance types?
SELECT
    json_extract_scalar(properties, '$.image_id') AS image,
    json_extract_scalar(properties, '$.instance_type') AS instance_type,
    count(*) AS instances,
    count(DISTINCT account) AS accounts
FROM latest_resources
WHERE kind = 'ec2_instance'
GROUP BY 1, 2
ORDER BY instances DESC, image, instance_type
