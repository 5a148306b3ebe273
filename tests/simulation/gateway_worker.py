"""One gateway process: the shipped lanes, worker, decoder and commit rule, without a network and threads.

The subscriber is the transport, and stands for itself; what the worker would wait for (a message, a pause after a
failure) is planned in virtual time.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from random import Random
from unittest import mock

from gateway.config import MqttConfig
from gateway.ingest import worker
from gateway.ingest.backlog import BacklogWatch
from gateway.ingest.committer import Committer
from gateway.ingest.lanes import Lane
from gateway.ingest.message import ReceivedMessage
from gateway.ingest.puback_order import PubackOrder
from gateway.ingest.subscriber import Delivery
from gateway.ingest.worker import IngestWorker
from tests.simulation.broker import Broker, Connection, Packet
from tests.simulation.database import Database
from tests.simulation.disk import KilledError
from tests.simulation.oracle import BrokenPromiseError
from tests.simulation.scheduler import Process, Scheduler

LANES = 2
"""As many as the gateway has."""


class TryLaterError(BaseException):
    """Shipped code wants to sleep here and then try again: no `except Exception` may see it."""

    def __init__(self, pause_s: float) -> None:
        super().__init__(pause_s)
        self.pause_s = pause_s


class VirtualStop(threading.Event):
    """The worker's `stopping`: a wait is a pause in virtual time, which the caller plans."""

    def wait(self, timeout: float | None = None) -> bool:
        """Never returns."""
        raise TryLaterError(timeout or 0.0)


