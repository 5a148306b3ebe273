"""The table of excursions: found, gone on, ended, and changed or taken back by readings that came late."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from gateway.cold_chain.rule_book import RuleWatch, rule_json
from gateway.db.pool import Connection
from inventory.cold_chain.instant import from_us
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.rule_run import Excursion

ChangeReason = Literal["late_readings", "rule_changed", "device_moved", "interval_changed", "recalibrated"]
_COLUMNS = "triggered_at, ended_at, outside_s, shortest_s, longest_s, peak_celsius"
_US_A_SECOND = 1_000_000


@dataclass(frozen=True)
class Stored:
    """An excursion after it was written."""

    excursion_id: uuid.UUID
    excursion: Excursion
    is_newly_triggered: bool
    """It alarms now and did not before."""
    is_further: bool
    """It alarmed before, and its peak is further out now."""


def write(
    connection: Connection,
    watch: RuleWatch,
    found: Sequence[Excursion],
    reason: ChangeReason | None = None,
) -> tuple[Stored, ...]:
    """Write what was found, in order; with a reason, what stood there before is kept beside it."""
    return tuple(_write_one(connection, watch, excursion, reason) for excursion in found)


def _write_one(connection: Connection, watch: RuleWatch, excursion: Excursion, reason: ChangeReason | None) -> Stored:
    started_at = from_us(excursion.started_us)
    new = _values(excursion)
    before = connection.execute(
        f"SELECT excursion_id, {_COLUMNS}, taken_back_at, rule FROM excursion"  # noqa: S608 - constant columns
        " WHERE device_key = %s AND rule_name = %s AND started_at = %s FOR UPDATE",
        (watch.device_key, excursion.rule.name, started_at),
    ).fetchone()
    triggers = excursion.triggered_us is not None
    if before is None:
        excursion_id = uuid.uuid4()
        connection.execute(
            "INSERT INTO excursion (excursion_id, device_key, place_id, rule_name, rule, storage_class, interval_s,"  # noqa: S608 - constant columns
            f" started_at, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(excursion_id, watch.device_key, watch.place_id, excursion.rule.name),
                *(Jsonb(rule_json(excursion.rule)), watch.storage_class, watch.interval_s, started_at, *new),
            ),
        )
        return Stored(excursion_id, excursion, triggers, is_further=False)
    excursion_id, *old, taken_back_at, old_rule = before
    was_triggered = old[0] is not None and taken_back_at is None
    if tuple(old) != new or taken_back_at is not None:
        if reason is not None and (old[1] is not None or taken_back_at is not None or tuple(old[:1]) != new[:1]):
            _keep(connection, excursion_id, [*old, taken_back_at, old_rule], reason)
        connection.execute(
            "UPDATE excursion SET (triggered_at, ended_at, outside_s, shortest_s, longest_s, peak_celsius)"
            " = (%s, %s, %s, %s, %s, %s), taken_back_at = NULL, rule = %s, interval_s = %s WHERE excursion_id = %s",
            (*new, Jsonb(rule_json(excursion.rule)), watch.interval_s, excursion_id),
        )
    return Stored(
        excursion_id,
        excursion,
        is_newly_triggered=triggers and not was_triggered,
        is_further=triggers and was_triggered and old[-1] != new[-1],
    )


def take_back(
    connection: Connection,
    device_key: int,
    rule: Rule,
    *,
    since: datetime,
    found: Sequence[Excursion],
    reason: ChangeReason,
) -> None:
    """Mark what stands in the table from `since` on and was not found again."""
    rows = connection.execute(
        f"SELECT excursion_id, {_COLUMNS}, taken_back_at, rule FROM excursion WHERE device_key = %s AND rule_name = %s"  # noqa: S608 - constant columns
        " AND started_at >= %s AND NOT started_at = ANY(%s) AND taken_back_at IS NULL FOR UPDATE",
        (device_key, rule.name, since, [from_us(excursion.started_us) for excursion in found]),
    ).fetchall()
    for excursion_id, *old in rows:
        _keep(connection, excursion_id, old, reason)
        connection.execute("UPDATE excursion SET taken_back_at = now() WHERE excursion_id = %s", (excursion_id,))


def end_open(connection: Connection, device_key: int, rule_name: str, at: datetime, reason: ChangeReason) -> None:
    """End what was open when its rule or its place ended; `at` is the last reading that was judged by it."""
    rows = connection.execute(
        f"SELECT excursion_id, {_COLUMNS}, taken_back_at, rule FROM excursion WHERE device_key = %s AND rule_name = %s"  # noqa: S608 - constant columns
        " AND ended_at IS NULL AND taken_back_at IS NULL FOR UPDATE",
        (device_key, rule_name),
    ).fetchall()
    for excursion_id, *old in rows:
        _keep(connection, excursion_id, old, reason)
        connection.execute(
            "UPDATE excursion SET ended_at = greatest(%s, started_at) WHERE excursion_id = %s", (at, excursion_id)
        )


def oldest_touched(connection: Connection, device_key: int, rule_name: str, at: datetime) -> datetime:
    """The start of the earliest excursion that a reading of that time can change, or that time."""
    row = connection.execute(
        "SELECT min(started_at) FROM excursion WHERE device_key = %s AND rule_name = %s AND taken_back_at IS NULL"
        " AND (ended_at IS NULL OR ended_at >= %s)",
        (device_key, rule_name, at),
    ).fetchone()
    return min(at, row[0]) if row is not None and row[0] is not None else at


def first_start(connection: Connection, device_key: int, rule_name: str, at: datetime) -> datetime:
    """Where a rule's sum begins: at the first reading that was outside, or at that time if it is earlier."""
    row = connection.execute(
        "SELECT min(started_at) FROM excursion e WHERE device_key = %s AND rule_name = %s AND taken_back_at IS NULL"
        " AND NOT EXISTS (SELECT FROM excursion_change c WHERE c.excursion_id = e.excursion_id"
        " AND c.reason IN ('rule_changed', 'device_moved'))",
        (device_key, rule_name),
    ).fetchone()
    return min(at, row[0]) if row is not None and row[0] is not None else at


def _values(excursion: Excursion) -> tuple[Any, ...]:
    return (
        None if excursion.triggered_us is None else from_us(excursion.triggered_us),
        None if excursion.ended_us is None else from_us(excursion.ended_us),
        excursion.outside_us / _US_A_SECOND,
        excursion.shortest_us / _US_A_SECOND,
        excursion.longest_us / _US_A_SECOND,
        excursion.peak,
    )


def _keep(connection: Connection, excursion_id: uuid.UUID, old: Sequence[Any], reason: ChangeReason) -> None:
    names = (*_COLUMNS.split(", "), "taken_back_at", "rule")
    values = (value.isoformat() if isinstance(value, datetime) else value for value in old)
    connection.execute(
        "INSERT INTO excursion_change (excursion_id, changed_at, reason, before)"
        " VALUES (%s, clock_timestamp(), %s, %s)",
        (excursion_id, reason, Jsonb(dict(zip(names, values, strict=True)))),
    )
