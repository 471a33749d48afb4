"""Rules about Firehose delivery streams."""

from auditor.findings import Severity
from auditor.resources.firehose import DeliveryDestination, DeliveryStream
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub DataFirehose.1", "ISO-27001-2022 A.8.24"),
    notes="Firehose",
)
def firehose_delivery_stream_encrypted(stream: DeliveryStream) -> Verdict:
    """Delivery streams that are written to directly are encrypted, and log what they could not deliver.

    Risk: whoever gets at the buffer reads what waits in it; and what is lost on the way is missed by nobody.
    Fix: aws firehose start-delivery-stream-encryption --region {region} --delivery-stream-name {name}
        --delivery-stream-encryption-configuration-input KeyType=AWS_OWNED_CMK
    """
    said = stream.description
    if said.delivery_stream_status == "DELETING":
        return not_applicable("The stream is being deleted")
    direct = said.delivery_stream_type == "DirectPut"
    encryption = said.delivery_stream_encryption_configuration
    status = encryption.status if encryption is not None else None
    if direct and status not in ("ENABLED", "ENABLING"):
        return failed("What waits for delivery is in clear", encryption=status)
    logs = {each.destination_id: _logs(each) for each in said.destinations}
    if silent := [name for name, enabled in logs.items() if enabled is False]:
        message = "What could not be delivered is not logged"
        return failed(message, severity=Severity.LOW, destinations=silent, encryption=status)
    if any(enabled is None for enabled in logs.values()):
        return unknown("The stream has a kind of destination that is not known here")
    if not direct:
        return not_applicable(f"The stream reads from another, which encrypts ({said.delivery_stream_type})")
    return passed(encryption=status)


def _logs(destination: DeliveryDestination) -> bool | None:
    """Whether a destination logs errors; None where its kind is not known."""
    details = destination.details
    if details is None:
        return None
    return details.cloud_watch_logging_options is not None and bool(details.cloud_watch_logging_options.enabled)
