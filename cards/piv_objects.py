"""What a PIV card stores, as we write it (NIST SP 800-73-5 part 1, section 4 and appendix A)."""

from datetime import date
from typing import Final

from cards.errors import CardDataError
from cards.piv import CERTIFICATE_BYTES_MAX, GUID_BYTES
from cards.tlv import encode_tlv

OBJECT_BYTES_MAX: Final = 3000
"""Longest object that every PIV card on the market takes in one (YubiKey: 3,063 bytes)."""

_FASC_N: Final = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
"""Agency, system and credential all nines: what issuers outside the US government write (SP 800-73-5 part 1, 3.1.2)."""
_TAG_FASC_N, _TAG_GUID, _TAG_EXPIRATION = 0x30, 0x34, 0x35
_TAG_SIGNATURE, _TAG_ERROR_DETECTION = 0x3E, 0xFE
_TAG_CERTIFICATE, _TAG_CERT_INFO = 0x70, 0x71


def chuid(guid: bytes, expires: date) -> bytes:
    """Card holder unique identifier (part 1, table 9). Unsigned: the card-authentication certificate says who it is.

    Raises:
        ValueError: a GUID that is not 16 bytes, or all zero.
    """
    if len(guid) != GUID_BYTES or not any(guid):
        raise ValueError(f"GUID of {len(guid)} bytes: expected {GUID_BYTES}, not all zero")
    return (
        encode_tlv(_TAG_FASC_N, _FASC_N)
        + encode_tlv(_TAG_GUID, guid)
        + encode_tlv(_TAG_EXPIRATION, expires.strftime("%Y%m%d").encode("ascii"))
        + encode_tlv(_TAG_SIGNATURE, b"")
        + encode_tlv(_TAG_ERROR_DETECTION, b"")
    )


def certificate_object(certificate_der: bytes) -> bytes:
    """A certificate's container, not compressed (part 1, table 11).

    Raises:
        CardDataError: longer than a card's container takes.
    """
    if not 0 < len(certificate_der) <= CERTIFICATE_BYTES_MAX:
        raise CardDataError(f"certificate of {len(certificate_der)} bytes: expected 1 to {CERTIFICATE_BYTES_MAX}")
    return (
        encode_tlv(_TAG_CERTIFICATE, certificate_der)
        + encode_tlv(_TAG_CERT_INFO, b"\x00")
        + encode_tlv(_TAG_ERROR_DETECTION, b"")
    )


def card_capability_container(guid: bytes) -> bytes:
    """Mandatory, and what some programs know a PIV card by (part 1, table 8): registered data model, all else empty."""
    identifier = bytes.fromhex("A000000116FF02") + guid[-14:]
    return (
        encode_tlv(0xF0, identifier)
        + encode_tlv(0xF1, b"\x21")
        + encode_tlv(0xF2, b"\x21")
        + encode_tlv(0xF3, b"")
        + encode_tlv(0xF4, b"\x00")
        + encode_tlv(0xF5, b"\x10")
        + b"".join(encode_tlv(tag, b"") for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE))
    )
