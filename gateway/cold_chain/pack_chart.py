"""The temperatures that a pack saw, over all its stays, for the chart of its page and its paper."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from gateway.cold_chain.climate_reads import ClimateReads
from gateway.cold_chain.thermal_history import Leg, ThermalHistory
from gateway.db.pool import Connection
from gateway.records.chart_plan import ChartContent, ChartWords, plan
from gateway.records.corrections import Corrections
from gateway.records.place_reads import DeviceSeries, SeriesPoint
from gateway.reports.chart import LineChart
from inventory.cold_chain.climate import HOUR_US, HourClimate, Tally
from inventory.cold_chain.instant import from_us, to_us
from inventory.cold_chain.series import Series

_BY_READINGS: Final = timedelta(days=3)
"""A longer history is drawn by the extremes of its hours."""
_HOUR: Final = timedelta(hours=1)


def chart_of(
    connection: Connection,
    history: ThermalHistory,
    words: ChartWords,
    zone: ZoneInfo,
    size: tuple[float, float] = (900.0, 300.0),
) -> LineChart | None:
    """None: nobody measured anything."""
    reads = ClimateReads(connection)
    legs = [leg for leg in history.legs if leg.source != "not_asked"]
    if not legs:
        return None
    since = min(leg.from_at for leg in legs)
    until = max(leg.until_at or history.as_of for leg in legs)
    if until <= since:
        return None
    points: list[SeriesPoint] = []
    by_readings = until - since <= _BY_READINGS
    for leg in legs:
        points += _points(reads, leg, leg.until_at or history.as_of, by_readings=by_readings)
    if not points:
        return None
    points.sort(key=lambda point: point.at)
    series = DeviceSeries(
        device_key=0,
        device_id=history.goods.serial_number or history.goods.lot,
        edge_node="",
        state="",
        sensor=None,
        interval_s=300.0,
        spans=((since, until),),
        resolution="reading" if by_readings else "hour",
        points=tuple(points),
        gaps=tuple(_gaps(points, since, until, timedelta(minutes=20) if by_readings else 2 * _HOUR)),
        corrections=Corrections(),
        offline=(),
    )
    goods = history.goods
    return plan([series], ChartContent(since, until, goods.low_celsius, goods.high_celsius), words, zone, size=size)


def _points(reads: ClimateReads, leg: Leg, until: datetime, *, by_readings: bool) -> list[SeriesPoint]:
    from_us_, until_us = to_us(leg.from_at), to_us(until)
    spot = leg.account_id if leg.place_id else f"{leg.account_id}/{leg.document_id or ''}"
    found: list[SeriesPoint] = []
    for logger in reads.loggers(spot):
        found += _of_series(reads.logger_series(logger), from_us_, until_us)
    if leg.place_id is None or found:
        return found
    for thermometer in reads.thermometers(leg.place_id)[:1]:
        begin = from_us_ if thermometer.from_us is None else max(from_us_, thermometer.from_us)
        end = until_us if thermometer.until_us is None else min(until_us, thermometer.until_us)
        if end <= begin:
            continue
        if by_readings:
            found += _of_series(reads.series_of(thermometer.device_key, begin, end), begin, end)
        else:
            hours = reads.hours(thermometer.device_key, begin - begin % HOUR_US, end)
            found += [_of_hour(hour) for hour in hours]
    return found


def _of_series(series: Series, from_at_us: int, until_us: int) -> list[SeriesPoint]:
    return [
        SeriesPoint(from_us(at), low, high, (low + high) / 2, 1, (low + high) / 2)
        for at, low, high in zip(series.at_us, series.lowest, series.highest, strict=True)
        if from_at_us <= at <= until_us
    ]


def _of_hour(hour: HourClimate) -> SeriesPoint:
    """Its mean kinetic temperature stands for the mean: it is what ages a product."""
    mean = Tally(inside_us=hour.known_us, heat=hour.heat).mkt_celsius or hour.highest
    return SeriesPoint(from_us(hour.hour_us), hour.lowest, hour.highest, mean, 1, mean)


def _gaps(
    points: list[SeriesPoint], since: datetime, until: datetime, longest: timedelta
) -> list[tuple[datetime, datetime]]:
    times = [since, *(point.at for point in points), until]
    return [(one, other) for one, other in pairwise(times) if other - one > longest]
