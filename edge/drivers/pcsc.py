"""Driver `pcsc`: health cards on PC/SC readers, through pcscd."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from cards.errors import CardError, CardGoneError
from edge.card_trust import CardTrust
from edge.clock import Stamp
from edge.contracts.observations import CardPresented
from edge.drivers.card_taps import CardTaps, ReadCard, draw_challenge
from edge.drivers.driver import DeviceLostError, DeviceSession
from edge.drivers.pcsc_connection import PcscConnection
from edge.drivers.pcsc_library import load_scard
from edge.drivers.pcsc_monitor import Change, ReaderEvent, ReaderMonitor
from edge.drivers.pcsc_slot import SlotWorker, Tap

LOOK_S: Final = 0.25
"""Longest wait for a change, in seconds; between two looks overdue cards are given up and a stop is noticed."""
READ_S: Final = 5.0
"""Longest that one card may take to be read, in seconds. A slow PIV card signs in less than one."""
ATTEMPTS: Final = 3
AGAIN_AFTER_S: Final = 0.3
"""Pause before a failed read is tried again, in seconds: pcscd looks every 0.4 s whether the card is still there."""
CLOSE_S: Final = 2.0
"""How long cards being read may take to finish when the driver stops, in seconds."""


class _Slot:
    """One reader: its thread, the card that lies there, and the one that is being read (perhaps an earlier one)."""

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self.worker = SlotWorker(f"pcsc {reader}")
        self.tap: Tap | None = None
        self.reading: Tap | None = None


class PcscDriver:
    """All readers of one pcscd whose names contain a text. One report for each time that a card is put on one."""

    kind = "pcsc"
    watchdog_s = 10.0

    def __init__(
        self,
        device_id: str,
        *,
        cards: CardTrust,
        reader: str = "",
        pcscd_socket: str = "",
        challenge: Callable[[], bytes] = draw_challenge,
        read_s: float = READ_S,
    ) -> None:
        """`reader`: part of the readers' names, empty for every reader; `pcscd_socket`: empty for the system's pcscd.

        `cards`: what they are judged with; `challenge` draws a nonce for each tap; `read_s`: longest that one card may
        take, in seconds.
        """
        self.device_id = device_id
        self._wanted = reader
        self._pcscd_socket = pcscd_socket
        self._read_s = read_s
        self._taps = CardTaps(device_id, "pcsc", cards, challenge)
        self._inside = threading.Lock()
        self._monitor: ReaderMonitor | None = None

    def run(self, session: DeviceSession) -> None:
        """Watch the readers and report cards until the session stops.

        Raises:
            DeviceLostError: pcscd does not serve, or no such reader is connected.
            DeviceMisconfiguredError: pyscard is not installed; two devices want two pcscds.
        """
        if not self._inside.acquire(blocking=False):
            # libpcsclite waits for a stopped pcscd without limit: never put a second thread into the same trap
            raise DeviceLostError(
                "pcscd still does not answer a call of an earlier run; mend: systemctl restart pcscd.socket pcscd"
            )
        try:
            _Run(session, load_scard(self._pcscd_socket), self._taps, self._read_s).watch(self._open)
        finally:
            self._monitor = None
            self._inside.release()

    def abort(self) -> None:
        """Wake a run that waits for a reader. One that pcscd itself holds up ends when pcscd answers or dies."""
        monitor = self._monitor
        if monitor is not None:
            threading.Thread(target=monitor.cancel, name="pcsc abort", daemon=True).start()

    def _open(self, scard: Any) -> ReaderMonitor:  # noqa: ANN401
        monitor = ReaderMonitor(scard, self._wanted)
        self._monitor = monitor
        monitor.open()
        return monitor


class _Run:
    """One run of the driver: the readers and what lies on them."""

    def __init__(self, session: DeviceSession, scard: Any, taps: CardTaps, read_s: float) -> None:  # noqa: ANN401
        self._session = session
        self._scard = scard
        self._taps = taps
        self._read_s = read_s
        self._slots: dict[str, _Slot] = {}

    def watch(self, open_monitor: Callable[[Any], ReaderMonitor]) -> None:
        monitor = open_monitor(self._scard)
        try:
            while not self._session.stopping:
                events = monitor.look(LOOK_S)
                self._session.alive()
                for event in events:
                    self._handle(event)
                if any(event.change is Change.READER_CAME for event in events):
                    self._session.up(", ".join(monitor.readers))
                for slot in self._slots.values():
                    slot.worker.raise_failure()
                    self._give_up_if_overdue(slot)
        except DeviceLostError:
            for slot in self._slots.values():
                self._card_went(slot)
            raise
        finally:
            for slot in self._slots.values():
                slot.worker.close(CLOSE_S)
            monitor.close()

    def _handle(self, event: ReaderEvent) -> None:
        if event.change is Change.READER_CAME:
            self._slots[event.reader] = _Slot(event.reader)
            return
        slot = self._slots[event.reader]
        if event.change is Change.READER_WENT:
            del self._slots[event.reader]
            self._card_went(slot)
            slot.worker.close(CLOSE_S)
        elif event.change is Change.CARD_WENT:
            self._card_went(slot)
        else:
            self._card_came(slot, mute=event.change is Change.MUTE_CARD_CAME)

    def _card_came(self, slot: _Slot, *, mute: bool) -> None:
        tap = Tap(self._session.stamp())
        slot.tap = tap
        if mute:
            silent = CardError("the card does not answer to reset: is it the right way round?")
            slot.worker.put(lambda: self._report_failure(tap, silent))
        else:
            slot.worker.put(lambda: self._read_and_report(slot, tap))

    def _card_went(self, slot: _Slot) -> None:
        tap, slot.tap = slot.tap, None
        if tap is not None:
            stamp = self._session.stamp()
            slot.worker.put(lambda: self._report_removal(tap, stamp))

    def _give_up_if_overdue(self, slot: _Slot) -> None:
        """A mute card blocks its thread until it is taken away: speak for it, and go on with a new thread."""
        tap = slot.reading
        if tap is None or not tap.overdue(self._read_s):
            return
        slot.reading = None
        waiting = slot.worker.abandon()
        slot.worker = SlotWorker(f"pcsc {slot.reader}")
        silent = CardError(f"it was silent for {self._read_s:g} s")
        slot.worker.put(lambda: self._report_failure(tap, silent))
        for job in waiting:
            slot.worker.put(job)

    def _read_and_report(self, slot: _Slot, tap: Tap) -> None:
        tap.begin()
        slot.reading = tap
        try:
            reading = self._read_patiently(slot.reader, tap)
        except CardGoneError as error:
            if tap.claim():
                self._session.fault("card_removed_early", f"card {tap.uid.hex()} left before it was read: {error}")
        except CardError as error:
            self._report_failure(tap, error)
        else:
            if tap.claim():
                tap.reported = True
                card = self._taps.presented(tap.stamp, tap.uid, reading)
                self._session.emit(card)
                self._show_holder(slot.reader, card)

    def _show_holder(self, reader: str, card: CardPresented) -> None:
        """The tap is kept; whose it is only a screen wants to know: a card that left meanwhile is no fault."""
        if not self._taps.shows_holders:
            return
        with contextlib.suppress(CardError), PcscConnection(self._scard, reader) as connection:
            self._taps.show_holder(connection, card)

    def _read_patiently(self, reader: str, tap: Tap) -> ReadCard:
        """Read it; again if the exchange failed but the card is still there (half in the field, or reset by others).

        Raises:
            CardGoneError: it is not there any more.
            CardError: it stays, and fails each time.
        """
        failure = CardGoneError("never tried")
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(AGAIN_AFTER_S)
            with PcscConnection(self._scard, reader) as connection:
                try:
                    tap.uid = connection.uid()
                    return self._taps.read(connection, tap.stamp)
                except CardGoneError as error:
                    failure = error
        raise CardError(f"{failure} ({ATTEMPTS} times)")

    def _report_failure(self, tap: Tap, error: CardError) -> None:
        if tap.claim():
            tap.reported = True
            self._session.fault("card_error", f"card {tap.uid.hex()} can't be read: {error}")
            self._session.emit(self._taps.unverified(tap.stamp, tap.uid, f"unreadable: {error}"))

    def _report_removal(self, tap: Tap, stamp: Stamp) -> None:
        if tap.reported:
            self._session.emit(self._taps.removed(stamp, tap.uid))
