"""What connects the networks, lies about in them, and is mounted by them: gateways, endpoints, lines, file shares."""

import json
from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Error, Params
from auditor.demo.seed_data import measure
from auditor.demo.stage import (
    ANALYTICS,
    EXPERIMENT,
    PRODUCTION,
    RECOVERY,
    STAGING,
    Stage,
    allow,
    arn,
    document,
    specify,
    tags,
)

WORLD = "0.0.0.0/0"
VPC = "northwind-production"
FORGOTTEN = "moved by hand in 2024"


def build(stage: Stage) -> None:
    """Make all of it."""
    _nat(stage)
    _endpoints(stage)
    _peers(stage)
    _lines(stage)
    _left_behind(stage)
    _files(stage)
    _partner_files(stage)
    _disown(stage)


def _tagged(kind: str, name: str, environment: str = "production", owner: str = "platform") -> list[dict[str, Any]]:
    return specify(kind, tags(name, environment, owner, "cc-100"))


def _nat(stage: Stage) -> None:
    """One gateway for both zones of production, one for the one that analytics uses; and in staging one that stands
    where it can do nothing.
    """
    gateways = (
        (PRODUCTION, VPC, "public-a", "ab", 400),
        (ANALYTICS, "northwind-analytics", "public-a", "a", 200),
        (STAGING, "northwind-staging", "private-a", "", 90),
    )
    for region, vpc, where, zones, days in gateways:
        ec2 = stage.client("ec2", region)
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=_tagged("elastic-ip", f"{vpc}-nat"))
        gateway = ec2.create_nat_gateway(
            SubnetId=stage.names[f"{vpc}/{where}"],
            AllocationId=address["AllocationId"],
            TagSpecifications=_tagged("natgateway", f"{vpc}-nat"),
        )["NatGateway"]["NatGatewayId"]
        stage.backend("ec2", region).nat_gateways[gateway]._created_at = stage.ago(days).replace(tzinfo=None)
        if zones:
            _private(stage, region, vpc, zones, gateway)
            measure(stage, region, "AWS/NATGateway", "BytesOutToDestination", days=29, NatGatewayId=(gateway, 4.2e9))


