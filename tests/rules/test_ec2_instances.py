"""Instances one by one: how they are managed, watched, used, stored and paid for."""

import base64
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import ago, figures, instances, numbered, tagged

SSM = "ec2-instance-managed-by-ssm"
PROFILE = "ec2-instance-profile-attached"
PROTECTED = "ec2-instance-termination-protection-enabled"
CHECKS = "ec2-instance-status-checks-passed"
MONITORED = "ec2-instance-detailed-monitoring-enabled"
HOPS = "ec2-instance-imds-hop-limit-one"
TOKENS = "ec2-instance-imdsv1-not-used"
SINGLE = "ec2-instance-single-network-interface"
NAT = "ec2-nat-instance-not-used"
DOWNLOADS = "ec2-instance-user-data-downloads-over-https"
IMAGE = "ec2-instance-image-available"
IMAGE_AGE = "ec2-instance-image-recent"
MARKETPLACE = "ec2-instance-marketplace-image-reviewed"
ROOT = "ec2-instance-root-device-ebs"
DATA = "ec2-instance-data-volume-retained-on-termination"
ROOT_DELETED = "ec2-instance-root-volume-deleted-on-termination"
LOCAL = "ec2-instance-instance-store-data-persisted"
OPTIMIZED = "ec2-instance-ebs-optimized"
GENERATION = "ec2-instance-type-current-generation"
IDLE = "ec2-instance-not-underutilized"
STOPPED = "ec2-instance-not-stopped-long"
CREDITS = "ec2-instance-cpu-credits-available"
TENANCY = "ec2-instance-tenancy-default"
EVERY = (
    SSM, PROFILE, PROTECTED, CHECKS, MONITORED, HOPS, TOKENS, SINGLE, NAT, DOWNLOADS, IMAGE, IMAGE_AGE, MARKETPLACE,
    ROOT, DATA, ROOT_DELETED, LOCAL, OPTIMIZED, GENERATION, IDLE, STOPPED, CREDITS, TENANCY,
)  # fmt: skip

PASS, FAIL, NA, UNKNOWN = "pass", "fail", "not_applicable", "unknown"
GROUP = tagged(aws__autoscaling__groupName="web")
SPOT = {"InstanceLifecycle": "spot"}
OFF = {"State": {"Name": "stopped"}}


def disk(device: str, *, deleted: bool, root: str = "/dev/xvda") -> dict[str, Any]:
    return {"DeviceName": device, "Ebs": {"VolumeId": f"vol-{device[-1]}", "DeleteOnTermination": deleted}}


def disks(*mapped: dict[str, Any]) -> dict[str, Any]:
    return {"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": list(mapped)}


def interface(number: int, *, forwards: bool = False) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": f"eni-{number}",
        "VpcId": "vpc-0",
        "SubnetId": "subnet-0",
        "PrivateIpAddresses": [],
        "Ipv6Addresses": [],
        "Groups": [],
        "SourceDestCheck": not forwards,
    }


def options(**members: Any) -> dict[str, Any]:
    return {"MetadataOptions": members}


def placed(tenancy: str) -> dict[str, Any]:
    return {"Placement": {"AvailabilityZone": "us-east-1a", "Tenancy": tenancy}}


