"""The NTAG216's own rules (NXP data sheet NTAG213/215/216): memory, locks, password, and falling back to IDLE."""

import pytest

from firmware_sim import ndef_bytes
from firmware_sim.type2_tag import USER_BYTES, Type2Tag

UID = bytes.fromhex("04a1b2c3d4e5f6")
NAK = b"\x00"
ACK = b"\x0a"


@pytest.fixture
def tag() -> Type2Tag:
    tag = Type2Tag(UID, ndef_bytes.type2_data_area(ndef_bytes.message(ndef_bytes.uri_record("https://example.com"))))
    tag.select()
    return tag


def ask(tag: Type2Tag, command: str) -> bytes | None:
    """One command in hexadecimal; a tag that fell back to IDLE is found again first, as a reader does."""
    answer = tag.exchange(bytes.fromhex(command))
    if answer is not None and answer.is_nibble and answer.data == NAK:
        tag.select()
    return None if answer is None else answer.data


def test_the_first_pages_hold_the_uid_with_its_check_bytes_and_the_capability_container(tag: Type2Tag) -> None:
    answer = ask(tag, "3000")
    assert answer is not None
    assert answer[:3] + answer[4:8] == UID
    assert answer[3] == 0x88 ^ UID[0] ^ UID[1] ^ UID[2]
    assert answer[8] == UID[3] ^ UID[4] ^ UID[5] ^ UID[6]
    assert answer[12:] == bytes.fromhex("e1106d00")


def test_reading_rolls_over_behind_the_last_page(tag: Type2Tag) -> None:
    assert ask(tag, "30e6") == bytes(4) + tag.memory[:12]


def test_fast_read_returns_exactly_the_pages_asked_for(tag: Type2Tag) -> None:
    assert ask(tag, "3a0409") == tag.data_area[:24]


@pytest.mark.parametrize("command", ["30e7", "3a0904", "3a00e7", "a20000000000", "a2e700000000", "ff", "30", "1a00"])
def test_what_is_refused_is_answered_nak_and_the_tag_falls_silent(tag: Type2Tag, command: str) -> None:
    answer = tag.exchange(bytes.fromhex(command))
    assert answer is not None
    assert (answer.data, answer.is_nibble) == (NAK, True)
    assert tag.exchange(bytes.fromhex("3000")) is None
    tag.select()
    assert tag.exchange(bytes.fromhex("3000")) is not None


def test_what_is_written_outlives_power(tag: Type2Tag) -> None:
    assert ask(tag, "a210cafebabe") == ACK
    tag.power_off()
    assert tag.exchange(bytes.fromhex("3010")) is None
    tag.select()
    answer = ask(tag, "3010")
    assert answer is not None
    assert answer[:4].hex() == "cafebabe"


def test_a_halted_tag_is_silent(tag: Type2Tag) -> None:
    assert tag.exchange(bytes.fromhex("5000")) is None
    assert tag.exchange(bytes.fromhex("3000")) is None


def test_lock_bits_only_ever_rise_and_protect_their_pages(tag: Type2Tag) -> None:
    assert ask(tag, "a202ffff1001") == ACK  # L4 and L8
    assert ask(tag, "a20400000000") == NAK
    assert ask(tag, "a20800000000") == NAK
    assert ask(tag, "a20500000000") == ACK
    assert ask(tag, "a20200000000") == ACK
    assert tag.memory[10:12] == b"\x10\x01"
    assert tag.memory[8] == UID[3] ^ UID[4] ^ UID[5] ^ UID[6]


def test_a_dynamic_lock_bit_protects_sixteen_pages(tag: Type2Tag) -> None:
    assert ask(tag, "a2e202000000") == ACK
    assert ask(tag, "a21f00000001") == ACK
    assert ask(tag, "a22000000001") == NAK
    assert ask(tag, "a22f00000001") == NAK
    assert ask(tag, "a23000000001") == ACK


def test_the_capability_container_is_one_time_programmable(tag: Type2Tag) -> None:
    assert ask(tag, "a20300000f0f") == ACK
    assert tag.memory[12:16].hex() == "e1106f0f"


def test_a_password_protects_reading_and_writing_until_the_power_goes(tag: Type2Tag) -> None:
    assert ask(tag, "a2e511223344") == ACK
    assert ask(tag, "a2e6aabb0000") == ACK
    assert ask(tag, "a2e480050000") == ACK  # PROT: reading too
    assert ask(tag, "a2e304000010") == ACK  # from page 0x10 on
    assert ask(tag, "3010") == NAK
    assert ask(tag, "a21000000000") == NAK
    assert ask(tag, "300f") == tag.memory[0x3C:0x40] + tag.memory[:12]
    assert ask(tag, "1b00000000") == NAK
    assert ask(tag, "1b11223344") == bytes.fromhex("aabb")
    assert ask(tag, "3010") == tag.memory[0x40:0x50]
    assert ask(tag, "3ae5e6") == bytes(8), "password and acknowledge read as zeros"
    tag.power_off()
    tag.select()
    assert ask(tag, "3010") == NAK


def test_the_counter_counts_first_reads_once_it_is_switched_on(tag: Type2Tag) -> None:
    assert ask(tag, "3902") == NAK
    assert ask(tag, "a2e410050000") == ACK
    for _ in range(3):
        tag.power_off()
        tag.select()
        ask(tag, "3004")
        ask(tag, "3008")
    assert ask(tag, "3902") == bytes.fromhex("030000")


def test_impossible_tags_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="UID of an NTAG216: got '08010203', expected seven bytes"):
        Type2Tag(bytes.fromhex("08010203"))
    with pytest.raises(ValueError, match=f"got {USER_BYTES + 1} bytes, expected at most {USER_BYTES}"):
        Type2Tag(UID, bytes(USER_BYTES + 1))
