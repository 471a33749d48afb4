"""How those who hold policies could come to hold more: the known paths of privilege escalation in IAM.

Each path is a set of actions that together give its holder the permissions of any user or role. Whether policies open
it is asked of the one evaluator (`evaluate.allowed`), about probes: resources of a name that nobody uses, so that only
grants on all resources of a kind match. Denies, permissions boundaries, NotAction and NotResource count as AWS counts
them. Policies of the organization and of resources are not looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property, lru_cache
from itertools import product

from auditor.analysis.evaluate import Given, Holds, Request, allowed, applies
from auditor.analysis.policy import Policy, Statement

PROBE = "zq0-any-name-zq0"
_SELF = "zq0-own-name-zq0"  # the caller's own name, where a policy asks for it: another one than the probe's


class Way(IntEnum):
    """Whether policies open a way; the greater the wider. CONDITIONAL: under circumstances that its holder can be in.

    UNSETTLED: it hangs on something else that no policy tells, such as tags.
    """

    CLOSED = 0
    UNSETTLED = 1
    CONDITIONAL = 2
    OPEN = 3


# Keys that say how, when and from where a request comes. Who meets them may do the same as without them.
CIRCUMSTANCES = frozenset(
    {
        "aws:multifactorauthpresent", "aws:multifactorauthage", "aws:sourceip", "aws:vpcsourceip", "aws:sourcevpc",
        "aws:sourcevpce", "aws:securetransport", "aws:currenttime", "aws:epochtime", "aws:tokenissuetime",
        "aws:requestedregion", "aws:useragent", "aws:referer", "aws:principalorgid", "aws:principalorgpaths",
        "aws:resourceorgid", "aws:resourceorgpaths", "aws:sourceidentity", "sts:rolesessionname",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Path:
    """One path: of each of `needs`, one action must be allowed. `service` is the one that a role is passed to.

    needs_target: it takes over something privileged that must exist already. via: the service that does on the holder's
    behalf, with his permissions, all that comes after the first need.
    """

    name: str
    needs: tuple[tuple[str, ...], ...]
    service: str | None = None
    needs_target: bool = False
    via: str | None = None

    @property
    def actions(self) -> frozenset[str]:
        """Every action that has a part in it."""
        return frozenset(action for need in self.needs for action in need)


def _alone(*actions: str, needs_target: bool = False) -> tuple[Path, ...]:
    return tuple(Path(action, ((action,),), needs_target=needs_target) for action in actions)


def _passing(service: str, *needs: str) -> Path:
    """A role is passed to a service and used there; "|" stands between actions of which one is enough."""
    stated = tuple(tuple(need.split(" | ")) for need in needs)
    return Path(f"iam:PassRole + {' + '.join(n[0] for n in stated)}", (("iam:PassRole",), *stated), service)


PATHS: tuple[Path, ...] = (
    *_alone(
        "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion",
        "iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy",
        "iam:PutUserPolicy", "iam:PutGroupPolicy", "iam:PutRolePolicy",
        "iam:AddUserToGroup", "iam:UpdateAssumeRolePolicy",
        "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile",
    ),
    _passing("ec2", "ec2:RunInstances"),
    _passing("ec2", "autoscaling:CreateLaunchConfiguration", "autoscaling:CreateAutoScalingGroup"),
    _passing("lambda", "lambda:CreateFunction",
             "lambda:InvokeFunction | lambda:CreateEventSourceMapping | lambda:AddPermission"),
    _passing("ecs-tasks", "ecs:RegisterTaskDefinition", "ecs:RunTask | ecs:StartTask | ecs:CreateService"),
    _passing("glue", "glue:CreateJob", "glue:StartJobRun | glue:CreateTrigger"),
    _passing("glue", "glue:CreateDevEndpoint"),
    _passing("glue", "glue:CreateSession", "glue:RunStatement"),
    _passing("cloudformation", "cloudformation:CreateStack"),
    _passing("cloudformation", "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"),
    _passing("codebuild", "codebuild:CreateProject", "codebuild:StartBuild | codebuild:StartBuildBatch"),
    _passing("sagemaker", "sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl"),
    _passing("sagemaker", "sagemaker:CreateTrainingJob"),
    _passing("sagemaker", "sagemaker:CreateProcessingJob"),
    _passing("datapipeline", "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"),
    _passing("states", "states:CreateStateMachine", "states:StartExecution"),
    # A stack without a role of its own: what is allowed through CloudFormation only is allowed to who may make stacks.
    Path(
        "iam:PutRolePolicy by way of cloudformation:CreateStack",
        (("cloudformation:CreateStack",), ("iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutUserPolicy",
                                           "iam:AttachUserPolicy", "iam:CreateAccessKey")),
        via="cloudformation",
    ),
    # Both make any call of any service, with the role that they are given.
    _passing("ssm", "ssm:StartAutomationExecution"),
    _passing("scheduler", "scheduler:CreateSchedule"),
    _passing("elasticmapreduce", "elasticmapreduce:RunJobFlow"),
    *_alone(
        "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",  # which adds a layer, of any code
        "ssm:SendCommand", "ssm:StartSession", "sts:AssumeRole", needs_target=True,
    ),
)  # fmt: skip

# What an action is asked about: a user, a role, ... of a name that nobody uses.
_KINDS: Mapping[str, str] = {
    "user": "arn:{partition}:iam::{account}:user/{name}",
    "group": "arn:{partition}:iam::{account}:group/{name}",
    "role": "arn:{partition}:iam::{account}:role/{name}",
    "policy": "arn:{partition}:iam::{account}:policy/{name}",
    "function": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    "instance": "arn:{partition}:ec2:{region}:{account}:instance/i-{name}",
    "task-definition": "arn:{partition}:ecs:{region}:{account}:task-definition/{name}:1",
    "service": "arn:{partition}:ecs:{region}:{account}:service/{name}/{name}",
    "job": "arn:{partition}:glue:{region}:{account}:job/{name}",
    "session": "arn:{partition}:glue:{region}:{account}:session/{name}",
    "automation": "arn:{partition}:ssm:{region}:{account}:automation-definition/{name}:1",
    "schedule": "arn:{partition}:scheduler:{region}:{account}:schedule/{name}/{name}",
    "dev-endpoint": "arn:{partition}:glue:{region}:{account}:devEndpoint/{name}",
    "stack": "arn:{partition}:cloudformation:{region}:{account}:stack/{name}/{name}",
    "project": "arn:{partition}:codebuild:{region}:{account}:project/{name}",
    "notebook": "arn:{partition}:sagemaker:{region}:{account}:notebook-instance/{name}",
    "training-job": "arn:{partition}:sagemaker:{region}:{account}:training-job/{name}",
    "processing-job": "arn:{partition}:sagemaker:{region}:{account}:processing-job/{name}",
    "state-machine": "arn:{partition}:states:{region}:{account}:stateMachine:{name}",
}
_ANYTHING = "arn:{partition}:{service}:{region}:{account}:{name}"
_ABOUT: Mapping[str, str] = {
    **dict.fromkeys(("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"), "policy"),
    **dict.fromkeys(
        ("iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:CreateAccessKey", "iam:CreateLoginProfile",
         "iam:UpdateLoginProfile"), "user",
    ),
    **dict.fromkeys(("iam:AttachGroupPolicy", "iam:PutGroupPolicy", "iam:AddUserToGroup"), "group"),
    **dict.fromkeys(
        ("iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:PassRole", "sts:AssumeRole"),
        "role",
    ),
    **dict.fromkeys(
        ("lambda:CreateFunction", "lambda:InvokeFunction", "lambda:AddPermission", "lambda:UpdateFunctionCode",
         "lambda:CreateEventSourceMapping", "lambda:UpdateFunctionConfiguration"), "function",
    ),
    **dict.fromkeys(("ec2:RunInstances", "ssm:SendCommand", "ssm:StartSession"), "instance"),
    **dict.fromkeys(("ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:StartTask"), "task-definition"),
    "ecs:CreateService": "service",
    **dict.fromkeys(("glue:CreateJob", "glue:StartJobRun"), "job"),
    "glue:CreateDevEndpoint": "dev-endpoint",
    **dict.fromkeys(("glue:CreateSession", "glue:RunStatement"), "session"),
    **dict.fromkeys(
        ("cloudformation:CreateStack", "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"), "stack"
    ),
    "ssm:StartAutomationExecution": "automation",
    "scheduler:CreateSchedule": "schedule",
    **dict.fromkeys(("codebuild:CreateProject", "codebuild:StartBuild", "codebuild:StartBuildBatch"), "project"),
    **dict.fromkeys(("sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl"), "notebook"),
    "sagemaker:CreateTrainingJob": "training-job",
    "sagemaker:CreateProcessingJob": "processing-job",
    **dict.fromkeys(("states:CreateStateMachine", "states:StartExecution"), "state-machine"),
}  # fmt: skip
# Who may do this to none but himself has what he wants as well.
_TO_ONESELF = frozenset({"iam:AttachUserPolicy", "iam:PutUserPolicy"})
# With these, IAM says which policy is attached, and what bounds the user or role: an escalator picks one of AWS's
# strongest policies, or one that he has written himself, and somebody whom nothing bounds.
_ATTACHING = frozenset({"iam:AttachUserPolicy", "iam:AttachGroupPolicy", "iam:AttachRolePolicy"})
_STRONG = ("AdministratorAccess", "IAMFullAccess")
_BOUNDED = frozenset({"iam:AttachUserPolicy", "iam:AttachRolePolicy", "iam:PutUserPolicy", "iam:PutRolePolicy"})

# Who may do all of these is administrator of IAM, and gives himself whatever else there is.
_OVER_IAM = tuple(action for action in _ABOUT if action.startswith("iam:"))


@dataclass(frozen=True)
class Grants:
    """Policies that somebody in an account holds together, and the one that bounds them, if any."""

    policies: tuple[Policy, ...]
    account: str
    partition: str = "aws"
    boundary: Policy | None = None

    def way(self, action: str, resource: str, context: Given | None = None) -> Way:
        """Whether they let their holder do this, by a call of his own."""
        return self._way(self._request(action, resource, context or {}))

    def opened_by(self, action: str, resource: str, context: Given | None = None) -> tuple[Statement, ...]:
        """The statements that allow it, conditions of circumstance aside."""
        request = self._request(action, resource, context or {})
        concerned = (_relaxed(_concerning(policy, _service(action))) for policy in self.policies)
        return tuple(
            allow for policy in concerned for allow in policy.allows if applies(allow, request) is not Holds.NO
        )

    def may_name(self, action: str) -> bool:
        """Whether any statement allows the action on anything: if not, there is no need to ask further."""
        concerned = (_concerning(policy, _service(action)) for policy in self.policies)
        return any(allow.matches_action(action) for policy in concerned for allow in policy.allows)

    def _request(self, action: str, resource: str, context: Given) -> Request:
        # What is true of every call that its principal makes himself.
        own = {"aws:PrincipalAccount": self.account, "aws:ResourceAccount": self.account, "aws:username": _SELF}
        own |= {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}
        absent = dict.fromkeys(("aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"))
        return Request(action, resource, context={**own, **absent, **context})

    def _way(self, request: Request) -> Way:
        policies = [_concerning(policy, _service(request.action)) for policy in self.policies]
        bounds = (self.boundary,) if self.boundary else ()
        strictly = _together(request, policies, bounds)
        if strictly is not Holds.UNKNOWN:
            return Way.OPEN if strictly is Holds.YES else Way.CLOSED
        loosely = _together(request, map(_relaxed, policies), map(_relaxed, bounds))
        return Way.CONDITIONAL if loosely is Holds.YES else Way.UNSETTLED

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """A region to ask in, and those that the policies name."""
        named = (
            resource.split(":")[3]
            for policy in self.policies
            for allow in policy.allows
            for resource in allow.resources or ()
            if resource.count(":") > 3
        )
        return tuple(dict.fromkeys(("us-east-1", *(name for name in named if name and "*" not in name))))

    def anywhere(self, action: str, context: Given | None = None) -> tuple[Way, tuple[Statement, ...]]:
        """The widest way to an action on all that it is about, and the statements that open it."""
        best: tuple[Way, tuple[Statement, ...]] = (Way.CLOSED, ())
        if not self.may_name(action):
            return best
        for resource, (chosen, at_most) in product(self._probes(action), self._choices(action)):
            known = {**chosen, **(context or {})}
            way = min(self.way(action, resource, known), at_most)
            if way > best[0]:
                best = way, self.opened_by(action, resource, known)
        return best

    def _choices(self, action: str) -> list[tuple[dict[str, str | None], Way]]:
        """What an escalator would put into the request where it is his to choose, and how far he is free to."""
        target: dict[str, str | None] = {"iam:PermissionsBoundary": None} if action in _BOUNDED else {}
        if action not in _ATTACHING:
            return [(target, Way.OPEN)]
        strong = {f"arn:{self.partition}:iam::aws:policy/{name}": Way.OPEN for name in _STRONG}
        return [({"iam:PolicyARN": arn, **target}, way) for arn, way in {**strong, **self._own_policies}.items()]

    @cached_property
    def _own_policies(self) -> dict[str, Way]:
        """Policies that their holder may create: of any name, and of those that conditions on attaching ask for."""
        create, about = "iam:CreatePolicy", _KINDS["policy"]
        if not self.may_name(create):
            return {}
        named = {about.format(partition=self.partition, account=self.account, name=PROBE)}
        for allow in (allow for policy in self.policies for allow in policy.allows):
            values = (value for condition in allow.conditions_on("iam:PolicyARN") for value in condition.values)
            named |= {value.replace("*", PROBE).replace("?", "z") for value in values if "${" not in value}
        own = {arn: self.way(create, arn) for arn in sorted(named) if f"::{self.account}:policy/" in arn}
        return {arn: way for arn, way in own.items() if way is not Way.CLOSED}

    def _probes(self, action: str) -> Iterator[str]:
        about = _KINDS[_ABOUT[action]] if action in _ABOUT else _ANYTHING
        place = {"partition": self.partition, "account": self.account, "service": _service(action)}
        for region in self.regions if "{region}" in about else ("",):
            for name in (PROBE, _SELF) if action in _TO_ONESELF else (PROBE,):
                yield about.format(**place, region=region, name=name)


def _service(action: str) -> str:
    return action.partition(":")[0].lower()


@lru_cache(maxsize=1024)
def _concerning(policy: Policy, service: str) -> Policy:
    """The policy as far as it can concern a service: of AWS's long ones this is little, and they are asked often."""
    kept = []
    for statement in policy.statements:
        if statement.actions is None:
            kept.append(statement)
        elif actions := tuple(action for action in statement.actions if _can_name(action, service)):
            kept.append(replace(statement, actions=actions))
    return replace(policy, statements=tuple(kept))


