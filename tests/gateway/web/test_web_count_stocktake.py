"""A stocktake from the pages, without scripts: blind, by two people, reviewed, verified, booked, taken back."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

WORLD = Any
Token = Callable[[httpx.Client], str]
Text = Callable[[str], str]
GTIN, BOX = "08935006512345", "08935006512344"


class Counter:
    """A pharmacist at the pages of counting."""

    def __init__(self, world: WORLD, token: Token) -> None:
        self.browser: httpx.Client = world.signed_in("pharmacist")
        self.browser.headers["accept"] = "text/html"
        self.token = token(self.browser)

    def get(self, path: str) -> str:
        """A page."""
        answer = self.browser.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, **fields: str) -> httpx.Response:
        """A form; the page that it leads to, or the same with what is wrong."""
        return self.browser.post(path, data={"csrf_token": self.token, **fields}, follow_redirects=True)

    def begin(self, **fields: str) -> str:
        """Begin a stocktake of the store itself; the address of its page."""
        values = {"stocktake_id": str(uuid.uuid4()), "place_id": "main-store", "below": "false", "scope": "all"}
        answer = self.send("/count/stocktakes/new", **{**values, **fields})
        assert answer.status_code == 200, answer.text
        return answer.url.path

    def scan(self, page: str, text: str, place: str = "main-store") -> httpx.Response:
        """One scan, as the form sends it."""
        ids = {name: str(uuid.uuid4()) for name in ("scan_id", "request_id")}
        return self.send(f"{page}/scan", code=text, place_id=place, **ids)

    def hand_in(self, page: str) -> httpx.Response:
        """All that was scanned."""
        return self.send(f"{page}/hand-in", request_id=str(uuid.uuid4()))


@pytest.fixture
def people(world: WORLD, csrf_token: Token) -> tuple[Counter, Counter]:
    """Two pharmacists; the store holds 1188 of A24X and 36 of A19B, in boxes of 12."""
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, 12)", BOX, GTIN)
    return Counter(world, csrf_token), Counter(world, csrf_token)


def state_in(html: str) -> str:
    found = re.search(r'id="state" data-state="(\w+)"', html)
    assert found, html
    return found[1]


def count_a24x(person: Counter, page: str, units: int) -> httpx.Response:
    """Scan a box of it, then say how many units stand there."""
    person.scan(page, f"01{BOX}10A24X")
    return person.scan(page, f"={units}")


def on_hand(world: WORLD, lot: str) -> int:
    rows = world.rows("SELECT quantity FROM stock_balance WHERE account_id = 'place:main-store' AND lot = %s", lot)
    return int(rows[0][0])


def differing(lan: Counter, dung: Counter) -> str:
    """A stocktake that both have counted: twelve of A24X are missing, A19B fits."""
    page = lan.begin()
    count_a24x(lan, page, 1176)
    lan.scan(page, f"01{BOX}10A19B")
    lan.scan(page, "*3")
    lan.hand_in(page)
    assert state_in(lan.send(f"{page}/submit").text) == "recounting"
    count_a24x(dung, page, 1176)
    dung.hand_in(page)
    assert state_in(dung.send(f"{page}/submit").text) == "waiting_verification"
    return page


def test_people_count_blind_and_what_differs_is_counted_again_by_another(
    people: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, dung = people
    page = lan.begin()
    seen = [lan.get(page), count_a24x(lan, page, 1176).text]
    assert "1.176 gói" in text_of(seen[-1])
    lan.scan(page, f"01{BOX}10A19B")
    seen += [lan.scan(page, "*3").text, lan.hand_in(page).text]
    assert 'id="draft-count">0<' in seen[-1]
    assert "Đã đếm hết" in text_of(seen[-1])
    seen.append(lan.send(f"{page}/submit").text)
    assert state_in(seen[-1]) == "recounting"
    assert "người khác đếm" in text_of(seen[-1])
    seen.append(count_a24x(lan, page, 1).text)
    assert 'id="draft-count">0<' in seen[-1], "her own count can't be confirmed by herself"
    seen.append(dung.get(page))
    assert not any("1.188" in html for html in seen), "nobody who counts sees what the books have"
    assert dung.browser.get(f"{page}/lines.csv").status_code == 422
    assert dung.browser.get(f"/api/v1{page.removeprefix('/count')}/minutes.pdf").status_code == 422


def test_a_review_shows_what_moved_the_difference_in_money_and_why(
    world: WORLD, people: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, dung = people
    world.execute("UPDATE product SET unit_cost_vnd = 1500 WHERE product_id = %s", GTIN)
    page = differing(lan, dung)
    html = dung.get(page)
    for text in ("1.188", "1.176", "12 gói", "18.000 ₫", "Bạn đã đếm"):
        assert text in text_of(html), text
    line = f"place:main-store\t{GTIN}\tA24X"
    given = {"line:1": line, "reason:1": "count_not_booked", "note:1": "xuất khẩn cấp tối qua"}
    assert "xuất khẩn cấp tối qua" in dung.send(f"{page}/reasons", **given).text
    assert "Thiếu lý do" in text_of(dung.send(f"{page}/reasons", **{**given, "reason:1": "adjust_lost"}).text)
    assert state_in(dung.send(f"{page}/verify").text) == "waiting_verification", "who has counted verifies nothing"
    csv = dung.browser.get(f"{page}/lines.csv").content.decode("utf-8-sig")
    assert ";1188;0;1188;1176;-12;1500;-18000" in csv
    assert "Xuất hoặc nhập chưa ghi sổ;xuất khẩn cấp tối qua" in csv


def test_a_third_person_verifies_and_it_is_booked_once_on_one_document(
    world: WORLD, people: tuple[Counter, Counter], csrf_token: Token, text_of: Text
) -> None:
    lan, dung = people
    page = differing(lan, dung)
    hoa = Counter(world, csrf_token)
    assert state_in(hoa.send(f"{page}/verify").text) == "verified"
    for _ in range(2):
        assert state_in(hoa.send(f"{page}/post").text) == "posted"
    assert (on_hand(world, "A24X"), on_hand(world, "A19B")) == (1176, 36)
    assert len(world.rows("SELECT FROM movement WHERE kind = 'count_out'")) == 1
    assert hoa.browser.get(f"/api/v1{page.removeprefix('/count')}/minutes.pdf").content.startswith(b"%PDF")
    overview = text_of(hoa.get("/count"))
    assert "KK26-000001" in overview
    assert "2 / 2" in overview
    document = f"/work/documents/{page.rpartition('/')[2]}"
    undone = hoa.send(f"{document}/undo", document_id=str(uuid.uuid4()), reason_code="reverse_entered_wrong")
    assert undone.status_code == 200, undone.text
    assert on_hand(world, "A24X") == 1188
    assert "BD26-000001" in text_of(hoa.get(page)), "the stocktake names the reversal"


def test_a_draft_survives_a_closed_tab_and_another_server(
    world: WORLD, people: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, _ = people
    page = lan.begin()
    ids = {"scan_id": str(uuid.uuid4()), "place_id": "main-store"}
    for _ in range(2):
        assert lan.send(f"{page}/scan", code=f"01{BOX}10A24X", **ids).status_code == 200
    assert "12 gói" in text_of(lan.get(page)), "the same scan sent again counts once"
    assert world.rows("SELECT quantity, request_id FROM stocktake_scan") == [(12, None)]
    assert "Bạn còn 1 dòng chưa nộp" in text_of(lan.send(f"{page}/submit").text)


def test_what_is_scanned_and_not_asked_for_is_kept_and_shown(
    world: WORLD, people: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, _ = people
    page = lan.begin(scope="products", codes="08935006500007")
    refused = text_of(lan.scan(page, f"01{BOX}10A24X").text)
    assert "không thuộc đợt kiểm kê này" in refused
    assert "không hiểu được mã" in text_of(lan.scan(page, "0108935006512341").text)
    assert "chưa có trong danh mục" in text_of(lan.scan(page, "0112345678901231").text)
    assert 'id="kept-count">' in lan.get(page)
    assert len(world.rows("SELECT FROM stocktake_scan WHERE verdict <> 'counted'")) == 3
    lan.scan(page, "MT-UNDO")
    assert 'id="kept-count">2<' in lan.get(page)


def test_the_lot_that_a_code_does_not_name_is_asked_for(people: tuple[Counter, Counter], text_of: Text) -> None:
    lan, _ = people
    page = lan.begin()
    asked = lan.scan(page, BOX[1:]).text
    assert "Số lô nào?" in asked
    assert "chưa có số lô" in text_of(lan.hand_in(page).text)
    lan.scan(page, "#2")
    assert "A24X" in text_of(lan.scan(page, "=24").text)
    lan.scan(page, BOX[1:])
    counted = text_of(lan.scan(page, "#a19b").text)
    assert "A19B 1 12 gói" in counted
    assert "A24X 2 24 gói" in counted


def test_nothing_is_zeroed_but_by_a_person_who_looked(
    world: WORLD, people: tuple[Counter, Counter], csrf_token: Token
) -> None:
    lan, _ = people
    page = lan.begin()
    line = {"account_id": "place:main-store", "product_id": GTIN, "lot": "A19B"}
    for person in people:
        assert person.send(f"{page}/none", scan_id=str(uuid.uuid4()), **line).status_code == 200
        person.hand_in(page)
    assert lan.send(f"{page}/submit").status_code == 422, "A24X is counted by nobody"
    html = lan.send(f"{page}/submit", leave_uncounted="yes").text
    assert state_in(html) == "waiting_verification"
    hoa = Counter(world, csrf_token)
    hoa.send(f"{page}/verify")
    assert state_in(hoa.send(f"{page}/post").text) == "posted"
    assert (on_hand(world, "A24X"), on_hand(world, "A19B")) == (1188, 0)
    assert world.rows("SELECT code FROM discrepancy WHERE resolved_at IS NULL AND code = 'not_counted'") == [
        ("not_counted",)
    ]


def test_a_cycle_count_proposes_what_is_due_and_a_storage_class_can_be_chosen(
    world: WORLD, people: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, _ = people
    html = lan.get("/count/stocktakes/new?place_id=main-store&below=true&scope=proposal")
    assert "chưa bao giờ" in text_of(html)
    ticked = re.findall(r'name="(tick:[^"]+)" value="yes"[^>]* checked', html)
    assert f"tick:{GTIN}" in ticked
    page = lan.begin(scope="proposal", **{ticked[0]: "yes"})
    assert state_in(lan.get(page)) == "counting"
    assert len(world.rows("SELECT FROM stocktake WHERE cardinality(product_ids) = 1")) == 1
    lan.send(f"{page}/cancel")
    world.execute("UPDATE product SET storage_class = 'refrigerator' WHERE product_id = '08935006500007'")
    page = lan.begin(scope="storage", storage_class="refrigerator", below="true")
    assert world.rows(
        "SELECT product_id FROM stocktake_line JOIN stocktake USING (stocktake_id) WHERE state = 'counting'"
    ) == [("08935006500007",)]


def test_a_viewer_sees_how_far_it_is_and_can_change_nothing(
    world: WORLD, people: tuple[Counter, Counter], csrf_token: Token
) -> None:
    lan, _ = people
    page = lan.begin()
    viewer = world.signed_in("viewer")
    html = viewer.get(page, headers={"accept": "text/html"}).text
    assert state_in(html) == "counting"
    assert "/scan" not in html.replace("count_scan.js", "")
    sent = viewer.post(f"{page}/scan", data={"csrf_token": csrf_token(viewer), "code": "x"})
    assert sent.status_code == 403


def test_a_hand_held_program_counts_through_the_api_as_the_pages_do(people: tuple[Counter, Counter]) -> None:
    lan, _ = people
    page = lan.begin()
    api, headers = f"/api/v1{page.removeprefix('/count')}", {"x-csrf-token": lan.token}

    def post(path: str, **body: object) -> httpx.Response:
        return lan.browser.post(f"{api}{path}", json=body, headers=headers)

    scan = {"scan_id": str(uuid.uuid4()), "place_id": "main-store", "text": BOX[1:], "waited_s": 30}
    assert [post("/scans", **scan).status_code for _ in range(2)] == [201, 200]
    asked = post("/scans", **scan).json()
    assert (asked["verdict"], asked["lots"], asked["line"]) == ("lot_missing", ["A19B", "A24X"], None)
    told = post("/scans", **scan | {"scan_id": str(uuid.uuid4()), "text": "#1"}).json()
    assert (told["line"]["lot"], told["line"]["quantity"]) == ("A19B", 12)
    assert "36" not in str(told), "what the books have is not told"
    handed_in = {"request_id": str(uuid.uuid4())}
    assert [post("/draft/hand-in", **handed_in).status_code for _ in range(2)] == [201, 200]
    assert lan.browser.get(f"{api}/draft").json() == {"lines": [], "without_lot": 0, "kept": 0}
    due = lan.browser.get("/api/v1/cycle-counts?place_id=fridge-1").json()
    assert [(one["product_id"], one["count_class"]) for one in due] == [("08935006500007", "C")]
