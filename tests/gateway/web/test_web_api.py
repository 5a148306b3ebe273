"""The JSON API: typed answers, clear problems, acknowledging an alarm once."""

import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import httpx
import psycopg
import pytest

from gateway.pages.translations import read_catalogues

WORLD = Any
Token = Callable[[httpx.Client], str]
ALARM: Final = "/api/v1/alarms/00000000-0000-4000-8000-00000000a1a1/acknowledge"


def test_acknowledging_needs_a_comment_and_says_who_did_it(world: WORLD, csrf_token: Token) -> None:
    browser = world.signed_in("on_call")
    headers = {"x-csrf-token": csrf_token(browser)}
    for body in ({}, {"comment": ""}, {"comment": "   "}, {"comment": "x" * 1001}, {"comment": None}):
        assert browser.post(ALARM, json=body, headers=headers).status_code == 422
    assert world.rows("SELECT acknowledged_at FROM alarm") == [(None,)]
    answer = browser.post(ALARM, json={"comment": " cửa tủ mở, đã đóng "}, headers=headers)
    assert answer.status_code == 200
    body = answer.json()
    assert body["acknowledge_comment"] == "cửa tủ mở, đã đóng"
    assert body["acknowledged_by"] == browser.get("/api/v1/session").json()["username"]
    assert world.rows("SELECT action, object FROM audit WHERE action LIKE 'alarm%%'") == [
        ("alarm_acknowledged", "00000000-0000-4000-8000-00000000a1a1")
    ]


def test_acknowledging_twice_keeps_the_first_and_is_no_error(world: WORLD, csrf_token: Token) -> None:
    first, second = world.signed_in("on_call"), world.signed_in("pharmacist")
    for browser, comment in ((first, "first"), (second, "second"), (first, "first")):
        answer = browser.post(ALARM, json={"comment": comment}, headers={"x-csrf-token": csrf_token(browser)})
        assert (answer.status_code, answer.json()["acknowledge_comment"]) == (200, "first")
    assert world.rows("SELECT count(*) FROM audit WHERE action = 'alarm_acknowledged'") == [(1,)]
    assert world.rows("SELECT count(*) FROM live_event WHERE kind = 'alarm'") == [(1,)]


def test_an_alarm_that_does_not_exist_is_not_found(world: WORLD, csrf_token: Token) -> None:
    browser = world.signed_in("on_call")
    path = f"/api/v1/alarms/{uuid.uuid4()}/acknowledge"
    answer = browser.post(path, json={"comment": "x"}, headers={"x-csrf-token": csrf_token(browser)})
    assert (answer.status_code, answer.json()["detail"]) == (404, "Không có báo động này.")


def test_a_problem_is_rfc_9457_in_the_readers_language(world: WORLD) -> None:
    browser = world.browser()
    browser.cookies.set("medtap_language", "en")
    answer = browser.get("/api/v1/alarms")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:medtap:problem:not_signed_in",
        "title": "Please sign in",
        "status": 401,
        "detail": "Nobody is signed in here, or the session has ended. Sign in and try again.",
        "instance": "/api/v1/alarms",
        "code": "not_signed_in",
        "errors": [],
        "values": {},
    }
    browser.cookies.clear()
    assert browser.get("/api/v1/alarms").json()["title"] == read_catalogues()["vi"].text("Please sign in")


