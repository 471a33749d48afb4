"""Web ACLs of AWS WAF."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, REGION, Answers, Item, distribution, distributions, judged

RULES = "wafv2-web-acl-has-rules"


def acl(name: str, scope: str) -> Item:
    return {"Name": name, "Id": name, "ARN": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:{scope}/webacl/{name}/{name}"}


REGIONAL = [acl(name, "regional") for name in ("good", "gateway", "empty", "idle", "managed")]
GLOBAL = [acl(name, "global") for name in ("edge", "edge-idle", "edge-empty", "amplify")]


def rules(*names: str) -> list[Item]:
    visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "x"}
    return [{"Name": name, "Priority": 0, "Statement": {}, "VisibilityConfig": visible} for name in names]


def answers() -> Answers:
    def listed(params: Mapping[str, Any], _: str, __: str) -> Item:
        """Two a page."""
        of_scope = REGIONAL if params["Scope"] == "REGIONAL" else GLOBAL
        at = int(params.get("NextMarker", "0"))
        more = {"NextMarker": str(at + 2)} if at + 2 < len(of_scope) else {}
        return {"WebACLs": of_scope[at : at + 2], **more}

    def described(params: Mapping[str, Any], _: str, __: str) -> Item:
        name = params["Name"]
        visible = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "x"}
        head = acl(name, params["Scope"].lower()) | {"DefaultAction": {"Allow": {}}, "VisibilityConfig": visible}
        group = {"Name": "fm", "Priority": 0, "FirewallManagerStatement": {}, "OverrideAction": {}}
        if name == "managed":
            return {"WebACL": head | {"PostProcessFirewallManagerRuleGroups": [group | {"VisibilityConfig": visible}]}}
        return {"WebACL": head | {"Rules": rules() if "empty" in name else rules("common")}}

    def associated(params: Mapping[str, Any], _: str, __: str) -> Item:
        name = params["WebACLArn"].rpartition("/")[2]
        kind = {"good": "APPLICATION_LOAD_BALANCER", "managed": "COGNITO_USER_POOL", "gateway": "API_GATEWAY",
                "amplify": "AMPLIFY"}.get(name)  # fmt: skip
        return {"ResourceArns": [f"arn:aws:x:::{name}"] if params["ResourceType"] == kind else []}

    return distributions(distribution("one", WebACLId=GLOBAL[0]["ARN"])) | {
        "wafv2:ListWebACLs": listed,
        "wafv2:GetWebACL": described,
        "wafv2:ListResourcesForWebACL": associated,
    }


def test_rules(lab: Lab) -> None:
    assert judged(lab, answers(), RULES)[RULES] == {
        **dict.fromkeys(("good", "gateway", "managed", "edge", "amplify"), "pass"),
        **dict.fromkeys(("idle", "edge-idle"), "fail low"),
        **dict.fromkeys(("empty", "edge-empty"), "fail medium"),
    }


def test_global_ones_are_listed_once(lab: Lab) -> None:
    with lab.but(answers=answers()):
        found = lab.judge(RULES, regions=("us-east-1", "eu-west-1")).findings
    assert [f.resource.region for f in found if f.resource.name == "edge"] == ["global"]


@pytest.mark.parametrize(
    ("operation", "unknown"),
    [
        ("wafv2:ListWebACLs", {"*"}),
        ("wafv2:GetWebACL", {each["Name"] for each in (*REGIONAL, *GLOBAL)}),
        ("wafv2:ListResourcesForWebACL", {"good", "gateway", "idle", "managed", "edge-idle", "amplify"}),
        ("cloudfront:ListDistributions", {"edge", "edge-idle"}),
    ],
)
def test_denied(lab: Lab, operation: str, unknown: set[str]) -> None:
    said = judged(lab, answers(), RULES, deny=[operation])[RULES]
    assert {name for name, status in said.items() if status == "unknown"} == unknown
