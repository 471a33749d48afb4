"""CloudFormation: how stacks are protected, deployed and kept, and that stack sets are in step."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

STACKS, CHANGES = "cloudformation:DescribeStacks", "cloudformation:ListChangeSets"
SETS, INSTANCES = "cloudformation:ListStackSets", "cloudformation:ListStackInstances"
IMPORTS = "cloudformation:ListImports"
PROTECTED = "cloudformation-stack-termination-protection-enabled"
HEALTHY, DRIFT = "cloudformation-stack-status-healthy", "cloudformation-stack-not-drifted"
SECRETS = "cloudformation-stack-no-plaintext-secrets"
CURRENT = "cloudformation-stackset-instances-current"
ROLLBACK, ROLE = "cloudformation-stack-rollback-enabled", "cloudformation-stack-service-role-configured"
STALE, EXPORT = "cloudformation-change-set-not-stale", "cloudformation-export-imported"
RETAINED, TEMPLATE = "cloudformation-stack-stateful-resources-retained", "cloudformation:GetTemplate"
NOW = datetime.now(UTC)


def stack(name: str, *, protected: bool | None = True, **changes: Any) -> dict[str, Any]:
    said = {} if protected is None else {"EnableTerminationProtection": protected}
    return {
        "StackName": name,
        "StackId": f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/1",
        "CreationTime": NOW,
        "StackStatus": "CREATE_COMPLETE",
        "DisableRollback": False,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        **said,
        **changes,
    }


def stacks(*made: dict[str, Any]) -> dict[str, Any]:
    """These stacks, and what they say of themselves when they are asked for by name."""

    def answer(params: dict[str, Any], _: str, __: str) -> dict[str, Any]:
        wanted = params.get("StackName")
        if wanted is None:
            return {"Stacks": list(made)}
        found = next(each for each in made if each["StackId"] == wanted)
        own = {} if "silent" in found["StackName"] else {"EnableTerminationProtection": found["StackName"] == "named"}
        return {"Stacks": [found | own]}

    return {STACKS: answer}


def test_how_stacks_are_deployed(lab: Lab) -> None:
    parent = "arn:aws:cloudformation:us-east-1:123456789012:stack/good/1"
    bare: dict[str, Any] = {"protected": False, "DisableRollback": True}
    exempt = {
        name: stack(name, **bare)
        for name in ("awseb-e-abc-stack", "StackSet-guard-1", "SC-123456789012-pp-x", "aws-sam-cli-managed-default")
    }
    answers = stacks(
        stack("good", RoleARN="arn:aws:iam::123456789012:role/deploy"),
        stack("bad", **bare),
        stack("nested", ParentId=parent, **bare),
        stack("planned", StackStatus="REVIEW_IN_PROGRESS", **bare),
        stack("leaving", StackStatus="DELETE_IN_PROGRESS", **bare),
        *exempt.values(),
    )
    skipped = dict.fromkeys(("nested", "planned", "leaving", *exempt), "not_applicable")
    for rule in (PROTECTED, ROLLBACK, ROLE):
        assert lab.statuses(rule, answers=answers) == {"good": "pass", "bad": "fail", **skipped}, rule


def test_protection_that_the_listing_leaves_out(lab: Lab) -> None:
    answers = stacks(*(stack(name, protected=None) for name in ("named", "open", "silent")))
    assert lab.statuses(PROTECTED, answers=answers) == {"named": "pass", "open": "fail", "silent": "unknown"}


def test_states(lab: Lab) -> None:
    def drift(status: str) -> dict[str, Any]:
        return {"DriftInformation": {"StackDriftStatus": status, "LastCheckTimestamp": NOW}}

    answers = stacks(
        stack("good", **drift("IN_SYNC")),
        stack("stuck", StackStatus="UPDATE_ROLLBACK_FAILED", **drift("DRIFTED")),
        stack("undone", StackStatus="UPDATE_ROLLBACK_COMPLETE", **drift("UNKNOWN")),
        stack("first", StackStatus="ROLLBACK_COMPLETE"),
    )
    assert lab.statuses(HEALTHY, answers=answers) == {
        "good": "pass", "stuck": "fail", "undone": "pass", "first": "fail",
    }  # fmt: skip
    assert lab.statuses(DRIFT, answers=answers) == {
        "good": "pass", "stuck": "fail", "undone": "not_applicable", "first": "not_applicable",
    }  # fmt: skip


def test_secrets(lab: Lab) -> None:
    secret = "Tr0ub4dor+3xyz"

    def parameter(key: str, value: str, **more: str) -> dict[str, Any]:
        return {"Parameters": [{"ParameterKey": key, "ParameterValue": value, **more}]}

    def output(key: str, value: str) -> dict[str, Any]:
        return {"Outputs": [{"OutputKey": key, "OutputValue": value}]}

    answers = stacks(
        stack("plain", **parameter("DBPassword", secret)),
        stack("masked", **parameter("DBPassword", "****")),
        stack("empty", **parameter("DBPassword", "")),
        stack("arn", **parameter("DBSecret", "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf")),
        stack("ssm", **parameter("DBPassword", "Some0ther+Name", ResolvedValue=secret)),
        stack("out", **output("DatabaseUrl", f"postgres://app:{secret}@db.internal/app")),
        stack("clean", **parameter("InstanceType", "t3.micro"), **output("Url", "https://example.com")),
        stack("gone", StackStatus="DELETE_FAILED", **parameter("DBPassword", secret)),
    )
    found = lab.findings(SECRETS, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "plain": "fail", "masked": "pass", "empty": "pass", "arn": "pass", "ssm": "pass", "out": "fail",
        "clean": "pass", "gone": "not_applicable",
    }  # fmt: skip
    assert found["plain"].evidence["parameters"] == ["DBPassword"]
    with lab.but(answers=answers):
        read = lab.judge(SECRETS).findings
    assert secret not in repr(read)


def test_a_misfit_shows_nothing(lab: Lab) -> None:
    """What is no list of parameters is not printed, whatever is in it."""
    from auditor.resources.cloudformation import Stack

    item = stack("odd", Parameters={"DBPassword": "Tr0ub4dor+3xyz"})
    made = Stack.build(item, partition="aws", account="123456789012", region="us-east-1")
    assert "Tr0ub4dor" not in repr((made, made.gaps))
    assert "parameters" in made.gaps


def test_stack_sets(lab: Lab) -> None:
    def instance(status: str, detailed: str = "SUCCEEDED", drift: str = "NOT_CHECKED") -> dict[str, Any]:
        return {
            "Account": "123456789012", "Region": "eu-west-1", "Status": status, "DriftStatus": drift,
            "StackInstanceStatus": {"DetailedStatus": detailed},
        }  # fmt: skip

    members = {
        "good": [instance("CURRENT")],
        "bad": [instance("OUTDATED", "FAILED")],
        "inoperable": [instance("INOPERABLE", "INOPERABLE")],
        "working": [instance("OUTDATED", "RUNNING"), instance("OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT")],
        "drifted": [instance("CURRENT", drift="DRIFTED")],
        "none": [],
    }
    listed = [{"StackSetName": name, "StackSetId": f"{name}:1", "Status": "ACTIVE"} for name in members]
    answers = {
        SETS: {"Summaries": listed},
        INSTANCES: lambda params, _, __: {"Summaries": members[params["StackSetName"]]},
    }
    assert lab.statuses(CURRENT, answers=answers) == {
        "good": "pass", "bad": "fail", "inoperable": "fail", "working": "pass", "drifted": "fail", "none": "pass",
    }  # fmt: skip
    assert lab.statuses(CURRENT, answers=answers, deny=[INSTANCES])["good"] == "unknown"


def test_change_sets(lab: Lab) -> None:
    def change(status: str, execution: str, days: int) -> dict[str, Any]:
        made = NOW - timedelta(days=days)
        return {"ChangeSetName": "c", "Status": status, "ExecutionStatus": execution, "CreationTime": made}

    members = {
        "none": [],
        "new": [change("CREATE_COMPLETE", "AVAILABLE", 1)],
        "done": [change("CREATE_COMPLETE", "EXECUTE_COMPLETE", 99)],
        "old": [change("CREATE_COMPLETE", "AVAILABLE", 15)],
        "failed": [change("FAILED", "UNAVAILABLE", 1)],
    }
    answers = stacks(*map(stack, members), stack("nested", ParentId="arn:x"))
    answers[CHANGES] = lambda params, _, __: {"Summaries": members[params["StackName"].split("/")[1]]}
    assert lab.statuses(STALE, answers=answers) == {
        "none": "pass", "new": "pass", "done": "pass", "old": "fail", "failed": "fail", "nested": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(STALE, answers=answers, deny=[CHANGES]) == {
        **dict.fromkeys(members, "unknown"), "nested": "not_applicable",
    }  # fmt: skip


def test_exports(lab: Lab) -> None:
    from auditor.demo.protocol import Error

    outputs = [{"OutputKey": name, "OutputValue": name, "ExportName": name} for name in ("used", "unused")]
    answers = stacks(stack("network", Outputs=outputs), stack("other"))

    def imports(params: dict[str, Any], _: str, __: str) -> Any:
        if params["ExportName"] == "used":
            return {"Imports": ["app"]}
        return Error("ValidationError", "Export 'unused' is not imported by any stack.")

    answers[IMPORTS] = imports
    with lab.but(answers=answers):
        found = {(f.resource.id, f.evidence.get("export_name")): f.status for f in lab.judge(EXPORT).findings}
    assert found == {("network", "used"): "pass", ("network", "unused"): "fail", ("other", None): "not_applicable"}
    assert lab.statuses(EXPORT, answers=answers, deny=[IMPORTS])["network"] == "unknown"


YAML = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Bucket: {Type: String}
Resources:
  # what keeps data
  Assets:   # public
    Type: AWS::S3::Bucket
%s
    Properties:
      BucketName: !Sub "${AWS::StackName}-assets"
      Tags:
      - Key: Type
        Value: |
          Type: AWS::KMS::Key
  "Site":
    Type: 'AWS::ECS::Service'
Outputs:
  Key:
    Type: AWS::KMS::Key
"""


