"""An outbox without room: acknowledged rows go first, then the oldest readings, declared; an event never."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.contracts.observations import OBSERVATION, GapDeclared, seq_span
from edge.contracts.streams import Stream
from edge.outbox import Outbox, OutboxError
from edge.outbox_rows import NO_ROOM
from edge.outbox_space import RESERVE_BYTES
from tests.edge.delivery_kit import SetClock, meaning, reading, scan

EVENTS, TELEMETRY = Stream.EVENTS, Stream.TELEMETRY
MEMORY = Path("/dev/shm")  # noqa: S108 - thousands of small databases


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def outbox(tmp_path: Path, clock: SetClock) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.sqlite3", clock, node_name="pharmacy-1", telemetry_group_rows=10, size_max_mb=0.15)
    yield box
    box.close()


def rows(box: Outbox, stream: Stream, after: int = 0) -> dict[int, str]:
    """Every row after a number, as words, by the first number it stands for; what follows must be the next number."""
    found: dict[int, str] = {}
    while (frame := box.read_frame(stream, after)) is not None:
        seq = frame.first_seq
        assert seq == after + 1
        for body in frame.bodies:
            row = OBSERVATION.validate_json(body)
            found[seq] = meaning(row)
            seq += seq_span(row)
        assert seq == frame.last_seq + 1
        after = frame.last_seq
    assert after >= box.last_seq(stream)
    return found


def fill(box: Outbox, clock: SetClock, first: int, last: int) -> None:
    for number in range(first, last + 1):
        box.append_telemetry(reading(number % 10_000, clock))
    box.flush()


def used(box: Outbox) -> int:
    return box._tables.sizes().used_bytes  # noqa: SLF001 - the cap is about the file


def test_the_oldest_readings_make_room_and_stand_as_one_gap_at_their_place(outbox: Outbox, clock: SetClock) -> None:
    fill(outbox, clock, 1, 2000)
    found = rows(outbox, TELEMETRY)
    first, gap = next(iter(found.items()))
    dropped = int(gap.removeprefix("gap "))
    assert first == 1
    assert 1000 < dropped < 2000
    assert list(found.items())[1:] == [(seq, f"reading {seq}") for seq in range(dropped + 1, 2001)]
    assert used(outbox) <= 150_000
    # It grew without being told of again.
    assert list(rows(outbox, EVENTS).values()) == ["fault reports_lost"]


def test_a_gap_says_when_its_readings_were_taken(outbox: Outbox, clock: SetClock) -> None:
    began = clock.stamp().occurred_at
    for number in range(1, 1501):
        clock.move(1.0)
        outbox.append_telemetry(reading(number, clock))
    outbox.flush()
    found = outbox.read_frame(TELEMETRY, 0)
    assert found is not None
    gap = GapDeclared.model_validate_json(found.bodies[0])
    assert gap.reason == NO_ROOM
    assert (gap.oldest_occurred_at - began).total_seconds() == 1.0
    assert (gap.newest_occurred_at - began).total_seconds() == gap.row_count


def test_no_event_is_dropped_even_beyond_the_cap(outbox: Outbox, clock: SetClock) -> None:
    fill(outbox, clock, 1, 200)
    for number in range(1, 1001):
        outbox.append_event(scan(number, clock))
    fill(outbox, clock, 201, 400)
    assert [word for word in rows(outbox, EVENTS).values() if word.startswith("scan")] == [
        f"scan {number}" for number in range(1, 1001)
    ]
    assert used(outbox) > 150_000
    # And the readings of that time are all accounted for.
    assert sum(int(word[4:]) for word in rows(outbox, TELEMETRY).values() if word.startswith("gap")) > 300
    assert outbox.last_seq(TELEMETRY) == 400


def test_acknowledged_rows_go_before_anything_is_lost(outbox: Outbox, clock: SetClock) -> None:
    for start in range(1, 3000, 100):
        fill(outbox, clock, start, start + 99)
        outbox.offer(TELEMETRY)
        outbox.acknowledge(TELEMETRY, outbox.epoch(TELEMETRY), outbox.last_seq(TELEMETRY))
    assert outbox.stream_state(TELEMETRY).oldest_kept_seq > 2000
    assert outbox.last_seq(EVENTS) == 0
    assert used(outbox) <= 150_000


def test_a_mark_inside_a_gap_is_followed_by_the_rest_of_the_gap(outbox: Outbox, clock: SetClock) -> None:
    fill(outbox, clock, 1, 300)
    outbox.offer(TELEMETRY)
    # In flight: the gateway takes 1 to 100, and its answer comes after the readings were dropped.
    fill(outbox, clock, 301, 2000)
    whole = int(rows(outbox, TELEMETRY)[1].removeprefix("gap "))
    assert whole > 300
    outbox.acknowledge(TELEMETRY, outbox.epoch(TELEMETRY), 100)
    assert list(rows(outbox, TELEMETRY, after=100).items())[:2] == [
        (101, f"gap {whole - 100}"),
        (whole + 1, f"reading {whole + 1}"),
    ]
    # A restored database may still ask from the beginning; and no damage was ever claimed.
    assert list(rows(outbox, TELEMETRY))[:3] == [1, 101, whole + 1]
    assert list(rows(outbox, EVENTS).values()) == ["fault reports_lost"]


def test_a_new_epoch_takes_the_part_of_a_gap_that_was_never_offered(outbox: Outbox, clock: SetClock) -> None:
    fill(outbox, clock, 1, 100)
    outbox.offer(TELEMETRY)
    outbox.withhold()
    fill(outbox, clock, 101, 2000)
    whole = int(rows(outbox, TELEMETRY)[1].removeprefix("gap "))
    outbox.begin_epoch(TELEMETRY, "a test says so")
    found = rows(outbox, TELEMETRY)
    assert found[1] == f"gap {whole - 100}"
    assert outbox.last_seq(TELEMETRY) == 1900


def test_a_reopened_outbox_goes_on_with_the_same_gap(tmp_path: Path, clock: SetClock) -> None:
    for run in range(3):
        box = Outbox(tmp_path / "outbox.sqlite3", clock, node_name="pharmacy-1", size_max_mb=0.15)
        fill(box, clock, run * 1000 + 1, run * 1000 + 1000)
        found = rows(box, TELEMETRY)
        assert [word for word in found.values() if word.startswith("gap")] == [found[1]]
        box.close()
    assert int(found[1].removeprefix("gap ")) > 2000


class RoomMachine(RuleBasedStateMachine):
    """Any order of work on a small outbox, beside a model that knows every row that was ever committed."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="medtap-room-", dir=MEMORY if MEMORY.is_dir() else None))
        self.clock = SetClock()
        self.events: list[str] = []
        self.readings = 0
        self.box = self.open()

    def open(self) -> Outbox:
        return Outbox(
            self.directory / "outbox.sqlite3",
            self.clock,
            node_name="pharmacy-1",
            telemetry_group_rows=7,
            size_max_mb=0.1,
        )

    @rule(count=st.integers(1, 300))
    def readings_come(self, count: int) -> None:
        for _ in range(count):
            self.readings += 1
            self.clock.move(1.0)
            self.box.append_telemetry(reading(self.readings % 10_000, self.clock))

    @rule(count=st.integers(1, 20))
    def scans_come(self, count: int) -> None:
        for _ in range(count):
            self.events.append(f"scan {len(self.events) + 1}")
            self.box.append_event(scan(len(self.events), self.clock))

    @rule(part=st.floats(0.0, 1.0), stream=st.sampled_from(list(Stream)))
    def the_gateway_acknowledges(self, part: float, stream: Stream) -> None:
        self.box.offer(stream)
        marks = self.box.marks(stream)
        mark = marks.acknowledged_seq + int(part * (marks.last_seq - marks.acknowledged_seq))
        self.box.acknowledge(stream, marks.epoch, mark)

    @rule()
    def the_agent_restarts(self) -> None:
        self.box.close()
        self.box = self.open()

    @rule()
    def house_is_kept(self) -> None:
        self.box.housekeep()

    @invariant()
    def every_row_that_waits_is_there_or_declared(self) -> None:
        self.box.flush()
        for stream in Stream:
            acknowledged = self.box.marks(stream).acknowledged_seq
            found = rows(self.box, stream, after=acknowledged)
            if stream is EVENTS:
                scans = [word for word in found.values() if word.startswith("scan")]
                assert scans == self.events[len(self.events) - len(scans) :]
                assert all(word.startswith(("scan", "fault")) for word in found.values())
                continue
            assert self.box.last_seq(stream) == self.readings
            for seq, word in found.items():
                assert word.startswith("gap") or word == f"reading {seq % 10_000}"

    @invariant()
    def the_file_keeps_its_cap(self) -> None:
        events = sum(len(word) + 400 for word in self.events)
        assert used(self.box) <= 100_000 + 2 * events + 8192

    def teardown(self) -> None:
        self.box.close()
        shutil.rmtree(self.directory)


RoomMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestAnyOrderOfWorkWithoutRoom = RoomMachine.TestCase


# --- a real full disk ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes of a file system of their own."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "medtap-test", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill_up(file: Path) -> None:
    """Take all the space that is left."""
    with file.open("wb", buffering=0) as log, contextlib.suppress(OSError):
        while log.write(bytes(4096)) == 4096:
            pass


def test_a_disk_that_is_really_full_costs_only_declared_readings(small_disk: Path, clock: SetClock) -> None:
    box = Outbox(small_disk / "outbox.sqlite3", clock, node_name="pharmacy-1", reserved=True)
    try:
        for number in range(1, 201):
            fill(box, clock, number * 100 - 99, number * 100)
            box.append_event(scan(number, clock))
            if number % 20 == 0:
                box.housekeep()
        scans = [word for word in rows(box, EVENTS).values() if word.startswith("scan")]
        assert scans == [f"scan {number}" for number in range(1, 201)]
        found = rows(box, TELEMETRY)
        assert box.last_seq(TELEMETRY) == 20_000
        dropped = int(found[1].removeprefix("gap "))
        assert list(found) == [1, *range(dropped + 1, 20_001)]
        # What is kept uses the disk, of which the write-ahead log needs its part.
        assert used(box) > 400_000
    finally:
        box.close()


