"""Printed documents: read back by pypdf, and their pages drawn by pdfium; neither made them."""

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pypdf
import pypdfium2
import pytest
from PIL import Image

from gateway.reports import wording
from gateway.reports.controlled_book import controlled_book_pdf, controlled_register_pdf
from gateway.reports.destruction_minutes import DestructionMinutes, destruction_minutes_pdf
from gateway.reports.document import Column, Document, Facts, Letterhead, Paragraph, Row, Table
from gateway.reports.goods_documents import goods_receipt_pdf, issue_note_pdf
from gateway.reports.pdf import render
from gateway.reports.recall_notice import recall_notice_pdf
from gateway.reports.stocktake_documents import stocktake_minutes_pdf, stocktake_sheet_pdf
from gateway.reports.store_card import store_card_pdf
from tests.gateway import report_samples as samples

EVERY_DOCUMENT: list[tuple[Callable[[Any, Letterhead], bytes], Any, str]] = [
    (store_card_pdf, samples.store_card(5), "THẺ KHO"),
    (controlled_book_pdf, samples.CONTROLLED_BOOK, "SỔ THEO DÕI XUẤT, NHẬP, TỒN KHO THUỐC GÂY NGHIỆN"),
    (controlled_register_pdf, samples.CONTROLLED_REGISTER, "SỔ GIAO NHẬN THUỐC PHẢI KIỂM SOÁT ĐẶC BIỆT"),
    (stocktake_sheet_pdf, samples.SHEET, "PHIẾU KIỂM KÊ THUỐC"),
    (stocktake_minutes_pdf, samples.MINUTES, "BIÊN BẢN KIỂM KÊ THUỐC"),
    (goods_receipt_pdf, samples.RECEIPT, "PHIẾU NHẬP KHO"),
    (issue_note_pdf, samples.ISSUE, "PHIẾU XUẤT KHO"),
    (destruction_minutes_pdf, samples.DESTRUCTION, "BIÊN BẢN HỦY THUỐC"),
    (recall_notice_pdf, samples.RECALL, "THÔNG BÁO THU HỒI THUỐC"),
]


def text_of(pdf: bytes) -> list[str]:
    """One text a page, all white space as one space."""
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def picture(pdf: bytes, page: int = 0) -> Image.Image:
    document = pypdfium2.PdfDocument(pdf)
    try:
        drawn: Image.Image = document[page].render(scale=1).to_pil().convert("L")
        return drawn
    finally:
        document.close()


@pytest.mark.parametrize(("make", "content", "title"), EVERY_DOCUMENT, ids=[each[2] for each in EVERY_DOCUMENT])
def test_every_document_has_its_letterhead_title_page_numbers_and_same_bytes_again(
    make: Callable[[Any, Letterhead], bytes], content: object, title: str
) -> None:
    pdf = make(content, samples.LETTERHEAD)
    pages = text_of(pdf)
    assert title in pages[0]
    assert "BỆNH VIỆN NHI ĐỒNG Khoa Dược" in pages[0]
    for place, page in enumerate(pages, 1):
        assert f"Trang {place}/{len(pages)}" in page
        assert "In lúc 15:04 22/11/2026, người in: DS. Lê Văn Hổ" in page
    assert make(content, samples.LETTERHEAD) == pdf
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    assert reader.metadata is not None
    assert reader.metadata.creation_date == samples.NOW
    drawn = picture(pdf)
    dark = sum(drawn.histogram()[:128])
    assert 0.005 < dark / (drawn.width * drawn.height) < 0.2
    fonts = {str(font["/BaseFont"]) for page in reader.pages for font in _fonts(page)}
    assert {font.partition("+")[2] for font in fonts} <= {"Roboto-Regular", "Roboto-Bold", "Roboto-Italic"}


def _fonts(page: pypdf.PageObject) -> list[Any]:
    """Fonts that a page uses; reportlab names Helvetica on each page without using it."""
    resources: Any = page["/Resources"]
    return [font.get_object() for font in resources["/Font"].values() if "+" in str(font.get_object()["/BaseFont"])]


