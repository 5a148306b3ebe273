"""The verdict day by day, as loggers and inspectors read it: local days, minutes outside, extremes, alarms."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise

from inventory.cold_chain.instant import from_us, minutes, to_us
from inventory.cold_chain.rule import Rule, Side
from inventory.cold_chain.verdict import Verdict


@dataclass(frozen=True)
class Day:
    """One local day. Minutes are those outside the narrowest rule of the side, gaps left out."""

    date: date
    minutes_high: float
    minutes_low: float
    high_alarm: bool
    """A rule of that side had matured and had not ended, at some time of the day."""
    low_alarm: bool
    lowest: float | None
    """None: no reading on that day."""
    highest: float | None


def days_of(verdict: Verdict, zone: tzinfo) -> tuple[Day, ...]:
    """Every local day from the first reading to the last."""
    series = verdict.series
    if not series.at_us:
        return ()
    starts = list(_midnights(series.at_us[0], series.at_us[-1], zone))
    outside: dict[Side, list[int]] = {side: _outside_by_day(verdict, side, starts) for side in ("high", "low")}
    lowest, highest = _extremes_by_day(verdict, starts)
    return tuple(
        Day(
            from_us(start, zone).date(),
            minutes(outside["high"][number]),
            minutes(outside["low"][number]),
            _alarmed(verdict, "high", start, end),
            _alarmed(verdict, "low", start, end),
            lowest[number],
            highest[number],
        )
        for number, (start, end) in enumerate(pairwise(starts))
    )


def _midnights(first_us: int, last_us: int, zone: tzinfo) -> Iterator[int]:
    """The starts of all days in question, and the end of the last one."""
    day = from_us(first_us, zone).date()
    while True:
        start = to_us(datetime.combine(day, datetime.min.time(), tzinfo=zone))
        yield start
        if start > last_us:
            return
        day += timedelta(days=1)


def _narrowest(rules: Iterable[Rule], side: Side) -> Rule | None:
    mine = [rule for rule in rules if rule.side == side]
    if not mine:
        return None
    if side == "high":
        return min(mine, key=lambda rule: (rule.threshold, not rule.inclusive))
    return max(mine, key=lambda rule: (rule.threshold, rule.inclusive))


def _outside_by_day(verdict: Verdict, side: Side, starts: list[int]) -> list[int]:
    spans = [0] * (len(starts) - 1)
    rule = _narrowest(verdict.rules, side)
    series = verdict.series
    if rule is None:
        return spans
    values = series.highest if side == "high" else series.lowest
    number = 0
    for at, until, value in zip(series.at_us, series.at_us[1:], values, strict=False):
        if until - at > series.gap_us or not rule.is_outside(value):
            continue
        while starts[number + 1] <= at:
            number += 1
        day, begin = number, at
        while begin < until:
            end = min(until, starts[day + 1])
            spans[day] += end - begin
            day, begin = day + 1, end
    return spans


def _extremes_by_day(verdict: Verdict, starts: list[int]) -> tuple[list[float | None], list[float | None]]:
    series = verdict.series
    lowest: list[float | None] = [None] * (len(starts) - 1)
    highest: list[float | None] = [None] * (len(starts) - 1)
    number = 0
    for at, low, high in zip(series.at_us, series.lowest, series.highest, strict=True):
        while starts[number + 1] <= at:
            number += 1
        so_low, so_high = lowest[number], highest[number]
        lowest[number] = low if so_low is None else min(so_low, low)
        highest[number] = high if so_high is None else max(so_high, high)
    return lowest, highest


def _alarmed(verdict: Verdict, side: Side, start_us: int, end_us: int) -> bool:
    return any(
        excursion.rule.side == side
        and excursion.triggered_us is not None
        and excursion.triggered_us < end_us
        and (excursion.ended_us is None or excursion.ended_us > start_us)
        for excursion in verdict.excursions
    )
