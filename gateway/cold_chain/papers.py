"""What the papers of the cold chain say: Vietnamese texts out of a history or an assessment."""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.cold_chain.assessment import Assessment, HeldLine
from gateway.cold_chain.pack_chart import chart_of
from gateway.cold_chain.thermal_history import ExcursionSeen, Figures, Leg, ThermalHistory
from gateway.db.pool import Connection
from gateway.records.vietnamese import celsius, chart_words, moment, plain
from gateway.reports.thermal_history_paper import AssessmentPaper, HistoryPaper
from gateway.stock.errors import WorkRefusedError

ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {"release": "Giải tỏa", "destroy": "Hủy", "ask_maker": "Hỏi nhà sản xuất"}
)
GROUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nothing_outside": "chưa lần nào ra ngoài giới hạn",
        "within_budget": "thời gian vượt giới hạn còn trong mức nhà sản xuất cho phép",
        "over_budget": "thời gian quá nóng vượt mức nhà sản xuất cho phép",
        "too_warm": "nóng hơn mức nhà sản xuất cho phép",
        "frozen": "từng ở -0,5 °C hoặc thấp hơn, coi như đã đông băng",
        "not_all_known": "có thời gian không ai đo",
        "no_budget": "đã ra ngoài giới hạn, danh mục chưa có mức nhà sản xuất cho phép",
    }
)
_SOURCES: Final = {
    "thermometer": "Nhiệt kế của nơi để",
    "logger": "Thiết bị ghi đi kèm",
    "both": "Nhiệt kế và thiết bị ghi",
    "nothing": "Không ai đo",
    "not_asked": "Ngoài tầm quản lý",
}
_ACCOUNTS: Final = {
    "supplier": "Trên đường từ nhà cung cấp",
    "in_transit": "Đang vận chuyển",
    "dispensed": "Đã cấp cho người bệnh",
    "wasted": "Đã hủy",
    "returned": "Đã trả nhà cung cấp",
    "unexplained": "Chưa rõ",
    "repacked": "Đang đóng gói lại",
}
_SIDES: Final = {"high": "cao hơn", "low": "thấp hơn"}


def account_vi(account_id: str, place_name_vi: str | None) -> str:
    """A place by name, or where else goods are."""
    return place_name_vi or _ACCOUNTS.get(account_id, account_id)


def history_paper(connection: Connection, history: ThermalHistory, zone: ZoneInfo) -> HistoryPaper:
    """Of a pack or a lot."""
    goods = history.goods
    total = history.total
    is_pack = goods.serial_number is not None
    facts = [
        ("Thuốc", goods.product_name_vi),
        ("Số lô", goods.lot or "không ghi"),
        ("Số sê-ri", goods.serial_number or "cả lô"),
        ("Hạn dùng", _day(goods.expiry_date)),
        ("Bảo quản", f"{plain(goods.low_celsius)} đến {celsius(goods.high_celsius)}"),
        ("Mức cho phép", _allowance(history)),
    ]
    totals = [
        ("Tổng phút trên giới hạn" + ("" if is_pack else " (nhiều nhất)"), _minutes(total.minutes_above)),
        ("Tổng phút dưới giới hạn", _minutes(total.minutes_below)),
        ("Tổng phút không ai đo", _minutes(total.minutes_unknown)),
        ("Nhiệt độ động học trung bình (MKT)", celsius(total.mkt_celsius, 2)),
        ("Số phút còn lại", "không biết" if history.minutes_left is None else _minutes(history.minutes_left)),
        ("Tính đến", moment(history.as_of, zone)),
    ]
    return HistoryPaper(
        title="LỊCH SỬ NHIỆT ĐỘ CỦA HỘP THUỐC" if is_pack else "LỊCH SỬ NHIỆT ĐỘ CỦA LÔ THUỐC",
        goods=tuple(facts),
        legs=tuple(_leg(leg, zone) for leg in history.legs),
        totals=tuple(totals),
        excursions=tuple(_excursion(one, zone) for one in history.excursions),
        chart=chart_of(connection, history, chart_words(zone), zone, (780.0, 150.0)),
        conclusion=f"Theo số liệu: {ADVICE[history.advice]} - {GROUNDS[history.ground]}."
        " Người có trách nhiệm quyết định.",
    )


