"""Words of counting: states, what a scan was, what an RFID count found, what people decided about it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.state import State
from gateway.pages.translations import N_

NAVIGATION: Final[tuple[tuple[str, str], ...]] = (
    ("/count", N_("Counts")),
    ("/count/stocktakes/new", N_("New stocktake")),
    ("/count/tags/new", N_("New RFID count")),
)
"""(address, msgid) of the pages."""
IN_THE_WORK_MENU: Final[tuple[tuple[str, str], ...]] = (("/count", N_("Counting")),)

STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "counting": ("info", N_("Being counted")),
        "recounting": ("attention", N_("Being counted again")),
        "waiting_verification": ("attention", N_("Waits to be verified")),
        "verified": ("attention", N_("Verified, to be booked")),
        "posted": ("ok", N_("Booked")),
        "cancelled": ("unknown", N_("Cancelled")),
    }
)
"""Mood and word of a stocktake's state."""
TAG_STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "reading": ("info", N_("Being read")),
        "reconciled": ("attention", N_("Compared, to be decided")),
        "closed": ("ok", N_("Closed")),
    }
)
"""Mood and word of an RFID count's state."""

SCANS: Final[Mapping[str, State]] = MappingProxyType(
    {
        "counted": State("ok", N_("Counted")),
        "lot_missing": State(
            "attention",
            N_("Which lot?"),
            N_("Look at the pack, then type # and the lot, or # and its number in the list, and press Enter."),
            sign="half",
        ),
        "scanned_again": State(
            "info",
            N_("Scanned again"),
            N_("This very pack stands in the list already. It was not added a second time."),
            sign="again",
        ),
        "not_in_scope": State(
            "attention",
            N_("Not asked for"),
            N_(
                "This product is not part of this stocktake. The scan is kept and shown at the review, and not counted."
            ),
        ),
        "lot_differs": State(
            "stop",
            N_("Another lot than in the books"),
            N_("Put the pack aside and report it. The scan is kept and shown at the review, and not counted."),
            sign="unequal",
        ),
        "unknown_product": State(
            "stop",
            N_("Unknown product"),
            N_("It is not in the catalogue. Put it aside. The scan is kept and shown at the review."),
        ),
        "handed_in": State(
            "stop",
            N_("Already handed in"),
            N_("You have counted this line and handed it in. If it is in doubt, somebody else counts it again."),
        ),
        "not_needed": State("info", N_("Not to be counted again"), N_("This line is settled. Nothing was added.")),
    }
)
"""What a scan was. What else there is, `gateway.pages.work_words` says."""
WHY_KEPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_in_scope": N_("not part of this stocktake"),
        "lot_differs": N_("another lot than in the books"),
        "unknown_product": N_("not in the catalogue"),
        "unreadable": N_("code not understood"),
        "doubtful": N_("doubtful code"),
        "no_product": N_("names no product"),
        "person": N_("a person's card"),
        "transport_label": N_("a transport label"),
        "lot_missing": N_("lot not said"),
    }
)
"""Why what was scanned is in no line."""
TAKEN_BACK: Final = N_("Taken back")
SECOND_COUNT: Final = N_("Somebody else has counted this line already: yours is a second count of it.")
PLACE_CHOSEN: Final = N_("You count here now.")

VERDICTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "uncounted": ("attention", N_("nobody counted it")),
        "agreed": ("ok", N_("one count was enough")),
        "recount": ("attention", N_("to be counted again")),
        "confirmed": ("ok", N_("two counts agree")),
        "disputed": ("stop", N_("no two counts agree: becomes a case")),
    }
)
"""Mood and word of a line's verdict."""

OUTCOMES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "not_seen",
        N_("Not seen"),
        N_("The books have it here and no pass has read its tag. That is no proof that it is gone."),
    ),
    ("seen_elsewhere", N_("Seen elsewhere"), N_("The books have it somewhere else than it was read.")),
    ("unknown", N_("Unknown"), N_("An article of ours, but no pack that the books know.")),
    ("foreign", N_("Foreign"), N_("Not one of our articles, or no number that can be read.")),
    ("seen", N_("Seen"), N_("Read where the books have it. Nothing is to be done.")),
)
"""(code, word, what it means) of what an RFID count found, in the order of the tabs."""
CONFIDENCE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"high": ("ok", N_("sure")), "low": ("attention", N_("not sure")), "none": ("unknown", N_("no telling"))}
)
PROPOSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "look_for_it": N_("look for it"),
        "move_in_the_books": N_("move it in the books"),
        "check_which_place": N_("check in which place it is"),
        "identify": N_("find out what it is"),
        "take_no_notice": N_("take no notice"),
        "nothing": N_("nothing to do"),
    }
)
DECISIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "seen_by_eye": N_("It stands there: seen by eye"),
        "move_in_the_books": N_("Move it in the books"),
        "missing": N_("It is missing"),
        "noted": N_("Only note it: becomes a case"),
    }
)
"""What people decide about a tag."""
FITTING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "not_seen": ("seen_by_eye", "missing", "noted"),
        "seen_elsewhere": ("move_in_the_books", "noted"),
        "unknown": ("noted",),
        "foreign": ("noted",),
        "seen": (),
    }
)
"""Which of them each outcome allows, the most harmless first."""

CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "controlled": N_("Special control: every 30 days"),
        "A": N_("A, dear: every 90 days"),
        "B": N_("B: every 180 days"),
        "C": N_("C, cheap: every 365 days"),
    }
)
"""How often a product is proposed for counting (`gateway.stock.cycle_counts`)."""
SCOPES: Final[tuple[tuple[str, str], ...]] = (
    ("all", N_("Everything that stands there")),
    ("proposal", N_("What is due (cycle count)")),
    ("storage", N_("One storage class")),
    ("products", N_("Some products")),
)
NOTE_BY_HAND: Final = N_("By hand, what the RFID count of %(day)s can't see")
