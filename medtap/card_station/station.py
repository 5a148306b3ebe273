"""The station itself: one thread watches the reader, the other passes APDUs between gateway and card.

It knows no keys and decides nothing. A card has a number for each time that it lies there (`presence`): what was
meant for one card never reaches the next.
"""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from cards.connection import CardConnection
from cards.errors import CardError
from edge.drivers.driver import DeviceLostError
from medtap.card_station.enrolment import Enrolment, StationError
from medtap.card_station.readers import StationReader

_LOG: Final = logging.getLogger(__name__)
_AGAIN_S: Final = (0.5, 1.0, 2.0, 5.0)
_LISTEN_S: Final = 0.5
_MESSAGE_BYTES_MAX: Final = 256 * 1024
_FORBIDDEN: Final = (401, 403)
Said = Callable[[dict[str, Any]], None]


class Station:
    """Runs until it is told to stop."""

    def __init__(self, enrolment: Enrolment, reader: StationReader, said: Said) -> None:
        """`said`: is given what the gateway says for the screen, and `connected` and `lost` of our own."""
        self._enrolment = enrolment
        self._reader = reader
        self._said = said
        self._lock = threading.Lock()
        self._socket: ClientConnection | None = None
        self._card: CardConnection | None = None
        self._uid = b""
        self._presence = 0
        self._fault = ""

    def run(self, stop: threading.Event) -> None:
        """Connect, pass APDUs, connect again.

        Raises:
            StationError: the gateway does not let this station in any more.
        """
        failure: list[BaseException] = []
        watcher = threading.Thread(target=self._watch, args=(stop, failure), name="card-reader", daemon=True)
        watcher.start()
        tries = 0
        try:
            while not stop.is_set() and not failure:
                if self._connected(stop, failure):
                    tries = 0
                if not stop.is_set() and not failure:
                    self._said({"what": "lost"})
                stop.wait(_AGAIN_S[min(tries, len(_AGAIN_S) - 1)])
                tries += 1
        finally:
            stop.set()
            watcher.join()
        if failure:
            raise StationError(str(failure[0])) from failure[0]

    def came(self, uid: bytes, connection: CardConnection) -> None:
        """Of `Presence`: a card answers."""
        with self._lock:
            self._presence += 1
            self._card, self._uid, self._fault = connection, uid, ""
            self._tell_card()

    def went(self) -> None:
        """Of `Presence`: it is gone."""
        with self._lock:
            if self._card is not None:
                self._card = None
                self._send({"type": "no_card"})

    def _watch(self, stop: threading.Event, failure: list[BaseException]) -> None:
        waited = 0
        while not stop.is_set():
            try:
                self._reader.watch(self, stop)
            except DeviceLostError as error:
                self.went()
                self._tell_fault(str(error))
                stop.wait(_AGAIN_S[min(waited, len(_AGAIN_S) - 1)])
                waited += 1
            except Exception as error:  # noqa: BLE001 - told by the main thread
                failure.append(error)
                return

    def _connected(self, stop: threading.Event, failure: list[BaseException]) -> bool:
        """One connection, to its end; whether there was one."""
        try:
            socket = connect(
                self._enrolment.websocket,
                additional_headers=self._enrolment.headers,
                max_size=_MESSAGE_BYTES_MAX,
                compression=None,
                proxy=None,
            )
        except InvalidStatus as error:
            if error.response.status_code in _FORBIDDEN:
                raise StationError(
                    "the gateway does not let this station in: it was revoked, or enrolled anew; "
                    "ask for a new one-time link"
                ) from None
            _LOG.warning("gateway: %s", error)
            return False
        except (OSError, TimeoutError, InvalidHandshake) as error:
            _LOG.warning("gateway: %s", error)
            return False
        with socket:
            with self._lock:
                self._socket = socket
                if self._fault:
                    self._send({"type": "fault", "why": self._fault})
                self._tell_card()
            self._said({"what": "connected"})
            try:
                self._listen(socket, stop, failure)
            except ConnectionClosed:
                _LOG.info("the gateway has closed the connection")
            finally:
                with self._lock:
                    self._socket = None
        return True

    def _listen(self, socket: ClientConnection, stop: threading.Event, failure: list[BaseException]) -> None:
        while not stop.is_set() and not failure:
            try:
                message = json.loads(socket.recv(timeout=_LISTEN_S))
            except TimeoutError:
                continue
            except ValueError:
                raise StationError(
                    "the gateway says something that is not understood: is it of this version?"
                ) from None
            if message.get("type") == "apdu":
                self._pass_on(message)
            elif message.get("type") == "say":
                self._said(message)

    def _pass_on(self, message: dict[str, Any]) -> None:
        with self._lock:
            card = self._card if message["presence"] == self._presence else None
        if card is None:
            self._answer({"type": "gone", "id": message["id"], "why": "no such card lies there"})
            return
        try:
            answer = card.transmit(bytes.fromhex(message["apdu"]))
        except (CardError, DeviceLostError) as error:
            self._reader.fell_silent()
            self._answer({"type": "gone", "id": message["id"], "why": str(error)[:500]})
            return
        self._answer({"type": "answer", "id": message["id"], "apdu": answer.hex()})

    def _answer(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._send(message)

    def _tell_card(self) -> None:
        if self._card is not None:
            self._send({"type": "card", "presence": self._presence, "uid": self._uid.hex()})

    def _tell_fault(self, why: str) -> None:
        with self._lock:
            if why != self._fault:
                _LOG.warning("reader: %s", why)
            self._fault = why[:500]
            self._send({"type": "fault", "why": self._fault})

    def _send(self, message: dict[str, Any]) -> None:
        """Called with the lock held; what can't be sent now is told anew at the next connection."""
        if self._socket is None:
            return
        try:
            self._socket.send(json.dumps(message))
        except (ConnectionClosed, OSError):
            self._socket = None
