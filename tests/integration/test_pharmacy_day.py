"""A day in the pharmacy, from the catalogue in the morning to the proof in the evening, on real parts.

Real processes, only the silicon is simulated; what people do goes through scanners, readers, pages and commands. The
tests share one hospital and play in the order they stand here. Each writes what was done into a plain book
(`Day.expect`); at the end the database's books must say the same, to the last unit.
"""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zxingcpp

from firmware_sim.gs1_text import check_digit
from firmware_sim.label_printer import LabelPrinter
from tests.integration import day_tags as tags
from tests.integration import day_workbooks as workbooks
from tests.integration.day_counts import FOREIGN_TAG, count_tags, hand_in
from tests.integration.day_kit import (
    CEFTRIAXONE,
    DISPENSED,
    FRIDGE,
    HEPATITIS,
    LONG_FRESH,
    MORPHINE,
    MORPHINE_GTIN,
    PARACETAMOL,
    REPACKED,
    SHELF,
    STORE,
    SUPPLIER,
    TODAY,
    TOMORROW,
    TRANSIT,
    UNEXPLAINED,
    VACCINE,
    VITAMIN,
    WARD,
    WASTED,
    Day,
    day_of,
)
from tests.integration.day_proof import prove, read_papers

if TYPE_CHECKING:
    from tests.integration.conftest import Play

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def day(play: "Play", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Three pharmacists."""
    people = {name: ["pharmacist"] for name in ("lan", "minh", "hoa")}
    with day_of(play, tmp_path_factory.mktemp("day"), people) as begun:
        yield begun


def _ask(day: Day, person: str, what: str, wanted: dict[str, int], **more: str) -> Any:  # noqa: ANN401 - JSON
    """Ask for goods from the store, for a ward or a patient; the draft with its proposal."""
    lines = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in wanted.items()]
    body = {"document_id": str(uuid.uuid4()), "from_place_id": "main-store", "lines": lines, **more}
    return day.send(person, f"/stock/{what}", body)


def test_half_past_six_the_catalogue_comes_from_a_workbook_and_its_mistakes_are_told_first(day: Day) -> None:
    wrong = MORPHINE_GTIN[:-1] + str((int(MORPHINE_GTIN[-1]) + 1) % 10)
    tried = day.bring(workbooks.products(day, control="gây mê", gtin=wrong), "products", "--dry-run")
    assert (tried["exit"], tried["written"], tried["problems"]) == (1, False, 2)
    assert {(one["row"], one["column"]) for one in tried["findings"] if one["severity"] == "problem"} == {
        (3, "Phân loại kiểm soát"),
        (3, "GTIN hộp"),
    }
    right = workbooks.products(day, control="gây nghiện", gtin=MORPHINE_GTIN)
    tried = day.bring(right, "products", "--dry-run")
    assert (tried["exit"], tried["written"], tried["new"], tried["changed"]) == (0, False, 2, 2)
    assert day.play.value("SELECT count(*) FROM product WHERE product_id = %s", VITAMIN) == 0
    assert day.bring(right, "products")["written"]
    assert day.bring(right, "products")["same"] == 4
    assert day.bring(workbooks.places(day), "places")["written"]
    assert day.bring(workbooks.levels(day), "levels")["written"]


def test_the_books_open_with_what_stands_on_the_shelves_and_a_second_import_books_nothing(day: Day) -> None:
    opening = workbooks.opening_stock(day)
    assert day.bring(opening, "opening-stock")["written"]
    day.expect(VITAMIN, "V1", 500, SUPPLIER, SHELF)
    assert day.bring(opening, "opening-stock")["same"] == 2
    assert day.play.value("SELECT count(*) FROM movement") == 1


def test_the_narcotics_that_stood_there_are_counted_blind_by_a_second_person_before_they_are_in_the_books(
    day: Day,
) -> None:
    assert day.there(STORE, MORPHINE, "M1") == 0
    [waiting] = day.read("minh", "/stock/documents", state="waiting_second")
    path = f"/stock/documents/{waiting['document_id']}"
    [line] = day.read("minh", path)["waiting"]
    assert (line["product_id"], line["quantity"]) == (MORPHINE, None)
    assert day.refused("lan", f"{path}/confirm", {"counted": {MORPHINE: 40}})[1] == "second_person"
    assert day.refused("minh", f"{path}/confirm", {})[1] == "goods_not_counted"
    assert day.send("minh", f"{path}/confirm", {"counted": {MORPHINE: 40}})["state"] == "posted"
    day.expect(MORPHINE, "M1", 40, SUPPLIER, STORE)
    assert day.there(STORE, MORPHINE, "M1") == 40


def test_seven_o_clock_packs_are_received_by_scanner_in_the_name_of_who_works_there(day: Day) -> None:
    day.operator("scanner-receiving", "lan")
    for lot in (0, 1):
        for number in range(3):
            pack = day.pack(day.index(CEFTRIAXONE, lot, number))
            assert day.scan("receiving", day.index(CEFTRIAXONE, lot, number)) == "received"
            day.expect(day.ceftriaxone, pack["lot"], 10, SUPPLIER, STORE)
    for product, lot, packs in ((PARACETAMOL, 0, 3), (PARACETAMOL, 1, 1), (HEPATITIS, 0, 1)):
        for number in range(packs):
            pack = day.pack(day.index(product, lot, number))
            assert day.scan("receiving", day.index(product, lot, number)) == "received"
            day.expect(pack["gtin"], pack["lot"], 10, SUPPLIER, STORE)
    assert day.play.rows("SELECT DISTINCT person FROM movement WHERE client = 'edge'") == [("lan",)]
    assert day.scan("receiving", day.index(CEFTRIAXONE, 0, 0)) == "repeated"


def test_a_case_is_received_as_all_the_units_in_it(day: Day) -> None:
    pack = day.pack(day.index(CEFTRIAXONE, 2, 0))
    lot, expiry = pack["lot"], pack["expiry_date"][2:].replace("-", "")
    assert day.scan("receiving", f"]C101{day.ceftriaxone_case}17{expiry}10{lot}") == "received"
    day.expect(day.ceftriaxone, lot, 100, SUPPLIER, STORE)
    assert day.there(STORE, day.ceftriaxone, lot) == 100


def test_what_is_no_product_of_ours_or_lost_its_separator_moves_nothing_and_says_what_mends_it(day: Day) -> None:
    stranger = "0893850999001"
    assert day.scan("receiving", f"]d201{stranger}{check_digit(stranger)}17{LONG_FRESH:%y%m%d}10X1") == "discrepancy"
    assert "is not in the catalogue" in day.last_scan()[1]
    lost = f"]d201{day.ceftriaxone}17{LONG_FRESH:%y%m%d}10LOT7211234567890"
    assert day.scan("receiving", lost) == "discrepancy"
    assert "FNC1 was lost" in day.last_scan()[1]
    assert "Cài máy quét gửi mã GS1 có ký tự phân cách" in day.people["lan"].get("/pharmacy").text
    codes = day.play.rows("SELECT code FROM discrepancy WHERE resolved_at IS NULL ORDER BY discrepancy_id")
    assert codes == [("unknown_product",), ("doubtful_code",)]


def test_a_delivery_against_an_order_is_more_than_ordered_and_waits_in_quarantine_for_two_people(day: Day) -> None:
    proposed = day.read("lan", "/stock/order-proposals", place_id="main-store")
    assert day.ceftriaxone in {one["product_id"] for one in proposed}, "it stands below its reorder point"
    ordered = {"product_id": day.vaccine, "quantity": 4}
    order = {"order_id": str(uuid.uuid4()), "supplier_name": "Công ty Dược A", "place_id": "main-store"}
    day.send("lan", "/stock/orders", {**order, "lines": [ordered]})
    packs = [day.goods(VACCINE, 0, number) for number in range(5)]
    delivery = {"document_id": str(uuid.uuid4()), "order_id": order["order_id"], "place_id": "main-store"}
    received = day.send("lan", "/stock/receipts", {**delivery, "lines": packs})
    assert {"over_delivered", "in_quarantine", "new_lot"} <= {one["code"] for one in received["notices"]}
    assert day.send("lan", "/stock/receipts", {**delivery, "lines": packs})["outcome"] == "exists"
    [held] = day.read("lan", "/stock/holds", kind="quarantine")
    assert (held["product_id"], held["on_hand"]) == (day.vaccine, 5)
    day.send("lan", f"/stock/holds/{held['hold_id']}/ask-release", {"reason": "Nhiệt độ vận chuyển đạt"})
    assert day.refused("lan", f"/stock/holds/{held['hold_id']}/confirm-release")[1] == "second_person"
    day.send("minh", f"/stock/holds/{held['hold_id']}/confirm-release")
    for _ in packs:
        day.expect(day.vaccine, day.lot(VACCINE, 0), 1, SUPPLIER, STORE)


def test_eight_o_clock_vaccines_go_into_the_fridge_and_not_onto_a_shelf(day: Day) -> None:
    body = {"from_place_id": "main-store", "lines": [day.goods(VACCINE, 0, number) for number in range(5)]}
    wrong = {**body, "document_id": str(uuid.uuid4()), "to_place_id": "shelf-a"}
    assert day.refused("lan", "/stock/put-aways", wrong)[1] == "storage_class"
    day.send("lan", "/stock/put-aways", {**body, "document_id": str(uuid.uuid4()), "to_place_id": "fridge-1"})
    for _ in range(5):
        day.expect(day.vaccine, day.lot(VACCINE, 0), 1, STORE, FRIDGE)
    assert day.there(FRIDGE, day.vaccine, day.lot(VACCINE, 0)) == 5


def test_a_label_that_is_printed_here_is_read_by_another_program_and_booked_by_its_scan(day: Day) -> None:
    with LabelPrinter(400, 240) as printer:
        printed = day.command(
            *("label", "print", "--product-id", VITAMIN, "--name", "Vitamin C 500 mg", "--lot", "V1"),
            *("--expiry", f"{LONG_FRESH}", "--serial", "H0001", "--printer", f"127.0.0.1:{printer.port}"),
        )
        assert printed.exit_code == 0, printed.output
        [label] = printer.wait_for(1)
    assert label.complaints == ()
    [code] = zxingcpp.read_barcodes(label.image)
    assert day.scan("receiving", code.symbology_identifier + code.bytes.decode()) == "received"
    day.expect(VITAMIN, "V1", 1, SUPPLIER, STORE)
    assert day.scan("receiving", code.symbology_identifier + code.bytes.decode()) == "repeated"
    assert day.there(STORE, VITAMIN, "V1") == 1


def test_a_tag_that_is_written_here_is_read_back_by_the_stores_reader_and_booked_as_the_label_says(day: Day) -> None:
    labelled = tags.label_and_tag(day)
    tags.read_by_the_store(day, labelled)
    day.expect(labelled.gtin, labelled.lot, labelled.units, SUPPLIER, STORE)
    assert day.there(STORE, labelled.gtin, labelled.lot) == labelled.units
    assert day.scan("receiving", labelled.symbol) == "repeated", "label and tag name one and the same pack"
    day.tagged_epc = labelled.epc


def test_nine_o_clock_a_ward_asks_and_gets_what_expires_first_with_a_reason_for_the_rest(day: Day) -> None:
    first, second = day.lot(CEFTRIAXONE, 0), day.lot(CEFTRIAXONE, 1)
    asked = _ask(day, "lan", "issues", {day.ceftriaxone: 25}, to_place_id="khoa-noi")
    assert [(one["lot"], one["quantity"]) for one in asked["proposed"]] == [(first, 25)]
    assert {one["lot"] for one in asked["not_offered"]} == {first, second, day.lot(CEFTRIAXONE, 2)}
    assert all(one["text"] for one in asked["not_offered"])
    path = f"/stock/outgoing/{asked['document_id']}"
    for number in range(3):
        day.send("lan", f"{path}/picks", {"pick_id": str(uuid.uuid4()), "code": day.code(CEFTRIAXONE, 0, number)})
    wrong = {"pick_id": str(uuid.uuid4()), "code": day.code(PARACETAMOL, 0, 0)}
    assert day.refused("lan", f"{path}/picks", wrong)[1] == "wrong_product"
    assert day.send("lan", f"{path}/hand-over", {})["state"] == "posted"
    assert day.send("lan", f"{path}/hand-over", {})["state"] == "posted", "told again, it is not booked again"
    for quantity in (10, 10, 5):
        day.expect(day.ceftriaxone, first, quantity, STORE, WARD)
    day.expect(day.ceftriaxone, first, 5, STORE, REPACKED)
    day.expect(day.ceftriaxone, first, 5, REPACKED, STORE)
    assert (day.there(STORE, day.ceftriaxone, first), day.there(WARD, day.ceftriaxone, first)) == (5, 25)
    note = day.printed("lan", f"/api/v1/stock/documents/{asked['document_id']}/issue-note.pdf")
    assert all(text in note for text in ("PHIẾU XUẤT KHO", asked["number"], "Khoa Nội tổng quát", first, "25")), note


def test_what_is_sent_to_a_ward_is_in_transit_and_what_does_not_arrive_is_a_case(day: Day) -> None:
    lot, transfer_id = day.lot(CEFTRIAXONE, 2), str(uuid.uuid4())
    goods = {"product_id": day.ceftriaxone, "lot": lot, "quantity": 20}
    way = {"from_place_id": "main-store", "to_place_id": "khoa-noi"}
    assert day.send("lan", "/stock/transfers", {"document_id": transfer_id, **way, "lines": [goods]})["state"] == (
        "in_transit"
    )
    day.expect(day.ceftriaxone, lot, 20, STORE, TRANSIT)
    [there] = day.read("hoa", f"/stock/transfers/{transfer_id}/on-the-way")
    assert (there["lot"], there["quantity"]) == (lot, 20)
    arrived = {"document_id": str(uuid.uuid4()), "lines": [{**goods, "quantity": 18}], "is_complete": True}
    day.send("hoa", f"/stock/transfers/{transfer_id}/arrivals", arrived)
    day.expect(day.ceftriaxone, lot, 18, TRANSIT, WARD)
    day.expect(day.ceftriaxone, lot, 2, TRANSIT, UNEXPLAINED)
    cases = [
        one for one in day.read("lan", "/stock/cases") if one["product_id"] == day.ceftriaxone and one["lot"] == lot
    ]
    [case] = [one for one in cases if one["movement_id"] is not None]
    settle = {"document_id": str(uuid.uuid4()), "resolve_as": "explained", "reason": "Hai lọ vỡ, có biên bản"}
    settled = day.send("lan", f"/stock/cases/{case['discrepancy_id']}/resolve", settle)["case"]
    assert (settled["resolved_by"], settled["resolved_as"]) == ("lan", "explained")


def test_two_pharmacists_want_the_last_box_and_one_gets_it(day: Day) -> None:
    with ThreadPoolExecutor(2) as both:
        asked = list(
            both.map(
                lambda person: _ask(day, person, "issues", {day.hepatitis: 10}, to_place_id="khoa-noi"),
                ("lan", "minh"),
            )
        )
    assert sorted(sum(one["quantity"] for one in each["proposed"]) for each in asked) == [0, 10]
    winner, loser = sorted(asked, key=lambda each: -len(each["proposed"]))
    assert winner["created_by"] in str(loser["not_offered"]), "who has it is told to who has not"
    assert day.refused(loser["created_by"], f"/stock/outgoing/{loser['document_id']}/hand-over", {"as_proposed": True})
    day.send(loser["created_by"], f"/stock/outgoing/{loser['document_id']}/cancel")
    day.send(winner["created_by"], f"/stock/outgoing/{winner['document_id']}/hand-over", {"as_proposed": True})
    day.expect(day.hepatitis, day.lot(HEPATITIS, 0), 10, STORE, WARD)


def test_ten_o_clock_broker_and_gateway_are_killed_while_packs_go_out_and_nothing_is_lost(day: Day) -> None:
    day.operator("scanner-issue", "minh")
    lot, hospital = day.lot(PARACETAMOL, 0), day.play.hospital
    assert day.scan("issue", day.index(PARACETAMOL, 0, 0)) == "issued"
    hospital.kill_broker()
    assert day.play.do("scan", scanner="issue", pack=day.index(PARACETAMOL, 0, 1))["heard"]
    hospital.kill_gateway()
    assert day.play.do("scan", scanner="issue", pack=day.index(PARACETAMOL, 0, 2))["heard"]
    hospital.start_broker()
    hospital.start_gateway()
    serials = [day.pack(day.index(PARACETAMOL, 0, number))["serial_number"] for number in range(3)]
    issued = "SELECT count(*) FROM movement WHERE kind = 'issue' AND person = 'minh' AND serial_number = ANY(%s)"
    day.play.eventually(issued, 3, serials)
    day.wait_for_pages()
    for _ in serials:
        day.expect(day.paracetamol, lot, 10, STORE, DISPENSED)
    assert day.there(STORE, day.paracetamol, lot) == 0


def test_eleven_o_clock_a_patient_shows_the_card_and_is_given_the_medicine(day: Day) -> None:
    patient = day.play.hospital.world["patients"][0]
    day.play.do("tap", patient=0)
    day.play.eventually("SELECT count(*) FROM tap WHERE outcome = 'checked_in'", 1)
    found = day.read("minh", "/stock/dispensing-patient", place_id="desk-a")
    assert found["patient_number"] == patient["patient_number"]
    assert patient["full_name"] not in json.dumps(found, ensure_ascii=False), "names are for the registration desk"
    asked = _ask(day, "minh", "dispensings", {day.ceftriaxone: 3}, patient_id=found["patient_id"])
    path = f"/stock/outgoing/{asked['document_id']}"
    some = {"pick_id": str(uuid.uuid4()), "code": day.code(CEFTRIAXONE, 0, 2), "quantity": 3}
    day.send("minh", f"{path}/picks", some)
    assert day.send("minh", f"{path}/hand-over", {})["state"] == "posted"
    day.expect(day.ceftriaxone, day.lot(CEFTRIAXONE, 0), 3, STORE, DISPENSED)


def test_what_is_held_is_not_given_out_and_two_people_release_it(day: Day) -> None:
    hold_id, lot = str(uuid.uuid4()), day.lot(PARACETAMOL, 1)
    scope = {"product_id": day.paracetamol, "lot": lot, "kind": "quarantine"}
    day.send("lan", "/stock/holds", {"hold_id": hold_id, **scope, "reason": "Hộp móp, chờ kiểm tra"})
    asked = _ask(day, "minh", "issues", {day.paracetamol: 10}, to_place_id="khoa-noi")
    assert asked["proposed"] == []
    assert [one["lot"] for one in asked["not_offered"]] == [lot]
    pick = {"pick_id": str(uuid.uuid4()), "code": day.code(PARACETAMOL, 1, 0)}
    path = f"/stock/outgoing/{asked['document_id']}"
    status, code, words = day.refused("minh", f"{path}/picks", pick)
    assert (status, code) == (httpx.codes.UNPROCESSABLE_ENTITY, "not_given_out")
    assert words
    day.send("lan", f"/stock/holds/{hold_id}/ask-release", {"reason": "Chỉ móp hộp ngoài"})
    assert day.refused("lan", f"/stock/holds/{hold_id}/confirm-release")[1] == "second_person"
    day.send("hoa", f"/stock/holds/{hold_id}/confirm-release")
    day.send("minh", f"{path}/picks", pick)
    assert day.send("minh", f"{path}/hand-over", {})["state"] == "posted"
    day.expect(day.paracetamol, lot, 10, STORE, WARD)


def test_a_ward_gives_back_a_pack_and_mistakes_are_corrected_with_a_reason_or_taken_back(day: Day) -> None:
    back = {"from_place_id": "khoa-noi", "to_place_id": "main-store", "reason_code": "return_not_needed"}
    pack = day.goods(PARACETAMOL, 1, 0)
    day.send("hoa", "/stock/returns-from-wards", {"document_id": str(uuid.uuid4()), **back, "lines": [pack]})
    day.expect(day.paracetamol, day.lot(PARACETAMOL, 1), 10, WARD, STORE)
    vitamin = {"product_id": VITAMIN, "lot": "V1", "quantity": 2}
    broken = {"place_id": "shelf-a", "direction": "less", "lines": [vitamin], "document_id": str(uuid.uuid4())}
    assert day.refused("hoa", "/stock/adjustments", {**broken, "reason_code": "because"})[1] == "reason_missing"
    day.send("hoa", "/stock/adjustments", {**broken, "reason_code": "adjust_broken"})
    day.expect(VITAMIN, "V1", 2, SHELF, UNEXPLAINED)
    typed = {**broken, "direction": "more", "document_id": str(uuid.uuid4()), "reason_code": "adjust_found"}
    day.send("hoa", "/stock/adjustments", {**typed, "lines": [{**vitamin, "quantity": 500}]})
    day.expect(VITAMIN, "V1", 500, UNEXPLAINED, SHELF)
    undo = {"document_id": str(uuid.uuid4()), "reason_code": "reverse_entered_wrong", "note": "Gõ nhầm 500"}
    day.send("hoa", f"/stock/documents/{typed['document_id']}/undo", undo)
    day.expect(VITAMIN, "V1", 500, SHELF, UNEXPLAINED)
    assert day.there(SHELF, VITAMIN, "V1") == 498


def test_one_o_clock_a_lot_is_recalled_and_everything_that_became_of_it_is_on_one_page(day: Day) -> None:
    lot, patient = day.lot(CEFTRIAXONE, 0), day.play.hospital.world["patients"][0]
    trace = day.read("lan", "/stock/trace", product_id=day.ceftriaxone, lot=lot)
    assert {one["account_id"]: one["quantity"] for one in trace["places"]} == {STORE: 2, WARD: 25}
    assert [(one["patient_number"], one["quantity"]) for one in trace["patients"]] == [(patient["patient_number"], 3)]
    assert (trace["received"], len(trace["movements"])) == (30, 9)
    recall_id = str(uuid.uuid4())
    body = {"recall_id": recall_id, "product_id": day.ceftriaxone, "lot": lot, "source": "Công văn 123/QLD-CL"}
    recalled = day.send("lan", "/stock/recalls", {**body, "reason": "Không đạt độ vô khuẩn"})
    assert recalled["holds_open"] >= 1
    walk = day.read("lan", "/stock/holds/walk", recall_id=recall_id)
    assert {one["account_id"]: one["quantity"] for one in walk} == {STORE: 2, WARD: 25}
    asked = _ask(day, "minh", "issues", {day.ceftriaxone: 5}, to_place_id="khoa-noi")
    assert {one["lot"] for one in asked["proposed"]} == {day.lot(CEFTRIAXONE, 1)}
    day.send("minh", f"/stock/outgoing/{asked['document_id']}/cancel")
    notice = day.printed("lan", f"/api/v1/stock/recalls/{recall_id}/notice.pdf")
    assert all(text in notice for text in (lot, patient["patient_number"], "123/QLD-CL")), notice
    # A pack that is issued all the same did leave: it is booked, and a case says so.
    assert day.scan("issue", day.index(CEFTRIAXONE, 0, 2)) == "discrepancy"
    day.expect(day.ceftriaxone, lot, 2, STORE, DISPENSED)
    assert day.play.value("SELECT code FROM discrepancy ORDER BY discrepancy_id DESC LIMIT 1") == "held_stock_issued"
    assert "đang bị giữ lại hoặc bị thu hồi" in day.people["lan"].get("/pharmacy").text


def test_two_o_clock_a_narcotic_takes_two_people_and_a_blind_count_that_differs_is_a_case(day: Day) -> None:
    asked = _ask(day, "lan", "issues", {MORPHINE: 5}, to_place_id="khoa-noi")
    path = f"/stock/outgoing/{asked['document_id']}"
    waiting = day.send("lan", f"{path}/hand-over", {"as_proposed": True})
    assert (waiting["state"], waiting["to_count"]) == ("waiting_second", [MORPHINE])
    assert day.there(STORE, MORPHINE, "M1") == 40, "nothing leaves before the second person"
    assert day.refused("lan", f"{path}/confirm", {"counted": {MORPHINE: 34}})[1] == "second_person"
    assert day.refused("minh", f"{path}/confirm", {})[1] == "not_counted"
    assert day.send("minh", f"{path}/confirm", {"counted": {MORPHINE: 34}})["second_person"] == "minh"
    day.expect(MORPHINE, "M1", 5, STORE, WARD)
    [case] = day.read("lan", "/stock/cases", only_controlled=True)
    settle = {
        "document_id": str(uuid.uuid4()),
        "resolve_as": "adjusted",
        "reason": "Một ống vỡ khi kiểm đếm",
        "place_id": "main-store",
        "product_id": MORPHINE,
        "lot": "M1",
        "quantity": -1,
    }
    where = f"/stock/cases/{case['discrepancy_id']}"
    assert day.send("lan", f"{where}/resolve", settle)["case"]["resolved_at"] is None
    assert day.refused("lan", f"{where}/confirm")[1] == "second_person"
    done = day.send("hoa", f"{where}/confirm")["case"]
    assert (done["resolved_by"], done["resolved_second"], done["resolved_as"]) == ("lan", "hoa", "adjusted")
    day.expect(MORPHINE, "M1", 1, STORE, UNEXPLAINED)
    register = day.printed(
        "lan",
        "/api/v1/stock/controlled/register.pdf",
        place_id="main-store",
        first_day=f"{TODAY}",
        last_day=f"{TOMORROW}",
    )
    assert all(text in register for text in ("Morphin 10 mg/ml", "Lan", "Minh", asked["number"])), register


def test_what_is_destroyed_is_destroyed_by_two_people_with_minutes_to_sign(day: Day) -> None:
    document_id = str(uuid.uuid4())
    line = {"product_id": VITAMIN, "lot": "V1", "quantity": 10}
    body = {"document_id": document_id, "place_id": "shelf-a", "lines": [line], "reason": "Vỉ rách, thuốc ẩm"}
    written = day.send("minh", "/stock/destructions", {**body, "method": "Đốt", "committee": [["Lan", "Trưởng khoa"]]})
    assert written["state"] == "waiting_second"
    assert day.refused("minh", f"/stock/destructions/{document_id}/confirm")[1] == "second_person"
    assert day.send("lan", f"/stock/destructions/{document_id}/confirm")["second_person"] == "lan"
    day.expect(VITAMIN, "V1", 10, SHELF, WASTED)
    minutes = day.printed("lan", f"/api/v1/stock/destructions/{document_id}/minutes.pdf")
    assert all(text in minutes for text in (written["number"], "Vitamin C 500 mg", "Vỉ rách, thuốc ẩm")), minutes


def test_three_o_clock_tags_are_counted_and_a_pack_elsewhere_is_moved_by_a_person(day: Day) -> None:
    here = [day.index(CEFTRIAXONE, 1, number) for number in range(3)]
    stranger = day.index(VACCINE, 2, 4)
    for index in (*here, stranger):
        day.play.do("uhf_put", pack=index)
    count_id, found = count_tags(day, "shelf-a", *here, stranger)
    outcomes = {one["epc"]: one["outcome"] for one in found}
    epcs = [day.pack(index)["epc"].upper() for index in here]
    assert outcomes == {
        **dict.fromkeys(epcs, "seen_elsewhere"),
        day.pack(stranger)["epc"].upper(): "unknown",
        FOREIGN_TAG: "foreign",
    }
    for epc in epcs:
        decision = {"decision": "move_in_the_books"}
        assert day.send("lan", f"/tag-counts/{count_id}/findings/{epc}/decision", decision)["decided_by"] == "lan"
        day.expect(day.ceftriaxone, day.pack(here[0])["lot"], 10, STORE, SHELF)
    assert day.there(SHELF, day.ceftriaxone, day.pack(here[0])["lot"]) == 30
    assert day.send("lan", f"/tag-counts/{count_id}/close") == {"cases": 1}


def test_a_pack_whose_tag_is_not_seen_any_more_is_missing_only_when_two_people_say_so(day: Day) -> None:
    *here, gone = [day.index(CEFTRIAXONE, 1, number) for number in range(3)]
    stranger = day.index(VACCINE, 2, 4)
    for index in (gone, stranger):
        day.play.do("uhf_take", pack=index)
    count_id, found = count_tags(day, "shelf-a", *here)
    epc, lot = day.pack(gone)["epc"].upper(), day.pack(gone)["lot"]
    assert {one["epc"]: one["outcome"] for one in found if one["outcome"] != "foreign"} == {epc: "not_seen"}
    path = f"/tag-counts/{count_id}/findings/{epc}"
    assert day.send("lan", f"{path}/decision", {"decision": "missing"})["confirmed_by"] is None
    assert day.there(SHELF, day.ceftriaxone, lot) == 30
    assert day.refused("lan", f"{path}/confirm-missing")[0] == httpx.codes.UNPROCESSABLE_ENTITY
    assert day.send("minh", f"{path}/confirm-missing")["confirmed_by"] == "minh"
    day.expect(day.ceftriaxone, lot, 10, SHELF, UNEXPLAINED)
    assert day.send("lan", f"/tag-counts/{count_id}/close") == {"cases": 0}
    for index in here:
        day.play.do("uhf_take", pack=index)


def test_the_tag_that_was_written_in_the_morning_is_seen_on_the_shelf_as_the_very_pack_of_the_books(day: Day) -> None:
    day.play.do("uhf_put", epc=day.tagged_epc)
    tag = tags.seen_on_the_shelf(day, day.tagged_epc)
    assert (tag["serial_number"], tag["lot"]) == (tags.SERIAL, day.lot(tags.PRODUCT, 0)), tag
    day.play.do("uhf_take", epc=day.tagged_epc)


def test_a_stocktake_is_counted_twice_and_verified_by_a_third_while_packs_go_out(day: Day) -> None:
    pack = day.pack(day.index(CEFTRIAXONE, 2, 0))
    lot = pack["lot"]
    stocktake = {"stocktake_id": str(uuid.uuid4()), "place_ids": ["main-store"], "places_below": False}
    begun = day.send("lan", "/stocktakes", {**stocktake, "product_ids": [day.ceftriaxone]})
    path = f"/stocktakes/{begun['stocktake_id']}"
    assert "Ceftriaxon 1 g" in day.printed("lan", f"/api/v1{path}/sheet.pdf")
    assert day.people["lan"].get(f"/api/v1{path}/minutes.pdf").is_client_error, "blind: not while people count"
    assert hand_in(day, path, "lan", {lot: 79}) == "recounting"
    loose = f"]d201{day.ceftriaxone}17{pack['expiry_date'][2:].replace('-', '')}10{lot}"
    assert day.scan("issue", loose) == "issued"
    day.expect(day.ceftriaxone, lot, 10, STORE, DISPENSED)
    assert hand_in(day, path, "minh", {lot: 69}) == "waiting_verification"
    assert day.refused("minh", f"{path}/verify")[0] == httpx.codes.UNPROCESSABLE_ENTITY
    assert day.send("hoa", f"{path}/verify")["state"] == "verified"
    assert day.send("hoa", f"{path}/post")["movements"] == 1
    day.expect(day.ceftriaxone, lot, 1, STORE, UNEXPLAINED)
    assert day.there(STORE, day.ceftriaxone, lot) == 69
    minutes = day.printed("hoa", f"/api/v1{path}/minutes.pdf")
    assert all(text in minutes for text in (begun["number"], lot, "70", "69", "Lan, Minh", "Hoa")), minutes


def test_five_o_clock_the_papers_say_what_the_shelves_have(day: Day) -> None:
    read_papers(day)


def test_in_the_evening_the_books_are_proven_to_the_last_unit(day: Day) -> None:
    prove(day)


def test_every_movement_of_the_day_leads_to_a_person_and_to_a_scan_or_a_document(day: Day) -> None:
    nobody = (
        "SELECT count(*) FROM movement m WHERE person IS NULL OR NOT (document_id IS NOT NULL OR EXISTS"
        " (SELECT FROM scan s JOIN device d USING (device_key) WHERE (s.epoch_key, s.seq) = (m.epoch_key, m.seq)))"
    )
    assert day.play.value(nobody) == 0
    assert day.play.hospital.settle()
    events = sum(node.events_committed for node in day.play.hospital.nodes())
    assert day.play.value("SELECT count(*) FROM event") == events
