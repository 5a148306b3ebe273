"""Judges stored readings against the limits of their places, in the transaction that stores them.

The rule is `inventory.temperature_limit`; here its state is kept in `temperature_watch`, so that it survives a restart,
and its findings move alarms. What the rule says and what the books of alarms say are compared at the end of each batch:
a condition that was already true when the watch began (or when limits were changed) alarms too.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.alarms import lifecycle
from gateway.alarms.lifecycle import Breach, Paging
from gateway.db.pool import Connection
from gateway.errors import is_environment_fault
from gateway.ingest.dead_letters import DeadLetter, store
from gateway.ingest.readings import Readings
from gateway.ingest.rows import ReadingRow
from gateway.services.live_events import NewLiveEvent, to_everyone
from inventory.temperature_limit import Condition, TemperatureLimit, WatchState, is_raised, judge

_LOG = logging.getLogger(__name__)

GAP_S: Final = 900.0
"""Seconds without a reading from which on nothing is known of the time between: three of the slowest usual logging
intervals (5 minutes)."""


@dataclass(frozen=True)
class _Watch:
    device_key: int
    place_id: str
    limit: TemperatureLimit


class TemperatureJudge:
    """One for each ingest worker; keeps nothing in memory."""

    def __init__(self, paging: Paging) -> None:
        self._paging = paging

    def judge(self, connection: Connection, readings: Readings) -> tuple[NewLiveEvent, ...]:
        """Judge readings, device by device, in event time."""
        watches = _watches(connection, sorted(readings.device_keys()))
        by_device: dict[int, list[ReadingRow]] = defaultdict(list)
        for reading in readings.of_devices({watch.device_key for watch in watches}):
            by_device[reading.device_key].append(reading)
        live: list[NewLiveEvent] = []
        for watch in watches:
            if watch.device_key not in by_device:
                continue
            mine = sorted(by_device[watch.device_key], key=lambda reading: reading.occurred_at)
            try:
                with connection.transaction():
                    live += self._judge_watch(connection, watch, mine)
            except Exception as error:
                if is_environment_fault(error):
                    raise
                _LOG.exception("readings of device %d could not be judged", watch.device_key)
                live += _tell(connection, watch, mine[-1], error)
        return tuple(live)

    def _judge_watch(
        self, connection: Connection, watch: _Watch, readings: Sequence[ReadingRow]
    ) -> tuple[NewLiveEvent, ...]:
        state = _load(connection, watch)
        live: list[NewLiveEvent] = []
        judged = None
        for reading in readings:
            before = state
            state, change = judge(watch.limit, state, reading.occurred_at, reading.temperature_celsius)
            if state is before:
                continue
            judged = reading
            if change is not None and change.kind == "returned":
                live += self._close(connection, watch, reading)
            elif change is not None:
                live += self._open(connection, watch, reading, state)
        if state is None or judged is None:
            return ()
        _save(connection, watch, state)
        return (*live, *self._reconcile(connection, watch, state, judged, told=bool(live)))

    def _reconcile(
        self, connection: Connection, watch: _Watch, state: WatchState, last: ReadingRow, *, told: bool
    ) -> tuple[NewLiveEvent, ...]:
        """Make the alarms say what the state says, whatever they said before."""
        active = connection.execute(
            "SELECT last_at FROM alarm WHERE device_key = %s AND condition = %s AND returned_at IS NULL",
            (watch.device_key, watch.limit.condition),
        ).fetchone()
        if is_raised(watch.limit, state):
            if active is None:
                return self._open(connection, watch, last, state)
        elif active is not None and state.outside_since is None:
            return self._close(connection, watch, last)
        if active is None or active[0] == last.occurred_at:
            return ()
        noted = lifecycle.note_value(
            connection, watch.device_key, watch.limit.condition, last.temperature_celsius, last.occurred_at
        )
        return () if told else noted

    def _open(
        self, connection: Connection, watch: _Watch, reading: ReadingRow, state: WatchState
    ) -> tuple[NewLiveEvent, ...]:
        breach = Breach(
            device_key=watch.device_key,
            condition=watch.limit.condition,
            place_id=watch.place_id,
            limit_celsius=watch.limit.limit_celsius,
            started_at=state.outside_since or reading.occurred_at,
            raised_at=reading.occurred_at,
            peak_celsius=state.peak_celsius if state.peak_celsius is not None else reading.temperature_celsius,
            temperature_celsius=reading.temperature_celsius,
        )
        return lifecycle.raise_alarm(connection, breach, self._paging)

    def _close(self, connection: Connection, watch: _Watch, reading: ReadingRow) -> tuple[NewLiveEvent, ...]:
        return lifecycle.return_to_normal(
            connection, watch.device_key, watch.limit.condition, reading.temperature_celsius, reading.occurred_at
        )


def _watches(connection: Connection, device_keys: Sequence[int]) -> Sequence[_Watch]:
    rows = connection.execute(
        "SELECT device_key, place_id, temperature_low_celsius, temperature_high_celsius, alarm_after_s"
        " FROM device JOIN place USING (place_id) WHERE device_key = ANY(%s)"
        " AND (temperature_low_celsius IS NOT NULL OR temperature_high_celsius IS NOT NULL) ORDER BY device_key",
        (list(device_keys),),
    ).fetchall()
    watches = []
    for device_key, place_id, low, high, after_s in rows:
        limits: tuple[tuple[Condition, float | None], ...] = (("temperature_high", high), ("temperature_low", low))
        for condition, limit_celsius in limits:
            if limit_celsius is not None:
                limit = TemperatureLimit(condition, limit_celsius, after_s, GAP_S)
                watches.append(_Watch(device_key, place_id, limit))
    return watches


def _load(connection: Connection, watch: _Watch) -> WatchState | None:
    row = connection.execute(
        "SELECT judged_until, outside_since, peak_celsius FROM temperature_watch"
        " WHERE device_key = %s AND condition = %s FOR UPDATE",
        (watch.device_key, watch.limit.condition),
    ).fetchone()
    return None if row is None else WatchState(*row)


def _save(connection: Connection, watch: _Watch, state: WatchState) -> None:
    connection.execute(
        "INSERT INTO temperature_watch (device_key, condition, judged_until, outside_since, peak_celsius)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (device_key, condition) DO UPDATE SET"
        " judged_until = excluded.judged_until, outside_since = excluded.outside_since,"
        " peak_celsius = excluded.peak_celsius",
        (watch.device_key, watch.limit.condition, state.judged_until, state.outside_since, state.peak_celsius),
    )


def _tell(connection: Connection, watch: _Watch, reading: ReadingRow, error: Exception) -> tuple[NewLiveEvent, ...]:
    """The readings are stored, only their judgement failed: that must not stay unseen."""
    letter = DeadLetter(
        topic=f"device_key {watch.device_key}",
        code="judgement_failed",
        reason=f"{watch.limit.condition} at {watch.place_id!r}: {type(error).__name__}: {error!s:.300}",
        payload=repr(reading).encode(),
        received_at=reading.received_at,
        seq=reading.seq,
    )
    return to_everyone("dead_letter", {"dead_letter_id": store(connection, letter)})
