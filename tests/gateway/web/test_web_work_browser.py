"""A work page under a scanner: what a wedge types is taken wherever the focus is, survives, and is saved once.

Headless Chromium, a real server and database. A burst of keys without pauses is what a scanner is to a browser.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.gateway.web.browser_kit import context_of, opened, scan

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
WORLD = Any
PRODUCT, GTIN, CASE = "PARA250", "08935006512344", "18935006512341"
BOX: Final = f"01{GTIN}17280131" + "10B77\x1d21S000"


@pytest.fixture
def page(chromium: Browser, world: WORLD) -> Iterator[Page]:
    """The receiving page of a pharmacist who has just signed in."""
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en)"
        " VALUES (%s, 'Paracetamol 250 mg', 'Paracetamol 250 mg', 'gói', 'sachet')",
        PRODUCT,
    )
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 12)", GTIN, PRODUCT)
    world.execute("INSERT INTO trade_item VALUES (%s, %s, 120, %s, 10)", CASE, PRODUCT, GTIN)
    signed_in = world.signed_in("pharmacist")
    context = context_of(chromium, world, signed_in)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    opened(page, f"{world.address}/work/receive")
    yield page
    context.close()
    assert errors == []


def line_count(page: Page, count: int) -> None:
    expect(page.locator("#line-count")).to_have_text(str(count))


def stock(world: WORLD) -> int:
    rows = world.rows(
        "SELECT coalesce(sum(quantity), 0) FROM stock_balance WHERE product_id = %s AND quantity > 0", PRODUCT
    )
    return int(rows[0][0])


def fill_head(page: Page) -> None:
    page.select_option("#field-place_id", "main-store")
    page.fill("#field-supplier_name", "Công ty Dược A")


def test_a_delivery_is_scanned_counted_and_saved_without_a_mouse(page: Page, world: WORLD) -> None:
    fill_head(page)
    page.focus("#scan")
    scan(page, BOX + "1")
    line_count(page, 1)
    expect(page.locator("#feedback")).to_have_attribute("data-mood", "ok")
    expect(page.locator("#feedback .word")).to_have_text("Đã thêm")
    assert page.input_value(".line-lot") == "B77"
    assert page.input_value(".line-expiry") == "31/01/2028"
    # Wherever the focus is: in a quantity, whose number stays; on a button, which is not pressed.
    page.focus(".line-quantity")
    scan(page, BOX + "2")
    line_count(page, 2)
    assert page.input_value("tr[data-place='1'] .line-quantity") == "12"
    page.focus("#cancel")
    scan(page, f"01{CASE}1728013110B77")
    line_count(page, 3)
    assert page.input_value("tr[data-place='0'] .line-quantity") == "120"
    # The same pack again is not a second one; a wrong code says so and adds nothing.
    page.focus("#scan")
    scan(page, BOX + "2")
    expect(page.locator("#feedback .word")).to_have_text("Đã quét trước đó")
    scan(page, "0108935006512341")
    expect(page.locator("#feedback")).to_have_attribute("data-mood", "stop")
    line_count(page, 3)
    page.keyboard.press("F8")
    line_count(page, 2)
    scan(page, f"01{CASE}1728013110B77")
    line_count(page, 3)
    scan(page, BOX.replace("\x1d", "<GS>") + "2")
    expect(page.locator("#feedback .word")).to_have_text("Đã quét trước đó")
    scan(page, "*2")
    assert page.input_value("tr[data-place='0'] .line-quantity") == "240"
    assert stock(world) == 0
    page.keyboard.press("F9")
    expect(page.locator("#feedback .word")).to_have_text("Đã lưu: PN26-000001")
    line_count(page, 0)
    assert stock(world) == 264


def test_a_draft_outlives_a_reload_and_counts_once(page: Page, world: WORLD) -> None:
    fill_head(page)
    page.focus("#scan")
    scan(page, BOX + "1")
    line_count(page, 1)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    line_count(page, 1)
    expect(page.locator("#feedback .word")).to_have_text("Đã khôi phục bản nháp")
    assert page.input_value("#field-supplier_name") == "Công ty Dược A"
    page.keyboard.press("F9")
    expect(page.locator("#feedback .word")).to_have_text("Đã lưu: PN26-000001")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    line_count(page, 0)
    assert stock(world) == 12


def test_a_lost_answer_is_asked_for_again_and_nothing_is_booked_twice(page: Page, world: WORLD) -> None:
    """The server saves, the link breaks before the answer: "saved" is not said until it answers, and it counts once."""
    lost: list[int] = []

    def lose_the_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/api/v1/stock/receipts", lose_the_first_answer)
    fill_head(page)
    page.focus("#scan")
    scan(page, BOX + "1")
    line_count(page, 1)
    page.keyboard.press("F9")
    expect(page.locator("#feedback .word")).to_have_text("Chưa lưu")
    expect(page.locator("#feedback .word")).to_have_text("Đã lưu: PN26-000001")
    assert lost == [201]
    assert world.rows("SELECT count(*) FROM stock_document") == [(1,)]
    assert stock(world) == 12


def test_scans_wait_for_the_link_and_are_read_in_their_order(page: Page) -> None:
    page.route("**/api/v1/work/scans", lambda route: route.abort())
    page.focus("#scan")
    scan(page, BOX + "1")
    scan(page, BOX + "2")
    expect(page.locator("#feedback .word")).to_have_text("Mất kết nối")
    page.unroute("**/api/v1/work/scans")
    line_count(page, 2)
    names = page.locator(".line-code").all_text_contents()
    assert [name[-1] for name in names] == ["2", "1"]


def test_escape_throws_a_draft_away_only_when_pressed_twice(page: Page) -> None:
    page.focus("#scan")
    scan(page, BOX + "1")
    line_count(page, 1)
    page.keyboard.press("Escape")
    line_count(page, 1)
    page.keyboard.press("Escape")
    line_count(page, 0)


def test_a_typed_article_code_is_a_line_and_asks_for_its_lot(page: Page) -> None:
    page.focus("#scan")
    page.keyboard.type(PRODUCT, delay=120)
    page.keyboard.press("Enter")
    line_count(page, 1)
    expect(page.locator("#feedback")).to_have_attribute("data-mood", "attention")
    expect(page.locator(".line-lot")).to_be_focused()
    page.keyboard.type("L9", delay=120)
    page.keyboard.press("Tab")
    expect(page.locator(".line-expiry")).to_be_focused()
    page.keyboard.type("310", delay=120)
    page.keyboard.press("Enter")
    expect(page.locator("#feedback .word")).to_have_text("Không phải ngày")
    page.focus(".line-expiry")
    page.keyboard.type("28022028", delay=120)
    page.keyboard.press("Enter")
    expect(page.locator("#scan")).to_be_focused()
    assert (page.input_value(".line-lot"), page.input_value(".line-expiry")) == ("L9", "28/02/2028")
    assert urlsplit(page.url).path == "/work/receive"
