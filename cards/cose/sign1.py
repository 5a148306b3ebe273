"""COSE_Sign1: one signature over one content (RFC 9052, 4.2). We sign with ES256, and read what others sign with."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from cards.cose.cbor import CoseError, decode, encode

TAG: Final = 18
ALGORITHM: Final = 1
KEY_ID: Final = 4
"""Header parameters (RFC 9052, 3.1)."""
ES256: Final = -7
ES384: Final = -35
EDDSA: Final = -8
PS256: Final = -37
"""Algorithms (RFC 9053, 2; RFC 8230, 2)."""
_HALF_BYTES: Final = 32
"""r and s as they stand in COSE: not DER (RFC 9053, 2.1)."""
_MEMBERS: Final = 4
_PS256_SALT_BYTES: Final = 32


@dataclass(frozen=True)
class Sign1:
    """A signed content. Nothing of it may be believed before `verify`."""

    protected: bytes
    """The protected header as it was received: the signature is over these bytes."""
    unprotected: dict[Any, Any]
    payload: bytes
    signature: bytes

    @property
    def algorithm(self) -> object:
        """From the protected header: one outside it could be exchanged."""
        return _header(self.protected).get(ALGORITHM)

    @property
    def key_id(self) -> bytes:
        """Empty if none is named. Only a hint which key to try."""
        found = _header(self.protected).get(KEY_ID, self.unprotected.get(KEY_ID, b""))
        return found if isinstance(found, bytes) else b""

    def verify(self, key: PublicKeyTypes, external: bytes = b"", *, allowed: Collection[int] = (ES256,)) -> bytes:
        """The payload, if this key signed it, together with `external`, by one of the `allowed` algorithms.

        Raises:
            CoseError: another algorithm, a key that is not of it, or a wrong signature.
        """
        algorithm = self.algorithm
        if algorithm not in allowed:
            raise CoseError(f"COSE algorithm {algorithm!r} in the protected header: expected one of {tuple(allowed)}")
        signed = _signed_bytes(self.protected, self.payload, external)
        try:
            check_signature(algorithm, key, self.signature, signed)
        except (InvalidSignature, ValueError):
            raise CoseError("the COSE signature is not of this key over this content") from None
        return self.payload

    def encode(self) -> bytes:
        """With tag 18."""
        return encode(cbor2.CBORTag(TAG, [self.protected, self.unprotected, self.payload, self.signature]))


def sign(payload: bytes, key_id: bytes, signer: Callable[[bytes], bytes], external: bytes = b"") -> Sign1:
    """Sign with ES256. `signer` gives ECDSA over SHA-256 in DER, as keys and modules do."""
    protected = encode({ALGORITHM: ES256, KEY_ID: key_id})
    r, s = decode_dss_signature(signer(_signed_bytes(protected, payload, external)))
    signature = r.to_bytes(_HALF_BYTES, "big") + s.to_bytes(_HALF_BYTES, "big")
    return Sign1(protected, {}, payload, signature)


def parse(data: bytes, *, exact: bool = True, tagged: bool = True) -> Sign1:
    """Read a COSE_Sign1. `tagged=False` only where the context says that it is one, and no tag does.

    Raises:
        CoseError: not one.
    """
    value = decode(data, exact=exact)
    if tagged:
        if not isinstance(value, cbor2.CBORTag) or value.tag != TAG:
            raise CoseError(f"expected CBOR tag {TAG}, COSE_Sign1")
        value = value.value
    if not isinstance(value, list) or len(value) != _MEMBERS:
        raise CoseError("COSE_Sign1: expected an array of four")
    protected, unprotected, payload, signature = value
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise CoseError("COSE_Sign1: expected byte strings for protected header, payload and signature")
    if not isinstance(unprotected, dict):
        raise CoseError("COSE_Sign1: expected a map as unprotected header")
    _header(protected)
    return Sign1(protected, unprotected, payload, signature)


def _header(protected: bytes) -> dict[Any, Any]:
    value = decode(protected, exact=False) if protected else {}
    if not isinstance(value, dict):
        raise CoseError("COSE protected header: expected a map")
    return value


def _signed_bytes(protected: bytes, payload: bytes, external: bytes) -> bytes:
    """Sig_structure (RFC 9052, 4.4). An empty protected header stands in it as an empty string, however written."""
    body = protected if _header(protected) else b""
    return encode(["Signature1", body, external, payload])


def check_signature(algorithm: object, key: PublicKeyTypes, signature: bytes, signed: bytes) -> None:
    """The bare signature over bytes, in COSE's form.

    Raises:
        InvalidSignature, ValueError: wrong; not of this algorithm's form; a key that is not of it.
    """
    match algorithm, key:
        case -7, ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            key.verify(_der(signature, _HALF_BYTES), signed, ec.ECDSA(hashes.SHA256()))
        case -35, ec.EllipticCurvePublicKey(curve=ec.SECP384R1()):
            key.verify(_der(signature, 48), signed, ec.ECDSA(hashes.SHA384()))
        case -8, ed25519.Ed25519PublicKey():
            key.verify(signature, signed)
        case -37, rsa.RSAPublicKey():
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), _PS256_SALT_BYTES)
            key.verify(signature, signed, pss, hashes.SHA256())
        case _:
            raise ValueError("the key is not of this algorithm")


def _der(signature: bytes, half_bytes: int) -> bytes:
    if len(signature) != 2 * half_bytes:
        raise ValueError(f"{len(signature)} bytes: expected {2 * half_bytes}")
    r, s = (int.from_bytes(half, "big") for half in (signature[:half_bytes], signature[half_bytes:]))
    return encode_dss_signature(r, s)
