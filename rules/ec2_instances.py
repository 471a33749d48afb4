"""EC2 instances: how they are managed, watched, and reached besides their security groups."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from auditor.analysis.instances import NODE_TAGS, has_tag, node_tag, why_not_judged, why_not_running
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.autoscaling import LaunchConfiguration
from auditor.resources.ec2 import Instance, KeyPair, LaunchTemplate
from auditor.resources.ssm import ManagedInstance
from auditor.resources.vpc import RouteTable
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

APPLIANCES = ("firewall", "role=firewall", "role=appliance", "auditor:network-appliance")

# --- Managing instances


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub SSM.1",
        "NIST-800-53-r5 cm_2_a cm_2_b cm_2_b_1 cm_2_b_2 cm_2_b_3 cm_2_2 cm_3_3 cm_6 cm_8_1 cm_8_2 cm_8_3_a",
        "NIST-800-53-r5 cm_8_6",
        "ISO-27001-2022 A.5.26",
    ),
    notes="SSH; EC2 Instance Connect",
)
def ec2_instance_managed_by_ssm(instance: Instance, inventory: Inventory) -> Verdict:
    """Running EC2 instances are reachable through Systems Manager.

    Risk: without it the only way in is SSH with a key that somebody holds and an open port, and nobody sees which
        software the instance runs or lacks.
    Fix: Give the instance a role with the policy AmazonSSMManagedInstanceCore, a way to the service's endpoints, and a
        running SSM Agent. What the service knows of it:
    aws ssm describe-instance-information --region {region} --filters Key=InstanceIds,Values={id}
    """
    if reason := why_not_running(instance):
        return not_applicable(reason)
    if inventory.now - instance.launch_time < timedelta(hours=1):
        return not_applicable("the instance was started less than an hour ago")
    found = inventory.find(ManagedInstance, "instance_id", instance.instance_id, region=instance.region)
    if found is None:
        return failed("Systems Manager does not know the instance", ping_status=None)
    if found.ping_status == "Online":
        return passed("The instance's agent is online", ping_status=found.ping_status)
    return failed("The instance's agent does not answer", ping_status=found.ping_status)


@rule(
    severity=Severity.LOW,
    controls=(
        "CIS-3.0 1.18",
        "CIS-5.0 1.17",
        "PCI-4.0 7.2.1.5 7.2.2.5 7.2.5.3 7.3.1.3 7.3.2.3 7.3.3.3 8.2.7.3 8.2.8.5 8.3.4.3",
        "NIST-800-53-r5 ac_3 cm_5_1_a cm_6_a",
        "ISO-27001-2022 A.8.2 A.8.20 A.8.21 A.8.22",
    ),
    notes="IAM Roles for Services; AWS Credentials Best Practices",
)
def ec2_instance_profile_attached(instance: Instance) -> Verdict:
    """EC2 instances have an instance profile.

    Risk: without a role of its own, what runs on the instance and calls AWS needs access keys, which stay on its disk
        and in its images.
    Fix: aws ec2 associate-iam-instance-profile --region {region} --instance-id {id} --iam-instance-profile Name=PROFILE
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    profile = instance.iam_instance_profile
    if profile is None:
        return failed("The instance has no instance profile")
    return passed("The instance has an instance profile", profile=profile.arn)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="High Availability")
