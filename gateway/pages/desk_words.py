"""How the registration desk says what came of a tap: for each outcome its own screen, sound and next step."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.state import State
from gateway.pages.translations import N_

_PAPERS: Final = N_("Ask for the patient's papers (citizen card or insurance card) and find the patient by them.")
_COPY: Final = N_("Do not check in with it. Keep the card, ask for papers, and call your supervisor.")

TAP_STATES: Final[Mapping[str, State]] = MappingProxyType(
    {
        "checked_in": State(
            "ok",
            N_("Checked in"),
            N_("The card is genuine and the visit of today is open."),
            N_("Ask for the date of birth, then give the queue number."),
        ),
        "already_checked_in": State(
            "info",
            N_("Already checked in"),
            N_("This patient has checked in today already. It is the same visit and the same queue number."),
            N_("Nothing more to do: tell the patient their number again."),
            sign="again",
            tone="again",
        ),
        "unknown_card": State(
            "attention",
            N_("Card of no patient"),
            N_("The card is genuine, but it has not been given to any patient here."),
            _PAPERS,
            sign="whose",
        ),
        "foreign_card": State(
            "attention",
            N_("Not our health card"),
            N_("This is another kind of card, such as a bank card, or another hospital's."),
            N_("Ask for the health card. If the patient has none, find them by their papers."),
            sign="other_card",
        ),
        "not_genuine": State(
            "stop",
            N_("Copied card"),
            N_("The card claims to be a health card, but could not prove that it is the original."),
            _COPY,
            sign="copy",
            tone="alarm",
        ),
        "replayed": State(
            "stop",
            N_("Used once before"),
            N_("What was read has been used before: it may be a recording of the card, not the card."),
            N_(
                "Hold the card itself on the reader again. If this comes back, treat it as a copied card: keep it, "
                "ask for papers, and call your supervisor."
            ),
            sign="replay",
            tone="alarm",
        ),
        "unreadable": State(
            "attention",
            N_("Card could not be read"),
            N_("The card could not be read to the end, so nothing is proven."),
            N_("Hold the card still on the reader and try again. If it fails twice, find the patient by their papers."),
            sign="unread",
        ),
        "unverified": State(
            "attention",
            N_("Card not checked"),
            N_("The card was read, but the server lacks what it needs to check it."),
            N_("Find the patient by their papers, and tell the IT department that card keys are missing."),
            sign="keys",
        ),
        "lost_card": State(
            "stop",
            N_("Card reported lost"),
            N_("This card was reported lost. Whoever brings it may not be the patient."),
            N_("Compare the papers with the name shown. If it is the patient, ask the card desk to release the card."),
            sign="lost",
        ),
        "stolen_card": State(
            "stop",
            N_("Card reported stolen"),
            N_("This card was reported stolen."),
            N_("Keep the card, do not leave it with whoever brought it, and call your supervisor."),
            sign="locked",
            tone="alarm",
        ),
        "revoked_card": State(
            "stop",
            N_("Card withdrawn"),
            N_("This card has been withdrawn and is no longer valid."),
            N_("Keep the card, ask for papers, and check in with the patient's new card."),
        ),
        "expired_card": State(
            "attention",
            N_("Card expired"),
            N_("The card is the patient's, but its validity is over."),
            N_("Check the papers, register the visit by them, and have a new card made."),
            sign="clock",
        ),
        "replaced_card": State(
            "attention",
            N_("Card was replaced"),
            N_("The patient was given a newer card; this one is no longer valid."),
            N_("Ask for the newer card. Keep this one for the card desk."),
            sign="replaced",
        ),
    }
)

ASK_FIRST: Final = N_("Ask the question below, then give the queue number.")
"""The next step of a check-in as long as there is a question; afterwards:"""
GIVE_NUMBER: Final = N_("Give the queue number.")
MISMATCH: Final = State(
    "stop",
    N_("Not the patient of this card"),
    N_("The answer did not match. The card is genuine, but whoever holds it is not known."),
    N_("Give no queue number. Ask for papers, keep the card, and call your supervisor."),
    sign="unequal",
    tone="alarm",
)
"""Shown in place of a check-in after a wrong answer."""

QUESTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "birth_date": N_("What is the patient's date of birth?"),
        "guardian_name": N_("What is the full name of the patient's guardian?"),
        "phone": N_("What are the last three digits of the family's telephone number?"),
        "insurance_number": N_("What are the last four digits of the insurance number?"),
        "citizen_id": N_("What are the last four digits of the citizen number?"),
    }
)
CARD_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "active": N_("in use"),
        "lost": N_("reported lost"),
        "found": N_("found, not released yet"),
        "stolen": N_("reported stolen"),
        "revoked": N_("withdrawn"),
        "expired": N_("expired"),
        "replaced": N_("replaced by a newer one"),
    }
)
EDGE_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unknown": N_("genuine; it had no list of lost cards"),
        "in_order": N_("genuine and in use"),
        **{state: CARD_STATES[state] for state in ("lost", "stolen", "revoked", "expired", "replaced")},
    }
)
"""What the desk's own screen said, by the state that its list gave."""
SEX_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {"male": N_("Male"), "female": N_("Female"), "other": N_("Other sex"), "unknown": N_("Sex not recorded")}
)

REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "presence_forged": N_("Nothing proves that the patient is here. Let them put the card on the reader again."),
        "presence_expired": N_("The card was here too long ago. Let the patient put it on the reader again."),
        "presence_elsewhere": N_("The card was on another desk's reader. Let the patient put it on this one."),
        "tap_unknown": N_("There is no such tap. Load the page again."),
        "tap_answered": N_("The question was answered before, otherwise. Let the patient put the card on again."),
        "card_not_found": N_("This card was never handed over here. Look for the patient instead."),
        "card_state_changed": N_("Somebody else has changed the card's state meanwhile. Look at it again."),
        "card_state_impossible": N_("This can't be said of a card in its present state. Look at what became of it."),
        "card_reason_too_long": N_("The reason is too long. Say it in at most 300 characters."),
    }
)
"""Of taps and of states of cards."""
