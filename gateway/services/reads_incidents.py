"""What is read of incidents: the list, the journal, the goods that stand there now, what is out of service."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from gateway.alarms.incidents import State, state_of
from gateway.services.app_services import DbConnection
from gateway.services.reads_rows import Row, all_rows


class IncidentLine(Row):
    """One incident, told by its leading condition."""

    incident_id: UUID
    incident_number: int
    scope: str
    place_id: str | None
    place_name_vi: str
    """Empty: it is about no place; then `device` or `subject` says what it is about."""
    place_name_en: str
    severity: Literal["warning", "critical"]
    is_drill: bool
    cause: str | None
    started_at: datetime
    opened_at: datetime
    returned_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_by_name: str | None
    acknowledge_comment: str | None
    silenced_until: datetime | None
    silence_kind: Literal["shelved", "out_of_service"] | None
    silence_reason: str | None
    closed_at: datetime | None
    times_raised: int
    kind: str
    subject: str
    device_key: int | None
    device: str
    limit_celsius: float | None
    peak_celsius: float | None
    value_celsius: float | None
    measured_at: datetime
    kinds: list[str]
    """All that it groups."""

    @property
    def state(self) -> State:
        """Its one state (ISA-18.2)."""
        return state_of(
            is_returned=self.returned_at is not None,
            is_acknowledged=self.acknowledged_at is not None,
            silence_kind=self.silence_kind,
            is_closed=self.closed_at is not None,
        )


class JournalLine(Row):
    """One line of an incident's journal."""

    at: datetime
    what: str
    by_whom: str | None
    by_name: str | None
    channel: str | None
    comment: str
    facts: Mapping[str, Any]


class StockLine(Row):
    """A lot that stands there now."""

    product_name_vi: str
    product_name_en: str
    lot: str
    quantity: int
    base_unit_vi: str
    base_unit_en: str
    value_vnd: int | None
    """None: nobody entered a price."""


class OutOfService(Row):
    """A place or a device that is being worked on."""

    subject: str
    name_vi: str
    name_en: str
    since: datetime
    until: datetime
    by_whom: str
    reason: str


_LINES: Final = (
    "SELECT i.incident_id, i.incident_number, i.scope, i.place_id, coalesce(p.name_vi, '') AS place_name_vi,"
    " coalesce(p.name_en, '') AS place_name_en, i.severity, i.is_drill, i.cause, i.started_at, i.opened_at,"
    " i.returned_at, i.acknowledged_at, i.acknowledged_by, coalesce(l.display_name, i.acknowledged_by)"
    " AS acknowledged_by_name, i.acknowledge_comment, i.silenced_until, i.silence_kind, i.silence_reason, i.closed_at,"
    " i.times_raised, a.condition AS kind, a.subject, a.device_key, coalesce(d.device_id, '') AS device,"
    " a.limit_celsius, a.peak_celsius, a.last_celsius AS value_celsius, a.last_at AS measured_at,"
    " ARRAY(SELECT DISTINCT k.condition FROM alarm k WHERE k.incident_id = i.incident_id ORDER BY 1) AS kinds"
    " FROM incident i CROSS JOIN LATERAL (SELECT a.* FROM alarm a WHERE a.incident_id = i.incident_id ORDER BY"
    " (a.returned_at IS NOT NULL), (a.severity <> 'critical'), (a.condition NOT IN ('temperature_high',"
    " 'temperature_low', 'freeze')), a.started_at LIMIT 1) a LEFT JOIN place p ON p.place_id = i.place_id"
    " LEFT JOIN device d ON d.device_key = a.device_key LEFT JOIN login_account l ON l.username = i.acknowledged_by"
)
_STOCK: Final = (
    "WITH RECURSIVE inside AS (SELECT place_id FROM place WHERE place_id = %(place)s UNION"
    " SELECT p.place_id FROM place p JOIN inside ON p.parent_place_id = inside.place_id"
    " WHERE p.temperature_low_celsius IS NULL AND p.temperature_high_celsius IS NULL)"
    " SELECT p.name_vi AS product_name_vi, p.name_en AS product_name_en, b.lot, sum(b.quantity)::bigint AS quantity,"
    " p.base_unit_vi, p.base_unit_en,"
    " sum(b.quantity * coalesce(l.unit_cost_vnd, p.unit_cost_vnd))::bigint AS value_vnd"
    " FROM inside JOIN stock_account a USING (place_id) JOIN stock_balance b USING (account_id)"
    " JOIN product p USING (product_id) LEFT JOIN lot l ON l.product_id = b.product_id AND l.lot = b.lot"
    " WHERE b.quantity > 0 GROUP BY p.product_id, b.lot ORDER BY value_vnd DESC NULLS LAST, 1, 3"
)
_OUT: Final = (
    "SELECT o.subject, coalesce(p.name_vi, d.device_id, o.subject) AS name_vi,"
    " coalesce(p.name_en, d.device_id, o.subject) AS name_en, o.since, o.until, o.by_whom, o.reason"
    " FROM out_of_service o LEFT JOIN place p ON o.subject = 'place:' || p.place_id"
    " LEFT JOIN device d ON o.subject = 'device:' || d.device_key WHERE o.ended_at IS NULL AND o.until > %(now)s"
    " ORDER BY o.until"
)


