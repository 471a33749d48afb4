import base64
import gzip
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.session import get_session

from auditor.aws.clients import DATA_PATH
from auditor.inventory import Inventory
from tests.lab import RULES, Lab
from tests.rules.ec2_answers import ACCOUNT, instances, launch, numbered

IMDS = "ec2-instance-imdsv2-required"
IMDS_DEFAULT = "ec2-account-imdsv2-default-required"
IMDS_TEMPLATE = "ec2-launch-template-imdsv2-required"
USER_DATA = "ec2-instance-user-data-no-secrets"
TEMPLATE_USER_DATA = "ec2-launch-template-user-data-no-secrets"
IMAGE_OWNER = "ec2-instance-image-owner-trusted"
IMAGE_PUBLIC = "ec2-image-not-public"
IMAGE_BLOCK = "ec2-account-image-block-public-access-enabled"

PASSWORD = "#!/bin/bash\nexport DB_PASSWORD='kT8fWq2LmZ'\n"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx7Zk\n-----END RSA PRIVATE KEY-----\n"
INSTANCE_RULES = (
    IMDS,
    USER_DATA,
    IMAGE_OWNER,
    "ec2-instance-http-not-public",
    "ec2-instance-no-public-ip",
)


def encoded(script: str) -> str:
    return base64.b64encode(script.encode()).decode()


@pytest.mark.parametrize("rule_id", INSTANCE_RULES)
def test_instances_that_are_gone_are_not_judged(lab: Lab, rule_id: str) -> None:
    gone = instances(*({"State": {"Name": state}} for state in ("shutting-down", "terminated")))
    statuses = lab.statuses(rule_id, answers=gone, deny=["ec2:DescribeInstanceAttribute"])
    assert statuses == numbered(["not_applicable"] * 2)


