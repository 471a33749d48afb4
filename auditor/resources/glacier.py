"""Glacier: vaults of the old service, which S3's Glacier storage classes have replaced."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Document, Resource

OWN = {"accountId": "-"}  # the account that asks


class Vault(Resource):
    """A Glacier vault."""

    service, cfn_type = "glacier", "AWS::Glacier::Vault"
    listing = Listing("ListVaults", at="VaultList", params=OWN)
    arn_format = "{vault_arn}"
    id_field = name_field = "vault_name"

    vault_name: str
    number_of_archives: int
    # Locked or InProgress; None where no lock was ever begun.
    lock_state: Annotated[
        str | None,
        Call("GetVaultLock", at="State", absent=("ResourceNotFoundException",), const=OWN, vaultName="vault_name"),
    ]
    access_policy: Annotated[
        Document | None,
        Call(
            "GetVaultAccessPolicy",
            at="policy.Policy",
            absent=("ResourceNotFoundException",),
            const=OWN,
            vaultName="vault_name",
        ),
    ]
