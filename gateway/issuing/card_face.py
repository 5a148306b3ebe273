"""The face of a card as PDF: CR80, front and back, as a card printer or a sheet of stickers takes it.

ISO/IEC 7810 ID-1 is 85.60 mm by 53.98 mm. On the front stand whose card it is (name, year of birth, a place for the
photo), its number and a code; on the back what to do with a card that was found. The code is an address with the card's
number in it, which tells nothing without signing in. What would harm the holder of a lost card is not printed: no
address, no telephone of a guardian, no patient, insurance or citizen number, nothing of an illness.
"""

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import Color, HexColor, black, white
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from gateway.issuing.card_number import spaced
from gateway.reports.pdf import BOLD, REGULAR, clean, register_fonts

WIDTH: Final = 85.60 * mm
HEIGHT: Final = 53.98 * mm
"""ISO/IEC 7810:2019, table 1, ID-1."""
_EDGE: Final = 4 * mm
"""Card printers leave up to 2 mm at the edge, and the corner's radius is 3.18 mm (ISO/IEC 7810, 5.1.2)."""
_BAND: Final = 10.5 * mm
_PHOTO_WIDTH: Final = 19 * mm
_PHOTO_HEIGHT: Final = 25 * mm
"""3 to 4, as photos for papers are."""
_QR: Final = 21 * mm
_BLUE: Final = HexColor("#0b4f8a")
_PALE: Final = HexColor("#e8f1f8")
_GREY: Final = Color(0.35, 0.35, 0.35)
_LEAST_POINTS: Final = 5.5
_MORE: Final = "…"


@dataclass(frozen=True)
class CardFace:
    """What is printed on one card. Personal data: kept nowhere."""

    hospital: str
    address: str
    """Where a card that was found is brought; empty: nothing is printed."""
    full_name: str
    birth_year: int | None
    card_number: str
    """Ten digits."""
    valid_until: date | None
    code: str
    """The address in the code."""

    def __repr__(self) -> str:
        """By the card's number."""
        return f"CardFace({self.card_number})"


def render_faces(faces: Sequence[CardFace], printed_at: datetime) -> bytes:
    """Two pages for each card, the size of a card. Equal faces give equal bytes."""
    register_fonts()
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1, lang="vi")
    canvas.setTitle("Thẻ khám bệnh")
    canvas.setCreator("medtap")
    _set_time(canvas, printed_at)
    for face in faces:
        _front(canvas, face)
        canvas.showPage()
        _back(canvas, face)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _set_time(canvas: Any, printed_at: datetime) -> None:  # noqa: ANN401 - reportlab ships no types
    stamp = canvas._doc._timeStamp  # noqa: SLF001 - the only way to a date of one's own in the metadata
    stamp.t = printed_at.timestamp()
    stamp.lt = tuple(time.gmtime(stamp.t))
    stamp.YMDhms = stamp.lt[:6]
    stamp.tzname, stamp.dhh, stamp.dmm = "UTC", 0, 0


def _front(canvas: Any, face: CardFace) -> None:  # noqa: ANN401 - as above
    _band(canvas, face.hospital, "THẺ KHÁM BỆNH")
    top = HEIGHT - _BAND - 3 * mm
    canvas.setStrokeColor(_GREY)
    canvas.setFillColor(_PALE)
    canvas.setLineWidth(0.4)
    canvas.rect(_EDGE, top - _PHOTO_HEIGHT, _PHOTO_WIDTH, _PHOTO_HEIGHT, fill=1)
    canvas.setFillColor(_GREY)
    canvas.setFont(REGULAR, 6)
    canvas.drawCentredString(_EDGE + _PHOTO_WIDTH / 2, top - _PHOTO_HEIGHT / 2 - 1 * mm, "Ảnh 3 x 4")
    left, right = _EDGE + _PHOTO_WIDTH + 3 * mm, WIDTH - _EDGE
    canvas.setFillColor(black)
    lines = _in_lines(face.full_name.upper(), BOLD, 10.0, right - left, 2)
    y = top - 3.4 * mm
    for text, points in lines:
        canvas.setFont(BOLD, points)
        canvas.drawString(left, y, text)
        y -= 4.4 * mm
    _fact(canvas, left, y - 2.4 * mm, "Năm sinh", str(face.birth_year) if face.birth_year else "—")
    until = f"{face.valid_until:%m/%Y}" if face.valid_until else "—"
    _fact(canvas, left, y - 10.4 * mm, "Có giá trị đến", until)
    _code(canvas, face.code, WIDTH - _EDGE - _QR, 8.2 * mm)
    canvas.setFillColor(black)
    canvas.setFont(BOLD, 10.5)
    canvas.drawString(_EDGE, 4.2 * mm, f"Số thẻ {spaced(face.card_number)}")


