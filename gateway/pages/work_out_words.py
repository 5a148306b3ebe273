"""Words of the work that gives out: why a lot is not offered, what is refused and what mends it, kinds and states."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.translations import N_

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no_lines": N_("Nothing is named. Scan or enter at least one product."),
        "product_twice": N_("%(product)s stands there twice. Add it up in one line."),
        "quantity": N_("The quantity must be one base unit or more."),
        "unknown_product": N_("%(product)s is not in the catalogue. Have it added first."),
        "unknown_place": N_("There is no place “%(place)s”. Choose one from the list."),
        "no_place": N_("The ward is missing. Choose where it goes."),
        "same_place": N_("The goods come from there. Choose another place, or transfer them."),
        "no_patient": N_("It is not said for whom. Have the card shown, or enter a patient or prescription number."),
        "unknown_patient": N_("This patient is not known here. Choose the patient again."),
        "no_card": N_("No card was put on the reader in the last quarter of an hour. Have it shown again."),
        "card_refused": N_("The last card on the reader is not to be trusted. Choose the patient by number."),
        "no_patient_of_card": N_("The card's patient is not known here any more. Choose the patient by number."),
        "unreadable": N_("The code can't be understood. Scan it again, or type the product code. (%(reason)s)"),
        "doubtful": N_("The code is doubtful: the scanner swallows the separator. Mend its setting. (%(reason)s)"),
        "no_product": N_("This code names no product of the catalogue."),
        "unknown_gtin": N_("GTIN %(gtin)s is not in the catalogue. Have it added first."),
        "lot_mismatch": N_(
            "The code says lot %(code_lot)s, the books say %(books_lot)s. Put the pack aside and report it."
        ),
        "wrong_product": N_("Wrong product: %(product)s is not asked for here. Put it back."),
        "line_complete": N_("Of %(product)s all that was asked for is picked already. Put this one back."),
        "more_than_asked": N_("That is more than the %(missing)s that are still needed."),
        "more_than_pack": N_("There are only %(units)s base units left in this pack."),
        "pack_elsewhere": N_("The books have this pack at %(account)s. Check where it is."),
        "lot_unknown": N_("The code names no lot, and none is proposed. Scan the code with the lot."),
        "lot_not_here": N_("The books have no lot %(lot)s here. Elsewhere: %(elsewhere)s."),
        "not_given_out": N_("It must not be given out. Put it aside. (%(reason)s)"),
        "picked_already": N_("This pack is picked already, by %(person)s for %(document)s."),
        "promised": N_("Only %(free)s of lot %(lot)s are free. The rest is promised to: %(holders)s."),
        "nothing_picked": N_("Nothing is picked yet. Scan the packs, or cancel."),
        "begun_by_another": N_("There are controlled drugs in it: %(person)s, who began it, hands it over."),
        "not_counted": N_("Count how much is left of %(product)s and enter it. Then confirm."),
        "no_reason": N_("The reason is missing. Say why."),
        "not_confirmed": N_("It waits for its second person. There is nothing to print yet."),
        "hold_of_recall": N_("This hold belongs to a recall. End the recall as a whole."),
        "no_subject": N_("Name the lot, or scan one pack."),
        "never_here": N_("This was never in the books: %(what)s."),
        "no_controlled": N_("No product of the catalogue is under special control."),
        "not_controlled": N_("%(product)s is not under special control. Print its store card."),
        "period": N_("From %(first)s to %(last)s is no period. It has at most a year and begins before it ends."),
        "nothing_proposed": N_("Nobody has proposed how to settle this case, or it is settled."),
        "case_settled": N_("%(person)s has settled this case or proposed how to. Withdraw that first."),
        "no_movement": N_("The movement that is to be taken back is missing."),
        "goods_not_told": N_("Product, lot, place or quantity is missing."),
        "no_document": N_("There is no such document."),
        "no_hold": N_("There is no such hold."),
        "no_recall": N_("There is no such recall, or it is over."),
        "no_case": N_("There is no such case."),
        "no_patient_number": N_("No patient has this number."),
        "pick_conflict": N_("This scan is saved already with another code. Scan again."),
        "recall_conflict": N_("This recall is saved already with other content."),
        "second_person": N_("You did the first half yourself. Somebody else has to confirm it."),
        "two_people": N_("This is under special control: a second person has to confirm it."),
        "number": N_("“%(text)s” is no number of base units."),
    }
)
"""What is refused and what mends it, by the refusal's code."""

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