def _private(stage: Stage, region: str, vpc: str, zones: str, gateway: str) -> None:
    """A route table for private subnets, which leave by a NAT gateway."""
    ec2 = stage.client("ec2", region)
    made = ec2.create_route_table(VpcId=stage.names[vpc], TagSpecifications=_tagged("route-table", f"{vpc}-private"))
    table = stage.names[f"{vpc}/private-table"] = made["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=WORLD, NatGatewayId=gateway)
    for zone in zones:
        ec2.associate_route_table(RouteTableId=table, SubnetId=stage.names[f"{vpc}/private-{zone}"])


def _endpoints(stage: Stage) -> None:
    ec2, recovery = stage.client("ec2"), stage.client("ec2", RECOVERY)
    ec2.create_vpc_endpoint(
        VpcId=stage.names[VPC],
        VpcEndpointType="Gateway",
        ServiceName=f"com.amazonaws.{PRODUCTION}.s3",
        RouteTableIds=[stage.names[f"{VPC}/private-table"]],
        TagSpecifications=_tagged("vpc-endpoint", f"{VPC}-s3"),
    )
    limited = document(allow("sqs:SendMessage", arn("sqs", PRODUCTION, "orders"), Principal={"AWS": ACCOUNT}))
    for service, zones, policy in (("sqs", "ab", limited), ("secretsmanager", "a", None)):
        ec2.create_vpc_endpoint(
            VpcId=stage.names[VPC],
            VpcEndpointType="Interface",
            ServiceName=f"com.amazonaws.{PRODUCTION}.{service}",
            SubnetIds=[stage.names[f"{VPC}/private-{zone}"] for zone in zones],
            SecurityGroupIds=[stage.names[f"{VPC}/app"]],
            TagSpecifications=_tagged("vpc-endpoint", f"{VPC}-{service}"),
            **({"PolicyDocument": json.dumps(policy)} if policy else {}),
        )
    main = recovery.describe_route_tables(
        Filters=[
            {"Name": "vpc-id", "Values": [stage.names["northwind-recovery"]]},
            {"Name": "association.main", "Values": ["true"]},
        ]
    )["RouteTables"][0]["RouteTableId"]
    for service in ("s3", "dynamodb"):
        recovery.create_vpc_endpoint(
            VpcId=stage.names["northwind-recovery"],
            VpcEndpointType="Gateway",
            ServiceName=f"com.amazonaws.{RECOVERY}.{service}",
            RouteTableIds=[main],
            TagSpecifications=_tagged("vpc-endpoint", f"recovery-{service}", "recovery"),
        )


def _peers(stage: Stage) -> None:
    """The network of a roastery that was bought has production's addresses; a rule still names its group."""
    bought = stage.client("ec2", ANALYTICS).create_vpc(
        CidrBlock="10.20.0.0/16", TagSpecifications=_tagged("vpc", "acquired-roastery", "production", "analytics")
    )
    stage.client("ec2", ANALYTICS).create_subnet(
        VpcId=bought["Vpc"]["VpcId"],
        CidrBlock="10.20.7.0/24",
        AvailabilityZone=f"{ANALYTICS}a",
        TagSpecifications=_tagged("subnet", "acquired-roastery", "production", "analytics"),
    )
    ec2 = stage.client("ec2")
    made = ec2.create_security_group(
        GroupName="roastery-feed",
        Description="Stock of the roastery",
        VpcId=stage.names[VPC],
        TagSpecifications=_tagged("security-group", "roastery-feed"),
    )["GroupId"]
    gone = "sg-0f00d5700dbeef001"
    pair = {"GroupId": gone, "VpcPeeringConnectionId": "pcx-0f00d5700dbeef001", "Description": "till the move"}
    permission = {"IpProtocol": "tcp", "FromPort": 5671, "ToPort": 5671, "UserIdGroupPairs": [pair]}
    ec2.authorize_security_group_ingress(
        GroupId=made,
        IpPermissions=[{**permission, "UserIdGroupPairs": [{"GroupId": stage.names[f"{VPC}/app"]}]}],
    )
    for rule in stage.backend("ec2").groups[stage.names[VPC]][made].ingress_rules:
        rule.source_group = pair
    stale = {
        "GroupId": made,
        "GroupName": "roastery-feed",
        "VpcId": stage.names[VPC],
        "StaleIpPermissions": [permission],
    }
    stage.answers[f"ec2:DescribeStaleSecurityGroups@{PRODUCTION}"] = {"StaleSecurityGroupSet": [stale]}


def _lines(stage: Stage) -> None:
    """The warehouse has a line and a VPN besides; headquarters trusts its one line. A door for administrators."""
    gateway = "vgw-0a11ce0fba5eba110"
    tunnel = {"IkeVersions": [{"Value": "ikev2"}], "LogOptions": {"CloudWatchLogOptions": {"LogEnabled": True}}}
    old = {"IkeVersions": [{"Value": "ikev1"}, {"Value": "ikev2"}]}
    vpns = (
        ("vpn-0a11ce0fba5eba110", "warehouse", ("UP", "UP"), tunnel, gateway),
        ("vpn-0a11ce0fba5eba111", "roastery", ("UP", "DOWN"), old, "vgw-0a11ce0fba5eba111"),
    )
    stage.answers[f"ec2:DescribeVpnConnections@{PRODUCTION}"] = {
        "VpnConnections": [
            {"VpnConnectionId": name, "State": "available", "VpnGatewayId": ends,
             "Tags": tags(what, "production", "platform"),
             "VgwTelemetry": [{"OutsideIpAddress": f"203.0.113.{n}", "Status": each} for n, each in enumerate(up, 10)],
             "Options": {"TunnelOptions": [{"OutsideIpAddress": f"203.0.113.{n}", **options} for n in (10, 11)]}}
            for name, what, up, options, ends in vpns
        ]
    }  # fmt: skip
    line = {"ownerAccount": ACCOUNT, "connectionState": "available", "region": PRODUCTION, "macSecCapable": True}
    stage.answers[f"directconnect:DescribeConnections@{PRODUCTION}"] = {
        "connections": [
            {**line, "connectionId": "dxcon-fg000001", "connectionName": "warehouse", "location": "EqFA5",
             "encryptionMode": "must_encrypt", "portEncryptionStatus": "Encryption Up"},
            {**line, "connectionId": "dxcon-fg000002", "connectionName": "headquarters", "location": "EqFA5",
             "encryptionMode": "no_encrypt", "portEncryptionStatus": "Encryption Down"},
        ]
    }  # fmt: skip
    face = {"ownerAccount": ACCOUNT, "location": "EqFA5", "virtualInterfaceState": "available"}
    stage.answers[f"directconnect:DescribeVirtualInterfaces@{PRODUCTION}"] = {
        "virtualInterfaces": [
            {**face, "virtualInterfaceId": "dxvif-fg000001", "virtualInterfaceName": "warehouse",
             "connectionId": "dxcon-fg000001", "virtualInterfaceType": "private", "virtualGatewayId": gateway},
            {**face, "virtualInterfaceId": "dxvif-fg000002", "virtualInterfaceName": "headquarters",
             "connectionId": "dxcon-fg000002", "virtualInterfaceType": "transit",
             "directConnectGatewayId": "5f294f92-bafb-4011-916d-9b0bec7ca001"},
        ]
    }  # fmt: skip
    door = {"OwnerId": ACCOUNT, "VpcId": stage.names[VPC], "State": "create-complete"}
    stage.answers[f"ec2:DescribeInstanceConnectEndpoints@{PRODUCTION}"] = {
        "InstanceConnectEndpoints": [
            {**door, "InstanceConnectEndpointId": f"eice-0a11ce0fba5eba11{n}", "SecurityGroupIds": [group]}
            for n, group in enumerate((_door_group(stage), stage.names[f"{VPC}/app"]))
        ]
    }


def _door_group(stage: Stage) -> str:
    """A group that lets out SSH alone."""
    ec2 = stage.client("ec2")
    made: str = ec2.create_security_group(
        GroupName="instance-connect",
        Description="Administrators",
        VpcId=stage.names[VPC],
        TagSpecifications=_tagged("security-group", "instance-connect"),
    )["GroupId"]
    ec2.revoke_security_group_egress(
        GroupId=made, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": WORLD}]}]
    )
    ssh = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "UserIdGroupPairs": [{"GroupId": stage.names[f"{VPC}/app"]}],
    }
    ec2.authorize_security_group_egress(GroupId=made, IpPermissions=[ssh])
    return made


