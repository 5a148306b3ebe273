"""Load by hour, drawn on the server: bars of arrivals, a line of how long half of the patients waited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 72, 14, 30
_MARKS: Final = 12
_NICE: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


@dataclass(frozen=True)
class Hour:
    """What the chart shows of one hour."""

    at: datetime
    """Local."""
    count: int
    wait_minutes: int | None


@dataclass(frozen=True)
class Bar:
    """One hour's."""

    x: float
    y: float
    width: float
    height: float
    hour: Hour


@dataclass(frozen=True)
class LoadChart:
    """What the template draws."""

    bars: list[Bar]
    waits: list[str]
    """`points` of each unbroken piece of the line."""
    dots: list[tuple[float, float]]
    marks: list[tuple[float, datetime]]
    counts: list[tuple[float, int]]
    """Lines of the left scale."""
    minutes: list[tuple[float, int]]
    """Marks of the right scale."""
    width: int = WIDTH
    height: int = HEIGHT
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM


def draw_load(hours: Sequence[Hour], since: datetime, until: datetime) -> LoadChart:
    """Hours in their place between `since` and `until` (local, whole hours)."""
    slots = max(1, round((until - since) / timedelta(hours=1)))
    width = (WIDTH - _LEFT - _RIGHT) / slots
    top_count, top_wait = _top([one.count for one in hours]), _top([one.wait_minutes or 0 for one in hours])

    def x_of(at: datetime) -> float:
        return _LEFT + (at - since) / timedelta(hours=1) * width

    def y_of(value: float, top: int) -> float:
        return round(HEIGHT - _BOTTOM - value / top * (HEIGHT - _BOTTOM - _TOP), 1)

    bars = [
        Bar(
            round(x_of(one.at) + width * 0.1, 1),
            y_of(one.count, top_count),
            round(max(width * 0.8, 0.6), 1),
            round(HEIGHT - _BOTTOM - y_of(one.count, top_count), 1),
            one,
        )
        for one in hours
        if one.count
    ]
    waited = [one for one in hours if one.wait_minutes is not None]
    dots = [(round(x_of(one.at) + width / 2, 1), y_of(one.wait_minutes or 0, top_wait)) for one in waited]
    every = max(1, slots // _MARKS)
    return LoadChart(
        bars=bars,
        waits=_pieces(waited, dots),
        dots=dots if slots <= 48 else [],  # noqa: PLR2004 - two days: more would be one smear
        marks=[
            (round(x_of(since + timedelta(hours=hour)), 1), since + timedelta(hours=hour))
            for hour in range(0, slots, every)
        ],
        counts=[(y_of(value, top_count), value) for value in _scale(top_count)],
        minutes=[(y_of(value, top_wait), value) for value in _scale(top_wait)],
    )


def _pieces(waited: Sequence[Hour], dots: Sequence[tuple[float, float]]) -> list[str]:
    """A line through neighbouring hours; an hour without a call breaks it."""
    pieces: list[list[str]] = []
    before: datetime | None = None
    for hour, (x, y) in zip(waited, dots, strict=True):
        if before is None or hour.at - before > timedelta(hours=1):
            pieces.append([])
        pieces[-1].append(f"{x},{y}")
        before = hour.at
    return [" ".join(piece) for piece in pieces]


def _top(values: Sequence[int]) -> int:
    most = max([*values, 1])
    step = next((one for one in _NICE if one * 4 >= most), _NICE[-1])
    return -(-most // step) * step


def _scale(top: int) -> list[int]:
    step = next((one for one in _NICE if one * 4 >= top), _NICE[-1])
    return list(range(0, top + 1, step))
