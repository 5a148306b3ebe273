"""Many readings at once: binary COPY where the server takes it, one INSERT from arrays where it does not."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.db.pool import Connection, abilities
from gateway.db.rollups import mark_dirty

COLUMNS: Final = (
    "occurred_at",
    "device_key",
    "temperature_celsius",
    "received_at",
    "device_time",
    "epoch_key",
    "seq",
    "boot_key",
    "monotonic_ns",
)
_COPY: Final = f"COPY reading ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
_UNNEST: Final = (
    b"INSERT INTO reading (occurred_at, device_key, temperature_celsius, received_at, device_time, epoch_key, seq,"
    b" boot_key, monotonic_ns) SELECT * FROM unnest(%b::timestamptz[], %b::int4[], %b::float8[], %b::timestamptz[],"
    b" %b::timestamptz[], %b::int4[], %b::int8[], %b::int4[], %b::int8[])"
)
_COPY_ROWS: Final = 1_000
_UNNEST_ROWS_MAX: Final = 20_000
"""Rows of one INSERT: some 2 MB of parameters."""

# PostgreSQL manual, COPY, "Binary Format": each field is its length and its bytes; a timestamptz is microseconds
# since 2000-01-01 UTC. All fields of a row are of fixed length, so a row is one pack.
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_ROW: Final = struct.Struct("!hiqiiidiqiqiiiqiiiq")
_ROW_WITHOUT_DEVICE_TIME: Final = struct.Struct("!hiqiiidiqiiiiqiiiq")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NULL: Final = -1


Reading = tuple[datetime, int, float, datetime, datetime | None, int, int, int, int]
"""One row of `reading`, in the order of `COLUMNS`. Every time has a time zone."""


def write_readings(connection: Connection, rows: Sequence[Reading]) -> None:
    """Store readings in the connection's transaction.

    Raises:
        psycopg.Error: whatever the database says; nothing of `rows` is stored then.
        struct.error: a number out of its column's range; nothing of `rows` is stored then.
    """
    if not rows:
        return
    able = abilities(connection)
    if able.takes_copy:
        _copy(connection, rows)
    else:
        _insert(connection, rows)
    if able.marks_dirty:
        mark_dirty(connection, [row[0] for row in rows])


def _copy(connection: Connection, rows: Sequence[Reading]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(_HEADER)
        # In pieces, so that the server works on one while the next is made.
        for start in range(0, len(rows), _COPY_ROWS):
            copy.write(pack(rows[start : start + _COPY_ROWS]))
        copy.write(_TRAILER)


def pack(rows: Sequence[Reading]) -> bytes:
    """The rows in COPY's binary format, without header and trailer.

    Raises:
        struct.error: a number out of its column's range.
    """
    parts = []
    full, short = _ROW.pack, _ROW_WITHOUT_DEVICE_TIME.pack
    received_at, received_us = _EPOCH, 0
    for occurred_at, device_key, celsius, received, device_time, epoch_key, seq, boot_key, monotonic_ns in rows:
        if received is not received_at:  # a frame's rows share it
            received_at = received
            received_us = (received_at - _EPOCH) // _MICROSECOND
        head = (9, 8, (occurred_at - _EPOCH) // _MICROSECOND, 4, device_key, 8, celsius, 8, received_us)
        tail = (4, epoch_key, 8, seq, 4, boot_key, 8, monotonic_ns)
        if device_time is None:
            parts.append(short(*head, _NULL, *tail))
        else:
            parts.append(full(*head, 8, (device_time - _EPOCH) // _MICROSECOND, *tail))
    return b"".join(parts)


def _insert(connection: Connection, rows: Sequence[Reading]) -> None:
    for start in range(0, len(rows), _UNNEST_ROWS_MAX):
        columns = zip(*rows[start : start + _UNNEST_ROWS_MAX], strict=True)
        connection.execute(_UNNEST, [list(column) for column in columns])
