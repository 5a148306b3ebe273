"""PIV profile, read side (NIST SP 800-73-5): card id, card-authentication certificate, proof of its key."""

import uuid
import zlib
from typing import Final

from cards.apdu import CommandApdu
from cards.errors import CardDataError
from cards.processors import Processor
from cards.status_words import NotFoundError
from cards.tlv import encode_tlv, find, parse_one, parse_tlvs

PIV_AID: Final = bytes.fromhex("A000000308000010000100")
"""PIV card application, version 1.0 (SP 800-73-5 part 1, 2.2)."""
CHUID_OBJECT: Final = bytes.fromhex("5FC102")
"""Card holder unique identifier (SP 800-73-5 part 1, table 3)."""
CARD_AUTHENTICATION_CERTIFICATE_OBJECT: Final = bytes.fromhex("5FC101")
"""X.509 certificate for card authentication, key 9E (SP 800-73-5 part 1, table 3)."""
EMERGENCY_RECORD_OBJECT: Final = bytes.fromhex("5FFF21")
"""Ours: in the range of tags that SP 800-73 leaves to issuers and that PIV cards on the market take (5FFF00 and up)."""
ACCESS_LOG_OBJECT: Final = bytes.fromhex("5FFF22")
"""Ours, beside the emergency record."""
CARD_AUTHENTICATION_KEY: Final = 0x9E
"""Usable without PIN, over contacts and contactless (SP 800-73-5 part 1, table 4b)."""
ALGORITHM_P256: Final = 0x11
"""ECC curve P-256 (SP 800-78-5, table 6-2)."""
GUID_BYTES: Final = 16
CERTIFICATE_BYTES_MAX: Final = 2048
"""SP 800-73-5 part 1, table 10 gives 1,856 bytes; the rest is room for our names. Unpacking ends here, too."""
SIGNATURE_BYTES_MAX: Final = 72
"""ECDSA-Sig-Value of two 33-byte INTEGERs (RFC 3279, 2.2.3)."""
DIGEST_BYTES: Final = 32
"""SHA-256, the hash that goes with P-256 (SP 800-78-5, table 3-7)."""

_INS_SELECT: Final = 0xA4
_INS_GET_DATA: Final = 0xCB
_INS_GENERAL_AUTHENTICATE: Final = 0x87
_ALL: Final = 256
"""Short Le: all there is."""

_TAG_DATA_OBJECT: Final = 0x53
_TAG_GUID: Final = 0x34
_TAG_CERTIFICATE: Final = 0x70
_TAG_CERT_INFO: Final = 0x71
_CERT_INFO_GZIP: Final = 0x01
_TAG_DYNAMIC_AUTHENTICATION: Final = 0x7C
_TAG_CHALLENGE: Final = 0x81
_TAG_RESPONSE: Final = 0x82
_GZIP_WINDOW: Final = 31
"""zlib: 15-bit window, gzip header and check (RFC 1952)."""


