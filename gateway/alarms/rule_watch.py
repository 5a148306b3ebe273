"""One rule of one device: its memory, and its readings judged in event time, those that come late included.

A reading that is newer than all before moves the timer on. Anything else is judged again out of the stored readings,
from the last one inside before whatever it can change: a late or doubled reading, another rule than the one remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.types.json import Jsonb

from gateway.alarms import excursions
from gateway.alarms.excursions import ChangeReason, Stored
from gateway.alarms.place_rules import rule_json
from gateway.db.pool import Connection
from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.instant import from_us, to_us
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.rule_run import Excursion, RuleRun
from inventory.cold_chain.series import Reading, Series

INTERVAL_S: Final = 300.0
"""The slowest usual logging interval; three of them without a reading are a gap (`Series`)."""
HISTORY: Final = timedelta(days=31)
"""Judged again at most so far back: an excursion that is open for longer begins there."""


@dataclass(frozen=True)
class RuleWatch:
    """A rule that watches a device at a place."""

    device_key: int
    place_id: str
    rule: Rule
    placed_at: datetime | None
    """Readings from before belong to another place."""


@dataclass(frozen=True)
class Judged:
    """What came of a batch."""

    stored: tuple[Stored, ...]
    open: Excursion | None
    """The excursion that goes on."""
    last: Reading
    """The newest reading known."""


def judge(connection: Connection, watch: RuleWatch, readings: Sequence[Reading]) -> Judged:
    """Judge readings that are stored already; at least one.

    Raises:
        ColdChainError: a reading that is no number.
    """
    series = Series.of(readings, INTERVAL_S)
    row = connection.execute(
        "SELECT rule, state, judged_until FROM rule_watch WHERE device_key = %s AND rule_name = %s FOR UPDATE",
        (watch.device_key, watch.rule.name),
    ).fetchone()
    known = rule_json(watch.rule)
    if row is None:
        return _judge_again(connection, watch, from_us(series.at_us[0]), None)
    rule, state, judged_until = row
    if rule != known:
        excursions.end_open(connection, watch.device_key, watch.rule.name, judged_until, "rule_changed")
        return _judge_again(connection, watch, judged_until, "rule_changed")
    if series.at_us[0] <= to_us(judged_until):
        return _judge_again(connection, watch, from_us(series.at_us[0]), "late_readings")
    try:
        run = RuleRun.restored(watch.rule, series.gap_us, state)
    except ColdChainError:  # written by another version of the program
        return _judge_again(connection, watch, judged_until, None)
    found = _advance(run, series)
    return _finish(connection, watch, run, series, found=found, reason=None)


def _judge_again(connection: Connection, watch: RuleWatch, at: datetime, reason: ChangeReason | None) -> Judged:
    """Judge the stored readings from the last one inside before `at`, or before an excursion that `at` can change."""
    floor = at - HISTORY
    if watch.placed_at is not None:
        floor = max(floor, watch.placed_at)
    touched = (
        at if reason == "rule_changed" else excursions.oldest_touched(connection, watch.device_key, watch.rule.name, at)
    )
    since = _last_inside(connection, watch, touched, floor)
    rows = connection.execute(
        "SELECT occurred_at, temperature_celsius FROM reading WHERE device_key = %s AND occurred_at >= %s",
        (watch.device_key, since),
    )
    series = Series.of((Reading(*row) for row in rows), INTERVAL_S)
    run = RuleRun(watch.rule, series.gap_us)
    found = _advance(run, series)
    if reason == "late_readings":
        excursions.take_back(connection, watch.device_key, watch.rule, since=since, found=found, reason=reason)
    return _finish(connection, watch, run, series, found=found, reason=reason)


def _last_inside(connection: Connection, watch: RuleWatch, before: datetime, floor: datetime) -> datetime:
    rule = watch.rule
    if rule.side == "high":
        limit, inside = rule.threshold - rule.hysteresis, "<" if rule.inclusive and not rule.hysteresis else "<="
    else:
        limit, inside = rule.threshold + rule.hysteresis, ">" if rule.inclusive and not rule.hysteresis else ">="
    row = connection.execute(
        "SELECT occurred_at FROM reading WHERE device_key = %s AND occurred_at < %s AND occurred_at >= %s"  # noqa: S608 - one of four operators
        f" AND temperature_celsius {inside} %s ORDER BY occurred_at DESC LIMIT 1".encode(),
        (watch.device_key, before, floor, limit),
    ).fetchone()
    return floor if row is None else row[0]


def _advance(run: RuleRun, series: Series) -> list[Excursion]:
    values = series.highest if run.rule.side == "high" else series.lowest
    ended = [run.advance(at_us, value) for at_us, value in zip(series.at_us, values, strict=True)]
    return [each for each in (*ended, run.excursion()) if each is not None]


def _finish(
    connection: Connection,
    watch: RuleWatch,
    run: RuleRun,
    series: Series,
    *,
    found: list[Excursion],
    reason: ChangeReason | None,
) -> Judged:
    stored = excursions.write(connection, watch.device_key, watch.place_id, found, reason)
    last = Reading(from_us(series.at_us[-1]), (series.highest if watch.rule.side == "high" else series.lowest)[-1])
    connection.execute(
        "INSERT INTO rule_watch (device_key, rule_name, rule, state, judged_until) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (device_key, rule_name) DO UPDATE SET rule = excluded.rule, state = excluded.state,"
        " judged_until = excluded.judged_until",
        (
            *(watch.device_key, watch.rule.name, Jsonb(rule_json(watch.rule)), Jsonb(run.snapshot())),
            last.occurred_at,
        ),
    )
    going_on = run.excursion()
    return Judged(stored, going_on if going_on is not None and going_on.ended_us is None else None, last)


def forget_place(connection: Connection, device_key: int) -> None:
    """The device was moved: what was open ends, and its readings from now on belong to the new place."""
    rows = connection.execute(
        "DELETE FROM rule_watch WHERE device_key = %s RETURNING rule_name, judged_until", (device_key,)
    ).fetchall()
    for rule_name, judged_until in rows:
        excursions.end_open(connection, device_key, rule_name, judged_until, "device_moved")
    connection.execute("UPDATE device SET placed_at = now() WHERE device_key = %s", (device_key,))
