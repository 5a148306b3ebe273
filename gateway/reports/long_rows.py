"""The rows of a table that runs over many pages, laid out once and drawn as lines of text.

reportlab's own tables lay out all that is left anew on each page: twice the rows took four times as long, and a store
card of a year six seconds. Here a row's height is known when its texts are broken, and a page takes as many as fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reportlab.lib import colors
from reportlab.pdfbase import pdfmetrics
from reportlab.platypus import Flowable

from gateway.reports.document import Align

LINES_MAX: Final = 20
"""Of a cell. A row must fit a page: a longer text is cut where everyone sees it."""
CUT: Final = " [...]"
_LINE_WIDTH: Final = 0.4
_TOP: Final = 1.5
_BOTTOM: Final = 2.5


@dataclass(frozen=True)
class CellFonts:
    """How the cells of a table are written. Lengths in points."""

    regular: str
    bold: str
    points: float
    leading: float
    padding: float
    """Left and right of a text."""


@dataclass
class LineBreaker:
    """Breaks texts into lines between words; the widths of words that come again are measured once."""

    font: str
    points: float
    _widths: dict[str, float] = field(default_factory=dict)

    def width(self, text: str) -> float:
        """Of a text in one line, in points."""
        known = self._widths.get(text)
        if known is None:
            known = self._widths[text] = float(pdfmetrics.stringWidth(text, self.font, self.points))
        return known

    def broken(self, text: str, room: float) -> tuple[str, ...]:
        """Lines that fit the room; a word that does not is broken within. At most `LINES_MAX`, the last then cut."""
        if self.width(text) <= room:
            return (text,)
        lines: list[str] = []
        line = ""
        for word in text.split():
            longer = f"{line} {word}" if line else word
            if self.width(longer) <= room:
                line = longer
                continue
            if line:
                lines.append(line)
            *whole, line = self._pieces(word, room)
            lines += whole
            if len(lines) > LINES_MAX:
                break
        lines.append(line)
        if len(lines) <= LINES_MAX:
            return tuple(lines)
        last = lines[LINES_MAX - 1]
        while last and self.width(last + CUT) > room:
            last = last[:-1]
        return (*lines[: LINES_MAX - 1], last.rstrip() + CUT)

    def _pieces(self, word: str, room: float) -> list[str]:
        if self.width(word) <= room:
            return [word]
        pieces, piece, used = [], "", 0.0
        for letter in word:
            width = self.width(letter)
            if piece and used + width > room:
                pieces.append(piece)
                if len(pieces) > LINES_MAX:
                    break
                piece, used = "", 0.0
            piece, used = piece + letter, used + width
        return [*pieces, piece]


@dataclass(frozen=True)
class LaidRow:
    """A row with its texts broken into lines."""

    cells: tuple[tuple[str, ...], ...]
    strong: bool
    height: float


@dataclass(frozen=True)
class Layout:
    """What all pieces of one table share."""

    heading: Callable[[], Any]
    """A new one for each page: a flowable."""
    widths: tuple[float, ...]
    alignments: tuple[Align, ...]
    fonts: CellFonts


def lay_out(rows: Sequence[tuple[Sequence[str], bool]], layout: Layout) -> "LongRows":
    """Texts and whether they are strong, row by row."""
    fonts = layout.fonts
    breakers = (LineBreaker(fonts.regular, fonts.points), LineBreaker(fonts.bold, fonts.points))
    rooms = [width - 2 * fonts.padding for width in layout.widths]
    laid = []
    for texts, strong in rows:
        breaker = breakers[strong]
        cells = tuple(breaker.broken(text, room) for text, room in zip(texts, rooms, strict=True))
        laid.append(LaidRow(cells, strong, max(map(len, cells)) * fonts.leading + _TOP + _BOTTOM))
    return LongRows(laid, layout)


class LongRows(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """Rows under their heading; what does not fit a page goes to the next, under the heading again."""

    def __init__(self, rows: Sequence[LaidRow], layout: Layout) -> None:
        super().__init__()
        self.rows = rows
        self._layout = layout
        self._heading: Any = None
        self._heading_height = 0.0

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        """Width and height of it all."""
        if self._heading is None:
            self._heading = self._layout.heading()
            _width, self._heading_height = self._heading.wrap(available_width, available_height)
        self.width = sum(self._layout.widths)
        self.height = self._heading_height + sum(row.height for row in self.rows)
        return self.width, self.height

    def split(self, available_width: float, available_height: float) -> list["LongRows"]:
        """What fits, and the rest; nothing if not even one row does."""
        self.wrap(available_width, available_height)
        left, fitting = available_height - self._heading_height, 0
        for row in self.rows:
            if row.height > left:
                break
            left -= row.height
            fitting += 1
        if fitting == 0:
            return []
        if fitting == len(self.rows):
            return [self]
        return [LongRows(self.rows[:fitting], self._layout), LongRows(self.rows[fitting:], self._layout)]

    def draw(self) -> None:
        """From the heading down."""
        canvas, layout = self.canv, self._layout
        below = self.height - self._heading_height
        self._heading.drawOn(canvas, 0, below)
        canvas.setStrokeColor(colors.black)
        canvas.setLineWidth(_LINE_WIDTH)
        lines: list[tuple[float, float, float, float]] = []
        top = below
        for row in self.rows:
            self._draw_row(canvas, row, top)
            top -= row.height
            lines.append((0, top, self.width, top))
        left = 0.0
        for width in (0.0, *layout.widths):
            left += width
            lines.append((left, top, left, below))
        canvas.lines(lines)

    def _draw_row(self, canvas: Any, row: LaidRow, top: float) -> None:  # noqa: ANN401 - reportlab's
        layout = self._layout
        fonts = layout.fonts
        canvas.setFont(fonts.bold if row.strong else fonts.regular, fonts.points)
        canvas.setFillColor(colors.black)
        left = 0.0
        for lines, width, alignment in zip(row.cells, layout.widths, layout.alignments, strict=True):
            free = row.height - _TOP - _BOTTOM - len(lines) * fonts.leading
            base = top - _TOP - free / 2 - fonts.points
            for line in lines:
                if line and alignment == "right":
                    canvas.drawRightString(left + width - fonts.padding, base, line)
                elif line and alignment == "center":
                    canvas.drawCentredString(left + width / 2, base, line)
                elif line:
                    canvas.drawString(left + fonts.padding, base, line)
                base -= fonts.leading
            left += width
