"""UHF readers: tags that come and go, readers that fall silent, and what a cut does not say about tags."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from llrpkit.client import LLRPClient
from llrpkit.protocol import messages, params
from llrpkit.protocol.codec import BitStr

import edge.drivers.llrp as driver_module
from edge.contracts.observations import Event, TagAppeared, TagDisappeared, Telemetry
from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError
from edge.drivers.llrp import LlrpDriver
from firmware_sim.counts import Counts
from firmware_sim.llrp_reader import LlrpReader
from tests.edge.fake_session import FakeSession, RunningDriver

FIRST = bytes.fromhex("3034257bf7194e4000001a85")
SECOND = bytes.fromhex("3034257bf7194e4000001a86")
SGTIN_198 = bytes.fromhex("3674257bf7194e5f8a3972eb3c8d58b1c60c18400000000000ab")


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that answers late, for the machine is busy, does not hang."""
    monkeypatch.setattr(driver_module, "PING_S", 0.2)
    monkeypatch.setattr(driver_module, "ANSWER_TIMEOUT_S", 30.0)
    monkeypatch.setattr(driver_module, "CONNECT_TIMEOUT_S", 30.0)


@pytest.fixture
def impatience(patience: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is waited for in these tests."""
    monkeypatch.setattr(driver_module, "ANSWER_TIMEOUT_S", 1.0)
    monkeypatch.setattr(driver_module, "CONNECT_TIMEOUT_S", 1.0)


@pytest.fixture
def reader() -> Iterator[LlrpReader]:
    with LlrpReader(round_s=0.02) as simulated:
        yield simulated


def driver(reader: LlrpReader, antennas: tuple[int, ...] = (1, 2), absent_after_s: float = 0.5) -> LlrpDriver:
    return LlrpDriver(
        device_id="store-door-uhf",
        host="127.0.0.1",
        port=reader.port,
        antennas=antennas,
        absent_after_s=absent_after_s,
    )


def appeared(seen: FakeSession) -> list[tuple[str, int]]:
    return [(tag.epc, tag.antenna_id) for tag in seen.of_kind(TagAppeared)]


def disappeared(seen: FakeSession) -> list[tuple[str, int]]:
    return [(tag.epc, tag.antenna_id) for tag in seen.of_kind(TagDisappeared)]


def test_a_tag_appears_once_and_disappears_once_with_what_was_seen_of_it() -> None:
    counts = Counts()
    with LlrpReader(round_s=0.02, counts=counts) as reader, RunningDriver(driver(reader), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.ups) == 1)
        reader.put(FIRST, antenna_id=2)
        seen.wait_for(lambda: appeared(seen) == [(FIRST.hex(), 2)])
        seen.wait_for(lambda: counts.as_dict().get("tag_reports", 0) >= 5)
        reader.put(SGTIN_198, antenna_id=1)
        seen.wait_for(lambda: appeared(seen)[1:] == [(SGTIN_198.hex(), 1)])
        reader.take(FIRST)
        seen.wait_for(lambda: disappeared(seen) == [(FIRST.hex(), 2)])
    gone = seen.of_kind(TagDisappeared)[0]
    came = seen.of_kind(TagAppeared)[0]
    assert gone.seen_count > 1
    assert came.occurred_at <= gone.last_seen_at
    assert timedelta(seconds=0.5) <= gone.occurred_at - gone.last_seen_at
    assert came.peak_rssi_dbm is not None
    assert -80 < came.peak_rssi_dbm < -30
    assert len(seen.observations) == 3
    assert seen.faults == []


def test_only_the_configured_antennas_are_read(reader: LlrpReader) -> None:
    reader.put(FIRST, antenna_id=1)
    reader.put(SECOND, antenna_id=3)
    with RunningDriver(driver(reader, antennas=(3,)), FakeSession()) as seen:
        seen.wait_for(lambda: appeared(seen) == [(SECOND.hex(), 3)])
    assert appeared(seen) == [(SECOND.hex(), 3)]


def test_the_cut_of_a_reader_says_nothing_about_its_tags(reader: LlrpReader) -> None:
    reader.put(FIRST)
    reader.put(SECOND)
    with RunningDriver(driver(reader), FakeSession(), retry_s=0.8) as seen:
        seen.wait_for(lambda: len(appeared(seen)) == 2)
        reader.drop()
        seen.wait_for(lambda: len(seen.losses) == 1)
        assert str(seen.losses[0]).startswith(f"LLRP reader 127.0.0.1:{reader.port}: connection lost")
        # One pack is carried away while nobody listens; the cut lasts longer than the absence time.
        reader.take(SECOND)
        seen.wait_for(lambda: len(seen.ups) == 2)
        assert disappeared(seen) == []
        seen.wait_for(lambda: disappeared(seen) == [(SECOND.hex(), 1)])
        reader.put(SECOND)
        seen.wait_for(lambda: len(appeared(seen)) == 3)
    assert sorted(appeared(seen)[:2]) == sorted([(FIRST.hex(), 1), (SECOND.hex(), 1)])
    assert appeared(seen)[2:] == [(SECOND.hex(), 1)], "the pack that stayed did not appear a second time"
    gone = seen.of_kind(TagDisappeared)[0]
    assert gone.occurred_at - gone.last_seen_at > timedelta(seconds=1.2), "it was last seen before the cut"


def test_a_reader_without_power_is_lost_and_read_again_when_it_is_back(reader: LlrpReader) -> None:
    reader.put(FIRST)
    with RunningDriver(driver(reader), FakeSession()) as seen:
        seen.wait_for(lambda: len(appeared(seen)) == 1)
        reader.unplug()
        seen.wait_for(lambda: len(seen.losses) >= 2)
        assert "cannot connect to 127.0.0.1" in str(seen.losses[-1])
        reader.plug()
        seen.wait_for(lambda: len(seen.ups) >= 2)
        reader.put(SECOND)
        seen.wait_for(lambda: (SECOND.hex(), 1) in appeared(seen))


@pytest.mark.usefixtures("impatience")
def test_a_reader_that_hangs_is_noticed_though_its_connection_stands(reader: LlrpReader) -> None:
    with RunningDriver(driver(reader), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.ups) == 1)
        reader.mute()
        seen.wait_for(lambda: len(seen.losses) >= 1)
        assert str(seen.losses[0]) == (
            f"LLRP reader 127.0.0.1:{reader.port}: no response to GET_READER_CONFIG within 1.0s; "
            "check power, network and the reader's page"
        )
        reader.mute(muted=False)
        reader.put(FIRST)
        seen.wait_for(lambda: len(appeared(seen)) == 1, 20)


def test_a_reader_that_talks_nonsense_is_lost_and_tried_again(reader: LlrpReader) -> None:
    with RunningDriver(driver(reader), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.ups) == 1)
        reader.send_garbage()
        seen.wait_for(lambda: len(seen.losses) == 1)
        reader.put(FIRST)
        seen.wait_for(lambda: len(appeared(seen)) == 1)


def test_a_reader_that_serves_someone_else_is_named_so(reader: LlrpReader) -> None:
    with RunningDriver(driver(reader), FakeSession()) as first:
        first.wait_for(lambda: len(first.ups) == 1)
        with RunningDriver(driver(reader), FakeSession()) as second:
            second.wait_for(lambda: len(second.losses) >= 1)
        assert "reader refused the connection" in str(second.losses[0])
        assert "Already_Exists" in str(second.losses[0])
        assert first.losses == []


def test_an_antenna_that_the_reader_does_not_have_is_a_matter_of_configuration(reader: LlrpReader) -> None:
    with pytest.raises(DeviceMisconfiguredError) as refused:
        driver(reader, antennas=(1, 5)).run(FakeSession())
    assert str(refused.value) == (
        f"LLRP reader 127.0.0.1:{reader.port} has 4 antennas: antennas = [1, 5], expected 1 to 4"
    )


def report(reader: LlrpReader, bits: BitStr, antenna_id: int | None = 1) -> None:
    """Let the reader report a tag that no field can hold."""
    data = params.TagReportData(
        epc_parameter=params.EPCData(epc=bits),
        antenna_id=None if antenna_id is None else params.AntennaID(antenna_id=antenna_id),
    )
    message = messages.RO_ACCESS_REPORT(tag_report_datas=[data])
    reader._loop.call(reader._report(message))  # noqa: SLF001 - real labels never give such bytes


@pytest.mark.parametrize(
    ("bits", "count"),
    [
        pytest.param(BitStr(), 0, id="empty"),
        pytest.param(BitStr(13, b"\x30\x00"), 13, id="half a word"),
        pytest.param(BitStr.from_bytes(b"\x30" * 64), 512, id="longer than EPC memory"),
    ],
)
def test_a_garbage_epc_is_reported_and_no_tag(reader: LlrpReader, bits: BitStr, count: int) -> None:
    with RunningDriver(driver(reader), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.ups) == 1)
        reader.put(FIRST)
        seen.wait_for(lambda: len(appeared(seen)) == 1)
        report(reader, bits)
        seen.wait_for(lambda: len(seen.faults) == 1)
        reader.put(SECOND)
        seen.wait_for(lambda: len(appeared(seen)) == 2)
    assert seen.faults[0].code == "epc_unreadable"
    assert seen.faults[0].raw == bits.data
    assert seen.faults[0].detail == (
        f"EPC of {count} bits on antenna 1: expected 1 to 31 words of 16 bits; replace the label"
    )
    assert seen.losses == []


def test_a_report_without_antenna_is_of_the_only_antenna_or_refused(reader: LlrpReader) -> None:
    with RunningDriver(driver(reader, antennas=(2,)), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.ups) == 1 and bool(reader.has_client))
        report(reader, BitStr.from_bytes(FIRST), None)
        seen.wait_for(lambda: appeared(seen) == [(FIRST.hex(), 2)])
    with RunningDriver(driver(reader, antennas=(1, 2)), FakeSession()) as several:
        several.wait_for(lambda: len(several.ups) == 1)
        report(reader, BitStr.from_bytes(FIRST), None)
        several.wait_for(lambda: several.fault_codes() == ["bad_reply"])
    assert appeared(several) == []


class SlowDisk(FakeSession):
    """The first observation takes a long time to be kept."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.waiting = threading.Event()

    def emit(self, observation: Event | Telemetry) -> None:
        self.waiting.set()
        self.go_on.wait(60)
        super().emit(observation)


def test_reports_that_came_too_fast_are_declared_lost(reader: LlrpReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LLRPClient.__init__.__kwdefaults__ or {}, "max_queued_reports", 4)
    session = SlowDisk()
    with RunningDriver(driver(reader), session) as seen:
        reader.put(FIRST)
        seen.wait_for(session.waiting.is_set)
        for _ in range(50):
            report(reader, BitStr.from_bytes(SECOND))
        session.go_on.set()
        seen.wait_for(lambda: "reports_lost" in seen.fault_codes())
        assert seen.losses == []
    fault = next(fault for fault in seen.faults if fault.code == "reports_lost")
    assert fault.detail.endswith(" tag reports came faster than they could be taken in")


def test_a_tag_that_lay_still_while_the_disk_was_slow_did_not_leave() -> None:
    session, counts = SlowDisk(), Counts()
    with LlrpReader(round_s=0.02, counts=counts) as reader, RunningDriver(driver(reader), session) as seen:
        reader.put(FIRST)
        seen.wait_for(session.waiting.is_set)
        threading.Event().wait(1.5)  # three times as long as a tag may be silent
        session.go_on.set()
        reports = counts.as_dict()["tag_reports"]
        seen.wait_for(lambda: counts.as_dict()["tag_reports"] > reports + 10)
        reader.take(FIRST)
        seen.wait_for(lambda: disappeared(seen) != [])
    assert [type(each) for each in seen.observations] == [TagAppeared, TagDisappeared]


def test_abort_ends_a_run_from_another_thread(reader: LlrpReader) -> None:
    hung = driver(reader)
    session = FakeSession()
    ended = threading.Event()

    def run() -> None:
        with pytest.raises(DeviceLostError, match="given up by abort"):
            hung.run(session)
        ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    session.wait_for(lambda: len(session.ups) == 1)
    hung.abort()
    session.wait_for(ended.is_set)
    thread.join()
    hung.abort()
