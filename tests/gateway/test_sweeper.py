"""What time alone makes true, and what comes off the wire late: silence, contacts, upkeep, causes. Real PostgreSQL."""

from datetime import date, timedelta

import pytest

from edge.contracts.node_state import Birth, Death, DeviceDeclared, StreamState
from edge.contracts.observations import BatteryMeasured, ContactChanged
from edge.contracts.streams import Stream
from gateway.alarms.causes import defrost_of
from gateway.alarms.sweeper import Sweeper
from gateway.alarms.upkeep import calibration_stage
from gateway.services.devices import apply_birth, apply_death
from gateway.services.site_file import import_site, parse_site
from tests.gateway.alarm_kit import Alarms, at
from tests.gateway.ingest_kit import BOOT, NOW, ZONE, Database, Node, device, reading, readings_from

pytestmark = pytest.mark.integration
PROBES = [f"probe-{number}" for number in range(6)]


@pytest.fixture
def alarms(database: Database) -> Alarms:
    return Alarms(database)


def furnish(alarms: Alarms, *devices: tuple[str, str | None]) -> None:
    with alarms.transaction() as connection:
        import_site(connection, parse_site({"devices": [device(name, place) for name, place in devices]}))


def key(alarms: Alarms, device_id: str) -> int:
    return int(alarms.database.value("SELECT device_key FROM device WHERE device_id = %s", device_id))


def born(alarms: Alarms, *names: str, driver: str = "ds18b20") -> None:
    birth = Birth(
        site="demo",
        edge_node="store-1",
        boot_id=BOOT,
        software_version="1",
        sent_at=alarms.now,
        streams=tuple(
            StreamState(stream=stream, epoch="00000000000000e1", last_seq=0, oldest_kept_seq=1) for stream in Stream
        ),
        devices=tuple(DeviceDeclared(device_id=name, driver=driver) for name in names),
    )
    with alarms.transaction() as connection:
        apply_birth(connection, birth, alarms.now)


def speak(alarms: Alarms, node: Node, *names: str, celsius: float = 5.0) -> None:
    alarms.database.take(
        node.readings(*(reading(celsius, at=alarms.now, device=name) for name in names), at=alarms.now)
    )


def active(alarms: Alarms) -> list[tuple[str, str]]:
    return alarms.database.rows(
        "SELECT condition, subject FROM alarm WHERE returned_at IS NULL ORDER BY condition, subject"
    )


def sweep_for(alarms: Alarms, sweeper: Sweeper, minutes: float) -> None:
    for _ in range(round(minutes * 2)):
        alarms.later(0.5)
        sweeper.sweep()


def test_a_node_that_dies_is_one_incident_and_only_the_network_if_its_readings_come_afterwards(
    alarms: Alarms,
) -> None:
    furnish(alarms, *((name, "fridge-1") for name in PROBES))
    born(alarms, *PROBES)
    node, sweeper = Node(), alarms.sweeper()
    speak(alarms, node, *PROBES)
    sweeper.sweep()
    with alarms.transaction() as connection:
        apply_death(connection, Death(site="demo", edge_node="store-1", boot_id=BOOT, planned=False), alarms.now)
    sweep_for(alarms, sweeper, 2.5)
    assert active(alarms) == []
    sweep_for(alarms, sweeper, 20)
    assert active(alarms) == [("agent_silent", "demo/store-1")]
    assert alarms.open() == [("demo/store-1", "critical", False, False, None)]
    facts = alarms.database.value("SELECT facts FROM alarm")
    assert [name for name in facts["devices"] if name in PROBES] == PROBES
    assert facts["places"] == ["fridge-1"]
    # It was there all the time: what it measured meanwhile comes now.
    missed = [reading(5.0, at=NOW + timedelta(minutes=m), device=name) for m in range(1, 23) for name in PROBES]
    alarms.database.run("UPDATE edge_node SET state = 'up', state_changed_at = %s", alarms.now)
    alarms.database.take(node.readings(*missed, at=alarms.now))
    sweep_for(alarms, sweeper, 0.5)
    assert active(alarms) == []
    assert alarms.database.value("SELECT cause FROM incident") == "network"
    assert alarms.runs() == ["raised"]


