"""The devices of the fleet: barcode scanners whose every code is unique and counted, and quick thermometers."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from firmware_sim.serial_scanner import SerialScanner
from firmware_sim.w1_directory import W1Directory

BAUD_RATE: Final = 115200
READING_INTERVAL_S: Final = 0.1
"""Shortest that an agent may be configured to."""
SCAN_PAUSE_S: Final = (0.05, 0.6)
THERMOMETERS: Final = 4
"""Of each agent: forty readings a second."""
UNCERTAIN_S: Final = 10.0
"""A code on the line so shortly before an agent dies may stay there: it was not kept, and nobody was told it was.
An agent on a machine with ten times the load it can bear was seen to leave its line unread for seconds."""

WHOLE_WITHIN_S: Final = 0.25
"""A code that takes longer (our thread was late) may be given up as half a code: drivers do after 0.5 s of silence."""


@dataclass(frozen=True)
class Scan:
    """One code that a scanner delivered to a listening driver."""

    text: str
    sent_at_s: float
    """Monotonic time of its last character."""
    took_s: float
    """From its first character to its last."""


class NodeSilicon:
    """One agent's scanner and thermometers; a thread scans until told to stop."""

    def __init__(self, agent: str, directory: Path, seed: int) -> None:
        """Plug everything in; nobody scans yet."""
        directory.mkdir(parents=True)
        self._agent = agent
        self._random = Random(f"{seed}/{agent}")  # noqa: S311 - a run has to be repeatable
        self._scanner = SerialScanner(directory / "scanner", baud_rate=BAUD_RATE)
        sensors = {f"28-{number:012x}": 2.0 + number for number in range(THERMOMETERS)}
        self._bus = W1Directory(directory / "w1", sensors)
        self.devices: list[dict[str, Any]] = [
            {
                "device_id": "scanner",
                "driver": "serial_scanner",
                "path": str(self._scanner.path),
                "baud_rate": BAUD_RATE,
            },
            *(
                {
                    "device_id": f"probe-{number}",
                    "driver": "ds18b20",
                    "base_dir": str(self._bus.base_dir),
                    "sensor_id": sensor_id,
                    "interval_s": READING_INTERVAL_S,
                }
                for number, sensor_id in enumerate(sensors)
            ),
        ]
        self._lock = threading.Lock()
        self._heard: list[Scan] = []
        self._delivered: set[str] = set()
        self._disturbed: list[tuple[float, float]] = []
        self._disturbed_since: float | None = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._scan_on, name=f"silicon-{agent}", daemon=True)

    def start(self) -> None:
        """Begin to scan."""
        self._thread.start()

    def silence(self) -> None:
        """No more scans. Safe to call twice."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def close(self) -> None:
        """Unplug everything."""
        self.silence()
        self._scanner.close()
        self._bus.close()

    def disturb(self) -> bool:
        """From here on the agent may be unable to keep what it hears (it is killed, or its disk is full).

        Returns False if it was so before.
        """
        with self._lock:
            if self._disturbed_since is not None:
                return False
            self._disturbed_since = time.monotonic()
            return True

    def calm(self, *, has_kept_all: bool = False) -> None:
        """The agent is well again; `has_kept_all`: and the disturbance must have cost nothing."""
        with self._lock:
            if self._disturbed_since is not None and not has_kept_all:
                self._disturbed.append((self._disturbed_since - UNCERTAIN_S, time.monotonic()))
            self._disturbed_since = None

    @property
    def delivered(self) -> frozenset[str]:
        """Every code that was sent, even in part."""
        with self._lock:
            return frozenset(self._delivered)

    def certain(self) -> Mapping[str, Scan]:
        """Whole codes that a living agent with a working disk has heard: each must have been kept."""
        with self._lock:
            spans = list(self._disturbed)
            if self._disturbed_since is not None:
                spans.append((self._disturbed_since - UNCERTAIN_S, float("inf")))
            return {
                scan.text: scan
                for scan in self._heard
                if scan.took_s < WHOLE_WITHIN_S and not any(begin <= scan.sent_at_s <= end for begin, end in spans)
            }

    def _scan_on(self) -> None:
        number = 0
        while not self._stop.wait(self._random.uniform(*SCAN_PAUSE_S)):
            number += 1
            text = f"CHAOS-{self._agent}-{number:08d}"
            if not self._scanner.listening:
                continue
            with self._lock:
                self._delivered.add(text)
            began_s = time.monotonic()
            if self._scanner.scan(text):
                with self._lock:
                    now_s = time.monotonic()
                    self._heard.append(Scan(text, now_s, now_s - began_s))
