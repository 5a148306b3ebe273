"""The disk of an edge node: outbox files in memory, that lose nothing committed and nothing else survives a crash.

The shipped outbox runs on real SQLite here, only that its file is in memory. What a power cut does to a real file is
tested elsewhere, on real files; here COMMIT is the line between what survives and what does not.
"""

import re
import sqlite3
from random import Random
from typing import Any, Final, Literal

from edge import outbox_file
from edge.contracts.streams import Stream
from tests.simulation.oracle import BrokenPromiseError, EdgeBooks
from tests.simulation.scheduler import START

_MONOTONIC: Final = re.compile(rb'"monotonic_ns":(\d+)')
_GAP: Final = b'"kind":"gap_declared"'

Crash = Literal["before", "after"]


class KilledError(BaseException):
    """The process was killed here: no `except Exception` of shipped code may see it."""


class OutboxFile(sqlite3.Connection):
    """A file in memory: closing it is what a process does, the file stays."""

    disk: "Disk"

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401 - as sqlite3 has it
        """Faults happen where a transaction begins and ends."""
        if sql == "BEGIN IMMEDIATE":
            self.disk.before_transaction()
        elif sql == "COMMIT":
            return self.disk.commit(self)
        return super().execute(sql, parameters)

    def committed(self) -> sqlite3.Cursor:
        """COMMIT, really."""
        return super().execute("COMMIT")

    def close(self) -> None:
        """Nothing uncommitted survives; all else does."""
        if self.in_transaction:
            self.rollback()

    def destroy(self) -> None:
        """Give the memory back."""
        super().close()


