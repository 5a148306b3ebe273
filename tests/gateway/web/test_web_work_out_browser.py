"""Pages that give out, under a scanner: ask, pick, hand over; a card tap; destruction and holds as drafts that stay.

Headless Chromium, a real server and database. A burst of keys without pauses is what a scanner is to a browser.
"""

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from gateway.stock import books
from gateway.stock.lines import Doing, Goods, Line
from tests.gateway.web.browser_kit import context_of, opened, scan
from tests.gateway.web.conftest import FakeLiveEvent
from tests.gateway.web.hospital import add_tap

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
WORLD = Any
PARA, BOX = "PARA500", "08935234500007"
CODE: Final = f"01{BOX}17271231" + "10L1\x1d21"


@pytest.fixture
def page(chromium: Browser, world: WORLD) -> Iterator[Page]:
    """A pharmacist's, where two lots of paracetamol stand and a ward asks for it."""
    world.execute("INSERT INTO place (place_id, kind, name_vi, name_en) VALUES ('ward-1', 'ward', 'Khoa Nhi', 'Ward')")
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en)"
        " VALUES (%s, 'Paracetamol 500 mg', 'Paracetamol 500 mg', 'viên', 'tablet')",
        PARA,
    )
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 100)", BOX, PARA)
    there = (
        Goods(PARA, "OLD", date(2026, 12, 31), 40),
        Goods(PARA, "L1", date(2027, 12, 31), 100, BOX, "S1"),
        Goods(PARA, "L1", date(2027, 12, 31), 100, BOX, "S2"),
        Goods(PARA, "GONE", date(2026, 1, 31), 30),
    )
    with world.pool.connection() as connection:
        doing = Doing(world.clock(), world.clock(), "api", "lan", scan_text="x")
        lines = [Line(uuid.uuid4(), "receive", one, "supplier", "place:main-store") for one in there]
        books.book(connection, doing, lines)
    context = context_of(chromium, world, world.signed_in("pharmacist"))
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert errors == []


def mood(page: Page, mood: str, word: str) -> None:
    """What the page says last, large."""
    expect(page.locator("#feedback .word")).to_contain_text(word)
    expect(page.locator("#feedback")).to_have_attribute("data-mood", mood)


def ask_for(page: Page, world: WORLD, quantity: int) -> None:
    """A ward asks; then the page to pick on is there."""
    opened(page, f"{world.address}/work/issue")
    page.select_option("#field-from_place_id", "main-store")
    page.select_option("#field-to_place_id", "ward-1")
    page.focus("#scan")
    scan(page, PARA)
    mood(page, "ok", "Đã thêm")
    scan(page, f"={quantity}")
    page.keyboard.press("F9")
    page.wait_for_url("**/work/out/*")
    page.wait_for_selector("body[data-ready]")


def test_an_issue_is_asked_for_picked_and_handed_over_with_a_scanner_alone(page: Page, world: WORLD) -> None:
    ask_for(page, world, 140)
    expect(page.locator("#fetch tbody tr")).to_have_count(2)
    expect(page.locator("#not-offered")).to_contain_text("GONE")
    expect(page.locator("#not-offered")).to_contain_text("hết hạn ngày 31/01/2026")
    # Wherever the focus is: on a button, which is not pressed.
    page.focus("#basket button >> nth=0")
    scan(page, f"{CODE}S1")
    mood(page, "ok", "Đã lấy: 100 viên")
    expect(page.locator("#basket .orders li")).to_have_count(1)
    scan(page, f"{CODE}S1")
    mood(page, "stop", "Không thực hiện được")
    expect(page.locator("#feedback .sentence")).to_contain_text("Hộp S1 đã được")
    page.keyboard.press("F9")
    mood(page, "attention", "Chưa lấy đủ")
    page.fill("#pick-lot", "OLD")
    page.focus("#scan")
    scan(page, PARA)
    mood(page, "ok", "Đã lấy: 40 viên")
    expect(page.locator("#feedback .sentence")).to_contain_text("Đã lấy đủ")
    page.keyboard.press("F9")
    page.wait_for_selector("#state[data-state=posted]")
    mood(page, "ok", "Đã giao")
    assert world.rows("SELECT sum(quantity) FROM stock_balance WHERE account_id = 'place:ward-1'") == [(140,)]


def test_what_was_picked_without_a_link_waits_through_a_closed_tab(page: Page, world: WORLD) -> None:
    ask_for(page, world, 100)
    address = page.url

    def lost(route: Route) -> None:
        route.abort()

    page.route("**/picks", lost)
    scan(page, f"{CODE}S2")
    mood(page, "attention", "Mất kết nối")
    context = page.context
    page.close()
    again = context.new_page()
    opened(again, address)
    expect(again.locator("#basket .orders li")).to_have_count(1)
    again.keyboard.press("F8")
    expect(again.locator("#basket .orders li")).to_have_count(0)
    mood(again, "info", "Đã trả lại chỗ cũ")
    scan(again, f"{CODE}S2")
    mood(again, "ok", "Đã lấy: 100 viên")
    scan(again, "=60")
    mood(again, "ok", "Đã lấy: 60 viên")
    assert world.rows("SELECT quantity FROM stock_pick") == [(60,)]


