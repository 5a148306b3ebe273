"""Commands and answers as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.apdu import CommandApdu, ResponseApdu
from cards.errors import CardAnswerError, CardDataError
from cards.status_words import (
    AuthenticationBlockedError,
    NotFoundError,
    SecurityStatusError,
    WrongPinError,
    meaning,
    refusal,
)

COMMANDS = st.builds(
    CommandApdu,
    cla=st.integers(0, 255),
    ins=st.integers(0, 255),
    p1=st.integers(0, 255),
    p2=st.integers(0, 255),
    data=st.one_of(st.binary(max_size=300), st.binary(min_size=255, max_size=257)),
    le=st.one_of(st.none(), st.integers(1, 65536), st.sampled_from((255, 256, 257, 65536))),
    extended=st.booleans(),
)


@given(COMMANDS)
def test_a_command_reads_back_as_it_was_written(command: CommandApdu) -> None:
    assert CommandApdu.decode(command.encode()) == command


@given(st.binary(max_size=600))
def test_any_bytes_are_a_command_or_a_card_data_error(raw: bytes) -> None:
    try:
        command = CommandApdu.decode(raw)
    except CardDataError:
        return
    assert CommandApdu.decode(command.encode()) == command


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_card_data_error(raw: bytes) -> None:
    try:
        response = ResponseApdu.decode(raw)
    except CardDataError:
        return
    assert response.encode() == raw


@pytest.mark.parametrize(
    ("raw", "command", "case"),
    [
        ("00A40400", CommandApdu(0x00, 0xA4, 0x04, 0x00), "1"),
        ("FFCA000000", CommandApdu(0xFF, 0xCA, 0x00, 0x00, le=256), "2S"),
        ("80B000D9020008", CommandApdu(0x80, 0xB0, 0x00, 0xD9, b"\x00\x08"), "3S"),
        ("00A4040008A000000054480001", CommandApdu(0x00, 0xA4, 4, 0, bytes.fromhex("A000000054480001")), "3S"),
        ("00CB3FFF055C035FC10200", CommandApdu(0x00, 0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FC102"), 256), "4S"),
        ("00B00000000000", CommandApdu(0x00, 0xB0, 0, 0, le=65536), "2E"),
        ("00D60000000001AB", CommandApdu(0x00, 0xD6, 0, 0, b"\xab", extended=True), "3E"),
        ("00D60000000001AB0100", CommandApdu(0x00, 0xD6, 0, 0, b"\xab", 256, extended=True), "4E"),
    ],
)
def test_each_case_of_the_standard_is_written_and_read(raw: str, command: CommandApdu, case: str) -> None:
    assert command.encode().hex().upper() == raw
    assert CommandApdu.decode(bytes.fromhex(raw)) == command
    assert command.case == case


@pytest.mark.parametrize(
    "raw", ["", "00A404", "00A40400020A", "00A4040002010203FF", "00A404000000", "00B0000000000201"]
)
def test_a_command_whose_lengths_do_not_add_up_is_refused(raw: str) -> None:
    with pytest.raises(CardDataError, match="command"):
        CommandApdu.decode(bytes.fromhex(raw))


@pytest.mark.parametrize("wrong", [{"cla": 256}, {"ins": -1}, {"le": 0}, {"le": 65537}, {"data": bytes(65536)}])
def test_a_command_that_cannot_be_written_does_not_exist(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        CommandApdu(**({"cla": 0, "ins": 0, "p1": 0, "p2": 0} | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", ["", "90", "0000", "6000", "5F00", "A000"])
def test_an_answer_without_a_status_word_is_refused(raw: str) -> None:
    with pytest.raises(CardDataError, match="answer"):
        ResponseApdu.decode(bytes.fromhex(raw))


def test_a_refusal_names_the_command_the_status_word_and_its_meaning() -> None:
    with pytest.raises(NotFoundError) as caught:
        ResponseApdu(b"", 0x6A82).expect_success("SELECT PIV application")
    assert str(caught.value) == "SELECT PIV application: the card answered SW=6A82 (file or application not found)"


def test_each_refusal_is_the_decision_it_asks_for() -> None:
    assert isinstance(refusal(0x6982, "READ"), SecurityStatusError)
    assert isinstance(refusal(0x6983, "VERIFY"), AuthenticationBlockedError)
    wrong_pin = refusal(0x63C2, "VERIFY")
    assert isinstance(wrong_pin, WrongPinError)
    assert wrong_pin.tries_left == 2
    assert type(refusal(0x6FAA, "READ")) is CardAnswerError


@pytest.mark.parametrize(
    ("sw", "expected"),
    [
        (0x9000, "success"),
        (0x6100, "256 bytes available"),
        (0x6110, "16 bytes available"),
        (0x6C08, "wrong Le, expected 8"),
        (0x6283, "selected file deactivated"),
        (0x6300, "no information given, or authentication failed"),
        (0x63C3, "verification failed, 3 tries left"),
        (0x6700, "wrong length"),
        (0x6982, "security status not satisfied"),
        (0x6984, "reference data not usable"),
        (0x6986, "command not allowed, no current file"),
        (0x6A82, "file or application not found"),
        (0x6A83, "record not found"),
        (0x6A84, "not enough memory"),
        (0x6B00, "wrong parameters P1-P2"),
        (0x6FAA, ""),
    ],
)
def test_a_status_word_means_what_the_standard_says(sw: int, expected: str) -> None:
    """ISO/IEC 7816-4:2020, tables 5 to 7."""
    assert meaning(sw) == expected
