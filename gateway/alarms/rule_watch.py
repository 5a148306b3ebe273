"""One rule of one device: its memory, and its readings judged in event time, those that come late included.

A reading that is newer than all before moves the timer on. Anything else is judged again out of the stored readings,
from the last one inside before whatever it can change: a late or doubled reading, another rule than the one remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from gateway.alarms import excursions
from gateway.alarms.conditions import clear_all_of
from gateway.alarms.excursions import ChangeReason, Stored
from gateway.cold_chain.rule_book import RuleWatch, rule_json, rule_of, watches
from gateway.db.pool import Connection
from gateway.records.corrections import Corrections
from gateway.services.live_events import publish
from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.instant import from_us, to_us
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.rule_run import Excursion, RuleRun
from inventory.cold_chain.series import Reading, Series

HISTORY: Final = timedelta(days=31)
"""Judged again at most so far back: an excursion that is open for longer begins there."""


@dataclass(frozen=True)
class Judged:
    """What came of a batch."""

    stored: tuple[Stored, ...]
    open: Excursion | None
    """The excursion that goes on."""
    last: Reading
    """The newest reading known."""


def judge(
    connection: Connection, watch: RuleWatch, readings: Sequence[Reading], corrections: Corrections | None = None
) -> Judged | None:
    """Judge readings that are stored already, as the wire brought them; None: all are from before the watch began.

    Raises:
        ColdChainError: a reading that is no number.
    """
    if corrections is None:
        corrections = Corrections.read(connection, [watch.device_key])
    mine = [
        Reading(reading.occurred_at, corrections.celsius(watch.device_key, reading.occurred_at, reading.value))
        for reading in readings
        if watch.placed_at is None or reading.occurred_at >= watch.placed_at
    ]
    if not mine:
        return None
    series = Series.of(mine, watch.interval_s)
    row = connection.execute(
        "SELECT rule, state, judged_until, interval_s, rejudge_from FROM rule_watch WHERE device_key = %s"
        " AND rule_name = %s FOR UPDATE",
        (watch.device_key, watch.rule.name),
    ).fetchone()
    if row is None:
        return _judge_again(connection, watch, corrections, from_us(series.at_us[0]), None)
    return _judge_on(connection, watch, corrections, series, row)


def _judge_on(
    connection: Connection, watch: RuleWatch, corrections: Corrections, series: Series, row: tuple[Any, ...]
) -> Judged:
    rule, state, judged_until, interval_s, rejudge_from = row
    if not _is_same(rule, watch):
        excursions.end_open(connection, watch.device_key, watch.rule.name, judged_until, "rule_changed")
        return _judge_again(connection, watch, corrections, judged_until, "rule_changed")
    if rejudge_from is not None:
        at = max(min(rejudge_from, judged_until, from_us(series.at_us[0])), judged_until - HISTORY)
        return _judge_again(connection, watch, corrections, at, "recalibrated")
    if series.at_us[0] <= to_us(judged_until):
        at = from_us(series.at_us[0])
        connection.execute("INSERT INTO climate_rewind (device_key, since) VALUES (%s, %s)", (watch.device_key, at))
        return _judge_again(connection, watch, corrections, at, "late_readings")
    if interval_s is not None and interval_s != watch.interval_s:
        return _judge_again(connection, watch, corrections, judged_until - HISTORY, "interval_changed")
    run = _restored(watch, series, state)
    if run is not None:
        found = _advance(run, series)
        return _finish(connection, watch, run, series, found=found, reason=None)
    return _judge_again(connection, watch, corrections, judged_until, None)


def _judge_late(connection: Connection, watch: RuleWatch, corrections: Corrections, at: datetime) -> Judged:
    # What goods went through is summed up again from there on too.
    connection.execute("INSERT INTO climate_rewind (device_key, since) VALUES (%s, %s)", (watch.device_key, at))
    return _judge_again(connection, watch, corrections, at, "late_readings")


def _restored(watch: RuleWatch, series: Series, state: dict[str, Any]) -> RuleRun | None:
    """None: another version of the program wrote it."""
    try:
        return RuleRun.restored(watch.rule, series.gap_us, state)
    except ColdChainError:
        return None


def _is_same(remembered: dict[str, Any], watch: RuleWatch) -> bool:
    """Whether it is judged by the rule that it was judged by; words about where it comes from play no part."""
    try:
        return replace(rule_of(remembered), source=watch.rule.source) == watch.rule
    except ColdChainError:
        return False


def _judge_again(
    connection: Connection, watch: RuleWatch, corrections: Corrections, at: datetime, reason: ChangeReason | None
) -> Judged:
    """Judge the stored readings from the last one inside before `at`, or before an excursion that `at` can change."""
    floor = at - HISTORY
    if watch.placed_at is not None:
        floor = max(floor, watch.placed_at)
    touched = (
        at if reason == "rule_changed" else excursions.oldest_touched(connection, watch.device_key, watch.rule.name, at)
    )
    if watch.rule.mode == "accumulated" and reason != "rule_changed":
        # A sum has no last reading inside to begin at: it begins with the first one outside.
        since = excursions.first_start(connection, watch.device_key, watch.rule.name, touched)
    else:
        since = _last_inside(connection, watch, corrections, touched, floor)
    rows = connection.execute(
        "SELECT occurred_at, temperature_celsius FROM reading WHERE device_key = %s AND occurred_at >= %s",
        (watch.device_key, since),
    )
    series = Series.of(
        (Reading(row[0], corrections.celsius(watch.device_key, row[0], row[1])) for row in rows), watch.interval_s
    )
    run = RuleRun(watch.rule, series.gap_us)
    found = _advance(run, series)
    if reason in {"late_readings", "interval_changed", "recalibrated"}:
        excursions.take_back(connection, watch.device_key, watch.rule, since=since, found=found, reason=reason)
    return _finish(connection, watch, run, series, found=found, reason=reason)


def _last_inside(
    connection: Connection, watch: RuleWatch, corrections: Corrections, before: datetime, floor: datetime
) -> datetime:
    rule = watch.rule
    beyond = corrections.most(watch.device_key)
    if rule.side == "high":
        limit, inside = (
            rule.threshold - rule.hysteresis - beyond,
            "<" if rule.inclusive and not rule.hysteresis else "<=",
        )
    else:
        limit, inside = (
            rule.threshold + rule.hysteresis + beyond,
            ">" if rule.inclusive and not rule.hysteresis else ">=",
        )
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
    stored = excursions.write(connection, watch, found, reason)
    last = Reading(from_us(series.at_us[-1]), (series.highest if watch.rule.side == "high" else series.lowest)[-1])
    connection.execute(
        "INSERT INTO rule_watch (device_key, rule_name, rule, state, judged_until, interval_s)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (device_key, rule_name) DO UPDATE SET rule = excluded.rule,"
        " state = excluded.state, judged_until = excluded.judged_until, interval_s = excluded.interval_s,"
        " rejudge_from = NULL",
        (
            *(watch.device_key, watch.rule.name, Jsonb(rule_json(watch.rule)), Jsonb(run.snapshot())),
            *(last.occurred_at, watch.interval_s),
        ),
    )
    going_on = run.excursion()
    return Judged(stored, going_on if going_on is not None and going_on.ended_us is None else None, last)


@dataclass(frozen=True)
class Unwatched:
    """A rule that watches a device no more: it was switched off, renamed, or its goods have left."""

    device_key: int
    rule: Rule
    judged_until: datetime


def settle(connection: Connection, device_keys: Sequence[int] | None = None) -> tuple[Unwatched, ...]:
    """End what rules found that watch no more; their alarms are the caller's to clear. None: of all devices."""
    wanted = {(watch.device_key, watch.rule.name) for watch in watches(connection, device_keys)}
    query = "SELECT device_key, rule_name, rule, judged_until FROM rule_watch"
    rows = connection.execute(
        (query if device_keys is None else query + " WHERE device_key = ANY(%s)").encode(),
        None if device_keys is None else (list(device_keys),),
    ).fetchall()
    ended: list[Unwatched] = []
    for device_key, rule_name, rule, judged_until in rows:
        if (device_key, rule_name) in wanted:
            continue
        excursions.end_open(connection, device_key, rule_name, judged_until, "rule_changed")
        connection.execute("DELETE FROM rule_watch WHERE device_key = %s AND rule_name = %s", (device_key, rule_name))
        ended.append(Unwatched(device_key, rule_of(rule), judged_until))
    return tuple(ended)


def forget_place(connection: Connection, device_key: int) -> None:
    """The device was moved: what was open ends, and its readings from now on belong to the new place."""
    rows = connection.execute(
        "DELETE FROM rule_watch WHERE device_key = %s RETURNING rule_name, judged_until", (device_key,)
    ).fetchall()
    for rule_name, judged_until in rows:
        excursions.end_open(connection, device_key, rule_name, judged_until, "device_moved")
    connection.execute("UPDATE device SET placed_at = now() WHERE device_key = %s", (device_key,))
    row = connection.execute("SELECT now()").fetchone()
    if row is not None:
        publish(connection, clear_all_of(connection, device_key, row[0], row[0], "moved"))
