"""Check-in: a card on a reader becomes, at most, one visit of its patient that day.

The edge node's verdict is shown at once at the desk; here the same evidence is judged again, and only this verdict
checks anyone in. Personal data never leaves the table `patient`: everything here carries pseudonyms.
"""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from cards.trust import TrustAnchors
from cards.verification import Judgement, judge
from edge.contracts.observations import CardEvidence, CardPresented, CardRemoved
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence
from gateway.visits.opening import open_visit

CHALLENGE_BYTES_MIN: Final = 16
"""A nonce of 128 bits does not come twice by chance (SP 800-57 part 1, section 5.6.1)."""

_CARD_STATE_OUTCOMES: Final = {"lost": "lost_card", "revoked": "revoked_card", "expired": "expired_card"}
_REASON_OUTCOMES: Final = {"foreign_ca": "foreign_card", "certificate_expired": "expired_card"}
"""Where the reason code of `cards.verification` says more than `not_genuine`."""


@dataclass(frozen=True)
class TapResult:
    """What came of a tap."""

    verdict: str
    outcome: str
    reason: str
    visit_id: uuid.UUID | None = None
    events: tuple[NewLiveEvent, ...] = ()
    """Of the visit's queue."""


class CheckIn:
    """The rules, with what they need of the hospital."""

    def __init__(self, anchors: Callable[[], TrustAnchors], zone: ZoneInfo) -> None:
        """`anchors`: whose cards are accepted, asked at each tap; `zone`: a visit's day is the local one."""
        self._anchors = anchors
        self._zone = zone

    def apply_card_presented(
        self, connection: Connection, at: Occurrence, card: CardPresented
    ) -> tuple[NewLiveEvent, ...]:
        """Judge the tap, check the patient in if all is well, keep the tap in any case."""
        result = self._judge_tap(connection, at, card)
        card_id = card.card_id or None
        connection.execute(
            "INSERT INTO tap (epoch_key, seq, occurred_at, received_at, device_key, card_id, edge_verdict,"
            " gateway_verdict, outcome, reason, visit_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                at.epoch_key,
                at.seq,
                at.occurred_at,
                at.received_at,
                at.device_key,
                card_id,
                card.verdict,
                result.verdict,
                result.outcome,
                storable(result.reason),
                result.visit_id,
            ),
        )
        payload = {
            "epoch_key": at.epoch_key,
            "seq": at.seq,
            "outcome": result.outcome,
            "visit_id": str(result.visit_id) if result.visit_id else None,
            "card_id": card_id,
        }
        return (NewLiveEvent("desk", "tap", payload), *result.events)

    def _judge_tap(self, connection: Connection, at: Occurrence, card: CardPresented) -> TapResult:
        judgement = self._judge_evidence(connection, at, card)
        if judgement.verdict == "unverified":
            outcome = "foreign_card" if card.profile == "unknown" else "unverified"
            return TapResult(judgement.verdict, outcome, judgement.reason)
        if judgement.verdict == "not_genuine":
            outcome = _REASON_OUTCOMES.get(judgement.code, "not_genuine")
            return TapResult(judgement.verdict, outcome, judgement.reason)
        known = connection.execute("SELECT patient_id, state FROM card WHERE card_id = %s", (card.card_id,)).fetchone()
        if known is None:
            return TapResult("genuine", "unknown_card", "issued by our card CA, but not to any patient known here")
        patient_id, state = known
        if state != "active":
            return TapResult("genuine", _CARD_STATE_OUTCOMES[state], f"the card is marked {state}")
        place_id = _place_of(connection, at.device_key)
        opened = open_visit(connection, patient_id, at.occurred_at, place_id, self._zone, received_at=at.received_at)
        outcome = "checked_in" if opened.is_new else "already_checked_in"
        return TapResult("genuine", outcome, "", opened.visit_id, opened.events)

    def _judge_evidence(self, connection: Connection, at: Occurrence, card: CardPresented) -> Judgement:
        """The gateway's own verdict: without evidence nothing is genuine, whatever the edge node says."""
        if not isinstance(card.evidence, CardEvidence):
            if card.verdict == "genuine":
                return Judgement("unverified", "no_evidence: the edge node says genuine but sends no evidence")
            return Judgement(card.verdict, card.reason)
        challenge = bytes.fromhex(card.evidence.challenge)
        if len(challenge) < CHALLENGE_BYTES_MIN:
            wanted = f"expected at least {CHALLENGE_BYTES_MIN}"
            return Judgement("not_genuine", f"short_challenge: a nonce of {len(challenge)} bytes: {wanted}")
        try:
            judgement = judge(
                bytes.fromhex(card.evidence.certificate_der),
                challenge,
                bytes.fromhex(card.evidence.signature),
                card.card_id,
                self._anchors(),
                at.occurred_at,
            )
        except ValueError as error:
            return Judgement("unverified", f"unreadable: {error}")
        if judgement.verdict == "genuine" and not _first_use(connection, at, challenge):
            return Judgement("not_genuine", "replayed: this proof was shown before, in another tap")
        return judgement


def _place_of(connection: Connection, device_key: int) -> str | None:
    row = connection.execute("SELECT place_id FROM device WHERE device_key = %s", (device_key,)).fetchone()
    return row[0] if row is not None else None


def _first_use(connection: Connection, at: Occurrence, challenge: bytes) -> bool:
    kept = connection.execute(
        "INSERT INTO card_challenge (challenge_sha256, epoch_key, seq, seen_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (hashlib.sha256(challenge).digest(), at.epoch_key, at.seq, at.occurred_at),
    )
    return kept.rowcount == 1


def apply_card_removed(_connection: Connection, at: Occurrence, _card: CardRemoved) -> tuple[NewLiveEvent, ...]:
    """The desk clears the screen."""
    return (NewLiveEvent("desk", "card_removed", {"device_key": at.device_key}),)
