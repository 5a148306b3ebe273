"""Stock over time, drawn on the server as one SVG step line: it stays until something comes or goes."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from gateway.stock.series import Series

WIDTH: Final = 900
HEIGHT: Final = 260
_LEFT: Final = 70
_BOTTOM: Final = 28
_TOP: Final = 12
_RIGHT: Final = 8
_DATES: Final = 6
_NICE: Final = (1, 2, 5, 10)


@dataclass(frozen=True)
class Tick:
    """A line of the scale with its value."""

    at: float
    value: int


@dataclass(frozen=True)
class DateMark:
    """A day on the lower edge."""

    at: float
    day: date


@dataclass(frozen=True)
class StepChart:
    """What the template draws."""

    line: str
    """`points` of the step line."""
    area: str
    """The same, closed along zero."""
    ticks: tuple[Tick, ...]
    dates: tuple[DateMark, ...]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def draw_steps(series: Series) -> StepChart:
    """The whole span, zero always in sight: a line that seems to fall to nothing must have fallen to nothing."""
    span = (series.last_day - series.first_day).days + 1
    values = [series.opening, *(one.closing for one in series.changes)]
    step = _step(max(*values, 1) - min(*values, 0))
    top = (max(*values, 1) + step - 1) // step * step
    bottom = min(*values, 0) // step * step

    def x_of(day: date) -> float:
        return round(_LEFT + (day - series.first_day).days / span * (WIDTH - _LEFT - _RIGHT), 1)

    def y_of(units: int) -> float:
        return round(HEIGHT - _BOTTOM - (units - bottom) / (top - bottom) * (HEIGHT - _BOTTOM - _TOP), 1)

    points = [(x_of(series.first_day), y_of(series.opening))]
    for change in series.changes:
        x = x_of(change.day)
        points += [(x, points[-1][1]), (x, y_of(change.closing))]
    points.append((WIDTH - _RIGHT, points[-1][1]))
    line = " ".join(f"{x},{y}" for x, y in points)
    every = max(1, span // _DATES)
    return StepChart(
        line=line,
        area=f"{points[0][0]},{y_of(0)} {line} {points[-1][0]},{y_of(0)}",
        ticks=tuple(Tick(y_of(value), value) for value in range(bottom, top + 1, step)),
        dates=tuple(
            DateMark(x_of(day), day)
            for day in (series.first_day + timedelta(days=n) for n in range(0, span - every // 2, every))
        ),
    )


def _step(extent: int) -> int:
    """About four lines, at round numbers."""
    power = 1
    while True:
        for nice in _NICE:
            if extent <= nice * power * 4:
                return nice * power
        power *= 10
