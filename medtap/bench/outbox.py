"""How fast an edge node's outbox takes rows and gives frames, beside bare SQLite with the same durability."""

import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.clock import SystemClock
from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.observations import CodeScanned, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.outbox import Outbox
from edge.outbox_rows import encode_row
from medtap.bench.outbox_start import measure_start

GROUPS: Final = (10, 50, 500)
"""Readings in one commit: a small node, the default, a backlog."""


@dataclass(frozen=True)
class OutboxOptions:
    """What to measure."""

    readings: int
    events: int
    start_mb: int = 0
    """Size of the file of which the start is measured, in MB (10^6 bytes); 0: not measured."""
    directory: Path | None = None
    """On the disk to be measured; a temporary directory if None."""


def measure_outbox(options: OutboxOptions) -> dict[str, Any]:
    """Rows a second of everything an outbox does all day, each durable (`synchronous=FULL`), on a file of its own.

    Readings are made, validated, encoded, sealed and committed; bare SQLite inserts the same bytes, already encoded.
    """
    with tempfile.TemporaryDirectory(prefix="medtap-bench-", dir=options.directory) as place:
        directory = Path(place)
        groups = {str(group): _group(directory, group, options.readings) for group in GROUPS}
        return {
            "readings": options.readings,
            "events": options.events,
            "groups": groups,
            "readings_per_s": groups["50"]["readings_per_s"],
            "ratio": groups["50"]["ratio"],
            **_events(directory, options.events),
            **({"start": measure_start(directory, options.start_mb)} if options.start_mb else {}),
            "sqlite_version": sqlite3.sqlite_version,
        }


def _group(directory: Path, group: int, count: int) -> dict[str, float]:
    clock = SystemClock()
    path = directory / f"group-{group}.sqlite3"
    outbox = Outbox(path, clock, node_name="bench", telemetry_group_rows=group)
    began = time.perf_counter()
    for number in range(count):
        outbox.append_telemetry(_reading(clock, number))
    outbox.flush()
    appended_s = time.perf_counter() - began
    read_s = _read(outbox, clock)
    outbox.close()
    bare_s = _bare(directory / f"bare-{group}.sqlite3", [encode_row(_reading(clock, n)) for n in range(count)], group)
    return {
        "readings_per_s": round(count / appended_s),
        "bare_sqlite_rows_per_s": round(count / bare_s),
        "ratio": round(bare_s / appended_s, 3),
        "framed_per_s": round(count / read_s),
        "file_bytes_per_row": round(path.stat().st_size / count, 1),
    }


def _events(directory: Path, count: int) -> dict[str, float]:
    clock = SystemClock()
    outbox = Outbox(directory / "events.sqlite3", clock, node_name="bench")
    began = time.perf_counter()
    for number in range(count):
        stamp = clock.stamp()
        outbox.append_event(
            CodeScanned(
                device_id="bench-scanner",
                occurred_at=stamp.occurred_at,
                monotonic_ns=stamp.monotonic_ns,
                text=f"0108934567890123{number:08d}",
            )
        )
    appended_s = time.perf_counter() - began
    outbox.close()
    bodies = [encode_row(_reading(clock, number)) for number in range(count)]
    bare_s = _bare(directory / "bare-events.sqlite3", bodies, 1)
    return {
        "events_per_s": round(count / appended_s),
        "bare_sqlite_commits_per_s": round(count / bare_s),
        "events_ratio": round(bare_s / appended_s, 3),
    }


def _reading(clock: SystemClock, number: int) -> TemperatureMeasured:
    stamp = clock.stamp()
    return TemperatureMeasured(
        device_id="bench-probe",
        occurred_at=stamp.occurred_at,
        monotonic_ns=stamp.monotonic_ns,
        temperature_celsius=2.0 + number % 600 / 100,
    )


def _read(outbox: Outbox, clock: SystemClock) -> float:
    """Seconds to read, check and frame every row."""
    began, after = time.perf_counter(), 0
    while (rows := outbox.read_frame(Stream.TELEMETRY, after)) is not None:
        header = FrameHeader(
            site="bench",
            edge_node="bench",
            stream=Stream.TELEMETRY,
            epoch=rows.epoch,
            boot_id=rows.boot_id,
            first_seq=rows.first_seq,
            sent_at=clock.stamp().occurred_at,
        )
        encode_frame(header, rows.bodies)
        after = rows.last_seq
    return time.perf_counter() - began


def _bare(path: Path, bodies: Sequence[bytes], group: int) -> float:
    """Seconds that SQLite takes for the same rows in the same groups, and nothing else."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
        began = time.perf_counter()
        for first in range(0, len(bodies), group):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO bare (body) VALUES (?)", [(body,) for body in bodies[first : first + group]]
            )
            connection.execute("COMMIT")
        return time.perf_counter() - began
