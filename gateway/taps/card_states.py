"""The state of a health card: the only writer of it after the card was handed over, with who, when and why.

    active ──► lost ──► found ──► active          a lost card that came back is found, and active once a clerk says so
       │         └───────┴──────► replaced        another card was made instead; it never works again
       ├─────► stolen ──────────► replaced, revoked
       ├─────► revoked                            for good
       ├─────► expired ─────────► active          its validity was prolonged
       └─────► replaced

Every change wakes whoever pushes the card status list to the edge nodes, at the commit.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from gateway.db.pool import Connection
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError

CardState = Literal["active", "lost", "found", "stolen", "revoked", "expired", "replaced"]
CARD_STATES: Final[tuple[CardState, ...]] = (
    "active",
    "lost",
    "found",
    "stolen",
    "revoked",
    "expired",
    "replaced",
)
CHANNEL: Final = "medtap_cards"
"""NOTIFY on it, with nothing in it: the list of cards to refuse may have changed."""

FOLLOWING: Final[Mapping[CardState, frozenset[CardState]]] = MappingProxyType(
    {
        "active": frozenset({"lost", "stolen", "revoked", "expired", "replaced"}),
        "lost": frozenset({"found", "stolen", "revoked", "expired", "replaced"}),
        "found": frozenset({"active", "lost", "stolen", "revoked", "expired", "replaced"}),
        "stolen": frozenset({"found", "revoked", "expired", "replaced"}),
        "expired": frozenset({"active", "lost", "stolen", "revoked", "replaced"}),
        "replaced": frozenset({"revoked"}),
        "revoked": frozenset(),
    }
)
"""Which states a card may come to from each. `revoked` is for good, so is `replaced` but for being revoked."""

_REASON_CHARACTERS_MAX: Final = 300


class CardStateError(WorkRefusedError):
    """A card that can't come to that state."""


class CardNotFoundError(WorkNotFoundError):
    """No card of this id was handed over here."""


class CardStateConflictError(WorkConflictError):
    """The card is in another state by now than the one that was looked at."""


def set_card_state(
    connection: Connection,
    card_id: str,
    state: CardState,
    by: str,
    reason: str,
    *,
    at: datetime | None = None,
    expected: CardState | None = None,
) -> CardState:
    """Bring a card to a state, in the caller's transaction; the state it had. Said twice, it changes nothing.

    Args:
        connection: in a transaction.
        card_id: 32 hexadecimal digits (PIV) or 14 (NTAG 424 DNA).
        state: the new one.
        by: who says so: a username, or the name of a part of the system.
        reason: why, for people; at most 300 characters.
        at: when it came to be so, aware; None: now.
        expected: the state that the person saw; None: whatever it is.

    Raises:
        CardNotFoundError: no such card.
        CardStateConflictError: it is not in the expected state any more.
        CardStateError: this state does not follow the card's, or the reason is too long.
    """
    if len(reason) > _REASON_CHARACTERS_MAX:
        raise CardStateError(
            "card_reason_too_long",
            f"reason of {len(reason)} characters: expected at most {_REASON_CHARACTERS_MAX}",
            characters_max=_REASON_CHARACTERS_MAX,
        )
    row = connection.execute("SELECT state FROM card WHERE card_id = %s FOR UPDATE", (card_id,)).fetchone()
    if row is None:
        raise CardNotFoundError("card_not_found", f"card {card_id!r}: never handed over here", card_id=card_id)
    before: CardState = row[0]
    if expected is not None and before != expected:
        raise CardStateConflictError(
            "card_state_changed",
            f"card {card_id!r} is {before!r} by now, not {expected!r}: look at it again",
            card_id=card_id,
            state=before,
        )
    if before == state:
        return before
    if state not in FOLLOWING[before]:
        raise CardStateError(
            "card_state_impossible",
            f"card {card_id!r} is {before!r}: it can't become {state!r}; expected one of {sorted(FOLLOWING[before])}",
            card_id=card_id,
            state=before,
            wanted=state,
        )
    connection.execute(
        "UPDATE card SET state = %s, state_changed_at = coalesce(%s, now()), state_changed_by = %s, state_reason = %s"
        " WHERE card_id = %s",
        (state, at, by, reason, card_id),
    )
    connection.execute(
        "INSERT INTO card_state_change (card_id, from_state, to_state, changed_at, changed_by, reason)"
        " VALUES (%s, %s, %s, coalesce(%s, now()), %s, %s)",
        (card_id, before, state, at, by, reason),
    )
    wake_status_list(connection)
    return before


def wake_status_list(connection: Connection) -> None:
    """At the commit, let the status list be made anew and pushed: after whatever else changed what cards are worth."""
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
