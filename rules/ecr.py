"""ECR: who may pull and push images, and how these are scanned, kept and named."""

import re
from typing import Any

from auditor.analysis.policy import MalformedPolicy, parse
from auditor.analysis.public import public_statements
from auditor.findings import Category, Severity
from auditor.resources.ecr import EcrRepository, ScanningRule
from auditor.rule import Verdict, failed, passed, rule, unknown

# What reads images and what is known of them. Anything else changes a repository.
READING = ("ecr:get", "ecr:describe", "ecr:list", "ecr:batchget", "ecr:batchcheck")


@rule(
    severity=Severity.CRITICAL,
    controls=("ISO-27001-2022 A.8.1",),
    notes="ECR (private image repository)",
)
def ecr_repository_not_public(repository: EcrRepository) -> Verdict:
    """ECR repositories let in only those whom their policy names.

    Risk: everyone with an AWS account of any kind pulls the images, with all that was built into them; who may push as
        well puts code of theirs into your containers.
    Fix: Name accounts in place of the *, or confine the statement by a Condition on your aws:PrincipalOrgID, in
    aws ecr set-repository-policy --region {region} --repository-name {id} --policy-text file://policy.json
    """
    if repository.policy is None:
        return passed("The repository has no policy")
    try:
        policy = parse(repository.policy, of_resource=True)
    except MalformedPolicy as error:
        return unknown(f"The repository's policy could not be understood: {error}")
    found = public_statements(policy, service="ecr")
    if not found:
        return passed()
    actions = [action for statement in found for action in statement.actions]
    reads_only = all(action.lower().startswith(READING) for action in actions)
    return failed(
        f"Everyone with an AWS account may {'pull from' if reads_only else 'change'} the repository",
        severity=Severity.HIGH if reads_only else None,
        public_statements=[statement.evidence for statement in found],
    )


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ECR.1", "PCI-4.0 11.3.1.2.1 11.3.1.3.3 11.3.1.3"),
    notes="ECR",
)
def ecr_repository_scan_on_push_enabled(repository: EcrRepository) -> Verdict:
    """Images are scanned for vulnerabilities when they are pushed.

    Risk: known holes in a base image or a library go into production with it, and nobody hears of them.
    Fix: aws ecr put-registry-scanning-configuration --region {region} --scan-type BASIC
        --rules '[{"scanFrequency":"SCAN_ON_PUSH","repositoryFilters":[{"filter":"*","filterType":"WILDCARD"}]}]'
    """
    registry, own = repository.registry_scanning, repository.image_scanning_configuration
    matching = [scan for scan in registry.rules if _is_about(scan, repository.repository_name)]
    frequencies = sorted({scan.scan_frequency for scan in matching})
    evidence: dict[str, Any] = {"scan_type": registry.scan_type, "registry_rules": frequencies}
    if {"SCAN_ON_PUSH", "CONTINUOUS_SCAN"}.intersection(frequencies):
        return passed(**evidence)
    if registry.scan_type != "BASIC":  # then the repository's own setting counts for nothing
        return failed("No rule of the registry has the repository's images scanned", **evidence)
    scans = own is not None and own.scan_on_push is True
    if not scans:
        return failed("Images are not scanned when they are pushed", scan_on_push=False, **evidence)
    return passed(scan_on_push=True, **evidence)


def _is_about(scan: ScanningRule, name: str) -> bool:
    """Whether a rule of the registry is about a repository: a filter without * is a part of names."""
    return any(_matches(each.filter, name) for each in scan.repository_filters)


def _matches(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern in name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ECR.2",), notes="ECR")
def ecr_repository_tags_immutable(repository: EcrRepository) -> Verdict:
    """Tags of images cannot be moved to other images.

    Risk: what was tested under a tag need not be what runs under it: whoever may push replaces it without a trace.
    Fix: aws ecr put-image-tag-mutability --region {region} --repository-name {id} --image-tag-mutability IMMUTABLE
    """
    mutability = repository.image_tag_mutability
    if mutability in ("MUTABLE", "MUTABLE_WITH_EXCLUSION"):
        exempt = [each.filter for each in repository.image_tag_mutability_exclusion_filters]
        return failed("Tags can be overwritten", image_tag_mutability=mutability, immutable_tags=exempt)
    return passed(image_tag_mutability=mutability)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub ECR.3", "PCI-4.0 10.5.1.8 3.2.1.7 3.3.1.1.7 3.3.1.3.7 3.3.2.7 3.3.3.7"),
    notes="ECR",
    category=Category.COST,
)
def ecr_repository_lifecycle_policy_configured(repository: EcrRepository) -> Verdict:
    """Old images expire.

    Risk: every build that was ever made is kept and paid for, with holes that were found since, ready to be started.
    Fix: aws ecr put-lifecycle-policy --region {region} --repository-name {id} --lifecycle-policy-text
        '{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed",
        "countUnit":"days","countNumber":14},"action":{"type":"expire"}}]}'
    """
    if repository.lifecycle_policy is None:
        return failed("The repository has no lifecycle policy")
    return passed()
