"""Giving out through the API and the pages: told twice without harm, by two people where needed, keyboard only."""

import re
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from gateway.stock import books
from gateway.stock.lines import Doing, Goods, Line

WORLD = Any
PARA, BOX, MORPHINE = "PARA500", "08935234500007", "MOR10"
CODE = f"]d201{BOX}1727123110L1\x1d21"
SOON = date(2026, 12, 31)
LATER = date(2027, 12, 31)


class Person:
    """A signed-in person, at the API and at the pages."""

    def __init__(self, world: WORLD, token_of: Callable[[httpx.Client], str], *roles: str) -> None:
        self.browser: httpx.Client = world.signed_in(*(roles or ("pharmacist",)))
        self.token = token_of(self.browser)

    def post(self, path: str, **body: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        """A change through the API."""
        return self.browser.post(f"/api/v1/stock{path}", json=body, headers={"x-csrf-token": self.token})

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401 - JSON
        """A look through the API."""
        answer = self.browser.get(f"/api/v1/stock{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, path: str, status: int = 200, **query: Any) -> str:  # noqa: ANN401 - fields
        """A page."""
        answer = self.browser.get(path, params=query, headers={"accept": "text/html"})
        assert answer.status_code == status, answer.text
        return answer.text

    def send(self, path: str, **fields: Any) -> httpx.Response:  # noqa: ANN401 - fields
        """A form, as a browser without scripts sends it; the page that it leads to."""
        data = {"csrf_token": self.token, **fields}
        return self.browser.post(path, data=data, headers={"accept": "text/html"}, follow_redirects=True)


@pytest.fixture
def pharmacy(world: WORLD) -> WORLD:
    """The hospital with a ward, paracetamol in packs and two lots, and morphine."""
    world.execute("INSERT INTO place (place_id, kind, name_vi, name_en) VALUES ('ward-1', 'ward', 'Khoa Nội', 'Ward')")
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, control_class) VALUES"
        " (%s, 'Paracetamol 500 mg viên', 'Paracetamol 500 mg tablet', 'viên', 'tablet', 'none'),"
        " (%s, 'Morphin 10 mg', 'Morphine 10 mg', 'ống', 'ampoule', 'narcotic')",
        *(PARA, MORPHINE),
    )
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 100)", BOX, PARA)
    goods = (
        Goods(PARA, "L1", LATER, 100, BOX, "S1"),
        Goods(PARA, "OLD", SOON, 40),
        Goods(MORPHINE, "M1", LATER, 20),
    )
    with world.pool.connection() as connection:
        now = world.clock()
        doing = Doing(now, now, "api", "lan", second_person="dung", scan_text="x")
        lines = [Line(uuid.uuid4(), "receive", one, "supplier", "place:main-store") for one in goods]
        books.book(connection, doing, lines)
    return world


@pytest.fixture
def people(pharmacy: WORLD, csrf_token: Callable[[httpx.Client], str]) -> tuple[Person, Person]:
    """Two pharmacists."""
    return Person(pharmacy, csrf_token), Person(pharmacy, csrf_token)


