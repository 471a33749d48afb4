"""What moto lacks: the answers of an account that never touched the feature.

Each entry was tried against moto 5.2.5, and says what moto does where that is more than "not implemented". A test
tries them all again: once moto has learnt an operation, its entry goes. What moto answers by itself is not here: IAM's
password policy, S3's policy status, public access block and ownership controls, CloudTrail's trail status, RDS's
snapshot attributes and proxies, EC2's prefix lists, an organization that is not there.
"""

import csv
import importlib
import io
import pkgutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import auditor.demo
from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Error, Params

# Lists of what nobody has made, by the member that holds them.
EMPTY = {
    "accessanalyzer:ListAnalyzers": "analyzers",
    "autoscaling:DescribeInstanceRefreshes": "InstanceRefreshes",
    "backup:ListProtectedResources": "Results",
    "cloud9:ListEnvironments": "environmentIds",
    "cloudtrail:LookupEvents": "Events",
    "codeconnections:ListConnections": "Connections",
    "codestar-notifications:ListNotificationRules": "NotificationRules",
    "dlm:GetLifecyclePolicies": "Policies",
    "ec2:DescribeCapacityReservations": "CapacityReservations",
    "ec2:DescribeClientVpnEndpoints": "ClientVpnEndpoints",
    "ec2:DescribeFastSnapshotRestores": "FastSnapshotRestores",
    "ec2:DescribeInstanceConnectEndpoints": "InstanceConnectEndpoints",
    "ec2:DescribeReservedInstances": "ReservedInstances",
    "ec2:DescribeStaleSecurityGroups": "StaleSecurityGroupSet",
    "ec2:DescribeVpcBlockPublicAccessExclusions": "VpcBlockPublicAccessExclusions",
    "ec2:DescribeVpcEndpointConnections": "VpcEndpointConnections",
    "events:ListEventSources": "EventSources",
    "globalaccelerator:ListAccelerators": "Accelerators",
    "iam:ListServiceSpecificCredentials": "ServiceSpecificCredentials",
    "lambda:ListProvisionedConcurrencyConfigs": "ProvisionedConcurrencyConfigs",
    "rbin:ListRules": "Rules",
    "rds:DescribePendingMaintenanceActions": "PendingMaintenanceActions",
    "rds:DescribeReservedDBInstances": "ReservedDBInstances",
    "savingsplans:DescribeSavingsPlans": "savingsPlans",
    "schemas:ListRegistries": "Registries",
    "service-quotas:ListRequestedServiceQuotaChangeHistory": "RequestedQuotas",
    "ssm:DescribeInstanceInformation": "InstanceInformationList",
}
REPORT = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
    "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,"
    "cert_2_last_rotated"
)
NO_KEY = ["false", "N/A", "N/A", "N/A", "N/A"]
NO_CERTIFICATES = ["false", "N/A", "false", "N/A"]
# Engine, a minor version, its major version and whether AWS still sells it. moto's databases are postgres 9.3.3 and
# mysql 5.6.21 unless they are told otherwise.
ENGINES = (
    ("aurora-mysql", "8.0.mysql_aurora.3.08.0", "8.0", "available"),
    ("aurora-postgresql", "16.4", "16", "available"),
    ("mariadb", "10.11.9", "10.11", "available"),
    ("mysql", "5.6.21", "5.6", "deprecated"),
    ("mysql", "5.7.44", "5.7", "available"),
    ("mysql", "8.0.39", "8.0", "available"),
    ("postgres", "9.3.3", "9.3", "deprecated"),
    ("postgres", "13.16", "13", "available"),
    ("postgres", "16.4", "16", "available"),
)
# Days on which AWS's standard support ends.
SUPPORTED = {
    ("mysql", "5.7"): (datetime(2018, 2, 7, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)),
    ("mysql", "8.0"): (datetime(2018, 10, 23, tzinfo=UTC), datetime(2026, 7, 31, tzinfo=UTC)),
    ("postgres", "13"): (datetime(2021, 2, 24, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)),
    ("postgres", "16"): (datetime(2024, 1, 22, tzinfo=UTC), datetime(2029, 2, 28, tzinfo=UTC)),
}


