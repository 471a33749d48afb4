"""What lies in Parameter Store."""

from tests.lab import Lab

RULE = "ssm-parameter-secret-encrypted"


def test_parameters_that_are_called_like_secrets(lab: Lab) -> None:
    ssm = lab.client("ssm")
    names = {
        "/shop/db/password": "fail", "/shop/stripe_API-Key": "fail", "github.token": "fail", "/shop/tokens": "fail",
        "/shop/password/host": "pass", "/shop/db/password_arn": "pass", "/shop/secretName": "pass",
        "/shop/token-ttl": "pass", "/shop/host": "pass",
    }  # fmt: skip
    for name in names:
        ssm.put_parameter(Name=name, Value="x", Type="String")
    ssm.put_parameter(Name="/shop/tokens-list", Value="x,y", Type="StringList")
    ssm.put_parameter(Name="/shop/admin/password", Value="x", Type="SecureString")
    expected = names | {"/shop/tokens-list": "fail", "/shop/admin/password": "pass"}
    assert lab.statuses(RULE) == expected
    assert lab.statuses(RULE, deny=["ssm:DescribeParameters"]) == {"*": "unknown"}


def test_an_image_is_no_secret(lab: Lab) -> None:
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/image-secret"
    image = {"Name": "image-secret", "ARN": arn, "Type": "String", "DataType": "aws:ec2:image"}
    answers = {"ssm:DescribeParameters": {"Parameters": [image]}}
    assert lab.statuses(RULE, answers=answers) == {"image-secret": "not_applicable"}
