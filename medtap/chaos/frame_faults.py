"""What a bad broker or network does to messages on their way to the gateway: twice, out of order, a bit flipped."""

from collections import Counter
from random import Random
from typing import Final

from medtap.chaos.faults import Fault
from medtap.chaos.mqtt_packets import PUBACK, PUBLISH, PacketSplitter, Publish, kind, puback_id, read_publish

SHARE: Final = 0.5
"""Part of the frames that is hit while a fault lasts."""


class FrameFaults:
    """Which faults last now; shared by the filters of all connections, which live in one thread."""

    def __init__(self, seed: int) -> None:
        """No fault at first."""
        self.active: set[Fault] = set()
        self.hit: Counter[Fault] = Counter()
        """Frames that were hit, by fault."""
        self._random = Random(seed)  # noqa: S311 - a run has to be repeatable

    def draws(self, fault: Fault) -> bool:
        """True if this frame is to be hit; counts it."""
        if fault not in self.active or self._random.random() >= SHARE:
            return False
        self.hit[fault] += 1
        return True

    def bit(self) -> int:
        """Which bit of a payload to flip."""
        return self._random.getrandbits(24)


class FrameFilter:
    """One connection between gateway (the client) and broker."""

    def __init__(self, faults: FrameFaults) -> None:
        """Follow `faults` as they come and go."""
        self._faults = faults
        self._from_server = PacketSplitter()
        self._from_client = PacketSplitter()
        self._held: bytes | None = None
        self._doubled: Counter[int] = Counter()

    def from_client(self, data: bytes) -> bytes:
        """Everything, but the second PUBACK of a message that the broker sent once."""
        return b"".join(packet for packet in self._from_client.feed(data) if not self._is_ours(packet))

    def from_server(self, data: bytes) -> bytes:
        """Everything, with frames spoiled, doubled and held back."""
        return b"".join(self._through(packet) for packet in self._from_server.feed(data))

    def _is_ours(self, packet: bytes) -> bool:
        if kind(packet) != PUBACK:
            return False
        packet_id = puback_id(packet)
        if not self._doubled[packet_id]:
            return False
        self._doubled[packet_id] -= 1
        return True

    def _through(self, packet: bytes) -> bytes:
        publish = read_publish(packet) if kind(packet) == PUBLISH else None
        if publish is None or "/up/" not in publish.topic:
            # Whatever comes next releases a frame that was held back: late, and out of order.
            return packet + self._release()
        changed = self._spoil(publish)
        if self._held is None and self._faults.draws(Fault.REORDER_FRAMES):
            self._held = changed
            return b""
        return changed + self._release()

    def _spoil(self, publish: Publish) -> bytes:
        if self._faults.draws(Fault.CORRUPT_FRAMES):
            return publish.spoiled(self._faults.bit())
        if publish.packet_id and self._faults.draws(Fault.DUPLICATE_FRAMES):
            self._doubled[publish.packet_id] += 1
            return publish.packet + publish.again()
        return publish.packet

    def _release(self) -> bytes:
        held, self._held = self._held, None
        return held or b""
