"""A refrigerator with ten days behind it: 5-minute readings, a warm night, a gap, doors, an alarm that was answered."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import sin
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

from gateway.db.rollups import refresh_dirty
from gateway.records.calibration import MeasuredPoint, NewCertificate, enter
from gateway.records.sensors import SINCE_EVER, SensorFacts, connect, register
from gateway.reports.document import Letterhead

Connection = psycopg.Connection[Any]
ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
NOW: Final = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
BEGAN: Final = datetime(2026, 11, 10, 17, 0, tzinfo=UTC)
"""Midnight of 11 November in Ho Chi Minh City."""
WARM: Final = (datetime(2026, 11, 14, 20, 0, tzinfo=UTC), datetime(2026, 11, 14, 23, 0, tzinfo=UTC))
"""From 03:00 to 06:00 on 15 November, local time."""
GAP: Final = (datetime(2026, 11, 17, 3, 0, tzinfo=UTC), datetime(2026, 11, 17, 9, 0, tzinfo=UTC))
FRIDGE: Final = "fridge-k"
LETTERHEAD: Final = Letterhead(
    "SỞ Y TẾ TP. HỒ CHÍ MINH",
    "BỆNH VIỆN NHI ĐỒNG",
    "Khoa Dược",
    NOW.astimezone(ZONE),
    "DS. Lê Văn Hổ",
)


@dataclass(frozen=True)
class Furnished:
    """What was made."""

    device_key: int
    sensor_id: uuid.UUID
    excursion_id: uuid.UUID
    incident_id: uuid.UUID


def course(at: datetime) -> float:
    """The refrigerator's temperature."""
    if WARM[0] <= at < WARM[1]:
        return 11.0
    return round(5.0 + 0.8 * sin(at.timestamp() / 2700), 2)


def add_readings(
    connection: Connection,
    device_key: int,
    since: datetime,
    until: datetime,
    value: Callable[[datetime], float],
    *,
    step: timedelta = timedelta(minutes=5),
) -> None:
    """One reading each step, and their sums."""
    rows = []
    at = since
    while at < until:
        rows.append((at, device_key, value(at)))
        at += step
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reading (occurred_at, device_key, temperature_celsius, received_at, epoch_key, seq, boot_key,"
            " monotonic_ns) VALUES (%s, %s, %s, now() + interval '1 year', 1, 1, 1, 1)",
            rows,
        )
    connection.execute(
        "INSERT INTO reading_dirty SELECT DISTINCT date_bin('10 minutes', occurred_at, '2000-01-01 00:00+00')"
        " FROM reading WHERE device_key = %s",
        (device_key,),
    )
    connection.commit()
    refresh_dirty(connection)
    connection.commit()


def add_fridge(connection: Connection, place_id: str, device_id: str, name_vi: str = "Tủ lạnh vắc-xin 1") -> int:
    """A place from 2 to 8 degrees with a thermometer; the key of its device."""
    connection.execute(
        "INSERT INTO place (place_id, kind, name_vi, name_en, temperature_low_celsius, temperature_high_celsius)"
        " VALUES (%s, 'fridge', %s, 'Vaccine fridge 1', 2, 8)",
        (place_id, name_vi),
    )
    connection.execute("INSERT INTO edge_node (site, edge_node) VALUES ('hcm', 'store-k') ON CONFLICT DO NOTHING")
    row = connection.execute(
        "INSERT INTO device (site, edge_node, device_id, driver, place_id, state) VALUES ('hcm', 'store-k', %s,"
        " 'ds18b20', %s, 'up') RETURNING device_key",
        (device_id, place_id),
    ).fetchone()
    assert row is not None
    key: int = row[0]
    return key


def certificate(number: str = "V01.CN5.0123.26", performed_on: date = date(2026, 1, 15)) -> NewCertificate:
    """Three points, as laboratories give them: the instrument shows 0.2 to 0.4 too much."""
    return NewCertificate(
        number,
        "Trung tâm Kỹ thuật Tiêu chuẩn Đo lường Chất lượng 3",
        performed_on,
        date(performed_on.year + 1, performed_on.month, performed_on.day) - timedelta(days=1),
        (
            MeasuredPoint(0.0, 0.2, 0.15),
            MeasuredPoint(5.0, 5.3, 0.15),
            MeasuredPoint(10.0, 10.4, 0.2),
        ),
    )


