"""Compiles the input shim with the machine's C compiler."""

import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

INPUT_DIRECTORY_VARIABLE = "MEDTAP_SIM_INPUT_DIR"
"""Environment variable that names the directory with the sockets `event0`, `event1`, ..."""


class ShimBuildError(Exception):
    """The shim can't be compiled here; the message says what is missing."""


def build_evdev_shim(directory: Path) -> Path:
    """Compile `evdev_shim.c` into `directory`; returns the library to name in LD_PRELOAD.

    Raises:
        ShimBuildError: there is no C compiler, or it refuses (on Debian `gcc` and `linux-libc-dev` are needed).
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise ShimBuildError("no C compiler: 'cc' is not on PATH (Debian: install gcc and linux-libc-dev)")
    library = directory / "evdev_shim.so"
    with as_file(files("firmware_sim.shims") / "evdev_shim.c") as source:
        command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(source)]
        command += ["-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own source
    if done.returncode != 0:
        raise ShimBuildError(f"{compiler} refused {source.name} with status {done.returncode}: {done.stderr.strip()!r}")
    return library


def preload_environment(library: Path, input_directory: Path) -> dict[str, str]:
    """What a process that shall see the simulated input devices needs in its environment."""
    return {"LD_PRELOAD": str(library), INPUT_DIRECTORY_VARIABLE: str(input_directory)}
