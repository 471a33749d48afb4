"""The frameworks that rules cite: which controls exist, so that no rule cites a phantom.

A rule cites controls as strings, the framework's key first: "CIS-5.0 5.7", or several of one framework at once:
"NIST-800-53-r5 ac_3 ac_3_3". `check` holds such a string against the tables below. The tables hold the numbers that
our guidance maps to: add a number here when a rule needs one more. Where the publisher's whole catalogue can be counted
off (CIS, ISO), a view shows the controls that no rule covers too.

NIST and PCI numbers are spelled as Prowler's mappings spell them: `ac_2_6` is AC-2(6), and a PCI number is a
requirement of the standard (8.2.8) followed by the position of the AWS check under it (8.2.8.4).
"""

import re
from dataclasses import dataclass, field
from difflib import SequenceMatcher

_SECURITY_HUB = """
    ACM.1 ACM.2 APIGateway.1 APIGateway.3 Athena.1 AutoScaling.1 AutoScaling.2 AutoScaling.3 AutoScaling.5
    AutoScaling.6 AutoScaling.9 CloudFormation.3 CloudFormation.4 CloudFront.3 CloudFront.4 CloudFront.5 CloudFront.6
    CloudFront.7 CloudFront.8 CloudFront.9 CloudFront.10 CloudFront.12 CloudFront.13 CloudFront.15 CloudFront.17
    CloudTrail.1 CloudTrail.2 CloudTrail.4 CloudTrail.5 CloudWatch.2 CloudWatch.3 CloudWatch.4 CloudWatch.5
    CloudWatch.8 CloudWatch.10 CloudWatch.11 CloudWatch.12 CloudWatch.13 CloudWatch.14 CloudWatch.16 CodeBuild.1
    CodeBuild.2 CodeBuild.3 CodeBuild.4 DataFirehose.1 DynamoDB.1 DynamoDB.2 DynamoDB.3 DynamoDB.6 DynamoDB.7 EC2.1
    EC2.2 EC2.3 EC2.4 EC2.6 EC2.7 EC2.8 EC2.9 EC2.12 EC2.13 EC2.14 EC2.15 EC2.16 EC2.17 EC2.19 EC2.20 EC2.21 EC2.25
    EC2.170 EC2.171 EC2.181 EC2.182 ECR.1 ECR.2 ECR.3 ECS.1 ECS.2 ECS.3 ECS.4 ECS.5 ECS.8 ECS.9 ECS.10 ECS.12 ECS.16
    EFS.1 EFS.2 EFS.3 EFS.4 EFS.6 EFS.7 EFS.8 EKS.1 ElastiCache.1 ElastiCache.2 ElastiCache.3 ElastiCache.4
    ElastiCache.5 ElastiCache.6 ElastiCache.7 ElasticBeanstalk.1 ElasticBeanstalk.2 ElasticBeanstalk.3 ELB.1 ELB.2
    ELB.3 ELB.4 ELB.5 ELB.6 ELB.7 ELB.8 ELB.9 ELB.10 ELB.12 ELB.13 ELB.14 ELB.16 ELB.17 ELB.18 IAM.1 IAM.2 IAM.3 IAM.4
    IAM.5 IAM.6 IAM.7 IAM.8 IAM.9 IAM.10 IAM.11 IAM.12 IAM.13 IAM.14 IAM.15 IAM.16 IAM.17 IAM.19 IAM.21 IAM.22 IAM.26
    IAM.27 IAM.28 Kinesis.1 Kinesis.3 KMS.3 KMS.4 KMS.5 Lambda.1 Lambda.2 Lambda.5 Lambda.7 OpenSearch.1 OpenSearch.2
    OpenSearch.3 RDS.1 RDS.2 RDS.3 RDS.4 RDS.5 RDS.6 RDS.7 RDS.8 RDS.9 RDS.10 RDS.11 RDS.12 RDS.13 RDS.14 RDS.15
    RDS.24 RDS.25 RDS.27 RDS.34 RDS.35 RDS.36 RDS.37 RDS.38 RDS.39 RDS.40 RDS.41 RDS.42 RDS.43 RDS.44 RDS.46 RDS.50
    Redshift.1 Redshift.10 Route53.2 S3.1 S3.2 S3.3 S3.5 S3.6 S3.7 S3.8 S3.9 S3.10 S3.12 S3.13 S3.15 S3.17 S3.19 S3.20
    S3.22 S3.23 SecretsManager.1 SecretsManager.3 SNS.4 SQS.1 SQS.3 SSM.1 StepFunctions.1 WAF.10
"""

