"""Writing EPCs through llrpkit on the simulated LLRP reader; what was written is read by the shipped driver too."""

import socket
import time
from collections.abc import Iterator

import pytest

from edge.contracts.observations import TagAppeared
from edge.drivers import epc_writer
from edge.drivers.driver import DeviceLostError
from edge.drivers.epc_writer import EpcWriteError, EpcWritten, write_epc
from edge.drivers.llrp import LlrpDriver
from firmware_sim.llrp_reader import LlrpReader
from firmware_sim.tag_field import UhfTag
from tests.edge.fake_session import FakeSession, RunningDriver

BLANK = bytes.fromhex("e28011602000507d9d3c0a1b")
OTHER = bytes.fromhex("3034257bf7194e4000001a86")
SGTIN_96 = "3034257bf7194e4000001a85"
SGTIN_198 = "3674257bf7194e5f8a3972eb3c8d58b1c60c18400000000000ab"


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Still a number of the reader's reports, whatever time they take."""
    monkeypatch.setattr(epc_writer, "_LOOK_S", 0.1)


@pytest.fixture
def reader() -> Iterator[LlrpReader]:
    with LlrpReader(antenna_count=2, round_s=0.002) as simulated:
        yield simulated


def write(reader: LlrpReader, epc: str = SGTIN_96, target: str = "") -> EpcWritten:
    return write_epc("127.0.0.1", reader.port, epc, target=target)


def held(reader: LlrpReader) -> set[str]:
    return {tag.epc.hex() for tag in reader.field.tags}


def test_a_blank_label_becomes_the_packs_label_and_the_driver_sees_it(reader: LlrpReader) -> None:
    reader.put(BLANK)
    assert write(reader) == EpcWritten(SGTIN_96, BLANK.hex())
    assert held(reader) == {SGTIN_96}
    driver = LlrpDriver(device_id="uhf", host="127.0.0.1", port=reader.port, antennas=(1,), absent_after_s=5.0)
    with RunningDriver(driver, FakeSession()) as seen:
        seen.wait_for(lambda: seen.of_kind(TagAppeared) != [])
    assert seen.of_kind(TagAppeared)[0].epc == SGTIN_96


def test_a_longer_epc_is_read_whole_and_a_shorter_one_leaves_no_tail(reader: LlrpReader) -> None:
    reader.put(BLANK)
    assert write(reader, SGTIN_198).epc == SGTIN_198
    assert held(reader) == {SGTIN_198}
    assert write(reader, SGTIN_96) == EpcWritten(SGTIN_96, SGTIN_198)
    assert held(reader) == {SGTIN_96}


def test_a_label_that_is_right_already_is_only_read(reader: LlrpReader) -> None:
    reader.field.put(UhfTag(bytes.fromhex(SGTIN_96), locked=True))
    assert write(reader) == EpcWritten(SGTIN_96, SGTIN_96)


def test_of_several_labels_none_is_written_by_chance(reader: LlrpReader) -> None:
    reader.put(BLANK)
    reader.put(OTHER, antenna_id=2)
    with pytest.raises(EpcWriteError, match=f"2 tags before the reader .*{OTHER.hex()}.*: expected one"):
        write(reader)
    assert write(reader, target=BLANK.hex()).epc == SGTIN_96
    assert held(reader) == {SGTIN_96, OTHER.hex()}


def test_two_packs_never_get_the_same_epc(reader: LlrpReader) -> None:
    reader.put(BLANK)
    reader.put(bytes.fromhex(SGTIN_96))
    with pytest.raises(EpcWriteError, match="two would be one pack"):
        write(reader, target=BLANK.hex())
    assert held(reader) == {BLANK.hex(), SGTIN_96}


def test_a_label_whose_epc_begins_like_anothers_is_not_written(reader: LlrpReader) -> None:
    reader.put(BLANK)
    reader.put(BLANK + b"\x01\x02")
    with pytest.raises(EpcWriteError, match="can't tell them apart"):
        write(reader, target=BLANK.hex())


@pytest.mark.parametrize(
    ("tag", "epc", "complaint"),
    [
        (UhfTag(BLANK, epc_words_max=8), SGTIN_198, "SGTIN-198 needs 208 bits"),
        (UhfTag(BLANK, locked=True), SGTIN_96, "its EPC memory is locked"),
        (UhfTag(BLANK, writes_words=3), SGTIN_96, "after 3 of 7 words .*too little power"),
    ],
    ids=["too small", "locked", "power lost"],
)
def test_a_label_that_refuses_is_told_with_the_mend_and_what_is_there_now(
    reader: LlrpReader, tag: UhfTag, epc: str, complaint: str
) -> None:
    reader.field.put(tag)
    with pytest.raises(EpcWriteError, match=complaint) as refused:
        write(reader, epc)
    [now] = held(reader)
    assert str(refused.value).endswith(f"tags seen now: {now}")
    assert now != epc


def test_no_label_and_another_label_are_said(reader: LlrpReader) -> None:
    with pytest.raises(EpcWriteError, match="0 tags before the reader"):
        write_epc("127.0.0.1", reader.port, SGTIN_96, wait_s=0.2)
    reader.put(OTHER)
    with pytest.raises(EpcWriteError, match=f"{BLANK.hex()} is not before the reader; there are: {OTHER.hex()}"):
        write(reader, target=BLANK.hex())


def test_a_label_that_goes_away_is_not_called_written(reader: LlrpReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label is there for the first look, and has gone when the write is due."""
    monkeypatch.setattr(epc_writer, "_ACCESS_S", 0.3)
    reader.put(BLANK)
    choose = epc_writer._choose  # noqa: SLF001 - the moment between looking and writing has no other handle

    def choose_and_take(seen: set[bytes], new: bytes, target: bytes) -> bytes:
        chosen = choose(seen, new, target)
        assert reader.take(BLANK)
        return chosen

    monkeypatch.setattr(epc_writer, "_choose", choose_and_take)
    with pytest.raises(EpcWriteError, match="no tag answered"):
        write(reader)


def test_a_reader_that_is_busy_or_off_is_said(reader: LlrpReader) -> None:
    with socket.create_connection(("127.0.0.1", reader.port)):
        deadline = time.monotonic() + 60
        while not reader.has_client:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(DeviceLostError, match="no agent holds it"):
            write(reader)
    reader.unplug()
    with pytest.raises(DeviceLostError, match="check power and network"):
        write(reader)


@pytest.mark.parametrize("epc", ["", "xyz", "30", "303425", "00" * 64])
def test_what_is_no_epc_is_refused_before_anything_is_connected(epc: str) -> None:
    with pytest.raises(ValueError, match="words of four"):
        write_epc("127.0.0.1", 1, epc)
