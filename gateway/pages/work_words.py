"""Words of the store's work: what a scan is, what a person should know, what is refused and what mends it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.reasons import CASES, MENDS, PERSONAL_CODE, UNKNOWN_CODE, UNKNOWN_PRODUCT, Mend
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.stock.work_scan import Reading

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
        "waits_second": State(
            "attention",
            "",
            N_("Nothing is booked yet: somebody else has to open this document, count the goods, and confirm."),
        ),
        "count_differs": State(
            "attention",
            "",
            N_("Of %(product)s %(written)s were written down and %(counted)s counted. A case was opened."),
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
    if reading.books_lot is not None:
        found.append(("stop", CASES["lot_mismatch"].what))
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
