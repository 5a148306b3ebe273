"""Stock that was booked before products had ids of their own stands in the books afterwards as it did."""

import uuid
from datetime import UTC, datetime

import psycopg
import pytest

from gateway.db.migrator import migrate, read_migrations
from inventory.ledger import BalanceKey, Movement, Posting, verify

pytestmark = pytest.mark.integration

AT = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
GTIN = "08935234567895"
RECEIVED, ISSUED = uuid.UUID(int=1), uuid.UUID(int=2)

BEFORE = f"""
INSERT INTO place (place_id, kind, name_vi, name_en) VALUES ('store', 'store', 'Kho', 'Store');
INSERT INTO stock_account VALUES ('place:store', 'store');
INSERT INTO product VALUES ('{GTIN}', 'Paracetamol Đỏ 500 mg', 'Paracetamol', 'VD-1-20', 'viên', 'tablet', 100);
INSERT INTO movement (movement_id, kind, occurred_at, received_at, gtin, lot, expiry_date, serial_number, quantity,
    from_account_id, to_account_id, device_key, epoch_key, seq) VALUES
    ('{RECEIVED}', 'receive', '{AT}', '{AT}', '{GTIN}', 'L1', '2027-12-31', 'S1', 100, 'supplier', 'place:store', 1, 1, 1),
    ('{ISSUED}', 'issue', '{AT}', '{AT}', '{GTIN}', 'L1', NULL, 'S1', 100, 'place:store', 'dispensed', 1, 1, 2);
INSERT INTO posting VALUES
    ('{RECEIVED}', 'supplier', '{GTIN}', 'L1', -100), ('{RECEIVED}', 'place:store', '{GTIN}', 'L1', 100),
    ('{ISSUED}', 'place:store', '{GTIN}', 'L1', -100), ('{ISSUED}', 'dispensed', '{GTIN}', 'L1', 100);
INSERT INTO stock_balance VALUES
    ('supplier', '{GTIN}', 'L1', -100, '2027-12-31'), ('place:store', '{GTIN}', 'L1', 0, '2027-12-31'),
    ('dispensed', '{GTIN}', 'L1', 100, '2027-12-31');
INSERT INTO pack VALUES ('{GTIN}', 'S1', 'L1', '2027-12-31', 'dispensed', '{ISSUED}');
"""  # noqa: E501, S608 - rows as a table; all of it is written here


def test_what_was_booked_is_carried_over_and_the_books_still_prove_it(postgres_dsn: str) -> None:
    migrations = read_migrations()
    migrate(postgres_dsn, migrations=migrations[:6])
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(BEFORE.encode())
    migrate(postgres_dsn, migrations=migrations)
    with psycopg.connect(postgres_dsn) as connection:
        movements = connection.execute(
            "SELECT movement_id, kind, product_id, lot, quantity, from_account_id, to_account_id, occurred_at"
            " FROM movement ORDER BY seq"
        ).fetchall()
        postings = connection.execute("SELECT movement_id, account_id, product_id, lot, quantity FROM posting")
        balances = connection.execute("SELECT account_id, product_id, lot, quantity FROM stock_balance")
        proof = verify(
            [Movement(*row) for row in movements],
            {BalanceKey(*row[:3]): int(row[3]) for row in balances},
            [Posting(*row) for row in postings],
        )
        assert proof.ok, proof
        assert proof.movements == 2
        assert connection.execute("SELECT product_id, lot, expiry_date::text FROM lot").fetchall() == [
            (GTIN, "L1", "2027-12-31")
        ]
        assert connection.execute("SELECT gtin, product_id, units FROM trade_item").fetchall() == [(GTIN, GTIN, 100)]
        assert connection.execute("SELECT product_id, units, account_id FROM pack").fetchall() == [
            (GTIN, 100, "dispensed")
        ]
        assert connection.execute("SELECT count(*) FROM posting WHERE occurred_at = %s", (AT,)).fetchone() == (4,)
        assert connection.execute("SELECT * FROM product_registration").fetchall() == [(GTIN, "VD-1-20")]
        assert connection.execute("SELECT search_text FROM product").fetchall() == [
            (f"|paracetamol do 500 mg|paracetamol|{GTIN}|vd-1-20|",)
        ]