_CIS_3_0 = """
    1.4 1.5 1.6 1.7 1.8 1.9 1.10 1.11 1.12 1.13 1.14 1.15 1.16 1.18 1.19 1.20 1.21 1.22 2.1.1 2.1.2 2.1.4 2.2.1 2.3.1
    2.3.2 2.3.3 2.4.1 3.1 3.2 3.4 3.5 3.6 3.7 3.8 3.9 4.1 4.2 4.3 4.4 4.5 4.8 4.10 4.11 4.12 4.13 4.14 5.1 5.2 5.3 5.4
    5.5 5.6
"""

_CIS_5_0 = """
    1.3 1.4 1.5 1.6 1.7 1.8 1.9 1.10 1.11 1.12 1.13 1.14 1.15 1.17 1.18 1.19 1.20 1.21 2.1.1 2.1.2 2.1.4 2.2.1 2.2.2
    2.2.3 2.2.4 2.3.1 3.1 3.2 3.4 3.5 3.6 3.7 3.8 3.9 4.1 4.2 4.3 4.4 4.5 4.8 4.10 4.11 4.12 4.13 4.14 5.1.1 5.1.2 5.2
    5.3 5.4 5.5 5.6 5.7
"""

_PCI_4_0 = """
    1.2.5.1 1.2.5.2 1.2.5.3 1.2.5.4 1.2.5.5 1.2.5.6 1.2.5.7 1.2.5.8 1.2.5.9 1.2.5.10 1.2.5.13 1.2.5.15 1.2.8.4 1.2.8.5
    1.2.8.6 1.2.8.12 1.2.8.14 1.2.8.15 1.2.8.17 1.2.8.19 1.2.8.21 1.2.8.26 1.2.8.28 1.2.8.29 1.2.8.30 1.2.8.31
    1.2.8.32 1.2.8.33 1.2.8.34 1.2.8.39 1.3.1.5 1.3.1.6 1.3.1.7 1.3.1.13 1.3.1.14 1.3.1.16 1.3.1.17 1.3.1.19 1.3.1.22
    1.3.1.24 1.3.1.29 1.3.1.31 1.3.1.32 1.3.1.34 1.3.1.35 1.3.1.36 1.3.1.37 1.3.1.38 1.3.1.43 1.3.1.46 1.3.2.5 1.3.2.6
    1.3.2.7 1.3.2.13 1.3.2.14 1.3.2.16 1.3.2.17 1.3.2.19 1.3.2.22 1.3.2.24 1.3.2.29 1.3.2.31 1.3.2.32 1.3.2.34
    1.3.2.35 1.3.2.36 1.3.2.37 1.3.2.38 1.3.2.43 1.3.2.46 1.4.1.3 1.4.1.10 1.4.2.5 1.4.2.6 1.4.2.7 1.4.2.13 1.4.2.15
    1.4.2.16 1.4.2.18 1.4.2.20 1.4.2.22 1.4.2.27 1.4.2.29 1.4.2.30 1.4.2.32 1.4.2.33 1.4.2.34 1.4.2.35 1.4.2.36
    1.4.2.41 1.4.2.44 1.4.4.3 1.4.4.10 1.4.5.1 1.4.5.2 1.5.1.4 1.5.1.5 1.5.1.6 1.5.1.12 1.5.1.14 1.5.1.17 1.5.1.19
    1.5.1.21 1.5.1.26 1.5.1.28 1.5.1.29 1.5.1.30 1.5.1.31 1.5.1.32 1.5.1.33 1.5.1.34 1.5.1.39 2.2.5.1 2.2.5.2 2.2.5.3
    2.2.5.4 2.2.5.5 2.2.5.6 2.2.5.7 2.2.5.13 2.2.5.15 2.2.7.1 2.2.7.2 2.2.7.3 2.2.7.4 2.2.7.5 2.2.7.8 2.2.7.9 2.2.7.17
    2.2.7.19 3.2.1.3 3.2.1.5 3.2.1.6 3.2.1.7 3.2.1.8 3.2.1.9 3.3.1.1.3 3.3.1.1.5 3.3.1.1.6 3.3.1.1.7 3.3.1.1.8
    3.3.1.1.9 3.3.1.3.3 3.3.1.3.5 3.3.1.3.6 3.3.1.3.7 3.3.1.3.8 3.3.1.3.9 3.3.2.3 3.3.2.5 3.3.2.6 3.3.2.7 3.3.2.8
    3.3.2.9 3.3.3.3 3.3.3.5 3.3.3.6 3.3.3.7 3.3.3.8 3.3.3.9 3.5.1.1.1 3.5.1.1.4 3.5.1.1.7 3.5.1.1.9 3.5.1.2 3.5.1.3.1
    3.5.1.3.5 3.5.1.3.8 3.5.1.3.9 3.5.1.3.10 3.5.1.3.11 3.5.1.3.15 3.5.1.3.17 3.5.1.3.18 3.5.1.3.20 3.5.1.3.21
    3.5.1.3.22 3.5.1.3.23 3.5.1.3.27 3.5.1.4 3.5.1.5 3.5.1.7 3.5.1.9 3.5.1.11 3.5.1.12 3.5.1.13 3.5.1.14 3.5.1.15
    3.5.1.18 3.5.1.19 3.5.1.20 3.5.1.21 3.5.1.24 3.5.1.25 3.5.1.26 3.5.1.27 3.5.1.29 3.5.1.31 3.5.1.34 3.5.1.35
    3.6.1.1 3.6.1.2.1 3.6.1.2.4 3.6.1.2.7 3.6.1.2.9 3.6.1.3.1 3.6.1.3.4 3.6.1.3.7 3.6.1.3.9 3.6.1.4.1 3.6.1.4.4
    3.6.1.4.7 3.6.1.4.9 3.6.1.7 3.6.1.9 3.7.1.1 3.7.1.2 3.7.1.8 3.7.1.10 3.7.2.1 3.7.2.7 3.7.2.9 3.7.4.1 3.7.4.5
    3.7.4.8 3.7.4.10 3.7.5.1 3.7.5.2 3.7.6.1 3.7.6.7 3.7.6.9 3.7.7.1 3.7.7.7 3.7.7.9 4.2.1.1 4.2.1.1.3 4.2.1.1.6
    4.2.1.1.7 4.2.1.1.8 4.2.1.1.9 4.2.1.1.12 4.2.1.1.13 4.2.1.1.20 4.2.1.1.22 4.2.1.1.25 4.2.1.1.27 4.2.1.2 4.2.1.3
    4.2.1.4 4.2.1.5 4.2.1.8 4.2.1.19 5.3.4.2 5.3.4.5 5.3.4.6 5.3.4.7 5.3.4.10 5.3.4.11 5.3.4.15 5.3.4.18 5.3.4.19
    5.3.4.22 5.3.4.27 5.3.4.28 5.3.4.31 5.3.4.32 5.3.4.33 5.3.4.34 6.3.3.3 6.3.3.6 6.3.3.7 6.3.3.10 6.4.1.1 6.4.1.4
    6.4.1.8 6.4.2.1 6.4.2.4 6.4.2.8 7.2.1.3 7.2.1.4 7.2.1.5 7.2.1.6 7.2.1.7 7.2.1.8 7.2.1.12 7.2.1.13 7.2.1.14
    7.2.1.15 7.2.1.16 7.2.1.17 7.2.1.19 7.2.1.22 7.2.1.23 7.2.1.24 7.2.1.25 7.2.1.26 7.2.1.27 7.2.2.3 7.2.2.4 7.2.2.5
    7.2.2.6 7.2.2.7 7.2.2.8 7.2.2.12 7.2.2.13 7.2.2.14 7.2.2.15 7.2.2.16 7.2.2.17 7.2.2.19 7.2.2.22 7.2.2.23 7.2.2.24
    7.2.2.25 7.2.2.26 7.2.2.27 7.2.3.1 7.2.3.2 7.2.3.3 7.2.3.4 7.2.3.7 7.2.3.8 7.2.4.2 7.2.4.3 7.2.5.1.2 7.2.5.1.3
    7.2.5.3 7.2.5.4 7.2.5.8 7.2.5.9 7.2.5.10 7.2.5.11 7.2.5.12 7.2.5.13 7.2.5.16 7.2.5.17 7.2.5.18 7.2.5.19 7.2.5.20
    7.2.5.21 7.2.6.1 7.2.6.4 7.3.1.3 7.3.1.4 7.3.1.8 7.3.1.9 7.3.1.10 7.3.1.11 7.3.1.13 7.3.1.16 7.3.1.17 7.3.1.18
    7.3.2.3 7.3.2.4 7.3.2.8 7.3.2.9 7.3.2.13 7.3.2.16 7.3.2.17 7.3.2.18 7.3.3.3 7.3.3.4 7.3.3.8 7.3.3.9 7.3.3.13
    7.3.3.16 7.3.3.17 7.3.3.18 8.2.1.4 8.2.2.1 8.2.2.3 8.2.2.6 8.2.2.8 8.2.2.9 8.2.2.10 8.2.2.11 8.2.4.4 8.2.5.4
    8.2.6.2 8.2.6.3 8.2.7.3 8.2.7.4 8.2.7.13 8.2.7.16 8.2.7.17 8.2.7.18 8.2.8.4 8.2.8.5 8.2.8.6 8.2.8.15 8.2.8.18
    8.2.8.19 8.2.8.20 8.3.2.1 8.3.2.3 8.3.2.5 8.3.2.6 8.3.2.7 8.3.2.8 8.3.2.9 8.3.2.11 8.3.2.13 8.3.2.14 8.3.2.18
    8.3.2.19 8.3.2.20 8.3.2.21 8.3.2.22 8.3.2.25 8.3.2.26 8.3.2.27 8.3.2.34 8.3.2.35 8.3.2.39 8.3.2.42 8.3.2.43
    8.3.2.44 8.3.2.46 8.3.2.49 8.3.2.50 8.3.2.53 8.3.2.54 8.3.4.3 8.3.4.13 8.3.4.16 8.3.4.17 8.3.4.18 8.3.5.1 8.3.5.2
    8.3.5.3 8.3.5.4 8.3.6.1 8.3.7.1 8.3.7.2 8.3.9.1 8.3.10.1.1 8.3.10.1.2 8.3.10.1.3 8.3.10.1.4 8.3.11.4 8.4.1.1
    8.4.1.2 8.4.1.3 8.4.1.4 8.4.1.5 8.4.2.1 8.4.2.2 8.4.2.3 8.4.2.4 8.4.2.5 8.4.3.1 8.4.3.2 8.4.3.3 8.4.3.4 8.4.3.5
    8.6.3.1 8.6.3.2 10.2.1.1.2 10.2.1.1.5 10.2.1.1.6 10.2.1.1.7 10.2.1.1.8 10.2.1.1.9 10.2.1.1.10 10.2.1.1.11
    10.2.1.1.15 10.2.1.1.16 10.2.1.1.18 10.2.1.1.19 10.2.1.1.22 10.2.1.1.25 10.2.1.1.26 10.2.1.1.29 10.2.1.1.30
    10.2.1.1.33 10.2.1.1.34 10.2.1.2 10.2.1.2.2 10.2.1.2.5 10.2.1.2.6 10.2.1.2.7 10.2.1.2.8 10.2.1.2.9 10.2.1.2.13
    10.2.1.2.15 10.2.1.2.16 10.2.1.2.19 10.2.1.2.22 10.2.1.2.23 10.2.1.2.26 10.2.1.2.27 10.2.1.2.28 10.2.1.2.29
    10.2.1.3.2 10.2.1.3.5 10.2.1.3.6 10.2.1.3.7 10.2.1.3.8 10.2.1.3.9 10.2.1.3.13 10.2.1.3.15 10.2.1.3.16 10.2.1.3.19
    10.2.1.3.22 10.2.1.3.23 10.2.1.3.26 10.2.1.3.27 10.2.1.3.28 10.2.1.3.29 10.2.1.4.2 10.2.1.4.5 10.2.1.4.6
    10.2.1.4.7 10.2.1.4.8 10.2.1.4.9 10.2.1.4.13 10.2.1.4.15 10.2.1.4.16 10.2.1.4.19 10.2.1.4.22 10.2.1.4.23
    10.2.1.4.26 10.2.1.4.27 10.2.1.4.28 10.2.1.4.29 10.2.1.5 10.2.1.5.2 10.2.1.5.5 10.2.1.5.6 10.2.1.5.7 10.2.1.5.8
    10.2.1.5.9 10.2.1.5.13 10.2.1.5.15 10.2.1.5.16 10.2.1.5.19 10.2.1.5.22 10.2.1.5.23 10.2.1.5.26 10.2.1.5.27
    10.2.1.5.28 10.2.1.5.29 10.2.1.6 10.2.1.6.2 10.2.1.6.5 10.2.1.6.6 10.2.1.6.7 10.2.1.6.8 10.2.1.6.9 10.2.1.6.13
    10.2.1.6.15 10.2.1.6.16 10.2.1.6.19 10.2.1.6.22 10.2.1.6.23 10.2.1.6.26 10.2.1.6.27 10.2.1.6.28 10.2.1.6.29
    10.2.1.7 10.2.1.7.2 10.2.1.7.5 10.2.1.7.6 10.2.1.7.7 10.2.1.7.8 10.2.1.7.9 10.2.1.7.13 10.2.1.7.15 10.2.1.7.16
    10.2.1.7.19 10.2.1.7.22 10.2.1.7.23 10.2.1.7.26 10.2.1.7.27 10.2.1.7.28 10.2.1.7.29 10.2.1.8 10.2.1.9 10.2.1.13
    10.2.1.15 10.2.1.16 10.2.1.19 10.2.1.22 10.2.1.23 10.2.1.26 10.2.1.27 10.2.1.28 10.2.1.29 10.2.2.2 10.2.2.5
    10.2.2.6 10.2.2.7 10.2.2.8 10.2.2.9 10.2.2.13 10.2.2.15 10.2.2.16 10.2.2.19 10.2.2.22 10.2.2.23 10.2.2.26
    10.2.2.27 10.2.2.28 10.2.2.29 10.3.1.2 10.3.1.5 10.3.1.6 10.3.1.7 10.3.1.8 10.3.1.9 10.3.1.13 10.3.1.15 10.3.1.16
    10.3.1.19 10.3.1.22 10.3.1.23 10.3.1.26 10.3.1.27 10.3.1.28 10.3.1.29 10.3.2.3 10.3.2.4 10.3.2.5 10.3.2.8 10.3.2.9
    10.3.2.10 10.3.2.11 10.3.2.13 10.3.2.15 10.3.2.16 10.3.2.17 10.3.2.18 10.3.2.19 10.3.2.20 10.3.2.21 10.3.2.22
    10.3.2.23 10.3.3.5 10.3.3.6 10.3.3.7 10.3.3.8 10.3.3.10 10.3.3.15 10.3.3.16 10.3.3.17 10.3.4.1 10.3.4.2 10.3.4.4
    10.3.4.5 10.3.4.6 10.3.4.7 10.3.4.9 10.4.1.1.2 10.4.1.1.3 10.4.1.1.4 10.4.1.2 10.4.1.3 10.4.2.2 10.4.2.3 10.4.2.4
    10.4.3.1 10.5.1.4 10.5.1.6 10.5.1.7 10.5.1.8 10.5.1.12 10.5.1.13 10.6.3.2 10.6.3.5 10.6.3.6 10.6.3.7 10.6.3.8
    10.6.3.9 10.6.3.10 10.6.3.11 10.6.3.15 10.6.3.16 10.6.3.17 10.6.3.19 10.6.3.20 10.6.3.24 10.6.3.28 10.6.3.29
    10.6.3.32 10.6.3.33 10.6.3.34 10.6.3.35 10.6.3.38 10.6.3.39 10.7.1.3 10.7.1.4 10.7.1.5 10.7.2.3 10.7.2.5
    11.3.1.2.1 11.3.1.3 11.3.1.3.3 11.5.1.1 11.5.1.1.1 A1.1.2.4 A1.1.2.6 A1.1.2.7 A1.1.2.9 A1.1.2.11 A1.1.2.12
    A1.1.2.13 A1.1.2.14 A1.1.2.18 A1.1.3.4 A1.1.3.6 A1.1.3.12 A1.1.3.17 A1.1.3.19 A1.1.3.21 A1.1.3.26 A1.1.3.28
    A1.1.3.29 A1.1.3.30 A1.1.3.39 A1.2.1.9 A1.2.1.11 A1.2.1.12 A3.3.1.7 A3.4.1.4 A3.4.1.6 A3.4.1.7 A3.4.1.10 A3.4.1.11
    A3.4.1.13 A3.4.1.14 A3.4.1.15 A3.4.1.16 A3.4.1.20 A3.4.1.24 A3.5.1.7
"""

