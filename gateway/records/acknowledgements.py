"""The audit of alarms: everything that happened to an incident, by whom, on which way, in which words."""

from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.db.pool import Connection
from gateway.services.reads_rows import Row, all_rows

LINES_MAX = 100_000


class JournalLine(Row):
    """One thing that happened to an incident."""

    journal_id: int
    incident_id: UUID
    incident_number: int
    is_drill: bool
    severity: str
    place_id: str | None
    place_name_vi: str | None
    place_name_en: str | None
    scope: str
    kinds: list[str]
    at: datetime
    what: str
    by_whom: str | None
    """Null: the gateway itself."""
    by_name: str | None
    channel: str | None
    comment: str
    facts: dict[str, Any]
    since_raised_s: float
    """How long after the incident was opened."""


def journal(
    connection: Connection,
    since: datetime,
    until: datetime,
    *,
    place_id: str | None = None,
    only_people: bool = False,
    limit: int = LINES_MAX,
) -> list[JournalLine]:
    """Newest first; of one place, or only what people did."""
    return all_rows(
        connection,
        JournalLine,
        "SELECT j.journal_id, j.incident_id, i.incident_number, i.is_drill, i.severity, i.place_id,"
        " p.name_vi AS place_name_vi, p.name_en AS place_name_en, i.scope, coalesce((SELECT array_agg(DISTINCT"
        " a.condition) FROM alarm a WHERE a.incident_id = i.incident_id), ARRAY[]::text[]) AS kinds, j.at, j.what,"
        " j.by_whom, coalesce(l.display_name, j.by_whom) AS by_name, j.channel, j.comment, j.facts,"
        " extract(epoch FROM j.at - i.opened_at)::float8 AS since_raised_s"
        " FROM incident_journal j JOIN incident i USING (incident_id) LEFT JOIN place p ON p.place_id = i.place_id"
        " LEFT JOIN login_account l ON l.username = j.by_whom"
        " WHERE j.at >= %(since)s AND j.at < %(until)s AND (%(place)s::text IS NULL OR i.place_id = %(place)s)"
        " AND (NOT %(people)s OR j.by_whom IS NOT NULL) ORDER BY j.journal_id DESC LIMIT %(limit)s",
        {"since": since, "until": until, "place": place_id, "people": only_people, "limit": limit},
    )
