"""Whose card it is, read from the card itself for the desk's own screen, by the drivers as they ship."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cards.emergency.record import CodedEntry, EmergencyRecord
from cards.emergency.sealing import TerminalKeys, seal_record
from cards.issuing.key_file import IssuingKeys
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv
from cards.trust import TrustAnchors
from edge.card_trust import CardTrust
from edge.clock import Stamp
from edge.contracts.observations import CardPresented, CardRemoved
from edge.desk_screen.holder_reader import HolderReader
from edge.desk_screen.shown_tap import Holder
from edge.drivers.card_taps import CardTaps
from edge.drivers.driver import Driver
from edge.drivers.nfc_pn532 import NfcPn532Driver
from edge.drivers.pcsc import PcscDriver
from firmware_sim.field import Field
from firmware_sim.piv_card import PivCard
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag
from tests.cards.simulated_reader import SimulatedReader
from tests.edge.fake_session import FakeSession, RunningDriver
from tests.pcsc_fixture import PcscSlot, pcsc_slot, pcscd_daemon
from tests.pn532_fixture import patient_host

__all__ = ("patient_host", "pcsc_slot", "pcscd_daemon")  # fixtures are found by being here

NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = IssuingKeys.create("Test card CA", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=3650))
TERMINAL = ec.generate_private_key(ec.SECP256R1())
ISSUER = PivIssuer(KEYS, KEYS.piv_masters, 1)


class Shown:
    """The screen."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def show(self, _device_id: str, _occurred_at: datetime, holder: Holder) -> None:
        self.names.append(holder.full_name)


def issued(name: str = "Lê Minh Khôi", card_id: str | None = None, seed: int = 1) -> PivCard:
    """A card with its emergency record, sealed for `card_id` where that is another's."""

    def record(guid: bytes) -> bytes:
        told = EmergencyRecord(
            card_id=card_id or guid.hex(),
            issued_at=NOW,
            full_name=name,
            birth_date=date(2020, 2, 29),
            allergies=(CodedEntry("Đậu phộng", severity="severe"),),
        )
        return seal_record(told, KEYS, [TERMINAL.public_key()])

    card = PivCard.blank(b"\x04\x11\x22\x33\x44\x55\x66", random.Random(seed))  # noqa: S311 - a seeded chip
    personalise_piv(SimulatedReader(card), ISSUER, PivRequest(NOW, NOW + timedelta(days=365), "271828", record), NOW)
    return card


def trust(shown: Shown, terminal: ec.EllipticCurvePrivateKey = TERMINAL) -> CardTrust:
    anchors = TrustAnchors((KEYS.ca_certificate,))
    return CardTrust(anchors, holders=HolderReader(TerminalKeys.of([terminal]), anchors, shown.show))


def test_a_card_that_proved_itself_says_whose_it_is_and_no_other_card_does() -> None:
    strange_terminal = ec.generate_private_key(ec.SECP256R1())
    forged = issued()
    forged.hold_key(0x9E, ec.generate_private_key(ec.SECP256R1()))
    for what, card, terminal, names in (
        ("a good card", issued(), TERMINAL, ["Lê Minh Khôi"]),
        ("a copy without the key", forged, TERMINAL, []),
        ("the record of another card", issued(card_id="00" * 16), TERMINAL, []),
        ("a terminal without the right key", issued(), strange_terminal, []),
    ):
        shown = Shown()
        taps, stamp = CardTaps("desk", "pcsc", trust(shown, terminal)), Stamp(NOW, 1)
        event = taps.presented(stamp, card.uid, taps.read(SimulatedReader(card), stamp))
        assert shown.names == [], f"{what}: nothing before the tap is kept"
        taps.show_holder(SimulatedReader(card), event)
        assert shown.names == names, what


def tap_with(driver: Driver, session: FakeSession, shown: Shown) -> None:
    session.wait_for(lambda: shown.names == ["Lê Minh Khôi"])
    assert [type(each) for each in session.observations] == [CardPresented]
    assert "Khôi" not in str(session.observations), driver


def test_the_pn532_driver_shows_it_after_the_tap_and_still_sees_the_card_leave(tmp_path: Path) -> None:
    with Pn532(Field(), tmp_path / "pn532") as chip:
        shown = Shown()
        driver = NfcPn532Driver("desk", chip.path, cards=trust(shown), poll_interval_s=0.02, read_s=60.0)
        with RunningDriver(driver, FakeSession()) as session:
            session.wait_for(lambda: bool(session.ups))
            chip.field.put(IsoDepTag(issued()))
            tap_with(driver, session, shown)
            chip.field.take()
            session.wait_for(lambda: len(session.of_kind(CardRemoved)) == 1)


@pytest.mark.pcsc_stack
def test_the_pcsc_driver_shows_it_after_the_tap_and_still_sees_the_card_leave(pcsc_slot: PcscSlot) -> None:
    shown = Shown()
    driver = PcscDriver(
        "desk",
        cards=trust(shown),
        reader=pcsc_slot.reader_name,
        pcscd_socket=str(pcsc_slot.socket_path),
        read_s=60.0,
    )
    with RunningDriver(driver, FakeSession()) as session:
        session.wait_for(lambda: bool(session.ups))
        pcsc_slot.insert(issued())
        tap_with(driver, session, shown)
        pcsc_slot.remove()
        session.wait_for(lambda: len(session.of_kind(CardRemoved)) == 1)
