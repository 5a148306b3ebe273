"""The simulated PN532 under the real nfcpy: whatever the field holds, whatever happens to the cable."""

import contextlib
import itertools
import random
import termios
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ndef
import nfc.clf
import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import nfc.tag.tt4
import pytest
import serial

from firmware_sim import card_faults, ndef_bytes
from firmware_sim.card_ca import CardCa
from firmware_sim.field import Field, Tag
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.piv_card import PivCard, personalise
from firmware_sim.pn532 import Pn532, crc_a
from firmware_sim.pn532_frame import ACK_BYTES, ERROR_BYTES, encode
from firmware_sim.type2_tag import Type2Tag
from firmware_sim.type4 import IsoDepTag
from tests.pn532_fixture import patient_host

__all__ = ("patient_host",)  # fixtures are found by being here

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
UID = bytes.fromhex("04a1b2c3d4e5f6")
URI = "https://id.example.com/01/04012345123456"
MESSAGE = ndef_bytes.message(ndef_bytes.uri_record(URI), ndef_bytes.text_record("Thuốc tiêm"))
SELECT_PIV = bytes.fromhex("00a404000ba00000030800001000010000")
GET_CERTIFICATE = bytes.fromhex("00cb3fff055c035fc10100")
GET_RESPONSE = bytes.fromhex("00c0000000")
LOST = (OSError, termios.error, serial.SerialException)


@pytest.fixture
def field() -> Field:
    return Field()


@pytest.fixture
def chip(field: Field, tmp_path: Path) -> Iterator[Pn532]:
    with Pn532(field, tmp_path / "pn532") as running:
        yield running


@pytest.fixture
def open_reader(chip: Pn532) -> Iterator[Callable[[], Any]]:
    """Opens nfcpy on the chip as a driver does; closes what is open at the end."""
    opened: list[Any] = []

    def open_() -> Any:  # noqa: ANN401 - nfcpy ships no types
        frontend = nfc.ContactlessFrontend()
        frontend.device = nfc.clf.pn532.init(nfc.clf.transport.TTY(str(chip.path)))
        frontend.device._path = str(chip.path)  # noqa: SLF001 - what ContactlessFrontend.open does itself
        opened.append(frontend)
        return frontend

    yield open_
    for frontend in opened:
        close(frontend)


def close(frontend: Any) -> None:  # noqa: ANN401 - same
    """Close whatever is left; a pulled cable makes nfcpy fail before it has closed its descriptor."""
    if frontend.device is None:
        return
    port = frontend.device.chipset.transport.tty
    with contextlib.suppress(*LOST):
        frontend.close()
    frontend.device = None
    with contextlib.suppress(*LOST):
        port.close()


@pytest.fixture
def reader(open_reader: Callable[[], Any]) -> Any:  # noqa: ANN401 - same
    return open_reader()


@pytest.fixture
def piv_card() -> PivCard:
    rng = random.Random(3)  # noqa: S311 - a seeded world
    ca = CardCa(rng, valid_from=NOW, valid_until=NOW + timedelta(days=3650))
    return personalise(ca, rng, now=NOW)


def sense(reader: Any) -> Any:  # noqa: ANN401 - same
    return reader.sense(nfc.clf.RemoteTarget("106A"))


def activate(reader: Any) -> Any:  # noqa: ANN401 - same
    return nfc.tag.activate(reader, sense(reader))


def send(tag: Any, command: bytes) -> bytes:  # noqa: ANN401 - same
    return bytes(tag.transceive(command))


def test_an_empty_field_holds_no_target(reader: Any) -> None:  # noqa: ANN401 - same
    assert sense(reader) is None


