"""The template: linted, translated, its role's policy derived, and our own rules judge what it makes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor import plugins
from auditor.findings import Severity, Status
from auditor.invocation import PREFIX, Invocation
from auditor.permissions import LARGEST, policy, size
from auditor.plan import plan
from deploy import generate
from tests.lab import RULES, Lab

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "deploy" / "template.yaml"
ACCOUNT, REGION = "123456789012", "us-east-1"


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as their long ones."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _tag)


def source() -> dict[str, Any]:
    made: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader)
    return made


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """What CloudFormation gets: the translator of SAM, with its managed policies, and no AWS."""
    translate = pytest.importorskip("samtranslator.translator.transform").transform

    class NoPolicies:
        def load(self) -> dict[str, str]:
            return {}

    text = source()
    # `sam deploy` uploads the package and writes its address here.
    text["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://artifacts/auditor-lambda-arm64.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        made: dict[str, Any] = translate(text, {}, NoPolicies())
    return made


def test_cfn_lint_has_nothing_to_say() -> None:
    api = pytest.importorskip("cfnlint.api")
    config = pytest.importorskip("cfnlint.config")
    matches = api.lint_file(TEMPLATE, config=config.ManualArgs(regions=["us-east-1", "eu-central-1"]))
    assert [str(match) for match in matches] == []


@pytest.mark.parametrize("path", generate.templates(), ids=lambda path: str(path.name))
def test_generated_parts_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate.templates()[path], "run `python -m deploy.generate`"


def test_the_role_may_read_what_auditor_permissions_says_and_no_more() -> None:
    resources = source()["Resources"]
    managed = {name: each for name, each in resources.items() if each["Type"] == "AWS::IAM::ManagedPolicy"}
    rules = plugins.load_rules().values()

    def allowed(names: list[str]) -> list[str]:
        statements = [s for name in names for s in managed[name]["Properties"]["PolicyDocument"]["Statement"]]
        assert all(s["Effect"] == "Allow" and s["Resource"] == "*" for s in statements)
        return sorted(action for s in statements for action in s["Action"])

    always = [name for name, each in managed.items() if "Condition" not in each]
    assert allowed(always) == sorted(generate.actions(policy(plan(rules))))
    assert allowed(list(managed)) == sorted(generate.actions(policy(plan(rules, metrics=True))))
    assert all(each["Properties"]["Roles"] == [{"Ref": "Role"}] for each in managed.values())
    assert all(size(each["Properties"]["PolicyDocument"]) <= LARGEST for each in managed.values())
    assert len(managed) <= 10  # a role has no more


def test_nothing_but_what_delivers_may_write() -> None:
    (inline,) = source()["Resources"]["Role"]["Properties"]["Policies"]
    text = json.dumps(inline["PolicyDocument"])
    assert set(re.findall(r'"((?:s3|sns|sqs|logs|events|securityhub|sts|kms|lambda|iam):\w+\*?)"', text)) == {
        "s3:GetObject", "s3:PutObject", "s3:ListBucket", "kms:Decrypt", "kms:GenerateDataKey", "sns:Publish",
        "sqs:SendMessage", "logs:CreateLogStream", "logs:PutLogEvents", "events:PutEvents",
        "securityhub:BatchImportFindings", "sts:AssumeRole",
    }  # fmt: skip
    assert '"Resource": "*"' not in text


def test_the_function_is_told_in_words_that_it_knows() -> None:
    function = source()["Resources"]["Function"]["Properties"]
    for name in function["Environment"]["Variables"]:
        assert name.removeprefix(PREFIX).lower() in Invocation.model_fields, name
    asked = json.loads(function["Events"]["Nightly"]["Properties"]["Input"])
    assert asked.keys() <= Invocation.model_fields.keys()
    module, _, name = function["Handler"].rpartition(".")
    assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_alarms_look_at_metrics_that_there_are() -> None:
    handler_side = (ROOT / "auditor" / "lambda_scan.py").read_text()
    own = [
        each["Properties"]
        for each in source()["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm" and each["Properties"]["Namespace"] == "auditor"
    ]
    assert {alarm["MetricName"] for alarm in own} == {"Scans", "Interrupted"}
    for alarm in own:
        assert f'"{alarm["MetricName"]}"' in handler_side
        assert [dimension["Name"] for dimension in alarm["Dimensions"]] == ["Function"]


def test_sam_translates_it(translated: dict[str, Any]) -> None:
    kinds = [resource["Type"] for resource in translated["Resources"].values()]
    assert "AWS::Lambda::Function" in kinds and "AWS::Scheduler::Schedule" in kinds
    assert "AWS::Lambda::EventInvokeConfig" in kinds
    assert not [kind for kind in kinds if kind.startswith("AWS::Serverless")]


class Stack:
    """Makes a template's resources in an emulated account, from the properties that the template has."""

    def __init__(self, lab: Lab, template: dict[str, Any]) -> None:
        self.lab, self.template = lab, template
        given = {name: each.get("Default", "") for name, each in template["Parameters"].items()}
        pseudo = {"AccountId": ACCOUNT, "Region": REGION, "Partition": "aws", "StackName": "auditor"}
        given["Email"] = "platform@example.org"
        self.refs: dict[str, Any] = given | {f"AWS::{name}": value for name, value in pseudo.items()}
        # The scheduler's role names the function, which comes after the roles.
        self.attributes = {"Function.Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:auditor"}
        self.made: set[str] = set()

    def value(self, node: Any) -> Any:
        """A property with its references followed; of an Fn::If what holds without parameters."""
        if isinstance(node, list):
            values = [self.value(each) for each in node]
            return [each for each in values if each is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, given), *_ = node.items()
            match name:
                case "Ref":
                    return self.refs.get(given)
                case "Fn::GetAtt":
                    return self.attributes[".".join(given) if isinstance(given, list) else given]
                case "Fn::Sub":
                    known = self.refs | self.attributes
                    return re.sub(r"\$\{([\w:.]+)\}", lambda found: str(known[found[1]]), given)
                case "Fn::If":
                    return self.value(given[2])
                case "Fn::Join":
                    return given[0].join(str(self.value(given[1])).split(","))
        return {name: self.value(each) for name, each in node.items()}

    def properties(self, name: str) -> dict[str, Any]:
        made: dict[str, Any] = self.value(self.template["Resources"][name]["Properties"])
        return made

    def create(self) -> None:
        """Everything that is there with an address for mail, in an order in which references lead back."""
        order = ("KMS::Key", "S3::Bucket", "S3::BucketPolicy", "SNS::Topic", "SNS::TopicPolicy", "SNS::Subscription",
                 "SQS::Queue",
                 "SQS::QueuePolicy", "Logs::LogGroup", "IAM::Role", "IAM::ManagedPolicy", "Lambda::Function",
                 "Lambda::EventInvokeConfig", "CloudWatch::Alarm", "Scheduler::Schedule")  # fmt: skip
        for kind in order:
            for name, each in self.template["Resources"].items():
                if each["Type"] == f"AWS::{kind}" and each.get("Condition") in (None, "HasEmail"):
                    getattr(self, f"_{kind.partition('::')[2].lower()}")(name, self.properties(name))
                    self.made.add(name)

    def _key(self, name: str, own: dict[str, Any]) -> None:
        kms = self.lab.client("kms")
        key = kms.create_key(Description=own["Description"], Policy=json.dumps(own["KeyPolicy"]))["KeyMetadata"]
        if own["EnableKeyRotation"]:
            kms.enable_key_rotation(KeyId=key["KeyId"])
        self.refs[name], self.attributes[f"{name}.Arn"] = key["KeyId"], key["Arn"]

    def _bucket(self, name: str, own: dict[str, Any]) -> None:
        s3 = self.lab.client("s3")
        bucket = f"auditor-{name.lower()}"
        s3.create_bucket(Bucket=bucket, ObjectOwnership=own["OwnershipControls"]["Rules"][0]["ObjectOwnership"])
        rules = own["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        for rule in rules:
            rule["ApplyServerSideEncryptionByDefault"] = rule.pop("ServerSideEncryptionByDefault")
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
        s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration=own["PublicAccessBlockConfiguration"]
        )  # fmt: skip
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=own["VersioningConfiguration"])
        lifecycle = []
        for rule in own["LifecycleConfiguration"]["Rules"]:
            rule = rule | {"ID": rule["Id"], "Expiration": {"Days": int(rule["ExpirationInDays"])}}
            rule["Filter"] = {"Prefix": rule.pop("Prefix")}
            lifecycle.append({key: each for key, each in rule.items() if key not in ("Id", "ExpirationInDays")})
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": lifecycle})
        self.refs[name], self.attributes[f"{name}.Arn"] = bucket, f"arn:aws:s3:::{bucket}"

    def _bucketpolicy(self, _: str, own: dict[str, Any]) -> None:
        self.lab.client("s3").put_bucket_policy(Bucket=own["Bucket"], Policy=json.dumps(own["PolicyDocument"]))

    def _topic(self, name: str, own: dict[str, Any]) -> None:
        self.refs[name] = self.lab.client("sns").create_topic(Name="auditor", Attributes=own)["TopicArn"]

    def _topicpolicy(self, _: str, own: dict[str, Any]) -> None:
        for arn in own["Topics"]:
            self.lab.client("sns").set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(own["PolicyDocument"])
            )

    def _subscription(self, _: str, own: dict[str, Any]) -> None:
        self.lab.client("sns").subscribe(**own)
        # Whose address it is confirms by a link, and moto counts nobody.
        self.lab.endpoint.backend("sns").topics[own["TopicArn"]].subscriptions_confimed = 1

    def _queue(self, name: str, own: dict[str, Any]) -> None:
        given = {key: str(each) for key, each in own.items()}
        url = self.lab.client("sqs").create_queue(QueueName="auditor-dead", Attributes=given)["QueueUrl"]
        self.refs[name] = url
        self.attributes |= {
            f"{name}.Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:auditor-dead",
            f"{name}.QueueName": "auditor-dead",
        }

    def _queuepolicy(self, _: str, own: dict[str, Any]) -> None:
        for url in own["Queues"]:
            policy_text = {"Policy": json.dumps(own["PolicyDocument"])}
            self.lab.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=policy_text)

    def _loggroup(self, name: str, own: dict[str, Any]) -> None:
        logs = self.lab.client("logs")
        logs.create_log_group(logGroupName=own["LogGroupName"], kmsKeyId=own["KmsKeyId"])
        logs.put_retention_policy(logGroupName=own["LogGroupName"], retentionInDays=own["RetentionInDays"])
        self.refs[name] = own["LogGroupName"]

    def _role(self, name: str, own: dict[str, Any]) -> None:
        iam = self.lab.client("iam")
        trust = json.dumps(own["AssumeRolePolicyDocument"])
        arn = iam.create_role(RoleName=f"auditor-{name}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for each in own.get("Policies", ()):
            # SAM's own has no version, which AWS takes and moto does not.
            document = json.dumps({"Version": "2012-10-17", **each["PolicyDocument"]})
            iam.put_role_policy(RoleName=f"auditor-{name}", PolicyName=each["PolicyName"], PolicyDocument=document)
        self.refs[name], self.attributes[f"{name}.Arn"] = f"auditor-{name}", arn

    def _managedpolicy(self, name: str, own: dict[str, Any]) -> None:
        iam = self.lab.client("iam")
        document = json.dumps(own["PolicyDocument"])
        made = iam.create_policy(PolicyName=f"auditor-{name}", PolicyDocument=document)["Policy"]["Arn"]
        for role in own["Roles"]:
            iam.attach_role_policy(RoleName=role, PolicyArn=made)

    def _function(self, name: str, own: dict[str, Any]) -> None:
        given = {key: own[key] for key in ("FunctionName", "Description", "Runtime", "Handler", "Role", "MemorySize",
                                           "Timeout", "LoggingConfig", "DeadLetterConfig", "Environment",
                                           "Architectures")}  # fmt: skip
        given["Environment"]["Variables"] = {key: str(each) for key, each in given["Environment"]["Variables"].items()}
        self.lab.client("lambda").create_function(**given, Code={"ZipFile": b"PK\x05\x06" + bytes(18)})
        self.refs[name] = own["FunctionName"]

    def _eventinvokeconfig(self, _: str, own: dict[str, Any]) -> None:
        keys = ("FunctionName", "MaximumRetryAttempts", "MaximumEventAgeInSeconds")
        given = {key: own[key] for key in keys}
        self.lab.client("lambda").put_function_event_invoke_config(**given)

    def _alarm(self, name: str, own: dict[str, Any]) -> None:
        numbers = {key: int(own[key]) for key in ("EvaluationPeriods", "DatapointsToAlarm") if key in own}
        self.lab.client("cloudwatch").put_metric_alarm(AlarmName=f"auditor-{name}", **(own | numbers))

    def _schedule(self, name: str, own: dict[str, Any]) -> None:
        self.lab.client("scheduler").create_schedule(
            Name=name, ScheduleExpression=own["ScheduleExpression"], FlexibleTimeWindow=own["FlexibleTimeWindow"],
            Target=own["Target"],
        )  # fmt: skip


def test_our_own_rules_find_nothing_worse_than_low_in_it(lab: Lab, translated: dict[str, Any]) -> None:
    stack = Stack(lab, translated)
    stack.create()
    conditional = {
        name for name, each in translated["Resources"].items() if each.get("Condition") not in (None, "HasEmail")
    }
    assert stack.made == set(translated["Resources"]) - conditional
    kinds = {each["Type"] for each in translated["Resources"].values()}
    about = [rule for rule in RULES.values() if {kind.cfn_type for kind in rule.kinds} & kinds]
    judged = lab.judge(*(rule.id for rule in about), regions=(REGION,))
    own = [finding for finding in judged.findings if "auditor" in finding.resource.arn]
    assert {finding.resource.type for finding in own} >= {
        "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::IAM::Role",
        "AWS::IAM::ManagedPolicy", "AWS::Logs::LogGroup", "AWS::CloudWatch::Alarm",
    }  # fmt: skip
    assert len({finding.rule for finding in own if finding.status is Status.PASS}) > 40
    worse = [
        f"{finding.severity.value} {finding.rule} {finding.resource.arn}: {finding.message}"
        for finding in own
        if finding.status is Status.FAIL and finding.severity in (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)
    ]
    assert worse == []
