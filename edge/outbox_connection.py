"""The one connection of the outbox to its file: SQLite as the outbox uses it, and what its errors mean.

The standard library's `sqlite3`. Another binding to SQLite can stand behind the same seam (the power-cut tests run the
shipped outbox on a file system that forgets what was not synced), so nothing else of `sqlite3` is used anywhere.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

BUSY_TIMEOUT_S: Final = 2.0
"""How long opening waits for a predecessor that is still closing the file, in seconds."""


class OutboxError(Exception):
    """The outbox file can't be used now (retry, or refuse to start). The message names the mend."""


class OutboxFullError(OutboxError):
    """The disk takes no more."""


class OutboxDamagedError(OutboxError):
    """What stands in the file is not what was written: rescue what can be rescued, and begin a new one."""


class SqlCursor(Protocol):
    """The result of one statement."""

    def fetchone(self) -> Any: ...  # noqa: ANN401, D102 - as SQLite gives it
    def fetchall(self) -> list[Any]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    def __iter__(self) -> Iterator[Any]: ...  # noqa: D105


class SqlConnection(Protocol):
    """What the outbox uses of a connection; errors are `sqlite3.Error` with `sqlite_errorcode`."""

    @property
    def in_transaction(self) -> bool: ...  # noqa: D102
    def execute(self, sql: str, parameters: Any = ..., /) -> SqlCursor: ...  # noqa: ANN401, D102
    def executemany(self, sql: str, parameters: Iterable[Any], /) -> SqlCursor: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


Connect = Callable[[Path], SqlConnection]
"""Opens (or creates) a file, without a transaction of its own around anything."""


def connect(path: Path) -> SqlConnection:
    """The standard library's.

    Raises:
        sqlite3.Error: it can't be opened.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.text_factory = _text
    return connection


def _text(raw: bytes) -> str:
    """A text that the disk changed may be none any more: it is for the row's checksum to say so, not for an error."""
    return raw.decode(errors="replace")


def corrupt(what: str) -> sqlite3.DatabaseError:
    """What SQLite would say of a damaged page."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def decide(error: sqlite3.Error, path: Path) -> OutboxError:
    """The decision that follows from an SQLite error, by its primary result code (https://www.sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT):
        return OutboxDamagedError(f"outbox {str(path)!r} is damaged: {error}")
    if code == sqlite3.SQLITE_FULL:
        return OutboxFullError(f"outbox {str(path)!r}: {error}: the disk is full: free some space")
    mend = {
        sqlite3.SQLITE_BUSY: "another agent has it open: stop that one, or give this one a state_dir of its own",
        sqlite3.SQLITE_LOCKED: "another agent has it open: stop that one, or give this one a state_dir of its own",
        sqlite3.SQLITE_READONLY: "the file or its file system is read-only: give the agent's user the right to write",
        sqlite3.SQLITE_CANTOPEN: "it can't be opened: state_dir must exist and belong to the agent's user",
        sqlite3.SQLITE_PERM: "access was denied: state_dir must belong to the agent's user",
        sqlite3.SQLITE_IOERR: "the disk answered with an error: check it, and replace the card if it is worn",
    }.get(code, "unexpected")
    return OutboxError(f"outbox {str(path)!r}: {error}: {mend}")
