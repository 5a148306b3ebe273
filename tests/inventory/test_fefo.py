"""First expired, first out, and every unit that is not offered says why."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.errors import InventoryError
from inventory.fefo import Allocation, Candidate, Need, PackPolicy, Reservation, SerialPack, allocate
from inventory.lot_state import Hold, HoldKind, holds_on, lot_state, units_held

TODAY = date(2026, 11, 22)
AT = datetime(2026, 11, 20, 3, 15, tzinfo=UTC)
STORE, FRIDGE, WARD = "place:store", "place:fridge-1", "place:ward"


def days(number: int) -> date:
    return TODAY + timedelta(days=number)


def need(quantity: int, *, shelf_life_days: int = 0, pack_policy: PackPolicy = "loose") -> Need:
    return Need("PARA500", quantity, TODAY, (STORE, FRIDGE), shelf_life_days, pack_policy)


def lot(name: str, expires_in: int | None, on_hand: int, account_id: str = STORE, pack_units: int = 1) -> Candidate:
    return Candidate(account_id, name, None if expires_in is None else days(expires_in), on_hand, pack_units)


def hold(kind: HoldKind, lot_name: str | None = None, account_id: str | None = None) -> Hold:
    return Hold(kind, "PARA500", "the fridge stood open", "lan", AT, lot=lot_name, account_id=account_id)


def given_out(found: Allocation) -> list[tuple[str, int]]:
    return [(one.lot, one.quantity) for one in found.taken]


def refused(found: Allocation) -> list[tuple[str, int, str]]:
    return [(one.lot, one.quantity, one.why) for one in found.not_offered]


def test_the_earliest_expiry_goes_first_and_later_lots_say_which_lot_covers_the_need() -> None:
    found = allocate(need(30), [lot("LATE", 300, 50), lot("EARLY", 30, 20), lot("MIDDLE", 60, 40)])
    assert given_out(found) == [("EARLY", 20), ("MIDDLE", 10)]
    assert refused(found) == [("MIDDLE", 30, "need_covered"), ("LATE", 50, "need_covered")]
    assert found.not_offered[1].text == "the earlier lot MIDDLE covers the need"
    assert found.shortage == 0


def test_what_expires_today_is_given_out_today_and_tomorrow_it_is_expired() -> None:
    assert given_out(allocate(need(5), [lot("A", 0, 5)])) == [("A", 5)]
    found = allocate(need(5), [lot("A", -1, 5)])
    assert refused(found) == [("A", 5, "expired")]
    assert found.not_offered[0].text == "expired on 2026-11-21"


def test_a_shortage_is_said_and_never_skipped() -> None:
    found = allocate(need(141), [lot("A", 30, 140)])
    assert (found.quantity, found.shortage) == (140, 1)
    assert allocate(need(7), []).shortage == 7


def test_a_held_lot_says_since_when_by_whom_and_why() -> None:
    found = allocate(need(5), [lot("A", 30, 5), lot("B", 60, 5)], [hold("on_hold", "A")])
    assert given_out(found) == [("B", 5)]
    one = found.not_offered[0]
    assert one.why == "on_hold"
    assert one.text == "on hold since 2026-11-20T03:15+00:00 by lan: the fridge stood open"
    assert dict(one.facts) == {"since": AT.isoformat(), "by": "lan", "reason": "the fridge stood open"}


@pytest.mark.parametrize(
    ("kind", "why"),
    [("quarantine", "quarantine"), ("on_hold", "on_hold"), ("recall", "recalled"), ("damaged", "damaged")],
)
def test_every_kind_of_hold_is_respected(kind: HoldKind, why: str) -> None:
    found = allocate(need(5), [lot("A", 30, 5)], [hold(kind)])
    assert refused(found) == [("A", 5, why)]
    assert found.shortage == 5


def test_a_hold_on_one_fridge_leaves_the_same_lot_elsewhere() -> None:
    stock = [lot("A", 30, 5, FRIDGE), lot("A", 30, 5, STORE)]
    found = allocate(need(10), stock, [hold("on_hold", account_id=FRIDGE)])
    assert [(one.account_id, one.quantity) for one in found.taken] == [(STORE, 5)]


def test_stock_in_another_place_is_named_but_not_taken() -> None:
    found = allocate(need(5), [lot("A", 30, 5, WARD)])
    assert refused(found) == [("A", 5, "other_place")]
    assert found.not_offered[0].text == "other place: place:ward"


def test_recalled_stock_in_another_place_is_called_recalled() -> None:
    assert refused(allocate(need(5), [lot("A", 30, 5, WARD)], [hold("recall")])) == [("A", 5, "recalled")]


def test_what_must_last_longer_than_it_does_is_not_offered() -> None:
    stock = [lot("A", 29, 5), lot("B", 30, 5), lot("C", None, 5)]
    found = allocate(need(5, shelf_life_days=30), stock)
    assert given_out(found) == [("B", 5)]
    assert refused(found) == [("A", 5, "expires_before"), ("C", 5, "expiry_unknown")]
    assert found.not_offered[0].text == "expires before 2026-12-22: on 2026-12-21"


def test_an_unknown_expiry_goes_last() -> None:
    assert given_out(allocate(need(6), [lot("C", None, 5), lot("B", 900, 5)])) == [("B", 5), ("C", 1)]


def test_reserved_units_stay_and_say_for_whom() -> None:
    stock = Candidate(STORE, "A", days(30), 10, reservations=(Reservation(4, "minh, PX26-000123"),))
    found = allocate(need(10), [stock])
    assert given_out(found) == [("A", 6)]
    assert found.not_offered[0].text == "4 reserved by minh, PX26-000123"
    assert found.shortage == 4


def test_more_reserved_than_there_is_leaves_nothing_and_counts_nothing_twice() -> None:
    stock = Candidate(STORE, "A", days(30), 5, reservations=(Reservation(4, "a"), Reservation(4, "b")))
    assert refused(allocate(need(1), [stock])) == [("A", 4, "reserved"), ("A", 1, "reserved")]


def test_one_held_pack_keeps_its_own_units_only() -> None:
    stock = Candidate(STORE, "A", days(30), 30, 10, serial_packs=(SerialPack("08935234567895", "S1", 10),))
    dropped = Hold("damaged", "PARA500", "dropped", "minh", AT, gtin="08935234567895", serial_number="S1")
    found = allocate(need(30), [stock], [dropped])
    assert given_out(found) == [("A", 20)]
    assert refused(found) == [("A", 10, "pack_held")]
    assert "pack S1: damaged since" in found.not_offered[0].text


def test_loose_units_open_a_pack_and_say_so() -> None:
    taken = allocate(need(25), [lot("A", 30, 100, pack_units=10)]).taken[0]
    assert (taken.whole_packs, taken.loose_units) == (2, 5)


def test_whole_packs_rounded_up_give_the_surplus() -> None:
    found = allocate(
        need(25, pack_policy="whole_packs_up"), [lot("A", 30, 14, pack_units=10), lot("B", 60, 40, STORE, 20)]
    )
    assert given_out(found) == [("A", 10), ("B", 20)]
    assert (found.shortage, found.surplus) == (0, 5)
    assert refused(found) == [("A", 4, "opened_pack"), ("B", 20, "need_covered")]


def test_whole_packs_rounded_down_never_give_more_and_say_what_is_missing() -> None:
    found = allocate(need(25, pack_policy="whole_packs_down"), [lot("A", 30, 100, pack_units=10)])
    assert given_out(found) == [("A", 20)]
    assert (found.shortage, found.surplus) == (5, 0)
    assert refused(found) == [("A", 80, "pack_too_large")]
    assert found.not_offered[0].text == "a pack of 10 is more than the 5 still needed"


def test_books_below_zero_are_named() -> None:
    found = allocate(need(5), [lot("A", 30, -3), lot("B", 60, 5)])
    assert given_out(found) == [("B", 5)]
    assert found.not_offered[0].text == "the books say -3: a discrepancy is open"


def test_what_came_first_goes_first_at_the_same_expiry_then_the_nearer_place() -> None:
    older = Candidate(STORE, "Z", days(30), 5, first_seen=days(-9))
    newer = Candidate(STORE, "A", days(30), 5, first_seen=days(-1))
    assert given_out(allocate(need(5), [newer, older])) == [("Z", 5)]
    near, far = lot("Q", 30, 5, STORE), lot("Q", 30, 5, FRIDGE)
    assert allocate(need(5), [far, near]).taken[0].account_id == STORE


def test_the_same_lot_twice_is_refused_for_it_would_be_counted_twice() -> None:
    with pytest.raises(InventoryError, match="stands twice"):
        allocate(need(5), [lot("A", 30, 5), lot("A", 30, 5)])


def test_a_need_that_nothing_can_answer_is_refused() -> None:
    with pytest.raises(InventoryError, match="1 unit or more"):
        need(0)
    with pytest.raises(InventoryError, match="pack policy 'half'"):
        need(1, pack_policy="half")  # type: ignore[arg-type]
    with pytest.raises(InventoryError, match="packs of 0"):
        lot("A", 30, 5, pack_units=0)
    with pytest.raises(InventoryError, match="1 or more"):
        Reservation(0, "lan")


LOTS = st.sampled_from(["A", "B", "C", "D", ""])
PLACES = st.sampled_from([STORE, FRIDGE, WARD])
PACKS = [SerialPack("08935234567895", f"S{number}", 3) for number in range(3)]
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        account_id=PLACES,
        lot=LOTS,
        expiry_date=st.none() | st.integers(-40, 400).map(days),
        on_hand=st.integers(-5, 60),
        pack_units=st.sampled_from([1, 3, 10]),
        reservations=st.lists(st.builds(Reservation, st.integers(1, 30), st.just("lan")), max_size=2).map(tuple),
        serial_packs=st.lists(st.sampled_from(PACKS), max_size=3, unique=True).map(tuple),
    ),
    max_size=8,
    unique_by=lambda one: (one.account_id, one.lot),
)
HOLDS = st.lists(
    st.builds(
        Hold,
        kind=st.sampled_from(["quarantine", "on_hold", "recall", "damaged"]),
        product_id=st.sampled_from(["PARA500", "IBU200"]),
        reason=st.just("why"),
        placed_by=st.just("lan"),
        placed_at=st.just(AT),
        lot=st.none() | LOTS,
        account_id=st.none() | PLACES,
    )
    | st.builds(
        Hold,
        kind=st.just("damaged"),
        product_id=st.just("PARA500"),
        reason=st.just("dropped"),
        placed_by=st.just("lan"),
        placed_at=st.just(AT),
        gtin=st.just("08935234567895"),
        serial_number=st.sampled_from(["S0", "S1"]),
    )
    | st.builds(
        Hold,
        kind=st.just("quarantine"),
        product_id=st.just("PARA500"),
        reason=st.just("returned"),
        placed_by=st.just("lan"),
        placed_at=st.just(AT),
        lot=LOTS,
        account_id=PLACES,
        quantity=st.integers(1, 40),
    ),
    max_size=3,
)
NEEDS = st.builds(
    Need,
    product_id=st.just("PARA500"),
    quantity=st.integers(1, 200),
    today=st.just(TODAY),
    accounts=st.just((STORE, FRIDGE)),
    shelf_life_days=st.sampled_from([0, 30]),
    pack_policy=st.sampled_from(["loose", "whole_packs_up", "whole_packs_down"]),
)


def free_of(request: Need, one: Candidate, holds: list[Hold]) -> int:
    """The plain rule, written a second time: what may be taken of a lot."""
    covering = holds_on(holds, "PARA500", one.lot, one.account_id)
    usable_until = TODAY + timedelta(days=request.shelf_life_days)
    if covering or one.account_id == WARD or (one.expiry_date is not None and one.expiry_date < usable_until):
        return 0
    if one.expiry_date is None and request.shelf_life_days:
        return 0
    held = sum(
        pack.units
        for pack in one.serial_packs
        if holds_on(holds, "PARA500", one.lot, one.account_id, (pack.gtin, pack.serial_number))
    )
    held += units_held(holds, "PARA500", one.lot, one.account_id)
    return max(0, one.on_hand - held - sum(each.quantity for each in one.reservations))


@given(NEEDS, CANDIDATES, HOLDS)
def test_every_unit_is_taken_or_explained_and_none_that_must_stay_is_taken(
    request: Need,
    stock: list[Candidate],
    holds: list[Hold],
) -> None:
    found = allocate(request, stock, holds)
    by_key = {(one.account_id, one.lot): one for one in stock}
    for taken in found.taken:
        source = by_key[taken.account_id, taken.lot]
        covering = holds_on(holds, "PARA500", taken.lot, taken.account_id)
        assert lot_state(covering, taken.expiry_date, TODAY).may_be_given_out
        assert 1 <= taken.quantity <= free_of(request, source, holds)
        assert taken.whole_packs * source.pack_units + taken.loose_units == taken.quantity
        assert request.pack_policy == "loose" or taken.loose_units == 0
    for key, one in by_key.items():
        accounted = sum(each.quantity for each in found.taken if (each.account_id, each.lot) == key)
        accounted += sum(each.quantity for each in found.not_offered if (each.account_id, each.lot) == key)
        assert accounted == max(0, one.on_hand)
    assert all(one.text for one in found.not_offered)


@given(NEEDS, CANDIDATES, HOLDS)
def test_the_total_is_what_is_needed_or_all_that_the_packs_allow(
    request: Need,
    stock: list[Candidate],
    holds: list[Hold],
) -> None:
    found = allocate(request, stock, holds)
    free = {(one.account_id, one.lot): free_of(request, one, holds) for one in stock}
    if request.pack_policy == "loose":
        assert found.quantity == min(request.quantity, sum(free.values()))
        assert found.surplus == 0
    elif request.pack_policy == "whole_packs_up":
        packs = sum(free[one.account_id, one.lot] // one.pack_units * one.pack_units for one in stock)
        assert found.quantity == packs if packs < request.quantity else found.shortage == 0
        assert found.surplus < 10
    else:
        assert found.quantity <= request.quantity
    assert found.shortage == max(0, request.quantity - found.quantity)


@given(NEEDS, CANDIDATES, HOLDS, st.randoms(use_true_random=False))
def test_earlier_lots_are_used_up_first_and_the_order_of_the_candidates_does_not_matter(
    request: Need,
    stock: list[Candidate],
    holds: list[Hold],
    random: object,
) -> None:
    found = allocate(request, stock, holds)
    shuffled = list(stock)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert allocate(request, shuffled, holds) == found
    expiries = [one.expiry_date or date.max for one in found.taken]
    assert expiries == sorted(expiries)
    if request.pack_policy == "loose":
        used = {(one.account_id, one.lot): one.quantity for one in found.taken}
        for one in stock:
            if (one.expiry_date or date.max) < max(expiries, default=date.min):
                assert used.get((one.account_id, one.lot), 0) == free_of(request, one, holds)