@pytest.mark.parametrize("rule_id", [IMDS, USER_DATA, IMAGE_OWNER])
def test_instances_of_a_service_are_not_judged(lab: Lab, rule_id: str) -> None:
    managed = instances({"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}})
    assert lab.statuses(rule_id, answers=managed, deny=["ec2:DescribeInstanceAttribute"]) == {"i-0": "not_applicable"}


@pytest.mark.parametrize("rule_id", INSTANCE_RULES)
def test_unlisted_instances_are_unknown(lab: Lab, rule_id: str) -> None:
    launch(lab)
    assert lab.statuses(rule_id, deny=["ec2:DescribeInstances"]) == {"*": "unknown"}


# --- Instance metadata service


def test_imdsv2(lab: Lab) -> None:
    cases = [
        ({"HttpTokens": "required", "HttpEndpoint": "enabled"}, "pass"),
        ({"HttpTokens": "required"}, "pass"),
        ({"HttpTokens": "optional", "HttpEndpoint": "disabled"}, "pass"),
        ({"HttpEndpoint": "disabled"}, "pass"),
        ({"HttpTokens": "optional", "HttpEndpoint": "enabled"}, "fail"),
        ({"HttpEndpoint": "enabled"}, "fail"),
        ({}, "fail"),
    ]
    described = instances(*({"MetadataOptions": options} for options, _ in cases))
    assert lab.statuses(IMDS, answers=described) == numbered(status for _, status in cases)


def test_imdsv2_without_metadata_options_in_every_state(lab: Lab) -> None:
    states = instances(*({"State": {"Name": state}} for state in ("pending", "running", "stopping", "stopped")))
    assert lab.statuses(IMDS, answers=states) == numbered(["fail"] * 4)


def test_imdsv2_as_moto_has_it(lab: Lab) -> None:
    open_one, closed = launch(lab), launch(lab, MetadataOptions={"HttpTokens": "required"})
    found = lab.findings(IMDS)
    assert {name: finding.status for name, finding in found.items()} == {open_one: "fail", closed: "pass"}
    assert found[open_one].evidence == {"http_endpoint": "enabled", "http_tokens": "optional"}


def defaults(**members: str) -> dict[str, Any]:
    """What EC2 answers where the account has these defaults."""
    return {"ec2:GetInstanceMetadataDefaults": {"AccountLevel": members}}


NO_DEFAULTS: dict[str, Any] = {"ec2:GetInstanceMetadataDefaults": {}}


@pytest.mark.parametrize("answers", [defaults(HttpTokens="optional"), defaults(HttpEndpoint="enabled"), NO_DEFAULTS])
def test_imdsv2_default(lab: Lab, answers: dict[str, Any]) -> None:
    assert lab.statuses(IMDS_DEFAULT, answers=answers) == {ACCOUNT: "fail"}


def test_imdsv2_default_says_who_decides(lab: Lab) -> None:
    answers = defaults(HttpTokens="required", ManagedBy="declarative-policy")
    finding = lab.findings(IMDS_DEFAULT, answers=answers)[ACCOUNT]
    assert finding.status == "pass"
    assert finding.evidence == {
        "http_tokens": "required",
        "http_tokens_enforced": None,
        "managed_by": "declarative-policy",
    }


def test_imdsv2_default_matters_less_without_instances(lab: Lab) -> None:
    assert lab.findings(IMDS_DEFAULT, answers=NO_DEFAULTS)[ACCOUNT].severity == "low"
    launch(lab)
    assert lab.findings(IMDS_DEFAULT, answers=NO_DEFAULTS)[ACCOUNT].severity == "medium"
    denied = lab.findings(IMDS_DEFAULT, answers=NO_DEFAULTS, deny=["ec2:DescribeInstances"])[ACCOUNT]
    assert (denied.status, denied.severity) == ("fail", "medium")


def test_imdsv2_default_is_read_in_each_region(lab: Lab) -> None:
    there = {"ec2:GetInstanceMetadataDefaults@eu-west-1": {"AccountLevel": {"HttpTokens": "required"}}}
    with lab.but(answers=there):
        findings = lab.judge(IMDS_DEFAULT, regions=("us-east-1", "eu-west-1")).findings
    assert {f.resource.region: f.status for f in findings} == {"us-east-1": "fail", "eu-west-1": "pass"}


def test_imdsv2_default_unread(lab: Lab) -> None:
    assert lab.statuses(IMDS_DEFAULT, deny=["ec2:GetInstanceMetadataDefaults"]) == {ACCOUNT: "unknown"}


def test_enforced_defaults_are_understood() -> None:
    """The botocore that aioboto3 pins does not know the member: our own data adds it."""
    session = get_session()
    session.get_component("data_loader").search_paths.append(DATA_PATH)
    shape = session.get_service_model("ec2").operation_model("GetInstanceMetadataDefaults").output_shape
    body = b"<R><accountLevel><httpTokensEnforced>enabled</httpTokensEnforced></accountLevel></R>"
    answer = create_parser("ec2").parse({"status_code": 200, "headers": {}, "body": body}, shape)
    assert answer["AccountLevel"] == {"HttpTokensEnforced": "enabled"}


def template(lab: Lab, *versions: dict[str, Any], name: str = "web") -> str:
    """Make a launch template with these versions, the first one being the default, and give its id."""
    ec2 = lab.client("ec2")
    first, *others = versions
    made = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=first)["LaunchTemplate"]
    for data in others:
        ec2.create_launch_template_version(LaunchTemplateId=made["LaunchTemplateId"], LaunchTemplateData=data)
    return str(made["LaunchTemplateId"])


CLOSED, OPEN, OFF = {"HttpTokens": "required"}, {"HttpTokens": "optional"}, {"HttpEndpoint": "disabled"}
ON, SILENT = {"HttpEndpoint": "enabled"}, {"HttpPutResponseHopLimit": 2}


@pytest.mark.parametrize(
    ("answers", "passing"),
    [
        (NO_DEFAULTS, {"closed", "off", "open-off"}),
        (defaults(HttpTokens="optional"), {"closed", "off", "open-off"}),
        (defaults(HttpTokens="required"), {"closed", "off", "open-off", "enabled", "silent", "nothing"}),
        (defaults(HttpEndpoint="disabled"), {"closed", "off", "open-off", "silent", "nothing"}),
    ],
)
def test_template_imdsv2(lab: Lab, answers: dict[str, Any], passing: set[str]) -> None:
    options = {"closed": CLOSED, "open": OPEN, "off": OFF, "open-off": OPEN | OFF, "enabled": ON, "silent": SILENT}
    for name, each in options.items():
        template(lab, {"MetadataOptions": each}, name=name)
    template(lab, {"InstanceType": "t3.micro"}, name="nothing")
    found = {f.resource.name: f.status for f in lab.findings(IMDS_TEMPLATE, answers=answers).values()}
    assert found == {name: "pass" if name in passing else "fail" for name in (*options, "nothing")}


def test_template_imdsv2_goes_by_the_default_version(lab: Lab) -> None:
    good, bad = ({"MetadataOptions": {"HttpTokens": tokens}} for tokens in ("required", "optional"))
    made = template(lab, bad, good)
    assert lab.findings(IMDS_TEMPLATE)[made].evidence == {"version": 1, "http_tokens": "optional"}
    lab.client("ec2").modify_launch_template(LaunchTemplateId=made, DefaultVersion="2")
    assert lab.findings(IMDS_TEMPLATE)[made].evidence == {"version": 2, "http_tokens": "required"}


def image(**members: Any) -> dict[str, Any]:
    """What EC2 answers where the account owns this image."""
    described = {"ImageId": "ami-0a1b2c3d", "Name": "web", "Public": False, "OwnerId": ACCOUNT}
    return {"ec2:DescribeImages": {"Images": [described | members]}}


@pytest.mark.parametrize(
    ("answers", "passing"),
    [
        (NO_DEFAULTS | image(ImdsSupport="v2.0"), {"ami-0a1b2c3d"}),
        (NO_DEFAULTS | image(), set()),
        (defaults(HttpTokens="optional") | image(ImdsSupport="v2.0"), set()),
    ],
)
def test_template_imdsv2_by_its_image(lab: Lab, answers: dict[str, Any], passing: set[str]) -> None:
    images = {
        template(lab, {"ImageId": image_id}, name=f"template-{n}"): image_id
        for n, image_id in enumerate(["ami-0a1b2c3d", "ami-99999999", "resolve:ssm:/golden"])
    }
    expected = {made: "pass" if image_id in passing else "fail" for made, image_id in images.items()}
    assert lab.statuses(IMDS_TEMPLATE, answers=answers) == expected


@pytest.mark.parametrize(
    ("denied", "status"),
    [
        ("ec2:DescribeLaunchTemplateVersions", "unknown"),
        ("ec2:GetInstanceMetadataDefaults", "unknown"),
        ("ec2:DescribeImages", "unknown"),
        ("ec2:DescribeInstances", "fail"),
    ],
)
def test_template_imdsv2_unread(lab: Lab, denied: str, status: str) -> None:
    made = template(lab, {"ImageId": "ami-0a1b2c3d"})
    assert lab.statuses(IMDS_TEMPLATE, deny=[denied]) == {made: status}


@pytest.mark.parametrize("rule_id", [IMDS_TEMPLATE, TEMPLATE_USER_DATA])
def test_unlisted_templates_are_unknown(lab: Lab, rule_id: str) -> None:
    assert lab.statuses(rule_id, deny=["ec2:DescribeLaunchTemplates"]) == {"*": "unknown"}


def test_template_imdsv2_that_needs_no_defaults(lab: Lab) -> None:
    made = template(lab, {"MetadataOptions": {"HttpTokens": "required"}})
    denied = ["ec2:GetInstanceMetadataDefaults", "ec2:DescribeImages"]
    assert lab.statuses(IMDS_TEMPLATE, deny=denied) == {made: "pass"}


def listed_template(**members: Any) -> dict[str, Any]:
    """What EC2 answers where there is this launch template."""
    described = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "DefaultVersionNumber": 1}
    return {"ec2:DescribeLaunchTemplates": {"LaunchTemplates": [described | {"LatestVersionNumber": 1} | members]}}


