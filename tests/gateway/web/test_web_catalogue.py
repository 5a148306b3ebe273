"""The catalogue's pages and API: a scan leads to its product, a file is checked row by row before it is written."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.pages.catalogue_words import WORDS
from tests.gateway.web.hospital import GTIN

WORLD = Any
TextOf = Callable[[str], str]
Token = Callable[[httpx.Client], str]
ROOT: Final = Path(__file__).parents[3]
PRODUCTS: Final = (
    "Mã thuốc;Tên thuốc;Đơn vị tính;GTIN hộp;Số đơn vị trong hộp;Phân loại kiểm soát\r\n"
    "MOR/10;Morphin 10 mg/1 ml;ống;8936000000011;10;gây nghiện\r\n"
    "GLU30;Dung dịch đường Glucose 30%;chai;;;\r\n"
)


def _bring(
    browser: httpx.Client, csrf: str, data: bytes, kind: str = "products", act: str = "import"
) -> httpx.Response:
    return browser.post(
        "/catalogue/import",
        data={"csrf_token": csrf, "kind": kind, "act": act},
        files={"file": ("danh-mục.csv", data)},
    )


@pytest.fixture
def pharmacist(world: WORLD, csrf_token: Token) -> httpx.Client:
    """Someone at the pharmacy, with a small catalogue."""
    browser: httpx.Client = world.signed_in("pharmacist")
    assert _bring(browser, csrf_token(browser), PRODUCTS.encode()).status_code == 200
    return browser


def test_a_scan_or_a_code_in_the_search_field_opens_the_product(pharmacist: httpx.Client) -> None:
    for q in ("mor/10", "8936000000011", "]d20108936000000011\x1d10A1", "morphin 10"):
        answer = pharmacist.get("/catalogue", params={"q": q})
        assert (answer.status_code, answer.headers["location"]) == (303, "/catalogue/products/MOR%2F10"), q
    page = pharmacist.get("/catalogue/products/MOR%2F10")
    assert page.status_code == 200
    assert "autofocus" in page.text


def test_the_list_finds_without_accents_and_says_when_there_is_nothing(
    pharmacist: httpx.Client, text_of: TextOf
) -> None:
    everything = text_of(pharmacist.get("/catalogue").text)
    assert "Dung dịch đường Glucose 30%" in everything
    assert "Gây nghiện" in everything
    assert pharmacist.get("/catalogue", params={"q": "duong glucose"}).headers["location"].endswith("/GLU30")
    assert "Không có thuốc nào chứa" in text_of(pharmacist.get("/catalogue", params={"q": "xyzzy"}).text)
    assert pharmacist.get("/catalogue", params={"q": "%00\x00"}).status_code == 200


def test_a_product_page_shows_packs_numbers_and_lots_where_they_stand(
    pharmacist: httpx.Client, world: WORLD, text_of: TextOf
) -> None:
    shown = text_of(pharmacist.get("/catalogue/products/MOR%2F10").text)
    assert "08936000000011" in shown
    assert "10 ống" in shown
    [(product,)] = world.rows("SELECT product_id FROM trade_item WHERE gtin = %s", GTIN)
    shown = text_of(pharmacist.get(f"/catalogue/products/{product}").text)
    [(lot, quantity, place)] = world.rows(
        "SELECT b.lot, b.quantity, p.name_vi FROM stock_balance b JOIN stock_account USING (account_id)"
        " JOIN place p USING (place_id) WHERE product_id = %s AND quantity > 0 LIMIT 1",
        product,
    )
    assert lot in shown
    assert f"{quantity:,}".replace(",", ".") in shown
    assert place in shown
    missing = pharmacist.get("/catalogue/products/none", headers={"accept": "text/html"})
    assert missing.status_code == 404
    assert "Danh mục không có thuốc này." in text_of(missing.text)


def test_places_are_shown_as_a_tree_with_what_runs_short(
    pharmacist: httpx.Client, csrf_token: Token, text_of: TextOf
) -> None:
    levels = "place_id;product_id;reorder_point;max_units\nmain-store;GLU30;12;48\n"
    assert _bring(pharmacist, csrf_token(pharmacist), levels.encode(), "levels").status_code == 200
    shown = text_of(pharmacist.get("/catalogue/places").text)
    assert "Dung dịch đường Glucose 30% Kho chính 0 chai 12 \N{EN DASH} 48" in shown
    assert "Tủ vắc-xin 1" in shown
    [line] = pharmacist.get("/api/v1/catalogue/below-reorder-point").json()
    assert (line["product_id"], line["place_id"], line["on_hand"]) == ("GLU30", "main-store", 0)
    assert {place["place_id"]: place["depth"] for place in pharmacist.get("/api/v1/catalogue/places").json()}[
        "fridge-1"
    ] == 1


def test_checking_a_file_lists_each_problem_with_its_mend_and_writes_nothing(
    pharmacist: httpx.Client, world: WORLD, csrf_token: Token, text_of: TextOf
) -> None:
    csrf = csrf_token(pharmacist)
    wrong = PRODUCTS + "X;Thuốc X;viên;8.93501E+12;10;\r\nY;;viên;;;bùa\r\n"
    answer = _bring(pharmacist, csrf, wrong.encode(), act="import")
    shown = text_of(answer.text)
    assert answer.status_code == 422
    assert "Chưa ghi gì: hãy sửa các dòng này trước." in shown
    assert "4 GTIN hộp 8.93501E+12 Phần mềm bảng tính đã rút gọn một số dài, chữ số đã bị mất." in shown
    assert "5 Phân loại kiểm soát bùa Cần một trong các giá trị" in shown
    changed = PRODUCTS.replace("Dung dịch đường Glucose 30%", "Glucose 30%")
    shown = text_of(_bring(pharmacist, csrf, changed.encode(), act="check").text)
    assert "Đã kiểm tra: chưa ghi gì." in shown
    assert "Tên tiếng Việt: Dung dịch đường Glucose 30% → Glucose 30%" in shown
    assert world.rows("SELECT name_vi FROM product WHERE product_id = 'GLU30'") == [("Dung dịch đường Glucose 30%",)]
    assert "Đã nhập." in text_of(_bring(pharmacist, csrf, changed.encode()).text)
    assert world.rows("SELECT name_vi FROM product WHERE product_id = 'GLU30'") == [("Glucose 30%",)]
    assert "Như cũ 2" in text_of(_bring(pharmacist, csrf, changed.encode()).text)
    assert {row[0] for row in world.rows("SELECT username FROM audit WHERE action = 'catalogue_import'")} == {
        pharmacist.get("/api/v1/session").json()["username"]
    }


def test_the_api_searches_and_imports_with_the_same_words(pharmacist: httpx.Client, csrf_token: Token) -> None:
    found = pharmacist.get("/api/v1/catalogue/products", params={"q": "8936000000011"}).json()
    assert (found["exact"], found["products"][0]["control_class"]) == (["MOR/10"], "narcotic")
    assert pharmacist.get("/api/v1/catalogue/products/MOR/10").json()["packs"][0]["units"] == 10
    headers = {"x-csrf-token": csrf_token(pharmacist)}
    for dry_run, written in (("true", False), ("false", True)):
        answer = pharmacist.post(
            "/api/v1/catalogue/imports",
            params={"kind": "lots", "dry_run": dry_run},
            files={"file": ("lo.csv", b"product_id,lot,expiry_date\nGLU30,A1,06/2028\n")},
            headers=headers,
        )
        assert (answer.status_code, answer.json()["new"], answer.json()["written"]) == (200, 1, written)
    wrong = pharmacist.post(
        "/api/v1/catalogue/imports",
        params={"kind": "lots"},
        files={"file": ("lo.csv", b"product_id,lot,expiry_date\nGLU30,A1,soon\n")},
        headers=headers,
    )
    assert wrong.status_code == 422
    assert wrong.json()["findings"][0] == {
        "row": 2,
        "column": "expiry_date",
        "code": "date_format",
        "value": "soon",
        "expected": "Đây không phải là ngày.",
        "mend": "Hãy viết 31/12/2027, hoặc 12/2027 nếu là ngày cuối tháng.",
        "severity": "problem",
    }


def test_a_viewer_reads_the_catalogue_and_imports_nothing(world: WORLD, csrf_token: Token) -> None:
    browser = world.signed_in("viewer")
    assert browser.get("/catalogue").status_code == 200
    assert "/catalogue/import" not in browser.get("/catalogue").text
    assert browser.get("/catalogue/import").status_code == 403
    assert _bring(browser, csrf_token(browser), PRODUCTS.encode()).status_code == 403


def test_every_page_of_the_catalogue_speaks_one_language(pharmacist: httpx.Client, text_of: TextOf) -> None:
    pages = ("/catalogue", "/catalogue/products/GLU30", "/catalogue/places", "/catalogue/import")
    vietnamese = {path: text_of(pharmacist.get(path).text) for path in pages}
    pharmacist.post("/language", data={"language": "en", "next": "/"})
    for path in pages:
        english = text_of(pharmacist.get(path).text)
        assert "Products" in english
        assert "Products" not in vietnamese[path]
        assert "Danh mục thuốc" not in english


def test_every_finding_has_words() -> None:
    """Each code that the source can raise is one that the page can say."""
    sources = [
        *(ROOT / "inventory").glob("catalogue_*.py"),
        *(ROOT / "inventory").glob("table_*.py"),
        *(ROOT / "gateway" / "stock").glob("import_*.py"),
        ROOT / "gateway" / "stock" / "table_file.py",
    ]
    text = "\n".join(source.read_text() for source in sources)
    raised = set(re.findall(r'(?:CellError|Hint|TableFileError)\(\s*"([a-z_]+)"', text))
    raised |= set(re.findall(r'\.(?:problem|hint)\(\s*(?:item\.row,\s*)?[^,()]*,\s*"([a-z_]+)"', text))
    raised |= {"excel_error", "gtin_length", "gtin_character", "missing_column", "double_column", "empty_file"}
    assert len(raised) > 50
    assert raised - set(WORDS) == set()
    assert set(WORDS) - raised <= {"unknown_column", "unnamed_column", "date_swapped", "gtin_of_two_products"}
