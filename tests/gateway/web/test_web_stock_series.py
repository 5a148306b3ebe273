"""The stock pages: what lies where and in what state, a product over time, expiry risk, what is not used; and files."""

import csv
import io
import re
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

import httpx
import psycopg
import pytest

from gateway.pages.stock_overview_chart import draw_steps
from gateway.stock import books
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.series import DayChange, Series
from inventory.movement import MovementKind

WORLD = Any
TextOf = Callable[[str], str]
TODAY: Final = date(2026, 11, 22)
MED: Final = "MED/01"


def _move(world: WORLD, days_ago: int, kind: MovementKind, quantity: int, *way: str, lot: str = "A1") -> None:
    at: datetime = world.clock() - timedelta(days=days_ago)
    expiry = {"A1": TODAY + timedelta(days=20), "OLD": TODAY - timedelta(days=3)}.get(lot)
    with psycopg.connect(str(world.pool.conninfo)) as connection:
        doing = Doing(occurred_at=at, received_at=at, client="web", person="lan", scan_text="x")
        books.book(connection, doing, [Line(uuid.uuid4(), kind, Goods(MED, lot, expiry, quantity), way[0], way[1])])


@pytest.fixture
def stocked(world: WORLD) -> WORLD:
    """A medicine that came 100 days ago, of which little is used, and whose lot expires in three weeks."""
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, unit_cost_vnd) VALUES"
        " (%s, 'Thuốc thử 10 mg', 'Trial 10 mg', 'viên', 'tablet', 1500)",
        MED,
    )
    world.execute("INSERT INTO place (place_id, kind, name_vi, name_en) VALUES ('ward-1', 'ward', 'Khoa Nội', 'Ward')")
    with psycopg.connect(str(world.pool.conninfo)) as connection:
        for place in ("main-store", "ward-1"):
            books.place_account(connection, place)
    store = "place:main-store"
    _move(world, 100, "receive", 1000, "supplier", store)
    _move(world, 100, "receive", 40, "supplier", store, lot="OLD")
    _move(world, 60, "issue", 81, store, "place:ward-1")
    _move(world, 10, "dispense", 10, store, "dispensed")
    return world


def test_the_overview_says_the_state_of_each_product_and_what_it_is_worth(stocked: WORLD, text_of: TextOf) -> None:
    browser = stocked.signed_in("pharmacist")
    page = text_of(browser.get("/stock", params={"q": "thuoc thu"}).text)
    assert "Thuốc thử 10 mg" in page
    for shown in ("909 viên", "và 40 đã hết hạn", "Có hàng hết hạn", "Sắp hết hạn", "1,0", "909 ngày", "1.423.500"):
        assert shown in page, shown
    assert "autofocus" in browser.get("/stock").text
    for state, there in (("expired", True), ("soon", True), ("fine", False), ("still", False), ("made-up", True)):
        shown = text_of(browser.get("/stock", params={"q": "med/01", "state": state}).text)
        assert ("909 viên" in shown) is there, state
    assert "Không có thuốc nào phù hợp" in text_of(browser.get("/stock", params={"place": "shelf-1", "q": "thử"}).text)
    assert browser.get("/stock", params={"place": "nowhere"}).status_code == 404


def test_a_product_is_drawn_over_time_with_its_consumption_and_its_card(stocked: WORLD, text_of: TextOf) -> None:
    browser = stocked.signed_in("viewer")
    answer = browser.get("/stock/products/MED%2F01", params={"days": 120})
    page = text_of(answer.text)
    assert 'class="line" points="' in answer.text
    assert "Tồn kho từ 26/07/2026 (0) đến 22/11/2026 (949)" in answer.text
    assert "Phiếu cấp phát: đã cấp phát" in page
    assert re.search(r"01/09/2026 81 0 81", page)
    assert re.search(r"01/11/2026 0 10 10", page)
    assert browser.get("/stock/products/none").status_code == 404


def test_expiry_risk_and_slow_movers_are_told_in_units_and_money(stocked: WORLD, text_of: TextOf) -> None:
    browser = stocked.signed_in("pharmacist")
    risk = text_of(browser.get("/stock/expiry-risk").text)
    # One a day for the twenty-one days that are left: 909 - 21.
    assert "888 viên" in risk
    assert "1.332.000" in risk
    assert "OLD" in risk
    assert "Thuốc thử" not in text_of(browser.get("/stock/slow-movers").text)
    stocked.clock.forward(days=30)
    slow = text_of(browser_after(stocked).get("/stock/slow-movers", params={"days": 30}).text)
    assert "949 viên" in slow
    assert "12/11/2026" in slow


def browser_after(world: WORLD) -> httpx.Client:
    """Sessions have ended meanwhile: sign in anew."""
    browser: httpx.Client = world.signed_in("pharmacist")
    return browser


