"""What a scan does to the books. Real PostgreSQL; the books are proven by replay after every test."""

import threading
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from edge.contracts.observations import CodeScanned, NdefRecordRead, NfcTagRead
from gateway.ingest.decoder import decode
from gateway.stock import books, holds
from gateway.stock.holds import NewHold
from gateway.stock.lines import Doing, Goods, Line
from gateway.stock.operators import sign_on
from gateway.stock.reservations import NewReservation, reserve
from gateway.stock.verify import verify_books
from inventory.ledger import BalanceKey as Key
from inventory.ledger import Movement, Posting, verify
from tests.gateway.ingest_kit import GTIN, NOW, Database, Node

pytestmark = pytest.mark.integration

GS = "\x1d"


def code(serial: str | None = "S1", *, lot: str = "L1", expiry: str = "271231", gtin: str = GTIN) -> str:
    """An element string as a scanner delivers it."""
    expiry_part = f"17{expiry}" if expiry else ""
    return f"]d201{gtin}{expiry_part}10{lot}" + (f"{GS}21{serial}" if serial else "")


class Store:
    """A pharmacy store with its scanners."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.node = Node()

    def scan(self, device: str, text: str, *, at: datetime = NOW) -> str:
        """Scan; the outcome."""
        scanned = CodeScanned(device_id=device, occurred_at=at, monotonic_ns=1, text=text)
        self.database.take(self.node.events(scanned, at=max(at, NOW)))
        return str(self.outcomes()[-1])

    def receive(self, text: str, *, at: datetime = NOW) -> str:
        """At the receiving scanner of the main store."""
        return self.scan("scanner-receiving", text, at=at)

    def issue(self, text: str, *, at: datetime = NOW) -> str:
        """At the issuing scanner of the main store."""
        return self.scan("scanner-issue", text, at=at)

    def outcomes(self) -> list[Any]:
        """Of all scans so far."""
        return self.database.column("SELECT outcome FROM scan ORDER BY epoch_key, seq")

    def balances(self) -> dict[str, int]:
        """Base units on each account that has any."""
        rows = self.database.rows(
            "SELECT account_id, sum(quantity)::int FROM stock_balance GROUP BY 1 HAVING sum(quantity) <> 0"
        )
        return dict(rows)

    def movements(self) -> list[tuple[Any, ...]]:
        """Kind, from and to, in the order of entry."""
        return self.database.rows(
            "SELECT kind, from_account_id, to_account_id FROM movement ORDER BY epoch_key, seq, kind"
        )

    def discrepancies(self) -> list[Any]:
        """Codes of the open cases."""
        return self.database.column("SELECT code FROM discrepancy WHERE resolved_at IS NULL ORDER BY discrepancy_id")


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """A store, whose books are proven when the test is over."""
    yield Store(database)
    movements = database.rows(
        "SELECT movement_id, kind, product_id, lot, quantity, from_account_id, to_account_id, occurred_at FROM movement"
    )
    postings = database.rows("SELECT movement_id, account_id, product_id, lot, quantity FROM posting")
    balances = database.rows("SELECT account_id, product_id, lot, quantity FROM stock_balance WHERE quantity <> 0")
    proof = verify(
        [Movement(*movement) for movement in movements],
        {Key(*row[:3]): int(row[3]) for row in balances},
        [Posting(*posting) for posting in postings],
    )
    assert proof.ok, proof
    with database.pool.connection() as connection:
        by_sets = verify_books(connection)
    assert by_sets.ok, by_sets
    assert by_sets.movements == proof.movements


def test_a_scanned_pack_becomes_one_movement_in_base_units(store: Store) -> None:
    assert store.receive(code()) == "received"
    assert store.movements() == [("receive", "supplier", "place:store")]
    assert store.balances() == {"supplier": -100, "place:store": 100}
    stored = store.database.rows("SELECT gtin, lot, expiry_date, serial_number, quantity FROM movement")
    assert stored == [(GTIN, "L1", date(2027, 12, 31), "S1", 100)]


def test_a_received_pack_is_issued(store: Store) -> None:
    store.receive(code())
    assert store.issue(code()) == "issued"
    assert store.balances() == {"supplier": -100, "dispensed": 100}


def test_a_pack_scanned_twice_is_received_once(store: Store) -> None:
    store.receive(code())
    assert store.receive(code()) == "repeated"
    assert store.balances()["place:store"] == 100


def test_a_pack_issued_twice_is_issued_once(store: Store) -> None:
    store.receive(code())
    store.issue(code())
    assert store.issue(code()) == "repeated"
    assert store.balances()["dispensed"] == 100


def test_a_pack_that_the_books_do_not_have_is_issued_all_the_same_and_becomes_a_case(store: Store) -> None:
    assert store.issue(code()) == "discrepancy"
    assert store.movements() == [
        ("found", "unexplained", "place:store"),
        ("issue", "place:store", "dispensed"),
    ]
    assert store.balances() == {"unexplained": -100, "dispensed": 100}
    assert store.discrepancies() == ["not_in_books"]


def test_a_pack_that_the_books_have_elsewhere_is_moved_from_there_and_becomes_a_case(store: Store) -> None:
    store.scan("ward-receiving", code())
    assert store.issue(code()) == "discrepancy"
    assert store.balances() == {"supplier": -100, "dispensed": 100}
    assert store.discrepancies() == ["booked_elsewhere"]


def test_a_dispensed_pack_that_is_received_again_becomes_a_case(store: Store) -> None:
    store.receive(code())
    store.issue(code())
    assert store.receive(code(), at=NOW + timedelta(hours=1)) == "discrepancy"
    assert store.balances() == {"supplier": -100, "place:store": 100}
    assert store.discrepancies() == ["booked_elsewhere"]


def test_a_receipt_that_comes_late_explains_the_pack_that_was_found(store: Store) -> None:
    """The receiving scanner's edge node was offline while the pack was issued."""
    store.issue(code())
    assert store.receive(code(), at=NOW - timedelta(hours=2)) == "received"
    assert store.balances() == {"supplier": -100, "dispensed": 100}
    assert store.discrepancies() == []
    assert store.database.column("SELECT resolution FROM discrepancy") == ["received late"]