def credential_report(_: Params, __: str, account: str) -> Mapping[str, Any] | Error | None:
    """Moto has no row for root, and says not_supported where AWS says N/A. Before it is generated, moto answers."""
    iam = backend("iam", account=account)
    if not iam.report_generated():
        return None
    root = ["<root_account>", f"arn:aws:iam::{account}:root", "2015-01-01T00:00:00+00:00", "not_supported"]
    mfa = "true" if iam.account_summary.summary_map["AccountMFAEnabled"] else "false"
    root += ["no_information", "not_supported", "not_supported", mfa, *NO_KEY, *NO_KEY, *NO_CERTIFICATES]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(REPORT.split(","))
    rows.writerow(root)
    rows.writerows(_report_row(user) for user in iam.users.values())
    # AWS ends the file without a newline.
    content = text.getvalue().rstrip("\n").encode()
    return {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": datetime.now(UTC).replace(microsecond=0)}


def _report_row(user: Any) -> list[str]:
    row = [user.name, user.arn, _time(user.create_date)]
    if user.password:
        # moto keeps no date of the password, nor does it let one expire.
        used = _time(user.password_last_used) if user.password_last_used else "no_information"
        row += ["true", used, _time(user.create_date), "N/A"]
    else:
        row += ["false", "N/A", "N/A", "N/A"]
    row.append("true" if user.mfa_devices else "false")
    for key in [*user.access_keys, None, None][:2]:
        row += _report_key(key) if key else NO_KEY
    certificates = list(user.signing_certificates.values())
    for certificate in [*certificates, None, None][:2]:
        row += [_flag(certificate.status), _time(certificate.upload_date)] if certificate else ["false", "N/A"]
    return row


def _report_key(key: Any) -> list[str]:
    used = key.last_used
    last = [_time(used.timestamp), used.region, used.service] if used else ["N/A", "N/A", "N/A"]
    return [_flag(key.status), _time(key.create_date), *last]


def _flag(status: str) -> str:
    return "true" if status == "Active" else "false"


def _time(moment: datetime | str) -> str:
    return moment if isinstance(moment, str) else f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"


def organizations_features(_: Params, __: str, account: str) -> Mapping[str, Any] | Error:
    """An organization has no centralised root access until someone switches it on."""
    organization = backend("organizations", account=account).org
    if organization is None:
        return Error("OrganizationNotFoundException", "The request failed because no organization is associated", 404)
    return {"OrganizationId": organization.id, "EnabledFeatures": []}


def bucket_encryption(params: Params, _: str, account: str) -> Mapping[str, Any] | None:
    """Moto says ServerSideEncryptionConfigurationNotFoundError; since January 2023 AWS encrypts every bucket."""
    bucket = backend("s3", account=account).buckets.get(params["Bucket"])
    if bucket is None or bucket.encryption:
        return None
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def event_selectors(params: Params, region: str, account: str) -> Mapping[str, Any] | None:
    """Moto gives a new trail no selectors; AWS gives it one, for all management events."""
    trail = _trail(params["TrailName"], region, account)
    if trail is None or trail.event_selectors or trail.advanced_event_selectors:
        return None
    every = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
    return {"TrailARN": trail.arn, "EventSelectors": [every | {"ExcludeManagementEventSources": []}]}


def insight_selectors(params: Params, region: str, account: str) -> Error | None:
    """Moto answers without selectors, or breaks; AWS has an error for a trail without insights."""
    trail = _trail(params["TrailName"], region, account)
    if trail is None or trail.insight_selectors:
        return None
    return Error("InsightNotEnabledException", f"Trail {trail.arn} does not have Insights enabled.")


def _trail(name: str, region: str, account: str) -> Any:
    trails = backend("cloudtrail", region, account).trails
    return next((trail for trail in trails.values() if name in (trail.trail_name, trail.arn)), None)


def option_groups(params: Params, region: str, account: str) -> Mapping[str, Any] | None:
    """Moto insists on a name (KeyError), although AWS lists all groups without one."""
    if "OptionGroupName" in params:
        return None
    groups = backend("rds", region, account).option_groups.values()
    members = ("OptionGroupName", "EngineName", "MajorEngineVersion", "OptionGroupArn")
    fields = ("name", "engine_name", "major_engine_version", "arn")
    listed = [{key: getattr(group, field) for key, field in zip(members, fields, strict=True)} for group in groups]
    return {"OptionGroupsList": listed}


def parameters(params: Params, region: str, account: str) -> Mapping[str, Any] | None:
    """Moto knows the groups that were made, not AWS's own (`default.postgres16`), in which nobody set anything."""
    cluster = "DBClusterParameterGroupName" in params
    name = params["DBClusterParameterGroupName" if cluster else "DBParameterGroupName"]
    rds = backend("rds", region, account)
    known = rds.db_cluster_parameter_groups if cluster else rds.db_parameter_groups
    return {"Parameters": []} if name.startswith("default.") and name not in known else None


def engine_versions(params: Params, _: str, __: str) -> Mapping[str, Any]:
    """A few of the hundreds that AWS lists; only those on sale, unless all are asked for or one by its number."""
    rows = _matching(ENGINES, params.get("Engine"), params.get("EngineVersion"))
    everything = params.get("IncludeAll") or params.get("EngineVersion")
    return {
        "DBEngineVersions": [
            {"Engine": engine, "EngineVersion": minor, "MajorEngineVersion": major, "Status": status}
            for engine, minor, major, status in rows
            if everything or status == "available"
        ]
    }


def _matching(
    rows: Iterable[tuple[str, str, str, str]], engine: str | None, version: str | None
) -> list[tuple[str, str, str, str]]:
    return [row for row in rows if engine in (None, row[0]) and version in (None, row[1], row[2])]


def major_engine_versions(params: Params, _: str, __: str) -> Mapping[str, Any]:
    """The days on which AWS's standard support of a few major versions ends."""
    wanted, major = params.get("Engine"), params.get("MajorEngineVersion")
    return {
        "DBMajorEngineVersions": [
            {"Engine": engine, "MajorEngineVersion": version, "SupportedEngineLifecycles": [_lifecycle(*days)]}
            for (engine, version), days in SUPPORTED.items()
            if wanted in (None, engine) and major in (None, version)
        ]
    }


def _lifecycle(start: datetime, end: datetime) -> dict[str, Any]:
    name = "open-source-rds-standard-support"
    return {"LifecycleSupportName": name, "LifecycleSupportStartDate": start, "LifecycleSupportEndDate": end}


def image_metadata(params: Params, region: str, account: str) -> Mapping[str, Any]:
    """One entry per instance, as moto's images would have it."""
    ec2 = backend("ec2", region, account)
    wanted = params.get("InstanceIds")
    every = [each for reservation in ec2.reservations.values() for each in reservation.instances]
    return {
        "InstanceImageMetadata": [
            {
                "InstanceId": instance.id,
                "InstanceType": instance.instance_type,
                "State": {"Code": instance._state.code, "Name": instance._state.name},
                "OwnerId": account,
                "ImageMetadata": {
                    "ImageId": instance.image_id,
                    "State": "available",
                    "ImageAllowed": True,
                    "CreationDate": f"{datetime.now(UTC):%Y-%m-01T00:00:00.000Z}",
                    **image_owner(ec2.amis.get(instance.image_id), account),
                },
            }
            for instance in every
            if not wanted or instance.id in wanted
        ]
    }


def image_owner(image: Any, account: str) -> Mapping[str, Any]:
    """Whose image it is, as moto's catalogue has it; an image that moto does not list is Amazon's own."""
    if image is None:
        return {"OwnerId": "137112412989", "ImageOwnerAlias": "amazon", "IsPublic": True}
    alias = {"ImageOwnerAlias": "amazon"} if image.owner_id not in (None, account) else {}
    return {"OwnerId": image.owner_id or account, "IsPublic": bool(image.is_public), **alias}


def block_public_access_options(_: Params, region: str, account: str) -> Mapping[str, Any]:
    """The VPC-wide block is off, and can be given exclusions."""
    options = {"AwsAccountId": account, "AwsRegion": region, "State": "default-state"}
    return {
        "VpcBlockPublicAccessOptions": options | {"InternetGatewayBlockMode": "off", "ExclusionsAllowed": "allowed"}
    }


def contributor_insights(params: Params, _: str, __: str) -> Mapping[str, Any]:
    """Off, for any table."""
    return {"TableName": params["TableName"].rpartition("/")[2], "ContributorInsightsStatus": "DISABLED"}


def function_urls(params: Params, region: str, account: str) -> Mapping[str, Any] | Error:
    """Moto keeps a function's URL, but cannot list it."""
    from moto.awslambda.exceptions import UnknownFunctionException

    try:
        url = backend("lambda", region, account).get_function(params["FunctionName"]).url_config
    except UnknownFunctionException:
        return Error("ResourceNotFoundException", f"Function not found: {params['FunctionName']}", 404)
    listed = {name: value for name, value in url.to_dict().items() if value is not None} if url else None
    return {"FunctionUrlConfigs": [listed] if listed else []}


def regions(params: Params, region: str, __: str) -> Mapping[str, Any]:
    """All of the partition; those that need no opting in are enabled."""
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
    from moto.utilities.utils import get_partition

    status = {"opt-in-not-required": "ENABLED_BY_DEFAULT", "opted-in": "ENABLED", "not-opted-in": "DISABLED"}
    wanted = params.get("RegionOptStatusContains")
    listed = [
        {"RegionName": each.name, "RegionOptStatus": status[each.opt_in_status]}
        for each in RegionsAndZonesBackend.regions
        if get_partition(each.name) == get_partition(region)
    ]
    return {"Regions": [each for each in listed if not wanted or each["RegionOptStatus"] in wanted]}


def no_imports(params: Params, _: str, __: str) -> Error:
    """What CloudFormation says of an export that no stack uses."""
    return Error("ValidationError", f"Export '{params['ExportName']}' is not imported by any stack.")


_OWN: dict[str, Answer] = {
    **{operation: {member: []} for operation, member in EMPTY.items()},
    "account:ListRegions": regions,
    "cloudformation:ListImports": no_imports,
    "cloudtrail:GetEventSelectors": event_selectors,
    "cloudtrail:GetInsightSelectors": insight_selectors,
    "dynamodb:DescribeContributorInsights": contributor_insights,
    "ec2:DescribeInstanceImageMetadata": image_metadata,
    "ec2:DescribeVpcBlockPublicAccessOptions": block_public_access_options,
    "ec2:GetAllowedImagesSettings": {"State": "disabled", "ImageCriteria": [], "ManagedBy": "account"},
    "ec2:GetEbsDefaultKmsKeyId": {"KmsKeyId": "alias/aws/ebs"},
    # AWS blocks an account that has had no public AMI since 2023; one that had some is left unblocked.
    "ec2:GetImageBlockPublicAccessState": {"ImageBlockPublicAccessState": "unblocked", "ManagedBy": "account"},
    "ec2:GetInstanceMetadataDefaults": {"AccountLevel": {}},
    "ec2:GetSerialConsoleAccessStatus": {"SerialConsoleAccessEnabled": False, "ManagedBy": "account"},
    "ec2:GetSnapshotBlockPublicAccessState": {"State": "unblocked", "ManagedBy": "account"},
    "iam:GetCredentialReport": credential_report,
    "iam:ListOrganizationsFeatures": organizations_features,
    "lambda:GetAccountSettings": {
        "AccountLimit": {
            "TotalCodeSize": 80530636800,
            "CodeSizeUnzipped": 262144000,
            "CodeSizeZipped": 52428800,
            "ConcurrentExecutions": 1000,
            "UnreservedConcurrentExecutions": 1000,
        },
        "AccountUsage": {"TotalCodeSize": 0, "FunctionCount": 0},
    },
    "lambda:ListFunctionUrlConfigs": function_urls,
    "rds:DescribeDBClusterParameters": parameters,
    "rds:DescribeDBEngineVersions": engine_versions,
    "rds:DescribeDBMajorEngineVersions": major_engine_versions,
    "rds:DescribeDBParameters": parameters,
    "rds:DescribeOptionGroups": option_groups,
    "route53:ListTrafficPolicyInstances": {"TrafficPolicyInstances": [], "IsTruncated": False, "MaxItems": "100"},
    "s3:GetBucketEncryption": bucket_encryption,
    # moto answers these four with the bucket's listing, which botocore reads as nothing.
    "s3:GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "s3:ListBucketAnalyticsConfigurations": {"IsTruncated": False},
    "s3:ListBucketIntelligentTieringConfigurations": {"IsTruncated": False},
    "s3:ListBucketMetricsConfigurations": {"IsTruncated": False},
    "shield:GetSubscriptionState": {"SubscriptionState": "INACTIVE"},
    "xray:GetEncryptionConfig": {"EncryptionConfig": {"Status": "ACTIVE", "Type": "NONE"}},
}


def _gathered() -> dict[str, Answer]:
    """Our own answers and those of the neighbours `supplement_*`, one for each area of services."""
    found = dict(_OWN)
    for module in pkgutil.iter_modules(auditor.demo.__path__):
        if module.name.startswith("supplement_"):
            found |= importlib.import_module(f"auditor.demo.{module.name}").ANSWERS
    return found


SUPPLEMENT: dict[str, Answer] = _gathered()
