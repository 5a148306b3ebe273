"""The second identifier: what the clerk asks before believing that the card's holder is the card's patient.

A card proves itself, not who holds it: two identifiers are asked of every patient (JCI, International Patient Safety
Goal 1). Which one is asked depends on how much could be wrong, and changes from tap to tap, so that nobody learns one
answer for another one's card:

    0  a PIV card in order, of a patient whose identity is known by papers or proof: the birth date
    1  one thing speaks against it: an NTAG card (its address could be carried away), a state that changed lately, a
       desk that was cut off, an identity that somebody merely stated: birth date, guardian or telephone in turn
    2  two or more: what few know: guardian, telephone, insurance or citizen number
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from gateway.db.pool import Connection
from gateway.stock.errors import WorkConflictError, WorkNotFoundError
from gateway.taps.presence_token import PresenceTokens

Question = Literal["birth_date", "guardian_name", "phone", "insurance_number", "citizen_id"]
QUESTIONS: Final[tuple[Question, ...]] = get_args(Question)
LATELY: Final = timedelta(days=30)
"""A card that was lost and came back, or was handed over, within so many days is looked at twice."""
LATE: Final = timedelta(minutes=2)
"""A tap that is told so late was made at a desk that was cut off."""

_BY_RISK: Final[tuple[tuple[Question, ...], ...]] = (
    ("birth_date",),
    ("birth_date", "guardian_name", "phone"),
    ("guardian_name", "phone", "insurance_number", "citizen_id"),
)


class TapUnknownError(WorkNotFoundError):
    """There is no such tap."""


class TapSettledError(WorkConflictError):
    """Somebody has answered for this tap already, otherwise."""


@dataclass(frozen=True)
class TapRisk:
    """What speaks against believing a card at once."""

    profile: str
    state_changed_at: datetime | None
    occurred_at: datetime
    received_at: datetime
    identity_confidence: str

    @property
    def level(self) -> int:
        """0 to 2."""
        against = (
            self.profile != "piv",
            self.state_changed_at is not None and self.occurred_at - self.state_changed_at < LATELY,
            self.received_at - self.occurred_at > LATE,
            self.identity_confidence in {"stated", "unknown"},
        )
        return min(sum(against), len(_BY_RISK) - 1)


def question_for(risk: TapRisk, known: Collection[Question], turn: int) -> Question | None:
    """What to ask: of what is known of the patient, another one at each `turn`. None: nothing that could be asked."""
    wanted = [question for question in _BY_RISK[risk.level] if question in known]
    rest = wanted or [question for question in QUESTIONS if question in known]
    return rest[turn % len(rest)] if rest else None


@dataclass(frozen=True)
class Answer:
    """What came of asking."""

    epoch_key: int
    seq: int
    question: Question
    matched: bool
    presence: str
    """The tap's proof of presence: the answer is about who stands at this desk now."""


def keep_answer(connection: Connection, tokens: PresenceTokens, answer: Answer, by: str, now: datetime) -> None:
    """Write down what was asked and whether it was right. Said twice, it changes nothing.

    Raises:
        TapUnknownError: there is no such tap.
        PresenceError: the card was not at this desk just now.
        TapSettledError: another answer was given before.
    """
    row = connection.execute(
        "SELECT tap.presence_token, device.place_id, tap.second_identifier, tap.second_identifier_matched FROM tap"
        " JOIN device USING (device_key) WHERE epoch_key = %s AND seq = %s FOR UPDATE OF tap",
        (answer.epoch_key, answer.seq),
    ).fetchone()
    if row is None:
        raise TapUnknownError("tap_unknown", f"tap {answer.epoch_key}/{answer.seq}: there is none")
    token, place_id, question, matched = row
    if matched is not None:
        if (question, matched) == (answer.question, answer.matched):
            return
        raise TapSettledError("tap_answered", "another answer was given for this tap: let the patient tap again")
    tokens.verify(answer.presence if answer.presence == token else "", now, place_id or "")
    connection.execute(
        "UPDATE tap SET second_identifier = %s, second_identifier_matched = %s, second_identifier_by = %s,"
        " second_identifier_at = %s WHERE epoch_key = %s AND seq = %s",
        (answer.question, answer.matched, by, now, answer.epoch_key, answer.seq),
    )


def mark_seen(connection: Connection, epoch_key: int, seq: int, by: str, now: datetime) -> None:
    """A clerk has dealt with a tap whose verdict was changed here.

    Raises:
        TapUnknownError: there is no such tap.
    """
    seen = connection.execute(
        "UPDATE tap SET difference_seen_by = coalesce(difference_seen_by, %s),"
        " difference_seen_at = coalesce(difference_seen_at, %s)"
        " WHERE epoch_key = %s AND seq = %s AND difference <> ''",
        (by, now, epoch_key, seq),
    )
    if seen.rowcount == 0:
        raise TapUnknownError("tap_unknown", f"tap {epoch_key}/{seq}: there is none whose verdict was changed")
