"""A broker that keeps none of its promises: it loses, doubles, reorders, spoils, partitions and forgets.

Sessions, QoS and PUBACK are MQTT 5's; all else is the worst that was seen of real brokers, and worse.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from tests.simulation.oracle import BrokenPromiseError
from tests.simulation.scheduler import NS_PER_S, Scheduler

LATENCY_S: Final = 0.002
KEEPALIVE_S: Final = 20.0
STRAY_S: Final = 10.0
"""Longest delay of a message that others overtake; most are overtaken by much less."""
QUEUE_MAX: Final = 6
"""Messages kept for a client that is away; the oldest is dropped for the newest."""


@dataclass
class Weather:
    """How bad the broker is just now: each the probability for one message."""

    loss: float = 0.0
    doubling: float = 0.0
    disorder: float = 0.0
    spoiling: float = 0.0


@dataclass(frozen=True)
class Packet:
    """One PUBLISH to a client; `mid` is what its PUBACK names."""

    topic: str
    payload: bytes
    mid: int
    qos: int


class Client(Protocol):
    """Who connects."""

    name: str

    def wants(self, topic: str) -> bool:
        """True if it subscribes to this."""
        ...

    def message(self, packet: Packet) -> None:
        """A packet arrived."""
        ...

    def taken(self, mid: int) -> None:
        """The PUBACK of our packet: the broker took it, which proves nothing."""
        ...

    def cut(self, connection: "Connection") -> None:
        """The connection is gone; this is noticed now."""
        ...


@dataclass
class Session:
    """What the broker keeps of one client, while it is there and while it is away."""

    client: Client
    shared: bool
    connection: "Connection | None" = None
    unacknowledged: dict[int, Packet] = field(default_factory=dict)
    waiting: deque[Packet] = field(default_factory=deque)
    mid: int = 0
    """Packet identifiers begin anew with each connection: a PUBACK that comes too late names another message."""


class Connection:
    """One TCP connection with its two directions. After `close` nothing more comes out of either."""

    def __init__(self, broker: "Broker", client: Client, will: tuple[str, bytes] | None) -> None:
        self.open = True
        self.will = will
        self._broker = broker
        self._client = client
        self._mid = 0
        self._free_ns = [0, 0]
        self._handed: deque[int] = deque()
        """Packets that the client has, in the order of their arrival, and has not acknowledged."""

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        """Send to the broker; returns the packet's number."""
        self._mid += 1
        mid = self._mid

        def arrive() -> None:
            if qos:
                self.carry(1, lambda: self._client.taken(mid))
            self._broker.publish(topic, payload, qos=qos, retain=retain)

        self.carry(0, arrive)
        return mid

    def hand(self, packet: Packet) -> None:
        """Bytes have arrived at the client."""
        if packet.qos:
            self._handed.append(packet.mid)
        self._client.message(packet)

    def acknowledge(self, mid: int) -> None:
        """Send PUBACK.

        Raises:
            BrokenPromiseError: not in the order of arrival, as MQTT 5 section 4.6 asks for (some may be left out).
        """
        if mid not in self._handed:
            raise BrokenPromiseError(f"{self._client.name}: PUBACK of {mid} after that of a later message, or twice")
        while self._handed.popleft() != mid:
            pass
        self.carry(0, lambda: self._broker.acknowledged(self._client, mid))

    def carry(self, direction: int, deliver: Callable[[], None]) -> None:
        """Bytes on their way; in order, unless the weather is bad."""
        broker = self._broker
        due_ns = broker.scheduler.now_ns + int(broker.random.expovariate(1 / LATENCY_S) * NS_PER_S)
        if broker.random.random() >= broker.weather.disorder:
            due_ns = max(due_ns, self._free_ns[direction])
        else:
            due_ns += int(broker.random.random() ** 3 * STRAY_S * NS_PER_S)
        self._free_ns[direction] = max(due_ns, self._free_ns[direction])

        def if_open() -> None:
            if self.open:
                deliver()

        broker.scheduler.at_ns(due_ns, if_open)