class SimulatedSubscriber:
    """Stands for the shipped subscriber: one session at the simulated broker, with the same rules of PUBACK."""

    def __init__(
        self,
        gateway: "GatewayWorker",
        _config: MqttConfig,
        take: Callable[[Delivery], bool],
        clock: Callable[[], datetime],
        backlog: BacklogWatch,
    ) -> None:
        self.name = gateway.name
        self.overflowed = False
        self._gateway = gateway
        self._take = take
        self._clock = clock
        self._backlog = backlog
        self._connection: Connection | None = None
        self._generation = 0
        self._order = PubackOrder()

    # --- as the worker has it ------------------------------------------------------------------------------------

    def puback(self, deliveries: Sequence[Delivery]) -> None:
        """Over the connection that delivered the message, or not at all; in the shipped order."""
        self._settle(deliveries, let_go=True)

    def leave(self, deliveries: Sequence[Delivery]) -> None:
        """Given up."""
        self._settle(deliveries, let_go=False)

    def _settle(self, deliveries: Sequence[Delivery], *, let_go: bool) -> None:
        mine = [each.number for each in deliveries if each.qos and each.generation == self._generation]
        for mid in self._order.settle(mine, let_go=let_go):
            if self._connection is not None:
                self._gateway.perhaps_dies("at a PUBACK")
                self._connection.acknowledge(mid)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send with QoS 0."""
        self._gateway.perhaps_dies("at an answer")
        if self._connection is None:
            return False
        self._connection.publish(topic, payload, qos=0)
        return True

    def refetch_if_overflowed(self) -> None:
        """Connect anew: only then does the broker deliver again."""
        if self.overflowed and self._connection is not None:
            self.overflowed = False
            self.disconnect()
            self.connect()

    # --- as the broker has it ------------------------------------------------------------------------------------

    def wants(self, topic: str) -> bool:
        """See Client."""
        return topic.endswith(("/hello", "/state")) or "/up/" in topic

    def message(self, packet: Packet) -> None:
        """See Client."""
        waited = self._backlog.message(self._gateway.scheduler.now_s)
        received = ReceivedMessage.of(packet.topic, packet.payload, self._clock(), may_have_waited=waited)
        number = self._order.arrived(packet.mid) if packet.qos else 0
        delivery = Delivery(received, self._generation, packet.mid, packet.qos, number=number)
        if not self._take(delivery):
            self.overflowed = True
            self.leave([delivery])

    def taken(self, mid: int) -> None:
        """See Client; our QoS 0 messages have no PUBACK."""

    def cut(self, connection: Connection) -> None:
        """See Client."""
        if connection is self._connection and self._gateway.alive:
            self._gateway.trace("notices that its connection is gone")
            self.disconnect()
            self._connect_later()

    def connect(self) -> None:
        """Open the session, or try again later."""
        if self._connection is not None:
            return
        self._connection = self._gateway.broker.connect(self, shared=self._gateway.shared)
        if self._connection is None:
            self._connect_later()
            return
        self._gateway.trace("is connected")
        self._generation += 1
        self._order = PubackOrder()
        self._backlog.connected(self._gateway.scheduler.now_s)

    def disconnect(self) -> None:
        """Close the connection, of whatever state."""
        if self._connection is not None:
            self._gateway.broker.leave(self, self._connection, planned=True)
        self._connection = None
        self._generation += 1

    def _connect_later(self) -> None:
        self._gateway.later(self._gateway.random.uniform(1.0, 10.0), self.connect)


class SimulatedIngest(IngestWorker):
    """The shipped worker without its threads."""

    def __init__(self, gateway: "GatewayWorker", config: MqttConfig, committers: Sequence[Committer]) -> None:
        self._gateway = gateway
        with mock.patch.object(worker, "Subscriber", partial(SimulatedSubscriber, gateway)):
            # However little there is to do, it is spread.
            super().__init__(config, committers, lambda: gateway.scheduler.wall, much_bytes=0)
        assert isinstance(self.subscriber, SimulatedSubscriber)
        self.session: SimulatedSubscriber = self.subscriber
        self._stopping = VirtualStop()

    def _take(self, delivery: Delivery) -> bool:
        taken = super()._take(delivery)
        self._gateway.plan_batches()
        return taken

    @property
    def lanes(self) -> Sequence[Lane]:
        """The shipped lanes."""
        return list(self._lanes)

    @property
    def idle(self) -> bool:
        """Nothing is queued or in hand."""
        return self._lanes.idle

    def serve(self, lane: Lane) -> None:
        """Commit a batch, then PUBACK, then Ack; again with the same batch if it was left in the middle."""
        self._serve(lane)


class GatewayWorker(Process):
    """One gateway process, which may be killed between any two of its doings."""

    ingest_class: type[SimulatedIngest] = SimulatedIngest

    def __init__(
        self, scheduler: Scheduler, broker: Broker, database: Database, name: str, random: Random, *, shared: bool
    ) -> None:
        super().__init__(scheduler, name)
        self.broker = broker
        self.random = random
        self.shared = shared
        self.slowness_s = 0.002
        self.deaths = 0
        self.dies = ""
        self._database = database
        # A short queue, so that it overflows.
        self._config = MqttConfig(client_id=name, receive_maximum=6)
        self._busy: set[Lane] = set()

    def start(self) -> None:
        """The process begins."""
        if self.alive:
            return
        self.born()
        self.trace("starts")
        self._busy.clear()
        self.dies = ""
        self.ingest = self.ingest_class(self, self._config, [Committer(self._database) for _ in range(LANES)])
        self.ingest.session.connect()

    def kill(self) -> None:
        """Kill -9."""
        if self.alive:
            self.trace("is killed")
            self.deaths += 1
            self.died()
            self.ingest.session.disconnect()

    def perhaps_dies(self, where: str) -> None:
        """Be killed here, if that was planned."""
        if self.dies == where:
            self.dies = ""
            raise KilledError

    def holds(self, begin: str) -> bool:
        """True if a message on a topic that begins so waits in the process."""
        return self.alive and any(each.message.topic.startswith(begin) for each in self._held())

    def _held(self) -> Iterator[Delivery]:
        return (each for lane in self.ingest.lanes for each in (*lane.hand, *lane.queued))

    def plan_batches(self) -> None:
        """Something may be in the queues."""
        for lane in self.ingest.lanes:
            if lane.queued and lane not in self._busy:
                self._plan_batch(lane)

    def _plan_batch(self, lane: Lane) -> None:
        self._busy.add(lane)
        self.later(self.random.expovariate(1 / self.slowness_s), partial(self._serve, lane))

    def _serve(self, lane: Lane) -> None:
        """Stands for the loop of one lane's thread."""
        self._check_lanes()
        try:
            if lane.hand or lane.queued:
                self.trace("commits, %d messages", len(lane.hand) or len(lane.queued))
                self.ingest.serve(lane)
            elif self.ingest.idle:
                self.ingest.session.refetch_if_overflowed()
        except KilledError:
            self.kill()
            self.scheduler.after(self.random.uniform(0.5, 5.0), self.start)
            return
        except TryLaterError as later:
            self.trace("database fails, tries again in %g s", later.pause_s)
            self.later(later.pause_s, partial(self._serve, lane))
            return
        self._busy.discard(lane)
        if lane.queued or (self.ingest.session.overflowed and self.ingest.idle):
            self._plan_batch(lane)

    def _check_lanes(self) -> None:
        """Two lanes with messages of one sender would overtake each other."""
        senders = [
            {"/".join(each.message.topic.split("/")[:4]) for each in (*lane.hand, *lane.queued)}
            for lane in self.ingest.lanes
        ]
        for sender in set.intersection(*senders):
            raise BrokenPromiseError(f"{self.name}: two lanes have messages of {sender}")
