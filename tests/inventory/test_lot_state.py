"""A lot's state is what speaks against giving it out today."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from inventory.errors import InventoryError
from inventory.lot_state import PRECEDENCE, Hold, HoldKind, holds_on, lot_state, part_holds_on, units_held

TODAY = date(2026, 11, 22)
AT = datetime(2026, 11, 20, 3, 15, tzinfo=UTC)
GTIN = "08935234567895"


def hold(kind: HoldKind = "on_hold", *, lot: str | None = "A1", account_id: str | None = None) -> Hold:
    return Hold(kind, "PARA500", "the fridge stood open", "lan", AT, lot=lot, account_id=account_id)


def test_the_expiry_date_is_the_last_day_of_use() -> None:
    assert lot_state([], TODAY, TODAY).may_be_given_out
    assert lot_state([], TODAY - timedelta(days=1), TODAY).name == "expired"
    assert lot_state([], TODAY - timedelta(days=1), TODAY).text == "expired on 2026-11-21"


def test_an_unknown_expiry_date_does_not_expire_stock() -> None:
    assert lot_state([], None, TODAY).may_be_given_out


def test_every_hold_keeps_stock_from_being_given_out_and_says_since_when_by_whom_and_why() -> None:
    found = lot_state([hold()], None, TODAY)
    assert (found.name, found.may_be_given_out) == ("on_hold", False)
    assert found.text == "on hold since 2026-11-20T03:15+00:00 by lan: the fridge stood open"


def test_the_weightiest_reason_names_the_state_and_none_is_lost_whatever_their_order() -> None:
    kinds: tuple[HoldKind, ...] = ("quarantine", "on_hold", "damaged", "recall")
    for order in permutations([hold(kind) for kind in kinds]):
        found = lot_state(order, TODAY - timedelta(days=1), TODAY)
        assert found.name == "recalled"
        assert tuple(reason.state for reason in found.reasons) == PRECEDENCE[:-1]


def test_a_recall_sends_expired_stock_back_and_a_hold_does_not_revive_it() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert lot_state([hold("recall")], yesterday, TODAY).name == "recalled"
    assert lot_state([hold("on_hold")], yesterday, TODAY).name == "expired"
    assert lot_state([hold("damaged")], yesterday, TODAY).name == "damaged"


def test_a_hold_reaches_what_its_scope_names_and_nothing_else() -> None:
    anywhere, in_fridge, all_lots = hold(), hold(account_id="place:fridge-1"), hold(lot=None)
    everything = [anywhere, in_fridge, all_lots]
    assert holds_on(everything, "PARA500", "A1", "place:fridge-1") == everything
    assert holds_on(everything, "PARA500", "A1", "place:ward") == [anywhere, all_lots]
    assert holds_on(everything, "PARA500", "B2", "place:fridge-1") == [all_lots]
    assert holds_on(everything, "IBU200", "A1", "place:fridge-1") == []


def test_stock_without_a_lot_is_a_lot_of_its_own() -> None:
    nameless = hold(lot="")
    assert holds_on([nameless], "PARA500", "", "place:ward") == [nameless]
    assert holds_on([nameless], "PARA500", "A1", "place:ward") == []


def test_a_hold_of_one_pack_holds_that_pack_only() -> None:
    pack = Hold("damaged", "PARA500", "dropped", "minh", AT, gtin=GTIN, serial_number="S1")
    assert holds_on([pack], "PARA500", "A1", "place:ward") == []
    assert holds_on([pack], "PARA500", "A1", "place:ward", (GTIN, "S1")) == [pack]
    assert holds_on([pack], "PARA500", "A1", "place:ward", (GTIN, "S2")) == []
    assert holds_on([hold()], "PARA500", "A1", "place:ward", (GTIN, "S2")) == [hold()], "its lot is held"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"kind": "lost"}, "expected one of"),
        ({"reason": " "}, "a reason"),
        ({"placed_by": ""}, "who placed it"),
        ({"placed_at": AT.replace(tzinfo=None)}, "no time zone"),
        ({"gtin": GTIN}, "together"),
    ],
)
def test_a_hold_that_says_nothing_is_refused(wrong: dict[str, object], expected: str) -> None:
    sound: dict[str, object] = {
        "kind": "on_hold",
        "product_id": "PARA500",
        "reason": "why",
        "placed_by": "lan",
        "placed_at": AT,
    }
    with pytest.raises(InventoryError, match=expected):
        Hold(**(sound | wrong))  # type: ignore[arg-type]


def test_a_hold_of_some_units_leaves_the_rest_of_the_lot_free_and_is_of_one_lot_in_one_place() -> None:
    part = replace(hold(account_id="place:ward"), quantity=5)
    assert holds_on([part], "PARA500", "A1", "place:ward") == []
    assert part_holds_on([part, hold()], "PARA500", "A1", "place:ward") == [part]
    assert units_held([part, part, hold()], "PARA500", "A1", "place:ward") == 10
    assert units_held([part], "PARA500", "B2", "place:ward") == units_held([part], "PARA500", "A1", "place:x") == 0
    for wrong in (replace(part, quantity=None), hold(lot=None), hold()):
        with pytest.raises(InventoryError, match="of one lot in one place"):
            replace(wrong, quantity=0 if wrong.account_id else 5)
