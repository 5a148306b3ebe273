"""What people scan in a pharmacy and at a desk; expected values retyped from the sources named."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.errors import InventoryError
from inventory.join import join_scans
from inventory.parsed_scan import ParsedScan
from inventory.scan import INPUT_CHARACTERS_MAX, parse_scan

TODAY = date(2026, 11, 22)
GTIN = "08935234567895"  # 893: GS1 Viet Nam; check digit computed by GS1 General Specifications 7.9.1
PACK = f"01{GTIN}1726123110LOT7\x1d21SER0001"


def scan(text: str, today: date = TODAY) -> ParsedScan:
    return parse_scan(text, today)


def codes(parsed: ParsedScan) -> list[str]:
    return [problem.code for problem in (*parsed.errors, *parsed.warnings)]


@pytest.mark.parametrize("prefix", ["", "]d2", "]C1", "]Q3", "]e0", "]J1", "\x1d"])
def test_a_pack_reads_the_same_from_every_symbology(prefix: str) -> None:
    parsed = scan(prefix + PACK)
    assert parsed.valid
    assert parsed.kind == "gs1-element-string"
    assert (parsed.gtin, parsed.lot, parsed.serial_number) == (GTIN, "LOT7", "SER0001")
    assert parsed.expiry_date == date(2026, 12, 31)
    assert parsed.warnings == ()


def test_the_json_form_has_exactly_the_agreed_keys() -> None:
    assert scan(PACK).to_json_dict() == {
        "input": PACK,
        "kind": "gs1-element-string",
        "valid": True,
        "errors": [],
        "warnings": [],
        "elements": {"01": GTIN, "17": "261231", "10": "LOT7", "21": "SER0001"},
        "gtin": GTIN,
        "lot": "LOT7",
        "expiry_date": "2026-12-31",
        "production_date": None,
        "serial_number": "SER0001",
        "sscc": None,
        "epc_uri": None,
        "epc_tag_uri": None,
    }


def test_a_separator_may_be_configured_and_a_superfluous_one_is_tolerated() -> None:
    assert parse_scan(PACK.replace("\x1d", "|"), TODAY, separator="|").lot == "LOT7"
    assert scan(f"01{GTIN}\x1d17261231\x1d10LOT7\x1d").lot == "LOT7"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("01089352345678961726123110LOT7", "check_digit"),
        (f"01{GTIN}17261331", "date"),
        (f"01{GTIN}17260230", "date"),
        (f"01{GTIN}10LO\x1d\x1d17261231", "separator_repeated"),
        (f"]d201{GTIN}10LOT 7", "separator_lost"),
        (f"(01){GTIN}(10)LOT 7", "character"),
        (f"(01){GTIN}(10)LÔ7", "character"),
        ("]d201A8935234567895", "character"),
        ("]d2\x1d", "empty"),
        (f"]d201{GTIN}89ABC", "unknown_ai"),
        (f"]d2(01){GTIN}", "unknown_ai"),
        (f"(01){GTIN}(21)A(235)B", "excluded"),
        (f"(01){GTIN}(10)A(10)B", "repeated"),
        (f"(02){GTIN}(37)10", "required"),
        ("]E008935234567895", "length"),
        ("]X0ABC", "symbology"),
        ("", "empty"),
        ("thuốc", "unknown"),
        ("x" * (INPUT_CHARACTERS_MAX + 1), "length"),
    ],
)
def test_what_is_refused_says_why(text: str, code: str) -> None:
    parsed = scan(text)
    assert not parsed.valid
    assert code in codes(parsed)
    assert all(problem.message for problem in parsed.errors)


def test_a_wrong_date_of_manufacture_leaves_the_rest_known_so_that_the_pack_can_be_quarantined() -> None:
    parsed = scan(f"(01){GTIN}(11)261301(17)271231(10)LOT7")
    assert not parsed.valid
    assert (parsed.gtin, parsed.lot, parsed.expiry_date) == (GTIN, "LOT7", date(2027, 12, 31))
    assert parsed.production_date is None


def test_two_different_lots_on_one_code_leave_the_lot_unknown() -> None:
    parsed = scan(f"(01){GTIN}(10)A(10)B")
    assert (parsed.gtin, parsed.lot) == (GTIN, None)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (f"01{GTIN}17261231" + "10LOT7" + "21SER0001", "(21)SER0001"),
        (f"01{GTIN}" + "21SER001" + "1726123110LOT7", "(17)261231(10)LOT7"),
        (f"01{GTIN}" + "10LOT7" + "17261231", "(17)261231"),
        ("10LOT7" + f"01{GTIN}", f"(01){GTIN}"),
    ],
)
def test_a_lost_separator_is_noticed_and_the_scanner_setting_named(text: str, inside: str) -> None:
    parsed = scan(text)
    assert parsed.has("separator_lost")
    message = parsed.warnings[-1].message
    assert inside in message
    assert "FNC1" in message
    assert "ASCII 29" in message


def test_a_lost_separator_that_makes_a_value_too_long_is_refused_with_the_same_hint() -> None:
    parsed = scan(f"01{GTIN}1726123110LOT7ABCDEF21SERIAL00012345")
    assert not parsed.valid
    assert parsed.has("separator_lost")
    assert "ASCII 29" in parsed.errors[0].message
    assert parsed.lot is None


@pytest.mark.parametrize("sign", ["<GS>", "(GS)", "<gs>", "<0x1D>", "<FNC1>", "%1D"])
def test_a_separator_that_the_scanner_spells_out_is_noticed(sign: str) -> None:
    parsed = scan(f"]d201{GTIN}10LOT7{sign}21S1")
    assert parsed.valid, "a lot may hold these characters"
    assert codes(parsed) == ["separator_lost"]
    assert sign in parsed.warnings[0].message
    assert "ASCII 29" in parsed.warnings[0].message


def test_the_text_below_a_symbol_is_read_with_its_spaces() -> None:
    parsed = scan(f"(01) {GTIN} (17) 261231 (10) LOT7")
    assert (parsed.valid, parsed.gtin, parsed.lot) == (True, GTIN, "LOT7")
    assert not scan(f"(01){GTIN}(10)LOT 7").valid, "a space inside a lot is a wrong character"


@pytest.mark.parametrize("lot", ["L2105", "21A", "ABC17", "2617", "10", "A1099"])
def test_a_lot_that_happens_to_hold_an_identifier_is_no_lost_separator(lot: str) -> None:
    assert scan(f"01{GTIN}1726123110{lot}").warnings == ()


def test_a_scanner_that_sends_separators_is_trusted() -> None:
    assert scan(f"01{GTIN}10LOT7\x1d21ABC17261231").warnings == ()


def test_day_00_is_the_last_of_the_month_and_flagged() -> None:
    parsed = scan(f"01{GTIN}17280200")
    assert parsed.valid
    assert parsed.expiry_date == date(2028, 2, 29)
    assert codes(parsed) == ["day_unknown"]


@pytest.mark.parametrize(
    ("two_digits", "today", "year"),
    [("76", 2026, 2076), ("77", 2026, 1977), ("00", 2026, 2000), ("01", 2051, 2101), ("02", 2051, 2002)],
)
def test_the_century_is_the_one_nearest_to_the_day_of_reading(two_digits: str, today: int, year: int) -> None:
    """GS1 General Specifications 7.12: 51 or more ahead is the past century, 50 or more back the next."""
    assert scan(f"01{GTIN}17{two_digits}0131", date(today, 6, 1)).expiry_date == date(year, 1, 31)


def test_expiry_may_come_with_a_time() -> None:
    assert scan(f"(01){GTIN}(7003)2612310830").expiry_date == date(2026, 12, 31)
    assert not scan(f"(01){GTIN}(7003)2612312460").valid


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("8935234567895", GTIN),
        ("]E08935234567895", GTIN),
        ("036000291452", "00036000291452"),  # UPC-A, the standard's own example
        ("96385074", "00000096385074"),  # EAN-8, GS1 check digit calculator's example
        ("]I108935234567895", GTIN),
    ],
)
def test_a_plain_trade_barcode_becomes_fourteen_digits(text: str, gtin: str) -> None:
    parsed = scan(text)
    assert (parsed.kind, parsed.valid, parsed.gtin) == ("gtin", True, gtin)


def test_a_composite_component_belongs_to_the_symbol_below_it() -> None:
    parsed = scan("]E08935234567895|]e01726123110LOT7")
    assert (parsed.gtin, parsed.lot, parsed.valid) == (GTIN, "LOT7", True)


def test_a_logistic_unit_is_known_by_its_sscc() -> None:
    """SSCC of GS1's own examples; bare, as an ITF symbol without an identifier delivers it, too."""
    assert scan("00106141412345678908").sscc == "106141412345678908"
    assert scan("106141412345678908").sscc == "106141412345678908"


