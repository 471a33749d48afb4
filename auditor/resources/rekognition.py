"""Rekognition: projects with the models that were trained in them, and what analyses streams of video."""

from typing import Annotated

from auditor.fetch import Call, Listing, Metric
from auditor.model import Resource, Shape


class ProjectVersion(Shape):
    """A trained model. While it runs, every hour of its inference units is billed."""

    project_version_arn: str
    status: str
    min_inference_units: int | None = None  # only of one that runs


class RekognitionProject(Resource):
    """A project of Rekognition Custom Labels, or an adapter's."""

    service, cfn_type = "rekognition", "AWS::Rekognition::Project"
    listing = Listing("DescribeProjects", at="ProjectDescriptions")
    arn_format = "{project_arn}"
    id_field = "project_arn"

    project_arn: str
    versions: Annotated[
        tuple[ProjectVersion, ...],
        Call("DescribeProjectVersions", at="ProjectVersionDescriptions", ProjectArn="project_arn"),
    ]
    # Requests to all models of the region, day by day: CloudWatch does not tell one from another.
    custom_label_requests: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Rekognition", "SuccessfulRequestCount", statistic="Sum", period=86400, days=7,
            const={"Operation": "DetectCustomLabels"},
        ),
    ]  # fmt: skip


class FaceSearch(Shape):
    """The collection whose faces are looked for."""

    collection_id: str | None = None


class StreamSettings(Shape):
    """What a stream processor looks for: faces, or things about a house."""

    face_search: FaceSearch | None = None


class StreamDetails(Shape):
    """How a stream processor works."""

    settings: StreamSettings = StreamSettings()
    kms_key_id: str | None = None  # left out, what it writes is encrypted with a key of AWS's


class StreamProcessor(Resource):
    """What analyses a stream of video."""

    service, cfn_type = "rekognition", "AWS::Rekognition::StreamProcessor"
    listing = Listing("ListStreamProcessors", at="StreamProcessors")
    arn_format = "arn:{partition}:rekognition:{region}:{account}:streamprocessor/{name}"
    id_field = name_field = "name"

    name: str
    details: Annotated[StreamDetails, Call("DescribeStreamProcessor", Name="name")]
