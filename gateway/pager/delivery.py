"""The pager: takes pages out of their outbox to their channels, for ever, until each is taken.

Each channel has a thread of its own: a dead channel never blocks another. A page is claimed before it is sent and
marked after, so a crash between the two sends it again, under the same id: at least once to the channel.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from gateway.db.pool import Connection, Pool
from gateway.errors import ChannelError
from gateway.pager.channels import Channel, Page

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryPlan:
    """How long until the next attempt."""

    first_s: float = 2.0
    longest_s: float = 300.0
    """A page is never given up; it is tried at least this often, in seconds."""
    claim_s: float = 60.0
    """How long a claimed page is left alone, in seconds: longer than any delivery takes."""
    poll_s: float = 1.0
    """How often the outbox is looked at when nobody wakes the pager, in seconds."""

    def delay_s(self, attempts: int, jitter: float) -> float:
        """Doubling, from `first_s` to `longest_s`; `jitter` in 0 to 1 takes up to a fifth away."""
        doubled: float = self.first_s * 2.0 ** min(attempts - 1, 30)
        return min(doubled, self.longest_s) * (1.0 - 0.2 * jitter)


DEFAULT_PLAN: Final = RetryPlan()


class Pager:
    """Start it once; `wake` it when a page was written."""

    def __init__(
        self,
        pool: Pool,
        channels: Sequence[Channel],
        clock: Callable[[], datetime],
        *,
        plan: RetryPlan = DEFAULT_PLAN,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._workers = [_ChannelWorker(pool, channel, clock, plan, jitter) for channel in channels]

    def start(self) -> None:
        """Begin to deliver."""
        for worker in self._workers:
            worker.thread.start()

    def wake(self) -> None:
        """There may be something new. Cheap, from any thread."""
        for worker in self._workers:
            worker.news.set()

    def stop(self) -> None:
        """Finish what is being delivered, then end. What is left is delivered after the next start."""
        for worker in self._workers:
            worker.stopping.set()
            worker.news.set()
        for worker in self._workers:
            if worker.thread.ident is not None:
                worker.thread.join(timeout=30.0)


class _ChannelWorker:
    def __init__(
        self,
        pool: Pool,
        channel: Channel,
        clock: Callable[[], datetime],
        plan: RetryPlan,
        jitter: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._channel = channel
        self._clock = clock
        self._plan = plan
        self._jitter = jitter
        self.news = threading.Event()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"pager-{channel.name}", daemon=True)

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.news.clear()
            try:
                while not self.stopping.is_set() and self._deliver_one():
                    pass
            except psycopg.Error as error:
                _LOG.warning("pager %s: the database is away, trying again: %s", self._channel.name, error)
            except Exception:  # noqa: BLE001 - a pager that ends is worse than any error
                _LOG.exception("pager %s: unexpected failure, trying again", self._channel.name)
            self.news.wait(self._plan.poll_s)
        self._channel.close()

    def _deliver_one(self) -> bool:
        """Deliver the page that has waited longest; False if none is due."""
        with self._pool.connection() as connection:
            claimed = self._claim(connection)
        if claimed is None:
            return False
        page, attempts = claimed
        try:
            self._channel.deliver(page)
        except Exception as error:  # noqa: BLE001 - whatever a channel raises, the page was not taken
            self._failed(page.page_id, attempts, error)
        else:
            with self._pool.connection() as connection:
                connection.execute(
                    "UPDATE page SET delivered_at = %s, last_error = '' WHERE page_id = %s",
                    (self._clock(), page.page_id),
                )
        return True

    def _claim(self, connection: Connection) -> tuple[Page, int] | None:
        now = self._clock()
        row = connection.execute(
            "UPDATE page SET attempts = attempts + 1, next_attempt_at = %s WHERE page_id = ("
            " SELECT page_id FROM page WHERE channel = %s AND delivered_at IS NULL AND next_attempt_at <= %s"
            " ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
            " RETURNING page_id, message, attempts, alarm_id",
            (now + timedelta(seconds=self._plan.claim_s), self._channel.name, now),
        ).fetchone()
        if row is None:
            return None
        page_id, message, attempts, alarm_id = row
        return Page(page_id, {**message, "state": _state(connection, alarm_id)}), attempts

    def _failed(self, page_id: UUID, attempts: int, error: Exception) -> None:
        if not isinstance(error, ChannelError):
            _LOG.error("pager %s: unexpected failure", self._channel.name, exc_info=error)
        delay_s = self._plan.delay_s(attempts, self._jitter())
        reason = f"{error}"[:500].replace("\0", "\ufffd")
        _LOG.warning("page %s: attempt %d: %s; again in %.0f s", page_id, attempts, reason, delay_s)
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE page SET next_attempt_at = %s, last_error = %s WHERE page_id = %s",
                (self._clock() + timedelta(seconds=delay_s), reason, page_id),
            )


def _state(connection: Connection, alarm_id: UUID) -> str:
    """The alarm's state at the moment of delivery: a page that comes late says so."""
    row = connection.execute(
        "SELECT returned_at IS NOT NULL, acknowledged_at IS NOT NULL FROM alarm WHERE alarm_id = %s", (alarm_id,)
    ).fetchone()
    returned, acknowledged = row if row is not None else (False, False)
    if returned:
        return "returned_to_normal_acknowledged" if acknowledged else "returned_to_normal_unacknowledged"
    return "active_acknowledged" if acknowledged else "active_unacknowledged"
