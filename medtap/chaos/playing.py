"""Plays a schedule on a machine that may be late: what is late lasts as long, no part is broken twice at once."""

from collections.abc import Sequence

from medtap.chaos.schedule import REST_S, ScheduledFault, parts_of


class Playing:
    """What to begin and what to end now. Pure: it is told the time, in seconds after the fleet was ready.

    A schedule keeps the faults of one part apart, but only while each comes in time. If a restart of the database takes
    twenty seconds, the next faults are all due at once, and a backup would be restored while the database is down.
    """

    def __init__(self, schedule: Sequence[ScheduledFault]) -> None:
        """Nothing has begun."""
        self._due = list(schedule)
        self._active: list[tuple[ScheduledFault, float]] = []
        """With the time of its end."""
        self._free_at_s: dict[str, float] = {}
        """When a part that was mended may be broken again."""

    def over(self, now_s: float) -> list[ScheduledFault]:
        """Those of the active faults whose time is over."""
        return [one for one, end_s in self._active if end_s <= now_s]

    @property
    def active(self) -> list[ScheduledFault]:
        """Faults that have begun and not ended."""
        return [one for one, _ in self._active]

    @property
    def done(self) -> bool:
        """True when every fault has begun and ended."""
        return not self._due and not self._active

    def next(self, now_s: float) -> ScheduledFault | None:
        """The next fault to begin; None if none is due, or each waits for its part."""
        busy = {part for one in self.active for part in parts_of(one)}
        busy |= {part for part, free_s in self._free_at_s.items() if now_s < free_s}
        for one in self._due:
            if one.at_s > now_s:
                return None
            if busy.isdisjoint(parts_of(one)):
                return one
            busy.update(parts_of(one))
        return None

    def begun(self, one: ScheduledFault, now_s: float) -> None:
        """It has begun: from now on its time counts."""
        self._due.remove(one)
        self._active.append((one, now_s + one.hold_s))

    def ended(self, one: ScheduledFault, now_s: float) -> None:
        """It has been undone."""
        self._active = [each for each in self._active if each[0] is not one]
        self._free_at_s |= dict.fromkeys(parts_of(one), now_s + REST_S)
