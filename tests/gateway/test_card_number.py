"""The number on a card: a wrong digit or two that changed places are found before anybody is looked up."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.issuing.card_number import draw_card_number, read_card_number, spaced

DRAWN = st.integers(min_value=0, max_value=10**8 - 1)


@given(DRAWN, st.integers(0, 9), st.integers(1, 9), st.integers(0, 8))
def test_a_mistyped_number_is_nobodys(drawn: int, place: int, other: int, first: int) -> None:
    number = draw_card_number(lambda _below: drawn)
    assert read_card_number(number) == number
    assert read_card_number(spaced(number)) == number
    assert read_card_number(f"https://medtap.hospital.lan/c/{number}") == number
    wrong = number[:place] + str((int(number[place]) + other) % 10) + number[place + 1 :]
    assert read_card_number(wrong) is None
    swapped = number[:first] + number[first + 1] + number[first] + number[first + 2 :]
    assert swapped == number or read_card_number(swapped) is None


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_number_or_none(text: str) -> None:
    found = read_card_number(text)
    assert found is None or (len(found) == 10 and found.isascii() and found.isdigit())