def assessment_paper(connection: Connection, one: Assessment, zone: ZoneInfo) -> AssessmentPaper:
    """Of an assessment that is done.

    Raises:
        WorkRefusedError: `assessment_not_confirmed`.
    """
    if one.second_person is None or one.second_at is None:
        raise WorkRefusedError("assessment_not_confirmed", f"assessment {one.assessment_id} waits: no minutes yet")
    row = connection.execute(
        "SELECT p.name_vi, e.rule, e.started_at, e.ended_at, e.peak_celsius, e.interval_s FROM excursion e"
        " JOIN place p USING (place_id) WHERE e.excursion_id = %s",
        (one.excursion_id,),
    ).fetchone()
    if row is None:
        raise AssertionError(one.excursion_id)
    names: dict[Any, Any] = dict(connection.execute("SELECT username, display_name FROM login_account").fetchall())
    numbers = connection.execute(
        "SELECT number FROM stock_document WHERE document_id = ANY(%s) ORDER BY number", (one.destructions,)
    ).fetchall()
    doubt = "" if row[5] is None else f" (± {_minutes(row[5] / 60)} phút)"
    about = (
        ("Nơi", str(row[0])),
        ("Quy tắc", f"{_SIDES[row[1]['side']]} {celsius(row[1]['threshold'])}, {_minutes(row[1]['minutes'])} phút"),
        ("Từ", moment(row[2], zone)),
        ("Đến", moment(row[3], zone) + doubt if row[3] else "vẫn còn"),
        ("Nhiệt độ xa nhất", celsius(row[4])),
        ("Xác nhận lúc", moment(one.second_at, zone)),
    )
    return AssessmentPaper(
        number="",
        at=one.second_at.astimezone(zone),
        about=about,
        lines=tuple(_line(line) for line in one.lines),
        destroyed=tuple(line.decision == "destroy" for line in one.lines),
        reason=one.reason,
        proposed_by=_named(names, one.created_by),
        confirmed_by=_named(names, one.second_person),
        destructions=tuple(str(number[0]) for number in numbers),
    )


def _named(names: Mapping[Any, Any], username: str) -> str:
    name = str(names.get(username, username))
    return name if name == username else f"{name} ({username})"


def _line(line: HeldLine) -> tuple[str, ...]:
    lot = f"{line.lot}, {line.serial_number}" if line.serial_number else line.lot
    return (
        *(line.product_name_vi, lot, _day(line.expiry_date)),
        *(account_vi(line.account_id, line.place_name_vi), f"{line.quantity} {line.base_unit_vi}"),
        *_figures(line.figures)[:3],
        plain(line.figures.mkt_celsius, 2),
        "không biết" if line.minutes_left is None else _minutes(line.minutes_left),
        f"{ADVICE[line.advice]}: {GROUNDS[line.ground]}",
        ADVICE[line.decision or "ask_maker"],
    )


def _leg(leg: Leg, zone: ZoneInfo) -> tuple[str, ...]:
    where = account_vi(leg.account_id, leg.place_name_vi)
    return (
        f"{where} ({leg.document_number})" if leg.document_number else where,
        *(moment(leg.from_at, zone), _until(leg.until_at, zone), _SOURCES[leg.source]),
        *_figures(leg.figures)[:3],
        *(plain(leg.figures.lowest_celsius), plain(leg.figures.highest_celsius), plain(leg.figures.mkt_celsius, 2)),
        "" if leg.minutes_left is None else _minutes(leg.minutes_left),
    )


def _until(at: datetime | None, zone: ZoneInfo) -> str:
    return "hiện nay" if at is None else moment(at, zone)


def _figures(figures: Figures) -> tuple[str, str, str]:
    return _minutes(figures.minutes_above), _minutes(figures.minutes_below), _minutes(figures.minutes_unknown)


def _excursion(one: ExcursionSeen, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        one.place_name_vi,
        f"{_SIDES[one.side]} {celsius(one.threshold)}",
        moment(one.started_at, zone),
        _until(one.ended_at, zone),
        celsius(one.peak_celsius),
        "không" if one.triggered_at is None else moment(one.triggered_at, zone),
    )


def _allowance(history: ThermalHistory) -> str:
    goods = history.goods
    if goods.stability_minutes is None:
        return "chưa có trong danh mục"
    warmest = f", không quá {celsius(goods.stability_celsius)}" if goods.stability_celsius is not None else ""
    source = f" ({goods.stability_source})" if goods.stability_source else ""
    return f"{goods.stability_minutes} phút trên giới hạn{warmest}{source}"


def _minutes(value: float) -> str:
    return f"{round(value):,}".replace(",", ".")


def _day(value: date | None) -> str:
    return "không ghi" if value is None else f"{value:%d/%m/%Y}"
