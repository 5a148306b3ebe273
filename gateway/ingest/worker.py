"""The ingest worker: batches from the queue, committed, then acknowledged to the broker and to the edge node."""

import logging
import queue
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
from gateway.ingest.subscriber import Delivery, Subscriber
from gateway.ingest.transaction import Counts

_LOG = logging.getLogger(__name__)

BATCH_MESSAGES_MAX: Final = 1000
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""A transaction takes what is there, up to this: one frame alone is not kept waiting for others."""
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
    """One subscriber, one bounded queue, one thread."""

    def __init__(
        self,
        config: MqttConfig,
        committer: Committer,
        clock: Callable[[], datetime],
        *,
        on_alarm: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_alarm` is called after a commit that raised an alarm."""
        self._committer = committer
        self._clock = clock
        self._on_alarm = on_alarm
        # Twice what the broker may have in flight: messages of QoS 0 are not bounded by it.
        self._queue: queue.Queue[Delivery] = queue.Queue(max(2 * config.receive_maximum, _QUEUE_MIN))
        self._jam_at = config.receive_maximum // 2
        self._backlog = BacklogWatch()
        self._stopping = threading.Event()
        self._last_size = 0
        self._counts = Counts()
        self._counts_lock = threading.Lock()
        self.subscriber = Subscriber(config, self._take, clock, self._backlog)
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    def start(self) -> None:
        """Begin to connect and to take in."""
        self._thread.start()
        self.subscriber.start()

    def stop(self) -> None:
        """Finish the batch in hand, then disconnect. What is queued is not acknowledged, so it comes again."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)
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
        """Messages in the queue."""
        return self._queue.qsize()

    def _take(self, delivery: Delivery) -> bool:
        if self._queue.qsize() >= self._jam_at:
            self._backlog.jammed()
        try:
            self._queue.put_nowait(self._read_ahead(delivery))
        except queue.Full:
            return False
        return True

    def _read_ahead(self, delivery: Delivery) -> Delivery:
        """Decode while the worker waits for the database; within bounds, for what is decoded needs more memory."""
        if self._queue.qsize() >= _READ_AHEAD_MESSAGES:
            return delivery
        return delivery._replace(decoded=decode(delivery.message))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                batch = self._next_batch(expected=self._last_size)
                self._last_size = len(batch)
                if batch:
                    self._store(batch)
                else:
                    self.subscriber.refetch_if_overflowed()
            except Exception:  # noqa: BLE001 - a worker that ends is worse than any error
                # Nothing of the batch was acknowledged; the edge nodes send it again.
                _LOG.exception("ingest: unexpected failure, going on")
                self._stopping.wait(_IDLE_S)

    def _next_batch(self, *, expected: int = 0) -> Sequence[Delivery]:
        try:
            batch = [self._queue.get(timeout=_IDLE_S)]
        except queue.Empty:
            return ()
        size = len(batch[0].message.payload)
        if expected > 1 and size < _SMALL_BYTES:
            self._gather(min(expected, BATCH_MESSAGES_MAX) - 1)
        while len(batch) < BATCH_MESSAGES_MAX and size < BATCH_BYTES_MAX:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
            size += len(batch[-1].message.payload)
        return batch

    def _gather(self, expected: int) -> None:
        """Let what is on its way come in: a transaction costs as much as fifty small messages.

        Only after a batch of several, so that a message that comes alone never waits; only while more come; and no
        longer than until there are as many as we let go last, for a broker at its limit of unacknowledged messages
        has no more to send.
        """
        seen = -1
        for _ in range(_GATHER_STEPS):
            waiting = self.waiting
            if waiting == seen or waiting >= expected:
                return
            seen = waiting
            time.sleep(_GATHER_STEP_S)

    def _store(self, batch: Sequence[Delivery]) -> None:
        committed = self._commit(batch)
        if committed is None:
            return
        if committed.fresh:
            self._backlog.fresh()
        with self._counts_lock:
            self._counts.add(committed.counts)
        if committed.alarm_raised:
            self._on_alarm()
        # In the order of arrival, as MQTT 5 section 4.6 asks of a receiver.
        self.subscriber.puback(batch)
        self._answer(committed)

    def _commit(self, batch: Sequence[Delivery]) -> Committed | None:
        """Commit, however long the database is away; None if we were stopped before."""
        decoded = [each.decoded or decode(each.message) for each in batch]
        failures = 0
        began = time.monotonic()
        while True:
            try:
                return self._committer.commit(decoded)
            except Exception as error:  # noqa: BLE001 - the committer lets out only what another try may mend
                self._backlog.jammed()
                pause_s = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
                failures += 1
                _LOG.warning(
                    "database not available for %.1f s, %d messages wait, again in %.1f s: %s",
                    *(time.monotonic() - began, self.waiting + len(batch), pause_s, str(error).strip()),
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
