"""Mean kinetic temperature: published examples, and what must hold of every series."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.mean_kinetic_temperature import (
    WINDOWS,
    mean_kinetic_temperature,
    weighted_celsius,
    worst_celsius,
)
from inventory.cold_chain.series import Reading, Series
from tests.inventory.published_vectors import load_vectors

START = datetime(2026, 11, 22, tzinfo=UTC)


def hourly(*values: float) -> Series:
    return Series.of([Reading(START + timedelta(hours=number), value) for number, value in enumerate(values)])


def of(series: Series) -> float:
    found = mean_kinetic_temperature(series)
    assert found is not None
    return found.celsius


def test_published_examples() -> None:
    for vector in load_vectors("mkt"):
        values = tuple(float(step["celsius"]) for step in vector["series"])
        weights = [step["duration"] for step in vector["series"]]
        ours = weighted_celsius(values, weights)
        if "expected_mkt_celsius" in vector:
            assert ours == pytest.approx(vector["expected_mkt_celsius"], abs=vector["tolerance"]), vector["id"]
            every_hour = hourly(*(value for value, hours in zip(values, weights, strict=True) for _ in range(hours)))
            assert of(every_hour) == pytest.approx(ours, abs=1e-9)
        else:
            assert vector["id"] in {"mkt-o006", "mkt-o007"}
    assert round(weighted_celsius((4.0, 4.0, 4.0, 4.0, 16.0), [1] * 5), 1) >= 8.0
    assert -20.0 < weighted_celsius((-22.0, -18.0), [1, 1]) < -18.0


@given(st.lists(st.floats(-90, 60, allow_nan=False), min_size=1, max_size=50))
@settings(max_examples=200)
def test_it_lies_between_the_arithmetic_mean_and_the_warmest(values: list[float]) -> None:
    ours = of(hourly(*values))
    assert sum(values) / len(values) - 1e-6 <= ours <= max(values) + 1e-6


def test_it_is_weighted_by_time_and_a_gap_is_left_out_and_told() -> None:
    readings = [Reading(START + timedelta(minutes=10 * n), 5.0) for n in range(12)]
    later = [Reading(START + timedelta(days=2, minutes=10 * n), 25.0) for n in range(12)]
    series = Series.of([*readings, *later])
    found = mean_kinetic_temperature(series)
    assert found is not None
    assert (found.n, found.minutes) == (24, 240)
    assert found.celsius == pytest.approx(weighted_celsius((5.0, 25.0), [1, 1]))
    assert len(series.gaps_us()) == 1


def test_the_worst_day_is_found_in_a_cool_month() -> None:
    series = hourly(*[5.0] * 300, *[15.0] * 24, *[5.0] * 300)
    day = worst_celsius(series, WINDOWS[1])
    month = worst_celsius(series, WINDOWS[0])
    assert day is not None
    assert month is not None
    assert day[0] == pytest.approx(15.0)
    assert day[1] == series.at_us[323]
    assert month[0] == pytest.approx(of(series))


def test_no_reading_has_none_and_one_reading_has_its_own() -> None:
    assert mean_kinetic_temperature(Series.of([])) is None
    assert of(hourly(7.5)) == pytest.approx(7.5)


def test_below_absolute_zero_is_refused() -> None:
    with pytest.raises(ColdChainError, match="absolute zero"):
        of(hourly(-300.0))
