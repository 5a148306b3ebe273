"""Labels of the hospital's own, on packs of products without GTIN: what a scan of one does to the books."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from edge.contracts.observations import CodeScanned
from gateway.services.reads_pharmacy import latest_scans
from gateway.services.site_file import import_site, parse_site
from gateway.stock.verify import verify_books
from inventory.pack_identity import InternalIdentity
from tests.gateway.ingest_kit import NOW, Database, Node

pytestmark = pytest.mark.integration

Scan = Callable[..., str]
EXPIRY = date(2027, 12, 31)
SITE = {
    "products": [
        {
            "product_id": "VIT-C",
            "name_vi": "Vitamin C",
            "name_en": "Vitamin C",
            "base_unit_vi": "viên",
            "base_unit_en": "tablet",
        }
    ]
}


def label(serial: str = "", *, lot: str = "L1", expiry: date | None = EXPIRY, product: str = "VIT-C") -> str:
    """What a scanner delivers of a label that was printed here."""
    return "]d2" + InternalIdentity(product, lot, expiry, serial).message


@pytest.fixture
def scan(database: Database) -> Iterator[Scan]:
    """Scan at a device; the outcome. The books are proven when the test is over."""
    node = Node()
    with database.pool.connection() as connection:
        import_site(connection, parse_site(SITE))

    def scanned(text: str, device: str = "scanner-receiving", *, minutes: int = 0) -> str:
        at = NOW + timedelta(minutes=minutes)
        event = CodeScanned(device_id=device, occurred_at=at, monotonic_ns=1, text=text)
        database.take(node.events(event, at=at))
        return str(database.column("SELECT outcome FROM scan ORDER BY epoch_key, seq")[-1])

    yield scanned
    with database.pool.connection() as connection:
        proof = verify_books(connection)
    assert proof.ok, proof


def test_a_pack_without_gtin_is_received_and_issued_by_the_hospitals_own_label(database: Database, scan: Scan) -> None:
    assert scan(label("S1")) == "received"
    assert scan(label("S1"), "scanner-issue", minutes=1) == "issued"
    rows = database.rows("SELECT kind, product_id, gtin, lot, expiry_date, quantity FROM movement ORDER BY occurred_at")
    assert rows == [("receive", "VIT-C", None, "L1", EXPIRY, 1), ("issue", "VIT-C", None, "L1", EXPIRY, 1)]


def test_a_label_with_a_serial_number_is_booked_once_until_its_pack_comes_back(database: Database, scan: Scan) -> None:
    assert scan(label("S1")) == "received"
    assert scan(label("S1"), minutes=1) == "repeated"
    assert scan(label("S2"), minutes=2) == "received"
    assert scan(label("S1"), "scanner-issue", minutes=3) == "issued"
    assert scan(label("S1"), "scanner-issue", minutes=4) == "repeated"
    assert scan(label("S1"), minutes=5) == "received"
    assert database.value("SELECT sum(quantity)::int FROM stock_balance WHERE account_id = 'place:store'") == 2


def test_labels_without_a_serial_number_are_counted(database: Database, scan: Scan) -> None:
    assert [scan(label(), minutes=minute) for minute in range(3)] == ["received"] * 3
    assert database.value("SELECT quantity FROM stock_balance WHERE account_id = 'place:store'") == 3


def test_a_label_that_is_issued_without_having_been_received_becomes_a_case(database: Database, scan: Scan) -> None:
    assert scan(label("S1"), "scanner-issue") == "discrepancy"
    assert database.column("SELECT code FROM discrepancy") == ["not_in_books"]


def test_a_label_whose_day_is_over_is_booked_and_becomes_a_case(database: Database, scan: Scan) -> None:
    assert scan(label("S1", expiry=date(2026, 1, 1))) == "discrepancy"
    assert database.column("SELECT code FROM discrepancy") == ["expired_pack"]
    assert database.value("SELECT count(*) FROM movement") == 1
    assert scan(label("S1", expiry=date(2026, 1, 1)), minutes=1) == "repeated"


def test_a_label_at_a_scanner_that_stands_nowhere_becomes_a_case(database: Database, scan: Scan) -> None:
    assert scan(label("S1"), "homeless") == "discrepancy"
    assert database.column("SELECT code FROM discrepancy") == ["device_without_place"]


def test_another_houses_code_for_its_own_use_is_refused(database: Database, scan: Scan) -> None:
    assert scan(label(product="NOT-OURS")) == "refused"
    assert database.value("SELECT count(*) FROM movement") == 0


def test_what_was_scanned_is_shown_with_its_product(database: Database, scan: Scan) -> None:
    assert scan(label("S1"), "nfc-pharmacy") == "looked_up"
    with database.pool.connection() as connection:
        shown = latest_scans(connection, 1)[0]
    assert (shown.product_id, shown.lot, shown.serial_number) == ("VIT-C", "L1", "S1")
