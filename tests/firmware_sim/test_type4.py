"""ISO-DEP block by block (ISO/IEC 14443-4): chaining, repeats, presence check, waiting time, activation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.card_faults import SlowCard
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.type4 import IsoDepTag

UID = bytes.fromhex("04a1b2c3d4e5f6")
SELECT_NDEF = bytes.fromhex("00a4040007d276000085010100")


class EchoCard:
    """Answers what it is sent."""

    atr = bytes.fromhex("3b80800101")
    uid = UID
    latency_s = 0.0

    def __init__(self) -> None:
        self.resets = 0
        self.received: list[bytes] = []

    def reset(self) -> None:
        self.resets += 1

    def apdu(self, command: bytes) -> bytes:
        self.received.append(command)
        return command


def activated(tag: IsoDepTag, rats: str = "e080") -> IsoDepTag:
    tag.select()
    answer = tag.exchange(bytes.fromhex(rats))
    assert answer is not None
    assert answer.data[0] == len(answer.data)
    return tag


def ask(tag: IsoDepTag, block: bytes | str) -> bytes | None:
    answer = tag.exchange(bytes.fromhex(block) if isinstance(block, str) else block)
    return None if answer is None else answer.data


class BlockReader:
    """A reader's half of the protocol, from the standard: cuts into blocks, acknowledges, asks for lost ones again."""

    def __init__(self, tag: IsoDepTag, inf_bytes: int, lost: list[bool]) -> None:
        self.tag = tag
        self.inf_bytes = inf_bytes
        self.lost = lost
        self.number = 0

    def exchange(self, block: bytes) -> bytes:
        """One block to the card; an answer lost on the way is asked for again by R(NAK)."""
        answer = ask(self.tag, block)
        while self.lost and self.lost.pop():
            answer = ask(self.tag, bytes([0xB2 | self.number]))
        assert answer is not None
        return answer

    def transceive(self, command: bytes) -> bytes:
        parts = [command[i : i + self.inf_bytes] for i in range(0, len(command), self.inf_bytes)]
        for part in parts[:-1]:
            assert self.exchange(bytes([0x12 | self.number]) + part) == bytes([0xA2 | self.number])
            self.number ^= 1
        answer = self.exchange(bytes([0x02 | self.number]) + parts[-1])
        response = answer[1:]
        while answer[0] & 0x10:
            self.number ^= 1
            answer = self.exchange(bytes([0xA2 | self.number]))
            response += answer[1:]
        assert answer[0] == 0x02 | self.number
        self.number ^= 1
        return response


@given(
    commands=st.lists(st.binary(min_size=1, max_size=600), min_size=1, max_size=4),
    fsdi=st.integers(0, 8),
    inf_bytes=st.integers(1, 253),
    lost=st.lists(st.booleans(), max_size=40),
)
def test_every_command_arrives_whole_and_once_however_it_is_cut_and_whatever_answers_are_lost(
    commands: list[bytes], fsdi: int, inf_bytes: int, lost: list[bool]
) -> None:
    card = EchoCard()
    reader = BlockReader(activated(IsoDepTag(card), f"e0{fsdi}0"), inf_bytes, lost)
    assert [reader.transceive(command) for command in commands] == commands
    assert card.received == commands


@given(st.lists(st.binary(max_size=20), max_size=30))
def test_no_frame_whatever_breaks_the_card(frames: list[bytes]) -> None:
    tag = activated(IsoDepTag(NdefApplication(UID)))
    for frame in frames:
        tag.exchange(frame)
    assert ask(activated(tag), b"\x02" + SELECT_NDEF) == b"\x02\x90\x00"


def test_a_frame_never_exceeds_what_the_reader_said_it_takes() -> None:
    tag = activated(IsoDepTag(EchoCard()), "e010")  # FSDI 1: 24 bytes with CRC
    answer = ask(tag, b"\x02" + bytes(100))
    assert answer is not None
    assert len(answer) == 22


def test_an_unselected_or_unactivated_card_is_silent() -> None:
    tag = IsoDepTag(EchoCard())
    assert ask(tag, "e080") is None
    tag.select()
    assert ask(tag, b"\x02" + SELECT_NDEF) is None
    assert ask(tag, "e080") is None, "a wrong command in ACTIVE ends the activation"


def test_deselect_ends_the_session_and_selecting_begins_a_new_one() -> None:
    tag = activated(IsoDepTag(EchoCard()))
    assert ask(tag, "c2") == b"\xc2"
    assert ask(tag, "b2") is None
    assert ask(activated(tag), "02aa") == b"\x02\xaa"


def test_losing_power_resets_the_card_inside() -> None:
    card = EchoCard()
    tag = activated(IsoDepTag(card))
    before = card.resets
    tag.power_off()
    assert card.resets == before + 1


def test_the_presence_check_is_acknowledged() -> None:
    tag = activated(IsoDepTag(EchoCard()))
    assert ask(tag, "b2") == b"\xa3"
    assert ask(tag, "02aa") == b"\x02\xaa"
    assert ask(tag, "b3") == b"\xa2"


def test_protocol_and_parameter_selection_is_echoed() -> None:
    assert ask(activated(IsoDepTag(EchoCard())), "d01100") == b"\xd0"


def test_a_card_that_needs_longer_asks_for_it_and_uses_no_more_than_granted() -> None:
    tag = activated(IsoDepTag(SlowCard(EchoCard(), latency_s=2.0), fwi=8))
    frame_waiting_time_s = 4096 / 13.56e6 * 2**8
    waited_s, allowed_s = 0.0, frame_waiting_time_s
    answer = tag.exchange(b"\x02\xaa")
    while answer is not None and answer.data[0] == 0xF2:
        assert answer.after_s < allowed_s
        waited_s += answer.after_s
        allowed_s = frame_waiting_time_s * answer.data[1]
        answer = tag.exchange(answer.data)
    assert answer is not None
    assert answer.after_s < allowed_s
    assert answer.data == b"\x02\xaa"
    assert waited_s + answer.after_s == pytest.approx(2.0)


def test_reserved_values_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="got fsci=9 fwi=8, expected fsci 0 to 8, fwi 0 to 14"):
        IsoDepTag(EchoCard(), fsci=9)
