"""Housekeeping: once an hour, partitions for the months to come and an end for live events nobody will replay."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.db.partitions import make_partitions
from gateway.db.pool import Pool

_LOG = logging.getLogger(__name__)
_EVERY_S: Final = 3600.0
LIVE_EVENTS_KEPT: Final = timedelta(days=1)
"""A page that was away longer is loaded anew."""


class Housekeeping:
    """One thread."""

    def __init__(self, pool: Pool, clock: Callable[[], datetime], *, every_s: float = _EVERY_S) -> None:
        self._pool = pool
        self._clock = clock
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin; the first round is after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)

    def tidy(self) -> None:
        """One round."""
        now = self._clock()
        with self._pool.connection() as connection:
            make_partitions(connection, now)
            connection.execute("DELETE FROM live_event WHERE at < %s", (now - LIVE_EVENTS_KEPT,))

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.tidy()
            except Exception:  # noqa: BLE001 - tried again, and the default partition takes what has no other
                _LOG.exception("housekeeping failed; again in %.0f s", self._every_s)
