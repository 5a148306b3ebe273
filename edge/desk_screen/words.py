"""What the desk's own screen says, in both languages: by outcome the word, the sentence and the next step."""

from collections.abc import Mapping
from typing import Any, Final

_OUTCOMES_VI: Final = {
    "genuine": (
        "ok",
        "Thẻ thật",
        "Thẻ do bệnh viện cấp và vừa chứng minh là thẻ gốc. Lần chạm đã được lưu tại máy này.",
        "Hỏi ngày sinh, đối chiếu với giấy tờ hoặc màn hình. Lượt khám và số thứ tự có khi máy chủ nhận được.",
    ),
    "to_be_judged": (
        "attention",
        "Chờ máy chủ kiểm tra",
        "Loại thẻ này cần máy chủ xác nhận; máy này chưa có khóa để tự kiểm tra. Lần chạm đã được lưu.",
        "Xem giấy tờ và ghi số thẻ. Chưa coi là đã xác minh cho đến khi máy chủ trả lời.",
    ),
    "copied": (
        "stop",
        "Thẻ sao chép",
        "Thẻ tự nhận là thẻ khám bệnh nhưng không chứng minh được là thẻ gốc.",
        "Không tiếp nhận bằng thẻ này. Giữ thẻ, xem giấy tờ và báo trưởng ca.",
    ),
    "replayed": (
        "stop",
        "Bằng chứng đã dùng",
        "Thẻ hoặc điện thoại đưa ra một bằng chứng đã dùng trước đó.",
        "Yêu cầu đặt chính thẻ gốc lên đầu đọc. Nếu lặp lại: giữ thẻ, xem giấy tờ, báo trưởng ca.",
    ),
    "lost": (
        "stop",
        "Thẻ đã báo mất",
        "Thẻ này đã được báo mất. Người cầm thẻ có thể không phải là người bệnh.",
        "Đối chiếu giấy tờ. Nếu đúng người bệnh, mời sang bàn cấp thẻ để mở lại thẻ.",
    ),
    "stolen": (
        "stop",
        "Thẻ đã báo bị lấy cắp",
        "Thẻ này đã được báo bị lấy cắp.",
        "Giữ thẻ, xem giấy tờ và báo trưởng ca.",
    ),
    "revoked": (
        "stop",
        "Thẻ đã thu hồi",
        "Thẻ này đã bị thu hồi và không còn giá trị.",
        "Giữ thẻ, xem giấy tờ; dùng thẻ mới của người bệnh.",
    ),
    "expired": (
        "attention",
        "Thẻ hết hạn",
        "Thẻ là thẻ thật nhưng đã quá hạn dùng.",
        "Xem giấy tờ, tiếp nhận bằng giấy tờ và hẹn đổi thẻ.",
    ),
    "replaced": (
        "stop",
        "Thẻ đã được thay",
        "Người bệnh đã có thẻ mới; thẻ này không còn dùng.",
        "Giữ thẻ này và yêu cầu thẻ mới. Không có: xem giấy tờ.",
    ),
    "foreign": (
        "attention",
        "Thẻ của nơi khác",
        "Thẻ do đơn vị khác cấp, bệnh viện không kiểm tra được.",
        "Yêu cầu thẻ khám bệnh của bệnh viện hoặc giấy tờ.",
    ),
    "other_card": (
        "attention",
        "Không phải thẻ khám bệnh",
        "Đây là loại thẻ khác, ví dụ thẻ ngân hàng hoặc thẻ ra vào.",
        "Yêu cầu thẻ khám bệnh; nếu không có, tìm người bệnh bằng giấy tờ.",
    ),
    "unread": (
        "attention",
        "Chưa đọc được thẻ",
        "Thẻ chưa được đọc đến cuối nên chưa chứng minh được gì.",
        "Giữ yên thẻ trên đầu đọc và thử lại. Hai lần không được: dùng giấy tờ.",
    ),
}
_OUTCOMES_EN: Final = {
    "genuine": (
        "ok",
        "Genuine card",
        "The hospital issued this card, and it has just proven to be the original. The tap is saved on this machine.",
        "Ask for the date of birth and compare. The visit and its queue number come when the server has the tap.",
    ),
    "to_be_judged": (
        "attention",
        "The server must check it",
        "This kind of card needs the server: this machine has no key to check it. The tap is saved.",
        "Look at papers and note the card number. Nothing is proven until the server has answered.",
    ),
    "copied": (
        "stop",
        "Copied card",
        "The card claims to be a health card, but could not prove that it is the original.",
        "Do not accept it. Keep the card, ask for papers, and call your supervisor.",
    ),
    "replayed": (
        "stop",
        "Proof used before",
        "The card or telephone showed a proof that was used before.",
        "Ask for the card itself. If it happens again: keep the card, ask for papers, call your supervisor.",
    ),
    "lost": (
        "stop",
        "Card reported lost",
        "This card was reported lost. Whoever brings it may not be the patient.",
        "Compare the papers. If it is the patient, send them to the card desk to have the card released.",
    ),
    "stolen": (
        "stop",
        "Card reported stolen",
        "This card was reported stolen.",
        "Keep the card, ask for papers, and call your supervisor.",
    ),
    "revoked": (
        "stop",
        "Card withdrawn",
        "This card has been withdrawn and is no longer valid.",
        "Keep the card, ask for papers; use the patient's new card.",
    ),
    "expired": (
        "attention",
        "Card expired",
        "The card is genuine, but its validity is over.",
        "Check the papers, register by them, and have a new card made.",
    ),
    "replaced": (
        "stop",
        "Card replaced",
        "The patient has a new card; this one is not used any more.",
        "Keep this card and ask for the new one, or for papers.",
    ),
    "foreign": (
        "attention",
        "Card of another issuer",
        "Somebody else issued this card; this hospital can't check it.",
        "Ask for this hospital's health card, or for papers.",
    ),
    "other_card": (
        "attention",
        "Not a health card",
        "This is another kind of card, such as a bank card or a building card.",
        "Ask for the health card; without one, find the patient by papers.",
    ),
    "unread": (
        "attention",
        "Card not read",
        "The card could not be read to the end, so nothing is proven.",
        "Hold the card still on the reader and try again. If it fails twice, use papers.",
    ),
}


