"""The keys of an NTAG 424 DNA card: diversified from one master key (NXP AN10922), in versions for rotation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cards.aes import BLOCK_BYTES, ZERO_BLOCK, cbc_encrypt, check_key, doubled, encrypt_block, xor
from cards.ntag424.sun import SunKeys
from cards.ntag424.sun_url import UID_BYTES

FACTORY_KEY: Final = bytes(16)
"""All keys of a card as it is delivered (NT4H2421Gx, 8.2.4)."""
FACTORY_KEY_VERSION: Final = 0
KEY_COUNT: Final = 5
"""Application keys 0 to 4 (NT4H2421Gx, 8.2.4)."""
MASTER_KEY: Final = 0
"""AppMasterKey: whoever has it may change the others."""
FILE_READ_KEY: Final = 1
"""Signs SUN messages: another one in each card."""
META_READ_KEY: Final = 2
"""Encrypts UID and counter: the same one in all cards of a key version, as it opens the UID."""

_DESKS: Final = b"desks"
"""In the diversification input of what desks are given."""
_AES128: Final = b"\x01"
"""Diversification constant (AN10922, 2.2.1)."""
_INPUT_BYTES_MAX: Final = 31
_SYSTEM: Final = b"medtap-ntag424"
"""System identifier in the diversification input: keeps our keys apart from another system's of the same master."""
_VERSIONS: Final = range(1, 256)


def diversified(master: bytes, diversification_input: bytes) -> bytes:
    """AES-128 key diversification (AN10922, 2.2.1): a CMAC over the constant and the input, always of two blocks.

    Raises:
        ValueError: `master` is not 16 bytes, or the input not 1 to 31.
    """
    check_key(master, "master key")
    if not 1 <= len(diversification_input) <= _INPUT_BYTES_MAX:
        raise ValueError(
            f"diversification input of {len(diversification_input)} bytes: expected 1 to {_INPUT_BYTES_MAX}"
        )
    message = _AES128 + diversification_input
    sub_key = doubled(encrypt_block(master, ZERO_BLOCK))
    if len(message) < 2 * BLOCK_BYTES:
        sub_key = doubled(sub_key)
        message = (message + b"\x80").ljust(2 * BLOCK_BYTES, b"\0")
    message = message[:BLOCK_BYTES] + xor(message[BLOCK_BYTES:], sub_key)
    return cbc_encrypt(master, message)[BLOCK_BYTES:]


@dataclass(frozen=True, repr=False)
class KeyMasters:
    """The hospital's master keys for this profile, by version. Secret: they have no printable form."""

    by_version: Mapping[int, bytes]
    current: int
    """The version that new cards get."""

    def __post_init__(self) -> None:
        """Refuse what can't be used.

        Raises:
            ValueError: a version that is not 1 to 255, a key that is not 16 bytes, no key of the current version.
        """
        for version, master in self.by_version.items():
            if version not in _VERSIONS:
                raise ValueError(f"key version {version!r}: expected 1 to 255, as 0 is the factory's")
            check_key(master, f"master key of version {version}")
        if self.current not in self.by_version:
            raise ValueError(f"current key version {self.current!r}: no master key of this version")

    def card_key(self, uid: bytes, number: int, version: int) -> bytes:
        """Key `number` (0 to 4) of the card with this UID. Version 0 is the factory's.

        Raises:
            ValueError: no master key of this version, a UID that is not 7 bytes, no such key number.
        """
        if len(uid) != UID_BYTES or number not in range(KEY_COUNT):
            raise ValueError(f"UID of {len(uid)} bytes, key {number!r}: expected {UID_BYTES} bytes and 0 to 4")
        if version == FACTORY_KEY_VERSION:
            return FACTORY_KEY
        if version not in self.by_version:
            raise ValueError(f"key version {version!r}: no master key of this version")
        if number in {FILE_READ_KEY, META_READ_KEY}:
            keys = self.desk_key(version)
            return keys.meta if number == META_READ_KEY else keys.file_of(uid)
        return diversified(self.by_version[version], bytes((number,)) + uid + _SYSTEM)

    def desk_key(self, version: int) -> "DeskKey":
        """What desks may know of this version: it judges addresses, and can neither change nor wipe a card.

        Raises:
            ValueError: no master key of this version.
        """
        if version not in self.by_version:
            raise ValueError(f"key version {version!r}: no master key of this version")
        master = self.by_version[version]
        return DeskKey(
            meta=diversified(master, bytes((META_READ_KEY,)) + _SYSTEM),
            file_master=diversified(master, bytes((FILE_READ_KEY,)) + _DESKS + _SYSTEM),
        )

    @property
    def versions(self) -> frozenset[int]:
        """Which versions there are keys of."""
        return frozenset(self.by_version)

    def sun_keys(self, version: int) -> SunKeys:
        """What messages of cards with keys of this version are judged with.

        Raises:
            ValueError: no master key of this version.
        """
        return self.desk_key(version).sun_keys


@dataclass(frozen=True, repr=False)
class DeskKey:
    """What judges the addresses of one key version. Secret: it has no printable form.

    Who has it could write addresses that pass for a card's; the cards' own master keys can't be had from it.
    """

    meta: bytes
    """SDMMetaReadKey of all cards of the version."""
    file_master: bytes
    """From which each card's SDMFileReadKey is diversified."""

    def __post_init__(self) -> None:
        """Refuse keys that are not 16 bytes.

        Raises:
            ValueError: one is not.
        """
        check_key(self.meta, "meta key of a desk")
        check_key(self.file_master, "file master key of a desk")

    def file_of(self, uid: bytes) -> bytes:
        """SDMFileReadKey of the card with this UID."""
        return diversified(self.file_master, bytes((FILE_READ_KEY,)) + uid + _SYSTEM)

    @property
    def sun_keys(self) -> SunKeys:
        """What messages are judged with."""
        return SunKeys(self.meta, self.file_of)
