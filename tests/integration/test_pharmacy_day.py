"""A day in the pharmacy, from the catalogue in the morning to the proof in the evening, on real parts.

Real processes, only the silicon is simulated; what people do goes through scanners, readers, pages and commands. The
tests share one hospital and play in the order they stand here. Each writes what was done into a plain book
(`Day.expect`); at the end the database's books must say the same, to the last unit.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zxingcpp

from firmware_sim.gs1_text import check_digit
from firmware_sim.label_printer import LabelPrinter
from tests.integration.day_kit import (
    CEFTRIAXONE,
    DISPENSED,
    MORPHINE,
    MORPHINE_GTIN,
    SHELF,
    STORE,
    SUPPLIER,
    UNEXPLAINED,
    VACCINE,
    VITAMIN,
    Day,
    day_of,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Play

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PRODUCT_COLUMNS = (
    *("Mã thuốc", "Tên thuốc", "Tên tiếng Anh", "Đơn vị tính", "Đơn vị tính tiếng Anh", "Điều kiện bảo quản"),
    *("Phân loại kiểm soát", "GTIN hộp", "Số đơn vị trong hộp", "GTIN thùng", "Số hộp trong thùng"),
)
LONG_FRESH = date.today() + timedelta(days=700)  # noqa: DTZ011 - any day that is far


@pytest.fixture(scope="module")
def day(play: "Play", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Three pharmacists."""
    people = {name: ["pharmacist"] for name in ("lan", "minh", "hoa")}
    with day_of(play, tmp_path_factory.mktemp("day"), people) as begun:
        yield begun


def _products(day: Day, *, control: str, gtin: str) -> Path:
    vitamin = (VITAMIN, "Vitamin C 500 mg", "Vitamin C 500 mg", "viên", "tablet", "phòng", "", "", "", "", "")
    morphine = (MORPHINE, "Morphin 10 mg/ml", "Morphine 10 mg/ml", "ống", "ampoule", "phòng", control, gtin, 10, "", "")
    ceftriaxone = (day.ceftriaxone, "", "", "", "", "phòng", "", day.ceftriaxone, 10, day.ceftriaxone_case, 10)
    vaccine = (day.vaccine, "", "", "", "", "2-8°C", "", "", "", "", "")
    return day.workbook("thuoc.xlsx", PRODUCT_COLUMNS, vitamin, morphine, ceftriaxone, vaccine)


def test_half_past_six_the_catalogue_comes_from_a_workbook_and_its_mistakes_are_told_first(day: Day) -> None:
    wrong = MORPHINE_GTIN[:-1] + str((int(MORPHINE_GTIN[-1]) + 1) % 10)
    tried = day.bring(_products(day, control="gây mê", gtin=wrong), "products", "--dry-run")
    assert (tried["exit"], tried["written"], tried["problems"]) == (1, False, 2)
    assert {(one["row"], one["column"]) for one in tried["findings"] if one["severity"] == "problem"} == {
        (3, "Phân loại kiểm soát"),
        (3, "GTIN hộp"),
    }
    right = _products(day, control="gây nghiện", gtin=MORPHINE_GTIN)
    tried = day.bring(right, "products", "--dry-run")
    assert (tried["exit"], tried["written"], tried["new"], tried["changed"]) == (0, False, 2, 2)
    assert day.play.value("SELECT count(*) FROM product WHERE product_id = %s", VITAMIN) == 0
    assert day.bring(right, "products")["written"]
    assert day.bring(right, "products")["same"] == 4
    places = day.workbook(
        "vi-tri.xlsx",
        ("Mã vị trí", "Mã vị trí cha", "Loại", "Tên vị trí", "Tên tiếng Anh", "Điều kiện bảo quản"),
        ("main-store", "hospital", "kho", "Kho dược chính", "", "phòng"),
        ("shelf-a", "main-store", "kệ", "Kệ RFID A", "", "phòng"),
        ("fridge-1", "main-store", "tủ lạnh", "Tủ lạnh vắc xin số 1", "", "2-8°C"),
        ("khoa-noi", "hospital", "khoa", "Khoa Nội tổng quát", "General medicine", "phòng"),
    )
    assert day.bring(places, "places")["written"]
    levels = day.workbook(
        "muc-ton.xlsx",
        ("Mã vị trí", "Mã thuốc", "Điểm đặt hàng", "Tồn tối thiểu", "Tồn tối đa"),
        ("main-store", day.ceftriaxone, 200, 100, 400),
    )
    assert day.bring(levels, "levels")["written"]


