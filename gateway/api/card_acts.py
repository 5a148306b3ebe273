"""The acts of the issuing desk, once for programs (JSON) and for pages (forms): who may, what is told, what is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from fastapi import Request

from gateway.api import card_models as told
from gateway.api.card_models import ActDone, Told
from gateway.api.card_stations import issuing_of
from gateway.api.web import web_of
from gateway.api.work_kit import now_of, zone_of
from gateway.db.pool import Connection
from gateway.issuing import batches, blanks, prints, requests, stations
from gateway.issuing.desk_acts import PinChange
from gateway.issuing.doer import Doer
from gateway.issuing.handing_over import Receipt, hand_over, keep_receipt, take_back
from gateway.issuing.lifecycle import report
from gateway.issuing.requests import CardRequest, NewRequest
from gateway.people.people import People
from gateway.people.person import GUARDIAN_UNDER_YEARS, Reader
from gateway.services.roles import CARD_DESK_ROLES, CARD_MAKING_ROLES, Role
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError

PURPOSE: Final = "card"


@dataclass(frozen=True)
class Asked:
    """One act: who asks, and with what."""

    request: Request
    person: SignedIn
    doer: Doer
    connection: Connection

    @property
    def people(self) -> People:
        """Who patients are."""
        return web_of(self.request).services.people

    @property
    def reader(self) -> Reader:
        """This person, reading for the sake of a card."""
        return Reader(self.person.username, PURPOSE, source=self.request.url.path)


@dataclass(frozen=True)
class Act:
    """One kind."""

    model: type[Told]
    roles: frozenset[Role]
    do: Callable[[Asked, Any], ActDone]
    summary: str


def perform(request: Request, person: SignedIn, act: Act, body: Told) -> ActDone:
    """In one transaction. What talks to a card comes after it has been committed, or opens its own.

    Raises:
        WarehouseError: refused, nothing was changed.
    """
    with web_of(request).services.pool.connection() as connection:
        return act.do(Asked(request, person, Doer(person.username, now_of(request)), connection), body)


def _of(request: CardRequest, **more: Any) -> ActDone:  # noqa: ANN401 - members of ActDone
    page = f"/cards/requests/{request.request_id}"
    return ActDone(
        page=page, request_id=request.request_id, card_number=request.card_number, state=request.state, **more
    )


def _ask(asked: Asked, body: told.AskForCard) -> ActDone:
    patient_id = body.patient_id
    if patient_id is None:
        patient_id = asked.people.find_exact(asked.connection, "patient_number", body.patient_number)
    if patient_id is None:
        raise WorkNotFoundError("no_patient_number", "no patient has this number", number=body.patient_number)
    new = NewRequest(body.request_id, patient_id, body.profile, body.reason, body.urgent, body.note)
    return _of(requests.create_request(asked.connection, new, asked.doer))


def _cancel(asked: Asked, body: told.WithReason) -> ActDone:
    return _of(requests.cancel_request(asked.connection, body.request_id, body.why, asked.doer))


def _personalise(asked: Asked, body: told.AtStation) -> ActDone:
    request = requests.read_request(asked.connection, body.request_id, lock=True)
    requests.require_state(request, "requested", "personalising")
    station = stations.read_station(asked.connection, body.station_id, lock=True)
    if station.task == "batch":
        raise WorkRefusedError("card_station_task", f"station {station.name} is at a batch", text=station.name)
    issuing = issuing_of(asked.request)
    issuing.keyring.secrets()
    stations.put_off(asked.connection, request_id=request.request_id)
    stations.set_task(asked.connection, body.station_id, asked.doer.username, request_id=request.request_id)
    asked.connection.commit()
    issuing.hub.again(body.station_id)
    return _of(request)


def _put_off(asked: Asked, body: told.OfRequest) -> ActDone:
    stations.put_off(asked.connection, request_id=body.request_id)
    return _of(requests.read_request(asked.connection, body.request_id))


def _spoiled(asked: Asked, body: told.WithReason) -> ActDone:
    return _of(issuing_of(asked.request).desk.spoiled(body.request_id, body.why, asked.doer))


def _wipe(asked: Asked, body: told.WipeCard) -> ActDone:
    issuing = issuing_of(asked.request)
    asked.connection.commit()
    wiped = issuing.hub.do(body.station_id, lambda card: issuing.desk.wipe(card, body.why, asked.doer))
    issuing.hub.again(body.station_id)
    return _of(wiped) if wiped else ActDone(page="/cards")


def _print(asked: Asked, body: told.WithReason) -> ActDone:
    ordered = prints.order_print(asked.connection, body.request_id, body.why, asked.doer)
    request = requests.read_request(asked.connection, body.request_id)
    return _of(request, pdf=f"/cards/prints/{ordered.print_id}.pdf")


def _hand_over(asked: Asked, body: told.HandOver) -> ActDone:
    request = requests.read_request(asked.connection, body.request_id)
    receipt = Receipt(body.received_by, body.name, body.second_identifier, body.matched, body.signed)
    child = _is_child(asked, request.patient_id)
    done = hand_over(asked.connection, body.request_id, receipt, child=child, doer=asked.doer)
    keep_receipt(asked.connection, asked.people.keys, body.request_id, receipt, asked.doer)
    return _of(done)


def _is_child(asked: Asked, patient_id: UUID) -> bool:
    patient = asked.people.read_one(asked.connection, patient_id, asked.reader)
    if patient.birth_date is None:
        return True
    today = asked.doer.at.astimezone(zone_of(asked.request)).date()
    born = patient.birth_date
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) < GUARDIAN_UNDER_YEARS


def _take_back(asked: Asked, body: told.WithReason) -> ActDone:
    return _of(take_back(asked.connection, body.request_id, body.why, asked.doer))


def _report(asked: Asked, body: told.OfCard) -> ActDone:
    card = report(asked.connection, body.card_id, body.what, body.why, asked.doer)
    return ActDone(page=f"/cards/held/{card.card_id}", card_number=card.card_number, state=card.state)


def _pin(asked: Asked, body: told.NewPin) -> ActDone:
    if not body.consent:
        raise WorkRefusedError("card_consent_missing", "the holder has not agreed")
    if body.again is not None and body.again != body.new_pin:
        raise WorkRefusedError("card_pin_differs", "the PIN was typed differently the second time")
    issuing = issuing_of(asked.request)
    change = PinChange(body.new_pin, body.consent_by, body.old_pin)
    asked.connection.commit()
    issuing.hub.do(body.station_id, lambda card: issuing.desk.set_pin(card, body.card_id, change, asked.doer))
    return ActDone(page=f"/cards/held/{body.card_id}", state="pin_set")


def _record(asked: Asked, body: told.WriteRecord) -> ActDone:
    if not body.consent:
        raise WorkRefusedError("card_consent_missing", "the holder has not agreed")
    issuing = issuing_of(asked.request)
    asked.connection.commit()
    issuing.hub.do(
        body.station_id, lambda card: issuing.desk.update_record(card, body.card_id, body.consent_by, asked.doer)
    )
    return ActDone(page=f"/cards/held/{body.card_id}", state="record_written")


def _new_station(asked: Asked, body: told.NewStation) -> ActDone:
    base_url = web_of(asked.request).services.config.base_url
    _, link = stations.make_station(asked.connection, body.name, body.place_id, base_url, asked.doer)
    return ActDone(page="/cards/stations", link=link)


def _new_link(asked: Asked, body: told.OfStation) -> ActDone:
    base_url = web_of(asked.request).services.config.base_url
    link = stations.new_link(asked.connection, body.station_id, base_url, asked.doer.at)
    asked.connection.commit()
    issuing_of(asked.request).hub.drop(body.station_id)
    return ActDone(page="/cards/stations", link=link)


def _revoke(asked: Asked, body: told.OfStation) -> ActDone:
    stations.revoke(asked.connection, body.station_id, asked.doer)
    asked.connection.commit()
    issuing_of(asked.request).hub.drop(body.station_id)
    return ActDone(page="/cards/stations")


def _blanks(act: Callable[..., object]) -> Callable[[Asked, told.Blanks], ActDone]:
    def do(asked: Asked, body: told.Blanks) -> ActDone:
        act(asked.connection, body.profile, body.quantity, body.why, asked.doer)
        return ActDone(page="/cards/blanks")

    return do


def _level(asked: Asked, body: told.Blanks) -> ActDone:
    blanks.warn_at(asked.connection, body.profile, body.quantity)
    return ActDone(page="/cards/blanks")


def _of_batch(batch: batches.Batch) -> ActDone:
    return ActDone(page=f"/cards/batches/{batch.batch_number}", batch_number=batch.batch_number, state=batch.state)


def _new_batch(asked: Asked, body: told.NewBatch) -> ActDone:
    name = batches.BatchName(body.batch_id, body.title)
    if body.of == "old_keys":
        current = issuing_of(asked.request).keyring.secrets().current
        return _of_batch(batches.make_rekey_batch(asked.connection, name, body.profile, current, asked.doer))
    if body.of == "patients":
        wanted = [NewRequest(_made_of(body.batch_id, one), one, body.profile, body.reason) for one in body.patient_ids]
        return _of_batch(batches.make_new_batch(asked.connection, name, wanted, asked.doer))
    waiting = requests.find_requests(asked.connection, states=("requested", "personalising"), limit=batches.ITEMS_MAX)
    ids = [one.request_id for one in waiting if one.profile == body.profile]
    return _of_batch(batches.make_batch_of_requests(asked.connection, name, ids, asked.doer))


def _made_of(batch_id: UUID, patient_id: UUID) -> UUID:
    """The same batch told again makes the same requests."""
    return UUID(int=batch_id.int ^ patient_id.int)


def _begin_batch(asked: Asked, body: told.BatchAtStation) -> ActDone:
    issuing = issuing_of(asked.request)
    issuing.keyring.secrets()
    done = batches.begin_batch(asked.connection, body.batch_id, body.station_id, asked.doer)
    asked.connection.commit()
    issuing.hub.again(body.station_id)
    return _of_batch(done)


def _pause_batch(asked: Asked, body: told.OfBatch) -> ActDone:
    return _of_batch(batches.pause_batch(asked.connection, body.batch_id, asked.doer))


def _cancel_batch(asked: Asked, body: told.OfBatch) -> ActDone:
    return _of_batch(batches.cancel_batch(asked.connection, body.batch_id, asked.doer))


def _skip(asked: Asked, body: told.BatchItemOut) -> ActDone:
    return _of_batch(batches.skip_item(asked.connection, body.batch_id, body.position, body.why, asked.doer))


_DESK, _MAKING = CARD_DESK_ROLES, CARD_MAKING_ROLES
ACTS: Final[Mapping[str, Act]] = MappingProxyType(
    {
        "ask": Act(told.AskForCard, _DESK, _ask, "Ask for a card"),
        "cancel": Act(told.WithReason, _DESK, _cancel, "Give a request up"),
        "personalise": Act(told.AtStation, _MAKING, _personalise, "Make the card at a station"),
        "put-off": Act(told.OfRequest, _MAKING, _put_off, "Do not make it now"),
        "spoiled": Act(told.WithReason, _MAKING, _spoiled, "The card that was begun can't be used"),
        "wipe": Act(told.WipeCard, _MAKING, _wipe, "Make the card on a station blank again"),
        "print": Act(told.WithReason, _DESK, _print, "Print the card's face; again only with a reason"),
        "hand-over": Act(told.HandOver, _DESK, _hand_over, "Hand the card over"),
        "take-back": Act(told.WithReason, _DESK, _take_back, "Take a card back that was handed over"),
        "report": Act(told.OfCard, _DESK, _report, "Lost, stolen, found, back, withdrawn"),
        "pin": Act(told.NewPin, _DESK, _pin, "Set, change or unblock the PIN of the card on a station"),
        "record": Act(told.WriteRecord, _DESK, _record, "Write the emergency record of the card on a station anew"),
        "new-station": Act(told.NewStation, _MAKING, _new_station, "A new station, with its one-time link"),
        "new-link": Act(told.OfStation, _MAKING, _new_link, "Another one-time link; the old token is worth nothing"),
        "revoke-station": Act(told.OfStation, _MAKING, _revoke, "Never let a station in again"),
        "receive-blanks": Act(told.Blanks, _MAKING, _blanks(blanks.receive), "Blank cards came"),
        "count-blanks": Act(told.Blanks, _MAKING, _blanks(blanks.count), "So many blank cards are there"),
        "spoil-blanks": Act(told.Blanks, _MAKING, _blanks(blanks.spoil), "Blank cards can't be used"),
        "level-of-blanks": Act(told.Blanks, _MAKING, _level, "From how many on blank cards are few"),
        "new-batch": Act(told.NewBatch, _MAKING, _new_batch, "A batch of cards"),
        "begin-batch": Act(told.BatchAtStation, _MAKING, _begin_batch, "Go on with a batch at a station"),
        "pause-batch": Act(told.OfBatch, _MAKING, _pause_batch, "Put a batch off"),
        "cancel-batch": Act(told.OfBatch, _MAKING, _cancel_batch, "Give a batch up; its requests stay"),
        "skip-card": Act(told.BatchItemOut, _MAKING, _skip, "Leave a card of a batch out"),
    }
)
