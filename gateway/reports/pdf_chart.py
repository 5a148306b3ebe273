"""Draws a `LineChart` on a printed page by lines and areas: sharp at any size, and readable without colour."""

from typing import Any, Final

from reportlab.lib import colors
from reportlab.lib.colors import Color
from reportlab.platypus import Flowable

from gateway.reports.chart import ChartLine, ChartShade, LineChart

_SMALL: Final = 7.0
_LINE: Final = 0.9
_DASHES: Final = ((), (3, 1.5), (1, 1.5), (5, 1.5, 1, 1.5))
"""Lines of several instruments differ by their dashes: a printer may have no colours."""
_INKS: Final = (colors.HexColor("#0b5c8e"), colors.HexColor("#7a3e00"), colors.HexColor("#3f2a6b"), colors.black)
_FILLS: Final[dict[str, Color]] = {
    "excursion": colors.HexColor("#f2b8b5"),
    "excursion_short": colors.HexColor("#fbe3c8"),
    "gap": colors.HexColor("#e6e6e6"),
    "offline": colors.HexColor("#cfcfcf"),
}
_HATCH: Final = 4.0
_LEGEND: Final = 12.0


class ChartFlowable(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """The chart, as wide as the page's text."""

    def __init__(self, chart: LineChart, width: float, font: str) -> None:
        super().__init__()
        self._chart = chart
        self._scale = width / chart.width
        self._font = font
        self.width = width
        self.height = chart.height * self._scale + _LEGEND * 1.4

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        """As large as it was laid out."""
        return self.width, self.height

    def draw(self) -> None:
        """On the canvas that reportlab has given it."""
        canvas = self.canv
        canvas.saveState()
        canvas.setFont(self._font, _SMALL)
        for shade in self._chart.shades:
            self._shade(canvas, shade)
        self._axes(canvas)
        for place, line in enumerate(self._chart.lines):
            self._line(canvas, line, place)
        self._limits(canvas)
        self._legend(canvas)
        canvas.restoreState()

    def _x(self, x: float) -> float:
        return x * self._scale

    def _y(self, y: float) -> float:
        return self.height - y * self._scale

    def _shade(self, canvas: Any, shade: ChartShade) -> None:  # noqa: ANN401 - reportlab's
        left, right = self._x(shade.left), self._x(shade.right)
        top, bottom = self._y(self._chart.top), self._y(self._chart.bottom)
        canvas.setFillColor(_FILLS[shade.kind])
        canvas.rect(left, bottom, max(right - left, 0.6), top - bottom, stroke=0, fill=1)
        if shade.kind in {"gap", "offline"}:
            path = canvas.beginPath()
            path.rect(left, bottom, max(right - left, 0.6), top - bottom)
            canvas.saveState()
            canvas.clipPath(path, stroke=0)
            canvas.setStrokeColor(colors.HexColor("#9a9a9a"))
            canvas.setLineWidth(0.3)
            height = top - bottom
            step = left - height
            while step < right:
                canvas.line(step, bottom, step + height, top)
                step += _HATCH
            canvas.restoreState()

    def _axes(self, canvas: Any) -> None:  # noqa: ANN401 - reportlab's
        chart = self._chart
        left, right = self._x(chart.left), self._x(chart.right)
        top, bottom = self._y(chart.top), self._y(chart.bottom)
        canvas.setLineWidth(0.25)
        canvas.setStrokeColor(colors.HexColor("#bbbbbb"))
        canvas.setFillColor(colors.black)
        for tick in chart.values:
            canvas.line(left, self._y(tick.at), right, self._y(tick.at))
            canvas.drawRightString(left - 3, self._y(tick.at) - 2.3, tick.text)
        for tick in chart.times:
            canvas.line(self._x(tick.at), bottom, self._x(tick.at), bottom - 3)
            canvas.drawCentredString(self._x(tick.at), bottom - 10, tick.text)
        canvas.setStrokeColor(colors.black)
        canvas.setLineWidth(0.5)
        canvas.rect(left, bottom, right - left, top - bottom, stroke=1, fill=0)
        canvas.setFillColor(colors.black)
        for mark in chart.marks:
            width = max(self._x(mark.right) - self._x(mark.left), 0.8)
            canvas.rect(self._x(mark.left), bottom, width, 4, stroke=0, fill=1)

    def _line(self, canvas: Any, line: ChartLine, place: int) -> None:  # noqa: ANN401 - reportlab's
        ink = _INKS[place % len(_INKS)]
        canvas.setFillColor(Color(ink.red, ink.green, ink.blue, alpha=0.25))
        canvas.setStrokeColor(Color(ink.red, ink.green, ink.blue, alpha=0.5))
        canvas.setLineWidth(0.35)
        for band in line.bands:
            path = canvas.beginPath()
            path.moveTo(self._x(band[0][0]), self._y(band[0][1]))
            for x, high, _ in band[1:]:
                path.lineTo(self._x(x), self._y(high))
            for x, _, low in reversed(band):
                path.lineTo(self._x(x), self._y(low))
            path.close()
            # The edge too: an extreme of one reading in a month is thinner than anybody sees as an area.
            canvas.drawPath(path, stroke=1, fill=1)
        canvas.setStrokeColor(ink)
        canvas.setLineWidth(_LINE)
        canvas.setDash(*_dash(place))
        for piece in line.pieces:
            if len(piece) == 1:
                canvas.circle(self._x(piece[0][0]), self._y(piece[0][1]), 0.8, stroke=1, fill=0)
                continue
            path = canvas.beginPath()
            path.moveTo(self._x(piece[0][0]), self._y(piece[0][1]))
            for x, y in piece[1:]:
                path.lineTo(self._x(x), self._y(y))
            canvas.drawPath(path, stroke=1, fill=0)
        canvas.setDash()

    def _limits(self, canvas: Any) -> None:  # noqa: ANN401 - reportlab's
        chart = self._chart
        canvas.setStrokeColor(colors.HexColor("#a4001d"))
        canvas.setFillColor(colors.HexColor("#a4001d"))
        canvas.setLineWidth(0.8)
        canvas.setDash(4, 2)
        for limit in chart.limits:
            canvas.line(self._x(chart.left), self._y(limit.at), self._x(chart.right), self._y(limit.at))
            canvas.drawRightString(self._x(chart.right) - 2, self._y(limit.at) + 2, limit.text)
        canvas.setDash()

    def _legend(self, canvas: Any) -> None:  # noqa: ANN401 - reportlab's
        x, y = self._x(self._chart.left), 3.0
        number = 0
        for kind, word in self._chart.legend:
            canvas.setStrokeColor(colors.black)
            canvas.setLineWidth(_LINE)
            if kind == "line":
                canvas.setStrokeColor(_INKS[number % len(_INKS)])
                canvas.setDash(*_dash(number))
                canvas.line(x, y + 2.5, x + 14, y + 2.5)
                canvas.setDash()
                number += 1
            elif kind == "limit":
                canvas.setStrokeColor(colors.HexColor("#a4001d"))
                canvas.setDash(4, 2)
                canvas.line(x, y + 2.5, x + 14, y + 2.5)
                canvas.setDash()
            else:
                canvas.setFillColor(_FILLS.get(kind, colors.black if kind == "mark" else colors.HexColor("#c2d6e3")))
                canvas.rect(x, y, 14, 6 if kind != "mark" else 4, stroke=0, fill=1)
            canvas.setFillColor(colors.black)
            canvas.drawString(x + 17, y, word)
            x += 17 + canvas.stringWidth(word, self._font, _SMALL) + 12


def _dash(place: int) -> tuple[Any, ...]:
    pattern = _DASHES[place % len(_DASHES)]
    return (list(pattern), 0) if pattern else ()
