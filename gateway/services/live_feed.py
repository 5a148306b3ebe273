"""The live feed: one thread listens to the database and wakes every page that waits.

A subscriber keeps nothing but the last id it has seen. What came after it is read from the latest events kept in memory
or, for who was away longer, from the table: a slow page can't fill the memory and a reconnected one misses nothing.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import psycopg

from gateway.db.pool import Connection, Pool
from gateway.services.live_events import CHANNEL

_LOG = logging.getLogger(__name__)
_KEPT_IN_MEMORY: Final = 2000
_TABLE_PAGE: Final = 1000
_LISTEN_TURN_S: Final = 0.5
"""How long one wait for a notification lasts, in seconds: bounds how late a stop is seen, not how late an event is."""
_RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class LiveEvent:
    """One row of `live_event`."""

    live_event_id: int
    audience: str
    kind: str
    payload: Mapping[str, Any]


class LiveFeedClosedError(Exception):
    """The feed is closed: there is nothing to subscribe to any more."""


class LiveFeed:
    """One for each gateway process. `start` before the first subscription, `close` ends all of them."""

    def __init__(self, dsn: str, pool: Pool) -> None:
        """`dsn`: the feed listens on a connection of its own; `pool`: for replays from the table."""
        self._dsn = dsn
        self._pool = pool
        self._lock = threading.Lock()
        self._recent: deque[LiveEvent] = deque(maxlen=_KEPT_IN_MEMORY)
        self._complete_after = 0
        self._last_id = 0
        self._wakers: set[Callable[[], None]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)

    def start(self) -> None:
        """Take the present end of the table as the beginning, then follow it.

        Raises:
            psycopg.OperationalError: the database can't be reached.
        """
        with self._pool.connection() as connection:
            self._rewind(connection)
        self._thread.start()

    def close(self) -> None:
        """End the thread and every subscription. Safe to call twice."""
        self._stopping.set()
        self._wake_all()
        if self._thread.ident is not None:
            self._thread.join(timeout=10.0)

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._stopping.is_set()

    def subscribe(self, after_id: int | None, audiences: Collection[str]) -> "Subscription":
        """Events of these audiences, in order; from inside a running asyncio loop.

        Args:
            after_id: what came after this id first; None: only what comes from now on.
            audiences: which audiences' events to hand out.
        """
        with self._lock:
            last_id = self._last_id if after_id is None else after_id
        return Subscription(self, last_id, frozenset(audiences))

    def recent_after(self, last_id: int) -> tuple[Sequence[LiveEvent], int] | None:
        """Events after `last_id` (all audiences) and the id up to which that is complete; None: ask the table."""
        with self._lock:
            if not self._complete_after <= last_id <= self._last_id:
                return None
            return [event for event in self._recent if event.live_event_id > last_id], self._last_id

    def stored_after(self, last_id: int) -> tuple[Sequence[LiveEvent], int]:
        """The same from the table, a page of it; blocks.

        A page may know more than this process has heard of yet (another one served it before); a number beyond the
        table's own end is of a database that was restored since, or made up, and begins anew at that end.
        """
        end = self.last_id
        with self._pool.connection() as connection:
            events = _read(connection, last_id)
            if not events:
                newest = _newest(connection)
                return (), newest if newest < last_id else max(last_id, end)
        newest = events[-1].live_event_id
        return events, newest if len(events) == _TABLE_PAGE else max(end, newest)

    @property
    def last_id(self) -> int:
        """Id of the newest event known."""
        with self._lock:
            return self._last_id

    def add_waker(self, waker: Callable[[], None]) -> None:
        """Call `waker`, from the feed's thread, whenever something new is there. It must not block."""
        with self._lock:
            self._wakers.add(waker)

    def remove_waker(self, waker: Callable[[], None]) -> None:
        """Undo `add_waker`."""
        with self._lock:
            self._wakers.discard(waker)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, application_name="medtap-live") as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    failures = 0
                    self._follow(connection)
            except (psycopg.Error, OSError) as error:
                _LOG.warning("live feed lost the database, trying again: %s", error)
                self._stopping.wait(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1

    def _follow(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            self._catch_up(connection)
            for _ in connection.notifies(timeout=_LISTEN_TURN_S, stop_after=1):
                pass

    def _catch_up(self, connection: Connection) -> None:
        while True:
            events = _read(connection, self._last_id)
            if not events:
                break
            with self._lock:
                dropped = len(self._recent) + len(events) - _KEPT_IN_MEMORY
                if dropped > 0:
                    joined = [*self._recent, *events]
                    self._complete_after = joined[dropped - 1].live_event_id
                self._recent.extend(events)
                self._last_id = events[-1].live_event_id
            self._wake_all()
            if len(events) < _TABLE_PAGE:
                return
        if _newest(connection) < self._last_id:
            _LOG.warning("live events went back in number: an older backup was restored; pages start from here")
            self._rewind(connection)

    def _rewind(self, connection: Connection) -> None:
        newest = _newest(connection)
        with self._lock:
            self._recent.clear()
            self._last_id = self._complete_after = newest
        self._wake_all()

    def _wake_all(self) -> None:
        with self._lock:
            wakers = tuple(self._wakers)
        for waker in wakers:
            waker()


class Subscription:
    """One page's place in the feed. An asynchronous iterator; cancelling a pending `__anext__` loses no event."""

    def __init__(self, feed: LiveFeed, last_id: int, audiences: frozenset[str]) -> None:
        self._feed = feed
        self._last_id = last_id
        self._audiences = audiences
        self._ready: deque[LiveEvent] = deque()
        self._news = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed before we were
                loop.call_soon_threadsafe(self._news.set)

        self._waker = wake
        feed.add_waker(wake)

    def __aiter__(self) -> AsyncIterator[LiveEvent]:
        """Itself."""
        return self

    async def __aenter__(self) -> Self:
        """Itself; leaving the block closes it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        self.close()

    async def __anext__(self) -> LiveEvent:
        """The next event of our audiences; waits for it. Ends when the feed is closed."""
        while not self._ready:
            self._news.clear()
            if self._feed.closed:
                self.close()
                raise StopAsyncIteration
            await self._fetch()
            if not self._ready and self._feed.last_id <= self._last_id:
                await self._news.wait()
        return self._ready.popleft()

    async def _fetch(self) -> None:
        """Nothing is changed before the answer is here, so that a cancelled fetch is simply done again."""
        if self._feed.last_id == self._last_id:
            return
        try:
            answer = self._feed.recent_after(self._last_id)
            if answer is None:
                answer = await asyncio.to_thread(self._feed.stored_after, self._last_id)
        except psycopg.Error as error:
            _LOG.warning("live events could not be read, trying again: %s", error)
            await asyncio.sleep(_RETRY_S[2])
            return
        events, self._last_id = answer
        self._ready.extend(event for event in events if event.audience in self._audiences)

    def close(self) -> None:
        """Leave nothing behind in the feed. Safe to call twice."""
        self._feed.remove_waker(self._waker)

    def __del__(self) -> None:
        """A consumer that was simply dropped leaves nothing behind either."""
        self.close()


def _read(connection: Connection, after_id: int) -> list[LiveEvent]:
    rows = connection.execute(
        "SELECT live_event_id, audience, kind, payload FROM live_event WHERE live_event_id > %s"
        " ORDER BY live_event_id LIMIT %s",
        (after_id, _TABLE_PAGE),
    )
    return [LiveEvent(*row) for row in rows]


def _newest(connection: Connection) -> int:
    row = connection.execute("SELECT coalesce(max(live_event_id), 0) FROM live_event").fetchone()
    return int(row[0]) if row is not None else 0
