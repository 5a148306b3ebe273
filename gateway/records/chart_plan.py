"""Lays out what happened at a place as a chart: scales, lines with their extremes, limits, excursions, gaps, doors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.records.place_reads import DeviceSeries, DoorOpening, PlaceExcursion, SeriesPoint
from gateway.reports.chart import ChartLine, ChartMark, ChartShade, ChartTick, LineChart

_LEFT: Final = 44.0
_RIGHT: Final = 8.0
_TOP: Final = 10.0
_BOTTOM: Final = 26.0
_AIR_CELSIUS: Final = 0.5
"""Above and below all that is drawn."""
_VALUE_TICKS: Final = 6
_VALUE_STEPS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_TIME_TICKS: Final = 9
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_TIME_STEPS: Final = (
    *(timedelta(minutes=each) for each in (5, 10, 15, 30)),
    *(timedelta(hours=each) for each in (1, 2, 3, 6, 12)),
    *(timedelta(days=each) for each in (1, 2, 4, 7, 14, 28, 61)),
)


@dataclass(frozen=True)
class ChartWords:
    """How the chart speaks: one language."""

    number: Callable[[float], str]
    """A temperature without its unit."""
    moment: Callable[[datetime], str]
    high_limit: str
    low_limit: str
    legend: dict[str, str]
    """Of mean, band, limit, mark and each kind of shade."""
    texts: Callable[[PlaceExcursion], str] = field(default=lambda _: "")
    """What an excursion was, for whoever points at it."""


@dataclass(frozen=True)
class ChartContent:
    """What is drawn, besides the thermometers."""

    since: datetime
    until: datetime
    low_celsius: float | None
    high_celsius: float | None
    excursions: Sequence[PlaceExcursion] = ()
    doors: Sequence[DoorOpening] = ()


@dataclass(frozen=True)
class _Frame:
    """The scales."""

    content: ChartContent
    zone: ZoneInfo
    width: float
    height: float
    bottom_celsius: float
    top_celsius: float

    def x(self, at: datetime) -> float:
        share = (at - self.content.since) / (self.content.until - self.content.since)
        return round(_LEFT + max(0.0, min(1.0, share)) * (self.width - _LEFT - _RIGHT), 1)

    def y(self, celsius: float) -> float:
        share = (celsius - self.bottom_celsius) / (self.top_celsius - self.bottom_celsius)
        return round(self.height - _BOTTOM - share * (self.height - _TOP - _BOTTOM), 1)


def plan(
    series: Sequence[DeviceSeries],
    content: ChartContent,
    words: ChartWords,
    zone: ZoneInfo,
    *,
    size: tuple[float, float] = (900.0, 300.0),
) -> LineChart:
    """The chart; with limits always in sight, and with nothing drawn where nothing is known."""
    frame = _frame(series, content, zone, size)
    columns = int(size[0] - _LEFT - _RIGHT)
    lines = tuple(_line(frame, each, columns) for each in series)
    shades = tuple(_shades(frame, series, words))
    marks = tuple(
        ChartMark(frame.x(each.opened_at), frame.x(each.closed_at or content.until), words.moment(each.opened_at))
        for each in content.doors
    )
    limits = [
        ChartTick(frame.y(value), f"{word} {words.number(value)}")
        for value, word in ((content.high_celsius, words.high_limit), (content.low_celsius, words.low_limit))
        if value is not None
    ]
    return LineChart(
        *size,
        left=_LEFT,
        right=size[0] - _RIGHT,
        top=_TOP,
        bottom=size[1] - _BOTTOM,
        lines=lines,
        values=tuple(_values(frame, words)),
        times=tuple(_times(frame)),
        limits=tuple(limits),
        shades=shades,
        marks=marks,
        legend=tuple(_legend(series, lines, shades, words, has_marks=bool(marks), has_limits=bool(limits))),
    )


def _frame(series: Sequence[DeviceSeries], content: ChartContent, zone: ZoneInfo, size: tuple[float, float]) -> _Frame:
    values = [value for each in series for point in each.points for value in (point.low_celsius, point.high_celsius)]
    values += [limit for limit in (content.low_celsius, content.high_celsius) if limit is not None]
    return _Frame(
        content,
        zone,
        *size,
        bottom_celsius=min(values, default=0.0) - _AIR_CELSIUS,
        top_celsius=max(values, default=10.0) + _AIR_CELSIUS,
    )


def _line(frame: _Frame, series: DeviceSeries, columns: int) -> ChartLine:
    name = series.sensor.serial_number if series.sensor else series.device_id
    breaks = sorted(ended for _, ended in series.gaps)
    breaks += [began for began, _ in series.spans[1:]]
    breaks.sort()
    pieces: list[list[SeriesPoint]] = []
    place = 0
    for point in series.points:
        broken = not pieces
        while place < len(breaks) and point.at >= breaks[place]:
            broken, place = True, place + 1
        if broken:
            pieces.append([])
        pieces[-1].append(point)
    binned = [_binned(piece, frame, columns) for piece in pieces]
    has_band = any(low != high for piece in binned for _, low, high, _ in piece)
    return ChartLine(
        name,
        tuple(tuple((x, frame.y(mean)) for x, _, _, mean in piece) for piece in binned),
        tuple(tuple((x, frame.y(high), frame.y(low)) for x, low, high, _ in piece) for piece in binned)
        if has_band
        else (),
    )


def _binned(piece: Sequence[SeriesPoint], frame: _Frame, columns: int) -> list[tuple[float, float, float, float]]:
    """(x, lowest, highest, mean); what falls on one point of the width is one: its extremes are never lost."""
    width = (frame.content.until - frame.content.since) / columns
    found: list[tuple[float, float, float, float]] = []
    current: list[SeriesPoint] = []
    number = -1
    for point in piece:
        at = int((point.at - frame.content.since) / width)
        if at != number and current:
            found.append(_together(current, frame))
            current = []
        number = at
        current.append(point)
    if current:
        found.append(_together(current, frame))
    return found


def _together(points: Sequence[SeriesPoint], frame: _Frame) -> tuple[float, float, float, float]:
    readings = sum(point.readings for point in points)
    return (
        frame.x(points[len(points) // 2].at),
        min(point.low_celsius for point in points),
        max(point.high_celsius for point in points),
        sum(point.mean_celsius * point.readings for point in points) / readings,
    )


def _shades(frame: _Frame, series: Sequence[DeviceSeries], words: ChartWords) -> list[ChartShade]:
    found = [
        ChartShade(
            frame.x(each.started_at),
            frame.x(each.ended_at or frame.content.until),
            "excursion" if each.triggered_at is not None else "excursion_short",
            words.texts(each),
        )
        for each in frame.content.excursions
    ]
    for one in series:
        found += [ChartShade(frame.x(began), frame.x(ended), "gap", words.moment(began)) for began, ended in one.gaps]
        found += [ChartShade(frame.x(began), frame.x(ended), "offline", why) for began, ended, why in one.offline]
    return found


def _values(frame: _Frame, words: ChartWords) -> list[ChartTick]:
    extent = frame.top_celsius - frame.bottom_celsius
    step = next((each for each in _VALUE_STEPS if extent / each <= _VALUE_TICKS), _VALUE_STEPS[-1])
    first = int(frame.bottom_celsius // step) + 1
    last = int(frame.top_celsius // step)
    return [ChartTick(frame.y(number * step), words.number(number * step)) for number in range(first, last + 1)]


def _times(frame: _Frame) -> list[ChartTick]:
    """At round local times: hours of the day, or midnights."""
    content, zone = frame.content, frame.zone
    span = content.until - content.since
    step = next((each for each in _TIME_STEPS if span / each <= _TIME_TICKS), _TIME_STEPS[-1])
    local = content.since.astimezone(zone)
    moment = local.replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    while moment < content.until:
        if moment >= content.since:
            is_day = step >= _DAY or (moment.hour == 0 and moment.minute == 0)
            found.append(ChartTick(frame.x(moment), f"{moment:%d/%m}" if is_day else f"{moment:%H:%M}"))
        moment = moment + step
    return found


def _legend(
    series: Sequence[DeviceSeries],
    lines: Sequence[ChartLine],
    shades: Sequence[ChartShade],
    words: ChartWords,
    *,
    has_marks: bool,
    has_limits: bool,
) -> list[tuple[str, str]]:
    found = [("line", line.name if len(series) > 1 else words.legend["line"]) for line in lines if line.pieces]
    if any(line.bands for line in lines):
        found.append(("band", words.legend["band"]))
    if has_limits:
        found.append(("limit", words.legend["limit"]))
    kinds = {shade.kind for shade in shades}
    found += [
        (kind, words.legend[kind]) for kind in ("excursion", "excursion_short", "gap", "offline") if kind in kinds
    ]
    if has_marks:
        found.append(("mark", words.legend["mark"]))
    return found
