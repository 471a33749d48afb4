"""Who shows clients a certificate that is kept in IAM."""

from collections.abc import Iterator

from auditor.analysis.network import each_readable
from auditor.inventory import Inventory
from auditor.resources.cloudfront import Distribution
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import Listener
from auditor.resources.iam import ServerCertificate


def users_of(certificate: ServerCertificate, inventory: Inventory) -> Iterator[str]:
    """The ARNs of listeners, Classic load balancers and distributions that show a certificate.

    Raises Unread, after those that are known, if there may be more.
    """
    return each_readable((_listeners, _balancers, _distributions), lambda users: users(certificate, inventory))


def _listeners(certificate: ServerCertificate, inventory: Inventory) -> Iterator[str]:
    def shows(listener: Listener) -> Iterator[str]:
        by_default = {each.certificate_arn for each in listener.certificates}
        if certificate.arn in by_default or certificate.arn in {
            c.certificate_arn for c in listener.listener_certificates
        }:
            yield listener.arn

    return each_readable(inventory.each(Listener), shows)


def _balancers(certificate: ServerCertificate, inventory: Inventory) -> Iterator[str]:
    for balancer in inventory.each(ClassicLoadBalancer):
        if any(each.listener.ssl_certificate_id == certificate.arn for each in balancer.encrypted_listeners):
            yield balancer.arn


def _distributions(certificate: ServerCertificate, inventory: Inventory) -> Iterator[str]:
    for distribution in inventory.each(Distribution):
        if distribution.viewer_certificate.iam_certificate_id == certificate.server_certificate_id:
            yield distribution.arn