_NIST_800_53_R5 = """
    ac_2_1 ac_2_3 ac_2_3_a ac_2_3_b ac_2_3_c ac_2_3_d ac_2_4 ac_2_6 ac_2_d_1 ac_2_g ac_2_i_2 ac_2_j ac_3 ac_3_1 ac_3_2
    ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c ac_3_4 ac_3_4_a ac_3_4_b ac_3_7
    ac_3_10 ac_4 ac_4_21 ac_4_22 ac_4_26 ac_6 ac_6_9 ac_16_b ac_17_1 ac_17_2 ac_17_4_a ac_17_9 ac_17_10 ac_17_b
    ac_24_1 au_2_b au_3_1 au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f au_6_1 au_6_3 au_6_4 au_6_5 au_6_6 au_6_9 au_8_b
    au_9_2 au_9_3 au_9_a au_10 au_11 au_11_1 au_12_1 au_12_2 au_12_3 au_14_a au_14_b ca_2_2 ca_7 ca_7_4_c ca_7_b
    ca_9_b cm_2_2 cm_2_a cm_2_b cm_2_b_1 cm_2_b_2 cm_2_b_3 cm_3_3 cm_3_a cm_5_1_a cm_6 cm_6_a cm_7_b cm_8_1 cm_8_2
    cm_8_3_a cm_8_6 cm_9_b cp_1_2 cp_1_a_1_b cp_1_a_2 cp_2_5 cp_2_6 cp_2_a cp_2_a_6 cp_2_a_7 cp_2_d cp_2_e cp_6_1
    cp_6_2 cp_6_a cp_9_8 cp_9_a cp_9_b cp_9_c cp_9_d cp_10 cp_10_2 ia_5_1_c mp_2 pm_11_b pm_14_a_1 pm_14_b pm_17_b
    pm_31 sa_1_1 sa_9_6 sa_10_1 sa_15_a_4 sc_5_2 sc_7_2 sc_7_4_b sc_7_4_g sc_7_5 sc_7_7 sc_7_11 sc_7_12 sc_7_16
    sc_7_21 sc_7_24_b sc_7_25 sc_8 sc_8_1 sc_8_3 sc_8_4 sc_12 sc_12_2 sc_12_6 sc_13_a sc_16_1 sc_23_5 sc_28_1
    sc_36_1_a si_1_a_2 si_2_a si_4_d si_7_1 si_7_3 si_13_5 si_19_4
"""

