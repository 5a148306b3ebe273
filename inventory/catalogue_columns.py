"""The columns of the tables that a catalogue comes in, by every name that people give them.

Names are compared folded (`folding.folded`) and without punctuation: `Số đăng ký`, `so_dang_ky` and `SO DANG KY`
are one. An unknown name is refused, naming the nearest known one: a column that is silently left out loses data.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from inventory.folding import folded

ImportKind = Literal["products", "lots", "places", "levels", "opening-stock"]


@dataclass(frozen=True)
class Column:
    """One column."""

    key: str
    """Its name in files that programs make, and in what is reported."""
    name_vi: str
    """Its name in a file that a person makes."""
    required: bool = False
    """A table without it can't be read."""
    others: tuple[str, ...] = ()
    """Further names in use."""


_PRODUCT_ID: Final = Column(
    "product_id",
    "Mã thuốc",
    required=True,
    others=("mã", "mã sản phẩm", "mã hàng", "mã vật tư", "product code", "code", "product", "item code"),
)
_PLACE_ID: Final = Column(
    "place_id", "Mã vị trí", required=True, others=("mã kho", "vị trí", "kho", "place", "location", "location code")
)
_LOT: Final = Column("lot", "Số lô", required=True, others=("lô", "số lô sx", "lot number", "batch", "batch number"))
_EXPIRY_NAMES: Final = ("hsd", "hạn sử dụng", "ngày hết hạn", "hạn", "expiry", "expires", "exp", "expiration date")
_PRODUCTION: Final = Column(
    "production_date",
    "Ngày sản xuất",
    others=("nsx", "ngày sx", "manufacture date", "manufacturing date", "mfg", "mfg date"),
)
_COST: Final = Column(
    "unit_cost_vnd", "Đơn giá", others=("giá", "giá nhập", "đơn giá vnd", "unit cost", "cost", "unit price", "price")
)
_NAME_VI_NAMES: Final = ("tên tiếng việt", "tên", "name vi", "vietnamese name", "name")
_NAME_EN_NAMES: Final = ("tên tiếng anh", "name en", "english name")
_STORAGE: Final = Column(
    "storage_class", "Điều kiện bảo quản", others=("bảo quản", "nhóm bảo quản", "storage", "storage condition")
)

COLUMNS: Final[Mapping[ImportKind, tuple[Column, ...]]] = MappingProxyType(
    {
        "products": (
            _PRODUCT_ID,
            Column("name_vi", "Tên thuốc", others=("tên sản phẩm", "tên hàng", *_NAME_VI_NAMES)),
            Column("name_en", "Tên tiếng Anh", others=_NAME_EN_NAMES),
            Column("active_ingredient", "Hoạt chất", others=("tên hoạt chất", "ingredient", "inn")),
            Column("strength", "Hàm lượng", others=("nồng độ", "nồng độ hàm lượng", "hàm lượng nồng độ")),
            Column("dosage_form", "Dạng bào chế", others=("dạng", "form")),
            _STORAGE,
            Column(
                "control_class",
                "Phân loại kiểm soát",
                others=("thuốc kiểm soát đặc biệt", "kiểm soát", "kiểm soát đặc biệt", "control", "controlled"),
            ),
            Column("base_unit_vi", "Đơn vị tính", others=("đvt", "đơn vị", "đơn vị cơ sở", "base unit", "unit")),
            Column("base_unit_en", "Đơn vị tính tiếng Anh", others=("đơn vị tiếng anh", "base unit english")),
            Column(
                "registration_numbers",
                "Số đăng ký",
                others=("sđk", "số đk", "gplh", "số giấy phép lưu hành", "registration number", "registration no"),
            ),
            Column("unit_gtin", "GTIN đơn vị", others=("mã vạch đơn vị", "gtin lẻ", "gtin unit")),
            Column("box_gtin", "GTIN hộp", others=("mã vạch", "mã vạch hộp", "gtin", "ean", "barcode", "gtin box")),
            Column("box_units", "Số đơn vị trong hộp", others=("quy cách", "số đơn vị/hộp", "units per box")),
            Column("case_gtin", "GTIN thùng", others=("mã vạch thùng", "gtin case")),
            Column("case_boxes", "Số hộp trong thùng", others=("số hộp/thùng", "boxes per case")),
            _COST,
            Column("quarantine_on_receipt", "Biệt trữ khi nhập", others=("biệt trữ", "kiểm nhập biệt trữ")),
            Column(
                "stability_minutes",
                "Số phút cho phép trên giới hạn",
                others=("số phút cho phép", "ngân sách phút", "stability minutes", "minutes above"),
            ),
            Column(
                "stability_celsius",
                "Nhiệt độ tối đa cho phép",
                others=("không quá (°c)", "stability celsius", "never above", "maximum temperature"),
            ),
            Column("stability_source", "Nguồn mức cho phép", others=("nguồn số liệu ổn định", "stability source")),
            Column("retired", "Ngừng dùng", others=("ngừng sử dụng", "ngưng dùng", "discontinued")),
        ),
        "lots": (
            _PRODUCT_ID,
            _LOT,
            Column("expiry_date", "Hạn dùng", required=True, others=_EXPIRY_NAMES),
            _PRODUCTION,
            _COST,
        ),
        "places": (
            _PLACE_ID,
            Column(
                "parent_place_id",
                "Mã vị trí cha",
                others=("thuộc", "thuộc vị trí", "mã kho cha", "parent", "parent place", "in"),
            ),
            Column("kind", "Loại", required=True, others=("loại vị trí", "type")),
            Column("name_vi", "Tên vị trí", required=True, others=("tên kho", *_NAME_VI_NAMES)),
            Column("name_en", "Tên tiếng Anh", others=_NAME_EN_NAMES),
            _STORAGE,
        ),
        "levels": (
            _PLACE_ID,
            _PRODUCT_ID,
            Column("reorder_point", "Điểm đặt hàng", others=("mức đặt hàng", "đặt hàng khi còn", "reorder at")),
            Column("min_units", "Tồn tối thiểu", others=("tối thiểu", "min", "minimum", "minimum stock")),
            Column("max_units", "Tồn tối đa", others=("tối đa", "max", "maximum", "maximum stock")),
        ),
        "opening-stock": (
            _PLACE_ID,
            _PRODUCT_ID,
            _LOT,
            Column("expiry_date", "Hạn dùng", others=_EXPIRY_NAMES),
            _PRODUCTION,
            Column("quantity", "Số lượng", required=True, others=("tồn", "tồn đầu", "sl", "số tồn", "qty", "units")),
            _COST,
        ),
    }
)


