"""The small hospital that the web tests are about: places, devices, patients, taps, scans, readings, an alarm."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from tests.gateway.people_kit import register

GTIN: Final = "08935006512345"
FRIDGE, SHELF = "fridge-1", "shelf-1"
ALARM_ID: Final = uuid.UUID("00000000-0000-4000-8000-00000000a1a1")
INCIDENT_ID: Final = uuid.UUID("00000000-0000-4000-8000-00000000c1c1")
PATIENTS: Final = (
    ("Nguyễn Hoàng Bảo Ngọc", date(2023, 3, 14), "female", "TE1797912345678", True),
    ("Trần Đức Minh Khôi", date(2019, 11, 2), "male", "TE1797998765432", False),
    ("Lê Thị Thảo Vy", date(2014, 7, 21), "female", None, False),
    ("Phạm Gia Hưng", date(2026, 11, 9), "male", "TE1797955500011", False),
)
OUTCOMES: Final = (
    "checked_in",
    "already_checked_in",
    "unknown_card",
    "foreign_card",
    "not_genuine",
    "replayed",
    "unreadable",
    "unverified",
    "lost_card",
    "stolen_card",
    "revoked_card",
    "expired_card",
    "replaced_card",
)


def seed_hospital(connection: psycopg.Connection[Any], now: datetime) -> None:
    """Places, devices, patients, taps of every outcome, scans of every outcome, readings, an alarm with its pages."""
    _seed_places(connection, now)
    _seed_patients(connection, now)
    _seed_taps(connection, now)
    _seed_stock(connection, now)
    _seed_cold_chain(connection, now)


def _seed_places(connection: psycopg.Connection[Any], now: datetime) -> None:
    places = (
        ("main-store", None, "store", "Kho chính", "Main store", None, None),
        (FRIDGE, "main-store", "fridge", "Tủ vắc-xin 1", "Vaccine fridge 1", 2.0, 8.0),
        ("fridge-2", "main-store", "fridge", "Tủ insulin 2", "Insulin fridge 2", 2.0, 8.0),
        ("freezer-1", "main-store", "fridge", "Tủ đông 1", "Freezer 1", -25.0, -15.0),
        (SHELF, "main-store", "shelf", "Kệ A1", "Shelf A1", None, None),
        ("desk-1", None, "desk", "Bàn tiếp nhận 1", "Registration desk 1", None, None),
    )
    for row in places:
        connection.execute(
            "INSERT INTO place (place_id, parent_place_id, kind, name_vi, name_en, temperature_low_celsius,"
            " temperature_high_celsius) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            row,
        )
    connection.execute(
        "INSERT INTO edge_node (site, edge_node, state, software_version, first_seen_at, last_heard_at, clock_offset_s)"
        " VALUES ('hcm', 'store-1', 'up', '0.1.0', %(t)s, %(t)s, 0.04),"
        " ('hcm', 'desk-1', 'down', '0.1.0', %(t)s, %(t)s, -0.4)",
        {"t": now - timedelta(minutes=14)},
    )
    devices = (
        ("store-1", "t-1", "ds18b20", "Nhiệt kế tủ vắc-xin", FRIDGE, "up", ""),
        ("store-1", "t-2", "modbus_temperature", "Nhiệt kế tủ insulin", "fridge-2", "up", ""),
        ("store-1", "scanner-receiving", "serial_scanner", "Máy quét nhập kho", "main-store", "up", ""),
        (
            "store-1",
            "scanner-issue",
            "serial_scanner",
            "Máy quét xuất kho",
            "main-store",
            "down",
            "read failed: [Errno 5] EIO",
        ),
        ("store-1", "uhf-1", "llrp", "Đầu đọc UHF kệ A1", SHELF, "up", ""),
        ("desk-1", "pn532-1", "nfc_pn532", "Đầu đọc thẻ bàn 1", "desk-1", "up", ""),
    )
    for node, device, driver, description, place, state, reason in devices:
        connection.execute(
            "INSERT INTO device (site, edge_node, device_id, driver, description, place_id, scan_action, state,"
            " state_reason, state_changed_at) VALUES ('hcm', %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(node, device, driver, description, place),
                {"scanner-receiving": "receive", "scanner-issue": "issue"}.get(device, "lookup"),
                *(state, reason, now - timedelta(minutes=7)),
            ),
        )
    connection.execute(
        "INSERT INTO ingest_mark (site, edge_node, stream, epoch, mark, updated_at) VALUES"
        " ('hcm', 'store-1', 'events', '0123456789abcdef', 40, %(t)s),"
        " ('hcm', 'store-1', 'telemetry', '0123456789abcdef', 900, %(t)s)",
        {"t": now},
    )
    connection.execute(
        "INSERT INTO dead_letter (topic, site, edge_node, stream, epoch, seq, code, reason, payload, received_at)"
        " VALUES ('medtap/1/hcm/store-1/events', 'hcm', 'store-1', 'events', '0123456789abcdef', 17, 'bad_row',"
        " 'temperature_celsius: expected a finite number, got NaN', %s, %s)",
        (b'{"kind": "temperature_measured", "temperature_celsius": NaN, "x": "\x00\xff"}', now),
    )


def _seed_patients(connection: psycopg.Connection[Any], now: datetime) -> None:
    for place, (name, born, sex, insurance, allergy) in enumerate(PATIENTS, 1):
        register(
            connection,
            name,
            born,
            patient_id=uuid.UUID(int=place),
            patient_number=f"2600{1200 + place * 7:04d}",
            sex=sex,
            insurance_number=insurance,
            allergy_flag=allergy,
            identity_confidence="documented",
        )
        connection.execute(
            "INSERT INTO card (card_id, patient_id, state, state_changed_at) VALUES (%s, %s, 'active', %s)",
            (f"{place:032x}", uuid.UUID(int=place), now),
        )


def _seed_taps(connection: psycopg.Connection[Any], now: datetime) -> None:
    reader = _device_key(connection, "pn532-1")
    local_day = (now + timedelta(hours=7)).date()
    for place in range(1, len(PATIENTS) + 1):
        connection.execute(
            "INSERT INTO visit VALUES (%s, %s, %s, %s, %s, 'desk-1')",
            (uuid.UUID(int=100 + place), uuid.UUID(int=place), local_day, place, now - timedelta(minutes=40 - place)),
        )
    for seq, outcome in enumerate(reversed(OUTCOMES), 1):
        add_tap(connection, reader, seq, outcome, now - timedelta(seconds=30 * (len(OUTCOMES) - seq) + 4))


def add_tap(connection: psycopg.Connection[Any], reader: int, seq: int, outcome: str, at: datetime) -> None:
    """One tap of the first patient's card, with this outcome."""
    unproven = dict.fromkeys(("unverified", "unreadable", "foreign_card"), "unverified")
    verdict = {"not_genuine": "not_genuine", "replayed": "not_genuine", **unproven}.get(outcome, "genuine")
    visit = uuid.UUID(int=101) if outcome in {"checked_in", "already_checked_in"} else None
    card = None if outcome == "foreign_card" else "f" * 32 if outcome == "unknown_card" else f"{1:032x}"
    connection.execute(
        "INSERT INTO tap VALUES (1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (seq, at, at, reader, card, "genuine" if outcome == "checked_in" else verdict, verdict, outcome,
         "" if verdict == "genuine" else "signature does not verify", visit),
    )  # fmt: skip


