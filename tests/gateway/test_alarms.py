"""From readings to alarms and their pages, in the ingest transaction. Real PostgreSQL."""

import uuid
from datetime import timedelta

import pytest

from gateway.alarms.errors import IncidentRefusedError
from gateway.alarms.incidents import acknowledge
from gateway.services.site_file import import_site, parse_site
from tests.gateway.ingest_kit import NOW, PLACES, Database, Node, reading, readings_from

pytestmark = pytest.mark.integration

_ALARMS = "SELECT condition, returned_at IS NOT NULL, acknowledged_at IS NOT NULL, times_raised FROM alarm"
_PAGED = "SELECT facts->>'occasion', facts->>'severity' FROM incident_journal WHERE what = 'paged' ORDER BY journal_id"


def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_fridge_that_stays_warm_becomes_one_alarm_and_one_page_on_each_channel(database: Database) -> None:
    node = Node()
    for start in range(6):  # a frame a minute
        database.take(node.readings(*readings_from(NOW + _minutes(start), [9.0 + start / 10] * 6)))
    assert database.rows(_ALARMS) == [("temperature_high", False, False, 1)]
    stored = database.rows("SELECT started_at, raised_at, place_id, limit_celsius, peak_celsius FROM alarm")
    assert stored == [(NOW, NOW + _minutes(1), "fridge-1", 8.0, 9.5)]
    assert database.rows("SELECT severity, scope, returned_at FROM incident") == [("critical", "place:fridge-1", None)]
    assert database.rows(_PAGED) == [("raised", "critical")]


def test_a_fridge_that_was_warm_only_shortly_does_not_alarm(database: Database) -> None:
    database.take(Node().readings(*readings_from(NOW, [9.0] * 5 + [7.9] + [9.0] * 5 + [8.0])))
    assert database.rows(_ALARMS) == []


def test_exactly_at_the_limit_is_inside(database: Database) -> None:
    database.take(Node().readings(*readings_from(NOW, [8.0, 2.0] * 20)))
    assert database.rows(_ALARMS) == []


def test_a_fridge_that_freezes_alarms_too_and_says_so(database: Database) -> None:
    database.take(Node().readings(*readings_from(NOW, [-0.5] * 8)))
    assert database.rows(_ALARMS) == [("temperature_low", False, False, 1)]
    assert database.rows("SELECT limit_celsius, peak_celsius, last_celsius FROM alarm") == [(2.0, -0.5, -0.5)]


def test_the_verdict_is_the_same_however_the_readings_are_delivered(database: Database) -> None:
    """One frame at once, hours later, or reading by reading with repetitions."""
    series = readings_from(NOW, [5.0, 9.0, 9.1, 9.2, 9.3, 9.4, 9.5, 9.6, 9.9, 5.0])
    database.take(Node(epoch="00000000000000e1").readings(*series, at=NOW + timedelta(hours=3)))
    at_once = database.rows("SELECT started_at, raised_at, peak_celsius, returned_at FROM alarm")
    database.run(
        "TRUNCATE alarm, incident, incident_journal, page, rule_watch, excursion, excursion_change, reading CASCADE"
    )
    node = Node(epoch="00000000000000e2")
    for each in series:
        frame = node.readings(each)
        database.take(frame)
        database.take(frame)
    assert database.rows("SELECT started_at, raised_at, peak_celsius, returned_at FROM alarm") == at_once
    assert at_once[0][2:] == (9.9, series[-1].occurred_at)


def test_the_judges_memory_survives_a_restart(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(NOW, [9.0] * 4)))
    database.committer = database.another_committer()
    database.take(node.readings(*readings_from(NOW + timedelta(seconds=40), [9.0] * 3)))
    assert database.column("SELECT started_at FROM alarm") == [NOW]


def test_a_condition_that_holds_already_alarms_when_a_limit_is_set(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(NOW, [7.0] * 8)))
    assert database.rows(_ALARMS) == []
    stricter = [dict(place) for place in PLACES]
    stricter[3]["temperature_high_celsius"] = 6.0
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"places": stricter}))
    database.take(node.readings(*readings_from(NOW + _minutes(2), [7.0] * 8)))
    assert database.rows(_ALARMS) == [("temperature_high", False, False, 1)]


