"""Readings on their way into the database: kept as the frames brought them, so that no row is made for most of them."""

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, overload

from gateway.db import bulk
from gateway.db.pool import Connection, abilities
from gateway.db.rollups import SLOT, mark_dirty
from gateway.ingest.fast_frame import WireReading
from gateway.ingest.rows import ReadingRow

_COPY: Final = f"COPY reading ({', '.join(bulk.COLUMNS)}) FROM STDIN (FORMAT BINARY)".encode()
# PostgreSQL manual, COPY, "Binary Format": of each field its length and its value; a length of -1 is NULL, and a
# timestamptz is microseconds since 2000-01-01 UTC.
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
# Between the values that differ from row to row stand bytes that are the same for a frame or for a device: packed once,
# they cost a row nothing but their copy.
_ROW: Final = struct.Struct("!6sq12sd28sq12sq")
_HEAD: Final = struct.pack("!hi", 9, 8)
_DEVICE: Final = struct.Struct("!iii")
_MIDDLE: Final = struct.Struct("!iqiiii")
_TAIL: Final = struct.Struct("!iii")
_PIECE_BYTES: Final = 256 * 1024
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ReadingBlock:
    """Readings of one frame whose times are believed: consecutive numbers, and what is the same for all said once."""

    received_at: datetime
    epoch_key: int
    boot_key: int
    first_seq: int
    device_keys: Mapping[str, int]
    readings: Sequence[WireReading]
    oldest_occurred_at: datetime
    """Of the whole frame: of a frame that is cut, no reading is older."""
    newest_occurred_at: datetime

    def __iter__(self) -> Iterator[ReadingRow]:
        """As rows."""
        keys, received_at, epoch_key, boot_key = self.device_keys, self.received_at, self.epoch_key, self.boot_key
        for seq, each in enumerate(self.readings, self.first_seq):
            yield ReadingRow(
                *(each.occurred_at, keys[each.device_id], each.temperature_celsius, received_at, None),
                *(epoch_key, seq, boot_key, each.monotonic_ns),
            )

    def latest(self) -> Iterator[ReadingRow]:
        """Of each device the one that happened last, or all of them."""
        times = [each.occurred_at for each in self.readings]
        if times != sorted(times):
            return iter(self)
        by_device: dict[str, WireReading] = {}
        for each in reversed(self.readings):
            by_device.setdefault(each.device_id, each)
            if len(by_device) == len(self.device_keys):
                break
        return (
            ReadingRow(
                *(each.occurred_at, self.device_keys[name], each.temperature_celsius, self.received_at, None),
                *(self.epoch_key, 0, self.boot_key, each.monotonic_ns),
            )
            for name, each in by_device.items()
        )

    def times(self) -> Iterable[datetime]:
        """Times in every slot of `SLOT` that holds a reading."""
        low, high = self.oldest_occurred_at, self.newest_occurred_at
        return (low, high) if high - low <= SLOT else [each.occurred_at for each in self.readings]

    def packed(self) -> bytes:
        """In COPY's binary format."""
        pack, epoch, microsecond, head = _ROW.pack, _EPOCH, _MICROSECOND, _HEAD
        devices = {name: _DEVICE.pack(4, key, 8) for name, key in self.device_keys.items()}
        middle = _MIDDLE.pack(8, (self.received_at - epoch) // microsecond, -1, 4, self.epoch_key, 8)
        tail = _TAIL.pack(4, self.boot_key, 8)
        return b"".join(
            [
                pack(
                    head,
                    (each.occurred_at - epoch) // microsecond,
                    devices[each.device_id],
                    each.temperature_celsius,
                    middle,
                    seq,
                    tail,
                    each.monotonic_ns,
                )
                for seq, each in enumerate(self.readings, self.first_seq)
            ]
        )


class Readings(Sequence[ReadingRow]):
    """Blocks and single rows, as one sequence."""

    def __init__(self) -> None:
        self.blocks: list[ReadingBlock] = []
        self.rows: list[ReadingRow] = []
        self._latest: Mapping[int, ReadingRow] | None = None

    def __len__(self) -> int:
        """How many."""
        return sum(len(block.readings) for block in self.blocks) + len(self.rows)

    def __iter__(self) -> Iterator[ReadingRow]:
        """All, made as rows."""
        return chain(chain.from_iterable(self.blocks), self.rows)

    @overload
    def __getitem__(self, index: int) -> ReadingRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ReadingRow]: ...
    def __getitem__(self, index: int | slice) -> ReadingRow | Sequence[ReadingRow]:
        """By place; makes all rows."""
        return list(self)[index]

    def device_keys(self) -> set[int]:
        """Whose they are."""
        keys = {row.device_key for row in self.rows}
        return keys.union(*(block.device_keys.values() for block in self.blocks))

    def of_devices(self, keys: Collection[int]) -> Iterator[ReadingRow]:
        """Those of some devices."""
        blocks = (block for block in self.blocks if any(key in keys for key in block.device_keys.values()))
        return (row for row in chain(chain.from_iterable(blocks), self.rows) if row.device_key in keys)

    def latest(self) -> Mapping[int, ReadingRow]:
        """Of each device the reading that happened last. Found once: ask when all of them are there."""
        if self._latest is not None:
            return self._latest
        latest: dict[int, ReadingRow] = {}
        _keep_latest(latest, self.rows)
        # From the newest on: of a stream's blocks all but one or two then say nothing new.
        for block in sorted(self.blocks, key=lambda block: block.newest_occurred_at, reverse=True):
            known = [latest.get(key) for key in block.device_keys.values()]
            if not all(row is not None and row.occurred_at > block.newest_occurred_at for row in known):
                _keep_latest(latest, block.latest())
        self._latest = latest
        return latest


def _keep_latest(latest: dict[int, ReadingRow], rows: Iterable[ReadingRow]) -> None:
    for row in rows:
        known = latest.get(row.device_key)
        if known is None or row.occurred_at >= known.occurred_at:
            latest[row.device_key] = row


def write(connection: Connection, readings: Readings) -> None:
    """Store them in the connection's transaction: blocks by COPY where the server takes it, the rest in bulk."""
    able = abilities(connection)
    if not able.takes_copy:
        bulk.write_readings(connection, list(readings))
        return
    bulk.write_readings(connection, readings.rows)
    if not readings.blocks:
        return
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        # In pieces, so that the server works on one while the next is made; not in crumbs, for each is a system call.
        piece = bytearray(_HEADER)
        for block in readings.blocks:
            piece += block.packed()
            if len(piece) >= _PIECE_BYTES:
                copy.write(bytes(piece))
                piece.clear()
        copy.write(bytes(piece + _TRAILER))
        # While the server works on the last of it: what is asked for next.
        times = [time for block in readings.blocks for time in block.times()] if able.marks_dirty else []
        readings.latest()
    if times:
        mark_dirty(connection, times)
