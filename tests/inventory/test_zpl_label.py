"""Labels as ZPL: what may be in them, what is shortened, what is refused, and that no text becomes a command."""

import re
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inventory.content_checks import CSET82
from inventory.datamatrix_size import datamatrix_size
from inventory.errors import CodeError
from inventory.pack_identity import InternalIdentity, PackIdentity
from inventory.zpl import LabelError, Media, escape_datamatrix, escape_text
from inventory.zpl_label import (
    Controlled,
    DispenseLabel,
    PackLabel,
    ShelfLabel,
    Storage,
    dispense_label,
    pack_label,
    shelf_label,
)
from inventory.zpl_text import break_lines, shorten, shorten_to_lines, text_width

GTIN = "08934567890120"
IDENTITY = PackIdentity(GTIN, "A/B_1-%2", date(2027, 2, 28), "SN0001")
LETTERS = st.text(alphabet=CSET82, min_size=1, max_size=20)


def commands(zpl: str) -> list[str]:
    return re.findall(r"[\^~][A-Z@]{2}", zpl)


def dispensing(instructions: str = "Uống 1 gói x 3 lần mỗi ngày, sau ăn.") -> DispenseLabel:
    return DispenseLabel(
        hospital="Bệnh viện Nhi đồng",
        patient_name="Nguyễn Thị Ánh Dương",
        patient_number="NB-000123",
        name_vi="Amoxicillin 250 mg",
        quantity="21 gói",
        instructions=instructions,
        dispensed_on=date(2026, 11, 22),
        dispensed_by="DS. Lê Văn Hổ",
        identity=IDENTITY,
    )


def test_a_pack_label_says_in_zpl_what_the_pack_is() -> None:
    zpl = pack_label(PackLabel(IDENTITY, "Paracetamol 500 mg"), Media(), copies=3)
    assert "^FD_101089345678901201727022810A/B__1-%2_121SN0001^FS" in zpl
    assert "^BXN,3,200,22,22,,_" in zpl
    assert "^FD(01)08934567890120" in zpl
    assert "HSD: 28/02/2027" in zpl
    assert "^PQ3,0,1,Y" in zpl
    assert zpl.isascii()


def test_a_label_for_another_head_has_the_same_size_in_millimetres() -> None:
    zpl = pack_label(PackLabel(IDENTITY, "Paracetamol"), Media(dots_per_mm=12))
    assert "^PW600^LL360" in zpl
    assert "^BXN,5,200" in zpl


@given(st.text(max_size=60))
@example("^XZ^XA^FDx^FS~JR")
@example("_5E_7E ^FS")
@example("\\&\r\n\x1d")
def test_no_name_ever_becomes_a_command(name: str) -> None:
    harmless = commands(pack_label(PackLabel(IDENTITY, "x" * 5), Media()))
    zpl = pack_label(PackLabel(IDENTITY, name), Media())
    fields = zpl.count("^FO")
    assert [each for each in commands(zpl) if each not in {"^FO", "^AZ", "^FH", "^FD", "^FS"}] == [
        each for each in harmless if each not in {"^FO", "^AZ", "^FH", "^FD", "^FS"}
    ]
    assert zpl.count("^FS") == zpl.count("^FD") == fields
    assert "~" not in zpl
    assert zpl.isascii()


@given(st.text(max_size=200), st.text(max_size=40))
def test_no_text_of_a_patients_label_becomes_a_command(instructions: str, name: str) -> None:
    label = DispenseLabel(name, name, name, name, name, instructions, date(2026, 1, 1), name, None, name)
    try:
        zpl = dispense_label(label, Media(100, 100))
    except LabelError:
        return
    assert set(commands(zpl)) <= {"^XA", "^CI", "^CW", "^PW", "^LL", "^LH", "^FO", "^AZ", "^FH", "^FD", "^FS"} | {
        "^BX",
        "^PQ",
        "^XZ",
    }
    assert (zpl.count("^XA"), zpl.count("^XZ"), zpl.count("~")) == (1, 1, 0)


@given(LETTERS, LETTERS)
def test_every_lot_and_serial_number_that_gs1_allows_can_be_written(lot: str, serial: str) -> None:
    message = PackIdentity(GTIN, lot, date(2027, 1, 31), serial).message
    escaped = escape_datamatrix(message, gs1=True)
    assert re.fullmatch(r"[^\x1d^~]+", escaped)
    undone = re.sub(r"_(.)", lambda found: "\x1d" if found[1] == "1" else found[1], escaped)
    assert undone == "\x1d" + message