def test_a_wrong_parameter_is_named_without_its_value(world: WORLD) -> None:
    browser = world.signed_in("on_call")
    for query, named in (
        ("limit=0", "query.limit"),
        ("since=yesterday", "query.since"),
        ("device_key=-1", "query.device_key"),
    ):
        answer = browser.get(f"/api/v1/readings?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0].startswith(f"{named}: ")
    secret = browser.post("/sign-in", data={"username": "lan", "password": "geheim" * 100})
    assert secret.status_code == 422
    assert "geheim" not in secret.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/nothing", "/static/nothing.js"])
def test_an_address_that_does_not_exist_is_said_clearly(world: WORLD, path: str) -> None:
    assert world.browser().get(path).json()["code"] == "not_found"
    page = world.browser().get(path, headers={"accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 404
    assert ("Không tìm thấy" in page.text) or path.startswith("/api")


def test_a_request_of_the_wrong_kind_is_refused(world: WORLD) -> None:
    answer = world.browser().delete("/api/v1/health")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_health_is_public_and_says_when_ingest_last_committed(world: WORLD) -> None:
    answer = world.browser().get("/api/v1/health")
    assert (answer.status_code, answer.json()) == (
        200,
        {"database": "ok", "last_ingest_at": "2026-11-22T02:30:00Z"},
    )


def test_health_says_that_the_database_is_down(world: WORLD, monkeypatch: pytest.MonkeyPatch) -> None:
    _take_database_away(world, monkeypatch)
    answer = world.browser().get("/api/v1/health")
    assert (answer.status_code, answer.json()) == (503, {"database": "down", "last_ingest_at": None})


def test_a_page_without_its_database_says_what_is_safe_meanwhile(world: WORLD, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = world.signed_in("clerk")
    _take_database_away(world, monkeypatch)
    answer = browser.get("/desk", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "vẫn được lưu an toàn tại các nút biên" in answer.text
    assert browser.get("/api/v1/session").json()["code"] == "database_down"


def _take_database_away(world: WORLD, monkeypatch: pytest.MonkeyPatch) -> None:
    def connection(*_arguments: Any, **_named: Any) -> Any:  # noqa: ANN401 - stands for the pool's own
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(world.pool, "connection", connection)


def test_the_rows_of_each_list_are_as_the_database_has_them(world: WORLD) -> None:
    browser = world.signed_in("admin", "pharmacist", "clerk", "on_call")

    def got(path: str) -> Any:  # noqa: ANN401 - JSON
        answer = browser.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert [visit["queue_number"] for visit in got("visits")] == [4, 3, 2, 1]
    assert got("visits?date=2026-11-21") == []
    assert [tap["outcome"] for tap in got("taps?limit=2")] == ["checked_in", "already_checked_in"]
    assert "patient" not in got("taps")[0]
    assert [scan["outcome"] for scan in got("scans?limit=2")] == ["received", "issued"]
    assert [movement["kind"] for movement in got("movements")] == ["receive", "issue"]
    assert [(line["lot"], line["quantity"]) for line in got("stock")] == [("A19B", 36), ("A24X", 1188), ("MR0925", 140)]
    assert {tag["gtin"] for tag in got("tags")} == {"80614141123458", None}
    assert [case["code"] for case in got("discrepancies")] == ["not_in_books"]
    assert {place["place_id"] for place in got("places")} == {"fridge-1", "fridge-2", "freezer-1"}
    assert [alarm["condition"] for alarm in got("alarms?only_open=true")] == ["temperature_high"]
    assert [page["channel"] for page in got("alarms/00000000-0000-4000-8000-00000000a1a1/pages")] == ["log", "webhook"]
    assert [node["state"] for node in got("edge-nodes")] == ["down", "up"]
    assert len(got("devices")) == 6
    assert [letter["code"] for letter in got("dead-letters")] == ["bad_row"]
    newest = got("readings?device_key=2&limit=2")
    assert [row["device_key"] for row in newest] == [2, 2]
    assert newest[0]["occurred_at"] > newest[1]["occurred_at"]


def test_the_summary_counts_what_is_stored(world: WORLD) -> None:
    assert world.signed_in("viewer").get("/api/v1/live-summary").json() == {
        "readings_stored": world.rows("SELECT count(*) FROM reading")[0][0],
        "events_stored": 0,
        "taps": world.rows("SELECT count(*) FROM tap")[0][0],
        "check_ins": 4,
        "scans": 8,
        "movements": 2,
        "alarms": 1,
        "pages_sent": 1,
        "dead_letters": 1,
    }


def test_the_open_api_document_describes_every_route_of_the_api(world: WORLD) -> None:
    document = world.browser().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) >= 18
    for path, methods in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in methods.items():
            assert operation["tags"], (method, path)
            assert operation["summary"], (method, path)
            answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            assert answers, (method, path)
            for answer in answers:
                for media_type, content in answer.get("content", {}).items():
                    if media_type == "application/json":
                        assert re.search(r"\$ref", str(content["schema"])), (method, path)
    refused = document["paths"]["/api/v1/alarms"]["get"]["responses"]["403"]
    assert "application/problem+json" in refused["content"]
