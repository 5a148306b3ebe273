"""Who and what is in the simulated hospital: plausible, consistent, the same for the same seed."""

import re
import unicodedata
from dataclasses import asdict
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.gs1_text import GS, check_digit, digital_link, element_string
from firmware_sim.hospital import Hospital, generate_hospital
from firmware_sim.sgtin import LARGEST_SERIAL, encode_sgtin96

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def hospital() -> Hospital:
    return generate_hospital(1, TODAY)


def test_the_same_seed_makes_the_same_hospital(hospital: Hospital) -> None:
    assert asdict(generate_hospital(1, TODAY)) == asdict(hospital)
    other = generate_hospital(2, TODAY)
    assert {pack.serial_number for pack in other.packs}.isdisjoint(pack.serial_number for pack in hospital.packs)
    assert {patient.patient_id for patient in other.patients}.isdisjoint(
        patient.patient_id for patient in hospital.patients
    )


def test_who_the_patients_are_does_not_depend_on_the_day(hospital: Hospital) -> None:
    tomorrow = generate_hospital(1, date(2026, 11, 23))
    assert [patient.full_name for patient in tomorrow.patients] == [p.full_name for p in hospital.patients]
    assert [patient.patient_id for patient in tomorrow.patients] == [p.patient_id for p in hospital.patients]


def test_patients_are_children_with_numbers_of_their_own(hospital: Hospital) -> None:
    assert len(hospital.patients) == 30
    assert len({patient.patient_number for patient in hospital.patients}) == 30
    assert len({patient.insurance_number for patient in hospital.patients}) == 30
    for patient in hospital.patients:
        age_years = (TODAY - patient.birth_date).days / 365.25
        assert 0 < age_years < 16
        assert patient.insurance_number.startswith("TE1" if age_years < 6 else "HS4")
        assert re.fullmatch(r"[A-Z]{2}[1-5]\d{12}", patient.insurance_number)


def test_names_are_written_with_composed_diacritics_and_have_three_parts_or_more(hospital: Hospital) -> None:
    for patient in hospital.patients:
        assert len(patient.full_name.split()) >= 3
        assert unicodedata.is_normalized("NFC", patient.full_name)
    assert any(ord(letter) > 0x1EA0 for patient in hospital.patients for letter in patient.full_name)


def test_one_card_is_lost_and_the_others_are_active(hospital: Hospital) -> None:
    assert [patient.card_state for patient in hospital.patients].count("lost") == 1
    assert hospital.patients[-1].card_state == "lost"


def test_every_pack_is_of_a_product_and_has_a_serial_number_of_its_own(hospital: Hospital) -> None:
    assert len(hospital.packs) == 120
    assert len(hospital.products) == 8
    assert {pack.gtin for pack in hospital.packs} == {product.gtin for product in hospital.products}
    assert len({pack.serial_number for pack in hospital.packs}) == 120
    assert len({pack.epc for pack in hospital.packs}) == 120
    assert all(pack.expiry_date > TODAY for pack in hospital.packs)


def test_products_have_vietnamese_gtins_with_right_check_digits(hospital: Hospital) -> None:
    for product in hospital.products:
        assert re.fullmatch(r"0893\d{10}", product.gtin)
        assert check_digit(product.gtin[:-1]) == product.gtin[-1]


def test_the_symbols_of_a_pack_say_the_same(hospital: Hospital) -> None:
    for pack in hospital.packs:
        yymmdd = f"{pack.expiry_date:%y%m%d}"
        assert pack.element_string == f"01{pack.gtin}17{yymmdd}10{pack.lot}{GS}21{pack.serial_number}"
        assert pack.digital_link.endswith(f"/01/{pack.gtin}/10/{pack.lot}/21/{pack.serial_number}?17={yymmdd}")
        bits = int.from_bytes(pack.epc, "big")
        assert (bits & LARGEST_SERIAL) == int(pack.serial_number)
        assert bits >> 88 == 0x30


@pytest.mark.parametrize(
    ("digits", "expected"),
    # GS1 check digit calculator's own examples, and the GTIN of EPC TDS.
    [("629104150021", "3"), ("8061414112345", "8"), ("9638507", "4")],
)
def test_check_digits(digits: str, expected: str) -> None:
    assert check_digit(digits) == expected


@pytest.mark.parametrize("digits", ["", "12a", "\uff11\uff12"])
def test_a_check_digit_of_what_is_no_number_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="decimal digits"):
        check_digit(digits)


@given(st.from_regex(r"[0-9]{13}", fullmatch=True), st.integers(0, 12))
def test_a_wrong_digit_is_always_seen_by_the_check_digit(digits: str, place: int) -> None:
    wrong = digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 :]
    assert check_digit(wrong) != check_digit(digits)


def test_an_sgtin_is_encoded_as_the_standard_says() -> None:
    # EPC TDS 1.13, example of section 14.5.1: urn:epc:tag:sgtin-96:3.0614141.812345.6789
    assert encode_sgtin96("80614141123458", 7, "6789", filter_value=3).hex() == "3074257bf7194e4000001a85"


@pytest.mark.parametrize("serial", ["0123", "12A", "", "-1", str(LARGEST_SERIAL + 1), "\uff11\uff12"])
def test_a_serial_number_that_sgtin96_can_not_hold_is_refused(serial: str) -> None:
    with pytest.raises(ValueError, match="SGTIN-96"):
        encode_sgtin96("80614141123458", 7, serial)


def test_a_company_prefix_of_no_length_in_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="6 to 12"):
        encode_sgtin96("80614141123458", 5, "1")


def test_a_code_with_a_wrong_gtin_or_an_overlong_lot_is_not_printed() -> None:
    with pytest.raises(ValueError, match="check digit"):
        element_string("08938501230071", TODAY, "A1", "1")
    with pytest.raises(ValueError, match="lot"):
        digital_link("08938501230072", TODAY, "A" * 21, "1", "id.example")
    with pytest.raises(ValueError, match="serial_number"):
        element_string("08938501230072", TODAY, "A1", "")


def test_a_digital_link_escapes_what_a_path_can_not_hold() -> None:
    assert digital_link("08938501230072", TODAY, "A/1", "%2", "id.example") == (
        "https://id.example/01/08938501230072/10/A%2F1/21/%252?17=261122"
    )
