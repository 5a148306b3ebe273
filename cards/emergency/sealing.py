"""Sealing the emergency record for a card, and opening it at a terminal that is allowed to.

    record ─ CWT claims ─► COSE_Sign1 by the issuer ─► COSE_Encrypt for terminal keys, bound to the card id ─► object

All terminals that are allowed to read share a key pair, in generations: a card is sealed for the current one and the
one before. So a terminal needs no network, a stolen terminal's generation can be left behind, and the record stays
small. Signed inside, encrypted outside: who may not read does not even learn who signed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cards.cose import encrypt, sign1
from cards.cose.cbor import CoseError
from cards.emergency.record import EmergencyRecord, EmergencyRecordError, decode_record
from cards.errors import CardDataError
from cards.issuing.signer import Signer
from cards.trust import TrustAnchors

SEALED_BYTES_MAX: Final = 1024
"""Of the whole object: what is read in one go, and fits a QR code on paper as well."""
_PEM_END: Final = b"-----END PRIVATE KEY-----\n"
_DOMAIN: Final = b"medtap emergency record 1 "
"""Signature and encryption are for this use, and for this card, only."""


class RecordTooLongError(ValueError):
    """It does not fit: shorten texts, or leave out what an emergency does not need."""


class RecordNotForUsError(CardDataError):
    """This terminal has no key that it is sealed for."""


class RecordNotGenuineError(CardDataError):
    """Not signed by an issuer that we trust, changed, or of another card: show nothing of it."""


@dataclass(frozen=True, repr=False)
class TerminalKeys:
    """The private keys of a terminal, by key id. They have no printable form."""

    by_id: Mapping[bytes, ec.EllipticCurvePrivateKey]

    @classmethod
    def of(cls, keys: Sequence[ec.EllipticCurvePrivateKey]) -> "TerminalKeys":
        """From the keys alone."""
        return cls({terminal_key_id(key.public_key()): key for key in keys})

    @classmethod
    def from_pem(cls, pem: bytes) -> "TerminalKeys":
        """From a file of private keys one after the other, as `cards.issuing.key_file.write_terminal_keys` writes it.

        Raises:
            ValueError: no key in it, or one that is not on P-256. The message tells nothing of the keys.
        """
        blocks = [block + _PEM_END for block in pem.split(_PEM_END) if b"BEGIN" in block]
        keys = [_p256_key(block) for block in blocks]
        found = [key for key in keys if key is not None]
        if not found or len(found) != len(keys):
            raise ValueError(
                f"terminal keys: {len(found)} of {len(keys)} can be read, expected PEM keys on curve P-256"
            )
        return cls.of(found)


def _p256_key(pem: bytes) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def terminal_key_id(key: ec.EllipticCurvePublicKey) -> bytes:
    """First eight bytes of the SHA-256 of the public key (SubjectPublicKeyInfo, DER)."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).digest()[: encrypt.KEY_ID_BYTES]


def seal_record(record: EmergencyRecord, signer: Signer, terminals: Sequence[ec.EllipticCurvePublicKey]) -> bytes:
    """Sign and encrypt for the terminals' keys.

    Raises:
        RecordTooLongError: over SEALED_BYTES_MAX, saying by how much.
        SignerError: the issuer's key can't be used.
        ValueError: no terminal, or too many.
    """
    external = _external(record.card_id)
    signed = sign1.sign(record.encode(), issuer_id(signer.certificate), signer.sign, external)
    recipients = [encrypt.Recipient(terminal_key_id(key), key) for key in terminals]
    sealed = encrypt.encrypt(signed.encode(), recipients, external)
    if len(sealed) > SEALED_BYTES_MAX:
        raise RecordTooLongError(
            f"emergency record of {len(sealed)} bytes: {len(sealed) - SEALED_BYTES_MAX} more than a card takes; "
            "shorten texts, or leave out what an emergency does not need"
        )
    return sealed


def open_record(sealed: bytes, card_id: str, keys: TerminalKeys, issuers: TrustAnchors) -> EmergencyRecord:
    """Decrypt and verify. Whether it is old is for the screen to say: see `EmergencyRecord.expires_at`.

    `card_id`: of the card that proved itself, not one that the record says.

    Raises:
        RecordNotForUsError: sealed for other terminals.
        RecordNotGenuineError: changed, of another card, or not signed by any of the issuers.
    """
    if len(sealed) > SEALED_BYTES_MAX:
        raise RecordNotGenuineError(f"emergency record of {len(sealed)} bytes: expected at most {SEALED_BYTES_MAX}")
    external = _external(card_id)
    try:
        signed = sign1.parse(encrypt.decrypt(sealed, keys.by_id, external))
        if signed.unprotected:
            raise EmergencyRecordError("something stands outside of what is signed")
        payload = signed.verify(issuer_key(signed.key_id, issuers), external)
        record = decode_record(payload)
    except encrypt.NotForUsError as error:
        raise RecordNotForUsError(str(error)) from None
    except CoseError as error:
        raise RecordNotGenuineError(f"emergency record of card {card_id}: {error}") from None
    if record.card_id != card_id:
        raise RecordNotGenuineError(f"emergency record of another card than {card_id}")
    return record


def _external(card_id: str) -> bytes:
    return _DOMAIN + card_id.encode()


def issuer_id(certificate: x509.Certificate) -> bytes:
    """As in EU digital certificates: first eight bytes of the SHA-256 of the certificate."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    return hashlib.sha256(der).digest()[: encrypt.KEY_ID_BYTES]


def issuer_key(key_id: bytes, issuers: TrustAnchors) -> ec.EllipticCurvePublicKey:
    """The key of the issuer that a signature names.

    Raises:
        EmergencyRecordError: none of these.
    """
    for certificate in issuers.certificates:
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            continue  # ES256 is of P-256
        if issuer_id(certificate) == key_id:
            return key
    raise EmergencyRecordError(f"signed by issuer {key_id.hex()}, whose certificate is not among the trust anchors")
