"""Goods on their way through the house, through the web: each page is there, each act has its document and its undo."""

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


@pytest.fixture
def store(world: WORLD, csrf_token: Token) -> Store:
    """A pharmacist with 120 sachets in the main store."""
    world.execute("INSERT INTO place VALUES ('ward-1', NULL, 'ward', 'Khoa Nội', 'Internal ward')")
    store = Store.stocked(world, csrf_token)
    assert store.post(f"{STOCK}/receipts", receipt(lines=[line(120)])).status_code == 201
    return store


def line(quantity: int, **more: object) -> dict[str, Any]:
    return {"product_id": PRODUCT, "lot": "B77", "expiry_date": "2028-01-31", "quantity": quantity} | more


def act(**more: object) -> dict[str, Any]:
    return {"document_id": str(uuid.uuid4()), **more}


def there(world: WORLD, account: str = "place:main-store") -> int:
    rows = world.rows(
        "SELECT coalesce(sum(quantity), 0) FROM stock_balance WHERE product_id = %s AND account_id = %s",
        *(PRODUCT, account),
    )
    return int(rows[0][0])


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("receive", "Nhập hàng"),
        ("put-away", "Cất hàng"),
        ("transfer", "Phiếu điều chuyển"),
        ("return", "Khoa trả hàng"),
        ("return-to-supplier", "Trả nhà cung cấp"),
        ("adjust", "Điều chỉnh"),
        ("repack", "Đóng gói lại"),
    ],
)
def test_every_work_has_its_page_with_the_scan_field_in_focus(
    store: Store, text_of: TextOf, page: str, title: str
) -> None:
    shown = store.browser.get(f"/work/{page}").text
    assert title in text_of(shown)
    assert re.search(r'<input id="scan"[^>]* autofocus', shown)
    assert shown.count(" autofocus") == 1
    assert "<script>" not in shown


def test_goods_are_put_away_where_their_storage_class_allows(store: Store, world: WORLD) -> None:
    world.execute("UPDATE place SET storage_class = 'refrigerator' WHERE place_id = 'fridge-1'")
    body = act(from_place_id="main-store", to_place_id="fridge-1", lines=[line(10)])
    refused = store.post(f"{STOCK}/put-aways", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "storage_class")
    assert "phải bảo quản: Nhiệt độ phòng" in refused.json()["detail"]
    assert refused.json()["values"]["needed"] == "room"
    done(store.post(f"{STOCK}/put-aways", body | {"override_reason": "storage_label"}))
    assert (there(world), there(world, "place:fridge-1")) == (110, 10)


def test_a_transfer_is_sent_seen_on_its_way_and_received_with_a_case_for_what_is_missing(
    store: Store, world: WORLD, text_of: TextOf
) -> None:
    body = act(from_place_id="main-store", to_place_id="ward-1", lines=[line(50)])
    transfer = done(store.post(f"{STOCK}/transfers", body))
    assert (transfer["state"], there(world, "in_transit")) == ("in_transit", 50)
    assert transfer["number"] in text_of(store.browser.get("/work/transfer").text)
    page = store.browser.get(f"/work/arrivals/{transfer['document_id']}").text
    assert "Khoa Nội" in text_of(page)
    assert "F4" in page
    [left] = store.browser.get(f"{STOCK}/transfers/{transfer['document_id']}/on-the-way").json()
    assert (left["lot"], left["quantity"]) == ("B77", 50)
    address = f"{STOCK}/transfers/{transfer['document_id']}/arrivals"
    arrival = done(store.post(address, act(lines=[line(45)], is_complete=True)))
    assert [notice["code"] for notice in arrival["notices"]] == ["transfer_short"]
    assert "5" in arrival["notices"][0]["text"]
    assert (there(world, "place:ward-1"), there(world, "in_transit")) == (45, 0)
    again = store.post(address, act(lines=[line(5)]))
    assert (again.status_code, again.json()["code"]) == (422, "nothing_on_the_way")
    assert store.browser.get(f"/work/arrivals/{arrival['document_id']}").status_code == 404


def test_a_ward_and_the_supplier_get_and_give_back_with_a_reason(store: Store, world: WORLD) -> None:
    transfer = done(
        store.post(f"{STOCK}/transfers", act(from_place_id="main-store", to_place_id="ward-1", lines=[line(50)]))
    )
    done(store.post(f"{STOCK}/transfers/{transfer['document_id']}/arrivals", act(lines=[line(50)])))
    body = act(from_place_id="ward-1", to_place_id="main-store", lines=[line(20)], reason_code="return_not_needed")
    done(store.post(f"{STOCK}/returns-from-wards", body))
    back = act(from_place_id="main-store", supplier_name="A", lines=[line(30)], reason_code="return_short_expiry")
    done(store.post(f"{STOCK}/returns-to-suppliers", back))
    assert (there(world), there(world, "place:ward-1"), there(world, "returned")) == (60, 30, 30)
    wrong = store.post(f"{STOCK}/returns-to-suppliers", back | act(reason_code="because"))
    assert wrong.json()["code"] == "reason_missing"


