"""An RFID count from the pages: passes of readers, what they found, decisions by two people, the end, the papers."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.gateway.web.hospital import GTIN

WORLD = Any
Token = Callable[[httpx.Client], str]
Text = Callable[[str], str]
SEEN, SILENT, FOREIGN = "3034257BF7194E4000001A85", "3034257BF7194E4000001A99", "E28011700000020F7C1A2B3C"
MORPHINE_TAG = "3034257BF7194E4000001AAA"


class Counter:
    """A pharmacist at the page of an RFID count."""

    def __init__(self, world: WORLD, token: Token) -> None:
        self.browser: httpx.Client = world.signed_in("pharmacist")
        self.browser.headers["accept"] = "text/html"
        self.token = token(self.browser)

    def send(self, path: str, **fields: str) -> httpx.Response:
        """A form; the page that it leads to, or the same with what is wrong."""
        ids = {"request_id": str(uuid.uuid4()), "tag_count_id": str(uuid.uuid4())}
        return self.browser.post(path, data={"csrf_token": self.token, **ids, **fields}, follow_redirects=True)


@pytest.fixture
def store(world: WORLD, csrf_token: Token) -> tuple[Counter, Counter]:
    """Two pharmacists; three boxes have a tag, one of them is morphine, and 1152 base units have none."""
    world.execute(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en, control_class)"
        " VALUES ('MOR10', 'Morphin 10 mg', 'Morphine 10 mg', 'ống', 'ampoule', 'narcotic')"
    )
    world.execute("INSERT INTO lot (product_id, lot) VALUES ('MOR10', 'M1')")
    world.execute(
        "INSERT INTO stock_balance VALUES ('place:main-store', 'MOR10', 'M1', 10), ('supplier', 'MOR10', 'M1', -10)"
    )
    world.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES ('08930000000017', 'MOR10', 10)")
    packs = ((GTIN, "S1", GTIN, "A24X", 12, SEEN), (GTIN, "S2", GTIN, "A24X", 12, SILENT))
    for pack in (*packs, ("08930000000017", "S3", "MOR10", "M1", 10, MORPHINE_TAG)):
        world.execute(
            "INSERT INTO pack (gtin, serial_number, product_id, lot, units, epc, account_id, last_movement_id)"
            " SELECT %s, %s, %s, %s, %s, %s, 'place:main-store', movement_id FROM movement WHERE kind = 'receive'",
            *pack,
        )
    return Counter(world, csrf_token), Counter(world, csrf_token)


def counted(lan: Counter) -> str:
    """A count of the whole store: a hand-held reader's pass and one of the shelf's; the address of its page."""
    begun = lan.send("/count/tags/new", place_id="main-store", below="true")
    assert begun.status_code == 200, begun.text
    page = begun.url.path
    lan.send(f"{page}/upload", place_id="main-store", codes=SEEN.lower())
    assert lan.send(f"{page}/look").status_code == 200
    return page


def first_in_tab(html: str) -> str:
    table = html[html.index('<table id="tags">') :]
    return table[table.index("<tbody>") :].split("</tr>")[0]


def test_what_is_not_seen_is_no_zero_and_special_control_comes_first(
    world: WORLD, store: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, _ = store
    page = counted(lan)
    html = lan.browser.get(f"{page}?tab=not_seen").text
    numbers = dict(re.findall(r'data-tab="(\w+)">[^<]*<span class="count">(\d+)', html))
    assert numbers == {"not_seen": "2", "seen_elsewhere": "0", "unknown": "0", "foreign": "2", "seen": "1"}
    assert "Morphin 10 mg" in first_in_tab(html)
    assert "0 / 1" in text_of(first_in_tab(html)), "one pass was made there, and none saw it"
    for text in ("chưa chứng minh là đã mất", "Đọc thêm một lượt", "để rời"):
        assert text in text_of(html)
    assert world.rows("SELECT count(*) FROM movement WHERE kind = 'count_out'") == [(0,)]


def test_a_missing_pack_takes_a_reason_and_two_people_and_cases_name_the_drug(
    world: WORLD, store: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, dung = store
    page = counted(lan)
    missing = {"tab": "not_seen", "decision": "missing", f"epc:{SILENT}": "yes"}
    assert "Thiếu lý do" in text_of(lan.send(f"{page}/decide", **missing).text)
    assert "Bị thiếu" in text_of(lan.send(f"{page}/decide", reason_code="count_lost", **missing).text)
    alone = lan.send(f"{page}/confirm", tab="not_seen", **{f"epc:{SILENT}": "yes"})
    assert "bị từ chối 1" in text_of(alone.text)
    dung.send(f"{page}/confirm", tab="not_seen", all="yes")
    assert world.rows("SELECT account_id FROM pack WHERE serial_number = 'S2'") == [("unexplained",)]
    both = lan.send(f"{page}/decide", tab="not_seen", decision="seen_by_eye", all="yes")
    assert "từ 1 đến 500 thẻ" in text_of(both.text), "special control is decided one by one"
    closed = lan.send(f"{page}/close").text
    assert 'data-state="closed"' in closed
    assert world.rows("SELECT code, product_id, lot FROM discrepancy WHERE code LIKE 'tag_%%'") == [
        ("tag_not_seen", "MOR10", "M1")
    ]
    queue = text_of(lan.browser.get("/work/cases").text)
    assert queue.index("Morphin 10 mg") < queue.index("Pa"), "drugs under special control come first"
    report = lan.browser.get(f"{page}/report.pdf")
    assert report.content.startswith(b"%PDF")
    csv = lan.browser.get(f"{page}/tags.csv").content.decode("utf-8-sig")
    assert f"Không thấy;{SILENT};S2" in csv
    assert "Mất, thất lạc" in csv


def test_many_tags_are_decided_through_the_api_each_by_itself(store: tuple[Counter, Counter]) -> None:
    lan, dung = store
    page = counted(lan)
    api = f"/api/v1/tag-{page.removeprefix('/count/').replace('tags', 'counts')}"

    def post(person: Counter, path: str, **body: object) -> Any:  # noqa: ANN401 - JSON
        answer = person.browser.post(f"{api}{path}", json=body, headers={"x-csrf-token": person.token})
        assert answer.status_code == 200, answer.text
        return answer.json()

    body = {"epcs": [SILENT, FOREIGN], "decision": "missing", "reason_code": "count_lost"}
    for _ in range(2):
        done = post(lan, "/decisions", **body)
        assert (done["done"], [one["epc"] for one in done["refused"]]) == (1, [FOREIGN])
    assert post(lan, "/confirmations", epcs=[SILENT])["refused"][0]["code"] == "second_person"
    assert post(dung, "/confirmations", epcs=[SILENT]) == {"done": 1, "refused": []}


def test_what_no_reader_can_see_is_counted_by_hand(world: WORLD, store: tuple[Counter, Counter], text_of: Text) -> None:
    lan, dung = store
    page = counted(lan)
    assert "hộp không có thẻ" in text_of(lan.browser.get(page).text)
    by_hand = lan.send(f"{page}/by-hand")
    assert by_hand.url.path.startswith("/count/stocktakes/")
    assert dung.send(f"{page}/by-hand").url.path == by_hand.url.path
    products = world.rows("SELECT DISTINCT product_id FROM stocktake_line ORDER BY 1")
    assert (GTIN,) in products
    assert ("MOR10",) not in products, "every unit of it has a tag"
    assert by_hand.url.path in lan.browser.get(page).text


def test_the_page_follows_the_readers_and_what_others_do(
    world: WORLD, store: tuple[Counter, Counter], text_of: Text
) -> None:
    lan, dung = store
    page = counted(lan)
    world.feed.ready = []
    html = lan.browser.get(page).text
    stream = re.search(r'data-stream="([^"]+)"', html)
    assert stream
    world.feed.ends = True
    sent = dung.browser.get(stream[1], headers={"accept": "text/event-stream"}).text
    assert 'id="banner"' in sent
    last = world.rows("SELECT kind, payload ->> 'tag_count_id' FROM live_event ORDER BY live_event_id DESC LIMIT 1")
    assert last == [("tag_count", page.rpartition("/")[2])]
    assert "đang thấy 3 thẻ" in text_of(html)
