"""What RDS databases share: subnet groups, reservations, and the targets that scale a cluster's readers."""

from auditor.fetch import Listing
from auditor.model import Resource, Shape


class Zone(Shape):
    """An availability zone."""

    name: str


class ZonedSubnet(Shape):
    """A subnet of a subnet group: its zone."""

    subnet_availability_zone: Zone | None = None


class ReservedDatabases(Shape):
    """Instances that were paid for in advance: how many, of which class and engine (as AWS sells them)."""

    db_instance_class: str
    db_instance_count: int
    product_description: str
    multi_az: bool
    state: str


class ScalableTarget(Shape):
    """Something that Application Auto Scaling adds to and takes from."""

    resource_id: str


class DBSubnetGroup(Resource):
    """A subnet group: where databases may stand. Neptune and DocumentDB share it."""

    service, cfn_type = "rds", "AWS::RDS::DBSubnetGroup"
    listing = Listing("DescribeDBSubnetGroups", at="DBSubnetGroups")
    arn_format = "arn:{partition}:rds:{region}:{account}:subgrp:{db_subnet_group_name}"
    id_field = name_field = "db_subnet_group_name"

    db_subnet_group_name: str
    subnets: tuple[ZonedSubnet, ...]
