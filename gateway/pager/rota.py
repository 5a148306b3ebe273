"""Who is on call when: layers of people in turn, overrides, holidays. Pure: no clock, no database.

Days, turns and shift boundaries are the hospital's local time; whatever is asked and answered is an instant. A layer
covers some hours of some weekdays; of several layers of one level the one with the highest priority counts, then the
older one; an override counts before all layers, the one made last before others.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

LEVELS: Final = (1, 2, 3)
"""1 is on call, 2 the second person, 3 the head."""
EVERY_WEEKDAY: Final = frozenset(range(1, 8))
_DAY: Final = timedelta(days=1)
Why = Literal["nobody", "unreachable"]


@dataclass(frozen=True)
class Layer:
    """People who take turns."""

    layer_id: UUID
    name: str
    level: int
    members: tuple[str, ...]
    first_day: date
    """The first member's first turn begins on this day, at `hand_over_at`."""
    hand_over_at: time
    turn_days: int = 7
    last_day: date | None = None
    weekdays: frozenset[int] = EVERY_WEEKDAY
    """ISO: 1 is Monday. Of a shift over midnight, the day on which it begins."""
    holidays: Literal["as_usual", "only", "never"] = "as_usual"
    from_time: time | None = None
    to_time: time | None = None
    priority: int = 0

    def __post_init__(self) -> None:
        """Refuse what no schedule can mean.

        Raises:
            ValueError: names the value and what was expected.
        """
        if not self.members:
            raise ValueError("members: got none: expected at least one person")
        if self.level not in LEVELS:
            raise ValueError(f"level: got {self.level!r}: expected 1, 2 or 3")
        if self.turn_days < 1:
            raise ValueError(f"turn_days: got {self.turn_days!r}: expected at least 1")
        if (self.from_time is None) != (self.to_time is None):
            raise ValueError("from_time and to_time: give both or none")
        if not self.weekdays <= EVERY_WEEKDAY or not self.weekdays:
            raise ValueError(f"weekdays: got {sorted(self.weekdays)!r}: expected some of 1 (Monday) to 7 (Sunday)")


@dataclass(frozen=True)
class Override:
    """Somebody instead of whoever the layers say: a swap, an illness."""

    override_id: UUID
    level: int
    username: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    reason: str = ""


@dataclass(frozen=True)
class Shift:
    """From when to when who is on call at a level; a hole has nobody."""

    level: int
    starts_at: datetime
    ends_at: datetime
    username: str | None
    source: Literal["layer", "override", "hole"]
    source_id: UUID | None = None
    why: Why | None = None
    """Of a hole: nobody is named, or who is named has no way to be reached."""


@dataclass(frozen=True)
class Rota:
    """A whole schedule."""

    zone: ZoneInfo
    layers: Sequence[Layer] = ()
    overrides: Sequence[Override] = ()
    holidays: Mapping[date, str] | None = None
    reachable: Collection[str] | None = None
    """People with an account in use and a way to be paged; None: everybody is."""

    def who(self, level: int, at: datetime) -> str | None:
        """Who is on call at this level; None in a hole."""
        return self._at(level, at).username

    def shifts(self, level: int, start: datetime, end: datetime) -> list[Shift]:
        """All of [start, end) in order, holes included; neighbours with the same person are one."""
        marks = sorted({start, *(mark for mark in self._marks(level, start, end) if start < mark < end)})
        found: list[Shift] = []
        for begins, ends in zip(marks, [*marks[1:], end], strict=True):
            piece = self._at(level, begins)
            last = found[-1] if found else None
            same = last is not None and (last.username, last.source_id, last.why) == (
                *(piece.username, piece.source_id, piece.why),
            )
            begins_at = found.pop().starts_at if same else begins
            found.append(Shift(level, begins_at, ends, piece.username, piece.source, piece.source_id, piece.why))
        return found

    def holes(self, level: int, start: datetime, end: datetime) -> list[Shift]:
        """Where nobody who can be reached is on call."""
        return [shift for shift in self.shifts(level, start, end) if shift.username is None]

    def _at(self, level: int, at: datetime) -> Shift:
        unreachable = False
        for username, source, source_id in self._candidates(level, at):
            if self.reachable is None or username in self.reachable:
                return Shift(level, at, at, username, source, source_id)
            unreachable = True
        return Shift(level, at, at, None, "hole", None, "unreachable" if unreachable else "nobody")

    def _candidates(self, level: int, at: datetime) -> Iterator[tuple[str, Literal["layer", "override"], UUID]]:
        """Who is named for this moment, the strongest first: below someone unreachable, whoever comes next."""
        for override in sorted(self.overrides, key=lambda one: one.made_at, reverse=True):
            if override.level == level and override.starts_at <= at < override.ends_at:
                yield override.username, "override", override.override_id
        for layer in sorted(self.layers, key=lambda one: -one.priority):
            member = self._on_duty(layer, at) if layer.level == level else None
            if member is not None:
                yield member, "layer", layer.layer_id

    def _on_duty(self, layer: Layer, at: datetime) -> str | None:
        local = at.astimezone(self.zone)
        for day in (local.date(), local.date() - _DAY):
            begins, ends = self._hours(layer, day)
            if begins <= at < ends and self._covers(layer, day):
                return self._turn(layer, at)
        return None

    def _hours(self, layer: Layer, day: date) -> tuple[datetime, datetime]:
        """The shift that begins on this day."""
        if layer.from_time is None or layer.to_time is None:
            return self._instant(day, time()), self._instant(day + _DAY, time())
        next_day = layer.to_time <= layer.from_time
        return self._instant(day, layer.from_time), self._instant(day + _DAY if next_day else day, layer.to_time)

    def _covers(self, layer: Layer, day: date) -> bool:
        if day < layer.first_day or (layer.last_day is not None and day > layer.last_day):
            return False
        is_holiday = day in (self.holidays or {})
        if layer.holidays == "only":
            return is_holiday
        if is_holiday and layer.holidays == "never":
            return False
        return day.isoweekday() in layer.weekdays

    def _turn(self, layer: Layer, at: datetime) -> str:
        """Turns are counted in local days, so that they end at the same hour when clocks are changed."""
        local = at.astimezone(self.zone)
        days = (local.date() - layer.first_day).days - (local.time().replace(tzinfo=None) < layer.hand_over_at)
        return layer.members[max(days, 0) // layer.turn_days % len(layer.members)]

    def _marks(self, level: int, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every moment at which it may change who is on call."""
        for override in self.overrides:
            if override.level == level:
                yield override.starts_at
                yield override.ends_at
        layers = [layer for layer in self.layers if layer.level == level]
        day = start.astimezone(self.zone).date() - _DAY
        while day <= end.astimezone(self.zone).date():
            for layer in layers:
                yield from self._hours(layer, day)
                yield self._instant(day, layer.hand_over_at)
            day += _DAY

    def _instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)