_ISO_27001_2022 = """
    A.5.15 A.5.17 A.5.18 A.5.26 A.8.1 A.8.2 A.8.3 A.8.4 A.8.5 A.8.10 A.8.11 A.8.12 A.8.14 A.8.15 A.8.16 A.8.20 A.8.21
    A.8.22 A.8.23 A.8.24
"""


@dataclass(frozen=True, slots=True)
class Framework:
    """A published set of controls. `key` is what rules write, `numbers` the controls that they may cite.

    catalogue: the controls that a view of the framework shows: all that the publisher has where `whole`, those that
    our guidance maps to where not.
    """

    key: str
    name: str
    version: str
    url: str
    numbers: frozenset[str] = field(repr=False)
    rest: frozenset[str] = field(default=frozenset(), repr=False)
    whole: bool = False

    @property
    def catalogue(self) -> frozenset[str]:
        """The controls that a view shows."""
        return self.numbers | self.rest

    def nearest(self, number: str) -> str:
        """The known number closest to this one: most leading parts in common, then the most alike."""

        def likeness(known: str) -> tuple[int, float, str]:
            return _parts_in_common(known, number), SequenceMatcher(None, known, number, autojunk=False).ratio(), known

        return max(self.numbers, key=likeness)


def _parts_in_common(one: str, other: str) -> int:
    """How many leading parts two numbers share: 1.2.5.1 and 1.2.7 share two."""
    count = 0
    for left, right in zip(re.split(r"[._]", one.lower()), re.split(r"[._]", other.lower()), strict=False):
        if left != right:
            break
        count += 1
    return count


