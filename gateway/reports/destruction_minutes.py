"""Biên bản hủy thuốc: what was destroyed, why, how, and before whom."""

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
class DestroyedLine:
    """One lot of one product."""

    product_name: str
    unit: str
    lot: str
    expiry_date: date | None
    quantity: int
    reason: str
    controlled: str = ""
    """`Gây nghiện` and so on, if it is under special control."""


@dataclass(frozen=True)
class DestructionMinutes:
    """Two people at least: whoever destroys, and a witness."""

    number: str
    at: datetime
    place: str
    method: str
    decision: str
    """Number and day of the decision to destroy."""
    committee: tuple[tuple[str, str], ...]
    """Name and office of each member."""
    done_by: str
    witnessed_by: str
    lines: tuple[DestroyedLine, ...]

    def __post_init__(self) -> None:
        """Refuse minutes of one person alone.

        Raises:
            ValueError: the same person twice, or one missing.
        """
        if not self.done_by or not self.witnessed_by or self.done_by == self.witnessed_by:
            raise ValueError(
                f"destroyed by {self.done_by!r}, witnessed by {self.witnessed_by!r}: expected two different people"
            )


def destruction_minutes_pdf(minutes: DestructionMinutes, letterhead: Letterhead) -> bytes:
    """The minutes as PDF."""
    return render(destruction_minutes(minutes, letterhead))


def destruction_minutes(minutes: DestructionMinutes, letterhead: Letterhead) -> Document:
    """The minutes as a document."""
    rows = tuple(
        Row(
            (
                str(place),
                line.product_name,
                line.unit,
                line.lot,
                wording.day(line.expiry_date),
                wording.number(line.quantity),
                line.controlled,
                line.reason,
            ),
            strong=bool(line.controlled),
        )
        for place, line in enumerate(minutes.lines, 1)
    )
    columns = (
        Column("STT", 9, "center"),
        Column("Tên thuốc, hàm lượng", 52),
        Column("ĐVT", 14, "center"),
        Column("Số lô", 22),
        Column("Hạn dùng", 22, "center"),
        Column("Số lượng", 17, "right"),
        Column("Kiểm soát đặc biệt", 20, "center"),
        Column("Lý do hủy", 34),
    )
    members = tuple((office or "Thành viên", name) for name, office in minutes.committee)
    return Document(
        letterhead=letterhead,
        title="BIÊN BẢN HỦY THUỐC",
        number=minutes.number,
        motto=True,
        parts=(
            Facts(
                (
                    ("Thời điểm", wording.moment(minutes.at)),
                    ("Địa điểm", minutes.place),
                    ("Theo quyết định", minutes.decision),
                    ("Phương pháp hủy", minutes.method),
                )
            ),
            *((Paragraph("Thành phần hội đồng hủy thuốc:", strong=True), Facts(members)) if members else ()),
            Paragraph("Hội đồng đã tiến hành hủy các thuốc sau:"),
            Table(columns, rows),
            Paragraph(
                f"Tổng cộng: {len(rows)} khoản. Biên bản được lập thành 02 bản, các thành viên cùng thống nhất ký tên."
            ),
            Signatures(
                (
                    Signature("Người thực hiện", minutes.done_by),
                    Signature("Người chứng kiến", minutes.witnessed_by),
                    Signature("Chủ tịch hội đồng", minutes.committee[0][0] if minutes.committee else ""),
                ),
                wording.long_day(minutes.at.date()).capitalize(),
            ),
        ),
    )
