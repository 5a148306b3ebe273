"""The network's side of short messages: reads what a modem is told to send, makes what it hands over (3GPP TS 23.040).

Re-implemented from the specification: a fault in the product's codec must not be in the simulator's too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

GSM_ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""TS 23.038 section 6.2.1."""
_EXTENDED: Final = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
_PART_UNITS: Final = 67
_ALONE_UNITS: Final = 70
_UCS2: Final = 0x08
_INTERNATIONAL: Final = 0x10


@dataclass(frozen=True)
class Submitted:
    """One SMS-SUBMIT."""

    number: str
    text: str
    wants_report: bool
    reference: int
    part: int
    parts: int


def read_submit(pdu: str) -> Submitted:
    """What `AT+CMGS` was given.

    Raises:
        ValueError: it is no SMS-SUBMIT.
    """
    octets = bytes.fromhex(pdu)
    tpdu = octets[1 + octets[0] :]
    first = tpdu[0]
    if first & 0x03 != 0x01:
        raise ValueError(f"message type {first & 3}: expected 1, SMS-SUBMIT")
    digits = tpdu[2]
    raw = tpdu[4 : 4 + (digits + 1) // 2].hex()
    number = "".join(raw[at + 1] + raw[at] for at in range(0, len(raw), 2))[:digits]
    at = 4 + (digits + 1) // 2
    coding = tpdu[at + 1]
    at += 2 + {0x00: 0, 0x10: 1, 0x08: 7, 0x18: 7}[first & 0x18]
    length, data = tpdu[at], tpdu[at + 1 :]
    header = data[: data[0] + 1] if first & 0x40 else b""
    reference, parts, part = (header[3], header[4], header[5]) if header else (0, 1, 1)
    if coding & 0x0C == _UCS2:
        if len(data) != length:
            raise ValueError(f"{len(data)} octets of text: the length says {length}")
        text = data[len(header) :].decode("utf-16-be")
    else:
        if len(data) != (length * 7 + 7) // 8:
            raise ValueError(f"{len(data)} octets of text: {length} septets need {(length * 7 + 7) // 8}")
        text = _septets_to_text(data, length, -(-len(header) * 8 // 7))
    plus = "+" if tpdu[3] & 0x70 == _INTERNATIONAL else ""
    return Submitted(f"{plus}{number}", text, bool(first & 0x20), reference, part, parts)


def _septets_to_text(data: bytes, count: int, skipped: int) -> str:
    bits = "".join(f"{octet:08b}"[::-1] for octet in data)
    text, escaped = "", False
    for index in range(skipped, count):
        code = int(bits[7 * index : 7 * index + 7][::-1], 2)
        if escaped:
            text, escaped = text + _EXTENDED[code], False
        elif code == 27:  # noqa: PLR2004 - the alphabet's escape
            escaped = True
        else:
            text += GSM_ALPHABET[code]
    return text


def _address(number: str) -> str:
    """Digits swapped in pairs; of a name (such as an operator's) seven-bit characters."""
    if not number.lstrip("+").isdigit():
        packed = sum(GSM_ALPHABET.index(sign) << (7 * index) for index, sign in enumerate(number))
        octets = packed.to_bytes((7 * len(number) + 7) // 8, "little")
        return f"{-(-7 * len(number) // 4):02X}D0{octets.hex().upper()}"
    digits = number.lstrip("+")
    filled = digits + "F" * (len(digits) % 2)
    swapped = "".join(filled[at + 1] + filled[at] for at in range(0, len(filled), 2))
    return f"{len(digits):02X}{'91' if number.startswith('+') else '81'}{swapped}"


def _stamp(at: datetime) -> str:
    offset = at.utcoffset()
    quarters = round(offset.total_seconds() / 900) if offset is not None else 0
    pairs = [at.year % 100, at.month, at.day, at.hour, at.minute, at.second]
    zone = int(f"{abs(quarters) % 10}{abs(quarters) // 10}", 16) | (0x08 if quarters < 0 else 0)
    return "".join(f"{pair % 10}{pair // 10}" for pair in pairs) + f"{zone:02X}"


def make_delivers(number: str, text: str, at: datetime, reference: int) -> list[str]:
    """SMS-DELIVER in UCS-2, as the service centre sends on what somebody wrote; several if it is long."""
    pieces = [text[begin : begin + _PART_UNITS] for begin in range(0, len(text), _PART_UNITS)] or [""]
    if len(text) <= _ALONE_UNITS:
        pieces = [text]
    found = []
    for index, piece in enumerate(pieces):
        header = bytes((5, 0, 3, reference & 0xFF, len(pieces), index + 1)) if len(pieces) > 1 else b""
        data = header + piece.encode("utf-16-be")
        first = 0x44 if header else 0x04
        found.append(f"00{first:02X}{_address(number)}0008{_stamp(at)}{len(data):02X}{data.hex().upper()}")
    return found


def make_report(number: str, reference: int, status: int, at: datetime) -> str:
    """SMS-STATUS-REPORT: what became of a message."""
    return f"0006{reference:02X}{_address(number)}{_stamp(at)}{_stamp(at)}{status:02X}"
