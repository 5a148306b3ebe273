"""The pages: what each of the three people sees, for every outcome, and what the banner says."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.pages.desk_words import TAP_STATES
from gateway.pages.pharmacy_view import SCAN_STATES
from gateway.pages.reasons import readable
from gateway.pages.sparkline import HEIGHT, WIDTH, draw
from gateway.pages.translations import read_catalogues
from gateway.people.person import NewPatient
from gateway.services.reads_on_call import TrendPoint
from tests.gateway.people_kit import SOMEBODY, people_of

WORLD = Any
TextOf = Callable[[str], str]
NAME: Final = "NGUYỄN Hoàng Bảo Ngọc"
STATIC: Final = Path(str(files("gateway.pages"))) / "static"


def _newest(html: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found is not None
    return found[0]


def _tap(world: WORLD, outcome: str) -> None:
    world.execute("DELETE FROM tap WHERE outcome <> %s", outcome)


@pytest.mark.parametrize("outcome", sorted(TAP_STATES))
def test_each_outcome_of_a_tap_has_its_own_word_sign_sentence_and_sound(
    world: WORLD, text_of: TextOf, outcome: str
) -> None:
    _tap(world, outcome)
    section = _newest(world.signed_in("clerk").get("/desk").text, "newest_tap")
    state, vi = TAP_STATES[outcome], read_catalogues()["vi"]
    shown = text_of(section)
    for text in (state.word, state.sentence, state.next_step):
        assert vi.text(text) in shown
    assert f'data-outcome="{outcome}"' in section
    assert f'data-sound="{state.sound}"' in section
    assert f'<svg class="shape {state.mood}{" signed" if state.sign else ""}"' in section
    may_name = outcome in {"checked_in", "already_checked_in"} or outcome.removesuffix("_card") in {
        "lost",
        "stolen",
        "revoked",
        "expired",
        "replaced",
    }
    assert (NAME in shown) is may_name
    assert ("Số thứ tự 1" in shown) is (outcome in {"checked_in", "already_checked_in"})


def test_no_two_outcomes_of_a_tap_say_or_look_the_same() -> None:
    assert len({state.word for state in TAP_STATES.values()}) == len(TAP_STATES)
    assert len({state.sentence for state in TAP_STATES.values()}) == len(TAP_STATES)
    assert len({(state.mood, state.sign) for state in TAP_STATES.values()}) == len(TAP_STATES)


def test_the_patient_banner_is_in_fixed_order_and_format(world: WORLD, text_of: TextOf) -> None:
    _tap(world, "checked_in")
    shown = text_of(_newest(world.signed_in("clerk").get("/desk").text, "newest_tap"))
    allergy = "Có tiền sử dị ứng: báo bác sĩ"
    parts = [NAME, allergy, "14/03/2023 (3 tuổi)", "Nữ", "2600 1207", "TE179 79123 45678", "đang sử dụng", "chưa có"]
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)


def test_the_day_lists_its_visits_newest_number_first(world: WORLD, text_of: TextOf) -> None:
    shown = text_of(_newest(world.signed_in("clerk").get("/desk").text, "visits"))
    names = ["PHẠM Gia Hưng", "LÊ Thị Thảo Vy", "TRẦN Đức Minh Khôi", NAME]
    places = [shown.index(name) for name in names]
    assert places == sorted(places)
    world.clock.forward(days=1)
    assert "Hôm nay chưa có ai được tiếp nhận." in world.signed_in("clerk").get("/desk").text


def test_a_desk_can_be_shown_alone(world: WORLD) -> None:
    browser = world.signed_in("clerk")
    assert "NGUYỄN" in browser.get("/desk", params={"place": "desk-1"}).text
    other = browser.get("/desk", params={"place": "desk-2"}).text
    assert "NGUYỄN" not in other
    assert "Hãy đặt thẻ khám bệnh lên đầu đọc." in other


@pytest.mark.parametrize("outcome", sorted(SCAN_STATES))
def test_each_outcome_of_a_scan_has_its_own_word_sign_sentence_and_sound(
    world: WORLD, text_of: TextOf, outcome: str
) -> None:
    world.execute("DELETE FROM scan WHERE outcome <> %s", outcome)
    section = _newest(world.signed_in("pharmacist").get("/pharmacy").text, "newest_scan")
    state, vi = SCAN_STATES[outcome], read_catalogues()["vi"]
    shown = text_of(section)
    for text in (state.word, state.sentence):
        assert vi.text(text) in shown
    assert f'data-sound="{state.sound}"' in section
    assert f'<svg class="shape {state.mood}{" signed" if state.sign else ""}"' in section
    if outcome != "refused":
        for part in ("Paracetamol 250 mg bột sủi", "A24X", "30/06/2027", "Tồn kho hiện tại 1.224 gói"):
            assert part in shown


def test_a_received_pack_says_where_it_came_from_and_went(world: WORLD, text_of: TextOf) -> None:
    shown = text_of(_newest(world.signed_in("pharmacist").get("/pharmacy").text, "newest_scan"))
    assert "nhà cung cấp → Kho chính 12 gói" in shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("]d20108935006512341172706301012", "Sai số kiểm tra"),
        ("hello world", "Đây không phải mã của hộp thuốc."),
    ],
)
def test_a_refused_scan_says_why_and_what_mends_it(world: WORLD, text_of: TextOf, text: str, words: str) -> None:
    world.execute("DELETE FROM scan WHERE outcome <> 'refused'")
    world.execute("UPDATE scan SET text = %s", text)
    shown = text_of(_newest(world.signed_in("pharmacist").get("/pharmacy").text, "newest_scan"))
    assert words in shown
    assert "Hãy" in shown or "Lau" in shown


def test_a_refused_scan_names_the_field_and_what_stands_in_it(world: WORLD, text_of: TextOf) -> None:
    world.execute("DELETE FROM scan WHERE outcome <> 'refused'")
    world.execute("UPDATE scan SET text = %s", "]d2010893500651234517269931")
    shown = text_of(_newest(world.signed_in("pharmacist").get("/pharmacy").text, "newest_scan"))
    assert "Ngày ghi trong mã không có thật. Hạn dùng: (17) 269931" in shown


def test_a_persons_card_scanned_in_the_pharmacy_is_not_shown(world: WORLD) -> None:
    world.execute("DELETE FROM scan WHERE outcome <> 'refused'")
    world.execute(
        "UPDATE scan SET text = %s, kind = 'cccd'", "001203000123||Nguyễn Văn Bí Mật|01012003|Nam|Hà Nội|01012021"
    )
    page = world.signed_in("pharmacist").get("/pharmacy").text
    assert "Bí Mật" not in page
    assert "001203000123" not in page
    assert "Đây là thẻ của một người, không phải hộp thuốc." in page


def test_a_scan_that_contradicts_the_books_names_the_case(world: WORLD) -> None:
    page = world.signed_in("pharmacist").get("/pharmacy").text
    assert "Hộp này chưa từng được nhập kho." in _newest(page, "discrepancies")
    world.execute("UPDATE discrepancy SET resolved_at = now()")
    assert "chưa từng" not in _newest(world.signed_in("pharmacist").get("/pharmacy").text, "discrepancies")


def test_stock_marks_what_has_expired_and_what_expires_soon(world: WORLD, text_of: TextOf) -> None:
    shown = text_of(_newest(world.signed_in("pharmacist").get("/pharmacy").text, "stock"))
    assert "31/10/2026 đã hết hạn" in shown
    assert "31/12/2026 sắp hết hạn" in shown
    assert "30/06/2027 1.188 gói" in shown
    assert shown.index("Tủ vắc-xin 1") < shown.index("Kho chính")


def test_tags_are_shown_with_what_their_epc_says(world: WORLD, text_of: TextOf) -> None:
    world.execute("INSERT INTO product VALUES ('THUOC-A', 'Thuốc A', 'Drug A', 'viên', 'tablet')")
    world.execute("INSERT INTO trade_item VALUES ('80614141123458', 'THUOC-A', 1)")
    shown = text_of(_newest(world.signed_in("pharmacist").get("/pharmacy").text, "shelf"))
    assert "Thuốc A 6789 Kệ A1" in shown
    assert "e28011700000020f7c1a2b3c Thẻ của hệ thống khác" in shown
    world.execute("UPDATE tag_presence SET disappeared_at = now() WHERE epc LIKE '3034%%'")
    assert "6789" not in text_of(_newest(world.signed_in("pharmacist").get("/pharmacy").text, "shelf"))


def test_the_on_call_page_shows_value_limits_state_and_trend_of_each_place(world: WORLD, text_of: TextOf) -> None:
    page = world.signed_in("on_call").get("/on-call").text
    cards = {found[0]: found[1] for found in re.findall(r'<article id="place-([^"]*)" class="(place [^"]*)"', page)}
    assert sorted(cards.values()) == ["place ok", "place stop", "place unknown"]
    shown = text_of(page)
    assert "Tủ insulin 2 Trong giới hạn" in shown
    assert "Giới hạn 2,0…8,0 °C" in shown
    assert "Tủ đông 1 Chưa có nhiệt kế" in shown
    cool = re.search(r'<article id="place-\d+" class="place ok".*?</article>', page, re.DOTALL)
    assert cool is not None
    assert cool[0].count("<polyline") == 2, "ten minutes without a reading are drawn as a gap"


def test_an_alarm_shows_limit_peak_since_when_and_how_its_pages_were_delivered(world: WORLD, text_of: TextOf) -> None:
    shown = text_of(world.signed_in("on_call").get("/on-call").text)
    for part in (
        "Báo động Tủ vắc-xin 1 · quá nóng 10,2 °C",
        "Số sự cố 4711 Nghiêm trọng",
        "Giới hạn 8,0 °C",
        "Xa nhất 10,4 °C",
        "Từ lúc 09:17",
        "Tệp nhật ký đã gửi đến 09:30:00",
        "Webhook chưa gửi được sau 3 lần thử",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("returned", "acknowledged", "word"),
    [
        (False, False, "Báo động"),
        (False, True, "Đã xác nhận, vẫn còn"),
        (True, False, "Đã trở lại bình thường, chưa xác nhận"),
        (True, True, "Không có báo động. Mọi thứ đều ổn."),
    ],
)
def test_acknowledged_and_returned_to_normal_are_two_facts(
    world: WORLD, text_of: TextOf, *, returned: bool, acknowledged: bool, word: str
) -> None:
    at = world.clock()
    world.execute(
        "UPDATE incident SET returned_at = %s, acknowledged_at = %s, acknowledged_by = %s, acknowledge_comment = %s,"
        " closed_at = %s",
        at if returned else None,
        *((at, "mai", "cửa mở") if acknowledged else (None, None, None)),
        at if returned and acknowledged else None,
    )
    section = text_of(_newest(world.signed_in("on_call").get("/on-call").text, "alarms"))
    assert word in section
    assert ("cửa mở" in section) is acknowledged


def test_a_viewer_sees_alarms_but_has_no_form_to_acknowledge(world: WORLD) -> None:
    assert "<textarea" in world.signed_in("on_call").get("/on-call").text
    assert "<textarea" not in world.signed_in("viewer").get("/on-call").text


def test_old_data_is_said_on_the_card_and_in_the_banner(world: WORLD, text_of: TextOf) -> None:
    world.execute("DELETE FROM page")
    world.execute("DELETE FROM alarm")
    world.execute("UPDATE incident SET returned_at = now(), closed_at = now()")
    world.clock.forward(minutes=4)
    page = world.signed_in("on_call").get("/on-call").text
    assert "Không có nhiệt độ mới từ 09:29" in text_of(page)
    assert "Dữ liệu đã cũ" in text_of(page)
    assert page.count("place unknown old") == 2


def test_the_banner_says_which_node_and_device_is_offline_and_since_when(world: WORLD, text_of: TextOf) -> None:
    browser = world.signed_in("pharmacist", "clerk", "on_call", "admin")
    for path in ("/", "/desk", "/pharmacy", "/on-call", "/admin"):
        assert "Nút biên desk-1 mất kết nối từ 09:16." in text_of(browser.get(path).text), path
    assert "Thiết bị Máy quét xuất kho ngừng hoạt động từ 09:23." in text_of(browser.get("/pharmacy").text)
    assert "Máy quét xuất kho" not in text_of(browser.get("/desk").text)
    world.execute("UPDATE edge_node SET state = 'up'")
    world.execute("UPDATE device SET state = 'up'")
    assert '<div class="notice' not in _banner(browser.get("/pharmacy").text)


def _banner(page: str) -> str:
    return page.partition('<div id="banner"')[2].partition("<main")[0]


def test_the_administrator_sees_nodes_devices_and_dead_letters_with_reason(world: WORLD, text_of: TextOf) -> None:
    shown = text_of(world.signed_in("admin").get("/admin").text)
    for part in (
        "store-1 hcm 0.1.0",
        "0,04 s",
        "scanner-receiving",
        "nhập kho",
        "bad_row",
        "expected a finite number",
        "..",
    ):
        assert part in shown


def test_what_a_device_delivers_is_never_taken_for_markup(world: WORLD) -> None:
    evil = "<script>alert(1)</script>"
    with world.pool.connection() as connection:
        for place in range(1, 5):
            people_of().correct(connection, uuid.UUID(int=place), NewPatient(evil), SOMEBODY)
    world.execute("UPDATE scan SET text = %s, kind = 'unknown', parsed = '{}', movement_id = NULL", evil)
    world.execute("UPDATE device SET description = %s, state_reason = %s", evil, evil)
    world.execute("UPDATE dead_letter SET reason = %s, topic = %s", evil, evil)
    browser = world.signed_in("pharmacist", "clerk", "on_call", "admin")
    for path in ("/", "/desk", "/pharmacy", "/on-call", "/admin"):
        page = browser.get(path).text
        assert "<script>alert" not in page.lower(), path
    assert "&lt;script&gt;" in browser.get("/pharmacy").text


class _Inspector(HTMLParser):
    """Collects what the content policy or a screen reader would stumble over."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.faults += [f"{tag} has {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.faults.append(f"inline {tag}")
        for name in ("src", "href", "action"):
            value = given.get(name) or "/"
            if not value.startswith(("/", "#")):
                self.faults.append(f"{tag} leads to {value}")
        if tag == "img" and "alt" not in given:
            self.faults.append("img without alt")
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if tag == "label":
            self.labelled.add(given.get("for") or "")
        if given.get("aria-label"):
            self.labelled.add(given.get("id") or "")
        if tag in {"input", "textarea"} and given.get("type") != "hidden":
            self.fields.append(given.get("id") or "")


@pytest.mark.parametrize("path", ["/", "/desk", "/pharmacy", "/on-call", "/admin", "/sign-in", "/enter", "/setup"])
def test_a_page_needs_nothing_inline_nothing_from_elsewhere_and_labels_every_field(world: WORLD, path: str) -> None:
    page = world.signed_in("pharmacist", "clerk", "on_call", "admin").get(path).text
    inspector = _Inspector()
    inspector.feed(page)
    assert inspector.faults == []
    assert len(inspector.ids) == len(set(inspector.ids))
    assert set(inspector.fields) <= inspector.labelled
    assert page.count("<main") == page.count("<h1") == 1


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_has_enough_contrast_in_both_themes() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    themes = re.findall(
        r"\{\s*color-scheme.*?\}|:root \{[^}]*--on-state[^}]*\}", (STATIC / "base.css").read_text(), re.DOTALL
    )
    themes = [theme for theme in themes if "--ground" in theme]
    assert len(themes) >= 2
    for theme in themes:
        colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", theme))
        pairs = [(text, ground) for text in ("ink", "soft", "link") for ground in ("ground", "panel")]
        for state in ("ok", "info", "attention", "stop", "unknown"):
            pairs += [(state, f"{state}-ground"), (state, "panel"), ("on-state", state), ("ink", f"{state}-ground")]
        for text, ground in pairs:
            light, dark = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground, colours[text], colours[ground])


