"""What Auto Scaling groups launch from."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.test_autoscaling import BALANCED, DELETED, GROUP, groups, mixed

USED = "autoscaling-group-launch-template-used"
PUBLIC_IP = "autoscaling-group-no-public-ip"
CURRENT = "autoscaling-group-instances-on-current-template"
REFRESH = "autoscaling-group-instance-refresh-succeeded"
VALID = "autoscaling-group-launch-template-valid"
INSTALLS = "autoscaling-group-user-data-without-package-install"
IN_USE = "autoscaling-launch-configuration-in-use"
IMDS = "autoscaling-launch-configuration-imdsv2-required"
USER_DATA = "autoscaling-launch-configuration-user-data-no-secrets"

# Put together here, so that no scanner takes this file for a leak.
KEY_ID, SECRET = "AKIA" + "QWERTYUIOP234567", "".join(("wJq7Zt2", "Lx9Rk4Vb8Nd3", "Hs6Pf1Mc5Gy0", "Ta2Ue8Qo7"))
PASSWORD = "".join(("Roast", "ed-Daily", "-41"))


class Templates:
    """Launch templates and configurations of an emulated account, by name."""

    def __init__(self, lab: Lab) -> None:
        self.ec2, self.autoscaling = lab.client("ec2"), lab.client("autoscaling")
        self.ids: dict[str, str] = {}

    def template(self, name: str, *versions: dict[str, Any], default: int = 1) -> dict[str, Any]:
        """A launch template with these versions; gives the part of a group that uses its default one."""
        data = [
            {"ImageId": "ami-0a1ee2fb28fe05df3", "InstanceType": "t3.micro", **version} for version in versions or ({},)
        ]
        made = self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data[0])
        self.ids[name] = made["LaunchTemplate"]["LaunchTemplateId"]
        for more in data[1:]:
            self.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=more)
        self.ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion=str(default))
        return self.use(name)

    def use(self, name: str, version: str | None = None) -> dict[str, Any]:
        """The part of a group that launches from a version."""
        return {"LaunchTemplate": self.spec(name, version)}

    def spec(self, name: str, version: str | None = None) -> dict[str, Any]:
        said = {"LaunchTemplateId": self.ids.get(name, "lt-0000000000000000f"), "LaunchTemplateName": name}
        return said | ({"Version": version} if version else {})

    def configuration(self, name: str, **more: Any) -> dict[str, Any]:
        """A launch configuration; gives the part of a group that uses it."""
        said = {"ImageId": "ami-0a1ee2fb28fe05df3", "InstanceType": "t3.micro", **more}
        self.autoscaling.create_launch_configuration(LaunchConfigurationName=name, **said)
        return {"LaunchTemplate": None, "LaunchConfigurationName": name}


def test_templates_are_used(lab: Lab) -> None:
    answers = groups({"template": {}, "mixed": mixed(), "old": {"LaunchTemplate": None, "LaunchConfigurationName": "x"},
                      "deleted": DELETED})  # fmt: skip
    assert lab.statuses(USED, answers=answers) == {
        "template": "pass", "mixed": "pass", "old": "fail", "deleted": "not_applicable",
    }  # fmt: skip


def test_public_addresses(lab: Lab) -> None:
    made = Templates(lab)
    yes, no = ({"NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": said}]} for said in (True, False))
    found = {
        "plain": made.template("plain"), "open": made.template("open", yes), "closed": made.template("closed", no),
        "fixed": made.template("fixed", yes, {}, no, default=3), "old": made.use("fixed", "1"),
        "middle": made.use("fixed", "2"), "latest": made.use("fixed", "$Latest"), "missing": made.use("missing"),
        "configuration": made.configuration("configuration", AssociatePublicIpAddress=True),
        "quiet": made.configuration("quiet"), "gone": {"LaunchTemplate": None, "LaunchConfigurationName": "gone"},
        "deleted": {**made.use("open"), **DELETED},
    }  # fmt: skip
    override = {"InstanceType": "m6g.large", "LaunchTemplateSpecification": made.spec("open")}
    base = {"LaunchTemplateSpecification": made.spec("plain"), "Overrides": [override]}
    found["override"] = {"LaunchTemplate": None, "MixedInstancesPolicy": {"LaunchTemplate": base}}
    answers = groups(found)
    expected = {
        "plain": "pass", "open": "fail", "closed": "pass", "fixed": "pass", "old": "fail", "middle": "pass",
        "latest": "pass", "missing": "not_applicable", "configuration": "fail", "quiet": "pass", "gone": "unknown",
        "deleted": "not_applicable", "override": "fail",
    }  # fmt: skip
    assert lab.statuses(PUBLIC_IP, answers=answers) == expected
    of_templates = ("plain", "open", "closed", "fixed", "old", "middle", "latest", "override")
    for operation, unread in (
        ("ec2:DescribeLaunchTemplates", (*of_templates, "missing")),
        ("ec2:DescribeLaunchTemplateVersions", of_templates),
        ("autoscaling:DescribeLaunchConfigurations", ("configuration", "quiet")),
    ):
        assert lab.statuses(PUBLIC_IP, answers=answers, deny=[operation]) == expected | dict.fromkeys(unread, "unknown")


# --- Instances and refreshes


def member(name: str, state: str = "InService", **source: Any) -> dict[str, Any]:
    said = {"InstanceId": name, "AvailabilityZone": "us-east-1a", "LifecycleState": state, "HealthStatus": "Healthy"}
    return {**said, "ProtectedFromScaleIn": False, **source}


def test_instances_are_of_the_current_template(lab: Lab) -> None:
    made = Templates(lab)
    made.template("web", {}, {}, {}, default=2)
    made.template("arm")

    def launched(*versions: str, of: str = "web", **more: Any) -> list[dict[str, Any]]:
        return [member(f"i-{version}", **made.use(of, version), **more) for version in versions]

    override = {"InstanceType": "m6g.large", "LaunchTemplateSpecification": made.spec("arm", "1")}
    base = {"LaunchTemplateSpecification": made.spec("web", "$Latest"), "Overrides": [override]}
    by_policy = {"LaunchTemplate": None, "MixedInstancesPolicy": {"LaunchTemplate": base}}
    old = {"LaunchTemplate": None, "LaunchConfigurationName": "old"}
    found: dict[str, dict[str, Any]] = {
        "default": {**made.use("web"), "Instances": launched("2")},
        "behind": {**made.use("web", "$Default"), "Instances": launched("2", "1")},
        "latest": {**made.use("web", "$Latest"), "Instances": launched("3", "$Latest")},
        "latest behind": {**made.use("web", "$Latest"), "Instances": launched("2")},
        "number": {**made.use("web", "1"), "Instances": launched("1")},
        "number behind": {**made.use("web", "3"), "Instances": launched("1")},
        "standby": {**made.use("web"), "Instances": launched("1", state="Standby")},
        "leaving": {**made.use("web"), "Instances": launched("1", state="Terminating")},
        "by hand": {**made.use("web"), "Instances": [member("i-1")]},
        "empty": made.use("web"),
        "mixed": {**by_policy, "Instances": launched("3") + launched("1", of="arm")},
        "mixed behind": {**by_policy, "Instances": launched("1")},
        "configuration": {**old, "Instances": [member("i-1", LaunchConfigurationName="old")]},
        "other": {**old, "Instances": [member("i-1", LaunchConfigurationName="older")]},
        "moved": {**made.use("web"), "Instances": [member("i-1", LaunchConfigurationName="old")]},
        "missing": {**made.use("missing"), "Instances": launched("1", of="missing")},
        "refreshing": {**made.use("web"), "Instances": launched("1")},
        "deleted": {**made.use("web"), "Instances": launched("1"), **DELETED},
    }

    def refreshes(params: Any, *_: Any) -> dict[str, Any]:
        status = "InProgress" if params["AutoScalingGroupName"] == "refreshing" else "Successful"
        return {"InstanceRefreshes": [{"InstanceRefreshId": "1", "Status": status}]}

    answers = {**groups(found), "autoscaling:DescribeInstanceRefreshes": refreshes}
    expected = dict.fromkeys(("default", "latest", "number", "mixed", "configuration"), "pass")
    failing = ("behind", "latest behind", "number behind", "standby", "mixed behind", "other", "moved")
    expected |= dict.fromkeys(failing, "fail")
    exempt = ("leaving", "by hand", "empty", "missing", "refreshing", "deleted")
    expected |= dict.fromkeys(exempt, "not_applicable")
    judged = lab.findings(CURRENT, answers=answers)
    assert {name: finding.status.value for name, finding in judged.items()} == expected
    assert judged["behind"].evidence == {"outdated": ["i-1"]}
    denied = lab.statuses(CURRENT, answers=answers, deny=["autoscaling:DescribeInstanceRefreshes"])
    assert denied == expected | dict.fromkeys((*failing, "refreshing"), "unknown")
    denied = lab.statuses(CURRENT, answers=answers, deny=["ec2:DescribeLaunchTemplates"])
    assert {name for name, status in denied.items() if status == "unknown"} > {"default", "latest", "mixed"}


def test_the_last_refresh(lab: Lab) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def refreshed(*statuses: str | None) -> list[dict[str, Any]]:
        """One after the other; the last may be pending, without a start."""
        return [
            {"InstanceRefreshId": str(day), "Status": status}
            | ({} if status == "Pending" else {"StartTime": start + timedelta(days=day)})
            for day, status in enumerate(statuses)
        ]

    of = {
        "good": refreshed("Failed", "Successful"), "failed": refreshed("Successful", "Failed"),
        "rolled back": refreshed("RollbackSuccessful"), "stuck": refreshed("RollbackFailed"),
        "cancelled": refreshed("Cancelled"), "pending": refreshed("Failed", "Pending"), "none": [],
    }  # fmt: skip
    answers = {
        **groups({name: {} for name in of}),
        "autoscaling:DescribeInstanceRefreshes": lambda params, *_: {
            "InstanceRefreshes": of[params["AutoScalingGroupName"]]
        },
    }
    assert lab.statuses(REFRESH, answers=answers) == {
        "good": "pass", "failed": "fail", "rolled back": "fail", "stuck": "fail", "cancelled": "pass",
        "pending": "not_applicable", "none": "not_applicable",
    }  # fmt: skip
    denied = lab.statuses(REFRESH, answers=answers, deny=["autoscaling:DescribeInstanceRefreshes"])
    assert set(denied.values()) == {"unknown"}


# --- What templates point at


class Targets(Templates):
    """Templates, and what they may point at."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        iam = lab.client("iam")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.group = self.ec2.create_security_group(GroupName="web", Description="web", VpcId=self.vpc)["GroupId"]
        self.ec2.create_key_pair(KeyName="ops")
        self.profile = iam.create_instance_profile(InstanceProfileName="web", Path="/shop/")["InstanceProfile"]["Arn"]
        self.zones = {"VPCZoneIdentifier": f"{self.subnet}"}


