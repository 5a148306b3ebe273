"""What a SUN address carries: the values that the chip wrote into it, and the text that its MAC may cover.

Which query parameter is what, is a matter of the site's template, not of a standard. Known names are taken at their
word; others are told by their length, in the order in which NXP's examples have them: PICCData, file data, MAC last.
"""

import re
from dataclasses import dataclass
from typing import Final

from cards.errors import CardDataError

URL_CHARACTERS_MAX: Final = 1024
"""The chip's NDEF file has 256 bytes (NT4H2421Gx, 8.2.3); the rest is room for what a telephone adds."""
MAC_BYTES: Final = 8
"""SDMMAC (NT4H2421Gx, 9.3.8)."""
UID_BYTES: Final = 7
COUNTER_BYTES: Final = 3
PICC_DATA_BYTES: Final = 16
"""PICCENCData in AES mode (NT4H2421Gx, 9.3.4.1)."""
PICC_DATA_BYTES_LRP: Final = 24
"""PICCENCData in LRP mode: 8 random bytes before it (NT4H2421Gx, 9.3.4.2)."""

_BLOCK_BYTES: Final = 16
_NAMES: Final = {
    "picc": frozenset(("picc_data", "picc_enc_data", "piccdata", "picc", "e", "p", "d")),
    "file": frozenset(("enc", "enc_file_data", "file_data", "f")),
    "mac": frozenset(("cmac", "sdmmac", "mac", "c", "m")),
    "uid": frozenset(("uid", "u")),
    "counter": frozenset(("ctr", "counter", "read_ctr", "n")),
}
_PARAMETER: Final = re.compile(r"(?<=[?&;#])([A-Za-z0-9_.-]{1,32})=([^&;#]*)")
_BYTES: Final = {
    "picc": (PICC_DATA_BYTES, PICC_DATA_BYTES_LRP),
    "file": range(_BLOCK_BYTES, URL_CHARACTERS_MAX, _BLOCK_BYTES),
    "mac": (MAC_BYTES,),
    "uid": (UID_BYTES,),
    "counter": (COUNTER_BYTES,),
}
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-F]{2})+", re.ASCII)
"""Capital letters only, as the chip writes them (NT4H2421Gx, 9.3.1): any other spelling was not written by it."""


class SunFormatError(CardDataError):
    """The address is not one that a chip of this kind completed."""


@dataclass(frozen=True)
class SunMessage:
    """The chip's values in one address. Either `picc_data`, or `uid` and `counter` in the clear."""

    url: str
    mac: bytes
    mac_at: int
    """Where the MAC's hexadecimal digits begin in `url`."""
    picc_data: bytes = b""
    """Encrypted UID and counter: 16 bytes (AES) or 24 (LRP); empty where they are mirrored in the clear."""
    uid: bytes = b""
    counter: int = 0
    file_data: bytes = b""
    """Encrypted part of the file; empty if there is none."""
    file_data_at: int = 0

    @property
    def lrp(self) -> bool:
        """Whether the chip is in LRP mode, as the length of its PICCData shows."""
        return len(self.picc_data) == PICC_DATA_BYTES_LRP

    @property
    def mac_input(self) -> str:
        """The text that the MAC covers where nobody says otherwise.

        From the encrypted file data to the MAC, which it has to cover (NT4H2421Gx, 10.7.1: SDMMACInputOffset is at most
        SDMENCOffset), as in AN12196, table 4; nothing if there are none.
        """
        return self.url[self.file_data_at : self.mac_at] if self.file_data else ""


@dataclass(frozen=True)
class _Value:
    name: str
    data: bytes
    at: int


def parse_sun_url(url: str) -> SunMessage:
    """Find the chip's values in an address.

    Raises:
        SunFormatError: too long, not printable ASCII, no MAC, neither PICCData nor UID and counter, a value twice.
    """
    if len(url) > URL_CHARACTERS_MAX or not (url.isascii() and url.isprintable()):
        raise SunFormatError(
            f"address of {len(url)} characters: expected at most {URL_CHARACTERS_MAX}, all of them printable ASCII"
        )
    values = [
        _Value(found[1].lower(), bytes.fromhex(found[2]), found.start(2))
        for found in _PARAMETER.finditer(url)
        if _HEXADECIMAL.fullmatch(found[2])
    ]
    kinds = {kind: _one(values, kind) for kind in _NAMES}
    _tell_by_length(values, kinds)
    mac, picc, uid, counter = (kinds[kind] for kind in ("mac", "picc", "uid", "counter"))
    if mac is None or len(mac.data) != MAC_BYTES:
        raise SunFormatError(f"no MAC: expected a parameter with {2 * MAC_BYTES} capital hexadecimal digits")
    file = kinds["file"]
    if file is not None and (len(file.data) % _BLOCK_BYTES or file.at > mac.at):
        raise SunFormatError(
            f"file data of {len(file.data)} bytes: expected whole blocks of {_BLOCK_BYTES}, before the MAC"
        )
    file_data, file_at = (file.data, file.at) if file else (b"", 0)
    if picc is not None:
        if len(picc.data) not in (PICC_DATA_BYTES, PICC_DATA_BYTES_LRP):
            raise SunFormatError(
                f"PICCData of {len(picc.data)} bytes: expected {PICC_DATA_BYTES}, or {PICC_DATA_BYTES_LRP} in LRP mode"
            )
        return SunMessage(url, mac.data, mac.at, picc.data, file_data=file_data, file_data_at=file_at)
    if uid is None or counter is None or len(uid.data) != UID_BYTES or len(counter.data) != COUNTER_BYTES:
        raise SunFormatError(
            f"neither PICCData nor a UID of {2 * UID_BYTES} and a counter of {2 * COUNTER_BYTES} hexadecimal digits"
        )
    # in the clear, the counter is written most significant byte first (NT4H2421Gx, 9.3.3)
    number = int.from_bytes(counter.data, "big")
    return SunMessage(url, mac.data, mac.at, uid=uid.data, counter=number, file_data=file_data, file_data_at=file_at)


def _one(values: list[_Value], kind: str) -> _Value | None:
    """The value of that name and length; or one of another length, for the reason to say so."""
    named = [each for each in values if each.name in _NAMES[kind]]
    fitting = [each for each in named if len(each.data) in _BYTES[kind]]
    if len(fitting) > 1:
        raise SunFormatError(f"{kind} stands {len(fitting)} times in the address: expected once")
    return next(iter(fitting or named), None)


def _tell_by_length(values: list[_Value], kinds: dict[str, _Value | None]) -> None:
    """Give the values without a known name to the kinds that are still missing."""
    known = frozenset().union(*_NAMES.values())
    rest = [each for each in values if each.name not in known]
    if kinds["mac"] is None:
        kinds["mac"] = next((each for each in reversed(rest) if len(each.data) == MAC_BYTES), None)
    blocks = [each for each in rest if len(each.data) in (PICC_DATA_BYTES, PICC_DATA_BYTES_LRP)]
    if kinds["picc"] is None and kinds["uid"] is None and blocks:
        kinds["picc"] = blocks.pop(0)
    if kinds["file"] is None and blocks and kinds["picc"] is not None:
        kinds["file"] = blocks[0]