def test_a_digital_link_from_a_phone_or_nfc_tag() -> None:
    parsed = scan(f"https://example.vn/thuoc/01/{GTIN}/10/LOT%2F7/21/S1?17=261231&utm=x#top")
    assert (parsed.kind, parsed.valid) == ("gs1-digital-link", True)
    assert (parsed.gtin, parsed.lot, parsed.serial_number) == (GTIN, "LOT/7", "S1")
    assert parsed.expiry_date == date(2026, 12, 31)


def test_an_nfc_tag_is_read_by_its_first_record_that_means_something() -> None:
    uri = f"example.vn/01/{GTIN}".encode()
    text = b"\x02viThu\xe1\xbb\x91c"
    message = b"\x91\x01" + bytes([len(text)]) + b"T" + text + b"\x51\x01" + bytes([len(uri) + 1]) + b"U\x04" + uri
    parsed = scan("ndef:" + message.hex())
    assert (parsed.kind, parsed.gtin) == ("gs1-digital-link", GTIN)
    assert parsed.input.startswith("ndef:")
    assert not scan("ndef:00").valid
    assert not scan("ndef:xyz").valid


def test_an_rfid_tag_names_the_same_pack() -> None:
    """SGTIN-96 of TDS annex E.1."""
    parsed = scan("epc:3074257BF7194E4000001A85")
    assert (parsed.kind, parsed.gtin, parsed.serial_number) == ("epc", "80614141123458", "6789")
    assert parsed.epc_uri == "urn:epc:id:sgtin:0614141.812345.6789"
    assert parsed.epc_tag_uri == "urn:epc:tag:sgtin-96:3.0614141.812345.6789"
    assert scan(parsed.epc_tag_uri).gtin == parsed.gtin
    assert scan(parsed.epc_uri).epc_tag_uri is None


