"""EC2 instances: whether they are of the right type and size, used, and paid for as meant."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.analysis.instances import has_tag, why_not_judged, why_not_running
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Instance
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

MEGABYTE = 1_000_000
# "User initiated (2026-01-31 08:15:00 GMT)"
_STOPPED_AT = re.compile(r"\((?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


@rule(severity=Severity.LOW, category=Category.PERFORMANCE, notes="Instance Types")
def ec2_instance_type_current_generation(instance: Instance) -> Verdict:
    """EC2 instances are of a type of the current generation.

    Risk: an old type costs more for less, lacks what new ones have (Nitro, encryption on the wire), and runs on
        hardware that AWS retires.
    Fix: aws ec2 stop-instances --region {region} --instance-ids {id}
    aws ec2 wait instance-stopped --region {region} --instance-ids {id}
    aws ec2 modify-instance-attribute --region {region} --instance-id {id} --instance-type TYPE
    aws ec2 start-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    info = next(iter(instance.type_info), None)
    if info is None:
        return unknown(f"EC2 does not describe the type {instance.instance_type}")
    if info.current_generation:
        return passed("The type is of the current generation", instance_type=instance.instance_type)
    return failed("The type is of a previous generation", instance_type=instance.instance_type)


@rule(severity=Severity.LOW, category=Category.COST, notes="Vertical scaling; pricing")
def ec2_instance_not_underutilized(
    instance: Instance,
    inventory: Inventory,
    *,
    min_cpu_percent: float = 5,
    min_network_mb_per_day: float = 5,
    min_running_days: int = 14,
) -> Verdict:
    """Running EC2 instances have something to do.

    Risk: an instance that is idle day after day costs as much as one that works.
    Fix: Where nobody needs it any more:
    aws ec2 terminate-instances --region {region} --instance-ids {id}
    Otherwise choose a smaller type; Compute Optimizer knows which:
    aws compute-optimizer get-ec2-instance-recommendations --region {region}
        --instance-arns arn:aws:ec2:{region}:{account}:instance/{id}
    """
    if reason := why_not_running(instance):
        return not_applicable(reason)
    if inventory.now - instance.launch_time <= timedelta(days=min_running_days):
        return not_applicable(f"the instance has run for no more than {min_running_days} days")
    cpu = max(instance.cpu_utilization, default=None)
    if cpu is None:
        return not_applicable("CloudWatch has no figures of the instance")
    evidence: dict[str, Any] = {"busiest_day_cpu_percent": round(cpu, 2), "instance_type": instance.instance_type}
    if cpu >= min_cpu_percent:
        return passed(f"On its busiest day the instance used {cpu:.1f} % of its CPU", **evidence)
    traffic = (max(instance.network_in, default=0.0) + max(instance.network_out, default=0.0)) / MEGABYTE
    evidence["busiest_day_network_mb"] = round(traffic, 2)
    if traffic >= min_network_mb_per_day:
        return passed(f"On its busiest day the instance moved {traffic:.0f} MB", **evidence)
    said = f"On its busiest day of 14 the instance used {cpu:.1f} % of its CPU and moved {traffic:.1f} MB"
    return failed(said, **evidence)


@rule(
    severity=Severity.LOW,
    category=Category.COST,
    controls=("SecurityHub EC2.4",),
    notes="Pricing (stopped instances)",
)
def ec2_instance_not_stopped_long(instance: Instance, inventory: Inventory, *, max_stopped_days: int = 30) -> Verdict:
    """EC2 instances are not stopped for long.

    Risk: the disks and addresses of a stopped instance are paid for, and when it is started one day it lacks the
        patches of all that time.
    Fix: aws ec2 create-image --region {region} --instance-id {id} --name {id}-final
    aws ec2 terminate-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    if instance.state.name != "stopped":
        return passed(f"The instance is {instance.state.name}", state=instance.state.name)
    said = _STOPPED_AT.search(instance.state_transition_reason or "")
    # EC2 may leave the reason out. Then the last start has to do, which was earlier.
    since = datetime.fromisoformat(said["when"]).replace(tzinfo=UTC) if said else instance.launch_time
    days = (inventory.now - since).days
    evidence: dict[str, Any] = {"since": since.date().isoformat(), "by": "stop" if said else "last start"}
    if days > max_stopped_days:
        return failed(f"The instance has been stopped for {days} days", **evidence)
    return passed(f"The instance has been stopped for {days} days", **evidence)


@rule(severity=Severity.LOW, category=Category.PERFORMANCE, notes="EC2 (T2/T3 burst credits)")
def ec2_instance_cpu_credits_available(instance: Instance) -> Verdict:
    """Burstable EC2 instances do not run out of CPU credits.

    Risk: without credits the instance falls to a fraction of its speed or, if unlimited, is charged for every minute
        beyond it.
    Fix: aws ec2 stop-instances --region {region} --instance-ids {id}
    aws ec2 wait instance-stopped --region {region} --instance-ids {id}
    aws ec2 modify-instance-attribute --region {region} --instance-id {id} --instance-type TYPE
    aws ec2 start-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_running(instance):
        return not_applicable(reason)
    if not instance.burstable:
        return not_applicable(f"instances of the type {instance.instance_type} do not live on credits")
    option = next((found.cpu_credits for found in instance.credits if found.cpu_credits), "standard")
    evidence: dict[str, Any] = {"instance_type": instance.instance_type, "cpu_credits": option}
    if option == "unlimited":
        charged = instance.cpu_surplus_credits_charged
        if not charged:
            return not_applicable("CloudWatch has no figures of the instance", **evidence)
        evidence["surplus_credits_charged"] = round(sum(charged), 1)
        if sum(charged) > 0:
            return failed(f"{sum(charged):.0f} credits beyond its own were charged in 14 days", **evidence)
        return passed("The instance's own credits were enough for 14 days", **evidence)
    lowest = min(instance.cpu_credit_balance, default=None)
    if lowest is None:
        return not_applicable("CloudWatch has no figures of the instance", **evidence)
    evidence["lowest_balance"] = round(lowest, 1)
    if lowest < 1:
        return failed("The instance ran out of credits in the last 14 days", **evidence)
    return passed("The instance had credits left at any time in 14 days", **evidence)


@rule(severity=Severity.INFORMATIONAL, category=Category.COST, notes="Purchasing options (Dedicated Instances)")
def ec2_instance_tenancy_default(
    instance: Instance, *, reviewed_tags: tuple[str, ...] = ("auditor:dedicated-tenancy",)
) -> Verdict:
    """EC2 instances run on dedicated hardware only where that is meant.

    Risk: dedicated hardware costs more for each instance, and by the hour for the region.
    Fix: aws ec2 create-tags --region {region} --resources {id} --tags Key=auditor:dedicated-tenancy,Value=yes
    Where nobody asked for it, launch a replacement with --placement Tenancy=default, then:
    aws ec2 terminate-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    tenancy = (instance.placement.tenancy if instance.placement else None) or "default"
    if tenancy not in ("dedicated", "host"):
        return passed("The instance shares its hardware", tenancy=tenancy)
    if instance.instance_type.startswith("mac"):
        return not_applicable("Macs are dedicated hosts, always")
    if tag := has_tag(instance.tags, reviewed_tags):
        return passed(f"The tag {tag} says that dedicated hardware is meant", tenancy=tenancy)
    return failed(f"The instance has the tenancy {tenancy}", tenancy=tenancy)
