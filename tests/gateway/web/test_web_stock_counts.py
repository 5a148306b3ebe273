"""Counting through the API: blind, told twice without harm, by the roles that may, with reasons for each refusal."""

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

GTIN = "08935006512345"
PACK_GTIN = "08935006512344"
STOCKTAKE, COUNT = "00000000-0000-4000-8000-00000000c001", "00000000-0000-4000-8000-00000000c002"
WORLD = Any


class Person:
    """A signed-in pharmacist's client."""

    def __init__(self, world: WORLD, token_of: Callable[[httpx.Client], str], role: str = "pharmacist") -> None:
        self.browser: httpx.Client = world.signed_in(role)
        self.headers = {"x-csrf-token": token_of(self.browser)}

    def post(self, path: str, **body: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        """A change."""
        return self.browser.post(f"/api/v1{path}", json=body, headers=self.headers)

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """A look."""
        answer = self.browser.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def people(world: WORLD, csrf_token: Callable[[httpx.Client], str]) -> tuple[Person, Person]:
    """Two pharmacists; the store holds 1188 of A24X and 36 of A19B."""
    return Person(world, csrf_token), Person(world, csrf_token)


def count(person: Person, quantity: int, lot: str = "A24X", request: int = 1) -> httpx.Response:
    line = {"place_id": "main-store", "product_id": GTIN, "lot": lot, "quantity": quantity}
    return person.post(f"/stocktakes/{STOCKTAKE}/counts", request_id=str(uuid.UUID(int=request)), lines=[line])


def test_a_stocktake_from_the_freeze_to_the_books(world: WORLD, people: tuple[Person, Person]) -> None:
    lan, dung = people
    start = {"stocktake_id": STOCKTAKE, "place_ids": ["main-store"], "places_below": False, "tolerance_units": 5}
    answers = [lan.post("/stocktakes", **start) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json()["number"] == "KK26-000001"
    assert count(lan, 1185).status_code == 201
    assert count(lan, 1185).status_code == 200, "the same request again"
    # A19B by scanning: three packs of 12.
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 12)", PACK_GTIN, GTIN)
    scan = {"place_id": "main-store", "codes": [f"]d201{PACK_GTIN}10A19B"], "packs": 3}
    scanned = lan.post(f"/stocktakes/{STOCKTAKE}/counts", request_id=str(uuid.UUID(int=2)), scans=[scan])
    assert scanned.status_code == 201, scanned.text
    for _ in range(2):
        assert lan.post(f"/stocktakes/{STOCKTAKE}/submit", leave_uncounted=False).json()["state"] == (
            "waiting_verification"
        )
    refused = lan.post(f"/stocktakes/{STOCKTAKE}/verify")
    assert (refused.status_code, refused.json()["code"]) == (422, "verifier_counted")
    assert "Người khác phải kiểm tra" in refused.json()["detail"]
    for _ in range(2):
        assert dung.post(f"/stocktakes/{STOCKTAKE}/verify").json()["state"] == "verified"
    for _ in range(2):
        assert dung.post(f"/stocktakes/{STOCKTAKE}/post").json() == {"movements": 1, "cases": 0}
    shown = dung.get(f"/stocktakes/{STOCKTAKE}")
    assert [(line["lot"], line["variance"], line["booked_variance"]) for line in shown["line_list"]] == [
        ("A19B", 0, None),
        ("A24X", -3, -3),
    ]
    assert world.rows("SELECT quantity FROM stock_balance WHERE account_id = 'place:main-store' AND lot = 'A24X'") == [
        (1185,)
    ]
    assert [one["state"] for one in dung.get("/stocktakes")] == ["posted"]


def test_while_people_count_no_answer_says_what_the_books_have(people: tuple[Person, Person]) -> None:
    lan, _ = people
    lan.post("/stocktakes", stocktake_id=STOCKTAKE, place_ids=["main-store"], places_below=False)
    count(lan, 1180)
    shown = lan.get(f"/stocktakes/{STOCKTAKE}")
    assert [(line["lot"], line["status"]) for line in shown["line_list"]] == [("A19B", "to_count"), ("A24X", "counted")]
    assert "1188" not in str(shown)
    assert "1180" not in str(shown)
    lan.post(f"/stocktakes/{STOCKTAKE}/submit", leave_uncounted=True)
    shown = lan.get(f"/stocktakes/{STOCKTAKE}")
    assert [line["status"] for line in shown["line_list"]] == ["to_count", "count_again"]
    assert "1188" not in str(shown)


def test_what_is_refused_says_why_in_the_readers_language(people: tuple[Person, Person]) -> None:
    lan, _ = people
    missing = lan.browser.get(f"/api/v1/stocktakes/{STOCKTAKE}")
    assert (missing.status_code, missing.json()["code"]) == (404, "stocktake_unknown")
    assert "kiểm kê" in missing.json()["detail"]
    lan.post("/stocktakes", stocktake_id=STOCKTAKE, place_ids=["main-store"])
    other = lan.post("/stocktakes", stocktake_id=STOCKTAKE, place_ids=["fridge-1"])
    assert (other.status_code, other.json()["code"]) == (409, "id_conflict")
    wrong = lan.post(
        f"/stocktakes/{STOCKTAKE}/counts",
        request_id=str(uuid.UUID(int=5)),
        scans=[{"place_id": "main-store", "codes": ["8935006512340"]}],
    )
    assert wrong.status_code == 422
    assert "Sai số kiểm tra" in wrong.json()["detail"]
    assert lan.post(f"/stocktakes/{STOCKTAKE}/cancel").json()["state"] == "cancelled"
    assert lan.post(f"/stocktakes/{STOCKTAKE}/reopen").status_code == 422


def test_an_rfid_count_from_the_first_read_to_the_cases(world: WORLD, people: tuple[Person, Person]) -> None:
    lan, dung = people
    world.execute(
        "INSERT INTO pack (gtin, serial_number, product_id, lot, units, account_id, last_movement_id, epc)"
        " SELECT %s, serial, %s, 'A24X', 12, 'place:main-store',"
        " (SELECT movement_id FROM movement WHERE kind = 'receive'), epc"
        " FROM (VALUES ('S1', '3034257BF7194E4000001A85'), ('S2', '3034257BF7194E4000001A99')) AS v (serial, epc)",
        GTIN,
        GTIN,
    )
    answers = [lan.post("/tag-counts", tag_count_id=COUNT, place_ids=["main-store"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json()["expected"] == 2
    sent = {"request_id": str(uuid.UUID(int=1)), "place_id": "main-store", "epcs": ["3034257bf7194e4000001a85"]}
    assert [lan.post(f"/tag-counts/{COUNT}/passes", **sent).status_code for _ in range(2)] == [201, 200]
    looked = lan.post(f"/tag-counts/{COUNT}/reader-passes", request_id=str(uuid.UUID(int=2))).json()
    assert [(one["account_id"], one["tags"]) for one in looked] == [("place:shelf-1", 3)]
    compared = lan.post(f"/tag-counts/{COUNT}/reconcile").json()
    numbers = compared["summary"]["numbers"]
    assert numbers == {"seen": 1, "not_seen": 1, "seen_elsewhere": 0, "unknown": 0, "foreign": 2}
    (missing,) = lan.get(f"/tag-counts/{COUNT}/findings?outcome=not_seen")
    assert (missing["serial_number"], missing["proposal"], missing["decision"]) == ("S2", "look_for_it", None)
    path = f"/tag-counts/{COUNT}/findings/{missing['epc']}"
    assert lan.post(f"{path}/decision", decision="missing").json()["decision"] == "missing"
    assert lan.post(f"{path}/confirm-missing").status_code == 422
    assert dung.post(f"{path}/confirm-missing").status_code == 200
    assert lan.post(f"/tag-counts/{COUNT}/close").json() == {"cases": 0}
    assert lan.get(f"/tag-counts/{COUNT}")["state"] == "closed"
    assert world.rows("SELECT account_id FROM pack WHERE serial_number = 'S2'") == [("unexplained",)]


def test_a_viewer_looks_and_does_not_count(world: WORLD, csrf_token: Callable[[httpx.Client], str]) -> None:
    viewer = Person(world, csrf_token, "viewer")
    assert viewer.get("/stocktakes") == []
    assert viewer.post("/stocktakes", stocktake_id=STOCKTAKE, place_ids=["main-store"]).status_code == 403
