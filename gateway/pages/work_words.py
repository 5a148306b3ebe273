"""Words of the store's work: what a scan is, what a person should know, what is refused and what mends it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.reasons import MENDS, PERSONAL_CODE, UNKNOWN_CODE, UNKNOWN_PRODUCT, Mend
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.stock.errors import DocumentConflictError, SecondPersonError
from gateway.stock.work_scan import Reading
from inventory.errors import (
    InsufficientStockError,
    MovementConflictError,
    PackElsewhereError,
    StockHeldError,
)

NOTICES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "over_delivered": State(
            "attention", "", N_("More than ordered: %(product)s, %(over)s more than the %(ordered)s of the order.")
        ),
        "not_ordered": State("attention", "", N_("Not in the order: %(product)s.")),
        "new_lot": State("info", "", N_("New lot: %(product)s, lot %(lot)s.")),
        "expiry_differs": State(
            "attention",
            "",
            N_("Expiry of %(product)s, lot %(lot)s: %(date)s here, %(known)s in the books. The earlier one counts."),
        ),
        "short_expiry": State("attention", "", N_("Short shelf life: %(product)s, lot %(lot)s until %(date)s.")),
        "no_expiry": State("attention", "", N_("No expiry date is known: %(product)s, lot %(lot)s.")),
        "in_quarantine": State(
            "attention", "", N_("In quarantine until two people release it: %(product)s, lot %(lot)s.")
        ),
        "transfer_short": State(
            "attention", "", N_("Did not arrive: %(quantity)s of %(product)s, lot %(lot)s. A case was opened.")
        ),
        "transfer_over": State(
            "attention", "", N_("More than was sent: %(quantity)s of %(product)s, lot %(lot)s. A case was opened.")
        ),
    }
)
"""A notice's mood and sentence, by its code."""

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_lines": N_("There are no lines. Scan or enter what it is about."),
        "bad_quantity": N_("The quantity of %(product)s must be one base unit or more."),
        "pack_twice": N_("Pack %(pack)s stands there twice. Take one of them out."),
        "product_twice": N_("%(product)s stands there twice. Add it up in one line."),
        "product_unknown": N_("%(product)s is not in the catalogue. Have it added first."),
        "place_unknown": N_("There is no place “%(place)s”. Choose one from the list."),
        "same_place": N_("From and to are the same place. Choose two different ones."),
        "reason_missing": N_("A reason is missing. Choose one from the list."),
        "supplier_missing": N_("The supplier is missing. Name who delivers, or choose the order."),
        "order_unknown": N_("There is no such order. Choose one from the list."),
        "order_closed": N_("Order %(number)s is closed. Receive without an order, or order anew."),
        "not_to_be_received": N_(
            "%(product)s, lot %(lot)s has expired, is recalled or is damaged. Give it back to the supplier, or tick"
            " “into quarantine”."
        ),
        "pack_known": N_("Pack %(pack)s was received already. Leave it out, or book a return."),
        "storage_class": N_(
            "%(product)s belongs in a place of another storage class. Choose another place, or give a reason."
        ),
        "document_unknown": N_("There is no such stock document."),
        "transfer_unknown": N_("There is no such transfer. Choose one from the list."),
        "nothing_on_the_way": N_("Nothing of %(number)s is on its way any more."),
        "not_in_transfer": N_(
            "Pack %(pack)s was not sent with %(number)s. Put it aside and find out where it comes from."
        ),
        "units_not_conserved": N_(
            "%(product)s: %(taken)s base units are taken apart, %(made)s are made of them. Enter what is missing."
        ),
        "lot_mixed": N_("%(product)s: lot %(lot)s is made of none that is taken apart. Keep the lot."),
        "expiry_later": N_("%(product)s expires on %(date)s: new packs can't last longer."),
        "pack_units": N_("Packs of %(gtin)s hold %(units)s each, not %(given)s. Enter whole packs, the rest loose."),
        "not_undoable": N_("%(number)s can't be taken back."),
        "undone_already": N_("%(number)s was taken back already."),
        "arrived_already": N_("Of %(number)s something has arrived with %(arrival)s. Take that back first."),
    }
)
"""What the store's rules refuse and what mends it, by the refusal's code."""