def test_the_books_open_with_what_stands_on_the_shelves_and_a_second_import_books_nothing(day: Day) -> None:
    opening = day.workbook(
        "ton-dau.xlsx",
        ("Mã vị trí", "Mã thuốc", "Số lô", "Hạn dùng", "Số lượng"),
        ("shelf-a", VITAMIN, "V1", LONG_FRESH, 500),
        ("main-store", MORPHINE, "M1", LONG_FRESH, 40),
    )
    assert day.bring(opening, "opening-stock")["written"]
    day.expect(VITAMIN, "V1", 500, SUPPLIER, SHELF)
    day.expect(MORPHINE, "M1", 40, SUPPLIER, STORE)
    assert day.bring(opening, "opening-stock")["same"] == 2
    assert day.play.value("SELECT count(*) FROM movement") == 2


def test_seven_o_clock_packs_are_received_by_scanner_in_the_name_of_who_works_there(day: Day) -> None:
    day.operator("scanner-receiving", "lan")
    for lot in (0, 1):
        for number in range(3):
            pack = day.pack(day.index(CEFTRIAXONE, lot, number))
            assert day.scan("receiving", day.index(CEFTRIAXONE, lot, number)) == "received"
            day.expect(day.ceftriaxone, pack["lot"], 10, SUPPLIER, STORE)
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


def test_ten_o_clock_the_gateway_is_killed_while_packs_go_out_and_nothing_is_lost(day: Day) -> None:
    day.operator("scanner-issue", "minh")
    lot = day.pack(day.index(CEFTRIAXONE, 0, 0))["lot"]
    assert day.scan("issue", day.index(CEFTRIAXONE, 0, 0)) == "issued"
    day.play.hospital.kill_gateway()
    for number in (1, 2):
        assert day.play.do("scan", scanner="issue", pack=day.index(CEFTRIAXONE, 0, number))["heard"]
    day.play.hospital.start_gateway()
    serials = [day.pack(day.index(CEFTRIAXONE, 0, number))["serial_number"] for number in range(3)]
    issued = "SELECT count(*) FROM movement WHERE kind = 'issue' AND person = 'minh' AND serial_number = ANY(%s)"
    day.play.eventually(issued, 3, serials)
    for _ in serials:
        day.expect(day.ceftriaxone, lot, 10, STORE, DISPENSED)
    assert day.there(STORE, day.ceftriaxone, lot) == 0


def _count_of(day: Day, place: str, passes: int) -> tuple[str, list[dict[str, Any]]]:
    """An RFID count of a place with so many looks of its readers; its id and its findings."""
    count_id = str(uuid.uuid4())
    body = {"tag_count_id": count_id, "place_ids": [place], "company_prefixes": ["893850123"]}
    day.send("lan", "/tag-counts", body)
    for _ in range(passes):
        day.send("lan", f"/tag-counts/{count_id}/reader-passes", {"request_id": str(uuid.uuid4())})
    foreign = {"request_id": str(uuid.uuid4()), "place_id": place, "epcs": ["E28011700000020F7C1A2B3C"]}
    day.send("lan", f"/tag-counts/{count_id}/passes", foreign)
    day.send("lan", f"/tag-counts/{count_id}/reconcile")
    return count_id, day.read("lan", f"/tag-counts/{count_id}/findings")


def _on_the_shelf(day: Day, *indexes: int) -> None:
    """Wait until the reader sees exactly these packs."""
    epcs = sorted(day.pack(index)["epc"].lower() for index in indexes)
    day.play.eventually(
        "SELECT array_agg(epc ORDER BY epc) FROM tag_presence WHERE disappeared_at IS NULL", epcs or None
    )