def images(*states: tuple[str, str]) -> dict[str, Any]:
    """What EC2 says of images: those of these that were asked for."""

    def answer(params: Any, *_: Any) -> dict[str, Any]:
        wanted = {value for each in params.get("Filters", ()) for value in each["Values"]}
        return {"Images": [{"ImageId": name, "State": state} for name, state in states if name in wanted]}

    return {"ec2:DescribeImages": answer}


def pointing(made: Targets) -> dict[str, dict[str, Any]]:
    """Groups by what is missing of what they point at."""
    all_there = {
        "SecurityGroupIds": [made.group], "KeyName": "ops", "IamInstanceProfile": {"Arn": made.profile},
        "ImageId": "ami-good",
    }  # fmt: skip
    interface = {"DeviceIndex": 0, "Groups": ["sg-0000000000000000f"]}

    def by_name(name: str) -> dict[str, Any]:
        return {"IamInstanceProfile": {"Name": name}}

    data: dict[str, dict[str, Any]] = {
        "good": all_there, "named": {**all_there, **by_name("web")},
        "ssm": {**all_there, "ImageId": "resolve:ssm:/ami"},
        "image": {**all_there, "ImageId": "ami-gone"}, "disabled": {**all_there, "ImageId": "ami-off"},
        "group": {**all_there, "SecurityGroupIds": [made.group, "sg-0000000000000000f"]},
        "interface": {**all_there, "SecurityGroupIds": [], "NetworkInterfaces": [interface]},
        "key": {**all_there, "KeyName": "gone"}, "profile": {**all_there, **by_name("gone")},
        "profile arn": {**all_there, "IamInstanceProfile": {"Arn": f"{made.profile}-gone"}},
    }  # fmt: skip
    found = {name: {**made.template(name.replace(" ", "-"), said), **made.zones} for name, said in data.items()}
    of = {"SecurityGroups": [made.group], "ImageId": "ami-good", "KeyName": "ops", "IamInstanceProfile": "web"}
    found |= {
        "template": {**made.use("gone"), **made.zones}, "version": {**made.use("good", "9"), **made.zones},
        "subnet": {**made.use("good"), "VPCZoneIdentifier": f"{made.subnet}, subnet-0000000000000000f"},
        "zones": {**made.use("good"), "VPCZoneIdentifier": ""},
        "configuration": {**made.configuration("good", **of), **made.zones},
        "bad image": {**made.configuration("bad image", **{**of, "ImageId": "ami-gone"}), **made.zones},
        "bad key": {**made.configuration("bad key", **{**of, "KeyName": "gone"}), **made.zones},
    }  # fmt: skip
    return found


