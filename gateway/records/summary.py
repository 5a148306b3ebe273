"""The figures of a thermometer's time: extremes, means, exposure, what is not known; and the same day by day."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.records.place_reads import DeviceSeries, DoorOpening, SeriesPoint
from inventory.cold_chain.instant import MINUTE_US
from inventory.cold_chain.mean_kinetic_temperature import mean_kinetic_temperature
from inventory.cold_chain.series import GAP_INTERVALS, Reading, Series

TWICE_A_DAY: Final = (time(8), time(16))
"""When a person reads the thermometer where no logger is: the sheet shows the same times beside its extremes."""
_NEAR: Final = timedelta(minutes=30)
"""A reading so near to the hour is that of the hour."""


@dataclass(frozen=True)
class Summary:
    """Of one thermometer in one time."""

    readings: int
    lowest: SeriesPoint | None
    highest: SeriesPoint | None
    mean_celsius: float | None
    """Weighted by time, gaps left out."""
    mkt_celsius: float | None
    known_s: float
    """Time that the readings stand for."""
    span_s: float
    above_s: float
    below_s: float
    near_limit_s: float | None
    """Time so near to a limit that the calibration's uncertainty does not tell on which side; None: it has none."""

    @property
    def coverage(self) -> float:
        """Share of the time that is known."""
        return self.known_s / self.span_s if self.span_s else 0.0


@dataclass(frozen=True)
class DayLine:
    """One local day."""

    day: date
    lowest_celsius: float | None
    highest_celsius: float | None
    mean_celsius: float | None
    at_times: tuple[float | None, ...]
    """At `TWICE_A_DAY`, or what was asked for."""
    above_s: float
    below_s: float
    missing_s: float
    doors: int | None
    door_s: float


def summarize(series: DeviceSeries, low: float | None, high: float | None) -> Summary:
    """The figures of the whole time."""
    points = series.points
    span_s = sum((ended - began).total_seconds() for began, ended in series.spans)
    if not points:
        return Summary(0, None, None, None, None, 0.0, span_s, 0.0, 0.0, None)
    judged = _judged(series)
    weights = judged.weights_us()
    total = sum(weights)
    mean = sum(value * weight for value, weight in zip(judged.highest, weights, strict=True)) / total if total else None
    kinetic = mean_kinetic_temperature(judged)
    above, below, near = _exposure(series, low, high)
    return Summary(
        readings=sum(point.readings for point in points),
        lowest=min(points, key=lambda point: point.low_celsius),
        highest=max(points, key=lambda point: point.high_celsius),
        mean_celsius=mean if mean is not None else points[-1].mean_celsius,
        mkt_celsius=None if kinetic is None else kinetic.celsius,
        known_s=min(total / MINUTE_US * 60, span_s),
        span_s=span_s,
        above_s=above,
        below_s=below,
        near_limit_s=near,
    )


def _judged(series: DeviceSeries) -> Series:
    """Means of the points in canonical order, with the steps that its resolution allows."""
    step_s = {"reading": 0.0, "minute": 60.0, "hour": 3600.0}[series.resolution]
    interval_s = max(series.interval_s, step_s)
    return Series.of((Reading(point.at, point.mean_celsius) for point in series.points), interval_s)


def _steps(series: DeviceSeries) -> Iterable[tuple[SeriesPoint, float]]:
    """Each point with the seconds for which it stands: until the next one, and none before a gap."""
    step_s = {"reading": 0.0, "minute": 60.0, "hour": 3600.0}[series.resolution]
    longest_s = max(series.interval_s, step_s) * GAP_INTERVALS
    points = series.points
    for place, point in enumerate(points):
        if place + 1 == len(points):
            return
        step = (points[place + 1].at - point.at).total_seconds()
        yield point, step if step <= longest_s else 0.0


def _exposure(series: DeviceSeries, low: float | None, high: float | None) -> tuple[float, float, float | None]:
    above = below = near = 0.0
    corrections, key = series.corrections, series.device_key
    is_certain = False
    for point, seconds in _steps(series):
        if high is not None and point.high_celsius > high:
            above += seconds
        if low is not None and point.low_celsius < low:
            below += seconds
        doubt = corrections.uncertainty(key, point.at, point.mean_celsius)
        if doubt is not None:
            is_certain = True
            if (high is not None and abs(point.high_celsius - high) <= doubt) or (
                low is not None and abs(point.low_celsius - low) <= doubt
            ):
                near += seconds
    return above, below, near if is_certain else None


