"""Incidents on a phone at night: what is shown, answered by one tap, without scripts; a page's link; the API."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import httpx

from gateway.alarms.kinds import KINDS
from tests.gateway.web.hospital import ALARM_ID, FRIDGE, INCIDENT_ID

WORLD = Any
TextOf = Callable[[str], str]
Token = Callable[[httpx.Client], str]
PAGE: Final = f"/on-call/incidents/{INCIDENT_ID}"
API: Final = f"/api/v1/incidents/{INCIDENT_ID}"


def _token_of_a_page(world: WORLD) -> str:
    world.execute("UPDATE page SET receipt_token = 'f00d', delivered_at = %s WHERE channel = 'log'", world.clock())
    return "f00d"


def test_the_page_says_what_where_since_when_what_to_do_whom_to_call_and_what_stands_there(
    world: WORLD, text_of: TextOf
) -> None:
    browser = world.signed_in("on_call")
    world.execute("INSERT INTO login_account (username, display_name, roles) VALUES ('chi', 'Lê Thị Chi', '{on_call}')")
    world.execute(
        "INSERT INTO pager_contact (contact_id, username, channel, address, rank, created_at)"
        " VALUES (%s, 'chi', 'phone', '+84901234567', 1, now())",
        uuid.uuid4(),
    )
    page = browser.get(PAGE).text
    shown = text_of(page)
    for part in (
        "Báo động Nghiêm trọng",
        "Tủ vắc-xin 1 Kho chính 10,2 °C quá nóng",
        "Giới hạn 8,0 °C",
        "Xa nhất 10,4 °C",
        "Từ lúc 09:17 13 phút",
        "Chưa rõ nguyên nhân",
        "Kiểm tra cửa và nguồn điện",
        "Lê Thị Chi",
        "Số sự cố 4711",
    ):
        assert part in shown, part
    assert 'href="tel:+84901234567"' in page
    assert page.count("<polyline") >= 1
    english = world.signed_in("viewer")
    english.post("/language", data={"language": "en", "next": "/"})
    seen = english.get(PAGE).text
    assert "Check door and power" in text_of(seen)
    assert "/acknowledge" not in seen, "a viewer answers nothing"
    assert browser.get(f"/on-call/incidents/{uuid.uuid4()}").status_code == 404


def test_stock_without_a_price_is_told_by_its_quantity_and_said_to_have_none(world: WORLD, text_of: TextOf) -> None:
    world.execute(
        "INSERT INTO stock_account (account_id, place_id) VALUES ('place:fridge-1', %s) ON CONFLICT DO NOTHING",
        FRIDGE,
    )
    world.execute(
        "UPDATE stock_balance SET account_id = 'place:fridge-1' WHERE account_id = (SELECT account_id FROM"
        " stock_balance WHERE quantity > 0 AND account_id LIKE 'place:%%' LIMIT 1)"
    )
    shown = text_of(world.signed_in("on_call").get(PAGE).text)
    assert "mặt hàng" in shown
    assert "chưa có giá trong danh mục" in shown
    world.execute("UPDATE product SET unit_cost_vnd = 1000")
    assert "₫" in text_of(world.signed_in("on_call").get(PAGE).text)


def test_one_tap_answers_and_without_a_word_nothing_is_answered(world: WORLD, csrf_token: Token) -> None:
    browser = world.signed_in("on_call")
    token = csrf_token(browser)
    empty = browser.post(f"{PAGE}/acknowledge", data={"csrf_token": token, "comment": "  "})
    assert empty.status_code == 422
    assert world.rows("SELECT acknowledged_at FROM incident") == [(None,)]
    answer = browser.post(f"{PAGE}/acknowledge", data={"csrf_token": token, "chip": "Đã đóng cửa tủ"})
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert world.rows("SELECT acknowledge_comment, acknowledged_channel FROM incident") == [("Đã đóng cửa tủ", "page")]
    assert world.rows("SELECT acknowledge_comment FROM alarm WHERE alarm_id = %s", ALARM_ID) == [("Đã đóng cửa tủ",)]
    outside = browser.post(
        f"{PAGE}/acknowledge", data={"csrf_token": token, "comment": "x", "then": "https://elsewhere.test"}
    )
    assert outside.headers["location"] == "/"


def test_shelving_passing_on_and_taking_out_of_service_from_the_page(
    world: WORLD, csrf_token: Token, text_of: TextOf
) -> None:
    browser = world.signed_in("on_call")
    token = {"csrf_token": csrf_token(browser)}
    refused = browser.post(f"{PAGE}/escalate", data=token, headers={"accept": "text/html"})
    assert (refused.status_code, "Hiện không ai đang được gọi" in text_of(refused.text)) == (409, True)
    world.execute(
        "INSERT INTO pager_run (run_id, incident_id, occasion_kind, severity, started_at, next_step_at, step)"
        " VALUES (%s, %s, 'raised', 'critical', now(), now() + interval '5 minutes', 1)",
        *(uuid.uuid4(), INCIDENT_ID),
    )
    assert browser.post(f"{PAGE}/escalate", data=token).status_code == 303
    assert world.rows("SELECT escalated_by <> '' FROM pager_run") == [(True,)]
    for minutes, reason, status in (("60", " ", 422), ("20000", "rã đông", 422), ("600", "rã đông", 422)):
        answer = browser.post(f"{PAGE}/shelve", data={**token, "minutes": minutes, "reason": reason})
        assert answer.status_code == status
    assert browser.post(f"{PAGE}/shelve", data={**token, "minutes": "60", "reason": "rã đông"}).status_code == 303
    shown = text_of(browser.get(PAGE).text)
    assert "Tạm gác" in shown
    assert "đến 10:30" in shown
    assert "Thôi tạm gác ngay" in shown
    assert browser.post(f"{PAGE}/unshelve", data=token).status_code == 303
    assert browser.post(f"{PAGE}/out-of-service", data={**token, "hours": "24", "reason": "sửa máy"}).status_code == 303
    assert "Ngừng theo dõi tạm thời" in text_of(browser.get("/on-call/incidents").text)
    assert browser.post(f"{PAGE}/in-service", data=token).status_code == 303
    assert world.rows("SELECT silence_kind FROM incident") == [(None,)]
    journal = text_of(browser.get(PAGE).text)
    for word in ("Chuyển cho người kế tiếp", "Tạm gác", "Hết tạm tắt", "Đã báo động (lặp lại)"):
        assert word in journal


def test_a_pages_link_opens_its_incident_for_a_while_and_proves_that_it_was_received(
    world: WORLD, text_of: TextOf
) -> None:
    token = _token_of_a_page(world)
    stranger = world.browser()
    first = stranger.get(f"/i/4711?r={token}", headers={"accept": "text/html"})
    assert first.status_code == 200
    assert "10,2 °C" in text_of(first.text)
    assert "/acknowledge" not in first.text
    assert world.rows("SELECT read_at IS NOT NULL FROM page WHERE receipt_token = %s", token) == [(True,)]
    world.clock.forward(minutes=16)
    late = stranger.get(f"/i/4711?r={token}", headers={"accept": "text/html"})
    assert (late.status_code, late.headers["location"]) == (303, f"/sign-in?next=%2Fi%2F4711%3Fr%3D{token}")
    for path in ("/i/4711", "/i/4711?r=wrong", "/i/9999?r="):
        assert stranger.get(path).headers["location"].startswith("/sign-in?next=")
    known = world.signed_in("on_call")
    assert known.get(f"/i/4711?r={token}").headers["location"] == PAGE
    assert known.get("/i/4711").headers["location"] == PAGE
    assert known.get("/i/9999").headers["location"] == "/on-call/incidents"


def test_a_link_that_nobody_opened_in_a_day_shows_nothing(world: WORLD) -> None:
    token = _token_of_a_page(world)
    world.clock.forward(days=1, minutes=1)
    assert world.browser().get(f"/i/4711?r={token}").status_code == 303


def test_the_list_shows_what_is_open_before_what_is_over(world: WORLD, text_of: TextOf) -> None:
    browser = world.signed_in("viewer")
    assert "Sự cố đang mở 1 Tủ vắc-xin 1 quá nóng" in text_of(browser.get("/on-call/incidents").text)
    world.execute("UPDATE incident SET returned_at = now(), closed_at = now()")
    assert "Không có báo động. Mọi thứ đều ổn." in text_of(browser.get("/on-call/incidents").text)


def test_programs_read_and_answer_incidents(world: WORLD, csrf_token: Token) -> None:
    browser = world.signed_in("on_call")
    headers = {"x-csrf-token": csrf_token(browser)}
    listed = browser.get("/api/v1/incidents?only_open=true").json()
    assert [(each["incident_number"], each["kind"], each["value_celsius"]) for each in listed] == [
        (4711, "temperature_high", 10.2)
    ]
    assert browser.get("/api/v1/incidents?place_id=ward").json() == []
    detail = browser.get(API).json()
    assert (detail["state"], detail["incident"]["alarms"][0]["kind"]) == ("active_unacknowledged", "temperature_high")
    assert browser.post(f"{API}/acknowledge", json={"comment": ""}, headers=headers).json()["code"] == "comment_missing"
    answered = browser.post(f"{API}/acknowledge", json={"comment": "đang tới"}, headers=headers).json()
    assert (answered["state"], answered["journal"][-1]["channel"]) == ("active_acknowledged", "api")
    shelved = browser.post(f"{API}/shelve", json={"minutes": 30, "reason": "rã đông"}, headers=headers).json()
    assert shelved["state"] == "shelved"
    assert browser.post(f"{API}/unshelve", headers=headers).json()["state"] == "active_unacknowledged"
    assert browser.post(f"{API}/escalate", headers=headers).status_code == 200
    until = (world.clock() + timedelta(hours=2)).isoformat()
    taken = browser.post(
        "/api/v1/out-of-service", json={"subject": "place:fridge-2", "until": until, "reason": "sửa"}, headers=headers
    ).json()
    assert [(each["subject"], each["name_vi"]) for each in taken] == [("place:fridge-2", "Tủ insulin 2")]
    assert browser.post("/api/v1/out-of-service/place:fridge-2/end", headers=headers).json() == []
    missing = browser.get(f"/api/v1/incidents/{uuid.uuid4()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_figures_are_changed_by_a_pharmacist_within_bounds_and_audited(world: WORLD, csrf_token: Token) -> None:
    path = "/api/v1/condition-limits/door_open/open_for_s"
    body = {"scope": "place:fridge-1", "value": 300, "source": "khoa Dược, 22/11/2026"}
    caller = world.signed_in("on_call")
    assert caller.put(path, json=body, headers={"x-csrf-token": csrf_token(caller)}).status_code == 403
    keeper = world.signed_in("pharmacist")
    headers = {"x-csrf-token": csrf_token(keeper)}
    figures = keeper.put(path, json=body, headers=headers).json()
    door = next(each for each in figures if each["name"] == "open_for_s")
    assert (door["value"], door["changed"]) == (180, {"place:fridge-1": 300})
    assert keeper.put(path, json={**body, "value": 10**6}, headers=headers).json()["code"] == "limit_range"
    assert keeper.put(path.replace("open_for_s", "x"), json=body, headers=headers).json()["code"] == "limit_unknown"
    gone = keeper.put(path, json={**body, "value": None}, headers=headers).json()
    assert next(each for each in gone if each["name"] == "open_for_s")["changed"] == {}
    assert world.rows("SELECT count(*) FROM audit WHERE action = 'condition_limit_changed'") == [(2,)]


def test_every_kind_of_incident_has_a_page_in_both_languages(world: WORLD, text_of: TextOf) -> None:
    facts = {
        "agent_silent": {"devices": ["t-1", "t-2"], "places": ["fridge-1"]},
        "calibration_due": {"stage": "due", "valid_until": "2026-11-22", "certificate": "1", "laboratory": "QUATEST"},
        "sensor_implausible": {"why": "stuck", "doubted_celsius": 4.5},
        "rate_of_rise": {"celsius_per_hour": 5.5, "reaches_in_s": 900, "limit_celsius": 8.0},
        "battery_low": {"percent": 12.0},
    }
    world.execute("UPDATE incident SET place_id = NULL, scope = 'x', cause = 'network'")
    browser = world.signed_in("on_call")
    for kind in KINDS:
        world.execute(
            "UPDATE alarm SET condition = %s, facts = %s, limit_celsius = NULL, peak_celsius = NULL,"
            " last_celsius = NULL, place_id = NULL",
            *(kind, json.dumps(facts.get(kind, {}))),
        )
        for language in ("vi", "en"):
            browser.post("/language", data={"language": language, "next": "/"})
            for path in (PAGE, "/on-call"):
                answer = browser.get(path)
                assert answer.status_code == 200, (kind, path, text_of(answer.text)[:300])
    assert browser.get("/on-call/incidents").status_code == 200