def test_a_gateway_that_was_away_calls_nobody_silent_and_forgets_no_silence(alarms: Alarms) -> None:
    furnish(alarms, *((name, "fridge-1") for name in PROBES), ("other", "ward"))
    node, sweeper = Node(), alarms.sweeper()
    speak(alarms, node, *PROBES, "other")
    sweeper.sweep()
    for _ in range(30):
        alarms.later(0.5)
        speak(alarms, node, *PROBES[1:], "other")
        sweeper.sweep()
    assert active(alarms) == [("sensor_silent", f"device:{key(alarms, PROBES[0])}")]
    assert alarms.open() == [("place:fridge-1", "warning", False, False, None)]
    alarms.later(180)  # the gateway is down for three hours
    restarted = alarms.sweeper()
    sweep_for(alarms, restarted, 2)
    assert len(active(alarms)) == 1
    speak(alarms, node, *PROBES[1:], "other")
    sweep_for(alarms, restarted, 8)
    assert len(active(alarms)) == 1
    speak(alarms, node, PROBES[0])
    sweep_for(alarms, restarted, 1)
    assert active(alarms) == []


def test_who_is_deaf_calls_nobody_silent_but_the_broker(alarms: Alarms) -> None:
    class Deaf:
        connected = False

    furnish(alarms, *((name, "fridge-1") for name in PROBES))
    speak(alarms, Node(), *PROBES)
    listening = Deaf()
    sweeper = Sweeper(alarms.database.pool, lambda: alarms.now, ZONE, listening=listening)
    sweep_for(alarms, sweeper, 2.5)
    assert active(alarms) == []
    sweep_for(alarms, sweeper, 27)
    assert active(alarms) == [("broker_silent", "broker:mqtt")]
    assert alarms.paged()[0] == ("raised", "critical")
    listening.connected = True
    sweep_for(alarms, sweeper, 9)
    assert active(alarms) == []
    sweep_for(alarms, sweeper, 7)
    assert {kind for kind, _ in active(alarms)} == {"agent_silent"}


def _contact(name: str, contact: str, state: str, minutes: float) -> ContactChanged:
    return ContactChanged.model_validate(
        {
            "device_id": name,
            "occurred_at": at(minutes),
            "monotonic_ns": 1,
            "contact": contact,
            "state": state,
        }
    )


def test_a_door_left_open_alarms_and_names_itself_as_the_cause(alarms: Alarms) -> None:
    furnish(alarms, ("door", "fridge-1"))
    node, sweeper = Node(), alarms.sweeper()
    alarms.database.take(node.events(_contact("door", "door", "open", 0)))
    sweep_for(alarms, sweeper, 2.5)
    assert active(alarms) == []
    sweep_for(alarms, sweeper, 1)
    assert [kind for kind, _ in active(alarms)] == ["door_open"]
    assert alarms.database.rows("SELECT started_at, raised_at FROM alarm") == [(NOW, at(3))]
    alarms.database.take(node.readings(*readings_from(NOW, [9.0] * 20), at=alarms.now))
    assert alarms.database.rows("SELECT severity, cause FROM incident") == [("critical", "door")]
    alarms.database.take(node.events(_contact("door", "door", "closed", 4), at=at(4)))
    assert [kind for kind, _ in active(alarms)] == ["temperature_high"]
    evidence = alarms.database.value("SELECT facts FROM incident_journal WHERE what = 'cause'")
    assert (evidence["cause"], evidence["is_open"]) == ("door", True)


def test_a_door_that_was_open_while_nobody_listened_is_judged_by_when_it_was(alarms: Alarms) -> None:
    furnish(alarms, ("door", "fridge-1"))
    told = [
        _contact("door", "door", state, minutes)
        for state, minutes in (("closed", -60), ("open", -50), ("closed", -49), ("open", -40), ("closed", -30))
    ]
    alarms.database.take(Node().events(*told))
    assert alarms.database.rows("SELECT condition, started_at, raised_at, returned_at FROM alarm") == [
        ("door_open", at(-40), at(-37), at(-30))
    ]
    assert alarms.open() == [("place:fridge-1", "warning", True, False, None)]
    assert alarms.database.value("SELECT count(*) FROM contact_change") == 5
    alarms.database.take(Node(epoch="00000000000000e2").events(_contact("door", "door", "open", -55)))  # later still
    assert alarms.database.rows("SELECT state, since FROM contact_state") == [("closed", at(-30))]


def test_a_power_cut_of_the_store_is_the_cause_of_its_fridge_and_a_compressor_of_one_that_has_everything(
    alarms: Alarms,
) -> None:
    furnish(alarms, ("mains", "store"), ("door", "fridge-1"))
    node, sweeper = Node(), alarms.sweeper()
    alarms.database.take(
        node.events(_contact("mains", "mains_power", "on", -60), _contact("door", "door", "closed", -60))
    )
    alarms.database.take(node.readings(*readings_from(NOW, [9.0] * 8)))
    assert alarms.database.column("SELECT cause FROM incident") == ["compressor"]
    alarms.database.take(node.events(_contact("mains", "mains_power", "off", 1.5), at=at(2)))
    sweep_for(alarms, sweeper, 3)
    assert alarms.database.rows("SELECT scope, cause FROM incident ORDER BY scope") == [
        ("place:fridge-1", "power"),
        ("place:store", "power"),
    ]


