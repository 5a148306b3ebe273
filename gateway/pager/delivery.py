"""Delivery: takes messages out of the outbox to their channel, again and again, until each is taken.

Each channel has a thread of its own: a dead channel never blocks another. A message is claimed before it is sent and
marked after, so a crash between the two sends it again, under the same id: at least once to the channel. What is said
is made at the moment of sending; a person is not woken for what somebody has answered meanwhile, a program hears of it.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from gateway.db.pool import Connection, Pool
from gateway.errors import ChannelError, is_environment_fault
from gateway.pager.channels import Channel, Outgoing, Taken
from gateway.pager.health import note_failed, note_taken
from gateway.pager.messages import Style, Words, alarm_json, alarm_words, plain_words, returned_words, summary_words
from gateway.pager.outbox import Kind, Occasion
from gateway.pager.page_facts import page_facts, several
from gateway.services.live_events import NewLiveEvent, publish

_LOG = logging.getLogger(__name__)
_STALE: Final = timedelta(minutes=15)
"""Replies, tests and probes that could not be sent for so long say nothing to anybody any more."""
_INCIDENT_KINDS: Final = ("alarm", "returned")


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


@dataclass(frozen=True)
class Claimed:
    """A row of the outbox that is ours for a while."""

    page_id: UUID
    kind: Kind
    address: str
    severity: str
    incident_id: UUID | None
    run_id: UUID | None
    occasion: Occasion
    username: str | None
    message: Mapping[str, Any]
    attempts: int
    receipt_token: str | None
    created_at: datetime


_CLAIM: Final = (
    "UPDATE page SET attempts = attempts + 1, next_attempt_at = %s WHERE page_id = ("
    " SELECT page_id FROM page WHERE channel = %s AND delivered_at IS NULL AND withdrawn_at IS NULL"
    " AND next_attempt_at <= %s ORDER BY (severity = 'critical') DESC, next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING page_id, kind, address, severity, incident_id, run_id, occasion_kind, username, message, attempts,"
    " receipt_token, created_at"
)


class Deliverer:
    """Delivers what is due on one channel, one message after the other. No thread of its own."""

    def __init__(
        self,
        pool: Pool,
        channel: Channel,
        clock: Callable[[], datetime],
        style: Style,
        *,
        plan: RetryPlan = DEFAULT_PLAN,
        jitter: Callable[[], float] = random.random,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_failure` is called when a message was not taken: its person's next channel is wanted now."""
        self.channel = channel
        self._pool = pool
        self._clock = clock
        self._style = style
        self._plan = plan
        self._jitter = jitter
        self._on_failure = on_failure

    def deliver_due(self) -> int:
        """All that is due now; how many were taken up."""
        count = 0
        while self.deliver_one():
            count += 1
        return count

    def deliver_one(self) -> bool:
        """The most urgent message that is due; False if none is.

        Raises:
            psycopg.Error: the database is away.
        """
        with self._pool.connection() as connection:
            claimed = self._claim(connection)
            if claimed is None:
                return False
            outgoing = None if self._is_void(connection, claimed) else self._outgoing(connection, claimed)
            if outgoing is None:
                connection.execute(
                    "UPDATE page SET withdrawn_at = %s, attempts = attempts - 1 WHERE page_id = %s",
                    (self._clock(), claimed.page_id),
                )
                return True
        try:
            taken = self.channel.deliver(outgoing)
        except Exception as error:  # noqa: BLE001 - whatever a channel raises, the page was not taken
            self._failed(claimed, error)
        else:
            self._taken(claimed, outgoing, taken)
        return True

    def _claim(self, connection: Connection) -> Claimed | None:
        now = self._clock()
        claim_until = now + timedelta(seconds=self._plan.claim_s)
        row = connection.execute(_CLAIM, (claim_until, self.channel.name, now)).fetchone()
        return None if row is None else Claimed(*row)

    def _is_void(self, connection: Connection, claimed: Claimed) -> bool:
        """Whether nobody needs it any more."""
        if claimed.kind in {"reply", "probe", "test"}:
            return self._clock() - claimed.created_at > _STALE
        if claimed.username is None or claimed.kind != "alarm":
            return False
        row = connection.execute("SELECT ended_at FROM pager_run WHERE run_id = %s", (claimed.run_id,)).fetchone()
        return row is not None and row[0] is not None

    def _outgoing(self, connection: Connection, claimed: Claimed) -> Outgoing | None:
        """The message as it is now; None: there is nothing to tell."""
        try:
            with connection.transaction():
                made = self._words(connection, claimed)
        except Exception as error:
            if is_environment_fault(error):
                raise
            _LOG.exception("page %s: its words can't be made, a plain call goes out", claimed.page_id)
            plain = plain_words(f"Báo động: mở trang trực để xem. Alarm: see the page. {self._style.base_url}/on-call")
            made = plain, {"text": plain.short}
        if made is None:
            return None
        words, message = made
        facts = {**message, "page_id": str(claimed.page_id), "page_kind": claimed.kind}
        facts["sent_at"] = self._clock().isoformat()
        return Outgoing(claimed.page_id, claimed.kind, claimed.address, words, claimed.severity, facts)

    def _words(self, connection: Connection, claimed: Claimed) -> tuple[Words, dict[str, Any]] | None:
        if claimed.kind == "summary":
            rows = connection.execute(
                "SELECT e.incident_id FROM page_incident e JOIN pager_run r USING (run_id)"
                " WHERE e.page_id = %s AND r.ended_at IS NULL ORDER BY e.added_at",
                (claimed.page_id,),
            ).fetchall()
            open_ones = several(connection, [row[0] for row in rows])
            if not open_ones:
                return None
            words = summary_words(open_ones, self._style)
            return words, {"text": words.short, "incidents": [one.incident.incident_number for one in open_ones]}
        if claimed.kind not in _INCIDENT_KINDS or claimed.incident_id is None:
            words = plain_words(str(claimed.message.get("text", "")))
            return words, {"text": words.short}
        facts = page_facts(connection, claimed.incident_id)
        if facts is None:
            return None
        if claimed.kind == "returned":
            words = returned_words(facts, self._style)
        else:
            words = alarm_words(facts, claimed.occasion, self._style, token=claimed.receipt_token or "")
        return words, alarm_json(facts, claimed.kind, claimed.occasion, self._style, words)

    def _taken(self, claimed: Claimed, outgoing: Outgoing, taken: Taken) -> None:
        now = self._clock()
        kept = {**outgoing.message, "sent_text": outgoing.words.short, "segments": outgoing.words.segments}
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE page SET delivered_at = %s, last_error = '', message = %s, channel_message_id = %s"
                " WHERE page_id = %s",
                (now, Jsonb(kept), taken.channel_message_id, claimed.page_id),
            )
        self._note(lambda connection: note_taken(connection, self.channel.name, now), claimed)

    def _failed(self, claimed: Claimed, error: Exception) -> None:
        if not isinstance(error, ChannelError):
            _LOG.error("pager %s: unexpected failure", self.channel.name, exc_info=error)
        now = self._clock()
        delay_s = self._plan.delay_s(claimed.attempts, self._jitter())
        reason = f"{error}"[:500].replace("\0", "\ufffd")
        _LOG.warning("page %s: attempt %d: %s; again in %.0f s", claimed.page_id, claimed.attempts, reason, delay_s)
        with self._pool.connection() as connection:
            connection.execute(
                "UPDATE page SET next_attempt_at = %s, last_error = %s, failed_at = coalesce(failed_at, %s)"
                " WHERE page_id = %s",
                (now + timedelta(seconds=delay_s), reason, now, claimed.page_id),
            )
        self._note(lambda connection: note_failed(connection, self.channel.name, reason, now), claimed)
        self._on_failure()

    def _note(self, note: Callable[[Connection], tuple[NewLiveEvent, ...]], claimed: Claimed) -> None:
        """A transaction of its own: it may take the lock of alarms, which is taken before any row of the outbox."""
        with self._pool.connection() as connection:
            publish(connection, [*note(connection), _about(claimed)])


