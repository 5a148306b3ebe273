"""One rule along one sensor's readings in order of time: the timer of an alarm, kept and restored as plain numbers.

Decisions (the standard for loggers says only "single event" and "cumulative"; no source says more):
- The timer runs from the first reading outside to the first reading back inside, as in WHO PQS single-event loggers.
  It matures at the instant it reaches the rule's minutes, which may lie between two readings. A reading back inside at
  that very instant comes first: a Q-tag CLm that measured each minute and kept each tenth did not alarm on seven runs
  of three kept readings for 30 minutes.
- A gap neither extends nor resets it: its length is not exposure, and what is outside on both sides is one excursion.
- Nothing is known beyond the last reading: an excursion that is still open has lasted until that one.
- Between two readings nobody knows. So each excursion carries the shortest and the longest time it can have lasted:
  from the first to the last reading outside, and from the last reading inside before it to the first one after it
  (gaps included).
"""

from dataclasses import asdict, dataclass

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.rule import Rule


@dataclass(frozen=True, slots=True)
class Excursion:
    """A time outside a rule's threshold, whether or not it alarmed; instants in microseconds since 1970."""

    rule: Rule
    started_us: int
    """The first reading outside."""
    triggered_us: int | None
    """When the time outside reached the rule's minutes; None: it has not."""
    ended_us: int | None
    """The first reading back inside; None: still outside at the last reading."""
    outside_us: int
    """Time outside, gaps left out."""
    shortest_us: int
    longest_us: int
    peak: float

    @property
    def is_certain(self) -> bool:
        """Whether any course between the readings would have led to the same verdict."""
        needed = self.rule.needed_us
        return (self.shortest_us >= needed) == (self.longest_us >= needed)


@dataclass(slots=True)
class _Timer:
    """What a rule remembers between two readings."""

    last_us: int | None = None
    is_outside: bool = False
    started_us: int | None = None
    triggered_us: int | None = None
    ended_us: int | None = None
    outside_us: int = 0
    shortest_us: int = 0
    longest_us: int = 0
    peak: float = 0.0


class RuleRun:
    """The state of one rule along one sensor's readings."""

    def __init__(self, rule: Rule, gap_us: int) -> None:
        """Begin before the first reading; a step longer than `gap_us` is a gap."""
        self.rule = rule
        self._gap_us = gap_us
        self._timer = _Timer()
        self._needed_us = rule.needed_us
        self._accumulates = rule.mode == "accumulated"

    def snapshot(self) -> dict[str, int | float | bool | None]:
        """All that is remembered, as what JSON can say."""
        return asdict(self._timer)

    @classmethod
    def restored(cls, rule: Rule, gap_us: int, snapshot: dict[str, int | float | bool | None]) -> "RuleRun":
        """Go on where `snapshot` was taken; it belongs to the same rule.

        Raises:
            ColdChainError: not such a snapshot.
        """
        run = cls(rule, gap_us)
        if set(snapshot) != set(run.snapshot()):
            raise ColdChainError(f"state of rule {rule.name!r} has {sorted(snapshot)}: judge its history again")
        run._timer = _Timer(**snapshot)  # type: ignore[arg-type] # what snapshot() gave
        return run

    @property
    def last_us(self) -> int | None:
        """The last reading judged."""
        return self._timer.last_us

    def advance(self, at_us: int, value: float) -> Excursion | None:
        """Judge the next reading, which is newer than all before; gives the excursion that it ended.

        Raises:
            ColdChainError: not newer: judge the history again with it in its place.
        """
        timer = self._timer
        if timer.last_us is None:
            step = 0
        else:
            step = at_us - timer.last_us
            if step <= 0:
                raise ColdChainError(f"reading at {at_us} us is not newer than the last, {timer.last_us} us")
        timer.last_us = at_us
        if not timer.is_outside:
            if self.rule.is_outside(value):
                self._begin(at_us, step, value)
            return None
        timer.longest_us += step
        is_back = self.rule.is_back(value)
        if step <= self._gap_us:
            timer.outside_us += step
            if not is_back:
                timer.shortest_us += step
            self._mature(at_us, still_outside=not is_back)
        if not is_back:
            timer.peak = self.rule.worse(timer.peak, value)
            return None
        timer.is_outside = False
        timer.ended_us = at_us
        if self._accumulates:
            return None
        ended = self.excursion()
        self._timer = _Timer(last_us=at_us)
        return ended

    def excursion(self) -> Excursion | None:
        """The excursion that is open, or of an accumulating rule the one of the whole period; None: never outside."""
        timer = self._timer
        if timer.started_us is None:
            return None
        return Excursion(
            self.rule,
            timer.started_us,
            timer.triggered_us,
            None if timer.is_outside else timer.ended_us,
            timer.outside_us,
            timer.shortest_us,
            timer.longest_us,
            timer.peak,
        )

    def _begin(self, at_us: int, step: int, value: float) -> None:
        timer = self._timer
        timer.is_outside = True
        timer.longest_us += step
        if timer.started_us is None:
            timer.started_us = at_us
            timer.peak = value
        else:
            timer.peak = self.rule.worse(timer.peak, value)
        self._mature(at_us, still_outside=True)

    def _mature(self, at_us: int, *, still_outside: bool) -> None:
        timer = self._timer
        beyond_us = timer.outside_us - self._needed_us
        if timer.triggered_us is None and (beyond_us > 0 or (beyond_us == 0 and still_outside)):
            timer.triggered_us = at_us - beyond_us