def asked(product: str, quantity: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    lines = [{"product_id": product, "quantity": quantity}]
    body = {"document_id": str(uuid.uuid4()), "from_place_id": "main-store", "to_place_id": "ward-1", "lines": lines}
    return body | more


def test_an_issue_from_the_request_to_the_books(people: tuple[Person, Person]) -> None:
    lan, _ = people
    body = asked(PARA, 150)
    first, again = lan.post("/issues", **body), lan.post("/issues", **body)
    assert (first.status_code, again.status_code) == (201, 200), first.text
    shown = first.json()
    assert [(one["lot"], one["quantity"]) for one in shown["proposed"]] == [("OLD", 40), ("L1", 100)]
    assert [one["missing"] for one in shown["short_at_first"]] == [10]
    address = f"/outgoing/{body['document_id']}"
    pick = {"pick_id": str(uuid.uuid4()), "code": f"{CODE}S1"}
    assert [lan.post(f"{address}/picks", **pick).status_code for _ in range(2)] == [201, 200]
    refused = lan.post(f"{address}/picks", pick_id=str(uuid.uuid4()), code=MORPHINE)
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_product")
    assert "Sai thuốc" in refused.json()["detail"]
    for _ in range(2):
        posted = lan.post(f"{address}/hand-over").json()
        posted = lan.post(f"{address}/hand-over", as_proposed=False).json()
    assert (posted["state"], posted["lines"][0]["given"], posted["lines"][0]["short"]) == ("posted", 100, 50)
    other = lan.post("/issues", **(body | {"note": "khác"}))
    assert other.status_code == 409
    assert lan.post("/outgoing/" + str(uuid.uuid4()) + "/cancel").status_code == 404


def test_a_refusal_is_told_in_the_language_that_a_program_asks_for(people: tuple[Person, Person]) -> None:
    lan, _ = people
    body = asked(PARA, 1, from_place_id="moon")
    told = {}
    for wanted, language in (("vi", "vi"), ("en-GB,vi;q=0.5", "en"), ("fr, en;q=0.1, vi;q=0.9", "vi"), ("fr", "vi")):
        headers = {"x-csrf-token": lan.token, "accept-language": wanted}
        refused = lan.browser.post("/api/v1/stock/issues", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "place_unknown")
        assert refused.json()["values"] == {"place": "moon"}
        assert refused.headers["content-language"] == language
        told[language] = refused.json()["detail"]
    assert told == {
        "vi": "Không có vị trí “moon”. Hãy chọn trong danh sách.",
        "en": "There is no place “moon”. Choose one from the list.",
    }


def test_a_controlled_drug_needs_somebody_else_at_every_door(people: tuple[Person, Person]) -> None:
    lan, dung = people
    body = asked(MORPHINE, 5)
    lan.post("/issues", **body)
    address = f"/outgoing/{body['document_id']}"
    waiting = lan.post(f"{address}/hand-over", as_proposed=True).json()
    assert (waiting["state"], waiting["to_count"]) == ("waiting_second", [MORPHINE])
    assert (waiting["proposed"], waiting["not_offered"]) == ([], [])
    own = lan.post(f"{address}/confirm", counted={MORPHINE: 15})
    assert (own.status_code, own.json()["code"]) == (422, "second_person")
    page = dung.page(f"/work/out/{body['document_id']}")
    assert "count:MOR10" in page
    assert "M1" not in page, "who counts blind is not told what was proposed"
    done = dung.send(f"/work/out/{body['document_id']}/confirm", **{"count:MOR10": "14"})
    assert 'data-state="posted"' in done.text
    (case,) = [one for one in dung.get("/cases") if one["code"] == "controlled_count"]
    assert (case["product_id"], dung.get("/cases")[0]["code"]) == (MORPHINE, "controlled_count"), "first in the queue"


def test_a_pharmacist_gives_out_with_a_scanner_and_a_keyboard_alone(people: tuple[Person, Person]) -> None:
    lan, _ = people
    page = lan.page("/work/issue")
    assert "autofocus" in page
    answer = lan.send(
        "/work/issue",
        document_id=str(uuid.uuid4()),
        from_place_id="main-store",
        to_place_id="ward-1",
        codes=f"{CODE}S1\n{PARA} 10\n",
        shelf_life_days="0",
    )
    assert answer.status_code == 200, answer.text
    address = str(answer.url.path)
    assert "110" in answer.text
    assert "hết hạn trước" in answer.text.lower()
    for text, found in ((f"{CODE}S1", "S1"), (MORPHINE, "Sai thuốc")):
        pick_id = re.findall(r'name="pick_id" value="([^"]+)"', answer.text)[0]
        answer = lan.send(f"{address}/scan", pick_id=pick_id, code=text)
        assert found in answer.text
    assert answer.status_code == 422
    assert 'data-state="posted"' in lan.send(f"{address}/scan", code="ok").text


def test_a_patient_is_chosen_by_number_and_stays_without_a_name(pharmacy: WORLD, people: tuple[Person, Person]) -> None:
    lan, _ = people
    number = "26001207"
    found = lan.post("/dispensing-patient", patient_number=number).json()
    page = lan.send("/work/dispense", find="number", patient_number=number).text
    assert found["patient_id"] not in lan.page("/work/dispense", patient_number=number)  # an address names nobody
    assert found["patient_id"] in page
    assert "Nguyễn Hoàng" not in page
    answer = lan.send(
        "/work/dispense",
        document_id=str(uuid.uuid4()),
        from_place_id="main-store",
        patient_id=found["patient_id"],
        codes=f"{PARA} 7",
        prescription_number="DT-1",
    )
    assert 'data-state="draft"' in answer.text
    done = lan.send(f"{answer.url.path}/hand-over", as_proposed="yes")
    assert 'data-state="posted"' in done.text
    assert lan.get("/dispensing-patient", prescription_number="DT-1")["patient_id"] == found["patient_id"]
    assert lan.post("/dispensing-patient", patient_number="0").status_code == 404
    trace = lan.get("/trace", product_id=PARA, lot="OLD")
    assert [(one["patient_number"], one["quantity"]) for one in trace["patients"]] == [(number, 7)]
    assert "không có thẻ nào" in lan.page("/work/dispense", status=422, place_id="main-store").lower()


def test_a_recall_holds_at_once_and_two_people_end_it(people: tuple[Person, Person]) -> None:
    lan, dung = people
    page = lan.page("/work/recall", code=PARA, lot="OLD")
    assert 'id="trace"' in page
    opened = lan.send("/work/recall", recall_id=str(uuid.uuid4()), code=PARA, lot="OLD", reason="Công văn 12")
    assert "TH26-000001" in opened.text
    address = opened.url.path
    proposed = lan.post("/issues", **asked(PARA, 1)).json()
    assert {one["why"] for one in proposed["not_offered"]} >= {"recalled"}
    shown = lan.page(f"/work/out/{proposed['document_id']}")
    assert "thu hồi từ 09:30" in shown
    assert "TH26-000001: Công văn 12" in shown
    (recall,) = lan.get("/recalls")
    notice = lan.browser.get(f"/api/v1/stock/recalls/{recall['recall_id']}/notice.pdf")
    assert (notice.status_code, notice.content[:4]) == (200, b"%PDF")
    lan.send(f"{address}/ask", reason="đính chính")
    assert "Phải có người khác" in lan.send(f"{address}/confirm").text
    assert dung.send(f"{address}/confirm").status_code == 200
    assert lan.get("/recalls")[0]["holds_open"] == 0


def test_a_hold_is_placed_by_a_scan_and_released_by_two(people: tuple[Person, Person]) -> None:
    lan, dung = people
    fields = {"codes": f"{CODE}S1", "kind": "quarantine", "scope": "pack", "reason": "Vỡ hộp"}
    held = lan.send("/work/holds", document_id=str(uuid.uuid4()), **fields)
    assert "S1" in held.text
    assert 'data-mood="ok"' in held.text
    (hold,) = lan.get("/holds")
    assert (hold["serial_number"], hold["on_hand"]) == ("S1", 100)
    address = f"/work/holds/{hold['hold_id']}"
    assert lan.send(f"{address}/ask").status_code == 422
    lan.send(f"{address}/ask", reason="đạt")
    assert lan.send(f"{address}/confirm").status_code == 422
    assert dung.send(f"{address}/confirm").status_code == 200
    assert lan.get("/holds") == []


def test_several_things_are_held_for_one_reason_all_or_none(people: tuple[Person, Person]) -> None:
    lan, _ = people
    lines = [{"product_id": PARA, "lot": "OLD", "quantity": 15}, {"product_id": PARA, "lot": "L1", "quantity": 5}]
    body = {"kind": "on_hold", "scope": "units", "reason": "chờ kiểm nghiệm", "lines": lines}
    nowhere = lan.post("/holds/batches", document_id=str(uuid.uuid4()), **body)
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "place_missing")
    no_pack = lan.post("/holds/batches", document_id=str(uuid.uuid4()), **(body | {"scope": "pack"}))
    assert (no_pack.status_code, no_pack.json()["code"]) == (422, "no_pack")
    wrong = [lines[0], {"product_id": "NONE", "lot": "X"}]
    assert lan.post(
        "/holds/batches", document_id=str(uuid.uuid4()), **(body | {"scope": "lot", "lines": wrong})
    ).is_error
    assert lan.get("/holds") == []
    held = body | {"document_id": str(uuid.uuid4()), "place_id": "main-store"}
    first, again = lan.post("/holds/batches", **held), lan.post("/holds/batches", **held)
    assert (first.status_code, again.status_code, first.json()["number"]) == (201, 200, "2 lệnh giữ"), first.text
    assert sorted((one["lot"], one["on_hand"]) for one in lan.get("/holds")) == [("L1", 5), ("OLD", 15)]
    proposed = lan.post("/issues", **asked(PARA, 140)).json()
    assert sorted((one["lot"], one["quantity"]) for one in proposed["proposed"]) == [("L1", 95), ("OLD", 25)]


