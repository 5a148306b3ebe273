"""One slot of a virtual PC/SC reader: the card's end of vpcd's TCP protocol (vsmartcard, virtualsmartcard README).

pcscd, the vpcd driver, libpcsclite and the client are the real ones; this plays the reader's antenna and its card.
"""

import socket
import threading
import time

from firmware_sim.apdu_server import ApduCard
from firmware_sim.reader_front_end import FrontEnd, front_end
from firmware_sim.type2_tag import Type2Tag

# Each message is a 16-bit big-endian length and a body; a body of one byte is control, and only GET_ATR is answered.
_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"

_RECONNECT_S = 0.02
_CONNECT_TIMEOUT_S = 2.0
_HAND_S = 0.5
"""A hand doesn't change cards faster. pcscd looks every 0.4 s; a change that it overlooks leaves it confused until the
card goes again (seen with pcsc-lite 1.9.9 when the first card was yanked in the middle of a command)."""


class VpcdSlot:
    """One slot. `insert` and `remove` are the hand with the card; pcscd notices by its presence poll, within 0.4 s."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """The slot whose vpcd driver listens on this TCP port. Nothing is connected before a card is inserted."""
        self.port = port
        self._host = host
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._vacant_since_s = -_HAND_S

    def insert(self, card: ApduCard | Type2Tag) -> None:
        """Lay a card or tag on the reader; one that lies there already is taken away first.

        When pcscd is away or restarts, the slot connects again as soon as it can: the card still lies there.
        """
        self.remove()
        with self._lock:
            wait_s = max(0.0, self._vacant_since_s + _HAND_S - time.monotonic())
            self._session = _Session(front_end(card), (self._host, self.port), wait_s)

    def remove(self) -> None:
        """Take the card away; does nothing when there is none."""
        session = self._vacate()
        if session is not None:
            session.end()

    def yank(self) -> None:
        """Take the card away without waiting for anything, as from within the card's own answer."""
        session = self._vacate()
        if session is not None:
            session.cut()

    def _vacate(self) -> "_Session | None":
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                self._vacant_since_s = time.monotonic()
            return session

    @property
    def occupied(self) -> bool:
        """True while a card lies there."""
        with self._lock:
            return self._session is not None

    def wait_until_powered(self, timeout_s: float) -> bool:
        """Wait until pcscd has powered the card up; False after `timeout_s` seconds without."""
        with self._lock:
            session = self._session
        return session is not None and session.powered.wait(timeout_s)


class _Session:
    """One stay of one card on the reader: a thread and its socket."""

    def __init__(self, card: FrontEnd, address: tuple[str, int], wait_s: float) -> None:
        self.powered = threading.Event()
        self._card = card
        self._address = address
        self._wait_s = wait_s
        self._gone = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name=f"vpcd-{address[1]}", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break the connection; the thread ends by itself."""
        self._gone.set()
        with self._lock:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:  # the other end was faster
                    return

    def end(self) -> None:
        """Break the connection and wait for the thread."""
        self.cut()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        self._gone.wait(self._wait_s)
        while not self._gone.is_set():
            try:
                with socket.create_connection(self._address, _CONNECT_TIMEOUT_S) as connection:
                    self._serve(connection)
            except (OSError, EOFError):
                self.powered.clear()
            self._gone.wait(_RECONNECT_S)
        self._card.reset()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._socket = connection
        try:
            while not self._gone.is_set():
                self._answer(connection, _receive(connection))
        finally:
            with self._lock:
                self._socket = None

    def _answer(self, connection: socket.socket, body: bytes) -> None:
        if body == _GET_ATR:
            _send(connection, self._card.atr)
        elif body in (_POWER_OFF, _POWER_ON, _RESET):
            self._card.reset()
            if body == _POWER_OFF:
                self.powered.clear()
            else:
                self.powered.set()
        else:
            answer = self._card.apdu(body)
            if self._card.latency_s:
                self._gone.wait(self._card.latency_s)
            if answer is not None and not self._gone.is_set():
                _send(connection, answer)


def _send(connection: socket.socket, body: bytes) -> None:
    connection.sendall(len(body).to_bytes(2, "big") + body)


def _receive(connection: socket.socket) -> bytes:
    return _receive_exactly(connection, int.from_bytes(_receive_exactly(connection, 2), "big"))


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        # vpcd 3.3 sends length and body separately with Nagle's algorithm on: unless each packet is acknowledged at
        # once, every APDU takes 40 ms. The kernel forgets the option, so it is set anew before each read (tcp(7)).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return received
