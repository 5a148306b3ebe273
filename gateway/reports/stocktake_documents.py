"""Phiếu kiểm kê (the sheet to count with, blind) and biên bản kiểm kê (the minutes, with differences and reasons)."""

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
class SheetLine:
    """What is to be looked for; it has no expected quantity, so none can be printed."""

    product_id: str
    product_name: str
    unit: str
    lot: str = ""
    expiry_date: date | None = None
    shelf: str = ""


@dataclass(frozen=True)
class StocktakeSheet:
    """To be counted by hand."""

    number: str
    place: str
    lines: tuple[SheetLine, ...]
    spare_lines: int = 5
    """Empty lines, for what stands there and is in no book."""


@dataclass(frozen=True)
class CountedLine:
    """Expected and found."""

    product_name: str
    unit: str
    lot: str
    expiry_date: date | None
    expected: int
    counted: int
    unit_price_vnd: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class StocktakeMinutes:
    """What the counting committee signs."""

    number: str
    place: str
    started_at: datetime
    ended_at: datetime
    committee: tuple[tuple[str, str], ...]
    """Name and office of each member, chairperson first."""
    counted_by: str
    verified_by: str
    lines: tuple[CountedLine, ...]
    conclusion: str = ""


def stocktake_sheet_pdf(sheet: StocktakeSheet, letterhead: Letterhead) -> bytes:
    """The sheet as PDF."""
    return render(stocktake_sheet(sheet, letterhead))


def stocktake_sheet(sheet: StocktakeSheet, letterhead: Letterhead) -> Document:
    """Blind: quantities are to be written by hand."""
    rows = [
        Row(
            (
                str(place),
                line.shelf,
                line.product_id,
                line.product_name,
                line.unit,
                line.lot,
                wording.day(line.expiry_date),
                "",
                "",
            )
        )
        for place, line in enumerate(sheet.lines, 1)
    ]
    rows += [Row((str(len(rows) + place), *[""] * 8)) for place in range(1, sheet.spare_lines + 1)]
    columns = (
        Column("STT", 9, "center"),
        Column("Vị trí", 20),
        Column("Mã", 22),
        Column("Tên thuốc, hàm lượng", 55),
        Column("ĐVT", 13, "center"),
        Column("Số lô", 21),
        Column("Hạn dùng", 22, "center"),
        Column("SL đếm", 20, "right"),
        Column("Ghi chú", 25),
    )
    return Document(
        letterhead=letterhead,
        title="PHIẾU KIỂM KÊ THUỐC",
        subtitle="Phiếu đếm không ghi số lượng trên sổ",
        number=sheet.number,
        parts=(
            Facts((("Nơi kiểm kê", sheet.place), ("Thời điểm bắt đầu", ""), ("Thời điểm kết thúc", ""))),
            Table(columns, tuple(rows)),
            Signatures((Signature("Người đếm"), Signature("Người kiểm tra"))),
        ),
    )


def stocktake_minutes_pdf(minutes: StocktakeMinutes, letterhead: Letterhead) -> bytes:
    """The minutes as PDF."""
    return render(stocktake_minutes(minutes, letterhead))


def stocktake_minutes(minutes: StocktakeMinutes, letterhead: Letterhead) -> Document:
    """All lines; those that differ are strong and carry their reason."""
    rows = tuple(_minutes_row(place, line) for place, line in enumerate(minutes.lines, 1))
    wrong = [line for line in minutes.lines if line.counted != line.expected]
    value = sum((line.counted - line.expected) * line.unit_price_vnd for line in wrong if line.unit_price_vnd)
    unpriced = sum(line.unit_price_vnd is None for line in wrong)
    summary = (
        f"Số mặt hàng kiểm kê: {len(rows)}. Số mặt hàng lệch: {len(wrong)}. Giá trị chênh lệch: {wording.money(value)}."
    )
    if unpriced:
        summary += f" Chưa có giá: {unpriced} mặt hàng lệch."
    columns = (
        Column("STT", 9, "center"),
        Column("Tên thuốc, hàm lượng", 62),
        Column("ĐVT", 14, "center"),
        Column("Số lô", 24),
        Column("Hạn dùng", 22, "center"),
        Column("Sổ sách", 20, "right", "Số lượng"),
        Column("Thực tế", 20, "right", "Số lượng"),
        Column("Thừa", 16, "right", "Chênh lệch"),
        Column("Thiếu", 16, "right", "Chênh lệch"),
        Column("Lý do", 50),
    )
    members = tuple((f"{place}. {office or 'Thành viên'}", name) for place, (name, office) in _numbered(minutes))
    return Document(
        letterhead=letterhead,
        title="BIÊN BẢN KIỂM KÊ THUỐC",
        number=minutes.number,
        motto=True,
        landscape=True,
        parts=(
            Facts(
                (
                    ("Nơi kiểm kê", minutes.place),
                    ("Từ", wording.moment(minutes.started_at)),
                    ("Đến", wording.moment(minutes.ended_at)),
                )
            ),
            Paragraph("Hội đồng kiểm kê gồm:", strong=True),
            Facts(members, columns=2),
            Table(columns, rows),
            Paragraph(summary, strong=True),
            Paragraph(f"Ý kiến của hội đồng: {minutes.conclusion or '.' * 120}"),
            Signatures(
                (
                    Signature("Người đếm", minutes.counted_by),
                    Signature("Người kiểm tra", minutes.verified_by),
                    Signature("Trưởng khoa Dược"),
                    Signature("Chủ tịch hội đồng", minutes.committee[0][0] if minutes.committee else ""),
                ),
                wording.long_day(minutes.ended_at.date()).capitalize(),
            ),
        ),
    )


def _numbered(minutes: StocktakeMinutes) -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(minutes.committee, 1))


def _minutes_row(place: int, line: CountedLine) -> Row:
    difference = line.counted - line.expected
    cells = (
        str(place),
        line.product_name,
        line.unit,
        line.lot,
        wording.day(line.expiry_date),
        wording.number(line.expected),
        wording.number(line.counted),
        wording.number_or_blank(max(difference, 0)),
        wording.number_or_blank(max(-difference, 0)),
        line.reason,
    )
    return Row(cells, strong=difference != 0)
