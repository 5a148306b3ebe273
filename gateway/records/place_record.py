"""All that the records say of a place in a time: for its page, its month's report and its exports."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.records.errors import RecordError
from gateway.records.place_reads import (
    DeviceSeries,
    DoorOpening,
    Place,
    PlaceAlarm,
    PlaceExcursion,
    Resolution,
    alarms_of,
    doors_of,
    excursions_of,
    find_place,
    series_of,
)
from gateway.records.summary import DayFrame, DayLine, Summary, days_of, summarize

REPORT_DAYS_MAX: Final = 92
"""A quarter: 132,480 minutes of a thermometer take about two seconds to read and to lay out."""


@dataclass(frozen=True)
class DeviceRecord:
    """One thermometer's time with its figures."""

    series: DeviceSeries
    summary: Summary
    days: tuple[DayLine, ...]


@dataclass(frozen=True)
class PlaceRecord:
    """A place's time."""

    place: Place
    since: datetime
    until: datetime
    """Asked for; what is to come is not in it."""
    now: datetime
    zone: ZoneInfo
    devices: tuple[DeviceRecord, ...]
    excursions: tuple[PlaceExcursion, ...]
    alarms: tuple[PlaceAlarm, ...]
    doors: tuple[DoorOpening, ...] | None
    """None: no contact has ever spoken of this door."""

    @property
    def known_until(self) -> datetime:
        """The end of the time, or now."""
        return min(self.until, self.now)

    @property
    def door_s(self) -> float:
        """How long the door was open."""
        return sum(each.seconds(self.known_until) for each in self.doors or ())


def read_record(
    connection: Connection,
    place_id: str,
    span: tuple[datetime, datetime],
    now: datetime,
    zone: ZoneInfo,
    *,
    resolution: Resolution | None = None,
) -> PlaceRecord:
    """The place in [since, until).

    Raises:
        RecordNotFoundError: there is no such place.
    """
    since, until = span
    place = find_place(connection, place_id)
    known = min(until, now)
    doors = doors_of(connection, place_id, since, known)
    frame = DayFrame(zone, place.low_celsius, place.high_celsius, doors)
    devices = tuple(
        DeviceRecord(series, summarize(series, place.low_celsius, place.high_celsius), tuple(days_of(series, frame)))
        for series in series_of(connection, place_id, since, until, now, resolution=resolution)
    )
    return PlaceRecord(
        place,
        since,
        until,
        now,
        zone,
        devices,
        tuple(excursions_of(connection, place_id, since, until)),
        tuple(alarms_of(connection, place_id, since, until)),
        None if doors is None else tuple(doors),
    )


def month_span(year: int, month: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From its first local midnight to the next month's."""
    days = calendar.monthrange(year, month)[1]
    return days_span(date(year, month, 1), date(year, month, days), zone)


def days_span(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Whole local days, the last one included.

    Raises:
        RecordError: the last before the first, or more days than a report holds.
    """
    if last < first:
        raise RecordError("days_crossed", f"{first} to {last}: expected the earlier day first", first=first, last=last)
    if (last - first).days >= REPORT_DAYS_MAX:
        raise RecordError(
            "period_too_long",
            f"{first} to {last}: at most {REPORT_DAYS_MAX} days in one report",
            first=first,
            last=last,
            most=REPORT_DAYS_MAX,
        )
    return (
        datetime.combine(first, time(), tzinfo=zone),
        datetime.combine(last + timedelta(days=1), time(), tzinfo=zone),
    )
