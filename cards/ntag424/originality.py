"""NXP's originality signature: the chip is made by NXP. It says nothing of whose card it is, and can be copied."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

SIGNATURE_BYTES: Final = 56
"""r and s of 28 bytes each (NT4H2421Gx, 10.10)."""

_PUBLIC_KEY: Final = bytes.fromhex(
    "048A9B380AF2EE1B98DC417FECC263F8449C7625CECE82D9B916C992DA209D68422B81EC20B65A66B5102A61596AF3379200599316A00A1410"
)
"""NXP's key for NTAG 424 DNA, on secp224r1 (AN12196, 7.2)."""
_INTEGER_BYTES: Final = 28


def is_original(uid: bytes, signature: bytes) -> bool:
    """Whether NXP signed this UID: ECDSA over the UID itself in the place of a hash (AN12196, 7.2)."""
    if len(signature) != SIGNATURE_BYTES or not 0 < len(uid) <= _INTEGER_BYTES:
        return False
    r, s = (int.from_bytes(part, "big") for part in (signature[:_INTEGER_BYTES], signature[_INTEGER_BYTES:]))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP224R1(), _PUBLIC_KEY)
    # A number of as many bits as SHA-224 gives: the shorter UID with zeros before it is the same number.
    number = uid.rjust(_INTEGER_BYTES, b"\0")
    try:
        key.verify(encode_dss_signature(r, s), number, ec.ECDSA(Prehashed(hashes.SHA224())))
    except InvalidSignature:
        return False
    return True
