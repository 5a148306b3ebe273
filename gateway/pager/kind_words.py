"""What each kind of condition is called in a page and what to do about it, in Vietnamese and in English.

Short, for they stand in a short message beside everything else that a person must know at three in the morning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class KindWords:
    """One kind."""

    what_vi: str
    what_en: str
    do_vi: str
    do_en: str


_ALL: Final = {
    "temperature_high": KindWords(
        "quá nóng",
        "too warm",
        "Kiểm tra cửa và nguồn điện; chưa giảm thì chuyển thuốc sang tủ dự phòng.",
        "Check door and power; if it does not cool down, move the stock to the spare fridge.",
    ),
    "temperature_low": KindWords(
        "quá lạnh",
        "too cold",
        "Kiểm tra bộ chỉnh nhiệt; biệt trữ thuốc có thể đã đông băng.",
        "Check the thermostat; set aside what may have frozen.",
    ),
    "freeze": KindWords(
        "nguy cơ đông băng",
        "freezing",
        "Chuyển vắc-xin ra ngay; biệt trữ, không dùng cho đến khi dược sĩ đánh giá.",
        "Take vaccines out now; hold them until a pharmacist has judged them.",
    ),
    "rate_of_rise": KindWords(
        "nóng lên nhanh", "warming fast", "Kiểm tra cửa và nguồn điện.", "Check the door and the power."
    ),
    "door_open": KindWords("cửa đang mở", "door open", "Đóng cửa tủ.", "Close the door."),
    "power_cut": KindWords(
        "mất điện",
        "power cut",
        "Gọi kỹ thuật điện; không mở cửa tủ.",
        "Call the electrician; keep the door shut.",
    ),
    "sensor_silent": KindWords(
        "cảm biến mất tín hiệu",
        "sensor silent",
        "Xem nhiệt kế trong tủ; kiểm tra dây và nguồn cảm biến.",
        "Look at the thermometer in the fridge; check the sensor's cable and power.",
    ),
    "sensor_implausible": KindWords(
        "số đo không tin được",
        "reading not credible",
        "Xem nhiệt kế trong tủ; thay cảm biến.",
        "Look at the thermometer in the fridge; replace the sensor.",
    ),
    "battery_low": KindWords("pin yếu", "battery low", "Thay pin.", "Replace the battery."),
    "calibration_due": KindWords("đến hạn hiệu chuẩn", "calibration due", "Gửi hiệu chuẩn.", "Have it calibrated."),
    "clock_off": KindWords("đồng hồ sai", "clock off", "Chỉnh giờ của trạm.", "Set the node's clock."),
    "agent_silent": KindWords(
        "trạm mất liên lạc",
        "edge node silent",
        "Kiểm tra nguồn và mạng của trạm; xem nhiệt kế tại chỗ.",
        "Check the node's power and network; read the thermometers by eye.",
    ),
    "broker_silent": KindWords(
        "mất kết nối với máy chủ MQTT",
        "broker not reachable",
        "Kiểm tra máy chủ MQTT và mạng; xem nhiệt kế tại chỗ: không nơi nào được theo dõi.",
        "Check the broker and the network; read the thermometers by eye: no place is watched.",
    ),
    "dead_letters": KindWords(
        "có dữ liệu không đọc được", "unreadable data", "Báo quản trị viên.", "Tell the administrator."
    ),
    "pager_channel_dead": KindWords(
        "kênh báo động hỏng",
        "paging channel dead",
        "Kiểm tra modem, máy chủ hoặc mạng của kênh.",
        "Check the channel's modem, server or network.",
    ),
    "schedule_hole": KindWords("lịch trực bị trống", "hole in the rota", "Xếp người trực.", "Put somebody on call."),
    "heartbeat_missing": KindWords(
        "mất nhịp giám sát", "heartbeat missing", "Kiểm tra máy giám sát.", "Check the machine that watches."
    ),
    "external": KindWords(
        "báo động từ hệ thống khác", "alert of another system", "Xem hệ thống đó.", "Look at that system."
    ),
    "drill_failed": KindWords(
        "diễn tập báo động không đạt",
        "alarm drill failed",
        "Xem trang diễn tập: bước nào không đến.",
        "See the drill page: which step is missing.",
    ),
    "drill": KindWords("diễn tập", "drill", "Trả lời để hoàn tất diễn tập.", "Answer to finish the drill."),
}
KIND_WORDS: Final[Mapping[str, KindWords]] = MappingProxyType(_ALL)
_UNKNOWN: Final = KindWords("có sự cố", "trouble", "Mở trang trực để xem.", "Look at the on-call page.")


def words_of(kind: str) -> KindWords:
    """Of this kind; of one that has no words yet, that there is trouble: a page is never held back for words."""
    return KIND_WORDS.get(kind, _UNKNOWN)
