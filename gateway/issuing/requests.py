"""Requests for cards: one is one card for one patient, from the asking to the hand-over, with who did what when.

requested ──► personalising ──► personalised ──► printed ──► handed_over
    ▲               │ interrupted: goes on with       │            │
    │               │ the same chip, or is wiped      │            ▼ taken back: printed again
    └───────────────┴──── wiped, or spoiled ──────────┘
    └──► cancelled, from any state before handed_over in which no chip is ours
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.issuing.card_number import draw_card_number
from gateway.issuing.doer import Doer
from gateway.issuing.live import tell_desk
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError
from gateway.taps.card_states import set_card_state

Profile = Literal["piv", "ntag424"]
PROFILES: Final[tuple[Profile, ...]] = ("piv", "ntag424")
Reason = Literal["first", "lost", "damaged", "expired", "replaced"]
REASONS: Final[tuple[Reason, ...]] = ("first", "lost", "damaged", "expired", "replaced")
State = Literal["requested", "personalising", "personalised", "printed", "handed_over", "cancelled"]
OPEN_STATES: Final[tuple[State, ...]] = ("requested", "personalising", "personalised", "printed")
_PATIENT_LOCK: Final = 7203026
"""First half of the advisory lock of one patient's cards: two desks can't hand over at the same time."""


@dataclass(frozen=True)
class NewRequest:
    """What is asked for. The id is the client's: sent again, it is the same request."""

    request_id: uuid.UUID
    patient_id: uuid.UUID
    profile: Profile
    reason: Reason
    urgent: bool = False
    note: str = ""


@dataclass(frozen=True)
class CardRequest:
    """One request as it stands."""

    request_id: uuid.UUID
    card_number: str
    patient_id: uuid.UUID
    profile: Profile
    reason: Reason
    urgent: bool
    note: str
    state: State
    requested_by: str
    requested_at: datetime
    changed_at: datetime
    card_id: str | None
    key_version: int | None
    valid_from: date | None
    valid_until: date | None


@dataclass(frozen=True)
class Step:
    """Something that was done for a request."""

    step: str
    at: datetime
    by: str
    detail: Mapping[str, Any]


_COLUMNS: Final = (
    "request_id, card_number, patient_id, profile, reason, urgent, note, state, requested_by, requested_at, changed_at,"
    " card_id, key_version, valid_from, valid_until"
)


def create_request(connection: Connection, new: NewRequest, doer: Doer) -> CardRequest:
    """Ask for a card. Where the old one was lost, it is barred in the same transaction.

    Raises:
        WorkNotFoundError: no such patient.
        WorkConflictError: the id is known with other content.
        WorkRefusedError: the patient has an open request of this kind, or an active card and this is to be the first.
    """
    patient_id = canonical_patient(connection, new.patient_id)
    lock_patient(connection, patient_id)
    known = connection.execute(
        "SELECT patient_id, profile, reason FROM card_request WHERE request_id = %s", (new.request_id,)
    ).fetchone()
    if known is not None:
        if tuple(known) != (patient_id, new.profile, new.reason):
            raise WorkConflictError("id_conflict", f"request {new.request_id} is saved with other content")
        return read_request(connection, new.request_id)
    _refuse_second(connection, patient_id, new)
    connection.execute(
        "INSERT INTO card_request (request_id, card_number, patient_id, profile, reason, urgent, note, requested_by,"
        " requested_at, changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(new.request_id, _free_number(connection), patient_id, new.profile, new.reason, new.urgent),
            *(storable(new.note), doer.username, doer.at, doer.at),
        ),
    )
    add_step(connection, new.request_id, "requested", doer, reason=new.reason)
    if new.reason == "lost":
        for card_id in active_cards(connection, patient_id, new.profile):
            set_card_state(
                connection, card_id, "lost", doer.username, f"card desk: request {new.request_id}", at=doer.at
            )
    tell_desk(connection, "request", request_id=str(new.request_id))
    return read_request(connection, new.request_id)


def _refuse_second(connection: Connection, patient_id: uuid.UUID, new: NewRequest) -> None:
    waiting = connection.execute(
        "SELECT card_number, state FROM card_request WHERE patient_id = %s AND profile = %s AND state = ANY(%s)",
        (patient_id, new.profile, list(OPEN_STATES)),
    ).fetchone()
    if waiting is not None:
        raise WorkRefusedError(
            "card_request_open",
            f"request {waiting[0]} is {waiting[1]}: finish or cancel it first",
            number=waiting[0],
            state=waiting[1],
        )
    if new.reason == "first" and active_cards(connection, patient_id, new.profile):
        raise WorkRefusedError("card_exists", "the patient has an active card: say what became of it")


