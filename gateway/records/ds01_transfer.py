"""A transmission in the form of WHO E006/DS01 out of the database: some places, some time, as bytes of JSON."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.records.ds01 import Transfer, document
from gateway.records.errors import RecordError
from gateway.records.place_reads import Resolution, resolution_for
from gateway.records.place_record import read_record
from gateway.services.hospital import read_hospital

_SPACE: Final = uuid.UUID("7d6f0a52-2f0b-5b76-8a0c-d1c2a9b1e601")
"""Ours, for ids of transmissions."""


def transmission(
    connection: Connection,
    place_ids: Sequence[str],
    span: tuple[datetime, datetime],
    now: datetime,
    zone: ZoneInfo,
    *,
    source: str,
    country: str = "VN",
) -> bytes:
    """The whole file. The same places, time and moment have the same transfer id: sent twice, it is seen to be one.

    Raises:
        RecordError: no thermometer hung in these places in this time, or no such place.
    """
    # Fifteen minutes are the finest that DS01 asks for: hours would not do, however long the time.
    resolution: Resolution | None = "minute" if resolution_for(*span) == "hour" else None
    records = [read_record(connection, place_id, span, now, zone, resolution=resolution) for place_id in place_ids]
    if not any(record.devices for record in records):
        raise RecordError("no_thermometer", "no thermometer hung in these places in this time")
    key = f"{source} {' '.join(place_ids)} {span[0].isoformat()} {span[1].isoformat()} {now.isoformat()}"
    transfer = Transfer(source or "medtap", uuid.uuid5(_SPACE, key), now, country, read_hospital(connection).name or "")
    found = document(connection, records, transfer)
    return (json.dumps(found, ensure_ascii=False, indent=1) + "\n").encode()
