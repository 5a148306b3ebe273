"""Short messages as modems exchange them, as PDU: SMS-SUBMIT out, SMS-DELIVER and SMS-STATUS-REPORT in (TS 23.040).

Text is sent in the GSM 7-bit alphabet where it can be (160 characters), else in UCS-2 (70), which Vietnamese with its
diacritics needs; longer texts are joined by the receiver (section 9.2.3.24.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

_GSM: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038 section 6.2.1."""
_EXTENSION: Final = {"\f": 10, "^": 20, "{": 40, "}": 41, "\\": 47, "[": 60, "~": 61, "]": 62, "|": 64, "€": 101}
"""Section 6.2.1.1: each behind an escape, so they count twice."""
_EXTENSION_BACK: Final = {code: sign for sign, code in _EXTENSION.items()}
_ESCAPE: Final = 27
_ALONE: Final = {"gsm": 160, "ucs2": 70}
_JOINED: Final = {"gsm": 153, "ucs2": 67}
"""With a user data header of 6 octets."""
_SEGMENTS_MAX: Final = 255
_SUBMIT: Final = 0x01
_DELIVER: Final = 0x00
_STATUS_REPORT: Final = 0x02
_KIND: Final = 0x03
_VALIDITY_RELATIVE: Final = 0x10
_WANT_REPORT: Final = 0x20
_HAS_HEADER: Final = 0x40
_DCS_UCS2: Final = 0x08
_VALID_ONE_DAY: Final = 0xA7
"""Section 9.2.3.12.1: 167 is 24 hours. An alarm of yesterday wakes nobody today."""
_INTERNATIONAL: Final = 0x91
_NATIONAL: Final = 0x81
_ALPHANUMERIC: Final = 0x50
_TON: Final = 0x70
_NIBBLES: Final = "0123456789*#abc"
_IEI_JOINED_8: Final = 0x00
_IEI_JOINED_16: Final = 0x08


class PduError(ValueError):
    """Bytes that are no short message; says what was expected."""


@dataclass(frozen=True)
class Segment:
    """One PDU to be sent."""

    pdu: str
    """Hexadecimal digits, with an empty service centre address before: the SIM's own is used."""
    tpdu_octets: int
    """What `AT+CMGS=` is told: without the service centre address."""


@dataclass(frozen=True)
class Incoming:
    """One SMS-DELIVER, or a part of a longer one."""

    sender: str
    sent_at: datetime
    """By the service centre's clock."""
    text: str
    reference: int = 0
    part: int = 1
    parts: int = 1


@dataclass(frozen=True)
class StatusReport:
    """What became of a message that was sent."""

    reference: int
    """As `+CMGS` gave it, 0 to 255."""
    recipient: str
    status: int
    """TP-Status, section 9.2.3.15."""

    @property
    def is_delivered(self) -> bool:
        """The short message was received by the telephone (0x00 to 0x02)."""
        return self.status <= 0x02  # noqa: PLR2004 - see above

    @property
    def is_lost(self) -> bool:
        """A permanent error (0x40 to 0x7F): the service centre gave it up."""
        return 0x40 <= self.status <= 0x7F  # noqa: PLR2004 - see above


def alphabet_of(text: str) -> str:
    """`gsm` if every character is in the 7-bit alphabet, else `ucs2`."""
    return "gsm" if all((sign in _GSM and sign != "\x1b") or sign in _EXTENSION for sign in text) else "ucs2"


def segment_count(text: str) -> int:
    """How many short messages it takes."""
    return len(_pieces(text, alphabet_of(text)))


def encode(number: str, text: str, *, reference: int, want_report: bool) -> list[Segment]:
    """A text as the messages to be sent. Only the last one asks for a report.

    Args:
        number: international, such as +84901234567.
        text: any.
        reference: 0 to 255, joins the parts of a long text.
        want_report: of its delivery.

    Raises:
        PduError: more than 255 parts, or a number that is none.
    """
    alphabet = alphabet_of(text)
    pieces = _pieces(text, alphabet)
    if len(pieces) > _SEGMENTS_MAX:
        raise PduError(f"{len(pieces)} parts: expected at most {_SEGMENTS_MAX}")
    found = []
    for index, piece in enumerate(pieces):
        header = bytes((5, _IEI_JOINED_8, 3, reference & 0xFF, len(pieces), index + 1)) if len(pieces) > 1 else b""
        first = _SUBMIT | _VALIDITY_RELATIVE
        first |= _HAS_HEADER if header else 0
        first |= _WANT_REPORT if want_report and index == len(pieces) - 1 else 0
        dcs = _DCS_UCS2 if alphabet == "ucs2" else 0
        user_data = _user_data(piece, header, alphabet)
        tpdu = bytes((first, 0)) + _address(number) + bytes((0, dcs, _VALID_ONE_DAY)) + user_data
        found.append(Segment(f"00{tpdu.hex().upper()}", len(tpdu)))
    return found


def decode(pdu: str) -> Incoming | StatusReport:
    """What a modem hands over.

    Raises:
        PduError: cut off, not hexadecimal, or neither a message nor a report.
    """
    try:
        octets = bytes.fromhex(pdu.strip())
        at = 1 + octets[0]
        kind = octets[at] & _KIND
        if kind == _STATUS_REPORT:
            return _report(octets, at)
        if kind == _DELIVER:
            return _deliver(octets, at)
    except (IndexError, ValueError) as error:
        raise PduError(f"PDU {pdu[:60]!r}...: {error}") from None
    raise PduError(f"PDU {pdu[:60]!r}: message type {kind}: expected a message (0) or a report (2)")


