"""The outbox file: its tables, and opening it so that damage is found, set aside and told."""

import logging
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.contracts.streams import Stream
from edge.outbox_connection import Connect, OutboxDamagedError, OutboxError, SqlConnection, connect, decide
from edge.outbox_marks import new_epoch
from edge.outbox_numbers import read_numbers
from edge.outbox_rescue import rescue
from edge.outbox_tables import OutboxTables

__all__ = ["OutboxDamagedError", "OutboxError", "damaged_siblings", "decide", "open_file", "set_aside", "upgrade"]

SCHEMA_VERSION: Final = 2
"""`PRAGMA user_version` of the file."""

APPLICATION_ID: Final = 0x6D656474
"""`PRAGMA application_id` of the file, "medt" in ASCII: another program's database is never touched."""

CHECKPOINT_PAGES: Final = 64
"""The write-ahead log is copied back when it has so many pages (256 kB): what a full disk has to take at most."""

_LOG = logging.getLogger(__name__)

_TABLES: Final = """
CREATE TABLE outbox_file (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    created_at_ms INTEGER NOT NULL,                    -- wall clock, milliseconds since 1970
    damage_reported TEXT NOT NULL DEFAULT '',          -- newest damaged file beside this one that was told of
    running_ms INTEGER NOT NULL DEFAULT 0,             -- for how long agents have run on this file
    sha256 BLOB NOT NULL DEFAULT x''                   -- over the columns before it
) STRICT;

CREATE TABLE stream (
    stream TEXT PRIMARY KEY CHECK (stream IN ('events', 'telemetry')),
    epoch TEXT NOT NULL CHECK (length(epoch) = 16),
    last_seq INTEGER NOT NULL DEFAULT 0,               -- highest number given
    offered_seq INTEGER NOT NULL DEFAULT 0,            -- highest number that this file or a copy may have sent
    in_contact INTEGER NOT NULL DEFAULT 0,             -- 1: rows were offered since the file was opened
    acknowledged_seq INTEGER NOT NULL DEFAULT 0,       -- the gateway's mark, written lazily: an old one costs a resend
    server_generation TEXT NOT NULL DEFAULT '',        -- the database that gave the mark
    row_count INTEGER NOT NULL DEFAULT 0,              -- observations ever committed, declared gaps not counted
    sha256 BLOB NOT NULL DEFAULT x''                   -- over the columns before it
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox_row (
    stream TEXT NOT NULL REFERENCES stream (stream),
    seq INTEGER NOT NULL CHECK (seq > 0),
    span INTEGER NOT NULL DEFAULT 1 CHECK (span > 0),  -- numbers the row stands for: more than 1 only for a gap
    boot_id TEXT NOT NULL,
    body BLOB NOT NULL,                                -- the row as it goes on the wire
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    committed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
"""

_AGES: Final = """
CREATE TABLE acknowledged_at (
    stream TEXT NOT NULL REFERENCES stream (stream),
    seq INTEGER NOT NULL,                              -- up to here all was acknowledged ...
    running_ms INTEGER NOT NULL,                       -- ... when agents had run for so long (outbox_file.running_ms)
    sha256 BLOB NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
"""

_UPGRADE_1: Final = (
    "ALTER TABLE outbox_file ADD COLUMN running_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE outbox_file ADD COLUMN sha256 BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE stream ADD COLUMN sha256 BLOB NOT NULL DEFAULT x''",
    _AGES,
)
"""What version 2 has more than version 1."""


