"""Watches PC/SC readers and says what came and went. Our own, since pyscard's monitor dies with a restart of pcscd.

It has no thread: whoever calls `look` waits. One context of its own, so that a card being read never delays it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from edge.drivers.driver import DeviceLostError
from edge.drivers.pcsc_library import describe, service_lost

_READERS_CHANGED: Final = "\\\\?PnP?\\Notification"
"""Pseudo-reader that changes when a reader is plugged in or out (PC/SC part 5, 3.2.5)."""
_COUNTER_SHIFT: Final = 16
"""The upper half of a reader's state counts insertions and removals (pcsclite, SCardGetStatusChange)."""
_COUNTER_MASK: Final = 0xFFFF


class Change(Enum):
    """What happened at a reader."""

    READER_CAME = "reader came"
    READER_WENT = "reader went"
    CARD_CAME = "card came"
    CARD_WENT = "card went"
    MUTE_CARD_CAME = "card came that does not answer to reset"


@dataclass(frozen=True)
class ReaderEvent:
    """One change at one reader."""

    change: Change
    reader: str


class ReaderMonitor:
    """The readers whose names contain a text, and the cards on them."""

    def __init__(self, scard: Any, wanted: str) -> None:  # noqa: ANN401 - pyscard ships no types
        """`wanted`: part of the reader's name; empty for every reader. Nothing is opened yet."""
        self._scard = scard
        self._wanted = wanted
        self._context: Any = None
        self._states: dict[str, int] = {}

    @property
    def readers(self) -> tuple[str, ...]:
        """Names of the readers that are watched now."""
        return tuple(self._states)

    def open(self) -> None:
        """Connect to pcscd.

        Raises:
            DeviceLostError: it does not serve.
        """
        result, context = self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER)
        if result != self._scard.SCARD_S_SUCCESS:
            raise service_lost(self._scard, result)
        self._context = context

    def close(self) -> None:
        """Disconnect."""
        context, self._context = self._context, None
        self._states.clear()
        if context is not None:
            self._scard.SCardReleaseContext(context)

    def cancel(self) -> None:
        """From another thread: end a `look` that waits."""
        context = self._context
        if context is not None:
            self._scard.SCardCancel(context)

    def look(self, timeout_s: float) -> list[ReaderEvent]:
        """Wait up to `timeout_s` seconds for changes. The first look tells of every reader and card there is.

        A card that was changed for another between two looks is one that went and one that came.

        Raises:
            DeviceLostError: pcscd ended, or no reader is there (any more): told only after the readers that went.
        """
        everything = self._list_readers()
        matching = [reader for reader in everything if self._wanted in reader]
        events = self._compare(matching)
        if events:
            return events
        if not matching:
            seen = ", ".join(map(repr, everything)) or "none"
            raise DeviceLostError(
                f"no reader whose name contains {self._wanted!r} is connected (readers: {seen}); plug it in, "
                "and see with `pcsc_scan` whether pcscd knows it (apt install pcsc-tools libccid)"
            )
        return self._wait(timeout_s, len(everything))

    def _list_readers(self) -> list[str]:
        scard = self._scard
        result, readers = scard.SCardListReaders(self._context, [])
        if result == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        if result != scard.SCARD_S_SUCCESS:
            raise service_lost(scard, result)
        return list(readers)

    def _compare(self, matching: list[str]) -> list[ReaderEvent]:
        went = [reader for reader in self._states if reader not in matching]
        came = [reader for reader in matching if reader not in self._states]
        for reader in went:
            del self._states[reader]
        for reader in came:
            self._states[reader] = self._scard.SCARD_STATE_UNAWARE
        return [
            *(ReaderEvent(Change.READER_WENT, reader) for reader in went),
            *(ReaderEvent(Change.READER_CAME, reader) for reader in came),
        ]

    def _wait(self, timeout_s: float, reader_count: int) -> list[ReaderEvent]:
        scard = self._scard
        asked = [(_READERS_CHANGED, reader_count << _COUNTER_SHIFT), *self._states.items()]
        result, states = scard.SCardGetStatusChange(self._context, int(timeout_s * 1000), asked)
        if result in (
            scard.SCARD_E_TIMEOUT,
            scard.SCARD_E_CANCELLED,
            scard.SCARD_E_UNKNOWN_READER,
            scard.SCARD_E_READER_UNAVAILABLE,
        ):
            return []  # a reader that went between listing and asking is seen in the next look
        if result != scard.SCARD_S_SUCCESS:
            raise service_lost(scard, result)
        events: list[ReaderEvent] = []
        for reader, state, _atr in states:
            if reader in self._states and state & scard.SCARD_STATE_CHANGED:
                events += self._changes(reader, self._states[reader], state)
                self._states[reader] = state & ~scard.SCARD_STATE_CHANGED
        return events

    def _changes(self, reader: str, before: int, after: int) -> list[ReaderEvent]:
        scard = self._scard
        was = bool(before & scard.SCARD_STATE_PRESENT)
        now = bool(after & scard.SCARD_STATE_PRESENT)
        steps = (after >> _COUNTER_SHIFT) - (before >> _COUNTER_SHIFT) & _COUNTER_MASK
        # two steps or more with a card before and after: one went and another came, unseen
        exchanged = was and now and steps > 1
        events = []
        if was and (not now or exchanged):
            events.append(ReaderEvent(Change.CARD_WENT, reader))
        if now and (not was or exchanged):
            mute = bool(after & scard.SCARD_STATE_MUTE)
            events.append(ReaderEvent(Change.MUTE_CARD_CAME if mute else Change.CARD_CAME, reader))
        return events

    def describe(self, result: int) -> str:
        """What the library says of a result code."""
        return describe(self._scard, result)
