"""Telling visits: hints, insurance, places in queues and steps, as people say them, with names where one may read."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.db.pool import Connection
from gateway.pages import visit_words as words
from gateway.pages.speech import Speech
from gateway.pages.state import State
from gateway.pages.translations import N_
from gateway.people.person import Patient
from gateway.visits.hints import Hint
from gateway.visits.insurance_codes import ASKED_AGAIN, verdict_of
from gateway.visits.reads import InsuranceNow, QueueLine

NOBODY: Final = N_("not readable now")


@dataclass(frozen=True)
class Told:
    """One line: how it looks and what it says."""

    mood: str
    text: str
    next_step: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Names:
    """Of clinics and doors, in both languages."""

    clinics: Mapping[str, tuple[str, str]]
    doors: Mapping[str, tuple[str, str]]

    def clinic(self, speech: Speech, clinic_id: object) -> str:
        """By id."""
        return speech.named(*self.clinics.get(str(clinic_id), (str(clinic_id), "")))

    def door(self, speech: Speech, room_id: object) -> str:
        """By id; nothing for none."""
        return speech.named(*self.doors.get(str(room_id), (str(room_id), ""))) if room_id else ""


def read_names(connection: Connection) -> Names:
    """All of them: a hospital has dozens."""
    clinics = connection.execute("SELECT clinic_id, name_vi, name_en FROM clinic")
    doors = connection.execute("SELECT room_id, door_vi, door_en FROM room")
    return Names({row[0]: (row[1], row[2]) for row in clinics}, {row[0]: (row[1], row[2]) for row in doors})


def tell_hint(speech: Speech, names: Names, hint: Hint) -> Told:
    """In the reader's language."""
    state, values = words.HINTS[hint.code], dict(hint.values)
    said: dict[str, str] = {name: str(value) for name, value in values.items()}
    if "clinic_id" in values:
        said["clinic"] = names.clinic(speech, values["clinic_id"])
    for name in ("came_at", "told_at"):
        if isinstance(values.get(name), datetime):
            said[name] = f"{speech.local(values[name]):%d/%m/%Y %H:%M}"  # type: ignore[arg-type]  # just looked at
    due = values.get("due_at")
    said["when"] = f"{speech.local(due):%H:%M}" if isinstance(due, datetime) else speech.text(words.ANY_TIME)
    day = values.get("date")
    if day is not None:
        said["date"] = speech.day(day)  # type: ignore[arg-type]  # a hint's date is one
    return Told(state.mood, speech.text(state.word, **said))


def tell_insurance(speech: Speech, now: InsuranceNow | None) -> Told | None:
    """What came of asking; None: nobody is asked."""
    if now is None:
        return None
    if now.state == "answered" and now.result_code is not None:
        return _answered(speech, now, now.result_code)
    if now.state == "given_up":
        return _said(speech, words.NO_INSURANCE_NUMBER if now.last_error == "no_number" else words.NOT_ANSWERED)
    if not now.last_error:
        return _said(speech, words.INSURANCE_ASKED)
    code = now.last_error.removeprefix("result_")
    known = words.INSURANCE.get(code)
    if known is not None and verdict_of(code) in ASKED_AGAIN:
        return _said(speech, known, code)
    return _said(speech, words.INSURANCE_WAITS, now.last_error)


def _answered(speech: Speech, now: InsuranceNow, code: str) -> Told:
    told = _said(speech, words.INSURANCE.get(code, words.INSURANCE_OTHER), code)
    if now.valid_until is None:
        return told
    until = speech.text(N_("valid until %(date)s"), date=speech.day(now.valid_until))
    return Told(told.mood, f"{told.text}, {until}", told.next_step, told.detail)


def _said(speech: Speech, state: State, detail: str = "") -> Told:
    next_step = speech.text(state.next_step) if state.next_step else ""
    return Told(state.mood, speech.text(state.word), next_step, detail)


@dataclass(frozen=True)
class LineTold:
    """A place in a queue with what a page shows of it."""

    line: QueueLine
    patient: Patient | None
    event_id: uuid.UUID
    """For the one act that its forms ask for."""
    undoes: uuid.UUID | None = None


def told_lines(lines: list[QueueLine], people: Mapping[uuid.UUID, Patient]) -> list[LineTold]:
    """With the names of whom may be read."""
    return [LineTold(line, people.get(line.patient_id), uuid.uuid4()) for line in lines]