def test_a_late_receipt_that_explains_nothing_becomes_a_case(store: Store) -> None:
    store.receive(code())
    store.issue(code())
    assert store.receive(code(), at=NOW - timedelta(hours=2)) == "discrepancy"
    assert store.discrepancies() == ["out_of_order"]
    assert store.balances()["dispensed"] == 100


def test_without_serial_numbers_packs_are_counted(store: Store) -> None:
    assert [store.receive(code(None)) for _ in range(3)] == ["received"] * 3
    assert [store.issue(code(None)) for _ in range(4)] == ["issued", "issued", "issued", "discrepancy"]
    assert store.balances() == {"supplier": -300, "unexplained": -100, "dispensed": 400}


def test_a_scan_without_expiry_date_never_blanks_a_known_one(store: Store) -> None:
    store.receive(code())
    store.issue(code(expiry=""))
    assert store.database.column("SELECT expiry_date FROM movement") == [date(2027, 12, 31)] * 2
    assert store.database.value("SELECT expiry_date FROM pack") == date(2027, 12, 31)
    assert store.database.column("SELECT expiry_date FROM lot") == [date(2027, 12, 31)]


def test_a_serial_number_with_another_lot_moves_nothing_and_becomes_a_case(store: Store) -> None:
    store.receive(code(lot="L1"))
    assert store.issue(code(lot="L2")) == "discrepancy"
    assert store.discrepancies() == ["lot_mismatch"]
    assert store.balances()["place:store"] == 100


