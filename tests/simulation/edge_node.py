"""One edge node: the shipped outbox and the shipped delivery, driven by virtual time instead of threads and sockets."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from edge.backoff import Backoff
from edge.contracts.observations import CodeScanned, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from edge.delivery import Delivery
from edge.outbox import Outbox, OutboxError, StoredRows
from edge.uplink import RECONNECT_MAX_S, RECONNECT_MIN_S
from tests.simulation.broker import Broker, Connection, Packet
from tests.simulation.disk import Disk, KilledError
from tests.simulation.oracle import BrokenPromiseError, EdgeBooks
from tests.simulation.scheduler import NodeClock, Process

GROUP_AGE_S: Final = 1.0
HOUSEKEEPING_S: Final = 7.0
ROOM_BYTES_MIN: Final = 2048
"""Room is made for few rows at a time, as the files are small."""


@dataclass(frozen=True)
class NodeSize:
    """How one node is set up."""

    frame_bytes: int
    """Bytes of rows in a frame: small, so that few rows make many frames."""
    group_rows: int
    keep_acknowledged_s: float
    outbox_bytes: int
    """Its cap; 0 for one that is never reached."""


class SmallFrameOutbox(Outbox):
    """The shipped outbox, asked for smaller frames than the wire allows."""

    frame_bytes = 600

    def read_frame(self, stream: Stream, after_seq: int, *, bytes_max: int = 0) -> StoredRows | None:
        """See Outbox."""
        return super().read_frame(stream, after_seq, bytes_max=bytes_max or self.frame_bytes)


class EdgeNode(Process):
    """Devices, outbox, delivery, connection. A crash leaves the disk and nothing else."""

    def __init__(
        self,
        broker: Broker,
        name: str,
        random: Random,
        size: NodeSize,
        committed_mark: Callable[[Sender, Stream, str, str], int | None],
    ) -> None:
        """`committed_mark(sender, stream, epoch, generation)` is the database's mark if it is of that generation."""
        super().__init__(broker.scheduler, name)
        self.sender = Sender("hospital", name)
        self.clock = NodeClock(broker.scheduler)
        self.books = EdgeBooks(name, keep_acknowledged_s=size.keep_acknowledged_s)
        self.disk = Disk(self.books, random, cap_bytes=size.outbox_bytes)
        self.events_refused = 0
        self.locked = False
        """True while its outbox file is in a person's hands."""
        self._broker = broker
        self._random = random
        self._size = size
        self._committed_mark = committed_mark
        self._boots = 0
        self._numbers = 0
        self._connection: Connection | None = None
        self._in_flight: dict[int, tuple[Stream, str, int]] = {}
        self._pump_planned = False
        self._flush_planned = False
        self._wake_ns = 0
        self._generations: dict[tuple[Stream, str], str] = {}

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The agent's process begins."""
        if self.alive or self.locked:
            return
        self.born()
        self._boots += 1
        self.clock.boot_id = f"{self._boots:016x}"
        self._backoff = Backoff(RECONNECT_MIN_S, RECONNECT_MAX_S, self._random)
        self._pump_planned = False
        self._flush_planned = False
        self._wake_ns = 0
        # Which database gave the mark is written lazily: after a crash the file may know the one before.
        self._generations.clear()
        self.trace("starts, boot %d", self._boots)
        self._guarded(self._open)

    def _open(self) -> None:
        try:
            outbox = SmallFrameOutbox(
                Path(f"/simulated/{self.name}/outbox.sqlite3"),
                self.clock,
                node_name=self.name,
                telemetry_group_rows=self._size.group_rows,
                telemetry_group_age_s=GROUP_AGE_S,
                keep_acknowledged_days=self._size.keep_acknowledged_s / 86400,
                size_max_mb=(self._size.outbox_bytes or 10**9) / 1e6,
                room_bytes_min=ROOM_BYTES_MIN,
                opener=lambda _path, _now: self.disk.open(),
            )
        except OutboxError as error:
            self.trace("can't start: %s", error)
            self.died()
            self.scheduler.after(5.0, self.start)
            return
        outbox.frame_bytes = self._size.frame_bytes
        outbox.listen(lambda _stream: self._plan_pump())
        self.outbox = outbox
        self.delivery = Delivery(self.sender, outbox, self.clock, software_version="1", random=self._random)
        self.later(0.0, self._connect)
        self.later(HOUSEKEEPING_S, self._keep_house)

    def kill(self) -> None:
        """Kill -9, or the power: nothing is written on the way out."""
        if not self.alive:
            return
        self.trace("is killed")
        self.died()
        self._leave(planned=False)
        if self.disk.file is not None:
            self.disk.file.close()

    def stop(self) -> None:
        """An orderly end."""
        if not self.alive:
            return
        self.trace("stops in order")

        def end() -> None:
            if self._connection is not None:
                goodbye = self.delivery.goodbye
                self._connection.publish(goodbye.topic, goodbye.payload, qos=1, retain=True)
            try:
                self.outbox.close()
            except OutboxError as error:
                self.trace("can't close: %s", error)
            self.died()
            self._leave(planned=True)

        self._guarded(end)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except KilledError:
            self.kill()
            self.scheduler.after(self._random.uniform(0.1, 5.0), self.start)

    # --- devices -------------------------------------------------------------------------------------------------

    def scan(self) -> None:
        """A scanner delivers a code."""
        if self.alive:
            self._guarded(self._scan)

    def _scan(self) -> None:
        self._numbers += 1
        stamp = self.clock.stamp()
        event = CodeScanned(
            device_id=f"scanner-{self._numbers % 2}",
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            text=str(self._numbers),
        )
        try:
            self.trace("commits event %d (row %d)", self.outbox.append_event(event), stamp.monotonic_ns)
        except OutboxError as error:
            self.events_refused += 1
            self.trace("refuses an event: %s", error)

    def measure(self) -> None:
        """A thermometer is read."""
        if self.alive:
            self._guarded(self._measure)

    def _measure(self) -> None:
        self._numbers += 1
        stamp = self.clock.stamp()
        self.outbox.append_telemetry(
            TemperatureMeasured(
                device_id=f"probe-{self._numbers % 3}",
                occurred_at=stamp.occurred_at,
                monotonic_ns=stamp.monotonic_ns,
                temperature_celsius=self._numbers / 100,
            )
        )
        if self.group_waits:
            self._plan_flush()

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            # The clock ticks with each stamp, so the group is old enough by then.
            self.later(GROUP_AGE_S, self._flush)

    def _flush(self) -> None:
        """What the shipped flusher's thread does with an old group."""
        self._flush_planned = False
        self._guarded(lambda: self._unless_refused(self.outbox.flush_due))
        if self.alive and self.group_waits:
            self._plan_flush()

    def _keep_house(self) -> None:
        """What it does now and then besides."""
        self._guarded(lambda: self._unless_refused(self.outbox.housekeep))
        self.later(HOUSEKEEPING_S, self._keep_house)

    def _unless_refused(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OutboxError as error:
            self.trace("the disk refuses: %s", error)

    @property
    def group_waits(self) -> bool:
        """True while readings are held in memory."""
        return bool(self.outbox._group)  # noqa: SLF001 - nobody else has to know

    def clock_jumps(self, by_s: float) -> None:
        """Someone sets the wall clock."""
        self.trace("its wall clock jumps by %g s", by_s)
        self.clock.wall_offset += timedelta(seconds=by_s)

    # --- the connection: what the shipped uplink's thread does ---------------------------------------------------

    def wants(self, topic: str) -> bool:
        """See Client."""
        return topic in self.delivery.subscriptions

    def _connect(self) -> None:
        will = self.delivery.will
        self._connection = self._broker.connect(self, will=(will.topic, will.payload))
        if self._connection is None:
            self._connect_later()
            return
        self.trace("is connected")
        self._in_flight.clear()
        self.delivery.connected()
        self._pump()

    def _connect_later(self) -> None:
        self.later(self._backoff.next_delay_s(), self._connect)

    def cut(self, connection: Connection) -> None:
        """See Client."""
        if self.alive and connection is self._connection:
            self.trace("notices that its connection is gone")
            self._end_connection()

    def _end_connection(self) -> None:
        self.delivery.disconnected()
        self._leave(planned=True)
        self._connect_later()

    def _leave(self, *, planned: bool) -> None:
        if self._connection is not None:
            self._broker.leave(self, self._connection, planned=planned)
        self._connection = None

    def _plan_pump(self) -> None:
        if not self._pump_planned:
            self._pump_planned = True
            self.later(0.0, self._pump)

    def _pump(self) -> None:
        self._pump_planned = False
        if self._connection is not None:
            self._guarded(self._send)

    def _send(self) -> None:
        connection = self._connection
        assert connection is not None
        try:
            for message in self.delivery.outgoing():
                mid = connection.publish(message.topic, message.payload, qos=1, retain=message.retain)
                self._sent(mid, message.topic)
        except OutboxError as error:
            self.trace("can't read its outbox: %s", error)
            self._end_connection()
            return
        wake_ns = self.delivery.wake_at_ns
        # The clock ticks with each stamp, so be past the moment.
        if wake_ns is not None and wake_ns != self._wake_ns:
            self._wake_ns = wake_ns
            self.later(max((wake_ns - self.scheduler.now_ns) / 1e9, 0.0) + 1e-6, self._pump)

    def _sent(self, mid: int, topic: str) -> None:
        for stream in Stream:
            if topic.endswith(f"/up/{stream.value}"):
                frame = self.delivery._lanes[stream].window.in_flight[-1]  # noqa: SLF001 - for the trace and for PUBACK
                self._in_flight[mid] = stream, self.outbox.epoch(stream), frame.last_seq
                self.trace("sends %s %d to %d", stream.value, frame.first_seq, frame.last_seq)
                return
        self.trace("sends %s", topic.rpartition("/")[2])

    def taken(self, mid: int) -> None:
        """See Client. Shipped code does nothing with it; a deliberate bug would."""
        sent = self._in_flight.pop(mid, None)
        if self.alive and sent is not None:
            self.broker_took(*sent)

    def broker_took(self, stream: Stream, epoch: str, last_seq: int) -> None:
        """A frame up to this row has its PUBACK, which proves nothing."""

    def message(self, packet: Packet) -> None:
        """See Client."""
        if self.alive:
            self._guarded(lambda: self._receive(packet))

    def _receive(self, packet: Packet) -> None:
        used = self.delivery.counters.acks_used
        try:
            self.delivery.received(packet.topic, packet.payload)
        except OutboxError as error:
            self.trace("can't write its outbox: %s", error)
            self._end_connection()
            return
        if self.delivery.counters.acks_used != used:
            self._backoff.reset()
            self.check()
        self._pump()

    # --- what must be true at every moment -----------------------------------------------------------------------

    def check(self) -> None:
        """Nothing counts as acknowledged that the database has not committed.

        Raises:
            BrokenPromiseError: not so.
        """
        for stream in Stream:
            marks = self.outbox.marks(stream)
            if not marks.acknowledged_seq <= marks.offered_seq <= marks.last_seq:
                raise BrokenPromiseError(f"{self.name}/{stream.value}: marks out of order: {marks}")
            # Generations of the simulated database grow: who has believed a new one never goes back to an older one.
            before = self._generations.get((stream, marks.epoch), "")
            if marks.server_generation < before:
                raise BrokenPromiseError(
                    f"{self.name}/{stream.value}: believes the replaced database {marks.server_generation}"
                )
            self._generations[stream, marks.epoch] = marks.server_generation
            committed = self._committed_mark(self.sender, stream, marks.epoch, marks.server_generation)
            if committed is not None and marks.acknowledged_seq > committed:
                raise BrokenPromiseError(
                    f"{self.name}/{stream.value}/{marks.epoch}: counts {marks.acknowledged_seq} as acknowledged,"
                    f" the database has {committed}"
                )

    @property
    def in_contact(self) -> bool:
        """True if rows of both streams were offered in this run."""
        return self.alive and all(self.outbox.marks(stream).in_contact for stream in Stream)

    @property
    def quiet(self) -> bool:
        """True if there is nothing left to do for it."""
        return self.alive and self._connection is not None and self.delivery.drained and not self.group_waits
