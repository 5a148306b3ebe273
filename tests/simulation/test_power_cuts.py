"""Power cuts of the real SQLite file, under the shipped outbox: not one committed row is lost.

The seed of a failing run is in its message: `cut(seed, CUTS_A_DISK)` replays it.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("apsw", reason="apsw (development extra) is not installed")

from edge.contracts.observations import OBSERVATION
from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_connection import OutboxError, SqlConnection
from edge.outbox_file import open_file
from tests.edge.delivery_kit import SetClock, meaning, reading, scan
from tests.simulation.power_cut_disk import ApswConnection, PowerCutDisk

MEMORY = Path("/dev/shm")  # noqa: S108 - what survives is decided by the simulated disk, not by this one
CUTS_A_DISK = 10
CHECKPOINT_PAGES = 12
"""SQLite's is 1000: small, so that a write-ahead log is copied back and begun anew many times between two cuts."""


class WeakerConnection(ApswConnection):
    """A deliberate bug: commits that are not synced."""

    synchronous = "NORMAL"

    def execute(self, sql: str, parameters: Any = (), /) -> Any:  # noqa: ANN401 - as SqlConnection has it
        return super().execute(sql.replace("synchronous=FULL", f"synchronous={self.synchronous}"), parameters)


class CarelessConnection(WeakerConnection):
    """A worse one: nothing is ever synced."""

    synchronous = "OFF"


@dataclass
class Lost:
    """A row that was said to be committed and is not there as it was."""

    stream: Stream
    seq: int
    expected: str
    found: str


class Node:
    """An outbox on a disk whose power is cut, and what it has said to be committed."""

    def __init__(self, seed: int, connection: type[ApswConnection] = ApswConnection) -> None:
        self.random = Random(seed)  # noqa: S311 - a reproducible test, not a secret
        self.directory = Path(tempfile.mkdtemp(prefix="medtap-power-", dir=MEMORY if MEMORY.is_dir() else None))
        self.disk = PowerCutDisk(self.directory / "state", self.random)
        self.disk.directory.mkdir()
        self.connection = connection
        self.clock = SetClock()
        self.committed: dict[Stream, list[str]] = {stream: [] for stream in Stream}
        self.group: list[str] = []
        self.number = 0
        self.lost: list[Lost] = []
        self.recovered_rows = 0
        self.told = 0
        """How often the outbox itself said that it had lost rows."""
        self.outbox: Outbox | None = None

    def end(self) -> None:
        if self.outbox is not None:
            self.outbox.close()
        self.disk.close()
        shutil.rmtree(self.directory)

    def run_until_the_power_is_cut(self) -> None:
        """Work, be cut at a random operation, come back, and compare."""
        self.disk.cut_after(self.random.randrange(self.random.choice([10, 200, 800, 2500])))
        self.doing: tuple[Stream, list[str]] = (Stream.EVENTS, [])
        while not self.disk.is_cut:
            if self.outbox is None:
                self.outbox = self.open()
            else:
                self.anything()
        if self.outbox is not None:
            self.outbox._tables.close()  # noqa: SLF001 - the process is gone: nothing is written on its way out
            self.outbox = None
        self.disk.power_on()
        self.group = []
        self.outbox = self.open()
        self.compare()

    # --- work ----------------------------------------------------------------------------------------------------

    def open(self) -> Outbox:
        return Outbox(
            self.disk.directory / "outbox.sqlite3",
            self.clock,
            node_name="pharmacy-1",
            telemetry_group_rows=4,
            keep_acknowledged_days=1.0,
            opener=self.open_file,
        )

    def open_file(self, path: Path, now: datetime) -> SqlConnection:
        connection = open_file(path, now, self.connect)
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}").fetchall()
        return connection

    def connect(self, path: Path) -> SqlConnection:
        return self.connection(path, self.disk.vfs_name)

    def anything(self) -> None:
        works: list[tuple[float, Callable[[], None]]] = [
            (5.0, self.event),
            (9.0, self.reading),
            (1.0, self.flush),
            (1.0, self.acknowledge),
            (1.0, self.keep_house),
            (0.2, self.restart_in_order),
        ]
        weights, choices = zip(*works, strict=True)
        self.random.choices(choices, weights)[0]()

    def event(self) -> None:
        self.number += 1
        self.commits(
            Stream.EVENTS, [f"scan {self.number}"], lambda: self.box.append_event(scan(self.number, self.clock))
        )

    def reading(self) -> None:
        self.number += 1
        self.group.append(f"reading {self.number % 10_000}")
        full = len(self.group) == 4
        append = partial(self.box.append_telemetry, reading(self.number % 10_000, self.clock))
        if full:
            self.commits(Stream.TELEMETRY, self.group, append)
            self.group = []
        else:
            append()

    def flush(self) -> None:
        self.commits(Stream.TELEMETRY, self.group, self.box.flush)
        self.group = []

    def acknowledge(self) -> None:
        for stream in Stream:
            self.box.offer(stream)
            marks = self.box.marks(stream)
            self.box.acknowledge(stream, marks.epoch, self.random.randint(marks.acknowledged_seq, marks.last_seq))

    def keep_house(self) -> None:
        self.clock.move(self.random.choice([1.0, 3600.0, 90_000.0]))
        self.box.housekeep()

    def restart_in_order(self) -> None:
        self.commits(Stream.TELEMETRY, self.group, self.box.close)
        self.group = []
        if not self.disk.is_cut:
            self.outbox = None

    def commits(self, stream: Stream, words: list[str], work: Callable[[], object]) -> None:
        """Do it; what returned while there was power is committed."""
        self.doing = stream, words
        work()
        if not self.disk.is_cut:
            self.committed[stream] += words
            self.doing = stream, []

    @property
    def box(self) -> Outbox:
        assert self.outbox is not None
        return self.outbox

    # --- the reckoning -------------------------------------------------------------------------------------------

    def compare(self) -> None:
        names = sorted(path.name for path in self.disk.directory.iterdir())
        assert not [name for name in names if "damaged" in name], names
        check = self.box._tables._connection.execute("PRAGMA integrity_check").fetchall()  # noqa: SLF001
        assert check == [("ok",)], check
        for stream in Stream:
            found = self.rows(stream)
            expected = self.committed[stream]
            oldest = self.box.stream_state(stream).oldest_kept_seq
            acknowledged = self.box.marks(stream).acknowledged_seq
            assert oldest <= acknowledged + 1
            for seq, word in enumerate(expected, 1):
                if seq > acknowledged and found.get(seq, "nothing") != word:
                    self.lost.append(Lost(stream, seq, word, found.get(seq, "nothing")))
            extra = [found[seq] for seq in sorted(found) if seq > len(expected)]
            doing, words = self.doing
            if extra[-1:] == ["fault reports_lost"]:
                # The numbers file survived, and the rows that it speaks of did not.
                self.told += 1
                extra = extra[:-1]
            # What was being committed when the power went is there as a whole, or not at all.
            assert extra in ([], words if doing is stream else [])
            self.committed[stream] = expected[: self.box.last_seq(stream)] + extra
            self.recovered_rows += len(found)

    def rows(self, stream: Stream) -> dict[int, str]:
        """Every row, straight from the tables: reading frames would declare gaps where this has to see them."""
        query = "SELECT seq, body FROM outbox_row WHERE stream = ? ORDER BY seq"
        rows = self.box._tables._connection.execute(query, (stream.value,)).fetchall()  # noqa: SLF001
        return {seq: meaning(OBSERVATION.validate_json(body)) for seq, body in rows}


