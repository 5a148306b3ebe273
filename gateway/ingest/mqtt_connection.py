"""One MQTT 5 connection of the subscriber: TCP or TLS, handshake, keep-alive, packets in and out. One thread's."""

import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from gateway.config import MqttConfig
from gateway.ingest import mqtt_packets as packets
from gateway.ingest.mqtt_packets import MqttError, PacketReader

KEEP_ALIVE_S: Final = 10
"""After half of it without a word from the broker we ask whether it is there."""
PING_ANSWER_S: Final = 5.0
"""A broker that does not answer that for so long is gone, as one behind a pulled cable is; with the half of the above
that makes ten seconds."""
_TIMEOUT_S: Final = 10.0
_READ_BYTES: Final = 256 * 1024
_REASONS: Final = {
    0x84: "it does not speak MQTT 5",
    0x85: "it refuses this client_id",
    0x86: "wrong username or password",
    0x87: "not authorised",
    0x88: "it is not available",
    0x8A: "this client is banned",
}
"""Reason codes of CONNACK that have a mend (section 3.2.2.2)."""


class Connection:
    """Connected when made."""

    def __init__(self, config: MqttConfig) -> None:
        """Connect and resume the session.

        Raises:
            OSError: no connection, or no TLS (`ssl.SSLError` is one).
            MqttError: the broker refuses, or speaks something else.
        """
        self._reader = PacketReader()
        self._outbox = bytearray()
        self._early: list[tuple[int, int, bytes]] = []
        self._socket = _open(config)
        try:
            answer = self._handshake(config)
        except BaseException:
            self._socket.close()
            raise
        self._socket.setblocking(False)  # noqa: FBT003 - the socket module's own
        self.session_present = answer.session_present
        self._keep_alive_s = KEEP_ALIVE_S if answer.keep_alive_s is None else answer.keep_alive_s
        self._heard_s = self._spoke_s = time.monotonic()
        self._pinged_s: float | None = None

    def send(self, data: bytes) -> None:
        """Send soon: what the socket does not take now goes with `exchange`."""
        self._outbox += data

    def exchange(self, wake: socket.socket) -> Iterator[tuple[int, int, bytes]]:
        """Send and receive once, waiting until something comes or `wake` is readable; the packets received.

        Raises:
            OSError: the connection is gone.
            MqttError: the broker went away, is silent, or sends what is not MQTT 5.
        """
        yield from self._early
        self._early.clear()
        self._write()
        wanted = [self._socket] if self._outbox else []
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0
        readable, writable, _ = select.select([self._socket, wake], wanted, [], 0.0 if pending else self._patience_s())
        if wake in readable:
            with suppress(BlockingIOError):
                wake.recv(4096)
        if writable:
            self._write()
        if pending or self._socket in readable:
            yield from self._read()
        self._keep_alive()

    def say_goodbye(self) -> None:
        """DISCONNECT, after what waits: the broker keeps the session."""
        self.send(packets.GOODBYE)
        with suppress(OSError):
            self._socket.settimeout(2.0)
            self._socket.sendall(self._outbox)

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def _handshake(self, config: MqttConfig) -> packets.ConnAck:
        password = config.password_file.read_text().strip() if config.password_file is not None else ""
        self._socket.sendall(
            packets.connect(
                config.client_id,
                keep_alive_s=KEEP_ALIVE_S,
                session_expiry_s=config.session_expiry_s,
                receive_maximum=config.receive_maximum,
                username=config.username,
                password=password,
            )
        )
        while not self._early:
            chunk = self._socket.recv(_READ_BYTES)
            if not chunk:
                raise MqttError("the broker closed the connection instead of an answer; does it speak MQTT 5?")
            self._early += self._reader.feed(chunk)
        kind, _, body = self._early.pop(0)
        if kind != packets.CONNACK:
            raise MqttError(f"the broker answers CONNECT with packet type {kind}; is it an MQTT 5 broker?")
        answer = packets.read_connack(body)
        if answer.reason >= packets.FAILURE or (answer.reason and len(body) == packets.CONNACK_3_BYTES):
            why = _REASONS.get(answer.reason, "see its log")
            raise MqttError(f"the broker refuses the gateway, reason {answer.reason:#04x}: {why}; see [mqtt]")
        return answer

    def _write(self) -> None:
        while self._outbox:
            try:
                sent = self._socket.send(self._outbox)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self._outbox[:sent]
            self._spoke_s = time.monotonic()

    def _read(self) -> Iterator[tuple[int, int, bytes]]:
        try:
            chunk = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        if not chunk:
            raise MqttError("the broker closed the connection")
        _acknowledge_at_once(self._socket)
        self._heard_s = time.monotonic()
        self._pinged_s = None
        yield from self._reader.feed(chunk)

    def _patience_s(self) -> float:
        return min(1.0, self._keep_alive_s / 4) if self._keep_alive_s else 1.0

    def _keep_alive(self) -> None:
        """Sections 3.1.2.10 and 3.12: something at least once an interval, and an answer, or the broker is gone."""
        if not self._keep_alive_s:
            return
        now_s = time.monotonic()
        # What came while we were held up was read before this: only silence counts.
        if self._pinged_s is not None and now_s - self._pinged_s > PING_ANSWER_S:
            raise MqttError(f"the broker was silent for {now_s - self._heard_s:.0f} s and answers no PINGREQ")
        quiet_since_s = min(self._heard_s, self._spoke_s)
        if self._pinged_s is None and now_s - quiet_since_s > self._keep_alive_s / 2:
            self._pinged_s = now_s
            self.send(packets.PINGREQ)
            self._write()


def _acknowledge_at_once(connection: socket.socket) -> None:
    """TCP's acknowledgement now, not 40 ms later: a broker that leaves Nagle's algorithm on waits for it with the rest.

    Linux forgets the wish (tcp(7), TCP_QUICKACK), so it is said after each read.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _open(config: MqttConfig) -> socket.socket:
    plain = socket.create_connection((config.host, config.port), timeout=_TIMEOUT_S)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not config.tls:
            return plain
        context = ssl.create_default_context(cafile=str(config.ca_file) if config.ca_file else None)
        if config.client_certificate_file is not None:
            key = str(config.client_key_file) if config.client_key_file else None
            context.load_cert_chain(str(config.client_certificate_file), key)
        return context.wrap_socket(plain, server_hostname=config.host)
    except BaseException:
        plain.close()
        raise