class Disk:
    """One edge node's state directory, with what can go wrong on it."""

    def __init__(self, books: EdgeBooks, random: Random, *, cap_bytes: int = 0) -> None:
        """`books` are told of every row that is committed; of dropped ones, if the outbox has a cap."""
        self._is_watched = bool(cap_bytes)
        """True if rows may be dropped: there is a cap, or the disk was full once."""
        self._kept_seqs: dict[tuple[str, str], set[int]] = {}
        self.file: OutboxFile | None = None
        self.full = False
        self.crash_at_commit: Crash | None = None
        self._books = books
        self._random = random
        self._seen: dict[tuple[str, str], int] = {}
        """By stream and epoch: up to where the books were told."""
        self._offered: dict[str, tuple[str, int]] = {}
        """By stream: its epoch, and the highest number that may have been sent."""

    # --- what shipped code sees ----------------------------------------------------------------------------------

    def open(self) -> sqlite3.Connection:
        """Open the file; make it if there is none."""
        if self.file is None:
            self.file = self._connect(_EMPTY)
            epochs = [(f"{self._random.getrandbits(64):016x}", stream.value) for stream in Stream]
            self.file.executemany("UPDATE stream SET epoch = ? WHERE stream = ?", epochs)
        return self.file

    def new_epoch(self) -> str:
        """From the seed."""
        return f"{self._random.getrandbits(64):016x}"

    def before_transaction(self) -> None:
        """A full disk takes no more transactions."""
        if self.full:
            self._is_watched = True
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    def commit(self, file: OutboxFile) -> sqlite3.Cursor:
        """Commit, perhaps with a crash on either side of it; tell the books."""
        crash, self.crash_at_commit = self.crash_at_commit, None
        if crash == "before":
            raise KilledError
        done = file.committed()
        self._tell(file)
        if self._is_watched:
            self._see_what_was_dropped(file)
        if crash == "after":
            raise KilledError
        return done

    # --- what the world does to it -------------------------------------------------------------------------------

    def copy(self) -> bytes:
        """An image of the file."""
        assert self.file is not None
        return self.file.serialize()

    def replace(self, image: bytes | None) -> None:
        """Another file takes the place: an older copy, or (None) a new one as soon as it is opened."""
        if self.file is not None:
            self.file.destroy()
        self.file = None if image is None else self._connect(image)
        self._offered.clear()
        self._kept_seqs.clear()
        self._books.file_replaced(set() if self.file is None else self._kept(self.file))

    def damage(self, random: Random) -> None:
        """Flip a bit of one row, or lose a row, anywhere in the file."""
        if self.file is None:
            return
        rows = self.file.execute("SELECT stream, seq FROM outbox_row").fetchall()
        if not rows:
            return
        stream, seq = random.choice(rows)
        where = "WHERE stream = ? AND seq = ?"
        epoch, body = self.file.execute(
            f"SELECT epoch, body FROM outbox_row JOIN stream USING (stream) {where}",  # noqa: S608 - a constant
            (stream, seq),
        ).fetchone()
        if _GAP in body:
            return
        self._books.damaged(stream, epoch, seq)
        if random.random() < 0.5:
            self.file.execute(f"DELETE FROM outbox_row {where}", (stream, seq))  # noqa: S608 - a constant
        else:
            broken = bytearray(body)
            broken[random.randrange(len(broken))] ^= 1
            self.file.execute(f"UPDATE outbox_row SET body = ? {where}", (bytes(broken), stream, seq))  # noqa: S608

    def destroy(self) -> None:
        """The end of the world."""
        if self.file is not None:
            self.file.destroy()

    # --- inside --------------------------------------------------------------------------------------------------

    def _connect(self, image: bytes) -> OutboxFile:
        file = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=OutboxFile)
        file.disk = self
        file.deserialize(image)
        return file

    def _tell(self, file: OutboxFile) -> None:
        for stream, epoch, last_seq, offered_seq in _streams(file):
            before = self._offered.get(stream)
            if before is not None and before[0] != epoch:
                self._books.renumbered(stream, *before, epoch)
            self._offered[stream] = epoch, offered_seq
            seen = self._seen.get((stream, epoch), 0)
            if last_seq <= seen:
                continue
            self._seen[stream, epoch] = last_seq
            rows = sqlite3.Connection.execute(
                file, "SELECT seq, body FROM outbox_row WHERE stream = ? AND seq > ? ORDER BY seq", (stream, seen)
            )
            for seq, body in rows:
                if _GAP not in body:
                    self._books.committed(stream, epoch, seq, _identity(body), body)

    def _see_what_was_dropped(self, file: OutboxFile) -> None:
        """A row that is there no more was acknowledged, or a gap stands in its place, and it is a reading.

        Raises:
            BrokenPromiseError: neither, or there was room.
        """
        query = sqlite3.Connection.execute
        for stream, epoch, acknowledged_seq in query(
            file, "SELECT stream, epoch, acknowledged_seq FROM stream"
        ).fetchall():
            rows = query(file, "SELECT seq, span, body FROM outbox_row WHERE stream = ?", (stream,)).fetchall()
            kept = {seq for seq, _, body in rows if _GAP not in body}
            gaps = [(seq, seq + span - 1) for seq, span, body in rows if _GAP in body]
            before = self._kept_seqs.get((stream, epoch), set())
            self._kept_seqs[stream, epoch] = kept
            for seq in before - kept:
                declared = any(first <= seq <= last for first, last in gaps)
                if not declared and seq > acknowledged_seq and not self._books.is_damaged(stream, epoch, seq):
                    raise BrokenPromiseError(
                        f"{self._books.name}/{stream}/{epoch} row {seq}: dropped, and not declared"
                    )
                if stream == Stream.TELEMETRY.value or seq <= acknowledged_seq:
                    self._books.dropped.add((stream, epoch, seq))

    def _kept(self, file: OutboxFile) -> set[int]:
        for stream, epoch, last_seq, offered_seq in _streams(file):
            self._seen[stream, epoch] = last_seq
            self._offered[stream] = epoch, offered_seq
        return {_identity(body) for (body,) in file.execute("SELECT body FROM outbox_row") if _GAP not in body}


def _streams(file: OutboxFile) -> list[tuple[str, str, int, int]]:
    return sqlite3.Connection.execute(file, "SELECT stream, epoch, last_seq, offered_seq FROM stream").fetchall()


def _identity(body: bytes) -> int:
    found = _MONOTONIC.search(body)
    assert found is not None, body
    return int(found[1])


def _empty_file() -> bytes:
    file = sqlite3.connect(":memory:", isolation_level=None)
    # Small pages, so that few rows reach a cap.
    file.execute("PRAGMA page_size=1024")
    outbox_file._make_tables(file, START)  # noqa: SLF001 - the shipped schema, without a file around it
    image = file.serialize()
    file.close()
    return image


_EMPTY: Final = _empty_file()
