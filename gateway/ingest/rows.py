"""Rows of the two time series. Events are written row by row: they are few, and their bodies differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

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


def insert_events(connection: Connection, rows: Sequence[EventRow]) -> None:
    """In the connection's transaction."""
    encoded = [(*fields[:3], Jsonb(fields[3]), *fields[4:]) for fields in (tuple(vars(row).values()) for row in rows)]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO event (occurred_at, device_key, kind, body, received_at, device_time, epoch_key, seq,"
            " boot_key, monotonic_ns) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            encoded,
        )
