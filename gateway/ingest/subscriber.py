"""The gateway's MQTT 5 session: takes messages in, acknowledges them only when told to, never ends by itself.

- `clean_start=False` from the very first connection: a broker keeps what comes while we are away only for a session
  that was opened so (mosquitto 2.0 never writes another kind to its store).
- Manual PUBACK, and only over the connection that delivered the message: after a reconnection the broker may have given
  the same packet identifier to another message, which a late PUBACK would delete unseen. So each message carries the
  generation of its connection.
- PUBACKs leave in the order in which the messages came, whoever is done with his first (`puback_order.py`).
- An ordinary subscription unless `mqtt.shared_group` names a group: several gateways are correct by the marks either
  way, and rumqttd's router dies when a client with a shared subscription leaves.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final, NamedTuple

from edge.contracts import topics
from gateway.config import MqttConfig
from gateway.ingest import mqtt_packets as packets
from gateway.ingest.backlog import BacklogWatch
from gateway.ingest.decoder import Decoded
from gateway.ingest.message import ReceivedMessage
from gateway.ingest.mqtt_connection import Connection
from gateway.ingest.mqtt_packets import MqttError
from gateway.ingest.puback_order import PubackOrder

_LOG = logging.getLogger(__name__)
_STOP_TIMEOUT_S: Final = 20.0
_RECONNECT_S: Final = (1.0, 2.0, 5.0, 10.0)
_OUTBOX_BYTES_MAX: Final = 4 * 1024 * 1024
"""A broker that does not read gets no more acknowledgements: they are sent again anyway."""
FILTERS: Final = (topics.UP_FILTER, topics.STATE_FILTER, topics.HELLO_FILTER)


class Delivery(NamedTuple):
    """A message, and what its PUBACK needs."""

    message: ReceivedMessage
    generation: int
    """Of the connection that delivered it."""
    mid: int
    qos: int
    decoded: Decoded | None = None
    """What it says, if that was found out already."""
    number: int = 0
    """Place of its PUBACK in the order of its connection."""


class Subscriber:
    """One MQTT session. `take` is called for each message from the network thread: it must not block."""

    def __init__(
        self, config: MqttConfig, take: Callable[[Delivery], bool], clock: Callable[[], datetime], backlog: BacklogWatch
    ) -> None:
        """`take` returns False if it has no room: the message then stays with the broker."""
        self._config = config
        self._take = take
        self._clock = clock
        self._backlog = backlog
        self._filters = shared_filters(config.shared_group)
        self._lock = threading.Lock()
        self._generation = 0
        self._order = PubackOrder()
        self._outbox = bytearray()
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._overflowed = False
        self._renew = False
        self._stopping = threading.Event()
        self._ear, self._bell = socket.socketpair()
        for end in (self._ear, self._bell):
            end.setblocking(False)  # noqa: FBT003 - the socket module's own
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; goes on for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session and what is not acknowledged."""
        self._stopping.set()
        self._ring()
        if self._thread.ident is not None:
            self._thread.join(timeout=_STOP_TIMEOUT_S)
        self._ear.close()
        self._bell.close()

    def wait_connected(self, timeout_s: float) -> bool:
        """True if the session stands, subscriptions included, within `timeout_s` seconds."""
        return self._subscribed.wait(timeout_s)

    @property
    def connected(self) -> bool:
        """True while the session stands."""
        return self._connected.is_set()

    @property
    def generation(self) -> int:
        """Number of the present connection."""
        with self._lock:
            return self._generation

    def puback(self, deliveries: Sequence[Delivery]) -> int:
        """These are done: acknowledge to the broker what may go now, in the order of arrival.

        Returns:
            How many were let go: fewer than `deliveries` if one before them is not done or if their connection is
            gone, more if others have waited for these.
        """
        return self._settle(deliveries, let_go=True)

    def leave(self, deliveries: Sequence[Delivery]) -> None:
        """These are given up: they stay with the broker, which sends them again at the next connection."""
        self._settle(deliveries, let_go=False)

    def _settle(self, deliveries: Sequence[Delivery], *, let_go: bool) -> int:
        with self._lock:
            if not self._connected.is_set():
                return 0
            generation = self._generation
            mine = [each.number for each in deliveries if each.qos and each.generation == generation]
            ready = self._order.settle(mine, let_go=let_go)
            asleep = not self._outbox
            self._outbox += b"".join(map(packets.puback, ready))
        if asleep and ready:
            self._ring()
        return len(ready)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send with QoS 0; False if not connected, or if too much waits to be sent.

        QoS 0 is right for acknowledgements: a lost one is answered by a resend, and one that a broker kept for an edge
        node that was away could tell it a mark of a database that has been replaced since.
        """
        with self._lock:
            if not self._connected.is_set() or len(self._outbox) > _OUTBOX_BYTES_MAX:
                return False
            asleep = not self._outbox
            self._outbox += packets.publish(topic, payload, retain=retain)
        if asleep:
            self._ring()
        return True

    def refetch_if_overflowed(self) -> None:
        """After `take` had no room: connect anew, only then does a broker deliver again. Call when there is room."""
        with self._lock:
            if not self._overflowed:
                return
            self._overflowed = False
            self._renew = True
        _LOG.warning("messages were left with the broker for want of room; connecting anew to get them")
        self._ring()

    def _ring(self) -> None:
        """Wake the network thread; once is enough until it has emptied the outbox."""
        try:
            self._bell.send(b"!")
        except (BlockingIOError, OSError):
            return  # it has enough to wake for, or is no more

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            renewed = False
            try:
                with self._session() as connection:
                    renewed = self._serve(connection)
            except (OSError, MqttError) as error:
                _LOG.warning("MQTT connection to %s:%d: %s", self._config.host, self._config.port, error)
            except Exception:  # noqa: BLE001 - a network thread that ends is worse than any error
                _LOG.exception("MQTT: unexpected failure, connecting anew")
            failures = 0 if renewed or time.monotonic() - began_s > _RECONNECT_S[-1] else failures + 1
            if failures:
                self._stopping.wait(_RECONNECT_S[min(failures, len(_RECONNECT_S)) - 1])

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        connection = Connection(self._config)
        try:
            yield connection
        finally:
            self._down()
            connection.close()

    def _down(self) -> None:
        with self._lock:
            self._generation += 1
            self._connected.clear()
            self._subscribed.clear()
            self._outbox.clear()
            self._renew = False

    def _serve(self, connection: Connection) -> bool:
        """Until the connection ends (MqttError, OSError), or it is ours to end: True if for another one."""
        with self._lock:
            self._generation += 1
            self._order = PubackOrder()
            self._connected.set()
        self._backlog.connected(time.monotonic())
        _LOG.info("MQTT connected; session %s", "resumed" if connection.session_present else "new")
        connection.send(packets.subscribe(1, self._filters))
        while not self._stopping.is_set():
            with self._lock:
                connection.send(bytes(self._outbox))
                self._outbox.clear()
                renew = self._renew
            if renew:
                break
            for kind, flags, body in connection.exchange(self._ear):
                if kind == packets.PUBLISH:
                    self._on_message(flags, body)
                elif kind == packets.SUBACK:
                    self._on_subscribed(packets.read_suback(body))
                elif kind == packets.DISCONNECT:
                    raise MqttError(f"the broker ends the connection, reason {(body[0] if body else 0):#04x}")
        connection.say_goodbye()
        return True

    def _on_subscribed(self, reasons: Sequence[int]) -> None:
        refused = [name for name, reason in zip(self._filters, reasons, strict=False) if reason >= packets.FAILURE]
        if refused:
            _LOG.error("the MQTT broker refuses the subscriptions %s: mend its access rules", ", ".join(refused))
        else:
            self._subscribed.set()

    def _on_message(self, flags: int, body: bytes) -> None:
        message = packets.read_publish(flags, body)
        waited = self._backlog.message(time.monotonic())
        received = ReceivedMessage.of(message.topic, message.payload, self._clock(), may_have_waited=waited)
        with self._lock:
            number = self._order.arrived(message.packet_id) if message.qos else 0
        # Only this thread moves the generation while a connection stands.
        delivery = Delivery(received, self._generation, message.packet_id, message.qos, number=number)
        try:
            if self._take(delivery):
                return
            with self._lock:
                self._overflowed = True
        except Exception:  # noqa: BLE001 - the connection is not at fault
            _LOG.exception("a message could not be taken in; it stays with the broker")
        self.leave([delivery])


def shared_filters(group: str) -> tuple[str, ...]:
    """The subscriptions; of frames and hellos each gateway of a group gets some (MQTT 5 section 4.8.2).

    States are retained, and a shared subscription gets no retained message: each gateway hears all of them.
    """
    if not group:
        return FILTERS
    return (f"$share/{group}/{topics.UP_FILTER}", topics.STATE_FILTER, f"$share/{group}/{topics.HELLO_FILTER}")
