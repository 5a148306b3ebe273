"""How simulated fridges warm and cool."""

from dataclasses import replace
from datetime import date

import pytest

from firmware_sim.fridge import Fridge, FridgeSpec
from firmware_sim.hospital import generate_hospital

HOUR_S = 3600.0
SPECS = {spec.fridge_id: spec for spec in generate_hospital(1, date(2026, 11, 22)).fridges}


@pytest.fixture
def fridge() -> Fridge:
    return Fridge(SPECS["fridge-1"], "seed")


def _course(fridge: Fridge, hours: float) -> list[float]:
    """The probe, minute by minute."""
    course = []
    for _ in range(round(hours * 60)):
        fridge.step(60)
        course.append(fridge.probe_celsius)
    return course


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_left_alone_it_stays_within_its_limits_for_days(spec: FridgeSpec) -> None:
    course = _course(Fridge(spec, "seed"), hours=72)
    assert spec.low_celsius < min(course)
    assert max(course) < spec.high_celsius


def test_the_compressor_cycles(fridge: Fridge) -> None:
    switched = 0
    before = fridge.compressor_on
    for _ in range(12 * 60):
        fridge.step(60)
        switched += fridge.compressor_on != before
        before = fridge.compressor_on
    assert 10 < switched < 200


def test_a_dead_compressor_lets_it_warm_past_the_limit_and_towards_the_room(fridge: Fridge) -> None:
    fridge.warm()
    assert max(_course(fridge, hours=0.5)) > 8.0
    assert _course(fridge, hours=24)[-1] == pytest.approx(28.0, abs=0.1)


def test_a_heater_drives_it_to_the_temperature_asked_for_and_holds_it(fridge: Fridge) -> None:
    fridge.warm(12.0)
    assert _course(fridge, hours=1)[-1] == pytest.approx(12.0, abs=0.05)
    assert _course(fridge, hours=5)[-1] == pytest.approx(12.0, abs=0.05)


def test_frozen_by_a_failure_is_too_cold(fridge: Fridge) -> None:
    fridge.warm(-3.0)
    assert _course(fridge, hours=1)[-1] < 2.0


def test_mended_it_is_back_within_its_limits_in_an_hour(fridge: Fridge) -> None:
    fridge.warm(12.0)
    _course(fridge, hours=2)
    fridge.cool()
    assert _course(fridge, hours=1)[-1] < 8.0


def test_a_short_door_opening_is_seen_but_is_no_excursion(fridge: Fridge) -> None:
    _course(fridge, hours=3)
    before = fridge.air_celsius
    fridge.door_open = True
    fridge.step(60)
    assert fridge.air_celsius > before + 0.3
    fridge.door_open = False
    assert max(_course(fridge, hours=1)) < 8.0


def test_the_probe_lags_behind_the_air(fridge: Fridge) -> None:
    fridge.warm(20.0)
    fridge.step(60)
    assert fridge.probe_celsius < fridge.air_celsius - 0.5


def test_noise_is_small_and_the_same_for_the_same_seed() -> None:
    spec = SPECS["fridge-1"]
    measured = [Fridge(spec, "a").measure() for _ in range(2)]
    assert measured[0] == measured[1]
    assert measured[0] != Fridge(spec, "b").measure()
    fridge = Fridge(replace(spec, probe_noise_celsius=0.05), "a")
    many = [fridge.measure() for _ in range(500)]
    assert max(many) - min(many) < 0.5
    assert sum(many) / len(many) == pytest.approx(5.0, abs=0.02)


def test_how_time_is_cut_makes_no_difference() -> None:
    coarse, fine = Fridge(SPECS["fridge-1"], "a"), Fridge(SPECS["fridge-1"], "a")
    coarse.step(HOUR_S)
    for _ in range(720):
        fine.step(5)
    assert coarse.air_celsius == pytest.approx(fine.air_celsius, abs=1e-9)