@pytest.mark.parametrize("text_bytes", [1, 200, 700])
@pytest.mark.parametrize(
    ("make_tag", "nfcpy_type"),
    [
        (lambda message: Type2Tag(UID, ndef_bytes.type2_data_area(message)), "NTAG216"),
        (lambda message: IsoDepTag(NdefApplication(UID, message)), "Type4ATag"),
        (lambda message: IsoDepTag(NdefApplication(UID, message), fsci=2, fwi=4), "Type4ATag"),
    ],
    ids=["NTAG216", "Type 4 in long frames", "Type 4 in 32-byte frames"],
)
def test_nfcpy_reads_and_rewrites_ndef(
    reader: Any,  # noqa: ANN401 - same
    field: Field,
    make_tag: Callable[[bytes], Tag],
    nfcpy_type: str,
    text_bytes: int,
) -> None:
    field.put(make_tag(ndef_bytes.message(ndef_bytes.uri_record(URI), ndef_bytes.text_record("x" * text_bytes))))
    tag = activate(reader)
    assert type(tag).__name__ == nfcpy_type
    assert bytes(tag.identifier) == UID
    assert [type(record).__name__ for record in tag.ndef.records] == ["UriRecord", "TextRecord"]
    assert tag.ndef.records[0].uri == URI
    assert tag.ndef.records[1].text == "x" * text_bytes
    tag.ndef.records = [ndef.TextRecord("Kho lạnh dưới 8 °C")]
    again = activate(reader)
    assert [record.text for record in again.ndef.records] == ["Kho lạnh dưới 8 °C"]


def test_a_piv_card_answers_apdus_through_the_chip(reader: Any, field: Field, piv_card: PivCard) -> None:  # noqa: ANN401
    field.put(IsoDepTag(piv_card))
    tag = activate(reader)
    assert send(tag, SELECT_PIV)[-2:] == b"\x90\x00"
    answer = send(tag, GET_CERTIFICATE)
    while answer[-2] == 0x61:
        answer = answer[:-2] + send(tag, GET_RESPONSE)
    assert piv_card.certificate_der in answer


def test_a_slow_card_asks_for_more_time_and_gets_it(reader: Any, field: Field, piv_card: PivCard) -> None:  # noqa: ANN401
    field.put(IsoDepTag(card_faults.SlowCard(piv_card, latency_s=1.0)))
    tag = activate(reader)
    start = time.monotonic()
    assert send(tag, SELECT_PIV)[-2:] == b"\x90\x00"
    assert time.monotonic() - start >= 0.9


def test_a_mute_card_is_an_error_after_a_bounded_wait(reader: Any, field: Field, piv_card: PivCard) -> None:  # noqa: ANN401
    field.put(IsoDepTag(card_faults.MuteCard(piv_card, good_commands=1)))
    tag = activate(reader)
    assert send(tag, SELECT_PIV)[-2:] == b"\x90\x00"
    with pytest.raises(nfc.tag.tt4.Type4TagCommandError):
        send(tag, GET_CERTIFICATE)


def test_a_card_yanked_in_the_middle_of_a_command_is_an_error_not_an_answer(
    reader: Any,  # noqa: ANN401 - same
    field: Field,
    piv_card: PivCard,
) -> None:
    field.put(IsoDepTag(card_faults.YankedCard(piv_card, 2, field.take)))
    tag = activate(reader)
    assert send(tag, SELECT_PIV)[-2:] == b"\x90\x00"
    with pytest.raises(nfc.tag.tt4.Type4TagCommandError):
        send(tag, GET_CERTIFICATE)
    assert field.tag is None
    assert sense(reader) is None


@pytest.mark.parametrize("make_tag", [lambda: Type2Tag(UID), lambda: IsoDepTag(NdefApplication(UID))])
def test_a_tag_that_was_taken_away_is_no_longer_present(
    reader: Any,  # noqa: ANN401 - same
    field: Field,
    make_tag: Callable[[], Tag],
) -> None:
    field.put(make_tag())
    tag = activate(reader)
    assert tag.is_present
    field.take()
    assert not tag.is_present