class PivCardApplication:
    """The selected PIV application on one card.

    Every method raises CardGoneError (away), CardAnswerError (refused) or CardDataError (not understood).
    """

    def __init__(self, processor: Processor) -> None:
        """`processor` leads to the card; see `select`."""
        self._processor = processor

    @classmethod
    def select(cls, processor: Processor) -> "PivCardApplication":
        """SELECT by AID (SP 800-73-5 part 2, 3.1.1).

        Raises:
            NotFoundError (cards.status_words): this card has no PIV application.
        """
        command = CommandApdu(0x00, _INS_SELECT, 0x04, 0x00, PIV_AID, _ALL)
        processor.transmit(command).expect_success("SELECT PIV application")
        return cls(processor)

    def guid(self) -> bytes:
        """The card's GUID: 16 bytes of the CHUID (SP 800-73-5 part 1, table 9). It is not secret, and proves nothing.

        Raises:
            CardDataError: no GUID, or all zeros (SP 800-73-5 part 1, 3.1.2: then the card has none).
        """
        members = parse_tlvs(self._get_data(CHUID_OBJECT, "GET DATA CHUID"), shortest_lengths=False)
        guid = find(members, _TAG_GUID)
        if len(guid) != GUID_BYTES or not any(guid):
            raise CardDataError(
                f"GUID {guid[:32].hex()!r} of {len(guid)} bytes: expected {GUID_BYTES} bytes, not all zero"
            )
        return guid

    def card_authentication_certificate(self) -> bytes:
        """Certificate of key 9E, DER, unpacked where CertInfo says gzip (SP 800-73-5 part 1, table 11 and 3.2.1).

        It is not parsed here.

        Raises:
            CardDataError: longer than CERTIFICATE_BYTES_MAX, also after unpacking; bad gzip.
        """
        what = "GET DATA card authentication certificate"
        members = parse_tlvs(self._get_data(CARD_AUTHENTICATION_CERTIFICATE_OBJECT, what), shortest_lengths=False)
        certificate = find(members, _TAG_CERTIFICATE)
        info = [each.value for each in members if each.tag == _TAG_CERT_INFO]
        if info and info[0][:1] and info[0][0] & _CERT_INFO_GZIP:
            certificate = _unpack(certificate)
        if not 0 < len(certificate) <= CERTIFICATE_BYTES_MAX:
            raise CardDataError(f"certificate of {len(certificate)} bytes: expected 1 to {CERTIFICATE_BYTES_MAX}")
        return certificate

    def emergency_record(self) -> bytes | None:
        """The sealed emergency record, as it lies there; None if the card has none."""
        return self._object(EMERGENCY_RECORD_OBJECT, "GET DATA emergency record")

    def access_log(self) -> bytes | None:
        """The sealed access log, as it lies there; None if the card has none."""
        return self._object(ACCESS_LOG_OBJECT, "GET DATA access log")

    def _object(self, object_tag: bytes, what: str) -> bytes | None:
        try:
            found = self._get_data(object_tag, what)
        except NotFoundError:
            return None
        return found or None

    def sign(self, digest: bytes) -> bytes:
        """GENERAL AUTHENTICATE: the card signs a SHA-256 digest with key 9E (SP 800-73-5 part 2, 3.2.4 and A.4.3).

        Returns the ECDSA signature, DER, unchecked.

        Raises:
            ValueError: `digest` is not 32 bytes.
        """
        if len(digest) != DIGEST_BYTES:
            raise ValueError(f"digest of {len(digest)} bytes: expected {DIGEST_BYTES}")
        template = encode_tlv(_TAG_RESPONSE, b"") + encode_tlv(_TAG_CHALLENGE, digest)
        command = CommandApdu(
            0x00,
            _INS_GENERAL_AUTHENTICATE,
            ALGORITHM_P256,
            CARD_AUTHENTICATION_KEY,
            encode_tlv(_TAG_DYNAMIC_AUTHENTICATION, template),
            _ALL,
        )
        answer = self._processor.transmit(command).expect_success("GENERAL AUTHENTICATE with key 9E")
        inner = parse_one(answer, _TAG_DYNAMIC_AUTHENTICATION, shortest_lengths=False)
        signature = find(parse_tlvs(inner, shortest_lengths=False), _TAG_RESPONSE)
        if not 0 < len(signature) <= SIGNATURE_BYTES_MAX:
            raise CardDataError(f"signature of {len(signature)} bytes: expected 1 to {SIGNATURE_BYTES_MAX}")
        return signature

    def _get_data(self, object_tag: bytes, what: str) -> bytes:
        """Content of a data object (SP 800-73-5 part 2, 3.1.2).

        Lengths need not be the shortest: card operating systems that write them all in three bytes exist.
        """
        command = CommandApdu(0x00, _INS_GET_DATA, 0x3F, 0xFF, encode_tlv(0x5C, object_tag), _ALL)
        answer = self._processor.transmit(command).expect_success(what)
        return parse_one(answer, _TAG_DATA_OBJECT, shortest_lengths=False)


def card_id_of(guid: bytes) -> str:
    """The card id: the GUID as 32 lower-case hexadecimal digits."""
    return guid.hex()


def guid_uri(card_id: str) -> str:
    """The card id as it stands in the certificate's subjectAltName (FIPS 201-3, 4.2.1; RFC 4122, 3).

    Raises:
        ValueError: not 32 hexadecimal digits.
    """
    return uuid.UUID(hex=card_id).urn


def _unpack(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(packed, CERTIFICATE_BYTES_MAX + 1)
    except zlib.error as error:
        raise CardDataError(f"compressed certificate of {len(packed)} bytes: {error}") from None
    if len(unpacked) <= CERTIFICATE_BYTES_MAX and not unpacker.eof:
        raise CardDataError(f"compressed certificate of {len(packed)} bytes is cut off")
    return unpacked