def test_what_a_group_needs_to_launch_is_there(lab: Lab) -> None:
    made = Targets(lab)
    answers = groups(pointing(made)) | images(("ami-good", "available"), ("ami-off", "disabled"))
    passing = {"good", "named", "ssm", "zones", "configuration"}
    judged = lab.findings(VALID, answers=answers)
    assert {name for name, finding in judged.items() if finding.status == "pass"} == passing
    assert {name: finding.evidence["problems"] for name, finding in judged.items() if finding.status == "fail"} == {
        "image": ["the image ami-gone is not available"], "disabled": ["the image ami-off is not available"],
        "group": ["the security group sg-0000000000000000f does not exist"],
        "interface": ["the security group sg-0000000000000000f does not exist"],
        "key": ["the key pair gone does not exist"], "profile": ["the instance profile gone does not exist"],
        "profile arn": [f"the instance profile {made.profile}-gone does not exist"],
        "template": ["lt-0000000000000000f version $Default does not exist"],
        "version": [f"{made.ids['good']} version 9 does not exist"],
        "subnet": ["the subnet subnet-0000000000000000f does not exist"],
        "bad image": ["the image ami-gone is not available"], "bad key": ["the key pair gone does not exist"],
    }  # fmt: skip
    for operation, still in (
        ("ec2:DescribeLaunchTemplates", {"subnet", "bad image", "bad key"}),
        ("ec2:DescribeImages", {"group", "key", "template", "version", "subnet"}),
        ("ec2:DescribeSecurityGroups", {"image", "template"}),
        ("ec2:DescribeKeyPairs", {"image", "subnet"}),
        ("ec2:DescribeSubnets", {"image", "version"}),
        ("iam:ListInstanceProfiles", {"image", "version"}),
        ("autoscaling:DescribeLaunchConfigurations", {"image", "version"}),
        ("ec2:DescribeLaunchTemplateVersions", {"template", "subnet", "bad image"}),
    ):
        statuses = lab.statuses(VALID, answers=answers, deny=[operation])
        failing = {name for name, status in statuses.items() if status == "fail"}
        assert still <= failing <= judged.keys() - passing
        assert "unknown" in statuses.values()


