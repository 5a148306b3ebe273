"""A rule of a class or a place is changed, switched off or taken back to what is shipped; what it would have said.

A changed rule counts from the next reading on: what the old one found ends there and says so (`rule_changed`), and the
new one judges on from the last reading inside. One that is switched off while it fires ends at once, with its alarm.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from gateway.cold_chain.climate_keeper import interval_of
from gateway.cold_chain.keeper import end_unwatched
from gateway.cold_chain.rule_book import rule_json, rule_of
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.records.corrections import Corrections
from gateway.services.live_events import publish
from gateway.services.reads_rows import Row
from gateway.stock.errors import WorkRefusedError
from inventory.cold_chain.instant import from_us
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.rule_run import Excursion
from inventory.cold_chain.series import Reading, Series
from inventory.cold_chain.storage_class import CLASSES
from inventory.cold_chain.verdict import judge

Action = Literal["set", "off", "as_shipped"]
PREVIEW_DAYS: Final = 30
PREVIEW_PLACES: Final = 20
_SHOWN: Final = 10


@dataclass(frozen=True)
class Scope:
    """Whose rule it is: of a class, or of a place."""

    storage_class: str | None = None
    place_id: str | None = None


class RuleChange(Row):
    """A line of the history."""

    at: datetime
    by_whom: str
    why: str
    storage_class: str | None
    place_id: str | None
    rule_name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class PreviewLine(Row):
    """An excursion that the rule would have found."""

    started_at: datetime
    triggered_at: datetime | None
    ended_at: datetime | None
    minutes: float
    minutes_shortest: float
    minutes_longest: float
    is_certain: bool
    peak_celsius: float


class PreviewPlace(Row):
    """What a rule would have said of a thermometer in the last 30 days, by its minutes."""

    place_id: str
    place_name_vi: str
    place_name_en: str
    device_id: str
    outside: int
    """Excursions, those that did not alarm included."""
    alarms: int
    minutes_outside: float
    lines: tuple[PreviewLine, ...]
    """Those that alarmed first, the newest of each first."""


def change_rule(
    connection: Connection,
    scope: Scope,
    rule_name: str,
    action: Action,
    rule: Rule | None,
    *,
    by_whom: str,
    why: str,
    now: datetime,
) -> None:
    """In the caller's transaction; written down with who and why.

    Raises:
        WorkRefusedError: `no_reason`, `place_unknown`, `rule_scope`.
    """
    if not why.strip():
        raise WorkRefusedError("no_reason", "why the rule is changed is not said")
    _check(connection, scope)
    before = connection.execute(
        "SELECT rule_id, rule FROM cold_rule WHERE storage_class IS NOT DISTINCT FROM %s"
        " AND place_id IS NOT DISTINCT FROM %s AND rule_name = %s FOR UPDATE",
        (scope.storage_class, scope.place_id, rule_name),
    ).fetchone()
    after = Jsonb(rule_json(rule)) if rule is not None and action == "set" else None
    if action == "as_shipped":
        if before is None:
            return
        connection.execute("DELETE FROM cold_rule WHERE rule_id = %s", (before[0],))
    elif before is not None:
        connection.execute(
            "UPDATE cold_rule SET rule = %s, changed_at = %s, changed_by = %s WHERE rule_id = %s",
            (after, now, by_whom, before[0]),
        )
    else:
        connection.execute(
            "INSERT INTO cold_rule (rule_id, storage_class, place_id, rule_name, rule, changed_at, changed_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (uuid.uuid4(), scope.storage_class, scope.place_id, rule_name, after, now, by_whom),
        )
    was = None if before is None else Jsonb(before[1] if before[1] is not None else {"off": True})
    connection.execute(
        "INSERT INTO cold_rule_change (at, by_whom, why, storage_class, place_id, rule_name, before, after)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(now, by_whom, storable(why), scope.storage_class, scope.place_id, rule_name, was),
            Jsonb({"off": True}) if action == "off" else after,
        ),
    )
    publish(connection, end_unwatched(connection, now))


def _check(connection: Connection, scope: Scope) -> None:
    if (scope.storage_class is None) == (scope.place_id is None) or (
        scope.storage_class is not None and scope.storage_class not in CLASSES
    ):
        raise WorkRefusedError("rule_scope", f"a rule is of a storage class or of a place, not of {scope!r}")
    if scope.place_id is None:
        return
    if connection.execute("SELECT FROM place WHERE place_id = %s", (scope.place_id,)).fetchone() is None:
        raise WorkRefusedError("place_unknown", f"no place {scope.place_id!r}", place=scope.place_id)


def changes(connection: Connection, limit: int = 100) -> list[RuleChange]:
    """The newest first."""
    rows = connection.execute(
        "SELECT at, by_whom, why, storage_class, place_id, rule_name, before, after FROM cold_rule_change"
        " ORDER BY change_id DESC LIMIT %s",
        (limit,),
    )
    keys = tuple(RuleChange.model_fields)
    return [RuleChange(**dict(zip(keys, row, strict=True))) for row in rows]


_WHERE: Final = (
    "SELECT d.device_key, d.device_id, p.place_id, p.name_vi, p.name_en FROM device d JOIN place p USING (place_id)"
    " WHERE (p.place_id = %(place)s OR (%(place)s::text IS NULL AND p.storage_class = %(class)s))"
    " AND EXISTS (SELECT FROM reading r WHERE r.device_key = d.device_key AND r.occurred_at > %(since)s)"
    " ORDER BY p.name_vi, d.device_id LIMIT %(limit)s"
)


def preview(connection: Connection, scope: Scope, rule: Rule, now: datetime) -> list[PreviewPlace]:
    """What it would have said of the last 30 days, in at most 20 places, by the extremes of each minute."""
    since = now - timedelta(days=PREVIEW_DAYS)
    values = {"place": scope.place_id, "class": scope.storage_class, "since": since, "limit": PREVIEW_PLACES}
    devices = connection.execute(_WHERE, values).fetchall()
    corrections = Corrections.read(connection, [row[0] for row in devices])
    found = []
    for device_key, device_id, place_id, name_vi, name_en in devices:
        series = _by_minutes(connection, device_key, since, corrections)
        excursions = judge(series, (rule,)).excursions
        alarmed = [each for each in excursions if each.triggered_us is not None]
        shown = [*reversed(alarmed), *(each for each in reversed(excursions) if each.triggered_us is None)]
        found.append(
            PreviewPlace(
                place_id=place_id,
                place_name_vi=name_vi,
                place_name_en=name_en,
                device_id=device_id,
                outside=len(excursions),
                alarms=len(alarmed),
                minutes_outside=round(sum(each.outside_us for each in excursions) / 60e6, 1),
                lines=tuple(_line(each) for each in shown[:_SHOWN]),
            )
        )
    return found


def _by_minutes(connection: Connection, device_key: int, since: datetime, corrections: Corrections) -> Series:
    rows: Sequence[tuple[datetime, float, float]] = connection.execute(
        "SELECT bucket, min_celsius, max_celsius FROM reading_minute WHERE device_key = %s AND bucket >= %s",
        (device_key, since),
    ).fetchall()
    readings = (
        Reading(at, corrections.celsius(device_key, at, value))
        for at, lowest, highest in rows
        for value in ((lowest, highest) if lowest != highest else (lowest,))
    )
    return Series.of(readings, max(60.0, interval_of(connection, device_key)))


def _line(excursion: Excursion) -> PreviewLine:
    return PreviewLine(
        started_at=from_us(excursion.started_us, UTC),
        triggered_at=None if excursion.triggered_us is None else from_us(excursion.triggered_us, UTC),
        ended_at=None if excursion.ended_us is None else from_us(excursion.ended_us, UTC),
        minutes=round(excursion.outside_us / 60e6, 1),
        minutes_shortest=round(excursion.shortest_us / 60e6, 1),
        minutes_longest=round(excursion.longest_us / 60e6, 1),
        is_certain=excursion.is_certain,
        peak_celsius=excursion.peak,
    )


def import_rules(connection: Connection, scope: Scope, rules: Sequence[Rule], by_whom: str, now: datetime) -> int:
    """Of a site file: those that are other than before; how many that were."""
    changed = 0
    for rule in rules:
        row = connection.execute(
            "SELECT rule FROM cold_rule WHERE storage_class IS NOT DISTINCT FROM %s"
            " AND place_id IS NOT DISTINCT FROM %s AND rule_name = %s",
            (scope.storage_class, scope.place_id, rule.name),
        ).fetchone()
        if row is None or row[0] is None or rule_of(row[0]) != rule:
            change_rule(connection, scope, rule.name, "set", rule, by_whom=by_whom, why="site file", now=now)
            changed += 1
    return changed
