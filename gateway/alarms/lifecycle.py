"""The life of an alarm (ISA-18.2): raised, perhaps raised again, returned to normal, acknowledged; all in SQL.

Returned and acknowledged are two facts, both kept. An alarm is over when both are there; until then the same condition
at the same device belongs to it. Each time it is raised it is paged on every channel, in the same transaction.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from gateway.alarms.messages import AlarmFacts, page_message
from gateway.db.pool import Connection
from gateway.errors import AlarmNotFoundError
from gateway.services.live_events import NewLiveEvent, publish


@dataclass(frozen=True)
class Breach:
    """A limit that is broken long enough, as the judge has it after a reading."""

    device_key: int
    condition: str
    place_id: str
    limit_celsius: float
    started_at: datetime
    raised_at: datetime
    """When the time outside was long enough."""
    peak_celsius: float
    temperature_celsius: float
    measured_at: datetime
    """Of `temperature_celsius`."""


@dataclass(frozen=True)
class Paging:
    """On which channels an alarm is paged, and in what words."""

    channels: tuple[str, ...]
    zone: ZoneInfo
    base_url: str
    clock: Callable[[], datetime]


def raise_alarm(connection: Connection, breach: Breach, paging: Paging) -> tuple[NewLiveEvent, ...]:
    """The condition holds: a new alarm, or the open one of its device again. Paged if it wasn't active."""
    row = connection.execute(
        "SELECT alarm_id, returned_at, peak_celsius, times_raised, started_at FROM alarm"
        " WHERE device_key = %s AND condition = %s AND (returned_at IS NULL OR acknowledged_at IS NULL) FOR UPDATE",
        (breach.device_key, breach.condition),
    ).fetchone()
    if row is None:
        alarm_id = uuid.uuid4()
        connection.execute(
            "INSERT INTO alarm (alarm_id, condition, device_key, place_id, limit_celsius, started_at, raised_at,"
            " peak_celsius, last_celsius, last_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(alarm_id, breach.condition, breach.device_key, breach.place_id, breach.limit_celsius),
                *(breach.started_at, breach.raised_at, breach.peak_celsius, breach.temperature_celsius),
                breach.measured_at,
            ),
        )
        _page(connection, alarm_id, breach, paging, occasion=1)
        return (_changed(alarm_id, "raised"),)
    alarm_id, returned_at, peak_celsius, times_raised, _ = row
    worse = max if breach.condition == "temperature_high" else min
    connection.execute(
        "UPDATE alarm SET returned_at = NULL, peak_celsius = %s, last_celsius = %s, last_at = %s,"
        " times_raised = times_raised + %s WHERE alarm_id = %s",
        (
            worse(peak_celsius, breach.peak_celsius),
            *(breach.temperature_celsius, breach.measured_at, int(returned_at is not None), alarm_id),
        ),
    )
    if returned_at is None:
        return (_changed(alarm_id, "updated"),)
    _page(connection, alarm_id, breach, paging, occasion=times_raised + 1)
    return (_changed(alarm_id, "raised"),)


def note_value(
    connection: Connection, device_key: int, condition: str, temperature_celsius: float, at: datetime
) -> tuple[NewLiveEvent, ...]:
    """The latest value of an alarm that is active."""
    row = connection.execute(
        "UPDATE alarm SET last_celsius = %s, last_at = %s"
        " WHERE device_key = %s AND condition = %s AND returned_at IS NULL RETURNING alarm_id",
        (temperature_celsius, at, device_key, condition),
    ).fetchone()
    return () if row is None else (_changed(row[0], "updated"),)


def return_to_normal(
    connection: Connection, device_key: int, condition: str, temperature_celsius: float, at: datetime
) -> tuple[NewLiveEvent, ...]:
    """A reading back inside. The alarm stays open until someone has acknowledged it; its pages are still delivered."""
    row = connection.execute(
        "UPDATE alarm SET returned_at = %s, last_celsius = %s, last_at = %s"
        " WHERE device_key = %s AND condition = %s AND returned_at IS NULL RETURNING alarm_id",
        (at, temperature_celsius, at, device_key, condition),
    ).fetchone()
    return () if row is None else (_changed(row[0], "returned"),)


def acknowledge_alarm(connection: Connection, alarm_id: uuid.UUID, username: str, comment: str) -> bool:
    """Someone takes the alarm on. False if somebody had done so before: who was first stays.

    Writes in the caller's transaction and tells the pages.

    Raises:
        AlarmNotFoundError: there is no such alarm.
    """
    row = connection.execute(
        "SELECT acknowledged_at IS NOT NULL FROM alarm WHERE alarm_id = %s FOR UPDATE", (alarm_id,)
    ).fetchone()
    if row is None:
        raise AlarmNotFoundError(f"there is no alarm {alarm_id}")
    if row[0]:
        return False
    connection.execute(
        "UPDATE alarm SET acknowledged_at = now(), acknowledged_by = %s, acknowledge_comment = %s WHERE alarm_id = %s",
        (username, comment, alarm_id),
    )
    publish(connection, [_changed(alarm_id, "acknowledged")])
    return True


def _page(connection: Connection, alarm_id: uuid.UUID, breach: Breach, paging: Paging, *, occasion: int) -> None:
    facts = _facts(connection, alarm_id, breach, occasion)
    now = paging.clock()
    for channel in paging.channels:
        page_id = uuid.uuid4()
        message = {"page_id": str(page_id), **page_message(facts, paging.zone, paging.base_url)}
        connection.execute(
            "INSERT INTO page (page_id, alarm_id, channel, created_at, message, next_attempt_at, occasion)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (page_id, alarm_id, channel, now, Jsonb(message), now, occasion),
        )


def _facts(connection: Connection, alarm_id: uuid.UUID, breach: Breach, occasion: int) -> AlarmFacts:
    names = _names_up_to_the_site(connection, breach.place_id)
    device = connection.execute(
        "SELECT site || '/' || edge_node || '/' || device_id FROM device WHERE device_key = %s", (breach.device_key,)
    ).fetchone()
    return AlarmFacts(
        alarm_id=alarm_id,
        condition=breach.condition,
        place_id=breach.place_id,
        place_names_vi=tuple(name[0] for name in names),
        place_names_en=tuple(name[1] for name in names),
        device=str(device[0]) if device is not None else "",
        temperature_celsius=breach.temperature_celsius,
        peak_celsius=breach.peak_celsius,
        limit_celsius=breach.limit_celsius,
        started_at=breach.started_at,
        raised_at=breach.raised_at,
        occasion=occasion,
    )


def _names_up_to_the_site(connection: Connection, place_id: str) -> Sequence[tuple[str, str]]:
    rows = connection.execute(
        "WITH RECURSIVE above AS ("
        " SELECT place_id, parent_place_id, name_vi, name_en, 1 AS depth FROM place WHERE place_id = %s"
        " UNION ALL SELECT place.place_id, place.parent_place_id, place.name_vi, place.name_en, depth + 1"
        " FROM place JOIN above ON place.place_id = above.parent_place_id WHERE depth < 20)"
        " SELECT name_vi, name_en FROM above ORDER BY depth",
        (place_id,),
    )
    return [(str(row[0]), str(row[1])) for row in rows]


def _changed(alarm_id: uuid.UUID, change: str) -> NewLiveEvent:
    return NewLiveEvent("on_call", "alarm", {"alarm_id": str(alarm_id), "change": change})