def test_scripts_are_short_and_load_nothing_from_elsewhere() -> None:
    for script in STATIC.glob("*.js"):
        text = script.read_text()
        assert len(text.splitlines()) < 200, script.name
        assert not re.search(r"https?://|eval\(|new Function|document\.write", text), script.name


def test_a_trend_is_drawn_inside_its_frame_and_broken_where_data_is_missing(world: WORLD) -> None:
    now, span = world.clock(), timedelta(minutes=90)
    minutes = [*range(90, 60, -1), *range(30, -1, -1)]
    points = [
        TrendPoint(
            device_key=1, at=now - timedelta(minutes=each), mean_celsius=5 + each / 9, min_celsius=5, max_celsius=16
        )
        for each in minutes
    ]
    spark = draw(points, 2.0, 8.0, span, now)
    assert len(spark.lines) == 2
    for line in spark.lines:
        for point in line.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT
    assert spark.high_y is not None
    assert spark.low_y is not None
    assert spark.high_y < spark.low_y
    empty = draw([], None, None, span, now)
    assert (empty.lines, empty.last) == ((), None)


def test_a_separator_in_a_code_is_made_visible() -> None:
    assert readable("10A\x1d21B\x7f") == "10A␝21B\N{REPLACEMENT CHARACTER}"
