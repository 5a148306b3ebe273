"""Orders and repacking by scanner and keyboard: products found by name, what is expected taken over, no lot lost."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gateway.web import browser_kit
from tests.gateway.web.browser_kit import opened
from tests.gateway.web.work_store import GTIN, PRODUCT, Store, receipt

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
WORLD = Any
Token = Callable[[httpx.Client], str]
BOX = f"01{GTIN}17280131" + "10B77"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's."""
    with browser_kit.chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, world: WORLD, csrf_token: Token) -> Iterator[Page]:
    """A pharmacist's browser; paracetamol in two strengths, one of them short, 12 of it in the store."""
    store = Store.stocked(world, csrf_token)
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en)"
        " VALUES ('PARA500', 'Paracetamol 500 mg', 'Paracetamol 500 mg', 'viên', 'tablet')"
    )
    world.execute("UPDATE product SET search_text = '|' || lower(name_en) WHERE product_id LIKE 'PARA%%'")
    world.execute("INSERT INTO stock_level_rule VALUES ('main-store', %s, 50, 40, 200)", PRODUCT)
    assert store.post("/api/v1/stock/receipts", receipt()).status_code == 201
    context = browser_kit.context_of(browser, world, store.browser)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def typed(page: Page, text: str) -> None:
    """In the scan field, ended with Enter; as one paste, so that no key of it can look like a scanner's."""
    page.fill("#scan", text)
    page.keyboard.press("Enter")


def lines(page: Page, count: int) -> None:
    expect(page.locator("#lines tbody tr")).to_have_count(count)


def test_an_order_is_written_by_names_and_suggestions_and_received_with_one_click(page: Page, world: WORLD) -> None:
    opened(page, f"{world.address}/work/orders/new?place_id=main-store")
    page.fill("#field-supplier_name", "Công ty Dược A")
    page.fill("#field-expected_on", "01122026")
    page.keyboard.press("Enter")  # "done here", never "save": the draft stays
    expect(page.locator("#scan")).to_be_focused()
    typed(page, "paracetamol")
    expect(page.locator("#found button")).to_have_count(2)
    expect(page.locator("#found button").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    lines(page, 1)
    page.keyboard.press("F4")
    lines(page, 2)
    # 188 are missing up to 200: 16 boxes of 12. Ten are enough.
    quantity = page.locator("tr", has_text="250 mg").locator(".line-quantity")
    expect(quantity).to_have_value("16")
    quantity.fill("10")
    quantity.press("Tab")
    page.keyboard.press("F9")
    page.wait_for_url(re.compile(r"/work/orders/[0-9a-f-]{36}"))
    expect(page.locator("h1")).to_contain_text("DH26-000001")
    ordered = world.rows("SELECT product_id, quantity, pack_units FROM purchase_order_line ORDER BY 1")
    assert ordered == [(PRODUCT, 120, 12), ("PARA500", 1, 1)]
    expect(page.locator("a.button.main")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-ready]")
    # What is scanned takes its share of what is expected; for the rest the lot is asked for.
    page.keyboard.press("F4")
    lines(page, 2)
    typed(page, BOX)
    lines(page, 3)
    typed(page, "*9")
    page.locator("tr", has_text="500 mg").locator(".line-remove").click()
    page.keyboard.press("F9")
    expect(page.locator("#feedback .word")).to_have_text("Thiếu số lô")
    expect(page.locator(".line-lot:focus")).to_have_count(1)
    page.keyboard.type("B78", delay=120)
    page.keyboard.press("Tab")
    page.keyboard.press("F9")
    expect(page.locator("#feedback .word")).to_contain_text("Đã lưu")
    got = world.rows(
        "SELECT lot, quantity FROM movement JOIN stock_document USING (document_id) WHERE order_id IS NOT NULL"
    )
    assert sorted(got) == [("B77", 108), ("B78", 12)]


def test_a_box_is_broken_into_loose_units_with_two_keys(page: Page, world: WORLD) -> None:
    opened(page, f"{world.address}/work/repack")
    page.select_option("#field-place_id", "main-store")
    page.focus("#scan")
    typed(page, BOX)
    lines(page, 1)
    page.keyboard.press("F4")
    lines(page, 2)
    expect(page.locator("[data-side-sum]")).to_have_text(["12", "12"])
    page.keyboard.press("F9")
    expect(page.locator("#feedback .word")).to_have_text("Đã lưu: DG26-000001")
    made = world.rows("SELECT kind, lot, gtin, quantity FROM movement WHERE kind LIKE 'repack%%' ORDER BY kind")
    assert made == [("repack_in", "B77", None, 12), ("repack_out", "B77", GTIN, 12)]
