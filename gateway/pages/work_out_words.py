"""Words of the work that gives out: why a lot is not offered, what is refused and what mends it, kinds and states."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.reasons import CASES, OTHER_CASE, Mend
from gateway.pages.state import State
from gateway.pages.translations import N_

WHY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "quarantine": N_("in quarantine since %(since)s, by %(by)s: %(reason)s"),
        "on_hold": N_("on hold since %(since)s, by %(by)s: %(reason)s"),
        "recalled": N_("recalled since %(since)s, by %(by)s: %(reason)s"),
        "damaged": N_("damaged, since %(since)s, by %(by)s: %(reason)s"),
        "expired": N_("expired on %(expiry_date)s"),
        "other_place": N_("in another place: %(account_id)s"),
        "expiry_unknown": N_("no expiry date is known, it must be usable until %(until)s"),
        "expires_before": N_("expires on %(expiry_date)s, before %(until)s"),
        "pack_held": N_("pack %(serial_number)s is held since %(since)s, by %(by)s: %(reason)s"),
        "reserved": N_("promised to %(by)s"),
        "opened_pack": N_("an opened pack, and packs are not opened"),
        "pack_too_large": N_("a pack of %(pack_units)s is more than the %(needed)s still needed"),
        "need_covered": N_("not needed: an earlier lot covers it"),
        "below_zero": N_("the books say %(on_hand)s: a case is open"),
    }
)
"""Why a lot is not offered; its facts fill it in."""

NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "",
        "other_lot": N_("another lot than proposed"),
        "lot_as_proposed": N_("lot as proposed, the code names none"),
    }
)
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "draft": N_("being picked"),
        "waiting_second": N_("waits for a second person"),
        "posted": N_("handed over"),
        "cancelled": N_("cancelled"),
        "in_transit": N_("on its way"),
    }
)
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {"issue": N_("Issue"), "dispensing": N_("Dispensing"), "destruction": N_("Destruction")}
)
HOLD_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "quarantine": N_("Quarantine"),
        "on_hold": N_("On hold"),
        "recall": N_("Recall"),
        "damaged": N_("Damaged"),
    }
)
OUTSIDE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "supplier": N_("Supplier"),
        "in_transit": N_("On the way"),
        "dispensed": N_("Patients"),
        "wasted": N_("Destroyed"),
        "returned": N_("Returned to the supplier"),
        "unexplained": N_("Unexplained"),
        "repacked": N_("Repacked"),
    }
)
MOVEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "receive": N_("received"),
        "put_away": N_("put away"),
        "transfer_out": N_("transferred away"),
        "transfer_in": N_("transfer arrived"),
        "issue": N_("issued"),
        "dispense": N_("dispensed"),
        "return_in": N_("came back"),
        "return_out": N_("given back to the supplier"),
        "adjust_in": N_("adjusted up"),
        "adjust_out": N_("adjusted down"),
        "waste": N_("destroyed"),
        "repack_out": N_("taken to be repacked"),
        "repack_in": N_("repacked"),
        "count_in": N_("counted too much"),
        "count_out": N_("counted too little"),
        "found": N_("found"),
        "reverse": N_("taken back"),
    }
)
RESOLUTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "explained": N_("Explanation only"),
        "adjusted": N_("Adjust the books"),
        "reversed": N_("Take the movement back"),
        "found_elsewhere": N_("Found in another place"),
    }
)
CASE_MENDS: Final[Mapping[str, Mend]] = MappingProxyType(
    {
        **CASES,
        "controlled_count": Mend(
            N_("A drug under special control was counted, and the books say something else."),
            N_("Two people look for the difference; settle it with what they found."),
        ),
        "count_disputed": Mend(
            N_("So many counts, and no two of them agree."), N_("Count once more together, then adjust with a reason.")
        ),
        "count_below_zero": Mend(
            N_("A count would have brought the books below zero."),
            N_("Look for a movement that was not booked yet, then count again."),
        ),
        "counted_elsewhere": Mend(
            N_("A pack was counted here, and the books have it in another place."),
            N_("Move it in the books, or bring it back."),
        ),
        "not_counted": Mend(
            N_("Nobody counted it, and the books have some of it."), N_("Look for it, then adjust with a reason.")
        ),
        "tag_not_seen": Mend(N_("A tag that should be there was not read."), N_("Look for the pack by eye.")),
        "tag_seen_elsewhere": Mend(
            N_("A tag was read in another place than the books say."),
            N_("Bring the pack back, or move it in the books."),
        ),
        "tag_unknown": Mend(N_("A tag was read that belongs to no known pack."), N_("Find the pack and receive it.")),
        "tag_foreign": Mend(N_("A tag was read that is not ours."), N_("Find out whose it is and put it aside.")),
    }
)
"""What a case is about and what mends it, by its code."""
CASE_ACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "noted": N_("noted"),
        "proposed": N_("proposed"),
        "withdrawn": N_("withdrawn"),
        "resolved": N_("settled"),
        "confirmed": N_("confirmed"),
    }
)
SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lot": N_("The lot"),
        "pack": N_("This one pack"),
        "units": N_("So many of the lot, in this place"),
        "product": N_("Every lot of the product"),
    }
)
DIRECTIONS: Final[Mapping[str, str]] = MappingProxyType({"more": N_("upwards"), "less": N_("downwards")})
__all__ = ["OTHER_CASE"]
NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/work/issue", N_("Issue to wards")),
    ("/work/dispense", N_("Dispense")),
    ("/work/destroy", N_("Destruction")),
    ("/work/holds", N_("Holds and quarantine")),
    ("/work/recall", N_("Recall")),
    ("/work/controlled", N_("Special control")),
    ("/work/cases", N_("Cases")),
)
"""(address, msgid) of the pages."""
DONE: Final[Mapping[str, State]] = MappingProxyType(
    {
        "picked": State("ok", N_("Taken"), N_("It is in the basket. Scan the next pack.")),
        "put_back": State("info", N_("Put back"), N_("It is out of the basket again.")),
        "handed_over": State("ok", N_("Handed over"), N_("It is booked, or waits for the second person.")),
        "confirmed": State("ok", N_("Confirmed"), N_("It is booked.")),
        "cancelled": State("info", N_("Cancelled"), N_("Nothing was booked.")),
        "written_down": State("ok", N_("Written down"), N_("Somebody else who was there has to confirm it.")),
        "destroyed": State(
            "ok", N_("Confirmed"), N_("It is booked as destroyed. Print the minutes and have them signed.")
        ),
        "held": State("ok", N_("Held"), N_("Nothing of it is given out any more.")),
        "release_asked": State("attention", N_("Asked"), N_("Somebody else has to confirm the release.")),
        "released": State("ok", N_("Released"), N_("It may be given out again.")),
        "recalled": State("ok", N_("Recalled"), N_("All of it is held. Fetch it from the places below.")),
        "end_asked": State("attention", N_("Asked"), N_("Somebody else has to confirm the end of the recall.")),
        "recall_ended": State("ok", N_("The recall is over"), N_("It may be given out again.")),
        "noted": State("ok", N_("Noted")),
        "settled": State(
            "ok", N_("Settled"), N_("Or it waits for the second person, for a drug under special control.")
        ),
        "withdrawn": State("info", N_("Withdrawn"), N_("The case is open again.")),
        "count_begun": State("ok", N_("The count has begun"), N_("Two people count blind, each for themselves.")),
    }
)
"""What was just done, said large on the page that follows."""
UNREADABLE_FORM: Final = N_("A value is missing or wrong. Correct it and try again.")