def ec2_instance_termination_protection_enabled(
    instance: Instance, *, opt_out_tag: str = "auditor:disposable"
) -> Verdict:
    """EC2 instances that nothing replaces are protected against termination.

    Risk: one wrong selection in the console, or one wrong line in a script, and the instance is gone with its root
        volume.
    Fix: aws ec2 modify-instance-attribute --region {region} --instance-id {id} --disable-api-termination
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    if not instance.stands_alone:
        return not_applicable("something replaces the instance: an Auto Scaling group, a cluster, or a Spot request")
    if opt_out_tag in (instance.tags or {}):
        return not_applicable(f"the instance is tagged {opt_out_tag}")
    protected = instance.termination_protected
    if protected is None:
        return unknown("EC2 does not say whether the instance is protected")
    if protected:
        return passed("The instance is protected against termination", disable_api_termination=True)
    return failed("One call terminates the instance", disable_api_termination=False)


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="EC2 Instances (status)")
def ec2_instance_status_checks_passed(instance: Instance) -> Verdict:
    """Running EC2 instances pass their status checks, and AWS plans no maintenance of them.

    Risk: an impaired instance does not serve, and one on failing hardware is stopped on the day that AWS has set.
    Fix: aws ec2 describe-instance-status --region {region} --instance-ids {id}
    Where the system is impaired or to be retired, move to other hardware:
    aws ec2 stop-instances --region {region} --instance-ids {id}
    aws ec2 wait instance-stopped --region {region} --instance-ids {id}
    aws ec2 start-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_running(instance):
        return not_applicable(reason)
    health = next(iter(instance.health), None)
    if health is None:
        return unknown("EC2 gives no status of the instance")
    checks = {"instance": health.instance_status.status, "system": health.system_status.status}
    planned = [event for event in health.events if not event.over]
    events = {event.code: event.not_before.isoformat() if event.not_before else None for event in planned}
    if "impaired" in checks.values():
        which = " and ".join(name for name, status in checks.items() if status == "impaired")
        return failed(f"The {which} status check fails", status=checks, events=events)
    if events:
        return failed(f"AWS plans {', '.join(sorted(events))}", status=checks, events=events)
    if set(checks.values()) & {"initializing", "insufficient-data"}:
        return not_applicable("the status checks have not finished", status=checks)
    return passed("The status checks pass", status=checks)


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.OPERATIONS,
    controls=("PCI-4.0 10.2.1.1.15 10.4.1.1.4 10.4.1.3 10.4.2.4 10.6.3.15 10.7.1.5 10.7.2.5 A3.3.1.7 A3.5.1.7",),
    notes="CloudWatch Metrics",
)
def ec2_instance_detailed_monitoring_enabled(instance: Instance, *, only_auto_scaled: bool = True) -> Verdict:
    """Running EC2 instances of Auto Scaling groups are measured every minute.

    Risk: with a figure every five minutes, a group learns of a rush when it is half over.
    Fix: aws ec2 monitor-instances --region {region} --instance-ids {id}
    Set Monitoring in the group's launch template too, or the next instance is as this one was.
    """
    if reason := why_not_running(instance):
        return not_applicable(reason)
    if only_auto_scaled and not instance.auto_scaled:
        return not_applicable("the instance belongs to no Auto Scaling group")
    state = instance.monitoring.state
    if state in ("enabled", "pending"):
        return passed("The instance is measured every minute", monitoring=state)
    return failed("The instance is measured every five minutes", monitoring=state)


# --- The metadata service


@rule(severity=Severity.LOW, notes="EC2 Instance Metadata (IMDS)")
def ec2_instance_imds_hop_limit_one(instance: Instance, *, container_host_tags: tuple[str, ...] = NODE_TAGS) -> Verdict:
    """Answers of the metadata service go no further than the EC2 instance itself.

    Risk: with a limit above one, a container on the instance gets a session token, and with it the credentials of the
        instance's role instead of its own.
    Fix: aws ec2 modify-instance-metadata-options --region {region} --instance-id {id} --http-put-response-hop-limit 1
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    options = instance.metadata_options
    if options is not None and options.http_endpoint == "disabled":
        return passed("The metadata service is off", http_endpoint="disabled")
    limit = options.http_put_response_hop_limit if options else None
    if limit is None or limit <= 1:  # EC2's default is one
        return passed("Answers go no further than the instance", http_put_response_hop_limit=limit)
    if tag := node_tag(instance.tags, container_host_tags):
        return not_applicable(f"the tag {tag} marks a container host, whose containers may need the second hop")
    # Two hops and a token are what EC2 gives instances of images that ask for IMDSv2: Amazon Linux 2023, say.
    as_given = limit == 2 and options is not None and options.http_tokens == "required"
    severity = Severity.INFORMATIONAL if as_given else None
    return failed(f"Answers may go {limit} hops", severity=severity, http_put_response_hop_limit=limit)


@rule(severity=Severity.LOW, notes="EC2 Instance Metadata (IMDS)")
def ec2_instance_imdsv1_not_used(instance: Instance) -> Verdict:
    """Nothing on the EC2 instance has asked the metadata service without a session token for two weeks.

    Risk: whatever asks so stops working on the day that IMDSv2 is required; and until then IMDSv1 has to stay open.
    Fix: Update the SDKs and agents on the instance until the count stays at zero, then require IMDSv2:
    aws cloudwatch get-metric-statistics --region {region} --namespace AWS/EC2 --metric-name MetadataNoToken
        --dimensions Name=InstanceId,Value={id} --statistics Sum --period 86400 --start-time "$(date -d '-14 days' -I)"
        --end-time "$(date -I)"
    aws ec2 modify-instance-metadata-options --region {region} --instance-id {id} --http-tokens required
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    requests = int(sum(instance.metadata_no_token))
    if requests:
        return failed(f"{requests} requests came without a session token in 14 days", requests=requests)
    return passed("No request came without a session token in 14 days", requests=0)


