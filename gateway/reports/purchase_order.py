"""Đơn đặt hàng (purchase order) and bảng dự trù (what a place should order, and why), with prices if they are known.

Columns are our own: no form is prescribed for a hospital's order to its supplier. Amounts are whole đồng.
"""

from dataclasses import dataclass
from datetime import date

from gateway.reports import wording
from gateway.reports.document import (
    Column,
    Document,
    Facts,
    Letterhead,
    Paragraph,
    Row,
    Signature,
    Signatures,
    Table,
)
from gateway.reports.pdf import render


def in_packs(quantity: int, pack_units: int, unit: str) -> str:
    """Ten packs of 12 as `10 x 12 gói`; empty if it is counted in base units."""
    if pack_units == 1 or quantity % pack_units:
        return ""
    return f"{wording.number(quantity // pack_units)} \N{MULTIPLICATION SIGN} {wording.number(pack_units)} {unit}"


@dataclass(frozen=True)
class PurchaseOrderLine:
    """One product."""

    product_id: str
    product_name: str
    registration_numbers: str
    unit: str
    quantity: int
    """Base units."""
    pack_units: int = 1
    """Of the pack that it is ordered in."""
    unit_price_vnd: int | None = None
    """Of a base unit, as it was last."""


@dataclass(frozen=True)
class PurchaseOrder:
    """What is ordered."""

    number: str
    day: date
    supplier: str
    place: str
    expected_on: date | None
    note: str
    changes: int
    """How often it was changed since it was first written."""
    ordered_by: str
    lines: tuple[PurchaseOrderLine, ...]
    cancelled: bool = False


@dataclass(frozen=True)
class PlannedLine:
    """One product that runs short. Numbers are base units."""

    product_id: str
    product_name: str
    unit: str
    on_hand: int
    reorder_point: int | None
    max_units: int | None
    ordered: int
    """On its way already."""
    packs: str
    quantity: int
    last_supplier: str


def order_plan_pdf(place: str, day: date, lines: tuple[PlannedLine, ...], letterhead: Letterhead) -> bytes:
    """What the place should order on that day, as PDF."""
    return render(order_plan(place, day, lines, letterhead))


def order_plan(place: str, day: date, lines: tuple[PlannedLine, ...], letterhead: Letterhead) -> Document:
    """What the place should order, as a document to be approved."""
    rows = tuple(
        Row(
            (
                *(str(number), line.product_id, line.product_name, line.unit),
                *("" if value is None else wording.number(value) for value in _levels(line)),
                *(line.packs, wording.number(line.quantity), line.last_supplier),
            )
        )
        for number, line in enumerate(lines, 1)
    )
    columns = (
        Column("STT", 9, "center"),
        Column("Mã", 24),
        Column("Tên thuốc, hàm lượng", 66),
        Column("ĐVT", 15, "center"),
        Column("Tồn", 18, "right"),
        Column("Mức đặt", 18, "right"),
        Column("Tối đa", 18, "right"),
        Column("Đã đặt", 18, "right"),
        Column("Số hộp", 28, "right", "Đề nghị mua"),
        Column("Theo ĐVT", 20, "right", "Đề nghị mua"),
        Column("Nhà cung cấp lần trước", 38),
    )
    return Document(
        letterhead=letterhead,
        title="BẢNG DỰ TRÙ MUA THUỐC",
        subtitle=wording.long_day(day).capitalize(),
        landscape=True,
        parts=(
            Facts((("Cho kho", place),)),
            Table(columns, rows),
            Signatures(
                (Signature("Người lập", letterhead.printed_by), Signature("Trưởng khoa Dược"), Signature("Giám đốc"))
            ),
        ),
    )


def _levels(line: PlannedLine) -> tuple[int | None, ...]:
    return (line.on_hand, line.reorder_point, line.max_units, line.ordered)


def purchase_order_pdf(order: PurchaseOrder, letterhead: Letterhead) -> bytes:
    """The order as PDF."""
    return render(purchase_order(order, letterhead))


def purchase_order(order: PurchaseOrder, letterhead: Letterhead) -> Document:
    """The order as a document."""
    changed = f" (thay đổi lần {order.changes})" if order.changes else ""
    parts: list[Facts | Table | Paragraph | Signatures] = []
    if order.cancelled:
        parts.append(Paragraph("ĐƠN HÀNG NÀY ĐÃ HỦY.", strong=True))
    parts += [
        Facts(
            (
                ("Kính gửi nhà cung cấp", order.supplier),
                ("Giao tại", order.place),
                ("Ngày cần hàng", wording.day(order.expected_on)),
                ("Ghi chú", order.note),
            )
        ),
        *_goods(order.lines),
        Signatures(
            (
                Signature("Người lập", order.ordered_by),
                Signature("Trưởng khoa Dược"),
                Signature("Giám đốc"),
            )
        ),
    ]
    return Document(
        letterhead=letterhead,
        title="ĐƠN ĐẶT HÀNG",
        subtitle=wording.long_day(order.day).capitalize() + changed,
        number=order.number,
        landscape=True,
        parts=tuple(parts),
    )


def _goods(lines: tuple[PurchaseOrderLine, ...]) -> tuple[Table | Paragraph, ...]:
    amounts = [None if line.unit_price_vnd is None else line.unit_price_vnd * line.quantity for line in lines]
    total = sum(amount for amount in amounts if amount is not None)
    rows = [
        Row(
            (
                *(str(place), line.product_id, line.product_name, line.registration_numbers, line.unit),
                *(in_packs(line.quantity, line.pack_units, line.unit), wording.number(line.quantity)),
                *("" if value is None else wording.number(value) for value in (line.unit_price_vnd, amount)),
            )
        )
        for place, (line, amount) in enumerate(zip(lines, amounts, strict=True), 1)
    ]
    rows.append(Row(("", "", "Cộng", "", "", "", "", "", wording.number(total)), strong=True))
    columns = (
        Column("STT", 9, "center"),
        Column("Mã", 24),
        Column("Tên thuốc, hàm lượng", 74),
        Column("Số đăng ký", 34),
        Column("ĐVT", 15, "center"),
        Column("Số hộp", 32, "right", "Số lượng"),
        Column("Theo ĐVT", 22, "right", "Số lượng"),
        Column("Đơn giá (đ)", 24, "right"),
        Column("Thành tiền (đ)", 28, "right"),
    )
    words = f"Giá trị dự kiến (viết bằng chữ): {wording.in_words(total)} đồng."
    if None in amounts:
        words += f" Chưa có đơn giá: {amounts.count(None)} dòng."
    return Table(columns, tuple(rows)), Paragraph(words)
