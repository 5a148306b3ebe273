"""The MQTT 5 packets that a subscriber needs, to and from bytes. Pure; clause numbers are those of OASIS MQTT 5.0.

A general client library spends more on a message than everything that the gateway does with it (see README.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 13, 14
"""Packet types (section 2.1.2)."""
FAILURE: Final = 0x80
"""Reason codes from here on say no (section 2.4)."""
PACKET_BYTES_MAX: Final = 4 * 1024 * 1024
"""What a broker may send us (section 3.1.2.11.4), in bytes: far beyond a frame, so that an oversized one is still seen
and kept as dead letter, and little enough to hold."""
CONNACK_3_BYTES: Final = 2
"""A CONNACK without properties: of a broker that speaks MQTT 3.1.1 only, where any other code than 0 is a refusal."""
PINGREQ: Final = b"\xc0\x00"
GOODBYE: Final = b"\xe0\x00"
"""DISCONNECT with reason 0: no will."""

_SERVER_KEEP_ALIVE: Final = 0x13
_BYTES: Final = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
"""Properties of fixed length (section 2.2.2.2); the others are texts of a two-byte length, or a pair of them (0x26)."""
_USER_PROPERTY: Final = 0x26
_MORE: Final = 0x80
"""In a variable byte integer: another byte follows (section 1.5.5)."""


class MqttError(Exception):
    """The broker says no, or what it says is not MQTT 5: end the connection, try another."""


@dataclass(frozen=True)
class ConnAck:
    """The broker's answer to CONNECT."""

    session_present: bool
    reason: int
    keep_alive_s: int | None
    """The interval that the broker asks for instead of ours."""


class Publish(NamedTuple):
    """A message."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int


def connect(
    client_id: str,
    *,
    keep_alive_s: int,
    session_expiry_s: int,
    receive_maximum: int,
    username: str = "",
    password: str = "",
) -> bytes:
    """CONNECT to resume a session (clean start 0), section 3.1."""
    properties = (
        b"\x11"
        + session_expiry_s.to_bytes(4)
        + b"\x21"
        + receive_maximum.to_bytes(2)
        + b"\x27"
        + PACKET_BYTES_MAX.to_bytes(4)
    )
    flags = (0xC0 if password else 0x80) if username else 0
    body = b"\x00\x04MQTT\x05" + bytes([flags]) + keep_alive_s.to_bytes(2) + _varint(len(properties)) + properties
    body += _text(client_id)
    if username:
        body += _text(username) + (_text(password) if password else b"")
    return _packet(0x10, body)


def subscribe(packet_id: int, filters: tuple[str, ...]) -> bytes:
    """SUBSCRIBE with QoS 1 for each filter, section 3.8."""
    return _packet(0x82, packet_id.to_bytes(2) + b"\x00" + b"".join(_text(name) + b"\x01" for name in filters))


def publish(topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    """PUBLISH with QoS 0, section 3.3."""
    return _packet(0x31 if retain else 0x30, _text(topic) + b"\x00" + payload)


def puback(packet_id: int) -> bytes:
    """PUBACK with reason 0, section 3.4."""
    return b"\x40\x02" + packet_id.to_bytes(2)


class PacketReader:
    """Bytes in as they come, whole packets out."""

    def __init__(self) -> None:
        self._inbox = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Type, flags and body of each packet that is whole now.

        Raises:
            MqttError: a length that no packet may have.
        """
        self._inbox += chunk
        inbox, size, at = self._inbox, len(self._inbox), 0
        try:
            while at + 1 < size:
                begin, length, shift = at + 1, 0, 0
                while begin < size:
                    byte = inbox[begin]
                    length |= (byte & 0x7F) << shift
                    begin, shift = begin + 1, shift + 7
                    if byte < _MORE:
                        break
                else:
                    if shift > 3 * 7:
                        raise MqttError("a packet's length has more than four bytes")
                    return
                if length > PACKET_BYTES_MAX:
                    raise MqttError(
                        f"a packet of {length} bytes: the broker was told to send at most {PACKET_BYTES_MAX}"
                    )
                end = begin + length
                if end > size:
                    return
                first, at = inbox[at], end
                yield first >> 4, first & 0x0F, bytes(memoryview(inbox)[begin:end])
        finally:
            del inbox[:at]


def read_publish(flags: int, body: bytes) -> Publish:
    """Section 3.3.

    Raises:
        MqttError: cut short, or a topic that is not UTF-8.
    """
    try:
        at = 2 + int.from_bytes(body[:2])
        topic = body[2:at].decode()
        qos = flags >> 1 & 3
        packet_id = 0
        if qos:
            packet_id = int.from_bytes(body[at : at + 2])
            at += 2
        length = body[at]
        if length >= _MORE:
            length, at = _read_varint(body, at)
        else:
            at += 1
    except (IndexError, UnicodeDecodeError) as error:
        raise MqttError(f"a malformed PUBLISH: {error}") from None
    return Publish(topic, body[at + length :], qos, packet_id)


def read_connack(body: bytes) -> ConnAck:
    """Section 3.2.

    Raises:
        MqttError: malformed.
    """
    try:
        session_present, reason = bool(body[0] & 1), body[1]
        keep_alive_s = None
        if len(body) > CONNACK_3_BYTES:
            length, at = _read_varint(body, 2)
            found = _find_property(body[at : at + length], _SERVER_KEEP_ALIVE)
            keep_alive_s = None if found is None else int.from_bytes(found)
    except IndexError:
        raise MqttError(f"a malformed CONNACK: {body!r:.100}") from None
    return ConnAck(session_present, reason, keep_alive_s)


def read_suback(body: bytes) -> tuple[int, ...]:
    """The reason code of each filter, section 3.9.

    Raises:
        MqttError: malformed.
    """
    try:
        length, at = _read_varint(body, 2)
    except IndexError:
        raise MqttError(f"a malformed SUBACK: {body!r:.100}") from None
    return tuple(body[at + length :])


def _find_property(properties: bytes, wanted: int) -> bytes | None:
    at = 0
    while at < len(properties):
        kind = properties[at]
        at += 1
        size = _BYTES.get(kind)
        if size is None:
            for _ in range(2 if kind == _USER_PROPERTY else 1):
                size = 2 + int.from_bytes(properties[at : at + 2])
                at += size
            continue
        if kind == wanted:
            return properties[at : at + size]
        at += size
    return None


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + _varint(len(body)) + body


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2) + raw


def _varint(value: int) -> bytes:
    """Variable byte integer, section 1.5.5."""
    out = bytearray()
    while value >= _MORE:
        out.append(value & 0x7F | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    """The value and where it ends."""
    value, shift = 0, 0
    while True:
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < _MORE:
            return value, at
