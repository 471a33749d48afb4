"""Secrets Manager: secrets, of which only the metadata is read."""

from auditor.fetch import Listing
from auditor.model import Resource, Timestamp


class Secret(Resource):
    """A secret. Its value is never read."""

    service, cfn_type = "secretsmanager", "AWS::SecretsManager::Secret"
    listing = Listing("ListSecrets", at="SecretList")
    id_field = "name"
    name_field = "name"

    name: str
    kms_key_id: str | None = None  # None: encrypted with the AWS managed key aws/secretsmanager
    rotation_enabled: bool | None = None  # left out where rotation was never configured
    owning_service: str | None = None  # only of a secret that another service manages
    primary_region: str | None = None  # only of a secret that is replicated
    created_date: Timestamp
    last_accessed_date: Timestamp | None = None  # the day; left out of a secret that was never retrieved
    last_changed_date: Timestamp | None = None
    deleted_date: Timestamp | None = None  # only of a secret that waits to be deleted

    @property
    def is_replica(self) -> bool:
        """Whether it is the copy of a secret of another region, which rotates and is deleted there."""
        return self.primary_region is not None and self.primary_region != self.region
