"""Words of the work that gives out: why a lot is not offered, what is refused and what mends it, kinds and states."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
        "pack_held": N_("pack %(serial_number)s is held"),
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
    {"lot": N_("The lot"), "pack": N_("This one pack"), "product": N_("Every lot of the product")}
)
DIRECTIONS: Final[Mapping[str, str]] = MappingProxyType({"more": N_("upwards"), "less": N_("downwards")})
NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/work/issue", N_("Issue")),
    ("/work/dispense", N_("Dispensing")),
    ("/work/destroy", N_("Destruction")),
    ("/work/holds", N_("Holds and quarantine")),
    ("/work/recall", N_("Recall")),
    ("/work/controlled", N_("Special control")),
    ("/work/cases", N_("Cases")),
)
"""(address, msgid) of the pages."""
UNREADABLE_FORM: Final = N_("A value is missing or wrong. Correct it and try again.")