OF_LISTING: list[tuple[str, dict[str, Any], str]] = [
    (PROFILE, {}, FAIL),
    (PROFILE, {"IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/x", "Id": "A"}}, PASS),
    (MONITORED, {}, NA),
    (MONITORED, OFF, NA),
    (MONITORED, GROUP, FAIL),
    (MONITORED, GROUP | {"Monitoring": {"State": "enabled"}}, PASS),
    (HOPS, {}, PASS),
    (HOPS, options(HttpEndpoint="enabled", HttpPutResponseHopLimit=1), PASS),
    (HOPS, options(HttpEndpoint="enabled", HttpPutResponseHopLimit=2), FAIL),
    (HOPS, options(HttpEndpoint="disabled", HttpPutResponseHopLimit=2), PASS),
    (HOPS, options(HttpPutResponseHopLimit=2) | tagged(eks__cluster_name="x"), NA),
    (SINGLE, {"NetworkInterfaces": [interface(0)]}, PASS),
    (SINGLE, {"NetworkInterfaces": [interface(0), interface(1)]}, FAIL),
    (SINGLE, {"NetworkInterfaces": [interface(0), interface(1)]} | tagged(**{"kubernetes.io/cluster/x": "owned"}), NA),
    (MARKETPLACE, {}, PASS),
    (MARKETPLACE, {"ProductCodes": [{"ProductCodeId": "x", "ProductCodeType": "marketplace"}]}, FAIL),
    (MARKETPLACE, {"ProductCodes": [{"ProductCodeId": "x", "ProductCodeType": "devpay"}]}, PASS),
    (
        MARKETPLACE,
        {"ProductCodes": [{"ProductCodeId": "x", "ProductCodeType": "marketplace"}]}
        | tagged(auditor__marketplace_reviewed="1"),
        FAIL,
    ),
    (ROOT, {}, PASS),
    (ROOT, {"RootDeviceType": "instance-store"}, FAIL),
    (ROOT, {"RootDeviceType": None}, UNKNOWN),
    (DATA, disks(disk("/dev/xvda", deleted=True)), NA),
    (DATA, disks(disk("/dev/xvda", deleted=True), disk("/dev/sdf", deleted=True)), FAIL),
    (DATA, disks(disk("/dev/xvda", deleted=True), disk("/dev/sdf", deleted=False)), PASS),
    (DATA, disks(disk("/dev/sdf", deleted=True)) | GROUP, NA),
    (DATA, disks(disk("/dev/sdf", deleted=True)) | SPOT, NA),
    (DATA, disks(disk("/dev/sdf", deleted=True)) | tagged(**{"karpenter.sh/nodepool": "default"}), NA),
    (DATA, disks(disk("/dev/sdf", deleted=True)) | tagged(**{"aws:elasticmapreduce:job-flow-id": "j-1"}), NA),
    (ROOT_DELETED, disks(disk("/dev/xvda", deleted=False)), NA),
    (ROOT_DELETED, disks(disk("/dev/xvda", deleted=False)) | GROUP, FAIL),
    (ROOT_DELETED, disks(disk("/dev/xvda", deleted=True)) | GROUP, PASS),
    (ROOT_DELETED, GROUP, NA),
    (STOPPED, {}, PASS),
    (STOPPED, OFF | {"StateTransitionReason": "User initiated (2020-01-01 08:15:00 GMT)"}, FAIL),
    (STOPPED, OFF | {"StateTransitionReason": f"User initiated ({ago(3):%Y-%m-%d %H:%M:%S} GMT)"}, PASS),
    (STOPPED, OFF, FAIL),
    (STOPPED, OFF | {"LaunchTime": ago(3), "StateTransitionReason": ""}, PASS),
    (TENANCY, {}, PASS),
    (TENANCY, placed("default"), PASS),
    (TENANCY, placed("dedicated"), FAIL),
    (TENANCY, placed("host"), FAIL),
    (TENANCY, placed("host") | {"InstanceType": "mac2.metal"}, NA),
    (TENANCY, placed("dedicated") | tagged(**{"auditor:dedicated-tenancy": "licence"}), PASS),
]


@pytest.mark.parametrize("rule", sorted({rule for rule, _, _ in OF_LISTING}))
def test_what_the_listing_tells(lab: Lab, rule: str) -> None:
    cases = [(change, status) for of, change, status in OF_LISTING if of == rule]
    answers = instances(*(change for change, _ in cases))
    assert lab.statuses(rule, answers=answers) == numbered(status for _, status in cases)


def test_two_hops_are_what_images_that_require_imdsv2_are_given(lab: Lab) -> None:
    cases: list[tuple[int, str, str]] = [
        (2, "required", "informational"), (2, "optional", "low"), (3, "required", "low"),
    ]  # fmt: skip
    answers = instances(*(options(HttpTokens=tokens, HttpPutResponseHopLimit=limit) for limit, tokens, _ in cases))
    found = lab.findings(HOPS, answers=answers)
    assert [found[f"i-{n}"].severity for n in range(3)] == [severity for _, _, severity in cases]


def test_tags_say_that_a_finding_was_reviewed(lab: Lab) -> None:
    sold = {"ProductCodes": [{"ProductCodeId": "x", "ProductCodeType": "marketplace"}]}
    answers = instances(sold | tagged(**{"auditor:marketplace-reviewed": ""}))
    assert lab.statuses(MARKETPLACE, answers=answers) == {"i-0": PASS}


