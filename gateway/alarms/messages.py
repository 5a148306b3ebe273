"""What a page says: place, value, limit, since when, and the next step, in Vietnamese and in English."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

_NEXT_STEP_VI: Final = {
    "temperature_high": "Kiểm tra cửa tủ và nguồn điện. Nếu nhiệt độ chưa giảm, chuyển thuốc sang tủ dự phòng và "
    "không sử dụng cho đến khi dược sĩ đánh giá.",
    "temperature_low": "Kiểm tra bộ điều chỉnh nhiệt độ. Biệt trữ thuốc có thể đã bị đông băng và không sử dụng cho "
    "đến khi dược sĩ đánh giá.",
}
_NEXT_STEP_EN: Final = {
    "temperature_high": "Check the door and the power. If it does not cool down, move the stock to the spare fridge "
    "and hold it until a pharmacist has judged it.",
    "temperature_low": "Check the thermostat. Stock that may have frozen is set aside and held until a pharmacist has "
    "judged it.",
}
_BEYOND_VI: Final = {"temperature_high": "cao hơn giới hạn", "temperature_low": "thấp hơn giới hạn"}
_BEYOND_EN: Final = {"temperature_high": "above the limit", "temperature_low": "below the limit"}


@dataclass(frozen=True)
class AlarmFacts:
    """What is known when an alarm is raised."""

    alarm_id: UUID
    condition: str
    place_id: str
    place_names_vi: tuple[str, ...]
    """From the place itself up to the site."""
    place_names_en: tuple[str, ...]
    device: str
    """`site/edge_node/device_id`."""
    temperature_celsius: float
    peak_celsius: float
    limit_celsius: float
    started_at: datetime
    raised_at: datetime
    occasion: int
    """1 when first raised; more if the condition came back before anyone acknowledged it."""


def page_message(facts: AlarmFacts, zone: ZoneInfo, base_url: str) -> dict[str, Any]:
    """The message as JSON: texts for people, and every fact by itself for programs."""
    value_vi, value_en = celsius_vi(facts.temperature_celsius), celsius_en(facts.temperature_celsius)
    limit_vi, limit_en = celsius_vi(facts.limit_celsius), celsius_en(facts.limit_celsius)
    local = facts.started_at.astimezone(zone)
    again_vi, again_en = ("(tái diễn) ", "(again) ") if facts.occasion > 1 else ("", "")
    beyond_vi, beyond_en = _BEYOND_VI[facts.condition], _BEYOND_EN[facts.condition]
    return {
        "kind": "temperature_alarm",
        "alarm_id": str(facts.alarm_id),
        "occasion": facts.occasion,
        "condition": facts.condition,
        "place_id": facts.place_id,
        "place_names_vi": list(facts.place_names_vi),
        "place_names_en": list(facts.place_names_en),
        "device": facts.device,
        "temperature_celsius": facts.temperature_celsius,
        "peak_celsius": facts.peak_celsius,
        "limit_celsius": facts.limit_celsius,
        "started_at": facts.started_at.isoformat(),
        "raised_at": facts.raised_at.isoformat(),
        "text_vi": f"{again_vi}{', '.join(facts.place_names_vi)}: {value_vi}, {beyond_vi} {limit_vi} "
        f"từ {local:%H:%M:%S} ngày {local:%d/%m/%Y}.",
        "text_en": f"{again_en}{', '.join(facts.place_names_en)}: {value_en}, {beyond_en} {limit_en} "
        f"since {local:%H:%M:%S} on {local:%d %b %Y}.",
        "next_step_vi": _NEXT_STEP_VI[facts.condition],
        "next_step_en": _NEXT_STEP_EN[facts.condition],
        "url": f"{base_url}/on-call" if base_url else "",
    }


def celsius_vi(temperature_celsius: float) -> str:
    """With a decimal comma, as Vietnamese writes it."""
    return celsius_en(temperature_celsius).replace(".", ",")


def celsius_en(temperature_celsius: float) -> str:
    """One decimal: no thermometer here is better than 0.1 degrees."""
    return f"{temperature_celsius:.1f} °C"
