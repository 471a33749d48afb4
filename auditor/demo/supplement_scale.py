"""What moto lacks of Auto Scaling and containers."""

from collections.abc import Mapping

from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Params

# Those that are AWS's own, in every region of every account.
FARGATE = ("FARGATE", "FARGATE_SPOT")


def capacity_providers(params: Params, region: str, account: str) -> Mapping[str, object] | None:
    """Without names, moto fails."""
    if params.get("capacityProviders"):
        return None
    made = backend("ecs", region, account).capacity_providers.values()
    found: list[dict[str, object]] = [
        {
            "capacityProviderArn": provider.capacity_provider_arn,
            "name": provider.name,
            "status": provider.status,
            "autoScalingGroupProvider": provider.auto_scaling_group_provider,
            "tags": provider.tags or [],
        }
        for provider in made
    ]
    arn = f"arn:aws:ecs:{region}:{account}:capacity-provider"
    found += [{"capacityProviderArn": f"{arn}/{name}", "name": name, "status": "ACTIVE"} for name in FARGATE]
    return {"capacityProviders": found}


ANSWERS: dict[str, Answer] = {"ecs:DescribeCapacityProviders": capacity_providers}