def test_template_imdsv2_of_a_service(lab: Lab) -> None:
    managed = listed_template(Operator={"Managed": True, "Principal": "eks.amazonaws.com"})
    assert lab.statuses(IMDS_TEMPLATE, answers=managed) == {"lt-1": "not_applicable"}


def test_template_imdsv2_without_its_default_version(lab: Lab) -> None:
    assert lab.statuses(IMDS_TEMPLATE, answers=listed_template()) == {"lt-1": "unknown"}


def test_many_templates_take_one_call(lab: Lab) -> None:
    for number in range(17):
        template(lab, {"ImageId": "ami-1"}, name=f"web-{number}")
    lab.endpoint.seen.clear()
    assert list(lab.statuses(IMDS_TEMPLATE, answers=defaults(HttpTokens="required")).values()) == ["pass"] * 17
    assert calls(lab, "DescribeLaunchTemplateVersions") == 1


def calls(lab: Lab, operation: str) -> int:
    return sum(count for key, count in lab.endpoint.seen.items() if any(operation in part for part in key))


# --- User data


def test_user_data(lab: Lab) -> None:
    cases = {
        "#!/bin/bash\nyum install -y httpd\n": ("pass", "high"),
        "export DB_PASSWORD=$(aws secretsmanager get-secret-value --secret-id prod/db)\n": ("pass", "high"),
        "": ("pass", "high"),
        PASSWORD: ("fail", "high"),
        PRIVATE_KEY: ("fail", "critical"),
    }
    expected = {launch(lab, UserData=script): verdict for script, verdict in cases.items()}
    assert {name: (f.status, f.severity) for name, f in lab.findings(USER_DATA).items()} == expected


