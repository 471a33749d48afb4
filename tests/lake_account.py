"""A small emulated account, read and judged for the tests of the lake; one detail was denied."""

from auditor.audit import Audit
from auditor.collect import collect
from auditor.demo.endpoint import Endpoint
from auditor.inventory import Inventory
from auditor.plan import plan
from auditor.scan import assess
from tests.lab import RULES, Lab, Sessions

SECRET = "wJalrXUtnFEMIaK7MDENGabPxRfiCYzzzzzzzzzz"


def small_account(endpoint: Endpoint, sessions: Sessions) -> tuple[Inventory, Audit]:
    """What was read, and the audit."""
    endpoint.reset()
    lab = Lab(endpoint, sessions)
    ec2, s3, iam = (lab.client(service) for service in ("ec2", "s3", "iam"))
    for name in ("web-assets", "build-cache"):
        s3.create_bucket(Bucket=name)
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    iam.create_user(UserName="deploy", Tags=[{"Key": "team", "Value": "web"}])
    ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=2, MaxCount=2, InstanceType="t3.micro",
        UserData=f"export AWS_SECRET_ACCESS_KEY={SECRET}",
    )  # fmt: skip
    rules = [rule for rule in RULES.values() if rule.service in ("s3", "ec2", "iam")]
    endpoint.deny, endpoint.answers = {"s3:GetBucketPolicy"}, {}
    session = sessions.of(endpoint.url, ("us-east-1",))
    planned = plan(rules)
    try:
        inventory = sessions.runner.run(collect(session, session.door(planned.operations()), planned))
    finally:
        endpoint.deny = set()
    return inventory, assess(inventory, rules)