def test_a_store_card_runs_over_pages_with_its_heading_and_ends_in_the_right_balance() -> None:
    pages = text_of(store_card_pdf(samples.store_card(60), samples.LETTERHEAD))
    assert len(pages) == 3
    for page in pages:
        assert "STT Ngày Số chứng từ Diễn giải Số lô Hạn dùng Số lượng Nhập Xuất Tồn" in page
    assert "Tồn đầu kỳ 1.234" in pages[0]
    assert "1 01/01/2026 PX-2026-000000 Nhập của Công ty Ước Mơ L0012E5 31/01/2028 1.000 2.234" in pages[0]
    assert "Cộng phát sinh và tồn cuối kỳ 20.000 6.000 15.234" in pages[-1]
    assert "<Nội & trú>" in pages[0]
    assert "Thủ kho" in pages[-1]


def test_a_store_card_without_movements_carries_its_balance_forward() -> None:
    [page] = text_of(store_card_pdf(samples.store_card(0), samples.LETTERHEAD))
    assert "Tồn đầu kỳ 1.234" in page
    assert "tồn cuối kỳ 0 0 1.234" in page


def test_signatures_are_never_torn_from_each_other() -> None:
    for lines in range(15, 30):
        last = text_of(store_card_pdf(samples.store_card(lines), samples.LETTERHEAD))[-1]
        assert "Thủ kho Kế toán dược Trưởng khoa Dược" in last
        assert "Nguyễn Thị Ánh" in last


def test_the_book_of_a_narcotic_says_where_each_ampoule_went() -> None:
    [page] = text_of(controlled_book_pdf(samples.CONTROLLED_BOOK, samples.LETTERHEAD))
    assert "Tên thuốc, nồng độ, hàm lượng: Morphin hydroclorid 10 mg/ml, thuốc tiêm" in page
    assert "03/11/2026 Công ty Dược phẩm TW 2 PN-000123 100 120 M2601, 31/01/2028" in page
    assert "05/11/2026 Khoa Hồi sức sơ sinh PX-000456 7 113 M2601, 31/01/2028 1 ống vỡ" in page
    assert "Cộng và tồn cuối kỳ 100 7 113" in page


def test_the_register_names_both_persons_and_the_difference() -> None:
    [page] = text_of(controlled_register_pdf(samples.CONTROLLED_REGISTER, samples.LETTERHEAD))
    assert "7 ống 113 112 -1 Lê Văn Hổ Trần Thị Bưởi" in page
    assert "Số nghiệp vụ: 2. Số lần đếm lệch sổ: 1." in page


def test_a_counting_sheet_shows_no_quantity() -> None:
    [page] = text_of(stocktake_sheet_pdf(samples.SHEET, samples.LETTERHEAD))
    assert "1 A-01 PARA500 Paracetamol 500 mg viên L1 31/01/2028 2 A-02 AMOX250" in page
    assert " 3 4 5 6 7 " in page


def test_minutes_of_a_stocktake_say_what_is_missing_and_what_it_is_worth() -> None:
    page = " ".join(text_of(stocktake_minutes_pdf(samples.MINUTES, samples.LETTERHEAD)))
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM Độc lập - Tự do - Hạnh phúc" in page
    assert "1.000 998 2 Rơi vỡ" in page
    assert "40 43 3 Nhập thiếu phiếu" in page
    assert "Số mặt hàng kiểm kê: 3. Số mặt hàng lệch: 2. Giá trị chênh lệch: 4.000 đ." in page
    assert "1. Chủ tịch hội đồng: Võ Thị Thu" in page


