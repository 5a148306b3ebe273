"""A small disk, really full: what was kept stays, what was dropped is declared, and with room again it all goes on."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge.contracts.streams import Stream
from edge.outbox import Outbox, OutboxError
from tests.edge.delivery_kit import SetClock, reading, scan
from tests.edge.outbox_kit import account

EVENTS, TELEMETRY = Stream.EVENTS, Stream.TELEMETRY


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Four megabytes of a file system of their own."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "medtap-test", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def opened(directory: Path, clock: SetClock) -> Outbox:
    return Outbox(directory / "outbox.sqlite3", clock, node_name="pharmacy-1", telemetry_group_rows=20, reserved=True)


def fill_up(file: Path) -> None:
    """Take all the space that is left."""
    with file.open("wb", buffering=0) as log, contextlib.suppress(OSError):
        while log.write(bytes(4096)) == 4096:
            pass


def crash(box: Outbox) -> None:
    box._tables.close()  # noqa: SLF001 - nothing is written on the way out


@pytest.mark.parametrize("seed", range(4))
def test_a_small_disk_that_others_fill_takes_everything_again_as_soon_as_it_has_room(
    small_disk: Path, clock: SetClock, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - a reproducible test
    box = opened(small_disk, clock)
    kept: list[int] = []
    readings = number = 0

    def work(rounds: int, *, full: bool) -> None:
        nonlocal readings, number
        for _ in range(rounds):
            number += 1
            with contextlib.suppress(OutboxError) if full else contextlib.nullcontext():
                box.append_event(scan(number, clock))
                kept.append(number)
            for _ in range(random.randint(0, 40)):
                readings += 1
                box.append_telemetry(reading(readings % 10_000, clock))
            if random.random() < 0.05:
                with contextlib.suppress(OutboxError) if full else contextlib.nullcontext():
                    box.housekeep()

    for _ in range(3):
        work(random.randint(10, 150), full=False)
        fill_up(small_disk / "someone.log")
        work(random.randint(50, 150), full=True)
        if random.random() < 0.5:
            box.flush()
            crash(box)
            box = opened(small_disk, clock)
        (small_disk / "someone.log").unlink()
        # At once, and as the flusher does every five seconds.
        box.append_event(scan(0, clock))
        box.housekeep()
        work(20, full=False)
    scans = [int(word.removeprefix("scan ")) for word in account(box, EVENTS)[0].values() if word.startswith("scan")]
    assert [number for number in scans if number] == kept
    box.flush()
    found, lost = account(box, TELEMETRY)
    assert len(found) + lost == box.last_seq(TELEMETRY) == readings
    box.close()


def test_an_outbox_full_of_events_on_a_full_disk_starts_again_and_delivers_itself_free(
    small_disk: Path, clock: SetClock
) -> None:
    box = opened(small_disk, clock)
    kept = 0
    with contextlib.suppress(OutboxError):
        for number in range(1, 100_000):
            box.append_event(scan(number, clock).model_copy(update={"text": f"{number} " + "x" * 500}))
            kept = number
    assert 2000 < kept < 10_000
    # However often it is tried, and however it ends: there is always room to say that it begins to send.
    for number in range(1, 31):
        with pytest.raises(OutboxError, match=r"free some space"):
            box.append_event(scan(number, clock).model_copy(update={"text": "x" * 4000}))
        if number % 10 == 0:
            crash(box)
            box = opened(small_disk, clock)
    last = box.last_seq(EVENTS)
    assert last >= kept
    box.offer(EVENTS)
    for mark in range(100, last, 100):
        box.acknowledge(EVENTS, box.epoch(EVENTS), mark)
        box.housekeep()
    box.acknowledge(EVENTS, box.epoch(EVENTS), last)
    for number in range(1, 200):
        box.append_event(scan(number, clock))
    assert box.last_seq(EVENTS) > last + 198
    box.close()
