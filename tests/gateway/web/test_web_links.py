"""Every link of every page leads somewhere, whoever is signed in: no page is missing, none breaks, papers are there."""

import re
import uuid
from collections import deque
from collections.abc import Callable
from html import unescape
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
import pytest

from tests.gateway.web.work_store import GTIN, PRODUCT, Store, receipt

WORLD = Any
Token = Callable[[httpx.Client], str]
STOCK = "/api/v1/stock"
pytestmark = pytest.mark.timeout(300)
LINKS = re.compile(r'<a\b[^>]*?\bhref="([^"]+)"|<(?:script|img)\b[^>]*?\bsrc="([^"]+)"|<link\b[^>]*?\bhref="([^"]+)"')
FORMS = re.compile(r'<form\b[^>]*?\bmethod="get"[^>]*>.*?</form>', re.DOTALL)
MOST = 400
"""Pages are few; more than this is a page that makes links to itself without end."""


def act(**more: object) -> dict[str, Any]:
    return {"document_id": str(uuid.uuid4()), "note": "", **more}


def line(quantity: int = 12, **more: object) -> dict[str, Any]:
    return {"product_id": PRODUCT, "lot": "B77", "expiry_date": "2028-01-31", "quantity": quantity} | more


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code in {200, 201}, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def furnished(world: WORLD, csrf_token: Token) -> WORLD:
    """The hospital with one document of every kind, an order, a recall, a hold, a stocktake and a controlled drug."""
    world.execute("INSERT INTO place (place_id, kind, name_vi, name_en) VALUES ('ward-1', 'ward', 'Khoa Nội', 'Ward')")
    lan, dung = Store.stocked(world, csrf_token), Store(world, csrf_token)
    world.execute("INSERT INTO stock_level_rule VALUES ('main-store', %s, 500, 400, 2000)", PRODUCT)
    _goods_in_and_moved(lan)
    _given_out(lan, dung)
    _counted(lan, dung)
    return world


def _goods_in_and_moved(lan: Store) -> None:
    order = done(
        lan.post(
            f"{STOCK}/orders",
            act(supplier_name="A", place_id="main-store", lines=[{"product_id": PRODUCT, "quantity": 240}]),
        )
    )
    done(lan.post(f"{STOCK}/receipts", receipt(lines=[line(120)], order_id=order["document_id"])))
    away = {"from_place_id": "main-store", "to_place_id": "shelf-1"}
    put_away = act(**away, lines=[line()], override_reason="storage_other")
    reason = next(one["reason_code"] for one in lan.browser.get(f"{STOCK}/reasons?applies_to=storage").json())
    done(lan.post(f"{STOCK}/put-aways", put_away | {"override_reason": reason}))
    ward = {"from_place_id": "main-store", "to_place_id": "ward-1"}
    sent = done(lan.post(f"{STOCK}/transfers", act(**ward, lines=[line(24)])))
    done(lan.post(f"{STOCK}/transfers/{sent['document_id']}/arrivals", act(lines=[line()])))
    back = act(from_place_id="ward-1", to_place_id="main-store", lines=[line(6)], reason_code="return_not_needed")
    done(lan.post(f"{STOCK}/returns-from-wards", back))
    gone = act(from_place_id="main-store", supplier_name="A", lines=[line(6)], reason_code="return_not_needed")
    done(lan.post(f"{STOCK}/returns-to-suppliers", gone))
    less = act(place_id="main-store", direction="less", lines=[line(1)], reason_code="adjust_lost")
    adjusted = done(lan.post(f"{STOCK}/adjustments", less))
    undo = act(reason_code="reverse_entered_wrong")
    done(lan.post(f"{STOCK}/documents/{adjusted['document_id']}/undo", undo))
    apart = act(place_id="main-store", sources=[line(gtin=GTIN)], targets=[line()])
    done(lan.post(f"{STOCK}/repackings", apart))


def _given_out(lan: Store, dung: Store) -> None:
    for path, more in (
        ("issues", {"to_place_id": "ward-1"}),
        ("dispensings", {"prescription_number": "DT-1"}),
    ):
        asked = act(from_place_id="main-store", lines=[{"product_id": PRODUCT, "quantity": 2}], **more)
        done(lan.post(f"{STOCK}/{path}", asked))
        done(lan.post(f"{STOCK}/outgoing/{asked['document_id']}/hand-over", {"as_proposed": True}))
    waste = act(place_id="main-store", reason="vỡ", lines=[{"product_id": PRODUCT, "lot": "B77", "quantity": 1}])
    done(lan.post(f"{STOCK}/destructions", waste))
    done(dung.post(f"{STOCK}/destructions/{waste['document_id']}/confirm", {}))
    lot = {"product_id": PRODUCT, "lot": "B77", "reason": "Công văn 1"}
    done(lan.post(f"{STOCK}/holds", lot | {"hold_id": str(uuid.uuid4()), "kind": "quarantine"}))
    done(lan.post(f"{STOCK}/recalls", lot | {"recall_id": str(uuid.uuid4())}))


