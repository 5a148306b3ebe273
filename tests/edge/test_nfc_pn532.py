"""The shipped driver, nfcpy and pyserial, reading a simulated PN532 on a pseudo-terminal."""

import logging
import os
import pty
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.card_trust import CardTrust
from edge.contracts.observations import CardEvidence, CardPresented, CardRemoved, NfcTagRead
from edge.drivers.driver import DeviceMisconfiguredError
from edge.drivers.nfc_pn532 import NfcPn532Driver
from edge.drivers.nfc_pn532_reader import open_pn532
from firmware_sim import ndef_bytes
from firmware_sim.card_faults import GarbledCard, MuteCard, SlowCard, UidOnlyCard, YankedCard, clone
from firmware_sim.field import Field, RfAnswer
from firmware_sim.ndef_application import NdefApplication
from firmware_sim.pn532 import Pn532
from firmware_sim.type2_tag import Type2Tag
from firmware_sim.type4 import IsoDepTag
from tests.edge.fake_session import FakeSession, RunningDriver
from tests.edge.simulated_cards import SimulatedCards, at_the_desk, issued_tag
from tests.pn532_fixture import patient_host

__all__ = ("patient_host",)  # fixtures are found by being here

CARDS = SimulatedCards()
UID = bytes.fromhex("04a1b2c3d4e5f6")
DIGITAL_LINK = "https://id.example.com/01/08934567890129/10/A%2F1/21/SN1?17=281231"


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Pn532]:
    with Pn532(Field(), tmp_path / "pn532") as chip:
        yield chip


@pytest.fixture
def session(chip: Pn532) -> Iterator[FakeSession]:
    with RunningDriver(driver_for(chip.path), FakeSession()) as session:
        session.wait_for(lambda: session.ups == [f"PN532v1.6 at {chip.path}"])
        yield session


def driver_for(path: Path) -> NfcPn532Driver:
    return NfcPn532Driver("pn532-desk-1", path, cards=CardTrust(CARDS.anchors), poll_interval_s=0.02, read_s=60.0)


def presented(session: FakeSession, count: int = 1) -> CardPresented:
    session.wait_for(lambda: len(session.of_kind(CardPresented)) >= count)
    return session.of_kind(CardPresented)[-1]


def removed(session: FakeSession, count: int = 1) -> None:
    session.wait_for(lambda: len(session.of_kind(CardRemoved)) >= count)


def tag_read(session: FakeSession) -> NfcTagRead:
    session.wait_for(lambda: session.of_kind(NfcTagRead) != [])
    return session.of_kind(NfcTagRead)[-1]


def test_a_health_card_is_read_and_proven_once_and_its_leaving_is_seen(chip: Pn532, session: FakeSession) -> None:
    card = CARDS.card()
    chip.field.put(IsoDepTag(card))
    tap = presented(session)
    assert (tap.transport, tap.profile, tap.verdict, tap.reason) == ("nfc", "piv", "genuine", "")
    assert (tap.card_id, tap.uid) == (card.guid.hex, card.uid.hex())
    assert isinstance(tap.evidence, CardEvidence)
    assert len(bytes.fromhex(tap.evidence.challenge)) == 32
    looks = session.alive_count
    session.wait_for(lambda: session.alive_count > looks + 20)
    chip.field.take()
    removed(session)
    assert [type(each) for each in session.observations] == [CardPresented, CardRemoved]
    assert card.signatures == 1


def test_an_ntag_card_is_a_tap_and_no_tag_of_a_pack(chip: Pn532) -> None:
    driver = NfcPn532Driver("pn532-desk-1", chip.path, cards=at_the_desk(), poll_interval_s=0.02, read_s=60.0)
    with RunningDriver(driver, FakeSession()) as session:
        session.wait_for(lambda: bool(session.ups))
        card = issued_tag()
        chip.field.put(IsoDepTag(card))
        tap = presented(session)
        assert (tap.transport, tap.profile, tap.card_id, tap.verdict) == ("nfc", "ntag424", card.uid.hex(), "genuine")
        assert not session.of_kind(NfcTagRead)
        chip.field.take()
        removed(session)