def test_a_tag_that_left_and_came_back_must_be_found_anew(reader: Any, field: Field) -> None:  # noqa: ANN401 - same
    field.put(IsoDepTag(NdefApplication(UID)))
    tag = activate(reader)
    card = field.take()
    assert card is not None
    field.put(card)
    assert not tag.is_present
    assert bytes(activate(reader).identifier) == UID


def test_only_the_asked_for_uid_is_selected(reader: Any, field: Field) -> None:  # noqa: ANN401 - same
    field.put(Type2Tag(UID))
    assert reader.sense(nfc.clf.RemoteTarget("106A", sel_req=UID)) is not None
    assert reader.sense(nfc.clf.RemoteTarget("106A", sel_req=bytes.fromhex("04000000000000"))) is None


@pytest.mark.parametrize("what", ndef_bytes.garbage_data_areas())
def test_garbage_on_a_tag_never_becomes_two_good_records(reader: Any, field: Field, what: str) -> None:  # noqa: ANN401
    """It says None or raises; a missing end flag alone it forgives."""
    field.put(Type2Tag(UID, ndef_bytes.garbage_data_areas()[what]))
    tag = activate(reader)
    try:
        records = list(tag.ndef.records) if tag.ndef else []
    except ndef.DecodeError:
        records = []
    assert [record.uri for record in records] in ([], [URI] if what == "message end flag missing" else [])


def test_a_pulled_cable_is_an_error_and_the_same_path_works_again(
    reader: Any,  # noqa: ANN401 - same
    open_reader: Callable[[], Any],
    chip: Pn532,
    field: Field,
) -> None:
    field.put(Type2Tag(UID))
    assert sense(reader) is not None
    chip.unplug()
    assert not chip.path.exists()
    with pytest.raises(LOST):
        sense(reader)
    with pytest.raises(LOST):
        open_reader()
    chip.plug()
    assert bytes(sense(open_reader()).sdd_res) == UID


def test_a_cable_pulled_while_a_card_thinks_ends_the_wait(
    reader: Any,  # noqa: ANN401 - same
    chip: Pn532,
    field: Field,
    piv_card: PivCard,
) -> None:
    field.put(IsoDepTag(card_faults.SlowCard(piv_card, latency_s=20.0)))
    tag = activate(reader)
    hand = threading.Timer(0.1, chip.unplug)
    hand.start()
    with pytest.raises((*LOST, nfc.clf.CommunicationError, nfc.tag.TagCommandError)):
        send(tag, SELECT_PIV)
    hand.join()
    assert not chip.path.exists()


def test_a_hung_chip_answers_nothing_until_it_recovers(reader: Any, chip: Pn532, field: Field) -> None:  # noqa: ANN401
    field.put(Type2Tag(UID))
    chip.hang()
    with pytest.raises(OSError, match="Input/output error"):
        sense(reader)
    chip.recover()
    assert sense(reader) is not None


def test_replugging_ends_a_hang(open_reader: Callable[[], Any], chip: Pn532, field: Field) -> None:
    field.put(Type2Tag(UID))
    chip.hang()
    chip.unplug()
    chip.plug()
    assert sense(open_reader()) is not None


def test_a_spoilt_answer_is_an_error_and_the_next_one_is_good(reader: Any, chip: Pn532, field: Field) -> None:  # noqa: ANN401
    field.put(Type2Tag(UID))
    chip.corrupt_answers(1)
    with pytest.raises(OSError, match="Input/output error"):
        sense(reader)
    assert sense(reader) is not None


class RawHost:
    """A host without nfcpy: writes any bytes, reads what comes."""

    def __init__(self, path: Path) -> None:
        self.port = serial.Serial(str(path), 115200, timeout=2.0)

    def ask(self, data: bytes, answer_bytes: int) -> bytes:
        self.port.write(data)
        return self.port.read(answer_bytes)


