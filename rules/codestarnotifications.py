"""Rules about notification rules of the developer tools."""

from auditor.findings import Category, Severity
from auditor.resources.codestarnotifications import NotificationRule
from auditor.rule import Verdict, failed, not_applicable, passed, rule

DEAF = ("UNREACHABLE", "DEACTIVATED", "INACTIVE")


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="CodeStar (notifications)")
def codestarnotifications_rule_target_active(notification: NotificationRule) -> Verdict:
    """Notification rules reach whom they are to tell.

    Risk: everybody believes to be told of failures, and the messages go to a topic that refuses or lost them.
    Fix: aws codestar-notifications describe-notification-rule --region {region} --arn {arn} --query Targets
        aws codestar-notifications subscribe --region {region} --arn {arn}
            --target TargetType=SNS,TargetAddress=TOPIC-ARN
    """
    details = notification.details
    if details.status != "ENABLED":
        return not_applicable("The rule is switched off", status=details.status)
    if deaf := [each.target_status for each in details.targets if each.target_status in DEAF]:
        return failed("Targets cannot be reached", target_status=deaf)
    return passed(targets=len(details.targets))
