"""What came of messages: delivery reports, pages that were opened, probes that came back."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.db.pool import Connection
from gateway.pager.config import ChannelConfig
from gateway.pager.outbox import NewPage, write_page
from gateway.pager.sms_pdu import StatusReport
from gateway.services.live_events import NewLiveEvent, publish

PROBE_MARK: Final = re.compile(r"MEDTAP-PROBE-([0-9a-f]{16})")
_REPORT_OF: Final = timedelta(days=2)
"""References of short messages come round after 256."""
_LATE_PROBE: Final = timedelta(days=1)


def take_report(connection: Connection, channel: str, report: StatusReport, now: datetime) -> bool | None:
    """A delivery report: True it arrived, False it is lost, None it is of no message that we know (yet)."""
    row = connection.execute(
        "SELECT page_id, incident_id FROM page WHERE channel = %s AND channel_message_id = %s AND delivered_at > %s"
        " AND address = %s ORDER BY delivered_at DESC LIMIT 1",
        (channel, str(report.reference), now - _REPORT_OF, report.recipient),
    ).fetchone()
    if row is None:
        return None
    page_id, incident_id = row
    if report.is_delivered:
        connection.execute("UPDATE page SET receipt_at = %s WHERE page_id = %s AND receipt_at IS NULL", (now, page_id))
    elif report.is_lost:
        connection.execute(
            "UPDATE page SET failed_at = coalesce(failed_at, %s), last_error = %s WHERE page_id = %s",
            (now, f"the network gave it up (status {report.status:#04x})", page_id),
        )
    incident = str(incident_id) if incident_id is not None else None
    publish(connection, [NewLiveEvent("on_call", "page", {"page_id": str(page_id), "incident_id": incident})])
    return report.is_delivered or not report.is_lost


def opened(connection: Connection, token: str, now: datetime) -> bool:
    """Whoever shows this token has the page before them; False: no page has it."""
    row = connection.execute(
        "UPDATE page SET read_at = coalesce(read_at, %s) WHERE receipt_token = %s RETURNING page_id, incident_id",
        (now, token),
    ).fetchone()
    if row is None:
        return False
    incident = str(row[1]) if row[1] is not None else None
    publish(connection, [NewLiveEvent("on_call", "page", {"page_id": str(row[0]), "incident_id": incident})])
    return True


def read_by(connection: Connection, incident_ids: Sequence[UUID], username: str, now: datetime) -> None:
    """This person has answered: their pages of these incidents are read."""
    connection.execute(
        "UPDATE page SET read_at = %(now)s WHERE username = %(who)s AND read_at IS NULL AND delivered_at IS NOT NULL"
        " AND kind IN ('alarm', 'summary') AND (incident_id = ANY(%(ids)s)"
        " OR page_id IN (SELECT page_id FROM page_incident WHERE incident_id = ANY(%(ids)s)))",
        {"now": now, "who": username, "ids": list(incident_ids)},
    )


def send_probes(connection: Connection, channels: Sequence[ChannelConfig], now: datetime) -> int:
    """A probe to each channel whose time has come; how many."""
    sent = 0
    for channel in channels:
        if channel.probe is None:
            continue
        row = connection.execute("SELECT max(sent_at) FROM pager_probe WHERE channel = %s", (channel.name,)).fetchone()
        last = row[0] if row is not None else None
        if last is None or now - last >= timedelta(seconds=channel.probe.every_s):
            send_probe(connection, channel, now)
            sent += 1
    return sent


def send_probe(connection: Connection, channel: ChannelConfig, now: datetime) -> str:
    """One message that must come back by another way; its token.

    Raises:
        ValueError: the channel has no probe.
    """
    if channel.probe is None:
        raise ValueError(f"channel {channel.name!r} has no probe")
    token = secrets.token_hex(8)
    connection.execute(
        "INSERT INTO pager_probe (token, channel, sent_at) VALUES (%s, %s, %s)", (token, channel.name, now)
    )
    page = NewPage(
        channel=channel.name,
        created_at=now,
        kind="probe",
        severity="warning",
        address=channel.probe.address,
        reason="probe",
        dedupe_key=f"probe/{token}",
        text=f"MEDTAP-PROBE-{token}",
    )
    write_page(connection, page)
    return token


def probe_came_back(connection: Connection, token: str, by: str, now: datetime) -> str | None:
    """A probe is back: its channel, which delivers (note it: `health.note_receipt`); None: no such probe is out."""
    row = connection.execute(
        "UPDATE pager_probe SET returned_at = %s, returned_by = %s WHERE token = %s AND returned_at IS NULL"
        " AND sent_at > %s RETURNING channel",
        (now, by, token, now - _LATE_PROBE),
    ).fetchone()
    return None if row is None else str(row[0])


def missed_probes(connection: Connection, channels: Sequence[ChannelConfig], now: datetime) -> list[str]:
    """Channels whose probe did not come back in its time, each probe once."""
    missing = []
    for channel in channels:
        if channel.probe is None:
            continue
        rows = connection.execute(
            "UPDATE pager_probe SET missed_at = %s WHERE channel = %s AND returned_at IS NULL AND missed_at IS NULL"
            " AND sent_at <= %s RETURNING 1",
            (now, channel.name, now - timedelta(seconds=channel.probe.back_within_s)),
        ).fetchall()
        if rows:
            missing.append(channel.name)
    return missing


def probes_out(connection: Connection, channel: str, now: datetime) -> list[str]:
    """Tokens of a channel's probes that are not back yet, of the last day."""
    rows = connection.execute(
        "SELECT token FROM pager_probe WHERE channel = %s AND returned_at IS NULL AND sent_at > %s",
        (channel, now - _LATE_PROBE),
    )
    return [token for (token,) in rows]