def _counted(lan: Store, dung: Store) -> None:
    stocktake = str(uuid.uuid4())
    start = {"stocktake_id": stocktake, "place_ids": ["ward-1"], "places_below": False, "tolerance_units": 5}
    done(lan.post("/api/v1/stocktakes", start))
    counted = {"place_id": "ward-1", "product_id": PRODUCT, "lot": "B77", "quantity": 7}
    address = f"/api/v1/stocktakes/{stocktake}"
    done(lan.post(f"{address}/counts", {"request_id": str(uuid.uuid4()), "lines": [counted]}))
    done(lan.post(f"{address}/submit", {"leave_uncounted": True}))
    done(dung.post(f"{address}/verify", {}))
    done(dung.post(f"{address}/post", {}))


SHAPELESS: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b\d{4}-\d\d(?:-\d\d(?:T[0-9A-Z%:.]+)?)?")
"""Ids, months, days and moments: one page of each kind stands for all."""


def links_in(page: str, address: str) -> list[str]:
    """Where a page leads by links and by forms that only ask, each without its fragment."""
    found = [next(part for part in groups if part) for groups in LINKS.findall(page)]
    for form in FORMS.findall(page):
        action = re.search(r'\baction="([^"]+)"', form)
        names = re.findall(r'<input\b[^>]*?\bname="([^"]+)"[^>]*?\bvalue="([^"]*)"', form)
        chosen = re.findall(r'<select\b[^>]*?\bname="([^"]+)".*?<option value="([^"]+)"', form, re.DOTALL)
        fields = {name: unescape(value) for name, value in (*chosen, *names)}
        others = re.findall(r'\bformaction="([^"]+)"', form)
        found += [f"{one}?{urlencode(fields)}" for one in ([action[1]] if action else []) + others]
    ours = [urljoin(address, unescape(one).partition("#")[0]) for one in found]
    return [one for one in ours if not urlsplit(one).netloc]


def walked(browser: httpx.Client, start: str = "/") -> dict[str, httpx.Response]:
    """Every address that can be reached by clicking, with its answer."""
    answers: dict[str, httpx.Response] = {}
    shapes: set[str] = set()
    waiting = deque([start])
    while waiting:
        address = waiting.popleft()
        shape = SHAPELESS.sub("*", address)
        if address in answers or (shape in shapes and shape != address and "/documents/" not in shape):
            continue
        shapes.add(shape)
        assert len(answers) < MOST, f"links without end: {list(answers)[-5:]}"
        answer = browser.get(address, headers={"accept": "text/html, */*"})
        answers[address] = answer
        if answer.is_redirect:
            waiting.append(urljoin(address, answer.headers["location"]))
        elif answer.headers.get("content-type", "").startswith("text/html"):
            waiting += links_in(answer.text, address)
    return answers


def refused(answers: dict[str, httpx.Response]) -> dict[str, int]:
    """What leads nowhere; a form that is sent empty may say on its page what is missing."""
    statuses = {address: answer.status_code for address, answer in answers.items()}
    asked = {address for address in statuses if re.search(r"=(&|$)", address)}
    return {one: status for one, status in statuses.items() if status >= 400 and (one not in asked or status != 422)}


def test_a_pharmacist_finds_every_page_and_every_paper_by_its_link(furnished: WORLD) -> None:
    answers = walked(furnished.signed_in("pharmacist"))
    assert refused(answers) == {}
    papers = {address: answer.content[:5] for address, answer in answers.items() if ".pdf" in address}
    assert set(papers.values()) == {b"%PDF-"}, papers
    assert all(answer.content.startswith(b"\xef\xbb\xbf") for address, answer in answers.items() if ".csv" in address)
    _has_every_paper(answers)


def test_no_link_leads_others_to_a_page_that_is_missing_or_forbidden_or_breaks(furnished: WORLD) -> None:
    for role in ("viewer", "clerk", "on_call", "admin"):
        assert refused(walked(furnished.signed_in(role))) == {}, role


def _has_every_paper(answers: dict[str, httpx.Response]) -> None:
    shapes = {re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", urlsplit(address).path) for address in answers}
    assert shapes >= {
        "/work/documents/*/goods-receipt.pdf",
        "/work/documents/*/lines.csv",
        "/api/v1/stock/documents/*/issue-note.pdf",
        "/api/v1/stock/destructions/*/minutes.pdf",
        "/api/v1/stocktakes/*/minutes.pdf",
        "/count/stocktakes/*/lines.csv",
        "/stock/files/store-card.pdf",
        "/stock/files/store-card.csv",
        "/api/v1/stock/controlled/register.pdf",
        "/work/controlled/register.csv",
        "/api/v1/stock/recalls/*/notice.pdf",
        "/work/recall/*/list.csv",
        "/api/v1/stock/orders/*/order.pdf",
        "/work/orders/*/lines.csv",
        "/api/v1/stock/order-proposals.pdf",
    }
    kinds = {
        answer.text.partition("<h1>")[2].partition("</h1>")[0].rpartition(" ")[2][:2]
        for answer in answers.values()
        if "/work/documents/" in str(answer.url) and answer.headers["content-type"].startswith("text/html")
    }
    assert kinds >= {"PN", "PC", "PD", "PX", "PP", "PT", "DC", "PH", "DG", "KK", "BD"}
