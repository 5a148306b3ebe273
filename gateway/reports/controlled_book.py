"""Drugs under special control: the book of one drug over a period, and the register print with both persons.

The book is what circular 20/2017/TT-BYT, chapter IV, asks a hospital to keep for narcotics, psychotropics and
precursors ("sổ theo dõi xuất, nhập, tồn kho"). Its columns (day, supplier or receiver, document numbers in and out,
quantity in, out, left, lot and expiry, remarks) are written from what is generally known of that annex; its text was
not at hand and the sheet must be compared with it before it is used as the official book.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

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
from gateway.reports.store_card import running


class ControlledKind(Enum):
    """As the law names them (Law on Pharmacy 105/2016/QH13, article 2)."""

    NARCOTIC = "THUỐC GÂY NGHIỆN"
    PSYCHOTROPIC = "THUỐC HƯỚNG THẦN"
    PRECURSOR = "THUỐC TIỀN CHẤT"
    TOXIC = "THUỐC ĐỘC"


@dataclass(frozen=True)
class BookLine:
    """One movement of the drug."""

    day: date
    partner: str
    """From whom or to whom."""
    document_in: str
    document_out: str
    quantity_in: int
    quantity_out: int
    lot: str
    expiry_date: date | None
    remark: str = ""


@dataclass(frozen=True)
class ControlledBook:
    """Lines in the order in which they count."""

    kind: ControlledKind
    product_name: str
    """With strength and form."""
    unit: str
    place: str
    first_day: date
    last_day: date
    opening_balance: int
    lines: tuple[BookLine, ...]
    keeper: str = ""
    form: str = ""

    @property
    def balances(self) -> tuple[int, ...]:
        """After each line."""
        return running(self.opening_balance, ((line.quantity_in, line.quantity_out) for line in self.lines))


@dataclass(frozen=True)
class RegisterLine:
    """One act on a drug under special control, with the two people who did it."""

    at: datetime
    product_name: str
    lot: str
    act: str
    quantity: int
    unit: str
    counted_after: int | None
    """What was counted blind after the act; None where nobody counted."""
    expected_after: int
    person: str
    second_person: str
    document_number: str = ""


@dataclass(frozen=True)
class ControlledRegister:
    """All acts at one place in a period."""

    place: str
    first_day: date
    last_day: date
    lines: tuple[RegisterLine, ...]


def controlled_book_pdf(book: ControlledBook, letterhead: Letterhead) -> bytes:
    """The book as PDF."""
    return render(controlled_book(book, letterhead))


def controlled_book(book: ControlledBook, letterhead: Letterhead) -> Document:
    """Opening balance first, totals and closing balance last."""
    opening = ("", "Tồn đầu kỳ", "", "", "", "", wording.number(book.opening_balance), "", "")
    rows = [Row(opening, strong=True)]
    for line, balance in zip(book.lines, book.balances, strict=True):
        cells = (
            wording.day(line.day),
            line.partner,
            line.document_in,
            line.document_out,
            wording.number_or_blank(line.quantity_in),
            wording.number_or_blank(line.quantity_out),
            wording.number(balance),
            ", ".join(part for part in (line.lot, wording.day(line.expiry_date)) if part),
            line.remark,
        )
        rows.append(Row(cells))
    total_in, total_out = (sum(getattr(line, side) for line in book.lines) for side in ("quantity_in", "quantity_out"))
    closing = book.balances[-1] if book.lines else book.opening_balance
    totals = map(wording.number, (total_in, total_out, closing))
    rows.append(Row(("", "Cộng và tồn cuối kỳ", "", "", *totals, "", ""), strong=True))
    columns = (
        Column("Ngày tháng", 22, "center"),
        Column("Nơi nhập, nơi xuất", 55),
        Column("Nhập", 27, group="Số chứng từ"),
        Column("Xuất", 27, group="Số chứng từ"),
        Column("Nhập", 18, "right", "Số lượng"),
        Column("Xuất", 18, "right", "Số lượng"),
        Column("Còn lại", 20, "right", "Số lượng"),
        Column("Số lô, hạn dùng", 42),
        Column("Ghi chú", 40),
    )
    return Document(
        letterhead=letterhead,
        title=f"SỔ THEO DÕI XUẤT, NHẬP, TỒN KHO {book.kind.value}",
        subtitle=f"Từ {wording.day(book.first_day)} đến {wording.day(book.last_day)}",
        form=book.form,
        landscape=True,
        parts=(
            Facts(
                (
                    ("Tên thuốc, nồng độ, hàm lượng", book.product_name),
                    ("Đơn vị tính", book.unit),
                    ("Kho", book.place),
                )
            ),
            Table(columns, tuple(rows)),
            Signatures(
                (Signature("Người giữ sổ", book.keeper), Signature("Trưởng khoa Dược"), Signature("Giám đốc")),
                f"Lập {wording.long_day(letterhead.printed_at.date())}",
            ),
        ),
    )


def controlled_register_pdf(register: ControlledRegister, letterhead: Letterhead) -> bytes:
    """The register as PDF."""
    return render(controlled_register(register, letterhead))


def controlled_register(register: ControlledRegister, letterhead: Letterhead) -> Document:
    """Each act with both persons; where the blind count differs from the books, by how much."""
    rows = tuple(_register_row(place, line) for place, line in enumerate(register.lines, 1))
    wrong = sum(line.counted_after not in {None, line.expected_after} for line in register.lines)
    columns = (
        Column("STT", 9, "center"),
        Column("Thời điểm", 27, "center"),
        Column("Thuốc, số lô", 56),
        Column("Nghiệp vụ", 26),
        Column("Số lượng", 22, "right"),
        Column("Sổ", 15, "right", "Còn lại"),
        Column("Đếm", 15, "right", "Còn lại"),
        Column("Lệch", 14, "right", "Còn lại"),
        Column("Người thực hiện", 36),
        Column("Người chứng kiến", 36),
        Column("Số chứng từ", 28),
    )
    return Document(
        letterhead=letterhead,
        title="SỔ GIAO NHẬN THUỐC PHẢI KIỂM SOÁT ĐẶC BIỆT",
        subtitle=f"{register.place}, từ {wording.day(register.first_day)} đến {wording.day(register.last_day)}",
        landscape=True,
        parts=(
            Table(columns, rows),
            Paragraph(f"Số nghiệp vụ: {len(rows)}. Số lần đếm lệch sổ: {wrong}.", strong=True),
            Signatures((Signature("Người lập"), Signature("Trưởng khoa Dược"))),
        ),
    )


def _register_row(place: int, line: RegisterLine) -> Row:
    counted = line.counted_after
    difference = None if counted is None else counted - line.expected_after
    cells = (
        str(place),
        wording.moment(line.at),
        f"{line.product_name}, {line.lot}" if line.lot else line.product_name,
        line.act,
        f"{wording.number(line.quantity)} {line.unit}",
        wording.number(line.expected_after),
        "không đếm" if counted is None else wording.number(counted),
        "" if not difference else f"{difference:+}",
        line.person,
        line.second_person,
        line.document_number,
    )
    return Row(cells, strong=bool(difference))
