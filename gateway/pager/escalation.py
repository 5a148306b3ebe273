"""The chain: takes each run a step on when its time has come, ends it when somebody has answered.

A step is decided from the database and the clock alone, and written with what it sends in one transaction: a gateway
that dies between two steps goes on where it was, and two gateways take each step once.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.alarms.incident_life import write as journal
from gateway.alarms.kinds import KINDS
from gateway.db.pool import Connection
from gateway.errors import is_environment_fault
from gateway.pager.config import PagerConfig
from gateway.pager.outbox import Kind, NewPage, Occasion, Severity, write_page
from gateway.pager.people import Person, on_call_people, people, reachable
from gateway.pager.rota import Rota
from gateway.pager.schedule import read_rota
from gateway.pager.storms import Recipient, send_or_gather

_LOG = logging.getLogger(__name__)
_DRILL_STEPS: Final = 2
"""A drill wakes whoever is on call, then the second person, nobody else."""
_AGAIN: Final = timedelta(seconds=30)
_UPKEEP_EVERY: Final = timedelta(days=1)
_DAY_BEGINS: Final = time(7)
_DAY_ENDS: Final = time(20)
_BATCH: Final = 20
"""Runs in one transaction: of a storm, the first pages are on their way while the rest is worked through."""
_DUE: Final = (
    "SELECT run_id, incident_id, occasion_kind, severity, is_drill, started_at, step, repeats, escalated_by"
    " FROM pager_run WHERE ended_at IS NULL AND next_step_at <= %s"
    " ORDER BY (severity = 'critical') DESC, started_at, run_id LIMIT %s FOR UPDATE SKIP LOCKED"
)
_ANSWERED: Final = (
    "UPDATE pager_run r SET ended_at = %(now)s, next_step_at = NULL, end_reason = CASE"
    " WHEN i.acknowledged_at IS NOT NULL AND i.acknowledged_at IS DISTINCT FROM r.acknowledged_before"
    " THEN 'acknowledged' WHEN i.closed_at IS NOT NULL THEN 'closed' ELSE 'silenced' END"
    " FROM incident i WHERE i.incident_id = r.incident_id AND r.ended_at IS NULL AND r.occasion_kind <> 'returned'"
    " AND ((i.acknowledged_at IS NOT NULL AND i.acknowledged_at IS DISTINCT FROM r.acknowledged_before)"
    " OR i.closed_at IS NOT NULL OR i.silenced_until > %(now)s) RETURNING r.run_id"
)
_WITHDRAW: Final = (
    "UPDATE page SET withdrawn_at = %(now)s WHERE run_id = ANY(%(runs)s) AND username IS NOT NULL AND kind = 'alarm'"
    " AND attempts = 0 AND delivered_at IS NULL AND withdrawn_at IS NULL"
)


@dataclass(frozen=True)
class Run:
    """One way through the chain."""

    run_id: UUID
    incident_id: UUID
    occasion: Occasion
    severity: Severity
    is_drill: bool
    started_at: datetime
    step: int
    repeats: int
    escalated_by: str


@dataclass(frozen=True)
class Crew:
    """Who there is, and by which channels they can be reached now."""

    everybody: Mapping[str, Person]
    rota: Rota
    channels: frozenset[str]
    dead: frozenset[str]

    def level(self, level: int, at: datetime) -> Person | None:
        """On call at this level; None in a hole."""
        username = self.rota.who(level, at)
        return self.everybody.get(username) if username is not None else None


@dataclass(frozen=True)
class Moment:
    """One transaction at one time."""

    connection: Connection
    crew: Crew
    now: datetime


class Escalator:
    """Has no memory: any number of them, in any number of processes, take each step once."""

    def __init__(self, config: PagerConfig, zone: ZoneInfo, *, webhook: bool = False) -> None:
        """`webhook`: the gateway's own web hook is configured too."""
        self._config = config
        self._zone = zone
        self._to_people = frozenset(each.name for each in config.channel if each.to_people)
        self._house = ("log", *(("webhook",) if webhook else ()), *(e.name for e in config.channel if not e.to_people))
        self._tells_returned = frozenset(each.name for each in config.channel if each.say_returned)

    def advance(self, connection: Connection, now: datetime) -> int:
        """Take every step that is due; how many runs were touched. In the caller's transaction."""
        answered = [run_id for (run_id,) in connection.execute(_ANSWERED, {"now": now})]
        if answered:
            connection.execute(_WITHDRAW, {"now": now, "runs": answered})
        runs = [Run(*row) for row in connection.execute(_DUE, (now, _BATCH)).fetchall()]
        if runs:
            moment = Moment(connection, self.crew(connection, now), now)
            for run in runs:
                self._guarded(moment, run)
        return len(answered) + len(runs)

    def _guarded(self, at: Moment, run: Run) -> None:
        """One run that can't be worked holds up no other."""
        try:
            with at.connection.transaction():
                self._step(at, run)
        except Exception as error:
            if is_environment_fault(error):
                raise
            _LOG.exception("run %s of incident %s can't be worked, again soon", run.run_id, run.incident_id)
            at.connection.execute(
                "UPDATE pager_run SET next_step_at = %s WHERE run_id = %s", (at.now + _AGAIN, run.run_id)
            )

    def crew(self, connection: Connection, now: datetime) -> Crew:
        """Who can be reached now."""
        everybody = people(connection)
        able = reachable(everybody, self._to_people)
        try:
            rota = read_rota(connection, self._zone, able, now - timedelta(days=1))
        except ValueError:
            _LOG.exception("the schedule can't be understood: pages go to everyone who answers alarms")
            rota = Rota(self._zone, reachable=able)
        rows = connection.execute("SELECT channel FROM pager_channel WHERE state = 'dead'")
        return Crew(everybody, rota, self._to_people, frozenset(channel for (channel,) in rows))

    def _step(self, at: Moment, run: Run) -> None:
        first = run.step == 0
        if first:
            run = replace(run, started_at=at.now)
            self._house_pages(at, run)
        if run.occasion == "returned":
            self._tell_returned(at, run)
            at.connection.execute(
                "UPDATE pager_run SET started_at = %s, step = 1, ended_at = %s, end_reason = 'told',"
                " next_step_at = NULL WHERE run_id = %s",
                (at.now, at.now, run.run_id),
            )
            return
        upkeep = run.severity == "warning" and _is_upkeep(at.connection, run.incident_id)
        steps = _DRILL_STEPS if run.is_drill else len(self._config.critical.delays_s)
        steps = 1 if upkeep else steps
        chosen, repeats = self._whom(at, run, steps)
        step = min(run.step + 1, steps)
        for person, reason in chosen:
            self._page(at, run, person, f"{reason}/{step}.{repeats}", upkeep=upkeep)
        at.connection.execute(
            "UPDATE pager_run SET started_at = %s, step = %s, repeats = %s, next_step_at = %s, escalated_by = ''"
            " WHERE run_id = %s",
            (run.started_at, step, repeats, self._next(replace(run, step=step), steps, at.now), run.run_id),
        )
        if first:
            # It was over before anybody could be told: told once, and not escalated.
            at.connection.execute(
                "UPDATE pager_run SET ended_at = %s, end_reason = 'returned', next_step_at = NULL WHERE run_id = %s"
                " AND EXISTS (SELECT FROM incident i WHERE i.incident_id = pager_run.incident_id"
                " AND i.returned_at IS NOT NULL)",
                (at.now, run.run_id),
            )

    def _next(self, run: Run, steps: int, now: datetime) -> datetime:
        chain = self._config.critical if run.severity == "critical" else self._config.warning
        if steps == 1:
            return now + _UPKEEP_EVERY
        if run.step >= steps:
            return now + timedelta(seconds=chain.repeat_every_s)
        due = run.started_at + timedelta(seconds=chain.delays_s[run.step])
        # Of a chain that was cut short: the time between two steps is kept, never several steps at once.
        gap = timedelta(seconds=chain.delays_s[run.step] - chain.delays_s[run.step - 1])
        return due if due > now else now + gap

    def _whom(self, at: Moment, run: Run, steps: int) -> tuple[list[tuple[Person, str]], int]:
        """Everyone of this step, whoever was asked before included; and how often the last step was repeated."""
        repeats = run.repeats + (run.step >= steps)
        last_level = min(run.step + 1, steps)
        found: dict[str, tuple[Person, str]] = {}
        for level in range(1, min(last_level, 3) + 1):
            person = at.crew.level(level, at.now)
            if person is not None:
                found.setdefault(person.username, (person, f"level:{level}"))
        if last_level > 3:  # noqa: PLR2004 - levels 1 to 3, then everyone
            for person in on_call_people(at.crew.everybody, at.crew.channels):
                found.setdefault(person.username, (person, "everyone"))
        if not found:
            found = {person.username: (person, "fallback") for person in self._fallback(at, run)}
        elif at.crew.level(1, at.now) is None and run.step == 0:
            found = {name: (person, "fallback") for name, (person, _) in found.items()}
        return list(found.values()), repeats

    def _fallback(self, at: Moment, run: Run) -> Sequence[Person]:
        """In a hole of the schedule: the next level that has somebody, else everybody who answers alarms."""
        for level in (2, 3):
            person = at.crew.level(level, at.now)
            if person is not None:
                return (person,)
        found = on_call_people(at.crew.everybody, at.crew.channels)
        if not found:
            _LOG.error("incident %s: nobody can be paged: no account has a contact on a channel", run.incident_id)
        return found

    def _page(self, at: Moment, run: Run, person: Person, reason: str, *, upkeep: bool) -> None:
        contacts = person.by(at.crew.channels)
        contact = next(
            (each for each in contacts if each.channel not in at.crew.dead), contacts[0] if contacts else None
        )
        if contact is None:
            return
        quiet = person.quiet_until(at.now, self._zone) if run.severity == "warning" else None
        if upkeep:
            quiet = max(quiet or at.now, _morning(at.now, self._zone))
        page = NewPage(
            channel=contact.channel,
            created_at=at.now,
            incident_id=run.incident_id,
            run_id=run.run_id,
            occasion=run.occasion,
            severity=run.severity,
            is_drill=run.is_drill,
            username=person.username,
            address=contact.address,
            reason=reason.partition("/")[0],
            dedupe_key=f"{run.run_id}/{person.username}/{reason.partition('/')[2]}",
            not_before=quiet,
        )
        send_or_gather(at.connection, page, Recipient(person.username), self._config.storm, at.now)

    def _house_pages(self, at: Moment, run: Run) -> None:
        """Channels without a person get every occasion, each incident by itself: they are programs."""
        kind: Kind = "returned" if run.occasion == "returned" else "alarm"
        for channel in self._house:
            page = NewPage(
                channel=channel,
                created_at=at.now,
                kind=kind,
                incident_id=run.incident_id,
                run_id=run.run_id,
                occasion=run.occasion,
                severity=run.severity,
                is_drill=run.is_drill,
                dedupe_key=f"{run.run_id}/{channel}",
            )
            write_page(at.connection, page)

    def _tell_returned(self, at: Moment, run: Run) -> None:
        """Whoever got a page of this incident hears that it is over, once, where their first page went."""
        rows = at.connection.execute(
            "SELECT DISTINCT ON (username) username, channel, address FROM page WHERE incident_id = %s"
            " AND username IS NOT NULL AND kind = 'alarm' AND delivered_at IS NOT NULL ORDER BY username, created_at",
            (run.incident_id,),
        ).fetchall()
        for username, channel, address in rows:
            person = at.crew.everybody.get(username)
            if person is None or channel not in self._tells_returned:
                continue
            page = NewPage(
                channel=channel,
                created_at=at.now,
                kind="returned",
                incident_id=run.incident_id,
                run_id=run.run_id,
                occasion=run.occasion,
                severity="warning",
                is_drill=run.is_drill,
                username=username,
                address=address,
                reason="returned",
                dedupe_key=f"{run.run_id}/{username}",
                not_before=person.quiet_until(at.now, self._zone),
            )
            write_page(at.connection, page)


