"""The life of an incident: one for a fridge, one for an outage; nothing silent for ever, no page lost, all kept."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import psycopg
import pytest

from gateway.alarms import incidents
from gateway.alarms.errors import IncidentRefusedError
from gateway.alarms.incident_facts import incident_facts
from gateway.alarms.limits import set_limit
from gateway.pager.config import PagerConfig
from gateway.pager.escalation import Escalator
from tests.gateway.alarm_kit import Alarms, at
from tests.gateway.ingest_kit import NOW, ZONE, Database

pytestmark = pytest.mark.integration


@pytest.fixture
def alarms(database: Database) -> Alarms:
    return Alarms(database)


def test_all_that_befalls_a_fridge_is_one_incident_told_by_the_worst_of_it(alarms: Alarms) -> None:
    alarms.begin("door_open")
    alarms.begin("rate_of_rise")
    assert alarms.open() == [("place:fridge-1", "warning", False, False, None)]
    assert alarms.paged() == [("raised", "warning")]
    alarms.later(2)
    alarms.begin("temperature_high", facts={"limit_celsius": 8.0, "peak_celsius": 9.0, "value_celsius": 8.9})
    assert alarms.open() == [("place:fridge-1", "critical", False, False, None)]
    assert alarms.paged() == [("raised", "warning"), ("worse", "critical")]
    with alarms.transaction() as connection:
        facts = incident_facts(connection, alarms.database.value("SELECT incident_id FROM incident"))
        assert incident_facts(connection, uuid.UUID(int=1)) is None
    assert facts is not None
    assert (facts.leading.kind, facts.leading.limit_celsius, facts.leading.value_celsius) == (
        "temperature_high",
        8.0,
        8.9,
    )
    assert facts.place_names_vi == ("Tủ vắc-xin 1", "Kho chính", "Bệnh viện Nhi")
    assert {alarm.kind for alarm in facts.alarms} == {"door_open", "rate_of_rise", "temperature_high"}
    assert (facts.state, facts.needs_hands_now, facts.started_at) == ("active_unacknowledged", True, NOW)
    alarms.begin("temperature_high", place="ward")
    assert [scope for scope, *_ in alarms.open()] == ["place:fridge-1", "place:ward"]


def test_acknowledging_needs_a_comment_on_every_channel_and_the_first_who_does_it_stays(alarms: Alarms) -> None:
    alarms.begin()
    number = alarms.number()
    assert 1000 <= number <= 9999
    for comment in ("", "   "):
        with pytest.raises(IncidentRefusedError, match="a comment is missing") as refused:
            alarms.acknowledge(number, comment=comment)
        assert refused.value.code == "comment_missing"
    assert alarms.acknowledge(number, "an", "đã mở tủ dự phòng").is_first
    second = alarms.acknowledge(number, "binh", "tôi cũng tới")
    assert (second.is_first, second.acknowledged_by, second.state) == (False, "an", "active_acknowledged")
    assert alarms.database.rows(
        "SELECT what, by_whom, channel, comment FROM incident_journal WHERE by_whom IS NOT NULL ORDER BY journal_id"
    ) == [("acknowledged", "an", "page", "đã mở tủ dự phòng"), ("commented", "binh", "page", "tôi cũng tới")]
    with pytest.raises(IncidentRefusedError, match="no such open incident: 9998"):
        alarms.acknowledge(9998)


def test_two_who_acknowledge_at_once_are_one_first_and_one_second(alarms: Alarms) -> None:
    alarms.begin()
    number, together = alarms.number(), threading.Barrier(4)

    def answer(who: str) -> bool:
        together.wait(30)
        return alarms.acknowledge(number, who).is_first

    with ThreadPoolExecutor(4) as people:
        firsts = list(people.map(answer, ["an", "binh", "chi", "dung"]))
    assert sorted(firsts) == [False, False, False, True]
    assert alarms.database.value("SELECT count(*) FROM incident_journal WHERE what = 'acknowledged'") == 1


def test_what_is_acknowledged_and_goes_on_is_paged_again_until_somebody_speaks(alarms: Alarms) -> None:
    alarms.begin()
    alarms.acknowledge()
    alarms.wait(29)
    assert alarms.paged() == [("raised", "critical")]
    alarms.wait(2)
    assert alarms.paged()[1:] == [("still_out", "critical")]
    alarms.acknowledge(comment="vẫn đang chuyển thuốc")  # a word from somebody: the time begins anew
    alarms.wait(29)
    assert len(alarms.paged()) == 2
    assert alarms.open() == [("place:fridge-1", "critical", False, True, None)]
    alarms.wait(60)  # two more pages without a word ...
    assert alarms.paged()[1:] == [("still_out", "critical")] * 3
    alarms.wait(2)  # ... and it counts as not acknowledged
    assert alarms.open() == [("place:fridge-1", "critical", False, False, None)]
    assert alarms.paged()[-1] == ("still_out", "critical")


def test_an_incident_is_over_when_it_has_returned_and_was_acknowledged_in_either_order(alarms: Alarms) -> None:
    alarms.begin()
    alarms.acknowledge()
    alarms.end()
    assert alarms.open() == []
    alarms.begin()
    alarms.later(1)
    alarms.end()
    assert alarms.open() == [("place:fridge-1", "critical", True, False, None)]
    assert alarms.acknowledge().state == "over"
    assert alarms.database.value("SELECT count(DISTINCT incident_number) FROM incident") == 2
    with pytest.raises(IncidentRefusedError, match="no such open incident"):
        alarms.acknowledge()


def test_what_is_found_and_over_at_once_is_paged_once_and_not_escalated(alarms: Alarms) -> None:
    """Readings that come late can show a whole excursion: somebody must know, nobody must run."""
    alarms.begin()
    alarms.end()
    escalator = Escalator(PagerConfig(), ZONE)
    for _ in range(2):
        with alarms.transaction() as connection:
            escalator.advance(connection, alarms.now + timedelta(days=3650))
    assert alarms.database.rows("SELECT occasion_kind, end_reason FROM pager_run") == [("raised", "returned")]
    assert alarms.database.column("SELECT channel FROM page") == ["log"]


def test_what_comes_back_is_the_same_incident_and_flapping_is_folded(alarms: Alarms) -> None:
    alarms.begin("door_open")
    for _ in range(5):
        alarms.later(1)
        alarms.end("door_open")
        alarms.later(1)
        alarms.begin("door_open")
    assert alarms.paged() == [("raised", "warning")]
    assert alarms.database.rows("SELECT times_raised FROM incident") == [(6,)]
    alarms.wait(6)
    assert alarms.paged() == [("raised", "warning"), ("again", "warning")]
    alarms.begin("power_cut")  # critical: never folded
    alarms.later(0.2)
    alarms.end("power_cut")
    alarms.end("door_open")
    alarms.later(0.2)
    alarms.begin("power_cut")
    assert alarms.paged()[2:] == [("worse", "critical"), ("again", "critical")]


def test_who_has_acknowledged_one_thing_has_not_seen_another(alarms: Alarms) -> None:
    alarms.begin("temperature_high")
    alarms.acknowledge()
    alarms.later(3)
    alarms.begin("temperature_high", subject="second probe")
    assert alarms.open() == [("place:fridge-1", "critical", False, True, None)]
    alarms.begin("freeze")
    assert alarms.open() == [("place:fridge-1", "critical", False, False, None)]
    assert alarms.paged() == [("raised", "critical"), ("again", "critical")]


def test_shelving_ends_by_itself_and_what_is_still_so_is_paged(alarms: Alarms) -> None:
    alarms.begin("door_open")
    with pytest.raises(IncidentRefusedError) as refused:
        alarms.shelve(8 * 60 + 1)
    assert (refused.value.code, refused.value.values) == ("silenced_too_long", {"hours": "8"})
    with pytest.raises(IncidentRefusedError, match="a comment is missing"):
        alarms.shelve(60, reason=" ")
    with pytest.raises(IncidentRefusedError, match="not later than now"):
        alarms.shelve(-1)
    assert alarms.shelve(60).state == "shelved"
    alarms.wait(59, step=10)
    assert alarms.paged() == [("raised", "warning")]
    alarms.wait(2)
    assert alarms.paged() == [("raised", "warning"), ("again", "warning")]
    assert alarms.open() == [("place:fridge-1", "warning", False, False, None)]
    alarms.shelve(60)
    alarms.begin("temperature_high")  # worse than what was shelved
    assert alarms.paged()[-1] == ("worse", "critical")
    assert alarms.open()[0][4] is None


def test_a_shelved_incident_stays_shelved_while_it_comes_and_goes_and_ends_with_its_time(alarms: Alarms) -> None:
    alarms.begin("door_open")
    alarms.acknowledge()
    alarms.shelve(60)
    for _ in range(3):
        alarms.end("door_open")
        alarms.later(2)
        alarms.begin("door_open")
    assert alarms.paged() == [("raised", "warning")]
    alarms.end("door_open")
    alarms.wait(61, step=20)
    assert alarms.open() == []
    assert alarms.paged() == [("raised", "warning")]


def test_unshelving_by_hand_speaks_up_at_once(alarms: Alarms) -> None:
    alarms.begin()
    alarms.shelve(60)
    with alarms.transaction() as connection:
        incidents.unshelve(connection, alarms.number(), "binh", channel="page", now=alarms.now)
    assert alarms.paged() == [("raised", "critical"), ("again", "critical")]


def test_a_fridge_out_of_service_pages_nobody_until_the_work_is_done_and_everything_is_recorded(alarms: Alarms) -> None:
    alarms.begin("door_open")
    with alarms.transaction() as connection:
        with pytest.raises(IncidentRefusedError, match="at most 168 hours"):
            incidents.take_out_of_service(
                connection, "place:fridge-1", "an", "sửa máy nén", until=at(60 * 24 * 8), now=alarms.now
            )
        with pytest.raises(IncidentRefusedError, match="expected 'place:<id>'"):
            incidents.take_out_of_service(connection, "fridge-1", "an", "sửa", until=at(60), now=alarms.now)
        incidents.take_out_of_service(
            connection, "place:fridge-1", "an", "sửa máy nén", until=at(60 * 24), now=alarms.now
        )
    alarms.begin("temperature_high")
    alarms.begin("power_cut")
    assert alarms.open() == [("place:fridge-1", "critical", False, False, "out_of_service")]
    assert alarms.paged() == [("raised", "warning")]
    alarms.begin("battery_low", device_key=None, subject="device:1")
    alarms.wait(60 * 24, step=60)
    assert ("again", "critical") in alarms.paged()
    with alarms.transaction() as connection:
        incidents.take_out_of_service(
            connection, "place:ward", "an", "sơn", until=alarms.now + timedelta(1), now=alarms.now
        )
    alarms.begin("temperature_high", place="ward")
    before = alarms.paged()
    with alarms.transaction() as connection:
        incidents.back_in_service(connection, "place:ward", "an", alarms.now)
    assert alarms.paged()[len(before) :] == [("again", "critical")]


def test_nodes_that_fall_silent_together_are_one_outage_and_later_ones_another(alarms: Alarms) -> None:
    for name in ("demo/store-1", "demo/store-2", "demo/ward-1"):
        alarms.begin("agent_silent", place=None, subject=name)
        alarms.later(1)
    assert [scope for scope, *_ in alarms.open()] == ["demo/store-1"]
    assert alarms.paged() == [("raised", "critical")]
    alarms.later(30)
    alarms.begin("agent_silent", place=None, subject="demo/ward-2")
    assert [scope for scope, *_ in alarms.open()] == ["demo/store-1", "demo/ward-2"]


def test_a_drill_never_joins_a_real_incident(alarms: Alarms, database: Database) -> None:
    from gateway.alarms.conditions import Condition, raise_condition  # noqa: PLC0415 - here alone

    alarms.begin()
    drill = Condition(
        "temperature_high", "drill/1", "fridge-1", None, "critical", NOW, NOW, {"limit_celsius": 8.0}, is_drill=True
    )
    with alarms.transaction() as connection:
        raise_condition(connection, drill, NOW)
    assert database.rows("SELECT scope, is_drill FROM incident ORDER BY is_drill") == [
        ("place:fridge-1", False),
        ("drill:drill/1", True),
    ]
    assert alarms.paged()[-1] == ("drill", "critical")


def test_figures_are_data_within_bounds_and_the_nearest_counts(alarms: Alarms) -> None:
    with alarms.transaction() as connection:
        change = partial(set_limit, connection, by="an", source="khoa Dược", at=NOW)
        change("again_critical", "*", "still_out_s", 1200)
        change("again_critical", "place:fridge-1", "still_out_s", 600)
        for name, value, code in (("still_out_s", 10.0**9, "limit_range"), ("never_s", 1.0, "limit_unknown")):
            with pytest.raises(IncidentRefusedError) as refused:
                change("again_critical", "*", name, value)
            assert refused.value.code == code
    alarms.begin()
    alarms.acknowledge()
    alarms.wait(11)
    assert alarms.paged()[-1] == ("still_out", "critical")


def test_the_journal_is_only_added_to(alarms: Alarms) -> None:
    alarms.begin()
    for statement in ("UPDATE incident_journal SET comment = 'x'", "DELETE FROM incident_journal"):
        with psycopg.connect(alarms.database.dsn) as connection, pytest.raises(psycopg.errors.RaiseException):
            connection.execute(statement)


def test_numbers_go_round_and_never_meet_an_open_one(alarms: Alarms) -> None:
    alarms.begin(place="fridge-1")
    taken = alarms.number()
    alarms.database.run("SELECT setval('incident_number', %s)", taken - 1 if taken > 1000 else 9999)
    alarms.later(1)
    alarms.begin(place="ward")
    assert alarms.number() == taken + 1
