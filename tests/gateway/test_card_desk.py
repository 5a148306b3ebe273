"""The issuing desk from the request to the hand-over and after, through a real server and a real station."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp

from cards.emergency.sealing import open_record
from cards.ntag424.address import judge_address
from cards.ntag424.ndef_address import read_address
from cards.piv import PivCardApplication
from cards.piv_pin import tries_left, verify
from cards.processors import processor_for
from cards.status_words import WrongPinError
from firmware_sim.piv_card import PivCard
from gateway.issuing.lifecycle import expire_cards
from medtap.card_station.enrolment import StationError, enrol, read_enrolment
from tests.cards.simulated_reader import SimulatedReader
from tests.gateway.card_kit import KEYS, CardDeskWorld, Chips, make_world
from tests.gateway.card_server import CardServer, HandReader, Person, RunningStation, card_server, until
from tests.gateway.ingest_kit import Database


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[CardServer]:
    """A card desk that is served."""
    world = make_world(database.pool, tmp_path)
    with card_server(world, tmp_path) as server:
        yield server
    world.issuing.stop()


def made(person: Person, station: RunningStation, request: dict[str, str], card: object) -> None:
    """The request's card, made of this chip."""
    assert isinstance(station.reader, HandReader)
    station.reader.take()
    until(lambda: not any(one["showing"].get("there") for one in person.get("/stations")), "the reader is free")
    before = len([one for one in station.said if one["what"] == "outcome"])
    person.act("personalise", request_id=request["request_id"], station_id=station.enrolment.station_id)
    station.reader.put(card)  # type: ignore[arg-type]
    assert station.outcome(before) == "made"


def handed(request: dict[str, str], **more: object) -> dict[str, object]:
    """What is told at a hand-over where all is well."""
    well = {"received_by": "guardian", "name": "Trần Thị Hoa", "matched": True, "signed": True}
    return {"request_id": request["request_id"], "second_identifier": "birth_date", **well, **more}


def test_a_childs_chip_card_from_the_request_to_lost_and_found(desk: CardServer) -> None:
    issuer, clerk = desk.signed_in("card_issuer"), desk.signed_in("clerk")
    child = desk.world.patient("Nguyễn Hoàng Bảo Trâm", date(2019, 5, 4), allergy_flag=True)
    station = desk.station(issuer)
    request = clerk.act("ask", patient_id=str(child), urgent=True, note="làm trong ngày")
    assert clerk.refused("ask", patient_id=str(child)) == (422, "card_request_open")
    assert clerk.refused("personalise", request_id=request["request_id"], station_id=station.enrolment.station_id) == (
        403,
        "role_missing",
    )
    card = Chips().piv()
    made(issuer, station, request, card)
    assert clerk.refused("hand-over", **handed(request)) == (422, "card_request_state")
    _printed(clerk, request)
    for wrong, code in (
        ({"matched": False}, "card_identifier_differs"),
        ({"received_by": "patient"}, "card_guardian_missing"),
        ({"signed": False}, "card_not_signed"),
    ):
        assert clerk.refused("hand-over", **handed(request, **wrong)) == (422, code)
    clerk.act("hand-over", **handed(request))
    (row,) = desk.world.rows("SELECT card_id, patient_id, state, profile, key_version, valid_until FROM card")
    card_id = row[0]
    assert row[1:] == (child, "active", "piv", 1, date(2031, 11, 21))
    assert desk.world.rows("SELECT name_sealed::text LIKE '%%Hoa%%' FROM card_receipt") == [(False,)]
    page = clerk.page(f"/cards/requests/{request['request_id']}")
    assert "Trần Thị Hoa" in page
    assert "NGUYỄN" in page

    _pin_and_record(clerk, station, card, card_id, desk.world)
    held = clerk.act("report", card_id=card_id, what="lost", why="mẹ gọi điện")
    assert held["state"] == "lost"
    assert clerk.act("report", card_id=card_id, what="found")["state"] == "found"
    assert clerk.act("report", card_id=card_id, what="back")["state"] == "active"
    assert clerk.refused("ask", patient_id=str(child)) == (422, "card_exists")
    _replaced_by_a_new_one(desk, issuer, station, child, card_id)


