"""The shipped driver on pyscard, libpcsclite, a real pcscd and its virtual reader; only the card is simulated."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from edge.card_trust import CardTrust
from edge.contracts.observations import CardEvidence, CardPresented, CardRemoved
from edge.drivers.driver import DeviceMisconfiguredError
from edge.drivers.pcsc import PcscDriver
from edge.drivers.pcsc_library import load_scard
from firmware_sim.apdu_server import ApduCard
from firmware_sim.card_faults import GarbledCard, MuteCard, SlowCard, UidOnlyCard, YankedCard, clone
from firmware_sim.type2_tag import Type2Tag
from tests.edge.fake_session import FakeSession, RunningDriver
from tests.edge.simulated_cards import SimulatedCards, at_the_desk, issued_tag
from tests.pcsc_fixture import PcscSlot, pcsc_slot, pcscd_daemon, second_pcsc_slot

__all__ = ("pcsc_slot", "pcscd_daemon", "second_pcsc_slot")  # fixtures are found by being here

pytestmark = pytest.mark.pcsc_stack

CARDS = SimulatedCards()
UID = bytes.fromhex("04a1b2c3d4e5f6")


def driver_for(slot: PcscSlot, reader: str | None = None, read_s: float = 60.0) -> PcscDriver:
    return PcscDriver(
        "pcsc-desk-1",
        cards=CardTrust(CARDS.anchors),
        reader=slot.reader_name if reader is None else reader,
        pcscd_socket=str(slot.socket_path),
        read_s=read_s,
    )


@pytest.fixture
def session(pcsc_slot: PcscSlot) -> Iterator[FakeSession]:
    with RunningDriver(driver_for(pcsc_slot), FakeSession()) as session:
        session.wait_for(lambda: session.ups == [pcsc_slot.reader_name])
        yield session


def presented(session: FakeSession, count: int = 1) -> CardPresented:
    session.wait_for(lambda: len(session.of_kind(CardPresented)) >= count)
    return session.of_kind(CardPresented)[-1]


def removed(session: FakeSession, count: int = 1) -> None:
    session.wait_for(lambda: len(session.of_kind(CardRemoved)) >= count)


def test_a_health_card_is_read_and_proven_once_and_its_leaving_is_seen(
    pcsc_slot: PcscSlot, session: FakeSession
) -> None:
    card = CARDS.card()
    pcsc_slot.insert(card)
    tap = presented(session)
    assert (tap.transport, tap.profile, tap.verdict, tap.reason) == ("pcsc", "piv", "genuine", "")
    assert (tap.card_id, tap.uid) == (card.guid.hex, card.uid.hex())
    pcsc_slot.remove()
    removed(session)
    assert [type(each) for each in session.observations] == [CardPresented, CardRemoved]
    assert card.signatures == 1


def test_a_card_that_lies_there_at_the_start_is_reported(pcsc_slot: PcscSlot) -> None:
    pcsc_slot.insert(CARDS.card())
    assert pcsc_slot.slot.wait_until_powered(60)
    with RunningDriver(driver_for(pcsc_slot), FakeSession()) as session:
        assert presented(session).verdict == "genuine"


def test_a_second_card_is_a_second_tap_with_another_challenge(pcsc_slot: PcscSlot, session: FakeSession) -> None:
    first, second = CARDS.card(), CARDS.card()
    pcsc_slot.insert(first)
    presented(session)
    pcsc_slot.remove()
    removed(session)
    pcsc_slot.insert(second)
    presented(session, 2)
    assert [tap.card_id for tap in session.of_kind(CardPresented)] == [first.guid.hex, second.guid.hex]
    challenges = {
        tap.evidence.challenge for tap in session.of_kind(CardPresented) if isinstance(tap.evidence, CardEvidence)
    }
    assert len(challenges) == 2


def test_an_ntag_card_is_read_beside_piv_cards_and_judged_with_the_desks_keys(pcsc_slot: PcscSlot) -> None:
    driver = PcscDriver(
        "pcsc-desk-1",
        cards=at_the_desk(),
        reader=pcsc_slot.reader_name,
        pcscd_socket=str(pcsc_slot.socket_path),
        read_s=60.0,
    )
    with RunningDriver(driver, FakeSession()) as session:
        session.wait_for(lambda: session.ups == [pcsc_slot.reader_name])
        card = issued_tag()
        pcsc_slot.insert(card)
        tap = presented(session)
        assert (tap.profile, tap.card_id, tap.uid, tap.verdict) == (
            "ntag424",
            card.uid.hex(),
            card.uid.hex(),
            "genuine",
        )
        pcsc_slot.remove()
        removed(session)


def test_two_readers_of_one_device_are_read_at_the_same_time(pcsc_slot: PcscSlot, second_pcsc_slot: PcscSlot) -> None:
    first, second = CARDS.card(), CARDS.card()
    with RunningDriver(driver_for(pcsc_slot, reader="", read_s=3.0), FakeSession()) as session:
        pcsc_slot.insert(MuteCard(first))
        second_pcsc_slot.insert(second)
        assert presented(session).card_id == second.guid.hex
        assert presented(session, 2).verdict == "unverified"


@pytest.mark.parametrize(
    ("card", "verdict", "code"),
    [
        (clone(CARDS.card(), CARDS.rng), "not_genuine", "wrong_key"),
        (SimulatedCards(seed=2, name="Another hospital").card(), "not_genuine", "foreign_ca"),
        (UidOnlyCard(UID), "unverified", "other_card"),
        (Type2Tag(UID), "unverified", "other_card"),
    ],
)
def test_what_is_no_card_of_this_hospital_is_never_genuine(
    pcsc_slot: PcscSlot, session: FakeSession, card: ApduCard | Type2Tag, verdict: str, code: str
) -> None:
    pcsc_slot.insert(card)
    tap = presented(session)
    assert (tap.verdict, tap.reason.partition(":")[0], tap.uid) == (verdict, code, card.uid.hex())


def test_a_slow_card_is_waited_for(pcsc_slot: PcscSlot, session: FakeSession) -> None:
    pcsc_slot.insert(SlowCard(CARDS.card(), 0.1))
    assert presented(session).verdict == "genuine"


@pytest.mark.parametrize("on_command", [1, 3, 5])
def test_a_card_pulled_in_the_middle_is_a_fault_and_no_tap(
    pcsc_slot: PcscSlot, session: FakeSession, on_command: int
) -> None:
    pcsc_slot.insert(YankedCard(CARDS.card(), on_command, pcsc_slot.yank))
    session.wait_for(lambda: session.fault_codes() == ["card_removed_early"])
    assert session.observations == []
    pcsc_slot.insert(CARDS.card())
    assert presented(session).verdict == "genuine"


def test_a_mute_card_neither_hangs_the_driver_nor_the_reader(pcsc_slot: PcscSlot) -> None:
    with RunningDriver(driver_for(pcsc_slot, read_s=3.0), FakeSession()) as session:
        pcsc_slot.insert(MuteCard(CARDS.card(), good_commands=3))
        tap = presented(session)
        assert (tap.verdict, tap.reason) == ("unverified", "unreadable: it was silent for 3 s")
        assert session.fault_codes() == ["card_error"]
        looks = session.alive_count
        session.wait_for(lambda: session.alive_count > looks + 3)
        pcsc_slot.remove()
        removed(session)
        pcsc_slot.insert(CARDS.card())
        assert presented(session, 2).verdict == "genuine"
        assert len(session.observations) == 3


def test_a_card_that_answers_garbage_is_never_genuine(pcsc_slot: PcscSlot, session: FakeSession) -> None:
    for seed in range(4):
        before = len(session.observations) + len(session.faults)
        pcsc_slot.insert(GarbledCard(CARDS.card(), random.Random(seed)))  # noqa: S311 - a simulation, to be repeated
        session.wait_for(lambda before=before: len(session.observations) + len(session.faults) > before)  # type: ignore[misc]
        pcsc_slot.remove()
    assert "genuine" not in [tap.verdict for tap in session.of_kind(CardPresented)]
    assert session.losses == []


def test_a_restart_of_pcscd_is_survived_and_the_card_on_the_reader_found_again(
    pcsc_slot: PcscSlot, session: FakeSession
) -> None:
    pcsc_slot.insert(CARDS.card())
    presented(session)
    pcsc_slot.restart_pcscd()
    session.wait_for(lambda: session.losses != [])
    removed(session)
    presented(session, 2)
    assert len(session.ups) == 2


def test_without_pcscd_the_mend_is_named_and_it_is_found_when_it_comes(
    pcsc_slot: PcscSlot, session: FakeSession
) -> None:
    pcsc_slot.stop_pcscd()
    session.wait_for(lambda: len(session.losses) >= 3)
    assert "mend: apt install pcscd" in str(session.losses[-1])
    pcsc_slot.start_pcscd()
    session.wait_for(lambda: len(session.ups) == 2)
    pcsc_slot.insert(CARDS.card())
    assert presented(session).verdict == "genuine"


def test_a_reader_that_is_not_there_is_named_with_those_that_are(pcsc_slot: PcscSlot) -> None:
    with RunningDriver(driver_for(pcsc_slot, reader="ACS ACR1252"), FakeSession()) as session:
        session.wait_for(lambda: session.losses != [])
    assert "'ACS ACR1252'" in str(session.losses[0])
    assert pcsc_slot.reader_name in str(session.losses[0])


def test_two_devices_cannot_use_two_pcscds(pcsc_slot: PcscSlot) -> None:
    load_scard(str(pcsc_slot.socket_path))
    with pytest.raises(DeviceMisconfiguredError, match="expected the same for every pcsc device"):
        load_scard("/run/another.comm")


def test_a_new_run_does_not_walk_into_the_trap_of_an_earlier_one(pcsc_slot: PcscSlot) -> None:
    driver = driver_for(pcsc_slot)
    with RunningDriver(driver, FakeSession()) as first:
        first.wait_for(lambda: first.ups != [])
        with RunningDriver(driver, FakeSession()) as second:
            second.wait_for(lambda: second.losses != [])
        assert "earlier run" in str(second.losses[0])
        driver.abort()


def test_a_hung_pcscd_is_a_loss_and_found_again_when_it_goes_on(pcsc_slot: PcscSlot) -> None:
    driver = driver_for(pcsc_slot)
    process_id = pcsc_slot.daemon.process_id
    assert process_id is not None
    with RunningDriver(driver, FakeSession()) as given_up:
        given_up.wait_for(lambda: given_up.ups != [])
        os.kill(process_id, signal.SIGSTOP)
        try:
            given_up.end()  # as a supervisor does when its watchdog barks
            driver.abort()
            with RunningDriver(driver, FakeSession()) as session:
                session.wait_for(lambda: session.losses != [])
                os.kill(process_id, signal.SIGCONT)
                session.wait_for(lambda: session.ups != [])
                pcsc_slot.insert(CARDS.card())
                assert presented(session).verdict == "genuine"
        finally:
            os.kill(process_id, signal.SIGCONT)


def test_without_pyscard_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(DeviceMisconfiguredError, match=r"pip install 'medtap\[pcsc\]'"):
        load_scard("")


def test_importing_the_driver_does_not_import_its_stack() -> None:
    code = "import sys, edge.drivers.pcsc; sys.exit('smartcard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
