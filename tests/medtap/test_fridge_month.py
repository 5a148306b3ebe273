"""A month of many fridges: the same seed is the same month, and whatever alarms is paged."""

import json

from typer.testing import CliRunner

from medtap.bench.fridge_month import Alarm, simulate, unpaged
from medtap.cli.app import app


def test_a_simulated_month_pages_all_that_matured_and_wakes_people_rarely() -> None:
    told = CliRunner().invoke(app, ["coldchain", "simulate", "--days", "12", "--fridges", "6", "--seed", "2", "--json"])
    found = json.loads(told.stdout)
    assert (told.exit_code, found["matured_unpaged"]) == (0, 0)
    assert found["matured"] > 0
    assert found["pages_per_shift_median"] <= 2
    assert simulate(12, 6, 2) == found


def test_an_excursion_whose_incident_never_rang_counts_as_unpaged() -> None:
    alarm = Alarm(1, "temperature_high", "critical", 100.0, 300.0, "fridge 1")
    assert unpaged([alarm], [(100.0, "fridge 1", 0)]) == 0
    assert unpaged([alarm], [(100.0, "fridge 2", 0)]) == 1
    assert unpaged([alarm], [(120.0, "fridge 1", 0)]) == 1
