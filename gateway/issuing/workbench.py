"""What a station does with the card on it: look at it, make it a request's card, or the next of a batch.

It shows each step where the pages see it, and ends with an outcome: a code with its facts, said by the pages in the
reader's language.
"""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg

from cards.card_state import CardState
from cards.errors import CardError, CardGoneError
from cards.issuing.signer import SignerError
from gateway.db.pool import Connection, Pool
from gateway.issuing import batches, stations
from gateway.issuing.chips import SeenCard, chip_of_card
from gateway.issuing.doer import Doer
from gateway.issuing.holder_log import write_holder_log
from gateway.issuing.hub import refused
from gateway.issuing.keyring import IssuingSecrets, Keyring
from gateway.issuing.looking import look
from gateway.issuing.making import Making, make_card, note_interrupted
from gateway.issuing.rekeying import Doing, rekey
from gateway.issuing.relay import CardOnStation, Relay
from gateway.issuing.requests import read_request
from gateway.issuing.stations import Station
from gateway.stock.errors import WarehouseError

Showing = dict[str, Any]
_DONE: Final = frozenset({"personalised", "printed", "handed_over"})


@dataclass(frozen=True)
class Workbench:
    """Satisfies `gateway.issuing.hub.Bench`. Called by one thread for each station."""

    pool: Pool
    clock: Callable[[], datetime]
    keyring: Keyring
    making: Making

    def connected(self, station_id: uuid.UUID, *, there: bool) -> None:
        """It came, or went."""
        with self.pool.connection() as connection:
            stations.set_connected(connection, station_id, self.clock(), connected=there)

    def card_went(self, station_id: uuid.UUID) -> None:
        """Keep what came of the card on the screen, without the card."""
        with self.pool.connection() as connection:
            showing = {**stations.read_station(connection, station_id).showing, "there": False}
            stations.show(connection, station_id, showing, self.clock())

    def reader_said(self, station_id: uuid.UUID, fault: str) -> None:
        """A fault of the reader, or that it has none any more."""
        showing: Showing = {"outcome": "reader_fault", "text": fault} if fault else {}
        with self.pool.connection() as connection:
            stations.show(connection, station_id, showing, self.clock())

    def card_came(self, station_id: uuid.UUID, card: CardOnStation, relay: Relay) -> None:
        """Do what the station is to do with it."""
        with self.pool.connection() as connection:
            station = stations.read_station(connection, station_id)
        turn = _Turn(self, station, card, relay)
        try:
            turn.take()
        except (CardError, SignerError, ValueError) as error:
            turn.interrupted(error)
        except WarehouseError as error:
            turn.end(error.code, error.message, error.values)
        except psycopg.OperationalError:
            raise  # nothing can be shown either
        except Exception:
            turn.end("card_unexpected", "the program made a mistake")
            raise


