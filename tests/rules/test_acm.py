"""Certificates of AWS Certificate Manager."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, REGION, Answers, Item, judged

EXPIRING = "acm-certificate-not-expiring"
RENEWAL = "acm-certificate-renewal-healthy"
KEY = "acm-certificate-key-algorithm-strong"
IN_USE = "acm-certificate-in-use"
EVERY = (EXPIRING, RENEWAL, KEY, IN_USE)


def days(number: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=number)


def certificate(name: str, ends: float | None = 200, **changes: Any) -> Item:
    """A certificate in use that ACM issued; its domain tells it apart."""
    item = {
        "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{name}",
        "DomainName": name,
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA-2048",
        "InUse": True,
        "RenewalEligibility": "ELIGIBLE",
        "CreatedAt": days(-100),
        "NotAfter": days(ends) if ends is not None else None,
        **changes,
    }
    return {key: value for key, value in item.items() if value is not None}


def answers(*certificates: Item, renewals: Mapping[str, str | None] | None = None) -> Answers:
    def described(params: Mapping[str, Any], _: str, __: str) -> Item:
        state = (renewals or {}).get(params["CertificateArn"].rpartition("/")[2])
        summary: Item = {"RenewalStatus": state, "DomainValidationOptions": [], "UpdatedAt": days(-1)}
        return {"Certificate": {"RenewalSummary": summary} if state else {}}

    return {
        "acm:ListCertificates": {"CertificateSummaryList": list(certificates)},
        "acm:DescribeCertificate": described,
    }


def test_expiry(lab: Lab) -> None:
    given = answers(
        certificate("good"),
        certificate("soon", 29),
        certificate("soon-unused", 29, InUse=False),
        certificate("expired", -1, Status="EXPIRED"),
        certificate("expired-unused", -1, Status="EXPIRED", InUse=False),
        certificate("pending", None, Status="PENDING_VALIDATION"),
        certificate("revoked", Status="REVOKED"),
        certificate("endless", None),
    )
    said = judged(lab, given, EXPIRING)[EXPIRING]
    assert said == {
        "good": "pass", "soon": "fail high", "soon-unused": "fail low", "expired": "fail high",
        "expired-unused": "fail low", "pending": "not_applicable", "revoked": "not_applicable", "endless": "unknown",
    }  # fmt: skip
    assert judged(lab, given, EXPIRING, days=20)[EXPIRING]["soon"] == "pass"


def test_renewal(lab: Lab) -> None:
    renewals = {"waiting": "PENDING_VALIDATION", "failed": "FAILED", "done": "SUCCESS", "private": "FAILED"}
    given = answers(
        certificate("far"),
        certificate("near", 50),
        certificate("done", 50),
        certificate("waiting", 50),
        certificate("failed", 50),
        certificate("private", 50, Type="PRIVATE"),
        certificate("never", RenewalEligibility="INELIGIBLE"),
        certificate("unused", 50, InUse=False, RenewalEligibility="INELIGIBLE"),
        certificate("imported", 50, Type="IMPORTED", RenewalEligibility="INELIGIBLE"),
        certificate("expired", -1, Status="EXPIRED"),
        renewals=renewals,
    )
    said = judged(lab, given, RENEWAL)[RENEWAL]
    assert said == {
        **dict.fromkeys(("far", "near", "done"), "pass"),
        **dict.fromkeys(("waiting", "failed", "private", "never"), "fail high"),
        **dict.fromkeys(("unused", "imported", "expired"), "not_applicable"),
    }
    assert lab.endpoint.seen["acm", "DescribeCertificate", REGION] == 5
    denied = judged(lab, given, RENEWAL, deny=["acm:DescribeCertificate"])[RENEWAL]
    assert denied["far"] == "pass" and denied["near"] == "unknown" and denied["never"] == "fail high"


def test_keys(lab: Lab) -> None:
    given = answers(
        certificate("good"),
        certificate("curve", KeyAlgorithm="EC_prime256v1"),
        certificate("weak", KeyAlgorithm="RSA-1024"),
        certificate("spelt", KeyAlgorithm="RSA_1024"),
        certificate("unused", KeyAlgorithm="RSA_1024", InUse=False),
        certificate("expired", KeyAlgorithm="RSA_1024", Status="EXPIRED"),
        certificate("silent", KeyAlgorithm=None),
    )
    assert judged(lab, given, KEY)[KEY] == {
        "good": "pass", "curve": "pass", "weak": "fail high", "spelt": "fail high", "unused": "fail low",
        "expired": "not_applicable", "silent": "unknown",
    }  # fmt: skip


def test_use(lab: Lab) -> None:
    idle: dict[str, Any] = {"InUse": False}
    given = answers(
        certificate("good"),
        certificate("unused", **idle),
        certificate("exported", **idle, Exported=True),
        certificate("asked", None, **idle, Status="PENDING_VALIDATION", CreatedAt=days(-2)),
        certificate("waiting", None, **idle, Status="PENDING_VALIDATION", CreatedAt=days(-4)),
        certificate("late", None, **idle, Status="VALIDATION_TIMED_OUT"),
        certificate("failed", None, **idle, Status="FAILED"),
    )
    assert judged(lab, given, IN_USE)[IN_USE] == {
        "good": "pass", "exported": "not_applicable", "asked": "not_applicable",
        **dict.fromkeys(("unused", "waiting", "late", "failed"), "fail informational"),
    }  # fmt: skip


def test_keys_of_all_kinds_are_asked_for(lab: Lab) -> None:
    asked: list[Any] = []

    def listed(params: Mapping[str, Any], _: str, __: str) -> Item:
        asked.append(params["Includes"]["keyTypes"])
        return {"CertificateSummaryList": []}

    judged(lab, {"acm:ListCertificates": listed}, KEY)
    assert {"RSA_1024", "RSA_4096", "EC_secp521r1"} <= set(asked[0])


def test_denied_listing(lab: Lab) -> None:
    said = judged(lab, {}, *EVERY, deny=["acm:ListCertificates"])
    assert said == {rule_id: {"*": "unknown"} for rule_id in EVERY}
