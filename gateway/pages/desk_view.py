"""The registration desk's live page: the newest tap, huge, verdicts that were changed later, and the day's visits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from gateway.pages import desk_words as words
from gateway.pages.banner import banner_of
from gateway.pages.state import State
from gateway.pages.view import BANNER, Scene, View
from gateway.pages.visit_panel import visit_panel
from gateway.people.person import Patient
from gateway.services import reads_desk
from gateway.services.app_services import LiveEventLike
from gateway.services.reads_operations import DESK_DRIVERS
from gateway.services.roles import DESK_ROLES
from gateway.taps.second_identifier import LATE, Question, TapRisk, question_for

_VISITS_SHOWN: Final = 50
_CHANGED_SHOWN: Final = 5
_CHANGED_SINCE: Final = timedelta(days=3)
"""A long weekend: after that a changed verdict is history, in the API and the tap's row."""
_PHONE_DIGITS: Final = 3
_NUMBER_DIGITS: Final = 4


@dataclass(frozen=True)
class Asked:
    """The second identifier to ask for, and what the answer has to be."""

    question: Question
    text: str
    answer: str
    day: date | None = None
    """The answer, where it is a day, to be written as days are."""


def _newest(scene: Scene, _argument: str) -> Mapping[str, Any]:
    tap, patient = reads_desk.newest_tap(scene.connection, scene.reading("desk"), scene.place_id)
    if tap is None:
        return {"tap": None}
    asked = _asked(scene, tap, patient)
    return {
        "tap": tap,
        "state": _state(tap, asked),
        "asked": asked,
        "late": tap.received_at - tap.occurred_at > LATE,
        "visit_panel": visit_panel(scene, tap.visit_id, tap.presence_token, tap.place_id),
        "sex_words": words.SEX_WORDS,
        "card_states": words.CARD_STATES,
        "edge_states": words.EDGE_STATES,
        "place": scene.place_id,
    }


def _state(tap: reads_desk.Tap, asked: Asked | None) -> State:
    if tap.second_identifier_matched is False:
        return words.MISMATCH
    state = words.TAP_STATES[tap.outcome]
    if tap.outcome != "checked_in" or asked is None:
        return state
    return replace(state, next_step=words.GIVE_NUMBER if tap.second_identifier_matched else words.ASK_FIRST)


def _asked(scene: Scene, tap: reads_desk.Tap, found: Patient | None) -> Asked | None:
    """None: nobody was checked in by this tap, or nothing is known that could be asked."""
    if found is None or tap.presence_token is None:
        return None
    answers = _answers(scene, found)
    risk = TapRisk(tap.profile, tap.card_state_changed_at, tap.occurred_at, tap.received_at, found.identity_confidence)
    question = tap.second_identifier or question_for(risk, answers.keys(), tap.seq)
    if question is None or question not in answers:
        return None
    day = found.birth_date if question == "birth_date" else None
    return Asked(question, words.QUESTIONS[question], answers[question], day)


def _answers(scene: Scene, patient: Patient) -> dict[Question, str]:
    """What is known of the patient that could be asked, with the answer."""
    known: dict[Question, str] = {}
    if patient.birth_date is not None and not patient.is_newborn:
        known["birth_date"] = patient.birth_date.isoformat()
    if patient.guardian_ids:
        reader = scene.reading("desk")
        guardians = reader.people.guardians_of(scene.connection, patient.patient_id, reader.reader)
        known["guardian_name"] = " / ".join(one.full_name for one in guardians)
    if patient.phone:
        known["phone"] = patient.phone[-_PHONE_DIGITS:]
    if patient.insurance_number:
        known["insurance_number"] = patient.insurance_number[-_NUMBER_DIGITS:]
    if patient.citizen_id:
        known["citizen_id"] = patient.citizen_id[-_NUMBER_DIGITS:]
    return known


def _changed(scene: Scene, _argument: str) -> Mapping[str, Any]:
    since = scene.now - _CHANGED_SINCE
    return {
        "changed": reads_desk.changed_verdicts(scene.connection, since, _CHANGED_SHOWN, scene.place_id),
        "tap_states": words.TAP_STATES,
        "edge_states": words.EDGE_STATES,
        "place": scene.place_id,
    }


def _visits(scene: Scene, _argument: str) -> Mapping[str, Any]:
    today = scene.speech.local(scene.now).date()
    return {
        "today": today,
        "count": reads_desk.count_visits(scene.connection, today, scene.place_id),
        "visits": reads_desk.visits_of_day(
            scene.connection, scene.reading("desk"), today, _VISITS_SHOWN, scene.place_id
        ),
        "sex_words": words.SEX_WORDS,
    }


def _touched(event: LiveEventLike) -> Sequence[str]:
    if event.kind == "tap":
        return ("newest_tap", "changed_verdicts", "visits")
    if event.kind == "visit":
        return ("newest_tap", "visits")
    if event.kind == "tap_settled":
        return ("newest_tap", "changed_verdicts")
    return (BANNER,) if event.kind in {"device", "edge_node"} else ()


DESK_VIEW: Final = View(
    audience="desk",
    path="/desk",
    template="desk.html",
    roles=DESK_ROLES,
    fragments=MappingProxyType(
        {
            BANNER: banner_of(DESK_DRIVERS),
            "newest_tap": _newest,
            "changed_verdicts": _changed,
            "visits": _visits,
        }
    ),
    touched=_touched,
)
