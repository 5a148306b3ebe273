"""Counting by scanning serialised packs: which pack is missing, found, elsewhere. Real database, proven at the end."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from gateway.stock.errors import WorkRefusedError
from gateway.stock.stocktake_posting import Posted
from gateway.stock.stocktake_scans import ScannedPack, lines_of_scans
from gateway.stock.stocktakes import CountedLine
from tests.gateway.ingest_kit import GTIN, NOW, Database
from tests.gateway.stocktake_kit import STORE, WARD, Pharmacy, prove_books

pytestmark = pytest.mark.integration

GS = "\x1d"


@pytest.fixture
def pharmacy(database: Database) -> Iterator[Pharmacy]:
    """A pharmacy, whose books are proven when the test is over."""
    yield Pharmacy(database)
    prove_books(database)


def pack(serial: str, lot: str = "L1") -> str:
    return f"]d201{GTIN}10{lot}{GS}21{serial}"


def scanned(pharmacy: Pharmacy, *serials: str) -> CountedLine:
    with psycopg.connect(pharmacy.database.dsn) as connection:
        (line,) = lines_of_scans(connection, [ScannedPack("store", (pack(one),)) for one in serials], NOW.date())
    return line


def count_packs(pharmacy: Pharmacy, stocktake: uuid.UUID, *serials: str, minutes: float = 10) -> None:
    """Two people scan the same packs, one after the other."""
    line = scanned(pharmacy, *serials)
    for person in ("lan", "minh"):
        pharmacy.count(stocktake, line.quantity, by=person, packs=line.packs, minutes=minutes)


def test_scanned_packs_are_counted_in_base_units_each_once(pharmacy: Pharmacy) -> None:
    line = scanned(pharmacy, "S1", "S2", "S1")
    assert line == CountedLine(STORE, GTIN, "L1", 200, ((GTIN, "S1"), (GTIN, "S2")))


def test_a_pack_that_was_not_scanned_is_missing_by_its_serial_number(pharmacy: Pharmacy) -> None:
    for serial in ("S1", "S2", "S3"):
        pharmacy.receive(100, serial=serial)
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "S3")
    assert pharmacy.finish(stocktake) == Posted(1, 0)
    assert pharmacy.count_movements() == [("count_out", 100, STORE, "unexplained", "S2", "lan", "dung")]
    assert pharmacy.database.value("SELECT account_id FROM pack WHERE serial_number = 'S2'") == "unexplained"


def test_one_pack_missing_and_another_found_are_both_said_though_the_sum_fits(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "NEW")
    assert pharmacy.finish(stocktake) == Posted(2, 0)
    assert [row[:5] for row in pharmacy.count_movements()] == [
        ("count_in", 100, "unexplained", STORE, "NEW"),
        ("count_out", 100, STORE, "unexplained", "S2"),
    ]


def test_a_pack_that_the_books_have_elsewhere_is_a_case_and_is_not_found_twice(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    pharmacy.issue(100, serial="S2", minutes=-30)
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "S2")
    assert pharmacy.finish(stocktake) == Posted(0, 1)
    assert (pharmacy.cases(), pharmacy.on_hand(), pharmacy.on_hand(WARD)) == (["counted_elsewhere"], 100, 100)


def test_a_pack_that_left_after_it_was_counted_and_one_that_came_are_no_difference(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    stocktake = pharmacy.start()
    count_packs(pharmacy, stocktake, "S1", "S2")
    pharmacy.issue(100, serial="S2", minutes=15)
    pharmacy.receive(100, serial="S3", minutes=16)
    assert pharmacy.finish(stocktake) == Posted(0, 0)
    assert pharmacy.cases() == []


def test_if_nobody_knows_which_pack_is_missing_it_is_a_case(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    pharmacy.receive(100, serial="S2")
    stocktake = pharmacy.start()
    pharmacy.count(stocktake, 100)
    pharmacy.count(stocktake, 100, by="minh")
    assert pharmacy.finish(stocktake) == Posted(0, 1)
    assert (pharmacy.cases(), pharmacy.on_hand()) == (["which_pack_is_missing"], 200)


def test_codes_that_cannot_be_counted_are_refused_with_the_reason(pharmacy: Pharmacy) -> None:
    pharmacy.receive(100, serial="S1")
    wrong = {
        "check digit": ("08935234567890",),
        "FNC1 was lost": (f"]d201{GTIN}10LOT721SER0001",),
        "not in the catalogue": ("4006381333931",),
        "names no product": ("]C110LOT7",),
        "the books 'L1'": (pack("S1", lot="L2"),),
        "cannot be joined": ("8935234567895", "079201001234"),
    }
    with psycopg.connect(pharmacy.database.dsn) as connection:
        for reason, texts in wrong.items():
            with pytest.raises(WorkRefusedError, match=reason):
                lines_of_scans(connection, [ScannedPack("store", texts)], NOW.date())
        with pytest.raises(WorkRefusedError, match="2 times"):
            lines_of_scans(connection, [ScannedPack("store", (pack("S1"),), 2)], NOW.date())
        joined = lines_of_scans(connection, [ScannedPack("store", ("8935234567895", "]C110L1"), 3)], NOW.date())
    assert joined == (CountedLine(STORE, GTIN, "L1", 300, None),)