def test_short_rises_at_even_times_are_a_defrost_and_others_are_not() -> None:
    rises = [(NOW + timedelta(hours=6 * n), timedelta(minutes=20)) for n in range(4)]
    found = defrost_of(rises, NOW + timedelta(hours=24, minutes=5))
    assert found is not None
    assert (found.name, found.evidence) == ("defrost", {"period_h": 6.0, "times": 4})
    assert defrost_of(rises, NOW + timedelta(hours=28)) is None
    assert defrost_of(rises[:2], NOW + timedelta(hours=12)) is None
    assert defrost_of([(began, timedelta(hours=2)) for began, _ in rises], NOW + timedelta(hours=24)) is None
    uneven = [(NOW + timedelta(hours=hours), timedelta(minutes=20)) for hours in (0, 1, 9, 11)]
    assert defrost_of(uneven, NOW + timedelta(hours=18)) is None


def test_a_battery_that_is_nearly_empty_is_told_once_and_over_with_a_new_one(alarms: Alarms) -> None:
    furnish(alarms, ("logger", "fridge-1"))
    node = Node()

    def battery(minutes: float, **figures: float) -> BatteryMeasured:
        return BatteryMeasured(device_id="logger", occurred_at=at(minutes), monotonic_ns=1, **figures)

    alarms.database.take(node.events(battery(0, percent=21.0), battery(1, percent=20.0), battery(2, percent=22.0)))
    assert [kind for kind, _ in active(alarms)] == ["battery_low"]
    assert alarms.paged() == [("raised", "warning")]
    alarms.database.take(node.events(battery(3, percent=100.0), battery(-9, percent=3.0), at=at(3)))
    assert active(alarms) == []
    alarms.database.take(node.events(battery(4, volts=3.3), at=at(4)))
    assert [kind for kind, _ in active(alarms)] == ["battery_low"]


def test_a_certificate_is_told_of_before_on_the_day_and_until_there_is_a_new_one(alarms: Alarms) -> None:
    last = date(2026, 12, 31)
    stages = [(date(2026, 10, 1), ""), (date(2026, 10, 2), "90"), (date(2026, 12, 1), "30"), (last, "due")]
    assert [calibration_stage(last, today, 90, 30) for today, _ in stages] == [stage for _, stage in stages]
    sensor = alarms.database.value("SELECT gen_random_uuid()")
    probe = key(alarms, "fridge-1-probe")
    alarms.database.run("INSERT INTO sensor (sensor_id, serial_number) VALUES (%s, 'A1')", sensor)

    def certificate(number: str, performed: date, valid_until: date) -> None:
        alarms.database.run(
            "INSERT INTO calibration (sensor_id, device_key, performed_on, valid_until, certificate_number, laboratory)"
            " VALUES (%s, %s, %s, %s, %s, 'QUATEST 3')",
            *(sensor, probe, performed, valid_until, number),
        )

    certificate("1", date(2026, 1, 1), date(2027, 1, 31))
    alarms.sweeper().sweep()
    assert active(alarms) == [("calibration_due", f"device:{probe}/90")]
    alarms.acknowledge(comment="đã đặt lịch")
    for days, stage in ((45, "30"), (70, "due"), (100, "due")):
        alarms.now = NOW + timedelta(days=days)
        alarms.sweeper().sweep()
        assert active(alarms) == [("calibration_due", f"device:{probe}/{stage}")]
    assert [occasion for occasion, _ in alarms.paged() if occasion != "still_out"][:3] == ["raised", "again", "again"]
    assert len(alarms.open()) == 1
    certificate("2", date(2027, 3, 1), date(2028, 3, 1))
    alarms.sweeper().sweep()
    assert active(alarms) == []


def test_what_nobody_understood_and_a_clock_that_is_off_are_told_and_end_when_mended(alarms: Alarms) -> None:
    sweeper = alarms.sweeper()
    alarms.database.run(
        "INSERT INTO edge_node (site, edge_node, state, clock_offset_s) VALUES ('demo', 'store-1', 'up', -3600)"
    )
    alarms.database.run(
        "INSERT INTO dead_letter (topic, code, reason, payload, received_at) SELECT 't', 'row_malformed', 'r', '', %s"
        " FROM generate_series(1, 3)",
        NOW,
    )
    sweep_for(alarms, sweeper, 0.5)
    assert active(alarms) == [("dead_letters", "row_malformed")]
    assert alarms.database.value("SELECT facts->>'count' FROM alarm") == "3"
    sweep_for(alarms, sweeper, 13)
    assert active(alarms) == [("clock_off", "demo/store-1"), ("dead_letters", "row_malformed")]
    alarms.database.run("UPDATE dead_letter SET resolved_at = now()")
    alarms.database.run("UPDATE edge_node SET clock_offset_s = 2")
    sweep_for(alarms, sweeper, 3)
    assert active(alarms) == []