@pytest.mark.parametrize(
    ("device", "booked"),
    [
        ("scanner-receiving", [("receive", "supplier", "place:store")]),
        ("scanner-issue", [("found", "unexplained", "place:store"), ("issue", "place:store", "dispensed")]),
    ],
)
def test_an_expired_pack_that_came_or_went_is_booked_and_becomes_a_case(
    store: Store, device: str, booked: list[tuple[str, str, str]]
) -> None:
    assert store.scan(device, code(expiry="260101")) == "discrepancy"
    assert store.movements() == booked
    assert store.discrepancies()[-1] == "expired_pack"
    assert "expired on 01/01/2026: " in store.database.value("SELECT reason FROM scan")
    assert store.scan(device, code(expiry="260101")) == "repeated", "it is told once"


def test_a_pack_of_a_recalled_lot_that_was_received_is_booked_and_becomes_a_case(store: Store) -> None:
    _hold(store, lot="L1")
    assert store.receive(code()) == "discrepancy"
    assert store.balances() == {"supplier": -100, "place:store": 100}
    assert store.discrepancies() == ["held_stock_received"]


def test_a_product_that_is_checked_on_receipt_is_held_once_when_its_packs_are_scanned_in(store: Store) -> None:
    store.database.run("UPDATE product SET quarantine_on_receipt = true WHERE product_id = %s", GTIN)
    assert [store.receive(code(serial)) for serial in ("S1", "S2", "S3")] == ["received"] * 3
    assert store.database.rows("SELECT kind, lot, account_id FROM stock_hold") == [("quarantine", "L1", None)]
    assert store.issue(code("S2")) == "discrepancy"
    assert store.discrepancies() == ["held_stock_issued"]


def test_a_controlled_drug_that_one_person_scanned_in_is_booked_and_becomes_a_case(store: Store) -> None:
    store.database.run("UPDATE product SET control_class = 'narcotic' WHERE product_id = %s", GTIN)
    assert store.receive(code()) == "discrepancy"
    assert store.balances() == {"supplier": -100, "place:store": 100}
    assert store.discrepancies() == ["controlled_received_alone"]


def test_units_that_are_held_within_a_lot_and_were_issued_all_the_same_become_a_case(store: Store) -> None:
    assert [store.receive(code(None)) for _ in range(2)] == ["received"] * 2
    _hold(store, kind="quarantine", lot="L1", account_id="place:store", quantity=100)
    assert store.issue(code(None)) == "issued", "a hundred sound ones were there too"
    assert store.issue(code(None)) == "discrepancy"
    assert store.discrepancies() == ["held_stock_issued"]


def test_a_pack_may_be_used_on_its_last_day(store: Store) -> None:
    assert store.receive(code(expiry="261122")) == "received"


def test_an_unknown_product_moves_nothing_and_becomes_a_case(store: Store) -> None:
    assert store.receive(code(gtin="00614141123452")) == "discrepancy"
    assert store.discrepancies() == ["unknown_product"]
    assert "00614141123452 is not in the catalogue" in store.database.value("SELECT reason FROM scan")


def test_a_scanner_that_stands_nowhere_moves_nothing_and_becomes_a_case(store: Store) -> None:
    assert store.scan("homeless", code()) == "discrepancy"
    assert store.discrepancies() == ["device_without_place"]


@pytest.mark.parametrize("text", ["hello", "]d2", f"]d201{GTIN[:-1]}1", f"]d201{GTIN}17269931", "https://example.com/"])
def test_a_code_that_is_not_understood_is_refused_with_a_reason_and_touches_nothing(store: Store, text: str) -> None:
    assert store.receive(text) == "refused"
    assert store.database.value("SELECT reason FROM scan") != ""
    assert store.movements() == []
    assert store.discrepancies() == []


