"""A large outbox takes rows at once and is checked meanwhile: damage costs and declares the same rows as before."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_file import damaged_siblings
from edge.outbox_tables import OutboxTables
from tests.edge.delivery_kit import SetClock, reading, scan
from tests.edge.outbox_kit import PAGE_BYTES, account, leaves, wreck

EVENTS, TELEMETRY = Stream.EVENTS, Stream.TELEMETRY
EVENT_COUNT, READING_COUNT, ACKNOWLEDGED = 120, 3000, 2000
DAY_S = 86_400.0


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of about a megabyte, closed in order; the gateway has two thirds of the readings."""
    file, clock = tmp_path_factory.mktemp("template") / "outbox.sqlite3", SetClock()
    box = Outbox(file, clock, node_name="pharmacy-1", telemetry_group_rows=100)
    for number in range(1, EVENT_COUNT + 1):
        box.append_event(scan(number, clock))
    for number in range(1, READING_COUNT + 1):
        box.append_telemetry(reading(number, clock))
    for stream in Stream:
        box.offer(stream)
    box.acknowledge(TELEMETRY, box.epoch(TELEMETRY), ACKNOWLEDGED, "f" * 32)
    box.close()
    return file


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return _copied(template, tmp_path)


def _copied(file: Path, directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    for name in (file.name, file.name + ".numbers"):
        shutil.copy(file.with_name(name), directory)
    return directory / file.name


def opened(path: Path, clock: SetClock, *, at_once: bool = False) -> Outbox:
    """As a file beyond the size that is checked at its opening; or as one below it."""
    return Outbox(path, clock, node_name="pharmacy-1", check_at_once_bytes=1_000_000_000 if at_once else 0)


def looked_at(box: Outbox) -> None:
    """Until the check is over."""
    for _ in range(READING_COUNT):
        box.check_some(0.0)
        if box.view().checked_percent in (None, 100.0):
            return
    pytest.fail("the check does not end")


def never(_: OutboxTables) -> str:
    pytest.fail("the whole file was checked")


def test_a_large_file_takes_an_event_at_once_and_every_row_is_looked_at_meanwhile(
    path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutboxTables, "what_is_wrong", never)
    box = opened(path, clock)
    assert box.append_event(scan(1, clock)) == EVENT_COUNT + 1
    assert box.view().checked_percent == 0.0
    box.check_some(0.0)
    assert 0.0 < (box.view().checked_percent or 0.0) < 100.0
    looked_at(box)
    assert (box.view().checked_percent, box.view().spoilt_rows) == (100.0, 0)
    readings, lost = account(box, TELEMETRY)
    assert (len(readings), lost) == (READING_COUNT, 0)
    box.close()


def test_a_small_file_is_checked_before_it_takes_anything(path: Path, clock: SetClock) -> None:
    wreck(path, leaves(path)[50])
    box = opened(path, clock, at_once=True)
    assert len(damaged_siblings(path)) == 1
    assert box.view().checked_percent is None
    box.close()


def _three_pages_are_noise(path: Path, random: Random) -> None:
    for page in random.sample(leaves(path), 3):
        wreck(path, page)


def _a_page_is_that_of_earlier(path: Path, random: Random) -> None:
    """A write that never reached the card: a page of other rows stands there."""
    old, new = random.sample(leaves(path), 2)
    content = bytearray(path.read_bytes())
    content[(new - 1) * PAGE_BYTES : new * PAGE_BYTES] = content[(old - 1) * PAGE_BYTES : old * PAGE_BYTES]
    path.write_bytes(content)


def _a_page_is_empty(path: Path, random: Random) -> None:
    with path.open("r+b") as file:
        file.seek((random.choice(leaves(path)) - 1) * PAGE_BYTES)
        file.write(bytes(PAGE_BYTES))


def _some_bytes_are_others(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(5):
        at = random.randrange(2 * PAGE_BYTES * 10, len(content))
        content[at] ^= 1 + random.randrange(255)
    path.write_bytes(content)


def _rows_are_away(path: Path, random: Random) -> None:
    first = random.randrange(1, READING_COUNT - 100)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM outbox_row WHERE seq BETWEEN ? AND ?", (first, first + 50))
    connection.close()


Damage = Callable[[Path, Random], None]


@pytest.mark.parametrize("sent_first", [False, True], ids=["looked at first", "sent first"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "damage",
    [
        _three_pages_are_noise,
        _a_page_is_that_of_earlier,
        _a_page_is_empty,
        _some_bytes_are_others,
        _rows_are_away,
    ],
)
def test_damage_costs_and_declares_the_same_rows_whenever_it_is_found(
    path: Path, tmp_path: Path, clock: SetClock, damage: Damage, seed: int, *, sent_first: bool
) -> None:
    damage(path, Random(seed))  # noqa: S311 - a reproducible test
    other = _copied(path, tmp_path / "other")
    accounts, told = [], []
    for place, at_once in ((other, True), (path, False)):
        box = opened(place, clock, at_once=at_once)
        if not sent_first:
            looked_at(box)
        accounts.append(account(box, TELEMETRY, ACKNOWLEDGED if sent_first else 0))
        looked_at(box)
        events, lost = account(box, EVENTS)
        told.append(({seq: word for seq, word in events.items() if seq <= EVENT_COUNT}, lost))
        # What is there was there, under its number.
        assert all(word == f"reading {seq}" for seq, word in accounts[-1][0].items())
        box.close()
    assert accounts[0] == accounts[1]
    assert told[0] == told[1]
    assert len(damaged_siblings(path)) == len(damaged_siblings(other))


def test_a_row_that_the_gateway_has_and_the_disk_changed_is_counted(path: Path, clock: SetClock) -> None:
    content = path.read_bytes()
    at = content.index(b'"temperature_celsius":15.0')
    path.write_bytes(content[: at + 22] + b"9" + content[at + 23 :])
    box = opened(path, clock)
    looked_at(box)
    assert box.view().spoilt_rows == 1
    assert damaged_siblings(path) == []
    box.close()


def test_declared_gaps_of_a_large_file_are_shown_when_they_were_met(path: Path, clock: SetClock) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM outbox_row WHERE stream = 'telemetry' AND seq BETWEEN 2500 AND 2509")
    connection.close()
    box = opened(path, clock, at_once=True)
    account(box, TELEMETRY)
    shown = box.view().gaps
    assert [(gap.first_seq, gap.last_seq) for gap in shown] == [(2500, 2509)]
    box.close()
    box = opened(path, clock)
    assert box.view().gaps == ()
    looked_at(box)
    assert box.view().gaps == shown
    box.close()


def test_rows_that_grow_too_old_during_the_check_are_not_missed(
    path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutboxTables, "what_is_wrong", never)
    box = opened(path, clock)
    box.housekeep()
    box.check_some(0.0)
    clock.move(20 * DAY_S)
    for _ in range(5):
        box.housekeep()
    assert box.view().streams["telemetry"].oldest_kept_seq == ACKNOWLEDGED + 1
    looked_at(box)
    assert box.view().spoilt_rows == 0
    box.close()


def test_a_stream_that_is_numbered_anew_during_the_check_is_not_looked_at_by_its_old_numbers(
    path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutboxTables, "what_is_wrong", never)
    box = opened(path, clock)
    box.check_some(0.0)
    for number in range(1, 11):
        box.append_telemetry(reading(number, clock))
    box.flush()
    box.begin_epoch(TELEMETRY, "an older copy")
    looked_at(box)
    assert box.view().spoilt_rows == 0
    readings, lost = account(box, TELEMETRY)
    assert (len(readings), lost) == (10, 0)
    box.close()
