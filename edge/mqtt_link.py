"""One MQTT 5 connection to the broker, worked by one thread: paho without its own thread.

The protocol above needs nothing of MQTT but "this may arrive": PUBACK is counted, never trusted. One thread works the
socket and the protocol, so an answer is handled where it is read, and no network thread can die unseen.
"""

import logging
import os
import select
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.config import BrokerConfig
from edge.delivery import Outgoing

SESSION_EXPIRY_S: Final = 7 * 24 * 3600
"""The broker keeps our session (subscriptions, queued answers) for a week of absence (design section 1)."""

KEEPALIVE_S: Final = 5
"""A half-open connection is noticed within twice this, in seconds: one to ask, one to wait for the answer."""

CONNECT_TIMEOUT_S: Final = 10.0
GOODBYE_TIMEOUT_S: Final = 0.5
RECEIVE_MAXIMUM: Final = 100
QOS: Final = 1

_LOG = logging.getLogger(__name__)

_MENDS: Final = {
    0x84: "the broker does not speak MQTT 5: enable it there",
    0x85: "the broker refuses our client id",
    0x86: "the broker refuses username or password: look at broker.username and broker.password_file",
    0x87: "the broker does not let this node in: look at its access rules and at the node's certificate",
    0x8A: "the broker has banned this node",
    0x8E: "another client connected with our client id: two nodes with one node.edge_node name, or two agents",
}
"""CONNACK and DISCONNECT reason codes (MQTT 5.0 sections 3.2.2.2 and 3.14.2.1) that a person has to mend."""


class LinkError(Exception):
    """There is no connection, or no longer: try again later. The message names the mend where one is known."""


@dataclass(frozen=True)
class Received:
    """One message from the broker."""

    topic: str
    payload: bytes


class Link(Protocol):
    """A way to the broker. Used from one thread, but for `wake`."""

    def open(self, will: Outgoing, subscriptions: tuple[str, ...]) -> None:
        """Connect (with a session that survives) and subscribe.

        Raises:
            LinkError: not connected.
        """
        ...

    def publish(self, message: Outgoing) -> None:
        """Hand one message to the network.

        Raises:
            LinkError: the connection is gone.
        """
        ...

    def pump(self, timeout_s: float) -> list[Received]:
        """Work the connection until something came, `wake` was called, or the time is over; return what came.

        Raises:
            LinkError: the connection is gone.
        """
        ...

    def wake(self) -> None:
        """Let `pump` return now. May be called from any thread, at any time."""
        ...

    def unconfirmed(self) -> int:
        """Messages that the broker has not confirmed to have received."""
        ...

    def close(self) -> None:
        """Say goodbye (the will is not published) and disconnect. Safe to call at any time."""
        ...