class _Turn:
    """One card on one station, from its coming to its outcome."""

    def __init__(self, bench: Workbench, station: Station, card: CardOnStation, relay: Relay) -> None:
        self._bench = bench
        self._station = station
        self._card = card
        self._relay = relay
        self._request_id: uuid.UUID | None = None
        self._showing: Showing = {"there": True, "uid": card.uid, "step": "look", "steps": 0}

    def take(self) -> None:
        """All of it."""
        self._show()
        secrets = self._bench.keyring.secrets()
        seen = look(self._card, secrets, self._bench.making.address, self._card.uid, self._bench.clock())
        self._showing |= {
            "profile": seen.profile,
            "state": seen.state.value if seen.state else None,
            "card_id": seen.card_id,
        }
        if self._station.task == "personalise" and self._station.request_id is not None:
            number = self._make(self._station.request_id, seen, secrets)
            self.end("made", f"card {number} is made", {"number": number})
        elif self._station.task == "batch" and self._station.batch_id is not None:
            self._go_on_with(self._station.batch_id, seen, secrets)
        else:
            self._look_closer(seen, secrets)

    def _look_closer(self, seen: SeenCard, secrets: IssuingSecrets) -> None:
        with self._bench.pool.connection() as connection:
            chip = chip_of_card(connection, seen.card_id) if seen.card_id else None
            if chip is not None:
                self._showing["request_id"] = str(chip.request_id)
                self._showing["number"] = read_request(connection, chip.request_id).card_number
        if seen.profile == "piv" and seen.state is CardState.ISSUED:
            self._showing["log"] = write_holder_log(self._bench.pool, self._card, secrets, seen.card_id)
        self.end("looked_at", "looked at")

    def _make(self, request_id: uuid.UUID, seen: SeenCard, secrets: IssuingSecrets) -> str:
        self._request_id = request_id
        bench, by = self._bench, self._station.task_by
        done = make_card(bench.making, request_id, self._card, seen, secrets, by=by, progress=self._step)
        if seen.profile == "piv" and done.card_id:
            # The card is made: who takes it away now takes a card whose log is written the next time.
            with contextlib.suppress(CardGoneError):
                self._showing["log"] = write_holder_log(bench.pool, self._card, secrets, done.card_id)
        self._showing |= {"card_id": done.card_id, "state": "issued", "request_id": str(request_id)}
        return done.card_number

    def _go_on_with(self, batch_id: uuid.UUID, seen: SeenCard, secrets: IssuingSecrets) -> None:
        bench = self._bench
        with bench.pool.connection() as connection:
            batch = batches.read_batch(connection, batch_id)
            request_id, done_already = self._item_of(connection, batch, seen)
        self._showing["batch_id"] = str(batch_id)
        if done_already or (request_id is None and batch.kind == "new"):
            self._tell_batch(batch)
            self.end("done_already" if done_already else "batch_done", "nothing is left to do with this card")
            return
        if batch.kind == "rekey":
            number = rekey(bench.making, self._card, seen, secrets, Doing(batch_id, self._station.task_by, self._step))
        else:
            assert request_id is not None  # noqa: S101 - seen to above
            number = self._make(request_id, seen, secrets)
        with bench.pool.connection() as connection:
            batch = batches.finish_if_done(connection, batch_id, Doer(self._station.task_by, bench.clock()))
        self._tell_batch(batch)
        self.end("made", f"card {number} is done", {"number": number})

    def _item_of(self, connection: Connection, batch: batches.Batch, seen: SeenCard) -> tuple[uuid.UUID | None, bool]:
        """Whose card this is to be, and whether it is that already. Another's chip is for `chips.begin` to refuse."""
        chip = chip_of_card(connection, seen.card_id) if seen.card_id else None
        if batch.kind == "rekey":
            return None, False
        if chip is not None and chip.request_id in {
            one.request_id for one in batches.items_of(connection, batch.batch_id)
        }:
            return chip.request_id, read_request(connection, chip.request_id).state in _DONE
        return batches.next_of_batch(connection, batch.batch_id), False

    def _tell_batch(self, batch: batches.Batch) -> None:
        self._relay.say(
            what="batch",
            number=batch.batch_number,
            state=batch.state,
            total=batch.total,
            done=batch.done,
            skipped=batch.skipped,
        )

    def _step(self, step: str) -> None:
        self._showing |= {"step": step, "steps": self._showing["steps"] + 1}
        self._show()

    def interrupted(self, error: Exception) -> None:
        """The card left or refused in the middle: it can be gone on with."""
        why = refused(error)
        if self._request_id is not None:
            note_interrupted(self._bench.making, self._request_id, self._station.task_by, why.code)
        self.end(why.code, why.message, why.values)
        if isinstance(error, CardGoneError):
            self._showing["there"] = False

    def end(self, code: str, message: str, values: dict[str, object] | None = None) -> None:
        """What came of it."""
        self._showing |= {"outcome": code, "values": {name: str(one) for name, one in (values or {}).items()}}
        self._showing.pop("step", None)
        self._show()
        self._relay.say(what="outcome", code=code, text=message, good=code in {"made", "looked_at"})

    def _show(self) -> None:
        with self._bench.pool.connection() as connection:
            stations.show(connection, self._station.station_id, self._showing, self._bench.clock())
        if "step" in self._showing:
            self._relay.say(what="step", step=self._showing["step"])
