"""Rules about how Lambda functions are set up and how they run."""

from collections.abc import Iterable
from datetime import timedelta

from auditor.analysis.exposure import parsed
from auditor.analysis.lambda_runtimes import LAMBDA_RUNTIMES, LAYER_PUBLISHERS
from auditor.analysis.network import subnet_reaches_internet
from auditor.analysis.trust import service_grants
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.lambda_ import LEAST_MEMORY, Function, FunctionAlias, ProvisionedConcurrency
from auditor.resources.logs import LogGroup
from auditor.resources.vpc import Subnet
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

# The services that hand over an event and do not wait for what becomes of it.
ASYNCHRONOUS = ("s3.", "sns.", "events.", "ses.", "iot.", "logs.", "config.")
EDGE = "It is a replica that Lambda@Edge made of a function in us-east-1"
MEGABYTE = 1 << 20
UNTOUCHED_TIMEOUT, LONGEST_TIMEOUT, GATEWAY_TIMEOUT = 3, 900, 29  # seconds


def _invokers(function: Function) -> set[str]:
    """The services that the function's policy lets in."""
    policy = parsed(function, "policy", function.policy)
    return set() if policy is None else {grant.service for grant in service_grants(policy, of="lambda")}


@rule(severity=Severity.MEDIUM, controls=("SecurityHub Lambda.2",), notes="Lambda runtimes")
def lambda_function_runtime_supported(function: Function, inventory: Inventory, *, days_ahead: int = 90) -> Verdict:
    """Functions run on a runtime that AWS still supports, and will for another three months.

    Risk: AWS patches the runtime no more, and in time refuses every change to the function.
    Fix: aws lambda update-function-configuration --region {region} --function-name {name} --runtime RUNTIME
    """
    if function.package_type == "Image" or function.runtime is None:
        return not_applicable("It is a container image, which brings its own runtime")
    runtime, today = function.runtime, inventory.now.date()
    if runtime not in LAMBDA_RUNTIMES:
        return unknown("The runtime is newer than the table of this auditor", runtime=runtime)
    ends = LAMBDA_RUNTIMES[runtime]
    if ends is None or today + timedelta(days=days_ahead) < ends:
        return passed(runtime=runtime, deprecated_on=str(ends) if ends else None)
    said = "The runtime is deprecated" if ends <= today else "The runtime will soon be deprecated"
    return failed(said, runtime=runtime, deprecated_on=str(ends))


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="Lambda asynchronous invocation")
def lambda_function_async_failure_destination_configured(function: Function) -> Verdict:
    """Events that a function could not handle go to a destination or a dead-letter queue.

    Risk: after two retries Lambda throws the event away, and with it the order, the upload or the alarm in it.
    Fix: aws lambda put-function-event-invoke-config --region {region} --function-name {name}
        --destination-config OnFailure={Destination=QUEUE-ARN}
    """
    if function.master_arn:
        return not_applicable(EDGE)
    if function.dead_letter_target is not None:
        return passed(dead_letter_target_arn=function.dead_letter_target)
    callers = sorted(service for service in _invokers(function) if service.startswith(ASYNCHRONOUS))
    if not callers:
        return not_applicable("Its policy lets no service in that invokes it asynchronously")
    destination = _failures_to(function)
    if destination is not None:
        return passed(destination=destination)
    return failed("Events that fail are thrown away", callers=callers)


