"""What judging alarms needs besides the database; and acknowledging one alarm, which is answering its incident."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.alarms.incidents import acknowledge
from gateway.db.pool import Connection
from gateway.errors import AlarmNotFoundError
from gateway.services.live_events import publish


@dataclass(frozen=True)
class Paging:
    """Whose day it is, and what time it is."""

    channels: tuple[str, ...]
    zone: ZoneInfo
    base_url: str
    clock: Callable[[], datetime]


def acknowledge_alarm(
    connection: Connection, alarm_id: uuid.UUID, username: str, comment: str, *, now: datetime, channel: str = "page"
) -> bool:
    """Answer the incident that this alarm belongs to. False if somebody had done so before: who was first stays.

    Writes in the caller's transaction and tells the pages.

    Raises:
        AlarmNotFoundError: there is no such alarm.
        IncidentRefusedError: without a comment.
    """
    row = connection.execute("SELECT incident_id FROM alarm WHERE alarm_id = %s", (alarm_id,)).fetchone()
    if row is None:
        raise AlarmNotFoundError(f"there is no alarm {alarm_id}")
    answered = acknowledge(connection, row[0], username, comment, channel=channel, now=now)
    publish(connection, answered.live)
    return answered.is_first
