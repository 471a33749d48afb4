"""Systems Manager: parameters, of which only the metadata is read, and the machines that its agent serves."""

from auditor.fetch import Listing
from auditor.model import Resource, Timestamp


class SsmParameter(Resource):
    """A parameter of Parameter Store. Its value is never read."""

    service, cfn_type = "ssm", "AWS::SSM::Parameter"
    listing = Listing("DescribeParameters", at="Parameters", params={"MaxResults": 50})
    id_field = "name"
    name_field = "name"

    name: str
    type: str  # String, StringList or SecureString
    data_type: str | None = None  # text, aws:ec2:image or aws:ssm:integration
    last_modified_date: Timestamp | None = None


class ManagedInstance(Resource):
    """A machine with an SSM agent that has reported: an EC2 instance, or another one (mi-...)."""

    service, cfn_type = "ssm", "AWS::SSM::ManagedInstance"
    listing = Listing("DescribeInstanceInformation", at="InstanceInformationList", params={"MaxResults": 50})
    arn_format = "arn:{partition}:ssm:{region}:{account}:managed-instance/{instance_id}"
    id_field = "instance_id"

    instance_id: str
    ping_status: str  # Online, ConnectionLost or Inactive
    last_ping_date_time: Timestamp | None = None
    agent_version: str | None = None
    is_latest_version: bool | None = None
    platform_type: str | None = None  # Linux, Windows or MacOS
    platform_name: str | None = None
    resource_type: str | None = None  # EC2Instance or ManagedInstance
