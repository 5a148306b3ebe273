"""The pager's look at itself: probes, holes in the schedule, watchers that stopped asking, drills that are due."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import httpx

from gateway.alarms.conditions import Condition, clear_condition, is_active, raise_condition
from gateway.db.pool import Connection, Pool
from gateway.pager.config import PagerConfig
from gateway.pager.drill import follow, run_schedule
from gateway.pager.escalation import Escalator
from gateway.pager.health import beat, forget_others, note_probe_missing, note_receipt
from gateway.pager.receipts import missed_probes, probe_came_back, probes_out, send_probes
from gateway.pager.schedule import holes
from gateway.services.live_events import NewLiveEvent, publish

_HOLE: Final = "schedule_hole"
_HOLE_SUBJECT: Final = "schedule:1"
HOLE_SOON: Final = timedelta(hours=24)
"""A hole that begins within this is an incident; those further on are shown on the page of the schedule."""
_WATCHER: Final = "heartbeat_missing"
_WATCHER_MISSES: Final = 3
_NTFY_TIMEOUT_S: Final = 5.0


class Keeper:
    """Look every few seconds; has no thread of its own and remembers nothing but what the database holds."""

    def __init__(
        self, pool: Pool, config: PagerConfig, zone: ZoneInfo, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        """`transport` is for tests."""
        self._pool = pool
        self._config = config
        self._zone = zone
        self._escalator = Escalator(config, zone)
        self._has_people = any(each.to_people for each in config.channel)
        self._ntfy = [each for each in config.channel if each.probe is not None and each.probe.ntfy_url]
        self._client = httpx.Client(timeout=_NTFY_TIMEOUT_S, transport=transport, trust_env=False)

    def begin(self, channels: Sequence[str], now: datetime) -> None:
        """Once at the start: channels that are configured no more are forgotten."""
        self._told(lambda connection: forget_others(connection, channels, now))

    def look(self, working: Sequence[str], now: datetime) -> int:
        """All of it; how much was begun that must be sent.

        Args:
            working: channels whose threads have been round since the last look.
            now: the gateway's clock.
        """
        with self._pool.connection() as connection:
            beat(connection, working, now)
            sent = send_probes(connection, self._config.channel, now)
            missing = missed_probes(connection, self._config.channel, now)
        self._read_topics(now)
        for channel in missing:
            with self._pool.connection() as connection:
                publish(connection, note_probe_missing(connection, channel, now))
        if self._has_people:
            self._told(lambda connection: self._holes(connection, now))
        self._told(lambda connection: watchers(connection, now))
        with self._pool.connection() as connection:
            ended = follow(connection, self._config.drill_answer_within_s, now)
        with self._pool.connection() as connection:
            started = run_schedule(connection, self._zone, now)
        return sent + len(missing) + (ended is not None) + (started is not None)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _told(self, act: Callable[[Connection], tuple[NewLiveEvent, ...]]) -> None:
        with self._pool.connection() as connection:
            publish(connection, act(connection))

    def _holes(self, connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
        found = holes(self._escalator.crew(connection, now).rota, now, HOLE_SOON)
        if not found:
            if is_active(connection, _HOLE, _HOLE_SUBJECT):
                return clear_condition(connection, _HOLE, _HOLE_SUBJECT, now, now=now)
            return ()
        first = found[0]
        if is_active(connection, _HOLE, _HOLE_SUBJECT):
            return ()
        facts = {"from": first.starts_at.isoformat(), "until": first.ends_at.isoformat(), "why": first.why}
        condition = Condition(_HOLE, _HOLE_SUBJECT, None, None, "warning", now, now, facts)
        return raise_condition(connection, condition, now)

    def _read_topics(self, now: datetime) -> None:
        """Probes of ntfy come back by reading the topic: another connection than the one that sent them."""
        for channel in self._ntfy:
            with self._pool.connection() as connection:
                tokens = probes_out(connection, channel.name, now)
            if not tokens or channel.probe is None:
                continue
            try:
                answer = self._client.get(f"{channel.probe.ntfy_url}/json", params={"poll": "1", "since": "1h"})
            except httpx.HTTPError:
                continue  # it is missing, then, and that is told
            for token in tokens:
                if answer.is_success and token in answer.text:
                    with self._pool.connection() as connection:
                        probe_came_back(connection, token, "ntfy", now)
                    with self._pool.connection() as connection:
                        publish(connection, note_receipt(connection, channel.name, now))


def watchers(connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
    """Whoever watches the gateway is watched by it: one that stopped asking is an incident until it asks again."""
    told: list[NewLiveEvent] = []
    rows = connection.execute("SELECT watcher, last_seen_at, every_s FROM pager_watcher ORDER BY watcher").fetchall()
    for watcher, seen_at, every_s in rows:
        subject = f"watcher:{watcher}"
        if now - seen_at > timedelta(seconds=_WATCHER_MISSES * every_s):
            if not is_active(connection, _WATCHER, subject):
                facts = {"watcher": watcher, "last_seen_at": seen_at.isoformat()}
                condition = Condition(_WATCHER, subject, None, None, "critical", seen_at, now, facts)
                told += raise_condition(connection, condition, now)
        elif is_active(connection, _WATCHER, subject):
            told += clear_condition(connection, _WATCHER, subject, now, now=now)
    return tuple(told)


def watcher_asked(connection: Connection, watcher: str, every_s: float, now: datetime) -> None:
    """A watcher was here; from now on it is missed if it does not come again."""
    connection.execute(
        "INSERT INTO pager_watcher (watcher, last_seen_at, every_s) VALUES (%s, %s, %s)"
        " ON CONFLICT (watcher) DO UPDATE SET last_seen_at = excluded.last_seen_at, every_s = excluded.every_s",
        (watcher, now, every_s),
    )


def forget_watcher(connection: Connection, watcher: str, now: datetime) -> tuple[NewLiveEvent, ...] | None:
    """It was taken away for good: nobody misses it. None: there is no such watcher."""
    row = connection.execute("DELETE FROM pager_watcher WHERE watcher = %s RETURNING 1", (watcher,)).fetchone()
    if row is None:
        return None
    return clear_condition(connection, _WATCHER, f"watcher:{watcher}", now, now=now, end_reason="removed")
