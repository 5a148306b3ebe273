"""NDEF messages decoded with ndeflib into records of the wire, strictly: garbage is an error, never half a record."""

from typing import Any, Final

from edge.contracts.observations import NdefRecordRead

MESSAGE_BYTES_MAX: Final = 8192
"""Longest message taken, in bytes, so that the row that tells of it fits a frame (64 kB) whatever is in it."""
RECORDS_MAX: Final = 64
"""`NfcTagRead.records`."""
PAYLOAD_BYTES_MAX: Final = 2048
"""`NdefRecordRead.payload` holds 4096 hexadecimal digits."""
TEXT_CHARACTERS_MAX: Final = 8192
TYPE_CHARACTERS_MAX: Final = 255

_URI: Final = "urn:nfc:wkt:U"
_TEXT: Final = "urn:nfc:wkt:T"


class NdefUnreadableError(Exception):
    """Not an NDEF message that can be understood and carried. `raw` are its bytes."""

    def __init__(self, message: str, raw: bytes = b"") -> None:
        """`message` says what is wrong."""
        super().__init__(message)
        self.raw = raw


def decode_ndef(message: bytes) -> tuple[NdefRecordRead, ...]:
    """The records of a message; none for an empty one (a formatted tag).

    Raises:
        NdefUnreadableError: not NDEF, or more than a row can carry.
    """
    if not message:
        return ()
    if len(message) > MESSAGE_BYTES_MAX:
        raise NdefUnreadableError(f"message of {len(message)} bytes: expected at most {MESSAGE_BYTES_MAX}", message)
    import ndef  # noqa: PLC0415 - an optional extra: an agent without NFC has no ndeflib

    try:
        decoded = list(ndef.message_decoder(message, errors="strict"))
        records = tuple(_record(each) for each in decoded)
    except NdefUnreadableError as error:
        raise NdefUnreadableError(str(error), message) from None
    except Exception as error:  # noqa: BLE001 - ndeflib raises DecodeError, and on some garbage whatever Python raised
        raise NdefUnreadableError(f"{type(error).__name__}: {error!s:.200}", message) from None
    if not 1 <= len(records) <= RECORDS_MAX:
        raise NdefUnreadableError(f"{len(records)} records: expected 1 to {RECORDS_MAX}", message)
    return records


def _record(record: Any) -> NdefRecordRead:  # noqa: ANN401 - ndeflib ships no types
    kind = str(record.type)
    if len(kind) > TYPE_CHARACTERS_MAX:
        raise NdefUnreadableError(f"record type of {len(kind)} characters: expected at most {TYPE_CHARACTERS_MAX}")
    if kind in (_URI, _TEXT):
        # .iri, not .uri: the latter percent-encodes anew, and a GS1 Digital Link would change
        text = str(record.iri if kind == _URI else record.text)
        if len(text) > TEXT_CHARACTERS_MAX:
            raise NdefUnreadableError(f"text of {len(text)} characters: expected at most {TEXT_CHARACTERS_MAX}")
        return NdefRecordRead(type=kind, text=text)
    payload = bytes(record.data)
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise NdefUnreadableError(f"payload of {len(payload)} bytes: expected at most {PAYLOAD_BYTES_MAX}")
    return NdefRecordRead(type=kind, payload=payload.hex())
