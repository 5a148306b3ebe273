"""The second channel: whoever did not get a page, as far as anyone can tell, gets it by their next way in a minute."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.db.pool import Connection
from gateway.pager.config import PagerConfig
from gateway.pager.outbox import Kind, NewPage, Occasion, Severity, write_page
from gateway.pager.people import Person, people

_WAITING: Final = (
    "SELECT p.page_id, p.channel, p.kind, p.incident_id, p.run_id, p.occasion_kind, p.severity, p.is_drill, p.username,"
    " p.address, p.failed_at, p.delivered_at FROM page p LEFT JOIN pager_run r USING (run_id)"
    " WHERE p.username IS NOT NULL AND p.kind IN ('alarm', 'summary') AND p.seconded_at IS NULL"
    " AND p.withdrawn_at IS NULL AND p.receipt_at IS NULL AND p.read_at IS NULL AND p.attempts > 0"
    " AND (r.run_id IS NULL OR r.ended_at IS NULL) AND (p.failed_at IS NOT NULL"
    " OR (p.severity = 'critical' AND coalesce(p.delivered_at, p.created_at) <= %(late)s))"
    " ORDER BY (p.severity = 'critical') DESC, p.created_at LIMIT 100 FOR UPDATE OF p SKIP LOCKED"
)
_STUCK: Final = (
    # Written and never tried: its channel's thread hangs in another message.
    "UPDATE page SET failed_at = %(now)s, last_error = 'the channel is busy with another message', attempts = 1"
    " WHERE username IS NOT NULL AND kind IN ('alarm', 'summary') AND severity = 'critical' AND attempts = 0"
    " AND delivered_at IS NULL AND withdrawn_at IS NULL AND failed_at IS NULL AND next_attempt_at <= %(late)s"
)


@dataclass(frozen=True)
class _Waiting:
    page_id: UUID
    channel: str
    kind: Kind
    incident_id: UUID | None
    run_id: UUID | None
    occasion: Occasion
    severity: Severity
    is_drill: bool
    username: str
    address: str
    failed_at: datetime | None
    delivered_at: datetime | None


class Failover:
    """Has no memory; `look` as often as possible."""

    def __init__(self, config: PagerConfig) -> None:
        self._config = config
        self._to_people = frozenset(each.name for each in config.channel if each.to_people)
        self._receipts = {each.name: each.receipt for each in config.channel}

    def look(self, connection: Connection, now: datetime) -> tuple[int, list[str]]:
        """Write what must go by another way.

        Returns:
            How many messages that were; and for each message that was taken and not reported as delivered its channel:
            note it (`health.note_no_receipt`) in a transaction of its own.
        """
        values = {"now": now, "late": now - timedelta(seconds=self._config.receipt_within_s)}
        connection.execute(_STUCK, values)
        waiting = [_Waiting(*row) for row in connection.execute(_WAITING, values).fetchall()]
        if not waiting:
            return 0, []
        everybody = people(connection)
        dead = frozenset(row[0] for row in connection.execute("SELECT channel FROM pager_channel WHERE state = 'dead'"))
        written = 0
        unreceipted: list[str] = []
        for page in waiting:
            connection.execute("UPDATE page SET seconded_at = %s WHERE page_id = %s", (now, page.page_id))
            receipt = self._receipts.get(page.channel, "none")
            if page.failed_at is None and receipt == "probe" and page.channel not in dead:
                continue  # it is known to deliver
            written += self._second(connection, page, everybody, dead, now)
            if page.failed_at is None and receipt == "delivered":
                unreceipted.append(page.channel)
        return written, unreceipted

    def _second(
        self,
        connection: Connection,
        page: _Waiting,
        everybody: Mapping[str, Person],
        dead: frozenset[str],
        now: datetime,
    ) -> int:
        person = everybody.get(page.username)
        used = _used(connection, page)
        contacts = person.by(self._to_people) if person is not None else ()
        fresh = [each for each in contacts if (each.channel, each.address) not in used]
        chosen = next((each for each in fresh if each.channel not in dead), fresh[0] if fresh else None)
        if chosen is None:
            if page.failed_at is not None:
                _pass_on(connection, page, now)
            return 0
        page_id = write_page(
            connection,
            NewPage(
                channel=chosen.channel,
                created_at=now,
                kind=page.kind,
                incident_id=page.incident_id,
                run_id=page.run_id,
                occasion=page.occasion,
                severity=page.severity,
                is_drill=page.is_drill,
                username=page.username,
                address=chosen.address,
                reason="second_channel",
                dedupe_key=f"second/{page.page_id}",
            ),
        )
        if page_id is not None and page.kind == "summary":
            connection.execute(
                "INSERT INTO page_incident SELECT %s, incident_id, run_id, %s FROM page_incident WHERE page_id = %s",
                (page_id, now, page.page_id),
            )
        return int(page_id is not None)


def _used(connection: Connection, page: _Waiting) -> set[tuple[str, str]]:
    """The ways by which this person was sent it already: of a summary, whatever followed from it."""
    if page.run_id is not None:
        rows = connection.execute(
            "SELECT channel, address FROM page WHERE run_id = %s AND username = %s", (page.run_id, page.username)
        )
    else:
        rows = connection.execute(
            "SELECT DISTINCT p.channel, p.address FROM page p JOIN page_incident e USING (page_id)"
            " WHERE p.username = %s AND e.run_id IN (SELECT run_id FROM page_incident WHERE page_id = %s)",
            (page.username, page.page_id),
        )
    return {(channel, address) for channel, address in rows.fetchall()}


def _pass_on(connection: Connection, page: _Waiting, now: datetime) -> None:
    """Nothing is left to try with this person: the next step of the chain is due now."""
    connection.execute(
        "UPDATE pager_run SET next_step_at = %s, escalated_by = 'unreachable' WHERE ended_at IS NULL AND step > 0"
        " AND step < 4 AND next_step_at > %s AND (run_id = %s"
        " OR run_id IN (SELECT run_id FROM page_incident WHERE page_id = %s))",
        (now, now, page.run_id, page.page_id),
    )
