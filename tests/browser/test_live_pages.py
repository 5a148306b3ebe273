"""The three live pages in a real browser: what happens at the silicon is on the screen, without a reload."""

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from gateway.pages.speech import grouped
from medtap.demo.hospital import SimulatedHospital
from tests.browser.take_screenshots import SHOTS, Shot, address_of, signed_in_page

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(180)]

SHOT_OF = {shot.name: shot for shot in SHOTS}
_PAGES: dict[str, Page] = {}


def _page(browser: Browser, hospital: SimulatedHospital, shot: Shot, complaints: list[str]) -> Page:
    """That person's page, signed in once in this module (a one-time link works once)."""
    if shot.username not in _PAGES:
        _PAGES[shot.username] = signed_in_page(browser, hospital, shot)
    page = _PAGES[shot.username]
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address_of(hospital, shot))
    return page


def _value(hospital: SimulatedHospital, query: str) -> Any:  # noqa: ANN401 - whatever the database holds
    with psycopg.connect(hospital.dsn) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def test_the_clerk_sees_who_tapped_without_touching_anything(browser: Browser, hospital: SimulatedHospital) -> None:
    complaints: list[str] = []
    page = _page(browser, hospital, SHOT_OF["desk"], complaints)
    patient = hospital.world["patients"][9]
    hospital.control.do(do="tap", patient=9)
    newest = page.locator("#newest_tap")
    expect(newest).to_contain_text("Đã tiếp nhận")
    expect(newest).to_contain_text(patient["full_name"].split()[-1])
    expect(newest).to_have_attribute("data-outcome", "checked_in")
    assert complaints == []


def test_the_clerk_sees_a_copied_card_refused(browser: Browser, hospital: SimulatedHospital) -> None:
    page = _page(browser, hospital, SHOT_OF["desk"], [])
    hospital.control.do(do="tap_clone", patient=11)
    newest = page.locator("#newest_tap")
    expect(newest).to_have_attribute("data-outcome", "not_genuine")
    expect(newest).not_to_contain_text("Đã tiếp nhận")


def test_the_pharmacist_sees_the_scanned_pack(browser: Browser, hospital: SimulatedHospital) -> None:
    complaints: list[str] = []
    page = _page(browser, hospital, SHOT_OF["pharmacy"], complaints)
    pack = hospital.world["packs"][30]
    hospital.control.do(do="scan", scanner="receiving", pack=30)
    expect(page.locator("#newest_scan")).to_contain_text(pack["serial_number"])
    expect(page.locator("#newest_scan")).to_contain_text(pack["lot"])
    assert complaints == []


def test_a_refused_scan_says_why(browser: Browser, hospital: SimulatedHospital) -> None:
    page = _page(browser, hospital, SHOT_OF["pharmacy"], [])
    hospital.control.do(do="scan", scanner="receiving", text="]d20108938501230011")
    expect(page.locator("#newest_scan")).to_have_attribute("data-outcome", "refused")


def test_a_card_on_a_reader_assigned_to_the_pharmacy_chooses_the_patient_to_dispense_to(
    browser: Browser, hospital: SimulatedHospital
) -> None:
    with psycopg.connect(hospital.dsn) as connection:
        connection.execute("UPDATE device SET place_id = 'main-store' WHERE device_id = 'card-reader'")
    try:
        complaints: list[str] = []
        shot = Shot("dispense", "pharmacist", "/work/dispense", ViewportSize(width=1366, height=768))
        page = _page(browser, hospital, shot, complaints)
        expect(page.locator("#reader-state")).to_have_attribute("data-open", "yes")
        hospital.control.do(do="tap", patient=12)
        expect(page.locator("#patient")).to_contain_text(grouped(hospital.world["patients"][12]["patient_number"]))
        expect(page.locator("#patient")).not_to_contain_text(hospital.world["patients"][12]["full_name"])
        hospital.control.do(do="tap_clone", patient=11)
        expect(page.locator("#feedback .word")).to_have_text("Thẻ bị từ chối")
        assert complaints == []
    finally:
        with psycopg.connect(hospital.dsn) as connection:
            connection.execute("UPDATE device SET place_id = 'desk-a' WHERE device_id = 'card-reader'")


def test_the_person_on_call_acknowledges_with_a_word_of_why(browser: Browser, hospital: SimulatedHospital) -> None:
    complaints: list[str] = []
    page = _page(browser, hospital, SHOT_OF["on-call"], complaints)
    comment = page.locator("textarea").first
    comment.fill("Đã chuyển vắc xin sang tủ số 2")
    page.get_by_role("button", name=re.compile("Xác nhận")).first.click()
    expect(page.get_by_text("Đã chuyển vắc xin sang tủ số 2").first).to_be_visible()
    assert _value(hospital, "SELECT acknowledged_by FROM incident") == "oncall"
    assert complaints == []


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: str(shot.name))
def test_no_page_is_wider_than_its_screen(browser: Browser, hospital: SimulatedHospital, shot: Shot) -> None:
    page = _page(browser, hospital, shot, [])
    page.set_viewport_size(shot.size)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


def test_english_is_one_click_away_and_not_mixed(browser: Browser, hospital: SimulatedHospital) -> None:
    page = _page(browser, hospital, SHOT_OF["desk"], [])
    page.get_by_text("English").first.click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("body")).not_to_contain_text("Đã tiếp nhận")


def test_an_rfid_count_follows_the_reader_itself(browser: Browser, hospital: SimulatedHospital) -> None:
    complaints: list[str] = []
    page = _page(browser, hospital, SHOT_OF["pharmacy"], complaints)
    for pack in (2, 3):
        hospital.control.do(do="uhf_take", pack=pack)
    expect(page.locator("#shelf")).not_to_contain_text(hospital.world["packs"][3]["serial_number"])
    place = _value(hospital, "SELECT place_id FROM device WHERE driver = 'llrp'")
    page.goto(f"{hospital.http_url}/count/tags/new?place_id={place}")
    page.keyboard.press("F9")
    expect(page.locator("#tag_progress")).to_have_attribute("data-passes", "0")
    before = int(page.locator("#other-tags").inner_text())
    hospital.control.do(do="uhf_put", pack=2)
    expect(page.locator("#other-tags")).to_have_text(str(before + 1))
    page.wait_for_selector("body[data-keys]")
    page.keyboard.press("F9")
    expect(page.locator("#state")).to_have_attribute("data-state", "reconciled")
    expect(page.locator("#passes")).to_have_text("1")
    assert complaints == []
