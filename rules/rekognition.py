"""Rules about Rekognition: models that run, and streams that are analysed."""

from collections.abc import Iterator

from auditor.findings import Category, Severity
from auditor.resources.rekognition import RekognitionProject, StreamProcessor
from auditor.rule import Verdict, failed, not_applicable, passed, rule


@rule(severity=Severity.LOW, category=Category.COST, notes="Rekognition (SaaS example)")
def rekognition_project_version_not_idle(thing: RekognitionProject | StreamProcessor) -> Iterator[Verdict]:
    """Models that are running are asked, and video is analysed under a key of the account's own.

    Risk: a running model is billed by the hour for each of its inference units, whether anybody asks it or not.
    Fix: aws rekognition describe-project-versions --region {region} --project-arn {arn}
        --query "ProjectVersionDescriptions[?Status=='RUNNING'].ProjectVersionArn"
        aws rekognition stop-project-version --region {region} --project-version-arn VERSION-ARN
        or make the stream processor again with --kms-key-id KEY-ID
    """
    if isinstance(thing, StreamProcessor):
        yield _encrypted(thing)
    else:
        yield from _idle(thing)


def _encrypted(processor: StreamProcessor) -> Verdict:
    """Whether what a stream processor writes is encrypted with an own key: one that looks for faces takes none."""
    details = processor.details
    if details.settings.face_search is not None:
        return not_applicable("A processor that looks for faces takes no key")
    if details.kms_key_id is None:
        return failed("Results are encrypted with a key of AWS's", severity=Severity.INFORMATIONAL, kms_key_id=None)
    return passed(kms_key_id=details.kms_key_id)


def _idle(project: RekognitionProject) -> Iterator[Verdict]:
    """The models of a project that run."""
    running = [version for version in project.versions if version.status == "RUNNING"]
    if not running:
        yield not_applicable("No model of the project is running")
    for version in running:
        units = version.min_inference_units
        requests = sum(project.custom_label_requests)
        if requests:
            yield passed(key=version.project_version_arn, requests=requests, min_inference_units=units)
        else:
            yield failed(
                "The model runs, and no model of the region was asked for a week",
                key=version.project_version_arn, requests=0, min_inference_units=units,
            )  # fmt: skip
