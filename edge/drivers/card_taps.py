"""From a card that was read to the event that says so; the same for every reader.

The PIV application is asked for first: a PIV card's tap costs nothing more for there being other cards. Only what
refuses it is asked for NDEF, and there an NTAG 424 DNA of ours shows itself by the form of its address.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from cards.connection import CardConnection
from cards.errors import CardDataError, CardError, CardGoneError
from cards.ntag424.address import is_card_address
from cards.ntag424.ndef_address import address_of
from cards.ntag424.tap import judge_address_tap
from cards.processors import processor_for
from cards.reading import CardReading, read_card
from cards.type4_ndef import read_ndef_message
from edge.card_trust import CardTrust
from edge.clock import Stamp
from edge.contracts.observations import AddressEvidence, CardEvidence, CardPresented, CardRemoved

CHALLENGE_BYTES: Final = 32
"""As long as the hash that the card signs: no one finds or guesses one twice."""
REASON_CHARACTERS_MAX: Final = 300
"""`CardPresented.reason`."""

Transport = Literal["pcsc", "nfc"]


def draw_challenge() -> bytes:
    """A fresh nonce from the operating system's cryptographic source."""
    return secrets.token_bytes(CHALLENGE_BYTES)


@dataclass(frozen=True)
class ReadCard:
    """What a card showed."""

    reading: CardReading
    """A PIV card's; of any other card, that it is none."""
    address: str = ""
    """Of an NTAG 424 DNA of ours, as it seems."""
    message: bytes | None = None
    """NDEF message of another tag."""
    ndef_error: CardError | None = None
    """Why there is none, where there should be one."""


class CardTaps:
    """Reads cards for one device and words what was found."""

    def __init__(
        self,
        device_id: str,
        transport: Transport,
        trust: CardTrust,
        challenge: Callable[[], bytes] = draw_challenge,
    ) -> None:
        """`trust`: what cards are judged with; `challenge` draws a nonce for each tap (injected by tests)."""
        self._device_id = device_id
        self._transport: Transport = transport
        self._trust = trust
        self._challenge = challenge

    def read(self, connection: CardConnection, stamp: Stamp) -> ReadCard:
        """Read the card, with a fresh challenge where it can answer one.

        Raises:
            CardGoneError (cards.errors): it left before the end.
        """
        reading = read_card(connection, self._trust.anchors, self._challenge(), stamp.occurred_at)
        if reading.profile != "unknown" or not reading.reason.startswith("other_card"):
            return ReadCard(reading)
        try:
            message = read_ndef_message(processor_for(connection))
        except CardGoneError:
            raise
        except CardError as error:
            return ReadCard(reading, ndef_error=error)
        return ReadCard(reading, _card_address(message), message)

    def presented(self, stamp: Stamp, uid: bytes, read: ReadCard) -> CardPresented:
        """The event of a card that was read; `stamp` is when it came. Judges an address, which then is used up here."""
        if read.address:
            return self._address_presented(stamp, uid, read.address)
        reading, evidence = read.reading, read.reading.evidence
        state, used = self._trust.statuses.judge(reading.card_id, stamp.occurred_at)
        return CardPresented(
            device_id=self._device_id,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            transport=self._transport,
            uid=uid.hex(),
            profile=reading.profile,
            card_id=reading.card_id,
            verdict=reading.verdict,
            reason=reading.reason[:REASON_CHARACTERS_MAX],
            evidence=None
            if evidence is None
            else CardEvidence(
                certificate_der=evidence.certificate_der.hex(),
                challenge=evidence.challenge.hex(),
                signature=evidence.signature.hex(),
            ),
            card_state=state,
            status_list=used,
        )

    def show_holder(self, connection: CardConnection, card: CardPresented) -> None:
        """Where the node has a screen: show whose card it is. Call it after the event is kept."""
        if self._trust.holders is not None:
            self._trust.holders.read(connection, card)

    @property
    def shows_holders(self) -> bool:
        """Whether it is worth a second look at the card."""
        return self._trust.holders is not None

    def unverified(self, stamp: Stamp, uid: bytes, reason: str) -> CardPresented:
        """The event of a card of which nothing could be learned; `reason` begins with a code of cards.verification."""
        return self.presented(stamp, uid, ReadCard(CardReading("unknown", "", "unverified", reason, None)))

    def removed(self, stamp: Stamp, uid: bytes) -> CardRemoved:
        """The event of a card that left."""
        return CardRemoved(
            device_id=self._device_id,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            uid=uid.hex(),
        )

    def _address_presented(self, stamp: Stamp, uid: bytes, address: str) -> CardPresented:
        tap = judge_address_tap(address, self._trust.desk_keys, self._trust.counters, uid)
        state, used = self._trust.statuses.judge(tap.card_id, stamp.occurred_at)
        return CardPresented(
            device_id=self._device_id,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            transport=self._transport,
            uid=uid.hex(),
            profile="ntag424",
            card_id=tap.card_id,
            verdict=tap.judgement.verdict,
            reason=tap.judgement.reason[:REASON_CHARACTERS_MAX],
            evidence=AddressEvidence(address=address),
            card_state=state,
            status_list=used,
        )


def _card_address(message: bytes | None) -> str:
    if message is None:
        return ""
    try:
        address = address_of(message)
    except CardDataError:
        return ""
    return address if is_card_address(address) else ""
