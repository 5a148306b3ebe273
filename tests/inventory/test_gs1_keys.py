"""Keys, dates and single elements, with values retyped from the sources named."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.check_digit import check_digit, verify
from inventory.content_checks import CSET82, compute_check_pair
from inventory.digital_link import split_digital_link, write_digital_link
from inventory.element import Element
from inventory.element_string import GS, find_ai, needs_separator, split
from inventory.errors import CodeError
from inventory.gs1_date import full_year, parse_hhmm, parse_local_datetime
from inventory.gtin import Gtin
from inventory.measure import decimal_value
from inventory.sscc import Sscc


@pytest.mark.parametrize(
    ("payload", "digit"),
    [("708000382434", 9), ("703801005447", 1), ("629104150021", 3), ("950110153100", 0), ("9501234", 6)],
)
def test_check_digits_of_biips_examples(payload: str, digit: int) -> None:
    assert check_digit(payload) == digit
    verify(payload + str(digit), "key")


@given(st.text(alphabet="0123456789", min_size=1, max_size=17), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(payload: str, offset: int) -> None:
    whole = payload + str(check_digit(payload))
    verify(whole, "key")
    place = len(whole) // 2
    wrong = whole[:place] + str((int(whole[place]) + offset) % 10) + whole[place + 1 :]
    with pytest.raises(CodeError, match="check digit is"):
        verify(wrong, "key")


def test_digits_of_other_scripts_are_not_digits() -> None:
    with pytest.raises(CodeError, match="not a digit"):
        Gtin.parse("893523456789\N{ARABIC-INDIC DIGIT FIVE}")
    with pytest.raises(CodeError, match="empty"):
        verify("", "key")


def test_a_key_that_exists_is_valid() -> None:
    assert Gtin.parse("8935234567895").value == "08935234567895"
    for wrong in ("893523456789", "8935234567890", "89352345678951", "89"):
        with pytest.raises(CodeError):
            Gtin.parse(wrong)
    with pytest.raises(CodeError, match="14 digits"):
        Gtin("8935234567895")
    assert Sscc("106141412345678908").value == "106141412345678908"
    with pytest.raises(CodeError, match="18 digits"):
        Sscc("1")


@given(st.integers(0, 99), st.integers(2000, 2199))
def test_the_full_year_is_never_more_than_fifty_years_away(two_digits: int, year: int) -> None:
    full = full_year(two_digits, date(year, 1, 1))
    assert full % 100 == two_digits
    assert -49 <= full - year <= 50


def test_times() -> None:
    assert parse_hhmm("2359").minute == 59
    for wrong in ("2400", "0060", "123", "12a4"):
        with pytest.raises(CodeError):
            parse_hhmm(wrong)
    assert parse_local_datetime("000102141516", date(2026, 1, 1)).isoformat() == "2000-01-02T14:15:16"
    with pytest.raises(CodeError, match="second"):
        parse_local_datetime("000102141560", date(2026, 1, 1))
    with pytest.raises(CodeError, match="8, 10 or 12"):
        parse_local_datetime("0001021", date(2026, 1, 1))


def test_a_measure_has_its_decimal_point_where_the_ai_says() -> None:
    """Values of biip's tests."""
    assert decimal_value(Element("3105", "123456")) == Decimal("1.23456")
    assert decimal_value(Element("3932", "70412345")) == Decimal("123.45")
    for wrong in (Element("10", "123"), Element("310", "123456"), Element("3102", "12A")):
        with pytest.raises(CodeError):
            decimal_value(wrong)


def test_the_check_pair_of_the_global_model_number() -> None:
    """Example of the GS1 General Specifications 7.9.5."""
    assert compute_check_pair("1987654Ad4X4bL5ttr2310c") == "2K"


VALUES = st.text(alphabet=CSET82, min_size=1, max_size=20)
PACKS = st.fixed_dictionaries(
    {"01": st.sampled_from(["08935234567895", "04006381333931"])},
    optional={
        "17": st.dates(date(2000, 1, 1), date(2060, 1, 1)).map(lambda day: f"{day:%y%m%d}"),
        "10": VALUES,
        "21": VALUES,
        "240": VALUES,
        "30": st.text(alphabet="0123456789", min_size=1, max_size=8),
    },
)


@given(PACKS, st.randoms())
def test_what_is_written_as_elements_is_read_again(pack: dict[str, str], random: object) -> None:
    elements = [Element(ai, value) for ai, value in pack.items()]
    random.shuffle(elements)  # type: ignore[attr-defined]
    written = "".join(f"{one.ai}{one.value}" + (GS if needs_separator(one.ai) else "") for one in elements)
    found = split(written)
    assert found.problems == ()
    assert list(found.elements) == elements


@given(PACKS)
def test_what_is_written_as_a_digital_link_is_read_again(pack: dict[str, str]) -> None:
    elements = {Element(ai, value) for ai, value in pack.items()}
    found = split_digital_link(write_digital_link(elements, "https://example.vn/thuoc/"))
    assert found.problems == ()
    assert set(found.elements) == elements


def test_an_unknown_identifier_is_none() -> None:
    assert find_ai("89") is None
    assert not needs_separator("89")
    with pytest.raises(CodeError, match="two values"):
        write_digital_link([Element("01", "08935234567895"), Element("10", "A"), Element("10", "B")])
