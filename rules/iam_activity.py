"""IAM: what users and roles do with what they have. Off by default, since each principal takes calls of its own."""

from datetime import timedelta

from auditor.analysis.network import public_addresses
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.iam import Role, User
from auditor.resources.vpc import NetworkInterface
from auditor.rule import Verdict, failed, not_applicable, passed, rule

ADVISOR = "Access Advisor makes a report for each user and role, which takes seconds"
HISTORY = "CloudTrail's history is asked for each key in each region, two calls a second"
NAT = "nat_gateway"


@rule(severity=Severity.MEDIUM, notes="AWS CLI on EC2; EC2 Instance Connect", off=HISTORY)
def iam_user_access_key_not_used_from_ec2(user: User, inventory: Inventory) -> Verdict:
    """Users' access keys are not used from the account's own instances.

    Risk: a key that was typed into an instance stays there for everyone who gets onto it, and does not expire.
    Fix: give the instance a role, and replace the key:
    aws ec2 associate-iam-instance-profile --instance-id INSTANCE --iam-instance-profile Name=PROFILE
    aws iam update-access-key --user-name {id} --access-key-id KEY --status Inactive
    """
    uses = user.recent_key_uses
    if not uses:
        return passed("No call was made with the user's keys in the last 30 days", uses=0)
    public: dict[str, NetworkInterface] = {}
    private: dict[str, NetworkInterface] = {}
    for interface in inventory.each(NetworkInterface):
        public |= dict.fromkeys(map(str, public_addresses(interface)), interface)
        for each in interface.private_ip_addresses:
            if each.private_ip_address is not None:
                private[each.private_ip_address] = interface
    own = {}
    for use in uses:
        known = private if use.vpc_endpoint_id else public
        if use.source_ip_address in known:
            own[use] = known[use.source_ip_address]
    if not own:
        return passed(uses=len(uses))
    shown = [
        {"key": use.access_key_id, "event": use.event_name, "address": use.source_ip_address,
         "network_interface": interface.network_interface_id}
        for use, interface in list(own.items())[:5]
    ]  # fmt: skip
    if all(interface.interface_type == NAT for interface in own.values()):
        said = "Calls with the user's keys came through a NAT gateway of the account"
        return failed(said, severity=Severity.LOW, calls=shown)
    return failed("Calls with the user's keys came from network interfaces of the account", calls=shown)


@rule(severity=Severity.LOW, notes="Security (IAM Access Advisor)", off=ADVISOR)
def iam_role_granted_services_accessed(
    role: Role, inventory: Inventory, *, unused_days: int = 90, max_unused_percent: int = 50
) -> Verdict:
    """Roles use most of the services that their policies let them use.

    Risk: what a role never uses serves only whoever takes the role over.
    Fix: see what it used, then narrow its policies:
    aws iam generate-service-last-accessed-details --arn {arn}
    aws iam get-service-last-accessed-details --job-id JOB_ID
    """
    if role.owner is not None:
        return not_applicable(f"The role belongs to {role.owner}", path=role.path)
    return _accessed(role, inventory, unused_days, max_unused_percent)


@rule(severity=Severity.LOW, notes="Security (IAM Access Advisor)", off=ADVISOR)
def iam_user_granted_services_accessed(
    user: User, inventory: Inventory, *, unused_days: int = 90, max_unused_percent: int = 50
) -> Verdict:
    """Users use most of the services that their policies let them use.

    Risk: what a user never uses serves only whoever gets at the user's password or keys.
    Fix: see what was used, then narrow the user's policies and groups:
    aws iam generate-service-last-accessed-details --arn {arn}
    aws iam get-service-last-accessed-details --job-id JOB_ID
    """
    return _accessed(user, inventory, unused_days, max_unused_percent)


def _accessed(principal: Role | User, inventory: Inventory, days: int, percent: int) -> Verdict:
    since = inventory.now - timedelta(days=days)
    if principal.create_date > since:
        return not_applicable(f"It is younger than {days} days", create_date=principal.create_date)
    granted = principal.services_last_accessed
    if not granted:
        return not_applicable("Its policies grant no service", services=0)
    unused = [each.service_namespace for each in granted if (each.last_authenticated or principal.create_date) < since]
    share = 100 * len(unused) // len(granted)
    if share <= percent:
        return passed(services=len(granted), unused=len(unused))
    return failed(
        f"{len(unused)} of {len(granted)} granted services were not used in {days} days", unused=sorted(unused)[:30]
    )