def _is_upkeep(connection: Connection, incident_id: UUID) -> bool:
    """Whether nothing of it needs hands now: a battery, a certificate. The person on call hears of it by day, alone."""
    rows = connection.execute("SELECT DISTINCT condition FROM alarm WHERE incident_id = %s", (incident_id,)).fetchall()
    return bool(rows) and not any(KINDS[kind].needs_hands_now for (kind,) in rows if kind in KINDS)


def _morning(now: datetime, zone: ZoneInfo) -> datetime:
    """Now, if it is day; else the next morning."""
    local = now.astimezone(zone)
    if _DAY_BEGINS <= local.time().replace(tzinfo=None) < _DAY_ENDS:
        return now
    day = local.date() + timedelta(days=local.time().replace(tzinfo=None) >= _DAY_ENDS)
    return datetime.combine(day, _DAY_BEGINS, tzinfo=zone)


def pass_on(connection: Connection, incident_id: UUID, username: str, *, channel: str, now: datetime) -> bool:
    """Somebody wants the next person asked now; False: the incident is not being paged.

    Args:
        connection: the caller's transaction.
        incident_id: of which.
        username: who wants it.
        channel: by which way they said so.
        now: the gateway's clock.
    """
    row = connection.execute(
        "UPDATE pager_run SET next_step_at = %s, escalated_by = %s WHERE incident_id = %s AND ended_at IS NULL"
        " AND occasion_kind <> 'returned' RETURNING run_id",
        (now, username, incident_id),
    ).fetchone()
    if row is None:
        return False
    journal(connection, incident_id, now, "escalated", by=username, channel=channel)
    return True
