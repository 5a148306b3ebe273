"""What one ZPL format puts on a label: the picture, and what the printer could not do.

Source: ZPL II Programming Guide (Zebra P1099958). Known: ^XA ^XZ ^CI28 ^CW ^A (scalable) ^FO ^FD ^FH ^FR ^FS ^GB ^BX
^BQ ^PW ^LL ^LH ^PQ; all normal orientation. Everything else is listed as unknown, which a printer ignores silently.
"""

from dataclasses import dataclass, field
from importlib.resources import as_file, files

from PIL import Image, ImageChops, ImageDraw, ImageFont

from firmware_sim.zpl_commands import Command, decode_hexadecimal
from firmware_sim.zpl_symbols import Modules, SymbolError, datamatrix, qr_code

_BLACK, _WHITE = 0, 255
_UTF8 = 28
_FONT_FILES = frozenset({"E:TT0003M_.FNT"})
"""Fonts in this printer's memory; the letters drawn are Roboto's in every case."""


@dataclass(frozen=True)
class PrintedLabel:
    """One label as it leaves the printer."""

    image: Image.Image
    copies: int
    texts: tuple[str, ...]
    """Field data of text fields, decoded."""
    complaints: tuple[str, ...]
    """What a printer would leave out or do differently without a word."""


@dataclass
class _Pending:
    """What ^FO and its followers have gathered for the field that ^FS ends."""

    x: int = 0
    y: int = 0
    kind: str = "text"
    parameters: list[str] = field(default_factory=list)
    data: bytes = b""
    hexadecimal: bytes = b""
    reverse: bool = False


