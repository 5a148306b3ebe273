"""The main job, end to end on real parts: what happens at the silicon stands in the database and in the API, once.

The tests of this module share one hospital and play in the order they stand here; the last one closes the day.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.streams import Stream
from medtap.demo.site_plan import DESK, SITE, STORE
from medtap.demo.tally import report

if TYPE_CHECKING:
    from tests.integration.conftest import Play

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

VISITS_OF = "SELECT count(*) FROM visit v JOIN card c USING (patient_id) WHERE c.card_id = %s"
TAPS_OF = "SELECT count(*) FROM tap WHERE card_id = %s"


def with_checksum(body: bytes) -> bytes:
    """A frame whose checksum is right and whose content is whatever `body` begins."""
    return body + b',"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'


def publish(play: "Play", messages: Mapping[str, Sequence[bytes]]) -> None:
    """Send messages to the hospital's broker as any client on the network could."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect(*play.hospital.broker_address)
    client.loop_start()
    for topic, payloads in messages.items():
        for payload in payloads:
            client.publish(topic, payload, qos=1).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def _card(play: "Play", patient: int) -> str:
    return str(play.hospital.world["patients"][patient]["card_id"])


def _pack(play: "Play", pack: int) -> dict[str, str]:
    return dict(play.hospital.world["packs"][pack])


def test_a_tapped_card_becomes_one_check_in(play: "Play") -> None:
    play.do("tap", patient=0)
    play.eventually(VISITS_OF, 1, _card(play, 0))
    assert play.rows("SELECT outcome, gateway_verdict FROM tap") == [("checked_in", "genuine")]
    with play.signed_in("clerk") as clerk:
        visits = clerk.get("/api/v1/visits").raise_for_status().json()
    assert len(visits["items"] if isinstance(visits, dict) else visits) == 1


def test_a_second_tap_is_the_same_visit(play: "Play") -> None:
    play.do("tap", patient=0)
    play.eventually(TAPS_OF, 2, _card(play, 0))
    assert play.value(VISITS_OF, _card(play, 0)) == 1


def test_a_cloned_card_checks_nobody_in(play: "Play") -> None:
    play.do("tap_clone", patient=1)
    play.eventually("SELECT count(*) FROM tap WHERE outcome = 'not_genuine'", 1)
    assert play.value(VISITS_OF, _card(play, 1)) == 0


def test_a_scanned_pack_becomes_one_movement_and_stands_in_stock(play: "Play") -> None:
    pack = _pack(play, 0)
    play.do("scan", scanner="receiving", pack=0)
    play.eventually("SELECT count(*) FROM movement WHERE serial_number = %s", 1, pack["serial_number"])
    kind, to_account, lot = play.rows("SELECT kind, to_account_id, lot FROM movement")[0]
    assert (kind, to_account, lot) == ("receive", "place:main-store", pack["lot"])
    on_hand = play.value("SELECT quantity FROM stock_balance WHERE account_id = 'place:main-store'")
    assert on_hand == play.value("SELECT units FROM trade_item WHERE gtin = %s", pack["gtin"])
    assert play.value("SELECT sum(quantity) FROM posting") == 0


def test_scanning_the_same_pack_again_moves_nothing(play: "Play") -> None:
    play.do("scan", scanner="receiving", pack=0)
    play.eventually("SELECT count(*) FROM scan WHERE outcome = 'repeated'", 1)
    assert play.value("SELECT count(*) FROM movement") == 1


def test_an_issued_pack_leaves_the_store(play: "Play") -> None:
    play.do("scan", scanner="issue", pack=0)
    play.eventually("SELECT count(*) FROM movement WHERE kind = 'issue'", 1)
    assert play.value("SELECT quantity FROM stock_balance WHERE account_id = 'place:main-store'") == 0


def test_half_a_line_from_a_scanner_is_a_device_event_and_not_a_scan(play: "Play") -> None:
    scans = play.value("SELECT count(*) FROM scan")
    play.do("half_scan", scanner="receiving")
    play.eventually("SELECT count(*) FROM event WHERE body->>'code' = 'incomplete_scan'", 1)
    assert play.value("SELECT count(*) FROM scan") == scans


