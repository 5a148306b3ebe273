"""The store's work through the web: a scan is read, goods are received once, the document is there to look at."""

import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from tests.gateway.web.work_store import CASE, GTIN, PRODUCT, Store, receipt

WORLD = Any
TextOf = Callable[[str], str]
Token = Callable[[httpx.Client], str]
SCAN: Final = f"]d201{GTIN}17280131" + "10B77\x1d21S0001"


@pytest.fixture
def store(world: WORLD, csrf_token: Token) -> Store:
    """Someone at the pharmacy."""
    return Store.stocked(world, csrf_token)


def test_a_scan_becomes_a_line_with_product_lot_expiry_and_units(store: Store) -> None:
    read = store.scan(SCAN)
    assert (read["verdict"], read["mood"], read["word"]) == ("goods", "ok", "Đã thêm")
    line = read["line"]
    assert (line["product_id"], line["lot"], line["expiry_date"], line["serial_number"], line["units"]) == (
        *(PRODUCT, "B77", "2028-01-31", "S0001"),
        12,
    )


def test_a_case_brings_the_base_units_of_all_packs_in_it(store: Store) -> None:
    line = store.scan(f"(01){CASE}(17)280131(10)B77")["line"]
    assert (line["units"], line["contains_gtin"], line["contains_count"]) == (120, GTIN, 10)


@pytest.mark.parametrize(
    ("text", "verdict", "mood"),
    [
        ("0108935006512341", "unreadable", "stop"),
        ("4006381333931", "unknown_product", "stop"),
        ("0012345678901234567", "unreadable", "stop"),
        ("]C100106141412345678908", "transport_label", "attention"),
        ("hello", "unreadable", "stop"),
        ("001099012345|123456789|Nguyễn Văn A|01011999|Nam|Quận 1|01012021", "person", "stop"),
    ],
)
def test_what_is_no_pack_says_so_large_and_adds_nothing(store: Store, text: str, verdict: str, mood: str) -> None:
    read = store.scan(text)
    assert (read["verdict"], read["mood"], read["line"]) == (verdict, mood, None)
    assert read["word"]
    assert "Nguyễn" not in str(read)


def test_a_scanner_may_send_another_character_for_the_separator(store: Store) -> None:
    text = f"01{GTIN}10B77~21S0001"
    assert store.scan(text, separator="~")["line"]["serial_number"] == "S0001"


def test_the_houses_own_label_names_a_product_without_gtin_with_its_lot(store: Store) -> None:
    line = store.scan(f"]d291{PRODUCT}\x1d92B77\x1d93280131")["line"]
    assert (line["product_id"], line["lot"], line["expiry_date"], line["gtin"], line["units"]) == (
        *(PRODUCT, "B77", "2028-01-31"),
        *(None, 1),
    )


def test_characters_that_no_database_keeps_are_refused_and_break_nothing(store: Store) -> None:
    bad = [
        receipt(place_id="\0"),
        receipt(lines=[{"product_id": PRODUCT, "quantity": 1, "lot": "L\0"}]),
        receipt(lines=[{"product_id": "P\0", "quantity": 1}]),
    ]
    assert [store.post("/api/v1/stock/receipts", body).status_code for body in bad] == [422, 422, 422]
    assert store.post("/api/v1/stock/receipts", receipt(note="a\0b", supplier_name="A\0")).status_code == 201
    assert store.scan("a\0b", from_place_id="\0")["verdict"] == "unreadable"
    for query in ("kind=%00", "number=%00", "place_id=%00", "first_day=x&state=%00"):
        assert store.browser.get(f"/work?{query}").status_code == 200
    assert store.browser.get("/api/v1/stock/order-proposals?place_id=%00").json() == []


def test_a_code_without_a_lot_asks_for_it_among_those_that_are_there(store: Store) -> None:
    lines = [
        {"product_id": PRODUCT, "lot": lot, "expiry_date": f"202{year}-12-31", "quantity": quantity}
        for lot, year, quantity in (("A24X", 8, 1188), ("A19B", 7, 36))
    ]
    assert store.post("/api/v1/stock/receipts", receipt(lines=lines)).status_code == 201
    read = store.scan(GTIN, from_place_id="main-store")
    assert read["mood"] == "attention"
    assert read["line"]["lot"] is None
    assert [(lot["lot"], lot["on_hand"]) for lot in read["line"]["lots"]] == [("A19B", 36), ("A24X", 1188)]


