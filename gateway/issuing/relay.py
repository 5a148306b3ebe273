"""The way of an APDU from the gateway to the card on a station and back: what is said on the WebSocket.

::

    station ─► {"type": "card", "presence": 3, "uid": "04..."}      a card was put on the reader; uid may be empty
               {"type": "no_card"}                                  it was taken away
               {"type": "answer", "id": 7, "apdu": "9000"}          of the card
               {"type": "gone", "id": 7, "why": "..."}              no answer: the card or the reader went away
               {"type": "fault", "why": "..."} / {"type": "ready"}  of the reader
    gateway ─► {"type": "apdu", "id": 7, "presence": 3, "apdu": "00A4..."}
               {"type": "say", ...}                                 for the station's screen

A command belongs to one presence of one card: a station that has another by now answers `gone`. So a command meant for
one card never reaches the next.
"""

import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from cards.errors import CardGoneError

Hex = Annotated[str, StringConstraints(pattern=r"\A([0-9a-f]{2})*\z", max_length=131_076)]
Why = Annotated[str, StringConstraints(max_length=500)]
ANSWER_TIMEOUT_S: Final = 60.0
"""A key pair on a slow card takes some seconds; a card that is silent for so long is not coming back."""


class _Word(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CardWord(_Word):
    """A card was put on the reader."""

    type: Literal["card"]
    presence: Annotated[int, Field(ge=1)]
    uid: Annotated[str, StringConstraints(pattern=r"\A([0-9a-f]{2}){0,10}\z")] = ""


class NoCardWord(_Word):
    """It was taken away."""

    type: Literal["no_card"]


class AnswerWord(_Word):
    """What the card said."""

    type: Literal["answer"]
    id: int
    apdu: Hex


class GoneWord(_Word):
    """There is no answer."""

    type: Literal["gone"]
    id: int
    why: Why = ""


class ReaderWord(_Word):
    """How the reader is."""

    type: Literal["fault", "ready"]
    why: Why = ""


StationWord = Annotated[CardWord | NoCardWord | AnswerWord | GoneWord | ReaderWord, Field(discriminator="type")]
STATION_WORDS: Final[TypeAdapter[StationWord]] = TypeAdapter(StationWord)


class Relay:
    """One connected station: commands out, answers in. Safe between the web server's thread and a worker's."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        """`send` hands a message to the WebSocket and returns at once; it may raise CardGoneError."""
        self._send = send
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[bytes]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._closed

    def say(self, **words: object) -> None:
        """Something for the station's screen; a station that left does not hear it."""
        try:
            self._send({"type": "say", **words})
        except CardGoneError:
            return

    def transmit(self, presence: int, command: bytes) -> bytes:
        """One APDU to the card of this presence.

        Raises:
            CardGoneError: card, reader, station or connection went away, or the card is silent.
        """
        future: Future[bytes] = Future()
        with self._lock:
            if self._closed:
                raise CardGoneError("the station went away")
            number = next(self._numbers)
            self._waiting[number] = future
        try:
            self._send({"type": "apdu", "id": number, "presence": presence, "apdu": command.hex()})
            return future.result(ANSWER_TIMEOUT_S)
        except (TimeoutError, CancelledError):
            raise CardGoneError(f"the card did not answer within {ANSWER_TIMEOUT_S:.0f} s") from None
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def heard(self, word: AnswerWord | GoneWord) -> None:
        """An answer; one that nobody waits for any more is dropped."""
        with self._lock:
            future = self._waiting.pop(word.id, None)
        if future is None:
            return
        if isinstance(word, AnswerWord):
            future.set_result(bytes.fromhex(word.apdu))
        else:
            future.set_exception(CardGoneError(word.why or "the card was taken away"))

    def close(self) -> None:
        """The station is gone: whoever waits is told."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = list(self._waiting.values()), {}
        for future in waiting:
            future.set_exception(CardGoneError("the station went away"))


class CardOnStation:
    """One presence of one card: a `CardConnection` over the relay."""

    def __init__(self, relay: Relay, presence: int, uid: str) -> None:
        """`uid`: as the reader says, hexadecimal; empty if it does not."""
        self._relay = relay
        self.presence = presence
        self.uid = uid

    def transmit(self, command: bytes) -> bytes:
        """As `cards.connection.CardConnection`."""
        return self._relay.transmit(self.presence, command)
