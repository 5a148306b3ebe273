"""A delivery of a drug under special control, through the pages: one writes it down, another counts it blind."""

import uuid
from collections.abc import Callable

from tests.gateway.web.work_store import PRODUCT, WORLD, Store, Token, receipt

TextOf = Callable[[str], str]


def test_the_second_person_counts_on_the_documents_page_without_being_told_how_many(
    world: WORLD, csrf_token: Token, text_of: TextOf
) -> None:
    store = Store.stocked(world, csrf_token)
    world.execute("UPDATE product SET control_class = 'narcotic' WHERE product_id = %s", PRODUCT)
    body = receipt(lines=[{"product_id": PRODUCT, "lot": "B77", "expiry_date": "2028-01-31", "quantity": 37}])
    waiting = store.post("/api/v1/stock/receipts", body).json()
    assert (waiting["state"], [one["code"] for one in waiting["notices"]][-1]) == ("waiting_second", "waits_second")
    page = f"/work/documents/{waiting['document_id']}"
    assert "người khác phải mở phiếu này" in text_of(store.browser.get(page).text)
    second = Store(world, csrf_token)
    listed = second.browser.get("/work").text
    assert (page in listed, 'id="waiting"' in listed) == (True, True), "whoever comes by sees what waits"
    shown = text_of(second.browser.get(page).text)
    assert ("37 gói" in shown, "cần đếm" in shown, "B77" in shown) == (False, True, True)
    api = second.browser.get(f"/api/v1/stock/documents/{waiting['document_id']}").json()
    assert [(one["product_id"], one["quantity"]) for one in api["waiting"]] == [(PRODUCT, None)]
    form = {"csrf_token": second.headers["x-csrf-token"], f"count:{PRODUCT}": "ba mươi"}
    refused = second.browser.post(f"{page}/confirm", data=form)
    assert (refused.status_code, "Một giá trị bị thiếu hoặc sai" in text_of(refused.text)) == (422, True)
    missing = second.post(f"/api/v1/stock/documents/{waiting['document_id']}/confirm", {})
    assert (missing.status_code, missing.json()["code"]) == (422, "goods_not_counted")
    same = store.post(f"/api/v1/stock/documents/{waiting['document_id']}/confirm", {"counted": {PRODUCT: 37}})
    assert (same.status_code, same.json()["code"]) == (422, "second_person")
    assert second.browser.post(f"{page}/confirm", data=form | {f"count:{PRODUCT}": "36"}).status_code == 303
    stock = second.browser.get(f"/api/v1/stock/documents/{waiting['document_id']}").json()["lines"]
    assert [(one["lot"], one["quantity"]) for one in stock] == [("B77", 37)]
    assert 'id="waiting"' not in second.browser.get("/work").text
    cases = second.browser.get("/api/v1/stock/cases", params={"only_controlled": True}).json()
    assert [one["code"] for one in cases] == ["controlled_count"]
    again = second.post(f"/api/v1/stock/documents/{waiting['document_id']}/confirm", {"counted": {PRODUCT: 36}})
    assert (again.status_code, again.json()["outcome"]) == (200, "exists")


def test_what_waits_is_cancelled_from_its_page(world: WORLD, csrf_token: Token) -> None:
    store = Store.stocked(world, csrf_token)
    world.execute("UPDATE product SET control_class = 'narcotic' WHERE product_id = %s", PRODUCT)
    waiting = store.post("/api/v1/stock/receipts", receipt()).json()
    page = f"/work/documents/{waiting['document_id']}"
    form = {"csrf_token": store.headers["x-csrf-token"]}
    assert store.browser.post(f"{page}/cancel", data=form).status_code == 303
    [head] = store.browser.get("/api/v1/stock/documents").json()
    assert (head["document_id"], head["state"]) == (waiting["document_id"], "cancelled")
    assert store.browser.post(f"/work/documents/{uuid.uuid4()}/cancel", data=form).status_code == 404
