"""What speaks against a movement that a scanner told: it is booked all the same, and each of these becomes a case.

The scan says what physically happened, perhaps hours ago: what is expired, held, promised or controlled has come or
gone whatever the books think of it. Nobody may overlook it, so somebody has to settle it.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from gateway.db.pool import Connection
from gateway.services.occurrence import Occurrence
from gateway.stock import books, holds
from gateway.stock.controlled_rules import controlled_among
from gateway.stock.guard import units_held_at
from gateway.stock.holds import NewHold, open_holds, state_of
from gateway.stock.lines import Line
from inventory.ledger import BalanceKey
from inventory.lot_state import LotState


@dataclass(frozen=True)
class ScanProblem:
    """What a case is to say, and of which movement."""

    code: str
    reason: str
    movement_id: UUID


def against_receiving(connection: Connection, line: Line, today: date) -> list[ScanProblem]:
    """Of goods that were taken in: expired, recalled or damaged, or under special control and one person alone.

    Quarantine and hold contradict no receipt: what came is held with the rest of its lot.
    """
    state = _state(connection, line, line.to_account_id, today)
    found = list(_expired(line, state, "received, and must not be given out; return it to the supplier"))
    held = "; ".join(reason.text for reason in state.reasons if reason.state in {"recalled", "damaged"})
    if held:
        reason = f"received, but it must not be given out: {held}"
        found.append(ScanProblem("held_stock_received", reason, line.movement_id))
    if controlled_among(connection, [line.goods.product_id]):
        # A scanner knows one person at most; the books take two (`guard.refuse_one_person`).
        reason = f"product {line.goods.product_id} is under special control, and no second person counted what came"
        found.append(ScanProblem("controlled_received_alone", reason, line.movement_id))
    return found


def against_issuing(connection: Connection, at: Occurrence, line: Line, today: date) -> list[ScanProblem]:
    """Of goods that were given out: expired, held, promised to somebody else, or by one person alone."""
    goods, here = line.goods, line.from_account_id
    state = _state(connection, line, here, today)
    found = list(_expired(line, state, "issued all the same; fetch it back before it is used"))
    held = "; ".join(reason.text for reason in state.reasons if reason.hold is not None)
    left = books.availability(connection, here, goods.product_id, goods.lot, now=at.received_at)
    units = units_held_at(connection, BalanceKey(here, goods.product_id, goods.lot))
    if not held and goods.serial_number is None and left.on_hand < units:
        held = f"{units} base units of the lot are held there, and {left.on_hand} are left"
    if held:
        reason = f"issued, but it must not be given out: {held}"
        found.append(ScanProblem("held_stock_issued", reason, line.movement_id))
    if left.free < 0:
        reason = f"issued, but promised: {left.reserved} base units are reserved and {left.on_hand} are left"
        found.append(ScanProblem("reserved_stock_issued", reason, line.movement_id))
    if controlled_among(connection, [goods.product_id]):
        reason = f"product {goods.product_id} is under special control, and no second person confirmed the issue"
        found.append(ScanProblem("controlled_alone", reason, line.movement_id))
    return found


def quarantine(connection: Connection, at: Occurrence, line: Line, person: str | None) -> str:
    """Hold the lot of a product that is checked on receipt, as a receipt by hand does; what to say, or nothing."""
    goods = line.goods
    row = connection.execute("SELECT quarantine_on_receipt FROM product WHERE product_id = %s", (goods.product_id,))
    checked = row.fetchone()
    if checked is None or not checked[0]:
        return ""
    waiting = any(
        hold.kind == "quarantine" and hold.lot == goods.lot and hold.account_id is None and not hold.is_of_a_pack
        for hold in open_holds(connection, goods.product_id, goods.lot)
    )
    if not waiting:
        hold = NewHold(
            hold_id=at.id_for("quarantine"),
            kind="quarantine",
            product_id=goods.product_id,
            lot=goods.lot,
            reason="waits for the check on receipt",
            reason_code="hold_receipt",
            placed_by=person or f"scanner {at.device_id}",
            placed_at=at.occurred_at,
        )
        holds.place_hold(connection, hold)
    return "in quarantine until two people release it"


def _state(connection: Connection, line: Line, account_id: str, today: date) -> LotState:
    goods = line.goods
    pack = (goods.gtin, goods.serial_number) if goods.gtin and goods.serial_number else None
    return state_of(connection, goods.product_id, goods.lot, account_id, today, pack=pack)


def _expired(line: Line, state: LotState, what: str) -> list[ScanProblem]:
    """By the books, which know what the pack says by now: the earliest date counts."""
    days = [reason.expiry_date for reason in state.reasons if reason.expiry_date is not None]
    return [ScanProblem("expired_pack", f"expired on {day:%d/%m/%Y}: {what}", line.movement_id) for day in days]