@dataclass(frozen=True)
class DayFrame:
    """By what days are told."""

    zone: ZoneInfo
    low_celsius: float | None
    high_celsius: float | None
    doors: Sequence[DoorOpening] | None = None
    """None: no contact."""
    times: Sequence[time] = TWICE_A_DAY


def days_of(series: DeviceSeries, frame: DayFrame) -> list[DayLine]:
    """Every local day that its time touches, those without a reading too."""
    if not series.spans:
        return []
    first = series.spans[0][0].astimezone(frame.zone).date()
    last = (series.spans[-1][1] - timedelta(microseconds=1)).astimezone(frame.zone).date()
    # The last point stands for no time, and is a point of its day.
    stepped = [*_steps(series), *((point, 0.0) for point in series.points[-1:])]
    moments = [point.at for point in series.points]
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        begin = datetime.combine(day, time(), tzinfo=frame.zone)
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=frame.zone)
        start, stop = bisect_left(moments, begin), bisect_left(moments, end)
        missing_s = _covered(series.gaps, (begin, end))
        found.append(_day(frame, (begin, end), stepped[start:stop], missing_s))
    return found


def _day(
    frame: DayFrame,
    span: tuple[datetime, datetime],
    stepped: Sequence[tuple[SeriesPoint, float]],
    missing_s: float,
) -> DayLine:
    low, high = frame.low_celsius, frame.high_celsius
    day, points = span[0].date(), [point for point, _ in stepped]
    known = sum(seconds for _, seconds in stepped)
    weighed = sum(point.mean_celsius * seconds for point, seconds in stepped)
    opened = [each for each in frame.doors or () if each.opened_at < span[1] and (each.closed_at or span[1]) > span[0]]
    return DayLine(
        day=day,
        lowest_celsius=min((point.low_celsius for point in points), default=None),
        highest_celsius=max((point.high_celsius for point in points), default=None),
        mean_celsius=weighed / known if known else (points[-1].mean_celsius if points else None),
        at_times=tuple(_near(points, datetime.combine(day, each, tzinfo=frame.zone)) for each in frame.times),
        above_s=sum(seconds for point, seconds in stepped if high is not None and point.high_celsius > high),
        below_s=sum(seconds for point, seconds in stepped if low is not None and point.low_celsius < low),
        missing_s=missing_s,
        doors=None if frame.doors is None else len(opened),
        door_s=_covered([(each.opened_at, each.closed_at or span[1]) for each in opened], span),
    )


@dataclass(frozen=True)
class HourLine:
    """One local hour with readings."""

    begins_at: datetime
    lowest_celsius: float
    highest_celsius: float
    mean_celsius: float
    readings: int


def hours_of(series: DeviceSeries, zone: ZoneInfo) -> list[HourLine]:
    """Every hour that has a reading, oldest first: the table beside a chart."""
    hours: dict[datetime, list[SeriesPoint]] = {}
    for point in series.points:
        hours.setdefault(point.at.astimezone(zone).replace(minute=0, second=0, microsecond=0), []).append(point)
    return [
        HourLine(
            at,
            min(point.low_celsius for point in points),
            max(point.high_celsius for point in points),
            sum(point.mean_celsius * point.readings for point in points) / sum(point.readings for point in points),
            sum(point.readings for point in points),
        )
        for at, points in hours.items()
    ]


def _near(points: Sequence[SeriesPoint], moment: datetime) -> float | None:
    nearest = min(points, key=lambda point: abs(point.at - moment), default=None)
    return nearest.mean_celsius if nearest is not None and abs(nearest.at - moment) <= _NEAR else None


def _covered(parts: Iterable[tuple[datetime, datetime]], span: tuple[datetime, datetime]) -> float:
    return sum(max(0.0, (min(ended, span[1]) - max(began, span[0])).total_seconds()) for began, ended in parts)
