"""A load generator's own MQTT 5 client: packets made beforehand, many to a system call.

A general client library would need more of the machine than the gateway that is measured. Of MQTT 5 only what a load
needs: CONNECT, SUBSCRIBE and PUBLISH with QoS 1 out; PUBACK and PUBLISH with QoS 0 in (sections 3.1 to 3.8).
"""

import select
import socket
from collections.abc import Iterator
from typing import Final

_READ_BYTES: Final = 256 * 1024
_PACKET_IDS: Final = 65535
_CONNACK, _PUBLISH, _PUBACK, _SUBACK = 2, 3, 4, 9
"""Packet types (section 2.1.2)."""
_FAILURE: Final = 0x80
"""Reason codes from here on say no (section 2.4)."""
_MORE: Final = 0x80
"""In a variable byte integer: another byte follows (section 1.5.5)."""


class LoadClient:
    """One connection. Not thread-safe."""

    def __init__(self, host: str, port: int, client_id: str) -> None:
        """Connect with a new session.

        Raises:
            ConnectionError: the broker refused, or went away.
        """
        self._socket = socket.create_connection((host, port), timeout=30.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._packet_id = 0
        self.unacknowledged = 0
        """Messages that the broker has not acknowledged."""
        name = client_id.encode()
        # Protocol level 5, clean start, keep-alive of 18 h (rumqttd refuses none at all), session ends with us.
        self._call(b"\x10", b"\x00\x04MQTT\x05\x02\xff\xff\x00" + len(name).to_bytes(2) + name, answer=_CONNACK)

    def subscribe(self, topic: str) -> None:
        """With QoS 0, one filter at a time.

        Raises:
            ConnectionError: the broker refused, or went away.
        """
        name = topic.encode()
        self._call(b"\x82", b"\x00\x01\x00" + len(name).to_bytes(2) + name + b"\x00", answer=_SUBACK)

    def publish(self, topic: bytes, payload: bytes) -> None:
        """Put a message with QoS 1 into the outbox."""
        self._packet_id = self._packet_id % _PACKET_IDS + 1
        length = 2 + len(topic) + 2 + 1 + len(payload)
        self._outbox += b"\x32" + _varint(length) + len(topic).to_bytes(2) + topic
        self._outbox += self._packet_id.to_bytes(2) + b"\x00" + payload
        self.unacknowledged += 1

    @property
    def waiting_bytes(self) -> int:
        """Bytes in the outbox."""
        return len(self._outbox)

    def exchange(self, timeout_s: float) -> Iterator[tuple[str, bytes]]:
        """Send what can be sent, wait for something at most `timeout_s` seconds; the messages that came in.

        Raises:
            ConnectionError: the broker went away.
        """
        readable, writable, _ = select.select(
            [self._socket], [self._socket] if self._outbox else [], [], 0 if self._outbox else timeout_s
        )
        if not readable and not writable and self._outbox:
            readable, writable, _ = select.select([self._socket], [self._socket], [], timeout_s)
        if writable:
            sent = self._socket.send(memoryview(self._outbox)[:_READ_BYTES])
            del self._outbox[:sent]
        if readable:
            yield from self._read()

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _read(self) -> Iterator[tuple[str, bytes]]:
        chunk = self._socket.recv(_READ_BYTES)
        if not chunk:
            raise ConnectionError("the MQTT broker closed the connection")
        if hasattr(socket, "TCP_QUICKACK"):
            # The broker leaves Nagle's algorithm on: what it sends next would wait 40 ms for TCP's acknowledgement.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._inbox += chunk
        at = 0
        while (packet := _packet(self._inbox, at)) is not None:
            kind, begin, at = packet
            if kind >> 4 == _PUBACK:
                self.unacknowledged -= 1
            elif kind >> 4 == _PUBLISH:
                yield _published(bytes(self._inbox[begin:at]), qos=kind >> 1 & 3)
        del self._inbox[:at]

    def _call(self, first: bytes, body: bytes, *, answer: int) -> None:
        self._socket.sendall(first + _varint(len(body)) + body)
        while (packet := _packet(self._inbox, 0)) is None:
            chunk = self._socket.recv(4096)
            if not chunk:
                raise ConnectionError("the MQTT broker closed the connection")
            self._inbox += chunk
        kind, begin, end = packet
        reason = self._inbox[begin + 1] if answer == _CONNACK else self._inbox[end - 1]
        del self._inbox[:end]
        if kind >> 4 != answer or reason >= _FAILURE:
            raise ConnectionError(f"the MQTT broker answered {kind:#x} with reason {reason:#x}")


def _varint(value: int) -> bytes:
    """Variable byte integer (section 1.5.5)."""
    out = bytearray()
    while value >= _MORE:
        out.append(value & 0x7F | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _packet(inbox: bytearray, at: int) -> tuple[int, int, int] | None:
    """First byte, begin and end of the body of the packet that begins at `at`; None if it is not whole."""
    length, shift, position = 0, 0, at + 1
    while position < len(inbox):
        byte = inbox[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < _MORE:
            return (inbox[at], position, position + length) if position + length <= len(inbox) else None
    return None


def _published(body: bytes, *, qos: int) -> tuple[str, bytes]:
    end = 2 + int.from_bytes(body[:2])
    begin = end + (2 if qos else 0)
    return body[2:end].decode(), body[begin + 1 + body[begin] :]
