"""Capacity that is set aside or paid for ahead: Dedicated Hosts, Capacity Reservations, Reserved Instances."""

from datetime import timedelta
from typing import Any

from auditor.analysis.commitments import coverage
from auditor.analysis.instances import why_not_running
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.autoscaling import AutoScalingGroup
from auditor.resources.ec2 import Instance
from auditor.resources.ec2_capacity import CapacityReservation, Host, ReservedInstances, SpotFleetRequest
from auditor.resources.savingsplans import SavingsPlan
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule


@rule(severity=Severity.MEDIUM, category=Category.COST, notes="Purchasing options (Dedicated Hosts)")
def ec2_host_in_use(host: Host, inventory: Inventory, *, min_idle_days: int = 1) -> Verdict:
    """Dedicated Hosts have instances on them.

    Risk: a host is paid for whole, by the hour, whether anything runs on it or not.
    Fix: aws ec2 release-hosts --region {region} --host-ids {id}
    """
    if host.owner_id != host.account:
        return not_applicable(f"account {host.owner_id} shares the host, and pays for it")
    if host.state != "available":
        return not_applicable(f"the host is {host.state}")
    evidence: dict[str, Any] = {"instances": len(host.instances), "allocated": host.allocation_time.date().isoformat()}
    if host.instances:
        return passed("Instances run on the host", **evidence)
    if inventory.now - host.allocation_time <= timedelta(days=min_idle_days):
        return not_applicable("the host is newly allocated")
    return failed("Nothing runs on the host", **evidence)


@rule(severity=Severity.MEDIUM, category=Category.COST, notes="Purchasing options (Capacity Reservations)")
def ec2_capacity_reservation_utilized(
    reservation: CapacityReservation, inventory: Inventory, *, max_idle_percent: float = 20, min_age_days: int = 7
) -> Verdict:
    """Capacity Reservations are used.

    Risk: capacity that is kept and not used costs as much as instances that run.
    Fix: aws ec2 modify-capacity-reservation --region {region} --capacity-reservation-id {id} --instance-count COUNT
    Or, where nobody needs it:
    aws ec2 cancel-capacity-reservation --region {region} --capacity-reservation-id {id}
    """
    if reservation.owner_id != reservation.account:
        return not_applicable(f"account {reservation.owner_id} shares the reservation, and pays for it")
    if reservation.state != "active":
        return not_applicable(f"the reservation is {reservation.state}")
    if reservation.reservation_type == "capacity-block":
        return not_applicable("a Capacity Block is paid for in advance, and cannot be given back")
    total, idle = reservation.total_instance_count, reservation.available_instance_count
    if total == 0:
        return not_applicable("the reservation keeps no capacity now")
    evidence: dict[str, Any] = {"total": total, "idle": idle, "max_idle_percent": max_idle_percent}
    if 100 * idle <= max_idle_percent * total:
        return passed(f"{total - idle} of {total} places are used", **evidence)
    if inventory.now - reservation.create_date <= timedelta(days=min_age_days):
        return not_applicable(f"the reservation is younger than {min_age_days} days")
    soon = inventory.now + timedelta(days=7)
    if reservation.end_date_type == "limited" and reservation.end_date is not None and reservation.end_date <= soon:
        return not_applicable("the reservation ends within a week")
    return failed(f"{idle} of {total} places are paid for and not used", **evidence)


# --- Commitments


@rule(severity=Severity.LOW, category=Category.COST, notes="Purchasing options (Reserved)")
def ec2_reserved_instance_utilized(
    reserved: ReservedInstances, inventory: Inventory, *, shared_in_organization: bool = True
) -> Verdict:
    """Reserved Instances are matched by instances that run.

    Risk: a reservation is paid for to its end, whether or not anything runs that it would make cheaper.
    Fix: aws ec2 modify-reserved-instances --region {region} --reserved-instances-ids {id}
        --target-configurations InstanceType=TYPE,InstanceCount=COUNT,Scope=Region
    A standard one that nobody needs can be sold on the Reserved Instance Marketplace, a convertible one exchanged.
    """
    if reserved.state != "active":
        return not_applicable(f"the reservation is {reserved.state}")
    used = coverage(inventory, reserved.region).used[reserved.reserved_instances_id]
    evidence: dict[str, Any] = {
        "instance_type": reserved.instance_type,
        "instance_count": reserved.instance_count,
        "used": round(float(used), 2),
    }
    if used >= reserved.instance_count:
        return passed("Instances use the whole reservation", **evidence)
    if shared_in_organization and _in_organization(inventory):
        return not_applicable("other accounts of the organization may use what this one leaves", **evidence)
    return failed(f"Instances use {float(used):g} of {reserved.instance_count} reserved ones", **evidence)