def _failures_to(function: Function) -> str | None:
    """The destination of failed asynchronous invocations, if one is set."""
    config = function.event_invoke_config
    return config.destination_config.failures_to if config is not None and config.destination_config else None


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Lambda Destinations")
def lambda_function_destination_preferred_over_dlq(function: Function) -> Verdict:
    """Functions report failed events to a destination rather than to a dead-letter queue.

    Risk: a dead-letter queue gets the bare event, so that nobody sees with which error the function failed.
    Fix: aws lambda put-function-event-invoke-config --region {region} --function-name {name}
        --destination-config OnFailure={Destination=QUEUE-ARN}
    """
    target = function.dead_letter_target
    if target is None:
        return not_applicable("The function has no dead-letter queue")
    destination = _failures_to(function)
    if destination is not None:
        return passed(destination=destination)
    return failed("Failed events go to a dead-letter queue only", dead_letter_target_arn=target)


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=("SecurityHub Lambda.5", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Lambda VPC",
)
def lambda_function_vpc_multi_az(function: Function, inventory: Inventory) -> Verdict:
    """A function in a VPC has subnets in two zones or more, all of them private.

    Risk: when its one zone fails the function does too; and in a public subnet it has no way to the internet at all.
    Fix: aws lambda update-function-configuration --region {region} --function-name {name}
        --vpc-config SubnetIds=SUBNET-A,SUBNET-B,SecurityGroupIds=GROUP
    """
    vpc = function.vpc_config
    if vpc is None or not vpc.vpc_id:
        return not_applicable("The function runs in no VPC")
    zones: set[str] = set()
    for subnet_id in vpc.subnet_ids:
        subnet = inventory.find(Subnet, "subnet_id", subnet_id, region=function.region)
        if subnet is None:
            return unknown("A subnet of the function is not listed", subnet_id=subnet_id)
        zones.add(subnet.availability_zone)
    if len(zones) < 2:
        return failed("All its subnets are in one zone", zones=sorted(zones), subnet_ids=vpc.subnet_ids)
    reaches = _public(vpc.subnet_ids, vpc.vpc_id, inventory, function.region)
    if reaches:
        message = "A public subnet gives the function no way to the internet"
        return failed(message, severity=Severity.LOW, subnet_ids=reaches)
    return passed(zones=sorted(zones))


def _public(subnet_ids: Iterable[str], vpc_id: str, inventory: Inventory, region: str) -> list[str]:
    """Those of the subnets that route to an internet gateway."""
    return [each for each in subnet_ids if subnet_reaches_internet(each, vpc_id, inventory, region=region)]


@rule(severity=Severity.MEDIUM, notes="Lambda versions; layers")
def lambda_function_layers_from_trusted_accounts(
    function: Function, *, trusted_account_ids: tuple[str, ...] = ()
) -> Verdict:
    """Functions use layers of the own account, of AWS and of trusted accounts only.

    Risk: whoever publishes the layer runs code of his own with the rights of the function's role.
    Fix: name publishers that you trust in trusted_account_ids in auditor.toml, or publish the layer yourself:
    aws lambda update-function-configuration --region {region} --function-name {name} --layers LAYER-ARN
    """
    if not function.layers:
        return passed("The function has no layers")
    trusted = {function.account, *trusted_account_ids, *LAYER_PUBLISHERS}
    strange = [layer.arn for layer in function.layers if layer.arn.split(":")[4] not in trusted]
    if strange:
        return failed("Layers come from accounts that are not trusted", layers=strange)
    return passed(layers=len(function.layers))


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="Lambda throttling (429)")
def lambda_function_not_throttled(function: Function, *, most_days: int = 2) -> Verdict:
    """Lambda has not refused invocations of a function on several days of the last week.

    Risk: callers get errors, and events wait or are thrown away, just when there is most to do.
    Fix: aws lambda put-function-concurrency --region {region} --function-name {name}
        --reserved-concurrent-executions NUMBER
    """
    days = [count for count in function.throttles if count > 0]
    if len(days) > most_days:
        return failed("Invocations were refused", days=len(days), throttles=sum(days))
    return passed(days=len(days), throttles=sum(days))


