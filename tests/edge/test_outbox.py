"""The outbox keeps what it said it keeps, numbered without a hole, and says what it can't."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.contracts.frame import FrameHeader, decode_frame, encode_frame
from edge.contracts.observations import OBSERVATION, DeviceFaulted, GapDeclared, NdefRecordRead, NfcTagRead
from edge.contracts.streams import Stream
from edge.outbox import Outbox, OutboxError, RowTooLargeError
from edge.outbox_file import APPLICATION_ID, damaged_siblings
from edge.outbox_numbers import numbers_file
from tests.edge.delivery_kit import SetClock, meaning, reading, scan

EVENTS, TELEMETRY = Stream.EVENTS, Stream.TELEMETRY


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


@pytest.fixture
def outbox(path: Path, clock: SetClock) -> Iterator[Outbox]:
    box = Outbox(path, clock, node_name="pharmacy-1", telemetry_group_rows=5)
    yield box
    box.close()


def rows(box: Outbox, stream: Stream, after: int = 0) -> list[str]:
    """Every row after a number, as words."""
    found: list[str] = []
    while (frame := box.read_frame(stream, after)) is not None:
        found += [meaning(OBSERVATION.validate_json(body)) for body in frame.bodies]
        after = frame.last_seq
    return found


def wreck(path: Path, *, at: int = 0, size: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def test_events_are_numbered_from_one_without_a_hole(outbox: Outbox, clock: SetClock) -> None:
    assert [outbox.append_event(scan(number, clock)) for number in range(1, 6)] == [1, 2, 3, 4, 5]
    assert rows(outbox, EVENTS) == ["scan 1", "scan 2", "scan 3", "scan 4", "scan 5"]
    assert outbox.last_seq(EVENTS) == outbox.marks(EVENTS).row_count == 5
    assert outbox.last_seq(TELEMETRY) == 0


def test_each_event_is_on_the_disk_when_append_returns(path: Path, clock: SetClock) -> None:
    outbox = Outbox(path, clock, node_name="pharmacy-1")
    outbox.append_event(scan(1, clock))
    copied = path.with_name("copy.sqlite3")
    copied.write_bytes(path.read_bytes())
    copied.with_name("copy.sqlite3-wal").write_bytes(path.with_name(path.name + "-wal").read_bytes())
    copy = Outbox(copied, clock, node_name="pharmacy-1")
    assert rows(copy, EVENTS) == ["scan 1"]
    assert copy.epoch(EVENTS) == outbox.epoch(EVENTS)
    copy.close()
    outbox.close()


def test_the_file_is_durable_at_full_and_has_one_connection_only(path: Path, outbox: Outbox, clock: SetClock) -> None:
    connection = outbox._tables._connection  # noqa: SLF001 - durability is a setting of the connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with pytest.raises(OutboxError, match=r"another agent has it open: stop that one, or give this one a state_dir"):
        Outbox(path, clock, node_name="pharmacy-1")


def test_readings_are_committed_when_their_group_is_full(outbox: Outbox, clock: SetClock) -> None:
    for number in range(1, 5):
        outbox.append_telemetry(reading(number, clock))
    assert rows(outbox, TELEMETRY) == []
    outbox.append_telemetry(reading(5, clock))
    assert rows(outbox, TELEMETRY) == [f"reading {number}" for number in range(1, 6)]


def test_readings_are_committed_when_their_group_is_old(outbox: Outbox, clock: SetClock) -> None:
    outbox.append_telemetry(reading(1, clock))
    clock.move(0.9)
    outbox.flush_due()
    assert rows(outbox, TELEMETRY) == []
    clock.move(0.1)
    outbox.flush_due()
    assert rows(outbox, TELEMETRY) == ["reading 1"]


def test_closing_commits_the_open_group(path: Path, outbox: Outbox, clock: SetClock) -> None:
    outbox.append_telemetry(reading(1, clock))
    outbox.close()
    again = Outbox(path, clock, node_name="pharmacy-1")
    assert rows(again, TELEMETRY) == ["reading 1"]
    again.close()


def test_a_closed_outbox_says_so(outbox: Outbox, clock: SetClock) -> None:
    outbox.close()
    with pytest.raises(OutboxError, match=r"is closed"):
        outbox.append_event(scan(1, clock))


def test_who_listens_hears_of_every_commit(outbox: Outbox, clock: SetClock) -> None:
    heard: list[tuple[Stream, int]] = []
    outbox.listen(lambda stream: heard.append((stream, outbox.last_seq(stream))))
    outbox.append_event(scan(1, clock))
    for number in range(5):
        outbox.append_telemetry(reading(number, clock))
    assert heard == [(EVENTS, 1), (TELEMETRY, 5)]


def test_a_reopened_file_goes_on_with_its_epoch_and_numbers(path: Path, clock: SetClock) -> None:
    first = Outbox(path, clock, node_name="pharmacy-1")
    first.append_event(scan(1, clock))
    first.offer(EVENTS)
    first.acknowledge(EVENTS, first.epoch(EVENTS), 1, "0" * 31 + "1")
    first.close()
    second = Outbox(path, SetClock("00000000000000b2"), node_name="pharmacy-1")
    assert second.marks(EVENTS) == replace(first.marks(EVENTS), in_contact=0)
    assert second.append_event(scan(2, clock)) == 2
    second.close()


def test_a_new_file_has_new_epochs_and_streams_differ(tmp_path: Path, clock: SetClock) -> None:
    boxes = [Outbox(tmp_path / f"{number}.sqlite3", clock, node_name="pharmacy-1") for number in range(3)]
    epochs = [box.epoch(stream) for box in boxes for stream in Stream]
    assert len(set(epochs)) == 6
    for box in boxes:
        box.close()


def test_a_frame_is_cut_at_64_kb_and_nothing_is_left_out(outbox: Outbox, clock: SetClock) -> None:
    big = scan(1, clock).model_copy(update={"text": "x" * 4000})
    for _ in range(40):
        outbox.append_event(big)
    after, sizes = 0, []
    while (found := outbox.read_frame(EVENTS, after)) is not None:
        assert found.first_seq == after + 1
        header = FrameHeader(
            site="s" * 63,
            edge_node="e" * 63,
            stream=EVENTS,
            epoch=found.epoch,
            boot_id=found.boot_id,
            first_seq=found.first_seq,
            sent_at=clock.stamp().occurred_at,
        )
        sizes.append(len(encode_frame(header, found.bodies)))
        after = found.last_seq
    assert after == 40
    assert len(sizes) == 3
    assert min(sizes[:-1]) > 60_000


def test_a_frame_never_spans_two_boots(path: Path) -> None:
    for boot in ("00000000000000b1", "00000000000000b2"):
        clock = SetClock(boot)
        box = Outbox(path, clock, node_name="pharmacy-1")
        box.append_event(scan(1, clock))
        box.append_event(scan(2, clock))
        if boot == "00000000000000b2":
            first, second = box.read_frame(EVENTS, 0), box.read_frame(EVENTS, 2)
            assert first is not None
            assert second is not None
            assert (first.boot_id, first.last_seq) == ("00000000000000b1", 2)
            assert (second.boot_id, second.first_seq, second.last_seq) == ("00000000000000b2", 3, 4)
        box.close()


def test_a_row_that_fits_no_frame_is_refused_before_it_blocks_the_stream(outbox: Outbox, clock: SetClock) -> None:
    stamp = clock.stamp()
    tag = NfcTagRead(
        device_id="nfc",
        occurred_at=stamp.occurred_at,
        monotonic_ns=1,
        uid="04",
        tag_type="type2",
        records=tuple(NdefRecordRead(type="urn:nfc:wkt:T", text="x" * 8000) for _ in range(10)),
    )
    with pytest.raises(RowTooLargeError, match=r"nfc_tag_read of 'nfc': \d+ bytes, expected at most 64512"):
        outbox.append_event(tag)
    assert outbox.append_event(scan(1, clock)) == 1


def test_telemetry_is_not_an_event(outbox: Outbox, clock: SetClock) -> None:
    with pytest.raises(ValueError, match="temperature_measured is not an event: expected append_telemetry"):
        outbox.append_event(reading(1, clock))  # type: ignore[arg-type]


def test_acknowledged_rows_are_kept_for_days_and_then_deleted_from_the_oldest_on(
    outbox: Outbox, clock: SetClock
) -> None:
    for number in range(1, 4):
        outbox.append_event(scan(number, clock))
        clock.move(86_400)
    outbox.offer(EVENTS)
    outbox.acknowledge(EVENTS, outbox.epoch(EVENTS), 2)
    outbox.housekeep()
    clock.move(14 * 86_400 - 1)
    outbox.housekeep()
    assert outbox.stream_state(EVENTS).oldest_kept_seq == 1
    clock.move(2)
    outbox.housekeep()
    assert outbox.stream_state(EVENTS).oldest_kept_seq == 3
    clock.move(100 * 86_400)
    outbox.housekeep()
    # The third was never acknowledged: kept however old.
    assert rows(outbox, EVENTS, after=2) == ["scan 3"]
    assert outbox.stream_state(EVENTS).oldest_kept_seq == 3


def test_a_mark_of_another_epoch_or_beyond_what_was_offered_is_ignored(outbox: Outbox, clock: SetClock) -> None:
    outbox.append_event(scan(1, clock))
    outbox.acknowledge(EVENTS, "f" * 16, 1)
    outbox.acknowledge(EVENTS, outbox.epoch(EVENTS), 1)
    assert outbox.marks(EVENTS).acknowledged_seq == 0
    outbox.offer(EVENTS)
    outbox.acknowledge(EVENTS, outbox.epoch(EVENTS), 1)
    assert outbox.marks(EVENTS).acknowledged_seq == 1


def test_what_may_be_sent_is_noted_on_the_disk_before_it_is_sent(path: Path, clock: SetClock) -> None:
    outbox = Outbox(path, clock, node_name="pharmacy-1")
    outbox.append_event(scan(1, clock))
    assert outbox.marks(EVENTS).offered_seq == 0
    outbox.offer(EVENTS)
    assert outbox.marks(EVENTS).offered_seq == 1
    outbox.append_event(scan(2, clock))
    assert outbox.marks(EVENTS).offered_seq == 2
    outbox.withhold()
    outbox.append_event(scan(3, clock))
    outbox._tables.close()  # noqa: SLF001 - as a crash leaves it: nothing written on the way out
    again = Outbox(path, clock, node_name="pharmacy-1")
    # The last run was in contact: this may be a copy, and the original may have sent all that stands here.
    assert (again.marks(EVENTS).offered_seq, again.last_seq(EVENTS)) == (3, 3)
    again.append_event(scan(4, clock))
    again.close()
    third = Outbox(path, clock, node_name="pharmacy-1")
    assert (third.marks(EVENTS).offered_seq, third.last_seq(EVENTS)) == (3, 4)
    third.close()


def test_rows_that_are_asked_for_again_but_no_longer_kept_are_declared_a_gap(outbox: Outbox, clock: SetClock) -> None:
    for number in range(1, 6):
        outbox.append_event(scan(number, clock))
    outbox.offer(EVENTS)
    outbox.acknowledge(EVENTS, outbox.epoch(EVENTS), 3)
    outbox.housekeep()
    clock.move(15 * 86_400)
    outbox.housekeep()
    assert rows(outbox, EVENTS, after=1) == ["gap 2", "scan 4", "scan 5", "fault reports_lost"]
    # Once: the second reading finds the gap where the rows were.
    assert rows(outbox, EVENTS, after=1) == ["gap 2", "scan 4", "scan 5", "fault reports_lost"]
    # An even older database asks for more: again one gap for what the first does not cover.
    assert rows(outbox, EVENTS, after=0)[:3] == ["gap 1", "gap 2", "scan 4"]
    found = outbox.read_frame(EVENTS, 1)
    assert found is not None
    gap = GapDeclared.model_validate_json(found.bodies[0])
    assert gap.reason == "rows are not kept any more: acknowledged once, and then too old, or in the way of new ones"
    assert gap.device_id == "pharmacy-1"


def test_a_row_that_changed_on_the_disk_is_declared_a_gap_and_told(path: Path, outbox: Outbox, clock: SetClock) -> None:
    for number in range(1, 4):
        outbox.append_event(scan(number, clock))
    outbox.close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE outbox_row SET body = CAST(replace(CAST(body AS TEXT), '\"2\"', '\"9\"') AS BLOB) WHERE seq = 2"
        )
    connection.close()
    again = Outbox(path, clock, node_name="pharmacy-1")
    assert rows(again, EVENTS) == ["scan 1", "gap 1", "scan 3", "fault reports_lost"]
    again.close()


def test_rows_missing_in_the_middle_and_at_the_end_are_declared_gaps(
    path: Path, outbox: Outbox, clock: SetClock
) -> None:
    for number in range(1, 6):
        outbox.append_telemetry(reading(number, clock))
    outbox.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM outbox_row WHERE stream = 'telemetry' AND seq IN (2, 3, 5)")
    connection.close()
    again = Outbox(path, clock, node_name="pharmacy-1")
    assert rows(again, TELEMETRY) == ["reading 1", "gap 2", "reading 4", "gap 1"]
    assert rows(again, EVENTS) == ["fault reports_lost", "fault reports_lost"]
    again.close()


@pytest.mark.parametrize("damage", ["header", "empty", "not a database", "table gone"])
def test_a_damaged_file_stands_aside_and_the_first_event_of_the_new_one_says_so(
    path: Path, clock: SetClock, damage: str
) -> None:
    first = Outbox(path, clock, node_name="pharmacy-1")
    for number in range(200):
        first.append_event(scan(number, clock))
    epoch = first.epoch(EVENTS)
    first.close()
    numbers_file(path).unlink()
    match damage:
        case "header":
            wreck(path)
        case "empty":
            path.write_bytes(b"")
        case "not a database":
            path.write_text("hello, I am a text file of some length, but no database at all " * 100)
        case _:
            with sqlite3.connect(path) as connection:
                connection.execute("DROP TABLE stream")
            connection.close()
    # Without the numbers beside it, not even the epoch can be known.
    second = Outbox(path, clock, node_name="pharmacy-1")
    (aside,) = damaged_siblings(path)
    assert aside == "outbox.damaged-20261122T080001Z.sqlite3"
    assert second.epoch(EVENTS) != epoch
    frame = second.read_frame(EVENTS, 0)
    assert frame is not None
    event = DeviceFaulted.model_validate_json(frame.bodies[0])
    assert (event.device_id, event.code) == ("pharmacy-1", "reports_lost")
    assert aside in event.detail
    second.close()
    # It is told once.
    third = Outbox(path, clock, node_name="pharmacy-1")
    assert third.last_seq(EVENTS) == 1
    third.close()


def test_damage_met_while_running_is_mended_and_keeps_the_event(path: Path, outbox: Outbox, clock: SetClock) -> None:
    outbox.append_event(scan(1, clock))
    # The next number is taken already: what the tables say does not fit together any more.
    outbox._tables._connection.execute(  # noqa: SLF001 - damage from below
        "UPDATE outbox_row SET seq = 2"
    )
    epoch = outbox.epoch(EVENTS)
    outbox.append_event(scan(2, clock))
    # Not one row could be believed, but the marks could.
    assert outbox.epoch(EVENTS) == epoch
    assert rows(outbox, EVENTS) == ["gap 1", "fault reports_lost", "scan 2", "fault reports_lost"]
    assert len(damaged_siblings(path)) == 1


def test_the_file_of_a_newer_version_is_refused_and_not_touched(path: Path, outbox: Outbox, clock: SetClock) -> None:
    outbox.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=3")
    connection.close()
    with pytest.raises(OutboxError, match=r"schema version 3, expected 2: install the medtap that wrote it"):
        Outbox(path, clock, node_name="pharmacy-1")
    assert damaged_siblings(path) == []


def test_another_programs_database_is_refused_and_not_touched(path: Path, clock: SetClock) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    expected = rf"application_id 0x0, expected {APPLICATION_ID:#x}: this is another program's database"
    with pytest.raises(OutboxError, match=expected):
        Outbox(path, clock, node_name="pharmacy-1")
    assert damaged_siblings(path) == []


def test_a_missing_directory_names_the_mend(tmp_path: Path, clock: SetClock) -> None:
    with pytest.raises(OutboxError, match=r"state_dir must exist and belong to the agent's user"):
        Outbox(tmp_path / "missing" / "outbox.sqlite3", clock, node_name="pharmacy-1")


def test_a_disk_full_of_events_refuses_the_next_by_name_and_takes_it_when_there_is_room(
    outbox: Outbox, clock: SetClock
) -> None:
    connection = outbox._tables._connection  # noqa: SLF001 - a full disk, as SQLite sees it
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 5}").fetchall()
    big = scan(1, clock).model_copy(update={"text": "x" * 4000})
    with pytest.raises(OutboxError, match=r"the disk is full: free some space"):
        [outbox.append_event(big) for _ in range(10)]
    kept = outbox.last_seq(EVENTS)
    assert kept > 0
    connection.execute("PRAGMA max_page_count=1073741823").fetchall()
    assert outbox.append_event(scan(2, clock)) == kept + 1
    assert rows(outbox, EVENTS)[-1] == "scan 2"


def test_an_older_copy_numbers_what_it_never_offered_anew(outbox: Outbox, clock: SetClock) -> None:
    outbox.append_event(scan(1, clock))
    outbox.offer(EVENTS)
    outbox.withhold()
    outbox.append_event(scan(2, clock))
    outbox.append_event(scan(3, clock))
    epoch = outbox.epoch(EVENTS)
    outbox.begin_epoch(EVENTS, "a test says so")
    assert outbox.epoch(EVENTS) != epoch
    assert rows(outbox, EVENTS) == ["scan 2", "scan 3", "fault reports_lost"]
    assert outbox.marks(EVENTS).acknowledged_seq == 0


def test_a_stored_row_is_the_wires_row(outbox: Outbox, clock: SetClock) -> None:
    event = scan(1, clock)
    outbox.append_event(event)
    found = outbox.read_frame(EVENTS, 0)
    assert found is not None
    header = FrameHeader(
        site="s",
        edge_node="e",
        stream=EVENTS,
        epoch=found.epoch,
        boot_id=found.boot_id,
        first_seq=1,
        sent_at=clock.stamp().occurred_at,
    )
    frame = decode_frame(encode_frame(header, found.bodies))
    assert [row.observation for row in frame.rows] == [event]
    assert b" " not in found.bodies[0]
    assert json.loads(found.bodies[0])["text"] == "1"
