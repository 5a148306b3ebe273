"""Writing the time series: readings by binary COPY, events row by row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection


@dataclass(frozen=True)
class ReadingRow:
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


def copy_readings(connection: Connection, rows: Iterable[ReadingRow]) -> None:
    """Binary COPY: no text is made and parsed for each number, at the price that types must be exact."""
    copy_sql = (
        "COPY reading (occurred_at, device_key, temperature_celsius, received_at, device_time, epoch_key, seq,"
        " boot_key, monotonic_ns) FROM STDIN (FORMAT BINARY)"
    )
    types = ("timestamptz", "int4", "float8", "timestamptz", "timestamptz", "int4", "int8", "int4", "int8")
    with connection.cursor() as cursor, cursor.copy(copy_sql) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(
                (
                    row.occurred_at,
                    row.device_key,
                    row.temperature_celsius,
                    row.received_at,
                    row.device_time,
                    row.epoch_key,
                    row.seq,
                    row.boot_key,
                    row.monotonic_ns,
                )
            )


def insert_events(connection: Connection, rows: Sequence[EventRow]) -> None:
    """Events are few and their bodies differ."""
    encoded = [(*fields[:3], Jsonb(fields[3]), *fields[4:]) for fields in (tuple(vars(row).values()) for row in rows)]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO event (occurred_at, device_key, kind, body, received_at, device_time, epoch_key, seq,"
            " boot_key, monotonic_ns) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            encoded,
        )
