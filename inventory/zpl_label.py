"""The labels of a hospital pharmacy as ZPL: pack, dispensing to a patient, shelf; and one that shows a printer's font.

What identifies (code, human-readable elements, expiry, lot) and what a patient must follow is printed whole or the
label is refused. Names are shortened visibly. Every text stands beside or below the code, never over it.
"""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final, Literal

from inventory.datamatrix_size import QUIET_ZONE_MODULES, DataMatrixSize, datamatrix_size
from inventory.pack_identity import InternalIdentity, PackIdentity
from inventory.zpl import Format, LabelError, Media
from inventory.zpl_text import break_lines, pack_words, shorten_to_lines, text_width

_MARGIN_MM: Final = 1.5
_GAP_MM: Final = 1.0
_MODULE_TARGET_MM: Final = 0.38
"""X-dimension of GS1 DataMatrix on healthcare items: target 0.380, 0.254 to 0.495 mm allowed (GS1 General
Specifications 5.12.3.8, symbol specification table 8; from memory, to be checked against the edition in force)."""
_READABLE_MM: Final = (2.4, 2.1, 1.8)
"""Letter heights of the human-readable elements, best first; below that they can't be typed off."""
_LINE: Final = 1.3
"""Line height over letter height: Ẫ is taller than A."""
_NAME_MM: Final = 3.2
_TEXT_MM: Final = (2.6, 2.2, 1.9)
_NAME_LINES_MAX: Final = 2
_SMALLEST_MM: Final = 1.8
"""Letters smaller than this are not read in a hurry (about 5 points)."""
_QR_BYTES: Final = ((14, 21), (26, 25), (42, 29), (62, 33), (84, 37), (106, 41), (122, 45), (152, 49), (180, 53))
"""Bytes in byte mode at level M, and modules a side, of versions 1 to 9 (ISO/IEC 18004 table 7)."""
_QR_QUIET_MODULES: Final = 4

Identity = PackIdentity | InternalIdentity


class Storage(Enum):
    """Storage classes as a label names them (text in place of a pictogram, which no printer's font has)."""

    ROOM = "<30°C"
    COOL = "8-15°C"
    FRIDGE = "TỦ LẠNH 2-8°C"
    FREEZER = "ĐÔNG LẠNH <= -15°C"


class Controlled(Enum):
    """Kinds of drugs under special control (Law on Pharmacy 105/2016/QH13, article 2 items 17 to 20)."""

    NARCOTIC = "GÂY NGHIỆN"
    PSYCHOTROPIC = "HƯỚNG THẦN"
    PRECURSOR = "TIỀN CHẤT"


def day(value: date) -> str:
    """As printed: dd/mm/yyyy."""
    return f"{value:%d/%m/%Y}"


@dataclass(frozen=True)
class PackLabel:
    """For a pack that comes without a readable code, or is repacked here."""

    identity: Identity
    name_vi: str
    storage: Storage | None = None
    protect_from_light: bool = False
    controlled: Controlled | None = None


@dataclass(frozen=True)
class DispenseLabel:
    """Goes with what a patient takes home or a ward gives to one patient."""

    hospital: str
    patient_name: str
    patient_number: str
    name_vi: str
    quantity: str
    """With its unit: `20 viên`."""
    instructions: str
    """How to take it; printed whole, or the label is refused."""
    dispensed_on: date
    dispensed_by: str
    identity: Identity | None = None
    """What the pack says, for the code; None for a label without one."""
    lot: str = ""
    expiry_date: date | None = None


@dataclass(frozen=True)
class ShelfLabel:
    """Says what belongs to a place; its code is a web address that both scanners and telephones understand."""

    place_vi: str
    place_code: str
    link: str
    """A GS1 Digital Link of the product (or of the place, by its GLN)."""
    product_vi: str = ""
    symbol: Literal["qr", "datamatrix"] = "qr"
    storage: Storage | None = None
    controlled: Controlled | None = None