def _back(canvas: Any, face: CardFace) -> None:  # noqa: ANN401 - as above
    _band(canvas, face.hospital, "")
    y = HEIGHT - _BAND - 5.5 * mm
    canvas.setFillColor(black)
    for text in (
        "Mang thẻ này mỗi lần đến khám. Đặt thẻ lên đầu đọc tại quầy đăng ký.",
        "Không cho người khác mượn thẻ. Giữ kín mã PIN.",
        "Mất thẻ: báo ngay quầy thẻ của bệnh viện để khóa thẻ và làm thẻ mới.",
        "Nhặt được thẻ: xin mang đến bệnh viện hoặc gửi về địa chỉ dưới đây.",
    ):
        canvas.setFont(REGULAR, _fitting(text, REGULAR, 6.8, WIDTH - 2 * _EDGE))
        canvas.drawString(_EDGE, y, text)
        y -= 4.4 * mm
    canvas.setStrokeColor(_GREY)
    canvas.setLineWidth(0.4)
    canvas.line(_EDGE, y, WIDTH - _EDGE, y)
    y -= 4.2 * mm
    for text, font in ((face.hospital, BOLD), (face.address, REGULAR)):
        for line, points in _in_lines(text, font, 7.2, WIDTH - 2 * _EDGE, 2) if text else []:
            canvas.setFont(font, points)
            canvas.drawString(_EDGE, y, line)
            y -= 3.6 * mm
    canvas.setFillColor(_GREY)
    canvas.setFont(REGULAR, 6.5)
    canvas.drawString(_EDGE, 4.2 * mm, f"Số thẻ {spaced(face.card_number)}")


def _band(canvas: Any, hospital: str, kind: str) -> None:  # noqa: ANN401 - as above
    canvas.setFillColor(_BLUE)
    canvas.rect(0, HEIGHT - _BAND, WIDTH, _BAND, stroke=0, fill=1)
    canvas.setFillColor(white)
    room = WIDTH - 2 * _EDGE
    (text, points), *_ = _in_lines(hospital.upper(), BOLD, 8.5, room, 1)
    canvas.setFont(BOLD, points)
    canvas.drawString(_EDGE, HEIGHT - (4.8 if kind else 6.4) * mm, text)
    canvas.setFont(REGULAR, 7)
    canvas.drawString(_EDGE, HEIGHT - 8.6 * mm, kind)


def _fact(canvas: Any, x: float, y: float, label: str, value: str) -> None:  # noqa: ANN401
    canvas.setFillColor(_GREY)
    canvas.setFont(REGULAR, 5.8)
    canvas.drawString(x, y, label)
    canvas.setFillColor(black)
    (text, points), *_ = _in_lines(value, BOLD, 8.5, 30 * mm, 1)
    canvas.setFont(BOLD, points)
    canvas.drawString(x, y - 3.1 * mm, text)


def _code(canvas: Any, text: str, x: float, y: float) -> None:  # noqa: ANN401 - as above
    widget = QrCodeWidget(text, barLevel="M", barBorder=2)
    low_x, low_y, high_x, high_y = widget.getBounds()
    drawing = Drawing(_QR, _QR, transform=[_QR / (high_x - low_x), 0, 0, _QR / (high_y - low_y), 0, 0])
    drawing.add(widget)
    renderPDF.draw(drawing, canvas, x, y)


def _fitting(text: str, font: str, points: float, room: float) -> float:
    while points > _LEAST_POINTS and stringWidth(text, font, points) > room:
        points -= 0.25
    return points


def _in_lines(text: str, font: str, points: float, room: float, count: int) -> list[tuple[str, float]]:
    """At most so many lines, each as large as fits; what does not fit even smallest is cut, and seen to be."""
    words = clean(text).split() or ["—"]
    while True:
        lines = [""]
        for word in words:
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and stringWidth(longer, font, points) > room:
                lines.append(word)
            else:
                lines[-1] = longer
        fits = len(lines) <= count and all(stringWidth(one, font, points) <= room for one in lines)
        if fits or points <= _LEAST_POINTS:
            break
        points -= 0.25
    cut = [one for one in (*lines[: count - 1], " ".join(lines[count - 1 :])) if one]
    return [(_shortened(one, font, points, room), points) for one in cut]


def _shortened(text: str, font: str, points: float, room: float) -> str:
    if stringWidth(text, font, points) <= room:
        return text
    while text and stringWidth(text + _MORE, font, points) > room:
        text = text[:-1]
    return text + _MORE