def _run(section: str, last: int) -> frozenset[str]:
    """The numbers of a section that counts from 1."""
    return frozenset(f"{section}.{number}" for number in range(1, last + 1))


_ALL = (
    Framework(
        "SecurityHub",
        "AWS Security Hub controls",
        "",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-controls-reference.html",
        frozenset(_SECURITY_HUB.split()),
    ),
    Framework(
        "CIS-3.0",
        "CIS Amazon Web Services Foundations Benchmark",
        "3.0.0",
        "https://www.cisecurity.org/benchmark/amazon_web_services",
        frozenset(_CIS_3_0.split()),
        _run("1", 22)
        | _run("2.1", 4)
        | _run("2.2", 1)
        | _run("2.3", 3)
        | _run("2.4", 1)
        | _run("3", 9)
        | _run("4", 16)
        | _run("5", 6),
        whole=True,
    ),
    Framework(
        "CIS-5.0",
        "CIS Amazon Web Services Foundations Benchmark",
        "5.0.0",
        "https://www.cisecurity.org/benchmark/amazon_web_services",
        frozenset(_CIS_5_0.split()),
        _run("1", 21)
        | _run("2.1", 4)
        | _run("2.2", 4)
        | _run("2.3", 1)
        | _run("3", 9)
        | _run("4", 16)
        | _run("5.1", 2)
        | _run("5", 7) - {"5.1"},
        whole=True,
    ),
    Framework(
        "PCI-4.0",
        "Payment Card Industry Data Security Standard",
        "4.0",
        "https://www.pcisecuritystandards.org/document_library/",
        frozenset(_PCI_4_0.split()),
    ),
    Framework(
        "NIST-800-53-r5",
        "NIST SP 800-53, Security and Privacy Controls",
        "Revision 5",
        "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final",
        frozenset(_NIST_800_53_R5.split()),
    ),
    Framework(
        "ISO-27001-2022",
        "ISO/IEC 27001, Information security management systems, Annex A",
        "2022",
        "https://www.iso.org/standard/27001",
        frozenset(_ISO_27001_2022.split()),
        _run("A.5", 37) | _run("A.6", 8) | _run("A.7", 14) | _run("A.8", 34),
        whole=True,
    ),
)

