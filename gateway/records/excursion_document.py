"""Báo cáo vượt giới hạn nhiệt độ: one excursion with its chart, rule, goods, answers, and room to decide."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.records import vietnamese as vi
from gateway.records.chart_plan import ChartContent, plan
from gateway.records.errors import RecordNotFoundError
from gateway.records.month_document import alarm_table
from gateway.records.place_record import PlaceRecord, read_record
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
from gateway.services.reads_excursions import (
    ExcursionChange,
    ExcursionLine,
    GoodsAtRisk,
    changes_of,
    find_excursion,
    goods_of,
)

Part = Facts | Table | Paragraph | Signatures | LineChart
_AROUND_MIN: Final = timedelta(hours=2)
_AROUND_SHARE: Final = 0.5
"""Of its own length is shown before and after it: how it came, and what followed."""
_SHOWN_MAX: Final = timedelta(days=31)
OUTSIDE: Final = {
    "dispensed": "đã cấp phát cho người bệnh",
    "wasted": "đã hủy",
    "returned": "đã trả nhà cung cấp",
    "supplier": "nhà cung cấp",
    "in_transit": "đang vận chuyển",
    "repacked": "đã ra lẻ",
    "unexplained": "chưa rõ",
}
_REASONS: Final = {
    "late_readings": "số đo đến muộn",
    "rule_changed": "giới hạn đã được sửa",
    "device_moved": "nhiệt kế đã được chuyển chỗ",
    "interval_changed": "khoảng cách giữa các lần đo được sửa",
    "recalibrated": "giấy chứng nhận hiệu chuẩn được nhập hoặc hủy",
}


@dataclass(frozen=True)
class ExcursionRecord:
    """One, with what was around it."""

    excursion: ExcursionLine
    goods: tuple[GoodsAtRisk, ...]
    changes: tuple[ExcursionChange, ...]
    around: PlaceRecord


def read_excursion(connection: Connection, excursion_id: UUID, now: datetime, zone: ZoneInfo) -> ExcursionRecord:
    """All that is known of it.

    Raises:
        RecordNotFoundError: there is none of this id.
    """
    found = find_excursion(connection, excursion_id)
    if found is None:
        raise RecordNotFoundError("excursion_unknown", f"there is no excursion {excursion_id}")
    ended = found.ended_at or now
    around = max(_AROUND_MIN, (ended - found.started_at) * _AROUND_SHARE)
    since = max(found.started_at - around, ended + around - _SHOWN_MAX)
    record = read_record(connection, found.place_id, (since, ended + around), now, zone)
    return ExcursionRecord(
        found, tuple(goods_of(connection, excursion_id)), tuple(changes_of(connection, excursion_id)), record
    )


def excursion_document(record: ExcursionRecord, letterhead: Letterhead) -> Document:
    """The report."""
    one, around, zone = record.excursion, record.around, record.around.zone
    content = ChartContent(
        around.since,
        around.until,
        around.place.low_celsius,
        around.place.high_celsius,
        around.excursions,
        around.doors or (),
    )
    parts: list[Part] = [
        _head(record),
        plan([each.series for each in around.devices], content, vi.chart_words(zone), zone, size=(900.0, 280.0)),
        *_certainty(record),
        *_goods(record),
    ]
    if around.alarms:
        parts += [Paragraph("Báo động và xác nhận", strong=True), alarm_table(around.alarms, around)]
    else:
        parts.append(Paragraph("Không có báo động nào."))
    parts += _changes(record)
    parts += [
        Paragraph("Nguyên nhân và biện pháp khắc phục", strong=True),
        Facts((("Nguyên nhân", ""), ("Đã xử lý", ""), ("Phòng ngừa", "")), columns=1),
        Paragraph("Kết luận về hàng (hai người quyết định)", strong=True),
        Facts((("Kết luận", ""), ("Căn cứ", "")), columns=1),
        Signatures(
            (Signature("Người lập", letterhead.printed_by), Signature("Người kiểm tra"), Signature("Trưởng khoa Dược")),
            wording.long_day(letterhead.printed_at.date()).capitalize(),
        ),
    ]
    side = "quá nóng" if one.side == "high" else "quá lạnh"
    return Document(
        letterhead=letterhead,
        title="BÁO CÁO VƯỢT GIỚI HẠN NHIỆT ĐỘ",
        subtitle=f"{one.place_name_vi}: {side}, từ {vi.moment(one.started_at, zone)}",
        parts=tuple(parts),
    )


def _head(record: ExcursionRecord) -> Facts:
    one, zone = record.excursion, record.around.zone
    lines = [
        ("Nơi bảo quản", one.place_name_vi),
        ("Nhiệt kế", _instruments(record)),
        ("Giới hạn", f"{vi.celsius(one.threshold)}, không quá {vi.duration(one.minutes_allowed * 60)}"),
        ("Ngoài giới hạn từ", vi.moment(one.started_at, zone)),
        ("Đến", vi.moment(one.ended_at, zone) if one.ended_at else "còn tiếp diễn"),
        ("Thời gian ngoài giới hạn", vi.duration(one.outside_s)),
        ("Xa nhất", vi.celsius(one.peak_celsius)),
        ("Báo động lúc", vi.moment(one.triggered_at, zone) if one.triggered_at else "không báo động"),
    ]
    if one.taken_back_at:
        lines.append(("Đã rút lại", f"{vi.moment(one.taken_back_at, zone)}: số đo đến muộn cho thấy không vượt"))
    return Facts(tuple(lines), columns=2)


def _instruments(record: ExcursionRecord) -> str:
    device_id = record.excursion.device_id
    for each in record.around.devices:
        if each.series.device_id == device_id:
            return vi.instrument(each.series.sensor, device_id)
    return device_id


def _certainty(record: ExcursionRecord) -> list[Part]:
    """How sure the duration and the value are."""
    one, around = record.excursion, record.around
    shortest, longest = vi.duration(one.shortest_s), vi.duration(one.longest_s)
    found = [f"Theo các lần đo, vượt ngắn nhất {shortest}, dài nhất {longest}: giữa hai lần đo không ai biết nhiệt độ."]
    for each in around.devices:
        series = each.series
        if series.device_id != one.device_id:
            continue
        correction = series.corrections.at(series.device_key, one.started_at)
        found.append(f"Hiệu chuẩn: {vi.calibration(correction, one.started_at, around.zone)}.")
        doubt = None if correction is None else correction.uncertainty(one.peak_celsius)
        if doubt is not None and abs(one.peak_celsius - one.threshold) <= doubt:
            found.append(
                f"Giá trị xa nhất ({vi.celsius(one.peak_celsius)}) cách giới hạn không quá độ không đảm bảo đo"
                f" ({vi.celsius(doubt, 2)}): không thể khẳng định chỉ từ số đo này rằng giới hạn đã bị vượt."
            )
        if each.summary.mkt_celsius is not None:
            found.append(
                f"MKT của khoảng thời gian trong biểu đồ: {vi.celsius(each.summary.mkt_celsius)}"
                " (USP <1160>, bỏ phần mất số liệu)."
            )
    return [Paragraph(" ".join(found))]


def _goods(record: ExcursionRecord) -> list[Part]:
    if not record.goods:
        return [Paragraph("Không có hàng nào được biết là đã ở đó.", strong=True)]
    columns = (
        Column("STT", 9, "center"),
        Column("Tên thuốc, hàm lượng", 52),
        Column("Số lô", 24),
        Column("Hạn dùng", 20, "center"),
        Column("Nơi để", 32),
        Column("Số lượng", 16, "right"),
        Column("ĐVT", 12, "center"),
        Column("Giá trị (đ)", 22, "right"),
        Column("Tình trạng", 26),
    )
    rows = tuple(
        Row(
            (
                str(number),
                each.product_name_vi,
                f"{each.lot}{f' / {each.serial_number}' if each.serial_number else ''}",
                wording.day(each.expiry_date),
                each.place_name_vi or OUTSIDE.get(each.account_id, each.account_id),
                wording.number(each.quantity),
                each.base_unit_vi,
                wording.number(round(each.value_vnd)) if each.value_vnd is not None else vi.NONE,
                _state(each, record.around.zone),
            ),
            strong=each.hold_id is None,
        )
        for number, each in enumerate(record.goods, 1)
    )
    value = sum(each.value_vnd or 0 for each in record.goods)
    return [
        Paragraph(f"Hàng có mặt khi đó: {len(rows)} khoản, giá trị {wording.money(round(value))}", strong=True),
        Table(columns, rows),
    ]


def _state(goods: GoodsAtRisk, zone: ZoneInfo) -> str:
    if goods.hold_id is None:
        return "không biệt trữ được"
    return f"đã giải tỏa {vi.moment(goods.released_at, zone)}" if goods.released_at else "đang biệt trữ"


def _changes(record: ExcursionRecord) -> list[Part]:
    if not record.changes:
        return []
    zone = record.around.zone
    lines = [Paragraph("Đã thay đổi sau khi ghi nhận", strong=True)]
    for each in record.changes:
        before = each.before
        lines.append(
            Paragraph(
                f"{vi.moment(each.changed_at, zone)}: {_REASONS.get(each.reason, each.reason)}. Trước đó: "
                f"{'có báo động' if before.get('triggered_at') else 'không báo động'},"
                f" {vi.duration(float(before.get('outside_s') or 0))},"
                f" xa nhất {vi.celsius(before.get('peak_celsius'))}."
            )
        )
    return [*lines]