@pytest.mark.parametrize("text", ["lô 1", "Đ1", "A^B", "A~B", "A\x1dB", "A\nB", "A" * 21])
def test_a_lot_that_no_gs1_code_can_hold_is_refused(text: str) -> None:
    with pytest.raises(CodeError, match=r"lot|10"):
        PackIdentity(GTIN, text)


@pytest.mark.parametrize("product_id", ["", "Thuốc 1", "A^B", "X" * 31])
def test_an_article_code_that_no_code_can_hold_is_refused(product_id: str) -> None:
    with pytest.raises(CodeError, match="product code"):
        InternalIdentity(product_id)


def test_a_wrong_check_digit_never_gets_onto_a_label() -> None:
    with pytest.raises(CodeError, match="expected 0"):
        PackIdentity("08934567890121")


def test_a_web_address_with_a_command_prefix_is_refused() -> None:
    for link in ("https://a.example/~me", "https://a.example/^XZ", "https://a.example/a b"):
        for symbol in ("qr", "datamatrix"):
            with pytest.raises(LabelError, match="percent-encoded"):
                shelf_label(ShelfLabel("Kệ", "K1", link, symbol=symbol), Media(70, 30))


def test_text_is_composed_before_it_is_written() -> None:
    assert escape_text("e\u0302\u0301") == escape_text("ế") == "_E1_BA_BF"
    assert escape_text("a_b,c\td") == "a_5Fb_2Cc d"


def test_a_long_name_is_shortened_where_everyone_sees_it() -> None:
    zpl = pack_label(PackLabel(IDENTITY, "Rất dài " * 30), Media())
    assert re.search(r"\.\.\.\^FS", zpl)


def test_what_a_patient_must_follow_is_never_shortened() -> None:
    whole = dispense_label(dispensing("Uống 1 gói. " * 12), Media(70, 60))
    assert whole.count("U_E1_BB_91ng 1 g_C3_B3i.") == 12
    with pytest.raises(LabelError, match="take larger labels"):
        dispense_label(dispensing("Uống 1 gói. " * 60), Media(70, 40))


def test_a_label_that_is_too_small_for_its_code_is_refused() -> None:
    with pytest.raises(LabelError, match="too small"):
        pack_label(PackLabel(IDENTITY, "x"), Media(20, 10))
    with pytest.raises(LabelError, match="does not fit below the code"):
        pack_label(PackLabel(IDENTITY, "x"), Media(50, 12))
    with pytest.raises(LabelError, match="does not fit any more"):
        pack_label(PackLabel(IDENTITY, "x", Storage.FRIDGE, controlled=Controlled.NARCOTIC), Media(50, 18))


@pytest.mark.parametrize(
    ("media", "complaint"),
    [
        ({"width_mm": 5}, "expected 15 to 170"),
        ({"height_mm": 900}, "expected 15 to 170"),
        ({"dots_per_mm": 6}, "203 dpi"),
        ({"font": "E:ARIAL.TTF^XZ"}, "expected one letter"),
    ],
)
def test_media_that_no_printer_takes_are_refused(media: dict[str, float], complaint: str) -> None:
    with pytest.raises(LabelError, match=complaint):
        Media(**media)  # type: ignore[arg-type]


@pytest.mark.parametrize("copies", [0, -1, 10_000])
def test_nobody_prints_ten_thousand_labels_by_a_slip(copies: int) -> None:
    with pytest.raises(LabelError, match="copies"):
        pack_label(PackLabel(IDENTITY, "x"), Media(), copies)


def test_a_symbol_has_the_size_of_iso_16022_for_its_codewords() -> None:
    size = datamatrix_size("01" + GTIN + "17270228", fnc1_first=True)
    assert size is not None
    assert (size.codewords, size.side_modules) == (13, 18)
    assert datamatrix_size("A" * 175, fnc1_first=False) is None


@given(st.text(max_size=80), st.integers(10, 60), st.integers(1, 700))
def test_a_shortened_text_fits_and_says_that_it_is_shortened(text: str, height: int, width: int) -> None:
    short = shorten(text, height, width)
    assert text_width(short, height) <= width or short == ""
    assert short in {text, ""} or short.endswith("...")


@given(st.text(max_size=120), st.integers(10, 40), st.integers(60, 700), st.integers(1, 3))
def test_broken_lines_lose_nothing_and_shortened_ones_say_so(text: str, height: int, width: int, most: int) -> None:
    lines = break_lines(text, height, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    kept = shorten_to_lines(text, height, width, most)
    assert len(kept) <= most
    assert kept == lines or kept[-1].endswith("...") or kept[-1] == ""
