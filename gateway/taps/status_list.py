"""The list of cards to refuse, as it is now: issued anew when it changed, and from time to time although it didn't.

Its number rises for ever, also when an older backup of the database was restored: it is never below the time in seconds
at which it was issued.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, cast

from cards.issuing.signer import Signer
from cards.status_list import BadState, pack, sign_head
from edge.contracts.card_status import CardStatusPart
from gateway.db.pool import Connection

_ON_THE_LIST: Final[Mapping[str, BadState]] = MappingProxyType(
    {
        "lost": "lost",
        "found": "lost",
        "stolen": "stolen",
        "revoked": "revoked",
        "expired": "expired",
        "replaced": "replaced",
        "active": "expired",
    }
)
"""What an edge node is told of each state; an active card is only selected where its last day is over."""


@dataclass(frozen=True)
class IssuedList:
    """One list, for every edge node of every site that this gateway serves."""

    number: int
    issued_at: datetime
    parts: tuple[bytes, ...]
    cards: int
    _heads: dict[str, tuple[bytes, ...]] = field(default_factory=dict, compare=False, repr=False)

    def messages(self, site: str, signer: Signer) -> tuple[bytes, ...]:
        """The messages for the nodes of a site, signed once, in the order of the parts (from 1).

        Raises:
            SignerError (cards.issuing.signer): the key can't be used.
        """
        if site not in self._heads:
            head = b64encode(sign_head(site, self.number, self.issued_at, self.parts, signer)).decode("ascii")
            self._heads[site] = tuple(
                CardStatusPart(
                    site=site,
                    number=self.number,
                    issued_at=self.issued_at,
                    part=index,
                    parts=len(self.parts),
                    head=head,
                    entries=b64encode(part).decode("ascii"),
                ).to_wire()
                for index, part in enumerate(self.parts, start=1)
            )
        return self._heads[site]


def refused_cards(connection: Connection, today: date) -> dict[str, BadState]:
    """Which cards are to be refused, and why. A PIV card that is merely over says so itself, by its certificate."""
    rows = connection.execute(
        "SELECT card_id, state FROM card WHERE (state NOT IN ('active', 'expired'))"
        " OR (profile = 'ntag424' AND (state = 'expired' OR valid_until < %(today)s))"
        " OR (state = 'expired' AND (valid_until IS NULL OR valid_until >= %(today)s))",
        {"today": today},
    )
    return {card_id: _ON_THE_LIST[state] for card_id, state in rows}


def issue(connection: Connection, today: date, now: datetime, every: timedelta) -> IssuedList:
    """The list as it is now, under a new number if it changed or if the last one is older than `every`.

    In a transaction: its row is locked, so that several gateways of one database agree on numbers.
    """
    connection.execute(
        "INSERT INTO card_status_list (number, issued_at, content_sha256) VALUES (0, %s, '') ON CONFLICT DO NOTHING",
        (now - every,),
    )
    row = connection.execute("SELECT number, issued_at, content_sha256 FROM card_status_list FOR UPDATE").fetchone()
    number, issued_at, known = cast("tuple[int, datetime, bytes]", row)
    states = refused_cards(connection, today)
    parts = pack(states)
    digest = hashlib.sha256(b"".join(parts)).digest()
    # A time before the last list's: the clock was set back. An issued list never becomes younger.
    if digest != bytes(known) or now - issued_at >= every:
        whole_second = now.replace(microsecond=0)
        number, issued_at = max(number + 1, int(now.timestamp())), whole_second
        connection.execute(
            "UPDATE card_status_list SET number = %s, issued_at = %s, content_sha256 = %s",
            (number, issued_at, digest),
        )
    return IssuedList(number, issued_at, parts, len(states))