def test_a_scan_with_its_separator_lost_moves_nothing_and_becomes_a_case(store: Store) -> None:
    """The serial number would stand inside the lot."""
    assert store.receive(code("1234567890", lot="LOT7").replace(GS, "")) == "discrepancy"
    assert store.movements() == []
    assert store.discrepancies() == ["doubtful_code"]
    assert "FNC1 was lost" in store.database.value("SELECT reason FROM scan")


def test_looking_a_pack_up_moves_nothing(store: Store) -> None:
    store.receive(code())
    assert store.scan("nfc-pharmacy", code()) == "looked_up"
    assert len(store.movements()) == 1


def test_an_nfc_tag_is_read_by_the_record_that_names_a_product(store: Store) -> None:
    uri = f"https://id.gs1.org/01/{GTIN}/10/L1/21/S9?17=271231"
    records = (
        NdefRecordRead(type="urn:nfc:wkt:T", text="Paracetamol"),
        NdefRecordRead(type="urn:nfc:wkt:U", text=uri),
    )
    tag = NfcTagRead(
        device_id="nfc-pharmacy",
        occurred_at=NOW,
        monotonic_ns=1,
        uid="04",
        tag_type="type2",
        records=records,
    )
    store.database.take(store.node.events(tag))
    row = store.database.rows("SELECT outcome, kind, text, parsed->>'serial_number' FROM scan")
    assert row == [("looked_up", "gs1-digital-link", uri, "S9")]


def _tag(store: Store, uid: str) -> None:
    uri = f"https://id.gs1.org/01/{GTIN}/10/L1/21/S1"
    records = (NdefRecordRead(type="urn:nfc:wkt:U", text=uri),)
    tag = NfcTagRead(
        device_id="nfc-pharmacy", occurred_at=NOW, monotonic_ns=1, uid=uid, tag_type="type2", records=records
    )
    store.database.take(store.node.events(tag))


def test_the_nfc_tag_of_a_pack_is_remembered_and_another_one_that_says_the_same_is_a_case(store: Store) -> None:
    store.receive(code())
    uids = "SELECT nfc_uid FROM pack"
    for _ in range(2):
        _tag(store, "04a1b2c3d4e5f6")
    assert (store.database.column(uids), store.discrepancies()) == (["04A1B2C3D4E5F6"], [])
    _tag(store, "04ffffffffffff")
    assert (store.database.column(uids), store.discrepancies()) == (["04FFFFFFFFFFFF"], ["nfc_tag_other"])
    assert "04A1B2C3D4E5F6" in store.database.value("SELECT detail FROM discrepancy")


def test_an_empty_nfc_tag_is_refused(store: Store) -> None:
    tag = NfcTagRead(device_id="nfc-pharmacy", occurred_at=NOW, monotonic_ns=1, uid="04", tag_type="type2")
    store.database.take(store.node.events(tag))
    assert store.outcomes() == ["refused"]


def test_the_pharmacist_sees_what_came_of_a_scan(store: Store) -> None:
    store.receive(code())
    shown = store.database.rows("SELECT audience, payload FROM live_event WHERE kind = 'scan'")
    movement_id = str(store.database.value("SELECT movement_id FROM movement"))
    assert [row[0] for row in shown] == ["pharmacy"]
    assert (shown[0][1]["outcome"], shown[0][1]["movement_id"]) == ("received", movement_id)


def test_the_id_of_a_movement_is_made_from_the_row_that_caused_it(store: Store) -> None:
    store.receive(code())
    first = store.database.value("SELECT movement_id FROM movement")
    store.database.run("TRUNCATE movement, posting, stock_balance, pack, scan, ingest_mark, stock_reservation CASCADE")
    store.node.next_seq = dict.fromkeys(store.node.next_seq, 1)
    store.receive(code())
    assert store.database.value("SELECT movement_id FROM movement") == first


