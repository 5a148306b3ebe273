"""The address of an NTAG 424 card, opened on somebody's telephone: is the card genuine, and what is it worth?

Answers nothing about the patient: whoever finds a card learns that it is one, and whom to call. Each address is used up
by this, so that what was opened on a telephone can't be shown at a desk later.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from cards.ntag424.address import AddressKeys
from cards.ntag424.tap import judge_address_tap
from gateway.db.pool import Connection
from gateway.taps.card_states import CardState
from gateway.taps.sun_counters import SunUse

Opened = Literal["genuine", "already_opened", "not_genuine", "not_judged"]
_ANY_BASE: Final = "https://card.invalid/t"
"""Behind a proxy the gateway does not know by which name it was called; the MAC does not cover it."""


@dataclass(frozen=True)
class OpenedAddress:
    """What is shown."""

    found: Opened
    card_state: CardState | None = None
    """Of a genuine card that was handed over; None: it was not, or the card is not genuine."""


def open_address(
    connection: Connection, keys: AddressKeys | None, query: str, today: date, now: datetime
) -> OpenedAddress:
    """Judge the query of an address (what stands behind its `?`), and use it up."""
    use = SunUse(connection, now, "phone")
    found = judge_address_tap(f"{_ANY_BASE}?{query}", keys, use)
    if found.judgement.verdict == "unverified":
        return OpenedAddress("not_judged")
    if found.judgement.code == "replayed":
        return OpenedAddress("already_opened")
    if found.judgement.verdict != "genuine":
        return OpenedAddress("not_genuine")
    row = connection.execute(
        "SELECT CASE WHEN state = 'active' AND valid_until < %s THEN 'expired' ELSE state END FROM card"
        " WHERE card_id = %s",
        (today, found.card_id),
    ).fetchone()
    return OpenedAddress("genuine", None if row is None else row[0])
