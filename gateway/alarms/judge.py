"""Judges stored readings against the limits of their places, in the transaction that stores them.

The engine is `inventory.cold_chain`; `rule_watch` keeps its memory, so that it survives a restart, and judges late
readings in their place. Its findings move alarms. What the engine says and what the books of alarms say are compared at
the end of each batch: a condition that was already true when the watch began (or when limits were changed) alarms too.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from gateway.alarms import lifecycle
from gateway.alarms.lifecycle import Breach, Paging
from gateway.alarms.rule_watch import Judged, judge
from gateway.alarms.stock_at_risk import hold_stock
from gateway.cold_chain.rule_book import RuleWatch, watches
from gateway.db.pool import Connection
from gateway.errors import is_environment_fault
from gateway.ingest.dead_letters import DeadLetter, store
from gateway.ingest.readings import Readings
from gateway.ingest.rows import ReadingRow
from gateway.records.corrections import Corrections
from gateway.services.live_events import NewLiveEvent, to_everyone
from inventory.cold_chain.instant import from_us
from inventory.cold_chain.rule_run import Excursion
from inventory.cold_chain.series import Reading

_LOG = logging.getLogger(__name__)


class TemperatureJudge:
    """One for each ingest worker; keeps nothing in memory."""

    def __init__(self, paging: Paging) -> None:
        self._paging = paging

    def judge(self, connection: Connection, readings: Readings) -> tuple[NewLiveEvent, ...]:
        """Judge readings, device by device, in event time."""
        watching = watches(connection, sorted(readings.device_keys()))
        keys = {watch.device_key for watch in watching}
        corrections = Corrections.read(connection, keys) if keys else Corrections()
        by_device: dict[int, list[ReadingRow]] = defaultdict(list)
        for reading in readings.of_devices(keys):
            by_device[reading.device_key].append(reading)
        live: list[NewLiveEvent] = []
        for watch in watching:
            if watch.device_key not in by_device:
                continue
            mine = sorted(by_device[watch.device_key], key=lambda reading: reading.occurred_at)
            try:
                with connection.transaction():
                    live += self._judge_watch(connection, watch, mine, corrections)
            except Exception as error:
                if is_environment_fault(error):
                    raise
                _LOG.exception("readings of device %d could not be judged", watch.device_key)
                live += _tell(connection, watch, mine[-1], error)
        return tuple(live)

    def _judge_watch(
        self, connection: Connection, watch: RuleWatch, readings: Sequence[ReadingRow], corrections: Corrections
    ) -> tuple[NewLiveEvent, ...]:
        raw = [Reading(reading.occurred_at, reading.temperature_celsius) for reading in readings]
        found = judge(connection, watch, raw, corrections)
        if found is None:
            return ()
        active = _active_alarm(connection, watch)
        is_active = active is not None
        live: list[NewLiveEvent] = []
        for stored in found.stored:
            excursion = stored.excursion
            if excursion.triggered_us is not None and (stored.is_newly_triggered or excursion.ended_us is not None):
                hold_stock(connection, stored.excursion_id, watch.rule, self._paging.zone, self._paging.clock())
            if stored.is_newly_triggered or (stored.is_further and is_active):
                live += self._open(connection, watch, excursion, found.last)
                is_active = True
            if is_active and excursion.triggered_us is not None and excursion.ended_us is not None:
                live += self._close(connection, watch, found.last.value, from_us(excursion.ended_us))
                is_active = False
        return (*live, *self._reconcile(connection, watch, found, active, is_active=is_active, told=bool(live)))

    def _reconcile(
        self,
        connection: Connection,
        watch: RuleWatch,
        found: Judged,
        active: datetime | None,
        *,
        is_active: bool,
        told: bool,
    ) -> tuple[NewLiveEvent, ...]:
        """Make the alarms say what the engine says, whatever they said before."""
        last = found.last
        if found.open is not None and found.open.triggered_us is not None:
            if not is_active:
                return self._open(connection, watch, found.open, last)
        elif is_active and found.open is None:
            return self._close(connection, watch, last.value, last.occurred_at)
        if not is_active or active == last.occurred_at:
            return ()
        noted = lifecycle.note_value(connection, watch.device_key, watch.rule.name, last.value, last.occurred_at)
        return () if told else noted

    def _open(
        self, connection: Connection, watch: RuleWatch, excursion: Excursion, last: Reading
    ) -> tuple[NewLiveEvent, ...]:
        goes_on = excursion.ended_us is None
        triggered_us = excursion.triggered_us if excursion.triggered_us is not None else excursion.started_us
        breach = Breach(
            device_key=watch.device_key,
            condition=watch.rule.name,
            place_id=watch.place_id,
            limit_celsius=watch.rule.threshold,
            started_at=from_us(excursion.started_us),
            raised_at=from_us(triggered_us),
            peak_celsius=excursion.peak,
            temperature_celsius=last.value if goes_on else excursion.peak,
            measured_at=last.occurred_at if goes_on else from_us(triggered_us),
        )
        return lifecycle.raise_alarm(connection, breach, self._paging)

    def _close(
        self, connection: Connection, watch: RuleWatch, temperature_celsius: float, at: datetime
    ) -> tuple[NewLiveEvent, ...]:
        return lifecycle.return_to_normal(connection, watch.device_key, watch.rule.name, temperature_celsius, at)


def _active_alarm(connection: Connection, watch: RuleWatch) -> datetime | None:
    """When the active alarm's value was measured; None: there is none."""
    row = connection.execute(
        "SELECT last_at FROM alarm WHERE device_key = %s AND condition = %s AND returned_at IS NULL",
        (watch.device_key, watch.rule.name),
    ).fetchone()
    return None if row is None else row[0]


def _tell(connection: Connection, watch: RuleWatch, reading: ReadingRow, error: Exception) -> tuple[NewLiveEvent, ...]:
    """The readings are stored, only their judgement failed: that must not stay unseen."""
    letter = DeadLetter(
        topic=f"device_key {watch.device_key}",
        code="judgement_failed",
        reason=f"{watch.rule.name} at {watch.place_id!r}: {type(error).__name__}: {error!s:.300}",
        payload=repr(reading).encode(),
        received_at=reading.received_at,
        seq=reading.seq,
    )
    return to_everyone("dead_letter", {"dead_letter_id": store(connection, letter)})
