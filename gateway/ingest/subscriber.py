"""The gateway's MQTT 5 session: takes messages in, acknowledges them only when told to, never ends by itself.

- `clean_start=False` from the very first connection: a broker keeps what comes while we are away only for a session
  that was opened so (mosquitto 2.0 never writes another kind to its store).
- Manual PUBACK, and only over the connection that delivered the message: after a reconnection the broker may have given
  the same packet identifier to another message, which a late PUBACK would delete unseen. So each message carries the
  generation of its connection.
- An ordinary subscription, not a shared one: several gateways are correct by the marks, and rumqttd's router dies when
  a client with a shared subscription leaves.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.contracts import topics
from gateway.config import MqttConfig
from gateway.ingest.backlog import BacklogWatch
from gateway.ingest.message import ReceivedMessage

_LOG = logging.getLogger(__name__)
_KEEPALIVE_S: Final = 30
_RECONNECT_S: Final = (1, 10)
_WATCH_S: Final = 1.0
FILTERS: Final = (topics.UP_FILTER, topics.STATE_FILTER, topics.HELLO_FILTER)


@dataclass(frozen=True)
class Delivery:
    """A message, and what its PUBACK needs."""

    message: ReceivedMessage
    generation: int
    """Of the connection that delivered it."""
    mid: int
    qos: int


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
        self._lock = threading.Lock()
        self._renewal = threading.Lock()
        """Held while the client is replaced."""
        self._generation = 0
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._overflowed = False
        self._stopping = threading.Event()
        self._client = self._make_client()
        self._watchdog = threading.Thread(target=self._watch, name="mqtt-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to connect; goes on for ever."""
        self._connect()
        self._watchdog.start()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session and what is not acknowledged."""
        self._stopping.set()
        if self._watchdog.ident is not None:
            self._watchdog.join(timeout=15.0)
        self._client.disconnect()
        self._client.loop_stop()

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

    def puback(self, delivery: Delivery) -> bool:
        """Acknowledge to the broker; False if the connection that delivered the message is gone."""
        if delivery.qos == 0:
            return True
        with self._lock:
            if delivery.generation != self._generation or not self._connected.is_set():
                return False
            return self._client.ack(delivery.mid, delivery.qos) == mqtt.MQTT_ERR_SUCCESS

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send with QoS 0; False if not connected.

        QoS 0 is right for acknowledgements: a lost one is answered by a resend, and one that a broker kept for an edge
        node that was away could tell it a mark of a database that has been replaced since.
        """
        if not self._connected.is_set():
            return False
        return self._client.publish(topic, payload, qos=0).rc == mqtt.MQTT_ERR_SUCCESS

    def refetch_if_overflowed(self) -> None:
        """After `take` had no room: connect anew, only then does a broker deliver again. Call when there is room."""
        with self._lock:
            overflowed, self._overflowed = self._overflowed, False
        if not overflowed:
            return
        _LOG.warning("messages were left with the broker for want of room; connecting anew to get them")
        with self._renewal:
            if not self._stopping.is_set():
                self._client.disconnect()
                self._client.loop_stop()
                self._begin_anew()

    def _make_client(self) -> mqtt.Client:
        config = self._config
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=config.client_id, protocol=mqtt.MQTTv5, manual_ack=True
        )
        if config.username and config.password_file is not None:
            client.username_pw_set(config.username, config.password_file.read_text().strip())
        if config.tls:
            client.tls_set(
                ca_certs=str(config.ca_file) if config.ca_file else None,
                certfile=str(config.client_certificate_file) if config.client_certificate_file else None,
                keyfile=str(config.client_key_file) if config.client_key_file else None,
            )
        client.reconnect_delay_set(*_RECONNECT_S)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _connect(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's own
        properties.SessionExpiryInterval = self._config.session_expiry_s
        properties.ReceiveMaximum = self._config.receive_maximum
        self._client.connect_async(
            self._config.host, self._config.port, _KEEPALIVE_S, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def _watch(self) -> None:
        """Paho's network thread must not end; should it, it is started again."""
        while not self._stopping.wait(_WATCH_S):
            with self._renewal:
                if not self._stopping.is_set() and not self._network_thread_lives():
                    _LOG.error("the MQTT network thread had ended; started again")
                    self._begin_anew()

    def _network_thread_lives(self) -> bool:
        thread = self._client._thread  # noqa: SLF001 - paho has no public way to ask
        return thread is not None and thread.is_alive()

    def _begin_anew(self) -> None:
        """A new client of the same session: the old one can't be trusted, and paho would leak its sockets."""
        self._down()
        self._client = self._make_client()
        self._connect()

    def _down(self) -> None:
        with self._lock:
            self._generation += 1
            self._connected.clear()
            self._subscribed.clear()

    def _on_pre_connect(self, _client: mqtt.Client, _userdata: object) -> None:
        self._down()

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self._down()
        if not self._stopping.is_set():
            _LOG.warning("MQTT connection lost: %s", reason)

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            _LOG.error("the MQTT broker refuses the gateway: %s; see [mqtt] in the configuration", reason)
            return
        with self._lock:
            self._generation += 1
            self._connected.set()
        self._backlog.connected(time.monotonic())
        _LOG.info("MQTT connected; session %s", "resumed" if flags.session_present else "new")
        client.subscribe([(name, SubscribeOptions(qos=1)) for name in FILTERS])

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Any,  # noqa: ANN401 - paho's own type differs by version
    ) -> None:
        refused = [name for name, reason in zip(FILTERS, reasons, strict=False) if reason.is_failure]
        if refused:
            _LOG.error("the MQTT broker refuses the subscriptions %s: mend its access rules", ", ".join(refused))
        else:
            self._subscribed.set()

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        """An exception that left here would end paho's thread."""
        try:
            waited = self._backlog.message(time.monotonic())
            received = ReceivedMessage.of(message.topic, bytes(message.payload), self._clock(), may_have_waited=waited)
            with self._lock:
                generation = self._generation
            if not self._take(Delivery(received, generation, message.mid, message.qos)):
                with self._lock:
                    self._overflowed = True
        except Exception:  # noqa: BLE001 - see above
            _LOG.exception("a message could not be taken in; it stays with the broker")
