"""The schedule as it is shown: who is on call now, a week of days, the holes of the weeks to come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.pager.config import PagerConfig
from gateway.pager.people import Person, people, reachable
from gateway.pager.rota import LEVELS, Rota, Shift
from gateway.pager.schedule import holes, read_rota

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class OnCallNow:
    """Who is asked at one level at this moment."""

    level: int
    person: Person | None
    until: datetime | None
    """When somebody else takes over; None: not within two weeks."""


@dataclass(frozen=True)
class Day:
    """One local day: the shifts of each level that touch it, cut at midnight."""

    day: date
    holiday: str
    levels: Mapping[int, Sequence[Shift]]


@dataclass(frozen=True)
class Schedule:
    """Everything that the page of the schedule shows."""

    everybody: Mapping[str, Person]
    rota: Rota
    now: Sequence[OnCallNow]
    holes: Sequence[Shift]


def read_schedule(
    connection: Connection, config: PagerConfig, zone: ZoneInfo, now: datetime, since: datetime
) -> Schedule:
    """As it is now; overrides from `since` on."""
    everybody = people(connection)
    channels = frozenset(each.name for each in config.channel if each.to_people)
    able = reachable(everybody, channels) if channels else None
    rota = read_rota(connection, zone, able, min(since, now - _DAY))
    return Schedule(everybody, rota, [_now(rota, everybody, level, now) for level in LEVELS], holes(rota, now))


def week_days(rota: Rota, first: date, zone: ZoneInfo) -> list[Day]:
    """Seven days from this one."""
    found = []
    for number in range(7):
        day = first + number * _DAY
        start, end = _midnight(day, zone), _midnight(day + _DAY, zone)
        levels = {level: rota.shifts(level, start, end) for level in LEVELS}
        found.append(Day(day, (rota.holidays or {}).get(day, ""), levels))
    return found


def monday_of(day: date) -> date:
    """The Monday of its week."""
    return day - timedelta(days=day.isoweekday() - 1)


def shifts_to_swap(rota: Rota, now: datetime, zone: ZoneInfo) -> list[Shift]:
    """The shifts of the first level of the four weeks to come, somebody being on call in each."""
    start = _midnight(now.astimezone(zone).date(), zone)
    return [shift for shift in rota.shifts(1, max(start, now), start + 4 * _WEEK) if shift.username is not None]


def _now(rota: Rota, everybody: Mapping[str, Person], level: int, now: datetime) -> OnCallNow:
    first = rota.shifts(level, now, now + 2 * _WEEK)[0]
    person = everybody.get(first.username) if first.username is not None else None
    return OnCallNow(level, person, first.ends_at if first.ends_at < now + 2 * _WEEK else None)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone)
