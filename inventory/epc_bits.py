"""Bits of an EPC, most significant first, and the strings inside them."""

from typing import Final

from inventory.content_checks import CSET82
from inventory.errors import EpcError

_HEX = frozenset("0123456789abcdefABCDEF")
EPC_BITS_MAX: Final = 496
"""Largest EPC that the protocol-control word of a Gen2 tag can announce: 31 words of 16 bits."""


class BitReader:
    """Takes numbers from the front of an EPC."""

    def __init__(self, hexadecimal: str) -> None:
        """From hexadecimal digits, upper or lower case, not necessarily whole bytes.

        Raises:
            EpcError: empty or too long (`length`), or another character (`character`).
        """
        if not hexadecimal or len(hexadecimal) * 4 > EPC_BITS_MAX:
            text = f"EPC of {len(hexadecimal)} hexadecimal digits: expected 1 to {EPC_BITS_MAX // 4}"
            raise EpcError("length", text)
        wrong = next((character for character in hexadecimal if character not in _HEX), None)
        if wrong is not None:
            raise EpcError("character", f"EPC {hexadecimal!r}: {wrong!r} is not a hexadecimal digit")
        self._value = int(hexadecimal, 16)
        self.left = len(hexadecimal) * 4
        """Bits not taken yet."""

    def take(self, bits: int) -> int:
        """The next `bits` bits as a number.

        Raises:
            EpcError: there are not so many left (`length`).
        """
        if bits > self.left:
            raise EpcError("length", f"EPC ends early: {bits} more bits expected, {self.left} left")
        self.left -= bits
        return (self._value >> self.left) & ((1 << bits) - 1)

    def take_digits(self, count: int) -> str:
        """`count` decimal digits of four bits each.

        Raises:
            EpcError: ends early (`length`), or four bits above nine (`content`).
        """
        digits = [self.take(4) for _ in range(count)]
        if any(digit > 9 for digit in digits):  # noqa: PLR2004 - a decimal digit
            raise EpcError("content", f"EPC: {''.join(f'{digit:X}' for digit in digits)!r} are not decimal digits")
        return "".join(map(str, digits))

    def take_string(self, bits: int) -> str:
        """Seven-bit characters of the GS1 set 82, ended by zero bits (TDS 14.4.2).

        Raises:
            EpcError: ends early (`length`), a character outside the set, or anything behind the end (`content`).
        """
        codes = [self.take(7) for _ in range(bits // 7)]
        end = codes.index(0) if 0 in codes else len(codes)
        if any(codes[end:]):
            raise EpcError("content", "EPC: a string goes on after its end")
        text = "".join(map(chr, codes[:end]))
        require_cset82(text)
        return text

    def require_zeros(self) -> None:
        """Whatever is left fills the last word, and so is zero.

        Raises:
            EpcError: it is not (`content`).
        """
        if self.take(self.left):
            raise EpcError("content", "EPC: bits behind its end are not zero")


class BitWriter:
    """Puts numbers behind each other."""

    def __init__(self) -> None:
        """Empty."""
        self._value = 0
        self._bits = 0

    def put(self, value: int, bits: int, name: str) -> None:
        """Append `value` in `bits` bits.

        Raises:
            EpcError: it does not fit (`range`).
        """
        if not 0 <= value < 1 << bits:
            raise EpcError("range", f"{name} {value}: expected 0 to {(1 << bits) - 1}")
        self._value = self._value << bits | value
        self._bits += bits

    def put_digits(self, digits: str) -> None:
        """Append decimal digits, four bits each (checked by the caller)."""
        for digit in digits:
            self.put(int(digit), 4, "digit")

    def put_string(self, text: str, bits: int, name: str) -> None:
        """Append seven-bit characters, filled with zeros to `bits` bits.

        Raises:
            EpcError: too long (`length`), or a character outside the GS1 set 82 (`character`).
        """
        require_cset82(text)
        if len(text) * 7 > bits:
            raise EpcError("length", f"{name} {text!r}: expected at most {bits // 7} characters, got {len(text)}")
        for character in text:
            self.put(ord(character), 7, name)
        self.put(0, bits - len(text) * 7, name)

    def to_hex(self) -> str:
        """Upper-case hexadecimal digits, filled with zero bits to whole words of 16 bits as a tag stores them."""
        padding = -self._bits % 16
        return f"{self._value << padding:0{(self._bits + padding) // 4}X}"


def require_cset82(text: str) -> None:
    """Check for characters that GS1 allows in serial numbers.

    Raises:
        EpcError: another character (`character`).
    """
    for character in text:
        if character not in CSET82:
            raise EpcError("character", f"{text!r}: {character!r} is not in the GS1 character set 82")
