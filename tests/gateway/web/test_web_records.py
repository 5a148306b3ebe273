"""The wall, the page of a place, and the pages of records: looked at, typed into, and dragged over."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from gateway.db.partitions import make_partitions
from tests.gateway import records_kit as kit
from tests.gateway.web.browser_kit import context_of

pytestmark = [pytest.mark.timeout(240)]
WORLD = Any
TextOf = Callable[[str], str]
Token = Callable[[httpx.Client], str]
PDF = b"%PDF-1.4 a certificate\n%%EOF\n"


@pytest.fixture
def made(world: WORLD) -> kit.Furnished:
    """The refrigerator of the kit beside the small hospital."""
    world.clock.now = kit.NOW
    with psycopg.connect(str(world.pool.conninfo)) as connection:
        make_partitions(connection, kit.NOW)
        connection.commit()
        return kit.furnish(connection)


def _page(browser: httpx.Client, path: str, status: int = 200) -> str:
    answer = browser.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status, (path, answer.text[:500])
    return answer.text


def test_the_wall_shows_each_place_by_value_trend_age_and_word(
    world: WORLD, made: kit.Furnished, text_of: TextOf
) -> None:
    viewer = world.signed_in("viewer")
    page = _page(viewer, "/on-call/wall")
    tile = text_of(page[page.index(f'id="tile-{made.device_key}"') :])
    assert "Tủ lạnh vắc-xin 1 5,0 °" in tile[:80]
    assert "Trong giới hạn" in tile
    assert 'class="trend falling"' in page
    assert "Chưa có nhiệt kế" in text_of(page)
    world.execute(
        "UPDATE incident SET closed_at = NULL, returned_at = NULL, acknowledged_at = NULL, acknowledged_by = NULL,"
        " acknowledged_channel = NULL, acknowledge_comment = NULL WHERE place_id = %s",
        kit.FRIDGE,
    )
    page = _page(viewer, "/on-call/wall")
    assert "Báo động 4242" in text_of(page)
    assert "4242" in re.findall('data-moment="([^"]*)"', page)[0].split()
    # A place without limits of its own is shown between those of its storage class.
    world.execute(
        "UPDATE place SET temperature_low_celsius = NULL, temperature_high_celsius = NULL,"
        " storage_class = 'refrigerator' WHERE place_id = %s",
        kit.FRIDGE,
    )
    assert "2…8°" in _page(viewer, "/on-call/wall").split(f'id="tile-{made.device_key}"')[1].split("</article>")[0]
    # A thermometer that measures every 5 minutes is not silent after 3, but after 15.
    world.clock.forward(minutes=9)
    assert f'id="tile-{made.device_key}" class="tile stop"' in _page(viewer, "/on-call/wall")
    world.execute("UPDATE incident SET closed_at = now(), returned_at = now()")
    world.clock.forward(minutes=10)
    assert f'id="tile-{made.device_key}" class="tile unknown old"' in _page(viewer, "/on-call/wall")


def test_the_place_page_has_chart_figures_table_and_files_for_any_time(
    world: WORLD, made: kit.Furnished, text_of: TextOf
) -> None:
    viewer = world.signed_in("viewer")
    page = _page(viewer, f"/on-call/places/{kit.FRIDGE}?span=7d")
    text = text_of(page)
    for words in ("10,6 °C", "Quá nóng, 10,6 °C", "Báo động 4242", "96,4 %", "Đến hạn hiệu chuẩn trong 90 ngày"):
        assert words in text, words
    wide = page[page.index('class="chart wide"') :]
    wide = wide[: wide.index("</svg>")]
    assert len(re.findall("<polyline", wide)) == 2  # before and after the gap
    assert len(re.findall('class="shade gap"', wide)) == 1
    assert len(re.findall('class="shade excursion"', wide)) == 1
    assert len(re.findall('class="limit"', wide)) == 2
    since, until = "2026-11-11T07:00", "2026-11-11T17:00"
    near = _page(viewer, f"/on-call/places/{kit.FRIDGE}?since={since}&until={until}")
    assert len(re.findall('<rect class="mark"', near)) == 2 * 2 + 1  # two openings in two drawings, and the legend
    assert "Cửa đã mở 2 lần" in text_of(near)
    # Earlier, nearer: links of the page itself work without scripts.
    for way in re.findall(r'<a href="(\?since=[^"]+)"', near):
        _page(viewer, f"/on-call/places/{kit.FRIDGE}{way.replace('&amp;', '&')}")
    for wrong in ("since=2026-11-11T07:00", "since=x&until=y", "since=2026-11-12T00:00&until=2026-11-11T00:00"):
        _page(viewer, f"/on-call/places/{kit.FRIDGE}?{wrong}", 422)
    _page(viewer, "/on-call/places/nowhere", 404)

    files = f"/on-call/records/places/{kit.FRIDGE}"
    kinds = {
        f"{files}/month.pdf?month=2026-11": "application/pdf",
        f"{files}/month.pdf?first=11/11/2026&last=15/11/2026": "application/pdf",
        f"/on-call/records/excursions/{made.excursion_id}.pdf": "application/pdf",
        f"{files}/readings.csv?span=7d": "text/csv; charset=utf-8",
        f"{files}/ds01.json?span=24h": "application/json",
        "/on-call/records/answers.csv?people=true": "text/csv; charset=utf-8",
    }
    for path, kind in kinds.items():
        answer = viewer.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), path
    assert viewer.get(f"{files}/month.pdf?month=2026-13").status_code == 422
    too_long = viewer.get(f"{files}/month.pdf?first=1/1/2026&last=31/12/2026", headers={"accept": "application/json"})
    assert "92" in too_long.json()["detail"]
    for path in ("/on-call/records", "/on-call/records/answers", "/on-call/records/mappings", "/on-call"):
        assert "Tủ lạnh vắc-xin 1" in text_of(_page(viewer, path)) or path.endswith("mappings"), path
    assert "hoa tin nhắn SMS" in text_of(_page(viewer, "/on-call/records/answers"))


def test_a_pharmacist_enters_a_certificate_with_its_file_and_nobody_else_does(
    world: WORLD, made: kit.Furnished, csrf_token: Token, text_of: TextOf
) -> None:
    pharmacist, watcher = world.signed_in("pharmacist"), world.signed_in("on_call")
    path = f"/on-call/records/sensors/{made.sensor_id}"
    form = {
        "csrf_token": csrf_token(pharmacist),
        "certificate_number": "KT3-77",
        "laboratory": "Trung tâm 3",
        "performed_on": "01/11/2026",
        "reference_1": "2,0",
        "indicated_1": "2,5",
        "uncertainty_1": "0,1",
        "reference_2": "8,0",
        "indicated_2": "8,5",
        "uncertainty_2": "0,1",
    }
    wrong = pharmacist.post(f"{path}/certificates", data={**form, "indicated_2": "20"})
    assert (wrong.status_code, "số hiệu chính" in text_of(wrong.text)) == (422, True)
    assert 'value="KT3-77"' in wrong.text  # what was typed is still there
    sent = pharmacist.post(f"{path}/certificates", data=form, files={"file": ("kt3.pdf", PDF, "application/pdf")})
    assert sent.status_code == 303, sent.text
    shown = text_of(_page(watcher, path))
    for words in ("KT3-77", "giá trị đến 31/10/2027", "\N{MINUS SIGN}0,50"):
        assert words in shown, words
    assert "Nhập giấy chứng nhận" not in shown
    made_id = world.rows("SELECT calibration_id FROM calibration WHERE certificate_number = 'KT3-77'")[0][0]
    assert watcher.get(f"/on-call/records/sensors/certificates/{made_id}.pdf").content == PDF
    refused = watcher.post(f"{path}/certificates", data={**form, "csrf_token": csrf_token(watcher)})
    assert refused.status_code == 403

    twin = {"csrf_token": form["csrf_token"], "serial_number": "28-0316A2799C3D", "maker": "maxim"}
    answer = pharmacist.post("/on-call/records/sensors", data=twin)
    assert (answer.status_code, "Tủ lạnh vắc-xin 1" in text_of(answer.text)) == (422, True)
    answer = pharmacist.post("/on-call/records/sensors", data={**twin, "shares_serial": "on"})
    assert answer.status_code == 303
    assert text_of(_page(watcher, "/on-call/records/sensors")).count("Trùng số sê-ri") == 2
    moved = {"csrf_token": form["csrf_token"], "device_key": world.rows("SELECT min(device_key) FROM device")[0][0]}
    assert pharmacist.post(f"{path}/connect", data=moved).status_code == 303
    assert pharmacist.post(f"{path}/disconnect", data=moved).status_code == 303
    withdrawn = {"csrf_token": form["csrf_token"], "reason": "nhầm"}
    base = "/on-call/records/sensors/certificates"
    assert pharmacist.post(f"{base}/{made_id}/withdraw", data=withdrawn).status_code == 303
    assert "đã hủy" in text_of(_page(watcher, path))


def test_a_mapping_is_entered_on_the_form_and_advises(
    world: WORLD, made: kit.Furnished, csrf_token: Token, text_of: TextOf
) -> None:
    pharmacist = world.signed_in("pharmacist")
    times = [kit.BEGAN + timedelta(hours=7, minutes=10 * step) for step in range(200)]
    csv = "\n".join(["time,temperature_celsius", *(f"{at.isoformat()},7.5" for at in times)]).encode()
    form = {
        "csrf_token": csrf_token(pharmacist),
        "place_id": kit.FRIDGE,
        "load": "full",
        "conditions": "mùa mưa",
        "began_at": "2026-11-11T07:00",
        "ended_at": "2026-11-12T08:00",
        "grid_columns": "2",
        "grid_rows": "1",
        "position_1": "trong",
        "column_1": "1",
        "row_1": "1",
        "level_1": "bottom",
        "device_1": str(made.device_key),
        "position_2": "cửa",
        "column_2": "2",
        "row_2": "1",
    }
    missing = pharmacist.post("/on-call/records/mappings", data=form)
    assert (missing.status_code, "“cửa”" in text_of(missing.text)) == (422, True)
    sent = pharmacist.post("/on-call/records/mappings", data=form, files={"file_2": ("a.csv", csv, "text/csv")})
    assert sent.status_code == 303, text_of(sent.text)
    text = text_of(_page(pharmacist, sent.headers["location"]))
    assert "Nên đặt nhiệt kế tại cửa , trong" in text
    assert pharmacist.get(sent.headers["location"] + "/report.pdf").content.startswith(b"%PDF-")
    assert "mùa mưa" in text


def test_programs_get_the_same_as_people(world: WORLD, made: kit.Furnished, csrf_token: Token) -> None:
    pharmacist = world.signed_in("pharmacist")
    base, token = "/api/v1/cold-chain", {"x-csrf-token": csrf_token(pharmacist)}
    figures = pharmacist.get(f"{base}/places/{kit.FRIDGE}/record?span=7d").json()
    (device,) = figures["devices"]
    assert (device["highest_celsius"], device["above_s"], figures["excursions"][0]["peak_celsius"]) == (
        10.6,
        10800,
        10.6,
    )
    assert pharmacist.get(f"{base}/export/ds01?place={kit.FRIDGE}").json()["data"][0]["AMID"] == kit.FRIDGE
    assert pharmacist.get(f"{base}/export/csv?place={kit.FRIDGE}").text.startswith("time,")
    (answer,) = pharmacist.get(f"{base}/answers?only_people=true").json()
    assert (answer["by_whom"], answer["channel"]) == ("hoa", "sms")
    new = pharmacist.post(f"{base}/sensors", json={"serial_number": "X-9", "maker": "Testo"}, headers=token)
    assert new.status_code == 201, new.text
    again = pharmacist.post(f"{base}/sensors", json={"serial_number": "x-9", "maker": "testo"}, headers=token)
    assert (again.status_code, again.json()["code"]) == (422, "serial_twice")
    given = {
        "certificate_number": "C-1",
        "laboratory": "L",
        "performed_on": "2026-11-01",
        "valid_until": "2027-10-31",
        "points": [{"reference_celsius": 5, "indicated_celsius": 5.1, "uncertainty_celsius": 0.1}],
    }
    path = f"{base}/sensors/{new.json()['id']}"
    made_id = pharmacist.post(f"{path}/certificates", json=given, headers=token).json()["id"]
    withdrawn = pharmacist.post(f"{base}/certificates/{made_id}/withdraw", json={"reason": "sai"}, headers=token)
    assert withdrawn.json()["withdrawn_reason"] == "sai"
    assert pharmacist.get(f"{path}/certificates").json()[0]["points"] == [[5.1, -0.1, 0.1]]
    assert pharmacist.get(f"{path}/stays").json() == []


@pytest.mark.browser
def test_dragging_over_the_chart_looks_closer_and_a_hundred_places_fit_one_screen(
    world: WORLD, made: kit.Furnished, chromium: Browser
) -> None:
    with psycopg.connect(str(world.pool.conninfo)) as connection:
        for number in range(96):
            kit.add_fridge(connection, f"many-{number}", f"m-{number}", f"Tủ thuốc khoa Nội tiết số {number}")
    person = world.signed_in("viewer")
    context = context_of(chromium, world, person, viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.goto(f"{world.address}/on-call/wall")
    expect(page.locator("article.tile")).to_have_count(100)
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    page.goto(f"{world.address}/on-call/places/{kit.FRIDGE}?span=7d")
    expect(page.locator(".script-only")).to_be_visible()
    frame = page.locator(".chart.wide .frame").bounding_box()
    assert frame is not None
    y = frame["y"] + frame["height"] / 2
    page.mouse.move(frame["x"] + frame["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 0.5, y, steps=3)
    page.mouse.up()
    page.wait_for_url("**/on-call/places/fridge-k?since=*")
    expect(page.locator("#chart")).to_have_attribute("data-since", re.compile("2026-11-14T2[23]"))
    context.close()
    assert made.device_key