@pytest.fixture
def host(chip: Pn532) -> Iterator[RawHost]:
    running = RawHost(chip.path)
    yield running
    running.port.close()


VERSION_COMMAND = encode(bytes.fromhex("d402"))
VERSION_ANSWER = ACK_BYTES + encode(bytes.fromhex("d50332010607"))


@pytest.mark.parametrize(
    "garbage",
    [
        bytes(40),
        b"\x00\xff" * 9,
        b"\xff" * 33,
        bytes.fromhex("0000ff02fdd402"),  # wrong length checksum
        VERSION_COMMAND[:-2] + b"\x11\x00",  # wrong data checksum
        bytes.fromhex("0000ffffffffff03"),  # extended frame of 65,535 bytes
        encode(bytes.fromhex("d502")),  # an answer, not a command
        bytes(random.Random(5).randbytes(3000)),  # noqa: S311 - a seeded world
    ],
)
def test_garbage_before_a_command_does_not_hide_it(host: RawHost, garbage: bytes) -> None:
    assert host.ask(garbage + VERSION_COMMAND, len(VERSION_ANSWER)) == VERSION_ANSWER


def test_a_command_that_arrives_byte_by_byte_is_understood(host: RawHost) -> None:
    for byte in VERSION_COMMAND[:-1]:
        host.port.write(bytes([byte]))
    assert host.ask(VERSION_COMMAND[-1:], len(VERSION_ANSWER)) == VERSION_ANSWER


def test_half_a_frame_is_forgotten_when_the_host_gives_up(host: RawHost) -> None:
    host.port.write(VERSION_COMMAND[:6])
    time.sleep(0.6)  # the chip's own patience; nothing observable happens when it ends
    assert host.ask(VERSION_COMMAND, len(VERSION_ANSWER)) == VERSION_ANSWER


@pytest.mark.parametrize("command", ["d499", "d440011234", "d406", "d44a", "d432"])
def test_unknown_commands_and_missing_parameters_are_syntax_errors(host: RawHost, command: str) -> None:
    expected = ACK_BYTES + (ERROR_BYTES if command != "d406" else encode(bytes.fromhex("d507")))
    assert host.ask(encode(bytes.fromhex(command)), len(expected)) == expected


def test_an_ack_from_the_host_ends_the_wait_for_a_silent_tag(host: RawHost, field: Field, chip: Pn532) -> None:
    field.put(IsoDepTag(NdefApplication(UID)))
    host.ask(encode(bytes.fromhex("d432020000") + b"\x00"), 6 + 9)  # wait for ever
    host.ask(encode(bytes.fromhex("d44a0100")), 6 + 22)
    field.take()
    assert host.ask(encode(bytes.fromhex("d44230")), 6) == ACK_BYTES
    assert host.ask(ACK_BYTES + VERSION_COMMAND, len(VERSION_ANSWER)) == VERSION_ANSWER
    # Each counted once; the third is counted some time after its ACK, so only the sum is certain.
    assert chip.commands == 4


def test_noise_reaches_the_host_as_it_is(host: RawHost, chip: Pn532) -> None:
    chip.emit_noise(b"\xde\xad")
    assert host.port.read(2) == b"\xde\xad"


@pytest.mark.parametrize(("data", "crc"), [(b"\x00\x00", "a01e"), (b"\x12\x34", "26cf")])
def test_crc_a_gives_the_examples_of_the_standard(data: bytes, crc: str) -> None:
    """ISO/IEC 14443-3 annex B.1."""
    assert crc_a(data).hex() == crc


def test_ten_taps_in_a_row_are_ten_selections(reader: Any, field: Field) -> None:  # noqa: ANN401 - same
    for number in itertools.islice(itertools.count(1), 10):
        field.put(Type2Tag(UID, ndef_bytes.type2_data_area(MESSAGE)))
        before = field.selections
        assert sense(reader) is not None
        assert field.selections > before, number
        field.take()
        assert sense(reader) is None