def test_software_is_on_the_image(lab: Lab) -> None:
    made = Templates(lab)

    def script(text: str, image: str = "ami-amazon") -> dict[str, Any]:
        return {"UserData": base64.b64encode(text.encode()).decode(), "ImageId": image}

    install = "#!/bin/bash\nyum -y install httpd\n"
    found = {
        "slow": made.template("slow", script(install)), "pulls": made.template("pulls", script("docker pull shop:1")),
        "baked": made.template("baked", script(install, "ami-own")), "plain": made.template("plain"),
        "starts": made.template("starts", script("systemctl start shop  # no reinstall")),
        "ssm": made.template("ssm", script(install, "resolve:ssm:/ami")), "configuration": made.configuration("old"),
        "deleted": {**made.use("slow"), **DELETED},
    }  # fmt: skip

    def answer(params: Any, *_: Any) -> dict[str, Any]:
        return {"Images": [
            {"ImageId": name, "State": "available", **({"ImageOwnerAlias": "amazon"} if name == "ami-amazon" else {})}
            for name in params["Filters"][0]["Values"]
        ]}  # fmt: skip

    answers = {**groups(found), "ec2:DescribeImages": answer}
    expected = {
        "slow": "fail", "pulls": "fail", "baked": "pass", "plain": "pass", "starts": "pass", "ssm": "pass",
        "configuration": "not_applicable", "deleted": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(INSTALLS, answers=answers) == expected
    for operation, unread in (
        ("ec2:DescribeImages", ("slow", "pulls", "baked")),
        ("ec2:DescribeLaunchTemplates", ("slow", "pulls", "baked", "plain", "starts", "ssm")),
        ("autoscaling:DescribeAutoScalingGroups", ()),
    ):
        statuses = lab.statuses(INSTALLS, answers=answers, deny=[operation])
        assert statuses == (expected | dict.fromkeys(unread, "unknown") if unread else {"*": "unknown"})


# --- Launch configurations


def test_launch_configurations_in_use(lab: Lab) -> None:
    made = Templates(lab)
    answers = groups({"web": made.configuration("used")})
    made.configuration("old")
    assert lab.statuses(IN_USE, answers=answers) == {"used": "pass", "old": "fail"}
    assert lab.statuses(IN_USE, deny=["autoscaling:DescribeAutoScalingGroups"]) == {"used": "unknown", "old": "unknown"}


def test_metadata_options(lab: Lab) -> None:
    made = Templates(lab)
    options: dict[str, dict[str, Any]] = {
        "required": {"MetadataOptions": {"HttpTokens": "required"}},
        "off": {"MetadataOptions": {"HttpEndpoint": "disabled"}},
        "optional": {"MetadataOptions": {"HttpTokens": "optional", "HttpEndpoint": "enabled"}}, "unsaid": {},
        "image": {"ImageId": "ami-good"}, "on": {"MetadataOptions": {"HttpEndpoint": "enabled"}},
    }  # fmt: skip
    found = {name: made.configuration(name, **said) for name, said in options.items()}
    made.configuration("unused")
    image = {"Images": [{"ImageId": "ami-good", "State": "available", "ImdsSupport": "v2.0"}]}
    answers = {**groups(found), "ec2:DescribeImages": image}
    expected = {
        "required": "pass", "off": "pass", "optional": "fail", "unsaid": "fail", "image": "pass", "on": "fail",
        "unused": "not_applicable",
    }  # fmt: skip

    def defaults(**said: str) -> dict[str, Any]:
        return {"ec2:GetInstanceMetadataDefaults": {"AccountLevel": said}}

    for default, changed in (
        (defaults(), {}),
        (defaults(HttpTokens="required"), dict.fromkeys(("unsaid", "on"), "pass")),
        (defaults(HttpTokens="optional"), {"image": "fail"}),
        (defaults(HttpEndpoint="disabled"), {"unsaid": "pass"}),
    ):
        assert lab.statuses(IMDS, answers=answers | default) == expected | changed
    for operation, unread in (
        ("ec2:GetInstanceMetadataDefaults", {"unsaid", "image", "on"}),
        ("ec2:DescribeImages", {"unsaid", "image", "on"}),
        ("autoscaling:DescribeAutoScalingGroups", {"optional", "unsaid", "image", "on", "unused"}),
    ):
        statuses = lab.statuses(IMDS, answers=answers, deny=[operation])
        assert {name for name, status in statuses.items() if status == "unknown"} == unread


def test_user_data(lab: Lab) -> None:
    made = Templates(lab)
    scripts = {
        "plain": "#!/bin/bash\nyum update -y\n", "password": f"#!/bin/bash\nexport DB_PASSWORD='{PASSWORD}'\n",
        "keys": f"aws configure set aws_access_key_id {KEY_ID}\naws configure set aws_secret_access_key {SECRET}\n",
    }  # fmt: skip
    for name, text in scripts.items():
        made.configuration(name, UserData=text)
    made.configuration("none")
    found = lab.findings(USER_DATA)
    assert {name: (finding.status.value, finding.severity.value) for name, finding in found.items()} == {
        "plain": ("pass", "high"), "password": ("fail", "high"), "keys": ("fail", "critical"), "none": ("pass", "high"),
    }  # fmt: skip
    assert not any(word in found["keys"].model_dump_json() for word in (KEY_ID, SECRET))
    broken = base64.b64encode(b"\x1f\x8b broken").decode()
    configuration = {
        "LaunchConfigurationName": "x", "LaunchConfigurationARN": "arn:aws:autoscaling:x", "ImageId": "ami-1",
        "InstanceType": "t3.micro", "CreatedTime": datetime.now(UTC), "UserData": broken,
    }  # fmt: skip
    answer = {"autoscaling:DescribeLaunchConfigurations": {"LaunchConfigurations": [configuration]}}
    assert lab.statuses(USER_DATA, answers=answer) == {"x": "unknown"}


@pytest.mark.parametrize("rules", [(USED, PUBLIC_IP, CURRENT, REFRESH, VALID), (IN_USE, IMDS, USER_DATA)])
def test_what_is_denied_is_unknown(lab: Lab, rules: tuple[str, ...]) -> None:
    kind = "AutoScalingGroups" if USED in rules else "LaunchConfigurations"
    with lab.but(deny=[f"autoscaling:Describe{kind}"], answers=groups({"web": {**GROUP, **BALANCED}})):
        judged = lab.judge(*rules)
    assert {(f.rule, f.status.value) for f in judged.findings} == {(rule, "unknown") for rule in rules}
