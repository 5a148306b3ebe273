"""What a printable document consists of, before it is laid out: letterhead, title, facts, tables, signatures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from gateway.reports.chart import LineChart

Align = Literal["left", "center", "right"]
SIGNATURE_TITLES: Final = frozenset(
    {
        *("Chủ tịch hội đồng", "Giám đốc", "Kế toán dược", "Thủ kho", "Trưởng khoa Dược"),
        *("Người chứng kiến", "Người giao hàng", "Người giữ sổ", "Người kiểm tra", "Người lập", "Người lập phiếu"),
        *("Người nhận hàng", "Người thực hiện", "Người đếm", "Người kiểm đếm", "Người kết thúc"),
    }
)
"""Titles above signatures on our papers; a hospital may call each of them otherwise."""


@dataclass(frozen=True)
class Letterhead:
    """Who issues the document, and this printing of it."""

    authority: str
    """Above the hospital's name: its governing body, or empty."""
    hospital: str
    department: str
    printed_at: datetime
    """Stands in the footer and in the file's metadata: equal data print to equal bytes."""
    printed_by: str
    address: str = ""
    """Below the department; empty: nothing stands there."""
    signature_titles: Mapping[str, str] = field(default_factory=dict)
    """By a usual title, what this hospital prints above the signature in its place."""


@dataclass(frozen=True)
class Column:
    """Of a table."""

    title: str
    width_mm: float
    align: Align = "left"
    group: str = ""
    """Neighbours of one group get a common title above theirs."""


@dataclass(frozen=True)
class Row:
    """Cells as text, one for each column."""

    cells: tuple[str, ...]
    strong: bool = False
    """Openings and totals."""


@dataclass(frozen=True)
class Table:
    """Its heading is repeated on each page that it runs over."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        """Refuse rows of another width: figures under a wrong title are worse than no document.

        Raises:
            ValueError: naming the row.
        """
        for place, row in enumerate(self.rows, 1):
            if len(row.cells) != len(self.columns):
                raise ValueError(f"row {place} has {len(row.cells)} cells, expected {len(self.columns)}")


@dataclass(frozen=True)
class Facts:
    """Lines of `label: value`; empty values leave dots to be filled in by hand."""

    lines: tuple[tuple[str, str], ...]
    columns: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Signature:
    """Who signs, and the name printed below the room for it."""

    title: str
    name: str = ""


@dataclass(frozen=True)
class Signatures:
    """Beside each other, kept together on one page; `place_and_day` stands above the right one."""

    signers: tuple[Signature, ...]
    place_and_day: str = ""


@dataclass(frozen=True)
class Document:
    """A whole one."""

    letterhead: Letterhead
    title: str
    parts: tuple[Facts | Table | Paragraph | Signatures | LineChart, ...]
    subtitle: str = ""
    number: str = ""
    form: str = ""
    """The form it follows, printed in the upper right corner, if the hospital wants one named there."""
    motto: bool = False
    """The national heading, which minutes carry (Decree 30/2020/NĐ-CP, appendix I)."""
    landscape: bool = False