def _in_organization(inventory: Inventory) -> bool:
    """Whether the account belongs to an organization, whose accounts share discounts unless that was switched off."""
    return any(account.organization is not None for account in inventory.each(Account))


@rule(severity=Severity.LOW, category=Category.COST, notes="Purchasing options (Reserved, 1 or 3 years)")
def ec2_reserved_instance_not_expiring(
    reserved: ReservedInstances, inventory: Inventory, *, min_days_left: int = 30
) -> Verdict:
    """Reserved Instances do not end within the next month.

    Risk: on the day after, the same instances cost the full price, and nobody is told.
    Fix: Decide on what follows, a Savings Plan or another reservation, and queue it for that day. What is needed:
    aws ce get-savings-plans-purchase-recommendation --savings-plans-type COMPUTE_SP --term-in-years ONE_YEAR
        --payment-option NO_UPFRONT --lookback-period-in-days THIRTY_DAYS
    """
    if reserved.state != "active":
        return not_applicable(f"the reservation is {reserved.state}")
    left = reserved.end - inventory.now
    evidence: dict[str, Any] = {"end": reserved.end.date().isoformat(), "min_days_left": min_days_left}
    if left < timedelta(days=min_days_left):
        return failed(f"The reservation ends in {max(left.days, 0)} days", **evidence)
    return passed(f"The reservation ends in {left.days} days", **evidence)


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.COST,
    notes="Purchasing options (Reserved, Savings Plans)",
)
def ec2_instance_long_running_covered_by_commitment(
    instance: Instance, inventory: Inventory, *, min_days: int = 90, shared_in_organization: bool = True
) -> Verdict:
    """EC2 instances that run for months are covered by a reservation or a Savings Plan.

    Risk: what runs day and night at the On-Demand price costs up to three times as much as it would with a commitment.
    Fix: aws ce get-savings-plans-purchase-recommendation --savings-plans-type COMPUTE_SP --term-in-years ONE_YEAR
        --payment-option NO_UPFRONT --lookback-period-in-days THIRTY_DAYS
    """
    if reason := why_not_running(instance):
        return not_applicable(reason)
    tenancy = (instance.placement.tenancy if instance.placement else None) or "default"
    if instance.instance_lifecycle is not None or tenancy != "default":
        return not_applicable("the instance is not one that is paid for On-Demand on shared hardware")
    days = (inventory.now - instance.launch_time).days
    evidence: dict[str, Any] = {"instance_type": instance.instance_type, "running_days": days}
    if days <= min_days:
        return not_applicable(f"the instance has run for no more than {min_days} days")
    if any_of(_covers_ec2, inventory.each(SavingsPlan)):
        return passed("The account has a Savings Plan that covers EC2", **evidence)
    if instance.instance_id in coverage(inventory, instance.region).covered:
        return passed("A reservation covers the instance", **evidence)
    if shared_in_organization and _in_organization(inventory):
        return not_applicable("the organization's other accounts may have a commitment that covers it", **evidence)
    return failed(f"The instance has run for {days} days at the On-Demand price", **evidence)


def _covers_ec2(plan: SavingsPlan) -> bool:
    return plan.state == "active" and plan.savings_plan_type in ("Compute", "EC2Instance")


# --- Spot


@rule(severity=Severity.INFORMATIONAL, category=Category.COST, notes="Purchasing options (Spot)")
def ec2_spot_max_price_not_set(request: AutoScalingGroup | SpotFleetRequest) -> Verdict:
    """Groups and fleets of Spot instances set no highest price.

    Risk: the Spot price never exceeds the On-Demand one; a cap below it saves nothing and has instances interrupted
        more often.
    Fix: For an Auto Scaling group; an empty price takes the cap away (a Spot fleet has to be requested anew without):
    aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name {name}
        --mixed-instances-policy '{"InstancesDistribution":{"SpotMaxPrice":""}}'
    """
    if isinstance(request, SpotFleetRequest):
        if request.spot_fleet_request_state not in ("submitted", "active", "modifying"):
            return not_applicable(f"the request is {request.spot_fleet_request_state}")
        price = request.spot_fleet_request_config.spot_price
    else:
        policy = request.mixed_instances_policy
        if policy is None:
            return not_applicable("the group does not mix purchase options")
        price = policy.instances_distribution.spot_max_price if policy.instances_distribution else None
    if price:
        return failed(f"Spot instances may cost {price} USD an hour at most", max_price=price)
    return passed("No highest price is set")