def _printed(clerk: Person, request: dict[str, str]) -> None:
    first = clerk.act("print", request_id=request["request_id"])
    file = clerk.browser.get(first["pdf"])
    assert file.headers["content-type"] == "application/pdf"
    document = pypdfium2.PdfDocument(file.content)
    assert len(document) == 2
    assert [round(length * 25.4 / 72, 2) for length in document[0].get_size()] == [85.60, 53.98]
    text = document[0].get_textpage().get_text_range()
    assert "NGUYỄN HOÀNG BẢO TRÂM" in text
    assert "2019" in text
    (code,) = zxingcpp.read_barcodes(document[0].render(scale=6).to_pil())
    assert code.text == f"http://testserver/c/{request['card_number']}"
    assert clerk.refused("print", request_id=request["request_id"]) == (422, "card_reprint_reason")
    again = clerk.act("print", request_id=request["request_id"], why="mực lem")
    document.close()
    log = clerk.get("/prints?only_again=true")
    assert [(one["copy_number"], one["reason"], one["by"]) for one in log] == [(2, "mực lem", clerk.username)]
    other = clerk.browser.get(again["pdf"].replace(again["pdf"][-12:], "0000000f.pdf"))
    assert other.status_code == 404
    assert "mực lem" in clerk.page("/cards/prints")


def _pin_and_record(clerk: Person, station: RunningStation, card: PivCard, card_id: str, world: CardDeskWorld) -> None:
    """Blocked, unblocked with consent; the record follows the patient's data; the log says what was done."""
    at = {"card_id": card_id, "station_id": station.enrolment.station_id, "consent_by": "guardian"}
    assert clerk.refused("pin", **at, new_pin="271828") == (422, "card_consent_missing")
    assert clerk.refused("pin", **at, new_pin="27", consent=True) == (422, "card_pin_form")
    clerk.act("pin", **at, new_pin="271828", consent=True)
    processor = processor_for(SimulatedReader(card))
    PivCardApplication.select(processor)
    verify(processor, "271828")
    assert clerk.refused("pin", **at, old_pin="000000", new_pin="314159", consent=True) == (422, "card_pin_wrong")
    PivCardApplication.select(processor)
    for _ in range(4):
        with pytest.raises(WrongPinError):
            verify(processor, "000000")
    assert tries_left(processor) == 0
    assert clerk.refused("pin", **at, old_pin="271828", new_pin="314159", consent=True) == (422, "card_pin_blocked")
    clerk.act("pin", **at, new_pin="314159", consent=True)
    PivCardApplication.select(processor)
    verify(processor, "314159")
    clerk.act("record", **at, consent=True)
    application = PivCardApplication.select(processor)
    record = open_record(application.emergency_record() or b"", card_id, world.terminal, world.anchors)
    assert [one.text for one in record.allergies] == ["Có dị ứng, chưa ghi rõ: hỏi người nhà và bệnh án"]
    acts = [row[0] for row in world.rows("SELECT act FROM card_log WHERE on_card ORDER BY log_id")]
    assert acts == ["issued", "handed_over", "pin", "pin", "emergency"]


def _replaced_by_a_new_one(desk: CardServer, issuer: Person, station: RunningStation, child: object, old: str) -> None:
    """Lost for good: barred with the request already, replaced at the hand-over; the patient stays who they are."""
    request = issuer.act("ask", patient_id=str(child), reason="lost")
    assert desk.world.rows("SELECT state FROM card WHERE card_id = %s", old) == [("lost",)]
    made(issuer, station, request, Chips(9).piv())
    issuer.act("print", request_id=request["request_id"])
    issuer.act("hand-over", **handed(request))
    states = dict(desk.world.rows("SELECT card_id, state FROM card"))
    assert sorted(states.values()) == ["active", "lost"]
    assert issuer.refused("report", card_id=old, what="back")[0] == 422
    issuer.act("take-back", request_id=request["request_id"], why="trao nhầm người")
    assert set(dict(desk.world.rows("SELECT card_id, state FROM card")).values()) == {"found", "lost"}
    issuer.act("hand-over", **handed(request))
    new = next(card_id for card_id, state in states.items() if state == "active")
    desk.world.now += timedelta(days=5 * 366)
    with desk.world.pool.connection() as connection:
        today = desk.world.now.date()
        assert sorted(expire_cards(connection, today, desk.world.now)) == sorted([old, new])
        assert expire_cards(connection, today, desk.world.now) == []


