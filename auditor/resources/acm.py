"""Certificates of AWS Certificate Manager."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape, Timestamp

# Without this ACM lists certificates with RSA keys of 1024 and 2048 bits only.
KEY_TYPES = (
    "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1",
)  # fmt: skip
RENEWAL_BEGINS = timedelta(days=60)  # before the end ACM begins to renew what it issued


class RenewalSummary(Shape):
    """How the renewal of a certificate goes; absent before it began."""

    renewal_status: str  # "PENDING_AUTO_RENEWAL", "PENDING_VALIDATION", "SUCCESS" or "FAILED"
    renewal_status_reason: str | None = None


class CertificateDetail(Shape):
    """What the listing leaves out."""

    subject_alternative_names: tuple[str, ...] = ()
    renewal_summary: RenewalSummary | None = None


class Certificate(Resource):
    """A certificate that ACM issued, or that was imported into it."""

    service, cfn_type = "acm", "AWS::CertificateManager::Certificate"
    listing = Listing(
        "ListCertificates", at="CertificateSummaryList", params={"Includes": {"keyTypes": list(KEY_TYPES)}}
    )
    arn_format = "{certificate_arn}"
    id_field = "certificate_arn"
    name_field = "domain_name"

    certificate_arn: str
    domain_name: str | None = None
    subject_alternative_name_summaries: tuple[str, ...] = ()  # the first hundred, the domain name among them
    has_additional_subject_alternative_names: bool | None = None
    status: str  # "ISSUED", "PENDING_VALIDATION", "EXPIRED", "INACTIVE", "VALIDATION_TIMED_OUT", "REVOKED", "FAILED"
    type: str  # "IMPORTED", "AMAZON_ISSUED" or "PRIVATE"
    key_algorithm: str | None = None
    in_use: bool
    exported: bool | None = None  # absent: never
    renewal_eligibility: str | None = None  # "ELIGIBLE" or "INELIGIBLE"
    created_at: Timestamp | None = None  # absent for imported ones, which have an `imported_at`
    not_after: Timestamp | None = None  # absent before it is issued
    # None where the listing says it all.
    detail: Annotated[
        CertificateDetail | None,
        Call(
            "DescribeCertificate",
            at="Certificate",
            when=lambda certificate: certificate.renewing or certificate.has_additional_subject_alternative_names,
            CertificateArn="certificate_arn",
        ),
    ]

    @property
    def renewing(self) -> bool:
        """Whether ACM should be renewing it by now: it does so for what it issued and what is in use."""
        near = self.not_after is not None and self.not_after < datetime.now(UTC) + RENEWAL_BEGINS
        return self.in_use and self.status == "ISSUED" and self.type in ("AMAZON_ISSUED", "PRIVATE") and near

    @property
    def names(self) -> tuple[str, ...]:
        """All names that it is for."""
        more = (
            self.detail.subject_alternative_names
            if self.has_additional_subject_alternative_names and self.detail
            else ()
        )
        first = (self.domain_name,) if self.domain_name else ()
        return tuple(dict.fromkeys((*first, *self.subject_alternative_name_summaries, *more)))