def test_an_impossible_date_on_a_tag_is_refused_like_one_on_paper() -> None:
    good = scan("epc:FB342CDE795211411234538566CB0AFC4")  # DSGTIN+ of TDS 2.3 annex E.3
    assert good.expiry_date == date(2022, 6, 30)
    bad = scan("epc:FB342CDF795211411234538566CB0AFC4")
    assert (bad.valid, bad.gtin) == (False, "79521141123453")


def test_a_tag_that_is_recognised_but_not_ours_says_so() -> None:
    parsed = scan("epc:3500E86F8000A9E000000586")
    assert (parsed.kind, parsed.valid) == ("epc", False)
    assert "GID-96" in parsed.errors[0].message


def test_a_citizen_card_is_valid_by_twelve_digits_alone() -> None:
    text = "079092000123|024123456|Nguyễn Thị Hoa|01021992|Nữ|12 Lê Lợi, Quận 1, TP.HCM|05062021"
    parsed = scan(text)
    assert (parsed.kind, parsed.valid) == ("cccd", True)
    assert parsed.citizen_card is not None
    assert parsed.citizen_card.full_name == "Nguyễn Thị Hoa"
    assert parsed.citizen_card.birth_date == date(1992, 2, 1)
    assert parsed.citizen_card.sex == "female"
    assert scan("999999999999|||||").valid, "no province, no birth year is a rule since 1 July 2024"
    assert not scan("07909200012|||||").valid


def test_a_birth_year_that_contradicts_the_older_structure_is_only_a_hint() -> None:
    parsed = scan("079092000123||Nguyễn Văn An|01021991|Nam||")
    assert parsed.valid
    assert codes(parsed) == ["citizen_card"]


def test_an_insurance_card_by_number_and_by_qr() -> None:
    """Number of the public validator's documentation; the QR's name is hexadecimal UTF-8."""
    by_number = scan("HS 4 01 0120878811")
    by_qr = scan("HS4010120878811|" + "Nguyễn An".encode().hex() + "|01/01/2015|1|x|79 - 024")
    for parsed in (by_number, by_qr):
        assert (parsed.kind, parsed.valid) == ("bhyt", True)
        assert parsed.insurance_card is not None
        assert parsed.insurance_card.bhxh_number == "0120878811"
        assert parsed.insurance_card.benefit_level == 4
    assert by_qr.insurance_card is not None
    assert by_qr.insurance_card.full_name == "Nguyễn An"
    assert scan("0120878811|4e|01/01/2015").kind == "bhyt"
    assert not scan("HS0010120878811").valid


