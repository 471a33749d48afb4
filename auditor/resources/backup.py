"""AWS Backup."""

from auditor.fetch import Listing
from auditor.model import Resource


class BackupPlan(Resource):
    """A backup plan."""

    service, cfn_type = "backup", "AWS::Backup::BackupPlan"
    listing = Listing("ListBackupPlans", at="BackupPlansList")
    arn_format = "{backup_plan_arn}"
    id_field = "backup_plan_id"
    name_field = "backup_plan_name"

    backup_plan_id: str
    backup_plan_name: str