def test_two_thermometers_of_one_place_that_disagree_for_long_are_told(alarms: Alarms) -> None:
    furnish(alarms, ("second-probe", "fridge-1"))
    node = Node()
    rows = [
        each
        for minutes in range(40)
        for each in (
            reading(4.0, at=at(minutes)),
            reading(7.6, at=at(minutes), device="second-probe"),
        )
    ]
    alarms.now = at(40)
    alarms.database.take(node.readings(*rows, at=alarms.now))
    alarms.sweeper().sweep()
    assert active(alarms) == [("sensor_implausible", "place:fridge-1/disagree")]
    facts = alarms.database.value("SELECT facts FROM alarm")
    assert (facts["devices"], facts["celsius"]) == (["fridge-1-probe", "second-probe"], [4.0, 7.6])


def test_a_thermometer_that_is_moved_takes_its_alarm_nowhere_and_is_judged_anew_there(alarms: Alarms) -> None:
    node = Node()
    alarms.database.take(node.readings(*readings_from(NOW, [9.0] * 8)))
    assert [scope for scope, *_ in alarms.open()] == ["place:fridge-1"]
    warm = {
        "place_id": "fridge-2",
        "parent_place_id": "store",
        "kind": "fridge",
        "name_vi": "Tủ 2",
        "name_en": "Fridge 2",
        "temperature_low_celsius": 2.0,
        "temperature_high_celsius": 8.0,
        "alarm_after_s": 60,
    }
    with alarms.transaction() as connection:
        import_site(connection, parse_site({"places": [warm], "devices": [device("fridge-1-probe", "fridge-2")]}))
    alarms.database.run("UPDATE device SET placed_at = %s WHERE device_id = 'fridge-1-probe'", at(2))
    assert alarms.database.rows("SELECT place_id, end_reason, returned_at IS NOT NULL FROM alarm") == [
        ("fridge-1", "moved", True)
    ]
    alarms.database.take(node.readings(*readings_from(at(2), [9.5] * 8), at=at(5)))
    assert alarms.open() == [
        ("place:fridge-1", "critical", True, False, None),
        ("place:fridge-2", "critical", False, False, None),
    ]
    # Moved behind our back (an older program, a hand in the database): found by the next round.
    alarms.database.run("UPDATE device SET place_id = 'ward' WHERE device_id = 'fridge-1-probe'")
    alarms.sweeper().sweep()
    assert alarms.database.column("SELECT end_reason FROM alarm") == ["moved", "moved"]


def test_a_rule_that_is_edited_while_it_fires_goes_on_or_ends_by_what_it_says_now(alarms: Alarms) -> None:
    node = Node()
    alarms.database.take(node.readings(*readings_from(NOW, [9.0] * 8)))

    def limit(high: float) -> None:
        place = {
            "place_id": "fridge-1",
            "parent_place_id": "store",
            "kind": "fridge",
            "name_vi": "Tủ vắc-xin 1",
            "name_en": "Vaccine fridge 1",
            "temperature_low_celsius": 2.0,
            "temperature_high_celsius": high,
            "alarm_after_s": 60,
        }
        with alarms.transaction() as connection:
            import_site(connection, parse_site({"places": [place]}))

    limit(8.5)
    alarms.database.take(node.readings(*readings_from(at(2), [9.0] * 8), at=at(4)))
    assert alarms.database.rows("SELECT limit_celsius, returned_at, times_raised FROM alarm") == [(8.5, None, 1)]
    limit(12.0)
    alarms.database.take(node.readings(*readings_from(at(5), [9.0] * 2), at=at(6)))
    assert alarms.database.rows("SELECT returned_at IS NOT NULL, end_reason FROM alarm") == [(True, "rule_changed")]
    assert alarms.paged() == [("raised", "critical")]


def test_a_clock_that_jumps_and_readings_of_tomorrow_are_judged_when_they_came(alarms: Alarms) -> None:
    """Kept with what the device claimed; nothing of it stands in the future, and no alarm is hidden by it."""
    node = Node()
    alarms.database.take(node.readings(*readings_from(NOW + timedelta(days=1), [9.0] * 8), at=NOW))
    assert alarms.database.value("SELECT count(*) FROM reading WHERE occurred_at > %s", NOW) == 0
    assert alarms.database.value("SELECT count(*) FROM reading WHERE device_time > %s", NOW) == 8
    alarms.database.take(node.readings(*readings_from(NOW, [9.0] * 8)))
    assert [kind for kind, _ in active(alarms)] == ["temperature_high"]
