"""Whether a Berlinger report still is what the logger wrote: the signature block at its end.

The block holds a public key, a maker's signature of it and the report's signature. Found by trial on unchanged reports
of a Fridge-tag 2 and a Q-tag CLm (no document of the maker's was seen): ECDSA on NIST P-256 over the SHA-256 of every
byte from the beginning to the end of the `Sig Cert` line, line ends included; all numbers, the digest too, with the
least significant byte first.

The key that signs comes in the same file, and the maker's own key is not public: so this proves that the file was not
cut or edited after it was signed, not who signed it. Whoever has seen a report of a logger before can compare its key.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

SignatureState = Literal["intact", "broken", "absent"]
_BLOCK = re.compile(
    rb"Public Key: (?P<key>[0-9a-f]{128})\r?\nSig Cert: (?P<certificate>[0-9a-f]{128})\r?\n"
    rb"Sig: (?P<signature>[0-9a-f]{128})\s*\Z",
)
_HALF = 32


@dataclass(frozen=True)
class LoggerSignature:
    """What the block says, and what came of checking it."""

    state: SignatureState
    """`absent`: there is no whole block at the end; the file may be cut off."""
    public_key: str
    """128 hexadecimal digits as in the file; empty if absent."""
    certificate: str
    """The maker's signature of the key, kept unchecked; empty if absent."""
    signature: str


def check_signature(raw: bytes) -> LoggerSignature:
    """Check the signature of a report's bytes as they are on the logger, line ends included."""
    found = _BLOCK.search(raw)
    if found is None:
        return LoggerSignature("absent", "", "", "")
    key, certificate, signature = (found[name].decode("ascii") for name in ("key", "certificate", "signature"))
    signed = raw[: raw.index(b"\n", found.end("certificate")) + 1]
    state: SignatureState = "intact" if _verifies(bytes.fromhex(key), bytes.fromhex(signature), signed) else "broken"
    return LoggerSignature(state, key, certificate, signature)


def _verifies(key: bytes, signature: bytes, signed: bytes) -> bool:
    digest = hashlib.sha256(signed).digest()[::-1]
    try:
        public_key = ec.EllipticCurvePublicNumbers(*_two_numbers(key), ec.SECP256R1()).public_key()
        public_key.verify(
            utils.encode_dss_signature(*_two_numbers(signature)),
            digest,
            ec.ECDSA(utils.Prehashed(hashes.SHA256())),
        )
    except (ValueError, InvalidSignature):
        return False
    return True


def _two_numbers(raw: bytes) -> tuple[int, int]:
    return int.from_bytes(raw[:_HALF], "little"), int.from_bytes(raw[_HALF:], "little")
