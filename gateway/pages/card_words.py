"""The words of the issuing desk: kinds, states, steps, outcomes of a card on a reader, and what is refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.services.roles import CARD_DESK_ROLES, CARD_MAKING_ROLES

NAVIGATION: Final = (
    ("/cards", N_("Issuing desk"), CARD_DESK_ROLES),
    ("/cards/ask", N_("New request"), CARD_DESK_ROLES),
    ("/cards/lists", N_("Ending soon, old keys"), CARD_DESK_ROLES),
    ("/cards/prints", N_("Printings"), CARD_DESK_ROLES),
    ("/cards/batches", N_("Batches"), CARD_MAKING_ROLES),
    ("/cards/blanks", N_("Blank cards"), CARD_MAKING_ROLES),
    ("/cards/stations", N_("Stations"), CARD_MAKING_ROLES),
)
"""(address, msgid, roles)."""
PROFILES: Final = MappingProxyType({"piv": N_("Chip card (PIV)"), "ntag424": N_("NFC card (NTAG 424)")})
REASONS: Final = MappingProxyType(
    {
        "first": N_("First card"),
        "lost": N_("Card lost"),
        "damaged": N_("Card damaged"),
        "expired": N_("Card expired"),
        "replaced": N_("Data on the card changed"),
    }
)
STATES: Final = MappingProxyType(
    {
        "requested": ("info", N_("Waits for a blank card")),
        "personalising": ("attention", N_("Begun, not finished")),
        "personalised": ("info", N_("Made, to be printed")),
        "printed": ("info", N_("Printed, to be handed over")),
        "handed_over": ("ok", N_("Card handed over")),
        "cancelled": ("unknown", N_("Cancelled")),
    }
)
HELD_STATES: Final = MappingProxyType(
    {
        "active": ("ok", N_("In use")),
        "lost": ("stop", N_("Reported lost")),
        "found": ("attention", N_("Found, at the desk")),
        "stolen": ("stop", N_("Reported stolen")),
        "revoked": ("stop", N_("Withdrawn for good")),
        "expired": ("attention", N_("Expired")),
        "replaced": ("unknown", N_("Replaced by another card")),
    }
)
STEPS: Final = MappingProxyType(
    {
        "requested": N_("Requested"),
        "begun": N_("Begun on a chip"),
        "interrupted": N_("Interrupted"),
        "personalised": N_("Card made"),
        "printed": N_("Printed"),
        "handed_over": N_("Card handed over"),
        "taken_back": N_("Card taken back"),
        "wiped": N_("Chip wiped"),
        "spoiled": N_("Chip put aside as spoiled"),
        "waits_again": N_("Waits for a blank card again"),
        "cancelled": N_("Cancelled"),
        "pin_set": N_("PIN set with consent"),
        "record_written": N_("Emergency record written with consent"),
        "rekeyed": N_("New keys"),
    }
)
BATCH_STATES: Final = MappingProxyType(
    {
        "ready": ("info", N_("Ready")),
        "running": ("ok", N_("Being worked at")),
        "paused": ("attention", N_("Put off")),
        "finished": ("ok", N_("Finished")),
        "cancelled": ("unknown", N_("Cancelled")),
    }
)
BATCH_KINDS: Final = MappingProxyType({"new": N_("New cards"), "rekey": N_("New keys for cards in use")})
ITEM_STATES: Final = MappingProxyType(
    {"waiting": ("info", N_("To come")), "done": ("ok", N_("Done")), "skipped": ("unknown", N_("Left out"))}
)
BLANK_KINDS: Final = MappingProxyType(
    {
        "received": N_("Blank cards came in"),
        "used": N_("Used"),
        "wiped": N_("Blank again"),
        "spoiled": N_("Spoiled"),
        "counted": N_("Counted"),
    }
)
REPORTS: Final = MappingProxyType(
    {
        "lost": N_("It is lost"),
        "stolen": N_("It was stolen"),
        "found": N_("It was found and is here"),
        "back": N_("It is back with its holder"),
        "withdrawn": N_("Withdraw it for good"),
    }
)
IDENTIFIERS: Final = MappingProxyType(
    {
        "birth_date": N_("Date of birth"),
        "citizen_id": N_("Citizen number"),
        "insurance_number": N_("Insurance number"),
        "phone": N_("Telephone"),
    }
)
RECEIVERS: Final = MappingProxyType({"patient": N_("The patient"), "guardian": N_("The guardian")})
CHIP_STATES: Final = MappingProxyType(
    {"blank": N_("Blank"), "unfinished": N_("Begun, not finished"), "issued": N_("Made, proves itself")}
)
PROGRESS: Final = MappingProxyType(
    {
        "look": N_("Looking at the card"),
        "silence": N_("Clearing the card"),
        "number": N_("Writing the number"),
        "keys": N_("Replacing the keys"),
        "key 4": N_("Replacing the keys"),
        "key 3": N_("Replacing the keys"),
        "key 2": N_("Replacing the keys"),
        "key 1": N_("Replacing the keys"),
        "key 0": N_("Replacing the keys"),
        "write": N_("Writing the data"),
        "key": N_("The card makes its key"),
        "certificate": N_("Writing the certificate"),
        "finish": N_("Writing the address"),
        "prove": N_("The card proves itself"),
    }
)
LOG_ACTS: Final = MappingProxyType(
    {
        "issued": N_("Card made"),
        "handed_over": N_("Card handed over"),
        "pin": N_("PIN set with consent"),
        "emergency": N_("Emergency record written with consent"),
        "record_read": N_("Record read"),
        "break_glass": N_("Record read in an emergency"),
        "keys": N_("New keys"),
    }
)
LOG_WORDS: Final = MappingProxyType(
    {
        "written": N_("Access log brought up to date"),
        "same": N_("Access log is up to date"),
        "no_room": N_("No room for an access log"),
        "refused": N_("The card takes no access log"),
    }
)

OUTCOMES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "made": State("ok", N_("Card %(number)s is made"), N_("It proves itself. Take it away.")),
        "looked_at": State("info", N_("Card looked at"), N_("Nothing on it was changed.")),
        "done_already": State("info", N_("This card is done already"), N_("Take it away and put the next one on.")),
        "batch_done": State("ok", N_("All cards of the batch are done"), N_("Nothing is left to do.")),
        "reader_fault": State(
            "stop", N_("The reader has a fault"), N_("Look at its cable and at the station's screen.")
        ),
    }
)

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "card_request_unknown": N_("There is no such request for a card. Choose one from the list."),
        "card_request_open": N_(
            "The patient has an open request for such a card: %(number)s, %(state)s. Finish it or cancel it first."
        ),
        "card_exists": N_(
            "The patient has an active card of this kind. Choose why a new one is needed: lost, damaged, expired or"
            " changed."
        ),
        "card_request_state": N_("Card %(number)s is in the state “%(state)s”, so this can't be done now. Look at it."),
        "card_keys_missing": N_(
            "No cards can be made here: the keys are not set up. Ask the administrator to set up [issuing]."
        ),
        "card_keys_closed": N_("The keys that cards are made with can't be used: %(text)s. Tell the administrator."),
        "card_address_missing": N_(
            "NFC cards need an https address to lead telephones to. Ask the administrator to set [issuing] address."
        ),
        "card_foreign": N_("This is not a card that can become a health card. Take a blank one from the drawer."),
        "card_foreign_keys": N_(
            "The keys of this card are neither ours nor the maker's: it is of another hospital, or damaged. Put it"
            " aside."
        ),
        "card_other_kind": N_("This is the other kind of blank card. Take one of the kind that was asked for."),
        "card_issued_already": N_("This is card %(number)s, made already. Put a blank card on the reader."),
        "card_of_request": N_(
            "This card was begun for card %(number)s. Finish it there, or wipe it before it is used for another."
        ),
        "card_of_nobody": N_("Something of ours is on this card, and no request knows it. Wipe it, then use it."),
        "card_other_begun": N_(
            "Card %(number)s was begun on another chip. Put that one on the reader; if it is lost or broken, book it as"
            " spoiled."
        ),
        "card_counted_before": N_(
            "This NFC card was one of ours before, so its old addresses could be used again. Take one that never was."
        ),
        "card_taken_away": N_("The card was taken away too early. Put the same card on again: it goes on from there."),
        "card_refuses": N_("The card refuses: %(text)s. Try it once more; then book it as spoiled and take another."),
        "card_unexpected": N_(
            "The program made a mistake with this card. Put it on again; then tell the administrator."
        ),
        "card_not_in_batch": N_("This card is not in the batch. Take it away and put on one of the batch."),
        "card_none": N_("No card lies on the reader. Put it on, then do this again."),
        "card_is_another": N_("Another card lies on the reader. Put the right one on."),
        "card_not_issued": N_("The card on the reader is not a finished chip card. Put the right one on."),
        "card_station_away": N_("The station is not connected. Start it, or look at its network."),
        "card_station_busy": N_("The station is busy with a card. Wait a moment, then do this again."),
        "card_station_task": N_(
            "The station “%(text)s” works at a batch. Put the batch off, or choose another station."
        ),
        "card_station_name": N_("There is a station “%(text)s” already. Choose another name."),
        "card_station_unknown": N_("There is no such station, or it was let go. Choose one from the list."),
        "card_link_used": N_(
            "This link was used, is too old, or is no link of ours. Make a new one on the page Stations."
        ),
        "card_blank_quantity": N_("This number of blank cards can't be right. Count them and enter the number."),
        "card_batch_content": N_(
            "A batch has 1 to %(most)s cards of one kind, here are %(count)s. Choose other requests, or the other kind."
        ),
        "card_batch_unknown": N_("There is no such batch. Choose one from the list."),
        "card_batch_state": N_("Batch %(number)s is in the state “%(state)s”, so this can't be done now. Look at it."),
        "card_batch_item": N_("This card of the batch is done, or there is none. Look at the batch again."),
        "card_print_over": N_("This printing is over, or somebody else ordered it. Order a new one."),
        "card_reprint_reason": N_("The card was printed before. Say why it is printed again."),
        "card_identifier_differs": N_(
            "What was asked for does not match the papers. Keep the card here and find out who this is."
        ),
        "card_guardian_missing": N_("The patient is a child: the card is given to the guardian. Ask for the guardian."),
        "card_not_signed": N_("Who takes the card signs for it. Enter the name and have them sign."),
        "card_consent_missing": N_("The holder must agree to this. Ask them, and tick that they agreed."),
        "card_pin_form": N_("A PIN has six to eight digits. Have another one chosen."),
        "card_pin_differs": N_("The PIN was typed differently the second time. Have it typed again."),
        "card_pin_wrong": N_("The old PIN is wrong, %(count)s tries are left. Leave it empty to unblock the card."),
        "card_pin_blocked": N_(
            "The PIN is blocked. Leave the old PIN empty: the card is unblocked with the hospital's key."
        ),
        "card_puk_wrong": N_("The card does not take the hospital's key, %(count)s tries are left. Put it aside."),
        "card_puk_blocked": N_("The card can't be unblocked any more. Have a new card made, for the reason “damaged”."),
        "card_record_missing": N_(
            "The patient has no birth date, so no emergency record can be written. Enter it first."
        ),
        "card_record_long": N_(
            "The emergency data are too long for a card. Shorten the texts in the patient's record."
        ),
        "card_unknown": N_("No card “%(text)s” was handed over here. Check the number on the card."),
        "card_newer_active": N_("The patient has a newer card that is in use. Keep this one and have it withdrawn."),
    }
)
"""The sentence of each code."""
IN_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "requested": N_("waits for a blank card"),
        "personalising": N_("begun, not finished"),
        "personalised": N_("made, to be printed"),
        "printed": N_("printed, to be handed over"),
        "handed_over": N_("handed over"),
        "ready": N_("ready"),
        "running": N_("being worked at"),
        "paused": N_("put off"),
        "finished": N_("finished"),
    }
)
"""States inside a sentence."""
