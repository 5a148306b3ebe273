"""Báo cáo theo dõi nhiệt độ: a place's month (or other days) with chart, days, excursions, alarms, calibration."""

from datetime import timedelta
from typing import Final

from gateway.records import vietnamese as vi
from gateway.records.chart_plan import ChartContent, plan
from gateway.records.place_reads import PlaceAlarm, PlaceExcursion
from gateway.records.place_record import DeviceRecord, PlaceRecord
from gateway.records.summary import TWICE_A_DAY, DayLine
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

Part = Facts | Table | Paragraph | Signatures | LineChart
_CHART_SIZE: Final = (900.0, 270.0)
_MICROSECOND: Final = timedelta(microseconds=1)


def month_document(record: PlaceRecord, letterhead: Letterhead) -> Document:
    """The report; a thermometer that hung there for a part of the time has its own chapter."""
    place, zone = record.place, record.zone
    last = record.until.astimezone(zone)
    first_day, last_day = record.since.astimezone(zone).date(), (last - _MICROSECOND).date()
    parts: list[Part] = [_head(record)]
    if not record.devices:
        parts.append(Paragraph("Trong thời gian này không có nhiệt kế nào ở nơi này.", strong=True))
    for number, device in enumerate(record.devices, 1):
        parts += _device(record, device, number if len(record.devices) > 1 else 0)
    parts += _excursions(record)
    parts += _alarms(record)
    parts += _notes(record)
    parts.append(
        Signatures(
            (Signature("Người lập", letterhead.printed_by), Signature("Thủ kho"), Signature("Trưởng khoa Dược")),
            wording.long_day(letterhead.printed_at.date()).capitalize(),
        )
    )
    whole_month = first_day.day == 1 and last.day == 1 and (last.month - first_day.month) % 12 == 1
    period = (
        f"Tháng {first_day.month} năm {first_day.year}"
        if whole_month
        else f"Từ ngày {wording.day(first_day)} đến ngày {wording.day(last_day)}"
    )
    return Document(
        letterhead=letterhead,
        title="BÁO CÁO THEO DÕI NHIỆT ĐỘ",
        subtitle=f"{place.name_vi}, {period[0].lower()}{period[1:]}",
        parts=tuple(parts),
    )


def _head(record: PlaceRecord) -> Facts:
    place = record.place
    appliance = " ".join(part for part in (place.appliance_maker, place.appliance_model) if part)
    if place.appliance_serial:
        appliance = f"{appliance}, số máy {place.appliance_serial}".lstrip(", ")
    lines = [
        ("Nơi bảo quản", place.name_vi),
        ("Thuộc", ", ".join(name for name, _ in place.above)),
        ("Thiết bị lạnh", appliance),
        ("Giới hạn nhiệt độ", vi.limits(place.low_celsius, place.high_celsius)),
    ]
    if record.doors is not None:
        lines.append(("Cửa mở", f"{len(record.doors)} lần, tổng cộng {vi.duration(record.door_s)}"))
    if record.known_until < record.until:
        lines.append(("Số liệu đến", f"{vi.moment(record.known_until, record.zone)} (kỳ báo cáo chưa kết thúc)"))
    return Facts(tuple(lines), columns=2)


def _device(record: PlaceRecord, device: DeviceRecord, number: int) -> list[Part]:
    series, place = device.series, record.place
    label = f"Nhiệt kế {number}: " if number else "Nhiệt kế: "
    found: list[Part] = [
        Paragraph(f"{label}{vi.instrument(series.sensor, series.device_id)}", strong=True),
        Paragraph(f"Hiệu chuẩn: {_calibrations(record, device)}."),
    ]
    if len(series.spans) > 1 or series.spans[0] != (record.since, record.known_until):
        times = "; ".join(
            f"{vi.moment(began, record.zone)} đến {vi.moment(ended, record.zone)}" for began, ended in series.spans
        )
        found.append(Paragraph(f"Ở nơi này: {times}."))
    content = ChartContent(
        record.since, record.until, place.low_celsius, place.high_celsius, record.excursions, record.doors or ()
    )
    found.append(plan([series], content, vi.chart_words(record.zone), record.zone, size=_CHART_SIZE))
    found.append(_figures(record, device))
    found.append(_days(device.days, has_doors=record.doors is not None))
    return found


