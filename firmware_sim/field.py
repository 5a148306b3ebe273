"""The radio field of one 13.56 MHz antenna, and what a tag in it must be able to do (ISO/IEC 14443-3 type A)."""

import threading
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class RfAnswer:
    """What a tag sends back. Without CRC_A: the link adds and checks that."""

    data: bytes
    """The frame; for a nibble, one byte whose low four bits count."""
    is_nibble: bool = False
    """True for the four-bit ACK and NAK of Type 2 tags, which carry no CRC."""
    after_s: float = 0.0
    """Seconds the tag thinks before it sends."""


class Tag(Protocol):
    """A type A tag. It is a state machine that only its link talks to; power may go away between any two calls."""

    @property
    def uid(self) -> bytes:
        """4, 7 or 10 bytes (ISO/IEC 14443-3 section 6.5.4)."""
        ...

    @property
    def atqa(self) -> int:
        """Answer to request: 16 bits."""
        ...

    @property
    def sak(self) -> int:
        """Select acknowledge: bit 0x20 says ISO/IEC 14443-4."""
        ...

    def power_off(self) -> None:
        """The field is gone: forget everything volatile."""
        ...

    def select(self) -> None:
        """The end of anticollision: from now on the tag listens to commands."""
        ...

    def exchange(self, frame: bytes) -> RfAnswer | None:
        """One frame from the reader, without CRC; None is silence. An unselected tag is silent."""
        ...


class Field:
    """What lies on one antenna: nothing or one tag. Thread-safe: a hand puts and takes while the chip talks."""

    def __init__(self) -> None:
        """An empty field."""
        self._changed = threading.Condition()
        self._tag: Tag | None = None
        self._presence = 0
        self._selections = 0

    @property
    def tag(self) -> Tag | None:
        """The tag that lies there now."""
        with self._changed:
            return self._tag

    @property
    def presence(self) -> int:
        """Grows with every `put` and `take`: tells a tag that stayed from one that went and came back."""
        with self._changed:
            return self._presence

    @property
    def selections(self) -> int:
        """How often a reader found a tag here (successful anticollisions)."""
        with self._changed:
            return self._selections

    def put(self, tag: Tag) -> None:
        """Lay a tag on the antenna; one that lies there already is taken away first."""
        with self._changed:
            if self._tag is not None:
                self._tag.power_off()
            tag.power_off()
            self._tag = tag
            self._presence += 1
            self._changed.notify_all()

    def take(self) -> Tag | None:
        """Take the tag away, whatever it was doing; returns it, or None if there was none."""
        with self._changed:
            tag, self._tag = self._tag, None
            if tag is not None:
                tag.power_off()
                self._presence += 1
                self._changed.notify_all()
            return tag

    def select(self, uid: bytes = b"") -> Tag | None:
        """WUPA and anticollision: the tag that answers, or None. A non-empty `uid` selects that one only."""
        with self._changed:
            if self._tag is None or (uid and uid != self._tag.uid):
                return None
            self._tag.select()
            self._selections += 1
            self._changed.notify_all()
            return self._tag

    def exchange(self, frame: bytes) -> RfAnswer | None:
        """One frame to the selected tag; None is silence, also when the tag was taken away while it worked."""
        with self._changed:
            tag, presence = self._tag, self._presence
        # Outside the lock: a card may think for long, and a hand may pull it meanwhile.
        answer = None if tag is None else tag.exchange(frame)
        return answer if self.presence == presence else None

    def switch_off(self) -> None:
        """The reader switches its field off: the tag loses power but stays where it is."""
        with self._changed:
            if self._tag is not None:
                self._tag.power_off()

    def wait_for_selection(self, timeout_s: float, *, after: int = 0) -> bool:
        """Wait until `selections` exceeds `after`; False when `timeout_s` seconds passed without."""
        with self._changed:
            return self._changed.wait_for(lambda: self._selections > after, timeout_s)
