"""Lays a document out as PDF with reportlab (BSD) and Roboto (Apache-2.0, package font-roboto; a subset is embedded).

Equal documents give equal bytes: reportlab's clock and random identifiers are off, the dates in the metadata are those
of the letterhead. Letters outside Roboto print as an empty box.
"""

import io
import re
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, LongTable, SimpleDocTemplate, Spacer
from reportlab.platypus import Paragraph as Flow

from gateway.reports import wording
from gateway.reports.chart import LineChart
from gateway.reports.document import Align, Column, Document, Facts, Letterhead, Paragraph, Signatures, Table
from gateway.reports.long_rows import CUT, CellFonts, Layout, lay_out
from gateway.reports.pdf_chart import ChartFlowable

REGULAR, BOLD, _ITALIC = "Roboto", "Roboto-Bold", "Roboto-Italic"
_FILES: Final = {REGULAR: "Roboto-Regular.ttf", BOLD: "Roboto-Bold.ttf", _ITALIC: "Roboto-Italic.ttf"}
_MARGIN: Final = 15 * mm
_FOOTER: Final = 9 * mm
_FRAME_PADDING: Final = 6.0
"""Points that reportlab's frame keeps free on each side."""
_CELL_POINTS: Final = 8.5
_PADDING: Final = 2.0
_TEXT_POINTS: Final = 10.0
_TITLE_POINTS: Final = 14.0
_LEADING: Final = 1.25
_ALIGNMENT: Final = {"left": TA_LEFT, "center": TA_CENTER, "right": TA_RIGHT}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_MOTTO: Final = ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc")
_DOTS: Final = "." * 40
_ROOM_TO_SIGN: Final = 18 * mm
_LINE_CHARACTERS_MAX: Final = 1000
"""Of letterhead, titles, facts, signatures. A cell is cut by its lines, running text never."""


def render(document: Document) -> bytes:
    """The PDF file."""
    register_fonts()
    size = landscape(A4) if document.landscape else A4
    width = size[0] - 2 * (_MARGIN + _FRAME_PADDING)
    out = io.BytesIO()
    template = SimpleDocTemplate(
        out,
        pagesize=size,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=clean(" ".join(part for part in (document.title, document.number) if part)),
        author=clean(document.letterhead.hospital),
        subject=clean(document.subtitle),
        creator="medtap",
        lang="vi",
        invariant=1,
        pageCompression=1,
    )
    story: list[Flowable] = [*_head(document, width)]
    for part in document.parts:
        story += _part(part, width, document.letterhead)
    template.build(story, canvasmaker=_canvas_of(document))
    return out.getvalue()


def register_fonts() -> None:
    """Once a process; reportlab keeps fonts in a registry of its own."""
    for name, file in _FILES.items():
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(files("font_roboto").joinpath("files", file))))


def _canvas_of(document: Document) -> type[Canvas]:
    """A canvas that writes `page x of y` when it knows y, and the letterhead's time into the metadata."""

    class FooterCanvas(Canvas):  # type: ignore[misc]  # reportlab ships no types
        def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - reportlab's own
            super().__init__(*args, **more)
            self._pages: list[dict[str, Any]] = []
            _set_time(self, document)

        def showPage(self) -> None:  # noqa: N802 - reportlab's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for page, state in enumerate(self._pages, 1):
                self.__dict__.update(state)
                _draw_footer(self, document, page, len(self._pages))
                super().showPage()
            super().save()

    return FooterCanvas


def _set_time(canvas: Any, document: Document) -> None:  # noqa: ANN401
    stamp = canvas._doc._timeStamp  # noqa: SLF001 - the only way to a date of one's own in the metadata
    stamp.t = document.letterhead.printed_at.timestamp()
    stamp.lt = tuple(time.gmtime(stamp.t))
    stamp.YMDhms = stamp.lt[:6]
    stamp.tzname, stamp.dhh, stamp.dmm = "UTC", 0, 0


def _draw_footer(canvas: Any, document: Document, page: int, pages: int) -> None:  # noqa: ANN401
    head = document.letterhead
    canvas.setFont(REGULAR, 7.5)
    left = f"In lúc {wording.moment(head.printed_at)}, người in: {head.printed_by}"
    canvas.drawString(_MARGIN, _FOOTER, clean(left))
    middle = " ".join(part for part in (document.title, document.number) if part)
    canvas.drawCentredString(canvas._pagesize[0] / 2, _FOOTER, clean(middle) if page > 1 else "")  # noqa: SLF001
    canvas.drawRightString(canvas._pagesize[0] - _MARGIN, _FOOTER, f"Trang {page}/{pages}")  # noqa: SLF001


def _head(document: Document, width: float) -> list[Flowable]:
    head = document.letterhead
    left = [_text(line, align="center") for line in (head.authority,) if line]
    left += [_text(head.hospital, strong=True, align="center"), _text(head.department, align="center")]
    left += [_text(line, align="center", points=_CELL_POINTS) for line in (head.address,) if line]
    right: list[Flowable] = []
    if document.motto:
        right = [_text(_MOTTO[0], strong=True, align="center"), _text(_MOTTO[1], strong=True, align="center")]
    if document.form:
        right.append(_text(document.form, align="center", italic=True))
    if document.number:
        right.append(_text(f"Số: {document.number}", align="center"))
    grid = LongTable([[left, right]], colWidths=[width * 0.45, width * 0.55])
    grid.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP")])
    found: list[Flowable] = [
        grid,
        Spacer(0, 4 * mm),
        _text(document.title, points=_TITLE_POINTS, strong=True, align="center"),
    ]
    if document.subtitle:
        found.append(_text(document.subtitle, align="center", italic=True))
    return [*found, Spacer(0, 4 * mm)]


