"""CodePipeline: pipelines, how they are built and how they last ran."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape, Timestamp


class ActionType(Shape):
    """What kind of action this is: a source of GitHub's, a deployment by CodeDeploy."""

    category: str
    owner: str
    provider: str
    version: str


class ActionConfiguration(Shape):
    """The one setting that is kept of an action; others may hold secrets."""

    poll_for_source_changes: str | None = None  # documented: left out, a source of S3 or CodeCommit is polled


class PipelineAction(Shape):
    """One action of a stage."""

    name: str
    action_type_id: ActionType
    run_order: int = 1  # the documented default
    configuration: ActionConfiguration = ActionConfiguration()


class StageCondition(Shape):
    """One condition at a stage's door, and what follows where it is not met."""

    result: str | None = None


class StageConditions(Shape):
    """What must hold before a stage begins."""

    conditions: tuple[StageCondition, ...] = ()


class PipelineStage(Shape):
    """One stage of a pipeline."""

    name: str
    actions: tuple[PipelineAction, ...] = ()
    before_entry: StageConditions | None = None  # only of V2 pipelines that have some


class EncryptionKey(Shape):
    """A key of KMS."""

    id: str


class ArtifactStore(Shape):
    """Where a pipeline keeps what goes from action to action; without a key, encrypted with AWS's own."""

    location: str
    encryption_key: EncryptionKey | None = None


class PipelineStructure(Shape):
    """How a pipeline is built. It has one store, or one for each region that it acts in."""

    stages: tuple[PipelineStage, ...] = ()
    artifact_store: ArtifactStore | None = None
    artifact_stores: dict[str, ArtifactStore] | None = None

    @property
    def stores(self) -> tuple[ArtifactStore, ...]:
        """All its stores."""
        return ((self.artifact_store,) if self.artifact_store else ()) + tuple((self.artifact_stores or {}).values())


class PipelineMetadata(Shape):
    """What AWS notes about a pipeline."""

    polling_disabled_at: Timestamp | None = None  # only where AWS stopped polling its sources


class PipelineDeclaration(Shape):
    """A pipeline as CodePipeline describes it."""

    pipeline: PipelineStructure
    metadata: PipelineMetadata = PipelineMetadata()


class StageExecution(Shape):
    """An execution as a stage saw it."""

    pipeline_execution_id: str
    status: str


class ActionExecution(Shape):
    """When an action last went on, and to what."""

    status: str | None = None
    last_status_change: Timestamp | None = None


class ActionState(Shape):
    """How an action stands."""

    latest_execution: ActionExecution | None = None  # left out before its first


class StageState(Shape):
    """How a stage stands."""

    stage_name: str
    latest_execution: StageExecution | None = None  # left out before its first
    action_states: tuple[ActionState, ...] = ()


class Pipeline(Resource):
    """A pipeline."""

    service, cfn_type = "codepipeline", "AWS::CodePipeline::Pipeline"
    listing = Listing("ListPipelines", at="pipelines")
    arn_format = "arn:{partition}:codepipeline:{region}:{account}:{name}"
    id_field = name_field = "name"

    name: str
    declaration: Annotated[PipelineDeclaration, Call("GetPipeline", name="name")]
    # The latest of each stage: one call, where the history of executions has pages without end.
    stage_states: Annotated[tuple[StageState, ...], Call("GetPipelineState", at="stageStates", name="name")]