def test_a_destruction_is_written_down_by_one_and_confirmed_by_another(people: tuple[Person, Person]) -> None:
    lan, dung = people
    document_id = str(uuid.uuid4())
    fields = {"codes": f"{PARA} ; 15 ; OLD", "place_id": "main-store", "reason": "Hỏng"}
    assert "PH26-000001" in lan.send("/work/destroy", document_id=document_id, **fields).text
    assert lan.send(f"/work/destroy/{document_id}/confirm").status_code == 422
    assert lan.browser.get(f"/api/v1/stock/destructions/{document_id}/minutes.pdf").status_code == 422
    assert dung.send(f"/work/destroy/{document_id}/confirm").status_code == 200
    minutes = dung.browser.get(f"/api/v1/stock/destructions/{document_id}/minutes.pdf")
    assert (minutes.status_code, minutes.content[:4]) == (200, b"%PDF")
    body = {"place_id": "main-store", "reason": "x", "lines": [{"product_id": PARA, "lot": "OLD", "quantity": 1}]}
    given = lan.post("/destructions", document_id=str(uuid.uuid4()), **body)
    assert (given.status_code, given.json()["state"]) == (201, "waiting_second")
    assert lan.post(f"/destructions/{given.json()['document_id']}/cancel").json()["state"] == "cancelled"


