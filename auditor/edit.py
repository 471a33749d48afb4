"""Changes to a settings file that leave the rest of it as somebody wrote it, comments included."""

import json
import tomllib
from pathlib import Path

from auditor.files import replace_text
from auditor.settings import PYPROJECT, BadSettings, Suppress

TEMPLATE = """\
# Settings of auditor. What stands here is what happens without the file; take the # away to change it.
# Editors check it with the schema that `auditor config schema` prints.

[scan]
# regions = ["eu-central-1", "eu-west-1"]     # default: every enabled region
# services = ["iam", "s3"]                    # default: all
# categories = ["security", "reliability"]    # default: all; also cost, operations, performance
# concurrency = 160                           # most calls in flight
# metrics = false                             # CloudWatch metrics: AWS bills each one

[report]
# formats = ["json", "html", "sarif"]
# output = "auditor-report"

[gate]
# fail_on = ["high"]                          # or "new:high", "critical+security", "cis-5.0>5", "s3-*"
# min_coverage = 95                           # percent of verdicts that must be known
# soft_fail = ["ec2-instance-detailed-*"]     # rules that only warn
# baseline = "baseline.json"                  # an earlier JSON report, for "new:" and "unknown:"

# A parameter of every rule that has one of that name; `auditor explain RULE` shows a rule's own.
[parameters]
# trusted_account_ids = ["210987654321"]

# One rule: on or off, another severity, its own parameters.
# [rules.iam-user-access-key-rotated]
# enabled = true
# severity = "medium"
# max_age_days = 90

# Other rules and parameters for some accounts.
# [[overrides]]
# accounts = ["123456789012"]                 # or account_tags = {env = "prod"}, as AWS Organizations has them
# [overrides.rules.ec2-volume-encrypted]
# severity = "low"

# Accepted risks. They stay in every report, marked; after `expires` they count again.
# [[suppress]]
# rule = "s3-bucket-*"                         # a glob; also resource (ARN glob), tag, account, region, fingerprint
# resource = "arn:aws:s3:::public-website*"
# reason = "a public website"
# owner = "web team"
# expires = 2027-06-30
"""


def add_suppression(path: Path, entry: Suppress, comment: str = "") -> None:
    """Append an entry to a settings file, which is made if need be.

    Raises BadSettings where the file's own form leaves no room for it, and OSError.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    table = "tool.auditor.suppress" if path.name == PYPROJECT.name else "suppress"
    lines = [f"[[{table}]]"]
    if comment:
        lines.insert(0, f"# {' '.join(comment.split())}")
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in entry.identity.items()]
    lines += [f"{name} = {json.dumps(getattr(entry, name), ensure_ascii=False)}" for name in ("reason", "owner")]
    lines.append(f"expires = {entry.expires.isoformat()}")
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    after = f"{before}{gap}{chr(10).join(lines)}\n"
    try:
        tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path} has its suppressions in a form that nothing can be added to: {error}") from None
    replace_text(path, [after])
