"""Simulated cards behind the real PC/SC stack: pcscd, the vpcd driver, libpcsclite and pyscard."""

import contextlib
import random
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from firmware_sim import card_faults, ndef_bytes
from firmware_sim.card_ca import CardCa
from firmware_sim.piv_card import PivCard, personalise
from firmware_sim.type2_tag import Type2Tag
from tests.pcsc_fixture import PcscSlot, pcsc_slot, pcscd_daemon, second_pcsc_slot

__all__ = ("pcsc_slot", "pcscd_daemon", "second_pcsc_slot")  # fixtures are found by being here

pytestmark = pytest.mark.pcsc_stack

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
SELECT_PIV = bytes.fromhex("00a404000ba00000030800001000010000")
GET_CHUID = bytes.fromhex("00cb3fff055c035fc10200")
GET_UID = bytes.fromhex("ffca000000")
DEADLINE_S = 60.0


@pytest.fixture
def card() -> PivCard:
    rng = random.Random(11)  # noqa: S311 - a seeded world
    ca = CardCa(rng, valid_from=NOW, valid_until=NOW + timedelta(days=3650))
    return personalise(ca, rng, now=NOW)


Answer = TypeVar("Answer")


def eventually(ask: Callable[[], Answer], what: str) -> Answer:
    """Ask until it neither raises nor answers something empty."""
    deadline = time.monotonic() + DEADLINE_S
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except Exception as error:  # noqa: BLE001 - pyscard raises several kinds while a daemon restarts
            last = error
        else:
            if answer:
                return answer
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {DEADLINE_S} s") from last


Connect = Callable[[PcscSlot], Any]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens pyscard connections to the card on a slot, as soon as pcscd has noticed it; lets go of them at the end."""
    from smartcard.System import readers  # noqa: PLC0415 - only where the stack is there

    opened: list[Any] = []

    def attempt(slot: PcscSlot) -> Any:  # noqa: ANN401 - pyscard ships no types
        connection = next(r for r in readers() if str(r) == slot.reader_name).createConnection()
        try:
            connection.connect()
        except Exception:
            _let_go(connection)  # pcscd serves 200 contexts at most
            raise
        opened.append(connection)
        return connection

    yield lambda slot: eventually(lambda: attempt(slot), f"a card on {slot.reader_name}")
    for connection in opened:
        _let_go(connection)


def _let_go(connection: Any) -> None:  # noqa: ANN401 - same
    for end in (connection.disconnect, connection.release):
        with contextlib.suppress(Exception):  # the card, the reader or the daemon is gone
            end()
    connection.component.hcontext = None  # or its destructor tries again


def transmit(connection: Any, command: bytes) -> bytes:  # noqa: ANN401 - same
    data, sw1, sw2 = connection.transmit(list(command))
    return bytes([*data, sw1, sw2])


def test_pyscard_reads_the_chuid_of_a_piv_card(pcsc_slot: PcscSlot, connect: Connect, card: PivCard) -> None:
    pcsc_slot.insert(card)
    connection = connect(pcsc_slot)
    assert bytes(connection.getATR()) == card.atr
    assert transmit(connection, GET_UID) == card.uid + b"\x90\x00"
    assert transmit(connection, SELECT_PIV)[-2:] == b"\x90\x00"
    assert card.guid.bytes in transmit(connection, GET_CHUID)


def test_an_answer_longer_than_a_short_apdu_comes_in_one_piece_when_asked_by_extended_length(
    pcsc_slot: PcscSlot, connect: Connect, card: PivCard
) -> None:
    pcsc_slot.insert(card)
    connection = connect(pcsc_slot)
    transmit(connection, SELECT_PIV)
    answer = transmit(connection, bytes.fromhex("00cb3fff0000055c035fc1010000"))
    assert card.certificate_der in answer
    assert answer[-2:] == b"\x90\x00"


def test_each_packet_is_acknowledged_at_once_so_that_nagle_does_not_hold_the_next_one_back(
    pcsc_slot: PcscSlot, connect: Connect, card: PivCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver sends length and body separately; without TCP_QUICKACK the body waits for a delayed one."""
    pcsc_slot.insert(card)
    connection = connect(pcsc_slot)

    def quartiles_s() -> list[float]:
        return statistics.quantiles(_seconds(lambda: transmit(connection, SELECT_PIV)) for _ in range(15))

    quick_s = quartiles_s()[0]  # a busy machine delays some answers, whatever is acknowledged at once
    monkeypatch.setattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)
    assert quick_s < quartiles_s()[1]


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def test_a_removed_card_is_gone_and_another_takes_its_place(
    pcsc_slot: PcscSlot, connect: Connect, card: PivCard
) -> None:
    pcsc_slot.insert(card)
    connect(pcsc_slot)
    pcsc_slot.remove()
    pcsc_slot.wait_until_empty()
    other = card_faults.UidOnlyCard(bytes.fromhex("08010203"))
    pcsc_slot.insert(other)
    connection = connect(pcsc_slot)
    assert transmit(connection, SELECT_PIV) == b"\x6a\x82"
    assert transmit(connection, GET_UID) == bytes.fromhex("080102039000")


