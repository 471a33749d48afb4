"""Service Quotas: how close the account is to what it may have, and what it asked for."""

from datetime import timedelta
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.ec2 import Instance
from auditor.resources.servicequotas import ELASTIC_IPS, QuotaRequest, ServiceQuota
from auditor.resources.vpc_gateways import Address
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

STANDARD_VCPUS = "L-1216C47A"
# What AWS gives every account, where Service Quotas lists no value that was applied.
DEFAULTS = {STANDARD_VCPUS: 5.0, ELASTIC_IPS: 5.0}
STANDARD_FAMILIES = "acdhimrtz"
OTHER_FAMILIES = ("hpc", "inf", "dl", "mac", "trn")
SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}
FIVE_MINUTES = 300
PENDING, REFUSED = ("PENDING", "CASE_OPENED"), ("NOT_APPROVED", "DENIED")


def _limit(code: str, region: Region, inventory: Inventory) -> float:
    quota = next(inventory.where(ServiceQuota, "quota_code", code, region=region.region_name), None)
    return quota.value if quota else DEFAULTS[code]


def _below(used: float, limit: float, percent: int, what: str) -> Verdict:
    evidence: dict[str, Any] = {"used": used, "quota": limit}
    if used * 100 > limit * percent:
        return failed(f"{used:g} of {limit:g} {what} are in use", **evidence)
    return passed(**evidence)


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="AWS Limits (Quotas)")
def servicequotas_ec2_on_demand_vcpus_below_threshold(
    region: Region, inventory: Inventory, *, threshold_percent: int = 80
) -> Verdict:
    """Running On-Demand instances leave room below the region's quota of vCPUs.

    Risk: on the day of the rush EC2 refuses to start more instances, and a raised quota takes days.
    Fix: aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-1216C47A
        --desired-value VCPUS --region {region}
    """
    running = [i for i in inventory.each(Instance, region=region.region_name) if _is_standard_on_demand(i)]
    if not running:
        return not_applicable("No On-Demand instance of the standard families runs in this region")
    if strange := sorted({instance.instance_type for instance in running if not instance.type_info}):
        return unknown("EC2 does not say how many vCPUs instances of a type have", types=strange)
    used = sum(info.v_cpu_info.default_v_cpus for instance in running for info in instance.type_info)
    return _below(used, _limit(STANDARD_VCPUS, region, inventory), threshold_percent, "vCPUs")


def _is_standard_on_demand(instance: Instance) -> bool:
    """Whether it runs, not as Spot, in one of the families (A, C, D, H, I, M, R, T, Z) that share this quota.

    Instances on Dedicated Hosts do not count: the hosts have quotas of their own.
    """
    family = instance.instance_type.partition(".")[0]
    standard = family[0] in STANDARD_FAMILIES and not family.startswith(OTHER_FAMILIES)
    on_host = instance.placement is not None and instance.placement.tenancy == "host"
    return instance.state.name == "running" and instance.instance_lifecycle is None and standard and not on_host


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="AWS Limits (Quotas)")
def servicequotas_ec2_elastic_ips_below_threshold(
    region: Region, inventory: Inventory, *, threshold_percent: int = 80
) -> Verdict:
    """Elastic IP addresses leave room below the region's quota.

    Risk: a NAT gateway or load balancer that must be replaced in a hurry cannot get an address.
    Fix: release what nothing uses, or ask for more:
    aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-0263D0A3
        --desired-value ADDRESSES --region {region}
    """
    # Those that a service allocated for itself, and gives back, do not count.
    own = [a for a in inventory.each(Address, region=region.region_name) if not a.service_managed]
    if not own:
        return not_applicable("The account has no Elastic IP address in this region")
    return _below(len(own), _limit(ELASTIC_IPS, region, inventory), threshold_percent, "Elastic IP addresses")


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="AWS Limits (Quotas)")
def servicequotas_quota_utilization_below_threshold(
    region: Region, inventory: Inventory, *, threshold_percent: int = 80
) -> Verdict:
    """What the account uses of EC2, Lambda and KMS stays clear of their quotas.

    Risk: at the quota AWS refuses or throttles, in the hour of the highest load.
    Fix: aws service-quotas list-service-quotas --service-code ec2 --region {region}
    aws service-quotas request-service-quota-increase --service-code SERVICE --quota-code QUOTA_CODE
        --desired-value VALUE --region {region}
    """
    used = [(quota, _used(quota)) for quota in inventory.each(ServiceQuota, region=region.region_name)]
    known = [(quota, share) for quota, share in used if share is not None]
    close = [_shown(quota, share) for quota, share in known if share > threshold_percent]
    if close:
        return failed(f"{len(close)} quotas are nearly used up", quotas=close)
    if not known:
        return not_applicable("CloudWatch counts no use of a quota in this region")
    return passed(quotas=len(known), highest_percent=round(max(share for _, share in known), 1))


def _used(quota: ServiceQuota) -> float | None:
    """How much of the quota was used at most on the last day, in percent; None where nothing was counted."""
    if quota.value <= 0:
        return None
    most = max(quota.most_in_use, default=None)
    if most is None and quota.period is not None and quota.period.period_unit in SECONDS:
        # A rate is counted over five minutes: a shorter peak is not seen.
        period = quota.period.period_value * SECONDS[quota.period.period_unit]
        most = max((calls / FIVE_MINUTES * period for calls in quota.calls), default=None)
    return None if most is None else most / quota.value * 100


def _shown(quota: ServiceQuota, share: float) -> dict[str, Any]:
    return {"quota": quota.quota_name, "code": quota.quota_code, "value": quota.value, "percent": round(share, 1)}


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="AWS Limits (request an increase)")
def servicequotas_increase_request_not_pending(
    request: QuotaRequest, inventory: Inventory, *, max_pending_days: int = 14, refused_days: int = 30
) -> Verdict:
    """Requests for higher quotas are answered, and refusals followed up.

    Risk: everyone believes that the quota was raised, until the launch fails on it.
    Fix: aws service-quotas get-requested-service-quota-change --request-id {id} --region {region}
    """
    age = inventory.now - request.created
    answered = inventory.now - (request.last_updated or request.created)
    evidence: dict[str, Any] = {
        "status": request.status,
        "quota": request.quota_name,
        "created": request.created.isoformat(),
    }
    if request.status in PENDING and age > timedelta(days=max_pending_days):
        return failed(f"The request has been open for {age.days} days", **evidence)
    if request.status in REFUSED and answered <= timedelta(days=refused_days):
        return failed("The request was refused", **evidence)
    return passed(**evidence)