class Page:
    """Takes the commands between ^XA and ^XZ."""

    def __init__(self, width: int, length: int) -> None:
        """`width` and `length` in dots: of the media, until ^PW and ^LL say otherwise."""
        self._image = Image.new("L", (width, length), _WHITE)
        self._fonts: dict[str, str] = {}
        self._font, self._height = "0", 30
        self._encoding = 0
        self._copies = 1
        self._texts: list[str] = []
        self._complaints: list[str] = []
        self._field = _Pending()

    def take(self, command: Command) -> None:
        """One command."""
        settings = {
            "^CI": self._set_encoding,
            "^CW": self._set_font_file,
            "^PW": self._set_width,
            "^LL": self._set_length,
        }
        if command.name in settings:
            settings[command.name](command)
        elif command.name == "^PQ":
            self._copies = command.numbers(1)[0]
        elif command.name == "^FS":
            self._end_field()
        elif command.name in {"^FO", "^A", "^FD", "^FH", "^FR", "^GB", "^BX", "^BQ"}:
            self._field_part(command)
        elif command.name not in {"^XA", "^LH"}:
            self._complaints.append(f"unknown command {command.name}")

    def finish(self) -> PrintedLabel:
        """^XZ."""
        return PrintedLabel(self._image, self._copies, tuple(self._texts), tuple(self._complaints))

    def _set_encoding(self, command: Command) -> None:
        self._encoding = command.numbers(0)[0]

    def _set_font_file(self, command: Command) -> None:
        letter, file = command.texts(2)
        if file in _FONT_FILES:
            self._fonts[letter] = file
        else:
            self._complaints.append(f"no font file {file}")

    def _set_width(self, command: Command) -> None:
        width = command.numbers(self._image.width)[0]
        self._image = self._image.crop((0, 0, min(width, self._image.width), self._image.height))

    def _set_length(self, command: Command) -> None:
        length = command.numbers(self._image.height)[0]
        self._image = self._image.crop((0, 0, self._image.width, min(length, self._image.height)))

    def _field_part(self, command: Command) -> None:
        current = self._field
        match command.name:
            case "^FO":
                current.x, current.y = command.numbers(0, 0)
            case "^A":
                self._font = command.parameters[:1].decode("ascii", "replace")
                self._height = Command("^A", command.parameters[1:]).numbers(0, 30, 30)[1]
                if self._font != "0" and self._font not in self._fonts:
                    self._complaints.append(f"font {self._font} is not defined")
            case "^FH":
                current.hexadecimal = command.parameters[:1] or b"_"
            case "^FD":
                current.data = command.parameters
            case "^FR":
                current.reverse = True
            case _:
                current.kind = command.name
                current.parameters = command.texts(7)

    def _end_field(self) -> None:
        current, self._field = self._field, _Pending()
        data = current.data
        if current.hexadecimal:
            data = decode_hexadecimal(data, current.hexadecimal)
        try:
            if current.kind == "^GB":
                self._box(current)
            elif current.kind == "^BX":
                self._datamatrix(current, data.decode("ascii", "replace"))
            elif current.kind == "^BQ":
                self._stamp(current, qr_code(data.decode("ascii", "replace")), int(current.parameters[2] or "3"))
            else:
                self._text(current, data)
        except SymbolError as error:
            self._complaints.append(str(error))

    def _text(self, current: _Pending, data: bytes) -> None:
        text = data.decode("utf-8" if self._encoding == _UTF8 else "cp850", "replace")
        layer = Image.new("L", self._image.size, _WHITE)
        with as_file(files("font_roboto") / "files" / "Roboto-Regular.ttf") as path:
            font = ImageFont.truetype(str(path), self._height)
            draw = ImageDraw.Draw(layer)
            draw.fontmode = "1"  # a thermal head has no grey
            draw.text((current.x, current.y), text, fill=_BLACK, font=font, anchor="la")
            _, _, right, bottom = draw.textbbox((current.x, current.y), text, font=font, anchor="la")
        if right > layer.width or bottom > layer.height:
            self._complaints.append(f"text {text!r} leaves the label")
        self._complain_of_overlap(layer, current, text)
        self._lay(layer, current)
        self._texts.append(text)

    def _complain_of_overlap(self, layer: Image.Image, current: _Pending, text: str) -> None:
        both = ImageChops.lighter(layer, self._image)
        if not current.reverse and both.getextrema()[0] == _BLACK:
            self._complaints.append(f"text {text!r} lies over other print")

    def _box(self, current: _Pending) -> None:
        width, height, thickness = (int(each or "1") for each in current.parameters[:3])
        layer = Image.new("L", self._image.size, _WHITE)
        corner = (current.x + max(width, thickness) - 1, current.y + max(height, thickness) - 1)
        ImageDraw.Draw(layer).rectangle(((current.x, current.y), corner), outline=_BLACK, width=thickness)
        self._lay(layer, current)

    def _datamatrix(self, current: _Pending, data: str) -> None:
        _, module, quality, columns, rows, _, escape = current.parameters
        if quality != "200":
            raise SymbolError(f"^BX quality {quality!r}: only 200 is known here")
        matrix = datamatrix(data, escape or "~", int(columns or "0"), int(rows or "0"))
        self._stamp(current, matrix, int(module or "3"))

    def _stamp(self, current: _Pending, matrix: Modules, module: int) -> None:
        side = len(matrix)
        if current.x + side * module > self._image.width or current.y + side * module > self._image.height:
            raise SymbolError(f"symbol of {side} modules of {module} dots leaves the label")
        symbol = Image.new("L", (side, side), _WHITE)
        symbol.putdata([_BLACK if dark else _WHITE for row in matrix for dark in row])
        scaled = symbol.resize((side * module, side * module), Image.Resampling.NEAREST)
        layer = Image.new("L", self._image.size, _WHITE)
        layer.paste(scaled, (current.x, current.y))
        self._lay(layer, current)

    def _lay(self, layer: Image.Image, current: _Pending) -> None:
        """Black adds up; with ^FR what is black already turns white under it."""
        if current.reverse:
            self._image = ImageChops.invert(ImageChops.difference(layer, self._image))
        else:
            self._image = ImageChops.darker(layer, self._image)
