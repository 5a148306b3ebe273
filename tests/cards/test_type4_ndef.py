"""NDEF files of Type 4 tags, good and contradictory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.apdu import CommandApdu
from cards.errors import CardDataError, CardError
from cards.processors import processor_for
from cards.status_words import SecurityStatusError
from cards.type4_ndef import MESSAGE_BYTES_MAX, NDEF_AID, read_ndef_message

CONTAINER = bytes.fromhex("000f20003b00340406e10408000000")


class NdefCard:
    """Answers SELECT and READ BINARY from two files."""

    def __init__(self, message: bytes, container: bytes = CONTAINER, length: int | None = None) -> None:
        content = (len(message) if length is None else length).to_bytes(2, "big") + message
        self._files = {b"\xe1\x03": container, b"\xe1\x04": content}
        self._file = b""
        self.reads: list[int] = []

    def transmit(self, command: bytes) -> bytes:
        apdu = CommandApdu.decode(command)
        if apdu.ins == 0xA4 and apdu.p1 == 0x04:
            return b"\x90\x00" if apdu.data == NDEF_AID else b"\x6a\x82"
        if apdu.ins == 0xA4:
            self._file = self._files.get(apdu.data, b"")
            return b"\x90\x00" if apdu.data in self._files else b"\x6a\x82"
        offset, le = apdu.p1 << 8 | apdu.p2, apdu.le or 0
        self.reads.append(le)
        return self._file[offset : offset + le] + b"\x90\x00"


@given(st.binary(max_size=1000))
def test_a_message_is_read_as_it_lies_there_in_steps_that_the_tag_can_do(message: bytes) -> None:
    card = NdefCard(message)
    assert read_ndef_message(processor_for(card)) == message
    assert max(card.reads) <= 0x3B


@pytest.mark.parametrize("refusal", ["6A82", "6D00", "6E00", "6982"])
def test_a_card_without_the_application_has_no_message(refusal: str) -> None:
    class OtherCard:
        def transmit(self, _command: bytes) -> bytes:
            return bytes.fromhex(refusal)

    assert read_ndef_message(processor_for(OtherCard())) is None


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (CONTAINER[:14], "got 14 bytes, expected 15"),
        (bytes.fromhex("000f40003b00340406e10408000000"), "version"),
        (bytes.fromhex("000f20003b00340506e10408000000"), "TLV 04 06"),
        (bytes.fromhex("000f20000e00340406e10408000000"), "MLe 14"),
        (bytes.fromhex("000f20003b00340406e1040800ff00"), "may not be read"),
    ],
)
def test_a_capability_container_that_contradicts_the_specification_is_refused(container: bytes, why: str) -> None:
    with pytest.raises(CardDataError, match=why):
        read_ndef_message(processor_for(NdefCard(b"", container)))


def test_a_length_beyond_the_file_or_our_limit_is_refused() -> None:
    with pytest.raises(CardDataError, match="expected 59"):
        read_ndef_message(processor_for(NdefCard(b"short", length=700)))
    with pytest.raises(CardDataError, match=f"expected at most {MESSAGE_BYTES_MAX}"):
        read_ndef_message(processor_for(NdefCard(b"", length=MESSAGE_BYTES_MAX + 1)))


def test_a_file_that_may_not_be_read_is_no_empty_message() -> None:
    class LockedCard:
        def transmit(self, command: bytes) -> bytes:
            return b"\x90\x00" if command[1:3] == b"\xa4\x04" else b"\x69\x82"

    with pytest.raises(SecurityStatusError, match="SELECT file E103"):
        read_ndef_message(processor_for(LockedCard()))


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=30))
def test_a_lying_tag_only_ever_gets_a_message_or_a_card_error(answers: list[bytes]) -> None:
    class LyingCard:
        number = 0

        def transmit(self, _command: bytes) -> bytes:
            self.number += 1
            return answers[self.number % len(answers)] + b"\x90\x00"

    try:
        read_ndef_message(processor_for(LyingCard()))
    except CardError:
        return
