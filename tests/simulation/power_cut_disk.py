"""A disk whose power can be cut: real files, of which only what was synced is sure to survive.

SQLite runs on a VFS (https://www.sqlite.org/vfs.html) written with apsw that passes everything through to real files
and keeps, beside them, what each file is sure to hold. At the cut, un-synced writes survive in part: all, none, or any
sectors of any of them (so in any order, and torn); a file that grew may be short again; a file whose deletion was not
synced may be there again. After the cut the process runs on, on files that will be thrown away: what it is told from
then on counts for nothing.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import apsw

_T = TypeVar("_T")

SECTOR_BYTES: Final = 512
"""Smallest part of a write that survives or not as a whole."""


@dataclass
class _Inode:
    """One file: what is surely on the disk, and what was done to it since."""

    durable: bytearray
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes (offset, bytes) and truncations (size, None), oldest first."""


class PowerCutDisk:
    """A directory on this disk. One at a time has a name in SQLite; `close` gives it back."""

    def __init__(self, directory: Path, random: Random) -> None:
        """Nothing is cut yet."""
        self.directory = directory
        self.is_cut = False
        self.operations = 0
        self.lying = False
        """True: the drive answers that it has synced and has not."""
        self._random = random
        self._cut_at: int | None = None
        self._inodes: dict[int, _Inode] = {}
        self._deleted: dict[str, bytes] = {}
        self._survives: dict[str, bytes] = {}
        self._vfs = _Vfs(self)

    @property
    def vfs_name(self) -> str:
        """By which SQLite knows this disk."""
        return self._vfs.name

    def connect(self, path: Path) -> "ApswConnection":
        """Open a file on this disk: a `Connect` (edge/outbox_connection.py)."""
        return ApswConnection(path, self._vfs.name)

    def cut_after(self, operations: int) -> None:
        """Cut the power during the operation after so many more writes, truncations, deletions and syncs."""
        self._cut_at = self.operations + operations

    def power_on(self) -> None:
        """What survived is what the directory holds. Every connection has been closed before."""
        assert self.is_cut, "the power was not cut"
        shutil.rmtree(self.directory)
        self.directory.mkdir()
        for name, content in self._survives.items():
            (self.directory / name).write_bytes(content)
        self._inodes.clear()
        self._deleted.clear()
        self.is_cut, self._cut_at = False, None

    def close(self) -> None:
        """Take the disk out of SQLite."""
        self._vfs.unregister()

    # --- what the VFS tells --------------------------------------------------------------------------------------

    def opened(self, name: str) -> _Inode:
        """The file is open; it is known by its inode, so that a rename does not change what it is."""
        path = Path(name)
        self._deleted.pop(path.name, None)
        return self._inodes.setdefault(path.stat().st_ino, _Inode(bytearray(path.read_bytes())))

    def changes(self, inode: _Inode, offset: int, content: bytes | None) -> None:
        """A write or a truncation is being done."""
        if not self.is_cut:
            inode.pending.append((offset, content))
            self._operated()

    def syncs(self, inode: _Inode) -> None:
        """The file is being synced: if the power holds, all of it is durable afterwards."""
        self._operated()
        if not self.is_cut and not self.lying:
            for change in inode.pending:
                _apply(inode.durable, *change, sectors=None)
            inode.pending.clear()

    def deletes(self, name: str, *, synced: bool) -> None:
        """The file is being deleted."""
        path = Path(name)
        self._operated()
        if not self.is_cut and path.exists():
            inode = self._inodes.pop(path.stat().st_ino, None)
            if inode is not None and not synced:
                self._deleted[path.name] = bytes(inode.durable)

    def _operated(self) -> None:
        self.operations += 1
        if not self.is_cut and self._cut_at is not None and self.operations > self._cut_at:
            self.is_cut = True
            self._survives = dict(self._what_survives())

    def _what_survives(self) -> Iterator[tuple[str, bytes]]:
        luck = self._random.choice([0.0, 1.0, 0.5, self._random.random()])
        for path in sorted(self.directory.iterdir()):
            inode = self._inodes.get(path.stat().st_ino)
            yield path.name, path.read_bytes() if inode is None else self._torn(inode, luck)
        for name, content in self._deleted.items():
            if self._random.random() < 0.5 and not (self.directory / name).exists():
                yield name, content

    def _torn(self, inode: _Inode, luck: float) -> bytes:
        content = bytearray(inode.durable)
        for change in inode.pending:
            _apply(content, *change, sectors=lambda: self._random.random() < luck)
        return bytes(content)


def _apply(content: bytearray, offset: int, written: bytes | None, *, sectors: Callable[[], bool] | None) -> None:
    """Do to `content` what was done to the file, sector by sector as `sectors()` says."""
    if written is None:
        if sectors is None or sectors():
            del content[offset:]
        return
    for start in range(0, len(written), SECTOR_BYTES):
        if sectors is None or sectors():
            part = written[start : start + SECTOR_BYTES]
            missing = offset + start - len(content)
            if missing > 0:
                content.extend(bytes(missing))
            content[offset + start : offset + start + len(part)] = part


class _Vfs(apsw.VFS):
    """Passes everything on to the operating system and tells the disk."""

    def __init__(self, disk: PowerCutDisk) -> None:
        self.name = f"power-cut-{id(disk):x}"
        self._disk = disk
        super().__init__(self.name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_File":  # noqa: N802 - SQLite's name
        assert name is not None, "the outbox has no temporary files"
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's
        self._disk.deletes(filename, synced=syncdir)
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, disk: PowerCutDisk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._inode = disk.opened(name.filename() if isinstance(name, apsw.URIFilename) else name)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's
        self._disk.changes(self._inode, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's
        self._disk.changes(self._inode, newsize, None)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - SQLite's
        # Not passed on: what survives is in our hands, and a real sync would only cost time.
        self._disk.syncs(self._inode)


class ApswConnection:
    """apsw behind the outbox's seam: errors are the standard library's."""

    def __init__(self, path: Path, vfs: str) -> None:
        """Open or create."""
        self._connection = _translated(lambda: apsw.Connection(str(path), vfs=vfs))

    @property
    def in_transaction(self) -> bool:
        """See SqlConnection."""
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Any = (), /) -> "ApswCursor":  # noqa: ANN401 - as SqlConnection has it
        """See SqlConnection."""
        return ApswCursor(_translated(lambda: self._connection.execute(sql, parameters)))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> "ApswCursor":
        """See SqlConnection."""
        return ApswCursor(_translated(lambda: self._connection.executemany(sql, parameters)))

    def close(self) -> None:
        """See SqlConnection."""
        _translated(self._connection.close)


class ApswCursor:
    """See SqlCursor."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        """The rows of this one."""
        self._cursor = cursor

    def fetchone(self) -> Any:  # noqa: ANN401 - as SqlCursor has it
        """See SqlCursor."""
        return _translated(self._cursor.fetchone)

    def fetchall(self) -> list[Any]:
        """See SqlCursor."""
        return _translated(self._cursor.fetchall)

    def close(self) -> None:
        """See SqlCursor."""
        self._cursor.close(force=True)

    def __iter__(self) -> Iterator[Any]:
        """See SqlCursor."""
        while (row := self.fetchone()) is not None:
            yield row


def _translated(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except apsw.Error as error:
        same = sqlite3.OperationalError(str(error))
        same.sqlite_errorcode = getattr(error, "extendedresult", sqlite3.SQLITE_MISUSE)
        raise same from error