def books_refusal(error: Exception) -> tuple[str, str]:
    """(code, msgid) of what the books refuse; the msgid takes the English reason."""
    for kind, code, words in (
        (
            (DocumentConflictError, MovementConflictError),
            "id_conflict",
            N_("This id is saved already with other content. Look at the saved document. (%(reason)s)"),
        ),
        (
            InsufficientStockError,
            "too_little",
            N_("There is not so much of it there. Correct the quantity, the lot or the place. (%(reason)s)"),
        ),
        (
            StockHeldError,
            "held",
            N_("It is held or expired and must not be given out. Put it aside. (%(reason)s)"),
        ),
        (
            SecondPersonError,
            "second_person",
            N_("Somebody else has to confirm it: the same person can't be the second. (%(reason)s)"),
        ),
        (
            PackElsewhereError,
            "pack_elsewhere",
            N_("The books have this pack somewhere else. Check where it is. (%(reason)s)"),
        ),
    ):
        if isinstance(error, kind):
            return code, words
    return "refused", N_("Nothing was changed. The reason: %(reason)s")


_READ: Final[Mapping[str, State]] = MappingProxyType(
    {
        "goods": State("ok", N_("Added")),
        "unreadable": State("stop", N_("Refused")),
        "doubtful": State("stop", N_("Doubtful code")),
        "no_product": State("stop", N_("No product")),
        "unknown_product": State("stop", N_("Unknown product")),
        "person": State("stop", N_("Not a pack")),
        "transport_label": State(
            "attention",
            N_("Transport label"),
            N_("This code names a pallet or parcel, not what is in it. Scan the packs or cases themselves."),
        ),
    }
)
_TAKING_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "quarantine": N_("In quarantine: it must not be given out."),
        "on_hold": N_("On hold: it must not be given out."),
        "expired": N_("Expired: it must not be used."),
        "damaged": N_("Damaged: it must not be used."),
        "recalled": N_("Recalled: put it aside."),
    }
)
_WHICH_LOT: Final = N_("The code names no lot. Enter or choose it.")
_ELSEWHERE: Final = N_("The books have this pack somewhere else.")
_NONE_THERE: Final = N_("The books have none of it there.")
_RETIRED: Final = N_("This product is retired.")


def said(reading: Reading, from_place_id: str | None) -> tuple[str, str, tuple[str, ...]]:
    """(mood, msgid of the word, msgids of the sentences) for what was read; the most important first."""
    state = _READ[reading.verdict]
    if reading.verdict != "goods":
        mend = _mend_of(reading)
        return state.mood, state.word, (mend.what, mend.mend) if mend else (state.sentence,)
    found: list[tuple[str, str]] = []
    if reading.state != "available":
        found.append(
            ("stop" if reading.state in {"expired", "recalled"} else "attention", _TAKING_STATES[reading.state])
        )
    if reading.article is not None and reading.article.retired_at is not None:
        found.append(("attention", _RETIRED))
    if from_place_id:
        account_id = f"place:{from_place_id}"
        if reading.pack_account_id not in {None, account_id}:
            found.append(("attention", _ELSEWHERE))
        elif not reading.lots:
            found.append(("attention", _NONE_THERE))
    if reading.lot is None:
        found.append(("attention", _WHICH_LOT))
    if not found:
        return state.mood, state.word, ()
    mood = "stop" if any(one == "stop" for one, _ in found) else "attention"
    return mood, N_("Look at it"), tuple(text for _, text in found)


def _mend_of(reading: Reading) -> Mend | None:
    if reading.verdict == "transport_label":
        return None
    if reading.verdict == "person":
        return PERSONAL_CODE
    if reading.verdict == "unknown_product":
        return UNKNOWN_PRODUCT
    code = reading.problems[0][0] if reading.problems else ""
    return MENDS.get(code, UNKNOWN_CODE)
