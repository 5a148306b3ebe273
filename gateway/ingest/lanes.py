"""Lanes of the ingest: each a queue and a committer, so that one lane commits and answers while another writes rows.

- What is not yet done of one sender is all in one lane, in the order of its arrival: a frame never overtakes the one
  before it, and two lanes never want the same marks.
- While another lane writes rows, a lane gathers its next batch: taking it earlier would only make it smaller.
- The first lane takes everything until it has much to do: a quiet hospital has one lane, and only frames in bulk (a
  backlog, a load) are spread.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from gateway.ingest.committer import Committer
from gateway.ingest.subscriber import Delivery
from gateway.ingest.turns import WritingTurn

BATCH_MESSAGES_MAX: Final = 1000
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""A transaction takes what is there, up to this: one frame alone is not kept waiting for others."""
MUCH_BYTES: Final = 256 * 1024
"""Four full frames: some ten milliseconds of work."""
_GATHER_S: Final = 0.1
"""No longer than that is waited for more messages; a lane writes for some 30 ms at a time."""


class Lane:
    """Filled and emptied by `Lanes`; the batch in hand belongs to the one thread that serves the lane."""

    def __init__(self, committer: Committer, lock: threading.Lock) -> None:
        self.committer = committer
        self.queued: deque[Delivery] = deque()
        self.hand: tuple[Delivery, ...] = ()
        """The batch that is being committed."""
        self.last_size = 0
        """Messages in the batch before; 0 after a pause."""
        self.expected = 0
        """Messages let go last (for each another may come), and those that waited already; 0 after a pause."""
        self.bytes = 0
        """Of what is not yet done, the batch in hand included."""
        self.writes = False
        """The batch in hand is not yet written."""
        self.news = threading.Condition(lock)


class Lanes:
    """All lanes of one subscriber. Thread-safe."""

    def __init__(self, committers: Sequence[Committer], *, much_bytes: int = MUCH_BYTES) -> None:
        """`much_bytes`: of work for the first lane, before others get any."""
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._lanes = tuple(Lane(committer, self._lock) for committer in committers)
        self._much_bytes = much_bytes
        self._senders: dict[str, tuple[Lane, int]] = {}
        """Where a sender's messages are, and how many are not yet done; nothing of a sender that has none."""

    def __iter__(self) -> Iterator[Lane]:
        """The lanes, the first first."""
        return iter(self._lanes)

    @property
    def waiting(self) -> int:
        """Messages in the queues."""
        return sum(len(lane.queued) for lane in self._lanes)

    @property
    def idle(self) -> bool:
        """True if nothing is queued or in hand."""
        with self._lock:
            return not self._senders

    def put(self, delivery: Delivery) -> None:
        """A message has come."""
        sender = _sender(delivery)
        with self._lock:
            lane, messages = self._senders.get(sender) or (self._choose(), 0)
            self._senders[sender] = lane, messages + 1
            lane.bytes += len(delivery.message.payload)
            lane.queued.append(delivery)
            lane.news.notify()

    def wait(self, lane: Lane, timeout_s: float) -> bool:
        """True as soon as the lane has something to do; False after `timeout_s` seconds."""
        with self._lock:
            return lane.news.wait_for(lambda: bool(lane.queued), timeout_s)

    def gather(self, lane: Lane) -> None:
        """Wait while another lane has rows to write and more messages may come: a larger batch is cheaper."""
        with self._lock:
            lane.news.wait_for(
                lambda: len(lane.queued) >= lane.expected or not any(each.writes for each in self._lanes),
                _GATHER_S,
            )

    def turn(self, lane: Lane) -> WritingTurn:
        """The turn of the batch in hand."""
        return WritingTurn(self._writing, partial(self._written, lane))

    def take(self, lane: Lane) -> Sequence[Delivery]:
        """The batch in hand; if there is none, what is queued, within bounds."""
        with self._lock:
            batch = [*lane.hand]
            size = 0
            while not lane.hand and lane.queued and len(batch) < BATCH_MESSAGES_MAX and size < BATCH_BYTES_MAX:
                batch.append(lane.queued.popleft())
                size += len(batch[-1].message.payload)
            lane.hand = tuple(batch)
            lane.writes = True
        return lane.hand

    def done(self, lane: Lane) -> None:
        """The batch in hand is committed, or given up."""
        with self._lock:
            for each in lane.hand:
                lane.bytes -= len(each.message.payload)
                sender = _sender(each)
                _, messages = self._senders.pop(sender)
                if messages > 1:
                    self._senders[sender] = lane, messages - 1
            lane.last_size = len(lane.hand)
            lane.expected = lane.last_size + len(lane.queued)
            lane.hand = ()
            lane.writes = False

    def _written(self, lane: Lane) -> None:
        with self._lock:
            lane.writes = False
            for each in self._lanes:
                each.news.notify()

    def _choose(self) -> Lane:
        first = self._lanes[0]
        return first if first.bytes < self._much_bytes else min(self._lanes, key=lambda lane: lane.bytes)


def _sender(delivery: Delivery) -> str:
    """Of `medtap/v1/SITE/NODE/...`: up to the node."""
    return "/".join(delivery.message.topic.split("/", 4)[:4])
