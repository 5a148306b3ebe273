"""Silence as conditions: one for a node with all that hangs on it, one for each thermometer of a node that is heard."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.alarms.causes import note_outage_cause
from gateway.alarms.conditions import Condition, clear_condition, open_subjects, raise_condition
from gateway.alarms.limits import Limits
from gateway.alarms.silence import NodeSeen, SensorSeen, Silence, SilentNode, SilentSensor, judge_silence
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent

_KINDS: Final = ("agent_silent", "sensor_silent")
_DEFAULT_INTERVAL_S: Final = 300.0
_CONTACTS: Final = ("modbus_contact",)
_THERMOMETERS: Final = ("ds18b20", "modbus_temperature")
_SENSORS: Final = (
    "SELECT d.device_key, d.device_id, d.site || '/' || d.edge_node, d.place_id, d.driver = ANY(%(contacts)s),"
    " w.judged_until, d.placed_at, CASE WHEN d.state = 'down' THEN d.state_changed_at END, d.state_reason,"
    " coalesce((SELECT s.interval_s FROM sensor_connection c JOIN sensor s USING (sensor_id)"
    " WHERE c.device_key = d.device_key AND c.disconnected_at IS NULL), i.interval_s)"
    " FROM device d LEFT JOIN sensor_watch w USING (device_key) LEFT JOIN sensor_interval i USING (device_key)"
    " JOIN place p USING (place_id)"
    " WHERE w.device_key IS NOT NULL OR d.driver = ANY(%(contacts)s) OR (d.driver = ANY(%(thermometers)s)"
    " AND (p.temperature_low_celsius IS NOT NULL OR p.temperature_high_celsius IS NOT NULL"
    " OR p.storage_class IS NOT NULL)) ORDER BY d.device_key"
)
_NODES: Final = "SELECT site || '/' || edge_node, state = 'down', state_changed_at, last_heard_at FROM edge_node"


def watch_silence(
    connection: Connection, limits: Limits, listening_since: datetime, now: datetime
) -> tuple[NewLiveEvent, ...]:
    """Judge who is silent; raise what is new, clear what is heard again."""
    sensors = _sensors(connection, limits)
    allowed = timedelta(seconds=limits.of("agent_silent", "silent_for_s"))
    nodes = [NodeSeen(*(*row, allowed)) for row in connection.execute(_NODES).fetchall()]
    silence = judge_silence(nodes, sensors, listening_since, now)
    known = open_subjects(connection, _KINDS)
    live: list[NewLiveEvent] = []
    for silent in silence.nodes:
        live += _raise_node(connection, silent, now, is_known=("agent_silent", silent.node.node) in known)
    for quiet in silence.sensors:
        if ("sensor_silent", _subject(quiet.sensor.device_key)) not in known:
            live += _raise_sensor(connection, quiet, now)
    return (*live, *_clear_heard(connection, silence, sensors, known.keys(), now))


def _sensors(connection: Connection, limits: Limits) -> list[SensorSeen]:
    rows = connection.execute(_SENSORS, {"contacts": list(_CONTACTS), "thermometers": list(_THERMOMETERS)}).fetchall()
    found = []
    for key, name, node, place_id, is_contact, last_at, placed_at, down_since, reason, interval_s in rows:
        where: dict[str, Any] = {"device_key": key, "place_id": place_id}
        allowed_s = max(
            limits.of("sensor_silent", "silent_for_s", **where),
            limits.of("sensor_silent", "intervals", **where) * (interval_s or _DEFAULT_INTERVAL_S),
        )
        known = [each for each in (last_at, placed_at) if each is not None]
        found.append(
            SensorSeen(
                *(key, name, node, place_id),
                is_thermometer=not is_contact,
                is_watched=not is_contact,
                last_at=None if is_contact else max(known, default=None),
                down_since=down_since,
                reason=reason,
                allowed=timedelta(seconds=allowed_s),
            )
        )
    return found


def _raise_node(
    connection: Connection, silent: SilentNode, now: datetime, *, is_known: bool
) -> tuple[NewLiveEvent, ...]:
    if is_known:
        return ()
    facts: dict[str, Any] = {
        "devices": [device.device_id for device in silent.devices],
        "places": sorted({device.place_id for device in silent.devices if device.place_id is not None}),
        "is_down": silent.node.is_down,
        "last_heard_at": None if silent.node.last_heard_at is None else silent.node.last_heard_at.isoformat(),
    }
    condition = Condition(
        *("agent_silent", silent.node.node, None, None, "critical" if silent.is_critical else "warning"),
        started_at=silent.since,
        raised_at=silent.since + silent.node.allowed,
        facts=facts,
    )
    return raise_condition(connection, condition, now)


def _raise_sensor(connection: Connection, quiet: SilentSensor, now: datetime) -> tuple[NewLiveEvent, ...]:
    sensor = quiet.sensor
    condition = Condition(
        *("sensor_silent", _subject(sensor.device_key), sensor.place_id, sensor.device_key),
        severity="critical" if quiet.is_alone and sensor.is_thermometer else "warning",
        started_at=quiet.since,
        raised_at=quiet.since + sensor.allowed,
        facts={"device": sensor.device_id, "reason": sensor.reason if sensor.down_since else ""},
    )
    return raise_condition(connection, condition, now)


def _clear_heard(
    connection: Connection,
    silence: Silence,
    sensors: list[SensorSeen],
    known: Collection[tuple[str, str]],
    now: datetime,
) -> tuple[NewLiveEvent, ...]:
    last_at = {_subject(sensor.device_key): sensor.last_at for sensor in sensors}
    heard = {_subject(key) for key in silence.heard_sensors}
    live: list[NewLiveEvent] = []
    for kind, subject in known:
        if kind == "agent_silent" and subject in silence.heard_nodes:
            note_outage_cause(connection, subject, now)
            live += clear_condition(connection, kind, subject, now, now=now)
        elif kind == "sensor_silent" and subject in heard:
            live += clear_condition(connection, kind, subject, last_at[subject] or now, now=now)
        elif kind == "sensor_silent" and subject not in last_at:
            live += clear_condition(connection, kind, subject, now, now=now, end_reason="not_watched")
    return tuple(live)


def _subject(device_key: int) -> str:
    return f"device:{device_key}"
