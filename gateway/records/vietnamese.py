"""How the records' papers speak: Vietnamese, numbers with a comma, times by the zone they carry."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from gateway.records.chart_plan import ChartWords
from gateway.records.corrections import Correction
from gateway.records.place_reads import PlaceExcursion
from gateway.records.sensors import Sensor

NONE: Final = "-"
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temperature_high": "quá nóng",
        "temperature_low": "quá lạnh",
        "freeze": "nguy cơ đông băng",
        "rate_of_rise": "tăng nhiệt nhanh",
        "door_open": "cửa mở lâu",
        "power_cut": "mất điện",
        "sensor_silent": "nhiệt kế mất tín hiệu",
        "sensor_implausible": "số đo không tin được",
        "battery_low": "pin yếu",
        "calibration_due": "đến hạn hiệu chuẩn",
        "drill": "diễn tập",
    }
)
"""Kinds of conditions of a place or an instrument; another one is printed by its name."""
CHANNELS: Final[Mapping[str, str]] = MappingProxyType(
    {"page": "trang web", "api": "phần mềm khác", "sms": "tin nhắn SMS", "telegram": "Telegram"}
)
LEGEND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "line": "Nhiệt độ",
        "band": "Khoảng thấp nhất đến cao nhất",
        "limit": "Giới hạn",
        "excursion": "Vượt giới hạn, có báo động",
        "excursion_short": "Vượt giới hạn, chưa đủ thời gian báo động",
        "gap": "Không có dữ liệu",
        "offline": "Nhiệt kế ngừng hoạt động",
        "mark": "Cửa mở",
    }
)


def number(value: float, digits: int = 1) -> str:
    """With a decimal comma and a true minus; never a minus before zero."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}").replace(".", ",")


def celsius(value: float | None, digits: int = 1) -> str:
    """With its unit; a dash where nothing is known."""
    return NONE if value is None else f"{number(value, digits)}\N{NO-BREAK SPACE}°C"


def plain(value: float | None, digits: int = 1) -> str:
    """Without its unit, for tables whose heading has it."""
    return NONE if value is None else number(value, digits)


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """HH:MM dd/mm/yyyy of the hospital."""
    return NONE if value is None else f"{value.astimezone(zone):%H:%M %d/%m/%Y}"


def duration(seconds: float) -> str:
    """In its two largest fitting units."""
    minutes, hours, days = round(seconds / 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{int(seconds)} giây"
    if hours == 0:
        return f"{minutes} phút"
    if days == 0:
        return f"{hours} giờ {int(seconds % 3600 // 60):02} phút"
    return f"{days} ngày {int(seconds % 86400 // 3600)} giờ"


def minutes(seconds: float) -> str:
    """Whole minutes for a table; nothing for none, and a part of a minute as `<1`."""
    if seconds <= 0:
        return ""
    return "<1" if seconds < 60 else f"{round(seconds / 60)}"  # noqa: PLR2004 - a minute


def limits(low: float | None, high: float | None) -> str:
    """From low to high, or one of them."""
    if low is not None and high is not None:
        return f"{number(low)} đến {celsius(high)}"
    if high is not None:
        return f"không quá {celsius(high)}"
    return f"không dưới {celsius(low)}" if low is not None else "chưa đặt"


def instrument(sensor: Sensor | None, device_id: str) -> str:
    """Its serial number, maker and model; the device's name where nobody entered an instrument."""
    if sensor is None:
        return f"{device_id} (chưa có hồ sơ nhiệt kế)"
    kind = " ".join(part for part in (sensor.maker, sensor.model) if part)
    return f"{sensor.serial_number}{f' ({kind})' if kind else ''}, cổng {device_id}"


def calibration(correction: Correction | None, at: datetime, zone: ZoneInfo) -> str:
    """What is known of how right it measures, and whether it is still valid."""
    if correction is None:
        return "chưa có giấy chứng nhận hiệu chuẩn: số đo không được hiệu chỉnh, độ không đảm bảo đo không biết"
    greatest = max((point.offset_celsius for point in correction.points), key=abs)
    doubt = max(point.uncertainty_celsius for point in correction.points)
    over = "" if correction.valid_until >= at.astimezone(zone).date() else " (ĐÃ HẾT HẠN)"
    return (
        f"giấy số {correction.certificate_number}, ngày {correction.performed_on:%d/%m/%Y}, giá trị đến"
        f" {correction.valid_until:%d/%m/%Y}{over}; số hiệu chính đã cộng vào số đo, lớn nhất"
        f" {signed(greatest)}; độ không đảm bảo đo {celsius(doubt, 2)} (k = 2)"
    )


def signed(value: float) -> str:
    """A correction: always with its sign."""
    return f"{'+' if value >= 0 else ''}{number(value, 2)}\N{NO-BREAK SPACE}°C"


def chart_words(zone: ZoneInfo) -> ChartWords:
    """Of charts on paper."""

    def text(excursion: PlaceExcursion) -> str:
        return moment(excursion.started_at, zone)

    return ChartWords(
        number=number,
        moment=lambda at: moment(at, zone),
        high_limit="giới hạn trên",
        low_limit="giới hạn dưới",
        legend=dict(LEGEND),
        texts=text,
    )
