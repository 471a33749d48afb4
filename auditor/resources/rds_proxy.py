"""RDS proxies."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class ProxyAuth(Shape):
    """How a proxy logs in as one user, and whether its clients need IAM for that."""

    iam_auth: str


class DBProxyTarget(Shape):
    """What a proxy stands before: an instance, or a cluster with each of its instances."""

    rds_resource_id: str | None = None


class DBProxy(Resource):
    """A proxy in front of databases."""

    service, cfn_type = "rds", "AWS::RDS::DBProxy"
    listing = Listing("DescribeDBProxies", at="DBProxies")
    arn_format = "{db_proxy_arn}"
    id_field = name_field = "db_proxy_name"

    db_proxy_name: str
    status: str
    engine_family: str
    auth: tuple[ProxyAuth, ...]
    vpc_subnet_ids: tuple[str, ...]
    debug_logging: bool
    default_auth_scheme: str | None = None  # NONE or IAM_AUTH; the older API knew the former only
    require_tls: bool
    targets: Annotated[
        tuple[DBProxyTarget, ...], Call("DescribeDBProxyTargets", at="Targets", DBProxyName="db_proxy_name")
    ]
