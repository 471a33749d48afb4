"""What rules about instances, and about what belongs to them, have in common."""

from collections.abc import Iterable, Mapping

from auditor.resources.ec2 import Instance

# Tags that AWS and Kubernetes put on the nodes of a cluster.
NODE_TAGS = ("eks:", "kubernetes.io/cluster/", "k8s.io/", "karpenter.sh/", "AmazonECSManaged", "aws:ecs:")
# Tags of what AWS Backup and Data Lifecycle Manager made, and will delete.
KEEPERS = {"aws:backup:": "AWS Backup", "aws:dlm:": "Data Lifecycle Manager"}


def why_not_judged(instance: Instance) -> str | None:
    """Why an instance is not judged: it is gone, or nobody in the account can change it."""
    if not instance.live:
        return f"the instance is {instance.state.name}"
    if instance.managed:
        return "an AWS service runs this instance, and only it can change it"
    return None


def why_not_running(instance: Instance) -> str | None:
    """As `why_not_judged`, for what can be said of running instances only."""
    return why_not_judged(instance) or (None if instance.running else f"the instance is {instance.state.name}")


def node_tag(tags: Mapping[str, str] | None, prefixes: Iterable[str] = NODE_TAGS) -> str | None:
    """The tag that says that an instance is a node of a container cluster."""
    starts = tuple(prefixes)
    return next((tag for tag in sorted(tags or {}) if tag.startswith(starts)), None)


def keeper(tags: Mapping[str, str] | None) -> str | None:
    """The service that made a snapshot or an image and deletes it when its time has come."""
    found = (name for tag in tags or {} for start, name in KEEPERS.items() if tag.startswith(start))
    return next(found, None)


def has_tag(tags: Mapping[str, str] | None, wanted: Iterable[str]) -> str | None:
    """The first of these tags, each "key" or "key=value", that there is; neither is told apart by case."""
    given = {key.lower(): value.lower() for key, value in (tags or {}).items()}
    for tag in wanted:
        key, equals, value = tag.lower().partition("=")
        if key in given and (not equals or given[key] == value):
            return tag
    return None
