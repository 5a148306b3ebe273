"""A hospital's documents with made-up content, for the tests of reports."""

from datetime import date, datetime, timedelta, timezone

from gateway.reports.controlled_book import (
    BookLine,
    ControlledBook,
    ControlledKind,
    ControlledRegister,
    RegisterLine,
)
from gateway.reports.destruction_minutes import DestroyedLine, DestructionMinutes
from gateway.reports.document import Letterhead
from gateway.reports.goods_documents import GoodsLine, GoodsReceipt, IssueNote
from gateway.reports.recall_notice import RecalledDispensing, RecalledStock, RecallNotice
from gateway.reports.stocktake_documents import CountedLine, SheetLine, StocktakeMinutes, StocktakeSheet
from gateway.reports.store_card import StoreCard, StoreCardLine

HANOI = timezone(timedelta(hours=7))
NOW = datetime(2026, 11, 22, 15, 4, tzinfo=HANOI)
LETTERHEAD = Letterhead("SỞ Y TẾ THÀNH PHỐ HỒ CHÍ MINH", "BỆNH VIỆN NHI ĐỒNG", "Khoa Dược", NOW, "DS. Lê Văn Hổ")
EXPIRY = date(2028, 1, 31)


def store_card(lines: int = 60) -> StoreCard:
    """Every third line a receipt of 1,000, the others issues of 150."""
    return StoreCard(
        product_id="PARA500",
        product_name="Paracetamol 500 mg viên nén",
        registration_number="VD-12345-17",
        unit="viên",
        place="Kho chẵn",
        first_day=date(2026, 1, 1),
        last_day=date(2026, 3, 31),
        opening_balance=1234,
        lines=tuple(
            StoreCardLine(
                day=date(2026, 1, 1) + timedelta(days=place),
                document_number=f"PX-2026-{place:06}",
                description="Xuất khoa Sơ sinh <Nội & trú> theo phiếu lĩnh" if place % 3 else "Nhập của Công ty Ước Mơ",
                quantity_in=0 if place % 3 else 1000,
                quantity_out=150 if place % 3 else 0,
                lot="L0012E5",
                expiry_date=EXPIRY,
            )
            for place in range(lines)
        ),
        keeper="Nguyễn Thị Ánh",
    )


CONTROLLED_BOOK = ControlledBook(
    kind=ControlledKind.NARCOTIC,
    product_name="Morphin hydroclorid 10 mg/ml, thuốc tiêm",
    unit="ống",
    place="Tủ gây nghiện",
    first_day=date(2026, 11, 1),
    last_day=date(2026, 11, 30),
    opening_balance=20,
    lines=(
        BookLine(date(2026, 11, 3), "Công ty Dược phẩm TW 2", "PN-000123", "", 100, 0, "M2601", EXPIRY),
        BookLine(date(2026, 11, 5), "Khoa Hồi sức sơ sinh", "", "PX-000456", 0, 7, "M2601", EXPIRY, "1 ống vỡ"),
    ),
    keeper="DS. Phạm Thị Diễm",
)
CONTROLLED_REGISTER = ControlledRegister(
    place="Tủ gây nghiện",
    first_day=date(2026, 11, 1),
    last_day=date(2026, 11, 30),
    lines=(
        RegisterLine(NOW, "Morphin 10 mg/ml", "M2601", "Xuất khoa", 7, "ống", 112, 113, "Lê Văn Hổ", "Trần Thị Bưởi"),
        RegisterLine(NOW, "Morphin 10 mg/ml", "M2601", "Nhập kho", 100, "ống", 120, 120, "Lê Văn Hổ", "Đỗ Quỳnh"),
    ),
)
SHEET = StocktakeSheet(
    "KK-2026-0007",
    "Kho lẻ ngoại trú",
    (
        SheetLine("PARA500", "Paracetamol 500 mg", "viên", "L1", EXPIRY, "A-01"),
        SheetLine("AMOX250", "Amoxicillin 250 mg", "gói", "L2", EXPIRY, "A-02"),
    ),
)
MINUTES = StocktakeMinutes(
    number="KK-2026-0007",
    place="Kho lẻ ngoại trú",
    started_at=NOW - timedelta(hours=3),
    ended_at=NOW,
    committee=(("Võ Thị Thu", "Chủ tịch hội đồng"), ("Lê Văn Hổ", ""), ("Nguyễn Ánh", "Kế toán")),
    counted_by="Lê Văn Hổ",
    verified_by="Nguyễn Ánh",
    lines=(
        CountedLine("Paracetamol 500 mg", "viên", "L1", EXPIRY, 1000, 998, 250, "Rơi vỡ"),
        CountedLine("Amoxicillin 250 mg", "gói", "L2", EXPIRY, 40, 43, 1500, "Nhập thiếu phiếu"),
        CountedLine("Gạc vô trùng", "cái", "", None, 10, 10),
    ),
    conclusion="Đề nghị điều chỉnh sổ theo thực tế.",
)
LINES = (
    GoodsLine("PARA500", "Paracetamol 500 mg", "viên", "L1", EXPIRY, 1000, 1000, 250),
    GoodsLine("VACXIN6", "Vắc xin 6 trong 1", "liều", "H77", EXPIRY, 50, 48, 865_200),
    GoodsLine("GAC", "Gạc vô trùng", "cái", "", None, 10, 10),
)
RECEIPT = GoodsReceipt(
    "PN-2026-000123",
    date(2026, 11, 22),
    "Công ty CP Dược phẩm Ước Mơ",
    "Hóa đơn 0001234",
    "Kho chẵn",
    LINES,
    "Đặng Văn Tài",
    "Nguyễn Thị Ánh",
)
ISSUE = IssueNote(
    "PX-2026-000456",
    date(2026, 11, 22),
    "Khoa Sơ sinh",
    "Dùng cho nội trú",
    "Kho chẵn",
    LINES,
    "ĐD. Huỳnh Mỹ",
    "Nguyễn Thị Ánh",
)
DESTRUCTION = DestructionMinutes(
    number="BBH-2026-003",
    at=NOW,
    place="Khu xử lý chất thải",
    method="Đốt trong lò theo hợp đồng",
    decision="Số 45/QĐ-BV ngày 20/11/2026",
    committee=(("Võ Thị Thu", "Chủ tịch hội đồng"), ("Lê Văn Hổ", "Dược sĩ")),
    done_by="Lê Văn Hổ",
    witnessed_by="Trần Thị Bưởi",
    lines=(DestroyedLine("Morphin 10 mg/ml", "ống", "M2601", EXPIRY, 3, "Vỡ", "Gây nghiện"),),
)
RECALL = RecallNotice(
    number="TH-2026-001",
    decided_at=NOW,
    source="Công văn 1234/QLD-CL ngày 21/11/2026",
    level="Mức độ 2",
    reason="Không đạt tiêu chuẩn chất lượng về độ hòa tan",
    product_name="Amoxicillin 250 mg",
    registration_number="VD-777-20",
    lot="L2",
    expiry_date=EXPIRY,
    unit="gói",
    received=100,
    stock=(RecalledStock("Kho chẵn", 40, ("SN1", "SN2")), RecalledStock("Khoa Nội", 5)),
    dispensed=(RecalledDispensing("NB-000123", "Nguyễn Thị Ánh Dương", date(2026, 11, 10), 21, "Quầy 1", "DP-1"),),
    elsewhere=(("đã hủy", 30),),
)
