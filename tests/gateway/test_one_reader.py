"""A code means the same wherever it is scanned: at an edge node, on a work page, for an issue."""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import pytest

from edge.contracts.observations import CodeScanned
from gateway.stock.errors import WorkRefusedError
from gateway.stock.scanned_goods import read_goods, read_symbols
from gateway.stock.work_scan import read_codes
from inventory.pack_identity import InternalIdentity
from tests.gateway.ingest_kit import GTIN, NOW, Database, Node

pytestmark = pytest.mark.integration
TODAY = NOW.date()
GS = "\x1d"


class Read(NamedTuple):
    """What a door says of a code."""

    product_id: str
    lot: str | None
    expiry_date: date | None
    serial_number: str | None


Door = Callable[[Database, str], Read]


def at_an_edge_node(database: Database, text: str) -> Read:
    """By what it books."""
    node = Node()
    node.next_seq = dict.fromkeys(node.next_seq, 1 + int(database.value("SELECT count(*) FROM scan")))
    database.take(node.events(CodeScanned(device_id="scanner-receiving", occurred_at=NOW, monotonic_ns=1, text=text)))
    rows = database.rows(
        "SELECT product_id, nullif(lot, ''), expiry_date, serial_number FROM movement ORDER BY seq DESC LIMIT 1"
    )
    assert rows, database.rows("SELECT outcome, reason FROM scan")
    return Read(*rows[0])


def on_a_work_page(database: Database, text: str) -> Read:
    with database.pool.connection() as connection:
        found = read_codes(connection, [text], TODAY, NOW)
    assert found.article is not None, found
    return Read(found.article.product_id, found.lot, found.expiry_date, found.serial_number)


def for_an_issue(database: Database, text: str) -> Read:
    with database.pool.connection() as connection:
        found = read_goods(connection, text, TODAY)
    return Read(found.product_id, found.lot, found.expiry_date, found.serial_number)


DOORS = pytest.mark.parametrize("door", [at_an_edge_node, on_a_work_page, for_an_issue])


@DOORS
def test_a_day_00_is_the_last_day_of_the_month(database: Database, door: Door) -> None:
    assert door(database, f"]d201{GTIN}1728020010L1{GS}21S1") == Read(GTIN, "L1", date(2028, 2, 29), "S1")


@DOORS
def test_a_year_is_of_the_century_that_is_nearest(database: Database, door: Door) -> None:
    read = door(database, f"]d201{GTIN}1776010110L1{GS}21S1")
    assert read.expiry_date == date(2076, 1, 1), "50 years ahead; 77 would be the last century's"


@DOORS
def test_the_hospitals_own_label_says_its_day_by_the_same_rules(database: Database, door: Door) -> None:
    database.run(
        "INSERT INTO product (product_id, name_vi, name_en, base_unit_vi, base_unit_en)"
        " VALUES ('VIT-C', 'Vitamin C', 'Vitamin C', 'viên', 'tablet')"
    )
    for written, meant in (
        ("280200", date(2028, 2, 29)),
        ("280131", date(2028, 1, 31)),
        ("760101", date(2076, 1, 1)),
    ):
        message = InternalIdentity("VIT-C", f"L{written}", date(2028, 1, 31), f"S{written}").message
        assert "93280131" in message
        read = door(database, "]d2" + message.replace("93280131", f"93{written}"))
        assert read == Read("VIT-C", f"L{written}", meant, None)


def test_a_lost_separator_is_doubtful_at_every_door_and_never_booked(database: Database) -> None:
    lost = f"]d201{GTIN}10L117280131"
    database.take(Node().events(CodeScanned(device_id="scanner-receiving", occurred_at=NOW, monotonic_ns=1, text=lost)))
    assert database.rows("SELECT outcome FROM scan") == [("discrepancy",)]
    assert database.column("SELECT code FROM discrepancy") == ["doubtful_code"]
    with database.pool.connection() as connection:
        assert read_codes(connection, [lost], TODAY, NOW).verdict == "doubtful"
        with pytest.raises(WorkRefusedError) as refused:
            read_goods(connection, lost, TODAY)
    assert (refused.value.code, refused.value.values["problem"]) == ("doubtful", "separator_lost")


def test_a_scanner_with_another_separator_is_named_with_its_setting_at_every_door(database: Database) -> None:
    pipes = f"]d201{GTIN}17280131" + "10L1|21S1"
    with database.pool.connection() as connection:
        page = read_codes(connection, [pipes], TODAY, NOW)
        assert read_codes(connection, [pipes], TODAY, NOW, separator="|").serial_number == "S1"
    database.take(
        Node().events(CodeScanned(device_id="scanner-receiving", occurred_at=NOW, monotonic_ns=1, text=pipes))
    )
    reason = str(database.value("SELECT reason FROM scan"))
    assert (page.verdict, "enter it as separator" in reason) == ("unreadable", True)
    assert "enter it as separator" in page.problems[0][1]


def test_several_symbols_of_one_pack_are_one_pack_and_contradictions_are_no_choice(database: Database) -> None:
    linear, second = f"01{GTIN}", f"17280131{'10L1'}{GS}21S1"
    with database.pool.connection() as connection:
        for texts in ([linear, second], [second, linear]):
            found = read_codes(connection, texts, TODAY, NOW)
            assert (found.verdict, found.lot, found.expiry_date, found.serial_number) == (
                *("goods", "L1"),
                *(date(2028, 1, 31), "S1"),
            )
        other = read_symbols(connection, [f"]d201{GTIN}10L1", f"]d201{GTIN}10L2"], TODAY)
    assert (other.verdict, other.problems[0][0]) == ("unreadable", "repeated")


def test_a_code_that_says_less_blanks_nothing_of_a_pack_that_the_books_know(database: Database) -> None:
    at_an_edge_node(database, f"]d201{GTIN}1728013110L1{GS}21S1")
    less = f"]d201{GTIN}21S1"
    known = Read(GTIN, "L1", date(2028, 1, 31), "S1")
    assert on_a_work_page(database, less) == known
    assert for_an_issue(database, less) == known
    later = f"]d201{GTIN}1729013110L1{GS}21S1"
    assert on_a_work_page(database, later) == for_an_issue(database, later) == known, "the earliest date counts"


def test_a_pack_that_the_books_have_with_another_lot_is_pointed_out_at_every_door(database: Database) -> None:
    at_an_edge_node(database, f"]d201{GTIN}1728013110L1{GS}21S1")
    other = f"]d201{GTIN}1728013110L2{GS}21S1"
    with database.pool.connection() as connection:
        page = read_codes(connection, [other], TODAY, NOW)
        with pytest.raises(WorkRefusedError) as refused:
            read_goods(connection, other, TODAY)
    assert (page.lot, page.books_lot, refused.value.code) == ("L2", "L1", "lot_mismatch")
    node = Node()
    node.next_seq = dict.fromkeys(node.next_seq, 2)
    database.take(node.events(CodeScanned(device_id="scanner-issue", occurred_at=NOW, monotonic_ns=1, text=other)))
    assert database.column("SELECT code FROM discrepancy") == ["lot_mismatch"]


def test_nothing_that_is_scanned_breaks_a_door(database: Database) -> None:
    with database.pool.connection() as connection:
        for text in ("", "   ", "\0\0", "\ud800", "]d2", "x" * 5000, "(01)123", GS * 9, "epc:zz"):
            assert read_codes(connection, [text], TODAY, NOW).article is None, repr(text)
            with pytest.raises(WorkRefusedError):
                read_goods(connection, text, TODAY)
