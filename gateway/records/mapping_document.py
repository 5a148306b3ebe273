"""Báo cáo đánh giá phân bố nhiệt độ: a mapping with its sketch, each position's figures, the extremes, the advice."""

from typing import Final
from zoneinfo import ZoneInfo

from gateway.records import vietnamese as vi
from gateway.records.mapping import MappingResult, PositionResult
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

LEVELS: Final = {"top": "trên", "middle": "giữa", "bottom": "dưới"}
LOADS: Final = {"empty": "trống", "part": "có hàng một phần", "full": "đầy hàng"}
DOUBTS: Final = {
    "position_empty": "có vị trí không có số đo",
    "not_calibrated": "có nhiệt kế chưa có giấy chứng nhận hiệu chuẩn",
    "too_uncertain": "có nhiệt kế có độ không đảm bảo đo trên 0,5 °C",
    "too_rare": "có nhiệt kế đo thưa hơn 15 phút một lần",
    "gaps": "có vị trí mất số liệu một phần thời gian",
    "under_a_day": "thời gian đo ngắn hơn một ngày",
}


def mapping_document(result: MappingResult, letterhead: Letterhead, zone: ZoneInfo) -> Document:
    """The report."""
    study = result.study
    head = Facts(
        (
            ("Nơi bảo quản", study.place_name_vi),
            ("Giới hạn nhiệt độ", vi.limits(study.low_celsius, study.high_celsius)),
            ("Từ", vi.moment(study.began_at, zone)),
            ("Đến", vi.moment(study.ended_at, zone)),
            ("Tình trạng hàng", LOADS[study.load]),
            ("Điều kiện", study.conditions),
            ("Số vị trí đo", str(len(result.positions))),
            ("Chênh lệch lớn nhất", vi.celsius(result.spread_celsius)),
        ),
        columns=2,
    )
    return Document(
        letterhead=letterhead,
        title="BÁO CÁO ĐÁNH GIÁ PHÂN BỐ NHIỆT ĐỘ",
        subtitle=study.place_name_vi,
        landscape=study.grid_columns > 6,  # noqa: PLR2004 - cells of a portrait page get too narrow for their figures
        parts=(
            head,
            Paragraph("Sơ đồ nhìn từ trên xuống (thấp nhất / cao nhất, °C)", strong=True),
            _sketch(result),
            Paragraph("Số liệu từng vị trí", strong=True),
            _positions(result),
            *(Paragraph(line) for line in _conclusion(result)),
            Signatures(
                (
                    Signature("Người thực hiện", letterhead.printed_by),
                    Signature("Người kiểm tra"),
                    Signature("Trưởng khoa Dược"),
                ),
                wording.long_day(letterhead.printed_at.date()).capitalize(),
            ),
        ),
    )


def _sketch(result: MappingResult) -> Table:
    """The grid; a cell may hold positions of several levels."""
    study = result.study
    columns = tuple(Column(str(number), 20, "center") for number in range(1, study.grid_columns + 1))
    rows = []
    for row in range(1, study.grid_rows + 1):
        cells = [
            "; ".join(
                _cell(each, result) for each in result.positions if (each.grid_row, each.grid_column) == (row, column)
            )
            for column in range(1, study.grid_columns + 1)
        ]
        rows.append(Row(tuple(cells)))
    return Table(columns, tuple(rows))


def _cell(each: PositionResult, result: MappingResult) -> str:
    sign = " NÓNG NHẤT" if each is result.hottest else ""
    sign += " LẠNH NHẤT" if each is result.coldest else ""
    extremes = f"{vi.plain(each.lowest_celsius)} / {vi.plain(each.highest_celsius)}"
    return f"{each.position} ({LEVELS[each.level]}) {extremes}{sign}"


def _positions(result: MappingResult) -> Table:
    columns = (
        Column("Vị trí", 22),
        Column("Tầng", 14, "center"),
        Column("Nhiệt kế", 34),
        Column("Số lần đo", 16, "right"),
        Column("Thấp nhất", 16, "right", "Nhiệt độ (°C)"),
        Column("Cao nhất", 16, "right", "Nhiệt độ (°C)"),
        Column("Trung bình", 16, "right", "Nhiệt độ (°C)"),
        Column("MKT", 14, "right", "Nhiệt độ (°C)"),
        Column("Ngoài giới hạn", 26, "right"),
        Column("Độ KĐB (°C)", 16, "right"),
    )
    return Table(
        columns,
        tuple(
            Row(
                (
                    each.position,
                    LEVELS[each.level],
                    each.source,
                    wording.number(each.readings),
                    *(vi.plain(value) for value in (each.lowest_celsius, each.highest_celsius, each.mean_celsius)),
                    vi.plain(each.mkt_celsius),
                    vi.duration(each.outside_s) if each.outside_s else "",
                    vi.plain(each.uncertainty_celsius, 2),
                ),
                strong=each in (result.hottest, result.coldest),
            )
            for each in result.positions
        ),
    )


def _conclusion(result: MappingResult) -> list[str]:
    if result.hottest is None or result.coldest is None:
        return ["Không có số đo nào: không kết luận được."]
    hottest, coldest = result.hottest, result.coldest
    lines = [
        f"Nóng nhất: vị trí {hottest.position}, {vi.celsius(hottest.highest_celsius)}.",
        f"Lạnh nhất: vị trí {coldest.position}, {vi.celsius(coldest.lowest_celsius)}.",
    ]
    where = " và ".join(each.position for each in result.monitor_at)
    lines.append(f"Khuyến nghị đặt nhiệt kế theo dõi thường xuyên tại: {where} (vị trí đầu sát giới hạn hơn).")
    if any(each.outside_s for each in result.positions):
        lines.append("Có vị trí đã ra ngoài giới hạn trong thời gian đo: không để hàng ở các vị trí đó.")
    if result.doubts:
        lines.append(f"Hạn chế: {'; '.join(DOUBTS[code] for code in result.doubts)}.")
    lines.append(
        "Theo EU GDP 2013/C 343/01 mục 3.2.1; yêu cầu về nhiệt kế theo WHO TRS 992 phụ lục 5 bổ sung 8. Đánh giá lại"
        " khi thay đổi thiết bị, cách sắp xếp hoặc theo đánh giá nguy cơ."
    )
    return lines