def test_a_code_that_is_no_product_code_is_refused_with_a_reason_and_reaches_no_stock(play: "Play") -> None:
    movements = play.value("SELECT count(*) FROM movement")
    play.do("scan", scanner="receiving", text="hello there")
    play.eventually("SELECT count(*) FROM scan WHERE outcome = 'refused' AND reason <> ''", 1)
    assert play.value("SELECT count(*) FROM movement") == movements


def test_a_tag_with_garbage_on_it_is_a_device_event(play: "Play") -> None:
    play.do("garbage_tag")
    play.eventually("SELECT count(*) FROM event WHERE body->>'code' = 'ndef_unreadable'", 1)


def test_a_pack_with_an_nfc_tag_is_looked_up(play: "Play") -> None:
    play.do("nfc_tag", pack=2)
    play.eventually("SELECT count(*) FROM scan WHERE outcome = 'looked_up' AND kind = 'gs1-digital-link'", 1)


def test_a_pack_on_the_rfid_shelf_appears_and_disappears(play: "Play") -> None:
    epc = _pack(play, 3)["epc"].lower()
    play.do("uhf_put", pack=3)
    play.eventually("SELECT count(*) FROM tag_presence WHERE epc = %s AND disappeared_at IS NULL", 1, epc)
    play.do("uhf_take", pack=3)
    play.eventually("SELECT count(*) FROM tag_presence WHERE epc = %s AND disappeared_at IS NOT NULL", 1, epc)


def test_an_unplugged_scanner_is_noticed_and_comes_back_without_touching_the_others(play: "Play") -> None:
    state = "SELECT state FROM device WHERE device_id = 'scanner-receiving'"
    play.do("unplug", device="scanner-receiving")
    play.eventually(state, "down")
    play.do("scan", scanner="issue", pack=5)
    play.eventually("SELECT count(*) FROM scan WHERE parsed->>'serial_number' = %s", 1, _pack(play, 5)["serial_number"])
    play.do("plug", device="scanner-receiving")
    play.eventually(state, "up")
    play.do("scan", scanner="receiving", pack=6)
    play.eventually("SELECT count(*) FROM movement WHERE serial_number = %s", 1, _pack(play, 6)["serial_number"])


def test_a_power_on_value_of_a_thermometer_is_reported_and_is_no_reading(play: "Play") -> None:
    sensor = next(one for one in play.hospital.world["sensors"] if "sensor_id" in one)
    play.do("sensor_fault", sensor=sensor["sensor_id"], fault="power_on_value")
    play.eventually("SELECT count(*) > 0 FROM event WHERE body->>'code' = 'power_on_value'", expected=True)
    play.do("sensor_fault", sensor=sensor["sensor_id"], fault="none")
    assert play.value("SELECT count(*) FROM reading WHERE temperature_celsius = 85") == 0


def test_a_warm_fridge_becomes_one_alarm_and_one_webhook_call_until_a_person_acknowledges(play: "Play") -> None:
    fridge = play.hospital.world["fridges"][0]["fridge_id"]
    play.do("warm", fridge=fridge, celsius=12.0)
    play.eventually("SELECT count(*) FROM alarm WHERE place_id = %s", 1, fridge)
    # The contacts at its door and its mains say what it is not.
    play.eventually("SELECT cause FROM incident WHERE place_id = %s", "compressor", fridge)
    play.eventually("SELECT count(*) FROM page WHERE channel = 'webhook' AND delivered_at IS NOT NULL", 1)
    alarm_id = play.value("SELECT alarm_id::text FROM alarm WHERE place_id = %s", fridge)
    with play.signed_in("oncall") as person:
        url = f"/api/v1/alarms/{alarm_id}/acknowledge"
        assert person.post(url, json={"comment": ""}).status_code == httpx.codes.UNPROCESSABLE_ENTITY
        person.post(url, json={"comment": "Đã chuyển vắc xin sang tủ số 2"}).raise_for_status()
    assert play.value("SELECT acknowledged_by FROM alarm WHERE place_id = %s", fridge) == "oncall"
    play.do("cool", fridge=fridge)
    play.eventually("SELECT returned_at IS NOT NULL FROM alarm WHERE place_id = %s", True, fridge)  # noqa: FBT003 - a value
    assert play.value("SELECT count(*) FROM alarm WHERE place_id = %s", fridge) == 1
    # One page of it; that it is over is another message.
    assert [call["page_kind"] for call in play.pager.calls].count("alarm") == 1


