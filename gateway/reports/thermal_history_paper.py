"""Lịch sử nhiệt độ: all that a pack or a lot went through, on paper; and the minutes of an assessment by two people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.reports import wording
from gateway.reports.chart import LineChart
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
class HistoryPaper:
    """Texts as they are printed."""

    title: str
    goods: tuple[tuple[str, str], ...]
    """Label and value."""
    legs: tuple[tuple[str, ...], ...]
    """Where, from, until, who measured, above, below, unknown, lowest, highest, MKT, minutes left."""
    totals: tuple[tuple[str, str], ...]
    excursions: tuple[tuple[str, ...], ...]
    """Where, side and limit, from, until, furthest, alarm."""
    chart: LineChart | None
    conclusion: str


_LEGS = (
    Column("Nơi", 38),
    Column("Từ", 23, "center"),
    Column("Đến", 23, "center"),
    Column("Nguồn đo", 26),
    Column("Phút trên", 14, "right", "Ngoài giới hạn"),
    Column("Phút dưới", 14, "right", "Ngoài giới hạn"),
    Column("Phút không đo", 15, "right"),
    Column("Thấp nhất", 15, "right", "Nhiệt độ (°C)"),
    Column("Cao nhất", 15, "right", "Nhiệt độ (°C)"),
    Column("MKT", 14, "right", "Nhiệt độ (°C)"),
    Column("Phút còn lại", 17, "right"),
)
_EXCURSIONS = (
    Column("Nơi", 45),
    Column("Vượt", 35),
    Column("Từ", 26, "center"),
    Column("Đến", 26, "center"),
    Column("Xa nhất", 20, "right"),
    Column("Báo động", 26, "center"),
)


def history_pdf(paper: HistoryPaper, letterhead: Letterhead) -> bytes:
    """The sheet as PDF."""
    return render(history_document(paper, letterhead))


def history_document(paper: HistoryPaper, letterhead: Letterhead) -> Document:
    """The sheet as a document."""
    excursions: tuple[Paragraph | Table, ...] = (Paragraph("Không có lần vượt giới hạn nào được ghi nhận."),)
    if paper.excursions:
        excursions = (
            Paragraph("Các lần vượt giới hạn tại nơi để:", strong=True),
            Table(_EXCURSIONS, tuple(Row(cells) for cells in paper.excursions)),
        )
    return Document(
        letterhead=letterhead,
        title=paper.title,
        landscape=True,
        parts=(
            Facts(paper.goods, columns=2),
            *((paper.chart,) if paper.chart is not None else ()),
            Paragraph("Các nơi đã qua, từ khi nhập:", strong=True),
            Table(_LEGS, tuple(Row(cells) for cells in paper.legs)),
            Facts(paper.totals, columns=2),
            *excursions,
            Paragraph(paper.conclusion),
            Paragraph(
                "Phút trên và dưới giới hạn tính theo điều kiện bảo quản của thuốc; thời gian không có số đo không được"
                " coi là trong giới hạn và được trừ vào số phút còn lại."
                " MKT: nhiệt độ động học trung bình (USP <1160>)."
            ),
        ),
    )


@dataclass(frozen=True)
class AssessmentPaper:
    """Minutes of an assessment."""

    number: str
    at: datetime
    """Of the second person's confirmation."""
    about: tuple[tuple[str, str], ...]
    """The excursion."""
    lines: tuple[tuple[str, ...], ...]
    """Product, lot and pack, expiry, place, quantity, above, below, unknown, MKT, minutes left, advice, decision."""
    destroyed: tuple[bool, ...]
    reason: str
    proposed_by: str
    confirmed_by: str
    destructions: Sequence[str] = ()
    """Numbers of the minutes of destruction."""

    def __post_init__(self) -> None:
        """Refuse minutes of one person alone.

        Raises:
            ValueError: the same person twice, or one missing.
        """
        if not self.proposed_by or not self.confirmed_by or self.proposed_by == self.confirmed_by:
            raise ValueError(
                f"proposed by {self.proposed_by!r}, confirmed by {self.confirmed_by!r}: expected two different people"
            )


_LINES = (
    Column("STT", 9, "center"),
    Column("Thuốc", 42),
    Column("Số lô, số sê-ri", 28),
    Column("Hạn dùng", 19, "center"),
    Column("Nơi", 28),
    Column("Số lượng", 18, "right"),
    Column("Phút trên", 13, "right"),
    Column("Phút dưới", 13, "right"),
    Column("Phút không đo", 14, "right"),
    Column("MKT (°C)", 13, "right"),
    Column("Phút còn lại", 14, "right"),
    Column("Khuyến nghị", 24),
    Column("Quyết định", 20),
)


def assessment_pdf(paper: AssessmentPaper, letterhead: Letterhead) -> bytes:
    """The minutes as PDF."""
    return render(assessment_document(paper, letterhead))


def assessment_document(paper: AssessmentPaper, letterhead: Letterhead) -> Document:
    """The minutes as a document; what is destroyed is bold."""
    rows = tuple(
        Row((str(place), *cells), strong=destroyed)
        for place, (cells, destroyed) in enumerate(zip(paper.lines, paper.destroyed, strict=True), 1)
    )
    minutes = f" Biên bản hủy kèm theo: {', '.join(paper.destructions)}." if paper.destructions else ""
    return Document(
        letterhead=letterhead,
        title="BIÊN BẢN ĐÁNH GIÁ THUỐC SAU SỰ CỐ NHIỆT ĐỘ",
        number=paper.number,
        motto=True,
        landscape=True,
        parts=(
            Facts((*paper.about, ("Lý do quyết định", paper.reason)), columns=2),
            Paragraph("Hai người ký tên dưới đây đã đánh giá các thuốc sau:"),
            Table(_LINES, rows),
            Paragraph(
                f"Tổng cộng: {len(rows)} khoản, trong đó hủy {sum(paper.destroyed)} khoản, giải tỏa"
                f" {len(rows) - sum(paper.destroyed)} khoản.{minutes}"
            ),
            Signatures(
                (
                    Signature("Người lập", paper.proposed_by),
                    Signature("Người kiểm tra", paper.confirmed_by),
                    Signature("Trưởng khoa Dược"),
                ),
                wording.long_day(paper.at.date()).capitalize(),
            ),
        ),
    )
