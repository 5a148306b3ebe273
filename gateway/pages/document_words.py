"""Words of stock documents: kinds, states, accounts, and what a movement did."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.pages.pharmacy_view import ACCOUNT_WORDS
from gateway.pages.translations import N_

DOCUMENT_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "receipt": N_("Goods receipt"),
        "put_away": N_("Put-away"),
        "transfer": N_("Transfer"),
        "issue": N_("Issue to a ward"),
        "dispensing": N_("Dispensing"),
        "return": N_("Return"),
        "adjustment": N_("Adjustment"),
        "destruction": N_("Destruction"),
        "repack": N_("Repacking"),
        "count": N_("Count"),
        "reversal": N_("Reversal"),
    }
)
DOCUMENT_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "draft": N_("Draft"),
        "waiting_second": N_("Waits for a second person"),
        "in_transit": N_("On its way"),
        "posted": N_("Booked"),
        "cancelled": N_("Cancelled"),
    }
)
STATE_MOODS: Final[Mapping[str, str]] = MappingProxyType(
    {"draft": "info", "waiting_second": "attention", "in_transit": "attention", "posted": "ok", "cancelled": "unknown"}
)
ACCOUNTS: Final[Mapping[str, str]] = MappingProxyType({**ACCOUNT_WORDS, "repacked": N_("repacked")})