def pack_label(label: PackLabel, media: Media, copies: int = 1) -> str:
    """ZPL of a pack label: GS1 DataMatrix, to its right the name and what to watch, below it the elements in brackets.

    Raises:
        LabelError: it doesn't fit on this media; the message names what.
    """
    refused = LabelError("nothing was tried")
    for density in _DENSITIES:
        try:
            return _lay_out_pack(label, media, density).zpl(copies)
        except _NoRoomError as error:
            refused = error
    raise refused


def _lay_out_pack(label: PackLabel, media: Media, density: "_Density") -> Format:
    form = Format(media)
    code = _place_gs1(form, label.identity)
    lines_top = _readable_elements(form, label.identity, code.bottom, density)
    column = _Column(form, code.right, media.dots(_MARGIN_MM), lines_top, density=density)
    column.shortened(label.name_vi, _NAME_MM, density.name_lines)
    if label.identity.expiry_date is not None:
        column.whole(f"HSD: {day(label.identity.expiry_date)}")
    if label.identity.lot:
        column.whole(f"Lô: {label.identity.lot}")
    column.marks(label.storage, label.controlled, protect_from_light=label.protect_from_light)
    return form


def dispense_label(label: DispenseLabel, media: Media, copies: int = 1) -> str:
    """ZPL of a label for one patient.

    Raises:
        LabelError: instructions, quantity or patient don't fit; take larger labels or shorten the instructions.
    """
    form = Format(media)
    left, top = media.dots(_MARGIN_MM), media.dots(_MARGIN_MM)
    right, bottom = media.dots(media.width_mm) - left, media.dots(media.height_mm) - top
    code = None
    if label.identity is not None:
        code = _place_gs1(form, label.identity, at_right=True)
        right = code.left
    head = _Column(form, left, top, bottom, right=right)
    head.shortened(label.hospital, 2.2, 1)
    head.whole(f"{label.patient_name} - {label.patient_number}")
    head.shortened(label.name_vi, 2.8, _NAME_LINES_MAX)
    head.whole(f"SL: {label.quantity}")
    lot = label.lot or (label.identity.lot if label.identity else "")
    expiry = label.expiry_date or (label.identity.expiry_date if label.identity else None)
    if lot:
        head.whole(f"Lô: {lot}")
    if expiry is not None:
        head.whole(f"HSD: {day(expiry)}")
    below = max(head.y, code.bottom if code else 0)
    column = _Column(form, left, below, bottom)
    column.paragraph(label.instructions)
    column.whole(f"Cấp phát {day(label.dispensed_on)}: {label.dispensed_by}")
    return form.zpl(copies)


def shelf_label(label: ShelfLabel, media: Media, copies: int = 1) -> str:
    """ZPL of a label for a shelf, with QR code or Data Matrix.

    Raises:
        LabelError: it doesn't fit, or the address has characters that no symbol may hold.
    """
    form = Format(media)
    margin = media.dots(_MARGIN_MM)
    bottom = media.dots(media.height_mm) - margin
    if label.symbol == "qr":
        code = _place_qr(form, label.link)
    else:
        size = datamatrix_size(label.link, fnc1_first=False)
        code = _place_datamatrix(form, label.link, size, gs1=False)
    column = _Column(form, code.right, margin, bottom)
    column.shortened(label.place_vi, _NAME_MM, _NAME_LINES_MAX)
    column.whole(label.place_code)
    if label.product_vi:
        column.shortened(label.product_vi, 2.6, _NAME_LINES_MAX)
    column.marks(label.storage, label.controlled)
    return form.zpl(copies)


def font_label(media: Media) -> str:
    """All Vietnamese letters, to see whether the printer's font has them."""
    form = Format(media)
    column = _Column(form, media.dots(_MARGIN_MM), media.dots(_MARGIN_MM), media.dots(media.height_mm))
    column.whole(f"{media.font} {media.width_mm:g}x{media.height_mm:g} mm {media.dots_per_mm}/mm")
    for letters in (
        "ăằắẳẵặ âầấẩẫậ đ êềếểễệ",
        "ôồốổỗộ ơờớởỡợ ưừứửữự",
        "àáảãạ èéẻẽẹ ìíỉĩị òóỏõọ",
        "ùúủũụ ỳýỷỹỵ ĂÂĐÊÔƠƯ",
        "ẰẮẲẴẶ ẦẤẨẪẬ ỀẾỂỄỆ ỒỐỔỖỘ",
        "ỜỚỞỠỢ ỪỨỬỮỰ °",
    ):
        column.whole(letters)
    return form.zpl()


