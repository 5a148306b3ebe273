"""A disk of some megabytes (a tmpfs, so root only) that can be filled and freed."""

import subprocess
from pathlib import Path
from typing import Final

from medtap.chaos.leftovers import name_of_own
from medtap.services.errors import ServiceError

_BLOCK: Final = b"\0" * 4096


class SmallDisk:
    """Mounted at `directory` until `close`."""

    def __init__(self, directory: Path, size_mb: int) -> None:
        """Mount it, with room for so many megabytes.

        Raises:
            ServiceError: mounting is not allowed here.
        """
        directory.mkdir(parents=True)
        self._directory = directory
        self._ballast = directory / "ballast"
        self._run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m", name_of_own(), str(directory))

    def fill(self) -> None:
        """Take every free byte."""
        try:
            with self._ballast.open("ab", buffering=0) as file:
                while file.write(_BLOCK) == len(_BLOCK):
                    pass
        except OSError:
            return

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it; what stood there is gone."""
        self._run("umount", str(self._directory))

    @staticmethod
    def _run(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - composed above
        if done.returncode != 0:
            raise ServiceError(f"{' '.join(command)}: {done.stderr.strip()}")