def test_a_case_is_settled_on_its_page_with_what_mends_the_books(people: tuple[Person, Person]) -> None:
    lan, _ = people
    number = lan.get("/cases")[0]["discrepancy_id"]
    fields = {"resolve_as": "adjusted", "reason": "đếm lại", "place_id": "main-store", "code": PARA, "lot": "OLD"}
    address = f"/work/cases/{number}"
    assert lan.send(f"{address}/note", text="đã hỏi").status_code == 200
    assert lan.send(f"{address}/resolve", document_id=str(uuid.uuid4()), **fields).status_code == 422
    done = lan.send(f"{address}/resolve", document_id=str(uuid.uuid4()), **fields, quantity="2", direction="less")
    assert "DC26-000001" in done.text
    whole = lan.get(f"/cases/{number}")
    assert (whole["case"]["resolved_as"], [one["act"] for one in whole["acts"]]) == ("adjusted", ["noted", "resolved"])
    assert lan.page("/work/cases", resolved="true").count("<tr>") >= 2
    assert lan.page("/work/cases/999", status=404)


def test_controlled_drugs_are_printed_and_counted_blind(people: tuple[Person, Person]) -> None:
    lan, _ = people
    page = lan.page("/work/controlled")
    assert "Morphin 10 mg" in page
    assert "book.pdf?product_id=MOR10" in page
    days = {"first_day": "2026-11-01", "last_day": "2026-11-30", "place_id": "main-store"}
    for name, more in (("register", {}), ("book", {"product_id": MORPHINE})):
        printed = lan.browser.get(f"/api/v1/stock/controlled/{name}.pdf", params=days | more)
        assert (printed.status_code, printed.content[:4]) == (200, b"%PDF"), printed.text
    assert lan.browser.get("/api/v1/stock/controlled/book.pdf", params=days | {"product_id": PARA}).status_code == 422
    counted = lan.send("/work/controlled/count", stocktake_id=str(uuid.uuid4()), place_id="main-store")
    assert "KK26-000001" in counted.text


@pytest.mark.parametrize(
    "path",
    [
        "/work/issue",
        "/work/dispense",
        "/work/destroy",
        "/work/holds",
        "/work/recall",
        "/work/controlled",
        "/work/cases",
    ],
)
def test_each_page_is_for_pharmacists_and_speaks_both_languages(
    pharmacy: WORLD, people: tuple[Person, Person], csrf_token: Callable[[httpx.Client], str], path: str
) -> None:
    lan, _ = people
    assert '<html lang="vi"' in lan.page(path)
    lan.browser.post("/language", data={"language": "en", "next": path})
    assert '<html lang="en"' in lan.page(path)
    assert Person(pharmacy, csrf_token, "viewer").page(path, status=403)