def _calibrations(record: PlaceRecord, device: DeviceRecord) -> str:
    """Every certificate that counted for a reading of the time; the first reading's, then each change."""
    series = device.series
    said: list[str] = []
    for at in (series.spans[0][0], *(point.at for point in series.points)):
        text = vi.calibration(series.corrections.at(series.device_key, at), record.known_until, record.zone)
        if not said or said[-1] != text:
            said.append(text)
    if len(said) > 1 and not series.points:
        said = said[:1]
    return "; từ đó: ".join(said)


def _figures(record: PlaceRecord, device: DeviceRecord) -> Facts:
    summary, zone = device.summary, record.zone
    lowest, highest = summary.lowest, summary.highest
    lines = [
        ("Thấp nhất", f"{vi.celsius(lowest.low_celsius)} lúc {vi.moment(lowest.at, zone)}" if lowest else vi.NONE),
        ("Cao nhất", f"{vi.celsius(highest.high_celsius)} lúc {vi.moment(highest.at, zone)}" if highest else vi.NONE),
        ("Trung bình", vi.celsius(summary.mean_celsius)),
        ("Nhiệt độ động học trung bình (MKT)", vi.celsius(summary.mkt_celsius)),
        ("Trên giới hạn", vi.duration(summary.above_s)),
        ("Dưới giới hạn", vi.duration(summary.below_s)),
        ("Số lần đo", wording.number(summary.readings)),
        ("Thời gian có số liệu", f"{vi.number(summary.coverage * 100)} %"),
    ]
    if summary.near_limit_s is not None:
        lines.append(("Sát giới hạn, trong độ không đảm bảo đo", vi.duration(summary.near_limit_s)))
    return Facts(tuple(lines), columns=2)


def _days(days: tuple[DayLine, ...], *, has_doors: bool) -> Table:
    columns = [
        Column("Ngày", 20, "center"),
        Column("Thấp nhất", 15, "right", "Nhiệt độ (°C)"),
        Column("Cao nhất", 15, "right", "Nhiệt độ (°C)"),
        Column("Trung bình", 15, "right", "Nhiệt độ (°C)"),
        *(Column(f"Lúc {each:%H:%M}", 15, "right", "Nhiệt độ (°C)") for each in TWICE_A_DAY),
        Column("Trên", 13, "right", "Ngoài giới hạn (phút)"),
        Column("Dưới", 13, "right", "Ngoài giới hạn (phút)"),
        Column("Mất số liệu (phút)", 17, "right"),
    ]
    if has_doors:
        columns += [Column("Lần", 11, "right", "Cửa mở"), Column("Phút", 11, "right", "Cửa mở")]
    columns.append(Column("Ghi chú", 24))
    rows = tuple(
        Row(
            (
                wording.day(day.day),
                *(vi.plain(value) for value in (day.lowest_celsius, day.highest_celsius, day.mean_celsius)),
                *(vi.plain(value) for value in day.at_times),
                *(vi.minutes(seconds) for seconds in (day.above_s, day.below_s, day.missing_s)),
                *((str(day.doors or ""), vi.minutes(day.door_s)) if has_doors else ()),
                "",
            ),
            strong=bool(day.above_s or day.below_s),
        )
        for day in days
    )
    return Table(tuple(columns), rows)


def _excursions(record: PlaceRecord) -> list[Part]:
    if not record.excursions:
        return [Paragraph("Không có lần nào vượt giới hạn trong kỳ.", strong=True)]
    columns = (
        Column("Từ", 28, "center"),
        Column("Đến", 28, "center"),
        Column("Loại", 20),
        Column("Giới hạn", 30),
        Column("Ngoài giới hạn", 26, "right"),
        Column("Xa nhất (°C)", 18, "right"),
        Column("Báo động lúc", 28, "center"),
    )
    rows = tuple(_excursion(each, record) for each in record.excursions)
    return [Paragraph(f"Các lần vượt giới hạn: {len(rows)}", strong=True), Table(columns, rows)]


