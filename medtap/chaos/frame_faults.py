"""What a bad broker or network does to messages: frames twice, out of order, a bit flipped; answers a bit flipped."""

from collections import Counter, deque
from random import Random
from typing import Final

from medtap.chaos.faults import Fault
from medtap.chaos.mqtt_packets import PUBACK, PUBLISH, PacketSplitter, Publish, kind, puback_id, read_publish

SHARE: Final = 0.5
"""Part of the messages that is hit while a fault lasts."""


class FrameFaults:
    """Which faults last now; shared by the filters of all connections, which live in one thread."""

    def __init__(self, seed: int) -> None:
        """No fault at first."""
        self.active: set[Fault] = set()
        self.hit: Counter[Fault] = Counter()
        """Messages that were hit, by fault."""
        self._random = Random(seed)  # noqa: S311 - a run has to be repeatable

    def draws(self, fault: Fault) -> bool:
        """True if this message is to be hit; counts it."""
        if fault not in self.active or self._random.random() >= SHARE:
            return False
        self.hit[fault] += 1
        return True

    def bit(self) -> int:
        """Which bit of a payload to flip."""
        return self._random.getrandbits(24)


class FrameFilter:
    """One connection between gateway (the client) and broker.

    The broker never hears of the faults: it gets one PUBACK for each message, in the order in which it sent them
    (rumqttd ends a connection that acknowledges otherwise).
    """

    def __init__(self, faults: FrameFaults) -> None:
        """Follow `faults` as they come and go."""
        self._faults = faults
        self._from_server = PacketSplitter()
        self._from_client = PacketSplitter()
        self._held: bytes | None = None
        self._sent: deque[int] = deque()
        """Packet identifiers as the broker sent them, not acknowledged to it."""
        self._pubacks: dict[int, bytes] = {}
        """PUBACKs that wait for those of earlier messages."""

    def from_client(self, data: bytes) -> bytes:
        """Everything, with one PUBACK a message, in order, and the answers to edge nodes spoiled."""
        return b"".join(self._sorted(packet) for packet in self._from_client.feed(data))

    def from_server(self, data: bytes) -> bytes:
        """Everything, with frames spoiled, doubled and held back."""
        return b"".join(self._through(packet) for packet in self._from_server.feed(data))

    def _sorted(self, packet: bytes) -> bytes:
        if kind(packet) == PUBLISH:
            return self._perhaps_spoiled(read_publish(packet))
        if kind(packet) != PUBACK:
            return packet
        packet_id = puback_id(packet)
        if packet_id in self._sent:
            self._pubacks[packet_id] = packet
        due = b""
        while self._sent and self._sent[0] in self._pubacks:
            due += self._pubacks.pop(self._sent.popleft())
        return due

    def _through(self, packet: bytes) -> bytes:
        if kind(packet) != PUBLISH:
            return packet + self._release()
        publish = read_publish(packet)
        if publish.packet_id:
            self._sent.append(publish.packet_id)
        if "/up/" not in publish.topic:
            # Whatever comes next releases a frame that was held back: late, and out of order.
            is_hello = publish.topic.endswith("/hello")
            return (self._perhaps_spoiled(publish) if is_hello else packet) + self._release()
        changed = self._changed(publish)
        if self._held is None and self._faults.draws(Fault.REORDER_FRAMES):
            self._held = changed
            return b""
        return changed + self._release()

    def _changed(self, publish: Publish) -> bytes:
        changed = self._perhaps_spoiled(publish)
        if changed is publish.packet and publish.packet_id and self._faults.draws(Fault.DUPLICATE_FRAMES):
            return publish.packet + publish.again()
        return changed

    def _perhaps_spoiled(self, publish: Publish) -> bytes:
        if self._faults.draws(Fault.CORRUPT_FRAMES):
            return publish.spoiled(self._faults.bit())
        return publish.packet

    def _release(self) -> bytes:
        held, self._held = self._held, None
        return held or b""
