"""Barcode scanners on a serial line: whole codes, half codes, endless codes, and pulled plugs."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import Stamp
from edge.contracts.observations import CodeScanned
from edge.drivers.line_assembler import LINE_BYTES_MAX, Line, LineAssembler, Refused
from edge.drivers.serial_scanner import SerialScannerDriver
from firmware_sim.serial_scanner import SerialScanner
from tests.edge.fake_session import FakeSession, RunningDriver

PACK = "]d20108937025101230" + "17270531" + "10LOT4711" + "\x1d" + "21SN0001"
SECOND_NS = 1_000_000_000


def driver(path: Path, terminator: str = "\r", idle_timeout_s: float = 30.0) -> SerialScannerDriver:
    """By default no pause of a busy machine in the middle of a code is long enough to break the code in two."""
    return SerialScannerDriver(
        device_id="receiving-scanner",
        path=path,
        baud_rate=9600,
        terminator=terminator,
        idle_timeout_s=idle_timeout_s,
    )


def texts(seen: FakeSession) -> list[str]:
    return [code.text for code in seen.of_kind(CodeScanned)]


def test_a_scanned_pack_arrives_with_its_aim_prefix_and_group_separator(tmp_path: Path) -> None:
    with SerialScanner(tmp_path / "scanner") as scanner, RunningDriver(driver(scanner.path), FakeSession()) as seen:
        seen.wait_for(lambda: len(seen.ups) == 1 and scanner.listening)
        scanner.scan(PACK)
        scanner.scan(PACK)
        seen.wait_for(lambda: len(texts(seen)) == 2)
    assert texts(seen) == [PACK, PACK]
    assert {code.device_id for code in seen.of_kind(CodeScanned)} == {"receiving-scanner"}
    assert {code.encoding for code in seen.of_kind(CodeScanned)} == {"utf-8"}
    assert seen.faults == []


def test_vietnamese_text_arrives_whole_and_other_bytes_lose_nothing(tmp_path: Path) -> None:
    with SerialScanner(tmp_path / "scanner") as scanner, RunningDriver(driver(scanner.path), FakeSession()) as seen:
        seen.wait_for(lambda: scanner.listening and len(seen.ups) == 1)
        scanner.scan("Nguyễn Thị Bưởi|Bệnh viện Nhi Đồng")
        scanner.scan_bytes(b"caf\xe9\xff")
        seen.wait_for(lambda: len(texts(seen)) == 2)
    first, second = seen.of_kind(CodeScanned)
    assert (first.text, first.encoding) == ("Nguyễn Thị Bưởi|Bệnh viện Nhi Đồng", "utf-8")
    assert (second.text, second.encoding) == ("caf\xe9\xff", "iso-8859-1")
    assert second.text.encode("iso-8859-1") == b"caf\xe9\xff"


def test_half_a_scan_is_reported_with_its_bytes_and_does_not_soil_the_next(tmp_path: Path) -> None:
    with (
        SerialScanner(tmp_path / "scanner", sleep=lambda _: None) as scanner,
        RunningDriver(driver(scanner.path, idle_timeout_s=1.0), FakeSession()) as seen,
    ):
        seen.wait_for(lambda: scanner.listening and len(seen.ups) == 1)
        scanner.half_scan(PACK)
        seen.wait_for(lambda: seen.fault_codes() == ["incomplete_scan"])
        scanner.scan(PACK)
        seen.wait_for(lambda: texts(seen) == [PACK])
    half = PACK[: len(PACK) // 2]
    assert seen.faults[0].raw == half.encode()
    assert seen.faults[0].detail == (
        f"{len(half)} bytes without a line ending, then silence: scan again; if it stays so, check terminator and "
        "baud_rate against the scanner's settings"
    )


def test_a_driver_that_was_held_up_in_the_middle_of_a_code_takes_the_rest_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_is_in, feed = threading.Event(), LineAssembler.feed

    def fed(self: LineAssembler, data: bytes, now_ns: int) -> list[Line | Refused]:
        done = feed(self, data, now_ns)
        half_is_in.set()
        return done

    class HeldUpSession(FakeSession):
        held_up_ns = 0

        def stamp(self) -> Stamp:
            if half_is_in.is_set() and not self.held_up_ns:
                # The machine had no time for us, and meanwhile the rest came.
                self.held_up_ns = 60 * SECOND_NS
                scanner.scan(PACK[len(PACK) // 2 :])
            now = super().stamp()
            return Stamp(now.occurred_at, now.monotonic_ns + self.held_up_ns)

    monkeypatch.setattr(LineAssembler, "feed", fed)
    with (
        SerialScanner(tmp_path / "scanner", sleep=lambda _: None) as scanner,
        RunningDriver(driver(scanner.path), HeldUpSession()) as seen,
    ):
        seen.wait_for(lambda: scanner.listening and len(seen.ups) == 1)
        scanner.half_scan(PACK)
        seen.wait_for(lambda: texts(seen) != [] or seen.faults != [])
    assert (texts(seen), seen.faults) == ([PACK], [])


def test_an_endless_code_is_reported_once_and_the_next_one_read(tmp_path: Path) -> None:
    with (
        SerialScanner(tmp_path / "scanner", baud_rate=4_000_000) as scanner,
        RunningDriver(driver(scanner.path), FakeSession()) as seen,
    ):
        seen.wait_for(lambda: scanner.listening and len(seen.ups) == 1)
        scanner.scan("x" * 5000)
        scanner.scan(PACK)
        seen.wait_for(lambda: texts(seen) == [PACK])
    assert seen.fault_codes() == ["oversized_scan"]


def test_an_unplugged_scanner_is_lost_and_read_again_when_it_is_plugged_in(tmp_path: Path) -> None:
    with SerialScanner(tmp_path / "scanner") as scanner, RunningDriver(driver(scanner.path), FakeSession()) as seen:
        seen.wait_for(lambda: scanner.listening and len(seen.ups) == 1)
        scanner.half_scan(PACK)
        scanner.unplug()
        seen.wait_for(lambda: len(seen.losses) >= 2)
        assert str(seen.losses[0]).startswith(f"{scanner.path} broke (")
        assert str(seen.losses[0]).endswith("): plug the scanner in")
        assert str(seen.losses[1]).startswith(f"{scanner.path} cannot be opened (")
        assert str(seen.losses[1]).endswith("): plug the scanner in")
        scanner.plug()
        seen.wait_for(lambda: scanner.listening and len(seen.ups) == 2)
        scanner.scan(PACK)
        seen.wait_for(lambda: texts(seen) == [PACK])
    assert set(seen.fault_codes()) <= {"incomplete_scan"}


def test_a_line_that_another_driver_has_open_is_not_shared(tmp_path: Path) -> None:
    with (
        SerialScanner(tmp_path / "scanner") as scanner,
        RunningDriver(driver(scanner.path), FakeSession()) as first,
    ):
        first.wait_for(lambda: len(first.ups) == 1)
        with RunningDriver(driver(scanner.path), FakeSession()) as second:
            second.wait_for(lambda: len(second.losses) >= 1)
        assert second.ups == []
        assert first.losses == []


def test_abort_ends_a_run_that_would_go_on(tmp_path: Path) -> None:
    with SerialScanner(tmp_path / "scanner") as scanner:
        hung = driver(scanner.path)
        with RunningDriver(hung, FakeSession(), retry_s=0.01) as seen:
            seen.wait_for(lambda: len(seen.ups) == 1)
            hung.abort()
            seen.wait_for(lambda: len(seen.losses) == 1)
            seen.wait_for(lambda: len(seen.ups) == 2)


def feed_all(chunks: list[bytes], terminator: bytes = b"\r") -> list[Line | Refused]:
    assembler = LineAssembler(terminator, SECOND_NS)
    return [done for number, chunk in enumerate(chunks) for done in assembler.feed(chunk, number)]


def test_a_longer_line_ending_than_configured_leaves_nothing_behind() -> None:
    assembler = LineAssembler(b"\r", SECOND_NS)
    assert assembler.feed(b"A\r\nB\r\n", 0) == [Line(b"A"), Line(b"B")]
    assert assembler.idle(2 * SECOND_NS) is None


def test_an_empty_line_is_no_code() -> None:
    assert feed_all([b"\r\r\n\r"]) == []


def test_half_a_line_is_given_up_only_after_the_silence() -> None:
    assembler = LineAssembler(b"\r", SECOND_NS)
    assert assembler.feed(b"half", 5) == []
    assert assembler.idle(SECOND_NS + 4) is None
    assert assembler.idle(SECOND_NS + 5) == Refused("incomplete_scan", b"half")
    assert assembler.idle(9 * SECOND_NS) is None


def test_the_longest_code_is_read_and_one_byte_more_is_refused() -> None:
    longest = b"x" * LINE_BYTES_MAX
    assert feed_all([longest + b"\r"]) == [Line(longest)]
    assert feed_all([longest + b"y\r"]) == [Refused("oversized_scan", longest + b"y")]


def test_an_endless_code_that_falls_silent_is_reported_once() -> None:
    assembler = LineAssembler(b"\r\n", SECOND_NS)
    assert [done.data[:1] for done in assembler.feed(b"x" * 9000, 0)] == [b"x"]
    assert assembler.feed(b"x" * 9000, 0) == []
    assert assembler.idle(2 * SECOND_NS) is None
    assert assembler.feed(b"A\r\n", 3 * SECOND_NS) == [Line(b"A")]


CODE = st.binary(min_size=1, max_size=40).filter(
    lambda data: b"\r" not in data and not data.startswith(b"\n") and not data.endswith(b"\n")
)


@given(st.lists(CODE, max_size=8), st.sampled_from([b"\r", b"\r\n"]), st.data())
def test_codes_arrive_whole_however_their_bytes_are_cut(codes: list[bytes], ending: bytes, data: st.DataObject) -> None:
    stream = b"".join(code + ending for code in codes)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=10)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert feed_all(chunks, ending) == [Line(code) for code in codes]


@given(st.lists(st.binary(max_size=6000), max_size=6))
def test_arbitrary_bytes_never_give_a_code_beyond_the_limit(chunks: list[bytes]) -> None:
    for done in feed_all(chunks):
        assert done.data
        assert isinstance(done, Refused) or len(done.data) <= LINE_BYTES_MAX


@pytest.mark.parametrize("terminator", ["\n", "\r\n", "\x03"])
def test_the_configured_line_ending_is_the_one_that_counts(tmp_path: Path, terminator: str) -> None:
    with (
        SerialScanner(tmp_path / "scanner", terminator=terminator) as scanner,
        RunningDriver(driver(scanner.path, terminator), FakeSession()) as seen,
    ):
        seen.wait_for(lambda: scanner.listening and len(seen.ups) == 1)
        scanner.scan(PACK)
        seen.wait_for(lambda: texts(seen) == [PACK])
