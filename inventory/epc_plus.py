"""EPC binary schemes of TDS 2.x that hold GS1 keys as they are, without a company prefix: SGTIN+, DSGTIN+, SSCC+ ...

header(8) AIDC data toggle(1) filter(3), [date(20)], key digits of four bits each, and a serial number with its own
encoding: indicator(3) length(5) characters (GS1 EPC Tag Data Standard 2.3, sections 14.5 and 14.6).
"""

import math
import re
from dataclasses import dataclass
from typing import Final

from inventory.content_checks import CSET82
from inventory.element import Element
from inventory.epc_binary import is_plain_number
from inventory.epc_bits import BitReader, BitWriter
from inventory.errors import EpcError

_BASE64URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_CODE40: Final = "\0ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789"
"""URN Code 40: three characters in 16 bits, the first value being the padding (TDS 14.5.6.6)."""
_ALPHABETS: Final = {1: "0123456789ABCDEF", 2: "0123456789abcdef", 3: _BASE64URL}
_CHARACTER_BITS: Final = {1: 4, 2: 4, 3: 6, 4: 7}
_DELIMITER: Final = 0xE
_TERMINATOR: Final = 0xF
"""Four bits that end the digits of a GIAI+: letters follow, or nothing does (TDS 14.5.13)."""
DATE_TYPES: Final = {0: "11", 1: "13", 2: "15", 3: "16", 4: "17", 5: "7006", 6: "7007"}
"""Which date a DSGTIN+ holds, as Application Identifier (TDS 14.5.8)."""


@dataclass(frozen=True)
class PlusScheme:
    """One scheme."""

    name: str
    header: int
    key_ai: str
    key_digits: int
    """0: digits up to a delimiter (GIAI+)."""
    serial_ai: str | None = None
    """None: no serial number. Equal to `key_ai`: the serial belongs into the value of the key."""
    serial_length_max: int = 0
    has_date: bool = False


_SCHEMES: Final = (
    PlusScheme("sgtin+", 0xF7, "01", 14, "21", 20),
    PlusScheme("dsgtin+", 0xFB, "01", 14, "21", 20, has_date=True),
    PlusScheme("sscc+", 0xF9, "00", 18),
    PlusScheme("sgln+", 0xF2, "414", 13, "254", 20),
    PlusScheme("grai+", 0xF1, "8003", 14, "8003", 16),
    PlusScheme("giai+", 0xFA, "8004", 0, "8004", 30),
    PlusScheme("gsrn+", 0xF4, "8018", 18),
    PlusScheme("gsrnp+", 0xF5, "8017", 18),
    PlusScheme("gdti+", 0xF6, "253", 13, "253", 17),
    PlusScheme("itip+", 0xF3, "8006", 18, "21", 20),
)
BY_HEADER: Final = {scheme.header: scheme for scheme in _SCHEMES}
BY_NAME: Final = {scheme.name: scheme for scheme in _SCHEMES}


@dataclass(frozen=True)
class PlusEpc:
    """What a tag says: GS1 elements, in the order key, serial number, date."""

    scheme: PlusScheme
    filter_value: int
    elements: tuple[Element, ...]
    has_more_data: bool
    """The toggle bit: other elements follow the EPC in the tag's memory, and are not read here."""


def read(scheme: PlusScheme, bits: BitReader) -> PlusEpc:
    """Take the fields of `scheme`; the header is already taken.

    Raises:
        EpcError: the bits say something that the scheme cannot mean.
    """
    has_more_data, filter_value = bool(bits.take(1)), bits.take(3)
    dates = [_read_date(bits)] if scheme.has_date else []
    if scheme.key_digits:
        key = bits.take_digits(scheme.key_digits)
        serial = _read_serial(bits) if scheme.serial_ai else ""
    else:
        key, serial = _read_delimited(bits)
    elements = [Element(scheme.key_ai, key)]
    if serial and scheme.serial_ai == scheme.key_ai:
        elements = [Element(scheme.key_ai, key + serial)]
    elif serial and scheme.serial_ai:
        elements.append(Element(scheme.serial_ai, serial))
    if not has_more_data:
        bits.require_zeros()
    return PlusEpc(scheme, filter_value, (*elements, *dates), has_more_data)


def write(epc: PlusEpc) -> str:
    """Upper-case hexadecimal digits, in whole words.

    Raises:
        EpcError: an element that the scheme has no room for.
    """
    scheme, values = epc.scheme, {element.ai: element.value for element in epc.elements}
    bits = BitWriter()
    bits.put(scheme.header, 8, "header")
    bits.put(0, 1, "AIDC data toggle")
    bits.put(epc.filter_value, 3, "filter")
    if scheme.has_date:
        _write_date(bits, values)
    whole = values[scheme.key_ai]
    if not scheme.key_digits:
        _write_delimited(bits, whole)
        return bits.to_hex()
    key, rest = whole[: scheme.key_digits], whole[scheme.key_digits :]
    if len(key) < scheme.key_digits or re.fullmatch(r"[0-9]+", key) is None:
        raise EpcError("length", f"{scheme.name}: ({scheme.key_ai}){whole}, expected {scheme.key_digits} digits")
    bits.put_digits(key)
    if scheme.serial_ai is None:
        return bits.to_hex()
    serial = rest if scheme.serial_ai == scheme.key_ai else values.get(scheme.serial_ai, "")
    if len(serial) > scheme.serial_length_max:
        raise EpcError("length", f"{scheme.name}: serial {serial!r}, at most {scheme.serial_length_max} characters")
    _write_serial(bits, serial)
    return bits.to_hex()


