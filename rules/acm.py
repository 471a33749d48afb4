"""Certificates of AWS Certificate Manager."""

from datetime import timedelta
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.acm import Certificate
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

WEAK_KEYS = ("RSA_1024",)
WAITING = ("PENDING_VALIDATION", "VALIDATION_TIMED_OUT", "FAILED")


def _of_use(certificate: Certificate) -> Severity | None:
    """What is wrong with a certificate matters little while nothing uses it."""
    return None if certificate.in_use else Severity.LOW


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub ACM.1",
        "PCI-4.0 3.5.1.1.1 3.5.1.3.1 3.6.1.2.1 3.6.1.3.1 3.6.1.4.1 3.6.1.1 3.7.1.1 3.7.2.1 3.7.4.1 3.7.5.1",
        "PCI-4.0 3.7.6.1 3.7.7.1",
        "NIST-800-53-r5 sc_7_12 sc_7_16",
        "ISO-27001-2022 A.8.5",
    ),
    notes="SSL certificates (expiry)",
)
def acm_certificate_not_expiring(certificate: Certificate, inventory: Inventory, *, days: int = 30) -> Verdict:
    """Certificates in ACM are valid, and will be for the time to come.

    Risk: clients refuse an expired certificate, or get used to clicking the warning away.
    Fix: aws acm import-certificate --certificate-arn {arn} --certificate fileb://certificate.pem
      --private-key fileb://key.pem --certificate-chain fileb://chain.pem --region {region}
    One that ACM issued is renewed by itself once its DNS records are there again:
    aws acm describe-certificate --certificate-arn {arn} --query 'Certificate.DomainValidationOptions' --region {region}
    """
    end = certificate.not_after
    shown: dict[str, Any] = {
        "not_after": end.isoformat() if end else None,
        "type": certificate.type,
        "in_use": certificate.in_use,
    }
    if certificate.status == "EXPIRED":
        return failed("The certificate has expired", severity=_of_use(certificate), **shown)
    if certificate.status != "ISSUED":
        return not_applicable("The certificate is not in force", certificate_status=certificate.status)
    if end is None:
        return unknown("AWS does not say when the certificate ends")
    if end < inventory.now + timedelta(days=days):
        return failed(f"The certificate ends within {days} days", severity=_of_use(certificate), **shown)
    return passed(**shown)


@rule(severity=Severity.HIGH, notes="SSL certificates (expiry)", category=Category.RELIABILITY)
def acm_certificate_renewal_healthy(certificate: Certificate) -> Verdict:
    """Nothing keeps ACM from renewing the certificates in use that it issued.

    Risk: ACM gives up silently: one day clients refuse the certificate, and everything behind it is down.
    Fix: aws acm describe-certificate --certificate-arn {arn} --query 'Certificate.DomainValidationOptions'
      --region {region}
    Put the ResourceRecord that it names back into the DNS zone of each domain.
    """
    if certificate.type not in ("AMAZON_ISSUED", "PRIVATE"):
        return not_applicable("ACM renews only what it issued", type=certificate.type)
    if certificate.status != "ISSUED" or not certificate.in_use:
        return not_applicable("ACM renews what is in force and in use", certificate_status=certificate.status)
    if certificate.renewal_eligibility == "INELIGIBLE":
        return failed("ACM will not renew the certificate", renewal_eligibility="INELIGIBLE")
    summary = certificate.detail.renewal_summary if certificate.detail else None
    if summary is None:
        return passed("The renewal has not begun")
    if summary.renewal_status in ("PENDING_VALIDATION", "FAILED"):
        why = summary.renewal_status_reason
        return failed("The renewal is stuck", renewal_status=summary.renewal_status, renewal_status_reason=why)
    return passed(renewal_status=summary.renewal_status)


@rule(severity=Severity.HIGH, controls=("SecurityHub ACM.2", "PCI-4.0 3.7.1.2"), notes="SSL/TLS basics")
def acm_certificate_key_algorithm_strong(certificate: Certificate) -> Verdict:
    """Certificates have keys that cannot be broken.

    Risk: who breaks a key of 1024 bits poses as the site, and reads what was sent to it.
    Fix: aws acm request-certificate --domain-name DOMAIN --validation-method DNS --key-algorithm RSA_2048
      --region {region}
    aws acm delete-certificate --certificate-arn {arn} --region {region}
    """
    if certificate.status != "ISSUED":
        return not_applicable("The certificate is not in force", certificate_status=certificate.status)
    if certificate.key_algorithm is None:
        return unknown("AWS does not say what key the certificate has")
    algorithm = certificate.key_algorithm.replace("-", "_")
    if algorithm in WEAK_KEYS:
        return failed("The key is too short", severity=_of_use(certificate), key_algorithm=algorithm)
    return passed(key_algorithm=algorithm)


@rule(severity=Severity.INFORMATIONAL, notes="SSL certificates (imported)", category=Category.OPERATIONS)
def acm_certificate_in_use(certificate: Certificate, inventory: Inventory, *, hours: int = 72) -> Verdict:
    """Certificates in ACM are used.

    Risk: leftovers hide the ones that matter, and who still has a key of theirs can pose as the site.
    Fix: aws acm delete-certificate --certificate-arn {arn} --region {region}
    """
    status, created = certificate.status, certificate.created_at
    if certificate.in_use:
        return passed()
    if certificate.exported:
        return not_applicable("It was exported, to be used where ACM does not see it")
    if status in WAITING:
        if created is not None and created > inventory.now - timedelta(hours=hours):
            return not_applicable(f"It was requested less than {hours} hours ago", certificate_status=status)
        return failed("The certificate was requested, and never came into force", certificate_status=status)
    return failed("Nothing uses the certificate", certificate_status=status)
