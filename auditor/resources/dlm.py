"""Data Lifecycle Manager: what makes snapshots and images by the clock."""

from auditor.fetch import Listing
from auditor.model import Resource


class LifecyclePolicy(Resource):
    """A lifecycle policy."""

    service, cfn_type = "dlm", "AWS::DLM::LifecyclePolicy"
    listing = Listing("GetLifecyclePolicies", at="Policies")
    arn_format = "arn:{partition}:dlm:{region}:{account}:policy/{policy_id}"
    id_field = "policy_id"

    policy_id: str
    state: str  # ENABLED, DISABLED or ERROR
    policy_type: str | None = None  # EBS_SNAPSHOT_MANAGEMENT, IMAGE_MANAGEMENT or EVENT_BASED_POLICY