def test_the_store_card_prints_and_every_list_is_exported(stocked: WORLD) -> None:
    browser = stocked.signed_in("pharmacist")
    query = {"product_id": MED, "place": "main-store", "first": "2026-08-01", "last": "2026-11-22"}
    pdf = browser.get("/stock/files/store-card.pdf", params=query)
    assert (pdf.status_code, pdf.headers["content-type"], pdf.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert "the-kho-MED-01-20261122.pdf" in pdf.headers["content-disposition"]
    assert _rows(browser, "store-card", query)[1:] == [
        ["", "Tồn đầu kỳ", "", "2026-08-01", "", "", "", "0"],
        ["", "Phiếu nhập kho: nhà cung cấp", "A1", "2026-08-14", "2026-12-12", "1000", "0", "1000"],
        ["", "Phiếu nhập kho: nhà cung cấp", "OLD", "2026-08-14", "2026-11-19", "40", "0", "1040"],
        ["", "Xuất cấp phát: Khoa Nội", "A1", "2026-09-23", "2026-12-12", "0", "81", "959"],
        ["", "Phiếu cấp phát: đã cấp phát", "A1", "2026-11-12", "2026-12-12", "0", "10", "949"],
    ]
    assert [row[n] for row in _rows(browser, "overview") for n in (0, 4, 5) if row[0] == MED] == [MED, "909", "40"]
    assert sum(row[0] == MED for row in _rows(browser, "expiry-risk")) == 2
    assert _rows(browser, "slow-movers")[0][0] == "Mã"
    assert _rows(browser, "consumption", {"product_id": MED, "period": "month"})[1:] == [
        ["2026-09-01", "81", "0", "81"],
        ["2026-11-01", "0", "10", "10"],
    ]
    assert browser.get("/stock/files/store-card.pdf", params={"product_id": "none"}).status_code == 404


def _rows(browser: httpx.Client, name: str, query: dict[str, str] | None = None) -> list[list[str]]:
    answer = browser.get(f"/stock/files/{name}.csv", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith("\ufeff".encode())
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    return [[re.sub(r'\A="(.*)"\Z', r"\1", cell) for cell in row] for row in rows]


def test_the_api_tells_past_moments_series_and_what_follows_from_them(stocked: WORLD) -> None:
    browser = stocked.signed_in("viewer")
    ask = {"product_id": MED}
    then = browser.get("/api/v1/stock/at", params=ask | {"moment": "2026-09-23T09:29:00+07:00"}).json()
    assert [(row["lot"], row["quantity"]) for row in then] == [("A1", 1000), ("OLD", 40)]
    after = browser.get("/api/v1/stock/at", params=ask | {"moment": "2026-09-23T09:31:00+07:00", "lot": "A1"}).json()
    assert [row["quantity"] for row in after] == [919]
    series = browser.get("/api/v1/stock/series", params=ask | {"first": "2026-08-01"}).json()
    assert (series["opening"], series["closing"], len(series["changes"])) == (0, 949, 3)
    card = browser.get("/api/v1/stock/card", params=ask).json()
    assert (card["opening"], [line["units_out"] for line in card["lines"]]) == (1040, [81, 10])
    used = browser.get("/api/v1/stock/consumption", params=ask | {"period": "week"}).json()
    assert [(row["to_wards"], row["to_patients"]) for row in used] == [(81, 0), (0, 10)]
    (line,) = [row for row in browser.get("/api/v1/stock/supply").json() if row["product_id"] == MED]
    assert (line["daily_rate"], line["days_of_stock"]) == (1.0, 909.0)
    assert browser.get("/api/v1/stock/expiry-risk", params={"horizon_days": 10}).json()["units"] >= 40
    assert all(row["product_id"] != MED for row in browser.get("/api/v1/stock/slow-movers").json())
    assert browser.get("/api/v1/stock/series", params=ask | {"first": "0001-01-01"}).status_code == 200
    assert browser.get("/api/v1/stock/at", params={"moment": "2026-09-23T09:29:00"}).status_code == 422


def test_a_step_stays_level_until_the_day_of_the_change_and_zero_is_always_in_sight() -> None:
    change = DayChange(day=TODAY, units_in=0, units_out=20, closing=80)
    chart = draw_steps(Series(TODAY - timedelta(days=9), TODAY, 100, (change,)))
    points = [tuple(map(float, point.split(","))) for point in chart.line.split()]
    assert points[0][1] == points[1][1] < points[2][1] == points[3][1] < chart.bottom
    assert points[1][0] == points[2][0]
    assert [tick.value for tick in chart.ticks] == [0, 50, 100]
    assert chart.ticks[0].at == chart.bottom
    empty = draw_steps(Series(TODAY, TODAY, 0, ()))
    assert [tick.value for tick in empty.ticks] == [0, 1]
