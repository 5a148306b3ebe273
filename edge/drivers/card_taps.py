"""From a card that was read to the event that says so; the same for every reader."""

import secrets
from collections.abc import Callable
from typing import Final, Literal

from cards.connection import CardConnection
from cards.reading import CardReading, read_card
from cards.trust import TrustAnchors
from edge.clock import Stamp
from edge.contracts.observations import CardEvidence, CardPresented, CardRemoved

CHALLENGE_BYTES: Final = 32
"""As long as the hash that the card signs: no one finds or guesses one twice."""
REASON_CHARACTERS_MAX: Final = 300
"""`CardPresented.reason`."""

Transport = Literal["pcsc", "nfc"]


def draw_challenge() -> bytes:
    """A fresh nonce from the operating system's cryptographic source."""
    return secrets.token_bytes(CHALLENGE_BYTES)


class CardTaps:
    """Reads cards for one device and words what was found."""

    def __init__(
        self,
        device_id: str,
        transport: Transport,
        anchors: TrustAnchors,
        challenge: Callable[[], bytes] = draw_challenge,
    ) -> None:
        """`anchors`: whose cards are genuine; `challenge` draws a nonce for each tap (injected by tests)."""
        self._device_id = device_id
        self._transport: Transport = transport
        self._anchors = anchors
        self._challenge = challenge

    def read(self, connection: CardConnection, stamp: Stamp) -> CardReading:
        """Read the card, with a fresh challenge.

        Raises:
            CardGoneError (cards.errors): it left before the end.
        """
        return read_card(connection, self._anchors, self._challenge(), stamp.occurred_at)

    def presented(self, stamp: Stamp, uid: bytes, reading: CardReading) -> CardPresented:
        """The event of a card that was read; `stamp` is when it came."""
        evidence = reading.evidence
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
        )

    def unverified(self, stamp: Stamp, uid: bytes, reason: str) -> CardPresented:
        """The event of a card of which nothing could be learned; `reason` begins with a code of cards.verification."""
        return self.presented(stamp, uid, CardReading("unknown", "", "unverified", reason, None))

    def removed(self, stamp: Stamp, uid: bytes) -> CardRemoved:
        """The event of a card that left."""
        return CardRemoved(
            device_id=self._device_id,
            occurred_at=stamp.occurred_at,
            monotonic_ns=stamp.monotonic_ns,
            uid=uid.hex(),
        )
