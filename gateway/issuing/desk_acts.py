"""What a person at the desk does with a card that lies on a station: PIN, emergency record, wiping, putting aside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from cards import piv_pin
from cards.card_state import CardState
from cards.issuing.piv_personalisation import unblock_pin, wipe_piv, write_emergency_record
from cards.ntag424.personalisation import wipe as wipe_tag
from cards.piv import PivCardApplication
from cards.processors import processor_for
from cards.status_words import AuthenticationBlockedError, WrongPinError
from gateway.db.pool import Connection
from gateway.issuing import chips
from gateway.issuing.chips import SeenCard
from gateway.issuing.doer import Doer
from gateway.issuing.holder_log import Written, write_holder_log
from gateway.issuing.keyring import IssuingSecrets
from gateway.issuing.looking import look
from gateway.issuing.making import Making, log_use
from gateway.issuing.relay import CardOnStation
from gateway.issuing.requests import CardRequest, add_step, find_requests, move_request, read_request, require_state
from gateway.issuing.stations import put_off
from gateway.stock.errors import WorkRefusedError

ConsentBy = Literal["patient", "guardian"]
_OPEN: Final = ("personalising", "personalised", "printed")


@dataclass(frozen=True)
class PinChange:
    """A new PIN, and who agreed to it. It holds a PIN, and so has no printable form."""

    new_pin: str
    consent_by: ConsentBy
    old_pin: str = ""
    """Empty: it was forgotten or is blocked, and the card is unblocked by the hospital's key."""

    def __repr__(self) -> str:
        """Without the PIN."""
        return "PinChange()"