def _can_name(action: str, service: str) -> bool:
    named = _service(action)
    return named == service or "*" in named or "?" in named


def _together(request: Request, policies: Iterable[Policy], bounds: Iterable[Policy]) -> Holds:
    holds = allowed(request, *policies)
    for bound in bounds:
        holds &= allowed(request, bound)
    return holds


@lru_cache(maxsize=1024)
def _relaxed(policy: Policy) -> Policy:
    """The policy for a holder who meets every circumstance that it names."""
    kept = [
        replace(s, conditions=tuple(c for c in s.conditions if c.key not in CIRCUMSTANCES)) if s.is_allow else s
        for s in policy.statements
        if s.is_allow or not any(condition.key in CIRCUMSTANCES for condition in s.conditions)
    ]
    return replace(policy, statements=tuple(kept))


@dataclass(frozen=True, slots=True)
class Escalation:
    """A path that policies open, how wide, and what the statements that open it are called."""

    path: Path
    way: Way
    statements: tuple[str, ...]


def escalations(grants: Grants, paths: Iterable[Path] = PATHS) -> tuple[Escalation, ...]:
    """The paths that the policies open, in the order of `paths`."""
    named: dict[str, bool] = {}
    found = []
    for path in paths:
        for action in path.actions - named.keys():
            named[action] = grants.may_name(action)
        if all(any(named[action] for action in need) for need in path.needs):
            escalation = _opened(grants, path)
            if escalation.way is not Way.CLOSED:
                found.append(escalation)
    return tuple(found)


