"""Brings the card status list to every edge node: as soon as a card's state changed, and at least every ten minutes.

    COMMIT of a card's state ──NOTIFY──► this thread ── issue, sign ──► retained, on each node's own topics

One thread with one listening connection. It sends through the ingest's MQTT session; what the broker keeps for a node
that is away is the newest list. After each connection of the gateway everything is sent again: a broker that was
restarted may have forgotten what it kept.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import psycopg
import psycopg_pool

from cards.issuing.signer import Signer, SignerError
from edge.contracts import topics
from edge.contracts.topics import Sender
from gateway.db.pool import Pool
from gateway.taps.card_states import CHANNEL
from gateway.taps.status_list import IssuedList, issue

_LOG = logging.getLogger(__name__)
_TURN_S: Final = 0.25
"""How long one wait for a notification lasts, in seconds: bounds how late a stop or a new connection is seen."""
_NO_ROOM_S: Final = 0.05
"""Pause where the session had no room for all that is to be sent."""
_LOOK_EVERY: Final = timedelta(seconds=30)
"""A list is looked at so often without being woken: for cards whose last day is over, and as a second door."""
_RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class Publisher(Protocol):
    """The MQTT session that it is sent through (`gateway.ingest.subscriber.Subscriber`)."""

    @property
    def connected(self) -> bool:
        """True while the session stands."""
        ...

    @property
    def generation(self) -> int:
        """Number of the present connection."""
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send; False if not connected or if there is no room now."""
        ...


class StatusPusher:
    """One for each gateway process. `start` once, `stop` once."""

    def __init__(
        self,
        dsn: str,
        pool: Pool,
        publisher: Publisher,
        signer: Signer,
        *,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        every: timedelta,
    ) -> None:
        """`every`: how old a list may become before it is issued anew."""
        self._dsn = dsn
        self._pool = pool
        self._publisher = publisher
        self._signer = signer
        self._clock = clock
        self._zone = zone
        self._every = every
        self._sent: dict[Sender, tuple[int, int]] = {}
        self._parts_sent: dict[Sender, int] = {}
        self._list: IssuedList | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="card-status", daemon=True)

    def start(self) -> None:
        """Begin; goes on for ever."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=15.0)

    @property
    def newest(self) -> IssuedList | None:
        """The list that was issued last."""
        return self._list

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True) as listener:
                    listener.execute(f"LISTEN {CHANNEL}")
                    failures = 0
                    self._serve(listener)
            except (psycopg.Error, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed) as error:
                _LOG.warning("card status list: the database is away: %s", str(error).strip())
            except SignerError as error:
                _LOG.error("card status list: can't be signed: %s", error)
            except Exception:  # noqa: BLE001 - a thread that ends would leave lost cards working
                _LOG.exception("card status list: unexpected failure, going on")
            failures += 1
            self._stopping.wait(_RETRY_S[min(failures, len(_RETRY_S)) - 1])

    def _serve(self, listener: psycopg.Connection[tuple[object, ...]]) -> None:
        # Whatever happened before the LISTEN is seen by this first look.
        woken, looked_at = True, self._clock()
        while not self._stopping.is_set():
            now = self._clock()
            if woken or abs(now - looked_at) >= min(_LOOK_EVERY, self._every):
                looked_at = now
                self._issue(now)
            turn_s = _TURN_S if self._send() else _NO_ROOM_S
            woken = any(True for _ in listener.notifies(timeout=turn_s, stop_after=1))

    def _issue(self, now: datetime) -> None:
        with self._pool.connection() as connection:
            found = issue(connection, now.astimezone(self._zone).date(), now, self._every)
            senders = [Sender(site, node) for site, node in connection.execute("SELECT site, edge_node FROM edge_node")]
        if self._list is None or found.number != self._list.number:
            _LOG.info("card status list %d: %d cards to refuse", found.number, found.cards)
            self._list = found
        for sender in senders:
            self._sent.setdefault(sender, (-1, -1))

    def _send(self) -> bool:
        """Send what is not sent; False if some of it found no room."""
        found = self._list
        if found is None or not self._publisher.connected:
            return True
        due = (found.number, self._publisher.generation)
        for sender, sent in self._sent.items():
            if sent == due:
                continue
            if not self._send_to(sender, found):
                return False
            self._sent[sender] = due
        return True

    def _send_to(self, sender: Sender, found: IssuedList) -> bool:
        messages = found.messages(sender.site, self._signer)
        before = self._parts_sent.get(sender, 0)
        # What the broker keeps of a longer list before this one is taken away.
        payloads = (*messages, *(b"" for _ in range(before - len(messages))))
        for index, payload in enumerate(payloads, start=1):
            if not self._publisher.publish(topics.card_status(sender, index), payload, retain=True):
                return False
        self._parts_sent[sender] = len(messages)
        return True
