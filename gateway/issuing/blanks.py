"""The stock of blank cards: what came, what was used, spoiled and counted; the sum is what should be in the drawer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.issuing.doer import Doer
from gateway.issuing.live import tell_desk
from gateway.issuing.requests import Profile
from gateway.stock.errors import WorkRefusedError

MovementKind = Literal["received", "used", "wiped", "spoiled", "counted"]
QUANTITY_MAX = 100_000


@dataclass(frozen=True)
class BlankStock:
    """Of one kind of card."""

    profile: Profile
    on_hand: int
    low_at: int

    @property
    def low(self) -> bool:
        """Time to order."""
        return self.on_hand <= self.low_at


@dataclass(frozen=True)
class BlankMovement:
    """One line of its book."""

    movement_id: int
    profile: Profile
    kind: MovementKind
    quantity: int
    at: datetime
    by: str
    request_id: UUID | None
    note: str


def stocks(connection: Connection) -> list[BlankStock]:
    """Of both kinds."""
    rows = connection.execute(
        "SELECT l.profile, coalesce(sum(m.quantity), 0)::integer, l.low_at FROM card_blank_level l"
        " LEFT JOIN card_blank_movement m USING (profile) GROUP BY l.profile, l.low_at ORDER BY l.profile DESC"
    )
    found = [BlankStock(*row) for row in rows]
    known = {one.profile for one in found}
    missing: list[Profile] = [profile for profile in ("piv", "ntag424") if profile not in known]
    return found + [BlankStock(profile, 0, 0) for profile in missing]


def movements(connection: Connection, limit: int = 200) -> list[BlankMovement]:
    """The newest first."""
    rows = connection.execute(
        "SELECT movement_id, profile, kind, quantity, at, by, request_id, note FROM card_blank_movement"
        " ORDER BY movement_id DESC LIMIT %s",
        (limit,),
    )
    return [BlankMovement(*row) for row in rows]


def receive(connection: Connection, profile: Profile, quantity: int, note: str, doer: Doer) -> None:
    """Blank cards came.

    Raises:
        WorkRefusedError: not 1 to QUANTITY_MAX.
    """
    if not 1 <= quantity <= QUANTITY_MAX:
        raise WorkRefusedError("card_blank_quantity", f"{quantity} blank cards: expected 1 to {QUANTITY_MAX}")
    book(connection, profile, "received", quantity, doer, note=note)
    tell_desk(connection, "blanks")


def spoil(connection: Connection, profile: Profile, quantity: int, note: str, doer: Doer) -> None:
    """Blank cards that can't be used, such as bent ones; why is said.

    Raises:
        WorkRefusedError: more than there are, or nothing is said.
    """
    if not note.strip():
        raise WorkRefusedError("no_reason", "why the cards can't be used is not said")
    _lock(connection)
    if not 1 <= quantity <= _on_hand(connection, profile):
        raise WorkRefusedError("card_blank_quantity", f"{quantity} spoiled: expected 1 to what is there")
    book(connection, profile, "spoiled", -quantity, doer, note=note)
    tell_desk(connection, "blanks")


def count(connection: Connection, profile: Profile, counted: int, note: str, doer: Doer) -> int:
    """What is in the drawer; the difference is booked. How many more (or fewer) there were.

    Raises:
        WorkRefusedError: not 0 to QUANTITY_MAX.
    """
    if not 0 <= counted <= QUANTITY_MAX:
        raise WorkRefusedError("card_blank_quantity", f"{counted} blank cards: expected 0 to {QUANTITY_MAX}")
    _lock(connection)
    difference = counted - _on_hand(connection, profile)
    book(connection, profile, "counted", difference, doer, note=note)
    tell_desk(connection, "blanks")
    return difference


def warn_at(connection: Connection, profile: Profile, low_at: int) -> None:
    """From how many on there are few.

    Raises:
        WorkRefusedError: not 0 to QUANTITY_MAX.
    """
    if not 0 <= low_at <= QUANTITY_MAX:
        raise WorkRefusedError("card_blank_quantity", f"{low_at}: expected 0 to {QUANTITY_MAX}")
    connection.execute(
        "INSERT INTO card_blank_level (profile, low_at) VALUES (%s, %s)"
        " ON CONFLICT (profile) DO UPDATE SET low_at = excluded.low_at",
        (profile, low_at),
    )
    tell_desk(connection, "blanks")


def book(
    connection: Connection,
    profile: Profile,
    kind: MovementKind,
    quantity: int,
    doer: Doer,
    *,
    request_id: UUID | None = None,
    note: str = "",
) -> None:
    """One line. The stock may fall below nothing: a card that was used was there, whatever the book says."""
    connection.execute(
        "INSERT INTO card_blank_movement (profile, kind, quantity, at, by, request_id, note)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (profile, kind, quantity, doer.at, doer.username, request_id, storable(note)),
    )


def _lock(connection: Connection) -> None:
    connection.execute("LOCK TABLE card_blank_movement IN SHARE ROW EXCLUSIVE MODE")


def _on_hand(connection: Connection, profile: Profile) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(quantity), 0) FROM card_blank_movement WHERE profile = %s", (profile,)
    ).fetchone()
    return int(row[0]) if row else 0
