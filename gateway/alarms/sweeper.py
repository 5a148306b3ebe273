"""The thread that judges what time alone makes true: silence, doors left open, certificates, silences that end.

It survives a restart because it remembers nothing that matters: everything is asked of the database. When the gateway
itself was away, or could not hear the broker, nobody was silent: time begins anew when it listens again.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import psycopg

from gateway.alarms import causes, contacts, upkeep
from gateway.alarms.alarm_lock import enter
from gateway.alarms.conditions import Condition, clear_condition, is_active, raise_condition
from gateway.alarms.incident_watch import watch_incidents
from gateway.alarms.limits import load_limits
from gateway.alarms.silence_watch import watch_silence
from gateway.db.pool import Connection, Pool
from gateway.services.live_events import NewLiveEvent, publish

_LOG = logging.getLogger(__name__)
EVERY_S: Final = 10.0
_AWAY_AFTER: Final = timedelta(seconds=60)
"""No sweep for so long, and the gateway was away: six rounds missed."""
_BROKER: Final = "broker_silent"
_BROKER_SUBJECT: Final = "broker:mqtt"
_RARELY: Final = 6
"""Each so many rounds: what changes in days, or costs more."""

Step = Callable[[Connection, datetime], tuple[NewLiveEvent, ...]]


class Listening(Protocol):
    """Whether the gateway hears its broker."""

    @property
    def connected(self) -> bool:
        """Now."""
        ...


class Sweeper:
    """One thread; each step in a transaction of its own, so that one that fails stops no other."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        *,
        listening: Listening | None = None,
        on_page: Callable[[], None] = lambda: None,
        every_s: float = EVERY_S,
    ) -> None:
        """`listening`: of the ingest; None: it is taken to hear. `on_page` is called when something may be paged."""
        self._pool = pool
        self._clock = clock
        self._zone = zone
        self._listening = listening
        self._on_page = on_page
        self._every_s = every_s
        self._clocks = upkeep.ClockWatch()
        self._round = 0
        self._deaf_since: datetime | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarm-sweeper", daemon=True)

    def start(self) -> None:
        """Begin, with one round at once."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)

    def sweep(self) -> None:
        """One round."""
        steps: list[tuple[str, Step]] = [
            ("contacts", _watch_contacts),
            ("silence", self._watch_silence),
            ("incidents", watch_incidents),
            ("causes", _look_for_causes),
            ("moved", _end_moved),
        ]
        if self._round % _RARELY == 0:
            steps += [
                ("calibrations", lambda c, now: upkeep.watch_calibrations(c, load_limits(c), self._zone, now)),
                ("clocks", lambda c, now: self._clocks.watch(c, load_limits(c), now)),
                ("dead letters", lambda c, now: upkeep.watch_dead_letters(c, load_limits(c), now)),
                ("disagreement", lambda c, now: upkeep.watch_disagreement(c, load_limits(c), now)),
            ]
        self._round += 1
        for name, step in steps:
            if self._stopping.is_set():
                return
            self._take(name, step)

    def _take(self, name: str, step: Step) -> None:
        try:
            with self._pool.connection() as connection:
                enter(connection)
                live = step(connection, self._clock())
                publish(connection, live)
        except psycopg.OperationalError as error:
            _LOG.warning("alarms, %s: the database is away, trying again: %s", name, error)
        except Exception:  # noqa: BLE001 - whatever one step meets, the others go on, and it is tried again
            _LOG.exception("alarms, %s: unexpected failure, trying again", name)
        else:
            if live:
                self._on_page()

    def _watch_silence(self, connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
        is_deaf = self._listening is not None and not self._listening.connected
        since = listening_since(connection, now, is_deaf=is_deaf)
        limits = load_limits(connection)
        if not is_deaf:
            self._deaf_since = None
            live = clear_condition(connection, _BROKER, _BROKER_SUBJECT, now, now=now)
            return (*live, *watch_silence(connection, limits, since, now))
        # Nobody can be heard: that is one outage, and no node's.
        self._deaf_since = self._deaf_since or now
        raised_at = self._deaf_since + timedelta(seconds=limits.of("agent_silent", "silent_for_s"))
        if now < raised_at or is_active(connection, _BROKER, _BROKER_SUBJECT):
            return ()
        condition = Condition(_BROKER, _BROKER_SUBJECT, None, None, "critical", self._deaf_since, raised_at)
        return raise_condition(connection, condition, now)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.sweep()
            except Exception:  # noqa: BLE001 - a sweeper that ends is silence for ever
                _LOG.exception("alarms: a round failed; it is tried again")
            self._stopping.wait(self._every_s)


def listening_since(connection: Connection, now: datetime, *, is_deaf: bool) -> datetime:
    """Since when it is heard without a break; noted for the next round, whichever process does it."""
    row = connection.execute("SELECT swept_at, watching_since FROM alarm_sweep FOR UPDATE").fetchone()
    was_away = row is None or now - row[0] > _AWAY_AFTER or row[0] > now
    since: datetime = now if row is None or was_away or is_deaf else row[1]
    connection.execute(
        "INSERT INTO alarm_sweep (swept_at, watching_since) VALUES (%s, %s)"
        " ON CONFLICT (only_row) DO UPDATE SET swept_at = excluded.swept_at, watching_since = excluded.watching_since",
        (now, since),
    )
    return since


def _watch_contacts(connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
    limits = load_limits(connection)
    live: list[NewLiveEvent] = []
    for contact in contacts.states(connection):
        matures_at = contact.matures_at(limits)
        if matures_at is not None and matures_at <= now and not contacts.is_told(connection, contact):
            live += contacts.raise_contact(connection, contact, matures_at, now)
    return tuple(live)


def _look_for_causes(connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
    rows = connection.execute(
        "SELECT incident_id, cause FROM incident WHERE closed_at IS NULL AND returned_at IS NULL"
        " AND place_id IS NOT NULL AND scope = 'place:' || place_id"
    ).fetchall()
    changed = [each for each, before in rows if causes.note_cause(connection, each, now) != before]
    return tuple(NewLiveEvent("on_call", "alarm", {"incident_id": str(each), "change": "updated"}) for each in changed)


def _end_moved(connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
    """Whoever moved a device without saying so: what was true at its old place has ended."""
    rows = connection.execute(
        "SELECT a.condition, a.subject FROM alarm a JOIN device d USING (device_key) WHERE a.returned_at IS NULL"
        " AND a.place_id IS NOT NULL AND d.place_id IS DISTINCT FROM a.place_id"
    ).fetchall()
    live: list[NewLiveEvent] = []
    for kind, subject in rows:
        live += clear_condition(connection, kind, subject, now, now=now, end_reason="moved")
    return tuple(live)


def start(
    pool: Pool,
    clock: Callable[[], datetime],
    zone: ZoneInfo,
    *,
    listening: Listening | None = None,
    on_page: Callable[[], None] = lambda: None,
) -> Sweeper:
    """Running; `stop()` ends it."""
    sweeper = Sweeper(pool, clock, zone, listening=listening, on_page=on_page)
    sweeper.start()
    return sweeper