def _hold(store: Store, **scope: Any) -> None:  # noqa: ANN401 - fields of NewHold
    with store.database.pool.connection() as connection:
        fields: dict[str, Any] = {"kind": "recall", "reason": "Công văn 123", "placed_by": "lan", "placed_at": NOW}
        holds.place_hold(connection, NewHold(uuid.uuid4(), product_id=GTIN, **fields | scope))


def test_held_stock_that_was_issued_all_the_same_is_booked_and_becomes_a_case(store: Store) -> None:
    store.receive(code())
    _hold(store, lot="L1")
    assert store.issue(code()) == "discrepancy"
    assert store.balances() == {"supplier": -100, "dispensed": 100}
    assert store.discrepancies() == ["held_stock_issued"]
    assert "recalled since" in store.database.value("SELECT reason FROM scan WHERE outcome = 'discrepancy'")


def test_promised_stock_that_was_issued_all_the_same_is_booked_and_becomes_a_case(store: Store) -> None:
    store.receive(code())
    with store.database.pool.connection() as connection:
        until = NOW + timedelta(hours=1)
        reserve(connection, NewReservation(uuid.uuid4(), "place:store", GTIN, "L1", 1, "lan", NOW, until))
    assert store.issue(code()) == "discrepancy"
    assert store.discrepancies() == ["reserved_stock_issued"]


def test_a_recalled_pack_that_the_books_have_elsewhere_becomes_two_cases(store: Store) -> None:
    store.scan("ward-receiving", code())
    _hold(store, gtin=GTIN, serial_number="S1")
    assert store.issue(code()) == "discrepancy"
    assert store.discrepancies() == ["booked_elsewhere", "held_stock_issued"]


def test_a_pack_whose_lot_was_issued_without_serial_numbers_is_issued_all_the_same(store: Store) -> None:
    store.receive(code())
    assert store.issue(code(None)) == "issued"
    assert store.issue(code()) == "discrepancy"
    assert store.balances() == {"supplier": -100, "unexplained": -100, "dispensed": 200}
    assert store.discrepancies() == ["not_in_books"]


def test_of_an_opened_pack_what_is_left_is_issued(store: Store) -> None:
    store.receive(code())
    with store.database.pool.connection() as connection:
        some = Goods(GTIN, "L1", None, 30, GTIN, "S1")
        by = Doing(NOW, NOW, "web", person="lan", scan_text="x")
        books.book(connection, by, [Line(uuid.uuid4(), "dispense", some, "place:store", "dispensed")])
    assert store.issue(code()) == "issued"
    assert store.balances() == {"supplier": -100, "dispensed": 100}


def test_a_scan_names_who_had_signed_on_at_the_scanner(store: Store) -> None:
    store.receive(code())
    store.database.run("INSERT INTO login_account (username, display_name, roles) VALUES ('lan', 'Lan', '{}')")
    with store.database.pool.connection() as connection:
        key = store.database.value("SELECT device_key FROM device WHERE device_id = 'scanner-issue'")
        sign_on(connection, key, "lan", NOW)
    store.issue(code())
    assert store.database.rows("SELECT kind, person FROM movement ORDER BY seq") == [
        ("receive", None),
        ("issue", "lan"),
    ]


def test_many_counters_issuing_the_same_packs_at_once_never_go_below_zero(store: Store) -> None:
    for _ in range(5):
        store.receive(code(None))
    scans = [
        Node(edge_node="store-1", epoch=f"{number:016x}").events(
            *(
                CodeScanned(device_id="scanner-issue", occurred_at=NOW, monotonic_ns=1, text=text)
                for text in (code(None), code("SAME"), code(None))
            )
        )
        for number in range(2, 8)
    ]
    threads = [
        threading.Thread(target=lambda one=scan: store.database.another_committer().commit([decode(one)]))
        for scan in scans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 12 packs without serial number were issued, of which the books had 5; the serialised pack counts once.
    assert store.balances() == {"supplier": -500, "unexplained": -800, "dispensed": 1300}
    assert store.outcomes().count("repeated") == 5
