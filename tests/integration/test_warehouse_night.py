"""A night at the warehouse: a compressor dies, the first channel is dead, nobody answers, the second person does.

Real processes, broker and database; simulated are the fridge, its thermometer, the modem and the telephones behind it.
The tests share one hospital and play in the order they stand here. The chain's minutes are seconds.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import psycopg
import pytest

from firmware_sim.sms_modem import SmsModem
from gateway.pager.people import NewContact, add_contact
from gateway.pager.rota import Layer
from gateway.pager.schedule import Writer, add_layer
from medtap.services.ports import free_port
from tests.integration.conftest import Play, running_hospital
from tests.integration.day_kit import VACCINE, Day, day_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

FRIDGE = "fridge-1"
TUAN, HANG = "+84903000001", "+84903000002"
CHANNELS = {"push": "apprise", "sms": "sms_modem"}


@dataclass
class Night:
    """The people, their telephones, the hospital."""

    day: Day
    modem: SmsModem

    @property
    def play(self) -> Play:
        play = self.day.play
        assert isinstance(play, Play)
        return play

    def messages_to(self, number: str) -> list[str]:
        return [sent.text for sent in self.modem.sent if sent.number == number]

    def wait_for_message(self, number: str, words: str, after: int = 0, timeout_s: float = 120.0) -> str:
        """The next message to this telephone with these words in it."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = [text for text in self.messages_to(number)[after:] if words in text]
            if found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"{number} got no {words!r} in {timeout_s} s but {self.messages_to(number)}")

    def incident(self) -> dict[str, Any]:
        """The one that is open at the fridge, as the page has it."""
        found = [one for one in self.day.read("tuan", "/incidents") if one["place_id"] == FRIDGE]
        assert len(found) == 1, found
        return dict(found[0])


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Tuấn is on call, Hằng is second; both are reached by a push service that is dead tonight, then by SMS."""
    directory = tmp_path_factory.mktemp("night")
    modem = SmsModem(directory / "modem")
    dead = f"json://127.0.0.1:{free_port()}/{{address}}"
    tables: dict[str, Any] = {
        "pager": {"receipt_within_s": 5.0},
        "pager.critical": {
            "second_after_s": 6.0,
            "head_after_s": 300.0,
            "everyone_after_s": 600.0,
            "repeat_every_s": 600.0,
        },
        "pager.channel": [
            {"name": "push", "kind": "apprise", "url": dead, "timeout_s": 2.0},
            {"name": "sms", "kind": "sms_modem", "path": str(modem.path), "receipt": "delivered"},
        ],
    }
    people = {"lan": ["pharmacist"], "minh": ["pharmacist"], "tuan": ["on_call"], "hang": ["on_call"]}
    try:
        with running_hospital(gateway_tables=tables) as play, day_of(play, Path(directory), people) as day:
            _put_on_call(play.hospital.dsn)
            yield Night(day, modem)
    finally:
        modem.close()


def _put_on_call(dsn: str) -> None:
    now = datetime.now(UTC)
    by = Writer("admin", now)
    with psycopg.connect(dsn) as connection:
        for level, username, number in ((1, "tuan", TUAN), (2, "hang", HANG)):
            for channel, address in (("push", username), ("sms", number)):
                add_contact(connection, NewContact(username, channel, address, None), CHANNELS, "+84", now)
            layer = Layer(
                layer_id=uuid.uuid4(),
                name=f"Trực {level}",
                level=level,
                members=(username,),
                first_day=(now - timedelta(days=7)).date(),
                hand_over_at=time_of_day(7),
            )
            add_layer(connection, layer, ["tuan", "hang"], by)


def test_in_the_evening_vaccines_stand_in_the_fridge(night: Night) -> None:
    day = night.day
    goods = [day.goods(VACCINE, 0, number) for number in range(5)]
    receipt = {
        "document_id": str(uuid.uuid4()),
        "place_id": "main-store",
        "lines": goods,
        "supplier_name": "Công ty Dược A",
    }
    day.send("lan", "/stock/receipts", receipt)
    for hold in day.read("lan", "/stock/holds", kind="quarantine"):
        day.send("lan", f"/stock/holds/{hold['hold_id']}/ask-release", {"reason": "Nhiệt độ vận chuyển đạt"})
        day.send("minh", f"/stock/holds/{hold['hold_id']}/confirm-release")
    body = {"document_id": str(uuid.uuid4()), "from_place_id": "main-store", "to_place_id": FRIDGE, "lines": goods}
    day.send("lan", "/stock/put-aways", body)
    assert day.there(f"place:{FRIDGE}", day.vaccine, day.lot(VACCINE, 0)) == 5
    assert [one for one in day.read("tuan", "/incidents") if one["place_id"] == FRIDGE] == []


def test_at_three_the_compressor_dies_and_the_second_channel_wakes_who_is_on_call(night: Night) -> None:
    night.play.do("warm", fridge=FRIDGE)
    message = night.wait_for_message(TUAN, "°C")
    number = str(night.incident()["incident_number"])
    assert f"ACK {number}" in message
    push, sms = night.play.rows(
        "SELECT channel, min(delivered_at) FROM page WHERE username = 'tuan' GROUP BY 1 ORDER BY 1"
    )
    assert (push[0], sms[0]) == ("push", "sms")
    assert push[1] is None, "nobody takes a push tonight"


def test_nobody_answers_and_the_second_person_acknowledges_by_sms_with_what_was_done(night: Night) -> None:
    night.wait_for_message(HANG, "°C")
    number = night.incident()["incident_number"]
    before = len(night.messages_to(HANG))
    night.modem.receive(HANG, f"ACK {number}")
    night.wait_for_message(HANG, "thiếu ghi chú", after=before)
    assert night.incident()["acknowledged_at"] is None
    night.modem.receive(HANG, f"ACK {number} Đã chuyển sang tủ dự phòng, gọi kỹ thuật")
    night.play.eventually(
        "SELECT acknowledged_by FROM incident WHERE place_id = %s AND NOT is_drill ORDER BY started_at DESC LIMIT 1",
        "hang",
        FRIDGE,
    )
    told = night.incident()
    assert told["acknowledged_by"] == "hang"
    journal = night.play.rows("SELECT by_whom, channel, comment FROM incident_journal WHERE what = 'acknowledged'")
    assert journal == [("hang", "sms", "Đã chuyển sang tủ dự phòng, gọi kỹ thuật")]


def test_what_stood_there_is_held_before_anyone_comes(night: Night) -> None:
    vaccine = night.day.vaccine
    held = night.play.rows(
        "SELECT count(*), count(*) FILTER (WHERE placed_by = 'cold chain') FROM stock_hold"
        " WHERE product_id = %s AND released_at IS NULL",
        vaccine,
    )
    assert held[0][0] == held[0][1] >= 1
    refused = night.day.refused(
        "lan",
        "/stock/transfers",
        {
            "document_id": str(uuid.uuid4()),
            "from_place_id": FRIDGE,
            "to_place_id": "main-store",
            "lines": [night.day.goods(VACCINE, 0, 0)],
        },
    )
    assert refused[0] in (409, 422), refused


def test_in_the_morning_two_people_decide_and_everything_is_on_paper(night: Night) -> None:
    day, play = night.day, night.play
    play.do("cool", fridge=FRIDGE)
    play.eventually(
        "SELECT (ended_at IS NOT NULL)::text FROM excursion WHERE place_id = %s AND triggered_at IS NOT NULL"
        " ORDER BY started_at DESC LIMIT 1",
        "true",
        FRIDGE,
        timeout_s=200,
    )
    excursion_id = str(
        play.value("SELECT excursion_id FROM excursion WHERE place_id = %s AND triggered_at IS NOT NULL", FRIDGE)
    )
    held = day.read("lan", f"/cold-chain/excursions/{excursion_id}/held")
    assert {line["product_id"] for line in held} == {day.vaccine}
    decisions = {line["hold_id"]: "release" for line in held}
    body = {"assessment_id": str(uuid.uuid4()), "decisions": decisions, "reason": "Còn trong giới hạn của hãng"}
    day.send("lan", f"/cold-chain/excursions/{excursion_id}/assessments", body)
    confirm = f"/cold-chain/assessments/{body['assessment_id']}/confirm"
    assert day.refused("lan", confirm)[1] == "second_person"
    day.send("minh", confirm)
    assert play.value("SELECT count(*) FROM stock_hold WHERE released_at IS NULL AND product_id = %s", day.vaccine) == 0
    minutes = day.printed("lan", f"/api/v1/cold-chain/assessments/{body['assessment_id']}/minutes.pdf")
    assert "lan" in minutes.lower()
    assert "minh" in minutes.lower()
    pack = day.pack(day.index(VACCINE, 0, 0))
    history = day.read("lan", f"/cold-chain/packs/{pack['gtin']}/{pack['serial_number']}")
    assert history["legs"]
    assert history["excursions"]


def test_a_drill_goes_the_whole_way_and_tells_the_time_of_each_step(night: Night) -> None:
    drill = night.day.people["tuan"].post("/api/v1/pager/drills", json={})
    assert drill.status_code == 201, drill.text
    before = len(night.messages_to(TUAN))
    text = night.wait_for_message(TUAN, "DIỄN TẬP", after=max(0, before - 2))
    number = text.partition("ACK ")[2][:4]
    night.modem.receive(TUAN, f"ACK {number} đã nhận diễn tập")
    night.play.eventually("SELECT state FROM pager_drill ORDER BY started_at DESC LIMIT 1", "passed", timeout_s=120)
