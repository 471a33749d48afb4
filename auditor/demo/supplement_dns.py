"""What moto lacks of Route 53, X-Ray, EventBridge's schemas and Elastic Beanstalk's names: as nobody touched them."""

from collections.abc import Mapping

from auditor.demo.protocol import Answer, Error, Params


def sampling_rules(_: Params, region: str, account: str) -> Mapping[str, object]:
    """The one sampling rule that is always there: a request each second, and one in twenty of the others."""
    everything = dict.fromkeys(("ResourceARN", "ServiceName", "ServiceType", "Host", "HTTPMethod", "URLPath"), "*")
    rule = {
        "RuleName": "Default",
        "RuleARN": f"arn:aws:xray:{region}:{account}:sampling-rule/Default",
        "Priority": 10000,
        "FixedRate": 0.05,
        "ReservoirSize": 1,
        "Version": 1,
        "Attributes": {},
    }
    return {"SamplingRuleRecords": [{"SamplingRule": everything | rule}]}


ANSWERS: dict[str, Answer] = {
    "elasticbeanstalk:CheckDNSAvailability": {"Available": False},
    "route53:GetCheckerIpRanges": {"CheckerIpRanges": ["15.177.0.0/18", "54.183.255.128/26"]},
    "route53:ListTrafficPolicies": {
        "TrafficPolicySummaries": [], "IsTruncated": False, "TrafficPolicyIdMarker": "", "MaxItems": "100",
    },
    "schemas:GetResourcePolicy": Error("NotFoundException", "No policy was found for the registry.", 404),
    "xray:GetSamplingRules": sampling_rules,
}  # fmt: skip
