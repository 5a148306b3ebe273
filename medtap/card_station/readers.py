"""The readers a station can have: PC/SC and PN532. Each says when a card comes and goes, and passes APDUs to it."""

import threading
import time
from pathlib import Path
from typing import Any, Final, Protocol

from cards.connection import CardConnection
from cards.errors import CardError, CardGoneError
from edge.drivers.driver import DeviceLostError
from edge.drivers.nfc_connection import NfcConnection
from edge.drivers.nfc_pn532_reader import open_pn532
from edge.drivers.pcsc_connection import PcscConnection
from edge.drivers.pcsc_library import load_scard
from edge.drivers.pcsc_monitor import Change, ReaderMonitor

_LOOK_S: Final = 0.2
_AGAIN_S: Final = 0.5
"""Pause before a card that fell silent and still lies there is tried anew."""


class Presence(Protocol):
    """Who is told of cards. `came` may be called again for a card that fell silent and is back."""

    def came(self, uid: bytes, connection: CardConnection) -> None:
        """A card answers; the UID is empty where the reader does not tell it."""
        ...

    def went(self) -> None:
        """It is gone."""
        ...


class StationReader(Protocol):
    """One reader."""

    def watch(self, presence: Presence, stop: threading.Event) -> None:
        """Tell of cards until `stop` is set.

        Raises:
            DeviceLostError: the reader is away; watching may be tried again.
            DeviceMisconfiguredError (edge.drivers.driver): it can't work here.
        """
        ...

    def fell_silent(self) -> None:
        """From the thread that transmits: the card did not answer; look whether it is still there."""
        ...


class PcscStationReader:
    """A reader through pcscd, the first whose name contains a text."""

    def __init__(self, wanted: str = "", pcscd_socket: str = "") -> None:
        """`wanted`: part of the reader's name; `pcscd_socket`: of a pcscd other than the system's."""
        self._wanted = wanted
        self._socket = pcscd_socket
        self._silent = threading.Event()

    def watch(self, presence: Presence, stop: threading.Event) -> None:
        """As `StationReader`."""
        scard = load_scard(self._socket)
        monitor = ReaderMonitor(scard, self._wanted)
        monitor.open()
        slot = _PcscSlot(scard, presence)
        try:
            while not stop.is_set():
                for event in monitor.look(_LOOK_S):
                    slot.heard(event.change, event.reader)
                if self._silent.is_set():
                    self._silent.clear()
                    slot.close()
                slot.open_if_due()
        finally:
            slot.close()
            monitor.close()

    def fell_silent(self) -> None:
        """As `StationReader`."""
        self._silent.set()


class _PcscSlot:
    """The first reader that has a card, and the way to that card."""

    def __init__(self, scard: Any, presence: Presence) -> None:  # noqa: ANN401 - pyscard ships no types
        self._scard = scard
        self._presence = presence
        self._reader = ""
        self._open: PcscConnection | None = None
        self._due_at = 0.0

    def heard(self, change: Change, reader: str) -> None:
        if change is Change.CARD_CAME and not self._reader:
            self._reader, self._due_at = reader, 0.0
        elif change in {Change.CARD_WENT, Change.READER_WENT} and reader == self._reader:
            self.close()
            self._reader = ""

    def open_if_due(self) -> None:
        if not self._reader or self._open is not None or time.monotonic() < self._due_at:
            return
        connection = PcscConnection(self._scard, self._reader)
        try:
            self._open = connection.__enter__()
            uid = connection.uid()
        except CardError:
            self.close()
            return
        self._presence.came(uid, connection)

    def close(self) -> None:
        self._due_at = time.monotonic() + _AGAIN_S
        if self._open is not None:
            self._presence.went()
            self._open.__exit__(None, None, None)
            self._open = None


class Pn532StationReader:
    """A PN532 on a serial line. One chip, one line: looking and transmitting take turns."""

    def __init__(self, path: Path) -> None:
        """`path`: the serial device."""
        self._path = path
        self._silent = threading.Event()
        self._turn = threading.Lock()

    def watch(self, presence: Presence, stop: threading.Event) -> None:
        """As `StationReader`."""
        reader = open_pn532(self._path)
        try:
            while not stop.is_set():
                with self._turn:
                    target = reader.sense()
                    tag = self._activated(reader, target)
                if tag is None:
                    stop.wait(_LOOK_S)
                    continue
                self._silent.clear()
                presence.came(bytes(target.sdd_res or b""), _Turns(NfcConnection(tag), self._turn))
                while not stop.wait(_LOOK_S) and not self._silent.is_set() and self._is_there(tag):
                    pass
                presence.went()
        finally:
            reader.close()

    def fell_silent(self) -> None:
        """As `StationReader`."""
        self._silent.set()

    def _activated(self, reader: Any, target: Any) -> Any:  # noqa: ANN401 - nfcpy ships no types
        if target is None or not reader.is_iso_dep(target):
            return None
        try:
            return reader.activate(target)
        except CardGoneError:
            return None

    def _is_there(self, tag: Any) -> bool:  # noqa: ANN401 - as above
        with self._turn:
            try:
                return bool(tag.is_present)
            except DeviceLostError:
                raise
            except Exception:  # noqa: BLE001 - whatever nfcpy makes of a card that answers nonsense
                return False


class _Turns:
    """A connection that waits for its turn on the line."""

    def __init__(self, inner: CardConnection, turn: threading.Lock) -> None:
        self._inner = inner
        self._turn = turn

    def transmit(self, command: bytes) -> bytes:
        """As `cards.connection.CardConnection`."""
        with self._turn:
            return self._inner.transmit(command)
