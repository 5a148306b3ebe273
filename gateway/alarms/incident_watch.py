"""What time does to incidents: silence that is over, pages that are due again, acknowledgements that count no more."""

import uuid
from datetime import datetime
from typing import Final

from gateway.alarms import incident_life
from gateway.alarms.alarm_lock import enter
from gateway.alarms.limits import Limits, load_limits
from gateway.db.pool import Connection
from gateway.services.live_events import NewLiveEvent

_BATCH: Final = 100
"""Of one transaction: the lock of alarms is not held for longer than that takes."""


def watch_incidents(connection: Connection, now: datetime) -> tuple[NewLiveEvent, ...]:
    """Do all that is due now. What a transaction does not reach is done by the next."""
    enter(connection)
    limits = load_limits(connection)
    touched = [*_end_silences(connection, now), *_page_again(connection, now, limits)]
    return tuple(
        NewLiveEvent("on_call", "alarm", {"incident_id": str(each), "change": "updated"})
        for each in dict.fromkeys(touched)
    )


def _end_silences(connection: Connection, now: datetime) -> list[uuid.UUID]:
    connection.execute(
        "UPDATE out_of_service SET ended_at = until, ended_by = 'time' WHERE ended_at IS NULL AND until <= %s", (now,)
    )
    rows = connection.execute(
        "SELECT incident_id FROM incident WHERE closed_at IS NULL AND silenced_until <= %s ORDER BY silenced_until"
        " LIMIT %s",
        (now, _BATCH),
    ).fetchall()
    for (incident_id,) in rows:
        incident_life.unsilence(connection, incident_id, now, "time")
        incident_life.speak_up(connection, incident_id, now)
    return [incident_id for (incident_id,) in rows]


def _page_again(connection: Connection, now: datetime, limits: Limits) -> list[uuid.UUID]:
    """Still active: acknowledged ones say "still out", others are paged anew. Never while silenced."""
    rows = connection.execute(
        "SELECT incident_id, acknowledged_at FROM incident WHERE closed_at IS NULL AND returned_at IS NULL"
        " AND silenced_until IS NULL AND coalesce(next_page_at, opened_at) <= %s ORDER BY next_page_at LIMIT %s",
        (now, _BATCH),
    ).fetchall()
    for incident_id, acknowledged_at in rows:
        if acknowledged_at is None:
            incident_life.page(connection, incident_id, "again", now)
            continue
        if _pages_without_a_word(connection, incident_id) >= incident_life.figure(
            connection, incident_id, "lapses_after", limits
        ):
            incident_life.lapse(connection, incident_id, now, "no_word")
        incident_life.page(connection, incident_id, "still_out", now)
    return [incident_id for incident_id, _ in rows]


def _pages_without_a_word(connection: Connection, incident_id: uuid.UUID) -> int:
    """How often "still out" was paged since a person last did something about it."""
    row = connection.execute(
        "SELECT count(*) FROM incident_journal WHERE incident_id = %(id)s AND what = 'paged'"
        " AND facts->>'occasion' = 'still_out' AND journal_id > coalesce((SELECT max(journal_id) FROM incident_journal"
        " WHERE incident_id = %(id)s AND by_whom IS NOT NULL), 0)",
        {"id": incident_id},
    ).fetchone()
    return int(row[0]) if row is not None else 0