def furnish(connection: Connection) -> Furnished:
    """The refrigerator with all that is known of it."""
    device_key = add_fridge(connection, FRIDGE, "t-k")
    add_readings(connection, device_key, BEGAN, GAP[0], course)
    add_readings(connection, device_key, GAP[1], NOW, course)
    sensor_id = register(
        connection,
        SensorFacts("28-0316a2799c3d", "Maxim", "DS18B20", -55, 125, 300, "CR2450", date(2026, 2, 1), 12),
        "lan",
    )
    connect(connection, sensor_id, device_key, SINCE_EVER, "lan")
    enter(connection, sensor_id, certificate(), "lan", ZONE, today=date(2026, 11, 20))
    for opened in (timedelta(hours=8), timedelta(hours=15, minutes=20), timedelta(days=2, hours=9)):
        for state, after in (("open", timedelta()), ("closed", timedelta(seconds=95))):
            connection.execute(
                "INSERT INTO contact_change (device_key, contact, occurred_at, state, place_id, received_at)"
                " VALUES (%s, 'door', %s, %s, %s, %s)",
                (device_key, BEGAN + opened + after, state, FRIDGE, BEGAN + opened + after),
            )
    return _alarm(connection, device_key, sensor_id)


def _alarm(connection: Connection, device_key: int, sensor_id: uuid.UUID) -> Furnished:
    excursion_id, incident_id = uuid.uuid4(), uuid.uuid4()
    connection.execute(
        "INSERT INTO excursion (excursion_id, device_key, place_id, rule_name, rule, started_at, triggered_at,"
        " ended_at, outside_s, shortest_s, longest_s, peak_celsius) VALUES (%s, %s, %s, 'temperature_high',"
        """ '{"name": "temperature_high", "side": "high", "threshold": 8.0, "minutes": 10.0}', %s, %s, %s, 10800,"""
        " 10500, 11100, 10.6)",
        (excursion_id, device_key, FRIDGE, WARM[0], WARM[0] + timedelta(minutes=10), WARM[1]),
    )
    connection.execute(
        "INSERT INTO incident (incident_id, incident_number, scope, place_id, severity, started_at, opened_at,"
        " returned_at, acknowledged_at, acknowledged_by, acknowledged_channel, acknowledge_comment, closed_at)"
        " VALUES (%s, 4242, 'place:fridge-k', %s, 'critical', %s, %s, %s, %s, 'hoa', 'sms',"
        " 'Đã chuyển vắc-xin sang tủ 2, gọi bảo trì', %s)",
        (
            *(incident_id, FRIDGE, WARM[0], WARM[0] + timedelta(minutes=10), WARM[1]),
            *(WARM[0] + timedelta(minutes=34), WARM[1]),
        ),
    )
    connection.execute(
        "INSERT INTO alarm (alarm_id, condition, device_key, place_id, limit_celsius, started_at, raised_at,"
        " returned_at, peak_celsius, last_celsius, last_at, subject, incident_id) VALUES (%s, 'temperature_high', %s,"
        " %s, 8, %s, %s, %s, 10.6, 7.5, %s, %s, %s)",
        (
            *(uuid.uuid4(), device_key, FRIDGE, WARM[0], WARM[0] + timedelta(minutes=10), WARM[1], WARM[1]),
            *(f"device:{device_key}/temperature_high", incident_id),
        ),
    )
    for what, by, channel, comment, after in (
        ("raised", None, None, "", 10),
        ("paged", None, "webhook", "", 10),
        ("acknowledged", "hoa", "sms", "Đã chuyển vắc-xin sang tủ 2, gọi bảo trì", 34),
        ("returned", None, None, "", 180),
    ):
        connection.execute(
            "INSERT INTO incident_journal (incident_id, at, what, by_whom, channel, comment)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (incident_id, WARM[0] + timedelta(minutes=after), what, by, channel, comment),
        )
    connection.commit()
    return Furnished(device_key, sensor_id, excursion_id, incident_id)
