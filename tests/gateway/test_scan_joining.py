"""Packs with several codes: what waits, what is booked together, what becomes a case. Real PostgreSQL."""

import itertools
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from edge.contracts.observations import CodeScanned
from gateway.housekeeping import Housekeeping
from gateway.ingest.message import ReceivedMessage
from gateway.pages.reasons import mends_of
from gateway.services.reads_pharmacy import Scan, latest_scans
from gateway.services.scan_joining import CASE, OVERDUE_GRACE
from gateway.services.site_file import import_site, parse_site
from gateway.stock.verify import verify_books
from tests.gateway.ingest_kit import GTIN, NOW, SITE, Database, Node

pytestmark = pytest.mark.integration

GS = "\x1d"
EAN = f"]E0{GTIN[1:]}"
LOT = "]C117271231" + "10L1"
OTHER_GTIN = "08935000000014"
OTHER_EAN = f"]E0{OTHER_GTIN[1:]}"
WITHIN_S = 20


def matrix(lot: str = "L1", serial: str = "", gtin: str = GTIN) -> str:
    """A DataMatrix that says all by itself."""
    return f"]d201{gtin}1727123110{lot}" + (f"{GS}21{serial}" if serial else "")


class Counter:
    """A counter with scanners; all times are the scanner's, in seconds after noon."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.node = Node()
        self.configure()

    def configure(self, **settings: Any) -> None:  # noqa: ANN401 - keys of the site file
        """Take the site over, with these settings for the receiving scanner."""
        devices = [
            {**each, **(settings if each["device_id"] == "scanner-receiving" else {})} for each in SITE["devices"]
        ]
        other = {**SITE["products"][0], "gtin": OTHER_GTIN}
        with self.database.pool.connection() as connection:
            import_site(connection, parse_site({**SITE, "devices": devices, "products": [*SITE["products"], other]}))

    def frame(self, *codes: tuple[float, str], device: str = "scanner-receiving") -> ReceivedMessage:
        """A frame with these scans; delivered when the test takes it."""
        return self.node.events(*(self.event(seconds, text, device) for seconds, text in codes))

    def event(self, seconds: float, text: str, device: str = "scanner-receiving") -> CodeScanned:
        """A scan at this time."""
        at = NOW + timedelta(seconds=seconds)
        return CodeScanned(device_id=device, occurred_at=at, monotonic_ns=1, text=text)

    def scan(self, *codes: tuple[float, str], device: str = "scanner-receiving") -> list[str]:
        """Scan, each in a frame of its own; the outcomes of all scans so far."""
        for code in codes:
            self.database.take(self.frame(code, device=device))
        return self.outcomes()

    def outcomes(self) -> list[str]:
        """Of all scans, in the order of scanning."""
        return [str(each) for each in self.database.column("SELECT outcome FROM scan ORDER BY epoch_key, seq")]

    def booked(self) -> list[tuple[Any, ...]]:
        """Kind, product, lot, expiry and units of all movements."""
        query = "SELECT kind, product_id, lot, expiry_date, quantity FROM movement ORDER BY epoch_key, seq, kind"
        return self.database.rows(query)

    def cases(self) -> list[str]:
        """Codes of the open cases."""
        query = "SELECT code FROM discrepancy WHERE resolved_at IS NULL ORDER BY discrepancy_id"
        return [str(each) for each in self.database.column(query)]

    def newest(self) -> Scan:
        """As the page and the API read it."""
        with self.database.pool.connection() as connection:
            return latest_scans(connection, 1)[0]

    def housekeeping_at(self, now: datetime) -> None:
        """The round of a minute, at this time of the server."""
        Housekeeping(self.database.pool, lambda: now).sum_up()

    def time_is_up(self) -> None:
        """The server waited for the other code, and nothing came."""
        self.housekeeping_at(NOW + OVERDUE_GRACE + timedelta(seconds=WITHIN_S + 1))


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """A counter, whose books are proven when the test is over."""
    yield Counter(database)
    with database.pool.connection() as connection:
        proof = verify_books(connection)
    assert proof.ok, proof


PACK = ("receive", GTIN, "L1", date(2027, 12, 31), 100)


@pytest.mark.parametrize("codes", [(EAN, LOT), (LOT, EAN)])
@pytest.mark.parametrize("together", [True, False])
def test_two_codes_of_a_pack_are_booked_as_one_pack_in_either_order(
    counter: Counter, codes: tuple[str, str], *, together: bool
) -> None:
    scans = [(float(place), code) for place, code in enumerate(codes)]
    if together:
        counter.database.take(counter.frame(*scans))
    else:
        assert counter.scan(scans[0]) == ["waiting_for_second"]
        assert counter.booked() == []
        counter.scan(scans[1])
    assert counter.outcomes() == ["joined", "received"]
    assert counter.booked() == [PACK]
    assert counter.cases() == []
    assert counter.database.rows("SELECT seq, joined_seq FROM scan ORDER BY seq") == [(1, 2), (2, None)]


def test_a_pack_with_two_codes_is_issued_from_the_lot_it_was_received_in(counter: Counter) -> None:
    counter.scan((0, matrix()))
    assert counter.scan((60, LOT), (61, EAN), device="scanner-issue") == ["received", "joined", "issued"]
    assert counter.booked() == [PACK, ("issue", *PACK[1:])]


@pytest.mark.parametrize("product_at", [0, 1, 2])
def test_three_codes_of_a_pack_are_one_pack_in_any_order(counter: Counter, product_at: int) -> None:
    codes = ["]C117271231", "]C110L1"]
    codes.insert(product_at, EAN)
    outcomes = counter.scan(*((5.0 * place, code) for place, code in enumerate(codes)))
    assert outcomes == ["joined", "joined", "received"]
    assert counter.booked() == [PACK]
    assert counter.database.column("SELECT joined_seq FROM scan ORDER BY seq") == [3, 3, None]


def test_the_pharmacist_is_asked_for_the_other_code_and_then_sees_the_whole_pack(counter: Counter) -> None:
    counter.scan((0, EAN))
    shown = counter.newest()
    assert (shown.outcome, shown.gtin, shown.lot) == ("waiting_for_second", GTIN, None)
    assert shown.reason == "its lot is missing: scan the other code of the same pack"
    counter.scan((1, LOT))
    shown = counter.newest()
    assert (shown.outcome, shown.text, shown.lot, shown.expiry_date) == ("received", LOT, "L1", date(2027, 12, 31))
    live = counter.database.column(
        "SELECT payload->>'outcome' FROM live_event WHERE kind = 'scan' ORDER BY live_event_id"
    )
    assert live == ["waiting_for_second", "received"]


@pytest.mark.parametrize(("first", "second"), [(EAN, LOT), (LOT, EAN)])
def test_a_code_scanned_again_while_it_waits_is_the_same_pack_and_waits_anew(
    counter: Counter, first: str, second: str
) -> None:
    assert counter.scan((0, first), (15, first), (30, second)) == ["joined", "joined", "received"]
    assert counter.booked() == [PACK]


def test_the_code_that_completed_a_pack_scanned_again_begins_no_other_pack(counter: Counter) -> None:
    """Else the lot of this pack would be joined with the product of the next one."""
    outcomes = counter.scan((0, EAN), (1, LOT), (2, LOT), (3, OTHER_EAN), (4, "]C110L2"))
    assert outcomes == ["joined", "received", "repeated", "joined", "received"]
    assert [row[1:3] for row in counter.booked()] == [(GTIN, "L1"), (OTHER_GTIN, "L2")]


def test_packs_of_the_same_lot_one_after_the_other_are_all_counted(counter: Counter) -> None:
    codes = [(float(2 * pack + place), code) for pack in range(3) for place, code in enumerate((EAN, LOT))]
    assert counter.scan(*codes) == ["joined", "received"] * 3
    assert counter.booked() == [PACK] * 3


@pytest.mark.parametrize("first", [EAN, matrix()])
def test_a_pack_with_a_code_for_the_till_beside_the_whole_one_is_booked_once_in_either_order(
    counter: Counter, first: str
) -> None:
    second = matrix() if first == EAN else EAN
    outcomes = counter.scan((0, first), (1, second))
    assert outcomes == (["joined", "received"] if first == EAN else ["received", "repeated"])
    assert counter.booked() == [PACK]
    assert counter.cases() == []


def test_two_different_products_in_a_row_are_not_joined(counter: Counter) -> None:
    assert counter.scan((0, EAN), (1, OTHER_EAN)) == ["discrepancy", "waiting_for_second"]
    assert counter.cases() == [CASE]
    assert counter.scan((2, LOT))[1:] == ["joined", "received"]
    assert counter.booked() == [("receive", OTHER_GTIN, *PACK[2:])]


def test_two_different_lots_in_a_row_are_not_joined(counter: Counter) -> None:
    assert counter.scan((0, LOT), (1, "]C110L2"), (2, EAN)) == ["discrepancy", "joined", "received"]
    assert [row[2] for row in counter.booked()] == ["L2"]


def test_what_waits_never_becomes_part_of_a_pack_that_says_another_lot_or_all_by_itself(counter: Counter) -> None:
    counter.scan((0, "]C117260101"), (1, matrix("L2")), (2, "]C110L1"), (3, matrix("L3")))
    assert counter.outcomes() == ["discrepancy", "received"] * 2
    assert [row[2] for row in counter.booked()] == ["L2", "L3"]
    assert counter.cases() == [CASE, CASE]


def test_the_other_code_at_another_scanner_is_another_pack(counter: Counter) -> None:
    counter.scan((0, EAN))
    counter.scan((1, LOT), device="ward-receiving")
    assert counter.outcomes() == ["waiting_for_second"] * 2


@pytest.mark.parametrize(("apart_s", "outcome"), [(WITHIN_S, "joined"), (WITHIN_S + 1, "discrepancy")])
def test_codes_belong_together_for_as_long_as_the_scanner_is_set_to(
    counter: Counter, apart_s: int, outcome: str
) -> None:
    assert counter.scan((0, EAN), (apart_s, LOT))[0] == outcome


def test_the_time_is_the_scanners_setting_in_the_site_file(counter: Counter) -> None:
    counter.configure(join_within_s=60)
    assert counter.scan((0, EAN), (60, LOT)) == ["joined", "received"]


def test_a_misread_code_leaves_what_waits(counter: Counter) -> None:
    assert counter.scan((0, EAN), (1, "]C117269931"), (2, LOT)) == ["joined", "refused", "received"]


def test_half_a_pack_that_stays_alone_is_a_case_and_moves_nothing(counter: Counter) -> None:
    counter.scan((0, EAN))
    counter.housekeeping_at(NOW + timedelta(seconds=WITHIN_S))
    assert counter.outcomes() == ["waiting_for_second"]
    counter.time_is_up()
    counter.time_is_up()
    assert counter.outcomes() == ["discrepancy"]
    assert counter.cases() == [CASE]
    assert counter.booked() == []
    assert counter.newest().case_code == CASE
    live = counter.database.column(
        "SELECT payload->>'outcome' FROM live_event WHERE kind = 'scan' ORDER BY live_event_id"
    )
    assert live == ["waiting_for_second", "discrepancy"]


def test_the_other_code_that_was_scanned_in_time_and_comes_hours_later_still_joins_and_closes_the_case(
    counter: Counter,
) -> None:
    """The edge node went offline between the two codes."""
    counter.scan((0, EAN))
    counter.time_is_up()
    late = counter.node.events(counter.event(3, LOT), at=NOW + timedelta(hours=3))
    counter.database.take(late)
    assert counter.outcomes() == ["joined", "received"]
    assert counter.booked() == [PACK]
    assert counter.cases() == []


def test_a_case_that_a_person_has_settled_is_not_booked_by_a_late_code(counter: Counter) -> None:
    counter.scan((0, EAN))
    counter.time_is_up()
    counter.database.run("UPDATE discrepancy SET resolved_at = %s, resolved_by = 'lan'", NOW)
    assert counter.scan((3, LOT)) == ["discrepancy", "waiting_for_second"]
    assert counter.booked() == []


def test_a_frame_that_is_delivered_again_changes_nothing(counter: Counter) -> None:
    first, second = counter.frame((0, EAN)), counter.frame((1, LOT))
    for message in (first, first, second, second, first):
        counter.database.take(message)
    assert counter.outcomes() == ["joined", "received"]
    assert counter.booked() == [PACK]


@pytest.mark.parametrize("seed", range(3))
def test_however_scans_are_delivered_they_end_the_same(counter: Counter, seed: int) -> None:
    """In one frame; or each alone, twice, with the server's patience at an end after each of them."""
    chosen = random.Random(seed)  # noqa: S311 - a sequence to be repeated
    codes = [EAN, LOT, OTHER_EAN, "]C110L2", matrix("L3"), "]C117260101", "]C117269931"]
    times = itertools.accumulate(chosen.choice([1, 2, WITHIN_S, WITHIN_S + 1]) for _ in range(14))
    scans = [(seconds - 600.0, chosen.choice(codes)) for seconds in times]
    ends = []
    for epoch, frames in enumerate(([scans], [[scan] for scan in scans]), 1):
        counter.node = Node(epoch=f"{epoch:016x}")
        for frame in frames:
            message = counter.frame(*frame)
            for _ in range(len(frames[:2])):
                counter.database.take(message)
            counter.time_is_up()
        query = (
            "SELECT s.seq, s.outcome, s.joined_seq, m.product_id, m.lot, c.code FROM scan s"
            " JOIN ingest_mark e USING (epoch_key) LEFT JOIN movement m USING (movement_id)"
            " LEFT JOIN discrepancy c ON c.epoch_key = s.epoch_key AND c.seq = s.seq AND c.resolved_at IS NULL"
            " WHERE e.epoch = %s ORDER BY s.seq"
        )
        ends.append(counter.database.rows(query, counter.node.epoch))
    assert len(ends[0]) == len(scans)
    assert ends[0] == ends[1]


