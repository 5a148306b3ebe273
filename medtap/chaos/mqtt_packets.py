"""Just enough of MQTT 5's packets to pick PUBLISH out of a stream, copy it, and spoil its payload.

Source: MQTT Version 5.0, OASIS Standard: 2.1 (fixed header), 1.5.5 (variable byte integer), 3.3 (PUBLISH).
"""

from dataclasses import dataclass
from typing import Final

PUBLISH: Final = 3
PUBACK: Final = 4
_DUP: Final = 0x08
_LENGTH_BYTES_MAX: Final = 4


class PacketSplitter:
    """Cuts a stream of bytes into whole packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now, in order."""
        buffer = self._rest + data
        packets = []
        while (size := _packet_size(buffer)) and len(buffer) >= size:
            packets.append(buffer[:size])
            buffer = buffer[size:]
        self._rest = buffer
        return packets


@dataclass(frozen=True)
class Publish:
    """Where things stand in one PUBLISH packet."""

    packet: bytes
    topic: str
    packet_id: int
    """0 for QoS 0."""
    payload_at: int

    def spoiled(self, bit: int) -> bytes:
        """The packet with one bit of its payload flipped, counted from the payload's begin (and around its end)."""
        spoiled = bytearray(self.packet)
        at = self.payload_at + bit // 8 % (len(self.packet) - self.payload_at)
        spoiled[at] ^= 1 << bit % 8
        return bytes(spoiled)

    def again(self) -> bytes:
        """The packet as it is sent a second time, with the DUP flag (3.3.1.1)."""
        return bytes((self.packet[0] | _DUP,)) + self.packet[1:]


def kind(packet: bytes) -> int:
    """Type of a packet (2.1.2)."""
    return packet[0] >> 4


def puback_id(packet: bytes) -> int:
    """Packet identifier of a PUBACK (3.4.2)."""
    at = 1 + _length(packet)[1]
    return int.from_bytes(packet[at : at + 2])


def read_publish(packet: bytes) -> Publish:
    """Take a PUBLISH packet apart (3.3.2)."""
    at = 1 + _length(packet)[1]
    topic_end = at + 2 + int.from_bytes(packet[at : at + 2])
    topic = packet[at + 2 : topic_end].decode()
    at = topic_end
    packet_id = 0
    if packet[0] >> 1 & 3:
        packet_id = int.from_bytes(packet[at : at + 2])
        at += 2
    properties, size = _variable_integer(packet, at)
    return Publish(packet, topic, packet_id, at + size + properties)


def _packet_size(buffer: bytes) -> int:
    """Bytes of the packet that begins the buffer; 0 if its length is not there yet."""
    if len(buffer) < 2 or (len(buffer) <= _LENGTH_BYTES_MAX and all(byte & 0x80 for byte in buffer[1:])):  # noqa: PLR2004 - type and at least one length byte
        return 0
    remaining, size = _length(buffer)
    return 1 + size + remaining


def _length(packet: bytes) -> tuple[int, int]:
    return _variable_integer(packet, 1)


def _variable_integer(data: bytes, at: int) -> tuple[int, int]:
    """Value and number of bytes (1.5.5).

    Raises:
        ValueError: longer than four bytes.
    """
    value = 0
    for place in range(_LENGTH_BYTES_MAX):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, place + 1
    raise ValueError(f"variable byte integer longer than four bytes: {data[at : at + 5].hex()}")