# --- Network


@rule(
    severity=Severity.INFORMATIONAL,
    controls=("SecurityHub EC2.17", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Elastic Network Interfaces",
)
def ec2_instance_single_network_interface(
    instance: Instance, *, container_host_tags: tuple[str, ...] = NODE_TAGS
) -> Verdict:
    """EC2 instances have one network interface.

    Risk: an instance that stands in two subnets can pass traffic between them, past the network ACLs and route tables
        that keep them apart.
    Fix: aws ec2 describe-network-interfaces --region {region} --filters Name=attachment.instance-id,Values={id}
    aws ec2 detach-network-interface --region {region} --attachment-id ATTACHMENT
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    ids = [interface.network_interface_id for interface in instance.network_interfaces]
    if len(ids) <= 1:
        return passed("The instance has one network interface", network_interfaces=ids)
    if tag := node_tag(instance.tags, container_host_tags):
        return not_applicable(f"the tag {tag} marks a container host, whose pods need further interfaces")
    return failed(f"The instance has {len(ids)} network interfaces", network_interfaces=ids)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="NAT Instances (self-managed)")
def ec2_nat_instance_not_used(
    instance: Instance, inventory: Inventory, *, appliance_tags: tuple[str, ...] = APPLIANCES
) -> Verdict:
    """No EC2 instance stands in for a NAT gateway.

    Risk: when it fails or is patched, every subnet behind it is cut off from the internet; its bandwidth and its
        patching are the account's own care.
    Fix: Make a NAT gateway in a public subnet and let the default routes lead there:
    aws ec2 create-nat-gateway --region {region} --subnet-id SUBNET --allocation-id ALLOCATION
    aws ec2 replace-route --region {region} --route-table-id TABLE --destination-cidr-block 0.0.0.0/0
        --nat-gateway-id GATEWAY
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    forwarding = [each.network_interface_id for each in instance.network_interfaces if not each.source_dest_check]
    if not forwarding:
        return passed("The instance forwards no traffic of others: its interfaces check source and destination")
    if tag := has_tag(instance.tags, appliance_tags):
        return not_applicable(f"the tag {tag} marks a network appliance")
    for table in inventory.each(RouteTable, region=instance.region):
        for route in table.routes:
            to_it = route.network_interface_id in forwarding or route.instance_id == instance.instance_id
            if route.destination_cidr_block == "0.0.0.0/0" and to_it:
                said = "A default route leads to the instance, which forwards the traffic of others"
                return failed(said, route_table=table.route_table_id, network_interfaces=forwarding)
    return passed("No default route leads to the instance", network_interfaces=forwarding)


# --- Keys for SSH


@rule(severity=Severity.INFORMATIONAL, notes="SSH key handling")
def ec2_key_pair_in_use(pair: KeyPair, inventory: Inventory) -> Verdict:
    """Key pairs are used by an EC2 instance or a launch template.

    Risk: a key that nothing needs is one that somebody may still hold, and that is chosen by mistake for the next
        instance.
    Fix: aws ec2 delete-key-pair --region {region} --key-pair-id {id}
    """

    def users() -> Iterator[tuple[str, bool]]:
        for instance in inventory.where(Instance, "key_name", pair.key_name, region=pair.region):
            yield instance.instance_id, instance.live
        for template in inventory.each(LaunchTemplate, region=pair.region):
            versions = (*template.versions, *template.all_versions)
            yield template.launch_template_id, any(v.launch_template_data.key_name == pair.key_name for v in versions)
        for configuration in inventory.each(LaunchConfiguration, region=pair.region):
            yield configuration.launch_configuration_name, configuration.key_name == pair.key_name

    evidence: dict[str, Any] = {"key_name": pair.key_name}
    if any_of(lambda user: user[1], users()):
        return passed("Something uses the key pair", **evidence)
    return failed("No instance, launch template or launch configuration uses the key pair", **evidence)
