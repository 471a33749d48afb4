"""Athena: workgroups."""

from typing import Annotated, Any

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class ResultConfiguration(Shape):
    """Where a workgroup puts results, and how it encrypts them; what is left out is not set."""

    output_location: str | None = None
    encryption_configuration: dict[str, Any] | None = None


class ManagedResults(Shape):
    """Whether Athena keeps the results itself, which it always encrypts."""

    enabled: bool = False


class EngineVersion(Shape):
    """The engine that queries run on: "Athena engine version 3" of SQL, "PySpark engine version 3" of Spark."""

    effective_engine_version: str | None = None


class WorkGroupConfiguration(Shape):
    """What a workgroup sets for its queries."""

    result_configuration: ResultConfiguration | None = None
    managed_query_results_configuration: ManagedResults | None = None
    enforce_work_group_configuration: bool = False  # else clients may override it
    bytes_scanned_cutoff_per_query: int | None = None  # left out, a query may read all there is
    execution_role: str | None = None  # only of a workgroup for Spark, or for people of IAM Identity Center
    engine_version: EngineVersion | None = None

    @property
    def spark(self) -> bool:
        """Whether it is for Spark; where AWS does not name the engine, the role tells."""
        engine = self.engine_version.effective_engine_version if self.engine_version else None
        return "spark" in engine.lower() if engine else self.execution_role is not None


class WorkGroup(Resource):
    """A workgroup. Every region has one that is called primary, made by AWS."""

    service, cfn_type = "athena", "AWS::Athena::WorkGroup"
    listing = Listing("ListWorkGroups", at="WorkGroups")
    arn_format = "arn:{partition}:athena:{region}:{account}:workgroup/{name}"
    id_field = name_field = "name"

    name: str
    state: str
    configuration: Annotated[
        WorkGroupConfiguration | None,
        Call(
            "GetWorkGroup",
            at="WorkGroup.Configuration",
            when=lambda group: group.state == "ENABLED",
            WorkGroup="name",
        ),
    ]

    @property
    def untouched(self) -> bool:
        """Whether it is AWS's own of the region, and nobody ever set anything in it."""
        set_up = self.configuration
        if self.name != "primary" or set_up is None:
            return False
        location = set_up.result_configuration.output_location if set_up.result_configuration else None
        managed = set_up.managed_query_results_configuration
        return not (
            location
            or set_up.enforce_work_group_configuration
            or set_up.bytes_scanned_cutoff_per_query
            or (managed is not None and managed.enabled)
        )