def test_loosening_a_limit_ends_an_alarm_that_no_longer_holds(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(NOW, [9.0] * 8)))
    looser = [dict(place) for place in PLACES]
    looser[3]["temperature_high_celsius"] = 12.0
    with database.pool.connection() as connection:
        import_site(connection, parse_site({"places": looser}))
    database.take(node.readings(*readings_from(NOW + _minutes(2), [9.0])))
    assert database.rows(_ALARMS) == [("temperature_high", True, False, 1)]


def _raise_and_return(database: Database, node: Node, start: timedelta) -> None:
    database.take(node.readings(*readings_from(NOW + start, [9.0] * 8 + [5.0])))


def test_an_alarm_that_returned_to_normal_stays_open_until_someone_acknowledges_it(database: Database) -> None:
    node = Node()
    _raise_and_return(database, node, _minutes(0))
    assert database.rows(_ALARMS) == [("temperature_high", True, False, 1)]
    with database.pool.connection() as connection:
        number = database.value("SELECT incident_number FROM incident")
        assert acknowledge(connection, number, "an", "cửa tủ mở", channel="sms", now=NOW).is_first
    assert database.rows("SELECT acknowledged_by, acknowledge_comment FROM alarm") == [("an", "cửa tủ mở")]
    # Over now: the next time is another alarm.
    _raise_and_return(database, node, _minutes(10))
    assert database.value("SELECT count(*) FROM alarm") == 2


def test_a_condition_that_comes_back_unacknowledged_is_the_same_alarm_paged_again(database: Database) -> None:
    node = Node()
    _raise_and_return(database, node, _minutes(0))
    _raise_and_return(database, node, _minutes(10))
    assert database.rows(_ALARMS) == [("temperature_high", True, False, 2)]
    assert database.rows(_PAGED) == [("raised", "critical"), ("again", "critical")]
    assert database.value("SELECT times_raised FROM incident") == 2


def test_an_acknowledged_alarm_that_goes_on_is_not_paged_again_at_once(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(NOW, [9.0] * 8)))
    with database.pool.connection() as connection:
        number = database.value("SELECT incident_number FROM incident")
        acknowledge(connection, number, "an", "seen", channel="page", now=NOW)
    database.take(node.readings(*readings_from(NOW + _minutes(2), [9.5] * 8)))
    assert database.rows(_ALARMS) == [("temperature_high", False, True, 1)]
    assert database.rows(_PAGED) == [("raised", "critical")]


def test_an_incident_that_does_not_exist_cannot_be_acknowledged(database: Database) -> None:
    with database.pool.connection() as connection, pytest.raises(IncidentRefusedError, match="no such open incident"):
        acknowledge(connection, uuid.UUID(int=7), "an", "seen", channel="page", now=NOW)


def test_what_happens_to_an_alarm_is_shown_to_the_person_on_call(database: Database) -> None:
    node = Node()
    database.take(node.readings(*readings_from(NOW, [9.0] * 7)))
    database.take(node.readings(reading(9.8, at=NOW + _minutes(2))))
    database.take(node.readings(reading(5.0, at=NOW + _minutes(3))))
    query = "SELECT audience, payload->>'change' FROM live_event WHERE kind = 'alarm' ORDER BY live_event_id"
    assert database.rows(query) == [("on_call", "raised"), ("on_call", "updated"), ("on_call", "returned")]


def test_a_thermometer_in_no_watched_place_never_alarms(database: Database) -> None:
    database.take(Node().readings(*(reading(60.0, device="card-reader", at=NOW + _minutes(n)) for n in range(9))))
    assert database.rows(_ALARMS) == []


def test_readings_are_stored_even_if_their_judgement_fails_and_that_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("a fault of ours")

    monkeypatch.setattr("gateway.alarms.judge.judge", broken)
    database.take(Node().readings(*readings_from(NOW, [9.0] * 3)))
    assert database.value("SELECT count(*) FROM reading") == 3
    assert set(database.column("SELECT code FROM dead_letter")) == {"judgement_failed"}
