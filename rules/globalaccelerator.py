"""Accelerators of AWS Global Accelerator."""

from auditor.findings import Category, Severity
from auditor.resources.globalaccelerator import Accelerator
from auditor.rule import Verdict, failed, not_applicable, passed, rule


@rule(severity=Severity.LOW, notes="Global Accelerator (ELB integration)", category=Category.RELIABILITY)
def globalaccelerator_accelerator_endpoints_healthy(accelerator: Accelerator) -> Verdict:
    """Accelerators have endpoints, all of them healthy, and keep flow logs.

    Risk: clients are sent to a region further away, or nowhere; and without flow logs nobody can tell who came.
    Fix: see why: aws globalaccelerator list-listeners --accelerator-arn {arn} --region us-west-2
    aws globalaccelerator update-accelerator-attributes --accelerator-arn {arn} --flow-logs-enabled
      --flow-logs-s3-bucket BUCKET --flow-logs-s3-prefix {name} --region us-west-2
    """
    if not accelerator.enabled:
        return not_applicable("The accelerator is switched off")
    endpoints = [each for group in accelerator.endpoint_groups for each in group.endpoint_descriptions]
    if not endpoints:
        return failed("The accelerator has no endpoint", endpoints=[])
    unhealthy = sorted(each.endpoint_id for each in endpoints if each.health_state == "UNHEALTHY" and each.weight != 0)
    if unhealthy:
        return failed("Endpoints are not healthy", unhealthy=unhealthy)
    if not accelerator.attributes.flow_logs_enabled:
        return failed("The accelerator keeps no flow logs", flow_logs_enabled=False)
    return passed(endpoints=len(endpoints), flow_logs_enabled=True)
