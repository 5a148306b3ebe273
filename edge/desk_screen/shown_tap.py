"""What the desk's own screen shows of a tap: codes and facts, worded by the page."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, cast

from cards.emergency.record import EmergencyRecord
from edge.contracts.observations import CardPresented, CardStateThere

Outcome = Literal[
    "genuine",
    "to_be_judged",
    "copied",
    "replayed",
    "lost",
    "stolen",
    "revoked",
    "expired",
    "replaced",
    "foreign",
    "other_card",
    "unread",
]

_BY_CODE: Final[dict[str, Outcome]] = {
    "foreign_ca": "foreign",
    "certificate_expired": "expired",
    "replayed": "replayed",
    "card_lost": "lost",
    "card_stolen": "stolen",
    "card_revoked": "revoked",
    "card_expired": "expired",
    "card_replaced": "replaced",
    "not_ours": "foreign",
    "other_card": "other_card",
    "no_keys": "to_be_judged",
    "to_be_judged": "to_be_judged",
}
"""Reason codes (`code: explanation`) that say more than the verdict."""
_CARD_ID_END: Final = 8
"""The last digits of a card id tell two cards apart; the whole is nobody's to read."""


@dataclass(frozen=True)
class Holder:
    """Whose card it is, as its issuer wrote and signed it on the card itself. Never kept, never sent."""

    full_name: str
    birth_date: date
    blood_group: str
    allergies: tuple[str, ...]
    conditions: tuple[str, ...]
    medication: tuple[str, ...]
    guardian: str
    """Name, relation and telephone number; empty if the card has none."""
    issued_at: datetime
    is_old: bool
    """Past its date: shown, and marked."""

    @classmethod
    def of(cls, record: EmergencyRecord, now: datetime) -> "Holder":
        """From the emergency record of a card that proved itself."""
        guardian = record.guardian
        return cls(
            full_name=record.full_name,
            birth_date=record.birth_date,
            blood_group=record.blood_group,
            allergies=tuple(entry.text for entry in record.allergies),
            conditions=tuple(entry.text for entry in record.conditions),
            medication=tuple(entry.text for entry in record.medication),
            guardian="" if guardian is None else f"{guardian.name} ({guardian.relation}), {guardian.phone}",
            issued_at=record.issued_at,
            is_old=record.expires_at is not None and record.expires_at < now,
        )


@dataclass(frozen=True)
class ShownTap:
    """One tap. Without its holder it may stay in the list of the day."""

    device_id: str
    occurred_at: datetime
    outcome: Outcome
    profile: str
    card_end: str
    """Last digits of the card id; empty if it has none."""
    detail: str
    """The technical reason, in English, for the supervisor."""
    holder: Holder | None = None

    @classmethod
    def of(cls, card: CardPresented) -> "ShownTap":
        """From the event as it was recorded."""
        return cls(
            device_id=card.device_id,
            occurred_at=card.occurred_at,
            outcome=outcome_of(card.verdict, card.reason, card.card_state),
            profile=card.profile,
            card_end=card.card_id[-_CARD_ID_END:],
            detail=card.reason,
        )

    def to_json(self) -> dict[str, Any]:
        """For the page; times in UTC, ISO 8601."""
        told = asdict(self)
        told["occurred_at"] = self.occurred_at.astimezone(UTC).isoformat()
        if self.holder is not None:
            told["holder"]["birth_date"] = self.holder.birth_date.isoformat()
            told["holder"]["issued_at"] = self.holder.issued_at.astimezone(UTC).isoformat()
        return told


def outcome_of(verdict: str, reason: str, card_state: CardStateThere = "unknown") -> Outcome:
    """The screen for a verdict of the card library, the code that its reason begins with, and the status list's word.

    A copy of a lost card is a copy.
    """
    if verdict == "genuine" and card_state not in {"unknown", "in_order"}:
        return cast("Outcome", card_state)
    code = reason.partition(":")[0]
    if code in _BY_CODE:
        return _BY_CODE[code]
    if verdict == "genuine":
        return "genuine"
    return "copied" if verdict == "not_genuine" else "unread"