def _left_behind(stage: Stage) -> None:
    """What was made and forgotten: an address, an interface, a gateway, an ACL; and a subnet that is nearly full."""
    ec2, staging = stage.client("ec2"), stage.client("ec2", STAGING)
    ec2.allocate_address(Domain="vpc", TagSpecifications=_tagged("elastic-ip", "old-shop"))
    fixed = ec2.allocate_address(Domain="vpc", TagSpecifications=_tagged("elastic-ip", "bastion"))
    ec2.associate_address(AllocationId=fixed["AllocationId"], InstanceId=stage.names["bastion"])
    ec2.create_network_interface(
        SubnetId=stage.names[f"{VPC}/private-a"],
        Groups=[stage.names[f"{VPC}/app"]],
        Description=FORGOTTEN,
        TagSpecifications=_tagged("network-interface", "old-orders"),
    )
    stage.client("ec2", EXPERIMENT).create_internet_gateway(
        TagSpecifications=_tagged("internet-gateway", "second-try", "experiment", "dario.rossi")
    )
    vpc = stage.names["northwind-staging"]
    staging.create_network_acl(VpcId=vpc, TagSpecifications=_tagged("network-acl", "draft", "staging"))
    mute = staging.create_network_acl(VpcId=vpc, TagSpecifications=_tagged("network-acl", "web-only", "staging"))
    acl = mute["NetworkAcl"]["NetworkAclId"]
    staging.create_network_acl_entry(
        NetworkAclId=acl, RuleNumber=100, Egress=False, RuleAction="allow", CidrBlock=WORLD, Protocol="6",
        PortRange={"From": 443, "To": 443},
    )  # fmt: skip
    guarded = stage.names["northwind-staging/private-b"]
    current = staging.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [guarded]}])
    for association in current["NetworkAcls"][0]["Associations"]:
        if association["SubnetId"] == guarded:
            staging.replace_network_acl_association(
                AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
            )
    _crowd(stage)
    crowded = stage.backend("ec2", STAGING).get_subnet(stage.names["northwind-staging/public-b"])
    crowded._available_ip_addresses = 12