class Broker:
    """All sessions. `shared`: gateways share one subscription, a message goes to one of them; else each gets all."""

    name = "broker"

    def __init__(self, scheduler: Scheduler, random: Random) -> None:
        self.scheduler = scheduler
        self.random = random
        self.weather = Weather()
        self.up = True
        self.counts = {"lost": 0, "doubled": 0, "spoilt": 0, "overflowed": 0}
        self._partitioned: set[str] = set()
        self._sessions: dict[str, Session] = {}
        self._retained: dict[str, bytes] = {}

    # --- clients -------------------------------------------------------------------------------------------------

    def connect(
        self, client: Client, *, will: tuple[str, bytes] | None = None, shared: bool = False
    ) -> Connection | None:
        """A connection with a session that survives it; None if there is no way."""
        if not self.up or client.name in self._partitioned:
            return None
        session = self._sessions.setdefault(client.name, Session(client, shared))
        if session.connection is not None:
            self._drop(session, tell=False)
        session.client = client
        session.mid = 0
        session.connection = Connection(self, client, will)
        again = [*session.unacknowledged.values(), *session.waiting]
        session.unacknowledged.clear()
        session.waiting.clear()
        for packet in again:
            self._send(session, packet.topic, packet.payload, packet.qos)
        for topic, payload in self._retained.items():
            if client.wants(topic):
                self._send(session, topic, payload, 1)
        return session.connection

    def leave(self, client: Client, connection: "Connection", *, planned: bool) -> None:
        """The client closed its connection, or died: then the will is published."""
        session = self._sessions.get(client.name)
        if session is not None and session.connection is connection:
            if planned:
                connection.will = None
            self._drop(session, tell=False)

    def acknowledged(self, client: Client, mid: int) -> None:
        """A PUBACK arrived, over the connection that is."""
        self._sessions[client.name].unacknowledged.pop(mid, None)

    def under_way(self, begin: str) -> bool:
        """True if a message on a topic that begins so is kept for anyone."""
        return any(
            packet.topic.startswith(begin)
            for session in self._sessions.values()
            for packet in (*session.unacknowledged.values(), *session.waiting)
        )

    # --- messages ------------------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> None:
        """Hand a message on to everyone who wants it, as the weather lets it."""
        if retain:
            self._retained[topic] = payload
        sharing = []
        for session in self._sessions.values():
            if session.client.wants(topic):
                if session.shared:
                    sharing.append(session)
                else:
                    self._route(session, topic, payload, qos)
        if sharing:
            there = [session for session in sharing if session.connection is not None]
            self._route(self.random.choice(there or sharing), topic, payload, qos)

    def _route(self, session: Session, topic: str, payload: bytes, qos: int) -> None:
        draw, weather = self.random.random, self.weather
        if weather.loss and draw() < weather.loss:
            self.counts["lost"] += 1
            self.scheduler.trace(self.name, "loses %s for %s", topic, session.client.name)
            return
        if weather.spoiling and draw() < weather.spoiling:
            self.counts["spoilt"] += 1
            spoilt = bytearray(payload)
            spoilt[self.random.randrange(len(spoilt))] ^= 1 << self.random.randrange(8)
            payload = bytes(spoilt)
        if weather.doubling and draw() < weather.doubling:
            self.counts["doubled"] += 1
            self._send(session, topic, payload, qos)
        self._send(session, topic, payload, qos)

    def _send(self, session: Session, topic: str, payload: bytes, qos: int) -> None:
        session.mid += 1
        packet = Packet(topic, payload, session.mid, qos)
        connection = session.connection
        if connection is None:
            if qos:
                if len(session.waiting) >= QUEUE_MAX:
                    session.waiting.popleft()
                    self.counts["overflowed"] += 1
                session.waiting.append(packet)
            return
        if qos:
            session.unacknowledged[packet.mid] = packet
        connection.carry(1, lambda: connection.hand(packet))

    # --- disasters -----------------------------------------------------------------------------------------------

    def cut(self, name: str) -> None:
        """One client's connection breaks."""
        session = self._sessions.get(name)
        if session is not None and session.connection is not None:
            self.scheduler.trace(self.name, "cuts %s off", name)
            self._drop(session, tell=True)

    def partition(self, name: str) -> None:
        """No way between this client and the broker."""
        self._partitioned.add(name)
        self.cut(name)

    def join(self, name: str) -> None:
        """The way is open again."""
        self._partitioned.discard(name)

    def heal(self) -> None:
        """All ways are open and the weather is fine."""
        self._partitioned.clear()
        self.weather = Weather()
        self.up = True

    def crash(self, *, forget: bool) -> None:
        """Everyone is cut off; with `forget` the store is lost, sessions, queues, retained messages and all."""
        self.scheduler.trace(self.name, "crashes%s", " and forgets everything" if forget else "")
        self.up = False
        for session in list(self._sessions.values()):
            if session.connection is not None:
                session.connection.will = None
                self._drop(session, tell=True)
        if forget:
            self._sessions.clear()
            self._retained.clear()

    def restart(self) -> None:
        """It is there again."""
        self.up = True

    def _drop(self, session: Session, *, tell: bool) -> None:
        connection, session.connection = session.connection, None
        if connection is None:
            return
        connection.open = False
        for packet in session.unacknowledged.values():
            session.waiting.append(packet)
        session.unacknowledged.clear()
        if connection.will is not None:
            topic, payload = connection.will
            self.publish(topic, payload, qos=1, retain=True)
        if tell:
            # A broken connection is seen at once, a silent one only by its keepalive.
            delay_s = 0.0 if self.random.random() < 0.7 else KEEPALIVE_S * (1 + self.random.random())
            self.scheduler.after(delay_s, lambda: session.client.cut(connection))