def test_a_card_laid_on_again_is_a_second_tap_with_another_challenge(chip: Pn532, session: FakeSession) -> None:
    card = CARDS.card()
    for count in (1, 2):
        chip.field.put(IsoDepTag(card))
        presented(session, count)
        chip.field.take()
        removed(session, count)
    first, second = session.of_kind(CardPresented)
    assert isinstance(first.evidence, CardEvidence)
    assert isinstance(second.evidence, CardEvidence)
    assert first.evidence.challenge != second.evidence.challenge


def test_one_card_swapped_for_another_between_two_looks_is_two_taps(chip: Pn532, session: FakeSession) -> None:
    first, second = CARDS.card(), CARDS.card()
    chip.field.put(IsoDepTag(first))
    presented(session)
    chip.field.put(IsoDepTag(second))
    presented(session, 2)
    assert [type(each).__name__ for each in session.observations] == ["CardPresented", "CardRemoved", "CardPresented"]
    assert [tap.card_id for tap in session.of_kind(CardPresented)] == [first.guid.hex, second.guid.hex]


def test_small_frames_are_chained(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(CARDS.card(), fsci=0))
    assert presented(session).verdict == "genuine"


def test_a_slow_card_that_asks_for_more_time_is_waited_for(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(SlowCard(CARDS.card(), 0.15)))
    assert presented(session).verdict == "genuine"


def test_a_clone_is_not_genuine(chip: Pn532, session: FakeSession) -> None:
    card = CARDS.card()
    chip.field.put(IsoDepTag(clone(card, CARDS.rng)))
    tap = presented(session)
    assert (tap.verdict, tap.reason.partition(":")[0], tap.card_id) == ("not_genuine", "wrong_key", card.guid.hex)


def test_a_card_of_another_hospital_is_not_genuine(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(SimulatedCards(seed=2, name="Another hospital").card()))
    tap = presented(session)
    assert (tap.verdict, tap.reason.partition(":")[0]) == ("not_genuine", "foreign_ca")


def test_a_card_that_only_copies_a_uid_is_unverified(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(UidOnlyCard(UID)))
    tap = presented(session)
    assert (tap.profile, tap.verdict, tap.card_id, tap.uid) == ("unknown", "unverified", "", UID.hex())
    assert tap.reason.startswith("other_card: ")


@pytest.mark.parametrize("on_command", [1, 2, 3, 4, 5])
def test_a_card_taken_away_in_the_middle_is_a_fault_and_no_tap(
    chip: Pn532, session: FakeSession, on_command: int
) -> None:
    chip.field.put(IsoDepTag(YankedCard(CARDS.card(), on_command, chip.field.take)))
    session.wait_for(lambda: session.fault_codes() == ["card_removed_early"])
    assert session.observations == []
    chip.field.put(IsoDepTag(CARDS.card()))
    assert presented(session).verdict == "genuine"


def test_a_mute_card_is_reported_unverified_and_the_next_one_is_read(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(MuteCard(CARDS.card(), good_commands=2), fwi=4))
    tap = presented(session)
    assert (tap.verdict, tap.reason.partition(":")[0]) == ("unverified", "unreadable")
    assert session.fault_codes() == ["card_error"]
    chip.field.take()
    removed(session)
    chip.field.put(IsoDepTag(CARDS.card()))
    assert presented(session, 2).verdict == "genuine"


def test_cards_that_answer_garbage_never_end_the_driver_nor_are_genuine(chip: Pn532, session: FakeSession) -> None:
    for seed in range(25):
        card = GarbledCard(CARDS.card(), random.Random(seed))  # noqa: S311 - a simulation, to be repeated
        before = len(session.observations) + len(session.faults)
        chip.field.put(IsoDepTag(card, fwi=4))
        session.wait_for(lambda before=before: len(session.observations) + len(session.faults) > before)  # type: ignore[misc]
        chip.field.take()
    chip.field.put(IsoDepTag(CARDS.card()))
    session.wait_for(lambda: [tap.verdict for tap in session.of_kind(CardPresented)][-1:] == ["genuine"])
    assert [tap.verdict for tap in session.of_kind(CardPresented)].count("genuine") == 1
    assert session.losses == []


