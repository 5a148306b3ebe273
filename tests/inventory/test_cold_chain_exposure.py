"""What a pack went through, place by place."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.cold_chain.errors import ColdChainError
from inventory.cold_chain.exposure import Budget, Stay, exposure_of
from inventory.cold_chain.instant import to_us
from inventory.cold_chain.profiles import profile
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.series import Reading, Series

START = datetime(2026, 11, 22, tzinfo=UTC)
HIGH, _ = profile("refrigerator").rules
LOW = Rule("below 2", "low", 2.0, inclusive=False, mode="consecutive", minutes=0)


def at(minute: float) -> int:
    return to_us(START + timedelta(minutes=minute))


def place(*values: float, first_minute: float = 0) -> Series:
    return Series.of(
        [Reading(START + timedelta(minutes=first_minute + 5 * n), value) for n, value in enumerate(values)], 300
    )


FRIDGE = place(*[5.0] * 100)
PORTER = place(*[22.0] * 100)
WARD = place(*[5.0] * 20, *[9.0] * 12, *[1.0] * 6, *[5.0] * 62)


def test_exposure_follows_the_pack_from_the_store_by_the_porter_to_the_ward() -> None:
    stays = [Stay("fridge", at(0), at(60)), Stay("porter", at(60), at(75)), Stay("ward", at(75), at(300))]
    found = exposure_of(stays, {"fridge": FRIDGE, "porter": PORTER, "ward": WARD}, HIGH, LOW)
    assert (found.minutes_above, found.minutes_below, found.minutes_unknown) == (15 + 60, 30, 0)
    assert found.minutes_inside == 300 - 15 - 60 - 30
    assert (found.lowest_celsius, found.highest_celsius) == (1, 22)
    assert found.mkt_celsius is not None
    assert 5 < found.mkt_celsius < 22
    assert Budget(480, "the maker's leaflet").remaining(found) == 405


def test_a_pack_that_left_before_the_fridge_warmed_is_not_harmed() -> None:
    found = exposure_of([Stay("ward", at(0), at(100))], {"ward": WARD}, HIGH, LOW)
    assert not found.is_harmed_or_unknown


def test_a_place_without_sensor_and_a_gap_are_unknown_and_never_harmless() -> None:
    holey = Series.of([*(Reading(START + timedelta(minutes=m), 5.0) for m in (0, 5, 10, 100, 105))], 300)
    found = exposure_of([Stay("box", at(0), at(10)), Stay("holey", at(10), at(105))], {"holey": holey}, HIGH, LOW)
    assert (found.minutes_unknown, found.minutes_inside) == (10 + 90, 5)
    assert found.is_harmed_or_unknown
    assert exposure_of([Stay("box", at(0), at(10))], {}, HIGH, LOW).mkt_celsius is None


@given(st.integers(-50, 600), st.integers(0, 600), st.floats(0, 1))
@settings(max_examples=150)
def test_a_move_within_one_place_changes_nothing_and_no_minute_is_lost(first: int, length: int, share: float) -> None:
    begin, end = at(first), at(first + length)
    cut = begin + int((end - begin) * share)
    whole = exposure_of([Stay("ward", begin, end)], {"ward": WARD}, HIGH, LOW)
    parts = exposure_of([Stay("ward", begin, cut), Stay("ward", cut, end)], {"ward": WARD}, HIGH, LOW)
    for name in ("minutes_above", "minutes_below", "minutes_inside", "minutes_unknown"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), abs=0.002)
    assert parts.mkt_celsius == pytest.approx(whole.mkt_celsius)
    total = whole.minutes_above + whole.minutes_below + whole.minutes_inside + whole.minutes_unknown
    assert total == pytest.approx(length, abs=0.004)


def test_a_stay_that_ends_before_it_begins_and_rules_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ColdChainError, match="until"):
        Stay("fridge", at(5), at(0))
    with pytest.raises(ColdChainError, match="high one"):
        exposure_of([], {}, LOW, HIGH)
