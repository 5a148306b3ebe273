"""Writing NFC tags through nfcpy on a simulated PN532; what was written is read by the shipped driver too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.card_trust import CardTrust
from edge.contracts.observations import NfcTagRead
from edge.drivers.driver import DeviceLostError
from edge.drivers.ndef_records import decode_ndef
from edge.drivers.ndef_writer import TagWriteError, encode_uri_message, write_uri
from edge.drivers.nfc_pn532 import NfcPn532Driver
from firmware_sim import ndef_bytes
from firmware_sim.field import Field, RfAnswer
from firmware_sim.pn532 import Pn532
from firmware_sim.type2_tag import Type2Tag
from firmware_sim.type4 import IsoDepTag
from tests.edge.fake_session import FakeSession, RunningDriver
from tests.edge.simulated_cards import SimulatedCards

UID = bytes.fromhex("04a1b2c3d4e5f6")
LINK = "https://id.example.com/01/08934567890120/10/A%2F1/21/SN_1?17=281231"
CARDS = SimulatedCards()


class StubbornTag(Type2Tag):
    """Acknowledges writes from one page on and forgets them, as a worn-out tag does; or goes away at that page."""

    def __init__(self, uid: bytes, page: int, *, leaves: bool) -> None:
        super().__init__(uid)
        self._page = page
        self._leaves = leaves

    def exchange(self, frame: bytes) -> RfAnswer | None:
        if frame[:1] == b"\xa2" and frame[1] >= self._page:
            return None if self._leaves else RfAnswer(b"\x0a", is_nibble=True)
        return super().exchange(frame)


class OldTag(Type2Tag):
    """Knows no GET_VERSION, as a MIFARE Ultralight."""

    def exchange(self, frame: bytes) -> RfAnswer | None:
        return RfAnswer(b"\x00", is_nibble=True) if frame == b"\x60" else super().exchange(frame)


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Pn532]:
    with Pn532(Field(), tmp_path / "pn532") as chip:
        yield chip


def said_by(tag: Type2Tag) -> bytes:
    """The NDEF message in its memory, by the simulation's own reading of the TLV."""
    area = tag.data_area
    assert area[0] == 0x03
    return area[2 : 2 + area[1]] if area[1] < 255 else area[4 : 4 + int.from_bytes(area[2:4], "big")]


@pytest.mark.parametrize(
    "uri", [LINK, "http://www.a.example/1", "https://www.a.example", "urn:epc:id:sgtin:1", "https://a/" + "x" * 700]
)
def test_an_address_is_encoded_as_others_decode_it(uri: str) -> None:
    message = encode_uri_message(uri)
    assert [record.text for record in decode_ndef(message)] == [uri]
    if "urn" not in uri and len(uri) < 255:
        assert message == ndef_bytes.message(ndef_bytes.uri_record(uri))


def test_a_blank_tag_is_written_read_back_and_read_by_the_driver(chip: Pn532) -> None:
    tag = Type2Tag(UID)
    chip.field.put(tag)
    written = write_uri(chip.path, LINK, wait_s=20)
    assert (written.uid, written.uri, written.replaced, written.locked) == (UID.hex(), LINK, "", False)
    assert (written.message_bytes, written.capacity_bytes) == (len(encode_uri_message(LINK)), 868)
    assert said_by(tag) == encode_uri_message(LINK)
    driver = NfcPn532Driver("nfc", chip.path, cards=CardTrust(CARDS.anchors), poll_interval_s=0.02)
    with RunningDriver(driver, FakeSession()) as session:
        session.wait_for(lambda: session.of_kind(NfcTagRead) != [])
    assert [record.text for record in session.of_kind(NfcTagRead)[0].records] == [LINK]


def test_a_tag_stays_writable_unless_a_lock_is_asked_for(chip: Pn532) -> None:
    tag = Type2Tag(UID)
    chip.field.put(tag)
    write_uri(chip.path, LINK, wait_s=20)
    assert (tag.memory[10:12], tag.memory[15], tag.memory[0xE2 * 4 : 0xE2 * 4 + 3]) == (b"\0\0", 0, b"\0\0\0")
    again = write_uri(chip.path, LINK + "&x=1", overwrite=True, wait_s=20)
    assert again.replaced == LINK


