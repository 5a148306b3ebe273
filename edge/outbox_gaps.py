"""The newest declared gaps of an outbox, for people: those that stand in the file and those of this run."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from edge.contracts.streams import Stream

GAPS_REMEMBERED: Final = 50


@dataclass(frozen=True)
class Gap:
    """Rows that were declared lost."""

    stream: Stream
    first_seq: int
    last_seq: int
    reason: str

    def touches(self, other: "Gap") -> bool:
        """True if both stand for one and the same row."""
        return self.stream is other.stream and self.first_seq <= other.last_seq and other.first_seq <= self.last_seq


class RememberedGaps:
    """At most `GAPS_REMEMBERED`, oldest first."""

    def __init__(self) -> None:
        """None is known."""
        self._of_this_run: deque[Gap] = deque(maxlen=GAPS_REMEMBERED)
        self._in_the_file: list[tuple[int, Gap]] = []

    @property
    def newest(self) -> list[Gap]:
        """What is remembered, oldest first."""
        earlier = [gap for _, gap in self._in_the_file if not any(map(gap.touches, self._of_this_run))]
        return [*earlier, *self._of_this_run][-GAPS_REMEMBERED:]

    def declared(self, gap: Gap) -> None:
        """A gap was declared just now, in the place of those that it swallowed."""
        others = [one for one in self._of_this_run if not one.touches(gap)]
        self._of_this_run = deque([*others, gap], maxlen=GAPS_REMEMBERED)

    def found(self, gap: Gap, committed_at_ms: int) -> None:
        """A gap stands in the file since then."""
        self._in_the_file.append((committed_at_ms, gap))
        self._in_the_file.sort(key=lambda one: one[0])
        del self._in_the_file[:-GAPS_REMEMBERED]
