"""The stations that are connected now: one worker each, so that a card is served by one thread from end to end.

A desk's act (`do`) and a card that comes (`card_came`) wait in the same line, so nothing talks to a card in between.
"""

import logging
import queue
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Protocol, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from cards.errors import CardError, CardGoneError
from cards.issuing.signer import SignerError
from gateway.issuing.relay import (
    AnswerWord,
    CardOnStation,
    CardWord,
    GoneWord,
    NoCardWord,
    Relay,
    StationWord,
)
from gateway.stock.errors import WarehouseError, WorkRefusedError

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")
ACT_TIMEOUT_S: Final = 120.0
"""How long a desk's act may take, waiting for the card before it included."""


class Bench(Protocol):
    """What is done with a card by itself."""

    def connected(self, station_id: uuid.UUID, *, there: bool) -> None:
        """The station came, or went."""
        ...

    def card_came(self, station_id: uuid.UUID, card: CardOnStation, relay: Relay) -> None:
        """A card was put on it: do what the station is to do."""
        ...

    def card_went(self, station_id: uuid.UUID) -> None:
        """It was taken away."""
        ...

    def reader_said(self, station_id: uuid.UUID, fault: str) -> None:
        """The reader has a fault, or (empty) has none any more."""
        ...


class _Worker:
    """One connected station."""

    def __init__(self, station_id: uuid.UUID, relay: Relay, bench: Bench, before: "_Worker | None") -> None:
        self.relay = relay
        self._before = before
        self._station_id = station_id
        self._bench = bench
        self._line: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._present: CardOnStation | None = None
        self._thread = threading.Thread(target=self._run, name=f"card-station-{station_id}", daemon=True)
        self._thread.start()

    def heard(self, word: StationWord) -> None:
        """From the station; never waits."""
        match word:
            case AnswerWord() | GoneWord():
                self.relay.heard(word)
            case CardWord():
                card = CardOnStation(self.relay, word.presence, word.uid)
                self._line.put(lambda: self._came(card))
            case NoCardWord():
                self._line.put(self._went)
            case _:
                fault = word.why or "?" if word.type == "fault" else ""
                self._line.put(lambda: self._bench.reader_said(self._station_id, fault))

    def again(self) -> None:
        """Do what the station is to do now with the card that lies there, if one does."""
        self._line.put(self._again)

    def do(self, act: Callable[[CardOnStation], _T]) -> "Future[_T]":
        """An act with the card that lies there then."""
        future: Future[_T] = Future()
        self._line.put(lambda: self._act(act, future))
        return future

    def stop(self) -> None:
        """The station is gone; what is in the line is told so."""
        self.relay.close()
        self._line.put(None)

    def join(self) -> None:
        """Until the worker has ended."""
        self._thread.join()

    def _came(self, card: CardOnStation) -> None:
        self._present = card
        self._bench.card_came(self._station_id, card, self.relay)

    def _again(self) -> None:
        if self._present is not None:
            self._bench.card_came(self._station_id, self._present, self.relay)

    def _went(self) -> None:
        self._present = None
        self._bench.card_went(self._station_id)

    def _act(self, act: Callable[[CardOnStation], _T], future: "Future[_T]") -> None:
        if not future.set_running_or_notify_cancel():
            return
        if self._present is None:
            future.set_exception(WorkRefusedError("card_none", "no card lies on the reader"))
            return
        try:
            future.set_result(act(self._present))
        except BaseException as error:  # noqa: BLE001 - handed to whoever asked
            future.set_exception(error)

    def _run(self) -> None:
        if self._before is not None:  # the station came back: what it was told last is told first
            self._before.join()
            self._before = None
        self._guarded(lambda: self._bench.connected(self._station_id, there=True))
        while (job := self._line.get()) is not None:
            self._guarded(job)
        self._guarded(lambda: self._bench.connected(self._station_id, there=False))

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except (psycopg.OperationalError, PoolTimeout, psycopg.errors.AdminShutdown) as error:
            # The chip knows how far it is: the card is put on again when the database is back.
            _LOG.warning("card station %s: %s", self._station_id, error)
        except Exception:  # noqa: BLE001 - one card must not end the station
            _LOG.exception("card station %s: unexpected", self._station_id)


class StationHub:
    """All of them. `attach` and `heard` come from the web server's thread, `do` from anywhere."""

    def __init__(self, bench: Bench) -> None:
        """None yet."""
        self._bench = bench
        self._lock = threading.Lock()
        self._workers: dict[uuid.UUID, _Worker] = {}
        self._ended: dict[uuid.UUID, _Worker] = {}

    def attach(self, station_id: uuid.UUID, relay: Relay) -> None:
        """It connected; one that was connected by this name before is not any more."""
        with self._lock:
            replaced = self._workers.pop(station_id, None)
            if replaced is not None:
                replaced.relay.say(what="let_go")
                replaced.stop()
                self._ended[station_id] = replaced
            before = self._ended.pop(station_id, None)
            self._workers[station_id] = _Worker(station_id, relay, self._bench, before)

    def heard(self, station_id: uuid.UUID, relay: Relay, word: StationWord) -> None:
        """Something it said."""
        worker = self._worker(station_id)
        if worker is not None and worker.relay is relay:
            worker.heard(word)

    def detach(self, station_id: uuid.UUID, relay: Relay) -> None:
        """Its connection is over."""
        relay.close()
        with self._lock:
            worker = self._workers.get(station_id)
            if worker is None or worker.relay is not relay:
                return
            del self._workers[station_id]
            worker.stop()
            self._ended[station_id] = worker

    def is_connected(self, station_id: uuid.UUID) -> bool:
        """Whether it is there."""
        return self._worker(station_id) is not None

    def drop(self, station_id: uuid.UUID) -> None:
        """End its connection, if it has one: it was revoked."""
        worker = self._worker(station_id)
        if worker is not None:
            worker.relay.say(what="let_go")
            self.detach(station_id, worker.relay)

    def again(self, station_id: uuid.UUID) -> None:
        """Its task has changed: begin with the card that lies there."""
        worker = self._worker(station_id)
        if worker is not None:
            worker.again()

    def do(self, station_id: uuid.UUID, act: Callable[[CardOnStation], _T]) -> _T:
        """Something with the card on it; waits for the end.

        Raises:
            WorkRefusedError: the station is not connected, no card lies there, it was taken away, or it is busy; and
                whatever the act raises.
        """
        worker = self._worker(station_id)
        if worker is None:
            raise WorkRefusedError("card_station_away", f"station {station_id} is not connected")
        future = worker.do(act)
        try:
            return future.result(ACT_TIMEOUT_S)
        except TimeoutError:
            future.cancel()
            raise WorkRefusedError("card_station_busy", f"station {station_id} is busy with a card") from None
        except (CardError, SignerError, ValueError) as error:
            raise refused(error) from None

    def stop(self) -> None:
        """End all; waits for their workers."""
        with self._lock:
            workers = [*self._workers.values(), *self._ended.values()]
            self._workers.clear()
            self._ended.clear()
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()

    def _worker(self, station_id: uuid.UUID) -> _Worker | None:
        with self._lock:
            return self._workers.get(station_id)


def refused(error: Exception) -> WarehouseError:
    """What cards and keys say, as a refusal of the desk."""
    if isinstance(error, CardGoneError):
        return WorkRefusedError("card_taken_away", f"the card was taken away too early: {error}")
    if isinstance(error, SignerError):
        return WorkRefusedError("card_keys_closed", str(error), text=f"{error!s:.200}")
    return WorkRefusedError("card_refuses", f"the card refuses: {error}", text=f"{error!s:.200}")
