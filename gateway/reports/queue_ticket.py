"""The number that a patient takes along: 80 mm wide, for a ticket printer or any other; no name, no code."""

import io
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Final

from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from gateway.reports import wording

_WIDTH, _HEIGHT = 80 * mm, 62 * mm
"""Rolls of 80 mm are the usual ones of ticket printers."""
_FONTS: Final = {"Roboto": "Roboto-Regular.ttf", "Roboto-Bold": "Roboto-Bold.ttf"}
_MARGIN: Final = 4 * mm


@dataclass(frozen=True)
class QueueTicket:
    """What stands on it."""

    hospital: str
    clinic_vi: str
    clinic_en: str
    ticket: str
    given_at: datetime
    """Local."""
    ahead: int | None
    """How many are to be called before; None: called already."""
    printed_at: datetime
    """Stands in the metadata: equal tickets are equal bytes."""


def queue_ticket_pdf(ticket: QueueTicket) -> bytes:
    """The PDF file."""
    for name, file in _FONTS.items():
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(files("font_roboto").joinpath("files", file))))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(_WIDTH, _HEIGHT), invariant=1, lang="vi")
    canvas.setTitle(ticket.ticket)
    _line(canvas, 55, ticket.hospital, 9)
    _line(canvas, 48, f"SỐ THỨ TỰ · {ticket.clinic_vi}".strip(" ·"), 12, bold=True)
    _line(canvas, 25, ticket.ticket, 54, bold=True)
    _line(canvas, 19, ticket.clinic_en, 8)
    if ticket.ahead is not None:
        _line(canvas, 12.5, f"Trước quý vị còn {ticket.ahead} người / {ticket.ahead} before you", 9)
    _line(canvas, 7.5, "Vui lòng theo dõi bảng gọi số / Please watch the board", 8)
    _line(canvas, 3, wording.moment(ticket.given_at), 8)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _line(canvas: Canvas, y_mm: float, text: str, points: float, *, bold: bool = False) -> None:
    """Centred; smaller if it would not fit."""
    font = "Roboto-Bold" if bold else "Roboto"
    clean = "".join(one for one in text if one.isprintable())
    width = pdfmetrics.stringWidth(clean, font, points)
    canvas.setFont(font, points * min(1.0, (_WIDTH - 2 * _MARGIN) / width) if width else points)
    canvas.drawCentredString(_WIDTH / 2, y_mm * mm, clean)
