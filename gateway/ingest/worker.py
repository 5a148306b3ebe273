"""The ingest worker: batches from the queues, committed, then acknowledged to the broker and to the edge node."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from edge.contracts import topics
from edge.contracts.ack import Ack
from gateway.config import MqttConfig
from gateway.ingest.backlog import BacklogWatch
from gateway.ingest.committer import Committed, Committer
from gateway.ingest.decoder import decode
from gateway.ingest.lanes import BATCH_MESSAGES_MAX, MUCH_BYTES, Lane, Lanes
from gateway.ingest.subscriber import Delivery, Subscriber
from gateway.ingest.transaction import Counts

_LOG = logging.getLogger(__name__)

_QUEUE_MIN: Final = 256
"""rumqttd 0.20 has 100 messages in flight whatever receive maximum it is told."""
_SMALL_BYTES: Final = 4 * 1024
_GATHER_STEPS: Final = 8
_GATHER_STEP_S: Final = 0.0005
"""Small messages are gathered as long as each half of a millisecond brings more, for four milliseconds at most."""
_READ_AHEAD_MESSAGES: Final = 128
"""Of 64 kB, decoded: some 20 MB."""
_RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_IDLE_S: Final = 0.5


class IngestWorker:
    """One subscriber, bounded queues, a thread for each committer."""

    def __init__(
        self,
        config: MqttConfig,
        committers: Sequence[Committer],
        clock: Callable[[], datetime],
        *,
        on_alarm: Callable[[], None] = lambda: None,
        much_bytes: int = MUCH_BYTES,
    ) -> None:
        """`on_alarm` is called after a commit that raised an alarm; `much_bytes`: see `Lanes`."""
        self._clock = clock
        self._on_alarm = on_alarm
        # Twice what the broker may have in flight: messages of QoS 0 are not bounded by it.
        self._waiting_max = max(2 * config.receive_maximum, _QUEUE_MIN)
        self._jam_at = config.receive_maximum // 2
        self._backlog = BacklogWatch()
        self._stopping = threading.Event()
        self._counts = Counts()
        self._counts_lock = threading.Lock()
        self._lanes = Lanes(committers, much_bytes=much_bytes)
        self.subscriber = Subscriber(config, self._take, clock, self._backlog)
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"ingest-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]

    def start(self) -> None:
        """Begin to connect and to take in."""
        for thread in self._threads:
            thread.start()
        self.subscriber.start()

    def stop(self) -> None:
        """Finish the batches in hand, then disconnect. What is queued is not acknowledged, so it comes again."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=30.0)
        self.subscriber.stop()

    @property
    def counts(self) -> Counts:
        """What was done since the start."""
        with self._counts_lock:
            total = Counts()
            total.add(self._counts)
            return total

    @property
    def waiting(self) -> int:
        """Messages in the queues."""
        return self._lanes.waiting

    def _take(self, delivery: Delivery) -> bool:
        """Called by one thread alone: between look and put the queues only become shorter."""
        waiting = self.waiting
        if waiting >= self._jam_at:
            self._backlog.jammed()
        if waiting >= self._waiting_max:
            return False
        if waiting < _READ_AHEAD_MESSAGES:
            # Decoded while the lanes wait for the database; within bounds, for what is decoded needs more memory.
            delivery = delivery._replace(decoded=decode(delivery.message))
        self._lanes.put(delivery)
        return True

    def _run(self, lane: Lane) -> None:
        while not self._stopping.is_set():
            try:
                if self._lanes.wait(lane, _IDLE_S):
                    self._gather(lane)
                    self._serve(lane)
                else:
                    lane.last_size = lane.expected = 0
                    if self._lanes.idle:
                        self.subscriber.refetch_if_overflowed()
            except Exception:  # noqa: BLE001 - a worker that ends is worse than any error
                # Nothing of the batch was acknowledged; the edge nodes send it again.
                _LOG.exception("ingest: unexpected failure, going on")
                self.subscriber.leave(lane.hand)
                self._lanes.done(lane)
                self._stopping.wait(_IDLE_S)

    def _gather(self, lane: Lane) -> None:
        """Let what is on its way come in: a transaction costs as much as fifty small messages.

        Only after a batch of several, so that a message that comes alone never waits; only while more come; and no
        longer than until there are as many as we let go last, for a broker at its limit of unacknowledged messages
        has no more to send. While another lane writes rows, waiting costs nothing.
        """
        self._lanes.gather(lane)
        expected = min(lane.last_size, BATCH_MESSAGES_MAX)
        if expected <= 1 or len(lane.queued[0].message.payload) >= _SMALL_BYTES:
            return
        seen = -1
        for _ in range(_GATHER_STEPS):
            waiting = len(lane.queued)
            if waiting == seen or waiting >= expected:
                return
            seen = waiting
            time.sleep(_GATHER_STEP_S)

    def _serve(self, lane: Lane) -> None:
        """Commit a batch, then let it go at the broker, then answer."""
        committed = self._commit(lane)
        if committed is None:
            return
        if committed.fresh:
            self._backlog.fresh()
        with self._counts_lock:
            self._counts.add(committed.counts)
        if committed.alarm_raised:
            self._on_alarm()
        self.subscriber.puback(lane.hand)
        self._lanes.done(lane)
        self._answer(committed)

    def _commit(self, lane: Lane) -> Committed | None:
        """Commit, however long the database is away; None if we were stopped before."""
        decoded = [each.decoded or decode(each.message) for each in self._lanes.take(lane)]
        failures = 0
        began = time.monotonic()
        while True:
            try:
                return lane.committer.commit(decoded, self._lanes.turn(lane))
            except Exception as error:  # noqa: BLE001 - the committer lets out only what another try may mend
                self._backlog.jammed()
                pause_s = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
                failures += 1
                _LOG.warning(
                    "database not available for %.1f s, %d messages wait, again in %.1f s: %s",
                    *(time.monotonic() - began, self.waiting + len(decoded), pause_s, str(error).strip()),
                )
                if self._stopping.wait(pause_s):
                    return None

    def _answer(self, committed: Committed) -> None:
        for stream, answer in committed.answers.items():
            ack = Ack(
                stream=stream.stream,
                epoch=stream.epoch,
                mark=answer.mark,
                server_generation=committed.server_generation,
                sent_at=self._clock(),
                answers_sent_at=answer.answers_sent_at,
            )
            self.subscriber.publish(topics.ack(stream.sender), ack.to_wire())
