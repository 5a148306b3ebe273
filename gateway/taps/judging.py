"""The gateway's own verdict on a tap: from the evidence in the event, whatever the edge node said of it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cards.ntag424.address import AddressKeys
from cards.ntag424.tap import judge_address_tap
from cards.trust import TrustAnchors
from cards.verification import Judgement, judge
from edge.contracts.observations import AddressEvidence, CardEvidence, CardPresented
from gateway.db.pool import Connection
from gateway.services.occurrence import Occurrence
from gateway.taps.sun_counters import SunUse

CHALLENGE_BYTES_MIN: Final = 16
"""A nonce of 128 bits does not come twice by chance (SP 800-57 part 1, section 5.6.1)."""
_SHOWN_BEFORE: Final = "replayed: this address was shown before"
_OUT_OF_ORDER: Final = (
    "replayed: this address is older than one that the card showed before this tap: it was read off the card earlier"
)


@dataclass(frozen=True)
class TapVerdict:
    """What was found."""

    judgement: Judgement
    card_id: str
    """Of the card as it proved or, where it did not, as it said; empty if neither."""

    @property
    def code(self) -> str:
        """The code at the reason's start; empty if genuine."""
        return self.judgement.code


class TapJudge:
    """Judges by what the hospital trusts."""

    def __init__(
        self, anchors: Callable[[], TrustAnchors], address_keys: Callable[[], AddressKeys | None] = lambda: None
    ) -> None:
        """Both are asked at each tap: whose PIV cards are ours, and the keys of our NTAG 424 cards."""
        self._anchors = anchors
        self._address_keys = address_keys

    def judge(self, connection: Connection, at: Occurrence, card: CardPresented) -> TapVerdict:
        """Without evidence nothing is genuine. Evidence counts once, and is used up by this."""
        match card.evidence:
            case AddressEvidence():
                return self._judge_address(connection, at, card, card.evidence.address)
            case CardEvidence():
                return TapVerdict(self._judge_proof(connection, at, card, card.evidence), card.card_id)
        if card.verdict == "genuine":
            missing = "no_evidence: the edge node says genuine but sends no evidence"
            return TapVerdict(Judgement("unverified", missing), card.card_id)
        return TapVerdict(Judgement(card.verdict, card.reason), card.card_id)

    def _judge_proof(
        self, connection: Connection, at: Occurrence, card: CardPresented, evidence: CardEvidence
    ) -> Judgement:
        challenge = bytes.fromhex(evidence.challenge)
        if len(challenge) < CHALLENGE_BYTES_MIN:
            wanted = f"expected at least {CHALLENGE_BYTES_MIN}"
            return Judgement("not_genuine", f"short_challenge: a nonce of {len(challenge)} bytes: {wanted}")
        try:
            judgement = judge(
                bytes.fromhex(evidence.certificate_der),
                challenge,
                bytes.fromhex(evidence.signature),
                card.card_id,
                self._anchors(),
                at.occurred_at,
            )
        except ValueError as error:
            return Judgement("unverified", f"unreadable: {error}")
        if judgement.verdict == "genuine" and not _first_use(connection, at, challenge):
            return Judgement("not_genuine", "replayed: this proof was shown before, in another tap")
        return judgement

    def _judge_address(self, connection: Connection, at: Occurrence, card: CardPresented, address: str) -> TapVerdict:
        use = SunUse(connection, at.occurred_at, "desk", at.epoch_key, at.seq)
        found = judge_address_tap(address, self._address_keys(), use, bytes.fromhex(card.uid))
        if found.judgement.code == "replayed":
            reason = _OUT_OF_ORDER if use.finding == "out_of_order" else _SHOWN_BEFORE
            return TapVerdict(Judgement("not_genuine", reason), found.card_id)
        return TapVerdict(found.judgement, found.card_id)


def _first_use(connection: Connection, at: Occurrence, challenge: bytes) -> bool:
    """Whether no other tap brought this nonce; the same row told twice is the same tap."""
    kept = connection.execute(
        "INSERT INTO card_challenge (challenge_sha256, epoch_key, seq, seen_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (challenge_sha256) DO UPDATE SET seen_at = card_challenge.seen_at"
        " WHERE (card_challenge.epoch_key, card_challenge.seq) = (excluded.epoch_key, excluded.seq)",
        (hashlib.sha256(challenge).digest(), at.epoch_key, at.seq, at.occurred_at),
    )
    return kept.rowcount == 1
