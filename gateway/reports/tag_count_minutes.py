"""Biên bản kiểm đếm RFID: what the readers saw and did not see, what people decided about each tag, for signatures."""

from dataclasses import dataclass
from datetime import datetime

from gateway.reports import wording
from gateway.reports.document import Column, Document, Facts, Letterhead, Paragraph, Row, Signature, Signatures, Table
from gateway.reports.pdf import render


@dataclass(frozen=True)
class TagLine:
    """A tag that is not simply seen where the books have it."""

    outcome: str
    """In Vietnamese, as everything here."""
    product_name: str
    lot: str
    pack: str
    """Serial number, else the tag's number."""
    quantity: str
    """With its unit; empty where it is not known."""
    by_the_books: str
    read_at: str
    passes: str
    decision: str
    people: str
    strong: bool = False
    """Under special control, or missing."""


@dataclass(frozen=True)
class TagCountMinutes:
    """What the people who counted sign."""

    place: str
    started_at: datetime
    ended_at: datetime | None
    """None: it goes on."""
    started_by: str
    closed_by: str
    expected: int
    numbers: tuple[tuple[str, int], ...]
    """How many tags of each outcome, by its name."""
    passes: int
    invisible: str
    """What no reader could see."""
    lines: tuple[TagLine, ...]
    left_out: int = 0
    """Lines that are not printed, because there are too many: they are in the CSV export."""


def tag_count_minutes_pdf(minutes: TagCountMinutes, letterhead: Letterhead) -> bytes:
    """The minutes as PDF."""
    return render(tag_count_minutes(minutes, letterhead))


def tag_count_minutes(minutes: TagCountMinutes, letterhead: Letterhead) -> Document:
    """Tags that are seen where the books have them are a number, the others a line each."""
    columns = (
        Column("STT", 9, "center"),
        Column("Kết quả", 22),
        Column("Tên thuốc, hàm lượng", 52),
        Column("Số lô", 20),
        Column("Số sê-ri hoặc mã thẻ", 40),
        Column("Số lượng", 18, "right"),
        Column("Theo sổ", 25),
        Column("Đọc được tại", 25),
        Column("Lượt đọc", 14, "center"),
        Column("Quyết định", 28),
        Column("Người", 20),
    )
    rows = tuple(_row(place, line) for place, line in enumerate(minutes.lines, 1))
    numbers = ", ".join(f"{name.lower()}: {wording.number(count)}" for name, count in minutes.numbers)
    summary = f"Sổ chờ {wording.number(minutes.expected)} thẻ; {numbers}. Số lượt đọc: {minutes.passes}."
    ended_at = minutes.ended_at or minutes.started_at
    return Document(
        letterhead=letterhead,
        title="BIÊN BẢN KIỂM ĐẾM RFID",
        subtitle="Không thấy thẻ chưa phải là thiếu thuốc: mỗi hộp thiếu do hai người xác nhận",
        motto=True,
        landscape=True,
        parts=(
            Facts(
                (
                    ("Nơi kiểm đếm", minutes.place),
                    ("Từ", wording.moment(minutes.started_at)),
                    ("Đến", wording.moment(minutes.ended_at) if minutes.ended_at else ""),
                )
            ),
            Paragraph(summary, strong=True),
            *((Paragraph(minutes.invisible),) if minutes.invisible else ()),
            Table(columns, rows),
            *(
                (Paragraph(f"Còn {wording.number(minutes.left_out)} thẻ trong bản xuất CSV."),)
                if minutes.left_out
                else ()
            ),
            Signatures(
                (
                    Signature("Người kiểm đếm", minutes.started_by),
                    Signature("Người kết thúc", minutes.closed_by),
                    Signature("Trưởng khoa Dược"),
                ),
                wording.long_day(ended_at.date()).capitalize(),
            ),
        ),
    )


def _row(place: int, line: TagLine) -> Row:
    cells = (
        *(str(place), line.outcome, line.product_name, line.lot, line.pack, line.quantity, line.by_the_books),
        *(line.read_at, line.passes, line.decision, line.people),
    )
    return Row(cells, strong=line.strong)
