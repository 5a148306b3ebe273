"""Substitutes for GS: what may stand for it, and which one a code was made with."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.separator_guess import guess_separator, may_be_separator

TODAY = date(2026, 11, 22)
CODE = "]d20108935234567895" + "10LOT7\x1d21S1"


@pytest.mark.parametrize("text", ["\x1d", "|", "^", "~", "#", "<GS>", "{FNC1}", "%1D", "^]"])
def test_what_never_stands_in_a_value_may_be_a_separator(text: str) -> None:
    assert may_be_separator(text)


@pytest.mark.parametrize("text", ["", "A", "7", "-", "LOT", "\r", "\0", " ", "|" * 9, "é"])
def test_what_may_be_data_or_ends_a_line_is_no_separator(text: str) -> None:
    assert not may_be_separator(text)


@pytest.mark.parametrize("separator", ["^", "|", "<GS>", "{GS}"])
def test_the_separator_of_a_scanner_is_found_in_its_codes(separator: str) -> None:
    guess = guess_separator(CODE.replace("\x1d", separator), TODAY)
    assert guess is not None
    assert guess in separator


@pytest.mark.parametrize("text", ["hello|world", CODE, CODE.replace("\x1d", ""), "", "https://example.com/#a", "]d2^"])
def test_where_nothing_makes_sense_nothing_is_guessed(text: str) -> None:
    assert guess_separator(text, TODAY) is None


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert (guess_separator(text, TODAY) or "") in text
    assert may_be_separator(text) in {True, False}
