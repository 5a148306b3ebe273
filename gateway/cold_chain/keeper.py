"""Each minute: intervals learned, guests looked for, rules that watch no more ended, the climate summed up."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.alarms import threshold_alarms
from gateway.alarms.rule_watch import settle
from gateway.cold_chain import climate_keeper, guests, intervals
from gateway.db.pool import Connection, Pool
from gateway.services.live_events import NewLiveEvent, publish

_LOG = logging.getLogger(__name__)
_EVERY_S: Final = 60.0


class ColdChainKeeper:
    """One thread; each step in a transaction of its own, so that one that fails stops no other."""

    def __init__(self, pool: Pool, clock: Callable[[], datetime], *, every_s: float = _EVERY_S) -> None:
        self._pool = pool
        self._clock = clock
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cold-chain", daemon=True)

    def start(self) -> None:
        """Begin, with one round at once."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)

    def keep(self) -> None:
        """One round."""
        with self._pool.connection() as connection:
            intervals.learn(connection, self._clock())
        with self._pool.connection() as connection:
            guests.refresh(connection)
        with self._pool.connection() as connection:
            publish(connection, end_unwatched(connection, self._clock()))
        with self._pool.connection() as connection:
            devices = climate_keeper.thermometers(connection)
        for device_key in devices:
            if self._stopping.is_set():
                return
            with self._pool.connection() as connection:
                climate_keeper.project(connection, device_key)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.keep()
            except Exception:  # noqa: BLE001 - whatever it is, the next round may go
                _LOG.exception("the cold chain's round failed; it is tried again")
            self._stopping.wait(self._every_s)


def end_unwatched(connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
    """End what rules found that watch no more, and their alarms; what the pages are to be told."""
    told: list[NewLiveEvent] = []
    for ended in settle(connection):
        told += threshold_alarms.end_unwatched(connection, ended.device_key, ended.rule.name, ended.judged_until, now)
    return tuple(told)


def start(pool: Pool, clock: Callable[[], datetime]) -> ColdChainKeeper:
    """Running; `stop()` ends it."""
    keeper = ColdChainKeeper(pool, clock)
    keeper.start()
    return keeper
