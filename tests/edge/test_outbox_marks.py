"""Damaged marks are noticed and told, and nothing is let go of by them; lost rows' numbers are never given twice."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_file import APPLICATION_ID, damaged_siblings
from edge.outbox_numbers import numbers_file, read_numbers
from tests.edge.delivery_kit import SetClock, reading, scan
from tests.edge.outbox_kit import account

EVENTS, TELEMETRY = Stream.EVENTS, Stream.TELEMETRY
EVENT_COUNT, ACKNOWLEDGED = 40, 15


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path, clock: SetClock) -> Path:
    """A file with rows of both streams, some of them acknowledged, closed in order."""
    file = tmp_path / "outbox.sqlite3"
    box = Outbox(file, clock, node_name="pharmacy-1", telemetry_group_rows=10)
    for number in range(1, EVENT_COUNT + 1):
        box.append_event(scan(number, clock))
        box.append_telemetry(reading(number, clock))
    for stream in Stream:
        box.offer(stream)
        box.acknowledge(stream, box.epoch(stream), ACKNOWLEDGED, "f" * 32)
    box.close()
    return file


def opened(path: Path, clock: SetClock) -> Outbox:
    return Outbox(path, clock, node_name="pharmacy-1")


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute(sql)


MARKS = [
    "last_seq = last_seq + 1000",
    "last_seq = last_seq - 7",
    "last_seq = 0",
    "acknowledged_seq = 38, offered_seq = 40",
    "acknowledged_seq = 0",
    "offered_seq = 2",
    "in_contact = 1 - in_contact",
    "server_generation = '" + "e" * 32 + "'",
    "epoch = '00000000000000ff'",
    "epoch = 'not an epoch.......'",
    "row_count = 3",
    "sha256 = zeroblob(32)",
]


@pytest.mark.parametrize("witness", ["numbers file", "no numbers file"])
@pytest.mark.parametrize("damage", MARKS)
def test_a_damaged_mark_neither_lets_rows_go_nor_gives_a_number_twice(
    path: Path, clock: SetClock, damage: str, witness: str
) -> None:
    before = opened(path, clock)
    epoch = before.epoch(EVENTS)
    before.close()
    if witness == "no numbers file":
        numbers_file(path).unlink()
    change(path, f"UPDATE stream SET {damage} WHERE stream = 'events'")  # noqa: S608 - ours
    box = opened(path, clock)
    found, lost = account(box, EVENTS)
    told = [seq for seq, word in found.items() if word == "fault reports_lost"]
    if damage.startswith("epoch") and witness == "no numbers file":
        # Nobody knows the epoch, so no row can be believed: the file stands aside, and this is told.
        assert box.epoch(EVENTS) != epoch
        assert found == {1: "fault reports_lost"}
    else:
        assert box.epoch(EVENTS) == epoch
        assert {seq: found[seq] for seq in range(1, EVENT_COUNT + 1)} == {
            seq: f"scan {seq}" for seq in range(1, EVENT_COUNT + 1)
        }
        assert lost == 0
        assert told == [EVENT_COUNT + 1]
        marks = box.marks(EVENTS)
        assert marks.acknowledged_seq <= ACKNOWLEDGED
        assert marks.offered_seq >= EVENT_COUNT
        assert marks.server_generation == ""
    assert len(damaged_siblings(path)) == 1
    # The other stream is as it was.
    assert account(box, TELEMETRY) == ({seq: f"reading {seq}" for seq in range(1, EVENT_COUNT + 1)}, 0)
    assert box.marks(TELEMETRY).acknowledged_seq == ACKNOWLEDGED
    box.close()
    # It is told once, and then the file is whole.
    again = opened(path, clock)
    assert account(again, EVENTS)[0].keys() == found.keys()
    again.close()


@pytest.mark.parametrize("damage", ["created_at_ms = 0", "running_ms = 1 << 60", "damage_reported = 'x'"])
def test_damage_to_what_the_file_says_of_itself_costs_nothing(path: Path, clock: SetClock, damage: str) -> None:
    change(path, f"UPDATE outbox_file SET {damage}")  # noqa: S608 - ours
    box = opened(path, clock)
    found, lost = account(box, EVENTS)
    assert lost == 0
    assert list(found.values()).count("fault reports_lost") == 1
    assert box.marks(EVENTS).acknowledged_seq == ACKNOWLEDGED
    box.housekeep()
    assert box.stream_state(EVENTS).oldest_kept_seq == 1
    box.close()


def test_a_damaged_span_hides_no_row(path: Path, clock: SetClock) -> None:
    change(path, "UPDATE outbox_row SET span = 5 WHERE stream = 'events' AND seq = 20")
    box = opened(path, clock)
    assert account(box, EVENTS) == ({seq: f"scan {seq}" for seq in range(1, EVENT_COUNT + 1)}, 0)
    box.close()


@pytest.mark.parametrize("damaged_byte", [0.0, 0.3, 0.6, 0.9])
def test_rows_that_a_damaged_write_ahead_log_cost_are_noticed_declared_and_their_numbers_not_given_again(
    path: Path, clock: SetClock, damaged_byte: float
) -> None:
    first = opened(path, clock)
    for number in range(EVENT_COUNT + 1, EVENT_COUNT + 11):
        first.append_event(scan(number, clock))
    epoch = first.epoch(EVENTS)
    crashed = path.with_name("crashed")
    crashed.mkdir()
    for part in path.parent.glob(f"{path.name}*"):
        (crashed / part.name).write_bytes(part.read_bytes())
    first.close()
    wal = crashed / f"{path.name}-wal"
    content = bytearray(wal.read_bytes())
    content[32 + int((len(content) - 32) * damaged_byte) : 32 + int((len(content) - 32) * damaged_byte) + 3] = (
        b"\xa5" * 3
    )
    wal.write_bytes(content)
    box = opened(crashed / path.name, clock)
    found, lost = account(box, EVENTS)
    assert box.epoch(EVENTS) == epoch
    assert lost > 0
    assert [found[seq] for seq in sorted(found) if found[seq].startswith("scan")] == [
        f"scan {seq}" for seq in range(1, EVENT_COUNT + 11 - lost)
    ][: len(found)]
    # What is new has a number that was never given before.
    told = [seq for seq, word in found.items() if word == "fault reports_lost"]
    assert min(told) == EVENT_COUNT + 11
    box.close()


def test_an_older_copy_of_the_file_alone_goes_on_after_the_numbers_that_were_given(path: Path, clock: SetClock) -> None:
    older = path.read_bytes()
    box = opened(path, clock)
    for number in range(EVENT_COUNT + 1, EVENT_COUNT + 11):
        box.append_event(scan(number, clock))
    box.close()
    path.write_bytes(older)
    copy = opened(path, clock)
    found, lost = account(copy, EVENTS)
    assert lost == 10
    assert copy.append_event(scan(99, clock)) > EVENT_COUNT + 10
    assert max(seq for seq, word in found.items() if word.startswith("scan")) == EVENT_COUNT
    copy.close()


def test_numbers_of_another_file_or_damaged_ones_say_nothing(path: Path, clock: SetClock, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    stranger = opened(other, clock)
    for number in range(100):
        stranger.append_event(scan(number, clock))
    stranger.close()
    content = numbers_file(path).read_bytes()
    random = Random(1)  # noqa: S311 - a reproducible test
    for wrong in [
        numbers_file(other).read_bytes(),
        b"",
        b"\xa5" * 512,
        content[:80],
        *(content[:at] + b"\xa5" + content[at + 1 :] for at in random.sample(range(len(content.rstrip())), 20)),
    ]:
        numbers_file(path).write_bytes(wrong)
        box = opened(path, clock)
        assert box.last_seq(EVENTS) == EVENT_COUNT
        box.close()


def test_the_numbers_stand_beside_the_file_after_every_commit(path: Path, clock: SetClock) -> None:
    box = opened(path, clock)
    for number in range(3):
        box.append_event(scan(number, clock))
        assert read_numbers(path)[EVENTS].last_seq == box.last_seq(EVENTS)
    box.close()


def test_the_numbers_tell_of_a_new_epoch_and_of_a_declared_gap_at_once(path: Path, clock: SetClock) -> None:
    box = opened(path, clock)
    box.begin_epoch(TELEMETRY, "an older copy")
    assert read_numbers(path)[TELEMETRY].epoch == box.epoch(TELEMETRY)
    box._tables.delete_through(EVENTS, 3)  # noqa: SLF001 - damage from below
    assert box.read_frame(EVENTS, 0) is not None
    assert read_numbers(path)[EVENTS].last_seq == box.last_seq(EVENTS)
    box.close()


def test_numbers_of_the_epoch_before_hide_no_row_of_a_file_whose_marks_are_damaged(path: Path, clock: SetClock) -> None:
    numbers = numbers_file(path)
    before = numbers.read_bytes()
    box = opened(path, clock)
    for number in range(50, 60):
        box.append_event(scan(number, clock))
    box.begin_epoch(EVENTS, "an older copy")
    epoch, kept = box.epoch(EVENTS), account(box, EVENTS)
    box.close()
    # The power was cut between the commit and the note of it.
    numbers.write_bytes(before)
    change(path, "UPDATE stream SET sha256 = zeroblob(32) WHERE stream = 'events'")
    again = opened(path, clock)
    assert again.epoch(EVENTS) == epoch
    found, lost = account(again, EVENTS)
    assert (kept[0].items() <= found.items(), lost) == (True, 0)
    again.close()


VERSION_1 = """
CREATE TABLE outbox_file (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    created_at_ms INTEGER NOT NULL,                    -- wall clock, milliseconds since 1970
    damage_reported TEXT NOT NULL DEFAULT ''           -- newest damaged file beside this one that was told of
) STRICT;

