"""Check-in: a card on a reader becomes, at most, one visit of its patient that day.

The edge node's verdict is shown at once at the desk; here the same evidence is judged again, and only this verdict
checks anyone in. Where the two differ, both are kept, with what the desk was told meanwhile. Personal data never leaves
the table `patient`: everything here carries pseudonyms.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from edge.contracts.observations import CardPresented, CardRemoved
from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.live_events import NewLiveEvent
from gateway.services.occurrence import Occurrence
from gateway.taps.judging import TapJudge, TapVerdict
from gateway.taps.presence_token import PresenceTokens
from gateway.visits.opening import open_visit

_CARD_STATE_OUTCOMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lost": "lost_card",
        "found": "lost_card",
        "stolen": "stolen_card",
        "revoked": "revoked_card",
        "expired": "expired_card",
        "replaced": "replaced_card",
    }
)
_CODE_OUTCOMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "foreign_ca": "foreign_card",
        "not_ours": "foreign_card",
        "malformed": "foreign_card",
        "other_card": "foreign_card",
        "certificate_expired": "expired_card",
        "replayed": "replayed",
        "unreadable": "unreadable",
    }
)
"""Where the code of a reason says more than the verdict."""
ACCEPTED: Final = frozenset({"checked_in", "already_checked_in"})


@dataclass(frozen=True)
class TapResult:
    """What came of a tap."""

    verdict: TapVerdict
    outcome: str
    reason: str
    visit_id: uuid.UUID | None = None
    presence: str | None = None
    events: tuple[NewLiveEvent, ...] = ()
    """Of the visit's queue."""


class CheckIn:
    """The rules, with what they need of the hospital."""

    def __init__(self, judge: TapJudge, zone: ZoneInfo, tokens: PresenceTokens | None = None) -> None:
        """`zone`: a visit's day is the local one; `tokens`: makes proofs of presence, None for none."""
        self._judge = judge
        self._zone = zone
        self._tokens = tokens

    def apply_card_presented(
        self, connection: Connection, at: Occurrence, card: CardPresented
    ) -> tuple[NewLiveEvent, ...]:
        """Judge the tap, check the patient in if all is well, keep the tap in any case."""
        result = self._judge_tap(connection, at, card)
        _keep(connection, at, card, result)
        payload = {
            "epoch_key": at.epoch_key,
            "seq": at.seq,
            "outcome": result.outcome,
            "visit_id": str(result.visit_id) if result.visit_id else None,
            "card_id": result.verdict.card_id or None,
        }
        return (NewLiveEvent("desk", "tap", payload), *result.events)

    def _judge_tap(self, connection: Connection, at: Occurrence, card: CardPresented) -> TapResult:
        verdict = self._judge.judge(connection, at, card)
        judgement = verdict.judgement
        if judgement.verdict != "genuine":
            outcome = _CODE_OUTCOMES.get(verdict.code, judgement.verdict)
            return TapResult(verdict, outcome, judgement.reason)
        known = connection.execute(
            "SELECT patient_id, CASE WHEN state = 'active' AND valid_until < %s THEN 'expired' ELSE state END"
            " FROM card WHERE card_id = %s",
            (at.occurred_at.astimezone(self._zone).date(), verdict.card_id),
        ).fetchone()
        if known is None:
            return TapResult(verdict, "unknown_card", "ours by its keys, but not handed over to any patient known here")
        patient_id, state = known
        if state != "active":
            return TapResult(verdict, _CARD_STATE_OUTCOMES[state], f"the card is marked {state}")
        return self._check_in(connection, at, verdict, patient_id)

    def _check_in(
        self, connection: Connection, at: Occurrence, verdict: TapVerdict, patient_id: uuid.UUID
    ) -> TapResult:
        place_id = _place_of(connection, at.device_key)
        presence = None
        if self._tokens is not None and place_id is not None:
            presence = self._tokens.issue(verdict.card_id, patient_id, place_id, at.device_key, at.occurred_at)
        opened = open_visit(
            connection,
            patient_id,
            at.occurred_at,
            place_id,
            self._zone,
            presence=presence,
            received_at=at.received_at,
        )
        outcome = "checked_in" if opened.is_new else "already_checked_in"
        return TapResult(verdict, outcome, "", opened.visit_id, presence, opened.events)


def difference(card: CardPresented, outcome: str) -> str:
    """How the edge node's word differs from what was found here: '', 'accepted_there' or 'refused_there'.

    An edge node that had nothing to judge with has said nothing that could differ.
    """
    listed = card.card_state not in {"unknown", "in_order"}
    accepted_there = card.verdict == "genuine" and not listed
    refused_there = card.verdict == "not_genuine" or listed
    if accepted_there and outcome not in ACCEPTED:
        return "accepted_there"
    return "refused_there" if refused_there and outcome in ACCEPTED else ""


def _keep(connection: Connection, at: Occurrence, card: CardPresented, result: TapResult) -> None:
    used = card.status_list
    connection.execute(
        "INSERT INTO tap (epoch_key, seq, occurred_at, received_at, device_key, card_id, edge_verdict,"
        " gateway_verdict, outcome, reason, visit_id, profile, edge_reason, edge_card_state, edge_list_number,"
        " edge_list_age_s, edge_list_stale, difference, presence_token) VALUES"
        " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            at.epoch_key,
            at.seq,
            at.occurred_at,
            at.received_at,
            at.device_key,
            result.verdict.card_id or None,
            card.verdict,
            result.verdict.judgement.verdict,
            result.outcome,
            storable(result.reason),
            result.visit_id,
            card.profile,
            storable(card.reason),
            card.card_state,
            None if used is None else used.number,
            None if used is None else used.age_s,
            used is not None and used.stale,
            difference(card, result.outcome),
            result.presence,
        ),
    )


def _place_of(connection: Connection, device_key: int) -> str | None:
    row = connection.execute("SELECT place_id FROM device WHERE device_key = %s", (device_key,)).fetchone()
    return row[0] if row is not None else None


def apply_card_removed(_connection: Connection, at: Occurrence, _card: CardRemoved) -> tuple[NewLiveEvent, ...]:
    """The desk clears the screen."""
    return (NewLiveEvent("desk", "card_removed", {"device_key": at.device_key}),)