def _read_date(bits: BitReader) -> Element:
    kind, year, month, day = bits.take(4), bits.take(7), bits.take(4), bits.take(5)
    if kind not in DATE_TYPES or year > 99:  # noqa: PLR2004 - a two-digit year
        raise EpcError("content", f"dsgtin+: date type {kind}, year {year}: expected types 0 to 6, years 0 to 99")
    return Element(DATE_TYPES[kind], f"{year:02}{month:02}{day:02}")


def _write_date(bits: BitWriter, values: dict[str, str]) -> None:
    found = [(kind, ai) for kind, ai in DATE_TYPES.items() if ai in values]
    if len(found) != 1:
        raise EpcError("content", "dsgtin+: expected exactly one date")
    kind, ai = found[0]
    if re.fullmatch(r"[0-9]{6}", values[ai]) is None:
        raise EpcError("content", f"dsgtin+: ({ai}){values[ai]}, expected YYMMDD")
    bits.put(kind, 4, "date type")
    for part, width in ((values[ai][:2], 7), (values[ai][2:4], 4), (values[ai][4:], 5)):
        bits.put(int(part), width, "date")


def _integer_bits(digits: int) -> int:
    """Bits that hold any number of so many digits (TDS 14.5.6.1)."""
    return math.ceil(digits * math.log2(10))


def _read_serial(bits: BitReader) -> str:
    encoding, length = bits.take(3), bits.take(5)
    match encoding:
        case 0:
            number = str(bits.take(_integer_bits(length))) if length else ""
            if len(number) > length:
                raise EpcError("content", f"EPC: serial {number} has more than its {length} digits")
            return number.zfill(length)
        case 1 | 2 | 3:
            alphabet = _ALPHABETS[encoding]
            return "".join(alphabet[bits.take(_CHARACTER_BITS[encoding])] for _ in range(length))
        case 4:
            text = "".join(chr(bits.take(7)) for _ in range(length))
            if any(character not in CSET82 for character in text):
                raise EpcError("content", f"EPC: serial {text!r} has characters outside the GS1 set 82")
            return text
        case 5:
            return _read_code40(bits, length)
        case _:
            raise EpcError("content", f"EPC: serial encoding {encoding} is not one of 0 to 5")


def _read_code40(bits: BitReader, length: int) -> str:
    text = ""
    for _ in range(-(-length // 3)):
        value = bits.take(16) - 1
        if not 0 <= value < 40**3:
            raise EpcError("content", f"EPC: {value + 1} is not three characters of URN Code 40")
        text += _CODE40[value // 1600] + _CODE40[value // 40 % 40] + _CODE40[value % 40]
    text, padding = text[:length], text[length:]
    if "\0" in text or padding.strip("\0"):
        raise EpcError("content", f"EPC: serial {text!r} in URN Code 40 is not {length} characters long")
    return text


def _write_serial(bits: BitWriter, text: str) -> None:
    """In the encoding that takes fewest bits; the lower number where two take the same."""
    encoding = _best_encoding(text)
    bits.put(encoding, 3, "encoding")
    bits.put(len(text), 5, "length")
    if encoding == 0:
        bits.put(int(text or "0"), _integer_bits(len(text)), "serial")
    elif encoding == 5:  # noqa: PLR2004 - URN Code 40
        padded = text + "\0" * (-len(text) % 3)
        for start in range(0, len(padded), 3):
            first, second, third = (_CODE40.index(character) for character in padded[start : start + 3])
            bits.put(first * 1600 + second * 40 + third + 1, 16, "serial")
    else:
        for character in text:
            code = ord(character) if encoding == 4 else _ALPHABETS[encoding].index(character)  # noqa: PLR2004 - ASCII
            bits.put(code, _CHARACTER_BITS[encoding], "serial")


def _best_encoding(text: str) -> int:
    wrong = next((character for character in text if character not in CSET82), None)
    if wrong is not None:
        raise EpcError("character", f"serial {text!r}: {wrong!r} is not in the GS1 character set 82")
    sizes = {4: 7 * len(text)}
    if not text or is_plain_number(text):
        sizes[0] = _integer_bits(len(text))
    for encoding, alphabet in _ALPHABETS.items():
        if all(character in alphabet for character in text):
            sizes[encoding] = _CHARACTER_BITS[encoding] * len(text)
    if all(character in _CODE40 for character in text):
        sizes[5] = 16 * -(-len(text) // 3)
    return min(sizes, key=lambda encoding: (sizes[encoding], encoding))


def _read_delimited(bits: BitReader) -> tuple[str, str]:
    digits = ""
    while True:
        value = bits.take(4)
        if value == _TERMINATOR:
            return digits, ""
        if value == _DELIMITER:
            return digits, _read_serial(bits)
        if value > 9:  # noqa: PLR2004 - a decimal digit
            raise EpcError("content", f"EPC: {value:X} after digits {digits!r} is no digit and no delimiter")
        digits += str(value)


def _write_delimited(bits: BitWriter, text: str) -> None:
    letters = text.lstrip("0123456789")
    digits = text[: len(text) - len(letters)]
    bits.put_digits(digits)
    if not letters:
        bits.put(_TERMINATOR, 4, "terminator")
        return
    bits.put(_DELIMITER, 4, "delimiter")
    _write_serial(bits, letters)