def test_personal_data_is_neither_in_the_json_form_nor_in_the_representation() -> None:
    parsed = scan("079092000123||Nguyễn Thị Hoa|01021992|Nữ||")
    assert "citizen_card" not in parsed.to_json_dict()
    assert parsed.to_json_dict()["elements"] == {}
    assert "full_name" not in repr(parsed)


@pytest.mark.parametrize(
    "text",
    [
        "07909200012|024123456|Nguyễn Thị Hoa|01021992|Nữ|12 Lê Lợi|05062021",
        "x|024123456|Nguyễn Thị Hoa|01021992|Nữ|12 Lê Lợi|05062021",
        "079092000123|024123456|Nguyễn Thị Hoa|32021992|Nữ|12 Lê Lợi|05062021",
        "079092000123|024123456|Nguyễn Thị Hoa|01021991|Nữ|12 Lê Lợi|05062021",
        "HS9010120878811|Nguyễn Thị Hoa|01/01/2015|1|12 Lê Lợi",
    ],
)
def test_no_reason_repeats_what_a_damaged_card_says(text: str) -> None:
    parsed = scan(text)
    assert parsed.kind in {"cccd", "bhyt"}
    reasons = " ".join(problem.message for problem in (*parsed.errors, *parsed.warnings))
    assert reasons
    assert not any(word in reasons for word in ("Hoa", "0790", "024123456", "1992", "1991", "HS9", "Lê"))


def test_symbols_of_one_pack_are_judged_together() -> None:
    ean, lot = scan("8935234567895"), scan("]C11726123110LOT7")
    assert lot.valid
    assert codes(lot) == ["key_missing"]
    joined = join_scans([ean, lot], TODAY)
    assert (joined.valid, joined.gtin, joined.lot, joined.expiry_date) == (True, GTIN, "LOT7", date(2026, 12, 31))
    assert joined.warnings == ()


def test_a_second_symbol_never_blanks_what_is_known() -> None:
    joined = join_scans([scan(PACK), scan("8935234567895")], TODAY)
    assert (joined.lot, joined.expiry_date, joined.serial_number) == ("LOT7", date(2026, 12, 31), "SER0001")


def test_symbols_of_different_packs_contradict_each_other() -> None:
    joined = join_scans([scan("8935234567895"), scan("4006381333931")], TODAY)
    assert not joined.valid
    assert joined.gtin is None
    assert codes(joined) == ["repeated"]


def test_lot_and_expiry_alone_are_not_a_pack_when_no_symbol_is_to_come() -> None:
    assert codes(join_scans([scan("]C110LOT7")], TODAY)) == ["required"]
    assert not parse_scan("]C110LOT7", TODAY, complete=True).valid


def test_a_rfid_tag_and_a_barcode_of_a_pack_join() -> None:
    tag = scan("epc:3074257BF7194E4000001A85")
    joined = join_scans([tag, scan("(01)80614141123458(10)A1(21)6789")], TODAY)
    assert (joined.valid, joined.lot, joined.epc_uri) == (True, "A1", tag.epc_uri)


def test_only_codes_of_packs_can_be_joined() -> None:
    with pytest.raises(InventoryError, match="no scan"):
        join_scans([], TODAY)
    with pytest.raises(InventoryError, match="cccd"):
        join_scans([scan("079092000123|||||")], TODAY)


SCANNED = st.text() | st.text(alphabet="0123456789()|/:?&=%\x1d]dCEQepcurn.-AZ", max_size=60)
FRONTS = st.sampled_from(["", "]d2", "]C1", "]E0", "]e0", "01", "(01)", "https://a/01/", "epc:30", "ndef:d1", "epc:"])


@given(FRONTS, SCANNED)
def test_no_code_whatever_raises(front: str, text: str) -> None:
    parsed = scan(front + text)
    assert parsed.valid == (not parsed.errors)
    assert parsed.to_json_dict()["input"] == front + text
    if parsed.gtin is not None:
        assert parsed.gtin.isascii()
        assert len(parsed.gtin) == 14


@given(st.binary(max_size=64))
def test_no_tag_content_whatever_raises(content: bytes) -> None:
    for prefix in ("epc:", "ndef:"):
        assert isinstance(scan(prefix + content.hex()), ParsedScan)