def _part(part: Facts | Table | Paragraph | Signatures | LineChart, width: float, head: Letterhead) -> list[Flowable]:
    match part:
        case LineChart():
            return [ChartFlowable(part, width, REGULAR), Spacer(0, 3 * mm)]
        case Facts():
            return [_facts(part, width), Spacer(0, 2 * mm)]
        case Table():
            return [_table(part, width), Spacer(0, 3 * mm)]
        case Paragraph():
            return [_text(part.text, strong=part.strong, whole=True), Spacer(0, 1.5 * mm)]
        case Signatures():
            return [KeepTogether([Spacer(0, 3 * mm), _signatures(part, width, head.signature_titles)])]


def _facts(facts: Facts, width: float) -> Flowable:
    cells = [_text(f"{label}: {value or _DOTS}") for label, value in facts.lines]
    cells += [_text("")] * (-len(cells) % facts.columns)
    rows = [cells[start : start + facts.columns] for start in range(0, len(cells), facts.columns)]
    grid = LongTable(rows, colWidths=[width / facts.columns] * facts.columns)
    grid.setStyle(
        [
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 0.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    return grid


def _table(table: Table, width: float) -> Flowable:
    total = sum(column.width_mm for column in table.columns)
    widths = tuple(width * column.width_mm / total for column in table.columns)
    fonts = CellFonts(REGULAR, BOLD, _CELL_POINTS, _CELL_POINTS * _LEADING, _PADDING)
    layout = Layout(
        lambda: _heading_grid(table.columns, widths), widths, tuple(column.align for column in table.columns), fonts
    )
    return lay_out([([" ".join(clean(text).split()) for text in row.cells], row.strong) for row in table.rows], layout)


def _heading_grid(columns: Sequence[Column], widths: Sequence[float]) -> Flowable:
    heading, style = _heading(columns)
    grid = LongTable(heading, colWidths=list(widths))
    style += [
        ("GRID", (0, 0), (-1, -1), 0.4, colors.black),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("BACKGROUND", (0, 0), (-1, -1), colors.whitesmoke),
        ("LEFTPADDING", (0, 0), (-1, -1), _PADDING),
        ("RIGHTPADDING", (0, 0), (-1, -1), _PADDING),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    grid.setStyle(style)
    return grid


def _heading(columns: Sequence[Column]) -> tuple[list[list[Flowable]], list[tuple[Any, ...]]]:
    """One row of titles, or two where columns have a common title."""
    titles = [_title(column.title) for column in columns]
    if not any(column.group for column in columns):
        return [titles], []
    upper: list[Flowable] = []
    style: list[tuple[Any, ...]] = []
    for place, column in enumerate(columns):
        if not column.group:
            upper.append(titles[place])
            titles[place] = _title("")
            style.append(("SPAN", (place, 0), (place, 1)))
        elif place and columns[place - 1].group == column.group:
            upper.append(_title(""))
        else:
            last = place
            while last + 1 < len(columns) and columns[last + 1].group == column.group:
                last += 1
            upper.append(_title(column.group))
            style.append(("SPAN", (place, 0), (last, 0)))
    return [upper, titles], style


def _signatures(part: Signatures, width: float, titles: Mapping[str, str]) -> Flowable:
    each = width / len(part.signers)
    blank = [_text("")] * (len(part.signers) - 1)
    rows: list[list[Flowable]] = []
    if part.place_and_day:
        rows.append([*blank, _text(part.place_and_day, align="center", italic=True)])
    rows.append([_text(titles.get(signer.title, signer.title), strong=True, align="center") for signer in part.signers])
    rows.append([_text("(Ký, ghi rõ họ tên)", align="center", italic=True, points=8) for _ in part.signers])
    rows.append([Spacer(0, _ROOM_TO_SIGN) for _ in part.signers])
    rows.append([_text(signer.name, align="center") for signer in part.signers])
    return LongTable(rows, colWidths=[each] * len(part.signers))


def _title(text: str) -> Flowable:
    return _text(text, points=_CELL_POINTS, strong=True, align="center")


def _text(
    text: str,
    *,
    points: float = _TEXT_POINTS,
    strong: bool = False,
    align: Align = "left",
    italic: bool = False,
    whole: bool = False,
) -> Flowable:
    font = BOLD if strong else _ITALIC if italic else REGULAR
    style = ParagraphStyle(
        f"{font}-{points}-{align}",
        fontName=font,
        fontSize=points,
        leading=points * _LEADING,
        alignment=_ALIGNMENT[align],
        splitLongWords=1,
    )
    cut = not whole and len(text) > _LINE_CHARACTERS_MAX
    return Flow(escape(clean(text[:_LINE_CHARACTERS_MAX] + CUT if cut else text)), style)


def clean(text: str) -> str:
    """Without control characters and half surrogates, which no font has and XML forbids."""
    return _CONTROL.sub(" ", text)
