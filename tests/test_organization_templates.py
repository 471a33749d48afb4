"""The templates of an organization's audit: linted, translated, least privilege, in words that the handlers know."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.invocation import Invocation
from auditor.organization import LISTING, ROLE
from auditor.organization_handlers import ToList
from auditor.permissions import LARGEST, policy, size
from auditor.plan import plan
from deploy import generate
from tests.lab import RULES
from tests.test_template import Loader

DEPLOY = Path(__file__).parent.parent / "deploy"


def source(name: str) -> dict[str, Any]:
    made: dict[str, Any] = yaml.load((DEPLOY / name).read_text(encoding="utf-8"), Loader)
    return made


@pytest.mark.parametrize("name", ["organization.yaml", "member-role.yaml"])
def test_cfn_lint_has_nothing_to_say(name: str) -> None:
    api = pytest.importorskip("cfnlint.api")
    config = pytest.importorskip("cfnlint.config")
    matches = api.lint_file(DEPLOY / name, config=config.ManualArgs(regions=["us-east-1", "eu-central-1"]))
    assert [str(match) for match in matches] == []


def test_the_translator_of_sam_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    translate = pytest.importorskip("samtranslator.translator.transform").transform

    class NoPolicies:
        def load(self) -> dict[str, str]:
            return {}

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    text = source("organization.yaml")
    # `sam deploy` uploads package and definition, and writes their addresses here.
    text["Globals"]["Function"]["CodeUri"] = "s3://artifacts/auditor-lambda-arm64.zip"
    text["Resources"]["Machine"]["Properties"]["DefinitionUri"] = "s3://artifacts/organization.asl.json"
    made = translate(text, {}, NoPolicies())["Resources"]
    assert made["Machine"]["Type"] == "AWS::StepFunctions::StateMachine"
    assert {each["Type"] for each in made.values()} >= {"AWS::Scheduler::Schedule", "AWS::Lambda::Function"}


def test_the_member_role_may_read_what_auditor_permissions_says_and_no_more() -> None:
    resources = source("member-role.yaml")["Resources"]
    managed = [each for each in resources.values() if each["Type"] == "AWS::IAM::ManagedPolicy"]
    documents = [each["Properties"]["PolicyDocument"] for each in managed]
    granted = sorted(action for document in documents for action in generate.actions(document))
    assert granted == sorted(generate.actions(policy(plan(RULES.values(), metrics=True))))
    assert all(size(document) <= LARGEST for document in documents) and len(managed) <= 10
    trust = resources["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [each["Condition"].keys() for each in trust] == [{"StringEquals", "ArnEquals"}]
    assert source("member-role.yaml")["Parameters"]["RoleName"]["Default"] == ROLE


def test_the_functions_are_told_in_words_that_they_know() -> None:
    template = source("organization.yaml")
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = template["Resources"]["Accounts"]["Properties"]["Environment"]["Variables"]
    known = {f"AUDITOR_{name.upper()}" for name in ToList.model_fields}
    assert {*shared, *own} <= known
    assert shared.keys() <= {f"AUDITOR_{name.upper()}" for name in Invocation.model_fields}
    for function in ("Accounts", "Scan", "Reduce"):
        module, _, name = template["Resources"][function]["Properties"]["Handler"].rpartition(".")
        assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_the_auditing_role_lists_accounts_and_assumes_members_only() -> None:
    (inline,) = source("organization.yaml")["Resources"]["Role"]["Properties"]["Policies"]
    statements = {each["Sid"]: each for each in inline["PolicyDocument"]["Statement"]}
    asked = {operation.iam_action for operation in LISTING}
    assert set(statements["Accounts"]["Action"]) == asked | {"ec2:DescribeRegions"}
    assert [name for name, each in statements.items() if each["Resource"] == "*"] == ["Accounts"]


def test_the_definition_uses_what_the_template_fills_in() -> None:
    text = (DEPLOY / "organization.asl.json").read_text()
    given = source("organization.yaml")["Resources"]["Machine"]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(given)
    machine = json.loads(text)["States"]
    asked = machine["ScanAccounts"]["ItemProcessor"]["States"]["ScanAccount"]["Parameters"]["Payload"]
    assert {name.removesuffix(".$") for name in asked} <= Invocation.model_fields.keys()
