"""What the store refuses and what mends it, one sentence for each code; its facts fill the sentence in.

The English of the sentence is the msgid; `gateway.pages.refusals` says how each fact is written.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages import card_words, cold_chain_words, desk_words, people_words
from gateway.pages.translations import N_
from gateway.pages.visit_words import VISIT_REFUSALS

_ACTS: Final = {
    "refused": N_("This can't be booked as it was asked for. Check product, lot, quantity and place, and ask again."),
    "id_conflict": N_(
        "This is saved already with other content. Look at what is saved; for something new, begin a new document."
    ),
    "no_lines": N_("Nothing is named. Scan or enter at least one product."),
    "line_twice": N_("The same lot stands there twice for one place. Add it up in one line."),
    "product_twice": N_("%(product)s stands there twice. Add it up in one line."),
    "pack_twice": N_("Pack %(pack)s stands there twice. Take one of them out."),
    "bad_quantity": N_("The quantity of %(product)s must be one base unit or more. Correct it."),
    "number": N_("“%(text)s” is no number of base units. Type digits only."),
    "gtin_missing": N_("Pack %(pack)s has a serial number but no product code (GTIN). Scan its whole code."),
    "reason_missing": N_("A reason is missing. Choose one from the list."),
    "no_reason": N_("The reason is missing. Say why."),
    "product_missing": N_("No product is named. Name one, or leave it out to count everything."),
    "product_unknown": N_("%(product)s is not in the catalogue. Have it added first."),
    "gtin_unknown": N_("The product code (GTIN) %(gtin)s is not in the catalogue. Have it added first."),
    "gtin_of_another": N_(
        "The catalogue knows no pack of %(product)s with the product code (GTIN) %(gtin)s. Have it added first."
    ),
    "place_missing": N_("The place is missing. Choose one from the list."),
    "place_unknown": N_("There is no place “%(place)s”. Choose one from the list."),
    "same_place": N_("From and to are the same place, or one is inside the other. Choose two different places."),
    "supplier_missing": N_("The supplier is missing. Name who delivers, or choose the order."),
    "document_unknown": N_("There is no such stock document. Choose one from the list."),
    "document_state": N_("%(number)s is in the state “%(state)s”, so this can't be done any more. Look at it."),
    "second_person": N_("You did the first half yourself. Somebody else has to confirm it."),
    "two_people": N_("%(product)s is under special control: a second person has to confirm it."),
    "account_unknown": N_("Nobody has the user name “%(account_name)s”. Have the account made first."),
    "device_unknown": N_("There is no such device. Choose one from the list."),
    "signed_on_later": N_(
        "%(person)s signed on there at %(at)s, which is later than now. Check the clock of the device."
    ),
}
_STOCK: Final = {
    "too_little": N_(
        "%(product)s, lot %(lot)s, at %(account)s: %(wanted)s are wanted and %(free)s are free (%(on_hand)s there,"
        " %(promised)s promised). Correct the quantity, the lot or the place."
    ),
    "promised": N_(
        "Of %(product)s, lot %(lot)s, only %(free)s are free. The rest is promised to %(holders)s. Take another lot, or"
        " ask them."
    ),
    "promise_over": N_("What was put aside for this is free again, or taken. Begin again."),
    "not_given_out": N_("%(product)s, lot %(lot)s, must not be given out: %(why)s. Put it aside."),
    "not_to_be_received": N_(
        "%(product)s, lot %(lot)s, is not taken into stock: %(why)s. Give it back to the supplier, or tick “into"
        " quarantine”."
    ),
    "pack_known": N_(
        "Pack %(pack)s was received already, the books have it at %(account)s. Leave it out, or book a return."
    ),
    "pack_unknown": N_("The books have no pack %(pack)s. Receive it first, or correct the serial number."),
    "pack_elsewhere": N_("The books have pack %(pack)s at %(account)s. Check where it is."),
    "pack_other_lot": N_(
        "The books have pack %(pack)s as %(books_product)s, lot %(books_lot)s, not as %(product)s, lot %(lot)s. Put it"
        " aside and report it."
    ),
    "more_than_pack": N_("Pack %(pack)s has only %(units)s left, %(wanted)s are wanted. Take the rest from another."),
    "movement_unknown": N_("There is no such movement. Choose one from the list."),
    "movement_is_reversal": N_("This movement took something back itself. Book anew what it took back."),
    "movement_taken_back": N_("This movement was taken back already. Nothing is left to do."),
}
_IN: Final = {
    "order_unknown": N_("There is no such order. Choose one from the list."),
    "order_closed": N_("Order %(number)s is closed. Receive without an order, or order anew."),
    "order_changed": N_("%(person)s has changed %(number)s meanwhile. Look at it again, then change it."),
    "below_received": N_("Of %(product)s %(received)s have come already. Order at least these."),
    "pack_multiple": N_("%(product)s: %(given)s are no whole packs of %(units)s. Order whole packs, or in base units."),
    "storage_class": N_(
        "%(product)s must be stored so: %(needed)s. This place is: %(stored)s. Choose another place, or give a reason."
    ),
    "transfer_unknown": N_("There is no such transfer. Choose one from the list."),
    "nothing_on_the_way": N_("Nothing of %(number)s is on its way any more. Look at what arrived."),
    "not_in_transfer": N_("Pack %(pack)s was not sent with %(number)s. Put it aside and find out where it comes from."),
    "units_not_conserved": N_("%(product)s: %(taken)s are taken apart, %(made)s are made. Enter what is missing."),
    "lot_mixed": N_("%(product)s: lot %(lot)s is made of none that is taken apart. Keep the lot."),
    "expiry_later": N_(
        "%(product)s, lot %(lot)s, expires on %(date)s: new packs can't last longer. Enter that date or an earlier one."
    ),
    "pack_units": N_("Packs of %(product)s hold %(units)s each, not %(given)s. Enter whole packs, the rest loose."),
    "not_undoable": N_("%(number)s can't be taken back. Book the opposite as a new document."),
    "undone_already": N_("%(number)s was taken back already, or moved nothing. Nothing is left to do."),
    "arrived_already": N_("Of %(number)s something has arrived with %(arrival)s. Take that back first."),
}
_OUT: Final = {
    "ward_missing": N_("The ward is missing. Choose where it goes."),
    "no_patient": N_("It is not said for whom. Have the card shown, or enter a patient or prescription number."),
    "unknown_patient": N_("This patient is not known here. Choose the patient again."),
    "no_card": N_("No card was put on the reader in the last quarter of an hour. Have it shown again."),
    "card_refused": N_("The last card on the reader is not to be trusted. Choose the patient by number."),
    "no_patient_of_card": N_("The card's patient is not known here any more. Choose the patient by number."),
    "no_patient_number": N_("No patient has this number. Read it again from the papers."),
    "unreadable": N_("The code can't be understood. %(problem)s"),
    "doubtful": N_("The code is doubtful. %(problem)s"),
    "codes_differ": N_("These codes are not of one pack. Scan the codes of one pack together."),
    "no_product": N_("This code names no product of the catalogue. Scan the square code on the pack itself."),
    "lot_mismatch": N_(
        "The code says lot %(code_lot)s, the books say %(books_lot)s. Put the pack aside and report it."
    ),
    "wrong_product": N_("Wrong product: %(product)s is not asked for here. Put it back."),
    "line_complete": N_("Of %(product)s all %(quantity)s are picked already. Put this one back."),
    "more_than_asked": N_("%(quantity)s is more than the %(missing)s of %(product)s still needed. Take less."),
    "lot_unknown": N_("The code names no lot, and none is proposed. Type the lot that is printed on the pack."),
    "lot_not_here": N_(
        "The books have no %(product)s of lot %(lot)s here. Elsewhere: %(elsewhere)s. Check the lot and the place."
    ),
    "picked_already": N_("Pack %(pack)s is picked already, by %(person)s for %(number)s. Take another."),
    "nothing_picked": N_("Nothing is picked yet. Scan the packs, or cancel."),
    "begun_by_another": N_("There are controlled drugs in it: %(person)s, who began it, hands it over."),
    "goods_not_counted": N_("Count how much there is of %(product)s and enter it. Then confirm."),
    "not_counted": N_("Count how much is left of %(product)s and enter it. Then confirm."),
    "not_confirmed": N_("%(number)s waits for its second person. There is nothing to print yet."),
}
_CARE: Final = {
    "hold_unknown": N_("There is no such hold. Choose one from the list."),
    "hold_released": N_("This hold was released already, at %(at)s. Nothing is left to do."),
    "hold_of_recall": N_("This hold belongs to a recall. End the recall as a whole."),
    "nobody_asked": N_("Nobody has asked for the release yet. That is the first person's part."),
    "no_recall": N_("There is no such recall, or it is over. Choose one from the list."),
    "no_subject": N_("The lot is missing. Name it, or scan a pack that says it."),
    "no_pack": N_("The code names no single pack of %(product)s. Scan the pack itself, or hold its lot."),
    "lot_never_here": N_("Lot %(lot)s of %(product)s was never in the books. Check what is printed in the letter."),
    "pack_never_here": N_("Pack %(pack)s of %(product)s was never in the books. Check its code."),
    "no_controlled": N_("No product of the catalogue is under special control. Have the catalogue mended."),
    "not_controlled": N_("%(product)s is not under special control. Print its store card."),
    "period": N_("From %(first)s to %(last)s is no period. It has at most a year and begins before it ends."),
    "case_unknown": N_("There is no such case. Choose one from the list."),
    "case_settled": N_("%(person)s has settled this case or proposed how to. Withdraw that first."),
    "nothing_proposed": N_("Nobody has proposed how to settle this case, or it is settled. Look at it again."),
    "no_movement": N_("The movement that is to be taken back is missing. Name it."),
    "goods_not_told": N_("Product, lot, place or quantity is missing. Fill it in."),
}
_COUNTS: Final = {
    "stocktake_unknown": N_("There is no such stocktake. Choose one from the list."),
    "stocktake_state": N_("The stocktake is in the state “%(state)s”, so this can't be done now. Look at it again."),
    "count_overlap": N_("Stocktake %(number)s counts %(account)s already. Finish or cancel it first."),
    "count_time": N_(
        "%(at)s is no time of this stocktake, which began at %(began_at)s. Check the clock of the device."
    ),
    "not_in_stocktake": N_("%(product)s at %(account)s is not part of this stocktake. Count it in one of its own."),
    "not_counted_yet": N_(
        "Stocktake %(number)s is in the state “%(state)s”. Its minutes can be printed once it is counted."
    ),
    "count_by_another": N_("%(person)s has counted this line. Somebody else counts it again."),
    "nothing_counted": N_("Nothing is counted yet. Count at least one line."),
    "lines_uncounted": N_("%(count)s lines are not counted. Count them, or say that they are left as they are."),
    "verifier_counted": N_("%(person)s has counted. Somebody else verifies."),
    "differences_changed": N_(
        "%(count)s differences have changed since they were verified, by movements that came late. Verify again."
    ),
    "scan_empty": N_("A place, a code or the number of packs is missing. Scan it again."),
    "pack_many_times": N_("There is only one pack %(pack)s, it can't stand there %(count)s times. Scan each pack."),
    "tag_count_unknown": N_("There is no such RFID count. Choose one from the list."),
    "tag_count_closed": N_("This RFID count is closed. Begin another."),
    "tag_unknown": N_("This count has found nothing about tag %(epc)s. Choose one from the list."),
    "tag_decided": N_("%(person)s has decided already about tag %(epc)s: %(decision)s. Talk to each other."),
    "decision_unfit": N_("“%(decision)s” does not fit a tag that is “%(outcome)s”. Choose: %(fitting)s."),
    "tag_moved_apart": N_(
        "The books have tag %(epc)s at %(account)s, it was read at %(elsewhere)s. Only from one place to one other can"
        " it be moved: note it, and it becomes a case."
    ),
    "not_missing": N_("Nobody has called tag %(epc)s missing. That is the first person's part."),
    "not_reconciled": N_("There are passes that were not compared with the books yet. Compare them first."),
    "nothing_read": N_("Nothing was read yet. Take a pass with the readers, or send what a reader read."),
    "epc_wrong": N_("“%(text)s” is no tag's number. Read the tags again."),
    "too_many_tags": N_("%(count)s tags are too many for one pass, at most %(most)s. Send them in parts."),
    "no_reader": N_("No RFID reader stands in the places that are counted. Send the list of a hand-held reader."),
    "readers_down": N_("Every RFID reader of these places is down. See to them, or send the list of a hand-held one."),
    "scans_without_lot": N_("%(count)s scans have no lot yet. Say it, or take them back."),
    "nothing_to_take_back": N_("Nothing is scanned, so there is nothing to take back. Scan a pack."),
    "scan_first": N_("A number or a lot is about the last scan. Scan something first."),
    "only_one_pack": N_("A pack with a serial number stands there only once. Scan each pack."),
    "lot_first": N_("The lot of the last scan is not known. Say it first, with # and the lot."),
    "place_not_counted": N_("It is not said where you count, or that place is not counted here. Choose the place."),
    "draft_not_handed_in": N_("You have %(count)s lines that are not handed in. Hand them in first."),
    "tags_at_once": N_("%(count)s tags are ticked: from 1 to %(most)s can be decided at once. Tick that many."),
    "decision_missing": N_("No decision is chosen. Choose one from the list."),
    "nothing_to_count": N_("The readers can see all that the books have there. Nothing is left to count by hand."),
}
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_ACTS,
        **_STOCK,
        **_IN,
        **_OUT,
        **_CARE,
        **_COUNTS,
        **people_words.REFUSALS,
        **cold_chain_words.REFUSALS,
        **card_words.REFUSALS,
        **VISIT_REFUSALS,
        **desk_words.REFUSALS,
    }
)
"""The sentence of each code."""

STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "draft": N_("being prepared"),
        "waiting_second": N_("waits for a second person"),
        "in_transit": N_("on its way"),
        "posted": N_("booked"),
        "cancelled": N_("cancelled"),
        "counting": N_("being counted"),
        "recounting": N_("being counted again"),
        "waiting_verification": N_("waits to be verified"),
        "verified": N_("verified"),
        **card_words.IN_SENTENCES,
    }
)
"""Of documents and stocktakes, inside a sentence."""
DECISIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seen_by_eye": N_("it stands there, seen by eye"),
        "move_in_the_books": N_("move it in the books"),
        "missing": N_("it is missing"),
        "noted": N_("noted"),
    }
)
"""What somebody decided about a tag."""
FINDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seen": N_("seen"),
        "not_seen": N_("not seen"),
        "seen_elsewhere": N_("seen elsewhere"),
        "unknown": N_("unknown"),
        "foreign": N_("not ours"),
    }
)
"""What an RFID count found."""
NO_LOT: Final = N_("(no lot)")
NOWHERE: Final = N_("nowhere")
NOBODY: Final = N_("nobody known")