def canonical_patient(connection: Connection, patient_id: uuid.UUID) -> uuid.UUID:
    """Who this is after merges.

    Raises:
        WorkNotFoundError: no such patient.
    """
    row = connection.execute(
        "WITH RECURSIVE one AS (SELECT patient_id, merged_into FROM patient WHERE patient_id = %s UNION"
        " SELECT p.patient_id, p.merged_into FROM patient p JOIN one ON p.patient_id = one.merged_into)"
        " SELECT patient_id FROM one WHERE merged_into IS NULL",
        (patient_id,),
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("unknown_patient", f"patient {patient_id}: not known here")
    found: uuid.UUID = row[0]
    return found


def lock_patient(connection: Connection, patient_id: uuid.UUID) -> None:
    """Nobody else changes this patient's cards until the commit."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(%s, %s)",
        (_PATIENT_LOCK, int.from_bytes(patient_id.bytes[:4], "big", signed=True)),
    )


def active_cards(connection: Connection, patient_id: uuid.UUID, profile: Profile) -> list[str]:
    """The patient's cards of this kind that are accepted now."""
    rows = connection.execute(
        "SELECT card_id FROM card WHERE patient_id = %s AND profile = %s AND state = 'active' FOR UPDATE",
        (patient_id, profile),
    )
    return [row[0] for row in rows]


def _free_number(connection: Connection) -> str:
    while True:
        number = draw_card_number()
        if connection.execute("SELECT FROM card_request WHERE card_number = %s", (number,)).fetchone() is None:
            return number


def read_request(connection: Connection, request_id: uuid.UUID, *, lock: bool = False) -> CardRequest:
    """One request; locked until the commit, if it is to be changed.

    Raises:
        WorkNotFoundError: there is none of this id.
    """
    if lock:
        connection.execute("SELECT FROM card_request WHERE request_id = %s FOR UPDATE", (request_id,))
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM card_request WHERE request_id = %s".encode(),  # noqa: S608 - our own columns
        (request_id,),
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("card_request_unknown", f"card request {request_id}: there is none")
    return CardRequest(*row)


def find_requests(
    connection: Connection,
    *,
    states: tuple[State, ...] = OPEN_STATES,
    patient_id: uuid.UUID | None = None,
    card_id: str | None = None,
    card_number: str | None = None,
    limit: int = 200,
) -> list[CardRequest]:
    """The urgent ones first, then in the order of their coming."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM card_request WHERE state = ANY(%(states)s)"  # noqa: S608 - our own columns
        " AND (%(patient)s::uuid IS NULL OR patient_id = %(patient)s)"
        " AND (%(card)s::text IS NULL OR card_id = %(card)s)"
        " AND (%(number)s::text IS NULL OR card_number = %(number)s)"
        " ORDER BY urgent DESC, requested_at, request_id LIMIT %(limit)s".encode(),
        {"states": list(states), "patient": patient_id, "card": card_id, "number": card_number, "limit": limit},
    )
    return [CardRequest(*row) for row in rows]


def cancel_request(connection: Connection, request_id: uuid.UUID, why: str, doer: Doer) -> CardRequest:
    """Give a request up, as long as no chip is on its way.

    Raises:
        WorkRefusedError: a chip has something of ours on it (wipe it or book it as spoiled first), or it is too late.
    """
    request = read_request(connection, request_id, lock=True)
    require_state(request, "requested")
    move_request(connection, request, "cancelled", doer, step="cancelled", why=why)
    return read_request(connection, request_id)


def require_state(request: CardRequest, *states: State) -> None:
    """Refuse what does not fit the request's state.

    Raises:
        WorkRefusedError: it is in another one.
    """
    if request.state not in states:
        raise WorkRefusedError(
            "card_request_state",
            f"request {request.card_number} is {request.state}: expected {' or '.join(states)}",
            number=request.card_number,
            state=request.state,
        )


def move_request(
    connection: Connection, request: CardRequest, state: State, doer: Doer, *, step: str, **detail: object
) -> None:
    """Bring it to a state, and write down who did that."""
    connection.execute(
        "UPDATE card_request SET state = %s, changed_at = %s WHERE request_id = %s",
        (state, doer.at, request.request_id),
    )
    add_step(connection, request.request_id, step, doer, **detail)
    tell_desk(connection, "request", request_id=str(request.request_id))


def add_step(connection: Connection, request_id: uuid.UUID, step: str, doer: Doer, **detail: object) -> None:
    """Write down what was done; never a secret, never a name of a patient."""
    kept = {name: storable(value) if isinstance(value, str) else value for name, value in detail.items()}
    connection.execute(
        "INSERT INTO card_request_step (request_id, step, at, by, detail) VALUES (%s, %s, %s, %s, %s)",
        (request_id, step, doer.at, doer.username, Jsonb(kept)),
    )


def steps_of(connection: Connection, request_id: uuid.UUID) -> list[Step]:
    """What was done, the oldest first."""
    rows = connection.execute(
        "SELECT step, at, by, detail FROM card_request_step WHERE request_id = %s ORDER BY step_id", (request_id,)
    )
    return [Step(*row) for row in rows]