@pytest.mark.parametrize("rule", EVERY)
def test_what_is_gone_or_a_services_own_is_not_judged(lab: Lab, rule: str) -> None:
    managed = {"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}}
    answers = instances({"State": {"Name": "terminated"}}, {"State": {"Name": "shutting-down"}}, managed)
    denied = ["ec2:DescribeInstanceAttribute", "ec2:DescribeInstanceTypes", "ec2:DescribeInstanceStatus"]
    assert lab.statuses(rule, answers=answers, deny=denied) == numbered([NA] * 3)


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, "ec2:DescribeInstances") for rule in EVERY),
        (SSM, "ssm:DescribeInstanceInformation"),
        (PROTECTED, "ec2:DescribeInstanceAttribute"),
        (DOWNLOADS, "ec2:DescribeInstanceAttribute"),
        (CHECKS, "ec2:DescribeInstanceStatus"),
        (TOKENS, "cloudwatch:GetMetricData"),
        (IDLE, "cloudwatch:GetMetricData"),
        (CREDITS, "cloudwatch:GetMetricData"),
        (CREDITS, "ec2:DescribeInstanceCreditSpecifications"),
        (NAT, "ec2:DescribeRouteTables"),
        (IMAGE, "ec2:DescribeInstanceImageMetadata"),
        (IMAGE_AGE, "ec2:DescribeInstanceImageMetadata"),
        *((rule, "ec2:DescribeInstanceTypes") for rule in (LOCAL, OPTIMIZED, GENERATION)),
    ],
)
def test_what_was_not_read_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    one = {"InstanceType": "t3.micro", "NetworkInterfaces": [interface(0, forwards=True)]}
    expected = {"*" if operation == "ec2:DescribeInstances" else "i-0": UNKNOWN}
    assert lab.statuses(rule, answers=instances(one), deny=[operation]) == expected


# --- What takes further calls


def test_systems_manager(lab: Lab) -> None:
    known = [{"InstanceId": "i-0", "PingStatus": "Online"}, {"InstanceId": "i-1", "PingStatus": "ConnectionLost"}]
    answers = instances({}, {}, {}, {"LaunchTime": ago(0.01)}, OFF)
    answers["ssm:DescribeInstanceInformation"] = {"InstanceInformationList": known}
    assert lab.statuses(SSM, answers=answers) == numbered([PASS, FAIL, FAIL, NA, NA])


def test_termination_protection(lab: Lab) -> None:
    def attribute(params: dict[str, Any], region: str, account: str) -> dict[str, Any]:
        assert params["Attribute"] == "disableApiTermination"
        return {"DisableApiTermination": {"Value": params["InstanceId"] == "i-0"}}

    answers = instances({}, {}, GROUP, SPOT, tagged(**{"auditor:disposable": "yes"}), OFF)
    answers["ec2:DescribeInstanceAttribute"] = attribute
    assert lab.statuses(PROTECTED, answers=answers) == numbered([PASS, FAIL, NA, NA, NA, FAIL])


def test_status_checks(lab: Lab) -> None:
    retired = {"Code": "instance-retirement", "Description": "The instance is on failing hardware"}
    over = retired | {"Description": "[Completed] The instance is on failing hardware"}
    cases: list[tuple[str, str, list[dict[str, Any]], str]] = [
        ("ok", "ok", [], PASS),
        ("ok", "impaired", [], FAIL),
        ("impaired", "ok", [], FAIL),
        ("ok", "ok", [retired], FAIL),
        ("ok", "ok", [over], PASS),
        ("initializing", "ok", [], NA),
    ]
    answers = instances(*({} for _ in cases), OFF, {})
    answers["ec2:DescribeInstanceStatus"] = {
        "InstanceStatuses": [
            {"InstanceId": f"i-{n}", "InstanceStatus": {"Status": i}, "SystemStatus": {"Status": s}, "Events": events}
            for n, (i, s, events, _) in enumerate(cases)
        ]
    }
    assert lab.statuses(CHECKS, answers=answers) == numbered([*(status for *_, status in cases), NA, UNKNOWN])


def test_images_of_instances(lab: Lab) -> None:
    images: list[dict[str, Any] | None] = [
        {"State": "available", "CreationDate": ago(10).isoformat()},
        {"State": "deregistered", "CreationDate": ago(300).isoformat()},
        {"State": "available", "DeprecationTime": ago(1).isoformat(), "CreationDate": ago(179).isoformat()},
        {"State": "available", "DeprecationTime": ago(-1).isoformat(), "CreationDate": ago(182).isoformat()},
        {},
        None,
        {"State": "disabled"},
    ]
    described = [
        {"InstanceId": f"i-{n}", "ImageMetadata": image} for n, image in enumerate(images) if image is not None
    ]
    answers = instances({}, {}, {}, {}, {}, {}, GROUP)
    answers["ec2:DescribeInstanceImageMetadata"] = {"InstanceImageMetadata": described}
    found = lab.findings(IMAGE, answers=answers)
    assert {name: f.status.value for name, f in found.items()} == numbered(
        [PASS, FAIL, FAIL, PASS, UNKNOWN, UNKNOWN, NA]
    )
    assert (found["i-1"].severity, found["i-2"].severity) == ("low", "informational")
    expected = numbered([PASS, FAIL, PASS, FAIL, UNKNOWN, UNKNOWN, UNKNOWN])
    assert lab.statuses(IMAGE_AGE, answers=answers) == expected
    assert lab.statuses(IMAGE_AGE, answers=answers, max_image_age_days=365)["i-3"] == PASS


