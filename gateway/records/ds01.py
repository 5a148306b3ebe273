"""Export in the form of WHO PQS E006/DS01, as the JSON schema 0.8.1 of 2to8.cc has it (transfer type `rtm`).

One record for each 15 minutes (UTC) of each thermometer, as DS01 has it: the last reading of the period, corrected, and
the flags of the whole period. A period without a reading is a record too, with TVC null and EERR `no-data`: a gap is
told, never left to be guessed. Of the codes of ALRM only HEAT stands in the schema's examples; FRZE, DOOR and POWR are
from general knowledge of the standard, whose text was not at hand.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from gateway.db.pool import Connection
from gateway.records.place_reads import DoorOpening, PlaceExcursion, SeriesPoint
from gateway.records.place_record import DeviceRecord, PlaceRecord

SCHEMA_VERSION: Final = "0.8.1"
PERIOD: Final = timedelta(minutes=15)
_PERIOD_S: Final = PERIOD.total_seconds()
_LOWEST, _HIGHEST = -55.0, 60.0
"""What TVC may hold; beyond is an error of the sensor."""
_BATTERY_DAYS_MAX: Final = 9999
NO_DATA: Final = "no-data"
OUT_OF_RANGE: Final = "out-of-range"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Transfer:
    """Who sends it and when."""

    source: str
    """URI of the sender."""
    transfer_id: UUID
    at: datetime
    country: str = "VN"
    facility_name: str = ""
    software_version: str = ""


@dataclass(frozen=True)
class _Flags:
    """What happened at the place, besides temperatures."""

    excursions: Sequence[PlaceExcursion]
    doors: Sequence[DoorOpening] | None
    power: Sequence[tuple[datetime, datetime]] | None
    """Times without mains; None: no contact says it."""
    until: datetime


def document(connection: Connection, records: Sequence[PlaceRecord], transfer: Transfer) -> dict[str, Any]:
    """The transmission of these places: one report for each thermometer.

    Raises:
        ValueError: no thermometer in any of the places (the schema wants at least one report).
    """
    data = [_report(connection, record, device, transfer) for record in records for device in record.devices]
    if not data:
        raise ValueError("no thermometer hung in these places in this time: expected at least one")
    first = records[0]
    return {
        "meta": {
            "schemaVersion": SCHEMA_VERSION,
            "transferType": "rtm",
            "transferId": str(transfer.transfer_id),
            "transferSrc": transfer.source,
            "transferredAt": transfer.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            # Ours, which the schema allows: what was asked for, and how days are told at home.
            "periodStart": first.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "periodEnd": first.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timeZone": first.zone.key,
        },
        "data": data,
    }


def _report(connection: Connection, record: PlaceRecord, device: DeviceRecord, transfer: Transfer) -> dict[str, Any]:
    place, sensor, series = record.place, device.series.sensor, device.series
    sid = sensor.serial_number if sensor else series.device_id
    power = _power_cuts(connection, place.place_id, record.since, record.known_until)
    flags = _Flags(record.excursions, record.doors, power, record.known_until)
    return {
        "AMID": place.place_id,
        "AMFR": place.appliance_maker or None,
        "AMOD": place.appliance_model or None,
        "APQS": place.appliance_pqs or None,
        "ASER": place.appliance_serial or None,
        "ADOP": place.appliance_made_on.strftime("%Y-%m-%d") if place.appliance_made_on else None,
        "CID": transfer.country,
        "FNAM": transfer.facility_name or None,
        "DNAM": None,
        "EDOP": None,
        "EMFR": "medtap",
        "EMOD": "medtap edge node",
        "EPQS": None,
        "ESER": series.edge_node,
        "EMSV": transfer.software_version or None,
        "DLST": {
            "TVC": {
                "SID": sid,
                "SMFR": (sensor.maker if sensor else "") or "unknown",
                "SMOD": (sensor.model if sensor else "") or "unknown",
            }
        },
        "records": _records(record, device, flags),
    }


def _records(record: PlaceRecord, device: DeviceRecord, flags: _Flags) -> list[dict[str, Any]]:
    moments = [point.at for point in device.series.points]
    battery = device.series.sensor.battery_due_on if device.series.sensor else None
    found = []
    for began, ended in device.series.spans:
        at = _EPOCH + ((began - _EPOCH) // PERIOD) * PERIOD
        while at < ended:
            end = min(at + PERIOD, flags.until)
            points = device.series.points[bisect_left(moments, max(at, began)) : bisect_left(moments, min(end, ended))]
            days = None if battery is None else (battery - end.astimezone(record.zone).date()).days
            found.append(_record(at, end, points, flags, days))
            at += PERIOD
    return found


def _record(
    at: datetime, end: datetime, points: Sequence[SeriesPoint], flags: _Flags, battery_days: int | None
) -> dict[str, Any]:
    value = round(points[-1].mean_celsius, 2) if points else None
    error = None if points else NO_DATA
    if value is not None and not _LOWEST <= value <= _HIGHEST:
        value, error = None, OUT_OF_RANGE
    moment = points[-1].at if points else end
    found: dict[str, Any] = {
        "ABST": moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
        "ALRM": ",".join(_alarms(at, end, flags)) or None,
        "BEMD": None if battery_days is None else min(max(battery_days, 0), _BATTERY_DAYS_MAX),
        "EERR": error,
        "TVC": value,
    }
    if flags.doors is not None:
        spans = [(each.opened_at, each.closed_at or flags.until) for each in flags.doors]
        found["DORV"] = min(round(_within(spans, at, end)), round(_PERIOD_S))
    if flags.power is not None:
        away = min(_within(flags.power, at, end), _PERIOD_S)
        found["SVA"] = round((end - at).total_seconds() - away)
    return found


def _alarms(at: datetime, end: datetime, flags: _Flags) -> list[str]:
    """Alarms that were active at any time of the period, in a fixed order."""
    sides = {
        each.side
        for each in flags.excursions
        if each.triggered_at is not None and each.triggered_at < end and (each.ended_at or flags.until) > at
    }
    found = [code for side, code in (("high", "HEAT"), ("low", "FRZE")) if side in sides]
    if flags.power is not None and any(began < end and ended > at for began, ended in flags.power):
        found.append("POWR")
    return found


def _within(spans: Sequence[tuple[datetime, datetime]], at: datetime, end: datetime) -> float:
    return sum(max(0.0, (min(ended, end) - max(began, at)).total_seconds()) for began, ended in spans)


def _power_cuts(
    connection: Connection, place_id: str, since: datetime, until: datetime
) -> list[tuple[datetime, datetime]] | None:
    rows = connection.execute(
        "SELECT * FROM (SELECT occurred_at, state FROM contact_change WHERE place_id = %(place)s"
        " AND contact = 'mains_power' AND occurred_at < %(since)s ORDER BY occurred_at DESC LIMIT 1) AS before"
        " UNION ALL SELECT occurred_at, state FROM contact_change WHERE place_id = %(place)s"
        " AND contact = 'mains_power' AND occurred_at >= %(since)s AND occurred_at < %(until)s ORDER BY 1",
        {"place": place_id, "since": since, "until": until},
        prepare=False,
    ).fetchall()
    if not rows:
        return None
    found: list[tuple[datetime, datetime]] = []
    began: datetime | None = None
    for at, state in rows:
        if state == "off" and began is None:
            began = max(at, since)
        elif state == "on" and began is not None:
            found.append((began, at))
            began = None
    if began is not None:
        found.append((began, until))
    return found
