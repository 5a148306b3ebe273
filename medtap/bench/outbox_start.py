"""How soon an edge node with a large outbox takes its first event after a start, beside a raw read of the file."""

import os
import time
from pathlib import Path
from typing import Final

from edge.clock import SystemClock
from edge.contracts.observations import CodeScanned, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.outbox import Outbox

_GROUP: Final = 5000
_LIMITLESS: Final = 1 << 62
_READ_BYTES: Final = 1 << 20


def measure_start(directory: Path, size_mb: int) -> dict[str, float]:
    """Seconds from opening to the first durable event, as shipped and with the whole check before it.

    The file is not in memory each time: its pages are dropped from the cache first (posix_fadvise(2), best effort).
    Most of its rows are acknowledged, as on a node that was in contact.
    """
    path = directory / "start.sqlite3"
    _fill(path, size_mb)
    begun_s, check_s, check_cpu_s = _start(path, at_once=False)
    return {
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "first_event_s": round(begun_s, 3),
        "check_meanwhile_s": round(check_s, 1),
        "check_meanwhile_cpu_s": round(check_cpu_s, 1),
        "first_event_after_whole_check_s": round(_start(path, at_once=True)[0], 3),
        "raw_read_s": round(_raw_read(path), 3),
    }


def _fill(path: Path, size_mb: int) -> None:
    clock = SystemClock()
    outbox = Outbox(path, clock, node_name="bench", telemetry_group_rows=_GROUP)
    number = 0
    while not path.exists() or path.stat().st_size < size_mb * 1_000_000:
        for _ in range(_GROUP):
            stamp = clock.stamp()
            outbox.append_telemetry(
                TemperatureMeasured(
                    device_id="bench-probe",
                    occurred_at=stamp.occurred_at,
                    monotonic_ns=stamp.monotonic_ns,
                    temperature_celsius=2.0 + number % 600 / 100,
                )
            )
            number += 1
    outbox.offer(Stream.TELEMETRY)
    outbox.acknowledge(Stream.TELEMETRY, outbox.epoch(Stream.TELEMETRY), number - number // 50, "0" * 32)
    outbox.close()


def _start(path: Path, *, at_once: bool) -> tuple[float, float, float]:
    """Seconds to the first durable event; seconds and processor seconds of the check after that, without its pauses."""
    _forget(path)
    clock = SystemClock()
    began = time.perf_counter()
    outbox = Outbox(path, clock, node_name="bench", check_at_once_bytes=_LIMITLESS if at_once else 0)
    stamp = clock.stamp()
    outbox.append_event(
        CodeScanned(
            device_id="bench-scanner", occurred_at=stamp.occurred_at, monotonic_ns=stamp.monotonic_ns, text="0108934567"
        )
    )
    begun_s = time.perf_counter() - began
    began, cpu = time.perf_counter(), time.process_time()
    while outbox.view().checked_percent not in {None, 100.0}:
        outbox.check_some()
    check = time.perf_counter() - began, time.process_time() - cpu
    outbox.close()
    return begun_s, *check


def _raw_read(path: Path) -> float:
    _forget(path)
    began = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(_READ_BYTES):
            pass
    return time.perf_counter() - began


def _forget(path: Path) -> None:
    """Have the kernel drop what it holds of the file in memory."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)