def kind(name: str, *, current: bool = True, local: bool = False, support: str = "default") -> dict[str, Any]:
    return {
        "InstanceType": name,
        "CurrentGeneration": current,
        "InstanceStorageSupported": local,
        "EbsInfo": {"EbsOptimizedSupport": support},
        "VCpuInfo": {"DefaultVCpus": 2},
    }


def test_instance_types(lab: Lab) -> None:
    old, new, bare = {"InstanceType": "c3.xlarge"}, {"InstanceType": "m5d.large"}, {"InstanceType": "t1.micro"}
    answers = instances(
        old, new, bare, old | {"EbsOptimized": True}, new | disks(disk("/dev/xvda", deleted=True)),
        new | disks(disk("/dev/sdf", deleted=True)), new | GROUP, new | tagged(role="Cache"),
        {"InstanceType": "x9.odd"},
    )  # fmt: skip
    types = [
        kind("c3.xlarge", current=False, local=True, support="supported"),
        kind("m5d.large", local=True),
        kind("t1.micro", current=False, support="unsupported"),
    ]
    answers["ec2:DescribeInstanceTypes"] = {"InstanceTypes": types}
    assert lab.statuses(GENERATION, answers=answers) == numbered(
        [FAIL, PASS, FAIL, FAIL, PASS, PASS, PASS, PASS, UNKNOWN]
    )
    assert lab.statuses(OPTIMIZED, answers=answers) == numbered([FAIL, PASS, NA, PASS, PASS, PASS, PASS, PASS, UNKNOWN])
    assert lab.statuses(LOCAL, answers=answers) == numbered([FAIL, FAIL, NA, FAIL, FAIL, PASS, NA, NA, UNKNOWN])


def test_instances_that_forward_traffic(lab: Lab) -> None:
    forwards, other = [interface(0, forwards=True)], [interface(1, forwards=True)]
    answers = instances(
        {"NetworkInterfaces": forwards}, {"NetworkInterfaces": [interface(0)]}, {"NetworkInterfaces": other},
        {"NetworkInterfaces": forwards} | tagged(role="firewall"),
    )  # fmt: skip
    table = {"RouteTableId": "rtb-0", "VpcId": "vpc-0", "OwnerId": "123456789012", "Associations": []}
    routes = [
        {"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-0", "State": "active"},
        {"DestinationCidrBlock": "10.9.0.0/16", "NetworkInterfaceId": "eni-1", "State": "active"},
    ]
    answers["ec2:DescribeRouteTables"] = {"RouteTables": [table | {"Routes": routes}]}
    assert lab.statuses(NAT, answers=answers) == numbered([FAIL, PASS, PASS, NA])