@dataclass(frozen=True)
class Desk:
    """What these acts need."""

    making: Making
    secrets: Callable[[], IssuingSecrets]

    def look(self, card: CardOnStation) -> SeenCard:
        """What lies there.

        Raises:
            CardGoneError: it was taken away.
        """
        return look(card, self.secrets(), self.making.address, card.uid, self.making.clock())

    def pin_tries(self, card: CardOnStation) -> int | None:
        """How often the PIN may still be wrong.

        Raises:
            CardError: the card does not say.
        """
        processor = processor_for(card)
        PivCardApplication.select(processor)
        return piv_pin.tries_left(processor)

    def set_pin(self, card: CardOnStation, card_id: str, change: PinChange, doer: Doer) -> int | None:
        """A new PIN with all its tries. Tries left, if the old one was wrong; None: it is changed.

        Raises:
            WorkRefusedError: another card lies there, it is no PIV card of ours, the old PIN is wrong or blocked.
            CardGoneError: it was taken away: which PIN it has now is found by trying.
        """
        request = self._held(card_id)
        for pin in (change.new_pin, change.old_pin or change.new_pin):
            if not _is_pin(pin):
                raise WorkRefusedError("card_pin_form", "a PIN has six to eight digits")
        self._require(card, card_id, "piv")
        try:
            if change.old_pin:
                processor = processor_for(card)
                PivCardApplication.select(processor)
                piv_pin.change(processor, change.old_pin, change.new_pin)
            else:
                unblock_pin(card, self.secrets().piv_issuer, change.new_pin)
        except WrongPinError as error:
            code = "card_pin_wrong" if change.old_pin else "card_puk_wrong"
            raise WorkRefusedError(code, "the PIN is wrong", count=error.tries_left) from None
        except AuthenticationBlockedError:
            code = "card_pin_blocked" if change.old_pin else "card_puk_blocked"
            raise WorkRefusedError(code, "no tries are left") from None
        self._note(request, card_id, "pin", doer, step="pin_set", consent_by=change.consent_by)
        return None

    def update_record(self, card: CardOnStation, card_id: str, consent_by: ConsentBy, doer: Doer) -> Written:
        """Write the emergency record as it is known now, and the access log with it.

        Raises:
            WorkRefusedError: another card lies there, or nothing is known that could stand in a record.
            CardGoneError: it was taken away.
        """
        request = self._held(card_id)
        self._require(card, card_id, "piv")
        sealed = self.making.seal_record(request.patient_id, card_id)
        if not sealed:
            raise WorkRefusedError("card_record_missing", "no emergency data of this patient")
        secrets = self.secrets()
        write_emergency_record(card, secrets.piv_issuer, lambda _guid: sealed)
        self._note(request, card_id, "emergency", doer, step="record_written", consent_by=consent_by)
        return write_holder_log(self.making.pool, card, secrets, card_id)

    def wipe(self, card: CardOnStation, why: str, doer: Doer) -> CardRequest | None:
        """Make the card blank again; its request waits for another blank, or for the same one.

        A card that was handed over is not wiped here: bar it first, and then its chip goes to the shredder.

        Raises:
            WorkRefusedError: it was handed over, or is none of ours.
            CardGoneError: it was taken away; the same card goes on being wiped.
        """
        secrets = self.secrets()
        seen = self.look(card)
        if seen.profile is None or seen.state is None:
            raise WorkRefusedError("card_foreign_keys", "the card's keys are neither ours nor the maker's")
        with self.making.pool.connection() as connection:
            chip = chips.chip_of_card(connection, seen.card_id) if seen.card_id else None
            request = read_request(connection, chip.request_id, lock=True) if chip else None
            if request is not None:
                require_state(request, "personalising", "personalised", "printed")
            elif seen.state is CardState.ISSUED:
                raise WorkRefusedError("card_of_nobody", f"card {seen.card_id} is issued, and no request knows it")
        if seen.profile == "piv":
            wipe_piv(card, secrets.piv_issuer)
        else:
            wipe_tag(card, secrets.tag_masters)
        if chip is None or request is None:
            return None
        with self.making.pool.connection() as connection:
            chips.end_chip(connection, chip, request.profile, doer, wiped=True, why=why)
            return back_to_requested(self.making, connection, request.request_id, doer)

    def spoiled(self, request_id: UUID, why: str, doer: Doer) -> CardRequest:
        """The chip that was begun for it can't be used; the request waits for another blank. No card is needed.

        Raises:
            WorkRefusedError: nothing was begun, or it was handed over; no reason.
        """
        if not why.strip():
            raise WorkRefusedError("no_reason", "why the card can't be used is not said")
        with self.making.pool.connection() as connection:
            request = read_request(connection, request_id, lock=True)
            require_state(request, *_OPEN)
            for chip in chips.chips_of_request(connection, request_id):
                chips.end_chip(connection, chip, request.profile, doer, wiped=False, why=why)
            return back_to_requested(self.making, connection, request_id, doer)

    def _require(self, card: CardOnStation, card_id: str, profile: str) -> None:
        seen = self.look(card)
        if seen.card_id != card_id:
            raise WorkRefusedError("card_is_another", f"card {seen.card_id or 'without number'} lies there")
        if seen.profile != profile or seen.state not in {CardState.ISSUED, CardState.UNFINISHED}:
            raise WorkRefusedError("card_not_issued", f"the card is {seen.state}, expected an issued {profile} card")

    def _held(self, card_id: str) -> CardRequest:
        with self.making.pool.connection() as connection:
            found = find_requests(connection, states=("personalised", "printed", "handed_over"), card_id=card_id)
        if not found:
            raise WorkRefusedError("card_of_nobody", f"card {card_id}: no request knows it")
        return found[-1]

    def _note(
        self, request: CardRequest, card_id: str, act: str, doer: Doer, *, step: str, consent_by: ConsentBy
    ) -> None:
        with self.making.pool.connection() as connection:
            log_use(connection, card_id, act, "card_issuer", doer.at)
            add_step(connection, request.request_id, step, doer, consent_by=consent_by)


def back_to_requested(making: Making, connection: Connection, request_id: UUID, doer: Doer) -> CardRequest:
    """It waits for a blank card."""
    request = read_request(connection, request_id, lock=True)
    move_request(connection, request, "requested", doer, step="waits_again")
    connection.execute(
        "UPDATE card_request SET card_id = NULL, key_version = NULL, certificate_der = NULL, tag_counter = NULL,"
        " valid_from = NULL, valid_until = NULL WHERE request_id = %s",
        (request_id,),
    )
    connection.execute(
        "UPDATE card_batch_item SET state = 'waiting', changed_at = %s WHERE request_id = %s AND state = 'done'"
        " AND batch_id IN (SELECT batch_id FROM card_batch WHERE state IN ('ready', 'running', 'paused'))",
        (making.clock(), request_id),
    )
    put_off(connection, request_id=request_id)
    return read_request(connection, request_id)


def _is_pin(pin: str) -> bool:
    try:
        piv_pin.check_pin(pin)
    except ValueError:
        return False
    return True