def _seed_stock(connection: psycopg.Connection[Any], now: datetime) -> None:
    products = (
        (GTIN, "Paracetamol 250 mg bột sủi", "Paracetamol 250 mg effervescent", "VD-12345-20", "gói", "sachet", 12),
        (
            "08935006500007",
            "Vắc-xin sởi-rubella 10 liều",
            "Measles-rubella vaccine, 10 doses",
            "QLVX-1",
            "lọ",
            "vial",
            10,
        ),
    )
    for product in products:
        gtin, name_vi, name_en, registration_number, unit_vi, unit_en, units = product
        connection.execute(
            "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en)"
            " VALUES (%s, %s, %s, %s, %s)",
            (gtin, name_vi, name_en, unit_vi, unit_en),
        )
        connection.execute("INSERT INTO product_registration VALUES (%s, %s)", (gtin, registration_number))
        connection.execute("INSERT INTO trade_item (gtin, product_id, units) VALUES (%s, %s, %s)", (gtin, gtin, units))
    connection.execute(
        "INSERT INTO stock_account VALUES ('place:main-store', 'main-store'), ('place:fridge-1', 'fridge-1')"
    )
    lots = (
        ("place:main-store", GTIN, "A24X", 1188, date(2027, 6, 30)),
        ("place:main-store", GTIN, "A19B", 36, date(2026, 12, 31)),
        ("place:fridge-1", "08935006500007", "MR0925", 140, date(2026, 10, 31)),
        ("supplier", GTIN, "A24X", -1200, date(2027, 6, 30)),
    )
    for account_id, product_id, lot, quantity, expiry_date in lots:
        connection.execute(
            "INSERT INTO lot (product_id, lot, expiry_date) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (product_id, lot, expiry_date),
        )
        connection.execute("INSERT INTO stock_balance VALUES (%s, %s, %s, %s)", (account_id, product_id, lot, quantity))
    scanner = _device_key(connection, "scanner-receiving")
    outcomes = ("refused", "looked_up", "repeated", "discrepancy", "issued", "received")
    for seq, outcome in enumerate(outcomes, 1):
        add_scan(connection, scanner, seq, outcome, now - timedelta(seconds=20 * (len(outcomes) - seq) + 3))
    for seq, outcome in ((7, "joined"), (8, "waiting_for_second")):
        add_scan(connection, scanner, seq, outcome, now - timedelta(seconds=300 - seq))
    connection.execute(
        "INSERT INTO discrepancy (opened_at, code, detail, epoch_key, seq) VALUES (%s, 'not_in_books',"
        " 'issued pack was never received', 1, 4)",
        (now - timedelta(seconds=43),),
    )
    reader = _device_key(connection, "uhf-1")
    for epc in ("3034257bf7194e4000001a85", "3034257bf7194e4000001a86", "e28011700000020f7c1a2b3c"):
        connection.execute(
            "INSERT INTO tag_presence VALUES (%s, %s, 1, %s, NULL, %s)", (epc, reader, now - timedelta(minutes=3), now)
        )


