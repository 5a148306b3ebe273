"""A visit as the desk shows it: number and place in the queue, hints, insurance, and the form to choose a clinic.

A page shows it by `visit_panel` and the macro `panel` of `visit_macros.html`, with the one as `visit_panel` in its
values: `{{ v.panel(_, t, m, person, visit_panel) }}`.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gateway.pages import visit_words as words
from gateway.pages.speech import Speech
from gateway.pages.view import Scene
from gateway.pages.visit_telling import Names, Told, read_names, tell_hint, tell_insurance
from gateway.services.app_services import DbConnection
from gateway.visits.clinics import Clinic, read_clinics
from gateway.visits.reads import ClinicCount, VisitNow, VisitStep, clinic_counts, last_step, visit_now


@dataclass(frozen=True)
class VisitPanel:
    """Everything that the macro draws."""

    visit: VisitNow
    hints: list[Told]
    insurance: Told | None
    clinics: list[Clinic]
    counts: Mapping[str, ClinicCount]
    names: Names
    undo: VisitStep | None
    """What can be undone."""
    presence_token: str
    """Goes back with the form: the card was here."""
    place_id: str
    """The desk where it was."""
    asks_identity: bool
    """Nothing proves who it is any more: the form asks how the clerk knows."""
    event_id: uuid.UUID
    """Of whatever the form asks for: sent twice, it is one act."""
    suggested: str
    """Clinic that the form begins with; empty: none."""
    priorities: ClassVar = words.PRIORITIES
    phases: ClassVar = words.PHASES
    steps: ClassVar = words.STEPS
    identified: ClassVar = words.IDENTIFIED
    by_papers: ClassVar = words.BY_PAPERS


def visit_panel(
    scene: Scene, visit_id: uuid.UUID | None, presence_token: str | None = None, place_id: str | None = None
) -> VisitPanel | None:
    """Of a tap's visit, on a live page, with the tap's proof of presence and desk; None: it has none."""
    if visit_id is None:
        return None
    return panel_of(scene.connection, scene.speech, visit_id, (presence_token or "", place_id or ""))


def panel_of(
    connection: DbConnection, speech: Speech, visit_id: uuid.UUID, presence: tuple[str, str] = ("", "")
) -> VisitPanel:
    """Of any visit; `presence` is a tap's proof and its desk.

    Raises:
        VisitNotFoundError: there is none.
    """
    visit, names = visit_now(connection, visit_id), read_names(connection)
    current = visit.current or visit.latest
    booked = [str(hint.values["clinic_id"]) for hint in visit.hints if hint.code == "appointment_today"]
    return VisitPanel(
        visit=visit,
        hints=[tell_hint(speech, names, hint) for hint in visit.hints],
        insurance=tell_insurance(speech, visit.insurance),
        clinics=read_clinics(connection),
        counts=clinic_counts(connection, visit.visit_date),
        names=names,
        undo=last_step(visit, current.entry_id) if current else None,
        presence_token=presence[0],
        place_id=presence[1],
        asks_identity=not presence[0] and visit.identified_by == "card",
        event_id=uuid.uuid4(),
        suggested=booked[0] if booked else "",
    )
