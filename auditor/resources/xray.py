"""X-Ray: which requests it samples, and how traces are encrypted."""

from typing import Any

from auditor.fetch import Ask, Listing, walk
from auditor.model import Resource


class SamplingRule(Resource):
    """A sampling rule: which requests it is about, and how many of them are traced."""

    service, cfn_type = "xray", "AWS::XRay::SamplingRule"
    listing = Listing("GetSamplingRules", at="SamplingRuleRecords.SamplingRule")
    arn_format = "{rule_arn}"
    id_field = name_field = "rule_name"

    rule_name: str
    rule_arn: str
    fixed_rate: float
    reservoir_size: int
    service_name: str
    service_type: str
    host: str
    http_method: str
    url_path: str
    resource_arn: str


async def _encryption(ask: Ask) -> list[dict[str, Any]]:
    """The region's one setting, under a name of ours, since its ARN needs one."""
    pages = await ask("GetEncryptionConfig")
    return [{**item, "ConfigName": "encryption-config"} for page in pages for item in walk(page, "EncryptionConfig")]


class TraceEncryption(Resource):
    """How X-Ray encrypts the traces of a region."""

    service, cfn_type = "xray", "AWS::XRay::EncryptionConfig"
    listing = Listing("GetEncryptionConfig", fetch=_encryption)
    # AWS has no ARN for it; this one is ours, in its form.
    arn_format = "arn:{partition}:xray:{region}:{account}:{config_name}"
    id_field = "config_name"

    config_name: str
    type: str
    key_id: str | None = None