def test_goods_are_received_once_however_often_they_are_sent(store: Store, world: WORLD) -> None:
    body = receipt()
    first, again = store.post("/api/v1/stock/receipts", body), store.post("/api/v1/stock/receipts", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["number"] == again.json()["number"] == "PN26-000001"
    assert world.rows("SELECT quantity FROM stock_balance WHERE lot = 'B77' AND account_id = 'place:main-store'") == [
        (12,)
    ]
    codes = [notice["code"] for notice in first.json()["notices"]]
    assert codes == ["new_lot"]
    other = store.post("/api/v1/stock/receipts", body | {"supplier_name": "Công ty khác"})
    assert (other.status_code, other.json()["code"]) == (409, "id_conflict")


def test_a_key_in_the_header_does_the_same(store: Store) -> None:
    body = receipt(document_id=None)
    first = store.post("/api/v1/stock/receipts", body, **{"Idempotency-Key": "morning-1"})
    again = store.post("/api/v1/stock/receipts", body, **{"Idempotency-Key": "morning-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["document_id"] == again.json()["document_id"]
    assert store.post("/api/v1/stock/receipts", body).json()["code"] == "id_missing"


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"place_id": "nowhere"}, 422, "place_unknown"),
        ({"supplier_name": " "}, 422, "supplier_missing"),
        ({"order_id": str(uuid.UUID(int=9))}, 404, "order_unknown"),
        ({"lines": [{"product_id": PRODUCT, "lot": "OLD", "expiry_date": "2026-01-31", "quantity": 1}]}, 422,
         "not_to_be_received"),
        ({"lines": [{"product_id": "none", "quantity": 1}]}, 422, "product_unknown"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_mend_in_the_readers_language(
    store: Store, more: dict[str, Any], status: int, code: str
) -> None:
    answer = store.post("/api/v1/stock/receipts", receipt(**more))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Không thực hiện được"
    assert "%(" not in answer.json()["detail"]


def test_the_saved_document_is_a_page_and_stands_in_the_list(store: Store, text_of: TextOf) -> None:
    done = store.post("/api/v1/stock/receipts", receipt(note="Hộp móp góc")).json()
    shown = text_of(store.browser.get(f"/work/documents/{done['document_id']}").text)
    for text in (done["number"], "Công ty Dược A", "Kho chính", "Hộp móp góc", "B77", "31/01/2028", "12 gói"):
        assert text in shown
    assert done["number"] in text_of(store.browser.get("/work?kind=receipt&place_id=main-store").text)
    assert "Không có phiếu nào" in text_of(store.browser.get("/work?kind=transfer").text)
    found = store.browser.get("/api/v1/stock/documents", params={"number": done["number"].lower()}).json()
    assert [each["document_id"] for each in found] == [done["document_id"]]
    whole = store.browser.get(f"/api/v1/stock/documents/{done['document_id']}").json()
    assert [line["quantity"] for line in whole["lines"]] == [12]
    assert store.browser.get(f"/api/v1/stock/documents/{uuid.UUID(int=4)}").status_code == 404


def test_the_page_works_without_scripts(store: Store, world: WORLD) -> None:
    page = store.browser.get("/work/receive").text
    found = re.search(r'name="document_id" value="([0-9a-f-]{36})"', page)
    assert found
    form = {
        "csrf_token": store.headers["x-csrf-token"],
        "document_id": found[1],
        "place_id": "main-store",
        "supplier_name": "Công ty Dược A",
        "codes": f"(01){GTIN}(17)280131(10)B77\t3\r\n(01){GTIN}(17)280131(10)B77\r\n",
    }
    answer = store.browser.post("/work/receive", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/work/documents/{found[1]}")
    assert store.browser.post("/work/receive", data=form).status_code == 303
    assert world.rows("SELECT sum(quantity) FROM movement WHERE lot = 'B77'") == [(48,)]
    wrong = store.browser.post("/work/receive", data=form | {"codes": "hello", "document_id": str(uuid.uuid4())})
    assert wrong.status_code == 422
    assert "hello" in wrong.text


def test_a_viewer_reads_documents_and_moves_nothing(world: WORLD, csrf_token: Token) -> None:
    viewer = Store(world, csrf_token, "viewer")
    assert viewer.browser.get("/work").status_code == 200
    assert viewer.post("/api/v1/stock/receipts", receipt()).status_code == 403
    assert viewer.browser.get("/work/receive").status_code == 403