FRAMEWORKS: dict[str, Framework] = {framework.key: framework for framework in _ALL}
"""Every framework by its key, in the order in which rules cite them and reports show them."""


def split(control: str) -> tuple[str, tuple[str, ...]]:
    """Take a citation apart: "CIS-5.0 5.7" is ("CIS-5.0", ("5.7",)). Whether these exist is `check`'s question."""
    key, *numbers = control.split() or [""]
    if not numbers:
        raise ValueError(
            f"{control!r} is not a control: write the framework's key, a space and the control's number, "
            'for example "CIS-5.0 5.7"'
        )
    return key, tuple(numbers)


def check(control: str) -> None:
    """Refuse a citation of a framework or a control that does not exist, and say which was probably meant."""
    key, numbers = split(control)
    framework = FRAMEWORKS.get(key)
    if framework is None:
        nearest = max(FRAMEWORKS, key=lambda known: SequenceMatcher(None, known.lower(), key.lower()).ratio())
        raise ValueError(
            f"{control!r} cites an unknown framework {key!r}: did you mean {nearest!r}? Known: {', '.join(FRAMEWORKS)}"
        )
    for number in numbers:
        if number not in framework.numbers:
            raise ValueError(
                f"{control!r} cites {number!r}, which {key} does not have: did you mean {framework.nearest(number)!r}? "
                f"If {framework.url} does list it, add it to auditor/frameworks.py"
            )
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{control!r} cites a control twice: name each number once")
