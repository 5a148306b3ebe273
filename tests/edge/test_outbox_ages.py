"""Acknowledged rows are kept for days of running time: what the wall clock does deletes nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_ages import NOTES
from edge.outbox_file import damaged_siblings
from tests.edge.delivery_kit import SetClock, scan

EVENTS = Stream.EVENTS
DAY_S = 86_400.0
KEEP_DAYS = 14


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


@pytest.fixture
def outbox(path: Path, clock: SetClock) -> Iterator[Outbox]:
    box = opened(path, clock)
    yield box
    box.close()


def opened(path: Path, clock: SetClock) -> Outbox:
    return Outbox(path, clock, node_name="pharmacy-1", keep_acknowledged_days=KEEP_DAYS)


def delivered(box: Outbox, clock: SetClock, count: int) -> None:
    """So many scans, all of them acknowledged."""
    for number in range(count):
        box.append_event(scan(number, clock))
    box.offer(EVENTS)
    box.acknowledge(EVENTS, box.epoch(EVENTS), box.last_seq(EVENTS))
    box.housekeep()


def kept_from(box: Outbox) -> int:
    box.housekeep()
    return box.stream_state(EVENTS).oldest_kept_seq


@pytest.mark.parametrize("years", [1, 30, -30])
def test_a_clock_that_jumps_by_years_deletes_nothing(outbox: Outbox, clock: SetClock, years: int) -> None:
    delivered(outbox, clock, 100)
    clock.wall_offset = timedelta(days=365 * years)
    assert kept_from(outbox) == 1
    clock.move(KEEP_DAYS * DAY_S - 10)
    assert kept_from(outbox) == 1
    clock.move(20)
    assert kept_from(outbox) == 0


def test_the_days_begin_with_the_acknowledgement_and_not_with_the_commit(outbox: Outbox, clock: SetClock) -> None:
    outbox.append_event(scan(1, clock))
    # The gateway was away for longer than rows are kept.
    clock.move(30 * DAY_S)
    delivered(outbox, clock, 1)
    assert kept_from(outbox) == 1
    clock.move(KEEP_DAYS * DAY_S + 1)
    assert kept_from(outbox) == 0


def test_running_time_adds_up_over_restarts_and_crashes_and_time_switched_off_does_not_count(
    path: Path, clock: SetClock
) -> None:
    box = opened(path, clock)
    delivered(box, clock, 5)
    for boot in range(10):
        clock.move(2 * DAY_S)
        found = kept_from(box)
        if found == 0:
            break
        if boot % 2:
            box.close()
        else:
            box._tables.close()  # noqa: SLF001 - as a crash leaves it: nothing written on the way out
        # A new boot: its monotonic clock begins anew, and meanwhile a month has passed.
        clock = SetClock(f"{boot + 2:016x}")
        clock.wall_offset = timedelta(days=30 * (boot + 1))
        box = opened(path, clock)
    box.close()
    assert found == 0
    assert boot == 6


def test_rows_acknowledged_one_after_the_other_go_one_after_the_other(outbox: Outbox, clock: SetClock) -> None:
    for _ in range(KEEP_DAYS * 3):
        delivered(outbox, clock, 10)
        clock.move(DAY_S)
    oldest = kept_from(outbox)
    days_kept = (outbox.last_seq(EVENTS) - oldest + 1) / 10
    # Those of this moment are to come, so one less than days.
    assert KEEP_DAYS - 1 <= days_kept <= KEEP_DAYS * (1 + 1 / NOTES)


def test_a_mark_that_went_back_begins_the_days_anew(outbox: Outbox, clock: SetClock) -> None:
    delivered(outbox, clock, 100)
    clock.move((KEEP_DAYS - 1) * DAY_S)
    # A database restored from an older backup gets rows 51 to 100 once more.
    outbox.acknowledge(EVENTS, outbox.epoch(EVENTS), 50)
    outbox.acknowledge(EVENTS, outbox.epoch(EVENTS), 100)
    outbox.housekeep()
    clock.move(2 * DAY_S)
    assert kept_from(outbox) == 1
    clock.move(KEEP_DAYS * DAY_S)
    assert kept_from(outbox) == 0


@pytest.mark.parametrize("column", ["seq", "running_ms"])
def test_a_note_that_the_disk_changed_lets_nothing_go(outbox: Outbox, clock: SetClock, column: str) -> None:
    delivered(outbox, clock, 50)
    clock.move(DAY_S)
    delivered(outbox, clock, 50)
    connection = outbox._tables._connection  # noqa: SLF001 - damage from below
    connection.execute(f"UPDATE acknowledged_at SET {column} = {column} - 40 WHERE seq = 50")  # noqa: S608 - ours
    clock.move((KEEP_DAYS - 1) * DAY_S + 1)
    assert kept_from(outbox) == 1
    clock.move(DAY_S)
    assert kept_from(outbox) == 0


@pytest.mark.parametrize("column", ["seq", "running_ms"])
def test_a_note_that_the_disk_changed_is_not_believed_after_a_rescue_either(
    path: Path, clock: SetClock, column: str
) -> None:
    box = opened(path, clock)
    delivered(box, clock, 50)
    clock.move(DAY_S)
    delivered(box, clock, 50)
    box.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE acknowledged_at SET {column} = {column} - 40 WHERE seq = 50")  # noqa: S608 - ours
        connection.execute("UPDATE stream SET sha256 = zeroblob(32) WHERE stream = 'telemetry'")
    box = opened(path, clock)
    assert len(damaged_siblings(path)) == 1
    clock.move((KEEP_DAYS - 1) * DAY_S + 1)
    assert kept_from(box) == 1
    clock.move(DAY_S)
    assert kept_from(box) == 101  # the event that tells of the damage
    box.close()