def open_file(path: Path, now: datetime, connect: Connect = connect, *, whole: bool = True) -> SqlConnection:
    """Open or create the outbox file, alone: a second connection to it, from anywhere, is refused by SQLite.

    `whole`: every page is checked, which takes long with a large file; otherwise only what rows are found by.

    A damaged file is moved aside (never deleted) and a new one takes its place, with every row that is whole, its
    epochs and numbers; where not even those can be read, with new epochs. `damaged_siblings` names it until an event
    has told of it.

    Raises:
        OutboxError: locked, no rights, disk full, a newer schema, another program's database.
    """
    try:
        if not path.exists():
            _begin(path, now, connect)
        return _open(path, connect, whole=whole)
    except OutboxDamagedError as error:
        _LOG.critical("%s", error)
        _replace(path, now, connect)
        return _open(path, connect)
    except OSError as error:
        raise OutboxError(
            f"outbox {str(path)!r}: {error.strerror}: state_dir must exist and belong to the agent's user"
        ) from error


def set_aside(path: Path, now: datetime) -> Path:
    """Rename the file and its write-ahead log so that both can still be opened together; return the new name."""
    return _move_aside(path, _aside(path, now))


def _aside(path: Path, now: datetime) -> Path:
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    candidates = (path.with_name(f"{path.stem}.damaged-{stamp}{extra}{path.suffix}") for extra in _suffixes())
    return next(candidate for candidate in candidates if not candidate.exists())


def _move_aside(path: Path, aside: Path) -> Path:
    for ending in ("-wal", "-shm", "-journal", ""):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside


def damaged_siblings(path: Path) -> list[str]:
    """Names of the damaged files that stand beside `path`, oldest first."""
    return sorted(sibling.name for sibling in path.parent.glob(f"{path.stem}.damaged-*{path.suffix}"))


def _suffixes() -> list[str]:
    return ["", *(f"-{number}" for number in range(2, 1000))]


def _open(path: Path, connect: Connect, *, whole: bool = True) -> SqlConnection:
    if path.stat().st_size == 0:
        raise OutboxDamagedError(f"outbox {str(path)!r} is damaged: it is empty")
    if not os.access(path, os.W_OK):
        # SQLite would open it for reading and then fail to lock it, with an error that blames the disk.
        raise OutboxError(
            f"outbox {str(path)!r}: the file or its file system is read-only: give the agent's user the right to write"
        )
    connection = _connected(path, connect)
    try:
        _configure(connection)
        _check(connection, path, whole=whole)
    except sqlite3.Error as error:
        connection.close()
        raise decide(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: Path, connect: Connect) -> SqlConnection:
    try:
        return connect(path)
    except sqlite3.Error as error:
        raise decide(error, path) from error


def _begin(path: Path, now: datetime, connect: Connect) -> None:
    """Make a new file; or take the complete one that a power cut left beside its place."""
    new = _new(path)
    if new.exists():
        try:
            _open(new, connect).close()
        except OutboxError:
            _LOG.warning("%s was not complete; it is made anew", new)
        else:
            _put_in_place(new, path)
            return
    _make(new, now, connect)
    _put_in_place(new, path)


def _replace(path: Path, now: datetime, connect: Connect) -> None:
    """Move a damaged file aside. What is whole in it is in the new one by then: a power cut costs nothing."""
    aside, new = _aside(path, now), _new(path)
    _make(new, now, connect)
    try:
        with closing(_connected(path, connect)) as damaged, closing(_connected(new, connect)) as target:
            _configure(target)
            damaged.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
            told = rescue(damaged, target, aside.name, read_numbers(path))
        _LOG.critical("the damaged outbox stands aside as %s: %s", aside, told)
    except sqlite3.Error as error:
        raise decide(error, path) from error
    _move_aside(path, aside)
    _put_in_place(new, path)