def test_a_card_yanked_in_the_middle_of_a_command_is_an_error_not_an_answer(
    pcsc_slot: PcscSlot, connect: Connect, card: PivCard
) -> None:
    from smartcard.Exceptions import CardConnectionException  # noqa: PLC0415 - only where the stack is there

    pcsc_slot.insert(card_faults.YankedCard(card, 2, pcsc_slot.yank))
    connection = connect(pcsc_slot)
    transmit(connection, SELECT_PIV)
    with pytest.raises(CardConnectionException):
        transmit(connection, GET_CHUID)
    assert not pcsc_slot.slot.occupied


def test_a_mute_card_blocks_only_until_it_is_taken_away(pcsc_slot: PcscSlot, connect: Connect, card: PivCard) -> None:
    from smartcard.Exceptions import CardConnectionException  # noqa: PLC0415 - only where the stack is there

    pcsc_slot.insert(card_faults.MuteCard(card, good_commands=1))
    connection = connect(pcsc_slot)
    transmit(connection, SELECT_PIV)
    patience = threading.Timer(0.3, pcsc_slot.yank)
    patience.start()
    with pytest.raises(CardConnectionException):
        transmit(connection, GET_CHUID)
    patience.join()


def test_a_slow_card_is_waited_for(pcsc_slot: PcscSlot, connect: Connect, card: PivCard) -> None:
    pcsc_slot.insert(card_faults.SlowCard(card, latency_s=0.2))
    connection = connect(pcsc_slot)
    assert _seconds(lambda: transmit(connection, SELECT_PIV)) >= 0.2


def test_a_card_that_lies_on_the_reader_survives_a_restart_of_pcscd(
    pcsc_slot: PcscSlot, connect: Connect, card: PivCard
) -> None:
    pcsc_slot.insert(card)
    connect(pcsc_slot)
    before = pcsc_slot.daemon.process_id
    pcsc_slot.restart_pcscd()
    assert pcsc_slot.daemon.process_id != before

    def read() -> bytes:
        return transmit(connect(pcsc_slot), SELECT_PIV)

    assert eventually(read, "the card after the restart")[-2:] == b"\x90\x00"


def test_two_slots_hold_two_cards(
    pcsc_slot: PcscSlot, second_pcsc_slot: PcscSlot, connect: Connect, card: PivCard
) -> None:
    other = card_faults.UidOnlyCard(bytes.fromhex("08010203"))
    pcsc_slot.insert(card)
    second_pcsc_slot.insert(other)
    first, second = connect(pcsc_slot), connect(second_pcsc_slot)
    assert transmit(first, GET_UID)[:-2] == card.uid
    assert transmit(second, GET_UID)[:-2] == other.uid


def test_a_type_2_tag_is_read_and_written_by_the_readers_own_commands(pcsc_slot: PcscSlot, connect: Connect) -> None:
    message = ndef_bytes.message(ndef_bytes.uri_record("https://id.example.com/01/04012345123456"))
    tag = Type2Tag(bytes.fromhex("04a1b2c3d4e5f6"), ndef_bytes.type2_data_area(message))
    pcsc_slot.insert(tag)
    connection = connect(pcsc_slot)
    assert bytes(connection.getATR()).hex() == "3b8f8001804f0ca0000003060300030000000068"
    assert transmit(connection, GET_UID) == tag.uid + b"\x90\x00"
    assert transmit(connection, bytes.fromhex("ffb0000410")) == tag.data_area[:16] + b"\x90\x00"
    assert transmit(connection, bytes.fromhex("ffb000f010")) == b"\x63\x00"
    assert transmit(connection, bytes.fromhex("ffd6002804cafecafe")) == b"\x90\x00"
    assert transmit(connection, bytes.fromhex("ffb0002804")) == bytes.fromhex("cafecafe9000")
    assert transmit(connection, bytes.fromhex("ffd6000004cafecafe")) == b"\x63\x00"