class MqttLink:
    """The link over paho's client; a new client for every connection, so that nothing old is ever resent by it."""

    def __init__(self, config: BrokerConfig, client_id: str) -> None:
        """Nothing is opened but the pair of sockets that `wake` uses."""
        self._config = config
        self._client_id = client_id
        self._client: mqtt.Client | None = None
        self._received: deque[Received] = deque()
        self._unconfirmed: set[int] = set()
        self._connected = False
        self._lost = ""
        self._waiting, self._waker = socket.socketpair()
        self._waiting.settimeout(0)
        self._waker.settimeout(0)

    def open(self, will: Outgoing, subscriptions: tuple[str, ...]) -> None:
        """See Link."""
        self._received.clear()
        self._unconfirmed.clear()
        self._connected, self._lost = False, ""
        where = f"{self._config.host}:{self._config.port}"
        client = self._make_client(will)
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = SESSION_EXPIRY_S
        connect.ReceiveMaximum = RECEIVE_MAXIMUM
        try:
            client.connect(
                self._config.host, self._config.port, keepalive=KEEPALIVE_S, clean_start=False, properties=connect
            )
        except (OSError, ValueError) as error:
            raise LinkError(f"broker {where}: {error}") from error
        self._client = client
        deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
        while not self._connected:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise LinkError(f"broker {where}: no answer to CONNECT within {CONNECT_TIMEOUT_S:.0f} s")
            self._work(left_s)
        _send_at_once(client.socket())
        client.subscribe([(topic, SubscribeOptions(qos=QOS)) for topic in subscriptions])

    def publish(self, message: Outgoing) -> None:
        """See Link."""
        client = self._need_client()
        info = client.publish(message.topic, message.payload, qos=QOS, retain=message.retain)
        if info.rc != mqtt.MQTT_ERR_SUCCESS:
            raise LinkError(self._lost or f"publishing failed: {mqtt.error_string(info.rc)}")
        self._unconfirmed.add(info.mid)

    def pump(self, timeout_s: float) -> list[Received]:
        """See Link."""
        if not self._received:
            self._work(timeout_s)
        came = list(self._received)
        self._received.clear()
        return came

    def wake(self) -> None:
        """See Link."""
        try:
            self._waker.send(b"\0")
        except (BlockingIOError, OSError):
            # Full: it will wake up anyhow. Closed: nobody sleeps there any more.
            return

    def unconfirmed(self) -> int:
        """See Link."""
        return len(self._unconfirmed)

    def close(self) -> None:
        """See Link."""
        client, self._client = self._client, None
        if client is not None:
            connection = _same_connection(client)
            client.disconnect()  # paho closes its socket in here
            self._drop(client)
            if connection is not None:
                _await_goodbye(connection)

    def dispose(self) -> None:
        """Close, and give back the sockets of `wake`: the link is not used again."""
        self.close()
        self._waiting.close()
        self._waker.close()

    # --- inside --------------------------------------------------------------------------------------------------

    def _make_client(self, will: Outgoing) -> mqtt.Client:
        self.close()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(RECEIVE_MAXIMUM)
        client.will_set(will.topic, will.payload, qos=QOS, retain=will.retain)
        if self._config.username:
            client.username_pw_set(self._config.username, self._password())
        if self._config.tls:
            client.tls_set_context(self._tls_context())
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        return client

    def _password(self) -> str | None:
        file = self._config.password_file
        if file is None:
            return None
        try:
            return file.read_text(encoding="utf-8").splitlines()[0]
        except (OSError, UnicodeDecodeError, IndexError) as error:
            raise LinkError(f"broker.password_file {str(file)!r}: {error}; expected the password in line 1") from error

    def _tls_context(self) -> ssl.SSLContext:
        config = self._config
        try:
            context = ssl.create_default_context(cafile=config.ca_file)
            if config.client_certificate_file is not None:
                context.load_cert_chain(config.client_certificate_file, config.client_key_file)
        except (OSError, ssl.SSLError) as error:
            raise LinkError(f"broker: ca_file, client_certificate_file or client_key_file: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _need_client(self) -> mqtt.Client:
        if self._client is None or self._lost:
            raise LinkError(self._lost or "not connected")
        return self._client

    def _work(self, timeout_s: float) -> None:
        """Sleep until the socket or `wake` wants something, and serve it."""
        client = self._need_client()
        connection = client.socket()
        if connection is None:
            raise LinkError(self._lost or "the connection was closed")
        # paho keeps time (keepalive) in loop_misc, so it has to be called about once a second.
        pending = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        ready = self._poll(
            connection.fileno(), 0.0 if pending else min(max(timeout_s, 0.0), 1.0), write=client.want_write()
        )
        if self._waiting.fileno() in ready:
            self._drain_wakes()
        if pending or connection.fileno() in ready:
            client.loop_read()
            _acknowledge_at_once(connection)
        if client.want_write():
            client.loop_write()
        client.loop_misc()
        if self._lost or client.socket() is None:
            lost = self._lost or "the connection was lost"
            self._client = None
            self._drop(client)
            raise LinkError(lost)

    def _poll(self, fileno: int, timeout_s: float, *, write: bool) -> set[int]:
        poll = select.poll()
        poll.register(self._waiting, select.POLLIN)
        poll.register(fileno, select.POLLIN | (select.POLLOUT if write else 0))
        return {ready for ready, _ in poll.poll(timeout_s * 1000)}

    def _drain_wakes(self) -> None:
        try:
            while self._waiting.recv(4096):
                pass
        except BlockingIOError:
            return

    def _drop(self, client: mqtt.Client) -> None:
        """Close what paho left open, so that no file descriptor waits for the garbage collector."""
        client.on_disconnect = None
        connection = client.socket()
        if connection is not None:
            connection.close()

    def _on_connect(
        self, _client: mqtt.Client, _data: object, flags: mqtt.ConnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        if reason.is_failure:
            self._lost = f"the broker refused the connection: {reason}: {_MENDS.get(reason.value, 'see its log')}"
            return
        self._connected = True
        _LOG.info("connected to the broker; session present: %s", flags.session_present)

    def _on_disconnect(
        self, _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _p: object
    ) -> None:
        if not self._lost:
            mend = _MENDS.get(reason.value)
            self._lost = f"the connection was lost: {reason}" + (f": {mend}" if mend else "")

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._received.append(Received(message.topic, bytes(message.payload)))

    def _on_publish(self, _client: mqtt.Client, _data: object, mid: int, reason: ReasonCode, _p: object) -> None:
        self._unconfirmed.discard(mid)
        if reason.is_failure:
            _LOG.error("the broker refused a message: %s: %s", reason, _MENDS.get(reason.value, "see its log"))

    def _on_subscribe(
        self, _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _p: object
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            _LOG.error("the broker refused a subscription (%s): let this node read its own topics", ", ".join(refused))


def _send_at_once(connection: object) -> None:
    """No Nagle's algorithm (RFC 896): our messages are small and each is wanted now."""
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _acknowledge_at_once(connection: object) -> None:
    """No delayed TCP acknowledgement (Linux tcp(7): TCP_QUICKACK is not permanent, so after every read).

    A broker that keeps Nagle's algorithm holds each message back until what it sent before is acknowledged: measured
    with rumqttd, 84 ms instead of 1.3 ms from an event's commit to its acknowledgement.
    """
    if isinstance(connection, socket.socket) and connection.fileno() >= 0:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _same_connection(client: mqtt.Client) -> socket.socket | None:
    """A second handle of the client's TCP connection (below TLS): it stays open when the client closes its own."""
    connection = client.socket()
    if connection is None or connection.fileno() < 0:
        return None
    return socket.socket(fileno=os.dup(connection.fileno()))


def _await_goodbye(connection: socket.socket) -> None:
    """Wait until the broker has closed its side after DISCONNECT, at most `GOODBYE_TIMEOUT_S`; then close ours.

    A socket closed while unread bytes wait in it sends a reset (RFC 2525 section 2.17), which can overtake DISCONNECT:
    the broker then publishes the will of a node that ended in order.
    """
    deadline = time.monotonic() + GOODBYE_TIMEOUT_S
    with connection, suppress(OSError):
        connection.settimeout(GOODBYE_TIMEOUT_S)
        connection.shutdown(socket.SHUT_WR)
        while time.monotonic() < deadline and connection.recv(65536):
            pass
