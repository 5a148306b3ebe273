"""Words: every text of the pages exists in both languages, and a page speaks one of them only."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gateway.pages.speech import Speech, family_name_first, grouped
from gateway.pages.translations import LANGUAGES, read_catalogues

WORLD = Any
GATEWAY: Final = Path(str(files("gateway")))
PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


def _used() -> set[str]:
    found = extract_from_dir(
        str(GATEWAY),
        method_map=[("pages/**.html", "jinja2"), ("pages/**.py", "python"), ("api/**.py", "python")],
        keywords={"_": None, "N_": None},
    )
    return {text for _file, _line, text, _comments, _context in found if isinstance(text, str)}


def _catalogue(language: str) -> dict[str, str]:
    with (GATEWAY / "pages" / "locale" / f"{language}.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file, abort_invalid=True) if message.id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_that_is_used_is_in_the_catalogue_and_no_other(language: str) -> None:
    used, known = _used(), _catalogue(language)
    assert len(used) > 200
    assert used - set(known) == set()
    assert set(known) - used == set()
    assert [msgid for msgid, text in known.items() if not text.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_its_placeholders(language: str) -> None:
    for msgid, text in _catalogue(language).items():
        assert sorted(PLACEHOLDER.findall(msgid)) == sorted(PLACEHOLDER.findall(text)), msgid


def test_vietnamese_is_translated_and_english_is_english() -> None:
    vietnamese = _catalogue("vi")
    assert [msgid for msgid, text in vietnamese.items() if msgid == text] == []
    assert [msgid for msgid, text in _catalogue("en").items() if msgid != text] == []
    marked = re.compile("[ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ]", re.IGNORECASE)
    without = {text for text in vietnamese.values() if not marked.search(text)}
    assert without == {"Nam", "Webhook", "byte"}


def test_a_template_has_no_bare_words() -> None:
    """Text between tags is a call of `_`, a value or a name; never a sentence of one language."""
    bare = re.compile(r"[A-Za-zÀ-ỹ]{2,}")
    allowed = {
        "medtap",
        "GTIN",
        "English",
        "Tiếng",
        "Việt",
        "dark",
        "light",
    }  # names, and what blocks give to attributes
    for template in sorted((GATEWAY / "pages" / "templates").rglob("*.html")):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template.read_text(), flags=re.DOTALL)
        words = set(bare.findall(re.sub(r"<[^>]*>", " ", text, flags=re.DOTALL)))
        assert words - allowed == set(), template.name


@pytest.mark.parametrize("path", ["/", "/desk", "/pharmacy", "/on-call", "/admin", "/sign-in", "/nothing-here"])
def test_a_page_in_english_has_no_vietnamese_word_of_ours_and_the_other_way_round(
    world: WORLD, path: str, text_of: Callable[[str], str]
) -> None:
    catalogues = {language: _catalogue(language) for language in LANGUAGES}
    browser = world.signed_in("admin", "pharmacist", "clerk", "on_call")
    for language, other in (("vi", "en"), ("en", "vi")):
        browser.post("/language", data={"language": language, "next": "/"})
        page = browser.get(path, headers={"accept": "text/html"}).text
        assert f'<html lang="{language}"' in page
        # The language switch and technical details name their own language; data is not ours.
        page = re.sub(
            r'<button class="quiet" name="language".*?</button>|<p lang="en">.*?</p>', "", page, flags=re.DOTALL
        )
        shown = text_of(page)
        foreign = [
            text
            for msgid, text in catalogues[other].items()
            if len(text) > 12 and "%(" not in text and text in shown and text not in catalogues[language].values()
        ]
        assert foreign == [], (language, path)


def test_the_chosen_language_stays_with_the_account_and_with_the_browser(world: WORLD) -> None:
    browser = world.signed_in("clerk")
    assert '<html lang="vi"' in browser.get("/desk").text
    browser.post("/language", data={"language": "en", "next": "/desk"})
    assert '<html lang="en"' in browser.get("/desk").text
    assert world.rows("SELECT language FROM login_account") == [("en",)]
    stranger = world.browser()
    assert '<html lang="vi"' in stranger.get("/sign-in").text
    stranger.post("/language", data={"language": "en", "next": "/sign-in"})
    assert '<html lang="en"' in stranger.get("/sign-in").text
    stranger.post("/language", data={"language": "xx", "next": "/sign-in"})
    assert '<html lang="vi"' in stranger.get("/sign-in").text


def _speech(language: str) -> Speech:
    return Speech(read_catalogues()[language], ZoneInfo("Asia/Ho_Chi_Minh"))


def test_numbers_are_written_as_the_language_writes_them() -> None:
    vi, en = _speech("vi"), _speech("en")
    assert (vi.celsius(8.25), en.celsius(-0.04)) == ("8,2\N{NO-BREAK SPACE}°C", "0.0\N{NO-BREAK SPACE}°C")
    assert (vi.decimal(-15.06), en.decimal(-15.06)) == ("\N{MINUS SIGN}15,1", "\N{MINUS SIGN}15.1")
    assert (vi.whole(1234567), en.whole(1234567)) == ("1.234.567", "1,234,567")


def test_times_are_in_the_hospitals_zone() -> None:
    late = datetime(2026, 11, 21, 18, 5, 9, tzinfo=UTC)
    vi = _speech("vi")
    assert vi.day_and_clock(late) == "22/11/2026 01:05:09"
    assert vi.since(late, datetime(2026, 11, 22, 2, tzinfo=UTC)) == "01:05"
    assert vi.since(late, datetime(2026, 11, 22, 18, tzinfo=UTC)) == "22/11 01:05"


@pytest.mark.parametrize(
    ("born", "age"),
    [
        (date(2026, 11, 22), "0 ngày tuổi"),
        (date(2026, 10, 26), "27 ngày tuổi"),
        (date(2026, 10, 22), "1 tháng tuổi"),
        (date(2023, 11, 23), "35 tháng tuổi"),
        (date(2023, 11, 22), "3 tuổi"),
        (date(2012, 2, 29), "14 tuổi"),
    ],
)
def test_an_age_is_told_in_days_months_or_years(born: date, age: str) -> None:
    assert _speech("vi").age(born, datetime(2026, 11, 21, 20, tzinfo=UTC)) == age


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [
        (45, "45 giây", "45 s"),
        (125, "2 phút", "2 min"),
        (3900, "1 giờ 05 phút", "1 h 05 min"),
        (190_000, "2 ngày 4 giờ", "2 d 4 h"),
    ],
)
def test_a_length_of_time_is_said_in_its_largest_units(seconds: int, vi: str, en: str) -> None:
    assert (_speech("vi").duration(seconds), _speech("en").duration(seconds)) == (vi, en)


def test_a_name_is_split_after_the_family_name_and_not_recased_otherwise() -> None:
    assert family_name_first("Nguyễn Hoàng Bảo Ngọc") == ("NGUYỄN", "Hoàng Bảo Ngọc")
    assert family_name_first("Đặng thị mai") == ("ĐẶNG", "thị mai")
    assert family_name_first("Y") == ("Y", "")


def test_an_identifier_is_grouped_from_the_right() -> None:
    assert (grouped("26001207"), grouped("126001207"), grouped("")) == ("2600 1207", "1 2600 1207", "")