@pytest.mark.parametrize(
    ("script", "status", "severity", "hosts"),
    [
        ("curl -sL http://get.example.org/install.sh | sh", FAIL, "medium", ["get.example.org"]),
        ("wget \\\n  http://user:secret@files.example.org/x", FAIL, "medium", ["files.example.org"]),
        ("pip3 install -i http://pypi.example.org/simple thing", FAIL, "medium", ["pypi.example.org"]),
        ("Invoke-WebRequest -Uri 'http://198.51.100.7/a.exe'", PASS, "medium", None),
        ("Invoke-WebRequest -Uri 'http://8.8.8.8/a.exe'", FAIL, "medium", ["8.8.8.8"]),
        ("yum-config-manager --add-repo http://mirror.example.org/x", FAIL, "low", ["mirror.example.org"]),
        ("echo 'deb http://archive.ubuntu.com/ubuntu noble main' > /etc/x", FAIL, "low", ["archive.ubuntu.com"]),
        ("curl http://169.254.169.254/latest/meta-data/", PASS, "medium", None),
        ("curl http://[fd00:ec2::254]/latest/; curl http://localhost:8080/", PASS, "medium", None),
        ("curl http://10.0.3.4/x; wget http://192.168.1.1/y; curl http://172.16.9.9", PASS, "medium", None),
        ("curl http://registry.service.internal/x; curl http://vault:8200/v1", PASS, "medium", None),
        ("curl http://$HOST/x; curl http://${HOST}.example.org", PASS, "medium", None),
        ("# curl http://old.example.org", PASS, "medium", None),
        ("curl -x http://proxy.example.org:3128 https://a.example.org/x", PASS, "medium", None),
        ("export http_proxy=http://proxy.example.org:3128; curl https://a.org", PASS, "medium", None),
        ("curl https://get.example.org/install.sh; echo see http://example.org", PASS, "medium", None),
        ("echo Y3VybCAtc0wgaHR0cDovL2dldC5leGFtcGxlLm9yZy9pIHwgc2g= | base64 -d | sh", FAIL, "medium",
         ["get.example.org"]),
        ("#" * 1_100_000, UNKNOWN, "medium", None),
    ],
)  # fmt: skip
def test_downloads(lab: Lab, script: str, status: str, severity: str, hosts: list[str] | None) -> None:
    encoded = base64.b64encode(script.encode()).decode()
    answers = instances({}) | {"ec2:DescribeInstanceAttribute": {"UserData": {"Value": encoded}}}
    finding = lab.findings(DOWNLOADS, answers=answers)["i-0"]
    assert (finding.status, finding.severity, finding.evidence.get("hosts")) == (status, severity, hosts)


def test_no_user_data(lab: Lab) -> None:
    assert lab.statuses(DOWNLOADS, answers=instances({}) | {"ec2:DescribeInstanceAttribute": {}}) == {"i-0": PASS}


# --- Metrics


def test_metadata_without_a_token(lab: Lab) -> None:
    answers = instances({}, {}, {}) | figures({("i-0", "MetadataNoToken"): [0, 3], ("i-1", "MetadataNoToken"): [0]})
    assert lab.statuses(TOKENS, answers=answers) == numbered([FAIL, PASS, PASS])


def test_idle_instances(lab: Lab) -> None:
    cases: list[tuple[dict[str, Any], list[float], float, float, str]] = [
        ({}, [1.0, 4.9], 1e6, 1e6, FAIL),
        ({}, [1.0, 5.0], 0, 0, PASS),
        ({}, [1.0], 3e6, 2e6, PASS),
        ({}, [], 0, 0, NA),
        ({"LaunchTime": ago(13)}, [1.0], 0, 0, NA),
        (OFF, [1.0], 0, 0, NA),
    ]
    values: dict[tuple[str, str], list[float]] = {}
    for n, (_, cpu, sent, received, _) in enumerate(cases):
        values |= {(f"i-{n}", "CPUUtilization"): cpu, (f"i-{n}", "NetworkOut"): [sent]}
        values |= {(f"i-{n}", "NetworkIn"): [received]}
    answers = instances(*(case[0] for case in cases)) | figures(values)
    assert lab.statuses(IDLE, answers=answers) == numbered(case[-1] for case in cases)


def test_cpu_credits(lab: Lab) -> None:
    small = {"InstanceType": "t3.micro"}
    answers = instances(small, small, small, small, {"InstanceType": "trn1.2xlarge"}, small, small | OFF)
    answers |= figures({
        ("i-0", "CPUCreditBalance"): [40, 0.5], ("i-1", "CPUCreditBalance"): [40, 1],
        ("i-2", "CPUSurplusCreditsCharged"): [0, 2], ("i-3", "CPUSurplusCreditsCharged"): [0, 0],
    })  # fmt: skip
    unlimited = [{"InstanceId": f"i-{n}", "CpuCredits": "unlimited"} for n in (2, 3)]
    answers["ec2:DescribeInstanceCreditSpecifications"] = {"InstanceCreditSpecifications": unlimited}
    assert lab.statuses(CREDITS, answers=answers) == numbered([FAIL, PASS, FAIL, PASS, NA, NA, NA])


def test_what_runs_in_moto_is_read_whole(lab: Lab) -> None:
    lab.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, InstanceType="c3.xlarge")
    judged = lab.judge(GENERATION, OPTIMIZED, ROOT, PROFILE, CHECKS, HOPS, SINGLE, PROTECTED)
    assert judged.coverage.gaps == []
    assert {f.rule: f.status.value for f in judged.findings} == {
        GENERATION: FAIL, OPTIMIZED: FAIL, ROOT: PASS, PROFILE: FAIL, CHECKS: PASS, HOPS: PASS, SINGLE: PASS,
        PROTECTED: FAIL,
    }  # fmt: skip
