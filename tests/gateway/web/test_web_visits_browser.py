"""Visits under a real browser: a board calls out what is new, papers scanned at the desk lead on, F9 calls."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gateway.people_kit import register
from tests.gateway.web import browser_kit
from tests.gateway.web.conftest import FakeLiveEvent

WORLD = Any
Token = Callable[[httpx.Client], str]
CITIZEN: Final = "079180012345"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def nurse(world: WORLD, csrf_token: Token) -> httpx.Client:
    """A clerk who is a nurse too, with one clinic and one door."""
    person: httpx.Client = world.signed_in("clerk", "clinician")
    person.headers["x-csrf-token"] = csrf_token(person)
    world.execute("INSERT INTO clinic VALUES ('heart', 'TM', 'Tim mạch', 'Cardiology')")
    world.execute("INSERT INTO room VALUES ('room-1', 'heart', 'Phòng 1', 'Room 1')")
    return person


def queued(world: WORLD, nurse: httpx.Client, place: int) -> None:
    body = {"event_id": str(uuid.uuid4()), "clinic_id": "heart", "priority": "none"}
    assert nurse.post(f"/api/v1/visits/{uuid.UUID(int=100 + place)}/queue", json=body).status_code == 201


def told(world: WORLD) -> None:
    """The feed hands out that something happened in the clinic."""
    for subscription in world.feed.subscriptions:
        subscription.queue.append(FakeLiveEvent(99, "queue", "queue", {"clinic_id": "heart"}))
        subscription.wake()


def test_a_board_calls_out_what_is_new_and_a_nurse_calls_with_one_key(
    world: WORLD, nurse: httpx.Client, chromium: Browser
) -> None:
    queued(world, nurse, 1)
    link = nurse.post("/api/v1/boards", json={"name": "Phòng chờ"}).json()["link"].replace("http://testserver", "")
    screen = chromium.new_context(viewport={"width": 1920, "height": 1080})
    screen.set_default_timeout(browser_kit.PATIENCE_MS)
    board = screen.new_page()
    browser_kit.opened(board, world.address + link)
    expect(board.locator(".board-none")).to_be_visible()
    room = browser_kit.context_of(chromium, world, nurse).new_page()
    browser_kit.opened(room, f"{world.address}/rooms/room-1")
    room.keyboard.press("F9")
    expect(room.locator("#room_now .newest.attention .ticket")).to_have_text("TM-001")
    told(world)
    call = board.locator("[data-call].fresh")
    expect(call).to_contain_text("TM-001")
    expect(call).to_contain_text("Phòng 1")
    assert call.evaluate("each => each.scrollWidth <= each.clientWidth"), "nothing of it is cut off"
    world.execute("UPDATE board_link SET revoked_at = now(), revoked_by = 'x'")
    told(world)
    expect(board.locator("#board")).to_have_count(0)
    room.context.close()
    screen.close()


def test_a_citizen_card_scanned_anywhere_on_the_desks_page_finds_its_patient(
    world: WORLD, nurse: httpx.Client, chromium: Browser
) -> None:
    with world.pool.connection() as connection:
        register(connection, "Lê Thị Na", date(2024, 5, 1), citizen_id=CITIZEN)
    desk: Page = browser_kit.context_of(chromium, world, nurse).new_page()
    browser_kit.opened(desk, f"{world.address}/desk")
    desk.locator("h2").first.click()
    browser_kit.scan(desk, f"{CITIZEN}||Lê Thị Na|01052024|Nữ|1 Lê Lợi|01012025")
    expect(desk.locator(".person-card .full-name")).to_contain_text("LÊ")
    desk.wait_for_selector("body[data-ready]")
    desk.keyboard.press("F9")
    desk.wait_for_url("**/desk/visits/*")
    desk.locator(".choose-clinic select[name=clinic_id]").select_option("heart")
    desk.wait_for_selector("body[data-ready]")
    desk.keyboard.press("F9")
    expect(desk.locator(".ticket-line .ticket")).to_have_text("TM-001")
    desk.context.close()
