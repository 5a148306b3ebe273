"""A damaged outbox file costs the rows that stood in the damaged pages, and no others."""

import re
import sqlite3
from pathlib import Path
from random import Random

import pytest

from edge import outbox_file
from edge.contracts.observations import OBSERVATION, DeviceFaulted, GapDeclared, seq_span
from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_file import damaged_siblings
from edge.outbox_numbers import numbers_file
from tests.edge.delivery_kit import SetClock, meaning, reading, scan

EVENTS, TELEMETRY = Stream.EVENTS, Stream.TELEMETRY
PAGE_BYTES = 4096
EVENT_COUNT, READING_COUNT = 120, 3000


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path, clock: SetClock) -> Path:
    """A file of about a megabyte, closed in order."""
    file = tmp_path / "outbox.sqlite3"
    box = Outbox(file, clock, node_name="pharmacy-1", telemetry_group_rows=100)
    for number in range(1, EVENT_COUNT + 1):
        box.append_event(scan(number, clock))
    for number in range(1, READING_COUNT + 1):
        box.append_telemetry(reading(number, clock))
    box.offer(EVENTS)
    box.close()
    return file


def wreck(path: Path, page: int) -> None:
    """Pages are numbered from 1."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(Random(page).randbytes(PAGE_BYTES))  # noqa: S311 - a reproducible test


def page_of(path: Path, table: str, kind: int) -> int:
    """The root of a table (kind 0), or some page below it of that kind (SQLite file format section 1.6)."""
    with sqlite3.connect(path) as connection:
        root = int(connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])
    connection.close()
    if kind == 0:
        return root
    content = path.read_bytes()
    pages = range(len(content) // PAGE_BYTES, root, -1)
    return next(page for page in pages if content[(page - 1) * PAGE_BYTES] == kind)


def account(box: Outbox, stream: Stream) -> tuple[dict[int, str], int]:
    """Rows by number, and how many numbers are declared gaps. Together they are all numbers."""
    found: dict[int, str] = {}
    after = lost = 0
    while (frame := box.read_frame(stream, after)) is not None:
        seq = after + 1
        assert frame.first_seq == seq
        for body in frame.bodies:
            row = OBSERVATION.validate_json(body)
            if isinstance(row, GapDeclared):
                lost += row.row_count
            else:
                found[seq] = meaning(row)
            seq += seq_span(row)
        after = frame.last_seq
    assert after >= box.last_seq(stream)
    assert len(found) + lost == after
    return found, lost


def leaves(path: Path) -> list[int]:
    """Pages that hold rows (SQLite file format section 1.6: a page that begins with 0x0a is a leaf)."""
    with sqlite3.connect(path) as connection:
        small = {row[0] for row in connection.execute("SELECT rootpage FROM sqlite_schema WHERE name != 'outbox_row'")}
    connection.close()
    content = path.read_bytes()
    pages = range(2, len(content) // PAGE_BYTES + 1)
    return [page for page in pages if page not in small and content[(page - 1) * PAGE_BYTES] == 0x0A]


def root_of(path: Path, table: str) -> int:
    with sqlite3.connect(path) as connection:
        root = int(connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])
    connection.close()
    return root


@pytest.mark.parametrize("seed", range(5))
def test_damaged_pages_cost_their_rows_and_no_others(path: Path, clock: SetClock, seed: int) -> None:
    before = Outbox(path, clock, node_name="pharmacy-1")
    epochs = {stream: before.epoch(stream) for stream in Stream}
    before.close()
    pages = leaves(path)
    assert len(pages) > 100
    for page in Random(seed).sample(pages, 3):  # noqa: S311 - a reproducible test
        wreck(path, page)
    box = Outbox(path, clock, node_name="pharmacy-1")
    assert {stream: box.epoch(stream) for stream in Stream} == epochs
    readings, lost = account(box, TELEMETRY)
    assert all(word == f"reading {seq}" for seq, word in readings.items())
    events, lost_events = account(box, EVENTS)
    assert all(word == f"scan {seq}" for seq, word in events.items() if seq <= EVENT_COUNT)
    assert 0 < lost + lost_events <= 3 * 20
    # The work goes on in the same numbering, and everything is told of.
    assert box.append_event(scan(1, clock)) == box.last_seq(EVENTS)
    (aside,) = damaged_siblings(path)
    details = [detail(box, seq) for seq, word in events.items() if word == "fault reports_lost"]
    assert re.search(rf"stands aside as {aside}; \d{{4}} rows of it were rescued", details[0])
    box.close()


def detail(box: Outbox, seq: int) -> str:
    found = box.read_frame(EVENTS, seq - 1)
    assert found is not None
    return DeviceFaulted.model_validate_json(found.bodies[0]).detail


def test_a_file_whose_tree_is_gone_declares_every_row_and_goes_on(path: Path, clock: SetClock) -> None:
    wreck(path, root_of(path, "outbox_row"))
    box = Outbox(path, clock, node_name="pharmacy-1")
    assert account(box, TELEMETRY) == ({}, READING_COUNT)
    events, lost = account(box, EVENTS)
    assert lost == EVENT_COUNT
    assert min(events) == EVENT_COUNT + 1
    box.close()


def test_a_file_whose_marks_are_gone_is_beyond_rescue_and_a_new_epoch_begins(path: Path, clock: SetClock) -> None:
    wreck(path, root_of(path, "stream"))
    numbers_file(path).unlink()
    box = Outbox(path, clock, node_name="pharmacy-1")
    (aside,) = damaged_siblings(path)
    assert box.last_seq(EVENTS) == 1
    assert f"{aside}; rows in it that were not yet acknowledged are lost unless recovered" in detail(box, 1)
    box.close()


def test_a_row_changed_by_the_disk_costs_itself_alone(path: Path, clock: SetClock) -> None:
    content = path.read_bytes()
    at = content.index(b'"temperature_celsius":15.0')
    path.write_bytes(content[: at + 22] + b"9" + content[at + 23 :])
    box = Outbox(path, clock, node_name="pharmacy-1")
    readings, lost = account(box, TELEMETRY)
    assert lost == 1
    assert 1500 not in readings
    assert damaged_siblings(path) == []
    box.close()


def test_a_power_cut_during_the_rescue_costs_nothing(
    path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wreck(path, leaves(path)[50])

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox_file, "_put_in_place", cut)
        with pytest.raises(KeyboardInterrupt):
            Outbox(path, clock, node_name="pharmacy-1")
    assert not path.exists()
    box = Outbox(path, clock, node_name="pharmacy-1")
    readings, lost = account(box, TELEMETRY)
    events, lost_events = account(box, EVENTS)
    assert len(readings) + len(events) > READING_COUNT
    assert 0 < lost + lost_events <= 20
    assert len(damaged_siblings(path)) == 1
    box.close()
