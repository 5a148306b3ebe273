"""Storms: many incidents in a short time reach a person as a few pages and one summary, not as hundreds.

The first critical page of a person within the window is always sent by itself and at once, whatever came before it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.db.pool import Connection
from gateway.pager.config import StormConfig
from gateway.pager.outbox import NewPage, write_page

_LATELY: Final = (
    "SELECT count(DISTINCT incident_id), count(DISTINCT incident_id) FILTER (WHERE severity = 'critical'),"
    " coalesce(bool_or(incident_id = %(incident)s), false) FROM page"
    " WHERE username = %(username)s AND kind = 'alarm' AND created_at > %(since)s AND withdrawn_at IS NULL"
    " AND is_drill = %(drill)s"
)
_WAITING: Final = (
    "SELECT page_id, severity FROM page WHERE username = %(username)s AND channel = %(channel)s"
    " AND address = %(address)s AND kind = 'summary' AND attempts = 0 AND withdrawn_at IS NULL"
    " AND is_drill = %(drill)s ORDER BY created_at DESC LIMIT 1 FOR UPDATE"
)


@dataclass(frozen=True)
class Recipient:
    """Whose pages are counted together."""

    username: str


def send_or_gather(
    connection: Connection, page: NewPage, recipient: Recipient, storm: StormConfig, now: datetime
) -> UUID | None:
    """Write the page, or put its incident into the recipient's summary; the id of what will be sent."""
    values = {
        "username": recipient.username,
        "incident": page.incident_id,
        "drill": page.is_drill,
        "since": now - timedelta(seconds=storm.window_s),
        "channel": page.channel,
        "address": page.address,
    }
    row = connection.execute(_LATELY, values).fetchone()
    incidents, critical, paged_alone = row if row is not None else (0, 0, False)
    first_critical = page.severity == "critical" and critical == 0
    if page.incident_id is None or incidents < storm.alone_max or first_critical or paged_alone:
        return write_page(connection, page)
    waiting = connection.execute(_WAITING, values).fetchone()
    if waiting is None:
        summary = replace(
            page,
            kind="summary",
            dedupe_key=f"summary/{page.dedupe_key}",
            not_before=max(page.not_before or now, now + timedelta(seconds=storm.gather_s)),
            run_id=None,
            incident_id=None,
        )
        page_id = write_page(connection, summary)
        if page_id is None:
            return None
    else:
        page_id = waiting[0]
        if page.severity == "critical" and waiting[1] != "critical":
            # It waited for the end of quiet hours, perhaps; a critical incident does not.
            connection.execute(
                "UPDATE page SET severity = 'critical', next_attempt_at = least(next_attempt_at, %s)"
                " WHERE page_id = %s",
                (now + timedelta(seconds=storm.gather_s), page_id),
            )
    connection.execute(
        "INSERT INTO page_incident (page_id, incident_id, run_id, added_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (page_id, page.incident_id, page.run_id, now),
    )
    return UUID(str(page_id))
