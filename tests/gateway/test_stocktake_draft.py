"""What scans come to: added up by line, multiplied, set, given a lot, taken back; in any order, nothing twice."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.stock.stocktake_draft import Scan, fold
from gateway.stock.stocktake_lines import LineKey

NOON = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
STORE = "place:store"


def scan(number: int, lot: str | None = "L1", quantity: int = 12, serial: str | None = None) -> Scan:
    """The pack that was scanned so many minutes after noon."""
    return Scan(
        scan_id=uuid.UUID(int=number),
        at=NOON + timedelta(minutes=number),
        text="pack",
        act="add",
        about=None,
        verdict="counted" if lot is not None else "lot_missing",
        detail="",
        account_id=STORE,
        product_id="PARA",
        lot=lot,
        gtin="08935006512344" if serial else None,
        serial_number=serial,
        quantity=quantity,
    )


def undo(number: int, about: int) -> Scan:
    return replace(scan(number), act="undo", about=uuid.UUID(int=about), quantity=None)


def test_packs_of_a_lot_add_up_and_the_last_scanned_line_comes_first() -> None:
    draft = fold([scan(1), scan(2, "L2"), scan(3)])
    assert [(line.key.lot, line.quantity, line.scans) for line in draft.lines] == [("L1", 24, 2), ("L2", 12, 1)]
    assert draft.lines[0].at == NOON + timedelta(minutes=3), "compared with the books when it was scanned last"


def test_a_line_of_serialised_packs_alone_knows_which_they_are() -> None:
    draft = fold([scan(1, serial="S1"), scan(2, serial="S2")])
    assert [pack[1] for pack in draft.lines[0].packs or ()] == ["S1", "S2"]
    assert fold([scan(1, serial="S1"), scan(2)]).lines[0].packs is None


def test_a_lot_that_is_said_later_counts_what_waited_for_it() -> None:
    waiting = fold([scan(1, None)])
    assert (waiting.lines, len(waiting.waiting_for_lot)) == ((), 1)
    said = replace(scan(2, "L7"), act="lot", about=uuid.UUID(int=1), quantity=None)
    assert [line.key for line in fold([scan(1, None), said]).lines] == [LineKey(STORE, "PARA", "L7")]
    refused = replace(said, verdict="handed_in")
    assert fold([scan(1, None), refused]).lines == (), "a lot that this person has handed in takes nothing"


def test_what_was_said_of_a_scan_goes_with_it() -> None:
    times = replace(scan(2), act="times", about=uuid.UUID(int=1), quantity=5)
    assert fold([scan(1), times]).lines[0].quantity == 60
    assert fold([scan(1), times, undo(3, 2)]).lines[0].quantity == 12
    assert fold([scan(1), times, undo(3, 1)]).lines == ()


def test_a_number_of_base_units_replaces_what_was_scanned_before_it_and_not_after() -> None:
    said = replace(scan(2, quantity=120), act="set")
    draft = fold([scan(1, serial="S1"), said, scan(3)])
    assert (draft.lines[0].quantity, draft.lines[0].packs) == (132, None)
    assert draft.packs == {("08935006512344", "S1")}, "that pack counts no second time"


@given(st.lists(st.tuples(st.sampled_from(["L1", "L2", None]), st.integers(1, 50)), max_size=30))
def test_what_is_taken_back_leaves_what_was_there_before(packs: list[tuple[str | None, int]]) -> None:
    scans = [scan(number, lot, quantity) for number, (lot, quantity) in enumerate(packs, 1)]
    before = fold(scans)
    for place in range(len(scans), 0, -1):
        whole = fold(scans)
        assert sum(line.quantity for line in whole.lines) + sum(
            one.quantity or 0 for one in whole.waiting_for_lot
        ) == sum(quantity for _, quantity in packs[:place])
        newest = whole.to_take_back
        assert newest is not None
        assert newest.scan_id == uuid.UUID(int=place)
        scans = [*scans, undo(1000 + place, place)]
    assert fold(scans).lines == ()
    assert before == fold([scan(number, lot, quantity) for number, (lot, quantity) in enumerate(packs, 1)])
