"""Counting in a real browser with a scanner and no mouse: drafts live on the server, two screens, no scripts too.

Headless Chromium, a real server and database. `MEDTAP_SHOTS=DIR` keeps pictures of what people see.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.gateway.web import browser_kit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
WORLD = Any
GTIN, BOX = "08935006512345", "08935006512344"
SHOTS: Final = os.environ.get("MEDTAP_SHOTS", "")


@dataclass(frozen=True)
class TagEvent:
    """That a reader saw a tag, as the feed hands it out."""

    live_event_id: int = 1_000_000
    audience: str = "pharmacy"
    kind: str = "tag"
    payload: dict[str, Any] = field(default_factory=dict)


class Pharmacy:
    """People with a screen each."""

    def __init__(self, chromium: Browser, world: WORLD) -> None:
        self.chromium, self.world = chromium, world
        self.errors: list[str] = []
        self.contexts: list[BrowserContext] = []

    def person(self, *, scripts: bool = True) -> Page:
        """A pharmacist who has just signed in, at a laptop."""
        client = self.world.signed_in("pharmacist")
        size = {"width": 1366, "height": 768}
        context = browser_kit.context_of(self.chromium, self.world, client, java_script_enabled=scripts, viewport=size)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.contexts.append(context)
        return page

    def close(self) -> None:
        """Nobody's page has complained."""
        for context in self.contexts:
            context.close()
        assert self.errors == []


@pytest.fixture
def pharmacy(chromium: Browser, world: WORLD) -> Iterator[Pharmacy]:
    """The store has 1188 of A24X and 36 of A19B, in boxes of 12 that are worth 18 000 dong."""
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 12)", BOX, GTIN)
    world.execute("UPDATE product SET unit_cost_vnd = 1500 WHERE product_id = %s", GTIN)
    people = Pharmacy(chromium, world)
    yield people
    people.close()


def scan(page: Page, text: str) -> None:
    """What a scanner types, with Enter at the end."""
    page.keyboard.insert_text(text)
    page.keyboard.press("Enter")


def press(page: Page, key: str) -> None:
    """A key of the page, once its script listens: what came before has led to a new page."""
    page.wait_for_selector("body[data-keys]")
    page.keyboard.press(key)


