"""Command and response APDUs as a card sees them (ISO/IEC 7816-4): cases, chaining in both directions, lengths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.apdu_server import SW_NOT_FOUND, SW_OK, ApduFormatError, ApduServer, CommandApdu, contactless_atr


@pytest.mark.parametrize(
    ("raw", "data", "le"),
    [
        ("00a40400", "", None),
        ("00b0000000", "", 256),
        ("00b0000010", "", 16),
        ("00d6000002aabb", "aabb", None),
        ("00a4040002aabb00", "aabb", 256),
        ("00b00000000000", "", 65536),
        ("00b00000000123", "", 0x123),
        ("00d60000000002aabb", "aabb", None),
        ("00d60000000002aabb0100", "aabb", 256),
        ("00d60000000002aabb0000", "aabb", 65536),
    ],
)
def test_all_cases_short_and_extended_are_taken_apart(raw: str, data: str, le: int | None) -> None:
    parsed = CommandApdu.parse(bytes.fromhex(raw))
    assert (parsed.data.hex(), parsed.le) == (data, le)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00",
        "00a404",
        "00a4040005aabb",
        "00a4040001aabbcc",
        "00d60000000003aabb",
        "00d60000000000aabb",
        "00b000000000",
    ],
)
def test_contradictory_lengths_are_wrong_length(raw: str) -> None:
    with pytest.raises(ApduFormatError):
        CommandApdu.parse(bytes.fromhex(raw))
    assert ApduServer(lambda command: (command.data, SW_OK)).answer(bytes.fromhex(raw)) == b"\x67\x00"


@given(st.binary(max_size=70000))
def test_any_bytes_are_answered_with_a_status_word(raw: bytes) -> None:
    assert len(ApduServer(lambda command: (command.data, SW_OK)).answer(raw)) >= 2


@given(size=st.integers(0, 2000), le=st.integers(1, 256))
def test_a_long_answer_is_fetched_piece_by_piece_and_loses_nothing(size: int, le: int) -> None:
    whole = bytes(i % 251 for i in range(size))
    server = ApduServer(lambda _: (whole, SW_OK))
    answer = server.answer(bytes([0, 0xCB, 0, 0, le & 0xFF]))
    received = answer[:-2]
    while answer[-2] == 0x61:
        assert len(answer) - 2 <= le
        left = answer[-1] or 256
        assert left == min(size - len(received), 256)
        answer = server.answer(bytes([0, 0xC0, 0, 0, le & 0xFF]))
        received += answer[:-2]
    assert (received, answer[-2:]) == (whole, b"\x90\x00")


def test_an_extended_le_gets_everything_at_once() -> None:
    server = ApduServer(lambda _: (bytes(3000), SW_OK))
    assert server.answer(bytes.fromhex("00cb0000000000")) == bytes(3000) + b"\x90\x00"


def test_a_command_without_le_is_told_how_much_waits() -> None:
    server = ApduServer(lambda _: (bytes(40), SW_OK))
    assert server.answer(bytes.fromhex("00870000")) == b"\x61\x28"
    assert server.answer(bytes.fromhex("00c0000000")) == bytes(40) + b"\x90\x00"


def test_what_was_not_fetched_is_lost_with_the_next_command() -> None:
    server = ApduServer(lambda command: (bytes(300), SW_OK) if command.ins == 0xCB else (b"", SW_NOT_FOUND))
    assert server.answer(bytes.fromhex("00cb000000"))[-2:] == b"\x61\x2c"
    assert server.answer(bytes.fromhex("00a4000000")) == b"\x6a\x82"
    assert server.answer(bytes.fromhex("00c0000000")) == b"\x69\x85"


def test_chained_commands_are_joined() -> None:
    server = ApduServer(lambda command: (command.data, SW_OK))
    assert server.answer(bytes.fromhex("10870000021122")) == b"\x90\x00"
    assert server.answer(bytes.fromhex("10870000023344")) == b"\x90\x00"
    assert server.answer(bytes.fromhex("00870000015500")) == bytes.fromhex("11223344559000")


def test_another_instruction_in_the_middle_of_a_chain_ends_it() -> None:
    server = ApduServer(lambda command: (command.data, SW_OK))
    server.answer(bytes.fromhex("10870000021122"))
    assert server.answer(bytes.fromhex("00a4000000")) == b"\x68\x83"
    assert server.answer(bytes.fromhex("00a40000015500")) == bytes.fromhex("559000")


def test_an_endless_chain_is_refused() -> None:
    server = ApduServer(lambda command: (command.data, SW_OK))
    answers = {server.answer(bytes.fromhex("10870000ff") + bytes(255)) for _ in range(40)}
    assert answers == {b"\x90\x00", b"\x67\x00"}


def test_a_reset_forgets_half_a_chain_and_half_an_answer() -> None:
    server = ApduServer(lambda command: (command.data or bytes(300), SW_OK))
    server.answer(bytes.fromhex("10870000021122"))
    server.reset()
    assert server.answer(bytes.fromhex("00870000015500")) == bytes.fromhex("559000")
    server.answer(bytes.fromhex("0087000000"))
    server.reset()
    assert server.answer(bytes.fromhex("00c0000000")) == b"\x69\x85"


def test_the_atr_of_a_storage_card_is_the_one_real_readers_report() -> None:
    """Gemalto Prox-DU and Prox-SU reference manual page 101, quoting PC/SC part 3."""
    historical_bytes = bytes.fromhex("804f0ca000000306030003") + bytes(4)
    assert contactless_atr(historical_bytes).hex() == "3b8f8001804f0ca0000003060300030000000068"


def test_more_historical_bytes_than_an_atr_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="historical bytes: got 16, expected at most 15"):
        contactless_atr(bytes(16))
