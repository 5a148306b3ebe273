"""The address that our cards carry: its template as it is written into the card, and the judging of what comes back.

https://HOST/PATH?v=01&p=<PICCData, 32 digits>&c=<MAC, 16 digits>

`v` is the version of the card's keys, in two hexadecimal digits: it says which master keys to judge with, and proves
nothing by itself. There is nothing else in it, and nothing personal.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from cards.ntag424.counters import TapCounters
from cards.ntag424.file_settings import NEVER, FileSettings, Sdm
from cards.ntag424.keys import FILE_READ_KEY, MASTER_KEY, META_READ_KEY
from cards.ntag424.sun import SunKeys, SunVerdict, verify_sun

FILE_BYTES_MAX: Final = 200
"""Longest file that we write: one WriteData command holds it."""

_BASE: Final = re.compile(r"https://[A-Za-z0-9.:/_~-]{1,128}", re.ASCII)
_ADDRESS: Final = re.compile(r"([^?]+)\?v=([0-9A-F]{2})&p=[0-9A-F]{32}&c=[0-9A-F]{16}", re.ASCII)
"""In no other form than the template's, so that a tap has one address only."""
_PICC_DATA_DIGITS: Final = 32
_MAC_DIGITS: Final = 16
_HTTPS: Final = b"\x04"
"""URI identifier code of "https://" (NFC Forum URI RTD, table 3)."""
_URI_RECORD: Final = b"\xd1\x01"
"""Only record, short, well-known; type of one byte (NFC Forum NDEF, 3.2)."""
_NLEN_BYTES: Final = 2
COUNTER_BITS: Final = 24
"""Of the chip's counter (NT4H2421Gx, 9.3.3): the key version stands above it where both are one number."""


@dataclass(frozen=True)
class AddressTemplate:
    """What a card of one key version gets written."""

    base: str
    """Such as `https://the.ham.example/t`: where the gateway answers telephones."""
    key_version: int

    def __post_init__(self) -> None:
        """Refuse what does not fit a card.

        Raises:
            ValueError: not a https address without query, too long, not a key version.
        """
        if not _BASE.fullmatch(self.base):
            raise ValueError(f"base address {self.base!r}: expected https://, a host and a path, no query, no more")
        if not 1 <= self.key_version <= 0xFF:  # noqa: PLR2004 - one byte
            raise ValueError(f"key version {self.key_version!r}: expected 1 to 255")

    @property
    def _before_picc_data(self) -> str:
        return f"{self.base}?v={self.key_version:02X}&p="

    @property
    def file(self) -> bytes:
        """The NDEF file's content, with zeros where the chip writes: length, URI record (Type 4 Tag 2.0, 5.3)."""
        text = f"{self._before_picc_data}{'0' * _PICC_DATA_DIGITS}&c={'0' * _MAC_DIGITS}"
        payload = _HTTPS + text.removeprefix("https://").encode()
        message = _URI_RECORD + bytes((len(payload),)) + b"U" + payload
        return len(message).to_bytes(_NLEN_BYTES, "big") + message

    @property
    def settings(self) -> FileSettings:
        """Anyone reads, key 0 alone writes; the chip completes the address at each reading.

        The MAC covers no text: UID and counter are in its key (NT4H2421Gx, 9.3.9), and there is nothing else to cover.
        """
        picc_data_at = self.file.index(b"&p=") + len(b"&p=")
        mac_at = picc_data_at + _PICC_DATA_DIGITS + len("&c=")
        return FileSettings(
            write=MASTER_KEY,
            read_write=MASTER_KEY,
            change=MASTER_KEY,
            sdm=Sdm(
                meta_read=META_READ_KEY,
                file_read=FILE_READ_KEY,
                counter_read=NEVER,
                picc_data_at=picc_data_at,
                mac_input_at=mac_at,
                mac_at=mac_at,
            ),
        )


@dataclass(frozen=True)
class AddressVerdict:
    """What was found in an address, and under which key version."""

    sun: SunVerdict
    key_version: int | None

    @property
    def value(self) -> int:
        """Key version and counter as one number; 0 where the address is not valid."""
        if not self.sun.valid or self.sun.counter is None or self.key_version is None:
            return 0
        return tap_value(self.key_version, self.sun.counter)

    @property
    def card_uid(self) -> str:
        """14 hexadecimal digits, empty where the address is not valid."""
        return self.sun.uid.hex() if self.sun.valid and self.sun.uid is not None else ""


def tap_value(key_version: int, counter: int) -> int:
    """Key version and counter as one number, which only rises as long as a card lives."""
    return (key_version << COUNTER_BITS) + counter


class _RisingWithVersion:
    """A card that is issued anew under the next key version counts from the beginning, and still only rises."""

    def __init__(self, counters: TapCounters, key_version: int) -> None:
        self._counters = counters
        self._key_version = key_version

    def rises(self, uid: bytes, counter: int) -> bool:
        return self._counters.rises(uid, tap_value(self._key_version, counter))


class AddressKeys(Protocol):
    """Keys by version: an issuing desk's `KeyMasters`, or a desk's `DeskKeys`."""

    @property
    def versions(self) -> Collection[int]:
        """Which versions there are keys of."""
        ...

    def sun_keys(self, version: int) -> SunKeys:
        """Those of a version.

        Raises:
            ValueError: none of this version.
        """
        ...


def is_card_address(text: str) -> bool:
    """Whether a text has the form of the address on a card of ours, wherever it leads; it proves nothing."""
    return _ADDRESS.fullmatch(text) is not None


def judge_address(
    url: str, masters: AddressKeys, counters: TapCounters | None = None, *, base: str | None = None
) -> AddressVerdict:
    """Judge the address of one of our cards; whatever it says ends in a verdict.

    `base`: the template's, where it is known what it has to be; behind a proxy it may not be.

    `counters` get key version and counter as one number (version * 2**24 + counter): what a card showed under an older
    version stays behind it for good.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None or base not in (None, found[1]):
        return AddressVerdict(SunVerdict(valid=False, reason="malformed: not the address of a card of ours"), None)
    version = int(found[2], 16)
    if version not in masters.versions:
        return AddressVerdict(SunVerdict(valid=False, reason="not_ours: no key version of ours in it"), None)
    rising = None if counters is None else _RisingWithVersion(counters, version)
    return AddressVerdict(verify_sun(url, masters.sun_keys(version), rising), version)
