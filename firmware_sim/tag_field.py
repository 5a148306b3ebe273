"""UHF RFID tags in front of the antennas of a reader, and how well each is seen."""

import random
import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class UhfTag:
    """One Gen2 label."""

    epc: bytes
    """EPC memory without protocol-control word: 2 to 62 bytes, an even number (Gen2 words)."""
    antennas: frozenset[int] = frozenset({1})
    """The antennas that see it, from 1."""
    peak_rssi_dbm: float = -55.0
    """Mean signal strength; each read varies around it."""
    read_chance: float = 0.97
    """Chance of being read in one inventory round; low for a tag behind metal or liquid."""
    tid: bytes = bytes.fromhex("e2801160200064a1b2c3d4e5")
    """TID memory: what the chip's maker burnt in (Gen2 6.3.2.1.3; class E2, serialised)."""
    epc_words_max: int = 31
    """How many words of EPC its memory has room for; 8 (128 bits) on most labels."""
    locked: bool = False
    """Its EPC memory takes no more writing."""
    writes_words: int | None = None
    """It loses power after so many words of a write; None for never."""
    rest: bytes = b""
    """EPC memory behind the EPC: what a longer one left there."""

    def __post_init__(self) -> None:
        """Refuse what no label can be."""
        if not 2 <= len(self.epc) <= 62 or len(self.epc) % 2:  # noqa: PLR2004 - Gen2: 1 to 31 words of 16 bits
            raise ValueError(f"epc is {self.epc.hex()!r}: expected 2 to 62 bytes, an even number")
        if not 0.0 <= self.read_chance <= 1.0:
            raise ValueError(f"read_chance is {self.read_chance!r}: expected 0 to 1")
        if len(self.epc) > self.epc_words_max * 2:
            raise ValueError(f"epc is {self.epc.hex()!r}: expected at most {self.epc_words_max} words")

    @property
    def epc_memory(self) -> bytes:
        """The whole EPC bank: CRC (not computed here: zeros), PC with the length in words, EPC, and what lies behind.

        Gen2 6.3.2.1.2: the five highest bits of the protocol-control word are the length of the EPC in words.
        """
        protocol_control = (len(self.epc) // 2 << 11).to_bytes(2, "big")
        room = self.epc_words_max * 2
        return b"\0\0" + protocol_control + (self.epc + self.rest).ljust(room, b"\0")[:room]


@dataclass(frozen=True)
class TagRead:
    """One successful singulation."""

    epc: bytes
    antenna_id: int
    peak_rssi_dbm: int


class TagField:
    """The tags that are there now. Thread-safe; random numbers from a seed."""

    def __init__(self, seed: int = 0) -> None:
        """An empty field."""
        self._tags: dict[bytes, UhfTag] = {}
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - a simulation must be repeatable

    def put(self, tag: UhfTag) -> None:
        """Lay a tag there (or move it: one EPC is one label)."""
        with self._lock:
            self._tags[tag.epc] = tag

    def take(self, epc: bytes) -> bool:
        """Take a tag away; False if it was not there."""
        with self._lock:
            return self._tags.pop(epc, None) is not None

    def find(self, epc: bytes) -> UhfTag | None:
        """The tag with that EPC, if it is there."""
        with self._lock:
            return self._tags.get(epc)

    def rewrite(self, tag: UhfTag, epc_memory: bytes) -> None:
        """Give a tag other EPC memory: from now on it answers with what its protocol-control word says is its EPC.

        A length of zero words leaves it one word long: a real tag would answer with its PC alone.
        """
        words = min(max(epc_memory[2] >> 3, 1), tag.epc_words_max)
        content = epc_memory[4:]
        changed = replace(tag, epc=content[: words * 2], rest=content[words * 2 :])
        with self._lock:
            self._tags.pop(tag.epc, None)
            self._tags[changed.epc] = changed

    def clear(self) -> None:
        """Take all tags away."""
        with self._lock:
            self._tags.clear()

    @property
    def tags(self) -> tuple[UhfTag, ...]:
        """What is there."""
        with self._lock:
            return tuple(self._tags.values())

    def inventory_round(self, antenna_id: int) -> list[TagRead]:
        """One round on one antenna: in random order, each tag with its own chance, signal varying by 2 dB."""
        with self._lock:
            seen = [tag for tag in self._tags.values() if antenna_id in tag.antennas]
            self._random.shuffle(seen)
            return [
                TagRead(tag.epc, antenna_id, max(-128, min(127, round(self._random.gauss(tag.peak_rssi_dbm, 2.0)))))
                for tag in seen
                if self._random.random() < tag.read_chance
            ]