def _opened(grants: Grants, path: Path) -> Escalation:
    domain = "amazonaws.com.cn" if grants.partition == "aws-cn" else "amazonaws.com"
    context: Given = {"iam:PassedToService": f"{path.service}.{domain}"} if path.service else {}
    way, statements = Way.OPEN, dict[str, None]()
    for index, need in enumerate(path.needs):
        known = {**context, **_on_behalf(f"{path.via}.{domain}")} if path.via and index else context
        widest, openers = max((grants.anywhere(action, known) for action in need), key=lambda answer: answer[0])
        way = min(way, widest)
        statements |= dict.fromkeys(opener.label for opener in openers)
    return Escalation(path, way, tuple(statements))


def _on_behalf(service: str) -> dict[str, str | list[str]]:
    """What is true of a call that a service makes with the permissions of who asked it to."""
    chain: dict[str, str | list[str]] = dict.fromkeys(("aws:CalledViaFirst", "aws:CalledViaLast"), service)
    return {**chain, "aws:CalledVia": [service], "aws:ViaAWSService": "true"}


def administrator(grants: Grants) -> Way:
    """Whether the policies amount to AdministratorAccess, however they are written.

    They do if they allow so much of IAM that their holder can give himself everything: "*", "iam:*", NotAction.
    """
    way = Way.OPEN
    for action in _OVER_IAM:
        way = min(way, grants.anywhere(action)[0])
        if way is Way.CLOSED:
            break
    return way
