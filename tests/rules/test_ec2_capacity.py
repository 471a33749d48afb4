"""Hosts, Capacity Reservations, Reserved Instances, Savings Plans and the price of Spot instances."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import ACCOUNT, ago, instances, numbered

HOST = "ec2-host-in-use"
RESERVED_CAPACITY = "ec2-capacity-reservation-utilized"
UTILIZED = "ec2-reserved-instance-utilized"
EXPIRING = "ec2-reserved-instance-not-expiring"
COVERED = "ec2-instance-long-running-covered-by-commitment"
PLAN = "savingsplans-savings-plan-not-expiring"
SPOT = "ec2-spot-max-price-not-set"
PASS, FAIL, NA, UNKNOWN = "pass", "fail", "not_applicable", "unknown"

HOSTS, CAPACITY = "ec2:DescribeHosts", "ec2:DescribeCapacityReservations"
RESERVED, PLANS = "ec2:DescribeReservedInstances", "savingsplans:DescribeSavingsPlans"


def test_hosts(lab: Lab) -> None:
    busy = {"Instances": [{"InstanceId": "i-0", "InstanceType": "m5.large", "OwnerId": ACCOUNT}]}
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, FAIL),
        (busy, PASS),
        ({"OwnerId": "999988887777"}, NA),
        ({"State": "released"}, NA),
        ({"AllocationTime": ago(0.9)}, NA),
    ]
    usual = {"OwnerId": ACCOUNT, "State": "available", "AllocationTime": ago(2), "Instances": []}
    hosts = [usual | {"HostId": f"h-{n}"} | change for n, (change, _) in enumerate(cases)]
    assert lab.statuses(HOST, answers={HOSTS: {"Hosts": hosts}}) == {f"h-{n}": s for n, (_, s) in enumerate(cases)}


def test_a_host_of_moto(lab: Lab) -> None:
    lab.client("ec2").allocate_hosts(AvailabilityZone="us-east-1a", InstanceType="m5.large", Quantity=1)
    assert list(lab.statuses(HOST).values()) == [NA]


def capacity(*changes: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "OwnerId": ACCOUNT, "State": "active", "ReservationType": "default", "CreateDate": ago(8),
        "TotalInstanceCount": 10, "AvailableInstanceCount": 3, "EndDateType": "unlimited",
        "InstanceType": "m5.large", "InstancePlatform": "Linux/UNIX", "AvailabilityZone": "us-east-1a",
        "Tenancy": "default",
    }  # fmt: skip
    arn = f"arn:aws:ec2:us-east-1:{ACCOUNT}:capacity-reservation/"
    each = [
        usual | {"CapacityReservationId": f"cr-{n}", "CapacityReservationArn": f"{arn}cr-{n}"} | change
        for n, change in enumerate(changes)
    ]
    return {CAPACITY: {"CapacityReservations": each}}


def test_capacity_reservations(lab: Lab) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, FAIL),
        ({"AvailableInstanceCount": 2}, PASS),
        ({"OwnerId": "999988887777"}, NA),
        ({"State": "expired"}, NA),
        ({"ReservationType": "capacity-block"}, NA),
        ({"CreateDate": ago(6)}, NA),
        ({"TotalInstanceCount": 0, "AvailableInstanceCount": 0}, NA),
        ({"EndDateType": "limited", "EndDate": ago(-6)}, NA),
        ({"EndDateType": "limited", "EndDate": ago(-8)}, FAIL),
    ]
    found = lab.statuses(RESERVED_CAPACITY, answers=capacity(*(change for change, _ in cases)))
    assert found == {f"cr-{n}": status for n, (_, status) in enumerate(cases)}


# --- Reserved Instances


def reserved(*changes: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "State": "active", "InstanceType": "m5.large", "InstanceCount": 1, "ProductDescription": "Linux/UNIX",
        "InstanceTenancy": "default", "Scope": "Region", "End": ago(-200),
    }  # fmt: skip
    each = [usual | {"ReservedInstancesId": f"ri-{n}"} | change for n, change in enumerate(changes)]
    return {RESERVED: {"ReservedInstances": each}}


def running(*types: str, **more: Any) -> list[dict[str, Any]]:
    place = {"AvailabilityZone": "us-east-1a", "Tenancy": "default"}
    return [{"InstanceType": each, "PlatformDetails": "Linux/UNIX", "Placement": place} | more for each in types]


WINDOWS, ZONE = {"ProductDescription": "Windows (Amazon VPC)"}, {"Scope": "Availability Zone"}
# Reservations, instances; how much of each reservation is used, and which instances are covered.
MATCHES: list[tuple[list[dict[str, Any]], list[dict[str, Any]], list[float], list[int]]] = [
    ([{}], running("m5.large"), [1], [0]),
    ([{"ProductDescription": "Linux/UNIX (Amazon VPC)"}], running("m5.large"), [1], [0]),
    ([{"InstanceCount": 2}], running("m5.large"), [1], [0]),
    ([{}], running("m5.xlarge"), [1], [0]),
    ([{"InstanceType": "m5.xlarge"}], running("m5.large"), [0.5], [0]),
    ([{"InstanceType": "m5.4xlarge"}], running("m5.large", "m5.xlarge", "c5.large"), [0.38], [0, 1]),
    ([{}], running("m6i.large"), [0], []),
    ([{}], running("m5.large", InstanceLifecycle="spot"), [0], []),
    ([{}], running("m5.large", State={"Name": "stopped"}), [0], []),
    ([{}], running("m5.large", Placement={"Tenancy": "dedicated"}), [0], []),
    ([WINDOWS], running("m5.large"), [0], []),
    ([WINDOWS], running("m5.large", PlatformDetails="Windows"), [1], [0]),
    ([WINDOWS | {"InstanceType": "m5.xlarge"}], running("m5.large", PlatformDetails="Windows"), [0], []),
    ([{"InstanceType": "g5.2xlarge"}], running("g5.xlarge"), [0], []),
    ([{"InstanceType": "m5.metal"}], running("m5.metal", "m5.large"), [1], [0]),
    ([ZONE | {"AvailabilityZone": "us-east-1b"}], running("m5.large"), [0], []),
    ([{}, ZONE | {"AvailabilityZone": "us-east-1a"}], running("m5.large", "m5.large"), [1, 1], [0, 1]),
    ([{}, {}], running("m5.large"), [1, 0], [0]),
    ([{"State": "retired"}], running("m5.large"), [], []),
]


@pytest.mark.parametrize(("bought", "machines", "used", "covered"), MATCHES)
def test_reservations_are_matched_with_instances(
    lab: Lab, bought: list[dict[str, Any]], machines: list[dict[str, Any]], used: list[float], covered: list[int]
) -> None:
    with lab.but(answers=reserved(*bought) | instances(*machines)):
        found = lab.judge(UTILIZED, COVERED).findings
    reservations = [f for f in found if f.rule == UTILIZED and f.status != NA]
    assert [f.evidence["used"] for f in sorted(reservations, key=lambda f: f.resource.id)] == used
    assert [f.status for f in reservations] == [
        PASS if f.evidence["used"] == f.evidence["instance_count"] else FAIL for f in reservations
    ]
    assert {f.resource.id for f in found if f.rule == COVERED and f.status == PASS} == {f"i-{n}" for n in covered}


def test_places_that_are_kept_use_reservations_too(lab: Lab) -> None:
    kept = capacity({"AvailableInstanceCount": 2}, {"State": "cancelled", "AvailableInstanceCount": 9})
    answers = reserved({"InstanceCount": 3}) | instances() | kept
    assert lab.findings(UTILIZED, answers=answers)["ri-0"].evidence["used"] == 2


def test_an_organization_shares_what_its_accounts_buy(lab: Lab) -> None:
    lab.client("organizations").create_organization(FeatureSet="ALL")
    answers = reserved({}, {"InstanceType": "c5.large"}) | instances(*running("m5.large", "r5.large"))
    assert lab.statuses(UTILIZED, answers=answers) == {"ri-0": PASS, "ri-1": NA}
    assert lab.statuses(UTILIZED, answers=answers, shared_in_organization=False) == {"ri-0": PASS, "ri-1": FAIL}
    assert lab.statuses(COVERED, answers=answers) == numbered([PASS, NA])
    denied = ["organizations:DescribeOrganization"]
    assert lab.statuses(UTILIZED, answers=answers, deny=denied) == {"ri-0": PASS, "ri-1": UNKNOWN}


def test_long_running_instances(lab: Lab) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, FAIL),
        ({"LaunchTime": ago(89)}, NA),
        ({"InstanceLifecycle": "spot"}, NA),
        ({"Placement": {"Tenancy": "host"}}, NA),
        ({"State": {"Name": "stopped"}}, NA),
    ]
    answers = instances(*(change for change, _ in cases))
    assert lab.statuses(COVERED, answers=answers) == numbered(status for _, status in cases)
    for kind, state, status in (
        ("Compute", "active", PASS),
        ("EC2Instance", "active", PASS),
        ("Compute", "queued", FAIL),
        ("SageMaker", "active", FAIL),
    ):
        found = lab.statuses(COVERED, answers=answers | plans({"savingsPlanType": kind, "state": state}))
        assert found["i-0"] == status


def test_reservations_that_end(lab: Lab) -> None:
    answers = reserved({"End": ago(-31)}, {"End": ago(-29)}, {"State": "retired", "End": ago(9)})
    assert lab.statuses(EXPIRING, answers=answers) == {"ri-0": PASS, "ri-1": FAIL, "ri-2": NA}


# --- Savings Plans


def plans(*changes: dict[str, Any]) -> dict[str, Any]:
    usual = {"savingsPlanType": "Compute", "state": "active", "end": f"{ago(-200):%Y-%m-%dT%H:%M:%S.000Z}"}
    arn = f"arn:aws:savingsplans::{ACCOUNT}:savingsplan/"
    each = [
        usual | {"savingsPlanId": f"sp-{n}", "savingsPlanArn": f"{arn}sp-{n}"} | change
        for n, change in enumerate(changes)
    ]
    return {PLANS: {"savingsPlans": each}}


def test_savings_plans_that_end(lab: Lab) -> None:
    soon = {"end": f"{ago(-29):%Y-%m-%dT%H:%M:%S.000Z}"}
    assert lab.statuses(PLAN, answers=plans({}, soon)) == {"sp-0": PASS, "sp-1": FAIL}
    assert lab.statuses(PLAN, answers=plans(soon, {"state": "queued"})) == {"sp-0": PASS, "sp-1": NA}


# --- Spot


def test_no_highest_price_for_spot_instances(lab: Lab) -> None:
    fleets = [("active", "0.05"), ("active", None), ("cancelled", "0.05")]
    configs = [
        {
            "SpotFleetRequestId": f"sfr-{n}",
            "SpotFleetRequestState": state,
            "SpotFleetRequestConfig": {"IamFleetRole": "x", "TargetCapacity": 1}
            | ({"SpotPrice": price} if price else {}),
        }
        for n, (state, price) in enumerate(fleets)
    ]
    groups = []
    for name, distribution in (("capped", {"SpotMaxPrice": "0.1"}), ("free", {}), ("empty", {"SpotMaxPrice": ""})):
        mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-0"}}}
        groups.append(group(name) | {"MixedInstancesPolicy": mixed | {"InstancesDistribution": distribution}})
    answers = {
        "ec2:DescribeSpotFleetRequests": {"SpotFleetRequestConfigs": configs},
        "autoscaling:DescribeAutoScalingGroups": {"AutoScalingGroups": [*groups, group("plain")]},
    }
    assert lab.statuses(SPOT, answers=answers) == {
        "sfr-0": FAIL, "sfr-1": PASS, "sfr-2": NA, "capped": FAIL, "free": PASS, "empty": PASS, "plain": NA,
    }  # fmt: skip


def group(name: str) -> dict[str, Any]:
    return {
        "AutoScalingGroupName": name,
        "AutoScalingGroupARN": f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:autoScalingGroup:1:{name}",
        "MinSize": 1, "MaxSize": 1, "DesiredCapacity": 1, "DefaultCooldown": 300, "HealthCheckType": "EC2",
        "AvailabilityZones": ["us-east-1a"], "CreatedTime": ago(9),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "operation", "unknown"),
    [
        (HOST, HOSTS, "*"),
        (RESERVED_CAPACITY, CAPACITY, "*"),
        (UTILIZED, RESERVED, "*"),
        (UTILIZED, CAPACITY, "ri-0"),
        (UTILIZED, "ec2:DescribeInstances", "ri-0"),
        (EXPIRING, RESERVED, "*"),
        (COVERED, RESERVED, "i-0"),
        (COVERED, PLANS, "i-0"),
        (COVERED, CAPACITY, "i-0"),
        (PLAN, PLANS, "*"),
        (SPOT, "ec2:DescribeSpotFleetRequests", "*"),
        (SPOT, "autoscaling:DescribeAutoScalingGroups", "*"),
    ],
)
def test_what_was_not_read_is_unknown(lab: Lab, rule: str, operation: str, unknown: str) -> None:
    answers = reserved({"InstanceCount": 9}) | instances(*running("m5.large"))
    assert lab.statuses(rule, answers=answers, deny=[operation]).get(unknown) == UNKNOWN
