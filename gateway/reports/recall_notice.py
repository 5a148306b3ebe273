"""Recall: where the lot stands, which patients were given it, what each place has to do."""

from dataclasses import dataclass
from datetime import date, datetime

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
class RecalledStock:
    """Still here."""

    place: str
    quantity: int
    serial_numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecalledDispensing:
    """With a patient already. The number alone goes to wards; the name is for whoever calls."""

    patient_number: str
    patient_name: str
    day: date
    quantity: int
    place: str
    document_number: str = ""


@dataclass(frozen=True)
class RecallNotice:
    """One lot (or some serial numbers of it)."""

    number: str
    decided_at: datetime
    source: str
    """Who recalls: number and day of the authority's or the maker's letter."""
    level: str
    """As the letter says: `Mức độ 1` to `Mức độ 3`, or empty."""
    reason: str
    product_name: str
    registration_number: str
    lot: str
    expiry_date: date | None
    unit: str
    received: int
    stock: tuple[RecalledStock, ...]
    dispensed: tuple[RecalledDispensing, ...]
    elsewhere: tuple[tuple[str, int], ...] = ()
    """Returned, destroyed, unexplained: account and quantity."""


def recall_notice_pdf(notice: RecallNotice, letterhead: Letterhead) -> bytes:
    """The notice as PDF."""
    return render(recall_notice(notice, letterhead))


def recall_notice(notice: RecallNotice, letterhead: Letterhead) -> Document:
    """Sums at the end tell at once whether every unit received is accounted for."""
    on_hand = sum(each.quantity for each in notice.stock)
    given = sum(each.quantity for each in notice.dispensed)
    other = sum(quantity for _, quantity in notice.elsewhere)
    missing = notice.received - on_hand - given - other
    stock = [
        Row((str(place), each.place, wording.number(each.quantity), ", ".join(each.serial_numbers), ""))
        for place, each in enumerate(notice.stock, 1)
    ]
    stock.append(Row(("", "Cộng", wording.number(on_hand), "", ""), strong=True))
    patients = [
        Row(
            (
                str(place),
                each.patient_number,
                each.patient_name,
                wording.day(each.day),
                wording.number(each.quantity),
                each.place,
                each.document_number,
            )
        )
        for place, each in enumerate(notice.dispensed, 1)
    ]
    patients.append(Row(("", "", "Cộng", "", wording.number(given), "", ""), strong=True))
    balance = f"Đã nhập {wording.number(notice.received)}: còn tại kho {wording.number(on_hand)}, đã cấp phát {given}"
    balance += "".join(f", {name} {wording.number(quantity)}" for name, quantity in notice.elsewhere)
    balance += f". Chưa rõ: {wording.number(missing)} {notice.unit}."
    return Document(
        letterhead=letterhead,
        title="THÔNG BÁO THU HỒI THUỐC",
        subtitle=" - ".join(part for part in (notice.level, wording.moment(notice.decided_at)) if part),
        number=notice.number,
        motto=True,
        parts=(
            Facts(
                (
                    ("Thuốc", notice.product_name),
                    ("Số đăng ký", notice.registration_number or "không có"),
                    ("Số lô", notice.lot),
                    ("Hạn dùng", wording.day(notice.expiry_date)),
                    ("Căn cứ", notice.source),
                    ("Lý do", notice.reason),
                )
            ),
            Paragraph("Ngừng sử dụng ngay, để riêng, ghi lại số lượng và trả về khoa Dược.", strong=True),
            Paragraph("Còn tại các nơi:"),
            Table(_STOCK, tuple(stock)),
            Paragraph("Đã cấp phát cho người bệnh:"),
            Table(_PATIENTS, tuple(patients)),
            Paragraph(balance, strong=True),
            Signatures((Signature("Người lập", letterhead.printed_by), Signature("Trưởng khoa Dược"))),
        ),
    )


_STOCK = (
    Column("STT", 9, "center"),
    Column("Nơi", 55),
    Column("Số lượng", 20, "right"),
    Column("Số sê-ri", 60),
    Column("Đã để riêng (ký)", 36),
)
_PATIENTS = (
    Column("STT", 9, "center"),
    Column("Mã người bệnh", 27),
    Column("Họ tên", 48),
    Column("Ngày", 22, "center"),
    Column("Số lượng", 18, "right"),
    Column("Nơi cấp", 32),
    Column("Số chứng từ", 26),
)