def _by_name(outcomes: Mapping[str, tuple[str, str, str, str]]) -> dict[str, dict[str, str]]:
    return {
        name: {"mood": mood, "word": word, "sentence": sentence, "next_step": next_step}
        for name, (mood, word, sentence, next_step) in outcomes.items()
    }


WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "vi": {
        "outcomes": _by_name(_OUTCOMES_VI),
        "title": "Quầy đăng ký (máy tại quầy)",
        "ready": "Sẵn sàng",
        "put_card": "Đặt thẻ khám bệnh lên đầu đọc.",
        "next": "Việc cần làm",
        "born": "Ngày sinh",
        "blood_group": "Nhóm máu",
        "allergies": "DỊ ỨNG",
        "no_allergies": "Thẻ không ghi dị ứng",
        "conditions": "Bệnh mạn tính",
        "medication": "Thuốc đang dùng",
        "guardian": "Người giám hộ",
        "record_of": "Theo thẻ, ghi ngày",
        "record_is_old": "Thông tin trên thẻ đã quá hạn: hỏi lại người bệnh.",
        "card": "Thẻ",
        "before": "Các lần chạm trước",
        "reached": "Đang nối với máy chủ",
        "unreached": "Mất kết nối máy chủ từ",
        "unreached_now": "Mất kết nối máy chủ",
        "still_works": "Thẻ vẫn được kiểm tra tại máy này và mọi lần chạm đều được lưu.",
        "waiting": "lần chạm và quét chờ gửi",
        "devices_down": "Thiết bị không hoạt động",
        "no_card_list": "Máy này chưa nhận danh sách thẻ bị thu hồi: thẻ mất hoặc bị thu hồi chưa nhận ra được.",
        "old_card_list": "Danh sách thẻ bị thu hồi đã cũ, lập lúc",
        "card_list": "Danh sách thẻ bị thu hồi lập lúc",
        "screen_lost": "Chương trình đọc thẻ trên máy này không trả lời. Báo phòng công nghệ thông tin.",
        "detail": "Chi tiết kỹ thuật",
        "sound_on": "Bật âm thanh",
        "sound_off": "Tắt âm thanh",
    },
    "en": {
        "outcomes": _by_name(_OUTCOMES_EN),
        "title": "Registration desk (this machine)",
        "ready": "Ready",
        "put_card": "Put a health card on the reader.",
        "next": "Next",
        "born": "Born",
        "blood_group": "Blood group",
        "allergies": "ALLERGIES",
        "no_allergies": "No allergy on the card",
        "conditions": "Chronic conditions",
        "medication": "Medication",
        "guardian": "Guardian",
        "record_of": "From the card, as of",
        "record_is_old": "What the card says is past its date: ask again.",
        "card": "Card",
        "before": "Taps before",
        "reached": "Connected to the server",
        "unreached": "No connection to the server since",
        "unreached_now": "No connection to the server",
        "still_works": "Cards are still checked on this machine, and every tap is saved.",
        "waiting": "taps and scans wait to be sent",
        "devices_down": "Devices that don't work",
        "no_card_list": "This machine has no list of withdrawn cards yet: a lost or withdrawn card can't be told.",
        "old_card_list": "The list of withdrawn cards is old, made at",
        "card_list": "List of withdrawn cards made at",
        "screen_lost": "The card program on this machine does not answer. Tell the IT department.",
        "detail": "Technical detail",
        "sound_on": "Sound on",
        "sound_off": "Sound off",
    },
}
