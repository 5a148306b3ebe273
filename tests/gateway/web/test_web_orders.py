"""Orders through the web: written with scans or without scripts, changed, cancelled and back, received, printed."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.gateway.web.work_store import GTIN, PRODUCT, Store, receipt

WORLD = Any
TextOf = Callable[[str], str]
Token = Callable[[httpx.Client], str]
STOCK = "/api/v1/stock"
SUPPLIER = "Công ty Dược A"
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture
def store(world: WORLD, csrf_token: Token) -> Store:
    """A pharmacist, and paracetamol that has come down to its reorder point."""
    store = Store.stocked(world, csrf_token)
    world.execute("INSERT INTO stock_level_rule VALUES ('main-store', %s, 50, 40, 200)", PRODUCT)
    return store


def order(**more: object) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "document_id": str(uuid.uuid4()),
        "supplier_name": SUPPLIER,
        "place_id": "main-store",
        "lines": [{"product_id": PRODUCT, "quantity": 120, "pack_units": 12}],
    }
    return fields | more


def placed(store: Store, **more: object) -> dict[str, Any]:
    answer = store.post(f"{STOCK}/orders", order(**more))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def form(store: Store, page: str, **fields: str) -> dict[str, str]:
    """The form of that page, as a browser without scripts fills it in."""
    found = re.search(r'name="document_id" value="([0-9a-f-]{36})"', store.browser.get(page).text)
    assert found
    return {"csrf_token": store.headers["x-csrf-token"], "document_id": found[1], **fields}


def test_an_order_is_written_once_however_often_it_is_sent(store: Store) -> None:
    body = order()
    first, again = store.post(f"{STOCK}/orders", body), store.post(f"{STOCK}/orders", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["number"] == again.json()["number"] == "DH26-000001"
    assert first.json()["document_id"] == body["document_id"]
    other = store.post(f"{STOCK}/orders", body | {"note": "khác"})
    assert (other.status_code, other.json()["code"]) == (409, "id_conflict")


def test_an_order_is_a_page_and_a_scan_of_its_number_leads_there(store: Store, text_of: TextOf) -> None:
    whole = placed(store, note="Giao buổi sáng")
    number, order_id = whole["number"], whole["document_id"]
    shown = text_of(store.browser.get(f"/work/orders/{order_id}").text)
    for text in (number, SUPPLIER, "Kho chính", "Giao buổi sáng", "120 gói", f"10 {TIMES} 12 gói", "chưa có hàng về"):
        assert text in shown
    assert number in text_of(store.browser.get("/work/orders").text)
    assert number in text_of(store.browser.get("/work/orders?supplier=duoc&state=open").text)
    assert "Không có đơn nào" in text_of(store.browser.get("/work/orders?state=cancelled").text)
    found = store.browser.get("/work/orders", params={"number": number.lower()})
    assert (found.status_code, found.headers["location"]) == (303, f"/work/orders/{order_id}")
    assert store.browser.get(f"/work/orders/{uuid.UUID(int=3)}").status_code == 404


def test_an_order_is_written_and_changed_without_scripts(store: Store, text_of: TextOf) -> None:
    fields = {"place_id": "main-store", "supplier_name": SUPPLIER, "expected_on": "01/12/2026"}
    filled = form(store, "/work/orders/new", **fields, codes=f"{GTIN}\r\n{GTIN} ; 2\r\n{PRODUCT} ; =7")
    answer = store.browser.post("/work/orders/new", data=filled)
    address = answer.headers["location"].partition("?")[0]
    assert (answer.status_code, answer.headers["location"]) == (303, f"/work/orders/{filled['document_id']}?saved=1")
    shown = text_of(store.browser.get(address).text)
    assert "43 gói" in shown
    assert "01/12/2026" in shown
    change = store.browser.get(f"{address}/change").text
    assert f"{PRODUCT} ; =43</textarea>" in change
    more = form(store, f"{address}/change", **fields, revision="0", codes=f"{PRODUCT} ; =50")
    assert store.browser.post(f"{address}/change", data=more).headers["location"] == f"{address}?saved=1"
    shown = text_of(store.browser.get(address).text)
    assert "50 gói" in shown
    assert "Các lần sửa đơn" in shown


def test_what_was_refused_without_scripts_stands_in_the_form_again(store: Store) -> None:
    filled = form(store, "/work/orders/new", place_id="main-store", supplier_name="Nhà C", codes=f"hello\r\n{GTIN} ; 2")
    answer = store.browser.post("/work/orders/new", data=filled)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    for kept in ('value="Nhà C"', f"{GTIN} ; 2</textarea>", '<option value="main-store" selected>'):
        assert kept in answer.text


def test_two_people_who_change_an_order_at_once_do_not_undo_each_other(
    store: Store, world: WORLD, csrf_token: Token, text_of: TextOf
) -> None:
    first = placed(store)
    address = f"/work/orders/{first['document_id']}"
    fields = {"place_id": "main-store", "supplier_name": SUPPLIER, "revision": "0"}
    mine = form(store, f"{address}/change", **fields, codes=f"{PRODUCT} ; =24")
    other = Store(world, csrf_token)
    theirs = form(other, f"{address}/change", **fields, codes=f"{PRODUCT} ; =36")
    assert other.browser.post(f"{address}/change", data=theirs).status_code == 303
    refused = store.browser.post(f"{address}/change", data=mine)
    assert refused.status_code == 422
    assert "xem lại đơn" in text_of(refused.text)
    assert store.browser.get(f"{STOCK}/orders/{first['document_id']}").json()["lines"][0]["quantity"] == 36


def test_an_order_is_cancelled_with_one_press_and_back_with_another(store: Store, text_of: TextOf) -> None:
    address = f"/work/orders/{placed(store)['document_id']}"
    press = {"csrf_token": store.headers["x-csrf-token"]}
    assert "Hủy đơn" in text_of(store.browser.get(address).text)
    assert store.browser.post(f"{address}/close", data=press).headers["location"] == address
    shown = text_of(store.browser.get(address).text)
    assert "Đã hủy" in shown
    assert "Hoàn tác" in shown
    assert store.browser.get("/work/receive").text.count(address.rpartition("/")[2]) == 0
    assert store.browser.post(f"{address}/reopen", data=press).status_code == 303
    assert "chưa có hàng về" in text_of(store.browser.get(address).text)


def test_one_click_leads_from_an_order_to_receiving_it(store: Store, text_of: TextOf) -> None:
    order_id = placed(store)["document_id"]
    page = store.browser.get(f"/work/orders/{order_id}").text
    link = re.search(r'href="(/work/receive\?order_id=[^"]+)"', page)
    assert link
    receiving = store.browser.get(link[1]).text
    assert "120" in text_of(receiving)
    assert "data-expected=" in receiving
    got = receipt(order_id=order_id, lines=[{"product_id": PRODUCT, "lot": "B1", "quantity": 48}])
    done = store.post(f"{STOCK}/receipts", got).json()
    shown = text_of(store.browser.get(f"/work/orders/{order_id}").text)
    assert "Đã nhận một phần" in shown
    assert done["number"] in shown


def test_what_runs_short_is_suggested_with_the_reason_and_printed(store: Store, text_of: TextOf) -> None:
    page = store.browser.get("/work/orders/new?place_id=main-store").text
    shown = text_of(page)
    for text in (f"17 {TIMES} 12 gói", "Còn 0, mức đặt lại 50.", "đến 200", "Thiếu 200", "In bảng dự trù"):
        assert text in shown
    assert "data-expected=" in page
    assert f"{PRODUCT} ; =204</textarea>" in page, "also without scripts"
    placed(store, lines=[{"product_id": PRODUCT, "quantity": 204}])
    assert "đều đã được đặt" in text_of(store.browser.get("/work/orders/new?place_id=main-store").text)
    assert [each["state"] for each in store.browser.get(f"{STOCK}/orders").json()] == ["open"]


def test_papers_and_files_of_orders_are_there(store: Store) -> None:
    order_id = placed(store)["document_id"]
    paper = store.browser.get(f"{STOCK}/orders/{order_id}/order.pdf")
    plan = store.browser.get(f"{STOCK}/order-proposals.pdf?place_id=main-store")
    assert [each.content[:5] for each in (paper, plan)] == [b"%PDF-", b"%PDF-"]
    assert paper.headers["content-disposition"] == 'inline; filename="DH26-000001.pdf"'
    table = store.browser.get(f"/work/orders/{order_id}/lines.csv").content.decode("utf-8-sig").splitlines()
    assert table[1].split(";") == [
        "DH26-000001",
        SUPPLIER,
        PRODUCT,
        "Paracetamol 250 mg",
        "gói",
        "120",
        "12",
        "0",
        "120",
    ]
    assert store.browser.get(f"{STOCK}/order-proposals.pdf?place_id=nowhere").status_code == 404


def test_a_viewer_reads_orders_and_writes_none(store: Store, world: WORLD, csrf_token: Token) -> None:
    order_id = placed(store)["document_id"]
    viewer = Store(world, csrf_token, "viewer")
    page = viewer.browser.get(f"/work/orders/{order_id}")
    assert page.status_code == 200
    assert "/change" not in page.text
    assert viewer.browser.get("/work/orders/new").status_code == 403
    assert viewer.post(f"{STOCK}/orders", order()).status_code == 403


def test_a_box_is_repacked_into_loose_units_without_scripts(store: Store, world: WORLD) -> None:
    assert store.post(f"{STOCK}/receipts", receipt()).status_code == 201
    codes = {"codes": f"(01){GTIN}(17)280131(10)B77", "codes_made": f"{PRODUCT} ; =12"}
    filled = form(store, "/work/repack", place_id="main-store", **codes)
    uneven = store.browser.post("/work/repack", data=filled | {"codes_made": f"{PRODUCT} ; =11"})
    assert uneven.status_code == 422
    assert f"{PRODUCT} ; =11</textarea>" in uneven.text
    done = store.browser.post("/work/repack", data=filled)
    assert (done.status_code, done.headers["location"]) == (303, f"/work/documents/{filled['document_id']}")
    made = world.rows("SELECT kind, lot, gtin, quantity FROM movement WHERE kind LIKE 'repack%%' ORDER BY kind")
    assert made == [("repack_in", "B77", None, 12), ("repack_out", "B77", GTIN, 12)]


def test_behind_a_typed_code_stand_lot_and_expiry(store: Store, world: WORLD) -> None:
    fields = {"place_id": "main-store", "supplier_name": SUPPLIER}
    filled = form(store, "/work/receive", **fields, codes=f"{PRODUCT} ; =30 ; L5 ; 31/12/2027\r\n{GTIN}\t2\tL6")
    assert store.browser.post("/work/receive", data=filled).status_code == 303
    rows = world.rows(
        "SELECT lot, quantity, expiry_date::text FROM movement WHERE kind = 'receive' AND lot ~ '^L' ORDER BY 1"
    )
    assert rows == [("L5", 30, "2027-12-31"), ("L6", 24, None)]
    wrong = form(store, "/work/receive", **fields, codes=f"{PRODUCT} ; 1 ; L5 ; 31/02/2027")
    assert store.browser.post("/work/receive", data=wrong).status_code == 422
