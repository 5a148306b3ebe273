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

LOG_BYTES: Final = 256 * 1024
"""As much as the write-ahead log may hold that has to be copied back (`outbox_file.CHECKPOINT_PAGES`): while that does
not fit on the disk, the log can't begin anew, and nothing can be written any more, not even to make room."""

RESERVE_BYTES: Final = 1024 * 1024
"""Four times that, since one transaction more may stand in the log; on a small disk less, but never less than that."""

LAST_RESERVE_BYTES: Final = RESERVE_BYTES // 2
"""What rows may not use up: with less, an outbox full of events could not begin to send them."""

FREE_AGAIN_BYTES: Final = 4 * RESERVE_BYTES
FREE_AGAIN_PART: Final = 4
"""A disk with so much free space is not full any more; a small one with a quarter of it free."""


class OutboxSpace:
    """Pure accounting, but for the reserve file. Bytes used are those of the file's pages that hold something."""

    def __init__(
        self, path: Path, size_max_bytes: int, *, reserved: bool, room_bytes_min: int = ROOM_BYTES_MIN
    ) -> None:
        """`reserved`: keep a reserve file beside the outbox."""
        self._path = path
        self._room_bytes_min = room_bytes_min
        self._reserve = path.with_name(path.name + ".reserve") if reserved else None
        self._size_max_bytes = size_max_bytes
        self._cap_bytes = size_max_bytes
        self.was_left_full = False
        """True if there is not even room for the write-ahead log: at a start, the last run used up the reserve."""
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
        return min(max(self._cap_bytes // 50, self._room_bytes_min), ROOM_BYTES_MAX)

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
        self._cap_bytes = max(min(self._size_max_bytes, file_bytes - self._room_bytes_min), self._room_bytes_min)

    @property
    def may_grow(self) -> bool:
        """False on a full disk whose last reserve is used up: then nothing may be added that takes more room.

        Else an outbox full of events could not even note that it begins to send them.
        """
        return not self.disk_is_full or self._reserve is None or self._reserve.exists()

    def release_half(self) -> None:
        """Give half of the reserve to rows, once; the last half is for what makes room (sending, marks, deleting)."""
        if self._reserve is not None:
            with contextlib.suppress(OSError):
                os.truncate(self._reserve, min(self._reserve.stat().st_size, LAST_RESERVE_BYTES))

    def release_all(self) -> None:
        """Give what is left of the reserve to the write-ahead log."""
        if self._reserve is not None:
            with contextlib.suppress(OSError):
                self._reserve.unlink(missing_ok=True)

    def look_at_disk(self) -> None:
        """Keep the reserve, and lift the cap of a full disk, while there is room."""
        free_bytes, disk_bytes = self._disk()
        if free_bytes >= min(FREE_AGAIN_BYTES, disk_bytes // FREE_AGAIN_PART):
            # A disk that can't be asked counts as free: if it is not, it says so itself.
            self._cap_bytes = self._size_max_bytes
        if self._reserve is None or not disk_bytes:
            return
        size_bytes = self._reserve.stat().st_size if self._reserve.exists() else 0
        room_bytes = free_bytes + size_bytes
        self.was_left_full = room_bytes < LOG_BYTES
        wanted_bytes = max(room_bytes // 4, min(LAST_RESERVE_BYTES, room_bytes // 2))
        wanted_bytes = min(wanted_bytes, LAST_RESERVE_BYTES if self.disk_is_full else RESERVE_BYTES)
        if size_bytes <= wanted_bytes // 2:
            self._make_reserve(self._reserve, size_bytes, wanted_bytes)

    def _disk(self) -> tuple[int, int]:
        """Bytes that are free to us, and in all."""
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return 0, 0
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize

    def _make_reserve(self, reserve: Path, size_bytes: int, wanted_bytes: int) -> None:
        if wanted_bytes <= 0:
            return
        try:
            with reserve.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, wanted_bytes)
        except OSError:
            # A disk that can't even hold this is full: whatever comes next says so.
            with contextlib.suppress(OSError):
                os.truncate(reserve, size_bytes) if size_bytes else reserve.unlink(missing_ok=True)
