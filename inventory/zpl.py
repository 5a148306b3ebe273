r"""ZPL II for a label: millimetres to dots, text that can't become a command, symbols, one format for the printer.

Sources: ZPL II Programming Guide (Zebra P1099958), commands ^A ^BQ ^BX ^CI ^CW ^FD ^FH ^FO ^FR ^FS ^GB ^LH ^LL ^PQ ^PW.

Text goes through ^FH: every byte that is not a letter, digit or harmless mark is written as `_` and two hexadecimal
digits of its UTF-8 (^CI28). So a field holds none of the characters that a printer acts on (`^ ~ _ \\ ,` and control
characters), whatever people put into a product's name.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final, Literal

from inventory.datamatrix_size import DataMatrixSize
from inventory.pack_identity import FNC1

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ().:/+-=%'\"!*;<>")
_FORBIDDEN_IN_SYMBOLS: Final = frozenset("^~\\{|}`@")
_FONT: Final = re.compile(r"(?:[0A-Z]|[A-Z]:[A-Z0-9_]{1,8}\.(?:FNT|TTF))\Z")
_COPIES_MAX: Final = 9999
"""Far below the 99,999,999 of ^PQ: nobody means more labels than a roll holds."""

RESIDENT_FONT: Final = "0"
SWISS_721: Final = "E:TT0003M_.FNT"
"""The Unicode font that Zebra ships in or for its printers. A printer's own font 0 has no Vietnamese letters."""


class LabelError(ValueError):
    """This can't be printed so that it can be read: what does not fit or can't be encoded, and what would help."""


@dataclass(frozen=True)
class Media:
    """A label stock in a printer."""

    width_mm: float = 50.0
    height_mm: float = 30.0
    dots_per_mm: Literal[8, 12] = 8
    """8 for 203 dpi, 12 for 300 dpi (as ^JM counts them)."""
    font: str = SWISS_721

    def __post_init__(self) -> None:
        """Refuse what no printer takes.

        Raises:
            LabelError: a size outside 15 to 170 (wide) or 10 to 300 (high) mm, or no name of a font.
        """
        if not 15 <= self.width_mm <= 170 or not 10 <= self.height_mm <= 300:  # noqa: PLR2004 - said in the message
            raise LabelError(f"label of {self.width_mm:g} x {self.height_mm:g} mm: expected 15 to 170 x 10 to 300")
        if self.dots_per_mm not in (8, 12):
            raise LabelError(f"{self.dots_per_mm!r} dots per mm: expected 8 (203 dpi) or 12 (300 dpi)")
        if _FONT.match(self.font) is None:
            raise LabelError(f"font {self.font!r}: expected one letter or a file such as {SWISS_721!r}")

    def dots(self, millimetres: float) -> int:
        """Whole dots."""
        return round(millimetres * self.dots_per_mm)


def escape_text(text: str) -> str:
    """Field data for ^FD behind ^FH: printable, in one line, with composed letters (printers don't compose)."""
    line = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or character.isprintable()
    )
    encoded = line.encode("utf-8", errors="replace")
    return "".join(chr(byte) if byte in _PLAIN else f"_{byte:02X}" for byte in encoded)


def escape_datamatrix(message: str, *, gs1: bool) -> str:
    """Field data of ^BX with escape character `_`: `_1` is FNC1, `__` an underscore (Programming Guide, ^BX).

    Raises:
        LabelError: a character that has no business in a GS1 symbol or a web address.
    """
    _check_symbol(message, FNC1 if gs1 else "")
    escaped = message.replace("_", "__")
    return "_1" + escaped.replace(FNC1, "_1") if gs1 else escaped


def _check_symbol(message: str, besides: str = "") -> None:
    for character in message:
        if character in _FORBIDDEN_IN_SYMBOLS or not ("!" <= character <= "z" or character in besides):
            raise LabelError(f"{character!r} in {message!r} can't stand in a symbol; write it percent-encoded")


@dataclass
class Format:
    """One label being laid out; coordinates in dots from its upper left corner."""

    media: Media
    _fields: list[str] = field(default_factory=list)

    def text(self, x: int, y: int, height: int, text: str, *, inverse: bool = False) -> None:
        """One line; `height` of its letters in dots. `inverse` prints white on what is black there already."""
        reverse = "^FR" if inverse else ""
        self._fields.append(f"^FO{x},{y}{reverse}^A{self._font_letter}N,{height},{height}^FH_^FD{escape_text(text)}^FS")

    def box(self, x: int, y: int, width: int, height: int, thickness: int) -> None:
        """A rectangle; filled if its lines are as thick as it is high."""
        self._fields.append(f"^FO{x},{y}^GB{width},{height},{thickness}^FS")

    def datamatrix(self, x: int, y: int, message: str, size: DataMatrixSize, module: int, *, gs1: bool) -> None:
        """ECC 200 of a stated size, so that what is laid out beside it stays beside it. `module`: dots a module.

        The escape character is named, because its default differs between firmware versions (`_` and `~`).
        """
        side = size.side_modules
        data = escape_datamatrix(message, gs1=gs1)
        self._fields.append(f"^FO{x},{y}^BXN,{module},200,{side},{side},,_^FD{data}^FS")

    def qr(self, x: int, y: int, message: str, module: int) -> None:
        """QR code model 2, error correction M, the printer's choice of encodation.

        Raises:
            LabelError: a character that no web address has.
        """
        _check_symbol(message)
        self._fields.append(f"^FO{x},{y}^BQN,2,{module}^FDMA,{message}^FS")

    def zpl(self, copies: int = 1) -> str:
        """The whole format: settings that another program may have left behind are set anew.

        Raises:
            LabelError: not 1 to 9999 copies.
        """
        if not 1 <= copies <= _COPIES_MAX:
            raise LabelError(f"{copies} copies: expected 1 to {_COPIES_MAX}")
        media = self.media
        font = "" if len(media.font) == 1 else f"^CW{self._font_letter},{media.font}"
        size = f"^PW{media.dots(media.width_mm)}^LL{media.dots(media.height_mm)}^LH0,0"
        return "\n".join((f"^XA^CI28{font}{size}", *self._fields, f"^PQ{copies},0,1,Y^XZ", ""))

    @property
    def _font_letter(self) -> str:
        return self.media.font if len(self.media.font) == 1 else "Z"