def _about(claimed: Claimed) -> NewLiveEvent:
    """The on-call page shows what became of pages."""
    incident = str(claimed.incident_id) if claimed.incident_id is not None else None
    return NewLiveEvent("on_call", "page", {"page_id": str(claimed.page_id), "incident_id": incident})


class DeliveryThread:
    """A deliverer at work. Start it once; `wake` it when a message was written."""

    def __init__(self, deliverer: Deliverer, *, poll_s: float = DEFAULT_PLAN.poll_s) -> None:
        self._deliverer = deliverer
        self._poll_s = poll_s
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pager-{deliverer.channel.name}", daemon=True)
        self.rounds = 0
        """How often it has looked: one that hangs stands still."""

    @property
    def name(self) -> str:
        """Of its channel."""
        return self._deliverer.channel.name

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something new. Cheap, from any thread."""
        self._news.set()

    def stop(self) -> None:
        """Finish what is being delivered, then end. What is left is delivered after the next start."""
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)

    def _run(self) -> None:
        name = self.name
        while not self._stopping.is_set():
            self._news.clear()
            try:
                while not self._stopping.is_set() and self._deliverer.deliver_one():
                    self.rounds += 1
            except psycopg.Error as error:
                _LOG.warning("pager %s: the database is away, trying again: %s", name, error)
            except Exception:  # noqa: BLE001 - a pager that ends is worse than any error
                _LOG.exception("pager %s: unexpected failure, trying again", name)
            self.rounds += 1
            self._news.wait(self._poll_s)
        self._deliverer.channel.close()