def test_user_data_says_where_and_not_what(lab: Lab) -> None:
    made = launch(lab, UserData=PASSWORD)
    evidence = lab.findings(USER_DATA)[made].evidence
    assert [(secret["pattern"], secret["line"]) for secret in evidence["secrets"]] == [("assignment", 2)]
    assert "kT8fWq2LmZ" not in str(evidence)


def test_user_data_absent(lab: Lab) -> None:
    made = launch(lab)
    finding = lab.findings(USER_DATA)[made]
    assert (finding.status, finding.evidence) == ("pass", {})


def test_user_data_that_cannot_be_opened(lab: Lab) -> None:
    made = launch(lab)
    broken = base64.b64encode(gzip.compress(b"x" * 9000)[:-12]).decode()
    answers = {"ec2:DescribeInstanceAttribute": {"InstanceId": made, "UserData": {"Value": broken}}}
    assert lab.statuses(USER_DATA, answers=answers) == {made: "unknown"}


def test_user_data_unread(lab: Lab) -> None:
    made = launch(lab, UserData=PASSWORD)
    finding = lab.findings(USER_DATA, deny=["ec2:DescribeInstanceAttribute"])[made]
    assert finding.status == "unknown"
    assert finding.evidence["iam_action"] == "ec2:DescribeInstanceAttribute"


@pytest.mark.parametrize("rule_id", [USER_DATA, TEMPLATE_USER_DATA])
def test_scripts_never_enter_the_inventory(lab: Lab, rule_id: str) -> None:
    launch(lab, UserData=PASSWORD)
    template(lab, {"UserData": encoded(PASSWORD)}, {"UserData": encoded(PRIVATE_KEY)}, {"InstanceType": "t3.micro"})
    held = text(lab.inventory([RULES[rule_id]]))
    assert "assignment" in held
    assert not [secret for secret in ("kT8fWq2LmZ", encoded(PASSWORD), "MIIEpAIB") if secret in held]


def text(inventory: Inventory) -> str:
    return "".join(
        resource.model_dump_json(include=set(resource.__dict__))
        for resources in inventory.resources.values()
        for resource in resources
    )


def test_template_user_data(lab: Lab) -> None:
    cases: list[tuple[list[str | None], list[int] | None, str]] = [
        ([None], None, "high"),
        (["echo hello"], None, "high"),
        ([PASSWORD], [1], "high"),
        (["echo hello", PASSWORD], [2], "high"),
        ([PASSWORD, "echo hello"], [1], "high"),
        (["echo hello", PASSWORD, "echo hello", PRIVATE_KEY, None], [2, 4], "critical"),
    ]
    expected = {}
    for n, (scripts, guilty, severity) in enumerate(cases):
        versions = ({"ImageId": "ami-1"} if s is None else {"UserData": encoded(s)} for s in scripts)
        expected[template(lab, *versions, name=f"web-{n}")] = ("fail" if guilty else "pass", severity, guilty)
    found = lab.findings(TEMPLATE_USER_DATA)
    assert {n: (f.status, f.severity, f.evidence.get("versions")) for n, f in found.items()} == expected


@pytest.mark.parametrize(("versions", "expected"), [(1, 1), (2, 1), (3, 2)])
def test_old_versions_are_asked_for_only_where_there_are_any(lab: Lab, versions: int, expected: int) -> None:
    template(lab, *({"UserData": encoded("echo hello")} for _ in range(versions)))
    lab.endpoint.seen.clear()
    lab.statuses(TEMPLATE_USER_DATA)
    assert calls(lab, "DescribeLaunchTemplateVersions") == expected


def test_template_user_data_that_cannot_be_opened(lab: Lab) -> None:
    made = template(lab, {"UserData": base64.b64encode(gzip.compress(b"x" * 9000)[:-12]).decode()})
    assert lab.statuses(TEMPLATE_USER_DATA) == {made: "unknown"}


def test_template_user_data_without_its_versions(lab: Lab) -> None:
    assert lab.statuses(TEMPLATE_USER_DATA, answers=listed_template()) == {"lt-1": "unknown"}
    latest = {"LaunchTemplateId": "lt-1", "VersionNumber": 2, "DefaultVersion": False, "LaunchTemplateData": {}}
    answers = listed_template(LatestVersionNumber=2)
    answers["ec2:DescribeLaunchTemplateVersions"] = {"LaunchTemplateVersions": [latest]}
    assert lab.statuses(TEMPLATE_USER_DATA, answers=answers) == {"lt-1": "unknown"}