def _new(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _make(new: Path, now: datetime, connect: Connect) -> None:
    """A complete, empty file under another name: a power cut leaves no half of one."""
    for ending in ("-wal", "-shm", "-journal", ""):
        new.with_name(new.name + ending).unlink(missing_ok=True)
    connection = _connected(new, connect)
    try:
        _configure(connection)
        _make_tables(connection, now)
    except sqlite3.Error as error:
        raise decide(error, new) from error
    finally:
        connection.close()


def _put_in_place(new: Path, path: Path) -> None:
    new.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _configure(connection: SqlConnection) -> None:
    """Set what durability rests on.

    - `locking_mode=EXCLUSIVE` before the first use of the write-ahead log: there can be no second connection, and so
      not the WAL-reset bug of SQLite 3.7.0 to 3.51.2 either, which needs two (https://www.sqlite.org/wal.html#walresetbug).
    - `synchronous=FULL`: WAL with NORMAL may lose commits at a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
    """
    for pragma in (
        "locking_mode=EXCLUSIVE",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=OFF",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    # Takes the exclusive lock now, so that a second agent is refused at its start and not at its first row.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _pragma(connection: SqlConnection, name: str) -> int:
    with closing(connection.execute(f"PRAGMA {name}")) as cursor:
        return int(cursor.fetchone()[0])


def _make_tables(connection: SqlConnection, now: datetime) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in (_TABLES + _AGES).split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(
        "INSERT INTO outbox_file (only_row, created_at_ms) VALUES (1, ?)", (int(now.timestamp() * 1000),)
    )
    for stream in Stream:
        connection.execute("INSERT INTO stream (stream, epoch) VALUES (?, ?)", (stream.value, new_epoch()))
    seal_all(connection)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


def seal_all(connection: SqlConnection) -> None:
    """Seal the marks as they stand; inside a transaction."""
    tables = OutboxTables(connection)
    tables.save(tables.load())
    tables.save_file(tables.load_file())


def upgrade(connection: SqlConnection) -> None:
    """Bring a file of version 1 to this version, as a whole or not at all. Its marks are taken as they stand.

    Raises:
        sqlite3.Error: not done.
    """
    connection.execute("BEGIN IMMEDIATE")
    for statement in _UPGRADE_1:
        connection.execute(statement)
    seal_all(connection)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _check(connection: SqlConnection, path: Path, *, whole: bool) -> None:
    """Find damage at the start and not at the row that meets it.

    Raises:
        OutboxDamagedError: pages or tables don't fit together, or rows stand beyond the highest number given.
        OutboxError: another program's database, or another version's.
    """
    application_id, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if application_id != APPLICATION_ID:
        raise OutboxError(
            f"outbox {str(path)!r}: application_id {application_id:#x}, expected {APPLICATION_ID:#x}: "
            "this is another program's database; choose another state_dir"
        )
    if version == 1:
        upgrade(connection)
    elif version != SCHEMA_VERSION:
        raise OutboxError(
            f"outbox {str(path)!r}: schema version {version}, expected {SCHEMA_VERSION}: "
            "install the medtap that wrote it, or a newer one"
        )
    if whole and (found := OutboxTables(connection).what_is_wrong()):
        raise OutboxDamagedError(f"outbox {str(path)!r} is damaged: {found}")
    _check_tables(connection, path)


def _check_tables(connection: SqlConnection, path: Path) -> None:
    tables = OutboxTables(connection)
    try:
        marks = tables.load()
        files = connection.execute("SELECT count(*) FROM outbox_file").fetchone()[0]
        whole = set(marks) == set(Stream) and files == 1
        unsealed = tables.unsealed() if whole else ["every stream"]
        # Stream by stream: GROUP BY would read the whole file once more.
        highest = [(stream, tables.newest_kept(stream)) for stream in Stream] if whole else []
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        # A table or column is away: the file is ours, but not whole.
        raise OutboxDamagedError(f"outbox {str(path)!r} is damaged: {error}") from error
    except ValueError as error:
        raise OutboxDamagedError(f"outbox {str(path)!r} is damaged: {error}") from error
    if unsealed:
        raise OutboxDamagedError(
            f"outbox {str(path)!r} is damaged: marks of {' and '.join(unsealed)} do not match their checksum"
        )
    for stream, seq in highest:
        if seq > marks[stream].last_seq:
            raise OutboxDamagedError(
                f"outbox {str(path)!r} is damaged: {stream.value} row {seq} stands beyond the last"
            )
