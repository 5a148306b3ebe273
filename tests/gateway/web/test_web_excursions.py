"""The pages and the API of excursions: what was outside for how long, and which goods were there."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

WORLD = Any
TextOf = Callable[[str], str]


@pytest.fixture
def excursion_id(world: WORLD) -> uuid.UUID:
    """A fridge that was too warm for 90 minutes yesterday, with a lot that is held and five tablets already given."""
    excursion_id, hold_id, began = uuid.uuid4(), uuid.uuid4(), world.clock() - timedelta(days=1)
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, unit_cost_vnd)"
        " VALUES ('VAC', 'Vắc-xin thử', 'Trial vaccine', 'liều', 'dose', 150000)"
    )
    world.execute("INSERT INTO lot (product_id, lot, expiry_date) VALUES ('VAC', 'L7', '2027-05-31')")
    fridge = world.rows("SELECT place_id FROM place WHERE temperature_high_celsius IS NOT NULL ORDER BY 1")[0][0]
    account = f"place:{fridge}"
    world.execute("INSERT INTO stock_account VALUES (%s, %s) ON CONFLICT DO NOTHING", account, fridge)
    world.execute(
        "INSERT INTO excursion (excursion_id, device_key, place_id, rule_name, rule, started_at, triggered_at,"
        " ended_at, outside_s, shortest_s, longest_s, peak_celsius) SELECT %s, min(device_key), %s, 'temperature_high',"
        """ '{"side": "high", "threshold": 8.0, "minutes": 10.0}', %s, %s, %s, 5400, 5100, 5700, 11.5 FROM device""",
        *(excursion_id, fridge, began, began + timedelta(minutes=10), began + timedelta(minutes=90)),
    )
    world.execute(
        "INSERT INTO excursion_change VALUES (%s, now(), 'late_readings',"
        """ '{"triggered_at": null, "outside_s": 300.0, "peak_celsius": 8.4}')""",
        excursion_id,
    )
    world.execute(
        "INSERT INTO stock_hold (hold_id, kind, product_id, lot, account_id, reason, placed_by, placed_at)"
        " VALUES (%s, 'on_hold', 'VAC', 'L7', %s, 'nóng', 'cold chain', now())",
        *(hold_id, account),
    )
    for where, quantity, held in ((account, 20, hold_id), ("dispensed", 5, None)):
        world.execute(
            "INSERT INTO excursion_stock (excursion_id, product_id, lot, account_id, quantity, found_at, hold_id)"
            " VALUES (%s, 'VAC', 'L7', %s, %s, now(), %s)",
            *(excursion_id, where, quantity, held),
        )
    return excursion_id


def test_the_person_on_call_sees_which_goods_were_there_and_what_they_are_worth(
    world: WORLD, excursion_id: uuid.UUID, text_of: TextOf
) -> None:
    page = world.signed_in("on_call").get(f"/on-call/excursions/{excursion_id}")
    assert page.status_code == 200
    text = text_of(page.text)
    for words in ("Quá nóng", "11,5 °C", "Vắc-xin thử", "L7", "20 liều", "Đang biệt trữ", "3.750.000 ₫"):
        assert words in text, words
    assert "5 liều" in text
    assert "Không biệt trữ được" in text
    assert "Số đo đến muộn" in text


def test_the_list_leads_to_it(world: WORLD, excursion_id: uuid.UUID) -> None:
    browser = world.signed_in("pharmacist")
    assert "/on-call/excursions" in browser.get("/on-call").text
    assert f"/on-call/excursions/{excursion_id}" in browser.get("/on-call/excursions").text
    assert browser.get("/on-call/excursions?all_of_them=true").status_code == 200


def test_programs_get_the_same(world: WORLD, excursion_id: uuid.UUID) -> None:
    browser = world.signed_in("viewer")
    (line,) = browser.get("/api/v1/excursions").json()
    assert (line["excursion_id"], line["goods"], line["changes"]) == (str(excursion_id), 2, 1)
    found = browser.get(f"/api/v1/excursions/{excursion_id}").json()
    assert [each["quantity"] for each in found["goods"]] == [20, 5]
    assert found["changes"][0]["before"]["outside_s"] == 300


def test_an_excursion_that_is_not_there_is_said_so_and_a_clerk_sees_none(world: WORLD) -> None:
    missing = f"/api/v1/excursions/{uuid.uuid4()}"
    assert world.signed_in("on_call").get(missing).status_code == 404
    assert world.signed_in("clerk").get("/api/v1/excursions").status_code == 403
