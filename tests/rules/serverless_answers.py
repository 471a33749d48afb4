"""What tests of queues, topics, functions, streams and tables share: answers in short."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.demo.protocol import Error

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT, OTHER, REGION = "123456789012", "222222222222", "us-east-1"
Json = dict[str, Any]


def arn(service: str, resource: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{REGION}:{account}:{resource}"


def document(*statements: Mapping[str, Any]) -> str:
    """A policy as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any = "*", **more: Any) -> Json:
    """A statement that lets somebody do everything to everything, where it does not say otherwise."""
    return {"Sid": "It", "Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*", **more}


def when(operator: str, key: str, value: Any) -> Json:
    return {"Condition": {operator: {key: value}}}


def by(parameter: str, answers: Mapping[str, Any], *, missing: str = "ResourceNotFoundException") -> Callable[..., Any]:
    """An answer for each value of a parameter; an error for those that have none."""

    def answer(params: Mapping[str, Any], _: str, __: str) -> Any:
        found = answers.get(str(params[parameter]).rpartition("/")[2])
        return Error(missing, "There is none", 404) if found is None else found

    return answer


def metrics(values: Mapping[tuple[str, ...], list[float]]) -> Json:
    """CloudWatch's answers by metric name and values of dimensions, in any order: (name, value, ...)."""

    def answer(params: Mapping[str, Any], _: str, __: str) -> Json:
        results = []
        for query in params["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            dimensions = {dimension["Value"] for dimension in metric.get("Dimensions", [])}
            found = [v for (name, *of), v in values.items() if name == metric["MetricName"] and dimensions == set(of)]
            points = [float(value) for value in (found or [[]])[0]]
            times = [NOON + timedelta(days=day) for day in range(len(points))]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": points, "StatusCode": "Complete"})
        return {"MetricDataResults": results}

    return {"cloudwatch:GetMetricData": answer}


QUEUE = {
    "VisibilityTimeout": "30",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "ApproximateNumberOfMessages": "0",
}


def queues(**attributes: Mapping[str, str]) -> Json:
    """Queues by name, as they are made but for these attributes; a double underscore stands for ".fifo"."""
    named = {name.replace("__", ".fifo"): {**QUEUE, **given} for name, given in attributes.items()}
    return {
        "sqs:ListQueues": {"QueueUrls": [f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}" for name in named]},
        "sqs:GetQueueAttributes": by("QueueUrl", {name: {"Attributes": given} for name, given in named.items()}),
    }


def redrive(target: str, count: int | None = 3) -> Json:
    """The attribute that names a dead-letter queue."""
    policy = {"deadLetterTargetArn": target} | ({} if count is None else {"maxReceiveCount": count})
    return {"RedrivePolicy": json.dumps(policy)}


FUNCTION = {
    "Runtime": "python3.13",
    "Role": f"arn:aws:iam::{ACCOUNT}:role/runner",
    "PackageType": "Zip",
    "Timeout": 10,
    "MemorySize": 256,
    "CodeSize": 1000,
    "TracingConfig": {"Mode": "PassThrough"},
    "Version": "$LATEST",
}


def functions(**changes: Mapping[str, Any]) -> Json:
    """Functions by name, as they should be but for these changes; None leaves a member out."""
    listed = [
        {k: v for k, v in {**FUNCTION, "FunctionName": name, "FunctionArn": arn("lambda", f"function:{name}"),
                           **given}.items() if v is not None}
        for name, given in changes.items()
    ]  # fmt: skip
    return {"lambda:ListFunctions": {"Functions": listed}}


def policies(**statements: Mapping[str, Any] | None) -> Json:
    """The policies of functions, of one statement each; None for a function that has none."""
    texts = {name: {"Policy": document(given)} for name, given in statements.items() if given is not None}
    return {"lambda:GetPolicy": by("FunctionName", texts)}


def mappings(**changes: Mapping[str, Any]) -> Json:
    """What feeds functions, by id: from the queue "in" to the function "work", but for these changes."""
    usual = {
        "EventSourceArn": arn("sqs", "in"),
        "FunctionArn": arn("lambda", "function:work"),
        "State": "Enabled",
        "LastProcessingResult": "OK",
        "StateTransitionReason": "USER_INITIATED",
    }
    listed = [
        {k: v for k, v in {"UUID": name, **usual, **given}.items() if v is not None} for name, given in changes.items()
    ]
    return {"lambda:ListEventSourceMappings": {"EventSourceMappings": listed}}
