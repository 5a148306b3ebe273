"""The cold chain's pages: what a pack went through, rules with a preview, loggers' reports, goods judged by two."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.cold_chain import climate_keeper
from gateway.db.rollups import refresh_dirty
from gateway.stock import books
from gateway.stock.lines import Doing, Goods, Line

WORLD = Any
TextOf = Callable[[str], str]
GTIN = "08935234500007"
PACK = f"/packs/{GTIN}/S1"


@pytest.fixture
def fridge(world: WORLD) -> str:
    """A fridge with vaccine in it: two days every 5 minutes, two hours of them at 11 degrees, and the excursion."""
    now: datetime = world.clock()
    place_id, device_key = world.rows(
        "SELECT p.place_id, d.device_key FROM place p JOIN device d USING (place_id)"
        " WHERE temperature_high_celsius IS NOT NULL ORDER BY 1 LIMIT 1"
    )[0]
    world.execute("DELETE FROM reading WHERE device_key = %s", device_key)
    with world.pool.connection() as connection:
        connection.execute(
            "INSERT INTO reading (occurred_at, device_key, temperature_celsius, received_at, epoch_key, seq, boot_key,"
            " monotonic_ns) SELECT t, %(key)s, CASE WHEN n BETWEEN 300 AND 323 THEN 11.0 ELSE 4.5 + (n %% 7) * 0.2 END,"
            " t, 1, n, 1, n FROM (SELECT n, %(since)s::timestamptz + n * interval '5 minutes' AS t"
            " FROM generate_series(0, 576) n) s",
            {"key": device_key, "since": now - timedelta(days=2)},
        )
        connection.execute(
            "INSERT INTO reading_dirty SELECT DISTINCT date_bin('10 minutes', occurred_at, '2000-01-01 00:00+00')"
            " FROM reading"
        )
        refresh_dirty(connection)
        connection.execute("INSERT INTO rule_watch VALUES (%s, 'temperature_high', '{}', '{}', %s)", (device_key, now))
        climate_keeper.project(connection, device_key)
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, storage_class,"
        " stability_minutes, stability_source) VALUES ('VAC', 'Vắc-xin sởi', 'Measles vaccine', 'liều', 'dose',"
        " 'refrigerator', 480, 'nhà sản xuất')"
    )
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, 'VAC', 10)", GTIN)
    came = now - timedelta(days=1, hours=20)
    what = Goods("VAC", "L7", (now + timedelta(days=300)).date(), 10, GTIN, "S1")
    loose = Goods("VAC", "L7", (now + timedelta(days=300)).date(), 50)
    with world.pool.connection() as connection:
        books.place_account(connection, place_id)
        doing = Doing(occurred_at=came, received_at=came, client="web", person="lan", scan_text="x")
        lines = [Line(uuid.uuid4(), "receive", each, "supplier", f"place:{place_id}") for each in (what, loose)]
        books.book(connection, doing, lines)
    began = now - timedelta(days=2) + timedelta(minutes=1500)
    world.execute(
        "INSERT INTO excursion (excursion_id, device_key, place_id, rule_name, rule, started_at, triggered_at,"
        " ended_at, outside_s, shortest_s, longest_s, peak_celsius, interval_s) VALUES (%s, %s, %s,"
        " 'temperature_high', %s, %s, %s, %s, 7200, 6900, 7500, 11, 300)",
        *(uuid.uuid4(), device_key, place_id),
        '{"name": "temperature_high", "side": "high", "threshold": 8.0, "minutes": 10, "severity": "critical"}',
        *(began, began + timedelta(minutes=10), began + timedelta(hours=2)),
    )
    return str(place_id)


def hold(world: WORLD, place_id: str) -> uuid.UUID:
    """The lot in the fridge, as the excursion did."""
    (excursion_id,) = world.rows("SELECT excursion_id FROM excursion")[0]
    hold_id = uuid.uuid4()
    world.execute(
        "INSERT INTO stock_hold (hold_id, kind, product_id, lot, account_id, reason, reason_code, placed_by, placed_at)"
        " VALUES (%s, 'on_hold', 'VAC', 'L7', %s, 'nóng', 'hold_cold_chain', 'cold chain', now())",
        *(hold_id, f"place:{place_id}"),
    )
    world.execute(
        "INSERT INTO excursion_stock (excursion_id, product_id, lot, account_id, quantity, found_at, hold_id)"
        " VALUES (%s, 'VAC', 'L7', %s, 60, now(), %s)",
        *(excursion_id, f"place:{place_id}", hold_id),
    )
    return uuid.UUID(str(excursion_id))


def send(browser: httpx.Client, token: str, address: str, **fields: str) -> httpx.Response:
    """Post a form."""
    return browser.post(address, data={"csrf_token": token, **fields})


def test_a_scanned_pack_shows_where_it_was_and_what_that_did(world: WORLD, fridge: str, text_of: TextOf) -> None:
    del fridge
    pharmacist = world.signed_in("pharmacist")
    found = pharmacist.get("/packs", params={"code": f"(01){GTIN}(10)L7(21)S1"})
    assert (found.status_code, found.headers["location"]) == (303, PACK)
    page = pharmacist.get(PACK)
    text = text_of(page.text)
    for words in (
        "Vắc-xin sởi",
        "Phút trên giới hạn 120",
        "Phút còn lại theo mức nhà sản xuất cho phép 360",
        "Quá nóng",
    ):
        assert words in text, words
    assert "<svg" in page.text
    assert "Giải tỏa" in text
    whole = text_of(pharmacist.get("/packs/lot?product_id=VAC&lot=L7").text)
    assert "Thuốc đang ở đâu" in whole
    for address in (
        f"/api/v1/cold-chain{PACK}/history.pdf",
        "/api/v1/cold-chain/lots/history.pdf?product_id=VAC&lot=L7",
    ):
        paper = pharmacist.get(address)
        assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
    told = pharmacist.get(f"/api/v1/cold-chain{PACK}").json()
    assert (told["total"]["minutes_above"], told["advice"]) == (120, "release")
    assert pharmacist.get(f"/packs/{GTIN}/S9").status_code == 404
    unread = pharmacist.get("/packs", params={"code": "abc"})
    assert unread.status_code == 422
    assert world.signed_in("clerk").get(PACK).status_code == 403


def test_a_rule_is_tried_before_it_is_set_and_who_set_it_stays(
    world: WORLD, fridge: str, text_of: TextOf, csrf_token: Callable[[httpx.Client], str]
) -> None:
    admin = world.signed_in("admin", "pharmacist")
    token = csrf_token(admin)
    rule = {"place_id": fridge, "name": "temperature_high", "side": "high", "threshold": "9,5", "minutes": "60"}
    rule |= {"severity": "critical", "holds_stock": "yes"}
    tried = send(admin, token, "/on-call/rules", **rule, act="preview")
    text = text_of(tried.text.partition('id="tried"')[2])
    assert tried.status_code == 200
    assert "1 1 120" in text
    assert send(admin, token, "/on-call/rules", **rule, act="set").status_code == 422, "no reason"
    assert send(admin, token, "/on-call/rules", **rule | {"minutes": "x"}, act="set", why="w").status_code == 422
    saved = send(admin, token, "/on-call/rules", **rule, act="set", why="tủ có quạt")
    assert saved.status_code == 303
    text = text_of(admin.get(saved.headers["location"]).text)
    for words in ("&gt; 9,5", "đã đổi cho nơi này", "tủ có quạt"):
        assert words in text, words
    viewer = world.signed_in("viewer")
    assert viewer.get("/on-call/rules").status_code == 200
    assert send(viewer, csrf_token(viewer), "/on-call/rules", **rule, act="set", why="w").status_code == 403
    changes = admin.get("/api/v1/cold-chain/rules/changes").json()
    assert [(each["rule_name"], each["after"]["threshold"]) for each in changes] == [("temperature_high", 9.5)]
    assert any(each["rule"]["threshold"] == 9.5 for each in admin.get("/api/v1/cold-chain/rules").json())


def test_a_loggers_report_is_brought_and_says_what_it_is_worth(
    world: WORLD, fridge: str, text_of: TextOf, csrf_token: Callable[[httpx.Client], str]
) -> None:
    pharmacist = world.signed_in("pharmacist")
    token = csrf_token(pharmacist)
    rows = "".join(f"2026-11-21T{hour:02}:00:00+07:00,5.0\n" for hour in range(24))
    for raw, words in ((f"time,temperature_celsius\n{rows}", "Được tính"), ("Device: Q-tag\n Serial:", "Bị cắt")):
        done = pharmacist.post(
            "/on-call/loggers",
            data={"csrf_token": token, "place_id": fridge},
            files={"file": ("bao-cao.csv", raw.encode())},
        )
        assert done.status_code == 303, done.text[:300]
        page = pharmacist.get(done.headers["location"])
        assert words in text_of(page.text)
    listed = text_of(pharmacist.get("/on-call/loggers").text)
    assert "bao-cao.csv" in listed
    nowhere = pharmacist.post("/on-call/loggers", data={"csrf_token": token}, files={"file": ("a.csv", b"x")})
    assert nowhere.status_code == 422
    (line,) = [each for each in pharmacist.get("/api/v1/cold-chain/logger-reports").json() if each["readings"]]
    raw_file = pharmacist.get(f"/api/v1/cold-chain/logger-reports/{line['report_id']}/file")
    assert raw_file.content == f"time,temperature_celsius\n{rows}".encode()


def test_one_proposes_for_each_line_another_confirms_and_the_minutes_name_both(
    world: WORLD, fridge: str, text_of: TextOf, csrf_token: Callable[[httpx.Client], str]
) -> None:
    excursion_id = hold(world, fridge)
    address = f"/on-call/excursions/{excursion_id}/assess"
    first, second = world.signed_in("pharmacist"), world.signed_in("pharmacist")
    text = text_of(first.get(address).text)
    for words in ("Vắc-xin sởi", "60 liều", "120 / 0 / 0", "360"):
        assert words in text, words
    token = csrf_token(first)
    empty = send(first, token, address, assessment_id=str(uuid.uuid4()), reason="x")
    assert "Chưa quyết định gì" in text_of(empty.text)
    proposed = send(first, token, address, assessment_id=str(uuid.uuid4()), reason="quá mức", all="destroy")
    assert proposed.status_code == 303
    (made,) = world.rows("SELECT assessment_id FROM excursion_assessment")[0]
    alone = send(first, token, f"{address}/{made}/confirm")
    assert alone.status_code == 422
    assert first.get(f"/api/v1/cold-chain/assessments/{made}/minutes.pdf").status_code == 422
    done = send(second, csrf_token(second), f"{address}/{made}/confirm")
    assert done.status_code == 303
    paper = second.get(f"/api/v1/cold-chain/assessments/{made}/minutes.pdf")
    assert paper.content[:5] == b"%PDF-"
    assert world.rows("SELECT sum(quantity)::int FROM movement WHERE kind = 'waste'") == [(60,)]
    assert "Đã xong" in text_of(second.get(address).text)
