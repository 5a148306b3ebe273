"""Handing a finished card over, and taking it back. From the hand-over on the card is accepted everywhere.

One active card of each kind for a patient: the hand-over of a new one ends the one before, in the same transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID, uuid4

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.issuing.doer import Doer
from gateway.issuing.live import tell_desk
from gateway.issuing.making import log_use
from gateway.issuing.requests import (
    CardRequest,
    active_cards,
    lock_patient,
    move_request,
    read_request,
    require_state,
)
from gateway.people.keys import PeopleKeys
from gateway.people.sealing import key_id_of, seal, unseal
from gateway.stock.errors import WorkRefusedError
from gateway.taps.card_states import set_card_state, wake_status_list

ReceivedBy = Literal["patient", "guardian"]
SecondIdentifier = Literal["birth_date", "citizen_id", "insurance_number", "phone"]
IDENTIFIERS: Final[tuple[SecondIdentifier, ...]] = ("birth_date", "citizen_id", "insurance_number", "phone")
_COUNTER_BITS: Final = 24
_TABLE: Final = "card_receipt"


@dataclass(frozen=True)
class Receipt:
    """Who took the card, and how it was made sure that it is theirs."""

    received_by: ReceivedBy
    name: str
    """As it stands under the signature; kept with the hand-over."""
    second_identifier: SecondIdentifier
    """What was asked for and compared with the papers, besides the name."""
    matched: bool
    """Whether it was right."""
    signed: bool
    """Whether they signed for it."""


def hand_over(connection: Connection, request_id: UUID, receipt: Receipt, *, child: bool, doer: Doer) -> CardRequest:
    """The card is the patient's from now on; a card of the same kind that was active is replaced.

    Args:
        connection: in a transaction.
        request_id: whose card is finished and printed.
        receipt: who takes it.
        child: the patient is younger than `people.person.GUARDIAN_UNDER_YEARS`, or nobody knows.
        doer: who hands it over, and when.

    Raises:
        WorkRefusedError: not printed yet, the second identifier did not match, no signature, a child without guardian.
    """
    request = read_request(connection, request_id, lock=True)
    require_state(request, "printed")
    _check(receipt, child=child)
    lock_patient(connection, request.patient_id)
    assert request.card_id is not None  # noqa: S101 - the table holds it for a printed one
    replaced = [one for one in active_cards(connection, request.patient_id, request.profile) if one != request.card_id]
    for card_id in replaced:
        set_card_state(connection, card_id, "replaced", doer.username, f"card {request.card_number}", at=doer.at)
    _activate(connection, request, doer)
    log_use(connection, request.card_id, "handed_over", "clerk", doer.at)
    move_request(
        connection,
        request,
        "handed_over",
        doer,
        step="handed_over",
        received_by=receipt.received_by,
        second_identifier=receipt.second_identifier,
        replaced=replaced,
    )
    return read_request(connection, request_id)


def keep_receipt(connection: Connection, keys: PeopleKeys, request_id: UUID, receipt: Receipt, doer: Doer) -> None:
    """Keep who took the card; the name is sealed."""
    receipt_id = uuid4()
    sealed = seal(keys, _TABLE, "name", receipt_id, storable(receipt.name.strip()).encode())
    connection.execute(
        "INSERT INTO card_receipt (receipt_id, request_id, at, by, received_by, name_sealed, sealed_with,"
        " second_identifier) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(receipt_id, request_id, doer.at, doer.username, receipt.received_by, sealed, key_id_of(sealed)),
            receipt.second_identifier,
        ),
    )


@dataclass(frozen=True)
class KeptReceipt:
    """Who took a card."""

    at: datetime
    by: str
    received_by: ReceivedBy
    name: str
    second_identifier: SecondIdentifier


def receipts_of(connection: Connection, keys: PeopleKeys, request_id: UUID) -> list[KeptReceipt]:
    """The newest first.

    Raises:
        SealError: a name does not open.
    """
    rows = connection.execute(
        "SELECT receipt_id, at, by, received_by, name_sealed, second_identifier FROM card_receipt"
        " WHERE request_id = %s ORDER BY at DESC",
        (request_id,),
    )
    return [
        KeptReceipt(at, by, received_by, unseal(keys, _TABLE, "name", receipt_id, bytes(sealed)).decode(), identifier)
        for receipt_id, at, by, received_by, sealed, identifier in rows
    ]


def _check(receipt: Receipt, *, child: bool) -> None:
    if not receipt.matched:
        raise WorkRefusedError("card_identifier_differs", "the second identifier did not match: keep the card here")
    if child and receipt.received_by != "guardian":
        raise WorkRefusedError("card_guardian_missing", "a child's card is given to the guardian")
    if not receipt.signed or not receipt.name.strip():
        raise WorkRefusedError("card_not_signed", "who takes the card has not signed for it")


def _activate(connection: Connection, request: CardRequest, doer: Doer) -> None:
    known = connection.execute("SELECT state FROM card WHERE card_id = %s", (request.card_id,)).fetchone()
    if known is not None:  # it was taken back before
        set_card_state(connection, str(request.card_id), "active", doer.username, "handed over again", at=doer.at)
        return
    connection.execute(
        "INSERT INTO card (card_id, patient_id, state, state_changed_at, profile, key_version, issued_at, valid_until,"
        " state_changed_by, state_reason) VALUES (%s, %s, 'active', %s, %s, %s, %s, %s, %s, 'handed over')",
        (
            *(request.card_id, request.patient_id, doer.at, request.profile, request.key_version, doer.at),
            *(request.valid_until, doer.username),
        ),
    )
    if request.profile == "ntag424":
        _leave_addresses_behind(connection, request, doer)
    wake_status_list(connection)


def _leave_addresses_behind(connection: Connection, request: CardRequest, doer: Doer) -> None:
    """What the card showed at the desk is never accepted: somebody may have kept it."""
    connection.execute(
        "INSERT INTO sun_counter (card_id, highest, highest_at)"
        " SELECT card_id, (key_version::bigint << %s) + tag_counter, %s FROM card_request WHERE request_id = %s"
        " ON CONFLICT (card_id) DO UPDATE SET highest = greatest(sun_counter.highest, excluded.highest)",
        (_COUNTER_BITS, doer.at, request.request_id),
    )


def take_back(connection: Connection, request_id: UUID, why: str, doer: Doer) -> CardRequest:
    """The card is at the desk again, and not accepted until it is handed over again.

    A card that it replaced stays replaced.

    Raises:
        WorkRefusedError: it was not handed over, or no reason is given; the card's state does not allow it.
    """
    request = read_request(connection, request_id, lock=True)
    require_state(request, "handed_over")
    if not why.strip():
        raise WorkRefusedError("no_reason", "why the card was taken back is not said")
    card_id = str(request.card_id)
    for state in ("lost", "found"):
        set_card_state(connection, card_id, state, doer.username, f"taken back: {why}"[:300], at=doer.at)
    move_request(connection, request, "printed", doer, step="taken_back", why=why)
    tell_desk(connection, "card", card_id=card_id)
    return read_request(connection, request_id)
