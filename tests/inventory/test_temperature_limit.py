"""The judge of a place's temperature: strict limits, consecutive time, event time, gaps."""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.errors import InventoryError
from inventory.temperature_limit import Change, Condition, TemperatureLimit, WatchState, is_raised, judge

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
HIGH = TemperatureLimit("temperature_high", limit_celsius=8.0, after_s=600, gap_s=300)
LOW = TemperatureLimit("temperature_low", limit_celsius=2.0, after_s=0, gap_s=300)


def play(
    limit: TemperatureLimit,
    readings: list[tuple[float, float]],
    state: WatchState | None = None,
) -> tuple[WatchState | None, list[tuple[float, str, float]]]:
    """The last state, and every change as (seconds, kind, peak); readings are (seconds, degrees Celsius)."""
    changes: list[tuple[float, str, float]] = []
    for seconds, temperature in readings:
        state, change = judge(limit, state, START + timedelta(seconds=seconds), temperature)
        if change is not None:
            changes.append((seconds, change.kind, change.peak_celsius))
    return state, changes


def every_minute(*temperatures: float) -> list[tuple[float, float]]:
    return [(60.0 * index, temperature) for index, temperature in enumerate(temperatures)]


def test_a_fridge_that_stays_warm_alarms_when_the_time_is_up_and_not_before() -> None:
    _, changes = play(HIGH, every_minute(5, *[9] * 11))
    assert changes == [(660, "raised", 9)]


def test_the_limit_itself_is_inside() -> None:
    assert play(HIGH, every_minute(*[8.0] * 30))[1] == []
    assert play(LOW, every_minute(*[2.0] * 30))[1] == []
    assert play(LOW, every_minute(1.9))[1] == [(0, "raised", 1.9)]


def test_a_door_opened_again_and_again_does_not_add_up() -> None:
    """Single event: dips of less than the time each, together longer than it, do not alarm (Berlinger manual 8.3)."""
    _, changes = play(HIGH, every_minute(*[9, 9, 9, 9, 9, 9, 9, 9, 9, 5] * 5))
    assert changes == []


def test_it_returns_with_the_first_reading_back_inside_and_tells_the_peak() -> None:
    _, changes = play(HIGH, every_minute(*[9] * 11, 12, 10, 11, 8.0, 5))
    assert changes == [(600, "raised", 9), (660, "updated", 12), (840, "returned", 12)]


def test_the_peak_of_a_cold_alarm_is_the_lowest() -> None:
    _, changes = play(LOW, every_minute(1, 0.5, 0.7, -3, 4))
    assert changes == [(0, "raised", 1), (60, "updated", 0.5), (180, "updated", -3), (240, "returned", -3)]


def test_a_limit_already_broken_when_watching_begins_counts_from_the_first_reading() -> None:
    assert play(HIGH, every_minute(*[20] * 11))[1] == [(600, "raised", 20)]


def test_a_doubled_or_late_reading_changes_nothing() -> None:
    readings = every_minute(*[9] * 11)
    state, _ = play(HIGH, readings)
    assert play(HIGH, [readings[-1], readings[3], (30, 2.0)], state) == (state, [])


def test_a_gap_is_neither_exposure_nor_relief() -> None:
    before, after = [(0.0, 9.0), (240.0, 9.0)], [(7440.0, 9.0), (7560.0, 9.0), (7680.0, 9.0), (7800.0, 9.0)]
    _, changes = play(HIGH, before + after)
    assert changes == [(7800, "raised", 9)], "240 s before the gap of two hours and 360 s behind it make 600 s"


def test_a_gap_during_an_alarm_does_not_end_it() -> None:
    state, _ = play(HIGH, every_minute(*[9] * 11))
    state, changes = play(HIGH, [(90_000, 9.5)], state)
    assert changes == [(90_000, "updated", 9.5)]
    assert state is not None
    assert is_raised(HIGH, state)


def test_the_same_verdict_after_a_restart_between_any_two_readings() -> None:
    readings = every_minute(5, *[9] * 12, 12, 5, *[9] * 12)
    whole = play(HIGH, readings)
    for cut in range(len(readings)):
        state, first = play(HIGH, readings[:cut])
        kept = None if state is None else WatchState(state.judged_until, state.outside_since, state.peak_celsius)
        assert play(HIGH, readings[cut:], kept) == (whole[0], whole[1][len(first) :])


def test_what_is_no_limit_and_no_reading_is_refused() -> None:
    with pytest.raises(InventoryError, match="finite"):
        TemperatureLimit("temperature_high", math.nan, 600, 300)
    with pytest.raises(InventoryError, match="gap_s"):
        TemperatureLimit("temperature_high", 8, 600, 0)
    with pytest.raises(InventoryError, match="number"):
        judge(HIGH, None, START, math.inf)
    with pytest.raises(InventoryError, match="time zone"):
        judge(HIGH, None, START.replace(tzinfo=None), 5.0)


READINGS = st.lists(st.tuples(st.integers(1, 400), st.integers(-2, 12)), max_size=60)


@given(READINGS, st.sampled_from(["temperature_high", "temperature_low"]), st.integers(0, 900), st.integers(1, 400))
def test_it_agrees_with_reading_the_whole_history_at_once(
    steps: list[tuple[int, int]],
    condition: Condition,
    after_s: int,
    gap_s: int,
) -> None:
    """The plain rule, over all readings since the last one inside: covered time outside is what counts."""
    limit = TemperatureLimit(condition, 5.0, after_s, gap_s)
    history: list[tuple[datetime, float]] = []
    state: WatchState | None = None
    raised, at = False, START
    for step, temperature in steps:
        at += timedelta(seconds=step)
        history.append((at, float(temperature)))
        state, change = judge(limit, state, at, float(temperature))
        expected = _raised_by_history(limit, history)
        kind = change.kind if isinstance(change, Change) else None
        assert is_raised(limit, state) == expected
        assert (kind == "raised") == (expected and not raised)
        assert (kind == "returned") == (raised and not expected)
        raised = expected


def _raised_by_history(limit: TemperatureLimit, history: list[tuple[datetime, float]]) -> bool:
    outside: list[datetime] = []
    for at, temperature in history:
        outside = [*outside, at] if limit.is_outside(temperature) else []
    steps = [(later - earlier).total_seconds() for earlier, later in pairwise(outside)]
    return bool(outside) and sum(step for step in steps if step <= limit.gap_s) >= limit.after_s
