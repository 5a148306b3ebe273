"""Durable counters of NTAG 424 cards: an address counts once, however late and by whichever way it comes.

What a chip showed is one number that only rises (key version * 2**24 + counter). Usually a tap brings a higher one than
ever before, and one conditional statement both compares and remembers, so that of two taps at the same time one rises.

A lower number that nobody has shown yet is one of two things, and both happen:

    late      the tap was made before the higher one, at a desk that was cut off from us and tells it now
    replay    the address was read off the card earlier, kept unused, and is shown now

They differ in time. A chip's numbers rise with its taps, so the tap of a lower number must have been made before every
tap of a higher one, by the time that its edge node gives it (which only a node of ours can send, and which the ingest
corrects where the node's clock is known to be off). A late tap fits into that order; a replay would have to be made at
a desk of ours, within the order's tolerance of the card's own next tap. A number that was shown already never counts
again, unless it is the same row of the same edge node told twice.

One edge node's own rows are in order beyond any doubt: there a lower number after a higher one is a replay, without
tolerance.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from gateway.db.pool import Connection

ORDER_TOLERANCE: Final = timedelta(seconds=60)
"""How far the clocks of two edge nodes may be apart before their taps of one card seem disordered. Clocks that are off
by more than two minutes are noticed and corrected by the ingest; within a minute nobody taps at two desks."""

USES_KEPT: Final = timedelta(days=500)
"""Longer than any edge node may be away (`storage.outage_days_max` is at most 400 days)."""

Finding = Literal["", "first", "late", "told_again", "shown_before", "out_of_order"]
_LOG = logging.getLogger(__name__)


@dataclass
class SunUse:
    """One showing of one address, in the caller's transaction: a `TapCounters` (cards.ntag424.counters)."""

    connection: Connection
    used_at: datetime
    """When it was shown: device time, aware."""
    source: Literal["desk", "phone"]
    epoch_key: int | None = None
    seq: int | None = None
    """The row that tells of it, if one does."""
    finding: Finding = ""
    """What was found; the first three count."""

    def rises(self, uid: bytes, counter: int) -> bool:
        """As `TapCounters`: true if this showing counts; then it is remembered."""
        card_id = uid.hex()
        if self._raised(card_id, counter):
            self._remember(card_id, counter)
            self.finding = "first"
            return True
        # The conditional UPDATE above has locked the card's row, so nobody changes what is read here.
        self.finding = self._look_back(card_id, counter)
        if self.finding == "late":
            self._remember(card_id, counter)
            _LOG.info("card %s: tap number %d of %s came late", card_id, counter, self.used_at.isoformat())
        return self.finding in {"late", "told_again"}

    def _raised(self, card_id: str, counter: int) -> bool:
        self.connection.execute(
            "INSERT INTO sun_counter (card_id, highest, highest_at) VALUES (%s, -1, %s) ON CONFLICT DO NOTHING",
            (card_id, self.used_at),
        )
        self.connection.execute("SELECT FROM sun_counter WHERE card_id = %s FOR UPDATE", (card_id,))
        moved = self.connection.execute(
            "UPDATE sun_counter SET highest = %(value)s, highest_at = %(at)s"
            " WHERE card_id = %(card)s AND highest < %(value)s",
            {"card": card_id, "value": counter, "at": self.used_at},
        )
        return moved.rowcount == 1

    def _look_back(self, card_id: str, counter: int) -> Finding:
        known = self.connection.execute(
            "SELECT epoch_key, seq FROM sun_use WHERE card_id = %s AND value = %s", (card_id, counter)
        ).fetchone()
        if known is not None:
            same = self.epoch_key is not None and (self.epoch_key, self.seq) == tuple(known)
            return "told_again" if same else "shown_before"
        if self._follows_a_higher_one(card_id, counter):
            return "out_of_order"
        row = self.connection.execute(
            "SELECT (SELECT highest_at FROM sun_counter WHERE card_id = %(card)s),"
            " (SELECT min(used_at) FROM sun_use WHERE card_id = %(card)s AND value > %(value)s),"
            " (SELECT max(used_at) FROM sun_use WHERE card_id = %(card)s AND value < %(value)s)",
            {"card": card_id, "value": counter},
        ).fetchone()
        highest_at, next_at, before_at = row or (None, None, None)
        after = min(at for at in (highest_at, next_at, self.used_at) if at is not None)
        fits = self.used_at <= after + ORDER_TOLERANCE
        fits &= before_at is None or before_at - ORDER_TOLERANCE <= self.used_at
        return "late" if fits else "out_of_order"

    def _follows_a_higher_one(self, card_id: str, counter: int) -> bool:
        """Whether the same numbering of the same edge node had a higher number in an earlier row."""
        row = self.connection.execute(
            "SELECT EXISTS (SELECT FROM sun_use WHERE card_id = %s AND value > %s AND epoch_key = %s AND seq < %s)",
            (card_id, counter, self.epoch_key, self.seq),
        ).fetchone()
        return row is not None and bool(row[0])

    def _remember(self, card_id: str, counter: int) -> None:
        self.connection.execute(
            "INSERT INTO sun_use (card_id, value, used_at, source, epoch_key, seq) VALUES (%s, %s, %s, %s, %s, %s)",
            (card_id, counter, self.used_at, self.source, self.epoch_key, self.seq),
        )


def forget_uses(connection: Connection, now: datetime) -> int:
    """Delete single showings older than any tap that can still come late; the highest numbers stay. How many."""
    return connection.execute("DELETE FROM sun_use WHERE used_at < %s", (now - USES_KEPT,)).rowcount
