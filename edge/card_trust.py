"""What the readers of an edge node judge cards with: trust anchors, keys of NTAG 424 cards, the card status list."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cards.connection import CardConnection
from cards.ntag424.counters import RememberedCounters, TapCounters
from cards.ntag424.desk_keys import DeskKeys
from cards.trust import TrustAnchors
from edge.contracts.observations import CardPresented, CardStateThere, StatusListUsed


class CardStatuses(Protocol):
    """Who knows which cards are to be refused."""

    def judge(self, card_id: str, now: datetime) -> tuple[CardStateThere, StatusListUsed | None]:
        """The card's state (`unknown` for an empty id), and the list that says so; None without a list."""
        ...


class HolderReading(Protocol):
    """Who shows whose card it is, where somebody looks at a screen."""

    def read(self, connection: CardConnection, card: CardPresented) -> None:
        """Called after the tap is on disk, while the card may still lie there; raises nothing of a card's."""
        ...


class NoStatuses:
    """Nothing is known against any card."""

    def judge(self, _card_id: str, _now: datetime) -> tuple[CardStateThere, StatusListUsed | None]:
        """As `CardStatuses`."""
        return "unknown", None


@dataclass(frozen=True, repr=False)
class CardTrust:
    """One for the whole node: a card that was shown to one reader is known to the others."""

    anchors: TrustAnchors = field(default_factory=TrustAnchors)
    """Whose PIV cards are genuine."""
    desk_keys: DeskKeys | None = None
    """None: NTAG 424 cards are judged by the gateway alone."""
    statuses: CardStatuses = field(default_factory=NoStatuses)
    holders: HolderReading | None = None
    """None: this node shows no names."""
    counters: TapCounters = field(default_factory=RememberedCounters)
    """Of this run: an address that was shown to this node already is a replay. The gateway remembers for good."""
