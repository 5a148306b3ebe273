"""What a contactless reader answers by itself (PC/SC part 3), with a card or a tag on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.card_faults import UidOnlyCard
from firmware_sim.reader_front_end import FrontEnd, front_end
from firmware_sim.type2_tag import Type2Tag

UID = bytes.fromhex("04a1b2c3d4e5f6")


def powered(thing: UidOnlyCard | Type2Tag) -> FrontEnd:
    reader = front_end(thing)
    reader.reset()
    return reader


@pytest.mark.parametrize("thing", [UidOnlyCard(UID), Type2Tag(UID)], ids=["card", "tag"])
def test_the_reader_tells_uid_and_historical_bytes(thing: UidOnlyCard | Type2Tag) -> None:
    reader = powered(thing)
    assert reader.apdu(bytes.fromhex("ffca000000")) == UID + b"\x90\x00"
    assert reader.apdu(bytes.fromhex("ffca010000")) == reader.atr[4:-1] + b"\x90\x00"
    assert reader.apdu(bytes.fromhex("ffca020000")) == b"\x6a\x81"
    assert reader.apdu(bytes.fromhex("ff00000000")) == b"\x6a\x81"


def test_only_a_card_gets_commands_of_other_classes() -> None:
    select = bytes.fromhex("00a4040005a000000308")
    assert powered(UidOnlyCard(UID)).apdu(select) == b"\x6a\x82"
    assert powered(Type2Tag(UID)).apdu(select) == b"\x63\x00"


def test_a_tag_that_refused_is_found_again_by_the_reader() -> None:
    reader = powered(Type2Tag(UID))
    assert reader.apdu(bytes.fromhex("ffb000ff10")) == b"\x63\x00"
    assert reader.apdu(bytes.fromhex("ffb0010010")) == b"\x63\x00"
    assert reader.apdu(bytes.fromhex("ffd6000402aabb")) == b"\x67\x00"
    assert reader.apdu(bytes.fromhex("ffb0000410")) is not None
    assert (reader.apdu(bytes.fromhex("ffb0000410")) or b"")[-2:] == b"\x90\x00"


@given(st.sampled_from([UidOnlyCard, Type2Tag]), st.binary(max_size=40).map(lambda tail: b"\xff" + tail))
def test_any_pseudo_command_is_answered_with_a_status_word(kind: type[UidOnlyCard | Type2Tag], command: bytes) -> None:
    answer = powered(kind(UID)).apdu(command)
    assert answer is not None
    assert len(answer) >= 2
