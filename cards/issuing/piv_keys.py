"""A PIV card's management key and PUK: derived from a master key and the card's GUID, so that nobody keeps a list."""

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cards.piv_management import ALGORITHM_AES_256, ManagementKey

MAKERS_PUK: Final = b"12345678"
"""What PIV cards and applets are delivered with."""
MAKERS_PIN: Final = "123456"

_MANAGEMENT: Final = b"medtap piv management key"
_PUK: Final = b"medtap piv puk"
_PUK_DIGITS: Final = 8
_PUK_SOURCE_BYTES: Final = 16
"""Far more than eight digits: taking the remainder favours none of them noticeably."""


def management_key(masters: Mapping[int, bytes], version: int, guid: bytes) -> ManagementKey:
    """AES-256, by HKDF-SHA256 (RFC 5869).

    Raises:
        KeyError: no master key of this version.
    """
    return ManagementKey(ALGORITHM_AES_256, _derived(masters[version], _MANAGEMENT, version, guid, 32))


def puk(masters: Mapping[int, bytes], version: int, guid: bytes) -> bytes:
    """Eight digits: some cards take no other bytes.

    Raises:
        KeyError: no master key of this version.
    """
    number = int.from_bytes(_derived(masters[version], _PUK, version, guid, _PUK_SOURCE_BYTES), "big")
    return f"{number % 10**_PUK_DIGITS:0{_PUK_DIGITS}d}".encode("ascii")


def _derived(master: bytes, label: bytes, version: int, guid: bytes, length: int) -> bytes:
    info = label + b"\0" + bytes((version,)) + guid
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(master)
