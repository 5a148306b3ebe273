"""How much room the outbox has: its cap, what it uses, and a reserve file for the hour when the disk is full."""

import contextlib
import os
from pathlib import Path
from typing import Final

ROW_OVERHEAD_BYTES: Final = 120
"""What a row takes beside its body: checksum, boot id, numbers, its part of a page's free end."""

ROOM_BYTES_MIN: Final = 16 * 1024
ROOM_BYTES_MAX: Final = 512 * 1024
"""Room is made in one transaction for a fiftieth of the cap, between these: seldom, and not long in an event's way."""

RESERVE_BYTES: Final = 1024 * 1024
"""As much as the write-ahead log may hold that has to be copied back (`outbox_file.CHECKPOINT_PAGES`)."""

FREE_AGAIN_BYTES: Final = 4 * RESERVE_BYTES
"""A disk with so much free space is not full any more."""


class OutboxSpace:
    """Pure accounting, but for the reserve file. Bytes used are those of the file's pages that hold something."""

    def __init__(self, path: Path, size_max_bytes: int, *, reserved: bool) -> None:
        """`reserved`: keep a reserve file beside the outbox."""
        self._path = path
        self._reserve = path.with_name(path.name + ".reserve") if reserved else None
        self._size_max_bytes = size_max_bytes
        self._cap_bytes = size_max_bytes
        self.used_bytes = 0
        """As last measured, and what was added since."""

    @property
    def cap_bytes(self) -> int:
        """The cap that holds now: the configured one, or what a full disk has left us."""
        return self._cap_bytes

    @property
    def disk_is_full(self) -> bool:
        """True from the disk's refusal until it has room again."""
        return self._cap_bytes < self._size_max_bytes

    @property
    def room_bytes(self) -> int:
        """How much to free at once."""
        return min(max(self._cap_bytes // 50, ROOM_BYTES_MIN), ROOM_BYTES_MAX)

    @property
    def is_near_its_cap(self) -> bool:
        """True if little is missing."""
        return self.used_bytes > self._cap_bytes - 2 * self.room_bytes

    def wanted(self, bytes_more: int) -> int:
        """What may be in use, at most, for `bytes_more` to fit and some more after it."""
        return max(self._cap_bytes - bytes_more - self.room_bytes, 0)

    def fits(self, bytes_more: int) -> bool:
        """True if `bytes_more` would stay within the cap."""
        return self.used_bytes + bytes_more <= self._cap_bytes

    def refused(self, file_bytes: int) -> None:
        """The disk is full: from now on live within the file as it is, so that it never has to grow."""
        self._cap_bytes = max(min(self._size_max_bytes, file_bytes - ROOM_BYTES_MIN), ROOM_BYTES_MIN)

    def restored(self, cap_bytes: int) -> None:
        """Nothing could be done about the full disk: the cap is what it was."""
        self._cap_bytes = cap_bytes

    def release_reserve(self) -> None:
        """Give the reserve to the write-ahead log."""
        if self._reserve is not None:
            with contextlib.suppress(OSError):
                self._reserve.unlink(missing_ok=True)

    def look_at_disk(self) -> None:
        """Keep the reserve, and lift the cap of a full disk, while there is room."""
        free_bytes = self._free_bytes()
        if free_bytes >= FREE_AGAIN_BYTES:
            self._cap_bytes = self._size_max_bytes
        if self._reserve is not None and not self._reserve.exists():
            self._make_reserve(self._reserve, min(RESERVE_BYTES, free_bytes // 4))

    def _free_bytes(self) -> int:
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize

    def _make_reserve(self, reserve: Path, size_bytes: int) -> None:
        if size_bytes <= 0 or self.disk_is_full:
            return
        try:
            with reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError:
            # A disk that can't even hold this is full: whatever comes next says so.
            with contextlib.suppress(OSError):
                reserve.unlink(missing_ok=True)