@dataclass(frozen=True)
class HeaderFault:
    """A column that can't be used."""

    position: int
    """From 0; -1: the column is missing."""
    code: Literal["unknown_column", "double_column", "missing_column"]
    name: str
    other: str
    """The nearest known name, the column that is meant twice, or the missing one's names."""


@dataclass(frozen=True)
class Header:
    """Which column stands where."""

    positions: Mapping[str, int]
    faults: tuple[HeaderFault, ...]


def heading(text: str) -> str:
    """A column's name as it is compared."""
    return " ".join(re.sub(r"[^0-9a-z]+", " ", folded(text)).split())


def names_of(kind: ImportKind) -> dict[str, Column]:
    """Every known heading of this kind of table."""
    known: dict[str, Column] = {}
    for column in COLUMNS[kind]:
        for name in (column.key, column.name_vi, *column.others):
            known[heading(name)] = column
    return known


def read_header(kind: ImportKind, names: Sequence[str]) -> Header:
    """Match a header row; an empty name is skipped, whether something stands below it is the rows' matter."""
    known = names_of(kind)
    positions: dict[str, int] = {}
    faults: list[HeaderFault] = []
    for position, name in enumerate(names):
        if not heading(name):
            continue
        column = known.get(heading(name))
        if column is None:
            faults.append(HeaderFault(position, "unknown_column", name, nearest(kind, name)))
        elif column.key in positions:
            faults.append(HeaderFault(position, "double_column", name, names[positions[column.key]]))
        else:
            positions[column.key] = position
    faults += [
        HeaderFault(-1, "missing_column", column.name_vi, column.key)
        for column in COLUMNS[kind]
        if column.required and column.key not in positions
    ]
    return Header(MappingProxyType(positions), tuple(faults))


def nearest(kind: ImportKind, name: str) -> str:
    """The known column whose name is most like this one, by its Vietnamese name and its key."""
    known = names_of(kind)
    close = difflib.get_close_matches(heading(name), known, n=1, cutoff=0.0)
    column = known[close[0]]
    return f"{column.name_vi} ({column.key})"


def matches(kind: ImportKind, names: Sequence[str]) -> int:
    """How many of these are names of columns: which row of a sheet is the header, which sign parts the fields."""
    known = names_of(kind)
    return sum(heading(name) in known for name in names)


def heading_of(kind: ImportKind, key: str) -> str:
    """A column's name for people, where the file's own is not at hand."""
    return next((column.name_vi for column in COLUMNS[kind] if column.key == key), key)
