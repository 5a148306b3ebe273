"""The modem's other half: delivery reports and answers are taken in, its network is watched before it is needed."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import psycopg

from gateway.db.pool import Pool
from gateway.pager.answers import Answer, take_answer
from gateway.pager.at_modem import ModemError
from gateway.pager.health import note_failed, note_receipt, note_state
from gateway.pager.receipts import take_report
from gateway.pager.sms_channel import SmsChannel
from gateway.services.live_events import publish

if TYPE_CHECKING:
    from gateway.pager.sms_pdu import Incoming, StatusReport

_LOG = logging.getLogger(__name__)
_LOOK_EVERY: Final = timedelta(seconds=30)
_STATE_EVERY: Final = timedelta(seconds=60)
_POLL_S: Final = 0.5
_UNMATCHED: Final = timedelta(minutes=10)


class Inbox:
    """One for each modem. `look` does what is due; it has no thread of its own."""

    def __init__(self, pool: Pool, channel: SmsChannel, country_code: str, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._channel = channel
        self._country_code = country_code
        self._clock = clock
        self._fetched_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._waiting: list[tuple[StatusReport, datetime]] = []
        self._stored = 0

    def look(self) -> int:
        """Take in what came; how much that was.

        Raises:
            psycopg.Error: the database is away; answers stay in the modem until it is back.
        """
        now = self._clock()
        self._stored = 0
        count = self._reports(now)
        try:
            if self._asked_at is None or now - self._asked_at >= _STATE_EVERY:
                self._asked_at = now
                self._watch(now)
            if self._channel.has_news or self._fetched_at is None or now - self._fetched_at >= _LOOK_EVERY:
                self._fetched_at = now
                self._channel.fetch(now, self._answer)
        except ModemError as error:
            with self._pool.connection() as connection:
                publish(connection, note_failed(connection, self._channel.name, str(error), now))
        return count + self._stored

    def _watch(self, now: datetime) -> None:
        state = self._channel.state()
        with self._pool.connection() as connection:
            if state.registered:
                publish(connection, note_state(connection, self._channel.name, now))
            else:
                publish(connection, note_failed(connection, self._channel.name, state.words, now))

    def _reports(self, now: datetime) -> int:
        self._waiting += [(report, now) for report in self._channel.reports()]
        waiting, self._waiting = self._waiting, []
        taken = 0
        for report, since in waiting:
            with self._pool.connection() as connection:
                arrived = take_report(connection, self._channel.name, report, now)
            if arrived is None and now - since < _UNMATCHED:
                self._waiting.append((report, since))
            taken += arrived is not None
            if arrived:
                with self._pool.connection() as connection:
                    publish(connection, note_receipt(connection, self._channel.name, now))
        return taken

    def _answer(self, message: "Incoming") -> None:
        now = self._clock()
        answer = Answer(self._channel.name, message.sender, message.text, message.sent_at)
        with self._pool.connection() as connection:
            heard = take_answer(connection, answer, self._country_code, now)
        self._stored += 1
        if heard is not None and heard.probed is not None:
            with self._pool.connection() as connection:
                publish(connection, note_receipt(connection, heard.probed, now))


class InboxThread:
    """An inbox at work."""

    def __init__(self, inbox: Inbox, name: str, *, on_answer: Callable[[], None] = lambda: None) -> None:
        """`on_answer` is called when something was taken in: the chain may end."""
        self._inbox = inbox
        self._on_answer = on_answer
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pager-inbox-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=60.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._inbox.look():
                    self._on_answer()
            except psycopg.Error as error:
                _LOG.warning("pager inbox: the database is away, trying again: %s", error)
            except Exception:  # noqa: BLE001 - nobody could answer any more
                _LOG.exception("pager inbox: unexpected failure, trying again")
            self._stopping.wait(_POLL_S)