def _crowd(stage: Stage) -> None:
    """A group for whose addresses nobody ever used a prefix list, and a test in a default VPC."""
    ec2, try_out = stage.client("ec2", STAGING), stage.client("ec2", EXPERIMENT)
    made = ec2.create_security_group(
        GroupName="testers",
        Description="Testers at home",
        VpcId=stage.names["northwind-staging"],
        TagSpecifications=_tagged("security-group", "testers", "staging"),
    )["GroupId"]
    homes = [{"CidrIp": f"198.51.100.{number}/32"} for number in range(55)]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": homes}
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[https])
    default = try_out.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]
    try_out.create_network_interface(
        SubnetId=default["SubnetId"],
        Description="first try",
        TagSpecifications=_tagged("network-interface", "first-try", "experiment", "dario.rossi"),
    )


def _disown(stage: Stage) -> None:
    """The interfaces of gateways, endpoints, balancers and mount targets are AWS's own: moto gives them to nobody."""
    for region in (PRODUCTION, STAGING, ANALYTICS, RECOVERY):
        for face in stage.backend("ec2", region).enis.values():
            face.requester_managed = not face.attachment_id and face.description != FORGOTTEN


def _files(stage: Stage) -> None:
    """The label printers' templates are well kept; uploads of the old shop are not, and nobody can mount them."""
    efs = stage.client("efs")
    good = efs.create_file_system(
        CreationToken="labels", Encrypted=True, Backup=True,
        Tags=tags("label-templates", "production", "shop", "cc-100"),
    )["FileSystemId"]  # fmt: skip
    measure(stage, PRODUCTION, "AWS/EFS", "BurstCreditBalance", days=13, FileSystemId=(good, 2.3e12))
    for zone in "ab":
        efs.create_mount_target(
            FileSystemId=good,
            SubnetId=stage.names[f"{VPC}/private-{zone}"],
            SecurityGroups=[stage.names[f"{VPC}/shares"]],
        )
    efs.put_lifecycle_configuration(FileSystemId=good, LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}])
    deny = {**allow("*", "*", Principal={"AWS": "*"}), "Effect": "Deny"}
    policy = document({**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    efs.put_file_system_policy(FileSystemId=good, Policy=json.dumps(policy))
    efs.create_access_point(
        ClientToken="labels", FileSystemId=good, PosixUser={"Uid": 1000, "Gid": 1000},
        RootDirectory={"Path": "/labels"},
        Tags=tags("labels", "production", "shop", "cc-100"),
    )  # fmt: skip
    bad = efs.create_file_system(
        CreationToken="uploads", Encrypted=False, PerformanceMode="maxIO",
        Tags=tags("old-uploads", "production", "shop"),
    )["FileSystemId"]  # fmt: skip
    stage.backend("efs").file_systems_by_id[bad].creation_time = stage.ago(900).timestamp()
    efs.create_access_point(ClientToken="uploads", FileSystemId=bad, Tags=tags("uploads", "production", "shop"))


def _partner_files(stage: Stage) -> None:
    """The old file server's successor stands where the server stood: in a public subnet, open to anyone."""
    efs = stage.client("efs", ANALYTICS)
    made = efs.create_file_system(
        CreationToken="exports", Encrypted=True, Tags=tags("exports", "production", "analytics", "cc-300")
    )["FileSystemId"]
    efs.create_mount_target(
        FileSystemId=made,
        SubnetId=stage.names["northwind-analytics/public-a"],
        SecurityGroups=[stage.names["northwind-analytics/exports"]],
    )
    anyone = document(allow("elasticfilesystem:Client*", "*", Principal={"AWS": "*"}))
    efs.put_file_system_policy(FileSystemId=made, Policy=json.dumps(anyone))
    saved = arn("elasticfilesystem", ANALYTICS, f"file-system/{made}")
    last = stage.ago(2)

    def protected(params: Params, _: str, __: str) -> Mapping[str, Any] | Error:
        if params["ResourceArn"] == saved:
            return {"ResourceArn": saved, "ResourceType": "EFS", "LastBackupTime": last}
        return Error("ResourceNotFoundException", "The resource is not protected", 400)

    stage.answers[f"backup:DescribeProtectedResource@{ANALYTICS}"] = protected
    measure(stage, ANALYTICS, "AWS/EFS", "BurstCreditBalance", days=13, FileSystemId=(made, 1.0e11))
