"""The send window of one stream: which numbers to send now, from acknowledgements and time alone. Pure: no I/O.

Three phases:

    closed --connected--> asking --a fresh mark--> open --no progress in time, idle for long, a doubt--> asking
      ^                                                                                                    |
      +------------------------------------------- disconnected -------------------------------------------+

While *asking*, a Hello asks the gateway for its mark, again and again with back-off and jitter: it costs some bytes,
where sending frames again and again would fill the broker's queue for a gateway that is away. While *open*, rows after
the mark are sent, at most a window of frames ahead of the acknowledgements. PUBACK plays no part.
"""

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True)
class WindowLimits:
    """How fast and how far ahead to send."""

    frames_in_flight_max: int = 8
    """Frames sent and not yet acknowledged (at most 64 kB each): half a megabyte keeps a slow gateway busy."""
    ack_timeout_s: float = 2.0
    """Time without progress after which the gateway is asked; also the first delay between two questions."""
    back_off_max_s: float = 15.0
    """Longest delay between two questions."""
    idle_ask_s: float = 60.0
    """An idle stream asks so often: a database restored from an older backup is noticed without any new row."""
    jitter: float = 0.25
    """Each delay is up to this part longer, so that the nodes of a hospital don't ask in step after an outage."""


@dataclass(frozen=True)
class InFlight:
    """A frame that was sent and is not acknowledged."""

    number: int
    """Which message of this connection it was."""
    first_seq: int
    last_seq: int


class SendWindow:
    """One stream on its way to the gateway. Times are monotonic nanoseconds."""

    def __init__(self, limits: WindowLimits, random: Random) -> None:
        """Closed at first."""
        self._limits = limits
        self._random = random
        self._phase: Literal["closed", "asking", "open"] = "closed"
        self._in_flight: deque[InFlight] = deque()
        self._mark = 0
        self._next_seq = 1
        self._questions = 0
        """Hellos since the last answer."""
        self._failures = 0
        """Time-outs of frames since the last progress."""
        self._gone_back = False
        self._due_ns: int | None = None

    @property
    def asking(self) -> bool:
        """True while the gateway's mark is not known."""
        return self._phase == "asking"

    @property
    def is_open(self) -> bool:
        """True while rows may be sent."""
        return self._phase == "open"

    @property
    def is_answered(self) -> bool:
        """True while no question waits longer for its answer than an answer takes."""
        return self.is_open or (self.asking and self._questions <= 1)

    @property
    def mark(self) -> int:
        """Highest number known to be committed at the gateway."""
        return self._mark

    @property
    def in_flight(self) -> tuple[InFlight, ...]:
        """Frames sent and not acknowledged, oldest first."""
        return tuple(self._in_flight)

    @property
    def due_ns(self) -> int | None:
        """When `ask_due` may next become true by time alone; None if never."""
        return self._due_ns

    def connected(self, now_ns: int) -> None:
        """A connection is there: ask first, since what was in flight may have arrived or not."""
        self._failures = 0
        self.doubt(now_ns)

    def disconnected(self) -> None:
        """The connection is gone."""
        self._phase = "closed"
        self._in_flight.clear()
        self._due_ns = None

    def doubt(self, now_ns: int) -> None:
        """What the gateway has is not known any more: ask at once."""
        self._phase = "asking"
        self._questions = 0
        self._in_flight.clear()
        self._due_ns = now_ns

    def ask_due(self, now_ns: int) -> bool:
        """True when the gateway has to be asked for its mark now (then call `asked`)."""
        if self._due_ns is None or now_ns < self._due_ns:
            return False
        if self._phase == "open":
            self._failures += bool(self._in_flight)
            self.doubt(now_ns)
        return True

    def asked(self, now_ns: int) -> None:
        """A Hello was sent."""
        if self._phase == "asking":
            self._due_ns = now_ns + self._delay_ns(self._limits.ack_timeout_s * 2.0 ** min(self._questions, 16))
            self._questions += 1

    def open_at(self, mark: int, now_ns: int) -> None:
        """The gateway's mark is known, and fresh: send what follows it."""
        if mark != self._mark:
            self._failures = 0
            self._gone_back = False
        self._phase = "open"
        self._mark = mark
        self._next_seq = mark + 1
        self._in_flight.clear()
        self._watch(now_ns)

    def acknowledged(self, mark: int, now_ns: int) -> None:
        """The mark moved up while open: let go, and go on."""
        if self._phase != "open" or mark <= self._mark:
            return
        self._mark = mark
        self._failures = 0
        self._gone_back = False
        while self._in_flight and self._in_flight[0].last_seq <= mark:
            self._in_flight.popleft()
        if mark >= self._next_seq:
            # Frames sent before a doubt arrived after all.
            self._next_seq = mark + 1
            self._in_flight.clear()
        self._watch(now_ns)

    def next_after(self, offered_seq: int) -> int | None:
        """The number after which to send now, if any row up to `offered_seq` is due and the window has room."""
        if self._phase != "open" or self._next_seq > offered_seq:
            return None
        # After a failure one frame at a time, until one is acknowledged.
        room = 1 if self._failures else self._limits.frames_in_flight_max
        return self._next_seq - 1 if len(self._in_flight) < room else None

    def holds_back(self, offered_seq: int) -> bool:
        """True when rows of this stream are waiting that will be sent as soon as the window has room."""
        return self._phase == "open" and not self._failures and self._next_seq <= offered_seq

    def sent(self, frame: InFlight, now_ns: int) -> None:
        """A frame was handed to the network."""
        self._in_flight.append(frame)
        self._next_seq = frame.last_seq + 1
        if len(self._in_flight) == 1:
            self._watch(now_ns)

    def refused(self, number: int, now_ns: int) -> None:
        """The gateway answered frame `number` without taking it, and its mark ends before that frame: one was lost.

        Goes back to the mark at once instead of waiting for the time-out; but only once without progress, so that a
        frame that the gateway never takes is not sent round and round.
        """
        if self._phase != "open" or self._gone_back or all(frame.number != number for frame in self._in_flight):
            return
        self._gone_back = True
        self._next_seq = self._mark + 1
        self._in_flight.clear()
        self._watch(now_ns)

    def _watch(self, now_ns: int) -> None:
        """Start the time-out of what is in flight, or the long one of an idle stream."""
        if self._in_flight:
            delay_ns = self._delay_ns(self._limits.ack_timeout_s * 2.0 ** min(self._failures, 16))
        else:
            delay_ns = int(self._limits.idle_ask_s * (1.0 + self._limits.jitter * self._random.random()) * NS_PER_S)
        self._due_ns = now_ns + delay_ns

    def _delay_ns(self, delay_s: float) -> int:
        bounded_s = min(delay_s, self._limits.back_off_max_s)
        return int(bounded_s * (1.0 + self._limits.jitter * self._random.random()) * NS_PER_S)
