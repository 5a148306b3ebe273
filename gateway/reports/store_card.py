"""Thẻ kho (store card): one product in one place over a period, line by line, with the balance after each.

Columns: those of form S12-DN, circular 200/2014/TT-BTC (date, document number, description, received, issued, balance),
with lot and expiry added, as hospital pharmacies keep it. The accountant's column for signatures is left out: the
ledger behind each line names the person.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gateway.reports import wording
from gateway.reports.document import Column, Document, Facts, Letterhead, Row, Signature, Signatures, Table
from gateway.reports.pdf import render


@dataclass(frozen=True)
class StoreCardLine:
    """One movement."""

    day: date
    document_number: str
    description: str
    quantity_in: int
    quantity_out: int
    lot: str = ""
    expiry_date: date | None = None


@dataclass(frozen=True)
class StoreCard:
    """Lines in the order in which they count; balances are computed from the opening one."""

    product_id: str
    product_name: str
    registration_number: str
    unit: str
    place: str
    first_day: date
    last_day: date
    opening_balance: int
    lines: tuple[StoreCardLine, ...]
    keeper: str = ""
    form: str = ""

    @property
    def balances(self) -> tuple[int, ...]:
        """After each line."""
        return running(self.opening_balance, ((line.quantity_in, line.quantity_out) for line in self.lines))


def running(opening: int, changes: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """Balance after each change (in, out)."""
    found: list[int] = []
    balance = opening
    for quantity_in, quantity_out in changes:
        balance += quantity_in - quantity_out
        found.append(balance)
    return tuple(found)


def store_card_pdf(card: StoreCard, letterhead: Letterhead) -> bytes:
    """The card as PDF."""
    return render(store_card(card, letterhead))


def store_card(card: StoreCard, letterhead: Letterhead) -> Document:
    """The card as a document: opening balance first, totals and closing balance last."""
    rows = [Row(("", "", "", "Tồn đầu kỳ", "", "", "", "", wording.number(card.opening_balance)), strong=True)]
    for place, (line, balance) in enumerate(zip(card.lines, card.balances, strict=True), 1):
        cells = (
            str(place),
            wording.day(line.day),
            line.document_number,
            line.description,
            line.lot,
            wording.day(line.expiry_date),
            wording.number_or_blank(line.quantity_in),
            wording.number_or_blank(line.quantity_out),
            wording.number(balance),
        )
        rows.append(Row(cells))
    total_in = sum(line.quantity_in for line in card.lines)
    total_out = sum(line.quantity_out for line in card.lines)
    closing = card.balances[-1] if card.lines else card.opening_balance
    total = ("", "", "", "Cộng phát sinh và tồn cuối kỳ", "", "", *map(wording.number, (total_in, total_out, closing)))
    return Document(
        letterhead=letterhead,
        title="THẺ KHO",
        subtitle=f"Từ {wording.day(card.first_day)} đến {wording.day(card.last_day)}",
        form=card.form,
        parts=(
            Facts(
                (
                    ("Tên thuốc, hàm lượng", card.product_name),
                    ("Mã", card.product_id),
                    ("Số đăng ký", card.registration_number or "không có"),
                    ("Đơn vị tính", card.unit),
                    ("Kho", card.place),
                ),
            ),
            Table(
                (
                    Column("STT", 9, "center"),
                    Column("Ngày", 22, "center"),
                    Column("Số chứng từ", 26),
                    Column("Diễn giải", 45),
                    Column("Số lô", 20),
                    Column("Hạn dùng", 22, "center"),
                    Column("Nhập", 15, "right", "Số lượng"),
                    Column("Xuất", 15, "right", "Số lượng"),
                    Column("Tồn", 16, "right", "Số lượng"),
                ),
                (*rows, Row(total, strong=True)),
            ),
            Signatures(
                (Signature("Thủ kho", card.keeper), Signature("Kế toán dược"), Signature("Trưởng khoa Dược")),
                f"Lập {wording.long_day(letterhead.printed_at.date())}",
            ),
        ),
    )