@rule(severity=Severity.INFORMATIONAL, category=Category.PERFORMANCE, notes="Lambda timeout")
def lambda_function_timeout_tuned(function: Function) -> Verdict:
    """A function's timeout was chosen for it, and fits who calls it.

    Risk: the function is cut off in the midst of its work; or a hanging one is paid for long after its caller left.
    Fix: aws lambda update-function-configuration --region {region} --function-name {name} --timeout SECONDS
    """
    timeout = function.timeout
    if timeout in (UNTOUCHED_TIMEOUT, LONGEST_TIMEOUT):
        said = "Nobody changed the timeout" if timeout == UNTOUCHED_TIMEOUT else "The timeout is the longest there is"
        return failed(said, timeout=timeout)
    if timeout > GATEWAY_TIMEOUT and any(service.startswith("apigateway.") for service in _invokers(function)):
        message = f"API Gateway calls the function, and waits {GATEWAY_TIMEOUT} seconds unless told otherwise"
        return failed(message, timeout=timeout)
    return passed(timeout=timeout)


@rule(severity=Severity.INFORMATIONAL, category=Category.PERFORMANCE, notes="Lambda memory")
def lambda_function_memory_tuned(function: Function, *, most_share: float = 0.8) -> Verdict:
    """A function that comes near its timeout has more than the least memory, since its CPU grows with that.

    Risk: the function is slow and at times cut off, although more memory would cost no more.
    Fix: aws lambda update-function-configuration --region {region} --function-name {name} --memory-size 512
    """
    if function.memory_size > LEAST_MEMORY:
        return passed(memory_size=function.memory_size)
    slowest, allowed = max(function.duration_p95, default=0.0), function.timeout * 1000
    if slowest > most_share * allowed:
        message = "The function comes near its timeout with the least memory that there is"
        return failed(message, memory_size=function.memory_size, p95_milliseconds=slowest, timeout=function.timeout)
    return passed(memory_size=function.memory_size, p95_milliseconds=slowest)


@rule(severity=Severity.LOW, category=Category.COST, notes="Provisioned Concurrency")
def lambda_function_provisioned_concurrency_utilized(
    provisioned: ProvisionedConcurrency, *, least_share: float = 0.2
) -> Verdict:
    """What is kept warm for a function is there, and used.

    Risk: capacity that nobody needs is paid by the second; or the capacity that somebody counts on was never made.
    Fix: aws lambda delete-provisioned-concurrency-config --region {region} --function-name FUNCTION
        --qualifier VERSION-OR-ALIAS
    """
    if provisioned.status == "FAILED":
        return failed("The capacity could not be made", status=provisioned.status)
    if provisioned.status != "READY":
        return not_applicable("The capacity is being made", status=provisioned.status)
    if not provisioned.utilization:
        return not_applicable("CloudWatch has measured nothing of it yet")
    most = max(provisioned.utilization)
    if most < least_share:
        return failed("The capacity is hardly used", most=round(most, 3))
    return passed(most=round(most, 3))


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.OPERATIONS,
    controls=("SecurityHub Lambda.7",),
    notes="Lambda X-Ray",
)
def lambda_function_tracing_active(function: Function) -> Verdict:
    """Functions trace their requests with X-Ray.

    Risk: where time and errors come from in a chain of services is guessed, not seen.
    Fix: aws lambda update-function-configuration --region {region} --function-name {name} --tracing-config Mode=Active
    """
    if function.master_arn:
        return not_applicable(EDGE)
    mode = function.tracing_config.mode
    return passed(mode=mode) if mode == "Active" else failed("The function does not trace by itself", mode=mode)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Lambda aliases / CodeDeploy")
