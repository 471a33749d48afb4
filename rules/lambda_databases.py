"""Rules about how Lambda functions reach databases."""

from collections.abc import Iterator

from auditor.analysis.network import Port, admits, each_readable, group_called
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.lambda_ import Function
from auditor.resources.rds import DBInstance
from auditor.resources.rds_proxy import DBProxy
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.PERFORMANCE,
    notes="Amazon RDS Proxy (pool connections)",
)
def lambda_function_database_access_via_proxy(function: Function, inventory: Inventory) -> Verdict:
    """A database that lets a function in has a proxy, which shares its connections.

    Risk: each copy of the function opens connections of its own, until the database takes no more from anyone.
    Fix: aws rds create-db-proxy --region {region} --db-proxy-name PROXY --engine-family POSTGRESQL --auth file://auth.json
        --role-arn ROLE-ARN --vpc-subnet-ids SUBNET-A SUBNET-B
    aws rds register-db-proxy-targets --region {region} --db-proxy-name PROXY --db-instance-identifiers DATABASE
    """
    vpc = function.vpc_config
    if vpc is None or not vpc.vpc_id or not vpc.security_group_ids:
        return not_applicable("The function runs in no VPC")
    groups = set(vpc.security_group_ids)
    instances = inventory.each(DBInstance, region=function.region)
    bare = seen(each_readable(instances, lambda instance: _bare(instance, groups, inventory)))
    if bare:
        return failed("Databases without a proxy let the function in", databases=bare)
    if any_of(lambda each: _lets_in(each, groups, inventory), inventory.each(DBInstance, region=function.region)):
        return passed()
    return not_applicable("No database names the function's security groups")


def _bare(instance: DBInstance, groups: set[str], inventory: Inventory) -> Iterator[str]:
    """The instance's name, if it lets members of one of these groups in and no proxy stands before it."""
    if _lets_in(instance, groups, inventory):
        names = (instance.db_instance_identifier, instance.db_cluster_identifier)
        proxies = inventory.each(DBProxy, region=instance.region)
        if not any_of(lambda proxy: any(each.rds_resource_id in names for each in proxy.targets), proxies):
            yield instance.db_instance_identifier


def _lets_in(instance: DBInstance, groups: set[str], inventory: Inventory) -> bool:
    """Whether a security group of the instance names one of these groups for the port of its engine."""
    if instance.foreign or instance.endpoint is None:
        return False
    port = Port("tcp", instance.endpoint.port)
    own = (each.vpc_security_group_id for each in instance.vpc_security_groups if each.status == "active")
    permissions = each_readable(own, lambda name: group_called(name, inventory, region=instance.region).ip_permissions)
    return any_of(
        lambda each: admits(each, port) and any(pair.group_id in groups for pair in each.user_id_group_pairs),
        permissions,
    )