def test_the_gateway_may_be_restarted_between_two_codes(counter: Counter) -> None:
    counter.scan((0, EAN))
    again = Database(counter.database.dsn, counter.database.pool)
    again.take(counter.frame((1, LOT)))
    assert counter.booked() == [PACK]


def test_a_known_pack_is_not_asked_for_its_lot(counter: Counter) -> None:
    counter.scan((0, matrix(serial="S1")))
    assert counter.scan((60, f"]d201{GTIN}21S1"), device="scanner-issue") == ["received", "issued"]
    assert [row[2] for row in counter.booked()] == ["L1", "L1"]


def test_a_product_that_is_known_without_lots_is_booked_at_once(counter: Counter) -> None:
    counter.database.run("INSERT INTO lot (product_id, lot) VALUES (%s, '')", GTIN)
    assert counter.scan((0, EAN)) == ["received"]
    assert [row[2] for row in counter.booked()] == [""]
    counter.configure(expects_lot="always")
    assert counter.scan((60, EAN)) == ["received", "waiting_for_second"]


@pytest.mark.parametrize("setting", [{"expects_lot": "never"}, {"join_within_s": 0}])
def test_a_scanner_may_be_set_to_wait_for_no_lot(counter: Counter, setting: dict[str, object]) -> None:
    counter.configure(**setting)
    assert counter.scan((0, EAN), (1, EAN)) == ["received", "received"]
    assert [row[2] for row in counter.booked()] == ["", ""]