def _excursion(each: PlaceExcursion, record: PlaceRecord) -> Row:
    zone = record.zone
    return Row(
        (
            vi.moment(each.started_at, zone),
            vi.moment(each.ended_at, zone) if each.ended_at else "còn tiếp diễn",
            "Quá nóng" if each.side == "high" else "Quá lạnh",
            f"{vi.celsius(each.threshold)}, {vi.duration(each.minutes_allowed * 60)}",
            vi.duration(each.outside_s),
            vi.plain(each.peak_celsius),
            vi.moment(each.triggered_at, zone) if each.triggered_at else "không báo động",
        ),
        strong=each.triggered_at is not None,
    )


def _alarms(record: PlaceRecord) -> list[Part]:
    if not record.alarms:
        return [Paragraph("Không có báo động nào trong kỳ.")]
    return [Paragraph(f"Báo động và xác nhận: {len(record.alarms)}", strong=True), alarm_table(record.alarms, record)]


def alarm_table(alarms: tuple[PlaceAlarm, ...], record: PlaceRecord) -> Table:
    """Each alarm with who answered it, on which way, and what they wrote."""
    zone = record.zone
    columns = (
        Column("Số", 12, "center"),
        Column("Báo động", 30),
        Column("Lúc", 26, "center"),
        Column("Trở lại", 26, "center"),
        Column("Xác nhận", 26, "center"),
        Column("Người xác nhận, qua", 28),
        Column("Nội dung ghi lại", 40),
    )
    return Table(
        columns,
        tuple(
            Row(
                (
                    str(each.incident_number),
                    ("(diễn tập) " if each.is_drill else "")
                    + ", ".join(vi.KINDS.get(kind, kind) for kind in each.kinds),
                    vi.moment(each.opened_at, zone),
                    vi.moment(each.returned_at, zone) if each.returned_at else "chưa",
                    vi.moment(each.acknowledged_at, zone) if each.acknowledged_at else "CHƯA XÁC NHẬN",
                    _answered(each),
                    each.acknowledge_comment or "",
                ),
                strong=each.acknowledged_at is None,
            )
            for each in alarms
        ),
    )


def _answered(alarm: PlaceAlarm) -> str:
    if alarm.acknowledged_by is None:
        return ""
    way = vi.CHANNELS.get(alarm.acknowledged_channel or "", alarm.acknowledged_channel or "")
    return f"{alarm.acknowledged_by_name or alarm.acknowledged_by}{f', {way}' if way else ''}"


def _notes(record: PlaceRecord) -> list[Part]:
    gap_s = max((device.series.interval_s for device in record.devices), default=300.0) * 3
    texts = [
        f"Giờ theo múi giờ {record.zone.key}.",
        "Số đo đã cộng số hiệu chính của giấy chứng nhận hiệu chuẩn, kể từ ngày hiệu chuẩn.",
        f"Khoảng không có số đo dài hơn {vi.duration(gap_s)} là mất số liệu, không tính vào thời gian ngoài giới hạn.",
        "Cột theo giờ là số đo gần giờ đó nhất, trong vòng 30 phút.",
        "MKT theo USP <1160>, ΔH = 83,144 kJ/mol, theo thời gian, bỏ phần mất số liệu; không dùng cho hàng đông lạnh.",
    ]
    if any(device.series.resolution == "minute" for device in record.devices):
        texts.append("Số liệu tính từ giá trị thấp nhất, cao nhất và trung bình của từng phút.")
    if any(device.series.resolution == "hour" for device in record.devices):
        texts.append("Số liệu tính từ giá trị thấp nhất, cao nhất và trung bình của từng giờ.")
    return [Paragraph(" ".join(texts))]