def test_a_disk_that_others_filled_is_lived_with_by_the_reserve(small_disk: Path, clock: SetClock) -> None:
    path = small_disk / "outbox.sqlite3"
    box = Outbox(path, clock, node_name="pharmacy-1", reserved=True)
    reserve = small_disk / "outbox.sqlite3.reserve"
    assert 0 < reserve.stat().st_size <= RESERVE_BYTES
    fill(box, clock, 1, 2000)
    log = small_disk / "someone.log"
    fill_up(log)
    for number in range(1, 301):
        box.append_event(scan(number, clock))
        fill(box, clock, number * 10 + 1991, number * 10 + 2000)
    assert list(rows(box, EVENTS).values()).count("scan 300") == 1
    assert box.last_seq(TELEMETRY) == 5000
    log.unlink()
    box.housekeep()
    rows(box, TELEMETRY)
    box.close()


def test_an_outbox_that_can_not_be_made_on_a_full_disk_says_so(small_disk: Path, clock: SetClock) -> None:
    fill_up(small_disk / "full")
    with pytest.raises(OutboxError, match=r"the disk is full: free some space"):
        Outbox(small_disk / "outbox.sqlite3", clock, node_name="pharmacy-1", reserved=True)


def test_a_read_only_disk_is_refused_by_name_and_nothing_is_set_aside(small_disk: Path, clock: SetClock) -> None:
    path = small_disk / "outbox.sqlite3"
    box = Outbox(path, clock, node_name="pharmacy-1")
    box.append_event(scan(1, clock))
    box.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for _ in range(2):
        with pytest.raises(OutboxError, match=r"read-only: give the agent's user the right to write"):
            Outbox(path, clock, node_name="pharmacy-1", reserved=True)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    again = Outbox(path, clock, node_name="pharmacy-1")
    assert list(rows(again, EVENTS).values()) == ["scan 1"]
    again.close()