def test_an_adjustment_of_a_controlled_medicine_waits_for_somebody_else(
    store: Store, world: WORLD, csrf_token: Token
) -> None:
    world.execute("UPDATE product SET control_class = 'narcotic' WHERE product_id = %s", PRODUCT)
    body = act(place_id="main-store", direction="less", lines=[line(2)], reason_code="adjust_broken")
    waiting = done(store.post(f"{STOCK}/adjustments", body))
    assert (waiting["state"], there(world)) == ("waiting_second", 120)
    same = store.post(f"{STOCK}/documents/{waiting['document_id']}/confirm", {})
    assert (same.status_code, same.json()["code"]) == (422, "second_person")
    other = Store(world, csrf_token)
    page = f"/work/documents/{waiting['document_id']}"
    assert "/confirm" in other.browser.get(page).text
    assert "/confirm" not in store.browser.get(page).text
    form = {"csrf_token": other.headers["x-csrf-token"]}
    assert other.browser.post(f"{page}/confirm", data=form).status_code == 303
    assert there(world) == 118


def test_a_box_is_broken_and_nothing_is_gained(store: Store, world: WORLD) -> None:
    body = act(place_id="main-store", sources=[line(12, gtin=GTIN)], targets=[line(11)])
    refused = store.post(f"{STOCK}/repackings", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "units_not_conserved")
    done(store.post(f"{STOCK}/repackings", body | {"targets": [line(12)]}))
    assert there(world) == 120


def test_a_document_is_taken_back_from_its_page(store: Store, world: WORLD, text_of: TextOf) -> None:
    body = act(place_id="main-store", direction="more", lines=[line(5)], reason_code="adjust_found")
    found = done(store.post(f"{STOCK}/adjustments", body))
    page = f"/work/documents/{found['document_id']}"
    own_id = re.search(r'name="document_id" value="([0-9a-f-]{36})"', store.browser.get(page).text)
    assert own_id
    form = {
        "csrf_token": store.headers["x-csrf-token"],
        "document_id": own_id[1],
        "reason_code": "reverse_did_not_happen",
    }
    for _ in range(2):
        answer = store.browser.post(f"{page}/undo", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/work/documents/{own_id[1]}")
    assert there(world) == 120
    shown = text_of(store.browser.get(page).text)
    assert "BD26-000001" in shown
    again = store.browser.post(f"{page}/undo", data=form | {"document_id": str(uuid.uuid4())})
    assert again.status_code == 422
    assert "đã được rút lại" in text_of(again.text)


def test_the_goods_receipt_is_printed(store: Store) -> None:
    [receipt_document] = store.browser.get(f"{STOCK}/documents", params={"kind": "receipt"}).json()
    paper = store.browser.get(f"/work/documents/{receipt_document['document_id']}/goods-receipt.pdf")
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF")
    assert store.browser.get(f"/work/documents/{uuid.uuid4()}/goods-receipt.pdf").status_code == 404


def test_an_order_is_placed_received_against_and_closed(store: Store, text_of: TextOf) -> None:
    body = {
        "order_id": str(uuid.uuid4()),
        "supplier_name": "Công ty Dược A",
        "place_id": "main-store",
        "lines": [{"product_id": PRODUCT, "quantity": 24}],
    }
    order = store.post(f"{STOCK}/orders", body)
    assert (order.status_code, order.json()["order"]["number"]) == (201, "DH26-000001")
    assert store.post(f"{STOCK}/orders", body).status_code == 200
    assert "DH26-000001" in text_of(store.browser.get("/work/receive").text)
    shown = text_of(store.browser.get(f"/work/receive?order_id={body['order_id']}").text)
    assert "24 gói" in shown
    done(store.post(f"{STOCK}/receipts", receipt(lines=[line(24)], order_id=body["order_id"], supplier_name="")))
    [came] = store.browser.get(f"{STOCK}/orders/{body['order_id']}").json()["lines"]
    assert (came["quantity"], came["received"]) == (24, 24)
    assert store.post(f"{STOCK}/orders/{body['order_id']}/close", {}).json()["order"]["closed_by"]
    assert store.browser.get(f"{STOCK}/orders").json() == []
    assert store.browser.get(f"{STOCK}/order-proposals", params={"place_id": "main-store"}).json() == []


def test_reasons_are_there_in_both_languages(store: Store) -> None:
    reasons = store.browser.get(f"{STOCK}/reasons").json()
    assert {reason["applies_to"] for reason in reasons} == {
        *("adjustment", "destruction", "return", "reversal", "hold", "release", "storage", "count"),
    }
    assert all(reason["name_vi"] and reason["name_en"] and reason["name_vi"] != reason["name_en"] for reason in reasons)