def test_a_pack_label_on_a_type_2_tag_is_read_as_it_was_written(chip: Pn532, session: FakeSession) -> None:
    message = ndef_bytes.message(ndef_bytes.uri_record(DIGITAL_LINK), ndef_bytes.text_record("Thuốc tiêm, giữ lạnh"))
    chip.field.put(Type2Tag(UID, ndef_bytes.type2_data_area(message)))
    read = tag_read(session)
    assert (read.uid, read.tag_type) == (UID.hex(), "type2")
    assert [(record.type, record.text) for record in read.records] == [
        ("urn:nfc:wkt:U", DIGITAL_LINK),
        ("urn:nfc:wkt:T", "Thuốc tiêm, giữ lạnh"),
    ]
    looks = session.alive_count
    session.wait_for(lambda: session.alive_count > looks + 20)
    assert len(session.observations) == 1


def test_a_long_message_is_read_whole(chip: Pn532, session: FakeSession) -> None:
    message = ndef_bytes.message(ndef_bytes.text_record("x" * 700))
    chip.field.put(Type2Tag(UID, ndef_bytes.type2_data_area(message)))
    assert tag_read(session).records[0].text == "x" * 700


def test_a_formatted_tag_without_content_has_no_records(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(Type2Tag(UID))
    assert tag_read(session).records == ()


def test_a_pack_label_on_a_type_4_tag_is_read(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(NdefApplication(UID, ndef_bytes.message(ndef_bytes.uri_record(DIGITAL_LINK)))))
    read = tag_read(session)
    assert (read.tag_type, read.records[0].text) == ("type4", DIGITAL_LINK)


class NeverDone:
    """Selects well, and then answers every block so that the reader has to ask on."""

    uid, atqa, sak = UID, 0x0344, 0x20

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer

    def power_off(self) -> None:
        """Nothing to forget."""

    def select(self) -> None:
        """Always ready."""

    def exchange(self, frame: bytes) -> RfAnswer:
        """An answer to select with small waiting time, then whatever was asked for."""
        return RfAnswer(bytes.fromhex("0578804000") if frame[0] == 0xE0 else self._answer(frame))


@pytest.mark.parametrize(
    "answer",
    [
        lambda _frame: b"\xf2\x01",
        lambda frame: bytes((0x12 | frame[0] & 1,)) + bytes(60),
        lambda frame: bytes((0x02 | frame[0] & 1,)) + b"\x61\x00",
        lambda frame: bytes((0x02 | frame[0] & 1,)) + b"\x6c\x01",
        lambda _frame: b"\x02",
        lambda _frame: b"\xa2",
    ],
    ids=["more time", "more blocks", "more data", "other Le", "nothing", "acknowledgements"],
)
def test_a_card_that_never_comes_to_an_end_is_given_up(chip: Pn532, answer: Callable[[bytes], bytes]) -> None:
    driver = NfcPn532Driver("pn532-desk-1", chip.path, cards=CardTrust(CARDS.anchors), poll_interval_s=0.02, read_s=0.2)
    with RunningDriver(driver, FakeSession()) as session:
        chip.field.put(NeverDone(answer))
        tap = presented(session)
        assert tap.verdict == "unverified"
        driver._read_s = 60.0  # noqa: SLF001 - the good card may take its time
        chip.field.take()
        chip.field.put(IsoDepTag(CARDS.card()))
        assert presented(session, 2).verdict == "genuine"


@pytest.mark.parametrize("name", sorted(ndef_bytes.garbage_data_areas()))
def test_garbage_ndef_is_a_fault_and_no_tag(chip: Pn532, session: FakeSession, name: str) -> None:
    chip.field.put(Type2Tag(UID, ndef_bytes.garbage_data_areas()[name]))
    session.wait_for(lambda: session.fault_codes() == ["ndef_unreadable"])
    looks = session.alive_count
    session.wait_for(lambda: session.alive_count > looks + 10)
    assert session.fault_codes() == ["ndef_unreadable"]
    assert session.observations == []
    chip.field.take()
    chip.field.put(IsoDepTag(CARDS.card()))
    assert presented(session).verdict == "genuine"


def test_garbage_ndef_on_a_type_4_tag_is_a_fault_and_no_tag(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(NdefApplication(UID, b"\xd1\x01\xff\x55garbage")))
    session.wait_for(lambda: session.fault_codes() == ["ndef_unreadable"])
    assert session.faults[0].raw == b"\xd1\x01\xff\x55garbage"
    assert session.observations == []


def test_an_unplugged_reader_is_lost_and_comes_back_with_the_card_on_it(chip: Pn532, session: FakeSession) -> None:
    chip.field.put(IsoDepTag(CARDS.card()))
    presented(session)
    chip.unplug()
    session.wait_for(lambda: session.losses != [])
    removed(session)
    message = str(session.losses[0])
    assert str(chip.path) in message
    assert "check its cable" in message
    chip.plug()
    presented(session, 2)
    assert len(session.ups) == 2


def test_a_hung_chip_is_lost_and_comes_back(chip: Pn532, session: FakeSession) -> None:
    chip.hang()
    session.wait_for(lambda: session.losses != [])
    chip.recover()
    session.wait_for(lambda: len(session.ups) >= 2)


def test_a_reader_whose_answers_are_corrupted_recovers(chip: Pn532, session: FakeSession) -> None:
    chip.corrupt_answers(3)
    chip.emit_noise(b"\x55\xff\x00" * 20)
    chip.field.put(IsoDepTag(CARDS.card()))
    assert presented(session).verdict == "genuine"


def test_a_run_that_hangs_ends_by_abort(chip: Pn532) -> None:
    driver = driver_for(chip.path)
    with RunningDriver(driver, FakeSession()) as session:
        session.wait_for(lambda: session.ups != [])
        driver.abort()
        session.wait_for(lambda: session.losses != [])
        session.wait_for(lambda: len(session.ups) >= 2)


def test_a_path_where_nothing_answers_is_lost(tmp_path: Path) -> None:
    with RunningDriver(driver_for(tmp_path / "absent"), FakeSession()) as session:
        session.wait_for(lambda: len(session.losses) >= 2)
    master, slave = pty.openpty()
    try:
        with RunningDriver(driver_for(Path(os.ttyname(slave))), FakeSession()) as session:
            session.wait_for(lambda: session.losses != [])
    finally:
        os.close(master)
        os.close(slave)


def test_a_path_that_a_shell_would_act_on_is_refused() -> None:
    with pytest.raises(DeviceMisconfiguredError, match="expected an absolute path"):
        open_pn532(Path("/dev/ttyUSB0; reboot"))


def test_without_nfcpy_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nfc", None)
    with pytest.raises(DeviceMisconfiguredError, match=r"pip install 'medtap\[nfc\]'"):
        open_pn532(Path("/dev/ttyUSB0"))


def test_importing_the_driver_does_not_import_its_stack() -> None:
    code = (
        "import sys, edge.drivers.nfc_pn532; sys.exit(any(name in sys.modules for name in ('nfc', 'ndef', 'serial')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nfcpy_neither_captures_warnings_nor_logs_silent_cards(
    chip: Pn532, session: FakeSession, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = heard.append  # type: ignore[method-assign, assignment]
    logging.getLogger().addHandler(listener)
    chip.field.put(IsoDepTag(MuteCard(CARDS.card()), fwi=4))
    session.wait_for(lambda: session.fault_codes() == ["card_error"])
    assert warnings.showwarning.__module__ != "logging"
    logging.getLogger().removeHandler(listener)
    assert [record.getMessage() for record in heard] == []
    assert capfd.readouterr() == ("", "")