def open_incidents(connection: DbConnection) -> list[IncidentLine]:
    """What is not over: what nobody has answered first, then what is still so, the worst and the newest first."""
    order = (
        " ORDER BY (i.silence_kind IS NOT NULL), (i.acknowledged_at IS NOT NULL), (i.returned_at IS NOT NULL),"
        " (i.severity <> 'critical'), i.opened_at DESC, i.incident_id"
    )
    return all_rows(connection, IncidentLine, _LINES + " WHERE i.closed_at IS NULL" + order, {})


def latest_incidents(
    connection: DbConnection, limit: int, place_id: str | None = None, *, only_over: bool = False
) -> list[IncidentLine]:
    """The latest, newest first; of one place, or of all."""
    where = " WHERE (%(place)s::text IS NULL OR i.place_id = %(place)s) AND (NOT %(over)s OR i.closed_at IS NOT NULL)"
    order = " ORDER BY i.opened_at DESC, i.incident_id LIMIT %(limit)s"
    values = {"place": place_id, "limit": limit, "over": only_over}
    return all_rows(connection, IncidentLine, _LINES + where + order, values)


def find_line(connection: DbConnection, incident_id: UUID) -> IncidentLine | None:
    """One of them; None if there is none of this id."""
    found = all_rows(connection, IncidentLine, _LINES + " WHERE i.incident_id = %(id)s", {"id": incident_id})
    return found[0] if found else None


def open_by_number(connection: DbConnection, number: int) -> UUID | None:
    """The open incident of this number, else the latest that had it."""
    row = connection.execute(
        "SELECT incident_id FROM incident WHERE incident_number = %s ORDER BY closed_at DESC NULLS FIRST LIMIT 1",
        (number,),
    ).fetchone()
    return None if row is None else row[0]


def journal_of(connection: DbConnection, incident_id: UUID) -> list[JournalLine]:
    """All that happened to it, in order."""
    return all_rows(
        connection,
        JournalLine,
        "SELECT j.at, j.what, j.by_whom, coalesce(l.display_name, j.by_whom) AS by_name, j.channel, j.comment, j.facts"
        " FROM incident_journal j LEFT JOIN login_account l ON l.username = j.by_whom WHERE j.incident_id = %(id)s"
        " ORDER BY j.journal_id",
        {"id": incident_id},
    )


def stock_there(connection: DbConnection, place_id: str) -> list[StockLine]:
    """What stands in a place, and in places in it without limits of their own, the dearest first."""
    return all_rows(connection, StockLine, _STOCK, {"place": place_id})


def out_of_service(connection: DbConnection, now: datetime) -> list[OutOfService]:
    """What is being worked on now."""
    return all_rows(connection, OutOfService, _OUT, {"now": now})