def lambda_alias_routing_settled(alias: FunctionAlias) -> Verdict:
    """An alias sends its calls to one version, unless a deployment is shifting them.

    Risk: a release that somebody began and forgot leaves customers on two versions for ever.
    Fix: aws lambda update-alias --region {region} --function-name FUNCTION --name {name}
        --routing-config AdditionalVersionWeights={}
    """
    weights = alias.weights
    if not weights:
        return passed(function_version=alias.function_version)
    if alias.deployments:
        said = "Deployments of CodeDeploy are under way, and one of them may be this alias's"
        return unknown(said, additional_version_weights=weights)
    message = "The alias shares its calls among versions, and no deployment is under way"
    return failed(message, function_version=alias.function_version, additional_version_weights=weights)


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="Lambda logs")
def lambda_function_log_group_retention_set(function: Function, inventory: Inventory) -> Verdict:
    """A function can write logs, and they are kept for a time that somebody chose.

    Risk: without logs nobody can tell what went wrong; and logs that are kept for ever cost more each month.
    Fix: aws logs put-retention-policy --region {region} --log-group-name /aws/lambda/{name} --retention-in-days 90
    """
    if function.master_arn:
        return not_applicable(EDGE)
    group = inventory.find(LogGroup, "log_group_name", function.log_group, region=function.region)
    if group is None:
        if any(count > 0 for count in function.invocations):
            return failed("The function was invoked, and has no log group", log_group=function.log_group)
        return not_applicable("The function was not invoked this week, and has no log group yet")
    if group.retention_in_days is None:
        return failed("The function's logs are kept for ever", log_group=function.log_group, retention_in_days=None)
    return passed(log_group=function.log_group, retention_in_days=group.retention_in_days)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Lambda limits (code bundle)")
def lambda_function_code_size_below_limit(function: Function, *, most_megabytes: int = 45) -> Verdict:
    """A function's code stays clear of what Lambda takes.

    Risk: the next library that is added makes every deployment fail, on the day of the release.
    Fix: move what is large into a container image, or take it out of the code:
    aws lambda update-function-code --region {region} --function-name {name} --zip-file fileb://smaller.zip
    """
    if function.package_type != "Zip":
        return not_applicable("It is a container image, which may have 10 GB")
    size, layers = function.code_size, sum(layer.code_size or 0 for layer in function.layers)
    if size > most_megabytes * MEGABYTE:
        return failed("The code is near the limit of 50 MB for an upload", code_size=size, layers_size=layers)
    return passed(code_size=size, layers_size=layers)


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    notes="Lambda reserved concurrency (shared account limit)",
)
def lambda_account_concurrency_headroom(
    region: Region, *, least_unreserved: int = 100, most_share: float = 0.8
) -> Verdict:
    """Functions without a reservation have room to run, and the account's limit is far from reached.

    Risk: one busy function uses up what all share, and those behind the shop and the alarms are refused.
    Fix: aws service-quotas request-service-quota-increase --region {region} --service-code lambda
        --quota-code L-B99A9384 --desired-value NUMBER
    """
    settings = region.lambda_settings
    if settings.account_usage.function_count == 0:
        return not_applicable("The account has no functions in this region")
    limit = settings.account_limit.concurrent_executions
    free = settings.account_limit.unreserved_concurrent_executions
    if free <= least_unreserved < limit:
        message = "Reservations leave hardly anything to the other functions"
        return failed(message, concurrent_executions=limit, unreserved_concurrent_executions=free)
    most = max(region.lambda_concurrency, default=0.0)
    if most > most_share * limit:
        return failed("The account came near its limit", concurrent_executions=limit, most=most)
    return passed(concurrent_executions=limit, unreserved_concurrent_executions=free, most=most)


@rule(
    severity=Severity.LOW,
    category=Category.OPERATIONS,
    notes="Lambda versions (each publish is immutable)",
)
def lambda_account_code_storage_headroom(region: Region, *, most_share: float = 0.8) -> Verdict:
    """Old versions of functions are cleared away before the storage for code is full.

    Risk: when it is full, nothing can be deployed in the region, not even a repair.
    Fix: aws lambda delete-function --region {region} --function-name FUNCTION --qualifier OLD-VERSION
    """
    settings = region.lambda_settings
    used, limit = settings.account_usage.total_code_size, settings.account_limit.total_code_size
    if settings.account_usage.function_count == 0:
        return not_applicable("The account has no functions in this region")
    if used > most_share * limit:
        return failed("The storage for code is nearly full", total_code_size=used, limit=limit)
    return passed(total_code_size=used, limit=limit)
