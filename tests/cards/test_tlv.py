"""BER-TLV as cards write it, and as they should not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.errors import CardDataError
from cards.tlv import DEPTH_MAX, Node, Tlv, encode_tlv, find, parse_one, parse_tlvs, parse_tree

ONE_BYTE_TAGS = st.integers(0, 255).filter(lambda tag: tag & 0x1F != 0x1F)
TWO_BYTE_TAGS = st.builds(
    lambda first, second: first << 8 | second,
    st.integers(0, 255).map(lambda first: first | 0x1F),
    st.integers(0x1F, 0x7F),
)
THREE_BYTE_TAGS = st.builds(
    lambda first, second, third: first << 16 | second << 8 | third,
    st.integers(0, 255).map(lambda first: first | 0x1F),
    st.integers(0x81, 0xFF),
    st.integers(0, 0x7F),
)
TAGS = st.one_of(ONE_BYTE_TAGS, TWO_BYTE_TAGS, THREE_BYTE_TAGS)
OBJECTS = st.lists(st.builds(Tlv, TAGS, st.binary(max_size=300)), max_size=8)


@given(OBJECTS)
def test_objects_read_back_as_they_were_written(objects: list[Tlv]) -> None:
    assert parse_tlvs(b"".join(each.encode() for each in objects)) == tuple(objects)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_objects_or_a_card_data_error(raw: bytes, shortest: bool) -> None:
    try:
        objects = parse_tlvs(raw, shortest_lengths=shortest)
    except CardDataError:
        return
    written = b"".join(each.encode() for each in objects)
    assert written == raw if shortest else len(written) <= len(raw)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_tree_or_a_card_data_error(raw: bytes) -> None:
    try:
        parse_tree(raw)
    except CardDataError:
        return


@pytest.mark.parametrize("length", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000])
def test_every_length_form_is_written_and_read(length: int) -> None:
    assert parse_one(encode_tlv(0x53, bytes(length)), 0x53) == bytes(length)


def test_a_published_answer_to_select_is_a_tree() -> None:
    """The PPSE template of EMV Book 1."""
    raw = bytes.fromhex("6F1A840E315041592E5359532E4444463031A5088801025F2D02656E")
    inner = raw[20:]
    assert parse_tree(raw) == (
        Node(
            0x6F,
            raw[2:],
            (
                Node(0x84, b"1PAY.SYS.DDF01"),
                Node(0xA5, inner, (Node(0x88, b"\x02"), Node(0x5F2D, b"en"))),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("5F", "cut off"),
        ("53", "without a length"),
        ("8480", "indefinite length"),
        ("5303AABB", "only 2 bytes follow"),
        ("5381", "cut off"),
        ("538400000001AA", "at most 3 length bytes"),
        ("538105AABBCCDDEE", "overlong"),
        ("53820080" + "00" * 128, "overlong"),
        ("1F8001AA", "overlong"),
        ("1F1E01AA", "overlong"),
        ("1F81818101AA", "at most 3 bytes"),
    ],
)
def test_an_object_that_is_cut_indefinite_or_overlong_is_refused(raw: str, why: str) -> None:
    with pytest.raises(CardDataError, match=why):
        parse_tlvs(bytes.fromhex(raw))


def test_a_long_length_form_is_taken_where_the_caller_allows_it() -> None:
    assert parse_tlvs(bytes.fromhex("5382000234AA"[:8] + "34AA"), shortest_lengths=False) == (Tlv(0x53, b"\x34\xaa"),)


def test_nesting_ends_at_the_limit() -> None:
    raw = b""
    for _ in range(DEPTH_MAX):
        raw = encode_tlv(0x30, raw)
    assert parse_tree(raw)
    with pytest.raises(CardDataError, match="nested too deeply"):
        parse_tree(encode_tlv(0x30, raw))


def test_an_object_that_should_stand_once_is_not_taken_from_two() -> None:
    twice = (Tlv(0x34, b"a"), Tlv(0x34, b"b"))
    with pytest.raises(CardDataError, match="expected TLV 34 once, got tags 34 34"):
        find(twice, 0x34)
    with pytest.raises(CardDataError, match="expected one TLV 53, got nothing"):
        parse_one(b"", 0x53)


@pytest.mark.parametrize("tag", [-1, 0x1F, 0x5F80, 0x5353])
def test_what_is_not_a_tag_is_not_written(tag: int) -> None:
    with pytest.raises(ValueError, match="tag"):
        encode_tlv(tag, b"")