class _NoRoomError(LabelError):
    """It may fit when printed denser."""


@dataclass(frozen=True)
class _Density:
    """One way to lay out a label; the first that fits is taken."""

    scale: float
    """Letter heights, times this."""
    name_lines: int
    elements_packed: bool
    """Several human-readable elements on a line."""


_ROOMY: Final = _Density(1.0, _NAME_LINES_MAX, elements_packed=False)
_DENSITIES: Final = (
    _ROOMY,
    _Density(1.0, _NAME_LINES_MAX, elements_packed=True),
    _Density(0.85, _NAME_LINES_MAX, elements_packed=True),
    _Density(0.85, 1, elements_packed=True),
    _Density(0.72, 1, elements_packed=True),
)


@dataclass(frozen=True)
class _Placed:
    """Where a code with its quiet zone lies; texts stay outside."""

    left: int
    right: int
    bottom: int


def _place_gs1(form: Format, identity: Identity, *, at_right: bool = False) -> _Placed:
    message = identity.message
    size = datamatrix_size(message, fnc1_first=True)
    return _place_datamatrix(form, message, size, gs1=True, at_right=at_right)


def _place_datamatrix(
    form: Format, message: str, size: DataMatrixSize | None, *, gs1: bool, at_right: bool = False
) -> _Placed:
    if size is None:
        raise LabelError(f"{len(message)} characters are too many for one Data Matrix on a label")
    media, margin = form.media, form.media.dots(_MARGIN_MM)
    module = _module_dots(media)
    quiet = QUIET_ZONE_MODULES * module
    side = size.side_modules * module
    _check_room(media, side + 2 * quiet, f"Data Matrix of {size.side_modules} modules")
    x = media.dots(media.width_mm) - margin - quiet - side if at_right else margin + quiet
    form.datamatrix(x, margin + quiet, message, size, module, gs1=gs1)
    gap = media.dots(_GAP_MM)
    return _Placed(x - quiet - gap, x + side + quiet + gap, margin + side + 2 * quiet)


def _place_qr(form: Format, message: str) -> _Placed:
    modules = next((side for room, side in _QR_BYTES if len(message) <= room), None)
    if modules is None:
        raise LabelError(f"address of {len(message)} characters: expected at most {_QR_BYTES[-1][0]} for a label")
    media, margin = form.media, form.media.dots(_MARGIN_MM)
    module = min(10, _module_dots(media))  # ^BQ: magnification 1 to 10
    quiet = _QR_QUIET_MODULES * module
    side = modules * module
    _check_room(media, side + 2 * quiet, f"QR code of {modules} modules")
    form.qr(margin + quiet, margin + quiet, message, module)
    return _Placed(margin, margin + side + 2 * quiet, margin + side + 2 * quiet)


def _module_dots(media: Media) -> int:
    """3 dots (0.375 mm) of 8 a millimetre, 5 (0.417 mm) of 12: between 0.255 and 0.495 mm, near the target."""
    return round(_MODULE_TARGET_MM * media.dots_per_mm)


def _check_room(media: Media, side: int, what: str) -> None:
    margin = 2 * media.dots(_MARGIN_MM)
    room = min(media.dots(media.width_mm), media.dots(media.height_mm)) - margin
    if side > room:
        need = (side + margin) / media.dots_per_mm
        raise LabelError(
            f"{what} needs {need:.1f} mm with its margins: a label of {media.width_mm:g} x {media.height_mm:g} mm"
            " is too small"
        )