def test_a_killed_gateway_restarted_loses_nothing_of_what_happened_meanwhile(play: "Play") -> None:
    play.do("scan", scanner="receiving", pack=10)
    play.hospital.kill_gateway()
    for pack in range(11, 16):
        play.do("scan", scanner="receiving", pack=pack)
        time.sleep(0.2)
    play.do("tap", patient=4)
    time.sleep(1.5)
    play.hospital.start_gateway()
    serials = [_pack(play, pack)["serial_number"] for pack in range(10, 16)]
    play.eventually("SELECT count(*) FROM movement WHERE serial_number = ANY(%s)", 6, serials)
    play.eventually(VISITS_OF, 1, _card(play, 4))


def test_a_killed_agent_restarted_goes_on_where_its_outbox_stands(play: "Play") -> None:
    play.hospital.kill_agent("pharmacy-1")
    play.hospital.start_agent("pharmacy-1")
    pack = _pack(play, 20)
    play.eventually("SELECT state FROM device WHERE device_id = 'scanner-receiving'", "up")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not play.value(
        "SELECT count(*) FROM movement WHERE serial_number = %s", pack["serial_number"]
    ):
        play.do("scan", scanner="receiving", pack=20)
        time.sleep(1)
    assert play.value("SELECT count(*) FROM movement WHERE serial_number = %s", pack["serial_number"]) == 1


BAD_FRAMES = {
    "oversized": b'{"rows":"' + b"x" * 70_000 + b'"}',
    "not_json": b'{"schema_version":1,"site":"demo","edge_',
    "checksum": b'{"schema_version":1}',
    "schema_version": with_checksum(b'{"schema_version":9,"rows":[]'),
    "malformed": with_checksum(b'{"schema_version":1,"site":"demo","edge_node":"desk-1","rows":[]'),
}


def test_frames_that_nobody_can_read_are_kept_as_dead_letters_and_stop_nothing(play: "Play") -> None:
    publish(play, {f"medtap/v1/{SITE}/{DESK}/up/events": list(BAD_FRAMES.values())})
    play.eventually("SELECT count(DISTINCT code) FROM dead_letter", len(BAD_FRAMES))
    assert {code for (code,) in play.rows("SELECT code FROM dead_letter WHERE reason <> ''")} == set(BAD_FRAMES)
    play.do("tap", patient=6)
    play.eventually(VISITS_OF, 1, _card(play, 6))


def test_a_frame_under_another_nodes_topic_is_kept_as_a_dead_letter(play: "Play") -> None:
    before = play.value("SELECT count(*) FROM dead_letter")
    body = encode_frame(
        FrameHeader(
            site=SITE,
            edge_node=DESK,
            stream=Stream.TELEMETRY,
            epoch="0123456789abcdef",
            boot_id="0123456789abcdef",
            first_seq=1,
            sent_at=datetime.now(UTC),
        ),
        [
            (
                b'{"device_id":"card-reader","occurred_at":"2026-01-01T00:00:00Z","monotonic_ns":1,'
                b'"kind":"temperature_measured","temperature_celsius":5.0}'
            )
        ],
    )
    publish(play, {f"medtap/v1/{SITE}/{STORE}/up/telemetry": [body]})
    play.eventually("SELECT count(*) FROM dead_letter", before + 1)
    assert play.value("SELECT count(*) FROM ingest_mark WHERE epoch = '0123456789abcdef'") == 0


def test_at_the_end_of_the_day_every_reading_arrived_once_and_the_books_prove_it(play: "Play") -> None:
    assert play.hospital.settle()
    figures = report(play.hospital.dsn, play.hospital.nodes(), ready_seconds=play.hospital.ready_seconds)
    assert figures["readings_generated"] > 100
    assert figures["readings_stored"] == figures["readings_generated"]
    assert figures["duplicates"] == 0
    assert figures["dead_letters"] == len(BAD_FRAMES) + 1
    events = sum(node.events_committed for node in play.hospital.nodes())
    assert play.value("SELECT count(*) FROM event") == events
    assert play.value("SELECT coalesce(sum(quantity), 0) FROM posting") == 0
    replayed = (
        "SELECT account_id, product_id, lot, sum(quantity) FROM posting GROUP BY 1, 2, 3 HAVING sum(quantity) <> 0"
    )
    projected = "SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity <> 0"
    assert sorted(play.rows(replayed)) == sorted(play.rows(projected))
