"""The proof of the books finds each kind of damage, and nothing in books that are right."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from edge.contracts.observations import CodeScanned
from gateway.stock import books, documents
from gateway.stock.documents import NewDocument
from gateway.stock.verify import BooksProof, verify_books
from tests.gateway.ingest_kit import GTIN, NOW, Database, Node
from tests.gateway.warehouse_kit import STORE, WARD, Warehouse, doing, goods, line

pytestmark = pytest.mark.integration


@pytest.fixture
def warehouse(database: Database) -> Iterator[Warehouse]:
    """Books with something of everything: packs, an opened one, a reversal, repacking, edge scans, a document."""
    node = Node()
    for text in (f"]d201{GTIN}17271231" + "10E1\x1d21S1", f"]d201{GTIN}17271231" + "10E1\x1d21S2"):
        scanned = CodeScanned(device_id="scanner-receiving", occurred_at=NOW, monotonic_ns=1, text=text)
        database.take(node.events(scanned))
    warehouse = Warehouse(database.dsn)
    warehouse.receive(goods(100, serial="S1"))
    warehouse.receive(goods(100, serial="S2"))
    warehouse.receive(goods(70, serial="S3"), WARD)
    warehouse.issue(goods(30, serial="S1"))
    warehouse.issue(goods(100, serial="S2"))
    wrong = warehouse.receive(goods(50, lot="L2"))
    with warehouse.connection.transaction():
        books.reverse(warehouse.connection, doing(), wrong.movement_id, uuid.uuid4())
    warehouse.receive(goods(40, lot="L3"))
    repacked = line("repack_out", goods(20, lot="L3"), STORE, "repacked")
    warehouse.book(repacked, line("repack_in", goods(20, lot="R1"), "repacked", WARD))
    with warehouse.connection.transaction():
        for number in (1, 2):
            one = NewDocument(uuid.UUID(int=number), "issue", "lan", NOW, NOW)
            documents.open_document(warehouse.connection, one)
    yield warehouse
    warehouse.connection.close()


def proof_of(warehouse: Warehouse) -> BooksProof:
    with warehouse.connection.transaction():
        return verify_books(warehouse.connection)


def test_books_that_are_right_are_found_right(warehouse: Warehouse) -> None:
    proof = proof_of(warehouse)
    assert proof.ok, proof
    assert (proof.movements, proof.postings_sum, proof.without_person, proof.examples) == (12, 0, 2, ())


DAMAGE: dict[str, tuple[str, dict[str, int], str]] = {
    "a balance was edited": (
        "UPDATE stock_balance SET quantity = quantity + 1 WHERE account_id = 'place:ward' AND lot = 'R1'",
        {"projection_differences": 1},
        "lot 'R1': 21 in the balance, 20 by replay",
    ),
    "a balance is gone": (
        "DELETE FROM stock_balance WHERE account_id = 'place:ward' AND lot = 'R1'",
        {"projection_differences": 1},
        "lot 'R1': 0 in the balance, 20 by replay",
    ),
    "a balance came from nowhere": (
        "INSERT INTO stock_balance VALUES ('place:ward', 'PARA500', 'X', 5)",
        {"projection_differences": 1},
        "lot 'X': 5 in the balance, 0 by replay",
    ),
    "a posting was deleted": (
        "DELETE FROM posting WHERE account_id = 'place:ward' AND lot = 'R1'",
        {"postings_sum": -20, "faults": 1},
        "posting of 20 in movement",
    ),
    "both postings of a movement were deleted": (
        (
            "DELETE FROM posting WHERE movement_id = (SELECT min(movement_id::text)::uuid FROM movement"
            " WHERE kind = 'reverse')"
        ),
        {"faults": 2},
        "is missing: account",
    ),
    "two movements have each other's postings": (
        "UPDATE posting SET quantity = 130 - quantity WHERE account_id = 'dispensed'",
        {"faults": 4},
        "posting of 30 in movement",
    ),
    "a posting was moved in time": (
        "UPDATE posting SET occurred_at = occurred_at - interval '1 day' WHERE lot = 'R1' AND quantity > 0",
        {"faults": 2},
        "is of no movement",
    ),
    "a movement lost its person": (
        "UPDATE movement SET person = NULL WHERE lot = 'R1'",
        {"untraceable": 1},
        "(repack_in) can't be traced: nobody and nothing is named",
    ),
    "a movement lost its scan text and has no document": (
        "UPDATE movement SET scan_text = NULL WHERE lot = 'R1'",
        {"untraceable": 1},
        "nobody and nothing is named",
    ),
    "a movement lost its device": (
        "UPDATE movement SET device_key = NULL WHERE lot = 'E1' AND serial_number = 'S1'",
        {"untraceable": 1},
        "nobody and nothing is named",
    ),
    "a scan is gone": (
        "DELETE FROM scan WHERE seq = 1",
        {"untraceable": 1},
        "(receive) can't be traced: its scan is not there",
    ),
    "a scan was of another device": (
        "UPDATE scan SET device_key = -1 WHERE seq = 1",
        {"untraceable": 1},
        "its scan is not there",
    ),
    "a movement was deleted": (
        "DELETE FROM movement WHERE kind = 'repack_in'",
        {"projection_differences": 2, "faults": 3},
        "repacking product PARA500: 20 did not come back",
    ),
    "a receipt never was": (
        (
            "WITH gone AS (DELETE FROM movement WHERE lot = 'L3' AND kind = 'receive' RETURNING movement_id)"
            " DELETE FROM posting WHERE movement_id IN (SELECT movement_id FROM gone)"
        ),
        {"projection_differences": 2, "negative_balances": 1},
        "account 'place:store', product PARA500, lot 'L3': -20 by replay",
    ),
    "a pack stands in the wrong place": (
        "UPDATE pack SET account_id = 'place:ward' WHERE serial_number = 'S1' AND lot = 'L1'",
        {"misplaced_packs": 2},
        "pack 'S1' of 08935234500007 at 'place:ward': 0 base units by its movements, 70 noted",
    ),
    "two packs have each other's places": (
        (
            "UPDATE pack SET account_id = CASE serial_number WHEN 'S1' THEN 'place:ward' ELSE 'place:store' END"
            " WHERE serial_number IN ('S1', 'S3') AND lot = 'L1'"
        ),
        {"misplaced_packs": 4},
        "pack 'S3' of 08935234500007 at 'place:store': 0 base units by its movements, 70 noted",
    ),
    "a pack has been brought back from the dispensed": (
        "UPDATE pack SET account_id = 'place:store' WHERE serial_number = 'S2' AND lot = 'L1'",
        {"misplaced_packs": 1},
        "0 base units by its movements, 100 noted",
    ),
    "a pack left without a movement": (
        "UPDATE pack SET account_id = 'wasted' WHERE serial_number = 'S2' AND lot = 'L1'",
        {"misplaced_packs": 1},
        "is noted at 'wasted', its last movement went to 'dispensed'",
    ),
    "a pack is fuller than it was": (
        "UPDATE pack SET units = 71 WHERE serial_number = 'S1' AND lot = 'L1'",
        {"misplaced_packs": 1},
        "70 base units by its movements, 71 noted",
    ),
    "a pack is gone": (
        "DELETE FROM pack WHERE serial_number = 'S1' AND lot = 'L1'",
        {"misplaced_packs": 1},
        "70 base units by its movements, 0 noted",
    ),
    "a pack's last movement is another's": (
        (
            "UPDATE pack SET last_movement_id = (SELECT last_movement_id FROM pack WHERE serial_number = 'S2'"
            " AND lot = 'L1') WHERE serial_number = 'S1' AND lot = 'L1'"
        ),
        {"misplaced_packs": 1},
        "pack 'S1' of 08935234500007 is noted at 'place:store'",
    ),
    "a reversal took something else back": (
        (
            "UPDATE movement SET reverses_movement_id = (SELECT movement_id FROM movement WHERE lot = 'L3' LIMIT 1)"
            " WHERE kind = 'reverse'"
        ),
        {"faults": 1},
        "is not the opposite of",
    ),
    "a document was removed": (
        "DELETE FROM stock_document WHERE number = 'PX26-000001'",
        {"faults": 1},
        "2 numbers of kind issue were given, 1 documents are there",
    ),
}


COUNTS = (
    *("postings_sum", "projection_differences", "negative_balances", "untraceable", "misplaced_packs"),
    "faults",
)


def test_each_kind_of_damage_is_found_counted_and_named(warehouse: Warehouse) -> None:
    """All on the same books, each rolled back: a warehouse for each would take half a minute."""
    for name, (statement, expected, example) in DAMAGE.items():
        warehouse.connection.execute("SET LOCAL session_replication_role = replica")
        warehouse.connection.execute(statement.encode())
        proof = verify_books(warehouse.connection)
        warehouse.connection.rollback()
        assert not proof.ok, name
        assert {field: getattr(proof, field) for field in COUNTS if getattr(proof, field)} == expected, (name, proof)
        assert any(example in text for text in proof.examples), (name, proof.examples)
    assert proof_of(warehouse).ok


def _medtap_stock_verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medtap", "stock", "verify", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_the_command_says_it_in_json_and_by_its_exit_code(warehouse: Warehouse) -> None:
    warehouse.connection.commit()
    good = _medtap_stock_verify(warehouse.dsn, "--json")
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stdout) == {
        "ok": True,
        "movements": 12,
        "postings_sum": 0,
        "projection_differences": 0,
        "negative_balances": 0,
        "untraceable": 0,
        "misplaced_packs": 0,
        "faults": 0,
        "without_person": 2,
        "examples": [],
        "day_sum_differences": 0,
    }
    assert "12 movements" in good.stderr, "what it is at is said while it works"
    warehouse.run("UPDATE posting_day SET units_in = units_in + 1 WHERE account_id = 'place:ward' AND lot = 'R1'")
    worse = _medtap_stock_verify(warehouse.dsn, "--json")
    assert worse.returncode == 1
    assert {name: json.loads(worse.stdout)[name] for name in ("ok", "faults", "day_sum_differences")} == {
        "ok": False,
        "faults": 0,
        "day_sum_differences": 1,
    }
    warehouse.run("UPDATE stock_balance SET quantity = quantity + 1 WHERE account_id = 'place:ward' AND lot = 'R1'")
    bad = _medtap_stock_verify(warehouse.dsn)
    assert bad.returncode == 1
    assert "lot 'R1': 21 in the balance, 20 by replay" in bad.stdout
    assert _medtap_stock_verify("dbname=absent host=/nonexistent").returncode == 2


def test_the_proof_changes_nothing_and_needs_no_right_to(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse.dsn) as connection:
        connection.read_only = True
        assert verify_books(connection).ok