def _readable_elements(form: Format, identity: Identity, top: int, density: _Density) -> int:
    """Print them at the bottom of the label, below `top`; returns the upper edge of their block."""
    media, margin = form.media, form.media.dots(_MARGIN_MM)
    width = media.dots(media.width_mm) - 2 * margin
    bottom = media.dots(media.height_mm) - margin
    for millimetres in _READABLE_MM:
        height = media.dots(millimetres)
        step = round(height * _LINE)
        packed = pack_words(identity.readable, height, width)
        lines = packed if density.elements_packed or packed is None else identity.readable
        if lines is not None and bottom - step * len(lines) >= top:
            block = bottom - step * len(lines)
            for number, line in enumerate(lines):
                form.text(margin, block + step * number, height, line)
            return block
    raise _NoRoomError(
        f"{' '.join(identity.readable)} does not fit below the code on {media.width_mm:g} x {media.height_mm:g} mm"
    )


class _Column:
    """Lines below each other in a rectangle."""

    def __init__(
        self, form: Format, left: int, top: int, bottom: int, *, right: int | None = None, density: _Density = _ROOMY
    ) -> None:
        media = form.media
        self._form = form
        self._left = left
        self._bottom = bottom
        self._width = (media.dots(media.width_mm - _MARGIN_MM) if right is None else right) - left
        self._scale = density.scale
        self.y = top

    def shortened(self, text: str, millimetres: float, lines_max: int) -> None:
        """A name: broken over at most so many lines, the last one shortened if need be."""
        height = self._dots(millimetres)
        for line in shorten_to_lines(text, height, self._width, lines_max):
            self._line(line, height)

    def whole(self, text: str) -> None:
        """In one line or more, smaller if need be, never shortened."""
        heights = self._heights
        height = next((one for one in heights if text_width(text, one) <= self._width), heights[-1])
        for line in break_lines(text, height, self._width):
            self._line(line, height)

    def paragraph(self, text: str) -> None:
        """Broken over as many lines as it takes; smaller if that is what makes it fit above one more line."""
        heights = self._heights
        fitting = (one for one in heights if self.y + self._tall(text, one) + round(one * _LINE) <= self._bottom)
        height = next(fitting, heights[-1])
        for line in break_lines(text, height, self._width):
            self._line(line, height)

    def marks(
        self, storage: Storage | None, controlled: Controlled | None, *, protect_from_light: bool = False
    ) -> None:
        """Framed words, those under special control white on black; beside each other where there is room."""
        words = [(controlled.value, True)] if controlled else []
        words += [(storage.value, False)] if storage else []
        words += [("TRÁNH ÁNH SÁNG", False)] if protect_from_light else []
        media = self._form.media
        pad, gap = media.dots(0.4), media.dots(0.8)
        x, height = self._left, self._heights[1]
        tall = round(height * _LINE) + 2 * pad
        for word, filled in words:
            width = text_width(word, height) + 2 * pad
            if width > self._width:
                raise _NoRoomError(f"{word!r} is too wide beside the code: take wider labels")
            if x > self._left and x + width > self._left + self._width:
                x, self.y = self._left, self.y + tall + pad
            self._need(tall, word)
            self._form.box(x, self.y, width, tall, tall if filled else max(1, media.dots(0.2)))
            self._form.text(x + pad, self.y + pad, height, word, inverse=filled)
            x += width + gap
        if words:
            self.y += tall + pad

    @property
    def _heights(self) -> tuple[int, ...]:
        return tuple(self._dots(each) for each in _TEXT_MM)

    def _dots(self, millimetres: float) -> int:
        return self._form.media.dots(max(millimetres * self._scale, _SMALLEST_MM))

    def _tall(self, text: str, height: int) -> int:
        return len(break_lines(text, height, self._width)) * round(height * _LINE)

    def _line(self, text: str, height: int) -> None:
        step = round(height * _LINE)
        self._need(step, text)
        self._form.text(self._left, self.y, height, text)
        self.y += step

    def _need(self, height: int, text: str) -> None:
        if self.y + height > self._bottom:
            media = self._form.media
            raise _NoRoomError(
                f"{text!r} does not fit any more on {media.width_mm:g} x {media.height_mm:g} mm: take larger labels"
            )
