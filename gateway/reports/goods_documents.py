"""Phiếu nhập kho (goods receipt) and phiếu xuất kho (issue note).

Columns after forms 01-VT and 02-VT of circular 200/2014/TT-BTC (quantity by document and real, unit price, amount,
total in words), with lot and expiry added. Amounts are whole đồng, as they are invoiced.
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


@dataclass(frozen=True)
class GoodsLine:
    """One lot of one product."""

    product_id: str
    product_name: str
    unit: str
    lot: str
    expiry_date: date | None
    quantity_asked: int
    """As the supplier's document or the ward's request says."""
    quantity_real: int
    unit_price_vnd: int | None = None

    @property
    def amount_vnd(self) -> int | None:
        """Real quantity times price; None without a price."""
        return None if self.unit_price_vnd is None else self.quantity_real * self.unit_price_vnd


@dataclass(frozen=True)
class GoodsReceipt:
    """What came in."""

    number: str
    day: date
    supplier: str
    supplier_document: str
    place: str
    lines: tuple[GoodsLine, ...]
    delivered_by: str = ""
    keeper: str = ""
    form: str = ""


@dataclass(frozen=True)
class IssueNote:
    """What went out to a ward."""

    number: str
    day: date
    receiver: str
    reason: str
    place: str
    lines: tuple[GoodsLine, ...]
    received_by: str = ""
    keeper: str = ""
    form: str = ""


def goods_receipt_pdf(receipt: GoodsReceipt, letterhead: Letterhead) -> bytes:
    """The receipt as PDF."""
    return render(goods_receipt(receipt, letterhead))


def issue_note_pdf(note: IssueNote, letterhead: Letterhead) -> bytes:
    """The note as PDF."""
    return render(issue_note(note, letterhead))


def goods_receipt(receipt: GoodsReceipt, letterhead: Letterhead) -> Document:
    """The receipt as a document."""
    facts = (
        ("Nhà cung cấp", receipt.supplier),
        ("Theo chứng từ", receipt.supplier_document),
        ("Người giao", receipt.delivered_by),
        ("Nhập tại kho", receipt.place),
    )
    goods = _goods(receipt.lines, "Theo chứng từ", "Thực nhập")
    other = Signature("Người giao hàng", receipt.delivered_by)
    return _paper("PHIẾU NHẬP KHO", receipt, letterhead, facts=Facts(facts), goods=goods, other=other)


def issue_note(note: IssueNote, letterhead: Letterhead) -> Document:
    """The note as a document."""
    facts = (
        ("Nơi nhận", note.receiver),
        ("Người nhận", note.received_by),
        ("Lý do xuất", note.reason),
        ("Xuất tại kho", note.place),
    )
    goods = _goods(note.lines, "Yêu cầu", "Thực xuất")
    other = Signature("Người nhận hàng", note.received_by)
    return _paper("PHIẾU XUẤT KHO", note, letterhead, facts=Facts(facts), goods=goods, other=other)


def _paper(
    title: str,
    about: GoodsReceipt | IssueNote,
    letterhead: Letterhead,
    *,
    facts: Facts,
    goods: tuple[Table | Paragraph, ...],
    other: Signature,
) -> Document:
    """`other` is who hands over or receives, and signs beside our own people."""
    writer = Signature("Người lập phiếu", letterhead.printed_by)
    signers = (writer, other, Signature("Thủ kho", about.keeper), Signature("Trưởng khoa Dược"))
    return Document(
        letterhead=letterhead,
        title=title,
        subtitle=wording.long_day(about.day).capitalize(),
        number=about.number,
        form=about.form,
        landscape=True,
        parts=(facts, *goods, Signatures(signers)),
    )


def _goods(lines: tuple[GoodsLine, ...], asked: str, real: str) -> tuple[Table | Paragraph, ...]:
    rows = [_row(place, line) for place, line in enumerate(lines, 1)]
    amounts = [line.amount_vnd for line in lines]
    total = sum(amount for amount in amounts if amount is not None)
    rows.append(Row(("", "", "Cộng", "", "", "", "", "", "", wording.number(total)), strong=True))
    columns = (
        Column("STT", 9, "center"),
        Column("Mã", 24),
        Column("Tên thuốc, hàm lượng", 70),
        Column("ĐVT", 15, "center"),
        Column("Số lô", 26),
        Column("Hạn dùng", 22, "center"),
        Column(asked, 22, "right", "Số lượng"),
        Column(real, 20, "right", "Số lượng"),
        Column("Đơn giá (đ)", 24, "right"),
        Column("Thành tiền (đ)", 28, "right"),
    )
    words = f"Tổng số tiền (viết bằng chữ): {wording.in_words(total)} đồng."
    if None in amounts:
        words += f" Chưa có đơn giá: {amounts.count(None)} dòng."
    return Table(columns, tuple(rows)), Paragraph(words)


def _row(place: int, line: GoodsLine) -> Row:
    cells = (
        str(place),
        line.product_id,
        line.product_name,
        line.unit,
        line.lot,
        wording.day(line.expiry_date),
        wording.number(line.quantity_asked),
        wording.number(line.quantity_real),
        "" if line.unit_price_vnd is None else wording.number(line.unit_price_vnd),
        "" if line.amount_vnd is None else wording.number(line.amount_vnd),
    )
    return Row(cells, strong=line.quantity_real != line.quantity_asked)
