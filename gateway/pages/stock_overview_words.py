"""Words of the stock pages: a product's state, what a movement was, the other side of it."""

from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from gateway.pages.pharmacy_view import ACCOUNT_WORDS, EXPIRES_SOON
from gateway.pages.state import Mood
from gateway.pages.translations import N_
from gateway.stock.consumption import Supply

EXPIRED, HELD, SHORT, SOON, STILL, FINE = "expired", "held", "short", "soon", "still", "fine"
STATES: Final[Mapping[str, tuple[Mood, str]]] = MappingProxyType(
    {
        EXPIRED: ("stop", N_("Expired stock")),
        HELD: ("stop", N_("Partly held")),
        SHORT: ("attention", N_("Runs short")),
        SOON: ("attention", N_("Expires soon")),
        STILL: ("info", N_("Not used lately")),
        FINE: ("ok", N_("In order")),
    }
)
"""The first that is true is said first."""
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "receive": N_("Goods receipt"),
        "put_away": N_("Put-away"),
        "transfer_out": N_("Transfer out"),
        "transfer_in": N_("Transfer in"),
        "issue": N_("Issue"),
        "dispense": N_("Dispensing"),
        "return_in": N_("Return"),
        "return_out": N_("Sent back"),
        "adjust_in": N_("Adjustment up"),
        "adjust_out": N_("Adjustment down"),
        "waste": N_("Destruction"),
        "repack_out": N_("Repacking"),
        "repack_in": N_("Repacking"),
        "count_in": N_("Count, more than in the books"),
        "count_out": N_("Count, less than in the books"),
        "found": N_("Found"),
        "reverse": N_("Reversal"),
    }
)
ACCOUNTS: Final[Mapping[str, str]] = MappingProxyType({**ACCOUNT_WORDS, "repacked": N_("repacked")})
PERIODS: Final[Mapping[str, str]] = MappingProxyType({"day": N_("Day"), "week": N_("Week"), "month": N_("Month")})


def states_of(one: Supply, today: date, *, held: Collection[str], short: Collection[str]) -> tuple[str, ...]:
    """All that is to be said of a product, the weightiest first; in order if nothing is."""
    said = {
        EXPIRED: one.expired > 0,
        HELD: one.product_id in held,
        SHORT: one.product_id in short,
        SOON: one.next_expiry is not None and today <= one.next_expiry <= today + EXPIRES_SOON,
        STILL: one.consumed <= 0,
    }
    return tuple(state for state, true in said.items() if true) or (FINE,)
