"""How EC2's computing is set aside or paid for ahead: hosts, capacity reservations, Reserved Instances; Spot fleets."""

from auditor.fetch import Listing
from auditor.model import Resource, Shape, Timestamp


class HostInstance(Shape):
    """An instance on a Dedicated Host."""

    instance_id: str


class Host(Resource):
    """A Dedicated Host; one that another account shares is listed too, under its owner's account."""

    service, cfn_type = "ec2", "AWS::EC2::Host"
    listing = Listing("DescribeHosts", at="Hosts")
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:dedicated-host/{host_id}"
    id_field = "host_id"

    host_id: str
    owner_id: str
    state: str
    allocation_time: Timestamp
    instances: tuple[HostInstance, ...] = ()


class CapacityReservation(Resource):
    """An On-Demand Capacity Reservation or a Capacity Block; one that another account shares is listed too."""

    service, cfn_type = "ec2", "AWS::EC2::CapacityReservation"
    listing = Listing("DescribeCapacityReservations", at="CapacityReservations")
    arn_format = "{capacity_reservation_arn}"
    id_field = "capacity_reservation_id"

    capacity_reservation_id: str
    owner_id: str
    state: str
    reservation_type: str | None = None  # "default" or "capacity-block"
    instance_type: str
    instance_platform: str | None = None
    availability_zone: str | None = None
    tenancy: str | None = None
    total_instance_count: int
    available_instance_count: int
    create_date: Timestamp
    end_date_type: str | None = None  # "unlimited" or "limited"
    end_date: Timestamp | None = None  # absent where it does not end by itself


class ReservedInstances(Resource):
    """Reserved Instances that are active: a discount for as many instances, and in a zone a place for them."""

    service, cfn_type = "ec2", "AWS::EC2::ReservedInstances"
    listing = Listing(
        "DescribeReservedInstances",
        at="ReservedInstances",
        params={"Filters": [{"Name": "state", "Values": ["active"]}]},
    )
    arn_format = "arn:{partition}:ec2:{region}:{account}:reserved-instances/{reserved_instances_id}"
    id_field = "reserved_instances_id"

    reserved_instances_id: str
    state: str
    instance_type: str
    instance_count: int
    product_description: str
    instance_tenancy: str
    scope: str  # "Region" or "Availability Zone"
    availability_zone: str | None = None  # absent for a region's
    end: Timestamp


class SpotFleetRequestConfig(Shape):
    """What a Spot fleet is to be."""

    spot_price: str | None = None  # absent: no more than On-Demand


class SpotFleetRequest(Resource):
    """A request for a Spot fleet; those that ended are listed for two days."""

    service, cfn_type = "ec2", "AWS::EC2::SpotFleet"
    listing = Listing("DescribeSpotFleetRequests", at="SpotFleetRequestConfigs")
    arn_format = "arn:{partition}:ec2:{region}:{account}:spot-fleet-request/{spot_fleet_request_id}"
    id_field = "spot_fleet_request_id"

    spot_fleet_request_id: str
    spot_fleet_request_state: str
    spot_fleet_request_config: SpotFleetRequestConfig
