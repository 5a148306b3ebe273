"""Judges stored readings against the limits of their places, in the transaction that stores them.

The engine is `inventory.cold_chain`; `rule_watch` keeps its memory, so that it survives a restart, and judges late
readings in their place. Its findings move alarms. What the engine says and what the books of alarms say are compared at
the end of each batch: a condition that was already true when the watch began (or when limits were changed) alarms too.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.alarms import threshold_alarms
from gateway.alarms.alarm_lock import enter
from gateway.alarms.rule_watch import Judged, judge
from gateway.alarms.sensor_judge import judge_sensors
from gateway.alarms.stock_at_risk import hold_stock
from gateway.alarms.threshold_alarms import ActiveAlarm
from gateway.cold_chain.rule_book import RuleWatch, watches
from gateway.db.pool import Connection
from gateway.errors import is_environment_fault
from gateway.ingest.dead_letters import DeadLetter, store
from gateway.ingest.readings import Readings
from gateway.ingest.rows import ReadingRow
from gateway.records.corrections import Corrections
from gateway.services.live_events import NewLiveEvent, to_everyone
from inventory.cold_chain.instant import from_us
from inventory.cold_chain.series import Reading

_LOG = logging.getLogger(__name__)


class TemperatureJudge:
    """One for each ingest worker; keeps nothing in memory."""

    def __init__(self, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        """`zone`: whose days and clocks the reasons of holds are told in."""
        self._zone = zone
        self._clock = clock

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
        return (*live, *self._judge_sensors(connection, watching, by_device, corrections))

    def _judge_sensors(
        self,
        connection: Connection,
        watching: Sequence[RuleWatch],
        by_device: Mapping[int, list[ReadingRow]],
        corrections: Corrections,
    ) -> tuple[NewLiveEvent, ...]:
        if not by_device:
            return ()
        try:
            with connection.transaction():
                return judge_sensors(connection, watching, by_device, corrections, self._clock())
        except Exception as error:
            if is_environment_fault(error):
                raise
            _LOG.exception("what thermometers say of themselves could not be judged")
            watch = next(watch for watch in watching if watch.device_key in by_device)
            return _tell(connection, watch, by_device[watch.device_key][-1], error)

    def _judge_watch(
        self, connection: Connection, watch: RuleWatch, readings: Sequence[ReadingRow], corrections: Corrections
    ) -> tuple[NewLiveEvent, ...]:
        raw = [Reading(reading.occurred_at, reading.temperature_celsius) for reading in readings]
        found = judge(connection, watch, raw, corrections)
        if found is None:
            return ()
        alarm = threshold_alarms.active(connection, watch)
        is_active = alarm is not None
        now = self._clock()
        live: list[NewLiveEvent] = []
        for stored in found.stored:
            excursion = stored.excursion
            if excursion.triggered_us is not None and (stored.is_newly_triggered or excursion.ended_us is not None):
                enter(connection)  # before the lock of the stock's books, always
                hold_stock(connection, stored.excursion_id, watch.rule, self._zone, now)
            if stored.is_newly_triggered or (stored.is_further and is_active):
                live += threshold_alarms.open_alarm(connection, watch, excursion, found.last, now)
                is_active = True
            if is_active and excursion.triggered_us is not None and excursion.ended_us is not None:
                live += threshold_alarms.close(connection, watch, found.last, from_us(excursion.ended_us), now)
                is_active = False
        return (*live, *self._reconcile(connection, watch, found, alarm, is_active=is_active, told=bool(live)))

    def _reconcile(
        self,
        connection: Connection,
        watch: RuleWatch,
        found: Judged,
        alarm: ActiveAlarm | None,
        *,
        is_active: bool,
        told: bool,
    ) -> tuple[NewLiveEvent, ...]:
        """Make the alarms say what the engine says, whatever they said before."""
        last, now = found.last, self._clock()
        if found.open is not None and found.open.triggered_us is not None:
            was_edited = alarm is not None and alarm.limit_celsius != watch.rule.threshold
            if not is_active or (was_edited and not told):
                return threshold_alarms.open_alarm(connection, watch, found.open, last, now)
        elif is_active and found.open is None:
            return threshold_alarms.close(connection, watch, last, last.occurred_at, now)
        if not is_active or (alarm is not None and alarm.measured_at == last.occurred_at):
            return ()
        noted = threshold_alarms.note(connection, watch, last)
        return () if told else noted


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
