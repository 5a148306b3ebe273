"""COSE_Encrypt: one content for a few key holders; A256GCM, and ECDH-ES with A256KW for each (RFC 9052, 5; RFC 9053).

A key holder is a P-256 key pair with a key id of eight bytes. Its public point goes in compressed, to keep the whole
small enough for a card.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from cards.cose.cbor import CoseError, decode, encode

TAG: Final = 96
KEY_ID_BYTES: Final = 8
RECIPIENTS_MAX: Final = 4
"""Two generations of a terminal key, and two more to spare: each costs some 110 bytes."""

_ALGORITHM: Final = 1
_KEY_ID: Final = 4
_IV: Final = 5
_EPHEMERAL_KEY: Final = -1
"""Header parameters (RFC 9052, 3.1; RFC 9053, 6.3.1)."""
_A256GCM: Final = 3
_A256KW: Final = -5
_ECDH_ES_A256KW: Final = -31
"""Algorithms (RFC 9053, tables 5, 8 and 20)."""
_KEY_TYPE, _KEY_TYPE_EC2, _CURVE, _CURVE_P256, _X, _Y = 1, 2, -1, 1, -2, -3
"""COSE_Key of an elliptic curve with two coordinates (RFC 9053, 7.1.1)."""
_KEY_BITS: Final = 256
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_COORDINATE_BYTES: Final = 32
_EVEN: Final = 2
"""First byte of a compressed point whose y is even (SEC 1, 2.3.3). Ephemeral keys are chosen so: with the other y the
agreed secret is the same, and a message would have two forms."""
_PROTECTED: Final = encode({_ALGORITHM: _A256GCM})
_PROTECTED_RECIPIENT: Final = encode({_ALGORITHM: _ECDH_ES_A256KW})


class NotForUsError(CoseError):
    """Encrypted for other key holders than those whose private keys are here."""


@dataclass(frozen=True)
class Recipient:
    """One who may read."""

    key_id: bytes
    public_key: ec.EllipticCurvePublicKey


def encrypt(plain: bytes, recipients: Sequence[Recipient], external: bytes = b"") -> bytes:
    """Encrypt for all of them; `external` goes along authenticated, and must be known to who decrypts.

    Raises:
        ValueError: no recipient, or too many, or a key id that is not 8 bytes.
    """
    if not 1 <= len(recipients) <= RECIPIENTS_MAX:
        raise ValueError(f"{len(recipients)} recipients: expected 1 to {RECIPIENTS_MAX}")
    content_key, nonce = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(content_key).encrypt(nonce, plain, _authenticated(external))
    body = [_PROTECTED, {_IV: nonce}, sealed, [_wrapped(content_key, each) for each in recipients]]
    return encode(cbor2.CBORTag(TAG, body))


def decrypt(data: bytes, keys: Mapping[bytes, ec.EllipticCurvePrivateKey], external: bytes = b"") -> bytes:
    """Decrypt with whichever of our keys (by key id) it is for.

    Raises:
        NotForUsError: for none of them.
        CoseError: not such a message, or changed, or with another `external`.
    """
    nonce, sealed, recipients = _parse(data)
    for key_id, ephemeral, wrapped in recipients:
        if key_id not in keys:
            continue
        try:
            content_key = aes_key_unwrap(_agreed(keys[key_id], ephemeral), wrapped)
            return AESGCM(content_key).decrypt(nonce, sealed, _authenticated(external))
        except (InvalidTag, InvalidUnwrap, ValueError):
            raise CoseError("the encrypted content was changed, or is not what it is said to be") from None
    raise NotForUsError("encrypted for other terminals than this one")


def _wrapped(content_key: bytes, recipient: Recipient) -> list[Any]:
    if len(recipient.key_id) != KEY_ID_BYTES:
        raise ValueError(f"key id of {len(recipient.key_id)} bytes: expected {KEY_ID_BYTES}")
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    while (point := _compressed(ephemeral))[0] != _EVEN:
        ephemeral = ec.generate_private_key(ec.SECP256R1())
    key = _cose_key(point[1:])
    wrapped = aes_key_wrap(_agreed(ephemeral, recipient.public_key), content_key)
    return [_PROTECTED_RECIPIENT, {_KEY_ID: recipient.key_id, _EPHEMERAL_KEY: key}, wrapped]


def _agreed(private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey) -> bytes:
    """The key that wraps the content's key: HKDF over the shared secret and COSE_KDF_Context (RFC 9053, 5.2)."""
    nobody = [None, None, None]
    context = encode([_A256KW, nobody, nobody, [_KEY_BITS, _PROTECTED_RECIPIENT]])
    secret = private.exchange(ec.ECDH(), public)
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=context).derive(secret)


def _authenticated(external: bytes) -> bytes:
    """Enc_structure (RFC 9052, 5.3)."""
    return encode(["Encrypt", _PROTECTED, external])


def _parse(data: bytes) -> tuple[bytes, bytes, list[tuple[bytes, ec.EllipticCurvePublicKey, bytes]]]:
    """Nonce, sealed content and recipients of the one form that we write; nothing else is understood."""
    value = decode(data)
    body = value.value if isinstance(value, cbor2.CBORTag) and value.tag == TAG else None
    match body:
        case [protected, {5: bytes() as nonce, **rest}, bytes() as sealed, [_, *_] as recipients] if (
            protected == _PROTECTED and not rest and len(nonce) == _NONCE_BYTES and len(recipients) <= RECIPIENTS_MAX
        ):
            return nonce, sealed, [_recipient(each) for each in recipients]
    raise CoseError(f"expected COSE_Encrypt (CBOR tag {TAG}) with A256GCM and 1 to {RECIPIENTS_MAX} recipients")


def _recipient(value: object) -> tuple[bytes, ec.EllipticCurvePublicKey, bytes]:
    match value:
        case [protected, {4: bytes() as key_id, -1: dict() as key, **rest}, bytes() as wrapped] if (
            protected == _PROTECTED_RECIPIENT and not rest
        ):
            return key_id, _point(key), wrapped
    raise CoseError("COSE recipient: expected ECDH-ES with A256KW, a key id and an ephemeral key")


def _compressed(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


def _cose_key(x: bytes) -> dict[int, Any]:
    return {_KEY_TYPE: _KEY_TYPE_EC2, _CURVE: _CURVE_P256, _X: x, _Y: False}


def _point(key: dict[Any, Any]) -> ec.EllipticCurvePublicKey:
    x = key.get(_X)
    if not isinstance(x, bytes) or len(x) != _COORDINATE_BYTES or encode(key) != encode(_cose_key(x)):
        # compared as bytes: for Python, true is 1
        raise CoseError("COSE ephemeral key: expected a compressed point of P-256 with an even y, and nothing else")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes((_EVEN,)) + x)
    except ValueError:
        raise CoseError("COSE ephemeral key: not a point of P-256") from None
