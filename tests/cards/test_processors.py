"""The way of a command to the card."""

import logging
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.apdu import CommandApdu, ResponseApdu
from cards.errors import CardDataError
from cards.processors import ANSWER_BYTES_MAX, processor_for
from cards.traffic import TRAFFIC


class Script:
    """Answers in order; the last answer for ever."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        self.answers = list(answers)
        self.commands: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        self.commands.append(command)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


READ = CommandApdu(0x00, 0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FC101"), 256)


def test_an_answer_in_parts_is_collected() -> None:
    card = Script([b"a" * 256 + b"\x61\x00", b"b" * 256 + b"\x61\x05", b"ccccc\x90\x00"])
    response = processor_for(card).transmit(READ)
    assert response == ResponseApdu(b"a" * 256 + b"b" * 256 + b"c" * 5, 0x9000)
    assert [command.hex() for command in card.commands[1:]] == ["00c0000000", "00c0000005"]


def test_a_wrong_le_is_asked_again_once_with_the_right_one() -> None:
    card = Script([b"\x6c\x07", b"1234567\x90\x00"])
    assert processor_for(card).transmit(READ).data == b"1234567"
    assert CommandApdu.decode(card.commands[1]).le == 7


def test_a_card_that_names_a_new_le_each_time_is_asked_only_twice() -> None:
    card = Script([b"\x6c\x07"])
    assert processor_for(card).transmit(READ).sw == 0x6C07
    assert len(card.commands) == 2


@given(st.binary(min_size=256, max_size=2000))
def test_a_long_command_is_a_chain_that_joins_to_the_same_data(data: bytes) -> None:
    card = Script([b"\x90\x00"])
    processor_for(card).transmit(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, data, 256))
    parts = [CommandApdu.decode(command) for command in card.commands]
    assert b"".join(part.data for part in parts) == data
    assert [part.cla for part in parts] == [0x10] * (len(parts) - 1) + [0x00]
    assert all(not part.extended for part in parts)
    assert parts[-1].le == 256


def test_a_chain_ends_where_the_card_refuses_a_part() -> None:
    card = Script([b"\x90\x00", b"\x68\x84"])
    assert processor_for(card).transmit(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, bytes(1000))).sw == 0x6884
    assert len(card.commands) == 2


def test_a_card_that_promises_more_for_ever_ends_in_an_error() -> None:
    for part in (b"", b"x" * 256):
        card = Script([part + b"\x61\x00"])
        with pytest.raises(CardDataError, match="no end"):
            processor_for(card).transmit(READ)
        assert len(card.commands) <= 258


def test_an_answer_longer_than_allowed_is_refused() -> None:
    card = Script([b"x" * (ANSWER_BYTES_MAX + 1) + b"\x90\x00"])
    with pytest.raises(CardDataError, match="expected at most"):
        processor_for(card).transmit(READ)


def test_traffic_is_logged_at_its_own_level_and_a_pin_never(caplog: pytest.LogCaptureFixture) -> None:
    card = Script([b"\x90\x00"])
    with caplog.at_level(logging.DEBUG, logger="cards.traffic"):
        processor_for(card).transmit(READ)
    assert caplog.messages == []
    with caplog.at_level(TRAFFIC, logger="cards.traffic"):
        processor_for(card).transmit(READ)
        processor_for(card).transmit(CommandApdu(0x00, 0x20, 0x00, 0x80, b"123456\xff\xff"))
    assert caplog.messages == [
        "> 00cb3fff055c035fc10100",
        "<  9000",
        "> 00200080 <8 secret bytes>",
        "<  9000",
    ]
