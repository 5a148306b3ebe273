"""Writing the time series: readings by binary COPY, events row by row."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection


class ReadingRow(NamedTuple):
    """One row of `reading`, in the order of its columns."""

    occurred_at: datetime
    device_key: int
    temperature_celsius: float
    received_at: datetime
    device_time: datetime | None
    epoch_key: int
    seq: int
    boot_key: int
    monotonic_ns: int


@dataclass(frozen=True)
class EventRow:
    """One row of `event`, in the order of its columns."""

    occurred_at: datetime
    device_key: int
    kind: str
    body: dict[str, Any]
    received_at: datetime
    device_time: datetime | None
    epoch_key: int
    seq: int
    boot_key: int
    monotonic_ns: int


_COPY_READINGS: Final = (
    "COPY reading (occurred_at, device_key, temperature_celsius, received_at, device_time, epoch_key, seq,"
    " boot_key, monotonic_ns) FROM STDIN (FORMAT BINARY)"
)
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
# Number of fields, then of each field its length and its value; a length of -1 is NULL.
_BELIEVED: Final = struct.Struct("!hiqiiidiqiiiiqiiiq")
_CLAIMED: Final = struct.Struct("!hiqiiidiqiqiiiqiiiq")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL counts time in microseconds from here."""
_MICROSECOND: Final = timedelta(microseconds=1)


def copy_readings(connection: Connection, rows: Iterable[ReadingRow]) -> None:
    """Binary COPY, with the rows packed here: psycopg would ask the type of each value anew.

    The format is PostgreSQL's own (manual of COPY, "Binary Format"); a test reads back what was packed.
    """
    with connection.cursor() as cursor, cursor.copy(_COPY_READINGS) as copy:
        copy.write(b"".join((_HEADER, *map(_packed, rows), _TRAILER)))


def _packed(row: ReadingRow) -> bytes:
    occurred_at, device_key, celsius, received_at, device_time, epoch_key, seq, boot_key, monotonic_ns = row
    at, received = (occurred_at - _EPOCH) // _MICROSECOND, (received_at - _EPOCH) // _MICROSECOND
    head = (9, 8, at, 4, device_key, 8, celsius, 8, received)
    tail = (4, epoch_key, 8, seq, 4, boot_key, 8, monotonic_ns)
    if device_time is None:
        return _BELIEVED.pack(*head, -1, *tail)
    return _CLAIMED.pack(*head, 8, (device_time - _EPOCH) // _MICROSECOND, *tail)


def insert_events(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Events are few and their bodies differ."""
    encoded = [(*fields[:3], Jsonb(fields[3]), *fields[4:]) for fields in (tuple(vars(row).values()) for row in rows)]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO event (occurred_at, device_key, kind, body, received_at, device_time, epoch_key, seq,"
            " boot_key, monotonic_ns) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            encoded,
        )
