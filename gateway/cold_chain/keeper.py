"""Each minute: intervals learned, guests looked for, rules that watch no more ended, the climate summed up."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.alarms import threshold_alarms
from gateway.alarms.rule_watch import settle
from gateway.cold_chain import climate_keeper, guests, intervals
from gateway.db.pool import Connection, Pool
from gateway.repeating import RepeatingThread
from gateway.services.live_events import NewLiveEvent, publish

_EVERY_S: Final = 60.0


class ColdChainKeeper(RepeatingThread):
    """Each step in a transaction of its own, so that one that fails undoes no other."""

    def __init__(self, pool: Pool, clock: Callable[[], datetime], *, every_s: float = _EVERY_S) -> None:
        super().__init__("cold-chain", every_s)
        self._pool = pool
        self._clock = clock

    def round(self) -> int:
        """Once; how many thermometers were summed up."""
        with self._pool.connection() as connection:
            intervals.learn(connection, self._clock())
        with self._pool.connection() as connection:
            guests.refresh(connection)
        with self._pool.connection() as connection:
            publish(connection, end_unwatched(connection, self._clock()))
        with self._pool.connection() as connection:
            devices = climate_keeper.thermometers(connection)
        done = 0
        for device_key in devices:
            if self._stopping.is_set():
                break
            with self._pool.connection() as connection:
                climate_keeper.project(connection, device_key)
            done += 1
        return done


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