def _report(octets: bytes, at: int) -> StatusReport:
    recipient, after = _number(octets, at + 2)
    return StatusReport(octets[at + 1], recipient, octets[after + 14])


def _deliver(octets: bytes, at: int) -> Incoming:
    sender, after = _number(octets, at + 1)
    dcs, stamp, length = octets[after + 1], octets[after + 2 : after + 9], octets[after + 9]
    data = octets[after + 10 :]
    reference, parts, part, skip = 0, 1, 1, 0
    if octets[at] & _HAS_HEADER:
        skip = data[0] + 1
        reference, parts, part = _joined(data[1:skip])
    if dcs & 0x0C == _DCS_UCS2:
        if len(data) < length:
            raise PduError(f"user data of {len(data)} octets: expected {length}")
        text = data[skip:length].decode("utf-16-be", "replace")
    else:
        septets = _unpack(data, length)
        text = _gsm_text(septets[(skip * 8 + 6) // 7 :])
    return Incoming(sender, _timestamp(stamp), text, reference, part, parts)


def _joined(header: bytes) -> tuple[int, int, int]:
    """Reference, number of parts, which part; of a header without such an element: alone."""
    at = 0
    while at + 1 < len(header):
        element, length = header[at], header[at + 1]
        body = header[at + 2 : at + 2 + length]
        if element == _IEI_JOINED_8:
            return body[0], body[1], body[2]
        if element == _IEI_JOINED_16:
            return body[0] << 8 | body[1], body[2], body[3]
        at += 2 + length
    return 0, 1, 1


def _pieces(text: str, alphabet: str) -> list[str]:
    if sum(map(_width if alphabet == "gsm" else _units, text)) <= _ALONE[alphabet]:
        return [text]
    width = _width if alphabet == "gsm" else _units
    pieces, piece, used = [], "", 0
    for sign in text:
        if used + width(sign) > _JOINED[alphabet]:
            pieces.append(piece)
            piece, used = "", 0
        piece += sign
        used += width(sign)
    return [*pieces, piece]


def _width(sign: str) -> int:
    return 2 if sign in _EXTENSION else 1


def _units(sign: str) -> int:
    return len(sign.encode("utf-16-be")) // 2


def _user_data(piece: str, header: bytes, alphabet: str) -> bytes:
    if alphabet == "ucs2":
        data = header + piece.encode("utf-16-be")
        return bytes((len(data),)) + data
    septets: list[int] = []
    for sign in piece:
        septets += [_ESCAPE, _EXTENSION[sign]] if sign in _EXTENSION else [_GSM.index(sign)]
    filling = (len(header) * 8 + 6) // 7
    return bytes((filling + len(septets),)) + header + _pack(septets, filling * 7 - len(header) * 8)


def _pack(septets: Sequence[int], offset_bits: int) -> bytes:
    """Seven bits each, the first in the lowest bits, behind so many bits of filling."""
    value = 0
    for index, septet in enumerate(septets):
        value |= septet << (offset_bits + 7 * index)
    return value.to_bytes((offset_bits + 7 * len(septets) + 7) // 8, "little")


def _unpack(octets: bytes, count: int) -> list[int]:
    if len(octets) * 8 < count * 7:
        raise PduError(f"user data of {len(octets)} octets: expected {count} septets")
    value = int.from_bytes(octets, "little")
    return [value >> (7 * index) & 0x7F for index in range(count)]


def _gsm_text(septets: Sequence[int]) -> str:
    text, escaped = "", False
    for septet in septets:
        if escaped:
            text += _EXTENSION_BACK.get(septet, " ")
            escaped = False
        elif septet == _ESCAPE:
            escaped = True
        else:
            text += _GSM[septet]
    return text


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    if not digits.isdigit() or len(digits) > 20:  # noqa: PLR2004 - section 9.1.2.3: at most 10 octets
        raise PduError(f"number {number!r}: expected digits, with + before an international one")
    padded = digits + ("F" if len(digits) % 2 else "")
    swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    kind = _INTERNATIONAL if number.startswith("+") else _NATIONAL
    return bytes((len(digits), kind)) + bytes.fromhex(swapped)


def _number(octets: bytes, at: int) -> tuple[str, int]:
    """An address, and where it ends."""
    digits, kind = octets[at], octets[at + 1]
    end = at + 2 + (digits + 1) // 2
    body = octets[at + 2 : end]
    if len(body) < (digits + 1) // 2:
        raise PduError("address cut off")
    if kind & _TON == _ALPHANUMERIC:
        return _gsm_text(_unpack(body, digits * 4 // 7)), end
    text = "".join(
        _NIBBLES[octet & 0x0F] + (_NIBBLES[octet >> 4] if octet >> 4 < len(_NIBBLES) else "") for octet in body
    )
    return (f"+{text[:digits]}" if kind & _TON == _INTERNATIONAL & _TON else text[:digits]), end


def _timestamp(octets: bytes) -> datetime:
    """Section 9.2.3.11: swapped digits, the last octet the zone in quarters of an hour, its sign in bit 3."""
    year, month, day, hour, minute, second = (10 * (octet & 0x0F) + (octet >> 4) for octet in octets[:6])
    quarters = 10 * (octets[6] & 0x07) + (octets[6] >> 4)
    zone = timezone(timedelta(minutes=15 * quarters) * (-1 if octets[6] & 0x08 else 1))
    return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
