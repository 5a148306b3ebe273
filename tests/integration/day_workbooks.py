"""The tables that the day's pharmacists have in Excel: products, places, levels, what stands on the shelves."""

from pathlib import Path

from tests.integration.day_kit import LONG_FRESH, MORPHINE, VITAMIN, Day

_PRODUCT_COLUMNS = (
    *("Mã thuốc", "Tên thuốc", "Tên tiếng Anh", "Đơn vị tính", "Đơn vị tính tiếng Anh", "Điều kiện bảo quản"),
    *("Phân loại kiểm soát", "GTIN hộp", "Số đơn vị trong hộp", "GTIN thùng", "Số hộp trong thùng"),
    "Biệt trữ khi nhập",
)


def products(day: Day, *, control: str, gtin: str) -> Path:
    """Two new ones in rows 2 and 3, of which the second is under special control; two known ones get more facts."""
    vitamin = (VITAMIN, "Vitamin C 500 mg", "Vitamin C 500 mg", "viên", "tablet", "phòng", *[""] * 6)
    morphine = (MORPHINE, "Morphin 10 mg/ml", "Morphine 10 mg/ml", "ống", "ampoule", "phòng", control, gtin, 10)
    ceftriaxone = (day.ceftriaxone, "", "", "", "", "phòng", "", day.ceftriaxone, 10, day.ceftriaxone_case, 10, "")
    vaccine = (day.vaccine, "", "", "", "", "2-8°C", *[""] * 5, "có")
    return day.workbook("thuoc.xlsx", _PRODUCT_COLUMNS, vitamin, morphine, ceftriaxone, vaccine)


def places(day: Day) -> Path:
    """What each is fit to store, and a ward."""
    return day.workbook(
        "vi-tri.xlsx",
        ("Mã vị trí", "Mã vị trí cha", "Loại", "Tên vị trí", "Tên tiếng Anh", "Điều kiện bảo quản"),
        ("main-store", "hospital", "kho", "Kho dược chính", "", "phòng"),
        ("shelf-a", "main-store", "kệ", "Kệ RFID A", "", "phòng"),
        ("fridge-1", "main-store", "tủ lạnh", "Tủ lạnh vắc xin số 1", "", "2-8°C"),
        ("khoa-noi", "hospital", "khoa", "Khoa Nội tổng quát", "General medicine", "phòng"),
    )


def levels(day: Day) -> Path:
    """When to order."""
    return day.workbook(
        "muc-ton.xlsx",
        ("Mã vị trí", "Mã thuốc", "Điểm đặt hàng", "Tồn tối thiểu", "Tồn tối đa"),
        ("main-store", day.ceftriaxone, 200, 100, 400),
    )


def opening_stock(day: Day) -> Path:
    """What stood there before."""
    return day.workbook(
        "ton-dau.xlsx",
        ("Mã vị trí", "Mã thuốc", "Số lô", "Hạn dùng", "Số lượng"),
        ("shelf-a", VITAMIN, "V1", LONG_FRESH, 500),
        ("main-store", MORPHINE, "M1", LONG_FRESH, 40),
    )