def add_scan(connection: psycopg.Connection[Any], scanner: int, seq: int, outcome: str, at: datetime) -> None:
    """One scan of a pack of paracetamol, with this outcome."""
    text = f"]d201{GTIN}17270630" + f"10A24X\x1d21P{seq:05d}"
    parsed = {"kind": "gs1-element-string", "gtin": GTIN, "lot": "A24X", "expiry_date": "2027-06-30",
              "serial_number": f"P{seq:05d}", "valid": True, "errors": []}  # fmt: skip
    if outcome == "refused":
        text = "0108935006512341"
        parsed = {"kind": "unknown", "gtin": None, "lot": None, "expiry_date": None, "serial_number": None}
    movement = None
    if outcome in {"received", "issued"}:
        movement = uuid.UUID(int=500 + seq)
        ways = {
            "received": ("receive", "supplier", "place:main-store"),
            "issued": ("issue", "place:main-store", "dispensed"),
        }
        kind, source, target = ways[outcome]
        connection.execute(
            "INSERT INTO movement (movement_id, kind, occurred_at, received_at, product_id, gtin, lot, expiry_date,"
            " serial_number, quantity, from_account_id, to_account_id, client)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'A24X', %s, %s, 12, %s, %s, 'edge')",
            (movement, kind, at, at, GTIN, GTIN, date(2027, 6, 30), f"P{seq:05d}", source, target),
        )
    connection.execute(
        "INSERT INTO scan VALUES (1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            seq,
            at,
            at,
            scanner,
            text,
            parsed["kind"],
            outcome,
            "",
            Jsonb(parsed),
            movement,
            seq + 1 if outcome == "joined" else None,
        ),
    )


def _seed_cold_chain(connection: psycopg.Connection[Any], now: datetime) -> None:
    warm, cool = _device_key(connection, "t-1"), _device_key(connection, "t-2")
    # Ninety minutes of a reading every 10 s: one fridge warms past 8 degrees, the other has a gap of ten minutes.
    connection.execute(
        "INSERT INTO reading SELECT %(now)s - make_interval(secs => 10 * step + 5), device, CASE device"
        " WHEN %(warm)s THEN 5.2 + greatest(0, (180 - step) / 36.0) + step %% 7 * 0.05"
        " ELSE 4.4 + step %% 60 * 0.02 END,"
        " %(now)s - make_interval(secs => 10 * step + 5), NULL, 2, 10000 - step, 1, 10000 - step"
        " FROM generate_series(0, 539) AS step, unnest(ARRAY[%(warm)s, %(cool)s]) AS device"
        " WHERE device = %(warm)s OR step NOT BETWEEN 201 AND 259",
        {"now": now, "warm": warm, "cool": cool},
    )
    started_at, raised_at = now - timedelta(minutes=13), now - timedelta(minutes=3)
    connection.execute(
        "INSERT INTO incident (incident_id, incident_number, scope, place_id, severity, started_at, opened_at,"
        " last_paged_at) VALUES (%s, 4711, 'place:fridge-1', %s, 'critical', %s, %s, %s)",
        (INCIDENT_ID, FRIDGE, started_at, raised_at, raised_at),
    )
    connection.execute(
        "INSERT INTO incident_journal (incident_id, at, what, facts) VALUES (%s, %s, 'raised', %s)",
        (INCIDENT_ID, raised_at, Jsonb({"kind": "temperature_high", "severity": "critical"})),
    )
    connection.execute(
        "INSERT INTO alarm (alarm_id, incident_id, condition, subject, device_key, place_id, limit_celsius, started_at,"
        " raised_at, peak_celsius, last_celsius, last_at)"
        " VALUES (%s, %s, 'temperature_high', %s, %s, %s, 8.0, %s, %s, 10.4, 10.2, %s)",
        (ALARM_ID, INCIDENT_ID, f"device:{warm}/temperature_high", warm, FRIDGE, started_at, raised_at, now),
    )
    connection.execute(
        "INSERT INTO page VALUES (%s, %s, 'log', %s, '{}', 1, %s, %s, ''), (%s, %s, 'webhook', %s, '{}', 3, %s, NULL,"
        " 'connection refused')",
        (uuid.UUID(int=1), ALARM_ID, now, now, now, uuid.UUID(int=2), ALARM_ID, now, now),
    )
    connection.execute("UPDATE page SET incident_id = %s", (INCIDENT_ID,))


def _device_key(connection: psycopg.Connection[Any], device_id: str) -> int:
    row = connection.execute("SELECT device_key FROM device WHERE device_id = %s", (device_id,)).fetchone()
    assert row is not None, device_id
    key: int = row[0]
    return key
