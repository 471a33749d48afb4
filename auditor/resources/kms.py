"""KMS: keys, with the aliases by which people name them."""

import asyncio
from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing
from auditor.model import Document, Resource, Shape, Timestamp

AWS_ALIAS = "alias/aws/"


async def read_keys(ask: Ask) -> list[dict[str, Any]]:
    """The keys, each with its aliases: these tell AWS's own keys apart, of which nothing else is asked."""
    keys, aliases = await asyncio.gather(ask("ListKeys"), ask("ListAliases"))
    names: dict[str, list[str]] = {}
    for page in aliases:
        for alias in page.get("Aliases", ()):
            # AWS also lists the aliases of its own keys that do not exist yet: they have no target.
            names.setdefault(alias.get("TargetKeyId", ""), []).append(alias["AliasName"])
    return [{**key, "AliasNames": names.get(key["KeyId"], [])} for page in keys for key in page["Keys"]]


class MultiRegionConfiguration(Shape):
    """Which one of its regions a key of several regions is kept in: PRIMARY or REPLICA."""

    multi_region_key_type: str


class KeyMetadata(Shape):
    """What KMS says of a key."""

    key_manager: str  # AWS or CUSTOMER
    key_state: str
    key_spec: str
    origin: str
    deletion_date: Timestamp | None = None  # only of a key that waits to be deleted
    multi_region_configuration: MultiRegionConfiguration | None = None  # only of keys of several regions

    @property
    def is_replica(self) -> bool:
        """Whether it is the copy of a key whose settings are kept in another region."""
        configured = self.multi_region_configuration
        return configured is not None and configured.multi_region_key_type == "REPLICA"


class RotationStatus(Shape):
    """Whether KMS gives a key new material by itself, and how often."""

    key_rotation_enabled: bool
    rotation_period_in_days: int | None = None  # left out where it is off


class KmsKey(Resource):
    """A KMS key. AWS's own ones (alias/aws/...) are listed, and nothing more is asked about them."""

    service, cfn_type = "kms", "AWS::KMS::Key"
    listing = Listing("ListKeys", fetch=read_keys, also=("ListAliases",))
    arn_format = "{key_arn}"
    id_field = "key_id"
    name_field = "alias"

    key_id: str
    alias_names: tuple[str, ...]

    # None for AWS's own keys.
    metadata: Annotated[
        KeyMetadata | None,
        Call("DescribeKey", at="KeyMetadata", when=lambda key: not key.is_aws_managed, KeyId="key_id"),
    ]
    # Of a key that no key material of KMS's own stands behind, KMS says that this is not supported: None.
    rotation: Annotated[
        RotationStatus | None,
        Call(
            "GetKeyRotationStatus",
            absent=("UnsupportedOperationException",),
            when=lambda key: not key.is_aws_managed,
            KeyId="key_id",
        ),
    ]
    policy: Annotated[
        Document | None,
        Call(
            "GetKeyPolicy",
            at="Policy",
            const={"PolicyName": "default"},
            when=lambda key: not key.is_aws_managed,
            KeyId="key_id",
        ),
    ]

    @property
    def is_aws_managed(self) -> bool:
        """Whether the key is AWS's, as its alias tells: nobody in the account can change it."""
        return any(name.startswith(AWS_ALIAS) for name in self.alias_names)

    @property
    def alias(self) -> str | None:
        """The first of its names."""
        return min(self.alias_names, default=None)
