"""Births and deaths of edge nodes. Real PostgreSQL."""

from datetime import datetime, timedelta

import pytest

from edge.contracts.node_state import Birth, Death, DeviceDeclared
from gateway.ingest.message import ReceivedMessage
from tests.gateway.ingest_kit import BOOT, NOW, Database, Node, reading

pytestmark = pytest.mark.integration

OLDER_BOOT = "0" * 16


def _birth(boot_id: str = BOOT, at: datetime = NOW, **drivers: str) -> ReceivedMessage:
    devices = tuple(DeviceDeclared(device_id=name.replace("_", "-"), driver=kind) for name, kind in drivers.items())
    birth = Birth(
        site="demo",
        edge_node="store-1",
        boot_id=boot_id,
        software_version="0.1.0",
        sent_at=at,
        streams=(),
        devices=devices,
    )
    return ReceivedMessage.of("medtap/v1/demo/store-1/state", birth.model_dump_json().encode(), at)


def _death(boot_id: str = BOOT, at: datetime = NOW) -> ReceivedMessage:
    death = Death(site="demo", edge_node="store-1", boot_id=boot_id)
    return ReceivedMessage.of("medtap/v1/demo/store-1/state", death.model_dump_json().encode(), at)


def _state(database: Database) -> str:
    return str(database.value("SELECT state FROM edge_node"))


def test_a_birth_enters_the_node_and_its_devices_and_keeps_their_places(database: Database) -> None:
    database.take(_birth(scanner_issue="serial_scanner", new_probe="ds18b20"))
    assert database.rows("SELECT state, boot_id, software_version FROM edge_node") == [("up", BOOT, "0.1.0")]
    devices = database.rows("SELECT device_id, driver, place_id FROM device WHERE driver IS NOT NULL ORDER BY 1")
    assert devices == [("new-probe", "ds18b20", None), ("scanner-issue", "serial_scanner", "store")]


def test_a_birth_told_again_changes_nothing_and_is_shown_once(database: Database) -> None:
    for _ in range(3):
        database.take(_birth(scanner_issue="serial_scanner"))
    assert database.value("SELECT count(*) FROM live_event WHERE kind = 'edge_node'") == 3  # one for each audience


def test_a_death_takes_the_node_down_and_leaves_its_devices_their_last_state(database: Database) -> None:
    database.take(_birth(scanner_issue="serial_scanner"))
    database.run("UPDATE device SET state = 'up' WHERE device_id = 'scanner-issue'")
    database.take(_death())
    assert _state(database) == "down"
    assert database.value("SELECT state FROM device WHERE device_id = 'scanner-issue'") == "up"


def test_a_late_death_of_an_older_boot_says_nothing(database: Database) -> None:
    database.take(_birth())
    database.take(_death(OLDER_BOOT))
    assert _state(database) == "up"


def test_a_death_of_a_node_never_heard_of_says_nothing(database: Database) -> None:
    database.take(_death())
    assert database.rows("SELECT * FROM edge_node") == []


def test_frames_sent_well_after_a_death_show_that_the_node_lives(database: Database) -> None:
    node = Node()
    database.take(_birth())
    database.take(_death())
    database.take(node.readings(reading(4.0, at=NOW), at=NOW))
    assert _state(database) == "down"  # the connection's last frame, delivered after its death
    later = NOW + timedelta(seconds=30)
    database.take(node.readings(reading(4.0, at=later), at=later))
    assert _state(database) == "up"


def test_a_birth_on_the_topic_of_another_node_is_refused(database: Database) -> None:
    birth = _birth()
    database.take(ReceivedMessage.of("medtap/v1/demo/desk-1/state", birth.payload, NOW))
    assert database.rows("SELECT * FROM edge_node") == []
    assert database.column("SELECT code FROM dead_letter") == ["sender_mismatch"]
