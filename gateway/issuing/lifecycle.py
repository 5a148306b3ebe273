"""What becomes of a card after the hand-over: lost, stolen, found, withdrawn, expired."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from gateway.db.pool import Connection
from gateway.issuing.card_number import read_card_number
from gateway.issuing.doer import Doer
from gateway.issuing.live import tell_desk
from gateway.issuing.requests import Profile, active_cards, lock_patient
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from gateway.taps.card_states import CardState, set_card_state

Report = Literal["lost", "stolen", "found", "back", "withdrawn"]
REPORTS: Final[tuple[Report, ...]] = ("lost", "stolen", "found", "back", "withdrawn")
_BECOMES: Final[dict[Report, CardState]] = {
    "lost": "lost",
    "stolen": "stolen",
    "found": "found",
    "back": "active",
    "withdrawn": "revoked",
}
_SYSTEM: Final = "system"


@dataclass(frozen=True)
class HeldCard:
    """A card that was handed over."""

    card_id: str
    card_number: str | None
    """None: it was made before this desk kept numbers."""
    request_id: UUID | None
    patient_id: UUID
    profile: Profile
    state: CardState
    state_changed_at: datetime
    state_changed_by: str
    state_reason: str
    key_version: int | None
    valid_until: date | None


_QUERY: Final = (
    "SELECT c.card_id, r.card_number, r.request_id, c.patient_id, c.profile, c.state, c.state_changed_at,"
    " c.state_changed_by, c.state_reason, c.key_version, c.valid_until FROM card c"
    " LEFT JOIN card_request r ON r.card_id = c.card_id AND r.state IN ('handed_over', 'printed')"
)


def find_card(connection: Connection, text: str) -> HeldCard:
    """By its printed number, its code, or its id.

    Raises:
        WorkNotFoundError: no such card was handed over here.
    """
    number = read_card_number(text)
    row = connection.execute(
        f"{_QUERY} WHERE r.card_number = %s OR c.card_id = %s LIMIT 1".encode(), (number, text.strip().lower())
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("card_unknown", f"no card {text[:60]!r} was handed over here", text=text[:60])
    return HeldCard(*row)


def cards_of(connection: Connection, patient_ids: list[UUID]) -> list[HeldCard]:
    """All of a person's, the newest first."""
    rows = connection.execute(
        f"{_QUERY} WHERE c.patient_id = ANY(%s) ORDER BY c.issued_at DESC, c.card_id".encode(), (patient_ids,)
    )
    return [HeldCard(*row) for row in rows]


def report(connection: Connection, card_id: str, what: Report, why: str, doer: Doer) -> HeldCard:
    """Somebody says that it is lost, stolen, found, back with its holder, or that it is withdrawn for good.

    Raises:
        WorkNotFoundError: no such card.
        WorkRefusedError: the state does not follow, or the patient has another active card of this kind by now.
    """
    card = find_card(connection, card_id)
    lock_patient(connection, card.patient_id)
    if what == "back":
        others = [one for one in active_cards(connection, card.patient_id, card.profile) if one != card.card_id]
        if others:
            raise WorkRefusedError(
                "card_newer_active", "the patient has another active card: this one is worth nothing"
            )
    set_card_state(connection, card.card_id, _BECOMES[what], doer.username, why, at=doer.at, expected=card.state)
    tell_desk(connection, "card", card_id=card.card_id)
    return find_card(connection, card.card_id)


def expire_cards(connection: Connection, today: date, now: datetime) -> list[str]:
    """End the cards whose last day is over; which ones."""
    rows = connection.execute(
        "SELECT card_id FROM card WHERE valid_until < %s AND state IN ('active', 'lost', 'found', 'stolen')"
        " ORDER BY card_id LIMIT 1000",
        (today,),
    ).fetchall()
    for (card_id,) in rows:
        set_card_state(connection, card_id, "expired", _SYSTEM, f"valid until {today:%Y-%m-%d}", at=now)
    if rows:
        tell_desk(connection, "card")
    return [row[0] for row in rows]


def soon_over(connection: Connection, today: date, days: int, limit: int = 500) -> list[HeldCard]:
    """Active cards that end within so many days and have no request for a new one, the first to end first."""
    rows = connection.execute(
        f"{_QUERY} WHERE c.state = 'active' AND c.valid_until BETWEEN %s AND %s AND NOT EXISTS (SELECT FROM"
        " card_request o WHERE o.patient_id = c.patient_id AND o.profile = c.profile"
        " AND o.state IN ('requested', 'personalising', 'personalised', 'printed'))"
        " ORDER BY c.valid_until, c.card_id LIMIT %s".encode(),
        (today, date.fromordinal(today.toordinal() + days), limit),
    )
    return [HeldCard(*row) for row in rows]
