"""Another wall clock for one process, by libfaketime: the shipped code has no hook for it.

An agent is started with the library and a file that says how far its clock is off; rewriting the file makes the clock
jump while the agent runs. The monotonic clock is left alone (FAKETIME_DONT_FAKE_MONOTONIC), as on a real machine.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LIBRARIES: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/arm-linux-gnueabihf/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
)
"""Where Debian (by architecture), Arch and Fedora put the variant for programs with threads."""

JUMPS_S: Final = (-3600, 3600, 365 * 86400, -30 * 365 * 86400)
"""An hour either way, a year ahead, and a machine without a battery that wakes up in the past."""


def find_library() -> Path | None:
    """The library for programs with threads; None if it is not installed."""
    return next((path for path in map(Path, _LIBRARIES) if path.exists()), None)


class JumpingClock:
    """The wall clock of one process."""

    def __init__(self, file: Path, library: Path) -> None:
        """Right at first; `file` is written now."""
        self._file = file
        self._library = library
        self.set_offset(0)

    @property
    def environment(self) -> Mapping[str, str]:
        """What to start the process with."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its name before libfaketime 0.9.8
            "NO_FAKE_STAT": "1",
        }

    def set_offset(self, seconds: int) -> None:
        """From now on (within a second) the clock is off by so much."""
        new = self._file.with_name(self._file.name + ".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)
