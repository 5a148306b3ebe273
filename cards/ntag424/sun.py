"""SUN: judging the address that an NTAG 424 DNA writes anew at each tap (NT4H2421Gx, 9.3; NXP AN12196, 3).

Verification is a proof that a chip with this card's key made this address, once. It is no proof that the card is here
now: an address can be carried away, unused, and shown later. The counter sees to it that it is shown once.

A reason that is not empty begins with one of these codes and a colon:

    malformed   not an address that such a chip completed
    not_ours    its PICCData was not encrypted with our key, or lacks UID or counter
    wrong_mac   the MAC is not of this card's key over these values
    replayed    the counter is not higher than the highest one seen of this card
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cards.aes import ZERO_BLOCK, cbc_decrypt, check_key, cmac, encrypt_block, odd_bytes, same
from cards.ntag424.counters import TapCounters
from cards.ntag424.lrp import Lrp
from cards.ntag424.sun_url import (
    COUNTER_BYTES,
    PICC_DATA_BYTES,
    UID_BYTES,
    SunFormatError,
    SunMessage,
    parse_sun_url,
)

_TAG_UID_AND_COUNTER: Final = 0xC7
"""PICCDataTag: UID mirrored, counter mirrored, UID of 7 bytes (NT4H2421Gx, table 15)."""
_SV_ENCRYPTION: Final = bytes.fromhex("C33C00010080")
_SV_MAC: Final = bytes.fromhex("3CC300010080")
"""Labels of the session vectors SV1 and SV2 (NT4H2421Gx, 9.3.9.1)."""
_LRP_HEAD: Final = bytes.fromhex("00010080")
_LRP_TAIL: Final = bytes.fromhex("1EE1")
"""Session vector in LRP mode (NT4H2421Gx, 9.3.9.2)."""
_LRP_RANDOM_BYTES: Final = 8


@dataclass(frozen=True, repr=False)
class SunKeys:
    """The keys that a message is judged with. Secret: they have no printable form."""

    meta: bytes
    """SDMMetaReadKey: the same for all cards, since it opens the UID that the other key depends on."""
    file_of: Callable[[bytes], bytes]
    """From UID to SDMFileReadKey."""


@dataclass(frozen=True)
class SunVerdict:
    """What was found. UID and counter are there as soon as the MAC was right, also where the counter did not rise."""

    valid: bool
    reason: str
    """Empty if valid, else `code: explanation`."""
    uid: bytes | None = None
    counter: int | None = None
    file_data: bytes = b""
    """The decrypted part of the file, if there was one."""

    @property
    def code(self) -> str:
        """The code at the reason's start; empty if valid."""
        return self.reason.partition(":")[0]


def verify_sun(
    url: str, keys: SunKeys, counters: TapCounters | None = None, *, mac_input: str | None = None
) -> SunVerdict:
    """Judge an address. Whatever it says ends in a verdict.

    `mac_input`: the text between SDMMACInputOffset and SDMMACOffset where the site's template is not the one that
    `SunMessage.mac_input` knows. Without `counters` nothing is remembered, and a replay is not seen.

    Raises:
        ValueError: a key that is not 16 bytes.
    """
    check_key(keys.meta, "SDMMetaReadKey")
    try:
        message = parse_sun_url(url)
    except SunFormatError as error:
        return SunVerdict(valid=False, reason=f"malformed: {error}")
    if mac_input is not None and message.file_data and not url[: message.mac_at].endswith(mac_input):
        # Without this, someone could exchange the encrypted data beside a MAC input that is given by hand.
        return SunVerdict(valid=False, reason="wrong_mac: the address does not say the given MAC input before its MAC")
    plain = _opened(message, keys.meta)
    if plain is None:
        return SunVerdict(valid=False, reason="not_ours: PICCData is not encrypted with our key")
    uid, number = plain
    covered = message.mac_input if mac_input is None else mac_input
    session = _Session(check_key(keys.file_of(uid), "SDMFileReadKey"), uid, number, message.lrp)
    if not same(session.mac(covered.encode()), message.mac):
        return SunVerdict(valid=False, reason="wrong_mac: the MAC is not of this card's key over this address")
    counter = int.from_bytes(number, "little")
    if counters is not None and not counters.rises(uid, counter):
        reason = f"replayed: counter {counter} was seen already, or a higher one"
        return SunVerdict(valid=False, reason=reason, uid=uid, counter=counter)
    file_data = session.decrypted(message.file_data)
    return SunVerdict(valid=True, reason="", uid=uid, counter=counter, file_data=file_data)


def _opened(message: SunMessage, meta_key: bytes) -> tuple[bytes, bytes] | None:
    """UID and counter (least significant byte first), or None where it is not our key's PICCData."""
    if not message.picc_data:
        return message.uid, message.counter.to_bytes(COUNTER_BYTES, "little")
    if message.lrp:
        head, tail = message.picc_data[:_LRP_RANDOM_BYTES], message.picc_data[_LRP_RANDOM_BYTES:]
        plain = Lrp(meta_key, 0).decrypt(tail, head)
    else:
        plain = cbc_decrypt(meta_key, message.picc_data)
    if plain[0] != _TAG_UID_AND_COUNTER:
        return None
    return plain[1 : 1 + UID_BYTES], plain[1 + UID_BYTES : 1 + UID_BYTES + COUNTER_BYTES]


class _Session:
    """The session keys of one tap (NT4H2421Gx, 9.3.9)."""

    def __init__(self, file_key: bytes, uid: bytes, counter: bytes, lrp: bool) -> None:
        self._counter = counter
        self._lrp = lrp
        if lrp:
            vector = (_LRP_HEAD + uid + counter).ljust(PICC_DATA_BYTES - len(_LRP_TAIL), b"\0") + _LRP_TAIL
            self._mac_key = self._encryption_key = Lrp(file_key, 0).cmac(vector)
        else:
            self._encryption_key = cmac(file_key, _SV_ENCRYPTION + uid + counter)
            self._mac_key = cmac(file_key, _SV_MAC + uid + counter)

    def mac(self, text: bytes) -> bytes:
        """SDMMAC (NT4H2421Gx, 9.3.8)."""
        return odd_bytes(Lrp(self._mac_key, 0).cmac(text) if self._lrp else cmac(self._mac_key, text))

    def decrypted(self, file_data: bytes) -> bytes:
        """SDMENCFileData (NT4H2421Gx, 9.3.6)."""
        if not file_data:
            return b""
        if self._lrp:
            return Lrp(self._encryption_key, 1).decrypt(file_data, self._counter + bytes(3))
        iv = encrypt_block(self._encryption_key, self._counter.ljust(len(ZERO_BLOCK), b"\0"))
        return cbc_decrypt(self._encryption_key, file_data, iv)