CREATE TABLE stream (
    stream TEXT PRIMARY KEY CHECK (stream IN ('events', 'telemetry')),
    epoch TEXT NOT NULL CHECK (length(epoch) = 16),
    last_seq INTEGER NOT NULL DEFAULT 0,               -- highest number given
    offered_seq INTEGER NOT NULL DEFAULT 0,            -- highest number that this file or a copy may have sent
    in_contact INTEGER NOT NULL DEFAULT 0,             -- 1: rows were offered since the file was opened
    acknowledged_seq INTEGER NOT NULL DEFAULT 0,       -- the gateway's mark, written lazily: an old one costs a resend
    server_generation TEXT NOT NULL DEFAULT '',        -- the database that gave the mark
    row_count INTEGER NOT NULL DEFAULT 0               -- observations ever committed, declared gaps not counted
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox_row (
    stream TEXT NOT NULL REFERENCES stream (stream),
    seq INTEGER NOT NULL CHECK (seq > 0),
    span INTEGER NOT NULL DEFAULT 1 CHECK (span > 0),  -- numbers the row stands for: more than 1 only for a gap
    boot_id TEXT NOT NULL,
    body BLOB NOT NULL,                                -- the row as it goes on the wire
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    committed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
"""


def test_a_file_of_the_version_before_is_taken_over_with_all_that_is_in_it(path: Path, clock: SetClock) -> None:
    before = opened(path, clock)
    marks = {stream: before.marks(stream) for stream in Stream}
    before.close()
    numbers_file(path).unlink()
    newer = path.rename(path.with_name("newer"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(VERSION_1)
        connection.execute("ATTACH ? AS newer", (str(newer),))
        for table, columns in (
            ("outbox_file", "only_row, created_at_ms, damage_reported"),
            (
                "stream",
                "stream, epoch, last_seq, offered_seq, in_contact, acknowledged_seq, server_generation, row_count",
            ),
            ("outbox_row", "*"),
        ):
            connection.execute(f"INSERT INTO main.{table} SELECT {columns} FROM newer.{table}")  # noqa: S608 - ours
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA user_version=1")
    box = opened(path, clock)
    assert {stream: box.marks(stream) for stream in Stream} == {
        stream: replace(mark, in_contact=0) for stream, mark in marks.items()
    }
    assert account(box, EVENTS) == ({seq: f"scan {seq}" for seq in range(1, EVENT_COUNT + 1)}, 0)
    assert damaged_siblings(path) == []
    box.close()
