"""Which UHF tags are there: tag reports in, "appeared" and "disappeared" out. Pure; time comes with each call.

A tag is present from its first report on, and until there was no report of it for `absent_after_ns`. A tag seen by two
antennas is present twice: an antenna is a place, and what that means is not decided here.

A tag that is not reported because nobody listened (the reader was cut off) has not disappeared: `resume` gives every
present tag the full time again. If it is really gone, it disappears then, with the time it was last seen.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

from edge.clock import Stamp


@dataclass(frozen=True)
class TagKey:
    """A tag in front of an antenna."""

    epc: str
    """EPC memory, lower-case hexadecimal digits."""
    antenna_id: int


@dataclass(frozen=True)
class PresentTag:
    """A tag that is there."""

    key: TagKey
    last_seen_at: datetime
    seen_count: int
    quiet_since_ns: int
    """Monotonic nanoseconds: last report, or the moment from which on reports could come again."""


class Presence:
    """The tags in front of one reader."""

    def __init__(self, absent_after_ns: int) -> None:
        """Nothing is there. `absent_after_ns`: silence, in nanoseconds, that makes a tag disappear."""
        if absent_after_ns <= 0:
            raise ValueError(f"absent_after_ns is {absent_after_ns!r}: expected a positive number of nanoseconds")
        self._absent_after_ns = absent_after_ns
        self._tags: OrderedDict[TagKey, PresentTag] = OrderedDict()
        """Ordered by `quiet_since_ns`, longest silence first."""

    @property
    def tags(self) -> tuple[PresentTag, ...]:
        """What is there, longest silence first."""
        return tuple(self._tags.values())

    def report(self, key: TagKey, now: Stamp, seen_count: int = 1) -> bool:
        """Take a tag report in (`seen_count` singulations); return whether the tag appeared by it."""
        known = self._tags.pop(key, None)
        before = 0 if known is None else known.seen_count
        self._tags[key] = PresentTag(key, now.occurred_at, before + max(seen_count, 1), now.monotonic_ns)
        return known is None

    def expire(self, now_ns: int) -> tuple[PresentTag, ...]:
        """Remove and return the tags that have disappeared by `now_ns`, longest silence first."""
        gone = []
        while self._tags:
            tag = next(iter(self._tags.values()))
            if now_ns - tag.quiet_since_ns < self._absent_after_ns:
                break
            gone.append(self._tags.pop(tag.key))
        return tuple(gone)

    def excuse(self, held_up_ns: int, now_ns: int) -> None:
        """Leave out of every silence that nobody listened for the last `held_up_ns`: reports may be waiting."""
        for key, tag in self._tags.items():
            self._tags[key] = replace(tag, quiet_since_ns=min(tag.quiet_since_ns + held_up_ns, now_ns))

    def resume(self, now_ns: int) -> "Presence":
        """A copy for after a time without a reader: every tag has its full time again."""
        resumed = Presence(self._absent_after_ns)
        for key, tag in self._tags.items():
            resumed._tags[key] = replace(tag, quiet_since_ns=now_ns)
        return resumed
