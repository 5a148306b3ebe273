"""What a killed chaos run leaves mounted: small disks and network namespaces, swept by the next run.

Both carry the process id of their owner in their names, and for as long as the owner lives it holds an flock(2) on a
file of that id: the kernel lets go of the lock however the owner ends, and a new process with the id of a dead one is
not taken for it.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

OWNERS: Final = Path("/run/medtap-chaos")
"""Only root can mount anything, so only root comes here."""
_NAME: Final = re.compile(r"\Amedtap-chaos-([0-9]+)(?:-[0-9]+)?\Z")
_RUN_DIRECTORY: Final = re.compile(r"\Amedtap-chaos-[^/]+\Z")


def name_of_own(number: int | None = None) -> str:
    """Name for a disk, or for network namespace `number`, of this process."""
    return f"medtap-chaos-{os.getpid()}" + ("" if number is None else f"-{number}")


@contextmanager
def owning() -> Iterator[None]:
    """While it lasts, what this process names with `name_of_own` is nobody else's to sweep; sweeps the others first."""
    if os.geteuid() != 0:
        yield
        return
    sweep()
    OWNERS.mkdir(parents=True, exist_ok=True)
    unfinished = OWNERS / f"{os.getpid()}.new"
    lock = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        owner = unfinished.rename(OWNERS / str(os.getpid()))  # locked before a sweep can see it
        try:
            yield
        finally:
            owner.unlink()
    finally:
        os.close(lock)


def sweep() -> tuple[str, ...]:
    """Take away what dead runs left; the names."""
    swept = []
    for source, directory in _disks():
        if _is_dead(source):
            # Lazily: an agent that has not noticed its parent's death may still have a file open there.
            _run("umount", "--lazy", str(directory))
            run_directory = next((one for one in directory.parents if _RUN_DIRECTORY.match(one.name)), None)
            if run_directory is not None:
                shutil.rmtree(run_directory, ignore_errors=True)
            swept.append(f"{source} on {directory}")
    for name in _namespaces():
        if _is_dead(name):
            _run("ip", "netns", "del", name)
            swept.append(f"network namespace {name}")
    for owner in OWNERS.glob("[0-9]*") if OWNERS.is_dir() else ():
        if _is_dead(f"medtap-chaos-{owner.name}"):
            owner.unlink(missing_ok=True)
    return tuple(swept)


def _disks() -> Iterator[tuple[str, Path]]:
    """proc(5), /proc/pid/mounts: source, directory (with spaces as octal), type."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        source, directory, kind, *_ = line.split(" ")
        if kind == "tmpfs" and _NAME.match(source):
            yield source, Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), directory))


def _namespaces() -> list[str]:
    if shutil.which("ip") is None:
        return []
    listed = subprocess.run(["ip", "-json", "netns", "list"], capture_output=True, text=True, check=False)  # noqa: S607 - as root, by PATH
    found: list[dict[str, Any]] = json.loads(listed.stdout or "[]")
    return [str(one["name"]) for one in found if _NAME.match(str(one["name"]))]


def _is_dead(name: str) -> bool:
    match = _NAME.match(name)
    if match is None:
        return False
    try:
        lock = os.open(OWNERS / match[1], os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return not Path("/proc", match[1]).exists()  # it is just about to lock, or made a single thing, as a test does
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - composed above; another sweep may be quicker
