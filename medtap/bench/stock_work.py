"""The bench warehouse's work in hand, done through the services as people do it: counts, recalls, picks, transfers."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

import psycopg

from gateway.stock import (
    adjustments,
    controlled_drugs,
    destruction,
    dispensing,
    handing_over,
    holds,
    issuing,
    picking,
    recall,
    stocktakes,
    tag_count_passes,
    tag_counts,
    transfers,
)
from gateway.stock.acts import ActLine, Actor
from gateway.stock.adjustments import Adjustment
from gateway.stock.destruction import DestroyLine, NewDestruction
from gateway.stock.holds import NewHold
from gateway.stock.lines import HOSPITAL_ZONE
from gateway.stock.outgoing import AskedLine, NewOutgoing
from gateway.stock.picking import NewPick
from gateway.stock.recall import NewRecall, Subject
from gateway.stock.stocktakes import CountedLine, HandIn, NewStocktake
from gateway.stock.tag_count_passes import UploadedPass
from gateway.stock.tag_counts import NewTagCount
from gateway.stock.transfers import Sending
from inventory.stocktake import Rules
from medtap.bench.stock_past import add_past

Connection = psycopg.Connection[Any]
T = TypeVar("T")
FIRST, SECOND = "bench", "bench-second"
"""Who works, and who confirms."""
_KEY_SPACE: Final = uuid.UUID("0b0f4c1e-7a55-5d0c-8f39-2f5ac1a1be01")
_MAIN: Final = "bench-main"
TAGS: Final = 10_000
"""Of the RFID count that is going on, where so many stand."""
_COUNTED_AT_ONCE: Final = 500
_PASSES: Final = 3
_HELD_MAX: Final = 60
_EACH: Final = 15
"""Of each kind of document that waits."""


def bench_id(what: str, number: int = 0) -> uuid.UUID:
    """Of the n-th of something: the same in each run."""
    return uuid.uuid5(_KEY_SPACE, f"{what} {number}")


def _parts(items: Sequence[T], length: int) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), length):
        yield items[first : first + length]


@dataclass(frozen=True)
class _Lot:
    product_id: str
    lot: str
    expiry_date: date
    control_class: str

    def line(self) -> ActLine:
        return ActLine(self.product_id, 1, self.lot, self.expiry_date)


@dataclass(frozen=True)
class _Work:
    connection: Connection
    until: datetime
    plain: Sequence[_Lot]
    controlled: Sequence[_Lot]

    @property
    def actor(self) -> Actor:
        return Actor(FIRST, self.until, self.until)


def add_work(connection: Connection, until: datetime, say: Callable[[str], None]) -> None:
    """Add the past besides the movements and the work in hand, once; all of it or nothing."""
    found = connection.execute("SELECT to_regclass('bench_work') IS NOT NULL").fetchone()
    if found is not None and found[0]:
        return
    say("orders, stocktakes, holds of the past")
    with connection.transaction():
        connection.execute(
            "INSERT INTO login_account (username, display_name, roles) VALUES (%s, 'Bench II', '{pharmacist}')",
            (SECOND,),
        )
        add_past(connection, until)
        work = _Work(connection, until, _lots(connection, until, "="), _lots(connection, until, "<>"))
        for do in (_issue, _send, _adjust, _destroy, _hold, _recall, _count, _count_tags):
            say(f"work in hand: {do.__name__[1:].replace('_', ' ')}")
            do(work)
        connection.execute("CREATE TABLE bench_work (until timestamptz NOT NULL)")
        connection.execute("INSERT INTO bench_work VALUES (%s)", (until,))
    connection.execute("VACUUM ANALYZE")


def _lots(connection: Connection, until: datetime, controlled: str) -> list[_Lot]:
    """Of what may be given out of the main store, the fullest first."""
    rows = connection.execute(
        "SELECT b.product_id, b.lot, l.expiry_date, p.control_class FROM stock_balance b"  # noqa: S608 - a constant
        " JOIN lot l USING (product_id, lot) JOIN product p USING (product_id) WHERE b.account_id = %s"
        f" AND b.quantity > 5 AND l.expiry_date > %s AND p.control_class {controlled} 'none' AND NOT EXISTS (SELECT"
        " FROM stock_hold h WHERE h.product_id = b.product_id AND h.lot = b.lot AND h.released_at IS NULL)"
        " ORDER BY b.quantity DESC, b.lot LIMIT 400".encode(),
        (f"place:{_MAIN}", until.date() + timedelta(days=60)),
    )
    return [_Lot(*row) for row in rows]


def _issue(work: _Work) -> None:
    """Drafts with packs in their baskets for wards and patients; what has controlled drugs waits for its second."""
    products = sorted({one.product_id: one for one in work.plain}.values(), key=lambda one: one.lot)
    patients = work.connection.execute("SELECT patient_id FROM patient ORDER BY 1 LIMIT %s", (_EACH,)).fetchall()
    for number, chosen in enumerate(_parts(products[: 8 * 2 * _EACH], 8)):
        document_id = bench_id("outgoing", number)
        asked = tuple(AskedLine(one.product_id, 2) for one in chosen)
        if number % 2:
            patient_id = patients[number % len(patients)][0]
            new = NewOutgoing(document_id, "dispensing", _MAIN, asked, FIRST, patient_id=patient_id)
            dispensing.begin_dispensing(work.connection, new, work.until)
        else:
            new = NewOutgoing(document_id, "issue", _MAIN, asked, FIRST, to_place_id="bench-ward-1")
            issuing.begin_issue(work.connection, new, work.until)
        for place, one in enumerate(chosen[: len(chosen) // 2]):
            pick = NewPick(bench_id("pick", 100 * number + place), document_id, FIRST, one.product_id, 1)
            picking.pick(work.connection, pick, work.until)
    for number, one in enumerate(work.controlled[:5]):
        document_id = bench_id("controlled", number)
        new = NewOutgoing(
            document_id, "issue", _MAIN, (AskedLine(one.product_id, 1),), FIRST, to_place_id="bench-ward-2"
        )
        issuing.begin_issue(work.connection, new, work.until)
        handing_over.complete(work.connection, document_id, FIRST, work.until, as_proposed=True)


def _send(work: _Work) -> None:
    for number in range(_EACH):
        lines = tuple(one.line() for one in work.plain[number::_EACH][:20])
        if lines:
            act = Sending(bench_id("transfer", number), _MAIN, "bench-dispensary", lines)
            transfers.send(work.connection, act, work.actor)


def _adjust(work: _Work) -> None:
    for number, one in enumerate(work.controlled[:_EACH]):
        act = Adjustment(bench_id("adjust", number), _MAIN, "more", (one.line(),), "adjust_found")
        adjustments.adjust(work.connection, act, work.actor)


def _destroy(work: _Work) -> None:
    for number, one in enumerate(work.plain[-_EACH:]):
        line = DestroyLine(one.product_id, one.lot, 1)
        new = NewDestruction(bench_id("destroy", number), _MAIN, (line,), FIRST, "Hư hỏng")
        destruction.begin(work.connection, new, work.until)
        if number % 2:
            destruction.confirm(work.connection, new.document_id, SECOND, work.until)


def _hold(work: _Work) -> None:
    for number, one in enumerate(work.plain[: min(_HELD_MAX, len(work.plain) // 4)]):
        hold_id = bench_id("hold", number)
        reason = "Vượt giới hạn nhiệt độ"
        hold = NewHold(hold_id, "on_hold", one.product_id, reason, FIRST, work.until, one.lot, f"place:{_MAIN}")
        holds.place_hold(work.connection, hold)
        if number % 3 == 0:
            holds.ask_release(work.connection, hold_id, FIRST, "Có bằng chứng độ ổn định", work.until)


def _recall(work: _Work) -> None:
    """A lot that was used everywhere, another, and a pack."""
    rows = work.connection.execute(
        "SELECT product_id, lot FROM posting_day GROUP BY 1, 2 ORDER BY sum(posting_count) DESC, 2 LIMIT 2"
    ).fetchall()
    pack = work.connection.execute(
        "SELECT product_id, NULL, gtin, serial_number FROM pack WHERE account_id LIKE 'place:%'"
        " ORDER BY md5(serial_number) LIMIT 1"
    ).fetchall()
    for number, row in enumerate([*rows, *pack]):
        new = NewRecall(bench_id("recall", number), Subject(*row), "Không đạt chất lượng", FIRST, "CV 1/QLD-CL", "2")
        recall.open_recall(work.connection, new, work.until)


def _count(work: _Work) -> None:
    """All of the main store with its shelves, half counted; the dispensary, counted; the wards' controlled drugs."""
    whole = NewStocktake(bench_id("stocktake"), (_MAIN,), FIRST)
    stocktakes.start(work.connection, whole, work.until, HOSPITAL_ZONE)
    lines = _lines_of(work, whole.stocktake_id)
    _hand_in(work, whole.stocktake_id, lines[: len(lines) // 2])
    done = NewStocktake(bench_id("stocktake", 1), ("bench-dispensary",), FIRST, rules=Rules())
    stocktakes.start(work.connection, done, work.until, HOSPITAL_ZONE)
    _hand_in(work, done.stocktake_id, _lines_of(work, done.stocktake_id))
    stocktakes.submit(work.connection, done.stocktake_id, FIRST, work.until, leave_uncounted=True)
    wards = ("bench-ward-1", "bench-ward-2")
    controlled_drugs.begin_blind_count(
        work.connection, bench_id("stocktake", 2), wards, FIRST, now=work.until, zone=HOSPITAL_ZONE
    )


def _lines_of(work: _Work, stocktake_id: uuid.UUID) -> list[CountedLine]:
    """As the books have them."""
    rows = work.connection.execute(
        "SELECT account_id, product_id, lot, frozen_quantity FROM stocktake_line WHERE stocktake_id = %s"
        " ORDER BY account_id, product_id, lot",
        (stocktake_id,),
    )
    return [CountedLine(*row) for row in rows]


def _hand_in(work: _Work, stocktake_id: uuid.UUID, lines: Sequence[CountedLine]) -> None:
    for number, some in enumerate(_parts(lines, _COUNTED_AT_ONCE)):
        given = HandIn(uuid.uuid5(stocktake_id, str(number)), stocktake_id, FIRST, work.until, tuple(some))
        stocktakes.hand_in(work.connection, given, work.until)


def _count_tags(work: _Work) -> None:
    """An RFID count of so many tags that is going on, and one of a shelf that was compared with the books."""
    rows = work.connection.execute(
        "SELECT a.place_id, array_agg(k.epc ORDER BY k.epc) FROM pack k JOIN stock_account a USING (account_id)"
        " WHERE k.units > 0 AND k.epc IS NOT NULL AND a.place_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1"
    ).fetchall()
    chosen: dict[str, list[str]] = {}
    for place_id, epcs in rows:
        if sum(map(len, chosen.values())) < TAGS:
            chosen[place_id] = epcs
    _look(work, bench_id("tags"), chosen)
    _look(work, bench_id("tags", 1), dict(rows[:1]))
    tag_counts.reconcile_count(work.connection, bench_id("tags", 1), work.until)


def _look(work: _Work, count_id: uuid.UUID, places: Mapping[str, Sequence[str]]) -> None:
    """Begin a count and take its passes; one tag in fifty is never read."""
    new = NewTagCount(count_id, tuple(places), FIRST, places_below=False)
    tag_counts.start(work.connection, new, work.until)
    for looked in range(_PASSES):
        for place_id, epcs in places.items():
            seen = frozenset(epc for at, epc in enumerate(epcs) if at % 50)
            given = UploadedPass(uuid.uuid5(count_id, f"{looked} {place_id}"), count_id, place_id, seen, FIRST)
            tag_count_passes.add_uploaded(work.connection, given, work.until)