def test_template_user_data_unread(lab: Lab) -> None:
    made = template(lab, {"UserData": encoded(PASSWORD)})
    assert lab.statuses(TEMPLATE_USER_DATA, deny=["ec2:DescribeLaunchTemplateVersions"]) == {made: "unknown"}


# --- Images


def launched_from(*images: dict[str, Any]) -> dict[str, Any]:
    """What EC2 answers where i-0, i-1 and so on were launched from these images."""
    found = [{"InstanceId": f"i-{n}", "ImageMetadata": {"ImageId": "ami-1"} | each} for n, each in enumerate(images)]
    return instances(*({} for _ in images)) | {"ec2:DescribeInstanceImageMetadata": {"InstanceImageMetadata": found}}


def test_image_owner(lab: Lab) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"OwnerId": ACCOUNT, "IsPublic": False}, "pass", "high"),
        ({"OwnerId": "137112412989", "ImageOwnerAlias": "amazon", "IsPublic": True}, "pass", "high"),
        ({"OwnerId": "679593333241", "ImageOwnerAlias": "aws-marketplace", "IsPublic": True}, "pass", "high"),
        ({"OwnerId": "099720109477", "IsPublic": True}, "pass", "high"),
        ({"OwnerId": "999999999999", "IsPublic": True}, "fail", "high"),
        ({"OwnerId": "999999999999"}, "fail", "high"),
        ({"OwnerId": "999999999999", "IsPublic": False}, "fail", "medium"),
        ({"State": "deregistered"}, "unknown", "high"),
    ]
    found = lab.findings(IMAGE_OWNER, answers=launched_from(*(image for image, _, _ in cases)))
    expected = {f"i-{n}": (status, severity) for n, (_, status, severity) in enumerate(cases)}
    assert {name: (f.status, f.severity) for name, f in found.items()} == expected


def test_image_owner_that_we_trust(lab: Lab) -> None:
    answers = launched_from({"OwnerId": "999999999999", "IsPublic": True}, {"OwnerId": "099720109477"})
    statuses = lab.statuses(IMAGE_OWNER, answers=answers, trusted_account_ids=("999999999999",))
    assert statuses == numbered(["pass", "fail"])


def test_image_owner_of_an_image_that_nobody_knows(lab: Lab) -> None:
    made = launch(lab)
    unrelated: dict[str, Any] = {"ec2:DescribeInstanceImageMetadata": {"InstanceImageMetadata": []}}
    assert lab.statuses(IMAGE_OWNER, answers=unrelated) == {made: "unknown"}


def test_image_owner_unread(lab: Lab) -> None:
    made = launch(lab)
    assert lab.statuses(IMAGE_OWNER, deny=["ec2:DescribeInstanceImageMetadata"]) == {made: "unknown"}


def test_public_image(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    private, public = (ec2.register_image(Name=name)["ImageId"] for name in ("private", "public"))
    ec2.modify_image_attribute(ImageId=public, LaunchPermission={"Add": [{"Group": "all"}]})
    assert lab.statuses(IMAGE_PUBLIC) == {private: "pass", public: "fail"}
    assert lab.findings(IMAGE_PUBLIC)[public].resource.name == "public"
    assert lab.statuses(IMAGE_PUBLIC, deny=["ec2:DescribeImages"]) == {"*": "unknown"}


def image_block(state: str) -> dict[str, Any]:
    """What EC2 answers where the block on public images is in this state."""
    return {"ec2:GetImageBlockPublicAccessState": {"ImageBlockPublicAccessState": state}}


def test_image_block(lab: Lab) -> None:
    assert lab.statuses(IMAGE_BLOCK, answers=image_block("block-new-sharing")) == {ACCOUNT: "pass"}
    empty = lab.findings(IMAGE_BLOCK, answers=image_block("unblocked"))[ACCOUNT]
    assert (empty.status, empty.severity) == ("fail", "low")
    full = lab.findings(IMAGE_BLOCK, answers=image_block("unblocked") | image())[ACCOUNT]
    assert (full.status, full.severity) == ("fail", "medium")
    assert lab.statuses(IMAGE_BLOCK, deny=["ec2:GetImageBlockPublicAccessState"]) == {ACCOUNT: "unknown"}
    denied = lab.findings(IMAGE_BLOCK, answers=image_block("unblocked"), deny=["ec2:DescribeImages"])[ACCOUNT]
    assert (denied.status, denied.severity) == ("fail", "medium")
