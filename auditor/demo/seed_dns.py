"""Names, health checks, alarms and who listens to them: half of it points at things that are long gone."""

import json
from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Error, Params
from auditor.demo.stage import EXPERIMENT, PARTNER, PRODUCTION, Stage, allow, arn, document

DOMAIN = "northwind.example"
GROUP = "northwind-cloudtrail"
SITE, QUEUES, OLD = "3f0f1c52-site", "3f0f1c52-orders", "3f0f1c52-old"


def build(stage: Stage) -> None:
    """Make all of it."""
    _logs(stage)
    _trail(stage)
    _alarms(stage)
    _events(stage)
    _schemas(stage)
    _zones(stage)
    _health_checks(stage)
    _domains(stage)


def _logs(stage: Stage) -> None:
    logs = stage.client("logs")
    key = arn("kms", PRODUCTION, "key/2b1f6d3e-0c58-4c1e-9a55-7d1f0e8c4b21")
    logs.create_log_group(logGroupName=GROUP, kmsKeyId=key, tags={"owner": "platform"})
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=400)
    logs.create_log_group(logGroupName="northwind-shop-debug", tags={"owner": "shop"})
    debug = stage.backend("logs").groups["northwind-shop-debug"]
    debug.creation_time = stage.ago(500).replace(tzinfo=None)
    for name, pattern in (
        ("root-usage", '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS }'),
        ("trail-changes", '{ ($.eventName = "*Trail") || ($.eventName = "St*Logging") }'),
        ("sign-ins", '{ $.eventName = "ConsoleLogin" }'),
    ):
        counts = {"metricName": name, "metricNamespace": "Northwind/Trail", "metricValue": "1"}
        logs.put_metric_filter(
            logGroupName=GROUP, filterName=name, filterPattern=pattern, metricTransformations=[counts]
        )
    queries = f"/aws/route53/{DOMAIN}"
    stage.client("logs", EXPERIMENT).create_log_group(logGroupName=queries)
    _let_in(stage, "route53", {"Service": "route53.amazonaws.com"}, f"log-group:{queries}:*", confined=True)
    _let_in(stage, "anybody-may-log", "*", "*", confined=False)


def _let_in(stage: Stage, name: str, principal: Any, what: str, *, confined: bool) -> None:
    """A policy of CloudWatch Logs."""
    source: dict[str, Any] = {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}} if confined else {}
    statement = allow("logs:PutLogEvents", arn("logs", EXPERIMENT, what), Principal=principal, **source)
    stage.client("logs", EXPERIMENT).put_resource_policy(
        policyName=name, policyDocument=json.dumps(document(statement))
    )


def _trail(stage: Stage) -> None:
    """The company's trail feeds the log group; the contractor's has not been able to write for years."""
    stage.client("cloudtrail").update_trail(
        Name="northwind-audit",
        CloudWatchLogsLogGroupArn=arn("logs", PRODUCTION, f"log-group:{GROUP}:*"),
        CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/service/northwind-trail",
    )

    def status(params: Params, _: str, __: str) -> Mapping[str, Any]:
        if params["Name"].endswith("/northwind-audit"):
            return {"IsLogging": True, "LatestCloudWatchLogsDeliveryTime": stage.ago(0.01)}
        return {"IsLogging": True, "LatestDeliveryError": "AccessDenied"}

    stage.answers["cloudtrail:GetTrailStatus"] = status