def shoot(page: Page, name: str) -> None:
    """For people who want to see it, on a laptop and on a tablet."""
    if not SHOTS:
        return
    page.screenshot(path=f"{SHOTS}/{name}.png")
    page.set_viewport_size({"width": 820, "height": 1180})
    page.screenshot(path=f"{SHOTS}/{name}-tablet.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, name
    page.set_viewport_size({"width": 1366, "height": 768})


def begin(page: Page, address: str) -> str:
    """With the keyboard alone; the address of the stocktake."""
    page.goto(f"{address}/count")
    shoot(page, "1-hub")
    press(page, "F2")
    page.wait_for_url("**/stocktakes/new")
    page.focus("#field-place_id")
    page.keyboard.type("Kho")
    page.select_option("#field-below", "false")
    press(page, "F9")
    page.wait_for_selector("#begin")
    shoot(page, "2-begin")
    press(page, "F9")
    page.wait_for_selector("body[data-ready]")
    return page.url


def word(page: Page, text: str) -> None:
    expect(page.locator("#feedback .word")).to_have_text(text)


def quantity(page: Page, text: str) -> None:
    expect(page.locator(".newest-line .draft-quantity")).to_have_text(text)


def tell(page: Page, world: WORLD) -> None:
    """The feed says that a tag was seen, once the page listens."""
    deadline = time.monotonic() + browser_kit.PATIENCE_MS / 1000
    while not world.feed.subscriptions:
        assert time.monotonic() < deadline, "the page listens to nothing"
        page.wait_for_timeout(20)
    for subscription in world.feed.subscriptions:
        subscription.queue.append(TagEvent())
        subscription.wake()


def a_closed_tab_and_a_lost_link_lose_nothing(lan: Page, page: str) -> None:
    lan.goto(f"{page.partition('/count')[0]}/count")
    lan.goto(page)
    lan.wait_for_selector("body[data-ready]")
    quantity(lan, "36")
    lan.route("**/scans", lambda route: route.abort())
    scan(lan, "=30")
    word(lan, "Mất kết nối")
    lan.unroute("**/scans")
    quantity(lan, "30")
    press(lan, "F8")
    quantity(lan, "36")


def test_two_people_count_with_a_scanner_alone_and_a_third_books(pharmacy: Pharmacy, world: WORLD) -> None:
    lan, dung, hoa = (pharmacy.person() for _ in range(3))
    page = begin(lan, world.address)
    scan(lan, f"01{BOX}10A24X")
    word(lan, "Đã đếm")
    scan(lan, "*98")
    quantity(lan, "1.176")
    scan(lan, f"01{BOX}10A19B")
    scan(lan, "*3")
    quantity(lan, "36")
    scan(lan, "0112345678901231")
    expect(lan.locator("#kept li")).to_have_count(1)
    shoot(lan, "3-counting")
    a_closed_tab_and_a_lost_link_lose_nothing(lan, page)
    press(lan, "F9")
    expect(lan.locator("#draft-count")).to_have_text("0")
    press(lan, "F10")
    expect(lan.locator("#state")).to_have_attribute("data-state", "recounting")
    shoot(lan, "4-counted-by-me")
    dung.goto(page)
    dung.wait_for_selector("body[data-ready]")
    expect(dung.locator("#to-count tbody tr")).to_have_count(1)
    scan(dung, f"01{BOX}10A24X")
    scan(dung, "=1176")
    quantity(dung, "1.176")
    shoot(dung, "5-recount")
    scan(dung, "MT-OK")
    expect(dung.locator("#draft-count")).to_have_text("0")
    press(dung, "F10")
    expect(dung.locator("#state")).to_have_attribute("data-state", "waiting_verification")
    hoa.goto(page)
    expect(hoa.locator("#review")).to_contain_text("1.188")
    hoa.select_option("[name='reason:1']", "count_lost")
    press(hoa, "F7")
    hoa.wait_for_url("**whole=false")
    expect(hoa.locator("[name='reason:1']")).to_have_value("count_lost")
    shoot(hoa, "6-review")
    press(hoa, "F9")
    expect(hoa.locator("#state")).to_have_attribute("data-state", "verified")
    press(hoa, "F9")
    expect(hoa.locator("#state")).to_have_attribute("data-state", "posted")
    shoot(hoa, "7-booked")
    assert world.rows("SELECT quantity FROM stock_balance WHERE account_id = 'place:main-store' AND lot = 'A24X'") == [
        (1176,)
    ]


def test_without_scripts_each_scan_is_a_form_and_comes_back_in_focus(pharmacy: Pharmacy, world: WORLD) -> None:
    lan = pharmacy.person(scripts=False)
    lan.goto(f"{world.address}/count/stocktakes/new?place_id=main-store&below=false")
    lan.click("#begin button.main")
    for text, units in ((f"01{BOX}10A24X", "12"), ("=1188", "1.188"), (f"01{BOX}10A19B", "12"), ("*3", "36")):
        expect(lan.locator("#scan")).to_be_focused()
        lan.locator("#scan").press_sequentially(text)
        lan.keyboard.press("Enter")
        quantity(lan, units)
    lan.locator("#scan").press_sequentially("MT-OK")
    lan.keyboard.press("Enter")
    expect(lan.locator("#draft-count")).to_have_text("0")
    lan.click("#finish button")
    expect(lan.locator("#state")).to_have_attribute("data-state", "waiting_verification")


def test_an_rfid_count_is_followed_and_decided_on_one_page(pharmacy: Pharmacy, world: WORLD) -> None:
    seen, silent = "3034257BF7194E4000001A85", "3034257BF7194E4000001A99"
    for serial, epc in (("S1", seen), ("S2", silent)):
        world.execute(
            "INSERT INTO pack (gtin, serial_number, product_id, lot, units, epc, account_id, last_movement_id)"
            " SELECT %s, %s, %s, 'A24X', 12, %s, 'place:main-store', movement_id FROM movement WHERE kind = 'receive'",
            *(GTIN, serial, GTIN, epc),
        )
    world.execute("UPDATE device SET place_id = 'main-store' WHERE device_id = 'uhf-1'")
    world.execute("DELETE FROM tag_presence WHERE epc = lower(%s)", seen)
    lan, dung = pharmacy.person(), pharmacy.person()
    lan.goto(f"{world.address}/count")
    press(lan, "F4")
    lan.wait_for_selector("#begin")
    lan.select_option("#field-place_id", "main-store")
    shoot(lan, "9-rfid-begin")
    press(lan, "F9")
    progress = lan.locator("#tag_progress")
    expect(progress).to_have_attribute("data-seen", "0")
    shoot(lan, "10-rfid-reading")
    # A tag comes before the reader: the page says so by itself.
    world.execute(
        "INSERT INTO tag_presence SELECT lower(%s), device_key, 1, %s, NULL, %s FROM device WHERE device_id = 'uhf-1'",
        *(seen, world.clock(), world.clock()),
    )
    tell(lan, world)
    expect(progress).to_have_attribute("data-seen", "1")
    press(lan, "F9")
    expect(lan.locator("[data-tab='not_seen'] .count")).to_have_text("1")
    shoot(lan, "11-rfid-found")
    lan.check(f"[name='epc:{silent}']")
    lan.select_option("#field-decision", "missing")
    lan.select_option("#field-reason_code", "count_lost")
    press(lan, "F7")
    expect(lan.locator("#tags")).to_contain_text("chờ người thứ hai")
    dung.goto(f"{lan.url}")
    dung.check(f"[name='epc:{silent}']")
    shoot(dung, "12-rfid-second-person")
    press(dung, "F8")
    expect(dung.locator("#tags")).not_to_contain_text("chờ người thứ hai")
    press(dung, "F10")
    expect(dung.locator("#state")).to_have_attribute("data-state", "closed")
    shoot(dung, "13-rfid-closed")
    assert world.rows("SELECT account_id FROM pack WHERE serial_number = 'S2'") == [("unexplained",)]