def test_an_nfc_card_through_a_station_that_is_pulled_restarted_and_revoked(desk: CardServer) -> None:
    issuer = desk.signed_in("card_issuer")
    patient = desk.world.patient("Lê Minh Anh", date(1990, 1, 2))
    station = desk.station(issuer, "Bàn 2")
    assert isinstance(station.reader, HandReader)
    request = issuer.act("ask", patient_id=str(patient), profile="ntag424")
    tag = Chips().tag()
    issuer.act("personalise", request_id=request["request_id"], station_id=station.enrolment.station_id)
    station.reader.gone_at = 22
    station.reader.put(tag)
    assert station.outcome(0) == "card_taken_away"
    station.stop()
    until(lambda: not issuer.get("/stations")[0]["connected"], "the station is gone")
    assert issuer.refused("wipe", station_id=station.enrolment.station_id) == (422, "card_station_away")

    again = desk.running(read_enrolment(desk.directory / "Bàn 2.json"))
    assert isinstance(again.reader, HandReader)
    again.reader.put(tag)  # what it was to do is still known
    assert again.outcome(0) == "made"
    (state,) = desk.world.rows("SELECT state, card_id FROM card_request")
    assert state == ("personalised", tag.uid.hex())
    kept = read_address(SimulatedReader(tag))
    issuer.act("print", request_id=request["request_id"])
    issuer.act("hand-over", **handed(request, received_by="patient", name="Lê Minh Anh"))
    ((highest,),) = desk.world.rows("SELECT highest FROM sun_counter WHERE card_id = %s", tag.uid.hex())
    assert highest >> 24 == 1
    assert judge_address(kept, KEYS.tag_masters).sun.valid

    with pytest.raises(StationError, match="was used"):
        enrol(desk.address, "https://x/cards/enrol#nothing", desk.directory / "other.json")
    issuer.act("revoke-station", station_id=again.enrolment.station_id)
    assert "does not let this station in" in again.ended_with


def test_the_pages_of_the_desk_lead_through_a_request(desk: CardServer) -> None:
    issuer = desk.signed_in("card_issuer", "clerk")
    patient = desk.world.patient("Phạm Gia Hưng", date(2024, 11, 9))
    desk.world.patient("Phạm Gia Bảo", date(2014, 1, 9))
    found = issuer.page("/cards/ask?q=pham+gia")
    assert found.count('name="patient_id"') == 2
    answer = issuer.form("ask", patient_id=str(patient), profile="piv", reason="first", urgent="true")
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert "Đã lưu yêu cầu." in issuer.page(where)
    number = desk.world.rows("SELECT card_number FROM card_request")[0][0]
    spaced = f"{number[:4]} {number[4:8]} {number[8:]}"
    live = issuer.page("/cards")
    assert spaced in live
    assert "PHẠM" in live
    assert spaced in issuer.page(f"/cards/search?q={spaced}")
    assert spaced in issuer.page(f"/c/{number}")
    refused = issuer.form("cancel", request_id=where.partition("/requests/")[2][:36], back="/cards/ask", why="x")
    assert refused.status_code == 303
    refused = issuer.form("cancel", request_id=where.partition("/requests/")[2][:36], back=where, why="x")
    assert refused.status_code == 422
    assert "đang ở trạng thái" in refused.text
    assert issuer.form("count-blanks", profile="piv", quantity="19").status_code == 303
    assert "Sắp hết thẻ trắng" in issuer.page("/cards/blanks")
    shown = issuer.form("new-station", name="Bàn 9").text
    assert re.search(r"medtap card station run --link &#34;http://testserver/cards/enrol#[\w-]{43}&#34;", shown)
    made_batch = issuer.form("new-batch", profile="ntag424", title="Lớp 1A")
    assert made_batch.status_code == 422, "nobody waits for that kind"
    issuer.form("ask", patient_id=str(patient), profile="ntag424", reason="first")
    made_batch = issuer.form("new-batch", profile="ntag424", title="Lớp 1A")
    number = made_batch.headers["location"].partition("?")[0].rpartition("/")[2]
    assert issuer.get(f"/batches/{number}")["total"] == len(issuer.get("/batches")) == 1
    assert "Lớp 1A" in issuer.page(f"/cards/batches/{number}")
    issuer.form("cancel-batch", batch_id=issuer.get("/batches")[0]["batch_id"])
    assert issuer.get(f"/batches/{number}")["state"] == "cancelled"
    for path in ("/cards/stations", "/cards/batches", "/cards/lists", "/cards/prints"):
        assert 'aria-current="page"' in issuer.page(path)
    issuer.browser.post("/language", data={"language": "en", "next": "/"})
    assert "Blank cards" in issuer.page("/cards")
    assert desk.signed_in("viewer").browser.get("/cards", headers={"accept": "text/html"}).status_code == 403