def test_a_scanner_that_only_shows_does_not_ask_for_a_lot(counter: Counter) -> None:
    assert counter.scan((0, EAN), (1, LOT), device="nfc-pharmacy") == ["looked_up", "refused"]


def test_an_unknown_product_is_a_case_at_once(counter: Counter) -> None:
    assert counter.scan((0, "]E05901234123457")) == ["discrepancy"]
    assert counter.cases() == ["unknown_product"]


def test_a_scanner_that_sends_another_character_for_gs_is_understood_as_its_setting_says(counter: Counter) -> None:
    counter.configure(separator="^")
    assert counter.scan((0, matrix(serial="S1").replace(GS, "^"))) == ["received"]
    assert counter.database.rows("SELECT lot, serial_number FROM pack") == [("L1", "S1")]
    assert counter.scan((60, matrix(serial="S2")))[1] == "received"  # a true GS is always one


def test_where_the_setting_is_missing_the_reason_and_the_page_name_it(counter: Counter) -> None:
    assert counter.scan((0, matrix(serial="S1").replace(GS, "^"))) == ["refused"]
    shown = counter.newest()
    assert shown.reason.startswith("the scanner sends '^' in place of FNC1: enter it as separator of this device")
    assert "separator of this scanner in the site file" in mends_of(shown)[0].mend


def test_a_persons_card_is_kept_from_the_books_whatever_the_separator_is(counter: Counter) -> None:
    counter.configure(separator="|")
    card = "079203001234|123456789|Nguyễn Văn A|01011990|Nam|TP.HCM|01012021"
    assert counter.scan((0, card)) == ["refused"]
    assert counter.database.rows("SELECT kind, text, parsed FROM scan") == [("cccd", "", {"kind": "cccd"})]
