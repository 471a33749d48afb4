"""The emulated account: every request recognised, refused or answered in its own protocol."""

import asyncio
import csv
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from auditor.demo.endpoint import Endpoint, Error
from auditor.demo.protocol import validate_answer
from auditor.demo.supplement import EMPTY, SUPPLEMENT

WHEN = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(server: Endpoint) -> Endpoint:
    server.reset()
    return server


def call(endpoint: Endpoint, name: str, region: str = "us-east-1", /, **parameters: Any) -> dict[str, Any]:
    service, _, operation = name.partition(":")
    answer: dict[str, Any] = getattr(endpoint.client(service, region), xform_name(operation))(**parameters)
    answer.pop("ResponseMetadata")
    return answer


def failure(do: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        do()
    response: Any = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


# One or more of every protocol and of every way to tell an operation: by body, header, path, query string and header.
OPERATIONS: dict[str, dict[str, Any]] = {
    "ec2:DescribeInstances": {},
    "ec2:DescribeSecurityGroups": {"GroupIds": ["sg-1"]},
    "iam:GetAccountAuthorizationDetails": {},
    "sts:GetCallerIdentity": {},
    "rds:DescribeDBInstances": {},
    "sns:ListTopics": {},
    "cloudformation:ListStacks": {},
    "cloudwatch:DescribeAlarms": {},
    "autoscaling:DescribeAutoScalingGroups": {},
    "elb:DescribeLoadBalancers": {},
    "elbv2:DescribeLoadBalancers": {},
    "elasticache:DescribeCacheClusters": {},
    "redshift:DescribeClusters": {},
    "ses:ListIdentities": {},
    "sqs:ListQueues": {},
    "kms:ListKeys": {},
    "dynamodb:ListTables": {},
    "dynamodbstreams:ListStreams": {},
    "logs:DescribeLogGroups": {},
    "events:ListRules": {},
    "stepfunctions:ListStateMachines": {},
    "cloudtrail:DescribeTrails": {},
    "config:DescribeConfigRules": {},
    "ecs:ListClusters": {},
    "secretsmanager:ListSecrets": {},
    "organizations:ListAccounts": {},
    "lambda:ListFunctions": {},
    "lambda:GetPolicy": {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:f"},
    "eks:DescribeCluster": {"name": "c"},
    "apigateway:GetRestApis": {},
    "apigatewayv2:GetApis": {},
    "es:ListDomainNames": {},
    "opensearch:DescribeDomains": {"DomainNames": ["domain"]},
    "sesv2:ListEmailIdentities": {},
    "efs:DescribeFileSystems": {},
    "bedrock:ListCustomModels": {},
    "backup:ListBackupVaults": {},
    "route53:ListHostedZones": {},
    "cloudfront:ListDistributions": {},
    "s3:ListBuckets": {},
    "s3:ListObjectsV2": {"Bucket": "bucket"},
    "s3:ListObjectVersions": {"Bucket": "bucket"},
    "s3:GetBucketPolicy": {"Bucket": "bucket"},
    "s3:GetBucketPolicyStatus": {"Bucket": "bucket"},
    "s3:GetBucketAcl": {"Bucket": "bucket"},
    "s3:GetBucketLocation": {"Bucket": "bucket"},
    "s3:GetBucketLifecycleConfiguration": {"Bucket": "bucket"},
    "s3:GetPublicAccessBlock": {"Bucket": "bucket"},
    "s3:GetObjectLockConfiguration": {"Bucket": "bucket"},
    "s3:ListBucketInventoryConfigurations": {"Bucket": "bucket"},
    "s3:GetBucketInventoryConfiguration": {"Bucket": "bucket", "Id": "i"},
    "s3:GetObjectAcl": {"Bucket": "bucket", "Key": "v20180820/a key/policy"},
    "s3control:GetPublicAccessBlock": {"AccountId": "123456789012"},
    "s3control:ListAccessPoints": {"AccountId": "123456789012"},
    "arc-region-switch:ListPlans": {},
}
CODES = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError", "sqs": "AccessDenied"}
WITHOUT_JSON = ("ec2", "query", "rest-xml")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_recognised_and_refused_in_its_own_protocol(endpoint: Endpoint, name: str) -> None:
    endpoint.deny = {name}
    service = name.partition(":")[0]
    client = endpoint.client(service, "eu-west-1")
    protocol = client.meta.service_model.resolved_protocol
    code, status = failure(lambda: call(endpoint, name, "eu-west-1", **OPERATIONS[name]))
    assert code == CODES.get(service, "AccessDenied" if protocol in WITHOUT_JSON else "AccessDeniedException")
    assert status == (400 if protocol == "json" else 403)
    assert [(*name.split(":"),)] == [seen[:2] for seen in endpoint.seen]


def test_a_refusal_can_be_of_a_service_or_of_one_region(endpoint: Endpoint) -> None:
    endpoint.deny = {"kms", "ec2:DescribeVpcs@eu-west-1"}
    assert failure(lambda: call(endpoint, "kms:ListAliases"))[0] == "AccessDeniedException"
    assert failure(lambda: call(endpoint, "ec2:DescribeVpcs", "eu-west-1"))[0] == "UnauthorizedOperation"
    assert call(endpoint, "ec2:DescribeVpcs", "us-east-1")["Vpcs"]
    assert endpoint.seen["ec2", "DescribeVpcs", "eu-west-1"] == 1


@pytest.mark.parametrize("entry", ["ec3", "ec2:DescribeVolume", "ec2:describe_volumes@eu-west-1"])
def test_a_refusal_of_what_does_not_exist_is_a_mistake(endpoint: Endpoint, entry: str) -> None:
    with pytest.raises(ValueError, match="botocore"):
        endpoint.deny = {entry}


POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*/100%"}]}
ANSWERS: list[tuple[str, dict[str, Any], Mapping[str, Any]]] = [
    (
        "ec2:DescribeSnapshots",
        {},
        {
            "Snapshots": [
                {"SnapshotId": "snap-1", "StartTime": WHEN, "Encrypted": False, "VolumeSize": 8, "Description": "<&>"},
                {"SnapshotId": "snap-2", "Encrypted": True, "Tags": [{"Key": "a", "Value": ""}], "Progress": "100%"},
            ],
            "NextToken": "more",
        },
    ),
    ("ec2:DescribeSnapshots", {}, {"Snapshots": []}),
    (
        "iam:GetRole",
        {"RoleName": "r"},
        {
            "Role": {
                "Path": "/",
                "RoleName": "r",
                "RoleId": "AROA",
                "Arn": "arn:aws:iam::123456789012:role/r",
                "CreateDate": WHEN,
                "AssumeRolePolicyDocument": POLICY,
                "MaxSessionDuration": 3600,
            }
        },
    ),
    ("iam:GetAccountSummary", {}, {"SummaryMap": {"AccountMFAEnabled": 1, "Users": 3}}),
    ("iam:GetCredentialReport", {}, {"Content": b"user,arn\n\xc3\xa9", "GeneratedTime": WHEN}),
    (
        "rds:DescribeDBMajorEngineVersions",
        {},
        {
            "DBMajorEngineVersions": [
                {
                    "Engine": "mysql",
                    "SupportedEngineLifecycles": [
                        {
                            "LifecycleSupportName": "open-source-rds-standard-support",
                            "LifecycleSupportStartDate": WHEN,
                            "LifecycleSupportEndDate": WHEN,
                        }
                    ],
                }
            ]
        },
    ),
    ("cloudwatch:GetMetricStatistics", {}, {"Label": "l", "Datapoints": [{"Timestamp": WHEN, "Average": 0.5}]}),
    ("sqs:GetQueueAttributes", {"QueueUrl": "http://q"}, {"Attributes": {"KmsMasterKeyId": "k"}}),
    (
        "dynamodb:DescribeTable",
        {"TableName": "t"},
        {"Table": {"TableName": "t", "CreationDateTime": WHEN, "ItemCount": 2, "KeySchema": []}},
    ),
    ("kms:GetPublicKey", {"KeyId": "k"}, {"KeyId": "k", "PublicKey": b"\x00\xff", "EncryptionAlgorithms": []}),
    (
        "lambda:ListFunctions",
        {},
        {"Functions": [{"FunctionName": "f", "Environment": {"Variables": {"A": "1"}}, "Timeout": 3}]},
    ),
    ("eks:DescribeCluster", {"name": "c"}, {"cluster": {"name": "c", "createdAt": WHEN, "tags": {"a": "b"}}}),
    ("guardduty:GetDetector", {"DetectorId": "d"}, {"ServiceRole": "r", "Status": "ENABLED"}),
    (
        "cloudfront:ListDistributions",
        {},
        {"DistributionList": {"Marker": "", "MaxItems": 100, "IsTruncated": False, "Quantity": 0}},
    ),
    (
        "route53:ListHostedZones",
        {},
        {
            "HostedZones": [{"Id": "/hostedzone/Z", "Name": "a.", "CallerReference": "r"}],
            "Marker": "",
            "IsTruncated": False,
            "MaxItems": "100",
        },
    ),
    ("s3:GetBucketPolicy", {"Bucket": "bucket"}, {"Policy": json.dumps(POLICY)}),
    ("s3:GetBucketPolicyStatus", {"Bucket": "bucket"}, {"PolicyStatus": {"IsPublic": True}}),
    ("s3:GetBucketLocation", {"Bucket": "bucket"}, {"LocationConstraint": None}),
    ("s3:GetBucketLocation", {"Bucket": "bucket"}, {"LocationConstraint": "eu-west-1"}),
    ("s3:ListBuckets", {}, {"Buckets": [{"Name": "b", "CreationDate": WHEN}], "Owner": {"ID": "o"}}),
    (
        "s3:GetBucketLifecycleConfiguration",
        {"Bucket": "bucket"},
        {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": "a"}, "Expiration": {"Days": 3}}]},
    ),
    (
        "s3:HeadObject",
        {"Bucket": "bucket", "Key": "k"},
        {"LastModified": WHEN, "ContentLength": 12, "Metadata": {"a": "b"}, "ServerSideEncryption": "aws:kms"},
    ),
    (
        "s3control:GetPublicAccessBlock",
        {"AccountId": "123456789012"},
        {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "IgnorePublicAcls": False}},
    ),
]
PARAMETERS: dict[str, dict[str, Any]] = {
    "cloudwatch:GetMetricStatistics": {
        "Namespace": "n",
        "MetricName": "m",
        "StartTime": WHEN,
        "EndTime": WHEN,
        "Period": 60,
    }
}


@pytest.mark.parametrize(("name", "parameters", "answer"), ANSWERS, ids=[name for name, _, _ in ANSWERS])
def test_a_canned_answer_reads_back_as_it_was_given(
    endpoint: Endpoint, name: str, parameters: dict[str, Any], answer: Mapping[str, Any]
) -> None:
    endpoint.answers = {name: answer}
    read = call(endpoint, name, **parameters, **PARAMETERS.get(name, {}))
    assert {key: read[key] for key in answer} == answer
    # Headers and flags beside an S3 object aside, nothing is added.
    assert name == "s3:HeadObject" or set(read) == set(answer)


WRONG: list[tuple[str, Mapping[str, Any], str]] = [
    ("ec2:DescribeVolumes", {"Volume": []}, r"ec2:DescribeVolumes\.Volume: .* no such member"),
    ("ec2:DescribeVolumes", {"Volumes": [{"Size": "8"}]}, r"Volumes\[0\]\.Size: is str, not integer"),
    ("ec2:DescribeVolumes", {"Volumes": [{"Encrypted": 1}]}, "Encrypted: is int, not boolean"),
    ("ec2:DescribeVolumes", {"Volumes": [{"Size": True}]}, "Size: is bool, not integer"),
    ("ec2:DescribeVolumes", {"Volumes": {}}, "Volumes: is dict, not list"),
    ("ec2:DescribeVolumes", {"Volumes": [{"CreateTime": datetime(2024, 1, 1)}]}, "without a time zone"),
    ("iam:GetRole", {"Role": {"Path": "/"}}, r"Role\.RoleName: is required and missing"),
    ("sqs:GetQueueAttributes", {"Attributes": {"a": 1}}, r"Attributes\['a'\]: is int, not string"),
    ("ec2:DeleteVolume", {"Return": True}, "returns nothing"),
    ("ec2:DescribeVolume", {}, "no operation 'DescribeVolume'"),
    ("arc-region-switch:ListPlans", {}, "no answers in the protocol"),
]


@pytest.mark.parametrize(("name", "answer", "message"), WRONG)
def test_an_answer_that_botocore_could_not_return_is_a_mistake(
    endpoint: Endpoint, name: str, answer: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        endpoint.answers = {name: answer}


def test_an_answer_can_be_an_error_or_computed_or_motos_own(endpoint: Endpoint) -> None:
    asked: list[Any] = []

    def zones(parameters: Mapping[str, Any], region: str, account: str) -> Mapping[str, Any] | Error | None:
        asked.append((parameters, region, account))
        if region == "eu-west-1":
            return {"AvailabilityZones": [{"ZoneName": f"{region}a"}]}
        if region == "eu-west-2":
            raise Error("Throttled", "slow down", 503)
        # It may ask the endpoint that it is part of.
        assert endpoint.client("ec2").describe_regions()
        return None

    endpoint.answers = {
        "ec2:DescribeAvailabilityZones": zones,
        "ec2:DescribeVpcs@eu-west-1": {"Vpcs": []},
        "s3:GetBucketTagging": Error("NoSuchTagSet", "The TagSet does not exist", 404),
        "lambda:GetPolicy": lambda parameters, region, account: {"Policy": parameters["FunctionName"]},
        "sqs:GetQueueUrl": lambda parameters, region, account: {"QueueUrl": parameters["QueueName"]},
        "s3:GetBucketPolicy": lambda parameters, region, account: {"Policy": parameters["Bucket"]},
        "sqs:ListQueues": lambda parameters, region, account: {"QueueUrls": [parameters["NotThere"]]},
    }
    name = "ec2:DescribeAvailabilityZones"
    assert call(endpoint, name, "eu-west-1", ZoneNames=["a", "b"])["AvailabilityZones"][0]["ZoneName"] == "eu-west-1a"
    assert asked == [({"ZoneNames": ["a", "b"]}, "eu-west-1", "123456789012")]
    assert failure(lambda: call(endpoint, name, "eu-west-2")) == ("Throttled", 503)
    assert len(call(endpoint, name)["AvailabilityZones"]) > 1
    assert call(endpoint, "ec2:DescribeVpcs", "eu-west-1") == {"Vpcs": []}
    assert call(endpoint, "ec2:DescribeVpcs")["Vpcs"]
    assert failure(lambda: call(endpoint, "s3:GetBucketTagging", Bucket="bucket")) == ("NoSuchTagSet", 404)
    assert call(endpoint, "lambda:GetPolicy", FunctionName="f")["Policy"] == "f"
    assert call(endpoint, "sqs:GetQueueUrl", QueueName="q")["QueueUrl"] == "q"
    assert call(endpoint, "s3:GetBucketPolicy", Bucket="bucket")["Policy"] == "bucket"
    assert failure(lambda: call(endpoint, "sqs:ListQueues")) == ("AnswerBroke", 400)


def test_what_moto_cannot_answer_fails_at_once_and_is_noted(endpoint: Endpoint) -> None:
    endpoint.client("s3").create_bucket(Bucket="bucket")
    unsupported = ("UnsupportedOperation", 400)
    # An operation, a service, a path, a question about a bucket that moto answers with its listing.
    assert failure(lambda: call(endpoint, "ec2:DescribeIpams")) == unsupported
    assert failure(lambda: call(endpoint, "health:DescribeEvents")) == unsupported
    assert failure(lambda: call(endpoint, "account:GetContactInformation")) == unsupported
    name = "s3:GetBucketIntelligentTieringConfiguration"
    assert failure(lambda: call(endpoint, name, Bucket="bucket", Id="x")) == unsupported
    # A resource that moto looks up without a look whether it is there.
    assert failure(lambda: call(endpoint, "kms:ListGrants", KeyId="none")) == unsupported
    assert endpoint.unsupported == {
        "ec2:DescribeIpams",
        "health:DescribeEvents",
        "account:GetContactInformation",
        name,
        "kms:ListGrants",
    }


def test_reset_empties_all_accounts_and_sets_everything_back(endpoint: Endpoint) -> None:
    other = endpoint.client("s3", account="222222222222")
    endpoint.client("s3").create_bucket(Bucket="ours")
    other.create_bucket(Bucket="theirs")
    started = time.perf_counter()
    other.put_object(Bucket="theirs", Key="a key/\u00fc", Body=b"x" * 100)
    # Without a "100 Continue" from the server, botocore waits a second and aiobotocore for ever.
    assert time.perf_counter() - started < 0.9
    assert other.get_object(Bucket="theirs", Key="a key/\u00fc")["Body"].read() == b"x" * 100
    assert other.head_object(Bucket="theirs", Key="a key/\u00fc")["ContentLength"] == 100
    assert [bucket["Name"] for bucket in other.list_buckets()["Buckets"]] == ["theirs"]
    assert endpoint.client("sts", account="222222222222").get_caller_identity()["Account"] == "222222222222"
    endpoint.deny, endpoint.answers, endpoint.latency = {"s3"}, {"sts:GetCallerIdentity": {"Account": "1"}}, 0.1
    started = time.perf_counter()
    endpoint.reset()
    assert time.perf_counter() - started < 0.5
    assert not endpoint.seen
    assert not endpoint.unsupported
    assert not endpoint.deny
    assert not endpoint.answers
    assert call(endpoint, "s3:ListBuckets")["Buckets"] == []
    assert endpoint.client("s3", account="222222222222").list_buckets()["Buckets"] == []


def test_faults_and_latency(endpoint: Endpoint) -> None:
    endpoint.faults = lambda service, operation, region: (
        Error("ThrottlingException", "Rate exceeded") if (operation, region) == ("ListKeys", "eu-west-1") else None
    )
    assert failure(lambda: call(endpoint, "kms:ListKeys", "eu-west-1")) == ("ThrottlingException", 400)
    assert call(endpoint, "kms:ListKeys")["Keys"] == []
    endpoint.latency = 0.05
    started = time.perf_counter()
    call(endpoint, "kms:ListKeys")
    assert time.perf_counter() - started >= 0.05


async def many(url: str, count: int) -> list[int]:
    head = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/kms/aws4_request"}
    head |= {"X-Amz-Target": "TrentService.ListKeys", "Content-Type": "application/x-amz-json-1.1"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=count)) as session:

        async def one() -> int:
            async with session.post(url, data=b"{}", headers=head) as response:
                await response.read()
                return response.status

        return [status for _ in range(2) for status in await asyncio.gather(*(one() for _ in range(count)))]


def test_256_connections_are_served_at_once_and_kept_alive(endpoint: Endpoint) -> None:
    endpoint.latency = 0.2
    started = time.perf_counter()
    assert asyncio.run(many(endpoint.url, 256)) == [200] * 512
    # Two rounds of 256: one after the other they would take 100 seconds.
    assert time.perf_counter() - started < 5


def test_two_endpoints_in_one_process_serve_the_same_accounts(endpoint: Endpoint) -> None:
    endpoint.client("s3").create_bucket(Bucket="bucket")
    threads = threading.active_count()
    with Endpoint(deny={"sts"}) as second:
        assert second.url != endpoint.url
        assert len(call(second, "s3:ListBuckets")["Buckets"]) == 1
        assert failure(lambda: call(second, "sts:GetCallerIdentity"))[0] == "AccessDenied"
    assert threading.active_count() == threads
    assert call(endpoint, "sts:GetCallerIdentity")
    with pytest.raises(RuntimeError, match="not running"):
        _ = second.url


def test_credentials_are_those_of_an_environment(endpoint: Endpoint) -> None:
    assert endpoint.credentials["AWS_ENDPOINT_URL"] == endpoint.url
    assert set(endpoint.credentials) >= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}


@pytest.mark.parametrize("name", [name for name, answer in SUPPLEMENT.items() if isinstance(answer, Mapping)])
def test_the_supplement_is_what_botocore_could_return(name: str) -> None:
    answer = SUPPLEMENT[name]
    assert isinstance(answer, Mapping)
    service, _, operation = name.partition(":")
    validate_answer(service, operation, answer)


@pytest.mark.parametrize(
    "name", [*EMPTY, "ec2:GetEbsDefaultKmsKeyId", "ec2:GetSnapshotBlockPublicAccessState", "rds:DescribeOptionGroups"]
)
def test_moto_still_lacks_what_the_supplement_gives(endpoint: Endpoint, name: str) -> None:
    endpoint.answers = {name: lambda parameters, region, account: None}
    needed: dict[str, dict[str, Any]] = {
        "autoscaling:DescribeInstanceRefreshes": {"AutoScalingGroupName": "g"},
        "ec2:DescribeStaleSecurityGroups": {"VpcId": "vpc-1"},
        "lambda:ListProvisionedConcurrencyConfigs": {"FunctionName": "f"},
        "rbin:ListRules": {"ResourceType": "EBS_SNAPSHOT"},
    }
    assert failure(lambda: call(endpoint, name, **needed.get(name, {})))[0] == "UnsupportedOperation"


def test_the_credential_report_is_as_aws_writes_it(endpoint: Endpoint) -> None:
    iam = endpoint.client("iam")
    iam.create_user(UserName="person")
    iam.create_login_profile(UserName="person", Password="Passw0rd!x")
    iam.create_user(UserName="program")
    key = iam.create_access_key(UserName="program")["AccessKey"]["AccessKeyId"]
    endpoint.backend("iam").users["program"].access_keys[0].create_date = WHEN
    assert failure(iam.get_credential_report)[0] == "ReportNotPresent"
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = iam.get_credential_report()
    rows = {row["user"]: row for row in csv.DictReader(io.StringIO(report["Content"].decode()))}
    assert list(rows) == ["<root_account>", "person", "program"]
    assert all(len(row) == 22 and None not in row.values() for row in rows.values())
    assert rows["<root_account>"]["arn"] == "arn:aws:iam::123456789012:root"
    assert rows["<root_account>"]["password_enabled"] == "not_supported"
    assert rows["person"]["password_last_used"] == "no_information"
    assert rows["program"]["password_last_used"] == "N/A"
    assert rows["program"]["access_key_1_last_rotated"] == "2024-02-29T12:30:15+00:00"
    assert rows["program"]["access_key_1_last_used_region"] == "N/A"
    assert key


def test_the_supplements_own_functions(endpoint: Endpoint) -> None:
    s3, rds, trail = endpoint.client("s3"), endpoint.client("rds"), endpoint.client("cloudtrail")
    s3.create_bucket(Bucket="bucket")
    rule = s3.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert failure(lambda: s3.get_bucket_encryption(Bucket="none"))[0] == "NoSuchBucket"
    trail.create_trail(Name="main", S3BucketName="bucket")
    assert trail.get_event_selectors(TrailName="main")["EventSelectors"][0]["ReadWriteType"] == "All"
    assert failure(lambda: trail.get_insight_selectors(TrailName="main"))[0] == "InsightNotEnabledException"
    rds.create_option_group(
        OptionGroupName="own", EngineName="mysql", MajorEngineVersion="8.0", OptionGroupDescription="d"
    )
    assert [group["OptionGroupName"] for group in rds.describe_option_groups()["OptionGroupsList"]] == ["own"]
    assert rds.describe_option_groups(OptionGroupName="own")["OptionGroupsList"][0]["OptionGroupDescription"] == "d"
    assert rds.describe_db_parameters(DBParameterGroupName="default.postgres16")["Parameters"] == []
    assert failure(lambda: rds.describe_db_parameters(DBParameterGroupName="x"))[0] == "DBParameterGroupNotFound"
    versions = rds.describe_db_engine_versions(Engine="postgres", EngineVersion="9.3.3")["DBEngineVersions"]
    assert versions[0]["Status"] == "deprecated"
    assert rds.describe_db_major_engine_versions(Engine="mysql")["DBMajorEngineVersions"]
    ec2 = endpoint.client("ec2")
    started = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]
    image = ec2.describe_instance_image_metadata(InstanceIds=[started["InstanceId"]])["InstanceImageMetadata"][0]
    assert image["ImageMetadata"]["ImageId"] == "ami-12c6146b"
    options = ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    assert options["InternetGatewayBlockMode"] == "off"
    assert failure(lambda: call(endpoint, "iam:ListOrganizationsFeatures"))[0] == "OrganizationNotFoundException"
    endpoint.client("organizations").create_organization(FeatureSet="ALL")
    assert call(endpoint, "iam:ListOrganizationsFeatures")["EnabledFeatures"] == []
    listed = call(endpoint, "account:ListRegions", RegionOptStatusContains=["ENABLED_BY_DEFAULT"])["Regions"]
    assert "us-east-1" in {region["RegionName"] for region in listed}
    assert failure(lambda: call(endpoint, "lambda:ListFunctionUrlConfigs", FunctionName="f")) == (
        "ResourceNotFoundException",
        404,
    )
    assert call(endpoint, "dynamodb:DescribeContributorInsights", TableName="t")["TableName"] == "t"
    assert failure(lambda: call(endpoint, "cloudformation:ListImports", ExportName="e"))[0] == "ValidationError"


def test_only_attached_aws_policies_are_in_the_authorization_details(endpoint: Endpoint) -> None:
    iam = endpoint.client("iam")
    iam.create_user(UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    details = iam.get_account_authorization_details()
    assert [policy["PolicyName"] for policy in details["Policies"]] == ["AdministratorAccess"]


def test_importing_it_needs_no_moto_and_using_it_says_so() -> None:
    code = """
import sys
sys.modules["moto"] = None
from auditor.demo.endpoint import Endpoint
try:
    Endpoint()
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'auditor[demo]'" in done.stdout
