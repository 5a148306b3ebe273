"""Settings of a file: who may do what, and what is mirrored into it (NT4H2421Gx, 8.2.3.3 and 10.7)."""

from dataclasses import dataclass
from typing import Final

from cards.errors import CardDataError

FREE: Final = 0xE
NEVER: Final = 0xF
"""Access conditions beside the key numbers 0 to 4 (table 7)."""
PLAIN: Final = 0
MACED: Final = 1
FULL: Final = 3
"""Communication modes (table 22)."""

_SDM: Final = 0x40
_UID, _COUNTER, _LIMIT, _ENCRYPTED, _ASCII = 0x80, 0x40, 0x20, 0x10, 0x01
"""SDMOptions (table 69)."""
_RESERVED_HIGH: Final = 0xF0
_NUMBER_BYTES: Final = 3
_HEAD_BYTES: Final = 7
"""File type, option, access rights, size (table 73)."""


@dataclass(frozen=True)
class Sdm:
    """Secure dynamic messaging with encrypted UID and counter and a MAC: the one form that our cards have."""

    meta_read: int
    """Number of the key that encrypts UID and counter."""
    file_read: int
    """Number of the key that the MAC's session key comes from."""
    counter_read: int
    """Who may ask for the counter."""
    picc_data_at: int
    mac_input_at: int
    mac_at: int
    """Offsets in the file, in bytes."""

    def encode(self) -> bytes:
        """SDMOptions, SDMAccessRights and offsets, least significant byte first (table 69)."""
        head = bytes((_UID | _COUNTER | _ASCII, _RESERVED_HIGH | self.counter_read))
        rights = bytes((self.meta_read << 4 | self.file_read,))
        offsets = (self.picc_data_at, self.mac_input_at, self.mac_at)
        return head + rights + b"".join(each.to_bytes(_NUMBER_BYTES, "little") for each in offsets)


@dataclass(frozen=True)
class FileSettings:
    """As ChangeFileSettings sets them."""

    communication: int = PLAIN
    read: int = FREE
    write: int = FREE
    read_write: int = FREE
    change: int = 0
    sdm: Sdm | None = None

    def encode(self) -> bytes:
        """The data of ChangeFileSettings (10.7.1)."""
        option = self.communication | (_SDM if self.sdm else 0)
        rights = bytes((self.read_write << 4 | self.change, self.read << 4 | self.write))
        return bytes((option,)) + rights + (self.sdm.encode() if self.sdm else b"")


FACTORY_NDEF_SETTINGS: Final = FileSettings()
"""The NDEF file as delivered: anyone reads and writes (table 8)."""


def settings_bytes(answer: bytes) -> bytes:
    """From GetFileSettings' answer what ChangeFileSettings would say to get there: it differs by type and size.

    Raises:
        CardDataError: too short, or not a standard data file.
    """
    if len(answer) < _HEAD_BYTES or answer[0] != 0x00:
        raise CardDataError(f"file settings {answer[:32].hex()!r}: expected a standard data file (00) and its size")
    return answer[1:4] + answer[_HEAD_BYTES:]


def has_sdm(settings: bytes) -> bool:
    """Whether what `settings_bytes` gave turns secure dynamic messaging on."""
    return bool(settings[0] & _SDM)
