"""A damaged outbox file costs the rows that stood in the damaged pages, and no others."""

import re
import sqlite3
from pathlib import Path
from random import Random

import pytest

from edge import outbox_file
from edge.contracts.observations import DeviceFaulted
from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_file import damaged_siblings
from edge.outbox_numbers import numbers_file
from tests.edge.delivery_kit import SetClock, reading, scan
from tests.edge.outbox_kit import PAGE_BYTES, account, leaves, wreck

EVENTS, TELEMETRY = Stream.EVENTS, Stream.TELEMETRY
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


def test_a_number_that_the_disk_changed_hides_no_other_row(path: Path, clock: SetClock) -> None:
    content = path.read_bytes()
    # In the record of a row the number follows the stream's name, then the span (SQLite file format section 2.1).
    was, now = b"telemetry" + (1500).to_bytes(2), b"telemetry" + (32_000).to_bytes(2)
    assert content.count(was) == 1
    path.write_bytes(content.replace(was, now))
    box = Outbox(path, clock, node_name="pharmacy-1")
    readings, lost = account(box, TELEMETRY)
    assert (lost, set(range(1, READING_COUNT + 1)) - set(readings)) == (1, {1500})
    box.close()


def test_rows_that_stand_in_the_wrong_place_hide_no_others(path: Path, clock: SetClock) -> None:
    pages, content = leaves(path), bytearray(path.read_bytes())
    low, high = pages[60], pages[120]
    content[(low - 1) * PAGE_BYTES : low * PAGE_BYTES] = content[(high - 1) * PAGE_BYTES : high * PAGE_BYTES]
    path.write_bytes(content)
    box = Outbox(path, clock, node_name="pharmacy-1")
    lost = account(box, TELEMETRY)[1] + account(box, EVENTS)[1]
    assert 0 < lost <= 20
    assert len(damaged_siblings(path)) == 1
    box.close()


@pytest.mark.parametrize("now", [b"\xff", b"\x00"])
def test_a_text_that_is_none_any_more_costs_its_row_alone(path: Path, clock: SetClock, now: bytes) -> None:
    content = path.read_bytes()
    at = content.index(b'"temperature_celsius":15.0')
    boot = content.rindex(clock.boot_id.encode(), 0, at)
    path.write_bytes(content[:boot] + now + content[boot + 1 :])
    box = Outbox(path, clock, node_name="pharmacy-1")
    readings, lost = account(box, TELEMETRY)
    assert (lost, set(range(1, READING_COUNT + 1)) - set(readings)) == (1, {1500})
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
