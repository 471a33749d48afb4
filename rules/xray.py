"""Rules about X-Ray: how much it samples, and how it encrypts traces."""

from typing import Any

from auditor.findings import Category, Severity
from auditor.resources.xray import SamplingRule, TraceEncryption
from auditor.rule import Verdict, failed, passed, rule


@rule(severity=Severity.INFORMATIONAL, notes="X-Ray sampling", category=Category.COST)
def xray_sampling_rule_rate_reasonable(sampling: SamplingRule) -> Verdict:
    """X-Ray samples neither everything nor nothing.

    Risk: every request that is traced is paid for; where none is, the one that failed cannot be followed.
    Fix: aws xray update-sampling-rule --sampling-rule-update RuleName={name},FixedRate=0.05,ReservoirSize=1
        --region {region}
    """
    evidence: dict[str, Any] = {"fixed_rate": sampling.fixed_rate, "reservoir_size": sampling.reservoir_size}
    if sampling.rule_name == "Default" and sampling.fixed_rate == 0 and sampling.reservoir_size == 0:
        return failed("Nothing is traced but what other rules name", **evidence)
    wide = (sampling.service_name, sampling.service_type, sampling.host, sampling.http_method, sampling.url_path)
    if sampling.fixed_rate == 1.0 and all(part == "*" for part in (*wide, sampling.resource_arn)):
        return failed("Every request is traced", **evidence)
    return passed(**evidence)


@rule(severity=Severity.INFORMATIONAL, notes="X-Ray")
def xray_encryption_config_kms(encryption: TraceEncryption) -> Verdict:
    """X-Ray encrypts traces with a KMS key of the account's own.

    Risk: traces hold addresses and users; with a key of AWS's own nobody can see who reads them, or stop it.
    Fix: aws xray put-encryption-config --type KMS --key-id KEY_ARN --region {region}
    """
    if encryption.type == "KMS":
        return passed(type=encryption.type, key_id=encryption.key_id)
    return failed("Traces are encrypted with a key of AWS's own", type=encryption.type)