def tap(world: WORLD, seq: int, patient: int) -> None:
    """A card of this patient is put on the pharmacy's reader."""
    reader = world.rows("SELECT device_key FROM device WHERE device_id = 'pn532-1'")[0][0]
    with world.pool.connection() as connection:
        add_tap(connection, reader, seq, "checked_in", world.clock())
        visit = uuid.UUID(int=100 + patient)
        connection.execute("UPDATE tap SET visit_id = %s, card_id = %s WHERE seq = %s", (visit, f"{patient:032x}", seq))
    for subscription in world.feed.subscriptions:
        if not subscription.closed:
            subscription.queue.append(FakeLiveEvent(seq, "desk", "tap", {"seq": seq}))
            subscription.wake()


def test_a_card_on_the_pharmacys_reader_fills_the_patient_in(page: Page, world: WORLD) -> None:
    world.execute("UPDATE device SET place_id = 'main-store' WHERE device_id = 'pn532-1'")
    world.execute("UPDATE tap SET occurred_at = occurred_at - interval '1 day'")
    numbers = [f"2600{1200 + place * 7:04d}" for place in range(1, 5)]
    opened(page, f"{world.address}/work/dispense")
    expect(page.locator("#reader-state")).to_have_attribute("data-open", "yes")
    tap(world, 90, 1)
    expect(page.locator("#patient")).to_have_attribute("data-patient", str(uuid.UUID(int=1)))
    mood(page, "attention", "Người bệnh")  # has an allergy
    page.select_option("#field-from_place_id", "main-store")
    page.focus("#scan")
    scan(page, PARA)
    mood(page, "ok", "Đã thêm")
    # The next patient's card does not take the list over by itself.
    tap(world, 91, 2)
    mood(page, "attention", "Thẻ của người bệnh khác")
    expect(page.locator("#patient")).to_have_attribute("data-patient", str(uuid.UUID(int=1)))
    page.keyboard.press("F6")
    expect(page.locator("#patient")).to_have_attribute("data-patient", str(uuid.UUID(int=2)))
    # A draft knows its patient after a closed tab; a number chooses another.
    context, address = page.context, page.url
    page.close()
    again = context.new_page()
    opened(again, address)
    expect(again.locator("#patient")).to_have_attribute("data-patient", str(uuid.UUID(int=2)))
    expect(again.locator("#line-count")).to_have_text("1")
    again.focus("#field-patient_number")
    again.keyboard.type(numbers[2])
    again.keyboard.press("Enter")
    expect(again.locator("#patient")).to_have_attribute("data-patient", str(uuid.UUID(int=3)))
    again.fill("#field-prescription_number", "DT-7")
    again.keyboard.press("F9")
    again.wait_for_url("**/work/out/*")
    rows = world.rows("SELECT patient_id, prescription_number FROM stock_document WHERE kind = 'dispensing'")
    assert rows == [(uuid.UUID(int=3), "DT-7")]


def test_a_destruction_and_a_hold_are_whole_forms_whose_drafts_stay(page: Page, world: WORLD) -> None:
    opened(page, f"{world.address}/work/destroy")
    page.select_option("#field-place_id", "main-store")
    page.fill("#field-reason", "Hết hạn")
    page.focus("#scan")
    scan(page, f"{CODE}S1")
    expect(page.locator("#line-count")).to_have_text("1")
    scan(page, PARA)
    expect(page.locator("#line-count")).to_have_text("2")
    context = page.context
    page.close()
    again = context.new_page()
    opened(again, f"{world.address}/work/destroy")
    expect(again.locator("#line-count")).to_have_text("2")
    assert again.input_value("#field-reason") == "Hết hạn"
    again.fill("tr[data-place='0'] .line-lot", "GONE")
    again.fill("tr[data-place='0'] .line-quantity", "30")
    again.keyboard.press("F9")
    mood(again, "ok", "Đã lưu: PH26-000001")
    expect(again.locator("#waiting")).to_contain_text("GONE · 30 viên")  # typed, and F9 without leaving the field
    opened(again, f"{world.address}/work/holds")
    again.select_option("#field-scope", "pack")
    again.fill("#field-reason", "Vỡ hộp")
    again.focus("#field-reason")
    scan(again, f"{CODE}S2")
    expect(again.locator("#line-count")).to_have_text("1")
    assert again.input_value("#field-reason") == "Vỡ hộp", "a scan leaves no trace in the field that had the focus"
    again.keyboard.press("F9")
    mood(again, "ok", "1 lệnh giữ")
    expect(again.locator("#open-holds")).to_contain_text("S2")
