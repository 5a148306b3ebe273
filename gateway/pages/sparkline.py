"""A small trend line drawn on the server: SVG by attributes only, since the page's policy forbids inline styles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.services.reads_on_call import TREND_BINS, TrendPoint

WIDTH: Final = 300
HEIGHT: Final = 72
_MARGIN: Final = 4
_ROOM_CELSIUS: Final = 0.5
"""Air above and below the line and the limits."""
_GAP_BINS: Final = 6
"""Slices without a reading before the line is broken: a slice may be shorter than the sensor's interval."""


@dataclass(frozen=True)
class Sparkline:
    """What the template draws."""

    span: timedelta
    lines: tuple[str, ...]
    """`points` of each unbroken piece."""
    last: tuple[float, float] | None
    """Where the newest value is."""
    low_y: float | None
    """Height of the lower limit's line."""
    high_y: float | None
    width: int = WIDTH
    height: int = HEIGHT


def draw(
    points: Sequence[TrendPoint], low: float | None, high: float | None, span: timedelta, now: datetime
) -> Sparkline:
    """Lay the points out between now - span and now, limits included in the height."""
    values = [value for point in points for value in (point.min_celsius, point.max_celsius)]
    values += [limit for limit in (low, high) if limit is not None]
    bottom = min(values, default=0.0) - _ROOM_CELSIUS
    top = max(values, default=1.0) + _ROOM_CELSIUS

    def x_of(at: datetime) -> float:
        share = 1 - (now - at) / span
        return round(_MARGIN + max(0.0, min(1.0, share)) * (WIDTH - 2 * _MARGIN), 1)

    def y_of(celsius: float) -> float:
        return round(HEIGHT - _MARGIN - (celsius - bottom) / (top - bottom) * (HEIGHT - 2 * _MARGIN), 1)

    pieces: list[list[tuple[float, float]]] = []
    before: datetime | None = None
    for point in points:
        if before is None or point.at - before > span / TREND_BINS * _GAP_BINS:
            pieces.append([])
        pieces[-1].append((x_of(point.at), y_of(point.mean_celsius)))
        before = point.at
    return Sparkline(
        span=span,
        lines=tuple(" ".join(f"{x},{y}" for x, y in piece) for piece in pieces),
        last=pieces[-1][-1] if pieces else None,
        low_y=y_of(low) if low is not None else None,
        high_y=y_of(high) if high is not None else None,
    )
