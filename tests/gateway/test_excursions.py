"""What every watched place went through, judged in the ingest transaction in event time. Real PostgreSQL."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.cold_chain.rule_changes import Scope, change_rule
from gateway.ingest.decoder import decode
from gateway.services.site_file import import_site, parse_site
from inventory.cold_chain.instant import from_us
from inventory.cold_chain.rule import Rule
from inventory.cold_chain.series import Reading, Series
from inventory.cold_chain.verdict import judge
from tests.gateway.ingest_kit import NOW, PLACES, Database, Node, device, readings_from

pytestmark = pytest.mark.integration

_STANDING = (
    "SELECT rule_name, started_at, triggered_at, ended_at, peak_celsius FROM excursion WHERE taken_back_at IS NULL"
    " ORDER BY started_at, rule_name"
)
_CHANGES = "SELECT reason, before->>'triggered_at' IS NOT NULL FROM excursion_change ORDER BY changed_at"
_ALARMS = "SELECT condition, returned_at IS NOT NULL, times_raised FROM alarm ORDER BY raised_at"
START = NOW - timedelta(hours=2)


def _at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def test_time_outside_is_kept_even_if_it_never_alarmed(database: Database) -> None:
    database.take(Node().readings(*readings_from(START, [5.0, 9.0, 9.5, 5.0])))
    assert database.rows(_STANDING) == [("temperature_high", _at(10), None, _at(30), 9.5)]
    assert database.rows(_ALARMS) == []


@pytest.mark.parametrize("seed", range(4))
def test_blocks_that_arrive_in_any_order_leave_the_same_excursions(database: Database, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed, no secret
    values = [chance.choice([1.5, 2.0, 5.0, 8.0, 8.1, 9.0]) for _ in range(60)]
    values[20:30] = [9.0] * 10
    series = readings_from(START, values)
    blocks = [series[index : index + 7] for index in range(0, len(series), 7)]
    chance.shuffle(blocks)
    node = Node()
    for block in blocks:
        database.take(node.readings(*block))
    rules = (
        Rule("temperature_high", "high", 8.0, inclusive=False, mode="consecutive", minutes=1),
        Rule("temperature_low", "low", 2.0, inclusive=False, mode="consecutive", minutes=1),
    )
    readings = [Reading(each.occurred_at, each.temperature_celsius) for each in series]
    expected = [
        (
            each.rule.name,
            from_us(each.started_us),
            None if each.triggered_us is None else from_us(each.triggered_us),
            None if each.ended_us is None else from_us(each.ended_us),
            each.peak,
        )
        for each in judge(Series.of(readings, 300), rules).excursions
    ]
    assert sorted(database.rows(_STANDING)) == sorted(expected, key=lambda row: (row[0], row[1]))
    assert any(row[2] is not None for row in expected)


@pytest.mark.parametrize("seed", range(3))
def test_doubled_shuffled_and_late_blocks_over_restarts_leave_the_verdicts_of_all_rules(
    database: Database, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed, no secret
    rules = (
        Rule("sum", "high", 8.0, inclusive=True, mode="accumulated", minutes=4),
        Rule("long", "high", 8.5, inclusive=False, mode="consecutive", minutes=3, hysteresis=0.5),
        Rule("temperature_low", "low", 2.0, inclusive=True, mode="consecutive", minutes=1),
    )
    with database.pool.connection() as connection:
        for rule in rules:
            how: dict[str, Any] = {"by_whom": "ha", "why": "thử", "now": NOW}
            change_rule(connection, Scope(place_id="fridge-1"), rule.name, "set", rule, **how)
        change_rule(connection, Scope(place_id="fridge-1"), "temperature_high", "off", None, **how)
    values = [chance.choice([1.9, 2.0, 5.0, 8.0, 8.1, 9.0]) for _ in range(80)]
    values[30:52] = [9.0] * 22
    series = readings_from(START, values)
    blocks = [series[place : place + 9] for place in range(0, len(series), 9)]
    arriving = [*blocks, *chance.sample(blocks, 3)]
    chance.shuffle(arriving)
    node = Node()
    for block in arriving:
        shuffled = chance.sample(block, len(block))
        database.another_committer().commit([decode(node.readings(*shuffled))])
    readings = [Reading(each.occurred_at, each.temperature_celsius) for each in series]
    expected = [
        (each.rule.name, from_us(each.started_us), each.triggered_us and from_us(each.triggered_us), each.peak)
        for each in judge(Series.of(readings, 300), rules).excursions
    ]
    found = database.rows(
        "SELECT rule_name, started_at, triggered_at, peak_celsius FROM excursion WHERE taken_back_at IS NULL"
    )
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert {row[0] for row in found if row[2]} >= {"sum", "long"}


def test_late_readings_can_mature_an_excursion_that_is_over_and_it_alarms(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(_at(50), [*[9.0] * 5, 5.0])))
    assert database.rows(_ALARMS) == []
    database.take(node.readings(*readings_from(_at(20), [9.0] * 3)))
    assert database.rows(_STANDING) == [("temperature_high", _at(20), _at(80), _at(100), 9.0)]
    assert database.rows(_ALARMS) == [("temperature_high", True, 1)]


def test_a_late_reading_inside_takes_an_alarm_back_and_what_stood_there_is_kept(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(START, [5.0, *[9.0] * 8])))
    assert database.rows(_ALARMS) == [("temperature_high", False, 1)]
    database.take(node.readings(*readings_from(_at(45), [5.0])))
    assert database.rows(_STANDING) == [
        ("temperature_high", _at(10), None, _at(45), 9.0),
        ("temperature_high", _at(50), None, None, 9.0),
    ]
    assert database.rows(_CHANGES) == [("late_readings", True)]
    # Still outside, and not long enough: it is neither raised again nor called normal.
    assert database.rows(_ALARMS) == [("temperature_high", False, 1)]
    database.take(node.readings(*readings_from(_at(90), [5.0])))
    assert database.rows(_ALARMS) == [("temperature_high", True, 1)]


def test_late_readings_that_show_it_never_was_take_it_back(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(_at(100), [9.0, 9.0, 5.0])))
    database.take(node.readings(*readings_from(_at(90), [9.0])))
    assert database.rows(_STANDING) == [("temperature_high", _at(90), None, _at(120), 9.0)]
    taken_back = database.rows("SELECT started_at FROM excursion WHERE taken_back_at IS NOT NULL")
    assert taken_back == [(_at(100),)]


def _limits(database: Database, high_celsius: float) -> None:
    places = [dict(place) for place in PLACES]
    places[3]["temperature_high_celsius"] = high_celsius
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"places": places}))


def test_a_rule_edited_while_it_fires_ends_what_it_found_and_judges_on_by_the_new_one(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(START, [5.0, 7.0, *[9.0] * 8])))
    _limits(database, 6.0)
    database.take(node.readings(*readings_from(_at(100), [9.0])))
    assert database.rows(_STANDING) == [
        ("temperature_high", _at(10), _at(70), None, 9.0),
        ("temperature_high", _at(20), _at(80), _at(90), 9.0),
    ]
    assert database.rows("SELECT rule->>'threshold' FROM excursion ORDER BY started_at") == [("6.0",), ("8.0",)]
    assert database.rows(_ALARMS) == [("temperature_high", False, 1)]
    _limits(database, 12.0)
    database.take(node.readings(*readings_from(_at(110), [9.0])))
    assert database.rows(_ALARMS) == [("temperature_high", True, 1)]


def test_a_sensor_moved_to_another_place_takes_nothing_of_the_old_one_along(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(START, [5.0, *[9.0] * 5])))
    with database.pool.connection() as connection:
        import_site(
            connection,
            parse_site(
                {
                    "places": [{**PLACES[3], "place_id": "fridge-2", "name_vi": "Tủ 2", "name_en": "Fridge 2"}],
                    "devices": [device("fridge-1-probe", "fridge-2")],
                }
            ),
        )
        placed_at = connection.execute("SELECT placed_at FROM device WHERE device_id = 'fridge-1-probe'").fetchone()
    assert placed_at is not None
    database.run("UPDATE device SET placed_at = %s WHERE device_id = 'fridge-1-probe'", _at(55))
    database.take(node.readings(*readings_from(_at(60), [9.0] * 3)))
    found = database.rows("SELECT place_id, started_at, triggered_at, ended_at FROM excursion ORDER BY started_at")
    assert found == [("fridge-1", _at(10), None, _at(50)), ("fridge-2", _at(60), None, None)]
    assert database.rows(_CHANGES) == [("device_moved", False)]
