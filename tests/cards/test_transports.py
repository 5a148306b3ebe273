"""Both kinds of card, issued and read over both real ways: PC/SC (pcscd, vpcd, pyscard) and NFC (PN532, nfcpy)."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cards.card_state import CardState
from cards.connection import CardConnection
from cards.errors import CardGoneError
from cards.issuing.key_file import IssuingKeys
from cards.issuing.piv_personalisation import PivIssuer, PivRequest, personalise_piv
from cards.ntag424.address import judge_address
from cards.ntag424.keys import KeyMasters
from cards.ntag424.ndef_address import read_address
from cards.ntag424.personalisation import personalise, tag_state
from cards.reading import read_card
from edge.drivers.nfc_connection import NfcConnection
from edge.drivers.nfc_pn532_reader import open_pn532
from edge.drivers.pcsc_connection import PcscConnection
from edge.drivers.pcsc_library import load_scard
from firmware_sim.apdu_server import ApduCard
from firmware_sim.card_faults import YankedCard
from firmware_sim.field import Field
from firmware_sim.ntag424_card import Ntag424Card
from firmware_sim.piv_card import PivCard
from firmware_sim.pn532 import Pn532
from firmware_sim.type4 import IsoDepTag
from tests.pcsc_fixture import PcscSlot, pcsc_slot, pcscd_daemon
from tests.pn532_fixture import patient_host

__all__ = ("patient_host", "pcsc_slot", "pcscd_daemon")  # fixtures are found by being here

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
KEYS = IssuingKeys.create("Test card CA", valid_from=NOW - timedelta(days=1), valid_until=NOW + timedelta(days=900))
ISSUER = PivIssuer(KEYS, KEYS.piv_masters, 1)
MASTERS = KeyMasters({1: bytes(range(16))}, current=1)
BASE = "https://the.hospital.example/t"
UID = bytes.fromhex("04A1B2C3D4E580")
DEADLINE_S = 60
"""A busy machine; on a quiet one all of it takes a second."""


def issue_and_read_tag(connection: CardConnection) -> None:
    assert personalise(connection, MASTERS, BASE).uid == UID
    taps = [judge_address(read_address(connection), MASTERS, base=BASE) for _ in range(2)]
    assert [(each.card_uid, each.sun.counter) for each in taps] == [(UID.hex(), 2), (UID.hex(), 3)]


def issue_and_read_piv(connection: CardConnection) -> None:
    record = bytes(range(256)) * 3
    request = PivRequest(NOW, NOW + timedelta(days=365), "271828", lambda _guid: record)
    guid = personalise_piv(connection, ISSUER, request, NOW).guid
    found = read_card(connection, ISSUER.anchors, bytes(32), NOW)
    assert (found.verdict, found.card_id) == ("genuine", guid.hex())


def blank_tag() -> Ntag424Card:
    return Ntag424Card(UID, random.Random(7))  # noqa: S311 - a seeded chip


def blank_piv() -> PivCard:
    return PivCard.blank(UID, random.Random(7))  # noqa: S311 - a seeded chip


KINDS = [
    pytest.param(blank_tag, issue_and_read_tag, id="NTAG 424 DNA"),
    pytest.param(blank_piv, issue_and_read_piv, id="PIV"),
]
Work = Callable[[CardConnection], None]


@contextmanager
def pcsc_connection(slot: PcscSlot) -> Iterator[PcscConnection]:
    """A connection to the card on the reader, once pcscd has seen it."""
    scard = load_scard(str(slot.socket_path))
    deadline = time.monotonic() + DEADLINE_S
    connection = PcscConnection(scard, slot.reader_name)
    while True:
        try:
            connection.__enter__()
            break
        except CardGoneError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    try:
        yield connection
    finally:
        connection.__exit__(None, None, None)


@pytest.mark.pcsc_stack
@pytest.mark.parametrize(("make", "work"), KINDS)
def test_over_pcsc(pcsc_slot: PcscSlot, make: Callable[[], ApduCard], work: Work) -> None:
    pcsc_slot.insert(make())
    with pcsc_connection(pcsc_slot) as connection:
        work(connection)


@pytest.mark.pcsc_stack
def test_a_tag_pulled_off_the_reader_is_finished_when_it_comes_back(pcsc_slot: PcscSlot) -> None:
    card = blank_tag()
    pcsc_slot.insert(YankedCard(card, 20, pcsc_slot.yank))
    with pcsc_connection(pcsc_slot) as connection, pytest.raises(CardGoneError):
        personalise(connection, MASTERS, BASE)
    pcsc_slot.wait_until_empty()
    card.reset()
    pcsc_slot.insert(card)
    with pcsc_connection(pcsc_slot) as connection:
        assert tag_state(connection, MASTERS, BASE) is CardState.UNFINISHED
        issue_and_read_tag(connection)
        assert tag_state(connection, MASTERS, BASE) is CardState.ISSUED


@pytest.mark.parametrize(("make", "work"), KINDS)
def test_over_nfc(tmp_path: Path, make: Callable[[], ApduCard], work: Work) -> None:
    field = Field()
    with Pn532(field, tmp_path / "pn532") as chip:
        field.put(IsoDepTag(make()))
        reader = open_pn532(chip.path)
        try:
            deadline = time.monotonic() + DEADLINE_S
            while (target := reader.sense()) is None:
                assert time.monotonic() < deadline, f"no card in the field within {DEADLINE_S} s"
            assert reader.is_iso_dep(target)
            work(NfcConnection(reader.activate(target)))
        finally:
            reader.close()
