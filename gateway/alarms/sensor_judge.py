"""Rate of rise and implausible readings of the thermometers in a batch, as conditions; their memory is kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from gateway.alarms.conditions import Condition, clear_condition, open_subjects, raise_condition
from gateway.alarms.kinds import kind_of
from gateway.alarms.limits import Limits, load_limits
from gateway.alarms.sensor_watch import Found, Memory, SensorLimits, watch
from gateway.cold_chain.rule_book import RuleWatch
from gateway.db.pool import Connection
from gateway.ingest.rows import ReadingRow
from gateway.records.corrections import Corrections
from gateway.services.live_events import NewLiveEvent

_KINDS: Final = ("rate_of_rise", "sensor_implausible")


@dataclass(frozen=True)
class _Sensor:
    device_key: int
    place_id: str
    placed_at: datetime | None
    high_celsius: float | None
    range_celsius: tuple[float, float] | None


def judge_sensors(
    connection: Connection,
    watching: Sequence[RuleWatch],
    by_device: Mapping[int, Iterable[ReadingRow]],
    corrections: Corrections,
    now: datetime,
) -> tuple[NewLiveEvent, ...]:
    """Judge the readings of a batch; what holds at its end is raised, what does not is cleared."""
    sensors = _sensors(connection, watching, by_device)
    if not sensors:
        return ()
    limits, memories = load_limits(connection), _memories(connection, list(sensors))
    known = open_subjects(connection, _KINDS)
    live: list[NewLiveEvent] = []
    for key, sensor in sensors.items():
        memory = memories.setdefault(key, Memory())
        if memory.at_s is not None and sensor.placed_at is not None and memory.at_s < sensor.placed_at.timestamp():
            memory = memories[key] = Memory()  # it was moved: what was usual there says nothing here
        readings = sorted(
            (each.occurred_at.timestamp(), corrections.celsius(key, each.occurred_at, each.temperature_celsius))
            for each in by_device[key]
        )
        found = watch(memory, readings, _limits_of(limits, sensor))
        live += _tell(connection, sensor, found, memory, known=known.keys(), now=now)
    _keep(connection, {key: memories[key] for key in sensors})
    return tuple(live)


def _sensors(
    connection: Connection, watching: Sequence[RuleWatch], by_device: Mapping[int, Iterable[ReadingRow]]
) -> dict[int, _Sensor]:
    highs: dict[int, list[float]] = {}
    places: dict[int, RuleWatch] = {}
    for each in watching:
        if each.device_key in by_device:
            if each.storage_class is None or each.device_key not in places:
                places[each.device_key] = each
            highs.setdefault(each.device_key, [])
            if each.rule.side == "high" and each.storage_class is None:
                highs[each.device_key].append(each.rule.threshold)
    if not places:
        return {}
    rows = connection.execute(
        "SELECT c.device_key, s.range_low_celsius, s.range_high_celsius FROM sensor_connection c JOIN sensor s"
        " USING (sensor_id) WHERE c.disconnected_at IS NULL AND s.range_low_celsius IS NOT NULL"
        " AND s.range_high_celsius IS NOT NULL AND c.device_key = ANY(%s)",
        (list(places),),
    ).fetchall()
    ranges = {key: (low, high) for key, low, high in rows}
    return {
        key: _Sensor(key, each.place_id, each.placed_at, min(highs[key], default=None), ranges.get(key))
        for key, each in places.items()
    }


def _limits_of(limits: Limits, sensor: _Sensor) -> SensorLimits:
    def figure(kind: str, name: str) -> float:
        return limits.of(kind, name, device_key=sensor.device_key, place_id=sensor.place_id)

    low, high = sensor.range_celsius or (
        figure("sensor_implausible", "range_low_celsius"),
        figure("sensor_implausible", "range_high_celsius"),
    )
    return SensorLimits(
        high_celsius=sensor.high_celsius,
        window_s=figure("rate_of_rise", "window_s"),
        rise_celsius=figure("rate_of_rise", "rise_celsius"),
        within_s=figure("rate_of_rise", "within_s"),
        stuck_s=figure("sensor_implausible", "stuck_s"),
        jump_celsius=figure("sensor_implausible", "jump_celsius"),
        jump_within_s=figure("sensor_implausible", "jump_within_s"),
        calm_s=figure("sensor_implausible", "calm_s"),
        range_low_celsius=low,
        range_high_celsius=high,
    )


def _tell(
    connection: Connection,
    sensor: _Sensor,
    found: Found,
    memory: Memory,
    *,
    known: Iterable[tuple[str, str]],
    now: datetime,
) -> tuple[NewLiveEvent, ...]:
    subject = f"device:{sensor.device_key}"
    at = _time(memory.at_s or 0.0)
    rising: dict[str, Any] | None = None
    if found.rising_since_s is not None:
        rising = {
            "celsius_per_hour": round(found.celsius_per_hour, 2),
            "reaches_in_s": None if found.reaches_in_s is None else round(found.reaches_in_s),
            "limit_celsius": sensor.high_celsius,
        }
    doubt = {"why": found.doubt, "doubted_celsius": found.doubt_celsius} if found.doubt else None
    live: list[NewLiveEvent] = []
    for kind, since_s, facts in (
        ("rate_of_rise", found.rising_since_s, rising),
        ("sensor_implausible", found.doubt_since_s, doubt),
    ):
        if facts is None or since_s is None:
            if (kind, subject) in known:
                live += clear_condition(connection, kind, subject, at, now=now)
            continue
        if (kind, subject) in known:
            continue
        told = {**facts, "value_celsius": memory.celsius, "peak_celsius": memory.celsius, "measured_at": at.isoformat()}
        condition = Condition(
            *(kind, subject, sensor.place_id, sensor.device_key, kind_of(kind).severity),
            started_at=_time(since_s),
            raised_at=at,
            facts=told,
        )
        live += raise_condition(connection, condition, now)
    return tuple(live)


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _memories(connection: Connection, keys: list[int]) -> dict[int, Memory]:
    rows = connection.execute("SELECT device_key, state FROM sensor_watch WHERE device_key = ANY(%s)", (keys,))
    return {key: Memory.of_json(state) for key, state in rows}


def _keep(connection: Connection, memories: Mapping[int, Memory]) -> None:
    told = [(key, memory) for key, memory in sorted(memories.items()) if memory.at_s is not None]
    connection.execute(
        "INSERT INTO sensor_watch (device_key, state, judged_until) SELECT * FROM unnest(%s::int[], %s::jsonb[],"
        " %s::timestamptz[]) ON CONFLICT (device_key) DO UPDATE SET state = excluded.state,"
        " judged_until = excluded.judged_until",
        (
            [key for key, _ in told],
            [Jsonb(memory.as_json()) for _, memory in told],
            [_time(memory.at_s or 0.0) for _, memory in told],
        ),
    )
