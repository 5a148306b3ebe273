"""Housekeeping: each minute, sums of readings and promises of stock that are over; once an hour, everything older."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.config import StorageConfig
from gateway.db.engine import late_extension_notice
from gateway.db.partitions import make_partitions
from gateway.db.policies import settle_policies
from gateway.db.pool import Pool
from gateway.db.rollups import refresh_dirty
from gateway.services.live_events import publish
from gateway.services.scan_joining import settle_overdue
from gateway.stock.reservations import expire_due
from gateway.taps.sun_counters import forget_uses

_LOG = logging.getLogger(__name__)
_TIDY_EVERY_S: Final = 3600.0
_SUM_UP_EVERY_S: Final = 60.0
LIVE_EVENTS_KEPT: Final = timedelta(days=1)
"""A page that was away longer is loaded anew."""


class Housekeeping:
    """One thread."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], datetime],
        storage: StorageConfig | None = None,
        *,
        sum_up_every_s: float = _SUM_UP_EVERY_S,
        tidy_every_s: float = _TIDY_EVERY_S,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._storage = storage or StorageConfig()
        self._sum_up_every_s = sum_up_every_s
        self._rounds_a_tidy = max(1, round(tidy_every_s / sum_up_every_s))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin: once everything now, then round by round."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)

    def tidy(self) -> None:
        """The hourly round: partitions, ageing, old live events."""
        now = self._clock()
        with self._pool.connection() as connection:
            make_partitions(connection, now)
            connection.execute("DELETE FROM live_event WHERE at < %s", (now - LIVE_EVENTS_KEPT,))
            forget_uses(connection, now)
            notice = late_extension_notice(connection)
        if notice:
            _LOG.warning("%s", notice)
        with self._pool.connection() as connection:
            for line in settle_policies(connection, self._storage, now):
                _LOG.info("storage: %s", line)

    def sum_up(self) -> None:
        """The round of a minute."""
        with self._pool.connection() as connection:
            refresh_dirty(connection)
        with self._pool.connection() as connection:
            # A promise that is over holds nothing back anyway; this is so that people see it as over.
            expire_due(connection, self._clock())
        with self._pool.connection() as connection:
            publish(connection, settle_overdue(connection, self._clock()))

    def _run(self) -> None:
        rounds_to_tidy = 0
        while True:
            try:
                if rounds_to_tidy <= 0:
                    self.tidy()
                    rounds_to_tidy = self._rounds_a_tidy
                self.sum_up()
            except Exception:  # noqa: BLE001 - tried again: rows have a place all the same, and marks stay
                _LOG.exception("housekeeping failed; again in %.0f s", self._sum_up_every_s)
            rounds_to_tidy -= 1
            if self._stopping.wait(self._sum_up_every_s):
                return
