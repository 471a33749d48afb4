"""What moto lacks of data stores."""

from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Error, Params

_NO_VAULT_POLICY = Error("ResourceNotFoundException", "No such policy is set for the vault", 404)


def memory_clusters(_: Params, region: str, account: str) -> Mapping[str, Any] | None:
    """Moto answers only where there is a default VPC, whose subnets it takes for MemoryDB's default ones."""
    from moto.memorydb.exceptions import InvalidSubnetError

    try:
        backend("memorydb", region, account)
    except (InvalidSubnetError, KeyError):
        return {"Clusters": []}
    return None


ANSWERS: dict[str, Answer] = {
    "glacier:GetVaultAccessPolicy": _NO_VAULT_POLICY,
    "glacier:GetVaultLock": _NO_VAULT_POLICY,
    "memorydb:DescribeClusters": memory_clusters,
}