def test_templates(lab: Lab) -> None:
    def in_json(**made: dict[str, Any]) -> str:
        return json.dumps({"Resources": made, "Parameters": {"Password": {"Default": "Tr0ub4dor+3xyz"}}})

    database, member = {"Type": "AWS::RDS::DBInstance"}, {"DBClusterIdentifier": "c"}
    templates: dict[str, Any] = {
        "none": in_json(Site={"Type": "AWS::ECS::Service"}),
        "kept": in_json(Data={"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"}),
        "lost": in_json(Data={"Type": "AWS::DynamoDB::Table"}),
        "snapshot": in_json(Db=database),
        "deleted": in_json(Db=database | {"DeletionPolicy": "Delete"}),
        "cluster": in_json(Db=database | {"DeletionPolicy": "Delete", "Properties": member}),
        "unclear": in_json(Data={"Type": "AWS::KMS::Key", "DeletionPolicy": {"Ref": "Policy"}}),
        "yaml-kept": YAML % "    DeletionPolicy: Retain # for ever",
        "yaml-quoted": YAML % '    "DeletionPolicy": "RetainExceptOnCreate"',
        "yaml-lost": YAML % "    DependsOn: Site",
        "yaml-unclear": YAML % "    DeletionPolicy: !Ref Policy",
        "flow": "Resources: {Data: {Type: AWS::S3::Bucket}}",
        "broken": "{",
        "nothing": "Outputs:\n  A: 1",
    }
    answers = stacks(*map(stack, templates), stack("awseb-e-1-stack"), stack("gone", StackStatus="DELETE_FAILED"))
    answers[TEMPLATE] = lambda params, _, __: {"TemplateBody": templates[params["StackName"].split("/")[1]]}
    found = lab.findings(RETAINED, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "none": "not_applicable", "kept": "pass", "lost": "fail", "snapshot": "pass", "deleted": "fail",
        "cluster": "pass", "unclear": "unknown", "yaml-kept": "pass", "yaml-quoted": "pass", "yaml-lost": "fail",
        "yaml-unclear": "unknown", "flow": "unknown", "broken": "unknown", "nothing": "unknown",
        "awseb-e-1-stack": "not_applicable", "gone": "not_applicable",
    }  # fmt: skip
    assert found["yaml-lost"].evidence == {"resources": ["Assets"]}
    assert lab.statuses(RETAINED, answers=answers, deny=[TEMPLATE])["kept"] == "unknown"


@pytest.mark.parametrize("rule", [RETAINED, PROTECTED, HEALTHY, DRIFT, SECRETS, ROLLBACK, ROLE, STALE, EXPORT])
def test_unread_stacks_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[STACKS]) == {"*": "unknown"}