def test_three_o_clock_tags_are_counted_and_a_pack_elsewhere_is_moved_by_a_person(day: Day) -> None:
    here = [day.index(CEFTRIAXONE, 1, number) for number in range(3)]
    stranger = day.index(VACCINE, 2, 4)
    for index in (*here, stranger):
        day.play.do("uhf_put", pack=index)
    _on_the_shelf(day, *here, stranger)
    count_id, found = _count_of(day, "shelf-a", 1)
    outcomes = {one["epc"]: one["outcome"] for one in found}
    epcs = [day.pack(index)["epc"].upper() for index in here]
    assert outcomes == {
        **dict.fromkeys(epcs, "seen_elsewhere"),
        day.pack(stranger)["epc"].upper(): "unknown",
        "E28011700000020F7C1A2B3C": "foreign",
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
    _on_the_shelf(day, *here)
    count_id, found = _count_of(day, "shelf-a", 1)
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


def test_a_stocktake_is_counted_twice_and_verified_by_a_third_while_packs_go_out(day: Day) -> None:
    pack = day.pack(day.index(CEFTRIAXONE, 2, 0))
    lot = pack["lot"]
    stocktake = {"stocktake_id": str(uuid.uuid4()), "place_ids": ["main-store"], "places_below": False}
    begun = day.send("lan", "/stocktakes", {**stocktake, "product_ids": [day.ceftriaxone]})
    path = f"/stocktakes/{begun['stocktake_id']}"

    def count(person: str, quantity: int) -> str:
        asked = [one for one in day.read(person, path)["line_list"] if one["status"] in {"to_count", "count_again"}]
        assert all(one["frozen_quantity"] is None for one in asked), "people count blind"
        lines = [
            {**line, "place_id": "main-store", "quantity": quantity if line["lot"] == lot else 0}
            for line in ({"product_id": one["product_id"], "lot": one["lot"]} for one in asked)
        ]
        day.send(person, f"{path}/counts", {"request_id": str(uuid.uuid4()), "lines": lines})
        return str(day.send(person, f"{path}/submit", {})["state"])

    assert count("lan", 99) == "recounting"
    loose = f"]d201{day.ceftriaxone}17{pack['expiry_date'][2:].replace('-', '')}10{lot}"
    assert day.scan("issue", loose) == "issued"
    day.expect(day.ceftriaxone, lot, 10, STORE, DISPENSED)
    assert count("minh", 89) == "waiting_verification"
    assert day.refused("minh", f"{path}/verify")[0] == httpx.codes.UNPROCESSABLE_ENTITY
    assert day.send("hoa", f"{path}/verify")["state"] == "verified"
    assert day.send("hoa", f"{path}/post")["movements"] == 1
    day.expect(day.ceftriaxone, lot, 1, STORE, UNEXPLAINED)
    assert day.there(STORE, day.ceftriaxone, lot) == 89


def test_in_the_evening_the_books_are_proven_to_the_last_unit(day: Day) -> None:
    proof = day.medtap("stock", "verify", day.play.hospital.dsn, "--json")
    assert proof.returncode == 0, proof.stderr
    assert json.loads(proof.stdout) == {
        "ok": True,
        "movements": day.lines,
        **dict.fromkeys(("postings_sum", "projection_differences", "negative_balances", "untraceable"), 0),
        **dict.fromkeys(("misplaced_packs", "faults", "without_person"), 0),
        "examples": [],
    }
    assert day.play.value("SELECT sum(quantity) FROM posting") == 0
    balances = day.play.rows("SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity <> 0")
    assert {tuple(row[:3]): int(row[3]) for row in balances} == {key: n for key, n in day.book.items() if n}
    replayed: Counter[tuple[str, str, str]] = Counter()
    moved = "SELECT from_account_id, to_account_id, product_id, lot, quantity FROM movement"
    for source, target, product_id, lot, quantity in day.play.rows(moved):
        replayed[source, product_id, lot] -= quantity
        replayed[target, product_id, lot] += quantity
    assert {key: n for key, n in replayed.items() if n} == {key: n for key, n in day.book.items() if n}


def test_every_movement_of_the_day_leads_to_a_person_and_to_a_scan_or_a_document(day: Day) -> None:
    nobody = (
        "SELECT count(*) FROM movement m WHERE person IS NULL OR NOT (document_id IS NOT NULL OR EXISTS"
        " (SELECT FROM scan s JOIN device d USING (device_key) WHERE (s.epoch_key, s.seq) = (m.epoch_key, m.seq)))"
    )
    assert day.play.value(nobody) == 0
    assert day.play.hospital.settle()
    events = sum(node.events_committed for node in day.play.hospital.nodes())
    assert day.play.value("SELECT count(*) FROM event") == events