def test_a_locked_tag_can_never_be_written_again(chip: Pn532) -> None:
    tag = Type2Tag(UID)
    chip.field.put(tag)
    assert write_uri(chip.path, LINK, lock=True, wait_s=20).locked
    assert (tag.memory[10:12], tag.memory[15]) == (b"\xff\xff", 0x0F)
    assert tag.memory[0xE2 * 4 : 0xE2 * 4 + 3] == b"\xff\xff\xff"
    with pytest.raises(TagWriteError, match=f"locked and says {LINK[:20]}"):
        write_uri(chip.path, LINK + "&x=1", overwrite=True, wait_s=20)
    tag.select()
    assert tag.exchange(b"\xa2\x50abcd") == RfAnswer(b"\x00", is_nibble=True)
    assert said_by(tag) == encode_uri_message(LINK)


def test_a_tag_of_another_pack_is_not_overwritten_by_accident(chip: Pn532) -> None:
    other = ndef_bytes.message(ndef_bytes.uri_record("https://id.example.com/01/08934567890120/21/OTHER"))
    tag = Type2Tag(UID, ndef_bytes.type2_data_area(other))
    chip.field.put(tag)
    with pytest.raises(TagWriteError, match="21/OTHER already"):
        write_uri(chip.path, LINK, wait_s=20)
    assert said_by(tag) == other


def test_a_tag_that_says_so_already_is_left_as_it_is(chip: Pn532) -> None:
    tag = Type2Tag(UID, ndef_bytes.type2_data_area(encode_uri_message(LINK)))
    before = tag.memory
    chip.field.put(tag)
    assert write_uri(chip.path, LINK, wait_s=20).replaced == ""
    assert tag.memory == before


def test_an_address_that_is_too_long_leaves_the_tag_as_it_was(chip: Pn532) -> None:
    tag = Type2Tag(UID)
    before = tag.memory
    chip.field.put(tag)
    with pytest.raises(TagWriteError, match=r"holds 868 bytes, 9[0-9]{2} are needed"):
        write_uri(chip.path, "https://a.example/" + "x" * 900, wait_s=20)
    assert tag.memory == before


def test_a_tag_that_forgets_what_it_was_told_is_found_by_reading_it_back(chip: Pn532) -> None:
    chip.field.put(StubbornTag(UID, page=8, leaves=False))
    with pytest.raises(TagWriteError, match=r"reads back as .*: expected https"):
        write_uri(chip.path, LINK, wait_s=20)


def test_a_tag_that_leaves_half_way_is_not_called_written(chip: Pn532) -> None:
    tag = StubbornTag(UID, page=10, leaves=True)
    chip.field.put(tag)
    with pytest.raises(TagWriteError, match="can be written again"):
        write_uri(chip.path, LINK, wait_s=20)
    assert said_by(tag) == b""


def test_a_health_card_is_never_written(chip: Pn532) -> None:
    chip.field.put(IsoDepTag(CARDS.card()))
    with pytest.raises(TagWriteError, match="a card, or a tag of another kind"):
        write_uri(chip.path, LINK, wait_s=20)


def test_a_product_that_is_not_known_is_written_but_not_locked(chip: Pn532) -> None:
    tag = OldTag(UID)
    chip.field.put(tag)
    with pytest.raises(TagWriteError, match="how it is locked is not known"):
        write_uri(chip.path, LINK, lock=True, wait_s=20)
    assert said_by(tag) == b""
    assert not write_uri(chip.path, LINK, wait_s=20).locked


def test_an_unformatted_tag_is_refused(chip: Pn532) -> None:
    chip.field.put(Type2Tag(UID, b"\xfe" + bytes(32)))
    with pytest.raises(TagWriteError, match="not formatted"):
        write_uri(chip.path, LINK, wait_s=20)


def test_no_tag_and_no_reader_are_said(chip: Pn532, tmp_path: Path) -> None:
    with pytest.raises(TagWriteError, match="lay one on the reader"):
        write_uri(chip.path, LINK, wait_s=0)
    with pytest.raises(DeviceLostError):
        write_uri(tmp_path / "nowhere", LINK, wait_s=0)