def _alarms(stage: Stage) -> None:
    for region, name, metric, actions, more in (
        (PRODUCTION, "root-usage", ("Northwind/Trail", "root-usage"), ["sns:northwind-on-call"], {}),
        (PRODUCTION, "trail-changes", ("Northwind/Trail", "trail-changes"), ["sns:northwind-on-call"], {}),
        (PRODUCTION, "orders-waiting", ("AWS/SQS", "ApproximateAgeOfOldestMessage"), [], {}),
        (PRODUCTION, "checkout-slow", ("Northwind/Shop", "Seconds"), ["sns:northwind-old-pager"], {"Period": 10}),
        (PRODUCTION, "roaster-hot", ("Northwind/Roaster", "Degrees"), ["sns:northwind-on-call"], {
            "ActionsEnabled": False,
        }),
        (PRODUCTION, "scale-out", ("Northwind/Shop", "Load"), [
            "autoscaling:scalingPolicy:8d4b6a:autoScalingGroupName/northwind-old:policyName/out",
            "autoscaling:scalingPolicy:9e5c7b:resource/ecs/service/northwind/old:policyName/out",
            "lambda:function:northwind-page-somebody",
        ], {}),
        (EXPERIMENT, "site-down", ("AWS/Route53", "HealthCheckStatus"), [], {
            "Dimensions": [{"Name": "HealthCheckId", "Value": SITE}],
        }),
    ):  # fmt: skip
        settings: dict[str, Any] = {
            "Period": 60, "Statistic": "Maximum", "EvaluationPeriods": 1, "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        }  # fmt: skip
        stage.client("cloudwatch", region).put_metric_alarm(
            AlarmName=f"northwind-{name}",
            Namespace=metric[0],
            MetricName=metric[1],
            AlarmActions=[arn(*_split(action, region)) for action in actions],
            **settings | more,
        )
    topic = stage.client("sns").create_topic(Name="northwind-on-call")["TopicArn"]
    stage.backend("sns").topics[topic].subscriptions_confimed = 2  # as moto spells it
    silent = stage.backend("cloudwatch").alarms["northwind-roaster-hot"]
    silent.state_value, silent.state_updated_timestamp = "INSUFFICIENT_DATA", stage.ago(40)


def _split(action: str, region: str) -> tuple[str, str, str]:
    service, _, thing = action.partition(":")
    return service, region, thing


def _events(stage: Stage) -> None:
    events = stage.client("events")
    own = allow("events:PutEvents", arn("events", PRODUCTION, "event-bus/northwind-shop"), Sid="Anybody", Principal="*")
    for name, policy in (("northwind-shop", document(own)), ("northwind-roasting", None)):
        events.create_event_bus(Name=name, Tags=[{"Key": "owner", "Value": "shop"}])
        if policy is not None:
            events.put_permission(EventBusName=name, Policy=json.dumps(policy))
    events.create_archive(
        ArchiveName="northwind-roasting", EventSourceArn=arn("events", PRODUCTION, "event-bus/northwind-roasting")
    )
    dead = {"DeadLetterConfig": {"Arn": arn("sqs", PRODUCTION, "northwind-orders")}}
    targets: dict[str, list[dict[str, Any]]] = {
        "order-placed": [{"Id": "queue", "Arn": arn("sqs", PRODUCTION, "northwind-orders"), **dead}],
        "nightly-report": [
            {"Id": "report", "Arn": arn("lambda", PRODUCTION, "function:northwind-nightly-report")},
            {"Id": "steps", "Arn": arn("states", PRODUCTION, "stateMachine:northwind-nightly")},
            {"Id": "log", "Arn": arn("logs", PRODUCTION, "log-group:/aws/events/northwind-nightly")},
            {"Id": "mail", "Arn": arn("sns", PRODUCTION, "northwind-reports")},
        ],
        "roast-finished": [],
    }
    for name, found in targets.items():
        when = {"ScheduleExpression": "rate(1 day)"} if name == "nightly-report" else {"EventPattern": _pattern(name)}
        events.put_rule(Name=f"northwind-{name}", **when)
        if found:
            events.put_targets(Rule=f"northwind-{name}", Targets=found)
    events.put_rule(Name="northwind-black-friday", EventPattern=_pattern("sale"), State="DISABLED")


def _pattern(name: str) -> str:
    return json.dumps({"source": ["northwind.shop"], "detail-type": [name]})


def _schemas(stage: Stage) -> None:
    """Two registries, one of which a partner may read."""
    names = ("northwind-events", "northwind-exchange")
    shared = allow("schemas:*", "*", Sid="Exchange", Principal={"AWS": f"arn:aws:iam::{PARTNER}:root"})

    def policy(params: Params, _: str, __: str) -> Mapping[str, Any] | Error:
        if params["RegistryName"] == names[0]:
            return Error("NotFoundException", "No policy was found for the registry.", 404)
        return {"Policy": json.dumps(document(shared))}

    stage.answers[f"schemas:ListRegistries@{PRODUCTION}"] = {
        "Registries": [{"RegistryName": n, "RegistryArn": arn("schemas", PRODUCTION, f"registry/{n}")} for n in names]
    }
    stage.answers["schemas:GetResourcePolicy"] = policy


def _zones(stage: Stage) -> None:
    route53 = stage.client("route53")
    zones = {}
    for name, private in (
        (DOMAIN, False),
        (f"dev.{DOMAIN}", False),
        ("coffee.internal", True),
        ("bean.example", False),
    ):
        vpc = {"VPC": {"VPCRegion": PRODUCTION, "VPCId": "vpc-0northwind"}} if private else {}
        made = route53.create_hosted_zone(
            Name=name, CallerReference=name, HostedZoneConfig={"PrivateZone": private, "Comment": "platform"}, **vpc
        )
        zones[name] = made["HostedZone"]["Id"]
    delegated = route53.get_hosted_zone(Id=zones[f"dev.{DOMAIN}"])["DelegationSet"]["NameServers"]
    elsewhere = [f"ns-{number}.awsdns-{number}.org" for number in (101, 202, 303, 404)]
    weighted = {"Weight": 50, "TTL": 60}
    records = [
        _record("", "CAA", '0 issue "amazon.com"'),
        _alias("", "dualstack.northwind-shop-1203.eu-central-1.elb.amazonaws.com."),
        _alias("campaign.", "s3-website.eu-central-1.amazonaws.com."),
        _record("assets.", "CNAME", "d3n0rthw1nd.cloudfront.net"),
        _record("beta.", "CNAME", f"northwind-beta.{EXPERIMENT}.elasticbeanstalk.com"),
        _record("db.", "A", "10.20.3.4"),
        _record("office.", "A", "203.0.113.10", "203.0.113.11", TTL=30),
        _record("mail.", "MX", "10 mail.example.com", TTL=604800),
        _record("api.", "A", "203.0.113.20", SetIdentifier="a", HealthCheckId=SITE, **weighted),
        _record("api.", "A", "203.0.113.21", SetIdentifier="b", **weighted),
        _record("old-api.", "A", "203.0.113.22", SetIdentifier="a", Weight=0),
        _record("status.", "A", "203.0.113.30", SetIdentifier="main", Failover="PRIMARY", HealthCheckId=SITE),
        _record("menu.", "A", "203.0.113.40", SetIdentifier="de", GeoLocation={"CountryCode": "DE"}),
        _alias("shop.", "dualstack.northwind-shop-1203.eu-central-1.elb.amazonaws.com.", "a"),
        _alias("shop.", "dualstack.northwind-shop-1204.eu-central-1.elb.amazonaws.com.", "b"),
        _record("dev.", "NS", *delegated, TTL=172800),
        _record("roastery.", "NS", *elsewhere, TTL=172800),
    ]
    balancers = stage.client("elbv2").describe_load_balancers()["LoadBalancers"]
    records += [_alias("www.", f"dualstack.{balancer['DNSName'].lower()}.") for balancer in balancers[:1]]
    changes = [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]
    route53.change_resource_record_sets(HostedZoneId=zones[DOMAIN], ChangeBatch={"Changes": changes})
    route53.create_query_logging_config(
        HostedZoneId=zones[DOMAIN].removeprefix("/hostedzone/"),
        CloudWatchLogsLogGroupArn=arn("logs", EXPERIMENT, f"log-group:/aws/route53/{DOMAIN}:*"),
    )

    def free(params: Params, _: str, __: str) -> Mapping[str, Any]:
        return {"Available": params["CNAMEPrefix"] == "northwind-beta"}

    stage.answers["elasticbeanstalk:CheckDNSAvailability"] = free


def _record(name: str, kind: str, *values: str, **more: Any) -> dict[str, Any]:
    made = {"Name": f"{name}{DOMAIN}.", "Type": kind, "TTL": 300}
    return made | {"ResourceRecords": [{"Value": value} for value in values]} | more


def _alias(name: str, target: str, identifier: str | None = None) -> dict[str, Any]:
    alias = {"HostedZoneId": "Z215JYRZR1TBD5", "DNSName": target, "EvaluateTargetHealth": False}
    made: dict[str, Any] = {"Name": f"{name}{DOMAIN}.", "Type": "A", "AliasTarget": alias}
    return made | ({"SetIdentifier": identifier, "Weight": 50} if identifier else {})


def _health_checks(stage: Stage) -> None:
    """The site is up; the one on orders follows an alarm that nobody has seen for a year; one is left over."""
    site = {"Type": "HTTPS", "FullyQualifiedDomainName": f"api.{DOMAIN}", "Port": 443, "ResourcePath": "/health"}
    followed = {"Region": PRODUCTION, "Name": "northwind-orders-lost"}
    configs: dict[str, dict[str, Any]] = {
        SITE: site,
        OLD: {"Type": "TCP", "FullyQualifiedDomainName": f"db.{DOMAIN}", "Port": 443},
        QUEUES: {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": followed},
        "3f0f1c52-trial": {"Type": "HTTPS", "IPAddress": _own_address(stage), "Port": 443},
        "3f0f1c52-all": {"Type": "CALCULATED", "HealthThreshold": 0, "ChildHealthChecks": [SITE]},
    }
    checks = [
        {"Id": each, "CallerReference": each, "HealthCheckVersion": 1, "HealthCheckConfig": config}
        for each, config in configs.items()
    ]
    stage.answers["route53:ListHealthChecks"] = {
        "HealthChecks": checks, "Marker": "", "IsTruncated": False, "MaxItems": "100",
    }  # fmt: skip

    def status(params: Params, _: str, __: str) -> Mapping[str, Any]:
        said = "Success: HTTP Status Code 200, OK" if params["HealthCheckId"] == SITE else "Failure: timed out"
        return {"HealthCheckObservations": [{"StatusReport": {"Status": said}}] * 16}

    stage.answers["route53:GetHealthCheckStatus"] = status


def _own_address(stage: Stage) -> str:
    """A public address of what the contractor left running."""
    interfaces = stage.client("ec2", EXPERIMENT).describe_network_interfaces()["NetworkInterfaces"]
    found = [each["Association"]["PublicIp"] for each in interfaces if "PublicIp" in each.get("Association", {})]
    return str(min(found, default="203.0.113.99"))


def _domains(stage: Stage) -> None:
    """Both domains are the company's; one of them is still delegated to a zone that was deleted."""
    stage.answers["route53domains:ListDomains"] = {
        "Domains": [
            {"DomainName": DOMAIN, "AutoRenew": True, "TransferLock": True, "Expiry": stage.ago(-200)},
            {"DomainName": "bean.example", "AutoRenew": False, "TransferLock": False, "Expiry": stage.ago(-20)},
        ]
    }
    route53 = stage.client("route53")
    zone = next(z["Id"] for z in route53.list_hosted_zones()["HostedZones"] if z["Name"] == f"{DOMAIN}.")
    servers = route53.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"]

    def detail(params: Params, _: str, __: str) -> Mapping[str, Any]:
        ours = params["DomainName"] == DOMAIN
        named = servers if ours else ["ns-11.awsdns-11.com", "ns-22.awsdns-22.net"]
        hidden = dict.fromkeys(("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy"), ours)
        return {"DomainName": params["DomainName"], "Nameservers": [{"Name": name} for name in named], **hidden}

    stage.answers["route53domains:GetDomainDetail"] = detail