def cut(seed: int, cuts: int, connection: type[ApswConnection] = ApswConnection, *, lying: bool = False) -> Node:
    node = Node(seed, connection)
    node.disk.lying = lying
    try:
        for _ in range(cuts):
            node.run_until_the_power_is_cut()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    finally:
        node.end()
    return node


@pytest.mark.parametrize("first_seed", range(0, 100, 10))
def test_a_hundred_power_cuts_lose_no_committed_row(first_seed: int) -> None:
    nodes = [cut(seed, CUTS_A_DISK) for seed in range(first_seed, first_seed + 10)]
    assert [node.lost for node in nodes] == [[]] * len(nodes)
    assert [node.told for node in nodes] == [0] * len(nodes)
    # The harness was not idle: cuts hit outboxes with rows in them.
    assert sum(node.recovered_rows for node in nodes) > 3000


def test_the_harness_finds_an_outbox_whose_commits_may_roll_back() -> None:
    nodes = [cut(seed, 1, WeakerConnection) for seed in range(20)]
    lost = [row for node in nodes for row in node.lost]
    assert len(lost) > 5
    assert {row.found for row in lost} <= {"nothing", "fault reports_lost"}
    # And the outbox itself tells of it, by the numbers file.
    assert {bool(node.lost) for node in nodes} == {bool(node.told) for node in nodes}


def test_the_harness_finds_an_outbox_that_never_syncs_and_a_drive_that_lies() -> None:
    assert any(damaged_or_lost(seed, CarelessConnection) for seed in range(20))
    assert any(damaged_or_lost(seed, ApswConnection, lying=True) for seed in range(20))


def damaged_or_lost(seed: int, connection: type[ApswConnection], *, lying: bool = False) -> bool:
    try:
        return bool(cut(seed, 1, connection, lying=lying).lost)
    except (AssertionError, OutboxError):
        return True