def test_a_receipt_adds_up_in_figures_and_in_words() -> None:
    [page] = text_of(goods_receipt_pdf(samples.RECEIPT, samples.LETTERHEAD))
    assert "50 48 865.200 41.529.600" in page
    assert "Cộng 41.779.600" in page
    assert "Bốn mươi mốt triệu bảy trăm bảy mươi chín nghìn sáu trăm đồng. Chưa có đơn giá: 1 dòng." in page
    [issue] = text_of(issue_note_pdf(samples.ISSUE, samples.LETTERHEAD))
    assert "Nơi nhận: Khoa Sơ sinh" in issue
    assert "Số: PX-2026-000456" in issue


def test_nothing_is_destroyed_by_one_person_alone() -> None:
    [page] = text_of(destruction_minutes_pdf(samples.DESTRUCTION, samples.LETTERHEAD))
    assert "Morphin 10 mg/ml ống M2601 31/01/2028 3 Gây nghiện Vỡ" in page
    assert "Người thực hiện Người chứng kiến" in page
    for done, witnessed in (("A", "A"), ("A", ""), ("", "B")):
        with pytest.raises(ValueError, match="two different people"):
            DestructionMinutes("1", samples.NOW, "", "", "", (), done, witnessed, ())


def test_a_recall_accounts_for_every_unit() -> None:
    page = " ".join(text_of(recall_notice_pdf(samples.RECALL, samples.LETTERHEAD)))
    assert "Kho chẵn 40 SN1, SN2" in page
    assert "NB-000123 Nguyễn Thị Ánh Dương 10/11/2026 21 Quầy 1 DP-1" in page
    assert "Đã nhập 100: còn tại kho 45, đã cấp phát 21, đã hủy 30. Chưa rõ: 4 gói." in page


@pytest.mark.parametrize("hostile", ["<b>x", "&amp;<font", "a\x00b\x1f", "]]>", "\ud800", "漢字", "x" * 400])
def test_no_name_breaks_a_document(hostile: str) -> None:
    table = Table((Column("Tên", 20), Column("Số", 10)), (Row((hostile, "1")), Row((hostile * 3, "2"), strong=True)))
    pdf = render(Document(samples.LETTERHEAD, hostile[:50], (Paragraph(hostile), table), subtitle=hostile[:50]))
    assert "1" in text_of(pdf)[0]


def test_a_text_that_is_longer_than_a_page_is_cut_in_a_cell_and_flows_on_in_a_paragraph() -> None:
    endless = "ước mơ " * 3000
    table = Table((Column("Tên", 20), Column("Ghi chú", 60)), (Row((endless, "1")), Row(("2", endless), strong=True)))
    parts = (Paragraph(endless), Facts((("Lý do", endless),)), table)
    pages = text_of(render(Document(samples.LETTERHEAD, "SỔ", parts, subtitle=endless)))
    text = " ".join(pages)
    assert len(pages) > 3
    assert text.count("[...]") == 4
    assert text.count("ước mơ") > 3000


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="row 2 has 1 cells, expected 2"):
        Table((Column("a", 1), Column("b", 1)), (Row(("1", "2")), Row(("1",))))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "Không"),
        (5, "Năm"),
        (10, "Mười"),
        (15, "Mười lăm"),
        (21, "Hai mươi mốt"),
        (105, "Một trăm linh năm"),
        (1_005, "Một nghìn không trăm linh năm"),
        (1_000_000, "Một triệu"),
        (1_050_000, "Một triệu không trăm năm mươi nghìn"),
        (2_000_000_007, "Hai tỷ không trăm linh bảy"),
        (1_234_567_891, "Một tỷ hai trăm ba mươi bốn triệu năm trăm sáu mươi bảy nghìn tám trăm chín mươi mốt"),
    ],
)
def test_sums_are_written_as_a_bookkeeper_would(value: int, words: str) -> None:
    assert wording.in_words(value) == words


def test_a_sum_below_zero_has_no_words() -> None:
    with pytest.raises(ValueError, match="-1"):
        wording.in_words(-1)


def test_a_moment_is_written_in_its_own_time_zone() -> None:
    assert wording.moment(datetime(2026, 1, 2, 3, 4, tzinfo=samples.HANOI)) == "03:04 02/01/2026"
