"""The climate by hours, and what goods that go through it carry with them."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.cold_chain.climate import HOUR_US, HourClimate, Limits, Tally, hours_of, worst_thermometer
from inventory.cold_chain.disposition import Stability, recommend
from inventory.cold_chain.exposure import Exposure, Stay, exposure_of
from inventory.cold_chain.instant import MINUTE_US, to_us
from inventory.cold_chain.journey import LotJourney, Move, stays_of_pack, without_taken_back
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.series import Reading, Series

START = datetime(2026, 11, 1, tzinfo=UTC)
START_US = to_us(START)
LIMITS = Limits(2.0, 8.0)
HIGH = Rule("high", "high", 8.0, inclusive=False, mode="consecutive", minutes=0)
LOW = Rule("low", "low", 2.0, inclusive=False, mode="consecutive", minutes=0)
INTERVAL_S = 300.0


def readings(seed: int, hours: int = 30) -> list[Reading]:
    """Every 5 minutes or so, some missing, some for hours."""
    chance = random.Random(seed)  # noqa: S311 - a seed, no secret
    found, at = [], START + timedelta(seconds=chance.uniform(0, 900))
    while at < START + timedelta(hours=hours):
        found.append(Reading(at, round(chance.choice([1.0, 4.0, 5.0, 5.5, 8.0, 9.5]) + chance.random(), 2)))
        at += timedelta(seconds=chance.choice([300, 300, 300, 300, 300, 600, 901, 7000]))
    return found


def by_hours(series: Series, from_us: int, until_us: int) -> Tally:
    """As the gateway sums up: whole hours from their rows, what was outside and the ends reading by reading."""
    first, last = -(-from_us // HOUR_US) * HOUR_US, until_us // HOUR_US * HOUR_US
    tally = Tally()
    tally.add_series(series, from_us, first, LIMITS)
    for hour in hours_of(series, first, last):
        if LIMITS.hold(hour):
            tally.add_hour(hour)
        else:
            tally.add_series(series, hour.hour_us, hour.hour_us + HOUR_US, LIMITS)
    tally.add_series(series, last, until_us, LIMITS)
    tally.unknown_us = until_us - from_us - tally.known_us
    return tally


@given(st.integers(0, 10_000), st.integers(0, 20 * 60), st.integers(120, 9 * 60))
def test_sums_of_hours_say_the_same_as_every_reading(seed: int, begin: int, length: int) -> None:
    series = Series.of(readings(seed), INTERVAL_S)
    from_us = START_US + begin * MINUTE_US
    until_us = from_us + length * MINUTE_US
    exact = exposure_of([Stay("fridge", from_us, until_us)], {"fridge": series}, HIGH, LOW)
    summed = by_hours(series, from_us, until_us).exposure()
    assert summed.mkt_celsius == pytest.approx(exact.mkt_celsius, abs=1e-6)
    assert summed == Exposure(
        *(exact.minutes_above, exact.minutes_below, exact.minutes_inside, exact.minutes_unknown),
        *(exact.lowest_celsius, exact.highest_celsius, summed.mkt_celsius),
    )


@given(st.integers(0, 10_000))
def test_hours_made_again_after_late_blocks_are_the_same_to_the_last_bit(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed, no secret
    all_readings = readings(seed)
    blocks = [all_readings[place : place + 11] for place in range(0, len(all_readings), 11)]
    chance.shuffle(blocks)
    end = START_US + 31 * HOUR_US
    gap_us = round(INTERVAL_S * 3 * 1e6)
    known: list[Reading] = []
    rows: dict[int, HourClimate] = {}
    for block in blocks:
        known += block
        since = to_us(block[0].occurred_at) - gap_us
        begin = since - since % HOUR_US
        rows = {hour: row for hour, row in rows.items() if hour < begin}
        rows |= {row.hour_us: row for row in hours_of(Series.of(known, INTERVAL_S), begin, end)}
    whole = {row.hour_us: row for row in hours_of(Series.of(all_readings, INTERVAL_S), START_US - HOUR_US, end)}
    assert rows == whole


def test_of_two_thermometers_the_worse_counts_and_only_what_neither_measured_is_unknown() -> None:
    one = Tally(above_us=10, inside_us=80, unknown_us=10, lowest=4, highest=9, heat=90.0)
    other = Tally(below_us=5, inside_us=45, unknown_us=50, lowest=1, highest=5, heat=25.0)
    worst = worst_thermometer([one, other])
    assert (worst.above_us, worst.below_us, worst.unknown_us, worst.inside_us) == (10, 5, 10, 75)
    assert (worst.lowest, worst.highest) == (1, 9)


def minutes_in(spot: str, from_us: int, until_us: int) -> Tally:
    """A warm store and a cold fridge; nobody measures on the way."""
    span = until_us - from_us
    if spot == "place:store":
        return Tally(above_us=span, lowest=20, highest=20, heat=span)
    if spot.startswith("in_transit"):
        return Tally(unknown_us=span)
    return Tally(inside_us=span, lowest=5, highest=5, heat=span)


def move(minute: int, kind: str, way: tuple[str, str], quantity: int = 10, document: str = "") -> Move:
    """At a minute."""
    return Move(minute * MINUTE_US, kind, *way, quantity, document)


def test_what_a_lot_went_through_goes_with_it_through_every_move() -> None:
    journey = LotJourney(minutes_in)
    journey.move(move(0, "receive", ("supplier", "place:store"), 100))
    journey.move(move(30, "put_away", ("place:store", "place:fridge"), 60))
    journey.move(move(90, "transfer_out", ("place:fridge", "in_transit"), 20, "T1"))
    journey.move(move(100, "transfer_in", ("in_transit", "place:ward"), 20, "T1"))
    journey.move(move(120, "dispense", ("place:ward", "dispensed"), 5))
    fridge, ward, given = (
        journey.exposure_at(spot, 200 * MINUTE_US).exposure() for spot in ("place:fridge", "place:ward", "dispensed")
    )
    assert (fridge.minutes_above, fridge.minutes_unknown, fridge.minutes_inside) == (30, 0, 170)
    assert (ward.minutes_above, ward.minutes_unknown, ward.minutes_inside) == (30, 10, 160)
    assert (given.minutes_above, given.minutes_unknown, given.minutes_inside) == (30, 10, 80)
    # Later units that look alike carry the worst of both.
    journey.move(move(150, "put_away", ("place:store", "place:fridge"), 40))
    assert journey.exposure_at("place:fridge", 160 * MINUTE_US).exposure().minutes_above == 150
    assert journey.standing() == {"place:fridge": 80, "place:ward": 15, "dispensed": 5}
    assert journey.all_stays()[0].spot == "place:store"


def test_a_movement_that_was_taken_back_was_never_made() -> None:
    there = move(0, "receive", ("supplier", "place:fridge"))
    slip = move(10, "issue", ("place:fridge", "dispensed"))
    back = move(20, "reverse", ("dispensed", "place:fridge"))
    moves = without_taken_back([("a", None, there), ("b", None, slip), ("c", "b", back)])
    assert moves == [there]
    assert [(stay.spot, stay.until_us) for stay in stays_of_pack(moves)] == [("place:fridge", None)]


def exposure(above: float = 0, unknown: float = 0, lowest: float = 4, highest: float = 6) -> Exposure:
    """Of a vaccine."""
    return Exposure(above, 0, 1000, unknown, lowest, highest, 5.0)


@pytest.mark.parametrize(
    ("gone_through", "allowed", "advice", "ground"),
    [
        (exposure(), None, "release", "nothing_outside"),
        (exposure(above=30), None, "ask_maker", "no_budget"),
        (exposure(unknown=30), None, "ask_maker", "not_all_known"),
        (exposure(above=30), 480, "release", "within_budget"),
        (exposure(above=500), 480, "destroy", "over_budget"),
        (exposure(above=400, unknown=100), 480, "ask_maker", "not_all_known"),
        (exposure(above=5, highest=41), 480, "destroy", "too_warm"),
        (exposure(lowest=-0.5), 480, "destroy", "frozen"),
    ],
)
def test_what_the_figures_advise(gone_through: Exposure, allowed: float | None, advice: str, ground: str) -> None:
    found = recommend(gone_through, Stability(allowed, 40.0), may_freeze=False)
    assert (found.advice, found.ground) == (advice, ground)
