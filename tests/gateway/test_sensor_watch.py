"""What a thermometer's own readings say: rising faster than ever, and what can't be true. Pure."""

import json
import math
import random
from dataclasses import replace

import pytest

from gateway.alarms.limits import BUILT_IN
from gateway.alarms.sensor_watch import Found, Memory, SensorLimits, watch

HOUR = 3600.0
_RISE, _DOUBT = "rate_of_rise", "sensor_implausible"
LIMITS = SensorLimits(
    8.0,
    *(BUILT_IN.of(_RISE, name) for name in ("window_s", "rise_celsius", "within_s")),
    *(BUILT_IN.of(_DOUBT, name) for name in ("stuck_s", "jump_celsius", "jump_within_s", "calm_s")),
    *(BUILT_IN.of(_DOUBT, name) for name in ("range_low_celsius", "range_high_celsius")),
)


def fridge(hours: float, *, start_s: float = 0.0, every_s: float = 60.0) -> list[tuple[float, float]]:
    """A compressor that swings by a degree around 5 every half an hour, a probe that is a little uneasy."""
    noise = random.Random(4711)  # noqa: S311 - the same each time
    times = [start_s + every_s * n for n in range(int(hours * HOUR / every_s))]
    return [(at, 5.0 + math.sin(2 * math.pi * at / 1800) + noise.gauss(0, 0.03)) for at in times]


def dying(
    at_s: float, minutes: float, *, from_celsius: float = 5.0, per_hour: float = 6.0
) -> list[tuple[float, float]]:
    """Without cooling."""
    return [(at_s + 60.0 * n, from_celsius + per_hour * n / 60) for n in range(int(minutes))]


def test_a_fridge_that_swings_as_it_always_does_rises_towards_nothing() -> None:
    memory = Memory()
    for reading in fridge(24):
        assert watch(memory, [reading], LIMITS).rising_since_s is None
    assert len(memory.points) < 40
    assert len(memory.warmest) <= 24


def test_a_fridge_without_cooling_is_told_before_its_limit_is_reached_and_until_it_cools() -> None:
    memory = Memory()
    watch(memory, fridge(10), LIMITS)
    told: list[tuple[float, Found]] = []
    for at_s, celsius in dying(10 * HOUR, 40):
        found = watch(memory, [(at_s, celsius)], LIMITS)
        if found.rising_since_s is not None:
            told.append((celsius, found))
    first_celsius, first = told[0]
    assert 6.0 < first_celsius < 7.0
    assert first.celsius_per_hour == pytest.approx(6.0, abs=2.5)
    assert first.reaches_in_s is not None
    assert 600 < first.reaches_in_s < 2700
    last = watch(memory, [(11 * HOUR + 60.0 * n, 8.5 - n / 10) for n in range(20)], LIMITS)
    assert last.rising_since_s is None


def test_the_memory_survives_a_restart_and_a_memory_of_another_version_is_learned_anew() -> None:
    whole, halves = Memory(), Memory()
    series = [*fridge(7), *dying(7 * HOUR, 25)]
    expected = watch(whole, series, LIMITS)
    for reading in series:
        halves = Memory.of_json(json.loads(json.dumps(halves.as_json())))
        found = watch(halves, [reading], LIMITS)
    assert found.rising_since_s == expected.rising_since_s is not None
    assert Memory.of_json({"points": "?"}) == Memory()


def test_late_and_doubled_readings_change_nothing() -> None:
    memory, other = Memory(), Memory()
    series = [*fridge(7), *dying(7 * HOUR, 25)]
    expected = watch(memory, series, LIMITS)
    found = watch(other, [reading for each in series for reading in (each, each, (each[0] - 5000, 84.0))], LIMITS)
    assert (found, other) == (expected, memory)


def test_after_a_gap_nothing_is_predicted_from_before_it() -> None:
    memory = Memory()
    watch(memory, fridge(8), LIMITS)
    after = 8 * HOUR + 1700
    assert watch(memory, dying(after, 3, from_celsius=7.0), LIMITS).rising_since_s is None


@pytest.mark.parametrize(
    ("celsius", "why"),
    [(85.0, "power_on_value"), (-127.0, "out_of_range"), (300.0, "out_of_range"), (20.0, "jump"), (-9.0, "jump")],
)
def test_what_no_thermometer_there_can_say_is_doubted_until_it_is_plausible_for_a_while(
    celsius: float, why: str
) -> None:
    memory = Memory()
    watch(memory, fridge(1), LIMITS)
    found = watch(memory, [(HOUR, celsius)], LIMITS)
    assert (found.doubt, found.doubt_since_s, found.doubt_celsius) == (why, HOUR, celsius)
    calm = [(HOUR + 60.0 * n, 5.0 + n / 100) for n in range(1, 16)]
    assert watch(memory, calm[:5], LIMITS).doubt != ""
    assert watch(memory, calm[5:], LIMITS).doubt == ""


def test_an_instruments_own_range_goes_before_the_usual_one() -> None:
    narrow = replace(LIMITS, range_low_celsius=-10.0, range_high_celsius=40.0)
    assert watch(Memory(), [(0.0, 41.0)], narrow).doubt == "out_of_range"
    assert watch(Memory(), [(0.0, 41.0)], LIMITS).doubt == ""


def test_a_value_that_never_moves_is_stuck_and_believed_again_when_it_does() -> None:
    memory = Memory()
    still = [(300.0 * n, 4.5) for n in range(12 * 12)]
    assert watch(memory, still, LIMITS).doubt == ""
    found = watch(memory, [(12 * HOUR, 4.5)], LIMITS)
    assert (found.doubt, found.doubt_celsius) == ("stuck", 4.5)
    assert watch(memory, [(12 * HOUR + 300, 4.6)], LIMITS).doubt == ""


def test_one_reading_that_says_85_degrees_in_a_hot_room_is_true() -> None:
    memory = Memory()
    assert watch(memory, [(0.0, 84.5), (10.0, 85.0)], LIMITS).doubt == ""
